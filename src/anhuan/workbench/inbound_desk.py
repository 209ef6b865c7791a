"""The inbound desk: somebody calls or writes; who it may be is found exactly, shown masked, and shown to be the one before anything is said.

Knows how somebody is found by what they say (which is used and forgotten) and the way from there: a call is received and the identity
asked, and who passes opens the case to whoever asked, for a while. Figures of a case stand on its page alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _later
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from anhuan import clock
from anhuan.acts import call as calls
from anhuan.acts import dispatch, grant
from anhuan.acts import law as laws
from anhuan.core.vocabulary import Channel, Party
from anhuan.records import access, identity
from anhuan.records.account import Account
from anhuan.records.call import Call, Way, open_call
from anhuan.records.case import Case
from anhuan.records.worklist import item_of
from anhuan.workbench.frame import reader, viewed
from anhuan.workbench.worklist import workers_only

SHOWN = 20
OPENED = timedelta(hours=8)
"""For how long a case is opened to whoever was called by its cardholder."""

BY = {
    "phone": _later("Phone number"),
    "id_number": _later("ID number"),
    "name": _later("Whole name"),
    "number": _later("Case or account number"),
}
WRITTEN = (Channel.SMS, Channel.EMAIL, Channel.LETTER, Channel.PORTAL_PUSH)
"""The channels by which somebody may write to us."""


@dataclass(frozen=True)
class Candidate:
    """Who it may be, masked: never a figure, for nobody has been shown to be her."""

    case_id: str
    name: str
    status: str
    phones: tuple[tuple[str, str], ...]
    visible: bool
    held_by: str
    guaranteed: bool


@workers_only
@sensitive_post_parameters("text")
@require_http_methods(["GET", "POST"])
def desk(request: HttpRequest) -> HttpResponse:
    """Ask who it is, and show who it may be; what was typed stands in no address and is kept nowhere."""
    context: dict[str, Any] = {"kinds": BY.items(), "kind": "phone", "open_call": open_call(reader(request).get_username())}
    if request.method == "POST":
        kind, text = request.POST.get("kind", ""), request.POST.get("text", "").strip()[:64]
        found = candidates(request, kind, text) if kind in BY and text else []
        if found:
            viewed(request, [each.case_id for each in found])
        context |= {
            "kind": kind, "asked": True, "found": found[:SHOWN], "more": len(found) > SHOWN, "written": WRITTEN,
            "parties": [party.value for party in Party if party is not Party.DEBTOR],
        }  # fmt: skip
    return render(request, "workbench/inbound_desk.html", context)


def candidates(request: HttpRequest, kind: str, text: str) -> list[Candidate]:
    """The cases of whoever a text may mean, exactly; at most one more than are shown."""
    now = clock.now()
    ids = _owners(kind, text)
    cases = list(Case.objects.filter(pk__in=ids).order_by("-status", "case_id")[: SHOWN + 1])
    visible = access.may_see(reader(request), [case.pk for case in cases])
    told = []
    for case in cases:
        person, item = identity.masked(case.pk), item_of(case.pk)
        points = person.points if person else ()
        phones = tuple((point.party, point.value) for point in points if point.kind in ("mobile", "phone"))
        guaranteed = any(point.party == Party.GUARANTOR and point.person_id for point in points)
        holder = item.leased_by if item and item.held_at(now) else ""
        told.append(
            Candidate(case.pk, person.name if person else "", case.status, phones[:6], case.pk in visible, holder, guaranteed)
        )
    return told


def _owners(kind: str, text: str) -> set[str]:
    if kind == "number":
        return {text, *Account.objects.filter(pk=text).values_list("customer_id", flat=True)}
    return set(identity.search(kind, text))


# --- somebody is on the line --------------------------------------------------------------------------------------


@workers_only
@require_POST
def answer(request: HttpRequest, case_id: str) -> HttpResponse:
    """Receive a call about a case: the cardholder, or a guarantor, is asked who she is; of others, and of what was written, it is recorded."""
    if not Case.objects.filter(pk=case_id).exists():
        raise Http404
    now, by = clock.now(), reader(request).get_username()
    party = _party(request.POST.get("party", ""))
    channel = request.POST.get("channel", "")
    if channel in {each.value for each in WRITTEN} or party not in {Party.DEBTOR, Party.GUARANTOR}:
        through = Channel(channel) if channel in {each.value for each in WRITTEN} else Channel.CALL
        return _recorded(request, case_id, through, party)
    answered = calls.receive(case_id, at=now, by=by, party=party)
    if isinstance(answered, Call):
        return redirect("inbound_check", call_id=answered.call_id)
    for fault in answered:
        messages.warning(request, _said(request, fault))
    return redirect("inbound_desk")


def _party(text: str) -> Party:
    return Party(text) if text in set(Party) else Party.DEBTOR


def _said(request: HttpRequest, fault: Any) -> str:
    return str(fault.zh if (getattr(request, "LANGUAGE_CODE", "") or "").startswith("zh") else fault.en)


def _recorded(request: HttpRequest, case_id: str, channel: Channel, party: Party) -> HttpResponse:
    """A contact that came to us and needs no permit; whoever may see the case goes on there."""
    now, by = clock.now(), reader(request).get_username()
    recorded = dispatch.record_inbound(case_id, channel=channel, party=party, started_at=now, at=now, by=by)
    if isinstance(recorded, dispatch.Unfit):
        for fault in recorded.faults:
            messages.warning(request, _said(request, fault))
        return redirect("inbound_desk")
    messages.info(
        request,
        _("The contact was recorded on case %(case)s. Say nothing of a debt to anybody but its cardholder.")
        % {"case": case_id},
    )
    return redirect("case", case_id=case_id) if access.may_see_case(reader(request), case_id) else redirect("inbound_desk")


@workers_only
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, call_id: UUID) -> HttpResponse:
    """Ask the questions the bank asks; who passes opens the case, and the call goes on there."""
    call = Call.objects.filter(pk=call_id, by=reader(request).get_username(), way=Way.INBOUND, closed_at=None).first()
    if call is None:
        raise Http404
    now, by = clock.now(), reader(request).get_username()
    context: dict[str, Any] = {"call": call, "name": identity.masked_names([call.customer_id]).get(call.customer_id, "")}
    if request.method == "POST" and not call.verified:
        answers = {
            name.removeprefix("answer-"): str(value) for name, value in request.POST.items() if name.startswith("answer-")
        }
        checked = calls.check_identity(call_id, answers, at=now, by=by)
        context |= {"faults": checked} if isinstance(checked, list) else {"failed": not checked.passed, "left": checked.left}
        call.refresh_from_db()
    if call.verified:
        if not access.may_see_case(reader(request), call.customer_id):
            grant.give(call.customer_id, by, why="inbound call, identity checked", until=now + OPENED, at=now, by=by)
        return redirect("call", call_id=call_id)
    viewed(request, [call.customer_id])
    questions = calls.asked(call)
    context["questions"] = questions if len(questions) >= calls.needed(call) else []
    return render(request, "workbench/inbound_check.html", context)


@workers_only
@require_POST
def not_shown(request: HttpRequest, call_id: UUID) -> HttpResponse:
    """The identity was not shown: the call is over, and nothing was said."""
    told = calls.Disposition(line="OK", party="UNK", result="NID")
    ended = calls.finish(call_id, told, law=laws.in_force(clock.now()), at=clock.now(), by=reader(request).get_username())
    if isinstance(ended, list):
        for fault in ended:
            messages.warning(request, _said(request, fault))
        return redirect("inbound_check", call_id=call_id)
    messages.info(request, _("The call was recorded: the identity was not shown."))
    return redirect("inbound_desk")
