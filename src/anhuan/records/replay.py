"""Recorded contacts judged again under another law: what would have been refused.

Reads only. Judged are contacts that had a permit, the bank's own and those an agency asked for, by the attempt the permit
keeps, at the instant it was given, by what was known just before: so the contact itself is left out. Rules that are the same
in both laws are not asked again, for they said yes; with the same law, therefore, nothing changes and nothing is read.

What the bank's files say (accounts, points, flags) is always of the latest night. A rule of the other law that refuses where its
counterpart of then, asked today, refuses as well says something about the files, not about the law: that is counted as `drifted`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from anhuan.core import gate
from anhuan.core.facts import Attempt
from anhuan.core.law import Law, Reason, Rule
from anhuan.records import attempt as attempts
from anhuan.records import facts
from anhuan.records.contact import Contact, Permit, State

LawAt = Callable[[datetime, tuple[str, ...] | None], Law]
"""The law at an instant; of these packs, or None: of the ones asked for."""
Progress = Callable[[str, int, int], None]

_JUST_BEFORE = timedelta(microseconds=1)
_BATCH = 2_000


@dataclass(frozen=True)
class Difference:
    """A contact that was permitted and would be refused: why, under the other law."""

    contact_id: UUID
    customer_id: str
    attempt: Attempt
    at: datetime
    law_then: str
    law_now: str
    reasons: tuple[Reason, ...]

    def document(self) -> dict[str, Any]:
        return {
            "contact": str(self.contact_id),
            "case": self.customer_id,
            "channel": self.attempt.channel.value,
            "party": self.attempt.party.value,
            "purpose": self.attempt.purpose.value,
            "actor": self.attempt.actor,
            "at": self.at.isoformat(),
            "then": "permit",
            "now": "refuse",
            "law_then": self.law_then,
            "law_now": self.law_now,
            "rules": sorted({reason.rule.id for reason in self.reasons}),
            "reasons": [reason.document() for reason in self.reasons],
        }


@dataclass
class Replay:
    """The answer: how many contacts there were, how many of them were looked at, and what differs, oldest first.

    `judged` is less than `contacts` where a limit was given. `asked`: those judged by facts, because a rule about them differs.
    `unrebuilt`: those of whose law of then another fingerprint is on record, for the bank's own rules were changed since; they
    are asked every rule. `drifted`: see above.
    """

    contacts: int = 0
    judged: int = 0
    asked: int = 0
    unrebuilt: int = 0
    drifted: int = 0
    differences: list[Difference] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in ("contacts", "judged", "asked", "unrebuilt", "drifted")}
        return {**told, "changed": len(self.differences), "differences": [each.document() for each in self.differences]}


def replay(
    start: datetime, end: datetime, *, then: LawAt, other: Callable[[datetime], Law], limit: int | None = None,
    progress: Progress | None = None,
) -> Replay:  # fmt: skip
    """Judge again the contacts that started from `start` to just before `end` under `other`, of the instant of each.

    `then` rebuilds the law an instant was judged by, of the packs a permit names. `limit`: at most so many contacts are judged
    by facts, from the oldest on.
    """
    contacts = Contact.objects.filter(started_at__gte=start, started_at__lt=end, permit_id__isnull=False)
    contacts = contacts.exclude(state=State.VOID).order_by("started_at", "contact_id")
    answer = Replay(contacts=contacts.count())
    changed = _Changed()
    for contact_id, permit in _permits(contacts):
        if limit is not None and answer.asked >= limit:
            break
        was, now = then(permit.at, tuple(permit.packs)), other(permit.at)
        _judge_again(contact_id, permit, answer, was=was, now=now, changed=changed)
        answer.judged += 1
        if progress is not None:
            progress("replay", answer.judged, answer.contacts)
    return answer


def _permits(contacts: QuerySet[Contact]) -> Iterator[tuple[UUID, Permit]]:
    """All these contacts in their order with their permits, some thousands at a time, with no cursor held open in between."""
    rest = contacts
    while batch := list(rest.only("contact_id", "permit_id", "started_at")[:_BATCH]):
        found = Permit.objects.in_bulk([contact.permit_id for contact in batch])
        yield from ((contact.contact_id, found[contact.permit_id]) for contact in batch if contact.permit_id is not None)
        last = batch[-1]
        rest = contacts.filter(Q(started_at__gt=last.started_at) | Q(started_at=last.started_at, pk__gt=last.pk))


def _judge_again(contact_id: UUID, permit: Permit, answer: Replay, *, was: Law, now: Law, changed: _Changed) -> None:
    """Ask the rules that differ, and those of then where one of the others refuses."""
    if permit.law == now.fingerprint:
        return
    attempt = attempts.read(permit.attempt)
    if not isinstance(attempt, Attempt):
        raise TypeError("a permit keeps an attempt that can be read")
    rebuilt = was.fingerprint == permit.law
    rules_then, rules_now = changed.of(was, now) if rebuilt else (replace(was, rules=()), now)
    if not rules_now.concerning(attempt):
        return
    answer.asked += 1
    answer.unrebuilt += not rebuilt
    known = facts.facts_for(
        permit.customer_id, at=permit.at, known=permit.at - _JUST_BEFORE, since=permit.at - facts.reach(now)
    )
    verdict = gate.check(attempt, known, rules_now, permit.at)
    if isinstance(verdict, gate.Permit):
        return
    base = gate.check(attempt, known, rules_then, permit.at)
    refused_then = set() if isinstance(base, gate.Permit) else {reason.rule.id for reason in base.reasons}
    reasons = tuple(reason for reason in verdict.reasons if reason.rule.id not in refused_then)
    if not reasons:
        answer.drifted += 1
        return
    answer.differences.append(
        Difference(contact_id, permit.customer_id, attempt, permit.at, permit.law, now.fingerprint, reasons)
    )


class _Changed:
    """The rules in which two laws differ, found once a pair of laws."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[Law, Law]] = {}

    def of(self, was: Law, now: Law) -> tuple[Law, Law]:
        key = (was.fingerprint, now.fingerprint)
        if key not in self._found:
            self._found[key] = (_without(was, now), _without(now, was))
        return self._found[key]


def _without(law: Law, other: Law) -> Law:
    """The law less the rules that the other one has with the same values, asking the same days."""
    kept = {rule.id: rule for rule in other.rules}
    rules = tuple(rule for rule in law.rules if not _same(rule, kept.get(rule.id), law, other))
    return replace(law, rules=rules)


def _same(rule: Rule, counterpart: Rule | None, law: Law, other: Law) -> bool:
    if counterpart is None or (rule.test, rule.scope) != (counterpart.test, counterpart.scope):
        return False
    calendar = getattr(rule.test, "calendar", None)
    return calendar is None or law.calendars.get(calendar) == other.calendars.get(calendar)
