"""One call from ringing to its end: the script led over a gateway, and what became of it as a receipt.

Knows the causes of Q.850 and what each proves. Does not know any protocol. A call that rang counts, whoever took it; only one that was
refused before anything rang is proven to have stayed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from anhuan.channels.transport import Delivery
from anhuan.channels.voice import script
from anhuan.channels.voice.exchange import Exchange
from anhuan.channels.voice.gateway import (
    Answered,
    CallGone,
    Ended,
    Event,
    Keyed,
    LineBroken,
    Lost,
    NotPlaced,
    Played,
    Rang,
    VoiceGateway,
)
from anhuan.channels.voice.script import HangUp, Heard, Listen, PassOn, Play, Pressed
from anhuan.core.vocabulary import LineResult, Outcome

_UNANSWERED: Mapping[int, LineResult] = MappingProxyType(
    {
        1: LineResult.INVALID_NUMBER,  # unallocated
        28: LineResult.INVALID_NUMBER,  # its form is none
        22: LineResult.NOT_IN_SERVICE,  # changed
        27: LineResult.NOT_IN_SERVICE,  # out of order
        17: LineResult.BUSY,
        20: LineResult.SWITCHED_OFF,  # the subscriber is absent
        16: LineResult.NO_ANSWER,
        18: LineResult.NO_ANSWER,
        19: LineResult.NO_ANSWER,
        21: LineResult.NO_ANSWER,  # rejected: the code says so, the house has no word of its own for it
        31: LineResult.NO_ANSWER,
        127: LineResult.NO_ANSWER,
    }
)
"""What a call that nobody took came to, by its cause."""

_NEVER_SET_UP = frozenset(
    {2, 3, 5, 34, 38, 41, 42, 43, 44, 46, 47, 49, 50, 57, 58, 63, 65, 66, 69, 70, 79, 88, 95, 96, 97, 100}
)
"""Causes by which the network refuses to set a call up: no route, no circuit, congestion, a service it has not. Nothing rang,
unless ringing was heard."""

_DEAD = frozenset({LineResult.INVALID_NUMBER})
"""After these the same number would fail again."""
_FAREWELL = 5.0
"""Seconds to wait for the exchange to say that a call is over that we have ended."""


@dataclass(frozen=True, slots=True)
class Became:
    """What became of a call. `line_result` is None where nobody can tell, or nothing rang."""

    delivery: Delivery
    code: str
    permanent: bool = False
    nothing_left: bool = False
    line_result: LineResult | None = None
    outcome: Outcome | None = None
    pressed: tuple[str, ...] = ()
    meant: str = ""
    recorded: bool = False

    @property
    def answered(self) -> bool:
        return self.line_result is LineResult.CONNECTED

    @property
    def abandoned(self) -> bool:
        """A person took it, and we dropped it or may have."""
        return self.answered and (self.outcome is Outcome.DROPPED or self.delivery is Delivery.UNKNOWN)


class Conduct:
    """Leads one call; `events` is where what the gateway tells of it arrives."""

    def __init__(self, gateway: VoiceGateway, call: str, clips: Mapping[str, tuple[str, ...]], exchange: Exchange) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self._gateway, self._call, self._clips, self._exchange = gateway, call, clips, exchange
        self._state: script.State | None = None
        self._rang = self._recorded = self._passed_on = False
        self._playing, self._plays = "", 0
        self._until: float | None = None  # when silence is taken for an answer

    async def run(self, to: str) -> Became:
        try:
            await self._gateway.place(self._call, to)
        except NotPlaced as refused:
            return Became(Delivery.FAILED, refused.code, permanent=refused.permanent, nothing_left=True)
        except LineBroken:
            await self._end_it()
            return Became(Delivery.UNKNOWN, "line_broken")
        ends = self._now() + self._exchange.ring_for + self._exchange.longest
        while True:
            event = await self._next(ends)
            if isinstance(event, Ended):
                return self._became(event.cause)
            if isinstance(event, Lost) or (event is None and self._now() >= ends):
                await self._end_it()
                return self._lost("line_broken" if event else "no_end")
            try:
                await self._take(event)
            except LineBroken:
                await self._end_it()
                self._state = self._after(Heard.BROKEN)
            except CallGone:
                self._state = self._after(Heard.HUNG_UP)
            if self._passed_on:
                return self._became(16)
            if self._over:
                ends = min(ends, self._now() + _FAREWELL)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def _over(self) -> bool:
        return self._state is not None and self._state.stage is script.Stage.OVER

    async def _next(self, ends: float) -> Event | None:
        """What happens next; None when nothing does in time."""
        until = ends if self._until is None else min(ends, self._until)
        try:
            return await asyncio.wait_for(self.events.get(), max(until - self._now(), 0))
        except TimeoutError:
            return None

    async def _take(self, event: Event | None) -> None:
        match event:
            case Rang():
                self._rang = True
            case Answered(machine=machine) if self._state is None:
                await self._answered(machine=machine)
            case Played(playing=playing, whole=whole) if playing == self._playing:
                self._playing = ""
                await self._happened(Heard.PLAYED if whole else Heard.BROKEN)
            case Keyed(key=key):
                await self._happened(Pressed(key))
            case None:
                self._until = None
                await self._happened(Heard.SILENT)

    async def _answered(self, *, machine: bool) -> None:
        self._state = script.BEGINNING
        if machine:
            await self._happened(Heard.MACHINE)
            return
        # Recording first: what is said without it is said off the record.
        await self._gateway.record(self._call)
        self._recorded = True
        await self._do(script.OPENING)

    async def _happened(self, what: Heard | Pressed) -> None:
        if self._state is None:
            return
        self._state, todo = script.step(self._state, what, self._clips.keys(), tries=self._exchange.tries)
        await self._do(todo)

    def _after(self, what: Heard) -> script.State:
        """How the call stands when this ends it; one that is over stays as it ended."""
        return script.step(self._state or script.BEGINNING, what, self._clips.keys(), tries=self._exchange.tries)[0]

    async def _do(self, todo: script.Do) -> None:
        if todo is None:
            return
        self._until = None
        playing, self._playing = self._playing, ""
        if playing:
            await self._gateway.stop(self._call, playing)
        match todo:
            case Play(parts=parts):
                self._plays += 1
                self._playing = f"{self._call}.{self._plays}"
                clips = [clip for part in parts for clip in self._clips[part]]
                await self._gateway.play(self._call, clips, self._playing)
            case Listen():
                self._until = self._now() + self._exchange.listen_for
            case PassOn():
                self._passed_on = await self._gateway.pass_on(self._call)
                if not self._passed_on:
                    await self._gateway.hang_up(self._call)
            case HangUp():
                await self._gateway.hang_up(self._call)

    async def _end_it(self) -> None:
        """Nobody is kept in a call that nobody leads."""
        try:
            await self._gateway.hang_up(self._call)
        except (LineBroken, CallGone):
            return

    def _lost(self, code: str) -> Became:
        """A call whose end was not heard: what is known of it is said all the same, for what she pressed holds."""
        said = self._state
        if said is None:
            return Became(Delivery.UNKNOWN, code)
        if self._over and said.ended_by is not Heard.BROKEN:
            return self._became(16)
        return Became(
            Delivery.UNKNOWN, code, line_result=LineResult.CONNECTED, pressed=said.pressed, meant=said.meant,
            recorded=self._recorded,
        )  # fmt: skip

    def _became(self, cause: int) -> Became:
        code = f"q850:{cause}"
        if self._state is not None:
            ended = self._after(Heard.HUNG_UP)
            line_result, outcome = ended.result
            return Became(
                Delivery.TAKEN, code, line_result=line_result, outcome=outcome, pressed=ended.pressed, meant=ended.meant,
                recorded=self._recorded,
            )  # fmt: skip
        unanswered = _UNANSWERED.get(cause, LineResult.NO_ANSWER if self._rang else None)
        if unanswered is not None:
            return Became(Delivery.NOT_DELIVERED, code, permanent=unanswered in _DEAD, line_result=unanswered)
        if cause in _NEVER_SET_UP:
            return Became(Delivery.FAILED, code, nothing_left=True)
        return Became(Delivery.UNKNOWN, code)
