"""Disputes and hardship as acts: held at once, kept sealed, decided by another, answered, corrected, opened again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction
from tests.records import desk
from tests.records.desk import LAW, MORNING

from anhuan.acts import (
    consent,
    dispatch,
    dispute,
    evidence,
    hardship,
    matter,
    note,
    outbox,
    receipts,
    sending,
    verification,
    wording,
)
from anhuan.acts import law as laws
from anhuan.acts.evidence import Paper
from anhuan.acts.verification import Words
from anhuan.channels.transport import Delivery, Receipt
from anhuan.core.judgements.complaint import Handling
from anhuan.core.judgements.dispute import answer_deadline, hold_of
from anhuan.core.vocabulary import Covers, HoldKind, Purpose
from anhuan.records import events, identity
from anhuan.records.contact import Contact
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.dispute import Dispute, Evidence
from anhuan.records.events import Event
from anhuan.records.hardship import Hardship
from anhuan.records.hold import Hold
from anhuan.records.identity import Said
from anhuan.records.note import Note
from anhuan.records.outbox import Campaign, OutboxItem
from anhuan.records.staff import Staff
from anhuan.records.worklist import WorkItem
from anhuan.rulebook import judging, letters

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
SOON = timedelta(seconds=1)
TODAY = date(2026, 11, 20)
WORDINGS = Path(__file__).parents[2] / "examples" / "firstbank" / "wordings"
PDF = Paper("转账凭证.pdf", b"%PDF-1.7 a made-up receipt")


@pytest.fixture(autouse=True)
def mobile(settings: Any, tmp_path: Path) -> Iterator[UUID]:
    settings.ANHUAN_HOME = tmp_path
    point = desk.customer(cards=("A1", "A2"))
    desk.Account.objects.update(balance_total_minor=100_000, bucket=1, days_past_due=20)
    for username, role in (("lin", "collector"), ("wang", "compliance"), ("zhao", "compliance")):
        Staff.objects.create(username=username, role=role)
    yield point
    desk.empty_cards()


def registered(kind: str = "amount", **told: Any) -> Dispute:
    values: dict[str, Any] = {"account_ids": ["A2"], "statement": "十月的账单多算了。", "at": MORNING, "by": "lin"}
    answer = dispute.register("C1", kind=kind, **values | told)
    assert isinstance(answer, Dispute), answer
    return answer


def decided(one: Dispute, outcome: str, at: Any = MORNING + DAY, by: str = "wang") -> Dispute:
    answer = dispute.decide(one.dispute_id, outcome, reason="核对流水", at=at, by=by)
    assert isinstance(answer, Dispute), answer
    return answer


def told(one: Dispute, at: Any = MORNING + 2 * DAY) -> Dispute:
    answer = dispute.answered(one.dispute_id, contact_id=None, text="已答复", at=at, by="lin")
    assert isinstance(answer, Dispute), answer
    return answer


def codes(answer: Any) -> set[str]:
    assert isinstance(answer, list), answer
    assert all(each.zh and each.en for each in answer)
    return {each.code for each in answer}


def may(mobile: UUID, at: Any, purpose: Purpose = Purpose.COLLECT, debts: frozenset[str] = frozenset({"A2"})) -> bool:
    attempt = desk.attempt(mobile, purpose=purpose, debts=debts)
    return isinstance(dispatch.start("C1", attempt, law=LAW, at=at, by="lin"), dispatch.Started)


# --- registered -----------------------------------------------------------------------------------------------------


def test_from_the_next_instant_a_disputed_debt_is_not_collected_and_answers_and_notices_go_out(mobile: UUID) -> None:
    assert may(mobile, MORNING - DAY)
    registered()
    assert not may(mobile, MORNING + SOON)
    assert may(mobile, MORNING + SOON, Purpose.RESPOND)
    assert may(mobile, MORNING + SOON, Purpose.REQUIRED_NOTICE)
    assert may(mobile, MORNING + SOON, debts=frozenset({"A1"}))


@pytest.mark.parametrize(
    ("kind", "expected"), [("identity_theft", "fraud"), ("not_mine", "fraud"), ("fees", "dispute"), ("paid", "dispute")]
)
def test_who_says_that_it_was_not_her_is_held_as_fraud(kind: str, expected: str) -> None:
    one = registered(kind)
    assert Hold.objects.get(pk=one.hold_id).kind == expected == hold_of(kind)


def test_a_dispute_received_before_today_holds_from_that_day_and_finds_what_was_done_since(mobile: UUID) -> None:
    assert may(mobile, MORNING - DAY)
    one = registered(received_on=TODAY - DAY)
    held = Hold.objects.get(pk=one.hold_id)
    assert held.begins < MORNING - DAY
    assert one.due_on == date(2026, 12, 4)  # fifteen days from the 19th, not from today


def test_it_comes_to_the_queue_of_those_who_check_disputes() -> None:
    registered()
    assert WorkItem.objects.get(pk="C1").queue == "disputes"


def test_what_she_said_is_sealed_and_no_event_holds_it() -> None:
    one = registered(disputed_minor=30_000, evidence=[PDF])
    assert matter.steps_of(one.dispute_id)[0][1] == {"text": "十月的账单多算了。"}
    assert not any("十月".encode() in bytes(row.sealed) for row in Said.objects.all())
    said = str(list(Event.objects.values_list("body", flat=True)))
    assert "账单" not in said
    assert "凭证" not in said
    assert events.verify()["ok"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "weather"}, "kind_unfit"),
        ({"account_ids": []}, "accounts_missing"),
        ({"account_ids": ["A2", "B9"]}, "account_unknown"),
        ({"statement": " "}, "statement_missing"),
        ({"received_on": TODAY + DAY}, "received_unfit"),
        ({"disputed_minor": 100_001}, "amount_unfit"),
        ({"disputed_minor": 0}, "amount_unfit"),
        ({"evidence": [Paper("a.pdf", b"MZ not a paper")]}, "paper_type"),
        ({"evidence": [Paper("a.pdf", b"%PDF-" + b"0" * evidence.MOST_BYTES)]}, "paper_size"),
        ({"evidence": [PDF] * 21}, "paper_many"),
    ],
)  # fmt: skip
def test_what_cannot_be_registered_is_said_and_holds_nothing(changes: dict[str, Any], code: str) -> None:
    values = {"kind": "amount", "account_ids": ["A2"], "statement": "x", "at": MORNING, "by": "lin"}
    assert codes(dispute.register("C1", **values | changes)) == {code}
    assert not Hold.objects.exists()


# --- papers ---------------------------------------------------------------------------------------------------------


def test_a_paper_lies_encrypted_under_its_id_and_opening_it_leaves_a_trace(tmp_path: Path) -> None:
    one = registered(evidence=[PDF])
    kept = Evidence.objects.get()
    (file,) = [each for each in (tmp_path / "evidence").rglob("*") if each.is_file()]
    assert file.stem == str(kept.evidence_id)
    assert b"receipt" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    assert evidence.open_paper(kept.evidence_id, at=MORNING, by="wang") == Paper(PDF.name, PDF.content, "application/pdf")
    assert Event.objects.filter(kind="evidence.opened", by="wang").get().body["matter"] == str(one.dispute_id)


def test_a_paper_that_was_changed_is_not_shown(tmp_path: Path) -> None:
    registered(evidence=[PDF])
    (file,) = [each for each in (tmp_path / "evidence").rglob("*") if each.is_file()]
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert codes(evidence.open_paper(Evidence.objects.get().evidence_id, at=MORNING, by="wang")) == {"paper_broken"}
    file.unlink()
    assert codes(evidence.open_paper(Evidence.objects.get().evidence_id, at=MORNING, by="wang")) == {"paper_broken"}


# --- decided, answered, corrected --------------------------------------------------------------------------------------


def test_whoever_registered_it_does_not_decide_it_and_neither_does_who_may_not() -> None:
    one = registered(by="wang")
    assert codes(dispute.decide(one.dispute_id, "rejected", reason="x", at=MORNING, by="wang")) == {"same_person"}
    assert codes(dispute.decide(one.dispute_id, "rejected", reason="x", at=MORNING, by="lin")) == {"may_not"}
    assert codes(dispute.decide(one.dispute_id, "rejected", reason="x", at=MORNING, by="nobody")) == {"not_a_person"}
    assert codes(dispute.decide(one.dispute_id, "maybe", reason="", at=MORNING, by="zhao")) == {
        "outcome_unfit",
        "reason_missing",
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        Dispute.objects.update(outcome="rejected", decided_by="wang")


def test_a_rejected_dispute_is_held_until_she_is_answered_and_then_collected_again(mobile: UUID) -> None:
    one = decided(registered(), "rejected")
    assert not may(mobile, MORNING + DAY + SOON)
    done = told(one)
    assert (done.state, done.closed_at is not None) == ("closed", True)
    assert may(mobile, MORNING + 2 * DAY + SOON)


def test_a_dispute_upheld_is_held_until_the_bank_has_corrected_the_account(mobile: UUID) -> None:
    one = told(decided(registered(), "upheld"))
    assert one.state == "decided"
    assert not may(mobile, MORNING + 2 * DAY + SOON)
    assert codes(dispute.corrected(one.dispute_id, reason="x", at=MORNING + 3 * DAY, by="lin")) == {"may_not"}
    done = dispute.corrected(one.dispute_id, reason="已冲回", at=MORNING + 3 * DAY, by="wang")
    assert isinstance(done, Dispute)
    assert done.state == "closed"
    assert may(mobile, MORNING + 3 * DAY + SOON)


def test_a_dispute_taken_back_is_over_at_once(mobile: UUID) -> None:
    one = registered()
    assert isinstance(dispute.withdraw(one.dispute_id, reason="已想起", at=MORNING + DAY, by="lin"), Dispute)
    assert may(mobile, MORNING + DAY + SOON)
    assert codes(dispute.withdraw(one.dispute_id, reason="x", at=MORNING + DAY, by="lin")) == {"out_of_turn"}


def test_opened_again_it_is_held_and_decided_anew_by_neither_opener(mobile: UUID) -> None:
    one = told(decided(registered(), "rejected"))
    again = dispute.reopen(one.dispute_id, statement="有新证据", evidence=[PDF], at=MORNING + 3 * DAY, by="wang")
    assert isinstance(again, Dispute)
    assert (again.round, again.state, again.outcome, again.due_on) == (2, "open", "", date(2026, 12, 8))
    assert not may(mobile, MORNING + 3 * DAY + SOON)
    assert codes(dispute.decide(one.dispute_id, "upheld", reason="x", at=MORNING + 4 * DAY, by="wang")) == {"same_person"}
    assert decided(again, "part", MORNING + 4 * DAY, by="zhao").outcome == "part"
    kinds = [step.kind for step, _ in matter.steps_of(one.dispute_id)]
    assert kinds == ["registered", "decided", "answered", "reopened", "decided"]


def test_what_was_done_is_never_changed_afterwards() -> None:
    registered(evidence=[PDF])
    for change in ("UPDATE records_matterstep SET by = 'x'", "UPDATE records_evidence SET digest = ''"):
        with pytest.raises(Exception, match="stays as it was done"), transaction.atomic():
            desk.run(change)


# --- the answer as a letter ----------------------------------------------------------------------------------------


def at_home() -> None:
    """Her name and an address, as the bank delivers them, and the bank's wording in force."""
    ring = identity.keyring()
    (person,) = ring.seal("customer", ["C1"], [json.dumps(["李明", "", "", "", ""]).encode()])
    Customer.objects.filter(pk="C1").update(sealed=person, key_id=ring.current)
    place = desk.point("C1", "home", kind="address", place="home")
    (sealed,) = ring.seal("contact_point", [str(place)], [json.dumps(["示例市示例路2号", "", ""]).encode()])
    ContactPoint.objects.filter(pk=place).update(sealed=sealed, key_id=ring.current)
    Staff.objects.create(username="ops1", role="operations")
    Staff.objects.create(username="ops2", role="operations")
    read, faults = letters.read_file(WORDINGS / "verification_reply.yaml")
    assert not faults
    for each in read:
        version = wording.draft(each, at=MORNING - DAY, by="ops1")
        assert not isinstance(version, list), version
        for step in (wording.check, wording.approve):
            assert not isinstance(step(version.pk, at=MORNING - DAY, by="ops2"), list)
        live = wording.go_live(version.pk, live_from=TODAY - DAY, at=MORNING - DAY, by="ops2")
        assert not isinstance(live, list), live


def carried(at: datetime, delivery: Delivery = Delivery.TAKEN, **told: Any) -> list[str]:
    """A sender takes what is due, and the print house says this of it; what it was given to print."""
    printed = []
    for campaign in Campaign.objects.all():
        batch = sending.begin(campaign.pk, worker=1, law=laws.in_force(at), at=at, by="system:sender")
        printed += [f"{each.message.to} {each.message.subject} {each.message.text}" for each in batch.ready]
        heard = [Receipt(each.permit.attempt.id, delivery, "spooled", references=("L1",), **told) for each in batch.ready]
        receipts.settle(heard, at=at)
    return printed


def test_the_answer_leaves_by_the_outbox_through_the_door_to_respond_and_only_then_is_the_dispute_answered() -> None:
    at_home()
    one = registered(disputed_minor=30_000)
    words = Words("账单金额", "经核对流水，账单无误", "维持原账单")
    assert codes(verification.send(one.dispute_id, words, lang="zh", at=MORNING, by="lin")) == {"out_of_turn"}
    decided(one, "rejected")
    later = MORNING + 2 * DAY
    sent = verification.send(one.dispute_id, words, lang="zh", at=later, by="lin")
    assert isinstance(sent, OutboxItem), sent
    assert Dispute.objects.get().answered_at is None
    assert codes(verification.send(one.dispute_id, words, lang="zh", at=later, by="lin")) == {"answer_under_way"}
    assert outbox.withdraw(["C1"], code="paid", at=later) == 0, "a payment does not take an answer back"
    (printed,) = carried(later)
    for words_ in ("示例路2号", "李明", "300.00", "经核对流水，账单无误", "维持原账单", "2026"):
        assert words_ in printed
    contact = Contact.objects.get()
    assert (contact.channel, contact.purpose, contact.state, contact.debts) == ("letter", "respond", "completed", ["A2"])
    answered = Dispute.objects.get()
    assert (answered.state, answered.answered_in) == ("closed", contact.contact_id)
    assert printed.endswith(matter.steps_of(one.dispute_id)[-1][1]["text"].partition("\n\n")[2])
    assert codes(verification.send(one.dispute_id, words, lang="zh", at=MORNING + 3 * DAY, by="lin")) == {"answered_already"}
    paper = verification.pdf(answered)
    assert isinstance(paper, bytes)
    assert paper.startswith(b"%PDF-")


def test_a_letter_that_did_not_leave_answers_nothing_and_may_be_sent_again() -> None:
    at_home()
    one = decided(registered(), "rejected")
    words, later = Words("账单金额", "账单无误", "维持原账单"), MORNING + 2 * DAY
    assert isinstance(verification.send(one.dispute_id, words, lang="zh", at=later, by="lin"), OutboxItem)
    carried(later, Delivery.FAILED, nothing_left=True, permanent=True)
    assert (Dispute.objects.get().answered_at, verification.may_answer(Dispute.objects.get())) == (None, True)
    assert isinstance(verification.send(one.dispute_id, words, lang="zh", at=later, by="lin"), OutboxItem)
    assert len(carried(later)) == 1
    assert Dispute.objects.get().state == "closed"


def test_a_dispute_opened_again_takes_its_letter_back() -> None:
    at_home()
    one = decided(registered(), "rejected")
    later = MORNING + 2 * DAY
    assert isinstance(verification.send(one.dispute_id, Words("a", "b", "c"), lang="zh", at=later, by="lin"), OutboxItem)
    assert not isinstance(dispute.reopen(one.dispute_id, statement="新材料", at=later, by="lin"), list)
    assert carried(later) == []
    assert OutboxItem.objects.get().code == "reopened"


def test_without_a_wording_in_force_nothing_is_answered_and_the_hold_stands(mobile: UUID) -> None:
    one = decided(registered(), "rejected")
    Customer.objects.filter(pk="C1").delete()
    assert codes(verification.send(one.dispute_id, Words("a", "b", "c"), lang="zh", at=MORNING + DAY, by="lin"))
    assert Dispute.objects.get().answered_at is None
    assert not Contact.objects.exists()


# --- deadlines ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "received", "handling", "last_day"),
    [
        ("amount", date(2026, 11, 20), Handling.SIMPLE, date(2026, 12, 7)),  # the 5th is a Saturday
        ("amount", date(2026, 9, 16), Handling.SIMPLE, date(2026, 10, 8)),  # 1 October opens the national holiday
        ("amount", date(2026, 11, 20), Handling.COMPLEX, date(2026, 12, 21)),  # the 20th is a Sunday
        ("credit_record", date(2026, 11, 20), Handling.SIMPLE, date(2026, 12, 10)),
    ],
)  # fmt: skip
def test_a_dispute_is_answered_in_the_days_of_the_law_and_never_ends_on_a_rest_day(kind, received, handling, last_day) -> None:
    law, calendar = judging.law_of("cn", received), judging.foresighted_calendar("cn")
    found = answer_deadline(kind, received, law=law, calendar=calendar, handling=handling)
    assert found is not None
    assert found.last_day == last_day


def test_the_federal_law_of_the_united_states_names_no_day_of_answer() -> None:
    law = judging.law_of("us-fed", TODAY)
    assert answer_deadline("amount", TODAY, law=law, calendar=judging.foresighted_calendar("us-fed")) is None


def test_a_complex_dispute_gets_thirty_days_then_sixty_and_no_more() -> None:
    one = registered()
    for last_day in (date(2026, 12, 21), date(2027, 1, 19)):
        longer = dispute.prolong(one.dispute_id, reason="须调取商户单据", at=MORNING + DAY, by="wang")
        assert isinstance(longer, Dispute)
        assert longer.due_on == last_day
    assert codes(dispute.prolong(one.dispute_id, reason="x", at=MORNING + DAY, by="wang")) == {"prolonged_already"}
    assert codes(dispute.prolong(registered("credit_record").dispute_id, reason="x", at=MORNING, by="wang")) == {"no_period"}


@pytest.mark.parametrize(("sent", "inside"), [(date(2026, 10, 19), True), (date(2026, 9, 1), False)])
def test_under_federal_law_it_is_said_whether_it_came_in_the_validation_period(
    tmp_path: Path, sent: date, inside: bool
) -> None:
    (tmp_path / "house.yaml").write_text("bank: b\nlaw: [us-fed, house]\n")
    one = registered(notice_sent=sent)
    assert (one.in_validation, one.due_on, Hold.objects.get(pk=one.hold_id).kind) == (inside, None, HoldKind.DISPUTE)


# --- hardship -------------------------------------------------------------------------------------------------------


def taken(kind: str = "income", **told_: Any) -> Hardship:
    values: dict[str, Any] = {"statement": "失业三个月", "at": MORNING, "by": "lin"}
    answer = hardship.register("C1", kind=kind, **values | told_)
    assert isinstance(answer, Hardship), answer
    return answer


def test_hardship_holds_everything_at_once_and_comes_to_the_specialists(mobile: UUID) -> None:
    one = taken(evidence=[PDF])
    assert not may(mobile, MORNING + SOON, debts=frozenset({"A1"}))
    assert may(mobile, MORNING + SOON, Purpose.RESPOND)
    assert (WorkItem.objects.get(pk="C1").queue, one.review_on) == ("hardship", date(2026, 12, 20))
    assert codes(hardship.register("C1", kind="family", statement="x", at=MORNING, by="lin")) == {"hardship_stands"}


def test_accepted_it_is_looked_at_again_on_its_day_and_refused_it_is_collected(mobile: UUID) -> None:
    one = taken()
    assert codes(hardship.decide(one.hardship_id, accepted=True, reason="x", at=MORNING, by="lin")) == {"may_not"}
    yes = hardship.decide(
        one.hardship_id, accepted=True, reason="有离职证明", review_on=date(2027, 1, 15), at=MORNING + DAY, by="wang"
    )
    assert isinstance(yes, Hardship)
    item = WorkItem.objects.get(pk="C1")
    assert (item.follow_up_why, item.follow_up_at.date(), item.queue) == (
        "hardship_review",
        date(2027, 1, 14),
        "hardship",
    )  # in UTC
    assert not may(mobile, MORNING + DAY + SOON)
    assert isinstance(hardship.end(one.hardship_id, why="agreed", reason="已分期", at=MORNING + 2 * DAY, by="wang"), Hardship)
    assert may(mobile, MORNING + 2 * DAY + SOON)
    two = taken(at=MORNING + 3 * DAY)
    no = hardship.decide(two.hardship_id, accepted=False, reason="无证明", at=MORNING + 4 * DAY, by="zhao")
    assert isinstance(no, Hardship)
    assert (no.state, may(mobile, MORNING + 4 * DAY + SOON)) == ("refused", True)


def test_illness_and_a_note_of_it_are_kept_with_her_consent_alone() -> None:
    asked = {"kind": "illness", "statement": "住院", "sensitive_note": "正在治疗，请勿来电", "at": MORNING, "by": "lin"}
    assert codes(hardship.register("C1", **asked)) == {"consent_missing"}
    assert not Hold.objects.exists()
    assert not Note.objects.exists()
    agreed = consent.give("C1", [Covers.SENSITIVE_NOTE], at=MORNING, by="lin")
    assert not isinstance(agreed, list), agreed
    one = taken(**{**asked, "at": MORNING + SOON})
    assert one.consent_id is not None
    assert note.consent_to_sensitive("C1", MORNING + SOON) == one.consent_id == Note.objects.get().consent_id
    assert "illness" not in str(list(Event.objects.filter(kind__startswith="hardship").values_list("body", flat=True)))
    with pytest.raises(IntegrityError), transaction.atomic():
        Hardship.objects.update(consent_id=None)


def test_what_is_not_there_is_said() -> None:
    assert codes(dispute.decide(uuid4(), "upheld", reason="x", at=MORNING, by="wang")) == {"dispute_unknown"}
    assert codes(hardship.review(uuid4(), review_on=TODAY + DAY, reason="x", at=MORNING, by="wang")) == {"hardship_unknown"}
