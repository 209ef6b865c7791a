"""SMPP 3.4 as a transport: one bind to one message centre (SMSC), kept up by a thread of its own, through `smpplib`.

Knows windows, pace, links that break, receipts and messages from phones. What was submitted on a link that broke before it
was answered is unknown, and is not submitted again; what was still waiting is proven to have stayed. A message centre that
says "throttled" has not taken the part: that part alone is submitted again, slower.
"""

from __future__ import annotations

import logging
import re
import select
import socket
import struct
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import count
from queue import SimpleQueue
from random import SystemRandom
from ssl import SSLError
from threading import Event, Thread
from typing import Any, ClassVar
from uuid import uuid4

from smpplib import exceptions, smpp
from smpplib.client import Client

from anhuan.channels.sms import receipts, text
from anhuan.channels.sms.jobs import Job, Piece
from anhuan.channels.sms.receipts import Told
from anhuan.channels.sms.route import Route
from anhuan.channels.transport import Asked, Delivery, Fragment, Inbound, Message, Receipt, Session, Transport
from anhuan.core.gate import Permit
from anhuan.core.vocabulary import Channel

logger = logging.getLogger(__name__)
# The library writes whole messages into its log.
logging.getLogger("anhuan.smpp.wire").setLevel(logging.CRITICAL)

_ADDRESS = re.compile(r"\+?[0-9]{3,20}")
_THROTTLED = {0x14, 0x58}
_TRIES = 5
_PAUSE = 1.0
"""Seconds without a submission after a message centre said that it is throttled."""
# Command statuses that the same message would meet again: lengths, addresses, coding, options (SMPP 3.4, 5.1.3).
_PERMANENT = {0x01, 0x0A, 0x0B, 0x0C, 0x15, 0x33, 0x34, 0x40, 0x42, 0x43, 0x44, 0x48, 0x49, 0x50, 0x51, 0x54, 0x61, 0x62, 0xC4}
_NOT_NOW = 0x64  # ESME_RX_T_APPN: the message centre keeps the message and tries again
_RECEIPT, _INTERMEDIATE, _HEADER = 0x04, 0x20, 0x40  # of esm_class
_UNDER_WAY = {1, 6}  # message states: en route, accepted
_REMEMBERED = 200_000
_QUESTIONS = 10
"""How many questions wait for their answer at once; messages go before them."""
_BROKEN = (exceptions.ConnectionError, exceptions.PDUError, exceptions.UnknownCommandError, OSError, struct.error)


class _Wire(Client):  # type: ignore[misc]
    """The library's client, over IPv6 and over TLS with the name checked as well."""

    def _create_socket(self) -> socket.socket:
        family = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0][0]
        raw = socket.socket(family, socket.SOCK_STREAM)
        raw.settimeout(self.timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._ssl_context.wrap_socket(raw, server_hostname=self.host) if self._ssl_context else raw

    def readable(self, wake: socket.socket, within: float) -> bool:
        """Whether something can be read, waited for so many seconds, or until somebody wakes us."""
        if getattr(self._socket, "pending", int)():
            return True
        ready, _, _ = select.select([self._socket, wake], [], [], within)
        if wake in ready:
            wake.recv(4096)
        return self._socket in ready

    def answer(self, pdu: Any, status: int = 0) -> None:
        response = smpp.make_pdu(f"{pdu.command}_resp", client=self, status=status)
        response.sequence = pdu.sequence  # given as an argument it would be ignored
        self.send_pdu(response)


class Smpp(Transport):
    """One bound session. Several make several binds, each with its share of the window and the pace."""

    channels: ClassVar = frozenset({Channel.SMS})
    asks: ClassVar = True

    def __init__(self, route: Route) -> None:
        super().__init__()
        self._route, self.window = route, route.window
        self._context, self._zone = route.context, route.receipts_zone
        self._queue: deque[Job] = deque()
        self._open_pieces: OrderedDict[int, Piece] = OrderedDict()  # by sequence number, oldest first
        self._late: dict[int, Piece] = {}  # given up waiting for; the answer may still come
        self._known: OrderedDict[str, Job] = OrderedDict()  # by message id, for receipts
        self._numbered: OrderedDict[tuple[int, str], Job] = OrderedDict()  # by our number and address, for what is unknown
        self._unmatched: OrderedDict[tuple[int, str], list[Told]] = OrderedDict()  # receipts of what nobody asked about yet
        self._asked: deque[Asked] = deque()
        self._questions: deque[tuple[Job, str]] = deque()  # a message, and the id of one of its parts
        self._open_questions: OrderedDict[int, tuple[Job, str, float]] = OrderedDict()  # by sequence number, with when
        self._early: dict[str, tuple[float, Told]] = {}  # receipts that overtook the answer, by message id
        self._latest: OrderedDict[str, str] = OrderedDict()  # by address, for replies
        self._numbers = count(SystemRandom().randrange(0x100))
        self._stopping, self._tried = Event(), Event()
        self._thread: Thread | None = None
        self._code = ""
        self._next_at = 0.0
        self._heard_at = self._asked_at = 0.0
        self._waker, self._wake = socket.socketpair()
        self._wake.setblocking(False)  # noqa: FBT003

    def _open(self) -> None:
        self._session = Session.BROKEN
        self._stopping.clear()
        self._tried.clear()
        self._thread = Thread(target=self._run, name="smpp", daemon=True)
        self._thread.start()
        self._tried.wait()

    def _close(self) -> None:
        self._stopping.set()
        self._rouse()
        if self._thread is not None:
            self._thread.join()

    def _trouble(self) -> str:
        return self._code

    # --- handing over --------------------------------------------------------------------------------------------

    def _hand_over(self, batch: Mapping[str, tuple[Permit, Message]]) -> Iterator[Receipt]:
        answers: SimpleQueue[Receipt] = SimpleQueue()
        for attempt, (_, message) in batch.items():
            job = self._job(attempt, message, answers)
            if isinstance(job, Receipt):
                answers.put(job)
                continue
            with self._guard:
                if self._session is Session.OPEN:
                    self._queue.append(job)
                    continue
            job.refused = "not_connected"
            self._settle(job)
        self._rouse()
        for _ in batch:
            yield answers.get()

    def _job(self, attempt: str, message: Message, answers: SimpleQueue[Receipt]) -> Job | Receipt:
        """The message as parts, or why it cannot be one."""
        if not _ADDRESS.fullmatch(message.to):
            return Receipt(attempt, Delivery.FAILED, "bad_address", permanent=True, nothing_left=True)
        if not message.text:
            return Receipt(attempt, Delivery.FAILED, "no_text", permanent=True, nothing_left=True)
        try:
            coding, parts = text.encode(message.text, next(self._numbers) & 0xFF)
        except text.TooLong:
            return Receipt(attempt, Delivery.FAILED, "too_long", permanent=True, nothing_left=True)
        return Job(attempt, message.to, coding, deque(parts), answers, number=_number(attempt))

    def _settle(self, job: Job) -> None:
        """Give the job's receipt once there is one to give."""
        receipt = job.receipt()
        if receipt is not None:
            job.answers.put(receipt)

    # --- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        pause = self._route.reconnect_after
        while not self._stopping.is_set():
            wire = _Wire(
                self._route.host, self._route.port, timeout=self._route.connect_within, ssl_context=self._context,
                logger_name="anhuan.smpp.wire", allow_unknown_opt_params=True,
            )  # fmt: skip
            try:
                self._bind(wire)
                pause = self._route.reconnect_after
                self._converse(wire)
            except _BROKEN as reason:
                self._code = _code_of(reason)
                logger.warning("the line to the message centre is down: %s; next try in %.1f s", self._code, pause)
            except Exception:
                self._code = "bug"
                logger.exception("the line to the message centre is down by a mistake of ours")
            finally:
                self._give_up()
                wire.disconnect()
                self._tried.set()
            if self._stopping.wait(0 if self._stopping.is_set() else pause * SystemRandom().uniform(0.8, 1.2)):
                return
            pause = min(pause * 2, self._route.reconnect_at_most)

    def _bind(self, wire: _Wire) -> None:
        wire.connect()
        wire.bind_transceiver(
            system_id=self._route.system_id, password=self._route.password, system_type=self._route.system_type
        )
        self._code = ""
        self._heard_at = time.monotonic()
        self._asked_at = 0.0
        with self._guard:
            self._session = Session.OPEN
        self._tried.set()

    def _converse(self, wire: _Wire) -> None:
        """Submit, read and keep the link alive, until it breaks or everything under way is answered after `close`."""
        while True:
            now = time.monotonic()
            waits = self._submit(wire, now)
            self._question(wire, now)
            self._expire(now)
            if self._stopping.is_set() and not self._queue and not self._open_pieces:
                wire.unbind()
                return
            self._enquire(wire, now)
            within = min(waits, 1.0)
            for _ in range(self.window):
                if not wire.readable(self._wake, within):
                    break
                self._read(wire)
                within = 0.0

    def _give_up(self) -> None:
        """The link is gone: what was submitted and not answered is unknown, what was not has stayed."""
        with self._guard:
            self._session = Session.BROKEN
            queued = list(self._queue)
            self._queue.clear()
        pieces = list(self._open_pieces.values())
        self._open_pieces.clear()
        self._late.clear()
        self._open_questions.clear()
        for piece in pieces:
            self._lose(piece)
        for job in queued:
            if not job.lost:
                job.refused = job.refused or "line_down"
            self._settle(job)

    def _lose(self, piece: Piece) -> None:
        piece.job.open -= 1
        piece.job.lost = True
        self._settle(piece.job)

    def _rouse(self) -> None:
        self._waker.send(b".")

    # --- submitting ----------------------------------------------------------------------------------------------

    def _submit(self, wire: _Wire, now: float) -> float:
        """Submit what window and pace allow; seconds until more is allowed by the pace."""
        while self._queue and len(self._open_pieces) < self.window:
            if now < self._next_at:
                return self._next_at - now
            job = self._queue[0]
            if job.refused or job.lost or not job.unsent:
                self._queue.popleft()
                self._settle(job)
                continue
            data = job.unsent[0]
            pdu = smpp.make_pdu("submit_sm", client=wire, **self._fields(job, data))
            job.unsent.popleft()
            job.open += 1
            _keep(self._numbered, (job.number, job.to.lstrip("+")), job)
            self._open_pieces[pdu.sequence] = Piece(job, data, now)  # before it is sent: a send that breaks off is unknown
            wire.send_pdu(pdu)
            if not job.unsent:
                self._queue.popleft()
            if self._route.per_second:
                self._next_at = now + 1 / self._route.per_second
                now = time.monotonic()
        return 1.0

    def _fields(self, job: Job, data: bytes) -> dict[str, Any]:
        ton, npi, source = self._route.sender
        return {
            "service_type": self._route.service_type, "source_addr_ton": ton, "source_addr_npi": npi, "source_addr": source,
            "dest_addr_ton": 1 if job.to.startswith("+") else 0, "dest_addr_npi": 1, "destination_addr": job.to.lstrip("+"),
            "esm_class": _HEADER if job.total > 1 else 0, "registered_delivery": 1, "data_coding": job.coding,
            "validity_period": self._route.validity, "short_message": data, "user_message_reference": job.number,
        }  # fmt: skip

    def _expire(self, now: float) -> None:
        """Wait no longer for what was submitted or asked too long ago."""
        while self._open_pieces:
            sequence, piece = next(iter(self._open_pieces.items()))
            if now - piece.sent_at < self._route.answer_within:
                break
            del self._open_pieces[sequence]
            self._late[sequence] = piece
            self._lose(piece)
        for reference, (since, told) in list(self._early.items()):
            if now - since > self._route.answer_within:
                self._tell_of(None, told, reference)
                del self._early[reference]
        for sequence, (_, _, since) in list(self._open_questions.items()):
            if now - since > self._route.answer_within:
                del self._open_questions[sequence]

    def _enquire(self, wire: _Wire, now: float) -> None:
        """Ask whether the other side is there when it has been quiet; no word in time: the link is dead."""
        if self._asked_at and now - self._asked_at > self._route.answer_within:
            raise exceptions.ConnectionError("enquire_link was not answered")
        if not self._asked_at and now - self._heard_at > self._route.enquire_every:
            wire.send_pdu(smpp.make_pdu("enquire_link", client=wire))
            self._asked_at = now

    # --- asking --------------------------------------------------------------------------------------------------

    def _ask(self, asked: list[Asked]) -> None:
        with self._guard:
            self._asked.extend(asked)
        self._rouse()

    def _question(self, wire: _Wire, now: float) -> None:
        """Know what is asked about, so that receipts find it, and ask by `query_sm` for the parts that have ids."""
        with self._guard:
            asked = list(self._asked)
            self._asked.clear()
        for each in asked:
            self._learn(each)
        while self._questions and not self._queue and len(self._open_questions) < _QUESTIONS:
            job, reference = self._questions.popleft()
            ton, npi, source = self._route.sender
            pdu = smpp.make_pdu(
                "query_sm", client=wire, message_id=reference, source_addr_ton=ton, source_addr_npi=npi, source_addr=source
            )
            self._open_questions[pdu.sequence] = (job, reference, now)
            wire.send_pdu(pdu)

    def _learn(self, asked: Asked) -> None:
        known = [self._known.get(receipts.key(reference)) for reference in asked.references]
        job = next(filter(None, known), None) or Job.of_old(asked, _number(asked.attempt_id))
        place = (job.number, job.to.lstrip("+"))
        _keep(self._numbered, place, job)
        for reference in asked.references:
            _keep(self._known, receipts.key(reference), job)
            self._questions.append((job, reference))
        for told in self._unmatched.pop(place, []):
            self._tell_of(job, told, receipts.key(told.reference, self._route.receipts_spell_ids))

    def _told_state(self, pdu: Any) -> None:
        """The answer to a question: final words are receipts; a part that is on its way was taken. Everything else says nothing."""
        job, reference, _ = self._open_questions.pop(pdu.sequence, (None, "", 0.0))
        state = getattr(pdu, "message_state", None)
        if job is None or pdu.status or state is None:
            return
        told = receipts.read("", reference=reference, state=state)
        if told is not None:
            self._tell_of(job, told, receipts.key(reference))
        elif state in _UNDER_WAY and job.lost and job.total == 1:
            self._tell(Receipt(job.attempt_id, Delivery.TAKEN, "smpp:on_its_way", references=(reference,)))

    # --- reading -------------------------------------------------------------------------------------------------

    def _read(self, wire: _Wire) -> None:
        pdu = wire.read_pdu()
        self._heard_at, self._asked_at = time.monotonic(), 0.0
        if pdu.command in {"submit_sm_resp", "generic_nack"}:
            self._open_questions.pop(pdu.sequence, None)
            self._answered(pdu)
        elif pdu.command == "query_sm_resp":
            self._told_state(pdu)
        elif pdu.command == "deliver_sm":
            wire.answer(pdu, self._delivered(pdu))
        elif pdu.command in {"enquire_link", "unbind"}:
            wire.answer(pdu)
            if pdu.command == "unbind":
                raise exceptions.ConnectionError("the message centre ended the session")

    def _answered(self, pdu: Any) -> None:
        late = self._late.pop(pdu.sequence, None)
        piece = late or self._open_pieces.pop(pdu.sequence, None)
        if piece is None:
            return
        job = piece.job
        overtook: list[tuple[float, Told] | None] = []
        if not late:
            job.open -= 1
        if pdu.status == 0:
            reference = _plain(pdu.message_id)
            job.references.append(reference)
            _keep(self._known, receipts.key(reference), job)
            _keep(self._latest, job.to, job.attempt_id)
            if late:
                self._tell(Receipt(job.attempt_id, Delivery.TAKEN, "late", references=(reference,), parts=job.total))
            overtook.append(self._early.pop(receipts.key(reference), None))
        elif not late and pdu.status in _THROTTLED and job.tries < _TRIES:
            job.tries += 1
            job.unsent.appendleft(piece.data)
            self._next_at = time.monotonic() + _PAUSE
            if job not in self._queue:
                self._queue.appendleft(job)
        else:
            job.refused, job.permanent = f"smpp:{pdu.status:02x}", pdu.status in _PERMANENT
        self._settle(job)
        for told in filter(None, overtook):
            self._tell_of(job, told[1], receipts.key(told[1].reference, self._route.receipts_spell_ids))

    def _delivered(self, pdu: Any) -> int:
        """A receipt, or a message from a phone; the status to answer with."""
        data = getattr(pdu, "message_payload", None) or pdu.short_message or b""
        try:
            if pdu.esm_class & _RECEIPT:
                self._receipt(pdu, data.decode("latin-1"))
            elif not pdu.esm_class & _INTERMEDIATE:
                self._message(pdu, data)
        except Exception:
            logger.exception("what the message centre brought was not taken; it is asked to bring it again")
            return _NOT_NOW
        return 0

    def _receipt(self, pdu: Any, written: str) -> None:
        told = receipts.read(
            written, reference=_plain(getattr(pdu, "receipted_message_id", None)), state=getattr(pdu, "message_state", None),
            zone=self._zone,
        )  # fmt: skip
        if told is None:
            return
        reference = receipts.key(told.reference, self._route.receipts_spell_ids)
        job = self._known.get(reference) or self._numbered_job(pdu)
        if job is None and self._open_pieces:
            self._early[reference] = (time.monotonic(), told)
            return
        if job is None and (number := getattr(pdu, "user_message_reference", None)):
            place = (number, _plain(pdu.source_addr).lstrip("+"))
            _keep(self._unmatched, place, [*self._unmatched.get(place, []), told])
        self._tell_of(job, told, reference)

    def _numbered_job(self, pdu: Any) -> Job | None:
        """The message of which a receipt repeats our number, if it went to the same address and nobody knows what became of it."""
        number = getattr(pdu, "user_message_reference", None)
        job = self._numbered.get((number or 0, _plain(pdu.source_addr).lstrip("+")))
        return job if job is not None and job.lost else None

    def _tell_of(self, job: Job | None, told: Told, part: str) -> None:
        """Pass a receipt on; of several parts, the last that arrived speaks for the whole. `part`: its id as ids are compared."""
        if job is not None and told.delivery is Delivery.DELIVERED:
            job.arrived.add(part)
            if len(job.arrived) < job.total:
                return
        self._tell(
            Receipt(
                job.attempt_id if job else "", told.delivery, told.code, permanent=told.permanent, references=(told.reference,),
                parts=job.total if job else 1, at=told.at,
            )
        )  # fmt: skip

    def _message(self, pdu: Any, data: bytes) -> None:
        sender, to = _plain(pdu.source_addr), _plain(pdu.destination_addr)
        sender = f"+{sender}" if pdu.source_addr_ton == 1 and not sender.startswith("+") else sender
        part = text.part_of(data) if pdu.esm_class & _HEADER else None
        if part is None and getattr(pdu, "sar_total_segments", None):
            part = text.Part(pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum, data)
        said = text.decode(part.data if part else data, pdu.data_coding or 0)
        fragment = Fragment(part.reference, part.number, part.total) if part and part.total > 1 else None
        answers = self._latest.get(sender) or self._latest.get(sender.lstrip("+")) or self._latest.get(f"+{sender}", "")
        self._hear(Inbound(uuid4().hex, Channel.SMS, sender, to, said, answers=answers, fragment=fragment))


def _number(attempt: str) -> int:
    """Our own number for an attempt (SMPP's user_message_reference), the same in every session: never 0."""
    return int.from_bytes(sha256(attempt.encode()).digest()[:2], "big") or 1


def _plain(written: bytes | str | None) -> str:
    return written.decode("latin-1") if isinstance(written, bytes) else written or ""


def _keep(kept: OrderedDict[Any, Any], name: object, what: object) -> None:
    kept[name] = what
    while len(kept) > _REMEMBERED:
        kept.popitem(last=False)


def _code_of(reason: BaseException) -> str:
    """Why the line is down, as a code."""
    if isinstance(reason, exceptions.PDUError) and len(reason.args) > 1:
        return f"smpp:{reason.args[1]:02x}"
    # The library raises an error of its own in place of the socket's.
    return "tls" if isinstance(reason.__context__ or reason, SSLError) else "no_connection"
