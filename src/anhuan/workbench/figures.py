"""How numbers are written for a reader: separators, short forms, money, rates, changes, shares of a bar.

Knows the two reading languages and ISO 4217's minor digits. Does not know Django's models or any page. Every
function takes exact integers or decimal strings and returns text; nothing here rounds a figure that is not
labelled as short.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from anhuan.core.money import format_minor, to_decimal

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"

# The steps of a short form, largest first: Chinese counts by ten thousands, English by thousands.
_STEPS = {
    "zh": ((Decimal(10) ** 12, "万亿"), (Decimal(10) ** 8, "亿"), (Decimal(10) ** 4, "万")),
    "en": ((Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "K")),
}


def count(number: int | None) -> str:
    """`12,345`; a dash for nothing known."""
    if number is None:
        return NOTHING
    return f"{number:,}".replace("-", MINUS)


def money(minor: int | None, currency: str) -> str:
    """The whole amount to the last minor digit, without its currency: `1,234.50`."""
    if minor is None:
        return NOTHING
    return format_minor(minor, currency, grouped=True).replace("-", MINUS)


def short_money(minor: int | None, currency: str, language: str) -> str:
    """An amount for a card or an axis, four significant digits or so: `1,234.6万`, `12.35M`."""
    return NOTHING if minor is None else short(to_decimal(minor, currency), language)


def short(number: Decimal | int, language: str) -> str:
    """A number in the language's short form, about four digits before the unit."""
    value = Decimal(number)
    steps = _STEPS["zh" if language.startswith("zh") else "en"]
    for place, (step, unit) in enumerate(steps):
        if abs(value) >= step:
            text, larger = _four_digits(value / step), steps[place - 1] if place else None
            if larger and abs(Decimal(text.replace(",", ""))) * step >= larger[0]:  # 999.95K rounds to a million
                return (_four_digits(value / larger[0]) + larger[1]).replace("-", MINUS)
            return (text + unit).replace("-", MINUS)
    places = 0 if value == value.to_integral_value() or abs(value) >= 1000 else 2
    return f"{value:,.{places}f}".replace("-", MINUS)


def _four_digits(scaled: Decimal) -> str:
    places = 2 if abs(scaled) < 100 else 1 if abs(scaled) < 1000 else 0
    return f"{scaled:,.{places}f}"


def rate(fraction: str | Decimal | None, places: int = 2) -> str:
    """A fraction as per cent: `"0.0713"` is `7.13%`."""
    if fraction is None:
        return NOTHING
    return f"{Decimal(fraction) * 100:.{places}f}%".replace("-", MINUS)


def signed(number: Decimal | int, text: str) -> str:
    """`text`, which shows the size of `number`, with the sign of `number` before it; `±0` for none."""
    if number == 0:
        return "\N{PLUS-MINUS SIGN}0"
    return ("+" if number > 0 else MINUS) + text.lstrip(MINUS)


def points(before: str | None, after: str | None) -> Decimal | None:
    """The change between two rates in percentage points, or None when one is not known."""
    if before is None or after is None:
        return None
    return ((Decimal(after) - Decimal(before)) * 100).quantize(Decimal("0.01"), ROUND_HALF_EVEN)


@dataclass(frozen=True)
class Slice:
    """A part of a bar: where it starts and how wide it is, in per cent of the whole, as text for an SVG attribute."""

    name: str
    value: int
    start: str
    width: str
    share: Decimal


def stack(parts: Iterable[tuple[str, int]]) -> list[Slice]:
    """Parts laid end to end; together they fill the bar, whatever their sum. Negative parts take no room."""
    kept = list(parts)
    whole = sum(max(value, 0) for _, value in kept)
    slices, begun = [], Decimal(0)
    for name, value in kept:
        share = Decimal(max(value, 0)) / whole if whole else Decimal(0)
        slices.append(Slice(name, value, f"{begun * 100:.3f}%", f"{share * 100:.3f}%", share))
        begun += share
    return slices


def sparkline(values: Sequence[int | Decimal], *, width: int = 96, height: int = 24) -> str:
    """The points of an SVG polyline through `values`, left to right, padded by one unit; empty below two values."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    span = Decimal(high - low) or Decimal(1)
    across = Decimal(width - 4) / (len(values) - 1)
    return " ".join(
        f"{2 + across * n:.1f},{height - 2 - (height - 4) * Decimal(value - low) / span:.1f}" for n, value in enumerate(values)
    )
