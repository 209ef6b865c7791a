"""Opens a home's desk for a day: `python day_story.py`. People with a desk each, the made-up bank's policy and scripts, and work that lies ready.

Chosen are customers in the house with one late card, a mobile of their own and enough on file to be asked who they are. Prints them as
JSON, the plan's (61 to 120 days late, so that two dozen instalments are beyond a collector) apart from the others. `told` instead prints
what the home remembers of them.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WORK = 16
"""So many cases lie on the desk."""


def open_desk(home: Path, password: str) -> dict[str, list[str]]:
    from anhuan import clock
    from anhuan.acts import staff, worklist

    shutil.copyfile(ROOT / "examples/firstbank/policy.yaml", home / "policy.yaml")
    shutil.copytree(ROOT / "examples/firstbank/scripts", home / "scripts", dirs_exist_ok=True)
    now = clock.now()
    for name, role in (("lin", "collector"), ("zhou", "supervisor")):
        refused = staff.create_staff(username=name, password=password, role=role, language="en", at=now, by="system:test")
        assert refused is None, refused
    middle, others = customers([3, 4]), customers([1, 2])
    chosen = [*middle[:2], *others[: WORK - 2]]
    assert len(chosen) == WORK, len(chosen)
    for customer in chosen:
        laid = worklist.transfer(customer, queue="desk", why="other", by="system:test", at=now)
        assert laid is not None
        assert not hasattr(laid, "en"), laid
    return {"middle": middle[:2], "others": others[: WORK - 2]}


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
    else:
        print(json.dumps(open_desk(Path(os.environ["ANHUAN_HOME"]), sys.stdin.read().strip())))
