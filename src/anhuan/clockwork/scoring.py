"""Tonight's scores: what the model a bank put into its home says of every overdue account, sealed beside the night.

Knows where the model lies (`score.json` in the home, written by `anhuan score fit`) and where its word is kept
(`scores/<night>.parquet`), for whoever replays the night. Does not know what a strategy makes of a score.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend
from ibis.expr import types as ir

from anhuan.core.vocabulary import NightStatus
from anhuan.portfolio import scores, snapshot
from anhuan.records.night import Night

MODEL = "score.json"


def seal(con: Backend, night: Night, *, home: Path) -> dict[str, Any] | None:
    """Score the overdue accounts of a night and keep it: `{"model", "accounts", "sha256"}`; None where the home has no model.

    The same model and night give the same file. Raises `tabular.Unusable` for a model that cannot be read, or wants what a night
    does not tell.
    """
    if not (home / MODEL).exists():
        return None
    model, root = scores.load(home / MODEL), home / "snapshots"
    before = Night.objects.filter(status=NightStatus.SEALED, business_date__lt=night.business_date).order_by("-business_date")
    earlier = [snapshot.load(con, root / each.snapshot) for each in reversed(before[: scores.BACK])]
    tonight = snapshot.load(con, root / night.snapshot)
    found = scores.scored(model, scores.features(tonight, earlier))
    rows = found.order_by("account_id").to_pyarrow()
    place = _place(tonight)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = place.with_suffix(".partial")
    pq.write_table(rows, partial, compression="zstd")
    with partial.open("rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    partial.replace(place)
    return {"model": model.fingerprint, "accounts": len(rows), "sha256": digest}


def sealed(night: snapshot.Snapshot) -> ir.Table | None:
    """account_id and `pay_score` of a night, as it was sealed; None where it has no scores."""
    place = _place(night)
    return night.con.read_parquet(place).rename(pay_score="score") if place.exists() else None


def _place(night: snapshot.Snapshot) -> Path:
    return night.folder.parents[1] / "scores" / f"{night.folder.name}.parquet"
