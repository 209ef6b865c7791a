"""Promises as acts: made, withdrawn, corrected; and judged by what is posted, again and again, as a slow model of one line would."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.records import desk
from tests.records.delivered import undone
from tests.records.desk import BY, MORNING
from tests.thorough import tries

from anhuan import clock
from anhuan.acts import promise as acts
from anhuan.clockwork import nightly
from anhuan.core.plan.promise import PromiseState
from anhuan.records import events
from anhuan.records.events import Event
from anhuan.records.night import Night
from anhuan.records.payment import Payment
from anhuan.records.promise import Promise

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 20)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def cards() -> Iterator[None]:
    desk.customer(cards=())
    for card in ("A1", "A2"):
        desk.account(card, "C1", balance_total_minor=100_000, past_due_amount_minor=20_000, bucket=1, days_past_due=9)
    yield
    desk.empty_cards()


def promised(account: str = "A1", amount: int = 10_000, due: date = TODAY + 2 * DAY, **told: Any) -> Promise:
    answer = acts.make(
        "C1", account_id=account, amount_minor=amount, currency="CNY", due_on=due, by=BY, **{"at": MORNING, **told}
    )
    assert isinstance(answer, Promise), answer
    return answer


def refused(**told: Any) -> set[str]:
    asked = {"account_id": "A1", "amount_minor": 10_000, "currency": "CNY", "due_on": TODAY, "at": MORNING, "by": BY}
    answer = acts.make("C1", **asked | told)
    assert isinstance(answer, list)
    assert all(each.zh and each.en for each in answer)
    return {each.code for each in answer}


def paid(
    payment_id: str, on: date, amount: int = 10_000, account: str = "A1", kind: str = "payment", reverses: str = ""
) -> None:
    Payment.objects.create(
        payment_id=payment_id, account_id=account, posted_on=on, effective_on=on, amount_minor=amount, currency="CNY", kind=kind,
        reverses=reverses, sequence=1,
    )  # fmt: skip


def judged(on: date, through: date | None = None) -> dict[str, int]:
    at = MORNING + (on - TODAY)
    return acts.judge(["C1"], at=at, known_through=through or on - DAY)


def state(promise: Promise) -> tuple[str, int, date | None]:
    promise.refresh_from_db()
    return promise.state, promise.paid_minor, promise.settled_on


def test_a_promise_is_kept_as_soon_as_it_is_paid_and_the_event_says_so() -> None:
    promise = promised()
    paid("P1", TODAY + DAY)
    assert judged(TODAY + DAY) == {"kept": 1}
    assert state(promise) == ("kept", 10_000, TODAY + DAY)
    last = Event.objects.filter(chain="C1").latest("number")
    assert last.kind == "promise.judged"
    assert [(each["from"], each["to"]) for each in last.body["promises"]] == [("open", "kept")]
    assert judged(TODAY + DAY) == {}
    assert Event.objects.filter(chain="C1").count() == last.number
    assert events.verify()["ok"]


def test_a_promise_is_broken_only_when_the_bank_has_told_all_of_its_last_day() -> None:
    promise = promised(due=TODAY)
    assert judged(TODAY) == {}
    assert judged(TODAY + 3 * DAY, through=TODAY - DAY) == {}
    assert judged(TODAY + DAY) == {"broken": 1}
    assert state(promise) == ("broken", 0, TODAY + DAY)


def test_a_back_dated_payment_mends_a_broken_promise_and_its_reversal_breaks_it_again() -> None:
    promise = promised(due=TODAY)
    judged(TODAY + DAY)
    paid("P1", TODAY)
    assert judged(TODAY + 5 * DAY) == {"kept": 1}
    assert state(promise)[2] == TODAY
    paid("R1", TODAY + 4 * DAY, kind="reversal", reverses="P1")
    assert judged(TODAY + 5 * DAY) == {"broken": 1}
    assert state(promise) == ("broken", 0, TODAY + DAY)


def test_part_of_it_in_time_is_part_kept_and_a_waiver_is_no_payment() -> None:
    promise = promised(due=TODAY)
    paid("P1", TODAY, amount=4_000)
    paid("P2", TODAY, amount=6_000, kind="waiver")
    judged(TODAY + DAY)
    assert state(promise)[:2] == ("part_kept", 4_000)


def test_tolerance_and_grace_are_the_promises_own() -> None:
    promise = promised(due=TODAY, tolerance_minor=500, grace_days=2)
    paid("P1", TODAY + 2 * DAY, amount=9_500)
    judged(TODAY + 3 * DAY)
    assert state(promise)[:2] == ("kept", 9_500)


def test_a_payment_counts_to_one_promise_alone() -> None:
    first = promised(due=TODAY)
    paid("P1", TODAY)
    judged(TODAY)
    second = promised(due=TODAY + DAY, at=MORNING + timedelta(hours=2))
    judged(TODAY + 2 * DAY)
    assert (state(first)[0], state(second)[0]) == ("kept", "broken")


def test_a_new_promise_takes_the_place_of_an_open_one_on_the_same_account_only() -> None:
    first, other = promised(), promised("A2")
    second = promised(amount=20_000, at=MORNING + timedelta(hours=1))
    assert [state(each)[0] for each in (first, other, second)] == ["withdrawn", "open", "open"]
    assert first.withdrawn_why == "replaced"
    made = Event.objects.filter(chain="C1").latest("number")
    assert made.body["replaced"] == [str(first.promise_id)]


def test_a_promise_fits_the_account_and_the_policy_or_is_refused_with_every_reason() -> None:
    assert refused(account_id="X") == {"account_unknown"}
    assert refused(currency="USD") == {"currency_of_another"}
    assert refused(amount_minor=100_001) == {"amount_beyond"}
    assert refused(amount_minor=0, due_on=TODAY - DAY) == {"amount_beyond", "day_beyond"}
    assert refused(due_on=TODAY + 90 * DAY) == {"day_beyond"}
    assert not Promise.objects.exists()


def test_a_promise_is_withdrawn_or_corrected_while_it_is_open() -> None:
    promise = promised()
    paid("P1", TODAY, amount=6_000)
    answer = acts.correct(promise.promise_id, amount_minor=6_000, why="mistake", at=MORNING, by=BY)
    assert isinstance(answer, Promise)
    assert (answer.state, answer.paid_minor) == ("kept", 6_000)
    assert [each.code for each in acts.withdraw(promise.promise_id, why="customer", at=MORNING, by=BY)] == ["promise_over"]
    other = promised("A2")
    assert acts.withdraw(other.promise_id, why="customer", at=MORNING, by=BY).state == "withdrawn"
    assert judged(TODAY + 9 * DAY) == {}


def test_what_the_old_system_judged_stays_and_what_it_left_open_is_judged() -> None:
    told = {"customer_id": "C1", "account_id": "", "amount_minor": 5_000, "currency": "CNY", "due_on": TODAY, "at": MORNING}
    told |= {"recorded_at": MORNING, "by": BY}
    kept = Promise.objects.create(promise_id="00000000-0000-0000-0000-000000000001", state="kept", **told)
    waiting = Promise.objects.create(promise_id="00000000-0000-0000-0000-000000000002", state="open", **told)
    paid("P1", TODAY, amount=5_000, account="A2")
    judged(TODAY + DAY)
    assert (state(kept)[:2], state(waiting)[:2]) == (("kept", 0), ("kept", 5_000))


# --- against a slow model -------------------------------------------------------------------------------------------

POSTINGS = st.lists(
    st.tuples(st.integers(-3, 8), st.integers(1, 12), st.sampled_from("PPPR")), max_size=8
)  # fmt: skip
PROMISES = st.lists(
    st.tuples(st.integers(0, 4), st.integers(1, 10), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=3
)


def slowly(promises: list[Promise], postings: list[tuple[int, int, str]], on: date) -> list[str]:
    """Cent by cent: each cent is one coin with a date, taken by the first promise that it is in time for and that lacks it."""
    coins: list[list[date]] = []
    for day, amount, kind in postings:
        if kind == "R" and coins:
            coins[-1] = coins[-1][: max(0, len(coins[-1]) - amount)]
        elif kind == "P":
            coins.append([TODAY + day * DAY] * amount)
    purse = sorted(coin for some in coins for coin in some)
    states = []
    for promise in promises:
        made, last = (promise.at + timedelta(hours=8)).date(), promise.due_on + promise.grace_days * DAY
        usable = [coin for coin in purse if made <= coin <= min(last, on)]
        for coin in usable[: promise.amount_minor]:
            purse.remove(coin)
        if len(usable) >= max(1, promise.amount_minor - promise.tolerance_minor):
            states.append("kept")
        elif last > on - DAY:
            states.append("open")
        else:
            states.append("part_kept" if usable else "broken")
    return states


@given(PROMISES, POSTINGS, st.integers(0, 9))
@settings(max_examples=tries(60), deadline=None)
def test_judging_agrees_with_counting_coins_whatever_is_posted_when(
    promises: list[tuple[int, int, int, int]], postings: list[tuple[int, int, str]], day: int
) -> None:
    with undone():
        made = []
        for number, (when, amount, ahead, grace) in enumerate(sorted(promises)):
            at: datetime = MORNING + when * DAY + timedelta(minutes=number)
            due = (at + timedelta(hours=8)).date() + ahead * DAY
            made.append(
                Promise.objects.create(
                    promise_id=f"00000000-0000-0000-0000-00000000000{number}",
                    customer_id="C1",
                    account_id="A1",
                    amount_minor=amount,
                    currency="CNY",
                    due_on=due,
                    state=PromiseState.OPEN,
                    at=at,
                    recorded_at=at,
                    by=BY,
                    grace_days=grace,
                    tolerance_minor=amount // 3,
                )
            )
        last = ""
        for number, (when, amount, kind) in enumerate(postings):
            if kind == "R" and last:
                paid(f"P{number}", TODAY + when * DAY, amount, kind="reversal", reverses=last)
            elif kind == "P":
                last = f"P{number}"
                paid(last, TODAY + when * DAY, amount)
            judged(TODAY + day * DAY)
        judged(TODAY + day * DAY)
        assert [state(each)[0] for each in made] == slowly(made, postings, TODAY + day * DAY)


# --- by the night ---------------------------------------------------------------------------------------------------


def a_night(day: date, sequence: int) -> Night:
    return Night.objects.create(
        sequence=sequence, business_date=day, issuer="firstbank", layout="canonical/1", content=f"{sequence:064}", snapshot=f"{sequence}",
        manifest_sha256=f"{sequence:064}", status="running", begun_at=MORNING + (day - TODAY),
    )  # fmt: skip


def test_the_night_judges_what_is_open_what_it_posted_to_and_what_rests_on_the_night_it_replaces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, other = promised(due=TODAY), promised("A2", due=TODAY + 5 * DAY)
    monkeypatch.setattr(clock, "now", lambda: MORNING + DAY)
    paid("P1", TODAY)
    wrong = a_night(TODAY, 1)
    assert nightly._judge(wrong, None, watch=nightly._Watch()) == {"promises": {"kept": 1}, "plans": {}}
    assert state(first)[0] == "kept"
    Payment.objects.all().delete()
    Night.objects.update(status="replaced")
    assert acts.concerned(sequence=2, since=wrong.begun_at) == ["C1"]
    assert nightly._judge(a_night(TODAY, 2), wrong, watch=nightly._Watch()) == {"promises": {"broken": 1}, "plans": {}}
    acts.withdraw(other.promise_id, why="customer", at=MORNING + DAY, by=BY)
    assert acts.concerned(sequence=3) == []
    paid("P2", TODAY, account="A2")
    Payment.objects.update(sequence=3)
    assert acts.concerned(sequence=3) == ["C1"]


@given(PROMISES, POSTINGS, st.lists(st.integers(1, 3), min_size=1, max_size=5))
@settings(max_examples=12, deadline=None)
def test_nights_that_look_at_whose_day_has_come_alone_leave_nothing_to_judge(
    promises: list[tuple[int, int, int, int]], postings: list[tuple[int, int, str]], nights: list[int]
) -> None:
    with undone():
        for number, (when, amount, ahead, grace) in enumerate(promises):
            at = MORNING + when * DAY + timedelta(minutes=number)
            Promise.objects.create(
                promise_id=f"00000000-0000-0000-0000-00000000000{number}", customer_id="C1", account_id=("A1", "A2", "")[number],
                amount_minor=amount, currency="CNY", due_on=TODAY + (when + ahead) * DAY, state=PromiseState.OPEN, at=at, recorded_at=at,
                by=BY, grace_days=grace,
            )  # fmt: skip
        day, last = TODAY, ""
        for sequence, ahead in enumerate(nights, start=1):
            day += ahead * DAY
            a_night(day, sequence)
            for number, (when, amount, kind) in enumerate(postings[sequence - 1 :: len(nights)]):
                told = {"kind": "reversal", "reverses": last} if kind == "R" and last else {"kind": "payment"}
                name = f"P{sequence}-{number}"
                paid(name, TODAY + when * DAY, amount, account="A1" if number % 2 else "A2", **told)
                last = name if told["kind"] == "payment" else last
                Payment.objects.filter(pk=name).update(sequence=sequence)
            morning = MORNING + (day + DAY - TODAY)
            acts.judge(acts.concerned(sequence=sequence), at=morning, known_through=day)
            told = Event.objects.count()
            assert acts.judge(None, at=morning, known_through=day) == {}
            assert Event.objects.count() == told
