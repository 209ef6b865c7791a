"""One's own account: the sessions one is signed in with, the second factor, the password.

Knows what somebody may change about herself; everything else about her is another's to change (`people`).
"""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from anhuan import clock
from anhuan.acts import sign_in as acts
from anhuan.acts import staff as people
from anhuan.records.sign_in import SignIn, second_factor
from anhuan.workbench import attendance
from anhuan.workbench.frame import page, reader
from anhuan.workbench.login import needs_second_factor

SHOWN = 20


@page
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    """The whole page: open sessions first, then those that ended lately."""
    staff = reader(request)
    own = SignIn.objects.filter(staff=staff)
    context = {
        "open": own.filter(ended_at=None).order_by("-seen_at"), "ended": own.exclude(ended_at=None).order_by("-ended_at")[:SHOWN],
        "here": request.session.get(attendance.SIGN_IN), "factor": second_factor(staff),
        "codes_left": staff.recovery_codes.count(), "must": needs_second_factor(staff),
        "idle_minutes": round(settings.ANHUAN_IDLE.total_seconds() / 60),
    }  # fmt: skip
    return render(request, "workbench/account.html", context)


@page
@require_POST
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    """End one of one's own sessions, or with 0 all others."""
    staff = reader(request)
    if pk == 0:
        acts.end_all(staff, at=clock.now(), by=staff.get_username(), but=request.session.get(attendance.SIGN_IN))
    elif not SignIn.objects.filter(pk=pk, staff=staff).exists():
        raise Http404
    else:
        acts.end(pk, why="", at=clock.now(), by=staff.get_username())
    return redirect("account")


@page
@require_POST
@sensitive_post_parameters("code")
def new_codes(request: HttpRequest) -> HttpResponse:
    """Fresh recovery codes, for a code of the app."""
    staff = reader(request)
    if not acts.passes(staff, request.POST.get("code", ""), at=clock.now()):
        messages.error(request, _("The code does not fit, or was used before."))
        return redirect("account")
    codes = acts.renew_codes(staff, at=clock.now(), by=staff.get_username())
    return render(request, "workbench/recovery_codes.html", {"codes": codes, "onward": "account", "inside": True})


@page
@require_POST
@sensitive_post_parameters("code")
def give_up_factor(request: HttpRequest) -> HttpResponse:
    """Do without a second factor, where that is allowed, for a code of the app."""
    staff = reader(request)
    if needs_second_factor(staff):
        raise PermissionDenied
    if not acts.passes(staff, request.POST.get("code", ""), at=clock.now()):
        messages.error(request, _("The code does not fit, or was used before."))
    else:
        acts.give_up(staff, at=clock.now(), by=staff.get_username())
    return redirect("account")


@page
@sensitive_post_parameters("old", "new", "again")
def password(request: HttpRequest) -> HttpResponse:
    """Change one's own password; every other session of hers ends."""
    staff = reader(request)
    refusal = None
    if request.method == "POST":
        refusal = _changed(request)
        if refusal is None:
            messages.success(request, _("Your password was changed. Every other session of yours has ended."))
            return redirect("dashboard")
    context = {"refusal": refusal, "temporary": staff.password_temporary}
    return render(request, "workbench/password.html", context, status=422 if refusal else 200)


def _changed(request: HttpRequest) -> dict[str, str] | None:
    staff, told = reader(request), request.POST
    if told.get("new", "") != told.get("again", ""):
        return {"message_zh": "两次输入的新密码不一致。", "message_en": "The two new passwords differ."}
    refused = people.change_password(staff, told.get("old", ""), told.get("new", ""), at=clock.now(), by=staff.get_username())
    if refused is not None:
        return {"message_zh": refused.zh, "message_en": refused.en}
    update_session_auth_hash(request, staff)
    here = request.session.get(attendance.SIGN_IN)
    if here is not None:
        acts.moved(here, key=request.session.session_key or "")
    acts.end_all(staff, at=clock.now(), by=staff.get_username(), but=here)
    return None
