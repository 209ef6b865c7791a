"""The worklist: cases that people are to work on, each in one queue, at most one collector on each; and who took how many.

Knows the shape of items and how much lies where. Which item comes next, and who may change one, is `acts.worklist`. PostgreSQL
itself sees to it that a collector holds one case at a time, and that only open work is held.
"""

# ruff: noqa: S608  The SQL is put together from constants of this file; every value is bound.
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Coalesce


class WorkState(StrEnum):
    """Life of an item: `open` until somebody is done with it, or a night or an act withdraws it."""

    OPEN = "open"
    DONE = "done"
    WITHDRAWN = "withdrawn"


class WorkReason(StrEnum):
    """Why a case is on the worklist."""

    PROPOSAL = "proposal"  # the strategy wants it tonight
    PROMISE_BROKEN = "promise_broken"  # the strategy wants it, and a promise has just been broken
    FOLLOW_UP = "follow_up"  # somebody said when to go on
    TRANSFERRED = "transferred"  # somebody put it into another queue


_SHARED = Q(state=WorkState.OPEN, leased_by="", assigned_to="", follow_up_at=None)


class WorkItem(models.Model):
    """A case to be worked on 待办案件: one a customer, whatever became of it.

    `queue` and `language` (the primary subtag of the customer's) say who may take it. `by_hand`: somebody put it here, and no
    night takes it away. `rank`: the smaller the sooner (`acts.worklist`). What the strategy said in the night of `business_date`,
    and has said ever since: `team`, `channel`, `account_id`, `version_id`, `decision`, `rule` (the row that chose it). `since` it
    waits without a break; `due_at`: by when it should have been worked on. `best_hour`: the hour of day at which she was mostly
    reached, where she is. `not_before`: the gate permits nothing before then, as it said when it was asked for the `gate_tries`th
    time. `follow_up_why` is a code. Held by `leased_by` under `lease` until `leased_until`, unless renewed. `taken_today` counts
    the takes of `taken_on`.
    """

    customer_id = models.CharField(primary_key=True, max_length=32, db_collation="C")
    queue = models.CharField(max_length=30, db_collation="C")
    language = models.CharField(max_length=8, db_collation="C")
    state = models.CharField(max_length=10)
    by_hand = models.BooleanField(default=False)
    reason = models.CharField(max_length=20)
    business_date = models.DateField(null=True)
    team = models.TextField(blank=True)
    channel = models.CharField(max_length=20, blank=True)
    account_id = models.CharField(max_length=32, blank=True, db_collation="C")
    version_id = models.BigIntegerField(null=True)
    decision = models.TextField(blank=True)
    rule = models.IntegerField(null=True)
    value_at_risk_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, blank=True)
    rank = models.BigIntegerField()
    best_hour = models.SmallIntegerField(null=True)
    since = models.DateTimeField()
    due_at = models.DateTimeField()
    not_before = models.DateTimeField(null=True)
    gate_tries = models.SmallIntegerField(default=0)
    follow_up_at = models.DateTimeField(null=True)
    follow_up_why = models.CharField(max_length=120, blank=True)
    follow_up_by = models.CharField(max_length=150, blank=True)
    assigned_to = models.CharField(max_length=150, blank=True, db_collation="C")
    leased_by = models.CharField(max_length=150, blank=True, db_collation="C")
    lease = models.UUIDField(null=True)
    leased_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    taken_on = models.DateField(null=True)
    taken_today = models.SmallIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=150, blank=True)
    ended_why = models.CharField(max_length=40, blank=True)

    class Meta:
        # Each way to the next case walks one of these from its beginning; what cannot be taken stands in none of them. Those of a queue
        # and of a person find whose a case is, also when it is over.
        indexes: ClassVar = [
            models.Index(fields=["queue", "language", "rank"], name="work_ready", condition=_SHARED & Q(not_before=None)),
            models.Index(fields=["queue", "language", "since"], name="work_oldest", condition=_SHARED & Q(not_before=None)),
            models.Index(
                fields=["queue", "language", "not_before", "rank"], name="work_not_before",
                condition=_SHARED & Q(not_before__isnull=False),
            ),
            models.Index(
                fields=["follow_up_at", "customer_id"], name="work_follow_up",
                condition=Q(state=WorkState.OPEN, leased_by="", follow_up_at__isnull=False),
            ),
            models.Index(fields=["assigned_to", "rank"], name="work_of_person", condition=~Q(assigned_to="")),
            models.Index(fields=["queue"], name="work_of_queue"),
            models.Index(
                Coalesce("follow_up_at", "due_at"), "customer_id", name="work_by_age", condition=Q(state=WorkState.OPEN)
            ),
            models.Index(fields=["leased_until"], name="work_leased", condition=~Q(leased_by="")),
            models.Index(fields=["ended_by", "-ended_at"], name="work_done_by", condition=Q(state=WorkState.DONE)),
        ]  # fmt: skip
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["leased_by"], condition=~Q(leased_by=""), name="one_lease_a_collector"),
            models.CheckConstraint(
                condition=Q(leased_by="", lease=None, leased_until=None)
                | (~Q(leased_by="") & Q(state=WorkState.OPEN, lease__isnull=False, leased_until__isnull=False)),
                name="only_open_work_is_held",
            ),
        ]

    def held_at(self, at: datetime) -> bool:
        """Whether somebody holds it at an instant."""
        return bool(self.leased_by) and self.leased_until is not None and self.leased_until > at

    def overdue(self, at: datetime) -> bool:
        """Whether its follow-up, or else its day, is over."""
        return self.state == WorkState.OPEN and (self.follow_up_at or self.due_at) < at


class WorkShare(models.Model):
    """How many cases of a queue a collector took on a day, by which her next one is chosen."""

    pk = models.CompositePrimaryKey("day", "username", "queue")
    day = models.DateField()
    username = models.CharField(max_length=150, db_collation="C")
    queue = models.CharField(max_length=30, db_collation="C")
    taken = models.IntegerField()


class Reassignment(models.Model):
    """Work that a supervisor moved at once: `asked` is the filter it was found by, `moved` `[customer, queue, person]` before.

    Empty, `to_queue` leaves the queues as they are; `to_person` is nobody when empty, and NULL leaves them.
    """

    reassignment_id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    asked = models.JSONField(default=dict)
    to_queue = models.CharField(max_length=30, blank=True)
    to_person = models.CharField(max_length=150, null=True)
    moved = models.JSONField(default=list)
    undone_at = models.DateTimeField(null=True)
    undone_by = models.CharField(max_length=150, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["-at"], name="reassignment_by_time")]


def item_of(customer_id: str) -> WorkItem | None:
    """A customer's item, also one that is over; None where she never had one."""
    return WorkItem.objects.filter(pk=customer_id).first()


def held_by(username: str, at: datetime) -> WorkItem | None:
    """The case a collector holds."""
    return WorkItem.objects.filter(leased_by=username, leased_until__gt=at).first()


def agenda(username: str, *, until: datetime, limit: int = 50) -> Sequence[WorkItem]:
    """The follow-ups that are a collector's own, due before `until`, the oldest first."""
    own = WorkItem.objects.filter(state=WorkState.OPEN, assigned_to=username, follow_up_at__lt=until)
    return list(own.order_by("follow_up_at", "customer_id")[:limit])


# --- how much lies where ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Depth:
    """A queue at an instant: `ready` to be taken, `waiting` for an hour to come, `held` by somebody; of all these, `overdue` ones,
    follow-ups that are `due` and those `assigned` to a person; since when the oldest waits, and the oldest follow-up.
    """

    queue: str
    ready: int = 0
    waiting: int = 0
    held: int = 0
    due: int = 0
    overdue: int = 0
    assigned: int = 0
    oldest: datetime | None = None
    oldest_follow_up: datetime | None = None

    @property
    def open(self) -> int:
        return self.ready + self.waiting + self.held


_HELD = "leased_by <> '' AND leased_until > %(at)s"
_LATER = "(follow_up_at > %(at)s OR (follow_up_at IS NULL AND not_before > %(at)s))"
_DEPTHS = f"""
SELECT queue,
       count(*) FILTER (WHERE NOT ({_HELD}) AND coalesce({_LATER}, false) IS FALSE) AS ready,
       count(*) FILTER (WHERE NOT ({_HELD}) AND {_LATER}) AS waiting,
       count(*) FILTER (WHERE {_HELD}) AS held,
       count(*) FILTER (WHERE follow_up_at <= %(at)s) AS due,
       count(*) FILTER (WHERE coalesce(follow_up_at, due_at) < %(at)s) AS overdue,
       count(*) FILTER (WHERE assigned_to <> '') AS assigned,
       min(since) AS oldest, min(follow_up_at) FILTER (WHERE follow_up_at <= %(at)s) AS oldest_follow_up
FROM records_workitem WHERE state = 'open' GROUP BY queue ORDER BY queue
"""


def depths(at: datetime) -> Mapping[str, Depth]:
    """How much open work lies in each queue; one pass over all of it."""
    return {row["queue"]: Depth(**row) for row in _rows(_DEPTHS, {"at": at})}


def shares(day: date) -> list[WorkShare]:
    """How many cases of each queue each collector took on a day."""
    return list(WorkShare.objects.filter(day=day).order_by("username", "queue"))


def _rows(sql: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
