"""Offers: what is owed, what can be afforded of it, and everything the bank's policy would grant, each with its rows and its price.

Knows no wish and nobody who asks (`core.plan.negotiation`). Nothing about a person enters beyond what is owed and what is left over in
a month: there is no field for anything else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from itertools import accumulate

from anhuan.core.days import Calendar, add_months
from anhuan.core.plan.agreement import Instalment, Kind, PlanTerms, effective_annual_rate, instalments
from anhuan.core.plan.parts import Part, Parts
from anhuan.core.plan.policy import Authority, Ground, Policy, PolicyRow, Treatment
from anhuan.core.plan.schedule import Method, Step
from anhuan.core.plan.solving import DIGITS
from anhuan.core.vocabulary import Bucket, Classification


class Expense(StrEnum):
    """Necessary expenses of a month, by kind."""

    HOUSING = "housing"
    FOOD = "food"
    UTILITIES = "utilities"
    TRANSPORT = "transport"
    HEALTH = "health"
    EDUCATION = "education"
    CARE = "care"
    INSURANCE = "insurance"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Form:
    """What a household takes in and must spend in a month, as the customer tells it; minor units of one currency.

    `other_debts_minor` is what other debts take every month, other accounts of this bank included; `at_hand_minor` is what could be
    paid at once.
    """

    currency: str
    income_minor: int
    expenses_minor: Mapping[Expense, int] = field(default_factory=dict)
    other_debts_minor: int = 0
    household: int = 1
    at_hand_minor: int = 0


@dataclass(frozen=True, slots=True)
class Affordable:
    """What can go to this debt in a month, and how that came about."""

    monthly_minor: int
    at_hand_minor: int
    expenses_minor: int
    floor_minor: int
    left_minor: int


@dataclass(frozen=True, slots=True)
class Debt:
    """One account on the day of the talk. `plan_since` is the start of the first plan on this debt, `plans` how many there have been."""

    account_id: str
    product: str
    currency: str
    days_past_due: int
    bucket: Bucket
    classification: Classification
    owed: Parts
    past_due_minor: int
    annual_rate: Fraction = Fraction(0)
    plans: int = 0
    plan_since: date | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that may be agreed. `id` names its terms and is the same whoever asks. `grantable_by` are the roles that may grant it alone.

    `affordable` is None where no form was filled in; `load` is the greatest part of what can be afforded by a due date that falls due by it.
    """

    id: str
    kind: Kind
    terms: PlanTerms
    rows: tuple[Instalment, ...]
    rule: str
    grantable_by: tuple[str, ...]
    affordable: bool | None
    load: Fraction | None
    present_value_minor: int
    total_minor: int
    cost_minor: int
    effective_annual_rate: Decimal

    @property
    def last_due(self) -> date:
        return self.rows[-1].due


@dataclass(frozen=True, slots=True)
class Table:
    """Everything an offer depends on: the debt, the policy's row on it, what can be afforded, the day, and the calendar of rest days."""

    debt: Debt
    policy: Policy
    on: date
    row: PolicyRow | None
    ground: Ground | None
    affordable: Affordable | None
    calendar: Calendar | None = None


def table(
    debt: Debt,
    policy: Policy,
    on: date,
    form: Form | None = None,
    calendar: Calendar | None = None,
    *,
    as_of: date | None = None,
) -> Table:
    """`as_of` asks by the policy of another day than that of the talk."""
    day = as_of or on
    row, ground = policy.row(debt.product, debt.bucket, debt.classification, day), policy.ground(day)
    return Table(debt, policy, on, row, ground, afford(form, ground) if form else None, calendar)


def afford(form: Form, ground: Ground | None) -> Affordable:
    """What is left of the income after necessary expenses, or what the bank's table says a household needs if that is more, and other debts.

    Of what is left the policy's share; the whole where there is no policy. Never below nought.
    """
    spent = sum(form.expenses_minor.values())
    first = ground.floor_first_minor.get(form.currency, 0) if ground else 0
    other = ground.floor_other_minor.get(form.currency, 0) if ground else 0
    floor = first + other * max(0, form.household - 1)
    left = max(0, form.income_minor - max(spent, floor) - form.other_debts_minor)
    return Affordable(int(left * (ground.share if ground else 1)), form.at_hand_minor, spent, floor, left)


# --- one offer -------------------------------------------------------------------------------------------------------------


def offer(terms: PlanTerms, on: Table) -> Offer:
    """An offer of these terms, whether it is within policy or not. schedule.Overpaid, OverflowError as there."""
    rows = tuple(instalments(terms, on.calendar))
    load, affordable = _load(rows, on)
    return Offer(
        id=f"{terms.kind}-{terms.method}-{terms.instalments}-{hashlib.sha256(repr(terms).encode()).hexdigest()[:12]}",
        kind=terms.kind,
        terms=terms,
        rows=rows,
        rule=on.row.id if on.row else "",
        grantable_by=grantable_by(terms, on),
        affordable=affordable,
        load=load,
        present_value_minor=present_value(rows, on.on, on.ground.discount_rate if on.ground else Fraction(0)),
        total_minor=sum(row.payment_minor for row in rows),
        cost_minor=sum(row.interest_minor + row.fee_minor for row in rows),
        effective_annual_rate=effective_annual_rate(terms, list(rows)),
    )


def _load(rows: tuple[Instalment, ...], on: Table) -> tuple[Fraction | None, bool | None]:
    """The heaviest claim on what can have been put by: paid so far against what is at hand and one month's share a month begun."""
    if on.affordable is None:
        return None, None
    most_paid, most_able = 0, 1
    for row, paid in zip(rows, accumulate(row.payment_minor for row in rows), strict=True):
        able = on.affordable.at_hand_minor + on.affordable.monthly_minor * months_begun(on.on, row.agreed_on)
        if able == 0 and paid > 0:
            return None, False
        if paid * most_able > most_paid * able:
            most_paid, most_able = paid, able
    return Fraction(most_paid, most_able), most_paid <= most_able


def months_begun(start: date, end: date) -> int:
    """Months from one day to another, a part of one counting whole; none on the same day."""
    months = (end.year - start.year) * 12 + end.month - start.month
    return max(0, months + (add_months(start, months) < end))


def present_value(rows: tuple[Instalment, ...], on: date, discount_rate: Fraction) -> int:
    """What the payments are worth today at a yearly rate, over actual days by 365."""
    with localcontext(prec=DIGITS):
        daily = (1 + Decimal(discount_rate.numerator) / discount_rate.denominator) ** (Decimal(-1) / 365)
        shrinks: dict[int, Decimal] = {}
        worth, factor, before = Decimal(0), Decimal(1), on
        for row in rows:
            gap = (row.due - before).days
            factor *= shrinks.setdefault(gap, daily**gap)
            worth, before = worth + row.payment_minor * factor, row.due
        return int(worth.to_integral_value(ROUND_HALF_UP))


# --- who may grant it ------------------------------------------------------------------------------------------------------


def grantable_by(terms: PlanTerms, on: Table) -> tuple[str, ...]:
    """The roles that may grant terms alone, as the policy lists them. What is paid as owed and in time, or promised, needs no grant."""
    if on.row is None or terms.kind in (Kind.CURE, Kind.PROMISE):
        return ()
    return tuple(each.role for each in on.row.authorities if _may(each, terms, on))


def _may(authority: Authority, terms: PlanTerms, on: Table) -> bool:
    if terms.kind is Kind.DEFERRAL:
        return not terms.waived.total_minor and (terms.first_due - on.on).days <= authority.deferral_days
    if terms.kind is Kind.SETTLEMENT:
        return authority.settle_from is not None and terms.to_pay.total_minor >= floor_minor(terms.owed, authority.settle_from)
    return terms.instalments <= authority.instalments and terms.waived.within(terms.owed.share(authority.waive))


def floor_minor(owed: Parts, share: Fraction) -> int:
    """The least that settles, rounded up."""
    return -int(-(owed.total_minor * share) // 1)


def settles_from(on: Table, row: PolicyRow) -> int | None:
    """The least that settles by the highest authority; None where nobody may settle for less."""
    floors = [each.settle_from for each in row.authorities if each.settle_from is not None]
    return floor_minor(on.debt.owed, min(floors)) if floors else None


# --- terms of each kind ----------------------------------------------------------------------------------------------------


def past_due_parts(debt: Debt) -> Parts:
    """What is past due, taken from interest, fees and penalty before principal, so that the least of it bears new interest."""
    left, parts = min(debt.past_due_minor, debt.owed.total_minor), {}
    for part in (Part.INTEREST, Part.FEES, Part.PENALTY, Part.PRINCIPAL):
        parts[part] = min(left, debt.owed[part])
        left -= parts[part]
    return Parts.of(parts)


def once(kind: Kind, parts: Parts, due: date, on: Table) -> PlanTerms:
    """One payment on a day: a cure, a promise or a deferral."""
    row = on.row
    runs = kind is Kind.DEFERRAL and row is not None and row.deferral_interest is Treatment.RUNS
    return PlanTerms(
        kind, on.debt.currency, parts, on.on, due,
        interest=Treatment.RUNS if runs else Treatment.STOPPED,
        annual_rate=row.annual_rate if row and runs else Fraction(0),
    )  # fmt: skip


def plan_terms(
    on: Table,
    row: PolicyRow,
    count: int,
    method: Method,
    *,
    first_due: date,
    waived: Parts,
    payments_minor: tuple[int, ...] = (),
) -> PlanTerms:
    return PlanTerms(
        Kind.PLAN, on.debt.currency, on.debt.owed, on.on, first_due, count, waived, method,
        interest=row.interest, annual_rate=row.annual_rate if row.interest is Treatment.RUNS else Fraction(0),
        fee_rate=row.fee_rate, shift=row.shift, shift_moves_interest=row.shift_moves_interest,
        step=Step(row.step_every, row.step_factor) if method is Method.STEP_UP else Step(1, Fraction(1)),
        default=row.default, payments_minor=payments_minor,
    )  # fmt: skip


def settlement_terms(on: Table, row: PolicyRow, pay_minor: int, count: int, first_due: date) -> PlanTerms:
    """So much in full for the whole: penalty is let go first, then fees, interest, and principal last. Nothing new is charged."""
    left, waived = max(0, on.debt.owed.total_minor - pay_minor), {}
    for part in (Part.PENALTY, Part.FEES, Part.INTEREST, Part.PRINCIPAL):
        waived[part] = min(left, on.debt.owed[part])
        left -= waived[part]
    return PlanTerms(
        Kind.SETTLEMENT, on.debt.currency, on.debt.owed, on.on, first_due, count, Parts.of(waived),
        shift=row.shift, default=row.default,
    )  # fmt: skip


def usual_first_due(on: Table, row: PolicyRow) -> date:
    """A month from today, or as soon as the policy wants it."""
    return min(add_months(on.on, 1), on.on + timedelta(days=row.first_due_within_days))


def most_instalments(on: Table, row: PolicyRow, first_due: date) -> int:
    """The policy's most, and no more than fit into the law's term, which runs on from the first plan on the debt."""
    return min(row.max_instalments, max((each.instalments for each in row.authorities), default=0), in_term(on, first_due))


def in_term(on: Table, first_due: date) -> int:
    """How many monthly instalments end within the term the law allows; very many where it names none."""
    if on.policy.term is None:
        return 10_000
    end = add_months(on.debt.plan_since or on.on, int(on.policy.term.value["months"]))
    whole = (end.year - first_due.year) * 12 + end.month - first_due.month
    return max(0, whole + (add_months(first_due, whole) <= end)) if whole >= 0 else 0


def waiver_levels(owed: Parts, row: PolicyRow) -> list[Parts]:
    """Nothing, and as much as each role may let go of itself."""
    return list(dict.fromkeys([Parts(), *(owed.share(each.waive) for each in row.authorities)]))


# --- all of them -----------------------------------------------------------------------------------------------------------


def possible(on: Table) -> Iterator[PlanTerms]:
    """Terms of every offer the policy makes of itself; some may turn out smaller than its least payment.

    What goes beyond paying what is past due is offered to those alone whose ability to pay is known.
    """
    yield from _past_due_at_once_or_later(on)
    if on.row is not None and on.affordable is not None:
        yield from _plans(on, on.row)
        yield from _settlements(on, on.row)


def _past_due_at_once_or_later(on: Table) -> Iterator[PlanTerms]:
    past_due, row = past_due_parts(on.debt), on.row
    if not past_due.total_minor:
        return
    yield once(Kind.CURE, past_due, on.on, on)
    if row is not None:
        if row.promise.max_days:
            yield once(Kind.PROMISE, past_due, on.on + timedelta(days=row.promise.max_days), on)
        for days in sorted({min(each.deferral_days, row.deferral_max_days) for each in row.authorities} - {0}):
            yield once(Kind.DEFERRAL, past_due, on.on + timedelta(days=days), on)


def _plans(on: Table, row: PolicyRow) -> Iterator[PlanTerms]:
    if on.debt.plans > row.replans or not on.debt.owed.total_minor:
        return
    first_due = usual_first_due(on, row)
    most = most_instalments(on, row, first_due)
    for count in sorted(count for count in row.tenors if count <= most):
        for method in row.methods:
            if method is not Method.CUSTOM:  # nobody but the customer can name those payments
                for waived in waiver_levels(on.debt.owed, row):
                    yield plan_terms(on, row, count, method, first_due=first_due, waived=waived)


def _settlements(on: Table, row: PolicyRow) -> Iterator[PlanTerms]:
    for floor in sorted({each.settle_from for each in row.authorities if each.settle_from is not None}):
        for count in range(1, row.settlement_instalments + 1):
            pay_minor = floor_minor(on.debt.owed, floor)
            if pay_minor:
                yield settlement_terms(on, row, pay_minor, count, usual_first_due(on, row))


def within_policy(one: Offer, on: Table) -> bool:
    """Whether somebody may grant it and no instalment but the last is below the least payment."""
    if one.kind in (Kind.CURE, Kind.PROMISE):
        return True
    return bool(one.grantable_by) and too_small(one, on) is None


def too_small(one: Offer, on: Table) -> int | None:
    """The smallest instalment of a plan, if it is below the least payment of the policy."""
    least = on.row.least_payment_minor.get(one.terms.currency, 0) if on.row and one.kind is Kind.PLAN else 0
    smallest = min((row.payment_minor for row in one.rows[:-1]), default=least)
    return smallest if smallest < least else None


def all_offers(on: Table) -> tuple[Offer, ...]:
    """Every offer within policy, best first. Offers of one kind that come to the same payments are one."""
    made: dict[object, Offer] = {}
    for terms in possible(on):
        one = offer(terms, on)
        if within_policy(one, on):
            made.setdefault((one.kind, terms.waived, tuple((row.due, row.payment_minor) for row in one.rows)), one)
    return tuple(sorted(made.values(), key=rank))


_STEPS = (Fraction(1, 2), Fraction(3, 4), Fraction(1))


def rank(one: Offer) -> tuple[int, int, int, int, date, str]:
    """Lighter before heavier: up to half of what can be afforded, three quarters, all, more; then what is worth more to the bank.

    Of like worth the cheaper for the customer, the shorter, the sooner.
    """
    heavy = len(_STEPS) if one.load is None and one.affordable is False else 0
    if one.load is not None:
        heavy = sum(one.load > step for step in _STEPS)
    return (heavy, -one.present_value_minor, one.total_minor, len(one.rows), one.last_due, one.id)
