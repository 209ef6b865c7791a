"""Get-next: the one case a collector is given to work on now, and the lease under which she holds it.

Knows the order in which work is handed out, and that nobody is given a case the gate would not let her contact now. Two collectors
never get the same one: a row that another transaction holds is passed over. The order is told in docs/worklist.md.
"""

# ruff: noqa: S608  The SQL is put together from constants of this file; every value is bound.
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
from django.conf import settings
from django.db import connection, transaction

from anhuan.acts import desk, grant
from anhuan.acts import law as laws
from anhuan.acts.customer import Held
from anhuan.acts.dispatch import Unfit
from anhuan.acts.fitness import faults_of
from anhuan.acts.proposal import as_attempt
from anhuan.core import gate
from anhuan.core.gate import Permit
from anhuan.core.law import Law
from anhuan.core.vocabulary import Channel, Purpose
from anhuan.records import facts
from anhuan.records.facts import Known
from anhuan.records.staff import Right, Staff, Team
from anhuan.records.worklist import WorkItem, WorkState
from anhuan.rulebook import queues
from anhuan.rulebook.queues import Queue

LEASE = timedelta(minutes=20)
"""How long a case is held without a sign of life."""
TRIES = 8
"""How many cases the gate is asked about for one that is handed out."""
OLDEST_EVERY = 10
"""Every so many takes of a queue the one that has waited longest is taken, whatever it is worth: nobody waits for ever."""
NEAR = 16
"""Among so many that come first, one whose best hour it is goes before the others."""
OPENED = timedelta(days=1)
"""For how long a case that is with an agency is opened to whoever it was handed to."""
FORSAKEN = timedelta(hours=1)
"""A follow-up its own person lets wait longer than this goes to whoever serves its queue."""
AGAIN = timedelta(days=1)
"""When the gate is asked again of a case of which it does not know when it opens."""


@dataclass(frozen=True)
class Collector:
    """Who takes: the queues she serves, with their weights, and the languages she speaks (none: any)."""

    username: str
    queues: Mapping[str, Queue]
    languages: tuple[str, ...]

    @classmethod
    def of(cls, staff: Staff) -> Collector | None:
        """A member of staff who works cases; None where she may not, or serves no queue."""
        if not staff.may(Right.WORK):
            return None
        served = serves(staff)
        speaks = tuple(sorted({tongue.split("-")[0].lower() for tongue in staff.speaks}))
        return cls(staff.username, served, speaks) if served else None


@dataclass(frozen=True)
class _Candidate:
    """An item that may be the next, locked, with the accounts that are `late` and whether it is with an agency."""

    item: WorkItem
    late: frozenset[str]
    placed: bool


def serves(staff: Staff) -> Mapping[str, Queue]:
    """The queues of the house that somebody serves: those of her team, as far as her role and skills go."""
    told = house_queues()
    of_team = set(staff.team.queues) if staff.team and staff.team.queues else set(told)
    return {name: queue for name, queue in told.items() if name in of_team and queue.served_by(staff.role, staff.skills)}


def house_queues() -> Mapping[str, Queue]:
    """Every queue of the house, in its order."""
    return queues.read(Path(settings.ANHUAN_HOME))


def take(by: str, *, at: datetime) -> WorkItem | None:
    """The case `by` is to work on now: the one she holds, else the next; None where there is none for her.

    What she gets is hers for `LEASE` from `at`. At most `TRIES` cases are passed over because the gate permits nothing now: they
    come again when it will.
    """
    with transaction.atomic(), _cursor() as cursor:
        cursor.execute(_ONCE, {"by": by}, prepare=True)
        staff, mine = _who(cursor, by)
        if mine is not None and _still_hers(mine, at):
            return mine
        collector = Collector.of(staff) if staff else None
        if collector is None:
            return None
        for tried, found in enumerate(_candidates(cursor, collector, at), start=1):
            item = found.item
            opens_at = _opens(found, collector, at)
            if opens_at is None:
                if found.placed:
                    _open_to(item, by, at)
                return _lease(cursor, item, by, at)
            WorkItem.objects.filter(pk=item.pk).update(not_before=opens_at, gate_tries=min(item.gate_tries + 1, 999))
            if tried == TRIES:
                break
    return None


def warm(*, at: datetime) -> None:
    """Have this connection ask everything a take asks, for nobody, so that whoever comes first on it waits no longer than the next.

    A new server process knows nothing of the catalogue and has planned nothing: its first take costs three times as much.
    """
    law = laws.in_force(at)
    nobody: dict[str, Any] = {
        "by": "", "at": at, "forsaken": at, "queues": [], "any": True, "languages": [], "day": _day(at), "zone": settings.TIME_ZONE,
        "queue": "", "language": "", "seen": [], "lease": uuid4(), "until": at, "taken": 0, "customer": "", "body": "{}",
    }  # fmt: skip
    with transaction.atomic(), _cursor() as cursor:
        cursor.execute(_ONCE, {"by": ""}, prepare=True)
        _who(cursor, "")
        for question in (_SURVEY, *_FIRSTS, _WAITED, _OLDEST, _AT_HER_HOUR, _NEXT, _LEASE):
            cursor.execute(question, nobody, prepare=True)
    facts.known_of("", at=at, since=at - facts.reach(law))


Cursor = psycopg.Cursor[Any]


@contextmanager
def _cursor() -> Iterator[Cursor]:
    """A cursor in Django's own transaction whose statements PostgreSQL plans once a connection: planning takes longer than they do."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor


_FIELDS = [field.attname for field in WorkItem._meta.concrete_fields]  # noqa: SLF001  the documented way to a model's columns
_ITEM = ", ".join(f"w.{name}" for name in _FIELDS)


def _item(row: Sequence[Any]) -> WorkItem:
    return WorkItem.from_db("default", _FIELDS, row)


# Who asks twice at once waits for her first answer, which is the second one, too.
_ONCE = "SELECT pg_advisory_xact_lock(hashtextextended(%(by)s, 2003788395))"
# Who asks, her team, and what she holds. What follows in the transaction is planned for any values: planning anew for each would take
# longer than the answers do.
_WHO = f"""
SELECT set_config('plan_cache_mode', 'force_generic_plan', true), s.role, s.is_active, s.skills, s.speaks, t.queues, {_ITEM}
FROM records_staff s LEFT JOIN records_team t ON t.id = s.team_id
LEFT JOIN records_workitem w ON w.leased_by = %(by)s AND w.leased_by <> ''
WHERE s.username = %(by)s
"""
NO_LEASE: Mapping[str, Any] = {"leased_by": "", "lease": None, "leased_at": None, "leased_until": None}


def _who(cursor: Cursor, by: str) -> tuple[Staff | None, WorkItem | None]:
    rows = cursor.execute(_WHO, {"by": by}, prepare=True).fetchall()
    if not rows:
        return None, None
    _, role, active, skills, speaks, of_team, *item = rows[0]
    team = None if of_team is None else Team(queues=of_team)
    staff = Staff(username=by, role=role, is_active=active, skills=skills, speaks=speaks, team=team)
    return staff, None if item[0] is None else _item(item)


def _still_hers(mine: WorkItem, at: datetime) -> bool:
    """Whether she holds it yet, for as long again; a lease of hers that is over ends here."""
    held = WorkItem.objects.filter(pk=mine.pk, lease=mine.lease)
    if mine.held_at(at):
        mine.leased_until = at + LEASE
        return bool(held.update(leased_until=mine.leased_until))
    held.update(**NO_LEASE)
    return False


# --- in which order -----------------------------------------------------------------------------------------------

_OPEN = "state = 'open' AND leased_by = ''"
_SHARED = f"{_OPEN} AND assigned_to = '' AND follow_up_at IS NULL"
_READY = "(not_before IS NULL OR not_before <= %(at)s)"
_SPOKEN = "(%(any)s OR language = ANY(%(languages)s::text[]))"
_OWN_FOLLOW_UP = f"{_OPEN} AND assigned_to = %(by)s AND assigned_to <> '' AND follow_up_at <= %(at)s AND {_READY}"
_FOLLOW_UP = f"""{_OPEN} AND queue = ANY(%(queues)s::text[]) AND follow_up_at <= %(at)s AND {_READY} AND {_SPOKEN}
AND (assigned_to = '' OR follow_up_at <= %(forsaken)s)"""
_OWN = f"{_OPEN} AND assigned_to = %(by)s AND assigned_to <> '' AND follow_up_at IS NULL AND {_READY}"
_LANE = f"{_SHARED} AND queue = %(queue)s AND language = %(language)s"
_BY_DATE, _BY_RANK = "follow_up_at, customer_id", "rank, customer_id"
# With an item comes whether its customer could be held, too, as by every act (not where another act holds her), and what the gate
# is asked about.
_FOUND = f"""
{_ITEM}, pg_try_advisory_xact_lock(hashtextextended(w.customer_id, 1634626664)),
ARRAY(SELECT account_id FROM records_account a WHERE a.customer_id = w.customer_id AND a.bucket > 0),
EXISTS (SELECT FROM records_casefigures f WHERE f.case_id = w.customer_id AND f.placed_with <> '')
"""
_UNSEEN = "customer_id <> ALL(%(seen)s::text[])"


def _first(where: str, order: str) -> str:
    return f"""
        SELECT {_FOUND} FROM (
            SELECT * FROM records_workitem WHERE {where} AND {_UNSEEN} ORDER BY {order} LIMIT 1 FOR UPDATE SKIP LOCKED) w"""


# The ways to a case of hers or with a date, the first first; and those within one queue and language.
_WAYS = ((_OWN_FOLLOW_UP, _BY_DATE), (_FOLLOW_UP, _BY_DATE), (_OWN, _BY_RANK))
_FIRSTS = [_first(*way) for way in _WAYS]
_WAITED = _first(f"{_LANE} AND not_before <= %(at)s", "not_before, rank")
_RANKED = f"{_LANE} AND not_before IS NULL"
_OLDEST, _NEXT = (_first(_RANKED, order) for order in ("since", "rank"))
# Of the first few, one whose best hour it is where she is goes first; what goes before everything else still does.
_AT_HER_HOUR = f"""
SELECT {_FOUND} FROM (
    SELECT i.* FROM (
        SELECT customer_id, rank AS place, CASE WHEN best_hour IS NOT NULL THEN best_hour = extract(hour FROM %(at)s::timestamptz
                   AT TIME ZONE coalesce((SELECT nullif(timezone, '') FROM records_customer k WHERE k.customer_id = f.customer_id),
                                         %(zone)s)) END AS her_hour
        FROM (SELECT * FROM records_workitem WHERE {_RANKED} AND {_UNSEEN} ORDER BY rank LIMIT {NEAR}) f) f
    JOIN records_workitem i USING (customer_id)
    WHERE {_RANKED}
    ORDER BY place > 0, coalesce(her_hour, false) DESC, place LIMIT 1 FOR UPDATE OF i SKIP LOCKED) w
"""

# Every queue and language in which something lies, found by leaping through an index from one to the next.
_LEAPS = f"""
(WITH RECURSIVE lane AS (
    (SELECT queue, language, rank, not_before FROM records_workitem WHERE {_SHARED} AND {{which}}
     ORDER BY queue, language, {{first}} LIMIT 1)
    UNION ALL
    SELECT n.* FROM lane l, LATERAL (
        SELECT queue, language, rank, not_before FROM records_workitem
        WHERE {_SHARED} AND {{which}} AND (queue, language) > (l.queue, l.language) ORDER BY queue, language, {{first}} LIMIT 1) n
) SELECT * FROM lane WHERE not_before IS NULL OR not_before <= %(at)s)
"""
_LANES = " UNION ALL ".join(
    _LEAPS.format(which=which, first=first)
    for which, first in (("not_before IS NULL", "rank"), ("not_before IS NOT NULL", "not_before"))
)
# What there is, in one question, each part in the order of its index, lest PostgreSQL read the table; nothing of it is locked, so that
# an answer may be out of date when it is acted upon.
_SURVEY = f"""
SELECT {", ".join(f"(SELECT true FROM records_workitem WHERE {where} ORDER BY {order} LIMIT 1)" for where, order in _WAYS)},
       (SELECT true FROM records_workitem WHERE leased_by <> '' AND leased_until <= %(at)s ORDER BY leased_until LIMIT 1),
       (SELECT jsonb_object_agg(queue, taken) FROM records_workshare WHERE day = %(day)s AND username = %(by)s),
       (SELECT jsonb_agg(jsonb_build_array(queue, language, rank, not_before IS NOT NULL)) FROM ({_LANES}) l)
"""
_SWEEP = """
UPDATE records_workitem SET leased_by = '', lease = NULL, leased_at = NULL, leased_until = NULL WHERE customer_id IN (
    SELECT customer_id FROM records_workitem WHERE leased_by <> '' AND leased_until <= %(at)s ORDER BY leased_until LIMIT 20
    FOR UPDATE SKIP LOCKED)
"""


def _candidates(cursor: Cursor, collector: Collector, at: datetime) -> Iterator[_Candidate]:
    """Cases in the order they are handed out, each locked; those another transaction has are passed over.

    Follow-ups that are due come first, her own before those of her queues; then cases that were given to her; then her queues, in
    fair shares. Leases that are over give their cases back before.
    """
    asked: dict[str, Any] = {
        "by": collector.username, "at": at, "forsaken": at - FORSAKEN, "queues": list(collector.queues),
        "any": not collector.languages, "languages": list(collector.languages), "day": _day(at), "zone": settings.TIME_ZONE,
    }  # fmt: skip
    *there, over, taken, lanes = _survey(cursor, asked)
    if over:
        cursor.execute(_SWEEP, {"at": at}, prepare=True)
        *there, _, taken, lanes = _survey(cursor, asked)
    seen: list[str] = []
    for is_there, way in zip(there, _FIRSTS, strict=True):
        if is_there:
            yield from _locked(cursor, way, asked, seen)
    for queue, language, turn, waited in _lanes(collector, json.loads(taken or "{}"), json.loads(lanes or "[]")):
        lane = {**asked, "queue": queue, "language": language}
        # The oldest has its turn once, and then it is the others' again.
        if turn % OLDEST_EVERY == 0:
            yield from _locked(cursor, _OLDEST, lane, seen, most=1)
        for way in (*[_WAITED] * waited, _AT_HER_HOUR, _NEXT):
            yield from _locked(cursor, way, lane, seen)


def _survey(cursor: Cursor, asked: Mapping[str, Any]) -> Sequence[Any]:
    (row,) = cursor.execute(_SURVEY, asked, prepare=True).fetchall()
    return tuple(row)


def _lanes(
    collector: Collector, taken: Mapping[str, int], lanes: Iterable[tuple[str, str, int, bool]]
) -> Iterator[tuple[str, str, int, bool]]:
    """Queue, language, the how-manieth take of the queue today this would be, and whether something passed over may be taken now: her
    queues in fair shares, the languages she speaks by what comes first in each.
    """
    found: dict[str, dict[str, int]] = {}
    passed_over = set()
    for queue, language, rank, waited in lanes:
        if queue in collector.queues and (not collector.languages or language in collector.languages):
            heads = found.setdefault(queue, {})
            heads[language] = min(rank, heads.get(language, rank))
            if waited:
                passed_over.add((queue, language))
    for queue in sorted(found, key=lambda name: ((taken.get(name, 0) + 1) / collector.queues[name].weight, name)):
        for language in sorted(found[queue], key=lambda tongue, heads=found[queue]: (heads[tongue], tongue)):  # type: ignore[misc]
            yield queue, language, taken.get(queue, 0) + 1, (queue, language) in passed_over


def _locked(cursor: Cursor, way: str, asked: Mapping[str, Any], seen: list[str], *, most: int = TRIES) -> Iterator[_Candidate]:
    """One after the other, for what is asked of one decides whether the next is; one whom another act holds is not waited for."""
    for _ in range(most):
        rows = cursor.execute(way, {**asked, "seen": seen}, prepare=True).fetchall()
        if not rows:
            return
        *row, free, late, placed = rows[0]
        seen.append(str(row[0]))
        if free:
            yield _Candidate(_item(row), frozenset(late), placed)


def _day(at: datetime) -> date:
    return at.astimezone(ZoneInfo(settings.TIME_ZONE)).date()


# --- may she be contacted -----------------------------------------------------------------------------------------


def _opens(found: _Candidate, collector: Collector, at: datetime) -> datetime | None:
    """None where the case may be worked on now; else when it is asked about again.

    Asked is what the item wants, or, of a follow-up and of what no channel was named for, every contact the file offers.
    A queue that answers people rather than collects is not asked about: each contact passes the door all the same.
    """
    item = found.item
    told = collector.queues.get(item.queue)
    if told is not None and told.special:
        return None
    law = laws.in_force(at)
    wanted = item.channel if item.follow_up_at is None and item.channel in set(Channel) else ""
    known = facts.known_of(item.customer_id, at=at, since=at - facts.reach(law))
    if wanted and _permitted(found, known, law, at):
        return None
    opens: list[datetime] = []
    for attempt, preview in desk.previews(item.customer_id, law=law, at=at, known=known):
        if isinstance(preview, Unfit) or attempt.purpose is not Purpose.COLLECT or (wanted and attempt.channel != wanted):
            continue
        if isinstance(preview.verdict, Permit):
            return None
        if preview.opens_at is not None:
            opens.append(preview.opens_at)
    return min(opens, default=at + AGAIN)


def _permitted(found: _Candidate, known: Known, law: Law, at: datetime) -> bool:
    """Whether the gate permits what is wanted at her best point: one question, and mostly the only one."""
    late = found.late & known.facts.debts.keys() or known.facts.debts.keys()
    attempt = as_attempt(found.item.channel, late, found.item.account_id, known.facts)
    return not faults_of(attempt, known, at) and isinstance(gate.check(attempt, known.facts, law, at), Permit)


# --- the lease ----------------------------------------------------------------------------------------------------

# The case is hers; the take counts for her shares, and is remembered on the case.
_LEASE = """
WITH item AS (
    UPDATE records_workitem SET leased_by = %(by)s, lease = %(lease)s, leased_at = %(at)s, leased_until = %(until)s,
           taken_on = %(day)s, taken_today = %(taken)s, not_before = NULL
    WHERE customer_id = %(customer)s RETURNING customer_id),
share AS (
    INSERT INTO records_workshare AS s (day, username, queue, taken) SELECT %(day)s, %(by)s, %(queue)s, 1 FROM item
    ON CONFLICT (day, username, queue) DO UPDATE SET taken = s.taken + 1)
SELECT records_event_append(%(customer)s, 'work.taken', %(body)s::jsonb,
                            CASE WHEN h.last > %(at)s AND h.last <= %(at)s + interval '1 minute' THEN h.last ELSE %(at)s END, %(by)s)
FROM records_customer_hold(%(customer)s) h WHERE h.has_case
"""


def _lease(cursor: Cursor, item: WorkItem, by: str, at: datetime) -> WorkItem:
    """The same item, hers from now on."""
    day = _day(at)
    item.leased_by, item.lease, item.leased_at, item.leased_until, item.not_before = by, uuid4(), at, at + LEASE, None
    item.taken_on, item.taken_today = day, item.taken_today + 1 if item.taken_on == day else 1
    told = {
        "by": by, "lease": item.lease, "at": at, "until": item.leased_until, "day": day, "taken": item.taken_today,
        "customer": item.customer_id, "queue": item.queue, "body": json.dumps({"queue": item.queue, "lease": str(item.lease)}),
    }  # fmt: skip
    cursor.execute(_LEASE, told, prepare=True)
    return item


def _open_to(item: WorkItem, by: str, at: datetime) -> None:
    """A case with an agency, which the strategy wants somebody of the house to work on all the same, is opened to her."""
    grant.give(item.customer_id, by, why="handed out by the worklist", until=at + OPENED, at=at, by=by)


def remember(customer: Held, kind: str, item: WorkItem, **body: Any) -> None:
    """The one event of an act on an item; what is empty is left out."""
    told = {"queue": item.queue, **body}
    customer.remember(kind, {name: value for name, value in told.items() if value not in (None, "")})


def renew(customer_id: str, *, by: str, at: datetime) -> bool:
    """Activity on a case: who holds it holds it for `LEASE` from now; False where she does not.

    No event: nothing was done with the customer.
    """
    standing = WorkItem.objects.filter(pk=customer_id, leased_by=by, leased_until__gt=at, state=WorkState.OPEN)
    return bool(standing.update(leased_until=at + LEASE))
