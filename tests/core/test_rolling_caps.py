"""Caps over so many hours, where a rule counts hours and not dates."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.core.questions import ask, attempt, facts, law, moment, reasons, talk

from anhuan.core.gate import check

TICK = timedelta(microseconds=1)


@pytest.fixture
def two_talks_in_a_day_of_hours():
    """China's cap on talks, made one of two in any twenty-four hours."""
    china = law("cn")
    rules = tuple(
        replace(rule, test=replace(rule.test, limit=2, hours=24)) if rule.id == "cn.talks_per_day" else rule
        for rule in china.rules
    )
    return replace(china, rules=rules)


def test_a_rolling_cap_counts_over_midnight(two_talks_in_a_day_of_hours):
    known = facts(talk("2026-06-09 15:00"), talk("2026-06-09 18:00"))
    verdict = ask(attempt(), known, "2026-06-10 10:00", under=two_talks_in_a_day_of_hours)
    assert set(reasons(verdict)) == {"cn.talks_per_day"}
    assert ask(attempt(), known, "2026-06-10 10:00", under=law("cn")).permitted


def test_a_rolling_cap_opens_just_after_its_hours_are_over(two_talks_in_a_day_of_hours):
    known = facts(talk("2026-06-09 15:00"), talk("2026-06-09 18:00"))
    opens = reasons(ask(attempt(), known, "2026-06-10 10:00", under=two_talks_in_a_day_of_hours))["cn.talks_per_day"]
    first = opens.ground.not_before
    assert first == moment("2026-06-10 15:00") + TICK
    assert not check(attempt(), known, two_talks_in_a_day_of_hours, first - TICK).permitted
    assert check(attempt(), known, two_talks_in_a_day_of_hours, first).permitted


def test_a_rolling_cap_counts_what_begins_at_the_very_instant(two_talks_in_a_day_of_hours):
    known = facts(talk("2026-06-09 18:00"), talk("2026-06-10 10:00"), talk("2026-06-10 10:01"))
    ground = reasons(ask(attempt(), known, "2026-06-10 10:00", under=two_talks_in_a_day_of_hours))["cn.talks_per_day"].ground
    assert ground.not_before == moment("2026-06-10 18:00") + TICK
