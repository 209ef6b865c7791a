"""A customer with two late cards, a bank that has a policy, and three people: what tests of agreements stand on."""

from __future__ import annotations

import shutil
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.records import desk
from tests.records.desk import MORNING

from anhuan.acts import plan as plans
from anhuan.core.plan.agreement import Kind
from anhuan.core.plan.negotiation import Expense, Form, Wish
from anhuan.records import events
from anhuan.records.account import Account
from anhuan.records.attempt import Fault
from anhuan.records.case import Case
from anhuan.records.contact import Contact
from anhuan.records.payment import Payment
from anhuan.records.plan import Plan
from anhuan.records.staff import Staff

TODAY = date(2026, 11, 20)
DAY = timedelta(days=1)
POLICY = Path(__file__).parents[2] / "examples/firstbank/policy.yaml"
FORM = Form("CNY", 1_000_000, {Expense.HOUSING: 200_000, Expense.FOOD: 150_000}, household=2)
TWELVE = Wish(Kind.PLAN, instalments=12)
TWENTY = Wish(Kind.PLAN, instalments=20)


def prepared(home: Path) -> None:
    """Both cards 70 days late, so that the policy's middle row speaks of them."""
    shutil.copy(POLICY, home / "policy.yaml")
    desk.customer(cards=())
    for card, principal in (("A1", 900_000), ("A2", 300_000)):
        desk.account(
            card, "C1", principal_minor=principal, interest_minor=10_001, penalty_minor=5_000, fees_minor=3_000,
            balance_total_minor=principal + 18_001, past_due_amount_minor=principal // 10, bucket=3, days_past_due=70,
        )  # fmt: skip
    for username, role in (("lin", "collector"), ("wang", "senior"), ("chen", "supervisor"), ("zhao", "supervisor")):
        Staff.objects.create(username=username, role=role)
    desk.opened_to("lin", "wang")


def proposed(wish: Wish = TWELVE, **told: Any) -> Plan:
    answer = proposing(wish, **told)
    assert isinstance(answer, Plan), answer
    return answer


def proposing(
    wish: Wish = TWELVE, *, accounts: tuple[str, ...] = ("A1", "A2"), by: str = "lin", at: datetime = MORNING, form: Form = FORM
) -> Plan | list[Fault]:
    asked = plans.bargain.ask("C1", accounts, form=form, wish=wish, at=at)
    assert isinstance(asked, plans.Bargain), asked
    assert asked.answer.granted, asked.answer.refused
    return plans.propose(
        "C1", account_ids=accounts, offer_id=asked.answer.granted.id, form=form, wish=wish, why="two children", at=at, by=by
    )


def agreed(plan: Plan, at: datetime = MORNING, by: str = "lin") -> Plan:
    answer = plans.agree(plan.plan_id, consent="written", evidence="scan 2026-11-20/7", at=at, by=by)
    assert isinstance(answer, Plan), answer
    return answer


def codes(answer: Any) -> set[str]:
    assert isinstance(answer, list), answer
    assert all(each.zh and each.en for each in answer)
    return {each.code for each in answer}


def call(at: datetime = MORNING, **told: Any) -> Contact:
    """A call that reached her, as an old system would tell it."""
    values: dict[str, Any] = {
        "contact_id": "00000000-0000-0000-0000-0000000000c1", "customer_id": "C1", "channel": "call", "direction": "inbound",
        "party": "debtor", "purpose": "collect", "actor": "bank", "automated": False, "origin": "inbound", "state": "completed",
        "line_result": "connected", "started_at": at, "recorded_at": at, "closed_at": at, "by": "lin",
    }  # fmt: skip
    return Contact.objects.create(**values | told)


def keep_recording(of: Contact) -> None:
    """The exchange has told the recording of a call, as its result does."""
    told = {"contact": str(of.contact_id), "line_result": "connected", "outcome": "conversation"}
    events.append(
        chain=of.customer_id if Case.objects.filter(pk=of.customer_id).exists() else events.HOUSE, kind="contact.completed",
        body=told | {"recording": {"file": "made-up.wav", "sha256": "0" * 64}}, at=MORNING, by="system:voice",
    )  # fmt: skip


def paid(payment_id: str, on: date, amount: int, account: str = "A1", kind: str = "payment", reverses: str = "") -> None:
    Payment.objects.create(
        payment_id=payment_id, account_id=account, posted_on=on, effective_on=on, amount_minor=amount, currency="CNY", kind=kind,
        reverses=reverses, sequence=1,
    )  # fmt: skip


def owed_total() -> int:
    return sum(each.balance_total_minor for each in Account.objects.all())
