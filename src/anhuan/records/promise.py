"""What customers promised to pay, as far as the old system told it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Promise(models.Model):
    """A promise to pay 承诺还款: `amount_minor` of `currency` by `due_on`; `state` open, kept, broken or withdrawn."""

    promise_id = models.UUIDField(primary_key=True)
    customer_id = models.CharField(max_length=32, db_collation="C")
    account_id = models.CharField(max_length=32, db_collation="C", blank=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    due_on = models.DateField()
    state = models.CharField(max_length=10)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    by = models.CharField(max_length=150)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["customer_id"], name="promise_by_customer")]
