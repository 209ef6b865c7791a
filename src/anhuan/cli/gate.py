"""Commands of the gate that only judge: cases of law tried, the rules in force read aloud."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from anhuan.cli.terminal import EXIT_NO, AsJson, app, chinese, console, home, print_json, table, usage

gate_app = typer.Typer(no_args_is_help=True, help="May this contact be made? Every answer with its clause.")
rules_app = typer.Typer(no_args_is_help=True, help="The rulebook: law and house rules in force on a date.")
app.add_typer(gate_app, name="gate")
app.add_typer(rules_app, name="rules")

Packs = Annotated[str | None, typer.Option("--law", help="Rule packs, separated by commas; by default the house's.")]


@gate_app.command("run")
def gate_run(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Scenario files, or folders of them.")],
    house: Annotated[Path | None, typer.Option("--house", help="A bank's house.yaml to judge under as well.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try cases of law and say where an answer differs; exit code 1 if any does."""
    from anhuan.rulebook.book import read_house
    from anhuan.rulebook.scenarios import CaseRefused
    from anhuan.rulebook.statutes import RulebookError
    from anhuan.rulebook.trial import run

    try:
        result = run(paths, house=read_house(house) if house else None)
    except RulebookError as wrong:
        usage("rulebook", f"{wrong.file}:{wrong.line} {wrong.zh}", f"{wrong.file}:{wrong.line} {wrong.en}", as_json=as_json)
    except CaseRefused as wrong:
        usage("scenario", f"{wrong.place} {wrong.zh}", f"{wrong.place} {wrong.en}", as_json=as_json)
    if as_json:
        print_json(result)
    else:
        _print_trial(result)
    raise typer.Exit(EXIT_NO if result["failed"] else 0)


def _print_trial(result: dict[str, Any]) -> None:
    out = console()
    message = "message_zh" if chinese() else "message_en"
    for case in result["cases"]:
        mark = "[green]✓[/green]" if case["passed"] else "[red]✗[/red]"
        out.print(f"{mark} {case['id']}  {case['expected']} / {case['got']}  {', '.join(case['rules'])}", highlight=False)
        if not case["passed"]:
            for reason in case["reasons"]:
                out.print(f"    {reason.get('rule', '')} {reason[message]} ({reason.get('citation', '')})", highlight=False)
    out.print(f"{result['total']} cases, {result['passed']} passed, {result['failed']} failed")


@rules_app.command("show")
def rules_show(
    as_of: Annotated[str | None, typer.Option("--as-of", help="The date; by default today.")] = None,
    packs: Packs = None,
    *,
    house: Annotated[Path | None, typer.Option("--house", help="A bank's house.yaml; by default the home's.")] = None,
    lang: Annotated[str | None, typer.Option(help="zh or en")] = None,
    against: Annotated[str | None, typer.Option("--against", help="Only what differs from this other date.")] = None,
    as_json: AsJson = False,
) -> None:
    """Every rule in force: its sentence, its values, where it is written, and how strong that is."""
    from anhuan import clock
    from anhuan.rulebook import book
    from anhuan.rulebook.statutes import RulebookError

    day = _date(as_of, as_json=as_json) if as_of else clock.now().date()
    file = house or (home() / "house.yaml" if (home() / "house.yaml").exists() else None)
    try:
        own = book.read_house(file) if file else None
        named = [pack.strip() for pack in packs.split(",")] if packs else own.packs if own else book.DEFAULT_PACKS
        law = book.law_on(named, day, house=own)
        other = book.law_on(named, _date(against, as_json=as_json), house=own) if against else None
    except RulebookError as wrong:
        usage("rulebook", f"{wrong.file}:{wrong.line} {wrong.zh}", f"{wrong.file}:{wrong.line} {wrong.en}", as_json=as_json)
    if other is not None:
        _print_changes(book.changes(other, law), as_json=as_json, zh=_in_chinese(lang))
        return
    told = [book.document(rule) for rule in law.rules]
    if as_json:
        print_json({"as_of": day.isoformat(), "law": list(law.packs), "fingerprint": law.fingerprint, "rules": told})
        return
    _print_rules(told, zh=_in_chinese(lang))


def _print_rules(told: list[dict[str, Any]], *, zh: bool) -> None:
    """A paragraph a rule, to be read aloud."""
    out = console()
    for rule in told:
        marks = [rule["force"], rule["confidence"], rule["in_force"], *(["ambiguous"] if rule["ambiguous"] else [])]
        out.print(f"[bold]{rule['id']}[/bold]  {' · '.join(marks)}", highlight=False)
        out.print(f"  {rule['message_zh' if zh else 'message_en']}", highlight=False)
        out.print(f"  [dim]{rule['source']}, {rule['clause']}[/dim]\n", highlight=False)


@rules_app.command("reference")
def rules_reference() -> None:
    """Every rule of every pack with all its versions, as Markdown."""
    from anhuan.rulebook.reference import markdown

    print(markdown(), end="")


def _print_changes(changed: list[dict[str, Any]], *, as_json: bool, zh: bool) -> None:
    if as_json:
        print_json(changed)
        return
    message = "message_zh" if zh else "message_en"
    rows = [(c["rule"], c["change"], *(c[side][message] if c[side] else "" for side in ("before", "after"))) for c in changed]
    console().print(table("", ("rule", "change", "before", "after"), rows))


def _in_chinese(lang: str | None) -> bool:
    return chinese() if lang is None else lang == "zh"


def _date(text: str, *, as_json: bool) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        usage("bad_date", f"日期应为 YYYY-MM-DD,收到 {text}", f"a date is written YYYY-MM-DD, not {text}", as_json=as_json)
