"""Robot calls over an exchange: led by the script, told apart by how they ended, recorded, paced, and never called twice."""

from __future__ import annotations

import stat
import threading
import time
from datetime import timedelta
from hashlib import sha256

import pytest
from tests.channels import heard
from tests.channels.contract import Loopback, Sent, TransportContract
from tests.channels.exchange_double import BY_CAUSE, LATE, MACHINE, REFUSED, SILENT, Double
from tests.channels.permits import AT, permit
from tests.channels.recordings import record

from anhuan.channels.transport import Delivery, Message, Session
from anhuan.channels.voice.exchange import Exchange
from anhuan.channels.voice.pacing import Pacer, Tally
from anhuan.channels.voice.transport import Voice
from anhuan.core.vocabulary import Channel, LineResult, Outcome

PHONE = "+8613000000001"
NOTHING_BEFORE = Tally()
PARTS = {
    "greeting": "您好，这里是第一示例银行信用卡中心。", "confirm": "如果您是本人，请按1。", "choices": "还款请按1，回电请按2。",
    "message": "您尾号0123的信用卡已逾期12天，逾期金额3,250.64元。", "closing": "感谢您的接听。",
}  # fmt: skip


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record(tmp_path_factory.mktemp("prompts"))


@pytest.fixture
def double():
    double = Double()
    yield double
    double.close()


@pytest.fixture
def voice(double, recorded, tmp_path):
    def make(before=NOTHING_BEFORE, **changes):
        usual = {
            "url": double.url, "user": "anhuan", "password": "secret", "endpoint": "PJSIP/{number}@trunk", "per_second": 500,
            "listen_for": 0.05, "ring_for": 1, "longest": 3, "prompts": recorded.folder, "recordings": tmp_path / "calls",
            "answer_within": 3,
        }  # fmt: skip
        return Voice(Exchange(**{**usual, **changes}), clock=lambda: AT, before=lambda: before)

    return make


def message(to=PHONE, **parts):
    return Message(to, "", details={**PARTS, **parts})


def called(transport, *messages):
    with transport:
        receipts = list(transport.send_many((permit(Channel.CALL, f"call-{n}"), one) for n, one in enumerate(messages)))
    return [each for _, each in sorted((receipt.attempt_id, receipt) for receipt in receipts)]


class OnTheExchange(Loopback):
    channel = Channel.CALL
    text = "您的信用卡本期账单已到期"
    good, never, later, silent = PHONE, "nobody", REFUSED, SILENT

    def __init__(self, double, recorded, transport):
        self._double, self._recorded, self.transport = double, recorded, transport

    def message(self, to, text=None):
        said = self.text if text is None else text
        return Message(to, said, details={**PARTS, "message": said})

    def arrived(self):
        """The messages that were heard to their end."""
        messages = [line.heard[1] for line in self._double.calls if len(line.heard) > 1]
        numbers = [line.number for line in self._double.calls if len(line.heard) > 1]
        return [Sent(to, self._understood(files)) for to, files in zip(numbers, messages, strict=True)]

    def _understood(self, files):
        clips = [file.rsplit("/", 1)[1] for file in files]
        phrases = {clip: phrase for phrase, clip in self._recorded.phrases["zh"]}
        figures = [clip for clip in clips if clip not in phrases]
        said = [phrases[clip] for clip in clips if clip in phrases]
        return "".join([*said[:1], str(heard.number(figures, "zh")) if figures else "", *said[1:]])


@pytest.fixture
def loopback(double, recorded, voice):
    return OnTheExchange(double, recorded, voice())


class TestVoiceKeepsTheContract(TransportContract):
    pass


# --- one call -----------------------------------------------------------------------------------------------------


def test_a_call_is_greeted_asked_told_and_thanked_in_this_order(double, voice):
    [receipt] = called(voice(), message())
    [line] = double.calls
    assert [files[0].rsplit("/", 1)[1] for files in line.heard] == ["p00", "p02", "p05", "p06"]
    assert (receipt.delivery, receipt.code) == (Delivery.TAKEN, "q850:16")
    assert (receipt.call.line_result, receipt.call.outcome) == (LineResult.CONNECTED, Outcome.EFFECTIVE_CONVERSATION)
    assert (receipt.call.pressed, receipt.call.meant) == (("1", "1"), "will_pay_later")


@pytest.mark.parametrize(
    ("keys", "meant", "outcome", "parts"),
    [
        (["9"], "wrong_person", Outcome.CONVERSATION, 1), (["1", "", "2"], "call_back", Outcome.EFFECTIVE_CONVERSATION, 4),
        (["0"], "agent", Outcome.CONVERSATION, 1), (["x"], "", Outcome.HUNG_UP, 1), (["1", "x"], "", Outcome.EFFECTIVE_CONVERSATION, 2),
        ([], "", None, 2),
    ],
)  # fmt: skip
def test_what_a_customer_presses_is_what_the_receipt_says(double, voice, keys, meant, outcome, parts):
    double.keys = keys
    [receipt] = called(voice(), message())
    assert (receipt.call.line_result, receipt.call.outcome, receipt.call.meant) == (LineResult.CONNECTED, outcome, meant)
    assert len(double.calls[0].heard) in {parts, parts + 1} if keys == ["1", "x"] else len(double.calls[0].heard) == parts


def test_a_stranger_hears_nothing_of_the_debt(double, voice, recorded):
    for keys in (["9"], ["x"], [], ["2", "3"], ["0"]):
        double.keys, double.calls = keys, []
        called(voice(), message())
        debt = {
            f"{recorded.folder}/{clip}"
            for part in ("message", "closing")
            for clip in recorded.spoken(PARTS[part], "zh")
            if clip != "zh/pause"
        }
        assert not debt & {file for files in double.calls[0].begun for file in files}


@pytest.mark.parametrize(
    ("number", "delivery", "line_result", "permanent"),
    [
        ("+8613000000101", Delivery.NOT_DELIVERED, LineResult.BUSY, False),
        ("+8613000000102", Delivery.NOT_DELIVERED, LineResult.NO_ANSWER, False),
        ("+8613000000103", Delivery.NOT_DELIVERED, LineResult.NO_ANSWER, False),
        ("+8613000000104", Delivery.NOT_DELIVERED, LineResult.INVALID_NUMBER, True),
        ("+8613000000105", Delivery.NOT_DELIVERED, LineResult.SWITCHED_OFF, False),
        ("+8613000000107", Delivery.NOT_DELIVERED, LineResult.NOT_IN_SERVICE, False),
        ("+8613000000106", Delivery.FAILED, None, False),
        ("+8613000000108", Delivery.UNKNOWN, None, False),
    ],
)
def test_calls_nobody_took_are_told_apart_by_their_cause(voice, number, delivery, line_result, permanent):
    [receipt] = called(voice(), message(number))
    assert (receipt.delivery, receipt.permanent, receipt.code) == (delivery, permanent, f"q850:{BY_CAUSE[number]}")
    assert (receipt.call.line_result if receipt.call else None) == line_result
    assert receipt.nothing_left == (delivery is Delivery.FAILED)


def test_a_machine_is_left_no_message(double, voice):
    machine, person = called(voice(machine_context="tell-machines"), message(MACHINE), message())
    assert (machine.call.line_result, machine.call.outcome) == (LineResult.VOICEMAIL, Outcome.NO_MESSAGE)
    assert person.call.outcome is Outcome.EFFECTIVE_CONVERSATION
    assert double.calls[0].begun == []


def test_who_asks_for_a_colleague_is_handed_to_the_dial_plan(double, voice):
    double.keys = ["1", "", "0"]
    [receipt] = called(voice(agent_context="agents"), message())
    assert (receipt.call.meant, receipt.call.outcome) == ("agent", Outcome.EFFECTIVE_CONVERSATION)
    assert any(path.endswith("/continue") and told["context"] == "agents" for _, path, told in double.requests)


# --- recordings ---------------------------------------------------------------------------------------------------


def test_both_sides_are_recorded_before_a_word_is_said_and_kept_with_digest_and_day(double, voice, tmp_path):
    [receipt] = called(voice(keep_days=1096), message())
    kept = tmp_path / "calls" / receipt.call.recording
    assert sha256(kept.read_bytes()).hexdigest() == receipt.call.digest
    assert receipt.call.keep_until == (AT + timedelta(days=1096)).date()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert double.recordings == {}
    paths = [path for method, path, _ in double.requests if method == "POST"]
    assert [path.split("/")[4] for path in paths[1:4]] == ["snoop", "record", "play"]


@pytest.mark.parametrize("fails", ["record", "play"])
def test_a_call_that_cannot_be_recorded_or_heard_is_dropped_and_counted(double, voice, fails):
    double.fails = {fails}
    [receipt] = called(voice(), message())
    assert (receipt.delivery, receipt.call.outcome) == (Delivery.TAKEN, Outcome.DROPPED)
    assert double.calls[0].heard == []
    assert double.lines == {}


def test_keys_pressed_before_the_line_broke_hold(double, voice):
    double.keys = ["1", "", "2!"]
    [lost] = called(voice(), message())
    assert (lost.delivery, lost.nothing_left, lost.code) == (Delivery.UNKNOWN, False, "line_broken")
    assert (lost.call.pressed, lost.call.meant, double.lines) == (("1", "2"), "call_back", {})


def test_a_call_nobody_leads_is_let_go_should_somebody_take_it(double, voice):
    with voice() as transport:
        [receipt] = transport.send_many([(permit(Channel.CALL), message(LATE))])
        assert (receipt.delivery, receipt.nothing_left) == (Delivery.UNKNOWN, False)
        for _ in range(1000):
            if not double.calls or double.lines:
                time.sleep(0.02)
    assert (len(double.calls), double.lines) == (1, {})


# --- pace ---------------------------------------------------------------------------------------------------------


def test_no_more_calls_than_agreed_are_made_at_once(double, voice):
    receipts = called(voice(at_once=3), *[message()] * 12)
    assert double.most_at_once == 3
    assert {receipt.delivery for receipt in receipts} == {Delivery.TAKEN}


def test_no_more_calls_than_agreed_begin_in_a_second(double, voice):
    called(voice(at_once=20, per_second=20), *[message()] * 11)
    assert double.begun_at[-1] - double.begun_at[0] >= 0.4


def test_no_call_is_made_while_too_many_were_dropped(double, voice):
    [receipt] = called(voice(before=Tally(answered=100, abandoned=3), abandon_ceiling=0.03), message())
    assert (receipt.delivery, receipt.nothing_left, receipt.code) == (Delivery.FAILED, True, "abandon_ceiling")
    assert double.begun_at == []


def test_calls_dropped_now_stop_the_next(double, voice):
    double.fails = {"play"}
    receipts = called(voice(before=Tally(answered=50, abandoned=1), at_once=1), *[message()] * 3)
    assert sorted(receipt.code for receipt in receipts) == ["abandon_ceiling", "abandon_ceiling", "q850:16"]


def test_a_call_that_waited_too_long_after_its_permit_is_not_begun(double, voice):
    receipts = called(voice(per_second=2, begin_within=0.3), *[message()] * 3)
    assert [receipt.code for receipt in receipts].count("waited_too_long") == 2
    assert len(double.begun_at) == 1


def test_the_ceiling_is_never_reached_and_the_pace_is_even():
    pacer = Pacer(10, 0.03, Tally(1000, 29))
    assert [round(pacer.wait(5.0), 3) for _ in range(3)] == [0, 0.1, 0.2]
    assert pacer.allows()
    pacer.answered(abandoned=True)
    assert pacer.tally == Tally(1001, 30)
    assert pacer.allows()
    pacer.answered(abandoned=True)
    assert not pacer.allows()


# --- the session --------------------------------------------------------------------------------------------------


def test_an_exchange_out_of_reach_or_that_does_not_know_us_takes_no_call(double, voice):
    for changes, code in (({"password": "guessed"}, "http:401"), ({"url": "http://127.0.0.1:9/ari"}, "no_connection")):
        with voice(**changes) as transport:
            assert (transport.health().session, transport.health().code) == (Session.BROKEN, code)
            [receipt] = transport.send_many([(permit(Channel.CALL), message())])
        assert (receipt.delivery, receipt.nothing_left, receipt.code) == (Delivery.FAILED, True, "no_connection")
    assert double.begun_at == []


def test_closing_waits_for_the_calls_under_way(double, voice):
    transport = voice()
    with transport:
        receipts = transport.send_many([(permit(Channel.CALL), message())])
        begun = threading.Thread(target=lambda: heard_of.extend(receipts))
        heard_of = []
        begun.start()
        while not double.calls:
            time.sleep(0.005)
    begun.join(60)
    assert [receipt.call.outcome for receipt in heard_of] == [Outcome.EFFECTIVE_CONVERSATION]


def test_a_text_with_a_passage_nobody_recorded_is_not_called_with(double, voice):
    receipts = called(voice(), message(confirm="如果您是李明本人，请按1。"), Message(PHONE, "没有通话文本"))
    assert {(receipt.code, receipt.permanent, receipt.nothing_left) for receipt in receipts} == {("not_recorded", True, True)}
    assert double.begun_at == []


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://pbx.bank.example/ari"}, {"endpoint": "PJSIP/trunk"}, {"endpoint": "PJSIP/{number}@trunk&app"},
        {"at_once": 0}, {"per_second": 0}, {"abandon_ceiling": 0}, {"keep_days": 30},
    ],
)  # fmt: skip
def test_an_exchange_that_would_be_used_wrongly_is_refused(voice, changes):
    with pytest.raises(ValueError):  # noqa: PT011 - each has a sentence of its own
        voice(**changes)
