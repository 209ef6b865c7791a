"""The supervisor's page of queues: how deep each is, who holds what, and work moved in bulk, with a preview and a way back.

Knows the filter an address names (people by their number, never by name). What may be moved is judged by `acts.worklist`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal, InvalidOperation
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import get_language, ngettext
from django.views.decorators.http import require_GET, require_POST

from anhuan import clock
from anhuan.acts import worklist as acts
from anhuan.core.money import MINOR_DIGITS, minor_digits
from anhuan.portfolio.feed import Sentence
from anhuan.records.staff import Right, Staff, roles_that_may
from anhuan.records.worklist import Depth, Reassignment, WorkItem, shares
from anhuan.workbench.frame import reader
from anhuan.workbench.spreadsheet import file_response
from anhuan.workbench.worklist import NotCounted, counted, depth, workers_only

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponseBase]

SHOWN = 50
COUNTED = 10_000
"""Up to so many are counted one by one; of more it is only said that they are more."""
MOVES = 8
EXPORTED = 50_000
_NAMES = ("queue", "person", "kind", "language", "team", "currency", "least")


def supervisors_only(view: View[Arguments]) -> View[Arguments]:
    """A page for whoever may move work."""

    def guarded(request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponseBase:
        if not reader(request).may(Right.SUPERVISE):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return workers_only(guarded)


def people() -> list[Staff]:
    """Whoever works cases."""
    return list(Staff.objects.filter(role__in=roles_that_may(Right.WORK), is_active=True).order_by("username"))


def asked(request: HttpRequest) -> tuple[acts.WorkFilter, str]:
    """The filter an address or a form names, and the query that names it; what it cannot mean is as if it were not there."""
    told = request.POST if request.method == "POST" else request.GET
    plain = {name: told.get(name, "")[:30] for name in _NAMES}
    if plain["kind"] not in acts.KINDS:
        plain["kind"] = ""
    if plain["currency"] not in MINOR_DIGITS:
        plain["currency"] = "CNY" if plain["least"] else ""
    least = _least(plain["least"], plain["currency"])
    number = plain["person"]
    person = Staff.objects.filter(pk=int(number)).first() if number.isdecimal() else None
    query = urlencode({name: value for name, value in plain.items() if value and (name != "person" or person)})
    narrowed = acts.WorkFilter(
        queue=plain["queue"], kind=plain["kind"], language=plain["language"], team=plain["team"],
        person=person.get_username() if person else "", currency=plain["currency"] if least is not None else "", least=least,
    )  # fmt: skip
    return narrowed, query


def _least(text: str, currency: str) -> int | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return int(amount.scaleb(minor_digits(currency))) if amount.is_finite() and 0 <= amount < 10**12 else None


@supervisors_only
@require_GET
def queues(request: HttpRequest) -> HttpResponse:
    """Depths, holders, the items that a filter finds, and the last moves."""
    now = clock.now()
    narrowed, query = asked(request)
    found = acts.found(narrowed, at=now)
    start = _start(request.GET.get("from", ""))
    items = list(acts.in_order(found)[start : start + SHOWN + 1])
    lying, told = counted(now), acts.house_queues()
    names = [*told, *(name for name in (lying.value if lying else ()) if name not in told)]
    held = acts.found(acts.WorkFilter(kind="held"), at=now).order_by("leased_at")
    context = {
        "number": found[: COUNTED + 1].count(), "counted": COUNTED, "start": start, "last": start + len(items[:SHOWN]),
        "before": max(0, start - SHOWN) if start else None, "after": start + SHOWN if len(items) > SHOWN else None,
        "now": now, "asked": narrowed, "query": query, "items": items[:SHOWN], "narrowed": narrowed != acts.WorkFilter(),
        "depths": [(name, _title(name), depth(lying, name)) for name in names], "depths_at": lying and lying.at,
        "all": _sum(lying.value.values()) if lying else NotCounted(""),
        "held": held[:200], "people": people(), "person": request.GET.get("person", ""), "kinds": acts.KINDS,
        "least": request.GET.get("least", "")[:15], "queues": [(name, _title(name)) for name in told],
        "shares": _shares(now), "moves": [(move, len(move.moved)) for move in Reassignment.objects.order_by("-at")[:MOVES]],
    }  # fmt: skip
    part = request.htmx and not request.htmx.boosted and not request.htmx.history_restore_request  # type: ignore[attr-defined]
    return render(request, "workbench/_work_items.html" if part else "workbench/work_queues.html", context)


def _start(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else 0


_SUMS = ("ready", "waiting", "held", "due", "overdue", "assigned")


def _sum(depths: Collection[Depth]) -> Depth:
    return Depth("", *(sum(getattr(each, field) for each in depths) for field in _SUMS))


def _title(name: str) -> str:
    told = acts.house_queues().get(name)
    return told.title(get_language() or "") if told else name


def _shares(now: Any) -> list[tuple[str, int, list[tuple[str, int]]]]:
    """Who took how many today: in all, and of each queue."""
    by_person: dict[str, list[tuple[str, int]]] = {}
    for share in shares(timezone.localtime(now).date()):
        by_person.setdefault(share.username, []).append((_title(share.queue), share.taken))
    return sorted(
        ((name, sum(taken for _, taken in each), each) for name, each in by_person.items()), key=lambda row: (-row[1], row[0])
    )


# --- moving -------------------------------------------------------------------------------------------------------


@supervisors_only
@require_GET
def preview(request: HttpRequest) -> HttpResponse:
    """How many a move would move; counted, and nothing done."""
    narrowed, _query = asked(request)
    number = acts.movable(narrowed, at=clock.now()).count()
    return render(request, "workbench/_work_preview.html", {"number": number, "most": acts.MOST})


@supervisors_only
@require_POST
def reassign(request: HttpRequest) -> HttpResponse:
    """Move what the filter finds, and say how many that were."""
    narrowed, query = asked(request)
    told = request.POST.get("to_person", "")
    person = Staff.objects.filter(pk=int(told)).first() if told.isdecimal() else None
    answer = acts.reassign(
        narrowed, to_queue=request.POST.get("to_queue", ""), at=clock.now(), by=reader(request).get_username(),
        to_person=person.get_username() if person else "" if told == "nobody" else None,
    )  # fmt: skip
    if isinstance(answer, Sentence):
        messages.warning(request, answer.zh if (get_language() or "").startswith("zh") else answer.en)
    else:
        number = len(answer.moved)
        messages.info(
            request, ngettext("%(number)s case was moved.", "%(number)s cases were moved.", number) % {"number": number}
        )
    return redirect(f"{reverse('work_queues')}?{query}")


@supervisors_only
@require_POST
def undo(request: HttpRequest, reassignment_id: UUID) -> HttpResponse:
    """Move back what has not changed since."""
    answer = acts.undo(reassignment_id, by=reader(request).get_username(), at=clock.now())
    if isinstance(answer, Sentence):
        messages.warning(request, answer.zh if (get_language() or "").startswith("zh") else answer.en)
    else:
        messages.info(
            request,
            ngettext("%(number)s case was moved back.", "%(number)s cases were moved back.", answer) % {"number": answer},
        )
    return redirect("work_queues")


# --- export -------------------------------------------------------------------------------------------------------

_COLUMNS = (
    "case_id", "queue", "language", "reason", "team", "value_at_risk", "currency", "since", "due_at", "not_before", "follow_up_at",
    "follow_up_why", "assigned_to", "held_by", "held_until", "taken_today",
)  # fmt: skip


@supervisors_only
@require_GET
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """What the filter finds as a file, in the order of the page; it names nobody but staff."""
    narrowed, _query = asked(request)
    now = clock.now()
    items = acts.in_order(acts.found(narrowed, at=now))[:EXPORTED]
    return file_response(form, f"worklist-{timezone.localtime(now):%Y-%m-%d}", _COLUMNS, map(_row, items.iterator(2_000)))


def _row(item: WorkItem) -> list[Any]:
    return [
        item.customer_id, item.queue, item.language, item.reason, item.team,
        Decimal(item.value_at_risk_minor).scaleb(-minor_digits(item.currency)) if item.currency else "", item.currency,
        item.since, item.due_at, item.not_before, item.follow_up_at, item.follow_up_why, item.assigned_to, item.leased_by,
        item.leased_until, item.taken_today,
    ]  # fmt: skip
