"""The HTTP gateway: signed both ways, and an honest word about what an HTTP answer proves."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.channels.contract import Loopback, Sent, TransportContract
from tests.channels.permits import AT, permit

from anhuan.channels.gateway.signing import NotSigned, verified
from anhuan.channels.gateway.transport import Account, Gateway, callback
from anhuan.channels.transport import Asked, Delivery, Inbound, Message, Receipt
from anhuan.core.vocabulary import Channel

SECRET = "a secret both sides know"
HOOK = "whsec_" + base64.b64encode(b"another secret of thirty-two byte").decode()
PHONE = "+8613000000001"
NEVER, LATER, SILENT = "+8613000000091", "+8613000000092", "+8613000000093"


class Provider(ThreadingHTTPServer):
    """A gateway that believes nothing it cannot verify, and refuses a nonce it has seen."""

    daemon_threads = True

    def __init__(self, status: int = 200):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.sent, self.nonces, self.known = status, [], set(), {}
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def vouches(self, handler, body: bytes) -> bool:
        told = handler.headers
        signed = "\n".join(
            (handler.command, handler.path, told["X-Timestamp"], told["X-Nonce"], hashlib.sha256(body).hexdigest())
        )
        expected = hmac.new(SECRET.encode(), signed.encode(), "sha256").hexdigest()
        fresh = told["X-Nonce"] not in self.nonces and abs(int(told["X-Timestamp"]) - AT.timestamp()) < 300
        self.nonces.add(told["X-Nonce"])
        return fresh and hmac.compare_digest(expected, told["X-Signature"])


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        provider: Provider = self.server
        if provider.status != 200 or not provider.vouches(self, body):
            return self.answer(provider.status if provider.status != 200 else 401, {})
        results = []
        for one in json.loads(body)["messages"]:
            if one["to"] == SILENT:
                return self.connection.close()
            refused = {NEVER: ("number_unknown", True), LATER: ("busy", False)}.get(one["to"])
            if refused:
                results.append(
                    {"reference": one["reference"], "status": "refused", "code": refused[0], "permanent": refused[1]}
                )
                continue
            provider.sent.append(Sent(one["to"], one["text"]))
            results.append({"reference": one["reference"], "status": "taken", "id": f"g{len(provider.sent)}", "parts": 1})
        return self.answer(200, {"results": results})

    def do_GET(self):
        provider: Provider = self.server
        if provider.status != 200 or not provider.vouches(self, b""):
            return self.answer(provider.status if provider.status != 200 else 401, {})
        asked = parse_qs(urlsplit(self.path).query)["reference"]
        return self.answer(
            200, {"results": [provider.known[one] | {"reference": one} for one in asked if one in provider.known]}
        )

    def answer(self, status, told):
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *told):
        pass


@pytest.fixture
def provider():
    provider = Provider()
    yield provider
    provider.shutdown()
    provider.server_close()


def gateway(provider, **changes) -> Gateway:
    usual = {"url": provider.url, "key_id": "anhuan", "secret": SECRET, "answer_within": 2}
    return Gateway(Account(**{**usual, **changes}), clock=lambda: AT)


class Double(Loopback):
    channel = Channel.SMS
    good, never, later, silent = PHONE, NEVER, LATER, SILENT

    def __init__(self, provider):
        self._provider, self.transport = provider, gateway(provider)

    def arrived(self):
        return list(self._provider.sent)


@pytest.fixture
def loopback(provider):
    return Double(provider)


class TestTheGatewayKeepsTheContract(TransportContract):
    pass


def sent(transport, *addresses):
    with transport:
        return list(transport.send_many((permit(Channel.SMS), Message(to, "您好")) for to in addresses))


@pytest.mark.parametrize(
    ("status", "delivery", "permanent", "nothing_left"),
    [
        (400, Delivery.FAILED, True, True), (403, Delivery.FAILED, True, True), (429, Delivery.FAILED, False, True),
        (302, Delivery.UNKNOWN, False, False), (500, Delivery.UNKNOWN, False, False), (503, Delivery.UNKNOWN, False, False),
    ],
)  # fmt: skip
def test_an_answer_proves_no_more_than_it_says(provider, status, delivery, permanent, nothing_left):
    provider.status = status
    [receipt] = sent(gateway(provider), PHONE)
    assert (receipt.delivery, receipt.permanent, receipt.nothing_left) == (delivery, permanent, nothing_left)
    assert receipt.code == f"http:{status}"


def test_a_gateway_out_of_reach_took_nothing(provider):
    transport = gateway(provider)
    provider.shutdown()
    provider.server_close()
    [receipt] = sent(transport, PHONE)
    assert (receipt.delivery, receipt.nothing_left, receipt.code) == (Delivery.FAILED, True, "no_connection")


def test_a_connection_that_breaks_leaves_its_own_batch_unknown_and_no_other(provider):
    receipts = sent(gateway(provider, batch=2), PHONE, PHONE, SILENT, PHONE, PHONE)
    assert [one.delivery for one in receipts] == [Delivery.TAKEN] * 2 + [Delivery.UNKNOWN] * 2 + [Delivery.TAKEN]


def test_a_request_signed_with_another_secret_is_refused(provider):
    [receipt] = sent(gateway(provider, secret="guessed"), PHONE)
    assert (receipt.delivery, receipt.code) == (Delivery.FAILED, "http:401")
    assert provider.sent == []


@pytest.mark.parametrize("url", ["http://gateway.example/v1", "https://gateway.example/v1?to=x", "https:///v1"])
def test_an_address_that_would_show_people_to_others_is_refused(url):
    with pytest.raises(ValueError, match="gateway's address"):
        Account(url, "anhuan", SECRET)


# --- questions ------------------------------------------------------------------------------------------------------

DELIVERED = {"status": "delivered", "id": "g1", "at": AT.isoformat()}


def told_of(provider, *attempts, **changes) -> list[Receipt]:
    heard: list[Receipt] = []
    transport = gateway(provider, **changes)
    transport.listen(heard.append)
    with transport:
        transport.ask(Asked(attempt, PHONE) for attempt in attempts)
    return heard


@pytest.mark.parametrize(
    ("known", "receipt"),
    [
        (DELIVERED, Receipt("a1", Delivery.DELIVERED, "gateway", references=("g1",), at=AT)),
        ({"status": "not_delivered", "id": "g1", "code": "absent"}, Receipt("a1", Delivery.NOT_DELIVERED, "absent", references=("g1",))),
        ({"status": "taken", "id": "g1", "parts": 2}, Receipt("a1", Delivery.TAKEN, references=("g1",), parts=2)),
        ({"status": "refused", "code": "full"}, Receipt("a1", Delivery.FAILED, "full", nothing_left=True)),
    ],
)  # fmt: skip
def test_a_gateway_is_asked_by_our_reference_what_became_of_a_message(provider, known, receipt):
    provider.known["a1"] = known
    assert told_of(provider, "a1", "never heard of") == [receipt]
    assert provider.sent == []


def test_many_are_asked_about_in_requests_of_a_batch_each(provider):
    provider.known |= {f"a/{number}&b": DELIVERED for number in range(5)}
    assert [one.attempt_id for one in told_of(provider, *provider.known, batch=2)] == list(provider.known)
    assert len(provider.nonces) == 3


@pytest.mark.parametrize("known", [{}, {"status": "lost"}, {"status": "taken"}, {"status": "delivered"}])
def test_an_answer_that_says_nothing_leaves_a_message_unknown(provider, known):
    provider.known["a1"] = known
    assert told_of(provider, "a1") == []


@pytest.mark.parametrize(("status", "changes"), [(503, {}), (302, {}), (200, {"secret": "guessed"})])
def test_a_question_that_is_not_answered_changes_nothing(provider, status, changes):
    provider.known["a1"], provider.status = DELIVERED, status
    assert told_of(provider, "a1", **changes) == []


# --- callbacks ------------------------------------------------------------------------------------------------------

BODY = json.dumps(
    {
        "receipts": [
            {
                "reference": "a1",
                "id": "g1",
                "status": "not_delivered",
                "code": "absent",
                "permanent": True,
                "at": AT.isoformat(),
            }
        ],
        "replies": [{"id": "r1", "from": PHONE, "to": "106900", "text": "退订", "reference": "a1", "at": AT.isoformat()}],
    }
).encode()


def hook(body: bytes = BODY, *, name: str = "msg_1", at=AT, secret: str = HOOK) -> dict[str, str]:
    """Headers as the Standard Webhooks specification says, written down here a second time."""
    stamp = str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(key, f"{name}.{stamp}.".encode() + body, "sha256").digest()).decode()
    return {"Webhook-Id": name, "Webhook-Timestamp": stamp, "Webhook-Signature": f"v1,{'A' * 43}= v1,{signature}"}


def test_the_example_of_the_specification_is_verified():
    """The test vector of the Standard Webhooks specification and of its libraries."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    at = AT.fromtimestamp(1614265330, AT.tzinfo)
    secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
    assert verified(headers, b'{"test": 2432232314}', secrets=secrets, at=at) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_a_callback_tells_receipts_and_replies():
    assert verified(hook(), BODY, secrets=[HOOK], at=AT) == "msg_1"
    receipt, reply = callback("msg_1", BODY)
    assert receipt == Receipt("a1", Delivery.NOT_DELIVERED, "absent", permanent=True, references=("g1",), at=AT)
    assert reply == Inbound("msg_1:r1", Channel.SMS, PHONE, "106900", "退订", answers="a1", at=AT)


def test_the_old_secret_holds_beside_the_new_one():
    new = "whsec_" + base64.b64encode(b"new").decode()
    assert verified(hook(), BODY, secrets=[new, HOOK], at=AT) == "msg_1"


@pytest.mark.parametrize(
    ("headers", "body", "at", "code"),
    [
        (hook(), BODY + b" ", AT, "signature_wrong"),
        (hook(secret="whsec_" + base64.b64encode(b"guessed").decode()), BODY, AT, "signature_wrong"),
        (hook() | {"Webhook-Id": "msg_2"}, BODY, AT, "signature_wrong"),
        (hook(), BODY, AT + timedelta(minutes=6), "too_old_or_too_new"),
        (hook(), BODY, AT - timedelta(minutes=6), "too_old_or_too_new"),
        (hook() | {"Webhook-Timestamp": "soon"}, BODY, AT, "headers_missing"),
        ({}, BODY, AT, "headers_missing"),
    ],
)
def test_a_callback_that_is_not_theirs_or_not_of_now_is_refused(headers, body, at, code):
    with pytest.raises(NotSigned, match=code):
        verified(headers, body, secrets=[HOOK], at=at)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'{"receipts": [{"id": "g1", "status": "taken"}]}', b'{"replies": [{"text": "T"}]}']
)
def test_a_callback_that_cannot_be_read_is_a_clear_error(body):
    with pytest.raises(ValueError, match="cannot be read"):
        callback("msg_1", body)
