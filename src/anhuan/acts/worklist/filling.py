"""The night fills the worklist: what the strategy wants of people becomes items, and what is wanted no more goes.

Knows which proposals are for people, where they go and in which order they are worked on. Does not ask the gate: that is done
when an item is handed out. What is wanted is compared with what lies there in one pass, and only what differs is written: most of
a night is as it was the night before. Filled again for the same night, nothing changes.
"""

# ruff: noqa: S608  The SQL is put together from constants of this file; every value is bound.
from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.db.models import Max, Min

from anhuan.acts.desk import CARRIED, ROBOTS
from anhuan.core.vocabulary import CALLS, NightStatus, Outcome, Party
from anhuan.records.night import Night
from anhuan.rulebook import queues
from anhuan.rulebook.queues import Queue

BROKEN_DAYS = 3
"""A promise broken so many days before a business date or later still goes before everything else."""
REACHED_DAYS = 180
"""How far back conversations say at which hour somebody is reached."""
TALKED_DAYS = 7
"""How far back conversations are looked for that may have changed this, where no night before says since when."""
CLASSES = 10**17
"""Between the ranks of what goes before everything else, and those of the rest."""

_FOR_PEOPLE = """
p.business_date = %(day)s AND p.state = 'proposed' AND p.handled_by <> 'outside'
AND NOT (p.channel = ANY(%(carried)s) OR (p.channel = 'call' AND p.team = ANY(%(robots)s)))
"""
BROKEN = """
SELECT customer_id FROM records_promise
WHERE state = 'broken' AND settled_on >= %(broken_from)s AND settled_on <= %(broken_until)s GROUP BY 1
"""
_CONVERSED = """
c.party = %(debtor)s AND c.channel = ANY(%(calls)s) AND c.state <> 'void' AND (c.direction = 'inbound' OR c.outcome = ANY(%(talked)s))
"""
# The hour of the day, where she is, at which most conversations with her began; of several the one of the latest.
_HOURS = f"""
SELECT DISTINCT ON (customer_id) customer_id, hour FROM (
    SELECT c.customer_id, extract(hour FROM c.started_at AT TIME ZONE coalesce(nullif(k.timezone, ''), %(zone)s))::smallint AS hour,
           count(*) AS times, max(c.started_at) AS last
    FROM ({{whose}}) w JOIN records_contact c USING (customer_id) LEFT JOIN records_customer k USING (customer_id)
    WHERE c.started_at >= %(reached_from)s AND {_CONVERSED}
    GROUP BY 1, 2) h
ORDER BY customer_id, times DESC, last DESC, hour
"""
_TALKED = (Outcome.EFFECTIVE_CONVERSATION, Outcome.CONVERSATION)

# It changes with a conversation, and is worked out for whoever had one since the night before.
_TALKED_TO = f"""
CREATE TEMPORARY TABLE talked_to ON COMMIT DROP AS
{_HOURS.format(whose=f"SELECT DISTINCT c.customer_id FROM records_contact c WHERE c.started_at >= %(talked_since)s AND {_CONVERSED}")}
"""
_NEW = "SELECT customer_id FROM changed_work WHERE was = ''"

# The smaller the sooner: a promise just broken, then value at risk, then the strategy's priority.
_RANK = f"CASE WHEN broken THEN 0 ELSE {CLASSES} END - least(greatest(value_at_risk_minor, 0), {10**13}) * 1000 - priority"
_WANTED = f"""
SELECT *, CASE WHEN broken THEN 'promise_broken' ELSE 'proposal' END AS reason, {_RANK} AS rank
FROM (
    SELECT p.customer_id, coalesce(q.queue, %(desk)s) AS queue,
           coalesce(nullif(lower(split_part(k.language, '-', 1)), ''), 'zh') AS language,
           p.team, p.channel, p.account_id, p.version_id, p.decision, p.rule, b.customer_id IS NOT NULL AS broken,
           coalesce(nullif(p.expected_value_minor, 0), f.balance_total_minor, 0) AS value_at_risk_minor,
           CASE WHEN coalesce(p.expected_value_minor, 0) <> 0 THEN p.currency ELSE coalesce(f.currency, p.currency) END AS currency,
           greatest(0, least(999, coalesce(p.priority, 0))) AS priority,
           CASE WHEN p.earliest_on > %(morning)s::date THEN p.earliest_on::timestamp AT TIME ZONE %(zone)s END AS not_before,
           t.customer_id IS NOT NULL AS talked, t.hour,
           ((greatest(p.earliest_on, (p.planned_at AT TIME ZONE %(zone)s)::date, %(morning)s::date) + 1)::timestamp
               AT TIME ZONE %(zone)s) AS due_at
    FROM records_proposal p
    LEFT JOIN records_customer k USING (customer_id)
    LEFT JOIN records_casefigures f ON f.case_id = p.customer_id
    LEFT JOIN unnest(%(teams)s::text[], %(queues)s::text[]) q (team, queue) ON q.team = p.team
    LEFT JOIN ({BROKEN}) b USING (customer_id)
    LEFT JOIN talked_to t USING (customer_id)
    WHERE {_FOR_PEOPLE}) p
"""
# What a night says of an item. One that is open keeps its place in time, its follow-up, its person, its lease, and, where somebody
# chose it, its queue.
_SAID = (
    "language", "team", "channel", "account_id", "version_id", "decision", "rule", "value_at_risk_minor", "currency", "rank",
    "not_before",
)  # fmt: skip
_SIDES = tuple(", ".join(f"{side}.{name}" for name in _SAID) for side in "wn")
# All that is to be written: `was` is the state of the item, empty where there is none; not `wanted` is what lies open and may go.
# Work that is over comes again, unless it was done with since this very business date began.
_CHANGED = f"""
CREATE TEMPORARY TABLE changed_work ON COMMIT DROP AS
SELECT coalesce(n.customer_id, w.customer_id) AS customer_id, coalesce(w.state, '') AS was, n.customer_id IS NOT NULL AS wanted,
       n.queue, n.reason, n.due_at, {_SIDES[1]},
       CASE WHEN n.talked THEN n.hour ELSE w.best_hour END AS best_hour
FROM ({_WANTED}) n FULL JOIN records_workitem w ON w.customer_id = n.customer_id
WHERE CASE
    WHEN w.customer_id IS NULL THEN true
    WHEN n.customer_id IS NULL THEN w.state = 'open'
    WHEN w.state <> 'open' THEN w.ended_at < %(begun)s OR (w.state = 'withdrawn' AND w.ended_by = %(by)s)
    ELSE ({_SIDES[0]}) IS DISTINCT FROM ({_SIDES[1]})
      OR (NOT w.by_hand AND (w.queue, w.reason) IS DISTINCT FROM (n.queue, n.reason))
      OR w.due_at > n.due_at OR w.gate_tries > 0 OR (n.talked AND w.best_hour IS DISTINCT FROM n.hour) END
"""
# Why an open item goes that is not wanted. What people put there by hand, and what has a date, only goes with its case.
_GOES = """
CREATE TEMPORARY TABLE gone_work ON COMMIT DROP AS
SELECT customer_id, why FROM (
    SELECT w.customer_id,
           CASE WHEN c.case_id IS NULL OR c.status = 'closed' THEN 'cured'
                WHEN f.placed_with <> '' THEN 'placed_out'
                WHEN w.by_hand OR w.follow_up_at IS NOT NULL THEN NULL
                WHEN p.state = 'held' OR h.customer_id IS NOT NULL THEN 'held'
                ELSE 'not_wanted' END AS why
    FROM (SELECT customer_id FROM changed_work WHERE NOT wanted) n
    JOIN records_workitem w USING (customer_id)
    LEFT JOIN records_case c ON c.case_id = w.customer_id
    LEFT JOIN records_casefigures f ON f.case_id = w.customer_id
    LEFT JOIN records_proposal p ON p.customer_id = w.customer_id AND p.business_date = %(day)s
    LEFT JOIN (SELECT DISTINCT customer_id FROM records_hold
               WHERE begins <= %(at)s AND (ends IS NULL OR ends > %(at)s)) h ON h.customer_id = w.customer_id
    WHERE w.state = 'open') g
WHERE why IS NOT NULL
"""
_ENDS = """
state = 'withdrawn', ended_at = %(at)s, ended_by = %(by)s, leased_by = '', lease = NULL, leased_at = NULL, leased_until = NULL,
follow_up_at = NULL, follow_up_why = '', follow_up_by = '', by_hand = false, not_before = NULL
"""
_WITHDRAW = f"""
UPDATE records_workitem w SET {_ENDS}, ended_why = g.why,
       assigned_to = CASE WHEN g.why IN ('cured', 'placed_out') THEN '' ELSE w.assigned_to END
FROM gone_work g WHERE g.customer_id = w.customer_id AND w.state = 'open'
"""
# An item whose state somebody has changed meanwhile is the next night's.
_WRITE = f"""
UPDATE records_workitem w SET
    queue = CASE WHEN w.state = 'open' AND w.by_hand THEN w.queue ELSE n.queue END,
    reason = CASE WHEN w.state = 'open' AND w.by_hand THEN w.reason ELSE n.reason END,
    by_hand = w.state = 'open' AND w.by_hand,
    since = CASE WHEN w.state = 'open' THEN w.since ELSE %(at)s END,
    due_at = CASE WHEN w.state = 'open' THEN least(w.due_at, n.due_at) ELSE n.due_at END,
    follow_up_at = CASE WHEN w.state = 'open' THEN w.follow_up_at END,
    follow_up_why = CASE WHEN w.state = 'open' THEN w.follow_up_why ELSE '' END,
    follow_up_by = CASE WHEN w.state = 'open' THEN w.follow_up_by ELSE '' END,
    state = 'open', business_date = %(day)s, best_hour = n.best_hour, {", ".join(f"{name} = n.{name}" for name in _SAID)},
    gate_tries = 0, ended_at = NULL, ended_by = '', ended_why = ''
FROM changed_work n WHERE n.customer_id = w.customer_id AND n.wanted AND n.was = w.state
"""
_ADD = f"""
INSERT INTO records_workitem (customer_id, queue, reason, due_at, {", ".join(_SAID)}, best_hour, state, by_hand, business_date, since,
    gate_tries, follow_up_why, follow_up_by, assigned_to, leased_by, taken_today, ended_by, ended_why)
SELECT customer_id, queue, reason, due_at, {", ".join(_SAID)}, h.hour, 'open', false, %(day)s, %(at)s, 0, '', '', '', '', 0, '', ''
FROM changed_work LEFT JOIN ({_HOURS.format(whose=_NEW)}) h USING (customer_id) WHERE was = '' ORDER BY queue, language, rank
ON CONFLICT (customer_id) DO NOTHING
"""
_LOOKED_AT_AGAIN = 10
"""PostgreSQL counts the items anew, for its plans, where one in so many was written."""


def fill(night: Night, *, morning: datetime, at: datetime, by: str) -> dict[str, Any]:
    """Fill the worklist from the proposals of a night: `{"open", "withdrawn", "queues": {queue: open items}}`.

    `morning` is when the desk makes its first contacts after the business date. Items done with since this very business date
    began stay done. Runs in the caller's transaction, which is the night's step.
    """
    told = queues.read(Path(settings.ANHUAN_HOME))
    asked = _asked(night, told, morning=morning, at=at, by=by)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', '128MB', true)")
        cursor.execute(_TALKED_TO, asked)
        cursor.execute("ANALYZE talked_to")
        cursor.execute(_CHANGED, asked)
        cursor.execute("ANALYZE changed_work")
        cursor.execute(_GOES, asked)
        cursor.execute(_WITHDRAW, asked)
        withdrawn = cursor.rowcount
        cursor.execute(_WRITE, asked)
        written = cursor.rowcount + withdrawn
        cursor.execute(_ADD, asked)
        written += cursor.rowcount
        cursor.execute("DROP TABLE talked_to, changed_work, gone_work")
        cursor.execute("SELECT queue, count(*) FROM records_workitem WHERE state = 'open' GROUP BY 1 ORDER BY 1")
        lying = dict(cursor.fetchall())
        if written * _LOOKED_AT_AGAIN > sum(lying.values()):
            cursor.execute("ANALYZE records_workitem")
    return {"open": sum(lying.values()), "withdrawn": withdrawn, "queues": lying}


def _asked(night: Night, told: Mapping[str, Queue], *, morning: datetime, at: datetime, by: str) -> dict[str, Any]:
    teams = [(team, queue.name) for queue in told.values() for team in queue.teams]
    zone = ZoneInfo(settings.TIME_ZONE)
    return {
        "day": night.business_date, "at": at, "by": by, "zone": settings.TIME_ZONE, "desk": queues.DESK,
        "morning": morning.astimezone(zone).date(),
        "carried": sorted(CARRIED), "robots": sorted(ROBOTS), "calls": sorted(CALLS), "debtor": Party.DEBTOR.value,
        "talked": [outcome.value for outcome in _TALKED],
        "teams": [team for team, _ in teams], "queues": [queue for _, queue in teams],
        "broken_from": night.business_date - timedelta(days=BROKEN_DAYS), "broken_until": morning.astimezone(zone).date(),
        "reached_from": at - timedelta(days=REACHED_DAYS),
        "talked_since": _talked_since(night, at), "begun": _begun(night),
    }  # fmt: skip


def _begun(night: Night) -> datetime:
    """When the first night of this business date began; a bank may deliver one anew."""
    first = Night.objects.filter(business_date=night.business_date).aggregate(first=Min("begun_at"))["first"]
    return min(first or night.begun_at, night.begun_at)


def _talked_since(night: Night, at: datetime) -> datetime:
    """Since when conversations have not been looked at, with a day for those that are told late."""
    before = Night.objects.filter(business_date__lt=night.business_date, status=NightStatus.SEALED)
    last: datetime | None = before.aggregate(last=Max("begun_at"))["last"]
    return at - timedelta(days=TALKED_DAYS) if last is None else last - timedelta(days=1)


def withdraw(customers: Collection[str], *, why: str, at: datetime, by: str, by_hand: bool = True) -> int:
    """Take the items of these customers off the worklist, because of `why`, a code; how many that were.

    Without `by_hand` what somebody put there, or gave a date, stays. Runs in the caller's transaction, whose event says so. Who
    holds one keeps the page, but the case is hers no more.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE records_workitem w SET {_ENDS}, ended_why = %(why)s WHERE customer_id = ANY(%(customers)s) AND state = 'open'"
            " AND (%(all)s OR NOT (by_hand OR follow_up_at IS NOT NULL))",
            {"customers": list(customers), "why": why[:40], "at": at, "by": by, "all": by_hand},
        )
        return int(cursor.rowcount)
