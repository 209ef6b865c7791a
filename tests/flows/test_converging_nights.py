"""Whatever mixture of deliveries, repeats, kills and re-runs: the book ends as if nothing had gone wrong."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.flows.book_state import state
from tests.flows.tinybank import Card, TinyBank

from anhuan.clockwork import nightly
from anhuan.records.night import Night

pytestmark = pytest.mark.django_db(transaction=True)

NIGHTS = 3


class Killed(BaseException):
    """Stands for SIGKILL inside one process: no handler of the product catches it, transactions roll back."""


def of_the_kill(failure: BaseException | None) -> bool:
    """Whether it is the kill, or came of it: Django meets one in the middle of a commit with a complaint of its own."""
    while failure is not None and not isinstance(failure, Killed):
        failure = failure.__context__
    return failure is not None


@contextmanager
def killed_at(instant: int | None) -> Iterator[None]:
    """Die at the given moment of talking to the database or the disk; None lets everything through."""
    passed = 0

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            nonlocal passed
            passed += 1
            if passed == instant:
                raise Killed
            return function(*args, **kwargs)

        return wrapped

    with (
        patch.object(os, "fsync", deadly(os.fsync)),
        patch.object(os, "rename", deadly(os.rename)),
        patch.object(psycopg.Cursor, "execute", deadly(psycopg.Cursor.execute)),
        patch.object(psycopg.Cursor, "copy", deadly(psycopg.Cursor.copy)),
        patch.object(psycopg.Connection, "commit", deadly(psycopg.Connection.commit)),
    ):
        yield


@contextmanager
def empty_book() -> Iterator[Path]:
    """A home of its own with every table emptied, events included: as the tables' owner, past their triggers."""
    connection.close()
    tables = [table for table in connection.introspection.table_names() if table.startswith("records_")]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
        for table in tables:
            cursor.execute(f'TRUNCATE "{table}" RESTART IDENTITY CASCADE')
        for table in tables:
            cursor.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER USER')
    home = Path(tempfile.mkdtemp(prefix="anhuan-book-"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


lateness = st.sampled_from([0, 0, 1, 29, 30, 31, 61, 100, 200])
one_night = st.lists(
    st.tuples(st.integers(0, 7), lateness, st.booleans()), min_size=1, max_size=8, unique_by=lambda card: card[0]
)
disturbances = st.lists(st.tuples(st.integers(0, NIGHTS - 1), st.none() | st.integers(1, 160)), max_size=5)


def cards(night: list[tuple[int, int, bool]]) -> list[Card]:
    """Account n belongs to customer n // 2; a third of the spoilt wishes are granted, so the ceiling holds."""
    return [Card(f"A{n}", f"C{n // 2}", late, spoilt=spoilt and n % 3 == 0) for n, late, spoilt in night]


def expected_heaps(night: list[Card], before: dict[str, int], filler: int) -> dict[str, int]:
    """Slow and obvious: each row read lands in one heap."""
    heaps = dict.fromkeys(("current", "cured", "proposed", "held", "refused", "no_capacity", "no_action", "set_aside"), 0)
    heaps["current"] = filler
    for card in night:
        if card.spoilt:
            heaps["set_aside"] += 1
        elif card.late:
            heaps["no_action"] += 1
        else:
            heaps["cured" if before.get(card.account_id) else "current"] += 1
    return heaps


def lateness_after(night: list[Card], before: dict[str, int]) -> dict[str, int]:
    """Who is late at the end of the night: delivered, or kept from yesterday because the row was spoilt."""
    kept = {c.account_id: before[c.account_id] for c in night if c.spoilt and c.account_id in before}
    return {c.account_id: c.late for c in night if not c.spoilt} | kept


def check_convergence(plan: list[list[tuple[int, int, bool]]], disturbed: list[tuple[int, int | None]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        bank = TinyBank(Path(root), filler=400)
        folders = [bank.night(n, cards(night)) for n, night in enumerate(plan, start=1)]

        with empty_book() as home:
            before: dict[str, int] = {}
            for folder, night in zip(folders, map(cards, plan), strict=True):
                result = nightly.run(folder, home=home).result
                assert result["heaps"] == expected_heaps(night, before, bank.filler)
                assert sum(result["heaps"].values()) == result["rows"]["accounts.csv"]
                before = lateness_after(night, before)
            undisturbed = state(home)

        with empty_book() as home:
            for number, instant in disturbed:
                if number and not Night.objects.exists():
                    continue  # the first night of a book may be any, so a later one would rightly become it
                try:
                    with killed_at(instant):
                        nightly.run(folders[number], home=home)
                except BaseException as failure:
                    if not of_the_kill(failure):
                        raise
                    connection.close()
            for folder in folders:
                nightly.run(folder, home=home)
            assert state(home) == undisturbed


mixtures = given(plan=st.lists(one_night, min_size=NIGHTS, max_size=NIGHTS), disturbed=disturbances)


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@mixtures
def test_any_mixture_of_redeliveries_kills_and_reruns_ends_as_the_undisturbed_book(
    plan: list[list[tuple[int, int, bool]]], disturbed: list[tuple[int, int | None]]
) -> None:
    check_convergence(plan, disturbed)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@mixtures
def test_many_mixtures_of_redeliveries_kills_and_reruns_end_as_the_undisturbed_book(
    plan: list[list[tuple[int, int, bool]]], disturbed: list[tuple[int, int | None]]
) -> None:
    check_convergence(plan, disturbed)
