"""The acts on disputes: registered and held at once, checked, decided by another, answered, corrected, opened again.

Knows the way of a dispute. From the next instant nothing is collected on the accounts in dispute while answers and required notices may
go out: the hold and the gate see to that. Collection goes on only when the cardholder has been answered and, where she was right, the bank has
corrected the account. Does not know what a hold forbids, nor how an answer is set (`acts.verification`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from anhuan.acts import evidence as papers
from anhuan.acts import hold, law, matter, outbox, policy, worklist
from anhuan.acts.customer import Held, held
from anhuan.acts.evidence import Paper
from anhuan.acts.matter import fault
from anhuan.core.judgements.complaint import Handling
from anhuan.core.judgements.dispute import answer_deadline, hold_of
from anhuan.core.judgements.law import Deadline, last_day_told
from anhuan.core.judgements.validation import dispute_in_validation_period
from anhuan.records.account import Account
from anhuan.records.attempt import Fault
from anhuan.records.dispute import Dispute, DisputeKind, DisputeOutcome, DisputeState, Evidence
from anhuan.records.hold import Hold
from anhuan.rulebook import calendars, judging

QUEUE = "disputes"
CAME_BY = ("call", "letter", "email", "sms", "visit", "portal", "other")
DECIDED = (DisputeOutcome.UPHELD, DisputeOutcome.PART, DisputeOutcome.REJECTED)
_OLDEST = timedelta(days=366)
_NEXT = {"complaint.simple": Handling.COMPLEX, "complaint.complex": Handling.EXTENDED}

Answer = Dispute | list[Fault]


def register(
    customer_id: str,
    *,
    kind: str,
    account_ids: Iterable[str],
    statement: str,
    evidence: Sequence[Paper] = (),
    disputed_minor: int | None = None,
    received_on: date | None = None,
    came_by: str = "call",
    notice_sent: date | None = None,
    at: datetime,
    by: str,
) -> Answer:
    """Take a dispute: hold collection of these accounts, reckon by when it is answered, and hand it to those who check it.

    `received_on` may lie back; the hold then begins with that day. `notice_sent` is the day the validation notice of 12 CFR 1006.34 was
    sent, where that law binds.
    """
    chosen, today = sorted(set(account_ids)), timezone.localtime(at).date()
    received = received_on or today
    faults = matter.accounts_unfit(customer_id, chosen) + matter.words("statement", statement, "statement_missing")
    if kind not in set(DisputeKind):
        faults.append(fault("kind", "kind_unfit"))
    if not today - _OLDEST <= received <= today:
        faults.append(fault("received_on", "received_unfit"))
    accounts = list(Account.objects.filter(customer_id=customer_id, account_id__in=chosen))
    if disputed_minor is not None and not _amount_fits(disputed_minor, accounts):
        faults.append(fault("disputed", "amount_unfit"))
    faults += papers.unfit(evidence)
    if faults:
        return faults
    with held(customer_id, at=at, by=by) as customer:
        told: dict[str, Any] = {"opened_at": customer.at, "opened_by": by, "round_at": customer.at, "round_by": by}
        one = Dispute(
            dispute_id=uuid4(), customer_id=customer_id, kind=kind, state=DisputeState.OPEN, accounts=chosen,
            disputed_minor=disputed_minor, currency=accounts[0].currency if disputed_minor is not None else "",
            came_by=came_by if came_by in CAME_BY else "other", received_on=received,
            in_validation=_in_validation(notice_sent, received, customer.at), **told,
        )  # fmt: skip
        _set_deadline(one, received, customer.at, Handling.SIMPLE)
        one.hold_id = _placed(customer, one, begins=received if received < today else None)
        one.save(force_insert=True)
        matter.step(customer, one.dispute_id, "registered", text=statement.strip(), code=kind)
        kept = _papers(customer, one, evidence)
        customer.remember("dispute.registered", matter.told({**_named(one), "kind": kind, "accounts": chosen, "papers": kept,
                          "received_on": received.isoformat(), "due_on": one.due_on and one.due_on.isoformat()}))  # fmt: skip
        _to_the_desk(customer, "dispute")
    return one


def _amount_fits(minor: int, accounts: Sequence[Account]) -> bool:
    one_currency = len({each.currency for each in accounts}) == 1
    return one_currency and 0 < minor <= sum(each.balance_total_minor for each in accounts)


def add(dispute_id: UUID, evidence: Sequence[Paper], *, statement: str = "", at: datetime, by: str) -> Answer:
    """More papers, or more words, of the cardholder."""
    with _going_on(dispute_id, at=at, by=by) as (one, customer):
        already = Evidence.objects.filter(subject_id=dispute_id).count()
        faults = papers.unfit(evidence, already=already)
        if not evidence:
            faults += matter.words("statement", statement, "statement_missing")
        if faults or one is None:
            return faults or [fault("dispute", "dispute_unknown")]
        if statement.strip():
            matter.step(customer, dispute_id, "added", text=statement.strip()[: matter.LONGEST])
        kept = _papers(customer, one, evidence)
        customer.remember("dispute.added", matter.told({**_named(one), "papers": kept}))
        return one


def decide(dispute_id: UUID, outcome: str, *, reason: str, at: datetime, by: str) -> Answer:
    """Whether she was right, in part, or not, by somebody with the right to decide who did not open it.

    The hold stays: it ends with the answer, and where she was right with the bank's correction.
    """
    with _going_on(dispute_id, at=at, by=by) as (one, customer):
        if one is None:
            return [fault("dispute", "dispute_unknown")]
        faults = [*matter.may_not_decide(by, one.opened_by, one.round_by), *matter.words("reason", reason, "reason_missing")]
        if outcome not in set(DECIDED):
            faults.append(fault("outcome", "outcome_unfit"))
        if one.state != DisputeState.OPEN:
            faults.append(fault("state", "out_of_turn"))
        if faults:
            return faults
        one.outcome, one.decided_at, one.decided_by, one.state = outcome, customer.at, by, DisputeState.DECIDED
        one.save()
        matter.step(customer, dispute_id, "decided", text=reason.strip(), code=outcome)
        customer.remember("dispute.decided", {**_named(one), "outcome": outcome})
        return one


def answered(dispute_id: UUID, *, contact_id: UUID | None, text: str, at: datetime, by: str) -> Answer:
    """The cardholder has been told the outcome, by `contact_id`. Rejected, it ends here; else it waits for the correction."""
    with _going_on(dispute_id, at=at, by=by) as (one, customer):
        if one is None:
            return [fault("dispute", "dispute_unknown")]
        if one.state != DisputeState.DECIDED:
            return [fault("state", "out_of_turn")]
        if one.answered_at is not None:
            return [fault("state", "answered_already")]
        one.answered_at, one.answered_in = customer.at, contact_id
        matter.step(customer, dispute_id, "answered", text=text)
        _close_if_done(one, customer)
        one.save()
        customer.remember("dispute.answered", matter.told({**_named(one), "contact": contact_id and str(contact_id)}))
        return one


def corrected(dispute_id: UUID, *, reason: str, at: datetime, by: str) -> Answer:
    """The bank has put the account right; told by somebody with the right to decide."""
    with _going_on(dispute_id, at=at, by=by) as (one, customer):
        if one is None:
            return [fault("dispute", "dispute_unknown")]
        faults = [*matter.may_not_decide(by), *matter.words("reason", reason, "reason_missing")]
        if one.state != DisputeState.DECIDED or one.outcome == DisputeOutcome.REJECTED or one.corrected_at is not None:
            faults.append(fault("state", "out_of_turn"))
        if faults:
            return faults
        one.corrected_at = customer.at
        matter.step(customer, dispute_id, "corrected", text=reason.strip())
        _close_if_done(one, customer)
        one.save()
        customer.remember("dispute.corrected", _named(one))
        return one


def withdraw(dispute_id: UUID, *, reason: str, at: datetime, by: str) -> Answer:
    """The cardholder takes it back."""
    with _going_on(dispute_id, at=at, by=by) as (one, customer):
        if one is None:
            return [fault("dispute", "dispute_unknown")]
        faults = matter.words("reason", reason, "reason_missing")
        if one.state != DisputeState.OPEN:
            faults.append(fault("state", "out_of_turn"))
        if faults:
            return faults
        one.outcome, one.decided_at, one.decided_by = DisputeOutcome.WITHDRAWN, customer.at, by
        matter.step(customer, dispute_id, "withdrawn", text=reason.strip())
        _close(one, customer)
        one.save()
        customer.remember("dispute.withdrawn", _named(one))
        return one


def reopen(dispute_id: UUID, *, statement: str, evidence: Sequence[Paper] = (), at: datetime, by: str) -> Answer:
    """The cardholder brings something new: it is held, checked and decided again, by yet another than whoever opens it now."""
    with _going_on(dispute_id, at=at, by=by) as (one, customer):
        if one is None:
            return [fault("dispute", "dispute_unknown")]
        faults = matter.words("statement", statement, "statement_missing")
        faults += papers.unfit(evidence, already=Evidence.objects.filter(subject_id=dispute_id).count())
        if one.state == DisputeState.OPEN:
            faults.append(fault("state", "out_of_turn"))
        if faults:
            return faults
        outbox.take_back(one.customer_id, f"dispute:{dispute_id}:", code="reopened", at=customer.at)
        before, one.state, one.outcome = one.outcome, DisputeState.OPEN, ""
        one.round, one.round_at, one.round_by = one.round + 1, customer.at, by
        one.decided_at = one.answered_at = one.answered_in = one.corrected_at = one.closed_at = None
        one.decided_by = ""
        today = timezone.localtime(customer.at).date()
        _set_deadline(one, today, customer.at, Handling.SIMPLE)
        if not _stands(one, customer.at):
            one.hold_id = _placed(customer, one, begins=None)
        one.save()
        matter.step(customer, dispute_id, "reopened", text=statement.strip(), code=before)
        kept = _papers(customer, one, evidence)
        customer.remember(
            "dispute.reopened", matter.told({**_named(one), "round": one.round, "before": before, "papers": kept})
        )
        _to_the_desk(customer, "dispute_reopened")
        return one


def prolong(dispute_id: UUID, *, reason: str, at: datetime, by: str) -> Answer:
    """A complex dispute gets the next longer period of the complaint rules, counted from when it was opened; by who may decide."""
    with _going_on(dispute_id, at=at, by=by) as (one, customer):
        if one is None:
            return [fault("dispute", "dispute_unknown")]
        faults = [*matter.may_not_decide(by), *matter.words("reason", reason, "reason_missing")]
        if one.state != DisputeState.OPEN:
            faults.append(fault("state", "out_of_turn"))
        elif not one.due_rule.partition(".")[2].startswith("complaint."):
            faults.append(fault("state", "no_period"))
        handling = _NEXT.get(one.due_rule.partition(".")[2])
        if handling is None and not faults:
            faults.append(fault("state", "prolonged_already"))
        if faults or handling is None:
            return faults
        begun = one.received_on if one.round == 1 else timezone.localtime(one.round_at).date()
        _set_deadline(one, begun, customer.at, handling)
        one.save()
        matter.step(customer, dispute_id, "prolonged", text=reason.strip(), code=handling)
        customer.remember("dispute.prolonged", {**_named(one), "due_on": one.due_on and one.due_on.isoformat()})
        return one


# --- inside a step --------------------------------------------------------------------------------------------------


@contextmanager
def _going_on(dispute_id: UUID, *, at: datetime, by: str) -> Iterator[tuple[Dispute | None, Held]]:
    """The dispute, freshly read with its customer held until the step is over; None where there is none."""
    known = Dispute.objects.filter(pk=dispute_id).only("customer_id").first()
    if known is None:
        yield None, Held("", has_case=False, at=at, by=by)
        return
    with held(known.customer_id, at=at, by=by) as customer:
        yield Dispute.objects.get(pk=dispute_id), customer


def _named(one: Dispute) -> dict[str, str]:
    return {"dispute": str(one.dispute_id)}


def _papers(customer: Held, one: Dispute, evidence: Sequence[Paper]) -> list[str]:
    return [each.digest for each in papers.keep(customer, one.dispute_id, evidence)]


def _placed(customer: Held, one: Dispute, *, begins: date | None) -> UUID:
    """The hold by law on the accounts in dispute, from now, or from the day it was received where that lies back."""
    placed = hold.place(
        customer.customer_id, hold_of(one.kind), law=law.in_force(customer.at), at=customer.at, by=customer.by,
        begins=law.day(begins)[0] if begins is not None else None, debts=one.accounts, reason=f"dispute_{one.kind}",
        evidence=f"dispute {one.dispute_id}",
    )  # fmt: skip
    if isinstance(placed, list):
        raise AssertionError(f"a hold of known accounts was refused: {placed}")  # noqa: TRY004  a bug, not a type
    return placed.hold_id


def _stands(one: Dispute, at: datetime) -> bool:
    found = Hold.objects.filter(pk=one.hold_id).first() if one.hold_id else None
    return found is not None and (found.ends is None or found.ends > at)


def _close_if_done(one: Dispute, customer: Held) -> None:
    if one.answered_at is not None and (one.outcome == DisputeOutcome.REJECTED or one.corrected_at is not None):
        _close(one, customer)


def _close(one: Dispute, customer: Held) -> None:
    one.state, one.closed_at = DisputeState.CLOSED, customer.at
    if one.hold_id is not None and _stands(one, customer.at):
        hold.end(one.hold_id, at=customer.at, by=customer.by, reason=f"dispute_{one.outcome}")


def _to_the_desk(customer: Held, why: str) -> None:
    """To the queue of those who check disputes; a case that somebody holds, or none, stays where it is."""
    if customer.has_case:
        worklist.transfer(customer.customer_id, queue=QUEUE, why=why, by=customer.by, at=customer.at)


def _set_deadline(one: Dispute, received: date, at: datetime, handling: Handling) -> None:
    """By when it is answered, by the first of the house's packs that names a time."""
    today = timezone.localtime(at).date()
    one.due_on, one.due_rule, one.due_sure = None, "", True
    for pack in law.in_force(at).packs:
        found = _deadline(pack, one.kind, received, today, handling)
        if found is not None:
            told = (
                last_day_told(found.matching_day, found.calendar) if found.provision.rolls else {"last_day": found.matching_day}
            )
            one.due_on, one.due_rule = told["last_day"], found.provision.id
            one.due_sure = "unannounced_year" not in told
            return


def _deadline(pack: str, kind: str, received: date, today: date, handling: Handling) -> Deadline | None:
    calendar = policy.calendar() if pack == policy.JURISDICTION else None
    if calendar is None and pack not in calendars.LAWS:
        return None
    known = calendar or judging.foresighted_calendar(pack)
    return answer_deadline(kind, received, law=judging.law_of(pack, today), calendar=known, handling=handling)


def _in_validation(notice_sent: date | None, received: date, at: datetime) -> bool | None:
    """Whether it came within the validation period, where the federal law of the United States binds and the notice is known."""
    if notice_sent is None or "us-fed" not in law.in_force(at).packs:
        return None
    federal, calendar = judging.law_of("us-fed", timezone.localtime(at).date()), judging.foresighted_calendar("us-fed")
    return bool(dispute_in_validation_period(notice_sent, received, law=federal, calendar=calendar).value)
