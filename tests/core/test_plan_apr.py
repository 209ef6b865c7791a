"""The annual percentage rate, held to the official examples of Regulation Z, Appendix J(c)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from anhuan.core.days import add_months
from anhuan.core.plan import reading
from anhuan.core.plan.reading import Refused


def flow(on, amount):
    return {"on": str(on), "amount": str(amount)}


def monthly(first: str, count: int, amount, every: int = 1):
    return [flow(add_months(date.fromisoformat(first), every * number), amount) for number in range(count)]


def weekly(first: str, count: int, amount, every: int = 1):
    return [flow(date.fromisoformat(first) + timedelta(weeks=every * number), amount) for number in range(count)]


def twice_a_month(year: int, month: int, count: int, amount):
    days = [add_months(date(year, month, day), number) for number in range(count) for day in (1, 16)]
    return [flow(day, amount) for day in days[:count]]


def apr(advances, payments, unit_period="auto"):
    found = reading.annual_percentage_rate({"advances": advances, "payments": payments, "unit_period": unit_period})
    return Decimal(found["apr"]), found["unit_period"]


OFFICIAL = {
    "monthly": ([flow("1978-01-10", 5000)], monthly("1978-02-10", 24, 230), "9.69", "month"),
    "monthly, long first period": ([flow("1978-02-10", 6000)], monthly("1978-04-01", 36, 200), "11.82", "month"),
    "half-monthly, short first period": (
        [flow("1978-02-23", 5000)],
        twice_a_month(1978, 3, 24, "219.17"),
        "10.34",
        "half_month",
    ),
    "quarterly, long first period": ([flow("1978-05-23", 10000)], monthly("1978-10-01", 40, 385, 3), "8.97", "three_months"),
    "weekly, long first period": ([flow("1978-03-20", 500)], weekly("1978-04-21", 30, "17.60"), "14.96", "week"),
    "monthly, irregular first payment": (
        [flow("1978-01-10", 5000)],
        [flow("1978-02-10", 250), *monthly("1978-03-10", 23, 230)],
        "10.08",
        "month",
    ),
    "monthly, irregular final payment": (
        [flow("1978-01-10", 5000)],
        [*monthly("1978-02-10", 23, 230), flow("1980-01-10", 280)],
        "10.50",
        "month",
    ),
    "every two weeks, short first period, irregular final payment": (
        [flow("1978-04-03", 200)],
        [*weekly("1978-04-11", 19, "9.50", 2), flow("1979-01-02", 30)],
        "12.22",
        "two_weeks",
    ),
    "monthly, irregular first and final payments": (
        [flow("1978-01-10", 5000)],
        [flow("1978-02-10", 250), *monthly("1978-03-10", 22, 230), flow("1980-01-10", 280)],
        "10.90",
        "month",
    ),
    "every two months, short first period, irregular first and final payments": (
        [flow("1978-01-10", 8000)],
        [flow("1978-03-01", "449.36"), *monthly("1978-05-01", 18, 465, 2), flow("1981-05-01", 200)],
        "7.30",
        "two_months",
    ),
    "one payment within a year": ([flow("1978-01-03", 1000)], [flow("1978-09-15", 1080)], "11.45", "days:255"),
}


@pytest.mark.parametrize("example", OFFICIAL)
def test_the_official_examples_agree_within_a_hundredth_of_a_point(example):
    advances, payments, expected, unit = OFFICIAL[example]
    found, found_unit = apr(advances, payments)
    assert abs(found - Decimal(expected)) <= Decimal("0.01")
    assert found_unit == unit


def test_a_unit_period_that_is_named_is_taken():
    advances, payments, expected, unit = OFFICIAL["quarterly, long first period"]
    assert apr(advances, payments, unit) == (Decimal(expected), unit)
    assert apr(advances, payments, "month")[0] < Decimal(expected)  # compounding more often, a lower nominal rate


@pytest.mark.parametrize(
    ("payments", "unit"),
    [
        (weekly("2026-01-12", 30, 10), "week"),
        (weekly("2026-01-12", 30, 10, 2), "two_weeks"),
        (weekly("2026-01-12", 12, 30, 4), "four_weeks"),
        (weekly("2026-02-02", 3, 100, 4), "four_weeks"),  # 2 February to 2 March is a month as well
        (weekly("2026-01-12", 10, 40, 3), "weeks:3"),
        (monthly("2026-01-31", 12, 30), "month"),
        (monthly("2026-01-30", 12, 30), "month"),
        (monthly("2026-02-28", 12, 30), "month"),
        (monthly("2026-01-12", 6, 60, 2), "two_months"),
        (monthly("2026-06-12", 3, 120, 6), "six_months"),
        (monthly("2027-01-12", 3, 120, 12), "year"),
        (monthly("2027-01-12", 3, 120, 24), "year"),
        (monthly("2026-02-01", 10, 30)[:4] + monthly("2026-08-01", 3, 60, 3), "month"),
        (
            [flow("2026-02-01", 100), flow("2026-03-20", 100), flow("2026-05-30", 110)],
            "two_months",
        ),  # 47 and 71 days: 59 on average
    ],
)
def test_the_unit_period_is_the_interval_that_occurs_most_often(payments, unit):
    found, found_unit = apr([flow("2025-12-28", 290)], payments)
    assert found_unit == unit
    assert found > 0


@pytest.mark.parametrize(
    ("start", "end", "unit", "expected"),
    [
        ("2026-01-10", "2026-06-10", "months:5", "24.00"),
        ("2025-10-31", "2026-02-28", "four_months", "30.00"),
        ("2025-10-28", "2026-02-28", "four_months", "30.00"),
        ("2025-01-10", "2026-01-10", "year", "10.00"),
        ("2026-01-10", "2026-01-24", "days:14", "260.71"),
    ],
)
def test_one_payment_is_measured_by_its_term(start, end, unit, expected):
    assert apr([flow(start, 100)], [flow(end, 110)]) == (Decimal(expected), unit)


def test_more_than_a_year_to_one_payment_is_counted_in_years_months_and_days():
    # one whole year counted back from 20 May 2027, then four months, then ten days: 1 + 4/12 + 10/365
    found, unit = apr([flow("2026-01-10", 1000)], [flow("2027-05-20", "1140.38")])
    rate = float(found) / 100
    assert unit == "year"
    assert abs(1000 * (1 + rate) * (1 + (4 / 12 + 10 / 365) * rate) - 1140.38) < 0.1


def test_dues_at_the_ends_of_months_are_whole_months_apart():
    even = apr([flow("2026-01-10", 1000)], monthly("2026-02-10", 12, 90))
    assert apr([flow("2025-12-31", 1000)], monthly("2026-01-31", 12, 90)) == even
    assert apr([flow("2025-12-30", 1000)], monthly("2026-01-30", 12, 90)) == even


def test_several_advances_are_worth_what_they_are_when_they_come():
    at_once = apr([flow("2026-01-01", 3000)], monthly("2026-04-01", 12, 270))[0]
    in_parts = apr(
        [flow("2026-01-01", 1000), flow("2026-02-01", 1000), flow("2026-03-01", 1000)], monthly("2026-04-01", 12, 270)
    )[0]
    assert in_parts > at_once > 0


def test_paying_back_what_was_lent_costs_nothing_and_less_is_a_negative_rate():
    assert apr([flow("2026-01-01", 120)], monthly("2026-02-01", 12, 10))[0] == 0
    assert apr([flow("2026-01-01", 121)], monthly("2026-02-01", 12, 10))[0] < 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"advances": None}, "advances"),
        ({"advances": []}, "advances"),
        ({"payments": {}}, "payments"),
        ({"payments": ["x"]}, "payments[0]"),
        ({"payments": [{"on": "2026-02-30", "amount": "1"}]}, "payments[0].on"),
        ({"payments": [{"on": "2026-03-01"}]}, "payments[0].amount"),
        ({"payments": [{"on": "2026-03-01", "amount": "-1"}]}, "payments[0].amount"),
        ({"payments": [{"on": "2026-03-01", "amount": "0.00"}]}, "payments[0].amount"),
        ({"payments": [{"on": "2026-03-01", "amount": 1.5}]}, "payments[0].amount"),
        ({"payments": [{"on": "2025-03-01", "amount": "1"}]}, "payments[0].on"),
        ({"payments": [{"on": "2026-01-01", "amount": "101"}]}, "payments"),
        ({"unit_period": "fortnight"}, "unit_period"),
        ({"unit_period": "months:13"}, "unit_period"),
        ({"unit_period": None}, "unit_period"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_field(changes, field):
    asked = {"advances": [flow("2026-01-01", 100)], "payments": [flow("2026-03-01", 101)]} | changes
    with pytest.raises(Refused) as refused:
        reading.annual_percentage_rate(asked)
    assert refused.value.field == field
