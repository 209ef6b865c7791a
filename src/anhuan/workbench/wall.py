"""The wall: what each of a supervisor's people is doing, what they did today, what lies in the queues and what waits for a decision.

Knows the filter its address names (a team by its number, a queue by its word) and which list stands behind each number. The figures
are those of `records.supervision`; queues and refusals, which take longer to count, are some seconds old and say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from anhuan import clock
from anhuan.acts import law as laws
from anhuan.acts import worklist as acts
from anhuan.records import access, conduct, supervision
from anhuan.records.staff import Right, Staff, Team
from anhuan.records.supervision import MEASURES, MONEY, Day
from anhuan.workbench.compliance import day_of
from anhuan.workbench.counting import FRESH_SECONDS, Figures, figures
from anhuan.workbench.frame import page, reader
from anhuan.workbench.spreadsheet import file_response
from anhuan.workbench.worklist import counted, depth, workers_only

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponseBase]
Money = list[tuple[str, int]]

AHEAD = timedelta(days=3)
"""How far ahead a dispute's last day is told."""
PAGE = 200
EXPORTED = 50_000
RULES = 8
STATES = ("call", "wrapping", "case", "idle", "out")


def supervisors_only(view: View[Arguments]) -> View[Arguments]:
    """A page for whoever supervises."""

    def guarded(request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponseBase:
        if not reader(request).may(Right.SUPERVISE):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return page(guarded)


def today(now: datetime) -> Day:
    """The date where the bank is."""
    return day(timezone.localtime(now).date())


def day(on: date) -> Day:
    return Day(on, *laws.day(on))


@dataclass(frozen=True)
class Asked:
    """Whom a page is about; `query` names it in an address."""

    team: int | None = None
    queue: str = ""
    person: int | None = None

    @classmethod
    def of(cls, request: HttpRequest) -> Asked:
        team, person = (_number(request.GET.get(name, "")) for name in ("team", "person"))
        return cls(team, request.GET.get("queue", "")[:30], person)

    def query(self, **more: object) -> str:
        told = {"team": self.team, "queue": self.queue, "person": self.person, **more}
        return urlencode({name: str(value) for name, value in told.items() if value not in (None, "")})

    @property
    def narrowed(self) -> bool:
        return self != Asked()

    def names(self) -> list[str]:
        """Those it is about by the names their acts are signed with, who has left among them."""
        return [one.get_username() for one in self.people(gone=True)]

    def people(self, *, gone: bool = False) -> list[Staff]:
        found = supervision.people(team=self.team, queue=self.queue, gone=gone)
        return found if self.person is None else [one for one in found if one.pk == self.person]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


@dataclass
class Line:
    """One of the people, or all of them together: what she is doing, and her figures of the day."""

    person: Staff | None
    doing: Mapping[str, Any]
    counts: dict[str, int]
    money: dict[str, Money] = field(default_factory=dict)
    minutes: int = 0

    @property
    def number(self) -> str:
        """Hers in an address: a text, for a page of many people localizes many numbers."""
        return str(self.person.pk) if self.person else ""


def whose(asked: Asked) -> dict[str, Any]:
    """What `_whose.html` draws: the teams and people a list can be narrowed to, and those it is."""
    return {"whose": asked, "teams": Team.objects.order_by("name"), "people": supervision.people(gone=True)}


# --- the wall -----------------------------------------------------------------------------------------------------


@supervisors_only
@workers_only
@require_GET
def wall(request: HttpRequest) -> HttpResponse:
    """The whole page, or asked again by itself its figures alone."""
    now, asked = clock.now(), Asked.of(request)
    on = today(now)
    people = asked.people()
    lines = _lines(people, now, on)
    lying, titles = counted(now), acts.house_queues()
    others = [name for name in lying.value if name not in titles] if lying else []
    told = _refusals(on, now)
    refused = told.value if told else []
    context = {
        "now": now, "on": on.date, "asked": asked, "query": asked.query(), "lines": lines, "all": _sum(lines),
        "states": [(state, sum(line.doing["state"] == state for line in lines)) for state in STATES],
        "queues": [(name, _title(name), depth(lying, name)) for name in [*titles, *others] if asked.queue in ("", name)],
        "queues_at": lying and lying.at, "rules": refused[:RULES], "rules_more": max(0, len(refused) - RULES), "rules_at": told and told.at,
        "refused": sum(row["number"] for row in refused) if told else None, "waiting": supervision.waiting(on, ahead=AHEAD),
        "teams": Team.objects.order_by("name"), "titles": [(name, _title(name)) for name in titles],
        "lists": {measure: reverse("wall_rows", args=[measure]) for measure in MEASURES},
        "big": "big" in request.GET, "seconds": FRESH_SECONDS,
    }  # fmt: skip
    part = request.htmx and not request.htmx.boosted and not request.htmx.history_restore_request  # type: ignore[attr-defined]
    return render(request, "workbench/_wall.html" if part else "workbench/wall.html", context)


def _lines(people: Sequence[Staff], now: datetime, on: Day) -> list[Line]:
    names = [one.get_username() for one in people]
    doing = supervision.doing(names, at=now, start=on.start, idle=settings.ANHUAN_IDLE)
    figures = supervision.figures(on, names)
    return [
        Line(one, doing[name], figures[name].counts, figures[name].money, _minutes(doing[name]["since"], now))
        for one, name in zip(people, names, strict=True)
    ]


def _minutes(since: datetime | None, now: datetime) -> int:
    return max(0, int((now - since).total_seconds() // 60)) if since else 0


def _sum(lines: Iterable[Line]) -> Line:
    """All of them together, money by currency."""
    lines = list(lines)
    money: dict[str, dict[str, int]] = {}
    for line in lines:
        for measure, sums in line.money.items():
            kept = money.setdefault(measure, {})
            for currency, minor in sums:
                kept[currency] = kept.get(currency, 0) + minor
    counts = {measure: sum(line.counts[measure] for line in lines) for measure in MEASURES}
    return Line(None, {}, counts, {measure: sorted(sums.items()) for measure, sums in money.items()})


def _title(name: str) -> str:
    told = acts.house_queues().get(name)
    return told.title(get_language() or "") if told else name


def _refusals(on: Day, now: datetime) -> Figures[list[conduct.Row]] | None:
    """What the gate refused today by rule, in the whole house, machines included; a few seconds old."""
    return figures(f"refusals:{on.date}", lambda: conduct.refusals_by_rule(on.start, on.end), table="records_refusal", at=now)


# --- the lists behind its numbers ---------------------------------------------------------------------------------


@supervisors_only
@require_GET
def rows(request: HttpRequest, measure: str) -> HttpResponseBase:
    """The rows a number of a day counts, as a page or with `?form=csv` or `xlsx` as a file; those of cases out of sight are only counted."""
    if measure not in MEASURES:
        raise Http404
    asked, now = Asked.of(request), clock.now()
    told = day_of(request.GET.get("day", ""))
    on = day(told) if told else today(now)
    names = [one.get_username() for one in asked.people(gone=True)]
    form = request.GET.get("form", "")
    as_file = form in ("csv", "xlsx")
    found = list(supervision.listed(measure, on, names)[: EXPORTED if as_file else PAGE + 1])
    may = access.may_see(reader(request), {row.customer_id for row in found})
    shown = [row for row in (found if as_file else found[:PAGE]) if row.customer_id in may]
    if as_file:
        columns = _COLUMNS["money" if measure in MONEY else measure]
        lines = ([getattr(row, name) for name in columns] for row in shown)
        return file_response(form, f"{measure}-{on.date}", columns, lines)
    context = {
        "measure": measure, "measures": list(MEASURES), "on": on.date, "asked": asked, "query": asked.query(day=told or ""), "rows": shown,
        "kind": "promise" if measure in MONEY else "refusal" if measure == "refusals" else "call",
        "hidden": len(found[:PAGE]) - len(shown), "more": len(found) > PAGE, "page": PAGE,
        "people": supervision.people(gone=True), "teams": Team.objects.order_by("name"),
    }  # fmt: skip
    return render(request, "workbench/wall_rows.html", context)


_CALL = ("customer_id", "by", "opened_at", "closed_at", "way", "line_code", "party_code", "result_code", "verified_at")
_COLUMNS: Mapping[str, Sequence[str]] = {
    "calls": _CALL,
    "right_party": _CALL,
    "money": (
        "customer_id",
        "account_id",
        "by",
        "at",
        "currency",
        "amount_minor",
        "due_on",
        "state",
        "paid_minor",
        "settled_on",
    ),
    "refusals": ("customer_id", "by", "at", "channel", "party", "purpose", "not_before"),
}
