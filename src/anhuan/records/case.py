"""One customer's overdue accounts as one unit of work, and what stood before the latest night.

Knows the shape of cases alone: which night changes them and why is `acts.case`, who may see them is
`records.access`, what was done to them is their chain in `records.events`.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Case(models.Model):
    """A case 案件. Its id is the customer's: a person has one case, which closes on cure and re-opens on re-entry.

    `since` is the business date from which it stands in `bucket` (0 = closed), as far as is known tonight.
    `opened_on` is empty for a row that only a withdrawn delivery ever opened. `events` and `head` are the length
    and last hash of its event chain (`records.events`). Rows are written only where something changed;
    tonight's numbers stand in `CaseFigures`.
    """

    case_id = models.CharField(primary_key=True, max_length=32, db_collation="C")
    status = models.CharField(max_length=6)
    bucket = models.SmallIntegerField()
    opened_on = models.DateField(null=True)
    since = models.DateField(null=True)
    closed_on = models.DateField(null=True)
    reopened = models.IntegerField(default=0)
    events = models.IntegerField(default=0)
    head = models.BinaryField(null=True)

    class Meta:
        # Closed cases alone, and nothing a night moves in open ones: so their rows are rewritten in place.
        indexes: ClassVar = [
            models.Index(fields=["closed_on", "case_id"], name="case_by_closing", condition=models.Q(status="closed"))
        ]


class CaseBefore(models.Model):
    """How a case stood before the latest night, for the cases which that night changed.

    A delivery that replaces the latest night starts from here. `spans` holds the bucket spans from `spans_from`
    on as `[since, bucket, restated]`; `opened_on` is empty when there was no case yet. Emptied by the next night.
    """

    case_id = models.CharField(primary_key=True, max_length=32, db_collation="C")
    sequence = models.BigIntegerField()
    status = models.CharField(max_length=6)
    bucket = models.SmallIntegerField()
    opened_on = models.DateField(null=True)
    since = models.DateField(null=True)
    closed_on = models.DateField(null=True)
    reopened = models.IntegerField()
    spans_from = models.DateField()
    spans = models.JSONField(default=list)


class CaseFigures(models.Model):
    """Tonight's numbers of every open case, for the list and the worklist.

    Replaced as a whole each night like `Account`. Sums are over the overdue accounts in `currency` (CNY if the
    customer owes in CNY, else the first by code); `other_currencies` counts further currencies owed in. A case
    held open only by accounts that vanished keeps its bucket; its sums are nil.
    """

    case_id = models.CharField(primary_key=True, max_length=32, db_collation="C")
    bucket = models.SmallIntegerField()
    days_past_due = models.IntegerField()
    currency = models.CharField(max_length=3, blank=True)
    past_due_amount_minor = models.BigIntegerField()
    balance_total_minor = models.BigIntegerField()
    accounts = models.SmallIntegerField()
    overdue_accounts = models.SmallIntegerField()
    missing_accounts = models.SmallIntegerField()
    other_currencies = models.SmallIntegerField()
    segment = models.TextField(blank=True)
    region_code = models.CharField(max_length=6, blank=True)
    placed_with = models.TextField(blank=True)

    class Meta:
        # Numbers alone: an index that breaks ties by case id takes three times as long to build, every night.
        indexes: ClassVar = [
            models.Index(fields=["past_due_amount_minor"], name="figures_by_past_due"),
            models.Index(fields=["balance_total_minor"], name="figures_by_balance"),
            models.Index(fields=["days_past_due"], name="figures_by_dpd"),
            models.Index(fields=["bucket", "past_due_amount_minor"], name="figures_by_bucket"),
        ]


class BucketSpan(models.Model):
    """From business date `since` on, the case stood in `bucket` (0 = closed), until its next span.

    `restated` marks a span that a later, back-dated payment or reversal put there.
    """

    pk = models.CompositePrimaryKey("case_id", "since")
    case_id = models.CharField(max_length=32, db_collation="C")
    since = models.DateField()
    bucket = models.SmallIntegerField()
    restated = models.BooleanField(default=False)
