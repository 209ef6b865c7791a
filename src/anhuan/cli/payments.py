"""Commands on payments between nights: files of them, and the keys by which they are matched."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any

import typer

from anhuan.cli.terminal import EXIT_NO, AsJson, app, chinese, console, home, print_json, progress_bars, start, table, usage

payments_app = typer.Typer(no_args_is_help=True, help="Payments told between nights.")
app.add_typer(payments_app, name="payments")
File = Annotated[Path, typer.Argument(metavar="FILE")]


@payments_app.command("import")
def import_(
    file: File,
    form: Annotated[str | None, typer.Option("--format", help="csv or camt053; by default what the file looks like.")] = None,
    layout: Annotated[
        str | None, typer.Option("--layout", "-l", help="A bank's own CSV: layouts/payments-NAME.toml of the home.")
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Read and match alone; nothing is counted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take a file of payments: matched ones count at once, the rest goes into suspense. The same file or entry again changes nothing."""
    from anhuan.portfolio import statement

    if form is not None and form not in statement.FORMATS:
        usage("format_unknown", "--format 应为 csv 或 camt053。", "--format is csv or camt053.", as_json=as_json)
    try:
        data = file.read_bytes()
        form_of = statement.layout(layout, search=[home() / "layouts"]) if layout else statement.CANONICAL
    except OSError:
        usage("unreadable", f"不能读取 {file}。", f"{file} cannot be read.", as_json=as_json)
    except statement.StatementUnreadable as wrong:
        usage(wrong.code, wrong.zh, wrong.en, as_json=as_json)
    start(migrate=True)
    from django.utils import timezone

    from anhuan import clock
    from anhuan.acts import payment_import

    at = clock.now()
    told: dict[str, Any] = {
        "name": file.name,
        "form": form or "",
        "layout": form_of,
        "today": timezone.localdate(at),
        "at": at,
        "by": "system:cli",
    }
    try:
        with progress_bars() as progress:
            taken = payment_import.preview(data, **told)
            if not preview:
                taken = payment_import.take(taken, at=at, by="system:cli", progress=progress)
    except statement.StatementUnreadable as wrong:
        usage(wrong.code, wrong.zh, wrong.en, as_json=as_json)
    answer = {**payment_import.result(taken), "findings_list": payment_import.findings(taken)}
    if as_json:
        print_json(answer)
    else:
        _print(answer)
    raise typer.Exit(EXIT_NO if answer["set_aside"] or answer["suspense"] else 0)


def _print(answer: dict[str, Any]) -> None:
    names = ("rows", "posted", "known", "suspense", "waiting", "set_aside")
    console().print(table("", names, [[answer[name] for name in names]]))
    message = "message_zh" if chinese() else "message_en"
    rows = [(each["line"], each["column"] or "", each["code"], each[message]) for each in answer["findings_list"][:50]]
    if rows:
        console().print(table("", ("line", "column", "code", "finding"), rows))


@payments_app.command("keys")
def keys(file: File, as_json: AsJson = False) -> None:
    """Learn names under which payments arrive: CSV of kind (virtual_account or reference), key, account_id."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = list(csv.DictReader(opened))
    except (OSError, UnicodeDecodeError, csv.Error):
        usage(
            "unreadable",
            f"不能读取 {file}（应为 UTF-8 的 CSV）。",
            f"{file} cannot be read (as CSV in UTF-8).",
            as_json=as_json,
        )
    start(migrate=True)
    from anhuan import clock
    from anhuan.acts import payment_import

    answer = payment_import.take_keys(rows, at=clock.now(), by="system:cli")
    if as_json:
        print_json(answer)
    else:
        print(", ".join(f"{name}: {value}" for name, value in answer.items()))
    raise typer.Exit(EXIT_NO if answer["refused"] else 0)
