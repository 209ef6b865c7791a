"""Nights of the made-up bank, worked through by the real command line, come out as the bank itself counted them."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "firstbank"
sys.path.insert(0, str(EXAMPLE))

import generate  # noqa: E402

NIGHTS = 8
START = date(2026, 10, 28)


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("feeds")
    generate.generate(out=out, nights=NIGHTS, accounts=1500, start=START, seed=21)
    return out


@pytest.fixture(scope="module")
def told(feeds: Path) -> list[dict[str, Any]]:
    nights: list[dict[str, Any]] = json.loads((feeds / "truth.json").read_text())["nights"]
    return nights


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "DJANGO_SETTINGS_MODULE"}}
    desk = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("desk.py")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=kept | {"ANHUAN_HOME": str(tmp_path_factory.mktemp("bank") / "home")},
    )  # fmt: skip
    yield desk
    assert desk.stdin is not None
    desk.stdin.close()
    assert desk.wait(timeout=60) == 0


@pytest.fixture(scope="module")
def nights(desk: subprocess.Popen[str], feeds: Path) -> list[dict[str, Any]]:
    return [ask(desk, "night", folder, "--json") for folder in sorted(feeds.glob("20*"))]


def ask(desk: subprocess.Popen[str], *arguments: str | Path) -> dict[str, Any]:
    assert desk.stdin is not None
    assert desk.stdout is not None
    desk.stdin.write(json.dumps([str(argument) for argument in arguments]) + "\n")
    desk.stdin.flush()
    answer = json.loads(desk.stdout.readline())
    assert answer["code"] == 0, answer
    document: dict[str, Any] = json.loads(answer["printed"])
    return document


def test_every_night_moves_as_the_bank_counted(nights: list[dict[str, Any]], told: list[dict[str, Any]]) -> None:
    assert [night["status"] for night in nights] == ["sealed"] * NIGHTS
    assert [night["flow"] for night in nights] == [one["flow"] for one in told]
    assert [night["accounts"] for night in nights] == [one["accounts"] for one in told]
    assert [night["rows"]["payments.csv"] for night in nights] == [one["payments"] for one in told]


def test_roll_rates_add_up_to_the_buckets_the_bank_counted(
    desk: subprocess.Popen[str], nights: list[dict[str, Any]], told: list[dict[str, Any]]
) -> None:
    first, last = told[0], told[-1]
    matrices = [
        ask(
            desk,
            "report",
            "roll-rates",
            "--from",
            first["business_date"],
            "--to",
            last["business_date"],
            "--currency",
            currency,
            "--json",
        )
        for currency in ("CNY", "USD", "HKD", "JPY")
    ]
    into = [sum(matrix["matrix"][row][column] for matrix in matrices for row in range(8)) for column in range(8)]
    out_of = [sum(sum(matrix["matrix"][row]) for matrix in matrices) for row in range(8)]
    assert into[1:] == last["buckets"][1:]
    assert out_of[1:] == first["buckets"][1:]


def test_whoever_is_overdue_has_an_open_case_and_nobody_else(feeds: Path, nights: list[dict[str, Any]]) -> None:
    """Vanished accounts keep their case open until they come back."""
    with duckdb.connect() as con:
        con.execute(f"""CREATE VIEW accounts AS SELECT account_id, customer_id, past_due_since,
            CAST(regexp_extract(filename, '([0-9-]+)/accounts.csv', 1) AS DATE) AS night
            FROM read_csv('{feeds}/*/accounts.csv', all_varchar = true, filename = true)""")
        rows = con.execute("""
            WITH latest AS (SELECT n.night, a.account_id, arg_max(a.customer_id, a.night) AS customer_id,
                                   arg_max(a.past_due_since IS NOT NULL, a.night) AS overdue
                            FROM (SELECT DISTINCT night FROM accounts) n JOIN accounts a ON a.night <= n.night GROUP BY ALL)
            SELECT count(DISTINCT customer_id) FROM latest WHERE overdue GROUP BY night ORDER BY night""").fetchall()
    assert [night["cases"]["open"] for night in nights] == [count for (count,) in rows]


def test_the_first_night_entered_everybody_and_later_ones_reopen_cases(nights: list[dict[str, Any]]) -> None:
    cases = [night["cases"] for night in nights]
    assert cases[0]["opened"] == cases[0]["open"]
    for before, after in itertools.pairwise(cases):
        assert after["open"] == before["open"] + after["opened"] + after["reopened"] - after["closed"]
    assert sum(one["reopened"] for one in cases) > 0
