# ruff: noqa: S608  the names put into SQL here are our own; whatever is asked for goes as a parameter
"""The only way a screen or a command obtains a case: one of them whole, or a page of the list.

Knows who may see which case (`reach` is the one place) and how a page is found in milliseconds among a million. Does not know how a
person is named (`records.identity`) or how a page is drawn. A case that may not be seen and one that does not exist look alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Model

from anhuan.core.vocabulary import CaseStatus
from anhuan.records import agreements
from anhuan.records.account import Account
from anhuan.records.case import BucketSpan, Case, CaseFigures
from anhuan.records.contact import Contact, Refusal
from anhuan.records.events import Event
from anhuan.records.grant import CaseGrant
from anhuan.records.hold import Hold
from anhuan.records.staff import OF_A_DESK, Right, Role, Staff
from anhuan.records.strategy import Proposal, proposals_of


class System:
    """Whoever may run commands on the machine itself, and so has the database anyway."""


SYSTEM: Final = System()
Viewer = Staff | System


def may_see_cases(viewer: Viewer) -> bool:
    """Whether `viewer` may see cases at all."""
    return isinstance(viewer, System) or viewer.may(Right.READ)


# --- which cases --------------------------------------------------------------------------------------------------

# Her team works these queues: what stands in them, stood there, was handed to her, is in her hands or was finished by her. Twice the
# same, for PostgreSQL gathers the work that is hers for the first and looks up that of each case for the second: the one is quick for
# all cases at once, the other where a few are walked through until a page is full.
_HERS = "(i.queue = ANY(%s) OR i.assigned_to = %s OR i.leased_by = %s OR (i.ended_by = %s AND i.state = 'done'))"
_OF_THE_TEAM = f"EXISTS (SELECT FROM records_workitem i WHERE i.customer_id = case_id AND {_HERS})"
_OF_THE_TEAM_EACH = f"coalesce((SELECT {_HERS} FROM records_workitem i WHERE i.customer_id = case_id), false)"


@dataclass(frozen=True)
class Reach:
    """Which cases somebody may see: a condition on rows with `case_id` and `placed_with` (empty: in the house)."""

    condition: str
    params: tuple[Any, ...] = ()

    @property
    def all(self) -> bool:
        return self.condition == "true"

    @property
    def each(self) -> str:
        """The same condition, to be asked of one row after another."""
        return self.condition.replace(_OF_THE_TEAM, _OF_THE_TEAM_EACH)


def reach(viewer: Viewer) -> Reach:
    """Which cases `viewer` may see.

    Collectors, seniors and supervisors: cases in the house, not placed with an agency, that stand in the queues of their team or
    were handed to them; a supervisor without such queues, all of the house; and any case for as long as she was given leave
    (`records.grant`), placed outside or not. Everybody else who may read: all.
    """
    if not may_see_cases(viewer):
        return Reach("false")
    if isinstance(viewer, System) or viewer.role not in OF_A_DESK:
        return Reach("true")
    granted = _granted(viewer)
    own, params = "placed_with = ''", []
    queues = list(viewer.team.queues) if viewer.team is not None else []
    if queues or viewer.role != Role.SUPERVISOR:
        own += f" AND {_OF_THE_TEAM}"
        params = [queues, *[viewer.get_username()] * 3]
    if granted:
        own, params = f"({own} OR case_id = ANY(%s))", [*params, granted]
    return Reach(own, tuple(params))


def _granted(viewer: Staff) -> list[str]:
    """The cases opened to her at the instant she looks; few at any time, and asked for once. Without an instant none counts."""
    if viewer.looks_at is None:
        return []
    if viewer.opened is not None and viewer.opened[0] == viewer.looks_at:
        return viewer.opened[1]
    standing = CaseGrant.objects.filter(staff=viewer, granted_at__lte=viewer.looks_at, until__gt=viewer.looks_at)
    viewer.opened = viewer.looks_at, list(standing.values_list("customer_id", flat=True).distinct())
    return viewer.opened[1]


# --- one case -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CaseDetail:
    """A case with what stands around it.

    `figures` is None for a closed case; accounts come worst first, spans oldest first, events newest first and at most
    as many as asked for.
    """

    case: Case
    figures: CaseFigures | None
    accounts: list[Account]
    spans: list[BucketSpan]
    events: list[Event]


def case(viewer: Viewer, case_id: str, *, events: int = 200) -> CaseDetail | None:
    """The case whose id, which is its customer's, is `case_id`; None when there is none or it may not be seen."""
    within = reach(viewer)
    found = next(iter(Case.objects.raw(_ONE.format(within.condition), [case_id, *within.params])), None)
    if found is None:
        return None
    return CaseDetail(
        case=found,
        figures=CaseFigures.objects.filter(pk=case_id).first(),
        accounts=list(Account.objects.filter(customer_id=case_id).order_by("-bucket", "-days_past_due", "account_id")),
        spans=list(BucketSpan.objects.filter(case_id=case_id).order_by("since")),
        events=list(Event.objects.filter(chain=case_id).order_by("-number")[:events]) if events else [],
    )


_ONE = (
    "SELECT * FROM (SELECT c.*, coalesce(f.placed_with, '') AS placed_with FROM records_case c"
    " LEFT JOIN records_casefigures f USING (case_id) WHERE c.case_id = %s) s WHERE {}"
)


def may_see_case(viewer: Viewer, case_id: str) -> bool:
    """Whether there is such a case and `viewer` may see it."""
    return bool(may_see(viewer, [case_id]))


def may_see(viewer: Viewer, case_ids: Iterable[str]) -> set[str]:
    """Those of the ids that are cases `viewer` may see."""
    within = reach(viewer)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT case_id FROM (SELECT c.case_id, coalesce(f.placed_with, '') AS placed_with FROM records_case c"
            f" LEFT JOIN records_casefigures f USING (case_id) WHERE c.case_id = ANY(%s)) s WHERE {within.each}",
            [list(case_ids), *within.params],
        )
        return {case_id for (case_id,) in cursor.fetchall()}


@dataclass(frozen=True)
class CaseConduct:
    """What was done about a case, and what stops it or stopped it; each newest first."""

    contacts: list[Contact]
    refusals: list[Refusal]
    holds: list[Hold]


def conduct(viewer: Viewer, case_id: str, *, limit: int = 50) -> CaseConduct | None:
    """The last contacts, those that came to us as well, and refusals of a case, with all its holds; None: see `case`."""
    if not may_see_case(viewer, case_id):
        return None
    return CaseConduct(
        contacts=list(Contact.objects.filter(customer_id=case_id).order_by("-started_at", "contact_id")[:limit]),
        refusals=list(Refusal.objects.filter(customer_id=case_id).order_by("-at", "-id")[:limit]),
        holds=list(Hold.objects.filter(customer_id=case_id).order_by("-begins", "hold_id")),
    )


# --- the list -----------------------------------------------------------------------------------------------------

# What an open list is sorted by. A closed one is sorted by the day of closing.
SORTS: Mapping[str, str] = {
    "past_due": "past_due_amount_minor",
    "balance": "balance_total_minor",
    "dpd": "days_past_due",
    "id": "case_id",
}

# The place of a row in a sorted list: the value it is sorted by, and its id.
Key = tuple[Any, str]


@dataclass(frozen=True)
class CaseFilter:
    """Which cases; what is left out asks nothing.

    Ranges include both ends. Amounts are minor units of the row's own currency: ask for one with `currency`, or unlike
    money is compared. `region` is the beginning of a region code, `missing` asks for accounts that vanished.
    """

    status: str = CaseStatus.OPEN
    buckets: tuple[int, ...] = ()
    currency: str | None = None
    days_from: int | None = None
    days_to: int | None = None
    past_due_from: int | None = None
    past_due_to: int | None = None
    balance_from: int | None = None
    balance_to: int | None = None
    segment: str | None = None
    region: str | None = None
    placed_with: str | None = None
    missing: bool = False
    ids: tuple[str, ...] | None = None


@dataclass(frozen=True)
class CaseLine:
    """A case as a line of the list; a closed one owes nothing, in no currency."""

    case_id: str
    status: str
    bucket: int
    days_past_due: int
    currency: str
    past_due_amount_minor: int
    balance_total_minor: int
    accounts: int
    overdue_accounts: int
    missing_accounts: int
    other_currencies: int
    segment: str
    region_code: str
    placed_with: str
    opened_on: date
    since: date
    closed_on: date | None
    reopened: int


@dataclass(frozen=True)
class CasePage:
    """Lines in order, and the keys to ask for what comes `before` and `after`, None where the list ends.

    `total` is how many cases match in all: `counted`, or else the planner's estimate.
    """

    lines: list[CaseLine]
    before: Key | None
    after: Key | None
    total: int
    counted: bool


def cases(
    viewer: Viewer,
    asked: CaseFilter,
    *,
    sort: str = "past_due",
    descending: bool = True,
    after: Key | None = None,
    before: Key | None = None,
    limit: int = 50,
) -> CasePage:
    """A page of the list `asked` for, following key `after`, or leading up to key `before`.

    `sort` is one of `SORTS` (a closed list has its own, by the day of closing); equal values follow the id the same way.
    """
    if not may_see_cases(viewer):
        return CasePage([], None, None, 0, counted=True)
    backward = before is not None
    query = _query(asked, sort, reach(viewer), down=descending != backward, limit=limit + 1)
    lines, total, counted = _read(query, before if backward else after, few=asked.ids is not None)

    more, lines = len(lines) > limit, lines[:limit]
    if backward:
        lines.reverse()
    has_before, has_after = (more, True) if backward else (after is not None, more)
    keys = [(getattr(line, query.column), line.case_id) for line in lines]
    return CasePage(
        lines,
        before=keys[0] if keys and has_before else None,
        after=keys[-1] if keys and has_after else None,
        total=max(total, len(lines)),
        counted=counted,
    )


# A closed case as a row of the same shape as `CaseFigures`.
_CLOSED = """(
    SELECT case_id, bucket, 0 AS days_past_due, '' AS currency, 0 AS past_due_amount_minor, 0 AS balance_total_minor,
           0 AS accounts, 0 AS overdue_accounts, 0 AS missing_accounts, 0 AS other_currencies, '' AS segment,
           '' AS region_code, '' AS placed_with, closed_on
    FROM records_case WHERE status = 'closed' AND closed_on IS NOT NULL)"""

_CONDITIONS: Mapping[str, str] = {
    "currency": "currency = %s",
    "days_from": "days_past_due >= %s",
    "days_to": "days_past_due <= %s",
    "past_due_from": "past_due_amount_minor >= %s",
    "past_due_to": "past_due_amount_minor <= %s",
    "balance_from": "balance_total_minor >= %s",
    "balance_to": "balance_total_minor <= %s",
    "segment": "segment = %s",
    "region": "starts_with(region_code, %s)",
    "placed_with": "placed_with = %s",
    "buckets": "bucket = ANY(%s)",
    "ids": "case_id = ANY(%s)",
}


@dataclass(frozen=True)
class _Query:
    """A list in SQL: the rows it is made of, what they must fulfil (`walking`: asked of one after another), and their order."""

    source: str
    matching: str
    walking: str
    params: list[Any]
    column: str
    down: bool
    limit: int
    tried: int

    def order(self, *, of: str = "", blind: bool = False) -> str:
        """The ORDER BY list; `blind` sorts by an expression, so that no index in that order tempts the planner."""
        way = "DESC" if self.down else "ASC"
        column = self.column + (" || ''" if self.column == "case_id" else " + 0") * blind
        return f"{of}{column} {way}, {of}case_id {way}"

    def beyond(self, key: Key | None) -> tuple[str, list[Any]]:
        """The condition for rows after `key` in reading order; its first half lets an index find the place."""
        if key is None:
            return "true", []
        value, case_id = key
        sign = "<" if self.down else ">"
        if self.column == "case_id":
            return f"case_id {sign} %s", [case_id]
        return f"({self.column} {sign}= %s AND ({self.column} {sign} %s OR case_id {sign} %s))", [value, value, case_id]


def _query(asked: CaseFilter, sort: str, within: Reach, *, down: bool, limit: int) -> _Query:
    closed = asked.status == CaseStatus.CLOSED
    told = {name: getattr(asked, name) for name in _CONDITIONS}
    told = {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}
    given = {name: value for name, value in told.items() if value is not None and (value != [] or name == "ids")}
    conditions = [_CONDITIONS[name] for name in given] + ["missing_accounts > 0"] * asked.missing
    matching, walking = (
        " AND ".join([*conditions, *([] if within.all else [form])]) or "true" for form in (within.condition, within.each)
    )
    return _Query(
        source=_CLOSED if closed else "records_casefigures",
        matching=matching,
        walking=walking,
        params=[*given.values(), *within.params],
        column="closed_on" if closed else SORTS[sort],
        down=down,
        limit=limit,
        tried=_TRIED if within.all else _TRIED_FOR_A_PART,
    )


# How many rows of a sorted index are tried before the whole table is read instead, and how many are counted one by one. Who sees a
# part of the cases finds fewer of hers among as many, and reading the table costs her more.
_TRIED = 5_000
_TRIED_FOR_A_PART = 20_000
_COUNTED = 10_000


def _read(query: _Query, key: Key | None, *, few: bool) -> tuple[list[CaseLine], int, bool]:
    """The page's lines, how many rows match in all, and whether that was counted rather than estimated.

    Walking an index in order finds a page at once, unless what is asked for is rare where the walk begins: then it
    would go through the table row by row in the worst order. So the walk has a budget, and a page it does not fill is
    found by one pass over the table, which is not much and always the same.
    """
    estimate = _estimate(query, query.matching, query.params)
    everything = estimate if query.matching == "true" else _estimate(query, "true", [])
    if not few and estimate * query.tried >= query.limit * everything:
        lines = _walk(query, key)
        if len(lines) == query.limit:
            return lines, estimate, False
        if _ends_within_the_walk(query, key):
            return lines, len(lines) if key is None else estimate, key is None
    lines, counted = _sweep(query, key, count=few or estimate <= _COUNTED)
    return (lines, estimate, False) if counted is None else (lines, counted, True)


def _walk(query: _Query, key: Key | None) -> list[CaseLine]:
    """The first matching rows among the next few thousand in order; it stops as soon as they fill the page."""
    beyond, key_params = query.beyond(key)
    walk = f"SELECT * FROM {query.source} s WHERE {beyond} ORDER BY {query.order()} LIMIT {query.tried}"
    selection = f"SELECT *, NULL AS matching FROM ({walk}) w WHERE {query.walking} ORDER BY {query.order()}"
    lines, _counted = _lines(query, selection, [*key_params, *query.params])
    return lines


def _ends_within_the_walk(query: _Query, key: Key | None) -> bool:
    beyond, key_params = query.beyond(key)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT FROM {query.source} s WHERE {beyond} LIMIT 1 OFFSET {query.tried - 1}", key_params)
        return not cursor.rowcount


def _sweep(query: _Query, key: Key | None, *, count: bool) -> tuple[list[CaseLine], int | None]:
    """The first matching rows after `key` by one pass over all that match, and how many those are, if asked for."""
    beyond, key_params = query.beyond(key)
    counting = "count(*) OVER ()" if count else "NULL"
    matching = f"SELECT *, {counting} AS matching, {beyond} AS beyond FROM {query.source} s WHERE {query.matching}"
    selection = f"SELECT * FROM ({matching}) m WHERE beyond ORDER BY {query.order(blind=True)}"
    lines, counted = _lines(query, selection, [*key_params, *query.params])
    if count and not lines:
        return lines, 0 if key is None else _count(query)
    return lines, counted


_OF_THE_CASE = ("status", "opened_on", "since", "closed_on", "reopened")
_LINE = ", ".join(f"{'c' if field.name in _OF_THE_CASE else 'f'}.{field.name}" for field in fields(CaseLine))


def _lines(query: _Query, selection: str, params: list[Any]) -> tuple[list[CaseLine], int | None]:
    """The first rows of `selection` as lines, with what it calls `matching`."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_LINE}, f.matching FROM ({selection} LIMIT {query.limit}) f JOIN records_case c USING (case_id)"
            f" ORDER BY {query.order(of='f.')}",
            params,
        )
        rows = cursor.fetchall()
    return [CaseLine(*row[:-1]) for row in rows], rows[0][-1] if rows else None


def _count(query: _Query) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {query.source} s WHERE {query.matching}", query.params)
        (number,) = cursor.fetchone()
    return int(number)


def _estimate(query: _Query, matching: str, params: list[Any]) -> int:
    """How many rows match by the planner's reckoning."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) SELECT FROM {query.source} s WHERE {matching}", params)
        (plan,) = cursor.fetchone()
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return int(plan[0]["Plan"]["Plan Rows"])


# --- as documents of the command line -----------------------------------------------------------------------------


def case_document(case_id: str, *, viewer: Viewer = SYSTEM) -> dict[str, Any] | None:
    """The public JSON of one case (`anhuan case show`), or None: see `case`. Holds no personal data."""
    found, done = case(viewer, case_id), conduct(viewer, case_id, limit=200)
    if found is None or done is None:
        return None
    document: dict[str, Any] = _plain(
        {
            **_values(found.case, leave_out=("events", "head")),
            "figures": _values(found.figures, leave_out=("case_id", "bucket")) if found.figures else None,
            "accounts": [_values(account, leave_out=("customer_id",)) for account in found.accounts],
            "bucket_history": [_values(span, leave_out=("case_id", "pk")) for span in found.spans],
            "holds": [_values(hold, leave_out=("customer_id", "evidence")) for hold in done.holds],
            "proposals": [_proposal(proposal) for proposal in proposals_of(case_id)],
            **agreements.of_case(case_id),
            "contacts": [_values(contact, leave_out=("customer_id",)) for contact in done.contacts],
            "refusals": [_values(refusal, leave_out=("customer_id",)) for refusal in done.refusals],
            "events": [_values(event, leave_out=("id", "chain")) for event in found.events],
        }
    )
    return document


def _proposal(proposal: Proposal) -> dict[str, Any]:
    """A proposal with the strategy, version, table and row that made it, and the sentences of what refused it."""
    strategy = {"strategy": proposal.version.name, "version": proposal.version.number}
    return strategy | _values(proposal, leave_out=("customer_id", "version_id", "pk"))


def case_documents(
    *, status: str, buckets: Sequence[int], sort: str, limit: int, viewer: Viewer = SYSTEM
) -> list[dict[str, Any]]:
    """The public JSON of the first `limit` cases of a list (`anhuan case list`); `sort` as in `SORTS`."""
    listed = cases(viewer, CaseFilter(status=status, buckets=tuple(buckets)), sort=sort, limit=limit)
    return [_plain(vars(line)) for line in listed.lines]


def _values(row: Model, *, leave_out: tuple[str, ...]) -> dict[str, Any]:
    columns = [field.attname for field in row._meta.concrete_fields]  # noqa: SLF001  the documented way to a model's columns
    return {name: getattr(row, name) for name in columns if name not in leave_out}


def _plain(value: Any) -> Any:
    """A value of records as JSON has it: dates ISO 8601, instants with offset, hashes in hex, ids as text."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return str(value) if isinstance(value, UUID) else value
