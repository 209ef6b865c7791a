"""`anhuan decide` and `anhuan table check`, as another program calls them."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.rulebook.dmn import decision, definitions, input_data, knowledge, literal, table

RULES = [["< 0", "-", '"cured"'], ["[0..30]", "-", '"M1"'], ["> 30", "true", '"legal"'], ["> 30", "false", '"M2"']]
INPUTS = [("Days past due", "number"), ("Secured", "boolean")]
MODEL = definitions(
    *(input_data(*i) for i in INPUTS),
    input_data("Since", "date"),
    input_data("Amount", "number"),
    decision("Treatment", table("UNIQUE", INPUTS, RULES), needs=[f"i {name}" for name, _ in INPUTS]),
    decision("Whole", literal('{until: Since + @"P1M", part: Amount / 3, wait: @"P1D" * 2}'), needs=["i Since", "i Amount"]),
    decision("Today", literal("today()")),
    decision("Gap", table("UNIQUE", INPUTS, RULES[:3]), needs=[f"i {name}" for name, _ in INPUTS]),
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.dmn"
    path.write_bytes(MODEL)
    return path


def anhuan(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    script = Path(sys.executable).with_name("anhuan")
    return subprocess.run(
        [script, *map(str, arguments)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "ANHUAN_LANG": "en", **environment},
    )  # fmt: skip


def decided(model: Path, name: str, rows: Path, **environment: str) -> list[dict[str, Any]]:
    ended = anhuan("decide", model, "--decision", name, "--input", rows, "--json", **environment)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout, parse_float=Decimal)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_of_json_are_decided_in_order_with_the_rules_that_fired(model, tmp_path):
    rows = written(tmp_path / "rows.json", json.dumps([
        {"Days past due": 12, "Secured": True}, {"Days past due": 31, "Secured": False}, {"Days past due": "many"},
        {"Days past due": 31},
    ]))  # fmt: skip
    assert decided(model, "Treatment", rows) == [
        {"output": "M1", "rules": [2], "error": None},
        {"output": "M2", "rules": [4], "error": None},
        {"output": None, "rules": [], "error": "Days past due: 'many' is no number"},
        {"output": None, "rules": [], "error": "no rule of the table holds"},
    ]


def test_numbers_keep_their_digits_and_dates_are_text(model, tmp_path):
    rows = written(tmp_path / "rows.json", '[{"Since": "2020-01-31", "Amount": 1.10}, {"Amount": 100000000000000000000000.01}]')
    first, second = decided(model, "Whole", rows)
    assert first["output"] == {"until": "2020-02-29", "part": Decimal("0." + "3" + "6" * 32 + "7"), "wait": "P2D"}
    assert second["output"]["part"] == Decimal("33333333333333333333333.33666666667")


def test_csv_and_parquet_are_read_by_the_types_of_the_model(model, tmp_path):
    rows = written(tmp_path / "rows.csv", "Days past due,Secured,other\n31,TRUE,x\n0.5,,y\n,false,\n")
    assert [o["rules"] for o in decided(model, "Treatment", rows)] == [[3], [2], []]
    file = tmp_path / "rows.parquet"
    parquet.write_table(pa.table({"Days past due": [31, -1], "Secured": [True, None]}), file)
    assert [o["output"] for o in decided(model, "Treatment", file)] == ["legal", "cured"]


def test_the_present_comes_from_the_clock(model, tmp_path):
    rows = written(tmp_path / "rows.json", "[{}]")
    (outcome,) = decided(model, "Today", rows, ANHUAN_CLOCK="2026-11-27T09:30:00+00:00")
    assert outcome["output"] == "2026-11-27"


def test_an_output_file_holds_the_document(model, tmp_path):
    rows, out = written(tmp_path / "rows.json", '[{"Days past due": 1}]'), tmp_path / "out.json"
    ended = anhuan("decide", model, "--decision", "Treatment", "--input", rows, "--output", out)
    assert (ended.returncode, ended.stdout) == (0, "")
    assert json.loads(out.read_text()) == [{"output": "M1", "rules": [2], "error": None}]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--decision", "Nothing", "--input", "rows.json"], "there is no decision 'Nothing'"),
        (["--decision", "Treatment", "--input", "none.json"], "cannot read"),
        (["--decision", "Treatment", "--input", "rows.txt"], "only .json, .csv, .parquet are read"),
        (["--decision", "Treatment", "--input", "bad.json"], "cannot read"),
        (["--decision", "Treatment", "--input", "numbers.json"], "row 1 is no object"),
    ],
)
def test_what_cannot_be_used_ends_with_two_and_says_why(model, tmp_path, arguments, says):
    written(tmp_path / "rows.json", "[]")
    written(tmp_path / "bad.json", "[{")
    written(tmp_path / "numbers.json", "[1]")
    arguments[-1] = str(tmp_path / arguments[-1])
    ended = anhuan("decide", model, *arguments, "--json")
    assert ended.returncode == 2
    assert says in json.loads(ended.stdout)["error"]["message_en"]


def test_a_model_of_the_wrong_kind_is_refused(tmp_path):
    rows = written(tmp_path / "rows.json", "[]")
    ended = anhuan("decide", written(tmp_path / "m.dmn", "<a/>"), "--decision", "d", "--input", rows, "--json")
    assert (ended.returncode, json.loads(ended.stdout)["error"]["code"]) == (2, "model_refused")


def test_a_table_is_proved_or_its_findings_are_listed(model):
    ended = anhuan("table", "check", model, "--json")
    report = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert report["ok"] is False
    assert not any(report["decisions"]["Treatment"].values())
    assert report["decisions"]["Gap"]["gaps"] == [{"Days past due": 31, "Secured": False}]
    plain = anhuan("table", "check", model)
    assert "proved: Treatment" in plain.stdout
    assert '{"Days past due": 31, "Secured": false}' in plain.stdout


def test_a_proved_model_ends_with_zero(tmp_path):
    whole = definitions(
        input_data("x", "number"), decision("d", table("FIRST", [("x", "number")], [["> 1", "1"], ["-", "2"]]), needs=["i x"])
    )
    path = tmp_path / "whole.dmn"
    path.write_bytes(whole)
    assert anhuan("table", "check", path, "--json").returncode == 0


def test_tables_inside_knowledge_models_are_proved_too(tmp_path):
    body = table("UNIQUE", [("n", "number")], [["> 1", "1"]])
    path = tmp_path / "k.dmn"
    path.write_bytes(definitions(knowledge("k", {"n": "number"}, body), decision("d", literal("k(1)"), knows=["k k"])))
    assert json.loads(anhuan("table", "check", path, "--json").stdout)["decisions"]["k"]["gaps"] == [{"n": 0}]


def test_deciding_starts_neither_django_nor_a_database_and_is_quick(model, tmp_path):
    rows = written(tmp_path / "rows.json", '[{"Days past due": 1}]')
    program = (
        "import sys; from anhuan.cli import app\n"
        f"sys.argv = ['anhuan', 'decide', {str(model)!r}, '--decision', 'Treatment', '--input', {str(rows)!r}, '--json']\n"
        "try: app()\n"
        "except SystemExit as ended: assert not ended.code\n"
        "assert not {'django.db', 'psycopg', 'duckdb', 'ibis', 'pyarrow'} & set(sys.modules)\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)  # the processor's seconds: others may keep it busy
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2
