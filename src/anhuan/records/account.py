"""Tonight's standing of every account: the bank's numbers, replaced as a whole each night."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Account(models.Model):
    """One card account in one currency as of `as_of`, the business date of the latest night.

    The table is filled afresh and swapped in each night (`records.bulk`), so nothing may point to it by a
    foreign key and nobody may write to it by hand. Money is in minor units of `currency`.
    """

    account_id = models.CharField(primary_key=True, max_length=32, db_collation="C")
    customer_id = models.CharField(max_length=32, db_collation="C")
    as_of = models.DateField()
    presence = models.CharField(max_length=10)
    currency = models.CharField(max_length=3)
    days_past_due = models.IntegerField()
    bucket = models.SmallIntegerField()
    previous_bucket = models.SmallIntegerField(null=True)
    flow = models.CharField(max_length=10, null=True)
    five_class = models.CharField(max_length=20, null=True)
    classification = models.CharField(max_length=20, null=True)
    past_due_since = models.DateField(null=True)
    past_due_amount_minor = models.BigIntegerField()
    minimum_due_minor = models.BigIntegerField(null=True)
    balance_total_minor = models.BigIntegerField()
    principal_minor = models.BigIntegerField()
    interest_minor = models.BigIntegerField()
    penalty_minor = models.BigIntegerField()
    fees_minor = models.BigIntegerField()
    instalment_unbilled_minor = models.BigIntegerField()
    credit_limit_minor = models.BigIntegerField(null=True)
    product = models.TextField(null=True)
    opened_on = models.DateField(null=True)
    block_code = models.CharField(max_length=12, null=True)
    cycle_day = models.SmallIntegerField(null=True)
    statement_date = models.DateField(null=True)
    due_date = models.DateField(null=True)
    last_payment_on = models.DateField(null=True)
    last_payment_amount_minor = models.BigIntegerField(null=True)
    autopay = models.BooleanField(null=True)
    behaviour_score = models.SmallIntegerField(null=True)
    collection_score = models.SmallIntegerField(null=True)
    placed_with = models.TextField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["customer_id"], name="account_by_customer")]
