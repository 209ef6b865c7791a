"""Values of the core as JSON and back, so that what was agreed, and the facts it rests on, are kept whole.

Knows dataclasses, closed words, dates, fractions and decimals, and reads by the types a dataclass names; an unknown or missing field is
an error, never guessed. Does not know what any of them means.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

Value = TypeVar("Value")


def document(value: Any) -> Any:
    """A value as JSON has it. A fraction is text such as `1/3`, an amount stays a whole number."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: document(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(document(key)): document(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [document(entry) for entry in value]
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Fraction | Decimal | UUID) else value


def read(kind: Callable[..., Value], told: Mapping[str, Any]) -> Value:
    """The dataclass a document tells. KeyError, TypeError or ValueError where it tells another one."""
    hints: Mapping[str, Any] = _hints(kind)
    unknown = told.keys() - hints.keys()
    if unknown:
        raise KeyError(f"{kind} has no {', '.join(sorted(unknown))}")
    return kind(**{name: _read(hints[name], entry) for name, entry in told.items()})


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _read(hint: Any, told: Any) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return None if told is None else _read(next(each for each in arguments if each is not type(None)), told)
    if origin is tuple:
        return tuple(_read(arguments[0], entry) for entry in told)
    if origin is not None:  # the mappings of this house are from words to values
        return {_read(arguments[0], key): _read(arguments[1], entry) for key, entry in told.items()}
    if is_dataclass(hint) and isinstance(hint, type):
        return read(hint, told)
    if hint is date:
        return date.fromisoformat(told)
    return hint(told)
