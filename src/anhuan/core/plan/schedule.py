"""Schedules of instalments: what is due when, and what of it is principal, interest and fee.

Every amount is a whole number of minor units, rounded once per row from an exact fraction; the last row takes the rest, so
that principal adds up and nothing stays owed. Knows dates as they are written; a due date on a rest day is for others to
shift.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from anhuan.core.days import add_months
from anhuan.core.plan.solving import rate_where_nil


class Method(StrEnum):
    LEVEL = "level"
    EQUAL_PRINCIPAL = "equal_principal"
    CUSTOM = "custom"
    STEP_UP = "step_up"


class DayCount(StrEnum):
    THIRTY_360 = "30/360"
    ACTUAL_365 = "actual/365"
    ACTUAL_360 = "actual/360"
    ACTUAL_ACTUAL = "actual/actual"
    PERIODIC = "periodic"


class Rounding(StrEnum):
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"


@dataclass(frozen=True, slots=True)
class Frequency:
    """Every so many months or days; exactly one of the two is not nought."""

    months: int = 0
    days: int = 0

    def due(self, first: date, number: int) -> date:
        """Due date `number`, the first being 0. One beyond the end of its month falls on its last day. OverflowError after 9999."""
        if not self.months:
            return first + timedelta(days=self.days * number)
        if first.year * 12 + first.month + self.months * number > 9999 * 12 + 12:
            raise OverflowError("a due date lies beyond the year 9999")
        return add_months(first, self.months * number)

    @property
    def of_a_year(self) -> Fraction:
        """The part of a year one period is where periods count and days do not: a week is a 52nd."""
        if self.months:
            return Fraction(self.months, 12)
        return Fraction(1, 52) if self.days == 7 else Fraction(self.days, 365)


@dataclass(frozen=True, slots=True)
class Step:
    """The payment grows by `factor` after every so many instalments."""

    every: int
    factor: Fraction


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed. `payments` are those of a custom plan, all but the last, fees included.

    `fee_rate` is charged every period on the principal the plan opened with.
    """

    principal_minor: int
    instalments: int
    start: date
    first_due: date
    method: Method
    frequency: Frequency
    rounding: Rounding
    annual_rate: Fraction = Fraction(0)
    fee_rate: Fraction = Fraction(0)
    day_count: DayCount = DayCount.PERIODIC
    payments_minor: tuple[int, ...] = ()
    step: Step = Step(1, Fraction(1))


@dataclass(frozen=True, slots=True)
class Row:
    number: int
    due: date
    opening_minor: int
    payment_minor: int
    principal_minor: int
    interest_minor: int
    fee_minor: int
    closing_minor: int


class Overpaid(ValueError):
    """Payment `number` (from 1) of a custom plan is more than is then owed."""

    def __init__(self, number: int, owed_minor: int) -> None:
        super().__init__(f"payment {number} is more than the {owed_minor} owed")
        self.number = number
        self.owed_minor = owed_minor


def schedule(terms: Terms, *, dues: list[date] | None = None) -> list[Row]:
    """The rows of a plan. Overpaid where a custom payment exceeds what is owed; OverflowError for dates after 9999.

    `dues` are due dates that were moved, interest with them; by default they are those of the frequency.
    """
    moved = dues is not None
    dues = dues or [terms.frequency.due(terms.first_due, number) for number in range(terms.instalments)]
    factors = [terms.annual_rate * part for part in _parts_of_years(terms, dues, moved=moved)]
    wanted = _wanted(terms, factors)
    fee = rounded(terms.principal_minor * terms.fee_rate, terms.rounding)
    rows: list[Row] = []
    opening = terms.principal_minor
    for number, (due, factor) in enumerate(zip(dues, factors, strict=True), 1):
        interest = rounded(opening * factor, terms.rounding) if factor else 0
        if number == terms.instalments:
            principal = opening
        elif terms.method is Method.EQUAL_PRINCIPAL:
            principal = min(wanted[number - 1], opening)
        elif terms.method is Method.CUSTOM:
            principal = wanted[number - 1] - interest - fee
            if principal > opening:
                raise Overpaid(number, opening + interest + fee)
        else:
            principal = min(wanted[number - 1] - interest, opening)
        closing = opening - principal
        rows.append(Row(number, due, opening, principal + interest + fee, principal, interest, fee, closing))
        opening = closing
    return rows


def _wanted(terms: Terms, factors: list[Fraction]) -> list[int]:
    """Per row what the method fixes: principal, or payment without fee, or (custom) payment with fee; the last row's is unused."""
    if terms.method is Method.CUSTOM:
        return [*terms.payments_minor, 0]
    if terms.method is Method.EQUAL_PRINCIPAL:
        return [rounded(Fraction(terms.principal_minor, terms.instalments), terms.rounding)] * terms.instalments
    step = terms.step if terms.method is Method.STEP_UP else Step(terms.instalments, Fraction(1))
    growth = [step.factor ** (number // step.every) for number in range(terms.instalments)]
    first = terms.principal_minor / _present_value(growth, factors)
    return [rounded(first * grown, terms.rounding) for grown in growth]


def _present_value(payments: list[Fraction], factors: list[Fraction]) -> Fraction:
    """What payments at the ends of periods are worth at the start of the first, each period having its own interest factor."""
    # Backwards, each time adding a payment and dividing by one period's growth.
    numerator, denominator = 0, 1  # not reduced on the way: the greatest common divisor would cost far more than it saves
    for payment, factor in zip(reversed(payments), reversed(factors), strict=True):
        p, q, f, g = payment.numerator, payment.denominator, factor.numerator, factor.denominator
        numerator, denominator = (numerator * q + p * denominator) * g, denominator * q * (f + g)
    return Fraction(numerator, denominator)


def rounded(exact: Fraction, rounding: Rounding) -> int:
    """The nearest whole number; from the middle away from nought, or to the even one."""
    if rounding is Rounding.HALF_EVEN:
        return round(exact)
    numerator, denominator = exact.numerator, exact.denominator
    whole = (2 * abs(numerator) + denominator) // (2 * denominator)
    return whole if numerator >= 0 else -whole


# --- time -----------------------------------------------------------------------------------------------------------


def _parts_of_years(terms: Terms, dues: list[date], *, moved: bool) -> list[Fraction]:
    """Each period as a part of a year, by the day count; the first runs from the start of the plan. Periods that count as such do not move."""
    if terms.day_count is DayCount.PERIODIC:
        return [terms.frequency.of_a_year] * len(dues)
    if terms.day_count is DayCount.THIRTY_360 and terms.frequency.months and not moved:
        # Every month is a twelfth, also one whose due date was drawn back to the end of February.
        return [_thirty_360(terms.start, terms.first_due), *[terms.frequency.of_a_year] * (len(dues) - 1)]
    measure = _MEASURES[terms.day_count]
    return [measure(begin, end) for begin, end in pairwise([terms.start, *dues])]


def _thirty_360(begin: date, end: date) -> Fraction:
    """Whole months where the two dates match, else days of months of thirty (the American bond basis)."""
    months = (end.year - begin.year) * 12 + end.month - begin.month
    if add_months(begin, months) == end or (_ends_month(begin) and _ends_month(end)):
        return Fraction(months, 12)
    first, last = begin.day, end.day
    if first == 31 or (begin.month == 2 and _ends_month(begin)):
        first = 30
    if last == 31 and first >= 30:
        last = 30
    return Fraction(months * 30 + last - first, 360)


def _ends_month(day: date) -> bool:
    return day.day == calendar.monthrange(day.year, day.month)[1]


def _actual_actual(begin: date, end: date) -> Fraction:
    """Days that lie in leap years by 366, others by 365."""
    part = Fraction(0)
    while begin < end:
        stop = end if begin.year == end.year else date(begin.year + 1, 1, 1)
        part += Fraction((stop - begin).days, 366 if calendar.isleap(begin.year) else 365)
        begin = stop
    return part


_MEASURES = {
    DayCount.THIRTY_360: _thirty_360,
    DayCount.ACTUAL_365: lambda begin, end: Fraction((end - begin).days, 365),
    DayCount.ACTUAL_360: lambda begin, end: Fraction((end - begin).days, 360),
    DayCount.ACTUAL_ACTUAL: _actual_actual,
}


# --- what it costs --------------------------------------------------------------------------------------------------


def effective_annual_rate(terms: Terms, rows: list[Row]) -> Decimal:
    """The internal rate of the principal against the payments, over actual days by 365, compounded yearly; a fraction."""
    return yearly_rate(
        terms.principal_minor, [((row.due - terms.start).days, row.payment_minor) for row in rows if row.payment_minor]
    )


def yearly_rate(lent_minor: int, flows: Sequence[tuple[int, int]]) -> Decimal:
    """The rate at which payments, each so many days later and in order, are worth what was lent; yearly, a fraction. NoRate."""
    gaps = [after - before for before, after in pairwise([0, *(days for days, _ in flows)])]

    def short_by(daily: Decimal) -> Decimal:
        # Few gaps differ, so their powers are found once and multiplied along the way.
        shrinks = {gap: (1 + daily) ** -gap for gap in set(gaps)}
        worth, factor = Decimal(0), Decimal(1)
        for gap, (_, paid) in zip(gaps, flows, strict=True):
            factor *= shrinks[gap]
            worth += paid * factor
        return lent_minor - worth

    daily = rate_where_nil(short_by, first_guess=Decimal("0.0005"))
    return (1 + daily) ** 365 - 1
