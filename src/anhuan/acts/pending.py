"""What waits to be done with a customer, and an act forbids: agencies' seats not yet used, and tonight's proposals.

Knows both, and asks the gate of each twice: by what was known just before the act, and by what is known with it. What is
refused anew is withdrawn; what was refused all along, or is refused for the contacts made meanwhile, stays as it is. Does not
know any rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from anhuan.acts import law as laws
from anhuan.acts import outbox, proposal, worklist
from anhuan.acts.customer import Held
from anhuan.core import gate
from anhuan.core.facts import Attempt, Facts
from anhuan.core.law import Law, Reason
from anhuan.records import attempt as attempts
from anhuan.records import facts
from anhuan.records.contact import Contact, Permit, State

_JUST_BEFORE = timedelta(microseconds=1)


def customers(at: datetime) -> set[str]:
    """Those for whom something waits."""
    seats = Contact.objects.filter(state=State.STARTED, reserved_until__gt=at).values_list("customer_id", flat=True)
    return {*seats, *proposal.all_waiting().values_list("customer_id", flat=True)}


def withdraw(customer: Held, law: Law | None = None, *, written_at: datetime | None = None) -> dict[str, list[str]]:
    """Withdraw what the act under way forbids: `{"permits": [ids], "proposals": [business dates]}`, without what is empty.

    To be called when the act has written its rows and before it is remembered, so that its one event tells this, too. A
    contact made in a seat before this instant was permitted; one made after it was not. The seat itself counts until it is
    over, for nobody can prove that it was not used. `law`: by default the one in force, read only if something waits.
    `written_at`: the instant the act's rows carry, where it is another one.
    """
    seats = list(
        Contact.objects.filter(
            customer_id=customer.customer_id, state=State.STARTED, reserved_until__gt=customer.at, permit_id__isnull=False
        )
    )
    waiting = proposal.waiting(customer.customer_id)
    if not seats and waiting is None:
        return {}
    law = law or laws.in_force(customer.at)
    since = customer.at - facts.reach(law)
    now = facts.known_of(customer.customer_id, at=customer.at, since=since)
    before = (written_at or customer.at) - _JUST_BEFORE
    was = facts.facts_for(customer.customer_id, at=customer.at, known=before, since=since)

    def anew(attempt: Attempt, at: datetime) -> tuple[Reason, ...]:
        return _anew(attempt, now.facts, was, law, at)

    permits = [str(seat.permit_id) for seat in _withdrawn(seats, customer.at, anew)]
    dates = [] if waiting is None else proposal.withdraw(waiting, now, anew, law=law, at=customer.at)
    if dates:
        outbox.withdraw([customer.customer_id], code="withdrawn", at=customer.at)
        worklist.withdraw([customer.customer_id], why="held", by_hand=False, at=customer.at, by=customer.by)
    found = {"permits": permits, "proposals": [day.isoformat() for day in dates]}
    return {name: each for name, each in found.items() if each}


def _anew(attempt: Attempt, now: Facts, was: Facts, law: Law, at: datetime) -> tuple[Reason, ...]:
    """Both times with the contacts as they are now, less the one the attempt has begun."""
    verdict = gate.check(attempt, _without(now, attempt.id), law, at)
    if isinstance(verdict, gate.Permit):
        return ()
    before = gate.check(attempt, _without(replace(was, contacts=now.contacts), attempt.id), law, at)
    known = {reason.rule.id for reason in before.reasons} if isinstance(before, gate.Refusal) else set()
    return tuple(reason for reason in verdict.reasons if reason.rule.id not in known)


def _without(told: Facts, contact_id: str) -> Facts:
    return replace(told, contacts=tuple(contact for contact in told.contacts if contact.id != contact_id))


def _withdrawn(
    seats: Iterable[Contact], at: datetime, anew: Callable[[Attempt, datetime], tuple[Reason, ...]]
) -> list[Contact]:
    """The seats whose permit ends here: it is refused anew, now or by the end of the seat."""
    ended = []
    standing = Permit.objects.filter(returned_at=None).in_bulk([seat.permit_id for seat in seats if seat.permit_id])
    for seat in seats:
        permit = standing.get(seat.permit_id) if seat.permit_id else None
        if permit is None or seat.reserved_until is None:
            continue
        attempt = _attempt_of(permit, seat)
        if anew(attempt, at) or anew(attempt, seat.reserved_until):
            Permit.objects.filter(pk=permit.pk).update(returned_at=at)
            ended.append(seat)
    return ended


def _attempt_of(permit: Permit, seat: Contact) -> Attempt:
    """The attempt of a permit, under the id of the contact it began."""
    read: Any = attempts.read(permit.attempt)
    if not isinstance(read, Attempt):
        raise TypeError("a permit keeps an attempt that can be read")
    return replace(read, id=str(seat.contact_id))
