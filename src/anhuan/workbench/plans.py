"""Promises and plans on the page of a case: what stands, what can be agreed, and the forms of every step, answered in place.

Knows how the card is drawn and which act each of its buttons is. What may be offered, and what keeps a step from being taken, is
said by the acts; an offer is made anew when it is taken, so nothing a form holds is believed but what was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import reswap, retarget

from anhuan import clock
from anhuan.acts import approval, bargain, plan, promise, waiver
from anhuan.acts.agreeing import fault
from anhuan.acts.bargain import Bargain
from anhuan.core.plan.agreement import Kind
from anhuan.core.plan.negotiation import Expense, Offer, note
from anhuan.core.plan.promise import PromiseState
from anhuan.core.plan.schedule import Method
from anhuan.core.vocabulary import CALLS, Presence
from anhuan.records import access
from anhuan.records.account import Account
from anhuan.records.attempt import Fault
from anhuan.records.contact import Contact
from anhuan.records.plan import PENDING, Plan, PlanState, Waiver, WaiverState
from anhuan.records.promise import Promise
from anhuan.records.staff import Right
from anhuan.workbench import plan_forms as forms
from anhuan.workbench.frame import page, reader
from anhuan.workbench.plan_forms import Reading

SHOWN = 6
OFFERS = 12
WHYS = ("mistake", "customer")
"""Why a promise is put right or withdrawn, as the form tells it."""
_STANDING = (*PENDING, PlanState.ACTIVE)


# --- the card -----------------------------------------------------------------------------------------------------


@page
@require_GET
def card(request: HttpRequest, case_id: str) -> HttpResponse:
    """What she promised and agreed, and the forms for more."""
    if not access.may_see_case(reader(request), case_id):
        raise Http404
    return render(request, "workbench/_plan_card.html", _context(request, case_id))


@dataclass(frozen=True)
class Presets:
    """What a promise on one account is mostly about: amounts by name, in minor units."""

    account: Account
    amounts: dict[str, int]


def _context(request: HttpRequest, case_id: str) -> dict[str, Any]:
    now = clock.now()
    today = timezone.localtime(now).date()
    accounts = [each for each in Account.objects.filter(customer_id=case_id).order_by("-past_due_amount_minor", "account_id")
                if each.presence != Presence.MISSING and each.balance_total_minor > 0]  # fmt: skip
    promises = list(Promise.objects.filter(customer_id=case_id).order_by("-at")[:SHOWN])
    agreements = list(Plan.objects.filter(customer_id=case_id).order_by("-proposed_at")[:SHOWN])
    staff = reader(request)
    return {
        "case_id": case_id, "today": today, "promises": promises, "whys": WHYS,
        "mendable": [each for each in promises if each.state == PromiseState.OPEN and each.account_id],
        "standing": [each for each in agreements if each.state in _STANDING],
        "former": [each for each in agreements if each.state not in _STANDING],
        "waivers": Waiver.objects.filter(customer_id=case_id, plan=None).exclude(state=WaiverState.VOID).order_by("-proposed_at")[:SHOWN],
        "presets": [
            Presets(each, {name: amount for name, of in forms.AMOUNTS.items() if (amount := of(each)) > 0}) for each in accounts
        ],
        "days": {name: of(today) for name, of in forms.DAYS.items()},
        "may_work": staff.may(Right.WORK), "may_grant": staff.may(Right.GRANT),
        "expenses": list(Expense), "kinds": plan.KINDS, "methods": [each for each in Method if each is not Method.CUSTOM],
        "amount_names": list(forms.AMOUNTS), "parts": waiver.PARTS,
        "calls": _calls(case_id) if any(each.state == PlanState.APPROVED for each in agreements) else [],
    }  # fmt: skip


def _calls(case_id: str) -> list[Contact]:
    """The last recorded talks with herself: what an oral consent may rest on."""
    spoken = Contact.objects.filter(customer_id=case_id, channel__in=[*CALLS], party="debtor", line_result="connected")
    last = list(spoken.exclude(state="void").order_by("-started_at")[:5])
    kept = plan.recorded(case_id, [each.contact_id for each in last])
    return [each for each in last if each.contact_id in kept]


# --- offers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """An offer as the list shows it: what the reader may do about it, and how heavy it is, in whole per cent."""

    offer: Offer
    alone: bool
    second: tuple[str, ...]
    load: int | None
    rate: Any
    heaviest_minor: int


@page
@require_POST
def offers(request: HttpRequest, case_id: str) -> HttpResponse:
    """What can be agreed by what the form says: the offers, and the answer to a wish. Nothing is kept."""
    if not access.may_see_case(reader(request), case_id):
        raise Http404
    _worker(request)
    form = Reading.of(request)
    asked = _asked(form, case_id)
    if isinstance(asked, list):
        return _refused(request, asked)
    lines = [_line(each, reader(request).role) for each in asked.offers()]
    answer = asked.answer
    nearest = answer.refused.nearest if answer.refused else None
    context = {
        "case_id": case_id, "asked": asked, "lines": lines[:OFFERS], "more": max(0, len(lines) - OFFERS),
        "granted": next((each for each in lines if answer.granted and each.offer.id == answer.granted.id), None),
        "reasons": [{"message_zh": r.zh, "message_en": r.en, "citation": r.citation} for r in answer.refused.reasons] if answer.refused else [],
        "nearest": next((each for each in lines if nearest and each.offer.id == nearest.id), None),
    }  # fmt: skip
    return render(request, "workbench/_plan_offers.html", context)


def _asked(form: Reading, case_id: str) -> Bargain | list[Fault]:
    chosen = form.told.getlist("account")
    first = Account.objects.filter(customer_id=case_id, account_id__in=chosen).order_by("account_id").first()
    if first is None:
        return [fault("account", "accounts_missing")]
    told, wished = forms.affordability(form, first.currency), forms.wish(form, first.currency)
    if form.faults:
        return form.faults
    return bargain.ask(case_id, chosen, form=told, wish=wished, at=clock.now())


def _line(offer: Offer, role: str) -> Line:
    told = note(offer, role)
    load = None if offer.load is None else -int(-offer.load * 100 // 1)
    heaviest = max((row.payment_minor for row in offer.rows), default=0)
    return Line(offer, told.alone, tuple(approval.deciders(told.second)), load, offer.effective_annual_rate, heaviest)


# --- steps --------------------------------------------------------------------------------------------------------

Step = Callable[[HttpRequest, str, Reading], Any]


@page
@require_POST
def act(request: HttpRequest, case_id: str) -> HttpResponse:
    """One step: the card as it then is, or what is against it."""
    if not access.may_see_case(reader(request), case_id):
        raise Http404
    _worker(request)
    form = Reading.of(request)
    name = form.text("step") or ("propose" if form.text("offer") else "")
    step = _STEPS.get(name)
    if step is None:
        raise Http404
    answer = step(request, case_id, form)
    if isinstance(answer, list):
        return _refused(request, answer)
    return render(request, "workbench/_plan_card.html", _context(request, case_id) | {"done": name})


def _worker(request: HttpRequest) -> None:
    if not reader(request).may(Right.WORK):
        raise PermissionDenied


def _refused(request: HttpRequest, faults: Sequence[Fault]) -> HttpResponse:
    told = [each.document() for each in faults]
    response = render(request, "workbench/_plan_faults.html", {"faults": told}, status=422)
    return reswap(retarget(response, "#plan-faults"), "innerHTML")


def _sign(request: HttpRequest) -> dict[str, Any]:
    return {"at": clock.now(), "by": reader(request).get_username()}


def _promise(request: HttpRequest, case_id: str, form: Reading) -> Any:
    account = Account.objects.filter(pk=form.text("account", 32), customer_id=case_id).first()
    if account is None:
        return [fault("account", "account_unknown")]
    told = forms.promised(form, account, _today())
    if form.faults:
        return form.faults
    made_in = form.uuid("contact")
    return promise.make(
        case_id, account_id=account.account_id, currency=account.currency, made_in=made_in, **told, **_sign(request)
    )


def _today() -> date:
    return timezone.localtime(clock.now()).date()


def _withdraw(request: HttpRequest, case_id: str, form: Reading) -> Any:
    found = Promise.objects.filter(pk=form.id("promise"), customer_id=case_id).first()
    if found is None:
        return [fault("promise", "promise_unknown")]
    return promise.withdraw(found.pk, why=_why(form, "customer"), **_sign(request))


def _why(form: Reading, usual: str) -> str:
    return told if (told := form.text("why", 40)) in WHYS else usual


def _correct(request: HttpRequest, case_id: str, form: Reading) -> Any:
    found = Promise.objects.filter(pk=form.id("promise"), customer_id=case_id).first()
    if found is None:
        return [fault("promise", "promise_unknown")]
    amount, due_on = form.minor("other_amount", found.currency), form.day("other_day")
    if form.faults:
        return form.faults
    return promise.correct(found.pk, amount_minor=amount, due_on=due_on, why=_why(form, "mistake"), **_sign(request))


def _propose(request: HttpRequest, case_id: str, form: Reading) -> Any:
    """Take an offer: a plan, deferral or settlement is proposed, a promise is made at once."""
    asked = _asked(form, case_id)
    if isinstance(asked, list):
        return asked
    offer = asked.offer(form.text("offer", 80))
    if offer is not None and offer.kind in {Kind.PROMISE, Kind.CURE}:
        # Each account's share is as its past due is to all that is, rounded up: a cent short would be less than the policy lets her promise.
        due = {each.account_id: each.past_due_amount_minor for each in asked.accounts if each.past_due_amount_minor > 0}
        if not due:
            return [fault("accounts", "nothing_owed")]
        shares = {account: -(-offer.total_minor * minor // sum(due.values())) for account, minor in due.items()}
        made = promise.make_on_all(
            case_id, shares, currency=asked.debt.currency, due_on=offer.last_due, made_in=form.uuid("contact"), **_sign(request)
        )
        faults = [each for each in made if isinstance(each, Fault)]
        return faults or made[0]
    return plan.propose(
        case_id, account_ids=[each.account_id for each in asked.accounts], offer_id=form.text("offer", 80), form=asked.form,
        wish=asked.wish, why=form.text("why", 500), **_sign(request),
    )  # fmt: skip


def _agree(request: HttpRequest, case_id: str, form: Reading) -> Any:
    found = Plan.objects.filter(pk=form.id("plan"), customer_id=case_id).first()
    if found is None:
        return [fault("plan", "plan_unknown")]
    return plan.agree(
        found.pk,
        consent=form.text("consent"),
        consent_in=form.uuid("contact"),
        evidence=form.text("evidence"),
        **_sign(request),
    )


def _cancel(request: HttpRequest, case_id: str, form: Reading) -> Any:
    found = Plan.objects.filter(pk=form.id("plan"), customer_id=case_id).first()
    if found is None:
        return [fault("plan", "plan_unknown")]
    return plan.cancel(found.pk, why="customer", **_sign(request))


def _waive(request: HttpRequest, case_id: str, form: Reading) -> Any:
    account = Account.objects.filter(pk=form.text("account", 32), customer_id=case_id).first()
    if account is None:
        return [fault("account", "account_unknown")]
    amount = form.amount("amount", account.currency)
    if form.faults:
        return form.faults
    return waiver.propose(
        case_id, account_id=account.account_id, component=form.text("component"), amount_minor=amount, reason=form.text("reason"),
        **_sign(request),
    )  # fmt: skip


_STEPS: dict[str, Step] = {
    "promise": _promise, "withdraw": _withdraw, "correct": _correct, "propose": _propose, "agree": _agree, "cancel": _cancel,
    "waive": _waive,
}  # fmt: skip
