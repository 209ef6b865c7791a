"""Contacts judged again: the same law changes nothing, a stricter one lists what it would have refused, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from tests.records import desk
from tests.records.desk import BY, LAW, MORNING

from anhuan.acts import dispatch, hold
from anhuan.core.law import Law
from anhuan.core.rules.conduct import RefusedAsTimeBarred
from anhuan.core.rules.hours import PlaceOfCare
from anhuan.core.vocabulary import Channel, HoldKind, LineResult, Outcome, Party, RuleTopic
from anhuan.records import replay
from anhuan.records.account import Account
from anhuan.records.agency import Agency
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.replay import Replay

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def again(other: Law, *, then: Law = LAW, **how: Any) -> Replay:
    day = timedelta(days=2)
    how.setdefault("filed", undated)
    return replay.replay(MORNING - day, MORNING + day, then=lambda _at, _packs: then, other=lambda _at: other, **how)


def undated(asked: Any) -> list[None]:
    """No files of earlier nights are at hand."""
    return [None] * len(asked)


def stricter(rule_id: str, **values: Any) -> Law:
    """The law of these tests with one rule tightened, under another fingerprint."""
    rules = tuple(replace(rule, test=replace(rule.test, **values)) if rule.id == rule_id else rule for rule in LAW.rules)
    return replace(LAW, rules=rules, fingerprint=f"stricter {rule_id}")


LATER = stricter("night", ends=time(15))
"""No contact before three in the afternoon."""


def call(at: datetime, *, outcome: Outcome | None = Outcome.CONVERSATION, point: Any = None, **told: Any) -> Any:
    answer = dispatch.start("C1", desk.attempt(point, **told), law=LAW, at=at, by=BY)
    assert isinstance(answer, dispatch.Started), answer
    if outcome:
        dispatch.complete(answer.contact_id, line_result=LineResult.CONNECTED, outcome=outcome, at=at + HOUR / 60, by=BY)
    return answer.contact_id


def test_under_the_same_law_nothing_changes_and_nothing_is_read() -> None:
    mobile = desk.customer()
    for hours in range(3):
        call(MORNING + hours * HOUR, point=mobile)
    answer = again(LAW)
    assert (answer.contacts, answer.judged, answer.asked, answer.differences) == (3, 3, 0, [])


def test_under_a_smaller_cap_the_contacts_beyond_it_are_listed_with_their_rule() -> None:
    mobile = desk.customer()
    contacts = [call(MORNING + hours * HOUR, point=mobile) for hours in range(3)]
    answer = again(stricter("talks", limit=2))
    assert [each.contact_id for each in answer.differences] == contacts[2:]
    (document,) = answer.document()["differences"]
    assert (document["then"], document["now"], document["rules"], document["case"]) == ("permit", "refuse", ["talks"], "C1")
    assert document["reasons"][0]["seen"]["count"] == 2


def test_the_contact_itself_is_left_out() -> None:
    mobile = desk.customer()
    call(MORNING, point=mobile)
    assert not again(stricter("talks", limit=1)).differences


def test_a_rule_that_does_not_concern_a_contact_asks_for_no_facts() -> None:
    mobile = desk.customer()
    call(MORNING, point=mobile, channel=Channel.SMS, outcome=None)
    assert again(stricter("talks", limit=1)).asked == 0


def test_what_became_known_later_is_not_held_against_a_contact() -> None:
    mobile = desk.customer()
    call(MORNING, point=mobile)
    later = MORNING + 3 * HOUR
    hold.place("C1", HoldKind.DISPUTE, law=LAW, begins=MORNING - HOUR, at=later, by=BY)
    without = replace(LAW, rules=tuple(rule for rule in LAW.rules if rule.id != "hold-dispute"), fingerprint="without")
    # The law then had no such rule: it is asked of the contact, by what was known then.
    told = replay.replay(
        MORNING - HOUR, later, then=lambda _at, _packs: replace(without, fingerprint=LAW.fingerprint),
        other=lambda _at: replace(LAW, fingerprint="with"), filed=undated,
    )  # fmt: skip
    assert (told.asked, told.differences) == (1, [])


def test_a_hold_that_was_known_then_is() -> None:
    mobile = desk.customer()
    hold.place("C1", HoldKind.PLAN, law=LAW, at=MORNING - HOUR, by=BY)
    without = replace(LAW, rules=tuple(rule for rule in LAW.rules if rule.id != "hold-plan"), fingerprint="without")
    answer = dispatch.start("C1", desk.attempt(mobile), law=without, at=MORNING, by=BY)
    assert isinstance(answer, dispatch.Started)
    told = again(LAW, then=without)
    assert [each.reasons[0].rule.id for each in told.differences] == ["hold-plan"]


def test_what_only_the_banks_files_say_anew_is_counted_apart() -> None:
    mobile = desk.customer()
    call(MORNING, point=mobile)
    Customer.objects.update(flags=["bankrupt"])
    tighter = replace(
        LAW, fingerprint="reworded",
        rules=tuple(replace(r, scope=replace(r.scope, parties=frozenset(Party))) if r.id == "hold-bankruptcy" else r for r in LAW.rules),
    )  # fmt: skip
    answer = again(tighter)
    assert (answer.asked, answer.drifted, answer.differences) == (1, 1, [])


def test_accounts_and_points_no_longer_delivered_are_those_of_then() -> None:
    mobile = desk.customer()
    call(MORNING, point=mobile)
    ContactPoint.objects.update(absent_since="2026-11-21")
    Account.objects.update(customer_id="C2")
    needing = desk.rule("needs-debts", RuleTopic.TIME_BARRED, RefusedAsTimeBarred())
    placed = desk.rule("needs-point", RuleTopic.INCONVENIENT_PLACE, PlaceOfCare())
    answer = again(replace(LAW, rules=(*LAW.rules, needing, placed), fingerprint="needs more"))
    assert (answer.asked, answer.differences) == (1, [])


def test_a_flag_set_since_says_nothing_on_its_topic_under_any_law() -> None:
    mobile = desk.customer()
    call(MORNING, point=mobile)
    Customer.objects.update(flags=["bankrupt"])
    foreign = replace(next(rule for rule in LAW.rules if rule.id == "hold-bankruptcy"), id="foreign-bankruptcy")
    answer = again(replace(LAW, rules=(foreign,), fingerprint="foreign"))
    assert (answer.asked, answer.drifted, answer.differences) == (1, 1, [])


@pytest.mark.parametrize(
    ("files", "undated_ones", "drifted", "refused"),
    [
        ({"customer": [["Asia/Shanghai", []]], "account": [["A1", "none", None]]}, 0, 0, 0),
        ({"customer": [["Asia/Shanghai", ["bankrupt"]]], "account": [["A1", "none", None]]}, 0, 0, 1),
        ({"customer": [["Asia/Shanghai", []]], "account": [["A1", "dispute", None]]}, 0, 0, 1),
        ({"customer": [["Asia/Tokyo", []]], "account": []}, 0, 0, 0),
        (None, 1, 0, 1),
    ],
)
def test_the_banks_files_are_those_of_the_night_in_force_then(
    files: Any, undated_ones: int, drifted: int, refused: int
) -> None:
    mobile = desk.customer()
    holds = {f"hold-{kind}" for kind in HoldKind}
    then = replace(LAW, rules=tuple(rule for rule in LAW.rules if rule.id not in holds), fingerprint=LAW.fingerprint)
    call(MORNING, point=mobile)
    Customer.objects.update(flags=["bankrupt"])
    asked: list[Any] = []

    def filed(questions: Any) -> list[Any]:
        asked.extend(questions)
        return [files]

    answer = again(replace(LAW, fingerprint="with holds"), then=then, filed=filed)
    assert asked == [("C1", MORNING)]
    assert (answer.undated, answer.drifted, len(answer.differences)) == (undated_ones, drifted, refused)


def test_rules_edited_since_leave_nothing_to_compare_with_and_all_are_asked() -> None:
    mobile = desk.customer()
    call(MORNING, point=mobile)
    call(MORNING + HOUR, point=mobile)
    edited = stricter("talks", limit=1)
    answer = again(edited, then=edited)
    assert (answer.unrebuilt, len(answer.differences)) == (2, 1)


def test_an_agencys_contact_is_judged_by_the_attempt_its_permit_keeps() -> None:
    mobile = desk.customer(cards=(), placed="x")
    desk.account("A1", "C1", placed_with="x")
    agency = Agency(agency_id="x", placed_as="x", listed=True)
    seat = dispatch.permit_for_agency(agency, "C1", desk.attempt(mobile), law=LAW, at=MORNING, by=BY)
    assert isinstance(seat, dispatch.Started)
    dispatch.report(
        agency, seat.permit_id, started_at=MORNING + HOUR / 10, line_result=LineResult.CONNECTED,
        outcome=Outcome.CONVERSATION, law=LAW, at=MORNING + HOUR, by=BY,
    )  # fmt: skip
    answer = again(LATER)
    assert [each.attempt.actor for each in answer.differences] == ["agency:x"]


def test_a_contact_that_never_left_the_house_is_no_contact() -> None:
    mobile = desk.customer()
    contact = call(MORNING, point=mobile, outcome=None)
    dispatch.void(contact, proof="line_rejected", at=MORNING + HOUR, by=BY)
    assert again(LATER).contacts == 0


def test_a_limit_ends_the_judging_and_says_how_far_it_came() -> None:
    mobile = desk.customer()
    for hours in range(3):
        call(MORNING + hours * HOUR, point=mobile)
    told: list[tuple[str, int, int]] = []
    answer = again(LATER, limit=2, progress=lambda *step: told.append(step))
    assert (answer.contacts, answer.judged, len(answer.differences)) == (3, 2, 2)
    assert told == [("replay", 2, 3)]


def test_contacts_are_read_in_batches_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_BATCH", 2)
    mobile = desk.customer()
    contacts = [call(MORNING, point=mobile, channel=Channel.SMS, outcome=None) for _ in range(5)]
    answer = again(LATER)
    assert {each.contact_id for each in answer.differences} == set(contacts)
    assert answer.judged == 5
