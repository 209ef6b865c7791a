"""The people of the house: who signs in, in which role and team, with which skills; and what is done for and about them.

Knows the pages of those who may take in staff. What may be done to whom is judged by `acts.staff`. No address holds a name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from anhuan import clock
from anhuan.acts import sign_in
from anhuan.acts import staff as acts
from anhuan.acts.worklist import house_queues
from anhuan.portfolio.feed import Sentence
from anhuan.records.sign_in import SecondFactor, SignIn
from anhuan.records.staff import Right, Role, Skill, Staff, Team
from anhuan.workbench.compliance import csv_response
from anhuan.workbench.frame import page, reader

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponseBase]

SIGN_INS = 20


def keepers_only(view: View[Arguments]) -> View[Arguments]:
    """A page for whoever may take in staff."""

    def guarded(request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponseBase:
        if not reader(request).may(Right.PEOPLE):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return page(guarded)


# --- the list -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What the list is narrowed to; what is empty asks nothing."""

    text: str = ""
    role: str = ""
    team: str = ""
    skill: str = ""
    state: str = "active"

    @classmethod
    def of(cls, request: HttpRequest) -> Asked:
        return cls(**{name: request.GET[name].strip()[:60] for name in cls.__dataclass_fields__ if name in request.GET})

    def found(self) -> QuerySet[Any]:
        """The staff asked for, by user name, with what the list shows of each."""
        wanted = Q()
        if self.text:
            wanted &= Q(username__icontains=self.text)
        if self.role:
            wanted &= Q(role=self.role)
        if self.team:
            wanted &= Q(team=None) if self.team == "-" else Q(team__name=self.team)
        if self.skill:
            wanted &= Q(skills__contains=[self.skill])
        if self.state in {"active", "left"}:
            wanted &= Q(is_active=self.state == "active")
        factor = SecondFactor.objects.filter(user=OuterRef("pk"), confirmed=True)
        return (
            Staff.objects.filter(wanted).select_related("team").order_by("username")
            .annotate(factor=Exists(factor), seen=Max("sign_ins__seen_at"),
                      here=Count("sign_ins", filter=Q(sign_ins__ended_at=None)))
        )  # fmt: skip


@keepers_only
@require_GET
def people(request: HttpRequest) -> HttpResponse:
    """The list of staff, and the teams beside it."""
    asked = Asked.of(request)
    teams = Team.objects.select_related("lead").annotate(size=Count("members", filter=Q(members__is_active=True)))
    context = {
        "asked": asked, "people": list(asked.found()), "teams": teams.order_by("name"), "roles": Role.choices,
        "skills": Skill.choices, "query": request.GET.urlencode(),
    }  # fmt: skip
    return render(request, "workbench/people.html", context)


@keepers_only
@require_GET
def people_csv(request: HttpRequest) -> HttpResponseBase:
    """The list as a file, as it is narrowed."""
    columns = ("username", "role", "team", "skills", "speaks", "language", "active", "second_factor", "last_seen", "sessions")
    rows = (
        (
            one.username, one.role, one.team.name if one.team else "", " ".join(one.skills), " ".join(one.speaks), one.language,
            int(one.is_active), int(one.factor), one.seen.isoformat() if one.seen else "", one.here,
        )
        for one in Asked.of(request).found()
    )  # fmt: skip
    return csv_response(f"staff-{timezone.localtime(clock.now()):%Y-%m-%d}.csv", columns, rows)


# --- one member of staff ------------------------------------------------------------------------------------------


@keepers_only
def take_in(request: HttpRequest) -> HttpResponse:
    """Take in somebody; the password she signs in with the first time is shown once."""
    told, refusal = request.POST, None
    if request.method == "POST":
        name, password = told.get("username", "").strip(), acts.new_password()
        refused = acts.create_staff(
            username=name, password=password, role=told.get("role", ""), language=told.get("language", "zh-hans"),
            team=told.get("team", ""), skills=told.getlist("skill"), speaks=told.getlist("speaks"), temporary=True,
            at=clock.now(), by=reader(request).get_username(),
        )  # fmt: skip
        if refused is None:
            made = Staff.objects.get(username=name)
            return render(request, "workbench/password_given.html", {"member": made, "password": password})
        refusal = _shown(refused)
    asked = {name: told.getlist(name) if name in {"skill", "speaks"} else told.get(name, "") for name in told}
    context = {"asked": {"role": Role.COLLECTOR, **asked}, "refusal": refusal, **_choices()}
    return render(request, "workbench/person_new.html", context, status=422 if refusal else 200)


@keepers_only
@require_GET
def member(request: HttpRequest, pk: int) -> HttpResponse:
    """One member of staff: her standing, and where she is signed in."""
    return _member(request, _found(pk))


def _member(request: HttpRequest, found: Staff, refusal: dict[str, str] | None = None) -> HttpResponse:
    sign_ins = SignIn.objects.filter(staff=found).order_by("-begun_at")[:SIGN_INS]
    context = {
        "member": found, "own": found.pk == reader(request).pk, "sign_ins": sign_ins, "refusal": refusal,
        "open": sum(1 for one in sign_ins if one.ended_at is None),
        "factor": SecondFactor.objects.filter(user=found, confirmed=True).first(), **_choices(),
    }  # fmt: skip
    return render(request, "workbench/person.html", context, status=422 if refusal else 200)


def _changed(request: HttpRequest, name: str, signed: dict[str, Any]) -> Staff | Sentence:
    told = request.POST
    return acts.change_staff(
        name, role=told.get("role", ""), team=told.get("team", ""), skills=told.getlist("skill"),
        speaks=told.getlist("speaks"), **signed,
    )  # fmt: skip


def _sessions_ended(_request: HttpRequest, name: str, signed: dict[str, Any]) -> None:
    sign_in.end_all(Staff.objects.get(username=name), **signed)


# What the buttons of the page do, by the word they send.
_ACTS: Mapping[str, Callable[[HttpRequest, str, dict[str, Any]], Any]] = {
    "change": _changed,
    "deactivate": lambda _request, name, signed: acts.deactivate(name, **signed),
    "reactivate": lambda _request, name, signed: acts.reactivate(name, **signed),
    "reset": lambda _request, name, signed: acts.reset_second_factor(name, **signed),
    "password": lambda _request, name, signed: acts.give_password(name, **signed),
    "sessions": _sessions_ended,
}


@keepers_only
@require_POST
def act(request: HttpRequest, pk: int) -> HttpResponse:
    """Do one of the acts about her, and show her as she is then; or why not."""
    found, verb = _found(pk), _ACTS.get(request.POST.get("act", ""))
    if verb is None:
        return HttpResponse(status=400)
    answer = verb(request, found.get_username(), {"at": clock.now(), "by": reader(request).get_username()})
    if isinstance(answer, Sentence):
        return _member(request, _found(pk), _shown(answer))
    if isinstance(answer, str):
        return render(request, "workbench/password_given.html", {"member": found, "password": answer})
    messages.success(request, _("Done, and on record."))
    return redirect("person", pk=pk)


# --- teams --------------------------------------------------------------------------------------------------------


@keepers_only
def team(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a team (0), or change one."""
    found = Team.objects.select_related("lead").filter(pk=pk).first() if pk else Team()
    if found is None:
        raise Http404
    refusal = None
    if request.method == "POST":
        told = request.POST
        answer = acts.save_team(
            told.get("name", ""), queues=told.getlist("queue"), lead=told.get("lead", ""), pk=pk or None, at=clock.now(),
            by=reader(request).get_username(),
        )  # fmt: skip
        if not isinstance(answer, Sentence):
            messages.success(request, _("Done, and on record."))
            return redirect("people")
        refusal = _shown(answer)
    tongue = get_language() or ""
    known = {name: queue.title(tongue) for name, queue in house_queues().items()}
    context = {
        "team": found, "refusal": refusal, "queues": {**known, **{name: name for name in found.queues if name not in known}},
        "leads": Staff.objects.filter(is_active=True).order_by("username"), "members": found.members.all() if pk else [],
    }  # fmt: skip
    return render(request, "workbench/team.html", context, status=422 if refusal else 200)


def _found(pk: int) -> Staff:
    found = Staff.objects.select_related("team").filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _choices() -> dict[str, Any]:
    return {
        "roles": Role.choices,
        "skills": Skill.choices,
        "spoken": acts.SPOKEN,
        "teams": Team.objects.order_by("name"),
    }


def _shown(refused: Sentence) -> dict[str, str]:
    return {"message_zh": refused.zh, "message_en": refused.en}
