"""Payments between nights: files looked at and taken, what the night has yet to confirm, and the card on a case's page.

Knows how these are shown and asked. What counts as paid, and once, is `acts.payment_import` and `acts.payment_posting`; money nobody
could place has pages of its own (`suspense`). A big file is taken a few batches at a time, each by a request of its own, so that the page
shows how far it is and whoever opens it again goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from anhuan import clock
from anhuan.acts import law as laws
from anhuan.acts import payment_import, payment_posting
from anhuan.acts import suspense as acts
from anhuan.core.money import parse_minor
from anhuan.core.vocabulary import PaymentKind
from anhuan.portfolio import statement
from anhuan.portfolio.feed import Sentence
from anhuan.records import access
from anhuan.records.account import Account
from anhuan.records.payment import ImportState, Paid, PaymentImport, Posting, PostingState
from anhuan.records.payment_suspense import IN_SUSPENSE, Suspense, SuspenseCandidate
from anhuan.records.staff import Right
from anhuan.workbench.compliance import day_of
from anhuan.workbench.frame import page, reader
from anhuan.workbench.spreadsheet import file_response
from anhuan.workbench.wall import Asked as Whose
from anhuan.workbench.wall import whose

MOST_BYTES = 64 << 20
"""The biggest file the page takes; a bigger one goes by the command line."""
BATCHES = 4
SHOWN = 100
FILES = 50
EXPORTED = 5_000
UNCONFIRMED_AFTER = timedelta(days=3)
"""A posting the bank has not confirmed for so long is asked about."""


def post_right(request: HttpRequest) -> None:
    if not reader(request).may(Right.POST):
        raise PermissionDenied


# --- which files --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """Which files the page's address asks for: of which state, taken on which days, by whom."""

    state: str = ""
    first: date | None = None
    last: date | None = None
    whose: Whose = field(default_factory=Whose)

    @classmethod
    def of(cls, request: HttpRequest) -> Asked:
        told = request.GET
        state = told.get("state", "")
        return cls(
            state if state in set(ImportState) else "",
            day_of(told.get("from", "")),
            day_of(told.get("to", "")),
            Whose.of(request),
        )

    def query(self) -> str:
        told = {"state": self.state, "from": self.first, "to": self.last, "team": self.whose.team, "person": self.whose.person}
        return urlencode({name: str(value) for name, value in told.items() if value not in (None, "")})

    def files(self) -> QuerySet[PaymentImport]:
        """Those files, newest first."""
        found = PaymentImport.objects.order_by("-pk")
        found = found.filter(state=self.state) if self.state else found
        found = found.filter(at__gte=laws.day(self.first)[0]) if self.first else found
        found = found.filter(at__lt=laws.day(self.last)[1]) if self.last else found
        return found.filter(by__in=self.whose.names()) if self.whose.narrowed else found


_COLUMNS = (
    "name",
    "sha256",
    "format",
    "layout",
    "state",
    "at",
    "by",
    "done_at",
    "lines",
    "posted",
    "known",
    "suspense",
    "set_aside",
)


@page
@require_GET
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """The list of files as a file, with what became of their lines."""
    post_right(request)
    rows = (
        [file.name, file.sha256, file.format, file.layout, file.state, file.at, file.by, file.done_at,
         *(told[name] for name in ("rows", "posted", "known", "suspense", "set_aside"))]
        for file in Asked.of(request).files()[:EXPORTED]
        for told in [payment_import.result(file)]
    )  # fmt: skip
    return file_response(form, f"payments-{timezone.localdate(clock.now())}", _COLUMNS, rows)


# --- files --------------------------------------------------------------------------------------------------------


@page
@require_GET
def payments(request: HttpRequest) -> HttpResponse:
    """Files, newest first, with what the night has yet to confirm or has posted otherwise."""
    post_right(request)
    today, asked = timezone.localdate(clock.now()), Asked.of(request)
    waiting = Posting.objects.filter(state=PostingState.PROVISIONAL, effective_on__lt=today - UNCONFIRMED_AFTER)
    context = {
        "files": [(file, payment_import.result(file)) for file in asked.files()[:FILES]],
        "asked": asked,
        "query": asked.query(),
        **whose(asked.whose),
        "more": asked.files().count() > FILES,
        "states": list(ImportState),
        "late": waiting.order_by("effective_on", "posting_id")[:SHOWN],
        "differing": Posting.objects.exclude(differs=[]).order_by("-posted_at")[:SHOWN],
        "in_suspense": Suspense.objects.filter(state__in=IN_SUSPENSE, entry__result="suspense").count(),
        "formats": statement.FORMATS,
        "layouts": sorted(file.stem.removeprefix("payments-") for file in _layouts().glob("payments-*.toml")),
    }
    return render(request, "workbench/payments.html", context)


def _layouts() -> Path:
    return Path(settings.ANHUAN_HOME) / "layouts"


@page
@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """Look at a file; nothing of it counts before somebody has seen what would."""
    post_right(request)
    file = request.FILES.get("file")
    if file is None or not file.size or file.size > MOST_BYTES:
        messages.error(request, _("Choose a file of at most 64 MB; a bigger one goes by the command anhuan payments import."))
        return redirect("payments")
    at = clock.now()
    chosen, form = request.POST.get("layout", ""), request.POST.get("format", "")
    try:
        layout = statement.layout(chosen, search=[_layouts()]) if chosen else statement.CANONICAL
        made = payment_import.preview(
            file.read(), name=Path(file.name or "").name, form=form if form in statement.FORMATS else "", layout=layout,
            today=timezone.localdate(at), at=at, by=reader(request).get_username(),
        )  # fmt: skip
    except statement.StatementUnreadable as wrong:
        messages.error(request, _tongue(wrong.zh, wrong.en))
        return redirect("payments")
    return redirect("payment_file", made.pk)


def _tongue(zh: str, en: str) -> str:
    return zh if (get_language() or "").startswith("zh") else en


@page
@require_GET
def payment_file(request: HttpRequest, pk: int) -> HttpResponse:
    """One file: what would become of its lines, or has; and what is wrong with some."""
    post_right(request)
    file = get_object_or_404(PaymentImport, pk=pk)
    return render(
        request, "workbench/payment_file.html", _progress(file) | {"findings": payment_import.findings(file, most=500)}
    )


def _progress(file: PaymentImport) -> dict[str, Any]:
    told = payment_import.result(file)
    staged = told["posted"] + told["suspense"] + told["waiting"] + told["known"] - file.known
    return {
        "file": file,
        "told": told,
        "staged": staged,
        "lost": told["waiting"] - told["matched"],
        "done": staged - told["waiting"],
    }


@page
@require_POST
def take(request: HttpRequest, pk: int) -> HttpResponse:
    """Take some batches of a file; the part of the page that says how far it is asks for the next by itself."""
    post_right(request)
    file = get_object_or_404(PaymentImport, pk=pk)
    file = payment_import.take(file, at=clock.now(), by=reader(request).get_username(), batches=BATCHES)
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("payment_file", file.pk)
    return render(request, "workbench/_payment_progress.html", _progress(file))


@page
@require_POST
def discard(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget a file that was only looked at."""
    post_right(request)
    file = get_object_or_404(PaymentImport, pk=pk)
    if payment_import.discard(file):
        messages.success(request, _("Nothing of the file is kept."))
        return redirect("payments")
    messages.error(request, _("The file has been taken and stays."))
    return redirect("payment_file", pk)


# --- a case's card ------------------------------------------------------------------------------------------------


@page
@require_GET
def card(request: HttpRequest, case_id: str) -> HttpResponse:
    """The part of a case page on payments: what counts as paid, how it was applied, and what may be hers."""
    return render(request, "workbench/_payments_card.html", _card(request, case_id))


def _card(request: HttpRequest, case_id: str, **told: Any) -> dict[str, Any]:
    staff = reader(request)
    if not access.may_see_case(staff, case_id):
        raise Http404
    accounts = list(Account.objects.filter(customer_id=case_id).order_by("account_id"))
    ids = [account.account_id for account in accounts]
    paid = list(Paid.objects.filter(account_id__in=ids).order_by("-effective_on", "payment_id")[:12])
    postings = {str(each.pk): each for each in Posting.objects.filter(customer_id=case_id).order_by("-effective_on")[:50]}
    named = {each.confirmed_by: each for each in postings.values() if each.confirmed_by}
    rows = [(each, postings.get(each.payment_id) or named.get(each.payment_id)) for each in paid]
    applied = {posting.pk: list(posting.allocations.order_by("number")) for _paid, posting in rows if posting is not None}
    candidates = SuspenseCandidate.objects.filter(
        customer_id=case_id, suspense__state__in=IN_SUSPENSE, suspense__entry__result="suspense"
    )
    return {
        "case_id": case_id,
        "accounts": accounts,
        "rows": [(each, posting, applied[posting.pk] if posting else []) for each, posting in rows],
        "candidates": candidates.select_related("suspense__entry").order_by("-suspense__since")[:10],
        "may_work": staff.may(Right.WORK),
        "may_post": staff.may(Right.POST),
        "today": timezone.localdate(clock.now()),
        **told,
    }


@page
@require_POST
def claim(request: HttpRequest, case_id: str) -> HttpResponse:
    """She says that she has paid: looked for, and held while it is looked for."""
    staff = reader(request)
    if not (staff.may(Right.WORK) or staff.may(Right.POST)):
        raise PermissionDenied
    context = _card(request, case_id)
    account = next((each for each in context["accounts"] if each.account_id == request.POST.get("account")), None)
    try:
        amount = parse_minor(request.POST.get("amount", "").strip(), account.currency) if account else 0
        paid_on = date.fromisoformat(request.POST.get("paid_on", ""))
    except ValueError:
        amount, paid_on = 0, date.min
    if account is None or amount <= 0 or not context["today"] - timedelta(days=60) <= paid_on <= context["today"]:
        wrong = _("Give the account, the amount as 1234.50, and a day of the last 60.")
        return render(request, "workbench/_payments_card.html", context | {"wrong": wrong}, status=422)
    answer = acts.claim(
        case_id, account_id=account.account_id, amount_minor=amount, currency=account.currency, paid_on=paid_on, at=clock.now(),
        by=staff.get_username(),
    )  # fmt: skip
    told = {"wrong": _tongue(answer.zh, answer.en)} if isinstance(answer, Sentence) else {"claimed": answer}
    return render(request, "workbench/_payments_card.html", _card(request, case_id, **told))


@page
@require_POST
def reverse(request: HttpRequest, posting_id: UUID) -> HttpResponse:
    """A payment we count is taken back: a chargeback, a bounced debit."""
    post_right(request)
    posting = get_object_or_404(Posting.objects.exclude(kind=PaymentKind.REVERSAL), pk=posting_id)
    made = payment_posting.reverse(
        posting_id, reason=request.POST.get("reason", "").strip(), at=clock.now(), by=reader(request).get_username()
    )
    told = (
        {}
        if isinstance(made, Posting)
        else {"wrong": _("This payment cannot be taken back: give a reason, or it is taken back already.")}
    )
    return render(
        request, "workbench/_payments_card.html", _card(request, posting.customer_id, **told), status=422 if told else 200
    )
