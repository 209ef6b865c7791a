"""Payments and reversals the bank has posted, and those it told of before."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Payment(models.Model):
    """One posting, known by the bank's `payment_id`; a replay changes nothing.

    Money is in minor units of `currency`, the account's. `sequence` names the night that first brought it.
    """

    payment_id = models.CharField(primary_key=True, max_length=64, db_collation="C")
    account_id = models.CharField(max_length=32, db_collation="C")
    posted_on = models.DateField()
    effective_on = models.DateField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    kind = models.CharField(max_length=20)
    reverses = models.CharField(max_length=64, blank=True)
    channel = models.TextField(blank=True)
    sequence = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account_id", "-effective_on"], name="payment_by_account"),
            models.Index(fields=["sequence"], name="payment_by_night"),
        ]


class PaymentNotice(models.Model):
    """A payment the bank's payment system told of before the night brings it: it stops what asks for it, and counts for nothing else.

    `payment_id` is the one the night will bring, so that nothing is ever counted twice.
    """

    payment_id = models.CharField(primary_key=True, max_length=64, db_collation="C")
    account_id = models.CharField(max_length=32, db_collation="C")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    effective_on = models.DateField()
    heard_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account_id"], name="payment_notice_by_account")]
