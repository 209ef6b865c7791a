"""What stops collection of a customer's debts, from when to when, and when we came to know it."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Hold(models.Model):
    """Collection of `debts` (empty: of all) is stopped 停催 from `begins` to just before `ends` (empty: open).

    `kind` is a `core.vocabulary.HoldKind`; `until_date` the last date it protects by law. `registered_at` shows a back-dated
    one; `ended_at` is when its end became known, so that facts can be told as they were before. `evidence` says where the
    paper lies and is never told outside the records; `reason` is a code.
    """

    hold_id = models.UUIDField(primary_key=True)
    customer_id = models.CharField(max_length=32, db_collation="C")
    kind = models.CharField(max_length=20)
    debts = ArrayField(models.CharField(max_length=32), null=True)
    begins = models.DateTimeField()
    ends = models.DateTimeField(null=True)
    until_date = models.DateField(null=True)
    reason = models.CharField(max_length=40, blank=True)
    evidence = models.TextField(blank=True)
    registered_at = models.DateTimeField()
    registered_by = models.CharField(max_length=150)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=150, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["customer_id"], name="hold_by_customer")]
