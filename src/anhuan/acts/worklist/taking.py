"""Get-next: the one case a collector is given to work on now, and the lease under which she holds it.

Knows the order in which work is handed out, and that nobody is given a case the gate would not let her contact now. Two collectors
never get the same one: a row that another transaction holds is passed over. The order is told in docs/worklist.md.
"""

# ruff: noqa: S608  The SQL is put together from constants of this file; every value is bound.
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper

from anhuan.acts import desk
from anhuan.acts import law as laws
from anhuan.acts.customer import Held, held
from anhuan.acts.dispatch import Unfit
from anhuan.core.gate import Permit
from anhuan.core.vocabulary import Channel, Purpose
from anhuan.records.staff import Right, Staff
from anhuan.records.worklist import WorkItem, WorkState
from anhuan.rulebook import queues
from anhuan.rulebook.queues import Queue

LEASE = timedelta(minutes=20)
"""How long a case is held without a sign of life."""
TRIES = 8
"""How many cases the gate is asked about for one that is handed out."""
OLDEST_EVERY = 10
"""Every so many takes of a queue the one that has waited longest is taken, whatever it is worth: nobody waits for ever."""
FORSAKEN = timedelta(hours=1)
"""A follow-up its own person lets wait longer than this goes to whoever serves its queue."""
AGAIN = timedelta(days=1)
"""When the gate is asked again of a case of which it does not know when it opens."""
_SWEPT = 20


@dataclass(frozen=True)
class Collector:
    """Who takes: the queues she serves, with their weights, and the languages she speaks (none: any)."""

    username: str
    queues: Mapping[str, Queue]
    languages: tuple[str, ...]

    @classmethod
    def of(cls, username: str) -> Collector | None:
        """A member of staff who works cases; None where she may not, or serves no queue."""
        staff = Staff.objects.select_related("team").filter(username=username).first()
        if staff is None or not staff.may(Right.WORK):
            return None
        served = serves(staff)
        speaks = tuple(sorted({tongue.split("-")[0].lower() for tongue in staff.speaks}))
        return cls(username, served, speaks) if served else None


def serves(staff: Staff) -> Mapping[str, Queue]:
    """The queues of the house that somebody serves: those of her team, as far as her role and skills go."""
    told = queues.read(Path(settings.ANHUAN_HOME))
    of_team = set(staff.team.queues) if staff.team and staff.team.queues else set(told)
    return {name: queue for name, queue in told.items() if name in of_team and queue.served_by(staff.role, staff.skills)}


def take(by: str, *, at: datetime) -> WorkItem | None:
    """The case `by` is to work on now: the one she holds, else the next; None where there is none for her.

    What she gets is hers for `LEASE` from `at`. At most `TRIES` cases are passed over because the gate permits nothing now: they
    come again when it will.
    """
    try:
        return _take(by, at=at)
    except IntegrityError as twice:  # she asked twice at once, and the other question was quicker
        if "one_lease_a_collector" not in str(twice):
            raise
        return _take(by, at=at)


def _take(by: str, *, at: datetime) -> WorkItem | None:
    with transaction.atomic(), connection.cursor() as cursor:
        mine = _hers(by, at)
        if mine is not None:
            return mine
        collector = Collector.of(by)
        if collector is None:
            return None
        _sweep(cursor, at)
        seen: list[str] = []
        for item in _candidates(cursor, collector, seen, at):
            seen.append(item.customer_id)
            if not _free(cursor, item.customer_id):
                continue
            opens_at = _opens(item, collector, at)
            if opens_at is None:
                _lease(cursor, item, by, at)
                return item
            WorkItem.objects.filter(pk=item.pk).update(not_before=opens_at, gate_tries=min(item.gate_tries + 1, 999))
            if sum(1 for _ in seen) >= TRIES:
                break
    return None


def _hers(by: str, at: datetime) -> WorkItem | None:
    """What she holds, for as long again; a lease of hers that is over ends here."""
    mine = WorkItem.objects.select_for_update().filter(leased_by=by).first()
    if mine is None:
        return None
    if mine.held_at(at):
        mine.leased_until = at + LEASE
        mine.save(update_fields=["leased_until"])
        return mine
    WorkItem.objects.filter(pk=mine.pk).update(**NO_LEASE)
    return None


NO_LEASE: Mapping[str, Any] = {"leased_by": "", "lease": None, "leased_at": None, "leased_until": None}


def _sweep(cursor: CursorWrapper, at: datetime) -> None:
    """Leases that are over give their cases back; those somebody else looks at just now are left to her."""
    cursor.execute(
        "UPDATE records_workitem SET leased_by = '', lease = NULL, leased_at = NULL, leased_until = NULL WHERE customer_id IN ("
        "SELECT customer_id FROM records_workitem WHERE leased_by <> '' AND leased_until <= %s ORDER BY leased_until LIMIT %s"
        " FOR UPDATE SKIP LOCKED)",
        [at, _SWEPT],
    )


def _free(cursor: CursorWrapper, customer_id: str) -> bool:
    """Hold the customer, as every act does; False where another act holds her just now, whom nobody waits for."""
    cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 1634626664))", [customer_id])
    (got,) = cursor.fetchone()
    return bool(got)


# --- in which order -----------------------------------------------------------------------------------------------

_OPEN = "state = 'open' AND leased_by = ''"
_SHARED = f"{_OPEN} AND assigned_to = '' AND follow_up_at IS NULL"
_OWN_FOLLOW_UP = f"{_OPEN} AND assigned_to = %(by)s AND follow_up_at <= %(at)s AND {{ready}} ORDER BY follow_up_at, customer_id"
_FOLLOW_UP = f"""
{_OPEN} AND queue = ANY(%(queues)s) AND follow_up_at <= %(at)s AND (assigned_to = '' OR follow_up_at <= %(forsaken)s) AND {{ready}}
AND {{spoken}} ORDER BY follow_up_at, customer_id
"""
_OWN = f"{_OPEN} AND assigned_to = %(by)s AND follow_up_at IS NULL AND {{ready}} ORDER BY rank, customer_id"
_READY = "(not_before IS NULL OR not_before <= %(at)s)"
_SPOKEN = "(%(any)s OR language = ANY(%(languages)s))"
_LANE = f"{_SHARED} AND queue = %(queue)s AND language = %(language)s"
_WAITED = f"{_LANE} AND not_before <= %(at)s ORDER BY not_before, rank"
_OLDEST = f"{_LANE} AND not_before IS NULL ORDER BY since"
_NEXT = f"{_LANE} AND not_before IS NULL ORDER BY rank"


def _candidates(cursor: CursorWrapper, collector: Collector, seen: list[str], at: datetime) -> Iterator[WorkItem]:
    """Cases in the order they are handed out, each locked; those another transaction has are passed over.

    Follow-ups that are due come first, her own before those of her queues; then cases that were given to her; then her queues, in
    fair shares.
    """
    asked = {
        "by": collector.username, "at": at, "forsaken": at - FORSAKEN, "queues": list(collector.queues),
        "any": not collector.languages, "languages": list(collector.languages),
    }  # fmt: skip
    for where in (_OWN_FOLLOW_UP, _FOLLOW_UP, _OWN):
        yield from _locked(where.replace("{ready}", _READY).replace("{spoken}", _SPOKEN), asked, seen)
    taken, day = _taken(collector.username, at), _day(at)
    lanes = _lanes(cursor, collector)
    for queue in sorted(lanes, key=lambda name: ((taken.get(name, 0) + 1) / collector.queues[name].weight, name)):
        turn = taken.get(queue, 0) + 1
        for language in _by_head(cursor, queue, lanes[queue]):
            lane = {**asked, "queue": queue, "language": language, "day": day}
            ways = (_OLDEST, _WAITED, _NEXT) if turn % OLDEST_EVERY == 0 else (_WAITED, _NEXT)
            for where in ways:
                # The oldest has its turn once, and then it is the others' again.
                yield from _locked(where, lane, seen, most=1 if where is _OLDEST else TRIES)


def _locked(where: str, asked: Mapping[str, Any], seen: Sequence[str], *, most: int = TRIES) -> Iterator[WorkItem]:
    """One after the other, for what is asked of one decides whether the next is."""
    for _ in range(most):
        params = {**asked, "seen": list(seen)}
        sql = f"SELECT * FROM records_workitem WHERE customer_id <> ALL(%(seen)s::text[]) AND {where} LIMIT 1 FOR UPDATE SKIP LOCKED"
        found = list(WorkItem.objects.raw(sql, params))
        if not found:
            return
        yield found[0]


# Every queue and language in which something may be taken, found by leaping through an index from one to the next.
_LEAPS = f"""
WITH RECURSIVE lane AS (
    (SELECT queue, language FROM records_workitem WHERE {_SHARED} AND {{which}} ORDER BY queue, language LIMIT 1)
    UNION ALL
    SELECT n.queue, n.language FROM lane l, LATERAL (
        SELECT queue, language FROM records_workitem
        WHERE {_SHARED} AND {{which}} AND (queue, language) > (l.queue, l.language) ORDER BY queue, language LIMIT 1) n
) SELECT queue, language FROM lane
"""
_LANES = " UNION ".join(f"({_LEAPS.format(which=which)})" for which in ("not_before IS NULL", "not_before IS NOT NULL"))


def _lanes(cursor: CursorWrapper, collector: Collector) -> dict[str, list[str]]:
    """The languages in which something lies in each of her queues, as far as she speaks them."""
    cursor.execute(_LANES)
    lanes: dict[str, list[str]] = {}
    for queue, language in cursor.fetchall():
        if queue in collector.queues and (not collector.languages or language in collector.languages):
            lanes.setdefault(queue, []).append(language)
    return lanes


def _by_head(cursor: CursorWrapper, queue: str, languages: Sequence[str]) -> Sequence[str]:
    """Languages by what comes first in each."""
    if len(languages) < 2:
        return languages
    heads = {}
    for language in languages:
        cursor.execute(
            f"SELECT rank FROM records_workitem WHERE {_LANE} AND not_before IS NULL ORDER BY rank LIMIT 1",
            {"queue": queue, "language": language},
        )
        head = cursor.fetchone()
        heads[language] = head[0] if head else 0
    return sorted(languages, key=lambda language: (heads[language], language))


def _taken(username: str, at: datetime) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT queue, taken FROM records_workshare WHERE day = %s AND username = %s", [_day(at), username])
        return dict(cursor.fetchall())


def _day(at: datetime) -> Any:
    return at.astimezone(ZoneInfo(settings.TIME_ZONE)).date()


# --- may she be contacted -----------------------------------------------------------------------------------------


def _opens(item: WorkItem, collector: Collector, at: datetime) -> datetime | None:
    """None where the case may be worked on now; else when it is asked about again.

    Asked is what the item wants, or, of a follow-up and of what no channel was named for, every contact the file offers.
    A queue that answers people rather than collects is not asked about: each contact passes the door all the same.
    """
    told = collector.queues.get(item.queue)
    if told is not None and told.special:
        return None
    wanted = item.channel if item.follow_up_at is None and item.channel in set(Channel) else ""
    opens: list[datetime] = []
    for attempt, preview in desk.previews(item.customer_id, law=laws.in_force(at), at=at):
        if isinstance(preview, Unfit) or attempt.purpose is not Purpose.COLLECT or (wanted and attempt.channel != wanted):
            continue
        if isinstance(preview.verdict, Permit):
            return None
        if preview.opens_at is not None:
            opens.append(preview.opens_at)
    return min(opens, default=at + AGAIN)


# --- the lease ----------------------------------------------------------------------------------------------------


def _lease(cursor: CursorWrapper, item: WorkItem, by: str, at: datetime) -> None:
    """The case is hers; the take counts for her shares, and is remembered on the case."""
    day = _day(at)
    item.leased_by, item.lease, item.leased_at, item.leased_until = by, uuid4(), at, at + LEASE
    item.taken_today = item.taken_today + 1 if item.taken_on == day else 1
    item.taken_on, item.not_before = day, None
    item.save(update_fields=["leased_by", "lease", "leased_at", "leased_until", "taken_today", "taken_on", "not_before"])
    cursor.execute(
        "INSERT INTO records_workshare AS s (day, username, queue, taken) VALUES (%s, %s, %s, 1)"
        " ON CONFLICT (day, username, queue) DO UPDATE SET taken = s.taken + 1",
        [day, by, item.queue],
    )
    with held(item.customer_id, at=at, by=by) as customer:
        remember(customer, "work.taken", item, lease=str(item.lease))


def remember(customer: Held, kind: str, item: WorkItem, **body: Any) -> None:
    told = {"queue": item.queue, **body}
    customer.remember(kind, {name: value for name, value in told.items() if value not in (None, "")})


def renew(customer_id: str, *, by: str, at: datetime) -> bool:
    """Activity on a case: who holds it holds it for `LEASE` from now; False where she does not.

    No event: nothing was done with the customer.
    """
    standing = WorkItem.objects.filter(pk=customer_id, leased_by=by, leased_until__gt=at, state=WorkState.OPEN)
    return bool(standing.update(leased_until=at + LEASE))
