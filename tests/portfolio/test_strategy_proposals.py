"""Inputs of a strategy, one proposal per customer, and the cut to capacity."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import ibis
import pyarrow as pa
import pytest
from tests.rulebook.dmn import decision, definitions, input_data, literal, table

from anhuan.portfolio.experiments import assignment
from anhuan.portfolio.strategy import INPUTS, Capacity, NotColumnar, inputs, propose, rank_and_cut
from anhuan.rulebook.tables.model import Model

DAY = date(2026, 11, 27)
STANDING = pa.schema([
    ("account_id", pa.string()), ("customer_id", pa.string()), ("currency", pa.string()), ("presence", pa.string()),
    ("days_past_due", pa.int32()), ("bucket", pa.int16()), ("flow", pa.string()), ("five_class", pa.string()),
    ("balance_total_minor", pa.int64()), ("past_due_amount_minor", pa.int64()), ("principal_minor", pa.int64()),
])  # fmt: skip
ACCOUNTS = pa.schema([
    ("account_id", pa.string()), ("minimum_due_minor", pa.int64()), ("credit_limit_minor", pa.int64()),
    ("last_payment_amount_minor", pa.int64()), ("product", pa.string()), ("block_code", pa.string()), ("autopay", pa.bool_()),
    ("behaviour_score", pa.int16()), ("collection_score", pa.int16()), ("placed_with", pa.string()), ("due_date", pa.date32()),
    ("statement_date", pa.date32()), ("last_payment_on", pa.date32()),
])  # fmt: skip
CUSTOMERS = pa.schema(
    [("customer_id", pa.string()), ("segment", pa.string()), ("age", pa.int16()), ("flags", pa.list_(pa.string()))]
)

con = ibis.duckdb.connect()


def account(number: int, customer: int, days: int = 10, past_due: int = 1000, **more) -> dict:
    return {"account_id": f"A{number}", "customer_id": f"C{customer}", "currency": "CNY", "presence": "present", "days_past_due": days,
            "past_due_amount_minor": past_due, "balance_total_minor": 5 * past_due, "block_code": "none", "autopay": False} | more  # fmt: skip


def night(*rows: dict, flags: dict[str, list[str]] | None = None) -> list[ibis.Table]:
    people = sorted({row["customer_id"] for row in rows})
    customers = [{"customer_id": p, "segment": "mass", "flags": (flags or {}).get(p)} for p in people]
    return [
        ibis.memtable(pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in data], schema=schema))
        for data, schema in ((rows, STANDING), (rows, ACCOUNTS), (customers, CUSTOMERS))
    ]


def listed(table: ibis.Table, by: str = "customer_id") -> list[dict]:
    return con.to_pyarrow(table.order_by(by)).to_pylist()


def model(rules: list[list[str]], inputs_: tuple[str, ...] = ("days_past_due", "past_due_minor")) -> Model:
    outputs = [("channel", ""), ("priority", ""), ("expected_value_minor", "")]
    body = table("FIRST", [(name, "") for name in inputs_], rules, outputs=outputs)
    return Model(
        definitions(*(input_data(name) for name in inputs_), decision("act", body, needs=[f"i {name}" for name in inputs_]))
    )


SIMPLE = model(
    [["> 30", "-", '"call"', "5", "past_due_minor"], ["> 0", "-", '"sms"', "1", "past_due_minor"], ["-", "-", "null", "0", "0"]]
)


# --- Inputs ------------------------------------------------------------------------------------------------------


def test_inputs_are_the_documented_columns():
    rows = inputs(*night(account(1, 1)), business_date=DAY)
    assert rows.schema() == INPUTS


def test_only_accounts_delivered_tonight_are_acted_upon():
    rows = inputs(
        *night(account(1, 1), account(2, 1, presence="missing"), account(3, 1, presence="carried")), business_date=DAY
    )
    assert [row["account_id"] for row in listed(rows)] == ["A1"]


def test_flags_and_distances_are_told():
    given = account(1, 1, due_date=date(2026, 11, 30), last_payment_on=date(2026, 11, 20), statement_date=date(2026, 11, 7))
    (row,) = listed(inputs(*night(given, flags={"C1": ["student", "vulnerable"]}), business_date=DAY))
    assert (row["student"], row["vulnerable"], row["bankrupt"]) == (True, True, False)
    assert (row["days_to_due"], row["days_since_payment"], row["days_since_statement"]) == (3, 7, 20)


def test_records_speak_where_they_know_and_defaults_elsewhere():
    conduct = ibis.memtable(pa.table({"customer_id": ["C1"], "hold": ["plan"], "broken_promises": pa.array([2], pa.int16())}))
    scores = ibis.memtable(pa.table({"account_id": ["A1"], "pay_score": pa.array([Decimal("0.25")], pa.decimal128(7, 6))}))
    rows = listed(inputs(*night(account(1, 1), account(2, 2)), business_date=DAY, conduct=conduct, scores=scores))
    assert [(row["hold"], row["broken_promises"], row["hardship"], row["pay_score"]) for row in rows] == [
        ("plan", 2, False, Decimal("0.250000")), (None, 0, False, None),
    ]  # fmt: skip


def test_foreign_amounts_are_converted_at_the_given_rate():
    rows = inputs(*night(account(1, 1, currency="USD"), account(2, 2)), business_date=DAY, rates={"USD": Decimal("7.1255")})
    assert [row["past_due_minor"] for row in listed(rows)] == [7125, 1000]


# --- Proposals ---------------------------------------------------------------------------------------------------


def test_a_customer_has_one_proposal_the_one_of_highest_priority():
    rows = inputs(
        *night(account(1, 1, days=10, past_due=9000), account(2, 1, days=40, past_due=100), account(3, 2)), business_date=DAY
    )
    found = listed(propose(rows, SIMPLE, "act", fingerprint="abc", version=3))
    assert [(one["customer_id"], one["account_id"], one["channel"], one["accounts"]) for one in found] == [
        ("C1", "A2", "call", 2), ("C2", "A3", "sms", 1),
    ]  # fmt: skip
    assert [(one["decision"], one["row"], one["trace"]) for one in found] == [("act", 1, "act 1"), ("act", 2, "act 2")]
    assert (found[0]["fingerprint"], found[0]["version"], found[0]["earliest_on"]) == ("abc", 3, DAY)


def test_of_equal_priority_the_higher_value_then_the_account_decides():
    rows = inputs(
        *night(account(3, 1, past_due=500), account(2, 1, past_due=900), account(1, 1, past_due=900)), business_date=DAY
    )
    assert [one["account_id"] for one in listed(propose(rows, SIMPLE, "act"))] == ["A1"]


def test_of_whom_nothing_is_wanted_there_is_no_proposal():
    rows = inputs(*night(account(1, 1, days=0), account(2, 2)), business_date=DAY)
    assert [one["customer_id"] for one in listed(propose(rows, SIMPLE, "act"))] == ["C2"]


def test_the_hold_out_is_left_in_peace():
    arms = assignment({"hold_out": "0.5", "usual": "0.5"}, seed="spring")
    rows = inputs(*night(*(account(n, n) for n in range(200))), business_date=DAY, arms=arms)
    found = listed(propose(rows, SIMPLE, "act"))
    assert {one["customer_id"] for one in found} == {f"C{n}" for n in range(200) if arms.arm(f"C{n}") == "usual"}


def test_a_strategy_without_a_channel_is_none():
    parts = [input_data("days_past_due"), decision("act", literal("days_past_due + 1"), needs=["i days_past_due"])]
    with pytest.raises(NotColumnar, match="gives each of these once: channel"):
        propose(ibis.table(INPUTS, name="rows"), Model(definitions(*parts)), "act")


# --- Capacity ----------------------------------------------------------------------------------------------------


def wanted(*rows: tuple[str, str, str, int]) -> ibis.Table:
    names = ("team", "channel", "segment", "expected_value_minor")
    data = [{"customer_id": f"C{n}", "priority": 0} | dict(zip(names, row, strict=True)) for n, row in enumerate(rows)]
    return ibis.memtable(pa.Table.from_pylist(data))


def kept(proposals: ibis.Table, *capacities: Capacity, **more) -> list[int]:
    found = listed(rank_and_cut(proposals, capacities, **more))
    assert {one["heap"] for one in found} <= {"proposed", "no_capacity"}
    return sorted(one["expected_value_minor"] for one in found if one["heap"] == "proposed")


def test_the_best_are_kept_and_the_rest_is_remembered():
    found = listed(rank_and_cut(wanted(*(("a", "call", "mass", n) for n in (3, 1, 2))), [Capacity("team", "a", 2)]), by="rank")
    assert [(one["rank"], one["expected_value_minor"], one["heap"]) for one in found] == [
        (1, 3, "proposed"), (2, 2, "proposed"), (3, 1, "no_capacity"),
    ]  # fmt: skip


def test_what_no_capacity_speaks_of_is_kept():
    assert kept(wanted(("a", "call", "mass", 1), ("b", "sms", "mass", 2)), Capacity("team", "a", 0)) == [2]
    assert kept(wanted(("a", "call", "mass", 1))) == [1]


def test_a_share_keeps_seats_for_a_segment():
    rows = wanted(*(("a", "call", "mass", 10 + n) for n in range(8)), ("a", "call", "gold", 1), ("a", "call", "gold", 2))
    assert kept(rows, Capacity("team", "a", 4, {"gold": "0.25"})) == [2, 15, 16, 17]
    assert kept(rows, Capacity("team", "a", 4, {"gold": "0.5"})) == [1, 2, 16, 17]
    assert kept(rows, Capacity("team", "a", 4, {"private": "0.5"})) == [14, 15, 16, 17]  # nobody there: the seats go to others


def test_a_seat_the_channel_turns_away_goes_to_the_next_of_the_team():
    rows = wanted(("a", "call", "mass", 9), ("a", "call", "mass", 8), ("a", "sms", "mass", 7))
    capacities = (Capacity("team", "a", 2), Capacity("channel", "call", 1))
    assert kept(rows, *capacities, passes=1) == [9]
    assert kept(rows, *capacities) == [7, 9]


def test_no_capacity_is_exceeded_and_none_is_left_idle_for_one_column():
    rows = wanted(*((f"t{n % 3}", "call", "mass" if n % 5 else "gold", n * 7 % 101) for n in range(100)))
    found = listed(rank_and_cut(rows, [Capacity("team", f"t{n}", 10 * n, {"gold": "0.3"}) for n in range(3)]))
    for n in range(3):
        assert sum(one["team"] == f"t{n}" and one["heap"] == "proposed" for one in found) == 10 * n


@pytest.mark.parametrize("shares", [{"a": "0.7", "b": "0.4"}, {"a": "-0.1"}])
def test_shares_of_more_than_there_is_are_a_mistake(shares):
    with pytest.raises(ValueError, match="a capacity"):
        rank_and_cut(wanted(("a", "call", "mass", 1)), [Capacity("team", "a", 5, shares)])
