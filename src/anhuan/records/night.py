"""The nights: one row per sealed delivery, and the steps each has taken."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from anhuan.core.vocabulary import NightStatus


class Night(models.Model):
    """One delivery worked through. `content` digests what was delivered; the same content again is `unchanged`.

    `result` is the JSON of the public `anhuan night` contract; `summary` holds what the dashboard draws.
    """

    sequence = models.BigIntegerField(unique=True)
    business_date = models.DateField(db_index=True)
    issuer = models.TextField()
    layout = models.TextField()
    content = models.CharField(max_length=64)
    snapshot = models.TextField()
    manifest_sha256 = models.CharField(max_length=64)
    replaces = models.BigIntegerField(null=True)
    status = models.CharField(max_length=10, default=NightStatus.RUNNING)
    begun_at = models.DateTimeField()
    sealed_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict)
    summary = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["business_date", "sequence"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["business_date"],
                condition=~models.Q(status=NightStatus.REPLACED),
                name="one_night_a_business_date",
            )
        ]


class NightStep(models.Model):
    """A step of a night that has been committed, with what it counted; its presence means: do not do it again."""

    pk = models.CompositePrimaryKey("night_id", "step")
    night = models.ForeignKey(Night, on_delete=models.CASCADE, related_name="steps")
    step = models.CharField(max_length=20)
    seconds = models.FloatField()
    outcome = models.JSONField(default=dict)
