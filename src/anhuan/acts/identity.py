"""The acts on personal data: take in what a night delivers, show it to someone with a reason.

Knows what is written of a delivery's rows once they are told from the stored ones (`acts.apart`), and what a look in clear
leaves behind. Does not know how a value is sealed (`records.sealing`) nor how it is shown masked (`records.identity`).
"""

# ruff: noqa: S608  Names in the SQL here are constants of this file; every value is bound.
from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from anhuan.acts.apart import CUSTOMERS, POINTS, Apart, Kind
from anhuan.acts.customer import held
from anhuan.portfolio.feed.sentences import Sentence
from anhuan.records import bulk, events, fingerprints, identity
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
# Room on each page for the few rows a night marks absent or here again: PostgreSQL then leaves the indexes alone.
_FILL_PERCENT = 94

REASON_LENGTH = 200


# --- A night's people ----------------------------------------------------------------------------------------------


def absorb(
    con: Backend,
    *,
    night: Night,
    at: datetime,  # noqa: ARG001  Every act says when and who; the event of this one is the night's own.
    by: str,  # noqa: ARG001
    folder: Path | None = None,
    ring: Keyring | None = None,
) -> dict[str, Any]:
    """Take the delivered people and their contact points into records, inside the caller's transaction.

    `con` holds the night's `customers`, `contact_points` and `set_aside`. Only rows whose keyed fingerprint is not
    stored yet are sealed and written; who is no longer delivered gets `absent_since`, who is again loses it. The same
    night once more changes nothing. `folder`: where this machine keeps what is stored (`records.fingerprints`), made if
    absent; without one PostgreSQL is asked. Answers counts: per table `new`, `changed`, `returned`, `absent`, and the rows
    set aside. Raises `KeyUnknown` or `SealBroken` when the keyring is not the one the stored rows were written with.
    """
    ring = ring or identity.keyring()
    duck = con.con.cursor()  # beside whoever else works on the delivery meanwhile
    with connection.cursor() as cursor:
        identity.hold_people(cursor)
        _refuse_a_foreign_ring(duck, ring)
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        customers, points = _set_aside_tonight(duck)
        return {
            "customers": _Absorption(CUSTOMERS, duck, cursor, ring, night.business_date, customers, folder).run(),
            "contact_points": _Absorption(POINTS, duck, cursor, ring, night.business_date, points, folder).run(),
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
        f"select {POINTS.key_sql} from (select {', '.join(f'${name} as {name}' for name in told)})",
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

    kind: Kind
    duck: DuckDBPyConnection
    cursor: CursorWrapper
    ring: Keyring
    business_date: date
    aside: list[str]
    folder: Path | None

    def run(self) -> dict[str, int]:
        apart = Apart(self.kind, self.duck, self.ring, self.folder)
        stored = apart.tell()
        apart.spare(self._set_aside())
        number = apart.write()
        rows = {name: self._count(name) for name in ("new", "changed")}
        if stored:
            self._copy(self.kind.table, "new", rows["new"])
            self._overwrite(rows["changed"])
        else:
            self._fill(rows["new"])
        rows["returned"] = self._mark("returned", None)
        rows["absent"] = self._mark("gone", self.business_date)
        fingerprints.keep(self.kind.table, number)
        apart.forget()
        return rows

    def _set_aside(self) -> list[str]:
        """The ids of what is stored of the customers set aside."""
        if not self.aside:
            return []
        self.cursor.execute(f"SELECT {self.kind.key}::text FROM {self.kind.table} WHERE customer_id = ANY(%s)", [self.aside])
        return [key for (key,) in self.cursor.fetchall()]

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
                f"WHERE stored.{self.kind.key} = marked.id",
                [since],
            )
            marked = self.cursor.rowcount
        self.cursor.execute("DROP TABLE identity_marked")
        return marked


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
