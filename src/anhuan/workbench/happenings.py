"""What an event says to a reader: one sentence per kind, filled from the event's body.

Knows the bodies that acts write. An event of a kind without a sentence shows its machine word, so that nothing that
happened is ever hidden. No body holds personal data, so no sentence does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from anhuan.records.events import Event
from anhuan.workbench import words


@dataclass(frozen=True)
class Happening:
    """An event as a line of the timeline; `hash` in hexadecimal."""

    number: int
    at: datetime
    by: str
    sentence: str
    hash: str


def told(events: Iterable[Event]) -> list[Happening]:
    return [Happening(e.number, e.at, e.by, sentence(e.kind, e.body), bytes(e.hash).hex()) for e in events]


def sentence(kind: str, body: Mapping[str, Any]) -> str:
    """What happened, in the reader's language; the machine word where the body does not fit its sentence."""
    try:
        text = _SENTENCES[kind](body)
    except (KeyError, TypeError):
        return kind
    if "replaces" in body and kind != "night.replaced":
        text += " " + _("Delivery %(sequence)s corrects delivery %(replaces)s.") % body
    return text


def _moved(body: Mapping[str, Any]) -> str:
    if body["to"] > body["from"]:
        return _("Rolled from M%(from)s to M%(to)s on %(business_date)s.") % body
    return _("Improved from M%(from)s to M%(to)s on %(business_date)s.") % body


def _restated(body: Mapping[str, Any]) -> str:
    was, now = (", ".join(f"{day} M{bucket}" for day, bucket in body[side]) or "–" for side in ("was", "is"))
    return _("A back-dated posting restates the buckets from %(day)s on: %(was)s → %(now)s.") % {
        "day": body["from"],
        "was": was,
        "now": now,
    }


def _revealed(body: Mapping[str, Any]) -> str:
    fields = _(", ").join(words.label("revealed", field) for field in body["fields"])
    return _("Looked at %(fields)s in clear. Reason: %(reason)s") % {"fields": fields, "reason": body["reason"]}


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "case.opened": lambda body: _("Entered collections in M%(to)s on %(business_date)s.") % body,
    "case.reopened": lambda body: _("Entered collections again in M%(to)s on %(business_date)s.") % body,
    "case.moved": _moved,
    "case.closed": lambda body: _("Left collections from M%(from)s on %(business_date)s.") % body,
    "case.restated": _restated,
    "identity.revealed": _revealed,
}
