"""Types of values: the ones FEEL has and the ones a model defines; whether a value is of one, and how it is made so.

Knows values. Does not know where types come from, nor expressions beyond the tests that allowed values are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from anhuan.rulebook.tables.operators import midnight
from anhuan.rulebook.tables.values import (
    Date,
    DateTime,
    DaysTime,
    Function,
    Range,
    Time,
    Value,
    Wrong,
    YearsMonths,
    read_date,
    read_date_time,
    read_duration,
    read_number,
    read_time,
    write,
)

BUILT_IN: dict[str, tuple[type, ...]] = {
    "number": (Decimal,), "string": (str,), "boolean": (bool,), "date": (Date,), "time": (Time,),
    "date and time": (DateTime,), "days and time duration": (DaysTime,), "years and months duration": (YearsMonths,),
    "duration": (DaysTime, YearsMonths), "list": (list,), "context": (dict,), "range": (Range,), "function": (Function,),
    "Null": (type(None),), "null": (type(None),),
}  # fmt: skip
# As earlier versions, and editors, also write them.
SYNONYMS = {
    "dateTime": "date and time", "dayTimeDuration": "days and time duration", "daysTimeDuration": "days and time duration",
    "dayAndTimeDuration": "days and time duration", "yearMonthDuration": "years and months duration",
    "yearsMonthsDuration": "years and months duration", "yearAndMonthDuration": "years and months duration",
    "integer": "number", "long": "number", "double": "number", "any": "Any", "<Undefined>": "Any", "Undefined": "Any", "": "Any",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Type:
    """A type. `base` names a built-in type or Any; a context has `fields`; a list says what it is a list `of`.

    `allowed` answers for a value whether the model admits it, `allowed_text` is how the model writes that.
    """

    name: str
    base: str = "Any"
    fields: tuple[tuple[str, Type], ...] | None = None
    of: Type | None = None
    allowed: Callable[[Value], bool] | None = None
    allowed_text: str = ""
    result: Type | None = None
    parameters: tuple[Type, ...] | None = None


ANY = Type("Any")


def built_in(name: str) -> Type | None:
    name = SYNONYMS.get(name, name)
    if name == "Any":
        return ANY
    return Type(name, name) if name in BUILT_IN else None


def belongs(value: Value, to: Type, *, shape_alone: bool = False) -> bool:
    """Whether a value is of a type; `shape_alone`: whatever values the model allows. Null is of every type."""
    if value is None:
        return True

    def inner(item: Value, of: Type) -> bool:
        return belongs(item, of, shape_alone=shape_alone)

    if to.of is not None and to.base == "list":
        shaped = isinstance(value, list) and all(inner(item, to.of) for item in value)
    elif to.fields is not None:
        shaped = isinstance(value, dict) and all(key in value and inner(value[key], of) for key, of in to.fields)
    elif to.base == "range" and to.of is not None:
        shaped = isinstance(value, Range) and inner(value.low, to.of) and inner(value.high, to.of)
    else:
        shaped = to.base == "Any" or isinstance(value, BUILT_IN[to.base])
    return shaped and (shape_alone or to.allowed is None or to.allowed(value))


def fit(value: Value, to: Type) -> Value:
    """The value as one of the type: a list of one for its item and an item for its list, a date for its midnight.

    Raises Wrong where it is none.
    """
    if value is None or to is ANY or belongs(value, to):
        return value
    if to.base == "list" and to.of is not None and not isinstance(value, list) and belongs([value], to):
        return [value]
    if isinstance(value, list) and len(value) == 1 and to.base != "list" and belongs(value[0], to):
        return value[0]
    if isinstance(value, Date) and to.base == "date and time":
        return midnight(value)
    allowed = f" (allowed: {to.allowed_text})" if to.allowed_text else ""
    raise Wrong(f"{write(value, inside=True)} is no {to.name}{allowed}")


# --- Values from outside -----------------------------------------------------------------------------------------


_READ: dict[str, Callable[[str], Value]] = {
    "number": read_number, "boolean": lambda text: {"true": True, "false": False}.get(text, text),
    "date": read_date, "time": read_time, "date and time": read_date_time, "duration": read_duration,
    "days and time duration": read_duration, "years and months duration": read_duration,
}  # fmt: skip


def received(value: Value, to: Type) -> Value:
    """A value as JSON or a file of rows spells it, as one of the type. Raises Wrong where it is none."""
    return fit(_received(value, to), to)


def _received(value: Value, to: Type) -> Value:
    if value is not None and to.base == "list":
        return [_received(item, to.of or ANY) for item in (value if isinstance(value, list) else [value])]
    if isinstance(value, list):
        return [_received(item, to) for item in value]
    if isinstance(value, dict):
        of = dict(to.fields or ())
        return {key: _received(item, of.get(key, ANY)) for key, item in value.items()}
    if isinstance(value, str) and to.base in _READ:
        return _READ[to.base](value.strip())
    return Decimal(value) if type(value) is int else value
