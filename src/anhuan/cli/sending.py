"""Commands of sending: the process that sends, what is in the outbox, and stopping a campaign."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from anhuan.cli.terminal import AsJson, app, console, home, print_json, say, start, table, usage

outbox_app = typer.Typer(no_args_is_help=True, help="What is to leave the house, and what became of it.")
app.add_typer(outbox_app, name="outbox")
hooks_app = typer.Typer(no_args_is_help=True, help="Machines that tell us of receipts, replies, bounces and payments.")
app.add_typer(hooks_app, name="hooks")


@app.command()
def work(
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End once nothing is due.")] = False,
    concurrency: Annotated[int, typer.Option(help="Parts of campaigns at a time.", min=1, max=32)] = 1,
) -> None:
    """Send what is due, and hear what comes back, until Ctrl-C; start it as often as there are cores."""
    start(migrate=True)
    from anhuan.acts.dispatch.carriers import ChannelsRefused, read
    from anhuan.clockwork import sending

    try:
        told = read(home())
    except ChannelsRefused as refused:
        usage("channels_refused", refused.zh, refused.en, as_json=False)
    for channel, (name, _) in told.items():
        if name != "sandbox":
            say(f"anhuan: WARNING: {channel.value} reaches real people, by {name}")
    try:
        sending.work(home(), until_idle=until_idle, concurrency=concurrency)
    except ChannelsRefused as refused:
        usage("channels_refused", refused.zh, refused.en, as_json=False)


@outbox_app.command("list")
def outbox_list(as_json: AsJson = False) -> None:
    """Campaigns, newest first, with how many messages are in which state."""
    start()
    from anhuan.records.outbox import Campaign, counts

    campaigns = list(Campaign.objects.all()[:200])
    told = counts(campaigns)
    rows: list[dict[str, Any]] = [
        {
            "campaign_id": str(each.pk), "business_date": each.business_date.isoformat(), "channel": each.channel,
            "wording": each.wording, "team": each.team, "begins_at": each.begins_at.isoformat(),
            "stopped_at": each.stopped_at.isoformat() if each.stopped_at else None, "messages": told.get(each.pk, {}),
        }
        for each in campaigns
    ]  # fmt: skip
    if as_json:
        print_json(rows)
        return
    shown = [
        (row["campaign_id"], row["business_date"], row["channel"], row["wording"], row["team"],
         " ".join(f"{state} {number}" for state, number in sorted(row["messages"].items())), "stopped" if row["stopped_at"] else "")
        for row in rows
    ]  # fmt: skip
    console().print(table("", ("campaign", "night", "channel", "wording", "team", "messages", ""), shown))


@outbox_app.command("stop")
def outbox_stop(
    campaign: Annotated[str, typer.Argument(help="The campaign's id, as `outbox list` shows it.")],
    by: Annotated[str, typer.Option(help="Who stops it.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    as_json: AsJson = False,
) -> None:
    """Stop a campaign at once: nothing more of it leaves the house."""
    start()
    from anhuan import clock
    from anhuan.acts import outbox
    from anhuan.records.outbox import Campaign

    try:
        stopped = outbox.stop(UUID(campaign), reason=reason, at=clock.now(), by=by)
    except (ValueError, Campaign.DoesNotExist):
        usage("no_campaign", f"没有活动 {campaign}。", f"There is no campaign {campaign}.", as_json=as_json)
    if as_json:
        print_json({"campaign_id": campaign, "stopped": stopped})
    else:
        say(f"{stopped} messages will not leave.")


@hooks_app.command("secret")
def hooks_secret(source: Annotated[str, typer.Argument(help="receipts, calls, replies, bounces or payments.")]) -> None:
    """Make the secret a machine signs with, in place of the one it had, and print it once."""
    start()
    from anhuan.inbound import signed

    if source not in signed.SOURCES:
        known = ", ".join(signed.SOURCES)
        usage("no_source", f"来源应为 {known} 之一。", f"The source is one of {known}.", as_json=False)
    print(signed.new_secret(source))
