"""Small deliveries for the feed's tests: sound rows to spoil, ways to write them, and what reading them gave."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from anhuan.portfolio import engine, feed
from anhuan.portfolio.feed.columns import FILES

DAY = date(2026, 11, 20)
NAMES = tuple(FILES)
COLUMNS = {name: tuple(column.name for column in table.columns) for name, table in FILES.items()}

Row = dict[str, str]
Rows = Mapping[str, Sequence[Row]]


def customer(number: int | str = 1, **changed: str) -> Row:
    return _row(
        "customers.csv",
        {
            "customer_id": f"C{number}", "name": "王小明", "id_type": "passport", "id_number": f"E{number}",
            "birth_date": "1990-01-02", "sex": "m", "language": "zh-CN", "timezone": "Asia/Shanghai",
            "region_code": "310101", "employer": "示例公司", "segment": "mass",
        },
        changed,
    )  # fmt: skip


def contact(number: int | str = 1, **changed: str) -> Row:
    return _row(
        "contact_points.csv",
        {
            "customer_id": f"C{number}", "kind": "mobile", "value": "+8619912345678", "party": "debtor", "valid": "true",
            "reserved": "true", "source": "card contract",
        },
        changed,
    )  # fmt: skip


def account(number: int | str = 1, **changed: str) -> Row:
    return _row(
        "accounts.csv",
        {
            "account_id": f"A{number}", "customer_id": f"C{number}", "product": "gold", "currency": "CNY",
            "opened_on": "2020-01-01", "block_code": "none", "credit_limit": "50000.00", "balance_total": "1234.56",
            "principal": "1000.00", "interest": "200.00", "penalty": "20.00", "fees": "14.56",
            "instalment_unbilled": "0.00", "minimum_due": "123.45", "past_due_amount": "99.99",
            "past_due_since": "2026-10-25", "cycle_day": "5", "statement_date": "2026-11-05", "due_date": "2026-11-25",
            "last_payment_on": "2026-10-01", "last_payment_amount": "12.34", "autopay": "false",
            "behaviour_score": "600", "collection_score": "500", "classification": "special_mention",
        },
        changed,
    )  # fmt: skip


def payment(number: int | str = 1, **changed: str) -> Row:
    return _row(
        "payments.csv",
        {
            "payment_id": f"P{number}", "account_id": "A1", "posted_on": "2026-11-19", "effective_on": "2026-11-18",
            "amount": "10.00", "kind": "payment", "channel": "bank",
        },
        changed,
    )  # fmt: skip


def _row(name: str, sound: Row, changed: Row) -> Row:
    unknown = set(changed) - set(COLUMNS[name])
    assert not unknown, unknown
    return dict.fromkeys(COLUMNS[name], "") | sound | changed


def night(
    customers: Iterable[Row] = (), contacts: Iterable[Row] = (), accounts: Iterable[Row] = (), payments: Iterable[Row] = (),
    *, filler: int = 0,
) -> dict[str, list[Row]]:  # fmt: skip
    """Rows of a delivery; `filler` sound customers with contact, account and payment stand behind them."""
    more = [f"F{number}" for number in range(filler)]
    return {
        "customers.csv": [*customers, *map(customer, more)],
        "contact_points.csv": [*contacts, *map(contact, more)],
        "accounts.csv": [*accounts, *map(account, more)],
        "payments.csv": [*payments, *(payment(number, account_id=f"A{number}") for number in more)],
    }


def as_csv(name: str, rows: Sequence[Row], *, end: str = "\n", quote: int = csv.QUOTE_MINIMAL) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end, quoting=quote)  # type: ignore[arg-type]
    writer.writerow(COLUMNS[name])
    writer.writerows([row[column] for column in COLUMNS[name]] for row in rows)
    return out.getvalue().encode()


def write(folder: Path, rows: Rows, *, sums: Sequence[str] = ("balance_total",), **manifest: Any) -> Path:
    """A canonical delivery in CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (folder / name).write_bytes(as_csv(name, rows[name]))
    return vouch(folder, rows, sums=sums, **manifest)


def write_parquet(folder: Path, rows: Rows, schemas: Mapping[str, pa.Schema] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        schema = (schemas or {}).get(name) or pa.schema([(column, pa.string()) for column in COLUMNS[name]])
        pq.write_table(pa.Table.from_pylist([dict(row) for row in rows[name]], schema=schema), folder / _parquet(name))
    return vouch(folder, rows, names={name: _parquet(name) for name in NAMES})


def _parquet(name: str) -> str:
    return name.replace(".csv", ".parquet")


def vouch(
    folder: Path,
    rows: Rows,
    *,
    sums: Sequence[str] = ("balance_total",),
    names: Mapping[str, str] | None = None,
    **manifest: Any,
) -> Path:
    """Write the manifest of what lies in `folder`; `manifest` changes keys of it (None removes one)."""
    files = []
    for name in NAMES:
        file = folder / (names or {}).get(name, name)
        if file.exists():
            entry: dict[str, Any] = {
                "name": file.name,
                "rows": len(rows[name]),
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            }
            if name == "accounts.csv" and sums:
                entry["sums"] = {column: str(total(rows[name], column)) for column in sums}
            files.append(entry)
    said = {"business_date": DAY.isoformat(), "issuer": "testbank", "layout": "canonical/1", "sequence": 7, "files": files}
    said = {key: value for key, value in (said | manifest).items() if value is not None}
    (folder / "manifest.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


def total(rows: Sequence[Row], column: str) -> Decimal:
    return sum((Decimal(row[column] or "0") for row in rows), Decimal("0.00"))


@dataclass(frozen=True)
class Outcome:
    """What reading a delivery gave, taken out of the engine."""

    delivery: feed.Delivery
    reading: feed.Reading
    tables: Mapping[str, list[dict[str, Any]]]

    def found(self, file: str | None = None, *, severity: str | None = None) -> list[tuple[str, int | None, str | None, str]]:
        """(file, line, column, code) of the findings, in order."""
        return sorted(
            (
                (one["file"], one["line"], one["column"], one["code"])
                for one in self.tables["findings"]
                if file in {None, one["file"]} and severity in {None, one["severity"]}
            ),
            key=str,
        )

    def codes(self, file: str, line: int) -> set[tuple[str | None, str]]:
        return {(one["column"], one["code"]) for one in self.tables["findings"] if (one["file"], one["line"]) == (file, line)}

    def refused_for(self) -> list[str]:
        return [said.code for said in self.reading.refusals]

    def ids(self, table: str, column: str) -> list[str]:
        return [row[column] for row in self.tables[table]]

    def aside(self) -> dict[tuple[str, int], dict[str, Any]]:
        return {(row["file"], row["line"]): row for row in self.tables["set_aside"]}


TABLES = ("customers", "contact_points", "accounts", "payments", "findings", "set_aside")


def read(folder: Path, *, layout: str | None = None, search: Sequence[Path] = (), **options: Any) -> Outcome:
    """Open and read a delivery in an engine of its own."""
    delivery = feed.open_delivery(folder, layout=layout, search=search)
    with tempfile.TemporaryDirectory() as workspace:
        con = engine.connect(Path(workspace))
        try:
            yesterday, known = options.pop("yesterday", None), options.pop("known", None)
            reading = feed.read(
                delivery,
                con,
                known=None if known is None else con.create_table("earlier_accounts", known),
                yesterday=None if yesterday is None else con.create_table("earlier_standing", yesterday),
                **options,
            )
            tables = {name: _rows(con, name) for name in TABLES}
        finally:
            con.disconnect()
        # Transcoded copies hold personal data; none may outlive the reading.
        assert [file.name for file in Path(workspace).rglob("*") if file.suffix == ".txt"] == []
    return Outcome(delivery, reading, tables)


def _rows(con: Any, name: str) -> list[dict[str, Any]]:
    columns = [row[0] for row in con.raw_sql(f"DESCRIBE {name}").fetchall()]
    found = con.raw_sql(f"SELECT * FROM {name} ORDER BY line NULLS FIRST").fetchall()
    return [dict(zip(columns, row, strict=True)) for row in found]
