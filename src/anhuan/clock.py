"""The only place that asks the time.

`ANHUAN_CLOCK=<instant with offset>` starts the clock there, for demonstrations and tests: the first call to
`now()` in a process answers that instant and time runs on from it. Production mode refuses the variable.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

_started = time.monotonic()


def now() -> datetime:
    """The present instant, in UTC."""
    moved = moved_to()
    if moved is None:
        return real()
    return moved + timedelta(seconds=time.monotonic() - _started)


def real() -> datetime:
    """The real time, in UTC, whatever the clock shows: for what machines outside the house stamp."""
    return datetime.now(UTC)


def moved_to() -> datetime | None:
    """The instant the clock was moved to by `ANHUAN_CLOCK`, or None when it shows the real time."""
    text = os.environ.get("ANHUAN_CLOCK")
    if not text:
        return None
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"ANHUAN_CLOCK={text!r} has no offset; write for example 2026-11-23T09:30:00+08:00")
    return instant.astimezone(UTC)
