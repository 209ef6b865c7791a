"""The acts on what is counted as paid before the night: entries become postings, each payment once, whoever tells it how often.

Knows how two words of one payment are known to be one: the same id in the bank's books, the same name at the gateway with the same
amount, or the same account, amount and kind told by another source within `NEAR` days. Each source tells a payment once, so two words of one
source are two payments. The bank's books are not touched: its night confirms a posting (`acts.payment`), and its word stands.

Who takes payments holds `PAYMENTS` first and the customers after it, in the order of their ids. A posting stops what waits to ask for the
money, and promises and plans are judged anew, in its own transaction.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Sum

from anhuan.acts import outbox, performance, promise
from anhuan.core.plan import allocation
from anhuan.core.plan.parts import Part, Parts
from anhuan.core.vocabulary import PaymentKind
from anhuan.records import events
from anhuan.records.account import Account
from anhuan.records.case import Case
from anhuan.records.outbox import ItemState, OutboxItem
from anhuan.records.payment import Payment, PaymentAllocation, PaymentEntry, Posting, PostingState, Result
from anhuan.rulebook import judging

NEAR = timedelta(days=7)
"""How far apart two sources may date one payment that has no name in common."""
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


def take(
    entries: Sequence[PaymentEntry], *, at: datetime, by: str, event: str = "payment.posted", suspense_id: UUID | None = None
) -> Taken:
    """Count each of these entries, whose account is known, once. Runs in the caller's transaction, which holds payments.

    The customers are held here, so no other may be held before unless it comes before them in order.
    """
    taken = Taken()
    if not entries:
        return taken
    owners = dict(Account.objects.filter(pk__in={each.account_id for each in entries}).values_list("account_id", "customer_id"))
    with connection.cursor() as cursor:
        hold_customers(cursor, set(owners.values()))
    standing = _Standing.around(entries)
    fresh: list[Posting] = []
    for entry in entries:
        posting = standing.same(entry)
        if posting is None:
            posting = _posting(entry, owners.get(entry.account_id, ""), standing, suspense_id=suspense_id, at=at, by=by)
            standing.fresh.add(posting.posting_id)
            fresh.append(posting)
            entry.result = Result.POSTED if posting.state == PostingState.PROVISIONAL else Result.KNOWN
        else:
            entry.result = Result.KNOWN
            if entry.payment_id and not posting.payment_id:
                posting.payment_id = entry.payment_id
                standing.confirm_anew(posting)
        entry.posting_id = posting.posting_id
        standing.learn(posting, entry)
        taken.posted += entry.result == Result.POSTED
        taken.known += entry.result == Result.KNOWN
    Posting.objects.bulk_create(fresh)
    _settle(entries)
    counted = [posting for posting in fresh if posting.state == PostingState.PROVISIONAL]
    allocate(counted)
    tell(counted, taken, event=event, at=at, by=by)
    return taken


def _settle(entries: Sequence[PaymentEntry]) -> None:
    """Write what became of each entry, in one statement."""
    columns = zip(*((each.pk, str(each.result), each.posting_id, each.account_id, each.how) for each in entries), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE records_paymententry e SET result = u.result, posting_id = u.posting_id, account_id = u.account_id, how = u.how"
            " FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::text[]) u (entry_id, result, posting_id, account_id, how)"
            " WHERE e.entry_id = u.entry_id",
            [list(column) for column in columns],
        )


def _posting(
    entry: PaymentEntry, customer_id: str, standing: _Standing, *, suspense_id: UUID | None, at: datetime, by: str
) -> Posting:
    """A posting of its own for an entry: provisional, or that of a payment the night has brought already."""
    brought = standing.brought(entry)
    posting = Posting(
        posting_id=uuid4(), account_id=entry.account_id, customer_id=customer_id, amount_minor=entry.amount_minor,
        currency=entry.currency, effective_on=entry.effective_on, kind=entry.kind, payment_id=entry.payment_id,
        suspense_id=suspense_id, posted_at=at, by=by,
    )  # fmt: skip
    if brought is not None:
        posting.state, posting.confirmed_by, posting.confirmed_in = (
            PostingState.CONFIRMED.value,
            brought.payment_id,
            brought.sequence,
        )
        posting.payment_id = brought.payment_id
        posting.differs = differences(posting, brought)
        standing.claimed.add(brought.payment_id)
    elif entry.kind == PaymentKind.REVERSAL:
        posting.reverses_posting, posting.reverses_payment = standing.reversed(entry)
    return posting


def differences(posting: Posting, payment: Payment) -> list[str]:
    """What the bank says otherwise of a payment than we counted."""
    return [name for name in ("account_id", "amount_minor", "currency", "kind") if not _alike(name, posting, payment)]


def _alike(name: str, posting: Posting, payment: Payment) -> bool:
    ours, theirs = getattr(posting, name), getattr(payment, name)
    if name == "kind":  # autopay, remittances and the like are payments as well
        return bool((ours == PaymentKind.REVERSAL) == (theirs == PaymentKind.REVERSAL))
    return bool(ours == theirs)


# --- the same payment ---------------------------------------------------------------------------------------------

_Likeness = tuple[str, str, int, bool]


def _likeness(one: Any) -> _Likeness:
    return one.account_id, one.currency, one.amount_minor, one.kind == PaymentKind.REVERSAL


@dataclass
class _Standing:
    """All that is known around a batch of entries: postings with who has told of each, and the bank's payments."""

    postings: dict[UUID, Posting]
    sources: dict[UUID, set[str]]
    by_payment_id: dict[tuple[str, bool], Posting]
    by_gateway: dict[str, list[Posting]]
    by_reference: dict[str, Posting]
    by_likeness: dict[_Likeness, list[Posting]]
    payments: dict[str, Payment]
    payments_alike: dict[_Likeness, list[Payment]]
    claimed: set[str]
    by_confirmed: dict[tuple[str, bool], Posting] = field(default_factory=dict)
    fresh: set[UUID] = field(default_factory=set)
    """Postings of this batch, which are not written yet."""

    @classmethod
    def around(cls, entries: Sequence[PaymentEntry]) -> _Standing:
        accounts = {each.account_id for each in entries}
        names = {each.payment_id for each in entries} | {each.reverses for each in entries} - {""}
        gateways = {name for each in entries for name in (each.gateway, each.reverses) if name}
        first = min(each.effective_on for each in entries)
        kindred = PaymentEntry.objects.filter(posting_id__isnull=False)
        told = [
            *kindred.filter(gateway__in=gateways), *kindred.filter(payment_id__in=names - {""}),
            *kindred.filter(reference__in={each.reverses for each in entries if each.reverses}),
        ]  # fmt: skip
        postings = {
            each.posting_id: each
            for found in (
                Posting.objects.filter(account_id__in=accounts, effective_on__gte=first - NEAR),
                Posting.objects.filter(payment_id__in=names - {""}),
                Posting.objects.filter(pk__in={each.posting_id for each in told}),
            )
            for each in found.exclude(state=PostingState.WITHDRAWN)
        }
        told += kindred.filter(posting_id__in=postings)
        payments = {
            each.payment_id: each
            for found in (
                Payment.objects.filter(pk__in=names - {""}),
                Payment.objects.filter(account_id__in=accounts, effective_on__gte=first - NEAR),
            )
            for each in found.exclude(kind=PaymentKind.WAIVER)
        }
        claimed = {
            name for name in Posting.objects.filter(confirmed_by__in=payments).values_list("confirmed_by", flat=True) if name
        }
        made = cls(
            postings, defaultdict(set), {}, defaultdict(list), {}, defaultdict(list), payments, defaultdict(list), claimed
        )
        for posting in sorted(postings.values(), key=lambda each: (each.effective_on, each.posting_id)):
            made._index(posting)
        for entry in told:
            if entry.posting_id in postings:
                made._heard(postings[entry.posting_id], entry)
        for payment in sorted(payments.values(), key=lambda each: (each.effective_on, each.payment_id)):
            made.payments_alike[_likeness(payment)].append(payment)
        return made

    def _index(self, posting: Posting) -> None:
        self.postings[posting.posting_id] = posting
        self.by_likeness[_likeness(posting)].append(posting)
        if posting.payment_id:
            self.by_payment_id[posting.payment_id, posting.kind == PaymentKind.REVERSAL] = posting
        if posting.confirmed_by:
            self.by_confirmed[posting.confirmed_by, posting.kind == PaymentKind.REVERSAL] = posting

    def _heard(self, posting: Posting, entry: PaymentEntry) -> None:
        self.sources[posting.posting_id].add(entry.source)
        self.by_reference.setdefault(entry.reference, posting)
        if entry.gateway:
            self.by_gateway[entry.gateway].append(posting)

    def learn(self, posting: Posting, entry: PaymentEntry) -> None:
        """An entry has been found to tell of a posting, which may be new."""
        if posting.posting_id not in self.postings:
            self._index(posting)
        elif entry.payment_id:
            self.by_payment_id[entry.payment_id, posting.kind == PaymentKind.REVERSAL] = posting
        self._heard(posting, entry)

    def same(self, entry: PaymentEntry) -> Posting | None:
        """The posting that is this very payment, if it is known: by its names first, then by likeness.

        A name outweighs a likeness: a posting confirmed by likeness alone that turns out to be another payment is confirmed anew.
        """
        key = (entry.payment_id, entry.kind == PaymentKind.REVERSAL)
        if entry.payment_id and key in self.by_payment_id:
            return self.by_payment_id[key]
        alike = [
            each
            for each in self.by_likeness.get(_likeness(entry), [])
            if entry.source not in self.sources[each.posting_id] and not (entry.payment_id and each.payment_id)
        ]
        gateway = {each.posting_id for each in self.by_gateway.get(entry.gateway, [])} if entry.gateway else set()
        named = next((each for each in alike if each.posting_id in gateway), None)
        if named is not None:
            return named
        if entry.payment_id and (confirmed := self.by_confirmed.get(key)) is not None:
            if not self._other_name(confirmed, entry.gateway):
                return confirmed
            self.claimed.add(entry.payment_id)  # kept for this entry while the other looks for its own
            self.confirm_anew(confirmed, reserved=True)
            self.claimed.discard(entry.payment_id)
        near = [
            each
            for each in alike
            if abs(each.effective_on - entry.effective_on) <= NEAR
            and not (entry.payment_id and each.confirmed_by)
            and not self._other_name(each, entry.gateway)
        ]
        return min(near, key=lambda each: abs(each.effective_on - entry.effective_on), default=None)

    def confirm_anew(self, posting: Posting, *, reserved: bool = False) -> None:
        """What confirmed a posting by likeness is let go, and looked for again by all that is known of it now.

        The payment let go confirms another posting that looks like it, unless it is `reserved`.
        """
        was = posting.confirmed_by
        told = self.payments.get(posting.payment_id) if posting.payment_id else None
        if was is not None and was != posting.payment_id:
            posting.state, posting.confirmed_by, posting.confirmed_in = PostingState.PROVISIONAL.value, None, None
            posting.differs = []
            self.by_confirmed.pop((was, posting.kind == PaymentKind.REVERSAL), None)
            self._write(posting)
        other = self.by_confirmed.get((told.payment_id, posting.kind == PaymentKind.REVERSAL)) if told is not None else None
        if other is not None and other is not posting:
            self.confirm_anew(other, reserved=True)
        free = told if told is not None else None if posting.payment_id else self._free(posting)
        if free is not None and posting.confirmed_by is None:
            self.claim(posting, free)
            self.by_confirmed[free.payment_id, posting.kind == PaymentKind.REVERSAL] = posting
        if was is not None and was not in {each.confirmed_by for each in self.by_confirmed.values()}:
            self.claimed.discard(was)
            if not reserved and was in self.payments:
                self._offer(self.payments[was])
        self._write(posting)

    def _offer(self, payment: Payment) -> None:
        """A payment of the bank's that no posting stands for confirms the nearest that looks like it and has none."""
        waiting = [
            each
            for each in self.by_likeness.get(_likeness(payment), [])
            if each.state == PostingState.PROVISIONAL
            and each.payment_id in {"", payment.payment_id}
            and abs(each.effective_on - payment.effective_on) <= NEAR
        ]
        nearest = min(waiting, key=lambda each: abs(each.effective_on - payment.effective_on), default=None)
        if nearest is not None:
            self.claim(nearest, payment)
            self.by_confirmed[payment.payment_id, nearest.kind == PaymentKind.REVERSAL] = nearest
            self._write(nearest)

    def claim(self, posting: Posting, payment: Payment) -> None:
        """The posting is this payment of the bank's."""
        posting.state, posting.confirmed_by, posting.confirmed_in = (
            PostingState.CONFIRMED.value,
            payment.payment_id,
            payment.sequence,
        )
        posting.differs = differences(posting, payment)
        self.claimed.add(payment.payment_id)

    def _write(self, posting: Posting) -> None:
        if posting.posting_id not in self.fresh:
            posting.save(update_fields=["payment_id", "state", "confirmed_by", "confirmed_in", "differs"])

    def _other_name(self, posting: Posting, gateway: str) -> bool:
        """Whether a posting is known to the gateway by another name, and so is another payment."""
        names = [name for name, postings in self.by_gateway.items() if posting in postings]
        return bool(gateway) and bool(names) and gateway not in names

    def brought(self, entry: PaymentEntry) -> Payment | None:
        """The bank's own payment this entry tells of, where no posting stands for it yet."""
        if entry.payment_id:
            found = self.payments.get(entry.payment_id)
            return None if found is None or found.payment_id in self.claimed else found
        return self._free(entry)

    def _free(self, one: PaymentEntry | Posting) -> Payment | None:
        """The nearest payment of the bank's that looks like this one and no posting stands for."""
        free = [
            each
            for each in self.payments_alike.get(_likeness(one), [])
            if each.payment_id not in self.claimed and abs(each.effective_on - one.effective_on) <= NEAR
        ]
        return min(free, key=lambda each: abs(each.effective_on - one.effective_on), default=None)

    def reversed(self, entry: PaymentEntry) -> tuple[UUID | None, str]:
        """What a reversal takes back, by the bank's id, the gateway's name or our reference of it: a posting, or a payment of the bank's."""
        name = entry.reverses
        found = self.by_payment_id.get((name, False)) or self.by_reference.get(name)
        found = found or next((each for each in self.by_gateway.get(name, []) if each.kind != PaymentKind.REVERSAL), None)
        if found is not None and found.kind != PaymentKind.REVERSAL:
            return found.posting_id, found.confirmed_by or ""
        return None, name if name in self.payments else ""


# --- where the money goes -----------------------------------------------------------------------------------------


def allocate(postings: Collection[Posting]) -> None:
    """Keep how each posting is applied to what its account owed at the night, less what is already posted since: in the legal order."""
    accounts = Account.objects.in_bulk({each.account_id for each in postings})
    applied = _applied(accounts)
    rows: list[PaymentAllocation] = []
    for posting in sorted(postings, key=lambda each: (each.effective_on, each.posting_id)):
        account = accounts.get(posting.account_id)
        if posting.kind == PaymentKind.REVERSAL:
            rows += _taken_back(posting, rows)
        elif account is not None:
            owed = _parts(account) - applied[account.account_id]
            law = judging.law_of(JURISDICTION, posting.effective_on)
            told = allocation.apply(
                account.account_id,
                owed,
                posting.amount_minor,
                allocation.legal_order(_late(account, posting.effective_on), law=law),
            )
            applied[account.account_id] += told.parts
            lines = [(part.value, told.parts[part]) for part in told.order] + [(LEFT, told.left_minor)]
            rows += [
                PaymentAllocation(posting_id=posting.posting_id, number=number, component=component, amount_minor=amount)
                for number, (component, amount) in enumerate(((c, a) for c, a in lines if a), start=1)
            ]
    PaymentAllocation.objects.bulk_create(rows)


def _parts(account: Account) -> Parts:
    return Parts(account.principal_minor, account.interest_minor, account.fees_minor, account.penalty_minor)


def _late(account: Account, on: date) -> int:
    """Days past due on the day a payment takes effect."""
    return 0 if account.past_due_since is None else max(0, (on - account.past_due_since).days)


def _applied(accounts: Collection[str]) -> dict[str, Parts]:
    """What provisional postings have already paid of each account, by part."""
    found: dict[str, Parts] = defaultdict(Parts)
    lines = PaymentAllocation.objects.filter(posting__account_id__in=accounts, posting__state=PostingState.PROVISIONAL)
    named = {part.value for part in Part}
    for account_id, component, amount in lines.values_list("posting__account_id", "component").annotate(Sum("amount_minor")):
        if component in named:
            found[account_id] += Parts.of({Part(component): amount})
    return found


def _taken_back(posting: Posting, made: Iterable[PaymentAllocation]) -> list[PaymentAllocation]:
    """The lines of what is reversed, less what was taken back before, below nought, last applied first: a part of it takes back so much."""
    if posting.reverses_posting is None:
        return []
    lines = [each for each in made if each.posting_id == posting.reverses_posting]
    lines = lines or list(PaymentAllocation.objects.filter(posting_id=posting.reverses_posting))
    before = Posting.objects.filter(reverses_posting=posting.reverses_posting).exclude(state=PostingState.WITHDRAWN)
    back = PaymentAllocation.objects.filter(posting__in=before).values_list("component").annotate(Sum("amount_minor"))
    standing: dict[str, int] = defaultdict(int, dict(back))
    left = posting.amount_minor
    rows: list[PaymentAllocation] = []
    for line in sorted(lines, key=lambda each: -each.number):
        amount = min(left, line.amount_minor + standing[line.component])
        left -= amount
        if amount:
            number = len(rows) + 1
            rows.append(
                PaymentAllocation(posting_id=posting.posting_id, number=number, component=line.component, amount_minor=-amount)
            )
    return rows


# --- what follows -------------------------------------------------------------------------------------------------


def tell(postings: Sequence[Posting], taken: Taken, *, event: str, at: datetime, by: str) -> None:
    """What waits to ask these customers for money does not leave; one event each; promises and plans are judged anew."""
    ids: dict[str, list[str]] = defaultdict(list)
    for posting in postings:
        ids[posting.customer_id].append(posting.payment_id or str(posting.posting_id))
    taken.customers |= ids.keys()
    paying = {each.customer_id for each in postings if each.kind != PaymentKind.REVERSAL}
    waiting = OutboxItem.objects.filter(customer_id__in=paying, state=ItemState.WAITING).values_list("customer_id", flat=True)
    stops: dict[str, int] = defaultdict(int)
    for customer_id in waiting:
        stops[customer_id] += 1
    taken.stopped += outbox.withdraw(sorted(paying), code="paid", at=at)
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
    """What these customers promised and agreed, by what counts as paid now."""
    if customers:
        promise.judge(customers, at=at)
        performance.judge(customers, at=at)


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
            reverses_posting=posting_id, reverses_payment=taken_back.confirmed_by or "", posted_at=at, by=by,
        )  # fmt: skip
        made.save(force_insert=True)
        allocate([made])
        tell([made], Taken(), event="payment.reversed", at=at, by=by)
    return made


def withdraw(postings: Sequence[Posting], *, event: str, at: datetime, by: str) -> bool:
    """Postings count no longer, for whoever placed them takes that back; False, and nothing is done, where the bank has confirmed one.

    Runs in the caller's transaction, which holds payments and the customers.
    """
    if any(each.state != PostingState.PROVISIONAL for each in postings):
        return False
    ids = [each.posting_id for each in postings]
    PaymentAllocation.objects.filter(posting_id__in=ids).delete()
    Posting.objects.filter(pk__in=ids).update(state=PostingState.WITHDRAWN)
    whose: dict[str, list[str]] = defaultdict(list)
    for each in postings:
        whose[each.customer_id].append(str(each.posting_id))
    remember(event, {who: {"postings": sorted(names)} for who, names in whose.items()}, at=at, by=by)
    judge(sorted(whose), at=at)
    return True
