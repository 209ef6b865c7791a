"""What can be agreed with a customer: the offers there are, her wish judged, and for a wish refused every reason and the nearest offer.

Same facts, same offers, whoever asks: who asks changes the note on authority (`note`) and nothing else. Knows no screen, no file and no
clock; offers are made in `core.plan.offers`, wishes judged in `core.plan.wishes`.

The nearest offer to a wish is, in this order: one that can be afforded; one of the kind wished; one whose heaviest payment is least
above the monthly payment wished; one whose number of instalments is nearest to the number wished, or the fewest where none was; by the
method wished; with as much let go or paid as wished; with its first payment nearest to the day wished; the cheapest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby

from anhuan.core.days import Calendar
from anhuan.core.plan.agreement import Kind, PlanTerms
from anhuan.core.plan.offers import (
    Affordable,
    Debt,
    Expense,
    Form,
    Offer,
    Table,
    all_offers,
    floor_minor,
    grantable_by,
    most_instalments,
    offer,
    past_due_parts,
    plan_terms,
    settles_from,
    table,
    usual_first_due,
    within_policy,
)
from anhuan.core.plan.parts import Parts
from anhuan.core.plan.policy import Policy, PolicyRow
from anhuan.core.plan.schedule import Method, Overpaid
from anhuan.core.plan.wishes import Reason, Reasons, Wish, at_most, heaviest, reasons, terms_of

__all__ = [
    "Affordable", "AuthorityNote", "Debt", "Expense", "Form", "Negotiation", "Offer", "Reason", "Refused", "Wish", "negotiate", "note",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class AuthorityNote:
    """What whoever asks may do about an offer: agree it alone, or ask a second person of one of these roles."""

    alone: bool
    second: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A wish that cannot be granted: every reason, and the nearest offer there is."""

    wish: Wish
    reasons: tuple[Reason, ...]
    nearest: Offer | None


@dataclass(frozen=True, slots=True)
class Negotiation:
    """The answer: what can be afforded, the offers from best to worst, and, where something was wished, that offer or its refusal.

    `beyond_ability` says whether more is owed than can be paid within a month, without which no plan is a personalised one
    (Credit Card Measures Art. 70); None where no form was filled in. It refuses nothing: whether it is so the bank confirms.
    """

    affordable: Affordable | None
    beyond_ability: bool | None
    offers: tuple[Offer, ...]
    granted: Offer | None = None
    refused: Refused | None = None


def negotiate(
    debt: Debt,
    policy: Policy,
    on: date,
    *,
    form: Form | None = None,
    wish: Wish | None = None,
    calendar: Calendar | None = None,
    as_of: date | None = None,
) -> Negotiation:
    """Every offer on a debt on a day, and the answer to a wish.

    Without a form what is past due may be paid, promised or deferred, and nothing else agreed. `calendar` moves due dates off rest days
    where the policy says so, `as_of` asks by the policy of another day. A form in another currency is a ValueError.
    """
    if form is not None and form.currency != debt.currency:
        raise ValueError("the form and the debt are of one currency")
    asked = table(debt, policy, on, form, calendar, as_of=as_of)
    offers, able = all_offers(asked), asked.affordable
    beyond = None if able is None else debt.owed.total_minor > able.monthly_minor + able.at_hand_minor
    if wish is None:
        return Negotiation(able, beyond, offers)
    granted, why = _judge(wish, asked)
    if granted is not None and not why:
        return Negotiation(able, beyond, offers, granted=granted)
    return Negotiation(able, beyond, offers, refused=Refused(wish, why, nearest(wish, asked, offers)))


def note(one: Offer, role: str) -> AuthorityNote:
    """Whether `role` may agree an offer alone, and if not, who may be the second."""
    alone = one.kind in (Kind.CURE, Kind.PROMISE) or role in one.grantable_by
    return AuthorityNote(alone, () if alone else one.grantable_by)


def _judge(wish: Wish, on: Table) -> tuple[Offer | None, tuple[Reason, ...]]:
    terms = terms_of(wish, on)
    try:
        one = offer(terms, on) if terms is not None else None
    except Overpaid as over:
        say = Reasons(on)
        return None, (say("overpaid", over.number, say.money(over.owed_minor)),)
    except OverflowError:
        return None, (Reasons(on)("too_late", "9999-12-31", "9999-12-31"),)
    return one, tuple(reasons(wish, one, on))


# --- the nearest offer -----------------------------------------------------------------------------------------------------


def nearest(wish: Wish, on: Table, offers: tuple[Offer, ...]) -> Offer | None:
    """The offer nearest to a wish, among those there are and those made after the wish as far as policy and law go."""
    made = (offer(terms, on) for terms in _after(wish, on))
    able = [*offers, *(one for one in made if within_policy(one, on))]
    return min(able, key=lambda one: _distance(wish, one), default=None)


def _distance(wish: Wish, one: Offer) -> tuple[bool, bool, int, int, bool, int, int, int, str]:
    return (
        one.affordable is False,
        one.kind is not wish.kind,
        max(0, heaviest(one) - wish.monthly_minor) if wish.monthly_minor is not None else 0,
        _off(wish, one.terms.instalments),
        wish.method is not None and one.terms.method is not wish.method,
        _apart(wish, one),
        abs((one.terms.first_due - wish.first_due).days) if wish.first_due is not None else 0,
        one.total_minor,
        one.id,
    )


def _apart(wish: Wish, one: Offer) -> int:
    """How far what is paid lies from what was wished to be paid, or what is let go from what was wished let go."""
    if wish.pay_minor is not None:
        return abs(one.terms.to_pay.total_minor - wish.pay_minor)
    return 0 if wish.kind is Kind.SETTLEMENT else abs(wish.waived.total_minor - one.terms.waived.total_minor)


def _after(wish: Wish, on: Table) -> Iterator[PlanTerms]:
    """Terms as near to the wish as its limits allow: its day drawn into the span allowed, its amount raised to the least."""
    row, past_due = on.row, past_due_parts(on.debt)
    if row is None:
        return
    if wish.kind is Kind.PLAN and on.affordable is not None and on.debt.plans <= row.replans and on.debt.owed.total_minor:
        yield from _plans_after(wish, on, row)
    elif wish.kind is Kind.SETTLEMENT and on.affordable is not None:
        least = settles_from(on, row)
        pay = 0 if least is None else max(wish.pay_minor or 0, least)
        for count in range(1, row.settlement_instalments + 1) if pay else ():
            first = _drawn_in(wish.first_due or usual_first_due(on, row), on, row.first_due_within_days)
            yield from _kept(terms_of(replace(wish, pay_minor=pay, instalments=count, first_due=first), on))
    elif wish.kind is Kind.DEFERRAL and past_due.total_minor:
        for days in {min(each.deferral_days, row.deferral_max_days) for each in row.authorities} - {0}:
            first = _drawn_in(wish.first_due or on.on + timedelta(days=days), on, days)
            yield from _kept(terms_of(replace(wish, first_due=first, pay_minor=None), on))
    elif wish.kind is Kind.PROMISE and row.promise.max_days:
        least = max(1, floor_minor(past_due, row.promise.least_share))
        first = _drawn_in(wish.first_due or on.on + timedelta(days=row.promise.max_days), on, row.promise.max_days, today=True)
        for pay in {min(max(wish.pay_minor or past_due.total_minor, least), on.debt.owed.total_minor), least}:
            if pay <= on.debt.owed.total_minor:
                yield from _kept(terms_of(replace(wish, first_due=first, pay_minor=pay), on))


def _kept(terms: PlanTerms | None) -> Iterator[PlanTerms]:
    if terms is not None:
        yield terms


def _plans_after(wish: Wish, on: Table, row: PolicyRow) -> Iterator[PlanTerms]:
    """Numbers of instalments from the one wished outward, by the method wished or the policy's, with as much let go as somebody may.

    It ends with the first number at which a plan can be afforded and asks no more a month than wished: all further ones are further off.
    """
    first = _drawn_in(wish.first_due or usual_first_due(on, row), on, row.first_due_within_days)
    methods = [wish.method] if wish.method in row.methods and wish.method is not Method.CUSTOM else row.methods
    wished = replace(at_most(wish.waived, on.debt.owed), principal_minor=0)
    waivers = dict.fromkeys([Parts(), *(at_most(wished, on.debt.owed.share(each.waive)) for each in row.authorities)])
    most = most_instalments(on, row, first)
    for _, counts in groupby(
        sorted(range(1, most + 1), key=lambda count: _off(wish, count)), key=lambda count: _off(wish, count)
    ):
        made = [
            plan_terms(on, row, count, method, first_due=first, waived=waived)
            for count in counts
            for method in methods
            if method is not Method.CUSTOM
            for waived in waivers
        ]
        granted = [terms for terms in made if grantable_by(terms, on)]
        yield from granted
        if any(_as_light_as_wished(wish, offer(terms, on), on) for terms in granted):
            return


def _off(wish: Wish, count: int) -> int:
    return abs(count - wish.instalments) if wish.instalments is not None else count


def _as_light_as_wished(wish: Wish, one: Offer, on: Table) -> bool:
    light = wish.monthly_minor is None or heaviest(one) <= wish.monthly_minor
    return light and one.affordable is not False and within_policy(one, on)


def _drawn_in(day: date, on: Table, days: int, *, today: bool = False) -> date:
    return min(max(day, on.on + timedelta(days=0 if today else 1)), on.on + timedelta(days=days))
