"""Whether somebody who signed in is still there, and may go on.

Knows the idle time and the greatest age of a session, what must be done before anything else, and where a request comes from.
Costs no query of its own but once a minute, when the sign-in's last sign of life is kept. Does not know how somebody signs in
(`login`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from anhuan import clock
from anhuan.acts import sign_in as acts
from anhuan.records.staff import Staff

# Kept with the session. The last one is a page that is to be seen before any other.
SIGN_IN: Final = "sign_in"
SEEN: Final = "seen"
BEGUN: Final = "begun"

# How stale the kept sign of life may be: every request of a page that asks each second would write else.
_TOUCHED = timedelta(minutes=1)

# What somebody may open whose password must be changed first.
_BEFORE_ALL = ("password_change", "logout", "set_language")


class Attendance:
    """Ends a session that was idle or lasted too long, that was ended elsewhere, and leads to what must come first."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        staff = request.user
        if not isinstance(staff, Staff):
            return self.get_response(request)
        if why := self._over(request):
            return _to_the_door(request, why)
        if staff.password_temporary and request.path not in {reverse(name) for name in _BEFORE_ALL}:
            return _elsewhere(request, reverse("password_change"))
        return self.get_response(request)

    def _over(self, request: HttpRequest) -> str | None:
        """Why this session ends now, a word of `acts.sign_in.ENDS`; None: it goes on."""
        now = clock.now()
        begun, seen = (_instant(request.session.get(name)) for name in (BEGUN, SEEN))
        if begun is None or seen is None:
            # A session no sign-in of ours began: one from before there were second factors, which production does not take.
            return "unknown" if settings.ANHUAN_PRODUCTION else None
        if now - seen > settings.ANHUAN_IDLE:
            return "idle"
        if now - begun > settings.ANHUAN_SESSION:
            return "age"
        if abs(now - seen) < _TOUCHED or request.headers.get("X-Unattended"):
            return None
        request.session[SEEN] = now.isoformat()
        return self._touched(request, now)

    def _touched(self, request: HttpRequest, now: datetime) -> str | None:
        touched = acts.touch(request.session.get(SIGN_IN, 0), at=now)
        if touched is None:
            return "ended"
        for other in touched:
            said = _("You signed in elsewhere: %(when)s, from %(address)s. If it was not you, end that session and say so.")
            when = timezone.localtime(other.begun_at).strftime("%Y-%m-%d %H:%M")
            messages.warning(request, said % {"when": when, "address": other.address})
        return None


def _to_the_door(request: HttpRequest, why: str) -> HttpResponse:
    """Sign out, and ask to sign in again; a part of a page is answered so that the whole page goes."""
    acts.end(request.session.get(SIGN_IN, 0), why=why, at=clock.now(), by=str(request.user.get_username()))
    logout(request)
    messages.info(request, {
        "idle": _("You were signed out because nothing was done for a while."),
        "age": _("You were signed out because the session had lasted long enough. Please sign in again."),
    }.get(why, _("This session was ended. Please sign in again.")))  # fmt: skip
    if request.headers.get("HX-Request"):
        return _elsewhere(request, resolve_url(settings.LOGIN_URL))
    wanted = request.get_full_path() if request.method == "GET" else "/"
    return redirect_to_login(wanted, resolve_url(settings.LOGIN_URL))


def _elsewhere(request: HttpRequest, address: str) -> HttpResponse:
    """Lead to another page; what asks for a part of one is told to move as a whole."""
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return redirect(address)


def begin(request: HttpRequest, staff: Staff) -> None:
    """Keep with the session, and with the records, that `staff` has signed in."""
    now = clock.now()
    key = request.session.session_key or ""
    made = acts.begin(staff, key=key, address=address_of(request), agent=request.headers.get("User-Agent", ""), at=now)
    request.session[SIGN_IN] = made.pk
    request.session[BEGUN] = request.session[SEEN] = now.isoformat()


def address_of(request: HttpRequest) -> str:
    """The address a request comes from: the peer's own, or what the proxy on this machine says of its peer.

    Nobody but a program of this machine speaks from its loopback, so nobody else is believed about an address.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    told = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2].strip()
    try:
        return str(ip_address(told)) if told and ip_address(peer).is_loopback else peer
    except ValueError:
        return peer


def _instant(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
