"""Letters and visit sheets as a transport: permits become batches for the print house, its lists become receipts.

A letter is taken once its batch stands in the spool: then the print house answers for it. `Message.to` is the address, a line
each; `details` may hold the addressee's `name`, `on` (the letter's date), `reference`, and `link` for the square code. What cannot
be set (a sign without a glyph, an address too long for the window) fails alone; the rest of the batch is printed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread

from anhuan.channels.letter import returns
from anhuan.channels.letter.press import NotSet, Press, pages_of
from anhuan.channels.letter.returns import Told
from anhuan.channels.letter.sheet import Letter, Letterhead, address_trouble, letter_id
from anhuan.channels.letter.spool import Printed, Spool
from anhuan.channels.transport import Delivery, Message, Receipt, Transport
from anhuan.core.gate import Permit
from anhuan.core.vocabulary import Channel

logger = logging.getLogger(__name__)

_DELIVERIES = {"delivered": Delivery.DELIVERED, "returned": Delivery.NOT_DELIVERED, "spoiled": Delivery.NOT_DELIVERED}
PATIENCE = 14
"""Days after which a letter of which the print house has told nothing is a finding."""


class PrintHouse(Transport):
    """Sets letters on `head` and keeps them below `place`, stamped by `clock`; looks `every` so many seconds for lists.

    `workers` letters are set at once, each by a press of its own.
    Raises `press.NoFace` where the face is not installed: it does not start rather than print in another one.
    """

    channels = frozenset({Channel.LETTER, Channel.VISIT})
    window = 200

    def __init__(
        self,
        place: Path,
        head: Letterhead,
        *,
        clock: Callable[[], datetime],
        fonts: Sequence[Path] | None = None,
        workers: int = 2,
        every: float = 60,
    ) -> None:
        super().__init__()
        self._presses: SimpleQueue[Press] = SimpleQueue()
        for _ in range(workers):
            self._presses.put(Press(head, fonts=fonts) if fonts is not None else Press(head))
        self._workers = workers
        self._spool, self._head, self._clock, self._every = Spool(place), head, clock, every
        self._stop = Event()
        self._ear: Thread | None = None

    def _open(self) -> None:
        self._spool.open()
        if self._on_receipt:
            self._stop.clear()
            self._ear = Thread(target=self._attend, name="print house", daemon=True)
            self._ear.start()

    def _close(self) -> None:
        self._stop.set()
        if self._ear is not None:
            self._ear.join()
            self._ear = None

    # --- out ---------------------------------------------------------------------------------------------------------

    def _hand_over(self, batch: Mapping[str, tuple[Permit, Message]]) -> Iterator[Receipt]:
        waiting = list(batch.items())
        while waiting:
            now, waiting = waiting[: self.window], waiting[self.window :]
            yield from self._print(now)

    def _print(self, batch: Sequence[tuple[str, tuple[Permit, Message]]]) -> Iterator[Receipt]:
        """One batch: what cannot be set fails, what was printed before is said to be, the rest is kept together or not at all."""
        at = self._clock()
        self._spool.learn()
        letters = {attempt: _letter(attempt, permit, message, at, self._head) for attempt, (permit, message) in batch}
        known = {attempt: letter for attempt, letter in letters.items() if self._spool.knows(letter.id)}
        for attempt, letter in known.items():
            yield Receipt(attempt, Delivery.TAKEN, "taken_before", references=(letter.id,), at=at)
        new = {attempt: letter for attempt, letter in letters.items() if attempt not in known}
        with ThreadPoolExecutor(self._workers) as hands:
            answers = dict(zip(new, hands.map(self._set, new.values()), strict=True))
        for attempt, answer in answers.items():
            if isinstance(answer, str):
                yield Receipt(attempt, Delivery.FAILED, answer, permanent=True, nothing_left=True, at=at)
        printed = {attempt: answer for attempt, answer in answers.items() if not isinstance(answer, str)}
        if printed:
            yield from self._kept({attempt: new[attempt] for attempt in printed}, list(printed.values()), at)

    def _set(self, letter: Letter) -> Printed | str:
        """The letter alone, or in a machine word why it cannot be set. Typst works outside Python's lock, so hands work at once."""
        if trouble := "" if letter.visit else address_trouble(letter.address):
            return trouble
        press = self._presses.get()
        try:
            pdf = press.one(letter)
        except NotSet as wrong:
            return wrong.code
        finally:
            self._presses.put(press)
        return Printed(letter.id, pdf, pages_of(pdf))

    def _kept(self, letters: Mapping[str, Letter], printed: Sequence[Printed], at: datetime) -> Iterator[Receipt]:
        press = self._presses.get()
        try:
            whole = press.many(list(letters.values()))
            self._spool.keep(printed, whole, at=at, faces=press.faces, duplex=self._head.duplex)
        except OSError as failed:
            for attempt, letter in letters.items():
                if self._spool.knows(
                    letter.id
                ):  # kept, though not yet where the print house looks: the next session puts it there
                    yield Receipt(attempt, Delivery.TAKEN, references=(letter.id,), at=at)
                else:
                    yield Receipt(attempt, Delivery.FAILED, f"spool_errno_{failed.errno}", nothing_left=True, at=at)
            return
        finally:
            self._presses.put(press)
        for (attempt, letter), one in zip(letters.items(), printed, strict=True):
            yield Receipt(attempt, Delivery.TAKEN, references=(letter.id,), parts=one.pages, at=at)

    # --- back --------------------------------------------------------------------------------------------------------

    def _attend(self) -> None:
        while True:
            try:
                self.look()
            except Exception:
                logger.exception("a list of the print house was not taken; it is read again")
            if self._stop.wait(self._every):
                return

    def look(self) -> None:
        """Read the lists that wait: receipts to the listener, findings beside the list, which then moves to returns/done."""
        with self._spool.held():
            for file in self._spool.lists():
                made = {letter["id"]: batch.made_at.date() for batch in self._spool.batches() for letter in batch.letters}
                found = returns.reconcile(
                    file.read_bytes(), made=made, before=self._spool.told(), today=self._clock().date(), patience=PATIENCE
                )
                for told in found.told:
                    if told.event in _DELIVERIES:
                        self._tell(_receipt(told))
                self._spool.done(file, found)
                logger.info("list of the print house: %s, %d findings", dict(found.counts), len(found.findings))


def _letter(attempt: str, permit: Permit, message: Message, at: datetime, head: Letterhead) -> Letter:
    details = message.details
    lines = [line.strip() for line in message.to.splitlines() if line.strip()]
    name = details.get("name", "").strip()
    return Letter(
        id=letter_id(attempt), on=date.fromisoformat(details["on"]) if "on" in details else at.date(), lang=message.lang,
        address=tuple([name, *lines] if name and lines[:1] != [name] else lines), subject=message.subject,
        text=message.text, reference=details.get("reference", ""), link=details.get("link") or head.link,
        visit=permit.attempt.channel is Channel.VISIT,
    )  # fmt: skip


def _receipt(told: Told) -> Receipt:
    """What a line of a list means: sent back, or spoiled before it was posted; of whom, the records know by the letter's id."""
    return Receipt(
        "", _DELIVERIES[told.event], told.reason or told.event, permanent=told.address_at_fault, references=(told.letter,),
        at=datetime.combine(told.on, time(), UTC),
    )  # fmt: skip
