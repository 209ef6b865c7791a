"""What stands on a case, and the forms by which people stop collection by hand and let it go on.

Knows who may: whoever works a case stops, whoever decides lifts what another placed. Which kinds there are is `acts.stopping`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from anhuan import clock
from anhuan.acts import stopping
from anhuan.acts.dispute import CAME_BY
from anhuan.acts.stopping import Stopped, Words
from anhuan.records import access
from anhuan.records.hold import Hold
from anhuan.records.note import KeptFor
from anhuan.records.plan import Plan, PlanState
from anhuan.records.promise import Promise
from anhuan.records.staff import Right
from anhuan.workbench.frame import page, reader


def stands(hold: Hold, at: datetime) -> bool:
    """Whether a hold is in force at an instant."""
    return hold.begins <= at and (hold.ends is None or at < hold.ends)


def standing(request: HttpRequest, case_id: str, now: datetime) -> dict[str, Any]:
    """Promises, plans and holds as chips: what is open first, each with its state; and what may be done to a hold by hand."""
    holds = Hold.objects.filter(customer_id=case_id).order_by("-begins")[:20]
    staff = reader(request)
    return {
        "promises": list(Promise.objects.filter(customer_id=case_id).order_by("-at")[:5]),
        "plans": [each for each in Plan.objects.filter(customer_id=case_id).order_by("-proposed_at")[:5] if each.state in set(PlanState)],
        "holds": sorted(((hold, stands(hold, now)) for hold in holds), key=lambda each: not each[1]),
        "may_stop": staff.may(Right.WORK), "may_lift": staff.may(Right.DECIDE), "me": staff.get_username(),
        "lifted_by_hand": {kind.value for kind in stopping.LIFTED}, "by_hand": [kind.value for kind in stopping.BY_HAND],
        "came_by": CAME_BY, "kept_for": [each.value for each in KeptFor],
    }  # fmt: skip


@page
@require_POST
@sensitive_post_parameters("words")
def act(request: HttpRequest, case_id: str) -> HttpResponse:
    """Stop collection, take a complaint, or lift a hold: what then stands, or what is against it."""
    step = request.POST.get("step", "")
    if not reader(request).may(Right.DECIDE if step == "lift" else Right.WORK):
        raise PermissionDenied
    if not access.may_see_case(reader(request), case_id):
        raise Http404
    now, by = clock.now(), reader(request).get_username()
    kept_for = request.POST.get("kept_for", "")
    words = Words(request.POST.get("words", ""), KeptFor(kept_for) if kept_for in set(KeptFor) else None)
    answer: Stopped | list[Any]
    if step == "stop":
        until, review_on = (_day(request, name) for name in ("until", "review_on"))
        answer = stopping.stop(case_id, request.POST.get("kind", ""), words, until=until, review_on=review_on, at=now, by=by)
    elif step == "complaint":
        answer = stopping.complain(case_id, words, came_by=request.POST.get("came_by", ""), at=now, by=by)
    elif step == "lift":
        answer = stopping.lift(_hold(request, case_id), words, at=now, by=by)
    else:
        raise Http404
    faults = answer if isinstance(answer, list) else []
    context = standing(request, case_id, now) | {"case_id": case_id, "faults": faults, "step": step, "told": request.POST}
    if isinstance(answer, Stopped):
        context["unset"] = answer.unset
    return render(request, "workbench/_holds.html", context, status=422 if faults else 200)


def _day(request: HttpRequest, name: str) -> date | None:
    try:
        return date.fromisoformat(request.POST.get(name, ""))
    except ValueError:
        return None


def _hold(request: HttpRequest, case_id: str) -> UUID:
    try:
        hold_id = UUID(request.POST.get("hold", ""))
    except ValueError as wrong:
        raise Http404 from wrong
    if not Hold.objects.filter(pk=hold_id, customer_id=case_id).exists():
        raise Http404
    return hold_id
