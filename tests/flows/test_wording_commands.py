"""The commands on wordings and letters, as a terminal sees them: what is printed where, and the exit codes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anhuan import clock
from anhuan.cli import app, wordings
from anhuan.records.staff import Staff

ROOT = Path(__file__).resolve().parents[2]
BANK = ROOT / "examples/firstbank"
REMINDER = str(BANK / "wordings/overdue_gentle.yaml")
KEY = "cn/overdue_gentle/sms/zh"


@pytest.fixture(autouse=True)
def _a_started_house(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordings, "start", lambda **_: None)
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 20, 2, tzinfo=UTC))
    monkeypatch.setenv("ANHUAN_LANG", "en")


def run(*arguments: str, code: int = 0) -> Any:
    ended = CliRunner().invoke(app, list(arguments))
    assert ended.exit_code == code, (ended.output, ended.exception)
    return json.loads(ended.stdout) if "--json" in arguments else ended.output


@pytest.mark.django_db
def test_a_wording_goes_its_way_from_the_command_line() -> None:
    for name in ("wang", "li"):
        Staff.objects.create(username=name)
    made = run("wording", "add", REMINDER, "--by", "wang", "--json")
    assert {(each["number"], each["state"], tuple(each["findings"])) for each in made} == {(1, "draft", ())}
    assert run("wording", "add", REMINDER, "--by", "wang", "--json") == made, "nothing new is said"
    assert len(run("wording", "check", "cn/overdue_gentle/*", "--json")) == 4
    [refused] = run("wording", "approve", KEY, "--by", "wang", "--json", code=1)
    assert [each["code"] for each in refused["refused"]] == ["same_person"]
    run("wording", "approve", KEY, "--by", "li")
    [past] = run("wording", "live", KEY, "--from", "2026-11-19", "--json", code=1)
    assert [each["code"] for each in past["refused"]] == ["past"]
    [live] = run("wording", "live", KEY, "--from", "2026-11-20", "--json")
    assert (live["wording"], live["state"], live["live_from"], live["approved_by"]) == (KEY, "live", "2026-11-20", "li")
    [listed] = run("wording", "list", f"{KEY}/1", "--json")
    assert listed == live
    [shown] = run("wording", "show", KEY, "--json")
    assert shown["document"]["parts"]["text"].startswith("【第一示例银行】")
    [retired] = run("wording", "retire", KEY, "--from", "2026-12-01", "--json")
    assert (retired["state"], retired["live_until"]) == ("retired", "2026-12-01")
    assert run("wording", "show", "cn/nothing/sms/zh", "--json", code=2)["error"]["code"] == "no_such_wording"


def test_files_are_judged_without_an_installation(tmp_path: Path) -> None:
    assert all(each["ok"] for each in run("wording", "check", REMINDER, "--json"))
    bad = tmp_path / "bad.yaml"
    bad.write_text(Path(REMINDER).read_text().replace("可能是您一时疏忽", "不还就派人去你家堵门"))
    found = {each["wording"]: each for each in run("wording", "check", str(bad), "--json", code=1)}
    [finding] = found[KEY]["findings"]
    assert (finding["code"], finding["where"], finding["end"] > finding["start"]) == ("threat", "text", True)
    bad.write_text(Path(REMINDER).read_text().replace("{past_due}", "{sum}"))
    faults = run("wording", "check", str(bad), "--json", code=2)["faults"]
    assert {"undeclared_value", "unused_value"} == {each["code"] for each in faults}
    assert all(each["line"] > 0 for each in faults if each["code"] == "undeclared_value")


def test_a_preview_says_how_many_parts_a_text_message_takes() -> None:
    lengths = {each["wording"]: each.get("length") for each in run("wording", "preview", REMINDER, "--json")}
    assert lengths[KEY]["parts"] == 2
    assert lengths["cn/overdue_gentle/portal_push/zh"] is None


def test_a_letter_is_shown_as_a_page_or_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("letter", "preview", str(BANK / "wordings/formal_demand.yaml"), "--letterhead", str(BANK / "letterhead.toml"))
    out = ("--out", str(tmp_path / "p.pdf"), "--json")
    if Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc").exists():
        made = run(*asked, *out)
        assert [Path(each["file"]).name for each in made] == ["p-zh.pdf", "p-en.pdf"]
        assert (tmp_path / "p-zh.pdf").read_bytes().startswith(b"%PDF-1.7")
    assert run("letter", "preview", REMINDER, *asked[3:], *out, code=2)["error"]["code"] == "bad_wording"
    monkeypatch.setattr("anhuan.channels.letter.press.Press.__init__.__kwdefaults__", {"fonts": ()})
    assert run(*asked, *out, code=2)["error"]["code"] == "no_face"


def test_a_list_of_the_print_house_is_compared_and_nothing_changed(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    letters = [{"id": "LA", "sha256": "", "pages": 1, "first_page": 1}]
    manifest = {"batch": "b", "made_at": "2026-11-01T02:00:00+00:00", "letters": letters}
    (tmp_path / "manifests" / "b.json").write_text(json.dumps(manifest))
    file = tmp_path / "list.csv"
    file.write_text("letter,event,on,reason\nLA,posted,2026-11-02,\n")
    assert run("letter", "reconcile", str(tmp_path), str(file), "--json") == {
        "letters": 1,
        "told": {"posted": 1},
        "findings": [],
    }
    file.write_text("letter,event,on,reason\nLB,posted,2026-11-02,\n")
    found = run("letter", "reconcile", str(tmp_path), str(file), "--json", code=1)["findings"]
    assert [(each["code"], each["letter"]) for each in found] == [("unknown_letter", "LB"), ("not_told", "LA")]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["list.csv", "manifests"]
