"""Notes on a case: who wrote one, when, and under which consent it may be kept. The words are sealed (`records.identity.Said`)."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class NoteKind(StrEnum):
    CALL = "call"
    CASE = "case"
    SENSITIVE = "sensitive"  # health, faith and the like: kept only while she agrees (PIPL, Arts. 28-29)


class KeptFor(StrEnum):
    """Why a note was kept although something stood against it."""

    HER_WORDS = "her_words"
    NEEDED = "needed"
    AGREED = "agreed"


class Note(models.Model):
    """A note, whose text is sealed under `note_id`; that of a call has the call's id.

    `warned` are the kinds of findings it was kept in spite of, `kept_for` why. A sensitive one names its consent, and is shown only
    while that stands.
    """

    note_id = models.UUIDField(primary_key=True)
    customer_id = models.CharField(max_length=32, db_collation="C")
    kind = models.CharField(max_length=10)
    consent_id = models.UUIDField(null=True)
    warned = ArrayField(models.CharField(max_length=30), default=list)
    kept_for = models.CharField(max_length=10, blank=True)
    at = models.DateTimeField()
    by = models.CharField(max_length=150)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["customer_id", "-at"], name="note_by_customer")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(kind=NoteKind.SENSITIVE.value) | Q(consent_id__isnull=False), name="a_sensitive_note_has_a_consent"
            )
        ]
