"""What the book did: roll-rate matrices between two nights, the month's last nights, and the figures of a night.

Knows standings (`delinquency`) and counts them. Does not know files, the database or how a figure is drawn.
Money is in minor units of the currency named beside it; rates are decimal strings (`"0.0123"` = 1.23 %), at most
six places, rounded half to even.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Literal

from ibis.expr import types as ir

from anhuan.core.vocabulary import Bucket

BUCKETS: tuple[str, ...] = tuple(bucket.name for bucket in Bucket)

By = Literal["count", "balance"]


def roll(from_standing: ir.Table, to_standing: ir.Table) -> ir.Table:
    """How accounts moved between two nights, as few rows: currency, from_bucket, to_bucket, vanished (boolean), accounts,
    balance_total_minor.

    An account absent (or missing) or not overdue on a night is in M0 there; one in M0 on both is counted only when
    delivered or carried on both. `vanished`: overdue on `from`, absent on `to`; it stands in to_bucket 0. Balance and
    currency are those of `from`, of `to` when the account was absent then.
    """
    raise NotImplementedError


def roll_rates(from_standing: ir.Table, to_standing: ir.Table, *, by: By = "count", currency: str = "CNY") -> dict[str, Any]:
    """The roll-rate matrix of the public contract, but for its two dates: `{"by", "currency", "buckets", "matrix", "vanished"}`.

    `matrix` is 8 x 8 integers, row = bucket on `from`, column = bucket on `to`; `vanished` 8 integers by row. Counts of accounts, or
    minor units of `currency`, which filters both kinds. Executes, touching only the columns it needs.
    """
    raise NotImplementedError


def month_ends(nights: Iterable[date]) -> dict[str, date]:
    """The last sealed night of each month: `{"2026-11": date(2026, 11, 30), …}`, oldest first."""
    raise NotImplementedError


def monthly_roll_rates(standings: Mapping[date, ir.Table], *, by: By = "count", currency: str = "CNY") -> list[dict[str, Any]]:
    """Month over month: `roll_rates` between the last nights of neighbouring months, oldest first, each with
    `"from"` and `"to"` (ISO dates). `standings` holds sealed nights by business date; a month without a night breaks the chain.
    """
    raise NotImplementedError


def summary(
    standing: ir.Table, previous: ir.Table | None = None, *, book: Mapping[str, Mapping[str, Any]] | None = None,
    accounts: ir.Table | None = None, customers: ir.Table | None = None,
) -> dict[str, Any]:
    """What the dashboard draws of one night, JSON-ready. Keys are stable. Lists of eight go by bucket M0…M7. Executes.

        {"format": 1,
         "buckets": ["M0", …, "M7"],
         "currencies": ["CNY", "USD"],                     CNY first, then by code; the keys of every "…by currency" map
         "by_bucket": {"CNY": {"accounts": [8], "balance_total_minor": [8], "past_due_amount_minor": [8]}},
                                                           present and carried accounts
         "missing":   {"CNY": {"accounts": n, "balance_total_minor": n, "past_due_amount_minor": n}},   as last delivered
         "carried":   n,                                   accounts whose row was set aside and that keep yesterday's state
         "customers": [8],                                 customers by the bucket of their worst account
         "flow": {"entered": n, "rolled": n, "improved": n, "stayed": n, "cured": n, "vanished": n},
         "flow_by_currency": {"CNY": {"entered": {"accounts": n, "balance_total_minor": n, "past_due_amount_minor": n}, …}},
                                                           tonight's money (vanished: as last delivered)
         "rates": {"CNY": {"entry_rate": "0.0021" | null,  entered / accounts of the whole card book; null when the bank tells no book
                           "cure_rate": "0.0713" | null}}, cured / overdue on the previous night; null when none was
         "five_class": {"CNY": {"ours": {"normal": n, "special_mention": n, "substandard": n, "doubtful": n, "loss": n},
                                "bank": {the same, and "unknown": n},
                                "ours_balance_minor": {…}, "bank_balance_minor": {…},
                                "differ": n}},             accounts graded by both, and unlike; present and carried accounts
         "roll": null | {"CNY": {"count": {"matrix": [8][8], "vanished": [8]}, "balance": {"matrix": [8][8], "vanished": [8]}}},
                                                           against the previous night, row = bucket then; null on the first
         "products": [{"name", "currency", "accounts", "overdue_accounts", "overdue_balance_minor"}, … at most 12],   with `accounts`
         "segments": [the same]}                           with `customers`; both by overdue balance, largest first, [] when not given
    """
    raise NotImplementedError
