"""What every command shares: the application itself, how an answer is printed, how a command starts and ends.

Knows terminals, JSON and exit codes; knows no room.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

EXIT_NO = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Anhuan 安还: a compliance-first credit-card collections platform.",
)
feed_app = typer.Typer(no_args_is_help=True, help="Look at a delivery without working it through.")
report_app = typer.Typer(no_args_is_help=True, help="Figures over sealed nights.")
case_app = typer.Typer(no_args_is_help=True, help="Cases: one customer's overdue accounts as one unit of work.")
audit_app = typer.Typer(no_args_is_help=True, help="Prove that nothing recorded was changed.")
keys_app = typer.Typer(no_args_is_help=True, help="Encryption keys of personal data.")
staff_app = typer.Typer(no_args_is_help=True, help="People who sign in.")
for name, group in {
    "feed": feed_app, "report": report_app, "case": case_app, "audit": audit_app, "keys": keys_app, "staff": staff_app,
}.items():  # fmt: skip
    app.add_typer(group, name=name)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def home() -> Path:
    """Where this installation writes: `ANHUAN_HOME`, by default `./var`."""
    return Path(os.environ.get("ANHUAN_HOME") or "var").absolute()


def print_json(document: object) -> None:
    json.dump(document, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


def say(text: str) -> None:
    print(text, file=sys.stderr)


def chinese() -> bool:
    """Whether people at this terminal read Chinese, by `ANHUAN_LANG`, else the locale."""
    wanted = os.environ.get("ANHUAN_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    return wanted.startswith("zh")


def usage(code: str, zh: str, en: str, *, as_json: bool) -> NoReturn:
    """End with exit code 2: what was given cannot be used, and what to do about it."""
    if as_json:
        print_json({"error": {"code": code, "message_zh": zh, "message_en": en}})
    say(f"anhuan: {zh if chinese() else en}")
    raise typer.Exit(EXIT_USAGE)


def start(*, migrate: bool = False) -> None:
    """Make the home if needed, hold the database, load Django; `migrate` brings the schema up to date."""
    from anhuan import embedded, settings

    try:
        settings.start()
    except embedded.StartFailed as refused:
        usage("start_refused", refused.zh, refused.en, as_json=False)
    if migrate:
        from django.core.management import call_command

        call_command("migrate", verbosity=0, interactive=False)


def console() -> Any:
    from rich.console import Console

    return Console(soft_wrap=False)


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(*columns, title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else "" if cell is None else str(cell) for cell in row))
    return table


@contextmanager
def progress_bars() -> Any:
    """A bar per piece of work on stderr, with rows a second and time left; silent where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f} rows/s" if task.speed and task.total else "")

    console = Console(stderr=True)
    bars = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), Rate(), TimeRemainingColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    tasks: dict[str, Any] = {}

    def progress(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=total or None)
        bars.update(tasks[what], completed=done, total=total or None)

    with bars:
        yield progress
