"""The append-only memory: every act leaves one event, and each chain of events is hash-linked.

A chain is a case (`chain` = its case id) or the house itself (`chain` = ""). PostgreSQL computes the hashes with
its built-in sha256 (`records_event_hash`, first migration) and refuses to change or delete an event. Knows how
events are added, summed up and checked; does not know what any kind of event means.

Writers of one chain wait for each other: a case's chain is guarded by the lock on its `Case` row, which also holds
the chain's length and last hash, the house's by an advisory lock. An act that touches a case locks that row first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import numpy as np
from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper

HOUSE = ""

# The house's chain has no row to lock: an advisory lock under this number, held to the end of the transaction.
_HOUSE_LOCK = 0x616E6576


class Event(models.Model):
    """One thing that happened, signed by who did it and linked to the event before it in its chain."""

    id = models.BigAutoField(primary_key=True)
    chain = models.CharField(max_length=32, db_collation="C", blank=True)
    number = models.IntegerField()
    kind = models.CharField(max_length=40)
    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    body = models.JSONField(default=dict)
    previous = models.BinaryField(null=True)
    hash = models.BinaryField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["chain", "number"], name="event_number_in_chain")]


def append(*, chain: str, kind: str, body: Mapping[str, Any], at: datetime, by: str) -> int:
    """Add one event to the end of `chain`; returns its number in the chain.

    Runs in the caller's transaction and holds the chain until its end. Raises LookupError when `chain` is no case.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        number, head = _end_of_chain(cursor, chain)
        cursor.execute(
            """
            INSERT INTO records_event (chain, number, kind, at, "by", body, previous, hash)
            SELECT e.*, records_event_hash(e.previous, e.chain, e.number, e.kind, e.at, e."by", e.body)
            FROM (SELECT %s::varchar AS chain, %s::integer AS number, %s::varchar AS kind, %s::timestamptz AS at,
                         %s::varchar AS "by", %s::jsonb AS body, %s::bytea AS previous) e
            RETURNING hash
            """,
            [chain, number + 1, kind, at, by, json.dumps(body), head],
        )
        if chain != HOUSE:
            (new_head,) = cursor.fetchone()
            cursor.execute("UPDATE records_case SET events = %s, head = %s WHERE case_id = %s", [number + 1, new_head, chain])
    return number + 1


def _end_of_chain(cursor: CursorWrapper, chain: str) -> tuple[int, bytes | None]:
    """Length and last hash of a chain, with nobody else able to append to it until this transaction ends."""
    if chain == HOUSE:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_HOUSE_LOCK])
        cursor.execute("SELECT number, hash FROM records_event WHERE chain = '' ORDER BY number DESC LIMIT 1")
        number, head = cursor.fetchone() or (0, None)
        return number, head
    cursor.execute("SELECT events, head FROM records_case WHERE case_id = %s FOR NO KEY UPDATE", [chain])
    row = cursor.fetchone()
    if row is None:
        raise LookupError("an event belongs to a case that exists, or to the house")
    number, head = row
    return number, head


def append_many(cursor: CursorWrapper, source: str, *, at: datetime, by: str) -> int:
    """Add one event to each of many cases; returns how many.

    `source` names a table (chain, kind, body jsonb) with at most one row per case, every case existing.
    """
    sign(cursor, source, "appended", at=at, by=by)
    keep(cursor, "appended", at=at, by=by)
    cursor.execute("UPDATE records_case c SET events = a.number, head = a.hash FROM appended a WHERE c.case_id = a.chain")
    appended: int = cursor.rowcount
    cursor.execute("DROP TABLE appended")
    return appended


def sign(cursor: CursorWrapper, source: str, signed: str, *, at: datetime, by: str) -> None:
    """Make the temporary table `signed`: the rows of `source` with number, previous and hash of their events.

    First half of `append_many`, for a caller that writes the case rows itself and moves `events` and `head` in the
    same stroke. Cases that exist are locked, in the order of their ids; a case yet to be written starts its chain. A row
    of `source` without a kind has no event, but its case is locked, too.
    """
    # A locking SELECT that had to wait answers with the row as its last writer left it: heads are never stale.
    cursor.execute(
        f"""
        CREATE TEMPORARY TABLE {signed} ON COMMIT DROP AS
        WITH held AS MATERIALIZED (
            SELECT c.case_id, c.events, c.head FROM records_case c JOIN {source} s ON s.chain = c.case_id
            ORDER BY c.case_id FOR NO KEY UPDATE OF c
        ), next AS (
            SELECT s.*, coalesce(h.events, 0) + 1 AS number, h.head AS previous
            FROM {source} s LEFT JOIN held h ON h.case_id = s.chain WHERE s.kind IS NOT NULL
        )
        SELECT next.*, records_event_hash(previous, chain, number, kind, %s::timestamptz, %s::text, body) AS hash FROM next
        """,  # noqa: S608  our table
        [at, by],
    )


def keep(cursor: CursorWrapper, signed: str, *, at: datetime, by: str) -> None:
    """Write the events of a table made by `sign`, with the same `at` and `by`: the second half of `append_many`."""
    cursor.execute(
        f"""
        INSERT INTO records_event (chain, number, kind, at, "by", body, previous, hash)
        SELECT chain, number, kind, %s::timestamptz, %s, body, previous, hash FROM {signed} ORDER BY chain
        """,  # noqa: S608  our table
        [at, by],
    )


def heads(cursor: CursorWrapper) -> dict[str, Any]:
    """An anchor: `{"events", "position", "digest"}` over the last hash of every chain as of now.

    `digest` is the SHA-256 (hex) of all head hashes, the house's first, then by case id in byte order; `position`
    the highest event id. Kept outside the database it shows when a chain was cut short afterwards. Holds writers of
    events back until the transaction ends, so that no event with a lower id can still appear.
    """
    cursor.execute("LOCK TABLE records_event IN SHARE MODE")
    cursor.execute(
        """
        WITH house AS (SELECT number, hash FROM records_event WHERE chain = '' ORDER BY number DESC LIMIT 1),
             cases AS (SELECT sum(events) AS events, string_agg(head, ''::bytea) AS heads
                       FROM (SELECT events, head FROM records_case WHERE events > 0 ORDER BY case_id) c)
        SELECT coalesce((SELECT number FROM house), 0) + coalesce(cases.events, 0),
               coalesce((SELECT max(id) FROM records_event), 0),
               encode(sha256(coalesce((SELECT hash FROM house), '') || coalesce(cases.heads, '')), 'hex')
        FROM cases
        """
    )
    events, position, digest = cursor.fetchone()
    return {"events": int(events), "position": position, "digest": digest}


# Every event with what is wrong with it, if anything; one statement, so that events and cases are of one moment.
# A chain that has no case, a case whose chain is gone and a chain cut short under its case's head show in the join.
_CHECKED = """
CREATE TEMPORARY TABLE checked ON COMMIT DROP AS
SELECT e.id, coalesce(e.chain, c.case_id) AS chain, coalesce(e.number, c.events) AS number, e.hash, e.next_id,
       CASE WHEN e.id IS NULL THEN 'events_missing'
            WHEN e.number <> e.counted OR e.id <= e.id_before THEN 'out_of_order'
            WHEN e.previous IS DISTINCT FROM e.hash_before THEN 'link_broken'
            WHEN e.hash <> e.proper THEN 'changed'
            WHEN e.next_id IS NULL AND e.chain <> '' AND c.case_id IS NULL THEN 'case_missing'
            WHEN e.next_id IS NULL AND e.chain <> '' AND (c.events <> e.number OR c.head IS DISTINCT FROM e.hash)
                 THEN 'head_differs'
       END AS wrong
FROM (
    SELECT id, chain, number, previous, hash, proper, row_number() OVER chained AS counted,
           lag(hash) OVER chained AS hash_before, lag(id) OVER chained AS id_before, lead(id) OVER chained AS next_id
    FROM (SELECT *, records_event_hash(previous, chain, number, kind, at, "by", body) AS proper
          FROM records_event {one_chain}) hashed
    WINDOW chained AS (PARTITION BY chain ORDER BY number)
) e
FULL JOIN (SELECT case_id, events, head FROM records_case WHERE events > 0 {one_case}) c
    ON c.case_id = e.chain AND e.next_id IS NULL
"""


def verify(*, case: str | None = None, anchors: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Recompute every hash, number and link: `{"ok", "events", "first_bad"}`.

    `case` restricts the check to one chain (anchors then say nothing and are left out). Each anchor of `heads`,
    with whatever else the caller keeps in it, is compared with the chains as they stood at its position.
    `first_bad` is None, or `{"chain", "number", "reason"}` of the earliest event that is wrong (`chain` "" = the
    house), or `{"anchor", "reason"}` with the first anchor that no longer agrees. Reads some seconds per million.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '256MB'")
        chosen = {"one_chain": "", "one_case": ""}
        if case is not None:
            chosen = {"one_chain": "WHERE chain = %(case)s", "one_case": "AND case_id = %(case)s"}
        cursor.execute(_CHECKED.format(**chosen), {"case": case})
        cursor.execute("SELECT count(id) FROM checked")
        (events,) = cursor.fetchone()
        cursor.execute("SELECT chain, number, wrong FROM checked WHERE wrong IS NOT NULL ORDER BY id NULLS LAST, chain LIMIT 1")
        wrong = cursor.fetchone()
        first_bad = dict(zip(("chain", "number", "reason"), wrong, strict=True)) if wrong else None
        if first_bad is None and case is None:
            first_bad = _first_anchor_that_differs(cursor, list(anchors))
        cursor.execute("DROP TABLE checked")
    return {"ok": first_bad is None, "events": events, "first_bad": first_bad}


# A row of the binary COPY of (id bigint, next_id bigint, hash bytea of 32): column count, then length and value each.
_HEAD_ROW = np.dtype(
    [
        ("columns", ">i2"),
        ("l1", ">i4"),
        ("id", ">i8"),
        ("l2", ">i4"),
        ("next_id", ">i8"),
        ("l3", ">i4"),
        ("hash", "V32"),
    ]
)
_COPY_HEADER = 19
_COPY_TRAILER = b"\xff\xff"
_BATCH = 1 << 17


def _first_anchor_that_differs(cursor: CursorWrapper, anchors: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """All anchors in one pass over the chains, in the order of `heads`: a head as of a position is an event at or
    before it whose successor is after it.
    """
    if not anchors:
        return None
    digests = [hashlib.sha256() for _ in anchors]
    counted = [0] * len(anchors)
    for rows in _head_rows(cursor):
        for n, anchor in enumerate(anchors):
            then = rows["id"] <= anchor["position"]
            counted[n] += int(then.sum())
            digests[n].update(rows["hash"][then & (rows["next_id"] > anchor["position"])].tobytes())
    for anchor, digest, events in zip(anchors, digests, counted, strict=True):
        if (events, digest.hexdigest()) != (anchor["events"], anchor["digest"]):
            return {"anchor": dict(anchor), "reason": "anchor_differs"}
    return None


def _head_rows(cursor: CursorWrapper) -> Iterable[np.ndarray[Any, Any]]:
    query = "SELECT id, coalesce(next_id, 9223372036854775807), hash FROM checked WHERE id IS NOT NULL ORDER BY chain, number"
    with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)") as copied:
        gathered: list[bytes] = []
        header = True
        for piece in copied:
            row = bytes(piece)[_COPY_HEADER:] if header else bytes(piece)
            header = False
            if row and row != _COPY_TRAILER:
                gathered.append(row)
            if len(gathered) == _BATCH:
                yield np.frombuffer(b"".join(gathered), _HEAD_ROW)
                gathered = []
        if gathered:
            yield np.frombuffer(b"".join(gathered), _HEAD_ROW)
