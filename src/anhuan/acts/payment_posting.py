"""The acts on what is counted as paid before the night: entries become postings, each payment once, whoever tells it how often.

What is one payment `acts.payment_matching` says. The bank's books are not touched: its night confirms a posting (`acts.payment`), and its
word stands.

Who takes payments holds `PAYMENTS` first and the customers after it, in the order of their ids. A posting stops what waits to ask for the
money, and promises and plans are judged anew, in its own transaction.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Sum

from anhuan.acts import outbox, performance, promise, worklist
from anhuan.acts import payment_matching as matching
from anhuan.acts.payment_matching import Matched
from anhuan.core.plan import allocation
from anhuan.core.plan.parts import Part, Parts
from anhuan.core.vocabulary import PaymentKind
from anhuan.records import events
from anhuan.records.account import Account
from anhuan.records.case import Case
from anhuan.records.outbox import ItemState, OutboxItem
from anhuan.records.payment import PaymentAllocation, PaymentEntry, Posting, PostingState, Result
from anhuan.rulebook import judging

JURISDICTION = "cn"
LEFT = "left"
"""The component of what a payment leaves over: it belongs to the customer."""

# Whoever takes payments keeps others waiting, for they are compared with all that is known: an advisory lock under this number.
_PAYMENTS_LOCK = 0x616E7061


def hold_payments(cursor: CursorWrapper) -> None:
    """Until this transaction ends nobody else takes, places or confirms a payment."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PAYMENTS_LOCK])


def hold_customers(cursor: CursorWrapper, customers: Collection[str]) -> None:
    """Until this transaction ends nobody else writes of these customers."""
    cursor.execute(
        'SELECT h.has_case FROM (SELECT c FROM unnest(%s::text[]) u (c) ORDER BY c COLLATE "C") o, LATERAL records_customer_hold(o.c) h',
        [sorted(customers)],
    )


@dataclass
class Taken:
    """What a batch of entries came to, counted in entries; `stopped` counts messages that will not leave."""

    posted: int = 0
    known: int = 0
    stopped: int = 0
    customers: set[str] = field(default_factory=set)


def take(entries: Sequence[PaymentEntry], *, at: datetime, by: str, event: str = "payment.posted") -> Taken:
    """Count each of these entries, whose account is known, once. Runs in the caller's transaction, which holds payments and the customers."""
    taken = Taken()
    if entries:
        follow(matching.match((), entries=entries, at=at, by=by), taken, event=event, at=at, by=by)
        taken.posted = sum(entry.result == Result.POSTED for entry in entries)
        taken.known = len(entries) - taken.posted
    return taken


def follow(matched: Matched, taken: Taken, *, event: str = "payment.posted", at: datetime, by: str) -> None:
    """What follows from payments matched anew: they are applied, told of, and promises and plans are judged by them."""
    apply(matched)
    if matched.gone:
        _forget(matched.gone, at=at, by=by)
    tell(matched.counted(), taken, event=event, at=at, by=by)
    told = {each.customer_id for each in matched.counted()}
    judge(sorted({each.customer_id for each in (*matched.changed, *matched.gone)} - told), at=at)


def apply(matched: Matched) -> None:
    """Keep how what is matched is applied; what was applied otherwise before, or counts no longer, is taken from the accounts first."""
    stale = [each.pk for each in (*matched.again, *matched.gone)]
    if stale:
        PaymentAllocation.objects.filter(posting_id__in=stale).delete()
    allocate([*matched.counted(), *matched.again])


# --- where the money goes -----------------------------------------------------------------------------------------


class _Line(NamedTuple):
    """One line of how a posting is applied, as `records.payment.PaymentAllocation` keeps it."""

    posting_id: UUID
    number: int
    component: str
    amount_minor: int


def allocate(postings: Collection[Posting]) -> None:
    """Keep how each posting is applied to what its account owed at the night, less what is already posted since: in the legal order."""
    asked = list({each.account_id for each in postings})
    found = Account.objects.raw(f"SELECT {_OWED} FROM records_account WHERE account_id = ANY (%s)", [asked])  # noqa: S608  our names
    accounts = {each.account_id: each for each in found}
    applied = _applied(accounts)
    orders: dict[tuple[int, date], tuple[Part, ...]] = {}
    lines: list[_Line] = []
    for posting in sorted(postings, key=lambda each: (each.effective_on, each.posting_id)):
        account = accounts.get(posting.account_id)
        if posting.kind == PaymentKind.REVERSAL:
            lines += _taken_back(posting, lines)
        elif account is not None:
            day = (_late(account, posting.effective_on), posting.effective_on)
            if day not in orders:
                orders[day] = allocation.legal_order(day[0], law=judging.law_of(JURISDICTION, day[1]))
            owed = _parts(account) - applied[account.account_id]
            told = allocation.apply(account.account_id, owed, posting.amount_minor, orders[day])
            applied[account.account_id] += told.parts
            parts = [(part.value, told.parts[part]) for part in told.order] + [(LEFT, told.left_minor)]
            some = ((component, amount) for component, amount in parts if amount)
            lines += [_Line(posting.posting_id, number, *each) for number, each in enumerate(some, start=1)]
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY records_paymentallocation ({', '.join(_Line._fields)}) FROM STDIN") as sink,
    ):
        for line in lines:
            sink.write_row(line)


_OWED = "account_id, principal_minor, interest_minor, fees_minor, penalty_minor, past_due_since"


def _parts(account: Account) -> Parts:
    return Parts(account.principal_minor, account.interest_minor, account.fees_minor, account.penalty_minor)


def _late(account: Account, on: date) -> int:
    """Days past due on the day a payment takes effect."""
    return 0 if account.past_due_since is None else max(0, (on - account.past_due_since).days)


def _applied(accounts: Collection[str]) -> dict[str, Parts]:
    """What provisional postings have already paid of each account, by part."""
    found: dict[str, Parts] = defaultdict(Parts)
    named = {part.value for part in Part}
    with connection.cursor() as cursor:
        cursor.execute(_APPLIED, [list(accounts)])
        for account_id, component, amount in cursor.fetchall():
            if component in named:
                found[account_id] += Parts.of({Part(component): int(amount)})
    return found


_APPLIED = """
SELECT p.account_id, a.component, sum(a.amount_minor) FROM records_posting p JOIN records_paymentallocation a USING (posting_id)
WHERE p.account_id = ANY (%s) AND p.state = 'provisional' GROUP BY 1, 2
"""


def _taken_back(posting: Posting, made: Iterable[_Line]) -> list[_Line]:
    """The lines of what is reversed, less what was taken back before, below nought, last applied first: a part of it takes back so much."""
    if posting.reverses_posting is None:
        return []
    lines = [each for each in made if each.posting_id == posting.reverses_posting]
    kept = PaymentAllocation.objects.filter(posting_id=posting.reverses_posting)
    lines = lines or [_Line(*each) for each in kept.values_list(*_Line._fields)]
    before = Posting.objects.filter(reverses_posting=posting.reverses_posting).exclude(state=PostingState.WITHDRAWN)
    back = PaymentAllocation.objects.filter(posting__in=before).values_list("component").annotate(Sum("amount_minor"))
    standing: dict[str, int] = defaultdict(int, dict(back))
    left = posting.amount_minor
    rows: list[_Line] = []
    for line in sorted(lines, key=lambda each: -each.number):
        amount = min(left, line.amount_minor + standing[line.component])
        left -= amount
        if amount:
            rows.append(_Line(posting.posting_id, len(rows) + 1, line.component, -amount))
    return rows


# --- what follows -------------------------------------------------------------------------------------------------


def tell(postings: Sequence[Posting], taken: Taken, *, event: str, at: datetime, by: str) -> None:
    """What waits to ask these customers for money does not leave; one event each; promises and plans are judged anew."""
    ids: dict[str, list[str]] = defaultdict(list)
    for posting in postings:
        ids[posting.customer_id].append(posting.payment_id or str(posting.posting_id))
    taken.customers |= ids.keys()
    paying = {each.customer_id for each in postings if each.kind != PaymentKind.REVERSAL}
    waiting = OutboxItem.objects.filter(customer_id__in=paying, state=ItemState.WAITING, purpose="").values_list(
        "customer_id", flat=True
    )
    stops: dict[str, int] = defaultdict(int)
    for customer_id in waiting:
        stops[customer_id] += 1
    taken.stopped += outbox.withdraw(sorted(stops), code="paid", at=at) if stops else 0
    remember(
        event, {who: {"payments": sorted(names), "stopped": stops[who]} for who, names in sorted(ids.items())}, at=at, by=by
    )
    judge(sorted(ids), at=at)


def remember(event: str, bodies: Mapping[str, Mapping[str, Any]], *, at: datetime, by: str) -> None:
    """One event in the chain of each of these customers; of those without a case, in that of the house, under her id."""
    with_case = sorted(Case.objects.filter(pk__in=bodies).values_list("case_id", flat=True))
    if with_case:
        told = [json.dumps(bodies[customer_id]) for customer_id in with_case]
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TEMPORARY TABLE payments_told ON COMMIT DROP AS SELECT u.chain, %s::varchar AS kind, u.body::jsonb AS body"
                " FROM unnest(%s::text[], %s::text[]) u (chain, body)",
                [event, with_case, told],
            )
            events.append_many(cursor, "payments_told", at=at, by=by)
            cursor.execute("DROP TABLE payments_told")
    for customer_id in sorted(bodies.keys() - set(with_case)):
        events.append(chain=events.HOUSE, kind=event, body={"customer": customer_id, **bodies[customer_id]}, at=at, by=by)


def judge(customers: Sequence[str], *, at: datetime) -> None:
    """What these customers promised and agreed, by what counts as paid now, and whether they are to be worked on."""
    if customers:
        promise.judge(customers, at=at)
        performance.judge(customers, at=at)
        worklist.paid(customers, at=at)


# --- reversals ----------------------------------------------------------------------------------------------------


def reverse(posting_id: UUID, *, amount_minor: int | None = None, reason: str, at: datetime, by: str) -> Posting | str:
    """A payment we count is taken back, whole or in part: the reversal, which restores what was owed; or the code of why not."""
    with transaction.atomic(), connection.cursor() as cursor:
        hold_payments(cursor)
        taken_back = Posting.objects.filter(pk=posting_id).exclude(kind=PaymentKind.REVERSAL).first()
        if taken_back is None or taken_back.state == PostingState.WITHDRAWN:
            return "posting_unknown"
        before = Posting.objects.filter(reverses_posting=posting_id).exclude(state=PostingState.WITHDRAWN)
        left = taken_back.amount_minor - (before.aggregate(Sum("amount_minor"))["amount_minor__sum"] or 0)
        amount = left if amount_minor is None else amount_minor
        if not 0 < amount <= left:
            return "amount_beyond"
        if not reason:
            return "reason_missing"
        hold_customers(cursor, [taken_back.customer_id])
        made = Posting(
            posting_id=uuid4(), account_id=taken_back.account_id, customer_id=taken_back.customer_id, amount_minor=amount,
            currency=taken_back.currency, effective_on=taken_back.effective_on, kind=PaymentKind.REVERSAL.value, reason=reason[:40],
            reverses_posting=posting_id, posted_at=at, by=by,
        )  # fmt: skip
        made.save(force_insert=True)
        allocate([made])
        tell([made], Taken(), event="payment.reversed", at=at, by=by)
    return made


def withdraw(postings: Sequence[Posting], *, at: datetime, by: str) -> bool:
    """Postings made by hand count no longer; False, and nothing is done, where the bank has confirmed one.

    Runs in the caller's transaction, which holds payments and the customers.
    """
    if any(each.state != PostingState.PROVISIONAL for each in postings):
        return False
    ids = [each.posting_id for each in postings]
    PaymentAllocation.objects.filter(posting_id__in=ids).delete()
    Posting.objects.filter(pk__in=ids).update(state=PostingState.WITHDRAWN)
    _forget(postings, at=at, by=by)
    judge(sorted({each.customer_id for each in postings}), at=at)
    return True


def _forget(postings: Sequence[Posting], *, at: datetime, by: str) -> None:
    whose: dict[str, list[str]] = defaultdict(list)
    for each in postings:
        whose[each.customer_id].append(str(each.posting_id))
    remember("payment.withdrawn", {who: {"postings": sorted(names)} for who, names in whose.items()}, at=at, by=by)
