"""The policy a bank negotiates by, as its `policy.yaml` says, and which row of it speaks of an account.

Knows where the file lies (the home). A file that has changed is read again; one that is wrong is a RulebookError, and nothing is
offered until it is mended. Without one nobody may grant anything. Does not know what may be offered: that is `core.plan`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from anhuan.core.days import Calendar
from anhuan.core.plan.policy import Policy, PromiseRule
from anhuan.core.vocabulary import Bucket, Classification
from anhuan.records.account import Account
from anhuan.rulebook import calendars
from anhuan.rulebook import policy as rulebook

JURISDICTION = "cn"
_UNWRITTEN = PromiseRule(max_days=14)
"""What a promise must be where the bank has not written anything: near enough to be looked after."""
_Stamp = tuple[Path, int, int]


def in_force(on: date) -> Policy:
    """The bank's policy under the law of a day."""
    stamp = _stamp(Path(settings.ANHUAN_HOME) / rulebook.FILE)
    return _read(stamp, on) if stamp else rulebook.none_stated(JURISDICTION, on)


def calendar() -> Calendar:
    """The calendar by which due dates leave rest days."""
    return _calendar(_stamp(Path(settings.ANHUAN_HOME) / "calendar.yaml"))


def _stamp(file: Path) -> _Stamp | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return file, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=16)
def _read(stamp: _Stamp, on: date) -> Policy:
    return rulebook.read(stamp[0], as_of=on)


@lru_cache(maxsize=4)
def _calendar(stamp: _Stamp | None) -> Calendar:
    return calendars.with_foresight(calendars.load(JURISDICTION, stamp[0] if stamp else None))


def promise_rule(account: Account, *, on: date) -> PromiseRule:
    """What may be promised on an account."""
    row = in_force(on).row(product(account), Bucket(account.bucket), grade(account), on)
    return row.promise if row else _UNWRITTEN


def product(account: Account) -> str:
    return account.product or ""


def grade(account: Account) -> Classification:
    """The worse of the grade the bank reports and ours; normal where neither says one."""
    order = list(Classification)
    told = [Classification(each) for each in (account.classification, account.five_class) if each in set(Classification)]
    return max(told, key=order.index, default=Classification.NORMAL)


def worst(accounts: Sequence[Account]) -> Account:
    """The account by whose row several are negotiated together: the one longest past due, then the one that owes most."""
    return max(accounts, key=lambda each: (each.days_past_due, each.balance_total_minor, each.account_id))
