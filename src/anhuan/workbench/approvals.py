"""The approvals inbox: what waits for a second person, beside what the policy lets each role grant; approved or refused with a reason.

Knows how an offer is laid beside the policy's limits. Who may decide what is said by the acts (`acts.approval`), and nobody decides what
she asked for herself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from anhuan import clock
from anhuan.acts import approval as asking
from anhuan.acts import deciding, policy
from anhuan.core.plan.parts import Part
from anhuan.core.plan.policy import Authority, PolicyRow
from anhuan.records import access
from anhuan.records.plan import Approval, Plan
from anhuan.records.staff import Right, Staff
from anhuan.workbench.agreements import seen
from anhuan.workbench.frame import page, reader

PAGE = 50


@dataclass(frozen=True)
class Limit:
    """One thing that is asked for, beside what each of the two roles may grant; `table` names its words, `beyond` that it is too much."""

    name: str
    asked: str
    theirs: str
    yours: str
    beyond: bool


@dataclass(frozen=True)
class Waiting:
    """An approval that waits: what is asked, against what limits, what keeps the reader from deciding, and since when it came too late."""

    approval: Approval
    limits: list[Limit]
    row: PolicyRow | None
    against: list[dict[str, str]]
    lapsed: date | None


@page
@require_GET
def approvals(request: HttpRequest) -> HttpResponse:
    """What waits, oldest first, and what was decided last."""
    if not reader(request).may(Right.GRANT):
        raise PermissionDenied
    staff, today = reader(request), timezone.localtime(clock.now()).date()
    waiting = seen(request, Approval.objects.filter(decision="").order_by("wanted_at")[:PAGE])
    decided = seen(request, Approval.objects.exclude(decision="").order_by("-decided_at")[:20])
    stand = dict(Plan.objects.filter(pk__in=[each.subject_id for each in waiting]).values_list("pk", "valid_until"))
    context = {"waiting": [_waiting(each, staff, stand.get(each.subject_id), today) for each in waiting], "decided": decided}
    return render(request, "workbench/approvals.html", context)


def _waiting(asked: Approval, staff: Staff, stands_until: date | None, today: date) -> Waiting:
    row = next((each for each in policy.in_force(today).rows if each.id == asked.told.get("rule")), None)
    limits = list(_limits(asked.told, row, staff.role)) if row else []
    lapsed = stands_until if stands_until and stands_until < today else None
    return Waiting(asked, limits, row, [each.document() for each in asking.against(asked, staff.get_username())], lapsed)


def _limits(told: dict[str, Any], row: PolicyRow, role: str) -> Iterator[Limit]:
    by_role = {each.role: each for each in row.authorities}
    theirs, yours = by_role.get(told["role"], Authority(told["role"])), by_role.get(role, Authority(role))
    if told.get("kind") == "plan":
        count = told["instalments"]
        yield Limit("instalments", str(count), str(theirs.instalments), str(yours.instalments), count > theirs.instalments)
    waived = told.get("waived") or {told.get("component", ""): told.get("amount_minor", 0)}
    whole = told.get("parts") or {told.get("component", ""): told.get("owed_minor", 0)}
    for part in Part:
        minor, owed = waived.get(part.value, 0), whole.get(part.value, 0)
        if minor:
            share, may = (Fraction(minor, owed) if owed else Fraction(0)), theirs.waive.get(part, Fraction(0))
            yield Limit(part.value, _percent(share), _percent(may), _percent(yours.waive.get(part, Fraction(0))), share > may)
    if told.get("kind") == "settlement":
        paid = Fraction(told["total_minor"], told["owed_minor"]) if told["owed_minor"] else Fraction(0)
        own = theirs.settle_from
        yield Limit("settlement", _percent(paid), _percent(own), _percent(yours.settle_from), own is None or paid < own)


def _percent(share: Fraction | None) -> str:
    """Rounded down to a tenth of a per cent; a dash where nothing may be granted."""
    if share is None:
        return "–"
    tenths = int(share * 1000)
    return f"{tenths // 10}.{tenths % 10} %"


@page
@require_POST
def decide(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """Approve or refuse one, signed by the reader; what is against it is told on the page."""
    if not reader(request).may(Right.GRANT):
        raise PermissionDenied
    asked = Approval.objects.filter(pk=approval_id).first()
    if asked is None or not access.may_see_case(reader(request), asked.customer_id):
        raise Http404
    act = {"approve": deciding.approve, "refuse": deciding.refuse}.get(request.POST.get("step", ""))
    if act is None:
        raise Http404
    answer = act(approval_id, reason=request.POST.get("reason", "")[:500], at=clock.now(), by=reader(request).get_username())
    if isinstance(answer, list):
        for fault in answer:
            messages.warning(request, fault.zh if (get_language() or "").startswith("zh") else fault.en)
    else:
        messages.success(request, _("Decided; whoever asked sees it on the case."))
    return redirect("approvals")
