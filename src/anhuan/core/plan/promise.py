"""A promise to pay, and whether it was kept: decided by posted payments by their effective date, and by nothing else.

The same question asked again with payments that came to light later gives the answer anew, so that what was booked back in time
mends a promise by itself. Knows no screen, no account and no policy; tolerance and grace are part of the promise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum


class PromiseState(StrEnum):
    OPEN = "open"
    KEPT = "kept"
    PART_KEPT = "part_kept"
    BROKEN = "broken"
    WITHDRAWN = "withdrawn"
    """Taken back with the customer's knowledge; no payment decides it."""


@dataclass(frozen=True, slots=True)
class Promised:
    """`amount_minor` between `made_on` and `due_on`, both included; `grace_days` later still counts, `tolerance_minor` less still does."""

    amount_minor: int
    currency: str
    made_on: date
    due_on: date
    tolerance_minor: int = 0
    grace_days: int = 0

    @property
    def last_day(self) -> date:
        return self.due_on + timedelta(days=self.grace_days)

    @property
    def enough_minor(self) -> int:
        """The least that keeps it; never nothing."""
        return max(1, self.amount_minor - self.tolerance_minor)


@dataclass(frozen=True, slots=True)
class Posted:
    """One posting to an account: a payment, or the reversal of the one it names, whose amount is then what was taken back."""

    payment_id: str
    amount_minor: int
    currency: str
    effective_on: date
    reverses: str = ""


@dataclass(frozen=True, slots=True)
class PromiseJudged:
    """`paid_minor` counts towards the promise as far as is known at `at`; `kept_on` is the day it was enough."""

    state: PromiseState
    paid_minor: int
    missing_minor: int
    last_day: date
    kept_on: date | None = None


def judge(promise: Promised, postings: Iterable[Posted], at: date) -> PromiseJudged:
    """Whether a promise is kept, part kept, broken or still open at the end of `at`.

    Counted are payments of its currency that are effective from the day it was made to the last day of grace, less what was
    reversed of them, whenever that was. Enough is enough at once; short of it, the promise is open while its last day is not over.
    """
    counted = sorted(
        (posted for posted in unreversed(postings) if _counts(promise, posted, at)), key=lambda each: each.effective_on
    )
    paid, kept_on = 0, None
    for posted in counted:
        paid += posted.amount_minor
        if kept_on is None and paid >= promise.enough_minor:
            kept_on = posted.effective_on
    if paid >= promise.enough_minor:
        state = PromiseState.KEPT
    elif at <= promise.last_day:
        state, kept_on = PromiseState.OPEN, None
    else:
        state, kept_on = (PromiseState.PART_KEPT if paid > 0 else PromiseState.BROKEN), None
    return PromiseJudged(state, paid, max(0, promise.amount_minor - paid), promise.last_day, kept_on)


def _counts(promise: Promised, posted: Posted, at: date) -> bool:
    return posted.currency == promise.currency and promise.made_on <= posted.effective_on <= min(promise.last_day, at)


def unreversed(postings: Iterable[Posted]) -> list[Posted]:
    """Payments less what was taken back of them, in the order of effective dates; those taken back whole are left out.

    A reversal counts against the payment it names, on that payment's date; one that names no payment given here counts for nothing.
    The same `payment_id` twice is one posting.
    """
    once = {posted.payment_id: posted for posted in postings}
    taken: dict[str, int] = {}
    for posted in once.values():
        if posted.reverses:
            taken[posted.reverses] = taken.get(posted.reverses, 0) + abs(posted.amount_minor)
    left = [
        Posted(posted.payment_id, posted.amount_minor - taken.get(posted.payment_id, 0), posted.currency, posted.effective_on)
        for posted in once.values()
        if not posted.reverses
    ]
    return sorted((each for each in left if each.amount_minor > 0), key=lambda each: (each.effective_on, each.payment_id))
