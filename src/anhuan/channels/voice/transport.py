"""Automatic reminder calls as a transport: every message is one call, and its receipt is there when the call has ended.

Knows permits and messages; the exchange is led in a thread with an event loop of its own. A call that has waited too long after its permit
is not begun, nor one whose text has no recording, nor any while too many were dropped: of these nothing has left.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future, wait
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from anhuan.channels.transport import Call, Delivery, Health, Message, Receipt, Session, Transport
from anhuan.channels.voice import prompts
from anhuan.channels.voice.ari import Ari
from anhuan.channels.voice.calls import Became, Conduct
from anhuan.channels.voice.exchange import Exchange
from anhuan.channels.voice.gateway import Event, LineBroken, VoiceGateway
from anhuan.channels.voice.pacing import Pacer, Tally
from anhuan.channels.voice.prompts import NotRecorded
from anhuan.core.gate import Permit
from anhuan.core.vocabulary import Channel

logger = logging.getLogger(__name__)

_PARTS = ("greeting", "confirm", "message", "choices", "closing")
_NEEDED = frozenset(_PARTS) - {"choices"}
_NUMBER = re.compile(r"\+?[1-9]\d{4,14}")


class Voice(Transport):
    """Calls over one exchange. `before` is asked at opening for the answered and the dropped calls of the last thirty days."""

    channels = frozenset({Channel.CALL})

    def __init__(
        self,
        exchange: Exchange,
        *,
        clock: Callable[[], datetime],
        before: Callable[[], Tally] = Tally,
        gateway: VoiceGateway | None = None,
    ) -> None:
        super().__init__()
        self._exchange, self._clock, self._before, self.window = exchange, clock, before, exchange.at_once
        self._gateway = gateway or Ari(exchange)
        self._prompts = prompts.load(exchange.prompts)
        self._under_way: dict[str, Conduct] = {}
        self._answers: set[Future[None]] = set()

    def _open(self) -> None:
        self._exchange.recordings.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._pacer = Pacer(self._exchange.per_second, self._exchange.abandon_ceiling, self._before())
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="voice", daemon=True)
        self._thread.start()
        self._free = asyncio.Semaphore(self._exchange.at_once)
        self._wait(self._gateway.open(self._on_event))

    def _close(self) -> None:
        wait(list(self._answers))
        self._wait(self._gateway.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def health(self) -> Health:
        health = super().health()
        broken = health.session is Session.OPEN and health.code
        return replace(health, session=Session.BROKEN) if broken else health

    def _trouble(self) -> str:
        return self._gateway.trouble()

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _hand_over(self, batch: Mapping[str, tuple[Permit, Message]]) -> Iterator[Receipt]:
        ended: SimpleQueue[Receipt] = SimpleQueue()
        for attempt, (_, message) in batch.items():
            answer = asyncio.run_coroutine_threadsafe(self._answer(attempt, message, ended), self._loop)
            self._answers.add(answer)
            answer.add_done_callback(self._answers.discard)
        for _ in batch:
            yield ended.get()

    async def _answer(self, attempt: str, message: Message, ended: SimpleQueue[Receipt]) -> None:
        """One receipt, whatever happens: the caller waits for it."""
        receipt = Receipt(attempt, Delivery.UNKNOWN, "no_answer")
        try:
            receipt = await self._call(attempt, message)
        except Exception:
            logger.exception("a call was not led to its end")
        finally:
            ended.put(receipt)

    # --- in the loop -----------------------------------------------------------------------------------------------

    async def _call(self, attempt: str, message: Message) -> Receipt:
        handed_over = self._loop.time()
        number = re.sub(r"[ ()-]", "", message.to)
        if not _NUMBER.fullmatch(number):
            return Receipt(attempt, Delivery.FAILED, "bad_address", permanent=True, nothing_left=True)
        try:
            clips = self._spoken(message)
        except NotRecorded:
            return Receipt(attempt, Delivery.FAILED, "not_recorded", permanent=True, nothing_left=True)
        async with self._free:
            await asyncio.sleep(self._pacer.wait(self._loop.time()))
            # Asked last of all: what was dropped meanwhile counts.
            if not self._pacer.allows():
                return Receipt(attempt, Delivery.FAILED, "abandon_ceiling", nothing_left=True)
            if self._loop.time() - handed_over > self._exchange.begin_within:
                return Receipt(attempt, Delivery.FAILED, "waited_too_long", nothing_left=True)
            return await self._lead(attempt, number.removeprefix("+"), clips)

    def _spoken(self, message: Message) -> dict[str, tuple[str, ...]]:
        if not message.details.keys() >= _NEEDED:
            raise NotRecorded("no wording of a call")
        texts = {part: message.details[part] for part in _PARTS if message.details.get(part)}
        return {part: self._prompts.spoken(text, message.lang) for part, text in texts.items()}

    async def _lead(self, attempt: str, number: str, clips: Mapping[str, tuple[str, ...]]) -> Receipt:
        # Ids hold what a channel's name may not, and the same attempt has the same name for ever.
        name = "anhuan-" + sha256(attempt.encode()).hexdigest()[:32]
        conduct = self._under_way[name] = Conduct(self._gateway, name, clips, self._exchange)
        try:
            became = await conduct.run(number)
        finally:
            del self._under_way[name]
        if became.answered:
            self._pacer.answered(abandoned=became.abandoned)
        return Receipt(
            attempt, became.delivery, became.code, became.permanent, became.nothing_left,
            references=() if became.nothing_left else (name,), at=self._clock(), call=await self._told(name, became),
        )  # fmt: skip

    async def _told(self, name: str, became: Became) -> Call | None:
        if became.line_result is None:
            return None
        file, digest = await self._keep(name) if became.recorded else ("", "")
        return Call(
            became.line_result, became.outcome, became.pressed, became.meant, recording=file, digest=digest,
            keep_until=(self._clock() + timedelta(days=self._exchange.keep_days)).date() if file else None,
        )  # fmt: skip

    async def _keep(self, name: str) -> tuple[str, str]:
        """The recording's file and digest; ("", "") when the exchange does not hand it over: it is still there."""
        try:
            wav = await self._gateway.take_recording(name)
        except LineBroken:
            return "", ""
        file = f"{name}.wav"
        await asyncio.to_thread(_write, self._exchange.recordings / file, wav)
        return file, sha256(wav).hexdigest()

    def _on_event(self, call: str, event: Event) -> None:
        if call in self._under_way:
            self._under_way[call].events.put_nowait(event)


def _write(path: Path, content: bytes) -> None:
    """For its owner alone, and on the disk when this returns."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - as its owner's alone
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
