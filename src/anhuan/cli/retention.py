"""Commands on what is kept: destroying recordings, letters and the words of messages after their last day."""

from __future__ import annotations

from typing import Annotated

import typer

from anhuan.cli.terminal import AsJson, app, console, home, print_json, start, table, usage

retention_app = typer.Typer(
    no_args_is_help=True, help="How long recordings, letters and the words of messages are kept, and their end."
)
app.add_typer(retention_app, name="retention")


@retention_app.command("sweep")
def retention_sweep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and destroy nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Destroy recordings, letters and words of messages after their last day, unless a matter is open; senders do so every hour."""
    start()
    from anhuan.acts.dispatch.carriers import ChannelsRefused
    from anhuan.clockwork import keeping

    try:
        swept = keeping.sweep(home(), by="cli", dry_run=dry_run)
    except ChannelsRefused as refused:
        usage("channels_refused", refused.zh, refused.en, as_json=as_json)
    if as_json:
        print_json(
            {"dry_run": dry_run, "looked_up": swept.looked_up} | {name: dict(fates) for name, fates in swept.fates.items()}
        )
        return
    rows = [(name, fate, str(number)) for name, fates in swept.fates.items() for fate, number in sorted(fates.items())]
    console().print(table("", ("what", "would be" if dry_run else "are", "number"), rows))
