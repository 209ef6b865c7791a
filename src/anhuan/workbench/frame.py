"""What stands around every page: who reads it, the book's business date, the clock, language and theme.

Knows who may see a page and who may reveal personal data. Does not know what a page shows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import wraps
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

    Where the bank's own rules cannot be read, a page that asks the law says so instead.
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
        add_never_cache_headers(response)
        return response

    return cast("View[Arguments]", guarded)


def _unreadable(request: HttpRequest, wrong: RulebookError) -> HttpResponse:
    """The bank's own rules hold a mistake: the line it stands on, in the place of whatever needs the law."""
    broken = {"message_zh": wrong.zh, "message_en": wrong.en, "where": f"{Path(wrong.file).name}:{wrong.line}"}
    part = request.htmx  # type: ignore[attr-defined]
    template = "workbench/_broken.html" if part else "workbench/broken.html"
    return render(request, template, {"broken": broken}, status=200 if part else 503)


def reader(request: HttpRequest) -> Staff:
    """The member of staff behind a request that has passed `page`."""
    return cast("Staff", request.user)


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
    }


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
