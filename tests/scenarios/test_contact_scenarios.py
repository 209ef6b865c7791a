"""Contacts as cases that a compliance officer can write: ours, and those of the test data."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from anhuan.rulebook.statutes import STATUTES, entries, read_yaml
from anhuan.rulebook.trial import run

OURS = Path(__file__).with_name("contact")
_TESTDATA = os.environ.get("ANHUAN_TESTDATA")
GIVEN = Path(_TESTDATA).parent / "scenarios" / "contact" if _TESTDATA else None
PACKS = sorted(folder.name for folder in STATUTES.iterdir() if folder.is_dir() and folder.name != "house")
"""The packs a scenario can name; what the house adds is tested beside the gate."""

_SPOKEN = ("id", "title", "topic", "cite", "force", "basis", "confidence", "ambiguous", "expect", "reason")


@cache
def tried(folder: Path) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = run([folder])["cases"]
    return cases


def _wrong(case: dict[str, Any]) -> str:
    reasons = "; ".join(f"{reason['rule']}: {reason['message_en']}" for reason in case["reasons"])
    return f"{case['id']} is {case['got']}, not {case['expected']} {case['expected_rules']}: {reasons or 'no reason'}"


def test_every_case_of_ours_is_answered_as_it_says():
    assert [_wrong(case) for case in tried(OURS) if not case["passed"]] == []
    assert len(tried(OURS)) > 900


def test_every_case_of_the_test_data_is_answered_as_it_says():
    if GIVEN is None or not GIVEN.is_dir():
        pytest.skip("ANHUAN_TESTDATA names no test data with scenarios beside it")
    assert [_wrong(case) for case in tried(GIVEN) if not case["passed"]] == []
    assert tried(GIVEN)


def test_every_case_of_ours_is_called_ours_and_stands_in_the_file_of_its_law():
    for file in sorted(OURS.glob("*.yaml")):
        for scenario in read_yaml(file)["scenarios"]:
            law = "us" if file.name.startswith("us-mixed") else scenario["law"][0]
            assert scenario["id"].startswith("OWN-"), scenario["id"]
            assert file.name.startswith(f"{law}-"), scenario["id"]


# --- pairs: a permitted and a refused case that differ in one field --------------------------------------------------


def _facts(scenario: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in scenario.items() if key not in _SPOKEN}


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """The fields in which two cases differ; an event, a person or a point that one has and the other lacks is one field."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            if key not in one or key not in other:
                told = one.get(key, other.get(key))
                grown = isinstance(told, list) and len(told) > 1 and all(isinstance(each, dict) for each in told)
                yield from (f"{path}/{key}/{number}" for number in range(len(told))) if grown else [f"{path}/{key}"]
            else:
                yield from differences(one[key], other[key], f"{path}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and all(isinstance(each, dict) for each in one + other):
        yield from _of_lists(one, other, path)
    elif one != other:
        yield path


def _of_lists(one: list[Any], other: list[Any], path: str) -> Iterator[str]:
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) == len(longer):
        for number, (mine, yours) in enumerate(zip(one, other, strict=True)):
            yield from differences(mine, yours, f"{path}/{number}")
        return
    rest = list(longer)
    missing = [each for each in shorter if each not in rest or rest.remove(each)]
    yield from (f"{path}/+" for _ in missing + rest)


def test_every_rule_of_every_pack_has_a_permitted_and_a_refused_case_that_differ_in_one_field():
    told = {case["id"]: case for case in tried(OURS)}
    by_file: dict[Path, list[dict[str, Any]]] = {file: read_yaml(file)["scenarios"] for file in sorted(OURS.glob("*.yaml"))}
    paired: set[str] = set()
    for scenarios in by_file.values():
        for one, other in combinations(scenarios, 2):
            permitted, refused = sorted((one, other), key=lambda each: told[each["id"]]["got"])
            if told[permitted["id"]]["got"] == told[refused["id"]]["got"]:
                continue
            rules = {reason["rule"] for reason in told[refused["id"]]["reasons"]} - paired
            if rules and len(list(differences(_facts(permitted), _facts(refused)))) == 1:
                paired |= rules
    assert {entry.id for pack in PACKS for entry in entries(pack)} - paired == set()


def test_every_scenario_lists_every_debt_person_and_point_it_names():
    for file in sorted(OURS.glob("*.yaml")):
        for scenario in read_yaml(file)["scenarios"]:
            debts = {debt["id"] for debt in scenario["debts"]}
            people = {person["id"] for person in scenario.get("people", ())}
            named = [scenario["attempt"], *scenario.get("history", ())]
            assert {debt for each in named for debt in each.get("debts", ())} <= debts, scenario["id"]
            unlisted = {each["person"] for each in named if each.get("person")} - people
            assert not people or not unlisted, scenario["id"]


# --- what a refused reader is told ---------------------------------------------------------------------------------


def test_no_sentence_of_a_refusal_holds_a_machine_word_or_a_gap():
    for case in tried(OURS):
        for reason in case["reasons"]:
            for sentence in (reason["message_zh"], reason["message_en"]):
                assert not re.search(r"[{}…]|[a-z]_[a-z]|[A-Z][a-z]+/[A-Z]", sentence), sentence
            assert reason["message_zh"].endswith("。")
            assert reason["message_en"].endswith(".")


def test_no_chinese_sentence_holds_english_words_or_punctuation_but_ids_of_debts():
    debts = "|".join(
        {debt["id"] for file in OURS.glob("*.yaml") for case in read_yaml(file)["scenarios"] for debt in case["debts"]}
    )
    for case in tried(OURS):
        for reason in case["reasons"]:
            assert not re.search(r"[A-Za-z]|[一-龥][,;:()]", re.sub(debts, "", reason["message_zh"])), reason["message_zh"]
