"""Runs one night and, at the given instant, dies by SIGKILL: `python killed_night.py DIR [INSTANT]`.

An instant is any moment at which the process is about to talk to the database, has just committed, or is about to
make a file durable or rename it. Without INSTANT the night runs through; what became of it, the number of instants and
what the home then remembers go to stdout. The home has its schema already.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from anhuan import settings

deadly = int(sys.argv[2]) if len(sys.argv) > 2 else None
instants = itertools.count(1)


def instant() -> None:
    if next(instants) == deadly:
        os.kill(os.getpid(), signal.SIGKILL)


def before(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        instant()
        return function(*args, **kwargs)

    return wrapped


def after(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        answer = function(*args, **kwargs)
        instant()
        return answer

    return wrapped


settings.start()
sys.path.insert(0, str(Path(__file__).parent))
import book_state  # noqa: E402  Django must be set up first

from anhuan.clockwork import nightly  # noqa: E402

os.fsync = before(os.fsync)
os.rename = after(before(os.rename))
os.replace = after(before(os.replace))
psycopg.Cursor.execute = before(psycopg.Cursor.execute)  # type: ignore[method-assign]
psycopg.Cursor.copy = before(psycopg.Cursor.copy)  # type: ignore[method-assign]
psycopg.Connection.commit = after(before(psycopg.Connection.commit))  # type: ignore[method-assign]

home = Path(os.environ["ANHUAN_HOME"])
outcome = nightly.run(Path(sys.argv[1]), home=home)
took = next(instants) - 1
print(json.dumps({"status": outcome.status, "instants": took, "book": book_state.state(home)}, default=str))
