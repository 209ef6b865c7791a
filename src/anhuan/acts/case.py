# ruff: noqa: S608  the names put into SQL here are our own; what was delivered goes as rows and parameters
"""The acts on cases: a night's standing becomes cases opened, moved, closed, re-opened and restated.

Knows what a case is made of tonight (`portfolio.delinquency.by_customer`) against how it stands in records, and
writes only what differs, set by set: DuckDB lays out tonight's tables, PostgreSQL compares and writes. Does not know
files, snapshots, the order of nights, or when a night may be replaced.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Model

from anhuan.core.vocabulary import Presence
from anhuan.portfolio import delinquency, engine
from anhuan.records import bulk, events
from anhuan.records.account import Account
from anhuan.records.case import CaseFigures
from anhuan.records.night import Night

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend
    from ibis.expr import types as ir

# The accounts as of the business date before the latest: what a replacing delivery keeps set-aside rows from.
ACCOUNTS_BEFORE = "records_account_before"


@dataclass(frozen=True)
class _Tonight:
    """What the absorption works with: tonight's rows in DuckDB, the records in PostgreSQL, and what night it is."""

    con: Backend
    cursor: CursorWrapper
    day: date
    sequence: int
    replaced: int | None
    at: datetime
    by: str

    def run(self, sql: str) -> int:
        """Execute a statement in PostgreSQL with this night's parameters; returns how many rows it touched."""
        told: dict[str, date | int | None] = {"day": self.day, "sequence": self.sequence, "replaced": self.replaced}
        self.cursor.execute(sql, told)
        touched: int = self.cursor.rowcount
        return touched

    def ids(self, query: str) -> list[str]:
        """The one column of a DuckDB query."""
        return [row[0] for row in self.con.con.sql(query).fetchall()]

    def bring(self, name: str, query: str, ids: list[str]) -> None:
        """Make what PostgreSQL answers to `query` (one parameter, `ids`) a view of DuckDB's."""
        self.con.con.register(name, bulk.fetch(self.cursor, query, [ids]))

    def send(self, query: str, table: str, columns: list[str], *, freeze: bool = False) -> int:
        """Copy the rows of a DuckDB query into a table of PostgreSQL's."""
        return bulk.copy(self.cursor, table, columns, engine.batches(self.con, query, rows=bulk.BATCH), freeze=freeze)


def absorb(
    con: Backend,
    *,
    standing: ir.Table,
    accounts: ir.Table,
    customers: ir.Table,
    restated: ir.Table | None,
    night: Night,
    replacing: Night | None,
    at: datetime,
    by: str,
) -> dict[str, int]:
    """Bring accounts and cases to how they stand on `night`; returns `{"opened", "reopened", "closed", "open"}`.

    `standing`, `accounts` and `customers` are tables of `con`: tonight's standing, and the usable rows delivered.
    `restated` (customer_id, business_date, bucket) says what earlier sealed nights would have shown, None for
    nothing new. `replacing` is the latest night, of the same business date, when this delivery takes its place: what
    it did to cases is undone first, and counts are against the night before it, as if it had never been.

    A case whose overdue accounts all vanished stays as it was. Every case that ends up other than it stood gets one
    event, `case.opened`, `.reopened`, `.moved` or `.closed`, and one `case.restated` when its past reads differently.
    Runs in the caller's transaction, which should end right after: readers of the case list wait from here on.
    """
    with connection.cursor() as cursor:
        replaced = replacing.sequence if replacing else None
        tonight = _Tonight(con, cursor, night.business_date, night.sequence, replaced, at, by)
        keep_old: dict[type[Model], str] = {} if replacing else {Account: ACCOUNTS_BEFORE}
        with bulk.swap_together(cursor, Account, CaseFigures, keep_old=keep_old) as (fresh_accounts, fresh_figures):
            _remember_how_cases_stood(tonight)
            _fill_accounts(tonight, fresh_accounts, con.compile(standing), con.compile(accounts))
            # DuckDB sums up the customers while PostgreSQL sorts the accounts: two cores, two engines.
            with ThreadPoolExecutor(1) as meanwhile:
                summed = meanwhile.submit(_sum_up_customers, con, standing, accounts)
                bulk.index(cursor, fresh_accounts)
                summed.result()
            still_open = _fill_figures(tonight, fresh_figures, con.compile(customers))
            bulk.index(cursor, fresh_figures)
            cursor.execute(f"ANALYZE {fresh_figures}")  # the case list's totals are estimates
            counts = _move_cases(tonight, fresh_figures)
            _restate_cases(tonight, con.compile(restated) if restated is not None else None)
            cursor.execute("DROP TABLE stood, respanned, was_span, plan, signed")
    return {**counts, "open": still_open}


# --- tonight's tables ---------------------------------------------------------------------------------------------


def _columns(model: type[Account | CaseFigures]) -> list[str]:
    fields = model._meta.concrete_fields  # noqa: SLF001  the documented way to a model's columns
    return [str(field.column) for field in fields]


_MONEY_THAT_MAKES_A_BALANCE = frozenset({"interest_minor", "penalty_minor", "fees_minor", "instalment_unbilled_minor"})


def _fill_accounts(tonight: _Tonight, fresh: str, standing: str, accounts: str) -> None:
    """Fill the successor of `Account`: the standing's word first, then the delivered row's.

    An account without a usable row tonight keeps what else was known of it on the business date before, as DuckDB's
    view `account_details`.
    """
    columns = _columns(Account)
    details = [name for name in columns if name not in delinquency.STANDING.names]
    before = ACCOUNTS_BEFORE if tonight.replaced is not None else "records_account"
    tonight.bring(
        "account_details",
        f"SELECT account_id, {', '.join(details)} FROM {before} WHERE account_id = ANY(%s)",
        tonight.ids(f"SELECT account_id FROM ({standing}) WHERE presence <> '{Presence.PRESENT}'"),
    )
    today = f"DATE '{tonight.day}'"
    said = {name: f"s.{name}" for name in columns if name in delinquency.STANDING.names}
    delivered = said | {name: f"a.{name}" for name in details} | {"as_of": today}
    kept = said | {name: f"d.{name}" for name in details} | {"as_of": f"coalesce(d.as_of, {today})"}
    kept |= {name: f"coalesce(d.{name}, 0)" for name in _MONEY_THAT_MAKES_A_BALANCE}
    query = f"""
        SELECT {", ".join(delivered[name] for name in columns)}
        FROM ({standing}) s JOIN ({accounts}) a USING (account_id) WHERE s.presence = '{Presence.PRESENT}'
        UNION ALL
        SELECT {", ".join(kept[name] for name in columns)}
        FROM ({standing}) s LEFT JOIN account_details d USING (account_id) WHERE s.presence <> '{Presence.PRESENT}'
    """
    tonight.send(query, fresh, columns, freeze=True)


def _sum_up_customers(con: Backend, standing: ir.Table, accounts: ir.Table) -> None:
    """DuckDB's tables `case_numbers`, the customers who may have an open case tonight, and `case_placements`."""
    numbers = delinquency.by_customer(standing)
    query = con.compile(numbers.filter((numbers.bucket > 0) | (numbers.missing_accounts > 0)))
    con.con.execute(f"CREATE OR REPLACE TEMPORARY TABLE case_numbers AS {query}")
    late = con.compile(standing.filter(delinquency.in_arrears(standing)))
    con.con.execute(
        f"""
        CREATE OR REPLACE TEMPORARY TABLE case_placements AS
        SELECT late.customer_id, min(coalesce(a.placed_with, d.placed_with)) AS placed_with
        FROM ({late}) late
             LEFT JOIN (SELECT * FROM ({con.compile(accounts)}) WHERE placed_with IS NOT NULL) a USING (account_id)
             LEFT JOIN account_details d USING (account_id)
        WHERE coalesce(a.placed_with, d.placed_with) IS NOT NULL GROUP BY late.customer_id
        """
    )


_FIGURES = """
SELECT n.customer_id AS case_id, CASE WHEN n.bucket > 0 THEN n.bucket ELSE h.bucket END AS bucket, n.days_past_due,
       n.currency, n.past_due_amount_minor, n.balance_total_minor, n.accounts, n.overdue_accounts, n.missing_accounts,
       n.other_currencies, coalesce(c.segment, k.segment, '') AS segment,
       coalesce(c.region_code, k.region_code, '') AS region_code, coalesce(p.placed_with, '') AS placed_with
FROM case_numbers n LEFT JOIN cases_held_open h ON h.case_id = n.customer_id LEFT JOIN ({customers}) c USING (customer_id)
     LEFT JOIN people_set_aside k USING (customer_id) LEFT JOIN case_placements p USING (customer_id)
WHERE n.bucket > 0 OR h.bucket IS NOT NULL
"""


def _fill_figures(tonight: _Tonight, fresh: str, customers: str) -> int:
    """Fill the successor of `CaseFigures` with every case that is open tonight; returns how many.

    A case of which only vanished accounts are left stays open in its bucket, if it is open. Of a person whose row was
    set aside, or who was not delivered, the records know the segment and the region.
    """
    tonight.bring(
        "cases_held_open",
        "SELECT case_id, bucket FROM records_case WHERE bucket > 0 AND case_id = ANY(%s)",
        tonight.ids("SELECT customer_id FROM case_numbers WHERE bucket = 0"),
    )
    tonight.bring(
        "people_set_aside",
        "SELECT customer_id, segment, region_code FROM records_customer WHERE customer_id = ANY(%s)",
        tonight.ids(f"SELECT customer_id FROM case_numbers ANTI JOIN ({customers}) c USING (customer_id)"),
    )
    columns = _columns(CaseFigures)
    query = f"SELECT {', '.join(columns)} FROM ({_FIGURES.format(customers=customers)})"
    return tonight.send(query, fresh, columns, freeze=True)


# --- cases against tonight ----------------------------------------------------------------------------------------

# `stood`: what the night to be replaced had touched, as it stands now; `made` = it brought the case into being.
# `respanned` and `was_span`: cases whose past may read differently afterwards, and how it reads now.
_REMEMBER = """
CREATE TEMPORARY TABLE stood (case_id varchar(32) COLLATE "C", bucket smallint, made boolean) ON COMMIT DROP;
CREATE TEMPORARY TABLE respanned (case_id varchar(32) COLLATE "C") ON COMMIT DROP;
CREATE TEMPORARY TABLE was_span (case_id varchar(32) COLLATE "C", since date, bucket smallint) ON COMMIT DROP
"""
_REMEMBER_REPLACED = """
INSERT INTO stood
SELECT c.case_id, c.bucket, b.case_id IS NULL
FROM records_case c LEFT JOIN records_casebefore b ON b.case_id = c.case_id AND b.sequence = %(replaced)s
WHERE b.case_id IS NOT NULL OR c.opened_on = %(day)s;
ANALYZE stood;
INSERT INTO respanned
SELECT b.case_id FROM records_casebefore b WHERE b.sequence = %(replaced)s AND b.spans_from < %(day)s
UNION
SELECT s.case_id FROM records_bucketspan s JOIN stood USING (case_id) WHERE stood.made AND s.since < %(day)s;
INSERT INTO was_span
SELECT s.case_id, s.since, s.bucket FROM records_bucketspan s JOIN respanned USING (case_id) WHERE s.since < %(day)s
"""
_UNDO = """
DELETE FROM records_bucketspan s USING records_casebefore b
WHERE s.case_id = b.case_id AND b.sequence = %(replaced)s AND s.since >= b.spans_from;
INSERT INTO records_bucketspan (case_id, since, bucket, restated)
SELECT b.case_id, (span ->> 0)::date, (span ->> 1)::smallint, (span ->> 2)::boolean
FROM records_casebefore b CROSS JOIN jsonb_array_elements(b.spans) span WHERE b.sequence = %(replaced)s;
DELETE FROM records_bucketspan s USING stood WHERE s.case_id = stood.case_id AND stood.made;
UPDATE records_case c
SET status = b.status, bucket = b.bucket, opened_on = b.opened_on, since = b.since, closed_on = b.closed_on,
    reopened = b.reopened
FROM records_casebefore b WHERE c.case_id = b.case_id AND b.sequence = %(replaced)s;
UPDATE records_case c
SET status = 'closed', bucket = 0, opened_on = NULL, since = NULL, closed_on = NULL, reopened = 0
FROM stood WHERE c.case_id = stood.case_id AND stood.made
"""


def _remember_how_cases_stood(tonight: _Tonight) -> None:
    """Note how cases stand now, then undo what the night to be replaced did to them, if there is one."""
    tonight.run(_REMEMBER)
    if tonight.replaced is not None:
        tonight.run(_REMEMBER_REPLACED)
        tonight.run(_UNDO)


# A row per case that changes: `base` is its bucket on the night before, `stood` now (they differ only when a night is
# replaced), `bucket` tonight, 0 = closed. A case needs no event when it ends up as it stood.
_PLAN = """
CREATE TEMPORARY TABLE plan ON COMMIT DROP AS
WITH differing AS (
    SELECT coalesce(f.case_id, c.case_id) AS chain, c.case_id IS NOT NULL AS known, c.opened_on IS NOT NULL AS was_opened,
           coalesce(c.bucket, 0) AS base, coalesce(s.bucket, c.bucket, 0) AS stood, coalesce(f.bucket, 0) AS bucket,
           c.status, c.opened_on, c.since, c.closed_on, c.reopened
    FROM {figures} f FULL JOIN records_case c ON c.case_id = f.case_id
         LEFT JOIN stood s ON s.case_id = coalesce(f.case_id, c.case_id)
    WHERE coalesce(f.bucket, 0) <> coalesce(c.bucket, 0) OR coalesce(f.bucket, 0) <> s.bucket
), words AS (
    SELECT stood, bucket, was_opened,
           CASE WHEN stood = 0 AND was_opened THEN 'case.reopened' WHEN stood = 0 THEN 'case.opened'
                WHEN bucket = 0 THEN 'case.closed' ELSE 'case.moved' END AS kind,
           jsonb_strip_nulls(jsonb_build_object(
               'business_date', %(day)s::date, 'sequence', %(sequence)s::bigint, 'replaces', %(replaced)s::bigint,
               'from', stood, 'to', bucket)) AS body
    FROM generate_series(0, 7) stood, generate_series(0, 7) bucket, (VALUES (true), (false)) o (was_opened)
    WHERE stood <> bucket
)
SELECT d.*, w.kind, w.body FROM differing d LEFT JOIN words w USING (stood, bucket, was_opened)
"""
_KEEP_HOW_THEY_WERE = """
TRUNCATE records_casebefore;
INSERT INTO records_casebefore
    (case_id, sequence, status, bucket, opened_on, since, closed_on, reopened, spans_from, spans)
SELECT chain, %(sequence)s, status, base, opened_on, since, closed_on, reopened, %(day)s, '[]'
FROM plan WHERE was_opened AND base <> bucket ORDER BY chain
"""
_WRITE_CASES = """
UPDATE records_case c
SET status = CASE p.bucket WHEN 0 THEN 'closed' ELSE 'open' END, bucket = p.bucket, since = %(day)s,
    opened_on = coalesce(c.opened_on, %(day)s), closed_on = CASE p.bucket WHEN 0 THEN %(day)s::date END,
    reopened = c.reopened + (p.base = 0 AND p.was_opened)::integer,
    events = coalesce(g.number, c.events), head = coalesce(g.hash, c.head)
FROM plan p LEFT JOIN signed g ON g.chain = p.chain
WHERE c.case_id = p.chain AND p.known AND p.base <> p.bucket;
INSERT INTO records_case (case_id, status, bucket, opened_on, since, reopened, events, head)
SELECT chain, 'open', bucket, %(day)s, %(day)s, 0, number, hash FROM signed WHERE NOT known ORDER BY chain;
INSERT INTO records_bucketspan (case_id, since, bucket, restated)
SELECT chain, %(day)s, bucket, false FROM plan WHERE base <> bucket ORDER BY chain
"""
_MOVE_HEADS_OF_CASES_PUT_BACK = """
UPDATE records_case c SET events = g.number, head = g.hash FROM signed g WHERE c.case_id = g.chain AND g.base = g.bucket
"""
_COUNT = """
SELECT count(*) FILTER (WHERE base = 0 AND NOT was_opened), count(*) FILTER (WHERE base = 0 AND was_opened),
       count(*) FILTER (WHERE bucket = 0)
FROM plan WHERE base <> bucket
"""


def _move_cases(tonight: _Tonight, figures: str) -> dict[str, int]:
    """Open, re-open, move and close; returns how many were opened, re-opened and closed against the night before."""
    tonight.run(_PLAN.format(figures=figures))
    events.sign(tonight.cursor, "plan", "signed", at=tonight.at, by=tonight.by)
    tonight.run(_KEEP_HOW_THEY_WERE)
    tonight.run(_WRITE_CASES)
    if tonight.replaced is not None:
        tonight.run(_MOVE_HEADS_OF_CASES_PUT_BACK)
    events.keep(tonight.cursor, "signed", at=tonight.at, by=tonight.by)
    tonight.cursor.execute(_COUNT)
    return dict(zip(("opened", "reopened", "closed"), tonight.cursor.fetchone(), strict=True))


# --- the past restated --------------------------------------------------------------------------------------------

# `told`: the cases whose buckets on sealed dates were other than recorded, from the first such date on.
_TOLD = """
ANALYZE retold;
CREATE TEMPORARY TABLE told ON COMMIT DROP AS
SELECT case_id, min(business_date) AS from_day
FROM (SELECT r.case_id, r.business_date, r.bucket,
             (SELECT s.bucket FROM records_bucketspan s WHERE s.case_id = r.case_id AND s.since <= r.business_date
              ORDER BY s.since DESC LIMIT 1) AS recorded
      FROM retold r JOIN records_case c USING (case_id)
      WHERE c.opened_on IS NOT NULL AND r.business_date < %(day)s) dated
WHERE bucket <> coalesce(recorded, 0) GROUP BY case_id;
INSERT INTO was_span
SELECT s.case_id, s.since, s.bucket FROM records_bucketspan s JOIN told USING (case_id)
WHERE s.since < %(day)s AND NOT EXISTS (SELECT FROM respanned r WHERE r.case_id = s.case_id);
INSERT INTO respanned SELECT case_id FROM told EXCEPT SELECT case_id FROM respanned
"""
_KEEP_HOW_THEIR_PAST_READ = """
INSERT INTO records_casebefore
    (case_id, sequence, status, bucket, opened_on, since, closed_on, reopened, spans_from, spans)
SELECT c.case_id, %(sequence)s, c.status, c.bucket, c.opened_on, c.since, c.closed_on, c.reopened, t.from_day,
       coalesce((SELECT jsonb_agg(jsonb_build_array(s.since, s.bucket, s.restated) ORDER BY s.since)
                 FROM records_bucketspan s
                 WHERE s.case_id = c.case_id AND s.since >= t.from_day AND s.since < %(day)s), '[]')
FROM records_case c JOIN told t USING (case_id) WHERE c.opened_on < %(day)s
ON CONFLICT (case_id) DO UPDATE SET spans_from = excluded.spans_from, spans = excluded.spans
"""
_WRITE_PAST = """
CREATE TEMPORARY TABLE new_span ON COMMIT DROP AS
SELECT case_id, business_date AS since, bucket,
       coalesce((SELECT s.restated FROM records_bucketspan s
                 WHERE (s.case_id, s.since, s.bucket) = (d.case_id, d.business_date, d.bucket)), true) AS restated
FROM (SELECT r.case_id, r.business_date, r.bucket, t.from_day,
             coalesce(lag(r.bucket) OVER (PARTITION BY r.case_id ORDER BY r.business_date),
                      (SELECT s.bucket FROM records_bucketspan s WHERE s.case_id = r.case_id AND s.since < r.business_date
                       ORDER BY s.since DESC LIMIT 1), 0) AS bucket_before
      FROM retold r JOIN told t USING (case_id) WHERE r.business_date < %(day)s) d
WHERE business_date >= from_day AND bucket <> bucket_before;
DELETE FROM records_bucketspan s USING told t WHERE s.case_id = t.case_id AND s.since >= t.from_day;
INSERT INTO records_bucketspan (case_id, since, bucket, restated) SELECT case_id, since, bucket, restated FROM new_span;
INSERT INTO records_bucketspan (case_id, since, bucket, restated)
SELECT c.case_id, %(day)s, c.bucket, false FROM records_case c JOIN told t USING (case_id)
WHERE c.bucket <> coalesce((SELECT s.bucket FROM records_bucketspan s WHERE s.case_id = c.case_id
                            ORDER BY s.since DESC LIMIT 1), 0);
UPDATE records_case c
SET since = coalesce((SELECT max(s.since) FROM records_bucketspan s WHERE s.case_id = c.case_id), c.since)
FROM told t WHERE c.case_id = t.case_id;
DROP TABLE new_span
"""
# An event for each case whose past now reads other than it did, from the first date that differs.
_RESTATED = """
CREATE TEMPORARY TABLE restated ON COMMIT DROP AS
WITH now_span AS (
    SELECT s.case_id, s.since, s.bucket FROM records_bucketspan s JOIN respanned USING (case_id) WHERE s.since < %(day)s
), differing AS (
    (SELECT * FROM was_span EXCEPT SELECT * FROM now_span)
    UNION ALL (SELECT * FROM now_span EXCEPT SELECT * FROM was_span)
), firsts AS (
    SELECT case_id, min(since) AS from_day FROM differing GROUP BY case_id
)
SELECT f.case_id AS chain, 'case.restated' AS kind,
       jsonb_strip_nulls(jsonb_build_object(
           'business_date', %(day)s::date, 'sequence', %(sequence)s::bigint, 'replaces', %(replaced)s::bigint,
           'from', f.from_day,
           'was', coalesce((SELECT jsonb_agg(jsonb_build_array(s.since, s.bucket) ORDER BY s.since) FROM was_span s
                            WHERE s.case_id = f.case_id AND s.since >= f.from_day), '[]'),
           'is', coalesce((SELECT jsonb_agg(jsonb_build_array(s.since, s.bucket) ORDER BY s.since) FROM now_span s
                           WHERE s.case_id = f.case_id AND s.since >= f.from_day), '[]'))) AS body
FROM firsts f
"""


def _restate_cases(tonight: _Tonight, restated: str | None) -> None:
    """Rewrite the bucket spans of cases of which tonight tells that their past was other than recorded."""
    cursor = tonight.cursor
    if restated is not None:
        cursor.execute(
            "CREATE TEMPORARY TABLE retold"
            ' (case_id varchar(32) COLLATE "C", business_date date, bucket smallint) ON COMMIT DROP'
        )
        query = f"SELECT customer_id, business_date, bucket FROM ({restated})"
        tonight.send(query, "retold", ["case_id", "business_date", "bucket"])
        for statements in (_TOLD, _KEEP_HOW_THEIR_PAST_READ, _WRITE_PAST):
            tonight.run(statements)
        cursor.execute("DROP TABLE retold, told")
    if restated is not None or tonight.replaced is not None:
        tonight.run(_RESTATED)
        events.append_many(cursor, "restated", at=tonight.at, by=tonight.by)
        cursor.execute("DROP TABLE restated")
