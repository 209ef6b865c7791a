"""Versions of wordings: what may be said, by whom it was written, checked and approved, and from when to when it is used.

Knows their shape, and which version holds on a day. A version is kept for ever: PostgreSQL itself refuses to delete one, or to
change what it says (sixth migration). Who may take one on its way is `acts.wording`; what a wording means is
`rulebook.letters`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import ClassVar

from django.db import models

from anhuan.rulebook.letters import Wording, read_document


class WordingState(StrEnum):
    """The way of a version; `retired` is one that is over, or will be on its `live_until`."""

    DRAFT = "draft"
    CHECKED = "checked"
    APPROVED = "approved"
    LIVE = "live"
    RETIRED = "retired"


class WordingVersion(models.Model):
    """Version `number` of a wording 文本: the text `name` says in one jurisdiction, on one channel, in one language.

    `document` is `rulebook.letters.Wording.document`, `fingerprint` its SHA-256. `findings` is what the check had against it,
    as `rulebook.letters.Judged.document` tells it, empty when nothing; NULL while nobody has asked. Used from `live_from` to
    just before `live_until` (empty: open).
    """

    id = models.BigAutoField(primary_key=True)
    jurisdiction = models.CharField(max_length=20, db_collation="C")
    name = models.CharField(max_length=40, db_collation="C")
    channel = models.CharField(max_length=20)
    language = models.CharField(max_length=2)
    number = models.IntegerField()
    purpose = models.CharField(max_length=20)
    document = models.JSONField()
    fingerprint = models.CharField(max_length=64)
    state = models.CharField(max_length=10)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=150)
    checked_at = models.DateTimeField(null=True)
    checked_by = models.CharField(max_length=150, blank=True)
    findings = models.JSONField(null=True)
    approved_at = models.DateTimeField(null=True)
    approved_by = models.CharField(max_length=150, blank=True)
    live_from = models.DateField(null=True)
    live_until = models.DateField(null=True)

    class Meta:
        ordering: ClassVar = ["jurisdiction", "name", "channel", "language", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["jurisdiction", "name", "channel", "language", "number"], name="one_wording_a_number"
            ),
            models.CheckConstraint(
                condition=models.Q(approved_at=None) | ~models.Q(approved_by=models.F("made_by")),
                name="wording_approved_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(live_from=None) | models.Q(approved_at__isnull=False), name="wording_live_only_approved"
            ),
        ]

    @property
    def key(self) -> str:
        return f"{self.jurisdiction}/{self.name}/{self.channel}/{self.language}"

    @property
    def title(self) -> str:
        return f"{self.key}/{self.number}"

    @cached_property
    def wording(self) -> Wording:
        """What it says. LookupError where a later release no longer reads it: nothing is sent by half."""
        wording, faults = read_document(self.document)
        if wording is None:
            raise LookupError(f"{self.title}: {'; '.join(fault.en for fault in faults)}")
        return wording


def versions(*, jurisdiction: str, name: str, channel: str, language: str) -> models.QuerySet[WordingVersion]:
    """Every version of a wording, oldest first."""
    return WordingVersion.objects.filter(jurisdiction=jurisdiction, name=name, channel=channel, language=language).order_by(
        "number"
    )


def live_on(day: date, *, jurisdiction: str, name: str, channel: str, language: str) -> WordingVersion | None:
    """The version used on a day."""
    return live_among(versions(jurisdiction=jurisdiction, name=name, channel=channel, language=language), day)


def live_among(versions: Iterable[WordingVersion], day: date) -> WordingVersion | None:
    """The one used on a day of all versions of a wording: of those live then, the one that began last."""
    begun = [
        each for each in versions
        if each.live_from is not None and each.live_from <= day and (each.live_until is None or day < each.live_until)
    ]  # fmt: skip
    return max(begun, key=lambda each: (each.live_from, each.pk), default=None)
