"""An attempt as JSON, both ways: as a permit keeps it, and as an agency or a command line asks it.

Knows names, closed words and types. Does not know whether the ids are anybody's (`acts.dispatch` does), nor what may be done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from anhuan.core.facts import Attempt
from anhuan.core.vocabulary import Channel, LetterItem, Party, Purpose, Route, Says, VoicemailItem

ID_LENGTH = 100


@dataclass(frozen=True)
class Fault:
    """Why a field cannot be read: `code`, and both sentences, which name the field and never quote its value."""

    field: str
    code: str
    zh: str
    en: str

    def document(self) -> dict[str, str]:
        return {"field": self.field, "code": self.code, "message_zh": self.zh, "message_en": self.en}


def document(attempt: Attempt) -> dict[str, Any]:
    """The attempt as JSON; what is not known, and what stands as by default, is left out."""
    told: dict[str, Any] = {}
    for name, default in _DEFAULTS:
        value = getattr(attempt, name)
        if value != default:
            told[name] = sorted(value) if isinstance(value, frozenset) else value
    return told


# What is required has no default, and so never equals it.
_DEFAULTS = tuple((field.name, field.default) for field in fields(Attempt))


def read(told: Mapping[str, Any]) -> Attempt | list[Fault]:
    """The attempt a JSON object tells, or everything that is wrong with it. Names are those of `core.facts.Attempt`."""
    faults = [
        _fault(name, "unknown_field", "没有这个字段", "is no field of an attempt") for name in told.keys() - _READERS.keys()
    ]
    faults += [_fault(name, "missing", "缺少", "is missing") for name in _REQUIRED if told.get(name) in (None, "")]
    values: dict[str, Any] = {}
    for name, reader in _READERS.items():
        if told.get(name) is None:
            continue
        try:
            values[name] = reader(told[name])
        except (ValueError, TypeError):
            faults.append(_fault(name, "unreadable", "取值不在允许之列", "has a value that is not allowed"))
    return sorted(faults, key=lambda fault: fault.field) if faults else Attempt(**values)


def _fault(name: str, code: str, zh: str, en: str) -> Fault:
    return Fault(name[:40], code, f"{name[:40]}：{zh}。", f"{name[:40]} {en}.")


def short_text(value: Any) -> str:
    """A text of one line, such as an id; ValueError otherwise."""
    if not isinstance(value, str) or len(value) > ID_LENGTH or any(ord(sign) < 32 for sign in value):
        raise ValueError("not a short text on one line")
    return value


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("not true or false")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 100:
        raise ValueError("not a small number")
    return value


def _texts(value: Any) -> frozenset[str]:
    return frozenset(map(short_text, _listed(value)))


def _words(words: type[StrEnum]) -> Callable[[Any], frozenset[StrEnum]]:
    return lambda value: frozenset(words(word) for word in _listed(value))


def _listed(value: Any) -> Iterable[Any]:
    if not isinstance(value, list | tuple) or len(value) > 100:
        raise TypeError("not a list")
    return value


_REQUIRED = ("id", "channel", "party", "purpose", "debts")
_READERS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("id", "actor", "person", "point", "session_of", "in_reply_to", "claimed_factor"), short_text),
    "channel": Channel,
    "party": Party,
    "purpose": Purpose,
    "route": Route,
    "debts": _texts,
    "says": _words(Says),
    "voicemail_items": _words(VoicemailItem),
    "letter_items": _words(LetterItem),
    "staff_count": _count,
    **dict.fromkeys(
        (
            "automated", "identifies_institution", "recorded", "includes_opt_out", "id_shown", "agency_announced",
            "agency_listed", "discloses_debt", "postcard", "to_occupier", "enters_premises", "entry_consent", "private_device",
        ),
        _bool,
    ),
}  # fmt: skip
