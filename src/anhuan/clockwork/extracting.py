"""The end of the day: the bank is told what changed of our conduct, in files of the home.

This edge gives the instant and the folder; what is told, and that it is told once, is `acts.extract`.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from anhuan import clock
from anhuan.acts import extract
from anhuan.portfolio.feed import Sentence
from anhuan.records.extract import Extract

ACTOR = "system:extract"
LAYOUT = "canonical/1"


def run(day: date, *, home: Path, out: Path | None = None, layout: str = LAYOUT, by: str = ACTOR) -> dict[str, Any] | Sentence:
    """The extract of a business date, with its files in `out` (by default `extracts/<date>` of the home): its manifest and `folder`.

    Extracts that were cut short are finished first. One that was made before is written again, the same.
    """
    made = extract.begin(day, layout=layout, at=clock.now(), by=by)
    if isinstance(made, Sentence):
        return made
    for left in extract.unfinished():
        if left.pk != made.pk:
            extract.write(left, _folder(left.business_date, home), at=clock.now())
    folder = out or _folder(day, home)
    return {**extract.write(made, folder, at=clock.now()), "folder": str(folder)}


def complete(day: date, *, home: Path) -> None:
    """The extract of a night's business date, where its files do not stand yet: the night is over only then, killed or not.

    One whose files stand is left alone: what it told has gone out.
    """
    if not Extract.objects.filter(business_date=day, done_at__isnull=False).exists():
        run(day, home=home)


def _folder(day: date, home: Path) -> Path:
    return home / "extracts" / day.isoformat()
