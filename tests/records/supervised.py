"""Calls that two collectors led on a day, put straight into the records, for what a supervisor sees of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from tests.records import desk
from tests.records.desk import MORNING

from anhuan.records.call import Call
from anhuan.records.contact import Contact
from anhuan.records.promise import Promise
from anhuan.records.staff import Staff, Team

YESTERDAY = MORNING - timedelta(days=1)


def people() -> dict[str, Staff]:
    """A team with two collectors, one collector without a team, and two supervisors."""
    team = Team.objects.create(name="one", queues=["desk"])
    made = {name: Staff.objects.create(username=name, role="collector", team=team, date_joined=MORNING - timedelta(days=400))
            for name in ("wang", "chen")}  # fmt: skip
    made["alone"] = Staff.objects.create(username="alone", role="collector", date_joined=MORNING - timedelta(days=400))
    return made | {name: Staff.objects.create(username=name, role="supervisor") for name in ("boss", "second")}


def customers(number: int = 3) -> list[str]:
    for n in range(number):
        desk.customer(f"C{n}", cards=(f"A{n}",))
    return [f"C{n}" for n in range(number)]


def call(customer_id: str, by: str, at: datetime = YESTERDAY, *, minutes: int = 3, **told: Any) -> Call:
    """A call that is over, with its contact; with the customer herself unless another is told."""
    contact_id = contact(customer_id, by, at)
    values = {"way": "by_hand", "action_code": "TM", "party": "debtor", "opened_at": at, "closed_at": at + timedelta(minutes=minutes),
              "line_code": "OK", "party_code": "RPC", "result_code": "PTP", "verified_at": at, "ticked": ["recorded"], "by": by}  # fmt: skip
    return Call.objects.create(call_id=uuid4(), customer_id=customer_id, contact_id=contact_id, **values | told)


def contact(customer_id: str, by: str, at: datetime = YESTERDAY, **told: Any) -> UUID:
    values = {"channel": "call", "direction": "outbound", "party": "debtor", "purpose": "collect", "actor": "bank", "automated": False,
              "origin": "imported", "state": "completed", "line_result": "connected", "outcome": "conversation", "started_at": at,
              "recorded_at": at, "closed_at": at, "by": by}  # fmt: skip
    return Contact.objects.create(contact_id=uuid4(), customer_id=customer_id, **values | told).pk


def promise(customer_id: str, by: str, at: datetime = MORNING, **told: Any) -> Promise:
    values = {
        "amount_minor": 10_000,
        "currency": "CNY",
        "due_on": "2026-11-25",
        "state": "open",
        "at": at,
        "recorded_at": at,
        "by": by,
    }
    return Promise.objects.create(promise_id=uuid4(), customer_id=customer_id, **values | told)
