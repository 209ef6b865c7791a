"""What the records know of a customer, as the facts the gate judges: the only builder of `core.facts.Facts` from records.

Knows which tables tell what; `records.told` makes their rows facts. Does not write, and does not know any rule. For one customer
all tables are asked in one statement; for many, table by table in spans of customers, with the same text.

Contacts since `since` are told, `WINDOW` before `at` unless a caller knows a longer reach of its law. Older ones are told where
a rule may still ask: contacts with third persons, location contacts, opt-out confirmations, e-mails and texts from her, and dials
of hers that failed since she was last reached, which decide whether she counts as lost.
"""

# ruff: noqa: S608  The SQL is put together from constants of this file; every value is bound.
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakSet

import psycopg
from django.db import connection, transaction
from psycopg.pq import TransactionStatus

from anhuan.core.facts import Facts
from anhuan.core.law import Law
from anhuan.core.vocabulary import CALLS
from anhuan.records import told
from anhuan.records.told import Rows

WINDOW = timedelta(days=60)
_ALL_KNOWN = datetime(9999, 12, 31, tzinfo=UTC)

# --- what each table tells ----------------------------------------------------------------------------------------

_CALLS = ", ".join(f"'{channel}'" for channel in sorted(CALLS))
# A contact is told unless it is void or an agency's seat that went unused; its result only once that was known.
_TOLD = """
t.recorded_at <= %(known)s AND t.session_of IS NULL
AND NOT (t.state = 'void' AND t.closed_at <= %(known)s)
AND (t.reserved_until IS NULL OR t.reserved_until > %(at)s OR t.closed_at <= %(known)s OR t.state = 'unknown')
"""
_REACHED = f"""
r.party = 'debtor' AND r.state <> 'void' AND r.recorded_at <= %(known)s
AND (r.direction = 'inbound' OR (r.channel IN ({_CALLS}) AND r.line_result IN ('', 'connected')))
"""
_STILL_ASKED = f"""
(t.party <> 'debtor' OR t.purpose IN ('locate', 'confirm_opt_out') OR (t.direction = 'inbound' AND t.channel IN ('email', 'sms'))
 OR (t.direction = 'outbound' AND t.channel IN ({_CALLS}) AND t.line_result NOT IN ('', 'connected')
     AND NOT EXISTS (SELECT FROM records_contact r
                     WHERE r.customer_id = t.customer_id AND r.started_at >= t.started_at AND {_REACHED})))
"""
# Contacts come as text, not JSON, for there are millions of them in a night: cells parted by signs no id may hold (a constraint
# of the table), the closed words as one cell, for there are few combinations of them.
_CONTACT = """
concat_ws(E'\\x1f', t.contact_id, t.started_at,
    concat_ws('|', t.channel, t.direction, t.party, t.purpose, t.point_kind, CASE WHEN t.automated THEN 't' ELSE 'f' END,
        CASE WHEN t.closed_at <= %(known)s THEN t.line_result ELSE '' END,
        CASE WHEN t.closed_at <= %(known)s THEN t.outcome ELSE '' END, t.actor),
    t.person_id, coalesce(t.point_id::text, ''), array_to_string(t.debts, E'\\x1d'), coalesce(t.in_reply_to::text, ''))
"""

_CONTACTS_OF_ONE = f"""
SELECT string_agg({_CONTACT}, E'\\x1f' ORDER BY t.started_at, t.contact_id) FROM records_contact t
WHERE t.customer_id = %(customer)s AND {_TOLD} AND (t.started_at >= %(since)s OR {_STILL_ASKED})
"""


@dataclass(frozen=True)
class _Source:
    """One table: the cells of a row, which rows, in what order: by an instant, where it has one, then by an id."""

    cells: str
    table: str
    where: str = "t.recorded_at <= %(known)s"
    at: str = "t.at"
    id: str = "t.id"

    @property
    def of_all(self) -> bool:
        """Whether it is the bank that tells it, of every customer."""
        return self.at == "NULL"

    @property
    def rows(self) -> str:
        """All rows of one customer as JSON."""
        return f"json_agg(json_build_array({self.cells}) ORDER BY {self.at}, {self.id})"


_SOURCES: Mapping[str, _Source] = {
    "customer": _Source("t.timezone, t.flags", "records_customer", "true", "NULL", "t.customer_id"),
    "account": _Source("t.account_id, t.block_code, t.placed_with", "records_account", "true", "NULL", "t.account_id"),
    "point": _Source(
        "t.point_id, t.kind || '|' || t.party || '|' || t.place, t.person_id", "records_contactpoint", "t.absent_since IS NULL",
        "NULL", "t.point_id",
    ),
    "hold": _Source(
        "t.kind, t.begins, CASE WHEN t.ended_at <= %(known)s THEN t.ends END, t.debts, t.until_date",
        "records_hold", "t.registered_at <= %(known)s", "t.begins", "t.hold_id",
    ),
    "consent": _Source(
        "t.at, t.covers, t.given_to, t.begins, t.ends, t.channel, t.point_id, t.person_id, t.debts, t.limit_per_day",
        "records_consent",
    ),
    "revocation": _Source("t.at, t.covers", "records_revocation"),
    "opt_out": _Source("t.at, t.channel, t.point_id", "records_optout"),
    "time_block": _Source("t.at, t.weekdays, t.begins, t.ends, t.until_date, t.channel", "records_timeblock"),
    "place_bar": _Source("t.at, t.place", "records_placebar"),
    "cease": _Source("t.at", "records_ceasenotice", "t.written AND t.recorded_at <= %(known)s"),
    "bad_time": _Source("t.contact_id", "records_badtime"),
    "circumstance": _Source(
        "t.kind, t.debts, t.timezones, t.place, t.contact_known, t.actor", "records_circumstance",
        "t.recorded_at <= %(known)s AND t.at <= %(at)s AND (t.ends IS NULL OR t.ends > %(at)s)",
    ),
    "point_finding": _Source("t.kind, t.point_id, t.at, t.opt_out_until, t.reassigned", "records_pointfinding"),
    "person_finding": _Source("t.kind, t.person_id, t.relation, t.at", "records_personfinding"),
}  # fmt: skip

# Of one customer: her contacts, and all else as one list of rows, each with its source before its cells; most sources have none.
_EACH_ROW = " UNION ALL ".join(
    f"SELECT {source.at}::timestamptz AS at, {source.id}::text COLLATE \"C\" AS id, json_build_array('{name}', {source.cells}) AS cells"
    f" FROM {source.table} t WHERE t.customer_id = %(customer)s AND {source.where}"
    for name, source in _SOURCES.items()
)
# Prepared by name once a connection: PostgreSQL takes longer to plan it than to answer it.
_ONE = "PREPARE facts_of_one (text, timestamptz, timestamptz, timestamptz) AS SELECT " + (
    f"({_CONTACTS_OF_ONE}), (SELECT json_agg(cells ORDER BY at, id) FROM ({_EACH_ROW}) each_row)"
) % {"customer": "$1", "at": "$2", "known": "$3", "since": "$4"}
# Of several, held at once: the same for each.
_SEVERAL = (
    "PREPARE facts_of_several (text[], timestamptz, timestamptz, timestamptz) AS SELECT w.customer_id, "
    + (
        f"({_CONTACTS_OF_ONE}), (SELECT json_agg(cells ORDER BY at, id) FROM ({_EACH_ROW}) each_row)"
        % {"customer": "w.customer_id", "at": "$2", "known": "$3", "since": "$4"}
    )
    + " FROM unnest($1) w (customer_id)"
)
_prepared_several: WeakSet[psycopg.Connection[Any]] = WeakSet()
# Of many: what the bank tells of each, as the inside of a JSON object, and her contacts.
_OF_ALL = ", ".join(
    f"'\"{name}\":' || (SELECT {source.rows} FROM {source.table} t WHERE t.customer_id = w.customer_id AND {source.where})"
    for name, source in _SOURCES.items()
    if source.of_all
)
_MANY = (
    f"COPY (SELECT w.customer_id, concat_ws(',', {_OF_ALL}), ({_CONTACTS_OF_ONE.replace('%(customer)s', 'w.customer_id')})"
    " FROM (SELECT customer_id FROM wanted ORDER BY customer_id OFFSET 0) w) TO STDOUT"
)
_prepared: WeakSet[psycopg.Connection[Any]] = WeakSet()


# --- one customer -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """The facts of one customer, with what the door asks besides.

    `placed`: agency, as the bank names it, of each account that is with one. `announced`: the actors she was told of. `points`:
    kind, party and person of every contact point the bank delivers, also those the gate does not know.
    """

    facts: Facts
    placed: Mapping[str, str]
    announced: frozenset[str]
    points: Mapping[str, tuple[str, str, str]]
    delivered: bool


def facts_for(
    customer_id: str, *, at: datetime, known: datetime | None = None, since: datetime | None = None, filed: Rows | None = None
) -> Facts:
    """The facts of one customer as of `at`; with `known`, only what had been recorded by then, for a replay.

    What the bank's files say (accounts, points, flags) is of the latest night, but for the rows of `filed`, which stand in their
    place: `customer`, and those of the `account`s it holds. Hold her (`hold`) first where the answer must stay true.
    """
    return known_of(customer_id, at=at, known=known, since=since, filed=filed).facts


def known_of(
    customer_id: str, *, at: datetime, known: datetime | None = None, since: datetime | None = None, filed: Rows | None = None
) -> Known:
    """See `facts_for`."""
    with quick() as cursor:
        _prepare(cursor)
        cursor.execute(f"EXECUTE {_FACTS}", [customer_id, at, known or _ALL_KNOWN, since or at - WINDOW])
        return _known(cursor.fetchall()[0], filed)


_FACTS = "facts_of_one (%s, %s, %s, %s)"
_HOLD = "SELECT has_case, last FROM records_customer_hold(%s)"


def _prepare(cursor: psycopg.ClientCursor[Any]) -> None:
    if cursor.connection not in _prepared:
        cursor.execute(_ONE)
        _prepared.add(cursor.connection)


def _known(answer: Sequence[Any], filed: Rows | None = None) -> Known:
    contacts, others = answer
    rows: dict[str, Any] = {"contact": contacts} if contacts else {}
    for source, *cells in others or ():
        rows.setdefault(source, []).append(cells)
    if filed:
        accounts = {account[0]: account for name in (rows, filed) for account in name.get("account", ())}
        rows |= {**filed, "account": [accounts[account] for account in sorted(accounts)]}
    return Known(
        facts=told.facts(rows),
        placed={account: placed for account, _, placed in rows.get("account", ()) if placed},
        announced=told.announced(rows),
        points={point: (*words.split("|")[:2], person) for point, words, person in rows.get("point", ())},
        delivered="customer" in rows or "account" in rows,
    )


def hold(customer_id: str) -> tuple[bool, datetime | None]:
    """Until this transaction ends nobody else writes of this customer: whether she has a case, and when its last event was.

    OperationalError after ten seconds of waiting.
    """
    with quick() as cursor:
        cursor.execute(_HOLD, [customer_id])
        has_case, last = cursor.fetchall()[0]
    return has_case, last


def hold_and_know(customer_id: str, *, at: datetime, since: datetime) -> tuple[bool, datetime | None, Known]:
    """`hold` and then `known_of` in one message, which begins the transaction, too, where Django has yet to: PostgreSQL learns the
    facts once it holds her.
    """
    with quick() as cursor:
        _prepare(cursor)
        begins = cursor.connection.info.transaction_status is TransactionStatus.IDLE
        if begins:
            cursor.connection.autocommit = True  # only psycopg's own BEGIN is left out: Django ends what is begun here
        cursor.execute(f"{'BEGIN; ' * begins}{_HOLD}; EXECUTE {_FACTS}", [customer_id, customer_id, at, _ALL_KNOWN, since])
        if begins:
            cursor.nextset()
        has_case, last = cursor.fetchall()[0]
        cursor.nextset()
        return has_case, last, _known(cursor.fetchall()[0])


def hold_and_know_many(customers: Sequence[str], *, at: datetime, since: datetime) -> list[tuple[bool, datetime | None, Known]]:
    """`hold_and_know` for customers in the order of their ids, in two messages; runs in the caller's transaction."""
    with quick() as cursor:
        cursor.execute(_HOLD_SEVERAL, [list(customers)])
        held = cursor.fetchall()
        if cursor.connection not in _prepared_several:
            cursor.execute(_SEVERAL)
            _prepared_several.add(cursor.connection)
        cursor.execute("EXECUTE facts_of_several (%s::text[], %s, %s, %s)", [list(customers), at, _ALL_KNOWN, since])
        told_of = {customer_id: _known(answer) for customer_id, *answer in cursor.fetchall()}
    return [(has_case, last, told_of[customer_id]) for customer_id, has_case, last in held]


_HOLD_SEVERAL = """
SELECT c.customer_id, h.has_case, h.last FROM (SELECT customer_id FROM unnest(%s::text[]) u (customer_id) ORDER BY customer_id COLLATE "C") c,
     LATERAL records_customer_hold(c.customer_id) h
"""


@contextmanager
def quick() -> Iterator[psycopg.ClientCursor[Any]]:
    """A cursor in Django's own transaction, without what Django adds to one: for the few statements of the door."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.ClientCursor(connection.connection) as cursor:
        yield cursor


def reach(law: Law) -> timedelta:
    """How far back the caps of a law look, and what they rest on: `WINDOW` or more."""
    if law.fingerprint not in _reaches:
        tests = [rule.test for rule in law.rules]
        dates = max((getattr(test, "dates", 0) for test in tests), default=0)
        hours = max((getattr(test, "hours", 0) for test in tests), default=0)
        _reaches[law.fingerprint] = max(WINDOW, timedelta(days=dates + 10), timedelta(hours=hours, days=10))
    return _reaches[law.fingerprint]


_reaches: dict[str, timedelta] = {}


# --- many customers -----------------------------------------------------------------------------------------------


def facts_for_many(
    customers: Iterable[str] | None = None, *, at: datetime, known: datetime | None = None, since: datetime | None = None
) -> Iterator[tuple[str, Facts]]:
    """The facts of many customers as of `at`, in the order of their ids; None: of all that have a case open.

    PostgreSQL gathers the next ones while one is made into facts. Runs in a transaction, its own or the caller's, that lasts until
    the last one is taken, and keeps the connection to itself so long; nobody is held, so the door asks again.
    """
    asked = {"at": at, "known": known or _ALL_KNOWN, "since": since or at - WINDOW}
    with transaction.atomic(), quick() as cursor:
        _want(cursor, customers)
        some = _what_some_have(cursor, asked)
        # Copied, for a query is answered only when the last row is there. Nothing is read ahead: what waits as objects is gone
        # through by Python's collector of garbage over and over.
        with cursor.copy(_MANY, asked) as gathered:
            for customer_id, all_have, contacts in gathered.rows():
                rows = json.loads(f"{{{','.join(filter(None, (all_have, some.get(customer_id))))}}}")
                if contacts is not None:
                    rows["contact"] = contacts
                yield customer_id, told.facts(rows)


def _want(cursor: psycopg.Cursor[Any], customers: Iterable[str] | None) -> None:
    """Make the table of those wanted."""
    cursor.execute("SELECT set_config('jit', 'off', true), set_config('work_mem', '64MB', true)")
    cursor.execute("DROP TABLE IF EXISTS pg_temp.wanted")
    cursor.execute('CREATE TEMPORARY TABLE wanted (customer_id varchar(32) COLLATE "C" PRIMARY KEY) ON COMMIT DROP')
    if customers is None:
        cursor.execute("INSERT INTO wanted SELECT case_id FROM records_case WHERE status = 'open'")
    else:
        cursor.execute("INSERT INTO wanted SELECT unnest(%s::varchar[]) ON CONFLICT DO NOTHING", [list(customers)])
    cursor.execute("ANALYZE wanted")


def _what_some_have(cursor: psycopg.Cursor[Any], asked: Mapping[str, datetime]) -> dict[str, str]:
    """The rows that most customers have none of, as the inside of a JSON object each."""
    found: dict[str, str] = {}
    for name, source in _SOURCES.items():
        if not source.of_all:
            cursor.execute(
                f"SELECT t.customer_id, '\"{name}\":' || {source.rows} FROM {source.table} t JOIN wanted USING (customer_id)"
                f" WHERE {source.where} GROUP BY t.customer_id",
                asked,
            )
            for customer_id, text in cursor.fetchall():
                found[customer_id] = f"{found[customer_id]},{text}" if customer_id in found else text
    return found
