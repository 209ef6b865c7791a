"""SMTP as a transport: one session with one mail server, kept open, one message after the other.

Knows STARTTLS, login, and how far a conversation has come. Until the server has been told to take the text (DATA and its
end), a broken line proves that nothing left, and the message is tried once more on a new line; after that, nobody knows, and
it is never sent again. Domains that want to be written to slowly wait their turn while others are served.
"""

from __future__ import annotations

import logging
import re
import smtplib
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from anhuan.channels.email import composing
from anhuan.channels.email.bounces import Bounce, Kind, of_reply
from anhuan.channels.email.envelope import TooLong
from anhuan.channels.email.server import Server
from anhuan.channels.transport import Delivery, Message, Receipt, Session, Transport
from anhuan.core.gate import Permit
from anhuan.core.vocabulary import Channel

logger = logging.getLogger(__name__)

_BROKEN = (smtplib.SMTPException, OSError)
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)
_FULL = re.compile(r"\bfull\b|quota|[45]\.2\.2\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Mail:
    """One message on its way."""

    attempt: str
    to: str
    domain: str
    permit: Permit
    message: Message


class _Refused(Exception):
    """The server said no before it took anything."""

    def __init__(self, code: int, text: bytes) -> None:
        super().__init__(code)
        self.code, self.text = code, text.decode("utf-8", "replace")


class _LineBroke(Exception):
    """The line broke before the text was handed over: nothing left."""


class Smtp(Transport):
    """One session with a submission server or a relay of one's own."""

    channels: ClassVar = frozenset({Channel.EMAIL})

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server
        self._line: smtplib.SMTP | None = None
        self._code = ""
        self._try_at = 0.0
        self._next: dict[str, float] = defaultdict(float)  # by domain, the earliest instant for its next message

    # --- the session -----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._try_at = 0.0
        self._connected()

    def _close(self) -> None:
        self._hang_up(politely=True)

    def _trouble(self) -> str:
        return self._code

    def _connected(self) -> smtplib.SMTP | None:
        """The line, connected anew where needed; None while the server is out of reach, which is not asked again at once."""
        if self._line is None and time.monotonic() >= self._try_at:
            line = None
            try:
                line = self._new_line()
                self._greet(line)
                self._line, self._session, self._code = line, Session.OPEN, ""
            except _BROKEN as reason:
                if line is not None:
                    line.close()
                self._session, self._code = Session.BROKEN, _code_of(reason)
                self._try_at = time.monotonic() + self._server.reconnect_after
                logger.warning("the line to the server is down: %s", self._code)
        return self._line

    def _new_line(self) -> smtplib.SMTP:
        server, within = self._server, self._server.connect_within
        name = server.helo or None
        if server.security == "tls":
            return smtplib.SMTP_SSL(server.host, server.port, name, timeout=within, context=server.context())
        return smtplib.SMTP(server.host, server.port, name, timeout=within)

    def _greet(self, line: smtplib.SMTP) -> None:
        if self._server.security == "starttls":
            line.starttls(context=self._server.context())  # raises where the server does not offer it: never in clear
        line.ehlo_or_helo_if_needed()
        if self._server.user and "PLAIN" in line.esmtp_features.get("auth", "").upper().split():
            # A wrong password is wrong at once, and not tried in every form the server offers.
            line.user, line.password = self._server.user, self._server.password
            line.auth("PLAIN", line.auth_plain)
        elif self._server.user:
            line.login(self._server.user, self._server.password)

    def _hang_up(self, *, politely: bool = False) -> None:
        line, self._line = self._line, None
        if line is None:
            return
        try:
            if politely:
                line.quit()
        except _BROKEN:
            pass
        finally:
            line.close()

    # --- handing over ----------------------------------------------------------------------------------------------

    def _hand_over(self, batch: Mapping[str, tuple[Permit, Message]]) -> Iterator[Receipt]:
        waiting: dict[str, deque[_Mail]] = {}
        for attempt, (permit, message) in batch.items():
            found = composing.address(message.to)
            if found is None:
                yield Receipt(attempt, Delivery.FAILED, "bad_address", permanent=True, nothing_left=True)
            elif not message.text:
                yield Receipt(attempt, Delivery.FAILED, "no_text", permanent=True, nothing_left=True)
            else:
                waiting.setdefault(found[1], deque()).append(_Mail(attempt, *found, permit, message))
        while waiting:
            domain = min(waiting, key=self._next.__getitem__)
            self._wait_for(domain)
            mail = waiting[domain].popleft()
            if not waiting[domain]:
                del waiting[domain]
            yield self._carry(mail)

    def _wait_for(self, domain: str) -> None:
        """Wait until a domain may be written to, and note when it may be again. Nobody waits for a server out of reach."""
        ahead = self._next[domain] - time.monotonic()
        if ahead > 0 and self._line is not None:
            time.sleep(ahead)
        self._next[domain] = max(time.monotonic(), self._next[domain]) + self._server.pause(domain)

    def _carry(self, mail: _Mail) -> Receipt:
        try:
            raw = composing.compose(mail.message, mail.to, attempt=mail.attempt, server=self._server, at=mail.permit.at)
        except TooLong:
            return Receipt(mail.attempt, Delivery.FAILED, "attempt_id_too_long", permanent=True, nothing_left=True)
        for _ in range(2):  # a line that was left open too long is found broken only now
            line = self._connected()
            if line is None:
                break
            try:
                return self._converse(line, mail, raw)
            except _LineBroke as broke:
                self._code = _code_of(broke.__cause__ or broke)
                self._hang_up()
        return Receipt(mail.attempt, Delivery.FAILED, self._code or "not_connected", nothing_left=True)

    def _converse(self, line: smtplib.SMTP, mail: _Mail, raw: bytes) -> Receipt:
        """One message over an open line. _LineBroke while it is certain that nothing left."""
        try:
            self._announce(line, mail, len(raw))
        except _Refused as refused:
            self._start_afresh(line, refused.code)
            return _refusal(mail, refused)
        except _BROKEN as reason:
            raise _LineBroke from reason
        reference = composing.message_id(self._server, mail.attempt)
        try:
            self._wait_at_most(line, self._server.final_within)
            line.send(_LEADING_DOT.sub(b"..", raw) + b".\r\n")
            code, text = line.getreply()
        except _BROKEN as reason:
            self._hang_up()
            return Receipt(mail.attempt, Delivery.UNKNOWN, _code_of(reason), references=(reference,))
        if code // 100 == 2:
            said = text.decode("utf-8", "replace")
            return Receipt(mail.attempt, Delivery.TAKEN, _spelt(code, said), references=(reference,))
        self._start_afresh(line, code)
        return _refusal(mail, _Refused(code, text))

    def _announce(self, line: smtplib.SMTP, mail: _Mail, size: int) -> None:
        """From, to, and that the text comes now."""
        self._wait_at_most(line, self._server.answer_within)
        options = [f"SIZE={size}"] if line.has_extn("size") else []
        for code, text in self._steps(line, mail, options):
            if code // 100 not in {2, 3}:
                raise _Refused(code, text)

    def _steps(self, line: smtplib.SMTP, mail: _Mail, options: list[str]) -> Iterator[tuple[int, bytes]]:
        yield line.mail(self._server.envelope.sender(mail.attempt), options)
        yield line.rcpt(mail.to)
        yield line.docmd("DATA")

    def _start_afresh(self, line: smtplib.SMTP, code: int) -> None:
        """After a refusal the line is used for the next message, unless the server said that it hangs up."""
        if code == 421:
            self._hang_up()
            return
        try:
            line.rset()
        except _BROKEN:
            self._hang_up()

    @staticmethod
    def _wait_at_most(line: smtplib.SMTP, seconds: float) -> None:
        if line.sock is not None:
            line.sock.settimeout(seconds)


# --- what a server says -----------------------------------------------------------------------------------------------


def _refusal(mail: _Mail, refused: _Refused) -> Receipt:
    """A refusal as a receipt: for good, or for now. A code that begins with 5.1 or `bad_address` puts it down to the address."""
    judged = of_reply(mail.to, f"{refused.code} {refused.text}")
    hard = judged.kind is Kind.HARD and refused.code >= 500
    permanent = hard or (refused.code >= 500 and not _FULL.search(refused.text))
    return Receipt(
        mail.attempt, Delivery.FAILED, _blamed(judged, refused, hard=hard), permanent=permanent, nothing_left=True
    )  # fmt: skip


def _blamed(judged: Bounce, refused: _Refused, *, hard: bool) -> str:
    spelt = _spelt(refused.code, refused.text)
    at_address = judged.status is not None and judged.status.startswith("5.1.")
    if hard:
        return spelt if at_address else f"bad_address:{spelt}"
    return f"{refused.code}:{judged.status}" if at_address else spelt


def _spelt(code: int, text: str) -> str:
    """The server's codes, the enhanced one (RFC 3463) first where there is one: `5.1.1:550`."""
    found = re.search(r"\b([245]\.\d{1,3}\.\d{1,3})\b", text)
    return f"{found[1]}:{code}" if found else str(code)


def _code_of(reason: BaseException) -> str:
    """Why a line broke, in a word."""
    if isinstance(reason, smtplib.SMTPResponseException):
        return f"smtp_{reason.smtp_code}" if reason.smtp_code > 0 else "smtp_error"
    if isinstance(reason, smtplib.SMTPNotSupportedError):
        return "starttls_or_login_not_offered"
    if isinstance(reason, smtplib.SMTPServerDisconnected):
        return "line_broken"
    if isinstance(reason, TimeoutError):
        return "no_answer"
    return re.sub(r"(?<!^)(?=[A-Z][a-z])", "_", type(reason).__name__).lower()
