"""What the bank's files said of a customer on the night in force at an instant, from the sealed snapshots of that night.

Knows which night was in force, and where snapshots lie. They hold flags, time zones and accounts, and no personal data, so
nothing of them is kept a second time in the records; contact points cannot be told from them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
from django.conf import settings

from anhuan.records.night import Night
from anhuan.records.told import Rows

_CUSTOMER = ("customer_id", "timezone", "flags")
_ACCOUNT = ("customer_id", "account_id", "block_code", "placed_with")


def rows(asked: Sequence[tuple[str, datetime]]) -> list[Rows | None]:
    """Of each customer at an instant, her row and those of her accounts.

    None where no night was sealed by then, its snapshot is not at hand, or it did not hold her.
    """
    sealed = Night.objects.filter(sealed_at__isnull=False).order_by("sealed_at", "sequence")
    nights = [(night.sealed_at, night.snapshot) for night in sealed.only("sealed_at", "snapshot") if night.sealed_at]
    instants = [sealed_at for sealed_at, _ in nights]
    in_force = [bisect_right(instants, at) - 1 for _, at in asked]
    found: dict[int, Mapping[str, Rows]] = {}
    for number in {number for number in in_force if number >= 0}:
        wanted = {customer_id for (customer_id, _), night in zip(asked, in_force, strict=True) if night == number}
        found[number] = _read(Path(settings.ANHUAN_HOME) / "snapshots" / nights[number][1], wanted)
    return [found.get(night, {}).get(customer_id) for (customer_id, _), night in zip(asked, in_force, strict=True)]


def _read(snapshot: Path, customers: Iterable[str]) -> dict[str, Rows]:
    """The rows of these customers in a snapshot, in the cells `records.facts` tells; a snapshot that is gone holds nobody."""
    if not snapshot.is_dir():
        return {}
    wanted = ds.field("customer_id").isin(sorted(customers))
    told: dict[str, dict[str, Any]] = {}
    for row in _table(snapshot, "customers", _CUSTOMER, wanted):
        told[row["customer_id"]] = {"customer": [[row["timezone"], row["flags"] or []]], "account": []}
    for row in _table(snapshot, "accounts", _ACCOUNT, wanted):
        if row["customer_id"] in told:
            told[row["customer_id"]]["account"].append([row["account_id"], row["block_code"], row["placed_with"]])
    return dict(told)


def _table(snapshot: Path, name: str, columns: Sequence[str], wanted: ds.Expression) -> list[dict[str, Any]]:
    return ds.dataset(snapshot / f"{name}.parquet").to_table(columns=list(columns), filter=wanted).to_pylist()  # type: ignore[no-any-return]
