"""What stands around every page: who reads it, the book's business date, the clock, language and theme.

Knows who may see a page and who may reveal personal data. Does not know what a page shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import wraps
from http import HTTPStatus
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language

from anhuan import clock
from anhuan.acts import viewing
from anhuan.core.vocabulary import NightStatus
from anhuan.records import access
from anhuan.records.night import Night
from anhuan.records.staff import Right, Staff
from anhuan.rulebook.statutes import RulebookError

THEMES = ("auto", "light", "dark")

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponseBase]


def page(view: View[Arguments]) -> View[Arguments]:
    """A page of the workbench: for staff who may read, and never kept by a browser or proxy.

    A page of one customer, by the `case_id` in its address, is kept as a look at her before it leaves the house (`viewed`
    says otherwise). Where the bank's own rules cannot be read, a page that asks the law says so instead.
    """

    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponseBase:
        if not access.may_see_cases(reader(request)):
            raise PermissionDenied
        try:
            response = view(request, *args, **kwargs)
        except RulebookError as wrong:
            response = _unreadable(request, wrong)
        if "case_id" in kwargs and response.status_code < HTTPStatus.MULTIPLE_CHOICES and not hasattr(request, "kept_look"):
            viewed(request, [str(kwargs["case_id"])])
        add_never_cache_headers(response)
        return response

    return cast("View[Arguments]", guarded)


def _unreadable(request: HttpRequest, wrong: RulebookError) -> HttpResponse:
    """The bank's own rules hold a mistake: the line it stands on, in the place of whatever needs the law."""
    broken = {"message_zh": wrong.zh, "message_en": wrong.en, "where": f"{Path(wrong.file).name}:{wrong.line}"}
    part = request.htmx  # type: ignore[attr-defined]
    template = "workbench/_broken.html" if part else "workbench/broken.html"
    return render(request, template, {"broken": broken}, status=200 if part else 503)


def viewed(request: HttpRequest, customers: Iterable[str], *, clear: bool = False, reason: str = "") -> None:
    """Keep that these customers were looked at on the page of this request; `page` does so by itself for a page of one."""
    match = request.resolver_match
    request.kept_look = True  # type: ignore[attr-defined]
    viewing.keep(
        customers, page=str(match.url_name if match else ""), clear=clear, reason=reason, at=clock.now(),
        by=reader(request).get_username(), session=request.session.get("sign_in"),
    )  # fmt: skip


def reader(request: HttpRequest) -> Staff:
    """The member of staff behind a request that has passed `page`, with the instant of it."""
    staff = cast("Staff", request.user)
    if staff.looks_at is None:
        staff.looks_at = clock.now()
    return staff


def may_reveal(staff: Staff) -> bool:
    """Whether personal data may be shown in full to this member of staff, given a reason."""
    return staff.may(Right.REVEAL)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context of every template: see `workbench/base.html`."""
    theme = request.COOKIES.get("theme", "auto")
    return {
        "book_date": SimpleLazyObject(business_date),
        "clock_moved_to": _moved_clock(),
        "theme": theme if theme in THEMES else "auto",
        "themes": THEMES,
        "html_language": html_language(),
        "rights": SimpleLazyObject(lambda: {right.value for right in Right if _may(request, right)}),
    }


def _may(request: HttpRequest, right: Right) -> bool:
    user = getattr(request, "user", None)
    return isinstance(user, Staff) and user.may(right)


def html_language() -> str:
    """The BCP 47 tag browsers choose the right Chinese glyphs by."""
    return "zh-CN" if (get_language() or "").startswith("zh") else "en"


def business_date() -> date | None:
    """The date the book stands at: that of the latest sealed night."""
    latest = Night.objects.filter(status=NightStatus.SEALED).order_by("-business_date").values_list("business_date")
    found = latest.first()
    return found[0] if found else None


def _moved_clock() -> datetime | None:
    return clock.now() if clock.moved_to() is not None else None
