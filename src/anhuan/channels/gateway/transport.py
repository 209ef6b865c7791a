"""An HTTP gateway as a transport: one signed POST for a batch, an answer for each message, callbacks for what comes later, and a
signed GET for what nobody has told.

Knows what an HTTP answer proves: before the request was written nothing left; a refusal (4xx) took nothing; anything else that
is no answer to the batch, a 5xx or a broken connection, leaves every message of it unknown. Redirects are not followed, for a
permit opens one door. The contract stands in `docs/channels/sms.md`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ssl import create_default_context
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from anhuan.channels.gateway.signing import signed_headers
from anhuan.channels.transport import Asked, Delivery, Inbound, Message, Receipt, Transport
from anhuan.core.gate import Permit
from anhuan.core.vocabulary import Channel

_REFUSED_FOR_NOW = {408, 425, 429}
_CODE = re.compile(r"[A-Za-z0-9_:.]{1,60}")


@dataclass(frozen=True, slots=True)
class Account:
    """Where the gateway is and how we are known there. `url` must be https, but for a loopback address.

    `tls_authorities`: a file of certificates to trust instead of the system's.
    """

    url: str
    key_id: str
    secret: str = field(repr=False)
    sender: str = ""
    batch: int = 50
    answer_within: float = 30
    tls_authorities: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError("messages name people: the gateway's address must begin with https://")
        if parts.query or parts.fragment or not parts.hostname or self.batch < 1:
            raise ValueError("the gateway's address has neither query nor fragment, and a batch has at least one message")


class Gateway(Transport):
    """A session with one gateway, on one connection that is made anew when it broke."""

    channels = frozenset({Channel.SMS})
    asks: ClassVar = True

    def __init__(self, account: Account, *, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self._account, self._clock, self.window = account, clock, account.batch
        self._context = create_default_context(cafile=account.tls_authorities or None)
        self._code = ""

    def _trouble(self) -> str:
        return self._code

    def _hand_over(self, batch: Mapping[str, tuple[Permit, Message]]) -> Iterator[Receipt]:
        waiting = list(batch.items())
        while waiting:
            now, waiting = waiting[: self.window], waiting[self.window :]
            yield from self._post({attempt: message for attempt, (_, message) in now})

    def _post(self, messages: Mapping[str, Message]) -> Iterator[Receipt]:
        """One request; a receipt for each message, whatever the answer."""
        body = json.dumps(
            {"sender": self._account.sender, "messages": [_written(attempt, one) for attempt, one in messages.items()]},
            ensure_ascii=False,
        ).encode()
        answer = self._request("POST", "", body)
        if answer is None:
            self._code = "no_connection"
            yield from (Receipt(attempt, Delivery.FAILED, self._code, nothing_left=True) for attempt in messages)
            return
        status, told = answer
        self._code = "" if status == 200 else f"http:{status}"
        yield from _receipts(messages, status, told)

    def _ask(self, asked: list[Asked]) -> None:
        """What the gateway says of our references, as receipts. It not knowing one proves nothing: a request may still be on its way."""
        while asked:
            now, asked = asked[: self.window], asked[self.window :]
            answer = self._request("GET", "?" + urlencode([("reference", each.attempt_id) for each in now]))
            if answer is None or answer[0] != 200:
                return
            answers = _results(answer[1])
            for each in now:
                receipt = _said_of(each.attempt_id, answers.get(each.attempt_id, {}))
                if receipt is not None:
                    self._tell(receipt)

    def _request(self, method: str, query: str, body: bytes = b"") -> tuple[int, bytes] | None:
        """The answer to a signed request: its status, 0 where none came, and its body; None where nothing has left."""
        path = f"{urlsplit(self._account.url).path.rstrip('/')}/messages{query}"
        headers = signed_headers(
            method,
            path,
            body,
            key_id=self._account.key_id,
            secret=self._account.secret.encode(),
            at=self._clock(),
            nonce=uuid4().hex,
        )
        if body:
            headers["Content-Type"] = "application/json; charset=utf-8"
        connection = self._connection()
        try:
            connection.connect()
        except OSError:
            return None
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(10_000_000)
        except (OSError, HTTPException):
            return 0, b""
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        parts, within = urlsplit(self._account.url), self._account.answer_within
        host = str(parts.hostname)
        if parts.scheme == "https":
            return HTTPSConnection(host, parts.port, timeout=within, context=self._context)
        return HTTPConnection(host, parts.port, timeout=within)


def callback(name: str, body: bytes) -> list[Receipt | Inbound]:
    """What a verified callback tells; `name` is its id. Raises ValueError when it tells nothing that can be read.

    `{"receipts": [{"reference", "id", "status": "delivered"|"not_delivered", "code", "permanent", "at"}],
    "replies": [{"id", "from", "to", "text", "reference", "at"}]}`.
    """
    try:
        told = json.loads(body)
        receipts = [_later(one) for one in told.get("receipts", [])]
        replies = [
            Inbound(
                f"{name}:{one.get('id', number)}", Channel.SMS, str(one["from"]), str(one.get("to", "")), str(one["text"]),
                answers=str(one.get("reference") or ""), at=_instant(one.get("at")),
            )
            for number, one in enumerate(told.get("replies", []))
        ]  # fmt: skip
    except (AttributeError, KeyError, TypeError, ValueError) as reason:
        raise ValueError(f"the callback cannot be read: {type(reason).__name__}") from reason
    return [*receipts, *replies]


def _written(attempt: str, message: Message) -> dict[str, str]:
    return {"reference": attempt, "to": message.to, "text": message.text, "lang": message.lang}


def _receipts(messages: Mapping[str, Message], status: int, body: bytes) -> Iterator[Receipt]:
    if 400 <= status < 500:
        permanent = status not in _REFUSED_FOR_NOW
        for attempt in messages:
            yield Receipt(attempt, Delivery.FAILED, f"http:{status}", permanent=permanent, nothing_left=True)
        return
    answers = _results(body) if status == 200 else {}
    for attempt in messages:
        told = answers.get(attempt)
        if told is None:
            yield Receipt(attempt, Delivery.UNKNOWN, f"http:{status}" if status else "no_answer")
        else:
            yield _handed_over(attempt, told) or Receipt(attempt, Delivery.UNKNOWN, "answer_unreadable")


def _handed_over(attempt: str, told: Mapping[str, Any]) -> Receipt | None:
    """Whether the gateway took a message; None where it does not say."""
    if told.get("status") == "taken" and told.get("id"):
        return Receipt(attempt, Delivery.TAKEN, references=(str(told["id"]),), parts=_whole(told.get("parts")))
    if told.get("status") == "refused":
        return Receipt(attempt, Delivery.FAILED, _code(told), permanent=told.get("permanent") is True, nothing_left=True)
    return None


def _said_of(attempt: str, told: dict[str, Any]) -> Receipt | None:
    """The answer to a question about one message; None where it says nothing that can be read."""
    try:
        return _handed_over(attempt, told) or replace(_later(told), attempt_id=attempt)
    except (KeyError, TypeError, ValueError):
        return None


def _results(body: bytes) -> dict[str, dict[str, Any]]:
    """The answers by reference; none when they cannot be read."""
    try:
        return {one["reference"]: one for one in json.loads(body)["results"] if isinstance(one, dict)}
    except (ValueError, KeyError, TypeError):
        return {}


def _later(told: dict[str, Any]) -> Receipt:
    delivery = Delivery(told["status"])
    if delivery not in {Delivery.DELIVERED, Delivery.NOT_DELIVERED}:
        raise ValueError("a receipt is final")
    return Receipt(
        str(told.get("reference") or ""), delivery, _code(told), permanent=told.get("permanent") is True,
        references=(str(told["id"]),), at=_instant(told.get("at")),
    )  # fmt: skip


def _code(told: Mapping[str, Any]) -> str:
    code = str(told.get("code") or "gateway")
    return code if _CODE.fullmatch(code) else "gateway"


def _whole(number: object) -> int:
    return number if isinstance(number, int) and number > 0 else 1


def _instant(written: object) -> datetime | None:
    """An instant with an offset; None for anything else."""
    if not isinstance(written, str):
        return None
    instant = datetime.fromisoformat(written)
    return instant if instant.tzinfo else None
