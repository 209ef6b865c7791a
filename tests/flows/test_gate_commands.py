"""`anhuan gate explain` and `anhuan gate replay`, as a terminal sees them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.records import desk
from tests.records.desk import BY, MORNING
from typer.testing import CliRunner

from anhuan import clock
from anhuan.acts import desk as desks
from anhuan.acts import dispatch, hold, law
from anhuan.cli import app, gate
from anhuan.core.vocabulary import Channel, HoldKind, LineResult, Outcome
from anhuan.records.contact import Contact, Permit, Refusal

pytestmark = pytest.mark.django_db

AT = "2026-11-20T10:00:00+08:00"
NIGHT = "2026-11-20T23:00:00+08:00"


@pytest.fixture(autouse=True)
def _a_started_house(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    settings.ANHUAN_HOME = tmp_path
    monkeypatch.setattr(gate, "start", lambda **_: None)
    monkeypatch.setattr(clock, "now", lambda: MORNING)
    monkeypatch.setenv("ANHUAN_LANG", "en")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["gate", *arguments])


def explain(*arguments: str, at: str = AT, channel: str = "call") -> tuple[int, dict[str, Any]]:
    ended = run("explain", "--case", "C1", "--channel", channel, "--at", at, *arguments, "--json")
    return ended.exit_code, json.loads(ended.stdout)


def contact(hours: int = 0) -> None:
    """A conversation as the desk makes it, through the door."""
    at = MORNING + timedelta(hours=hours)
    judged = law.in_force(at)
    attempt = next(a for a, _ in desks.previews("C1", law=judged, at=at) if a.channel is Channel.CALL)
    answer = dispatch.start("C1", replace(attempt, id=f"a{hours}"), law=judged, at=at, by=BY)
    assert isinstance(answer, dispatch.Started), answer
    dispatch.complete(
        answer.contact_id, line_result=LineResult.CONNECTED, outcome=Outcome.EFFECTIVE_CONVERSATION, at=at, by=BY
    )  # fmt: skip


# --- explain --------------------------------------------------------------------------------------------------------


def test_a_call_as_the_desk_makes_it_is_permitted_in_the_morning() -> None:
    mobile = desk.customer()
    code, told = explain()
    assert (code, told["verdict"], told["reasons"]) == (0, "permit", [])
    assert told["asked"]["point"] == str(mobile)
    assert told["asked"]["recorded"] is told["asked"]["identifies_institution"] is True
    assert told["asked"]["debts"] == ["A1"]


def test_a_year_without_a_notice_is_refused_until_the_calendar_of_the_home_brings_it(tmp_path: Path) -> None:
    desk.customer()
    notice = "cn:\n  2027:\n    source: a made-up notice\n    rest_days: ['2027-02-05..2027-02-11']\n"
    answers = []
    for written in ("", notice):
        (tmp_path / "calendar.yaml").write_text(written)
        answers.append([explain(at=f"2027-02-{day}T10:00:00+08:00")[0] for day in ("03", "10")])
    assert answers == [[1, 1], [0, 1]]
    (tmp_path / "calendar.yaml").write_text(notice.replace("2027:", "2026:"))
    code, told = explain()
    assert code == 2
    assert "calendar.yaml:2 the year 2026 is known already" in told["error"]["message_en"]


def test_at_night_it_is_refused_with_its_clause_and_the_time_it_opens() -> None:
    desk.customer()
    code, told = explain(at=NIGHT)
    assert (code, told["verdict"]) == (1, "refuse")
    assert {"cn.quiet_hours"} == {reason["rule"] for reason in told["reasons"]}
    assert told["reasons"][0]["citation"]
    assert told["opens_at"].startswith("2026-11-21T00:00:00")


def test_the_time_it_opens_is_the_first_free_one_though_the_first_reason_ends_earlier() -> None:
    desk.customer()
    hold.place(
        "C1", HoldKind.DISPUTE, law=law.in_force(MORNING), ends=MORNING + timedelta(hours=13), at=MORNING, by=BY
    )  # fmt: skip
    _code, told = explain()
    assert told["not_before"].startswith("2026-11-20T15:00:00")
    assert told["opens_at"].startswith("2026-11-21T00:00:00")


def test_what_the_desk_guarantees_can_be_taken_back() -> None:
    desk.customer()
    code, told = explain("--set", "recorded=false")
    assert (code, [reason["rule"] for reason in told["reasons"]]) == (1, ["cn.recording"])


def test_an_agency_is_guaranteed_nothing() -> None:
    desk.customer(placed="x")
    _code, told = explain("--actor", "agency:x")
    assert {"cn.recording", "cn.identity", "cn.agency_listed"} <= {reason["rule"] for reason in told["reasons"]}


def test_a_third_person_is_found_by_her_relation() -> None:
    desk.customer()
    friend = desk.point(value="friend", party="colleague", person_id="P1")
    code, told = explain("--party", "colleague", "--purpose", "locate")
    assert (code, told["asked"]["person"], told["asked"]["point"]) == (1, "P1", str(friend))
    assert "cn.third_person_sealed" in {reason["rule"] for reason in told["reasons"]}


def test_words_for_people_name_rule_and_clause() -> None:
    desk.customer()
    ended = run("explain", "--case", "C1", "--channel", "call", "--at", NIGHT)
    assert ended.exit_code == 1
    assert "refuse" in ended.stdout
    assert "cn.quiet_hours" in ended.stdout
    assert "opens at 2026-11-21" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--channel", "smoke"), "channel"),
        (("--channel", "call", "--at", "2026-11-20T10:00"), "offset"),
        (("--channel", "call", "--set", "recorded"), "NAME=VALUE"),
        (("--channel", "call", "--debt", "A9"), "accounts"),
    ],
)
def test_a_question_that_cannot_be_put_is_a_matter_of_usage(arguments: tuple[str, ...], said: str) -> None:
    desk.customer()
    ended = run("explain", "--case", "C1", *arguments)
    assert ended.exit_code == 2
    assert said in ended.output


def test_a_case_nobody_knows_is_a_matter_of_usage() -> None:
    ended = run("explain", "--case", "C9", "--channel", "call", "--json")
    assert ended.exit_code == 2
    assert json.loads(ended.stdout)["error"]["code"] == "unfit"


def test_an_explanation_writes_nothing() -> None:
    desk.customer()
    explain()
    explain(at=NIGHT)
    assert not Contact.objects.exists()
    assert not Permit.objects.exists()
    assert not Refusal.objects.exists()


# --- replay ---------------------------------------------------------------------------------------------------------


def replay(law_text: str, *, first: str = "2026-11-20", last: str = "2026-11-20") -> tuple[int, dict[str, Any]]:
    ended = run("replay", "--from", first, "--to", last, "--law", law_text, "--json")
    return ended.exit_code, json.loads(ended.stdout)


def test_the_law_of_then_changes_nothing() -> None:
    desk.customer()
    contact()
    code, told = replay("cn,house")
    assert (code, told["contacts"], told["changed"], told["differences"]) == (0, 1, 0, [])


def test_a_house_that_allows_fewer_conversations_would_have_refused(settings: Any) -> None:
    desk.customer()
    contact()
    contact(hours=1)
    (Path(settings.ANHUAN_HOME) / "house.yaml").write_text(
        "bank: b\nlaw: [cn, house]\ntighten:\n- {rule: cn.talks_per_day, in_force: 2026-06-01, value: {limit: 1}}\n"
    )
    code, told = replay("cn,house")
    assert (code, told["changed"], told["unrebuilt"]) == (1, 1, 2)
    assert told["differences"][0]["rules"] == ["cn.talks_per_day"]
    assert told["differences"][0]["at"].startswith("2026-11-20T03:00:00")
    ended = run("replay", "--from", "2026-11-20", "--to", "2026-11-20", "--law", "cn,house")
    assert "2 contacts, 1 would be refused" in ended.stdout


def test_days_are_those_of_the_bank_and_both_count() -> None:
    desk.customer()
    contact()
    assert replay("cn", first="2026-11-19", last="2026-11-19")[1]["contacts"] == 0
    assert replay("cn", first="2026-11-20", last="2026-11-21")[1]["contacts"] == 1


@pytest.mark.parametrize("law_text", ["atlantis", "cn@yesterday"])
def test_a_law_nobody_knows_is_a_matter_of_usage(law_text: str) -> None:
    ended = run("replay", "--from", "2026-11-20", "--to", "2026-11-20", "--law", law_text)
    assert ended.exit_code == 2
