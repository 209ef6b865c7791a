"""Money: minor units by ISO 4217, read and written exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anhuan.core import money

amounts = st.integers(min_value=-(10**20), max_value=10**20)
currencies = st.sampled_from(sorted(money.MINOR_DIGITS))


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1234.50", "CNY", 123450),
        ("1234.5", "CNY", 123450),
        ("1234", "CNY", 123400),
        ("-0.01", "USD", -1),
        ("-0.00", "USD", 0),
        ("1234", "JPY", 1234),
        ("1.234", "KWD", 1234),
        ("0.0001", "CLF", 1),
        ("99999999999999999999.99", "CNY", 9999999999999999999999),
    ],
)
def test_a_plain_decimal_becomes_minor_units_of_its_currency(text, currency, minor):
    assert money.parse_minor(text, currency) == minor


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "+1", "1e3", "1,000", "1_000", ".5", "5.", "1.2.3", "--1", "NaN", "0x10", "１２", "1.005", "−1", "1\n"],
)
def test_what_is_not_a_plain_decimal_of_the_currency_is_refused(text):
    with pytest.raises(ValueError, match=r"plain decimal|decimals"):
        money.parse_minor(text, "CNY")


def test_the_yen_has_no_decimals_and_none_are_rounded_away():
    with pytest.raises(ValueError, match="JPY has 0 decimals"):
        money.parse_minor("100.0", "JPY")


@pytest.mark.parametrize("code", ["", "cny", "XXX", "XAU", "RMB", "156"])
def test_a_code_that_iso_4217_does_not_list_for_payment_is_refused(code):
    with pytest.raises(ValueError, match="not a currency"):
        money.minor_digits(code)


@given(minor=amounts, currency=currencies)
def test_every_amount_written_is_read_back(minor, currency):
    assert money.parse_minor(money.format_minor(minor, currency), currency) == minor
    assert money.to_decimal(minor, currency) == Decimal(money.format_minor(minor, currency))
    assert money.format_minor(minor, currency, grouped=True).replace(",", "") == money.format_minor(minor, currency)


def test_small_amounts_keep_their_leading_zero_and_their_sign():
    assert money.format_minor(-5, "CNY") == "-0.05"
    assert money.format_minor(0, "JPY") == "0"
    assert money.format_minor(123456789, "KWD", grouped=True) == "123,456.789"
