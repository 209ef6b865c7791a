"""The dashboard: what the book did last night, against the nights before.

Knows the summary each night keeps of itself (`portfolio.reports.summary`) and its public result, and turns them
into tiles, a heat map and the numbers of the charts; the only thing read from snapshots is a month's roll rates.
Does not know cases or persons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import ibis
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _later
from django.views.decorators.http import require_GET

from anhuan.core.money import minor_digits
from anhuan.core.vocabulary import Classification, Flow, NightStatus
from anhuan.portfolio import reports, snapshot
from anhuan.records.night import Night
from anhuan.workbench import figures, findings, nights, words
from anhuan.workbench.frame import page

SPANS = (30, 90, 365)
OVERDUE = slice(1, None)


@page
@require_GET
def dashboard(request: HttpRequest) -> HttpResponse:
    """The whole page; `?currency=` and `?nights=` choose what it is about."""
    book = Book.of(request)
    context: dict[str, Any] = {
        "refusal": nights.refusal_standing(),
        "unfinished": Night.objects.filter(status=NightStatus.RUNNING).first(),
        "book": book,
        "spans": SPANS,
    }
    if book.nights:
        tonight = book.nights[-1]
        context |= {
            "tonight": tonight,
            "before": book.nights[-2] if len(book.nights) > 1 else None,
            "tiles": tiles(book),
            "movements": movements(book),
            "rows": bucket_rows(book),
            "overdue": overdue_row(book),
            "chart": (drawn := chart(book)),
            "flow_rows": [
                {"day": day, "numbers": [series["accounts"][n] for series in drawn["flow"]]}
                for n, day in reversed(list(enumerate(drawn["dates"])))
            ],
            "roll": roll_rates(request, book),
            "classes": five_class(book),
            "differ": tonight.summary["five_class"].get(book.currency, {}).get("differ", 0),
            "heaps": nights.heaps(tonight),
            "findings": findings.by_code(tonight),
        }
    return render(request, "workbench/dashboard.html", context)


@page
@require_GET
def roll_rates_card(request: HttpRequest) -> HttpResponse:
    """The heat map alone, for its switches."""
    book = Book.of(request)
    return render(request, "workbench/_roll_rates.html", {"book": book, "roll": roll_rates(request, book)})


@dataclass(frozen=True)
class Book:
    """The sealed nights to draw, oldest first, and the currency they are drawn in."""

    nights: list[Night]
    currency: str
    currencies: list[str]
    span: int

    @classmethod
    def of(cls, request: HttpRequest) -> Book:
        """What the query asks for; anything it cannot mean falls back to the first choice."""
        wanted = request.GET.get("nights", "")
        span = int(wanted) if wanted.isdigit() and int(wanted) in SPANS else SPANS[0]
        sealed = Night.objects.filter(status=NightStatus.SEALED).order_by("-business_date")
        shown = list(sealed[:span])[::-1]
        currencies = shown[-1].summary["currencies"] if shown else []
        currency = request.GET.get("currency", "")
        return cls(
            nights=shown,
            currency=currency if currency in currencies else next(iter(currencies), "CNY"),
            currencies=currencies,
            span=span,
        )

    def buckets(self, night: Night, measure: str) -> list[int]:
        """`measure` of the eight buckets on a night; zeroes where the currency was not yet in the book."""
        return list(night.summary["by_bucket"].get(self.currency, {}).get(measure, [0] * 8))

    def overdue(self, measure: str) -> list[int]:
        """The sum of `measure` over M1 to M7, night by night."""
        return [sum(self.buckets(night, measure)[OVERDUE]) for night in self.nights]

    def flow(self, name: str) -> list[int | None]:
        """How many accounts moved that way, night by night; None on the first of all nights, when everything enters."""
        return [
            int(night.summary["flow_by_currency"].get(self.currency, {}).get(name, {}).get("accounts", 0))
            if _followed(night)
            else None
            for night in self.nights
        ]

    def rates(self, name: str) -> list[str | None]:
        """A rate, night by night; None where it has no meaning."""
        return [night.summary["rates"].get(self.currency, {}).get(name) if _followed(night) else None for night in self.nights]


def _followed(night: Night) -> bool:
    """Whether a night was compared with one before it."""
    return night.summary["roll"] is not None


@dataclass(frozen=True)
class Tile:
    """One figure with its change against the night before. `tone`: good, bad or flat; `spark`: SVG points.

    `title` says more about the name, `whole` is the figure to the last digit, `note` stands beside the name.
    """

    key: str
    name: str | Promise
    value: str
    currency: str = ""
    title: str = ""
    whole: str = ""
    change: str = ""
    arrow: str = ""
    tone: str = "flat"
    spark: str = ""
    note: str = ""


def tiles(book: Book) -> list[Tile]:
    """The stock figures: how much stands overdue, and the night's two rates."""
    open_cases = [int(night.result["cases"]["open"]) for night in book.nights]
    return [
        _counted("overdue_accounts", _("Overdue accounts"), book.overdue("accounts"), rising="bad"),
        _owed("overdue_balance", _("Overdue balance"), book.overdue("balance_total_minor"), book),
        _owed("past_due", _("Past-due amount"), book.overdue("past_due_amount_minor"), book),
        _counted("open_cases", _("Open cases"), open_cases, rising="bad", title=_("customers, all currencies")),
        _rated("entry_rate", _("Entry rate"), book.rates("entry_rate"), "bad", _("entered ÷ whole card book")),
        _rated("cure_rate", _("Cure rate"), book.rates("cure_rate"), "good", _("cured ÷ overdue the night before")),
    ]


# What a rise of each movement means for the book.
_MOVEMENTS = {
    Flow.ENTERED: "bad",
    Flow.ROLLED: "bad",
    Flow.STAYED: "flat",
    Flow.IMPROVED: "good",
    Flow.CURED: "good",
    Flow.VANISHED: "bad",
}


def movements(book: Book) -> list[Tile]:
    """The flow of the night, account by account."""
    missing = book.nights[-1].summary["missing"].get(book.currency, {}).get("accounts", 0)
    notes = {Flow.VANISHED: _("%(number)s missing") % {"number": figures.count(missing)} if missing else ""}
    return [
        _counted(flow.value, words.LABELS["flow"][flow], book.flow(flow), rising=rising, note=notes.get(flow, ""))
        for flow, rising in _MOVEMENTS.items()
    ]


def _counted(
    key: str, name: str | Promise, values: Sequence[int | None], *, rising: str, title: str = "", note: str = ""
) -> Tile:
    change = _difference(values)
    known = [value for value in values[-30:] if value is not None]
    return Tile(
        key, name, figures.count(values[-1]), title=title, note=note, spark=figures.sparkline(known),
        **_change(change, rising, figures.count(change) if change is not None else ""),
    )  # fmt: skip


def _difference(values: Sequence[int | None]) -> int | None:
    """The last value less the one before, or None when either is not known."""
    last, before = values[-1], values[-2] if len(values) > 1 else None
    return last - before if last is not None and before is not None else None


def _owed(key: str, name: str, values: list[int], book: Book) -> Tile:
    language = get_language() or "en"
    change = values[-1] - values[-2] if len(values) > 1 else None
    return Tile(
        key, name, figures.short_money(values[-1], book.currency, language), currency=book.currency,
        whole=f"{book.currency} {figures.money(values[-1], book.currency)}", spark=figures.sparkline(values[-30:]),
        **_change(change, "bad", figures.short_money(change, book.currency, language)),
    )  # fmt: skip


def _rated(key: str, name: str, values: Sequence[str | None], rising: str, title: str) -> Tile:
    known = [Decimal(value) for value in values[-30:] if value is not None]
    change = figures.points(values[-2], values[-1]) if len(values) > 1 else None
    return Tile(
        key, name, figures.rate(values[-1]), title=title, spark=figures.sparkline(known),
        **_change(change, rising, _("%(points)s pp") % {"points": abs(change or 0)}),
    )  # fmt: skip


def _change(change: int | Decimal | None, rising: str, text: str) -> dict[str, str]:
    """The change as words, arrow and tone; nothing on the first night."""
    if change is None:
        return {}
    if change == 0:
        return {"change": figures.signed(0, ""), "arrow": "flat", "tone": "flat"}
    falling = {"bad": "good", "good": "bad"}.get(rising, "flat")
    return {
        "change": figures.signed(change, text),
        "arrow": "up" if change > 0 else "down",
        "tone": rising if change > 0 else falling,
    }


def bucket_rows(book: Book) -> list[dict[str, Any]]:
    """M1 to M7 of the last night with the change of the balance against the night before."""
    tonight = book.nights[-1]
    before = book.buckets(book.nights[-2], "balance_total_minor") if len(book.nights) > 1 else None
    accounts, balances = book.buckets(tonight, "accounts"), book.buckets(tonight, "balance_total_minor")
    past_due = book.buckets(tonight, "past_due_amount_minor")
    language, whole = get_language() or "en", sum(balances[OVERDUE])
    rows = []
    for bucket in range(1, 8):
        change = balances[bucket] - before[bucket] if before else None
        text = figures.short_money(change, book.currency, language)
        rows.append(
            {
                "bucket": bucket,
                "accounts": accounts[bucket],
                "balance_minor": balances[bucket],
                "past_due_minor": past_due[bucket],
                "share": Decimal(balances[bucket]) / whole if whole else None,
                **_change(change, "bad", text),
            }
        )
    return rows


def overdue_row(book: Book) -> dict[str, Any]:
    """The sum of M1 to M7."""
    balances = book.overdue("balance_total_minor")
    change = balances[-1] - balances[-2] if len(balances) > 1 else None
    text = figures.short_money(change, book.currency, get_language() or "en")
    return {"accounts": book.overdue("accounts")[-1], "balance_minor": balances[-1], **_change(change, "bad", text)}


def chart(book: Book) -> dict[str, Any]:
    """The numbers `static/workbench/charts.js` draws: integers by night, with the words of the legend."""
    return {
        "dates": [night.business_date.isoformat() for night in book.nights],
        "currency": book.currency,
        "minor_digits": minor_digits(book.currency),
        "chinese": (get_language() or "").startswith("zh"),
        "buckets": [
            {
                "name": f"M{bucket}",
                "balance": [book.buckets(night, "balance_total_minor")[bucket] for night in book.nights],
                "accounts": [book.buckets(night, "accounts")[bucket] for night in book.nights],
            }
            for bucket in range(1, 8)
        ],
        "flow": [
            {"key": flow.value, "name": words.label("flow", flow), "accounts": book.flow(flow)}
            for flow in Flow
            if flow != Flow.STAYED
        ],
        "words": {"total": _("Total"), "net": _("Net change")},
    }


def five_class(book: Book) -> list[dict[str, Any]]:
    """The five grades, ours beside the bank's, as accounts; the bars of all grades share one scale."""
    graded = book.nights[-1].summary["five_class"].get(book.currency)
    if not graded:
        return []
    names = [grade.value for grade in Classification]
    if graded["bank"].get("unknown"):
        names.append("unknown")
    largest = max(graded[side].get(name, 0) for side in ("ours", "bank") for name in names) or 1
    return [
        {
            "name": name,
            "ours": graded["ours"].get(name, 0),
            "bank": graded["bank"].get(name, 0),
            "ours_width": _width(graded["ours"].get(name, 0), largest),
            "bank_width": _width(graded["bank"].get(name, 0), largest),
        }
        for name in names
    ]


def _width(value: int, largest: int) -> str:
    return f"{100 * value / largest:.2f}%"


@dataclass(frozen=True)
class Cell:
    """A cell of the heat map: the share of its row, the number behind it, and how deep it is coloured."""

    share: Decimal | None
    number: str
    tone: str
    title: str


@dataclass(frozen=True)
class Rolls:
    """The heat map: `rows` of (bucket, total, cells, vanished); `periods` to choose from; None rows = nothing to compare."""

    by: str
    period: str
    periods: list[tuple[str, str]]
    start: date | None = None
    end: date | None = None
    rows: tuple[tuple[int, str, list[Cell], str], ...] = ()


_BY: dict[str, Promise] = {"count": _later("Accounts"), "balance": _later("Balance")}


def roll_rates(request: HttpRequest, book: Book) -> Rolls:
    """The matrix the query asks for: last night's, or a month's from month end to month end."""
    by = request.GET.get("by", "count")
    by = by if by in _BY else "count"
    months = month_pairs()
    periods = [("day", _("Last night"))] + [(month, month) for month in reversed(months)]
    period = request.GET.get("period", "day")
    found = _month_matrix(months[period], by, book.currency) if period in months else _night_matrix(book, by)
    if found is None:
        return Rolls(by, period, periods)
    start, end, matrix, vanished = found
    rows = tuple(
        (
            bucket,
            _number(sum(line), by, book.currency),
            _cells(bucket, line, by, book.currency),
            _number(gone, by, book.currency),
        )
        for bucket, (line, gone) in enumerate(zip(matrix, vanished, strict=True))
    )
    return Rolls(by, period, periods, start, end, rows)


Matrix = tuple[date, date, list[list[int]], list[int]]


def _night_matrix(book: Book, by: str) -> Matrix | None:
    if len(book.nights) < 2:
        return None
    roll: Mapping[str, Any] | None = book.nights[-1].summary.get("roll")
    if not roll or book.currency not in roll:
        return None
    kept = roll[book.currency][by]
    return book.nights[-2].business_date, book.nights[-1].business_date, kept["matrix"], kept["vanished"]


def month_pairs() -> dict[str, tuple[Night, Night]]:
    """The months that can be compared with the month before: the last sealed night of each."""
    sealed = {night.business_date: night for night in Night.objects.filter(status=NightStatus.SEALED).only(
        "business_date", "snapshot", "manifest_sha256"
    )}  # fmt: skip
    ends = reports.month_ends(sealed)
    neighbours = zip(ends.items(), list(ends.items())[1:], strict=False)
    return {month: (sealed[last], sealed[end]) for (before, last), (month, end) in neighbours if _follows(before, month)}


def _follows(before: str, month: str) -> bool:
    """Whether `month` is the calendar month after `before`; a month without a night breaks the chain."""
    (year, number), (later, after) = (map(int, text.split("-")) for text in (before, month))
    return (later * 12 + after) - (year * 12 + number) == 1


def _month_matrix(pair: tuple[Night, Night], by: str, currency: str) -> Matrix:
    """Read from the two snapshots once; sealed nights never change, so the answer is kept."""
    start, end = pair
    key = f"roll-rates:{start.manifest_sha256}:{end.manifest_sha256}:{by}:{currency}"
    kept = cache.get(key)
    if kept is None:
        con = ibis.duckdb.connect()
        folders = [Path(settings.ANHUAN_HOME) / "snapshots" / night.snapshot for night in pair]
        standings = [snapshot.load(con, folder).table("standing") for folder in folders]
        measure: reports.By = "balance" if by == "balance" else "count"
        kept = reports.roll_rates(*standings, by=measure, currency=currency)
        cache.set(key, kept, timeout=None)
    return start.business_date, end.business_date, kept["matrix"], kept["vanished"]


def _number(value: int, by: str, currency: str) -> str:
    if by == "count":
        return figures.count(value)
    return figures.short_money(value, currency, get_language() or "en")


def _cells(bucket: int, line: list[int], by: str, currency: str) -> list[Cell]:
    """A row of the heat map: worse to the right of the diagonal, better to its left; deep colour is a large share."""
    whole = sum(line)
    cells = []
    for column, value in enumerate(line):
        share = Decimal(value) / whole if whole else None
        side = "same" if column == bucket else "worse" if column > bucket else "better"
        # The square root spreads the small shares of one night, which a linear scale would leave all white.
        level = ceil(sqrt(float(share)) * 8) if share else 0
        cells.append(Cell(share, _number(value, by, currency), f"{side}-{level}", f"M{bucket} → M{column}"))
    return cells
