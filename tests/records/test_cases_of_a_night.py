"""What a night does to cases, told one rule at a time."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import connection
from tests.records.nightfall import FIRST_DAY, Books, Card, Paid, customer

from anhuan.acts.case import ACCOUNTS_BEFORE
from anhuan.records import events
from anhuan.records.account import Account
from anhuan.records.case import BucketSpan, Case, CaseFigures
from anhuan.records.events import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def books() -> Books:
    return Books()


def told(case_id: str) -> list[tuple[str, int | None, int | None]]:
    """Kind, from and to of each event of a case."""
    chain = Event.objects.filter(chain=case_id).order_by("number")
    return [(e.kind, e.body.get("from"), e.body.get("to")) for e in chain]


def spans(case_id: str) -> list[tuple[int, int, bool]]:
    """Number of the night, bucket, restated."""
    found = BucketSpan.objects.filter(case_id=case_id).order_by("since").values_list("since", "bucket", "restated")
    return [((since - FIRST_DAY).days + 1, bucket, restated) for since, bucket, restated in found]


def day(number: int) -> date:
    return Books().day(number)


def test_a_customer_with_an_overdue_account_gets_one_case_and_others_get_none(books: Books) -> None:
    counted = books.night(1, [Card("A1", "C1", 5), Card("A2", "C1", 65), Card("A3", "C2", 0)])
    assert counted == {"opened": 1, "reopened": 0, "closed": 0, "open": 1}
    case = Case.objects.get()
    assert (case.case_id, case.status, case.bucket, case.opened_on, case.since) == ("C1", "open", 3, FIRST_DAY, FIRST_DAY)
    assert told("C1") == [("case.opened", 0, 3)]
    event = Event.objects.get()
    assert event.body == {"business_date": "2026-11-01", "sequence": 1, "from": 0, "to": 3}
    assert event.by == "system:night"


def test_a_case_where_nothing_changed_is_not_written(books: Books) -> None:
    books.night(1, [Card("A1", "C1", 5)])
    with connection.cursor() as cursor:
        cursor.execute("SELECT xmin, ctid FROM records_case")
        before = cursor.fetchall()
        assert books.night(2, [Card("A1", "C1", 6)]) == {"opened": 0, "reopened": 0, "closed": 0, "open": 1}
        cursor.execute("SELECT xmin, ctid FROM records_case")
        assert cursor.fetchall() == before
    assert Event.objects.count() == 1
    assert CaseFigures.objects.get().days_past_due == 6


def test_a_case_moves_closes_and_the_same_case_reopens(books: Books) -> None:
    books.night(1, [Card("A1", "C1", 30)])
    books.night(2, [Card("A1", "C1", 31)])
    assert books.night(3, [Card("A1", "C1", 0)])["closed"] == 1
    closed = Case.objects.get()
    assert (closed.status, closed.bucket, closed.closed_on, closed.since) == ("closed", 0, day(3), day(3))
    assert not CaseFigures.objects.exists()
    assert books.night(5, [Card("A1", "C1", 1)]) == {"opened": 0, "reopened": 1, "closed": 0, "open": 1}
    case = Case.objects.get()
    assert (case.status, case.opened_on, case.closed_on, case.reopened) == ("open", FIRST_DAY, None, 1)
    assert told("C1") == [("case.opened", 0, 1), ("case.moved", 1, 2), ("case.closed", 2, 0), ("case.reopened", 0, 1)]
    assert spans("C1") == [(1, 1, False), (2, 2, False), (3, 0, False), (5, 1, False)]


def test_a_case_whose_account_vanished_stays_open_as_it_was(books: Books) -> None:
    books.night(1, [Card("A1", "C1", 40), Card("A2", "C2", 5)])
    for number in (2, 3):
        assert books.night(number, [Card("A2", "C2", 5 + number)])["open"] == 2
    case = Case.objects.get(pk="C1")
    assert (case.status, case.bucket, case.events) == ("open", 2, 1)
    figures = CaseFigures.objects.get(pk="C1")
    assert (figures.bucket, figures.overdue_accounts, figures.missing_accounts, figures.past_due_amount_minor) == (2, 0, 1, 0)
    account = Account.objects.get(pk="A1")
    assert (account.presence, account.as_of, account.interest_minor) == ("missing", FIRST_DAY, 7)
    assert books.night(4, [Card("A1", "C1", 0), Card("A2", "C2", 9)])["closed"] == 1


def test_an_account_set_aside_keeps_its_case_and_its_details_as_they_were(books: Books) -> None:
    books.segments = {"C1": "gold"}
    customer("C1", "platinum")
    books.night(1, [Card("A1", "C1", 40, interest=99, placed_with="AG1"), Card("A2", "C2", 1)])
    assert CaseFigures.objects.get(pk="C1").segment == "gold"
    for number in (2, 3):
        counted = books.night(number, [Card("A1", "C1", 0, spoilt=True), Card("A2", "C2", 1)])
        assert counted == {"opened": 0, "reopened": 0, "closed": 0, "open": 2}
    account = Account.objects.get(pk="A1")
    assert (account.presence, account.as_of, account.bucket, account.interest_minor) == ("carried", FIRST_DAY, 2, 99)
    figures = CaseFigures.objects.get(pk="C1")
    assert (figures.bucket, figures.placed_with, figures.segment, figures.region_code) == (2, "AG1", "platinum", "310000")
    assert Case.objects.get(pk="C1").events == 1


def test_figures_are_in_the_main_currency_and_count_the_others(books: Books) -> None:
    books.night(
        1,
        [
            Card("A1", "C1", 40, currency="USD", balance=700),
            Card("A2", "C1", 5, balance=900, placed_with="AG2"),
            Card("A3", "C1", 0, placed_with="AG1"),
            Card("A4", "C2", 9, currency="USD", balance=50),
        ],
    )
    c1, c2 = CaseFigures.objects.order_by("pk")
    assert (c1.currency, c1.balance_total_minor, c1.past_due_amount_minor, c1.other_currencies) == ("CNY", 900, 5_000, 1)
    assert (c1.accounts, c1.overdue_accounts, c1.bucket, c1.days_past_due, c1.placed_with) == (3, 2, 2, 40, "AG2")
    assert (c2.currency, c2.balance_total_minor, c2.other_currencies, c2.placed_with) == ("USD", 50, 0, "")


# --- a payment that reaches back ----------------------------------------------------------------------------------


def test_a_backdated_payment_restates_the_nights_it_reaches(books: Books) -> None:
    books.night(1, [Card("A1", "C1", 29)])
    books.night(2, [Card("A1", "C1", 30)])
    books.night(3, [Card("A1", "C1", 31)])
    books.night(4, [Card("A1", "C1", 2)], [Paid("P1", "A1", day(3))])
    assert spans("C1") == [(1, 1, False)]
    case = Case.objects.get()
    assert (case.bucket, case.since) == (1, FIRST_DAY)
    assert told("C1")[-2][0] == "case.moved"
    assert Event.objects.get(kind="case.restated").body == {
        "business_date": "2026-11-04", "sequence": 4, "from": "2026-11-03", "was": [["2026-11-03", 2]], "is": [],
    }  # fmt: skip


def test_a_restated_span_says_so_and_an_equal_one_stays_what_it_was(books: Books) -> None:
    books.night(1, [Card("A1", "C1", 61)])
    books.night(2, [Card("A1", "C1", 0)])
    books.night(3, [Card("A1", "C1", 31)])
    assert spans("C1") == [(1, 3, False), (2, 0, False), (3, 2, False)]
    books.night(4, [Card("A1", "C1", 32)], [Paid("R1", "A1", day(1), kind="reversal")])
    assert spans("C1") == [(1, 1, True), (3, 2, False)]


def test_a_replayed_payment_restates_nothing(books: Books) -> None:
    books.night(1, [Card("A1", "C1", 31)])
    books.night(2, [Card("A1", "C1", 0)], [Paid("P1", "A1", day(2))])
    books.night(3, [Card("A1", "C1", 1)])
    books.night(4, [Card("A1", "C1", 0)], [Paid("P1", "A1", day(2))])
    assert not Event.objects.filter(kind="case.restated").exists()
    assert spans("C1") == [(1, 2, False), (2, 0, False), (3, 1, False), (4, 0, False)]


def test_a_reversal_that_reaches_back_before_the_case_opened_shows_in_its_history(books: Books) -> None:
    books.night(1, [Card("A1", "C1", 0)])
    books.night(2, [Card("A1", "C1", 0)])
    books.night(3, [Card("A1", "C1", 3)], [Paid("R1", "A1", FIRST_DAY, kind="reversal")])
    assert spans("C1") == [(1, 1, True)]
    case = Case.objects.get()
    assert (case.opened_on, case.since) == (day(3), FIRST_DAY)
    assert [kind for kind, _, _ in told("C1")] == ["case.opened", "case.restated"]


def test_a_customer_who_never_had_a_case_is_not_given_one_by_the_past(books: Books) -> None:
    books.night(1, [Card("A1", "C1", 0)])
    books.night(2, [Card("A1", "C1", 0)], [Paid("P1", "A1", FIRST_DAY)])
    assert not Case.objects.exists()
    assert not BucketSpan.objects.exists()


# --- a delivery that takes a night's place ------------------------------------------------------------------------


def test_a_replacing_delivery_undoes_the_wrong_night_and_says_so(books: Books) -> None:
    books.night(1, [Card("A1", "C1", 30), Card("A2", "C2", 70), Card("A3", "C3", 10)])
    books.night(2, [Card("A1", "C1", 0), Card("A2", "C2", 71), Card("A3", "C3", 11), Card("A4", "C4", 1)])
    counted = books.night(2, [Card("A1", "C1", 31), Card("A2", "C2", 71), Card("A3", "C3", 0)], replace_it=True)
    assert counted == {"opened": 0, "reopened": 0, "closed": 1, "open": 2}
    assert told("C1") == [("case.opened", 0, 1), ("case.closed", 1, 0), ("case.reopened", 0, 2)]
    assert told("C2") == [("case.opened", 0, 3)]
    assert told("C3") == [("case.opened", 0, 1), ("case.closed", 1, 0)]
    assert told("C4") == [("case.opened", 0, 1), ("case.closed", 1, 0)]
    assert Event.objects.get(chain="C4", number=2).body["replaces"] == 2
    c1, c4 = Case.objects.get(pk="C1"), Case.objects.get(pk="C4")
    assert (c1.status, c1.bucket, c1.reopened, c1.closed_on) == ("open", 2, 0, None)
    assert (c4.status, c4.opened_on, c4.since, c4.bucket) == ("closed", None, None, 0)
    assert spans("C4") == []
    assert spans("C1") == [(1, 1, False), (2, 2, False)]
    assert events.verify()["ok"]


def test_a_case_that_only_a_withdrawn_night_opened_opens_for_the_first_time_later(books: Books) -> None:
    books.night(1, [Card("A1", "C1", 0)])
    books.night(2, [Card("A1", "C1", 1)])
    books.night(2, [Card("A1", "C1", 0)], replace_it=True)
    assert books.night(3, [Card("A1", "C1", 1)]) == {"opened": 1, "reopened": 0, "closed": 0, "open": 1}
    case = Case.objects.get()
    assert (case.opened_on, case.reopened, case.events) == (day(3), 0, 3)


def test_what_a_wrong_night_restated_is_put_back(books: Books) -> None:
    books.night(1, [Card("A1", "C1", 30)])
    books.night(2, [Card("A1", "C1", 31)])
    before = spans("C1")
    books.night(3, [Card("A1", "C1", 20)], [Paid("P1", "A1", day(2))])
    assert spans("C1") == [(1, 1, False)]
    books.night(3, [Card("A1", "C1", 32)], replace_it=True)
    assert spans("C1") == before
    kinds = [kind for kind, _, _ in told("C1")]
    assert kinds == ["case.opened", "case.moved", "case.moved", "case.restated", "case.moved", "case.restated"]
    last = Event.objects.filter(chain="C1").order_by("number").last()
    assert last is not None
    assert (last.body["was"], last.body["is"], last.body["replaces"]) == ([], [["2026-11-02", 2]], 3)


def test_a_replacement_that_says_the_same_leaves_no_event(books: Books) -> None:
    nights: list[list[Card]] = [[Card("A1", "C1", 31)], [Card("A1", "C1", 20), Card("A2", "C2", 1)]]
    books.night(1, nights[0])
    books.night(2, nights[1], [Paid("P1", "A1", day(1))])
    assert spans("C1") == [(1, 1, True)]
    before = {**records(), "events": Event.objects.count()}
    for _ in range(2):
        assert books.night(2, nights[1], [Paid("P1", "A1", day(1))], replace_it=True)["opened"] == 1
        assert {**records(), "events": Event.objects.count()} == before


def test_a_replaced_night_leaves_records_as_if_it_had_never_been(books: Books) -> None:
    first = [Card("A1", "C1", 30, interest=5), Card("A2", "C2", 70), Card("A3", "C3", 0), Card("A4", "C4", 9, interest=3)]
    right = [Card("A1", "C1", 0, spoilt=True), Card("A2", "C2", 0), Card("A4", "C4", 0, spoilt=True), Card("A5", "C5", 8)]
    wrong = [Card("A1", "C1", 0, interest=77), Card("A6", "C6", 200), Card("A3", "C3", 1)]
    books.night(1, first)
    books.night(2, wrong, [Paid("P1", "A1", day(1))])
    books.night(2, [Card("A1", "C1", 99, interest=66)], replace_it=True)
    books.night(2, right, replace_it=True)
    disturbed = records()

    for model in (Account, Case, CaseFigures, BucketSpan):
        model.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE records_casebefore")
        cursor.execute("ALTER TABLE records_event DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM records_event")
        cursor.execute("DELETE FROM records_nightstep")
        cursor.execute("DELETE FROM records_night")
    undisturbed = Books()
    undisturbed.night(1, first)
    undisturbed.night(2, right)
    assert disturbed == records()
    assert Account.objects.get(pk="A1").interest_minor == 5


def records() -> dict[str, Any]:
    cases = Case.objects.filter(opened_on__isnull=False).order_by("pk")
    return {
        "accounts": list(Account.objects.order_by("pk").values()),
        "cases": list(cases.values_list("case_id", "status", "bucket", "opened_on", "since", "closed_on", "reopened")),
        "figures": list(CaseFigures.objects.order_by("pk").values()),
        "spans": list(BucketSpan.objects.order_by("case_id", "since").values_list("case_id", "since", "bucket", "restated")),
    }


def test_the_accounts_of_the_night_before_are_kept_for_a_replacement(books: Books) -> None:
    books.night(1, [Card("A1", "C1", 1)])
    books.night(2, [Card("A1", "C1", 2), Card("A2", "C2", 2)])
    books.night(2, [Card("A1", "C1", 2)], replace_it=True)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT account_id, as_of FROM {ACCOUNTS_BEFORE}")
        assert cursor.fetchall() == [("A1", FIRST_DAY)]
