"""Has the people of a demonstration do a few things, so that no page of theirs is empty: `python lived_in.py` in its home.

Calls that came to something, promises, a plan that waits for a second person and one that is performed, a dispute, hardship, two calls
under way. Everything goes through the acts and the gate, as at a desk; done once, told again. Prints as JSON where to look.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date, datetime
from uuid import UUID

from anhuan import settings

settings.start()

from anhuan import clock  # noqa: E402  Django must be set up first
from anhuan.acts import bargain, desk, dispute, hardship, payment_import, plan, quality, worklist  # noqa: E402
from anhuan.acts import call as calls  # noqa: E402
from anhuan.acts import law as laws  # noqa: E402
from anhuan.acts.call import Disposition  # noqa: E402
from anhuan.acts.call.sentences import bank_scripts  # noqa: E402
from anhuan.core.gate import Permit  # noqa: E402
from anhuan.core.plan.agreement import Kind  # noqa: E402
from anhuan.core.plan.negotiation import Expense, Form, Wish  # noqa: E402
from anhuan.records import identity  # noqa: E402
from anhuan.records.account import Account  # noqa: E402
from anhuan.records.call import Call, Way, open_call  # noqa: E402
from anhuan.records.case import CaseFigures  # noqa: E402
from anhuan.records.contact import Refusal  # noqa: E402
from anhuan.records.dispute import Dispute  # noqa: E402
from anhuan.records.hardship import Hardship  # noqa: E402
from anhuan.records.night import Night  # noqa: E402
from anhuan.records.payment import PaymentImport  # noqa: E402
from anhuan.records.payment_suspense import Suspense  # noqa: E402
from anhuan.records.plan import Plan  # noqa: E402
from anhuan.records.quality import QualityPick, QualityReview  # noqa: E402
from anhuan.records.staff import Staff, Team  # noqa: E402
from anhuan.records.wording import WordingVersion  # noqa: E402
from anhuan.rulebook import codes  # noqa: E402

DAY = ("PTP", "NOA", "CBK", "NOA", "PTP", "CLP", "RTP", "NOA")


def answers(call: Call) -> dict[str, str]:
    """What the customer would say: she knows who she is."""
    person = identity.unsealed(call.customer_id)
    if person is None:
        return {}
    card = Account.objects.filter(customer_id=call.customer_id).values_list("account_id", flat=True)[0]
    said = {"id_tail": person.id_number[-4:], "birth_day": person.birth_date[5:].replace("-", ""), "card_tail": card[-4:],
            "employer": person.employer or "", "name": person.name}  # fmt: skip
    return {each.id: said[each.id] for each in calls.asked(call)}


def reach(case_id: str, by: str, at: datetime) -> Call | None:
    """A call to a number of hers, where the gate permits one now."""
    law = laws.in_force(at)
    for attempt, said in desk.previews(case_id, law=law, at=at):
        if attempt.channel.value == "call" and attempt.party.value == "debtor" and isinstance(said.verdict, Permit):
            begun = calls.begin(case_id, point_id=UUID(attempt.point), way=Way.BY_HAND, law=law, at=at, by=by)
            return begun if isinstance(begun, Call) else None
    return None


def work(by: str, results: tuple[str, ...]) -> Iterator[Call]:
    """Take one case after the other and bring its call to a result."""
    for result in results:
        at = clock.now()
        item = worklist.take(by, at=at)
        call = reach(item.customer_id, by, at) if item else None
        if item is None or call is None:
            continue
        if result != "NOA":
            calls.check_identity(call.call_id, answers(call), at=clock.now(), by=by)
        done = calls.finish(call.call_id, disposed(call, result), law=laws.in_force(at), at=clock.now(), by=by)
        if not isinstance(done, list):
            yield call


def disposed(call: Call, result: str) -> Disposition:
    line, party = ("NA", "NOB") if result == "NOA" else ("OK", "RPC")
    call.refresh_from_db()
    said = [each.id for each in bank_scripts().due("opening", *(("verified", "closing") if call.verified else ()))]
    fields = calls.defaults(call, codes.book().results[result], clock.now())
    return Disposition(line, party, result, fields=fields, ticked=said)


def late(low: int, high: int) -> Iterator[tuple[str, list[str]]]:
    """Cases in the house by days past due, with the accounts that are late."""
    for case_id in (
        CaseFigures.objects.filter(days_past_due__range=(low, high), currency="CNY", placed_with="", other_currencies=0)
        .order_by("case_id")
        .values_list("case_id", flat=True)
    ):
        yield case_id, list(Account.objects.filter(customer_id=case_id, bucket__gt=0).values_list("account_id", flat=True))


def agreed(instalments: int, by: str, cases: Iterator[tuple[str, list[str]]]) -> Plan | None:
    """A plan of so many instalments with the first of these customers to whom it can be offered."""
    form = Form("CNY", 1_800_000, {Expense.HOUSING: 250_000, Expense.FOOD: 200_000}, household=2)
    wish = Wish(Kind.PLAN, instalments=instalments)
    for case_id, accounts in cases:
        at = clock.now()
        asked = bargain.ask(case_id, accounts, form=form, wish=wish, at=at)
        if isinstance(asked, list) or asked.answer.granted is None:
            continue
        made = plan.propose(
            case_id, account_ids=accounts, offer_id=asked.answer.granted.id, form=form, wish=wish,
            why="收入减少，孩子上学；愿意按月还款。", at=at, by=by,
        )  # fmt: skip
        if isinstance(made, Plan):
            return made
    return None


def live() -> None:
    early = late(61, 100)
    done = [*work("wanglei", DAY), *work("chenxi", DAY[2:]), *work("sunyan", DAY[:2])]
    for number, (case_id, accounts) in zip(range(3), early, strict=False):
        kind, said = (
            ("amount", "账单金额与实际消费不符。"),
            ("transaction", "这笔交易不是本人所为。"),
            ("fees", "认为违约金过高。"),
        )[number]
        dispute.register(case_id, kind=kind, account_ids=accounts, statement=said, at=clock.now(), by="sunyan")
    for case_id, _accounts in [next(early), next(early)]:
        hardship.register(case_id, kind="income", statement="单位停产，近三个月没有工资收入。", at=clock.now(), by="sunyan")
    agreed(6, "sunyan", early)
    for instalments, by in ((24, "wanglei"), (48, "chenxi"), (36, "sunyan")):
        agreed(instalments, by, early)
    for by, proves in (("wanglei", False), ("chenxi", True)):
        item = worklist.take(by, at=clock.now())
        call = reach(item.customer_id, by, clock.now()) if item else None
        if call and proves:
            calls.check_identity(call.call_id, answers(call), at=clock.now(), by=by)
    judged(done)
    paid()
    print(len(done), "calls", file=sys.stderr)


def judged(done: list[Call]) -> None:
    """Two calls are asked for and one of them reviewed; something is agreed with the collector; somebody is on the line."""
    form = quality.form_in_force(clock.now().date())
    house = CaseFigures.objects.filter(placed_with="", bucket__gt=0).order_by("-case_id")
    seen = set(house.values_list("case_id", flat=True))
    for call in [each for each in done if each.contact_id and each.customer_id in seen][:2]:
        quality.ask(call.contact_id, at=clock.now(), by="zhouqi")
        if not QualityReview.objects.exists():
            met = {each.id: "yes" for each in form.criteria}
            said = "开场白完整，语气平和。"
            quality.review(
                call.contact_id,
                answers=met,
                evidence=["contact", "note"],
                comment=said,
                finish=True,
                at=clock.now(),
                by="zhouqi",
            )
            agreed_on = "核身前不提欠款；下周一起听两通电话。"
            quality.coach(call.by, text=agreed_on, due_on=date(2026, 11, 30), at=clock.now(), by="zhouqi")
    calls.receive(house[0].case_id, at=clock.now(), by="sunyan")


def paid() -> None:
    """A file of payments: one that fits an account, and one of which nobody knows whose it is."""
    account = Account.objects.filter(bucket__gt=0).order_by("account_id")[0]
    lines = (
        "reference,amount,currency,effective_on,account_id,virtual_account,remittance\n"
        f"PAY-20261122-01,200.00,{account.currency},2026-11-22,{account.account_id},,\n"
        "PAY-20261122-02,1860.00,CNY,2026-11-22,,,信用卡还款\n"
    )
    file = payment_import.preview(
        lines.encode(), name="payments-2026-11-22.csv", today=date(2026, 11, 23), at=clock.now(), by="demo"
    )
    payment_import.take(file, at=clock.now(), by="demo")


def places() -> dict[str, str]:
    """What stands in the addresses of the pages."""
    refused = Refusal.objects.filter(reasons__contains=[{"rule": "cn.unanswered_per_number"}]).order_by("-at", "-id").first()
    figures = CaseFigures.objects.filter(placed_with="").order_by("-overdue_accounts", "-case_id")
    held = open_call("wanglei")
    worked = Call.objects.filter(by="wanglei").exclude(closed_at=None).order_by("closed_at")
    looked_at = QualityPick.objects.exclude(reviews=None)[0]
    one = {
        "inbound_call": open_call("sunyan").pk, "quality_call": looked_at.pk,
        "person_judged": Staff.objects.get(username=looked_at.collector).pk,
        "payment_file": PaymentImport.objects.all()[0].pk, "suspense": Suspense.objects.all()[0].pk,
        "wording": WordingVersion.objects.order_by("pk")[0].pk, "team": Team.objects.order_by("pk")[0].pk,
        "case": held.customer_id if held else figures[0].case_id, "busy": refused.customer_id if refused else figures[0].case_id,
        "closed_call": worked[0].pk,
        "plan": Plan.objects.order_by("-total_minor")[0].pk, "dispute": Dispute.objects.order_by("opened_at")[0].pk,
        "disputed": Dispute.objects.order_by("opened_at")[0].customer_id, "hardship": Hardship.objects.filter(opened_by="sunyan")[0].pk,
        "person": Staff.objects.get(username="sunyan").pk, "night": Night.objects.order_by("-sequence")[0].sequence,
    }  # fmt: skip
    return {name: str(value) for name, value in one.items()}


if __name__ == "__main__":
    if open_call("wanglei") is None:
        live()
    sys.stdout.write(json.dumps(places()) + "\n")
