"""How every act on one customer begins and ends: she is held, and one event remembers what was done.

Knows the lock and the chain. A customer without a case is remembered in the chain of the house, under her id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

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
