"""Agreements as acts: proposed by the engine's offers, approved by another, begun with consent, held, judged, and over."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st
from tests.records import desk
from tests.records.bargaining import (
    DAY,
    FORM,
    TODAY,
    TWELVE,
    TWENTY,
    agreed,
    call,
    codes,
    keep_recording,
    owed_total,
    paid,
    prepared,
    proposed,
    proposing,
)
from tests.records.desk import LAW, MORNING

from anhuan.acts import bargain, deciding, dispatch, performance, plan, policy, promise, waiver
from anhuan.acts.bargain import Bargain
from anhuan.core.plan.agreement import Kind
from anhuan.core.plan.negotiation import Wish
from anhuan.core.plan.parts import Parts
from anhuan.core.vocabulary import Channel, Purpose
from anhuan.records import access, events
from anhuan.records.account import Account
from anhuan.records.events import Event
from anhuan.records.hold import Hold
from anhuan.records.plan import Approval, Instalment, Plan, Waiver
from anhuan.records.promise import Promise

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bank(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.ANHUAN_HOME = tmp_path
    prepared(tmp_path)
    yield
    desk.empty_cards()


def happened() -> list[str]:
    return list(Event.objects.filter(chain="C1").order_by("number").values_list("kind", flat=True))


def judged(on: Any) -> dict[str, int]:
    return performance.judge(["C1"], at=MORNING + (on - TODAY), known_through=on - DAY)


def may_collect(on: Any = TODAY) -> bool:
    answer = dispatch.start(
        "C1",
        desk.attempt(channel=Channel.CALL, purpose=Purpose.COLLECT, point=str(desk_point())),
        law=LAW,
        at=MORNING + (on - TODAY),
        by="lin",
    )
    return isinstance(answer, dispatch.Started)


def desk_point() -> Any:
    from anhuan.records.customer import ContactPoint

    return ContactPoint.objects.get(customer_id="C1").point_id


# --- within one's authority ---------------------------------------------------------------------------------------


def test_an_offer_within_authority_is_agreed_with_consent_and_collection_stops() -> None:
    assert may_collect()
    made = promise.make("C1", account_id="A1", amount_minor=90_000, currency="CNY", due_on=TODAY, at=MORNING, by="lin")
    assert isinstance(made, Promise)
    one = proposed()
    assert (one.state, one.authority, one.principal_minor) == ("approved", "collector", owed_total())
    assert sum(row.payment_minor for row in one.instalments.all()) == one.total_minor
    begun = agreed(one)
    assert (begun.state, begun.next_due_on) == ("active", begun.instalments.all()[0].due_on)
    assert Hold.objects.get(pk=begun.hold_id).debts == ["A1", "A2"]
    assert not may_collect()
    made.refresh_from_db()
    assert (made.state, made.withdrawn_why) == ("withdrawn", "plan")
    assert happened()[-2:] == ["hold.placed", "plan.agreed"]
    assert events.verify()["ok"]


def test_nothing_begins_without_consent_that_can_be_shown() -> None:
    one = proposed()

    def told(**consent: Any) -> set[str]:
        return codes(plan.agree(one.plan_id, at=MORNING, by="lin", **consent))

    assert told(consent="written") == {"consent_missing"}
    assert told(consent="oral") >= {"consent_missing"}
    assert told(consent="shouted") == {"consent_missing"}
    spouse = call(contact_id="00000000-0000-0000-0000-0000000000c2", party="spouse")
    assert told(consent="oral", consent_in=spouse.contact_id) == {"consent_unfit"}
    assert not Plan.objects.filter(state="active").exists()
    hers = call()
    assert told(consent="oral", consent_in=hers.contact_id) == {"consent_unrecorded"}
    unreached = call(contact_id="00000000-0000-0000-0000-0000000000c3", line_result="")
    keep_recording(unreached)
    assert told(consent="oral", consent_in=unreached.contact_id) == {"consent_unfit"}
    keep_recording(hers)
    answer = plan.agree(one.plan_id, consent="oral", consent_in=hers.contact_id, at=MORNING, by="lin")
    assert isinstance(answer, Plan)
    assert (answer.state, answer.consent_in) == ("active", hers.contact_id)


def test_an_agreement_that_lacks_an_item_of_the_law_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    from anhuan.core.plan import clauses

    one = proposed()
    stated = clauses.clauses
    monkeypatch.setattr(clauses, "clauses", lambda terms, rows: stated(terms, rows)[:-2])
    assert codes(plan.agree(one.plan_id, consent="written", evidence="paper", at=MORNING, by="lin")) == {"not_lawful"}
    assert not Hold.objects.exists()


def test_an_offer_is_made_anew_and_never_taken_from_a_form() -> None:
    assert codes(
        plan.propose("C1", account_ids=["A1"], offer_id="plan-level-1-000000000000", form=FORM, wish=None, at=MORNING, by="lin")
    ) == {"offer_gone"}
    asked = bargain.ask("C1", ["A1"], form=FORM, at=MORNING)
    assert isinstance(asked, Bargain)
    cure = next(each for each in asked.offers() if each.kind is Kind.CURE)
    assert codes(plan.propose("C1", account_ids=["A1"], offer_id=cure.id, form=FORM, wish=None, at=MORNING, by="lin")) == {
        "kind_unfit"
    }
    taken = next(each for each in asked.answer.offers if each.kind is Kind.PLAN)
    Account.objects.filter(pk="A1").update(principal_minor=800_000)
    answer = plan.propose("C1", account_ids=["A1"], offer_id=taken.id, form=FORM, wish=None, at=MORNING, by="lin")
    assert codes(answer) == {"offer_gone"}
    assert codes(plan.propose("C1", account_ids=["X"], offer_id=taken.id, form=FORM, wish=None, at=MORNING, by="lin")) == {
        "account_unknown"
    }


def test_the_same_facts_and_policy_give_the_same_offer_again() -> None:
    one = proposed()
    rules = policy.in_force(TODAY)
    assert one.policy == rules.fingerprint
    again = bargain.again(one.facts, rules)
    assert again.granted
    assert again.granted.id == one.facts["offer"]


def test_no_more_than_is_owed_is_ever_agreed() -> None:
    one = proposed()
    Account.objects.filter(pk="A1").update(principal_minor=100_000)
    assert codes(plan.agree(one.plan_id, consent="written", evidence="paper", at=MORNING, by="lin")) == {"facts_changed"}
    late = plan.agree(one.plan_id, consent="written", evidence="paper", at=MORNING + 9 * DAY, by="lin")
    assert "lapsed" in codes(late)


# --- beyond it ----------------------------------------------------------------------------------------------------


def test_beyond_authority_a_second_person_decides_and_never_whoever_asked() -> None:
    one = proposed(replace(TWENTY, instalments=40), by="chen")
    assert one.state == "approved"
    plan.cancel(one.plan_id, why="customer", at=MORNING, by="chen")
    two = proposed(TWENTY)
    asked = Approval.objects.get(decision="")
    assert (two.state, asked.told["roles"]) == ("proposed", ["supervisor"])
    assert codes(plan.agree(two.plan_id, consent="written", evidence="paper", at=MORNING, by="lin")) == {"out_of_turn"}
    assert codes(deciding.approve(asked.pk, at=MORNING, by="lin")) == {"same_person"}
    assert codes(deciding.approve(asked.pk, at=MORNING, by="wang")) == {"may_not"}
    assert codes(deciding.approve(asked.pk, at=MORNING, by="nobody")) == {"not_a_person"}
    assert isinstance(deciding.approve(asked.pk, reason="agreed", at=MORNING, by="zhao"), Approval)
    assert codes(deciding.approve(asked.pk, at=MORNING, by="zhao")) == {"approval_unknown"}
    assert agreed(two).state == "active"


def test_a_refusal_has_a_reason_and_ends_the_agreement_with_its_waivers() -> None:
    one = proposed(replace(TWENTY, waived=Parts(penalty_minor=10_000)))
    asked = Approval.objects.get()
    assert codes(deciding.refuse(asked.pk, reason=" ", at=MORNING, by="chen")) == {"reason_missing"}
    assert isinstance(deciding.refuse(asked.pk, reason="too long", at=MORNING, by="chen"), Approval)
    one.refresh_from_db()
    assert (one.state, {each.state for each in one.waivers.all()}) == ("refused", {"refused"})
    assert proposed().state == "approved"


def test_postgresql_itself_lets_nobody_approve_what_she_asked_for_nor_change_a_decision() -> None:
    one = proposed(TWENTY)
    asked = Approval.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.update(decision="approved", decided_by="lin", decided_at=MORNING)
    with pytest.raises(Exception, match="begins with her approval"), transaction.atomic():
        Plan.objects.filter(pk=one.pk).update(state="active", consent="written", consent_evidence="paper")
    deciding.refuse(asked.pk, reason="no", at=MORNING, by="chen")
    for change in ({"decision": "approved"}, {"reason": "yes"}):
        with pytest.raises(Exception, match="stays as it was"), transaction.atomic():
            Approval.objects.update(**change)


@pytest.mark.django_db(transaction=True)
def test_of_two_proposals_at_once_one_is_made() -> None:
    answers: list[Any] = []

    def ask() -> None:
        try:
            answers.append(proposing())
        finally:
            connection.close()

    both = [threading.Thread(target=ask) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert sorted(isinstance(each, Plan) for each in answers) == [False, True]
    assert codes(next(each for each in answers if isinstance(each, list))) == {"plan_pending"}
    assert Plan.objects.count() == 1


# --- performed or not ---------------------------------------------------------------------------------------------


def test_payments_fill_the_instalments_in_order_and_all_of_them_complete_it() -> None:
    one = agreed(proposed(replace(TWELVE, waived=Parts(penalty_minor=3_000))))
    first, second, *_ = one.instalments.all()
    paid("P1", first.due_on, first.payment_minor + 100)
    assert judged(first.due_on + 5 * DAY) == {}
    one.refresh_from_db()
    assert (one.missed, one.next_due_on, one.next_due_minor) == (0, second.due_on, second.payment_minor - 100)
    assert [(row.state, row.paid_minor) for row in one.instalments.all()[:2]] == [("paid", first.payment_minor), ("open", 100)]
    paid("P2", first.due_on + 9 * DAY, one.total_minor - one.paid_minor, "A2")
    assert judged(first.due_on + 10 * DAY) == {"performed": 1}
    one.refresh_from_db()
    assert (one.state, {each.state for each in one.waivers.all()}, one.next_due_on) == ("performed", {"granted"}, None)
    assert may_collect(first.due_on + 10 * DAY)
    assert judged(first.due_on + 11 * DAY) == {}
    paid("R2", first.due_on + 12 * DAY, one.total_minor - first.payment_minor - 100, "A2", kind="reversal", reverses="P2")
    assert judged(first.due_on + 12 * DAY) == {"active": 1}
    one.refresh_from_db()
    assert (one.state, {each.state for each in one.waivers.all()}) == ("active", {"conditional"})
    assert not may_collect(first.due_on + 13 * DAY)


def test_the_default_rule_agreed_breaks_it_and_a_back_dated_payment_takes_it_up_again() -> None:
    one = agreed(proposed())
    first, second, *_ = one.instalments.all()
    assert judged(first.due_on + 4 * DAY) == {}
    one.refresh_from_db()
    assert (one.missed, happened()[-1]) == (1, "plan.missed")
    assert not may_collect(first.due_on + 4 * DAY)
    broken = second.due_on + 4 * DAY
    assert performance.judge(["C1"], at=MORNING + (broken - TODAY), known_through=second.due_on) == {}
    assert judged(broken) == {"defaulted": 1}
    assert may_collect(broken)
    paid("P1", first.due_on, first.payment_minor)
    assert judged(broken + DAY) == {"active": 1}
    one.refresh_from_db()
    assert (one.missed, one.ended_at, happened()[-1]) == (1, None, "plan.resumed")
    assert not may_collect(broken + DAY)
    assert events.verify()["ok"]


def test_a_broken_plan_is_agreed_anew_once_and_no_more() -> None:
    one = agreed(proposed())
    judged(one.instalments.all()[1].due_on + 4 * DAY)
    later = MORNING + 70 * DAY
    two = agreed(proposed(at=later), at=later)
    assert two.state == "active"
    asked = bargain.ask("C1", ["A1", "A2"], form=FORM, wish=TWELVE, at=later)
    assert isinstance(asked, Bargain)
    assert asked.answer.refused
    assert [each.code for each in asked.answer.refused.reasons] == ["replans"]


def test_a_plan_agreed_in_the_place_of_another_ends_it_with_its_hold() -> None:
    one = agreed(proposed())
    two = agreed(proposed(replace(TWELVE, instalments=10)))
    one.refresh_from_db()
    assert (one.state, two.replaces) == ("replaced", one.plan_id)
    assert Hold.objects.get(pk=one.hold_id).ends is not None
    assert not may_collect()


def test_a_settlement_lets_go_of_the_rest_once_it_is_paid() -> None:
    pay = owed_total() * 95 // 100
    one = proposed(Wish(Kind.SETTLEMENT, pay_minor=pay), by="chen", form=replace(FORM, at_hand_minor=pay))
    assert (one.waived_minor, one.total_minor) == (owed_total() - pay, pay)
    assert sum(each.amount_minor for each in one.waivers.all()) == one.waived_minor
    agreed(one, by="chen")
    assert {each.state for each in one.waivers.all()} == {"conditional"}
    paid("P1", TODAY + DAY, pay)
    assert judged(TODAY + 2 * DAY) == {"performed": 1}
    assert {each.state for each in Waiver.objects.all()} == {"granted"}


def test_what_is_due_only_once_is_broken_when_that_once_is_missed() -> None:
    one = agreed(proposed(Wish(Kind.DEFERRAL, first_due=TODAY + 10 * DAY)))
    assert one.kind == "deferral"
    assert judged(TODAY + 10 * DAY) == {}
    assert judged(TODAY + 20 * DAY) == {"defaulted": 1}
    assert may_collect(TODAY + 20 * DAY)


def test_an_agreement_being_performed_is_called_off_by_a_supervisor_alone() -> None:
    one = agreed(proposed())
    assert codes(plan.cancel(one.plan_id, why="customer", at=MORNING, by="lin")) == {"may_not"}
    assert isinstance(plan.cancel(one.plan_id, why="customer", at=MORNING, by="chen"), Plan)
    assert may_collect()
    assert codes(plan.cancel(one.plan_id, why="customer", at=MORNING, by="chen")) == {"out_of_turn"}


# --- waivers that stand alone -------------------------------------------------------------------------------------


def test_a_waiver_within_authority_holds_at_once_and_beyond_it_another_decides() -> None:
    def asked(amount: int, by: str = "lin", **told: Any) -> Any:
        values = {"account_id": "A1", "component": "penalty", "reason": "late post", "at": MORNING, "by": by} | told
        return waiver.propose("C1", amount_minor=amount, **values)

    assert asked(1_500).state == "granted"
    assert codes(asked(5_000)) == {"waiver_beyond"}
    assert codes(asked(1, component="principal")) == {"component_unfit"}
    assert codes(asked(1, reason="")) == {"reason_missing"}
    more = asked(2_000)
    assert more.state == "proposed"
    assert isinstance(deciding.approve(Approval.objects.get(decision="").pk, at=MORNING, by="chen"), Approval)
    more.refresh_from_db()
    assert (more.state, more.granted_at) == ("granted", MORNING)
    assert codes(waiver.withdraw(more.pk, why="mistake", at=MORNING, by="lin")) == {"may_not"}
    assert waiver.withdraw(more.pk, why="mistake", at=MORNING, by="chen").state == "void"


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 10**9), min_size=1, max_size=6), st.integers(0, 10**6))
def test_what_is_spread_adds_up_and_gives_nobody_more_than_hers(over: dict[str, int], permille: int) -> None:
    whole = sum(over.values())
    minor = whole * permille // 10**6
    shares = plan.spread(minor, over)
    assert sum(shares.values()) == minor
    assert all(0 <= share <= over[name] for name, share in shares.items())
    assert all(abs(share * whole - minor * over[name]) <= whole for name, share in shares.items())


def test_rows_are_kept_as_the_core_made_them() -> None:
    one = proposed()
    asked = bargain.ask("C1", ["A1", "A2"], form=FORM, wish=TWELVE, at=MORNING + timedelta(hours=1))
    assert isinstance(asked, Bargain)
    assert asked.answer.granted
    assert (one.agreed, one.rows()) == (asked.answer.granted.terms, list(asked.answer.granted.rows))
    assert Instalment.objects.count() == 12


def test_the_document_of_a_case_tells_what_is_agreed_and_nothing_of_the_household() -> None:
    one = agreed(proposed(replace(TWELVE, waived=Parts(penalty_minor=3_000))))
    promise.make("C1", account_id="A1", amount_minor=90_000, currency="CNY", due_on=TODAY, at=MORNING, by="lin")
    told = access.case_document("C1")
    assert told
    assert [each["plan_id"] for each in told["plans"]] == [str(one.plan_id)]
    assert len(told["plans"][0]["instalments"]) == 12
    assert {each["state"] for each in told["waivers"]} == {"conditional"}
    assert told["promises"] == []
    assert "income" not in json.dumps(told)
