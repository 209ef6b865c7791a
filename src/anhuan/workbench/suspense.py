"""Money in suspense: the queue, and one of it with its candidates and what may be done.

Knows how it is shown and asked; each step is an act (`acts.suspense`). What a payer wrote is personal: it is read in clear by those who
may, and the look is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from anhuan import clock
from anhuan.acts import law
from anhuan.acts import suspense as acts
from anhuan.core.money import parse_minor
from anhuan.portfolio.feed import Sentence
from anhuan.records import identity
from anhuan.records.account import Account
from anhuan.records.payment import Paid, Result
from anhuan.records.payment_suspense import IN_SUSPENSE, Suspense, SuspenseState
from anhuan.workbench.compliance import day_of
from anhuan.workbench.frame import may_reveal, page, reader, viewed
from anhuan.workbench.payments import post_right
from anhuan.workbench.spreadsheet import file_response

PER_PAGE = 50
EXPORTED = 20_000


@page
@require_GET
def suspense(request: HttpRequest) -> HttpResponse:
    """The queue, oldest first: what is open or waits for a second person, or by another state."""
    post_right(request)
    state, first, last, found = _listed(request)
    context = {
        "first": first, "last": last,
        "query": urlencode({name: str(value) for name, value in (("state", state), ("from", first), ("to", last)) if value}),
        "items": Paginator(found.prefetch_related("candidates").order_by("since", "pk"), PER_PAGE).get_page(
            request.GET.get("page")
        ),
        "states": [each.value for each in SuspenseState],
        "state": state,
    }  # fmt: skip
    return render(request, "workbench/suspense.html", context)


def _listed(request: HttpRequest) -> tuple[str, date | None, date | None, QuerySet[Suspense]]:
    """What the address asks for: a state, the days on which it came, and those."""
    state, first, last = request.GET.get("state", ""), day_of(request.GET.get("from", "")), day_of(request.GET.get("to", ""))
    found = Suspense.objects.select_related("entry").filter(entry__result=Result.SUSPENSE)
    found = found.filter(state=state) if state in set(SuspenseState) else found.filter(state__in=IN_SUSPENSE)
    found = found.filter(since__gte=law.day(first)[0]) if first else found
    return state, first, last, found.filter(since__lt=law.day(last)[1]) if last else found


_COLUMNS = ("since", "reference", "kind", "amount_minor", "currency", "effective_on", "why", "state", "decided_by")


@page
@require_GET
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """The queue as a file, without what payers wrote."""
    post_right(request)
    *_, found = _listed(request)
    rows = (
        [each.since, each.entry.reference, each.entry.kind, each.entry.amount_minor, each.entry.currency, each.entry.effective_on,
         each.why, each.state, each.decided_by]
        for each in found.order_by("since", "pk")[:EXPORTED]
    )  # fmt: skip
    return file_response(form, f"suspense-{timezone.localdate(clock.now())}", _COLUMNS, rows)


@page
@require_GET
def suspense_item(request: HttpRequest, suspense_id: UUID) -> HttpResponse:
    """One of it: what it is, whose it may be and why, and what may be done."""
    post_right(request)
    item = get_object_or_404(Suspense.objects.select_related("entry"), pk=suspense_id, entry__result=Result.SUSPENSE)
    candidates = list(item.candidates.order_by("-score", "account_id"))
    accounts = Account.objects.in_bulk([each.account_id for each in candidates])
    names = identity.masked_names({each.customer_id for each in candidates})
    if candidates:
        viewed(request, {each.customer_id for each in candidates})
    entry = item.entry
    same = Paid.objects.filter(account_id__in=accounts, currency=entry.currency, amount_minor=entry.amount_minor)
    context = {
        "item": item, "entry": entry, "two_people": acts.two_people(entry.amount_minor, entry.currency),
        "candidates": [(each, accounts.get(each.account_id), names.get(each.customer_id, "")) for each in candidates],
        "same": same.exclude(kind="reversal").order_by("-effective_on")[:10], "in_suspense": item.state in IN_SUSPENSE,
        "mine": item.decided_by == reader(request).get_username(), "may_reveal": may_reveal(reader(request)),
    }  # fmt: skip
    return render(request, "workbench/suspense_item.html", context)


@page
@require_POST
def suspense_words(request: HttpRequest, suspense_id: UUID) -> HttpResponse:
    """What the payer wrote, in clear; the look is remembered."""
    post_right(request)
    if not may_reveal(reader(request)):
        raise PermissionDenied
    item = get_object_or_404(Suspense, pk=suspense_id)
    words = acts.read(item.pk, at=clock.now(), by=reader(request).get_username())
    return render(request, "workbench/_suspense_words.html", {"words": words})


@page
@require_POST
def suspense_act(request: HttpRequest, suspense_id: UUID) -> HttpResponse:
    """Match, split, return, merge, approve, refuse or undo."""
    post_right(request)
    item = get_object_or_404(Suspense.objects.select_related("entry"), pk=suspense_id, entry__result=Result.SUSPENSE)
    told: dict[str, Any] = {"reason": request.POST.get("reason", ""), "at": clock.now(), "by": reader(request).get_username()}
    answer = _done(item, request.POST, told)
    if isinstance(answer, Sentence):
        messages.error(request, answer.zh if (get_language() or "").startswith("zh") else answer.en)
    else:
        messages.success(
            request, _("Kept.") if answer.state != SuspenseState.PROPOSED else _("A second person is to approve it.")
        )
    return redirect("suspense_item", suspense_id)


def _done(item: Suspense, asked: Mapping[str, Any], told: dict[str, Any]) -> Suspense | Sentence:
    match asked.get("do"):
        case "match":
            return acts.match(item.pk, [acts.Part(str(asked.get("account", "")), item.entry.amount_minor)], **told)
        case "split":
            return acts.match(item.pk, _parts(str(asked.get("parts", "")), item.entry.currency), **told)
        case "return":
            return acts.give_back(item.pk, **told)
        case "merge":
            return acts.merge(item.pk, str(asked.get("payment", "")), **told)
        case "approve":
            return acts.approve(item.pk, at=told["at"], by=told["by"])
        case "refuse":
            return acts.refuse(item.pk, **told)
        case _:
            return acts.undo(item.pk, **told)


def _parts(text: str, currency: str) -> list[acts.Part]:
    """One account and its amount a line, as `A001 20.00`; a line that cannot be read has no amount, which is refused."""
    parts = []
    for line in filter(None, map(str.strip, text.splitlines())):
        account, _space, amount = line.partition(" ")
        try:
            minor = parse_minor(amount.strip(), currency)
        except ValueError:
            minor = 0
        parts.append(acts.Part(account, minor))
    return parts
