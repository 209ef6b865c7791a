"""An exchange of ours that speaks the part of Asterisk's REST interface (ARI 9) that calls need, with customers behind it.

Requests and events have the shapes Asterisk 22 publishes and sent when it was recorded; what is asked in another way gets what Asterisk
answers: 404 for a channel that is gone, 409 for one whose id is taken. A customer does what the number says.
"""

from __future__ import annotations

import asyncio
import io
import json
import wave
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from aiohttp import encode_basic_auth, web

SILENT, REFUSED, MACHINE, LATE = "+8613000000093", "+8613000000092", "+8613000000094", "+8613000000095"
BY_CAUSE = {
    "+8613000000101": 17, "+8613000000102": 19, "+8613000000103": 21, "+8613000000104": 1, "+8613000000105": 20,
    "+8613000000106": 34, "+8613000000107": 27, "+8613000000108": 0,
}  # fmt: skip
"""Numbers nobody takes, with the cause the network gives."""
RINGING = {17, 19, 21}


@dataclass
class Line:
    """A call on the exchange. `heard`: the clips of each playback that came to its end."""

    number: str
    keys: list[str]
    heard: list[list[str]] = field(default_factory=list)
    begun: list[list[str]] = field(default_factory=list)
    recorded: bool = False


class Double:
    """Customers press `keys[n]` once the n-th playback has ended ("" for nothing, "x" to hang up, "!" breaks the line
    of events), the same whoever they are."""

    def __init__(self, keys=("1", "", "1"), *, password="secret", plays_for=0.01):
        self.keys, self._auth, self._plays_for = keys, encode_basic_auth("anhuan", password), plays_for
        self.lines, self.calls, self.recordings, self.playing, self.requests = {}, [], {}, {}, []
        self.at_once = self.most_at_once = 0
        self.begun_at, self.fails, self.app = [], set(), ""
        self._sockets, self._tasks = set(), set()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/ari"

    async def _start(self):
        app = web.Application(middlewares=[self._knows])
        app.add_routes(
            [
                web.get("/ari/events", self._events),
                web.post("/ari/channels/{id}", self._originate),
                web.delete("/ari/channels/{id}", self._hang_up),
                web.post("/ari/channels/{id}/snoop/{snoop}", self._snoop),
                web.post("/ari/channels/{id}/record", self._record),
                web.post("/ari/channels/{id}/play/{playing}", self._play),
                web.post("/ari/channels/{id}/continue", self._continue),
                web.post("/ari/applications/{app}/subscription", self._subscribe),
                web.delete("/ari/playbacks/{playing}", self._stop),
                web.get("/ari/recordings/stored/{name}/file", self._file),
                web.delete("/ari/recordings/stored/{name}", self._forget),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return self._runner.addresses[0][1]

    def close(self):
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    # --- requests --------------------------------------------------------------------------------------------------

    @web.middleware
    async def _knows(self, request, handler):
        if request.headers.get("Authorization") != self._auth:
            return web.json_response({"message": "Authentication required"}, status=401)
        self.requests.append((request.method, request.path, dict(request.query)))
        what = request.path.rsplit("/", 1)[-1] if request.method == "POST" else ""
        if what in self.fails or ("play" in self.fails and "/play/" in request.path):
            return web.json_response({"message": "Internal Server Error"}, status=500)
        return await handler(request)

    async def _events(self, request):
        if not request.query.get("app"):
            return web.json_response({"message": "HTTP request is missing param: [app]"}, status=400)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        async for _ in socket:
            pass
        self._sockets.discard(socket)
        return socket

    async def _originate(self, request):
        call, told = request.match_info["id"], request.query
        self.app = (await request.json())["variables"]["ANHUAN_APP"]
        assert told["app"] == self.app
        number = "+" + told["endpoint"].removeprefix("PJSIP/").removesuffix("@trunk")
        if call in self.lines:
            return web.json_response({"message": "Channel with given unique ID already exists"}, status=409)
        if number == LATE:
            self._later(self._take_late(call))
            return web.json_response({"message": "Internal Server Error"}, status=502)
        if number == REFUSED:
            return web.json_response({"message": "Allocation failed"}, status=500)
        self.lines[call] = Line(number, list(self.keys))
        self.begun_at.append(self._loop.time())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self._later(self._ring(call))
        return web.json_response(self._channel(call, "Down"))

    async def _ring(self, call):
        number = self.lines[call].number
        cause = BY_CAUSE.get(number)
        if cause is None or cause in RINGING:
            await self._tell("ChannelStateChange", channel=self._channel(call, "Ringing"))
        if cause is not None:
            await self._end(call, cause)
            return
        self.calls.append(self.lines[call])
        await self._tell("ChannelStateChange", channel=self._channel(call, "Up"))
        await self._tell("StasisStart", args=[], channel=self._channel(call, "Up"))
        if number == SILENT:
            await self._break()

    async def _take_late(self, call):
        """The caller was told that something went wrong, and the customer answers all the same."""
        await asyncio.sleep(0.1)
        self.lines[call] = Line(LATE, [])
        self.calls.append(self.lines[call])
        self.at_once += 1
        await self._tell("StasisStart", args=[], channel=self._channel(call, "Up"))

    async def _break(self):
        for socket in list(self._sockets):
            await socket.close()

    async def _hang_up(self, request):
        call = request.match_info["id"]
        if call.removeprefix("snoop-") not in self.lines:
            return self._gone()
        if call.startswith("snoop-"):
            self._later(self._recorded(call.removeprefix("snoop-")))
        else:
            self._later(self._end(call, 16))
        return web.Response(status=204)

    async def _snoop(self, request):
        call, snoop = request.match_info["id"], request.match_info["snoop"]
        if call not in self.lines:
            return self._gone()
        assert (request.query["spy"], request.query["app"]) == ("both", self.app)
        self._later(self._tell("StasisStart", args=[], channel={"id": snoop, "name": f"Snoop/{call}", "state": "Up"}))
        return web.json_response({"id": snoop})

    async def _record(self, request):
        call = request.match_info["id"].removeprefix("snoop-")
        if call not in self.lines or not request.match_info["id"].startswith("snoop-"):
            return self._gone()
        self.lines[call].recorded = True
        return web.json_response({"name": request.query["name"], "format": "wav", "state": "queued"}, status=201)

    async def _play(self, request):
        call, playing = request.match_info["id"], request.match_info["playing"]
        if call not in self.lines:
            return self._gone()
        media = (await request.json())["media"]
        self._later(self._play_out(call, playing, [each.removeprefix("sound:") for each in media]))
        return web.json_response({"id": playing, "state": "queued"}, status=201)

    async def _play_out(self, call, playing, files):
        line = self.lines[call]
        line.begun.append(files)
        self.playing[playing] = stopped = asyncio.Event()
        try:
            await asyncio.wait_for(stopped.wait(), self._plays_for)
        except TimeoutError:
            line.heard.append(files)
        whole = _exist(files)
        del self.playing[playing]
        told = {"id": playing, "target_uri": f"channel:{call}", "state": "done" if whole else "failed"}
        await self._tell("PlaybackFinished", playback=told)
        for key in line.keys.pop(0) if line.keys else "":
            if key == "x":
                await self._end(call, 16)
            elif key == "!":
                await self._break()
            else:
                await self._tell("ChannelDtmfReceived", digit=key, duration_ms=100, channel=self._channel(call, "Up", line))

    async def _continue(self, request):
        call = request.match_info["id"]
        if call not in self.lines:
            return self._gone()
        if request.query["context"] == "tell-machines":
            status = "MACHINE" if self.lines[call].number == MACHINE else "HUMAN"
            self._later(self._tell("StasisStart", args=["amd", status], channel=self._channel(call, "Up")))
        return web.Response(status=204)

    async def _subscribe(self, request):
        assert request.query["eventSource"].removeprefix("channel:") in self.lines
        return web.json_response({"name": request.match_info["app"]})

    async def _stop(self, request):
        stopped = self.playing.get(request.match_info["playing"])
        if stopped is None:
            return self._gone()
        stopped.set()
        return web.Response(status=204)

    async def _file(self, request):
        wav = self.recordings.get(request.match_info["name"])
        return self._gone() if wav is None else web.Response(body=wav, content_type="audio/wav")

    async def _forget(self, request):
        return web.Response(status=204) if self.recordings.pop(request.match_info["name"], None) else self._gone()

    # --- events ----------------------------------------------------------------------------------------------------

    async def _end(self, call, cause):
        line = self.lines.pop(call, None)
        if line is None:
            return
        self.at_once -= 1
        await self._tell("ChannelDestroyed", cause=cause, cause_txt="", channel=self._channel(call, "Up", line))
        if line.recorded:
            await self._recorded(call)

    async def _recorded(self, call):
        self.recordings[call] = _silence(call)
        await self._tell("RecordingFinished", recording={"name": call, "format": "wav", "state": "done"})

    async def _tell(self, kind, **told):
        for socket in list(self._sockets):
            await socket.send_str(json.dumps({"type": kind, "application": self.app, "asterisk_id": "double", **told}))

    def _channel(self, call, state, line=None):
        number = (line or self.lines[call]).number
        return {"id": call, "name": f"PJSIP/trunk-{call[-8:]}", "state": state, "connected": {"name": "", "number": number}}

    def _gone(self):
        return web.json_response({"message": "Channel not found"}, status=404)

    def _later(self, work):
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _exist(files):
    return all(Path(f"{file}.wav").exists() for file in files)


def _silence(name):
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setparams((1, 2, 8000, 0, "NONE", ""))
        wav.writeframes(name.encode() * 20)
    return file.getvalue()
