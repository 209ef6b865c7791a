"""How calls are drawn and scored: exact, the same for the same seed, and by a form that is read to the line."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from anhuan.rulebook import quality
from anhuan.rulebook.quality import Candidate
from anhuan.rulebook.statutes import RulebookError

ON = date(2026, 11, 20)
FORM = quality.in_force(ON)
CALLS = [
    Candidate(f"{who}-{n}", who, ("complaint_after",) if n == 3 else ("refused",) if n in {5, 6} else ())
    for who in ("chen", "wang")
    for n in range(20)
]


def drawn(seed: str = "s", calls=CALLS):
    return quality.choose(calls, FORM, seed=seed, day=ON)


def answers(**other: str) -> dict[str, str]:
    return {each.id: "yes" for each in FORM.criteria} | other


def test_each_collector_has_calls_by_risk_and_by_lot() -> None:
    by = Counter((each.collector, each.why) for each in drawn())
    assert by == {("chen", "risk"): 2, ("chen", "random"): 1, ("wang", "risk"): 2, ("wang", "random"): 1}
    assert {each.contact for each in drawn() if each.points == 50} == {"chen-3", "wang-3"}


def test_a_draw_comes_out_the_same_for_its_seed_whatever_order_calls_come_in() -> None:
    assert drawn() == drawn(calls=CALLS[::-1])
    assert len({tuple(each.contact for each in drawn(str(seed))) for seed in range(20)}) > 10


def test_every_call_without_risk_is_drawn_about_as_often_as_any_other() -> None:
    plain = [Candidate(f"c{n}", "wang") for n in range(10)]
    often = Counter(quality.choose(plain, FORM, seed=str(seed), day=ON)[0].contact for seed in range(2000))
    assert len(often) == 10
    assert all(140 < times < 260 for times in often.values())


@pytest.mark.parametrize(
    ("other", "tenths"),
    [
        ({}, 1000),
        ({"courteous": "no"}, 850),
        ({"courteous": "part"}, 925),
        ({"third_parties": "na"}, 1000),
        ({"third_parties": "na", "courteous": "no"}, 833),  # 75 of 90
        ({"identity": "no"}, 0),
        ({"identity": "part"}, 925),
    ],
)
def test_a_score_is_the_earned_share_of_the_weights_that_applied(other: dict[str, str], tenths: int) -> None:
    assert quality.score(FORM, answers(**other)).tenths == tenths


def test_a_fatal_criterion_that_was_not_met_leaves_nothing_and_is_named() -> None:
    assert quality.score(FORM, answers(identity="no", note="no")).fatal == ("identity",)
    assert quality.score(FORM, dict.fromkeys(answers(), "na")).tenths is None


def test_the_form_of_a_day_is_the_last_that_began_and_the_banks_own_comes_first(tmp_path: Path) -> None:
    text = quality.STANDARD.read_text(encoding="utf-8")
    (tmp_path / quality.FILE).write_text(text + text.split("\n", 4)[4].replace("2020-01-01", "2026-12-01").replace("85", "90"))
    assert quality.in_force(ON, home=tmp_path).pass_score == 85
    assert quality.in_force(date(2026, 12, 1), home=tmp_path).pass_score == 90
    assert quality.in_force(date(2026, 12, 1)).pass_score == 85


@pytest.mark.parametrize(
    ("old", "new", "line", "word"),
    [
        ("id: refused", "id: rude", 11, "rude"),
        ("weight: 10, zh: 开头", "weight: -1, zh: 开头", 18, "weight"),
        ("pass_score: 85", "pass_score: 850", 7, "pass score"),
        ("fatal: true, zh: 无威胁", "fatal: maybe, zh: 无威胁", 21, "fatal"),
        ("draw: {random: 1,", "draw: {", 6, "random"),
    ],
)
def test_a_mistake_in_a_form_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, word: str) -> None:
    text = quality.STANDARD.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / quality.FILE).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(RulebookError) as wrong:
        quality.in_force(ON, home=tmp_path)
    assert word in wrong.value.en
    assert wrong.value.line == line
