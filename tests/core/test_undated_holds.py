"""Holds that the bank's files tell of without a day."""

from __future__ import annotations

from tests.core.questions import ask, attempt, facts, law, reasons

from anhuan.core.facts import UNDATED, Hold
from anhuan.core.vocabulary import HoldKind


def test_a_hold_without_a_day_stands_and_names_no_year_of_its_own():
    told = reasons(ask(attempt(), facts(holds=(Hold(HoldKind.DISPUTE, UNDATED),)), "2026-06-10 10:00", under=law("cn")))
    reason = told["cn.hold_dispute"]
    assert "the day the bank told us" in reason.en
    assert "银行告知之日" in reason.zh
    assert "1970" not in reason.en + reason.zh
