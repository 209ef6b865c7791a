"""The timeline of a case: everything done by anybody on any channel, in one list, newest first.

Knows how contacts, messages, replies, refusals, payments, notes, holds and events become lines, and that what is told by one of them is
not told again by another. One query for each kind, whatever the case's length. Notes are in clear for who works the case; a sensitive
one only while the consent it rests on stands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language

from anhuan.acts import note as notes
from anhuan.core.vocabulary import BANK, PaymentKind
from anhuan.records import identity
from anhuan.records.account import Account
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
LENGTH = 40
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

    def upto(self, field: str) -> Q:
        return Q(**{f"{field}__lt": self.before}) if self.before else Q()


def lines(asked: Asked, *, now: datetime, length: int = LENGTH) -> tuple[list[Line], datetime | None]:
    """So many lines, newest first, and the instant to go on from; None at the end."""
    told: list[Line] = []
    for kind, read in _READ.items():
        if kind in asked.kinds:
            told += read(asked, now, length + 1)
    told.sort(key=lambda line: line.at, reverse=True)
    return told[:length], told[length - 1].at if len(told) > length else None


def _contacts(asked: Asked, now: datetime, length: int) -> Iterator[Line]:  # noqa: ARG001
    found = list(
        Contact.objects.filter(asked.upto("started_at"), customer_id=asked.customer_id).order_by("-started_at")[:length]
    )
    ids = [each.contact_id for each in found]
    by_machine = set(OutboxItem.objects.filter(contact_id__in=ids).values_list("contact_id", flat=True))
    led = {each.contact_id: each for each in Call.objects.filter(contact_id__in=ids)}
    for contact in found:
        if contact.contact_id in by_machine:
            continue
        deed = gate.deed(contact)
        result = " · ".join(words.label(table, word) for table, word in deed.result)
        call = led.get(contact.contact_id)
        if call is not None and call.result_code:
            result = _coded(call)
        actor = "agency" if contact.actor != BANK else "robot" if contact.automated else "us"
        channel, party = words.label("channel", contact.channel), words.label("party", contact.party)
        direction = f" {words.label('direction', 'inbound')}" if deed.inbound else ""
        who = contact.actor.removeprefix("agency:") if actor == "agency" else contact.by
        yield Line(
            contact.started_at,
            "contact",
            f"{channel}{direction} · {party}",
            who,
            actor,
            result,
            deed.tone,
            row=str(contact.contact_id),
        )


def _coded(call: Call) -> str:
    """A result as the code book calls it."""
    result = codes.book().results.get(call.result_code)
    if result is None:
        return call.result_code
    return f"{result.code} {result.zh if _chinese() else result.en}"


def _messages(asked: Asked, now: datetime, length: int) -> Iterator[Line]:  # noqa: ARG001
    found = OutboxItem.objects.filter(asked.upto("changed_at"), customer_id=asked.customer_id).select_related("campaign")
    for item in found.order_by("-changed_at")[:length]:
        channel = words.label("channel", item.campaign.channel)
        told = f"{channel} · {item.campaign.wording}"
        yield Line(
            item.changed_at, "message", told, "", "robot", words.label("item", item.state), item.state, row=str(item.item_id)
        )


def _replies(asked: Asked, now: datetime, length: int) -> Iterator[Line]:  # noqa: ARG001
    for reply in Reply.objects.filter(asked.upto("heard_at"), customer_id=asked.customer_id).order_by("-heard_at")[:length]:
        intent = words.label("intent", reply.intent)
        yield Line(reply.heard_at, "reply", words.label("channel", reply.source), "", "her", intent, row=str(reply.reply_id))


def _refusals(asked: Asked, now: datetime, length: int) -> Iterator[Line]:  # noqa: ARG001
    for refusal in Refusal.objects.filter(asked.upto("at"), customer_id=asked.customer_id).order_by("-at")[:length]:
        reason: dict[str, str] = next(iter(refusal.reasons), {})
        sentence = reason.get("message_zh" if _chinese() else "message_en", "")
        channel, party = words.label("channel", refusal.channel), words.label("party", refusal.party)
        actor = "us" if refusal.actor == BANK else "agency"
        yield Line(refusal.at, "refusal", f"{channel} · {party}", refusal.by, actor, sentence, "refused")


def _payments(asked: Asked, now: datetime, length: int) -> Iterator[Line]:  # noqa: ARG001
    accounts = Account.objects.filter(customer_id=asked.customer_id).values("account_id")
    found = Payment.objects.filter(account_id__in=accounts)
    if asked.before is not None:
        found = found.filter(effective_on__lt=timezone.localtime(asked.before).date())
    for each in found.order_by("-effective_on", "-payment_id")[:length]:
        at = timezone.make_aware(datetime.combine(each.effective_on, time()))
        back = each.kind == PaymentKind.REVERSAL
        amount = f"{each.currency} {figures.money(-each.amount_minor if back else each.amount_minor, each.currency)}"
        yield Line(at, "payment", words.label("payment", each.kind), "", "bank", amount, "warning" if back else "sealed")


def _notes(asked: Asked, now: datetime, length: int) -> Iterator[Line]:
    found = list(Note.objects.filter(asked.upto("at"), customer_id=asked.customer_id).order_by("-at")[:length])
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


def _holds(asked: Asked, now: datetime, length: int) -> Iterator[Line]:
    for each in Hold.objects.filter(asked.upto("begins"), customer_id=asked.customer_id).order_by("-begins")[:length]:
        ended = each.ends is not None and each.ends <= now
        upto = f" – {timezone.localtime(each.ends).strftime('%Y-%m-%d')}" if each.ends else ""
        tone = "plain" if ended else "held"
        yield Line(each.begins, "hold", words.label("hold", each.kind), each.registered_by, "us", upto.strip(" –"), tone)


def _events(asked: Asked, now: datetime, length: int) -> Iterator[Line]:  # noqa: ARG001
    told_already = Q()
    for kind in _TOLD_BY_OTHERS:
        told_already |= Q(kind__startswith=kind)
    found = Event.objects.filter(asked.upto("at"), chain=asked.customer_id).exclude(told_already).order_by("-number")[:length]
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
