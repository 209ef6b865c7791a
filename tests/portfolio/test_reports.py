"""Roll rates as the public contract words them, months by their last sealed night, and the figures of a night."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import ibis
import pytest
from hypothesis import HealthCheck, given, settings
from ibis.backends.duckdb import Backend
from ibis.expr import types as ir
from tests.portfolio import slow
from tests.portfolio.book import ACCOUNTS, CUSTOMERS, IDS, TODAY, account, table
from tests.portfolio.worlds import Night, nights
from tests.thorough import tries

from anhuan.core.vocabulary import Bucket
from anhuan.portfolio import delinquency, reports

TOMORROW = TODAY + timedelta(days=1)
NOTHING = [0] * 8


@pytest.fixture(scope="module")
def con() -> Backend:
    return ibis.duckdb.connect()


def aged(
    con: Backend,
    accounts: Sequence[dict[str, Any]],
    *,
    yesterday: ir.Table | None = None,
    aside: Sequence[str] = (),
    on: date = TODAY,
) -> ir.Table:
    set_aside = table(con, IDS, [{"account_id": account_id} for account_id in aside])
    standing = delinquency.age(table(con, ACCOUNTS, accounts), set_aside, yesterday, business_date=on)
    return con.create_table(ibis.util.gen_name("standing"), standing)


def cells(matrix: list[list[int]]) -> dict[tuple[int, int], int]:
    return {(i, j): value for i, row in enumerate(matrix) for j, value in enumerate(row) if value}


class TestRollRates:
    def rolled(self, con, first, second, *, aside=(), **asked) -> dict[str, Any]:
        then = aged(con, first)
        return reports.roll_rates(then, aged(con, second, yesterday=then, aside=aside, on=TOMORROW), **asked)

    def test_rows_are_the_first_night_and_columns_the_second(self, con) -> None:
        first = [account("A", late=30), account("B", late=95), account("C", late=5), account("D")]
        second = [account("A", late=31, on=TOMORROW), account("B", late=5, on=TOMORROW), account("C"), account("D")]
        found = self.rolled(con, first, second)
        assert cells(found["matrix"]) == {(1, 2): 1, (4, 1): 1, (1, 0): 1, (0, 0): 1}
        assert found["vanished"] == NOTHING
        assert (found["buckets"], found["by"]) == (["M0", "M1", "M2", "M3", "M4", "M5", "M6", "M7"], "count")

    def test_an_account_there_only_once_is_in_m0_on_the_other_night_if_it_was_overdue(self, con) -> None:
        found = self.rolled(con, [account("A", late=40), account("B")], [account("C", late=70, on=TOMORROW), account("D")])
        assert cells(found["matrix"]) == {(2, 0): 1, (0, 3): 1}, "B and D were in M0 on one night and absent on the other"

    def test_a_vanished_account_stands_in_the_m0_column_and_again_in_vanished(self, con) -> None:
        found = self.rolled(con, [account("A", late=40), account("B", late=40)], [account("B")])
        assert found["matrix"][2][0] == 2
        assert found["vanished"] == [0, 0, 1, 0, 0, 0, 0, 0]

    def test_an_account_missing_on_the_first_night_was_absent_then(self, con) -> None:
        night = aged(con, [account("A", late=40)])
        gone = aged(con, [], yesterday=night, on=TOMORROW)
        day = TOMORROW + timedelta(days=1)
        back = aged(con, [account("A", late=42, on=day, balance_total_minor=7)], yesterday=gone, on=day)
        found = reports.roll_rates(gone, back, by="balance")
        assert cells(found["matrix"]) == {(0, 2): 7}, "with the balance of the second night"
        assert cells(reports.roll_rates(gone, gone)["matrix"]) == {}

    def test_an_account_set_aside_keeps_its_place(self, con) -> None:
        found = self.rolled(con, [account("A", late=40), account("B")], [], aside=["A", "B"])
        assert cells(found["matrix"]) == {(2, 2): 1, (0, 0): 1}
        assert found["vanished"] == NOTHING

    def test_by_balance_weighs_with_the_first_night_and_with_the_second_when_absent_then(self, con) -> None:
        first = [account("A", late=40, balance_total_minor=100), account("V", late=1, balance_total_minor=9)]
        second = [
            account("A", late=41, on=TOMORROW, balance_total_minor=55),
            account("B", late=5, on=TOMORROW, balance_total_minor=30),
        ]
        found = self.rolled(con, first, second, by="balance")
        assert cells(found["matrix"]) == {(2, 2): 100, (0, 1): 30, (1, 0): 9}
        assert found["vanished"] == [0, 9, 0, 0, 0, 0, 0, 0]

    def test_the_currency_filters_both_kinds_and_is_yuan_when_nobody_asks(self, con) -> None:
        first = [account("A", late=40), account("B", late=40, currency="USD", balance_total_minor=3)]
        second = [account("A", late=41, on=TOMORROW), account("B", late=61, currency="USD", on=TOMORROW)]
        assert cells(self.rolled(con, first, second)["matrix"]) == {(2, 2): 1}
        assert cells(self.rolled(con, first, second, currency="USD")["matrix"]) == {(2, 3): 1}
        assert cells(self.rolled(con, first, second, currency="USD", by="balance")["matrix"]) == {(2, 3): 3}
        assert cells(self.rolled(con, first, second, currency="EUR")["matrix"]) == {}

    def test_a_report_asks_for_no_column_it_does_not_need(self, con) -> None:
        narrow = aged(con, [account("A", late=40)]).select(
            "account_id", "currency", "presence", "bucket", "balance_total_minor"
        )
        assert reports.roll_rates(narrow, narrow)["matrix"][2][2] == 1

    def test_it_compiles_for_spark(self) -> None:
        standing = ibis.table(delinquency.STANDING, name="standing")
        assert "FULL OUTER JOIN" in ibis.to_sql(reports.roll(standing, standing.view()), dialect="pyspark")


class TestMonths:
    def test_a_month_is_its_last_sealed_night(self) -> None:
        sealed = [date(2026, 3, 2), date(2026, 1, 30), date(2026, 1, 31), date(2026, 2, 26), date(2025, 12, 31)]
        assert reports.month_ends(sealed) == {
            "2025-12": date(2025, 12, 31),
            "2026-01": date(2026, 1, 31),
            "2026-02": date(2026, 2, 26),
            "2026-03": date(2026, 3, 2),
        }
        assert list(reports.month_ends(sealed)) == ["2025-12", "2026-01", "2026-02", "2026-03"]

    def test_matrices_join_neighbouring_months_only(self, con) -> None:
        days = [date(2025, 12, 31), date(2026, 1, 10), date(2026, 1, 30), date(2026, 3, 31), date(2026, 4, 30)]
        since = date(2025, 12, 20)
        standings = {
            on: aged(con, [account("A", past_due_amount_minor=1, past_due_since=since), account("B")], on=on) for on in days
        }
        found = reports.monthly_roll_rates(standings)
        assert [(month["from"], month["to"], cells(month["matrix"])) for month in found] == [
            ("2025-12-31", "2026-01-30", {(1, 2): 1, (0, 0): 1}),
            ("2026-03-31", "2026-04-30", {(4, 5): 1, (0, 0): 1}),
        ]
        assert [month["cure_rate"] for month in found] == ["0", "0"]

    def test_a_month_counts_what_vanished_as_not_cured(self, con) -> None:
        october, november = date(2026, 10, 31), date(2026, 11, 30)
        then = aged(con, [account(name, late=5, on=october) for name in "ABC"], on=october)
        now = aged(con, [account("A"), account("C", late=35, on=november)], yesterday=then, on=november)
        (month,) = reports.monthly_roll_rates({october: then, november: now})
        assert month["cure_rate"] == "0.333333"
        assert reports.entry_rate(month, 1000) == "0"
        assert reports.entry_rate(month, None) is None


@pytest.fixture(scope="module")
def night(con: Backend) -> dict[str, Any]:
    """A second night on which everything happens once: yuan and dollars, every movement, a row set aside."""
    first = [
        account("rolls", "C1", late=30),
        account("stays", "C1", late=10),
        account("improves", "C2", late=95),
        account("cures", "C2", late=5),
        account("vanishes", "C3", late=5, balance_total_minor=31, past_due_amount_minor=3),
        account("aside", "C4", late=61, balance_total_minor=41, past_due_amount_minor=4),
        account("dollar", "C5", late=200, currency="USD"),
    ]
    second = [
        account("rolls", "C1", late=31, on=TOMORROW, classification="loss"),
        account("stays", "C1", late=11, on=TOMORROW, classification="special_mention"),
        account("improves", "C2", late=5, on=TOMORROW, product="classic"),
        account("cures", "C2"),
        account("enters", "C6", late=1, on=TOMORROW, balance_total_minor=61),
        account("dollar", "C5", late=201, currency="USD", on=TOMORROW),
    ]
    customers = table(con, CUSTOMERS, [{"customer_id": f"C{n}", "segment": "vip" if n == 6 else None} for n in range(1, 7)])
    then = aged(con, first)
    now = aged(con, second, yesterday=then, aside=["aside"], on=TOMORROW)
    return reports.summary(
        now, then, book={"CNY": {"accounts": 400}}, accounts=table(con, ACCOUNTS, second), customers=customers
    )


class TestSummary:
    def test_its_keys_are_stable(self, night) -> None:
        assert list(night) == [
            "format", "buckets", "currencies", "by_bucket", "missing", "carried", "customers", "flow", "flow_by_currency",
            "rates", "five_class", "roll", "products", "segments",
        ]  # fmt: skip
        assert night["format"] == 1
        assert night["currencies"] == ["CNY", "USD"]

    def test_it_is_json_without_binary_floats(self, night) -> None:
        assert json.loads(json.dumps(night), parse_float=lambda text: pytest.fail(f"{text} is a float")) == night

    def test_buckets_count_what_is_present_or_carried(self, night) -> None:
        assert night["by_bucket"]["CNY"]["accounts"] == [1, 3, 1, 1, 0, 0, 0, 0]
        assert night["by_bucket"]["CNY"]["balance_total_minor"] == [100_000, 200_061, 100_000, 41, 0, 0, 0, 0]
        assert night["by_bucket"]["CNY"]["past_due_amount_minor"] == [0, 3_000, 1_000, 4, 0, 0, 0, 0]
        assert night["by_bucket"]["USD"]["accounts"] == [0, 0, 0, 0, 0, 0, 0, 1]
        assert night["missing"]["CNY"] == {"accounts": 1, "balance_total_minor": 31, "past_due_amount_minor": 3}
        assert night["carried"] == 1

    def test_customers_stand_by_their_worst_account(self, night) -> None:
        assert night["customers"] == [0, 2, 1, 1, 0, 0, 0, 1], "and one with nothing but a missing account nowhere"

    def test_every_movement_is_counted_and_weighed(self, night) -> None:
        assert night["flow"] == {"entered": 1, "rolled": 1, "improved": 1, "stayed": 2, "cured": 1, "vanished": 1}
        flow = night["flow_by_currency"]["CNY"]
        assert flow["entered"] == {"accounts": 1, "balance_total_minor": 61, "past_due_amount_minor": 1_000}
        assert flow["vanished"] == {"accounts": 1, "balance_total_minor": 31, "past_due_amount_minor": 3}
        assert night["flow_by_currency"]["USD"]["stayed"]["accounts"] == 1

    def test_rates_are_of_the_book_and_of_what_was_overdue(self, night) -> None:
        assert night["rates"]["CNY"] == {"entry_rate": "0.0025", "cure_rate": "0.166667"}
        assert night["rates"]["USD"] == {"entry_rate": None, "cure_rate": "0"}

    def test_grades_of_ours_and_the_banks_stand_side_by_side(self, night) -> None:
        grades = night["five_class"]["CNY"]
        assert grades["ours"] == {"normal": 1, "special_mention": 5, "substandard": 0, "doubtful": 0, "loss": 0}
        assert grades["bank"] == {
            "normal": 0, "special_mention": 1, "substandard": 0, "doubtful": 0, "loss": 1, "unknown": 4,
        }  # fmt: skip
        assert grades["differ"] == 1
        assert grades["bank_balance_minor"]["loss"] == 100_000
        assert sum(grades["ours_balance_minor"].values()) == sum(night["by_bucket"]["CNY"]["balance_total_minor"])

    def test_the_roll_is_that_of_the_report(self, night) -> None:
        count = night["roll"]["CNY"]["count"]
        assert cells(count["matrix"]) == {(1, 2): 1, (1, 1): 1, (4, 1): 1, (1, 0): 2, (3, 3): 1, (0, 1): 1}
        assert count["vanished"] == [0, 1, 0, 0, 0, 0, 0, 0]
        assert night["roll"]["CNY"]["balance"]["vanished"] == [0, 31, 0, 0, 0, 0, 0, 0]

    def test_products_and_segments_come_largest_first(self, night) -> None:
        assert [(p["name"], p["currency"], p["accounts"], p["overdue_accounts"]) for p in night["products"]] == [
            ("gold", "CNY", 4, 3),
            ("classic", "CNY", 1, 1),
            ("gold", "USD", 1, 1),
        ]
        assert [(s["name"], s["overdue_balance_minor"]) for s in night["segments"] if s["currency"] == "CNY"] == [
            (None, 300_041),
            ("vip", 61),
        ]

    def test_a_first_night_has_no_roll_and_no_cure_rate(self, con) -> None:
        found = reports.summary(aged(con, [account("A", late=5)]), book={"CNY": {"accounts": 10}})
        assert found["roll"] is None
        assert found["rates"]["CNY"] == {"entry_rate": "0.1", "cure_rate": None}
        assert found["products"] == found["segments"] == []

    def test_a_night_without_accounts_is_empty_and_not_an_error(self, con) -> None:
        found = reports.summary(aged(con, []))
        assert (found["currencies"], found["customers"], found["carried"]) == ([], NOTHING, 0)
        assert sum(found["flow"].values()) == 0


# Few examples of many accounts: what costs is compiling an expression, not the rows in it.
@settings(max_examples=tries(10), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(told=nights(most=3))
def test_any_two_nights_roll_as_the_slow_text_says_and_the_summary_agrees(told: list[Night]) -> None:
    con = ibis.duckdb.connect()
    sealed: list[tuple[ir.Table, slow.Standing]] = []
    for night in told:
        before, expected_before = sealed[-1] if sealed else (None, None)
        standing = aged(con, list(night.accounts.values()), yesterday=before, aside=night.set_aside, on=night.on)
        sealed.append((standing, slow.age(night.accounts, night.set_aside, expected_before, night.on)))
    for (then, slow_then), (now, slow_now) in [(sealed[0], sealed[-1]), (sealed[-2], sealed[-1])]:
        for by in ("count", "balance"):
            found = reports.roll_rates(then, now, by=by, currency="CNY")
            assert (found["matrix"], found["vanished"]) == slow.roll_rates(slow_then, slow_now, by=by, currency="CNY")
    summary = reports.summary(sealed[-1][0], sealed[-2][0])
    assert_summary_agrees(summary, sealed[-2][1], sealed[-1][1])
    con.disconnect()


def assert_summary_agrees(summary: dict[str, Any], then: slow.Standing, now: slow.Standing) -> None:
    delivered = [row for row in now.values() if row["presence"] != "missing"]
    assert summary["flow"] == slow.flow(now)
    for currency in summary["currencies"]:
        mine = [row for row in delivered if row["currency"] == currency]
        assert summary["by_bucket"][currency]["accounts"] == [sum(row["bucket"] == bucket for row in mine) for bucket in Bucket]
        assert sum(summary["by_bucket"][currency]["balance_total_minor"]) == sum(row["balance_total_minor"] for row in mine)
        assert summary["five_class"][currency]["differ"] == sum(
            row["classification"] not in (None, row["five_class"]) for row in mine
        )
        for by, rolled in summary["roll"][currency].items():
            assert (rolled["matrix"], rolled["vanished"]) == slow.roll_rates(then, now, by=by, currency=currency)
    assert {row["currency"] for row in now.values()} <= set(summary["currencies"])
    customers = slow.by_customer({row["account_id"]: row for row in delivered})
    assert summary["customers"] == [sum(row["bucket"] == bucket for row in customers.values()) for bucket in Bucket]
