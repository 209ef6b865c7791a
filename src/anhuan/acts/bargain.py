"""What can be agreed with a customer now: her accounts as one debt, put to the engine under the bank's policy. Reads only.

Knows how accounts of one currency become a debt: their parts are added, and the one longest past due names the row of policy they are
dealt with by. Whoever asks gets the same offers; an offer is known by its id, and is always made anew, never taken from a form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils import timezone

from anhuan.acts import policy
from anhuan.acts.agreeing import fault
from anhuan.core.plan.negotiation import Debt, Form, Negotiation, Offer, Wish, negotiate
from anhuan.core.plan.parts import Parts
from anhuan.core.plan.policy import Policy
from anhuan.core.vocabulary import Bucket, Presence
from anhuan.records.account import Account
from anhuan.records.attempt import Fault
from anhuan.records.plan import Plan, PlanState
from anhuan.records.terms import document, read

_STOOD = (PlanState.ACTIVE, PlanState.DEFAULTED, PlanState.REPLACED)


@dataclass(frozen=True)
class Bargain:
    """The question as it was put, and the engine's answer."""

    accounts: tuple[Account, ...]
    debt: Debt
    policy: Policy
    on: date
    form: Form | None
    wish: Wish | None
    answer: Negotiation

    def offers(self) -> list[Offer]:
        """Everything that may be taken: what was wished where it is granted, else what is nearest to it, and all others."""
        refused = self.answer.refused
        told = [self.answer.granted, refused.nearest if refused else None, *self.answer.offers]
        return list({each.id: each for each in told if each is not None}.values())

    def offer(self, offer_id: str) -> Offer | None:
        return next((each for each in self.offers() if each.id == offer_id), None)

    def facts(self) -> dict[str, Any]:
        """What the answer depends on besides the policy, as JSON; `again` asks by it."""
        return {
            "debt": document(self.debt), "on": self.on.isoformat(), "form": self.form and document(self.form),
            "wish": self.wish and document(self.wish),
        }  # fmt: skip


def ask(
    customer_id: str, account_ids: Sequence[str], *, form: Form | None = None, wish: Wish | None = None, at: datetime
) -> Bargain | list[Fault]:
    """What can be agreed on these accounts today, or why nothing can be asked."""
    accounts = tuple(Account.objects.filter(customer_id=customer_id, account_id__in=account_ids).order_by("account_id"))
    if not accounts or len(accounts) != len(set(account_ids)):
        return [fault("accounts", "account_unknown" if account_ids else "accounts_missing")]
    if len({each.currency for each in accounts}) > 1:
        return [fault("accounts", "accounts_unlike")]
    debt, on = debt_of(customer_id, accounts), timezone.localtime(at).date()
    if debt.owed.total_minor <= 0:
        return [fault("accounts", "nothing_owed")]
    rules = policy.in_force(on)
    answer = negotiate(debt, rules, on, form=form, wish=wish, calendar=policy.calendar())
    return Bargain(accounts, debt, rules, on, form, wish, answer)


def again(facts: dict[str, Any], rules: Policy) -> Negotiation:
    """The answer to a question that was kept, by a policy: the same one gives the same answer."""
    form = read(Form, facts["form"]) if facts["form"] else None
    wish = read(Wish, facts["wish"]) if facts["wish"] else None
    debt, on = read(Debt, facts["debt"]), date.fromisoformat(facts["on"])
    return negotiate(debt, rules, on, form=form, wish=wish, calendar=policy.calendar())


def parts_of(account: Account) -> Parts:
    """What an account owes; instalments not yet billed are principal, for an agreement is about the whole debt."""
    return Parts(
        max(0, account.principal_minor) + max(0, account.instalment_unbilled_minor),
        max(0, account.interest_minor), max(0, account.fees_minor), max(0, account.penalty_minor),
    )  # fmt: skip


def debt_of(customer_id: str, accounts: Sequence[Account]) -> Debt:
    """Accounts of one currency as one debt. An account the last delivery did not hold owes nobody knows what, and adds nothing."""
    told = [each for each in accounts if each.presence != Presence.MISSING]
    owed = Parts()
    for account in told:
        owed += parts_of(account)
    named, ids = policy.worst(accounts), sorted(each.account_id for each in accounts)
    stood = Plan.objects.filter(customer_id=customer_id, accounts__overlap=ids, state__in=_STOOD).order_by("agreed_at")
    begun = [timezone.localtime(agreed_at).date() for agreed_at in stood.values_list("agreed_at", flat=True) if agreed_at]
    return Debt(
        account_id="+".join(ids), product=policy.product(named), currency=named.currency, days_past_due=named.days_past_due,
        bucket=Bucket(named.bucket), classification=policy.grade(named), owed=owed,
        past_due_minor=sum(each.past_due_amount_minor for each in told), plans=len(begun),
        plan_since=begun[0] if begun else None,
    )  # fmt: skip
