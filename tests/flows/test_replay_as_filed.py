"""What the bank's files said of a customer is read from the sealed night in force then, and a replay judges by that."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.flows.tinybank import Card, TinyBank

from anhuan import clock
from anhuan.acts import desk, dispatch, filed, law
from anhuan.clockwork import nightly
from anhuan.core.vocabulary import Channel
from anhuan.records.replay import Replay, replay

pytestmark = pytest.mark.django_db(transaction=True)

FIRST = datetime(2026, 11, 2, 1, tzinfo=UTC)  # nine in the morning in Shanghai
DAY = timedelta(days=1)
CARDS = [Card("A1", "C1", 5), Card("A2", "C1", 0), Card("A3", "C2", 10)]


def again(with_rules: Any) -> Replay:
    """By the law that lacks the rules on the dead, and then by the whole law."""
    return replay(FIRST, FIRST + DAY, then=with_rules, other=law.in_force, filed=filed.rows)


def test_a_death_the_bank_told_later_is_not_held_against_a_call(
    tmp_path: Path, home: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANHUAN_HOME = home
    bank = TinyBank(tmp_path / "bank")
    monkeypatch.setattr(clock, "now", lambda: FIRST)
    nightly.run(bank.night(1, CARDS), home=home)
    called_at = FIRST + timedelta(hours=1)
    whole = law.in_force(called_at)
    living = replace(whole, rules=tuple(r for r in whole.rules if r.topic != "deceased"), fingerprint="living")
    offered = next(each for each, _ in desk.previews("C1", law=living, at=called_at) if each.channel is Channel.CALL)
    assert isinstance(dispatch.start("C1", offered, law=living, at=called_at, by="wang"), dispatch.Started)
    monkeypatch.setattr(clock, "now", lambda: FIRST + DAY)
    nightly.run(bank.night(2, CARDS, flags={"C1": "deceased"}), home=home)

    night = [("C1", called_at), ("C1", FIRST + DAY), ("C1", FIRST - DAY), ("C2", called_at), ("C9", called_at)]
    first, second, before, other, nobody = filed.rows(night)
    assert first == {"customer": [["Asia/Shanghai", []]], "account": [["A1", "none", None], ["A2", "none", None]]}
    assert second == {**first, "customer": [["Asia/Shanghai", ["deceased"]]]}
    assert other == {"customer": [["Asia/Shanghai", []]], "account": [["A3", "none", None]]}
    assert before is nobody is None

    answer = again(lambda _at, _packs: living)
    assert (answer.asked, answer.undated, answer.drifted, answer.differences) == (1, 0, 0, [])
    for snapshot in (home / "snapshots").glob("2026-11-01.*"):
        if snapshot.is_dir():
            shutil.rmtree(snapshot)
    answer = again(lambda _at, _packs: living)
    assert (answer.undated, len(answer.differences)) == (1, 1)
