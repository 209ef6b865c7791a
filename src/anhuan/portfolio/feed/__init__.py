"""A bank's nightly delivery: from files in the bank's own form to typed rows and findings.

    open_delivery(folder, layout=…, search=…)  a folder becomes a Delivery, weighed and vouched for
    read(delivery, con, …)                     a Delivery becomes tables in DuckDB, findings and reasons to refuse
    check(folder, …)                           both at once, as JSON, without any book

The contract itself, every finding and every key of a layout: `docs/feed.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anhuan.portfolio import engine
from anhuan.portfolio.feed.delivery import Delivery, open_delivery
from anhuan.portfolio.feed.reading import CEILING, Progress, Reading, read, read_alone
from anhuan.portfolio.feed.sentences import FeedUnreadable, Sentence, sentence

__all__ = [
    "CEILING",
    "Delivery",
    "FeedUnreadable",
    "Progress",
    "Reading",
    "Sentence",
    "check",
    "open_delivery",
    "read",
    "sentence",
]


def check(folder: Path, *, layout: str | None, search: Sequence[Path], workspace: Path) -> dict[str, Any]:
    """Read a delivery and say what is wrong with it: the JSON of `anhuan feed check`.

    `ok`: the night could be sealed, as far as the delivery alone can tell. `differences`: why it could not.
    """
    delivery = open_delivery(folder, layout=layout, search=search)
    con = engine.connect(workspace)
    try:
        reading = read_alone(delivery, con)
        columns = ("file", "line", "column", "code", "message_zh", "message_en")
        shown = ", ".join(f'"{column}"' for column in columns)
        query = f'SELECT {shown} FROM findings ORDER BY file, line NULLS FIRST, code, "column"'
        found = [dict(zip(columns, row, strict=True)) for row in con.raw_sql(query).fetchall()]
    finally:
        con.disconnect()
    return {
        "ok": not reading.refusals,
        "files": reading.rows,
        "differences": [{"code": said.code, "message_zh": said.zh, "message_en": said.en} for said in reading.refusals],
        "findings": found,
    }
