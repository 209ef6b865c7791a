"""Robot calls over a real Asterisk to SIPp: what our double of ARI claims is what an exchange does."""

from __future__ import annotations

import wave

import pytest
from tests.channels import asterisk
from tests.channels.permits import AT, permit
from tests.channels.recordings import record
from tests.channels.test_voice import PHONE, message

from anhuan.channels.transport import Delivery
from anhuan.channels.voice.exchange import Exchange
from anhuan.channels.voice.transport import Voice
from anhuan.core.vocabulary import Channel, LineResult, Outcome

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exchange():
    with asterisk.running() as exchange:
        record(exchange.prompts, lasts=0.1)
        yield exchange


@pytest.fixture
def call(exchange, tmp_path):
    """Call a customer who behaves as a scenario says, so many times at once."""

    def make(scenario, times=1, **changes):
        usual = {
            "url": exchange.url, "user": "anhuan", "password": "secret", "endpoint": "PJSIP/{number}@trunk", "per_second": 20,
            "at_once": 50, "listen_for": 4, "ring_for": 4, "longest": 40, "prompts": exchange.prompts, "caller": "95588",
            "prompts_there": exchange.prompts_there, "recordings": tmp_path / "calls",
        }  # fmt: skip
        transport = Voice(Exchange(**{**usual, **changes}), clock=lambda: AT)
        with asterisk.customer(exchange, scenario, tmp_path), transport:
            return list(transport.send_many((permit(Channel.CALL), message(PHONE)) for _ in range(times)))

    return make


def heard(file):
    """Whether a recording lasts as long as a call, and the prompts are on it."""
    with wave.open(str(file), "rb") as recording:
        form = (recording.getframerate(), recording.getnchannels(), recording.getsampwidth())
        sounds = recording.readframes(recording.getnframes())
    return form == (8000, 1, 2) and len(sounds) > 2 * 5 * 8000 and len(set(sounds)) > 2


# Not the same key twice: SIPp plays a key with the same time stamps again, which Asterisk rightly takes for a repetition.
KEYS = ((1500, 1), (5500, 2))


def test_a_call_is_led_recorded_and_ended(call, tmp_path):
    [receipt] = call(asterisk.answers(*KEYS))
    assert (receipt.delivery, receipt.code) == (Delivery.TAKEN, "q850:16")
    assert (receipt.call.line_result, receipt.call.outcome) == (LineResult.CONNECTED, Outcome.EFFECTIVE_CONVERSATION)
    assert (receipt.call.pressed, receipt.call.meant) == (("1", "2"), "call_back")
    assert heard(tmp_path / "calls" / receipt.call.recording)


def test_a_wrong_person_is_let_go_at_once(call):
    [receipt] = call(asterisk.answers((1500, 9)))
    assert (receipt.call.meant, receipt.call.outcome) == ("wrong_person", Outcome.CONVERSATION)


def test_who_asks_for_a_colleague_is_handed_over(call, tmp_path):
    [receipt] = call(asterisk.answers((1500, 0)), agent_context="agents")
    assert (receipt.delivery, receipt.call.meant) == (Delivery.TAKEN, "agent")
    assert (tmp_path / "calls" / receipt.call.recording).exists()


def test_a_customer_who_hangs_up_has_hung_up(call):
    [receipt] = call(asterisk.answers(hangs_up=True))
    assert (receipt.delivery, receipt.call.outcome) == (Delivery.TAKEN, Outcome.HUNG_UP)


def test_a_machine_or_person_is_told_by_the_dial_plan(call):
    [receipt] = call(asterisk.answers(hangs_up=False), machine_context="tell-machines", listen_for=2)
    assert (receipt.delivery, receipt.call.meant) == (Delivery.TAKEN, "")
    assert receipt.call.line_result in {LineResult.CONNECTED, LineResult.VOICEMAIL}


@pytest.mark.parametrize(
    ("scenario", "delivery", "cause", "line_result"),
    [
        (asterisk.refuses("486 Busy Here"), Delivery.NOT_DELIVERED, 17, LineResult.BUSY),
        (asterisk.refuses("603 Decline"), Delivery.NOT_DELIVERED, 21, LineResult.NO_ANSWER),
        (asterisk.refuses("404 Not Found", rings=False), Delivery.NOT_DELIVERED, 1, LineResult.INVALID_NUMBER),
        (asterisk.refuses("503 Service Unavailable", rings=False), Delivery.FAILED, 34, None),
        (asterisk.rings(), Delivery.NOT_DELIVERED, 19, LineResult.NO_ANSWER),
    ],
)
def test_calls_nobody_took_are_told_apart(call, scenario, delivery, cause, line_result):
    [receipt] = call(scenario)
    assert (receipt.delivery, receipt.code) == (delivery, f"q850:{cause}")
    assert (receipt.call.line_result if receipt.call else None) == line_result


def test_thirty_calls_at_once_are_all_led_and_recorded(call, tmp_path):
    receipts = call(asterisk.answers(*KEYS), times=30)
    assert [receipt.call.meant for receipt in receipts] == ["call_back"] * 30
    assert all(heard(tmp_path / "calls" / receipt.call.recording) for receipt in receipts)
    assert len({receipt.call.recording for receipt in receipts}) == 30
