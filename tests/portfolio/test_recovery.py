"""What arms came to, what another strategy would bring, and whether the intervals hold what the made-up bank knows to be true."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import numpy as np
import pytest
from bench import recovery

from anhuan.portfolio import experiments, simulation
from anhuan.portfolio.delinquency import STANDING
from anhuan.portfolio.experiments import HOLD_OUT, assignment

DAY = date(2026, 11, 2)


def standing(*rows: tuple[Any, ...]) -> ibis.Table:
    """(account, customer, past due in minor units, currency, presence); an account with nothing past due is not overdue."""
    told = [
        dict.fromkeys(STANDING.names)
        | {"account_id": account, "customer_id": customer, "overdue": due > 0, "past_due_amount_minor": due,
           "currency": currency, "presence": presence}
        for account, customer, due, currency, presence in rows
    ]  # fmt: skip
    return ibis.memtable(told, schema=STANDING)


def payments(*rows: tuple[Any, ...]) -> ibis.Table:
    names = ("payment_id", "account_id", "amount_minor", "kind", "currency", "posted_on")
    schema = ibis.schema(dict(zip(names, ("string", "string", "int64", "string", "string", "date"), strict=True)))
    return ibis.memtable([dict(zip(names, row, strict=True)) for row in rows], schema=schema)


FIRST = standing(
    ("A1", "C1", 1000, "CNY", "present"), ("A2", "C1", 500, "USD", "present"), ("A3", "C2", 800, "CNY", "present"),
    ("A4", "C3", 300, "CNY", "present"), ("A5", "C4", 0, "CNY", "present"), ("A6", "C5", 70, "USD", "present"),
)  # fmt: skip
LAST = standing(
    ("A1", "C1", 0, "CNY", "present"), ("A2", "C1", 0, "USD", "present"), ("A3", "C2", 400, "CNY", "present"),
    ("A4", "C3", 300, "CNY", "missing"), ("A5", "C4", 90, "CNY", "present"), ("A6", "C5", 0, "USD", "present"),
)  # fmt: skip
PAID = payments(
    ("P0", "A3", 9000, "payment", "CNY", DAY),  # of the first night itself
    ("P1", "A1", 1500, "payment", "CNY", date(2026, 11, 3)), ("P2", "A2", 500, "payment", "USD", date(2026, 11, 3)),
    ("P3", "A3", 700, "autopay", "CNY", date(2026, 11, 3)), ("P4", "A3", 300, "reversal", "CNY", date(2026, 11, 4)),
    ("P3", "A3", 700, "autopay", "CNY", date(2026, 11, 3)),  # delivered again
    ("P5", "A4", 300, "waiver", "CNY", date(2026, 11, 4)), ("P6", "A5", 50, "payment", "CNY", date(2026, 11, 4)),
)  # fmt: skip


def test_what_became_of_a_customer_is_told_of_all_her_accounts_and_in_the_home_currency() -> None:
    found = experiments.outcomes(FIRST, LAST, PAID, after=DAY).to_pyarrow().to_pylist()
    assert sorted((row["customer_id"], row["cured"], row["recovered"], row["paid_minor"]) for row in found) == [
        ("C1", 1, 1.0, 1500), ("C2", 0, 0.5, 400), ("C3", 0, 0.0, 0), ("C5", 1, 1.0, 0),
    ]  # fmt: skip


def test_each_arm_is_held_against_the_hold_out_wherever_it_was_dealt() -> None:
    dealt = assignment({HOLD_OUT: "0.5", "champion": "0.5"}, seed="3")
    found = experiments.arms(FIRST, LAST, PAID, dealt, after=DAY)
    expected = {arm: [c for c in ("C1", "C2", "C3", "C5") if dealt.arm(c) == arm] for arm in (HOLD_OUT, "champion")}
    assert {row["arm"]: row["n"] for row in found} == {arm: len(who) for arm, who in expected.items() if who}
    cured = {"C1": 1, "C2": 0, "C3": 0, "C5": 1}
    for row in found:
        assert row["cured"]["mean"] == pytest.approx(np.mean([cured[who] for who in expected[row["arm"]]]))
    alone = experiments.arms(FIRST, LAST, PAID, assignment({"champion": "1"}, seed="3"), after=DAY)
    assert [(row["arm"], row["cured"]["effect"]) for row in alone] == [("champion", None)]


def rows(n: int = 400) -> tuple[Any, dict[str, Any]]:
    chance = np.random.default_rng(7)
    arm = np.where(chance.random(n) < 0.3, HOLD_OUT, "champion").astype(object)
    return arm, {"cured": (chance.random(n) < np.where(arm == HOLD_OUT, 0.2, 0.4)).astype(float)}


def test_a_strategy_that_treats_all_as_the_live_one_does_brings_what_that_brings() -> None:
    arm, values = rows()
    found = experiments.lift(arm, [["champion"]] * len(arm), values)
    welch = experiments.compared(arm, values)[1]["cured"]
    assert found["cured"]["vs_live"] == {"effect": 0.0, "low": 0.0, "high": 0.0, "p": 1.0}
    assert found["cured"]["vs_hold_out"]["effect"] == pytest.approx(welch["effect"])
    assert found["cured"]["vs_hold_out"]["low"] == pytest.approx(welch["low"], abs=2e-3)
    assert (found["customers"], found["known"], found["follows"]) == (400, 400, {"champion": 400, HOLD_OUT: 0})


def test_who_is_left_alone_does_as_the_hold_out_and_of_others_nothing_is_said() -> None:
    arm, values = rows()
    left, unknown = np.arange(400) < 200, np.arange(400) >= 300
    follows = [[] if unknown[n] else [HOLD_OUT] if left[n] else ["champion"] for n in range(400)]
    found = experiments.lift(arm, follows, values)
    cured = values["cured"]
    loss = cured[left & (arm == HOLD_OUT)].mean() - cured[left & (arm == "champion")].mean()
    gain = cured[~left & ~unknown & (arm == "champion")].mean() - cured[~left & ~unknown & (arm == HOLD_OUT)].mean()
    assert found["known"] == 300
    assert found["cured"]["vs_live"]["effect"] == pytest.approx(loss * 200 / 300)
    assert found["cured"]["vs_hold_out"]["effect"] == pytest.approx(gain * 100 / 300)
    alike = experiments.lift(arm, [[HOLD_OUT, "champion"]] * 400, values)  # of nobody either wants anything
    assert (alike["known"], alike["cured"]["vs_hold_out"]["effect"], alike["cured"]["vs_live"]["effect"]) == (400, 0.0, 0.0)
    nothing = experiments.lift(arm, [[]] * 400, values)
    assert (nothing["known"], nothing["cured"]["vs_live"]["effect"]) == (0, None)


def test_simulated_contacts_count_as_days_since_contact_of_whoever_had_one_and_of_nobody_else() -> None:
    conduct = ibis.memtable(
        {"customer_id": ["C1", "C2"], "days_since_contact": [5, 1], "hardship": [True, False], "legal_open": [False, False],
         "broken_promises": [2, 0], "effective_demands": [1, 0]}
    )  # fmt: skip
    contacted = ibis.memtable(
        {"customer_id": ["C1", "C2", "C3"], "last_on": [date(2026, 10, 31), date(2026, 10, 20), date(2026, 11, 2)]}
    )
    told = simulation.told(conduct, contacted, DAY).order_by("customer_id").to_pyarrow().to_pylist()
    assert [(row["customer_id"], row["days_since_contact"], row["hardship"], row["broken_promises"]) for row in told] == [
        ("C1", 2, True, 2), ("C2", 1, False, 0), ("C3", 0, None, None),
    ]  # fmt: skip


# --- the back-test ------------------------------------------------------------------------------------------------


def by_name(found: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["what"], one["measure"]): one for one in found["estimates"]}


KNOWN_TO_HOLD = [
    (what, measure)
    for what in ("live vs hold-out", "spare vs hold out", "spare vs live")
    for measure in ("cured", "recovered", "paid_minor")
]


def test_intervals_hold_the_truth_of_the_made_up_bank_about_as_often_as_they_say() -> None:
    found = recovery.backtest(banks=2, accounts=2500, nights=5, draws=60)
    told = by_name(found)
    for key in KNOWN_TO_HOLD:
        assert told[key]["coverage"] >= 0.88, told[key]
        assert abs(told[key]["bias"]) < told[key]["half_width"] / 2, told[key]
    assert told["live vs hold-out", "cured"]["truth"] > 0.01
    assert found["goes_on"]["spare"] == 1.0 > found["goes_on"]["patient"]


@pytest.mark.slow
def test_over_many_banks_and_draws_the_intervals_hold_the_truth_at_their_nominal_rate() -> None:
    told = by_name(recovery.backtest(banks=10, accounts=8000, nights=10, draws=100))
    for what, measure in KNOWN_TO_HOLD:
        low, high = (0.93, 0.97) if measure == "cured" else (0.92, 1.0)
        assert low <= told[what, measure]["coverage"] <= high, told[what, measure]
