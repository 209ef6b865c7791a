"""Schedules of instalments, held to published figures and to what every schedule must satisfy."""

from __future__ import annotations

import csv
import json
import os
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anhuan.core.plan import reading
from anhuan.core.plan.reading import Refused
from anhuan.core.plan.schedule import Rounding, rounded

PLAN = {
    "principal_minor": 1_200_000, "currency": "CNY", "annual_rate": "0.18", "instalments": 12, "start": "2026-01-10",
    "first_due": "2026-02-10", "method": "level", "day_count": "30/360", "frequency": "monthly", "rounding": "half_up",
}  # fmt: skip
TESTDATA = os.environ.get("ANHUAN_TESTDATA", "")
needs_testdata = pytest.mark.skipif(not TESTDATA, reason="ANHUAN_TESTDATA names no folder of third-party test data")


def quote(**changes):
    return reading.quote(PLAN | changes)


def column(document, name):
    return [row[name] for row in document["rows"]]


# --- published figures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("principal", "rate", "months", "payment"),
    [
        (1_500_000, "0.08", 60, 30_415),  # numpy-financial: pmt(0.08/12, 60, 15000) = -304.145914
        (1_500_000, "0", 60, 25_000),
        (60_000_000, "0.05537", 240, 413_987),
        (100_000_000, "0.045", 360, 506_685),
        (20_000_000, "0.065", 360, 126_414),
    ],
)
def test_level_payments_are_the_published_ones(principal, rate, months, payment):
    quoted = quote(principal_minor=principal, annual_rate=rate, instalments=months, day_count="periodic")
    assert set(column(quoted, "payment_minor")[:-1]) == {payment}


def test_interest_and_principal_of_a_period_are_the_published_ones():
    of_sixty = quote(principal_minor=5_500_000, annual_rate="0.1", instalments=60)["rows"][0]
    of_twenty_four = quote(principal_minor=200_000, annual_rate="0.1", instalments=24)["rows"][0]
    # ppmt(0.1/12, 1, 60, 55000) = -710.25 of an exact payment; ours is rounded to the cent, as is its interest
    assert abs(of_sixty["principal_minor"] - 71_025) <= 1
    assert of_twenty_four["interest_minor"] == 1_667  # ipmt(0.1/12, 1, 24, 2000) = -16.67


def test_the_rate_of_one_payment_is_the_published_one():
    # numpy-financial: rate(10, 0, -3500, 10000) = 0.11069...; ten years without payment, and then all of it
    quoted = quote(principal_minor=35 * 10**12, annual_rate="0.1106908537142689284704528100", instalments=10, method="custom",
                   day_count="periodic", frequency="days:365", payments_minor=[0] * 9, start="2026-01-01", first_due="2027-01-01")  # fmt: skip
    assert abs(quoted["total_payment_minor"] - 10**14) <= 10**14 * 1e-9
    assert abs(Decimal(quoted["effective_annual_rate"]) - Decimal("0.11069085")) <= Decimal("1e-7")


@needs_testdata
def test_every_row_of_the_published_schedules_agrees():
    for case in json.loads((Path(TESTDATA) / "plan" / "level_instalment.json").read_text(), parse_float=Decimal):
        rows = case["periods"]
        quoted = quote(
            principal_minor=int(case["principal"] * 100), currency="USD", annual_rate=str(case["annual_rate_pct"] / 100),
            instalments=len(rows), start=case["disbursed_on"], first_due=rows[0]["due"],
            day_count={"ACTUAL": "actual/365", "DAYS_30": "30/360"}[case["days_in_month"]],
        )  # fmt: skip
        for row, published in zip(quoted["rows"], rows, strict=True):
            assert row["due"] == published["due"]
            for ours, theirs in [
                ("payment", "instalment"),
                ("interest", "interest"),
                ("principal", "principal"),
                ("closing", "balance"),
            ]:
                assert row[f"{ours}_minor"] == int(published[theirs] * 100)


@needs_testdata
def test_the_published_level_payments_agree():
    with (Path(TESTDATA) / "plan" / "time_value.csv").open() as lines:
        published = [row for row in csv.DictReader(lines) if row["function"] == "level_payment"]
    assert published
    for row in published:
        values = dict(pair.split("=", 1) for pair in row["args"].split(" (")[0].split(";"))
        quoted = quote(principal_minor=int(values["principal"]) * 100, annual_rate=str(Decimal(values["annual_pct"]) / 100),
                       instalments=int(values["months"]), day_count="periodic")  # fmt: skip
        assert quoted["rows"][0]["payment_minor"] == int(Decimal(row["expected"]) * 100)


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_equal_principal_leaves_the_rest_to_the_last_row():
    quoted = quote(principal_minor=100_000, instalments=3, annual_rate="0.12", method="equal_principal")
    assert column(quoted, "principal_minor") == [33_333, 33_333, 33_334]
    assert column(quoted, "interest_minor") == [1_000, 667, 333]


def test_a_periodic_fee_is_charged_on_the_principal_the_plan_opened_with():
    quoted = quote(annual_rate=None, periodic_fee_rate="0.006", day_count=None)
    assert column(quoted, "fee_minor") == [7_200] * 12
    assert column(quoted, "payment_minor") == [107_200] * 12
    assert (quoted["total_fee_minor"], quoted["total_interest_minor"]) == (86_400, 0)
    assert Decimal("0.139") < Decimal(quoted["effective_annual_rate"]) < Decimal("0.141")  # the fee sounds like 7.2 %


def test_custom_payments_are_taken_as_they_are_and_the_last_row_pays_the_rest():
    quoted = quote(principal_minor=100_000, instalments=3, annual_rate="0.12", method="custom", payments_minor=[500, 51_000])
    assert column(quoted, "principal_minor") == [-500, 49_995, 50_505]  # less than the interest: it is owed on
    assert column(quoted, "payment_minor") == [500, 51_000, 51_010]


def test_a_custom_payment_above_what_is_owed_is_refused_by_its_place():
    with pytest.raises(Refused) as refused:
        quote(principal_minor=1_000, instalments=3, method="custom", payments_minor=[10, 5_000])
    assert refused.value.field == "payments_minor[1]"


def test_payments_step_up_by_their_factor():
    quoted = quote(principal_minor=10_000_000, instalments=36, method="step_up", step={"every": 12, "factor": "1.05"})
    first, second, third = (column(quoted, "payment_minor")[start] for start in (0, 12, 24))
    assert abs(second - first * Decimal("1.05")) <= 1
    assert abs(third - first * Decimal("1.1025")) <= 1
    assert abs(quoted["rows"][-1]["payment_minor"] - third) <= 36


def test_due_dates_beyond_the_end_of_a_month_fall_on_it_and_come_back():
    dues = column(quote(start="2023-12-31", first_due="2024-01-31", instalments=4), "due")
    assert dues == ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]


def test_every_month_is_a_twelfth_by_thirty_360_however_its_due_date_is_drawn_back():
    quoted = quote(principal_minor=1_200_000, annual_rate="0.12", start="2025-12-31", first_due="2026-01-31", instalments=4,
                   method="custom", payments_minor=[12_000] * 3)  # fmt: skip
    assert column(quoted, "interest_minor") == [12_000] * 4


@pytest.mark.parametrize(
    ("day_count", "interest"),
    [("actual/365", 31_000), ("actual/360", 31_431), ("30/360", 30_417), ("periodic", 30_417), ("actual/actual", 30_962)],
)
def test_each_day_count_measures_december_to_january_its_way(day_count, interest):
    # 31 days from 15 December 2023, 14 of them in the leap year that follows: 17/365 + 14/366
    quoted = quote(
        principal_minor=3_650_000, annual_rate="0.1", start="2023-12-15", first_due="2024-01-15", day_count=day_count
    )
    assert quoted["rows"][0]["interest_minor"] == interest


def test_a_long_first_period_costs_more_by_days_and_not_by_periods():
    by_days, by_periods = (
        quote(first_due="2026-03-25", day_count=count)["rows"][0]["interest_minor"] for count in ("30/360", "periodic")
    )
    assert (by_days, by_periods) == (45_000, 18_000)  # 75 days of thirty-day months, or one period


def test_weeks_and_days_are_counted_from_the_first_due_date():
    assert column(quote(frequency="weekly", first_due="2026-01-17", instalments=3), "due") == [
        "2026-01-17",
        "2026-01-24",
        "2026-01-31",
    ]
    assert column(quote(frequency="days:15", first_due="2026-01-25", instalments=3), "due") == [
        "2026-01-25",
        "2026-02-09",
        "2026-02-24",
    ]


def test_halves_are_rounded_up_or_to_the_even_one():
    assert [rounded(Fraction(n, 2), Rounding.HALF_UP) for n in (1, 3, 5, -1)] == [1, 2, 3, -1]
    assert [rounded(Fraction(n, 2), Rounding.HALF_EVEN) for n in (1, 3, 5)] == [0, 2, 2]


def test_a_plan_without_any_cost_has_a_rate_of_nought():
    assert Decimal(quote(annual_rate="0")["effective_annual_rate"]) == 0


def test_the_effective_rate_of_one_payment_after_a_year_is_its_interest():
    quoted = quote(instalments=1, first_due="2027-01-10", day_count="actual/365")
    assert quoted["effective_annual_rate"] == "0.18000000"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("principal_minor", 0), ("principal_minor", -5), ("principal_minor", 1.5), ("principal_minor", "100"), ("principal_minor", True),
        ("currency", "RMB"), ("currency", None), ("annual_rate", 0.18), ("annual_rate", Decimal("0.18")), ("annual_rate", "-0.1"),
        ("annual_rate", "18%"), ("annual_rate", None), ("periodic_fee_rate", "1e-3"), ("instalments", 0), ("instalments", 100_000),
        ("start", "2026-02-30"), ("start", "10/01/2026"), ("first_due", "2026-01-10"), ("first_due", "2025-12-31"),
        ("method", "balloon"), ("day_count", "30E/360"), ("day_count", None), ("frequency", "days:0"), ("frequency", "yearly"),
        ("rounding", "up"), ("rounding", ["half_up"]),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_its_field(field, value):
    with pytest.raises(Refused) as refused:
        quote(**{field: value})
    assert refused.value.field == field
    assert field in refused.value.zh
    assert field in refused.value.en


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"method": "custom"}, "payments_minor"),
        ({"method": "custom", "payments_minor": [1] * 12}, "payments_minor"),
        ({"method": "custom", "payments_minor": [1] * 10 + [-1]}, "payments_minor[10]"),
        ({"method": "step_up"}, "step"),
        ({"method": "step_up", "step": {"every": 0, "factor": "1.05"}}, "step.every"),
        ({"method": "step_up", "step": {"every": 12, "factor": 1.05}}, "step.factor"),
        ({"method": "step_up", "step": {"every": 12}}, "step.factor"),
        ({"first_due": "9999-11-10", "start": "9999-10-10"}, "instalments"),
    ],
)
def test_what_a_method_needs_is_refused_by_its_field(changes, field):
    with pytest.raises(Refused) as refused:
        quote(**changes)
    assert refused.value.field == field


@pytest.mark.parametrize("document", [None, [], "x", 5])
def test_what_is_no_object_is_refused(document):
    with pytest.raises(Refused):
        reading.quote(document)


# --- what every schedule satisfies ------------------------------------------------------------------------------------

plans = st.fixed_dictionaries(
    {
        "principal_minor": st.integers(1, 10**10),
        "instalments": st.integers(1, 60),
        "annual_rate": st.decimals(0, 1, places=4).map(str),
        "periodic_fee_rate": st.none() | st.decimals(0, "0.02", places=4).map(str),
        "start": st.dates(date(2020, 1, 1), date(2030, 12, 31)),
        "wait": st.integers(1, 90),
        "method": st.sampled_from(["level", "equal_principal", "step_up"]),
        "step": st.just({"every": 12, "factor": "1.05"}),
        "day_count": st.sampled_from(["30/360", "actual/365", "actual/360", "actual/actual", "periodic"]),
        "frequency": st.sampled_from(["monthly", "weekly", "days:15"]),
        "rounding": st.sampled_from(["half_up", "half_even"]),
    }
)


@given(plan=plans)
def test_principal_adds_up_nothing_stays_owed_and_every_row_adds_up(plan):
    start = plan.pop("start")
    first_due = date.fromordinal(start.toordinal() + plan.pop("wait"))
    quoted = quote(**plan, start=start.isoformat(), first_due=first_due.isoformat())
    rows = quoted["rows"]
    assert sum(row["principal_minor"] for row in rows) == plan["principal_minor"] == rows[0]["opening_minor"]
    assert rows[-1]["closing_minor"] == 0
    assert len(rows) == plan["instalments"]
    assert column(quoted, "due") == sorted(set(column(quoted, "due")))
    for row in rows:
        assert row["payment_minor"] == row["principal_minor"] + row["interest_minor"] + row["fee_minor"]
        assert row["closing_minor"] == row["opening_minor"] - row["principal_minor"] >= 0
    assert [row["opening_minor"] for row in rows[1:]] == [row["closing_minor"] for row in rows[:-1]]
    for total, name in [("payment", "payment_minor"), ("interest", "interest_minor"), ("fee", "fee_minor")]:
        assert quoted[f"total_{total}_minor"] == sum(column(quoted, name))
    worth = sum(row["payment_minor"] / (1 + float(quoted["effective_annual_rate"])) ** ((date.fromisoformat(row["due"]) - start).days / 365)
                for row in rows)  # fmt: skip
    assert abs(worth - plan["principal_minor"]) <= 1 + plan["principal_minor"] * 1e-6
