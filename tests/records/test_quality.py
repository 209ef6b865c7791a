"""Quality checks: a day is drawn once and can be drawn again, nobody reviews herself, what was found stays, an appeal goes to another."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import Error, transaction
from tests.records import supervised
from tests.records.desk import MORNING
from tests.records.supervised import YESTERDAY

from anhuan.acts import quality as acts
from anhuan.portfolio.feed import Sentence
from anhuan.records import identity, supervision
from anhuan.records.dispute import Dispute
from anhuan.records.events import Event
from anhuan.records.hold import Hold
from anhuan.records.note import Note
from anhuan.records.quality import CoachingNote, QualityDraw, QualityPick, QualityReview, calibrations
from anhuan.records.staff import Staff

pytestmark = pytest.mark.django_db
DAY = YESTERDAY.date()
FORM = acts.quality.in_force(DAY)
MET = {each.id: "yes" for each in FORM.criteria}


@pytest.fixture(autouse=True)
def _house(settings: Any, tmp_path: Path) -> None:
    settings.ANHUAN_HOME = tmp_path
    supervised.people()
    supervised.customers()


def reviewed(pick: QualityPick, by: str = "boss", *, finish: bool = True, comment: str = "", **answers: str) -> QualityReview:
    made = acts.review(
        pick.pk, answers=MET | answers, evidence=["contact"], comment=comment, finish=finish, at=MORNING, by=by
    )  # fmt: skip
    assert isinstance(made, QualityReview), made
    return made


def code(answer: object) -> str:
    assert isinstance(answer, Sentence), answer
    return answer.code


def picked(by: str = "wang") -> QualityPick:
    pick = acts.ask(supervised.call("C0", by).contact_id, at=MORNING, by="boss")
    assert isinstance(pick, QualityPick), pick
    return pick


def test_a_day_is_drawn_by_risk_and_by_lot_and_comes_out_the_same_when_drawn_again() -> None:
    calls = [supervised.call("C1", "wang", YESTERDAY + timedelta(minutes=n)) for n in range(6)]
    risky = supervised.call("C0", "wang")
    Hold.objects.create(
        hold_id=uuid4(), customer_id="C0", kind="complaint", begins=MORNING, registered_at=MORNING, registered_by="x"
    )
    Note.objects.create(
        note_id=calls[0].pk, customer_id="C1", kind="call", warned=["threat"], kept_for="needed", at=YESTERDAY, by="wang"
    )
    made = acts.draw(DAY, at=MORNING, by="boss", seed="s1")
    assert isinstance(made, QualityDraw), made
    picks = {each.contact_id: each for each in QualityPick.objects.all()}
    assert {each.why for each in picks.values()} == {"risk", "random"}
    assert picks[risky.contact_id].risks == ["complaint_after"]
    assert picks[risky.contact_id].points == 50
    assert picks[calls[0].contact_id].risks == ["note_findings"]
    again = acts.drawn_again(QualityDraw.objects.get())
    assert again is not None
    assert {each.contact for each in again} == {str(each) for each in picks}
    assert code(acts.draw(DAY, at=MORNING, by="boss", seed="s2")) == "drawn_already"
    assert code(acts.draw(MORNING.date(), at=MORNING, by="boss")) == "day_not_over"
    with pytest.raises(Error, match="stays as it was made"), transaction.atomic():
        QualityDraw.objects.update(seed="other")


def test_each_risk_is_seen_in_what_is_on_record() -> None:
    found = supervised.call("C0", "wang", checks=[{"passed": False}], verified_at=None, ticked=[], minutes=15)
    supervised.promise("C0", "wang", YESTERDAY, made_in=found.contact_id, state="broken", settled_on="2026-11-19")
    Dispute.objects.create(
        dispute_id=uuid4(), customer_id="C0", kind="other", state="open", accounts=[], came_by="call", received_on=DAY, opened_at=MORNING,
        opened_by="x", round_at=MORNING, round_by="x",
    )  # fmt: skip
    acts.draw(DAY, at=MORNING, by="boss")
    assert set(QualityPick.objects.get().risks) == {"dispute_after", "identity_failed", "little_on_record", "broken_promise"}


def test_nobody_reviews_herself_and_a_collector_reviews_nobody() -> None:
    pick = picked()
    for by, why in (("wang", "may_not"), ("chen", "may_not")):
        answer = acts.review(pick.pk, answers=MET, evidence=["contact"], comment="", finish=True, at=MORNING, by=by)
        assert code(answer) == why
    own = supervised.call("C1", "boss")
    assert code(acts.ask(own.contact_id, at=MORNING, by="boss")) == "own_call"
    with pytest.raises(Error, match="nobody_reviews_herself"), transaction.atomic():
        QualityReview.objects.create(
            review_id=uuid4(),
            pick=pick,
            collector="wang",
            reviewer="wang",
            kind="first",
            state="draft",
            form="",
            started_at=MORNING,
        )


def test_a_review_is_finished_when_all_is_answered_with_evidence_and_reasons_and_stays() -> None:
    pick = picked()
    short = {name: word for name, word in MET.items() if name != "note"}
    wrong = {
        "unanswered": {"answers": short, "evidence": ["note"], "comment": ""},
        "no_evidence": {"answers": MET, "evidence": [], "comment": ""},
        "comment_missing": {"answers": MET | {"courteous": "no"}, "evidence": ["note"], "comment": " "},
    }
    for why, told in wrong.items():
        assert code(acts.review(pick.pk, **told, finish=True, at=MORNING, by="boss")) == why
    assert reviewed(pick, finish=False).score is None
    made = reviewed(pick, courteous="no", comment="打断客户三次")
    assert (made.state, made.score, made.kind) == ("final", 850, "first")
    assert identity.said([made.pk])[made.pk]["comment"] == "打断客户三次"
    assert "打断" not in str(list(Event.objects.values_list("body", flat=True)))
    again = acts.review(pick.pk, answers=MET, evidence=["note"], comment="", finish=True, at=MORNING, by="boss")
    assert code(again) == "finished"
    with pytest.raises(Error, match="stays as it was scored"), transaction.atomic():
        QualityReview.objects.update(score=1000)


def test_an_appeal_is_answered_by_another_and_hers_is_the_score_that_counts() -> None:
    pick = picked()
    first = reviewed(pick, identity="no", comment="x")
    assert (first.score, first.fatal) == (0, ["identity"])
    assert code(acts.appeal(first.pk, why="录音里先核实了", at=MORNING, by="chen")) == "not_yours"
    assert code(acts.appeal(first.pk, why=" ", at=MORNING, by="wang")) == "text_missing"
    assert isinstance(acts.acknowledge(first.pk, at=MORNING, by="wang"), QualityReview)
    assert isinstance(acts.appeal(first.pk, why="录音里先核实了", at=MORNING, by="wang"), QualityReview)
    assert code(acts.appeal(first.pk, why="again", at=MORNING, by="wang")) == "not_open"
    second = reviewed(pick, "second")
    assert (second.kind, second.score) == ("appeal", 1000)
    assert QualityReview.objects.get(pk=first.pk).state == "replaced"
    span = {"first": DAY.replace(day=1), "after": DAY.replace(month=12, day=1), "zone": "Asia/Shanghai", "currency": "CNY"}
    hers = supervision.stays(Staff.objects.filter(username="wang"))
    sums = supervision.months(hers, start=MORNING - timedelta(days=30), end=MORNING + timedelta(days=9), **span)
    assert {(each["reviews"], each["score_tenths"], each["fatal"]) for each in sums.values()} == {(1, 1000, 0)}


def test_two_reviewers_of_one_call_are_compared_and_the_second_does_not_count() -> None:
    pick = picked()
    reviewed(pick)
    assert reviewed(pick, "second", note="no", courteous="part", comment="x").kind == "calibration"
    [pair] = calibrations(since=MORNING - timedelta(days=1))
    assert (pair["apart"], pair["unlike"]) == (125, ["courteous", "note"])


def test_coaching_is_sealed_and_belongs_to_two_people() -> None:
    note = acts.coach("wang", text="每周旁听两通", due_on=None, at=MORNING, by="boss")
    assert isinstance(note, CoachingNote)
    assert identity.said([note.pk])[note.pk] == {"note": "每周旁听两通"}
    assert code(acts.coach("wang", text="x", due_on=None, at=MORNING, by="chen")) == "may_not"
    assert code(acts.coach("boss", text="x", due_on=None, at=MORNING, by="boss")) == "no_such_person"
    assert code(acts.coached(note.pk, at=MORNING, by="second")) == "not_yours"
    assert isinstance(acts.coached(note.pk, at=MORNING, by="wang"), CoachingNote)
    assert [each.kind for each in Event.objects.order_by("id")][-2:] == ["coaching.noted", "coaching.done"]
