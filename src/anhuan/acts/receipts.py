"""The acts on what comes back: receipts of messages, and what people write.

Knows what a receipt does to a contact and its message, and which replies are acted on at once: a person who wants no more
messages, or is not the one we mean, waits for nobody. Everything else is proposed to people. Receipts may come twice, late and in
any order: a message never goes back on its way. Does not know any protocol.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, connection, transaction

from anhuan.acts import consent, dispatch, outbox, verification
from anhuan.channels.email.bounces import Bounce, Kind
from anhuan.channels.transport import Call, Delivery, Inbound
from anhuan.channels.transport import Receipt as Heard
from anhuan.channels.voice.script import MEANS
from anhuan.core.facts import MAIN_POINT
from anhuan.core.vocabulary import Channel, LineResult, Party, Purpose
from anhuan.records import identity
from anhuan.records.circumstance import PointFinding, PointFindingKind
from anhuan.records.consent import OptOut
from anhuan.records.contact import Contact, Permit, State
from anhuan.records.customer import ContactPoint
from anhuan.records.outbox import ItemState, OutboxItem, Receipt, Reply
from anhuan.rulebook import replies

BY = "system:channel"
MOST_TRIES = 3
"""So often is a message tried that is proven never to have left."""
FIRST_WAIT = timedelta(minutes=5)
"""How long before the second try; four times as long before the third."""

_FURTHER = (
    ItemState.WAITING, ItemState.STARTED, ItemState.UNKNOWN, ItemState.SENT, ItemState.NOT_DELIVERED, ItemState.DELIVERED,
)  # fmt: skip
"""How far a message has come; a receipt moves it on, never back. `delivered` stands above what says the opposite later."""


# --- receipts -----------------------------------------------------------------------------------------------------


def settle(heard: Iterable[Heard], *, at: datetime, by: str = BY) -> int:
    """Keep receipts and what follows from them; how many belong to messages of ours. The same one again changes nothing."""
    receipts = list(heard)
    with transaction.atomic():
        found = _items(receipts)
        times = Counter(item.item_id for item in found.values() if item is not None)
        plain = {
            number
            for number, item in found.items()
            if item is not None and times[item.item_id] == 1 and _is_plain(item, receipts[number])
        }
        _settle_plain([(item, receipts[number]) for number, item in found.items() if item and number in plain], at=at, by=by)
        for number, receipt in sorted(enumerate(receipts), key=lambda each: _order(each, found)):
            item = found[number]
            if item is not None and number not in plain:
                _settle(item, receipt, at=at, by=by)
    return sum(item is not None for item in found.values())


def _is_plain(item: OutboxItem, heard: Heard) -> bool:
    """Whether it is the first to say so, and nothing follows but that the contact is made."""
    first = item.state in {ItemState.STARTED, ItemState.UNKNOWN}
    return (
        heard.call is None
        and item.purpose == ""
        and heard.delivery in _PLAIN
        and (first or (item.state == ItemState.SENT and heard.delivery is Delivery.DELIVERED))
    )


_PLAIN = {Delivery.TAKEN: ItemState.SENT, Delivery.DELIVERED: ItemState.DELIVERED}


def _settle_plain(pairs: Sequence[tuple[OutboxItem, Heard]], *, at: datetime, by: str) -> None:
    """First receipts of messages that were taken, as one set."""
    if not pairs:
        return
    dispatch.complete_many([item.contact_id for item, _ in pairs if item.contact_id], at=at, by=by)
    for item, heard in pairs:
        item.state, item.code, item.worker, item.changed_at = _PLAIN[heard.delivery], heard.code[:80], None, at
        item.parts = heard.parts
    told = [(item.item_id, item.state, item.code, item.parts) for item, _ in pairs]
    with connection.cursor() as cursor:
        cursor.execute(_MARK, [at, *map(list, zip(*told, strict=True))])
    Receipt.objects.bulk_create([row for item, heard in pairs for row in _receipts(item, heard, at)])


_MARK = """
UPDATE records_outboxitem i SET state = n.state, code = n.code, parts = n.parts, worker = NULL, changed_at = %s
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::smallint[]) n (item_id, state, code, parts) WHERE i.item_id = n.item_id
"""


def _receipts(item: OutboxItem, heard: Heard, at: datetime) -> list[Receipt]:
    """A row for each part the other side has a name for: by any of them may it be asked, or tell, later."""
    return [
        Receipt(
            item=item, delivery=heard.delivery.value, code=heard.code[:80], permanent=heard.permanent, reference=reference[:100],
            at=heard.at, heard_at=at,
        )
        for reference in heard.references or ("",)
    ]  # fmt: skip


def _order(each: tuple[int, Heard], found: Mapping[int, OutboxItem | None]) -> tuple[str, int]:
    """Customers in the order of their ids, as every act that holds several takes them; receipts of one as they were heard."""
    item = found[each[0]]
    return item.customer_id if item else "", each[0]


def _items(receipts: Sequence[Heard]) -> dict[int, OutboxItem | None]:
    """The message each receipt is about, by the attempt's permit, else by what the other side called it."""
    attempts = {each.attempt_id for each in receipts if each.attempt_id}
    contacts = dict(Permit.objects.filter(attempt_id__in=attempts).values_list("attempt_id", "used_by"))
    references = {each.references[0] for each in receipts if not each.attempt_id and each.references}
    by_reference = dict(Receipt.objects.filter(reference__in=references).order_by("id").values_list("reference", "item_id"))
    held = OutboxItem.objects.select_for_update().order_by("item_id")
    by_contact = {each.contact_id: each for each in held.filter(contact_id__in=[c for c in contacts.values() if c])}
    by_item = {each.item_id: each for each in held.filter(pk__in=by_reference.values())}

    def of(receipt: Heard) -> OutboxItem | None:
        if receipt.attempt_id:
            return by_contact.get(contacts.get(receipt.attempt_id))
        return by_item.get(by_reference.get(receipt.references[0])) if receipt.references else None  # type: ignore[arg-type]

    return {number: of(receipt) for number, receipt in enumerate(receipts)}


def _settle(item: OutboxItem, heard: Heard, *, at: datetime, by: str) -> None:
    rows = _receipts(item, heard, at)
    said = Receipt.objects.filter(item=item, delivery=rows[0].delivery, code=rows[0].code, reference=rows[0].reference)
    if said.filter(at=heard.at).exists():
        return
    Receipt.objects.bulk_create(rows)
    if item.contact_id is None:
        return
    state = _SETTLERS[heard.delivery](item, heard, at, by)
    _hear_keys(heard.attempt_id, heard.call, at, by)
    if state is None or (state in _FURTHER and _FURTHER.index(state) <= _place(item.state) and state is not ItemState.WAITING):
        return
    item.state, item.code, item.worker, item.changed_at = state, heard.code[:80], None, at
    item.parts = max(item.parts, heard.parts)
    item.save(update_fields=["state", "code", "worker", "changed_at", "parts", "tries", "not_before", "contact_id"])
    if item.purpose == Purpose.RESPOND and item.state in {ItemState.SENT, ItemState.DELIVERED}:
        verification.left(item, at=at, by=by)


def _place(state: str) -> int:
    return _FURTHER.index(ItemState(state)) if state in _FURTHER else len(_FURTHER)


def _taken(item: OutboxItem, heard: Heard, at: datetime, by: str) -> ItemState:
    _complete(item, heard, at, by)
    return ItemState.SENT


def _delivered(item: OutboxItem, heard: Heard, at: datetime, by: str) -> ItemState:
    _complete(item, heard, at, by)
    return ItemState.DELIVERED


def _not_delivered(item: OutboxItem, heard: Heard, at: datetime, by: str) -> ItemState:
    """It was taken, so it counts; an address that is at fault is not used again."""
    _complete(item, heard, at, by)
    _blame_the_address(item, heard, at, by)
    return ItemState.NOT_DELIVERED


def _failed(item: OutboxItem, heard: Heard, at: datetime, by: str) -> ItemState | None:
    """Proven not to have left, the seat is free again, and what may pass another time is tried another time."""
    if not heard.nothing_left:
        return _unknown(item, heard, at, by)
    contact = item.contact_id
    if contact is None or dispatch.void(contact, proof=heard.code or "not_taken", at=at, by=by):
        return None
    _blame_the_address(item, heard, at, by)
    item.tries += 1
    if heard.permanent or item.tries >= MOST_TRIES:
        return ItemState.FAILED
    item.contact_id, item.not_before = None, at + FIRST_WAIT * 4 ** (item.tries - 1)
    return ItemState.WAITING


def _unknown(item: OutboxItem, _heard: Heard, at: datetime, by: str) -> ItemState:
    if item.contact_id is not None:
        dispatch.unknown(item.contact_id, at=at, by=by)
    return ItemState.UNKNOWN


def _complete(item: OutboxItem, heard: Heard, at: datetime, by: str) -> None:
    open_ones = Contact.objects.filter(closed_at=None).exclude(state=State.VOID)
    contact = open_ones.filter(pk=item.contact_id).first() if item.contact_id else None
    if contact is None:
        return
    call = heard.call
    if call is None and contact.channel == Channel.CALL:
        # Somebody tells of a call without saying how it went: it was taken, or it was not.
        call = Call(LineResult.NO_ANSWER if heard.delivery is Delivery.NOT_DELIVERED else LineResult.CONNECTED)
    result: dict[str, Any] = {"line_result": call.line_result, "outcome": call.outcome} if call else {}
    if call and call.recording:
        kept_until = call.keep_until.isoformat() if call.keep_until else ""
        result["recording"] = {"file": call.recording, "sha256": call.digest, "keep_until": kept_until}
    dispatch.complete(contact.contact_id, at=at, by=by, **result)


def _hear_keys(attempt_id: str, call: Call | None, at: datetime, by: str) -> None:
    """What was meant by the keys of a call is a reply to it, acted on as one."""
    for key, intent in MEANS.items():
        if call is not None and call.meant == intent:
            hear(Inbound(f"{attempt_id}:{key}", Channel.CALL, "", "", key, answers=attempt_id, at=at), at=at, by=by)


def _blame_the_address(item: OutboxItem, heard: Heard, at: datetime, by: str) -> None:
    at_fault = heard.delivery is Delivery.NOT_DELIVERED or _AT_FAULT.match(heard.code)
    if heard.permanent and at_fault and item.contact_id is not None:
        used = Contact.objects.filter(pk=item.contact_id).values("point_id")
        for point in ContactPoint.objects.filter(point_id__in=used):
            _invalidate(point, at, by)


_AT_FAULT = re.compile(r"bad_address|5[._]1[._]")
"""What a channel says when it is the address that is wrong: by ours, and by the enhanced status of RFC 3463."""


_SETTLERS: Mapping[Delivery, Callable[[OutboxItem, Heard, datetime, str], ItemState | None]] = MappingProxyType(
    {
        Delivery.TAKEN: _taken,
        Delivery.DELIVERED: _delivered,
        Delivery.NOT_DELIVERED: _not_delivered,
        Delivery.FAILED: _failed,
        Delivery.UNKNOWN: _unknown,
    }
)


# --- bounces ------------------------------------------------------------------------------------------------------


def unsubscribe(attempt_id: str, *, at: datetime, by: str = BY) -> bool:
    """Whoever had this mail wants no more to its address; False where there is no such mail. Twice is as once."""
    used = Permit.objects.filter(attempt_id=attempt_id).values("used_by")
    mails = Contact.objects.filter(contact_id__in=used, channel=Channel.EMAIL)
    point = ContactPoint.objects.filter(point_id__in=mails.values("point_id")).first()
    if point is None:
        return False
    if not OptOut.objects.filter(customer_id=point.customer_id, channel=Channel.EMAIL, point_id=point.point_id).exists():
        _suppress(point, at, by)
    return True


def bounced(found: Iterable[Bounce], *, at: datetime, by: str = BY, attempt_id: str = "") -> int:
    """What mails that came back mean: a mailbox that is none is not used again, nor one that calls our mail unwanted.

    `attempt_id`: of our mail, where the address it came back to says; how many contact points were found.
    """
    acted = 0
    for bounce in found:
        if bounce.action not in _OF_BOUNCES:
            continue
        for mail in _mails(bounce, attempt_id):
            acted += 1
            for point in ContactPoint.objects.filter(point_id__in=[mail.point_id]):
                _OF_BOUNCES[bounce.action](point, at, by)
            item = OutboxItem.objects.filter(contact_id=mail.contact_id).first()
            if item is not None and bounce.kind in {Kind.HARD, Kind.SOFT}:
                heard = Heard("", Delivery.NOT_DELIVERED, f"bounce_{bounce.kind}", permanent=bounce.kind is Kind.HARD, at=at)
                _settle(item, heard, at=at, by=by)
    return acted


def _mails(bounce: Bounce, attempt_id: str) -> list[Contact]:
    """The mail a bounce is about: that of the attempt, else the last one to each point of the recipient's."""
    mails = Contact.objects.filter(channel=Channel.EMAIL, direction="outbound", point_id__isnull=False)
    if attempt_id:
        return list(mails.filter(contact_id__in=Permit.objects.filter(attempt_id=attempt_id).values("used_by")))
    index = identity.keyring().index("email", bounce.recipient) if bounce.recipient else None
    if index is None:
        return []
    points = ContactPoint.objects.filter(value_index=index, absent_since=None).values("point_id")
    return list(mails.filter(point_id__in=points).order_by("point_id", "-started_at").distinct("point_id"))


def _invalidate(point: ContactPoint, at: datetime, by: str) -> None:
    known = PointFinding.objects.filter(point_id=point.point_id, kind=PointFindingKind.UNREACHABLE)
    if not known.exists():
        consent.find_point(point.customer_id, point.point_id, PointFindingKind.UNREACHABLE, at=at, by=by)


def _suppress(point: ContactPoint, at: datetime, by: str) -> None:
    consent.opt_out(point.customer_id, Channel.EMAIL, point_id=point.point_id, written=True, at=at, by=by)
    outbox.withdraw([point.customer_id], code="complained", at=at, channels=[Channel.EMAIL])


_OF_BOUNCES: Mapping[str, Callable[[ContactPoint, datetime, str], None]] = MappingProxyType(
    {"invalidate": _invalidate, "suppress": _suppress, "retry": lambda *_: None}
)


# --- what people write --------------------------------------------------------------------------------------------

_INDEX_OF = {Channel.SMS: ("mobile", "phone"), Channel.CALL: ("mobile", "phone"), Channel.EMAIL: ("email",)}


@dataclass(frozen=True)
class Taken:
    """A reply as it was taken: `new` is False for one that had been heard before."""

    reply: Reply
    new: bool


def hear(said: Inbound, *, at: datetime, by: str = BY) -> Taken:
    """Keep what a person wrote, with a proposal of what she means; stop what she wants stopped, at once."""
    known = Reply.objects.filter(source=said.channel.value, heard_as=said.id[:200]).first()
    if known is not None:
        return Taken(known, new=False)
    try:
        with transaction.atomic():
            return Taken(_hear(said, at=at, by=by), new=True)
    except IntegrityError:  # heard by somebody else meanwhile
        return Taken(Reply.objects.get(source=said.channel.value, heard_as=said.id[:200]), new=False)


def _hear(said: Inbound, *, at: datetime, by: str) -> Reply:
    item = _answered(said)
    key = MEANS.get(said.text) if item and said.channel is Channel.CALL else None
    point = _called(item) if item and key else _point(said, item)
    customer_id = point.customer_id if point else item.customer_id if item else ""
    meant = replies.Reply(key, 1.0) if key else replies.intent_of(said.text)
    reply = Reply(
        reply_id=uuid4(), source=said.channel.value, heard_as=said.id[:200], customer_id=customer_id,
        point_id=point.point_id if point else None, answers=item.item_id if item else None, intent=meant.intent,
        confidence=Decimal(str(meant.confidence)), at=said.at or at, heard_at=at,
    )  # fmt: skip
    if customer_id:
        # A key is pressed within our call, and is no contact of its own.
        reply.contact_id = item.contact_id if item and key else _as_contact(customer_id, said, point, at=at, by=by)
        reply.acted = _act(customer_id, said.channel, meant, point, at=at, by=by)
    reply.save(force_insert=True)
    identity.seal_said({reply.reply_id: {"from": said.sender, "to": said.to, "text": said.text}})[0].save()
    return reply


def _answered(said: Inbound) -> OutboxItem | None:
    if not said.answers:
        return None
    contact = Permit.objects.filter(attempt_id=said.answers).values_list("used_by", flat=True).first()
    return OutboxItem.objects.filter(contact_id=contact).first() if contact else None


def _called(item: OutboxItem) -> ContactPoint | None:
    """The number a call was made to."""
    called = Contact.objects.filter(pk=item.contact_id).first() if item.contact_id else None
    return ContactPoint.objects.filter(pk=called.point_id).first() if called and called.point_id else None


def _point(said: Inbound, item: OutboxItem | None) -> ContactPoint | None:
    """The contact point it came from: of whom it answers, else of the only customer who has it, the debtor's own first."""
    ring = identity.keyring()
    indexes = [index for kind in _INDEX_OF.get(said.channel, ()) if (index := ring.index(kind, said.sender))]
    found = list(ContactPoint.objects.filter(value_index__in=indexes, absent_since=None))
    if item is not None:
        found = [each for each in found if each.customer_id == item.customer_id] or found
    found.sort(key=lambda each: (each.party != Party.DEBTOR, each.customer_id, str(each.point_id)))
    whose = {each.customer_id for each in found if each.party == Party.DEBTOR} or {each.customer_id for each in found}
    return found[0] if len(whose) == 1 else None


def _as_contact(customer_id: str, said: Inbound, point: ContactPoint | None, *, at: datetime, by: str) -> UUID | None:
    recorded = dispatch.record_inbound(
        customer_id, channel=said.channel, started_at=min(said.at or at, at), at=at, by=by,
        point=str(point.point_id) if point else MAIN_POINT,
    )  # fmt: skip
    return recorded if isinstance(recorded, UUID) else None


def _act(customer_id: str, channel: Channel, meant: replies.Reply, point: ContactPoint | None, *, at: datetime, by: str) -> str:
    """What is done at once, as a code: no more messages to who wants none, no more to a number that is another's.

    Whoever says that she has paid, or claims a right, is not reminded meanwhile: what waits for her is stopped, and people look.
    """
    if meant.intent in _PAUSES:
        outbox.withdraw([customer_id], code=meant.intent, at=at)
        return "paused"
    if not meant.stop:
        return ""
    where: dict[str, Any] = {"point_id": point.point_id} if point else {}
    if meant.intent == "stop" or point is None:
        consent.opt_out(customer_id, channel, at=at, by=by, written=True, **where)
        done = "opted_out"
    else:
        kind = PointFindingKind.WRONG_NUMBER if meant.intent == "wrong_person" else PointFindingKind.OF_THIRD_PERSON
        consent.find_point(customer_id, point.point_id, kind, at=at, by=by)
        done = kind.value
    outbox.withdraw([customer_id], code=done, at=at, channels=[channel])
    return done


_PAUSES = frozenset({"paid", "complaint", "dispute", "hardship"})
