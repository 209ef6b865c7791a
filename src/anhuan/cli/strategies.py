"""Commands on the strategies of an installation: from a draft to the nights that live by it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from anhuan.cli.terminal import EXIT_NO, AsJson, app, chinese, console, print_json, say, start, table, usage

if TYPE_CHECKING:
    from anhuan.acts.strategy import Answer
    from anhuan.records.strategy import Simulation, StrategyVersion

strategy_app = typer.Typer(no_args_is_help=True, help="Strategies: drafted, checked, approved by a second person, live.")
app.add_typer(strategy_app, name="strategy")

Ref = Annotated[str, typer.Argument(metavar="NAME[/NUMBER]", help="A version of a strategy; without a number the latest.")]
Signed = Annotated[str, typer.Option("--by", metavar="USER", help="Who signs: a member of staff.")]
Run = Annotated[str, typer.Option("--by", metavar="USER", help="Who does it.")]
Day = Annotated[str, typer.Option("--from", metavar="D", help="Business date.")]


@strategy_app.command("add")
def add(
    file: Annotated[Path, typer.Argument(metavar="MODEL.dmn", help="A DMN model.")],
    name: Annotated[str, typer.Option("--name", metavar="N", help="Small letters, digits and hyphens.")],
    by: Signed,
    *,
    decision: Annotated[str | None, typer.Option("--decision", help="The one asked for; default: the last one.")] = None,
    arm: Annotated[list[str] | None, typer.Option("--arm", metavar="ARM=SHARE", help="Shares that add up to 1.")] = None,
    seed: Annotated[str | None, typer.Option("--seed", help="Deals customers out to arms; default: the name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Keep a model as the next version of a strategy, a draft. One in twenty is held out where no arms are given."""
    start(migrate=True)
    from anhuan import clock
    from anhuan.acts import strategy
    from anhuan.portfolio import experiments

    try:
        model = file.read_bytes()
        arms = experiments.shares_of(arm) if arm else strategy.ARMS
    except OSError as error:
        usage("bad_input", f"无法读取 {file}：{error.strerror}", f"cannot read {file}: {error.strerror}", as_json=as_json)
    except ValueError as error:
        usage("bad_arms", f"分组应写作 组别=份额：{error}", str(error), as_json=as_json)
    made = strategy.draft(model, name=name, decision=decision, arms=arms, seed=seed, at=clock.now(), by=by)
    _answer(made, as_json=as_json)


@strategy_app.command("check")
def check(
    ref: Ref,
    seconds: Annotated[float, typer.Option("--seconds", help="How long to try to prove one table.")] = 60,
    by: Run = "system:cli",
    as_json: AsJson = False,
) -> None:
    """Prove its tables and set it up in columns. Exit code 1 when anything is against it."""
    version = named(ref, as_json=as_json)
    from anhuan import clock
    from anhuan.acts import strategy

    checked = strategy.check(version.pk, seconds=seconds, at=clock.now(), by=by)
    _answer(checked, as_json=as_json)
    raise typer.Exit(EXIT_NO if not isinstance(checked, list) and checked.findings else 0)


@strategy_app.command("approve")
def approve(ref: Ref, by: Signed, as_json: AsJson = False) -> None:
    """Answer for a checked version; its author cannot."""
    version = named(ref, as_json=as_json)
    from anhuan import clock
    from anhuan.acts import strategy

    _answer(strategy.approve(version.pk, at=clock.now(), by=by), as_json=as_json)


@strategy_app.command("live")
def live(ref: Ref, live_from: Day, by: Run = "system:cli", as_json: AsJson = False) -> None:
    """Let an approved version hold for business dates from D on; the one live before ends there."""
    day = _day(live_from, as_json=as_json)
    version = named(ref, as_json=as_json)
    from anhuan import clock
    from anhuan.acts import strategy

    _answer(strategy.go_live(version.pk, live_from=day, at=clock.now(), by=by), as_json=as_json)


@strategy_app.command("retire")
def retire(ref: Ref, live_until: Day, by: Run = "system:cli", as_json: AsJson = False) -> None:
    """Let a live version hold no longer for business dates from D on."""
    day = _day(live_until, as_json=as_json)
    version = named(ref, as_json=as_json)
    from anhuan import clock
    from anhuan.acts import strategy

    _answer(strategy.retire(version.pk, live_until=day, at=clock.now(), by=by), as_json=as_json)


@strategy_app.command("list")
def list_them(as_json: AsJson = False) -> None:
    """Every version of every strategy."""
    start(migrate=True)
    from anhuan.records.strategy import StrategyVersion

    found = [_document(version) for version in StrategyVersion.objects.defer("model")]
    if as_json:
        print_json(found)
    elif found:
        columns = ("name", "number", "state", "live_from", "live_until", "made_by", "approved_by", "fingerprint")
        rows = [[*(str(one[name] or "") for name in columns[:-1]), one["fingerprint"][:12]] for one in found]
        console().print(table("", columns, rows))
    else:
        print(
            "还没有策略。" if chinese() else "There is no strategy yet. Run: anhuan strategy add MODEL.dmn --name N --by USER"
        )


@strategy_app.command("show")
def show(
    ref: Ref,
    as_json: AsJson = False,
    as_model: Annotated[bool, typer.Option("--model", help="Print the DMN model itself, byte for byte.")] = False,
) -> None:
    """One version with its arms, findings and signatures."""
    version = named(ref, as_json=as_json)
    if as_model:
        typer.get_binary_stream("stdout").write(bytes(version.model))
        return
    _print(_document(version), as_json=as_json)


# --- reading and printing -----------------------------------------------------------------------------------------


def named(ref: str, *, as_json: bool) -> StrategyVersion:
    start(migrate=True)
    from anhuan.records.strategy import StrategyVersion

    name, _, number = ref.partition("/")
    found = StrategyVersion.objects.filter(name=name)
    version = found.filter(number=int(number)).first() if number.isdecimal() else found.last() if not number else None
    if version is None:
        usage("no_such_strategy", f"没有策略 {ref}。", f"There is no strategy {ref}.", as_json=as_json)
    return version


def _day(text: str, *, as_json: bool) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        usage("bad_date", f"--from 应为 YYYY-MM-DD，收到 {text}", f"--from takes YYYY-MM-DD, not {text}", as_json=as_json)


def _answer(answer: Answer, *, as_json: bool) -> None:
    """What became of the version, or why not: exit code 1."""
    if isinstance(answer, list):
        refused(answer, as_json=as_json)
    _print(_document(answer), as_json=as_json)


def refused(sentences: list[Any], *, as_json: bool) -> NoReturn:
    if as_json:
        print_json({"refused": [{"code": one.code, "message_zh": one.zh, "message_en": one.en} for one in sentences]})
    for one in sentences:
        say(f"anhuan: {one.zh if chinese() else one.en}")
    raise typer.Exit(EXIT_NO)


_DAYS = ("live_from", "live_until")
_STEPS = ("made", "checked", "simulated", "approved")


def _document(version: StrategyVersion) -> dict[str, Any]:
    """The public JSON of a version, without its model."""
    document: dict[str, Any] = {
        name: getattr(version, name) for name in ("name", "number", "state", "fingerprint", "decision", "seed", "arms")
    }
    document |= {name: day.isoformat() if (day := getattr(version, name)) else None for name in _DAYS}
    for step in _STEPS:
        at = getattr(version, f"{step}_at")
        document |= {f"{step}_by": getattr(version, f"{step}_by") or None, f"{step}_at": at.isoformat() if at else None}
    last = version.simulations.order_by("at", "id").last()
    return document | {"findings": version.findings, "simulation": _simulation(last) if last else None}


def _simulation(kept: Simulation) -> dict[str, Any]:
    """A simulation without its figures, which `strategy simulations` tells."""
    days = [night["business_date"] for night in kept.nights]
    told: dict[str, Any] = {"id": kept.pk, "at": kept.at.isoformat(), "by": kept.by, "law": kept.law}
    return told | {"from": days[0], "to": days[-1], "nights": len(days), "totals": kept.figures.get("totals")}


def _print(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    out = console()
    out.print(f"[bold]{document['name']}/{document['number']}[/bold] {document['state']} {document['fingerprint'][:12]}")
    shown = {
        name: value for name, value in document.items() if value and isinstance(value, str | dict) and name != "simulation"
    }
    rows = [(name, value if isinstance(value, str) else ", ".join(f"{k}={v}" for k, v in value.items()))
            for name, value in shown.items() if name not in {"name", "state"}]  # fmt: skip
    out.print(table("", ("", ""), rows))
    for finding in document["findings"] or []:
        out.print(f"[red]✗[/red] {finding['message_zh' if chinese() else 'message_en']}", highlight=False)
