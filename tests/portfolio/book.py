"""A made-up book for the tests of the portfolio: rows as plain dicts, and the tables a night reads them from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import ibis
import pyarrow as pa
from ibis.backends.duckdb import Backend
from ibis.expr import types as ir

from anhuan.portfolio import delinquency, snapshot

Row = dict[str, Any]

TODAY = date(2026, 11, 20)

ACCOUNTS = ibis.schema(
    {
        "line": "int64",
        "account_id": "string",
        "customer_id": "string",
        "product": "string",
        "currency": "string",
        "opened_on": "date",
        "block_code": "string",
        "credit_limit_minor": "int64",
        "balance_total_minor": "int64",
        "principal_minor": "int64",
        "interest_minor": "int64",
        "penalty_minor": "int64",
        "fees_minor": "int64",
        "instalment_unbilled_minor": "int64",
        "minimum_due_minor": "int64",
        "past_due_amount_minor": "int64",
        "past_due_since": "date",
        "cycle_day": "int16",
        "statement_date": "date",
        "due_date": "date",
        "last_payment_on": "date",
        "last_payment_amount_minor": "int64",
        "autopay": "boolean",
        "behaviour_score": "int16",
        "collection_score": "int16",
        "classification": "string",
        "placed_with": "string",
    }
)
CUSTOMERS = ibis.schema(
    {
        "line": "int64",
        "customer_id": "string",
        "name": "string",
        "id_type": "string",
        "id_number": "string",
        "birth_date": "date",
        "sex": "string",
        "language": "string",
        "timezone": "string",
        "region_code": "string",
        "employer": "string",
        "segment": "string",
        "flags": "array<string>",
        "age": "int16",
    }
)
CONTACT_POINTS = ibis.schema(
    {
        "line": "int64",
        "customer_id": "string",
        "kind": "string",
        "value": "string",
        "party": "string",
        "party_name": "string",
        "person_id": "string",
        "place": "string",
        "valid": "boolean",
        "reserved": "boolean",
        "source": "string",
    }
)
PAYMENTS = ibis.schema(
    {
        "line": "int64",
        "payment_id": "string",
        "account_id": "string",
        "posted_on": "date",
        "effective_on": "date",
        "amount_minor": "int64",
        "kind": "string",
        "reverses": "string",
        "channel": "string",
        "currency": "string",
    }
)
FINDINGS = ibis.schema(
    {
        "file": "string",
        "line": "int64",
        "column": "string",
        "code": "string",
        "severity": "string",
        "message_zh": "string",
        "message_en": "string",
    }
)
SCHEMAS = {
    "accounts": ACCOUNTS,
    "customers": CUSTOMERS,
    "contact_points": CONTACT_POINTS,
    "payments": PAYMENTS,
    "findings": FINDINGS,
}
IDS = ibis.schema({"account_id": "string"})
BACKDATED = ibis.schema({"account_id": "string", "effective_on": "date"})


def account(account_id: str, customer_id: str = "C1", *, late: int | None = None, on: date = TODAY, **facts: Any) -> Row:
    """An account delivered on `on`: `late` days past due with 10.00 owed, or current when None."""
    row: Row = {
        "account_id": account_id,
        "customer_id": customer_id,
        "product": "gold",
        "currency": "CNY",
        "balance_total_minor": 100_000,
        "principal_minor": 90_000,
        "interest_minor": 10_000,
        "penalty_minor": 0,
        "fees_minor": 0,
        "instalment_unbilled_minor": 0,
        "past_due_amount_minor": 0 if late is None else 1_000,
        "past_due_since": None if late is None else on - timedelta(days=late),
        "classification": None,
    }
    return row | facts


def table(con: Backend, schema: ibis.Schema, rows: Iterable[Mapping[str, Any]], *, name: str | None = None) -> ir.Table:
    """Rows as a table of the connection; a column a row does not name is NULL there."""
    filled = [{column: row.get(column) for column in schema.names} for row in rows]
    arrow = pa.Table.from_pylist(filled, schema=schema.to_pyarrow())
    return con.create_table(name or ibis.util.gen_name("book"), arrow, overwrite=name is not None)


def rows(found: ir.Table, *by: str) -> list[Row]:
    """The rows of a table as dicts, sorted."""
    return sorted(found.to_pyarrow().to_pylist(), key=lambda row: tuple(row[column] for column in by))


def by_account(found: ir.Table) -> dict[str, Row]:
    """The rows of a table by account; a repeated account is a defect."""
    listed = found.to_pyarrow().to_pylist()
    keyed = {row["account_id"]: row for row in listed}
    assert len(keyed) == len(listed)
    return keyed


def a_night(
    con: Backend, *, salt: int = 0, accounts: int = 500, shuffled: bool = False
) -> tuple[snapshot.NightFacts, ir.Table, ir.Table]:
    """A whole night's tables, made up by DuckDB in `con`; `salt` changes a few balances, `shuffled` only the order.

    Everything personal reads "SECRET", so that a test can look for it.
    """
    made = {
        "accounts": f"""
            SELECT i + 2 AS line, 'A' || lpad(i::VARCHAR, 9, '0') AS account_id, 'C' || (i * 9 // 10) AS customer_id,
                'gold' AS product, CASE WHEN i % 20 = 0 THEN 'USD' ELSE 'CNY' END AS currency, DATE '2015-01-01' AS opened_on,
                'none' AS block_code, 5000000 AS credit_limit_minor,
                100000 + hash(i) % 90000 + CASE WHEN i % 97 = 0 THEN {salt} ELSE 0 END AS balance_total_minor,
                90000 AS principal_minor, CASE WHEN i % 3 = 0 THEN 1000 ELSE 0 END AS past_due_amount_minor,
                CASE WHEN i % 3 = 0 THEN DATE '{TODAY}' - (hash(i, 1) % 220)::INT END AS past_due_since
            FROM range({accounts}) AS t(i)""",
        "customers": f"""
            SELECT i + 2 AS line, 'C' || i AS customer_id, 'SECRET' AS name, 'SECRET' AS id_number, 'SECRET' AS employer,
                DATE '1980-01-01' AS birth_date, 'm' AS sex, 'zh-CN' AS language, 'Asia/Shanghai' AS timezone,
                '110101' AS region_code, CASE WHEN i % 2 = 0 THEN ['staff', 'student'] ELSE [] END AS flags, 40 AS age
            FROM range({accounts * 9 // 10}) AS t(i)""",
        "contact_points": f"""
            SELECT i + 2 AS line, 'C' || (i // 3) AS customer_id, 'mobile' AS kind, 'SECRET' AS value, 'debtor' AS party,
                'SECRET' AS party_name, CASE WHEN i % 4 = 0 THEN 'P' || i END AS person_id, 'home' AS place, TRUE AS valid,
                i % 2 = 0 AS reserved, 'SECRET' AS source
            FROM range({accounts * 27 // 10}) AS t(i)""",
        "payments": f"""
            SELECT i + 2 AS line, 'P' || i AS payment_id, 'A' || lpad(i::VARCHAR, 9, '0') AS account_id,
                DATE '{TODAY}' AS posted_on, DATE '{TODAY}' AS effective_on, 12345 AS amount_minor, 'payment' AS kind,
                'app' AS channel, 'CNY' AS currency
            FROM range({accounts // 30}) AS t(i)""",
        "findings": """
            SELECT 'accounts.csv' AS file, i + 2 AS line, 'sex' AS "column", 'unknown_value' AS code,
                'warning' AS severity, '中文' AS message_zh, 'English' AS message_en
            FROM range(20) AS t(i)""",
    }
    order = "ORDER BY hash(line, 7)" if shuffled else "ORDER BY line"
    for name, query in made.items():
        table(con, SCHEMAS[name], [], name=name)
        con.raw_sql(f"INSERT INTO {name} BY NAME (FROM ({query}) {order})")
    aside = table(con, IDS, [])
    standing = con.create_table(
        "standing", delinquency.age(con.table("accounts"), aside, None, business_date=TODAY), overwrite=True
    )
    known = delinquency.known(None, con.table("accounts"), business_date=TODAY)
    files = {f"{name}.csv": con.table(name).count().to_pyarrow().as_py() for name in made if name != "findings"}
    facts = snapshot.NightFacts(
        business_date=TODAY,
        issuer="testbank",
        sequence=7,
        replaces=None,
        layout="canonical",
        content="c" * 64,
        book={"CNY": {"accounts": 9_000, "balance_total": "1.00"}},
        rows=files,
        used=files,
        set_aside=dict.fromkeys(files, 0),
        previous="a" * 64,
    )
    return facts, standing, known
