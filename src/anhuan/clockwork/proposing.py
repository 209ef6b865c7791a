"""The night's proposals: the strategy that is live, over the book, dealt to arms, cut to capacity, previewed by the gate.

This edge joins the rooms for one step of the night. It knows where a bank writes down its capacities (`capacities.yaml` in the
home) and when the morning comes. Does not know what a model means, nor any rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa
import yaml
from django.conf import settings
from ibis import _
from ibis.backends.duckdb import Backend
from ibis.expr import types as ir

from anhuan.acts import law, proposal
from anhuan.clockwork import scoring
from anhuan.core.days import SATURDAY, UnknownYear
from anhuan.core.vocabulary import Heap, Presence
from anhuan.portfolio import experiments, snapshot, strategy
from anhuan.portfolio.delinquency import in_arrears
from anhuan.records.night import Night
from anhuan.records.strategy import HEAPS, ProposalState, StrategyVersion, conduct
from anhuan.rulebook import calendars
from anhuan.rulebook.tables.model import Model

MORNING = time(10)
"""When the bank's desk makes the first contacts of a day, in the bank's zone."""

NOTHING: Mapping[str, Any] = MappingProxyType({"heaps": {}, "proposals": {}, "refusals": {}})
"""What the step comes to when no strategy is live."""

CAPACITIES = "capacities.yaml"


class CapacitiesRefused(Exception):
    """The file of capacities cannot be used; says why, in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


def propose(con: Backend, night: Night, version: StrategyVersion, *, standing: ir.Table, home: Path) -> dict[str, Any]:
    """Propose over tonight's book and keep it: `{"heaps", "proposals", "refusals", "scores"}`; runs in the step's transaction.

    `heaps`: overdue accounts delivered, by what became of their customer's proposal; `proposals`: customers proposed, by channel;
    `refusals`: how many proposals each rule refused or held; `scores`: as `scoring.seal`.
    """
    day, told = night.business_date, capacities(home)
    arms = experiments.assignment(version.arms, seed=version.seed)
    with registered(con, "conduct", conduct(day, at=morning_after(day, home=home), zone=settings.TIME_ZONE)) as known:
        scored = scoring.seal(con, night, home=home)
        tonight = snapshot.load(con, home / "snapshots" / night.snapshot)
        rows = strategy.inputs(
            standing, con.table("accounts"), con.table("customers"), business_date=day, conduct=known, arms=arms,
            scores=scoring.sealed(tonight) if scored else None,
        )  # fmt: skip
        model = Model(bytes(version.model))
        proposed = strategy.worked_out(con, "proposed", strategy.propose(rows, model, version.decision))
        plan = wanted(proposed, standing, day=day, capacities=told, home=home)
        kept = proposal.absorb(plan, _judged(con, plan, told), version=version, night=night)
        heaps = _heaps(con, standing, kept, known, arms)
    became = kept.to_pylist()
    return {
        "heaps": heaps,
        "proposals": _counted(row["channel"] for row in became if row["state"] == ProposalState.PROPOSED),
        "refusals": _counted(rule for row in became for rule in row["rules"]),
        "scores": scored,
    }


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))


def wanted(
    proposed: ir.Table, standing: ir.Table, *, day: date, capacities: Sequence[strategy.Capacity], home: Path
) -> pa.Table:
    """What is proposed for a business date (`strategy.propose`, worked out), cut to capacity, as `proposal.WANTED`."""
    late = standing.filter(in_arrears(standing))
    debts = late.group_by("customer_id").agg(debts=late.account_id.collect(order_by=late.account_id))
    found = proposed.left_join(debts, "customer_id").drop("customer_id_right")
    found = found.mutate(rule=found.row, **{n: found[n].fill_null("") for n in _TEXTS})
    named = [name for name in proposal.WANTED.names if name not in {"planned_at", "capacity"}]
    table = found.order_by("customer_id").select(*named).to_pyarrow()
    first = morning_after(day, home=home)
    mornings = {on: max(first, morning_on(on, home=home)) for on in table["earliest_on"].unique().to_pylist()}
    planned = pa.array([mornings[on] for on in table["earliest_on"].to_pylist()], pa.timestamp("us", "UTC"))
    seated = pa.array(seats(proposed.get_backend(), table, capacities), pa.bool_())
    table = table.append_column("capacity", seated).append_column("planned_at", planned)
    return table.select(proposal.WANTED.names).cast(proposal.WANTED)


def seats(
    con: Backend, plan: pa.Table, capacities: Sequence[strategy.Capacity], stopped: Collection[int] = frozenset()
) -> list[bool]:
    """Which rows of what is wanted there is capacity for, when those at the places `stopped` need none."""
    found = [place not in stopped for place in range(len(plan))]
    if not capacities:
        return found
    going = plan.select([name for name in _RANKED if name in plan.column_names])
    going = going.append_column("place", pa.array(range(len(plan)), pa.int64())).filter(pa.array(found, pa.bool_()))
    with registered(con, "going", going):
        kept = con.con.execute(_seating(tuple(capacities))).fetchall()
    found = [False] * len(plan)
    for (place,) in kept:
        found[place] = True
    return found


@lru_cache(maxsize=16)
def _seating(capacities: tuple[strategy.Capacity, ...]) -> str:
    """The query for the places of the rows `going` that get a seat: asked again whenever the gate has stopped somebody."""
    cut = strategy.rank_and_cut(ibis.table({**_RANKED, "place": "int64"}, name="going"), capacities)
    return str(ibis.to_sql(cut.filter(cut.heap == str(Heap.PROPOSED)).select("place"), dialect="duckdb"))


def _judged(con: Backend, plan: pa.Table, capacities: Sequence[strategy.Capacity]) -> list[proposal.Judged]:
    """What becomes of every row of what is wanted: whom the gate stops needs no seat, and the next in rank is asked in turn.

    In the end there is capacity for exactly those there would be, had nobody wanted what the gate stopped.
    """
    judged: dict[int, proposal.Judged] = {}
    stopped: set[int] = set()
    seated = plan["capacity"].to_pylist()
    while fresh := [place for place, seat in enumerate(seated) if seat and place not in judged]:
        judged.update(zip(fresh, proposal.judge(plan.take(fresh), law_at=law.in_force), strict=True))
        stopped.update(place for place in fresh if judged[place].state != ProposalState.PROPOSED)
        seated = seats(con, plan, capacities, stopped)
    return [judged[place] if place in stopped or seat else proposal.NO_CAPACITY for place, seat in enumerate(seated)]


_TEXTS = ("wording", "team", "handled_by", "trace")


@contextmanager
def registered(con: Backend, name: str, rows: pa.Table) -> Iterator[ir.Table]:
    """Arrow rows as a table of DuckDB's, for as long as the block lasts."""
    con.con.register(name, rows)
    try:
        yield con.table(name)
    finally:
        con.con.unregister(name)


def _heaps(con: Backend, standing: ir.Table, kept: pa.Table, known: ir.Table, arms: experiments.Assignment) -> dict[str, int]:
    """The overdue accounts delivered tonight, by the heap of their customer's proposal.

    One whose collection is stopped is held too where the strategy knew so and wanted nothing of her.
    """
    present = standing.filter(standing.presence == Presence.PRESENT, standing.overdue).select("account_id", "customer_id")
    holds = known.select("customer_id", "hold")
    with registered(con, "tonights_proposals", kept.select(["customer_id", "state"])) as became:
        found = present.left_join(became, "customer_id").drop("customer_id_right")
        found = found.left_join(holds, "customer_id").drop("customer_id_right")
        left = found.hold.notnull() & (arms.column(found.customer_id) != experiments.HOLD_OUT)
        found = found.mutate(state=found.state.fill_null(ibis.ifelse(left, str(ProposalState.HELD), ibis.null("string"))))
        counted = found.filter(found.state.notnull()).group_by("state").agg(accounts=_.count()).to_pyarrow().to_pylist()
    return {HEAPS[ProposalState(row["state"])].value: row["accounts"] for row in counted}


# --- the morning after --------------------------------------------------------------------------------------------


def morning_after(business_date: date, *, home: Path) -> datetime:
    """Ten o'clock of the first working day after a business date, where the bank is."""
    return morning_on(business_date + timedelta(days=1), home=home)


def morning_on(day: date, *, home: Path) -> datetime:
    """Ten o'clock of a day, or of the first working day after it where it is a rest day.

    By the calendar of the bank's law; of a year without a notice by the days of the week.
    """
    while _rests(day, home):
        day += timedelta(days=1)
    return datetime.combine(day, MORNING, ZoneInfo(settings.TIME_ZONE)).astimezone(UTC)


def _rests(day: date, home: Path) -> bool:
    file = home / "calendar.yaml"
    packs = law.in_force(datetime.combine(day, MORNING, ZoneInfo(settings.TIME_ZONE))).packs
    name = next((pack for pack in packs if pack in calendars.LAWS), None)
    if name is None:
        return day.weekday() >= SATURDAY
    try:
        return not calendars.load(name, file if file.exists() else None).is_workday(day)
    except UnknownYear:
        return day.weekday() >= SATURDAY


# --- capacities ---------------------------------------------------------------------------------------------------


def capacities(home: Path, *, file: Path | None = None) -> list[strategy.Capacity]:
    """How many actions a day, by a column of proposals (channel, team, handled_by) and its value; what is not named has no limit.

    A value has a number, or `{most, shares, shared_by}`. `file` stands for the home's own. Raises CapacitiesRefused.
    """
    if file is None and not (home / CAPACITIES).exists():
        return []
    file = file or home / CAPACITIES
    try:
        told = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        read = [_capacity(column, value, most) for column, values in told.items() for value, most in values.items()]
        strategy.rank_and_cut(ibis.table(_RANKED, name="ranked"), read)
    except (OSError, yaml.YAMLError, ValueError, TypeError, AttributeError, ZeroDivisionError) as wrong:
        raise CapacitiesRefused(
            f"{file} 应写作“列: {{值: 每日件数}}”，列为 {'、'.join(_COLUMNS)} 之一：{wrong}",
            f"{file} is written `column: {{value: actions a day}}`, a column one of {', '.join(_COLUMNS)}: {wrong}",
        ) from None
    return read


def _capacity(column: str, value: str, most: Any) -> strategy.Capacity:
    told = most if isinstance(most, dict) else {"most": most}
    if column not in _COLUMNS or not isinstance(told.get("most"), int) or isinstance(told["most"], bool):
        raise ValueError(f"{column} {value}: {most!r}")
    return strategy.Capacity(column=column, value=str(value), **told)


_COLUMNS = ("channel", "team", "handled_by")
_RANKED = ibis.schema(
    {
        **dict.fromkeys(("customer_id", "segment", "arm", "currency", *_COLUMNS), "string"),
        **dict.fromkeys(("expected_value_minor", "priority"), "int64"),
    }
)
