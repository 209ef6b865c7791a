"""What the forms about promises and plans hold, read field by field; whatever cannot be read is told, never guessed.

Knows how an amount, a day and a choice are written in a form. Does not know what may be agreed: the acts do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest, QueryDict

from anhuan.acts.agreeing import fault
from anhuan.core.days import add_months
from anhuan.core.money import parse_minor
from anhuan.core.plan.agreement import Kind
from anhuan.core.plan.negotiation import Expense, Form, Wish
from anhuan.core.plan.parts import Part, Parts
from anhuan.core.plan.schedule import Method
from anhuan.records.account import Account
from anhuan.records.attempt import Fault

PAYDAY = 10
"""The day of the month on which wages are paid, where a form asks for the next one."""


def payday(today: date) -> date:
    """The next day of the month on which wages are paid, today included."""
    this = today.replace(day=PAYDAY)
    return this if today <= this else add_months(this, 1)


AMOUNTS: Mapping[str, Callable[[Account], int]] = {
    "minimum": lambda account: account.minimum_due_minor or account.past_due_amount_minor,
    "past_due": lambda account: account.past_due_amount_minor,
    "full": lambda account: account.balance_total_minor,
}
DAYS: Mapping[str, Callable[[date], date]] = {
    "today": lambda today: today,
    "tomorrow": lambda today: today + timedelta(days=1),
    "three": lambda today: today + timedelta(days=3),
    "payday": payday,
}


@dataclass
class Reading:
    """A form under way: what was read of it, and what could not be."""

    told: QueryDict
    faults: list[Fault] = field(default_factory=list)

    @classmethod
    def of(cls, request: HttpRequest) -> Reading:
        return cls(request.POST)

    def text(self, name: str, most: int = 200) -> str:
        return self.told.get(name, "").strip()[:most]

    def minor(self, name: str, currency: str) -> int | None:
        """An amount in minor units; None where nothing is written."""
        written = self.text(name, 30).replace(",", "").replace("，", "")
        if not written:
            return None
        try:
            return parse_minor(written, currency)
        except ValueError:
            self.faults.append(fault(name, "amount_unreadable"))
            return None

    def amount(self, name: str, currency: str) -> int:
        """Likewise, nought where nothing is written."""
        return self.minor(name, currency) or 0

    def number(self, name: str) -> int | None:
        written = self.text(name, 4)
        return int(written) if written.isascii() and written.isdigit() else None

    def day(self, name: str) -> date | None:
        written = self.text(name, 10)
        if not written:
            return None
        try:
            return date.fromisoformat(written)
        except ValueError:
            self.faults.append(fault(name, "day_unreadable"))
            return None

    def uuid(self, name: str) -> UUID | None:
        with suppress(ValueError):
            return UUID(self.text(name, 40))
        return None

    def id(self, name: str) -> UUID:
        """Likewise; one that is nobody's where none is written."""
        return self.uuid(name) or UUID(int=0)


def promised(form: Reading, account: Account, today: date) -> dict[str, Any]:
    """The amount and day of a promise, by their presets or as written."""
    amount_of, day_of = AMOUNTS.get(form.text("amount")), DAYS.get(form.text("day"))
    written, due = form.minor("other_amount", account.currency), form.day("other_day")
    amount = written if written is not None else amount_of(account) if amount_of else None
    due_on = due or (day_of(today) if day_of else None)
    if amount is None and not form.faults:
        form.faults.append(fault("amount", "amount_unreadable"))
    if due_on is None and not form.faults:
        form.faults.append(fault("day", "day_unreadable"))
    return {"amount_minor": amount or 0, "due_on": due_on or today}


def affordability(form: Reading, currency: str) -> Form | None:
    """What the household takes in and must spend in a month; None where no income is written."""
    if not form.text("income"):
        return None
    return Form(
        currency,
        form.amount("income", currency),
        {each: minor for each in Expense if (minor := form.amount(f"expense_{each}", currency))},
        other_debts_minor=form.amount("other_debts", currency),
        household=max(1, form.number("household") or 1),
        at_hand_minor=form.amount("at_hand", currency),
    )


def wish(form: Reading, currency: str) -> Wish | None:
    """What the customer asks for; None where no kind is chosen."""
    kind = form.text("wish")
    if kind not in {each.value for each in Kind}:
        return None
    waived = {part: form.amount(f"waive_{part}", currency) for part in (Part.INTEREST, Part.FEES, Part.PENALTY)}
    method = form.text("method")
    return Wish(
        Kind(kind),
        instalments=form.number("instalments"),
        method=Method(method) if method in {each.value for each in Method} and method != Method.CUSTOM else None,
        first_due=form.day("first_due"),
        monthly_minor=form.minor("monthly", currency),
        waived=Parts.of(waived),
        pay_minor=form.minor("pay", currency),
    )
