"""A robot's call goes through the door, and comes back as a contact with its line result, and as what the customer pressed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.flows import outgoing
from tests.flows.outgoing import MORNING
from tests.records import desk

from anhuan import clock
from anhuan.acts import law, receipts, sending
from anhuan.acts.dispatch import carriers
from anhuan.channels.sandbox.folder import outbox as posted
from anhuan.channels.transport import Call, Delivery, Inbound, Receipt
from anhuan.clockwork import hearing
from anhuan.clockwork.sending import opened
from anhuan.core.vocabulary import Channel, LineResult, Outcome
from anhuan.records.circumstance import PointFinding, PointFindingKind
from anhuan.records.contact import Contact, State
from anhuan.records.events import Event
from anhuan.records.outbox import ItemState, OutboxItem, Reply

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(clock, "now", lambda: MORNING)
    outgoing.in_force("overdue_reminder", channel="call")
    yield
    desk.empty_cards()


def call() -> str:
    """A call that has been begun: its attempt."""
    campaign = outgoing.night([outgoing.customer(1)], channel="call", words="overdue_reminder", team="robot")
    with sending.sender() as number:
        batch = sending.begin(campaign.pk, worker=number.worker, law=law.in_force(MORNING), at=MORNING, by="t")
    [ready] = batch.ready
    return ready.permit.attempt_id


ENDED = Call(
    LineResult.CONNECTED, Outcome.EFFECTIVE_CONVERSATION, ("1", "2"), "call_back", recording="a.wav", digest="0" * 64,
    keep_until=date(2029, 11, 23),
)  # fmt: skip


def test_what_was_pressed_in_a_call_holds_although_its_sender_dies_before_the_others_of_its_batch_end(tmp_path: Path) -> None:
    def answers() -> Iterator[Receipt]:
        yield Receipt(call(), Delivery.TAKEN, "q850:16", call=replace(ENDED, pressed=("9",), meant="wrong_person"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hearing.settle_answers(tmp_path, 7, answers(), by="t")
    assert Reply.objects.get().intent == "wrong_person"


def test_a_call_that_was_taken_is_a_contact_with_its_line_result_and_recording() -> None:
    taken = Receipt(call(), Delivery.TAKEN, "q850:16", call=ENDED)
    assert receipts.settle([taken, taken], at=MORNING) == 2
    contact = Contact.objects.get()
    assert (contact.state, contact.line_result, contact.outcome) == (State.COMPLETED, "connected", "effective_conversation")
    body = Event.objects.get(kind="contact.completed").body
    assert body["recording"] == {"file": "a.wav", "sha256": "0" * 64, "keep_until": "2029-11-23"}
    reply = Reply.objects.get()
    assert (reply.intent, reply.contact_id, reply.confidence, reply.acted) == ("call_back", contact.contact_id, 1, "")


def test_who_presses_that_it_is_a_wrong_number_is_not_called_there_again() -> None:
    wrong = replace(ENDED, outcome=Outcome.CONVERSATION, pressed=("9",), meant="wrong_person")
    receipts.settle([Receipt(call(), Delivery.TAKEN, "q850:16", call=wrong)], at=MORNING)
    assert PointFinding.objects.get().kind == PointFindingKind.WRONG_NUMBER
    assert (Reply.objects.get().acted, Contact.objects.count()) == ("wrong_number", 1)


def test_what_was_pressed_before_the_line_broke_holds_though_nobody_knows_how_the_call_ended() -> None:
    wrong = Call(LineResult.CONNECTED, None, ("9",), "wrong_person")
    receipts.settle([Receipt(call(), Delivery.UNKNOWN, "line_broken", call=wrong)], at=MORNING)
    assert Contact.objects.get().state == State.UNKNOWN
    assert PointFinding.objects.get().kind == PointFindingKind.WRONG_NUMBER


def test_a_busy_line_is_a_contact_that_was_busy_and_a_number_that_is_none_is_not_used_again() -> None:
    busy, none = Call(LineResult.BUSY), Call(LineResult.INVALID_NUMBER)
    attempt = call()
    receipts.settle([Receipt(attempt, Delivery.NOT_DELIVERED, "q850:17", call=busy)], at=MORNING)
    assert (Contact.objects.get().line_result, OutboxItem.objects.get().state) == ("busy", ItemState.NOT_DELIVERED)
    assert not PointFinding.objects.exists()
    receipts.settle([Receipt(attempt, Delivery.NOT_DELIVERED, "q850:1", permanent=True, call=none)], at=MORNING)
    assert PointFinding.objects.get().kind == PointFindingKind.UNREACHABLE


def test_a_call_of_the_sandbox_is_answered_and_keys_are_pressed_on_its_phone(tmp_path: Path) -> None:
    campaign = outgoing.night([outgoing.customer(1)], channel="call", words="overdue_reminder", team="robot")
    with opened(tmp_path) as sender:
        assert sender.campaign(campaign.pk) == 1
    [sent] = posted(tmp_path / "sandbox")
    assert sent.message.details.keys() >= {"greeting", "confirm", "message", "choices", "closing"}
    assert (Contact.objects.get().state, Contact.objects.get().line_result) == (State.COMPLETED, "connected")
    receipts.hear(
        Inbound("k1", Channel.CALL, outgoing.mobile(1), "sandbox", "9", answers=sent.attempt_id, at=MORNING), at=MORNING
    )
    assert (Reply.objects.get().intent, Reply.objects.get().acted) == ("wrong_person", "wrong_number")


def test_an_exchange_without_recordings_is_refused_in_both_languages(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / carriers.FILE).write_text(
        "call: {transport: ari, url: http://127.0.0.1:8088/ari, user: a, password_file: secret, "
        'endpoint: "PJSIP/{number}@trunk", prompts_folder: prompts, recordings_folder: calls}'
    )
    cars = carriers.Carriers(tmp_path, lambda: MORNING, lambda _receipt: None, lambda _said: None)
    with pytest.raises(carriers.ChannelsRefused) as refused:
        cars.of(Channel.CALL)
    assert "phrases.tsv" in refused.value.zh
    assert "phrases.tsv" in refused.value.en
