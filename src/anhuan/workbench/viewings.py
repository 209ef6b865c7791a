"""Who looked at whom: the looks at customers, for compliance and audit, as a page and as a file; and on the case.

Knows how looks are narrowed. What is kept of one is `records.viewing`; none of it is a person's data.
"""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from anhuan import clock
from anhuan.records import access
from anhuan.records.staff import Right
from anhuan.records.viewing import Asked, in_batches
from anhuan.records.viewing import viewings as found
from anhuan.workbench.compliance import EXPORTED, Period, csv_response, today
from anhuan.workbench.frame import page, reader

SHOWN = 100
ON_CASE = 30
# What a case page asks for by itself, right after it was opened.
PARTS = (
    "gate", "messages", "viewings_of", "timeline", "case_events", "work_card", "plan_card", "payment_card", "matter_card",
)  # fmt: skip


def _asked(request: HttpRequest, period: Period) -> Asked:
    told = {name: request.GET.get(name, "").strip()[:150] for name in ("by", "customer_id", "page")}
    since, until = period.instants
    leave_out = PARTS if request.GET.get("whole") == "1" else ()
    return Asked(since=since, until=until, clear=request.GET.get("clear") == "1", leave_out=leave_out, **told)


@page
@require_GET
def viewings(request: HttpRequest) -> HttpResponse:
    """The whole page, newest first; `?before=` goes on where the page before ended."""
    if not reader(request).may(Right.WATCH):
        raise PermissionDenied
    period = Period.of(request, today=today())
    asked = _asked(request, period)
    before = request.GET.get("before", "")
    rows = list(found(asked, before=int(before) if before.isdigit() and len(before) < 19 else None)[: SHOWN + 1])
    query = period.query(
        by=asked.by, customer_id=asked.customer_id, page=asked.page, clear="1" if asked.clear else "",
        whole="1" if asked.leave_out else "",
    )  # fmt: skip
    context = {
        "period": period, "asked": asked, "rows": rows[:SHOWN], "query": query,
        "next": rows[SHOWN - 1].pk if len(rows) > SHOWN else None,
    }  # fmt: skip
    return render(request, "workbench/viewings.html", context)


@page
@require_GET
def viewings_csv(request: HttpRequest) -> HttpResponseBase:
    """The looks asked for as a file, newest first, at most EXPORTED."""
    if not reader(request).may(Right.WATCH):
        raise PermissionDenied
    asked = _asked(request, Period.of(request, today=today()))
    columns = ("at", "by", "customer_id", "page", "clear", "reason", "session")
    looks = in_batches(asked, limit=EXPORTED)
    rows = ((row.at, row.by, row.customer_id, row.page, int(row.clear), row.reason, row.session) for row in looks)
    return csv_response(f"looks-{timezone.localtime(clock.now()):%Y-%m-%d}.csv", columns, rows)


@page
@require_GET
def viewings_of(request: HttpRequest, case_id: str) -> HttpResponse:
    """The part of a case page that says who looked at it lately."""
    if not access.may_see_case(reader(request), case_id):
        raise Http404
    rows = list(found(Asked(customer_id=case_id, leave_out=PARTS))[:ON_CASE])
    context = {"rows": rows, "may_watch": reader(request).may(Right.WATCH), "case_id": case_id}
    return render(request, "workbench/_viewings.html", context)
