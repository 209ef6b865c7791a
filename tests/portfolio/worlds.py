"""Sequences of nights for hypothesis: every account meets every fate, in any order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st
from tests.portfolio.book import account

# Both sides of every edge of the buckets and of both five-class rules.
_LATE = (0, 1, 2, 29, 30, 31, 60, 61, 90, 91, 120, 121, 150, 151, 180, 181, 270, 271, 360, 361, 900)


@dataclass(frozen=True)
class Night:
    """What one delivery told: usable accounts by id, the ids of rows set aside, and payments dated back."""

    on: date
    accounts: dict[str, dict[str, Any]]
    set_aside: tuple[str, ...]
    backdated: tuple[tuple[str, date], ...]


@st.composite
def _fate(draw: st.DrawFn, account_id: str, on: date) -> dict[str, Any] | str | None:
    """A usable row, "aside", or nothing at all."""
    fate = draw(st.sampled_from(["late", "late", "late", "current", "oddly current", "aside", "absent"]))
    if fate == "absent":
        return None
    if fate == "aside":
        return "aside"
    facts = {
        "currency": draw(st.sampled_from(["CNY", "CNY", "AUD", "USD"])),
        "balance_total_minor": draw(st.integers(-500, 2**40)),
        "classification": draw(st.sampled_from([None, "normal", "loss"])),
    }
    customer_id = draw(st.sampled_from(["C1", "C2", "C3", "C4", "C5", "C6"]))
    if fate == "current":
        return account(account_id, customer_id, on=on, **facts)
    late = account(account_id, customer_id, late=draw(st.sampled_from(_LATE)), on=on, **facts)
    late["past_due_amount_minor"] = 0 if fate == "oddly current" else draw(st.integers(1, 10**9))
    return late


@st.composite
def nights(draw: st.DrawFn, *, accounts: int = 16, most: int = 4) -> list[Night]:
    """Two nights or more, one to forty days apart; back-dated payments reach into the nights before."""
    ids = [f"A{n}" for n in range(accounts)]
    on = date(2026, 1, 30)
    first = on
    told = []
    for _ in range(draw(st.integers(2, most))):
        fates = {account_id: draw(_fate(account_id, on)) for account_id in ids}
        usable = {account_id: fate for account_id, fate in fates.items() if isinstance(fate, dict)}
        aside = [account_id for account_id, fate in fates.items() if fate == "aside"]
        # The surplus rows of an identical duplicate are set aside while the account itself is usable.
        aside += draw(st.lists(st.sampled_from(ids), max_size=2)) if usable else []
        aside = [account_id for account_id in aside if account_id in usable or fates[account_id] == "aside"]
        dated = st.tuples(st.sampled_from(ids), st.dates(first - timedelta(days=3), on))
        told.append(Night(on, usable, tuple(aside), tuple(draw(st.lists(dated, max_size=4)))))
        on += timedelta(days=draw(st.sampled_from([1, 1, 1, 2, 29, 40])))
    return told
