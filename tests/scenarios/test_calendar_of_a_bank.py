"""Cases of law in a year whose notice came after the release: the bank's own calendar says how they are judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anhuan.cli import app

NOTICE = """
cn:
  2027:
    source: a made-up notice
    rest_days: ['2027-01-01..2027-01-03', '2027-02-05..2027-02-11']
    working_days: ['2027-02-14']
"""
CONTACT = """
  - {id: %s, title: A call on a Wednesday., law: [cn], topic: hours, cite: GB/T 45251-2025, force: [national_standard],
     basis: rule_text, confidence: secondary, ambiguous: false, debtor: {timezones: [Asia/Shanghai]}, debts: [{id: card}],
     attempt: {channel: call, at: '%sT10:00:00+08:00', party: debtor, purpose: collect, debts: [card], actor: bank},
     expect: %s, reason: Whether the notice of the year names it.}
"""
WORKDAY = ("OWN-1", "2027-02-03", "{verdict: permit}")
FEAST = ("OWN-2", "2027-02-10", "{verdict: refuse, rules: [public_holiday]}")
JUDGEMENTS = """
family: judgement
cases:
  - {id: OWN-3, jurisdiction: cn, topic: complaint, kind: complaint_in_time, citation: Complaint Measures (2020 No. 3),
     force: [binding], basis: rule_text, confidence: secondary, ambiguous: false, at: '2027-05-20T10:00:00+08:00',
     given: {received: '2027-01-22', handling: simple, answered: '2027-02-12'}, expected: true, reason: Rest days push the end.}
"""


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    folder = tmp_path / "cases"
    folder.mkdir()
    contacts = "".join(("family: contact\nscenarios:", CONTACT % WORKDAY, CONTACT % FEAST))
    (folder / "contacts.yaml").write_text(contacts, encoding="utf-8")
    (folder / "judgements.yaml").write_text(JUDGEMENTS, encoding="utf-8")
    return folder


def run(cases: Path, home: Path, *options: str) -> tuple[int, Any]:
    env = {"ANHUAN_HOME": str(home), "ANHUAN_LANG": "en"}
    ended = CliRunner().invoke(app, ["gate", "run", str(cases), "--json", *options], env=env)
    return ended.exit_code, json.loads(ended.stdout)


def test_without_the_notice_nothing_that_rests_on_it_is_permitted_or_judged(cases: Path, tmp_path: Path) -> None:
    code, told = run(cases, tmp_path)
    assert code == 1
    assert {case["id"]: case["got"] for case in told["cases"]} == {"OWN-1": "refuse", "OWN-2": "refuse", "OWN-3": None}


@pytest.mark.parametrize("named", [False, True])
def test_the_calendar_of_the_home_or_of_a_file_named_decides_both_families(cases: Path, tmp_path: Path, named: bool) -> None:
    home = tmp_path / "home"
    home.mkdir()
    file = tmp_path / "named.yaml" if named else home / "calendar.yaml"
    file.write_text(NOTICE, encoding="utf-8")
    code, told = run(cases, home, *(("--calendar", str(file)) if named else ()))
    assert [case["id"] for case in told["cases"] if not case["passed"]] == []
    assert (code, told["total"]) == (0, 3)


def test_a_calendar_that_is_not_in_order_stops_the_trial_and_names_its_line(cases: Path, tmp_path: Path) -> None:
    (tmp_path / "calendar.yaml").write_text(NOTICE.replace("2027:", "2026:"), encoding="utf-8")
    code, told = run(cases, tmp_path)
    assert code == 2
    assert "calendar.yaml:3 the year 2026 is known already" in told["error"]["message_en"]
    assert "calendar.yaml:3 2026 年已公布" in told["error"]["message_zh"]
