"""People as the feed would have read them, delivered to records night after night: no files, everything else real."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
from django.db import transaction

from anhuan.acts import identity as acts
from anhuan.records import identity
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.identity import Person, SetAsideRow
from anhuan.records.sealing import Keyring

AT = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
RING = Keyring(1, {1: b"1" * 32}, b"b" * 32, b"f" * 32)
TWO_KEYS = replace(RING, current=2, encryption={**RING.encryption, 2: b"2" * 32})

CUSTOMERS = pa.schema(
    [("line", pa.int64())]
    + [(name, pa.string()) for name in ("customer_id", "name", "id_type", "id_number")]
    + [("birth_date", pa.date32())]
    + [(name, pa.string()) for name in ("sex", "language", "timezone", "region_code", "employer", "segment")]
    + [("flags", pa.list_(pa.string())), ("age", pa.int16())]
)
POINTS = pa.schema(
    [("line", pa.int64())]
    + [(name, pa.string()) for name in ("customer_id", "kind", "value", "party", "party_name", "person_id", "place")]
    + [("valid", pa.bool_()), ("reserved", pa.bool_()), ("source", pa.string())]
)
SET_ASIDE = pa.schema([("file", pa.string()), ("line", pa.int64()), ("key", pa.string()), ("raw", pa.string())])


def customer(customer_id: str = "C1", **told: Any) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "name": "欧阳小明",
        "id_type": "resident_id",
        "id_number": "11010119900307451X",
        "birth_date": date(1990, 3, 7),
        "sex": "m",
        "language": "zh-CN",
        "timezone": "Asia/Shanghai",
        "region_code": "110101",
        "employer": "某某科技有限公司",
        "segment": "mass",
        "flags": ["student"],
        "age": 36,
    } | told


def point(customer_id: str = "C1", value: str = "138-1234-5678", **told: Any) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "kind": "mobile",
        "value": value,
        "party": "debtor",
        "party_name": None,
        "person_id": None,
        "place": "home",
        "valid": True,
        "reserved": True,
        "source": "card contract",
    } | told


@dataclass
class Bank:
    """Delivers nights to records, one after the other, as the feed would have read them; `folder`: as `acts.absorb` says."""

    sequence: int = 0
    ring: Keyring = RING
    folder: Path | None = None
    duck: Any = field(default_factory=lambda: duckdb.connect(config={"threads": 1}))

    def night(
        self, customers: list[dict[str, Any]], points: list[dict[str, Any]] = [], aside: list[dict[str, Any]] = [],  # noqa: B006
        *, again: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        self.sequence += not again
        for name, schema, rows in (
            ("customers", CUSTOMERS, customers),
            ("contact_points", POINTS, points),
            ("set_aside", SET_ASIDE, aside),
        ):
            lined = [{"line": line, **row} for line, row in enumerate(rows, start=2)]
            self.duck.register("delivered", pa.Table.from_pylist(lined, schema))
            self.duck.execute(f"create or replace table {name} as from delivered")
        night = SimpleNamespace(sequence=self.sequence, business_date=self.today)
        with transaction.atomic():
            con = SimpleNamespace(con=self.duck)
            return acts.absorb(con, night=night, at=AT, by="system:night", ring=self.ring, folder=self.folder)

    @property
    def today(self) -> date:
        return date(2026, 11, 19) + timedelta(days=self.sequence)


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside leaves no trace, so that one test can try many things."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def all_rows() -> dict[str, Any]:
    return {
        model.__name__: {row.pop(model._meta.pk.name): bytes_of(row) for row in model.objects.values()}
        for model in (Customer, ContactPoint, SetAsideRow)
    }


def bytes_of(row: dict[str, Any]) -> dict[str, Any]:
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()}


def seen(customer_id: str = "C1", ring: Keyring = RING) -> Person:
    person = identity.unsealed(customer_id, ring=ring)
    assert person is not None
    return person
