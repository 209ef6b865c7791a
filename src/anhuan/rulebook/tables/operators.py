"""What the operators of FEEL mean on values: arithmetic, equality, order, membership. Knows values; no expressions.

An operation on kinds it is not defined for raises Wrong; null in comparison of order is Wrong too, in equality it is not.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import cast

from anhuan.rulebook.tables.values import (
    DAY,
    NUMBERS,
    SECOND,
    UTC_MIDNIGHT,
    Date,
    DateTime,
    DaysTime,
    Function,
    Range,
    Time,
    Value,
    Wrong,
    YearsMonths,
)

KINDS: dict[type, str] = {
    Decimal: "number", str: "string", bool: "boolean", Date: "date", Time: "time", DateTime: "date and time",
    DaysTime: "days and time duration", YearsMonths: "years and months duration", list: "list", dict: "context",
    Range: "range", Function: "function", type(None): "null",
}  # fmt: skip


def kind(value: Value) -> str:
    return KINDS[type(value)]


# --- Arithmetic --------------------------------------------------------------------------------------------------

type_pair = tuple[type, type]


def _number(operation: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Decimal, Decimal], Decimal]:
    def compute(left: Decimal, right: Decimal) -> Decimal:
        try:
            found = operation(left, right)
        except ArithmeticError as error:
            raise Wrong(f"no number: {type(error).__name__}") from None
        if not found.is_finite():
            raise Wrong("no number: infinite")
        return found

    return compute


def power(base: Decimal, exponent: Decimal) -> Decimal:
    return NUMBERS.power(base, exponent)


def shift(moment: DateTime, nanoseconds: int) -> DateTime:
    return moment.at_local(moment.local + nanoseconds)


def _date_shift(day: Date, nanoseconds: int) -> Date:
    return Date.of((day.ordinal * DAY + nanoseconds) // DAY)


def _time_shift(time: Time, nanoseconds: int) -> Time:
    return Time((time.nanoseconds + nanoseconds) % DAY, time.offset, time.zone)


def _between(left: DateTime, right: DateTime) -> DaysTime:
    if (left.offset is None) != (right.offset is None):
        raise Wrong("one date and time has a time zone, the other has none")
    return DaysTime(left.instant - right.instant)


def _times_between(left: Time, right: Time) -> DaysTime:
    if (left.offset_now is None) != (right.offset_now is None):
        raise Wrong("one time has a time zone, the other has none")
    return DaysTime(time_order(left) - time_order(right))


def midnight(day: Date) -> DateTime:
    """A date among dates and times is its midnight in UTC."""
    return DateTime(day, UTC_MIDNIGHT)


def _months(moment: DateTime, months: int) -> DateTime:
    return DateTime(moment.date.plus_months(months), moment.time)


def scaled(duration: int, by: Decimal) -> int:
    """A length times a number, cut to whole units towards zero, as the units are nanoseconds or months."""
    with localcontext(prec=80):
        return int(Decimal(duration) * by)


def _parted(duration: int, by: Decimal) -> int:
    if not by:
        raise Wrong("division by zero")
    with localcontext(prec=80):
        return int(Decimal(duration) / by)


def _ratio(left: int, right: int) -> Decimal:
    if not right:
        raise Wrong("division by zero")
    return NUMBERS.divide(Decimal(left), Decimal(right))


_ADD: dict[tuple[type, type], Callable[..., Value]] = {
    (Decimal, Decimal): _number(NUMBERS.add),
    (str, str): lambda a, b: a + b,
    (DaysTime, DaysTime): lambda a, b: DaysTime(a.nanoseconds + b.nanoseconds),
    (YearsMonths, YearsMonths): lambda a, b: YearsMonths(a.months + b.months),
    (Date, DaysTime): lambda a, b: _date_shift(a, b.nanoseconds),
    (Date, YearsMonths): lambda a, b: a.plus_months(b.months),
    (DateTime, DaysTime): lambda a, b: shift(a, b.nanoseconds),
    (DateTime, YearsMonths): lambda a, b: _months(a, b.months),
    (Time, DaysTime): lambda a, b: _time_shift(a, b.nanoseconds),
}
_ADD |= {(right, left): (lambda a, b, f=f: f(b, a)) for (left, right), f in list(_ADD.items()) if left is not right}
_SUBTRACT: dict[tuple[type, type], Callable[..., Value]] = {
    (Decimal, Decimal): _number(NUMBERS.subtract),
    (DaysTime, DaysTime): lambda a, b: DaysTime(a.nanoseconds - b.nanoseconds),
    (YearsMonths, YearsMonths): lambda a, b: YearsMonths(a.months - b.months),
    (Date, DaysTime): lambda a, b: _date_shift(a, -b.nanoseconds),
    (Date, YearsMonths): lambda a, b: a.plus_months(-b.months),
    (DateTime, DaysTime): lambda a, b: shift(a, -b.nanoseconds),
    (DateTime, YearsMonths): lambda a, b: _months(a, -b.months),
    (Time, DaysTime): lambda a, b: _time_shift(a, -b.nanoseconds),
    (Date, Date): lambda a, b: DaysTime((a.ordinal - b.ordinal) * DAY),
    (DateTime, DateTime): _between,
    (Date, DateTime): lambda a, b: _between(midnight(a), b),
    (DateTime, Date): lambda a, b: _between(a, midnight(b)),
    (Time, Time): _times_between,
}
_MULTIPLY: dict[tuple[type, type], Callable[..., Value]] = {
    (Decimal, Decimal): _number(NUMBERS.multiply),
    (DaysTime, Decimal): lambda a, b: DaysTime(scaled(a.nanoseconds, b)),
    (YearsMonths, Decimal): lambda a, b: YearsMonths(scaled(a.months, b)),
    (Decimal, DaysTime): lambda a, b: DaysTime(scaled(b.nanoseconds, a)),
    (Decimal, YearsMonths): lambda a, b: YearsMonths(scaled(b.months, a)),
}
_DIVIDE: dict[tuple[type, type], Callable[..., Value]] = {
    (Decimal, Decimal): _number(NUMBERS.divide),
    (DaysTime, Decimal): lambda a, b: DaysTime(_parted(a.nanoseconds, b)),
    (YearsMonths, Decimal): lambda a, b: YearsMonths(_parted(a.months, b)),
    (DaysTime, DaysTime): lambda a, b: _ratio(a.nanoseconds, b.nanoseconds),
    (YearsMonths, YearsMonths): lambda a, b: _ratio(a.months, b.months),
}
_ARITHMETIC: dict[str, dict[tuple[type, type], Callable[..., Value]]] = {
    "+": _ADD, "-": _SUBTRACT, "*": _MULTIPLY, "/": _DIVIDE, "**": {(Decimal, Decimal): _number(power)},
}  # fmt: skip
_NEGATED: dict[type, Callable[..., Value]] = {
    Decimal: NUMBERS.minus,
    DaysTime: lambda a: DaysTime(-a.nanoseconds),
    YearsMonths: lambda a: YearsMonths(-a.months),
}


def arithmetic(operator: str, left: Value, right: Value) -> Value:
    """Raises Wrong where the operator is not defined for such values."""
    defined = _ARITHMETIC[operator].get((type(left), type(right)))
    if defined is None:
        raise Wrong(f"{kind(left)} {operator} {kind(right)} is not defined")
    return defined(left, right)


def negated(value: Value) -> Value:
    defined = _NEGATED.get(type(value))
    if defined is None:
        raise Wrong(f"-{kind(value)} is not defined")
    return defined(value)


# --- Equality ----------------------------------------------------------------------------------------------------


def _same_moment(left: DateTime, right: DateTime) -> bool:
    """By instant, when both have an offset or both a zone; a zone and an offset are never the same."""
    if (left.time.zone is None) != (right.time.zone is None) or (left.offset is None) != (right.offset is None):
        return False
    return left.instant == right.instant


def _same_time(left: Time, right: Time) -> bool:
    if (left.zone is None) != (right.zone is None) or (left.offset is None) != (right.offset is None):
        return False
    return time_order(left) == time_order(right)


def _same_list(left: list[Value], right: list[Value]) -> bool:
    return len(left) == len(right) and all(equal(a, b) is True for a, b in zip(left, right, strict=True))


def _same_context(left: dict[str, Value], right: dict[str, Value]) -> bool:
    return left.keys() == right.keys() and all(equal(value, right[key]) is True for key, value in left.items())


_EQUAL: dict[type, Callable[..., bool]] = {
    DateTime: _same_moment,
    Time: _same_time,
    list: _same_list,
    dict: _same_context,
    Function: lambda a, b: a is b,
}


def equal(left: Value, right: Value) -> bool | None:
    """Whether two values are equal; None when they are of different kinds, which cannot be compared."""
    if left is None or right is None:
        return left is right
    if type(left) is not type(right):
        pair = {type(left), type(right)}
        if pair == {Date, DateTime}:
            return _same_moment(*(midnight(v) if isinstance(v, Date) else v for v in (left, right)))
        return None
    special = _EQUAL.get(type(left))
    return special(left, right) if special else bool(left == right)


# --- Order -------------------------------------------------------------------------------------------------------


def time_order(time: Time) -> int:
    return time.nanoseconds - (time.offset_now or 0) * SECOND


def _order(value: Value) -> tuple[str, Value]:
    """Where a value stands among those of its kind."""
    match value:
        case bool() | None:
            pass
        case Decimal() | str():
            return kind(value), value
        case Date():
            return "date", value.ordinal
        case DateTime():
            return ("local" if value.offset is None else "instant"), value.instant
        case Time():
            return ("time" if value.offset_now is None else "time with offset"), time_order(value)
        case DaysTime():
            return "days", value.nanoseconds
        case YearsMonths():
            return "months", value.months
    raise Wrong(f"{kind(value)} has no order")


def order(left: Value, right: Value) -> int:
    """-1, 0 or 1. Raises Wrong where the two have no order."""
    if type(left) is Decimal and type(right) is Decimal:
        return (left > right) - (left < right)
    if {type(left), type(right)} == {Date, DateTime}:
        left, right = (midnight(v) if isinstance(v, Date) else v for v in (left, right))
    (left_kind, a), (right_kind, b) = _order(left), _order(right)
    if left_kind != right_kind:
        raise Wrong(f"{kind(left)} and {kind(right)} have no common order ({left_kind}, {right_kind})")
    return cast("int", (a > b) - (a < b))


_FROM_ORDER: dict[str, Callable[[int], bool]] = {
    "<": lambda o: o < 0,
    "<=": lambda o: o <= 0,
    ">": lambda o: o > 0,
    ">=": lambda o: o >= 0,
}


def compare(operator: str, left: Value, right: Value) -> bool:
    """= != < <= > >=. Raises Wrong where it has no answer."""
    if operator in {"=", "!="}:
        same = equal(left, right)
        if same is None:
            raise Wrong(f"{kind(left)} {operator} {kind(right)} is not defined")
        return same if operator == "=" else not same
    return _FROM_ORDER[operator](order(left, right))


# --- Ranges and membership ---------------------------------------------------------------------------------------


def one_sided(operator: str, value: Value) -> Range:
    """The range a test of one side speaks of: `< 5`, `= 5`."""
    match operator:
        case "<" | "<=":
            return Range(None, value, low_closed=False, high_closed=operator == "<=")
        case ">" | ">=":
            return Range(value, None, low_closed=operator == ">=", high_closed=False)
        case "=":
            return Range(value, value, low_closed=True, high_closed=True)
    return Range(value, None, low_closed=False, high_closed=False, other=True)


def within(value: Value, span: Range) -> bool:
    """Raises Wrong where value and ends have no common order."""
    if span.other:
        return compare("!=", value, span.low)
    if span.low is None and span.high is None:
        raise Wrong("a range without ends holds nothing to compare with")
    if span.low is not None:
        above = order(value, span.low)
        if above < 0 or (above == 0 and not span.low_closed):
            return False
    if span.high is not None:
        below = order(value, span.high)
        return below < 0 or (below == 0 and span.high_closed)
    return True


def satisfies(value: Value, test: Value) -> bool | None:
    """Whether a value passes a test that is itself a value: it equals it, is in the list, or lies in the range."""
    if isinstance(test, Range) and not isinstance(value, Range):
        return within(value, test) if value is not None else None
    if isinstance(test, list):
        if isinstance(value, list) and equal(value, test):
            return True
        answers = [_quietly(value, item) for item in test]
        return True in answers
    return equal(value, test)


def _quietly(value: Value, item: Value) -> bool | None:
    try:
        return satisfies(value, item)
    except Wrong:
        return None


def floor(number: Decimal, scale: int = 0) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-scale), ROUND_FLOOR, NUMBERS)
