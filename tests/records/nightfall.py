"""A few cards a night, straight into records: what the feed would have handed over, without files.

`Books` keeps what earlier nights sealed, as the snapshots would, and absorbs one night after the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import ibis
import pyarrow as pa
from django.db import transaction
from ibis.expr import types as ir

from anhuan.acts import case, payment
from anhuan.core.vocabulary import NightStatus
from anhuan.portfolio import delinquency
from anhuan.records.customer import Customer
from anhuan.records.night import Night, NightStep

FIRST_DAY = date(2026, 11, 1)
ACTOR = "system:night"


@dataclass(frozen=True)
class Card:
    """One account tonight, `late` days past due (0: not overdue); `spoilt`: its row was set aside."""

    account_id: str
    customer_id: str
    late: int
    spoilt: bool = False
    balance: int = 100_000
    currency: str = "CNY"
    placed_with: str | None = None
    interest: int = 7


@dataclass(frozen=True)
class Paid:
    payment_id: str
    account_id: str
    effective_on: date
    amount: int = 1_000
    kind: str = "payment"


_TYPES = {"text": pa.string(), "money": pa.int64(), "date": pa.date32(), "small": pa.int16(), "flag": pa.bool_()}
_ACCOUNT_COLUMNS = {
    "text": "account_id customer_id product currency block_code classification placed_with",
    "money": "line credit_limit_minor balance_total_minor principal_minor interest_minor penalty_minor fees_minor "
    "instalment_unbilled_minor minimum_due_minor past_due_amount_minor last_payment_amount_minor",
    "date": "opened_on past_due_since statement_date due_date last_payment_on",
    "small": "cycle_day behaviour_score collection_score",
    "flag": "autopay",
}
_PAYMENT_COLUMNS = {
    "text": "payment_id account_id kind reverses channel currency",
    "money": "line amount_minor",
    "date": "posted_on effective_on",
}


def _schema(columns: dict[str, str]) -> pa.Schema:
    return pa.schema([(name, _TYPES[kind]) for kind, names in columns.items() for name in names.split()])


ACCOUNTS, PAYMENTS = _schema(_ACCOUNT_COLUMNS), _schema(_PAYMENT_COLUMNS)


def accounts_table(cards: Iterable[Card], day: date) -> pa.Table:
    rows = [
        {
            "line": n,
            "account_id": c.account_id,
            "customer_id": c.customer_id,
            "currency": c.currency,
            "balance_total_minor": c.balance,
            "principal_minor": c.balance - c.interest,
            "interest_minor": c.interest,
            "penalty_minor": 0,
            "fees_minor": 0,
            "instalment_unbilled_minor": 0,
            "past_due_amount_minor": 5_000 if c.late else 0,
            "past_due_since": day - timedelta(days=c.late) if c.late else None,
            "placed_with": c.placed_with,
        }
        for n, c in enumerate(cards, start=2)
        if not c.spoilt
    ]
    return pa.Table.from_pylist(rows, ACCOUNTS)


def payments_table(paid: Iterable[Paid], day: date) -> pa.Table:
    rows = [
        {
            "line": n,
            "payment_id": p.payment_id,
            "account_id": p.account_id,
            "posted_on": day,
            "effective_on": p.effective_on,
            "amount_minor": p.amount,
            "kind": p.kind,
            "currency": "CNY",
        }
        for n, p in enumerate(paid, start=2)
    ]
    return pa.Table.from_pylist(rows, PAYMENTS)


@dataclass
class Books:
    """The nights so far, by business date; the newest is the one a replacing delivery may replace."""

    standings: dict[date, pa.Table] = field(default_factory=dict)
    segments: dict[str, str] = field(default_factory=dict)

    def day(self, number: int) -> date:
        return FIRST_DAY + timedelta(days=number - 1)

    def night(
        self,
        number: int,
        cards: list[Card],
        paid: list[Paid] | None = None,
        *,
        replace_it: bool = False,
        sequence: int | None = None,
    ) -> dict[str, Any]:
        """Absorb night `number` as the nightly walk does: begin, payments, cases, in transactions of their own."""
        day = self.day(number)
        replacing = Night.objects.exclude(status=NightStatus.REPLACED).last() if replace_it else None
        if replacing is not None:
            Night.objects.filter(pk=replacing.pk).update(status=NightStatus.REPLACED)
        night = Night.objects.create(
            sequence=sequence or Night.objects.count() + 1, business_date=day, issuer="i", layout="canonical", content="c",
            snapshot="s", manifest_sha256="m", replaces=replacing.sequence if replacing else None,
            begun_at=datetime.combine(day, time(22), UTC),
        )  # fmt: skip
        result = self.absorb(night, replacing, cards, paid or [])
        Night.objects.filter(pk=night.pk).update(status=NightStatus.SEALED)
        return result

    def absorb(self, night: Night, replacing: Night | None, cards: list[Card], paid: list[Paid]) -> dict[str, Any]:
        con, day = ibis.duckdb.connect(), night.business_date
        accounts = con.create_table("accounts", accounts_table(cards, day))
        payments = con.create_table("payments", payments_table(paid, day))
        set_aside = con.create_table(
            "aside", pa.table({"account_id": pa.array([c.account_id for c in cards if c.spoilt], pa.string())})
        )
        people = sorted({c.customer_id for c in cards if not c.spoilt})
        customers = con.create_table(
            "customers",
            pa.table(
                {
                    "customer_id": pa.array(people, pa.string()),
                    "segment": pa.array([self.segments.get(c) for c in people], pa.string()),
                    "region_code": pa.array([None for _ in people], pa.string()),
                }
            ),
        )
        earlier = {d: t for d, t in self.standings.items() if d < day}
        yesterday = con.create_table("yesterday", earlier[max(earlier)]) if earlier else None
        standing = con.create_table("standing", delinquency.age(accounts, set_aside, yesterday, business_date=day))
        at = datetime.combine(day, time(22), UTC)
        with transaction.atomic():
            counted = payment.absorb(con, payments=payments, night=night, replacing=replacing, at=at)
            NightStep.objects.update_or_create(night=night, step="payments", defaults={"seconds": 0, "outcome": counted})
        with transaction.atomic():
            result = case.absorb(
                con, standing=standing, accounts=accounts, customers=customers,
                restated=self._restated(con, night, earlier, standing), night=night, replacing=replacing, at=at, by=ACTOR,
            )  # fmt: skip
            NightStep.objects.update_or_create(night=night, step="cases", defaults={"seconds": 0, "outcome": result})
        self.standings[day] = standing.to_pyarrow()
        return result

    def _restated(self, con: Any, night: Night, earlier: dict[date, pa.Table], standing: ir.Table) -> ir.Table | None:
        if not earlier:
            return None
        back = payment.backdated(con, night=night, until=max(earlier))
        history = ibis.union(
            *(con.create_table(f"h{n}", t).mutate(business_date=ibis.literal(d)) for n, (d, t) in enumerate(earlier.items()))
        )
        return delinquency.restate(history, back, standing)


def customer(customer_id: str, segment: str) -> Customer:
    """A customer's row as identity would have left it, without a person behind it."""
    return Customer.objects.create(
        customer_id=customer_id, language="zh-CN", timezone="Asia/Shanghai", segment=segment, region_code="310000",
        sealed=b"", key_id=1, fingerprint="00000000-0000-0000-0000-000000000000",
    )  # fmt: skip


def later(card: Card, **changes: Any) -> Card:
    return replace(card, **changes)
