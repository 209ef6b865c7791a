"""Commands of the gate: cases of law tried, one contact explained, what was done judged again, the rules read aloud.

Only `explain` and `replay` need a database; the others start in well under a second.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from anhuan.cli.terminal import (
    EXIT_NO,
    AsJson,
    app,
    chinese,
    console,
    home,
    print_json,
    progress_bars,
    start,
    table,
    usage,
)

gate_app = typer.Typer(no_args_is_help=True, help="May this contact be made? Every answer with its clause.")
rules_app = typer.Typer(no_args_is_help=True, help="The rulebook: law and house rules in force on a date.")
app.add_typer(gate_app, name="gate")
app.add_typer(rules_app, name="rules")

Packs = Annotated[str | None, typer.Option("--law", help="Rule packs, separated by commas; by default the house's.")]


@gate_app.command("run")
def gate_run(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Scenario files, or folders of them.")],
    house: Annotated[Path | None, typer.Option("--house", help="A bank's house.yaml to judge under as well.")] = None,
    calendar: Annotated[
        Path | None, typer.Option("--calendar", help="Holiday notices newer than the release; by default the home's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try cases of law and say where an answer differs; exit code 1 if any does."""
    from anhuan.rulebook import calendars
    from anhuan.rulebook.book import read_house
    from anhuan.rulebook.statutes import RulebookError
    from anhuan.rulebook.trial import run

    file = calendar or (home() / "calendar.yaml" if (home() / "calendar.yaml").exists() else None)
    try:
        known = calendars.load_all(file) if file else None
        result = run(paths, house=read_house(house) if house else None, calendars=known)
    except RulebookError as wrong:
        usage("rulebook", f"{wrong.file}:{wrong.line} {wrong.zh}", f"{wrong.file}:{wrong.line} {wrong.en}", as_json=as_json)
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


# --- on what is recorded ------------------------------------------------------------------------------------------


@gate_app.command("explain")
def gate_explain(
    case: Annotated[str, typer.Option("--case", help="Case, which is its customer's id.")],
    channel: Annotated[str, typer.Option("--channel", help="call, sms, email, letter, visit, …")],
    at: Annotated[str | None, typer.Option("--at", help="Instant with offset; by default now.")] = None,
    *,
    party: Annotated[str | None, typer.Option(help="Whom; by default the debtor.")] = None,
    purpose: Annotated[str | None, typer.Option(help="What for; by default to collect.")] = None,
    person: Annotated[str | None, typer.Option(help="Which third person, by the bank's id.")] = None,
    point: Annotated[str | None, typer.Option(help="Contact point, by its id; by default the first one on file.")] = None,
    actor: Annotated[str | None, typer.Option(help="bank or agency:<id>; by default the bank.")] = None,
    debt: Annotated[
        list[str] | None, typer.Option("--debt", help="Account it is about; by default all that are overdue.")
    ] = None,
    how: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="How it is made: recorded=false.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """May this contact be made, and if not, why and from when on? Exit code 1 when it may not. Nothing is written."""
    start()
    from anhuan import clock
    from anhuan.acts import desk, law
    from anhuan.acts.dispatch import Unfit
    from anhuan.rulebook.statutes import RulebookError

    instant = _instant(at, as_json=as_json) if at else clock.now()
    named = {
        "channel": channel, "party": party, "purpose": purpose, "person": person, "point": point, "actor": actor,
        "debts": debt or None,
    }  # fmt: skip
    try:
        in_force = law.in_force(instant)
    except RulebookError as wrong:
        usage("rulebook", f"{wrong.file}:{wrong.line} {wrong.zh}", f"{wrong.file}:{wrong.line} {wrong.en}", as_json=as_json)
    answer = desk.explain(case, {**named, **_stated(how or (), as_json=as_json)}, law=in_force, at=instant)
    if isinstance(answer, Unfit):
        zh, en = " ".join(fault.zh for fault in answer.faults), " ".join(fault.en for fault in answer.faults)
        usage("unfit", zh, en, as_json=as_json)
    document = answer.document()
    if as_json:
        print_json(document)
    else:
        _print_verdict(document)
    raise typer.Exit(EXIT_NO if document["verdict"] == "refuse" else 0)


def _stated(how: Iterable[str], *, as_json: bool) -> dict[str, Any]:
    """`NAME=VALUE`s as the attributes of an attempt; a value is JSON, else a text."""
    stated: dict[str, Any] = {}
    for each in how:
        name, mark, value = each.partition("=")
        if not mark:
            usage("bad_set", f"--set 应写作 名称=值，收到 {each}", f"--set is written NAME=VALUE, not {each}", as_json=as_json)
        try:
            stated[name] = json.loads(value)
        except ValueError:
            stated[name] = value
    return stated


def _print_verdict(document: dict[str, Any]) -> None:
    out = console()
    colour = "green" if document["verdict"] == "permit" else "red"
    out.print(f"[{colour}]{document['verdict']}[/{colour}]  {document['at']}", highlight=False)
    _print_reasons(document["reasons"])
    if document["reasons"] and document["opens_at"]:
        out.print(f"opens at {document['opens_at']}", highlight=False)
    out.print(f"[dim]law {document['law']}[/dim]", highlight=False)


def _print_reasons(reasons: list[dict[str, Any]]) -> None:
    message = "message_zh" if chinese() else "message_en"
    for reason in reasons:
        console().print(f"  {reason['rule']}  {reason[message]} ({reason['citation']}; {reason['force']})", highlight=False)


@gate_app.command("replay")
def gate_replay(
    first: Annotated[str, typer.Option("--from", help="First date.")],
    last: Annotated[str, typer.Option("--to", help="Last date, itself included.")],
    law: Annotated[str, typer.Option("--law", metavar="PACK[,PACK][@DATE]", help="The law to judge by; of another date.")],
    as_json: AsJson = False,
) -> None:
    """Judge recorded contacts again under another law and list what would have been refused; exit code 1 if anything."""
    begins, ends = (_date(text, as_json=as_json) for text in (first, last))
    start()
    from anhuan.acts import filed
    from anhuan.acts import law as laws
    from anhuan.records.replay import replay
    from anhuan.rulebook.statutes import RulebookError

    try:
        other = laws.named(law)
    except RulebookError as wrong:
        usage("rulebook", f"{wrong.file}:{wrong.line} {wrong.zh}", f"{wrong.file}:{wrong.line} {wrong.en}", as_json=as_json)
    except ValueError:
        usage("bad_law", f"--law 应写作 包[,包][@日期]，收到 {law}", f"--law is PACK[,PACK][@DATE], not {law}", as_json=as_json)
    with progress_bars() as progress:
        answer = replay(
            laws.day(begins)[0], laws.day(ends)[1], then=laws.then, other=other, filed=filed.rows, progress=progress
        ).document()  # fmt: skip
    if as_json:
        print_json({"from": first, "to": last, "law": law, **answer})
    else:
        for each in answer["differences"]:
            words = (each["case"], each["channel"], each["party"], each["actor"], each["at"])
            console().print(f"[red]{'  '.join(words)}[/red]", highlight=False)
            _print_reasons(each["reasons"])
        print(f"{answer['contacts']} contacts, {answer['changed']} would be refused, {answer['drifted']} not comparable")
    raise typer.Exit(EXIT_NO if answer["changed"] else 0)


# --- the rulebook -------------------------------------------------------------------------------------------------


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


def _instant(text: str, *, as_json: bool) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        zh = f"时刻应为 ISO 8601 且带时差，如 2026-11-23T10:00:00+08:00，收到 {text}"
        usage(
            "bad_instant",
            zh,
            f"an instant is ISO 8601 with an offset, as 2026-11-23T10:00:00+08:00, not {text}",
            as_json=as_json,
        )
    return instant


def _date(text: str, *, as_json: bool) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        usage("bad_date", f"日期应为 YYYY-MM-DD，收到 {text}", f"a date is written YYYY-MM-DD, not {text}", as_json=as_json)
