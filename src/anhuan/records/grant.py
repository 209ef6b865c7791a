"""Leave to see one case for a while: given when a case was handed to somebody, or a cardholder who reached her was verified.

Knows who may see which case, why and until when. `records.access` alone asks it.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from anhuan.records.staff import Staff


class CaseGrant(models.Model):
    """`staff` may see the case of `customer_id` from `granted_at` until `until`, because of `why`; `by` gave it."""

    customer_id = models.CharField(max_length=32, db_collation="C")
    staff = models.ForeignKey(Staff, on_delete=models.CASCADE, related_name="grants")
    why = models.CharField(max_length=200)
    granted_at = models.DateTimeField()
    until = models.DateTimeField()
    by = models.CharField(max_length=150)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["staff", "customer_id", "until"], name="grant_of_staff")]
