"""What a supervisor looks at: what each of her people is doing now, what they did on a day, and what became of months of work.

Reads only, each answer in one statement over sets. Every number of a day is the length of a list that `listed` gives. Knows the
definitions of the figures (docs/supervision.md); how much lies in the queues is `records.worklist`, refusals by rule `records.conduct`.
"""

# ruff: noqa: S608  The SQL is put together from constants of this file; every value is bound.
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Min, Q, QuerySet, Sum

from anhuan.core.plan.promise import PromiseState
from anhuan.records.call import Call
from anhuan.records.contact import Refusal
from anhuan.records.dispute import Dispute, DisputeState
from anhuan.records.events import HOUSE, Event
from anhuan.records.plan import Approval
from anhuan.records.promise import Promise
from anhuan.records.staff import Right, Staff, Team, roles_that_may

Row = dict[str, Any]
RIGHT_PARTY = Q(party_code="RPC", verified_at__isnull=False)
"""A right-party contact 本人触达: a call in which the customer herself was reached and shown to be the one."""


def people(*, team: int | None = None, queue: str = "", gone: bool = False) -> list[Staff]:
    """Whoever works cases, by team and name; of one team, or of the teams that work a queue. `gone`: also who has left."""
    found = Staff.objects.filter(role__in=roles_that_may(Right.WORK)).select_related("team")
    if not gone:
        found = found.filter(is_active=True)
    if team is not None:
        found = found.filter(team_id=team)
    if queue:
        found = found.filter(Q(team__queues__contains=[queue]) | Q(team__queues=[]) | Q(team=None))
    return list(found.order_by("team__name", "username"))


# --- what each is doing -------------------------------------------------------------------------------------------

_NOW = """
SELECT s.username,
       CASE WHEN l.call_id IS NOT NULL AND (k.closed_at IS NOT NULL OR k.state = 'unknown') THEN 'wrapping'
            WHEN l.call_id IS NOT NULL THEN 'call'
            WHEN i.customer_id IS NOT NULL THEN 'case'
            WHEN n.seen_at > %(at)s - %(idle)s THEN 'idle' ELSE 'out' END AS state,
       CASE WHEN l.call_id IS NOT NULL THEN coalesce(k.closed_at, l.opened_at)
            WHEN i.customer_id IS NOT NULL THEN i.leased_at
            WHEN n.seen_at > %(at)s - %(idle)s THEN greatest(n.begun_at, before.closed_at, ended.ended_at)
            ELSE coalesce(last.ended_at, n.seen_at) END AS since,
       coalesce(l.customer_id, i.customer_id) AS customer_id, i.queue, l.way
FROM unnest(%(people)s::varchar[]) w (username) JOIN records_staff s USING (username)
LEFT JOIN records_call l ON l."by" = s.username AND l.closed_at IS NULL
LEFT JOIN records_contact k ON k.contact_id = l.contact_id
LEFT JOIN records_workitem i ON i.leased_by = s.username AND i.leased_by <> '' AND i.leased_until > %(at)s
LEFT JOIN LATERAL (SELECT max(seen_at) AS seen_at, min(begun_at) AS begun_at FROM records_signin
                   WHERE staff_id = s.id AND ended_at IS NULL) n ON true
LEFT JOIN LATERAL (SELECT ended_at FROM records_signin WHERE staff_id = s.id AND ended_at IS NOT NULL
                   ORDER BY begun_at DESC LIMIT 1) last ON true
LEFT JOIN LATERAL (SELECT closed_at FROM records_call WHERE "by" = s.username AND closed_at IS NOT NULL
                   ORDER BY opened_at DESC LIMIT 1) before ON true
LEFT JOIN LATERAL (SELECT max(e.ended_at) AS ended_at FROM records_workitem e
                   WHERE e.ended_by = s.username AND e.state = 'done' AND e.ended_at >= %(start)s) ended ON true
"""


def doing(usernames: Sequence[str], *, at: datetime, start: datetime, idle: timedelta) -> dict[str, Row]:
    """What each is doing at an instant: `state` (out, idle, case, call, wrapping), `since`, and the case where there is one.

    Idle counts from the last call that ended, the last case she was done with since `start`, or from signing in.
    """
    rows = _rows(_NOW, {"people": list(usernames), "at": at, "start": start, "idle": idle})
    return {row["username"]: row for row in rows}


# --- what was done on a day ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Day:
    """A date where the bank is, and its first and last instants."""

    date: date
    start: datetime
    end: datetime


def _within(day: Day, name: str) -> Q:
    return Q(**{f"{name}__gte": day.start, f"{name}__lt": day.end})


# Each figure of a day as the rows it counts, and the instant or date its list is sorted by.
MEASURES: Mapping[str, tuple[Callable[[Day], QuerySet[Any]], str]] = {
    "calls": (lambda day: Call.objects.filter(_within(day, "closed_at")), "closed_at"),
    "right_party": (lambda day: Call.objects.filter(_within(day, "closed_at"), RIGHT_PARTY), "closed_at"),
    "promises": (
        lambda day: Promise.objects.filter(_within(day, "at")).exclude(state=PromiseState.WITHDRAWN), "at",
    ),
    "kept": (lambda day: Promise.objects.filter(settled_on=day.date, state=PromiseState.KEPT), "at"),
    "broken": (lambda day: Promise.objects.filter(settled_on=day.date, state=PromiseState.BROKEN), "at"),
    "due": (lambda day: Promise.objects.filter(due_on=day.date).exclude(state=PromiseState.WITHDRAWN), "at"),
    "refusals": (lambda day: Refusal.objects.filter(_within(day, "at")), "at"),
}  # fmt: skip
MONEY = ("promises", "kept", "broken", "due")


def listed(measure: str, day: Day, usernames: Sequence[str]) -> QuerySet[Any]:
    """The rows behind a figure of a day, of these people, newest first."""
    rows, by_time = MEASURES[measure]
    return rows(day).filter(by__in=usernames).order_by(f"-{by_time}")


@dataclass
class Figures:
    """The figures of a day of one person: how many of each, and of those about money how much, `[(currency, minor units)]`."""

    counts: dict[str, int]
    money: dict[str, list[tuple[str, int]]]


def figures(day: Day, usernames: Sequence[str]) -> dict[str, Figures]:
    """The figures of the day by person."""
    found = {name: Figures(dict.fromkeys(MEASURES, 0), {money: [] for money in MONEY}) for name in usernames}
    for measure, (rows, _by_time) in MEASURES.items():
        theirs = rows(day).filter(by__in=usernames)
        if measure not in MONEY:
            for row in theirs.values("by").annotate(n=Count("pk")):
                found[row["by"]].counts[measure] = row["n"]
            continue
        for row in theirs.values("by", "currency").annotate(n=Count("pk"), sum=Sum("amount_minor")).order_by("currency"):
            told = found[row["by"]]
            told.counts[measure] += row["n"]
            told.money[measure].append((row["currency"], int(row["sum"])))
    return found


def waiting(day: Day, *, ahead: timedelta) -> Row:
    """What waits for a decision: approvals with the oldest, disputes to be answered by `ahead` from now, and those that are late."""
    asked = Approval.objects.filter(decision="").aggregate(n=Count("pk"), oldest=Min("wanted_at"))
    due = Dispute.objects.filter(state=DisputeState.OPEN, due_on__lte=day.date + ahead)
    told = due.aggregate(n=Count("pk"), late=Count("pk", filter=Q(due_on__lt=day.date)), first=Min("due_on"))
    return {
        "approvals": asked["n"], "approvals_oldest": asked["oldest"], "disputes": told["n"], "disputes_late": told["late"],
        "disputes_first": told["first"], "disputes_until": day.date + ahead,
    }  # fmt: skip


# --- who was in which team ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stay:
    """Somebody's time in a team, or in none, from `since` to just before `until`."""

    username: str
    team: int | None
    since: datetime
    until: datetime


_ALWAYS, _EVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_STANDING = ("staff.created", "staff.changed", "team.created", "team.changed")


def stays(people: Iterable[Staff]) -> list[Stay]:
    """In which team each of these was and when, as the house's chain tells it; of whom it tells nothing, she was always where she is now."""
    named = dict(Team.objects.values_list("name", "pk"))  # of a team without an event its name now is the only one known
    moves: dict[str, list[tuple[datetime, int | None]]] = {}
    for kind, at, body in (
        Event.objects.filter(chain=HOUSE, kind__in=_STANDING).order_by("number").values_list("kind", "at", "body")
    ):
        if kind.startswith("team."):
            named = {name: pk for name, pk in named.items() if pk != body["team"]} | {body["name"]: body["team"]}
        elif kind == "staff.created":
            moves[body["username"]] = [(_ALWAYS, named.get(body.get("team", "")))]
        elif "team" in body["changed"]:
            before, after = (named.get(name) for name in body["changed"]["team"])
            moves.setdefault(body["username"], [(_ALWAYS, before)]).append((at, after))
    told = []
    for one in people:
        hers = moves.get(one.get_username(), [(_ALWAYS, None)])
        ends = [at for at, _team in hers[1:]] + [_EVER]
        # What she is in now is told by herself: a team of before may have had no event.
        teams = [team for _at, team in hers[:-1]] + [one.team_id]
        told += [
            Stay(one.get_username(), team, since, until) for (since, _), until, team in zip(hers, ends, teams, strict=True)
        ]
    return told


# --- months -------------------------------------------------------------------------------------------------------

# Whoever did something, in the team she was in then.
_THEN = """
JOIN unnest(%(people)s::text[], %(teams)s::bigint[], %(since)s::timestamptz[], %(until)s::timestamptz[]) s (who, team, since, until)
ON s.who = {who} AND {at} >= s.since AND {at} < s.until
"""
# Each statement gives rows of `month`, `by`, `team` and its figures; those of money are asked for one currency.
_MONTHS: Sequence[str] = (
    f"""
    SELECT date_trunc('month', started_at AT TIME ZONE %(zone)s)::date AS month, "by", s.team,
           count(*) AS contacts, count(*) FILTER (WHERE line_result = 'connected') AS answered
    FROM records_contact {_THEN.format(who='"by"', at="started_at")} WHERE started_at >= %(start)s AND started_at < %(end)s
      AND direction = 'outbound' AND state <> 'void' GROUP BY 1, 2, 3
    """,
    f"""
    SELECT date_trunc('month', closed_at AT TIME ZONE %(zone)s)::date AS month, "by", s.team,
           count(*) AS calls, count(*) FILTER (WHERE party_code = 'RPC' AND verified_at IS NOT NULL) AS right_party
    FROM records_call {_THEN.format(who='"by"', at="closed_at")} WHERE closed_at >= %(start)s AND closed_at < %(end)s GROUP BY 1, 2, 3
    """,
    f"""
    SELECT date_trunc('month', at AT TIME ZONE %(zone)s)::date AS month, "by", s.team, count(*) AS refusals
    FROM records_refusal {_THEN.format(who='"by"', at="at")} WHERE at >= %(start)s AND at < %(end)s GROUP BY 1, 2, 3
    """,
    f"""
    SELECT date_trunc('month', at AT TIME ZONE %(zone)s)::date AS month, "by", s.team, count(*) AS promises
    FROM records_promise {_THEN.format(who='"by"', at="at")} WHERE at >= %(start)s AND at < %(end)s AND state <> 'withdrawn' GROUP BY 1, 2, 3
    """,
    f"""
    SELECT date_trunc('month', due_on)::date AS month, "by", s.team, count(*) AS due, count(*) FILTER (WHERE state = 'kept') AS kept,
           coalesce(sum(amount_minor) FILTER (WHERE currency = %(currency)s), 0)::bigint AS due_minor,
           coalesce(sum(least(paid_minor, amount_minor)) FILTER (WHERE currency = %(currency)s), 0)::bigint AS kept_minor
    FROM records_promise {_THEN.format(who='"by"', at="at")} WHERE due_on >= %(first)s AND due_on < %(after)s
      AND state IN ('kept', 'part_kept', 'broken') GROUP BY 1, 2, 3
    """,
    f"""
    SELECT date_trunc('month', agreed_at AT TIME ZONE %(zone)s)::date AS month, proposed_by AS "by", s.team, count(*) AS plans,
           count(*) FILTER (WHERE state = 'performed' OR (state = 'active' AND missed = 0)) AS performing
    FROM records_plan {_THEN.format(who="proposed_by", at="agreed_at")} WHERE agreed_at >= %(start)s AND agreed_at < %(end)s
    GROUP BY 1, 2, 3
    """,
    # Of whoever contacted her last in the thirty days before, if it was one of these people; in the team she was in then.
    f"""
    SELECT date_trunc('month', m.at AT TIME ZONE %(zone)s)::date AS month, c."by", s.team,
           count(*) FILTER (WHERE m.complaint) AS complaints, count(*) FILTER (WHERE NOT m.complaint) AS disputes
    FROM (SELECT customer_id, opened_at AS at, false AS complaint FROM records_dispute
          WHERE opened_at >= %(start)s AND opened_at < %(end)s
          UNION ALL SELECT customer_id, registered_at, true FROM records_hold
          WHERE kind = 'complaint' AND registered_at >= %(start)s AND registered_at < %(end)s) m
    CROSS JOIN LATERAL (SELECT k."by", k.started_at FROM records_contact k WHERE k.customer_id = m.customer_id
                        AND k.direction = 'outbound' AND k.state <> 'void' AND k.started_at <= m.at
                        AND k.started_at > m.at - interval '30 days' ORDER BY k.started_at DESC LIMIT 1) c
    {_THEN.format(who='c."by"', at="c.started_at")} GROUP BY 1, 2, 3
    """,
    # By the day of the call, at its noon: who changes teams does so overnight.
    f"""
    SELECT date_trunc('month', p.day)::date AS month, r.collector AS "by", s.team, count(*) AS reviews, sum(r.score)::bigint AS score_tenths,
           count(*) FILTER (WHERE r.fatal <> '{{}}') AS fatal
    FROM records_qualityreview r JOIN records_qualitypick p ON p.contact_id = r.pick_id
    {_THEN.format(who="r.collector", at="(p.day + time '12:00') AT TIME ZONE %(zone)s")}
    WHERE p.day >= %(first)s AND p.day < %(after)s AND r.kind IN ('first', 'appeal')
      AND r.state IN ('final', 'acknowledged', 'appealed') AND r.score IS NOT NULL GROUP BY 1, 2, 3
    """,
)
SUMS = (
    "contacts", "answered", "calls", "right_party", "refusals", "promises", "due", "kept", "due_minor", "kept_minor", "plans",
    "performing", "complaints", "disputes", "reviews", "score_tenths", "fatal",
)  # fmt: skip
Sums = dict[tuple[date, str, int | None], dict[str, int]]
"""Sums by month (its first day), person, and the team she was in when she did it."""


def months(told: Sequence[Stay], *, first: date, after: date, start: datetime, end: datetime, zone: str, currency: str) -> Sums:
    """The sums `SUMS` of these people in these teams, from the month of `first` to just before `after`."""
    params = {"first": first, "after": after, "start": start, "end": end, "zone": zone, "currency": currency, **_asked(told)}
    found: Sums = {}
    for sql in _MONTHS:
        for row in _rows(sql, params):
            sums = found.setdefault((row.pop("month"), row.pop("by"), row.pop("team")), dict.fromkeys(SUMS, 0))
            sums.update({name: int(value) for name, value in row.items()})
    return found


def _asked(told: Sequence[Stay]) -> dict[str, list[Any]]:
    return {
        "people": [each.username for each in told], "teams": [each.team for each in told],
        "since": [each.since for each in told], "until": [each.until for each in told],
    }  # fmt: skip


_WORKED = f"""
SELECT DISTINCT customer_id FROM records_contact {_THEN.format(who='"by"', at="started_at")}
WHERE started_at >= %(start)s AND started_at < %(end)s AND direction = 'outbound' AND state <> 'void' ORDER BY 1
"""


def worked_with(told: Sequence[Stay], start: datetime, end: datetime) -> list[str]:
    """The customers whom these people contacted while they were in these teams."""
    return [row["customer_id"] for row in _rows(_WORKED, {"start": start, "end": end, **_asked(told)})]


def _rows(sql: str, params: Mapping[str, Any]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
