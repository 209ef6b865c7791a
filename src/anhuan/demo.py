"""The demonstration: the made-up bank of `examples/firstbank`, worked through night by night, then served.

Knows how to fill an empty home and who signs in. The bank itself is a generator that stands with the examples,
in the repository or in the installed wheel.
"""

from __future__ import annotations

import importlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import ModuleType
from typing import Any

# The morning after the last night of the demonstration: a Monday, at a working hour.
MORNING = "2026-11-23T09:30:00+08:00"
LAST_NIGHT = date(2026, 11, 22)
USER = "demo"

Progress = Callable[[str, int, int], None]
Say = Callable[[str], None]


def run(home: Path, *, port: int, nights: int, accounts: int, progress: Progress, say: Say) -> int:
    """Fill `home` unless it is filled, then serve until Ctrl-C (`DEMO_EXIT=1`: until the site answered once)."""
    os.environ.setdefault("ANHUAN_CLOCK", MORNING)
    from anhuan import settings

    settings.start()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    if not _work_through(home, nights=nights, accounts=accounts, progress=progress, say=say):
        return 3
    password = _demo_user(home)
    port = _free_port(port)
    return _serve(
        port,
        say,
        f"\n  安还 Anhuan    http://127.0.0.1:{port}/\n"
        f"  用户 user      {USER}\n"
        f"  密码 password  {password}\n\n"
        "  Ctrl-C ends the demonstration; `make demo` starts it again in seconds.\n",
    )


def _work_through(home: Path, *, nights: int, accounts: int, progress: Progress, say: Say) -> bool:
    """Generate the bank's nights and run those that are not sealed yet; False when one is refused."""
    from anhuan.clockwork import nightly

    folder = home / "demo-nights"
    first = LAST_NIGHT - timedelta(days=nights - 1)
    sealed = {entry["business_date"] for entry in nightly.listed(home)}
    wanted = [first + timedelta(days=n) for n in range(nights)]
    missing = [day for day in wanted if day.isoformat() not in sealed]
    if not missing:
        return True
    if not all((folder / day.isoformat() / "manifest.json").exists() for day in missing):
        say(f"Writing {nights} nights of {accounts:,} accounts of the made-up bank …")
        _firstbank().generate(
            out=folder, nights=nights, accounts=accounts, start=first, seed=7, form="canonical", progress=progress
        )
    for number, day in enumerate(missing, start=1):
        progress("nights", number - 1, len(missing))
        outcome = nightly.run(folder / day.isoformat(), home=home, progress=None)
        say(f"{day}  {outcome.status:9}  {_one_line(outcome.result)}")
        if outcome.status == "refused":
            return False
    progress("nights", len(missing), len(missing))
    return True


def _one_line(result: dict[str, Any]) -> str:
    shown = {key: result[key] for key in ("flow", "cases", "reason") if result.get(key)}
    return json.dumps(shown, ensure_ascii=False).replace('"', "")


def _firstbank() -> ModuleType:
    """The generator of the made-up bank: in the repository's examples, or beside this file in the wheel."""
    here = Path(__file__).resolve()
    for folder in (here.parents[2] / "examples" / "firstbank", here.parent / "_firstbank"):
        if (folder / "generate.py").exists():
            sys.path.insert(0, str(folder))
            return importlib.import_module("generate")
    raise FileNotFoundError("The made-up bank (examples/firstbank) is not part of this installation.")


def _demo_user(home: Path) -> str:
    """The password of the demonstration's user, made on the first run and kept in the home's secrets."""
    from anhuan import clock
    from anhuan.acts import staff
    from anhuan.records.staff import Staff

    kept = home / "secrets" / "demo_password"
    if not kept.exists():  # kept before the user is made: a start cut short in between must not lose it
        with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(12) + "\n")
    password = kept.read_text().strip()
    if not Staff.objects.filter(username=USER).exists():
        refused = staff.create_staff(
            username=USER, password=password, role="operations", language="zh-hans", at=clock.now(), by="system:demo"
        )
        if refused is not None:
            raise RuntimeError(refused.en)
    return password


def _free_port(wanted: int) -> int:
    """`wanted` if it is free on loopback, else the next free one."""
    for port in range(wanted, wanted + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"No free port between {wanted} and {wanted + 99}.")


def _serve(port: int, say: Say, welcome: str) -> int:
    command = [sys.executable, "-m", "anhuan", "serve", "--port", str(port)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # end as with Ctrl-C, and so take the site along
    server = subprocess.Popen(command)
    try:
        if not _answers(port, server):
            say("The site did not answer within a minute.")
            return 70
        say(welcome)
        if os.environ.get("DEMO_EXIT"):
            return 0
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        if server.poll() is None:
            server.terminate()
        server.wait()


def _answers(port: int, server: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            site = HTTPConnection("127.0.0.1", port, timeout=10)
            site.request("GET", "/login/")
            return site.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            time.sleep(0.2)
    return False
