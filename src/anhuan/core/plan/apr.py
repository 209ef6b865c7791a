"""The annual percentage rate of Regulation Z, Appendix J (12 CFR 1026): unit-periods, odd days, the general equation.

Knows dates and amounts of advances and payments. Does not know which costs count as finance charge.
"""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

from anhuan.core.days import add_months
from anhuan.core.plan.solving import DIGITS, rate_where_nil


@dataclass(frozen=True, slots=True)
class UnitPeriod:
    """The measure of time of a transaction: so many months, weeks or days, or half a month; one of them is not nought."""

    months: int = 0
    weeks: int = 0
    days: int = 0
    half_month: bool = False

    @property
    def per_year(self) -> Fraction:
        if self.half_month:
            return Fraction(24)
        if self.months:
            return Fraction(12, self.months)
        return Fraction(52, self.weeks) if self.weeks else Fraction(365, self.days)

    @property
    def about_days(self) -> Fraction:
        """Its length, for comparing."""
        return Fraction(365) / self.per_year

    def __str__(self) -> str:
        return _WORDS.get(self) or (
            f"months:{self.months}" if self.months else f"weeks:{self.weeks}" if self.weeks else f"days:{self.days}"
        )


UNIT_PERIODS: dict[str, UnitPeriod] = {
    "day": UnitPeriod(days=1),
    "week": UnitPeriod(weeks=1),
    "two_weeks": UnitPeriod(weeks=2),
    "four_weeks": UnitPeriod(weeks=4),
    "half_month": UnitPeriod(half_month=True),
    "month": UnitPeriod(months=1),
    "two_months": UnitPeriod(months=2),
    "three_months": UnitPeriod(months=3),
    "four_months": UnitPeriod(months=4),
    "six_months": UnitPeriod(months=6),
    "year": UnitPeriod(months=12),
}
_WORDS = {unit: word for word, unit in UNIT_PERIODS.items()}


@dataclass(frozen=True, slots=True)
class Flow:
    """An advance or a payment; a unit of money that all flows share."""

    on: date
    amount: Decimal


def annual_percentage_rate(
    advances: Sequence[Flow], payments: Sequence[Flow], unit: UnitPeriod | None = None
) -> tuple[Decimal, UnitPeriod]:
    """The rate in per cent, nominal, and the unit-period it was found by (`None`: the one of rule 1). NoRate when there is none."""
    begin = min(flow.on for flow in advances)
    if unit is None:
        unit = unit_period(advances, payments)
    clock = _Clock(begin, unit, [flow.on for flow in payments] or [begin])
    timed = [(flow.amount, *clock.measure(flow.on)) for flow in advances]
    timed += [(-flow.amount, *clock.measure(flow.on)) for flow in payments]

    def difference(rate: Decimal) -> Decimal:
        return sum((amount / ((1 + odd * rate) * (1 + rate) ** whole) for amount, whole, odd in timed), Decimal(0))

    per_period = rate_where_nil(difference)
    with localcontext(prec=DIGITS):
        return per_period * 100 * unit.per_year.numerator / unit.per_year.denominator, unit


# --- rule 1: the unit-period ----------------------------------------------------------------------------------------


def unit_period(advances: Sequence[Flow], payments: Sequence[Flow]) -> UnitPeriod:
    """The interval between payments or advances that occurs most often, the smallest of those that tie, a year at most."""
    paid = sorted({flow.on for flow in payments})
    advanced = sorted({flow.on for flow in advances})
    if len(paid) == 1 and len(advanced) == 1:
        return _of_term(advanced[0], paid[0])
    # Without the interval from the last advance to the first payment, which may be odd.
    intervals = [*pairwise(advanced), *pairwise(paid)]
    found: Counter[UnitPeriod] = Counter()
    for dates in (advanced, paid):
        found.update(unit for number in range(len(dates) - 1) for unit in _standards(dates, number))
    if found:
        most = max(found.values())
        return min((unit for unit, times in found.items() if times == most), key=lambda unit: unit.about_days)
    average = Fraction(sum((end - start).days for start, end in intervals), len(intervals))
    return min(_STANDARD, key=lambda unit: (abs(unit.about_days - average), unit.about_days))


_STANDARD = [
    UNIT_PERIODS["day"],
    UNIT_PERIODS["half_month"],
    *(UnitPeriod(weeks=count) for count in range(1, 53)),
    *(UnitPeriod(months=count) for count in range(1, 13)),
]


def _of_term(start: date, end: date) -> UnitPeriod:
    """One advance and one payment: the term, at most a year; in months where it is whole months, else in days."""
    on = _anchor(start, [end])
    months = _whole_months(start, end, on)
    if months >= 12:
        return UNIT_PERIODS["year"]
    if months and _back(end, months, on) == start:
        return UnitPeriod(months=months)
    return UnitPeriod(days=max(1, (end - start).days))


def _standards(dates: Sequence[date], number: int) -> set[UnitPeriod]:
    """Which standard intervals the one from date `number` to the next is; 28 days in February are a month and four weeks."""
    start, end = dates[number], dates[number + 1]
    days = (end - start).days
    months = (end.year - start.year) * 12 + end.month - start.month
    found: set[UnitPeriod] = set()
    if months and (_matching(start, end) or _matching(end, start)):
        found.add(UnitPeriod(months=min(months, 12)))
    if days % 7 == 0 and days <= 364:
        found.add(UnitPeriod(weeks=days // 7))
    if days == 1:
        found.add(UNIT_PERIODS["day"])
    if 13 <= days <= 17:
        before, after = dates[max(0, number - 1)], dates[min(len(dates) - 1, number + 2)]
        if (before < start and _a_month(before, end)) or (after > end and _a_month(start, after)):
            found.add(UNIT_PERIODS["half_month"])
    return found


def _matching(one: date, other: date) -> bool:
    """Whether two dates are the same day of their months, an end of a month standing for days the month has not."""
    return one.day == other.day or (_last(one) and (_last(other) or other.day > one.day))


def _a_month(start: date, end: date) -> bool:
    return (end.year - start.year) * 12 + end.month - start.month == 1 and (_matching(start, end) or _matching(end, start))


def _last(day: date) -> bool:
    return day.day == calendar.monthrange(day.year, day.month)[1]


# --- rules 2 to 4: counting time --------------------------------------------------------------------------------------


class _Clock:
    """Counts unit-periods back from a date to the first advance: whole ones, and the odd fraction that is left."""

    def __init__(self, begin: date, unit: UnitPeriod, dues: Sequence[date]) -> None:
        self.begin = begin
        self.unit = unit
        self.anchor = _anchor(begin, dues)

    def measure(self, day: date) -> tuple[int, Decimal]:
        with localcontext(prec=DIGITS):
            whole, odd = self._in_days(day) if self.unit.weeks or self.unit.days else self._in_months(day)
            return whole, Decimal(odd.numerator) / odd.denominator

    def _in_days(self, day: date) -> tuple[int, Fraction]:
        length = self.unit.weeks * 7 or self.unit.days
        whole, odd = divmod((day - self.begin).days, length)
        return whole, Fraction(odd, length)

    def _in_months(self, day: date) -> tuple[int, Fraction]:
        # The last of February may stand for the 30th; alone, the last day of a month stands for the last of every month.
        fits = self.anchor and day.day == min(self.anchor, calendar.monthrange(day.year, day.month)[1])
        on = self.anchor if fits else 31 if _last(day) else day.day
        months = _whole_months(self.begin, day, on)
        reached = _back(day, months, on)
        if self.unit.half_month:
            earlier = _half_a_month_before(reached)
            if earlier >= self.begin:
                return 2 * months + 1, Fraction((earlier - self.begin).days, 15)
            return 2 * months, Fraction((reached - self.begin).days, 15)
        odd_days = (reached - self.begin).days
        whole, odd_months = divmod(months, self.unit.months)
        if self.unit.months == 12:
            return whole, Fraction(odd_months, 12) + Fraction(odd_days, 365)
        return whole, (odd_months + Fraction(odd_days, 30)) / self.unit.months


def _anchor(begin: date, dues: Sequence[date]) -> int:
    """The day of the month all due dates stand for: 31 for ends of months, 30 for 30 January, 28 February; 0 when there is none.

    The day of the first advance where all can stand for it, for then no day is odd.
    """
    for day in (begin.day, 31, max(due.day for due in dues)):
        if all(due.day == min(day, calendar.monthrange(due.year, due.month)[1]) for due in dues):
            return day
    return 0


def _back(day: date, months: int, on: int) -> date:
    """So many months before, on day `on` of the month or its last."""
    first = add_months(day.replace(day=1), -months)
    return first.replace(day=min(on, calendar.monthrange(first.year, first.month)[1]))


def _whole_months(begin: date, day: date, on: int) -> int:
    """How many whole months can be counted back from a date without passing the beginning."""
    months = (day.year - begin.year) * 12 + day.month - begin.month
    return months if months <= 0 or _back(day, months, on) >= begin else months - 1


def _half_a_month_before(day: date) -> date:
    """The other date of a pattern such as 1st and 16th, or 15th and last."""
    if day.day <= 15:
        before = day.replace(day=1) - timedelta(days=1)
        return before if day.day == 15 else before.replace(day=min(day.day + 15, before.day))
    return day.replace(day=15) if _last(day) and day.day != 16 else day.replace(day=day.day - 15)
