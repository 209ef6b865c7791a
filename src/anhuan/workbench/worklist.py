"""A collector's own worklist, the button that gives her the next case, and on the page of a case why it is hers now.

Knows how work is shown and which form is answered by which act of `acts.worklist`. Does not know in which order cases come. What a
case says of its customer stands on its own page (`workbench.case`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _later
from django.views.decorators.http import require_GET, require_POST

from anhuan import clock
from anhuan.acts import desk
from anhuan.acts import law as laws
from anhuan.acts import worklist as acts
from anhuan.acts.dispatch import Unfit
from anhuan.core.gate import Permit
from anhuan.core.vocabulary import Purpose
from anhuan.portfolio.feed import Sentence
from anhuan.records import access, identity
from anhuan.records.call import open_call
from anhuan.records.promise import Promise
from anhuan.records.staff import Right
from anhuan.records.worklist import Depth, WorkItem, agenda, depths, held_by, item_of, shares
from anhuan.rulebook.queues import Queue, QueuesRefused
from anhuan.workbench import gate, strategy, work_words
from anhuan.workbench.counting import Figures, figures
from anhuan.workbench.frame import business_date, page, reader, viewed

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponseBase]

MORNING = time(10)
FOLLOW_UPS = ("call_back", "check_payment", "promise_due", "documents", "try_again", "other")
TRANSFERS = ("hardship", "dispute", "needs_plan", "complaint", "language", "authority", "other")
WHENS = {
    "hour": _later("In an hour"),
    "later": _later("In three hours"),
    "tomorrow": _later("Tomorrow at ten"),
    "days": _later("In three days at ten"),
    "week": _later("In a week at ten"),
    "at": _later("At:"),
}


def workers_only(view: View[Arguments]) -> View[Arguments]:
    """A page for whoever works cases; it says so where the bank's own queues cannot be read."""

    def guarded(request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponseBase:
        if not reader(request).may(Right.WORK):
            raise PermissionDenied
        try:
            return view(request, *args, **kwargs)
        except QueuesRefused as refused:
            broken = {"message_zh": refused.zh, "message_en": refused.en, "where": "queues.yaml"}
            part = request.htmx  # type: ignore[attr-defined]
            name = "workbench/_broken.html" if part else "workbench/broken.html"
            return render(request, name, {"broken": broken}, status=200 if part else 503)

    return page(guarded)


@dataclass(frozen=True)
class NotCounted:
    """A queue of which it is not known yet how much lies there."""

    queue: str
    ready: None = None
    waiting: None = None
    held: None = None
    due: None = None
    overdue: None = None
    assigned: None = None
    open: None = None
    oldest: None = None
    oldest_follow_up: None = None


def counted(at: datetime) -> Figures[Mapping[str, Depth]] | None:
    """How much lies in each queue, a little while ago at most: counting a million cases takes longer than handing one out."""
    return figures("work-depths", lambda: depths(at), table="records_workitem", at=at)


def depth(lying: Figures[Mapping[str, Depth]] | None, name: str) -> Depth | NotCounted:
    """A queue of it; nothing lies in one that was not found."""
    return NotCounted(name) if lying is None else lying.value.get(name, Depth(name))


# --- her own ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A queue she serves: how much lies there, and how many she took today."""

    queue: Queue
    depth: Depth | NotCounted
    taken: int

    @property
    def title(self) -> str:
        return self.queue.title(get_language() or "")


@workers_only
@require_GET
def worklist(request: HttpRequest) -> HttpResponse:
    """What she holds, what she said she would go on with today, and what lies in her queues."""
    now, staff = clock.now(), reader(request)
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    day = timezone.localtime(now).date()
    held = held_by(staff.get_username(), now)
    dated = agenda(staff.get_username(), until=midnight)
    taken = {share.queue: share.taken for share in shares(day) if share.username == staff.get_username()}
    lying = counted(now)
    lines = [Line(queue, depth(lying, name), taken.get(name, 0)) for name, queue in acts.serves(staff).items()]
    shown = [item.customer_id for item in (*dated, *([held] if held else []))]
    names = identity.masked_names(shown)
    if shown:
        viewed(request, shown)
    context = {
        "now": now, "open_call": open_call(staff.get_username()),
        "held": held, "held_name": names.get(held.pk, "") if held else "", "lines": lines,
        "agenda": [(item, names.get(item.pk, ""), item.overdue(now)) for item in dated],
        "late": sum(item.overdue(now) for item in dated), "taken": sum(taken.values()),
        "ready": sum(line.depth.ready or 0 for line in lines) if lying else None, "lying_at": lying and lying.at,
        "supervises": staff.may(Right.SUPERVISE),
    }  # fmt: skip
    return render(request, "workbench/worklist.html", context)


@workers_only
@require_POST
def next_case(request: HttpRequest) -> HttpResponse:
    """Hand out the next case and open it."""
    item = acts.take(reader(request).get_username(), at=clock.now())
    if item is None:
        messages.info(request, _("There is no case for you that may be contacted now. Ask again in a while."))
        return redirect("worklist")
    return redirect("case", case_id=item.customer_id)


# --- on the page of a case ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reach:
    """What the gate says of a channel of hers now: the best of all points it reaches; why not, and when it opens."""

    channel: str
    permitted: bool
    reason: Mapping[str, Any] | None
    opens: str


@page
@require_GET
def card(request: HttpRequest, case_id: str) -> HttpResponse:
    """Why this case now, how long it is held, and what may be done with it; opening it is a sign of life, `?still=1` is none."""
    if not access.may_see_case(reader(request), case_id):
        raise Http404
    if "still" not in request.GET:
        acts.renew(case_id, by=reader(request).get_username(), at=clock.now())
    return _card(request, case_id)


def _card(request: HttpRequest, case_id: str, *, said: str = "", refused: Sentence | None = None) -> HttpResponse:
    now, staff, item = clock.now(), reader(request), item_of(case_id)
    mine = item is not None and item.held_at(now) and item.leased_by == staff.get_username()
    context = {
        "case_id": case_id, "item": item, "now": now, "mine": mine, "said": said,
        "refused": {"message_zh": refused.zh, "message_en": refused.en} if refused else None,
        "of_another": item is not None and item.held_at(now) and not mine, "may_work": staff.may(Right.WORK),
        "minutes": _minutes(item, now) if mine and item else 0, "why": strategy.why(case_id, business_date()),
        "broken": Promise.objects.filter(customer_id=case_id, state="broken").order_by("-due_on").first(),
        "reaches": reaches(case_id, now), "queues": acts.house_queues(), "whens": WHENS.items(),
        "follow_up_whys": _labels("work_why", FOLLOW_UPS), "transfer_whys": _labels("work_why", TRANSFERS),
        "release_whys": _labels("release_why", acts.RELEASES),
    }  # fmt: skip
    return render(request, "workbench/_work_card.html", context, status=422 if refused else 200)


def _labels(table: str, names: tuple[str, ...]) -> list[tuple[str, Any]]:
    return [(name, work_words.LABELS[table][name]) for name in names]


def _minutes(item: WorkItem, now: datetime) -> int:
    return max(0, -int((now - item.leased_until).total_seconds() // 60)) if item.leased_until else 0


def reaches(case_id: str, now: datetime) -> list[Reach]:
    """The channels of the debtor's own, each with the gate's best answer."""
    best: dict[str, Reach] = {}
    for attempt, preview in desk.previews(case_id, law=laws.in_force(now), at=now):
        if isinstance(preview, Unfit) or attempt.purpose is not Purpose.COLLECT or attempt.party != "debtor":
            continue
        permitted = isinstance(preview.verdict, Permit)
        reasons = preview.document()["reasons"]
        told = Reach(
            attempt.channel.value,
            permitted,
            reasons[0] if reasons else None,
            "" if permitted else gate.opens(preview.opens_at, now),
        )
        if attempt.channel.value not in best or (permitted and not best[attempt.channel.value].permitted):
            best[attempt.channel.value] = told
    return list(best.values())


@workers_only
@require_POST
def act(request: HttpRequest, case_id: str) -> HttpResponse:
    """What a form of the card asks for; the card again, with what was done or why it was not."""
    if not access.may_see_case(reader(request), case_id):
        raise Http404
    now, by = clock.now(), reader(request).get_username()
    lease = _lease(request.POST.get("lease", ""))
    what, why = request.POST.get("what", ""), request.POST.get("why", "")[:40]
    answer: WorkItem | Sentence
    if what == "follow_up":
        due_at = when(request.POST.get("when", ""), request.POST.get("at", ""), now)
        answer = acts.follow_up(case_id, due_at=due_at or now, why=why or "other", by=by, at=now, lease=lease)
        said = _("To be followed up.")
    elif what == "transfer":
        answer = acts.transfer(case_id, queue=request.POST.get("queue", ""), why=why or "other", by=by, at=now, lease=lease)
        said = _("Transferred.")
    elif what == "release":
        answer = acts.release(case_id, why=why, by=by, at=now, lease=lease)
        said = _("Given back.")
    elif what == "done":
        answer = acts.done(case_id, by=by, at=now, lease=lease)
        said = _("Done with for now.")
    else:
        raise Http404
    return _card(request, case_id, refused=answer) if isinstance(answer, Sentence) else _card(request, case_id, said=said)


def _lease(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def when(word: str, text: str, now: datetime) -> datetime | None:
    """The instant a form means: a word of `WHENS`, or with `at` a local date and time; None where it means none."""
    local = timezone.localtime(now)
    if word in ("hour", "later"):
        return now + timedelta(hours=1 if word == "hour" else 3)
    days = {"tomorrow": 1, "days": 3, "week": 7}.get(word)
    if days:
        return datetime.combine(local.date() + timedelta(days=days), MORNING, local.tzinfo)
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return None
    return told if told.tzinfo else told.replace(tzinfo=local.tzinfo)
