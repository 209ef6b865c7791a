"""How values are spelled outside: JSON with all the digits of a number, cells of CSV, objects of Python.

Knows values and text. Does not know files nor models; `types.received` makes of these values ones of a model's types.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

from anhuan.rulebook.tables.types import ANY, Type
from anhuan.rulebook.tables.values import (
    SECOND,
    Date,
    DaysTime,
    Time,
    Value,
    Wrong,
    from_python,
    read_number,
    write,
    write_number,
)


def read_json(text: str | bytes) -> Any:
    """JSON with exact numbers. Raises ValueError, or RecursionError where it is nested without end."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_number)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def write_json(value: Value) -> str:
    """JSON in one line: numbers with all their digits; dates, times, durations and ranges as their text."""
    if value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Decimal):
        return write_number(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(write_json, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {write_json(v)}" for key, v in value.items()) + "}"
    return json.dumps(write(value), ensure_ascii=False)


def from_cell(text: str | None, to: Type) -> Value:
    """A cell of CSV: empty is null; lists and contexts are JSON; without a type, what looks like a number is one."""
    bare = (text or "").strip()
    if not bare:
        return None
    if to.base in {"list", "context"} and bare[0] in "[{":
        try:
            return read_json(bare)
        except (ValueError, RecursionError):
            return text
    if to.base == "boolean" and bare.lower() in {"true", "false"}:
        return bare.lower() == "true"
    if to is not ANY:
        return text if to.base == "string" else bare
    if bare in {"true", "false"}:
        return bare == "true"
    try:
        return read_number(bare)
    except Wrong:
        return text


def from_object(value: Any) -> Value:
    """A value of Python, as Parquet yields them."""
    if value is None or isinstance(value, bool | str | Decimal):
        return value
    read = next((read for kind, read in _OBJECTS.items() if isinstance(value, kind)), str)
    return read(value)


_OBJECTS: dict[type, Callable[[Any], Value]] = {  # an instant before a day, of which Python makes it a kind
    int: Decimal,
    float: lambda v: Decimal(repr(v)) if isfinite(v) else None,
    datetime: from_python,
    date: lambda v: Date(v.year, v.month, v.day),
    time: lambda v: Time((v.hour * 3600 + v.minute * 60 + v.second) * SECOND + v.microsecond * 1000),
    timedelta: lambda v: DaysTime((v.days * 86_400 + v.seconds) * SECOND + v.microseconds * 1000),
    list: lambda v: [from_object(item) for item in v],
    dict: lambda v: {str(key): from_object(item) for key, item in v.items()},
}
