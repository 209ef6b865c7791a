"""The rules of lateness once more, slowly and obviously: dicts and loops that the tests hold the real text against.

Written from the data contract alone; nothing of `anhuan.portfolio` is used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

Row = dict[str, Any]
Standing = dict[str, Row]

FACTS = (
    "account_id",
    "customer_id",
    "currency",
    "past_due_since",
    "balance_total_minor",
    "past_due_amount_minor",
    "principal_minor",
    "classification",
)


def bucket_of(days: int) -> int:
    for bucket, last in enumerate((0, 30, 60, 90, 120, 150, 180)):
        if days <= last:
            return bucket
    return 7


def five_class(days: int) -> str:
    for grade, last in (("normal", 0), ("special_mention", 90), ("substandard", 120), ("doubtful", 180)):
        if days <= last:
            return grade
    return "loss"


def overdue_days(row: Row, on: date) -> int:
    if row["past_due_amount_minor"] <= 0 or row["past_due_since"] is None:
        return 0
    return max((on - row["past_due_since"]).days, 0)


def age(accounts: Mapping[str, Row], set_aside: Iterable[str], yesterday: Standing | None, on: date) -> Standing:
    standing: Standing = {}
    for account_id, row in accounts.items():
        days = overdue_days(row, on)
        was = there(yesterday, account_id)
        standing[account_id] = {name: row[name] for name in FACTS} | {
            "presence": "present",
            "overdue": days >= 1,
            "days_past_due": days,
            "bucket": bucket_of(days),
            "previous_bucket": was["bucket"] if was else None,
            "flow": movement(was["bucket"] if was else 0, bucket_of(days)),
            "five_class": five_class(days),
        }
    for account_id, was in (yesterday or {}).items():
        if account_id in standing:
            continue
        if was["presence"] == "missing":
            standing[account_id] = was | {"flow": None, "previous_bucket": None}
        elif account_id in set(set_aside):
            standing[account_id] = was | {"presence": "carried", "flow": None, "previous_bucket": was["bucket"]}
        elif was["overdue"]:
            standing[account_id] = was | {"presence": "missing", "flow": "vanished", "previous_bucket": was["bucket"]}
    return standing


def movement(then: int, now: int) -> str | None:
    if then == 0:
        return "entered" if now else None
    if now == 0:
        return "cured"
    return "rolled" if now > then else "improved" if now < then else "stayed"


def there(standing: Standing | None, account_id: str) -> Row | None:
    """The account's row of a night, if it was there: delivered, or kept because its row was set aside."""
    row = (standing or {}).get(account_id)
    return row if row and row["presence"] != "missing" else None


def flow(standing: Standing) -> dict[str, int]:
    counted = Counter(row["flow"] for row in standing.values())
    return {kind: counted[kind] for kind in ("entered", "rolled", "improved", "stayed", "cured", "vanished")}


def by_customer(standing: Standing) -> dict[str, Row]:
    customers: dict[str, Row] = {}
    for customer_id in {row["customer_id"] for row in standing.values()}:
        mine = [row for row in standing.values() if row["customer_id"] == customer_id]
        missing = [row for row in mine if row["presence"] == "missing"]
        delivered = [row for row in mine if row["presence"] != "missing"]
        owed = [row for row in delivered if row["overdue"]]
        codes = {row["currency"] for row in (owed or missing or mine)}
        currency = "CNY" if "CNY" in codes else min(codes)
        in_main = [row for row in owed if row["currency"] == currency]
        customers[customer_id] = {
            "customer_id": customer_id,
            "bucket": max((row["bucket"] for row in owed), default=0),
            "days_past_due": max((row["days_past_due"] for row in owed), default=0),
            "accounts": len(delivered),
            "overdue_accounts": len(owed),
            "missing_accounts": len(missing),
            "currency": currency,
            "past_due_amount_minor": sum(row["past_due_amount_minor"] for row in in_main),
            "balance_total_minor": sum(row["balance_total_minor"] for row in in_main),
            "other_currencies": max(len({row["currency"] for row in owed}) - 1, 0),
        }
    return customers


def known(before: dict[str, Row], accounts: Mapping[str, Row], on: date) -> dict[str, Row]:
    seen = {
        account_id: {name: row[name] for name in ("account_id", "customer_id", "currency")} | {"last_seen_on": on}
        for account_id, row in accounts.items()
    }
    return before | seen


def restate(
    history: Mapping[date, Standing], backdated: Iterable[tuple[str, date]], tonight: Standing
) -> dict[tuple[str, date], int]:
    effective: dict[str, date] = {}
    for account_id, on in backdated:
        effective[account_id] = min(on, effective.get(account_id, on))
    retold: dict[tuple[str, date], tuple[str, int]] = {}
    for account_id, since in effective.items():
        now = tonight.get(account_id)
        if now and now["presence"] != "present":
            continue
        for night in history:
            if night < since:
                continue
            then = history[night].get(account_id)
            holder = (then or now or {}).get("customer_id")
            if holder is None:
                continue
            days = overdue_days(now, night) if now and now["overdue"] else 0
            retold[account_id, night] = (holder, bucket_of(days))
    first: dict[str, date] = {}
    for (_, night), (holder, _) in retold.items():
        first[holder] = min(night, first.get(holder, night))
    restated = {}
    for customer_id, start in first.items():
        for night in history:
            if night < start:
                continue
            buckets = [
                row["bucket"]
                for account_id, row in history[night].items()
                if row["customer_id"] == customer_id
                and row["presence"] != "missing"
                and row["overdue"]
                and (account_id, night) not in retold
            ]
            buckets += [bucket for (_, on), (holder, bucket) in retold.items() if on == night and holder == customer_id]
            restated[customer_id, night] = max(buckets, default=0)
    return restated


def roll_rates(then: Standing, now: Standing, *, by: str, currency: str) -> tuple[list[list[int]], list[int]]:
    matrix = [[0] * 8 for _ in range(8)]
    vanished = [0] * 8
    for account_id in then.keys() | now.keys():
        was, stands = there(then, account_id), there(now, account_id)
        told = was or stands
        if told is None or told["currency"] != currency:
            continue
        row, column = was["bucket"] if was else 0, stands["bucket"] if stands else 0
        if row == 0 and column == 0 and not (was and stands):
            continue
        weight = 1 if by == "count" else told["balance_total_minor"]
        matrix[row][column] += weight
        if row > 0 and not stands:
            vanished[row] += weight
    return matrix, vanished
