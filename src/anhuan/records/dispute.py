"""Disputes 异议: what a cardholder objects to, by when it must be answered, what came of it; and the papers she gave.

Knows their shape. Which hold stands meanwhile and who may decide is `acts.dispute`; by when, the law (`core.judgements.dispute`). What she
said and what was found is sealed (`records.identity.Said`, under a step's id); a paper lies encrypted in the home under a key of its
own, which is sealed likewise with the paper's name (`acts.evidence`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q


class DisputeKind(StrEnum):
    NOT_MINE = "not_mine"
    IDENTITY_THEFT = "identity_theft"
    TRANSACTION = "transaction"
    AMOUNT = "amount"
    PAID = "paid"
    FEES = "fees"
    GOODS = "goods"
    SERVICE = "service"
    CREDIT_RECORD = "credit_record"
    OTHER = "other"


class DisputeState(StrEnum):
    """`decided` waits for the answer to the cardholder and, where she was right, for the bank's correction; `closed` is over."""

    OPEN = "open"
    DECIDED = "decided"
    CLOSED = "closed"


class DisputeOutcome(StrEnum):
    UPHELD = "upheld"
    PART = "part"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Dispute(models.Model):
    """An objection to what is owed on `accounts`; `disputed_minor` of it where a part is named.

    `round` counts how often it was opened; `round_by` opened it last, at `round_at`, and never decides it. `due_on` is the last day to answer
    by `due_rule`; `due_sure` is false where rest days not announced yet could move it. `in_validation` says whether it arrived within
    the validation period of 12 CFR 1006.34; empty where that law was not asked. `answered_in` is the contact that brought the answer.
    """

    dispute_id = models.UUIDField(primary_key=True)
    customer_id = models.CharField(max_length=32, db_collation="C")
    kind = models.CharField(max_length=20)
    state = models.CharField(max_length=10)
    accounts = ArrayField(models.CharField(max_length=32))
    disputed_minor = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, blank=True)
    came_by = models.CharField(max_length=20)
    received_on = models.DateField()
    opened_at = models.DateTimeField()
    opened_by = models.CharField(max_length=150)
    round = models.SmallIntegerField(default=1)
    round_at = models.DateTimeField()
    round_by = models.CharField(max_length=150)
    due_on = models.DateField(null=True)
    due_rule = models.CharField(max_length=60, blank=True)
    due_sure = models.BooleanField(default=True)
    in_validation = models.BooleanField(null=True)
    hold_id = models.UUIDField(null=True)
    outcome = models.CharField(max_length=10, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=150, blank=True)
    answered_at = models.DateTimeField(null=True)
    answered_in = models.UUIDField(null=True)
    corrected_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["customer_id", "-opened_at"], name="dispute_by_customer"),
            models.Index(fields=["state", "due_on"], name="dispute_by_deadline"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(outcome__in=["", DisputeOutcome.WITHDRAWN.value])
                | ~Q(decided_by="") & ~Q(decided_by=F("opened_by")) & ~Q(decided_by=F("round_by")),
                name="a_dispute_is_decided_by_another",
            ),
        ]


class MatterStep(models.Model):
    """One thing done in a dispute or a hardship (`subject_id`), in its order; its words are sealed under `step_id`."""

    step_id = models.UUIDField(primary_key=True)
    subject_id = models.UUIDField()
    customer_id = models.CharField(max_length=32, db_collation="C")
    kind = models.CharField(max_length=20)
    code = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField()
    by = models.CharField(max_length=150)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["subject_id", "at"], name="matter_step_by_subject")]


class Evidence(models.Model):
    """A paper given in a dispute or a hardship: its SHA-256 and size in clear, itself encrypted in the home."""

    evidence_id = models.UUIDField(primary_key=True)
    subject_id = models.UUIDField()
    customer_id = models.CharField(max_length=32, db_collation="C")
    media = models.CharField(max_length=40)
    size = models.IntegerField()
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()
    by = models.CharField(max_length=150)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["subject_id", "at"], name="evidence_by_subject")]
