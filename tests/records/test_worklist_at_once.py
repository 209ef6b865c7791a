"""Many collectors at once, each on a connection of her own: nobody has a case another has, and no work is lost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from tests.records import desk
from tests.records.desk import MORNING

from anhuan.acts import worklist
from anhuan.portfolio.feed import Sentence
from anhuan.records.events import Event
from anhuan.records.staff import Staff
from anhuan.records.worklist import WorkItem, WorkShare

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def book(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.ANHUAN_HOME = tmp_path
    yield
    desk.empty_cards()


def laid_out(cases: int, collectors: int) -> list[str]:
    for number in range(cases):
        customer_id = f"C{number:04}"
        desk.customer(customer_id, cards=(f"A{number:04}",))
        WorkItem.objects.create(
            customer_id=customer_id, queue="desk", language="zh", state="open", reason="proposal", rank=number, since=MORNING,
            due_at=MORNING, channel="call",
        )  # fmt: skip
    return [Staff.objects.create(username=f"w{number}", role="collector").username for number in range(collectors)]


def at_once(work: Callable[[str], None], names: list[str]) -> None:
    """Everybody begins at the same moment; what goes wrong anywhere goes wrong here."""
    beginning, wrong = threading.Barrier(len(names)), list[BaseException]()

    def one(name: str) -> None:
        try:
            connection.ensure_connection()
            beginning.wait()
            work(name)
        except BaseException as error:  # noqa: BLE001  told in the thread that looks
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]


def everybody_works(cases: int, collectors: int) -> None:
    names, taken = laid_out(cases, collectors), list[tuple[str, str]]()

    def work(name: str) -> None:
        misses = 0
        while misses < 3:  # passed over while others held the last ones
            item = worklist.take(name, at=MORNING)
            if item is None:
                misses += 1
                continue
            taken.append((name, item.customer_id))
            answer = worklist.done(item.customer_id, by=name, at=MORNING, lease=item.lease)
            assert isinstance(answer, WorkItem), answer

    at_once(work, names)
    assert [case for case, times in Counter(case for _, case in taken).items() if times > 1] == []
    assert len(taken) == cases
    assert set(WorkItem.objects.values_list("state", "taken_today", "leased_by")) == {("done", 1, "")}
    assert sum(WorkShare.objects.values_list("taken", flat=True)) == cases
    told = Counter(Event.objects.filter(kind__startswith="work.").values_list("chain", "kind"))
    assert set(told.values()) == {1}
    assert len(told) == 2 * cases


def test_collectors_at_once_never_have_the_same_case_and_leave_none() -> None:
    everybody_works(40, 6)


@pytest.mark.slow
def test_many_collectors_at_once_never_have_the_same_case_and_leave_none() -> None:
    everybody_works(600, 24)


def test_one_collector_asking_twice_at_once_is_given_one_case() -> None:
    laid_out(5, 0)
    Staff.objects.create(username="w0", role="collector")
    got = list[str]()

    def work(_name: str) -> None:
        item = worklist.take("w0", at=MORNING)
        assert item is not None
        got.append(item.customer_id)

    at_once(work, ["w0"] * 6)
    assert len(set(got)) == 1
    assert WorkItem.objects.exclude(leased_by="").count() == 1


def test_what_two_do_with_one_case_at_once_is_done_by_one_of_them_alone() -> None:
    names = laid_out(1, 2)
    held = worklist.take(names[0], at=MORNING)
    assert held is not None
    later, answers = MORNING + timedelta(hours=1), dict[str, Any]()  # her lease is over

    def work(name: str) -> None:
        if name == names[0]:
            answers[name] = worklist.done(held.customer_id, by=name, at=later, lease=held.lease)
        else:
            answers[name] = worklist.take(name, at=later)

    at_once(work, names)
    item = WorkItem.objects.get()
    if isinstance(answers[names[0]], Sentence):
        assert (item.leased_by, item.state) == (names[1], "open")
    else:
        assert (item.leased_by, item.state, answers[names[1]]) == ("", "done", None)


def test_a_supervisor_moving_work_while_it_is_taken_moves_nothing_that_is_held() -> None:
    names = laid_out(30, 4)
    boss = Staff.objects.create(username="boss", role="supervisor").username

    def work(name: str) -> None:
        if name == boss:
            worklist.reassign(worklist.WorkFilter(queue="desk"), to_queue="senior", to_person=None, by=name, at=MORNING)
        else:
            worklist.take(name, at=MORNING)

    at_once(work, [*names, boss])
    assert set(WorkItem.objects.exclude(leased_by="").values_list("queue", flat=True)) <= {"desk"}
    assert WorkItem.objects.filter(leased_by="").exclude(queue="senior").count() == 0
