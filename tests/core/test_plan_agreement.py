"""What is agreed and what comes of it: payments over parts, holidays, waivers, promises, performance, and what the paper says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anhuan.core.days import Calendar
from anhuan.core.judgements.arrears import Component, payment_order
from anhuan.core.judgements.plan import PlanForm, PlanItem
from anhuan.core.plan.agreement import Kind, PlanState, PlanTerms, effective_annual_rate, instalments, perform
from anhuan.core.plan.allocation import Owing, apply, legal_order, over_accounts, reverse
from anhuan.core.plan.clauses import clauses, may_take_effect, months_of
from anhuan.core.plan.parts import Part, Parts
from anhuan.core.plan.policy import DefaultRule, Shift, Treatment
from anhuan.core.plan.promise import Posted, Promised, PromiseState, judge
from anhuan.core.plan.schedule import DayCount, Method, Overpaid
from anhuan.rulebook.judging import law_of

LAW = law_of("cn", date(2026, 11, 27))
OWED = Parts(principal_minor=1_200_000, interest_minor=30_000, fees_minor=5_000, penalty_minor=25_000)
START = date(2026, 8, 27)


def terms(**changes):
    given_ = {
        "kind": Kind.PLAN,
        "currency": "CNY",
        "owed": OWED,
        "start": START,
        "first_due": date(2026, 9, 27),
        "instalments": 12,
    }
    return PlanTerms(**(given_ | changes))


def paid(amount, on, payment_id=None, reverses=""):
    return Posted(payment_id or f"p{on}-{amount}", amount, "CNY", date.fromisoformat(on), reverses)


# --- a payment over the parts of a debt -------------------------------------------------------------------------------------


def test_up_to_day_ninety_a_payment_goes_to_interest_and_fees_before_principal():
    applied = apply("A", OWED, 70_000, legal_order(90, law=LAW))
    assert applied.parts == Parts(10_000, 30_000, 5_000, 25_000)


def test_from_day_ninety_one_a_payment_goes_to_principal_first():
    applied = apply("A", OWED, 70_000, legal_order(91, law=LAW))
    assert applied.parts == Parts(principal_minor=70_000)


def test_what_is_more_than_owed_is_left_and_belongs_to_the_customer():
    assert apply("A", OWED, OWED.total_minor + 7, legal_order(10, law=LAW)).left_minor == 7


def test_a_payment_below_nought_is_no_payment():
    with pytest.raises(ValueError, match="reversal"):
        apply("A", OWED, -1, legal_order(10, law=LAW))


amounts = st.integers(0, 10**9)
debts = st.builds(Parts, amounts, amounts, amounts, amounts)


@given(
    owed=debts,
    amount=st.integers(0, 5 * 10**9),
    late=st.integers(0, 400),
    charges=st.permutations([Part.INTEREST, Part.FEES, Part.PENALTY]),
)
def test_every_unit_of_a_payment_is_somewhere_in_the_legal_order_and_taking_it_back_undoes_it(owed, amount, late, charges):
    order = legal_order(late, law=LAW, charges=charges)
    applied = apply("A", owed, amount, order)
    assert applied.parts.total_minor + applied.left_minor == amount
    assert applied.parts.within(owed)
    reached = [part for part in order if applied.parts[part] < owed[part]]
    assert not applied.left_minor or not reached
    if reached:  # behind the first part not paid in full nothing is paid
        assert all(applied.parts[part] == 0 for part in order[order.index(reached[0]) + 1 :])
    first = payment_order(late, law=LAW)[0]
    assert (order[0] is Part.PRINCIPAL) == (first is Component.PRINCIPAL) == (late >= 91)
    assert reverse(owed - applied.parts, applied) == owed


def owing(name, **facts):
    return Owing(name, Parts(principal_minor=1_000), 30, **({"due_minor": 400} | facts))


def test_what_is_due_is_paid_before_what_is_not_and_the_dearer_debt_before_the_cheaper():
    cheap, dear = owing("A", annual_rate=Fraction(1, 10)), owing("B", annual_rate=Fraction(2, 10))
    assert {each.account_id: each.amount_minor for each in over_accounts([cheap, dear], 500, law=LAW)[0]} == {
        "B": 400,
        "A": 100,
    }
    assert {each.account_id: each.amount_minor for each in over_accounts([cheap, dear], 900, law=LAW)[0]} == {
        "B": 500,
        "A": 400,
    }


def test_the_account_the_customer_names_is_paid_first_and_a_disputed_one_only_then():
    plain, disputed = owing("A"), owing("B", disputed=True)
    assert [each.account_id for each in over_accounts([plain, disputed], 5_000, law=LAW)[0]] == ["A"]
    told, left = over_accounts([plain, disputed], 1_500, law=LAW, directed=["B"])
    assert ({each.account_id: each.amount_minor for each in told}, left) == ({"B": 1_000, "A": 500}, 0)


@given(dues=st.lists(st.integers(0, 2_000), min_size=1, max_size=5), amount=st.integers(0, 12_000), order=st.randoms())
def test_like_debts_share_a_payment_to_the_last_unit_in_whatever_order_they_are_told(dues, amount, order):
    accounts = [owing(f"A{number}", due_minor=due) for number, due in enumerate(dues)]
    told, left = over_accounts(accounts, amount, law=LAW)
    assert sum(each.amount_minor for each in told) + left == amount
    assert all(each.amount_minor <= 1_000 for each in told)
    mixed = list(accounts)
    order.shuffle(mixed)
    assert over_accounts(mixed, amount, law=LAW) == (told, left)


# --- rows -------------------------------------------------------------------------------------------------------------------


def test_old_charges_are_paid_off_beside_the_principal_and_bear_no_interest():
    rows = instalments(terms(interest=Treatment.RUNS, annual_rate=Fraction(12, 100), day_count=DayCount.PERIODIC))
    assert sum(row.charges_minor for row in rows) == 60_000
    assert {row.charges_minor for row in rows} == {5_000}
    assert rows[0].interest_minor == 12_000  # of 12,000.00 of principal; of 12,600.00 it would be 126.00
    assert rows[-1].closing_minor == 0


def test_stopped_interest_costs_nothing_whatever_rate_is_written():
    stopped = terms(annual_rate=Fraction(1, 5))
    rows = instalments(stopped)
    assert sum(row.payment_minor for row in rows) == OWED.total_minor
    assert effective_annual_rate(stopped, rows) == 0


def test_what_is_waived_is_not_paid():
    rows = instalments(terms(waived=Parts(penalty_minor=25_000)))
    assert sum(row.payment_minor for row in rows) == OWED.total_minor - 25_000


def test_custom_payments_are_the_ones_wished_and_the_last_takes_the_rest():
    rows = instalments(terms(method=Method.CUSTOM, instalments=4, payments_minor=(100_000, 500_000, 100_000)))
    assert [row.payment_minor for row in rows] == [100_000, 500_000, 100_000, 560_000]
    with pytest.raises(Overpaid):
        instalments(terms(method=Method.CUSTOM, instalments=2, payments_minor=(9_000_000,)))


CHINA = Calendar(
    "cn", frozenset({2026}), frozenset({date(2026, 10, day) for day in range(1, 8)}), frozenset({date(2026, 9, 27)})
)


@pytest.mark.parametrize(
    ("shift", "due"), [(Shift.NONE, "2026-10-03"), (Shift.FORWARD, "2026-10-08"), (Shift.BACKWARD, "2026-09-30")]
)
def test_a_due_date_in_the_national_holiday_goes_where_the_plan_says(shift, due):
    rows = instalments(terms(first_due=date(2026, 10, 3), instalments=1, shift=shift), CHINA)
    assert (str(rows[0].due), str(rows[0].agreed_on), rows[0].settled) == (due, "2026-10-03", True)


def test_a_sunday_that_is_worked_is_no_rest_day():
    assert instalments(terms(instalments=1, shift=Shift.FORWARD), CHINA)[0].due == date(2026, 9, 27)


def test_in_a_year_not_announced_a_due_date_stands_and_says_that_it_may_move():
    rows = instalments(terms(first_due=date(2026, 12, 27), instalments=2, shift=Shift.FORWARD), CHINA)
    assert [(str(row.due), row.settled) for row in rows] == [("2026-12-28", True), ("2027-01-27", False)]


def test_a_shift_moves_interest_days_only_where_the_plan_says_so():
    plan = terms(owed=Parts(principal_minor=3_650_000), first_due=date(2026, 10, 3), instalments=1, shift=Shift.FORWARD,
                 interest=Treatment.RUNS, annual_rate=Fraction(1, 10))  # fmt: skip
    stays, moves = (instalments(replace(plan, shift_moves_interest=moved), CHINA)[0].interest_minor for moved in (False, True))
    assert (stays, moves) == (37_000, 42_000)  # 37 days, or the 42 until 8 October, of 10.00 each


def test_a_deferral_accrues_by_days_where_interest_runs_and_nothing_where_it_is_stopped():
    owed = Parts(principal_minor=3_650_000, penalty_minor=1_000)
    deferral = PlanTerms(
        Kind.DEFERRAL, "CNY", owed, START, START + timedelta(days=30), interest=Treatment.RUNS, annual_rate=Fraction(1, 10)
    )
    assert instalments(deferral)[0].payment_minor == 3_650_000 + 1_000 + 30_000
    assert instalments(replace(deferral, interest=Treatment.STOPPED))[0].payment_minor == 3_651_000


plans = st.builds(
    terms,
    owed=debts,
    instalments=st.integers(1, 60),
    method=st.sampled_from([Method.LEVEL, Method.EQUAL_PRINCIPAL]),
    interest=st.sampled_from(Treatment),
    annual_rate=st.sampled_from([Fraction(0), Fraction(1095, 10_000), Fraction(24, 100)]),
    fee_rate=st.sampled_from([Fraction(0), Fraction(5, 1000)]),
)


@settings(max_examples=60)
@given(plan=plans)
def test_a_plan_pays_exactly_what_is_owed_and_what_is_stated(plan):
    rows = instalments(plan)
    assert sum(row.principal_minor + row.charges_minor for row in rows) == plan.to_pay.total_minor
    assert all(
        row.payment_minor == row.principal_minor + row.charges_minor + row.interest_minor + row.fee_minor >= 0 for row in rows
    )
    assert rows[-1].closing_minor == 0


# --- promises ---------------------------------------------------------------------------------------------------------------

PROMISE = Promised(100_000, "CNY", date(2026, 9, 1), date(2026, 9, 10), tolerance_minor=2_000, grace_days=2)


@pytest.mark.parametrize(
    ("postings", "at", "state"),
    [
        ([], "2026-09-12", PromiseState.OPEN),
        ([], "2026-09-13", PromiseState.BROKEN),
        ([paid(100_000, "2026-09-05")], "2026-09-05", PromiseState.KEPT),
        ([paid(98_000, "2026-09-12")], "2026-09-12", PromiseState.KEPT),
        ([paid(97_999, "2026-09-12")], "2026-09-12", PromiseState.OPEN),
        ([paid(97_999, "2026-09-12")], "2026-09-13", PromiseState.PART_KEPT),
        ([paid(100_000, "2026-09-13")], "2026-09-20", PromiseState.BROKEN),
        ([paid(100_000, "2026-08-31")], "2026-09-20", PromiseState.BROKEN),
        ([paid(60_000, "2026-09-03"), paid(40_000, "2026-09-09")], "2026-09-20", PromiseState.KEPT),
        ([paid(100_000, "2026-09-05"), paid(100_000, "2026-09-18", reverses="p2026-09-05-100000")], "2026-09-20", PromiseState.BROKEN),
        ([Posted("x", 100_000, "USD", date(2026, 9, 5))], "2026-09-20", PromiseState.BROKEN),
    ],
)  # fmt: skip
def test_a_promise_is_judged_by_posted_payments_by_effective_date(postings, at, state):
    assert judge(PROMISE, postings, date.fromisoformat(at)).state is state


def test_a_payment_booked_back_in_time_mends_a_broken_promise():
    late = date(2026, 9, 20)
    assert judge(PROMISE, [], late).state is PromiseState.BROKEN
    mended = judge(PROMISE, [paid(100_000, "2026-09-08")], late)
    assert (mended.state, mended.kept_on, mended.missing_minor) == (PromiseState.KEPT, date(2026, 9, 8), 0)


def test_one_payment_told_twice_counts_once():
    twice = [paid(50_000, "2026-09-05", "same"), paid(50_000, "2026-09-05", "same")]
    assert judge(PROMISE, twice, date(2026, 9, 20)).paid_minor == 50_000


# --- performance ------------------------------------------------------------------------------------------------------------

SMALL = terms(owed=Parts(principal_minor=30_000), instalments=3, default=DefaultRule(missed=2, days_late=45, grace_days=3))
ROWS = instalments(SMALL)


@pytest.mark.parametrize(
    ("postings", "at", "state", "missed"),
    [
        ([], "2026-09-27", PlanState.PERFORMING, 0),
        ([], "2026-09-28", PlanState.LATE, 0),
        ([], "2026-10-01", PlanState.LATE, 1),
        ([], "2026-10-30", PlanState.LATE, 1),
        ([], "2026-10-31", PlanState.BROKEN, 2),
        ([paid(10_000, "2026-10-20")], "2026-11-27", PlanState.LATE, 1),
        ([paid(10_000, "2026-09-27"), paid(20_000, "2026-10-05")], "2026-10-05", PlanState.COMPLETED, 0),
        ([paid(30_000, "2026-11-05")], "2026-11-27", PlanState.BROKEN, 0),
    ],
)  # fmt: skip
def test_a_plan_is_late_then_broken_by_the_rule_it_states(postings, at, state, missed):
    told = perform(SMALL, ROWS, postings, date.fromisoformat(at))
    assert (told.state, told.missed) == (state, missed)


def test_one_instalment_very_late_breaks_a_plan_too():
    told = perform(SMALL, ROWS, [paid(10_000, "2026-09-27"), paid(1, "2026-10-01")], date(2026, 12, 11))
    assert (told.state, told.broken_on, told.next_number) == (PlanState.BROKEN, date(2026, 12, 1), 2)


def test_a_payment_that_came_to_light_later_shows_that_a_plan_was_never_broken():
    assert perform(SMALL, ROWS, [], date(2026, 11, 1)).state is PlanState.BROKEN
    assert perform(SMALL, ROWS, [paid(20_000, "2026-10-20")], date(2026, 11, 1)).state is PlanState.PERFORMING


# --- what the paper says ----------------------------------------------------------------------------------------------------


def test_the_agreement_states_every_item_of_the_card_rules():
    rows = instalments(terms())
    assert {clause.item for clause in clauses(terms(), rows)} == set(PlanItem) == set(LAW["plan.content"].value["items"])
    assert may_take_effect(terms(), rows, PlanForm.WRITTEN, recorded=False, law=LAW).value is True
    assert may_take_effect(terms(), rows, PlanForm.ORAL, recorded=False, law=LAW).value is False


def test_sixty_monthly_instalments_are_five_years_and_sixty_one_are_not():
    for count, lawful in ((60, True), (61, False)):
        plan = terms(instalments=count)
        assert months_of(plan, instalments(plan)) == count
        assert may_take_effect(plan, instalments(plan), PlanForm.WRITTEN, recorded=False, law=LAW).value is lawful


def test_charges_waivers_and_breach_are_said_in_both_languages_with_their_figures():
    plan = terms(interest=Treatment.RUNS, annual_rate=Fraction(1095, 10_000), waived=Parts(penalty_minor=25_000))
    said = {clause.item: clause for clause in clauses(plan, instalments(plan))}
    for item, words in [
        (PlanItem.BALANCE, "12,600.00 CNY"), (PlanItem.CHARGES_DURING_PLAN, "10.95 %"), (PlanItem.OTHER_MATTERS, "250.00 CNY"),
        (PlanItem.COMPOSITION_AND_CURRENCY, "12,000.00 CNY"), (PlanItem.INSTALMENT_SCHEDULE, "2026-09-27"),
    ]:  # fmt: skip
        assert words in said[item].zh
        assert words in said[item].en
