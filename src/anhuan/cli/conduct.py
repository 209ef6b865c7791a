"""Commands on conduct: the history of the old system, and the agencies that ask at the door."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any

import typer

from anhuan.cli.terminal import EXIT_NO, AsJson, app, chinese, console, print_json, say, start, table, usage

import_app = typer.Typer(no_args_is_help=True, help="Take in what another system remembers.")
agency_app = typer.Typer(no_args_is_help=True, help="Outside agencies and the tokens they ask with.")
app.add_typer(import_app, name="import")
app.add_typer(agency_app, name="agency")


@import_app.command("history")
def import_history(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of one history.")], as_json: AsJson = False
) -> None:
    """Take in past contacts, promises, plans, holds, consents, complaints and refusals, once; what is wrong is set aside."""
    start(migrate=True)
    from anhuan import clock
    from anhuan.acts import history, law
    from anhuan.rulebook.statutes import RulebookError

    now = clock.now()
    try:
        answer = history.take(folder, law=law.in_force(now), at=now, by="system:history")
    except RulebookError as wrong:
        usage("rulebook", f"{wrong.file}:{wrong.line} {wrong.zh}", f"{wrong.file}:{wrong.line} {wrong.en}", as_json=as_json)
    except history.HistoryUnreadable as unreadable:
        usage("history_unreadable", unreadable.zh, unreadable.en, as_json=as_json)
    answer["findings_file"] = _write_findings(folder, answer["findings"])
    if as_json:
        print_json(answer)
    else:
        _print_history(answer)
    raise typer.Exit(EXIT_NO if any(counted["set_aside"] for counted in answer["files"].values()) else 0)


def _write_findings(folder: Path, findings: list[dict[str, Any]]) -> str | None:
    """The findings beside the history, none of which repeats a cell; None when there are none."""
    path = folder / "findings.csv"
    if not findings:
        path.unlink(missing_ok=True)
        return None
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.DictWriter(out, list(findings[0]))
        writer.writeheader()
        writer.writerows(findings)
    return str(path)


_MEANWHILE = {True: "次触达发生在停催期间", False: "contacts were made while collection was stopped"}


def _print_history(answer: dict[str, Any]) -> None:
    columns = ("file", "rows", "imported", "known", "set_aside")
    rows = [(name, *(counted[column] for column in columns[1:])) for name, counted in answer["files"].items()]
    console().print(table("", columns, rows))
    message = "message_zh" if chinese() else "message_en"
    for finding in answer["findings"][:20]:
        console().print(f"{finding['file']}:{finding['line']} {finding[message]}", highlight=False)
    for each in answer["meanwhile"][:20]:
        told = f"{each['case']}  {each['kind']}  {len(each['contacts'])}"
        console().print(f"[red]{told}[/red]  {_MEANWHILE[chinese()]}", highlight=False)
    if answer["findings_file"]:
        console().print(f"{len(answer['findings']):,} findings: {answer['findings_file']}", highlight=False)


@agency_app.command("add")
def agency_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its id, in small letters, digits and hyphens.")],
    placed_as: Annotated[str, typer.Option("--placed-as", help="How the bank's files name it; default: NAME.")] = "",
    listed: Annotated[bool, typer.Option("--listed", help="It is on the bank's published list.")] = False,
) -> None:
    """Let an agency ask at the door. Its token is printed once and kept nowhere."""
    start(migrate=True)
    from anhuan import clock
    from anhuan.acts import agency

    added = agency.add(name, placed_as=placed_as or name, listed=listed, at=clock.now(), by="system:cli")
    if not isinstance(added, str):
        usage(added.code, added.zh, added.en, as_json=False)
    say("令牌只显示这一次：" if chinese() else "The token is shown this once:")
    print(added)


@agency_app.command("token")
def agency_token(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Give an agency a new token; the old one is worth nothing from now on."""
    start(migrate=True)
    from anhuan import clock
    from anhuan.acts import agency

    renewed = agency.renew_token(name, at=clock.now(), by="system:cli")
    if not isinstance(renewed, str):
        usage(renewed.code, renewed.zh, renewed.en, as_json=False)
    print(renewed)


@agency_app.command("end")
def agency_end(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Close the door to an agency."""
    start(migrate=True)
    from anhuan import clock
    from anhuan.acts import agency

    refused = agency.end(name, at=clock.now(), by="system:cli")
    if refused is not None:
        usage(refused.code, refused.zh, refused.en, as_json=False)
