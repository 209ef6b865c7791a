"""A real message centre in a process of its own, made of the npm package `smpp`, which is not ours."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import pytest

HERE = Path(__file__).parent / "smsc"
ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / ".venv" / ".smsc"
"""Where the package is put once, at the first test that asks for it."""


def installed() -> Path:
    """The folder with the script and its package; skips, loudly, where npm has neither network nor a store."""
    for tool in ("node", "npm"):
        if shutil.which(tool, path=_path()) is None:
            pytest.skip(f"the message centre of the SMS tests needs {tool}; `make setup` brings it")
    lock = (HERE / "package-lock.json").read_bytes()
    done = PLACE / "installed"
    if not done.exists() or done.read_bytes() != lock:
        PLACE.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, PLACE)
        ran = subprocess.run(
            ["npm", "ci", "--silent", "--no-audit", "--no-fund"],
            cwd=PLACE,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            pytest.skip(f"the message centre of the SMS tests could not be installed by npm: {ran.stderr.strip()[-300:]}")
        done.write_bytes(lock)
    shutil.copy(HERE / "smsc.js", PLACE)
    return PLACE


def _path() -> str:
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": _path()}


def perl_library() -> Path:
    """Debian's libnet-smpp-perl, unpacked beside the package of npm; skips, loudly, where it cannot be had."""
    for tool in ("perl", "apt-get", "dpkg"):
        if shutil.which(tool) is None:
            pytest.skip(f"the second message centre needs {tool}")
    place = PLACE / "perl"
    if not (place / "usr/share/perl5/Net/SMPP.pm").exists():
        place.mkdir(parents=True, exist_ok=True)
        ran = subprocess.run(
            ["apt-get", "download", "libnet-smpp-perl"], cwd=place, capture_output=True, text=True, check=False
        )
        if ran.returncode:
            pytest.skip(f"the second message centre could not be had from Debian: {ran.stderr.strip()[-300:]}")
        subprocess.run(["dpkg", "-x", next(place.glob("*.deb")), place], check=True)
    return place / "usr/share/perl5"


class MessageCentre:
    """One running centre; `port` stays the same when it is killed and started again."""

    def __init__(self, **options: Any) -> None:
        self._options, self.port = options, 0
        self.heard: list[dict[str, Any]] = []
        self._lines: Queue[dict[str, Any]] = Queue()
        self.start()

    def _command(self) -> list[str]:
        return ["node", str(installed() / "smsc.js"), str(self.port), json.dumps(self._options)]

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command(), env=_environment(), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        Thread(target=self._read, args=(self._process,), daemon=True).start()
        self.port = self.wait_for("listening")

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout:
            self._lines.put(json.loads(line))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self.kill()
        self._process.stdin.close()
        self._process.stdout.close()

    def tell(self, **command: Any) -> None:
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def wait_for(self, what: str, within: float = 60) -> Any:
        """The next thing of that name the centre says."""
        ends = time.monotonic() + within
        while True:
            try:
                said = self._lines.get(timeout=max(0.0, ends - time.monotonic()))
            except Empty:
                raise AssertionError(f"the message centre never said {what}; it said {self.heard[-5:]}") from None
            self.heard.append(said)
            if what in said:
                return said[what]

    def submitted(self, *, least: int = 0) -> list[dict[str, Any]]:
        """Every part that reached it so far; `least` have, though what it says of them may still be on its way."""
        while not self._lines.empty():
            self.heard.append(self._lines.get())
        parts = [said["submit"] for said in self.heard if "submit" in said]
        if len(parts) < least:
            self.wait_for("submit")
            return self.submitted(least=least)
        return parts

    def messages(self) -> list[tuple[str, str]]:
        """Addresses and whole texts: parts joined by what their headers say."""
        wholes: dict[tuple[str, int, int], dict[int, str]] = {}
        found = []
        for one in self.submitted():
            if one["part"] is None:
                found.append((one["to"], one["text"]))
                continue
            _, _, reference, total, number = one["part"]
            parts = wholes.setdefault((one["to"], reference, total), {})
            parts[number] = one["text"]
            if len(parts) == total:
                found.append((one["to"], "".join(parts[key] for key in sorted(parts))))
        return found


class SecondCentre(MessageCentre):
    """A centre of yet another library, whose receipts are text alone. It says what bytes it heard; joining them is the test's."""

    def _command(self) -> list[str]:
        with socket.socket() as probe:  # Perl's listener asks for a number
            probe.bind(("127.0.0.1", 0))
            port = self.port or probe.getsockname()[1]
        return ["perl", "-I", str(perl_library()), str(HERE / "smsc.pl"), str(port)]
