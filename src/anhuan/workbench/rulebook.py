"""The rulebook in force, read and compared by date, and what was done judged again under another one.

Knows how rules are searched and drawn, and how much a page may ask of a replay. Does not know any rule: the law comes from
`acts.law`, the differences from `rulebook.book` and `records.replay`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from anhuan import clock
from anhuan.acts import filed
from anhuan.acts import law as laws
from anhuan.core.law import Law
from anhuan.core.vocabulary import Confidence, Force, RuleTopic
from anhuan.records.replay import Replay, replay
from anhuan.rulebook import book
from anhuan.workbench.compliance import csv_response, day_of, message, today
from anhuan.workbench.figures import NOTHING
from anhuan.workbench.frame import page
from anhuan.workbench.words import LABELS

JUDGED = 500
"""How many contacts a page judges by their facts; the command line judges them all."""
_FILTERS = ("topic", "force", "confidence", "pack")
PACKS = {pack: name for pack, name in LABELS["pack"].items() if pack != "bank"}


# --- the rulebook -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """What is read: the law of a date, of some packs or the bank's own, narrowed; with `against`, only what differs."""

    on: date
    against: date | None
    packs: tuple[str, ...]
    text: str
    chosen: dict[str, str]
    ambiguous: bool

    @classmethod
    def of(cls, request: HttpRequest) -> Reading:
        """What the query asks for; a value it cannot mean is as if it were not there."""
        asked = request.GET
        known: dict[str, set[str]] = {
            "topic": {*RuleTopic}, "force": {*Force}, "confidence": {*Confidence}, "pack": {*LABELS["pack"]},
        }  # fmt: skip
        return cls(
            on=day_of(asked.get("on", "")) or today(),
            against=day_of(asked.get("against", "")),
            packs=tuple(pack for pack in PACKS if pack in asked.getlist("law")),
            text=asked.get("q", "").strip()[:80],
            chosen={name: value if (value := asked.get(name, "")) in known[name] else "" for name in _FILTERS},
            ambiguous=asked.get("ambiguous") == "1",
        )

    def law(self, day: date) -> Law:
        return laws.in_force(clock.now(), packs=self.packs or None, as_of=day)

    def holds(self, rule: dict[str, Any]) -> bool:
        """Whether a rule, as a document, passes the filters and holds the text, in either language."""
        wanted = {"topic": rule["topic"], "force": rule["force"], "confidence": rule["confidence"], "pack": rule["law"]}
        if any(value and wanted[name] != value for name, value in self.chosen.items()):
            return False
        if self.ambiguous and not rule["ambiguous"]:
            return False
        told = " ".join(str(rule[name]) for name in ("id", "message_zh", "message_en", "source", "clause", "note"))
        return self.text.casefold() in told.casefold()

    @property
    def query(self) -> str:
        told = {
            "on": self.on.isoformat(), "against": self.against and self.against.isoformat(), "law": list(self.packs),
            "q": self.text, "ambiguous": "1" if self.ambiguous else "", **self.chosen,
        }  # fmt: skip
        return urlencode({name: value for name, value in told.items() if value}, doseq=True)


@page
@require_GET
def rulebook(request: HttpRequest) -> HttpResponse:
    """The rules in force on a date, or what differs between two."""
    reading = Reading.of(request)
    context: dict[str, Any] = {
        "reading": reading, "packs": PACKS, "own": LABELS["pack"], "topics": RuleTopic, "forces": Force, "confidences": Confidence,
        "today": today(),
    }  # fmt: skip
    law = reading.law(reading.on)
    rules = [book.document(rule) for rule in law.rules]
    context |= {"law": law, "total": len(rules), "rules": [rule for rule in rules if reading.holds(rule)]}
    if reading.against:
        other = reading.law(reading.against)
        context |= {"other": other, "changes": list(_changes(reading, other, law))}
    return render(request, "workbench/rulebook.html", context)


def _changes(reading: Reading, before: Law, after: Law) -> Iterator[dict[str, Any]]:
    """What differs, of a rule that changed with the values that do."""
    for change in book.changes(before, after):
        was, now = change["before"], change["after"]
        if not any(side is not None and reading.holds(side) for side in (was, now)):
            continue
        yield {**change, "values": _values(was, now) if was and now else []}


def _values(was: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The values that differ, as one reads them; of lists only what went and what came."""
    told = []
    for name in sorted({*was["values"], *now["values"]}):
        old, new = was["values"].get(name), now["values"].get(name)
        if isinstance(old, list) and isinstance(new, list):
            old, new = [each for each in old if each not in new], [each for each in new if each not in old]
        if old != new:
            told.append((name, _text(old), _text(new)))
    return told


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) or NOTHING if isinstance(value, list) else NOTHING if value is None else str(value)


@page
@require_GET
def rulebook_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The rules that are shown, in both languages."""
    reading = Reading.of(request)
    columns = (
        "id",
        "law",
        "topic",
        "message_zh",
        "message_en",
        "source",
        "clause",
        "force",
        "confidence",
        "ambiguous",
        "in_force",
    )
    rules = (rule for rule in map(book.document, reading.law(reading.on).rules) if reading.holds(rule))
    return csv_response(f"rulebook-{reading.on}.csv", columns, ([rule[column] for column in columns] for rule in rules))


# --- replay -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What is judged again: contacts of these dates, under these packs (none: the bank's own) as of a date (None: their own)."""

    first: date
    last: date
    packs: tuple[str, ...]
    as_of: date | None
    run: bool

    @classmethod
    def of(cls, request: HttpRequest) -> Asked:
        asked = request.GET
        last = day_of(asked.get("to", "")) or today()
        first = day_of(asked.get("from", "")) or last - timedelta(days=13)
        packs = tuple(pack for pack in PACKS if pack in asked.getlist("law"))
        return cls(min(first, last), last, packs, day_of(asked.get("as_of", "")), asked.get("run") == "1")

    @property
    def query(self) -> str:
        told: dict[str, Any] = {"from": self.first, "to": self.last, "law": list(self.packs), "as_of": self.as_of, "run": "1"}
        return urlencode({name: value for name, value in told.items() if value}, doseq=True)

    def answer(self) -> Replay:
        """At most JUDGED contacts are judged by their facts."""
        return replay(
            laws.day(self.first)[0], laws.day(self.last)[1], then=laws.then, filed=filed.rows, limit=JUDGED,
            other=lambda at: laws.in_force(at, packs=self.packs or None, as_of=self.as_of),
        )  # fmt: skip


@page
@require_GET
def replayed(request: HttpRequest) -> HttpResponse:
    """The form, and once it is sent what would have been refused."""
    asked = Asked.of(request)
    context: dict[str, Any] = {"asked": asked, "packs": PACKS, "judged": JUDGED, "today": today()}
    if asked.run:
        context["answer"] = asked.answer()
    part = request.htmx and not request.htmx.history_restore_request  # type: ignore[attr-defined]
    return render(request, "workbench/_replay.html" if part else "workbench/replay.html", context)


@page
@require_GET
def replay_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The differences, a line for each reason."""
    asked = Asked.of(request)
    columns = ("at", "case", "channel", "party", "purpose", "actor", "then", "now", "rule", "citation", message())
    rows = (
        (each.at, *(told[name] for name in columns[1:8]), reason["rule"], reason["citation"], reason[message()])
        for each in asked.answer().differences
        for told in [each.document()]
        for reason in told["reasons"]
    )
    return csv_response(f"replay-{asked.first}-{asked.last}.csv", columns, rows)
