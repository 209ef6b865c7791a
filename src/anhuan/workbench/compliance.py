"""The page of conduct: what the gate refused and by which rule, whose budget of contacts is nearly used, what is on hold.

Knows the period and the selection its address names, and how they are drawn; every figure comes from `records.conduct`. Holds no
person: a case is told by its number.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from anhuan import clock
from anhuan.acts import law as laws
from anhuan.core.vocabulary import HoldKind
from anhuan.records import conduct
from anhuan.records.contact import Refusal
from anhuan.workbench import words
from anhuan.workbench.frame import page

SPANS = (7, 14, 30, 90)
SHOWN = 100
EXPORTED = 50_000
LONGEST = 366
SERIES = 7  # so many topics have a colour of their own; the rest is drawn as one


@dataclass(frozen=True)
class Period:
    """The dates a page is about, both included; `span` when it is one of the ready-made ones that end today."""

    first: date
    last: date
    span: int | None

    @classmethod
    def of(cls, request: HttpRequest, *, today: date) -> Period:
        """What the query asks for; dates it cannot mean fall back to the last two weeks."""
        first, last = (day_of(request.GET.get(name, "")) for name in ("from", "to"))
        if first is None or last is None or not timedelta(0) <= last - first < timedelta(days=LONGEST):
            told = request.GET.get("days", "")
            span = int(told) if told.isdigit() and int(told) in SPANS else SPANS[1]
            return cls(today - timedelta(days=span - 1), today, span)
        return cls(first, last, None)

    @property
    def instants(self) -> tuple[datetime, datetime]:
        return laws.day(self.first)[0], laws.day(self.last)[1]

    def query(self, **more: str) -> str:
        """The address's query of this period, and `more`."""
        told = {"days": str(self.span)} if self.span else {"from": self.first.isoformat(), "to": self.last.isoformat()}
        return urlencode({**told, **{name: value for name, value in more.items() if value}})


def day_of(text: str) -> date | None:
    """A date as an address writes it, or None."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def today() -> date:
    """The date where the bank is."""
    return timezone.localtime(clock.now()).date()


@page
@require_GET
def compliance(request: HttpRequest) -> HttpResponse:
    """The whole page; `?rule=` and `?hold=` open the cases behind a figure."""
    now = clock.now()
    period = Period.of(request, today=today())
    start, end = period.instants
    by_rule = conduct.refusals_by_rule(start, end)
    rule = request.GET.get("rule", "")[:80]
    hold = request.GET.get("hold", "")
    hold = hold if hold in set(HoldKind) else ""
    budgets = conduct.budgets(laws.in_force(now), at=now, zone=settings.TIME_ZONE)
    by_kind = conduct.holds_by_kind(now)
    context = {
        "period": period, "spans": SPANS, "period_query": period.query(), "now": now,
        "totals": conduct.totals(start, end), "rules": _with_bars(by_rule, period), "rule": rule, "hold": hold,
        "chart": chart(start, end, period), "full": sum(each.share >= 1 for each in budgets),
        "budgets": [(each, _width(each.share)) for each in budgets],
        "holds": by_kind, "holds_number": sum(row["number"] for row in by_kind),
        "standing": conduct.holds(now, kind=hold, limit=SHOWN) if hold else [],
        "never": conduct.first_day() is None,
        **_drilled(request, period, rule),
    }  # fmt: skip
    return render(request, "workbench/compliance.html", context)


def _drilled(request: HttpRequest, period: Period, rule: str) -> dict[str, Any]:
    """The refusals behind one rule, a page of them, and the address of the next."""
    if not rule:
        return {"refusals": [], "next": ""}
    found = conduct.refusals(*period.instants, rule=rule, before=_place(request.GET.get("before", "")), limit=SHOWN + 1)
    more = found[SHOWN - 1] if len(found) > SHOWN else None
    return {
        "refusals": [(refusal, _reason(refusal, rule)) for refusal in found[:SHOWN]],
        "next": period.query(rule=rule, before=f"{more.at.timestamp():.6f}~{more.pk}") if more else "",
    }


def _place(text: str) -> tuple[datetime, int] | None:
    at, mark, number = text.partition("~")
    try:
        return (datetime.fromtimestamp(float(at), timezone.get_current_timezone()), int(number)) if mark else None
    except (ValueError, OverflowError, OSError):
        return None


def _reason(refusal: Refusal, rule: str) -> dict[str, Any]:
    return next(dict(reason) for reason in refusal.reasons if reason["rule"] == rule)


def _with_bars(by_rule: list[conduct.Row], period: Period) -> list[conduct.Row]:
    most = max((row["number"] for row in by_rule), default=1)
    return [{**row, "width": _width(row["number"] / most), "query": period.query(rule=row["rule"])} for row in by_rule]


def _width(share: float) -> str:
    return f"{100 * min(share, 1.0):.1f}%"


def chart(start: datetime, end: datetime, period: Period) -> dict[str, Any] | None:
    """Refusals by date and topic, the most frequent topics first, as `charts.js` draws them; None where there are none."""
    rows = conduct.refusals_by_day(start, end, zone=settings.TIME_ZONE)
    if not rows:
        return None
    dates = [period.first + timedelta(days=n) for n in range((period.last - period.first).days + 1)]
    by_topic: Counter[str] = Counter()
    numbers: dict[tuple[str, date], int] = {}
    for row in rows:
        by_topic[row["topic"]] += row["number"]
        numbers[row["topic"], row["day"]] = row["number"]
    topics = [topic for topic, _number in by_topic.most_common()]
    named, rest = topics[:SERIES], topics[SERIES:]
    series = [{"name": words.label("topic", t), "values": [numbers.get((t, day), 0) for day in dates]} for t in named]
    if rest:
        values = [sum(numbers.get((topic, day), 0) for topic in rest) for day in dates]
        series.append({"name": _("Other topics"), "values": values})
    return {
        "dates": [day.isoformat() for day in dates], "series": series, "total": _("Total"),
        "rows": [
            {"day": day.isoformat(), "numbers": [one["values"][n] for one in series]}
            for n, day in reversed(list(enumerate(dates))) if any(one["values"][n] for one in series)
        ],
    }  # fmt: skip


# --- as files -----------------------------------------------------------------------------------------------------


def csv_response(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """A table as a file, after the mark by which spreadsheets know UTF-8; texts that begin like a formula are defused."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(_csv(columns, rows), content_type="text/csv; charset=utf-8", headers=headers)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    yield "\N{ZERO WIDTH NO-BREAK SPACE}" + ",".join(columns) + "\r\n"
    for row in rows:
        text = io.StringIO()
        csv.writer(text).writerow([_cell(value) for value in row])
        yield text.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    text = "" if value is None else " ".join(value) if isinstance(value, list | tuple) else str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in set("=+-@\t") else text


def message() -> str:
    """Which of the two sentences of a reason the reader is told."""
    return "message_zh" if (get_language() or "").startswith("zh") else "message_en"


@page
@require_GET
def refusals_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The refusals of a rule, or how often each rule refused, in the period."""
    period = Period.of(request, today=today())
    rule = request.GET.get("rule", "")[:80]
    if not rule:
        columns = ("rule", "topic", "force", "citation", message(), "number", "cases", "last")
        rows: Iterable[Mapping[str, Any]] = conduct.refusals_by_rule(*period.instants)
        name = f"refusals-{period.first}-{period.last}.csv"
        return csv_response(name, columns, ([row[column] for column in columns] for row in rows))
    found = conduct.refusals(*period.instants, rule=rule, limit=EXPORTED)
    lines = (
        (each.at, each.customer_id, each.channel, each.party, each.purpose, each.actor, each.by, each.not_before,
         _reason(each, rule)[message()], each.law)
        for each in found
    )  # fmt: skip
    heads = ("at", "case", "channel", "party", "purpose", "actor", "by", "not_before", message(), "law")
    return csv_response(f"refusals-{rule}-{period.first}-{period.last}.csv", heads, lines)


@page
@require_GET
def budgets_csv(request: HttpRequest) -> StreamingHttpResponse:  # noqa: ARG001  every page has one
    """Everybody who has used at least half of a cap now."""
    now = clock.now()
    used = conduct.budgets(laws.in_force(now), at=now, zone=settings.TIME_ZONE, limit=EXPORTED)
    columns = ("case", "rule", "party", "point", "account", "count", "limit", "at")
    rows = ((b.customer_id, b.rule.id, b.party, b.point_id, b.debt, b.count, b.limit, now) for b in used)
    return csv_response(f"budgets-{today()}.csv", columns, rows)


@page
@require_GET
def holds_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The holds in force now, of one kind or of all."""
    kind = request.GET.get("hold", "")
    columns = ("case", "kind", "begins", "ends", "until_date", "debts", "registered_at", "by")
    rows = conduct.holds(clock.now(), kind=kind if kind in set(HoldKind) else "", limit=EXPORTED)
    return csv_response(f"holds-{today()}.csv", columns, ([row[column] for column in columns] for row in rows))
