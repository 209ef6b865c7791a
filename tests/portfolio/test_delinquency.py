"""Lateness and movement: each rule as a sentence, and all of them against a slow and obvious second text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import ibis
import pytest
from hypothesis import HealthCheck, given, settings
from ibis.backends.duckdb import Backend
from ibis.expr import types as ir
from tests.portfolio import slow
from tests.portfolio.book import ACCOUNTS, BACKDATED, IDS, TODAY, account, by_account, rows, table
from tests.portfolio.worlds import Night, nights
from tests.thorough import tries

from anhuan.portfolio import delinquency

TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture(scope="module")
def con() -> Backend:
    return ibis.duckdb.connect()


def aged(
    con: Backend,
    accounts: Sequence[dict[str, Any]],
    *,
    yesterday: ir.Table | None = None,
    aside: Sequence[str | None] = (),
    on: date = TODAY,
) -> ir.Table:
    set_aside = table(con, IDS, [{"account_id": account_id} for account_id in aside])
    standing = delinquency.age(table(con, ACCOUNTS, accounts), set_aside, yesterday, business_date=on)
    return con.create_table(ibis.util.gen_name("standing"), standing)


def two_nights(
    con: Backend, first: Sequence[dict[str, Any]], second: Sequence[dict[str, Any]], *, aside: Sequence[str | None] = ()
) -> dict[str, dict[str, Any]]:
    """The standing of the second night by account."""
    return by_account(aged(con, second, yesterday=aged(con, first), aside=aside, on=TOMORROW))


class TestBuckets:
    @pytest.mark.parametrize(
        ("late", "bucket", "grade"),
        [
            (0, 0, "normal"),
            (1, 1, "special_mention"),
            (30, 1, "special_mention"),
            (31, 2, "special_mention"),
            (60, 2, "special_mention"),
            (61, 3, "special_mention"),
            (90, 3, "special_mention"),
            (91, 4, "substandard"),
            (120, 4, "substandard"),
            (121, 5, "doubtful"),
            (150, 5, "doubtful"),
            (151, 6, "doubtful"),
            (180, 6, "doubtful"),
            (181, 7, "loss"),
            (361, 7, "loss"),
            (4000, 7, "loss"),
        ],
    )
    def test_every_edge_of_bucket_and_grade_lies_where_the_contract_puts_it(self, con, late, bucket, grade) -> None:
        row = by_account(aged(con, [account("A", late=late)]))["A"]
        assert (row["days_past_due"], row["bucket"], row["five_class"]) == (late, bucket, grade)

    def test_the_stricter_of_card_rule_and_general_rule_grades_whichever_it_is(self, con, monkeypatch) -> None:
        loss, normal = delinquency.Classification.LOSS, delinquency.Classification.NORMAL
        monkeypatch.setattr(delinquency, "_GENERAL_RULE", ((10, loss), (0, normal)))
        found = by_account(aged(con, [account("A", late=10), account("B", late=11), account("C", late=100)]))
        assert [found[name]["five_class"] for name in "ABC"] == ["special_mention", "loss", "loss"]

    def test_an_account_due_today_is_not_overdue(self, con) -> None:
        row = by_account(aged(con, [account("A", late=0)]))["A"]
        assert (row["overdue"], row["flow"]) == (False, None)

    def test_a_date_without_an_amount_is_not_overdue(self, con) -> None:
        row = by_account(aged(con, [account("A", late=40, past_due_amount_minor=0)]))["A"]
        assert (row["overdue"], row["days_past_due"], row["bucket"], row["five_class"]) == (False, 0, 0, "normal")

    def test_the_banks_own_grade_stands_beside_ours(self, con) -> None:
        row = by_account(aged(con, [account("A", late=200, classification="normal")]))["A"]
        assert (row["five_class"], row["classification"]) == ("loss", "normal")


class TestFlow:
    def test_on_the_first_night_every_overdue_account_entered(self, con) -> None:
        standing = aged(con, [account("A", late=5), account("B", late=500), account("C")])
        assert delinquency.flow(standing) == {
            "entered": 2, "rolled": 0, "improved": 0, "stayed": 0, "cured": 0, "vanished": 0,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("then", "now", "flow"),
        [
            (None, None, None),
            (None, 1, "entered"),
            (0, 1, "entered"),
            (30, 31, "rolled"),
            (5, 95, "rolled"),
            (5, 6, "stayed"),
            (300, 301, "stayed"),
            (95, 5, "improved"),
            (5, None, "cured"),
            (5, 0, "cured"),
        ],
    )
    def test_an_account_on_both_nights_moves_by_its_buckets(self, con, then, now, flow) -> None:
        row = two_nights(con, [account("A", late=then)], [account("A", late=now, on=TOMORROW)])["A"]
        assert row["flow"] == flow
        assert row["previous_bucket"] == slow.bucket_of(then or 0)

    def test_an_overdue_account_not_there_yesterday_entered(self, con) -> None:
        row = two_nights(con, [account("B")], [account("A", late=200, on=TOMORROW)])["A"]
        assert (row["flow"], row["previous_bucket"]) == ("entered", None)

    def test_an_overdue_account_that_is_gone_vanished_and_is_not_cured(self, con) -> None:
        row = two_nights(con, [account("A", late=40, balance_total_minor=777)], [account("B")])["A"]
        assert (row["presence"], row["flow"], row["previous_bucket"]) == ("missing", "vanished", 2)
        assert (row["days_past_due"], row["balance_total_minor"]) == (40, 777), "as last delivered"

    def test_a_current_account_that_is_gone_simply_leaves(self, con) -> None:
        assert set(two_nights(con, [account("A")], [account("B")])) == {"B"}

    def test_an_account_vanishes_once_and_stays_missing(self, con) -> None:
        first = aged(con, [account("A", late=40)])
        second = aged(con, [], yesterday=first, on=TOMORROW)
        third = aged(con, [], yesterday=second, on=TOMORROW + timedelta(days=1))
        assert delinquency.flow(second)["vanished"] == 1
        assert sum(delinquency.flow(third).values()) == 0
        assert by_account(third)["A"]["presence"] == "missing"

    @pytest.mark.parametrize(("late", "flow"), [(42, "entered"), (None, None), (0, None)])
    def test_a_missing_account_that_comes_back_was_not_there_to_roll_or_cure(self, con, late, flow) -> None:
        second = aged(con, [], yesterday=aged(con, [account("A", late=40)]), on=TOMORROW)
        day = TOMORROW + timedelta(days=1)
        row = by_account(aged(con, [account("A", late=late, on=day)], yesterday=second, on=day))["A"]
        assert (row["presence"], row["flow"], row["previous_bucket"]) == ("present", flow, None)


class TestSetAside:
    def test_a_row_set_aside_keeps_yesterdays_state_and_moves_nowhere(self, con) -> None:
        first = [account("A", late=40), account("B")]
        found = two_nights(con, first, [], aside=["A", "B", None])
        for name, late, bucket in (("A", 40, 2), ("B", 0, 0)):
            row = found[name]
            assert (row["presence"], row["flow"]) == ("carried", None)
            assert (row["days_past_due"], row["bucket"], row["previous_bucket"]) == (late, bucket, bucket)

    def test_an_account_never_seen_before_cannot_be_carried(self, con) -> None:
        assert set(two_nights(con, [account("B")], [account("B", on=TOMORROW)], aside=["A"])) == {"B"}

    def test_a_carried_account_that_is_then_absent_vanishes(self, con) -> None:
        second = aged(con, [], yesterday=aged(con, [account("A", late=40)]), aside=["A"], on=TOMORROW)
        third = by_account(aged(con, [], yesterday=second, on=TOMORROW + timedelta(days=1)))
        assert (third["A"]["presence"], third["A"]["flow"]) == ("missing", "vanished")

    def test_a_carried_account_that_comes_back_moves_against_the_state_it_kept(self, con) -> None:
        second = aged(con, [], yesterday=aged(con, [account("A", late=30)]), aside=["A"], on=TOMORROW)
        day = TOMORROW + timedelta(days=1)
        assert by_account(aged(con, [account("A", late=32, on=day)], yesterday=second, on=day))["A"]["flow"] == "rolled"

    def test_a_missing_account_whose_row_is_set_aside_stays_missing(self, con) -> None:
        second = aged(con, [], yesterday=aged(con, [account("A", late=40)]), on=TOMORROW)
        third = by_account(aged(con, [], yesterday=second, aside=["A"], on=TOMORROW + timedelta(days=1)))
        assert (third["A"]["presence"], third["A"]["flow"]) == ("missing", None)

    def test_a_usable_row_beats_its_surplus_copy_that_was_set_aside(self, con) -> None:
        found = two_nights(con, [account("A", late=5)], [account("A", late=6, on=TOMORROW)], aside=["A", "A"])
        assert (found["A"]["presence"], found["A"]["flow"]) == ("present", "stayed")


class TestCustomers:
    def customer(self, con: Backend, *accounts: dict[str, Any], yesterday: ir.Table | None = None) -> dict[str, Any]:
        (row,) = rows(delinquency.by_customer(aged(con, accounts, yesterday=yesterday)))
        return row

    def test_a_customer_stands_in_the_bucket_of_her_worst_account(self, con) -> None:
        row = self.customer(con, account("A", late=5), account("B", late=95), account("C"))
        assert (row["bucket"], row["days_past_due"], row["accounts"], row["overdue_accounts"]) == (4, 95, 3, 2)

    def test_her_sums_are_of_overdue_accounts_in_yuan_when_she_owes_yuan(self, con) -> None:
        row = self.customer(
            con,
            account("A", late=5, currency="AUD", past_due_amount_minor=1, balance_total_minor=10),
            account("B", late=5, past_due_amount_minor=2, balance_total_minor=20),
            account("C", late=5, past_due_amount_minor=4, balance_total_minor=40),
            account("D", balance_total_minor=80),
        )
        assert (row["currency"], row["past_due_amount_minor"], row["balance_total_minor"]) == ("CNY", 6, 60)
        assert row["other_currencies"] == 1

    def test_yuan_she_does_not_owe_is_not_her_main_currency(self, con) -> None:
        row = self.customer(con, account("A", late=5, currency="USD"), account("B", late=5, currency="AUD"), account("C"))
        assert (row["currency"], row["other_currencies"]) == ("AUD", 1)

    def test_without_debts_tonight_her_main_currency_is_that_of_the_missing_account(self, con) -> None:
        row = self.customer(con, account("B"), yesterday=aged(con, [account("A", late=40, currency="USD"), account("B")]))
        assert (row["currency"], row["accounts"], row["missing_accounts"]) == ("USD", 1, 1)

    def test_a_customer_with_only_missing_accounts_owes_nothing_tonight_and_is_not_lost(self, con) -> None:
        row = self.customer(con, yesterday=aged(con, [account("A", late=40, currency="USD")]))
        assert (row["bucket"], row["accounts"], row["overdue_accounts"], row["missing_accounts"]) == (0, 0, 0, 1)
        assert (row["currency"], row["past_due_amount_minor"], row["other_currencies"]) == ("USD", 0, 0)


class TestRestatement:
    days = tuple(TODAY - timedelta(days=back) for back in (3, 2, 1))

    def restated(
        self,
        con: Backend,
        history: Sequence[Sequence[dict[str, Any]]],
        tonight: Sequence[dict[str, Any]],
        *backdated: tuple[str, date],
        aside: Sequence[str] = (),
    ) -> dict[tuple[str, date], int]:
        """The restated buckets, from the deliveries of the three nights before and of tonight."""
        standing, past = None, []
        for on, delivered in zip(self.days, history, strict=True):
            standing = aged(con, delivered, yesterday=standing, on=on)
            past.append(standing.mutate(business_date=ibis.literal(on)))
        now = aged(con, tonight, yesterday=standing, aside=aside)
        dated = table(con, BACKDATED, [{"account_id": name, "effective_on": on} for name, on in backdated])
        found = rows(delinquency.restate(ibis.union(*past), dated, now), "customer_id", "business_date")
        return {(row["customer_id"], row["business_date"]): row["bucket"] for row in found}

    def late_each_day(self, name: str, since: date, customer: str = "C1") -> list[list[dict[str, Any]]]:
        return [[account(name, customer, past_due_amount_minor=5, past_due_since=since)] for _ in self.days]

    def test_a_payment_dated_back_cures_the_nights_it_covers_and_no_earlier_one(self, con) -> None:
        one, two, three = self.days
        history = self.late_each_day("A", TODAY - timedelta(days=40))
        assert self.restated(con, history, [account("A")], ("A", two)) == {("C1", two): 0, ("C1", three): 0}
        assert one not in {day for _, day in self.restated(con, history, [account("A")], ("A", two))}

    def test_a_payment_that_only_moves_the_oldest_due_date_lowers_the_bucket(self, con) -> None:
        one, two, three = self.days
        history = self.late_each_day("A", TODAY - timedelta(days=40))
        tonight = [account("A", late=32)]
        assert self.restated(con, history, tonight, ("A", one)) == {("C1", one): 1, ("C1", two): 1, ("C1", three): 2}

    def test_a_reversal_dated_back_makes_nights_overdue_on_which_the_account_was_not_even_delivered(self, con) -> None:
        one, two, three = self.days
        history = [[account("A")], [account("B", "C2")], [account("B", "C2")]]
        found = self.restated(con, history, [account("A", late=3)], ("A", one))
        assert found == {("C1", one): 0, ("C1", two): 1, ("C1", three): 1}

    def test_other_accounts_of_the_customer_stay_as_sealed(self, con) -> None:
        history = [[*day, account("B", late=70)] for day in self.late_each_day("A", TODAY - timedelta(days=200))]
        found = self.restated(con, history, [account("A"), account("B", late=70)], ("A", self.days[2]))
        assert found == {("C1", self.days[2]): 3}

    def test_an_account_that_left_in_m0_was_in_m0_from_the_effective_date_on(self, con) -> None:
        one, two, three = self.days
        history = [[account("A", late=40, on=one)], [account("A")], [account("B", "C2")]]
        found = self.restated(con, history, [account("B", "C2")], ("A", one))
        assert found == {("C1", one): 0, ("C1", two): 0, ("C1", three): 0}

    def test_an_account_gone_missing_tonight_is_not_cured_in_hindsight(self, con) -> None:
        history = self.late_each_day("A", TODAY - timedelta(days=40))
        assert self.restated(con, history, [account("B", "C2")], ("A", self.days[0])) == {}

    def test_an_account_set_aside_tonight_stays_as_sealed(self, con) -> None:
        history = self.late_each_day("A", TODAY - timedelta(days=40))
        assert self.restated(con, history, [], ("A", self.days[0]), aside=["A"]) == {}

    def test_a_moved_account_is_restated_for_who_held_it_then(self, con) -> None:
        one, two, three = self.days
        since = TODAY - timedelta(days=40)
        history = [
            [account("A", "C1", past_due_amount_minor=5, past_due_since=since)],
            [account("A", "C2", past_due_amount_minor=5, past_due_since=since)],
            [account("A", "C2", past_due_amount_minor=5, past_due_since=since)],
        ]
        found = self.restated(con, history, [account("A", "C2")], ("A", one))
        assert found == {("C1", one): 0, ("C1", two): 0, ("C1", three): 0, ("C2", two): 0, ("C2", three): 0}

    def test_two_payments_of_an_account_count_from_the_earlier(self, con) -> None:
        history = self.late_each_day("A", TODAY - timedelta(days=40))
        found = self.restated(con, history, [account("A")], ("A", self.days[2]), ("A", self.days[1]))
        assert set(found) == {("C1", self.days[1]), ("C1", self.days[2])}


def test_the_worked_example_of_the_documentation_is_what_happens(con: Backend) -> None:
    lines = (Path(__file__).parents[2] / "docs" / "night.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    days = [date.fromisoformat(day) for day in next(row for row in cells if row[0] == "account")[1:]]
    told = {row[0]: [cell.split(" → ") for cell in row[1:]] for row in cells if row[0][:1] == "A" and row[0][1:].isdigit()}
    heaps = {row[0]: [int(cell) for cell in row[1:]] for row in cells if len(row) == 5 and row[-1].isdigit()}
    assert (len(told), len(days)) == (6, 4)
    standing: ir.Table | None = None
    for n, on in enumerate(days):
        delivered = {name: nights[n][0] for name, nights in told.items() if nights[n][0] != "absent"}
        aside = [name for name, cell in delivered.items() if cell == "set aside"]
        usable = [
            account(name, late=None if cell == "current" else int(cell), on=on)
            for name, cell in delivered.items()
            if name not in aside
        ]
        standing = aged(con, usable, yesterday=standing, aside=aside, on=on)
        found = by_account(standing)
        assert {name: in_words(found.get(name)) for name in told} == {name: nights[n][1] for name, nights in told.items()}
        present = [row for row in found.values() if row["presence"] == "present"]
        counted = {
            "rows": len(delivered),
            "cured": sum(row["flow"] == "cured" for row in present),
            "no_action": sum(row["overdue"] for row in present),
            "set_aside": len(aside),
            "vanished, in no heap": delinquency.flow(standing)["vanished"],
        }
        counted["current"] = len(present) - counted["cured"] - counted["no_action"]
        assert counted == {name: row[n] for name, row in heaps.items()}


def in_words(row: dict[str, Any] | None) -> str:
    """A row of a standing as the documentation writes it."""
    if row is None:
        return "gone"
    place = "missing" if row["presence"] == "missing" else f"M{row['bucket']}"
    return " ".join([place, *filter(None, ["carried" if row["presence"] == "carried" else None, row["flow"]])])


def test_an_account_once_seen_stays_known_as_last_delivered(con: Backend) -> None:
    first = delinquency.known(None, table(con, ACCOUNTS, [account("A", "C1"), account("B")]), business_date=TODAY)
    second = delinquency.known(first, table(con, ACCOUNTS, [account("A", "C2")]), business_date=TOMORROW)
    assert [(row["account_id"], row["customer_id"], row["last_seen_on"]) for row in rows(second, "account_id")] == [
        ("A", "C2", TOMORROW),
        ("B", "C1", TODAY),
    ]


# Few examples of many accounts: what costs is compiling an expression, not the rows in it.
@settings(max_examples=tries(12), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(told=nights())
def test_any_sequence_of_nights_ages_as_the_slow_text_says(told: list[Night]) -> None:
    con = ibis.duckdb.connect()
    standing: ir.Table | None = None
    expected: slow.Standing | None = None
    known: ir.Table | None = None
    expected_known: dict[str, dict[str, Any]] = {}
    history: dict[date, tuple[ir.Table, slow.Standing]] = {}
    for night in told:
        standing = aged(con, list(night.accounts.values()), yesterday=standing, aside=night.set_aside, on=night.on)
        expected = slow.age(night.accounts, night.set_aside, expected, night.on)
        assert by_account(standing) == expected
        assert standing.schema() == delinquency.STANDING
        assert delinquency.flow(standing) == slow.flow(expected)
        assert_heaps_can_balance(night, expected)
        customers = {row["customer_id"]: row for row in rows(delinquency.by_customer(standing))}
        assert customers == slow.by_customer(expected)
        known = delinquency.known(known, table(con, ACCOUNTS, night.accounts.values()), business_date=night.on)
        known = con.create_table(ibis.util.gen_name("known"), known)
        expected_known = slow.known(expected_known, night.accounts, night.on)
        assert by_account(known) == expected_known
        assert_restated(con, night, standing, expected, history)
        history[night.on] = (standing, expected)
    con.disconnect()


def assert_heaps_can_balance(night: Night, standing: slow.Standing) -> None:
    """Every usable account is overdue, cured or current, and only one of them."""
    present = {name: row for name, row in standing.items() if row["presence"] == "present"}
    assert present.keys() == night.accounts.keys()
    assert not any(row["overdue"] for row in present.values() if row["flow"] in {"cured", "vanished"})


def assert_restated(
    con: Backend,
    night: Night,
    standing: ir.Table,
    expected: slow.Standing,
    history: dict[date, tuple[ir.Table, slow.Standing]],
) -> None:
    # A night on which nothing stands leaves no row to know it by.
    sealed = {on: (table, rows) for on, (table, rows) in history.items() if rows}
    if not sealed or not night.backdated:
        return
    past = ibis.union(*(then.mutate(business_date=ibis.literal(on)) for on, (then, _) in sealed.items()))
    dated = table(con, BACKDATED, [{"account_id": name, "effective_on": on} for name, on in night.backdated])
    found = rows(delinquency.restate(past, dated, standing))
    assert len(found) == len({(row["customer_id"], row["business_date"]) for row in found})
    assert {(row["customer_id"], row["business_date"]): row["bucket"] for row in found} == slow.restate(
        {on: rows for on, (_, rows) in sealed.items()}, night.backdated, expected
    )


def test_every_expression_also_compiles_for_spark() -> None:
    accounts = ibis.table(ACCOUNTS, name="accounts")
    standing = ibis.table(delinquency.STANDING, name="standing")
    aside, dated = ibis.table(IDS, name="aside"), ibis.table(BACKDATED, name="backdated")
    known = ibis.table(delinquency.KNOWN, name="known")
    expressions = [
        delinquency.age(accounts, aside, None, business_date=TODAY),
        delinquency.age(accounts, aside, standing, business_date=TODAY),
        delinquency.by_customer(standing),
        delinquency.known(known, accounts, business_date=TODAY),
        delinquency.restate(standing.mutate(business_date=ibis.literal(TODAY)), dated, standing),
    ]
    for expression in expressions:
        sql = ibis.to_sql(expression, dialect="pyspark")
        assert "SELECT" in sql
        assert '"' not in sql, "Spark quotes names with backticks"
