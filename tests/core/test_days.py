"""Date arithmetic of the law, each boundary the day before, on and after."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anhuan.core.days import ONE_DAY, Calendar, Period, UnknownYear, add_months, add_years, in_time

# October 2026 as its notice has it: the 1st to the 7th are free, Saturday the 10th is worked.
OCTOBER = Calendar(
    "cn",
    years=frozenset({2026}),
    named=frozenset(date(2026, 10, day) for day in range(1, 8)),
    make_up=frozenset({date(2026, 10, 10)}),
)
# 2027 has no notice, but it is known which of its days one could move: here those of early January.
FORESIGHTED = replace(
    OCTOBER,
    foreseen=frozenset({2027}),
    doubtful=frozenset(date(2027, 1, day) for day in range(1, 16)),
)


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-01-30", 1, "2026-02-28"),
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-01-28", 1, "2026-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2026-02-28", 1, "2026-03-28"),
        ("2026-05-31", 1, "2026-06-30"),
        ("2026-11-30", 1, "2026-12-30"),
        ("2026-12-31", 1, "2027-01-31"),
        ("2026-12-01", 12, "2027-12-01"),
        ("2026-12-01", 13, "2028-01-01"),
        ("2026-05-15", 0, "2026-05-15"),
        ("2026-03-31", -1, "2026-02-28"),
        ("2026-01-15", -1, "2025-12-15"),
        ("0001-01-31", 1, "0001-02-28"),
    ],
)
def test_months_end_on_the_matching_date_or_the_last_of_the_month(start, months, end):
    assert add_months(day(start), months) == day(end)


@pytest.mark.parametrize(
    ("start", "years", "end"),
    [
        ("2023-05-20", 3, "2026-05-20"),
        ("2024-02-29", 1, "2025-02-28"),
        ("2024-02-29", 4, "2028-02-29"),
        ("2023-02-28", 1, "2024-02-28"),
    ],
)
def test_years_end_on_the_matching_date(start, years, end):
    assert add_years(day(start), years) == day(end)


@pytest.mark.parametrize(("start", "months"), [("9999-12-01", 1), ("0001-01-01", -1)])
def test_a_period_beyond_the_calendar_of_the_world_is_an_error(start, months):
    with pytest.raises(ValueError, match="year"):
        add_months(day(start), months)


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 600))
def test_months_never_leave_their_month_and_never_gain_days(start, months):
    end = add_months(start, months)
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == months
    assert end.day <= start.day
    assert end.day == start.day or (end + ONE_DAY).day == 1


@pytest.mark.parametrize(
    ("period", "end"),
    [
        (Period(days=15), "2026-03-25"),
        (Period(months=3), "2026-06-10"),
        (Period(years=2), "2028-03-10"),
        (Period(years=1, months=1, days=1), "2027-04-11"),
        (Period(), "2026-03-10"),
    ],
)
def test_a_period_leaves_out_its_first_day(period, end):
    assert period.last_day(day("2026-03-10")) == day(end)


@pytest.mark.parametrize(
    ("text", "worked", "named"),
    [
        ("2026-09-30", True, False),  # Wednesday
        ("2026-10-01", False, True),
        ("2026-10-03", False, True),  # Saturday inside the break
        ("2026-10-07", False, True),
        ("2026-10-08", True, False),
        ("2026-10-09", True, False),  # Friday
        ("2026-10-10", True, False),  # Saturday, worked
        ("2026-10-11", False, False),  # Sunday
        ("2026-10-17", False, False),  # Saturday
        ("2026-10-12", True, False),  # Monday
    ],
)
def test_a_day_is_worked_as_the_notice_and_the_week_say(text, worked, named):
    assert OCTOBER.is_workday(day(text)) is worked
    assert OCTOBER.is_named_holiday(day(text)) is named
    assert OCTOBER.is_rest_day(day(text)) is not worked


@pytest.mark.parametrize("text", ["2025-12-31", "2027-01-01", "2027-03-10", "2027-03-13"])
def test_every_day_of_an_unknown_year_is_unknown(text):
    for calendar in (OCTOBER, FORESIGHTED):
        with pytest.raises(UnknownYear) as unknown:
            calendar.is_workday(day(text))
        with pytest.raises(UnknownYear):
            calendar.is_named_holiday(day(text))
    assert (unknown.value.calendar, unknown.value.year) == ("cn", day(text).year)
    assert text[:4] in unknown.value.zh
    assert "cn" in unknown.value.zh
    assert text[:4] in unknown.value.en
    assert str(unknown.value) == unknown.value.en


@pytest.mark.parametrize(
    ("start", "count", "end"),
    [
        ("2026-09-30", 1, "2026-10-08"),
        ("2026-09-30", 2, "2026-10-09"),
        ("2026-09-30", 3, "2026-10-10"),
        ("2026-09-30", 4, "2026-10-12"),
        ("2026-10-03", 1, "2026-10-08"),
        ("2026-10-12", 5, "2026-10-19"),
        ("2026-10-12", -1, "2026-10-10"),
        ("2026-10-12", -4, "2026-09-30"),
        ("2026-10-11", 0, "2026-10-12"),
        ("2026-10-08", 0, "2026-10-08"),
        ("2026-10-01", 0, "2026-10-08"),
    ],
)
def test_working_days_are_counted_without_the_first(start, count, end):
    assert OCTOBER.add_workdays(day(start), count) == day(end)


def test_counting_into_an_unknown_year_is_unknown():
    assert OCTOBER.add_workdays(day("2026-12-30"), 1) == day("2026-12-31")
    with pytest.raises(UnknownYear):
        OCTOBER.add_workdays(day("2026-12-30"), 2)
    with pytest.raises(UnknownYear):
        OCTOBER.add_workdays(day("2027-03-10"), 0)


@given(st.dates(date(2026, 3, 1), date(2026, 10, 1)), st.integers(1, 40))
def test_counting_back_returns_to_where_counting_began_or_the_working_day_before(start, count):
    there = OCTOBER.add_workdays(start, count)
    assert OCTOBER.is_workday(there)
    worked = sum(OCTOBER.is_workday(start + timedelta(days=n)) for n in range(1, (there - start).days + 1))
    assert worked == count
    if OCTOBER.is_workday(start):
        assert OCTOBER.add_workdays(there, -count) == start


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2026-09-30", "2026-09-30"),
        ("2026-10-01", "2026-10-08"),
        ("2026-10-07", "2026-10-08"),
        ("2026-10-08", "2026-10-08"),
        ("2026-10-10", "2026-10-10"),
        ("2026-10-11", "2026-10-12"),
        ("2026-10-17", "2026-10-19"),
    ],
)
def test_a_period_that_ends_on_a_rest_day_ends_on_the_first_day_after(text, end):
    assert OCTOBER.roll(day(text)) == day(end)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2027-01-16", "2027-01-18"),  # Saturday, the first day that is not doubtful
        ("2027-01-17", "2027-01-18"),
        ("2027-01-18", "2027-01-18"),
        ("2027-12-31", "2027-12-31"),
    ],
)
def test_a_day_that_no_notice_could_move_ends_a_period_as_the_week_says(text, end):
    assert FORESIGHTED.roll(day(text)) == day(end)
    with pytest.raises(UnknownYear):
        OCTOBER.roll(day(text))


@pytest.mark.parametrize("text", ["2027-01-01", "2027-01-15", "2028-01-03", "2025-06-02"])
def test_a_doubtful_day_and_a_year_not_foreseen_are_unknown(text):
    with pytest.raises(UnknownYear):
        FORESIGHTED.is_rest_day(day(text))


def test_a_saturday_before_a_year_not_foreseen_is_unknown_only_past_its_end():
    assert FORESIGHTED.roll(day("2027-12-31")) == day("2027-12-31")
    with pytest.raises(UnknownYear):
        FORESIGHTED.roll(day("2028-01-01"))


def test_a_notice_is_believed_whatever_was_foreseen():
    known = replace(FORESIGHTED, years=frozenset({2026, 2027}), named=frozenset({date(2027, 3, 10)}))
    assert known.roll(day("2027-03-10")) == day("2027-03-11")
    assert known.roll(day("2027-01-15")) == day("2027-01-15")


@pytest.mark.parametrize(
    ("done", "last", "kept"),
    [
        ("2026-09-29", "2026-09-30", True),
        ("2026-09-30", "2026-09-30", True),
        ("2026-10-01", "2026-09-30", False),
        ("2026-10-08", "2026-10-01", True),
        ("2026-10-09", "2026-10-01", False),
        ("2026-10-08", "2026-10-07", True),
        ("2026-10-11", "2026-10-10", False),
        ("2026-10-12", "2026-10-11", True),
        ("2026-10-13", "2026-10-11", False),
    ],
)
def test_what_is_done_by_the_end_of_the_break_is_done_in_time(done, last, kept):
    assert in_time(day(done), day(last), OCTOBER) is kept


def test_a_calendar_is_asked_only_where_the_answer_depends_on_it():
    assert in_time(day("2027-02-01"), day("2027-02-01"), OCTOBER)
    assert not in_time(day("2028-06-01"), day("2026-12-31"), OCTOBER)
    assert not in_time(day("2027-03-10"), day("2027-01-02"), FORESIGHTED)  # by then some day was worked, whatever the notice
    assert not in_time(day("2027-01-19"), day("2027-01-15"), FORESIGHTED)
    with pytest.raises(UnknownYear) as unknown:
        in_time(day("2027-01-18"), day("2027-01-15"), FORESIGHTED)
    assert unknown.value.year == 2027
    with pytest.raises(UnknownYear):
        in_time(day("2027-02-02"), day("2027-02-01"), OCTOBER)


@given(st.dates(date(2026, 2, 1), date(2026, 11, 1)), st.integers(0, 60))
def test_in_time_is_to_be_no_later_than_the_rolled_end(last, later):
    done = last + timedelta(days=later)
    assert in_time(done, last, OCTOBER) is (done <= OCTOBER.roll(last))
