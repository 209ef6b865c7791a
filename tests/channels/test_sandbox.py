"""The sandbox keeps what every transport keeps, and its phone is heard."""

from __future__ import annotations

import stat
from datetime import timedelta
from queue import Queue

import pytest
from tests.channels.contract import Loopback, Sent, TransportContract
from tests.channels.permits import AT, permit

from anhuan.channels.sandbox.folder import answer, outbox, reply
from anhuan.channels.sandbox.transport import Sandbox
from anhuan.channels.transport import Delivery, Message
from anhuan.core.vocabulary import Channel

PHONE = "+8613000000001"


class Folder(Loopback):
    channel = Channel.SMS
    good = PHONE

    def __init__(self, place):
        self.place = place
        self.transport = Sandbox(place, clock=lambda: AT)

    def arrived(self):
        return [Sent(one.message.to, one.message.text) for one in outbox(self.place)]


@pytest.fixture
def loopback(tmp_path):
    return Folder(tmp_path / "sandbox")


class TestTheSandboxKeepsTheContract(TransportContract):
    pass


def test_a_message_comes_back_from_the_folder_as_it_was_sent(tmp_path):
    message = Message("张三收", "信", "zh", "账单", "<p>信</p>", {"line1": "示例路1号"})
    with Sandbox(tmp_path, clock=lambda: AT) as transport:
        transport.send(permit(Channel.LETTER, "agency:a/1:x"), message)
    [posted] = outbox(tmp_path)
    assert (posted.attempt_id, posted.channel, posted.message, posted.at) == ("agency:a/1:x", Channel.LETTER, message, AT)


def test_the_files_are_for_their_owner_alone(tmp_path):
    with Sandbox(tmp_path / "s", clock=lambda: AT) as transport:
        transport.send(permit(Channel.SMS), Message(PHONE, "您好"))
    [file] = (tmp_path / "s" / "outbox").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_an_attempt_an_earlier_session_wrote_is_not_written_again(tmp_path):
    for text in ("first", "second"):
        with Sandbox(tmp_path, clock=lambda: AT) as transport:
            receipt = transport.send(permit(Channel.SMS, "same"), Message(PHONE, text))
    assert (receipt.delivery, receipt.code) == (Delivery.TAKEN, "taken_before")
    assert [posted.message.text for posted in outbox(tmp_path)] == ["first"]


def test_a_reply_of_the_phone_is_heard_with_the_attempt_it_answers(tmp_path):
    heard: Queue = Queue()
    transport = Sandbox(tmp_path, clock=lambda: AT, every=0.02)
    transport.listen(lambda _: None, heard.put)
    with transport:
        transport.send(permit(Channel.SMS, "asked"), Message(PHONE, "您好"))
        reply(tmp_path, PHONE, "退订", at=AT + timedelta(minutes=1))
        inbound = heard.get(timeout=60)
    assert (inbound.sender, inbound.text, inbound.answers) == (PHONE, "退订", "asked")
    assert inbound.at == AT + timedelta(minutes=1)
    assert heard.empty()


def test_what_became_of_a_message_is_told_as_a_receipt(tmp_path):
    told: Queue = Queue()
    transport = Sandbox(tmp_path, clock=lambda: AT, every=0.02)
    transport.listen(told.put)
    with transport:
        transport.send(permit(Channel.SMS, "asked"), Message(PHONE, "您好"))
        answer(tmp_path, "asked", Delivery.NOT_DELIVERED, at=AT, permanent=True)
        receipt = told.get(timeout=60)
    assert (receipt.attempt_id, receipt.delivery, receipt.permanent) == ("asked", Delivery.NOT_DELIVERED, True)


def test_a_reply_nobody_could_take_is_told_again(tmp_path):
    heard: Queue = Queue()
    failures = iter([OSError("the database is away")])

    def out_of_order_once(inbound):
        heard.put(inbound.id)
        for failure in failures:
            raise failure

    transport = Sandbox(tmp_path, clock=lambda: AT, every=0.02)
    transport.listen(lambda _: None, out_of_order_once)
    with transport:
        name = reply(tmp_path, PHONE, "已还款", at=AT)
        assert [heard.get(timeout=60), heard.get(timeout=60)] == [name, name]
    assert list((tmp_path / "inbox").iterdir()) == []
