"""The strategies of the bank: every version with its state and who signed it, a new one handed in as a file, and the steps a
version is taken on its way.

Knows who may sign and how a refusal is shown. Each step is an act (`acts.strategy`), which says what is against it; what a model
means stands on the page of the version.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from anhuan import clock
from anhuan.acts import strategy
from anhuan.portfolio import experiments
from anhuan.portfolio.feed import Sentence
from anhuan.records.night import Night
from anhuan.records.staff import Right, Staff
from anhuan.records.strategy import StrategyState, StrategyVersion, live_on
from anhuan.rulebook.tables.document import MOST_BYTES
from anhuan.workbench.compliance import day_of
from anhuan.workbench.frame import business_date, page, reader

SECONDS = 8.0
"""How long a page tries to prove one table; the command line tries longer."""

Refused = list[Sentence]


def may_sign(staff: Staff) -> bool:
    """Whether this member of staff may draw up strategies, and sign for them."""
    return staff.may(Right.SIGN)


def version_of(name: str, number: int) -> StrategyVersion:
    """A version by its title. Raises Http404."""
    found = StrategyVersion.objects.filter(name=name, number=number).first()
    if found is None:
        raise Http404
    return found


@page
@require_http_methods(["GET", "POST"])
def strategies(request: HttpRequest) -> HttpResponse:
    """All versions, newest first under each name; a POST hands one in."""
    refused: Refused = []
    if request.method == "POST":
        answer = _handed_in(request)
        if not isinstance(answer, list):
            return answer
        refused = answer
    day = business_date()
    listed: dict[str, list[StrategyVersion]] = {}
    for version in StrategyVersion.objects.defer("model").order_by("name", "-number"):
        listed.setdefault(version.name, []).append(version)
    context = {
        "listed": listed.items(), "live": live_on(day + timedelta(days=1)) if day else None, "may_sign": may_sign(reader(request)),
        "refused": sentences(refused), "arms": _arms_text(strategy.ARMS), "told": request.POST,
    }  # fmt: skip
    return render(request, "workbench/strategies.html", context, status=422 if refused else 200)


def _handed_in(request: HttpRequest) -> HttpResponseRedirect | Refused:
    """Keep the file of a form as a draft and prove it; a redirect to it, or why it is no strategy."""
    if not may_sign(reader(request)):
        raise PermissionDenied
    file = request.FILES.get("model")
    if file is None or not file.size or file.size > MOST_BYTES:
        return [Sentence("no_model", "请选择不超过 32 MB 的 DMN 文件。", "Choose a DMN file of at most 32 MB.")]
    try:
        arms = experiments.shares_of(request.POST.get("arms", "").replace(",", " ").split())
    except ValueError as wrong:
        return [Sentence("strategy_arms", "分组应写作 组别=份额，以空格分隔。", str(wrong))]
    named = {field: text for field in ("decision", "seed") if (text := request.POST.get(field, "").strip()[:200])}
    name = request.POST.get("name", "").strip()
    return drafted(request, file.read(), name=name, arms=arms, **named)


def drafted(request: HttpRequest, model: bytes, **of: Any) -> HttpResponseRedirect | Refused:
    """Keep a model as the next version of a strategy, signed by the reader, and prove it; a redirect to its page, or why not."""
    by = reader(request).get_username()
    made = strategy.draft(model, at=clock.now(), by=by, **of)
    if isinstance(made, list):
        return made
    strategy.check(made.pk, at=clock.now(), by=by, seconds=SECONDS)
    messages.success(request, _("Kept as %(title)s, a new draft.") % {"title": made.title})
    return redirect("strategy", made.name, made.number)


# --- the way of a version -----------------------------------------------------------------------------------------


@page
@require_POST
def act(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Take a version one step on, signed by the reader; what is against it is told on the version's page."""
    if not may_sign(reader(request)):
        raise PermissionDenied
    version, day = version_of(name, number), day_of(request.POST.get("day", ""))
    step = _STEPS.get(request.POST.get("step", ""))
    if step is None:
        raise Http404
    answer = step(version, day, clock.now(), reader(request).get_username())
    if isinstance(answer, list):
        for sentence in sentences(answer):
            messages.warning(request, sentence)
    return redirect("strategy", name, number)


Step = Callable[[StrategyVersion, date | None, datetime, str], "StrategyVersion | Refused"]


def _dated(act: Callable[..., Any], name: str) -> Step:
    """A step that holds from a business date, which must be given."""

    def step(version: StrategyVersion, day: date | None, at: datetime, by: str) -> StrategyVersion | Refused:
        if day is None:
            return [Sentence("bad_date", "请填写日期（YYYY-MM-DD）。", "Give a date (YYYY-MM-DD).")]
        answer: StrategyVersion | Refused = act(version.pk, at=at, by=by, **{name: day})
        return answer

    return step


_STEPS: dict[str, Step] = {
    "check": lambda version, _day, at, by: strategy.check(version.pk, at=at, by=by, seconds=SECONDS),
    "approve": lambda version, _day, at, by: strategy.approve(version.pk, at=at, by=by),
    "live": _dated(strategy.go_live, "live_from"),
    "retire": _dated(strategy.retire, "live_until"),
}


@page
@require_GET
def download(request: HttpRequest, name: str, number: int) -> HttpResponse:  # noqa: ARG001  a page takes its request
    """The model, byte for byte as it was handed in."""
    version = version_of(name, number)
    response = HttpResponse(bytes(version.model), content_type="application/xml")
    response["Content-Disposition"] = f'attachment; filename="{version.name}-{version.number}.dmn"'
    return response


def sentences(refused: Refused) -> list[str]:
    """What is against it, in the reader's language."""
    return [each.zh if (get_language() or "").startswith("zh") else each.en for each in refused]


def next_day() -> date | None:
    """The first business date a version could go live from, or be retired on: after every night that has begun."""
    latest = Night.objects.order_by("-business_date").values_list("business_date", flat=True).first()
    return latest + timedelta(days=1) if latest else None


def _arms_text(arms: Any) -> str:
    return " ".join(f"{arm}={share}" for arm, share in arms.items())


def way(version: StrategyVersion) -> list[dict[str, Any]]:
    """The steps of a version: which are done, by whom and when, and which is next."""
    order = (StrategyState.DRAFT, StrategyState.CHECKED, StrategyState.SIMULATED, StrategyState.APPROVED, StrategyState.LIVE)
    signed = {
        StrategyState.DRAFT: (version.made_at, version.made_by), StrategyState.CHECKED: (version.checked_at, version.checked_by),
        StrategyState.SIMULATED: (version.simulated_at, version.simulated_by),
        StrategyState.APPROVED: (version.approved_at, version.approved_by), StrategyState.LIVE: (None, ""),
    }  # fmt: skip
    reached = len(order) if version.state == StrategyState.RETIRED else order.index(StrategyState(version.state)) + 1
    return [
        {
            "state": state.value,
            "done": place < reached,
            "next": place == reached,
            "at": signed[state][0],
            "by": signed[state][1],
        }
        for place, state in enumerate(order)
    ]
