"""The acts on promises to pay: one is made, withdrawn, corrected; and all are judged by what is posted.

Knows that a posting is counted to one promise alone, the earliest it was in time for, and that a judgement is taken anew whenever
postings change, also back to what it was. Whether a promise is kept is `core.plan.promise`'s word; what may be promised is the
bank's policy (`acts.policy`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from anhuan.acts import outbox, policy, worklist
from anhuan.acts.agreeing import fault
from anhuan.acts.customer import Held, held, hold_many, remember_many
from anhuan.core.plan import promise as core
from anhuan.core.plan.policy import PromiseRule
from anhuan.core.plan.promise import Posted, Promised, PromiseState
from anhuan.records import posted
from anhuan.records.account import Account
from anhuan.records.attempt import Fault
from anhuan.records.plan import Plan, PlanState
from anhuan.records.promise import Promise

JUDGE: Final = "system:promises"
_BATCH = 2_000
_ONE = timedelta(days=1)

Answer = Promise | list[Fault]


# --- one promise --------------------------------------------------------------------------------------------------


def make(
    customer_id: str,
    *,
    account_id: str,
    amount_minor: int,
    currency: str,
    due_on: date,
    made_in: UUID | None = None,
    tolerance_minor: int | None = None,
    grace_days: int | None = None,
    at: datetime,
    by: str,
) -> Answer:
    """She promises to pay so much on an account by a day; tolerance and grace are the policy's unless it is told otherwise.

    An open promise on the same account is withdrawn by it, and messages that would ask for what she has now promised do not leave.
    `made_in` is the contact in which she said so.
    """
    with held(customer_id, at=at, by=by) as customer:
        account = Account.objects.filter(pk=account_id, customer_id=customer_id).first()
        if account is None:
            return [fault("account_id", "account_unknown")]
        rule = policy.promise_rule(account, on=_day(customer.at))
        faults = [*_unfit(account, rule, amount_minor=amount_minor, currency=currency, due_on=due_on, today=_day(customer.at))]
        if faults:
            return faults
        replaced = _withdraw_open(customer, account_id, currency, why="replaced")
        promise = Promise.objects.create(
            promise_id=uuid4(), customer_id=customer_id, account_id=account_id, amount_minor=amount_minor, currency=currency,
            due_on=due_on, state=PromiseState.OPEN, at=customer.at, recorded_at=customer.at, by=by, made_in=made_in,
            tolerance_minor=rule.tolerance_minor(amount_minor) if tolerance_minor is None else tolerance_minor,
            grace_days=rule.grace_days if grace_days is None else grace_days, updated_at=customer.at,
        )  # fmt: skip
        stopped = outbox.withdraw([customer_id], code="promised", at=customer.at)
        body = _told(promise) | {"replaced": replaced, "stopped": stopped, "made_in": made_in and str(made_in)}
        customer.remember("promise.made", {name: value for name, value in body.items() if value not in (None, [], 0)})
    return promise


def make_on_all(
    customer_id: str,
    shares: Mapping[str, int],
    *,
    currency: str,
    due_on: date,
    made_in: UUID | None = None,
    at: datetime,
    by: str,
) -> list[Promise] | list[Fault]:
    """She promises a sum on several accounts by a day: a promise on each, of its share; all of them or none."""
    made: list[Promise] = []
    with transaction.atomic():
        for account_id, minor in sorted(shares.items()):
            answer = make(
                customer_id, account_id=account_id, amount_minor=minor, currency=currency, due_on=due_on, made_in=made_in, at=at, by=by
            )  # fmt: skip
            if isinstance(answer, list):
                transaction.set_rollback(True)
                return answer
            made.append(answer)
    return made


def withdraw(promise_id: UUID, *, why: str, at: datetime, by: str) -> Answer:
    """An open promise no longer holds; `why` is a code, such as `customer`, `mistake`."""
    with transaction.atomic():
        found = _held(promise_id, at=at, by=by)
        if isinstance(found, list):
            return found
        promise, customer = found
        _end(promise, customer, why)
        customer.remember("promise.withdrawn", _told(promise) | {"why": why})
    return promise


def correct(
    promise_id: UUID, *, amount_minor: int | None = None, due_on: date | None = None, why: str, at: datetime, by: str
) -> Answer:
    """What was written down wrongly of an open promise is put right; it stays as old as it is."""
    with transaction.atomic():
        found = _held(promise_id, at=at, by=by)
        if isinstance(found, list):
            return found
        promise, customer = found
        account = Account.objects.filter(pk=promise.account_id, customer_id=promise.customer_id).first()
        if account is None:
            return [fault("account_id", "account_unknown")]
        rule = policy.promise_rule(account, on=_day(customer.at))
        was = {"amount_minor": promise.amount_minor, "due_on": promise.due_on.isoformat()}
        amount, due = amount_minor or promise.amount_minor, due_on or promise.due_on
        faults = [*_unfit(account, rule, amount_minor=amount, currency=promise.currency, due_on=due, today=_day(promise.at))]
        if faults:
            return faults
        promise.amount_minor, promise.due_on, promise.updated_at = amount, due, customer.at
        promise.tolerance_minor = rule.tolerance_minor(amount)
        promise.save()
        customer.remember("promise.corrected", _told(promise) | {"was": was, "why": why})
    judge([promise.customer_id], at=at)
    promise.refresh_from_db()
    return promise


def withdraw_all(customer: Held, accounts: Collection[str], currency: str, *, why: str) -> list[str]:
    """The open promises on these accounts no longer hold, because of an act under way that remembers it; their ids."""
    return [each for account in sorted(accounts) for each in _withdraw_open(customer, account, currency, why=why)]


def _held(promise_id: UUID, *, at: datetime, by: str) -> tuple[Promise, Held] | list[Fault]:
    """An open promise whose customer nobody else writes of until the caller's transaction ends."""
    known = Promise.objects.filter(pk=promise_id).only("customer_id").first()
    if known is None:
        return [fault("promise", "promise_unknown")]
    with held(known.customer_id, at=at, by=by) as customer:
        promise = Promise.objects.get(pk=promise_id)
    if promise.state != PromiseState.OPEN:
        return [fault("promise", "promise_over")]
    return promise, customer


def _withdraw_open(customer: Held, account_id: str, currency: str, *, why: str) -> list[str]:
    standing = Promise.objects.filter(
        customer_id=customer.customer_id, account_id=account_id, currency=currency, state=PromiseState.OPEN
    )
    ended = list(standing.order_by("at", "promise_id"))
    for promise in ended:
        _end(promise, customer, why)
    return [str(promise.promise_id) for promise in ended]


def _end(promise: Promise, customer: Held, why: str) -> None:
    promise.state, promise.withdrawn_why = PromiseState.WITHDRAWN, why
    promise.withdrawn_at = promise.updated_at = customer.at
    promise.withdrawn_by = customer.by
    promise.save()
    # What was paid towards it is free for her others: the next night looks at them.
    Promise.objects.filter(customer_id=promise.customer_id, state=PromiseState.OPEN).update(judge_on=None)


def _unfit(
    account: Account, rule: PromiseRule, *, amount_minor: int, currency: str, due_on: date, today: date
) -> Iterator[Fault]:
    if currency != account.currency:
        yield fault("currency", "currency_of_another", currency=account.currency)
    if not 0 < amount_minor <= account.balance_total_minor:
        yield fault("amount_minor", "amount_beyond")
    elif amount_minor < (
        least := min(-int(-account.past_due_amount_minor * rule.least_share // 1), account.balance_total_minor)
    ):
        yield fault("amount_minor", "amount_too_small", least_minor=least, currency=account.currency)
    if not 0 <= (due_on - today).days <= rule.max_days:
        yield fault("due_on", "day_beyond", days=rule.max_days)
    if Plan.objects.filter(accounts__contains=[account.account_id], state=PlanState.ACTIVE).exists():
        yield fault("account_id", "under_plan")


def _told(promise: Promise) -> dict[str, Any]:
    return {
        "promise": str(promise.promise_id), "account": promise.account_id, "amount_minor": promise.amount_minor,
        "currency": promise.currency, "due_on": promise.due_on.isoformat(),
    }  # fmt: skip


def _day(at: datetime) -> date:
    return timezone.localtime(at).date()


# --- judging ------------------------------------------------------------------------------------------------------


def concerned(*, sequence: int, since: datetime | None = None) -> list[str]:
    """Whose promises the night `sequence` may decide: whose day has come; never looked at; on accounts it posted to; judged `since` then."""
    with connection.cursor() as cursor:
        cursor.execute(_CONCERNED, {"since": since, "sequence": sequence})
        return sorted(customer_id for (customer_id,) in cursor.fetchall())


_CONCERNED = f"""
SELECT customer_id FROM records_promise WHERE state = 'open' AND (judge_on IS NULL OR judge_on <= ({posted.DAY_OF_NIGHT}))
UNION
SELECT customer_id FROM records_promise WHERE judged_at IS NOT NULL AND state <> 'withdrawn' AND updated_at >= %(since)s::timestamptz
UNION
SELECT p.customer_id FROM ({posted.BY_NIGHT}) n JOIN records_account a USING (account_id) JOIN records_promise p USING (customer_id)
WHERE p.state = 'open' OR (p.judged_at IS NOT NULL AND p.state <> 'withdrawn')
"""  # noqa: S608  our own text


def judge(
    customer_ids: Collection[str] | None, *, at: datetime, by: str = JUDGE, known_through: date | None = None
) -> dict[str, int]:
    """Judge the promises of these customers (None: of all) by what is posted; how many became what, without those that stay.

    One is called broken only when the bank has told all of its last day (`known_through`: by default as the last night says). What
    was withdrawn, and what the old system had judged, stays. One event for each customer of whom something changed.
    """
    if customer_ids is None:
        customer_ids = set(_judged().values_list("customer_id", flat=True))
    through = known_through or posted.known_through(_day(at))
    became: dict[str, int] = defaultdict(int)
    everybody = sorted(set(customer_ids))
    for start in range(0, len(everybody), _BATCH):
        with transaction.atomic():
            for state, number in _judge(everybody[start : start + _BATCH], at=at, by=by, through=through).items():
                became[state] += number
    return dict(became)


def _judged() -> Any:
    return Promise.objects.filter(Q(state=PromiseState.OPEN) | Q(judged_at__isnull=False)).exclude(state=PromiseState.WITHDRAWN)


def _judge(customers: Sequence[str], *, at: datetime, by: str, through: date) -> dict[str, int]:
    hold_many(customers)
    promises: dict[str, list[Promise]] = defaultdict(list)
    for promise in _judged().filter(customer_id__in=customers).order_by("at", "promise_id"):
        promises[promise.customer_id].append(promise)
    accounts = _accounts(promises)
    postings = posted.by_account({each for some in accounts.values() for each in some})
    seen: list[Promise] = []
    changed: set[UUID] = set()
    told: dict[str, list[dict[str, Any]]] = {}
    became: dict[str, int] = defaultdict(int)
    for customer_id, hers in promises.items():
        left = {account: core.unreversed(postings.get(account, ())) for account in accounts[customer_id]}
        for promise in hers:
            was, due_to_be = PromiseState(promise.state), promise.judge_on
            if _decide(promise, left, at=at, through=through):
                changed.add(promise.promise_id)
                told.setdefault(customer_id, []).append(
                    _told(promise) | {"from": was, "to": promise.state, "paid_minor": promise.paid_minor}
                )
                became[promise.state] += promise.state != was
            if promise.promise_id in changed or promise.judge_on != due_to_be:
                seen.append(promise)
    _write(seen, changed, at=at)
    worklist.judged(told, through=through, today=_day(at), at=at)
    remember_many(told, "promise.judged", "promises", at=at, by=by)
    return {state: number for state, number in became.items() if number}


def _write(seen: Sequence[Promise], changed: Collection[UUID], *, at: datetime) -> None:
    """What was judged of these promises, in one statement however many they are; of who did not change, the day they wait for alone."""
    if not seen:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE judged (promise_id uuid, state text, paid_minor bigint, settled_on date, judge_on date, at timestamptz)"
            " ON COMMIT DROP"
        )
        with cursor.copy("COPY judged FROM STDIN") as sink:
            for each in seen:
                then = at if each.promise_id in changed else None
                sink.write_row([each.promise_id, str(each.state), each.paid_minor, each.settled_on, each.judge_on, then])
        cursor.execute(_WRITTEN)
        cursor.execute("DROP TABLE judged")


_WRITTEN = """
UPDATE records_promise p SET state = j.state, paid_minor = j.paid_minor, settled_on = j.settled_on, judge_on = j.judge_on,
    judged_at = coalesce(j.at, p.judged_at), updated_at = coalesce(j.at, p.updated_at)
FROM judged j WHERE p.promise_id = j.promise_id
"""


def _accounts(promises: Mapping[str, Sequence[Promise]]) -> dict[str, list[str]]:
    """By customer, the accounts her promises may be paid on: those they name, all of hers where one names none."""
    named = {customer_id: sorted({each.account_id for each in hers}) for customer_id, hers in promises.items()}
    unnamed = [customer_id for customer_id, accounts in named.items() if "" in accounts]
    for customer_id, account_id in Account.objects.filter(customer_id__in=unnamed).values_list("customer_id", "account_id"):
        named[customer_id].append(account_id)
    return {customer_id: sorted({*accounts} - {""}) for customer_id, accounts in named.items()}


def _decide(promise: Promise, left: dict[str, list[Posted]], *, at: datetime, through: date) -> bool:
    """Judge one promise by the postings `left` to it, and take from them what it uses; whether anything of it changed."""
    asked = Promised(
        promise.amount_minor, promise.currency, _day(promise.at), promise.due_on, promise.tolerance_minor, promise.grace_days
    )
    mine = [promise.account_id] if promise.account_id else sorted(left)
    judged = core.judge(asked, [each for account in mine for each in left.get(account, ())], _day(at))
    state, settled_on = judged.state, judged.kept_on
    if state in {PromiseState.BROKEN, PromiseState.PART_KEPT}:
        state = PromiseState.OPEN if asked.last_day > through else state
        settled_on = None if state is PromiseState.OPEN else date.fromordinal(asked.last_day.toordinal() + 1)
    ahead = [each.effective_on - _ONE for account in mine for each in left.get(account, ()) if each.effective_on > _day(at)]
    promise.judge_on = min([asked.last_day, *ahead]) if state is PromiseState.OPEN else None
    _use(asked, min(judged.paid_minor, promise.amount_minor), mine, left, until=_day(at))
    if (promise.state, promise.paid_minor, promise.settled_on) == (state, judged.paid_minor, settled_on):
        return False
    promise.state, promise.paid_minor, promise.settled_on = state, judged.paid_minor, settled_on
    promise.judged_at = promise.updated_at = at
    return True


def _use(asked: Promised, wanted: int, mine: Sequence[str], left: dict[str, list[Posted]], *, until: date) -> None:
    for account in mine:
        remaining = []
        for each in left.get(account, ()):
            counts = each.currency == asked.currency and asked.made_on <= each.effective_on <= min(asked.last_day, until)
            used = min(wanted, each.amount_minor) if counts else 0
            wanted -= used
            if used < each.amount_minor:
                remaining.append(replace(each, amount_minor=each.amount_minor - used))
        left[account] = remaining
