"""Scores from sealed nights: what was known of each overdue account that night, and what became of it later.

Knows snapshots and writes expressions `Table -> Table`; only `scored` executes. Protected attributes are not among the
inputs: neither sex nor region, nor what stands in for them (language, time zone), nor age; nor the flags that tell of
illness or hardship. Whoever wants one names it, and the model card says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import reduce
from typing import Literal, TypeAlias

import ibis
import pyarrow as pa
from ibis import _
from ibis.expr import types as ir

from anhuan.core.vocabulary import PaymentKind, Presence
from anhuan.portfolio.delinquency import in_arrears
from anhuan.portfolio.scores.model import Model, predict
from anhuan.portfolio.snapshot import Snapshot
from anhuan.portfolio.tabular import of_arrow

Outcome: TypeAlias = Literal["cured", "rolled"]

KEYS = ("business_date", "account_id", "customer_id")
"""Columns that say which row it is. They are no inputs: exclude them, and group by customer_id."""

TARGET = "happened"

_OF_ACCOUNT = (
    "currency",
    "product",
    "block_code",
    "credit_limit_minor",
    "interest_minor",
    "penalty_minor",
    "fees_minor",
    "instalment_unbilled_minor",
    "minimum_due_minor",
    "last_payment_amount_minor",
    "autopay",
    "behaviour_score",
    "collection_score",
)
_OF_STANDING = (
    "bucket",
    "previous_bucket",
    "flow",
    "days_past_due",
    "balance_total_minor",
    "past_due_amount_minor",
    "principal_minor",
    "five_class",
)
_DATES = ("opened_on", "statement_date", "last_payment_on")
_RECENT = 30  # days of payments looked back on

BACK = 30
"""Earlier nights `features` is given at most, to learn from and at work alike, so that an account's past is as long in both."""


def features(snapshot: Snapshot, earlier: Sequence[Snapshot] = (), *, also: Sequence[str] = ()) -> ir.Table:
    """One row per account overdue on the night: `KEYS` and what was known then.

    `earlier`: up to `BACK` sealed nights before it, for payments of the last 30 days and the account's past. `also`: further
    columns of the customers' table, such as `age`.
    """
    night = night_of(snapshot)
    standing, accounts = snapshot.table("standing"), snapshot.table("accounts")
    late = standing.filter(in_arrears(standing)).select("account_id", "customer_id", *_OF_STANDING)
    known = accounts.select(
        "account_id",
        *_OF_ACCOUNT,
        placed=accounts.placed_with.notnull(),
        **{f"days_since_{name}": ibis.literal(night).delta(accounts[name], unit="day") for name in _DATES},
    )
    of_customer = late.group_by("customer_id").agg(
        overdue_accounts=_.count(), customer_past_due_minor=_.past_due_amount_minor.sum()
    )
    customers = snapshot.table("customers").select("customer_id", "segment", *also)
    found = _beside(late, known, "account_id")
    found = _beside(_beside(found, of_customer, "customer_id"), customers, "customer_id")
    found = _beside(found, _paid([*earlier, snapshot], night), "account_id")
    found = _beside(found, _past(earlier), "account_id")
    return found.mutate(
        business_date=ibis.literal(night),
        **{
            name: found[name].fill_null(0)
            for name in ("payments_recent", "paid_recent_minor", "nights_overdue", "worst_bucket")
        },
    ).relocate(*KEYS)


def training_table(
    snapshots: Sequence[Snapshot], *, outcome: Outcome, within: int, every: int = 1, also: Sequence[str] = ()
) -> ir.Table:
    """`features` of every `every`-th night that has `within` later nights, with the column `happened` (0 or 1).

    `snapshots`: sealed nights of one connection, oldest first. cured: on one of the next `within` nights the account was
    delivered and not overdue; rolled: on one of them it was overdue in a higher bucket. One that is never delivered again
    did neither. Raises ValueError when no night has that many after it.
    """
    usable = range(0, len(snapshots) - within, every)
    if within < 1 or every < 1 or not usable:
        raise ValueError(f"{len(snapshots)} nights: none has {within} later nights to learn from")
    parts = []
    for number in usable:
        then = features(snapshots[number], snapshots[max(0, number - BACK) : number], also=also)
        parts.append(_with_outcome(then, snapshots[number + 1 : number + 1 + within], outcome))
    return reduce(lambda one, other: one.union(other), parts)


def scored(model: Model, table: ir.Table) -> ir.Table:
    """account_id and `score`, a decimal with six places, of each row of `features`: for a strategy, one more column.

    Executes; the result is an in-memory table.
    """
    rows = table.to_pyarrow()
    score = (
        pa.array([f"{value:.6f}" for value in predict(model, of_arrow("features", rows))])
        if len(rows)
        else pa.array([], pa.string())
    )
    return ibis.memtable(
        pa.table({"account_id": rows["account_id"], "score": score.cast(pa.decimal128(7, 6))}),
        schema=ibis.schema({"account_id": "string", "score": "decimal(7, 6)"}),
    )


def night_of(snapshot: Snapshot) -> date:
    return date.fromisoformat(snapshot.manifest["business_date"])


def _with_outcome(then: ir.Table, later: Sequence[Snapshot], outcome: Outcome) -> ir.Table:
    seen = reduce(lambda one, other: one.union(other), [_delivered(snapshot) for snapshot in later])
    after = seen.group_by("account_id").agg(lowest=_.bucket_later.min(), highest=_.bucket_later.max())
    joined = _beside(then, after, "account_id")
    happened = joined.lowest == 0 if outcome == "cured" else joined.highest > joined.bucket
    return joined.mutate(**{TARGET: happened.fill_null(False).cast("int8")}).drop("lowest", "highest")  # noqa: FBT003


def _delivered(snapshot: Snapshot) -> ir.Table:
    standing = snapshot.table("standing").filter(_.presence == Presence.PRESENT)
    return standing.select("account_id", bucket_later=ibis.ifelse(standing.overdue, standing.bucket, 0))


def _paid(snapshots: Sequence[Snapshot], night: date) -> ir.Table:
    """Payments of the last 30 days less what was reversed, in the account's currency; what the bank waived was not paid."""
    told = reduce(
        lambda one, other: one.union(other),
        [snapshot.table("payments").select("account_id", "effective_on", "amount_minor", "kind") for snapshot in snapshots],
    )
    ago = ibis.literal(night).delta(told.effective_on, unit="day")
    recent = told.filter(ago.between(0, _RECENT - 1) & (told.kind != PaymentKind.WAIVER))
    sign = ibis.ifelse(recent.kind == PaymentKind.REVERSAL, -1, 1)
    return recent.group_by("account_id").agg(
        payments_recent=sign.sum().cast("int64"), paid_recent_minor=(recent.amount_minor * sign).sum().cast("int64")
    )


def _past(earlier: Sequence[Snapshot]) -> ir.Table:
    """On how many of the earlier nights the account was overdue, and how far at worst."""
    if not earlier:
        return ibis.memtable(
            [], schema=ibis.schema({"account_id": "string", "nights_overdue": "int64", "worst_bucket": "int64"})
        )
    seen = reduce(lambda one, other: one.union(other), [_delivered(snapshot) for snapshot in earlier])
    return seen.group_by("account_id").agg(
        nights_overdue=(_.bucket_later > 0).cast("int64").sum().cast("int64"), worst_bucket=_.bucket_later.max().cast("int64")
    )


def _beside(left: ir.Table, right: ir.Table, key: str) -> ir.Table:
    return left.left_join(right, key).drop(f"{key}_right")
