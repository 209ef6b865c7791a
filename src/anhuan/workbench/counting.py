"""Figures that take long to count: kept for a while, and then counted anew beside the request where somebody would have to wait.

Knows how old a figure may become and who counts it. Every figure goes with the instant of which it is; what was never counted is not
there yet, and a page shows nothing in its place. Does not know what is counted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Thread
from time import perf_counter
from typing import Generic, TypeVar

from django.core.cache import cache
from django.db import connection, connections

T = TypeVar("T")

FRESH_SECONDS = 15
"""How old figures may be before they are counted anew; or `TIMES` as long as counting took, where that is more."""
TIMES = 30
PATIENCE_SECONDS = 0.1
"""What takes no longer is counted while the page waits."""
LARGE = 50_000
"""Rows of a table of which it is not tried, before it is known how long counting takes."""
OLDEST_SECONDS = 600
"""Figures nobody has looked at for so long are not shown any more."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Figures(Generic[T]):
    """What was counted, of the instant `at`; and how many seconds that took."""

    value: T
    at: datetime
    took: float


def figures(name: str, count: Callable[[], T], *, table: str, at: datetime) -> Figures[T] | None:
    """The figures of a name, counted by `count` from a table; None where they are being counted for the first time.

    Only one thread of a process counts them at a time.
    """
    kept: Figures[T] | None = cache.get(f"figures:{name}")
    if kept is not None and cache.get(f"figures-fresh:{name}"):
        return kept
    if (kept.took <= PATIENCE_SECONDS) if kept is not None else not _large(table):
        return _counted(name, count, at)
    if cache.add(f"figures-counting:{name}", value=True, timeout=OLDEST_SECONDS):
        Thread(target=_beside, args=(name, count, at), name=f"counts {name}", daemon=True).start()
    return kept


def _counted(name: str, count: Callable[[], T], at: datetime) -> Figures[T]:
    begun = perf_counter()
    value = count()
    told = Figures(value, at, perf_counter() - begun)
    cache.set(f"figures:{name}", told, timeout=OLDEST_SECONDS)
    cache.set(f"figures-fresh:{name}", value=True, timeout=max(FRESH_SECONDS, int(TIMES * told.took)))
    return told


def _beside(name: str, count: Callable[[], T], at: datetime) -> None:
    """The same in a thread with a connection of its own; the older figures stay where it fails."""
    try:
        _counted(name, count, at)
    except Exception:  # it is nobody's request: the log is all there is
        logger.exception("figures could not be counted", extra={"figures": name})
    finally:
        cache.delete(f"figures-counting:{name}")
        connections.close_all()


def _large(table: str) -> bool:
    """By PostgreSQL's own estimate, which costs nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples > %s FROM pg_class WHERE oid = %s::regclass", [LARGE, table])
        row = cursor.fetchone()
    return bool(row and row[0])
