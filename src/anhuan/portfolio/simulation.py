"""What a replay of sealed nights comes to: contacts by day and channel, use of capacity, and who is treated differently.

Knows one table, the actions of a replay, and makes the report's figures of it by Ibis expressions. Does not know how actions
come about: what a strategy wants, what the gate says and when a morning comes is put together by an edge (`clockwork.simulating`).

    business_date, customer_id, account_id                  one row for everything wanted
    channel, wording, team, handled_by, decision, rule      what, and the table and row that chose it
    cost_minor, expected_value_minor
    asked                                                   whether the gate was asked: there was capacity for it
    state                                                   proposed, held, refused, no_capacity
    rules                                                   the rules that refused it
    made                                                    proposed, and no later night decides anew before it is due
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import ibis
import pyarrow as pa
from ibis import _
from ibis.backends.duckdb import Backend
from ibis.expr import types as ir

from anhuan.core.vocabulary import Heap
from anhuan.portfolio.strategy import Capacity

ACTIONS = pa.schema([
    ("business_date", pa.date32()), ("customer_id", pa.string()), ("account_id", pa.string()), ("channel", pa.string()),
    ("wording", pa.string()), ("team", pa.string()), ("handled_by", pa.string()), ("decision", pa.string()),
    ("rule", pa.int32()), ("cost_minor", pa.int64()), ("expected_value_minor", pa.int64()), ("asked", pa.bool_()),
    ("state", pa.string()), ("rules", pa.list_(pa.string())), ("made", pa.bool_()),
])  # fmt: skip

CONTACTED: ibis.Schema = ibis.schema({"customer_id": "string", "last_on": "date"})
"""Whom a replay has contacted, and on which date last."""

TREATMENT = ("channel", "wording", "team", "handled_by")
"""What makes two actions the same treatment."""

_NAMED = (*TREATMENT, "decision", "rule", "state")
_FIGURES = (
    "wanted", "no_capacity", "refused", "held", "permitted", "contacts", "cost_minor", "contacts_cost_minor",
    "expected_value_minor",
)  # fmt: skip

NO_FIGURES: Mapping[str, Any] = dict.fromkeys(_FIGURES, 0) | {"refused_by_rule": {}}


# --- what a strategy is told --------------------------------------------------------------------------------------


def told(conduct: ir.Table, contacted: ir.Table, day: date) -> ir.Table:
    """What records say of conduct (`strategy.CONDUCT` by customer), with the simulated contacts of the days before."""
    since = contacted.select("customer_id", simulated=ibis.literal(day).delta(contacted.last_on, unit="day"))
    joined = conduct.outer_join(since, "customer_id")
    return joined.mutate(
        customer_id=ibis.coalesce(joined.customer_id, joined.customer_id_right),
        days_since_contact=ibis.least(joined.days_since_contact.cast("int64"), joined.simulated),
    ).drop("customer_id_right", "simulated")


# --- figures ------------------------------------------------------------------------------------------------------


def by_channel(con: Backend, actions: ir.Table) -> dict[tuple[date, str], dict[str, Any]]:
    """The figures of each night and channel."""
    return _figures(con, actions, ("business_date", "channel"))


def in_all(con: Backend, actions: ir.Table) -> dict[str, Any]:
    """The figures of all nights together, and of how many customers anything was wanted."""
    found = _figures(con, actions.mutate(all=ibis.literal("all")), ("all",)).get(("all",), dict(NO_FIGURES))
    return found | {"customers": int(con.to_pyarrow(actions.customer_id.nunique()).as_py())}


def _figures(con: Backend, actions: ir.Table, keys: tuple[str, ...]) -> dict[Any, dict[str, Any]]:
    permitted, made = _.state == Heap.PROPOSED, _.made
    counted = actions.group_by(*keys).agg(
        wanted=_.count(),
        no_capacity=_count(_.state == Heap.NO_CAPACITY),
        refused=_count(_.state.isin([Heap.REFUSED, Heap.HELD])),
        held=_count(_.state == Heap.HELD),
        permitted=_count(permitted),
        contacts=_count(made),
        cost_minor=_sum(_.cost_minor, permitted),
        contacts_cost_minor=_sum(_.cost_minor, made),
        expected_value_minor=_sum(_.expected_value_minor, permitted),
    )
    rules = actions.select(*keys, rule=actions.rules.unnest()).group_by(*keys, "rule").agg(n=_.count()).order_by("rule")
    found = {tuple(row[key] for key in keys): _plain(row) for row in con.to_pyarrow(counted).to_pylist()}
    for row in con.to_pyarrow(rules).to_pylist():
        found[tuple(row[key] for key in keys)]["refused_by_rule"][row["rule"]] = row["n"]
    return found


def _count(which: Any) -> Any:
    return which.cast("int64").sum()


def _sum(amount: Any, which: Any) -> Any:
    return ibis.ifelse(which, amount.fill_null(0), 0).sum().cast("int64")


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: int(row[name] or 0) for name in _FIGURES} | {"refused_by_rule": {}}


def use(con: Backend, actions: ir.Table, capacities: Sequence[Capacity]) -> dict[tuple[date, str, str], dict[str, int]]:
    """Of each night and capacity (its column and value) how many were wanted, the gate was asked about, and were permitted."""
    found: dict[tuple[date, str, str], dict[str, int]] = {}
    for column in dict.fromkeys(capacity.column for capacity in capacities):
        values = [capacity.value for capacity in capacities if capacity.column == column]
        counted = (
            actions.filter(actions[column].isin(values))
            .group_by("business_date", value=actions[column])
            .agg(wanted=_.count(), asked=_count(_.asked), permitted=_count(_.state == Heap.PROPOSED))
        )
        for row in con.to_pyarrow(counted).to_pylist():
            key = (row["business_date"], column, row["value"])
            found[key] = {name: int(row[name]) for name in ("wanted", "asked", "permitted")}
    return found


# --- differences --------------------------------------------------------------------------------------------------


def side_by_side(new: ir.Table, live: ir.Table) -> ir.Table:
    """One row for everything either strategy wants of a customer on a night: what each wants, and whether that differs.

    business_date, customer_id, account_id, `new_…` and `live_…` of the treatment (null where nothing is wanted), `differs`.
    """
    keys = ("business_date", "customer_id")
    sides = {
        name: table.select(*keys, **{f"{name}_{column}": table[column] for column in ("account_id", *_NAMED)})
        for name, table in (("new", new), ("live", live))
    }
    both = sides["new"].outer_join(sides["live"], keys)
    either = {key: ibis.coalesce(both[key], both[f"{key}_right"]) for key in keys}
    differing = [~both[f"new_{column}"].identical_to(both[f"live_{column}"]) for column in (*TREATMENT, "state")]
    differs = differing[0]
    for one in differing[1:]:
        differs = differs | one
    return both.select(
        **either,
        account_id=ibis.coalesce(both.new_account_id, both.live_account_id),
        **{f"{side}_{column}": both[f"{side}_{column}"] for side in sides for column in _NAMED},
        differs=differs,
    )


def differences(con: Backend, beside: ir.Table, *, rows: int, groups: int = 200) -> dict[str, Any]:
    """Who is treated differently, of `side_by_side` (a table already worked out): counts, groups, and the first rows."""
    other = beside.filter(beside.differs)
    names = [f"{side}_{column}" for side in ("new", "live") for column in _NAMED]
    alike = other.group_by(*names).agg(proposals=_.count(), customers=_.customer_id.nunique())
    alike = alike.order_by(ibis.desc("proposals"), *names).limit(groups)
    counted = beside.aggregate(
        compared=_.count(), proposals=_count(_.differs), customers=_.customer_id.nunique(where=_.differs)
    )
    (told_,) = con.to_pyarrow(counted).to_pylist()
    first = other.order_by("business_date", "customer_id").limit(rows)
    return {
        **{name: int(told_[name] or 0) for name in ("compared", "proposals", "customers")},
        "groups": [
            {"proposals": row["proposals"], "customers": row["customers"], **_treatments(row)}
            for row in con.to_pyarrow(alike).to_pylist()
        ],
        "rows": [
            {
                "business_date": row["business_date"].isoformat(),
                "customer_id": row["customer_id"],
                "account_id": row["account_id"],
                **_treatments(row),
            }
            for row in con.to_pyarrow(first).to_pylist()
        ],
    }


def _treatments(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        side: {name: row[f"{side}_{name}"] for name in _NAMED} if row[f"{side}_channel"] is not None else None
        for side in ("new", "live")
    }
