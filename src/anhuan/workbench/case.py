"""The page of one case: the person masked, what she owes, how late she is, and everything that happened.

Knows how a case is read (`records.access`) and the one act of this page, the look at personal data with a reason. Does
not know how data is sealed, nor keeps anything that was revealed: answers are never cached, and no value stands in an
address, a title or a log.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _later
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import reswap, retarget

from anhuan import clock
from anhuan.acts import identity as looks
from anhuan.core.vocabulary import PaymentKind, Presence
from anhuan.records import access, events, identity
from anhuan.records.account import Account
from anhuan.records.case import BucketSpan
from anhuan.records.customer import Customer
from anhuan.records.hold import Hold
from anhuan.records.payment import Payment
from anhuan.workbench import cases, figures, gate, strategy
from anhuan.workbench.frame import business_date, may_reveal, page, reader
from anhuan.workbench.happenings import told

COMPONENTS = ("principal", "interest", "penalty", "fees", "instalment_unbilled")
EVENTS = 200
PAYMENTS = 20
DEEDS = 30
REVEALED_SECONDS = 60

# What may be asked for, under the words a person ticks.
REVEALABLE = {
    "name": _later("Name"),
    "id_number": _later("ID number"),
    "birth_date": _later("Birth date"),
    "employer": _later("Employer"),
    "phone": _later("Phone numbers and their owners' names"),
    "email": _later("E-mail addresses"),
    "address": _later("Addresses"),
    "app": _later("App accounts"),
}

# The contact points that stand behind a field that may be asked for.
_KINDS = {"phone": ("mobile", "phone"), "email": ("email",), "address": ("address",), "app": ("app",)}


@page
@require_GET
def case(request: HttpRequest, case_id: str) -> HttpResponse:
    """The whole page, everything personal masked; the query names the list it was opened from."""
    found = access.case(reader(request), case_id, events=EVENTS)
    if found is None:
        raise Http404
    done = access.conduct(reader(request), case_id, limit=DEEDS)
    listing = cases.Listing.of(request)
    now = clock.now()
    context = {
        "case": found.case,
        "deeds": gate.deeds(done)[:DEEDS] if done else [],
        "holds": sorted(((hold, stands(hold, now)) for hold in done.holds), key=lambda each: not each[1]) if done else [],
        "accounts": [(account, owed(account)) for account in found.accounts],
        "totals": totals(found.accounts),
        "history": history(found.spans),
        "payments": payments(found.accounts),
        "events": told(found.events, contacts=done.contacts if done else ()),
        "more_events": found.case.events > EVENTS,
        "neighbours": cases.neighbours(request, listing, case_id),
        "list_query": listing.query(),
        "why": strategy.why(case_id, business_date()),
        **_person(request, case_id),
    }
    return render(request, "workbench/case.html", context)


@page
@require_POST
@sensitive_post_parameters("reason")
def reveal(request: HttpRequest, case_id: str) -> HttpResponse:
    """Show what was ticked in clear, once, to someone who may and who says why."""
    if not may_reveal(reader(request)):
        raise PermissionDenied
    if access.case(reader(request), case_id, events=0) is None:
        raise Http404
    answer = looks.reveal(
        case_id,
        fields=[field for field in request.POST.getlist("field") if field in REVEALABLE],
        reason=request.POST.get("reason", ""),
        at=clock.now(),
        by=reader(request).get_username(),
    )
    context = _person(request, case_id)
    if not isinstance(answer, identity.Person):
        refusal = {"message_zh": answer.zh, "message_en": answer.en}
        response = render(request, "workbench/_reveal_refused.html", {"refusal": refusal}, status=422)
        return reswap(retarget(response, "#reveal-refused"), "outerHTML")
    fields = set(request.POST.getlist("field"))
    context |= {
        "person": answer,
        "revealed": fields,
        "revealed_kinds": {kind for field in fields for kind in _KINDS.get(field, ())},
        "revealed_seconds": REVEALED_SECONDS,
    }
    return render(request, "workbench/_person.html", context)


@page
@require_GET
def chain(request: HttpRequest, case_id: str) -> HttpResponse:
    """Recompute the hashes of this case's events and say whether they hold."""
    if access.case(reader(request), case_id, events=0) is None:
        raise Http404
    return render(request, "workbench/_chain.html", {"answer": events.verify(case=case_id)})


def _person(request: HttpRequest, case_id: str) -> dict[str, Any]:
    """What the person's part of the page needs, masked."""
    return {
        "case_id": case_id,
        "person": identity.masked(case_id),
        "customer": Customer.objects.defer("sealed", "name_index", "id_index").filter(pk=case_id).first(),
        "may_reveal": may_reveal(reader(request)),
        "revealable": REVEALABLE.items(),
        "reasons": (_("Checking identity before a call"), _("Customer called in"), _("Handling a complaint"), _("Data repair")),
        "revealed": set(),
    }


def stands(hold: Hold, at: datetime) -> bool:
    """Whether a hold is in force at an instant."""
    return hold.begins <= at and (hold.ends is None or at < hold.ends)


def owed(account: Account) -> list[figures.Slice]:
    """What makes up the balance of an account, laid end to end."""
    return figures.stack([(name, getattr(account, f"{name}_minor")) for name in COMPONENTS])


@dataclass(frozen=True)
class Total:
    """What is owed in one currency over the overdue accounts that were delivered or kept."""

    currency: str
    past_due_minor: int
    minimum_due_minor: int
    balance_minor: int
    parts: list[figures.Slice]


def totals(accounts: list[Account]) -> list[Total]:
    """Sums by currency, CNY first; an account missing from the delivery owes nobody knows what and is left out."""
    by_currency: dict[str, list[Account]] = defaultdict(list)
    for account in accounts:
        if account.bucket > 0 and account.presence != Presence.MISSING:
            by_currency[account.currency].append(account)
    return [
        Total(
            currency,
            sum(account.past_due_amount_minor for account in group),
            sum(account.minimum_due_minor or 0 for account in group),
            sum(account.balance_total_minor for account in group),
            figures.stack([(name, sum(getattr(account, f"{name}_minor") for account in group)) for name in COMPONENTS]),
        )
        for currency, group in sorted(by_currency.items(), key=lambda entry: (entry[0] != "CNY", entry[0]))
    ]


def history(spans: list[BucketSpan]) -> dict[str, Any]:
    """The bucket from night to night, as the steps `charts.js` draws and the same as rows, newest first."""
    points = [(span.since.isoformat(), span.bucket) for span in spans]
    today = business_date()
    if points and today and points[-1][0] < today.isoformat():
        points.append((today.isoformat(), points[-1][1]))
    ends: list[date | None] = [*(span.since for span in spans[1:]), today]
    return {
        "chart": {
            "points": points,
            "restated": [(s.since.isoformat(), s.bucket) for s in spans if s.restated],
            "word": _("Bucket"),
        },
        "rows": [
            {
                "since": span.since,
                "bucket": span.bucket,
                "restated": span.restated,
                "days": (end - span.since).days if end else None,
            }
            for span, end in reversed(list(zip(spans, ends, strict=False)))
        ],
    }


def payments(accounts: list[Account]) -> list[Payment]:
    """The last payments and reversals on the accounts of the case; a reversal's `signed_minor` is negative."""
    ids = [account.account_id for account in accounts]
    posted = list(Payment.objects.filter(account_id__in=ids).order_by("-effective_on", "-payment_id")[:PAYMENTS])
    for posting in posted:
        reversal = posting.kind == PaymentKind.REVERSAL
        posting.signed_minor = -posting.amount_minor if reversal else posting.amount_minor  # type: ignore[attr-defined]
    return posted
