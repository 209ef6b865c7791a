"""The acts on the outbox: a night fills it, a person answers by it and stops a campaign, a payment stops what asks for it.

Knows which proposals machines carry out, when one may leave, and that a newer night decides anew. Does not send: `acts.sending`
does, and asks the gate again when it does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app as jobs
from procrastinate.types import JSONValue

from anhuan.acts.desk import CARRIED, ROBOTS
from anhuan.core.vocabulary import Channel, Purpose
from anhuan.records import events, identity
from anhuan.records.night import Night
from anhuan.records.outbox import Campaign, ItemState, OutboxItem

QUEUE = "sending"
JOB = "sending.campaign"
"""The name of the job that sends what of a campaign is due."""
BATCH = 50
"""How many messages a sender takes in one transaction."""
_JOBS = 8  # no more jobs than this share a campaign: each takes batch after batch until nothing is due

_OURS = """
FROM records_proposal p WHERE p.business_date = %(day)s AND p.state = 'proposed' AND p.handled_by <> 'outside'
  AND (p.channel = ANY(%(carried)s) OR p.channel = 'call' AND p.team = ANY(%(robots)s))
"""
_CAMPAIGNS = f"""
INSERT INTO records_campaign (campaign_id, business_date, channel, wording, team, begins_at, made_at, stopped_by, stop_reason)
SELECT gen_random_uuid(), p.business_date, p.channel, p.wording, p.team, min(p.planned_at), %(at)s, '', ''
{_OURS} GROUP BY p.business_date, p.channel, p.wording, p.team
ON CONFLICT ON CONSTRAINT one_campaign_a_wording DO NOTHING
"""
_ITEMS = f"""
INSERT INTO records_outboxitem (item_id, campaign_id, customer_id, attempt_id, purpose, debts, state, not_before, tries, code, parts,
                                changed_at)
SELECT gen_random_uuid(), c.campaign_id, p.customer_id,
       'm:' || left(encode(sha256(convert_to('night:' || p.business_date || ':' || p.customer_id, 'UTF8')), 'hex'), 32), '', '{{}}', 'waiting',
       p.planned_at, 0, '', 0, %(at)s
FROM (SELECT p.* {_OURS}) p JOIN records_campaign c USING (business_date, channel, wording, team)
ON CONFLICT (attempt_id) DO NOTHING
"""  # noqa: S608
_DUE = """
SELECT c.campaign_id, min(i.not_before), count(*) FROM records_campaign c JOIN records_outboxitem i USING (campaign_id)
WHERE i.state = 'waiting' AND c.stopped_at IS NULL {} GROUP BY c.campaign_id
"""


_QUEUED = """
SELECT args ->> 'campaign_id' FROM procrastinate_jobs
WHERE task_name = %s AND status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= %s)
"""


def schedule(night: Night, *, at: datetime) -> dict[str, int]:
    """Put what the night proposes, and machines carry out, into the outbox, with the jobs that send it; messages by channel.

    What older nights wanted and has not left is stopped: this night has decided anew. A night that takes another's place
    replaces what that one has not sent. Runs in the transaction that seals the night.
    """
    asked: dict[str, Any] = {
        "day": night.business_date, "at": at, "carried": sorted(CARRIED), "robots": sorted(ROBOTS),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE records_outboxitem i SET state = 'stopped', code = 'superseded', changed_at = %(at)s FROM records_campaign c"
            " WHERE c.campaign_id = i.campaign_id AND i.state = 'waiting' AND i.purpose = '' AND c.business_date < %(day)s",
            asked,
        )
        cursor.execute(
            "DELETE FROM records_outboxitem i USING records_campaign c WHERE c.campaign_id = i.campaign_id"
            " AND c.business_date = %(day)s AND i.state = 'waiting' AND i.purpose = '' AND i.tries = 0",
            asked,
        )
        cursor.execute(_CAMPAIGNS, asked)
        cursor.execute(_ITEMS, asked)
        cursor.execute(_DUE.format("AND c.business_date = %(day)s"), asked)
        for campaign_id, first, items in cursor.fetchall():
            _defer(campaign_id, min(-(-items // BATCH), _JOBS), not_before=first, at=at)
        cursor.execute(
            "SELECT c.channel, count(*) FROM records_outboxitem i JOIN records_campaign c USING (campaign_id)"
            " WHERE c.business_date = %(day)s AND i.state = 'waiting' GROUP BY 1 ORDER BY 1",
            asked,
        )
        return dict(cursor.fetchall())


def sweep(*, at: datetime, real: datetime) -> int:
    """Queue a job for every campaign with something due that none is queued for: after a crash, and for second tries.

    `real`: the instant by the real time, by which jobs are kept.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_DUE.format("AND i.not_before <= %(at)s"), {"at": at})
        due = cursor.fetchall()
        cursor.execute(_QUEUED, [JOB, real])
        queued = {campaign_id for (campaign_id,) in cursor.fetchall()}
        missing = [campaign_id for campaign_id, _first, _items in due if str(campaign_id) not in queued]
        for campaign_id in missing:
            _defer(campaign_id, 1, not_before=at, at=at)
    return len(missing)


def _defer(campaign_id: UUID, number: int, *, not_before: datetime, at: datetime) -> None:
    """So many jobs for a campaign, `not_before` that instant by whatever clock `at` was read from."""
    job = jobs.configure_task(
        JOB, queue=QUEUE, schedule_in={"seconds": max(0.0, (not_before - at).total_seconds())}, allow_unknown=True
    )
    told: dict[str, JSONValue] = {"campaign_id": str(campaign_id)}
    job.batch_defer(*([told] * number))


# --- what a person sends ------------------------------------------------------------------------------------------

TEAM = "desk"


def put(
    customer_id: str,
    *,
    channel: Channel,
    wording: str,
    attempt_id: str,
    debts: Iterable[str],
    said: Mapping[str, Any],
    at: datetime,
) -> OutboxItem | None:
    """A message that somebody has worded in a wording of the bank, to respond, with the job that sends it; None where a person has
    stopped all of these today. Runs in the caller's transaction, whose event says so.

    `said` holds its `subject`, `text`, `lang` and `details`, and is sealed. No night and no payment takes it back: it answers her.
    """
    campaign, _ = Campaign.objects.get_or_create(
        business_date=timezone.localtime(at).date(), channel=channel.value, wording=wording, team=TEAM,
        defaults={"campaign_id": uuid4(), "begins_at": at, "made_at": at, "stopped_by": "", "stop_reason": ""},
    )  # fmt: skip
    if campaign.stopped_at is not None:
        return None
    item = OutboxItem.objects.create(
        item_id=uuid4(), campaign=campaign, customer_id=customer_id, attempt_id=attempt_id, purpose=Purpose.RESPOND, debts=sorted(debts),
        state=ItemState.WAITING, not_before=at, changed_at=at,
    )  # fmt: skip
    [sealed] = identity.seal_said({item.item_id: dict(said)})
    sealed.save(force_insert=True)
    _defer(campaign.campaign_id, 1, not_before=at, at=at)
    return item


def take_back(customer_id: str, prefix: str, *, code: str, at: datetime) -> int:
    """What somebody put here for her under attempts of this prefix, and has not left, does not leave; how many that are."""
    waiting = OutboxItem.objects.filter(customer_id=customer_id, state=ItemState.WAITING, attempt_id__startswith=prefix)
    return waiting.update(state=ItemState.STOPPED, code=code, changed_at=at)


# --- stopping -----------------------------------------------------------------------------------------------------


def stop(campaign_id: UUID, *, reason: str, at: datetime, by: str) -> int:
    """Stop a campaign at once: how many messages will not leave. What a channel already has cannot be called back.

    Once this has returned no sender begins another message of it. Stopping twice changes nothing.
    """
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
        if campaign.stopped_at is None:
            campaign.stopped_at, campaign.stopped_by, campaign.stop_reason = at, by, reason[:200]
            campaign.save(update_fields=["stopped_at", "stopped_by", "stop_reason"])
            stopped = OutboxItem.objects.filter(campaign=campaign, state=ItemState.WAITING).update(
                state=ItemState.STOPPED, code="campaign_stopped", changed_at=at
            )
            body = {"campaign": str(campaign_id), "channel": campaign.channel, "wording": campaign.wording, "messages": stopped}
            events.append(chain=events.HOUSE, kind="campaign.stopped", body=body, at=at, by=by)
            return stopped
    return 0


def withdraw(customers: Collection[str], *, code: str, at: datetime, channels: Iterable[Channel] | None = None) -> int:
    """What waits for these customers does not leave, because of `code` (such as `paid`); how many messages that are.

    Runs in the caller's transaction, whose event says why. What answers her leaves all the same.
    """
    waiting = OutboxItem.objects.filter(customer_id__in=customers, state=ItemState.WAITING, purpose="")
    if channels is not None:
        waiting = waiting.filter(campaign__channel__in=[channel.value for channel in channels])
    changed: dict[str, Any] = {"state": ItemState.STOPPED, "code": code, "changed_at": at}
    return waiting.update(**changed)
