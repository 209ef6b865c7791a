"""Limitation of actions: until when a claim can be sued for, with every event that started the time again or did not.

Knows the three years, the twenty, and what interrupts (Civil Code Arts. 188-195, SPC provisions). Does not know what a
court would make of suspension in the last six months (Art. 194): it is never assumed, which is the cautious answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from anhuan.core.days import Calendar, in_time
from anhuan.core.judgements.law import Judgement, Law, Provision, judged, last_day_told
from anhuan.core.vocabulary import Channel


@dataclass(frozen=True, slots=True)
class Demand:
    """A demand for payment, made on a date."""

    on: date
    channel: Channel
    to_address_on_file: bool
    delivered: bool


@dataclass(frozen=True, slots=True)
class AutoDebit:
    """Money taken from the debtor's account as agreed."""

    on: date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class SignedNotice:
    """The debtor signed a notice of the overdue debt and agreed to pay it."""

    on: date


Event = Demand | AutoDebit | SignedNotice


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the ledger: an event, whether it started the time again, and the day the claim then expires, unrolled."""

    event: Event
    counted: bool
    provision: Provision
    expires_on: date


@dataclass(frozen=True, slots=True)
class Ledger:
    """How the time of a claim ran: from when, through which events, until when. Rest days still move `expires_on`."""

    due: date
    steps: tuple[Step, ...]
    expires_on: date


def ledger(
    due: date, last_instalment_due: date | None, events: Sequence[Event], *, at: date, law: Law, calendar: Calendar
) -> Ledger:
    """The limitation ledger of one claim as known on `at`: three years from the last due date, anew from each event that counts.

    An event counts if the time still ran on that day, or, after expiry, if the debtor signed (Civil Code Arts. 188, 189,
    195; SPC limitation provisions Arts. 8, 19; SPC Bank Card Provisions Art. 3). Twenty years are never exceeded, except
    that a signed notice is a new promise.
    """
    start = last_instalment_due or due
    stop = law["limitation.long_stop"].period.last_day(start)
    expires = min(law["limitation.general"].period.last_day(start), stop)
    steps = []
    for event in sorted((event for event in events if event.on <= at), key=lambda event: event.on):
        signed = isinstance(event, SignedNotice)
        counted = _interrupts(event, law) and event.on >= start and (signed or in_time(event.on, expires, calendar))
        if counted:
            stop = max(stop, law["limitation.long_stop"].period.last_day(event.on)) if signed else stop
            expires = min(law["limitation.general"].period.last_day(event.on), stop)
        steps.append(Step(event, counted, _provision(event, law), expires))
    return Ledger(start, tuple(steps), expires)


def expires_on(
    due: date, events: Sequence[Event], *, at: date, law: Law, calendar: Calendar, last_instalment_due: date | None = None
) -> date:
    """The last day on which the claim can be sued for (Civil Code Arts. 188, 189, 195, 203), as known on `at`."""
    return calendar.roll(ledger(due, last_instalment_due, events, at=at, law=law, calendar=calendar).expires_on)


def claim_in_time(
    due: date, last_instalment_due: date | None, events: Sequence[Event], *, at: date, law: Law, calendar: Calendar
) -> Judgement:
    """A claim expires three years after it fell due or was last interrupted (Civil Code Arts. 188, 195)."""
    found = ledger(due, last_instalment_due, events, at=at, law=law, calendar=calendar)
    counted = [step for step in found.steps if step.counted]
    return judged(
        in_time(at, found.expires_on, calendar),
        law["limitation.general"],
        *dict.fromkeys(step.provision for step in counted),
        started=counted[-1].event.on if counted else found.due,
        **last_day_told(found.expires_on, calendar),
        counted=[step.event.on for step in counted],
        without_effect=[step.event.on for step in found.steps if not step.counted],
    )


def _interrupts(event: Event, law: Law) -> bool:
    """Whether an event is of a kind that starts the time again, whenever it happened."""
    if isinstance(event, Demand):
        on_file = event.to_address_on_file and event.channel in law["limitation.demand"].value["channels_to_address_on_file"]
        return event.delivered or on_file
    return not isinstance(event, AutoDebit) or event.amount_minor > 0


def _provision(event: Event, law: Law) -> Provision:
    names = {Demand: "limitation.demand", AutoDebit: "limitation.auto_debit", SignedNotice: "limitation.signed_notice"}
    return law[names[type(event)]]
