"""The list of cases: filter, sort and page through a million of them, find one exactly, export what is listed.

Knows what a list's address holds (never a personal term) and how a page of it is drawn. Does not know how cases are
found and ordered: that is `records.access`. Names come masked from `records.identity`; no value in clear passes through
here but the words of an exact search, which are used and forgotten.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _later
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from anhuan import clock
from anhuan.acts import viewing
from anhuan.core.money import MINOR_DIGITS, minor_digits
from anhuan.core.vocabulary import CaseStatus, NightStatus
from anhuan.records import access, identity
from anhuan.records.access import CaseFilter, CaseLine, CasePage
from anhuan.records.account import Account
from anhuan.records.case import CaseFigures
from anhuan.records.night import Night
from anhuan.workbench import figures
from anhuan.workbench.frame import page, reader, viewed
from anhuan.workbench.spreadsheet import file_response

PAGE = 50
EXPORTED = 50_000
EXPORT_BATCH = 5_000
FOUND = 2_000

# The columns an open list is sorted by (`access.SORTS`), and what a reader calls them.
SORTS: dict[str, str | Promise] = {
    "dpd": _later("Days past due"),
    "past_due": _later("Past due"),
    "balance": _later("Balance"),
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
        least = asked.get("least", "") if _amount(asked.get("least", "")) is not None else ""
        currency = asked.get("currency", "") if asked.get("currency") in MINOR_DIGITS else ""
        return cls(
            status=CaseStatus.CLOSED if asked.get("status") == CaseStatus.CLOSED else CaseStatus.OPEN,
            buckets=tuple(sorted({int(text) for text in asked.getlist("bucket") if text in set("1234567")})),
            days_from=_whole(asked.get("from", "")),
            days_to=_whole(asked.get("to", "")),
            least=least,
            # An amount is one of a currency: unlike money is never compared.
            currency=currency or ("CNY" if least else ""),
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

    def filter(self, request: HttpRequest) -> CaseFilter:
        """The same as `records.access` asks for it; a closed case has only its id and its days."""
        ids = found_ids(request, self)
        if self.status == CaseStatus.CLOSED:
            return CaseFilter(status=CaseStatus.CLOSED, ids=ids)
        least = int(Decimal(self.least).scaleb(minor_digits(self.currency)).to_integral_value()) if self.least else None
        return CaseFilter(
            buckets=self.buckets,
            currency=self.currency or None,
            days_from=self.days_from,
            days_to=self.days_to,
            past_due_from=least,
            segment=self.segment or None,
            region=self.region or None,
            placed_with=self.placed or None,
            missing=self.missing,
            ids=ids,
        )

    def page(
        self,
        request: HttpRequest,
        *,
        limit: int = PAGE,
        after: access.Key | None = None,
        before: access.Key | None = None,
    ) -> CasePage:
        """A page of this list, following key `after` or leading up to key `before`."""
        return access.cases(
            reader(request),
            self.filter(request),
            sort=self.sort.removeprefix("-"),
            descending=not self.sort.startswith("-"),
            after=after,
            before=before,
            limit=limit,
        )

    def key(self, line: CaseLine) -> access.Key:
        """The place of a case in this list."""
        if self.status == CaseStatus.CLOSED:
            return line.closed_on, line.case_id
        return getattr(line, access.SORTS[self.sort.removeprefix("-")]), line.case_id


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else None


def _amount(text: str) -> Decimal | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < 10**12 else None


def _key_as_text(key: access.Key) -> str:
    return f"{key[0]}~{key[1]}"


def _key(text: str, listing: Listing) -> access.Key | None:
    """The place an address names, or None when it cannot be one of this list."""
    value, mark, case_id = text.partition("~")
    try:
        return (
            (date.fromisoformat(value) if listing.status == CaseStatus.CLOSED else int(value[:19]), case_id) if mark else None
        )
    except ValueError:
        return None


# --- The list -----------------------------------------------------------------------------------------------------


@page
@require_GET
def cases(request: HttpRequest) -> HttpResponse:
    """The list, or only its table for htmx."""
    listing = Listing.of(request)
    after, before = (_key(request.GET.get(name, ""), listing) for name in ("after", "before"))
    shown = listing.page(request, after=None if before else after, before=before)
    names = identity.masked_names(line.case_id for line in shown.lines)
    links = [
        listing.query(**{name: _key_as_text(key)}) if key else ""
        for name, key in (("before", shown.before), ("after", shown.after))
    ]
    context = {
        "listing": listing,
        "listing_query": listing.query(),
        "rows": [(line, names.get(line.case_id, "")) for line in shown.lines],
        "total": _total(listing, shown),
        "heads": _heads(listing),
        "before": links[0],
        "after": links[1],
        "buckets": range(1, 8),
        "choices": choices(),
        "found_number": len(found_ids(request, listing) or ()),
        "cap": EXPORTED,
    }
    part = request.htmx and not request.htmx.history_restore_request  # type: ignore[attr-defined]
    return render(request, "workbench/_cases.html" if part else "workbench/cases.html", context)


def _total(listing: Listing, shown: CasePage) -> str:
    """How many cases the list has; an estimate says so, and does not pretend to digits it does not know."""
    if shown.counted:
        return figures.count(shown.total)
    night = latest_night()
    if listing == replace(Listing(), sort=listing.sort) and night is not None:
        return figures.count(int(night.result["cases"]["open"]))
    return _("about %(number)s") % {"number": figures.count(int(Decimal(f"{shown.total:.1e}")))}


def latest_night() -> Night | None:
    """The night the book stands at."""
    return Night.objects.filter(status=NightStatus.SEALED).order_by("-business_date").first()


def _heads(listing: Listing) -> list[dict[str, Any]]:
    """The sortable heads: a click sorts by the column, a second one turns the order."""
    heads = []
    for word, name in SORTS.items():
        chosen = listing.sort.removeprefix("-") == word
        turned = f"-{word}" if listing.sort == word else word
        direction = "ascending" if listing.sort.startswith("-") else "descending"
        heads.append({"name": name, "query": replace(listing, sort=turned).query(), "sorted": direction if chosen else ""})
    return heads


def choices() -> dict[str, list[str]]:
    """The values the filters offer; they change with the night, so each night's are asked for once."""
    night = latest_night()
    key = f"case-choices:{night.manifest_sha256 if night else ''}"
    kept: dict[str, list[str]] | None = cache.get(key)
    if kept is None:
        seen = list(CaseFigures.objects.values_list("currency", "segment", "placed_with").distinct())
        columns = zip(("currency", "segment", "placed_with"), zip(*seen, strict=True) if seen else ((), (), ()), strict=True)
        kept = {name: sorted({value for value in values if value}) for name, values in columns}
        cache.set(key, kept, timeout=24 * 3600)
    return kept


def neighbour(request: HttpRequest, listing: Listing, case_id: str, way: str) -> str | None:
    """The case before (`way` is "previous") or after one in the list it was opened from; None where there is none."""
    itself = access.cases(reader(request), CaseFilter(status=listing.status, ids=(case_id,))).lines
    if not itself:
        return None
    key = listing.key(itself[0])
    at = {"before": key} if way == "previous" else {"after": key}
    lines = listing.page(request, **at, limit=1).lines
    return lines[0].case_id if lines else None


# --- Exact search ---------------------------------------------------------------------------------------------------


@page
@require_POST
@sensitive_post_parameters("text")
def search(request: HttpRequest) -> HttpResponse:
    """Find cases by a case or account number, or by a personal term that is used here and kept nowhere."""
    text = request.POST.get("text", "").strip()[:64]
    wanted = _ids_of(text) if text else ()
    found = {
        status: [
            line.case_id for line in access.cases(reader(request), CaseFilter(status=status, ids=wanted), limit=FOUND).lines
        ]
        for status in (CaseStatus.OPEN, CaseStatus.CLOSED)
    }
    ids = found[CaseStatus.OPEN] + found[CaseStatus.CLOSED]
    viewed(request, ids)
    if len(ids) == 1 or text in ids:
        return redirect("case", text if text in ids else ids[0])
    if not ids:
        messages.info(request, _("Nothing was found. The search is exact: a whole number, or a whole name."))
        return redirect("cases")
    token = secrets.token_hex(8)
    # Only ids are kept, with the session, so that the list can be sorted and paged without the words searched for.
    kept: dict[str, list[str]] = request.session.get("found", {})
    request.session["found"] = {**dict(list(kept.items())[-4:]), token: ids[:FOUND]}
    status = CaseStatus.OPEN if found[CaseStatus.OPEN] else CaseStatus.CLOSED
    return redirect(f"{reverse('cases')}?{Listing(status=status, found=token).query()}")


def _ids_of(text: str) -> tuple[str, ...]:
    """Whose case a text may mean: its own number, an account's owner, or the persons a personal term belongs to."""
    owners = {text, *Account.objects.filter(pk=text).values_list("customer_id", flat=True)}
    for kind in identity.SEARCHABLE:
        owners.update(identity.search(kind, text))
    return tuple(sorted(owners))


def found_ids(request: HttpRequest, listing: Listing) -> tuple[str, ...] | None:
    """The ids an exact search of this session found; None when the list is not such a search's."""
    if not listing.found:
        return None
    kept: Mapping[str, list[str]] = request.session.get("found", {})
    return tuple(kept.get(listing.found, ()))


# --- Export -------------------------------------------------------------------------------------------------------


@page
@require_GET
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """The list as a file with masked names, in its order, at most EXPORTED rows; `X-Rows` says about how many come."""
    listing = Listing.of(request)
    total = min(listing.page(request, limit=1).total, EXPORTED)
    viewing.exported(rows=total, asked=listing.query(), at=clock.now(), by=reader(request).get_username())
    night = latest_night()
    columns = _OPEN_COLUMNS if listing.status == CaseStatus.OPEN else _CLOSED_COLUMNS
    name = f"cases-{listing.status}-{night.business_date if night else 'none'}"
    answer = file_response(form, name, columns, _rows(request, listing, columns))
    answer["X-Rows"] = str(total)
    return answer


_OPEN_COLUMNS = (
    "case_id", "name", "bucket", "days_past_due", "currency", "past_due_amount", "balance_total", "accounts",
    "overdue_accounts", "missing_accounts", "segment", "region_code", "placed_with", "opened_on",
)  # fmt: skip
_CLOSED_COLUMNS = ("case_id", "name", "opened_on", "closed_on", "reopened")


def _rows(request: HttpRequest, listing: Listing, columns: tuple[str, ...]) -> Iterator[list[Any]]:
    """The list's cells, page by page."""
    after: access.Key | None = None
    for _batch in range(EXPORTED // EXPORT_BATCH):
        shown = listing.page(request, after=after, limit=EXPORT_BATCH)
        names = identity.masked_names(line.case_id for line in shown.lines)
        for line in shown.lines:
            yield [_cell(line, column, names) for column in columns]
        after = shown.after
        if after is None:
            return


def _cell(line: CaseLine, column: str, names: Mapping[str, str]) -> Any:
    if column in ("past_due_amount", "balance_total"):
        minor = getattr(line, f"{column}_minor")
        return Decimal(minor).scaleb(-minor_digits(line.currency)) if line.currency else ""
    return names.get(line.case_id, "") if column == "name" else getattr(line, column)
