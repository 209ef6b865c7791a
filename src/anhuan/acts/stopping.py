"""The acts by which people stop collection by hand, with a reason in words, and let it go on.

Knows which holds need no room of their own: disputes, hardship, fraud and plans have theirs, and end there. Does not know what a hold
forbids (the law does), nor how one is kept (`acts.hold`). Words are sealed as a note of the case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from anhuan.acts import hold, law, matter, note, worklist
from anhuan.acts.customer import held
from anhuan.acts.dispute import CAME_BY
from anhuan.core.vocabulary import HoldKind
from anhuan.portfolio.feed.sentences import Sentence
from anhuan.records.attempt import Fault
from anhuan.records.hold import Hold
from anhuan.records.note import KeptFor, NoteKind
from anhuan.rulebook import queues

BY_HAND = (
    HoldKind.PAYMENT_CHECK, HoldKind.BREATHING_SPACE, HoldKind.ADVISER_PLAN, HoldKind.BANKRUPTCY, HoldKind.LITIGATION,
)  # fmt: skip
"""What is placed with a reason alone."""
LIFTED = frozenset({*BY_HAND, HoldKind.COMPLAINT})
"""What is lifted by hand; every other kind ends in its own room."""
FARTHEST = timedelta(days=366)
_SENTENCES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "kind_unfit": ("不能手工登记或解除这类停催。", "A hold of this kind is not placed or lifted by hand."),
        "came_by_unfit": ("请选择投诉渠道。", "Choose how the complaint came."),
        "day_unfit": ("日期应在今天之后一年以内。", "The day lies after today, within a year."),
        "hold_unknown": ("没有这项停催。", "There is no such hold."),
    }
)


@dataclass(frozen=True)
class Stopped:
    """A hold that stands; `unset` says why the case was not put where it should come next, where it was not."""

    hold_id: UUID
    unset: Sentence | None = None


@dataclass(frozen=True)
class Words:
    """The reason as it is written, and why it is kept where something stands against it."""

    text: str
    kept_for: KeptFor | None = None


def stop(
    customer_id: str,
    kind: str,
    words: Words,
    *,
    until: date | None = None,
    review_on: date | None = None,
    at: datetime,
    by: str,
) -> Stopped | list[Fault]:
    """Stop collection of all she owes through the day `until` (None: until it is lifted); the case comes again on `review_on`."""
    today = timezone.localtime(at).date()
    faults = [] if kind in BY_HAND else [fault("kind", "kind_unfit")]
    days = {"until": until, "review_on": review_on}
    faults += [fault(name, "day_unfit") for name, day in days.items() if day and not today < day <= today + FARTHEST]
    if faults:
        return faults
    return _stop(customer_id, HoldKind(kind), words, code="by_hand", until=until, review_on=review_on, at=at, by=by)


def complain(customer_id: str, words: Words, *, came_by: str, at: datetime, by: str) -> Stopped | list[Fault]:
    """A complaint came by a channel: collection waits until it is lifted, and those who answer complaints get the case."""
    if came_by not in CAME_BY:
        return [fault("came_by", "came_by_unfit")]
    return _stop(customer_id, HoldKind.COMPLAINT, words, code=f"complaint_{came_by}", at=at, by=by)


def _stop(
    customer_id: str, kind: HoldKind, words: Words, *, code: str, until: date | None = None, review_on: date | None = None,
    at: datetime, by: str,
) -> Stopped | list[Fault]:  # fmt: skip
    with held(customer_id, at=at, by=by) as customer:
        kept = note.keep(customer_id, words.text, kind=NoteKind.CASE, kept_for=words.kept_for, at=customer.at, by=by)
        if isinstance(kept, list):
            return kept
        ends = law.day(until)[1] if until else None
        placed = hold.place(
            customer_id, kind, law=law.in_force(customer.at), ends=ends, reason=code, evidence=f"note {kept.note_id}",
            at=customer.at, by=by,
        )  # fmt: skip
        if isinstance(placed, list):
            transaction.set_rollback(True)
            return placed
        unset = None
        if kind is HoldKind.COMPLAINT:
            unset = worklist.transfer(customer_id, queue=_answering(), why="complaint", by=by, at=customer.at)
        elif review_on:
            due_at = law.day(review_on)[0]
            unset = worklist.follow_up(customer_id, due_at=due_at, why="hold_review", by=by, at=customer.at, mine=False)
        return Stopped(placed.hold_id, unset if isinstance(unset, Sentence) else None)


def _answering() -> str:
    """The queue of complaints, where the bank has one."""
    return "complaints" if "complaints" in queues.read(Path(settings.ANHUAN_HOME)) else "senior"


def lift(hold_id: UUID, words: Words, *, at: datetime, by: str) -> list[Fault]:
    """Let collection go on, by somebody with the right to decide who did not stop it; empty, or why not."""
    found = Hold.objects.filter(pk=hold_id).first()
    if found is None or found.kind not in LIFTED:
        return [fault("hold", "kind_unfit" if found else "hold_unknown")]
    faults = list(matter.may_not_decide(by, found.registered_by))
    if faults:
        return faults
    with held(found.customer_id, at=at, by=by) as customer:
        kept = note.keep(found.customer_id, words.text, kind=NoteKind.CASE, kept_for=words.kept_for, at=customer.at, by=by)
        if isinstance(kept, list):
            return kept
        faults = hold.end(hold_id, at=customer.at, by=by, reason="lifted")
        if faults:
            transaction.set_rollback(True)
        return faults


def fault(field: str, code: str) -> Fault:
    return Fault(field, code, *_SENTENCES[code])
