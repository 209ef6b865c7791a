"""THE DOOR: nothing leaves the house, and no agency calls, without a permit of the gate, counted before it is used.

Knows the order: hold the customer, learn fresh facts, ask the gate, write permit and contact together, and what may follow.
Does not know any rule. A contact that has started counts as whatever would count; it is given back only on proof that nothing
left the house, and one whose result nobody knows counts for ever and is never made again blindly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError

from anhuan.acts.customer import Held, held, held_and_known
from anhuan.acts.fitness import fault, faults_of, result_faults
from anhuan.core import gate
from anhuan.core.facts import MAIN_POINT, Attempt
from anhuan.core.law import Law
from anhuan.core.vocabulary import Channel, Direction, LineResult, Outcome, Party, Purpose
from anhuan.records import attempt as attempts
from anhuan.records import facts
from anhuan.records.account import Account
from anhuan.records.agency import Agency
from anhuan.records.attempt import Fault
from anhuan.records.contact import Contact, Origin, Permit, Refusal, State
from anhuan.records.facts import Known

AT_ONCE = timedelta(minutes=1)
"""How long a permit of ours lasts: its contact is written with it."""
SEAT = timedelta(minutes=15)
"""How long an agency may wait before it uses a permit, unless it asks for less."""
_LEAST_SEAT = timedelta(minutes=1)


@dataclass(frozen=True)
class Started:
    """The gate said yes: the permit and its contact, which counts from now on."""

    verdict: gate.Permit
    permit_id: UUID
    contact_id: UUID
    expires_at: datetime


@dataclass(frozen=True)
class Refused:
    """The gate said no: the verdict with every reason, kept under `refusal_id` (None where nothing was to be kept)."""

    verdict: gate.Refusal
    refusal_id: int | None = None


@dataclass(frozen=True)
class Unfit:
    """The question cannot be put to the gate: it names what is not on file, or says too little."""

    faults: list[Fault]


Answer = Started | Refused | Unfit


# --- asking -------------------------------------------------------------------------------------------------------


def ask(customer_id: str, attempt: Attempt, *, law: Law, at: datetime) -> gate.Verdict | Unfit:
    """What the door would answer now; holds nobody, writes nothing, promises nothing."""
    known = facts.known_of(customer_id, at=at, since=at - facts.reach(law))
    unfit = faults_of(attempt, known, at)
    return Unfit(unfit) if unfit else gate.check(attempt, known.facts, law, at)


def start(customer_id: str, attempt: Attempt, *, law: Law, at: datetime, by: str) -> Answer:
    """Judge an attempt and, if it is permitted, begin it: permit, contact `started` and one event, or one kept refusal."""
    return _start(customer_id, attempt, law=law, at=at, by=by, seat=None, agency=None)


def permit_for_agency(
    agency: Agency, customer_id: str, attempt: Attempt, *, law: Law, at: datetime, by: str, valid_for: timedelta = SEAT
) -> Answer:
    """A seat for an agency's contact: it counts as started until it is reported, given back, or over unused.

    The permit never lasts into a time at which the gate would refuse, such as the night. The agency's word decides neither
    whether it is listed nor whether the customer was told of it. Faults `not_placed` when none, or not all, of the debts are
    with it.
    """
    attempt = replace(attempt, actor=agency.actor, id=f"{agency.actor}:{attempt.id}", agency_listed=agency.listed)
    return _start(customer_id, attempt, law=law, at=at, by=by, seat=min(valid_for, SEAT), agency=agency)


def _start(
    customer_id: str, attempt: Attempt, *, law: Law, at: datetime, by: str, seat: timedelta | None, agency: Agency | None
) -> Answer:
    try:
        with held_and_known(customer_id, back=facts.reach(law), at=at, by=by) as (customer, known):
            if agency is not None:
                if placing := _misplaced(known, attempt.debts, agency):
                    return Unfit(placing)
                attempt = replace(attempt, agency_announced=agency.actor in known.announced)
            unfit = faults_of(attempt, known, customer.at)
            if unfit:
                return Unfit(unfit)
            verdict, lasts = _judge(attempt, known, law, latest(known, customer.at), seat)
            if isinstance(verdict, gate.Refusal):
                return Refused(verdict, _keep(customer, verdict, law))
            return _open(customer, verdict, known, law, lasts, reserved=seat is not None)
    except IntegrityError as failure:
        return known_already(failure)


def known_already(failure: IntegrityError) -> Unfit:
    """PostgreSQL has seen an attempt of this id before; any other failure is a bug."""
    if "one_permit_an_attempt" in str(failure):
        return Unfit([fault("id", "attempt_known")])
    raise failure


def _misplaced(known: Known, debts: Iterable[str], agency: Agency) -> list[Fault]:
    """Why an agency may not ask about these debts: none of hers is with it, so that it must not even learn she exists; or not all."""
    with_it = {account for account, placed in known.placed.items() if placed == agency.placed_as}
    if not with_it:
        return [fault("customer", "customer_unknown")]
    return [] if set(debts) <= with_it else [fault("debts", "not_placed")]


def latest(known: Known, at: datetime) -> datetime:
    """The instant to judge by: contacts that started while this one waited count, too."""
    instants = known.facts.instants
    return max(at, instants[-1]) if instants else at


def _judge(attempt: Attempt, known: Known, law: Law, at: datetime, seat: timedelta | None) -> tuple[gate.Verdict, timedelta]:
    """The verdict, and for a seat how long it lasts: as long as asked, or halved until its end is free as well."""
    verdict = gate.check(attempt, known.facts, law, at)
    if seat is None or isinstance(verdict, gate.Refusal):
        return verdict, AT_ONCE
    lasts = seat
    while True:
        at_its_end = gate.check(attempt, known.facts, law, at + lasts)
        if isinstance(at_its_end, gate.Permit):
            return verdict, lasts
        if lasts <= _LEAST_SEAT:
            return at_its_end, lasts
        lasts = max(lasts / 2, _LEAST_SEAT)


def _open(customer: Held, verdict: gate.Permit, known: Known, law: Law, lasts: timedelta, *, reserved: bool) -> Started:
    started, written = opening(customer, verdict, known, law, lasts, reserved=reserved)
    ends_here = customer.has_case and customer.alone
    with facts.quick() as cursor:
        cursor.execute(f"SELECT records_contact_open(%s::jsonb){'; COMMIT' * ends_here}", [json.dumps(written)])
    if not customer.has_case:
        customer.remember("contact.started", written["house_event"])
    return started


def opening(
    customer: Held, verdict: gate.Permit, known: Known, law: Law, lasts: timedelta, *, reserved: bool
) -> tuple[Started, dict[str, Any]]:
    """A contact that begins, and what `records_contact_open` writes of it: permit, contact, and the event of her case; that of a
    customer without one stands apart as `house_event`.
    """
    attempt, at = verdict.attempt, verdict.at.isoformat()
    permit_id, contact_id = uuid4(), uuid4()
    permit_key, contact_key = str(permit_id), str(contact_id)
    expires_at = verdict.at + lasts
    ends = expires_at.isoformat()
    point_kind = known.facts.point_kind(attempt.channel, attempt.point)
    both = {
        "permit_id": permit_key, "customer_id": customer.customer_id, "channel": attempt.channel, "party": attempt.party,
        "person_id": attempt.person, "point_id": attempt.point or None, "purpose": attempt.purpose, "actor": attempt.actor,
        "by": customer.by,
    }  # fmt: skip
    permit = {
        "attempt_id": attempt.id, "attempt": attempts.document(attempt), "at": at, "expires_at": ends, "law": law.fingerprint,
        "packs": law.packs, "used_by": contact_key,
    }  # fmt: skip
    contact = {
        "contact_id": contact_key, "direction": Direction.OUTBOUND, "point_kind": point_kind or "",
        "automated": attempt.automated is not False, "in_reply_to": attempt.in_reply_to, "session_of": attempt.session_of,
        "debts": sorted(attempt.debts), "origin": Origin.OWN, "state": State.STARTED, "line_result": "", "outcome": "",
        "started_at": at, "recorded_at": at, "proof": "", "reserved_until": ends if reserved else None,
    }  # fmt: skip
    event = {
        "contact": contact_key, "permit": permit_key, "channel": attempt.channel, "party": attempt.party,
        "purpose": attempt.purpose, "actor": attempt.actor, "law": law.fingerprint,
    }  # fmt: skip
    told = {"permit": both | permit, "contact": both | contact, "event" if customer.has_case else "house_event": event}
    return Started(verdict, permit_id, contact_id, expires_at), told


def _keep(customer: Held, refusal: gate.Refusal, law: Law) -> int:
    """A refusal is a row, not an event: it changed nothing."""
    kept = as_row(customer, refusal, law)
    kept.save(force_insert=True)
    return int(kept.pk)


def as_row(customer: Held, refusal: gate.Refusal, law: Law) -> Refusal:
    """A refusal as it is kept, not saved yet."""
    attempt = refusal.attempt
    return Refusal(
        attempt_id=attempt.id, customer_id=customer.customer_id, channel=attempt.channel, party=attempt.party,
        purpose=attempt.purpose, actor=attempt.actor, at=refusal.at, not_before=refusal.not_before,
        presumed_violation=refusal.presumed_violation, reasons=[reason.document() for reason in refusal.reasons],
        law=law.fingerprint, packs=list(law.packs), by=customer.by,
    )  # fmt: skip


# --- what became of it --------------------------------------------------------------------------------------------


def complete(
    contact_id: UUID,
    *,
    at: datetime,
    by: str,
    line_result: LineResult | None = None,
    outcome: Outcome | None = None,
    debts: Iterable[str] | None = None,
    started_at: datetime | None = None,
    recording: Mapping[str, str] | None = None,
) -> list[Fault]:
    """The result of a contact that had started, or of one whose result was unknown; empty, or why it cannot be taken.

    `debts`: those spoken about, where they are others than asked for. `started_at`: when an agency's seat was really used.
    `recording`: the file, digest and last day of a call's recording, which the event keeps.
    """
    contact = Contact.objects.filter(pk=contact_id).only("customer_id").first()
    if contact is None:
        return [fault("contact", "contact_unknown")]
    with held(contact.customer_id, at=at, by=by) as customer:
        contact = Contact.objects.get(pk=contact_id)
        line_result = line_result or _given(contact.channel)
        faults = result_faults(contact, line_result, outcome)
        if faults:
            return faults
        changed: dict[str, Any] = {
            "state": State.COMPLETED,
            "line_result": line_result or "",
            "outcome": outcome or "",
            "closed_at": customer.at,
        }
        if debts is not None:
            changed["debts"] = sorted(set(debts))
            if Account.objects.filter(customer_id=contact.customer_id, pk__in=changed["debts"]).count() < len(changed["debts"]):
                return [fault("debts", "debt_unknown")]
        if started_at is not None:
            changed["started_at"] = started_at
        Contact.objects.filter(pk=contact_id).update(**changed)
        told = {"contact": str(contact_id), "line_result": line_result or "", "outcome": outcome or ""}
        customer.remember("contact.completed", told | ({"recording": dict(recording)} if recording else {}))
    return []


@cache
def _given(channel: str) -> LineResult | None:
    """A call whose message is known beforehand reaches a voicemail."""
    return LineResult.VOICEMAIL if channel in {Channel.VOICEMAIL, Channel.RINGLESS_VOICEMAIL} else None


def void(contact_id: UUID, *, proof: str, at: datetime, by: str) -> list[Fault]:
    """Nothing left the house, as `proof`, a code of the transport, shows: the seat is free again."""
    if not proof or len(proof) > 80 or not proof.replace("_", "").replace(":", "").replace(".", "").isalnum():
        return [fault("proof", "proof_missing")]
    return _end(contact_id, "contact.void", {"proof": proof}, at=at, by=by, state=State.VOID, proof=proof)


def unknown(contact_id: UUID, *, at: datetime, by: str) -> list[Fault]:
    """Nobody can tell whether it left the house: it counts, and is not made again, until a receipt tells."""
    return _end(contact_id, "contact.unknown", {}, at=at, by=by, state=State.UNKNOWN)


def _end(
    contact_id: UUID, kind: str, body: dict[str, Any], *, at: datetime, by: str, state: State, proof: str = ""
) -> list[Fault]:
    contact = Contact.objects.filter(pk=contact_id).only("customer_id").first()
    if contact is None:
        return [fault("contact", "contact_unknown")]
    with held(contact.customer_id, at=at, by=by) as customer:
        closed_at = customer.at if state is State.VOID else None
        open_ones = Contact.objects.filter(pk=contact_id, closed_at=None)
        if not open_ones.update(state=state, proof=proof, closed_at=closed_at):
            return [fault("contact", "contact_closed")]
        customer.remember(kind, {"contact": str(contact_id), **body})
    return []


def give_back(agency: Agency, permit_id: UUID, *, at: datetime, by: str) -> list[Fault]:
    """An agency says that it did not use its permit: the seat is free again."""
    contact = _seat_of(agency, permit_id)
    if contact is None:
        return [fault("permit", "permit_unknown")]
    faults = _end(
        contact.contact_id, "contact.void", {"proof": "given_back"}, at=at, by=by, state=State.VOID, proof="given_back"
    )
    if not faults:
        Permit.objects.filter(pk=permit_id, returned_at=None).update(returned_at=at)
    return faults


def _seat_of(agency: Agency, permit_id: UUID) -> Contact | None:
    return Contact.objects.filter(permit_id=permit_id, actor=agency.actor).first()


# --- what others did ----------------------------------------------------------------------------------------------


def record_inbound(
    customer_id: str,
    *,
    channel: Channel,
    started_at: datetime,
    at: datetime,
    by: str,
    party: Party = Party.DEBTOR,
    person: str = "",
    point: str = MAIN_POINT,
    outcome: Outcome | None = None,
    debts: Iterable[str] = (),
    actor: str = "bank",
) -> UUID | Unfit:
    """She, or somebody for her, came to us: a contact that needs no permit. `started_at` is not after `at`."""
    contact = Contact(
        channel=channel, direction=Direction.INBOUND, party=party, person_id=person, point_id=_uuid(point),
        purpose=Purpose.RESPOND, actor=actor, automated=False, debts=sorted(debts), origin=Origin.INBOUND,
        line_result=LineResult.CONNECTED if channel is Channel.CALL else "", outcome=outcome or "", started_at=started_at,
    )  # fmt: skip
    return _record(customer_id, contact, "contact.inbound", {}, at=at, by=by)


def record_inbound_of_agency(
    agency: Agency,
    customer_id: str,
    *,
    channel: Channel,
    started_at: datetime,
    at: datetime,
    by: str,
    outcome: Outcome | None = None,
    debts: Iterable[str] = (),
    point: str = MAIN_POINT,
) -> UUID | Unfit:
    """The debtor came to the agency."""
    known = facts.known_of(customer_id, at=at)
    if placing := _misplaced(known, debts := sorted(debts), agency):
        return Unfit(placing)
    if point != MAIN_POINT and point not in known.points:
        return Unfit([fault("point", "point_unknown")])
    return record_inbound(
        customer_id, channel=channel, started_at=started_at, outcome=outcome, debts=debts, point=point, actor=agency.actor,
        at=at, by=by,
    )  # fmt: skip


def record_reported(
    agency: Agency,
    customer_id: str,
    attempt: Attempt,
    *,
    started_at: datetime,
    law: Law,
    at: datetime,
    by: str,
    line_result: LineResult | None = None,
    outcome: Outcome | None = None,
) -> tuple[UUID, gate.Verdict] | Unfit:
    """An agency tells of a contact it made without a permit: it counts like any other, and is judged as of then.

    Its event names the rules that would have refused it.
    """
    attempt = replace(attempt, actor=agency.actor, agency_listed=agency.listed)
    known = facts.known_of(customer_id, at=started_at, since=started_at - facts.reach(law))
    if placing := _misplaced(known, attempt.debts, agency):
        return Unfit(placing)
    attempt = replace(attempt, agency_announced=agency.actor in known.announced)
    verdict = gate.check(attempt, known.facts, law, started_at)
    point_kind = known.facts.point_kind(attempt.channel, attempt.point)
    contact = Contact(
        channel=attempt.channel, direction=Direction.OUTBOUND, party=attempt.party, person_id=attempt.person,
        point_id=_uuid(attempt.point), point_kind=point_kind or "", purpose=attempt.purpose, actor=agency.actor,
        automated=attempt.automated is not False, debts=sorted(attempt.debts), origin=Origin.AGENCY_REPORTED,
        line_result=line_result or _given(attempt.channel) or "", outcome=outcome or "", started_at=started_at,
    )  # fmt: skip
    faults = result_faults(contact, LineResult(contact.line_result) if contact.line_result else None, outcome)
    if faults:
        return Unfit(faults)
    refused = [] if isinstance(verdict, gate.Permit) else sorted({reason.rule.id for reason in verdict.reasons})
    recorded = _record(customer_id, contact, "contact.reported", {"actor": agency.actor, "refused_by": refused}, at=at, by=by)
    return recorded if isinstance(recorded, Unfit) else (recorded, verdict)


def report(
    agency: Agency,
    permit_id: UUID,
    *,
    started_at: datetime,
    law: Law,
    at: datetime,
    by: str,
    line_result: LineResult | None = None,
    outcome: Outcome | None = None,
) -> tuple[UUID, bool] | Unfit:
    """The result of a contact an agency made under its permit: the contact, and whether it was made in the permit's time.

    One made out of that time, or after the permit was withdrawn, has used none: it is recorded as made without one.
    """
    seat = _seat_of(agency, permit_id)
    if seat is None:
        return Unfit([fault("permit", "permit_unknown")])
    permit = Permit.objects.get(pk=permit_id)
    if started_at > at:
        return Unfit([fault("started_at", "in_future")])
    withdrawn_at = permit.returned_at if seat.closed_at is None else None
    if permit.at <= started_at < (withdrawn_at or permit.expires_at):
        faults = complete(seat.contact_id, line_result=line_result, outcome=outcome, started_at=started_at, at=at, by=by)
        return Unfit(faults) if faults else (seat.contact_id, True)
    attempt = attempts.read(permit.attempt)
    if not isinstance(attempt, Attempt):
        raise TypeError("a permit keeps an attempt that can be read")
    made = record_reported(
        agency,
        seat.customer_id,
        attempt,
        started_at=started_at,
        law=law,
        at=at,
        by=by,
        line_result=line_result,
        outcome=outcome,
    )
    return made if isinstance(made, Unfit) else (made[0], False)


def _record(customer_id: str, contact: Contact, kind: str, body: dict[str, Any], *, at: datetime, by: str) -> UUID | Unfit:
    """Write a contact that is over already."""
    if contact.started_at > at:
        return Unfit([fault("started_at", "in_future")])
    with held(customer_id, at=at, by=by) as customer:
        contact.contact_id, contact.customer_id = uuid4(), customer_id
        contact.state, contact.recorded_at, contact.closed_at, contact.by = State.COMPLETED, customer.at, customer.at, by
        contact.save(force_insert=True)
        customer.remember(
            kind, {"contact": str(contact.contact_id), "channel": contact.channel, "party": contact.party, **body}
        )
    return contact.contact_id


def _uuid(point: str) -> UUID | None:
    """The id of a contact point; None for the main one, and for what is no id of ours."""
    try:
        return UUID(point)
    except ValueError:
        return None
