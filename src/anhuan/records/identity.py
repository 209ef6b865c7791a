"""Personal data at rest: encrypted with AES-256-GCM, searchable only through keyed blind indexes."""

from __future__ import annotations

from django.db import models


class SetAsideRow(models.Model):
    """A delivered row that could not be used, kept whole and encrypted for repair and replay."""

    sequence = models.BigIntegerField(db_index=True)
    file = models.TextField()
    line = models.BigIntegerField()
    sealed = models.BinaryField()
    key_id = models.SmallIntegerField()
