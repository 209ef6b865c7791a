"""The pages of agreements: every promise, plan and waiver in a list and as a file; one agreement whole, and as a paper to sign.

Knows what a list's address holds and how its rows are drawn. Rows of cases the reader may not see are left out (`records.access`). The
paper holds the customer's name, so whoever asks for it has looked at it: that is an act with a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_POST

from anhuan import clock
from anhuan.acts import identity as looks
from anhuan.acts import paper
from anhuan.channels.letter.press import NoFace, NotSet
from anhuan.core.plan.promise import PromiseState
from anhuan.core.vocabulary import ContactKind
from anhuan.records import access, identity
from anhuan.records.events import Event
from anhuan.records.plan import Approval, Plan, PlanState, Waiver, WaiverState
from anhuan.records.promise import Promise
from anhuan.workbench.compliance import day_of
from anhuan.workbench.frame import may_reveal, page, reader, viewed
from anhuan.workbench.happenings import told
from anhuan.workbench.spreadsheet import file_response
from anhuan.workbench.wall import Asked as Whose
from anhuan.workbench.wall import whose

PAGE = 100
EXPORTED = 50_000
_REASON = "agreement for her signature"


# --- the list -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Noun:
    """What a list is of: its rows, newest first; the day that is asked for by from and to; its states; its columns as a file;
    who took it.
    """

    rows: QuerySet[Any]
    day: str
    states: Sequence[str]
    columns: Sequence[str]
    who: str = "proposed_by"


NOUNS: Mapping[str, Noun] = {
    "plans": Noun(
        Plan.objects.order_by("-updated_at"), "next_due_on", [each.value for each in PlanState],
        ("plan_id", "customer_id", "accounts", "kind", "state", "currency", "principal_minor", "waived_minor", "total_minor",
         "effective_annual_rate", "paid_minor", "missed", "next_due_on", "next_due_minor", "proposed_by", "proposed_at", "agreed_at",
         "ended_at", "ended_why", "policy"),
    ),
    "promises": Noun(
        Promise.objects.order_by("-at"), "due_on", [each.value for each in PromiseState],
        ("promise_id", "customer_id", "account_id", "currency", "amount_minor", "due_on", "state", "paid_minor", "settled_on",
         "tolerance_minor", "grace_days", "at", "by"),
        "by",
    ),
    "waivers": Noun(
        Waiver.objects.order_by("-updated_at"), "proposed_at__date", [each.value for each in WaiverState],
        ("waiver_id", "customer_id", "account_id", "currency", "component", "amount_minor", "state", "reason", "plan_id", "proposed_by",
         "proposed_at", "granted_at", "ended_at"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What a list's address asks for."""

    noun: str
    state: str = ""
    case: str = ""
    first: date | None = None
    last: date | None = None
    after: int = 0
    whose: Whose = field(default_factory=Whose)

    @classmethod
    def of(cls, request: HttpRequest) -> Asked:
        told = request.GET
        noun = told.get("of", "plans")
        noun = noun if noun in NOUNS else "plans"
        state = told.get("state", "")
        after = told.get("after", "")
        return cls(
            noun, state if state in NOUNS[noun].states else "", told.get("case", "")[:32], day_of(told.get("from", "")),
            day_of(told.get("to", "")), int(after) if after.isascii() and after.isdigit() and len(after) < 9 else 0,
            Whose.of(request),
        )  # fmt: skip

    def query(self, **more: object) -> str:
        """The address's query of this list with something changed."""
        told = {"of": self.noun, "state": self.state, "case": self.case, "from": self.first, "to": self.last, **more}
        told |= {"team": self.whose.team, "person": self.whose.person, "queue": self.whose.queue}
        return urlencode({name: str(value) for name, value in told.items() if value not in (None, "", 0)})

    def rows(self) -> QuerySet[Any]:
        noun = NOUNS[self.noun]
        wanted = Q()
        for name, value in {
            "state": self.state, "customer_id": self.case, f"{noun.day}__gte": self.first, f"{noun.day}__lte": self.last,
        }.items():  # fmt: skip
            wanted &= Q(**{name: value}) if value else Q()
        if self.whose.narrowed:
            wanted &= Q(**{f"{noun.who}__in": self.whose.names()})
        return noun.rows.filter(wanted)


@page
@require_GET
def agreements(request: HttpRequest) -> HttpResponse:
    """Plans, promises or waivers, newest first."""
    asked = Asked.of(request)
    found = list(asked.rows()[asked.after : asked.after + PAGE + 1])
    shown = seen(request, found[:PAGE])
    context = {
        "asked": asked, "nouns": list(NOUNS), "states": NOUNS[asked.noun].states, "query": asked.query(),
        **whose(asked.whose), "rows": shown, "hidden": len(found[:PAGE]) - len(shown),
        "next": asked.query(after=asked.after + PAGE) if len(found) > PAGE else "",
    }  # fmt: skip
    return render(request, "workbench/agreements.html", context)


def seen(request: HttpRequest, rows: Iterable[Any]) -> list[Any]:
    """Those rows whose case the reader may see."""
    listed = list(rows)
    may = access.may_see(reader(request), {each.customer_id for each in listed})
    return [each for each in listed if each.customer_id in may]


@page
@require_GET
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """The same as a file, `csv` or `xlsx`; money in minor units."""
    asked = Asked.of(request)
    columns = NOUNS[asked.noun].columns
    name = f"{asked.noun}-{timezone.localtime(clock.now()).date()}"
    return file_response(form, name, columns, _cells(request, asked, columns))


def _cells(request: HttpRequest, asked: Asked, columns: Sequence[str]) -> Iterator[list[Any]]:
    for start in range(0, EXPORTED, 1_000):
        some: list[Model] = list(asked.rows()[start : start + 1_000])
        if not some:
            return
        for row in seen(request, some):
            yield [_cell(getattr(row, column)) for column in columns]


def _cell(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


# --- one agreement ------------------------------------------------------------------------------------------------


@page
@require_GET
def agreement(request: HttpRequest, plan_id: UUID) -> HttpResponse:
    """One agreement: its schedule and how it is performed, what is waived, who approved it, and what happened."""
    plan = _plan(request, plan_id)
    happened = Event.objects.filter(chain=plan.customer_id, kind__startswith="plan.", body__plan=str(plan_id)).order_by(
        "-number"
    )[:50]
    context = {
        "plan": plan, "rows": list(plan.instalments.all()), "waivers": list(plan.waivers.order_by("account_id", "component")),
        "approval": Approval.objects.filter(subject_id=plan_id).order_by("-wanted_at").first(), "events": told(happened),
        "may_reveal": may_reveal(reader(request)), "rate": Decimal(plan.effective_annual_rate or 0),
    }  # fmt: skip
    return render(request, "workbench/agreement.html", context)


def _plan(request: HttpRequest, plan_id: UUID, *, clear: bool = False) -> Plan:
    """The agreement, if the reader may see its case; the look at it is kept."""
    found = Plan.objects.filter(pk=plan_id).first()
    if found is None or not access.may_see_case(reader(request), found.customer_id):
        raise Http404
    viewed(request, [found.customer_id], clear=clear, reason=_REASON if clear else "")
    return found


def _language(request: HttpRequest) -> str:
    asked = request.GET.get("lang") or request.POST.get("lang")
    return asked if asked in {"zh", "en"} else "zh" if (get_language() or "zh").startswith("zh") else "en"


@page
@require_GET
def text(request: HttpRequest, plan_id: UUID) -> HttpResponse:
    """What the agreement says, in one language, to read out or print; the customer's name stays masked."""
    plan, lang = _plan(request, plan_id), _language(request)
    zh = lang == "zh"
    person = identity.masked(plan.customer_id)
    context = {
        "plan": plan, "lang": lang, "tag": "zh-CN" if zh else "en", "title": paper.title(plan.kind, lang),
        "bank": paper.bank(lang, plan.agreed.start), "name": person.name if person else "", "rows": plan.rows(),
        "clauses": [(paper.ITEMS[each.item][not zh], each.zh if zh else each.en, each.item.value) for each in paper.stated(plan)],
        "may_reveal": may_reveal(reader(request)), "words": paper.heads(plan, lang),
    }  # fmt: skip
    return render(request, "workbench/agreement_text.html", context)


@page
@require_POST
def document(request: HttpRequest, plan_id: UUID) -> HttpResponse:
    """The agreement as PDF with the customer's name and address, for her to sign; the look at both is kept with its reason."""
    if not may_reveal(reader(request)):
        raise PermissionDenied
    plan, lang = _plan(request, plan_id, clear=True), _language(request)
    now = clock.now()
    answer = looks.reveal(
        plan.customer_id,
        fields=["name", "address"],
        reason=_REASON,
        at=now,
        by=reader(request).get_username(),
    )
    if not isinstance(answer, identity.Person):
        return _unset(request, answer.zh, answer.en)
    address = next((each.value for each in answer.points if each.kind == ContactKind.ADDRESS and each.party == "debtor"), "")
    try:
        made = paper.pdf(
            plan, lang=lang, name=answer.name, address=tuple(address.splitlines()), on=timezone.localtime(now).date()
        )
    except NoFace as absent:
        return _unset(request, absent.zh, absent.en)
    except NotSet as wrong:
        return _unset(request, f"无法排版：{wrong.code}", f"It cannot be set: {wrong.code}")
    headers = {"Content-Disposition": f'inline; filename="agreement-{str(plan_id)[:8]}-{lang}.pdf"'}
    return HttpResponse(made, content_type="application/pdf", headers=headers)


def _unset(request: HttpRequest, zh: str, en: str) -> HttpResponse:
    return render(request, "workbench/_plan_faults.html", {"faults": [{"message_zh": zh, "message_en": en}]}, status=422)
