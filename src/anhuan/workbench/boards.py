"""The monthly boards: what became of the work of each team and collector, month by month, as charts, tables and files.

Knows each rate with its formula, and marks those that rest on few. What somebody did counts for the team she was in then. The sums are
those of `records.supervision`; how accounts rolled is read from the sealed nights (`portfolio.reports`), of the cases that the team
contacted between the two nights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any, Concatenate, ParamSpec

import ibis
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _later
from django.views.decorators.http import require_GET

from anhuan import clock
from anhuan.acts import law as laws
from anhuan.core.money import MINOR_DIGITS
from anhuan.core.vocabulary import NightStatus
from anhuan.portfolio import reports, snapshot
from anhuan.records import supervision
from anhuan.records.night import Night
from anhuan.records.staff import Right, Staff, Team
from anhuan.records.supervision import SUMS, Stay
from anhuan.workbench.compliance import csv_response
from anhuan.workbench.dashboard import month_pairs
from anhuan.workbench.frame import page, reader
from anhuan.workbench.spreadsheet import xlsx_response
from anhuan.workbench.wall import Asked

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponseBase]

SPANS = (3, 6, 12)
FEW = 30
"""A rate that rests on fewer is marked: one more or less would change it by several points."""
KEPT_SECONDS = 60
Sums = Mapping[str, int]
Groups = dict[tuple[str, int | None], dict[date, dict[str, int]]]
"""Sums by month of each group: its name, and the number of the team or the person."""


@dataclass(frozen=True)
class Rate:
    """A figure of a board: `of` divided by `by`, times `times`; `number` is what it rests on, where `by` is money."""

    name: str
    title: str | Promise
    formula: str | Promise
    of: str
    by: str
    times: int = 1
    number: str = ""
    shape: str = "percent"

    def value(self, sums: Sums) -> Decimal | None:
        under = self.under(sums)
        return Decimal(sums[self.of] * self.times) / under if under else None

    def under(self, sums: Sums) -> int:
        return sums["contacts"] + sums["refusals"] if self.by == "wanted" else sums[self.by]

    def rests_on(self, sums: Sums) -> int:
        return sums[self.number] if self.number else self.under(sums)


RATES: Sequence[Rate] = (
    Rate("answered", _later("Connect rate"), _later("answered contacts ÷ contacts that left the house"), "answered", "contacts"),
    Rate(
        "right_party", _later("Right-party rate"), _later("calls with the customer, shown to be the one ÷ contacts"),
        "right_party", "contacts",
    ),
    Rate("promised", _later("Promise rate"), _later("promises taken ÷ right-party contacts"), "promises", "right_party"),
    Rate("kept", _later("Kept rate"), _later("promises kept ÷ promises due and decided; pending ones are left out"), "kept", "due"),
    Rate(
        "kept_amount", _later("Kept rate by amount"), _later("paid in time on promises ÷ amounts promised, due and decided"),
        "kept_minor", "due_minor", number="due",
    ),
    Rate(
        "complaints", _later("Complaints per 1,000"),
        _later("complaints within 30 days of her last contact × 1,000 ÷ contacts"), "complaints", "contacts", 1000, shape="number",
    ),
    Rate(
        "disputes", _later("Disputes per 1,000"),
        _later("disputes within 30 days of her last contact × 1,000 ÷ contacts"), "disputes", "contacts", 1000, shape="number",
    ),
    Rate("refused", _later("Refused by the gate"), _later("refusals ÷ (contacts + refusals)"), "refusals", "wanted"),
    Rate(
        "performing", _later("Plans performing"),
        _later("plans agreed that month, performed or active with nothing missed ÷ plans agreed that month"), "performing", "plans",
    ),
    Rate("score", _later("Average score"), _later("sum of scores ÷ reviews that count"), "score_tenths", "reviews", shape="score"),
    Rate("fatal", _later("Critical errors"), _later("reviews with a critical error ÷ reviews that count"), "fatal", "reviews"),
)  # fmt: skip
DRAWN = ("kept", "right_party", "complaints", "score")


def boards_only(view: View[Arguments]) -> View[Arguments]:
    """A page for whoever supervises, and for those who watch over the house."""

    def guarded(request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponseBase:
        if not any(reader(request).may(right) for right in (Right.SUPERVISE, Right.WATCH)):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return page(guarded)


@dataclass(frozen=True)
class Board:
    """What a board's address asks for, who is on it, and in which teams they were when."""

    asked: Asked
    months: tuple[date, ...]
    span: int
    currency: str
    by: str
    people: tuple[Staff, ...]
    stays: tuple[Stay, ...]

    @classmethod
    def of(cls, request: HttpRequest) -> Board:
        told, asked = request.GET, Asked.of(request)
        span = int(told["months"]) if told.get("months") in {str(each) for each in SPANS} else SPANS[1]
        currency = told.get("currency", "")
        currency = currency if currency in MINOR_DIGITS else "CNY"
        ends = _month(told.get("until", "")) or timezone.localtime(clock.now()).date().replace(day=1)
        by = "person" if told.get("by") == "person" or asked.person is not None else "team"
        people = [one for one in supervision.people(queue=asked.queue, gone=True) if asked.person in (None, one.pk)]
        stays = [each for each in supervision.stays(people) if asked.team in (None, each.team)]
        theirs = {each.username for each in stays}
        people = [one for one in people if one.get_username() in theirs]
        return cls(asked, tuple(_back(ends, n) for n in reversed(range(span))), span, currency, by, tuple(people), tuple(stays))

    def query(self, **more: object) -> str:
        return self.asked.query(months=self.span, currency=self.currency, by=self.by, until=f"{self.months[-1]:%Y-%m}", **more)

    @property
    def after(self) -> date:
        return _back(self.months[-1], -1)


def _month(text: str) -> date | None:
    try:
        return date.fromisoformat(f"{text}-01") if len(text) == 7 else None
    except ValueError:
        return None


def _back(month: date, number: int) -> date:
    """The first day of the month so many before."""
    year, index = divmod(month.year * 12 + month.month - 1 - number, 12)
    return date(year, index + 1, 1)


def _sums(board: Board) -> tuple[supervision.Sums, datetime]:
    """The sums by month, person and team, kept for a while: the longer, the dearer they were to count."""
    first, after = board.months[0], board.after
    told = hashlib.sha256("/".join([*map(str, board.stays), str(first), str(after), board.currency]).encode()).hexdigest()
    kept: tuple[supervision.Sums, datetime] | None = cache.get(f"board:{told}")
    if kept is None:
        begun, now = perf_counter(), clock.now()
        found = supervision.months(
            board.stays, first=first, after=after, start=laws.day(first)[0], end=laws.day(after)[0], zone=settings.TIME_ZONE,
            currency=board.currency,
        )  # fmt: skip
        kept = found, now
        cache.set(f"board:{told}", kept, timeout=max(KEPT_SECONDS, int(100 * (perf_counter() - begun))))
    return kept


Cells = tuple[tuple[Rate, Decimal | None, int, bool], ...]
"""Of each rate its value, how many it rests on, and whether these are few."""


@dataclass(frozen=True)
class Line:
    """One group in one month; `pk` of the team or the person, where it has one."""

    month: date
    group: str
    pk: int | None
    sums: Sums
    cells: Cells


def _lines(board: Board, sums: supervision.Sums, *, whole: bool = False) -> Iterator[Line]:
    """The lines of a board, newest month first; with `whole` one of all together for each month."""
    groups: Groups = {("", None): {}} if whole else {}
    teams = dict(Team.objects.values_list("pk", "name"))
    numbers = {one.get_username(): one.pk for one in board.people}
    for (month, name, team), told in sums.items():
        key = ("", None) if whole else (name, numbers[name]) if board.by == "person" else (teams.get(team or 0, ""), team)
        added = groups.setdefault(key, {}).setdefault(month, dict.fromkeys(SUMS, 0))
        for sum_, value in told.items():
            added[sum_] += value
    for month in reversed(board.months):
        for (group, pk), by_month in sorted(groups.items(), key=lambda item: item[0][0]):
            of_month = by_month.get(month, dict.fromkeys(SUMS, 0))
            if whole or any(of_month.values()):
                yield Line(month, group, pk, of_month, tuple(_cell(rate, of_month) for rate in RATES))


def _cell(rate: Rate, sums: Sums) -> tuple[Rate, Decimal | None, int, bool]:
    number = rate.rests_on(sums)
    return rate, rate.value(sums), number, 0 < number < FEW


# --- how accounts rolled ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rolled:
    """Of `overdue` accounts at the end of one month, the shares that stood worse, better and in M0 at the end of the next."""

    start: date
    end: date
    cases: int
    overdue: int
    worse: Decimal | None
    better: Decimal | None
    cured: Decimal | None

    @property
    def few(self) -> bool:
        return 0 < self.overdue < FEW


def rolls(board: Board) -> list[Rolled]:
    """Month over month, newest first; a month without a sealed night before its end and the one before has none."""
    wanted = {f"{month:%Y-%m}" for month in board.months}
    pairs = [pair for month, pair in month_pairs().items() if month in wanted]
    return [_rolled(pair, board.stays, board.currency) for pair in reversed(pairs)]


def _rolled(pair: tuple[Night, Night], stays: Sequence[Stay], currency: str) -> Rolled:
    start, end = pair
    cases = supervision.worked_with(stays, laws.day(start.business_date)[1], laws.day(end.business_date)[1])
    told = hashlib.sha256("\n".join([start.manifest_sha256, end.manifest_sha256, currency, *cases]).encode()).hexdigest()
    kept: Rolled | None = cache.get(f"board-roll:{told}")
    if kept is None:
        kept = _read(start, end, cases, currency)
        cache.set(f"board-roll:{told}", kept, timeout=24 * 3600)
    return kept


def _read(start: Night, end: Night, cases: list[str], currency: str) -> Rolled:
    if not cases:
        return Rolled(start.business_date, end.business_date, 0, 0, None, None, None)
    con = ibis.duckdb.connect()
    theirs = con.create_table("worked", ibis.memtable({"customer_id": cases}), temp=True)
    standings = [
        snapshot.load(con, Path(settings.ANHUAN_HOME) / "snapshots" / night.snapshot).table("standing").semi_join(theirs, "customer_id")
        for night in (start, end)
    ]  # fmt: skip
    found = reports.roll_rates(*standings, currency=currency)
    matrix, overdue = found["matrix"], sum(map(sum, found["matrix"][1:]))
    worse = sum(sum(row[bucket + 1 :]) for bucket, row in enumerate(matrix) if bucket)
    cured = sum(row[0] for row in matrix[1:]) - sum(found["vanished"])
    better = sum(sum(row[1:bucket]) for bucket, row in enumerate(matrix) if bucket)
    shares = (Decimal(part) / overdue if overdue else None for part in (worse, better, cured))
    return Rolled(start.business_date, end.business_date, len(cases), overdue, *shares)


# --- the pages ----------------------------------------------------------------------------------------------------


@boards_only
@require_GET
def boards(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    board = Board.of(request)
    sums, at = _sums(board)
    lines = list(_lines(board, sums))
    context = {
        "board": board, "asked": board.asked, "query": board.query(), "at": at, "lines": lines, "rates": RATES, "few": FEW,
        "all": list(_lines(board, sums, whole=True)), "rolls": rolls(board), "spans": SPANS, "currencies": _currencies(),
        "teams": Team.objects.order_by("name"), "people": supervision.people(gone=True), "plots": _plots(board, lines),
        "supervises": reader(request).may(Right.SUPERVISE),
    }  # fmt: skip
    return render(request, "workbench/boards.html", context)


def _currencies() -> list[str]:
    sealed = Night.objects.filter(status=NightStatus.SEALED).order_by("-business_date").only("result").first()
    book = (sealed.result.get("summary") or {}).get("currencies") if sealed else None
    return book or ["CNY", "USD"]


def _plots(board: Board, lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Lines over the months by group, of the rates worth drawing; a month without a figure is a gap."""
    groups = sorted({line.group for line in lines})[:8]
    at = {(line.group, line.month): line.cells for line in lines}
    plots = []
    for place, rate in ((place, rate) for place, rate in enumerate(RATES) if rate.name in DRAWN):
        scale = {"percent": Decimal(100), "score": Decimal("0.1"), "number": Decimal(1)}[rate.shape]
        series = [
            {"name": group or _("No team"), "values": [_drawn(at.get((group, month)), place, scale) for month in board.months]}
            for group in groups
        ]
        unit = "%" if rate.shape == "percent" else ""
        data = {"months": [f"{month:%Y-%m}" for month in board.months], "unit": unit, "series": series}
        plots.append({"id": f"plot-{rate.name}", "title": rate.title, "formula": rate.formula, "data": data})
    return plots


def _drawn(cells: Cells | None, place: int, scale: Decimal) -> float | None:
    value = cells[place][1] if cells else None
    return None if value is None else float(round(value * scale, 2))


@boards_only
@require_GET
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """The table as a file, `csv` or `xlsx`: the sums, the rates as numbers, and how many each rests on."""
    board = Board.of(request)
    sums, _at = _sums(board)
    columns = ["month", board.by, *SUMS, *(f"{rate.name}_rate" for rate in RATES), "currency"]
    rows = (
        [
            f"{line.month:%Y-%m}", line.group, *(line.sums[name] for name in SUMS),
            *(None if value is None else round(value / 10 if rate.shape == "score" else value, 6) for rate, value, _n, _few in line.cells),
            board.currency,
        ]
        for line in _lines(board, sums)
    )  # fmt: skip
    respond = xlsx_response if form == "xlsx" else csv_response
    return respond(f"boards-{board.months[0]:%Y-%m}-{board.months[-1]:%Y-%m}.{form}", columns, rows)
