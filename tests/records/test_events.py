"""The append-only memory: what writing leaves, what may not be changed, and what checking finds."""

from __future__ import annotations

import hashlib
import json
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from tests.records.nightfall import Books, Card

from anhuan.records import events
from anhuan.records.case import Case
from anhuan.records.events import Event

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 1, 2, 3, 123456, UTC)


def open_case(case_id: str = "C1") -> None:
    Case.objects.create(case_id=case_id, status="open", bucket=1, opened_on="2026-11-01", since="2026-11-01")


def append(chain: str = "C1", at: datetime = AT, **body: Any) -> int:
    return events.append(chain=chain, kind="identity.revealed", body=body, at=at, by="王经理")


def test_an_event_is_hashed_as_the_migration_says_so_that_anyone_can_recompute_it() -> None:
    open_case("客户1")
    append("客户1", reason="核身\n换行", n=1)
    append("客户1", AT.astimezone(timezone(timedelta(hours=8))) + timedelta(microseconds=1), b=[1, {"x": None}], a="z")
    previous = bytes(32)
    for event in Event.objects.filter(chain="客户1").order_by("number"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT body::text FROM records_event WHERE id = %s", [event.pk])
            (body,) = cursor.fetchone()
        assert json.loads(body) == event.body
        micros = (event.at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        fields: list[object] = ["anhuan-event-1", event.number, micros]
        for text in (event.chain, event.kind, event.by):
            fields += [len(text.encode()), text]
        told = "\n".join(map(str, [*fields, body])).encode()
        assert bytes(event.hash) == hashlib.sha256(previous + told).digest()
        previous = bytes(event.hash)
    case = Case.objects.get(pk="客户1")
    assert (case.events, bytes(case.head or b"")) == (2, previous)


def test_an_event_of_no_case_is_refused() -> None:
    with pytest.raises(LookupError):
        append("nobody")


def test_many_events_are_as_if_appended_one_by_one() -> None:
    for n in range(3):
        open_case(f"C{n}")
        open_case(f"D{n}")
    append("C1", first=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE said AS SELECT case_id AS chain, 'case.moved'::text AS kind, '{\"to\": 2}'::jsonb AS body"
            " FROM records_case WHERE case_id LIKE 'C%'"
        )
        assert events.append_many(cursor, "said", at=AT, by="system:night") == 3
    for n in range(3):
        if n == 1:
            append("D1", first=True)
        events.append(chain=f"D{n}", kind="case.moved", body={"to": 2}, at=AT, by="system:night")
    numbers = Case.objects.order_by("pk").values_list("events", flat=True)
    assert list(numbers) == [1, 2, 1, 1, 2, 1]
    assert events.verify() == {"ok": True, "events": 8, "first_bad": None}


# --- nobody changes what was written ------------------------------------------------------------------------------

REFUSED = {
    "update": "UPDATE records_event SET kind = kind",
    "update of nothing": "UPDATE records_event SET kind = 'x' WHERE false",
    "delete": "DELETE FROM records_event",
    "truncate": "TRUNCATE records_event CASCADE",
    "upsert": (
        "INSERT INTO records_event (id, chain, number, kind, at, by, body, hash) SELECT id, chain, number, kind, at, by, body,"
        " hash FROM records_event ON CONFLICT (id) DO UPDATE SET kind = 'x'"
    ),
    "merge": "MERGE INTO records_event e USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE",
}


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED.keys())
def test_the_database_refuses_to_change_events(statement: str) -> None:
    append(events.HOUSE)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert events.verify() == {"ok": True, "events": 1, "first_bad": None}


# --- what checking finds ------------------------------------------------------------------------------------------


@pytest.fixture
def chains() -> dict[str, Any]:
    """Two cases of four events and the house with three; the anchor was taken when all but one of each were there."""
    for case_id in ("C1", "C2"):
        open_case(case_id)
        for n in range(3):
            append(case_id, n=n)
    append(events.HOUSE, n=0)
    append(events.HOUSE, n=1)
    with connection.cursor() as cursor:
        anchor = events.heads(cursor)
    for chain in ("C1", "C2", events.HOUSE):
        append(chain, last=True)
    return anchor


def tamper(*statements: str) -> None:
    """As somebody who may alter the table: the triggers are off while it happens."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE records_event DISABLE TRIGGER USER")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("ALTER TABLE records_event ENABLE TRIGGER USER")


def rehashed(chain: str, from_number: int) -> list[str]:
    """A thorough forger: hashes and head made right again from `from_number` on."""
    hashing = [
        f"UPDATE records_event e SET previous = p.hash, hash = records_event_hash(p.hash, e.chain, e.number, e.kind, e.at, e.by,"
        f" e.body) FROM records_event p WHERE e.chain = '{chain}' AND p.chain = e.chain AND e.number = {n} AND p.number = {n - 1}"
        for n in range(from_number, 5)
    ]
    return [*hashing, new_head(chain)]


def new_head(chain: str) -> str:
    return (
        "UPDATE records_case c SET events = e.number, head = e.hash FROM records_event e WHERE c.case_id = e.chain"
        f" AND e.chain = '{chain}' AND e.number = (SELECT max(number) FROM records_event WHERE chain = '{chain}')"
    )


FORGERIES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "a changed byte of the body": (
        ["UPDATE records_event SET body = '{\"n\": 7}' WHERE chain = 'C1' AND number = 2"],
        {"chain": "C1", "number": 2, "reason": "changed"},
    ),
    "another instant": (
        ["UPDATE records_event SET at = at + interval '1 microsecond' WHERE chain = 'C1' AND number = 2"],
        {"chain": "C1", "number": 2, "reason": "changed"},
    ),
    "another actor": (
        ["UPDATE records_event SET by = 'somebody' WHERE chain = '' AND number = 3"],
        {"chain": "", "number": 3, "reason": "changed"},
    ),
    "a flipped bit of a hash": (
        ["UPDATE records_event SET hash = set_bit(hash, 17, 1 - get_bit(hash, 17)) WHERE chain = 'C2' AND number = 1"],
        {"chain": "C2", "number": 1, "reason": "changed"},
    ),
    "a changed event rehashed alone": (
        [
            "UPDATE records_event SET body = '{}' WHERE chain = 'C1' AND number = 2",
            (
                "UPDATE records_event SET hash = records_event_hash(previous, chain, number, kind, at, by, body)"
                " WHERE chain = 'C1' AND number = 2"
            ),
        ],
        {"chain": "C1", "number": 3, "reason": "link_broken"},
    ),
    "an event taken out": (
        ["DELETE FROM records_event WHERE chain = 'C1' AND number = 2"],
        {"chain": "C1", "number": 3, "reason": "out_of_order"},
    ),
    "two events in each other's place": (
        [
            "UPDATE records_event SET number = -number WHERE chain = 'C1' AND number IN (2, 3)",
            "UPDATE records_event SET number = 5 + number WHERE chain = 'C1' AND number < 0",
        ],
        {"chain": "C1", "number": 3, "reason": "out_of_order"},
    ),
    "a tail cut off": (
        ["DELETE FROM records_event WHERE chain = 'C2' AND number > 2"],
        {"chain": "C2", "number": 2, "reason": "head_differs"},
    ),
    "a whole chain gone": (
        ["DELETE FROM records_event WHERE chain = 'C2'"],
        {"chain": "C2", "number": 4, "reason": "events_missing"},
    ),
    "a case gone": (["DELETE FROM records_case WHERE case_id = 'C2'"], {"chain": "C2", "number": 4, "reason": "case_missing"}),
    "an event put in at the end": (
        [
            (
                "INSERT INTO records_event (chain, number, kind, at, by, body, previous, hash) SELECT chain, 5, kind, at, by, body,"
                " hash, records_event_hash(hash, chain, 5, kind, at, by, body) FROM records_event"
                " WHERE chain = 'C1' AND number = 4"
            )
        ],
        {"chain": "C1", "number": 5, "reason": "head_differs"},
    ),
}


@pytest.mark.parametrize(("statements", "found"), FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forgery_is_found(chains: dict[str, Any], statements: list[str], found: dict[str, Any]) -> None:
    before = {"ok": True, "events": 11, "first_bad": None}
    assert events.verify(anchors=[chains]) == before
    tamper(*statements)
    answer = events.verify(anchors=[chains])
    assert (answer["ok"], answer["first_bad"]) == (False, found)
    one_chain = events.verify(case=found["chain"])
    assert one_chain["first_bad"] == found
    untouched = next(chain for chain in ("C1", "C2", "") if chain != found["chain"])
    assert events.verify(case=untouched)["ok"]


THOROUGH: dict[str, list[str]] = {
    "a tail cut off with its head": ["DELETE FROM records_event WHERE chain = 'C2' AND number > 2", new_head("C2")],
    "the house's tail cut off": ["DELETE FROM records_event WHERE chain = '' AND number > 1"],
    "a whole case that never was": [
        "DELETE FROM records_event WHERE chain = 'C2'",
        "UPDATE records_case SET events = 0, head = NULL WHERE case_id = 'C2'",
    ],
    "history rewritten with all its hashes": [
        (
            "UPDATE records_event SET body = '{}', hash = records_event_hash(previous, chain, number, kind, at, by, '{}')"
            " WHERE chain = 'C1' AND number = 1"
        ),
        *rehashed("C1", 2),
    ],
}


@pytest.mark.parametrize("statements", THOROUGH.values(), ids=THOROUGH.keys())
def test_a_thorough_forgery_no_longer_agrees_with_what_was_kept_outside(chains: dict[str, Any], statements: list[str]) -> None:
    tamper(*statements)
    assert events.verify()["ok"]
    with connection.cursor() as cursor:
        now = events.heads(cursor)
    answer = events.verify(anchors=[{"night": "2026-11-20.1", **chains}, now])
    assert answer["first_bad"] == {"anchor": {"night": "2026-11-20.1", **chains}, "reason": "anchor_differs"}


def test_every_anchor_ever_taken_keeps_agreeing_while_chains_grow() -> None:
    anchors = []
    for n in range(6):
        open_case(f"C{n}")
        for chain in {f"C{n}", f"C{n // 2}", ""}:
            append(chain, n=n)
        with connection.cursor() as cursor:
            anchors.append(events.heads(cursor))
    with connection.cursor() as cursor:
        assert events.heads(cursor) == anchors[-1]
    assert events.verify(anchors=anchors)["ok"]
    assert not events.verify(anchors=[*anchors, {**anchors[2], "digest": anchors[3]["digest"]}])["ok"]
    assert not events.verify(anchors=[{**anchors[2], "events": anchors[2]["events"] + 1}])["ok"]


def test_nothing_is_sound() -> None:
    with connection.cursor() as cursor:
        anchor = events.heads(cursor)
    assert anchor == {"events": 0, "position": 0, "digest": hashlib.sha256().hexdigest()}
    assert events.verify(anchors=[anchor]) == {"ok": True, "events": 0, "first_bad": None}


def test_the_form_of_copied_heads_is_what_verify_reads() -> None:
    assert events._HEAD_ROW.itemsize == struct.calcsize(">hiqiqi32s")


# --- many writers -------------------------------------------------------------------------------------------------


def at_once(number: int, work: Callable[[int], None]) -> list[Exception]:
    failures: list[Exception] = []
    start = threading.Barrier(number)

    def run(n: int) -> None:
        try:
            start.wait()
            work(n)
        except Exception as failure:  # noqa: BLE001
            failures.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[n]) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


@pytest.fixture
def committed(transactional_db: None) -> Iterator[None]:
    yield
    Case.objects.all().delete()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("committed")
def test_writers_of_one_chain_at_once_never_break_it() -> None:
    open_case("C1")
    open_case("C2")

    def write(n: int) -> None:
        for m in range(15):
            with transaction.atomic():
                append("C1" if n % 2 else events.HOUSE, n=n, m=m)

    assert at_once(6, write) == []
    assert events.verify() == {"ok": True, "events": 90, "first_bad": None}
    assert Case.objects.get(pk="C1").events == 45


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("committed")
def test_a_night_and_a_collector_at_once_leave_sound_chains() -> None:
    books = Books()
    books.night(1, [Card(f"A{n}", f"C{n}", 10) for n in range(8)])
    done = threading.Event()

    def work(n: int) -> None:
        if n == 0:
            for number in range(2, 5):
                books.night(number, [Card(f"A{n}", f"C{n}", (10 + 30 * (number + n)) % 120) for n in range(8)])
            done.set()
        while n and not done.is_set():
            with transaction.atomic():
                append(f"C{n}", n=n)

    assert at_once(3, work) == []
    answer = events.verify()
    assert answer["ok"], answer


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("committed")
def test_an_anchor_taken_while_others_write_agrees_ever_after() -> None:
    for n in range(3):
        open_case(f"C{n}")
    anchors: list[dict[str, Any]] = []

    def work(n: int) -> None:
        for m in range(12):
            with transaction.atomic(), connection.cursor() as cursor:
                if n == 3:
                    anchors.append(events.heads(cursor))
                else:
                    append(f"C{n}", m=m)

    assert at_once(4, work) == []
    assert len(anchors) == 12
    assert events.verify(anchors=anchors) == {"ok": True, "events": 36, "first_bad": None}
