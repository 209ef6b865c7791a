"""Hardship 困难: why a customer cannot pay as agreed, as far as may be kept of it, and when it is looked at again.

Knows its shape. What stands meanwhile and who decides is `acts.hardship`. A kind that says something of her health needs her consent
(PIPL, Arts. 28-29), which `consent_id` names; words and papers as in `records.dispute`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from django.db import models
from django.db.models import F, Q


class HardshipKind(StrEnum):
    INCOME = "income"
    ILLNESS = "illness"
    FAMILY = "family"
    DISASTER = "disaster"
    OVER_INDEBTED = "over_indebted"
    OTHER = "other"


SENSITIVE = frozenset({HardshipKind.ILLNESS})


class HardshipState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    ENDED = "ended"


STANDING = (HardshipState.OPEN, HardshipState.ACCEPTED)


class Hardship(models.Model):
    """Hardship as it was registered; nothing is collected while it is open or accepted. `review_on` is when it is looked at again.

    Whoever registered it never decides it.
    """

    hardship_id = models.UUIDField(primary_key=True)
    customer_id = models.CharField(max_length=32, db_collation="C")
    kind = models.CharField(max_length=20)
    state = models.CharField(max_length=10)
    consent_id = models.UUIDField(null=True)
    opened_at = models.DateTimeField()
    opened_by = models.CharField(max_length=150)
    review_on = models.DateField()
    hold_id = models.UUIDField(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=150, blank=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=150, blank=True)
    ended_why = models.CharField(max_length=40, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["customer_id", "-opened_at"], name="hardship_by_customer"),
            models.Index(fields=["state", "review_on"], name="hardship_by_review"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer_id"], condition=Q(state__in=[each.value for each in STANDING]), name="one_hardship_a_customer"
            ),
            models.CheckConstraint(
                condition=Q(decided_by="") | ~Q(decided_by=F("opened_by")), name="hardship_is_decided_by_another"
            ),
            models.CheckConstraint(
                condition=~Q(kind=HardshipKind.ILLNESS.value) | Q(consent_id__isnull=False), name="illness_is_kept_by_consent"
            ),
        ]
