"""The policy a bank negotiates by, as its `policy.yaml` says, and which row of it speaks of an account.

Knows where the file lies (the home) and how an account of the records becomes a debt the engine is told of. A file that has changed
is read again; one that is wrong is a RulebookError, and nothing is offered until it is mended. Does not know what may be offered:
that is `core.plan`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from anhuan.core.plan.policy import Policy, PolicyRow, PromiseRule
from anhuan.core.vocabulary import Bucket, Classification
from anhuan.records.account import Account

FILE = "policy.yaml"
_UNWRITTEN = PromiseRule(max_days=14)
"""What a promise must be where the bank has not written anything: near enough to be looked after."""


def in_force() -> Policy | None:
    """The bank's policy; None where it has written none."""
    file = Path(settings.ANHUAN_HOME) / FILE
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return _read(file, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=8)
def _read(file: Path, _changed: int, _size: int) -> Policy:
    from anhuan.rulebook import policy as rulebook

    return rulebook.read(file)


def row_of(account: Account, *, on: date) -> PolicyRow | None:
    """The row that speaks of an account on a day."""
    policy = in_force()
    return policy.row(product(account), Bucket(account.bucket), grade(account), on) if policy else None


def promise_rule(account: Account, *, on: date) -> PromiseRule:
    """What may be promised on an account."""
    row = row_of(account, on=on)
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
