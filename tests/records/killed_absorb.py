"""Runs the second night of `test_killed_absorb` and dies by SIGKILL at its given moment: `python killed_absorb.py DB MOMENT`.

A moment is the first call that matches; the words are those of `MOMENTS`.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from anhuan import settings

settings.start()

import psycopg  # noqa: E402
from django.db import connection  # noqa: E402
from tests.records.nightfall import Books, Card, Paid  # noqa: E402

# Which method dies, what its first argument begins with, and at the how-manieth such call.
MOMENTS: dict[str, tuple[type, str, str, int]] = {
    "while accounts stream in": (psycopg.Copy, "write", "", 3),
    "before the chains grow": (psycopg.Cursor, "execute", "INSERT INTO records_event", 1),
    "between the two exchanges": (psycopg.Cursor, "execute", "ALTER TABLE records_casefigures_fresh RENAME", 1),
    "before the commit": (psycopg.Connection, "commit", "", 2),  # the first one is the payments'
}

SECOND = (
    [Card("A1", "C1", 0), Card("A2", "C2", 31), Card("A4", "C4", 1), Card("A5", "C5", 0, spoilt=True)],
    [Paid("P1", "A1", Books().day(1))],
)


def deadly(owner: Any, name: str, begins: str, number: int) -> None:
    passed = 0
    real: Callable[..., Any] = getattr(owner, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        nonlocal passed
        if not begins or str(arguments[1]).strip().startswith(begins):
            passed += 1
            if passed == number:
                os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)

    setattr(owner, name, wrapped)


if __name__ == "__main__":
    database, moment, memory = sys.argv[1:]
    connection.settings_dict["NAME"] = database
    books: Books = pickle.loads(Path(memory).read_bytes())
    deadly(*MOMENTS[moment])
    books.night(2, *SECOND)
    raise SystemExit("the moment never came")
