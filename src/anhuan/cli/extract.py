"""Commands on the outbound extract: make it, and take in what the bank says to it."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from anhuan.cli.terminal import EXIT_NO, AsJson, app, chinese, console, home, print_json, start, table, usage

extract_app = typer.Typer(
    invoke_without_command=True, help="What the bank is told at the end of a day: contacts, promises, plans, holds and more."
)
app.add_typer(extract_app, name="extract")


@extract_app.callback()
def extract(
    context: typer.Context,
    day: Annotated[str | None, typer.Option("--date", help="Business date; by default that of the latest night.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder; by default extracts/DATE of the home.")] = None,
    layout: Annotated[str, typer.Option("--layout", "-l", help="canonical/1, or gb18030/1 (GB18030, |+|).")] = "canonical/1",
    as_json: AsJson = False,
) -> None:
    """Write the extract of a business date: every change since the one before, each told once; again, the same bytes."""
    if context.invoked_subcommand is not None:
        return
    try:
        asked = date.fromisoformat(day) if day else None
    except ValueError:
        usage("bad_date", f"--date 应为 YYYY-MM-DD，收到 {day}", f"--date takes YYYY-MM-DD, not {day}", as_json=as_json)
    start(migrate=True)
    from anhuan import clock
    from anhuan.acts.extract import LAYOUTS
    from anhuan.clockwork import extracting
    from anhuan.portfolio.feed import Sentence
    from anhuan.records.night import Night

    if layout not in LAYOUTS:
        names = ", ".join(LAYOUTS)
        usage("layout_unknown", f"版式应为 {names} 之一。", f"The layout is one of {names}.", as_json=as_json)
    latest = Night.objects.order_by("-business_date").values_list("business_date", flat=True).first()
    made = extracting.run(asked or latest or clock.now().date(), home=home(), out=out, layout=layout)
    if isinstance(made, Sentence):
        usage(made.code, made.zh, made.en, as_json=as_json)
    if as_json:
        print_json(made)
    else:
        print(f"{made['business_date']} #{made['sequence']}: {made['folder']}")
        console().print(
            table("", ("file", "rows", "sha256"), [(f["name"], f["rows"], f["sha256"][:12]) for f in made["files"]])
        )


@extract_app.command("acknowledge")
def acknowledge(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV: sequence,change,answer,code.")],
    resend: Annotated[bool, typer.Option("--resend", help="What was rejected goes out again with the next extract.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take in the bank's answer to an extract; exit 1 where something was rejected or cannot be understood."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        usage("unreadable", f"不能读取 {file}（应为 UTF-8）。", f"{file} cannot be read (as UTF-8).", as_json=as_json)
    start(migrate=True)
    from anhuan import clock
    from anhuan.acts import extract as acts
    from anhuan.portfolio.feed import Sentence

    answered = acts.acknowledge(text, resend=resend, at=clock.now(), by="system:cli")
    if isinstance(answered, Sentence):
        usage(answered.code, answered.zh, answered.en, as_json=as_json)
    if as_json:
        print_json(dataclasses.asdict(answered))
    else:
        said = "接受 {0}，拒绝 {1}，重发 {2}" if chinese() else "{0} accepted, {1} rejected, {2} go out again"
        print(said.format(answered.accepted, answered.rejected, answered.again))
    raise typer.Exit(EXIT_NO if answered.rejected or answered.unknown else 0)
