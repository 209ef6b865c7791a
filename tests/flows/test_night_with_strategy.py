"""The night lives by the strategy: proposals by arm, capacity and gate, heaps that add up, whatever dies or comes again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.flows.tinybank import FIRST_DAY, Card, TinyBank
from tests.rulebook.dmn import decision, definitions, input_data, item, table
from typer.testing import CliRunner

from anhuan.acts import desk, dispatch, hold, law, strategy
from anhuan.acts.staff import create_staff
from anhuan.cli import app, book
from anhuan.clockwork import nightly, proposing, scoring
from anhuan.core.vocabulary import Channel, HoldKind, LineResult
from anhuan.portfolio import scores
from anhuan.portfolio.experiments import assignment
from anhuan.portfolio.tabular import Unusable, read_csv
from anhuan.records import access, events
from anhuan.records.events import Event
from anhuan.records.night import Night, NightStep
from anhuan.records.strategy import Proposal, StrategyState, StrategyVersion

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime(2026, 10, 31, 1, tzinfo=UTC)
INPUTS = [("days_past_due", "tDays")]
OUTPUTS = [("channel", ""), ("wording", ""), ("priority", ""), ("expected_value_minor", "")]
RULES = [
    ["[1..30]", '"sms"', '"gentle"', "1", "100"],
    ["(30..60]", '"call"', '"firm"', "2", "200"],
    ["> 60", "null", "null", "null", "null"],
]


def model(rules: Sequence[Sequence[str]] = RULES) -> bytes:
    body = table("UNIQUE", INPUTS, rules, outputs=OUTPUTS)
    return definitions(
        item("tDays", "number", ">= 1"),
        input_data("days_past_due", "tDays"),
        input_data("segment", "string"),
        decision("act", body, needs=["i days_past_due", "i segment"]),
    )


def person(name: str) -> str:
    refused = create_staff(username=name, password="correct horse battery", role="operations", language="en", at=AT, by="t")
    assert refused is None
    return name


def codes(answer: Any) -> list[str]:
    assert isinstance(answer, list), answer
    return [sentence.code for sentence in answer]


def simulated(version: StrategyVersion) -> None:
    """Keep a simulation, as of a night before the tests': what a replay comes to is tried where replays are."""
    night = {"business_date": "2026-10-30", "sequence": 0, "manifest_sha256": "0" * 64, "law": "1" * 64}
    answer = strategy.simulated(
        version.pk, nights=[night], figures={"fingerprint": version.fingerprint}, at=AT, by="system:cli"
    )
    assert isinstance(answer, StrategyVersion), answer


def go_live(
    day: date = FIRST_DAY,
    *,
    rules: Sequence[Sequence[str]] = RULES,
    arms: dict[str, str] | None = None,
    made_of: bytes | None = None,
) -> Any:
    made = strategy.draft(made_of or model(rules), name="cards", arms=arms or {"champion": "1"}, at=AT, by=person("wang"))
    assert isinstance(made, StrategyVersion), made
    strategy.check(made.pk, at=AT, by="system:cli")
    simulated(made)
    strategy.approve(made.pk, at=AT, by=person("li"))
    live = strategy.go_live(made.pk, live_from=day, at=AT, by="system:cli")
    assert isinstance(live, StrategyVersion), live
    return live


@pytest.fixture
def bank(tmp_path: Path) -> TinyBank:
    return TinyBank(tmp_path / "bank")


CARDS = [
    Card("A1", "C1", 5), Card("A2", "C1", 40), Card("A3", "C2", 10), Card("A4", "C3", 100), Card("A5", "C4", 0),
    Card("A6", "C5", 12),
]  # fmt: skip


def heaps(result: dict[str, Any]) -> dict[str, int]:
    assert sum(result["heaps"].values()) == result["rows"]["accounts.csv"]
    return {heap: n for heap, n in result["heaps"].items() if n}


def kept() -> dict[str, tuple[str, str, str, int | None]]:
    return {p.customer_id: (p.channel, p.state, p.account_id, p.rule) for p in Proposal.objects.all()}


# --- the way to the night -----------------------------------------------------------------------------------------


def test_a_strategy_goes_from_draft_to_live_with_an_event_for_each_step() -> None:
    live = go_live()
    assert (live.number, live.state, live.made_by, live.approved_by) == (1, StrategyState.LIVE, "wang", "li")
    kinds = [event.kind for event in Event.objects.filter(chain=events.HOUSE, kind__startswith="strategy").order_by("number")]
    assert kinds == [f"strategy.{step}" for step in ("drafted", "checked", "simulated", "approved", "live")]
    assert events.verify()["ok"]


def test_nobody_approves_a_strategy_of_their_own_and_only_people_sign() -> None:
    made = strategy.draft(model(), name="cards", at=AT, by=person("wang"))
    assert isinstance(made, StrategyVersion)
    assert codes(strategy.approve(made.pk, at=AT, by=person("li"))) == ["out_of_turn"]
    strategy.check(made.pk, at=AT, by="system:cli")
    assert codes(strategy.approve(made.pk, at=AT, by="li")) == ["not_simulated"]
    simulated(made)
    assert codes(strategy.approve(made.pk, at=AT, by="wang")) == ["same_person"]
    assert codes(strategy.approve(made.pk, at=AT, by="system:cli")) == ["not_a_person"]
    assert codes(strategy.draft(model(), name="cards", at=AT, by="nobody")) == ["not_a_person"]
    assert codes(strategy.go_live(made.pk, live_from=FIRST_DAY, at=AT, by="li")) == ["out_of_turn"]


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (RULES[:2], "gaps"),
        ([*RULES, ["[5..6]", '"call"', '"x"', "1", "1"]], "overlaps"),
        ([["<= string length(segment)", *RULES[0][1:]], *RULES[1:]], "not_proved"),
    ],
)
def test_a_table_that_is_not_proved_cannot_go_live(rules: list[list[str]], code: str) -> None:
    made = strategy.draft(model(rules), name="cards", at=AT, by=person("wang"))
    assert isinstance(made, StrategyVersion)
    checked = strategy.check(made.pk, at=AT, by="system:cli", seconds=5)
    assert isinstance(checked, StrategyVersion)
    assert checked.state == StrategyState.DRAFT
    assert code in {finding["code"] for finding in checked.findings}
    assert all(finding["message_zh"] and finding["message_en"] for finding in checked.findings)
    assert codes(strategy.approve(made.pk, at=AT, by=person("li"))) == ["not_proved"]


def test_a_model_that_does_not_run_over_the_book_cannot_go_live() -> None:
    body = table("UNIQUE", [("shoe size", "number")], [["-", '"sms"', "1"]], outputs=[("channel", ""), ("priority", "")])
    strange = definitions(input_data("shoe size", "number"), decision("act", body, needs=["i shoe size"]))
    made = strategy.draft(strange, name="cards", at=AT, by=person("wang"))
    assert isinstance(made, StrategyVersion)
    checked = strategy.check(made.pk, at=AT, by="system:cli")
    assert isinstance(checked, StrategyVersion)
    assert [finding["code"] for finding in checked.findings] == ["not_columnar"]
    assert "shoe size" in checked.findings[0]["message_en"]


def test_what_is_no_strategy_is_refused_with_every_reason() -> None:
    assert codes(strategy.draft(b"<x/>", name="A B", arms={"champion": "0.5"}, at=AT, by=person("wang"))) == [
        "strategy_name", "strategy_arms", "model_refused",
    ]  # fmt: skip


def test_a_night_that_has_begun_keeps_its_strategy(bank: TinyBank, home: Path) -> None:
    live = go_live()
    nightly.run(bank.night(1, CARDS), home=home)
    assert codes(strategy.retire(live.pk, live_until=FIRST_DAY, at=AT, by="x")) == ["night_begun"]
    after = FIRST_DAY + timedelta(days=1)
    retired = strategy.retire(live.pk, live_until=after, at=AT, by="x")
    assert isinstance(retired, StrategyVersion)
    result = nightly.run(bank.night(2, CARDS), home=home).result
    assert heaps(result) == {"current": 1, "no_action": 5}
    assert (result["proposals"], result["refusals"]) == ({}, {})
    assert "proposals" not in result["seconds"]


def test_a_strategy_reads_the_score_of_a_model_fitted_on_the_banks_own_nights(
    bank: TinyBank, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def cards(day: int) -> list[Card]:
        """Half of them are late every other day and pay the next, the others never pay."""
        return [Card(f"A{n}", f"C{n}", (3 if day % 2 else 0) if n % 2 else day + 40) for n in range(300)]

    for day in (1, 2, 3, 4):
        nightly.run(bank.night(day, cards(day)), home=home)
    monkeypatch.setenv("ANHUAN_HOME", str(home))
    told = CliRunner().invoke(app, ["score", "table", "--within", "1"])
    assert told.exit_code == 0, told.output
    (tmp_path / "rows.csv").write_bytes(told.stdout_bytes)
    fitted = scores.fit(
        read_csv(tmp_path / "rows.csv"), target=scores.TARGET, at=AT, exclude=scores.KEYS[:2], group="customer_id"
    )
    scores.save(fitted, home / scoring.MODEL)

    rules = [["> 0.5", '"sms"', "1"], ["not(null)", '"call"', "1"], ["-", "null", "1"]]
    body = table("FIRST", [("pay_score", "number")], rules, outputs=[("channel", ""), ("priority", "")])
    reads_scores = definitions(input_data("pay_score", "number"), decision("act", body, needs=["i pay_score"]))
    go_live(FIRST_DAY + timedelta(days=4), made_of=reads_scores)
    nightly.run(bank.night(5, cards(5)), home=home)
    assert {p.customer_id: p.channel for p in Proposal.objects.all()} == {
        f"C{n}": "sms" if n % 2 else "call" for n in range(300)
    }
    night = Night.objects.get(sequence=5)
    kept = NightStep.objects.get(night=night, step="proposals").outcome["scores"]
    assert (kept["model"], kept["accounts"]) == (fitted.fingerprint, 300)
    (home / scoring.MODEL).write_text("{}")
    with pytest.raises(Unusable, match=r"score\.json is no model"):
        nightly.run(bank.night(6, cards(6)), home=home)


# --- the night ----------------------------------------------------------------------------------------------------


def test_the_night_proposes_one_action_a_customer_and_names_the_row(bank: TinyBank, home: Path) -> None:
    live = go_live()
    result = nightly.run(bank.night(1, CARDS), home=home).result
    assert kept() == {
        "C1": ("call", "proposed", "A2", 2), "C2": ("sms", "proposed", "A3", 1), "C5": ("sms", "proposed", "A6", 1),
    }  # fmt: skip
    assert heaps(result) == {"current": 1, "proposed": 4, "no_action": 1}
    assert (result["proposals"], result["refusals"]) == ({"call": 1, "sms": 2}, {})
    told = access.case_document("C1")
    assert told is not None
    (shown,) = told["proposals"]
    assert shown | {
        "strategy": "cards", "version": 1, "arm": "champion", "decision": "act", "rule": 2, "channel": "call",
        "wording": "firm", "state": "proposed", "fingerprint": live.fingerprint, "planned_at": "2026-11-02T02:00:00+00:00",
        "reasons": [],
    } == shown  # fmt: skip
    json.dumps(told)


def test_a_hold_puts_the_customer_into_the_held_heap(bank: TinyBank, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    go_live()
    nightly.run(bank.night(1, CARDS), home=home)
    at = datetime(2026, 11, 2, 1, tzinfo=UTC)
    hold.place("C1", HoldKind.COMPLAINT, law=law.in_force(at), at=at, by="wang")
    result = nightly.run(bank.night(2, CARDS), home=home).result
    assert heaps(result) == {"current": 1, "proposed": 2, "held": 2, "no_action": 1}
    told = access.case_document("C1")
    assert told is not None
    assert [p["state"] for p in told["proposals"]] == ["held", "withdrawn"]
    assert told["proposals"][0]["reasons"][0]["message_zh"]
    assert sum(result["refusals"].values()) == len(told["proposals"][0]["reasons"])
    book._print_night(result)
    book._print_case(told)
    printed = " ".join(capsys.readouterr().out.split())
    assert "refusals" in printed
    assert told["proposals"][0]["reasons"][0]["message_en"][:20] in printed


def test_a_cap_puts_the_customer_into_the_refused_heap(bank: TinyBank, home: Path) -> None:
    go_live()
    nightly.run(bank.night(1, CARDS), home=home)
    at = datetime(2026, 11, 3, 1, tzinfo=UTC)  # nine in the morning on which the next night plans its contacts
    for n in range(10):
        offered = [each for each, _ in desk.previews("C1", law=law.in_force(at), at=at) if each.channel is Channel.CALL]
        dialled = dispatch.start("C1", replace(offered[0], id=f"dial {n}"), law=law.in_force(at), at=at, by="wang")
        if isinstance(dialled, dispatch.Refused):
            break
        assert isinstance(dialled, dispatch.Started)
        at += timedelta(minutes=1)
        dispatch.complete(dialled.contact_id, line_result=LineResult.NO_ANSWER, at=at, by="wang")
    assert isinstance(dialled, dispatch.Refused)

    result = nightly.run(bank.night(2, CARDS), home=home).result
    assert heaps(result) == {"current": 1, "proposed": 2, "refused": 2, "no_action": 1}
    refused = Proposal.objects.get(customer_id="C1", sequence=2)
    assert (refused.state, refused.rules) == ("refused", sorted(reason.rule.id for reason in dialled.verdict.reasons))
    assert result["refusals"] == dict.fromkeys(refused.rules, 1)
    assert sorted({reason["rule"] for reason in refused.reasons}) == refused.rules


def test_what_there_is_no_capacity_for_is_kept_as_wanted(bank: TinyBank, home: Path) -> None:
    home.mkdir(parents=True)
    (home / proposing.CAPACITIES).write_text("channel: {sms: 1}\n")
    go_live()
    result = nightly.run(bank.night(1, CARDS), home=home).result
    assert sorted(state for _, state, *_ in kept().values()) == ["no_capacity", "proposed", "proposed"]
    assert heaps(result) == {"current": 1, "proposed": 3, "no_capacity": 1, "no_action": 1}
    assert result["proposals"] == {"call": 1, "sms": 1}


def test_whom_the_gate_stops_takes_no_seat_from_the_next_in_rank(bank: TinyBank, home: Path) -> None:
    home.mkdir(parents=True)
    (home / proposing.CAPACITIES).write_text("channel: {sms: 2}\n")
    go_live()
    cards = [Card(f"A{n}", f"C{n}", 5) for n in range(1, 6)]  # alike, so that the order of their names is their rank
    nightly.run(bank.night(1, cards), home=home)
    at = datetime(2026, 11, 2, 1, tzinfo=UTC)
    for customer in ("C1", "C3"):
        hold.place(customer, HoldKind.COMPLAINT, law=law.in_force(at), at=at, by="wang")
    result = nightly.run(bank.night(2, cards), home=home).result
    became = {p.customer_id: p.state for p in Proposal.objects.filter(sequence=2)}
    assert became == {"C1": "held", "C2": "proposed", "C3": "held", "C4": "proposed", "C5": "no_capacity"}
    assert heaps(result) == {"proposed": 2, "held": 2, "no_capacity": 1}


def test_who_is_left_alone_because_of_a_hold_is_in_the_held_heap_too(bank: TinyBank, home: Path) -> None:
    rules = [["-", "not(null)", "null", "null", "null", "null"], *([row[0], "null", *row[1:]] for row in RULES)]
    body = table("FIRST", [INPUTS[0], ("hold", "string")], rules, outputs=OUTPUTS)
    reads_holds = definitions(
        item("tDays", "number", ">= 1"), input_data("days_past_due", "tDays"), input_data("hold", "string"),
        decision("act", body, needs=["i days_past_due", "i hold"]),
    )  # fmt: skip
    go_live(made_of=reads_holds)
    nightly.run(bank.night(1, CARDS), home=home)
    at = datetime(2026, 11, 2, 1, tzinfo=UTC)
    hold.place("C1", HoldKind.COMPLAINT, law=law.in_force(at), at=at, by="wang")
    result = nightly.run(bank.night(2, CARDS), home=home).result
    assert not Proposal.objects.filter(sequence=2, customer_id="C1").exists()
    assert heaps(result) == {"current": 1, "proposed": 2, "held": 2, "no_action": 1}


def test_the_hold_out_is_left_alone(bank: TinyBank, home: Path) -> None:
    arms = {"hold_out": "0.5", "champion": "0.5"}
    go_live(arms=arms)
    cards = [Card(f"A{n}", f"C{n}", 5) for n in range(40)]
    result = nightly.run(bank.night(1, cards), home=home).result
    dealt = assignment(arms, seed="cards")
    contacted = {f"C{n}" for n in range(40) if dealt.arm(f"C{n}") == "champion"}
    assert set(kept()) == contacted
    assert heaps(result) == {"proposed": len(contacted), "no_action": 40 - len(contacted)}


def test_a_replacing_delivery_replaces_its_proposals(bank: TinyBank, home: Path) -> None:
    go_live()
    nightly.run(bank.night(1, CARDS), home=home)
    other = [Card("A1", "C1", 5), Card("A3", "C2", 45)]
    result = nightly.run(bank.night(2, other, day=FIRST_DAY, replaces=1), home=home).result
    assert kept() == {"C1": ("sms", "proposed", "A1", 1), "C2": ("call", "proposed", "A3", 2)}
    assert set(Proposal.objects.values_list("sequence", flat=True)) == {2}
    assert heaps(result) == {"proposed": 2}


class Killed(BaseException):
    """Stands for SIGKILL: no handler catches it, transactions roll back."""


def test_a_night_that_dies_in_the_step_and_runs_again_ends_the_same(
    bank: TinyBank, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_live()
    folder = bank.night(1, CARDS)
    copy = psycopg.Cursor.copy

    def deadly(self: Any, statement: Any, *more: Any, **named: Any) -> Any:
        if "records_proposal" in str(statement):
            raise Killed
        return copy(self, statement, *more, **named)

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Cursor, "copy", deadly)
        with pytest.raises(Killed):
            nightly.run(folder, home=home)
    assert kept() == {}
    result = nightly.run(folder, home=home).result
    assert heaps(result) == {"current": 1, "proposed": 4, "no_action": 1}
    again = nightly.run(folder, home=home)
    assert (again.status, again.result["proposals"]) == ("unchanged", {"call": 1, "sms": 2})
    assert len(kept()) == 3


def test_the_first_contacts_are_planned_for_a_working_morning(home: Path) -> None:
    planned = [proposing.morning_after(day, home=home) for day in (date(2026, 11, 2), date(2026, 11, 6), date(2026, 9, 30))]
    assert [f"{each:%m-%d %H:%M}" for each in planned] == ["11-03 02:00", "11-09 02:00", "10-08 02:00"]


@pytest.mark.parametrize(
    "text",
    [
        "- sms",
        "sms: 1",
        "channel: {sms: many}",
        "channel: {sms: -1}",
        "channel: [",
        "channel: {sms: true}",
        "team: {x: {most: 1, half: 2}}",
    ],
)
def test_capacities_that_cannot_be_used_are_refused(home: Path, text: str) -> None:
    home.mkdir(parents=True)
    (home / proposing.CAPACITIES).write_text(text)
    with pytest.raises(proposing.CapacitiesRefused, match="capacities"):
        proposing.capacities(home)
