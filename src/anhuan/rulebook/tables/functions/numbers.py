"""Built-in functions on numbers and booleans, and conversion to numbers."""

from __future__ import annotations

from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Decimal,
)

from anhuan.rulebook.tables.signatures import builtin, whole
from anhuan.rulebook.tables.values import NUMBERS, DaysTime, Value, Wrong, YearsMonths, read_number

_LEAST_SCALE, _MOST_SCALE = -6111, 6176


def _rounded(number: Decimal, scale: Decimal | None, how: str) -> Decimal:
    digits = whole(scale) if scale is not None else 0
    if not _LEAST_SCALE <= digits <= _MOST_SCALE:
        raise Wrong(f"the scale {digits} is not between {_LEAST_SCALE} and {_MOST_SCALE}")
    if -int(number.as_tuple().exponent) <= digits and number.adjusted() + digits >= NUMBERS.prec - 1:
        return number
    return number.quantize(Decimal((0, (1,), -digits)), how, NUMBERS)


def _plain(number: Decimal) -> Decimal:
    """Tens and hundreds written out: 1E+2 is 100."""
    return number.quantize(Decimal(1)) if number.as_tuple().exponent > 0 and number.adjusted() < NUMBERS.prec else number  # type: ignore[operator]


@builtin("decimal(n: number, scale: number)")
def decimal(n: Decimal, scale: Decimal) -> Decimal:
    return _plain(_rounded(n, scale, ROUND_HALF_EVEN))


@builtin("floor(n: number, scale?: number)")
def floor(n: Decimal, scale: Decimal | None = None) -> Decimal:
    return _plain(_rounded(n, scale, ROUND_FLOOR))


@builtin("ceiling(n: number, scale?: number)")
def ceiling(n: Decimal, scale: Decimal | None = None) -> Decimal:
    return _plain(_rounded(n, scale, ROUND_CEILING))


@builtin("round up(n: number, scale: number)")
def round_up(n: Decimal, scale: Decimal) -> Decimal:
    return _plain(_rounded(n, scale, ROUND_UP))


@builtin("round down(n: number, scale: number)")
def round_down(n: Decimal, scale: Decimal) -> Decimal:
    return _plain(_rounded(n, scale, ROUND_DOWN))


@builtin("round half up(n: number, scale: number)")
def round_half_up(n: Decimal, scale: Decimal) -> Decimal:
    return _plain(_rounded(n, scale, ROUND_HALF_UP))


@builtin("round half down(n: number, scale: number)")
def round_half_down(n: Decimal, scale: Decimal) -> Decimal:
    return _plain(_rounded(n, scale, ROUND_HALF_DOWN))


@builtin("abs(n: number)")
def abs_(n: Decimal) -> Decimal:
    return n.copy_abs()


@builtin("abs(n: days)")
def abs_days(n: DaysTime) -> DaysTime:
    return DaysTime(abs(n.nanoseconds))


@builtin("abs(n: months)")
def abs_months(n: YearsMonths) -> YearsMonths:
    return YearsMonths(abs(n.months))


@builtin("modulo(dividend: number, divisor: number)")
def modulo(dividend: Decimal, divisor: Decimal) -> Decimal:
    """The rest after division with the sign of the divisor: dividend − divisor × floor(dividend / divisor)."""
    if not divisor:
        raise Wrong("division by zero")
    rest = NUMBERS.remainder(dividend, divisor)
    return NUMBERS.add(rest, divisor) if rest and (rest < 0) != (divisor < 0) else rest


@builtin("sqrt(number: number)")
def sqrt(number: Decimal) -> Decimal:
    if number < 0:
        raise Wrong("a negative number has no square root")
    return NUMBERS.sqrt(number)


@builtin("log(number: number)")
def log(number: Decimal) -> Decimal:
    if number <= 0:
        raise Wrong("only a positive number has a logarithm")
    return NUMBERS.ln(number)


@builtin("exp(number: number)")
def exp(number: Decimal) -> Decimal:
    return NUMBERS.exp(number)


@builtin("odd(number: number)")
def odd(number: Decimal) -> bool:
    return abs(number) % 2 == 1


@builtin("even(number: number)")
def even(number: Decimal) -> bool:
    return abs(number) % 2 == 0


@builtin("not(negand: boolean)")
def not_(negand: bool) -> bool:  # noqa: FBT001  # the one argument there is
    return not negand


@builtin("number(from: string)")
def number(text: str) -> Decimal:
    return read_number(text)


@builtin("number(from: number)")
def number_of_number(given: Decimal) -> Decimal:
    return given


@builtin("number(from: string, grouping separator: string?, decimal separator?: string?)")
def number_with(text: str, grouping: str | None, point: str | None = None) -> Value:
    if grouping not in {None, " ", ",", "."} or point not in {None, ",", "."} or (grouping == point and grouping is not None):
        raise Wrong("separators are a space, a comma or a point, and differ")
    bare = text.replace(grouping, "") if grouping else text
    if point and point != ".":
        if "." in bare:
            raise Wrong(f"{text!r} is no number")
        bare = bare.replace(point, ".")
    return read_number(bare)
