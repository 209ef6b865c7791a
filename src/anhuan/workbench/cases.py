"""The list of cases: filter, sort and page through a million of them, find one exactly, export what is listed.

Knows what a list's address holds (never a personal term) and how a page of it is drawn. A page is found by the key of
the row before it, so that the last page is as quick as the first. Names come masked from `records.identity`; no value
in clear passes through here but the words of an exact search, which are used and forgotten.
"""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _later
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from anhuan.core.money import MINOR_DIGITS, format_minor
from anhuan.core.vocabulary import CaseStatus, NightStatus
from anhuan.records import identity
from anhuan.records.account import Account
from anhuan.records.case import Case, CaseFigures
from anhuan.records.night import Night
from anhuan.workbench import figures
from anhuan.workbench.frame import page

PAGE = 50
COUNTED = 10_000
EXPORTED = 50_000
FOUND = 2_000

# The columns an open list is sorted by: word in the address, field, what a reader calls it. All are indexed.
SORTS: dict[str, tuple[str, str | Promise]] = {
    "days": ("days_past_due", _later("Days past due")),
    "past_due": ("past_due_amount_minor", _later("Past due")),
    "balance": ("balance_total_minor", _later("Balance")),
}


@dataclass(frozen=True)
class Listing:
    """What a list shows and in which order; its address says the same (`query`). `sort` with a leading `-` ascends."""

    status: str = CaseStatus.OPEN
    buckets: tuple[int, ...] = ()
    days_from: int | None = None
    days_to: int | None = None
    least: str = ""
    currency: str = ""
    segment: str = ""
    placed: str = ""
    region: str = ""
    missing: bool = False
    sort: str = "past_due"
    found: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> Listing:
        """What the query asks for; a value it cannot mean is as if it were not there."""
        asked = request.GET
        sort = asked.get("sort", "past_due")
        return cls(
            status=CaseStatus.CLOSED if asked.get("status") == CaseStatus.CLOSED else CaseStatus.OPEN,
            buckets=tuple(sorted({int(text) for text in asked.getlist("bucket") if text in set("1234567")})),
            days_from=_whole(asked.get("from", "")),
            days_to=_whole(asked.get("to", "")),
            least=asked.get("least", "") if _amount(asked.get("least", "")) is not None else "",
            currency=asked.get("currency", "") if asked.get("currency") in MINOR_DIGITS else "",
            segment=asked.get("segment", "")[:64],
            placed=asked.get("placed", "")[:64],
            region="".join(sign for sign in asked.get("region", "")[:6] if sign in "0123456789"),
            missing=asked.get("missing") == "1",
            sort=sort if sort.removeprefix("-") in SORTS else "past_due",
            found=asked.get("found", "")[:32],
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything but state and order is asked for."""
        return replace(self, status=CaseStatus.OPEN, sort="past_due") != Listing()

    def query(self, **more: str) -> str:
        """The address's query of this list: only what differs from the plain one, and `more`."""
        told: dict[str, Any] = {
            "status": self.status if self.status != CaseStatus.OPEN else None,
            "bucket": list(self.buckets),
            "from": self.days_from,
            "to": self.days_to,
            "missing": "1" if self.missing else None,
            "sort": self.sort if self.sort != "past_due" else None,
            **{name: getattr(self, name) for name in ("least", "currency", "segment", "placed", "region", "found")},
            **more,
        }
        return urlencode({name: value for name, value in told.items() if value not in (None, "", [])}, doseq=True)

    @property
    def order(self) -> tuple[str, bool]:
        """The field the list is sorted by, and whether it descends. Equal values follow the case id the same way."""
        if self.status == CaseStatus.CLOSED:
            return "closed_on", True
        return SORTS[self.sort.removeprefix("-")][0], not self.sort.startswith("-")


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else None


def _amount(text: str) -> Decimal | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < 10**12 else None


# --- Rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """One page of a list, the keys of its neighbours as query parameters, empty where there is none."""

    rows: list[Any]
    before: str
    after: str


def matching(listing: Listing, found: Iterable[str] | None) -> QuerySet[Any]:
    """The rows of a list, in no order: `CaseFigures` of open cases, `Case` of closed ones. `found`: only these ids."""
    if listing.status == CaseStatus.CLOSED:
        rows: QuerySet[Any] = Case.objects.filter(status=CaseStatus.CLOSED, closed_on__isnull=False)
        return rows if found is None else rows.filter(pk__in=list(found))
    rows = CaseFigures.objects.all()
    if found is not None:
        rows = rows.filter(pk__in=list(found))
    if listing.buckets:
        rows = rows.filter(bucket__in=listing.buckets)
    if listing.least:
        rows = rows.filter(_at_least(Decimal(listing.least)))
    if listing.missing:
        rows = rows.filter(missing_accounts__gt=0)
    exact = {
        "days_past_due__gte": listing.days_from,
        "days_past_due__lte": listing.days_to,
        "currency": listing.currency,
        "segment": listing.segment,
        "placed_with": listing.placed,
        "region_code__startswith": listing.region,
    }
    return rows.filter(**{name: value for name, value in exact.items() if value not in (None, "")})


def _at_least(amount: Decimal) -> Q:
    """Past due by `amount` or more in the major unit of each row's own currency."""
    by_digits: dict[int, list[str]] = {}
    for currency, digits in MINOR_DIGITS.items():
        by_digits.setdefault(digits, []).append(currency)
    return Q(*(
        Q(currency__in=currencies, past_due_amount_minor__gte=int(amount.scaleb(digits).to_integral_value()))
        for digits, currencies in by_digits.items()
    ), _connector=Q.OR)  # fmt: skip


def beyond(rows: QuerySet[Any], listing: Listing, key: tuple[Any, str] | None, *, backward: bool = False) -> QuerySet[Any]:
    """The rows after `key` in the list's order, or before it, nearest first; all of them without a key."""
    field, descending = listing.order
    down = descending != backward
    if key is not None:
        # A comparison of rows is what the index on (value, case_id) answers at once, wherever in the list it is.
        rows = rows.extra(where=[f"({field}, case_id) {'<' if down else '>'} (%s, %s)"], params=list(key))
    sign = "-" if down else ""
    return rows.order_by(f"{sign}{field}", f"{sign}case_id")


def window(rows: QuerySet[Any], listing: Listing, request: HttpRequest) -> Window:
    """The page that the query's `after` or `before` names; the first one by default."""
    field, _descending = listing.order
    after, before = (_key(request.GET.get(name, ""), field) for name in ("after", "before"))
    backward = before is not None
    shown = list(beyond(rows, listing, before or after, backward=backward)[: PAGE + 1])
    more, shown = len(shown) > PAGE, shown[:PAGE]
    if backward:
        shown.reverse()
    has_before, has_after = (more, True) if backward else (after is not None, more)
    return Window(
        shown,
        before=_as_text(shown[0], field) if shown and has_before else "",
        after=_as_text(shown[-1], field) if shown and has_after else "",
    )


def _as_text(row: Any, field: str) -> str:
    value = getattr(row, field)
    return f"{value.isoformat() if field == 'closed_on' else value}~{row.case_id}"


def _key(text: str, field: str) -> tuple[Any, str] | None:
    value, mark, case_id = text.partition("~")
    if not mark:
        return None
    if field == "closed_on":
        return (value, case_id) if len(value) == 10 and value.replace("-", "").isdigit() else None
    digits = value.removeprefix("-")
    return (int(value), case_id) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def neighbours(request: HttpRequest, listing: Listing, case_id: str) -> dict[str, str | None]:
    """The cases before and after one in the list it was opened from; None where there is none."""
    rows, (field, _descending) = matching(listing, found_ids(request, listing)), listing.order
    row = rows.model._default_manager.filter(pk=case_id).first()
    if row is None or getattr(row, field) is None:
        return {"previous": None, "next": None}
    key = (getattr(row, field), case_id)
    nearest = {"previous": beyond(rows, listing, key, backward=True), "next": beyond(rows, listing, key)}
    return {name: found.values_list("case_id", flat=True).first() for name, found in nearest.items()}


# --- The list -----------------------------------------------------------------------------------------------------


@page
@require_GET
def cases(request: HttpRequest) -> HttpResponse:
    """The list, or only its table for htmx."""
    listing = Listing.of(request)
    found = found_ids(request, listing)
    rows = matching(listing, found)
    shown = window(rows, listing, request)
    dress(shown.rows)
    context = {
        "listing": listing,
        "listing_query": listing.query(),
        "rows": shown.rows,
        "total": counted(listing, rows),
        "heads": _heads(listing),
        "before": listing.query(before=shown.before) if shown.before else "",
        "after": listing.query(after=shown.after) if shown.after else "",
        "buckets": range(1, 8),
        "choices": choices(),
        "found_number": len(found or ()),
        "cap": EXPORTED,
    }
    part = request.htmx and not request.htmx.history_restore_request  # type: ignore[attr-defined]
    return render(request, "workbench/_cases.html" if part else "workbench/cases.html", context)


def dress(rows: list[Any]) -> None:
    """Give each row the masked `name` of its customer and, where it has none of its own, the day its case `opened_on`."""
    ids = [row.case_id for row in rows]
    names = identity.masked_names(ids)
    opened = dict(Case.objects.filter(pk__in=ids).values_list("case_id", "opened_on"))
    for row in rows:
        row.name, row.opened_on = names.get(row.case_id, ""), opened.get(row.case_id)


def counted(listing: Listing, rows: QuerySet[Any]) -> str:
    """How many rows a list has, as text; counting stops where nobody would page to."""
    if listing == replace(Listing(), sort=listing.sort):
        latest = Night.objects.filter(status=NightStatus.SEALED).order_by("-business_date").first()
        if latest is not None:
            return figures.count(int(latest.result["cases"]["open"]))
    number = rows[: COUNTED + 1].count()
    return figures.count(number) if number <= COUNTED else _("more than %(number)s") % {"number": figures.count(COUNTED)}


def _heads(listing: Listing) -> list[dict[str, Any]]:
    """The sortable heads: a click sorts by the column, a second one turns the order."""
    heads = []
    for word, (_field, name) in SORTS.items():
        chosen = listing.sort.removeprefix("-") == word
        turned = f"-{word}" if listing.sort == word else word
        direction = "ascending" if listing.sort.startswith("-") else "descending"
        heads.append({"name": name, "query": replace(listing, sort=turned).query(), "sorted": direction if chosen else ""})
    return heads


def choices() -> dict[str, list[str]]:
    """The values the filters offer; they change with the night, so each night's are asked for once."""
    latest = Night.objects.filter(status=NightStatus.SEALED).order_by("-business_date").values_list("manifest_sha256").first()
    key = f"case-choices:{latest[0] if latest else ''}"
    kept: dict[str, list[str]] | None = cache.get(key)
    if kept is None:
        seen = list(CaseFigures.objects.values_list("currency", "segment", "placed_with").distinct())
        columns = zip(("currency", "segment", "placed_with"), zip(*seen, strict=True) if seen else ((), (), ()), strict=True)
        kept = {name: sorted({value for value in values if value}) for name, values in columns}
        cache.set(key, kept, timeout=24 * 3600)
    return kept


# --- Exact search ---------------------------------------------------------------------------------------------------


@page
@require_POST
@sensitive_post_parameters("text")
def search(request: HttpRequest) -> HttpResponse:
    """Find one case by its number, an account, or a personal term that is used here and kept nowhere."""
    text = request.POST.get("text", "").strip()[:64]
    ids = _found(text) if text else []
    if len(ids) == 1:
        return redirect("case", ids[0])
    if not ids:
        messages.info(request, _("Nothing was found. The search is exact: a whole number, or a whole name."))
        return redirect("cases")
    token = secrets.token_hex(8)
    # Only ids are kept, with the session, so that the list can be sorted and paged without the words searched for.
    kept: dict[str, list[str]] = request.session.get("found", {})
    request.session["found"] = {**dict(list(kept.items())[-4:]), token: ids[:FOUND]}
    status = CaseStatus.OPEN if CaseFigures.objects.filter(pk__in=ids).exists() else CaseStatus.CLOSED
    return redirect(f"{reverse('cases')}?{Listing(status=status, found=token).query()}")


def _found(text: str) -> list[str]:
    """Ids of the cases that a case or account number names, else those of the persons a term belongs to."""
    if Case.objects.filter(pk=text).exists():
        return [text]
    owners = list(Account.objects.filter(pk=text).values_list("customer_id", flat=True))
    for kind in () if owners else identity.SEARCHABLE:
        owners += identity.search(kind, text)
    return sorted(Case.objects.filter(pk__in=set(owners)).values_list("case_id", flat=True))


def found_ids(request: HttpRequest, listing: Listing) -> list[str] | None:
    """The ids an exact search of this session found; None when the list is not such a search's."""
    if not listing.found:
        return None
    kept: Mapping[str, list[str]] = request.session.get("found", {})
    return kept.get(listing.found, [])


# --- Export -------------------------------------------------------------------------------------------------------


@page
@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The list as CSV with masked names, in its order, at most EXPORTED rows; `X-Rows` says how many come."""
    listing = Listing.of(request)
    rows = beyond(matching(listing, found_ids(request, listing)), listing, None)[:EXPORTED]
    day = Night.objects.filter(status=NightStatus.SEALED).order_by("-business_date").values_list("business_date").first()
    name = f"cases-{listing.status}-{day[0] if day else 'none'}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Rows": str(rows.count())}
    return StreamingHttpResponse(_csv(rows, listing), content_type="text/csv; charset=utf-8", headers=headers)


_OPEN_COLUMNS = (
    "case_id", "name", "bucket", "days_past_due", "currency", "past_due_amount", "balance_total", "accounts",
    "overdue_accounts", "missing_accounts", "segment", "region_code", "placed_with", "opened_on",
)  # fmt: skip
_CLOSED_COLUMNS = ("case_id", "name", "opened_on", "closed_on", "reopened")


def _csv(rows: QuerySet[Any], listing: Listing) -> Iterator[str]:
    columns = _OPEN_COLUMNS if listing.status == CaseStatus.OPEN else _CLOSED_COLUMNS
    yield "\N{ZERO WIDTH NO-BREAK SPACE}" + ",".join(columns) + "\r\n"
    batch: list[Any] = []
    for row in rows.iterator(chunk_size=1000):
        batch.append(row)
        if len(batch) == 1000:
            yield _lines(batch, columns)
            batch = []
    if batch:
        yield _lines(batch, columns)


def _lines(batch: list[Any], columns: tuple[str, ...]) -> str:
    dress(batch)
    text = io.StringIO()
    csv.writer(text).writerows([_cell(row, column) for column in columns] for row in batch)
    return text.getvalue()


def _cell(row: Any, column: str) -> str:
    if column in ("past_due_amount", "balance_total"):
        value: object = format_minor(getattr(row, f"{column}_minor"), row.currency) if row.currency else ""
    else:
        value = getattr(row, column)
    text = "" if value is None else str(value)
    # A spreadsheet would run a text of the bank's that begins like a formula.
    return f"'{text}" if text[:1] in "=+-@\t" and not isinstance(value, int) else text
