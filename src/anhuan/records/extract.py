"""What the bank is to be told at the end of a day: changes of our conduct, in the order they were committed, each told once.

Knows their shape. PostgreSQL itself notes a change, by a trigger on each table that is told, in the transaction that makes it, so
that none can be forgotten; an extract takes what no extract has taken yet, and a change committed late is simply taken by the next.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class Extract(models.Model):
    """One extract, of one business date. `done_at` is empty until its files stand; its changes are its own from the beginning."""

    sequence = models.BigAutoField(primary_key=True)
    business_date = models.DateField(unique=True)
    begun_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    layout = models.CharField(max_length=40)
    manifest = models.JSONField(default=dict)
    acknowledged_at = models.DateTimeField(null=True)
    rejected = models.IntegerField(default=0)
    by = models.CharField(max_length=150)


class Change(models.Model):
    """A row of `noun` as it stood after a change. Holds nothing personal but what is sealed.

    `answer` is what the bank made of it: accepted, or rejected with `answer_code`.
    """

    id = models.BigAutoField(primary_key=True)
    noun = models.CharField(max_length=20)
    row = models.JSONField()
    extract = models.ForeignKey(Extract, on_delete=models.PROTECT, null=True, related_name="changes")
    answer = models.CharField(max_length=10, blank=True, default="", db_default="")
    answer_code = models.CharField(max_length=80, blank=True, default="", db_default="")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["id"], name="change_untold", condition=Q(extract=None)),
            models.Index(fields=["extract", "noun", "id"], name="change_by_extract"),
        ]
