"""What is done with one item: a date to go on, another queue, given back, done with.

Knows that nobody changes what another holds, and that a case comes onto the worklist by hand where no night has put it. Does not
know why a case is worked on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from anhuan.acts.customer import Held, held
from anhuan.acts.worklist.filling import CLASSES
from anhuan.acts.worklist.taking import NO_LEASE, remember
from anhuan.portfolio.feed import Sentence
from anhuan.records.case import Case, CaseFigures
from anhuan.records.customer import Customer
from anhuan.records.worklist import WorkItem, WorkReason, WorkState
from anhuan.rulebook import queues

REST = timedelta(minutes=30)
"""How long a case that was given back is not handed out."""
FARTHEST = timedelta(days=366)

RELEASES = ("interrupted", "not_mine", "system", "end_of_shift", "other")
"""Why a case may be given back."""


@dataclass
class _Opened:
    """An item whose customer is held; `new`: it has not been on the worklist."""

    item: WorkItem
    customer: Held
    new: bool


def follow_up(
    customer_id: str, *, due_at: datetime, why: str, by: str, at: datetime, mine: bool = True, lease: UUID | None = None
) -> WorkItem | Sentence:
    """Go on with a case at `due_at`, because of `why` (a code); it comes to `by` again, unless `mine` is false.

    Ends her lease. Puts the case onto the worklist where it is not. A sentence where it cannot be.
    """
    if not at < due_at <= at + FARTHEST:
        return Sentence("follow_up_when", "跟进时间应晚于现在且不超过一年。", "A follow-up is later than now, within a year.")
    with _open(customer_id, by=by, at=at, lease=lease) as opened:
        if isinstance(opened, Sentence):
            return opened
        item = opened.item
        item.follow_up_at, item.follow_up_why, item.follow_up_by = due_at, why[:120], by
        item.assigned_to = by if mine else item.assigned_to
        if opened.new:
            item.reason = WorkReason.FOLLOW_UP
        _keep(item, not_before=None, by_hand=True)
        remember(opened.customer, "work.follow_up", item, due_at=due_at.isoformat(), why=why[:120])
        return item


def transfer(
    customer_id: str, *, queue: str, why: str, by: str, at: datetime, lease: UUID | None = None
) -> WorkItem | Sentence:
    """Put a case into another queue, because of `why` (a code): nobody's there, and of no date. Ends her lease."""
    told = queues.read(Path(settings.ANHUAN_HOME))
    if queue not in told:
        known = ", ".join(told)
        return Sentence(
            "queue_unknown", f"没有队列 {queue}；应为 {known} 之一。", f"There is no queue {queue}; it is one of {known}."
        )
    with _open(customer_id, by=by, at=at, lease=lease) as opened:
        if isinstance(opened, Sentence):
            return opened
        item = opened.item
        before = "" if opened.new else item.queue
        item.queue, item.reason, item.assigned_to = queue, WorkReason.TRANSFERRED, ""
        item.follow_up_at, item.follow_up_why, item.follow_up_by = None, "", ""
        _keep(item, not_before=None, by_hand=True)
        remember(opened.customer, "work.transferred", item, **{"from": before, "why": why[:120]})
        return item


def release(customer_id: str, *, why: str, by: str, at: datetime, lease: UUID | None = None) -> WorkItem | Sentence:
    """Give a case back unworked, for one of `RELEASES`; it comes again after `REST`, a follow-up at its own time."""
    if why not in RELEASES:
        return Sentence(
            "release_why", f"退回原因应为 {'、'.join(RELEASES)} 之一。", f"The reason is one of {', '.join(RELEASES)}."
        )
    with _open(customer_id, by=by, at=at, lease=lease) as opened:
        if isinstance(opened, Sentence):
            return opened
        item = opened.item
        if item.leased_by != by:
            return _not_held()
        _keep(item, not_before=at + REST, by_hand=item.by_hand)
        remember(opened.customer, "work.released", item, why=why)
        return item


def done(customer_id: str, *, by: str, at: datetime, lease: UUID | None = None) -> WorkItem | Sentence:
    """The case has been worked on and asks for nothing more; a later night may want it again."""
    with _open(customer_id, by=by, at=at, lease=lease) as opened:
        if isinstance(opened, Sentence):
            return opened
        item = opened.item
        if opened.new:
            return Sentence("no_work", "该案件不在待办列表中。", "The case is not on the worklist.")
        item.follow_up_at, item.follow_up_why, item.follow_up_by = None, "", ""
        item.state, item.ended_at, item.ended_by, item.ended_why = WorkState.DONE, at, by, "done"
        _keep(item, not_before=None, by_hand=False)
        remember(opened.customer, "work.done", item)
        return item


def _not_held() -> Sentence:
    return Sentence("not_held", "您已不再持有该案件。", "You do not hold this case any more.")


def _keep(item: WorkItem, *, not_before: datetime | None, by_hand: bool) -> None:
    """Save an item without its lease."""
    changed: dict[str, Any] = {**NO_LEASE, "not_before": not_before, "by_hand": by_hand}
    for name, value in changed.items():
        setattr(item, name, value)
    item.save()


@contextmanager
def _open(customer_id: str, *, by: str, at: datetime, lease: UUID | None) -> Iterator[_Opened | Sentence]:
    """The item of a customer, held with her, opened where it was over or never there; or why `by` may not change it.

    `lease`: the one she saw; where it is another by now, somebody else has had the case meanwhile.
    """
    with held(customer_id, at=at, by=by) as customer:
        item = WorkItem.objects.select_for_update().filter(pk=customer_id).first()
        if item is not None and item.held_at(at) and item.leased_by != by:
            yield Sentence(
                "held_by_another", f"该案件正由 {item.leased_by} 处理。", f"{item.leased_by} is working on this case."
            )
        elif lease is not None and (item is None or item.lease != lease):
            yield _not_held()
        elif not customer.has_case:
            yield Sentence("no_case", "没有这个案件。", "There is no such case.")
        elif item is None or item.state != WorkState.OPEN:
            yield _Opened(_by_hand(customer_id, item, at), customer, new=True)
        else:
            yield _Opened(item, customer, new=False)


def _by_hand(customer_id: str, before: WorkItem | None, at: datetime) -> WorkItem:
    """An item put onto the worklist by hand, at what is overdue; not saved yet."""
    if not Case.objects.filter(pk=customer_id).exists():
        raise LookupError("an item belongs to a case")
    figures = CaseFigures.objects.filter(pk=customer_id).first()
    language = Customer.objects.filter(pk=customer_id).values_list("language", flat=True).first() or "zh"
    value = figures.balance_total_minor if figures else 0
    item = before or WorkItem(customer_id=customer_id, queue=queues.DESK)
    item.state, item.reason, item.since, item.due_at = WorkState.OPEN, WorkReason.FOLLOW_UP, at, at + timedelta(days=1)
    item.language = language.split("-")[0].lower()
    item.ended_at, item.ended_by, item.ended_why, item.gate_tries = None, "", "", 0
    if before is None:
        item.value_at_risk_minor, item.currency = value, figures.currency if figures else ""
        item.rank = CLASSES - min(value, 10**13) * 1000
    return item
