"""The door: user and password, the second factor, and setting one up before it is opened; and the language of the pages.

Knows who must have a second factor, and that nobody is signed in before all of it is done: until then the session holds whose
password fitted, for ten minutes. Guessing is counted and locked out by django-axes, wrong codes like wrong passwords. Does not
know roles; those are asked by `frame.page`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import segno
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import auth
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.signals import user_login_failed
from django.contrib.auth.views import LoginView
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from anhuan import clock
from anhuan.acts import sign_in as acts
from anhuan.records.sign_in import SecondFactor, second_factor
from anhuan.records.staff import Right, Staff
from anhuan.workbench import attendance

PENDING: Final = "pending"
_PENDING_FOR = timedelta(minutes=10)
_BACKEND: Final = "django.contrib.auth.backends.ModelBackend"


class Login(LoginView):
    """The sign-in page; it greets a member of staff in the language she is kept with, unless she chose one."""

    template_name = "workbench/login.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        staff = form.get_user()
        assert isinstance(staff, Staff)  # noqa: S101  our own user model
        onward = self.get_redirect_url() or reverse(_landing(staff))
        known = second_factor(staff) is not None
        if known or needs_second_factor(staff):
            self.request.session.cycle_key()
            self.request.session[PENDING] = {"staff": staff.pk, "at": clock.now().isoformat(), "next": onward}
            response: HttpResponse = redirect("second_factor" if known else "second_factor_setup")
        else:
            response = _let_in(self.request, staff, onward)
        if settings.LANGUAGE_COOKIE_NAME not in self.request.COOKIES:
            remember_language(response, staff.language)
        return response


def needs_second_factor(staff: Staff) -> bool:
    """Whether somebody may not be without: she may see personal data in clear, and the house asks for it."""
    return bool(settings.ANHUAN_SECOND_FACTOR) and staff.may(Right.REVEAL)


@login_not_required
@never_cache
@sensitive_post_parameters("code")
def ask(request: HttpRequest) -> HttpResponse:
    """The second page of the door: a code of the app, or a recovery code."""
    staff, onward = _pending(request)
    if staff is None or second_factor(staff) is None:
        return redirect("login")
    wrong = request.method == "POST"
    if wrong and AxesProxyHandler.is_allowed(request, {"username": staff.get_username()}):
        if acts.passes(staff, request.POST.get("code", ""), at=clock.now()):
            return _let_in(request, staff, onward)
        user_login_failed.send(sender=__name__, credentials={"username": staff.get_username()}, request=request)
    elif wrong:
        request.session.pop(PENDING)
        return locked_out(request, None, {"username": staff.get_username()})
    return render(request, "workbench/second_factor.html", {"wrong": wrong}, status=422 if wrong else 200)


@login_not_required
@never_cache
@sensitive_post_parameters("code")
def set_up(request: HttpRequest) -> HttpResponse:
    """Draw a second factor and confirm it by its first code: at the door where it must be, else from one's own account.

    Who has one already shows it once more: an unattended session is not enough to replace it.
    """
    inside = isinstance(request.user, Staff)
    staff, onward = (request.user, "account") if isinstance(request.user, Staff) else _pending(request)
    if staff is None or (not inside and second_factor(staff) is not None):
        return redirect("login")  # who has one is asked for it, not offered another
    refusal = None
    held = inside and second_factor(staff) is not None
    if request.method == "POST" and held and not acts.passes(staff, request.POST.get("old", ""), at=clock.now()):
        refusal = {"message_zh": "现用验证码不对。", "message_en": "The present code does not fit."}
    elif request.method == "POST":
        answer = acts.confirm(staff, request.POST.get("code", ""), at=clock.now(), by=staff.get_username())
        if isinstance(answer, list):
            if not inside:
                _let_in(request, staff, onward)
            return render(request, "workbench/recovery_codes.html", {"codes": answer, "onward": onward})
        refusal = {"message_zh": answer.zh, "message_en": answer.en}
    drawn = acts.draw(staff, at=clock.now())
    context = {"drawn": drawn, "code_image": code_image(staff, drawn), "refusal": refusal, "inside": inside, "held": held}
    return render(request, "workbench/second_factor_setup.html", context, status=422 if refusal else 200)


def code_image(staff: Staff, factor: SecondFactor) -> str:
    """The address an app reads a second factor from, as a QR code in a data address."""
    issuer, label = quote("Anhuan"), quote(f"Anhuan:{staff.get_username()}")
    address = f"otpauth://totp/{label}?secret={factor.base32().replace(' ', '')}&issuer={issuer}"
    return str(segno.make(address, error="m").svg_data_uri(scale=5, border=3, dark="#000", light="#fff"))


def _landing(staff: Staff) -> str:
    """The page somebody's day begins on: who leads, the wall; who works cases, the worklist; the others, the dashboard."""
    pages = ((Right.SUPERVISE, "wall"), (Right.WORK, "worklist"))
    return next((page for right, page in pages if staff.may(right)), "dashboard")


def _pending(request: HttpRequest) -> tuple[Staff | None, str]:
    """Whose password fitted in this session a moment ago, and where she wanted to go."""
    told: dict[str, Any] = request.session.get(PENDING) or {}
    if not told or clock.now() - datetime.fromisoformat(told["at"]) > _PENDING_FOR:
        return None, "/"
    return Staff.objects.filter(pk=told["staff"], is_active=True).first(), told["next"]


def _let_in(request: HttpRequest, staff: Staff, onward: str) -> HttpResponse:
    request.session.pop(PENDING, None)
    auth.login(request, staff, backend=_BACKEND)
    attendance.begin(request, staff)
    return redirect(onward)


def locked_out(request: HttpRequest, _response: HttpResponse | None, credentials: dict[str, Any] | None) -> HttpResponse:
    """The sign-in page that says until when nobody is let in under this name from this address."""
    name = (credentials or {}).get("username") or request.POST.get("username", "")
    tries = AccessAttempt.objects.filter(username=name, ip_address=attendance.address_of(request))
    last = tries.aggregate(last=Max("attempt_time"))["last"]
    asked: datetime = request.axes_attempt_time  # type: ignore[attr-defined]
    left = (last or asked) + settings.AXES_COOLOFF_TIME - asked
    context = {"locked_until": clock.now() + left, "form": AuthenticationForm(request, initial={"username": name}), "next": ""}
    return render(request, "workbench/login.html", context, status=429)


def remember_lock_out(request: HttpRequest, username: str | None, **_told: Any) -> None:
    """Leave an event when somebody is locked out; knocking on while it lasts leaves no more."""
    if getattr(request, "axes_failures_since_start", None):
        acts.locked_out(username or "", at=clock.now())


def remember_language(response: HttpResponse, language: str) -> None:
    """Keep the language of the pages in the cookie Django reads it from."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )
