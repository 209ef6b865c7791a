"""The night fills the worklist: what the strategy wants of people becomes items, and what is wanted no more goes.

Knows which proposals are for people, where they go and in which order they are worked on. Does not ask the gate: that is done
when an item is handed out. Set by set; filled again for the same night, nothing changes.
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

from anhuan.acts.desk import CARRIED, ROBOTS
from anhuan.core.vocabulary import CALLS, Outcome, Party
from anhuan.records.night import Night
from anhuan.rulebook import queues
from anhuan.rulebook.queues import Queue

BROKEN_DAYS = 3
"""A promise broken so many days before a business date or later still goes before everything else."""
REACHED_DAYS = 180
"""How far back conversations say at which hour somebody is reached."""
CLASSES = 10**17
"""Between the ranks of what goes before everything else, and those of the rest."""

_FOR_PEOPLE = """
p.business_date = %(day)s AND p.state = 'proposed' AND p.handled_by <> 'outside'
AND NOT (p.channel = ANY(%(carried)s) OR (p.channel = 'call' AND p.team = ANY(%(robots)s)))
"""
_BROKEN = """
SELECT customer_id FROM records_promise
WHERE state = 'broken' AND settled_on >= %(broken_from)s AND settled_on <= %(broken_until)s GROUP BY 1
"""
# The hour of the day, where she is, at which most conversations with her began; of several the one of the latest.
_HOURS = """
SELECT DISTINCT ON (customer_id) customer_id, hour FROM (
    SELECT c.customer_id, extract(hour FROM c.started_at AT TIME ZONE coalesce(nullif(k.timezone, ''), %(zone)s))::smallint AS hour,
           count(*) AS times, max(c.started_at) AS last
    FROM records_contact c JOIN wanted_work w USING (customer_id) LEFT JOIN records_customer k USING (customer_id)
    WHERE c.started_at >= %(reached_from)s AND c.party = %(debtor)s AND c.channel = ANY(%(calls)s) AND c.state <> 'void'
      AND (c.direction = 'inbound' OR c.outcome = ANY(%(talked)s))
    GROUP BY 1, 2) h
ORDER BY customer_id, times DESC, last DESC, hour
"""
_TALKED = (Outcome.EFFECTIVE_CONVERSATION, Outcome.CONVERSATION)

_WANTED = f"""
CREATE TEMPORARY TABLE wanted_work ON COMMIT DROP AS
SELECT p.customer_id, coalesce(q.queue, %(desk)s) AS queue,
       coalesce(nullif(lower(split_part(k.language, '-', 1)), ''), 'zh') AS language,
       p.team, p.channel, p.account_id, p.version_id, p.decision, p.rule, b.customer_id IS NOT NULL AS broken,
       coalesce(nullif(p.expected_value_minor, 0), f.balance_total_minor, 0) AS value,
       CASE WHEN coalesce(p.expected_value_minor, 0) <> 0 THEN p.currency ELSE coalesce(f.currency, p.currency) END AS currency,
       greatest(0, least(999, coalesce(p.priority, 0))) AS priority,
       CASE WHEN p.earliest_on > %(morning)s::date THEN p.earliest_on::timestamp AT TIME ZONE %(zone)s END AS not_before,
       ((greatest(p.earliest_on, (p.planned_at AT TIME ZONE %(zone)s)::date, %(morning)s::date) + 1)::timestamp AT TIME ZONE %(zone)s)
           AS due_at
FROM records_proposal p
LEFT JOIN records_customer k USING (customer_id)
LEFT JOIN records_casefigures f ON f.case_id = p.customer_id
LEFT JOIN unnest(%(teams)s::text[], %(queues)s::text[]) q (team, queue) ON q.team = p.team
LEFT JOIN ({_BROKEN}) b USING (customer_id)
WHERE {_FOR_PEOPLE}
"""
# Why an open item goes. What people put there by hand, and what has a date, only goes with its case.
_GOES = """
CREATE TEMPORARY TABLE gone_work ON COMMIT DROP AS
SELECT customer_id, why FROM (
    SELECT w.customer_id,
           CASE WHEN c.case_id IS NULL OR c.status = 'closed' THEN 'cured'
                WHEN f.placed_with <> '' AND n.customer_id IS NULL THEN 'placed_out'
                WHEN w.by_hand OR w.follow_up_at IS NOT NULL OR n.customer_id IS NOT NULL THEN NULL
                WHEN p.state = 'held' OR h.customer_id IS NOT NULL THEN 'held'
                ELSE 'not_wanted' END AS why
    FROM records_workitem w
    LEFT JOIN records_case c ON c.case_id = w.customer_id
    LEFT JOIN records_casefigures f ON f.case_id = w.customer_id
    LEFT JOIN wanted_work n ON n.customer_id = w.customer_id
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
FROM gone_work g WHERE g.customer_id = w.customer_id
"""
# The smaller the sooner: a promise just broken, then value at risk, then the strategy's priority.
_RANK = f"CASE WHEN broken THEN 0 ELSE {CLASSES} END - least(greatest(value, 0), {10**13}) * 1000 - priority"
_COLUMNS = (
    "customer_id, queue, language, state, by_hand, reason, business_date, team, channel, account_id, version_id, decision, rule,"
    " value_at_risk_minor, currency, rank, best_hour, since, due_at, not_before, gate_tries, follow_up_why, follow_up_by,"
    " assigned_to, leased_by, taken_today, ended_by, ended_why"
)
# An item that is open keeps its place in time, its queue where somebody chose it, its follow-up, its person and its lease.
_FILL = f"""
INSERT INTO records_workitem AS w ({_COLUMNS})
SELECT customer_id, n.queue, n.language, 'open', false, CASE WHEN broken THEN 'promise_broken' ELSE 'proposal' END, %(day)s, team,
       channel, account_id, version_id, decision, rule, value, currency, {_RANK}, h.hour, %(at)s, due_at, not_before, 0, '', '', '',
       '', 0, '', ''
FROM wanted_work n LEFT JOIN ({_HOURS}) h USING (customer_id)
ORDER BY n.queue, n.language, {_RANK}
ON CONFLICT (customer_id) DO UPDATE SET
    queue = CASE WHEN w.state = 'open' AND w.by_hand THEN w.queue ELSE EXCLUDED.queue END,
    reason = CASE WHEN w.state = 'open' AND w.by_hand THEN w.reason ELSE EXCLUDED.reason END,
    by_hand = w.state = 'open' AND w.by_hand,
    since = CASE WHEN w.state = 'open' THEN w.since ELSE EXCLUDED.since END,
    due_at = CASE WHEN w.state = 'open' THEN least(w.due_at, EXCLUDED.due_at) ELSE EXCLUDED.due_at END,
    state = 'open', language = EXCLUDED.language, business_date = EXCLUDED.business_date, team = EXCLUDED.team,
    channel = EXCLUDED.channel, account_id = EXCLUDED.account_id, version_id = EXCLUDED.version_id,
    decision = EXCLUDED.decision, rule = EXCLUDED.rule, value_at_risk_minor = EXCLUDED.value_at_risk_minor,
    currency = EXCLUDED.currency, rank = EXCLUDED.rank, best_hour = EXCLUDED.best_hour, not_before = EXCLUDED.not_before,
    gate_tries = 0, ended_at = NULL, ended_by = '', ended_why = ''
WHERE w.business_date IS DISTINCT FROM EXCLUDED.business_date OR (w.state = 'withdrawn' AND w.ended_by = %(by)s)
   OR (w.state = 'open' AND (w.rank, w.team, w.rule, w.version_id) IS DISTINCT FROM
                            (EXCLUDED.rank, EXCLUDED.team, EXCLUDED.rule, EXCLUDED.version_id))
"""


def fill(night: Night, *, morning: datetime, at: datetime, by: str) -> dict[str, Any]:
    """Fill the worklist from the proposals of a night: `{"open", "withdrawn", "queues": {queue: open items}}`.

    `morning` is when the desk makes its first contacts after the business date. Items done with since this very business date
    began stay done. Runs in the caller's transaction, which is the night's step.
    """
    told = queues.read(Path(settings.ANHUAN_HOME))
    asked = _asked(night, told, morning=morning, at=at, by=by)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', '128MB', true)")
        cursor.execute(_WANTED, asked)
        cursor.execute("CREATE INDEX ON wanted_work (customer_id)")
        cursor.execute("ANALYZE wanted_work")
        cursor.execute(_GOES, asked)
        cursor.execute(_WITHDRAW, asked)
        withdrawn = cursor.rowcount
        cursor.execute(_FILL, asked)
        cursor.execute("DROP TABLE wanted_work, gone_work")
        cursor.execute("ANALYZE records_workitem")
        cursor.execute("SELECT queue, count(*) FROM records_workitem WHERE state = 'open' GROUP BY 1 ORDER BY 1")
        lying = dict(cursor.fetchall())
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
    }  # fmt: skip


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
