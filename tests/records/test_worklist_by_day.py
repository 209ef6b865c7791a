"""What a day changes on the worklist: a promise judged broken comes first at once, who has paid goes, and both are taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.records import desk
from tests.records.desk import BY, MORNING

from anhuan.acts import hold, law, payment_import, payment_posting, worklist
from anhuan.acts import promise as promises
from anhuan.acts.payment_import import Notice
from anhuan.core.vocabulary import HoldKind
from anhuan.records.account import Account
from anhuan.records.case import Case, CaseFigures
from anhuan.records.payment import Posting
from anhuan.records.staff import Staff
from anhuan.records.worklist import WorkItem

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 20)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture(autouse=True)
def worked(settings: Any, tmp_path: Path) -> Iterator[None]:
    """Two cases on the worklist, of which C2 comes first."""
    settings.ANHUAN_HOME = tmp_path
    Staff.objects.create(username="wang", role="collector")
    for customer_id, value in (("C1", 10), ("C2", 20)):
        desk.customer(customer_id, cards=())
        desk.account(f"A-{customer_id}", customer_id, balance_total_minor=90_000, past_due_amount_minor=5_000, bucket=1)
        WorkItem.objects.create(
            customer_id=customer_id, queue="desk", language="zh", state="open", reason="proposal", rank=10**17 - value * 1000,
            since=MORNING, due_at=MORNING + DAY, channel="call",
        )  # fmt: skip
    yield
    desk.empty_cards()


def item(customer_id: str = "C1") -> WorkItem:
    return WorkItem.objects.get(pk=customer_id)


def stands(customer_id: str = "C1") -> tuple[str, str]:
    found = item(customer_id)
    return found.state, found.ended_why


def promised() -> None:
    answer = promises.make("C1", account_id="A-C1", amount_minor=5_000, currency="CNY", due_on=TODAY, at=MORNING, by=BY)
    assert not isinstance(answer, list), answer


def judged(days: int = 6) -> None:
    promises.judge(["C1"], at=MORNING + days * DAY, known_through=TODAY + (days - 1) * DAY)


def told(payment_id: str, amount: int = 5_000) -> None:
    payment_import.announce([Notice(payment_id, "A-C1", amount, "CNY", TODAY)], at=MORNING, by=BY)


def taken_back(payment_id: str, **more: Any) -> None:
    posting = Posting.objects.get(payment_id=payment_id)
    answer = payment_posting.reverse(posting.pk, reason="bounced", at=MORNING + HOUR, by=BY, **more)
    assert isinstance(answer, Posting), answer


def test_a_promise_judged_broken_comes_before_everything_else_at_once_and_goes_back_when_it_is_kept_after_all() -> None:
    promised()
    before = item().rank
    judged(3)
    assert (item().reason, item().rank, item().since) == ("promise_broken", before - worklist.CLASSES, MORNING)
    assert worklist.take("wang", at=MORNING + 3 * DAY).customer_id == "C1"  # type: ignore[union-attr]
    judged(3)
    assert item().rank == before - worklist.CLASSES, "judged again, it is not moved again"
    told("P1")
    judged(3)
    assert (item().reason, item().rank) == ("proposal", before)


def test_a_case_never_laid_out_comes_onto_the_worklist_at_once_by_a_broken_promise_and_goes_when_it_was_kept_after_all() -> (
    None
):
    promised()
    WorkItem.objects.filter(pk="C1").delete()
    judged(3)
    assert (item().state, item().reason, item().queue, item().by_hand) == ("open", "promise_broken", "desk", False)
    assert worklist.take("wang", at=MORNING + 3 * DAY).customer_id == "C1"  # type: ignore[union-attr]
    assert worklist.release("C1", why="other", by="wang", at=MORNING + 3 * DAY).state == "open"  # type: ignore[union-attr]
    Account.objects.filter(pk="A-C1").update(past_due_amount_minor=9_000)  # more is overdue than what she promised
    told("P1")
    judged(3)
    assert stands() == ("withdrawn", "not_wanted")
    taken_back("P1")
    judged(3)
    assert (stands(), item().reason) == (("open", ""), "promise_broken")


@pytest.mark.parametrize("why", ["closed", "placed_out", "held", "no_case"])
def test_a_broken_promise_brings_no_case_that_may_not_be_worked_on(why: str) -> None:
    promised()
    WorkItem.objects.filter(pk="C1").delete()
    if why == "held":
        hold.place("C1", HoldKind.COMPLAINT, law=law.in_force(MORNING), at=MORNING, by=BY)
    elif why == "placed_out":
        numbers = {
            field.attname: 0
            for field in CaseFigures._meta.concrete_fields
            if field.get_internal_type().endswith("IntegerField")
        }
        CaseFigures.objects.create(case_id="C1", placed_with="agency_1", **numbers)
    elif why == "closed":
        Case.objects.filter(pk="C1").update(status="closed")
    else:
        Case.objects.filter(pk="C1").delete()
    judged(3)
    assert not WorkItem.objects.filter(pk="C1").exists()


@pytest.mark.parametrize("ended", ["done", "not_wanted", "held", "placed_out"])
def test_work_that_was_over_comes_again_with_a_broken_promise_unless_the_case_may_not_be_worked_on(ended: str) -> None:
    promised()
    state = "done" if ended == "done" else "withdrawn"
    WorkItem.objects.filter(pk="C1").update(state=state, ended_at=MORNING, ended_by="wang", ended_why=ended)
    judged(3)
    assert (item().state == "open") == (ended in {"done", "not_wanted"})


def test_a_case_on_hold_or_closed_does_not_come_again() -> None:
    promised()
    assert worklist.done("C1", by="wang", at=MORNING).state == "done"  # type: ignore[union-attr]
    hold.place("C1", HoldKind.COMPLAINT, law=law.in_force(MORNING), at=MORNING, by=BY)
    judged(3)
    assert stands() == ("done", "done")


def test_who_pays_by_day_all_that_is_overdue_is_taken_off_and_comes_back_as_she_lay_when_that_is_taken_back() -> None:
    worklist.follow_up("C1", due_at=MORNING + 2 * HOUR, why="call_back", by="wang", at=MORNING)
    lay = WorkItem.objects.filter(pk="C1").values().get()
    told("P1", 4_999)
    assert stands() == ("open", "")
    told("P2", 1)
    assert stands() == ("withdrawn", "cured")
    assert stands("C2") == ("open", "")
    taken_back("P2", amount_minor=1)
    assert WorkItem.objects.filter(pk="C1").values().get() == lay


def test_whoever_holds_the_case_that_has_paid_holds_it_no_more() -> None:
    WorkItem.objects.filter(pk="C2").delete()
    held = worklist.take("wang", at=MORNING)
    assert held is not None
    told("P1")
    assert (stands(), item().leased_by) == (("withdrawn", "cured"), "")
    assert worklist.take("wang", at=MORNING) is None


def test_what_is_taken_back_of_a_case_the_night_has_closed_brings_nothing_back() -> None:
    told("P1")
    Case.objects.filter(pk="C1").update(status="closed")
    taken_back("P1")
    assert stands() == ("withdrawn", "cured")
