"""Disputes and hardship on the page of a case, in a list with their deadlines and as a file, and each whole with its steps and papers.

Knows how they are drawn and which act each button is; what keeps a step from being taken is said by the acts. What was said is shown in
clear to who may see the case, and the look is kept. Papers come in and go out by the body of a request, never by an address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.db.models import F, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import reswap, retarget

from anhuan import clock
from anhuan.acts import dispute as disputing
from anhuan.acts import evidence as papers
from anhuan.acts import hardship as caring
from anhuan.acts import law, matter, note, verification
from anhuan.acts.dispatch import Refused
from anhuan.acts.evidence import Paper
from anhuan.channels.letter.press import NoFace, NotSet
from anhuan.core.vocabulary import Presence
from anhuan.records import access
from anhuan.records.account import Account
from anhuan.records.attempt import Fault
from anhuan.records.dispute import Dispute, DisputeKind, DisputeState, Evidence
from anhuan.records.hardship import STANDING, Hardship, HardshipKind, HardshipState
from anhuan.records.hold import Hold
from anhuan.records.staff import Right
from anhuan.workbench.compliance import day_of
from anhuan.workbench.frame import page, reader, viewed
from anhuan.workbench.plan_forms import Reading
from anhuan.workbench.spreadsheet import file_response
from anhuan.workbench.wall import Asked as Whose
from anhuan.workbench.wall import whose

PAGE = 100
EXPORTED = 50_000
ON_CARD = 5
_ENOUGH = papers.MOST_BYTES + 1024 * 1024
"""The largest form taken: one paper of the largest size, and what is written beside it."""


# --- papers in and out ----------------------------------------------------------------------------------------------


class _InMemory(MemoryFileUploadHandler):
    """Keeps what is handed in out of any temporary file, where it would lie in clear; what is too large is not kept at all."""

    def handle_raw_input(self, *told: Any, **_more: Any) -> None:
        _input, _meta, length, *_ = told
        self.activated = length <= _ENOUGH


def takes_papers(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Set how papers are received before anything reads the form, the check against forged requests included."""
    inner = csrf_protect(view)

    @csrf_exempt
    @wraps(view)
    def outer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.upload_handlers = [_InMemory(request)]
        return inner(request, *args, **kwargs)

    return outer


def _papers(request: HttpRequest) -> list[Paper]:
    return [Paper(each.name or "", each.read()) for each in request.FILES.getlist("evidence")]


def _too_large(request: HttpRequest) -> list[Fault]:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return [matter.fault("evidence", "paper_size")] if length.isdigit() and int(length) > _ENOUGH else []


@page
@require_POST
def paper(request: HttpRequest, evidence_id: UUID) -> HttpResponse:
    """A paper in clear, as a file; that it was opened is kept in the case's chain."""
    _worker(request)
    kept = Evidence.objects.filter(pk=evidence_id).first()
    if kept is None or not access.may_see_case(reader(request), kept.customer_id):
        raise Http404
    answer = papers.open_paper(evidence_id, **_sign(request))
    if isinstance(answer, list):
        return _refused(request, answer)
    viewed(request, [kept.customer_id], clear=True, reason="evidence")
    ending = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}[answer.media]
    headers = {"Content-Disposition": f'attachment; filename="evidence-{str(evidence_id)[:8]}.{ending}"'}
    return HttpResponse(answer.content, content_type=answer.media, headers=headers)


# --- the card on a case -----------------------------------------------------------------------------------------------


@page
@require_GET
def card(request: HttpRequest, case_id: str) -> HttpResponse:
    """What she disputes and why she cannot pay, and the forms to take either."""
    if not access.may_see_case(reader(request), case_id):
        raise Http404
    return render(request, "workbench/_matter_card.html", _card(request, case_id))


def _card(request: HttpRequest, case_id: str) -> dict[str, Any]:
    now = clock.now()
    accounts = Account.objects.filter(customer_id=case_id).exclude(presence=Presence.MISSING).order_by("account_id")
    hardships = list(Hardship.objects.filter(customer_id=case_id).order_by("-opened_at")[:ON_CARD])
    return {
        "case_id": case_id, "today": timezone.localtime(now).date(), "accounts": list(accounts),
        "disputes": list(Dispute.objects.filter(customer_id=case_id).order_by("-opened_at")[:ON_CARD]),
        "hardships": hardships, "hardship_stands": any(each.state in STANDING for each in hardships),
        "dispute_kinds": list(DisputeKind), "hardship_kinds": list(HardshipKind), "came_by": disputing.CAME_BY,
        "agreed": note.consent_to_sensitive(case_id, now) is not None, "may_work": _works(request),
    }  # fmt: skip


@takes_papers
@page
@require_POST
def act(request: HttpRequest, case_id: str) -> HttpResponse:
    """Take a dispute or hardship: the card as it then is, or what is against it."""
    _worker(request)
    if not access.may_see_case(reader(request), case_id):
        raise Http404
    form, large = Reading.of(request), _too_large(request)
    step = {"dispute": _take_dispute, "hardship": _take_hardship}.get(form.text("step"))
    if step is None and not large:
        raise Http404
    answer = large if large or step is None else step(request, case_id, form)
    if isinstance(answer, list):
        return _refused(request, answer)
    return render(request, "workbench/_matter_card.html", _card(request, case_id) | {"done": True})


def _take_dispute(request: HttpRequest, case_id: str, form: Reading) -> Any:
    chosen = form.told.getlist("account")
    first = Account.objects.filter(customer_id=case_id, account_id__in=chosen).order_by("account_id").first()
    disputed = form.minor("disputed", first.currency) if first is not None else None
    received, sent = form.day("received_on"), form.day("notice_sent")
    if form.faults:
        return form.faults
    return disputing.register(
        case_id, kind=form.text("kind"), account_ids=chosen, statement=form.text("statement", matter.LONGEST),
        evidence=_papers(request), disputed_minor=disputed, received_on=received, came_by=form.text("came_by"), notice_sent=sent,
        **_sign(request),
    )  # fmt: skip


def _take_hardship(request: HttpRequest, case_id: str, form: Reading) -> Any:
    review = form.day("review_on")
    if form.faults:
        return form.faults
    return caring.register(
        case_id, kind=form.text("kind"), statement=form.text("statement", matter.LONGEST), review_on=review,
        evidence=_papers(request), sensitive_note=form.text("sensitive_note", matter.LONGEST), **_sign(request),
    )  # fmt: skip


# --- lists ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Noun:
    """What a list is of, the most urgent first; the day that decides; its columns as a file, which hold nothing that was said."""

    rows: QuerySet[Any]
    day: str
    live: tuple[str, ...]
    states: Sequence[str]
    kinds: Sequence[str]
    columns: Sequence[str]


NOUNS: Mapping[str, Noun] = {
    "disputes": Noun(
        Dispute.objects.order_by(F("closed_at").desc(nulls_first=True), F("due_on").asc(nulls_last=True), "dispute_id"), "due_on",
        (DisputeState.OPEN.value,), [each.value for each in DisputeState], [each.value for each in DisputeKind],
        ("dispute_id", "customer_id", "kind", "state", "outcome", "accounts", "disputed_minor", "currency", "came_by", "received_on",
         "due_on", "due_rule", "due_sure", "round", "opened_at", "opened_by", "decided_at", "decided_by", "answered_at",
         "corrected_at", "closed_at"),
    ),
    "hardship": Noun(
        Hardship.objects.order_by(F("ended_at").desc(nulls_first=True), "review_on", "hardship_id"), "review_on",
        tuple(each.value for each in STANDING), [each.value for each in HardshipState],
        (),  # its kind may tell of her health
        ("hardship_id", "customer_id", "state", "review_on", "opened_at", "opened_by", "decided_at", "decided_by", "ended_at",
         "ended_why"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What a list's address asks for."""

    noun: str
    state: str = ""
    kind: str = ""
    case: str = ""
    late: bool = False
    until: date | None = None
    after: int = 0
    first: date | None = None
    last: date | None = None
    whose: Whose = field(default_factory=Whose)

    @classmethod
    def of(cls, request: HttpRequest) -> Asked:
        told = request.GET
        noun = told.get("of", "disputes")
        noun = noun if noun in NOUNS else "disputes"
        state, kind, after = told.get("state", ""), told.get("kind", ""), told.get("after", "")
        return cls(
            noun, state if state in NOUNS[noun].states else "", kind if kind in NOUNS[noun].kinds else "", told.get("case", "")[:32],
            told.get("late") == "1", day_of(told.get("until", "")),
            int(after) if after.isascii() and after.isdigit() and len(after) < 9 else 0,
            day_of(told.get("from", "")), day_of(told.get("to", "")), Whose.of(request),
        )  # fmt: skip

    def query(self, **more: object) -> str:
        """The address's query of this list with something changed."""
        told = {"of": self.noun, "state": self.state, "kind": self.kind, "case": self.case, "late": "1" if self.late else "",
                "until": self.until, "from": self.first, "to": self.last, "team": self.whose.team, "person": self.whose.person,
                "queue": self.whose.queue, **more}  # fmt: skip
        return urlencode({name: str(value) for name, value in told.items() if value not in (None, "", 0)})

    def rows(self, today: date) -> QuerySet[Any]:
        noun, wanted = NOUNS[self.noun], Q()
        for name, value in {
            "state": self.state, "kind": self.kind, "customer_id": self.case, f"{noun.day}__lte": self.until,
            "opened_at__gte": self.first and law.day(self.first)[0], "opened_at__lt": self.last and law.day(self.last)[1],
        }.items():  # fmt: skip
            wanted &= Q(**{name: value}) if value else Q()
        if self.whose.narrowed:
            wanted &= Q(opened_by__in=self.whose.names())
        if self.late:
            wanted &= Q(**{f"{noun.day}__lt": today, "state__in": noun.live})
        return noun.rows.filter(wanted)


@page
@require_GET
def disputes(request: HttpRequest) -> HttpResponse:
    """Disputes or hardship, what is not over first, by their days."""
    asked, today = Asked.of(request), timezone.localtime(clock.now()).date()
    found = list(asked.rows(today)[asked.after : asked.after + PAGE + 1])
    shown = _seen(request, found[:PAGE])
    noun = NOUNS[asked.noun]
    context = {
        **whose(asked.whose), "asked": asked, "nouns": list(NOUNS), "noun": noun, "today": today, "query": asked.query(),
        "rows": shown, "hidden": len(found[:PAGE]) - len(shown),
        "late": asked.rows(today).filter(Q(**{f"{noun.day}__lt": today, "state__in": noun.live})).count(),
        "next": asked.query(after=asked.after + PAGE) if len(found) > PAGE else "",
    }  # fmt: skip
    return render(request, "workbench/disputes.html", context)


@page
@require_GET
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """The same as a file, `csv` or `xlsx`; it holds nothing that was said."""
    asked, today = Asked.of(request), timezone.localtime(clock.now()).date()
    columns = NOUNS[asked.noun].columns
    return file_response(form, f"{asked.noun}-{today}", columns, _cells(request, asked, today, columns))


def _cells(request: HttpRequest, asked: Asked, today: date, columns: Sequence[str]) -> Iterator[list[Any]]:
    for start in range(0, EXPORTED, 1_000):
        some = list(asked.rows(today)[start : start + 1_000])
        if not some:
            return
        for row in _seen(request, some):
            cells = [getattr(row, column) for column in columns]
            yield [
                str(cell) if isinstance(cell, UUID) else " ".join(cell) if isinstance(cell, list) else cell for cell in cells
            ]


def _seen(request: HttpRequest, rows: Sequence[Any]) -> list[Any]:
    """Those rows whose case the reader may see."""
    may = access.may_see(reader(request), {each.customer_id for each in rows})
    return [each for each in rows if each.customer_id in may]


# --- one of them ------------------------------------------------------------------------------------------------------


@page
@require_GET
def dispute(request: HttpRequest, dispute_id: UUID) -> HttpResponse:
    """One dispute: what is disputed, by when it is answered, its steps and papers, and what may be done next."""
    return render(request, "workbench/dispute.html", _whole_dispute(request, _one(request, Dispute, dispute_id)))


Matter = TypeVar("Matter", Dispute, Hardship)


def _one(request: HttpRequest, kind: type[Matter], pk: UUID) -> Matter:
    """One of a kind whose case the reader may see, read in clear and kept as such; one she may not see is none."""
    found = kind.objects.filter(pk=pk).first()
    if found is None or not access.may_see_case(reader(request), found.customer_id):
        raise Http404
    viewed(request, [found.customer_id], clear=True, reason=kind.__name__.lower())
    return found


def _whole_dispute(request: HttpRequest, one: Dispute) -> dict[str, Any]:
    return _whole(request, one, one.dispute_id) | {
        "outcomes": [each.value for each in disputing.DECIDED], "lang": "zh" if (get_language() or "").startswith("zh") else "en",
        "may_prolong": one.state == DisputeState.OPEN and one.due_rule.endswith(("complaint.simple", "complaint.complex")),
        "to_correct": one.state == DisputeState.DECIDED and one.outcome != "rejected" and one.corrected_at is None,
        "to_answer": verification.may_answer(one), "answer": verification.standing(one),
    }  # fmt: skip


def _whole(request: HttpRequest, one: Any, subject_id: UUID) -> dict[str, Any]:
    kept = list(Evidence.objects.filter(subject_id=subject_id).order_by("at", "evidence_id"))
    names = papers.names(kept)
    staff = reader(request)
    return {
        "one": one, "steps": matter.steps_of(subject_id), "papers": [(each, names.get(each.evidence_id, "")) for each in kept],
        "hold": Hold.objects.filter(pk=one.hold_id).first() if one.hold_id else None,
        "today": timezone.localtime(clock.now()).date(), "may_work": _works(request), "may_decide": staff.may(Right.DECIDE),
    }  # fmt: skip


@takes_papers
@page
@require_POST
def dispute_act(request: HttpRequest, dispute_id: UUID) -> HttpResponse:
    """One step of a dispute: it as it then is, or what is against it."""
    _worker(request)
    one = _one(request, Dispute, dispute_id)
    form, large = Reading.of(request), _too_large(request)
    step = _DISPUTE_STEPS.get(form.text("step"))
    if step is None and not large:
        raise Http404
    answer = large if large or step is None else step(request, one, form)
    if isinstance(answer, Refused):
        return _refused(request, [Fault("gate", each.rule.id, each.zh, each.en) for each in answer.verdict.reasons])
    if isinstance(answer, list):
        return _refused(request, answer)
    fresh = Dispute.objects.get(pk=dispute_id)
    return render(request, "workbench/_dispute.html", _whole_dispute(request, fresh) | {"done": True})


def _reason(form: Reading) -> str:
    return form.text("reason", matter.LONGEST)


def _statement(form: Reading) -> str:
    return form.text("statement", matter.LONGEST)


def _answer(request: HttpRequest, one: Dispute, form: Reading) -> Any:
    words = verification.Words(form.text("objection", 200), form.text("finding", 400), form.text("result", 400))
    lang = form.text("lang", 2)
    return verification.send(one.dispute_id, words, lang=lang if lang in {"zh", "en"} else "zh", **_sign(request))


_DISPUTE_STEPS: Mapping[str, Callable[[HttpRequest, Dispute, Reading], Any]] = {
    "add": lambda request, one, form: disputing.add(
        one.dispute_id, _papers(request), statement=_statement(form), **_sign(request)
    ),
    "decide": lambda request, one, form: disputing.decide(
        one.dispute_id, form.text("outcome"), reason=_reason(form), **_sign(request)
    ),
    "answer": _answer,
    "corrected": lambda request, one, form: disputing.corrected(one.dispute_id, reason=_reason(form), **_sign(request)),
    "withdraw": lambda request, one, form: disputing.withdraw(one.dispute_id, reason=_reason(form), **_sign(request)),
    "prolong": lambda request, one, form: disputing.prolong(one.dispute_id, reason=_reason(form), **_sign(request)),
    "reopen": lambda request, one, form: disputing.reopen(
        one.dispute_id, statement=_statement(form), evidence=_papers(request), **_sign(request)
    ),
}


@page
@require_POST
def letter(request: HttpRequest, dispute_id: UUID) -> HttpResponse:
    """The answer that was sent as PDF, with name and address; the look at both is kept."""
    _worker(request)
    one = _one(request, Dispute, dispute_id)
    try:
        made = verification.pdf(one)
    except NoFace as absent:
        return _refused(request, [Fault("letter", "no_face", absent.zh, absent.en)])
    except NotSet as wrong:
        return _refused(request, [Fault("letter", wrong.code, f"无法排版：{wrong.code}", f"It cannot be set: {wrong.code}")])
    if isinstance(made, list):
        return _refused(request, made)
    headers = {"Content-Disposition": f'inline; filename="answer-{str(dispute_id)[:8]}.pdf"'}
    return HttpResponse(made, content_type="application/pdf", headers=headers)


@page
@require_GET
def hardship(request: HttpRequest, hardship_id: UUID) -> HttpResponse:
    """One hardship: its steps and papers, when it is looked at again, and what may be done next."""
    return render(request, "workbench/hardship.html", _whole_hardship(request, _one(request, Hardship, hardship_id)))


def _whole_hardship(request: HttpRequest, one: Hardship) -> dict[str, Any]:
    told = _whole(request, one, one.hardship_id)
    # What the kind tells of her health is shown while her consent stands, and not a day longer.
    hidden = one.consent_id is not None and note.consent_to_sensitive(one.customer_id, clock.now()) is None
    return told | {"stands": one.state in STANDING, "ends": ("agreed", "recovered", "withdrawn"), "hidden": hidden}


@takes_papers
@page
@require_POST
def hardship_act(request: HttpRequest, hardship_id: UUID) -> HttpResponse:
    """One step of a hardship: it as it then is, or what is against it."""
    _worker(request)
    one = _one(request, Hardship, hardship_id)
    form, large = Reading.of(request), _too_large(request)
    step = _HARDSHIP_STEPS.get(form.text("step"))
    if step is None and not large:
        raise Http404
    answer = large if large or step is None else step(request, one, form)
    if isinstance(answer, list):
        return _refused(request, answer)
    fresh = Hardship.objects.get(pk=hardship_id)
    return render(request, "workbench/_hardship.html", _whole_hardship(request, fresh) | {"done": True})


def _decide(request: HttpRequest, one: Hardship, form: Reading) -> Any:
    review = form.day("review_on")
    if form.faults:
        return form.faults
    accepted = form.text("accepted") == "yes"
    return caring.decide(one.hardship_id, accepted=accepted, reason=_reason(form), review_on=review, **_sign(request))


def _review(request: HttpRequest, one: Hardship, form: Reading) -> Any:
    review = form.day("review_on")
    if form.faults or review is None:
        return form.faults or [matter.fault("review_on", "review_unfit")]
    return caring.review(one.hardship_id, review_on=review, reason=_reason(form), **_sign(request))


_HARDSHIP_STEPS: Mapping[str, Callable[[HttpRequest, Hardship, Reading], Any]] = {
    "add": lambda request, one, form: caring.add(
        one.hardship_id, _papers(request), statement=_statement(form), **_sign(request)
    ),
    "decide": _decide,
    "review": _review,
    "end": lambda request, one, form: caring.end(
        one.hardship_id, why=form.text("why", 40), reason=_reason(form), **_sign(request)
    ),
}


# --- what all of them share -------------------------------------------------------------------------------------------


def _works(request: HttpRequest) -> bool:
    staff = reader(request)
    return staff.may(Right.WORK) or staff.may(Right.DECIDE)


def _worker(request: HttpRequest) -> None:
    if not _works(request):
        raise PermissionDenied


def _sign(request: HttpRequest) -> dict[str, Any]:
    return {"at": clock.now(), "by": reader(request).get_username()}


def _refused(request: HttpRequest, faults: Sequence[Fault]) -> HttpResponse:
    told = [each.document() for each in faults]
    response = render(request, "workbench/_plan_faults.html", {"faults": told}, status=422)
    return reswap(retarget(response, "#matter-faults"), "innerHTML")
