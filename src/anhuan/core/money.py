"""Money as whole minor units: which currencies there are, how many decimals each has, and how amounts are written.

Knows ISO 4217 as published on 2026-01-01, without metals, units of account and codes for testing, which no card
owes in. Knows no rates, no rounding and no allocation: an amount that does not fit its currency is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

_TWO_DIGITS = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP
    COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
    JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN
    NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
    THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""
_OTHER_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

MINOR_DIGITS: Mapping[str, int] = MappingProxyType(
    dict.fromkeys(_TWO_DIGITS.split(), 2) | {code: digits for digits, codes in _OTHER_DIGITS.items() for code in codes.split()}
)
"""Currency code -> digits after the decimal point: 2 for most, 0 for JPY, 3 for KWD, 4 for CLF."""

# ASCII digits alone: full-width digits, exponents, plus signs, spaces and thousands separators are not money.
_PLAIN = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")


def minor_digits(currency: str) -> int:
    """Digits after the decimal point in `currency`; ValueError when ISO 4217 has no such code."""
    try:
        return MINOR_DIGITS[currency]
    except KeyError:
        raise ValueError(f"{currency!r} is not a currency of ISO 4217") from None


def parse_minor(text: str, currency: str) -> int:
    """Minor units of a plain decimal in the major unit: `("1234.50", "CNY")` -> 123450.

    ValueError for anything else, above all for more decimals than the currency has: nothing is ever rounded.
    """
    digits = minor_digits(currency)
    matched = _PLAIN.fullmatch(text)
    if matched is None:
        raise ValueError("money is written as a plain decimal: 1234.50")
    sign, whole, decimals = matched[1], matched[2], matched[3] or ""
    if len(decimals) > digits:
        raise ValueError(f"{currency} has {digits} decimals, not {len(decimals)}")
    return int(f"{sign}{whole}{decimals.ljust(digits, '0')}")


def to_decimal(minor: int, currency: str) -> Decimal:
    """The amount in the major unit, exact, with all the currency's decimals: `(123450, "CNY")` -> 1234.50."""
    return Decimal(minor).scaleb(-minor_digits(currency))


def format_minor(minor: int, currency: str, *, grouped: bool = False) -> str:
    """The amount in the major unit as text: `"1234.50"`, `grouped` `"1,234.50"`; no currency sign."""
    digits = minor_digits(currency)
    whole, rest = divmod(abs(minor), 10**digits)
    text = f"{whole:,}" if grouped else str(whole)
    decimals = f".{rest:0{digits}}" if digits else ""
    return f"{'-' if minor < 0 else ''}{text}{decimals}"
