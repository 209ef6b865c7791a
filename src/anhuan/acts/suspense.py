"""The acts on money in suspense 挂账: it is held for whom it may belong to, then matched, split, returned or merged, and that undone.

Knows that nobody it may belong to is asked for money meanwhile: a hold of the kind `payment_check` stands on the accounts it may be
for, by the door's own rule, until it is decided. Above a limit (`FOUR_EYES_MINOR`) one decides and another approves. Runs in transactions
that hold payments first and the customers after them (`acts.payment_posting`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from anhuan.acts import hold, law, payment_matching, payment_posting
from anhuan.acts.hold import Placed
from anhuan.acts.payment_matching import owners
from anhuan.core.plan.sameness import NEAR
from anhuan.core.vocabulary import HoldKind, PaymentKind
from anhuan.portfolio.feed import Sentence
from anhuan.records import events
from anhuan.records.account import Account
from anhuan.records.customer import Customer
from anhuan.records.hold import Hold
from anhuan.records.identity import said
from anhuan.records.payment import Paid, PaymentEntry, Posting, PostingState, Result
from anhuan.records.payment_suspense import FOUR_EYES_MINOR, IN_SUSPENSE, Suspense, SuspenseCandidate, SuspenseState

HELD_BECAUSE = "payment_in_suspense"
CLAIMED = "claims_paid"
PERSON = payment_matching.PERSON
CLAIM_DAYS = 3
"""For so many days after a customer says that she has paid, and nothing is found, nothing is collected on the account: policy of the house."""

_SENTENCES: Mapping[str, tuple[str, str]] = {
    "suspense_unknown": ("没有这笔挂账。", "There is no such money in suspense."),
    "suspense_over": ("这笔挂账已处理。", "This has been decided already."),
    "not_proposed": ("这笔挂账没有待复核的处理。", "Nothing of this waits for a second person."),
    "same_person": ("金额达到双人复核限额，须由另一人复核。", "The amount needs two people: another one approves it."),
    "reason_missing": ("须写明理由。", "Give a reason."),
    "parts_sum": ("各部分金额之和须等于该笔金额，且均为正数。", "The parts are above nought and add up to the amount."),
    "account_unknown": ("没有这个账户，或币种不符。", "There is no such account in this currency."),
    "posting_unknown": ("没有这笔已计还款，或金额、币种不符。", "There is no such payment of this amount and currency."),
    "reversal_alone": ("冲正只能并入所冲的还款或退回。", "A reversal can only be tied to what it takes back, or returned."),
    "confirmed": ("银行已入账，不能撤销；请作冲正。", "The bank has posted it; it cannot be undone. Reverse it."),
    "not_decided": ("这笔挂账尚未处理，无可撤销。", "Nothing has been decided that could be undone."),
}


def _no(code: str) -> Sentence:
    return Sentence(code, *_SENTENCES[code])


def two_people(amount_minor: int, currency: str) -> bool:
    """Whether so much money asks for a second person; in a currency without a limit it always does."""
    return amount_minor >= FOUR_EYES_MINOR.get(currency, 0)


# --- in ----------------------------------------------------------------------------------------------------------


def open_(entries: Sequence[PaymentEntry], *, at: datetime, by: str) -> None:
    """These entries, staged with their candidates, are in suspense from now on. In the caller's transaction, with all held."""
    if not entries:
        return
    ids = [each.pk for each in entries]
    PaymentEntry.objects.filter(pk__in=ids).update(result=Result.SUSPENSE)
    Suspense.objects.filter(pk__in=ids).update(since=at)
    for suspense in Suspense.objects.filter(pk__in=ids).order_by("pk"):
        _hold(suspense, at=at, by=by)
    body = {"entries": [str(each) for each in ids], "sums": _sums(entries)}
    events.append(chain=events.HOUSE, kind="suspense.opened", body=body, at=at, by=by)


def _sums(entries: Sequence[PaymentEntry]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for each in entries:
        sums[each.currency] += each.amount_minor
    return dict(sums)


def _hold(suspense: Suspense, *, at: datetime, by: str) -> None:
    """Nobody this may belong to is asked for money: a hold on the accounts it may be for."""
    accounts: dict[str, list[str]] = defaultdict(list)
    for customer_id, account_id in suspense.candidates.order_by("customer_id").values_list("customer_id", "account_id"):
        accounts[customer_id].append(account_id)
    rules = law.in_force(at)
    placed = [
        hold.place(customer_id, HoldKind.PAYMENT_CHECK, law=rules, debts=debts, reason=HELD_BECAUSE, at=at, by=by)
        for customer_id, debts in sorted(accounts.items())
    ]
    suspense.holds = [each.hold_id for each in placed if isinstance(each, Placed)]
    suspense.save(update_fields=["holds"])


def _release(suspense: Suspense, *, at: datetime, by: str) -> None:
    for hold_id in suspense.holds:
        hold.end(hold_id, at=at, by=by, reason="suspense_decided")
    suspense.holds = []


# --- decided ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    account_id: str
    amount_minor: int


def match(suspense_id: UUID, parts: Sequence[Part], *, reason: str, at: datetime, by: str) -> Suspense | Sentence:
    """It is payment on this account, or on these, split so: counted at once, or once another has approved."""
    decision = {"do": "match", "parts": [{"account_id": each.account_id, "amount_minor": each.amount_minor} for each in parts]}
    return _decide(suspense_id, decision, reason=reason, at=at, by=by)


def give_back(suspense_id: UUID, *, reason: str, at: datetime, by: str) -> Suspense | Sentence:
    """It is nobody's here: the bank is told to send it back."""
    return _decide(suspense_id, {"do": "return"}, reason=reason, at=at, by=by)


def merge(suspense_id: UUID, payment_id: str, *, reason: str, at: datetime, by: str) -> Suspense | Sentence:
    """It is the same payment as one that counts already (an id of `Paid`); a reversal: it takes that one back."""
    return _decide(suspense_id, {"do": "merge", "payment": payment_id}, reason=reason, at=at, by=by)


def _decide(suspense_id: UUID, decision: Mapping[str, Any], *, reason: str, at: datetime, by: str) -> Suspense | Sentence:
    with transaction.atomic(), connection.cursor() as cursor:
        payment_posting.hold_payments(cursor)
        suspense = Suspense.objects.select_related("entry").filter(pk=suspense_id, entry__result=Result.SUSPENSE).first()
        if suspense is None:
            return _no("suspense_unknown")
        refused = _unfit(suspense, decision, reason)
        if refused:
            return _no(refused)
        suspense.decision, suspense.reason = dict(decision), reason.strip()[:200]
        suspense.decided_at, suspense.decided_by, suspense.approved_at, suspense.approved_by = at, by, None, ""
        if two_people(suspense.entry.amount_minor, suspense.entry.currency):
            suspense.state = SuspenseState.PROPOSED
            suspense.save()
            _remember(suspense, "suspense.proposed", at=at, by=by)
        else:
            _carry_out(cursor, suspense, at=at, by=by)
    return suspense


def _unfit(suspense: Suspense, decision: Mapping[str, Any], reason: str) -> str:
    """The code of why this cannot be done; "" when it can."""
    if suspense.state not in IN_SUSPENSE:
        return "suspense_over"
    if not reason.strip():
        return "reason_missing"
    entry, parts = suspense.entry, decision.get("parts", [])
    if decision["do"] == "match":
        if entry.kind == PaymentKind.REVERSAL:
            return "reversal_alone"
        known = Account.objects.filter(pk__in=[each["account_id"] for each in parts], currency=entry.currency).count()
        if not parts or known != len({each["account_id"] for each in parts}) or known != len(parts):
            return "account_unknown"
        if (
            any(each["amount_minor"] <= 0 for each in parts)
            or sum(each["amount_minor"] for each in parts) != entry.amount_minor
        ):
            return "parts_sum"
    if decision["do"] == "merge" and _merged_into(entry, decision["payment"]) is None:
        return "posting_unknown"
    return ""


def _merged_into(entry: PaymentEntry, payment_id: str) -> Paid | None:
    found = Paid.objects.filter(pk=payment_id, currency=entry.currency).exclude(kind=PaymentKind.REVERSAL).first()
    fits = found is not None and (
        entry.amount_minor <= found.amount_minor
        if entry.kind == PaymentKind.REVERSAL
        else entry.amount_minor == found.amount_minor
    )
    return found if fits else None


def approve(suspense_id: UUID, *, at: datetime, by: str) -> Suspense | Sentence:
    """The second person agrees: what the first decided is done."""
    return _second(suspense_id, lambda cursor, suspense: _carry_out(cursor, suspense, at=at, by=by, approved=True), by=by)


def refuse(suspense_id: UUID, *, reason: str, at: datetime, by: str) -> Suspense | Sentence:
    """The second person does not agree, or the first takes it back: it stays in suspense."""

    def back(_cursor: Any, suspense: Suspense) -> None:
        _remember(suspense, "suspense.refused", at=at, by=by, why=reason[:200])
        _reopen(suspense)

    return _second(suspense_id, back, by=by, also_the_first=True)


def _second(
    suspense_id: UUID, then: Callable[[Any, Suspense], None], *, by: str, also_the_first: bool = False
) -> Suspense | Sentence:
    with transaction.atomic(), connection.cursor() as cursor:
        payment_posting.hold_payments(cursor)
        suspense = Suspense.objects.select_related("entry").filter(pk=suspense_id).first()
        if suspense is None:
            return _no("suspense_unknown")
        if suspense.state != SuspenseState.PROPOSED:
            return _no("not_proposed")
        if suspense.decided_by == by and not also_the_first:
            return _no("same_person")
        then(cursor, suspense)
    return suspense


def _carry_out(cursor: Any, suspense: Suspense, *, at: datetime, by: str, approved: bool = False) -> None:
    decision, entry = suspense.decision or {}, suspense.entry
    held = {*suspense.candidates.values_list("customer_id", flat=True)}
    parts = decision.get("parts", [])
    into = Paid.objects.filter(pk=decision.get("payment", "")).values_list("account_id", flat=True)
    payment_posting.hold_customers(cursor, held | set(owners([*into, *(each["account_id"] for each in parts)]).values()))
    if approved:
        suspense.approved_at, suspense.approved_by = at, by
    _release(suspense, at=at, by=by)
    if decision["do"] == "match":
        suspense.state = SuspenseState.MATCHED
        _post(entry, parts, at=at, by=by)
    elif decision["do"] == "return":
        suspense.state = SuspenseState.RETURNED
    else:
        suspense.state = SuspenseState.MERGED
        _tie(entry, suspense, at=at, by=by)
    suspense.save()
    _remember(suspense, "suspense.decided", at=at, by=by)


def _post(entry: PaymentEntry, parts: Sequence[Mapping[str, Any]], *, at: datetime, by: str) -> None:
    """The money counts on its accounts, compared with all that is known as any other is."""
    if len(parts) == 1:
        entry.account_id, entry.how = parts[0]["account_id"], PERSON
        payment_posting.take([entry], at=at, by=by)
    else:
        whose = owners([each["account_id"] for each in parts])
        made = [
            Posting(
                posting_id=uuid4(), account_id=each["account_id"], customer_id=whose[each["account_id"]], amount_minor=each["amount_minor"],
                currency=entry.currency, effective_on=entry.effective_on, kind=entry.kind, suspense_id=entry.pk, posted_at=at, by=by,
            )
            for each in parts
        ]  # fmt: skip
        Posting.objects.bulk_create(made)
        matched = payment_matching.match({*map(payment_matching.like, made)}, at=at, by=by)
        mine = {each.pk for each in made}
        matched.changed = [each for each in matched.changed if each.pk not in mine]
        counts = Posting.objects.filter(pk__in=mine, state=PostingState.PROVISIONAL)
        matched.fresh += list(counts)
        payment_posting.follow(matched, payment_posting.Taken(), at=at, by=by)
    PaymentEntry.objects.filter(pk=entry.pk).update(result=Result.SUSPENSE)


def _tie(entry: PaymentEntry, suspense: Suspense, *, at: datetime, by: str) -> None:
    """It is a payment that counts already; a reversal takes that one back."""
    payment_id = (suspense.decision or {})["payment"]
    paid = Paid.objects.get(pk=payment_id)
    posting = (
        Posting.objects.filter(pk=payment_id).first()
        if paid.provisional
        else Posting.objects.filter(confirmed_by=payment_id).first()
    )
    entry.account_id, entry.how = paid.account_id, PERSON
    if entry.kind == PaymentKind.REVERSAL:
        matched = payment_matching.match((), entries=[entry], at=at, by=by)
        Posting.objects.filter(pk__in=[each.pk for each in matched.fresh]).update(
            reverses_posting=posting and posting.pk, reverses_payment="" if posting else payment_id
        )
        matched.fresh = list(Posting.objects.filter(pk__in=[each.pk for each in matched.fresh]))
        payment_posting.follow(matched, payment_posting.Taken(), event="payment.reversed", at=at, by=by)
    else:
        suspense.decision = {**(suspense.decision or {}), "with": payment_matching.word_of(payment_id, posting)}
        suspense.save()  # before it is matched, which asks for it
        payment_posting.take([entry], at=at, by=by)
    PaymentEntry.objects.filter(pk=entry.pk).update(result=Result.SUSPENSE)


def undo(suspense_id: UUID, *, reason: str, at: datetime, by: str) -> Suspense | Sentence:
    """What was decided is taken back, unless the bank has posted it meanwhile: the money is in suspense again, and its candidates held."""
    with transaction.atomic(), connection.cursor() as cursor:
        payment_posting.hold_payments(cursor)
        suspense = Suspense.objects.select_related("entry").filter(pk=suspense_id).first()
        if suspense is None or suspense.state in IN_SUSPENSE:
            return _no("suspense_unknown" if suspense is None else "not_decided")
        if not reason.strip():
            return _no("reason_missing")
        made = list(_made_of(suspense).exclude(state=PostingState.WITHDRAWN))
        reversals = Posting.objects.filter(reverses_posting__in=[each.pk for each in made])
        customers = {each.customer_id for each in made} | {*suspense.candidates.values_list("customer_id", flat=True)}
        payment_posting.hold_customers(cursor, customers)
        confirmed = any(each.state == PostingState.CONFIRMED for each in made)
        if confirmed or reversals.exclude(state=PostingState.WITHDRAWN).exists():
            return _no("confirmed")
        _remember(suspense, "suspense.undone", at=at, by=by, why=reason.strip()[:200])
        payment_posting.withdraw([each for each in made if each.suspense_id], at=at, by=by)
        looks = {payment_matching.like(each) for each in (suspense.entry, *made)}
        PaymentEntry.objects.filter(pk=suspense.pk).update(account_id="", how="", posting_id=None)
        payment_posting.follow(
            payment_matching.match(looks, orphaned=[each.pk for each in made], at=at, by=by),
            payment_posting.Taken(),
            at=at,
            by=by,
        )
        suspense.undone = True
        _reopen(suspense)
        _hold(suspense, at=at, by=by)
    return suspense


def _made_of(suspense: Suspense) -> Any:
    """The postings a decision made: parts by hand, or the one of the entry itself, unless that was said to be known already."""
    entry = suspense.entry
    alone = suspense.state == SuspenseState.MATCHED or entry.kind == PaymentKind.REVERSAL
    own = [entry.posting_id] if alone and entry.posting_id is not None else []
    return Posting.objects.filter(Q(suspense_id=suspense.pk) | Q(pk__in=own))


def _reopen(suspense: Suspense) -> None:
    suspense.state, suspense.decision, suspense.reason = SuspenseState.OPEN, None, ""
    suspense.decided_at, suspense.decided_by, suspense.approved_at, suspense.approved_by = None, "", None, ""
    suspense.save()


def _remember(suspense: Suspense, kind: str, *, at: datetime, by: str, why: str = "") -> None:
    body = {
        "suspense": str(suspense.pk),
        "decision": suspense.decision,
        "reason": why or suspense.reason,
        "decided_by": suspense.decided_by,
    }
    events.append(chain=events.HOUSE, kind=kind, body=body, at=at, by=by)


# --- the customer says that she has paid --------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """What was found of a payment a customer says she made: what counts already, what lies in suspense, and what is held until when."""

    paid: list[Paid]
    suspense: list[UUID]
    held_until: date | None


def claim(
    customer_id: str, *, account_id: str, amount_minor: int, currency: str, paid_on: date, at: datetime, by: str
) -> Claim | Sentence:
    """She says that she has paid: looked for among what is posted and what is in suspense.

    Money in suspense of that amount becomes possibly hers, and holds collection until it is decided. Where nothing is found at all, collection
    of the account is held for `CLAIM_DAYS`, once at a time, and then the night knows.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        payment_posting.hold_payments(cursor)
        payment_posting.hold_customers(cursor, [customer_id])
        account = Account.objects.filter(pk=account_id, customer_id=customer_id, currency=currency).first()
        if account is None or not Customer.objects.filter(pk=customer_id).exists():
            return _no("account_unknown")
        near = {"effective_on__gte": paid_on - NEAR, "effective_on__lte": paid_on + NEAR}
        paid = list(
            Paid.objects.filter(account_id=account_id, amount_minor=amount_minor, **near).exclude(kind=PaymentKind.REVERSAL)
        )
        found: list[UUID] = []
        if not paid:
            lost = Suspense.objects.filter(
                state__in=IN_SUSPENSE, entry__amount_minor=amount_minor, entry__currency=currency, entry__result=Result.SUSPENSE,
                entry__kind=PaymentKind.PAYMENT, **{f"entry__{name}": day for name, day in near.items()},
            )  # fmt: skip
            found = [each.pk for each in lost.select_related("entry").order_by("since")[:10]]
            for suspense in Suspense.objects.filter(pk__in=found):
                _also(suspense, account, at=at, by=by)
        until = None if paid or found else _wait(account, at=at, by=by)
        body = {
            "account": account_id, "amount_minor": amount_minor, "currency": currency, "paid_on": paid_on.isoformat(),
            "found": sorted(each.payment_id for each in paid), "suspense": [str(each) for each in found],
        }  # fmt: skip
        payment_posting.remember("payment.claimed", {customer_id: body}, at=at, by=by)
    return Claim(paid, found, until)


def _also(suspense: Suspense, account: Account, *, at: datetime, by: str) -> None:
    """One more account it may be meant for, by the customer's own word."""
    candidate, fresh = SuspenseCandidate.objects.get_or_create(
        suspense=suspense,
        account_id=account.account_id,
        defaults={"customer_id": account.customer_id, "why": [CLAIMED], "score": 40},
    )
    if not fresh:
        if CLAIMED not in candidate.why:
            SuspenseCandidate.objects.filter(suspense=suspense, account_id=account.account_id).update(
                why=[*candidate.why, CLAIMED], score=candidate.score + 40
            )
        return
    placed = hold.place(
        account.customer_id,
        HoldKind.PAYMENT_CHECK,
        law=law.in_force(at),
        debts=[account.account_id],
        reason=HELD_BECAUSE,
        at=at,
        by=by,
    )
    if isinstance(placed, Placed):
        suspense.holds = [*suspense.holds, placed.hold_id]
        suspense.save(update_fields=["holds"])


def _wait(account: Account, *, at: datetime, by: str) -> date | None:
    """Collection of the account is held for a few days, unless it is already for the same reason."""
    today = timezone.localdate(at)
    standing = Hold.objects.filter(
        customer_id=account.customer_id, reason=CLAIMED, debts__contains=[account.account_id], until_date__gte=today, ends=None
    ).first()
    if standing is not None:
        return standing.until_date
    until = today + timedelta(days=CLAIM_DAYS)
    hold.place(
        account.customer_id, HoldKind.PAYMENT_CHECK, law=law.in_force(at), debts=[account.account_id], reason=CLAIMED,
        until_date=until, at=at, by=by,
    )  # fmt: skip
    return until


def read(suspense_id: UUID, *, at: datetime, by: str) -> dict[str, Any]:
    """What the payer wrote of money in suspense, in clear: `{"text", "payer"}`; the look is remembered."""
    with transaction.atomic():
        found: dict[str, Any] = said([suspense_id]).get(suspense_id, {})
        events.append(chain=events.HOUSE, kind="suspense.read", body={"suspense": str(suspense_id)}, at=at, by=by)
    return found
