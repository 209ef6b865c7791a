"""What the records tell of the house's conduct as a whole: refusals by rule, budgets of contact in use, holds in force.

Reads only, each answer in one statement over sets. Knows a cap as `core.rules.caps` has it, and counts as it counts, less what
only a single judgement can know: consents and wrong numbers are left out, so that a budget shown is never smaller than the real
use. Whoever may see cases may see these; ids of cases and rules are all they hold.
"""

# ruff: noqa: S608  The SQL is put together from constants of this file; every value is bound.
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from anhuan.core.law import Law, Rule
from anhuan.core.rules.caps import MOBILE_OR_HOME, Cap
from anhuan.core.vocabulary import BANK, CALLS, BlockCode, CustomerFlag, HoldKind, Party
from anhuan.records.contact import Refusal

Row = dict[str, Any]


def _rows(sql: str, params: Mapping[str, Any]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


# --- refusals -----------------------------------------------------------------------------------------------------


def totals(start: datetime, end: datetime) -> Row:
    """`permitted`, `refused`, `cases` (with a refusal), `presumed` (violations): from `start` to just before `end`."""
    (row,) = _rows(
        """
        SELECT (SELECT count(*) FROM records_contact c
                WHERE c.started_at >= %(start)s AND c.started_at < %(end)s AND c.permit_id IS NOT NULL) AS permitted,
               count(*) AS refused, count(DISTINCT customer_id) AS cases,
               count(*) FILTER (WHERE presumed_violation) AS presumed
        FROM records_refusal WHERE at >= %(start)s AND at < %(end)s
        """,
        {"start": start, "end": end},
    )
    return row


def refusals_by_rule(start: datetime, end: datetime) -> list[Row]:
    """How often each rule refused: `rule`, `topic`, `force`, `citation`, sentences of the last time, `number`, `cases`, `last`.

    A refusal with several reasons counts once for each of its rules.
    """
    return _rows(
        """
        SELECT reason->>'rule' AS rule, count(*) AS number, count(DISTINCT customer_id) AS cases, max(at) AS last,
               (array_agg(reason ORDER BY at DESC))[1]->>'topic' AS topic,
               (array_agg(reason ORDER BY at DESC))[1]->>'force' AS force,
               (array_agg(reason ORDER BY at DESC))[1]->>'citation' AS citation,
               (array_agg(reason ORDER BY at DESC))[1]->>'message_zh' AS message_zh,
               (array_agg(reason ORDER BY at DESC))[1]->>'message_en' AS message_en
        FROM records_refusal, jsonb_array_elements(reasons) reason
        WHERE at >= %(start)s AND at < %(end)s GROUP BY 1 ORDER BY 2 DESC, 1
        """,
        {"start": start, "end": end},
    )


def refusals_by_day(start: datetime, end: datetime, *, zone: str) -> list[Row]:
    """How often each topic refused on each date of `zone`: `day`, `topic`, `number`."""
    return _rows(
        """
        SELECT (at AT TIME ZONE %(zone)s)::date AS day, topic, count(*) AS number
        FROM records_refusal r, LATERAL (SELECT DISTINCT reason->>'topic' AS topic FROM jsonb_array_elements(r.reasons) reason) t
        WHERE at >= %(start)s AND at < %(end)s GROUP BY 1, 2 ORDER BY 1, 2
        """,
        {"start": start, "end": end, "zone": zone},
    )


def refusals(
    start: datetime, end: datetime, *, rule: str = "", before: tuple[datetime, int] | None = None, limit: int = 100
) -> list[Refusal]:
    """Refusals, newest first, those before the place `before` in that order; with `rule`, those it is a reason of."""
    found = Refusal.objects.filter(at__gte=start, at__lt=end).order_by("-at", "-id")
    if rule:
        found = found.filter(reasons__contains=[{"rule": rule}])
    if before is not None:
        at, last = before
        found = found.filter(at__lte=at).exclude(at=at, id__gte=last)
    return list(found[:limit])


# --- budgets ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Budget:
    """How much of one cap a customer has used: `count` of `limit`; `point` where the cap is one of a point, `debt` likewise."""

    rule: Rule
    customer_id: str
    party: str
    person_id: str
    point_id: str | None
    debt: str | None
    count: int
    limit: int

    @property
    def share(self) -> float:
        return self.count / self.limit if self.limit else 1.0


def caps(law: Law) -> list[tuple[Rule, Cap]]:
    """The caps of a law that speak of the debtor."""
    return [
        (rule, rule.test)
        for rule in law.rules
        if isinstance(rule.test, Cap)
        and (rule.scope.parties is None or Party.DEBTOR in rule.scope.parties)
        and Party.DEBTOR not in rule.scope.not_parties
    ]


def budgets(law: Law, *, at: datetime, zone: str, least: float = 0.5, limit: int = 50) -> list[Budget]:
    """Who has used at least the share `least` of a cap at an instant, fullest first, at most `limit` of each cap.

    `zone` counts dates for caps without one of their own, where the customer has none either.
    """
    used: list[Budget] = []
    for rule, cap in caps(law):
        used += _used(rule, cap, at=at, zone=zone, least=least, limit=limit)
    return sorted(used, key=lambda each: (-each.share, -each.count, each.customer_id, each.rule.id))[:limit]


def _used(rule: Rule, cap: Cap, *, at: datetime, zone: str, least: float, limit: int) -> list[Budget]:
    per_debt, per_point = "debt" in cap.per, "point" in cap.per
    rows = _rows(
        f"""
        SELECT c.customer_id, c.party, c.person_id, {"c.point_id" if per_point else "NULL::uuid"} AS point_id,
               {"d.debt" if per_debt else "NULL"} AS debt, count(*) AS count
        FROM records_contact c LEFT JOIN records_customer k USING (customer_id)
        {"CROSS JOIN LATERAL unnest(c.debts) d(debt)" if per_debt else ""}
        WHERE c.started_at >= %(coarse)s AND c.started_at <= %(at)s
          AND c.started_at >= {_LAST_HOURS if cap.hours else _LAST_DATES}
          AND {" AND ".join(_counted(cap))}
        GROUP BY 1, 2, 3, 4, 5 HAVING count(*) >= %(fewest)s ORDER BY count(*) DESC, 1 LIMIT %(most)s
        """,
        {
            "at": at, "coarse": at - timedelta(days=cap.dates + 2, hours=cap.hours),
            "hours": timedelta(hours=cap.hours), "dates": timedelta(days=cap.dates - 1),
            "own_zone": cap.zone, "zone": zone, "fewest": max(1, -int(-cap.limit * least // 1)), "most": limit,
            **_asked(cap),
        },
    )  # fmt: skip
    return [
        Budget(rule=rule, limit=cap.limit, **(row | {"point_id": row["point_id"] and str(row["point_id"])})) for row in rows
    ]


_LAST_HOURS = "%(at)s::timestamptz - %(hours)s"
_ZONE = "coalesce(%(own_zone)s::text, nullif(k.timezone, ''), %(zone)s)"
_LAST_DATES = f"(date_trunc('day', %(at)s AT TIME ZONE {_ZONE}) - %(dates)s) AT TIME ZONE {_ZONE}"


def _asked(cap: Cap) -> dict[str, Any]:
    return {
        "channels": sorted(cap.channels), "calls": sorted(CALLS), "bank": BANK, "near": sorted(MOBILE_OR_HOME),
        "lines": sorted(cap.lines or ()), "outcomes": sorted(cap.outcomes or ()),
    }  # fmt: skip


def _counted(cap: Cap) -> Sequence[str]:
    """The conditions under which a contact counts; one whose result is not known counts as whatever would."""
    conditions = [
        "c.channel = ANY(%(channels)s) AND c.session_of IS NULL AND c.state <> 'void'",
        "(c.reserved_until IS NULL OR c.reserved_until > %(at)s OR c.closed_at IS NOT NULL OR c.state = 'unknown')",
    ]
    if not cap.inbound:
        conditions.append("c.direction = 'outbound'")
    unknown = "c.channel <> ALL(%(calls)s) OR c.line_result = ''"
    if cap.lines is not None:
        conditions.append(f"({unknown} OR c.line_result = ANY(%(lines)s))")
    if cap.outcomes is not None:
        conditions.append(f"({unknown} OR c.outcome = ANY(%(outcomes)s) OR (c.outcome = '' AND c.line_result = 'connected'))")
    if "bank" in cap.skips:
        conditions.append("c.actor <> %(bank)s")
    if "replies" in cap.skips:
        conditions.append("c.in_reply_to IS NULL")
    if cap.at_points is not None:
        is_class = "c.point_kind = ANY(%(near)s)" if cap.at_points == "mobile_or_home" else "c.point_kind <> ALL(%(near)s)"
        conditions.append(f"(c.point_kind = '' OR {is_class})")
    return conditions


# --- holds --------------------------------------------------------------------------------------------------------

_IN_FORCE = "begins <= %(at)s AND (ends IS NULL OR ends > %(at)s)"


def holds_by_kind(at: datetime) -> list[Row]:
    """Holds in force: `kind`, `number`, `cases`, `oldest`, and `delivered`: customers the bank's own files stop besides."""
    found = {
        row["kind"]: row
        for row in _rows(
            "SELECT kind, count(*) AS number, count(DISTINCT customer_id) AS cases, min(begins) AS oldest"
            f" FROM records_hold WHERE {_IN_FORCE} GROUP BY kind",
            {"at": at},
        )
    }
    (delivered,) = _rows(
        """
        SELECT (SELECT count(*) FROM records_case c JOIN records_customer k ON k.customer_id = c.case_id
                WHERE c.status = 'open' AND %(bankrupt)s = ANY(k.flags)) AS bankruptcy,
               count(DISTINCT customer_id) FILTER (WHERE block_code = %(dispute)s) AS dispute,
               count(DISTINCT customer_id) FILTER (WHERE block_code = %(fraud)s) AS fraud
        FROM records_account WHERE block_code IN (%(dispute)s, %(fraud)s)
        """,
        {"bankrupt": CustomerFlag.BANKRUPT, "dispute": BlockCode.DISPUTE, "fraud": BlockCode.FRAUD},
    )
    nothing: Row = {"number": 0, "cases": 0, "oldest": None}
    rows = [{**nothing, **found.get(kind, {}), "kind": kind.value, "delivered": delivered.get(kind, 0)} for kind in HoldKind]
    return [row for row in rows if row["number"] or row["delivered"]]


def holds(at: datetime, *, kind: str = "", limit: int = 100) -> list[Row]:
    """The holds in force, newest first: `case`, `kind`, `begins`, `ends`, `until_date`, `debts`, `registered_at`, `by`."""
    return _rows(
        f"""
        SELECT customer_id AS "case", kind, begins, ends, until_date, debts, registered_at, registered_by AS "by"
        FROM records_hold WHERE {_IN_FORCE} AND (%(kind)s = '' OR kind = %(kind)s)
        ORDER BY begins DESC, hold_id LIMIT %(limit)s
        """,
        {"at": at, "kind": kind, "limit": limit},
    )


def first_day() -> date | None:
    """The date (UTC) of the first contact or refusal on record; None where there is none."""
    (row,) = _rows(
        "SELECT least((SELECT min(started_at) FROM records_contact), (SELECT min(at) FROM records_refusal)) AS first", {}
    )
    return row["first"].date() if row["first"] else None
