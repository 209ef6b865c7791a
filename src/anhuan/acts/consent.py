"""The acts on what a customer agrees to, asks not to have, and names as inconvenient; and on what we learn of her and hers.

Each is one row and one event: nothing is taken back by changing a row. Events hold ids, closed words and times of day, never what
was said. Third persons are sealed here: one who refused is never approached again.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time
from functools import cache
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import available_timezones

from anhuan.acts.customer import Held, held
from anhuan.acts.fitness import fault
from anhuan.acts.pending import withdraw
from anhuan.core.vocabulary import BANK, Channel, Covers, Party
from anhuan.records.attempt import Fault
from anhuan.records.circumstance import (
    Circumstance,
    CircumstanceKind,
    PersonFinding,
    PersonFindingKind,
    PointFinding,
    PointFindingKind,
)
from anhuan.records.consent import BadTime, CeaseNotice, Consent, OptOut, PlaceBar, Revocation, TimeBlock, Wish
from anhuan.records.contact import Contact
from anhuan.records.customer import ContactPoint
from anhuan.records.hardship import Hardship, HardshipKind
from anhuan.records.identity import Said
from anhuan.records.note import Note, NoteKind

EVERY_DAY = frozenset(range(7))

Recorded = UUID | list[Fault]


# --- consents -----------------------------------------------------------------------------------------------------


def give(
    customer_id: str,
    covers: Collection[Covers],
    *,
    at: datetime,
    by: str,
    given_to: str = BANK,
    said_at: datetime | None = None,
    begins: datetime | None = None,
    ends: datetime | None = None,
    channel: Channel | None = None,
    point_id: UUID | None = None,
    person_id: str | None = None,
    debts: Collection[str] | None = None,
    limit_per_day: int | None = None,
) -> Recorded:
    """She agrees to what `covers` names, and to nothing else. What limits nothing is left out."""
    with held(customer_id, at=at, by=by) as customer:
        said_at = said_at or customer.at
        if not covers:
            return [fault("covers", "covers_missing")]
        row = Consent(
            covers=sorted(covers), given_to=given_to, begins=begins or said_at, ends=ends, channel=channel or "",
            point_id=point_id, person_id=person_id, debts=None if debts is None else sorted(debts), limit_per_day=limit_per_day,
        )  # fmt: skip
        body = {"covers": sorted(covers), "given_to": given_to, "channel": channel, "ends": ends and ends.isoformat()}
        return _record(customer, row, "consent.given", body, said_at)


def revoke(customer_id: str, covers: Collection[Covers], *, at: datetime, by: str, said_at: datetime | None = None) -> Recorded:
    """All earlier consents to these end; what was kept of health under one is erased with it, and only that it was there stays."""
    with held(customer_id, at=at, by=by) as customer:
        if not covers:
            return [fault("covers", "covers_missing")]
        body: dict[str, Any] = {"covers": sorted(covers)}
        if Covers.SENSITIVE_NOTE in covers and (said_at or customer.at) <= customer.at:
            body["erased"] = _forget(customer_id, said_at or customer.at) or None
        return _record(customer, Revocation(covers=sorted(covers)), "consent.revoked", body, said_at)


def _forget(customer_id: str, said_at: datetime) -> int:
    """Erase the sealed words of notes of health kept under a consent that ends at an instant, and such a cause of hardship; how many notes.

    Personal data is deleted on the handler's own initiative once consent is withdrawn (PIPL, Art. 47; read as binding at once, the
    stricter reading). The notes' rows and events stay: they say that something was kept and under which consent, never what.
    """
    ended = Consent.objects.filter(customer_id=customer_id, covers__contains=[Covers.SENSITIVE_NOTE], at__lte=said_at).values(
        "id"
    )
    kept = Note.objects.filter(customer_id=customer_id, kind=NoteKind.SENSITIVE, consent_id__in=ended).values("note_id")
    Hardship.objects.filter(customer_id=customer_id, consent_id__in=ended).update(kind=HardshipKind.OTHER, consent_id=None)
    erased, _ = Said.objects.filter(pk__in=kept).delete()
    return erased


# --- what she asks not to have ------------------------------------------------------------------------------------


def opt_out(
    customer_id: str,
    channel: Channel,
    *,
    at: datetime,
    by: str,
    point_id: UUID | None = None,
    said_at: datetime | None = None,
    written: bool = False,
) -> Recorded:
    """No more by this channel: to this point, or to any."""
    with held(customer_id, at=at, by=by) as customer:
        body = {"channel": channel, "point": point_id and str(point_id)}
        return _record(customer, OptOut(channel=channel, point_id=point_id, written=written), "opt_out", body, said_at)


def cease(
    customer_id: str,
    *,
    at: datetime,
    by: str,
    received_at: datetime | None = None,
    sent_at: datetime | None = None,
    written: bool,
) -> Recorded:
    """She refuses all contact; a written refusal binds from the instant it arrived."""
    with held(customer_id, at=at, by=by) as customer:
        return _record(customer, CeaseNotice(sent_at=sent_at, written=written), "cease", {"written": written}, received_at)


def block_time(
    customer_id: str,
    *,
    at: datetime,
    by: str,
    weekdays: Collection[int] = EVERY_DAY,
    begins: time | None = None,
    ends: time | None = None,
    until_date: date | None = None,
    channel: Channel | None = None,
    told_to: str = BANK,
    said_at: datetime | None = None,
) -> Recorded:
    """A recurring time she named as inconvenient; it binds every actor, whoever was told."""
    with held(customer_id, at=at, by=by) as customer:
        if not weekdays or not set(weekdays) <= EVERY_DAY:
            return [fault("weekdays", "weekdays_unfit")]
        row = TimeBlock(
            weekdays=sorted(weekdays), begins=begins, ends=ends, until_date=until_date, channel=channel or "", told_to=told_to
        )
        body = {
            "weekdays": sorted(weekdays), "begins": begins and begins.isoformat(), "ends": ends and ends.isoformat(),
            "until_date": until_date and until_date.isoformat(), "channel": channel,
        }  # fmt: skip
        return _record(customer, row, "time.blocked", body, said_at)


def bar_place(
    customer_id: str, place: str, *, at: datetime, by: str, employer: bool = False, said_at: datetime | None = None
) -> Recorded:
    """No contact at `home`, or at `work`; `employer`: because her employer forbids it."""
    with held(customer_id, at=at, by=by) as customer:
        if place not in {"home", "work"}:
            return [fault("place", "place_unfit")]
        body = {"place": place, "employer": employer}
        return _record(customer, PlaceBar(place=place, employer=employer), "place.barred", body, said_at)


def say_bad_time(contact_id: UUID, *, at: datetime, by: str) -> Recorded:
    """In this contact she said: not now."""
    contact = Contact.objects.filter(pk=contact_id).only("customer_id").first()
    if contact is None:
        return [fault("contact", "contact_unknown")]
    with held(contact.customer_id, at=at, by=by) as customer:
        return _record(customer, BadTime(contact_id=contact_id), "time.bad", {"contact": str(contact_id)}, None)


# --- third persons ------------------------------------------------------------------------------------------------


def hear_person(
    customer_id: str,
    person_id: str,
    kind: PersonFindingKind,
    *,
    at: datetime,
    by: str,
    relation: Party | None = None,
    said_at: datetime | None = None,
) -> Recorded:
    """Something a third person said, or that was proven of her. `refused` seals her off for good.

    `relation` is needed of one whom the bank never named. The event does not say who it is, for ids of third persons are personal.
    """
    with held(customer_id, at=at, by=by) as customer:
        known = ContactPoint.objects.filter(customer_id=customer_id, person_id=person_id).exclude(party=Party.DEBTOR).exists()
        named = (
            known or PersonFinding.objects.filter(customer_id=customer_id, person_id=person_id).exclude(relation="").exists()
        )
        if relation is None and not named:
            return [fault("relation", "relation_missing")]
        row = PersonFinding(kind=kind, person_id=person_id, relation=relation or "")
        return _record(customer, row, f"person.{kind}", {}, said_at)


# --- what we learn ------------------------------------------------------------------------------------------------


def find_point(
    customer_id: str,
    point_id: UUID,
    kind: PointFindingKind,
    *,
    at: datetime,
    by: str,
    found_at: datetime | None = None,
    opt_out_until: date | None = None,
    reassigned: bool | None = None,
) -> Recorded:
    """Something learnt of one contact point, such as that it is a wrong number."""
    with held(customer_id, at=at, by=by) as customer:
        lacking = {
            PointFindingKind.TRANSFER_NOTICE: opt_out_until is None,
            PointFindingKind.NUMBER_CHECK: reassigned is None,
        }
        if lacking.get(kind):
            return [fault("kind", "finding_incomplete")]
        row = PointFinding(kind=kind, point_id=point_id, opt_out_until=opt_out_until, reassigned=reassigned)
        return _record(customer, row, f"point.{kind}", {"point": str(point_id)}, found_at)


def learn(
    customer_id: str,
    kind: CircumstanceKind,
    *,
    at: datetime,
    by: str,
    since: datetime | None = None,
    ends: datetime | None = None,
    debts: Collection[str] | None = None,
    timezones: Collection[str] | None = None,
    place: str = "",
    contact_known: bool | None = None,
    actor: str = "",
) -> Recorded:
    """Something learnt of the customer herself; which words go with which kind stands in `CircumstanceKind`."""
    with held(customer_id, at=at, by=by) as customer:
        unfit = {
            CircumstanceKind.MOVED: not timezones or not set(timezones) <= _zones(),
            CircumstanceKind.WHEREABOUTS: place not in {"home", "work"} or ends is None,
            CircumstanceKind.ATTORNEY: contact_known is None,
            CircumstanceKind.AGENCY_ANNOUNCED: not actor.startswith("agency:"),
        }
        if unfit.get(kind):
            return [fault("kind", "finding_incomplete")]
        row = Circumstance(
            kind=kind, ends=ends, debts=None if debts is None else sorted(debts), place=place, contact_known=contact_known,
            timezones=None if timezones is None else list(timezones), actor=actor,
        )  # fmt: skip
        body = {"debts": row.debts, "actor": actor, "ends": ends and ends.isoformat()}
        return _record(customer, row, f"learnt.{kind}", body, since)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


# --- all of them --------------------------------------------------------------------------------------------------


def _record(customer: Held, row: Wish, kind: str, body: dict[str, Any], said_at: datetime | None) -> Recorded:
    """Write one row, withdraw what it forbids of all that waits, and write the event. What is said was said by now."""
    row.id, row.customer_id = uuid4(), customer.customer_id
    row.at, row.recorded_at, row.by = said_at or customer.at, customer.at, customer.by
    if row.at > customer.at:
        return [fault("said_at", "in_future")]
    row.save(force_insert=True)
    body["withdrawn"] = withdraw(customer)
    told = {name: value for name, value in body.items() if value not in (None, "", [], {})}
    customer.remember(kind, {"id": str(row.id), "at": row.at.isoformat(), **told})
    return row.id
