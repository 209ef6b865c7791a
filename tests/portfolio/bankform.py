"""The same night as a bank's own core would write it: positions, whole minor units, YYYYMMDD, its own codes.

`plain` is what two readings are compared by: the usable rows without their line numbers, which depend on the form.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.portfolio.feeds import COLUMNS, NAMES, Outcome, vouch

from anhuan.core import money

MONEY = {name for name in COLUMNS["accounts.csv"] if name.endswith(("amount", "total", "limit", "due"))} - {"past_due_since"}
MONEY |= {"principal", "interest", "penalty", "fees", "instalment_unbilled", "amount"}
DATES = {
    "birth_date",
    "opened_on",
    "past_due_since",
    "statement_date",
    "due_date",
    "last_payment_on",
    "posted_on",
    "effective_on",
}
TRUTHS = {"valid", "reserved", "autopay"}
COUNTS = {"cycle_day", "behaviour_score", "collection_score"}


def plain(outcome: Outcome) -> dict[str, list[dict[str, object]]]:
    """The usable rows without their line numbers, which depend on the form."""
    return {
        name: [{column: cell for column, cell in row.items() if column != "line"} for row in outcome.tables[name]]
        for name in ("customers", "contact_points", "accounts", "payments")
    }


def bank_layout(folder: Path, separator: str, *, encoding: str = "gb18030", more: str = "", header: bool = False) -> Path:
    """A layout for all four files: positions, whole minor units, YYYYMMDD, Y and N, and - for nobody knows."""
    file = folder / "bank.toml"
    text = [
        "[delivery]\nmanifest = true\n[defaults]",
        f"encoding = {json.dumps(encoding)}\nseparator = {json.dumps(separator)}\nheader = {json.dumps(header)}",
        f'money = "minor"\ndate = "%Y%m%d"\n{more}',
    ]
    for name, columns in COLUMNS.items():
        text.append(
            f'[files.{name.removesuffix(".csv")}]\npath = "{name.upper()}.dat"\n[files.{name.removesuffix(".csv")}.columns]'
        )
        for place, column in enumerate(columns, 1):
            source = {"column": place} if not header else {"column": f"列{place}"}
            extra = ""
            if column in TRUTHS:
                extra = ', values = { Y = "true", N = "false" }'
            elif column == "sex":
                extra = ', values = { M = "m", F = "f" }, empty = ["-"]'
            elif column in DATES:
                extra = ', empty = ["00000000"]'
            text.append(f"{column} = {{ column = {json.dumps(source['column'], ensure_ascii=False)}{extra} }}")
    file.write_text("\n".join(text), encoding="utf-8")
    return file


def _in_bank_s_words(column: str, cell: str, currency: str) -> str:
    if column in MONEY and cell:
        return str(money.parse_minor(cell, currency))
    if column in DATES:
        return cell.replace("-", "") or "00000000"
    if column in TRUTHS:
        return {"true": "Y", "false": "N"}.get(cell, cell)
    return {"m": "M", "f": "F", "": "-"}[cell] if column == "sex" else cell


def write_bank(folder: Path, rows, separator: str, *, encoding: str = "gb18030", end: str = "\n", header: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    currencies = {row["account_id"]: row["currency"] for row in rows["accounts.csv"]}
    for name, columns in COLUMNS.items():
        lines = [separator.join(f"列{place}" for place in range(1, len(columns) + 1))] if header else []
        for row in rows[name]:
            currency = row.get("currency") or currencies.get(row.get("account_id", ""), "CNY")
            lines.append(separator.join(_in_bank_s_words(column, row[column], currency) for column in columns))
        (folder / f"{name.upper()}.dat").write_bytes("".join(line + end for line in lines).encode(encoding))
    return vouch(folder, rows, names={name: f"{name.upper()}.dat" for name in NAMES}, layout="bank/1")
