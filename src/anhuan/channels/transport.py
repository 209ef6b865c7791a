"""The shape every transport shares: a permit and a message go in, receipts come out, replies come back.

Knows permits, and that one permit leaves once. Does not know any protocol; a channel's own `transport.py` fills in
`_open`, `_hand_over` and `_close`. Whatever goes wrong with the other side is a Receipt, never an exception; an exception is
a mistake of the caller, and then nothing of the batch has left.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from threading import Lock
from typing import ClassVar, Self

from anhuan.core.gate import Permit
from anhuan.core.vocabulary import Channel, LineResult, Outcome

REMEMBERED = 1_000_000
"""How many attempts a session remembers; the permit's own row in the records remembers for ever."""
_RECENT = 10.0
"""Seconds over which throughput is measured."""


class Delivery(StrEnum):
    """How far a message is known to have come. The last two may follow `taken` or `unknown`, days later."""

    FAILED = "failed"  # it was not taken; `permanent` and `nothing_left` say more
    UNKNOWN = "unknown"  # nobody can tell whether it was taken: it counts, and is never sent again blindly
    TAKEN = "taken"  # the next hand answers for it: gateway, mail server, print house, exchange
    DELIVERED = "delivered"
    NOT_DELIVERED = "not_delivered"  # taken, and given up later; `permanent` says whether the address is at fault


class Session(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    BROKEN = "broken"  # being connected again


@dataclass(frozen=True, slots=True)
class Message:
    """What is said to one address. `details` holds what only one channel knows, such as the address lines of a letter.

    Personal, so that its repr shows none of it.
    """

    to: str = field(repr=False)
    text: str = field(repr=False)
    lang: str = "zh"
    subject: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    details: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """What became of a call on the line, and what was said by keys: `meant` is their intent, or "".

    `recording` is the file it was recorded to, "" for none, `digest` its SHA-256, `keep_until` the day it is to be kept to.
    """

    line_result: LineResult
    outcome: Outcome | None = None
    pressed: tuple[str, ...] = ()
    meant: str = ""
    recording: str = ""
    digest: str = ""
    keep_until: date | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is known of one attempt now. Names no person, so that it may be logged.

    `attempt_id` is "" when a session learns of a message of an earlier one and knows only the other side's `references`
    (one per part). `code` is the other side's word in letters, digits and `_ : .`, as a proof is written. `nothing_left`:
    it is proven that no part was taken; only then may the seat be given back. `permanent`: the same again would fail again.
    `at`: when the other side says it happened. `call`: of a call that came to an end, what it came to.
    """

    attempt_id: str
    delivery: Delivery
    code: str = ""
    permanent: bool = False
    nothing_left: bool = False
    references: tuple[str, ...] = ()
    parts: int = 1
    at: datetime | None = None
    call: Call | None = None

    def __post_init__(self) -> None:
        if self.nothing_left and self.delivery is not Delivery.FAILED:
            raise ValueError(f"what is {self.delivery} cannot be proven to have stayed")


@dataclass(frozen=True, slots=True)
class Fragment:
    """Which part of a longer message something is: `number` of `total`, from 1; its sender numbers whole messages by `reference`."""

    reference: int
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class Inbound:
    """A reply, or a message nobody asked for. The same `id` may come twice; `answers` is an attempt's id where it is known.

    `fragment`: it is a part of a longer one, in whatever order; whoever listens keeps it, and joins them.
    """

    id: str
    channel: Channel
    sender: str = field(repr=False)
    to: str = field(repr=False)
    text: str = field(repr=False)
    answers: str = ""
    at: datetime | None = None
    fragment: Fragment | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A message handed over earlier, by whatever session, of whose end nothing is known: what the other side is asked about.

    `references`: what it called the parts of which it answered; none where no answer came.
    """

    attempt_id: str
    to: str = field(repr=False)
    references: tuple[str, ...] = ()
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Health:
    """How a session is. `counts`: receipts by Delivery, and `inbound`, since it was opened; `per_second` over the last ten.

    `window`: how many may wait for their answer at once; `waiting`: how many do.
    """

    session: Session
    counts: Mapping[str, int]
    per_second: float
    window: int
    waiting: int
    code: str = ""  # why it is broken


class NotPermitted(TypeError):
    """What was shown is no permit of the gate, or one for another channel."""


class AlreadySent(ValueError):
    """This attempt went through this session before."""


OnReceipt = Callable[[Receipt], None]
OnInbound = Callable[[Inbound], None]


class Transport(ABC):
    """One session with one other side. `open` first; one batch at a time; `close` waits for what is under way.

    `channels`: what it may carry. `asks`: its other side can be asked what became of a message.
    """

    channels: ClassVar[frozenset[Channel]]
    asks: ClassVar[bool] = False
    window: int = 1

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._counts: Counter[str] = Counter()
        self._ends: deque[float] = deque()
        self._guard = Lock()
        self._waiting = 0
        self._session = Session.CLOSED
        self._on_receipt: OnReceipt | None = None
        self._on_inbound: OnInbound | None = None

    # --- for the one who sends -----------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin a session. The other side being out of reach is no error: messages fail until it is there."""
        if self._session is Session.CLOSED:
            self._counts.clear()
            self._session = Session.OPEN
            self._open()

    def close(self) -> None:
        """End the session once every message under way has its receipt. Closing twice is harmless."""
        if self._session is not Session.CLOSED:
            self._close()
            self._session = Session.CLOSED

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def listen(self, on_receipt: OnReceipt, on_inbound: OnInbound | None = None) -> None:
        """Whom to tell of later receipts and of replies, from a thread of the transport; before `open`.

        The other side hears that we have them only when the listener has returned; one that raises is told again later
        where the protocol allows.
        """
        self._on_receipt, self._on_inbound = on_receipt, on_inbound

    def send(self, permit: Permit, message: Message) -> Receipt:
        """Hand over one message. Raises as `send_many`."""
        [receipt] = self.send_many([(permit, message)])
        return receipt

    def send_many(self, batch: Iterable[tuple[Permit, Message]]) -> Iterator[Receipt]:
        """Hand over a batch: one receipt for each message, as they become known, to be read to the end.

        Raises NotPermitted or AlreadySent before anything has left. The attempt's id is the reference under which it leaves.
        """
        pairs = list(batch)
        for permit, _ in pairs:
            if not isinstance(permit, Permit):
                raise NotPermitted("only a permit of the gate opens a channel")
            if permit.attempt.channel not in self.channels:
                raise NotPermitted(f"a permit for {permit.attempt.channel} was shown to {type(self).__name__}")
        self._remember([permit.attempt_id for permit, _ in pairs])
        return self._receipts({permit.attempt_id: (permit, message) for permit, message in pairs})

    def ask(self, asked: Iterable[Asked]) -> None:
        """Ask the other side what became of these. What it says comes to the listener as receipts; what it does not know, stays.

        Nothing is ever sent by this. `asks` says whether this transport can; one that cannot does nothing.
        """
        if self.asks and self._session is not Session.CLOSED:
            self._ask(list(asked))

    def health(self) -> Health:
        with self._guard:
            self._forget_ends(time.monotonic())
            per_second = len(self._ends) / _RECENT
            return Health(self._session, dict(self._counts), per_second, self.window, self._waiting, self._trouble())

    # --- for the one who carries ---------------------------------------------------------------------------------

    def _open(self) -> None:  # noqa: B027 - a transport without a connection has nothing to do
        """Begin to connect."""

    @abstractmethod
    def _hand_over(self, batch: Mapping[str, tuple[Permit, Message]]) -> Iterator[Receipt]:
        """Carry the batch, by attempt id; one receipt each. What gets none is reported as unknown."""

    def _ask(self, asked: list[Asked]) -> None:  # noqa: B027
        """Ask, where `asks`; from any thread."""

    def _close(self) -> None:  # noqa: B027
        """Wait for what is under way, and disconnect."""

    def _trouble(self) -> str:
        """Why the session is broken, "" when it is not."""
        return ""

    def _tell(self, receipt: Receipt) -> None:
        """A receipt that comes later."""
        if self._on_receipt is not None:
            self._on_receipt(receipt)
        self._count(receipt.delivery)

    def _hear(self, inbound: Inbound) -> None:
        if self._on_inbound is not None:
            self._on_inbound(inbound)
        self._count("inbound")

    # --- at most once --------------------------------------------------------------------------------------------

    def _remember(self, attempts: list[str]) -> None:
        with self._guard:
            known = [attempt for attempt in attempts if attempt in self._seen]
            if known or len(set(attempts)) < len(attempts):
                raise AlreadySent(f"attempt {(known or attempts)[0]} went through this session before")
            self._seen.update(dict.fromkeys(attempts))
            while len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)

    def _receipts(self, batch: Mapping[str, tuple[Permit, Message]]) -> Iterator[Receipt]:
        open_ones = dict.fromkeys(batch)
        self._waiting = len(open_ones)
        try:
            if self._session is Session.CLOSED:
                answers: Iterator[Receipt] = (
                    Receipt(attempt, Delivery.FAILED, "session_closed", nothing_left=True) for attempt in batch
                )
            else:
                answers = self._hand_over(batch)
            for receipt in answers:
                if receipt.attempt_id in open_ones:
                    del open_ones[receipt.attempt_id]
                    self._waiting = len(open_ones)
                    self._count(receipt.delivery, ended=True)
                    yield receipt
        finally:
            # Read to the end or not, broken off by a mistake or not: nobody knows what became of these.
            self._waiting = 0
            for _ in open_ones:
                self._count(Delivery.UNKNOWN, ended=True)
        for attempt in open_ones:
            yield Receipt(attempt, Delivery.UNKNOWN, "no_answer")

    def _count(self, what: str, *, ended: bool = False) -> None:
        with self._guard:
            self._counts[str(what)] += 1
            if ended:
                self._ends.append(time.monotonic())
                self._forget_ends(self._ends[-1])

    def _forget_ends(self, instant: float) -> None:
        while self._ends and self._ends[0] < instant - _RECENT:
            self._ends.popleft()
