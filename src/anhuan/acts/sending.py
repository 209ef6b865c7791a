"""The acts of sending: a batch of a campaign is taken through the door, and what became of each message is written down.

Knows the order that makes a message leave at most once. In one transaction the items are taken, the gate is asked of each
with fresh facts, and its contact is *started*; only when that is on the disk may the channel have the messages; then what the
channel says is kept. Whoever dies in between leaves started items behind, and a lock that PostgreSQL has dropped: nobody knows
whether they left, so they count and are never sent again blindly (`resolve_abandoned`). Does not know any rule, any protocol,
nor what a message says.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection, transaction
from django.db.models import QuerySet

from anhuan.acts import dispatch, saying
from anhuan.acts.customer import held
from anhuan.acts.dispatch import Refused, Started, Unfit
from anhuan.acts.outbox import BATCH
from anhuan.channels.transport import Asked, Health, Message
from anhuan.core import gate
from anhuan.core.facts import Attempt
from anhuan.core.law import Law
from anhuan.core.vocabulary import Channel
from anhuan.records import events, identity
from anhuan.records.attempt import Fault
from anhuan.records.facts import Known
from anhuan.records.identity import Said, seal_said
from anhuan.records.outbox import Campaign, ChannelHealth, ItemState, OutboxItem

_WORKERS = 0x616E6F62
"""The class of the advisory locks of senders: one lock a sender, held for as long as its connection lives."""


@dataclass(frozen=True)
class Ready:
    """A message that may leave now, under this permit and no other."""

    item_id: UUID
    contact_id: UUID
    permit: gate.Permit
    message: Message


@dataclass(frozen=True)
class Batch:
    """What was taken of a campaign: how many items, and those of them that may leave."""

    taken: int
    ready: list[Ready]


# --- who sends ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Number:
    """A sender's number, its own for as long as it lives; when it dies, however it dies, others can tell."""

    worker: int
    line: psycopg.Connection[Any]

    def holds(self) -> bool:
        """Whether others still see this sender alive; without, it must not send."""
        try:
            return self.line.execute("SELECT 1").fetchone() is not None
        except psycopg.Error:
            return False


@contextmanager
def sender() -> Iterator[Number]:
    """A number that no other sender has, until the end."""
    connection.ensure_connection()
    with psycopg.connect(**_parameters(), autocommit=True) as line:
        while True:
            worker = secrets.randbelow(1 << 31)
            got = line.execute("SELECT pg_try_advisory_lock(%s, %s)", [_WORKERS, worker]).fetchone()
            if got and got[0]:
                break
        yield Number(worker, line)


def _parameters() -> dict[str, Any]:
    told = connection.get_connection_params()
    return {name: value for name, value in told.items() if name in {"dbname", "user", "password", "host", "port"}}


_ABANDONED = """
SELECT DISTINCT worker FROM records_outboxitem WHERE state = 'started' AND worker IS NOT NULL
"""


def lives(worker: int) -> bool:
    """Whether a sender is alive: its lock is held."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_WORKERS, worker])
        return not cursor.fetchone()[0]


def resolve_abandoned(*, at: datetime, by: str) -> int:
    """What senders that are dead had started and not settled: unknown from now on; how many messages that are.

    A receipt that comes later still says what became of one.
    """
    resolved = 0
    with connection.cursor() as cursor:
        cursor.execute(_ABANDONED)
        workers = [worker for (worker,) in cursor.fetchall()]
    for worker in workers:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_WORKERS, worker])
            (dead,) = cursor.fetchone()
            if not dead:
                continue
            for item in OutboxItem.objects.filter(state=ItemState.STARTED, worker=worker).order_by("customer_id"):
                if item.contact_id is not None:
                    dispatch.unknown(item.contact_id, at=at, by=by)
                item.state, item.code, item.worker, item.changed_at = ItemState.UNKNOWN, "sender_died", None, at
                item.save(update_fields=["state", "code", "worker", "changed_at"])
                resolved += 1
    return resolved


ASK_AFTER = timedelta(minutes=5)
"""After so long the other side is asked about a message of which nobody knows whether it left."""
_AWAIT, GIVE_UP = timedelta(hours=3), timedelta(days=3)
"""For how long a receipt of a message that was taken is awaited, and after how long nobody asks any more: a person may decide then."""
_ASKED_AT_ONCE = 200
_UNSETTLED = """
SELECT i.item_id, p.attempt_id, i.parts, array_remove(array_agg(r.reference ORDER BY r.id), '')
FROM records_campaign c JOIN records_outboxitem i USING (campaign_id) JOIN records_permit p ON p.used_by = i.contact_id
LEFT JOIN records_receipt r ON r.item_id = i.item_id
WHERE c.channel = %(channel)s AND c.business_date >= %(oldest)s AND i.changed_at > %(given_up)s AND NOT i.item_id = ANY(%(known)s)
  AND (i.state = 'unknown' AND i.changed_at <= %(unknown)s OR i.state = 'sent' AND i.changed_at <= %(sent)s)
GROUP BY 1, 2, 3, i.changed_at ORDER BY i.changed_at LIMIT %(most)s
"""


def unsettled(channel: Channel, *, at: datetime, known: Collection[UUID] = ()) -> dict[UUID, Asked]:
    """Messages of whose end nothing has been heard for a while, by item, as the other side may be asked about them; not `known` ones.

    Those of which nobody knows whether they left, after minutes; those that were taken, after hours without a receipt.
    """
    asked = {
        "channel": channel.value, "oldest": (at - GIVE_UP - timedelta(days=7)).date(), "given_up": at - GIVE_UP,
        "unknown": at - ASK_AFTER, "sent": at - _AWAIT, "known": list(known), "most": _ASKED_AT_ONCE,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_UNSETTLED, asked)
        rows = cursor.fetchall()
    said = identity.said(item_id for item_id, *_ in rows)
    return {
        item_id: Asked(attempt_id, said[item_id]["to"], tuple(dict.fromkeys(references)), max(parts, 1))
        for item_id, attempt_id, parts, references in rows
        if item_id in said
    }


_WITH_A_LINE = (Channel.CALL.value, Channel.VISIT.value)
"""Of these nobody may say that they took place: what they came to is a fact of its own, and unknown they count as whatever would count."""


def given_up(campaign: Campaign, *, at: datetime) -> QuerySet[OutboxItem]:
    """Messages of which nobody will say any more whether they left."""
    return OutboxItem.objects.filter(
        campaign=campaign, state=ItemState.UNKNOWN, changed_at__lte=at - GIVE_UP, contact_id__isnull=False
    ).exclude(campaign__channel__in=_WITH_A_LINE)


def count_as_sent(campaign_id: UUID, *, reason: str, at: datetime, by: str) -> int:
    """A person closes what nobody will answer for: each message counts as sent, as it did while it was unknown; how many that are.

    Nothing is sent by it and no seat is given back. A receipt that comes after all still says what became of one. Twice is as once.
    """
    counted = 0
    campaign = Campaign.objects.get(pk=campaign_id)
    for customer_id in given_up(campaign, at=at).order_by("customer_id").values_list("customer_id", flat=True).distinct():
        with transaction.atomic():
            for item in given_up(campaign, at=at).filter(customer_id=customer_id).select_for_update(of=("self",)):
                with held(customer_id, at=at, by=by) as customer:
                    if item.contact_id is None or dispatch.complete(item.contact_id, at=at, by=by):
                        continue
                    customer.remember("message.counted", {"item": str(item.item_id), "contact": str(item.contact_id)})
                item.state, item.code, item.changed_at = ItemState.SENT, "counted_as_sent", at
                item.save(update_fields=["state", "code", "changed_at"])
                counted += 1
    if counted:
        body = {"campaign": str(campaign_id), "channel": campaign.channel, "messages": counted, "reason": reason[:200]}
        events.append(chain=events.HOUSE, kind="campaign.counted", body=body, at=at, by=by)
    return counted


def tell_health(worker: int, carriers: Iterable[tuple[str, Health]], *, at: datetime) -> None:
    """Keep how a sender's transports are, and forget those of senders that have been silent for long."""
    for name, health in carriers:
        told = {
            "session": health.session.value, "counts": dict(health.counts), "per_second": health.per_second,
            "window": health.window, "waiting": health.waiting, "code": health.code[:80], "at": at,
        }  # fmt: skip
        ChannelHealth.objects.update_or_create(worker=worker, carrier=name, defaults=told)
    ChannelHealth.objects.filter(at__lt=at - _SILENT).delete()


_SILENT = timedelta(minutes=10)


# --- a batch through the door -------------------------------------------------------------------------------------

_TAKE = """
SELECT item_id, customer_id, attempt_id, tries, purpose, debts FROM records_outboxitem
WHERE campaign_id = %s AND state = 'waiting' AND not_before <= %s
ORDER BY not_before, item_id LIMIT %s FOR UPDATE SKIP LOCKED
"""
_MARK = """
UPDATE records_outboxitem i SET state = n.state, code = n.code, contact_id = n.contact_id, refusal_id = n.refusal_id,
    worker = CASE WHEN n.state = 'started' THEN %s::integer END, changed_at = %s
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::bigint[]) n (item_id, state, code, contact_id, refusal_id)
WHERE i.item_id = n.item_id
"""


@dataclass(frozen=True)
class _Taken:
    item_id: UUID
    customer_id: str
    attempt_id: str
    worded: bool
    debts: tuple[str, ...]


def begin(campaign_id: UUID, *, worker: int, law: Law, at: datetime, by: str, size: int = BATCH) -> Batch:
    """Take what of a campaign is due and put it to the door. `ready` may leave once this has returned, and not before.

    Items another sender has are left to it; those of a stopped campaign stay. The empty batch: nothing is due.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # Shared: senders do not wait for each other here, and whoever stops the campaign waits for all of them.
        cursor.execute("SELECT stopped_at IS NULL FROM records_campaign WHERE campaign_id = %s FOR SHARE", [campaign_id])
        goes_on = cursor.fetchone()
        if goes_on is None or not goes_on[0]:
            return Batch(0, [])
        cursor.execute(_TAKE, [campaign_id, at, size])
        found = [
            _Taken(item_id, customer_id, f"{attempt_id}:{tries}" if tries else attempt_id, purpose != "", tuple(debts))
            for item_id, customer_id, attempt_id, tries, purpose, debts in cursor.fetchall()
        ]
        taken = list(
            {item.customer_id: item for item in reversed(found)}.values()
        )  # of two to one person the later one waits its turn
        if not taken:
            return Batch(0, [])
        ready, marks = _through_the_door(Campaign.objects.get(pk=campaign_id), taken, law=law, at=at, by=by)
        cursor.execute(_MARK, [worker, at, *map(list, zip(*marks, strict=True))])
    return Batch(len(taken), ready)


_Mark = tuple[UUID, str, str, UUID | None, int | None]


def _through_the_door(
    campaign: Campaign, taken: Sequence[_Taken], *, law: Law, at: datetime, by: str
) -> tuple[list[Ready], list[_Mark]]:
    taken = sorted(taken, key=lambda item: item.customer_id)
    speaker = saying.speaker(campaign, [item.customer_id for item in taken], law=law, at=at)
    messages: dict[str, Message] = {}
    worded = identity.said([item.item_id for item in taken if item.worded])

    def attempted(item: _Taken, known: Known) -> Attempt | Unfit:
        said = worded.get(item.item_id)
        draft = speaker.answer(item.debts, said, known) if said else speaker.draft(item.customer_id, known)
        if isinstance(draft, Fault):
            return Unfit([draft])
        messages[item.customer_id] = draft.message
        return replace(draft.attempt, id=item.attempt_id)

    asked = [(item.customer_id, partial(attempted, item)) for item in taken]
    ready: list[Ready] = []
    marks: list[_Mark] = []
    for item, answer in zip(taken, dispatch.start_many(asked, law=law, at=at, by=by), strict=True):
        marks.append(_mark(item, answer))
        if isinstance(answer, Started):
            ready.append(Ready(item.item_id, answer.contact_id, answer.verdict, messages[item.customer_id]))
    Said.objects.bulk_create(
        seal_said({each.item_id: _said(each.message) for each in ready}),
        update_conflicts=True, unique_fields=["row_id"], update_fields=["sealed", "key_id"],
    )  # fmt: skip
    return ready, marks


def _mark(item: _Taken, answer: dispatch.Answer) -> _Mark:
    match answer:
        case Started(contact_id=contact_id):
            return item.item_id, ItemState.STARTED, "", contact_id, None
        case Refused(verdict=verdict, refusal_id=refusal_id):
            return item.item_id, ItemState.REFUSED, verdict.reasons[0].rule.id[:80], None, refusal_id
        case Unfit(faults=faults):
            return item.item_id, ItemState.UNFIT, faults[0].code, None, None


def _said(message: Message) -> Mapping[str, object]:
    return {
        "to": message.to, "subject": message.subject, "text": message.text, "html": message.html, "lang": message.lang,
        "details": dict(message.details),
    }  # fmt: skip
