"""The act on proposals: what a strategy wants tonight is previewed by the gate, customer by customer, and kept as one set.

Knows how the bank's desk would make each contact, and what a verdict makes of a proposal. Holds nobody and promises nothing: the
door (`acts.dispatch`) judges again when a contact is made. Does not know strategies, capacities, or any rule.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from django.db import connection
from django.db.models import QuerySet

from anhuan.acts.desk import by_machine, guaranteed
from anhuan.core import gate
from anhuan.core.facts import MAIN_POINT, Attempt, Facts
from anhuan.core.law import Law, Reason
from anhuan.core.rules.holds import Held
from anhuan.core.vocabulary import CALLS, Channel, NightStatus, Party, PointKind, Purpose
from anhuan.records import attempt as attempts
from anhuan.records import bulk, facts
from anhuan.records.account import Account
from anhuan.records.facts import Known
from anhuan.records.night import Night
from anhuan.records.strategy import Proposal, ProposalState, StrategyVersion

WANTED = pa.schema([
    ("customer_id", pa.string()), ("account_id", pa.string()), ("currency", pa.string()), ("segment", pa.string()), ("arm", pa.string()),
    ("channel", pa.string()), ("wording", pa.string()), ("team", pa.string()), ("handled_by", pa.string()),
    ("priority", pa.int32()), ("expected_value_minor", pa.int64()), ("cost_minor", pa.int64()), ("earliest_on", pa.date32()),
    ("decision", pa.string()), ("rule", pa.int32()), ("trace", pa.string()), ("capacity", pa.bool_()),
    ("debts", pa.list_(pa.string())), ("planned_at", pa.timestamp("us", "UTC")),
])  # fmt: skip
"""One row a customer, in the order of their ids: what is wanted and why, whether there is capacity for it, of which overdue
accounts (none: of `account_id`, which is not due yet), and when it would be done first."""

_POINTS: Mapping[Channel, Sequence[PointKind]] = MappingProxyType(
    {
        **dict.fromkeys(
            CALLS, (PointKind.MOBILE, PointKind.HOME_PHONE, PointKind.OTHER_PHONE, PointKind.WORK_PHONE)
        ),
        **dict.fromkeys((Channel.SMS, Channel.PORTAL_PUSH), (PointKind.MOBILE,)),
        Channel.EMAIL: (PointKind.PERSONAL_EMAIL, PointKind.WORK_EMAIL),
        **dict.fromkeys(
            (Channel.LETTER, Channel.VISIT), (PointKind.HOME_ADDRESS, PointKind.WORK_ADDRESS, PointKind.OTHER_ADDRESS)
        ),
    }
)  # fmt: skip
"""Where a channel reaches a debtor, the best place first."""


CONTACTS = frozenset(channel.value for channel in Channel)


def absorb(wanted: pa.Table, judged: Sequence[Judged], *, version: StrategyVersion, night: Night) -> pa.Table:
    """Keep what is wanted for the business date of `night`, in place of whatever was; `(customer_id, channel, state, rules)`.

    `wanted` is as `WANTED`, `judged` what became of each of its rows. Runs in the caller's transaction.
    """
    rows = len(wanted)
    kept = wanted.select([name for name in WANTED.names if name not in {"segment", "debts", "capacity"}])
    added: dict[str, Any] = {
        "business_date": pa.repeat(pa.scalar(night.business_date), rows),
        "sequence": pa.repeat(pa.scalar(night.sequence), rows),
        "fingerprint": pa.repeat(version.fingerprint, rows),
        "version_id": pa.repeat(pa.scalar(version.pk), rows),
        "law": pa.array([each.law for each in judged], pa.string()),
        "state": pa.array([each.state for each in judged], pa.string()),
        "rules": pa.array([each.rules for each in judged], pa.list_(pa.string())),
        "reasons": pa.array([each.reasons for each in judged], pa.string()),
    }
    for name, column in added.items():
        kept = kept.append_column(name, column)
    table = Proposal._meta.db_table  # noqa: SLF001  the documented way to a model's table
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM records_proposal WHERE business_date = %s", [night.business_date])
        batches = kept.combine_chunks().to_batches(max_chunksize=bulk.BATCH)
        bulk.copy(cursor, table, kept.column_names, pa.RecordBatchReader.from_batches(kept.schema, batches))
    return kept.select(["customer_id", "channel", "state", "rules"])


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one proposal; `reasons` is JSON, `law` the fingerprint it was judged by."""

    state: str
    law: str = ""
    rules: tuple[str, ...] = ()
    reasons: str = "[]"


NO_CAPACITY = Judged(ProposalState.NO_CAPACITY.value)
"""What becomes of a proposal that nobody asks the gate about."""


def judge(wanted: pa.Table, *, law_at: Callable[[datetime], Law]) -> list[Judged]:
    """What the gate makes of each row of `wanted` (as `WANTED`, customers in the order of their ids).

    It is asked as of the row's `planned_at`, under the law of that instant, for the contact as the bank's own desk makes it:
    permitted it is `proposed`; refused with a hold among the reasons `held`, else `refused`. What is wanted by a word that is no
    channel (a placement, a step at law) is asked of the holds alone.
    """
    judged: dict[int, Judged] = {}
    planned: dict[datetime, list[tuple[int, dict[str, Any]]]] = {}
    for number, row in enumerate(wanted.to_pylist()):
        planned.setdefault(row["planned_at"], []).append((number, row))
    for at, asked in planned.items():
        for (number, _row), verdict in zip(asked, _verdicts([row for _number, row in asked], law_at(at), at), strict=True):
            judged[number] = verdict
    return [judged[number] for number in range(len(wanted))]


def _verdicts(asked: Sequence[Mapping[str, Any]], law: Law, at: datetime) -> Iterator[Judged]:
    """What the gate says of contacts planned for one instant, in the order of their customers."""
    known = facts.facts_for_many([row["customer_id"] for row in asked], at=at, since=at - facts.reach(law))
    for row, (customer_id, told) in zip(asked, known, strict=True):
        if row["customer_id"] != customer_id:
            raise AssertionError("proposals come in the order of their customers' ids, one each")
        machine = by_machine(row["channel"], row["team"])
        attempt = as_attempt(row["channel"], row["debts"], row["account_id"], told, machine=machine)
        yield as_judged(gate.check(attempt, told, law, at), contact=row["channel"] in CONTACTS)


def as_attempt(
    channel: str,
    overdue: Collection[str] | None,
    account_id: str,
    told: Facts,
    *,
    machine: bool = False,
    avoid: Collection[str] = (),
) -> Attempt:
    """What is wanted as the desk, or a machine of ours, would attempt it: of the accounts overdue, else of the one it was

    decided on; at the best point that is not among those to `avoid`.
    """
    purpose = Purpose.COLLECT if overdue else Purpose.SERVICE
    template = _template(channel if channel in CONTACTS else Channel.CALL.value, purpose, machine=machine)
    debts = frozenset(told.debts.keys() & set(overdue or (account_id,))) or frozenset(told.debts)
    return replace(template, debts=debts, point=_point(template.channel, told, avoid))


@cache
def _template(channel: str, purpose: Purpose, *, machine: bool) -> Attempt:
    """A contact with the debtor by a channel."""
    told = {
        **guaranteed(Channel(channel), purpose), "automated": machine, "id": "night", "channel": channel, "party": Party.DEBTOR,
        "purpose": purpose, "debts": [],
    }  # fmt: skip
    read = attempts.read(told)
    if not isinstance(read, Attempt):
        raise AssertionError(f"the desk cannot make a contact by {channel}: {read}")  # noqa: TRY004  a bug, not a type
    return read


def _point(channel: Channel, told: Facts, avoid: Collection[str] = ()) -> str:
    """The best point of the debtor's own that the channel reaches; her main one where none is on file."""
    own = [
        point
        for point in told.points.values()
        if not point.of_third_person and point.id not in told.wrong_numbers and point.id not in avoid
    ]
    for kind in _POINTS.get(channel, ()):
        for point in own:
            if point.kind is kind:
                return point.id
    return MAIN_POINT


def as_judged(verdict: gate.Verdict, *, contact: bool) -> Judged:
    """What a verdict makes of a proposal; one that is no contact of ours, such as placing a case, is stopped by holds alone."""
    reasons = verdict.reasons if isinstance(verdict, gate.Refusal) else ()
    holds = [reason for reason in reasons if isinstance(reason.rule.test, Held)]
    counting = reasons if contact else holds
    state = ProposalState.HELD if holds else ProposalState.REFUSED if counting else ProposalState.PROPOSED
    rules = tuple(sorted({reason.rule.id for reason in counting}))
    told = json.dumps([reason.document() for reason in counting], ensure_ascii=False) if counting else "[]"
    return Judged(state.value, verdict.law, rules, told)


# --- what is wanted no more ---------------------------------------------------------------------------------------


def all_waiting() -> QuerySet[Proposal]:
    """What the last night proposed and nothing has withdrawn."""
    last = Night.objects.exclude(status=NightStatus.REPLACED).order_by("business_date").last()
    if last is None:
        return Proposal.objects.none()
    return Proposal.objects.filter(business_date=last.business_date, state=ProposalState.PROPOSED)


def waiting(customer_id: str) -> Proposal | None:
    """The one of them that is a customer's, if there is one."""
    return all_waiting().filter(customer_id=customer_id).first()


def withdraw(
    wanted: Proposal, known: Known, anew: Callable[[Attempt, datetime], tuple[Reason, ...]], *, law: Law, at: datetime
) -> list[date]:
    """Withdraw a proposal that is refused for reasons `anew`; its business date, or nothing. Holds its customer already.

    What is no contact of ours is stopped by holds alone, as by night.
    """
    late = Account.objects.filter(customer_id=wanted.customer_id, bucket__gt=0).values_list("account_id", flat=True)
    machine = by_machine(wanted.channel, wanted.team)
    attempt = as_attempt(wanted.channel, sorted(late), wanted.account_id, known.facts, machine=machine)
    reasons = anew(attempt, max(at, wanted.planned_at or at))
    if wanted.channel not in CONTACTS:
        reasons = tuple(reason for reason in reasons if isinstance(reason.rule.test, Held))
    if not reasons:
        return []
    Proposal.objects.filter(business_date=wanted.business_date, customer_id=wanted.customer_id).update(
        state=ProposalState.WITHDRAWN, rules=sorted({reason.rule.id for reason in reasons}), law=law.fingerprint,
        reasons=[reason.document() for reason in reasons],
    )  # fmt: skip
    return [wanted.business_date]
