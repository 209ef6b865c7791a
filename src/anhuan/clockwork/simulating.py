"""A replay: sealed nights lived through again under a strategy, and beside it under the one that is live.

This edge joins the rooms as the night does: `portfolio` works in columns, records tell what was known, the gate judges. What is
wanted goes through `proposing.wanted`, what is judged through `acts.proposal`, both as by night; only the contacts differ: those
the bank made since the first replayed morning are left out, and each strategy's own simulated contacts stand in their place.
Replaying writes nothing to records.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from django.conf import settings
from ibis.backends.duckdb import Backend
from ibis.expr import types as ir

from anhuan.acts import law, proposal
from anhuan.acts import strategy as acts
from anhuan.acts.desk import by_machine
from anhuan.clockwork import scoring
from anhuan.clockwork.proposing import morning_after, registered, seats, wanted
from anhuan.core import gate
from anhuan.core.facts import Attempt, Contact, Facts
from anhuan.core.law import Law
from anhuan.core.vocabulary import BANK, Channel, Direction, Heap, NightStatus, Party, Purpose
from anhuan.portfolio import engine, experiments, simulation, snapshot, strategy
from anhuan.records import facts
from anhuan.records.night import Night
from anhuan.records.strategy import StrategyVersion, conduct, live_on
from anhuan.rulebook.tables.model import Model

Progress = Callable[[str, int, int], None]

_STRATEGIES_DECIDE = frozenset({Purpose.COLLECT, Purpose.SERVICE})
_NOBODY: tuple[Contact, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a replay came to. `figures` is the public JSON without rows; `rows` the differences, one by one (Arrow)."""

    figures: dict[str, Any]
    rows: pa.Table | None


@dataclass
class _Side:
    """One strategy under replay: what it has wanted so far, and the contacts it has made."""

    name: str
    version: StrategyVersion
    actions: list[pa.Table] = field(default_factory=list)
    contacts: dict[str, tuple[Contact, ...]] = field(default_factory=dict)
    query: str = ""

    def proposed(self, con: Backend, rows: ir.Table) -> ir.Table:
        """`strategy.propose`, worked out. Written as SQL once for all nights, which takes longer than to run it."""
        inputs = con.create_table(f"inputs_{self.name}", rows, temp=True, overwrite=True)
        if not self.query:
            self.query = str(con.compile(strategy.propose(inputs, Model(bytes(self.version.model)), self.version.decision)))
        con.raw_sql(f"CREATE OR REPLACE TEMP TABLE proposed_{self.name} AS {self.query}")
        return con.table(f"proposed_{self.name}")

    def contacted(self, zone: ZoneInfo) -> pa.Table:
        last = {customer: made[-1].at.astimezone(zone).date() for customer, made in self.contacts.items()}
        columns = [pa.array(last.keys(), pa.string()), pa.array(last.values(), pa.date32())]
        return pa.Table.from_arrays(columns, names=simulation.CONTACTED.names)


def of_model(model: bytes, *, name: str, decision: str, like: StrategyVersion | None) -> StrategyVersion:
    """A model that is no version of a strategy, as one that is not kept: customers are dealt to the arms of `like`, if to any."""
    return StrategyVersion(
        name=name,
        number=0,
        model=model,
        fingerprint=hashlib.sha256(model).hexdigest(),
        decision=decision,
        arms=like.arms if like else {"champion": "1"},
        seed=like.seed if like else name,
    )


def nights_between(first: date, last: date) -> list[Night]:
    """The sealed nights of business dates from `first` to `last`, oldest first."""
    return list(Night.objects.filter(status=NightStatus.SEALED, business_date__range=(first, last)).order_by("business_date"))


def live_now(at: datetime) -> StrategyVersion | None:
    """The version that is live today, or on the last sealed night where that is later."""
    latest = Night.objects.filter(status=NightStatus.SEALED).order_by("business_date").last()
    today = at.astimezone(ZoneInfo(settings.TIME_ZONE)).date()
    return live_on(max(today, latest.business_date) if latest else today)


def replay(
    new: StrategyVersion,
    live: StrategyVersion | None,
    nights: Sequence[Night],
    *,
    capacities: Sequence[strategy.Capacity],
    home: Path,
    rows: int = 100,
    progress: Progress | None = None,
) -> Report:
    """Live through sealed nights (one or more, oldest first) under `new`, and under `live` where there is one.

    `rows`: how many differences the figures name one by one. Raises `strategy.NotColumnar`, ModelRefused, `snapshot.Damaged`.
    """
    started = time.perf_counter()
    sides = [_Side("new", new)] + ([_Side("live", live)] if live is not None else [])
    told: list[dict[str, Any]] = []
    with _workspace(home) as folder:
        con = engine.connect(folder)
        began = morning_after(nights[0].business_date, home=home)
        for number, night in enumerate(nights):
            if progress:
                progress("simulate", number, len(nights))
            after = nights[number + 1].business_date if number + 1 < len(nights) else None
            told.append(_night(con, night, sides, began=began, after=after, capacities=capacities, home=home))
        if progress:
            progress("simulate", len(nights), len(nights))
        figures = _identity(new, live, told)
        with ExitStack() as stack:
            tables = {side.name: stack.enter_context(_actions(con, side)) for side in sides}
            figures |= _figures(con, tables, told, capacities)
            beside = None
            figures["differences"] = None
            if live is not None:
                both = simulation.side_by_side(tables["new"], tables["live"])
                beside = con.create_table("beside", both, temp=True, overwrite=True)
                figures["differences"] = simulation.differences(con, beside, rows=rows)
            figures |= _recovery(con, sides, nights, beside, home=home)
            found = _rows(con, beside) if beside is not None else None
    figures["seconds"] = round(time.perf_counter() - started, 2)
    return Report(figures, found)


@contextmanager
def _workspace(home: Path) -> Iterator[Path]:
    """A scratch folder of this replay, removed at the end; not among those of nights, which clear theirs away."""
    root = home / "simulations"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".replay-", dir=root) as folder:
        yield Path(folder)


def _rows(con: Backend, beside: ir.Table) -> pa.Table:
    return con.to_pyarrow(beside.filter(beside.differs).drop("differs").order_by("business_date", "customer_id"))


def keep(version: StrategyVersion, report: Report, *, home: Path, at: datetime, by: str) -> acts.Answer:
    """Keep a report as a simulation of a checked version, its rows beside (`rows_of`); or every reason why not."""
    figures = dict(report.figures)
    if figures["differences"]:
        figures["differences"] = {name: told for name, told in figures["differences"].items() if name != "rows"}
    answer = acts.simulated(version.pk, nights=figures["nights"], figures=figures, at=at, by=by)
    if not isinstance(answer, list) and report.rows is not None:
        kept = answer.simulations.order_by("id").last()
        if kept is not None:
            pq.write_table(report.rows, rows_of(kept.pk, home=home), compression="zstd")
    return answer


def rows_of(simulation_id: int, *, home: Path) -> Path:
    """Where the differences of a kept simulation lie, row by row (Parquet, the columns of `simulation.side_by_side`)."""
    return home / "simulations" / f"{simulation_id}.parquet"


# --- one night ----------------------------------------------------------------------------------------------------


def _night(
    con: Backend,
    night: Night,
    sides: Sequence[_Side],
    *,
    began: datetime,
    after: date | None,
    capacities: Sequence[strategy.Capacity],
    home: Path,
) -> dict[str, Any]:
    """Take every side through one night; what the report says of the night.

    `began`: the first replayed morning. `after`: the business date of the next replayed night, which decides anew for whatever is
    not due by then.
    """
    day, zone = night.business_date, ZoneInfo(settings.TIME_ZONE)
    first = morning_after(day, home=home)
    sealed = snapshot.load(con, home / "snapshots" / night.snapshot)
    standing = sealed.table("standing")
    plans = []
    with registered(con, "conduct", conduct(day, at=first, zone=settings.TIME_ZONE, replayed=began)) as recorded:
        for side in sides:
            with registered(con, "contacted", side.contacted(zone)) as contacted:
                rows = _inputs(sealed, standing, day, side.version, simulation.told(recorded, contacted, day))
                plans.append(wanted(side.proposed(con, rows), standing, day=day, capacities=capacities, home=home))
    judged = _judged(con, sides, plans, capacities=capacities, began=began)
    for side, plan, verdicts in zip(sides, plans, judged, strict=True):
        due = [
            verdict is not None
            and verdict.state == Heap.PROPOSED
            and (at == first if after is None else at.astimezone(zone).date() <= after)
            for verdict, at in zip(verdicts, plan["planned_at"].to_pylist(), strict=True)
        ]
        _remember(side, plan, verdicts, due)
        side.actions.append(_as_actions(plan, verdicts, due, day))
    return {
        "business_date": day.isoformat(),
        "sequence": night.sequence,
        "manifest_sha256": night.manifest_sha256,
        "planned_at": first.isoformat(),
        "law": law.in_force(first).fingerprint,
    }


def _inputs(
    sealed: snapshot.Snapshot, standing: ir.Table, day: date, version: StrategyVersion, told: ir.Table | None
) -> ir.Table:
    return strategy.inputs(
        standing, sealed.table("accounts"), sealed.table("customers"), business_date=day, conduct=told,
        arms=experiments.assignment(version.arms, seed=version.seed), scores=scoring.sealed(sealed),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What the gate made of an action there was capacity for, and the contact it would be."""

    state: str
    rules: tuple[str, ...]
    contact: Contact | None


def _judged(
    con: Backend,
    sides: Sequence[_Side],
    plans: Sequence[pa.Table],
    *,
    capacities: Sequence[strategy.Capacity],
    began: datetime,
) -> list[list[_Verdict | None]]:
    """For each side, one verdict for every row of its plan; None: there was no capacity.

    As by night whom the gate stops needs no seat, and the next in rank is asked in turn.
    """
    asked = [plan.select(_ASKED).to_pylist() for plan in plans]
    seated: list[list[bool]] = [plan["capacity"].to_pylist() for plan in plans]
    found: list[dict[int, _Verdict]] = [{} for _plan in plans]
    while any(fresh := [_fresh(*each) for each in zip(seated, found, strict=True)]):
        _ask(sides, asked, fresh, found, began=began)
        for number, plan in enumerate(plans):
            if any(found[number][place].state != Heap.PROPOSED for place in fresh[number]):
                stopped = {place for place, verdict in found[number].items() if verdict.state != Heap.PROPOSED}
                seated[number] = seats(con, plan, capacities, stopped)
    return [
        [verdicts[place] if seat or (place in verdicts and verdicts[place].state != Heap.PROPOSED) else None
         for place, seat in enumerate(has)]
        for has, verdicts in zip(seated, found, strict=True)
    ]  # fmt: skip


def _fresh(seated: Sequence[bool], found: Mapping[int, _Verdict]) -> list[int]:
    return [place for place, seat in enumerate(seated) if seat and place not in found]


_ASKED = ["customer_id", "account_id", "channel", "team", "debts", "planned_at"]


def _ask(
    sides: Sequence[_Side],
    asked: Sequence[Sequence[Mapping[str, Any]]],
    fresh: Sequence[Sequence[int]],
    found: Sequence[dict[int, _Verdict]],
    *,
    began: datetime,
) -> None:
    """Ask the gate of the rows at the `fresh` places of each side, by everything known today of their instant.

    Facts are gathered once for all sides.
    """
    planned: dict[datetime, dict[str, list[tuple[int, int]]]] = {}
    for number, places in enumerate(fresh):
        for place in places:
            row = asked[number][place]
            planned.setdefault(row["planned_at"], {}).setdefault(row["customer_id"], []).append((number, place))
    for at, customers in planned.items():
        in_force = law.in_force(at)
        for customer_id, told in facts.facts_for_many(customers, at=at, since=at - facts.reach(in_force)):
            known = _without_ours(told, began)
            before: tuple[Mapping[str, Any], tuple[Contact, ...], _Verdict] | None = None
            for number, place in customers[customer_id]:
                row, own = asked[number][place], sides[number].contacts.get(customer_id, _NOBODY)
                # Where both sides want the same and have done the same, the gate says the same.
                verdict = before[2] if before and before[:2] == (row, own) else _verdict(row, _with(known, own), in_force, at)
                found[number][place], before = verdict, (row, own, verdict)


def _verdict(row: Mapping[str, Any], known: Facts, in_force: Law, at: datetime) -> _Verdict:
    machine = by_machine(row["channel"], row["team"])
    attempt = proposal.as_attempt(row["channel"], row["debts"], row["account_id"], known, machine=machine)
    contact = row["channel"] in proposal.CONTACTS
    judged = proposal.as_judged(gate.check(attempt, known, in_force, at), contact=contact)
    made = _contact(attempt, known, at) if contact and judged.state == Heap.PROPOSED else None
    return _Verdict(judged.state, judged.rules, made)


def _contact(attempt: Attempt, known: Facts, at: datetime) -> Contact:
    """The attempt as made, with no result: it counts as whatever would count."""
    return Contact(
        id=f"simulated:{at.isoformat()}",
        at=at,
        channel=attempt.channel,
        direction=Direction.OUTBOUND,
        point=attempt.point,
        point_kind=known.point_kind(Channel(attempt.channel), attempt.point),
        debts=attempt.debts,
        automated=bool(attempt.automated),
        purpose=attempt.purpose,
    )


def _without_ours(known: Facts, began: datetime) -> Facts:
    """The facts without the contacts of the bank's own desk from the first replayed morning on, which a strategy decided on."""
    if not known.contacts or known.contacts[-1].at < began:
        return known
    kept = tuple(contact for contact in known.contacts if contact.at < began or not _decided(contact))
    return known if len(kept) == len(known.contacts) else replace(known, contacts=kept)


def _decided(contact: Contact) -> bool:
    return (
        contact.direction is Direction.OUTBOUND
        and contact.actor == BANK
        and contact.party is Party.DEBTOR
        and contact.purpose in _STRATEGIES_DECIDE
    )


def _with(known: Facts, own: tuple[Contact, ...]) -> Facts:
    if not own:
        return known
    return replace(known, contacts=tuple(sorted((*known.contacts, *own), key=lambda contact: contact.at)))


def _remember(side: _Side, plan: pa.Table, verdicts: Sequence[_Verdict | None], due: Sequence[bool]) -> None:
    for customer_id, verdict, made in zip(plan["customer_id"].to_pylist(), verdicts, due, strict=True):
        if made and verdict is not None and verdict.contact is not None:
            side.contacts[customer_id] = (*side.contacts.get(customer_id, _NOBODY), verdict.contact)


def _as_actions(plan: pa.Table, verdicts: Sequence[_Verdict | None], due: Sequence[bool], day: date) -> pa.Table:
    columns = {
        "business_date": pa.repeat(pa.scalar(day), len(plan)),
        "asked": pa.array([verdict is not None for verdict in verdicts], pa.bool_()),
        "state": pa.array([verdict.state if verdict else Heap.NO_CAPACITY.value for verdict in verdicts], pa.string()),
        "rules": pa.array([verdict.rules if verdict else () for verdict in verdicts], pa.list_(pa.string())),
        "made": pa.array(due, pa.bool_()),
    }
    given = [columns[name] if name in columns else plan[name] for name in simulation.ACTIONS.names]
    return pa.Table.from_arrays(given, names=simulation.ACTIONS.names).cast(simulation.ACTIONS)


# --- the report ---------------------------------------------------------------------------------------------------


def _identity(new: StrategyVersion, live: StrategyVersion | None, told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        **_named(new),
        "live": _named(live) if live is not None else None,
        "from": told[0]["business_date"],
        "to": told[-1]["business_date"],
        "nights": list(told),
    }


def _named(version: StrategyVersion) -> dict[str, Any]:
    name = version.title if version.number else version.name
    return {"strategy": name, "decision": version.decision, "fingerprint": version.fingerprint}


@contextmanager
def _actions(con: Backend, side: _Side) -> Iterator[ir.Table]:
    with registered(con, f"actions_{side.name}", pa.concat_tables(side.actions)) as table:
        yield table


def _figures(
    con: Backend, tables: Mapping[str, ir.Table], told: Sequence[Mapping[str, Any]], capacities: Sequence[strategy.Capacity]
) -> dict[str, Any]:
    """`days`, `totals` and `capacity` of the report."""
    days = {name: simulation.by_channel(con, table) for name, table in tables.items()}
    totals = {name: simulation.in_all(con, table) for name, table in tables.items()}
    used = {name: simulation.use(con, table, capacities) for name, table in tables.items()}
    both = "live" in tables
    unused = dict.fromkeys(("wanted", "asked", "permitted"), 0)
    keys = sorted({key for found in days.values() for key in found})
    return {
        "days": [
            {"business_date": day.isoformat(), "channel": channel, **days["new"].get((day, channel), simulation.NO_FIGURES)}
            | {"live": days["live"].get((day, channel), simulation.NO_FIGURES) if both else None}
            for day, channel in keys
        ],
        "totals": totals["new"] | {"live": totals.get("live")},
        "capacity": [
            {"business_date": night["business_date"], "column": each.column, "value": each.value, "most": each.most}
            | used["new"].get(key, unused)
            | {"live": used["live"].get(key, unused) if both else None}
            for night in told
            for each in capacities
            for key in [(date.fromisoformat(night["business_date"]), each.column, each.value)]
        ],
    }


# --- what came of it ----------------------------------------------------------------------------------------------

_NOTES: Mapping[str, tuple[str, str]] = {
    "no_live_strategy": (
        "当前没有生效的策略，因此没有对比。",
        "No strategy is live, so there is nothing to compare with.",
    ),
    "one_night": (
        "只有一个夜间，看不到之后的还款；请选择更长的期间。",
        "One night alone shows no payments that came after it; choose a longer range.",
    ),
    "before_live": (
        "期间早于生效策略的生效日，各组此前并未区别对待，因此不估计效果。",
        "The range begins before the live strategy did; until then its arms were treated alike, so no effect is estimated.",
    ),
    "no_hold_out": (
        "生效的策略没有不触达组（hold_out），无法估计提升。",
        "The live strategy has no hold-out, so no lift can be estimated.",
    ),
}  # fmt: skip


def _recovery(
    con: Backend, sides: Sequence[_Side], nights: Sequence[Night], beside: ir.Table | None, *, home: Path
) -> dict[str, Any]:
    """`results`, `lift` and `notes` of the report."""
    live = sides[1].version if len(sides) > 1 else None
    first = nights[0].business_date
    code = (
        "no_live_strategy" if live is None or beside is None
        else "one_night" if len(nights) < 2
        else "before_live" if live.live_from is not None and first < live.live_from
        else ""
    )  # fmt: skip
    if live is None or beside is None or code:
        return {"results": None, "lift": None, "notes": [_note(code)]}
    opened = [snapshot.load(con, home / "snapshots" / night.snapshot) for night in nights]
    payments = [each.table("payments") for each in opened[1:]]
    dealt = experiments.assignment(live.arms, seed=live.seed)
    standings = opened[0].table("standing"), opened[-1].table("standing")
    found = experiments.outcomes(*standings, payments[0].union(*payments[1:]) if payments[1:] else payments[0], after=first)
    rows = con.to_pyarrow(found.mutate(arm=dealt.column(found.customer_id)))
    arm, values = rows["arm"].to_numpy(zero_copy_only=False), experiments.measured(rows)
    told: dict[str, Any] = {"results": experiments.compared(arm, values), "lift": None, "notes": []}
    if experiments.HOLD_OUT not in arm:
        return told | {"notes": [_note("no_hold_out")]}
    customers = rows["customer_id"].to_pylist()
    follows = _follows(con, opened[0], sides[0], sides[1], customers, home=home)
    told["lift"] = experiments.lift(arm, follows, values)
    told["lift"]["goes_on"] = _goes_on(con, beside, first, dict(zip(customers, zip(arm, follows, strict=True), strict=True)))
    return told


def _note(code: str) -> dict[str, str]:
    zh, en = _NOTES[code]
    return {"code": code, "message_zh": zh, "message_en": en}


def _follows(
    con: Backend,
    sealed: snapshot.Snapshot,
    new: _Side,
    live: _Side,
    customers: Sequence[str],
    *,
    home: Path,
) -> list[frozenset[str]]:
    """For each customer the arms of the live strategy that want of her, on that night, what the new strategy wants."""
    day = date.fromisoformat(sealed.manifest["business_date"])
    began = morning_after(day, home=home)
    with registered(con, "conduct", conduct(day, at=began, zone=settings.TIME_ZONE, replayed=began)) as told:

        def wants(side: _Side, arm: str) -> dict[str, tuple[str, ...]]:
            rows = _inputs(sealed, sealed.table("standing"), day, side.version, told).mutate(arm=ibis.literal(arm))
            table = con.to_pyarrow(side.proposed(con, rows).select("customer_id", *simulation.TREATMENT)).to_pydict()
            return dict(
                zip(table["customer_id"], zip(*(table[name] for name in simulation.TREATMENT), strict=True), strict=True)
            )

        treated = {arm: wants(live, arm) for arm in live.version.arms if arm != experiments.HOLD_OUT}
        treated[experiments.HOLD_OUT] = {}
        others = {arm: Fraction(share) for arm, share in new.version.arms.items() if arm != experiments.HOLD_OUT}
        mine = wants(new, max(sorted(others), key=lambda arm: others[arm])) if others else {}
    return [frozenset(arm for arm, theirs in treated.items() if theirs.get(each) == mine.get(each)) for each in customers]


def _goes_on(con: Backend, beside: ir.Table, first: date, known: Mapping[str, tuple[str, frozenset[str]]]) -> float | None:
    """Of the customers whom an arm treats as the new strategy does, and who are not held out, those treated so on all later nights."""
    later = beside.filter(beside.business_date > ibis.literal(first))
    unlike = later.filter(
        ibis.or_(*(~later[f"new_{name}"].identical_to(later[f"live_{name}"]) for name in simulation.TREATMENT))
    )
    changed, wanted_later = (
        set(con.to_pyarrow(table.select("customer_id").distinct())["customer_id"].to_pylist())
        for table in (unlike, later.filter(later.new_channel.notnull()))
    )
    stays = [
        customer not in (wanted_later if follows == {experiments.HOLD_OUT} else changed)
        for customer, (arm, follows) in known.items()
        if follows and arm != experiments.HOLD_OUT
    ]
    return round(sum(stays) / len(stays), 4) if stays else None
