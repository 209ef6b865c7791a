"""Holds, consents and seals as acts: what they stop, what they leave behind, and what a back-dated hold finds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.records import desk
from tests.records.desk import BY, LAW, MORNING

from anhuan.acts import consent, dispatch, hold
from anhuan.core import gate
from anhuan.core.vocabulary import Channel, Covers, HoldKind, LineResult, Outcome, Party, Purpose
from anhuan.records import events
from anhuan.records.circumstance import CircumstanceKind, PersonFindingKind, PointFindingKind
from anhuan.records.events import Event
from anhuan.records.hold import Hold

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def started(point: UUID, at: Any = MORNING, **told: Any) -> UUID:
    answer = dispatch.start("C1", desk.attempt(point, **told), law=LAW, at=at, by=BY)
    assert isinstance(answer, dispatch.Started), answer
    return answer.contact_id


def rules(answer: Any) -> set[str]:
    verdict = getattr(answer, "verdict", answer)
    return {reason.rule.id for reason in verdict.reasons} if isinstance(verdict, gate.Refusal) else set()


def placed(kind: HoldKind = HoldKind.COMPLAINT, at: Any = MORNING, **told: Any) -> hold.Placed:
    answer = hold.place("C1", kind, law=LAW, at=at, by=BY, **told)
    assert isinstance(answer, hold.Placed), answer
    return answer


def test_a_hold_stops_collection_and_nothing_else_from_the_next_instant_on() -> None:
    mobile = desk.customer()
    placed()
    assert rules(dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING, by=BY)) == {"hold-complaint"}
    started(mobile, purpose=Purpose.REQUIRED_NOTICE)


def test_a_hold_on_one_debt_leaves_the_others_free() -> None:
    mobile = desk.customer(cards=("A1", "A2"))
    placed(HoldKind.DISPUTE, debts=["A2"])
    started(mobile)
    for debts in ({"A2"}, {"A1", "A2"}):
        answer = dispatch.start("C1", desk.attempt(mobile, debts=frozenset(debts)), law=LAW, at=MORNING, by=BY)
        assert rules(answer) == {"hold-dispute"}


def test_collection_goes_on_when_a_hold_has_ended() -> None:
    mobile = desk.customer()
    one = placed()
    assert not hold.end(one.hold_id, at=MORNING + HOUR, by=BY, reason="answered")
    started(mobile, MORNING + HOUR)
    assert [each.code for each in hold.end(one.hold_id, at=MORNING + 2 * HOUR, by=BY)] == ["hold_over"]
    assert [each.code for each in hold.end(uuid4(), at=MORNING, by=BY)] == ["hold_unknown"]


def test_a_back_dated_hold_lists_what_it_would_have_refused_meanwhile() -> None:
    mobile = desk.customer(cards=("A1", "A2"))
    started(mobile, MORNING - timedelta(minutes=100))
    wrong = started(mobile, MORNING - HOUR, debts=frozenset({"A2"}))
    started(mobile, MORNING - HOUR, debts=frozenset({"A2"}), channel=Channel.SMS, purpose=Purpose.REQUIRED_NOTICE)
    void = started(mobile, MORNING - HOUR, debts=frozenset({"A2"}), channel=Channel.SMS)
    dispatch.void(void, proof="not_sent", at=MORNING, by=BY)
    dispatch.record_inbound("C1", channel=Channel.CALL, started_at=MORNING - HOUR, debts=["A2"], at=MORNING, by=BY)
    answer = placed(HoldKind.DISPUTE, begins=MORNING - timedelta(minutes=90), debts=["A2"], evidence="paper 7")
    assert answer.meanwhile == (wrong,)
    event = Event.objects.filter(kind="hold.placed").get()
    assert event.body["meanwhile"] == [str(wrong)]
    assert "paper" not in str(event.body)
    row = Hold.objects.get()
    assert (row.begins, row.registered_at) == (MORNING - timedelta(minutes=90), MORNING)


def test_a_hold_that_was_over_before_a_contact_did_not_concern_it() -> None:
    mobile = desk.customer()
    wrong = started(mobile, MORNING - timedelta(minutes=90))
    started(mobile, MORNING)
    answer = placed(at=MORNING + HOUR, begins=MORNING - timedelta(hours=2), ends=MORNING)
    assert answer.meanwhile == (wrong,)


def test_a_hold_begins_by_now_ends_after_it_begins_and_names_her_own_debts() -> None:
    desk.customer()
    for told, code in (
        ({"begins": MORNING + HOUR}, "in_future"),
        ({"begins": MORNING - HOUR, "ends": MORNING - 2 * HOUR}, "ends_before_it_begins"),
        ({"debts": ["B9"]}, "debt_unknown"),
    ):
        answer = hold.place("C1", HoldKind.DISPUTE, law=LAW, at=MORNING, by=BY, **told)
        assert [each.code for each in answer if isinstance(answer, list)] == [code]
    assert not Hold.objects.exists()
    assert not Event.objects.exists()


# --- consents and wishes ------------------------------------------------------------------------------------------


def test_a_consent_to_hours_opens_the_night_until_it_is_revoked() -> None:
    mobile = desk.customer()
    night = MORNING + timedelta(hours=13)
    assert rules(dispatch.ask("C1", desk.attempt(mobile), law=LAW, at=night)) == {"night"}
    consent.give("C1", [Covers.HOURS], at=MORNING, by=BY)
    assert not rules(dispatch.ask("C1", desk.attempt(mobile), law=LAW, at=night))
    consent.revoke("C1", [Covers.HOURS], at=MORNING + HOUR, by=BY)
    assert rules(dispatch.ask("C1", desk.attempt(mobile), law=LAW, at=night)) == {"night"}


def test_a_third_person_who_refused_is_sealed_for_good_and_her_name_is_in_no_event() -> None:
    mobile = desk.customer(flags=("deceased",))
    sister = desk.point(value="sister", party="relative", person_id="张小红")
    asking = {"party": Party.RELATIVE, "person": "张小红", "purpose": Purpose.LOCATE, "discloses_debt": False}
    started(sister, **asking)
    consent.hear_person("C1", "张小红", PersonFindingKind.REFUSED, at=MORNING + HOUR, by=BY)
    for later in (timedelta(hours=2), timedelta(days=3650)):
        answer = dispatch.ask("C1", desk.attempt(sister, **asking), law=LAW, at=MORNING + later)
        assert "refused" in rules(answer)
    assert not any("张小红" in str(event.body) for event in Event.objects.all())
    assert mobile


def test_every_act_leaves_one_event_in_her_chain_or_without_a_case_in_the_houses() -> None:
    mobile = desk.customer("C1")
    desk.customer("C2", cards=("B1",), case=False)
    contact = started(mobile)
    now = {"at": MORNING, "by": BY}
    for customer_id, chain in (("C1", "C1"), ("C2", "")):
        before = Event.objects.filter(chain=chain).count()
        acts = [
            consent.give(customer_id, [Covers.HOURS], **now),
            consent.revoke(customer_id, [Covers.HOURS], **now),
            consent.opt_out(customer_id, Channel.SMS, **now),
            consent.cease(customer_id, written=True, **now),
            consent.block_time(customer_id, **now),
            consent.bar_place(customer_id, "work", employer=True, **now),
            consent.hear_person(customer_id, "p1", PersonFindingKind.INVITED, relation=Party.FRIEND, **now),
            consent.find_point(customer_id, mobile, PointFindingKind.WRONG_NUMBER, **now),
            consent.learn(customer_id, CircumstanceKind.DECEASED, **now),
            hold.place(customer_id, HoldKind.LITIGATION, law=LAW, **now),
            dispatch.record_inbound(customer_id, channel=Channel.EMAIL, started_at=MORNING, **now),
        ]
        assert not [act for act in acts if isinstance(act, list | dispatch.Unfit)]
        assert Event.objects.filter(chain=chain).count() == before + len(acts)
    assert isinstance(consent.say_bad_time(contact, **now), UUID)
    assert all(event.body.get("customer") == "C2" for event in Event.objects.filter(chain=""))
    assert events.verify()["ok"]


NONSENSE: dict[str, tuple[Any, str]] = {
    "nothing agreed to": (lambda now: consent.give("C1", [], **now), "covers_missing"),
    "nothing revoked": (lambda now: consent.revoke("C1", [], **now), "covers_missing"),
    "an eighth day": (lambda now: consent.block_time("C1", weekdays=[7], **now), "weekdays_unfit"),
    "no place": (lambda now: consent.bar_place("C1", "moon", **now), "place_unfit"),
    "a stranger": (lambda now: consent.hear_person("C1", "p9", PersonFindingKind.REFUSED, **now), "relation_missing"),
    "a zone of nowhere": (
        lambda now: consent.learn("C1", CircumstanceKind.MOVED, timezones=["Moon/Sea"], **now),
        "finding_incomplete",
    ),
    "a check without an answer": (
        lambda now: consent.find_point("C1", uuid4(), PointFindingKind.NUMBER_CHECK, **now),
        "finding_incomplete",
    ),
    "said tomorrow": (
        lambda now: consent.opt_out("C1", Channel.SMS, said_at=MORNING + timedelta(days=1), **now),
        "in_future",
    ),
    "a contact of nobody": (lambda now: consent.say_bad_time(uuid4(), **now), "contact_unknown"),
}


@pytest.mark.parametrize(("act", "code"), NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_told_and_leaves_nothing(act: Any, code: str) -> None:
    desk.customer()
    answer = act({"at": MORNING, "by": BY})
    assert isinstance(answer, list)
    assert [each.code for each in answer] == [code]
    assert all(each.zh and each.en for each in answer)
    assert not Event.objects.exists()


# --- questions that cannot be put ---------------------------------------------------------------------------------


def faults(answer: Any) -> set[str]:
    assert isinstance(answer, dispatch.Unfit), answer
    return {each.code for each in answer.faults}


def asked(point: UUID | None, customer_id: str = "C1", **told: Any) -> Any:
    return dispatch.start(customer_id, desk.attempt(point, **told), law=LAW, at=MORNING, by=BY)


def test_nobody_slips_past_a_count_or_a_seal_by_naming_less() -> None:
    mobile = desk.customer()
    spouse = desk.point(value="wife", party="spouse", person_id="p1")
    assert faults(asked(None)) == {"point_missing"}
    assert faults(asked(uuid4())) == {"point_unknown"}
    assert faults(asked(spouse)) == {"point_of_another"}
    assert faults(asked(mobile, debts=frozenset())) == {"debts_missing"}
    assert faults(asked(mobile, debts=frozenset({"A1", "X"}))) == {"debt_unknown"}
    assert faults(asked(spouse, party=Party.SPOUSE)) == {"person_missing", "point_of_another"}
    assert faults(asked(spouse, party=Party.SPOUSE, person="p2")) == {"person_unknown", "point_of_another"}
    assert faults(asked(spouse, party=Party.RELATIVE, person="p1")) == {"person_unknown", "point_of_another"}
    assert faults(asked(mobile, person="p1")) == {"person_unknown"}
    assert faults(asked(mobile, in_reply_to=str(uuid4()))) == {"reply_unknown"}
    assert faults(asked(mobile, session_of=str(uuid4()))) == {"session_over"}
    assert faults(asked(mobile, "nobody")) == {"customer_unknown"}


def test_a_call_that_is_over_is_no_session_to_slip_into() -> None:
    mobile = desk.customer()
    contact = started(mobile)
    assert isinstance(asked(mobile, session_of=str(contact)), dispatch.Started)
    dispatch.complete(contact, line_result=LineResult.CONNECTED, outcome=Outcome.CONVERSATION, at=MORNING, by=BY)
    assert faults(asked(mobile, session_of=str(contact))) == {"session_over"}


def test_an_attempt_is_asked_once() -> None:
    mobile = desk.customer()
    assert isinstance(asked(mobile, id="x"), dispatch.Started)
    assert faults(asked(mobile, id="x")) == {"attempt_known"}


def test_a_result_fits_its_contact() -> None:
    mobile = desk.customer()
    call, text = started(mobile), started(mobile, channel=Channel.SMS)

    def told(contact: UUID, **result: Any) -> list[str]:
        return [each.code for each in dispatch.complete(contact, at=MORNING, by=BY, **result)]

    assert told(call) == ["line_result_missing"]
    assert told(call, line_result=LineResult.BUSY, outcome=Outcome.CONVERSATION) == ["outcome_unfit"]
    assert told(text, line_result=LineResult.BUSY) == ["line_result_unfit"]
    assert told(uuid4()) == ["contact_unknown"]
    assert told(call, line_result=LineResult.BUSY, debts=["A1", "X"]) == ["debt_unknown"]
    assert told(call, line_result=LineResult.CONNECTED, outcome=Outcome.HUNG_UP) == []
    assert told(call, line_result=LineResult.BUSY) == ["contact_closed"]
    assert [each.code for each in dispatch.void(call, proof="late", at=MORNING, by=BY)] == ["contact_closed"]
    assert [each.code for each in dispatch.void(text, proof="", at=MORNING, by=BY)] == ["proof_missing"]
    assert told(text) == []
