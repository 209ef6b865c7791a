"""A sender killed at any instant sends nothing twice and loses nothing: what nobody can tell is unknown, and counts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.channels.message_centre import MessageCentre
from tests.flows import homes
from tests.flows.test_killed_nights import HERE, run_python

from anhuan.clockwork.sending import EXIT_LOST

CUSTOMERS = 6


def run(home: Path, *arguments: str) -> str:
    ran = run_python(home, "killed_sender.py", *arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def sent(home: Path) -> dict[str, Any]:
    """Send what is to be sent, and say what became of everything."""
    return json.loads(run(home, "send"))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A home with messages that are due, and how many instants it takes to send them."""
    root = tmp_path_factory.mktemp("senders")
    run(root / "home", "fill", str(CUSTOMERS))
    homes.copy(root / "home", root / "undisturbed")
    end = sent(root / "undisturbed")
    assert Counter(end["items"].values()) == {"sent": CUSTOMERS}
    return {"home": root / "home", "instants": end["instants"]}


def check_end(home: Path) -> None:
    """Nothing was handed over twice, and whatever may have left has a contact that counts, and the permit it used."""
    end = sent(home)
    assert [attempt for attempt, times in Counter(end["handed"]).items() if times > 1] == []
    assert set(end["items"].values()) <= {"sent", "unknown"}
    assert len(end["items"]) == CUSTOMERS
    for attempt, became in end["items"].items():
        assert end["contacts"][end["permits"][attempt]] == {"sent": "completed", "unknown": "unknown"}[became]
    assert set(end["handed"]) <= set(end["permits"])


def check_kill(filled: dict[str, Any], home: Path, instant: int) -> None:
    homes.copy(filled["home"], home)
    killed = run_python(home, "killed_sender.py", "send", str(instant))
    assert killed.returncode == -9, (killed.returncode, killed.stdout, killed.stderr)
    check_end(home)


def test_a_killed_sender_sends_nothing_twice_and_loses_nothing(filled: dict[str, Any], tmp_path: Path) -> None:
    check_kill(filled, tmp_path / "home", int(filled["instants"] * 0.6))


@pytest.mark.slow
def test_a_sender_may_be_killed_at_any_instant(filled: dict[str, Any], tmp_path: Path) -> None:
    for instant in range(1, filled["instants"] + 1, 2):
        home = tmp_path / f"home{instant}"
        check_kill(filled, home, instant)
        homes.wait_for_stop(home)
        shutil.rmtree(home)


@pytest.mark.slow
def test_a_database_killed_in_mid_campaign_ends_the_sender_and_loses_nothing(filled: dict[str, Any], tmp_path: Path) -> None:
    home = tmp_path / "home"
    homes.copy(filled["home"], home)
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")}
    sender = subprocess.Popen(
        [sys.executable, HERE / "killed_sender.py", "slowly"],
        env=environment | {"ANHUAN_HOME": str(home)},
        stderr=subprocess.DEVNULL,
    )
    log = home / "handed.log"
    hurry = time.monotonic() + 60
    while time.monotonic() < hurry and not (log.exists() and len(log.read_text().split()) >= 2):
        time.sleep(0.05)
    (pid_file,) = home.rglob("postmaster.pid")
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
    assert sender.wait(60) == EXIT_LOST
    check_end(home)


@contextmanager
def working(home: Path, clock: str) -> Iterator[None]:
    """A sender as a bank runs it, until the block ends."""
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")}
    told = environment | {"ANHUAN_HOME": str(home), "ANHUAN_CLOCK": clock}
    with (home / "sender.log").open("a") as log:
        sender = subprocess.Popen([sys.executable, "-m", "anhuan", "work"], env=told, stderr=log, stdout=log)
        try:
            yield
        finally:
            sender.terminate()
            sender.wait(60)


def settled(home: Path, *, within: float = 120) -> dict[str, Any]:
    """What became of everything once nothing is under way with a sender."""
    hurry = time.monotonic() + within
    while time.monotonic() < hurry:
        became: dict[str, Any] = json.loads(run(home, "state"))
        if "started" not in became["items"].values() and len(became["permits"]) >= len(became["items"]):
            return became
    raise AssertionError((home / "sender.log").read_text())


@pytest.mark.slow
def test_a_message_centre_killed_in_mid_campaign_has_no_message_twice_and_none_is_lost(tmp_path: Path) -> None:
    home, messages = tmp_path / "home", 60
    run(home, "fill", str(messages))
    centre = MessageCentre()
    (home / "secrets" / "smpp").write_text("secret\n")
    told = {
        "transport": "smpp",
        "host": "127.0.0.1",
        "port": centre.port,
        "system_id": "test",
        "source": "106900",
        "window": 10,
    }
    told |= {"per_second": 15, "password_file": "secrets/smpp", "reconnect_after": 0.5}
    (home / "channels.yaml").write_text(json.dumps({"sms": told}))
    try:
        with working(home, "2026-11-23T10:05:00+08:00"):
            while len(centre.submitted()) < 20:
                centre.wait_for("submit")
            centre.kill()
            centre.start()
            first = settled(home)
        # What is proven to have stayed is tried again five minutes later.
        assert Counter(first["items"].values())["waiting"] > 0
        with working(home, "2026-11-23T10:20:00+08:00"):
            while "waiting" in (end := settled(home))["items"].values():
                time.sleep(1)
    finally:
        centre.stop()
    parts = Counter((one["to"], one["part"][-1]) for one in centre.submitted())  # each text is one of two parts
    assert set(parts.values()) == {1}
    became = {end["to"][attempt].lstrip("+"): state for attempt, state in end["items"].items()}
    assert set(became.values()) <= {"sent", "delivered", "unknown"}
    assert {number for number, state in became.items() if state != "unknown"} <= {number for number, _ in centre.messages()}
    assert Counter(end["contacts"].values())["unknown"] == Counter(became.values())["unknown"] <= 10
    assert Counter(end["contacts"].values())["completed"] == messages - Counter(became.values())["unknown"]
