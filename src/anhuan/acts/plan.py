"""The acts on agreements: a plan, deferral or settlement is proposed, agreed, cancelled; and all are judged by what is posted.

Knows the way of an agreement and what keeps it from going on. An offer is made anew from the facts when it is proposed
(`acts.bargain`), never taken from a form. Beyond the proposer's authority a second person decides (`acts.approval`); it begins with
the customer's consent and with every item the law wants stated; while it is performed collection of its accounts is held. Whether
it is performed is `core.plan.agreement`'s word.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone

from anhuan.acts import approval, bargain, hold
from anhuan.acts import law as laws
from anhuan.acts import promise as promises
from anhuan.acts.agreeing import fault, out_of_turn
from anhuan.acts.bargain import Bargain
from anhuan.acts.customer import Held, held
from anhuan.core.judgements.plan import PlanForm
from anhuan.core.plan.agreement import Kind
from anhuan.core.plan.clauses import may_take_effect
from anhuan.core.plan.negotiation import Form, Offer, Wish, note
from anhuan.core.plan.parts import Part, Parts
from anhuan.core.vocabulary import CALLS, HoldKind, LineResult, Party
from anhuan.records import events
from anhuan.records.account import Account
from anhuan.records.attempt import Fault
from anhuan.records.contact import Contact, State
from anhuan.records.plan import PENDING, Instalment, Plan, PlanState, Waiver, WaiverState
from anhuan.records.staff import Right, Staff
from anhuan.records.terms import document
from anhuan.rulebook.judging import law_of

KINDS: Final = (Kind.PLAN, Kind.DEFERRAL, Kind.SETTLEMENT)
STANDS_FOR: Final = timedelta(days=7)
"""How long an offer that was proposed may be agreed."""

Answer = Plan | list[Fault]


def day(at: datetime) -> date:
    return timezone.localtime(at).date()


# --- proposing ----------------------------------------------------------------------------------------------------


def propose(
    customer_id: str,
    *,
    account_ids: Sequence[str],
    offer_id: str,
    form: Form | None,
    wish: Wish | None,
    why: str = "",
    at: datetime,
    by: str,
) -> Answer:
    """An offer the engine makes now on these accounts is to be agreed; `why` is told to whoever must approve it.

    Within the proposer's authority it waits for the customer's consent, beyond it for a second person first. One agreement of a
    customer in a currency waits at a time; one that is being performed goes on until another is agreed in its place.
    """
    with held(customer_id, at=at, by=by) as customer:
        staff = Staff.objects.filter(username=by, is_active=True).first()
        if staff is None or not staff.may(Right.WORK):
            return [fault("by", "may_not")]
        asked = bargain.ask(customer_id, account_ids, form=form, wish=wish, at=customer.at)
        if isinstance(asked, list):
            return asked
        offer = asked.offer(offer_id)
        faults = [*_against(customer, asked, offer, staff)]
        if offer is None or faults:
            return faults
        plan = _written(customer, asked, offer)
        if not note(offer, staff.role).alone:
            shown = {"roles": approval.deciders(offer.grantable_by), "rule": offer.rule, "role": staff.role, **_summary(plan)}
            approval.want(customer, plan.kind, plan.plan_id, told=shown, why=why)
        customer.remember(
            "plan.proposed", told(plan) | {"authority": plan.authority, "alone": plan.state == PlanState.APPROVED}
        )
    return plan


def _against(customer: Held, asked: Bargain, offer: Offer | None, staff: Staff) -> Iterator[Fault]:
    if offer is None:
        yield fault("offer", "offer_gone")
    elif offer.kind not in KINDS:
        yield fault("offer", "kind_unfit")
    elif not note(offer, staff.role).alone and not approval.deciders(offer.grantable_by):
        yield fault("offer", "nobody_grants")
    if Plan.objects.filter(customer_id=customer.customer_id, currency=asked.debt.currency, state__in=PENDING).exists():
        yield fault("accounts", "plan_pending")


def _written(customer: Held, asked: Bargain, offer: Offer) -> Plan:
    staff = Staff.objects.get(username=customer.by)
    alone = note(offer, staff.role).alone
    standing = Plan.objects.filter(
        customer_id=customer.customer_id, currency=asked.debt.currency, state=PlanState.ACTIVE
    ).first()  # fmt: skip
    plan = Plan.objects.create(
        plan_id=uuid4(), customer_id=customer.customer_id, accounts=[each.account_id for each in asked.accounts],
        currency=asked.debt.currency, kind=offer.kind, state=PlanState.APPROVED if alone else PlanState.PROPOSED,
        terms=document(offer.terms), facts=asked.facts() | {"offer": offer.id, "rule": offer.rule},
        composition=[{"account_id": each.account_id, **bargain.parts_of(each).document()} for each in asked.accounts],
        policy=asked.policy.fingerprint, authority=staff.role if alone else approval.deciders(offer.grantable_by)[0],
        principal_minor=offer.terms.owed.total_minor, waived_minor=offer.terms.waived.total_minor, total_minor=offer.total_minor,
        effective_annual_rate=str(offer.effective_annual_rate), proposed_at=customer.at, proposed_by=customer.by,
        valid_until=min(day(customer.at) + STANDS_FOR, offer.terms.first_due), replaces=standing.plan_id if standing else None,
        next_due_on=offer.rows[0].due, next_due_minor=offer.rows[0].payment_minor, updated_at=customer.at,
    )  # fmt: skip
    Instalment.objects.bulk_create(
        Instalment(
            plan=plan, number=row.number, due_on=row.due, agreed_on=row.agreed_on, settled=row.settled, payment_minor=row.payment_minor,
            principal_minor=row.principal_minor, charges_minor=row.charges_minor, interest_minor=row.interest_minor,
            fee_minor=row.fee_minor, closing_minor=row.closing_minor,
        )
        for row in offer.rows
    )  # fmt: skip
    Waiver.objects.bulk_create(_waivers(plan, asked, offer.terms.waived))
    return plan


def _waivers(plan: Plan, asked: Bargain, waived: Parts) -> Iterator[Waiver]:
    """What is let go of, account by account and part by part."""
    for part, minor in waived:
        shares = spread(minor, {each.account_id: bargain.parts_of(each)[part] for each in asked.accounts})
        for account_id, share in shares.items():
            if share:
                yield Waiver(
                    waiver_id=uuid4(), customer_id=plan.customer_id, account_id=account_id, currency=plan.currency, component=part,
                    amount_minor=share, reason=plan.kind, state=WaiverState.PROPOSED, plan=plan, policy=plan.policy,
                    authority=plan.authority, proposed_at=plan.proposed_at, proposed_by=plan.proposed_by, updated_at=plan.proposed_at,
                )  # fmt: skip


def spread(minor: int, over: Mapping[str, int]) -> dict[str, int]:
    """An amount over others as they are to each other, to the minor unit, none getting more than its own; it comes to no more than all."""
    whole = sum(over.values())
    if not whole:
        return dict.fromkeys(over, 0)
    exact = {name: Fraction(minor * each, whole) for name, each in over.items()}
    shares = {name: int(each) for name, each in exact.items()}
    # The cents that rounding down left over go where most was cut off.
    order = sorted(over, key=lambda name: (shares[name] - exact[name], name))
    for name in order[: minor - sum(shares.values())]:
        shares[name] += 1
    return shares


# --- agreeing -----------------------------------------------------------------------------------------------------


def agree(plan_id: UUID, *, consent: str, consent_in: UUID | None = None, evidence: str = "", at: datetime, by: str) -> Answer:
    """The customer has consented, in writing (`evidence` says where the paper or click lies) or orally, in the call `consent_in`.

    Nothing begins while the agreement lacks anything the law wants: an item, a term it may have, a recording of what was said. From
    here on collection of its accounts is held, promises on them no longer count, and an agreement it replaces is over.
    """
    with transaction.atomic():
        found = held_plan(plan_id, at=at, by=by)
        if isinstance(found, list):
            return found
        plan, customer = found
        faults = [*_not_yet(plan, customer, consent, consent_in, evidence)]
        if faults:
            return faults
        replaced = Plan.objects.filter(customer_id=plan.customer_id, currency=plan.currency, state=PlanState.ACTIVE).first()
        if replaced is not None:
            over(replaced, PlanState.REPLACED, customer, why="replaced")
        plan.state, plan.consent, plan.consent_in, plan.consent_evidence = PlanState.ACTIVE, consent, consent_in, evidence
        plan.agreed_at, plan.agreed_by = customer.at, by
        plan.hold_id = place_hold(plan, customer)
        plan.updated_at = customer.at
        plan.save()
        set_waivers(plan, WaiverState.CONDITIONAL, customer.at)
        ended = promises.withdraw_all(customer, plan.accounts, plan.currency, why="plan")
        body = told(plan) | {"consent": consent, "contact": consent_in and str(consent_in), "promises_withdrawn": ended}
        body |= {"replaced": str(replaced.plan_id)} if replaced else {}
        customer.remember("plan.agreed", {name: value for name, value in body.items() if value not in (None, [])})
    return plan


def held_plan(plan_id: UUID, *, at: datetime, by: str) -> tuple[Plan, Held] | list[Fault]:
    """An agreement whose customer nobody else writes of until the caller's transaction ends."""
    known = Plan.objects.filter(pk=plan_id).only("customer_id").first()
    if known is None:
        return [fault("plan", "plan_unknown")]
    with held(known.customer_id, at=at, by=by) as customer:
        return Plan.objects.get(pk=plan_id), customer


def _not_yet(plan: Plan, customer: Held, consent: str, consent_in: UUID | None, evidence: str) -> Iterator[Fault]:
    staff = Staff.objects.filter(username=customer.by, is_active=True).first()
    if staff is None or not staff.may(Right.WORK):
        yield fault("by", "may_not")
    if plan.state != PlanState.APPROVED:
        yield out_of_turn(plan.state)
        return
    if day(customer.at) > plan.valid_until:
        yield fault("plan", "lapsed", day=plan.valid_until)
    accounts = Account.objects.filter(account_id__in=plan.accounts, customer_id=plan.customer_id)
    if sum(bargain.parts_of(each).total_minor for each in accounts) < plan.principal_minor - plan.waived_minor:
        yield fault("plan", "facts_changed")
    yield from _consented(plan, customer, consent, consent_in, evidence)
    form = PlanForm.ORAL if consent == PlanForm.ORAL else PlanForm.WRITTEN
    answer = may_take_effect(
        plan.agreed, plan.rows(), form, recorded=consent_in is not None, law=law_of("cn", day(customer.at))
    )
    if not answer.value:
        yield Fault(
            "plan", "not_lawful", f"{answer.sentence_zh}（{answer.citation}）", f"{answer.sentence_en} ({answer.citation})"
        )


def _consented(plan: Plan, customer: Held, consent: str, consent_in: UUID | None, evidence: str) -> Iterator[Fault]:
    if consent not in set(PlanForm) or (consent == PlanForm.WRITTEN and not evidence.strip()):
        yield fault("consent", "consent_missing")
    elif consent == PlanForm.ORAL:
        if consent_in is None:
            yield fault("consent", "consent_missing")
        elif not _heard_her(plan, consent_in):
            yield fault("consent", "consent_unfit")
        elif not recorded(plan.customer_id if customer.has_case else events.HOUSE, [consent_in]):
            yield fault("consent", "consent_unrecorded")


def _heard_her(plan: Plan, contact_id: UUID) -> bool:
    """Whether the contact was a call in which she herself was spoken to, since the offer was made."""
    found = Contact.objects.filter(
        pk=contact_id, customer_id=plan.customer_id, channel__in=[*CALLS], party=Party.DEBTOR, line_result=LineResult.CONNECTED,
    ).exclude(state=State.VOID).first()  # fmt: skip
    return found is not None and (found.closed_at is None or found.closed_at >= plan.proposed_at)


def recorded(chain: str, contacts: Collection[UUID]) -> set[UUID]:
    """Those of these contacts whose call was recorded, the recording not being destroyed since, as the chain of events tells it."""
    told = events.Event.objects.filter(
        chain=chain, kind__in=["contact.completed", "recording.destroyed"], body__contact__in=[str(each) for each in contacts]
    ).order_by("number")
    kept: set[UUID] = set()
    for kind, body in told.values_list("kind", "body"):
        if kind == "recording.destroyed":
            kept.discard(UUID(body["contact"]))
        elif "recording" in body:
            kept.add(UUID(body["contact"]))
    return kept


def place_hold(plan: Plan, customer: Held) -> UUID:
    """Collection of its accounts stops, from now on."""
    placed = hold.place(
        plan.customer_id, HoldKind.PLAN, law=laws.in_force(customer.at), at=customer.at, by=customer.by, debts=plan.accounts,
        reason=plan.kind,
    )  # fmt: skip
    if isinstance(placed, hold.Placed):
        return placed.hold_id
    raise LookupError("an agreement is on accounts of the customer's, and so can its hold be")


# --- the end of one -----------------------------------------------------------------------------------------------


def cancel(plan_id: UUID, *, why: str, at: datetime, by: str) -> Answer:
    """An agreement that waits, or is being performed, is called off; collection may go on. `why` is a code, such as `customer`."""
    with transaction.atomic():
        found = held_plan(plan_id, at=at, by=by)
        if isinstance(found, list):
            return found
        plan, customer = found
        staff = Staff.objects.filter(username=by, is_active=True).first()
        needed = Right.GRANT if plan.state == PlanState.ACTIVE else Right.WORK
        if staff is None or not staff.may(needed):
            return [fault("by", "may_not")]
        if plan.state not in (*PENDING, PlanState.ACTIVE):
            return [out_of_turn(plan.state)]
        approval.withdraw(plan.plan_id, customer, why=why)
        over(plan, PlanState.CANCELLED, customer, why=why)
        customer.remember("plan.cancelled", told(plan) | {"why": why})
    return plan


def decided(plan_id: UUID, *, approved: bool, customer: Held, reason: str) -> None:
    """A second person has approved or refused it; called by `acts.approval`, in its transaction."""
    plan = Plan.objects.get(pk=plan_id)
    if approved:
        plan.state, plan.updated_at = PlanState.APPROVED, customer.at
        plan.save(update_fields=["state", "updated_at"])
    else:
        over(plan, PlanState.REFUSED, customer, why="refused")
    kind = "plan.approved" if approved else "plan.refused"
    customer.remember(kind, told(plan) | {"proposed_by": plan.proposed_by, "reason": reason})


def over(plan: Plan, state: PlanState, customer: Held, *, why: str) -> None:
    """It ends in this state, with its waivers and its hold; the act under way remembers it."""
    plan.state, plan.ended_at, plan.ended_by, plan.ended_why = state, customer.at, customer.by, why
    plan.updated_at = customer.at
    plan.save()
    set_waivers(plan, WAIVERS_OF[state], customer.at)
    if plan.hold_id is not None:
        hold.end(plan.hold_id, at=customer.at, by=customer.by, reason=state)


WAIVERS_OF: Final[Mapping[PlanState, WaiverState]] = {
    PlanState.PERFORMED: WaiverState.GRANTED, PlanState.DEFAULTED: WaiverState.VOID, PlanState.CANCELLED: WaiverState.VOID,
    PlanState.REPLACED: WaiverState.VOID, PlanState.REFUSED: WaiverState.REFUSED, PlanState.ACTIVE: WaiverState.CONDITIONAL,
}  # fmt: skip


def set_waivers(plan: Plan, state: WaiverState, at: datetime) -> None:
    """The waivers of an agreement share its fate."""
    over = state in {WaiverState.VOID, WaiverState.REFUSED}
    plan.waivers.update(
        state=state, updated_at=at, granted_at=at if state is WaiverState.GRANTED else None, ended_at=at if over else None
    )


def told(plan: Plan) -> dict[str, Any]:
    return {
        "plan": str(plan.plan_id), "kind": plan.kind, "accounts": plan.accounts, "currency": plan.currency,
        "total_minor": plan.total_minor, "waived_minor": plan.waived_minor, "instalments": plan.terms["instalments"],
    }  # fmt: skip


def _summary(plan: Plan) -> dict[str, Any]:
    """What an approver is shown of it before she looks further."""
    return told(plan) | {
        "owed_minor": plan.principal_minor, "first_due": plan.terms["first_due"], "offer": plan.facts["offer"],
        "effective_annual_rate": plan.effective_annual_rate,
        "waived": {part.value: plan.terms["waived"][f"{part}_minor"] for part in Part},
        "parts": {part.value: plan.terms["owed"][f"{part}_minor"] for part in Part},
    }  # fmt: skip
