"""A collector's telephone against a loopback exchange: what an answer proves, and that only a permit makes it ring."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.channels.permits import permit

from anhuan.channels.softphone.transport import Exchange, Line, OutOfReach, Softphone
from anhuan.channels.transport import Delivery, Message, NotPermitted, Receipt
from anhuan.core.vocabulary import Channel, LineResult

CALL = "0f8c2c6e-0000-4000-8000-000000000001"


class Double:
    """An exchange that does what the extension says: 100 is rung, 404 is unknown, 500 fails, 999 never answers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.told: dict[str, str] = {}
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = parse_qs(urlsplit(self.path).query)
                double.asked.append(told | {"user": [self.headers["Authorization"]]})
                extension = told["endpoint"][0].removeprefix("PJSIP/")
                if extension == "999":
                    self.close_connection = True
                    return
                self.send_response({"100": 200, "404": 404, "500": 500}[extension])
                body = json.dumps({"id": "call-1"}).encode()
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                told = double.told.get(urlsplit(self.path).query.partition("_")[2])
                gone = "/channels/" in self.path  # every line of a collector has ended
                self.send_response(404 if gone else 500 if told is None else 200)
                body = json.dumps({"value": told}).encode()
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/ari"


@pytest.fixture
def double() -> Iterator[Double]:
    double = Double()
    yield double
    double.close()


def ring(url: str, extension: str, number: str = "+8619900000001") -> Receipt:
    with Softphone(Exchange(url, "desk", "secret", "outgoing", answer_within=2)) as telephone:
        told = {"extension": extension, "call": CALL}
        return telephone.send(permit(Channel.CALL), Message(to=number, text="", details=told))


def test_the_extension_rings_first_and_the_number_is_dialled_by_the_dial_plan(double: Double) -> None:
    receipt = ring(double.url, "100")
    assert (receipt.delivery, receipt.code, receipt.references) == (Delivery.TAKEN, "rung", ("call-1",))
    [asked] = double.asked
    assert (asked["endpoint"], asked["extension"], asked["context"]) == (["PJSIP/100"], ["8619900000001"], ["outgoing"])
    assert asked["channelId"] == [f"desk-{CALL}"]


@pytest.mark.parametrize(
    ("extension", "delivery", "stayed"),
    [("404", Delivery.FAILED, True), ("500", Delivery.UNKNOWN, False), ("999", Delivery.UNKNOWN, False)],
)
def test_only_a_refusal_proves_that_nothing_left(double: Double, extension: str, delivery: Delivery, stayed: bool) -> None:
    receipt = ring(double.url, extension)
    assert (receipt.delivery, receipt.nothing_left) == (delivery, stayed)


def test_an_exchange_out_of_reach_and_what_is_no_number_prove_it_too() -> None:
    assert ring("http://127.0.0.1:9/ari", "100").nothing_left
    assert ring("http://127.0.0.1:9/ari", "100", "12").code == "bad_address"
    assert ring("http://127.0.0.1:9/ari", "1;2").code == "bad_address"


def test_only_a_permit_for_a_call_makes_it_ring(double: Double) -> None:
    with Softphone(Exchange(double.url, "desk", "secret", "outgoing")) as telephone:
        for wrong in (permit(Channel.SMS), "permit"):
            with pytest.raises(NotPermitted):
                telephone.send(wrong, Message(to="+8619900000001", text="", details={"extension": "100"}))  # type: ignore[arg-type]
    assert double.asked == []


def test_what_the_dial_plan_writes_down_is_how_the_line_ended(double: Double) -> None:
    double.told = {
        "c0": "", "c1": "dialling", "c2": "ANSWER:16:63", "c3": "BUSY:17:", "c4": "CHANUNAVAIL:1:", "c5": "CONGESTION:21:",
        "c6": "NOANSWER:0:", "c7": "CHANUNAVAIL:20:", "c8": "CANCEL:16:",
    }  # fmt: skip
    telephone = Softphone(Exchange(double.url, "desk", "secret", "outgoing", tells="anhuan"))
    ended = [telephone.line(call) for call in double.told]
    assert ended[:3] == [None, None, Line(LineResult.CONNECTED, "q850:16", 63)]
    assert [(line.line_result, line.code) for line in ended[3:] if line] == [
        (LineResult.BUSY, "q850:17"), (LineResult.INVALID_NUMBER, "q850:1"), (LineResult.NO_ANSWER, "q850:21"),
        (LineResult.NO_ANSWER, "q850:0"), (LineResult.SWITCHED_OFF, "q850:20"), (LineResult.NO_ANSWER, "q850:16"),
    ]  # fmt: skip
    assert (telephone.dialled("c0"), telephone.dialled("c1")) == (False, True)
    with pytest.raises(OutOfReach):
        telephone.line("unknown")
    assert Softphone(Exchange(double.url, "desk", "secret", "outgoing")).line("c2") is None  # its dial plan tells nothing


def test_an_exchange_beyond_this_machine_is_spoken_to_in_secret() -> None:
    with pytest.raises(ValueError, match="https"):
        Exchange("http://exchange.example/ari", "desk", "secret", "outgoing")
