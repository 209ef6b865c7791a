"""The act that judges agreements by what is posted: paid, missed, broken, performed; and all of it anew whenever postings change.

Knows the day of which the bank has told all, before which nothing is called missed. An agreement that was called broken, or
performed, is taken up again where a posting that came to light later, or a reversal, shows otherwise. What breaks one is in its own
terms (`core.plan.agreement`); besides, one whose last instalment is missed has nothing left that could be performed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from anhuan.acts import plan as plans
from anhuan.acts.customer import Held, held, hold_many
from anhuan.core.plan.agreement import PlanState as Standing
from anhuan.core.plan.agreement import perform
from anhuan.core.plan.promise import Posted, unreversed
from anhuan.records import posted
from anhuan.records.plan import Instalment, InstalmentState, Plan, PlanState

JUDGE: Final = "system:plans"
_JUDGED = (PlanState.ACTIVE, PlanState.PERFORMED, PlanState.DEFAULTED)
_BATCH = 1_000


def concerned(*, sequence: int, since: datetime | None = None) -> list[str]:
    """Whose agreements the night `sequence` may decide: those performed, those it posted to, those changed `since` an instant."""
    with connection.cursor() as cursor:
        cursor.execute(_CONCERNED, [since, sequence])
        return sorted(customer_id for (customer_id,) in cursor.fetchall())


_CONCERNED = """
SELECT DISTINCT customer_id FROM records_plan
WHERE state = 'active' OR (state IN ('performed', 'defaulted') AND (
    updated_at >= %s::timestamptz
    OR accounts && (SELECT array_agg(account_id) FROM records_payment WHERE sequence = %s)))
"""


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
        some = everybody[start : start + _BATCH]
        with transaction.atomic():
            hold_many(some)
            standing = list(
                Plan.objects.filter(state__in=_JUDGED, customer_id__in=some)
                .prefetch_related("instalments")
                .order_by("agreed_at")
            )
            postings = posted.by_account({account for plan in standing for account in plan.accounts})
            for plan in standing:
                mine = [each for account in plan.accounts for each in postings.get(account, ())]
                state = _judge(plan, mine, at=at, by=by, through=through)
                if state is not None:
                    became[state] += 1
    return dict(became)


def _judge(plan: Plan, postings: list[Posted], *, at: datetime, by: str, through: date) -> PlanState | None:
    """Write what is to be said of one agreement now; its new state, if it has one."""
    rows, today = plan.rows(), plans.day(at)
    told = min(today, through + timedelta(days=1))
    now, then = perform(plan.agreed, rows, postings, today), perform(plan.agreed, rows, postings, told)
    last_missed = rows[-1].due + timedelta(days=plan.agreed.default.grace_days) < told
    if then.state is Standing.BROKEN or (last_missed and now.state is not Standing.COMPLETED):
        state = PlanState.DEFAULTED
    else:
        state = PlanState.PERFORMED if now.state is Standing.COMPLETED else PlanState.ACTIVE
    fields = _progress(plan, [each for each in postings if each.effective_on <= today], now.paid_minor, then.missed, told)
    if state != plan.state and not (state is PlanState.ACTIVE and _taken(plan)):
        with held(plan.customer_id, at=at, by=by) as customer:
            _become(plan, state, customer, broken_on=then.broken_on)
        return state
    if fields:
        plan.judged_at = plan.updated_at = at
        plan.save(update_fields=[*fields, "judged_at", "updated_at"])
        if "missed" in fields and plan.state == PlanState.ACTIVE:
            with held(plan.customer_id, at=at, by=by) as customer:
                customer.remember(
                    "plan.missed" if plan.missed else "plan.made_good", plans.told(plan) | {"missed": plan.missed}
                )
    return None


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


def _progress(plan: Plan, postings: list[Posted], paid_minor: int, missed: int, told: date) -> list[str]:
    """Fill the instalments in their order; the names of the plan's fields that changed."""
    counted = [
        each for each in unreversed(postings) if each.currency == plan.currency and each.effective_on >= plan.agreed.start
    ]
    grace = timedelta(days=plan.agreed.default.grace_days)
    changed: list[Instalment] = []
    waiting, left, on = iter(counted), 0, plan.agreed.start
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
    Instalment.objects.bulk_update(changed, ["state", "paid_minor", "paid_on"])
    values = {
        "paid_minor": paid_minor, "missed": missed, "next_due_on": following.due_on if following else None,
        "next_due_minor": following.payment_minor - following.paid_minor if following else 0,
    }  # fmt: skip
    fields = [name for name, value in values.items() if getattr(plan, name) != value]
    for name in fields:
        setattr(plan, name, values[name])
    return fields
