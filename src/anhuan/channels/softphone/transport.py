"""A collector's telephone as a transport: one ARI request lets the exchange ring her extension, and then dial the number.

Knows what an answer proves: until the exchange took the request nothing left, and a refusal took nothing; an answer that does not come
leaves it unknown. The customer's telephone rings only after the collector has picked up, by the dial plan of the exchange.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ssl import create_default_context
from urllib.parse import urlencode, urlsplit

from anhuan.channels.transport import Delivery, Message, Receipt, Transport
from anhuan.core.gate import Permit
from anhuan.core.vocabulary import Channel

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_NUMBER = re.compile(r"\+?[1-9]\d{4,14}")
_EXTENSION = re.compile(r"[\w-]{2,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Where the exchange is. `endpoint` holds `{extension}`, as in PJSIP/{extension}; `context` is the dial plan that dials out and
    records; `answer_within` seconds it may take to answer us.
    """

    url: str
    user: str
    password: str = field(repr=False)
    context: str
    endpoint: str = "PJSIP/{extension}"
    caller: str = ""
    ring_for: int = 30
    answer_within: float = 5

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError("url 应以 https:// 开头 / url begins with https://")
        if self.endpoint.count("{extension}") != 1 or not self.context:
            raise ValueError(
                "endpoint 应恰有一处 {extension}，且须有 context / endpoint holds {extension} once, and a context is named"
            )


class Softphone(Transport):
    """Rings extensions over one exchange. A message's `details` name the `extension`; its `to` is the number to dial then."""

    channels = frozenset({Channel.CALL})

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self._exchange = exchange

    def _hand_over(self, batch: Mapping[str, tuple[Permit, Message]]) -> Iterator[Receipt]:
        for attempt, (_, message) in batch.items():
            yield self._ring(attempt, re.sub(r"[ ()-]", "", message.to), message.details.get("extension", ""))

    def _ring(self, attempt: str, number: str, extension: str) -> Receipt:
        if not _NUMBER.fullmatch(number) or not _EXTENSION.fullmatch(extension):
            return Receipt(attempt, Delivery.FAILED, "bad_address", permanent=True, nothing_left=True)
        asked = self._exchange
        told = {
            "endpoint": asked.endpoint.replace("{extension}", extension), "extension": number.removeprefix("+"),
            "context": asked.context, "priority": "1", "callerId": asked.caller, "timeout": str(asked.ring_for),
        }  # fmt: skip
        connection = self._connection()
        try:
            connection.connect()
        except OSError:
            return Receipt(attempt, Delivery.FAILED, "no_connection", nothing_left=True)
        try:
            password = b64encode(f"{asked.user}:{asked.password}".encode()).decode()
            path = f"{urlsplit(asked.url).path.rstrip('/')}/channels?{urlencode(told)}"
            connection.request("POST", path, headers={"Authorization": f"Basic {password}", "Content-Length": "0"})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, HTTPException):
            return Receipt(attempt, Delivery.UNKNOWN, "no_answer")
        finally:
            connection.close()
        if 200 <= answer.status < 300:
            return Receipt(attempt, Delivery.TAKEN, "rung", references=_reference(body))
        if 400 <= answer.status < 500:
            return Receipt(attempt, Delivery.FAILED, f"http:{answer.status}", nothing_left=True)
        return Receipt(attempt, Delivery.UNKNOWN, f"http:{answer.status}")

    def _connection(self) -> HTTPConnection:
        parts = urlsplit(self._exchange.url)
        host, wait = parts.hostname or "", self._exchange.answer_within
        if parts.scheme == "https":
            return HTTPSConnection(host, parts.port, timeout=wait, context=create_default_context())
        return HTTPConnection(host, parts.port, timeout=wait)


def _reference(body: bytes) -> tuple[str, ...]:
    """The exchange's name of the call it began."""
    try:
        return (str(json.loads(body)["id"])[:100],)
    except (ValueError, KeyError, TypeError):
        return ()
