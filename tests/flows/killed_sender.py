"""Sends what is in the outbox and, at the given instant, dies by SIGKILL.

`python killed_sender.py fill N | story | send [INSTANT] | slowly | state`

An instant is any moment at which the process is about to talk to the database, has just committed, or is about to make a file
durable. Every attempt handed to the channel goes to `handed.log` of the home first, for the sandbox itself takes one only once. Who has
sent everything prints, as JSON, what became of it and how many instants it took; `state` prints what became of it so far.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from anhuan import settings  # noqa: E402

settings.start()
from django.core.management import call_command  # noqa: E402  Django must be set up first
from tests.flows import outgoing  # noqa: E402

from anhuan import clock  # noqa: E402
from anhuan.acts import sending as acts  # noqa: E402
from anhuan.channels.sandbox.transport import Sandbox  # noqa: E402
from anhuan.clockwork import sending  # noqa: E402
from anhuan.records.contact import Contact, Permit  # noqa: E402
from anhuan.records.outbox import OutboxItem  # noqa: E402

home = Path(os.environ["ANHUAN_HOME"])
clock.now = lambda: outgoing.MORNING


def fill(number: int) -> None:
    call_command("migrate", verbosity=0, interactive=False)
    outgoing.in_force("overdue_gentle")
    outgoing.night([outgoing.customer(n) for n in range(number)])


def story() -> None:
    """Four messages have left; of a second campaign none has."""
    fill(4)
    send(None)
    outgoing.night([outgoing.customer(100 + n) for n in range(2)], team="second")


def send(deadly: int | None, *, slowly: bool = False) -> None:
    instants = itertools.count(1)

    def instant() -> None:
        if next(instants) == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            instant()
            return function(*args, **kwargs)

        return wrapped

    hand_over = Sandbox._hand_over
    if slowly:
        acts.begin = partial(acts.begin, size=1)

    def logged(self: Sandbox, batch: Mapping[str, Any]) -> Iterator[Any]:
        with (home / "handed.log").open("a") as log:
            log.writelines(f"{attempt}\n" for attempt in batch)
            log.flush()
            os.fsync(log.fileno())
        time.sleep(0.5 if slowly else 0)
        return hand_over(self, batch)

    Sandbox._hand_over = logged  # type: ignore[method-assign]
    os.fsync = before(os.fsync)
    psycopg.ClientCursor.execute = before(psycopg.ClientCursor.execute)  # type: ignore[method-assign]
    psycopg.Connection.commit = before(psycopg.Connection.commit)  # type: ignore[method-assign]
    sending.work(home, until_idle=True)
    took = next(instants) - 1
    print(json.dumps(state() | {"instants": took}))


def state() -> dict[str, Any]:
    log = home / "handed.log"
    return {
        "items": dict(OutboxItem.objects.values_list("attempt_id", "state")),
        "to": {
            attempt: outgoing.mobile(int(customer[1:]))
            for attempt, customer in OutboxItem.objects.values_list("attempt_id", "customer_id")
        },
        "contacts": {str(c.contact_id): c.state for c in Contact.objects.all()},
        "permits": {p.attempt_id: str(p.used_by) for p in Permit.objects.all()},
        "handed": log.read_text().split() if log.exists() else [],
    }


match sys.argv[1:]:
    case ["fill", number]:
        fill(int(number))
    case ["story"]:
        story()
    case ["state"]:
        print(json.dumps(state()))
    case ["slowly"]:
        send(None, slowly=True)
    case ["send", *deadly]:
        send(int(deadly[0]) if deadly else None)
