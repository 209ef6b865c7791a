"""The timeline of a case: everything done by anybody on any channel, in one list, newest first.

Knows how contacts, messages, replies, refusals, payments, notes, holds and events become lines, and that what is told by one of them is
not told again by another. One statement says where the lines stand, and one for each kind that is among them fetches it.
Notes are in clear for who works the case; a sensitive one only while the consent it rests on stands.
"""

# ruff: noqa: S608  The SQL is put together from constants of this file; every value is bound.
from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import get_language

from anhuan.acts import note as notes
from anhuan.core.vocabulary import BANK, PaymentKind
from anhuan.records import identity
from anhuan.records.call import Call
from anhuan.records.contact import Contact, Refusal
from anhuan.records.events import Event
from anhuan.records.hold import Hold
from anhuan.records.note import Note, NoteKind
from anhuan.records.outbox import OutboxItem, Reply
from anhuan.records.payment import Payment
from anhuan.rulebook import codes
from anhuan.workbench import figures, gate, happenings, words

KINDS = ("contact", "message", "reply", "refusal", "payment", "note", "hold", "event")
LENGTH = 25
_TOLD_BY_OTHERS = ("contact.", "call.wrapped", "hold.", "note.", "message.read", "identity.revealed")
"""Events that a line of another kind tells already, and looks, which have their own page."""


@dataclass(frozen=True)
class Line:
    """One thing that happened: `what` in words, `result` as a chip in `tone`, `note` in clear where it may be read."""

    at: datetime
    kind: str
    what: str
    by: str
    actor: str = "us"
    result: str = ""
    tone: str = "plain"
    note: str = ""
    row: str = ""


@dataclass(frozen=True)
class Asked:
    """Whose timeline, which kinds of it, and what comes after the instant `before`. `reads`: whether notes may be read."""

    customer_id: str
    kinds: frozenset[str] = frozenset(KINDS)
    before: datetime | None = None
    reads: bool = False


# Where the lines of each kind stand: whatever else the rows tell is asked of those alone that are shown. A contact that a message
# tells of already is left to the message.
_WHERE = {
    "contact": (
        "SELECT started_at AS at, contact_id::text AS id FROM records_contact t WHERE customer_id = %(customer)s"
        " AND NOT EXISTS (SELECT FROM records_outboxitem o WHERE o.contact_id = t.contact_id)"
    ),
    "message": "SELECT changed_at AS at, item_id::text AS id FROM records_outboxitem WHERE customer_id = %(customer)s",
    "reply": "SELECT heard_at AS at, reply_id::text AS id FROM records_reply WHERE customer_id = %(customer)s",
    "refusal": "SELECT at, id::text AS id FROM records_refusal WHERE customer_id = %(customer)s",
    "payment": (
        "SELECT p.effective_on::timestamp AT TIME ZONE %(zone)s AS at, p.payment_id AS id"
        " FROM records_account a JOIN records_payment p USING (account_id) WHERE a.customer_id = %(customer)s"
    ),
    "note": "SELECT at, note_id::text AS id FROM records_note WHERE customer_id = %(customer)s",
    "hold": "SELECT begins AS at, hold_id::text AS id FROM records_hold WHERE customer_id = %(customer)s",
    "event": (
        "SELECT at, lpad(number::text, 12, '0') AS id FROM records_event"
        " WHERE chain = %(customer)s AND NOT kind ^@ ANY(%(told)s)"
    ),
}
_OF_ONE_KIND = (
    "(SELECT '{}' AS kind, at, id FROM ({}) k WHERE at < %(before)s ORDER BY at DESC FETCH FIRST %(rows)s ROWS WITH TIES)"
)


def lines(asked: Asked, *, now: datetime, length: int = LENGTH) -> tuple[list[Line], datetime | None]:
    """About so many lines, newest first, and the instant to go on from; None at the end. What happened at one instant stays together."""
    places = _places(asked, length + 1)
    further = None
    if len(places) > length:
        shown = [each for each in places if each[1] > places[-1][1]] or places
        places, further = shown, shown[-1][1]
    told: list[Line] = []
    for kind, read in _READ.items():
        if ids := [row for of, _at, row in places if of == kind]:
            told += read(asked, now, ids)
    order = {kind: number for number, kind in enumerate(KINDS)}
    told.sort(key=lambda line: (-line.at.timestamp(), order[line.kind]))
    return told, further


def _places(asked: Asked, rows: int) -> list[tuple[str, datetime, str]]:
    """The kind, instant and id of the newest, and of all that share the last one's instant."""
    each = " UNION ALL ".join(_OF_ONE_KIND.format(kind, _WHERE[kind]) for kind in KINDS if kind in asked.kinds)
    params: dict[str, Any] = {
        "customer": asked.customer_id, "before": asked.before or _END, "rows": rows, "told": list(_TOLD_BY_OTHERS),
        "zone": settings.TIME_ZONE,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT kind, at, id FROM ({each}) a ORDER BY at DESC FETCH FIRST %(rows)s ROWS WITH TIES", params)
        return list(cursor.fetchall())


_END = datetime.max.replace(tzinfo=UTC) - timedelta(days=2)


def _contacts(_asked: Asked, _now: datetime, ids: list[str]) -> Iterator[Line]:
    led = {each.contact_id: each for each in Call.objects.filter(contact_id__in=ids)}
    for contact in Contact.objects.filter(pk__in=ids):
        deed = gate.deed(contact)
        result = " · ".join(words.label(table, word) for table, word in deed.result)
        call = led.get(contact.contact_id)
        if call is not None and call.result_code:
            result = _coded(call)
        actor = "agency" if contact.actor != BANK else "robot" if contact.automated else "us"
        channel, party = words.label("channel", contact.channel), words.label("party", contact.party)
        direction = f" {words.label('direction', 'inbound')}" if deed.inbound else ""
        who = contact.actor.removeprefix("agency:") if actor == "agency" else contact.by
        row = str(contact.contact_id)
        yield Line(contact.started_at, "contact", f"{channel}{direction} · {party}", who, actor, result, deed.tone, row=row)


def _coded(call: Call) -> str:
    """A result as the code book calls it."""
    result = codes.book().results.get(call.result_code)
    if result is None:
        return call.result_code
    return f"{result.code} {result.zh if _chinese() else result.en}"


def _messages(_asked: Asked, _now: datetime, ids: list[str]) -> Iterator[Line]:
    for item in OutboxItem.objects.filter(pk__in=ids).select_related("campaign"):
        channel = words.label("channel", item.campaign.channel)
        told = f"{channel} · {item.campaign.wording}"
        yield Line(
            item.changed_at, "message", told, "", "robot", words.label("item", item.state), item.state, row=str(item.item_id)
        )


def _replies(_asked: Asked, _now: datetime, ids: list[str]) -> Iterator[Line]:
    for reply in Reply.objects.filter(pk__in=ids):
        intent = words.label("intent", reply.intent)
        yield Line(reply.heard_at, "reply", words.label("channel", reply.source), "", "her", intent, row=str(reply.reply_id))


def _refusals(_asked: Asked, _now: datetime, ids: list[str]) -> Iterator[Line]:
    for refusal in Refusal.objects.filter(pk__in=ids).order_by("-id"):
        reason: dict[str, str] = next(iter(refusal.reasons), {})
        sentence = reason.get("message_zh" if _chinese() else "message_en", "")
        channel, party = words.label("channel", refusal.channel), words.label("party", refusal.party)
        actor = "us" if refusal.actor == BANK else "agency"
        yield Line(refusal.at, "refusal", f"{channel} · {party}", refusal.by, actor, sentence, "refused")


def _payments(_asked: Asked, _now: datetime, ids: list[str]) -> Iterator[Line]:
    for each in Payment.objects.filter(pk__in=ids).order_by("-payment_id"):
        at = timezone.make_aware(datetime.combine(each.effective_on, time()))
        back = each.kind == PaymentKind.REVERSAL
        amount = f"{each.currency} {figures.money(-each.amount_minor if back else each.amount_minor, each.currency)}"
        yield Line(at, "payment", words.label("payment", each.kind), "", "bank", amount, "warning" if back else "sealed")


def _notes(asked: Asked, now: datetime, ids: list[str]) -> Iterator[Line]:
    found = list(Note.objects.filter(pk__in=ids))
    open_ones = [each for each in found if asked.reads and each.kind != NoteKind.SENSITIVE]
    if (
        asked.reads
        and any(each.kind == NoteKind.SENSITIVE for each in found)
        and notes.consent_to_sensitive(asked.customer_id, now)
    ):
        open_ones = found
    said = identity.said([each.note_id for each in open_ones])
    for each in found:
        text = str(said.get(each.note_id, {}).get("note", ""))
        yield Line(each.at, "note", "", each.by, "us", note=text, row=str(each.note_id))


def _holds(_asked: Asked, now: datetime, ids: list[str]) -> Iterator[Line]:
    for each in Hold.objects.filter(pk__in=ids):
        ended = each.ends is not None and each.ends <= now
        upto = f" – {timezone.localtime(each.ends).strftime('%Y-%m-%d')}" if each.ends else ""
        tone = "plain" if ended else "held"
        yield Line(each.begins, "hold", words.label("hold", each.kind), each.registered_by, "us", upto.strip(" –"), tone)


def _events(asked: Asked, _now: datetime, ids: list[str]) -> Iterator[Line]:
    found = Event.objects.filter(chain=asked.customer_id, number__in=list(map(int, ids))).order_by("-number")
    for each in happenings.told(found):
        yield Line(each.at, "event", each.sentence, each.by)


_READ = {
    "contact": _contacts, "message": _messages, "reply": _replies, "refusal": _refusals, "payment": _payments, "note": _notes,
    "hold": _holds, "event": _events,
}  # fmt: skip


def sensitive(customer_id: str) -> list[tuple[Note, str]]:
    """The vulnerability notes of a customer with their words, for a caller who knows that she agrees to them."""
    found = list(Note.objects.filter(customer_id=customer_id, kind=NoteKind.SENSITIVE).order_by("-at")[:20])
    said = identity.said([each.note_id for each in found])
    return [(each, _text(said, each.note_id)) for each in found]


def _text(said: dict[UUID, dict[str, object]], note_id: UUID) -> str:
    return str(said.get(note_id, {}).get("note", ""))


def kinds(chosen: Collection[str]) -> frozenset[str]:
    """The kinds an address asks for; all of them where it names none."""
    return frozenset(chosen) & frozenset(KINDS) or frozenset(KINDS)


def _chinese() -> bool:
    return (get_language() or "").startswith("zh")
