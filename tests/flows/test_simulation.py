"""A replay of sealed nights: caps that count what it did itself, capacity, the live strategy beside, and the way to approval."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from bench import recovery
from tests.flows.tinybank import Card, Paid, TinyBank
from tests.rulebook.dmn import decision, definitions, input_data, item, table
from typer.testing import CliRunner

import generate
from anhuan import clock
from anhuan.acts import desk, dispatch, law, strategy
from anhuan.acts.staff import create_staff
from anhuan.cli import app, simulating, strategies
from anhuan.clockwork import nightly
from anhuan.clockwork.simulating import live_now, nights_between, of_model, replay, rows_of
from anhuan.core.vocabulary import Channel, LineResult
from anhuan.portfolio.experiments import HOLD_OUT, assignment
from anhuan.portfolio.experiments import lift as lift_of
from anhuan.records.events import Event
from anhuan.records.strategy import Simulation, StrategyVersion
from firstbank import people

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime(2026, 10, 31, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 9, 1, tzinfo=UTC)
TUESDAY, SATURDAY = date(2026, 11, 3), date(2026, 11, 7)
CARDS = [Card("A1", "C1", 40), Card("A2", "C2", 10), Card("A3", "C3", 100)]
TEXT_THEN_CALL = [["[1..30]", '"sms"', '"gentle"'], ["(30..60]", '"call"', '"firm"'], ["> 60", "null", "null"]]
LETTERS_LATE = [["[1..30]", '"sms"', '"gentle"'], ["(30..60]", '"call"', '"firm"'], ["> 60", '"letter"', '"last"']]
HOUSE = """
bank: tiny
law: [cn, house]
add:
  - id: tiny.calls_a_week
    judged_by: cap
    topic: frequency_attempts
    zh: 每周致电不超过{limit}次，已有{count}次。
    en: At most {limit} calls a week; there have been {count}.
    applies: {channels: [call], purposes: [collect]}
    versions:
      - in_force: 2026-06-01
        source: tiny, rules on contacts
        clause: "1"
        force: house_rule
        confidence: primary
        value: {limit: 3, dates: 7, zone: Asia/Shanghai, per: [person], channels: [call]}
"""


def model(rules: Sequence[Sequence[str]], *, by: str = "days_past_due") -> bytes:
    body = table("UNIQUE", [(by, "tDays")], rules, outputs=[("channel", ""), ("wording", "")])
    parts = item("tDays", "number", ">= 1"), input_data(by, "tDays"), decision("act", body, needs=[f"i {by}"])
    return definitions(*parts)


def person(name: str) -> str:
    create_staff(username=name, password="correct horse battery", role="operations", language="en", at=AT, by="t")
    return name


@pytest.fixture
def sealed(home: Path, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with the nights of Tuesday to Saturday, and a bank that allows three calls a week; a call on Tuesday, one on Thursday."""
    settings.ANHUAN_HOME = str(home)
    home.mkdir(parents=True)
    (home / "house.yaml").write_text(HOUSE)
    bank = TinyBank(tmp_path / "bank")
    for number in range(5):
        day = date(2026, 11, 3 + number)
        paid = [Paid("P1", "A2", day, "30.00")] if number == 2 else []
        nightly.run(bank.night(number + 1, CARDS, paid, day=day), home=home)
    for day in (3, 5):
        call(datetime(2026, 11, day, 2, tzinfo=UTC))
    monkeypatch.setenv("ANHUAN_HOME", str(home))
    monkeypatch.setenv("ANHUAN_LANG", "en")
    monkeypatch.setattr(clock, "now", lambda: NOW)
    for command in (simulating, strategies):
        monkeypatch.setattr(command, "start", lambda **_: None)
    return home


def call(at: datetime) -> None:
    """The desk's own call to C1, unanswered."""
    offered = [each for each, _ in desk.previews("C1", law=law.in_force(at), at=at) if each.channel is Channel.CALL]
    dialled = dispatch.start("C1", replace(offered[0], id=f"dial {at}"), law=law.in_force(at), at=at, by="wang")
    assert isinstance(dialled, dispatch.Started), dialled
    dispatch.complete(dialled.contact_id, line_result=LineResult.NO_ANSWER, at=at, by="wang")


def run(*arguments: str) -> tuple[int, Any]:
    ended = CliRunner().invoke(app, [*arguments, "--json"])
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, json.loads(ended.stdout)


def simulated(sealed: Path, *more: str, rules: Sequence[Sequence[str]] = TEXT_THEN_CALL) -> tuple[int, Any]:
    file = sealed / "new.dmn"
    file.write_bytes(model(rules))
    return run("simulate", "--strategy", str(file), "--from", "2026-11-03", "--to", "2026-11-07", *more)


def by_day(answer: Any, channel: str, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(day[name] for name in names) for day in answer["days"] if day["channel"] == channel]


def test_a_strategy_that_calls_every_day_meets_the_cap_by_its_own_calls_and_capacity_turns_away(
    sealed: Path, tmp_path: Path
) -> None:
    code, answer = simulated(sealed)
    assert code == 0
    # The desk's call of Tuesday counts; that of Thursday was made under another strategy, and does not.
    refused = {"tiny.calls_a_week": 1}
    assert by_day(answer, "call", "wanted", "permitted", "refused_by_rule") == [
        (1, 1, {}), (1, 1, {}), (1, 0, refused), (1, 0, refused), (1, 0, refused),
    ]  # fmt: skip
    # Friday and Saturday both plan for Monday: the later one decides.
    assert by_day(answer, "sms", "permitted", "contacts") == [(1, 1), (1, 1), (1, 1), (1, 0), (1, 1)]
    assert [night["planned_at"][:10] for night in answer["nights"][3:]] == ["2026-11-09", "2026-11-09"]
    assert answer["totals"]["customers"] == 2
    assert [night["business_date"][-2:] for night in answer["nights"]] == ["03", "04", "05", "06", "07"]
    assert (answer["live"], answer["differences"], answer["lift"]) == (None, None, None)
    assert [note["code"] for note in answer["notes"]] == ["no_live_strategy"]

    file = tmp_path / "capacities.yaml"
    file.write_text("channel: {sms: 0, call: 5}\n")
    _, answer = simulated(sealed, "--capacities", str(file))
    assert by_day(answer, "sms", "wanted", "no_capacity", "permitted") == [(1, 1, 0)] * 5
    first = {"business_date": "2026-11-03", "column": "channel", "wanted": 1, "live": None}
    assert answer["capacity"][:2] == [
        first | {"value": "sms", "most": 0, "asked": 0, "permitted": 0},
        first | {"value": "call", "most": 5, "asked": 1, "permitted": 1},
    ]


def go_live(rules: Sequence[Sequence[str]], home: Path) -> StrategyVersion:
    made = strategy.draft(model(rules), name="cards", arms={"hold_out": "0.5", "champion": "0.5"}, at=AT, by=person("wang"))
    assert isinstance(made, StrategyVersion), made
    strategy.check(made.pk, at=AT, by="wang")
    code, refused = run("strategy", "approve", "cards", "--by", person("li"))
    assert (code, refused["refused"][0]["code"]) == (1, "not_simulated")
    code, figures = run("strategy", "simulate", "cards", "--from", "2026-11-03", "--to", "2026-11-04", "--by", "wang")
    assert code == 0
    kept = Simulation.objects.get()
    assert (kept.figures, kept.by, kept.version_id) == (figures, "wang", made.pk)
    assert (kept.nights, kept.law) == (figures["nights"], law.in_force(NOW).fingerprint)
    assert Event.objects.get(kind="strategy.simulated").body["simulation"] == kept.pk
    assert run("strategy", "approve", "cards", "--by", "li")[1]["state"] == "approved"
    live = strategy.go_live(made.pk, live_from=date(2026, 11, 8), at=NOW, by="li")
    assert isinstance(live, StrategyVersion), live
    return live


def test_a_version_is_approved_once_it_was_simulated_and_the_next_is_held_against_it(sealed: Path) -> None:
    live = go_live(TEXT_THEN_CALL, sealed)
    everyone = of_model(model(LETTERS_LATE), name="new.dmn", decision="act", like=None)
    nights = nights_between(TUESDAY, SATURDAY)
    report = replay(everyone, live, nights, capacities=[], home=sealed, rows=2)
    differing = report.figures["differences"]
    assert report.rows is not None
    assert (differing["proposals"], len(differing["rows"])) == (len(report.rows), 2)
    (letters,) = [group for group in differing["groups"] if group["new"] and group["new"]["channel"] == "letter"]
    assert (letters["proposals"], letters["customers"], letters["live"]) == (5, 1, None)
    assert letters["new"] | {"decision": "act", "rule": 3, "wording": "last"} == letters["new"]
    assert report.figures["totals"]["live"]["wanted"] < report.figures["totals"]["wanted"]
    assert [note["code"] for note in report.figures["notes"]] == ["before_live"]
    assert live_now(NOW) == live

    made = strategy.draft(model(LETTERS_LATE), name="cards", at=NOW, by="wang")
    assert isinstance(made, StrategyVersion), made
    strategy.check(made.pk, at=NOW, by="wang")
    code, _figures = run("strategy", "simulate", "cards/2", "--from", "2026-11-03", "--to", "2026-11-07", "--rows", "1")
    assert code == 0
    kept = Simulation.objects.get(version=made)
    assert "rows" not in kept.figures["differences"]
    assert len(pq.read_table(rows_of(kept.pk, home=sealed))) == kept.figures["differences"]["proposals"]
    assert "C1" not in json.dumps(kept.figures)
    code, told = run("strategy", "simulations", "cards/2")
    assert (code, [each["id"] for each in told], told[0]["figures"]) == (0, [kept.pk], kept.figures)

    # Had it been live from the first of these nights on, its arms would say what came of them: A2 has paid 30.00.
    live = of_model(model(TEXT_THEN_CALL), name="live", decision="act", like=None)
    live.arms, live.seed = {"hold_out": "0.5", "champion": "0.5"}, "3"
    figures = replay(live, live, nights, capacities=[], home=sealed).figures
    assert sum(arm["n"] for arm in figures["results"]) == 3
    assert sum(arm["n"] * arm["paid_minor"]["mean"] for arm in figures["results"]) == pytest.approx(3000)
    assert figures["differences"]["proposals"] == 0


@pytest.mark.slow
def test_a_bank_that_answers_contacts_is_told_through_sealed_nights_as_it_truly_did(
    home: Path, tmp_path: Path, settings: Any
) -> None:
    settings.ANHUAN_HOME = str(home)
    live = of_model(recovery.document(recovery.LIVE), name="live", decision="channel", like=None)
    live.arms, live.seed = recovery.ARMS, "truth"
    dealt = assignment(live.arms, seed=live.seed)
    desk_ = recovery.Desk(recovery.LIVE)

    def contacts(night: Any) -> dict[str, Any]:
        """The live strategy on whoever is not held out."""
        (wanted,) = desk_.wants([night])
        return {
            name: who[[dealt.arm(each) != HOLD_OUT for each in people.customer_id(who).to_pylist()]]
            for name, who in wanted.items()
        }

    nights, accounts = 5, 2500
    feeds = generate.generate(
        out=tmp_path / "feeds", nights=nights, accounts=accounts, start=recovery.FIRST, seed=3, clean=True, history=0,
        contacts=contacts,
    )  # fmt: skip
    for folder in feeds:
        assert nightly.run(folder, home=home).status == "sealed"
    spare = of_model(recovery.document(recovery.CANDIDATES["spare"]), name="spare", decision="channel", like=live)
    last = recovery.FIRST + timedelta(days=nights - 1)
    figures = replay(spare, live, nights_between(recovery.FIRST, last), capacities=[], home=home).figures

    lives = {
        name: recovery.live_through([3], accounts, nights - 1, recovery.Desk(rules) if rules else None)[0]
        for name, rules in (("alone", None), ("live", recovery.LIVE), ("spare", recovery.CANDIDATES["spare"]))
    }
    cohort, alone = lives["alone"]
    held = np.array([dealt.arm(each) == HOLD_OUT for each in people.customer_id(cohort).to_pylist()])
    told = {arm["arm"]: arm for arm in figures["results"]}
    assert (told[HOLD_OUT]["n"], told["champion"]["n"]) == (held.sum(), (~held).sum())
    for measure in ("cured", "recovered", "paid_minor"):  # each arm did exactly what its life is known to be
        assert told[HOLD_OUT][measure]["mean"] == pytest.approx(alone.values[measure][held].mean(), rel=0.02)
        assert told["champion"][measure]["mean"] == pytest.approx(lives["live"][1].values[measure][~held].mean(), rel=0.02)
    lift = figures["lift"]
    assert (lift["known"], lift["goes_on"]) == (lift["customers"], 1.0)
    # … and the lift is the one the back-test finds of the same lives, arm by arm; how often that is right is tried there.
    wants = [[life.treated[0].get(int(who)) for _, life in (lives["spare"], lives["live"])] for who in cohort]
    arm = np.where(held, HOLD_OUT, "champion").astype(object)
    shown = {"cured": np.where(held, alone.values["cured"], lives["live"][1].values["cured"])}
    expected = lift_of(arm, [recovery.followed(*each) for each in wants], shown)["cured"]
    for against in ("vs_live", "vs_hold_out"):
        assert lift["cured"][against] == pytest.approx(expected[against], rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--strategy", "{new}", "--from", "2026-10-01", "--to", "2026-10-09"], "no_sealed_night", "2026-11-03 to 2026-11-07"),
        (["--strategy", "{new}", "--from", "2026-11-07", "--to", "2026-11-03"], "bad_range", "later"),
        (["--strategy", "{new}", "--from", "yesterday", "--to", "2026-11-03"], "bad_date", "--from"),
        (["--strategy", "{new}", "--from", "2026-11-03", "--to", "7 Nov"], "bad_date", "--to"),
        (["--strategy", "gone.dmn", "--from", "2026-11-03", "--to", "2026-11-03"], "bad_input", "gone.dmn"),
        (["--strategy", "cards/7", "--from", "2026-11-03", "--to", "2026-11-03"], "no_such_strategy", "cards/7"),
        (["--strategy", "{strange}", "--from", "2026-11-03", "--to", "2026-11-03"], "not_columnar", "shoe size"),
        (["--strategy", "{broken}", "--from", "2026-11-03", "--to", "2026-11-03"], "model_refused", ""),
        (
            ["--strategy", "{new}", "--from", "2026-11-03", "--to", "2026-11-03", "--capacities", "{broken}"],
            "bad_capacities", "actions a day",
        ),
        (
            ["--strategy", "{new}", "--from", "2026-11-03", "--to", "2026-11-03", "--against", "cards/1"],
            "no_such_strategy", "cards/1",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_replayed_is_refused_in_both_languages(
    bad: dict[str, Path], arguments: list[str], code: str, said: str
) -> None:
    ended, answer = run("simulate", *(argument.format(**bad) for argument in arguments))
    assert (ended, answer["error"]["code"]) == (2, code)
    assert said in answer["error"]["message_en"]
    assert answer["error"]["message_zh"] != answer["error"]["message_en"]


@pytest.fixture
def bad(home: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Path]:
    """Models good and bad beside two nights that are only said to be sealed: nothing here gets as far as to open one."""
    from anhuan.records.night import Night

    settings.ANHUAN_HOME = str(home)
    monkeypatch.setenv("ANHUAN_HOME", str(home))
    monkeypatch.setenv("ANHUAN_LANG", "en")
    monkeypatch.setattr(clock, "now", lambda: NOW)
    for command in (simulating, strategies):
        monkeypatch.setattr(command, "start", lambda **_: None)
    for number, day in enumerate((TUESDAY, SATURDAY)):
        Night.objects.create(sequence=number, business_date=day, status="sealed", begun_at=AT, snapshot=f"{day}.{number}")
    models = {
        "new": model(TEXT_THEN_CALL), "strange": model(TEXT_THEN_CALL, by="shoe size"), "broken": b"<no model/>",
    }  # fmt: skip
    for name, body in models.items():
        (tmp_path / f"{name}.dmn").write_bytes(body)
    return {name: tmp_path / f"{name}.dmn" for name in models}
