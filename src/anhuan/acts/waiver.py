"""The acts on waivers that stand alone: interest, penalty or fees of an account are let go of, without an agreement.

Knows who may let go of how much by the bank's policy, and that beyond one's authority a second person decides. What an agreement lets
go of is the agreement's (`acts.plan`). The bank's own books learn of a waiver by the nightly extract.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from anhuan.acts import approval, bargain, policy
from anhuan.acts.agreeing import fault, out_of_turn
from anhuan.acts.customer import Held, held
from anhuan.core.plan.parts import Part
from anhuan.core.plan.policy import PolicyRow
from anhuan.core.vocabulary import Bucket
from anhuan.records.account import Account
from anhuan.records.attempt import Fault
from anhuan.records.plan import Waiver, WaiverState
from anhuan.records.staff import Right, Staff

WHAT: Final = "waiver"
PARTS: Final = (Part.INTEREST, Part.PENALTY, Part.FEES)
_STANDING = (WaiverState.PROPOSED, WaiverState.CONDITIONAL, WaiverState.GRANTED)

Answer = Waiver | list[Fault]


def propose(
    customer_id: str, *, account_id: str, component: str, amount_minor: int, reason: str, at: datetime, by: str
) -> Answer:
    """So much of one component of an account is to be let go of. It holds at once where the proposer may grant it alone.

    What was let go of before and is not yet in the bank's figures counts: together they come to no more than a role may grant.
    """
    with held(customer_id, at=at, by=by) as customer:
        account = Account.objects.filter(pk=account_id, customer_id=customer_id).first()
        staff = Staff.objects.filter(username=by, is_active=True).first()
        if account is None:
            return [fault("account_id", "account_unknown")]
        if staff is None or not staff.may(Right.WORK):
            return [fault("by", "may_not")]
        if component not in PARTS:
            return [fault("component", "component_unfit")]
        if not reason.strip():
            return [fault("reason", "reason_missing")]
        owed, before = bargain.parts_of(account)[Part(component)], _before(account, component)
        if not 0 < amount_minor <= owed - before:
            return [fault("amount_minor", "waiver_beyond")]
        on = timezone.localtime(customer.at).date()
        rules = policy.in_force(on)
        row = rules.row(policy.product(account), Bucket(account.bucket), policy.grade(account), on)
        roles = _roles(row, Part(component), owed, before + amount_minor)
        alone, second = staff.role in roles, approval.deciders(roles)
        if not alone and not second:
            return [fault("amount_minor", "nobody_grants")]
        waiver = Waiver.objects.create(
            waiver_id=uuid4(), customer_id=customer_id, account_id=account_id, currency=account.currency, component=component,
            amount_minor=amount_minor, reason=reason.strip()[:200], state=WaiverState.GRANTED if alone else WaiverState.PROPOSED,
            plan=None, policy=rules.fingerprint, authority=staff.role if alone else second[0], proposed_at=customer.at,
            proposed_by=by, granted_at=customer.at if alone else None, updated_at=customer.at,
        )  # fmt: skip
        if not alone:
            told = {**_told(waiver), "roles": second, "role": staff.role, "owed_minor": owed, "rule": row.id if row else ""}
            approval.want(customer, WHAT, waiver.waiver_id, told=told, why=reason)
        customer.remember("waiver.granted" if alone else "waiver.proposed", _told(waiver))
    return waiver


def _before(account: Account, component: str) -> int:
    """What is let go of already, or may be, since the figures of the last night."""
    standing = Waiver.objects.filter(account_id=account.account_id, component=component, state__in=_STANDING)
    told: int | None = standing.filter(plan=None, proposed_at__date__gte=account.as_of).aggregate(sum=Sum("amount_minor"))[
        "sum"
    ]
    return told or 0


def _roles(row: PolicyRow | None, part: Part, owed_minor: int, amount_minor: int) -> list[str]:
    if row is None:
        return []
    return [each.role for each in row.authorities if part in each.waive and amount_minor <= int(owed_minor * each.waive[part])]


def withdraw(waiver_id: UUID, *, why: str, at: datetime, by: str) -> Answer:
    """A waiver that stands alone no longer holds, or is no longer asked for."""
    known = Waiver.objects.filter(pk=waiver_id, plan=None).only("customer_id").first()
    if known is None:
        return [fault("waiver", "waiver_over")]
    with transaction.atomic(), held(known.customer_id, at=at, by=by) as customer:
        waiver = Waiver.objects.get(pk=waiver_id)
        staff = Staff.objects.filter(username=by, is_active=True).first()
        if staff is None or not staff.may(Right.GRANT if waiver.state == WaiverState.GRANTED else Right.WORK):
            return [fault("by", "may_not")]
        if waiver.state not in _STANDING:
            return [out_of_turn(waiver.state)]
        approval.withdraw(waiver_id, customer, why=why)
        _set(waiver, WaiverState.VOID, customer)
        customer.remember("waiver.withdrawn", _told(waiver) | {"why": why})
    return waiver


def decided(waiver_id: UUID, *, approved: bool, customer: Held, reason: str) -> None:
    """A second person has approved or refused it; called by `acts.deciding`, in its transaction."""
    waiver = Waiver.objects.get(pk=waiver_id)
    _set(waiver, WaiverState.GRANTED if approved else WaiverState.REFUSED, customer)
    kind = "waiver.granted" if approved else "waiver.refused"
    customer.remember(kind, _told(waiver) | {"proposed_by": waiver.proposed_by, "reason": reason})


def _set(waiver: Waiver, state: WaiverState, customer: Held) -> None:
    waiver.state, waiver.updated_at = state, customer.at
    if state is WaiverState.GRANTED:
        waiver.granted_at = customer.at
    else:
        waiver.ended_at = customer.at
    waiver.save()


def _told(waiver: Waiver) -> dict[str, object]:
    return {
        "waiver": str(waiver.waiver_id), "account": waiver.account_id, "component": waiver.component,
        "amount_minor": waiver.amount_minor, "currency": waiver.currency,
    }  # fmt: skip
