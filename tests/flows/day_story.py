"""Opens a home's desk for a day: `python day_story.py open`. People, the made-up bank's policy and scripts, and work that lies ready.

Chosen are customers in the house with one late card, a mobile of their own and enough on file to be asked who they are. Prints them as
JSON, the plan's (61 to 120 days late, so that two dozen instalments are beyond a collector) apart from the others. `told CUSTOMER` instead
prints what the home remembers of her; `happened` has more happen, so that no page is without something to show.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

ROOT = Path(__file__).resolve().parents[2]
WORK = 24
"""So many cases lie on the desk."""


def open_desk(home: Path, password: str) -> dict[str, list[str]]:
    from anhuan import clock
    from anhuan.acts import staff, worklist
    from anhuan.rulebook.queues import DEFAULT

    shutil.copyfile(ROOT / "examples/firstbank/policy.yaml", home / "policy.yaml")
    shutil.copytree(ROOT / "examples/firstbank/scripts", home / "scripts", dirs_exist_ok=True)
    now = clock.now()
    staff.save_team("Everything", queues=list(DEFAULT), lead="", at=now, by="system:test")
    for name, role, team in (("lin", "collector", "Everything"), ("zhou", "supervisor", "")):
        refused = staff.create_staff(
            username=name, password=password, role=role, language="en", team=team, at=now, by="system:test"
        )
        assert refused is None, refused
    middle, others = customers([3, 4]), customers([1, 2])
    chosen = [*middle[:2], *others[: WORK - 2]]
    assert len(chosen) == WORK, len(chosen)
    for customer in chosen:
        laid = worklist.transfer(customer, queue="desk", why="other", by="system:test", at=now)
        assert laid is not None
        assert not hasattr(laid, "en"), laid
    return {"middle": middle[:2], "others": others[: WORK - 2]}


def happened(password: str) -> dict[str, str]:
    """A dispute, hardship, an agreement that waits for a second person, payments, a call that is reviewed and two under way: the
    addresses of the pages they have.
    """
    from anhuan import clock
    from anhuan.acts import bargain, dispute, hardship, plan, quality, sign_in, staff, worklist
    from anhuan.acts import call as calls
    from anhuan.acts import desk as desks
    from anhuan.acts import law as laws
    from anhuan.core.plan.agreement import Kind
    from anhuan.core.plan.negotiation import Expense, Form, Wish
    from anhuan.records.account import Account
    from anhuan.records.call import Call, Way
    from anhuan.records.night import Night
    from anhuan.records.sign_in import SecondFactor
    from anhuan.records.staff import Staff

    now = clock.now()
    disputing, poor, agreeing = customers([3, 4])[2:5]
    cards = {
        who: list(Account.objects.filter(customer_id=who).values_list("account_id", flat=True)) for who in (disputing, agreeing)
    }
    disputed = dispute.register(
        disputing, kind="amount", account_ids=cards[disputing], statement="金额不符。", at=now, by="lin"
    )
    hard = hardship.register(poor, kind="income", statement="单位停产。", at=now, by="lin")
    form, wish = Form("CNY", 1_800_000, {Expense.FOOD: 200_000}, household=2), Wish(Kind.PLAN, instalments=24)
    asked = bargain.ask(agreeing, cards[agreeing], form=form, wish=wish, at=now)
    offer = asked.answer.granted
    agreed = plan.propose(agreeing, account_ids=cards[agreeing], offer_id=offer.id, form=form, wish=wish, at=now, by="lin")
    item, law = worklist.take("lin", at=now), laws.in_force(now)
    point = next(
        attempt.point for attempt, _ in desks.previews(item.customer_id, law=law, at=now) if attempt.channel.value == "call"
    )
    call = calls.begin(item.customer_id, point_id=UUID(point), way=Way.BY_HAND, law=law, at=now, by="lin")
    staff.create_staff(
        username="wu", password=password, role="collector", language="en", team="Everything", at=now, by="system:test"
    )
    calls.receive(poor, at=now, by="wu")
    staff.create_staff(username="song", password=password, role="auditor", language="en", at=now, by="system:test")
    sign_in.draw(Staff.objects.get(username="song"), at=now)
    SecondFactor.objects.update(confirmed=True)
    return {
        "inbound": Call.objects.get(by="wu").pk, "reviewed": quality.ask(call.contact_id, at=now, by="zhou").pk, **paid(now),
        "case": item.customer_id, "dispute": disputed.pk, "disputing": disputing, "hardship": hard.pk, "plan": agreed.pk, "call": call.pk,
        "person": Staff.objects.get(username="lin").pk, "night": Night.objects.order_by("-sequence")[0].sequence,
    }  # fmt: skip


def paid(now: datetime) -> dict[str, Any]:
    """A file of payments, one of which nobody knows whose it is."""
    from anhuan.acts import payment_import
    from anhuan.records.payment_suspense import Suspense

    lines = "reference,amount,currency,effective_on,account_id,virtual_account\nNOBODYS,17.31,CNY,2026-11-01,,\n"
    file = payment_import.preview(lines.encode(), name="paid.csv", today=now.date(), at=now, by="wang.operations")
    payment_import.take(file, at=now, by="wang.operations")
    return {"file": file.pk, "suspense": Suspense.objects.get().pk}


def customers(buckets: list[int]) -> list[str]:
    """Who can be worked with: nothing stands in the way of a call, and she can show who she is."""
    from anhuan import clock
    from anhuan.acts import desk
    from anhuan.acts import law as laws
    from anhuan.core.gate import Permit
    from anhuan.records import identity
    from anhuan.records.case import CaseFigures

    now = clock.now()
    law = laws.in_force(now)
    found = CaseFigures.objects.filter(bucket__in=buckets, currency="CNY", accounts=1, placed_with="")
    fit = []
    for case_id in found.order_by("-past_due_amount_minor", "case_id").values_list("case_id", flat=True):
        person = identity.unsealed(case_id)
        calls = [said for attempt, said in desk.previews(case_id, law=law, at=now)
                 if attempt.channel.value == "call" and attempt.party.value == "debtor"]  # fmt: skip
        if person and person.id_number and person.birth_date and calls and isinstance(calls[0].verdict, Permit):
            fit.append(case_id)
        if len(fit) >= WORK:
            break
    return fit


def told(customer: str) -> dict[str, Any]:
    """Everything the day left behind of one customer, and of the answers she must give."""
    from anhuan.records import identity
    from anhuan.records.account import Account
    from anhuan.records.call import Call
    from anhuan.records.circumstance import PersonFinding, PointFinding
    from anhuan.records.contact import Contact, Refusal
    from anhuan.records.dispute import Dispute
    from anhuan.records.hardship import Hardship
    from anhuan.records.hold import Hold
    from anhuan.records.plan import Approval, Plan
    from anhuan.records.promise import Promise
    from anhuan.records.worklist import WorkItem

    person = identity.unsealed(customer)
    assert person is not None
    cards = list(Account.objects.filter(customer_id=customer).values_list("account_id", flat=True))
    rows = {
        name: list(model.objects.filter(customer_id=customer).values())
        for name, model in {
            "calls": Call, "contacts": Contact, "refusals": Refusal, "promises": Promise, "plans": Plan, "approvals": Approval,
            "disputes": Dispute, "hardships": Hardship, "holds": Hold, "points": PointFinding, "people": PersonFinding, "work": WorkItem,
        }.items()
    }  # fmt: skip
    answers = {
        "id_tail": person.id_number[-4:], "birth_day": person.birth_date[5:7] + person.birth_date[8:10], "card_tail": cards[0][-4:],
        "employer": person.employer or "", "name": person.name,
    }  # fmt: skip
    return {"answers": answers, **rows}


if __name__ == "__main__":
    from anhuan import settings

    settings.start()
    if sys.argv[1] == "told":
        print(json.dumps(told(sys.argv[2]), default=str))
    elif sys.argv[1] == "happened":
        print(json.dumps(happened(sys.stdin.read().strip()), default=str))
    else:
        print(json.dumps(open_desk(Path(os.environ["ANHUAN_HOME"]), sys.stdin.read().strip())))
