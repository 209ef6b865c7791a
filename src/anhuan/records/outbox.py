"""The outbox 待发: what is to leave the house, campaign by campaign, what became of each message, and its receipts.

Knows their shape alone. A message is an item from the moment a night wants it until its last receipt; what it says is sealed
with the keys of personal data once it is known. Who may write these rows is `acts.outbox`, `acts.sending` and `acts.receipts`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Count, Q


class ItemState(StrEnum):
    """Life of a message. The first two are under way; `waiting` ones have not been asked of the gate at the moment of sending."""

    WAITING = "waiting"
    STARTED = "started"  # the gate permitted it and its contact counts; the channel has it, or is about to
    SENT = "sent"  # the next hand has taken it
    DELIVERED = "delivered"
    NOT_DELIVERED = "not_delivered"  # taken, and given up later
    FAILED = "failed"  # nothing left the house, and it is not tried again
    UNKNOWN = "unknown"  # nobody can tell whether it left: it counts, and is never sent again blindly
    REFUSED = "refused"  # the gate said no at the moment of sending
    UNFIT = "unfit"  # there is no address to send it to, or nothing approved to say
    STOPPED = "stopped"  # a person stopped it, or what it asks for was paid


UNDER_WAY = (ItemState.WAITING, ItemState.STARTED)


class Campaign(models.Model):
    """What one night sends by one channel in one wording by one team; stopped as a whole by a person, at once.

    `title` is shown to people: it names no customer.
    """

    campaign_id = models.UUIDField(primary_key=True)
    business_date = models.DateField()
    channel = models.CharField(max_length=20)
    wording = models.TextField(blank=True)
    team = models.TextField(blank=True)
    begins_at = models.DateTimeField()
    made_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)
    stopped_by = models.CharField(max_length=150, blank=True)
    stop_reason = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-business_date", "channel", "wording", "team"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["business_date", "channel", "wording", "team"], name="one_campaign_a_wording"),
        ]

    @property
    def title(self) -> str:
        return " · ".join(filter(None, (self.business_date.isoformat(), self.channel, self.wording, self.team)))


class OutboxItem(models.Model):
    """One message to one customer by one channel.

    `attempt_id` is the id the gate, the permit and the channel know it by, and names nobody: it leaves the house. A later try of
    one that never left has another. `debts` are the accounts it is about. `not_before` is when it may leave; `tries` counts those
    that are proven never to have left. `worker` is the sender that has it, whose lock PostgreSQL drops with its connection. `code`
    says why it ended as it did: a rule's id, the other side's word, a reason of ours. What was sent, and to where, stands in `Said`
    under its id.
    """

    item_id = models.UUIDField(primary_key=True)
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, db_index=False)
    customer_id = models.CharField(max_length=32, db_collation="C")
    attempt_id = models.CharField(max_length=200, db_collation="C", unique=True)
    purpose = models.CharField(max_length=20)
    debts = ArrayField(models.CharField(max_length=32), default=list)
    state = models.CharField(max_length=15)
    not_before = models.DateTimeField()
    tries = models.SmallIntegerField(default=0)
    worker = models.IntegerField(null=True)
    contact_id = models.UUIDField(null=True)
    refusal_id = models.BigIntegerField(null=True)
    code = models.CharField(max_length=80, blank=True)
    parts = models.SmallIntegerField(default=0)
    changed_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["campaign", "not_before", "item_id"], name="outbox_waiting", condition=Q(state=ItemState.WAITING)
            ),
            models.Index(fields=["worker"], name="outbox_started", condition=Q(state=ItemState.STARTED)),
            models.Index(fields=["customer_id", "-changed_at"], name="outbox_by_customer"),
            models.Index(fields=["campaign", "state"], name="outbox_by_campaign"),
            models.Index(fields=["contact_id"], name="outbox_by_contact", condition=Q(contact_id__isnull=False)),
        ]


class Receipt(models.Model):
    """What the other side said of a message 回执, in the order it was heard; kept for ever.

    `delivery` and `code` as `channels.transport.Receipt`; `reference` is the other side's name for it, by which a later receipt is
    found. `at`: when it says it happened; `heard_at`: when we learnt of it.
    """

    id = models.BigAutoField(primary_key=True)
    item = models.ForeignKey(OutboxItem, on_delete=models.PROTECT)
    delivery = models.CharField(max_length=15)
    code = models.CharField(max_length=80, blank=True)
    permanent = models.BooleanField(default=False)
    reference = models.CharField(max_length=100, blank=True, db_collation="C")
    at = models.DateTimeField(null=True)
    heard_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["reference"], name="receipt_by_reference", condition=~Q(reference="")),
        ]


class Reply(models.Model):
    """What a person wrote back, or wrote unasked 回复; the words, and where they came from, stand in `Said` under its id.

    `source` and `heard_as` make it known once: the channel, and the id under which the other side delivered it. `customer_id` is
    empty where nobody is known by that address. `intent` is proposed by `rulebook.replies`; `acted` says what was done at once.
    """

    reply_id = models.UUIDField(primary_key=True)
    source = models.CharField(max_length=20)
    heard_as = models.CharField(max_length=200, db_collation="C")
    customer_id = models.CharField(max_length=32, blank=True, db_collation="C")
    point_id = models.UUIDField(null=True)
    contact_id = models.UUIDField(null=True)
    answers = models.UUIDField(null=True)  # the item it answers, where that is known
    intent = models.CharField(max_length=30)
    confidence = models.DecimalField(max_digits=4, decimal_places=3)
    acted = models.CharField(max_length=30, blank=True)
    at = models.DateTimeField()
    heard_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["customer_id", "-heard_at"], name="reply_by_customer")]
        constraints: ClassVar = [models.UniqueConstraint(fields=["source", "heard_as"], name="one_reply_a_message")]


class ReplyPart(models.Model):
    """One part of a long reply, kept before its sender's network hears that we have it; its words stand in `Said` under its id.

    `whole` is the same for the parts of one message: a digest of sender and numbering, under a key. `answers`: the attempt it may
    answer. `joined_at`: when the whole was taken; until it is forgotten, the same part again is known.
    """

    part_id = models.UUIDField(primary_key=True)
    whole = models.CharField(max_length=64, db_collation="C")
    number = models.SmallIntegerField()
    total = models.SmallIntegerField()
    answers = models.CharField(max_length=200, blank=True, db_collation="C")
    heard_at = models.DateTimeField(db_index=True)
    joined_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["whole", "number"], name="one_part_a_number")]


class Hook(models.Model):
    """A signed message of a machine that was taken once: its id, so that the same one is not taken again."""

    hook_id = models.CharField(primary_key=True, max_length=150, db_collation="C")
    source = models.CharField(max_length=40)
    received_at = models.DateTimeField(db_index=True)


class ChannelHealth(models.Model):
    """How a transport of a running sender is, as it last said at `at`; of one that is silent for a minute nothing is known.

    `counts`: its receipts by what they said since it was opened; `per_second` over the last ten seconds.
    """

    pk = models.CompositePrimaryKey("worker", "carrier")
    worker = models.IntegerField()
    carrier = models.CharField(max_length=30)
    session = models.CharField(max_length=10)
    counts = models.JSONField()
    per_second = models.FloatField()
    window = models.IntegerField()
    waiting = models.IntegerField()
    code = models.CharField(max_length=80, blank=True)
    at = models.DateTimeField()


# --- how far campaigns are ----------------------------------------------------------------------------------------


def counts(campaigns: Iterable[Campaign]) -> dict[Any, dict[str, int]]:
    """How many items of each campaign are in which state."""
    found = (
        OutboxItem.objects.filter(campaign__in=[each.pk for each in campaigns])
        .values_list("campaign_id", "state")
        .annotate(items=Count("*"))
        .order_by()
    )
    told: dict[Any, dict[str, int]] = {}
    for campaign_id, state, items in found:
        told.setdefault(campaign_id, {})[state] = items
    return told
