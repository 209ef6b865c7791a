"""Days of the law: periods that leave out their first day, months that end on the matching date, rest days, working days.

Knows dates, and the calendar it is handed. Does not know which law asks, nor any holiday by itself: the rulebook makes
calendars out of yearly notices. What a calendar does not know it never guesses: it raises `UnknownYear`.
"""

from __future__ import annotations

import calendar as months_of_the_world
from dataclasses import dataclass
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)
SATURDAY, SUNDAY = 5, 6


class UnknownYear(LookupError):
    """The answer depends on the rest days of a year that the calendar does not have, such as one not announced yet."""

    def __init__(self, calendar: str, year: int) -> None:
        self.calendar = calendar
        self.year = year
        self.zh = f"日历 {calendar} 尚无 {year} 年的放假安排,无法判断工作日与休息日。"
        self.en = f"The calendar {calendar} has no rest days for {year} yet, so working days and rest days of it are unknown."
        super().__init__(self.en)


def add_months(start: date, months: int) -> date:
    """The matching date so many months on, or the last day of the month where it has no such date (Civil Code Art. 202).

    `(2026-01-31, 1)` -> 2026-02-28. Negative months go back. ValueError beyond the years 1 to 9999.
    """
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = months_of_the_world.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(start.day, last))


def add_years(start: date, years: int) -> date:
    """The matching date so many years on; 29 February becomes the 28th where there is none (Civil Code Art. 202)."""
    return add_months(start, 12 * years)


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time as a law writes it: fifteen days, three months, two years."""

    years: int = 0
    months: int = 0
    days: int = 0

    def last_day(self, start: date) -> date:
        """The day the period ends on when it begins on `start`, which itself is not counted (Civil Code Art. 201).

        Years and months end on the matching date, days are counted after that. Rest days play no part here.
        """
        return add_months(start, 12 * self.years + self.months) + timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Rest days and working days of the years somebody has announced.

    `named` are rest days that a yearly notice names, weekends inside a break included; `make_up` are weekend days worked
    instead. `foreseen` are years without a notice of which one thing is known: only their `doubtful` days, those around the
    feasts that statute fixes, could be moved by one. On any other day of them a period ends as the week says.
    """

    name: str
    years: frozenset[int]
    named: frozenset[date] = frozenset()
    make_up: frozenset[date] = frozenset()
    weekend: frozenset[int] = frozenset({SATURDAY, SUNDAY})
    foreseen: frozenset[int] = frozenset()
    doubtful: frozenset[date] = frozenset()

    def is_workday(self, day: date) -> bool:
        """Whether `day` is worked. UnknownYear for every day of a year not announced: a Saturday may be worked, a Friday not."""
        self._require(day.year)
        return day in self.make_up or not (day in self.named or day.weekday() in self.weekend)

    def is_named_holiday(self, day: date) -> bool:
        """Whether the yearly notice names `day` as a rest day; ordinary weekends are none. UnknownYear likewise."""
        self._require(day.year)
        return day in self.named

    def add_workdays(self, day: date, count: int) -> date:
        """The working day number `count` after `day`, which is not counted; before it when negative.

        Zero gives `day` itself, or the first working day after it. UnknownYear as soon as the way leads through one.
        """
        if count == 0:
            return day if self.is_workday(day) else self.add_workdays(day, 1)
        step, left = (ONE_DAY if count > 0 else -ONE_DAY), abs(count)
        while left:
            day += step
            left -= self.is_workday(day)
        return day

    def roll(self, day: date) -> date:
        """`day`, or the first working day after it where it is a rest day: the end of a period (Civil Code Art. 203).

        UnknownYear when the answer depends on a day that a notice not yet given could move.
        """
        while self.is_rest_day(day):
            day += ONE_DAY
        return day

    def is_rest_day(self, day: date) -> bool:
        """Whether a period goes on past `day`; also known of days that no notice could move."""
        if day.year not in self.years and day.year in self.foreseen and day not in self.doubtful:
            return day.weekday() in self.weekend
        return not self.is_workday(day)

    def _require(self, year: int) -> None:
        if year not in self.years:
            raise UnknownYear(self.name, year)


def in_time(done: date, last_day: date, calendar: Calendar) -> bool:
    """Whether what had to be done by `last_day`, or by the first working day after it if that is a rest day, was done on `done`.

    That is: whether no day from `last_day` to the one before `done` is worked. The calendar is asked about those days alone,
    and UnknownYear raised only when none of them is known to be worked and some are not known to be rest days.
    """
    unknown: UnknownYear | None = None
    day = last_day
    while day < done:
        try:
            if not calendar.is_rest_day(day):
                return False
        except UnknownYear as missing:
            unknown = missing
        day += ONE_DAY
    if unknown is not None:
        raise unknown
    return True
