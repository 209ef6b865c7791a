"""Agencies at the door, over HTTP: a token, one verdict, one seat, one report; and nothing told to whom it is not for."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from tests.records import desk
from tests.records.desk import BY, LAW, MORNING

from anhuan import clock
from anhuan.acts import agency as agencies
from anhuan.acts import consent, dispatch, hold
from anhuan.acts import law as laws
from anhuan.core.rules.conduct import MustBe
from anhuan.core.vocabulary import Channel, HoldKind, RuleTopic
from anhuan.records import events, facts
from anhuan.records.agency import Agency
from anhuan.records.circumstance import CircumstanceKind
from anhuan.records.contact import Contact, Permit, Refusal
from anhuan.records.events import Event

pytestmark = pytest.mark.django_db


class Moved:
    """The clock of a test."""

    at: datetime = MORNING


@pytest.fixture(autouse=True)
def moved(monkeypatch: pytest.MonkeyPatch) -> Moved:
    moved = Moved()
    monkeypatch.setattr(clock, "now", lambda: moved.at)
    monkeypatch.setattr(laws, "in_force", lambda _: LAW)
    return moved


@pytest.fixture
def token() -> str:
    added = agencies.add("north", placed_as="North Ltd", listed=True, at=MORNING, by=BY)
    assert isinstance(added, str)
    return added


def post(token: str | None, path: str, told: Any) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = told if isinstance(told, str) else json.dumps(told)
    response = Client(enforce_csrf_checks=True).post(path, body, content_type="application/json", headers=headers)
    return response.status_code, response.json()


def question(mobile: UUID, **told: Any) -> dict[str, Any]:
    attempt = {
        "id": str(uuid4()), "channel": "call", "party": "debtor", "purpose": "collect", "debts": ["A1"], "point": str(mobile),
        "recorded": True, "identifies_institution": True, "automated": False, "says": [], "private_device": False,
    }  # fmt: skip
    return {"customer": "C1", "attempt": attempt | told}


def seat(token: str, mobile: UUID, **told: Any) -> dict[str, Any]:
    status, answer = post(token, "/api/permits", question(mobile, **told))
    assert (status, answer["verdict"]) == (200, "permit"), answer
    return answer


def test_an_agency_asks_is_permitted_and_reports(token: str, moved: Moved) -> None:
    mobile = desk.customer(placed="North Ltd")
    answer = seat(token, mobile, id="their-7")
    assert (answer["attempt"], answer["reasons"], answer["law"]) == ("their-7", [], LAW.fingerprint)
    assert answer["expires_at"] == (MORNING + timedelta(minutes=15)).isoformat()
    moved.at = MORNING + timedelta(minutes=9)
    told = {"permit": answer["permit"], "started_at": (MORNING + timedelta(minutes=3)).isoformat(), "line_result": "connected"}
    status, reported = post(token, "/api/contacts", told | {"outcome": "conversation"})
    assert (status, reported["in_time"]) == (200, True)
    contact = Contact.objects.get()
    assert str(contact.pk) == reported["contact"]
    assert (contact.actor, contact.state, contact.started_at) == ("agency:north", "completed", MORNING + timedelta(minutes=3))
    assert [event.kind for event in Event.objects.filter(chain="C1").order_by("number")] == [
        "contact.started", "contact.completed",
    ]  # fmt: skip
    assert post(token, "/api/contacts", told)[0] == 422
    assert events.verify()["ok"]


def test_the_bank_and_its_agencies_share_one_cap(token: str) -> None:
    mobile = desk.customer(placed="North Ltd")
    for n in range(3):
        if n == 1:
            assert isinstance(dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING, by=BY), dispatch.Started)
        else:
            seat(token, mobile)
    status, answer = post(token, "/api/permits", question(mobile))
    assert (status, answer["verdict"], answer["permit"]) == (200, "refuse", None)
    assert [reason["rule"] for reason in answer["reasons"]] == ["talks"]
    assert answer["not_before"] == (MORNING + timedelta(hours=14)).isoformat()
    assert Refusal.objects.get().actor == "agency:north"


def test_an_unused_seat_counts_until_it_is_over(token: str) -> None:
    mobile = desk.customer(placed="North Ltd")
    for _ in range(3):
        seat(token, mobile)
    almost = MORNING + timedelta(minutes=15) - timedelta(microseconds=1)
    assert isinstance(dispatch.start("C1", desk.attempt(mobile), law=LAW, at=almost, by=BY), dispatch.Refused)
    assert isinstance(
        dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING + timedelta(minutes=15), by=BY), dispatch.Started
    )


def test_a_seat_given_back_is_free_and_a_permit_given_back_is_worth_nothing(token: str) -> None:
    mobile = desk.customer(placed="North Ltd")
    permits = [seat(token, mobile)["permit"] for _ in range(3)]
    assert post(token, "/api/contacts", {"permit": permits[0], "given_back": True}) == (
        200, {"permit": permits[0], "given_back": True},
    )  # fmt: skip
    assert Permit.objects.get(pk=permits[0]).returned_at == MORNING
    seat(token, mobile)
    told = {"permit": permits[0], "started_at": MORNING.isoformat(), "line_result": "busy"}
    assert post(token, "/api/contacts", told)[1]["error"]["faults"][0]["code"] == "contact_closed"


def test_an_agency_asks_whether_its_permit_still_stands(token: str, moved: Moved) -> None:
    mobile = desk.customer(placed="North Ltd")
    used, withdrawn, unused = (seat(token, mobile)["permit"] for _ in range(3))

    def stands(permit: str, whose: str = token) -> Any:
        status, answer = post(whose, "/api/permits/state", {"permit": permit})
        assert (status, answer["permit"], answer["usable"]) == (200, permit, answer["until"] is not None)
        return answer["until"]

    moved.at = MORNING + timedelta(minutes=2)
    assert stands(used) == stands(unused) == (MORNING + timedelta(minutes=15)).isoformat()
    south = agencies.add("south", placed_as="South Ltd", listed=True, at=MORNING, by=BY)
    assert isinstance(south, str)
    assert stands(used, south) is None
    post(token, "/api/contacts", {"permit": used, "started_at": MORNING.isoformat(), "line_result": "busy"})
    assert (stands(used), stands(str(uuid4()))) == (None, None)
    moved.at = MORNING + timedelta(minutes=15)
    assert stands(unused) is None
    moved.at = MORNING + timedelta(minutes=3)
    hold.place("C1", HoldKind.COMPLAINT, law=LAW, at=moved.at, by=BY)
    assert (stands(withdrawn), stands(unused)) == (None, None)
    assert post(token, "/api/permits/state", {})[0] == 422


def test_a_seat_never_lasts_into_the_night(token: str, moved: Moved) -> None:
    mobile = desk.customer(placed="North Ltd")
    moved.at = MORNING + timedelta(hours=11, minutes=53)  # seven minutes to ten
    expires = datetime.fromisoformat(seat(token, mobile)["expires_at"])
    assert moved.at + timedelta(minutes=3) < expires < MORNING + timedelta(hours=12)
    moved.at = MORNING + timedelta(hours=11, minutes=59, seconds=30)
    status, answer = post(token, "/api/permits", question(mobile))
    assert (status, [reason["rule"] for reason in answer["reasons"]]) == (200, ["night"])


def test_less_time_may_be_asked_for_and_never_more(token: str) -> None:
    mobile = desk.customer(placed="North Ltd")
    for seconds, lasts in ((120, 120), (86_400, 900)):
        _, answer = post(token, "/api/permits", question(mobile) | {"valid_seconds": seconds})
        assert answer["expires_at"] == (MORNING + timedelta(seconds=lasts)).isoformat()


def test_a_contact_made_after_the_seat_was_over_is_recorded_as_made_without_a_permit(token: str, moved: Moved) -> None:
    mobile = desk.customer(placed="North Ltd")
    permit = seat(token, mobile)["permit"]
    moved.at = MORNING + timedelta(hours=1)
    told = {"permit": permit, "started_at": (MORNING + timedelta(minutes=40)).isoformat(), "line_result": "no_answer"}
    status, answer = post(token, "/api/contacts", told)
    assert (status, answer["in_time"]) == (200, False)
    made = Contact.objects.get(pk=answer["contact"])
    assert (made.origin, made.permit_id, made.state) == ("agency_reported", None, "completed")
    assert len(facts.facts_for("C1", at=moved.at).contacts) == 1


def test_a_contact_without_a_permit_counts_and_is_judged_as_of_then(token: str, moved: Moved) -> None:
    mobile = desk.customer(placed="North Ltd")
    hold.place("C1", HoldKind.COMPLAINT, law=LAW, at=MORNING, by=BY)
    moved.at = MORNING + timedelta(hours=2)
    told = question(mobile) | {"started_at": (MORNING + timedelta(hours=1)).isoformat(), "line_result": "no_answer"}
    status, answer = post(token, "/api/contacts", told)
    assert (status, answer["verdict"]) == (200, "refuse")
    event = Event.objects.get(kind="contact.reported")
    assert event.body["refused_by"] == ["hold-complaint"]
    assert Contact.objects.get().origin == "agency_reported"


def test_the_debtor_who_calls_the_agency_is_recorded(token: str) -> None:
    desk.customer(placed="North Ltd")
    told = {"customer": "C1", "direction": "inbound", "channel": "call", "started_at": MORNING.isoformat(), "debts": ["A1"]}
    status, answer = post(token, "/api/contacts", told | {"outcome": "conversation"})
    assert status == 200, answer
    (contact,) = facts.facts_for("C1", at=MORNING).contacts
    assert (contact.direction, contact.channel, contact.actor) == ("inbound", Channel.CALL, "agency:north")


def test_whether_it_is_listed_and_was_announced_is_not_the_agencys_word(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    word = [
        desk.rule(attribute, RuleTopic.AGENCY, MustBe(attribute, value=True), agencies_only=True)
        for attribute in ("agency_announced", "agency_listed")
    ]
    monkeypatch.setattr(laws, "in_force", lambda _: desk.law(*word))
    mobile = desk.customer(placed="North Ltd")
    Agency.objects.update(listed=False)
    claims = {"agency_announced": True, "agency_listed": True, "actor": "bank"}
    _, answer = post(token, "/api/permits", question(mobile, **claims))
    assert [reason["rule"] for reason in answer["reasons"]] == ["agency_announced", "agency_listed"]
    Agency.objects.update(listed=True)
    consent.learn("C1", CircumstanceKind.AGENCY_ANNOUNCED, actor="agency:north", at=MORNING, by=BY)
    assert seat(token, mobile, **claims)["permit"]


# --- whom it is not for -------------------------------------------------------------------------------------------


def test_without_a_valid_token_nothing_is_said(token: str) -> None:
    mobile = desk.customer(placed="North Ltd")
    for wrong in (None, "", "anhuan-wrong", token + "x", token[:-1]):
        for path in ("/api/permits", "/api/contacts"):
            status, answer = post(wrong, path, question(mobile))
            assert (status, answer["error"]["code"]) == (401, "token")
    agencies.end("north", at=MORNING, by=BY)
    assert post(token, "/api/permits", question(mobile))[0] == 401
    assert not Refusal.objects.exists()


def test_a_renewed_token_takes_the_place_of_the_old_one(token: str) -> None:
    mobile = desk.customer(placed="North Ltd")
    renewed = agencies.renew_token("north", at=MORNING, by=BY)
    assert isinstance(renewed, str)
    assert post(token, "/api/permits", question(mobile))[0] == 401
    assert seat(renewed, mobile)


def test_a_token_stands_nowhere(token: str) -> None:
    assert token not in str(list(Agency.objects.values())) + str(list(Event.objects.values()))


def test_customers_of_others_and_of_nobody_cannot_be_told_apart(token: str) -> None:
    mine, others = desk.customer("C1", placed="North Ltd"), desk.customer("C2", cards=("B1",), placed="South Ltd")
    desk.customer("C3", cards=("D1",))
    answers = [
        post(token, path, question(others, debts=["B1"]) | {"customer": customer} | more)
        for customer in ("C2", "C3", "nobody")
        for path, more in (("/api/permits", {}), ("/api/contacts", {"started_at": MORNING.isoformat(), "line_result": "busy"}))
    ]
    assert {status for status, _ in answers} == {404}
    assert len({json.dumps(answer) for _, answer in answers}) == 1
    assert mine


def test_accounts_that_are_not_placed_with_it_are_not_its_business(token: str) -> None:
    mobile = desk.customer(placed="North Ltd")
    desk.account("A2", "C1", placed_with="South Ltd")
    status, answer = post(token, "/api/permits", question(mobile, debts=["A1", "A2"]))
    assert (status, answer["error"]["code"]) == (403, "not_placed")


def test_a_permit_of_another_agency_cannot_be_reported_or_given_back(token: str) -> None:
    mobile = desk.customer(placed="North Ltd")
    permit = seat(token, mobile)["permit"]
    south = agencies.add("south", placed_as="South Ltd", listed=True, at=MORNING, by=BY)
    assert isinstance(south, str)
    for told in ({"given_back": True}, {"started_at": MORNING.isoformat(), "line_result": "busy"}):
        for mine in (permit, str(uuid4())):
            assert post(south, "/api/contacts", {"permit": mine} | told)[0] == 404
    assert Contact.objects.get().state == "started"


UNREADABLE: dict[str, Any] = {
    "no JSON": "{",
    "no object": "[1]",
    "nothing": {},
    "an unknown field": {"customer": "C1", "attempt": {}, "secret": 1},
    "no attempt": {"customer": "C1"},
    "a number for a customer": {"customer": 7, "attempt": {}},
    "a nested attempt": {"customer": "C1", "attempt": {"id": {"a": 1}, "channel": ["call"], "debts": "A1"}},
    "too deep": "[" * 30_000 + "]" * 30_000,
    "too long": json.dumps({"customer": "C" * 70_000}),
}


@pytest.mark.parametrize("told", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_is_told_in_both_languages(token: str, told: Any) -> None:
    desk.customer(placed="North Ltd")
    for path in ("/api/permits", "/api/contacts"):
        status, answer = post(token, path, told)
        assert status == 422, answer
        assert answer["error"]["message_zh"]
        assert answer["error"]["message_en"]


def test_the_future_is_not_reported(token: str) -> None:
    mobile = desk.customer(placed="North Ltd")
    later = (MORNING + timedelta(minutes=1)).isoformat()
    for told in (
        {"permit": seat(token, mobile)["permit"], "started_at": later, "line_result": "busy"},
        question(mobile) | {"started_at": later, "line_result": "busy"},
        {"customer": "C1", "direction": "inbound", "channel": "call", "started_at": later},
    ):
        assert post(token, "/api/contacts", told)[1]["error"]["faults"][0]["code"] == "in_future"


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-20T10:00:00", 7])
def test_an_instant_that_is_none_is_told(token: str, instant: Any) -> None:
    mobile = desk.customer(placed="North Ltd")
    status, answer = post(token, "/api/contacts", question(mobile) | {"started_at": instant, "line_result": "busy"})
    assert (status, answer["error"]["faults"][0]["code"]) == (422, "field_unreadable")


def test_only_post_is_taken(token: str) -> None:
    response = Client().get("/api/permits", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 405
