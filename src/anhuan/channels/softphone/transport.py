"""A collector's telephone as a transport: one ARI request lets the exchange ring her extension, and then dial the number.

Knows what an answer proves: until the exchange took the request nothing left, and a refusal took nothing; an answer that does not come
leaves it unknown. The customer's telephone rings only after the collector has picked up, by the dial plan of the exchange. That plan writes
down how the line ended and records the talk; both lie at the exchange until somebody of ours fetches them, so that no process of ours need
live as long as a call.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from ssl import create_default_context
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from anhuan.channels.transport import Delivery, Message, Receipt, Transport
from anhuan.core.gate import Permit
from anhuan.core.vocabulary import Channel, LineResult

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_NUMBER = re.compile(r"\+?[1-9]\d{4,14}")
_EXTENSION = re.compile(r"[\w-]{2,20}", re.ASCII)
_CALL = re.compile(r"[0-9a-f-]{32,36}")
_SHORTEST_KEPT = 731
"""Days: recordings of collection are kept for two years (Credit Card Measures, Art. 68)."""
_WAV_HEADER = 44
RECORDED = "desk-"
"""How recordings of collectors' calls begin their names; the id of the call follows."""
DIALLING = "dialling"


@dataclass(frozen=True, slots=True)
class Exchange:
    """Where the exchange is. `endpoint` holds `{extension}`, as in PJSIP/{extension}; `context` is the dial plan that dials out and
    records; `answer_within` seconds it may take to answer us. `tells`: how the global variables begin in which the dial plan writes
    how lines ended, "" where it does not. `recordings`: where recorded calls are kept, for `keep_days`.
    """

    url: str
    user: str
    password: str = field(repr=False)
    context: str
    endpoint: str = "PJSIP/{extension}"
    caller: str = ""
    ring_for: int = 30
    answer_within: float = 5
    tells: str = ""
    recordings: Path | None = None
    keep_days: int = 1096

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError("url 应以 https:// 开头 / url begins with https://")
        if self.endpoint.count("{extension}") != 1 or not self.context:
            raise ValueError(
                "endpoint 应恰有一处 {extension}，且须有 context / endpoint holds {extension} once, and a context is named"
            )
        if not re.fullmatch(r"\w{0,40}", self.tells, re.ASCII) or self.keep_days < _SHORTEST_KEPT:
            raise ValueError(
                f"tells 为字母、数字或下划线，keep_days 至少为 {_SHORTEST_KEPT} / "
                f"tells is letters, digits and underscores, and keep_days at least {_SHORTEST_KEPT}"
            )


@dataclass(frozen=True, slots=True)
class Line:
    """How the line to the customer ended, as the exchange tells. `code` is its cause, `q850:17`; `talked` seconds, 0 where nobody took it."""

    line_result: LineResult
    code: str
    talked: int


class OutOfReach(Exception):
    """The exchange did not say; it may be asked again."""


_ENDED: Mapping[int, LineResult] = MappingProxyType(
    {
        1: LineResult.INVALID_NUMBER, 28: LineResult.INVALID_NUMBER, 22: LineResult.NOT_IN_SERVICE, 27: LineResult.NOT_IN_SERVICE,
        17: LineResult.BUSY, 20: LineResult.SWITCHED_OFF,
    }
)  # fmt: skip
"""By Q.850 cause, what a line came to that nobody took; whatever else rang out or was refused is no answer."""


class Softphone(Transport):
    """Rings extensions over one exchange. A message's `details` name the `extension` and our `call`; its `to` is dialled then."""

    channels = frozenset({Channel.CALL})

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self._exchange = exchange

    def _hand_over(self, batch: Mapping[str, tuple[Permit, Message]]) -> Iterator[Receipt]:
        for attempt, (_, message) in batch.items():
            number, told = re.sub(r"[ ()-]", "", message.to), message.details
            yield self._ring(attempt, number, told.get("extension", ""), told.get("call", ""))

    def _ring(self, attempt: str, number: str, extension: str, call: str) -> Receipt:
        unfit = not _NUMBER.fullmatch(number) or not _EXTENSION.fullmatch(extension) or (call and not _CALL.fullmatch(call))
        if unfit:
            return Receipt(attempt, Delivery.FAILED, "bad_address", permanent=True, nothing_left=True)
        asked = self._exchange
        told = {
            "endpoint": asked.endpoint.replace("{extension}", extension), "extension": number.removeprefix("+"),
            "context": asked.context, "priority": "1", "callerId": asked.caller, "timeout": str(asked.ring_for),
        }  # fmt: skip
        named = {"channelId": f"{RECORDED}{call}"} if call else {}  # the exchange takes one name once
        try:
            status, body = self._asked("POST", "channels", told | named, {"variables": {"ANHUAN_CALL": call}} if call else None)
        except _NotConnected:
            return Receipt(attempt, Delivery.FAILED, "no_connection", nothing_left=True)
        except OutOfReach:
            return Receipt(attempt, Delivery.UNKNOWN, "no_answer")
        if 200 <= status < 300:
            return Receipt(attempt, Delivery.TAKEN, "rung", references=_reference(body))
        if 400 <= status < 500:
            return Receipt(attempt, Delivery.FAILED, f"http:{status}", nothing_left=True)
        return Receipt(attempt, Delivery.UNKNOWN, f"http:{status}")

    # --- what the exchange tells afterwards -------------------------------------------------------------------------

    @property
    def tells(self) -> bool:
        """Whether the dial plan writes down how lines end."""
        return bool(self._exchange.tells)

    @property
    def kept(self) -> tuple[Path, int]:
        """Where recordings are kept, and for how many days."""
        if self._exchange.recordings is None:
            raise LookupError("a folder of recordings is named where there are any")
        return self._exchange.recordings, self._exchange.keep_days

    def line(self, call: str) -> Line | None:
        """How the line of a call ended; None while it has not, or where the dial plan never came to it. Raises OutOfReach."""
        dialled, _, rest = self._written(call).partition(":")
        cause, _, talked = rest.partition(":")
        if not dialled or dialled == DIALLING:
            return None
        number = int(cause) if cause.isdecimal() else 0
        if dialled == "ANSWER":
            return Line(LineResult.CONNECTED, f"q850:{number}", int(talked) if talked.isdecimal() else 0)
        return Line(
            _ENDED.get(number, LineResult.BUSY if dialled == "BUSY" and not number else LineResult.NO_ANSWER),
            f"q850:{number}",
            0,
        )

    def dialled(self, call: str) -> bool:
        """Whether the dial plan came to dial the customer. Raises OutOfReach."""
        return self._written(call) != ""

    def _written(self, call: str) -> str:
        """What the dial plan wrote down: nothing, that it dials, or `status:cause:seconds`."""
        if not self._exchange.tells:
            return ""
        status, body = self._asked("GET", "asterisk/variable", {"variable": f"{self._exchange.tells}_{call}"})
        if status not in {200, 404}:
            raise OutOfReach
        return _value(body) if status == 200 else ""

    def rings(self, call: str) -> bool:
        """Whether the exchange still has the collector's own line. Raises OutOfReach."""
        status, _ = self._asked("GET", f"channels/{RECORDED}{call}")
        if status not in {200, 404}:
            raise OutOfReach
        return status == 200

    def recorded(self) -> list[str]:
        """The calls whose recordings lie at the exchange. Raises OutOfReach."""
        status, body = self._asked("GET", "recordings/stored")
        if status != 200:
            raise OutOfReach
        names = [str(each.get("name", "")) for each in json.loads(body)]
        return [name.removeprefix(RECORDED) for name in names if name.startswith(RECORDED)]

    def recording(self, call: str) -> bytes:
        """The recording of a call that has ended, as a WAV file; b"" where nobody talked. Raises OutOfReach."""
        status, wav = self._asked("GET", f"recordings/stored/{RECORDED}{call}/file")
        if status != 200:
            raise OutOfReach
        return wav if len(wav) > _WAV_HEADER else b""

    def forget(self, call: str) -> None:
        """Delete what the exchange keeps of a call; again is as once. Raises OutOfReach."""
        told = {"variable": f"{self._exchange.tells}_{call}", "value": ""}
        for how, path, asked in (("POST", "asterisk/variable", told), ("DELETE", f"recordings/stored/{RECORDED}{call}", None)):
            status, _ = self._asked(how, path, asked)
            if status not in {200, 204, 404}:
                raise OutOfReach

    def _asked(self, how: str, path: str, told: Mapping[str, str] | None = None, body: Any = None) -> tuple[int, bytes]:
        """Status and body of an answer. Raises OutOfReach where none came, _NotConnected where nothing was asked."""
        connection = self._connection()
        try:
            connection.connect()
        except OSError:
            raise _NotConnected from None
        try:
            password = b64encode(f"{self._exchange.user}:{self._exchange.password}".encode()).decode()
            place = f"{urlsplit(self._exchange.url).path.rstrip('/')}/{quote(path)}" + (f"?{urlencode(told)}" if told else "")
            sent = b"" if body is None else json.dumps(body).encode()
            headers = {"Authorization": f"Basic {password}", "Content-Length": str(len(sent))}
            connection.request(how, place, sent or None, headers | ({"Content-Type": "application/json"} if sent else {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException):
            raise OutOfReach from None
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        parts = urlsplit(self._exchange.url)
        host, wait = parts.hostname or "", self._exchange.answer_within
        if parts.scheme == "https":
            return HTTPSConnection(host, parts.port, timeout=wait, context=create_default_context())
        return HTTPConnection(host, parts.port, timeout=wait)


class _NotConnected(OutOfReach):
    """There was no line to the exchange: it was asked nothing."""


def _reference(body: bytes) -> tuple[str, ...]:
    """The exchange's name of the call it began."""
    try:
        return (str(json.loads(body)["id"])[:100],)
    except (ValueError, KeyError, TypeError):
        return ()


def _value(body: bytes) -> str:
    try:
        return str(json.loads(body)["value"])
    except (ValueError, KeyError, TypeError):
        return ""
