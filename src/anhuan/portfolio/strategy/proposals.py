"""What a strategy wants done tonight: its inputs, one proposal per customer, and which of them there is capacity for.

Knows the tables of a night, decision models and arms. Does not know who may be contacted (the gate says), records (what
is needed from them arrives as tables), or files.

A strategy is a decision of a model. Somewhere in its graph stand, as a decision or as an output of one, each once:

    channel                 how (`core.vocabulary.Channel`); null: nothing is wanted
    wording, team           which text; which queue or agency round works it
    handled_by              in_house or outside
    earliest_in_days        not before so many days from the business date
    priority                the higher comes first among the accounts of one customer
    expected_value_minor    what acting is expected to bring, less what it costs
    cost_minor

Only `channel` is compulsory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import ibis
from ibis import _
from ibis.backends.duckdb import Backend
from ibis.expr import types as ir

from anhuan.core.vocabulary import CustomerFlag, Heap, Presence
from anhuan.portfolio.experiments import HOLD_OUT, Assignment
from anhuan.portfolio.strategy.decisions import decided
from anhuan.portfolio.strategy.expressions import of_constant
from anhuan.portfolio.strategy.work import NotColumnar, Refusal
from anhuan.rulebook.tables.model import Model

CONDUCT: Mapping[str, tuple[str, Any]] = {
    "hold": ("string", None),
    "hardship": ("boolean", False),
    "legal_open": ("boolean", False),
    **dict.fromkeys(("reachable", "reach_sms", "reach_email", "reach_letter"), ("boolean", True)),
    "promise_in_days": ("int32", None),
    "broken_promises": ("int16", 0),
    "days_since_contact": ("int32", None),
    "effective_demands": ("int16", 0),
    "days_since_demand": ("int32", None),
}
"""What records say of a customer, by `customer_id`: type, and what stands where nothing is said."""

PLACEMENTS: Mapping[str, tuple[str, Any]] = {"placement_round": ("int16", 0), "days_placed": ("int32", None)}
"""What records say of an account, by `account_id`: how often it was placed outside, and for how long it now is."""

SCORES: Mapping[str, tuple[str, Any]] = {"pay_score": ("decimal(7, 6)", None)}
"""What a model of ours says of an account, by `account_id`: the probability of paying, as an exact decimal."""

_MONEY = {
    "balance_minor": "balance_total_minor",
    "past_due_minor": "past_due_amount_minor",
    "principal_minor": "principal_minor",
    "minimum_due_minor": "minimum_due_minor",
    "credit_limit_minor": "credit_limit_minor",
    "last_payment_minor": "last_payment_amount_minor",
}
_AS_DELIVERED = ("product", "block_code", "autopay", "behaviour_score", "collection_score", "placed_with", "due_date")

INPUTS: ibis.Schema = ibis.schema(
    {
        "account_id": "string",
        "customer_id": "string",
        "business_date": "date",
        "currency": "string",
        "days_past_due": "int32",
        "bucket": "int16",
        "flow": "string",
        "five_class": "string",
        **dict.fromkeys(_MONEY, "int64"),
        "product": "string",
        "block_code": "string",
        "autopay": "boolean",
        "behaviour_score": "int16",
        "collection_score": "int16",
        "placed_with": "string",
        "due_date": "date",
        "days_to_due": "int32",
        "days_since_statement": "int32",
        "days_since_payment": "int32",
        "segment": "string",
        "age": "int16",
        **{str(flag): "boolean" for flag in CustomerFlag},
        **{name: of for said in (CONDUCT, PLACEMENTS, SCORES) for name, (of, _) in said.items()},
        "arm": "string",
    }
)
"""The columns a strategy may name as its inputs."""

# Field of a proposal: its type, what stands where the strategy does not say.
_FIELDS: Mapping[str, tuple[str, Any]] = {
    "channel": ("string", None),
    "wording": ("string", None),
    "team": ("string", None),
    "handled_by": ("string", "in_house"),
    "earliest_in_days": ("int32", 0),
    "priority": ("int32", 0),
    "expected_value_minor": ("int64", 0),
    "cost_minor": ("int64", 0),
}


# --- Inputs ------------------------------------------------------------------------------------------------------


def inputs(
    standing: ir.Table,
    accounts: ir.Table,
    customers: ir.Table,
    *,
    business_date: date,
    conduct: ir.Table | None = None,
    placements: ir.Table | None = None,
    scores: ir.Table | None = None,
    arms: Assignment | None = None,
    rates: Mapping[str, Decimal] | None = None,
) -> ir.Table:
    """One row of `INPUTS` per account delivered tonight; an account set aside or missing is not acted upon.

    `conduct`, `placements`, `scores`: some or all columns of those three, keyed by customer or account. `rates`: what
    one minor unit of a currency is worth in minor units of home, to eight places; amounts are converted, rounded down.
    Without a rate amounts stay in their own currency.
    """
    present = standing.filter(standing.presence == Presence.PRESENT).select(
        "account_id", "customer_id", "currency", "days_past_due", "bucket", "flow", "five_class",
        *(name for name in _MONEY.values() if name in standing.columns),
    )  # fmt: skip
    further = (*_MONEY.values(), *_AS_DELIVERED, "statement_date", "last_payment_on")
    delivered = accounts.select("account_id", *(name for name in further if name not in present.columns))
    people = customers.select("customer_id", "segment", "age", "flags")
    rows = _joined(_joined(present, delivered, "account_id"), people, "customer_id")
    for said, table, key in (
        (CONDUCT, conduct, "customer_id"), (PLACEMENTS, placements, "account_id"), (SCORES, scores, "account_id"),
    ):  # fmt: skip
        rows = _said(rows, table, key, said)
    day = ibis.literal(business_date)
    worth = [(rows.currency == name, of_constant(value).values.cast("decimal(18, 8)")) for name, value in (rates or {}).items()]
    rate = ibis.cases(*worth, else_=None) if worth else None
    return rows.mutate(
        business_date=day,
        days_to_due=rows.due_date.delta(day, unit="day"),
        days_since_statement=day.delta(rows.statement_date, unit="day"),
        days_since_payment=day.delta(rows.last_payment_on, unit="day"),
        arm=arms.column(rows.customer_id) if arms is not None else ibis.null("string"),
        **{name: rows[column] if rate is None else _at_home(rows[column], rate) for name, column in _MONEY.items()},
        **{str(flag): _has(rows.flags, flag) for flag in CustomerFlag},
    ).select(**{name: _[name].cast(of) for name, of in INPUTS.items()})


def _joined(left: ir.Table, right: ir.Table, key: str) -> ir.Table:
    return left.left_join(right, key).drop(f"{key}_right")


def _said(rows: ir.Table, table: ir.Table | None, key: str, said: Mapping[str, tuple[str, Any]]) -> ir.Table:
    """The rows with what the table says, or what stands where it says nothing."""
    known = [name for name in said if table is not None and name in table.columns]
    if table is not None:
        rows = _joined(rows, table.select(key, *known), key)
    defaults = {
        name: (rows[name].cast(of) if name in known else ibis.null(of)).fill_null(value) if value is not None
        else (rows[name].cast(of) if name in known else ibis.null(of))
        for name, (of, value) in said.items()
    }  # fmt: skip
    return rows.mutate(**defaults)


def _at_home(amount: Any, rate: Any) -> Any:
    return ibis.ifelse(rate.isnull(), amount, (amount * rate).floor()).cast("int64")


def _has(flags: Any, flag: CustomerFlag) -> Any:
    return flags.contains(str(flag)).fill_null(False)  # noqa: FBT003  # ibis's way


# --- Proposals ---------------------------------------------------------------------------------------------------


def propose(rows: ir.Table, model: Model, decision: str, *, fingerprint: str = "", version: int = 0) -> ir.Table:
    """One proposal per customer: what the strategy wants for the account that comes first.

    First is the highest priority, then the highest expected value, the largest amount past due, the account's id.
    customer_id, account_id, currency, segment, arm, the fields of a proposal (`earliest_on` a date), `decision` and `row`
    (the table that chose the channel, and its rule), `trace` (every table with its rule), `accounts` (of how many accounts
    something is wanted), model fingerprint and version. Customers of whom nothing is wanted, and those held out of an
    experiment, have none. Raises NotColumnar or ModelRefused.
    """
    before = set(rows.columns)
    chosen = decided(rows, model, decision)
    sources = _sources(chosen, before, decision)
    chooser = sources["channel"].rpartition("__channel")[0] or "channel"
    fired = [name for name in chosen.columns if name not in before and name.endswith("__rule")]
    fields = {
        name: _as(chosen[sources[name]], of) if name in sources else ibis.literal(value, of)
        for name, (of, value) in _FIELDS.items()
    }
    trace = [
        ibis.literal(f"{name.removesuffix('__rule')} ")
        + (chosen[f"{name}s"] if f"{name}s" in chosen.columns else chosen[name].cast("string"))
        for name in fired
    ]
    wanted = chosen.mutate(
        **fields,
        decision=ibis.literal(chooser),
        row=chosen[f"{chooser}__rule"] if f"{chooser}__rule" in fired else ibis.null("int16"),
        trace=ibis.literal("; ").join(trace) if trace else ibis.literal(""),
        fingerprint=ibis.literal(fingerprint),
        version=ibis.literal(version, "int32"),
    )
    # Not filtered before the window: DuckDB would push such a filter down through every table of the strategy, and each
    # table it passes multiplies it.
    wanted = wanted.mutate(unwanted=wanted.channel.isnull() | (wanted.arm.fill_null("") == HOLD_OUT))
    order = [
        wanted.unwanted, wanted.priority.fill_null(0).desc(), wanted.expected_value_minor.fill_null(0).desc(), wanted.past_due_minor.desc(),
        wanted.account_id,
    ]  # fmt: skip
    placed = wanted.mutate(
        place=ibis.row_number().over(group_by="customer_id", order_by=order),
        accounts=(~wanted.unwanted).cast("int32").sum().over(group_by="customer_id").cast("int32"),
        earliest_on=_days_on(wanted.business_date, wanted.earliest_in_days.fill_null(0)),
    )
    names = [name for name in _FIELDS if name != "earliest_in_days"]
    return placed.filter((placed.place == 0) & ~placed.unwanted).select(
        "business_date", "customer_id", "account_id", "currency", "segment", "arm", *names, "earliest_on", "decision", "row",
        "trace", "accounts", "fingerprint", "version",
    )  # fmt: skip


def _as(values: Any, of: str) -> Any:
    """Of another type; decimals are rounded, halves away from nil, in so many words: engines cast each in their own way."""
    return (values.round() if values.type().is_decimal() else values).cast(of)


def _days_on(day: Any, days: Any) -> Any:
    return (day + days.as_interval("D")).cast("date")


def _sources(chosen: ir.Table, before: set[str], decision: str) -> dict[str, str]:
    """The column each field of a proposal comes from. Raises NotColumnar where none, or two, give one."""
    made = [name for name in chosen.columns if name not in before]
    found = {field_: [name for name in made if name == field_ or name.endswith(f"__{field_}")] for field_ in _FIELDS}
    wrong = [name for name, sources in found.items() if len(sources) > 1 or (name == "channel" and not sources)]
    if wrong:
        names = ", ".join(wrong)
        raise NotColumnar([
            Refusal(decision, 1, f"策略须恰好一次给出：{names}。", f"a strategy gives each of these once: {names}"),
        ])  # fmt: skip
    return {name: sources[0] for name, sources in found.items() if sources}


def worked_out(con: Backend, name: str, table: ir.Table) -> ir.Table:
    """What is proposed as a table of DuckDB's: an expression this long, read by several others, is planned over and over.

    Ibis is kept from joining its selects into one, which takes it seconds, and which DuckDB does anyway.
    """
    fused = ibis.options.sql.fuse_selects
    ibis.options.sql.fuse_selects = False
    try:
        return con.create_table(name, table, temp=True, overwrite=True)
    finally:
        ibis.options.sql.fuse_selects = fused


# --- Capacity ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Capacity:
    """How many proposals may have `value` in a column (team, channel, handled_by …) a day.

    `shares`: at least such a part of them for each of some values of the column `shared_by`, as far as that many are wanted.
    """

    column: str
    value: str
    most: int
    shares: Mapping[str, str | Fraction] = field(default_factory=dict, hash=False)
    shared_by: str = "segment"

    def seats(self) -> dict[str, int]:
        """Seats kept for each value, rounded down."""
        return {name: int(Fraction(share) * self.most // 1) for name, share in self.shares.items()}


def rank_and_cut(proposals: ir.Table, capacities: Sequence[Capacity], *, passes: int = 2) -> ir.Table:
    """The proposals, one per customer, with their `rank` over all (from 1) and `heap`: proposed, or no_capacity.

    Ranked by expected value, then priority, then customer. A proposal needs a seat in every capacity that speaks of it, and
    takes the best left; seats kept for a share go first. What one capacity turns away leaves its seats in the others to
    the next in rank, `passes` − 1 times. Raises ValueError for a capacity that is below nil or shares more than it has.
    Give it a table that is already worked out: it is read twice.
    """
    _judge(capacities)
    columns = list(dict.fromkeys(capacity.column for capacity in capacities))
    order = [_.expected_value_minor.desc(), _.priority.desc(), _.customer_id]
    narrow = list(dict.fromkeys([*columns, *(c.shared_by for c in capacities if c.shares)]))
    ranked = proposals.select("customer_id", *narrow, rank=(ibis.row_number().over(order_by=order) + 1).cast("int64"))
    for number in range(passes if len(columns) > 1 else 1):
        ranked = ranked.mutate(still=~ranked.kept) if number else ranked.mutate(still=ibis.literal(value=True))
        for column in columns if number else ():
            ranked = ranked.mutate(still=ranked.still & _has_seat(ranked, column, capacities))
        for column in columns:
            ranked = _seated(ranked, column, capacities, again=number > 0)
        ranked = ranked.mutate(kept=(ranked.kept | ranked.still) if number else ranked.still).drop("still")
    heap = ibis.ifelse(ranked.kept, str(Heap.PROPOSED), str(Heap.NO_CAPACITY))
    return _joined(proposals, ranked.select("customer_id", "rank", heap=heap), "customer_id")


def _judge(capacities: Sequence[Capacity]) -> None:
    shared_by: dict[str, str] = {}
    for capacity in capacities:
        shares = [Fraction(share) for share in capacity.shares.values()]
        if capacity.most < 0 or sum(shares) > 1 or any(share < 0 for share in shares):
            raise ValueError(f"a capacity is nil or more, and shares at most all of it: {capacity}")
        if shares and shared_by.setdefault(capacity.column, capacity.shared_by) != capacity.shared_by:
            raise ValueError(f"the capacities of {capacity.column} are shared by one column: {capacity}")


def _most(ranked: ir.Table, column: str, capacities: Sequence[Capacity]) -> Any:
    """How many seats there are; null where no capacity of the column speaks of the row."""
    seats = [(ranked[column] == c.value, c.most) for c in capacities if c.column == column]
    return ibis.cases(*seats, else_=ibis.null("int64")).cast("int64")


def _has_seat(ranked: ir.Table, column: str, capacities: Sequence[Capacity]) -> Any:
    most = _most(ranked, column, capacities)
    return most.isnull() | (ranked.kept.sum().over(group_by=column).fill_null(0) < most)


def _seated(ranked: ir.Table, column: str, capacities: Sequence[Capacity], *, again: bool) -> ir.Table:
    """Of those still in question, the ones that find a seat in the capacities of one column."""
    nil = ibis.literal(0, "int64")
    taken = ranked.kept.sum().over(group_by=column).fill_null(0) if again else nil
    ranked, order = ranked.mutate(most=_most(ranked, column, capacities), taken=taken), ["rank"]
    shared = [capacity for capacity in capacities if capacity.column == column and capacity.shares]
    if shared:
        by = [column, shared[0].shared_by]
        seats = [((ranked[column] == c.value) & (ranked[by[1]] == name), n) for c in shared for name, n in c.seats().items()]
        ranked = ranked.mutate(
            seats=ibis.cases(*seats, else_=0).cast("int64"),
            of_share=ranked.kept.sum().over(group_by=by).fill_null(0) if again else nil,
            in_share=ibis.row_number().over(group_by=[*by, "still"], order_by="rank"),
        )
        ranked = ranked.mutate(after=ranked.in_share + ranked.of_share >= ranked.seats).drop("seats", "of_share", "in_share")
        order = ["after", "rank"]
    ranked = ranked.mutate(place=ibis.row_number().over(group_by=[column, "still"], order_by=order))
    seated = ranked.most.isnull() | (ranked.place + ranked.taken < ranked.most)
    return ranked.mutate(still=ranked.still & seated).drop("most", "taken", "place", *order[:-1])
