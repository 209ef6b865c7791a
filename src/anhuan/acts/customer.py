"""How every act on one customer begins and ends: she is held, and one event remembers what was done.

Knows the lock and the chain. A customer without a case is remembered in the chain of the house, under her id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from anhuan.records import events, facts
from anhuan.records.facts import Known

# Acts that wait for each other take their instants before they hold the customer, and so may come in another order.
_OVERTAKEN = timedelta(minutes=1)


@dataclass(frozen=True)
class Held:
    """A customer whom nobody else writes of until the transaction ends. `at` is never earlier than her last event."""

    customer_id: str
    has_case: bool
    at: datetime
    by: str
    alone: bool = False
    """Whether her transaction is of this act alone, so that its last statement may end it."""

    def remember(self, kind: str, body: Mapping[str, Any]) -> None:
        """Append the act's one event. `body` holds nothing personal."""
        if self.has_case:
            events.append(chain=self.customer_id, kind=kind, body=body, at=self.at, by=self.by)
        else:
            events.append(chain=events.HOUSE, kind=kind, body={"customer": self.customer_id, **body}, at=self.at, by=self.by)


@contextmanager
def held(customer_id: str, *, at: datetime, by: str) -> Iterator[Held]:
    """A transaction that holds the customer from its beginning; left by an exception, nothing of it stays."""
    with transaction.atomic():
        has_case, last = facts.hold(customer_id)
        yield Held(customer_id, has_case, not_before(last, at), by)


@contextmanager
def held_and_known(customer_id: str, *, back: timedelta, at: datetime, by: str) -> Iterator[tuple[Held, Known]]:
    """Likewise, with what is known of her then; contacts are told as far `back` as that."""
    alone = not transaction.get_connection().in_atomic_block
    with transaction.atomic():
        has_case, last, known = facts.hold_and_know(customer_id, at=at, since=at - back)
        customer = Held(customer_id, has_case, not_before(last, at), by, alone)
        if customer.at != at:
            known = facts.known_of(customer_id, at=customer.at, since=customer.at - back)
        yield customer, known


def not_before(last: datetime | None, at: datetime) -> datetime:
    """The instant of an act: that of the customer's last event where the act took its own while it waited for her."""
    return last if last is not None and at < last <= at + _OVERTAKEN else at


# --- many customers -----------------------------------------------------------------------------------------------


def hold_many(customers: Sequence[str]) -> None:
    """Nobody else writes of these customers until the transaction ends; in the order of their ids, so that two never cross.

    By the rows of their cases, of which there may be any number; who has none is held as `held` does.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_MANY, [list(customers)])
        held_by_row = {case_id for (case_id,) in cursor.fetchall()}
        for customer_id in sorted(set(customers) - held_by_row):
            facts.hold(customer_id)


_HOLD_MANY = "SELECT case_id FROM records_case WHERE case_id = ANY(%s) ORDER BY case_id FOR NO KEY UPDATE"


def remember_many(told: Mapping[str, Sequence[Mapping[str, Any]]], kind: str, name: str, *, at: datetime, by: str) -> None:
    """One event of `kind` for each customer, `{name: what is told of her}`; in the chain of the house for who has no case."""
    remember_each({customer_id: (kind, {name: list(each)}) for customer_id, each in told.items()}, at=at, by=by)


def remember_each(told: Mapping[str, tuple[str, Mapping[str, Any]]], *, at: datetime, by: str) -> None:
    """One event for each customer, of the kind and with the body told of her; in the chain of the house for who has no case."""
    if not told:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            'CREATE TEMPORARY TABLE remembered (chain varchar(32) COLLATE "C", kind varchar(40), body jsonb) ON COMMIT DROP'
        )
        with cursor.copy("COPY remembered FROM STDIN") as sink:
            for customer_id, (kind, body) in told.items():
                sink.write_row([customer_id, kind, json.dumps(body)])
        cursor.execute(
            "DELETE FROM remembered WHERE NOT EXISTS (SELECT FROM records_case WHERE case_id = chain) RETURNING chain"
        )
        caseless = [customer_id for (customer_id,) in cursor.fetchall()]
        events.append_many(cursor, "remembered", at=at, by=by)
        cursor.execute("DROP TABLE remembered")
    for customer_id in sorted(caseless):
        kind, body = told[customer_id]
        events.append(chain=events.HOUSE, kind=kind, body={"customer": customer_id, **body}, at=at, by=by)
