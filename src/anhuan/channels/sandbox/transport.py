"""The sandbox as a transport: carries every channel to a folder, and tells what the sandbox phone answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

from anhuan.channels.sandbox import folder
from anhuan.channels.sandbox.folder import Posted
from anhuan.channels.transport import Call, Delivery, Inbound, Message, Receipt, Transport
from anhuan.core.gate import Permit
from anhuan.core.vocabulary import Channel, LineResult

logger = logging.getLogger(__name__)

_ANSWERED = Call(LineResult.CONNECTED)
"""What a call to a folder comes to: somebody took it, and what was said is not known. Keys are pressed on the sandbox phone."""


class Sandbox(Transport):
    """Writes to `place`, stamped by `clock`, and looks `every` so many seconds for what the phone has said.

    An attempt an earlier session wrote is not written again: its receipt says that it was taken before.
    """

    channels = frozenset(Channel)
    window = 100

    def __init__(self, place: Path, *, clock: Callable[[], datetime], every: float = 0.5) -> None:
        super().__init__()
        self._place, self._clock, self._every = place, clock, every
        self._stop = Event()
        self._ear: Thread | None = None

    def _open(self) -> None:
        folder.prepare(self._place)
        if self._on_receipt or self._on_inbound:
            self._stop.clear()
            self._ear = Thread(target=self._attend, name="sandbox", daemon=True)
            self._ear.start()

    def _close(self) -> None:
        self._stop.set()
        if self._ear is not None:
            self._ear.join()
            self._ear = None
            self._look()

    def _hand_over(self, batch: Mapping[str, tuple[Permit, Message]]) -> Iterator[Receipt]:
        waiting = list(batch.items())
        while waiting:
            now, waiting = waiting[: self.window], waiting[self.window :]
            at = self._clock()
            written = folder.post(
                self._place, [Posted(attempt, permit.attempt.channel, said, at) for attempt, (permit, said) in now]
            )
            for (attempt, (permit, _)), new in zip(now, written, strict=True):
                code = "" if new else "taken_before"
                call = _ANSWERED if permit.attempt.channel is Channel.CALL else None
                yield Receipt(attempt, Delivery.TAKEN, code, references=(folder.reference(attempt),), at=at, call=call)

    def _attend(self) -> None:
        while not self._stop.wait(self._every):
            self._look()

    def _look(self) -> None:
        for path, told in folder.dropped(self._place):
            try:
                self._pass_on(path.stem, told)
            except Exception:
                logger.exception("the sandbox's listener did not take %s; it is told again", path.stem)
                return
            path.unlink()

    def _pass_on(self, name: str, told: dict[str, Any]) -> None:
        at = datetime.fromisoformat(told["at"])
        if told["kind"] == "receipt":
            delivery = Delivery(told["delivery"])
            self._tell(Receipt(told["attempt_id"], delivery, "sandbox", permanent=told["permanent"], at=at))
            return
        answered = folder.outbox(self._place, to=told["sender"], limit=1)
        self._hear(
            Inbound(
                name, Channel(told["channel"]), told["sender"], "sandbox", told["text"],
                answers=answered[0].attempt_id if answered else "", at=at,
            )
        )  # fmt: skip
