"""What the book did: roll-rate matrices between two nights, the months' last nights, and the figures of one night.

Knows standings (`delinquency`) and counts them. Does not know files, the database or how a figure is drawn. Money
is in minor units of the currency named beside it; rates are decimal strings (`"0.0123"` = 1.23 %), rounded half to
even to at most six places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from typing import Any, Literal

import ibis
from ibis import _
from ibis.expr import types as ir

from anhuan.core.vocabulary import Bucket, Classification, Flow, Presence
from anhuan.portfolio import engine
from anhuan.portfolio.delinquency import HOME_CURRENCY, in_arrears

BUCKETS: tuple[str, ...] = tuple(bucket.name for bucket in Bucket)
GRADES: tuple[str, ...] = tuple(str(grade) for grade in Classification)

# How many products and segments a night's summary names per currency; the rest is in the snapshot.
_TOP = 12

By = Literal["count", "balance"]
Rows = list[dict[str, Any]]

_MEASURES: Mapping[By, str] = {"count": "accounts", "balance": "balance_total_minor"}
_SUMS = ("accounts", "balance_total_minor", "past_due_amount_minor")


def roll(from_standing: ir.Table, to_standing: ir.Table) -> ir.Table:
    """How accounts moved between two nights, in few rows.

    currency, from_bucket, to_bucket, vanished (boolean), accounts, balance_total_minor.

    An account absent (or missing) or not overdue on a night is in M0 there; one in M0 on both is counted only when
    delivered or carried on both. `vanished`: overdue on `from`, absent on `to`, and so in to_bucket 0. Balance and
    currency are those of `from`, or of `to` when the account was absent then.
    """
    then, now = _delivered(from_standing), _delivered(to_standing)
    pair = then.outer_join(now, "account_id", lname="then_{name}", rname="now_{name}")
    moved = pair.select(
        currency=ibis.coalesce(pair.then_currency, pair.now_currency),
        from_bucket=pair.then_bucket.fill_null(0),
        to_bucket=pair.now_bucket.fill_null(0),
        vanished=(pair.then_bucket.fill_null(0) > 0) & pair.now_bucket.isnull(),
        balance=ibis.coalesce(pair.then_balance, pair.now_balance),
        on_both=pair.then_bucket.notnull() & pair.now_bucket.notnull(),
    ).filter((_.from_bucket > 0) | (_.to_bucket > 0) | _.on_both)
    return moved.group_by("currency", "from_bucket", "to_bucket", "vanished").agg(
        accounts=_.count(), balance_total_minor=_.balance.sum()
    )


def roll_rates(
    from_standing: ir.Table, to_standing: ir.Table, *, by: By = "count", currency: str = HOME_CURRENCY
) -> dict[str, Any]:
    """The roll-rate matrix of the public contract, but for its two dates.

    `{"by", "currency", "buckets", "matrix", "vanished"}`: `matrix` 8 x 8 integers, row = bucket on `from`, column =
    bucket on `to`; `vanished` 8 integers by row. Counts of accounts, or minor units; `currency` filters both kinds.
    Executes, reading only the columns it needs.
    """
    cells = roll(from_standing, to_standing)
    found = _rows(cells.filter(cells.currency == currency))
    return {"by": by, "currency": currency, "buckets": list(BUCKETS), **_matrix(found, by)}


def month_ends(nights: Iterable[date]) -> dict[str, date]:
    """The last sealed night of each month, oldest first: `{"2026-11": date(2026, 11, 30), ...}`."""
    return {f"{night:%Y-%m}": night for night in sorted(nights)}


def monthly_roll_rates(
    standings: Mapping[date, ir.Table], *, by: By = "count", currency: str = HOME_CURRENCY
) -> list[dict[str, Any]]:
    """Month over month: `roll_rates` between the last nights of neighbouring months, oldest first.

    Each with `"from"` and `"to"` (ISO dates) and `"cure_rate"` (`cure_rate`). `standings`: sealed nights by business
    date. A month without a night breaks the chain: no matrix spans it.
    """
    ends = list(month_ends(standings).values())
    neighbours = [(then, now) for then, now in pairwise(ends) if _months(now) - _months(then) == 1]
    months = []
    for then, now in neighbours:
        rolled = roll_rates(standings[then], standings[now], by=by, currency=currency)
        months.append({"from": then.isoformat(), "to": now.isoformat(), **rolled, "cure_rate": cure_rate(rolled)})
    return months


def cure_rate(rolled: Mapping[str, Any]) -> str | None:
    """The share of what was overdue on `from` that stands in M0 on `to`; vanished is not cured. None of none."""
    overdue = rolled["matrix"][1:]
    cured = sum(row[0] for row in overdue) - sum(rolled["vanished"])
    return _rate(cured, sum(map(sum, overdue)))


def entry_rate(rolled: Mapping[str, Any], book: int | None) -> str | None:
    """The share of the whole card book (accounts, or minor units, as the matrix counts) that became overdue."""
    return _rate(sum(rolled["matrix"][0][1:]), book)


def summary(
    standing: ir.Table,
    previous: ir.Table | None = None,
    *,
    book: Mapping[str, Mapping[str, Any]] | None = None,
    accounts: ir.Table | None = None,
    customers: ir.Table | None = None,
) -> dict[str, Any]:
    """What the dashboard draws of one night, JSON-ready. Keys are stable; lists of eight go by bucket, M0 to M7.

    `standing`: tonight's; `previous`: that of the previous sealed night; `book`: as the manifest of the delivery
    tells it (`{"CNY": {"accounts": n}}`); `accounts`, `customers`: tonight's, for products and segments. Executes.

        format             1
        buckets            ["M0", ... "M7"]
        currencies         ["CNY", "USD"]: CNY first, then by code; they key every map below said to go by currency
        by_bucket          by currency {"accounts": [8], "balance_total_minor": [8], "past_due_amount_minor": [8]},
                           accounts present or carried
        missing            by currency {"accounts": n, "balance_total_minor": n, "past_due_amount_minor": n},
                           as last delivered
        carried            n accounts whose row was set aside and that keep yesterday's state
        customers          [8] customers with an account present or carried, by the bucket of the worst
        flow               {"entered": n, "rolled": n, "improved": n, "stayed": n, "cured": n, "vanished": n}
        flow_by_currency   by currency {"entered": {"accounts": n, "balance_total_minor": n,
                           "past_due_amount_minor": n}, ... all six}; tonight's money (vanished: as last delivered)
        rates              by currency {"entry_rate": "0.0021" or null, "cure_rate": "0.0713" or null}: entered / the
                           accounts of the whole card book (null when the bank tells none), cured / overdue on the
                           previous night (null when none was)
        five_class         by currency {"ours": {"normal": n, ... "loss": n}, "bank": {the five and "unknown": n},
                           "ours_balance_minor": {...}, "bank_balance_minor": {...}, "differ": n (graded by both, and
                           unlike)}, accounts present or carried
        roll               null on the first night, else by currency {"count": {"matrix": [8][8], "vanished": [8]},
                           "balance": {the same}}, row = bucket on the previous night
        products           [{"name", "currency", "accounts", "overdue_accounts", "overdue_balance_minor"}], at most 12
                           a currency, largest overdue balance first; [] without `accounts`
        segments           the same of customers' segments; [] without `customers`
    """
    cube = _cube(standing)
    cells = [] if previous is None else _rows(roll(previous, standing))
    currencies = sorted({row["currency"] for row in (*cube, *cells)}, key=_home_first)
    delivered = [row for row in cube if row["presence"] != Presence.MISSING]
    missing = [row for row in cube if row["presence"] == Presence.MISSING]
    return {
        "format": 1,
        "buckets": list(BUCKETS),
        "currencies": currencies,
        "by_bucket": _per(currencies, delivered, _by_bucket),
        "missing": _per(currencies, missing, _sums),
        "carried": _total(cube, "accounts", presence=Presence.CARRIED),
        "customers": _customers(standing),
        "flow": {kind: sums["accounts"] for kind, sums in _flows(cube).items()},
        "flow_by_currency": _per(currencies, cube, _flows),
        "rates": {currency: _rates(_of(cube, currency=currency), (book or {}).get(currency)) for currency in currencies},
        "five_class": _per(currencies, delivered, _grades),
        "roll": None if previous is None else _per(currencies, cells, _rolls),
        "products": [] if accounts is None else _tops(standing, accounts, "account_id", "product"),
        "segments": [] if customers is None else _tops(standing, customers, "customer_id", "segment"),
    }


def _delivered(standing: ir.Table) -> ir.Table:
    return standing.filter(standing.presence != Presence.MISSING).select(
        "account_id", "currency", "bucket", balance=_.balance_total_minor
    )


def _cube(standing: ir.Table) -> Rows:
    """A night's accounts counted by everything its figures ask for: a few hundred rows."""
    by = ("currency", "presence", "bucket", "previous_bucket", "flow", "five_class", "classification")
    return _rows(
        standing.group_by(*by).agg(
            accounts=_.count(),
            balance_total_minor=_.balance_total_minor.sum(),
            past_due_amount_minor=_.past_due_amount_minor.sum(),
        )
    )


def _customers(standing: ir.Table) -> list[int]:
    delivered = standing.filter(standing.presence != Presence.MISSING)
    worst = delivered.group_by("customer_id").agg(bucket=_.bucket.max())
    counted = {row["bucket"]: row["customers"] for row in _rows(worst.group_by("bucket").agg(customers=_.count()))}
    return [counted.get(bucket, 0) for bucket in Bucket]


def _tops(standing: ir.Table, named: ir.Table, key: str, column: str) -> list[dict[str, Any]]:
    """The values of a column with the most overdue balance, per currency."""
    delivered = standing.filter(standing.presence != Presence.MISSING)
    delivered = delivered.mutate(late=in_arrears(delivered))
    joined = delivered.inner_join(named.select(key, name=named[column]), key)
    found = _rows(
        joined.group_by("name", "currency").agg(
            accounts=_.count(),
            overdue_accounts=_.late.cast("int64").sum(),
            overdue_balance_minor=ibis.ifelse(_.late, _.balance_total_minor, 0).sum(),
        )
    )
    found.sort(key=lambda row: (_home_first(row["currency"]), -row["overdue_balance_minor"], row["name"] or ""))
    currencies = dict.fromkeys(row["currency"] for row in found)
    return [row for currency in currencies for row in _of(found, currency=currency)[:_TOP]]


def _matrix(cells: Rows, by: By) -> dict[str, Any]:
    measure = _MEASURES[by]
    matrix = [[_total(cells, measure, from_bucket=i, to_bucket=j) for j in Bucket] for i in Bucket]
    vanished = [_total(cells, measure, from_bucket=i, vanished=True) for i in Bucket]
    return {"matrix": matrix, "vanished": vanished}


def _rolls(cells: Rows) -> dict[str, Any]:
    return {by: _matrix(cells, by) for by in _MEASURES}


def _by_bucket(rows: Rows) -> dict[str, list[int]]:
    return {name: [_total(rows, name, bucket=bucket) for bucket in Bucket] for name in _SUMS}


def _flows(rows: Rows) -> dict[str, dict[str, int]]:
    return {str(kind): _sums(_of(rows, flow=kind)) for kind in Flow}


def _rates(rows: Rows, book: Mapping[str, Any] | None) -> dict[str, str | None]:
    moved = {kind: sums["accounts"] for kind, sums in _flows(rows).items()}
    overdue_then = sum(row["accounts"] for row in rows if (row["previous_bucket"] or 0) > 0)
    return {
        "entry_rate": _rate(moved[Flow.ENTERED], None if book is None else int(book["accounts"])),
        "cure_rate": _rate(moved[Flow.CURED], overdue_then),
    }


def _grades(rows: Rows) -> dict[str, Any]:
    unknown = (*GRADES, "unknown")
    bank = [row | {"classification": row["classification"] or "unknown"} for row in rows]
    unlike = [row for row in bank if row["classification"] not in ("unknown", row["five_class"])]
    return {
        "ours": {grade: _total(rows, "accounts", five_class=grade) for grade in GRADES},
        "bank": {grade: _total(bank, "accounts", classification=grade) for grade in unknown},
        "ours_balance_minor": {grade: _total(rows, "balance_total_minor", five_class=grade) for grade in GRADES},
        "bank_balance_minor": {grade: _total(bank, "balance_total_minor", classification=grade) for grade in unknown},
        "differ": _total(unlike, "accounts"),
    }


def _sums(rows: Rows) -> dict[str, int]:
    return {name: _total(rows, name) for name in _SUMS}


def _per(currencies: Iterable[str], rows: Rows, figure: Callable[[Rows], Any]) -> dict[str, Any]:
    return {currency: figure(_of(rows, currency=currency)) for currency in currencies}


def _of(rows: Rows, **wanted: object) -> Rows:
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def _total(rows: Rows, name: str, **wanted: object) -> int:
    return sum(row[name] for row in _of(rows, **wanted))


def _rows(table: ir.Table) -> Rows:
    return engine.rows(table)


def _rate(part: int, whole: int | None) -> str | None:
    if not whole:
        return None
    rate = (Decimal(part) / Decimal(whole)).quantize(Decimal("0.000001"), ROUND_HALF_EVEN)
    return f"{rate.normalize():f}"


def _months(day: date) -> int:
    return day.year * 12 + day.month


def _home_first(currency: str) -> tuple[bool, str]:
    return currency != HOME_CURRENCY, currency
