"""The law an installation judges by: the packs its house.yaml names, made stricter by that file, on the date of an instant.

Knows where a bank keeps its own rules and calendar (`house.yaml` and `calendar.yaml` in the home). Does not know any rule. A file
that has changed is read again; one that is wrong is a RulebookError, and nothing is judged until it is mended.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings

from anhuan.core.law import Law
from anhuan.rulebook import book, calendars


def in_force(at: datetime, *, packs: tuple[str, ...] | None = None, as_of: date | None = None) -> Law:
    """The law at an instant, by its date in the bank's own zone; `packs` and `as_of` ask for another law."""
    home = Path(settings.ANHUAN_HOME)
    on = as_of or at.astimezone(ZoneInfo(settings.TIME_ZONE)).date()
    return _law(_stamp(home / "house.yaml"), _stamp(home / "calendar.yaml"), packs, on)


def then(at: datetime, packs: tuple[str, ...] | None) -> Law:
    """The law of these packs as it was in force at an instant, by the bank's rules as they are written today."""
    return in_force(at, packs=packs)


def day(on: date) -> tuple[datetime, datetime]:
    """The first instants of a date and of the one after it, where the bank is."""
    zone = ZoneInfo(settings.TIME_ZONE)
    first, after = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (on, on + timedelta(days=1)))
    return first, after


def named(text: str) -> Callable[[datetime], Law]:
    """The law that `PACK[,PACK][@DATE]` asks for, of an instant: of its own date where no other is named.

    ValueError for a date that is none, RulebookError for a pack that is none.
    """
    told, _, on = text.partition("@")
    packs = tuple(pack.strip() for pack in told.split(",") if pack.strip()) or None
    as_of = date.fromisoformat(on.strip()) if on else None
    if packs:
        book.law_on(packs, as_of or date.max)  # a pack that is none is told before anything is judged
    return lambda at: in_force(at, packs=packs, as_of=as_of)


_Stamp = tuple[Path, int, int]


def _stamp(file: Path) -> _Stamp | None:
    """A file with the marks that change when it does; None when there is none."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return file, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=256)
def _law(house: _Stamp | None, calendar: _Stamp | None, packs: tuple[str, ...] | None, on: date) -> Law:
    own = book.read_house(house[0]) if house else None
    known = calendars.load_all(calendar[0] if calendar else None)
    return book.law_on(packs or (own.packs if own else book.DEFAULT_PACKS), on, house=own, calendars=known)
