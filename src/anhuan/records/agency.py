"""Outside agencies that collect for the bank, and the token each asks with."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Agency(models.Model):
    """An agency 催收机构. `placed_as` is how the bank's files name it in `placed_with`: it sees those customers alone.

    `token_hash` is the SHA-256 of its token, which is random enough to need no salt and stands nowhere else. `listed`: it is
    on the bank's published list.
    """

    agency_id = models.CharField(primary_key=True, max_length=60, db_collation="C")
    placed_as = models.TextField()
    token_hash = models.BinaryField()
    listed = models.BooleanField(default=False)
    active = models.BooleanField(default=True)
    added_at = models.DateTimeField()
    added_by = models.CharField(max_length=150)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["token_hash"], name="one_agency_a_token")]

    @property
    def actor(self) -> str:
        return f"agency:{self.agency_id}"
