"""Commands that replay sealed nights under a strategy: to look at what it would do, and to keep it before an approval."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from anhuan.cli.strategies import Ref, Run, named, refused, strategy_app
from anhuan.cli.terminal import AsJson, app, chinese, console, home, print_json, progress_bars, say, start, table, usage

if TYPE_CHECKING:
    import pyarrow as pa

    from anhuan.clockwork.simulating import Report
    from anhuan.portfolio.strategy import Capacity
    from anhuan.records.strategy import StrategyVersion

First = Annotated[str, typer.Option("--from", metavar="D", help="First business date.")]
Last = Annotated[str, typer.Option("--to", metavar="D", help="Last business date.")]
Against = Annotated[
    str | None, typer.Option("--against", metavar="NAME[/NUMBER]|none", help="Beside which version; default: the one that is live.")
]  # fmt: skip
Capacities = Annotated[
    Path | None, typer.Option("--capacities", metavar="FILE.yaml", help="Instead of capacities.yaml of the home.")
]
Rows = Annotated[int, typer.Option("--rows", min=0, help="So many differences are told one by one.")]
RowsTo = Annotated[Path | None, typer.Option("--rows-to", metavar="FILE", help="All differences, as .csv or .parquet.")]


@app.command("simulate")
def simulate(
    model: Annotated[str, typer.Option("--strategy", metavar="MODEL", help="A DMN file, or a version NAME[/NUMBER].")],
    first: First,
    last: Last,
    *,
    decision: Annotated[str | None, typer.Option("--decision", help="Of a file: the one asked for; default: the last.")] = None,
    against: Against = None,
    capacities: Capacities = None,
    rows: Rows = 100,
    rows_to: RowsTo = None,
    as_json: AsJson = False,
) -> None:
    """Replay sealed nights under a strategy, beside the live one: contacts, refusals, capacity, cost, who is treated differently.

    With the gate and its caps, as the night would have asked it; nothing is written.
    """
    start(migrate=True)
    beside = _beside(against, as_json=as_json)
    with _usable(as_json=as_json):
        new = _candidate(model, decision, beside, as_json=as_json)
        report = _replayed(new, beside, first, last, capacities=capacities, rows=rows, as_json=as_json)
    _write_rows(report.rows, rows_to, as_json=as_json)
    _print(report.figures, as_json=as_json)


@strategy_app.command("simulate")
def simulate_version(
    ref: Ref,
    first: First,
    last: Last,
    *,
    by: Run = "system:cli",
    against: Against = None,
    capacities: Capacities = None,
    rows: Rows = 100,
    rows_to: RowsTo = None,
    as_json: AsJson = False,
) -> None:
    """Replay sealed nights under a checked version, and keep what it came to: without that, none is approved."""
    version = named(ref, as_json=as_json)
    beside = _beside(against, as_json=as_json)
    from anhuan import clock
    from anhuan.clockwork import simulating

    with _usable(as_json=as_json):
        report = _replayed(version, beside, first, last, capacities=capacities, rows=rows, as_json=as_json)
    kept = simulating.keep(version, report, home=home(), at=clock.now(), by=by)
    if isinstance(kept, list):
        refused(kept, as_json=as_json)
    _write_rows(report.rows, rows_to, as_json=as_json)
    _print(report.figures, as_json=as_json)


@strategy_app.command("simulations")
def simulations(ref: Ref, as_json: AsJson = False) -> None:
    """Every simulation that was kept of a version, newest last."""
    version = named(ref, as_json=as_json)
    found = list(version.simulations.order_by("id"))
    if as_json:
        keys = ("fingerprint", "law", "nights", "figures", "by")
        print_json([{"id": each.pk, "at": each.at.isoformat()} | {key: getattr(each, key) for key in keys} for each in found])
        return
    columns = ("id", "at", "by", "from", "to", "wanted", "permitted", "cost_minor")
    shown = [
        [each.pk, each.at.isoformat(), each.by, each.figures.get("from"), each.figures.get("to")]
        + [each.figures.get("totals", {}).get(name) for name in columns[5:]]
        for each in found
    ]
    console().print(table("", columns, shown))


# --- what is asked ------------------------------------------------------------------------------------------------


@contextmanager
def _usable(*, as_json: bool) -> Iterator[None]:
    """What cannot be replayed ends with exit code 2 and a sentence."""
    from anhuan.clockwork.proposing import CapacitiesRefused
    from anhuan.portfolio.snapshot import Damaged
    from anhuan.portfolio.strategy import NotColumnar
    from anhuan.rulebook.statutes import RulebookError
    from anhuan.rulebook.tables.document import ModelRefused

    try:
        yield
    except NotColumnar as wrong:
        zh, en = "".join(each.zh for each in wrong.refusals), "; ".join(each.en for each in wrong.refusals)
        usage("not_columnar", f"模型不能对整个账簿计算：{zh}", f"the model does not run over the book: {en}", as_json=as_json)
    except ModelRefused as wrong:
        usage("model_refused", wrong.zh, wrong.en, as_json=as_json)
    except CapacitiesRefused as wrong:
        usage("bad_capacities", wrong.zh, wrong.en, as_json=as_json)
    except RulebookError as wrong:
        usage("rulebook", f"{wrong.file}:{wrong.line} {wrong.zh}", f"{wrong.file}:{wrong.line} {wrong.en}", as_json=as_json)
    except Damaged as wrong:
        usage("snapshot_damaged", wrong.damage.zh, wrong.damage.en, as_json=as_json)


def _beside(against: str | None, *, as_json: bool) -> StrategyVersion | None:
    from anhuan import clock
    from anhuan.clockwork import simulating

    if against == "none":
        return None
    return simulating.live_now(clock.now()) if against is None else named(against, as_json=as_json)


def _candidate(model: str, decision: str | None, beside: StrategyVersion | None, *, as_json: bool) -> StrategyVersion:
    """A file, else a version of an installation."""
    import ibis

    from anhuan.acts import strategy as acts
    from anhuan.clockwork import simulating
    from anhuan.portfolio import strategy
    from anhuan.rulebook.tables.model import Model

    file = Path(model)
    if not file.exists() and (file.suffix or len(file.parts) > 2):
        usage("bad_input", f"没有文件 {model}。", f"there is no file {model}", as_json=as_json)
    if not file.is_file():
        return named(model, as_json=as_json)
    try:
        read = file.read_bytes()
    except OSError as wrong:
        usage("bad_input", f"无法读取 {file}：{wrong.strerror}", f"cannot read {file}: {wrong.strerror}", as_json=as_json)
    parsed = Model(read)
    asked = acts.decision_of(parsed, decision)
    strategy.propose(ibis.table(strategy.INPUTS, name="inputs"), parsed, asked)  # told before any night is opened
    return simulating.of_model(read, name=file.name, decision=asked, like=beside)


def _replayed(
    new: StrategyVersion,
    beside: StrategyVersion | None,
    first: str,
    last: str,
    *,
    capacities: Path | None,
    rows: int,
    as_json: bool,
) -> Report:
    from anhuan.clockwork import proposing, simulating

    days = _day(first, "--from", as_json=as_json), _day(last, "--to", as_json=as_json)
    if days[0] > days[1]:
        usage("bad_range", f"--from {first} 晚于 --to {last}。", f"--from {first} is later than --to {last}", as_json=as_json)
    nights = simulating.nights_between(*days)
    if not nights:
        _no_night(first, last, as_json=as_json)
    limits: list[Capacity] = proposing.capacities(home(), file=capacities)
    with progress_bars() as progress:
        return simulating.replay(new, beside, nights, capacities=limits, home=home(), rows=rows, progress=progress)


def _no_night(first: str, last: str, *, as_json: bool) -> NoReturn:
    from anhuan.clockwork import simulating

    there = simulating.nights_between(date.min, date.max)
    zh = f"已封存的夜间为 {there[0].business_date} 至 {there[-1].business_date}。" if there else "还没有已封存的夜间。"
    en = f"sealed are {there[0].business_date} to {there[-1].business_date}" if there else "no night is sealed yet"
    usage(
        "no_sealed_night",
        f"{first} 至 {last} 没有已封存的夜间；{zh}",
        f"no night is sealed from {first} to {last}; {en}",
        as_json=as_json,
    )


def _day(text: str, option: str, *, as_json: bool) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        usage("bad_date", f"{option} 应为 YYYY-MM-DD，收到 {text}", f"{option} takes YYYY-MM-DD, not {text}", as_json=as_json)


# --- what is told -------------------------------------------------------------------------------------------------


def _write_rows(rows: pa.Table | None, file: Path | None, *, as_json: bool) -> None:
    if file is None or rows is None:
        return
    from pyarrow import csv, parquet

    try:
        if file.suffix == ".parquet":
            parquet.write_table(rows, file, compression="zstd")
        else:
            csv.write_csv(rows, file)
    except OSError as wrong:
        usage("unwritable", f"无法写入 {file}：{wrong}", f"{file} cannot be written: {wrong}", as_json=as_json)


_SHOWN = ("wanted", "permitted", "refused", "no_capacity", "contacts", "cost_minor")


def _print(figures: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(figures)
        return
    out = console()
    live = figures["live"]
    beside = f" | {live['strategy']}" if live else ""
    out.print(
        f"[bold]{figures['strategy']}[/bold]{beside}  {figures['from']} … {figures['to']}  {len(figures['nights'])} nights"
    )
    columns = ("night", "channel", *_SHOWN)
    shown = [[day["business_date"][5:], day["channel"], *(_pair(day, name) for name in _SHOWN)] for day in figures["days"]]
    shown.append(["", "", *(_pair(figures["totals"], name) for name in _SHOWN)])
    out.print(table("", columns, shown))
    rules = [[rule, n] for rule, n in figures["totals"]["refused_by_rule"].items()]
    if rules:
        out.print(table("", ("refused by rule", "n"), rows=rules))
    if figures["differences"] is not None:
        _print_differences(figures["differences"])
    for note in figures["notes"]:
        say(note["message_zh" if chinese() else "message_en"])
    if figures["lift"] is not None:
        _print_lift(figures["lift"])


def _pair(told: dict[str, Any], name: str) -> str:
    beside = f" | {told['live'][name]:,}" if told["live"] is not None else ""
    return f"{told[name]:,}{beside}"


def _print_differences(differences: dict[str, Any]) -> None:
    def words(treatment: dict[str, Any] | None) -> str:
        if treatment is None:
            return "–"
        told = " ".join(str(treatment[name]) for name in ("channel", "wording") if treatment[name])
        return f"{told} ({treatment['decision']} {treatment['rule']}) {treatment['state']}"

    counts = ", ".join(f"{name} {differences[name]:,}" for name in ("compared", "proposals", "customers"))
    shown = [(each["proposals"], each["customers"], words(each["new"]), words(each["live"])) for each in differences["groups"]]
    console().print(table(f"treated differently: {counts}", ("proposals", "customers", "new", "live"), shown[:15]))


def _print_lift(lift: dict[str, Any]) -> None:
    shown = [
        (measure, against, *(f"{lift[measure][against][name]:,.4g}" for name in ("effect", "low", "high", "p")))
        for measure in ("cured", "recovered", "paid_minor")
        for against in ("vs_hold_out", "vs_live")
        if lift[measure][against]["effect"] is not None
    ]
    title = f"lift per customer: known of {lift['known']:,} of {lift['customers']:,}; goes on {lift['goes_on']}"
    console().print(table(title, ("measure", "against", "effect", "low", "high", "p"), shown))
