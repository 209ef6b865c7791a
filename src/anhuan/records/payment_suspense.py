"""Money that arrived and could not be placed 挂账: until somebody decides, with whom it may belong, and what was decided.

Knows the shape and the limit above which two people decide. What each decision does is `acts.suspense`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from anhuan.records.payment import PaymentEntry

FOUR_EYES_MINOR: Mapping[str, int] = MappingProxyType({"CNY": 1_000_000, "USD": 150_000, "HKD": 1_000_000, "EUR": 150_000})
"""From this amount on a second person approves what is done with money in suspense; in a currency not named: always."""


class SuspenseState(StrEnum):
    OPEN = "open"
    PROPOSED = "proposed"  # decided by one, waits for the second
    MATCHED = "matched"
    RETURNED = "returned"  # to be sent back by the bank, which the extract tells it
    MERGED = "merged"  # the same payment as one that is counted already


IN_SUSPENSE = (SuspenseState.OPEN, SuspenseState.PROPOSED)


class Suspense(models.Model):
    """One entry in suspense. `decision` says what is to be done: `{"do", "parts": [{"account_id", "amount_minor"}], "posting"}`.

    Never approved by whoever decided, which PostgreSQL sees to as well. `holds` are those that keep its candidates from being
    chased meanwhile. `undone`: it was decided once, and that was taken back, which the bank is told as well.
    """

    entry = models.OneToOneField(PaymentEntry, on_delete=models.PROTECT, primary_key=True, related_name="suspense")
    state = models.CharField(max_length=10, default=SuspenseState.OPEN.value)
    why = models.CharField(max_length=40)
    since = models.DateTimeField()
    decision = models.JSONField(null=True)
    reason = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=150, blank=True)
    approved_at = models.DateTimeField(null=True)
    approved_by = models.CharField(max_length=150, blank=True)
    holds = ArrayField(models.UUIDField(), default=list)
    undone = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["since"], name="suspense_open", condition=Q(state__in=["open", "proposed"]))]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(approved_by="") | ~Q(approved_by=F("decided_by")), name="suspense_by_another"),
        ]


class SuspenseCandidate(models.Model):
    """An account the money may be meant for, and by which keys that seems so; `score` sorts, and decides nothing."""

    pk = models.CompositePrimaryKey("suspense_id", "account_id")
    suspense = models.ForeignKey(Suspense, on_delete=models.CASCADE, related_name="candidates")
    account_id = models.CharField(max_length=32, db_collation="C")
    customer_id = models.CharField(max_length=32, db_collation="C")
    why = ArrayField(models.CharField(max_length=20))
    score = models.SmallIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["customer_id"], name="candidate_by_customer")]
