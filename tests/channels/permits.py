"""Permits as the gate gives them, under a law without rules: what a channel does with one is asked here, not who gets one."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

from anhuan.core.facts import Attempt, Debt, Facts
from anhuan.core.gate import Permit, check
from anhuan.core.law import Law
from anhuan.core.vocabulary import Channel, Party, Purpose

AT = datetime(2026, 6, 10, 2, 0, tzinfo=UTC)
_LAWLESS = Law(packs=(), as_of=AT.date(), rules=(), fingerprint="none")
_numbers = count(1)


def permit(channel: Channel, attempt_id: str = "") -> Permit:
    """A permit for a new attempt on that channel, or for the one of that id."""
    attempt = Attempt(
        attempt_id or f"attempt-{next(_numbers)}", channel, Party.DEBTOR, Purpose.COLLECT, debts=frozenset({"card"})
    )
    verdict = check(attempt, Facts(timezones=("Asia/Shanghai",), debts={"card": Debt("card")}), _LAWLESS, AT)
    assert isinstance(verdict, Permit)
    return verdict
