"""The append-only memory: every act leaves one event, and each chain of events is hash-linked.

A chain is a case (`chain` = its case id) or the house itself (`chain` = ""). PostgreSQL computes the hashes with
its built-in sha256 and refuses to change or delete an event.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Event(models.Model):
    """One thing that happened, signed by who did it and linked to the event before it in its chain."""

    id = models.BigAutoField(primary_key=True)
    chain = models.CharField(max_length=32, db_collation="C", blank=True)
    number = models.IntegerField()
    kind = models.CharField(max_length=40)
    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    body = models.JSONField(default=dict)
    previous = models.BinaryField(null=True)
    hash = models.BinaryField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["chain", "number"], name="event_number_in_chain")]
