"""Work moved in bulk by a supervisor: found by a filter, counted first, moved at once, and moved back.

Knows filters as an address holds them. What somebody holds at the moment stays with her; what has changed since stays when the rest
is moved back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from anhuan.portfolio.feed import Sentence
from anhuan.records import events
from anhuan.records.staff import Right, Staff
from anhuan.records.worklist import Reassignment, WorkItem, WorkState
from anhuan.rulebook import queues

MOST = 20_000
"""How many items one reassignment moves."""

KINDS = ("overdue", "due", "held", "waiting", "assigned", "unassigned", "broken")
"""Ways to narrow: past their time, follow-ups due now, held at this moment, not yet to be taken, somebody's, nobody's, of a broken promise."""


@dataclass(frozen=True)
class WorkFilter:
    """Which open items; what is empty asks nothing. `least` is a value at risk in minor units of `currency`."""

    queue: str = ""
    person: str = ""
    kind: str = ""
    language: str = ""
    team: str = ""
    currency: str = ""
    least: int | None = None

    def document(self) -> dict[str, Any]:
        """What is asked for, as a reassignment remembers it."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) not in ("", None)}


def found(asked: WorkFilter, *, at: datetime) -> QuerySet[WorkItem]:
    """The open items a filter finds."""
    items = WorkItem.objects.filter(state=WorkState.OPEN)
    plain = {"queue": asked.queue, "assigned_to": asked.person, "language": asked.language, "team": asked.team}
    items = items.filter(**{name: value for name, value in plain.items() if value})
    if asked.kind in KINDS:
        items = items.filter(_kinds(at)[asked.kind])
    if asked.least is not None and asked.currency:
        items = items.filter(currency=asked.currency, value_at_risk_minor__gte=asked.least)
    return items


def _kinds(at: datetime) -> Mapping[str, Q]:
    held = ~Q(leased_by="") & Q(leased_until__gt=at)
    later = Q(follow_up_at__gt=at) | Q(follow_up_at=None, not_before__gt=at)
    return {
        "overdue": Q(follow_up_at__lt=at) | Q(follow_up_at=None, due_at__lt=at),
        "due": Q(follow_up_at__lte=at),
        "held": held,
        "waiting": ~held & later,
        "assigned": ~Q(assigned_to=""),
        "unassigned": Q(assigned_to=""),
        "broken": Q(reason="promise_broken"),
    }


def in_order(items: QuerySet[WorkItem]) -> QuerySet[WorkItem]:
    """The longest overdue first, as a supervisor looks at them."""
    return items.order_by(Coalesce("follow_up_at", "due_at"), "customer_id")


def movable(asked: WorkFilter, *, at: datetime) -> QuerySet[WorkItem]:
    """What a reassignment would move: all that is found and nobody holds."""
    return found(asked, at=at).exclude(Q(leased_until__gt=at) & ~Q(leased_by=""))


def reassign(asked: WorkFilter, *, to_queue: str, to_person: str | None, by: str, at: datetime) -> Reassignment | Sentence:
    """Move what `asked` finds: into a queue (empty: where they are), and to a person (empty: to nobody; None: as they are)."""
    refused = _refused(asked, to_queue, to_person)
    if refused is not None:
        return refused
    with transaction.atomic():
        items = list(movable(asked, at=at).select_for_update().order_by("customer_id")[: MOST + 1])
        if len(items) > MOST:
            return Sentence(
                "too_many", f"一次最多移动 {MOST} 件；请缩小筛选范围。", f"At most {MOST} are moved at once; narrow the filter."
            )
        if not items:
            return Sentence("nothing_to_move", "筛选范围内没有可移动的案件。", "The filter finds nothing that could be moved.")
        moved = [[item.customer_id, item.queue, item.assigned_to] for item in items]
        changed: dict[str, Any] = {"by_hand": True} if to_queue else {}
        changed |= {"queue": to_queue} if to_queue else {}
        changed |= {} if to_person is None else {"assigned_to": to_person}
        WorkItem.objects.filter(pk__in=[item.pk for item in items]).update(**changed)
        made = Reassignment.objects.create(
            reassignment_id=uuid4(), at=at, by=by, asked=asked.document(), to_queue=to_queue, to_person=to_person, moved=moved
        )
        told = {"reassignment": str(made.pk), "asked": made.asked, "queue": to_queue, "person": to_person, "items": len(moved)}
        body = {name: value for name, value in told.items() if value not in ("", None)}
        events.append(chain=events.HOUSE, kind="work.reassigned", body=body, at=at, by=by)
    return made


def _refused(asked: WorkFilter, to_queue: str, to_person: str | None) -> Sentence | None:
    if not to_queue and to_person is None:
        return Sentence("move_where", "请选择目标队列或人员。", "Choose a queue or a person to move them to.")
    if to_queue and to_queue not in queues.read(Path(settings.ANHUAN_HOME)):
        return Sentence("queue_unknown", f"没有队列 {to_queue}。", f"There is no queue {to_queue}.")
    if to_person:
        staff = Staff.objects.filter(username=to_person).first()
        if staff is None or not staff.may(Right.WORK):
            return Sentence("person_unfit", f"{to_person} 不能处理案件。", f"{to_person} does not work cases.")
    if asked.least is not None and not asked.currency:
        return Sentence("least_currency", "按金额筛选须选定币种。", "A least amount needs a currency.")
    return None


def undo(reassignment_id: UUID, *, by: str, at: datetime) -> int | Sentence:
    """Move back what a reassignment moved and nothing has changed since; how many that were."""
    with transaction.atomic():
        made = Reassignment.objects.select_for_update().filter(pk=reassignment_id).first()
        if made is None or made.undone_at is not None:
            return Sentence("undone_already", "没有这次移动，或已撤销。", "There is no such move, or it has been undone.")
        before = {customer: (queue, person) for customer, queue, person in made.moved}
        back = []
        for item in WorkItem.objects.select_for_update().filter(pk__in=list(before)).order_by("customer_id"):
            queue, person = before[item.customer_id]
            where_it_was_put = (made.to_queue or queue, person if made.to_person is None else made.to_person)
            if item.held_at(at) or (item.queue, item.assigned_to) != where_it_was_put:
                continue
            item.queue, item.assigned_to = queue, person
            back.append(item)
        WorkItem.objects.bulk_update(back, ["queue", "assigned_to"], batch_size=1000)
        made.undone_at, made.undone_by = at, by
        made.save(update_fields=["undone_at", "undone_by"])
        body = {"reassignment": str(made.pk), "items": len(back)}
        events.append(chain=events.HOUSE, kind="work.moved_back", body=body, at=at, by=by)
    return len(back)
