"""Recorded contacts judged again under another law: what would have been refused.

Reads only. Judged are contacts that had a permit, the bank's own and those an agency asked for, by the attempt the permit
keeps, at the instant it was given, by what was known just before: so the contact itself is left out. Rules that are the same
in both laws are not asked again, for they said yes; with the same law, therefore, nothing changes and nothing is read.

What the bank's files said of a customer and her accounts is of the night in force then, as far as `filed` finds it; the rest, and
her contact points, are of the latest night, and an account or a point of the attempt that is no longer on file is put back. Where
the law of then, asked today, refuses on a topic, the files have changed: what the other law says on that topic is said of the
files, not of the law, and is counted as `drifted`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from anhuan.core import gate
from anhuan.core.facts import Attempt, Debt, Facts, Point
from anhuan.core.law import Law, Reason, Rule
from anhuan.core.vocabulary import Party, PointKind
from anhuan.records import attempt as attempts
from anhuan.records import facts, told
from anhuan.records.contact import Contact, Permit, State

LawAt = Callable[[datetime, tuple[str, ...] | None], Law]
"""The law at an instant; of these packs, or None: of the ones asked for."""
Filed = Callable[[Sequence[tuple[str, datetime]]], Sequence[told.Rows | None]]
"""Of each customer at an instant, what the bank's files said of her on the night in force then; None: nobody can tell."""
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
    are asked every rule. `undated`: those of whom the files of their night are not at hand. `drifted`: see above.
    """

    contacts: int = 0
    judged: int = 0
    asked: int = 0
    unrebuilt: int = 0
    undated: int = 0
    drifted: int = 0
    differences: list[Difference] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        counted = {name: getattr(self, name) for name in ("contacts", "judged", "asked", "unrebuilt", "undated", "drifted")}
        return {**counted, "changed": len(self.differences), "differences": [each.document() for each in self.differences]}


def replay(
    start: datetime, end: datetime, *, then: LawAt, other: Callable[[datetime], Law], filed: Filed, limit: int | None = None,
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
    for batch in _permits(contacts):
        questions: list[_Question] = []
        for contact, permit in batch:
            if limit is not None and answer.asked >= limit:
                break
            was, now = then(permit.at, tuple(permit.packs)), other(permit.at)
            questions += _questions(contact, permit, answer, was=was, now=now, changed=changed)
            answer.judged += 1
        on_file = filed([(question.permit.customer_id, question.permit.at) for question in questions])
        for question, rows in zip(questions, on_file, strict=True):
            _judge_again(question, rows, answer)
        if progress is not None:
            progress("replay", answer.judged, answer.contacts)
        if limit is not None and answer.asked >= limit:
            break
    return answer


def _permits(contacts: QuerySet[Contact]) -> Iterator[list[tuple[Contact, Permit]]]:
    """All these contacts in their order with their permits, some thousands at a time, with no cursor held open in between."""
    rest = contacts
    while batch := list(rest.only("contact_id", "permit_id", "started_at", "point_kind")[:_BATCH]):
        found = Permit.objects.in_bulk([contact.permit_id for contact in batch])
        yield [(contact, found[contact.permit_id]) for contact in batch if contact.permit_id is not None]
        last = batch[-1]
        rest = contacts.filter(Q(started_at__gt=last.started_at) | Q(started_at=last.started_at, pk__gt=last.pk))


@dataclass(frozen=True)
class _Question:
    """A contact to be judged by its facts: by the `rules` that differ, and where one refuses by the law of then (`was`)."""

    contact: Contact
    permit: Permit
    attempt: Attempt
    rules: Law
    was: Law | None
    now: Law


def _questions(
    contact: Contact, permit: Permit, answer: Replay, *, was: Law, now: Law, changed: _Changed
) -> Iterator[_Question]:
    """One, or none where the two laws cannot differ on the contact."""
    if permit.law == now.fingerprint:
        return
    attempt = attempts.read(permit.attempt)
    if not isinstance(attempt, Attempt):
        raise TypeError("a permit keeps an attempt that can be read")
    rebuilt = was.fingerprint == permit.law
    rules = changed.of(was, now) if rebuilt else now
    if not rules.concerning(attempt):
        return
    answer.asked += 1
    answer.unrebuilt += not rebuilt
    yield _Question(contact, permit, attempt, rules, was if rebuilt else None, now)


def _judge_again(question: _Question, filed: told.Rows | None, answer: Replay) -> None:
    """Ask the rules that differ, and the law of then where one of them refuses."""
    permit, attempt, now = question.permit, question.attempt, question.now
    answer.undated += filed is None
    known = facts.facts_for(
        permit.customer_id, at=permit.at, known=permit.at - _JUST_BEFORE, since=permit.at - facts.reach(now), filed=filed
    )
    known = _put_back(known, attempt, question.contact)
    verdict = gate.check(attempt, known, question.rules, permit.at)
    if isinstance(verdict, gate.Permit):
        return
    base = gate.check(attempt, known, question.was, permit.at) if question.was is not None else None
    changed_topics = {reason.rule.topic for reason in base.reasons} if isinstance(base, gate.Refusal) else set()
    reasons = tuple(reason for reason in verdict.reasons if reason.rule.topic not in changed_topics)
    if not reasons:
        answer.drifted += 1
        return
    answer.differences.append(
        Difference(question.contact.contact_id, permit.customer_id, attempt, permit.at, permit.law, now.fingerprint, reasons)
    )


def _put_back(known: Facts, attempt: Attempt, contact: Contact) -> Facts:
    """The facts with the accounts and the point of an attempt, which were on file when it was permitted."""
    debts = {debt: Debt(debt) for debt in attempt.debts} | dict(known.debts)
    points = dict(known.points)
    if attempt.point and attempt.point not in points and contact.point_kind:
        third = attempt.party is not Party.DEBTOR
        points[attempt.point] = Point(attempt.point, PointKind(contact.point_kind), of_third_person=third)
    return replace(known, debts=debts, points=points)


class _Changed:
    """The rules of a law that another one does not have alike, found once a pair of laws."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Law] = {}

    def of(self, was: Law, now: Law) -> Law:
        key = (was.fingerprint, now.fingerprint)
        if key not in self._found:
            self._found[key] = _without(now, was)
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
