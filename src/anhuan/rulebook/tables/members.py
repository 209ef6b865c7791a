"""What stands behind the dot: entries of contexts, and the parts of dates, times, durations and ranges."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from anhuan.rulebook.tables.operators import kind
from anhuan.rulebook.tables.values import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Date,
    DateTime,
    DaysTime,
    Range,
    Time,
    Value,
    Wrong,
    YearsMonths,
)


def _part(duration: DaysTime, unit: int, of: int | None) -> Decimal:
    """So many whole units of a duration, of those that do not make up a larger one, with its sign."""
    length = abs(duration.nanoseconds)
    count = (length % of if of else length) // unit
    return Decimal(-count if duration.nanoseconds < 0 else count)


def _signed(months: int, count: int) -> Decimal:
    return Decimal(-count if months < 0 else count)


def _offset(seconds: int | None) -> DaysTime | None:
    return None if seconds is None else DaysTime(seconds * SECOND)


_DATE: dict[str, Callable[[Date], Value]] = {
    "year": lambda d: Decimal(d.year),
    "month": lambda d: Decimal(d.month),
    "day": lambda d: Decimal(d.day),
    "weekday": lambda d: Decimal(d.weekday),
}
_TIME: dict[str, Callable[[Time], Value]] = {
    "hour": lambda t: Decimal(t.hour),
    "minute": lambda t: Decimal(t.minute),
    "second": lambda t: Decimal(t.second),
    "time offset": lambda t: _offset(t.offset_now),
    "timezone": lambda t: t.zone,
}
_MEMBERS: dict[type, dict[str, Callable[..., Value]]] = {
    Date: {
        **_DATE,
        "hour": lambda _: Decimal(0), "minute": lambda _: Decimal(0), "second": lambda _: Decimal(0),
        "time offset": lambda _: DaysTime(0), "timezone": lambda _: None,
    },
    Time: dict(_TIME),
    DateTime: {
        **{name: (lambda m, f=f: f(m.date)) for name, f in _DATE.items()},
        **{name: (lambda m, f=f: f(m.time)) for name, f in _TIME.items()},
        "time offset": lambda m: _offset(m.offset),
    },
    DaysTime: {
        "days": lambda d: _part(d, DAY, None),
        "hours": lambda d: _part(d, HOUR, DAY),
        "minutes": lambda d: _part(d, MINUTE, HOUR),
        "seconds": lambda d: _part(d, SECOND, MINUTE),
    },
    YearsMonths: {
        "years": lambda d: _signed(d.months, abs(d.months) // 12),
        "months": lambda d: _signed(d.months, abs(d.months) % 12),
    },
    Range: {
        "start": lambda r: r.low,
        "end": lambda r: r.high,
        "start included": lambda r: r.low_closed,
        "end included": lambda r: r.high_closed,
    },
}  # fmt: skip


def member(value: Value, name: str) -> Value:
    """The part of a value with that name; of a list, the parts of its items. Raises Wrong where there is none."""
    if isinstance(value, dict):
        if name in value:
            return value[name]
        raise Wrong(f"the context has no entry {name!r}")
    if isinstance(value, list):
        return [_quietly(item, name) for item in value]
    found = _MEMBERS.get(type(value), {}).get(name)
    if found is None:
        raise Wrong(f"{kind(value)} has no {name!r}")
    return found(value)


def _quietly(value: Value, name: str) -> Value:
    try:
        return member(value, name)
    except Wrong:
        return None
