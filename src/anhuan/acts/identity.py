"""The acts on personal data: take in what a night delivers, show it to someone with a reason.

Knows how a delivery's rows are told from the stored ones without decrypting either, and what a look in clear leaves
behind. Does not know how a value is sealed (`records.sealing`) nor how it is shown masked (`records.identity`).
"""

# ruff: noqa: S608  Names in the SQL here are constants of this file; every value is bound.
from __future__ import annotations

import unicodedata
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import psycopg
import pyarrow as pa
from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper

from anhuan.acts.customer import held
from anhuan.portfolio.feed.sentences import Sentence
from anhuan.records import bulk, events, identity
from anhuan.records.case import Case
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.identity import Person, SetAsideRow
from anhuan.records.night import Night
from anhuan.records.sealing import Keyring, SealBroken, sealed_reader, spelled_name, spelled_phone

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from ibis.backends.duckdb import Backend

# From so many rows on, two children seal faster than this process alone; below, starting them costs more.
_MANY_ROWS = 200_000
_CHILDREN = 2
_BATCH_ROWS = 20_000
_HEAP_PAGES = 16_384
# Room on each page for the few rows a night marks absent or here again: PostgreSQL then leaves the indexes alone.
_FILL_PERCENT = 94

REASON_LENGTH = 200


# --- A night's people ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Kind:
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


_CUSTOMERS = _Kind(
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
_POINTS = _Kind(
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


def absorb(
    con: Backend,
    *,
    night: Night,
    at: datetime,  # noqa: ARG001  Every act says when and who; the event of this one is the night's own.
    by: str,  # noqa: ARG001
    ring: Keyring | None = None,
) -> dict[str, Any]:
    """Take the delivered people and their contact points into records, inside the caller's transaction.

    `con` holds the night's `customers`, `contact_points` and `set_aside`. Only rows whose keyed fingerprint is not
    stored yet are sealed and written; who is no longer delivered gets `absent_since`, who is again loses it. The same
    night once more changes nothing. Answers counts: per table `new`, `changed`, `returned`, `absent`, and the rows
    set aside. Raises `KeyUnknown` or `SealBroken` when the keyring is not the one the stored rows were written with.
    """
    ring = ring or identity.keyring()
    duck = con.con.cursor()  # beside whoever else works on the delivery meanwhile
    with connection.cursor() as cursor:
        identity.hold_people(cursor)
        _refuse_a_foreign_ring(duck, ring)
        customers, points = _set_aside_tonight(duck)
        return {
            "customers": _Absorption(_CUSTOMERS, duck, cursor, ring, night.business_date, customers).run(),
            "contact_points": _Absorption(_POINTS, duck, cursor, ring, night.business_date, points).run(),
            "set_aside": _absorb_set_aside(cursor, duck, ring, night.sequence),
        }


def _refuse_a_foreign_ring(duck: DuckDBPyConnection, ring: Keyring) -> None:
    """Open a stored customer and contact point and find the point's id again: with other keys every row looks new."""
    customer, point = Customer.objects.first(), ContactPoint.objects.first()
    if customer is not None:
        ring.open("customer", customer.customer_id, customer.sealed, customer.key_id)
    if point is None:
        return
    told = {name: getattr(point, name) for name in ("customer_id", "kind", "party", "person_id")}
    told["value"] = identity.open_point(point, ring=ring).value
    ((point_id,),) = duck.execute(
        f"select {_POINTS.key_sql} from (select {', '.join(f'${name} as {name}' for name in told)})",
        {**told, "point_key": ring.point_key()},
    ).fetchall()
    if point_id != point.point_id:
        raise SealBroken("the fingerprint key is not the one the stored contact points were written with")


def _set_aside_tonight(duck: DuckDBPyConnection) -> tuple[list[str], list[str]]:
    """Customers whose own row, and those whose contact points, were set aside: not delivered well is not absent."""
    rows = duck.execute("select distinct file, key from set_aside where key <> ''").fetchall()
    customers = {key for file, key in rows if file == "customers.csv"}
    points = {key for file, key in rows if file == "contact_points.csv"}
    return sorted(customers), sorted(customers | points)


@dataclass(frozen=True)
class _Absorption:
    """One delivered table against its stored one: told apart by fingerprint in DuckDB, written set-based.

    `aside` are the customers whose rows stay as they are though they were not delivered.
    """

    kind: _Kind
    duck: DuckDBPyConnection
    cursor: CursorWrapper
    ring: Keyring
    business_date: date
    aside: list[str]

    def run(self) -> dict[str, int]:
        # The two cores share the work: DuckDB digests the delivery while PostgreSQL gathers what is stored.
        with ThreadPoolExecutor(1) as other:
            digested = other.submit(self._digest)
            stored = _stored(self.kind)
            digested.result()
        self.duck.register("identity_stored", stored)
        self._compare()
        rows = {name: self._count(name) for name in ("new", "changed")}
        if stored.num_rows == 0:
            self._fill(rows["new"])
        else:
            self._copy(self.kind.table, "new", rows["new"])
            self._overwrite(rows["changed"])
        rows["returned"] = self._mark("returned", None)
        rows["absent"] = self._mark("gone", self.business_date)
        self.duck.unregister("identity_stored")
        for name in ("now", "candidates", "new", "changed", "returned", "gone"):
            self.duck.execute(f"drop table identity_{name}")
        return rows

    def _digest(self) -> None:
        """Table identity_now(line, fingerprint): a keyed 128-bit digest of each delivered row.

        SHA-256 over a secret of fixed length and a JSON list, cut to its first half: JSON quotes what it lists, so no
        two rows spell the same text and NULL is not empty; a digest cut short cannot be extended. The key is bound.
        """
        self.duck.execute(
            f"create or replace temp table identity_now as select line, "
            f"left(sha256($row_key || json_array({self.kind.told})), 32)::uuid as fingerprint from {self.kind.delivered}",
            {"row_key": self.ring.row_key(self.kind.recipe)},
        )

    def _compare(self) -> None:
        """Tables identity_new and identity_changed (line, fingerprint, id), identity_returned and identity_gone (id).

        Ids are computed only for rows whose fingerprint is not stored. Of several delivered rows with one id the best
        stands (`choose`); that may be the one already stored, which then has to compete as well.
        """
        delivered, key_sql = self.kind.delivered, self.kind.key_sql
        self.duck.execute(
            f"create or replace temp table identity_candidates as select line, fingerprint, {key_sql} as id "
            f"from {delivered} join (from identity_now anti join identity_stored using (fingerprint)) using (line)",
            {"point_key": self.ring.point_key()} if "$point_key" in key_sql else {},
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

    def _count(self, which: str) -> int:
        ((rows,),) = self.duck.execute(f"select count(*) from identity_{which}").fetchall()
        return int(rows)

    def _fill(self, rows: int) -> None:
        """The first load: a table made in this transaction writes no log, and indexes are built once, over all rows."""
        with bulk.swap(self.cursor, self.kind.model) as fresh:
            self.cursor.execute(f"ALTER TABLE {fresh} SET (fillfactor = {_FILL_PERCENT})")
            self._copy(fresh, "new", rows, freeze=True)
        self.cursor.execute(f"ANALYZE {self.kind.table}")

    def _overwrite(self, rows: int) -> None:
        """Replace the stored rows whose delivered row differs; whoever was absent is here again."""
        table, key = self.kind.table, self.kind.key
        columns = ["fingerprint", *self.kind.columns, *self.kind.indexed, "sealed", "key_id"]
        self.cursor.execute(
            f"CREATE TEMP TABLE identity_changed ON COMMIT DROP AS SELECT {key}, {', '.join(columns)} FROM {table} WITH NO DATA"
        )
        if self._copy("identity_changed", "changed", rows):
            self.cursor.execute(f"ANALYZE identity_changed ({key})")
            self.cursor.execute(
                f"UPDATE {table} stored SET absent_since = NULL, "
                + ", ".join(f"{column} = changed.{column}" for column in columns)
                + f" FROM identity_changed changed WHERE stored.{key} = changed.{key}"
            )
        self.cursor.execute("DROP TABLE identity_changed")

    def _copy(self, table: str, which: str, rows: int, *, freeze: bool = False) -> int:
        """COPY the rows of identity_<which> into `table`, sealed on the way."""
        kind = self.kind
        clear = self.duck.sql(
            f"select c.id::varchar as {kind.key}, c.fingerprint::varchar as fingerprint, "
            + "".join(f"{sql} as {name}, " for name, sql in kind.columns.items())
            + "".join(f"d.{column} as {name}, " for name, column in kind.indexed.items())
            + f"c.id::varchar as seal_row, encode(json_array({', '.join(kind.sealed)})::varchar) as seal_plain "
            f"from {kind.delivered} d join identity_{which} c using (line)"
        ).to_arrow_reader(_BATCH_ROWS)
        sealed = sealed_reader(self.ring, kind.recipe, clear, processes=_CHILDREN if rows >= _MANY_ROWS else 0)
        return bulk.copy(self.cursor, table, sealed.schema.names, sealed, freeze=freeze)

    def _mark(self, which: str, since: date | None) -> int:
        """Set `absent_since` of the rows of identity_<which>; answers how many it concerned."""
        ids = self.duck.sql(f"select id::varchar as id from identity_{which} order by id").to_arrow_reader(_BATCH_ROWS)
        self.cursor.execute(f"CREATE TEMP TABLE identity_marked (id {self.kind.key_type}) ON COMMIT DROP")
        marked = bulk.copy(self.cursor, "identity_marked", ["id"], ids)
        if marked:
            self.cursor.execute("ANALYZE identity_marked")
            self.cursor.execute(
                f"UPDATE {self.kind.table} stored SET absent_since = %s FROM identity_marked marked "
                f"WHERE stored.{self.kind.key} = marked.id AND NOT stored.customer_id = ANY(%s)",
                [since, self.aside if since else []],
            )
            marked = self.cursor.rowcount
        self.cursor.execute("DROP TABLE identity_marked")
        return marked


def _stored(kind: _Kind) -> pa.Table:
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
            ((packed, lengths, fingerprints, absent),) = cursor.fetchall()
            if packed is not None:
                columns = [_ids(packed, lengths), _uuids(fingerprints), pa.array(np.frombuffer(absent, np.bool_))]
                batches.append(pa.record_batch(columns, schema=schema))
    return pa.Table.from_batches(batches, schema=schema)


def _uuids(packed: bytes) -> pa.Array:
    plain = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(packed) // 16, [None, pa.py_buffer(packed)])
    return pa.ExtensionArray.from_storage(pa.uuid(), plain)


def _ids(packed: bytes, lengths: bytes | None) -> pa.Array:
    if lengths is None:
        return _uuids(packed)
    ends = np.frombuffer(lengths, ">i2").cumsum(dtype=np.int32)
    offsets = np.concatenate([np.zeros(1, np.int32), ends])
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(packed))


def _absorb_set_aside(cursor: CursorWrapper, duck: DuckDBPyConnection, ring: Keyring, sequence: int) -> int:
    """Keep the night's unusable rows whole and sealed; the same night again replaces its own."""
    cursor.execute("DELETE FROM records_setasiderow WHERE sequence = %s", [sequence])
    clear = duck.sql(
        "select $sequence::bigint as sequence, file, line, $sequence || '/' || line || '/' || file as seal_row, "
        f"encode(json_array({', '.join(identity.SET_ASIDE_SEALED)})::varchar) as seal_plain from set_aside",
        params={"sequence": sequence},
    ).to_arrow_reader(_BATCH_ROWS)
    sealed = sealed_reader(ring, "set_aside_row", clear)
    return bulk.copy(cursor, "records_setasiderow", sealed.schema.names, sealed)


# --- A look in clear -----------------------------------------------------------------------------------------------

# What one can ask to see, and the kinds of contact point that stand behind a field.
REVEALABLE = ("name", "id_number", "birth_date", "employer", "phone", "email", "address", "app")
_POINT_KINDS = {"phone": ("mobile", "phone"), "email": ("email",), "address": ("address",), "app": ("app",)}

_REFUSALS = {
    "reason_missing": ("请写明查看原因。", "Give the reason for looking."),
    "reason_too_long": (f"原因不得超过 {REASON_LENGTH} 字。", f"The reason has at most {REASON_LENGTH} characters."),
    "reason_quotes_person": (
        "原因将永久留存，其中不得写出此人的姓名、号码等个人信息。",
        "The reason is kept for ever; it must not hold the person's name, numbers or other personal data.",
    ),
    "field_unknown": ("没有选定可查看的内容。", "No field that can be revealed was chosen."),
    "case_unknown": (
        "没有这个案件，或银行从未提供其个人信息。",
        "There is no such case, or the bank never delivered this person.",
    ),
    "night_unknown": ("该批次没有搁置的行。", "No rows were set aside in that night."),
}


def _refused(code: str) -> Sentence:
    return Sentence(code, *_REFUSALS[code])


def reveal(
    case_id: str,
    *,
    fields: Collection[str],
    reason: str,
    at: datetime,
    by: str,
    points: Collection[UUID] | None = None,
    ring: Keyring | None = None,
) -> Person | Sentence:
    """Show some of a person's data in clear, and remember who looked, why and at what; never the values.

    `fields` are of REVEALABLE; with `points`, only these contact points are shown in clear. The answer is the whole
    person with everything not asked for still masked, or the reason for refusing. Who may ask is for the caller to
    check (`records.access`).
    """
    if refusal := _reason_refused(reason):
        return refusal
    if not fields or not set(fields) <= set(REVEALABLE):
        return _refused("field_unknown")
    with transaction.atomic():
        person = identity.unsealed(case_id, ring=ring) if Case.objects.filter(pk=case_id).exists() else None
        if person is None:
            return _refused("case_unknown")
        if _quotes(person, reason):
            return _refused("reason_quotes_person")
        body: dict[str, Any] = {"fields": sorted(set(fields)), "reason": _one_line(reason)}
        if points is not None:
            body["points"] = sorted(str(point_id) for point_id in points)
        events.append(chain=case_id, kind="identity.revealed", body=body, at=at, by=by)
    return _in_clear(person, set(fields), points)


def look_at_message(customer_id: str, row_id: UUID, *, at: datetime, by: str) -> None:
    """Remember that somebody read what a message or a reply says."""
    with held(customer_id, at=at, by=by) as customer:
        customer.remember("message.read", {"message": str(row_id)})


def _in_clear(person: Person, fields: set[str], points: Collection[UUID] | None) -> Person:
    masked = identity.mask_person(person)
    kinds = {kind for name in fields for kind in _POINT_KINDS.get(name, ())}
    shown = [
        clear if clear.kind in kinds and (points is None or clear.point_id in points) else hidden
        for clear, hidden in zip(person.points, masked.points, strict=True)
    ]
    asked = {name: getattr(person, name) for name in fields - set(_POINT_KINDS)}
    return replace(masked, points=tuple(shown), **asked)


def _one_line(reason: str) -> str:
    return " ".join(unicodedata.normalize("NFC", reason).split())


def _reason_refused(reason: str) -> Sentence | None:
    if not _one_line(reason):
        return _refused("reason_missing")
    return _refused("reason_too_long") if len(_one_line(reason)) > REASON_LENGTH else None


def _quotes(person: Person, reason: str) -> bool:
    """Whether a reason holds one of the person's own values, in any usual spelling. One sign alone says nothing."""
    told = spelled_name(reason)
    digits = "".join(sign for sign in told if sign.isdigit())
    values = [person.name, person.id_number, person.birth_date, person.employer]
    values += [text for point in person.points for text in (point.value, point.party_name)]
    numbers = [spelled_phone(point.value)[3:] for point in person.points if point.kind in _POINT_KINDS["phone"]]
    return any(len(value) > 1 and value in told for value in map(spelled_name, values)) or any(
        len(number) >= 7 and number in digits for number in numbers
    )


@dataclass(frozen=True)
class SetAside:
    """A row set aside, in clear: `key` when it was legible, `raw` as delivered. Its `repr` shows where it stood only."""

    file: str
    line: int
    key: str
    raw: str

    def __repr__(self) -> str:
        return f"SetAside(file={self.file!r}, line={self.line})"


def set_aside_rows(
    sequence: int, *, reason: str, at: datetime, by: str, ring: Keyring | None = None
) -> list[SetAside] | Sentence:
    """The rows a night set aside, in clear, for repair and replay; the look stands in the chain of the house."""
    if refusal := _reason_refused(reason):
        return refusal
    ring = ring or identity.keyring()
    with transaction.atomic():
        rows = SetAsideRow.objects.filter(sequence=sequence).order_by("file", "line")
        clear = [SetAside(row.file, row.line, **identity.open_set_aside(row, ring=ring)) for row in rows]
        if not clear:
            return _refused("night_unknown")
        body = {"fields": ["set_aside_rows"], "night": sequence, "rows": len(clear), "reason": _one_line(reason)}
        events.append(chain="", kind="identity.revealed", body=body, at=at, by=by)
    return clear
