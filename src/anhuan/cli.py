"""The command line: a public contract. Commands parse, call one room, and print; they decide nothing.

Exit codes: 0 done or yes, 1 the answer is no or there are differences, 2 usage or unreadable input, 3 a night
refused, 70 a bug. With `--json` exactly one JSON document goes to stdout; progress and messages go to stderr.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

    from anhuan.portfolio.snapshot import Snapshot

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
Layout = Annotated[str | None, typer.Option("--layout", "-l", help="Layout name, or path of a .toml file.")]
Delivered = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of one delivery.")]


def home() -> Path:
    """Where this installation writes: `ANHUAN_HOME`, by default `./var`."""
    return Path(os.environ.get("ANHUAN_HOME") or "var").absolute()


def _print_json(document: object) -> None:
    json.dump(document, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _chinese() -> bool:
    """Whether people at this terminal read Chinese, by `ANHUAN_LANG`, else the locale."""
    wanted = os.environ.get("ANHUAN_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    return wanted.startswith("zh")


def _usage(code: str, zh: str, en: str, *, as_json: bool) -> NoReturn:
    """End with exit code 2: what was given cannot be used, and what to do about it."""
    if as_json:
        _print_json({"error": {"code": code, "message_zh": zh, "message_en": en}})
    _say(f"anhuan: {zh if _chinese() else en}")
    raise typer.Exit(EXIT_USAGE)


def _start(*, migrate: bool = False) -> None:
    """Make the home if needed, hold the database, load Django; `migrate` brings the schema up to date."""
    from anhuan import embedded, settings

    try:
        settings.start()
    except (settings.SettingsRefused, embedded.StartFailed) as refused:
        _usage("start_refused", refused.zh, refused.en, as_json=False)
    if migrate:
        from django.core.management import call_command

        call_command("migrate", verbosity=0, interactive=False)


@app.command()
def init(as_json: AsJson = False) -> None:
    """Make the home: secrets, database, schema. Safe to repeat."""
    created = not (home() / "secrets").exists()
    _start(migrate=True)
    from django.db import connection

    database = "external" if os.environ.get("DATABASE_URL") else "embedded"
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0].split()[0]
    answer = {"home": str(home()), "database": f"{database} PostgreSQL {version}", "created": created}
    if as_json:
        _print_json(answer)
    else:
        print(f"{answer['home']}: {answer['database']}, {'created' if created else 'already there'}")


@feed_app.command("check")
def feed_check(folder: Delivered, layout: Layout = None, as_json: AsJson = False) -> None:
    """Read a delivery and say what is wrong with it; needs no database and changes nothing."""
    import tempfile

    from anhuan.portfolio import feed

    with tempfile.TemporaryDirectory(prefix="anhuan-check-") as workspace:
        try:
            answer = feed.check(folder, layout=layout, search=[home() / "layouts"], workspace=Path(workspace))
        except feed.FeedUnreadable as unreadable:
            _usage(unreadable.code, unreadable.zh, unreadable.en, as_json=as_json)
    if as_json:
        _print_json(answer)
    else:
        _print_feed_check(answer)
    raise typer.Exit(0 if answer["ok"] else EXIT_NO)


def _print_feed_check(answer: dict[str, Any]) -> None:
    console = _console()
    message = "message_zh" if _chinese() else "message_en"
    console.print(_table("", ("file", "rows"), answer["files"].items()))
    for difference in answer["differences"]:
        console.print(f"[red]✗[/red] {difference[message]}", highlight=False)
    shown = answer["findings"][:50]
    rows = [(f["file"], f["line"], f["column"] or "", f["code"], f[message]) for f in shown]
    if rows:
        console.print(_table("", ("file", "line", "column", "code", "finding"), rows))
    if len(answer["findings"]) > len(shown):
        console.print(f"… {len(answer['findings']) - len(shown)} more; use --json to see them all")
    console.print("[green]ok[/green]" if answer["ok"] else "[red]not ok[/red]")


@app.command()
def night(folder: Delivered, layout: Layout = None, as_json: AsJson = False) -> None:
    """Work one delivery through: read, check, seal, age, open and close cases, balance."""
    _start(migrate=True)
    from anhuan.clockwork import nightly
    from anhuan.portfolio.feed import FeedUnreadable

    try:
        with _progress() as progress:
            outcome = nightly.run(folder, home=home(), layout=layout, progress=progress)
    except FeedUnreadable as unreadable:
        _usage(unreadable.code, unreadable.zh, unreadable.en, as_json=as_json)
    if as_json:
        _print_json(outcome.result)
    else:
        _print_night(outcome.result)
    raise typer.Exit(EXIT_REFUSED if outcome.status == "refused" else 0)


def _print_night(result: dict[str, Any]) -> None:
    console = _console()
    colour = {"sealed": "green", "unchanged": "cyan", "refused": "red"}[result["status"]]
    console.print(f"[bold]{result['business_date']}[/bold] [{colour}]{result['status']}[/{colour}]")
    if result["status"] == "refused":
        for reason in result["reasons"]:
            console.print(f"  [red]✗[/red] {reason['message_zh' if _chinese() else 'message_en']}", highlight=False)
        return
    for title in ("rows", "flow", "heaps", "cases", "seconds"):
        console.print(_table(title, result[title].keys(), [result[title].values()]))
    if result["findings"]:
        console.print(f"{result['findings']:,} findings: {result['findings_file']}", highlight=False)


@app.command()
def nights(
    as_json: AsJson = False,
    everything: Annotated[bool, typer.Option("--all", help="Also replaced nights and refused deliveries.")] = False,
) -> None:
    """The sealed nights, newest last."""
    _start()
    from anhuan.clockwork import nightly

    listed = nightly.listed(home(), everything=everything)
    if as_json:
        _print_json(listed)
        return
    if not listed:
        print("No night has been sealed yet. Run: anhuan night DIR")
        return
    columns = ("business_date", "status", "accounts", "entered", "cured", "rolled", "open cases", "findings")
    rows = []
    for one in listed:
        flow, cases = one.get("flow", {}), one.get("cases", {})
        moved = [flow.get(kind) for kind in ("entered", "cured", "rolled")]
        rows.append([one["business_date"], one["status"], one.get("accounts"), *moved, cases.get("open"), one.get("findings")])
    _console().print(_table("", columns, rows))


def _day(text: str, option: str, *, as_json: bool) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        zh, en = f"{option} 应为 YYYY-MM-DD,收到 {text}", f"{option} takes YYYY-MM-DD, not {text}"
        _usage("bad_date", zh, en, as_json=as_json)


@report_app.command("roll-rates")
def report_roll_rates(
    from_day: Annotated[str, typer.Option("--from", help="Business date of a sealed night.")],
    to_day: Annotated[str, typer.Option("--to", help="Business date of a later sealed night.")],
    *,
    by: Annotated[Literal["count", "balance"], typer.Option(help="Accounts, or minor units.")] = "count",
    currency: Annotated[str, typer.Option(help="ISO 4217")] = "CNY",
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the matrix as CSV.")] = False,
) -> None:
    """The 8 x 8 matrix of buckets between two sealed nights, by count or by balance."""
    days = (_day(from_day, "--from", as_json=as_json), _day(to_day, "--to", as_json=as_json))
    if days[0] >= days[1]:
        _usage("bad_dates", "--from 应早于 --to", "--from must be before --to", as_json=as_json)
    _start()
    import ibis

    from anhuan.portfolio import reports

    con = ibis.duckdb.connect()
    before, after = (_sealed_night(day, con, as_json=as_json) for day in days)
    matrix = reports.roll_rates(before.table("standing"), after.table("standing"), by=by, currency=currency)
    answer = {"from": from_day, "to": to_day, "by": by, **matrix}
    if as_json:
        _print_json(answer)
    elif as_csv:
        out = csv.writer(sys.stdout)
        out.writerow(["from\\to", *answer["buckets"], "vanished"])
        for bucket, row, gone in zip(answer["buckets"], answer["matrix"], answer["vanished"], strict=True):
            out.writerow([bucket, *row, gone])
    else:
        rows = [
            (bucket, *row, gone)
            for bucket, row, gone in zip(answer["buckets"], answer["matrix"], answer["vanished"], strict=True)
        ]
        _console().print(_table(f"{from_day} → {to_day}, {by}", ("", *answer["buckets"], "vanished"), rows))


def _sealed_night(day: date, con: Backend, *, as_json: bool) -> Snapshot:
    from anhuan.clockwork import nightly

    found = nightly.sealed_on(day, home=home(), con=con)
    if found is None:
        _usage(
            "no_such_night",
            f"没有 {day} 的已封存夜;请用 anhuan nights 查看。",
            f"No sealed night for {day}; see: anhuan nights",
            as_json=as_json,
        )
    return found


@case_app.command("show")
def case_show(case_id: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """A case with its accounts, bucket history and events. ID is the case's, which is the customer's."""
    _start()
    from anhuan.records import access

    found = access.case_document(case_id)
    if found is None:
        if as_json:
            _print_json(
                {"error": {"code": "no_such_case", "message_zh": "没有这个案件。", "message_en": "There is no such case."}}
            )
        _say("没有这个案件。" if _chinese() else "There is no such case.")
        raise typer.Exit(EXIT_NO)
    if as_json:
        _print_json(found)
    else:
        _print_case(found)


def _print_case(found: dict[str, Any]) -> None:
    console = _console()
    console.print(f"[bold]{found['case_id']}[/bold] {found['status']} M{found['bucket']}, since {found['since']}")
    for title in ("accounts", "bucket_history", "events"):
        entries = found[title]
        if entries:
            shown = [k for k in entries[0] if not isinstance(entries[0][k], (dict, list))][:10]
            console.print(_table(title, shown, [[e[k] for k in shown] for e in entries]))


@case_app.command("list")
def case_list(
    status: Annotated[str, typer.Option(help="open or closed")] = "open",
    bucket: Annotated[list[int] | None, typer.Option(help="0-7, may be repeated")] = None,
    sort: Annotated[str, typer.Option(help="past_due, balance or dpd")] = "past_due",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """Cases by status and bucket, largest first."""
    _start()
    from anhuan.records import access

    rows = access.case_documents(status=status, buckets=bucket or [], sort=sort, limit=limit)
    if as_json:
        _print_json(rows)
    elif rows:
        _console().print(_table("", rows[0].keys(), [r.values() for r in rows]))
    else:
        print("没有符合条件的案件。" if _chinese() else "No case matches.")


@audit_app.command("verify")
def audit_verify(
    case_id: Annotated[str | None, typer.Option("--case", help="Only this case's chain.")] = None,
    snapshots: Annotated[bool, typer.Option("--snapshots", help="Also every file of every sealed night.")] = False,
    as_json: AsJson = False,
) -> None:
    """Recompute every hash of the event chains and compare them with the nights' manifests."""
    _start()
    from anhuan.clockwork import nightly

    answer = nightly.verify(home(), case_id=case_id, snapshots=snapshots)
    if as_json:
        _print_json(answer)
    else:
        print(f"{answer['events']:,} events: {'ok' if answer['ok'] else 'BROKEN at ' + str(answer['first_bad'])}")
    raise typer.Exit(0 if answer["ok"] else EXIT_NO)


@keys_app.command("rotate")
def keys_rotate() -> None:
    """Make a new encryption key and re-encrypt personal data under it; killed and run again, it goes on."""
    _start()
    from anhuan import clock, settings
    from anhuan.acts import keys
    from anhuan.records.identity import keyring, rows_by_key

    if not set(rows_by_key()) - {keyring().current}:  # else a rotation was cut short: finish it under the same key
        settings.add_encryption_key(home())
    with _progress() as progress:
        counted = keys.rotate_keys(at=clock.now(), by="system:keys", progress=progress)
    print(f"{counted:,} rows re-encrypted under key {keyring().current}; restart what else is running")


@staff_app.command("add")
def staff_add(
    username: str,
    role: Annotated[str, typer.Option(help="operations or auditor")] = "operations",
    language: Annotated[str, typer.Option(help="zh-hans or en")] = "zh-hans",
) -> None:
    """Add a member of staff; the password is asked for, or read from standard input."""
    import getpass

    _start(migrate=True)
    from anhuan import clock
    from anhuan.acts import staff

    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    refused = staff.create_staff(
        username=username, password=password, role=role, language=language, at=clock.now(), by="system:cli"
    )
    if refused:
        _usage(refused.code, refused.zh, refused.en, as_json=False)
    print(f"{username} ({role})")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(help="Processes; each answers with eight threads.")] = 1,
) -> None:
    """Serve the site until Ctrl-C."""
    _start(migrate=True)
    from anhuan import wsgi

    _say(f"Serving http://{host}:{port}/ until Ctrl-C.")
    wsgi.serve(host=host, port=port, workers=workers)


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    nights: Annotated[int, typer.Option(help="How many nights to work through.")] = 24,
    accounts: Annotated[int, typer.Option(help="Accounts of the made-up bank.")] = 6000,
) -> None:
    """A made-up bank worked through night by night, then the site, with a user to sign in as."""
    from anhuan import demo as demonstration

    with _progress() as progress:
        raise typer.Exit(demonstration.run(home(), port=port, nights=nights, accounts=accounts, progress=progress, say=_say))


def _console() -> Any:
    from rich.console import Console

    return Console(soft_wrap=False)


def _table(title: str, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(*columns, title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else "" if cell is None else str(cell) for cell in row))
    return table


@contextmanager
def _progress() -> Any:
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
