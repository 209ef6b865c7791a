"""An agreed plan: its terms, its rows to the minor unit, what the agreement must say, and how it is performed.

A plan, a deferral and a settlement are one shape: what is let go, what is paid, on which days. New interest runs on principal alone,
never on old interest, fees or penalty; those are paid off beside it, free of charge. Knows no policy and no customer; what the paper
says is `core.plan.clauses`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from anhuan.core.days import ONE_DAY, Calendar, UnknownYear
from anhuan.core.plan import schedule as schedules
from anhuan.core.plan.parts import Parts
from anhuan.core.plan.policy import DefaultRule, Shift, Treatment
from anhuan.core.plan.promise import Posted, unreversed
from anhuan.core.plan.schedule import DayCount, Frequency, Method, Rounding, Step


class Kind(StrEnum):
    """What can be agreed with a customer."""

    CURE = "cure"
    PROMISE = "promise"
    DEFERRAL = "deferral"
    PLAN = "plan"
    SETTLEMENT = "settlement"


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """What is agreed on one account: `owed` at the start, `waived` of it, the rest in instalments.

    `payments_minor` are those of a custom plan, all but the last. Where `interest` is stopped no rate applies. `waived` holds when
    all is paid and not before; principal is waived by a settlement alone.
    """

    kind: Kind
    currency: str
    owed: Parts
    start: date
    first_due: date
    instalments: int = 1
    waived: Parts = field(default_factory=Parts)
    method: Method = Method.LEVEL
    frequency: Frequency = field(default_factory=lambda: Frequency(months=1))
    rounding: Rounding = Rounding.HALF_UP
    day_count: DayCount = DayCount.ACTUAL_365
    interest: Treatment = Treatment.STOPPED
    annual_rate: Fraction = Fraction(0)
    fee_rate: Fraction = Fraction(0)
    payments_minor: tuple[int, ...] = ()
    step: Step = field(default_factory=lambda: Step(1, Fraction(1)))
    shift: Shift = Shift.NONE
    shift_moves_interest: bool = False
    default: DefaultRule = field(default_factory=lambda: DefaultRule(missed=2, days_late=0))

    @property
    def to_pay(self) -> Parts:
        """What is paid of what was owed, before anything new accrues."""
        return self.owed - self.waived


@dataclass(frozen=True, slots=True)
class Instalment:
    """One payment of a plan: `agreed_on` by the calendar month, `due` where the shift put it.

    `settled` is False where rest days of that year are not announced yet, so that `due` may still move by the rule agreed.
    `charges_minor` are old interest, fees and penalty; `interest_minor` and `fee_minor` are new.
    """

    number: int
    agreed_on: date
    due: date
    settled: bool
    payment_minor: int
    principal_minor: int
    charges_minor: int
    interest_minor: int
    fee_minor: int
    closing_minor: int


def instalments(terms: PlanTerms, calendar: Calendar | None = None) -> list[Instalment]:
    """The rows of a plan; `calendar` is asked only where due dates shift. schedule.Overpaid, OverflowError as there."""
    agreed = [terms.frequency.due(terms.first_due, number) for number in range(terms.instalments)]
    dues = [shifted(day, terms.shift, calendar) for day in agreed]
    charges, principal = _charges(terms), _principal(terms)
    rows = schedules.schedule(principal, dues=[day for day, _ in dues] if terms.shift_moves_interest else None)
    closing = terms.to_pay.total_minor
    told = []
    for row, day, (due, settled), old in zip(rows, agreed, dues, charges, strict=True):
        closing -= row.principal_minor + old
        told.append(
            Instalment(row.number, day, due, settled, row.payment_minor + old, row.principal_minor, old, row.interest_minor,
                       row.fee_minor, closing)
        )  # fmt: skip
    return told


def _charges(terms: PlanTerms) -> list[int]:
    """Old interest, fees and penalty by row: even shares, the rest last; in a custom plan as the payments are to the whole."""
    whole, left = terms.to_pay.total_minor, terms.to_pay.charges_minor
    even = schedules.rounded(Fraction(left, terms.instalments), terms.rounding)
    wanted = [even] * (terms.instalments - 1)
    if terms.method is Method.CUSTOM:
        wanted = [
            min(paid, schedules.rounded(Fraction(left * paid, whole or 1), terms.rounding)) for paid in terms.payments_minor
        ]
    rows = []
    for want in wanted:
        rows.append(min(left, want))
        left -= rows[-1]
    return [*rows, left]


def _principal(terms: PlanTerms) -> schedules.Terms:
    runs = terms.interest is Treatment.RUNS
    custom = terms.method is Method.CUSTOM
    return schedules.Terms(
        principal_minor=terms.to_pay.principal_minor,
        instalments=terms.instalments,
        start=terms.start,
        first_due=terms.first_due,
        method=terms.method,
        frequency=terms.frequency,
        rounding=terms.rounding,
        annual_rate=terms.annual_rate if runs else Fraction(0),
        fee_rate=terms.fee_rate,
        day_count=terms.day_count if runs else DayCount.PERIODIC,
        payments_minor=tuple(paid - old for paid, old in zip(terms.payments_minor, _charges(terms), strict=False))
        if custom
        else (),
        step=terms.step,
    )


def shifted(day: date, shift: Shift, calendar: Calendar | None) -> tuple[date, bool]:
    """Where a due date goes that is a rest day, and whether that is sure. Never two: it is moved to the nearest working day that way."""
    if shift is Shift.NONE or calendar is None:
        return day, True
    step = ONE_DAY if shift is Shift.FORWARD else -ONE_DAY
    moved = day
    try:
        while calendar.is_rest_day(moved):
            moved += step
    except UnknownYear:
        return day, False
    return moved, True


def effective_annual_rate(terms: PlanTerms, rows: list[Instalment]) -> Decimal:
    """What the plan costs beyond what is paid of the debt, as a yearly rate; nought where nothing new is charged."""
    if not any(row.interest_minor or row.fee_minor for row in rows):
        return Decimal(0)
    flows = [((row.due - terms.start).days, row.payment_minor) for row in rows if row.payment_minor]
    return schedules.yearly_rate(terms.to_pay.total_minor, flows)


# --- how it is performed ---------------------------------------------------------------------------------------------------


class PlanState(StrEnum):
    PERFORMING = "performing"
    LATE = "late"
    BROKEN = "broken"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Performance:
    """How a plan stands at the end of a day, by posted payments by effective date. `next_number` is the first row not paid in full."""

    state: PlanState
    paid_minor: int
    due_minor: int
    missed: int
    days_late: int
    next_number: int | None
    broken_on: date | None = None
    completed_on: date | None = None


def perform(terms: PlanTerms, rows: list[Instalment], postings: Iterable[Posted], at: date) -> Performance:
    """Whether a plan is performed: payments fill its rows in order, and the default rule agreed says when it is broken.

    Once broken it stays so, unless a payment that came to light later shows that it never was; all paid before that completes it.
    """
    paid = [
        posted
        for posted in unreversed(postings)
        if posted.currency == terms.currency and terms.start <= posted.effective_on <= at
    ]
    covered = _covered(rows, paid)
    grace = timedelta(days=terms.default.grace_days)
    open_rows = [(row, on) for row, on in zip(rows, covered, strict=True) if on is None]
    missed = [row for row, _ in open_rows if row.due + grace < at]
    broken_on = min(
        filter(None, [_too_many(terms.default, rows, covered, at), _too_late(terms.default, rows, covered, at)]), default=None
    )
    completed_on = max((on for on in covered if on), default=terms.start) if not open_rows else None
    if broken_on and (completed_on is None or broken_on <= completed_on):
        state = PlanState.BROKEN
    elif completed_on:
        state = PlanState.COMPLETED
    else:
        state = PlanState.LATE if open_rows[0][0].due < at else PlanState.PERFORMING
    return Performance(
        state,
        sum(posted.amount_minor for posted in paid),
        sum(row.payment_minor for row in rows if row.due <= at),
        len(missed),
        max(0, (at - open_rows[0][0].due).days) if open_rows else 0,
        open_rows[0][0].number if open_rows else None,
        broken_on if state is PlanState.BROKEN else None,
        completed_on if state is PlanState.COMPLETED else None,
    )


def _covered(rows: list[Instalment], paid: list[Posted]) -> list[date | None]:
    """By row, the effective date of the payment that made it whole; rows of nothing are whole from the first."""
    dates: list[date | None] = []
    wanted = sofar = 0
    waiting = iter(paid)
    on: date | None = None
    for row in rows:
        wanted += row.payment_minor
        while sofar < wanted and (posted := next(waiting, None)) is not None:
            sofar, on = sofar + posted.amount_minor, posted.effective_on
        dates.append((on or row.due) if sofar >= wanted else None)
    return dates


def _too_many(rule: DefaultRule, rows: list[Instalment], covered: list[date | None], at: date) -> date | None:
    """The first day on which as many rows stood missed as break the plan; rows are filled in order, so they are neighbours."""
    if not rule.missed:
        return None
    for first, last in zip(range(len(rows)), range(rule.missed - 1, len(rows)), strict=False):
        day = rows[last].due + timedelta(days=rule.grace_days + 1)
        made_good = covered[first]
        if day <= at and (made_good is None or made_good >= day):
            return day
    return None


def _too_late(rule: DefaultRule, rows: list[Instalment], covered: list[date | None], at: date) -> date | None:
    """The first day on which a row was as many days late as break the plan."""
    if not rule.days_late:
        return None
    for row, made_good in zip(rows, covered, strict=True):
        day = row.due + timedelta(days=rule.days_late)
        if day <= at and (made_good is None or made_good >= day):
            return day
    return None
