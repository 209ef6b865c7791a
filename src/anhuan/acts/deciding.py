"""The acts of the second person: what was asked for beyond somebody's authority is approved or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from anhuan.acts import approval, plan, waiver
from anhuan.acts.agreeing import fault
from anhuan.acts.customer import Held, held
from anhuan.core.plan.agreement import Kind
from anhuan.records.attempt import Fault
from anhuan.records.plan import Approval, Decision, Plan

_FOLLOWS: Final[Mapping[str, Callable[..., None]]] = MappingProxyType(
    {**dict.fromkeys(map(str, (Kind.PLAN, Kind.DEFERRAL, Kind.SETTLEMENT)), plan.decided), waiver.WHAT: waiver.decided}
)


def approve(approval_id: UUID, *, reason: str = "", at: datetime, by: str) -> Approval | list[Fault]:
    """Somebody of a role the policy names, who did not ask for it, answers for it."""
    return _decide(approval_id, Decision.APPROVED, reason, at=at, by=by)


def refuse(approval_id: UUID, *, reason: str, at: datetime, by: str) -> Approval | list[Fault]:
    """Likewise, no; whoever asked is told why."""
    if not reason.strip():
        return [fault("reason", "reason_missing")]
    return _decide(approval_id, Decision.REFUSED, reason, at=at, by=by)


def _decide(approval_id: UUID, decision: Decision, reason: str, *, at: datetime, by: str) -> Approval | list[Fault]:
    known = Approval.objects.filter(pk=approval_id).only("customer_id").first()
    if known is None:
        return [fault("approval", "approval_unknown")]
    with held(known.customer_id, at=at, by=by) as customer:
        asked = Approval.objects.get(pk=approval_id)
        if asked.decision:
            return [fault("approval", "approval_unknown")]
        faults = [*approval.against(asked, by), *_too_late(asked, decision, customer)]
        if faults:
            return faults
        asked.decision, asked.decided_at, asked.decided_by, asked.reason = decision, customer.at, by, reason.strip()[:500]
        asked.save()
        follow = _FOLLOWS[asked.what]
        follow(asked.subject_id, approved=decision is Decision.APPROVED, customer=customer, reason=asked.reason)
    return asked


def _too_late(asked: Approval, decision: Decision, customer: Held) -> Iterator[Fault]:
    """An offer that no longer stands is refused, so that it can be made anew, and never approved."""
    offered = Plan.objects.filter(pk=asked.subject_id).first() if decision is Decision.APPROVED else None
    if offered is not None and offered.valid_until < plan.day(customer.at):
        yield fault("plan", "lapsed", day=offered.valid_until)
