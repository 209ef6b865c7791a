"""Asterisk's REST interface (ARI) as a voice gateway: requests over HTTP, events over one web socket.

Knows what an answer of ARI proves. A call's channel has our id; beside it runs a snoop channel that is recorded, for a channel that is
recorded itself plays nothing until the recording ends. An ended recording is fetched and deleted there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp

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

logger = logging.getLogger(__name__)

_SNOOP = "snoop-"
_AGAIN_AFTER, _AGAIN_AT_MOST = 1.0, 30.0
_GONE = frozenset({404, 409})  # a channel that is not there, or that is not ours any more
_ALIVE_EVERY = 15.0
_CONNECTIONS = 20
"""At once: an Asterisk takes 100 of all its clients together unless told otherwise (`sessionlimit`), and drops what is more."""
_STEP = 5.0
"""Seconds to wait for the exchange to begin or to end a recording."""


class Ari(VoiceGateway):
    """One Stasis application on one Asterisk."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._base = exchange.url.rstrip("/")
        # A second line of events under the same name would silence the first: every sender has its own.
        self._app = f"{exchange.app}-{uuid4().hex[:12]}"
        self._there = exchange.prompts_there or str(Path(exchange.prompts).resolve())
        self._code = "not_connected"
        self._ours: set[str] = set()
        self._waited: dict[str, asyncio.Future[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ear: asyncio.Task[None] | None = None
        self._on_event: Callable[[str, Event], None] = lambda _call, _event: None

    def trouble(self) -> str:
        return self._code

    async def open(self, on_event: Callable[[str, Event], None]) -> None:
        """Begin to connect; the first try is waited for, so that calls can be placed at once where the exchange is there."""
        self._on_event = on_event
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
            headers={"Authorization": aiohttp.encode_basic_auth(self._exchange.user, self._exchange.password)},
            timeout=aiohttp.ClientTimeout(total=self._exchange.answer_within),
        )
        first = asyncio.Event()
        self._ear = asyncio.create_task(self._attend(first))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(first.wait(), self._exchange.answer_within)

    async def close(self) -> None:
        if self._ear is not None:
            self._ear.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ear
            await self._session.close()
        self._code = "not_connected"

    # --- what it is asked ------------------------------------------------------------------------------------------

    async def place(self, call: str, to: str) -> None:
        if self._code:
            raise NotPlaced("no_connection")
        told = {
            "endpoint": self._exchange.endpoint.replace("{number}", to), "app": self._app,
            "timeout": str(round(self._exchange.ring_for)), "callerId": self._exchange.caller,
        }  # fmt: skip
        self._ours.add(call)
        try:
            status, body = await self._ask("POST", f"channels/{call}", told, {"variables": {"ANHUAN_APP": self._app}})
        except aiohttp.ClientConnectorError:
            self._ours.discard(call)
            raise NotPlaced("no_connection") from None
        except LineBroken:
            self._ours.discard(call)  # should somebody take it after all, it is let go
            raise
        # What ARI calls a failed allocation has no channel: the endpoint could not even be asked to ring.
        if 400 <= status < 500 or (status == 500 and b"Allocation failed" in body):
            self._ours.discard(call)
            raise NotPlaced(f"http:{status}")
        if status != 200:
            self._ours.discard(call)
            raise LineBroken(f"http:{status}")

    async def record(self, call: str) -> None:
        if self._code:
            raise LineBroken(self._code)  # nobody would tell that it has begun
        snoop = _SNOOP + call
        ready = self._wait_for(f"start:{snoop}")
        await self._do("POST", f"channels/{call}/snoop/{snoop}", {"spy": "both", "app": self._app})
        await self._come(ready)
        self._wait_for(f"recorded:{call}")
        await self._do("POST", f"channels/{snoop}/record", {"name": call, "format": "wav", "ifExists": "fail"})

    async def play(self, call: str, clips: Sequence[str], playing: str) -> None:
        media = [f"sound:{self._there}/{clip}" for clip in clips]
        # In the body: the clips of an amount are longer than Asterisk lets a request line be.
        await self._do("POST", f"channels/{call}/play/{playing}", {}, {"media": media})

    async def stop(self, call: str, playing: str) -> None:  # noqa: ARG002 - a playback has its own id here
        await self._do("DELETE", f"playbacks/{playing}", gone_is_well=True)

    async def pass_on(self, call: str) -> bool:
        if not self._exchange.agent_context:
            return False
        await self._do("POST", f"channels/{call}/continue", _context(self._exchange.agent_context))
        await self._do("DELETE", f"channels/{_SNOOP}{call}", gone_is_well=True)
        self._ours.discard(call)
        return True

    async def hang_up(self, call: str) -> None:
        await self._do("DELETE", f"channels/{call}", {"reason": "normal"}, gone_is_well=True)

    async def take_recording(self, call: str) -> bytes:
        recorded = self._waited.get(f"recorded:{call}")
        if recorded is not None:
            await self._come(recorded)
        name = f"recordings/stored/{call}"
        status, wav = await self._asked("GET", f"{name}/file")
        if status != 200 or not wav:
            raise LineBroken(f"http:{status}")
        await self._do("DELETE", name, gone_is_well=True)
        return wav

    async def _do(
        self, how: str, path: str, told: Mapping[str, str] | None = None, body: Any = None, *, gone_is_well: bool = False
    ) -> None:
        """A request whose answer is that it was done. Raises LineBroken, CallGone."""
        status, _ = await self._asked(how, path, told, body)
        if status in _GONE:
            if not gone_is_well:
                raise CallGone
        elif status >= 300:
            raise LineBroken(f"http:{status}")

    async def _asked(self, how: str, path: str, told: Mapping[str, str] | None = None, body: Any = None) -> tuple[int, bytes]:
        try:
            return await self._ask(how, path, told, body)
        except aiohttp.ClientConnectorError:
            raise LineBroken("no_connection") from None

    async def _ask(self, how: str, path: str, told: Mapping[str, str] | None = None, body: Any = None) -> tuple[int, bytes]:
        """Status and body of an answer. Raises LineBroken where none came, ClientConnectorError where nothing was asked."""
        url = f"{self._base}/{quote(path)}"
        try:
            async with self._session.request(how, url, params=told, json=body, allow_redirects=False) as answer:
                return answer.status, await answer.read()
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientError, TimeoutError) as broken:
            raise LineBroken(type(broken).__name__) from None

    def _wait_for(self, what: str) -> asyncio.Future[None]:
        return self._waited.setdefault(what, asyncio.get_running_loop().create_future())

    async def _come(self, waited: asyncio.Future[None]) -> None:
        try:
            await asyncio.wait_for(asyncio.shield(waited), _STEP)
        except TimeoutError:
            raise LineBroken("no_recording") from None
        finally:
            self._waited = {what: each for what, each in self._waited.items() if each is not waited}

    # --- what it tells ---------------------------------------------------------------------------------------------

    async def _attend(self, first: asyncio.Event) -> None:
        """Hear events until cancelled, connecting again after one, two, four … seconds."""
        pause = _AGAIN_AFTER
        while True:
            try:
                url = f"{self._base}/events"
                async with self._session.ws_connect(url, params={"app": self._app}, heartbeat=_ALIVE_EVERY) as line:
                    self._code, pause = "", _AGAIN_AFTER
                    first.set()
                    async for each in line:
                        if each.type is aiohttp.WSMsgType.TEXT:
                            self._hear(each.data)
            except aiohttp.WSServerHandshakeError as refused:
                self._code = f"http:{refused.status}"
            except (aiohttp.ClientError, TimeoutError, OSError):
                self._code = "no_connection"
            else:
                self._code = "line_broken"
            first.set()
            for call in list(self._ours):
                self._on_event(call, Lost())
            for waited in self._waited.values():
                if not waited.done():
                    waited.set_exception(LineBroken("line_broken"))
                    waited.exception()  # nobody may be waiting for it yet
            self._ours.clear()
            await asyncio.sleep(pause)
            pause = min(pause * 2, _AGAIN_AT_MOST)

    def _hear(self, told: str) -> None:
        try:
            self._pass_on_event(json.loads(told))
        except (KeyError, TypeError, ValueError, AttributeError) as unreadable:
            logger.warning("an event of the exchange could not be read: %s", type(unreadable).__name__)

    def _pass_on_event(self, told: Mapping[str, Any]) -> None:
        kind = told["type"]
        if kind == "PlaybackFinished":
            call = str(told["playback"]["target_uri"]).partition(":")[2]
            self._tell(call, Played(told["playback"]["id"], told["playback"]["state"] == "done"))
        elif kind in {"RecordingFinished", "RecordingFailed"}:
            self._came(f"recorded:{told['recording']['name']}")
        elif kind == "StasisStart":
            self._started(told["channel"]["id"], told.get("args", []))
        elif kind == "ChannelStateChange" and told["channel"]["state"] == "Ringing":
            self._tell(told["channel"]["id"], Rang())
        elif kind == "ChannelDtmfReceived":
            self._tell(told["channel"]["id"], Keyed(str(told["digit"])))
        elif kind == "ChannelDestroyed":
            self._tell(told["channel"]["id"], Ended(int(told.get("cause", 0))))
            self._ours.discard(told["channel"]["id"])

    def _started(self, channel: str, args: Sequence[str]) -> None:
        if channel.startswith(_SNOOP):
            self._came(f"start:{channel}")
        elif channel not in self._ours:
            self._later(self._let_go(channel))
        elif self._exchange.machine_context and list(args[:1]) != ["amd"]:
            self._later(self._listen_for_a_machine(channel))
        else:
            self._tell(channel, Answered(machine=list(args[:2]) == ["amd", "MACHINE"]))

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _let_go(self, call: str) -> None:
        """A call somebody took that nobody leads any more."""
        with contextlib.suppress(LineBroken, CallGone):
            await self.hang_up(call)

    async def _listen_for_a_machine(self, call: str) -> None:
        """The dial plan finds out, and comes back with `Stasis(${ANHUAN_APP},amd,${AMDSTATUS})`; meanwhile we still hear its end."""
        try:
            await self._do("POST", f"applications/{self._app}/subscription", {"eventSource": f"channel:{call}"})
            await self._do("POST", f"channels/{call}/continue", _context(self._exchange.machine_context))
        except LineBroken:
            self._tell(call, Lost())
        except CallGone:
            return

    def _tell(self, call: str, event: Event) -> None:
        if call in self._ours:
            self._on_event(call, event)

    def _came(self, what: str) -> None:
        waited = self._waited.get(what)
        if waited is not None and not waited.done():
            waited.set_result(None)


def _context(name: str) -> dict[str, str]:
    return {"context": name, "extension": "s", "priority": "1"}
