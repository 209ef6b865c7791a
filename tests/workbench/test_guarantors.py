"""A guarantor on the telephone: asked who she is by what is on file of her, told what is overdue and no more, never taken for the customer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from tests.flows import outgoing
from tests.records import desk
from tests.workbench.test_call_pages import DAY, DEBT, WHO, shown

from anhuan import clock
from anhuan.acts import call as calls
from anhuan.acts import law as laws
from anhuan.acts import promise
from anhuan.acts.call import Disposition, Finished
from anhuan.records import identity
from anhuan.records.account import Account
from anhuan.records.call import Call
from anhuan.records.contact import Contact
from anhuan.records.customer import ContactPoint
from anhuan.records.events import Event
from anhuan.records.staff import Staff

pytestmark = pytest.mark.django_db
HERS = {"answer-own_name": "担保一", "answer-for_whom": "测试1", "answer-own_number": "9001"}


@pytest.fixture(autouse=True)
def client(client: Client, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> Iterator[Client]:
    monkeypatch.setattr(clock, "now", lambda: DAY)
    settings.ANHUAN_HOME = tmp_path
    outgoing.customer(1)
    client.force_login(Staff.objects.create(username="coll", role="collector"))
    desk.opened_to("coll", customer_id=WHO)
    client.cookies["anhuan-language"] = "en"
    yield client
    desk.empty_cards()


def number(tail: str, name: str = "担保一", person: str = "G1") -> UUID:
    ring, point_id = identity.keyring(), uuid4()
    told = json.dumps([f"+86199000{tail:0>5}", name, ""]).encode()
    ContactPoint.objects.create(
        point_id=point_id, customer_id=WHO, kind="mobile", party="guarantor", person_id=person, fingerprint=uuid4(), key_id=ring.current,
        sealed=ring.seal("contact_point", [str(point_id)], [told])[0],
    )  # fmt: skip
    return point_id


def called(client: Client, point_id: UUID) -> Call:
    answer = client.post(f"/call/begin/{WHO}/", {"point": str(point_id), "way": "by_hand"})
    assert answer.status_code == 302, answer.content.decode()[:2000]
    return Call.objects.get(closed_at=None)


def questions(answer: Any) -> set[str]:
    return {part.split('"')[0] for part in answer.content.decode().split('data-question="')[1:]}


def test_who_is_called_at_her_own_number_names_herself_and_whom_she_answers_for(client: Client) -> None:
    call = called(client, number("9001"))
    page = client.get(f"/call/{call.pk}/")
    assert questions(page) == {"own_name", "for_whom"}, "the number she was called at proves nothing"
    assert "担保一" in page.content.decode()
    assert not DEBT.search(shown(page))
    wrong = client.post(f"/call/{call.pk}/identity/", {**HERS, "answer-for_whom": "别人"})
    assert 'data-verified="no"' in wrong.content.decode()
    passed = client.post(f"/call/{call.pk}/identity/", HERS)
    assert 'data-part="liable"' in passed.content.decode()
    told = Event.objects.filter(kind="identity.checked").order_by("-number").first()
    assert told is not None
    assert (told.body["party"], told.body["passed"]) == ("guarantor", True)


def test_with_another_number_on_file_that_is_asked_too_and_every_answer_must_be_right(client: Client) -> None:
    first = number("9002")
    number("9001")
    call = called(client, first)
    assert questions(client.get(f"/call/{call.pk}/")) == {"own_name", "for_whom", "own_number"}
    two_of_three = {**HERS, "answer-own_number": "1234"}
    assert 'data-verified="no"' in client.post(f"/call/{call.pk}/identity/", two_of_three).content.decode()


def test_she_is_told_what_is_overdue_and_nothing_else_of_the_customer(client: Client) -> None:
    made = promise.make(
        WHO, account_id="A00000001", amount_minor=32506, currency="CNY", due_on=date(2026, 11, 25), at=DAY, by="coll"
    )
    assert not isinstance(made, list), made
    call = called(client, number("9001"))
    page = client.post(f"/call/{call.pk}/identity/", HERS)
    words = shown(page)
    assert "325.06" in words
    assert "3,250.64" not in words, "the balance is the customer's"
    assert "A00000001" not in words
    assert "Promise" not in words.split("How it ended", maxsplit=1)[0]
    assert "2026-11-25" not in words
    assert 'id="said-as_surety"' in page.content.decode()
    assert 'id="said-consequences"' not in page.content.decode()


def test_what_she_says_is_a_guarantors_and_the_customer_is_as_unverified_as_before(client: Client) -> None:
    call = called(client, number("9001"))
    client.post(f"/call/{call.pk}/identity/", HERS)
    said = ("recorded", "who_calls", "as_surety")
    law = laws.in_force(DAY)
    herself = calls.finish(call.pk, Disposition("OK", "RPC", "INF", ticked=said), law=law, at=DAY, by="coll")
    assert [each.code for each in herself] == ["not_herself"]  # type: ignore[union-attr]
    told = Disposition("OK", "GUA", "PTP", ticked=said, fields={"due_on": "2026-11-25"})
    assert isinstance(calls.finish(call.pk, told, law=law, at=DAY, by="coll"), Finished)
    contact = Contact.objects.get(direction="outbound")
    assert (contact.party, contact.person_id, contact.outcome) == ("guarantor", "G1", "effective_conversation")
    assert "identity checked at" not in shown(client.get(f"/cases/{WHO}/"))


def test_one_who_calls_us_is_known_by_everything_on_file_and_by_which_of_them_she_is(client: Client) -> None:
    number("9001")
    number("9002", name="担保二", person="G2")
    found = client.post("/desk/", {"kind": "number", "text": WHO})
    assert "data-guarantor" in found.content.decode()
    assert client.post(f"/desk/answer/{WHO}/", {"party": "guarantor"}).status_code == 302
    call = Call.objects.get()
    mixed = {"answer-own_name": "担保二", "answer-for_whom": "测试1", "answer-own_number": "9001"}
    assert client.post(f"/desk/call/{call.pk}/", mixed).status_code == 200, "what two of them know shows neither"
    right = {**mixed, "answer-own_number": "9002"}
    assert client.post(f"/desk/call/{call.pk}/", right).status_code == 302
    call.refresh_from_db()
    assert (call.verified, call.person_id, call.party) == (True, "G2", "guarantor")


def test_who_is_known_by_too_little_is_told_nothing(client: Client) -> None:
    number("9001", name="")
    answer = client.post(f"/desk/answer/{WHO}/", {"party": "guarantor"}, follow=True)
    assert "Too little is on file" in shown(answer)
    call = Call.objects.get()
    faults = calls.check_identity(call.pk, {"for_whom": "测试1", "own_number": "9001"}, at=DAY, by="coll")
    assert [each.code for each in faults] == ["too_little_on_file"]  # type: ignore[union-attr]
    assert Account.objects.exists()
