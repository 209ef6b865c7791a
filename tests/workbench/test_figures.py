"""Figures as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anhuan.workbench import figures


@pytest.mark.parametrize(
    ("minor", "currency", "language", "text"),
    [
        (9_833_843_326, "CNY", "zh-hans", "9,834万"),
        (9_833_843_326, "CNY", "en", "98.34M"),
        (123_456_789_012_345, "CNY", "zh-hans", "1.23万亿"),
        (123_456_789_012, "CNY", "zh-hans", "12.35亿"),
        (1_234_500, "CNY", "zh-hans", "1.23万"),
        (9_999_999_900, "CNY", "zh-hans", "1.00亿"),
        (1_234_600, "CNY", "en", "12.35K"),
        (99_950, "CNY", "en", "999.50"),
        (-1_234_600, "CNY", "en", "−12.35K"),
        (1_234_600, "JPY", "zh-hans", "123.5万"),
        (999_950_000, "KWD", "en", "1.00M"),
        (0, "CNY", "en", "0"),
    ],
)
def test_a_short_amount_counts_as_its_reader_does(minor: int, currency: str, language: str, text: str) -> None:
    assert figures.short_money(minor, currency, language) == text


def test_a_whole_amount_keeps_every_digit_and_its_sign() -> None:
    assert figures.money(123_456_789, "CNY") == "1,234,567.89"
    assert figures.money(-5, "CNY") == "−0.05"
    assert figures.money(123_456, "JPY") == "123,456"
    assert figures.money(123_456, "KWD") == "123.456"
    assert figures.money(None, "CNY") == "–"


def test_a_change_shows_its_sign_once() -> None:
    assert figures.signed(-27, "−0.27") == "−0.27"
    assert figures.signed(27, "0.27") == "+0.27"
    assert figures.signed(0, "0") == "±0"
    assert figures.points("0.0199", "0.0172") == Decimal("-0.27")
    assert figures.points(None, "0.0172") is None


@given(st.lists(st.integers(min_value=-5, max_value=10**12), max_size=8))
def test_the_parts_of_a_bar_fill_it_and_never_overlap(values: list[int]) -> None:
    slices = figures.stack((str(n), value) for n, value in enumerate(values))
    reached = Decimal(0)
    for part in slices:
        assert abs(Decimal(part.start.rstrip("%")) - reached) < Decimal("0.01")
        reached += Decimal(part.width.rstrip("%"))
    assert not any(value > 0 for value in values) or abs(reached - 100) < Decimal("0.01")


@given(st.lists(st.integers(min_value=0, max_value=10**12), min_size=2, max_size=60))
def test_a_sparkline_stays_inside_its_frame(values: list[int]) -> None:
    points = [tuple(map(Decimal, point.split(","))) for point in figures.sparkline(values).split()]
    assert len(points) == len(values)
    assert all(0 <= x <= 96 and 0 <= y <= 24 for x, y in points)
