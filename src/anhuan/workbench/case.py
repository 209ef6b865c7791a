"""The page of one case: the person masked, what she owes, how late she is, and everything that happened.

Knows how a case is read (`records.access`), and the two acts of this page: the look at personal data with a reason, and a note. Does
not know how data is sealed, nor keeps anything that was revealed: answers are never cached, and no value stands in an address, a
title or a log. Cards of other rooms (plans, payments, disputes) come by addresses of their own.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _later
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import reswap, retarget

from anhuan import clock
from anhuan.acts import identity as looks
from anhuan.acts import law as laws
from anhuan.acts import note as notes
from anhuan.core.facts import Facts
from anhuan.core.vocabulary import Covers, Party, Presence
from anhuan.records import access, events, facts, identity
from anhuan.records.account import Account
from anhuan.records.call import Call
from anhuan.records.case import BucketSpan
from anhuan.records.contact import Contact
from anhuan.records.customer import Customer
from anhuan.records.events import Event
from anhuan.records.note import KeptFor, NoteKind
from anhuan.records.staff import Right
from anhuan.workbench import call, cases, figures, gate, holds, strategy
from anhuan.workbench import timeline as timeline_of
from anhuan.workbench.frame import business_date, may_reveal, page, reader, viewed
from anhuan.workbench.happenings import told

COMPONENTS = ("principal", "interest", "penalty", "fees", "instalment_unbilled")
EVENTS = 30
"""Events of the chain that are shown, once somebody gets as far down the page."""
CARDS = ("worklist", "plans", "disputes", "payments")
"""Rooms that give this page a card of theirs, under `ROOM/card/CASE/`."""
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
    found = access.case(reader(request), case_id, events=0)
    if found is None:
        raise Http404
    now = clock.now()
    works = reader(request).may(Right.WORK)
    law, parts = laws.in_force(now), _person(request, case_id)
    known = facts.known_of(case_id, at=now, since=now - facts.reach(law))
    late = [account.account_id for account in found.accounts if account.bucket > 0]
    ours, others = gate.strip(case_id, law, now, known=known, person=parts["person"], late=late)
    asked = timeline_of.Asked(case_id, reads=works)
    lines, further = timeline_of.lines(asked, now=now)
    agreed = works and agrees(known.facts, now)
    by, today = reader(request).get_username(), business_date()
    context = {
        "case": found.case,
        "book_date": today,
        "now": now,
        "figures": found.figures,
        "works": works,
        "ours": ours,
        "others": others,
        "ways": call.ways(by, settings.ANHUAN_HOME) if works else [],
        "lines": lines,
        "further": further,
        "kinds": timeline_of.KINDS,
        "chosen_kinds": frozenset(timeline_of.KINDS),
        "vulnerable": timeline_of.sensitive(case_id) if agreed else [],
        "agreed": agreed,
        "wishes": wishes(known.facts, now),
        **calls_of(case_id, by if works else "", now),
        **holds.standing(request, case_id, now),
        "cards": cards(case_id),
        "accounts": [(account, owed(account)) for account in found.accounts],
        "totals": totals(found.accounts),
        "history": history(found.spans, today),
        "list_query": cases.Listing.of(request).query(),
        "why": strategy.why(case_id, today),
        **parts,
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
    viewed(request, [case_id], clear=True, reason=request.POST.get("reason", ""))
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


@page
@require_GET
def chained(request: HttpRequest, case_id: str) -> HttpResponse:
    """The newest events of this case's chain, with their hashes."""
    found = access.case(reader(request), case_id, events=EVENTS)
    if found is None:
        raise Http404
    context = {
        "case": found.case, "events": told(found.events, contacts=contacts_of(found.events)),
        "more_events": found.case.events > EVENTS,
    }  # fmt: skip
    return render(request, "workbench/_case_events.html", context)


@page
@require_GET
def beside(request: HttpRequest, case_id: str, way: str) -> HttpResponse:
    """The case before or after this one in the list it was opened from; the list itself where there is none."""
    if not access.may_see_case(reader(request), case_id):
        raise Http404
    listing = cases.Listing.of(request)
    found = cases.neighbour(request, listing, case_id, way)
    request.kept_look = True  # type: ignore[attr-defined]  # nothing of her is shown
    return redirect(f"{reverse('case', args=[found]) if found else reverse('cases')}?{listing.query()}")


def _person(request: HttpRequest, case_id: str) -> dict[str, Any]:
    """What the person's part of the page needs, masked."""
    customer = Customer.objects.filter(pk=case_id).first()
    return {
        "case_id": case_id,
        "person": identity.masked(case_id, customer=customer) if customer else None,
        "customer": customer,
        "may_reveal": may_reveal(reader(request)),
        "revealable": REVEALABLE.items(),
        "reasons": (_("Checking identity before a call"), _("Customer called in"), _("Handling a complaint"), _("Data repair")),
        "revealed": set(),
    }


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


def history(spans: list[BucketSpan], today: date | None) -> dict[str, Any]:
    """The bucket from night to night, as the steps `charts.js` draws and the same as rows, newest first."""
    points = [(span.since.isoformat(), span.bucket) for span in spans]
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


# --- what stands around it ----------------------------------------------------------------------------------------


def calls_of(case_id: str, by: str, now: datetime) -> dict[str, Any]:
    """When somebody last showed on a call of today that she is the customer; and the call that `by` has not wrapped up yet."""
    today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    of_her = Q(customer_id=case_id, verified_at__gte=today, party=Party.DEBTOR)
    found = list(Call.objects.filter(of_her | Q(by=by, closed_at=None) if by else of_her))
    checked = [
        each.verified_at
        for each in found
        if each.customer_id == case_id and each.party == Party.DEBTOR and each.verified_at and each.verified_at >= today
    ]
    return {
        "verified": max(checked, default=None),
        "open_call": next((each for each in found if each.by == by and each.closed_at is None), None),
    }


@dataclass(frozen=True)
class Wish:
    """Something she agreed to, or asked not to have: a table of `words`, the word, its channel, and when she said it."""

    table: str
    word: str
    channel: str
    at: datetime
    ends: datetime | None = None


def wishes(known: Facts, now: datetime) -> list[Wish]:
    """Consents that stand and what she wishes not to have, newest first."""
    told = [
        Wish("covers", cover.value, each.channel or "", each.at, each.ends)
        for each in known.consents
        if each.ends is None or now < each.ends
        for cover in sorted(each.covers)
    ]
    told += [Wish("wish", "opt_out", each.channel, each.at) for each in known.opt_outs]
    told += [Wish("wish", "time", each.channel or "", each.at) for each in known.time_blocks]
    told += [Wish("wish", f"place_{each.place}", "", each.at) for each in known.place_bars]
    told += [Wish("wish", "cease", "", known.ceased_at)] if known.ceased_at else []
    return sorted(told, key=lambda each: each.at, reverse=True)


def agrees(known: Facts, now: datetime) -> bool:
    """Whether she agrees to notes of health or the like being kept, as of now."""
    return any(
        Covers.SENSITIVE_NOTE in each.covers and each.begins <= now and (each.ends is None or now < each.ends)
        for each in known.consents
    )


def cards(case_id: str) -> list[tuple[str, str]]:
    """The cards other rooms give this page: name and address, as far as the rooms are there."""
    found = []
    for room in CARDS:
        address = f"/{room}/card/{quote(case_id)}/"
        try:
            resolve(address)
        except Resolver404:
            continue
        found.append((room, address))
    return found


def contacts_of(found: list[Event]) -> list[Contact]:
    """The contacts that events speak of by their ids."""
    ids = {each.body["contact"] for each in found if "contact" in each.body}
    return list(Contact.objects.filter(contact_id__in=ids))


# --- the timeline, and notes --------------------------------------------------------------------------------------


@page
@require_GET
def timeline(request: HttpRequest, case_id: str) -> HttpResponse:
    """The lines of a timeline: of the kinds asked for, before the instant the address names."""
    if not access.may_see_case(reader(request), case_id):
        raise Http404
    now = clock.now()
    before = parse_datetime(request.GET.get("before", "").replace(" ", "+"))
    chosen = timeline_of.kinds(request.GET.getlist("kind"))
    asked = timeline_of.Asked(case_id, chosen, before, reads=reader(request).may(Right.WORK))
    lines, further = timeline_of.lines(asked, now=now)
    context = {"case_id": case_id, "lines": lines, "further": further, "chosen_kinds": chosen}
    return render(request, "workbench/_timeline_lines.html", context)


@page
@require_POST
@sensitive_post_parameters("note")
def keep_note(request: HttpRequest, case_id: str) -> HttpResponse:
    """Keep a note of this case; what stands against it comes back beside it."""
    if not reader(request).may(Right.WORK):
        raise PermissionDenied
    if not access.may_see_case(reader(request), case_id):
        raise Http404
    kept_for, text = request.POST.get("kept_for", ""), request.POST.get("note", "")
    kind = NoteKind.SENSITIVE if request.POST.get("kind") == NoteKind.SENSITIVE else NoteKind.CASE
    answer = notes.keep(
        case_id, text, kind=kind, kept_for=KeptFor(kept_for) if kept_for in set(KeptFor) else None, at=clock.now(),
        by=reader(request).get_username(),
    )  # fmt: skip
    context: dict[str, Any] = {"case_id": case_id, "agreed": notes.consent_to_sensitive(case_id, clock.now()) is not None}
    if isinstance(answer, list):
        context |= {"faults": answer, "note": text, "kind": kind} | call.against(case_id, text, kept_for)
    return render(request, "workbench/_note_form.html", context, status=422 if isinstance(answer, list) else 200)
