"""The acts on the keys of personal data: bring every row under the current key, give up an old one.

Knows the tables that hold sealed values. Does not know where a keyring is kept: whoever adds or removes a key there
does it before, or after, and every running process must have read it (`docs/personal-data.md`, key rotation).
"""

# ruff: noqa: S608  Names in the SQL here are constants of this file; every value is bound.
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from anhuan.portfolio.feed.sentences import Sentence
from anhuan.records import bulk, events, identity
from anhuan.records.events import Event
from anhuan.records.sealing import Keyring

Progress = Callable[[str, int, int], None]

_BATCH_ROWS = 20_000

_REFUSALS = {
    "key_current": ("当前密钥不能停用。", "The current key cannot be retired."),
    "key_unknown": ("密钥环中没有这把密钥。", "The keyring holds no such key."),
    "key_in_use": ("仍有数据使用这把密钥；请先完成轮换。", "Rows are still sealed with this key; finish the rotation first."),
}


@dataclass(frozen=True)
class _Sealed:
    """One table of sealed rows as rotation sees it: its key, and SQL for the name bound into each seal."""

    recipe: str
    table: str
    key: str
    row: str


_SEALED = (
    _Sealed("customer", "records_customer", "customer_id", "customer_id"),
    _Sealed("contact_point", "records_contactpoint", "point_id", "point_id::text"),
    _Sealed("set_aside_row", "records_setasiderow", "id", "sequence || '/' || line || '/' || file"),
    _Sealed("said", "records_said", "row_id", "row_id::text"),
    _Sealed("second_factor", "records_secondfactor", "id", "id::text"),
)


def rotate_keys(*, at: datetime, by: str, progress: Progress | None = None, ring: Keyring | None = None) -> int:
    """Re-encrypt every row not sealed with the current key; answers how many rows it changed.

    The new key stands in the keyring, current, before this begins, and every running process has it. Each batch is
    a transaction of its own: killed and run again, it goes on where it was. A night waits for a batch at most, and
    a batch for a night. `progress` is told table, rows done and rows in all.
    """
    ring = ring or identity.keyring()
    changed = {table.recipe: sum(_rotate_table(ring, table, progress)) for table in _SEALED}
    told = Event.objects.filter(chain="", kind="keys.rotated", body__current=ring.current).exists()
    if any(changed.values()) or (len(ring.encryption) > 1 and not told):
        body = {"current": ring.current, "rows": changed}
        with transaction.atomic():
            events.append(chain="", kind="keys.rotated", body=body, at=at, by=by)
    return sum(changed.values())


def _rotate_table(ring: Keyring, table: _Sealed, progress: Progress | None) -> Iterator[int]:
    """Yield the rows of each batch once it is committed."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table.table} WHERE key_id <> %s", [ring.current])
        total = cursor.fetchone()[0]
    done, after = 0, None
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            identity.hold_people(cursor)
            beyond = "" if after is None else f"AND {table.key} > %s"
            cursor.execute(
                f"SELECT {table.key}, {table.row} AS bound, sealed, key_id FROM {table.table} WHERE key_id <> %s {beyond} "
                f"ORDER BY {table.key} LIMIT {_BATCH_ROWS}",
                [ring.current] if after is None else [ring.current, after],
            )
            rows = cursor.fetchall()
            if rows:
                _reseal(cursor, ring, table, rows)
        if not rows:
            return
        after, done = rows[-1][0], done + len(rows)
        if progress is not None:
            progress(table.recipe, done, total)
        yield len(rows)


def _reseal(cursor: CursorWrapper, ring: Keyring, table: _Sealed, rows: Sequence[tuple[Any, str, bytes, int]]) -> None:
    plain = [ring.open(table.recipe, row, sealed, key_id) for _, row, sealed, key_id in rows]
    sealed = ring.seal(table.recipe, [row for _, row, _, _ in rows], plain)
    batch = pa.record_batch({"key": [str(key) for key, *_ in rows], "sealed": sealed})
    cursor.execute(
        f"CREATE TEMP TABLE identity_resealed ON COMMIT DROP AS "
        f"SELECT {table.key} AS key, sealed FROM {table.table} WITH NO DATA"
    )
    bulk.copy(cursor, "identity_resealed", ["key", "sealed"], pa.RecordBatchReader.from_batches(batch.schema, [batch]))
    cursor.execute("ANALYZE identity_resealed")
    cursor.execute(
        f"UPDATE {table.table} stored SET sealed = fresh.sealed, key_id = %s "
        f"FROM identity_resealed fresh WHERE stored.{table.key} = fresh.key",
        [ring.current],
    )
    cursor.execute("DROP TABLE identity_resealed")


def retire_key(key_id: int, *, at: datetime, by: str, ring: Keyring | None = None) -> Keyring | Sentence:
    """The keyring without an old key, or why not: the current key stays, and so does one that any row still needs.

    Writing the smaller keyring where it came from is for the caller, who owns that place; afterwards backups made
    before the rotation can no longer be read without a copy of the key.
    """
    ring = ring or identity.keyring()
    if key_id == ring.current:
        return _refused("key_current")
    if key_id not in ring.encryption:
        return _refused("key_unknown")
    with transaction.atomic():
        with connection.cursor() as cursor:
            identity.hold_people(cursor)
        if identity.rows_by_key().get(key_id):
            return _refused("key_in_use")
        events.append(chain="", kind="keys.rotated", body={"current": ring.current, "retired": key_id}, at=at, by=by)
    return ring.without(key_id)


def _refused(code: str) -> Sentence:
    return Sentence(code, *_REFUSALS[code])
