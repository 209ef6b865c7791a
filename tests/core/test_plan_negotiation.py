"""What can be agreed: the same for everybody with the same facts, no more than the policy grants, no less when somebody earns more."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.thorough import tries

from anhuan.core.plan import reading
from anhuan.core.plan.agreement import Instalment, Kind
from anhuan.core.plan.negotiation import Debt, Expense, Form, Wish, negotiate, note
from anhuan.core.plan.offers import months_begun, present_value
from anhuan.core.plan.parts import Part, Parts
from anhuan.core.plan.policy import Authority, DefaultRule, Ground, Policy, PolicyRow, PromiseRule, Treatment
from anhuan.core.plan.reading import Refused
from anhuan.core.plan.schedule import Method
from anhuan.core.vocabulary import Bucket, Classification
from anhuan.rulebook.judging import law_of

ON = date(2026, 11, 27)
LAW = law_of("cn", ON)
ROW = PolicyRow(
    id="bank.row", line=1, from_on=date(2020, 1, 1), until_on=None,
    promise=PromiseRule(max_days=14, least_share=Fraction(3, 10)),
    default=DefaultRule(missed=2, days_late=60),
    authorities=(
        Authority("collector", instalments=6, deferral_days=15),
        Authority("senior", 12, 30, {Part.PENALTY: Fraction(1, 2)}),
        Authority("supervisor", 60, 60, {Part.PENALTY: Fraction(1), Part.INTEREST: Fraction(1, 2)}, Fraction(9, 10)),
    ),
    methods=(Method.LEVEL, Method.EQUAL_PRINCIPAL, Method.CUSTOM), tenors=(3, 6, 12, 24), max_instalments=36,
    least_payment_minor={"CNY": 10_000}, interest=Treatment.RUNS, annual_rate=Fraction(12, 100),
    deferral_max_days=60, settlement_instalments=2, replans=1,
)  # fmt: skip
GROUND = Ground(date(2020, 1, 1), None, Fraction(6, 100), Fraction(8, 10), {"CNY": 120_000}, {"CNY": 70_000})
POLICY = Policy("bank", "x", (ROW,), (GROUND,), LAW["plan.term"], LAW["plan.content"])
DEBT = Debt(
    "A", "gold", "CNY", 75, Bucket.M3, Classification.SPECIAL_MENTION, Parts(1_200_000, 60_000, 10_000, 30_000), 300_000
)
FORM = Form("CNY", 700_000, {Expense.HOUSING: 300_000, Expense.FOOD: 200_000}, 50_000, household=2, at_hand_minor=20_000)


def ask(wish=None, *, form=FORM, policy=POLICY, **debt):
    return negotiate(replace(DEBT, **debt), policy, ON, form=form, wish=wish)


def plan(**wish):
    return Wish(Kind.PLAN, **wish)


def codes(told):
    return [reason.code for reason in told.refused.reasons]


# --- what can be afforded ---------------------------------------------------------------------------------------------------


def test_what_is_left_after_necessary_expenses_and_other_debts_is_shared():
    assert ask().affordable.monthly_minor == 120_000  # 0.8 × (7,000 − 5,000 − 500)


def test_somebody_who_tells_of_no_expenses_still_keeps_what_a_household_needs():
    told = ask(form=Form("CNY", 300_000, household=3)).affordable
    assert (told.floor_minor, told.monthly_minor) == (260_000, 32_000)


def test_who_has_less_than_she_needs_can_afford_nothing_and_nothing_is_said_to_be_affordable():
    told = ask(form=Form("CNY", 100_000))
    assert told.affordable.monthly_minor == 0
    assert not any(offer.affordable for offer in told.offers)


def test_without_the_form_what_is_past_due_may_be_paid_promised_or_deferred_and_nothing_else():
    assert {offer.kind for offer in ask(form=None).offers} == {Kind.CURE, Kind.PROMISE, Kind.DEFERRAL}
    assert codes(ask(plan(instalments=6), form=None)) == ["form_missing"]


def test_a_part_of_a_month_counts_whole():
    assert [months_begun(ON, ON + timedelta(days=days)) for days in (0, 1, 30, 31)] == [0, 1, 1, 2]


# --- offers ------------------------------------------------------------------------------------------------------------------


def test_every_kind_is_offered_with_its_rows_and_its_price():
    offers = ask().offers
    assert {offer.kind for offer in offers} == set(Kind)
    for offer in offers:
        assert offer.total_minor == sum(row.payment_minor for row in offer.rows)
        assert offer.present_value_minor <= offer.total_minor
        assert (offer.effective_annual_rate > 0) == (offer.cost_minor > 0)
        assert offer.rule == "bank.row"


def test_lighter_offers_stand_before_heavier_ones_and_of_those_the_ones_worth_more():
    offers = ask().offers
    steps = [
        4 if offer.load is None else sum(offer.load > step for step in (Fraction(1, 2), Fraction(3, 4), 1)) for offer in offers
    ]
    assert steps == sorted(steps)
    for one, other in pairwise(offers):
        assert steps[offers.index(one)] < steps[offers.index(other)] or one.present_value_minor >= other.present_value_minor


def test_who_may_grant_an_offer_is_said_and_the_rest_ask_a_second_person():
    granted = ask(plan(instalments=12, waived=Parts(penalty_minor=15_000))).granted
    assert granted.grantable_by == ("senior", "supervisor")
    assert (note(granted, "senior").alone, note(granted, "senior").second) == (True, ())
    assert (note(granted, "collector").alone, note(granted, "collector").second) == (False, ("senior", "supervisor"))


def test_a_plan_after_a_broken_one_ends_within_five_years_of_the_first():
    long = replace(POLICY, rows=(replace(ROW, max_instalments=60),))
    again = {"plans": 1, "plan_since": date(2022, 11, 27), "policy": long}
    assert ask(plan(instalments=12), **again).granted is not None
    refused = ask(plan(instalments=13), **again).refused
    assert [(reason.code, reason.rule, reason.limit) for reason in refused.reasons] == [("term", "cn.plan.term", 60)]
    assert refused.nearest.terms.instalments == 12


def test_where_the_law_names_no_term_the_policy_alone_does():
    elsewhere = replace(
        POLICY,
        term=None,
        rows=(replace(ROW, max_instalments=72, authorities=(Authority("head", 72),), methods=(Method.LEVEL,)),),
    )
    told = negotiate(
        replace(DEBT, currency="USD"), elsewhere, ON, form=replace(FORM, currency="USD"), wish=plan(instalments=72)
    )
    assert told.granted.terms.currency == "USD"


def paid_yearly(amounts):
    return tuple(Instalment(0, day, day, True, minor, 0, 0, 0, 0, 0) for number, minor in amounts
                 for day in [ON + timedelta(days=365 * number)])  # fmt: skip


def test_present_values_are_the_published_ones():
    # numpy-financial: npv(0.05, [-15000, 1500, 2500, 3500, 4500, 6000]) = 122.89; pv(0.07, 20, 12000) = -127128.17
    flows = enumerate([-1_500_000, 150_000, 250_000, 350_000, 450_000, 600_000])
    assert present_value(paid_yearly(flows), ON, Fraction(5, 100)) == 12_289
    assert present_value(paid_yearly((year, 1_200_000) for year in range(1, 21)), ON, Fraction(7, 100)) == 12_712_817


# --- wishes refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "debt", "expected"),
    [
        (plan(instalments=37), {}, ["instalments"]),
        (plan(instalments=12, method=Method.STEP_UP), {}, ["method"]),
        (plan(instalments=12, waived=Parts(interest_minor=30_001)), {}, ["waiver_interest"]),
        (plan(instalments=12, waived=Parts(fees_minor=1)), {}, ["waiver_fees"]),
        (plan(instalments=12, waived=Parts(principal_minor=1)), {}, ["waive_principal"]),
        (plan(instalments=12, first_due=ON), {}, ["too_early", "affordability"]),
        (plan(instalments=12, first_due=ON + timedelta(days=32)), {}, ["too_late"]),
        (plan(instalments=6), {}, ["affordability"]),
        (plan(instalments=36), {"owed": Parts(200_000)}, ["least_payment"]),
        (plan(instalments=12), {"plans": 2}, ["replans"]),
        (plan(monthly_minor=20_000), {}, ["monthly"]),
        (plan(payments_minor=(5_000_000,)), {}, ["overpaid"]),
        (plan(instalments=12), {"bucket": Bucket.M0, "product": "x"}, []),
        (Wish(Kind.DEFERRAL, first_due=ON + timedelta(days=61)), {"past_due_minor": 50_000}, ["too_late"]),
        (Wish(Kind.DEFERRAL), {"past_due_minor": 0}, ["nothing_past_due"]),
        (Wish(Kind.PROMISE, pay_minor=89_999), {}, ["promise_amount"]),
        (Wish(Kind.PROMISE, pay_minor=90_000, first_due=ON + timedelta(days=15)), {}, ["too_late"]),
        (Wish(Kind.PROMISE, pay_minor=2_000_000), {}, ["too_much", "affordability"]),
        (Wish(Kind.SETTLEMENT, pay_minor=100_000, instalments=1), {"owed": Parts(130_000)}, ["settlement_floor"]),
        (Wish(Kind.SETTLEMENT, pay_minor=117_000, instalments=3), {"owed": Parts(130_000)}, ["instalments"]),
        (Wish(Kind.SETTLEMENT, pay_minor=117_000, instalments=1), {"owed": Parts(130_000)}, []),
    ],
)  # fmt: skip
def test_a_wish_is_refused_for_exactly_these_reasons(wish, debt, expected):
    told = ask(wish, **debt)
    assert (codes(told) if told.refused else []) == expected
    for reason in told.refused.reasons if told.refused else ():
        assert reason.rule == "bank.row"
        assert reason.zh != reason.en
        assert "{" not in reason.zh + reason.en


def test_where_no_row_speaks_of_an_account_nobody_may_grant_anything_and_what_is_owed_can_be_paid():
    told = ask(plan(instalments=6), policy=replace(POLICY, rows=()))
    assert codes(told) == ["no_policy"]
    assert {offer.kind for offer in told.offers} == {Kind.CURE}
    assert told.refused.nearest.kind is Kind.CURE


def test_the_nearest_offer_can_be_afforded_and_has_the_fewest_instalments_that_can():
    nearest = ask(plan(instalments=6)).refused.nearest
    assert nearest.affordable
    assert ask(plan(instalments=nearest.terms.instalments - 1)).granted is None


def test_a_monthly_amount_gets_the_fewest_instalments_that_keep_it():
    granted = ask(plan(monthly_minor=80_000)).granted
    assert max(row.payment_minor for row in granted.rows) <= 80_000
    fewer = ask(plan(instalments=granted.terms.instalments - 1)).granted
    assert max(row.payment_minor for row in fewer.rows) > 80_000


# --- properties --------------------------------------------------------------------------------------------------------------

money = st.integers(0, 3_000_000)
all_debts = st.builds(
    replace,
    st.just(DEBT),
    owed=st.builds(Parts, st.integers(1, 5_000_000), money, money, money),
    past_due_minor=st.integers(0, 500_000),
)
all_forms = st.builds(
    Form, st.just("CNY"), st.integers(0, 2_000_000), st.dictionaries(st.sampled_from(Expense), st.integers(0, 300_000)),
    st.integers(0, 200_000), st.integers(1, 5), st.integers(0, 200_000),
)  # fmt: skip
all_wishes = st.none() | st.builds(
    Wish, st.sampled_from(Kind), st.none() | st.integers(1, 70), st.none() | st.sampled_from([Method.LEVEL, Method.EQUAL_PRINCIPAL]),
    st.none() | st.dates(ON, date(2027, 3, 1)), st.none() | st.integers(1, 500_000), waived=st.builds(Parts, st.just(0), money, money, money),
    pay_minor=st.none() | st.integers(1, 5_000_000),
)  # fmt: skip
SHORT = replace(POLICY, rows=(replace(ROW, max_instalments=12, tenors=(3, 12)),))


@settings(max_examples=tries(40), deadline=None)
@given(debt=all_debts, form=all_forms, wish=all_wishes, order=st.randoms())
def test_offers_depend_neither_on_who_asks_nor_on_the_order_of_anything(debt, form, wish, order):
    told = negotiate(debt, SHORT, ON, form=form, wish=wish)
    spent, rows = (
        list(form.expenses_minor.items()),
        [*SHORT.rows, replace(ROW, id="other", products=frozenset({"other"}), until_on=date(2020, 1, 2))],
    )
    order.shuffle(spent)
    order.shuffle(rows)
    assert (
        negotiate(debt, replace(SHORT, rows=tuple(rows)), ON, form=replace(form, expenses_minor=dict(spent)), wish=wish) == told
    )
    for offer in told.offers:  # who asks is told in the note alone
        for role in (*offer.grantable_by, "collector", "somebody"):
            alone = note(offer, role).alone
            assert alone == (offer.kind in (Kind.CURE, Kind.PROMISE) or role in offer.grantable_by)


@settings(max_examples=tries(40), deadline=None)
@given(debt=all_debts, form=all_forms, wish=all_wishes)
def test_whatever_is_offered_is_within_policy_and_law_and_a_refusal_says_why(debt, form, wish):
    told = negotiate(debt, SHORT, ON, form=form, wish=wish)
    reachable = [
        *told.offers,
        *([told.granted] if told.granted else []),
        *([told.refused.nearest] if told.refused and told.refused.nearest else []),
    ]
    for offer in reachable:
        assert offer.kind is Kind.SETTLEMENT or offer.terms.waived.principal_minor == 0
        assert offer.terms.waived.within(debt.owed)
        assert offer.kind in (Kind.CURE, Kind.PROMISE) or offer.grantable_by
        assert offer.terms.instalments <= 12
        if offer.kind is Kind.SETTLEMENT:
            assert offer.total_minor * 10 >= debt.owed.total_minor * 9
    if wish:
        assert (told.granted is None) == (told.refused is not None)
        assert told.refused is None or told.refused.reasons
        # The nearest offer can be afforded whenever any can.
        if told.refused and any(offer.affordable for offer in told.offers):
            assert told.refused.nearest.affordable


@settings(max_examples=tries(40), deadline=None)
@given(debt=all_debts, form=all_forms, more=st.integers(1, 1_000_000), wish=all_wishes)
def test_more_income_or_more_at_hand_takes_no_affordable_offer_away_and_refuses_no_wish_granted(debt, form, more, wish):
    before = negotiate(debt, SHORT, ON, form=form, wish=wish)
    able = {offer.id for offer in before.offers if offer.affordable}
    for richer in (
        replace(form, income_minor=form.income_minor + more),
        replace(form, at_hand_minor=form.at_hand_minor + more),
    ):
        after = negotiate(debt, SHORT, ON, form=richer, wish=wish)
        assert able <= {offer.id for offer in after.offers if offer.affordable}
        # A wish that leaves the number of instalments open takes as few as can be afforded, so it is granted still, if not alike.
        assert before.granted is None or after.granted is not None


@settings(max_examples=tries(25), deadline=None)
@given(debt=all_debts, form=all_forms)
def test_more_authority_takes_no_offer_away(debt, form):
    few = replace(SHORT, rows=(replace(SHORT.rows[0], authorities=ROW.authorities[:2]),))
    less, more = ({offer.id for offer in negotiate(debt, each, ON, form=form).offers} for each in (few, SHORT))
    assert less <= more


def test_nothing_about_a_person_enters_but_money_and_the_size_of_the_household():
    names = {each.name for kind in (Debt, Form, Wish) for each in fields(kind)}
    protected = {
        "sex",
        "gender",
        "age",
        "birth",
        "born",
        "nationality",
        "ethnic",
        "religion",
        "marital",
        "health",
        "name",
        "region",
        "address",
    }
    assert not {name for name in names if any(word in name for word in protected)}


DOCUMENT = {
    "on": "2026-11-27",
    "debt": {"product": "gold", "currency": "CNY", "days_past_due": 75, "classification": "special_mention", "past_due_minor": 300_000,
             "owed": {"principal_minor": 1_200_000, "interest_minor": 60_000, "fees_minor": 10_000, "penalty_minor": 30_000}},
    "form": {"income_minor": 700_000, "expenses_minor": {"housing": 300_000, "food": 200_000}, "other_debts_minor": 50_000, "household": 2,
             "at_hand_minor": 20_000},
    "wish": {"kind": "plan", "instalments": 37},
}  # fmt: skip


def test_a_document_is_answered_with_offers_reasons_and_the_nearest_offer():
    told = reading.answer(reading.question(DOCUMENT | {"asked_by": "collector"}), POLICY, None)
    assert [reason["code"] for reason in told["refused"]["reasons"]] == ["instalments"]
    assert told["refused"]["nearest"]["instalments"] == 36
    assert {offer["kind"] for offer in told["offers"]} == {kind.value for kind in Kind}
    assert told["offers"][0]["authority"].keys() == {"alone", "second"}
    asked_by_nobody = reading.answer(reading.question(DOCUMENT), POLICY, None)
    assert [offer | {"authority": None} for offer in told["offers"]] == [
        offer | {"authority": None} for offer in asked_by_nobody["offers"]
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sex": "f"}, "sex"),
        ({"form": DOCUMENT["form"] | {"age": 30}}, "form.age"),
        ({"form": DOCUMENT["form"] | {"expenses_minor": {"gambling": 5}}}, "form.expenses_minor.gambling"),
        ({"form": DOCUMENT["form"] | {"income_minor": "700000"}}, "form.income_minor"),
        ({"debt": DOCUMENT["debt"] | {"past_due_minor": 9_999_999}}, "debt.past_due_minor"),
        ({"debt": DOCUMENT["debt"] | {"classification": "fine"}}, "debt.classification"),
        ({"wish": {"kind": "gift"}}, "wish.kind"),
        ({"wish": {"kind": "plan", "payments_minor": [1, -1]}}, "wish.payments_minor[1]"),
        ({"on": "27/11/2026"}, "on"),
        ({"asked_by": 5}, "asked_by"),
    ],
)
def test_what_is_not_known_or_cannot_be_used_is_refused_by_its_field(changes, field):
    with pytest.raises(Refused) as refused:
        reading.question(DOCUMENT | changes)
    assert refused.value.field == field
