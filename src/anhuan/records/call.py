"""A call a collector leads, from the permit to the wrap-up: what was asked, ticked and drafted on the way, and what it came to.

Knows its shape alone; who writes it is `acts.call`. The contact with its permit stands in `records.contact`; what is drafted as a note is
sealed (`records.identity.Said`, under the call's id). Answers to identity questions stand nowhere. PostgreSQL itself sees to it that
a collector has one open call, that a customer is called by one collector at a time, and that a closed call never changes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class Way(StrEnum):
    """How a call comes about."""

    SOFTPHONE = "softphone"  # the exchange rings the collector's own telephone, then the customer
    DIALLER = "dialler"  # the bank's dialler takes a signed hand-off
    BY_HAND = "by_hand"  # the collector dials
    INBOUND = "inbound"  # she called us


class Unsaid(StrEnum):
    """Why a statement that must be made was not made."""

    HUNG_UP = "hung_up"
    INTERRUPTED = "interrupted"
    SAID_BEFORE = "said_before"  # earlier on this call, by whoever led it then
    DECLINED = "declined"  # she did not want to hear it


class Call(models.Model):
    """One call. `contact_id` is empty while an inbound one is under way: it is recorded when it ends.

    `checks` are the identity checks as `{"at", "asked", "right", "passed"}`, never answers; `verified_at` the first passed one.
    `ticked` are ids of statements made; `draft` the codes and fields chosen so far, without any free text or
    word of health, and as `reported` the line code a dialler told. `line_code`, `party_code`
    and `result_code` (rulebook.codes) with `fields` and `next` stand once it is closed.
    """

    call_id = models.UUIDField(primary_key=True)
    customer_id = models.CharField(max_length=32, db_collation="C")
    contact_id = models.UUIDField(null=True, unique=True)
    way = models.CharField(max_length=10)
    action_code = models.CharField(max_length=3)
    party = models.CharField(max_length=20)
    person_id = models.TextField(blank=True)
    point_id = models.UUIDField(null=True)
    script = models.CharField(max_length=40, blank=True)
    opened_at = models.DateTimeField()
    handed_over = models.CharField(max_length=40, blank=True)
    verified_at = models.DateTimeField(null=True)
    checks = models.JSONField(default=list)
    ticked = ArrayField(models.CharField(max_length=40), default=list)
    draft: models.Field[Any, Any] = models.JSONField(default=dict)
    drafted_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    line_code = models.CharField(max_length=3, blank=True)
    party_code = models.CharField(max_length=3, blank=True)
    result_code = models.CharField(max_length=3, blank=True)
    fields = models.JSONField(default=dict)
    next = models.JSONField(default=dict)
    by = models.CharField(max_length=150)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["customer_id", "-opened_at"], name="call_by_customer"),
            models.Index(fields=["by", "-opened_at"], name="call_by_collector"),
            models.Index(fields=["closed_at"], name="call_by_closing"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["by"], condition=Q(closed_at=None), name="one_open_call_a_collector"),
            models.UniqueConstraint(
                fields=["customer_id"], condition=Q(closed_at=None) & ~Q(way=Way.INBOUND.value), name="one_open_call_a_customer"
            ),
            models.CheckConstraint(condition=Q(closed_at=None) | ~Q(result_code=""), name="a_closed_call_has_a_result"),
        ]

    @property
    def verified(self) -> bool:
        return self.verified_at is not None


class Telephone(models.Model):
    """The extension at which somebody takes calls; a softphone rings there first."""

    username = models.CharField(max_length=150, primary_key=True)
    extension = models.CharField(max_length=40)


def open_call(by: str) -> Call | None:
    """The call a collector has not wrapped up yet."""
    return Call.objects.filter(by=by, closed_at=None).first()
