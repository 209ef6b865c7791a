"""What lies in each queue of the worklist, at a terminal."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from anhuan.cli.terminal import AsJson, app, chinese, console, home, print_json, start, table, usage


@app.command()
def worklist(as_json: AsJson = False) -> None:
    """How much open work lies in each queue: ready, not yet, held, due, overdue, and since when the oldest waits."""
    start()
    from anhuan import clock
    from anhuan.records.worklist import Depth, depths
    from anhuan.rulebook import queues

    now = clock.now()
    try:
        told = queues.read(home())
    except queues.QueuesRefused as refused:
        usage("queues_refused", refused.zh, refused.en, as_json=as_json)
    lying = depths(now)
    shown = [lying.get(name, Depth(name)) for name in [*told, *(name for name in lying if name not in told)]]
    if as_json:
        print_json({"at": now.isoformat(), "queues": [_document(depth) for depth in shown]})
        return
    tongue = "zh" if chinese() else "en"
    rows = [
        (told[each.queue].title(tongue) if each.queue in told else each.queue, each.open, each.ready, each.waiting, each.held, each.due,
         each.overdue, f"{each.oldest:%m-%d %H:%M}Z" if each.oldest else "")
        for each in shown
    ]  # fmt: skip
    console().print(table("", ("queue", "open", "ready", "not yet", "held", "due", "overdue", "oldest"), rows))


def _document(depth: Any) -> dict[str, Any]:
    told = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(depth).items()}
    return {"queue": told.pop("queue"), "open": depth.open, **told}
