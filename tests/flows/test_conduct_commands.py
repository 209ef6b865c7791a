"""The commands on conduct, as a terminal sees them: what is printed where, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.records import desk
from tests.records.desk import MORNING
from typer.testing import CliRunner

from anhuan import clock
from anhuan.acts import agency as agencies
from anhuan.cli import app, conduct
from anhuan.records.agency import Agency
from anhuan.records.contact import Contact

pytestmark = pytest.mark.django_db

HEADER = "id,customer_id,at,channel,direction,line_result\n"


@pytest.fixture(autouse=True)
def _a_started_house(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conduct, "start", lambda **_: None)
    monkeypatch.setattr(clock, "now", lambda: MORNING)
    monkeypatch.setenv("ANHUAN_LANG", "en")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_a_history_that_comes_in_whole_ends_well_and_leaves_no_findings(tmp_path: Path) -> None:
    desk.customer()
    (tmp_path / "contacts.csv").write_text(HEADER + "k1,C1,2026-11-20T09:00:00+08:00,call,outbound,connected\n")
    (tmp_path / "findings.csv").write_text("of an earlier run")
    ended = run("import", "history", str(tmp_path), "--json")
    answer = json.loads(ended.stdout)
    assert ended.exit_code == 0
    assert answer["files"]["contacts.csv"] == {"rows": 1, "imported": 1, "known": 0, "set_aside": 0}
    assert answer["findings_file"] is None
    assert not (tmp_path / "findings.csv").exists()
    assert Contact.objects.get().by == "system:history"


def test_rows_set_aside_are_told_beside_the_history_and_by_the_exit_code(tmp_path: Path) -> None:
    desk.customer()
    (tmp_path / "contacts.csv").write_text(HEADER + "k1,C1,13812345678,call,outbound,connected\n")
    for more in ((), ("--json",)):
        ended = run("import", "history", str(tmp_path), *more)
        assert ended.exit_code == 1
        assert "13812345678" not in ended.output
    told = (tmp_path / "findings.csv").read_text(encoding="utf-8-sig")
    assert told.splitlines()[0] == "file,line,column,code,severity,message_zh,message_en"
    assert "contacts.csv,2,at,unreadable,set_aside" in told
    assert "13812345678" not in told


def test_a_history_that_cannot_be_read_is_a_matter_of_usage(tmp_path: Path) -> None:
    ended = run("import", "history", str(tmp_path), "--json")
    assert ended.exit_code == 2
    assert json.loads(ended.stdout)["error"]["code"] == "history_unreadable"


def test_an_agencys_token_is_printed_once(tmp_path: Path) -> None:
    added = run("agency", "add", "north", "--placed-as", "North Ltd", "--listed")
    token = added.stdout.strip()
    assert added.exit_code == 0
    holder = agencies.holder_of(token)
    assert holder is not None
    assert (holder.agency_id, holder.placed_as, holder.listed) == ("north", "North Ltd", True)
    assert run("agency", "add", "north").exit_code == 2
    assert run("agency", "add", "Nord Süd").exit_code == 2
    renewed = run("agency", "token", "north").stdout.strip()
    assert (agencies.holder_of(token), agencies.holder_of(renewed)) == (None, holder)
    assert run("agency", "end", "north").exit_code == 0
    assert agencies.holder_of(renewed) is None
    assert run("agency", "end", "north").exit_code == 2
    assert Agency.objects.count() == 1
