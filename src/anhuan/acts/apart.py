"""Tonight's people told from the stored ones: which rows are new, changed, here again, gone.

Knows the two delivered tables that hold people, their fingerprints, and how most rows are passed over without computing one: a
file of this machine (`records.fingerprints`) has a quick mark of each row as it was last delivered. Does not decrypt, and does
not write to the stored tables: that is `acts.identity`.
"""

# ruff: noqa: S608  Names in the SQL here are constants of this file; every value is bound.
from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psycopg
import pyarrow as pa
from django.db import connection, models

from anhuan.records import fingerprints, identity
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.sealing import Keyring

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_HEAP_PAGES = 16_384
_BATCH_ROWS = 122_880


@dataclass(frozen=True)
class Kind:
    """How one delivered table becomes one stored table; SQL fragments are DuckDB's, over the delivered columns.

    `columns` are stored in clear under these names. `told` makes up the fingerprint: the whole delivered row but its
    line and what follows from the date. `key` is the stored row's id; `choose` orders rows that share one, best
    first, by what they say alone, so that the same rows in another order give the same choice.
    """

    model: type[models.Model]
    table: str
    recipe: str
    delivered: str
    key: str
    key_type: str
    key_sql: str
    columns: dict[str, str]
    told: str
    sealed: tuple[str, ...]
    indexed: dict[str, str]
    choose: str


CUSTOMERS = Kind(
    model=Customer,
    table="records_customer",
    recipe="customer",
    delivered="customers",
    key="customer_id",
    key_type="varchar",
    key_sql="customer_id",
    columns={
        "sex": "coalesce(sex, '')",
        "language": "language",
        "timezone": "timezone",
        "region_code": "coalesce(region_code, '')",
        "segment": "coalesce(segment, '')",
        "flags": "coalesce(flags, [])",
    },
    told="customer_id, name, id_type, id_number, birth_date, sex, language, timezone, region_code, employer, segment, flags",
    sealed=identity.CUSTOMER_SEALED,
    indexed={"name_index": "name", "id_index": "id_number"},
    choose="fingerprint",
)
POINTS = Kind(
    model=ContactPoint,
    table="records_contactpoint",
    recipe="contact_point",
    delivered="contact_points",
    key="point_id",
    key_type="uuid",
    key_sql="left(sha256($point_key || json_array(customer_id, kind, value, party, coalesce(person_id, ''))), 32)::uuid",
    columns={
        "customer_id": "customer_id",
        "kind": "kind",
        "party": "party",
        "person_id": "coalesce(person_id, '')",
        "place": "coalesce(place, '')",
        "valid": "valid",
        "reserved": "reserved",
    },
    told="customer_id, kind, value, party, party_name, person_id, place, valid, reserved, source",
    sealed=identity.POINT_SEALED,
    indexed={"value_index": "value"},
    choose="coalesce(reserved, false) desc, coalesce(valid, true) desc, fingerprint",
)


@dataclass(frozen=True)
class Apart:
    """The delivered rows of one kind against the stored ones, in DuckDB.

    `tell` makes the tables identity_new and identity_changed (line, fingerprint, id), identity_returned and identity_gone (id).
    `folder`: where this machine keeps its file; None where it keeps none.
    """

    kind: Kind
    duck: DuckDBPyConnection
    ring: Keyring
    folder: Path | None

    def tell(self) -> bool:
        """Tell the rows apart; answers whether anything is stored at all."""
        kept = self._kept()
        if kept is None:
            # The two cores share the work: DuckDB digests the delivery while PostgreSQL gathers what is stored.
            with ThreadPoolExecutor(1) as other:
                digested = other.submit(self._digest)
                stored = _stored(self.kind)
                digested.result()
            self.duck.register("identity_stored", stored)
        else:
            stored = kept
            self.duck.register("identity_kept", kept)
            self._mark()
            self._narrow()
        self._compare()
        return bool(stored.num_rows)

    def spare(self, ids: Sequence[str]) -> None:
        """What of `ids` was not delivered is not gone all the same."""
        if ids:
            told = f"select unnest($spared)::{self.kind.key_type}"
            self.duck.execute(f"delete from identity_gone where id in ({told})", {"spared": list(ids)})

    def write(self) -> str | None:
        """Write the file of what will be stored, for the night to come; its number (`fingerprints.keep`)."""
        if self.folder is None:
            return None
        self._complete()
        sent = "id::blob" if self.kind.key_type == "uuid" else "id"
        rows = self.duck.sql(
            f"select {sent} as id, first_mark, second_mark, fingerprint::blob as fingerprint, absent from ("
            "select * from identity_kept anti join (select id from identity_new union all select id from identity_changed "
            "union all from identity_returned union all from identity_gone) using (id) "
            "union all select c.id, first_mark, second_mark, c.fingerprint, false "
            "from (from identity_new union all from identity_changed) c join identity_marks using (line) "
            "union all select id, first_mark, second_mark, fingerprint, true from identity_kept semi join identity_gone using (id) "
            "union all select k.id, any_value(m.first_mark), any_value(m.second_mark), k.fingerprint, false "
            "from identity_kept k semi join identity_returned using (id) join identity_now n using (fingerprint) "
            "join identity_marks m using (line) group by k.id, k.fingerprint)"
        ).to_arrow_reader(_BATCH_ROWS)
        return fingerprints.write(self.kind.table, self.folder, self.ring.file_cipher(self.kind.recipe), rows)

    def forget(self) -> None:
        """Drop all that was made here."""
        made = {name for (name,) in self.duck.execute("select table_name from duckdb_tables() where temporary").fetchall()}
        for name in ("now", "candidates", "new", "changed", "returned", "gone", "marks", "unmet", "pairs", "kept", "stored"):
            if f"identity_{name}" in made:
                self.duck.execute(f"drop table identity_{name}")
        for name in ("identity_kept", "identity_stored"):
            self.duck.unregister(name)

    def _kept(self) -> pa.Table | None:
        if self.folder is None:
            return None
        cipher = self.ring.file_cipher(self.kind.recipe)
        return fingerprints.read(self.kind.table, self.folder, cipher, fingerprints.schema(self.kind.key_type))

    @property
    def _fingerprint(self) -> str:
        """SQL of a keyed 128-bit digest of a delivered row; `$row_key` is bound.

        SHA-256 over a secret of fixed length and a JSON list, cut to its first half: JSON quotes what it lists, so no
        two rows spell the same text and NULL is not empty; a digest cut short cannot be extended.
        """
        return f"left(sha256($row_key || json_array({self.kind.told})), 32)::uuid"

    def _digest(self) -> None:
        """Table identity_now(line, fingerprint), of each delivered row."""
        self.duck.execute(
            f"create or replace temp table identity_now as select line, {self._fingerprint} as fingerprint "
            f"from {self.kind.delivered}",
            {"row_key": self.ring.row_key(self.kind.recipe)},
        )

    def _mark(self) -> None:
        """Table identity_marks(line, first_mark, second_mark): an eighth of the work of a fingerprint each.

        The first tells columns apart, the second begins with a secret: nobody can look for two rows of the same marks.
        """
        told = self.kind.told
        texts = ", ".join(f"{name.strip()}::varchar" for name in told.split(","))
        self.duck.execute(
            f"create or replace temp table identity_marks as select line, hash({told}) as first_mark, "
            f"hash(concat_ws('|', $row_key, {texts})) as second_mark from {self.kind.delivered}",
            {"row_key": self.ring.row_key(self.kind.recipe)},
        )

    def _narrow(self) -> None:
        """Tables identity_now and identity_stored of those rows alone that `_compare` has anything to say of.

        A row whose mark is kept is as it was: it is left out on both sides, unless it was absent, or one that nothing was kept
        of has its id, and the two have to compete.
        """
        delivered = self.kind.delivered
        self.duck.execute(
            "create or replace temp table identity_pairs as select m.line, k.id, k.fingerprint, k.absent "
            "from identity_marks m full join identity_kept k using (first_mark, second_mark) "
            "where m.line is null or k.id is null or k.absent"
        )
        keys = {"row_key": self.ring.row_key(self.kind.recipe)} | self._point_key()
        self.duck.execute(
            f"create or replace temp table identity_unmet as select line, {self.kind.key_sql} as id, "
            f"{self._fingerprint} as fingerprint from {delivered} "
            "semi join (select line from identity_pairs where id is null) using (line)",
            keys,
        )
        self.duck.execute(
            "insert into identity_pairs select m.line, k.id, k.fingerprint, k.absent "
            "from identity_kept k semi join identity_unmet using (id) join identity_marks m using (first_mark, second_mark) "
            "where not k.absent"
        )
        self.duck.execute(
            "create or replace temp table identity_stored as "
            "select distinct id, fingerprint, absent from identity_pairs where id is not null;"
            "create or replace temp table identity_now as select line, fingerprint from identity_unmet "
            "union all select line, fingerprint from identity_pairs where line is not null and id is not null"
        )

    def _compare(self) -> None:
        """The four tables. Ids are computed only for rows whose fingerprint is not stored. Of several delivered rows with one id the best
        stands (`choose`); that may be the one already stored, which then has to compete as well.
        """
        delivered, key_sql = self.kind.delivered, self.kind.key_sql
        self.duck.execute(
            f"create or replace temp table identity_candidates as select line, fingerprint, {key_sql} as id "
            f"from {delivered} join (from identity_now anti join identity_stored using (fingerprint)) using (line)",
            self._point_key(),
        )
        self.duck.execute(
            "insert into identity_candidates select min(n.line), n.fingerprint, any_value(s.id) "
            "from identity_stored s join identity_now n using (fingerprint) "
            "where s.id in (select id from identity_candidates) group by n.fingerprint"
        )
        self.duck.execute(
            f"delete from identity_candidates where line in (select line from (select line, "
            f"row_number() over (partition by id order by {self.kind.choose}) as place "
            f"from identity_candidates join {delivered} using (line) "
            f"where id in (select id from identity_candidates group by id having count(*) > 1)) where place > 1)"
        )
        self.duck.execute(
            "create or replace temp table identity_new as from identity_candidates anti join identity_stored using (id);"
            "create or replace temp table identity_changed as select c.* from identity_candidates c "
            "join identity_stored s using (id) where c.fingerprint <> s.fingerprint;"
            "create or replace temp table identity_returned as select id from identity_stored "
            "semi join identity_now using (fingerprint) where absent and id not in (select id from identity_changed);"
            "create or replace temp table identity_gone as select id from identity_stored "
            "anti join identity_now using (fingerprint) where not absent and id not in (select id from identity_candidates)"
        )

    def _complete(self) -> None:
        """Table identity_kept, where there was no file: what is stored, with its mark where it was delivered tonight."""
        found = self.duck.execute("select 1 from duckdb_tables() where table_name = 'identity_marks'").fetchall()
        if not found:
            self._mark()
            self.duck.execute(
                "create or replace temp table identity_kept as select s.id, first_mark, second_mark, s.fingerprint, s.absent "
                "from identity_stored s left join (select n.fingerprint, any_value(first_mark) as first_mark, "
                "any_value(second_mark) as second_mark from identity_now n semi join identity_stored using (fingerprint) "
                "join identity_marks using (line) group by n.fingerprint) using (fingerprint)"
            )

    def _point_key(self) -> dict[str, str]:
        return {"point_key": self.ring.point_key()} if "$point_key" in self.kind.key_sql else {}


def _stored(kind: Kind) -> pa.Table:
    """What is stored: (id, fingerprint, absent), gathered by PostgreSQL into a few long strings of bytes.

    A row a message, as COPY sends them, takes twice as long for three million rows and keeps this process busy with
    each; here Arrow takes the bytes as they are. The heap is walked in spans of pages, so that a message stays small.
    """
    ids, lengths = f"uuid_send({kind.key})", "NULL::bytea"
    if kind.key_type == "varchar":
        ids = f"convert_to({kind.key}, 'UTF8')"
        lengths = f"string_agg(int2send(octet_length({kind.key})::int2), ''::bytea)"
    ask = (
        f"SELECT string_agg({ids}, ''::bytea), {lengths}, string_agg(uuid_send(fingerprint), ''::bytea), "
        f"string_agg(CASE WHEN absent_since IS NULL THEN '\\x00'::bytea ELSE '\\x01'::bytea END, ''::bytea) "
        f"FROM {kind.table} WHERE ctid >= %s::text::tid AND ctid < %s::text::tid"
    )
    id_type = pa.uuid() if kind.key_type == "uuid" else pa.string()
    schema = pa.schema({"id": id_type, "fingerprint": pa.uuid(), "absent": pa.bool_()})
    batches = []
    connection.ensure_connection()
    # psycopg's own cursor: Django's asks for text, which would spell every byte as two digits.
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute("SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::int", [kind.table])
        ((pages,),) = cursor.fetchall()
        for page in range(0, pages, _HEAP_PAGES):
            cursor.execute(ask, [f"({page},0)", f"({page + _HEAP_PAGES},0)"], binary=True)
            ((packed, lengths, digests, absent),) = cursor.fetchall()
            if packed is not None:
                columns = [_ids(packed, lengths), fingerprints.uuids(digests), pa.array(np.frombuffer(absent, np.bool_))]
                batches.append(pa.record_batch(columns, schema=schema))
    return pa.Table.from_batches(batches, schema=schema)


def _ids(packed: bytes, lengths: bytes | None) -> pa.Array:
    if lengths is None:
        return fingerprints.uuids(packed)
    ends = np.frombuffer(lengths, ">i2").cumsum(dtype=np.int32)
    offsets = np.concatenate([np.zeros(1, np.int32), ends])
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(packed))
