"""The commands that list promises, agreements and waivers, as a terminal sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.records import desk
from tests.records.bargaining import TODAY, prepared, proposed
from tests.records.desk import MORNING
from typer.testing import CliRunner

from anhuan.acts import promise, waiver
from anhuan.cli import agreements, app

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bank(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.ANHUAN_HOME = tmp_path
    monkeypatch.setattr(agreements, "start", lambda **_: None)
    monkeypatch.setenv("ANHUAN_LANG", "en")
    prepared(tmp_path)
    yield
    desk.empty_cards()


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def listed(*arguments: str) -> Any:
    answer = run(*arguments, "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def test_what_was_promised_agreed_and_let_go_of_is_listed_by_state_and_case() -> None:
    promise.make(
        "C1", account_id="A1", amount_minor=90_000, currency="CNY", due_on=TODAY + timedelta(days=1), at=MORNING, by="lin"
    )
    one = proposed()
    waiver.propose("C1", account_id="A1", component="penalty", amount_minor=100, reason="a week late", at=MORNING, by="wang")
    assert [(each["amount_minor"], each["due_on"]) for each in listed("promise", "list")] == [(90_000, "2026-11-21")]
    assert listed("promise", "list", "--state", "kept") == []
    (plan,) = listed("plan", "list", "--state", "approved", "--case", "C1")
    assert (plan["plan_id"], len(plan["instalments"])) == (str(one.pk), 12)
    assert listed("plan", "list", "--case", "C2") == []
    (alone,) = listed("waiver", "list", "--state", "granted")
    assert (alone["amount_minor"], alone["proposed_by"]) == (100, "wang")
    shown = run("waiver", "list").stdout
    assert "penalty" in shown
    assert "Nothing matches." in run("waiver", "list", "--state", "void").stdout


@pytest.mark.parametrize("noun", ["promise", "plan", "waiver"])
def test_a_state_there_is_not_ends_with_code_2_and_the_states_there_are(noun: str) -> None:
    answer = run(noun, "list", "--state", "lost")
    assert answer.exit_code == 2
    assert "--state is one of" in answer.output
