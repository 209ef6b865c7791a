"""The commands on payments and on the extract, as a terminal sees them: what is printed where, and the exit codes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from tests.records import desk
from tests.records.desk import BY, LAW, MORNING
from typer.testing import CliRunner

from anhuan import clock
from anhuan.acts import hold
from anhuan.cli import app, extract, payments
from anhuan.core.vocabulary import HoldKind
from anhuan.records.extract import Change
from anhuan.records.payment import Paid, PaymentKey

pytestmark = pytest.mark.django_db

HEADER = "reference,amount,currency,effective_on,account_id,virtual_account\n"


@pytest.fixture(autouse=True)
def _a_started_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in (payments, extract):
        monkeypatch.setattr(module, "start", lambda **_: None)
        monkeypatch.setattr(module, "home", lambda: tmp_path)
    monkeypatch.setattr(settings, "ANHUAN_HOME", tmp_path)
    monkeypatch.setattr(clock, "now", lambda: MORNING)
    monkeypatch.setenv("ANHUAN_LANG", "en")
    desk.customer()
    yield
    desk.empty_cards()


def run(*arguments: str, code: int = 0) -> str:
    ended = CliRunner().invoke(app, list(arguments))
    assert ended.exit_code == code, ended.output
    return ended.stdout


def answered(*arguments: str, code: int = 0) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run(*arguments, "--json", code=code))
    return told


def test_keys_are_learnt_and_a_file_is_looked_at_and_then_taken_by_them_once(tmp_path: Path) -> None:
    keys, paid = tmp_path / "keys.csv", tmp_path / "paid.csv"
    keys.write_text("kind,key,account_id\nvirtual_account,62001,A1\n")
    assert answered("payments", "keys", str(keys))["new"] == 1
    assert PaymentKey.objects.get().account_id == "A1"
    paid.write_text(HEADER + "R1,50.00,CNY,2026-11-20,,62001\n")
    looked = answered("payments", "import", str(paid), "--preview")
    assert (looked["state"], looked["matched"], Paid.objects.count()) == ("preview", 1, 0)
    taken = answered("payments", "import", str(paid))
    assert (taken["state"], taken["posted"], Paid.objects.get().amount_minor) == ("done", 1, 5000)
    assert answered("payments", "import", str(paid)) == taken
    assert "posted" in run("payments", "import", str(paid))


def test_lines_set_aside_and_money_nobody_can_place_are_told_by_the_exit_code(tmp_path: Path) -> None:
    paid = tmp_path / "paid.csv"
    paid.write_text(HEADER + "R1,50.00,CNY,2026-11-20,,\nR2,5.000,CNY,2026-11-20,A1,\n")
    answer = answered("payments", "import", str(paid), code=1)
    assert (answer["suspense"], answer["set_aside"]) == (1, 1)
    assert [(each["line"], each["code"]) for each in answer["findings_list"]] == [(3, "not_money")]
    (tmp_path / "no.csv").write_text("a,b\n")
    run("payments", "import", str(tmp_path / "no.csv"), code=2)
    run("payments", "import", str(tmp_path / "none.csv"), code=2)
    run("payments", "import", str(paid), "--format", "xls", code=2)


def test_an_extract_is_made_acknowledged_and_what_was_rejected_goes_out_again(tmp_path: Path) -> None:
    assert isinstance(hold.place("C1", HoldKind.COMPLAINT, law=LAW, at=MORNING, by=BY), hold.Placed)
    made = answered("extract", "--date", "2026-11-20")
    with (Path(made["folder"]) / "holds.csv").open(encoding="utf-8", newline="") as held:
        (row,) = csv.DictReader(held)
    assert (row["customer_id"], row["kind"]) == ("C1", "complaint")
    assert answered("extract", "--date", "2026-11-20") == made
    told = tmp_path / "answer.csv"
    told.write_text(f"sequence,change,answer,code\n{made['sequence']},{row['change']},rejected,E42\n")
    assert answered("extract", "acknowledge", str(told), code=1)["rejected"] == 1
    assert answered("extract", "acknowledge", str(told), "--resend")["again"] == 1
    assert Change.objects.filter(extract=None).count() == 1
    assert "holds.csv" in run("extract", "--date", "2026-11-21", "--out", str(tmp_path / "out"))
    run("extract", "--date", "2026-11-19", code=2)
    run("extract", "--date", "yesterday", code=2)
