"""Deliveries that are wrong on purpose, each in one way, and a right one to compare them with.

Every breakage is a function over the base delivery: 1,200 accounts, clean, the same content on whatever date it is
asked for. What has to come of each stands in `broken/<name>.json`, written by hand from the data contract. Lines are
counted as a reader counts them: the header is line 1.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np

from .delivery import Evenings
from .forms import SUMMED, sha256, write_canonical, write_gb18030
from .life import Rates

ACCOUNTS, CUSTOMERS, POINTS, PAYMENTS = "accounts.csv", "customers.csv", "contact_points.csv", "payments.csv"
BASE_ACCOUNTS, BASE_HISTORY, BASE_SEED, BASE_DAY = 1200, 60, 7, date(2026, 10, 28)

Change = Callable[["Delivery"], None]


class Delivery:
    """A canonical delivery as text that can be spoilt, before its manifest is written (`after`: once it is)."""

    def __init__(self, base: Path, *, business_date: date, sequence: int) -> None:
        self.business_date = business_date
        self.manifest: dict[str, Any] = json.loads((base / "manifest.json").read_text(encoding="utf-8"))
        self.manifest |= {"business_date": business_date.isoformat(), "sequence": sequence}
        self.tables: dict[str, list[list[str]]] = {}
        for name in (CUSTOMERS, POINTS, ACCOUNTS, PAYMENTS):
            with (base / name).open(encoding="utf-8", newline="") as file:
                self.tables[name] = list(csv.reader(file))
        self.encodings: dict[str, str] = {}
        self.line_end = "\n"
        self.after: Callable[[Path], object] = Path.exists
        grade = self._place(ACCOUNTS, "classification")
        for row in self.tables[ACCOUNTS][1:]:  # so that no date makes the bank's grades unlike ours
            row[grade] = ""

    def get(self, name: str, line: int, column: str) -> str:
        return self.tables[name][line - 1][self._place(name, column)]

    def put(self, name: str, line: int, column: str, text: str) -> None:
        self.tables[name][line - 1][self._place(name, column)] = text

    def lines(self, name: str) -> range:
        return range(2, len(self.tables[name]) + 1)

    def append(self, name: str, row: list[str]) -> None:
        self.tables[name].append(list(row))

    def row(self, name: str, line: int) -> list[str]:
        return self.tables[name][line - 1]

    def remove(self, name: str, lines: set[int]) -> None:
        self.tables[name] = [row for line, row in enumerate(self.tables[name], 1) if line not in lines]

    def drop_column(self, name: str, column: str) -> None:
        place = self._place(name, column)
        for row in self.tables[name]:
            del row[place]

    def sequence(self, by: int) -> None:
        self.manifest["sequence"] += by

    def date(self, by: int) -> None:
        self.manifest["business_date"] = (self.business_date + timedelta(days=by)).isoformat()

    def described(self, name: str) -> dict[str, Any]:
        return next(entry for entry in self.manifest["files"] if entry["name"] == name)

    def write(self, folder: Path) -> None:
        """Files first, then the manifest that tells the truth about them, then what is done to both afterwards."""
        folder.mkdir(parents=True)
        for name, table in self.tables.items():
            text = io.StringIO()
            csv.writer(text, lineterminator=self.line_end).writerows(table)
            content = text.getvalue().encode(self.encodings.get(name, "utf-8"), "surrogateescape")
            (folder / name).write_bytes(content)
            entry = self.described(name)
            entry |= {"rows": len(table) - 1, "sha256": hashlib.sha256(content).hexdigest()}
            for column in SUMMED.get(name.removesuffix(".csv"), ()):
                entry["sums"][column] = str(self._sum(name, column))
        self._save(folder)
        self.after(folder)

    def _save(self, folder: Path) -> None:
        (folder / "manifest.json").write_text(json.dumps(self.manifest, indent=1) + "\n", encoding="utf-8")

    def _sum(self, name: str, column: str) -> Decimal:
        place, total = self._place(name, column), Decimal("0.00")
        for row in self.tables[name][1:]:
            try:
                total += Decimal(row[place])
            except (InvalidOperation, IndexError):
                continue
        return total

    def _place(self, name: str, column: str) -> int:
        return self.tables[name][0].index(column)


def write_base(folder: Path, *, core: bool = False) -> None:
    """The content all broken deliveries start from, without a single oddity; `core` = in the form of the card core."""
    day = int((np.datetime64(BASE_DAY) - np.datetime64("1970-01-01")).astype(int))
    evenings = Evenings(seed=BASE_SEED, accounts=BASE_ACCOUNTS, first=day, clean=True, history=BASE_HISTORY)
    folder.mkdir(parents=True)
    (write_gb18030 if core else write_canonical)(folder, evenings.next(Rates()))


def write_broken(name: str, base: Path, folder: Path, *, business_date: date, sequence: int) -> None:
    """The delivery spoilt as `name` says (`sound`: not at all), from what `write_base` wrote to `base`."""
    delivery = Delivery(base, business_date=business_date, sequence=sequence)
    BREAKAGES[name](delivery)
    delivery.write(folder)


# --- The canonical form ---------------------------------------------------------------------------------------------------

BREAKAGES: dict[str, Change] = {}


def _breakage(change: Change) -> Change:
    BREAKAGES[change.__name__] = change
    return change


@_breakage
def sound(_: Delivery) -> None:
    """Nothing is wrong with this one."""


def _rehash(folder: Path, name: str) -> None:
    """Make the manifest's checksum right again, and nothing else of it."""
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    for entry in manifest["files"]:
        if entry["name"] == name:
            entry["sha256"] = sha256(folder / name)
    file.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _edit_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    change(manifest)
    file.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _entry(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in manifest["files"] if entry["name"] == name)
    return found


@_breakage
def truncated_file(delivery: Delivery) -> None:
    """accounts.csv ends within its 801st line: after the account's id, as a full disk would leave it."""

    def cut(folder: Path) -> None:
        lines = (folder / ACCOUNTS).read_bytes().split(b"\n")
        (folder / ACCOUNTS).write_bytes(b"\n".join([*lines[:800], lines[800].split(b",")[0]]))

    delivery.after = cut


@_breakage
def wrong_sum(delivery: Delivery) -> None:
    def change(manifest: dict[str, Any]) -> None:
        sums = _entry(manifest, ACCOUNTS)["sums"]
        sums["balance_total"] = str(Decimal(sums["balance_total"]) + Decimal("0.01"))

    delivery.after = lambda folder: _edit_manifest(folder, change)


@_breakage
def wrong_row_count(delivery: Delivery) -> None:
    delivery.after = lambda folder: _edit_manifest(
        folder, lambda manifest: _entry(manifest, POINTS).update(rows=_entry(manifest, POINTS)["rows"] + 1)
    )


@_breakage
def wrong_checksum(delivery: Delivery) -> None:
    delivery.after = lambda folder: _edit_manifest(folder, lambda manifest: _entry(manifest, PAYMENTS).update(sha256="0" * 64))


@_breakage
def wrong_encoding(delivery: Delivery) -> None:
    delivery.encodings[CUSTOMERS] = "gb18030"


@_breakage
def wrong_encoding_in_one_name(delivery: Delivery) -> None:
    """The name on line 5 of customers.csv came through as GBK bytes; a surrogate stands for each of them until written."""
    delivery.put(CUSTOMERS, 5, "name", "王小明".encode("gbk").decode("utf-8", "surrogateescape"))


@_breakage
def duplicate_key(delivery: Delivery) -> None:
    again = list(delivery.row(ACCOUNTS, 20))
    delivery.append(ACCOUNTS, again)
    delivery.put(ACCOUNTS, 1202, "credit_limit", "1.00")


@_breakage
def duplicate_keys_over_ceiling(delivery: Delivery) -> None:
    for line in range(100, 107):
        delivery.append(ACCOUNTS, delivery.row(ACCOUNTS, line))
        delivery.put(ACCOUNTS, len(delivery.tables[ACCOUNTS]), "credit_limit", "1.00")


@_breakage
def identical_duplicate(delivery: Delivery) -> None:
    delivery.append(ACCOUNTS, delivery.row(ACCOUNTS, 20))


@_breakage
def identical_duplicates_over_ceiling(delivery: Delivery) -> None:
    """Fourteen surplus rows are more than one per cent, but what is said twice in the same words is not in doubt."""
    for line in range(100, 114):
        delivery.append(CUSTOMERS, delivery.row(CUSTOMERS, line))


@_breakage
def bad_date(delivery: Delivery) -> None:
    delivery.put(ACCOUNTS, 31, "opened_on", "2026-02-30")


@_breakage
def card_numbers_few(delivery: Delivery) -> None:
    for line, number in ((12, 1), (13, 2)):
        delivery.put(ACCOUNTS, line, "account_id", card_number(number))


@_breakage
def card_numbers_mostly(delivery: Delivery) -> None:
    known = {}
    for line in range(2, 700):
        known[delivery.get(ACCOUNTS, line, "account_id")] = card_number(line)
        delivery.put(ACCOUNTS, line, "account_id", card_number(line))
    for line in delivery.lines(PAYMENTS):
        account = delivery.get(PAYMENTS, line, "account_id")
        delivery.put(PAYMENTS, line, "account_id", known.get(account, account))


def card_number(number: int) -> str:
    """A 16-digit number that passes Luhn and begins with 9, which no international card scheme issues under."""
    digits = f"999{number:012}"
    total = sum(sum(divmod(int(digit) * (2 if place % 2 == 0 else 1), 10)) for place, digit in enumerate(digits))
    return digits + str(-total % 10)


@_breakage
def components_do_not_add_up(delivery: Delivery) -> None:
    for line, interest in ((31, "0.01"), (44, "999.99"), (53, "")):
        delivery.put(ACCOUNTS, line, "interest", interest)


def _spoil_components(delivery: Delivery, count: int) -> None:
    for line in range(200, 200 + count):
        delivery.put(ACCOUNTS, line, "fees", "12345.67" if delivery.get(ACCOUNTS, line, "currency") != "JPY" else "12345")


@_breakage
def components_at_ceiling(delivery: Delivery) -> None:
    """12 of 1,200 rows are exactly one per cent: not more than the ceiling."""
    _spoil_components(delivery, 12)


@_breakage
def components_over_ceiling(delivery: Delivery) -> None:
    _spoil_components(delivery, 13)


@_breakage
def orphan_account(delivery: Delivery) -> None:
    delivery.put(ACCOUNTS, 12, "customer_id", "C9999999999")


@_breakage
def orphan_contact_point(delivery: Delivery) -> None:
    delivery.put(POINTS, 5, "customer_id", "C9999999999")


@_breakage
def orphan_payment(delivery: Delivery) -> None:
    delivery.append(PAYMENTS, ["PX1", "A99999999999", "2026-10-28", "2026-10-28", "10.00", "payment", "", "counter"])


@_breakage
def set_aside_customer(delivery: Delivery) -> None:
    """A customer who cannot be used takes her account and her two contact points along."""
    delivery.put(CUSTOMERS, 5, "birth_date", "12.04.1985")


@_breakage
def older_date(delivery: Delivery) -> None:
    delivery.date(-2)


@_breakage
def same_date(delivery: Delivery) -> None:
    delivery.date(-1)


@_breakage
def sequence_gap(delivery: Delivery) -> None:
    delivery.sequence(+1)


@_breakage
def same_sequence_other_content(delivery: Delivery) -> None:
    delivery.sequence(-1)
    delivery.put(ACCOUNTS, 12, "credit_limit", "1.00")


@_breakage
def other_issuer(delivery: Delivery) -> None:
    delivery.manifest["issuer"] = "secondbank"


@_breakage
def replaces_wrong_night(delivery: Delivery) -> None:
    delivery.date(-1)
    delivery.manifest["replaces"] = delivery.manifest["sequence"] + 40


@_breakage
def replaces_under_another_date(delivery: Delivery) -> None:
    delivery.manifest["replaces"] = delivery.manifest["sequence"] - 1


@_breakage
def replacing_delivery(delivery: Delivery) -> None:
    """A right correction of the night before: the same business date, the next sequence, the limit of one card put right."""
    delivery.date(-1)
    delivery.manifest["replaces"] = delivery.manifest["sequence"] - 1
    delivery.put(ACCOUNTS, 12, "credit_limit", "20000.00")


@_breakage
def missing_file(delivery: Delivery) -> None:
    delivery.after = lambda folder: (folder / POINTS).unlink()


@_breakage
def missing_file_unlisted(delivery: Delivery) -> None:
    def forget(folder: Path) -> None:
        (folder / ACCOUNTS).unlink()
        _edit_manifest(folder, lambda manifest: manifest["files"].remove(_entry(manifest, ACCOUNTS)))

    delivery.after = forget


@_breakage
def unlisted_file(delivery: Delivery) -> None:
    delivery.after = lambda folder: _edit_manifest(
        folder, lambda manifest: manifest["files"].remove(_entry(manifest, PAYMENTS))
    )


@_breakage
def missing_column(delivery: Delivery) -> None:
    delivery.drop_column(ACCOUNTS, "past_due_since")


@_breakage
def missing_optional_column(delivery: Delivery) -> None:
    delivery.drop_column(CUSTOMERS, "employer")


@_breakage
def unknown_column(delivery: Delivery) -> None:
    for line, row in enumerate(delivery.tables[ACCOUNTS]):
        row.append("" if line else "card_art")


@_breakage
def unreadable_summed_cell(delivery: Delivery) -> None:
    def spoil(folder: Path) -> None:
        lines = (folder / ACCOUNTS).read_text(encoding="utf-8").split("\n")
        cells = lines[30].split(",")
        cells[7] = cells[7].replace(".", "o")
        lines[30] = ",".join(cells)
        (folder / ACCOUNTS).write_text("\n".join(lines), encoding="utf-8")
        _rehash(folder, ACCOUNTS)

    delivery.after = spoil


@_breakage
def past_due_without_since(delivery: Delivery) -> None:
    delivery.put(ACCOUNTS, 31, "past_due_since", "")


@_breakage
def future_past_due_since(delivery: Delivery) -> None:
    delivery.put(ACCOUNTS, 31, "past_due_since", (delivery.business_date + timedelta(days=1)).isoformat())


@_breakage
def negative_past_due(delivery: Delivery) -> None:
    delivery.put(ACCOUNTS, 31, "past_due_amount", "-0.01")


@_breakage
def unknown_closed_list_value(delivery: Delivery) -> None:
    delivery.put(ACCOUNTS, 31, "block_code", "stolen")
    delivery.put(POINTS, 5, "party", "neighbour")
    delivery.put(CUSTOMERS, 5, "sex", "male")


@_breakage
def text_too_long(delivery: Delivery) -> None:
    delivery.put(ACCOUNTS, 12, "account_id", "A" * 33)


@_breakage
def empty_required_cells(delivery: Delivery) -> None:
    delivery.put(ACCOUNTS, 31, "currency", "")
    delivery.put(POINTS, 5, "value", "")
    delivery.put(PAYMENTS, 7, "effective_on", "")


@_breakage
def money_out_of_form(delivery: Delivery) -> None:
    """Too many decimals, thousands separators, decimals of a currency that has none (line 905 is an account in yen)."""
    delivery.put(ACCOUNTS, 30, "credit_limit", "12.345")
    delivery.put(ACCOUNTS, 31, "credit_limit", "12,000.00")
    delivery.put(ACCOUNTS, 905, "credit_limit", "50000.00")
    delivery.put(ACCOUNTS, 44, "credit_limit", "9" * 30)


@_breakage
def line_of_wrong_form(delivery: Delivery) -> None:
    """Line 44 of contact_points.csv has a field too few."""
    delivery.row(POINTS, 44).pop()


@_breakage
def account_line_of_wrong_form(delivery: Delivery) -> None:
    """Line 31 of accounts.csv has a field too many, so nobody can say which of them is the balance that was added up."""
    delivery.row(ACCOUNTS, 31).append("surplus")


@_breakage
def odd_but_used(delivery: Delivery) -> None:
    """Everything a bank may get wrong about a person or a card that is no reason not to use the row."""
    delivery.put(CUSTOMERS, 31, "flags", "staff;vip")
    delivery.put(CUSTOMERS, 32, "language", "putonghua!")
    delivery.put(CUSTOMERS, 33, "region_code", "31")
    number = delivery.get(CUSTOMERS, 3, "id_number")
    delivery.put(CUSTOMERS, 3, "id_number", number[:-1] + ("1" if number[-1] != "1" else "2"))
    delivery.put(CUSTOMERS, 4, "birth_date", "1985-07-04")
    delivery.put(ACCOUNTS, 31, "behaviour_score", "1001")
    delivery.put(ACCOUNTS, 44, "cycle_day", "32")
    delivery.put(ACCOUNTS, 53, "due_date", "2026-01-01")
    delivery.put(ACCOUNTS, 12, "classification", "loss")
    delivery.put(ACCOUNTS, 13, "past_due_since", "2026-10-01")


@_breakage
def windows_line_ends(delivery: Delivery) -> None:
    """CR LF is as good as LF: nothing is wrong with this one."""
    delivery.line_end = "\r\n"


@_breakage
def vanished_account(delivery: Delivery) -> None:
    delivery.remove(ACCOUNTS, {31})


@_breakage
def past_due_jump(delivery: Delivery) -> None:
    for line in delivery.lines(ACCOUNTS):
        if delivery.get(ACCOUNTS, line, "currency") == "CNY":
            more = Decimal(delivery.get(ACCOUNTS, line, "past_due_amount")) * Decimal("1.3")
            delivery.put(ACCOUNTS, line, "past_due_amount", str(more.quantize(Decimal("0.01"))))


@_breakage
def row_count_jump(delivery: Delivery) -> None:
    """All current accounts are missing, a quarter of the file; whoever is overdue is still there."""
    delivery.remove(ACCOUNTS, {line for line in delivery.lines(ACCOUNTS) if not delivery.get(ACCOUNTS, line, "past_due_since")})


@_breakage
def broken_manifest(delivery: Delivery) -> None:
    def cut(folder: Path) -> None:
        text = (folder / "manifest.json").read_text(encoding="utf-8")
        (folder / "manifest.json").write_text(text[: len(text) // 2], encoding="utf-8")

    delivery.after = cut


@_breakage
def no_manifest(delivery: Delivery) -> None:
    delivery.after = lambda folder: (folder / "manifest.json").unlink()


@_breakage
def manifest_without_date(delivery: Delivery) -> None:
    del delivery.manifest["business_date"]
