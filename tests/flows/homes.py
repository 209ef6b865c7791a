"""Homes that are dear to make: made once for all processes of a run, and copied by whoever wants one to work in."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

_NOT_OF_A_STOPPED_SERVER = shutil.ignore_patterns("*.sock", ".s.PGSQL*", "postmaster.pid")


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name`, made by the first process of the run that asks for it; nobody changes it afterwards.

    `make` is given the path of a folder that does not exist yet. What it leaves behind half-way is made anew.
    """
    root = Path(os.environ["TESTS_MADE_ONCE"])  # tests/conftest.py
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = root / name
        if not folder.exists():
            draft = root / f"{name}.half"
            shutil.rmtree(draft, ignore_errors=True)
            make(draft)
            draft.rename(folder)
    return folder


def copy(home: Path, to: Path) -> None:
    """Copy a home whose last user has gone: its server is waited for, since files under it may not be copied before."""
    wait_for_stop(home)
    shutil.copytree(home, to, symlinks=True, ignore=_NOT_OF_A_STOPPED_SERVER, dirs_exist_ok=True)


def wait_for_stop(home: Path) -> None:
    """Until the last user's server has stopped, so that its folder may be copied."""
    deadline = time.monotonic() + 60
    while list(home.glob("postgres/data/postmaster.pid")):
        assert time.monotonic() < deadline, "the embedded server did not stop"
        time.sleep(0.05)


def forgive_haste(home: Path) -> None:
    """An empty home whose database waits for no disk: nothing here is to outlive a power cut."""
    (home / "postgres").mkdir(parents=True, mode=0o700)
    (home / "postgres" / "local.conf").write_text("fsync = off\n")
