"""The commands on plans, as other programs call them: one document in, one out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PLAN = {
    "principal_minor": 120000, "currency": "CNY", "annual_rate": "0.12", "instalments": 2, "start": "2026-01-10",
    "first_due": "2026-02-10", "method": "equal_principal", "day_count": "30/360", "frequency": "monthly", "rounding": "half_up",
}  # fmt: skip
LOAN = {
    "advances": [{"on": "1978-01-03", "amount": "1000"}],
    "payments": [{"on": "1978-09-15", "amount": "1080"}],
    "unit_period": "auto",
}


def run(command: str, document: str, *flags: str) -> tuple[int, dict, str]:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "anhuan", "plan", command, *flags],
        input=document, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "django" not in ran.stderr
    said = "\n".join(line for line in ran.stderr.splitlines() if not line.startswith("import time:"))
    return ran.returncode, json.loads(ran.stdout), said


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_plan_is_quoted_row_by_row(flags):
    code, quoted, said = run("quote", json.dumps(PLAN), *flags)
    assert (code, said) == (0, "")
    assert quoted["rows"][1] == {
        "number": 2, "due": "2026-03-10", "opening_minor": 60000, "payment_minor": 60600, "principal_minor": 60000,
        "interest_minor": 600, "fee_minor": 0, "closing_minor": 0,
    }  # fmt: skip
    assert (quoted["total_payment_minor"], quoted["total_interest_minor"], quoted["total_fee_minor"]) == (121800, 1800, 0)
    assert isinstance(quoted["effective_annual_rate"], str)


def test_the_annual_percentage_rate_is_a_per_cent_in_text():
    assert run("apr", json.dumps(LOAN)) == (0, {"apr": "11.45", "unit_period": "days:255"}, "")


@pytest.mark.parametrize(
    ("command", "document", "field"),
    [
        ("quote", json.dumps(PLAN | {"instalments": 0}), "instalments"),
        ("quote", json.dumps(PLAN | {"annual_rate": 0.12}), "annual_rate"),
        ("apr", json.dumps(LOAN | {"payments": []}), "payments"),
        ("quote", "{", ""),
        ("apr", "", ""),
    ],
)
def test_what_cannot_be_used_ends_with_code_2_and_names_the_field(command, document, field):
    code, answer, said = run(command, document)
    assert code == 2
    assert answer["error"]["field"] == field
    assert field in answer["error"]["message_en"]
    assert answer["error"]["message_en"] in said


POLICY = str(Path(__file__).parents[2] / "examples" / "firstbank" / "policy.yaml")
QUESTION = {
    "on": "2026-11-27", "asked_by": "collector",
    "debt": {"product": "gold", "currency": "CNY", "days_past_due": 75, "classification": "special_mention", "past_due_minor": 400000,
             "owed": {"principal_minor": 2000000, "interest_minor": 150000, "fees_minor": 20000, "penalty_minor": 60000}},
    "form": {"income_minor": 800000, "expenses_minor": {"housing": 300000, "food": 200000}, "other_debts_minor": 100000, "household": 2,
             "at_hand_minor": 20000},
    "wish": {"kind": "plan", "instalments": 60},
}  # fmt: skip


def test_what_can_be_agreed_is_answered_by_the_policy_and_a_wish_refused_is_a_no():
    code, told, said = run("negotiate", json.dumps(QUESTION), "--policy", POLICY)
    assert (code, said) == (1, "")
    assert [(why["code"], why["rule"], why["seen"], why["limit"]) for why in told["refused"]["reasons"]] == [
        ("instalments", "firstbank.middle", 60, 48)
    ]
    assert told["refused"]["nearest"]["rows"][0] | {"payment_minor": 0} == {
        "number": 1, "agreed_on": "2026-12-27", "due": "2026-12-28", "settled": True, "payment_minor": 0, "principal_minor": 41667,
        "charges_minor": 4792, "interest_minor": 0, "fee_minor": 0, "closing_minor": 2183541,
    }  # fmt: skip
    code, told, _ = run("negotiate", json.dumps(QUESTION | {"wish": {"kind": "plan", "instalments": 36}}), "--policy", POLICY)
    assert (code, told["refused"], told["granted"]["authority"]) == (0, None, {"alone": False, "second": ["supervisor"]})


def test_a_home_without_a_policy_lets_nobody_grant_anything(tmp_path, monkeypatch):
    monkeypatch.setenv("ANHUAN_HOME", str(tmp_path))
    code, told, _ = run("negotiate", json.dumps(QUESTION))
    assert (code, [why["code"] for why in told["refused"]["reasons"]]) == (1, ["no_policy"])
    (tmp_path / "policy.yaml").write_text("bank: b\nrows:\n  - {id: a, from: 2020-01-01, plan: {max_instalments: 72}}\n")
    code, told, said = run("negotiate", json.dumps(QUESTION))
    assert (code, told["error"]["code"]) == (2, "rulebook")
    assert "policy.yaml:3" in said
