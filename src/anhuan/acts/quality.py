"""The acts on the quality of calls: a day is drawn, a call reviewed, a review acknowledged or appealed against, a collector coached.

Knows who may do each: nobody reviews herself, and an appeal is answered by another than the first reviewer. What a review finds and
what is agreed in coaching is sealed, and no word of it enters an event. Does not know how a draw or a score comes out
(`rulebook.quality`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from anhuan.acts import law as laws
from anhuan.core.vocabulary import CALLS
from anhuan.portfolio.feed import Sentence
from anhuan.records import events, identity
from anhuan.records import quality as records
from anhuan.records.call import Call
from anhuan.records.contact import Contact
from anhuan.records.quality import CoachingNote, QualityDraw, QualityPick, QualityReview, ReviewKind, ReviewState
from anhuan.records.staff import Right, Staff, roles_that_may
from anhuan.rulebook import quality
from anhuan.rulebook.quality import Candidate, Drawn, Form

LONGEST = 2000
EVIDENCE = ("contact", "note", "recording", "script")
_SENTENCES = {
    "may_not": ("您无权质检或辅导。", "You may neither review calls nor coach."),
    "own_call": ("不能质检自己的通话。", "Nobody reviews a call of her own."),
    "drawn_already": ("当日已抽样；抽样只进行一次。", "That day has been drawn; a day is drawn once."),
    "day_not_over": ("当日尚未结束，不能抽样。", "That day is not over yet: it cannot be drawn."),
    "no_calls": ("当日没有可抽样的通话。", "There was no call on that day that could be drawn."),
    "unanswered": ("还有评分项未填写；可先存为草稿。", "Some criteria are not answered; keep a draft meanwhile."),
    "no_evidence": ("请至少勾选一项依据。", "Say by what you judged: at least one kind of evidence."),
    "comment_missing": ("有不符合项时须写明理由。", "Where something was not met, a comment says why."),
    "finished": ("该质检已定稿，不能更改。", "This review is finished and stays as it is."),
    "reviewed": ("您已质检过这通电话。", "You have reviewed this call already."),
    "second_needed": ("申诉须由另一人复核。", "An appeal is answered by another person than the first reviewer."),
    "not_yours": ("这不是您的质检。", "This review is not of a call of yours."),
    "not_open": ("该质检当前不能这样处理。", "That cannot be done with this review now."),
    "text_missing": ("请填写内容（最多 2000 字）。", "Some words are needed, 2000 characters at most."),
    "no_such_person": ("没有这名催收员。", "There is no such collector."),
}  # fmt: skip


def form_in_force(on: date) -> Form:
    """The form of a date, the bank's own where it has one. Raises RulebookError."""
    return quality.in_force(on, home=Path(settings.ANHUAN_HOME))


# --- drawing ------------------------------------------------------------------------------------------------------


def draw(day: date, *, at: datetime, by: str, seed: str = "") -> QualityDraw | Sentence:
    """Draw the calls of a day that is over, once. Without a `seed` the day itself is one. Leaves the event `quality.drawn`."""
    if (wrong := _may_not(by)) is not None:
        return wrong
    start, end = laws.day(day)
    if end > at:
        return _say("day_not_over")
    form = form_in_force(day)
    with transaction.atomic():
        found = records.candidates(start, end, form, calls=sorted(CALLS), roles=sorted(roles_that_may(Right.WORK)), at=at)
        if not found:
            return _say("no_calls")
        kept = [{"contact": each.contact, "collector": each.collector, "risks": list(each.risks)} for each, _of, _call in found]
        values = {"seed": seed or day.isoformat(), "form": form.fingerprint, "form_since": form.since, "candidates": kept}
        made, new = QualityDraw.objects.get_or_create(day=day, defaults={**values, "at": at, "by": by})
        if not new:
            return _say("drawn_already")
        chosen = quality.choose((each for each, _of, _call in found), form, seed=made.seed, day=day)
        of = {each.contact: (each, customer, call) for each, customer, call in found}
        QualityPick.objects.bulk_create(
            [
                QualityPick(
                    contact_id=UUID(each.contact), day=day, customer_id=of[each.contact][1], collector=each.collector,
                    call_id=of[each.contact][2], why=each.why, points=each.points, risks=list(of[each.contact][0].risks), at=at, by=by,
                )
                for each in chosen
            ],
            ignore_conflicts=True,  # one asked for by hand stays as it was asked for
        )  # fmt: skip
        _remember("quality.drawn", {"day": day.isoformat(), "of": len(found), "drawn": len(chosen), "seed": made.seed}, at, by)
    return made


def drawn_again(made: QualityDraw) -> list[Drawn] | None:
    """What the draw comes to when it is made again from what is kept of it; None where the form of then is no more."""
    form = form_in_force(made.day)
    if form.fingerprint != made.form:
        return None
    kept = [Candidate(each["contact"], each["collector"], tuple(each["risks"])) for each in made.candidates]
    return quality.choose(kept, form, seed=made.seed, day=made.day)


def ask(contact_id: UUID, *, at: datetime, by: str) -> QualityPick | Sentence:
    """Put one call on the list by hand, wherever it stands. Leaves the event `quality.asked`."""
    if (wrong := _may_not(by)) is not None:
        return wrong
    contact = Contact.objects.filter(pk=contact_id, channel__in=sorted(CALLS), automated=False).first()
    if contact is None or not Staff.objects.filter(username=contact.by).exists():
        return _say("no_calls")
    if contact.by == by:
        return _say("own_call")
    call = Call.objects.filter(contact_id=contact_id).values_list("call_id", flat=True).first()
    with transaction.atomic():
        pick, new = QualityPick.objects.get_or_create(
            contact_id=contact_id,
            defaults={
                "day": contact.started_at.astimezone(ZoneInfo(settings.TIME_ZONE)).date(), "customer_id": contact.customer_id,
                "collector": contact.by, "call_id": call, "why": "asked", "points": 0, "risks": [], "at": at, "by": by,
            },
        )  # fmt: skip
        if new:
            _remember("quality.asked", {"contact": str(contact_id), "collector": contact.by}, at, by)
    return pick


# --- reviewing ----------------------------------------------------------------------------------------------------


def review(
    contact_id: UUID, *, answers: Mapping[str, str], evidence: Iterable[str], comment: str, finish: bool, at: datetime, by: str
) -> QualityReview | Sentence:
    """Keep what a reviewer found, as a draft or for good. Leaves `quality.reviewed` when it is for good.

    The first reviewer's is the first review; after an appeal another's answers that; anybody else's beside it is a calibration.
    """
    if (wrong := _may_not(by)) is not None:
        return wrong
    with transaction.atomic():
        pick = QualityPick.objects.select_for_update().filter(pk=contact_id).first()
        if pick is None:
            return _say("no_calls")
        if pick.collector == by:
            return _say("own_call")
        form = form_in_force(pick.day)
        known = {each.id for each in form.criteria}
        kept = {id_: word for id_, word in answers.items() if id_ in known and word in quality.ANSWERS}
        seen = [each for each in EVIDENCE if each in set(evidence)]
        own = pick.reviews.filter(reviewer=by).first()
        if own is not None and own.state != ReviewState.DRAFT:
            return _say("finished")
        if finish and (wrong := _unfinished(form, kept, seen, comment)) is not None:
            return wrong
        own = own or QualityReview(
            review_id=uuid4(), pick=pick, collector=pick.collector, reviewer=by, kind=_kind(pick), started_at=at, form=""
        )
        own.answers, own.evidence, own.form = kept, seen, form.fingerprint
        own.state = ReviewState.FINAL if finish else ReviewState.DRAFT
        if finish:
            scored = quality.score(form, kept)
            own.score, own.fatal, own.finished_at = scored.tenths, list(scored.fatal), at
        own.save()
        _seal(own.review_id, {"comment": comment[:LONGEST]})
        if finish:
            _finished(own, at, by)
    return own


def _kind(pick: QualityPick) -> ReviewKind:
    first = pick.reviews.filter(kind=ReviewKind.FIRST).first()
    if first is None:
        return ReviewKind.FIRST
    if first.state == ReviewState.APPEALED and not pick.reviews.filter(kind=ReviewKind.APPEAL).exists():
        return ReviewKind.APPEAL
    return ReviewKind.CALIBRATION


def _unfinished(form: Form, answers: Mapping[str, str], evidence: list[str], comment: str) -> Sentence | None:
    if quality.unanswered(form, answers):
        return _say("unanswered")
    if not evidence:
        return _say("no_evidence")
    if any(word in {"no", "part"} for word in answers.values()) and not comment.strip():
        return _say("comment_missing")
    return None


def _finished(made: QualityReview, at: datetime, by: str) -> None:
    if made.kind == ReviewKind.APPEAL:
        made.pick.reviews.filter(kind=ReviewKind.FIRST, state=ReviewState.APPEALED).update(state=ReviewState.REPLACED)
    body = {"review": str(made.review_id), "contact": str(made.pick_id), "collector": made.collector, "kind": made.kind,
            "score": made.score, "fatal": made.fatal}  # fmt: skip
    _remember("quality.reviewed", body, at, by)


def acknowledge(review_id: UUID, *, at: datetime, by: str) -> QualityReview | Sentence:
    """The collector has read it. Leaves `quality.acknowledged`."""
    with transaction.atomic():
        found = _of_collector(review_id, by)
        if isinstance(found, Sentence):
            return found
        if found.state != ReviewState.FINAL or found.kind == ReviewKind.CALIBRATION:
            return _say("not_open")
        found.state, found.acknowledged_at = ReviewState.ACKNOWLEDGED, at
        found.save(update_fields=["state", "acknowledged_at"])
        _remember("quality.acknowledged", {"review": str(review_id)}, at, by)
    return found


def appeal(review_id: UUID, *, why: str, at: datetime, by: str) -> QualityReview | Sentence:
    """The collector asks for another's judgement, once. Leaves `quality.appealed`."""
    if not why.strip():
        return _say("text_missing")
    with transaction.atomic():
        found = _of_collector(review_id, by)
        if isinstance(found, Sentence):
            return found
        if found.kind != ReviewKind.FIRST or found.state not in {ReviewState.FINAL, ReviewState.ACKNOWLEDGED}:
            return _say("not_open")
        found.state, found.appealed_at, found.appeal_id = ReviewState.APPEALED, at, uuid4()
        found.save(update_fields=["state", "appealed_at", "appeal_id"])
        # Who began a calibration beside the first review is another reviewer, and her unfinished one becomes the answer.
        found.pick.reviews.filter(kind=ReviewKind.CALIBRATION, state=ReviewState.DRAFT).delete()
        _seal(found.appeal_id, {"appeal": why.strip()[:LONGEST]})
        _remember("quality.appealed", {"review": str(review_id)}, at, by)
    return found


def _of_collector(review_id: UUID, by: str) -> QualityReview | Sentence:
    found = QualityReview.objects.select_for_update().filter(pk=review_id).exclude(state=ReviewState.DRAFT).first()
    return found if found is not None and found.collector == by else _say("not_yours")


# --- coaching -----------------------------------------------------------------------------------------------------


def coach(
    collector: str, *, text: str, due_on: date | None, at: datetime, by: str, review: UUID | None = None
) -> CoachingNote | Sentence:
    """Keep what was agreed with a collector, for her and the supervisor who wrote it alone. Leaves `coaching.noted`."""
    if (wrong := _may_not(by)) is not None:
        return wrong
    if not text.strip() or len(text) > LONGEST:
        return _say("text_missing")
    if collector == by or not Staff.objects.filter(username=collector, role__in=roles_that_may(Right.WORK)).exists():
        return _say("no_such_person")
    with transaction.atomic():
        of = QualityReview.objects.filter(pk=review, collector=collector).first() if review else None
        made = CoachingNote.objects.create(note_id=uuid4(), collector=collector, by=by, at=at, due_on=due_on, review=of)
        _seal(made.note_id, {"note": text.strip()})
        _remember("coaching.noted", {"note": str(made.note_id), "collector": collector}, at, by)
    return made


def coached(note_id: UUID, *, at: datetime, by: str) -> CoachingNote | Sentence:
    """Either of the two says it is done. Leaves `coaching.done`."""
    with transaction.atomic():
        found = CoachingNote.objects.select_for_update().filter(pk=note_id).first()
        if found is None or by not in {found.collector, found.by}:
            return _say("not_yours")
        if found.done_at is not None:
            return _say("not_open")
        found.done_at, found.done_by = at, by
        found.save(update_fields=["done_at", "done_by"])
        _remember("coaching.done", {"note": str(note_id)}, at, by)
    return found


def coaching_seen(collector: str, *, at: datetime) -> None:
    """The collector has opened her notes."""
    CoachingNote.objects.filter(collector=collector, seen_at=None).update(seen_at=at)


# --- what they share ----------------------------------------------------------------------------------------------


def _may_not(by: str) -> Sentence | None:
    staff = Staff.objects.filter(username=by).first()
    return None if staff is not None and staff.may(Right.SUPERVISE) else _say("may_not")


def _seal(row: UUID, told: Mapping[str, Any]) -> None:
    [sealed] = identity.seal_said({row: told})
    sealed.save()


def _remember(kind: str, body: Mapping[str, Any], at: datetime, by: str) -> None:
    events.append(chain=events.HOUSE, kind=kind, body=body, at=at, by=by)


def _say(code: str) -> Sentence:
    return Sentence(code, *_SENTENCES[code])
