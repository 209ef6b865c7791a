"""The card strategy of the made-up bank: proved, golden decisions of described customers, and every row of it fires."""

from __future__ import annotations

import random
from datetime import date
from decimal import Decimal
from pathlib import Path

import ibis
import pyarrow as pa
import pytest
import yaml

from anhuan.portfolio import strategy
from anhuan.portfolio.experiments import assignment
from anhuan.rulebook.tables import prove
from anhuan.rulebook.tables.evaluate import Decider
from anhuan.rulebook.tables.model import Model

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "examples" / "firstbank" / "strategy" / "card.dmn"
MODEL = Model.load(FILE)
GOLDEN = yaml.safe_load(Path(__file__).with_name("strategy_customers.yaml").read_text("utf-8"))
CUSTOMERS = [(one["en"], GOLDEN["usual"] | one["given"], one["wanted"]) for one in GOLDEN["customers"]]
TABLES = ("protection", "stage", "risk", "treatment", "recovery_bp", "proposal")

DECIDERS = {name: Decider(MODEL, name) for name in (*TABLES, "expected_value_minor")}

con = ibis.duckdb.connect()


def decided(rows: list[dict]) -> list[dict]:
    """The rows in columns, in their order."""
    typed = [{"account_id": f"{number:06}"} | {name: row.get(name) for name in strategy.INPUTS if name != "account_id"}
             for number, row in enumerate(rows)]  # fmt: skip
    schema = pa.schema([(name, of.to_pyarrow()) for name, of in strategy.INPUTS.items()])
    table = con.create_table("rows", pa.Table.from_pylist(typed, schema=schema), overwrite=True)
    return con.to_pyarrow(strategy.decided(table, MODEL, "proposal").order_by("account_id")).to_pylist()


def fired(row: dict) -> dict[str, set[int]]:
    return {
        name: {int(number) for number in str(row.get(f"{name}__rules") or row[f"{name}__rule"] or "").split(",") if number}
        for name in TABLES
    }


def test_all_tables_are_proved():
    report = prove.check(MODEL)
    assert report["ok"], report
    assert sorted(report["decisions"]) == sorted(TABLES)


def test_it_runs_over_the_book():
    assert strategy.outside(MODEL, "proposal", strategy.INPUTS) == ()


def test_fifty_customers_and_more_are_described():
    assert len(CUSTOMERS) >= 50
    assert all(one["zh"] and one["en"] for one in GOLDEN["customers"])


@pytest.mark.parametrize(("described", "row", "wanted"), CUSTOMERS, ids=[name for name, _, _ in CUSTOMERS])
def test_a_described_customer_is_treated_as_written(described, row, wanted):
    treatment, proposal, value = (DECIDERS[name].decide(row) for name in ("treatment", "proposal", "expected_value_minor"))
    found = {key: treatment.output[key] for key in ("channel", "team", "wording", "handled_by")} | {"row": treatment.rules[0]}
    found |= {key: int(value) for key, value in proposal.output.items()} | {"expected_value_minor": str(value.output)}
    assert found == wanted


def test_described_customers_are_treated_alike_in_columns():
    for (described, row, wanted), got in zip(CUSTOMERS, decided([row for _, row, _ in CUSTOMERS]), strict=True):
        found = {key: got[f"treatment__{key}"] for key in ("channel", "team", "wording", "handled_by")} | {
            "row": got["treatment__rule"]
        }
        found |= {key: got[f"proposal__{key}"] for key in ("earliest_in_days", "priority")}
        assert found | {"expected_value_minor": None} == wanted | {"expected_value_minor": None}, described
        assert got["expected_value_minor"] == Decimal(wanted["expected_value_minor"])
        for name in ("protection", "stage", "risk", "recovery_bp"):
            outcome = DECIDERS[name].decide(row)
            assert (fired(got)[name], got[name]) == (set(outcome.rules), outcome.output)


def crowd(size: int) -> list[dict]:
    """Made-up rows that come near every cell of every table; the same ones every time."""
    chance = random.Random(20261127)
    values = {
        "days_past_due": [0, 0, 2, 9, 20, 45, 75, 130, 300, 300, 900], "days_to_due": [None, -5, 0, 1, 3, 9],
        "promise_in_days": [None] * 6 + [-1, 0, 2], "past_due_minor": [500, 50_000, 400_000, 6_000_000],
        "principal_minor": [100_000, 2_000_000, 7_000_000], "balance_minor": [60_000, 200_000, 700_000, 1_500_000, 3_000_000],
        "effective_demands": [0, 1, 2], "days_since_demand": [None, 10, 100], "behaviour_score": [None, 300, 450, 600, 800],
        "collection_score": [None, 300, 500, 650, 720], "pay_score": [None, Decimal("0.2"), Decimal("0.6")],
        "broken_promises": [0, 0, 1, 3], "placement_round": [0, 1, 2, 3, 4, 6], "days_since_contact": [None, None, 0, 1, 2, 20, 40],
        "days_since_payment": [None, 10, 90], "hold": [None] * 30 + ["dispute", "plan"], "block_code": ["none"] * 30 + ["fraud", "deceased"],
    }  # fmt: skip
    rare = ("deceased", "incapacitated", "bankrupt", "represented_by_attorney", "legal_open", "hardship", "serious_illness",
            "disaster_area", "vulnerable")  # fmt: skip
    return [
        GOLDEN["usual"]
        | {name: chance.choice(some) for name, some in values.items()}
        | {name: chance.random() < 0.03 for name in rare}
        | {"autopay": chance.random() < 0.3, "reachable": chance.random() < 0.7}
        for _ in range(size)
    ]


def test_every_row_of_every_table_fires():
    rows = decided([row for _, row, _ in CUSTOMERS] + crowd(20_000))
    seen = {name: set().union(*(fired(row)[name] for row in rows)) for name in TABLES}
    for node in MODEL.decisions():
        if node.name in TABLES and node.logic is not None:
            assert seen[node.name] == set(range(1, len(list(node.logic.all("rule"))) + 1)), node.name


def test_rows_of_a_crowd_are_decided_alike_both_ways():
    rows = crowd(300)
    for row, got in zip(rows, decided(rows), strict=True):
        outcome = DECIDERS["proposal"].decide(row)
        found = {"earliest_in_days": got["proposal__earliest_in_days"], "priority": got["proposal__priority"]}
        assert (found, (got["proposal__rule"],)) == (outcome.output, outcome.rules)


def test_every_rule_says_why_in_both_languages():
    text = FILE.read_text("utf-8")
    rules = sum(len(list(node.logic.all("rule"))) for node in MODEL.decisions() if node.logic is not None)
    assert rules == text.count("<annotationEntry>") == 138
    assert text.count("<dmndi:DMNShape") == len(MODEL.nodes)


def test_the_night_compiles_for_spark():
    tables = {
        "standing": {"account_id": "string", "customer_id": "string", "currency": "string", "presence": "string",
                     "days_past_due": "int32", "bucket": "int16", "flow": "string", "five_class": "string",
                     "balance_total_minor": "int64", "past_due_amount_minor": "int64", "principal_minor": "int64"},
        "accounts": {"account_id": "string", "minimum_due_minor": "int64", "credit_limit_minor": "int64",
                     "last_payment_amount_minor": "int64", "product": "string", "block_code": "string", "autopay": "boolean",
                     "behaviour_score": "int16", "collection_score": "int16", "placed_with": "string", "due_date": "date",
                     "statement_date": "date", "last_payment_on": "date"},
        "customers": {"customer_id": "string", "segment": "string", "age": "int16", "flags": "array<string>"},
    }  # fmt: skip
    given = [ibis.table(schema, name=name) for name, schema in tables.items()]
    arms = assignment({"hold_out": "0.1", "champion": "0.9"}, seed="cards")
    rows = strategy.inputs(*given, business_date=date(2026, 11, 27), arms=arms)
    ranked = strategy.rank_and_cut(strategy.propose(rows, MODEL, "proposal"), [strategy.Capacity("team", "phone_m1", 100)])
    assert "ROW_NUMBER() OVER" in ibis.to_sql(ranked, dialect="pyspark")
