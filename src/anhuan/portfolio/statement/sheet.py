"""Payments in CSV: our own columns, or a bank's by a layout.

A layout is a TOML file `layouts/payments-<name>.toml`: `encoding`, `separator`, `date_format`, `money` (`major` or `minor`), `[columns]`
from ours to theirs, `[constants]` for columns the file does not have, `[values.<column>]` from their words to ours.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from anhuan.core.money import minor_digits, parse_minor
from anhuan.portfolio.statement.entry import LONGEST_REFERENCE, Entry, Finding, Statement, StatementUnreadable

COLUMNS: Mapping[str, int] = {
    "reference": LONGEST_REFERENCE, "amount": 40, "currency": 3, "effective_on": 40, "kind": 20, "account_id": 32,
    "virtual_account": LONGEST_REFERENCE, "payment_id": 64, "gateway_reference": LONGEST_REFERENCE, "reverses": LONGEST_REFERENCE,
    "channel": 40, "remittance": 1000, "payer_name": 200,
}  # fmt: skip
"""Our columns, and the most signs a cell of each may have."""
REQUIRED = ("reference", "amount", "currency", "effective_on")
MOST_MINOR = 1 << 53


@dataclass(frozen=True)
class Layout:
    name: str = ""
    encoding: str = "utf-8"
    separator: str = ","
    date_format: str = "%Y-%m-%d"
    money: str = "major"
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


CANONICAL = Layout()


def layout(name: str, *, search: Sequence[Path]) -> Layout:
    """The layout of that name in the first folder that has one; StatementUnreadable when there is none, or it cannot be used."""
    file = next((found for folder in search if (found := folder / f"payments-{name}.toml").is_file()), None)
    if file is None or not name.replace("-", "").replace("_", "").isalnum():
        raise StatementUnreadable("layout_unknown", name=name)
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
        made = Layout(name=name, **told)
        "".encode(made.encoding)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, LookupError) as wrong:
        raise StatementUnreadable("layout_wrong", name=name, key=str(wrong)[:120]) from None
    unknown = sorted((made.columns.keys() | made.constants.keys() | made.values.keys()) - COLUMNS.keys())
    if unknown or made.money not in {"major", "minor"} or not made.separator:
        raise StatementUnreadable("layout_wrong", name=name, key=unknown[0] if unknown else "money, separator")
    return made


def read(data: bytes, layout: Layout) -> Statement:
    """The entries of a CSV file."""
    try:
        text = data.decode("utf-8-sig" if layout.encoding.lower() in {"utf-8", "utf8"} else layout.encoding)
    except UnicodeDecodeError:
        raise StatementUnreadable("not_text", encoding=layout.encoding) from None
    lines = _lines(text, layout.separator)
    _, header = next(lines, (0, []))
    theirs = {name: place for place, name in enumerate(cell.strip() for cell in header)}
    places = {ours: theirs[name] for ours in COLUMNS if (name := layout.columns.get(ours, ours)) in theirs}
    lacking = [name for name in REQUIRED if name not in places and name not in layout.constants]
    if lacking:
        raise StatementUnreadable("no_header", 1, columns=", ".join(layout.columns.get(name, name) for name in lacking))
    entries: list[Entry] = []
    findings: list[Finding] = []
    rows, seen = 0, set[str]()
    for line, cells in lines:
        rows += 1
        raw = layout.separator.join(cells)
        if len(cells) != len(header):
            findings.append(Finding(line, "", "fields", raw))
            continue
        told = {name: cells[place].strip() for name, place in places.items()}
        told |= {name: value for name, value in layout.constants.items() if not told.get(name)}
        told |= {name: words.get(told.get(name, ""), told.get(name, "")) for name, words in layout.values.items()}
        faults = list(_faults(told, layout))
        if not faults and told["reference"] in seen:
            faults = [("reference", "key_repeated")]
        if faults:
            findings += [Finding(line, column, code, raw) for column, code in faults]
            continue
        seen.add(told["reference"])
        entries.append(_entry(line, told, layout))
    return Statement("csv", rows, entries, findings)


def _lines(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of each line that is not empty; quotes are as in RFC 4180 where the separator is one sign."""
    if len(separator) == 1:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        yield from ((reader.line_num, cells) for cells in reader if cells)
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line:
            yield number, line.split(separator)


def _faults(told: Mapping[str, str], layout: Layout) -> Iterator[tuple[str, str]]:
    for name, most in COLUMNS.items():
        value = told.get(name, "")
        if not value and name in REQUIRED:
            yield name, "missing"
        elif len(value) > most:
            yield name, "too_long"
    currency = told.get("currency", "")
    known = not currency or _known(currency)
    if not known:
        yield "currency", "not_a_currency"
    if told.get("amount") and currency and known and _amount(told["amount"], currency, layout) is None:
        yield "amount", "not_money"
    if told.get("effective_on") and _date_of(told["effective_on"], layout.date_format) is None:
        yield "effective_on", "not_a_date"
    if told.get("kind", "") not in {"", "payment", "reversal"}:
        yield "kind", "not_a_kind"
    if told.get("kind") == "reversal" and not told.get("reverses"):
        yield "reverses", "reverses_missing"


def _known(currency: str) -> bool:
    try:
        minor_digits(currency)
    except ValueError:
        return False
    return True


def _amount(text: str, currency: str, layout: Layout) -> int | None:
    try:
        minor = (
            parse_minor(text, currency) if layout.money == "major" else int(text) if text.isascii() and text.isdigit() else 0
        )
    except ValueError:
        return None
    return minor if 0 < minor < MOST_MINOR else None


@lru_cache(maxsize=4096)  # a file tells of few days, many times each
def _date_of(text: str, form: str) -> date | None:
    try:
        return datetime.strptime(text, form).date()  # noqa: DTZ007  a date has no offset
    except ValueError:
        return None


def _entry(line: int, told: Mapping[str, str], layout: Layout) -> Entry:
    amount, on = _amount(told["amount"], told["currency"], layout), _date_of(told["effective_on"], layout.date_format)
    if amount is None or on is None:
        raise TypeError("a line without faults can be read")
    return Entry(
        line=line, reference=told["reference"], amount_minor=amount, currency=told["currency"], effective_on=on,
        kind=told.get("kind") or "payment", payment_id=told.get("payment_id", ""), gateway=told.get("gateway_reference", ""),
        reverses=told.get("reverses", ""), account_id=told.get("account_id", ""), virtual_account=told.get("virtual_account", ""),
        channel=told.get("channel", ""), text=told.get("remittance", ""), payer=told.get("payer_name", ""),
    )  # fmt: skip
