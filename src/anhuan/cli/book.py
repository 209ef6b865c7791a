"""Commands on the book: nights, reports, cases, people who sign in, and the site."""

from __future__ import annotations

import csv
import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from anhuan.cli.terminal import (
    EXIT_NO,
    EXIT_REFUSED,
    AsJson,
    app,
    audit_app,
    case_app,
    chinese,
    console,
    feed_app,
    home,
    keys_app,
    print_json,
    progress_bars,
    report_app,
    say,
    start,
    table,
    usage,
)

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

    from anhuan.portfolio.snapshot import Snapshot

Layout = Annotated[str | None, typer.Option("--layout", "-l", help="Layout name, or path of a .toml file.")]
Delivered = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of one delivery.")]


@app.command()
def init(as_json: AsJson = False) -> None:
    """Make the home: secrets, database, schema. Safe to repeat."""
    created = not (home() / "secrets").exists()
    start(migrate=True)
    from django.db import connection

    database = "external" if os.environ.get("DATABASE_URL") else "embedded"
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0].split()[0]
    answer = {"home": str(home()), "database": f"{database} PostgreSQL {version}", "created": created}
    if as_json:
        print_json(answer)
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
            usage(unreadable.code, unreadable.zh, unreadable.en, as_json=as_json)
    if as_json:
        print_json(answer)
    else:
        _print_feed_check(answer)
    raise typer.Exit(0 if answer["ok"] else EXIT_NO)


def _print_feed_check(answer: dict[str, Any]) -> None:
    out = console()
    message = "message_zh" if chinese() else "message_en"
    out.print(table("", ("file", "rows"), answer["files"].items()))
    for difference in answer["differences"]:
        out.print(f"[red]✗[/red] {difference[message]}", highlight=False)
    shown = answer["findings"][:50]
    rows = [(f["file"], f["line"], f["column"] or "", f["code"], f[message]) for f in shown]
    if rows:
        out.print(table("", ("file", "line", "column", "code", "finding"), rows))
    if len(answer["findings"]) > len(shown):
        out.print(f"… {len(answer['findings']) - len(shown)} more; use --json to see them all")
    out.print("[green]ok[/green]" if answer["ok"] else "[red]not ok[/red]")


@app.command()
def night(folder: Delivered, layout: Layout = None, as_json: AsJson = False) -> None:
    """Work one delivery through: read, check, seal, age, open and close cases, balance."""
    start(migrate=True)
    from anhuan.clockwork import nightly
    from anhuan.clockwork.proposing import CapacitiesRefused
    from anhuan.portfolio.feed import FeedUnreadable
    from anhuan.portfolio.tabular import Unusable

    try:
        with progress_bars() as progress:
            outcome = nightly.run(folder, home=home(), layout=layout, progress=progress)
    except FeedUnreadable as unreadable:
        usage(unreadable.code, unreadable.zh, unreadable.en, as_json=as_json)
    except CapacitiesRefused as refused:
        usage("capacities_refused", refused.zh, refused.en, as_json=as_json)
    except Unusable as wrong:
        usage(wrong.code, wrong.zh, wrong.en, as_json=as_json)
    if as_json:
        print_json(outcome.result)
    else:
        _print_night(outcome.result)
    raise typer.Exit(EXIT_REFUSED if outcome.status == "refused" else 0)


def _print_night(result: dict[str, Any]) -> None:
    out = console()
    colour = {"sealed": "green", "unchanged": "cyan", "refused": "red"}[result["status"]]
    out.print(f"[bold]{result['business_date']}[/bold] [{colour}]{result['status']}[/{colour}]")
    if result["status"] == "refused":
        for reason in result["reasons"]:
            out.print(f"  [red]✗[/red] {reason['message_zh' if chinese() else 'message_en']}", highlight=False)
        return
    for title in ("rows", "flow", "heaps", "cases", "proposals", "outbox", "seconds"):
        if result.get(title):
            out.print(table(title, result[title].keys(), [result[title].values()]))
    if result.get("refusals"):
        out.print(table("refusals", ("rule", "proposals"), result["refusals"].items()))
    if result["findings"]:
        out.print(f"{result['findings']:,} findings: {result['findings_file']}", highlight=False)


@app.command()
def nights(
    as_json: AsJson = False,
    everything: Annotated[bool, typer.Option("--all", help="Also replaced nights and refused deliveries.")] = False,
) -> None:
    """The sealed nights, newest last."""
    start()
    from anhuan.clockwork import nightly

    listed = nightly.listed(home(), everything=everything)
    if as_json:
        print_json(listed)
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
    console().print(table("", columns, rows))


def _day(text: str, option: str, *, as_json: bool) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        zh, en = f"{option} 应为 YYYY-MM-DD,收到 {text}", f"{option} takes YYYY-MM-DD, not {text}"
        usage("bad_date", zh, en, as_json=as_json)


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
        usage("bad_dates", "--from 应早于 --to", "--from must be before --to", as_json=as_json)
    start()
    import ibis

    from anhuan.portfolio import reports

    con = ibis.duckdb.connect()
    before, after = (_sealed_night(day, con, as_json=as_json) for day in days)
    matrix = reports.roll_rates(before.table("standing"), after.table("standing"), by=by, currency=currency)
    answer = {"from": from_day, "to": to_day, "by": by, **matrix}
    if as_json:
        print_json(answer)
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
        console().print(table(f"{from_day} → {to_day}, {by}", ("", *answer["buckets"], "vanished"), rows))


def _sealed_night(day: date, con: Backend, *, as_json: bool) -> Snapshot:
    from anhuan.clockwork import nightly

    found = nightly.sealed_on(day, home=home(), con=con)
    if found is None:
        usage(
            "no_such_night",
            f"没有 {day} 的已封存夜;请用 anhuan nights 查看。",
            f"No sealed night for {day}; see: anhuan nights",
            as_json=as_json,
        )
    return found


@case_app.command("show")
def case_show(case_id: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """A case with its accounts, bucket history and events. ID is the case's, which is the customer's."""
    start()
    from anhuan.records import access

    found = access.case_document(case_id)
    if found is None:
        if as_json:
            print_json(
                {"error": {"code": "no_such_case", "message_zh": "没有这个案件。", "message_en": "There is no such case."}}
            )
        say("没有这个案件。" if chinese() else "There is no such case.")
        raise typer.Exit(EXIT_NO)
    if as_json:
        print_json(found)
    else:
        _print_case(found)


def _print_case(found: dict[str, Any]) -> None:
    out = console()
    out.print(f"[bold]{found['case_id']}[/bold] {found['status']} M{found['bucket']}, since {found['since']}")
    for title in ("accounts", "bucket_history", "events"):
        entries = found[title]
        if entries:
            shown = [k for k in entries[0] if not isinstance(entries[0][k], (dict, list))][:10]
            out.print(table(title, shown, [[e[k] for k in shown] for e in entries]))
    if found["proposals"]:
        columns = ("business_date", "strategy", "version", "arm", "decision", "rule", "channel", "team", "state")
        out.print(table("proposals", columns, [[one[name] for name in columns] for one in found["proposals"]]))
        for reason in found["proposals"][0]["reasons"]:
            out.print(f"[red]✗[/red] {reason['message_zh' if chinese() else 'message_en']}", highlight=False)


@case_app.command("list")
def case_list(
    status: Annotated[str, typer.Option(help="open or closed")] = "open",
    bucket: Annotated[list[int] | None, typer.Option(help="0-7, may be repeated")] = None,
    sort: Annotated[str, typer.Option(help="past_due, balance or dpd")] = "past_due",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """Cases by status and bucket, largest first."""
    start()
    from anhuan.records import access

    rows = access.case_documents(status=status, buckets=bucket or [], sort=sort, limit=limit)
    if as_json:
        print_json(rows)
    elif rows:
        console().print(table("", rows[0].keys(), [r.values() for r in rows]))
    else:
        print("没有符合条件的案件。" if chinese() else "No case matches.")


@audit_app.command("verify")
def audit_verify(
    case_id: Annotated[str | None, typer.Option("--case", help="Only this case's chain.")] = None,
    snapshots: Annotated[bool, typer.Option("--snapshots", help="Also every file of every sealed night.")] = False,
    as_json: AsJson = False,
) -> None:
    """Recompute every hash of the event chains and compare them with the nights' manifests."""
    start()
    from anhuan.clockwork import nightly

    answer = nightly.verify(home(), case_id=case_id, snapshots=snapshots)
    if as_json:
        print_json(answer)
    else:
        print(f"{answer['events']:,} events: {'ok' if answer['ok'] else 'BROKEN at ' + str(answer['first_bad'])}")
    raise typer.Exit(0 if answer["ok"] else EXIT_NO)


@keys_app.command("rotate")
def keys_rotate() -> None:
    """Make a new encryption key and re-encrypt personal data under it; killed and run again, it goes on."""
    start()
    from anhuan import clock, settings
    from anhuan.acts import keys
    from anhuan.records.identity import keyring, rows_by_key

    if not set(rows_by_key()) - {keyring().current}:  # else a rotation was cut short: finish it under the same key
        settings.add_encryption_key(home())
    with progress_bars() as progress:
        counted = keys.rotate_keys(at=clock.now(), by="system:keys", progress=progress)
    print(f"{counted:,} rows re-encrypted under key {keyring().current}; restart what else is running")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any that is free.")] = 8000,
    workers: Annotated[int, typer.Option(help="Processes; each answers with eight threads.")] = 1,
) -> None:
    """Serve the site until Ctrl-C."""
    start(migrate=True)
    from anhuan import wsgi

    wsgi.serve(host=host, port=port, workers=workers, ready=lambda own: say(f"Serving http://{host}:{own}/ until Ctrl-C."))


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    nights: Annotated[int, typer.Option(help="How many nights to work through.")] = 24,
    accounts: Annotated[int, typer.Option(help="Accounts of the made-up bank.")] = 6000,
) -> None:
    """A made-up bank worked through night by night, then the site, with a user to sign in as."""
    from anhuan import demo as demonstration

    with progress_bars() as progress:
        raise typer.Exit(demonstration.run(home(), port=port, nights=nights, accounts=accounts, progress=progress, say=say))
