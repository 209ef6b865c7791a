"""What the pages say of the queues, after any day: the same as counting the items one by one, and as the lists behind the figures."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from tests.records import desk
from tests.records.desk import BY, MORNING

from anhuan.acts import hold, law, payment_import, worklist
from anhuan.acts import promise as promises
from anhuan.acts.payment_import import Notice
from anhuan.core.vocabulary import HoldKind
from anhuan.records.hold import Hold
from anhuan.records.night import Night
from anhuan.records.staff import Staff
from anhuan.records.strategy import Proposal
from anhuan.records.worklist import Reassignment, WorkItem, depths
from anhuan.workbench import counting

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 20)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PEOPLE, CASES, QUEUES = ("wang", "chen", "li"), [f"C{n}" for n in range(14)], ("desk", "senior", "disputes")


@pytest.fixture(autouse=True)
def house(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.ANHUAN_HOME = tmp_path
    cache.clear()
    for name in PEOPLE:
        Staff.objects.create(username=name, role="supervisor")
    for customer_id in CASES:
        desk.customer(customer_id, cards=())
        desk.account(f"A-{customer_id}", customer_id, balance_total_minor=90_000, past_due_amount_minor=5_000, bucket=1)
    yield
    desk.empty_cards()


class Day:
    """A day of acts chosen by lot; what is refused is refused."""

    def __init__(self, seed: int) -> None:
        self.chance, self.at, self.nights = random.Random(seed), MORNING, 0

    def act(self) -> None:
        """Something that changes the worklist, some minutes after what was before."""
        self.at += timedelta(minutes=self.chance.randrange(1, 40))
        customer, who = self.chance.choice(CASES), self.chance.choice(PEOPLE)
        acts: list[Callable[[], object]] = [
            self.night,
            lambda: worklist.take(who, at=self.at),
            lambda: worklist.take(who, at=self.at),
            lambda: worklist.done(customer, by=who, at=self.at),
            lambda: worklist.release(customer, why="other", by=who, at=self.at),
            lambda: worklist.transfer(customer, queue=self.chance.choice(QUEUES), why="other", by=who, at=self.at),
            lambda: self.follow_up(customer, who),
            lambda: self.promise(customer),
            lambda: promises.judge([customer], at=self.at, known_through=TODAY + self.chance.randrange(3) * DAY),
            lambda: payment_import.announce([Notice(f"P{self.at}", f"A-{customer}", 5_000, "CNY", TODAY)], at=self.at, by=BY),
            lambda: hold.place(customer, HoldKind.COMPLAINT, law=law.in_force(MORNING), at=self.at, by=BY),
            self.lift,
            self.move,
            self.move_back,
        ]
        self.chance.choice(acts)()

    def night(self) -> None:
        self.nights += 1
        on = TODAY + self.nights * DAY
        Proposal.objects.all().delete()
        for customer in self.chance.sample(CASES, 9):
            later = self.chance.random() < 0.3
            values = {
                "sequence": 1, "account_id": f"A-{customer}", "channel": "call", "handled_by": "in_house", "priority": 5,
                "team": self.chance.choice(("phone_m1", "phone_senior")), "expected_value_minor": self.chance.randrange(9_000),
                "currency": "CNY", "fingerprint": "f", "version_id": 1, "arm": "champion", "decision": "treatment", "rule": 7,
                "state": "proposed", "planned_at": self.at, "earliest_on": on + 2 * DAY if later else None,
            }  # fmt: skip
            Proposal.objects.create(business_date=on, customer_id=customer, **values)
        with transaction.atomic():
            worklist.fill(
                Night(business_date=on, sequence=self.nights, begun_at=self.at),
                morning=self.at + HOUR,
                at=self.at,
                by="system:night",
            )

    def follow_up(self, customer: str, who: str) -> None:
        due, mine = self.at + timedelta(minutes=self.chance.randrange(1, 120)), self.chance.random() < 0.5
        worklist.follow_up(customer, due_at=due, why="call_back", by=who, at=self.at, mine=mine)

    def promise(self, customer: str) -> None:
        due = self.at.date() + self.chance.randrange(3) * DAY
        promises.make(customer, account_id=f"A-{customer}", amount_minor=5_000, currency="CNY", due_on=due, at=self.at, by=BY)

    def lift(self) -> None:
        found = Hold.objects.filter(ends=None).first()
        if found:
            hold.end(found.hold_id, at=self.at, by=BY, reason="over")

    def move(self) -> None:
        person = self.chance.choice((None, "", "wang"))
        asked = worklist.WorkFilter(queue=self.chance.choice(QUEUES), kind=self.chance.choice(("", *worklist.KINDS)))
        worklist.reassign(asked, to_queue=self.chance.choice(("", *QUEUES)), to_person=person, by=BY, at=self.at)

    def move_back(self) -> None:
        found = Reassignment.objects.filter(undone_at=None).order_by("-at").first()
        if found:
            worklist.undo(found.pk, by=BY, at=self.at)


def counted_slowly(at: datetime) -> dict[str, dict[str, Any]]:
    """Item by item."""
    told: dict[str, dict[str, Any]] = {}
    for item in WorkItem.objects.filter(state="open"):
        one = told.setdefault(
            item.queue, dict.fromkeys(("ready", "waiting", "held", "due", "overdue", "assigned"), 0) | {"queue": item.queue}
        )
        when = item.follow_up_at or item.not_before
        one["held" if item.held_at(at) else "waiting" if when is not None and when > at else "ready"] += 1
        due = item.follow_up_at is not None and item.follow_up_at <= at
        one["due"] += due
        one["overdue"] += item.overdue(at)
        one["assigned"] += bool(item.assigned_to)
        one["oldest"] = min(item.since, one.get("oldest") or item.since)
        first = one.get("oldest_follow_up")
        one["oldest_follow_up"] = min(item.follow_up_at, first or item.follow_up_at) if due and item.follow_up_at else first
    return told


@pytest.mark.parametrize("seed", [11, 28])
def test_after_a_day_of_any_acts_the_queues_hold_what_their_items_say(seed: int) -> None:
    day = Day(seed)
    day.night()
    seen = set()
    for number in range(60):
        day.act()
        if number % 10 == 9:
            told = {queue: asdict(depth) for queue, depth in depths(day.at).items()}
            assert told == counted_slowly(day.at)
            seen |= {name for one in told.values() for name, value in one.items() if value}
            for kind, name in (
                ("held", "held"),
                ("overdue", "overdue"),
                ("due", "due"),
                ("waiting", "waiting"),
                ("assigned", "assigned"),
            ):
                listed = worklist.found(worklist.WorkFilter(kind=kind), at=day.at).count()
                assert listed == sum(one[name] for one in told.values()), kind
    assert {"ready", "waiting", "held", "due", "overdue", "assigned"} <= seen, "the day was too quiet to say anything"


def test_figures_that_take_long_are_counted_beside_the_request_and_say_of_when_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beside: list[Callable[[], None]] = []

    class Later:
        """A thread that begins when the test says so."""

        def __init__(self, *, target: Callable[..., None], args: tuple[Any, ...], **_told: Any) -> None:
            self.start = lambda: beside.append(lambda: target(*args))

    monkeypatch.setattr(counting, "Thread", Later)
    monkeypatch.setattr(counting.connections, "close_all", lambda: None)
    monkeypatch.setattr(counting, "_large", lambda _table: True)
    numbers = iter([1, 2])

    def ask(at: datetime) -> counting.Figures[int] | None:
        return counting.figures("test", lambda: next(numbers), table="records_workitem", at=at)

    first, second = datetime(2026, 11, 20, 2, tzinfo=UTC), datetime(2026, 11, 20, 3, tzinfo=UTC)
    assert ask(first) is None, "nothing stands in the place of what is not counted yet"
    assert ask(first) is None
    assert len(beside) == 1, "one counts at a time"
    beside.pop()()
    told = ask(second)
    assert told is not None
    assert (told.value, told.at) == (1, first)
    cache.set("figures:test", counting.Figures(1, first, took=2.0))
    cache.delete("figures-fresh:test")
    assert ask(second) == counting.Figures(1, first, took=2.0), (
        "while they are counted anew the older ones are told, with their instant"
    )
    beside.pop()()
    told = ask(second)
    assert told is not None
    assert (told.value, told.at) == (2, second)
