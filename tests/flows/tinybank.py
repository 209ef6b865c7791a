"""A bank of a few accounts that writes canonical deliveries, so that a test shows its whole input."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

HEADERS = {
    "customers.csv": "customer_id,name,id_type,id_number,birth_date,sex,language,timezone,region_code,employer,segment,flags",
    "contact_points.csv": "customer_id,kind,value,party,party_name,person_id,place,valid,reserved,source",
    "accounts.csv": (
        "account_id,customer_id,product,currency,opened_on,block_code,credit_limit,balance_total,principal,interest,"
        "penalty,fees,instalment_unbilled,minimum_due,past_due_amount,past_due_since,cycle_day,statement_date,due_date,"
        "last_payment_on,last_payment_amount,autopay,behaviour_score,collection_score,classification,placed_with"
    ),
    "payments.csv": "payment_id,account_id,posted_on,effective_on,amount,kind,reverses,channel",
}
FIRST_DAY = date(2026, 11, 1)


@dataclass(frozen=True)
class Card:
    """One account on one night; `late` = days past due (0: not overdue), None = the row is spoilt on purpose."""

    account_id: str
    customer_id: str
    late: int
    balance: str = "1000.00"
    spoilt: bool = False
    currency: str = "CNY"


@dataclass(frozen=True)
class Paid:
    payment_id: str
    account_id: str
    effective_on: date
    amount: str = "10.00"
    kind: str = "payment"


@dataclass
class TinyBank:
    """Writes one folder per night under `root`; night n has sequence n and business date FIRST_DAY + n - 1."""

    root: Path
    issuer: str = "tinybank"
    filler: int = 0  # current accounts that never change, to keep spoilt rows below the ceiling
    written: dict[str, Path] = field(default_factory=dict)

    def night(
        self,
        number: int,
        cards: Iterable[Card],
        payments: Iterable[Paid] = (),
        *,
        name: str | None = None,
        replaces: int | None = None,
        day: date | None = None,
        names: Mapping[str, str] | None = None,
        flags: Mapping[str, str] | None = None,
    ) -> Path:
        """Write a delivery and return its folder."""
        day = day or FIRST_DAY + timedelta(days=number - 1)
        cards = [*cards, *(Card(f"F{i:04}", f"G{i:04}", 0) for i in range(self.filler))]
        folder = self.root / (name or f"{number:03}-{day}")
        folder.mkdir(parents=True)
        people = sorted({card.customer_id for card in cards})
        rows = {
            "customers.csv": [
                [*self._customer(person, (names or {}).get(person, "王小明")), (flags or {}).get(person, "")]
                for person in people
            ],
            "contact_points.csv": [self._phone(person) for person in people],
            "accounts.csv": [self._account(card, day) for card in cards],
            "payments.csv": [[p.payment_id, p.account_id, day, p.effective_on, p.amount, p.kind, "", "bank"] for p in payments],
        }
        files = [self._write(folder / name, rows[name]) for name in HEADERS]
        files[2]["sums"] = {"balance_total": str(sum((Decimal(card.balance) for card in cards), Decimal("0.00")))}
        manifest = {
            "business_date": day.isoformat(),
            "issuer": self.issuer,
            "layout": "canonical/1",
            "sequence": number,
            "files": files,
        } | ({"replaces": replaces} if replaces is not None else {})
        (folder / "manifest.json").write_text(json.dumps(manifest))
        self.written[folder.name] = folder
        return folder

    def _write(self, file: Path, rows: list[list[object]]) -> dict[str, object]:
        with file.open("w", newline="") as out:
            out.write(HEADERS[file.name] + "\n")
            csv.writer(out, lineterminator="\n").writerows(rows)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        return {"name": file.name, "rows": len(rows), "sha256": digest}

    def _customer(self, person: str, name: str) -> list[object]:
        return [person, name, "passport", f"E{person}", "1990-01-02", "m", "zh-CN", "Asia/Shanghai", "", "示例公司", "mass"]

    def _phone(self, person: str) -> list[object]:
        number = int(hashlib.sha256(person.encode()).hexdigest(), 16) % 10**8
        return [person, "mobile", f"+86199{number:08}", "debtor", "", "", "", "true", "true", "card contract"]

    def _account(self, card: Card, day: date) -> list[object]:
        since = day - timedelta(days=card.late) if card.late else ""
        opened = "2026-02-31" if card.spoilt else "2020-01-01"
        return [
            card.account_id, card.customer_id, "gold", card.currency, opened, "none", "50000.00",
            card.balance, card.balance, "0.00", "0.00", "0.00", "0.00", "100.00", "100.00" if card.late else "0.00", since,
            5, "2026-10-05", "2026-10-25", "", "", "false", "", "", "", "",
        ]  # fmt: skip
