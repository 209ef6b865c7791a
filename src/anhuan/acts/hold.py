"""The acts on holds: collection of a customer's debts is stopped, and goes on again.

Knows that a hold may begin before we came to know of it, and then tells which contacts it would have refused. Does not know what
a hold forbids: the rules of the law do.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID, uuid4

from django.db.models import Q

from anhuan.acts.customer import Held, held
from anhuan.acts.fitness import fault
from anhuan.acts.pending import withdraw
from anhuan.core import gate
from anhuan.core.facts import Attempt
from anhuan.core.facts import Hold as Standing
from anhuan.core.law import Law
from anhuan.core.rules.holds import Held as HeldRule
from anhuan.core.vocabulary import Channel, Direction, HoldKind, Party, Purpose
from anhuan.records import facts
from anhuan.records.attempt import Fault
from anhuan.records.contact import Contact, State
from anhuan.records.hold import Hold


@dataclass(frozen=True)
class Placed:
    """A hold that stands, and the contacts made since it began that it would have refused, oldest first."""

    hold_id: UUID
    meanwhile: tuple[UUID, ...]


def place(
    customer_id: str,
    kind: HoldKind,
    *,
    law: Law,
    at: datetime,
    by: str,
    begins: datetime | None = None,
    ends: datetime | None = None,
    until_date: date | None = None,
    debts: Collection[str] | None = None,
    reason: str = "",
    evidence: str = "",
    hold_id: UUID | None = None,
) -> Placed | list[Fault]:
    """Stop collection of `debts` (None: of all) from `begins` (None: now; never later than now) on.

    `reason` is a code, `evidence` says where the paper lies; the event holds the code alone. One that begins in the past is
    judged over what was done meanwhile, and the event lists it; and what it forbids of all that waits to be done.
    """
    with held(customer_id, at=at, by=by) as customer:
        begins = begins or customer.at
        faults = _unfit(customer, begins, ends, debts)
        if faults:
            return faults
        hold = Hold(
            hold_id=hold_id or uuid4(), customer_id=customer_id, kind=kind, debts=None if debts is None else sorted(debts),
            begins=begins, ends=ends, until_date=until_date, reason=reason, evidence=evidence, registered_at=customer.at,
            registered_by=by, ended_at=None if ends is None else customer.at, ended_by="" if ends is None else by,
        )  # fmt: skip
        hold.save(force_insert=True)
        meanwhile = would_have_refused(hold, law=law, at=customer.at) if begins < customer.at else ()
        body = {
            "hold": str(hold.hold_id), "kind": kind, "debts": hold.debts, "begins": begins.isoformat(),
            "ends": ends and ends.isoformat(), "until_date": until_date and until_date.isoformat(), "reason": reason,
            "meanwhile": [str(contact) for contact in meanwhile], "withdrawn": withdraw(customer, law),
        }  # fmt: skip
        customer.remember("hold.placed", {name: value for name, value in body.items() if value not in (None, "", [], {})})
    return Placed(hold.hold_id, meanwhile)


def end(hold_id: UUID, *, at: datetime, by: str, ends: datetime | None = None, reason: str = "") -> list[Fault]:
    """Let collection go on from `ends` (None: now) on; empty, or why not. A hold that has ended stays as it was."""
    hold = Hold.objects.filter(pk=hold_id).only("customer_id").first()
    if hold is None:
        return [fault("hold", "hold_unknown")]
    with held(hold.customer_id, at=at, by=by) as customer:
        hold = Hold.objects.get(pk=hold_id)
        ends = ends or customer.at
        if hold.ends is not None and hold.ends <= customer.at:
            return [fault("hold", "hold_over")]
        if ends < hold.begins:
            return [fault("ends", "ends_before_it_begins")]
        Hold.objects.filter(pk=hold_id).update(ends=ends, ended_at=customer.at, ended_by=by)
        body = {"hold": str(hold_id), "kind": hold.kind, "ends": ends.isoformat(), "reason": reason}
        customer.remember("hold.ended", {name: value for name, value in body.items() if value})
    return []


def _unfit(customer: Held, begins: datetime, ends: datetime | None, debts: Collection[str] | None) -> list[Fault]:
    faults = []
    if begins > customer.at:
        faults.append(fault("begins", "in_future"))
    if ends is not None and ends < begins:
        faults.append(fault("ends", "ends_before_it_begins"))
    if debts is not None and not set(debts) <= facts.facts_for(customer.customer_id, at=customer.at).debts.keys():
        faults.append(fault("debts", "debt_unknown"))
    return faults


def would_have_refused(hold: Hold, *, law: Law, at: datetime) -> tuple[UUID, ...]:
    """The outbound contacts from a hold's beginning to `at` that a rule of `law` on such holds refuses, this hold standing."""
    made = Contact.objects.filter(customer_id=hold.customer_id, direction=Direction.OUTBOUND, started_at__gte=hold.begins)
    made = made.filter(~Q(state=State.VOID), started_at__lte=at).order_by("started_at", "contact_id")
    contacts = [contact for contact in made if hold.ends is None or contact.started_at < hold.ends]
    if not contacts:
        return ()
    standing = Standing(
        HoldKind(hold.kind), hold.begins, hold.ends, None if hold.debts is None else frozenset(hold.debts), hold.until_date
    )
    known = replace(facts.facts_for(hold.customer_id, at=at, since=hold.begins), holds=(standing,))
    refused = []
    for contact in contacts:
        verdict = gate.check(_attempt_of(contact), known, law, contact.started_at)
        if isinstance(verdict, gate.Refusal) and any(isinstance(reason.rule.test, HeldRule) for reason in verdict.reasons):
            refused.append(contact.contact_id)
    return tuple(refused)


def _attempt_of(contact: Contact) -> Attempt:
    """A contact as it was attempted, as far as rules on holds may ask."""
    return Attempt(
        id=str(contact.contact_id), channel=Channel(contact.channel), party=Party(contact.party),
        purpose=Purpose(contact.purpose), debts=frozenset(contact.debts), actor=contact.actor, person=contact.person_id,
        point=str(contact.point_id or ""), automated=contact.automated,
        session_of=str(contact.session_of) if contact.session_of else None,
        in_reply_to=str(contact.in_reply_to) if contact.in_reply_to else None,
    )  # fmt: skip
