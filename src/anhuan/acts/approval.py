"""Asking a second person: what waits for her, and who she may be.

Knows that nobody decides what she asked for herself, and that the policy names the roles which may. Does not know what follows from a
decision: `acts.deciding` carries it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from anhuan.acts.agreeing import fault
from anhuan.acts.customer import Held
from anhuan.records.attempt import Fault
from anhuan.records.plan import Approval, Decision
from anhuan.records.staff import Right, Staff, roles_that_may


def deciders(roles: Sequence[str]) -> list[str]:
    """Those of the roles a policy names, in its order, whose people may be the second at all."""
    return [role for role in roles if role in roles_that_may(Right.GRANT)]


def want(customer: Held, what: str, subject_id: UUID, *, told: Mapping[str, Any], why: str) -> Approval:
    """Ask for approval of something just written, in the transaction that wrote it. `told["roles"]` are those that may decide."""
    return Approval.objects.create(
        approval_id=uuid4(), what=what, subject_id=subject_id, customer_id=customer.customer_id, authority=told["roles"][0],
        told=dict(told), wanted_at=customer.at, wanted_by=customer.by, wanted_why=why[:500],
    )  # fmt: skip


def withdraw(subject_id: UUID, customer: Held, *, why: str) -> None:
    """What was asked need not be decided any more."""
    Approval.objects.filter(subject_id=subject_id, decision="").update(
        decision=Decision.WITHDRAWN, decided_at=customer.at, decided_by=customer.by, reason=why[:500]
    )


def against(asked: Approval, by: str) -> Iterator[Fault]:
    """What keeps somebody from deciding it."""
    staff = Staff.objects.filter(username=by, is_active=True).first()
    if staff is None:
        yield fault("by", "not_a_person", by=by)
    elif by == asked.wanted_by:
        yield fault("by", "same_person", by=by)
    elif not staff.may(Right.GRANT):
        yield fault("by", "may_not")
    elif staff.role not in asked.told["roles"]:
        yield fault("by", "authority_short", authority=", ".join(asked.told["roles"]))
