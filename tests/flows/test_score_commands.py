"""The analyst's commands as a bank's script calls them: files in, one document out, an exit code; never a trace."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from anhuan.cli import app
from anhuan.portfolio.scores import quality

CREDIT = Path(os.environ.get("ANHUAN_TESTDATA", "/nowhere")) / "credit" / "uci_default_train.csv"
TARGET = "default.payment.next.month"


def anhuan(*arguments: object, code: int = 0) -> str:
    """What a command prints to stdout; in this process, since starting one takes longer than most of these commands."""
    done = CliRunner().invoke(app, [*map(str, arguments)])
    assert done.exit_code == code, (done.stderr, done.exception)
    return done.stdout


def refusal(*arguments: object) -> str:
    return json.loads(anhuan(*arguments, "--json", code=2))["error"]["message_en"]


def write(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A folder with train.csv and new.csv of made-up accounts, ids and all."""
    folder = tmp_path_factory.mktemp("data")
    chance = np.random.default_rng(12)
    for name, rows in (("train.csv", 1500), ("new.csv", 900)):
        late, sex = chance.integers(0, 90, rows), chance.choice(["f", "m"], rows)
        word = chance.choice(["金卡", "白金卡"], rows)
        bad = chance.random(rows) < quality.expit(-2 + 0.04 * late + 0.7 * (word == "金卡"))
        write(
            folder / name,
            ["account", "late", "card", "sex", "bad"],
            [[f"A{n}", *row] for n, row in enumerate(zip(late, word, sex, bad.astype(int), strict=True))],
        )
    return folder


@pytest.fixture(scope="module")
def model(data: Path) -> Path:
    card = json.loads(
        anhuan(
            "score",
            "fit",
            data / "train.csv",
            "--target",
            "bad",
            "--exclude",
            "account,sex",
            "--fairness",
            "sex",
            "--model",
            data / "m.json",
        )
    )
    assert [column["name"] for column in card["columns"]] == ["late", "card"]
    assert card["fairness"]["sex"]["input"] is False
    return data / "m.json"


def test_probabilities_come_in_the_order_of_the_rows(model, data):
    found = list(csv.DictReader(io.StringIO(anhuan("score", "predict", model, data / "new.csv"))))
    rows = list(csv.DictReader((data / "new.csv").open()))
    assert [list(row) for row in found] == [["probability"]] * len(rows)
    outcome = np.array([float(row["bad"]) for row in rows])
    assert quality.auc(outcome, np.array([float(row["probability"]) for row in found]))["value"] > 0.7
    one_alone = write(data / "one.csv", list(rows[0]), [list(rows[5].values())])
    assert anhuan("score", "predict", model, one_alone).split()[1] == found[5]["probability"]


def test_the_command_writes_nothing_but_probabilities_to_stdout(model, data):
    asked = [sys.executable, "-m", "anhuan", "score", "predict", model, data / "new.csv"]
    done = subprocess.run(asked, check=True, capture_output=True, text=True)
    assert done.stdout == anhuan("score", "predict", model, data / "new.csv")
    assert done.stderr == ""


def test_reasons_are_written_beside_the_probabilities(model, data, tmp_path):
    anhuan("score", "predict", model, data / "new.csv", "--reasons", 2, "--reasons-to", tmp_path / "why.jsonl")
    told = [json.loads(line) for line in (tmp_path / "why.jsonl").open()]
    assert [row["row"] for row in told] == list(range(1, 901))
    assert {reason["topic"] for reason in told[0]["reasons"]} == {"late", "card"}
    assert "--reasons-to" in refusal("score", "predict", model, data / "new.csv", "--reasons", 2)


def test_drift_is_no_news_in_like_rows_and_an_exit_code_in_others(model, data, tmp_path):
    assert json.loads(anhuan("score", "drift", model, data / "new.csv", "--json"))["drifted"] == []
    moved = write(tmp_path / "moved.csv", ["late", "card"], [[200 + n, "金卡"] for n in range(300)])
    assert "late" in json.loads(anhuan("score", "drift", model, moved, "--json", code=1))["drifted"]


def test_what_cannot_be_used_is_said_in_a_sentence(model, data, tmp_path):
    short = write(tmp_path / "short.csv", ["late"], [[1]])
    assert "short.csv lacks the column card" in refusal("score", "predict", model, short)
    assert "cannot be read" in refusal("score", "predict", tmp_path / "none.json", short)
    assert "is no model" in refusal("score", "predict", short, short)
    assert "lacks the column badd" in refusal("score", "fit", data / "train.csv", "--target", "badd", "--model", tmp_path / "m")
    assert "takes two values" in refusal("score", "fit", data / "train.csv", "--target", "late", "--model", tmp_path / "m")
    empty = write(tmp_path / "empty.csv", ["late", "bad"], [])
    assert "has no rows" in refusal("score", "fit", empty, "--target", "bad", "--model", tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_an_experiment_is_reported_arm_by_arm(tmp_path):
    rows = write(tmp_path / "r.csv", ["arm", "paid"], [["none", 1], ["none", 3], ["call", 4], ["call", 8], ["call", 6]])
    found = json.loads(anhuan("experiment", "report", rows, "--arm", "arm", "--outcome", "paid", "--control", "none", "--json"))
    assert [set(one) for one in found] == [{"arm", "n", "mean", "effect", "low", "high", "p"}] * 2
    assert [(one["arm"], one["n"], one["mean"], one["effect"]) for one in found] == [
        ("none", 2, 2.0, 0.0),
        ("call", 3, 6.0, 4.0),
    ]
    assert found[1]["low"] < 4 < found[1]["high"]
    wrong = refusal("experiment", "report", rows, "--arm", "arm", "--outcome", "paid", "--control", "letter")
    assert "has no arm 'letter'" in wrong
    assert "--arm and --control" in refusal("experiment", "report", rows, "--outcome", "paid")


def test_a_threshold_is_reported_as_one_element(tmp_path):
    rows = write(tmp_path / "r.csv", ["x", "y"], [[x, 5 + 2 * x + (30 if x >= 50 else 0)] for x in range(100)])
    (found,) = json.loads(
        anhuan("experiment", "report", rows, "--running", "x", "--outcome", "y", "--cutoff", 50, "--window", 10, "--json")
    )
    assert (found["arm"], found["n"], found["n_below"]) == ("treated", 10, 10)
    assert found["effect"] == pytest.approx(30)


def test_rows_needed_and_what_those_at_hand_show(tmp_path):
    needed = json.loads(anhuan("experiment", "power", "--rate", 0.5, "--to", 0.75, "--power", 0.9, "--json"))
    assert (needed["n_control"], needed["n_treated"]) == (77, 77)
    seen = json.loads(anhuan("experiment", "power", "--deviation", 1, "--n", 20, "--power", 0.8689528, "--json"))
    assert seen["effect"] == pytest.approx(1, abs=1e-5)
    assert "--rate and --to" in refusal("experiment", "power", "--rate", 0.5)
    assert "--rate and --to" in refusal("experiment", "power", "--deviation", -1, "--difference", 1)


def test_the_same_ids_are_assigned_alike_in_any_file(tmp_path):
    ids = write(tmp_path / "ids.csv", ["customer_id"], [[f"C{n}"] for n in range(200)])
    few = write(tmp_path / "few.csv", ["customer_id"], [[f"C{n}"] for n in range(150, 160)])
    asked = ("--column", "customer_id", "--seed", "spring", "--share", "hold_out=0.2,letter=0.8")
    drawn = dict(csv.reader(io.StringIO(anhuan("experiment", "assign", ids, *asked))))
    assert drawn.pop("customer_id") == "arm"
    assert set(drawn.values()) == {"hold_out", "letter"}
    again = list(csv.reader(io.StringIO(anhuan("experiment", "assign", few, *asked))))[1:]
    assert dict(again) == {customer: drawn[customer] for customer, _ in again}
    assert "add up to 1" in refusal("experiment", "assign", ids, "--column", "customer_id", "--seed", "s", "--share", "a=0.5")


@pytest.mark.skipif(not CREDIT.exists(), reason="set ANHUAN_TESTDATA to test scores on 20,991 real card accounts")
def test_real_accounts_not_learnt_from_are_predicted_as_well_as_promised(tmp_path):
    rows = list(csv.reader(CREDIT.open()))
    order = np.random.default_rng(2026).permutation(len(rows) - 1) + 1
    cut = round(0.7 * len(order))
    train = write(tmp_path / "train.csv", rows[0], [rows[n] for n in order[:cut]])
    unseen = write(tmp_path / "unseen.csv", rows[0], [rows[n] for n in order[cut:]])
    anhuan("score", "fit", train, "--target", TARGET, "--exclude", "ID", "--model", tmp_path / "m.json")
    found = np.array([float(line) for line in anhuan("score", "predict", tmp_path / "m.json", unseen).split()[1:]])
    outcome = np.array([float(rows[n][-1]) for n in order[cut:]])
    figures = quality.figures(outcome, found)
    assert figures["auc"]["value"] >= 0.775
    assert figures["brier"]["value"] <= 0.136
    assert 0.9 <= figures["calibration"]["slope"]["value"] <= 1.1
