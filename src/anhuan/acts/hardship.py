"""The acts on hardship: registered and held at once, handed to specialists, decided by another, looked at again, ended.

Knows the way of a hardship. Nothing is collected while it is open or accepted; answers, required notices and an agreement may go on. What is
sensitive is kept with her consent alone: the kind that tells of illness, and the note of it (`acts.note`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from django.utils import timezone

from anhuan.acts import evidence as papers
from anhuan.acts import hold, law, matter, note, worklist
from anhuan.acts.customer import Held, held
from anhuan.acts.evidence import Paper
from anhuan.acts.matter import fault
from anhuan.core.vocabulary import HoldKind
from anhuan.records.attempt import Fault
from anhuan.records.dispute import Evidence
from anhuan.records.hardship import SENSITIVE, STANDING, Hardship, HardshipKind, HardshipState
from anhuan.records.hold import Hold
from anhuan.records.note import KeptFor, NoteKind

QUEUE = "hardship"
USUAL_REVIEW = timedelta(days=30)
_FARTHEST = timedelta(days=366)

Answer = Hardship | list[Fault]


def register(
    customer_id: str,
    *,
    kind: str,
    statement: str,
    review_on: date | None = None,
    evidence: Sequence[Paper] = (),
    sensitive_note: str = "",
    at: datetime,
    by: str,
) -> Answer:
    """Take hardship: nothing is collected from now on, and specialists get the case. Looked at again on `review_on`, by default in a month.

    `sensitive_note`, such as of health, is kept apart, and only while she agrees to that.
    """
    today = timezone.localtime(at).date()
    review = review_on or today + USUAL_REVIEW
    faults = matter.words("statement", statement, "statement_missing") + papers.unfit(evidence)
    if kind not in set(HardshipKind):
        faults.append(fault("kind", "kind_unfit"))
    if not today < review <= today + _FARTHEST:
        faults.append(fault("review_on", "review_unfit"))
    if faults:
        return faults
    with held(customer_id, at=at, by=by) as customer:
        agreed = note.consent_to_sensitive(customer_id, customer.at) if kind in SENSITIVE or sensitive_note.strip() else None
        if Hardship.objects.filter(customer_id=customer_id, state__in=STANDING).exists():
            faults.append(fault("kind", "hardship_stands"))
        if (kind in SENSITIVE or sensitive_note.strip()) and agreed is None:
            faults.append(fault("kind", "consent_missing"))
        if faults:
            return faults
        if sensitive_note.strip():
            kept = note.keep(
                customer_id, sensitive_note, kind=NoteKind.SENSITIVE, kept_for=KeptFor.AGREED, at=customer.at, by=by
            )
            if isinstance(kept, list):
                return kept
        one = Hardship(
            hardship_id=uuid4(), customer_id=customer_id, kind=kind, state=HardshipState.OPEN,
            consent_id=agreed if kind in SENSITIVE else None, opened_at=customer.at, opened_by=by, review_on=review,
        )  # fmt: skip
        one.hold_id = _placed(customer, one)
        one.save(force_insert=True)
        matter.step(customer, one.hardship_id, "registered", text=statement.strip())
        told = [each.digest for each in papers.keep(customer, one.hardship_id, evidence)]
        # The kind is not told: an event stays for ever, and a consent may be taken back.
        customer.remember("hardship.registered", matter.told({**_named(one), "review_on": review.isoformat(), "papers": told}))
        if customer.has_case:
            worklist.transfer(customer_id, queue=QUEUE, why="hardship", by=by, at=customer.at)
    return one


def add(hardship_id: UUID, evidence: Sequence[Paper], *, statement: str = "", at: datetime, by: str) -> Answer:
    """A proof, or more words, of the customer."""
    with _going_on(hardship_id, at=at, by=by) as (one, customer):
        faults = papers.unfit(evidence, already=Evidence.objects.filter(subject_id=hardship_id).count())
        if not evidence:
            faults += matter.words("statement", statement, "statement_missing")
        if one is not None and one.state not in STANDING:
            faults.append(fault("state", "out_of_turn"))
        if faults or one is None:
            return faults or [fault("hardship", "hardship_unknown")]
        if statement.strip():
            matter.step(customer, hardship_id, "added", text=statement.strip()[: matter.LONGEST])
        told = [each.digest for each in papers.keep(customer, hardship_id, evidence)]
        customer.remember("hardship.added", matter.told({**_named(one), "papers": told}))
        return one


def decide(hardship_id: UUID, *, accepted: bool, reason: str, review_on: date | None = None, at: datetime, by: str) -> Answer:
    """Whether it is accepted, by somebody with the right to decide who did not register it. Refused, collection goes on."""
    with _going_on(hardship_id, at=at, by=by) as (one, customer):
        if one is None:
            return [fault("hardship", "hardship_unknown")]
        faults = [*matter.may_not_decide(by, one.opened_by), *matter.words("reason", reason, "reason_missing")]
        if one.state != HardshipState.OPEN:
            faults.append(fault("state", "out_of_turn"))
        faults += _review_unfit(review_on, customer.at)
        if faults:
            return faults
        one.decided_at, one.decided_by = customer.at, by
        one.state = HardshipState.ACCEPTED if accepted else HardshipState.REFUSED
        one.review_on = review_on or one.review_on
        matter.step(customer, hardship_id, "accepted" if accepted else "refused", text=reason.strip())
        if not accepted:
            one.ended_at, one.ended_by, one.ended_why = customer.at, by, "refused"
            _let_go(one, customer)
        one.save()
        customer.remember("hardship.decided", {**_named(one), "accepted": accepted, "review_on": one.review_on.isoformat()})
        if accepted:
            _follow_up(one, customer)
        return one


def review(hardship_id: UUID, *, review_on: date, reason: str, at: datetime, by: str) -> Answer:
    """It was looked at and goes on until it is looked at again."""
    with _going_on(hardship_id, at=at, by=by) as (one, customer):
        if one is None:
            return [fault("hardship", "hardship_unknown")]
        faults = matter.words("reason", reason, "reason_missing") + _review_unfit(review_on, customer.at)
        if one.state not in STANDING:
            faults.append(fault("state", "out_of_turn"))
        if faults:
            return faults
        one.review_on = review_on
        one.save()
        matter.step(customer, hardship_id, "reviewed", text=reason.strip())
        customer.remember("hardship.reviewed", {**_named(one), "review_on": review_on.isoformat()})
        _follow_up(one, customer)
        return one


def end(hardship_id: UUID, *, why: str, reason: str, at: datetime, by: str) -> Answer:
    """It is over: `why` is a code such as `agreed`, `recovered`. Collection goes on unless something else holds it."""
    with _going_on(hardship_id, at=at, by=by) as (one, customer):
        if one is None:
            return [fault("hardship", "hardship_unknown")]
        faults = [*matter.may_not_decide(by), *matter.words("reason", reason, "reason_missing")]
        if one.state not in STANDING:
            faults.append(fault("state", "out_of_turn"))
        if faults:
            return faults
        one.state, one.ended_at, one.ended_by, one.ended_why = HardshipState.ENDED, customer.at, by, why[:40]
        _let_go(one, customer)
        one.save()
        matter.step(customer, hardship_id, "ended", text=reason.strip(), code=why)
        customer.remember("hardship.ended", {**_named(one), "why": why[:40]})
        return one


def _review_unfit(review_on: date | None, at: datetime) -> list[Fault]:
    today = timezone.localtime(at).date()
    fits = review_on is None or today < review_on <= today + _FARTHEST
    return [] if fits else [fault("review_on", "review_unfit")]


def _named(one: Hardship) -> dict[str, str]:
    return {"hardship": str(one.hardship_id)}


def _placed(customer: Held, one: Hardship) -> UUID:
    placed = hold.place(
        customer.customer_id, HoldKind.HARDSHIP, law=law.in_force(customer.at), at=customer.at, by=customer.by, reason="hardship",
        evidence=f"hardship {one.hardship_id}",
    )  # fmt: skip
    if isinstance(placed, list):
        raise AssertionError(f"a hold of all debts was refused: {placed}")  # noqa: TRY004  a bug, not a type
    return placed.hold_id


def _let_go(one: Hardship, customer: Held) -> None:
    found = Hold.objects.filter(pk=one.hold_id).first() if one.hold_id else None
    if found is not None and (found.ends is None or found.ends > customer.at):
        hold.end(found.hold_id, at=customer.at, by=customer.by, reason=f"hardship_{one.state}")


def _follow_up(one: Hardship, customer: Held) -> None:
    """The case comes again on the day it is looked at, to whoever is at that queue."""
    if customer.has_case:
        due_at = law.day(one.review_on)[0]
        worklist.follow_up(
            customer.customer_id, due_at=due_at, why="hardship_review", by=customer.by, at=customer.at, mine=False
        )


@contextmanager
def _going_on(hardship_id: UUID, *, at: datetime, by: str) -> Iterator[tuple[Hardship | None, Held]]:
    """The hardship, freshly read with its customer held until the step is over; None where there is none."""
    known = Hardship.objects.filter(pk=hardship_id).only("customer_id").first()
    if known is None:
        yield None, Held("", has_case=False, at=at, by=by)
        return
    with held(known.customer_id, at=at, by=by) as customer:
        yield Hardship.objects.get(pk=hardship_id), customer
