"""Contacts with people, the permits they were made under, and the refusals that kept others from being made.

Knows their shape alone: who may write them is `acts.dispatch`, and PostgreSQL itself refuses an outbound contact of ours
without an unused permit for that very contact, a second use of a permit, and any change of a closed contact (second
migration). None of these rows holds a name, a number or a word that was said.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models


class State(StrEnum):
    """Life of a contact 触达. All but `void` count against the caps."""

    STARTED = "started"
    COMPLETED = "completed"
    VOID = "void"
    UNKNOWN = "unknown"


class Origin(StrEnum):
    """How a contact came into the records. Only `own` ones, and those an agency asked for, have a permit."""

    OWN = "own"
    INBOUND = "inbound"
    AGENCY_REPORTED = "agency_reported"
    IMPORTED = "imported"


class Contact(models.Model):
    """One contact with one person about one customer's debts.

    `party` and `person_id` say who was at the other side, `point_id` where (empty: the main number or address of that person),
    `point_kind` what kind of place that is, as known then. `started_at` is when it left the house, `recorded_at` when we came to
    know of it, `closed_at` when its result was known for good: a `started` or `unknown` one has none, and counts as
    whatever would count. `reserved_until`: an agency's seat, which counts as started until then, used or not.
    """

    contact_id = models.UUIDField(primary_key=True)
    customer_id = models.CharField(max_length=32, db_collation="C")
    channel = models.CharField(max_length=20)
    direction = models.CharField(max_length=10)
    party = models.CharField(max_length=20)
    person_id = models.TextField(blank=True)
    point_id = models.UUIDField(null=True)
    point_kind = models.CharField(max_length=20, blank=True)
    purpose = models.CharField(max_length=20)
    actor = models.CharField(max_length=80)
    automated = models.BooleanField()
    in_reply_to = models.UUIDField(null=True)
    session_of = models.UUIDField(null=True)
    debts = ArrayField(models.CharField(max_length=32), default=list)
    origin = models.CharField(max_length=20)
    permit_id = models.UUIDField(null=True)
    state = models.CharField(max_length=10)
    line_result = models.CharField(max_length=20, blank=True)
    outcome = models.CharField(max_length=30, blank=True)
    started_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    reserved_until = models.DateTimeField(null=True)
    proof = models.CharField(max_length=80, blank=True)
    by = models.CharField(max_length=150)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["customer_id", "started_at", "contact_id"], name="contact_by_customer"),
            models.Index(fields=["started_at"], name="contact_by_start"),
        ]
        constraints: ClassVar = [models.UniqueConstraint(fields=["permit_id"], name="one_contact_a_permit")]


class Permit(models.Model):
    """Leave to make one contact 许可, as the gate gave it at `at` under the law of the fingerprint `law` (`packs`).

    `attempt` is the whole attempt that was judged (`records.attempt`). Used once, by the contact `used_by`, before
    `expires_at`; or given back unused at `returned_at`.
    """

    permit_id = models.UUIDField(primary_key=True)
    attempt_id = models.CharField(max_length=200, db_collation="C")
    customer_id = models.CharField(max_length=32, db_collation="C")
    channel = models.CharField(max_length=20)
    party = models.CharField(max_length=20)
    person_id = models.TextField(blank=True)
    point_id = models.UUIDField(null=True)
    purpose = models.CharField(max_length=20)
    actor = models.CharField(max_length=80)
    attempt = models.JSONField()
    at = models.DateTimeField()
    expires_at = models.DateTimeField()
    law = models.CharField(max_length=64)
    packs = ArrayField(models.CharField(max_length=40), default=list)
    used_by = models.UUIDField(null=True)
    returned_at = models.DateTimeField(null=True)
    by = models.CharField(max_length=150)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["attempt_id"], name="one_permit_an_attempt"),
        ]


class Refusal(models.Model):
    """A contact that was not made 拒绝, with every reason as `core.law.Reason.document` tells it."""

    id = models.BigAutoField(primary_key=True)
    attempt_id = models.CharField(max_length=200, db_collation="C")
    customer_id = models.CharField(max_length=32, db_collation="C")
    channel = models.CharField(max_length=20)
    party = models.CharField(max_length=20)
    purpose = models.CharField(max_length=20)
    actor = models.CharField(max_length=80)
    at = models.DateTimeField()
    not_before = models.DateTimeField(null=True)
    presumed_violation = models.BooleanField()
    reasons = models.JSONField()
    law = models.CharField(max_length=64)
    packs = ArrayField(models.CharField(max_length=40), default=list)
    by = models.CharField(max_length=150)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["customer_id", "at"], name="refusal_by_customer"),
            models.Index(fields=["at"], name="refusal_by_time"),
        ]
