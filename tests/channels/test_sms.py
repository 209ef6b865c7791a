"""SMPP against a message centre of somebody else's making: parts, receipts, broken links, pace, and messages from phones."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from queue import Queue
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.channels.contract import Loopback, Sent, TransportContract
from tests.channels.message_centre import MessageCentre, SecondCentre
from tests.channels.permits import permit

from anhuan.channels.sms.route import Route
from anhuan.channels.sms.transport import Smpp
from anhuan.channels.transport import Asked, Delivery, Message, Session
from anhuan.core.vocabulary import Channel

PHONE = "+8613000000001"
NEVER, LATER, SILENT, THROTTLED, UNDELIVERED, DEADLY = (f"+86130000000{end}" for end in range(91, 97))
LONG = (
    "您好，您尾号0000的信用卡本期账单已逾期12天，最低还款额为人民币325.64元。如已还款请忽略；如有困难，请致电客服热线协商。" * 2
)


def route(centre: MessageCentre, **told) -> Route:
    quick = {"answer_within": 0.7, "reconnect_after": 0.1, "reconnect_at_most": 0.2, "connect_within": 3}
    return Route(
        **{
            "host": "127.0.0.1",
            "port": centre.port,
            "system_id": "anhuan",
            "password": "secret",
            "source": "106900",
            **quick,
            **told,
        }
    )


def outgoing(*addresses: str, text: str = "您好，请及时还款。"):
    return [(permit(Channel.SMS), Message(to, text)) for to in addresses]


@pytest.fixture
def centre_of():
    """Starts message centres, and ends them."""
    centres = []

    def start(kind=MessageCentre, **options) -> MessageCentre:
        centres.append(kind(**options))
        return centres[-1]

    yield start
    for centre in centres:
        centre.stop()


@pytest.fixture
def centre(centre_of):
    return centre_of()


@pytest.fixture
def told():
    return Queue()


@pytest.fixture
def heard():
    return Queue()


@pytest.fixture
def transport(centre, told, heard):
    with listening(centre, told, heard) as transport:
        yield transport


def listening(centre, told, heard=None, **changes) -> Smpp:
    transport = Smpp(route(centre, **changes))
    transport.listen(told.put, heard.put if heard is not None else None)
    return transport


class Centre(Loopback):
    channel = Channel.SMS
    good, never, later, silent = PHONE, NEVER, LATER, SILENT

    def __init__(self, centre):
        self._centre = centre
        self.transport = Smpp(route(centre))

    def arrived(self):
        time.sleep(0.2)  # its lines come through a pipe
        return [Sent(f"+{to}", text) for to, text in self._centre.messages()]


@pytest.fixture
def loopback(centre_of):
    return Centre(centre_of(receipts=False))


class TestSmppKeepsTheContract(TransportContract):
    pass


# --- what arrives ---------------------------------------------------------------------------------------------------


def test_a_chinese_long_message_goes_in_parts_and_is_the_same_text_when_joined(centre, transport, told):
    [(allowed, _)] = batch = outgoing(PHONE, text=LONG)
    [receipt] = transport.send_many(batch)
    assert (receipt.delivery, receipt.parts, len(receipt.references)) == (Delivery.TAKEN, 2, 2)
    delivered = told.get(timeout=60)
    assert (delivered.attempt_id, delivered.delivery, delivered.parts) == (allowed.attempt_id, Delivery.DELIVERED, 2)
    assert centre.messages() == [("8613000000001", LONG)]
    assert {part["coding"] for part in centre.submitted()} == {8}
    time.sleep(0.1)
    assert told.empty()  # once for the whole, not for each part


@pytest.mark.parametrize("text", ["Hello {you} [€5] ~^|\\ @£$ äöüñ à", "x" * 400, "€" * 170, "😀" * 80, "§ÆØ\n¿¡"])
def test_every_letter_is_read_as_it_was_written(centre, transport, text):
    [receipt] = transport.send_many(outgoing(PHONE, text=text))
    assert receipt.delivery is Delivery.TAKEN
    centre.wait_for("submit")
    assert centre.messages() == [("8613000000001", text)]


def test_a_reminder_does_not_wait_for_the_night(centre_of, told):
    centre = centre_of()
    with listening(centre, told, valid_for=3600) as transport:
        list(transport.send_many(outgoing(PHONE)))
    assert centre.wait_for("submit")["validity"] != "undefined"


# --- what became of it ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"text_only": True}, {"ids": "decimal"}], ids=["parameters", "text alone", "other spelling"]
)
def test_receipts_find_their_attempt_however_the_centre_writes_them(centre_of, told, options):
    centre = centre_of(**options)
    batch = outgoing(PHONE, UNDELIVERED)
    with listening(centre, told, receipts_spell_ids=options.get("ids", "same")) as transport:
        list(transport.send_many(batch))
        fates = {one.attempt_id: one for one in (told.get(timeout=60), told.get(timeout=60))}
    good, bad = (fates[allowed.attempt_id] for allowed, _ in batch)
    assert (good.delivery, good.code) == (Delivery.DELIVERED, "smpp:DELIVRD")
    assert (bad.delivery, bad.code, bad.permanent) == (Delivery.NOT_DELIVERED, "smpp:UNDELIV:027", False)


def test_a_receipt_the_listener_did_not_take_is_brought_again(centre):
    tried = Queue()

    def away_once(receipt):
        tried.put(receipt)
        if tried.qsize() == 1:
            raise OSError("the database is away")

    transport = Smpp(route(centre))
    transport.listen(away_once)
    with transport:
        list(transport.send_many(outgoing(PHONE)))
        deadline = time.monotonic() + 60
        while tried.qsize() < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
    assert [tried.get_nowait().delivery for _ in range(2)] == [Delivery.DELIVERED] * 2


def test_a_receipt_for_a_message_of_an_earlier_session_comes_with_its_reference(centre_of, told):
    centre = centre_of(first=7000)
    with listening(centre, told, valid_for=0) as transport:
        transport._known = _Forgetful()
        [receipt] = transport.send_many(outgoing(PHONE))
        late = told.get(timeout=60)
    assert (late.attempt_id, late.references) == ("", receipt.references)


class _Forgetful(dict):
    """What a session knows after the process was started again: nothing."""

    def __setitem__(self, key, value):
        pass


@pytest.mark.parametrize(("option", "delivery"), [("late", Delivery.TAKEN), ("later", Delivery.DELIVERED)])
def test_an_answer_or_a_receipt_that_comes_too_late_turns_unknown_into_known(centre_of, told, option, delivery):
    centre = centre_of(**{option: True})
    [(allowed, _)] = batch = outgoing(SILENT)
    with listening(centre, told) as transport:
        [receipt] = transport.send_many(batch)
        late = told.get(timeout=60)
    assert receipt.delivery is Delivery.UNKNOWN
    assert (late.attempt_id, late.delivery) == (allowed.attempt_id, delivery)


@pytest.mark.parametrize(
    ("phone", "options", "delivery", "code"),
    [
        (PHONE, {}, Delivery.DELIVERED, "smpp:DELIVRD"),
        (UNDELIVERED, {}, Delivery.NOT_DELIVERED, "smpp:UNDELIV"),
        (PHONE, {"under_way": True}, Delivery.TAKEN, "smpp:on_its_way"),
    ],
)
def test_a_centre_is_asked_what_became_of_a_message_of_an_earlier_session(centre_of, told, phone, options, delivery, code):
    centre = centre_of(receipts=False, **options)
    [(allowed, _)] = batch = outgoing(phone)
    with listening(centre, told) as transport:
        [taken] = transport.send_many(batch)
    with listening(centre, told) as transport:
        transport.ask([Asked("m:unheard", PHONE, ("m9999",)), Asked(allowed.attempt_id, phone, taken.references)])
        answer = told.get(timeout=60)
        assert transport.send_many(outgoing(PHONE)).__next__().delivery is Delivery.TAKEN
    assert (answer.attempt_id, answer.delivery, answer.code) == (allowed.attempt_id, delivery, code)
    assert told.empty()
    assert len(centre.submitted(least=2)) == 2


@pytest.mark.parametrize("asked_first", [True, False])
def test_a_receipt_settles_what_a_session_that_died_had_sent_without_an_answer(centre_of, told, asked_first):
    centre = centre_of()
    [(allowed, _)] = batch = outgoing(SILENT)
    with listening(centre, told) as transport:
        [lost] = transport.send_many(batch)
    assert (lost.delivery, lost.references) == (Delivery.UNKNOWN, ())
    asked = Asked(allowed.attempt_id, SILENT)
    centre.wait_for("closed")
    with listening(centre, told) as transport:
        number = transport._job(allowed.attempt_id, batch[0][1], None).number
        receipt = {
            "destination_addr": SILENT.lstrip("+"), "dest_addr_ton": 1, "source_addr": "106900", "user_message_reference": number,
            "id": "m1001",
        }  # fmt: skip
        if asked_first:
            transport.ask([asked])
            time.sleep(0.2)
        centre.tell(receipt=receipt)
        if not asked_first:
            assert told.get(timeout=60).attempt_id == ""
            transport.ask([asked])
        heard = told.get(timeout=60)
    assert (heard.attempt_id, heard.delivery) == (allowed.attempt_id, Delivery.DELIVERED)
    assert len(centre.submitted(least=1)) == 1


def test_a_receipt_that_overtakes_the_answer_waits_for_it(centre_of, told):
    centre = centre_of(hasty=True, text_only=True)
    [(allowed, _)] = batch = outgoing(PHONE)
    with listening(centre, told, answer_within=5) as transport:
        [receipt] = transport.send_many(batch)
        assert (receipt.delivery, told.get(timeout=60).attempt_id) == (Delivery.TAKEN, allowed.attempt_id)


# --- links that break -----------------------------------------------------------------------------------------------


def test_a_centre_killed_in_mid_batch_leaves_unknown_what_was_under_way_and_nothing_is_sent_twice(centre, told):
    batch = outgoing(*[PHONE] * 30, DEADLY, *[PHONE] * 69)
    with listening(centre, told, window=10) as transport:
        receipts = {receipt.attempt_id: receipt for receipt in transport.send_many(batch)}
        fates = [receipts[allowed.attempt_id].delivery for allowed, _ in batch]
        assert set(fates) == {Delivery.TAKEN, Delivery.UNKNOWN, Delivery.FAILED}
        assert fates[30] is Delivery.UNKNOWN
        assert fates.count(Delivery.UNKNOWN) <= 10
        stayed = [receipt for receipt in receipts.values() if receipt.delivery is Delivery.FAILED]
        assert all(receipt.nothing_left and not receipt.permanent for receipt in stayed)
        reached = len(centre.submitted())
        assert fates.count(Delivery.TAKEN) <= reached <= len(batch) - len(stayed)

        centre.start()
        centre.wait_for("bound")
        _until(lambda: transport.health().session is Session.OPEN)
        [after] = transport.send_many(outgoing(PHONE))
        assert after.delivery is Delivery.TAKEN
        assert len(centre.submitted(least=reached + 1)) == reached + 1


def test_a_batch_sent_while_the_line_is_down_fails_at_once_and_is_proven_to_have_stayed(centre, told):
    with listening(centre, told) as transport:
        centre.kill()
        _until(lambda: transport.health().session is Session.BROKEN)
        receipts = list(transport.send_many(outgoing(PHONE, PHONE)))
        assert {(one.delivery, one.nothing_left, one.permanent) for one in receipts} == {(Delivery.FAILED, True, False)}
        assert transport.health().code == "no_connection"


def test_a_refused_bind_is_told_with_its_code(centre, told):
    with listening(centre, told, password="wrong") as transport:
        assert (transport.health().session, transport.health().code) == (Session.BROKEN, "smpp:0e")
        [receipt] = transport.send_many(outgoing(PHONE))
    assert (receipt.delivery, receipt.nothing_left) == (Delivery.FAILED, True)


def test_a_quiet_line_is_asked_whether_it_is_alive(centre, told):
    with listening(centre, told, enquire_every=0.1) as transport:
        centre.wait_for("enquired")
        centre.wait_for("enquired")
        assert transport.health().session is Session.OPEN


def test_a_line_that_does_not_answer_is_given_up_and_made_anew(centre_of, told):
    centre = centre_of(deaf=True)
    with listening(centre, told, enquire_every=0.1, answer_within=0.3):
        centre.wait_for("bound")
        centre.wait_for("closed")
        centre.wait_for("bound")


def test_a_line_under_tls_carries_and_an_unknown_authority_is_refused(centre_of, told, tmp_path):
    certificate(tmp_path)
    centre = centre_of(tls=str(tmp_path))
    with listening(centre, told, tls=True, tls_authorities=str(tmp_path / "cert.pem")) as transport:
        [receipt] = transport.send_many(outgoing(PHONE))
        assert receipt.delivery is Delivery.TAKEN
        assert told.get(timeout=60).delivery is Delivery.DELIVERED
    with listening(centre, told, tls=True) as transport:
        [receipt] = transport.send_many(outgoing(PHONE))
        assert (receipt.nothing_left, transport.health().code) == (True, "tls")


def certificate(place) -> None:
    """A key and a certificate of its own for the loopback address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    signed = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(begins).not_valid_after(begins + timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (place / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    (place / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))


@pytest.mark.slow
def test_a_second_centre_of_another_library_is_understood_too(centre_of, told):
    centre = centre_of(SecondCentre)
    batch = [*outgoing(PHONE, text=LONG), *outgoing(*[PHONE] * 20)]
    with listening(centre, told) as transport:
        receipts = {one.attempt_id: one for one in transport.send_many(batch)}
        delivered = {told.get(timeout=60).attempt_id for _ in batch}
    assert {one.delivery for one in receipts.values()} == {Delivery.TAKEN}
    assert delivered == {allowed.attempt_id for allowed, _ in batch}
    first, second = (bytes.fromhex(part["hex"]) for part in centre.submitted()[:2])
    assert (first[:6], second[:6]) == (bytes([5, 0, 3, first[3], 2, 1]), bytes([5, 0, 3, first[3], 2, 2]))
    assert (first[6:] + second[6:]).decode("utf-16-be") == LONG


# --- pace and window ------------------------------------------------------------------------------------------------


def test_the_pace_is_kept_in_every_second(centre, told):
    with listening(centre, told, per_second=40, answer_within=5) as transport:
        assert {one.delivery for one in transport.send_many(outgoing(*[PHONE] * 100))} == {Delivery.TAKEN}
    instants = [one["at"] for one in centre.submitted()]
    assert len(instants) == 100
    assert max(sum(start <= at < start + 1 for at in instants) for start in instants) <= 42  # 40, and what the line jitters
    assert instants[-1] - instants[0] < 100 / 40 * 1.6


def test_a_throttled_part_is_sent_again_slower_and_only_once_taken(centre, told):
    with listening(centre, told, answer_within=5) as transport:
        begun = time.monotonic()
        [receipt] = transport.send_many(outgoing(THROTTLED))
        taken = time.monotonic() - begun
    assert receipt.delivery is Delivery.TAKEN
    assert taken >= 2  # a second after each of two refusals
    assert len(centre.submitted(least=1)) == 1


def test_no_more_wait_for_their_answer_than_the_window_allows(centre_of, told):
    centre = centre_of(receipts=False)
    with listening(centre, told, window=3, answer_within=0.4) as transport:
        silent = Thread(target=lambda: list(transport.send_many(outgoing(*[SILENT] * 6))))
        silent.start()
        for _ in range(3):
            centre.wait_for("submit")
        time.sleep(0.2)
        assert len(centre.submitted(least=3)) == 3
        silent.join()


# --- messages from phones -------------------------------------------------------------------------------------------


def test_a_reply_arrives_with_the_attempt_it_answers(centre, transport, heard):
    [(allowed, _)] = batch = outgoing(PHONE)
    list(transport.send_many(batch))
    centre.tell(phone={"from": PHONE.lstrip("+"), "to": "106900", "text": "退订"})
    inbound = heard.get(timeout=60)
    assert (inbound.sender, inbound.to, inbound.text, inbound.answers) == (PHONE, "106900", "退订", allowed.attempt_id)
    assert centre.wait_for("heard") == 0


def test_each_part_of_a_long_reply_is_told_and_acknowledged_alone_whatever_their_order(centre, transport, heard):
    said = "我已经在上个星期把钱还了，" * 12 + "请核实"
    centre.tell(phone={"from": "8613000000005", "to": "106900", "text": said, "order": [2, 0, 1]})
    parts = [heard.get(timeout=60) for _ in range(3)]
    assert [(part.fragment.number, part.fragment.total) for part in parts] == [(3, 3), (1, 3), (2, 3)]
    assert "".join(part.text for part in sorted(parts, key=lambda part: part.fragment.number)) == said
    assert len({part.fragment.reference for part in parts}) == 1


def test_a_reply_nobody_took_is_not_acknowledged(centre, told):
    transport = Smpp(route(centre))

    def away(inbound):
        raise OSError("the database is away")

    transport.listen(told.put, away)
    with transport:
        centre.tell(phone={"from": "8613000000005", "to": "106900", "text": "T"})
        assert centre.wait_for("heard") == 0x64


# --- what SMPP would cut off in silence -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"password": "too-long-x"},
        {"source": "x" * 21},
        {"source": "某某银行"},
        {"window": 0},
        {"valid_for": 40 * 86400},
        {"zone": "Mars/North"},
    ],
)
def test_a_route_that_smpp_cannot_say_is_refused(change):
    usual = {"host": "127.0.0.1", "port": 2775, "system_id": "a", "password": "b", "source": "1"}
    with pytest.raises(ValueError, match=next(iter(change))):
        Route(**{**usual, **change})


@pytest.mark.parametrize("to", ["", "13000000001x", "+86 130", "1" * 21])
def test_an_address_that_is_no_number_never_leaves(centre, told, to):
    with listening(centre, told) as transport:
        [receipt] = transport.send_many(outgoing(to))
    assert (receipt.delivery, receipt.permanent, receipt.nothing_left, receipt.code) == (
        Delivery.FAILED,
        True,
        True,
        "bad_address",
    )
    assert centre.submitted() == []


def _until(true, within: float = 60) -> None:
    ends = time.monotonic() + within
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)
