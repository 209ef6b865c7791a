"""Who looked at whom: a row for each look at a customer's data on a page, in order, never changed.

Knows what is kept of a look, and how looks are found. Holds no name and no value of a person: a customer is told by her number, a
member of staff by the user name. PostgreSQL refuses to change a row, and to delete one that is younger than three years (the
least any law of ours asks, migration 0009).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import QuerySet


class Viewing(models.Model):
    """One look. `page` is the name of the page, `clear` whether anything was unmasked, `session` the sign-in it was made in."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    customer_id = models.CharField(max_length=32, db_collation="C")
    page = models.CharField(max_length=40)
    clear = models.BooleanField(default=False)
    reason = models.CharField(max_length=200, blank=True)
    session = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["customer_id", "-id"], name="viewing_of_customer"),
            models.Index(fields=["by", "-id"], name="viewing_by_staff"),
            models.Index(fields=["at"], name="viewing_at"),
        ]


@dataclass(frozen=True)
class Asked:
    """Which looks; what is left empty asks nothing."""

    since: datetime | None = None
    until: datetime | None = None
    by: str = ""
    customer_id: str = ""
    page: str = ""
    clear: bool = False
    leave_out: tuple[str, ...] = ()  # pages; a look in clear is never left out


def viewings(asked: Asked, *, before: int | None = None) -> QuerySet[Viewing]:
    """The looks asked for, the newest first, those before an id when one is named."""
    wanted: dict[str, Any] = {
        "at__gte": asked.since, "at__lt": asked.until, "by": asked.by, "customer_id": asked.customer_id, "page": asked.page,
        "clear": asked.clear or None, "id__lt": before,
    }  # fmt: skip
    found = Viewing.objects.filter(**{name: value for name, value in wanted.items() if value not in (None, "")}).order_by("-id")
    return found.exclude(page__in=asked.leave_out, clear=False) if asked.leave_out else found


def in_batches(asked: Asked, *, limit: int, batch: int = 2000) -> Iterator[Viewing]:
    """The looks asked for, at most `limit`, read a batch at a time."""
    before: int | None = None
    left = limit
    while left > 0:
        rows = list(viewings(asked, before=before)[: min(batch, left)])
        yield from rows
        if not rows:
            return
        before, left = rows[-1].pk, left - len(rows)
