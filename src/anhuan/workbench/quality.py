"""The pages of quality checks: calls drawn and reviewed, a collector's reviews with what was agreed with her, and her own answer.

Knows how a review is filled in and which act each button is. What was written about a call is shown to whoever may see its case and to
its collector; coaching notes to the two they are between, and to nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Avg, Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from anhuan import clock
from anhuan.acts import quality as acts
from anhuan.acts import recording as recordings
from anhuan.acts.dispatch.carriers import ChannelsRefused
from anhuan.portfolio.feed import Sentence
from anhuan.records import access, identity, supervision
from anhuan.records import quality as records
from anhuan.records.call import Call
from anhuan.records.contact import Contact
from anhuan.records.note import Note, NoteKind
from anhuan.records.quality import (
    COUNTS,
    CoachingNote,
    QualityDraw,
    QualityPick,
    QualityReview,
    ReviewKind,
    ReviewState,
)
from anhuan.records.staff import Right, Staff, Team, roles_that_may
from anhuan.rulebook import quality as rulebook
from anhuan.rulebook import scripts
from anhuan.workbench.call import our_bank
from anhuan.workbench.compliance import day_of
from anhuan.workbench.frame import page, reader, viewed
from anhuan.workbench.spreadsheet import file_response
from anhuan.workbench.wall import Asked, supervisors_only

PAGE = 100
EXPORTED = 20_000
DRAWS = 14
BACK = timedelta(days=90)
STATES = ("waiting", "draft", "final", "acknowledged", "appealed")


def _chinese() -> bool:
    return (get_language() or "").startswith("zh")


def _own(told: Any) -> str:
    """The reader's words of a risk or a criterion."""
    return str(told.zh if _chinese() else told.en)


# --- the list -----------------------------------------------------------------------------------------------------


@supervisors_only
@require_GET
def quality(request: HttpRequest) -> HttpResponse:
    """What was drawn and what became of it, newest day first; days not drawn yet; how reviewers agree."""
    now = clock.now()
    today = timezone.localtime(now).date()
    asked, state, on, until, found = _listed(request)
    picks = list(found[: PAGE + 1])
    may = access.may_see(reader(request), {pick.customer_id for pick in picks})
    draws = list(QualityDraw.objects.order_by("-day").defer("candidates")[:DRAWS])
    drawn = {made.day for made in draws}
    context = {
        "asked": asked, "state": state, "states": STATES, "on": on, "until": until,
        "query": asked.query(state=state, day=on or "", until=until or ""),
        "picks": [(pick, _standing(pick)) for pick in picks[:PAGE] if pick.customer_id in may], "more": len(picks) > PAGE,
        "hidden": sum(pick.customer_id not in may for pick in picks[:PAGE]),
        "draws": draws, "undrawn": [each for n in range(1, 8) if (each := today - timedelta(days=n)) not in drawn],
        "form": acts.form_in_force(today), "calibrations": records.calibrations(since=now - BACK)[:PAGE], "reviewers": _reviewers(now - BACK),
        "teams": Team.objects.order_by("name"), "people": supervision.people(gone=True), "risks": _risk_words(today),
    }  # fmt: skip
    return render(request, "workbench/quality.html", context)


def _listed(request: HttpRequest) -> tuple[Asked, str, date | None, date | None, Any]:
    """Whose calls an address asks for, in which state, from which day to which (the one day where only that is named), and those."""
    asked, state = Asked.of(request), request.GET.get("state", "")
    on, until = day_of(request.GET.get("day", "")), day_of(request.GET.get("until", ""))
    state = state if state in STATES else ""
    found = QualityPick.objects.order_by("-day", "collector", "contact_id").prefetch_related("reviews")
    if asked.narrowed:
        found = found.filter(collector__in=asked.names())
    found = found.filter(day__gte=on) if on else found
    last = until or on
    found = found.filter(day__lte=last) if last else found
    return asked, state, on, until, _in_state(found, state)


_COLUMNS = (
    "day", "collector", "case_id", "why", "points", "risks", "state", "kind", "score", "fatal", "reviewer", "finished_at",
    "acknowledged_at", "appealed_at",
)  # fmt: skip


@supervisors_only
@require_GET
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """The list as a file, without a word that was written; calls of cases out of sight are left out."""
    *_, found = _listed(request)
    picks = list(found[:EXPORTED])
    may = access.may_see(reader(request), {pick.customer_id for pick in picks})
    rows = (_row(pick, _standing(pick)) for pick in picks if pick.customer_id in may)
    return file_response(form, f"quality-{timezone.localtime(clock.now()):%Y-%m-%d}", _COLUMNS, rows)


def _row(pick: QualityPick, standing: QualityReview | None) -> list[Any]:
    review: list[Any] = ["waiting", "", None, "", "", None, None, None]
    if standing is not None:
        score = None if standing.score is None else Decimal(standing.score) / 10
        review = [
            standing.state, standing.kind, score, standing.fatal, standing.reviewer, standing.finished_at, standing.acknowledged_at,
            standing.appealed_at,
        ]  # fmt: skip
    return [pick.day, pick.collector, pick.customer_id, pick.why, pick.points, pick.risks, *review]


def _in_state(found: Any, state: str) -> Any:
    if state == "waiting":
        return found.exclude(reviews__kind=ReviewKind.FIRST, reviews__finished_at__isnull=False)
    return found.filter(reviews__state=state).distinct() if state else found


def _standing(pick: QualityPick) -> QualityReview | None:
    """The review of a call that counts; else the first one, however far it is."""
    reviews = [each for each in pick.reviews.all() if each.kind != ReviewKind.CALIBRATION]
    counting = [each for each in reviews if each.state in COUNTS]
    return next(iter(sorted(counting or reviews, key=lambda each: each.kind == ReviewKind.FIRST)), None)


def _reviewers(since: datetime) -> list[Any]:
    """How many each reviewer finished and what she gave on average: one far from the others is worth a talk."""
    found = QualityReview.objects.filter(finished_at__gte=since).values("reviewer")
    return list(found.annotate(n=Count("pk"), mean=Avg("score"), fatal=Count("pk", filter=~Q(fatal=[]))).order_by("reviewer"))


def _risk_words(on: date) -> dict[str, str]:
    return {risk.id: _own(risk) for risk in acts.form_in_force(on).risks}


@supervisors_only
@require_POST
def draw(request: HttpRequest) -> HttpResponse:
    """Draw a day; or with `again` make its draw again and say whether it comes out the same."""
    on = day_of(request.POST.get("day", ""))
    if on is None:
        raise Http404
    made = QualityDraw.objects.filter(day=on).first() if "again" in request.POST else None
    if made is not None:
        again = acts.drawn_again(made)
        kept = {
            str(each) for each in QualityPick.objects.filter(day=on).exclude(why="asked").values_list("contact_id", flat=True)
        }
        if again is None:
            messages.warning(request, _("The form of that day has changed since; it cannot be drawn again."))
        elif {each.contact for each in again} >= kept:
            messages.success(request, _("Drawn again from the same seed and the same calls: the same calls came out."))
        else:
            messages.error(request, _("Drawn again, other calls came out: what is kept was changed."))
        return _to_day(on)
    answer = acts.draw(on, seed=request.POST.get("seed", "").strip()[:40], **_signed(request))
    if isinstance(answer, Sentence):
        _refused(request, answer)
    return _to_day(on)


def _to_day(on: date) -> HttpResponse:
    return redirect(f"{reverse('quality')}?day={on}")


@supervisors_only
@require_POST
def ask(request: HttpRequest, contact_id: UUID) -> HttpResponse:
    """Put one call on the list by hand, and open it."""
    contact = Contact.objects.filter(pk=contact_id).first()
    if contact is None or not access.may_see_case(reader(request), contact.customer_id):
        raise Http404
    answer = acts.ask(contact_id, **_signed(request))
    if isinstance(answer, Sentence):
        _refused(request, answer)
        return redirect("quality")
    return redirect("quality_call", contact_id=contact_id)


# --- one call -----------------------------------------------------------------------------------------------------


@supervisors_only
def call(request: HttpRequest, contact_id: UUID) -> HttpResponse:
    """One call with what is on record of it, the reviews there are, and the reader's own to fill in."""
    pick = QualityPick.objects.filter(pk=contact_id).first()
    if pick is None or not access.may_see_case(reader(request), pick.customer_id):
        raise Http404
    told: Mapping[str, Any] = {}
    refusal: Sentence | None = None
    if request.method == "POST":
        form = acts.form_in_force(pick.day)
        told = {
            "answers": {each.id: request.POST.get(f"c-{each.id}", "") for each in form.criteria},
            "evidence": request.POST.getlist("evidence"), "comment": request.POST.get("comment", "")[: acts.LONGEST],
        }  # fmt: skip
        answer = acts.review(contact_id, finish=request.POST.get("step") == "finish", **told, **_signed(request))
        if not isinstance(answer, Sentence):
            messages.success(request, _("Finished; the collector sees it.") if answer.finished_at else _("Kept as a draft."))
            return redirect("quality_call", contact_id=contact_id)
        refusal = answer
    viewed(request, [pick.customer_id])
    context = {**_call(pick, reader(request), told), "refusal": _shown(refusal) if refusal else None}
    return render(request, "workbench/quality_call.html", context, status=422 if refusal else 200)


def _call(pick: QualityPick, staff: Staff, told: Mapping[str, Any]) -> dict[str, Any]:
    form = acts.form_in_force(pick.day)
    reviews = list(pick.reviews.order_by("started_at"))
    own = next((each for each in reviews if each.reviewer == staff.get_username()), None)
    words = identity.said([id_ for each in reviews for id_ in (each.review_id, each.appeal_id) if id_])
    answers = told.get("answers") or (own.answers if own else {})
    led = Call.objects.filter(pk=pick.call_id).first() if pick.call_id else None
    note = Note.objects.filter(pk=pick.call_id).exclude(kind=NoteKind.SENSITIVE).first() if pick.call_id else None
    # Whoever has still to judge for herself does not see what another found.
    shown = [
        each for each in reviews if each.finished_at and (own is None or own.finished_at or each.state == ReviewState.APPEALED)
    ]
    contact = Contact.objects.filter(pk=pick.pk).first()
    return {
        "pick": pick, "contact": contact, "call": led, "recording": _recording(contact), "hers": pick.collector == staff.get_username(),
        "own": own, "form": form,
        "criteria": [(each, _own(each), answers.get(each.id, "")) for each in form.criteria], "answers": list(rulebook.ANSWERS),
        "evidence": acts.EVIDENCE, "seen": told.get("evidence", own.evidence if own else []),
        "comment": told.get("comment", words.get(own.review_id, {}).get("comment", "") if own else ""),
        "note": identity.said([note.pk]).get(note.pk, {}).get("note", "") if note else "", "warned": note.warned if note else [],
        "ticked": _ticked(led), "risks": [_risk_words(pick.day).get(each, each) for each in pick.risks],
        "may_fill": pick.collector != staff.get_username() and (own is None or own.state == ReviewState.DRAFT),
        "reviews": told_reviews(shown, form, words),
    }  # fmt: skip


def _recording(contact: Contact | None) -> recordings.Recording | None:
    """What was recorded of the call; nothing where the folders of recordings cannot be told."""
    try:
        return recordings.of(contact) if contact else None
    except ChannelsRefused:
        return None


def _ticked(led: Call | None) -> list[str]:
    """The statements she ticked, as she was to say them; one that is no more by its id."""
    if led is None:
        return []
    said = {"bank": our_bank(), "agent": led.by}
    known = {each.id: scripts.spoken(_own(each), said) for each in scripts.load().statements}
    return [known.get(id_, id_) for id_ in led.ticked]


def told_reviews(
    reviews: Iterable[QualityReview], form: rulebook.Form, words: Mapping[UUID, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Reviews with their words, each answer beside its criterion where the form still has it."""
    names = {each.id: each for each in form.criteria}
    return [
        {
            "review": each, "comment": words.get(each.review_id, {}).get("comment", ""),
            "appeal": words.get(each.appeal_id, {}).get("appeal", "") if each.appeal_id else "",
            "answers": [(_own(names[id_]) if id_ in names else id_, word, id_ in each.fatal) for id_, word in each.answers.items()],
        }
        for each in reviews
    ]  # fmt: skip


# --- one collector, and oneself -----------------------------------------------------------------------------------


@supervisors_only
@require_GET
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """A collector's reviews, and what the reader agreed with her."""
    return render(request, "workbench/quality_person.html", _person(request, _collector(pk)))


def _collector(pk: int) -> Staff:
    found = Staff.objects.filter(pk=pk, role__in=roles_that_may(Right.WORK)).select_related("team").first()
    if found is None:
        raise Http404
    return found


def _person(request: HttpRequest, member: Staff) -> dict[str, Any]:
    """What is told of a collector: to herself all notes, to another only those of her own hand."""
    staff, name = reader(request), member.get_username()
    mine = staff.pk == member.pk
    reviews = list(
        QualityReview.objects.filter(collector=name, finished_at__isnull=False).exclude(kind=ReviewKind.CALIBRATION)
        .select_related("pick").order_by("-finished_at")[:PAGE]
    )  # fmt: skip
    may = access.may_see(staff, {each.pick.customer_id for each in reviews})
    if not mine:
        reviews = [each for each in reviews if each.pick.customer_id in may]
    notes = CoachingNote.objects.filter(collector=name).order_by("-at")
    notes = notes if mine else notes.filter(by=staff.get_username())
    kept = list(notes[:PAGE])
    words = identity.said(
        [*(note.note_id for note in kept), *(id_ for each in reviews for id_ in (each.review_id, each.appeal_id) if id_)]
    )
    if reviews:
        viewed(request, {each.pick.customer_id for each in reviews})
    today = timezone.localtime(clock.now()).date()
    counting = [each.score for each in reviews if each.state in COUNTS and each.score is not None]
    return {
        "member": member, "mine": mine, "today": today, "form": acts.form_in_force(today), "may": may,
        "notes": [(note, words.get(note.note_id, {}).get("note", "")) for note in kept],
        "reviews": told_reviews(reviews, acts.form_in_force(today), words), "number": len(counting),
        "mean": round(sum(counting) / len(counting)) if counting else None,
        "spark": [each / 10 for each in reversed(counting)],
    }  # fmt: skip


@page
@require_GET
def mine(request: HttpRequest) -> HttpResponse:
    """The reader's own reviews and coaching."""
    staff = reader(request)
    if not staff.may(Right.WORK):
        raise PermissionDenied
    context = _person(request, staff)
    acts.coaching_seen(staff.get_username(), at=clock.now())
    return render(request, "workbench/quality_person.html", context)


@supervisors_only
@require_POST
def coach(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep what was agreed with a collector."""
    member = _collector(pk)
    answer = acts.coach(
        member.get_username(), text=request.POST.get("text", ""), due_on=day_of(request.POST.get("due_on", "")),
        review=_uuid(request.POST.get("review", "")), **_signed(request),
    )  # fmt: skip
    if isinstance(answer, Sentence):
        _refused(request, answer)
    return redirect("quality_person", pk=pk)


@page
@require_POST
def answer(request: HttpRequest, row_id: UUID) -> HttpResponse:
    """What the collector says to a review, or either of two to a coaching note: read, not agreed, done."""
    if not reader(request).may(Right.WORK):
        raise PermissionDenied
    step = request.POST.get("step", "")
    signed = _signed(request)
    if step == "appeal":
        told: Any = acts.appeal(row_id, why=request.POST.get("why", ""), **signed)
    elif step in ("acknowledge", "done"):
        told = (acts.acknowledge if step == "acknowledge" else acts.coached)(row_id, **signed)
    else:
        raise Http404
    if isinstance(told, Sentence):
        if told.code == "not_yours":
            raise Http404
        _refused(request, told)
    if isinstance(told, CoachingNote) and told.collector != signed["by"]:
        return redirect("quality_person", pk=Staff.objects.get(username=told.collector).pk)
    return redirect("quality_mine")


# --- what they share ----------------------------------------------------------------------------------------------


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _signed(request: HttpRequest) -> dict[str, Any]:
    return {"at": clock.now(), "by": reader(request).get_username()}


def _shown(refused: Sentence) -> dict[str, str]:
    return {"message_zh": refused.zh, "message_en": refused.en}


def _refused(request: HttpRequest, refused: Sentence) -> None:
    messages.warning(request, refused.zh if _chinese() else refused.en)
