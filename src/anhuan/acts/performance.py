"""The act that judges agreements by what is posted: paid, missed, broken, performed; and all of it anew whenever postings change.

Knows the day of which the bank has told all, before which nothing is called missed. An agreement that was called broken, or
performed, is taken up again where a posting that came to light later, or a reversal, shows otherwise. What breaks one is in its own
terms (`core.plan.agreement`); besides, one whose last instalment is missed has nothing left that could be performed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from anhuan.acts import plan as plans
from anhuan.acts.customer import Held, held, hold_many, remember_each
from anhuan.core.plan.agreement import PlanState as Standing
from anhuan.core.plan.agreement import perform
from anhuan.core.plan.promise import Posted, unreversed
from anhuan.records import posted
from anhuan.records.plan import Instalment, InstalmentState, Plan, PlanState

JUDGE: Final = "system:plans"
_JUDGED = (PlanState.ACTIVE, PlanState.PERFORMED, PlanState.DEFAULTED)
_BATCH = 1_000
_ONE = timedelta(days=1)


def concerned(*, sequence: int, since: datetime | None = None) -> list[str]:
    """Whose agreements the night `sequence` may decide: whose day has come; never looked at; on accounts it posted to; changed `since` then."""
    with connection.cursor() as cursor:
        cursor.execute(_CONCERNED, {"since": since, "sequence": sequence})
        return sorted(customer_id for (customer_id,) in cursor.fetchall())


_CONCERNED = f"""
SELECT customer_id FROM records_plan WHERE state = 'active' AND (judge_on IS NULL OR judge_on <= ({posted.DAY_OF_NIGHT}))
UNION
SELECT customer_id FROM records_plan WHERE state IN ('active', 'performed', 'defaulted') AND updated_at >= %(since)s::timestamptz
UNION
SELECT p.customer_id FROM ({posted.BY_NIGHT}) n JOIN (
    SELECT customer_id, unnest(accounts) AS account_id FROM records_plan WHERE state IN ('active', 'performed', 'defaulted')) p
USING (account_id)
"""  # noqa: S608  our own text


def judge(
    customer_ids: Collection[str] | None, *, at: datetime, by: str = JUDGE, known_through: date | None = None
) -> dict[str, int]:
    """Judge the agreements of these customers (None: of all) by what is posted; how many became what.

    `known_through` is the last day of which the bank has told all, by default as the last night says. An event on the case tells
    each agreement that ended, was taken up again, or of which another number of instalments is missed.
    """
    known = Plan.objects.filter(state__in=_JUDGED)
    if customer_ids is not None:
        known = known.filter(customer_id__in=customer_ids)
    through = known_through or posted.known_through(plans.day(at))
    everybody = sorted(set(known.values_list("customer_id", flat=True)))
    became: dict[str, int] = defaultdict(int)
    for start in range(0, len(everybody), _BATCH):
        with transaction.atomic():
            for state, number in _judge_some(everybody[start : start + _BATCH], at=at, by=by, through=through).items():
                became[state] += number
    return dict(became)


@dataclass
class _Written:
    """What is to be written of a batch: instalments and agreements as they are now, and what is told of those that go on."""

    rows: list[Instalment] = field(default_factory=list)
    plans: list[tuple[Plan, datetime | None]] = field(default_factory=list)
    told: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)


def _judge_some(customers: Sequence[str], *, at: datetime, by: str, through: date) -> dict[PlanState, int]:
    hold_many(customers)
    standing = list(
        Plan.objects.filter(state__in=_JUDGED, customer_id__in=customers).prefetch_related("instalments").order_by("agreed_at")
    )
    postings = posted.by_account({account for plan in standing for account in plan.accounts})
    written, became = _Written(), dict[PlanState, int]()
    for plan in standing:
        mine = [each for account in plan.accounts for each in postings.get(account, ())]
        state = _judge(plan, mine, written, at=at, by=by, through=through)
        if state is not None:
            became[state] = became.get(state, 0) + 1
    _write(written)
    remember_each(written.told, at=at, by=by)
    return became


def _judge(plan: Plan, postings: list[Posted], written: _Written, *, at: datetime, by: str, through: date) -> PlanState | None:
    """Say what is to be said of one agreement now; its new state, if it has one, which is written at once with all that follows."""
    rows, today = plan.rows(), plans.day(at)
    told = min(today, through + _ONE)
    now, then = perform(plan.agreed, rows, postings, today), perform(plan.agreed, rows, postings, told)
    last_missed = rows[-1].due + timedelta(days=plan.agreed.default.grace_days) < told
    if then.state is Standing.BROKEN or (last_missed and now.state is not Standing.COMPLETED):
        state = PlanState.DEFAULTED
    else:
        state = PlanState.PERFORMED if now.state is Standing.COMPLETED else PlanState.ACTIVE
    counted = [each for each in postings if each.effective_on <= today]
    filled, fields = _progress(plan, counted, now.paid_minor, then.missed, told)
    written.rows += filled
    due_to_be, plan.judge_on = plan.judge_on, _next_day(plan, postings, today, told) if state is PlanState.ACTIVE else None
    if state != plan.state and not (state is PlanState.ACTIVE and _taken(plan)):
        with held(plan.customer_id, at=at, by=by) as customer:
            _become(plan, state, customer, broken_on=then.broken_on)
        return state
    if fields:
        plan.judged_at = plan.updated_at = at
    if fields or plan.judge_on != due_to_be:
        written.plans.append((plan, at if fields else None))
    if "missed" in fields and plan.state == PlanState.ACTIVE:
        _tell_missed(plan, written, at=at, by=by)
    return None


def _tell_missed(plan: Plan, written: _Written, *, at: datetime, by: str) -> None:
    kind, body = "plan.missed" if plan.missed else "plan.made_good", plans.told(plan) | {"missed": plan.missed}
    if plan.customer_id not in written.told:
        written.told[plan.customer_id] = (kind, body)
        return
    with held(plan.customer_id, at=at, by=by) as customer:  # one in another currency, too: a batch tells one thing of each
        customer.remember(kind, body)


def _next_day(plan: Plan, postings: list[Posted], today: date, told: date) -> date:
    """The day the bank must have told of before anything may change without a further payment."""
    rule = plan.agreed.default
    days = [each.effective_on - _ONE for each in postings if each.effective_on > today]
    for row in plan.instalments.all():
        if row.state != InstalmentState.PAID:
            days.append(row.due_on + timedelta(days=rule.grace_days))
            days += [row.due_on + timedelta(days=rule.days_late - 1)] if rule.days_late else []
    return min((each for each in days if each >= told), default=date.max)


def _write(written: _Written) -> None:
    """What goes on as it was, in two statements however many they are."""
    with connection.cursor() as cursor:
        if written.rows:
            cursor.execute(
                "CREATE TEMPORARY TABLE filled (id bigint, state text, paid_minor bigint, paid_on date) ON COMMIT DROP"
            )
            with cursor.copy("COPY filled FROM STDIN") as sink:
                for row in written.rows:
                    sink.write_row([row.pk, str(row.state), row.paid_minor, row.paid_on])
            cursor.execute(_FILLED)
            cursor.execute("DROP TABLE filled")
        if written.plans:
            cursor.execute(
                "CREATE TEMPORARY TABLE judged (plan_id uuid, paid_minor bigint, missed smallint, next_due_on date,"
                " next_due_minor bigint, judge_on date, at timestamptz) ON COMMIT DROP"
            )
            with cursor.copy("COPY judged FROM STDIN") as sink:
                for plan, at in written.plans:
                    sink.write_row(
                        [plan.plan_id, plan.paid_minor, plan.missed, plan.next_due_on, plan.next_due_minor, plan.judge_on, at]
                    )
            cursor.execute(_JUDGED_NOW)
            cursor.execute("DROP TABLE judged")


_FILLED = """
UPDATE records_instalment i SET state = f.state, paid_minor = f.paid_minor, paid_on = f.paid_on FROM filled f WHERE i.id = f.id
"""
_JUDGED_NOW = """
UPDATE records_plan p SET paid_minor = j.paid_minor, missed = j.missed, next_due_on = j.next_due_on, next_due_minor = j.next_due_minor,
    judge_on = j.judge_on, judged_at = coalesce(j.at, p.judged_at), updated_at = coalesce(j.at, p.updated_at)
FROM judged j WHERE p.plan_id = j.plan_id
"""


def _taken(plan: Plan) -> bool:
    """Whether another agreement stands in its place by now, so that it stays as it ended."""
    return (
        Plan.objects.filter(customer_id=plan.customer_id, currency=plan.currency, state=PlanState.ACTIVE)
        .exclude(pk=plan.pk)
        .exists()
    )


def _become(plan: Plan, state: PlanState, customer: Held, *, broken_on: date | None) -> None:
    body: dict[str, Any] = plans.told(plan) | {"paid_minor": plan.paid_minor, "missed": plan.missed}
    plan.judged_at = customer.at
    if state is PlanState.ACTIVE:
        plan.state, plan.ended_at, plan.ended_by, plan.ended_why = state, None, "", ""
        plan.hold_id = plans.place_hold(plan, customer)
        plan.updated_at = customer.at
        plan.save()
        plans.set_waivers(plan, plans.WAIVERS_OF[state], customer.at)
        customer.remember("plan.resumed", body)
        return
    plans.over(plan, state, customer, why=state)
    body |= {"broken_on": broken_on.isoformat()} if broken_on else {}
    customer.remember(f"plan.{state}", body)


def _progress(
    plan: Plan, postings: list[Posted], paid_minor: int, missed: int, told: date
) -> tuple[list[Instalment], list[str]]:
    """Fill the instalments in their order: those that are another now, and the names of the plan's fields that are."""
    counted = [
        each for each in unreversed(postings) if each.currency == plan.currency and each.effective_on >= plan.agreed.start
    ]
    grace = timedelta(days=plan.agreed.default.grace_days)
    waiting, left, on = iter(counted), 0, plan.agreed.start
    changed: list[Instalment] = []
    following: Instalment | None = None
    for row in plan.instalments.all():
        while left < row.payment_minor and (each := next(waiting, None)) is not None:
            left, on = left + each.amount_minor, each.effective_on
        paid = min(left, row.payment_minor)
        left -= paid
        whole = paid == row.payment_minor
        state = InstalmentState.PAID if whole else InstalmentState.MISSED if row.due_on + grace < told else InstalmentState.OPEN
        following = following or (None if whole else row)
        if (row.state, row.paid_minor, row.paid_on) != (state, paid, on if whole else None):
            row.state, row.paid_minor, row.paid_on = state, paid, on if whole else None
            changed.append(row)
    values = {
        "paid_minor": paid_minor, "missed": missed, "next_due_on": following.due_on if following else None,
        "next_due_minor": following.payment_minor - following.paid_minor if following else 0,
    }  # fmt: skip
    fields = [name for name, value in values.items() if getattr(plan, name) != value]
    for name in fields:
        setattr(plan, name, values[name])
    return changed, fields
