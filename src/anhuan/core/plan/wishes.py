"""What a customer wishes, as terms, and every reason why it cannot be granted: row of policy or clause of law, what was seen, the limit.

Knows the policy as a value. Does not know what else could be offered (`core.plan.negotiation`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import MappingProxyType

from anhuan.core.money import format_minor
from anhuan.core.plan.agreement import Kind, PlanTerms
from anhuan.core.plan.allocation import CHARGES
from anhuan.core.plan.offers import (
    Offer,
    Table,
    floor_minor,
    in_term,
    most_instalments,
    offer,
    once,
    past_due_parts,
    plan_terms,
    settlement_terms,
    settles_from,
    too_small,
    usual_first_due,
)
from anhuan.core.plan.parts import Part, Parts
from anhuan.core.plan.policy import PolicyRow
from anhuan.core.plan.schedule import Method


@dataclass(frozen=True, slots=True)
class Wish:
    """What the customer asks for; what is None is left open. `pay_minor` is the whole of a promise or a settlement."""

    kind: Kind
    instalments: int | None = None
    method: Method | None = None
    first_due: date | None = None
    monthly_minor: int | None = None
    payments_minor: tuple[int, ...] = ()
    waived: Parts = field(default_factory=Parts)
    pay_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One ground on which a wish is refused: the row of policy or clause of law, both sentences, what was seen and the limit."""

    code: str
    rule: str
    citation: str
    zh: str
    en: str
    seen: int | str | None = None
    limit: int | str | None = None


_SENTENCES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "no_policy": (
            "本行减免与分期政策当日没有适用于该账户的条款，无人有权批准。",
            "No row of the bank's policy speaks of this account on that day, so nobody may grant it.",
        ),
        "form_missing": (
            "尚未填写还款能力表；分期与减免须先了解还款能力。",
            "The affordability form is not filled in; plans and waivers need the ability to pay to be known first.",
        ),
        "nothing_past_due": ("该账户没有逾期金额。", "Nothing is past due on this account."),
        "replans": (
            "该笔欠款已约定过 {seen} 次分期，政策最多允许重新约定 {limit} 次。",
            "There have been {seen} plans on this debt; the policy lets it be agreed anew {limit} times at most.",
        ),
        "method": ("政策不提供“{seen}”还款方式；可用：{limit}。", "The policy offers no plan of the kind {seen}; there are {limit}."),
        "instalments": ("期数 {seen} 超过政策上限 {limit} 期。", "{seen} instalments are more than the policy's {limit}."),
        "authority": ("没有任何岗位有权批准 {seen}；权限止于 {limit}。", "No role may grant {seen}; authority ends at {limit}."),
        "term": (
            "期数 {seen} 超出法定最长期限（自首次分期起 {limit} 个月）。",
            "{seen} instalments end after the longest term the law allows, {limit} months from the first plan on.",
        ),
        "waiver": ("减免{part} {seen} 超过最高权限 {limit}。", "To let go {seen} of the {part} is beyond any authority; {limit} is not."),
        "waive_principal": ("本金只能在减免结清中减免。", "Principal is let go in a settlement alone."),
        "waiver_kind": ("此种安排不含减免。", "An arrangement of this kind lets nothing go."),
        "too_early": ("首期还款日 {seen} 须晚于当日 {limit}。", "The first payment on {seen} must lie after the day of the talk, {limit}."),
        "too_late": ("还款日 {seen} 晚于政策允许的 {limit}。", "The payment on {seen} lies after {limit}, the last day allowed."),
        "least_payment": ("每期 {seen} 低于政策最低每期还款 {limit}。", "An instalment of {seen} is below the least there may be, {limit}."),
        "overpaid": ("第 {seen} 期还款额超过当期应还总额 {limit}。", "Payment {seen} is more than the {limit} then owed."),
        "affordability": (
            "按还款能力表，每月可承担 {limit}，该方案最重一期为 {seen}，超出承受能力。",
            "By the form {limit} a month can be afforded; the heaviest payment, {seen}, is beyond that.",
        ),
        "monthly": (
            "在允许的期数内每期至少须还 {seen}，高于希望的 {limit}。",
            "Within the instalments allowed a payment comes to {seen}, more than the {limit} wished.",
        ),
        "promise_amount": ("承诺金额 {seen} 低于政策要求的 {limit}。", "The {seen} promised is below the {limit} the policy asks for."),
        "too_much": ("金额 {seen} 超过欠款 {limit}。", "{seen} is more than the {limit} owed."),
        "no_settlement": ("政策不允许对该账户减免结清。", "The policy allows no settlement for less on this account."),
        "settlement_floor": (
            "结清金额 {seen} 低于政策最低结清金额 {limit}。",
            "{seen} is below {limit}, the least for which the policy lets this debt be settled.",
        ),
        "deferral": ("政策不允许对该账户延期。", "The policy allows no deferral on this account."),
    }
)  # fmt: skip
_PARTS_ZH = {Part.PRINCIPAL: "本金", Part.INTEREST: "利息", Part.FEES: "费用", Part.PENALTY: "违约金"}


def terms_of(wish: Wish, on: Table) -> PlanTerms | None:
    """The wish as terms, what it leaves open filled in; None where the policy has no row from which to fill it in.

    Overpaid, OverflowError (of `core.plan.schedule`) only when the terms are reckoned through.
    """
    past_due, row = past_due_parts(on.debt), on.row
    if wish.kind is Kind.CURE:
        return once(Kind.CURE, past_due, on.on, on)
    if row is None:
        return None
    if wish.kind in (Kind.PROMISE, Kind.DEFERRAL):
        days = row.promise.max_days if wish.kind is Kind.PROMISE else row.deferral_max_days
        parts = past_due if wish.pay_minor is None else paid_first(on.debt.owed, wish.pay_minor)
        return once(wish.kind, parts, wish.first_due or on.on + timedelta(days=days), on)
    first_due = wish.first_due or usual_first_due(on, row)
    if wish.kind is Kind.SETTLEMENT:
        whole, least = on.debt.owed.total_minor, settles_from(on, row)
        pay = (whole if least is None else least) if wish.pay_minor is None else min(wish.pay_minor, whole)
        return settlement_terms(on, row, pay, wish.instalments or 1, first_due)
    method = Method.CUSTOM if wish.payments_minor else wish.method or row.methods[0]
    count = len(wish.payments_minor) + 1 if method is Method.CUSTOM else wish.instalments
    if count is None:
        return fewest(wish, on, row, method, first_due)
    waived = at_most(wish.waived, on.debt.owed)
    return plan_terms(on, row, count, method, first_due=first_due, waived=waived, payments_minor=wish.payments_minor)


def fewest(wish: Wish, on: Table, row: PolicyRow, method: Method, first_due: date) -> PlanTerms:
    """The fewest instalments that can be afforded and are no more than the monthly payment wished; the most there are where none is."""
    waived = at_most(wish.waived, on.debt.owed)
    most = max(1, most_instalments(on, row, first_due))
    made = (plan_terms(on, row, count, method, first_due=first_due, waived=waived) for count in range(1, most + 1))
    terms = None
    for terms in made:
        tried = offer(terms, on)
        if tried.affordable is not False and (wish.monthly_minor is None or heaviest(tried) <= wish.monthly_minor):
            break
    assert terms is not None  # noqa: S101  there is at least one
    return terms


def paid_first(owed: Parts, amount_minor: int) -> Parts:
    """So much of what is owed, charges before principal, so that the least of it bears new interest."""
    left, parts = amount_minor, {}
    for part in (*CHARGES, Part.PRINCIPAL):
        parts[part] = min(left, owed[part])
        left -= parts[part]
    return Parts.of(parts)


def at_most(wished: Parts, owed: Parts) -> Parts:
    return Parts.of({part: min(minor, owed[part]) for part, minor in wished})


def heaviest(one: Offer) -> int:
    return max(row.payment_minor for row in one.rows)


# --- why not ---------------------------------------------------------------------------------------------------------------


class Reasons:
    """Makes reasons that cite the policy's row, or a provision of law where one is named."""

    def __init__(self, on: Table) -> None:
        self.on = on

    def money(self, minor: int) -> str:
        return f"{format_minor(minor, self.on.debt.currency, grouped=True)} {self.on.debt.currency}"

    def __call__(
        self, code: str, seen: int | str | None = None, limit: int | str | None = None, *, money: bool = False
    ) -> Reason:
        told = {
            name: self.money(value) if money and isinstance(value, int) else value
            for name, value in (("seen", seen), ("limit", limit))
        }
        zh, en = _SENTENCES[code]
        rule = self.on.row.id if self.on.row else ""
        return Reason(
            code, rule, f"{self.on.policy.bank} policy, {rule or '–'}", zh.format(**told), en.format(**told), seen, limit
        )

    def waiver(self, part: Part, seen: int, limit: int) -> Reason:
        zh, en = _SENTENCES["waiver"]
        told = {"seen": self.money(seen), "limit": self.money(limit)}
        rule = self.on.row.id if self.on.row else ""
        citation = f"{self.on.policy.bank} policy, {rule}"
        return Reason(
            f"waiver_{part}", rule, citation, zh.format(part=_PARTS_ZH[part], **told), en.format(part=part, **told), seen, limit
        )

    def term(self, seen: int) -> Reason:
        provision = self.on.policy.term
        assert provision is not None  # noqa: S101  asked only where the law names a term
        limit = int(provision.value["months"])
        zh, en = (sentence.format(seen=seen, limit=limit) for sentence in _SENTENCES["term"])
        return Reason("term", provision.id, provision.citation, zh, en, seen, limit)


def reasons(wish: Wish, one: Offer | None, on: Table) -> Iterator[Reason]:
    """Every reason why a wish, reckoned through as `one`, cannot be granted; none: it can."""
    say = Reasons(on)
    if one is None or (on.row is None and wish.kind is not Kind.CURE):
        yield say("no_policy")
        return
    if on.affordable is None and wish.kind in (Kind.PLAN, Kind.SETTLEMENT):
        yield say("form_missing")
    if wish.kind in (Kind.CURE, Kind.DEFERRAL) and not past_due_parts(on.debt).total_minor:
        yield say("nothing_past_due")
    if on.row is not None:
        yield from _BY_KIND[wish.kind](wish, one, on, on.row)
    if one.affordable is False and on.affordable is not None:
        yield say("affordability", heaviest(one), on.affordable.monthly_minor, money=True)


def _cure(_wish: Wish, _one: Offer, _on: Table, _row: PolicyRow) -> Iterator[Reason]:
    yield from ()


def _promise(wish: Wish, one: Offer, on: Table, row: PolicyRow) -> Iterator[Reason]:
    say = Reasons(on)
    least = floor_minor(past_due_parts(on.debt), row.promise.least_share)
    paid = one.total_minor if wish.pay_minor is None else wish.pay_minor
    yield from _in_time(one, on, row.promise.max_days, today=True)
    if paid > on.debt.owed.total_minor:
        yield say("too_much", paid, on.debt.owed.total_minor, money=True)
    if paid < max(1, least):
        yield say("promise_amount", paid, max(1, least), money=True)
    yield from _nothing_let_go(wish, on)


def _deferral(wish: Wish, one: Offer, on: Table, row: PolicyRow) -> Iterator[Reason]:
    most = max((each.deferral_days for each in row.authorities), default=0)
    if not min(row.deferral_max_days, most):
        yield Reasons(on)("deferral")
    else:
        yield from _in_time(one, on, min(row.deferral_max_days, most))
    yield from _nothing_let_go(wish, on)


def _plan(wish: Wish, one: Offer, on: Table, row: PolicyRow) -> Iterator[Reason]:
    say, count = Reasons(on), one.terms.instalments
    if on.debt.plans > row.replans:
        yield say("replans", on.debt.plans, row.replans)
    if one.terms.method not in row.methods:
        yield say("method", one.terms.method, ", ".join(row.methods))
    most = max((each.instalments for each in row.authorities), default=0)
    if count > row.max_instalments:
        yield say("instalments", count, row.max_instalments)
    elif count > most:
        yield say("authority", count, most)
    if count > in_term(on, one.terms.first_due):
        yield say.term(count)
    yield from _in_time(one, on, row.first_due_within_days)
    yield from _waivers(wish, on, row, count)
    if (smallest := too_small(one, on)) is not None:
        yield say("least_payment", smallest, row.least_payment_minor[one.terms.currency], money=True)
    if wish.monthly_minor is not None and heaviest(one) > wish.monthly_minor:
        yield say("monthly", heaviest(one), wish.monthly_minor, money=True)


def _waivers(wish: Wish, on: Table, row: PolicyRow, count: int) -> Iterator[Reason]:
    """What is wished let go, against the most that any one role may who may also grant so many instalments."""
    say = Reasons(on)
    able = [each for each in row.authorities if each.instalments >= count] or list(row.authorities)
    refused = bool(wish.waived.principal_minor)
    if refused:
        yield say("waive_principal")
    for part in CHARGES:
        limit = max((on.debt.owed.share(each.waive)[part] for each in able), default=0)
        if wish.waived[part] > limit:
            refused = True
            yield say.waiver(part, wish.waived[part], limit)
    if not refused and not any(wish.waived.within(on.debt.owed.share(each.waive)) for each in able):
        yield say("authority", say.money(wish.waived.total_minor), ", ".join(row.roles) or "–")


def _settlement(wish: Wish, one: Offer, on: Table, row: PolicyRow) -> Iterator[Reason]:
    say = Reasons(on)
    least = settles_from(on, row)
    if least is None:
        yield say("no_settlement")
        return
    paid = one.total_minor if wish.pay_minor is None else wish.pay_minor
    if paid > on.debt.owed.total_minor:
        yield say("too_much", paid, on.debt.owed.total_minor, money=True)
    if paid < max(1, least):
        yield say("settlement_floor", paid, max(1, least), money=True)
    if one.terms.instalments > row.settlement_instalments:
        yield say("instalments", one.terms.instalments, row.settlement_instalments)
    yield from _in_time(one, on, row.first_due_within_days)


def _in_time(one: Offer, on: Table, days: int, *, today: bool = False) -> Iterator[Reason]:
    say, first, last = Reasons(on), one.terms.first_due, on.on + timedelta(days=days)
    if first < on.on or (first == on.on and not today):
        yield say("too_early", first.isoformat(), on.on.isoformat())
    if first > last:
        yield say("too_late", first.isoformat(), last.isoformat())


def _nothing_let_go(wish: Wish, on: Table) -> Iterator[Reason]:
    if wish.waived.total_minor:
        yield Reasons(on)("waiver_kind")


_BY_KIND = {
    Kind.CURE: _cure,
    Kind.PROMISE: _promise,
    Kind.DEFERRAL: _deferral,
    Kind.PLAN: _plan,
    Kind.SETTLEMENT: _settlement,
}
