"""Judgements that are no deadline: classes, payment order, records, plans, agencies, credit data, insolvency; both sides each."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anhuan.core.days import Calendar, Period
from anhuan.core.judgements import KINDS, agency, arrears, credit, law, moratorium, plan, retention
from anhuan.core.judgements.agency import PayModel
from anhuan.core.judgements.arrears import Component
from anhuan.core.judgements.credit import BureauEvent, Happened
from anhuan.core.judgements.law import Deadline, Law, NoProvision, Provision, all_hold, judged
from anhuan.core.judgements.moratorium import BankruptcyRoute, Charge
from anhuan.core.judgements.plan import PlanForm, PlanItem
from anhuan.core.judgements.retention import Record
from anhuan.core.vocabulary import Classification, Confidence, Force
from anhuan.rulebook.judging import law_of

CN, US, UK = (law_of(jurisdiction, date(2026, 6, 1)) for jurisdiction in ("cn", "us-fed", "uk"))


def day(text: str) -> date:
    return date.fromisoformat(text)


def maybe(text: str | None) -> date | None:
    return None if text is None else day(text)


# --- Class and payment order ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days_past_due", "grade"),
    [
        (0, "normal"), (1, "special_mention"), (90, "special_mention"), (91, "substandard"), (120, "substandard"),
        (121, "doubtful"), (180, "doubtful"), (181, "loss"), (5000, "loss"),
    ],
)  # fmt: skip
def test_a_card_debt_is_graded_by_its_days(days_past_due, grade):
    assert arrears.classification(days_past_due, law=CN).value == grade


@pytest.mark.parametrize(
    ("days_past_due", "general", "deciding"),
    [
        (0, "normal", ["card", "general"]),
        (91, "substandard", ["card", "general"]),
        (121, "substandard", ["card"]),
        (270, "substandard", ["card"]),
        (271, "doubtful", ["card"]),
        (360, "doubtful", ["card"]),
        (361, "loss", ["card", "general"]),
    ],
)
def test_the_stricter_of_card_and_general_bands_decides(days_past_due, general, deciding):
    judgement = arrears.classification(days_past_due, law=CN)
    assert judgement.details["cn.classification.general"] == general
    assert judgement.details["cn.classification.card"] == judgement.value
    assert [ground.id for ground in judgement.grounds] == [f"cn.classification.{band}" for band in deciding]


def test_a_stricter_general_band_would_win_and_before_2023_there_was_none():
    general = replace(CN["classification.general"], value={"special_mention": 1, "loss": 10})
    stricter = Law("cn", CN.as_of, {**CN.provisions, "classification.general": general})
    assert arrears.classification(10, law=stricter).value == "loss"
    assert arrears.classification(9, law=stricter).value == "special_mention"
    old = arrears.classification(400, law=law_of("cn", day("2023-06-30")))
    assert [ground.id for ground in old.grounds] == ["cn.classification.card"]
    assert len(arrears.classification(400, law=law_of("cn", day("2023-07-01"))).grounds) == 2
    with pytest.raises(NoProvision):
        arrears.classification(400, law=UK)


@given(st.integers(0, 400))
def test_more_days_never_make_a_better_class_and_the_night_grades_alike(days_past_due):
    order = [grade.value for grade in Classification]
    today, tomorrow = (order.index(arrears.classification(days_past_due + n, law=CN).value) for n in (0, 1))
    assert today <= tomorrow


@pytest.mark.parametrize(("days_past_due", "principal_first"), [(0, False), (1, False), (90, False), (91, True), (400, True)])
def test_principal_comes_first_from_day_91(days_past_due, principal_first):
    interest, principal = Component.INTEREST_AND_FEES, Component.PRINCIPAL
    lawful = (principal, interest) if principal_first else (interest, principal)
    assert arrears.payment_order(days_past_due, law=CN) == lawful
    for order in ((principal, interest), [interest, principal]):
        judgement = arrears.payment_order_allowed(days_past_due, order, law=CN)
        assert judgement.value is (tuple(order) == lawful)
        assert judgement.details["lawful_order"] == lawful
        assert judgement.grounds == (CN["allocation.principal_first"],)


# --- Records --------------------------------------------------------------------------------------------------------


def purge(what="recording", made="2026-03-10", last=None, settled=None, *, longer=False, at="2028-03-11", law=CN):
    return retention.may_purge(Record(what), maybe(made), maybe(last), maybe(settled), longer_duty=longer, at=day(at), law=law)


@pytest.mark.parametrize(
    ("law", "what", "made", "last", "kept_until"),
    [
        (CN, "recording", "2026-03-10", None, "2028-03-10"),
        (CN, "recording", "2024-02-29", None, "2026-02-28"),
        (CN, "recording", "2026-03-10", "2027-03-10", "2028-03-10"),
        (CN, "recording", None, "2027-03-10", "2029-03-10"),
        (CN, "account_records", None, "2026-03-10", "2031-03-10"),
        (CN, "account_records", "2026-03-10", None, "2031-03-10"),
        (US, "account_records", "2020-01-01", "2026-09-10", "2029-09-10"),
        (US, "recording", "2026-09-10", None, "2029-09-10"),
    ],
)
def test_a_record_may_go_the_day_after_its_term(law, what, made, last, kept_until):
    end = day(kept_until)
    assert retention.purge_after(Record(what), maybe(made), maybe(last), law=law) == end
    assert purge(what, made, last, at=str(end - timedelta(days=1)), law=law).value is False
    assert purge(what, made, last, at=str(end), law=law).value is False
    judgement = purge(what, made, last, at=str(end + timedelta(days=1)), law=law)
    assert judgement.value is True
    assert judgement.details["purge_from"] == end + timedelta(days=1)
    assert judgement.details["waits_for_settlement"] is False
    assert judgement.grounds == (law[f"retention.{what}"],)


@pytest.mark.parametrize("law", [CN, US])
@pytest.mark.parametrize(
    ("settled", "at", "value"),
    [
        (None, "2030-01-01", False),
        ("2029-06-01", "2029-05-31", False),
        ("2029-06-01", "2029-06-01", True),
        ("2026-04-01", "2028-03-10", False),
    ],
)
def test_the_recording_of_an_oral_plan_waits_for_the_debt_to_be_settled(law, settled, at, value):
    judgement = purge("plan_recording", settled=settled, at=at, law=law)
    assert judgement.value is value
    assert judgement.details["waits_for_settlement"] is (settled is None or settled > at)


def test_the_term_of_a_plan_recording_is_two_years_too():
    assert purge("plan_recording", settled="2026-04-01", at="2028-03-10").value is False
    assert purge("plan_recording", settled="2026-04-01", at="2028-03-11").value is True


def test_a_longer_duty_and_an_unknown_beginning_keep_every_record():
    assert purge(longer=True).value is False
    assert purge(longer=True).details["longer_duty"] is True
    assert purge().details["longer_duty"] is False
    assert purge(made=None, at="2099-01-01").value is False
    assert purge(made=None).details["purge_from"] is None
    with pytest.raises(NoProvision):
        purge(law=UK)


# --- Plans ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("months", "form", "recorded", "left_out", "failing"),
    [
        (1, "written", False, (), []),
        (60, "written", False, (), []),
        (61, "written", False, (), ["plan.term"]),
        (36, "oral", True, (), []),
        (36, "oral", False, (), ["plan.oral"]),
        (36, "written", True, ("other_matters",), ["plan.content"]),
        (61, "oral", False, ("balance", "charges_during_plan"), ["plan.term", "plan.content", "plan.oral"]),
    ],
)
def test_a_plan_takes_effect_when_short_complete_and_proven(months, form, recorded, left_out, failing):
    items = [item for item in PlanItem if item not in left_out]
    judgement = plan.plan_may_take_effect(months, PlanForm(form), items, recorded=recorded, law=CN)
    assert judgement.value is (not failing)
    asked = ["plan.term", "plan.content", "plan.oral"]
    assert [ground.id for ground in judgement.grounds] == [f"cn.{name}" for name in failing or asked]
    assert judgement.details["missing_items"] == [str(item) for item in PlanItem if item in left_out]
    outcomes = {"short_enough": "plan.term", "complete": "plan.content", "proven": "plan.oral"}
    assert {name: judgement.details[name] for name in outcomes} == {
        name: provision not in failing for name, provision in outcomes.items()
    }


@pytest.mark.parametrize("item", list(PlanItem))
def test_a_plan_states_every_item(item):
    rest = [one for one in PlanItem if one is not item]
    assert plan.plan_may_take_effect(12, PlanForm.WRITTEN, rest, recorded=False, law=CN).value is False


# --- Agencies -------------------------------------------------------------------------------------------------------


def place(told="2026-05-06", assessed="2026-01-10", inspected="2026-01-15", *, published=True, at="2026-05-10", law=CN):
    return agency.placement_allowed(
        maybe(told), maybe(assessed), maybe(inspected), agency_published=published, at=day(at), law=law
    )  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "failing"),
    [
        ({}, []),
        ({"told": None}, ["tell_debtor"]),
        ({"told": "2026-05-11"}, ["tell_debtor"]),
        ({"told": "2026-05-10"}, []),
        ({"published": False}, ["published"]),
        ({"assessed": None}, ["impact"]),
        ({"assessed": "2026-05-10"}, []),
        ({"assessed": "2026-05-11"}, ["impact"]),
        ({"inspected": None}, ["inspection"]),
        ({"inspected": "2025-05-10"}, []),
        ({"inspected": "2025-05-09"}, ["inspection"]),
        ({"inspected": "2026-05-10"}, []),
        ({"inspected": "2026-05-11"}, ["inspection"]),
        (
            {"told": None, "published": False, "assessed": None, "inspected": None},
            ["tell_debtor", "published", "impact", "inspection"],
        ),
    ],
)
def test_a_case_goes_to_an_agency_when_all_four_conditions_hold(facts, failing):
    judgement = place(**facts)
    assert judgement.value is (not failing)
    asked = ["tell_debtor", "published", "impact", "inspection"]
    assert [ground.id for ground in judgement.grounds] == [f"cn.agency.{name}" for name in failing or asked]
    names = dict(zip(["debtor_told", "agency_published", "impact_assessed", "inspected"], asked, strict=True))
    assert dict(judgement.details) == {name: provision not in failing for name, provision in names.items()}


def test_before_the_guide_of_2026_publication_and_inspection_were_not_asked():
    before = law_of("cn", day("2026-01-29"))
    assert place(published=False, inspected=None, law=before).value is True
    assert len(place(law=before).grounds) == 2
    assert place(published=False, law=law_of("cn", day("2026-01-30"))).value is False


def test_an_inspection_serves_one_year():
    assert agency.inspection_serves_until(day("2026-01-15"), law=CN) == day("2027-01-15")


@pytest.mark.parametrize("said", [True, False])
def test_consent_to_pass_data_on_decides(said):
    judgement = agency.onward_sharing_allowed(bank_consent=said, law=CN)
    assert (judgement.value, judgement.grounds) == (said, (CN["agency.onward"],))


@pytest.mark.parametrize(("ended", "value"), [(None, True), ("2026-05-11", True), ("2026-05-10", False), ("2026-05-09", False)])
def test_data_go_back_when_the_mandate_ends(ended, value):
    judgement = agency.agency_may_keep_data(maybe(ended), at=day("2026-05-10"), law=CN)
    assert (judgement.value, judgement.grounds) == (value, (CN["agency.return_data"],))
    assert judgement.details["mandate_ended"] == maybe(ended)


@pytest.mark.parametrize(("model", "value"), [("mixed", True), ("recoveries_only", False)])
def test_pay_rests_not_on_recoveries_alone(model, value):
    judgement = agency.pay_model_allowed(PayModel(model), law=CN)
    assert (judgement.value, judgement.grounds) == (value, (CN["agency.pay_model"],))


@pytest.mark.parametrize(("major", "review", "value"), [(1, 1, True), (1, 0, False), (0, 1, True), (0, 0, True)])
def test_a_machine_alone_decides_nothing_of_major_effect(major, review, value):
    judgement = agency.automated_decision_allowed(major_effect=bool(major), human_review_offered=bool(review), law=CN)
    assert (judgement.value, judgement.grounds) == (value, (CN["agency.automated_decision"],))


# --- Credit data ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("told", "value"), [(None, False), ("2026-05-09", True), ("2026-05-10", True), ("2026-05-11", False)])
def test_the_person_is_told_before_a_default_is_reported(told, value):
    judgement = credit.may_report_negative(maybe(told), at=day("2026-05-10"), law=CN)
    assert (judgement.value, judgement.grounds) == (value, (CN["credit.tell_first"],))
    assert judgement.details["person_told"] == maybe(told)


@pytest.mark.parametrize(("at", "value"), [("2026-05-09", True), ("2026-05-10", True), ("2026-05-11", False)])
def test_negative_data_show_for_five_years(at, value):
    judgement = credit.negative_record_may_show(day("2021-05-10"), at=day(at), law=CN)
    assert (judgement.value, judgement.grounds) == (value, (CN["credit.negative_kept"],))
    assert judgement.details["last_day"] == day("2026-05-10")


def repaired(month="2024-06", amount=1_000_000, repaid="2026-03-20", at="2026-05-02", law=CN):
    return credit.repaired_record_may_show(day(f"{month}-01"), amount, maybe(repaid), at=day(at), law=law)


@pytest.mark.parametrize(
    ("facts", "hidden_from"),
    [
        ({}, "2026-04-30"),
        ({"at": "2026-04-29"}, "2026-04-30"),
        ({"at": "2026-04-30"}, "2026-04-30"),
        ({"amount": 1_000_001}, None),
        ({"amount": 999_999}, "2026-04-30"),
        ({"month": "2019-12"}, None),
        ({"month": "2020-01"}, "2026-04-30"),
        ({"month": "2025-12"}, "2026-04-30"),
        ({"month": "2026-01"}, None),
        ({"repaid": None}, None),
        ({"repaid": "2026-03-31"}, "2026-04-30"),
        ({"repaid": "2026-04-01"}, None),
        ({"repaid": "2025-11-30"}, "2026-01-01"),
        ({"repaid": "2025-12-01"}, "2026-01-31"),
        ({"repaid": "2025-12-31", "at": "2026-01-30"}, "2026-01-31"),
        ({"repaid": "2026-01-31", "at": "2026-02-28"}, "2026-02-28"),
        ({"repaid": "2024-07-01", "at": "2025-12-31"}, "2026-01-01"),
        ({"repaid": "2024-07-01", "at": "2026-01-01"}, "2026-01-01"),
        ({"repaid": "2026-03-20", "at": "2026-03-19"}, None),
        ({"repaid": "2026-03-20", "at": "2026-03-20"}, "2026-04-30"),
    ],
)
def test_a_small_old_default_repaid_in_time_is_not_shown(facts, hidden_from):
    judgement = repaired(**facts)
    at = day(facts.get("at", "2026-05-02"))
    assert judgement.details["hidden_from"] == maybe(hidden_from)
    assert judgement.value is (hidden_from is None or at < day(hidden_from))
    assert judgement.grounds == (CN["credit.repair"],)


@pytest.mark.parametrize(
    ("on", "covered"), [("2019-12-31", False), ("2020-01-01", True), ("2025-12-31", True), ("2026-01-01", False)]
)
def test_a_default_counts_by_any_day_of_its_month(on, covered):
    judgement = credit.repaired_record_may_show(day(on), 1, day("2026-03-20"), at=day("2026-05-02"), law=CN)
    assert judgement.value is not covered


def test_before_the_notice_a_repaired_default_shows():
    judgement = repaired(at="2025-12-21", repaid="2025-06-01", law=law_of("cn", day("2025-12-21")))
    assert judgement.value is True
    assert [ground.id for ground in judgement.grounds] == ["cn.credit.negative_kept"]
    assert "credit.repair" in law_of("cn", day("2025-12-22")).provisions


def bureau(*events: str, at="2026-05-25"):
    told = [Happened(day(on), BureauEvent(word)) for word, on in (event.split() for event in events)]
    return credit.may_report_to_bureau(told, at=day(at), law=US)


@pytest.mark.parametrize(
    ("events", "at", "value"),
    [
        ([], "2026-05-25", False),
        (["notice_mailed 2026-05-01"], "2026-05-14", False),
        (["notice_mailed 2026-05-01"], "2026-05-15", True),
        (["notice_mailed 2026-05-01", "notice_returned 2026-05-10"], "2026-05-25", False),
        (["notice_mailed 2026-05-01", "notice_returned 2026-05-14"], "2026-05-25", False),
        (["notice_mailed 2026-05-01", "notice_returned 2026-05-15"], "2026-05-25", True),
        (["notice_mailed 2026-05-01", "notice_returned 2026-05-10", "notice_mailed 2026-05-11"], "2026-05-24", False),
        (["notice_mailed 2026-05-01", "notice_returned 2026-05-10", "notice_mailed 2026-05-11"], "2026-05-25", True),
        (["notice_mailed 2026-05-01", "notice_returned 2026-05-11", "notice_mailed 2026-05-11"], "2026-05-25", True),
        (["notice_mailed 2026-05-01", "notice_mailed 2026-05-11", "notice_returned 2026-05-11"], "2026-05-25", False),
        (["notice_mailed 2026-05-01", "notice_mailed 2026-05-05", "notice_returned 2026-05-10"], "2026-05-25", False),
        (["notice_mailed 2026-05-01", "notice_mailed 2026-05-12", "notice_returned 2026-05-16"], "2026-05-25", True),
        (["conversation 2026-05-25"], "2026-05-25", True),
        (["conversation 2026-05-26"], "2026-05-25", False),
        (["notice_returned 2026-05-02"], "2026-05-25", False),
        (["notice_mailed 2026-05-01", "reported 2026-05-15"], "2026-05-10", True),
        (["notice_mailed 2026-05-01", "reported 2026-05-14"], "2026-06-10", False),
        (["reported 2026-05-15", "notice_mailed 2026-05-01"], "2026-06-10", True),
        (["conversation 2026-05-10", "reported 2026-05-10"], "2026-06-10", True),
        (["reported 2026-05-10", "conversation 2026-05-10"], "2026-06-10", False),
        (["reported 2026-05-09", "conversation 2026-05-10"], "2026-06-10", False),
        (["notice_mailed 2026-05-01", "reported 2026-05-14", "reported 2026-05-15"], "2026-06-10", False),
        (["notice_mailed 2026-05-01", "reported 2026-05-15", "reported 2026-05-16"], "2026-06-10", True),
        (["notice_mailed 2026-05-01", "notice_returned 2026-05-10", "reported 2026-05-15"], "2026-06-10", False),
    ],
)
def test_a_bureau_is_told_after_a_talk_or_fourteen_quiet_dates(events, at, value):
    judgement = bureau(*events, at=at)
    assert judgement.value is value
    assert judgement.grounds == (US["credit.report_after"],)
    assert judgement.details["reported"] == sorted(day(event.split()[1]) for event in events if event.startswith("reported"))


# --- Insolvency -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "route", "value"),
    [
        ("2026-05-09", "claim_to_administrator", True),
        ("2026-05-09", "demand_from_debtor", False),
        ("2026-05-10", "demand_from_debtor", False),
        ("2026-05-10", "claim_to_administrator", True),
        ("2026-05-11", "demand_from_debtor", True),
        ("2026-05-11", "claim_to_administrator", False),
    ],
)
def test_from_acceptance_on_a_claim_goes_to_the_administrator(accepted, route, value):
    judgement = moratorium.bankruptcy_route_allowed(day(accepted), BankruptcyRoute(route), at=day("2026-05-10"), law=CN)
    assert (judgement.value, judgement.grounds) == (value, (CN["bankruptcy.route"],))
    assert judgement.details["accepted"] is (accepted <= "2026-05-10")


@pytest.mark.parametrize("charge", list(Charge))
@pytest.mark.parametrize(
    ("ended", "at", "value"),
    [
        ("2026-06-20", "2026-05-31", True),
        ("2026-06-20", "2026-06-01", False),
        ("2026-06-20", "2026-06-20", False),
        ("2026-06-20", "2026-06-21", True),
        (None, "2026-05-31", True),
        (None, "2026-06-01", False),
        (None, "2026-12-01", False),
    ],
)
def test_no_charge_runs_during_a_moratorium(charge, ended, at, value):
    judgement = moratorium.moratorium_charge_allowed(day("2026-06-01"), maybe(ended), charge, at=day(at), law=UK)
    assert (judgement.value, judgement.grounds) == (value, (UK["moratorium.charges"],))
    assert judgement.details["running"] is not value


def test_a_charge_the_law_does_not_freeze_runs():
    only_interest = replace(UK["moratorium.charges"], value={"frozen": ["interest"]})
    law = Law("uk", UK.as_of, {"moratorium.charges": only_interest})
    judgement = moratorium.moratorium_charge_allowed(day("2026-06-01"), None, Charge.FEE, at=day("2026-06-01"), law=law)
    assert judgement.value is True
    assert judgement.details["running"] is True


# --- What a judgement says ----------------------------------------------------------------------------------------------


def provision(number: int = 1, **facts) -> Provision:
    told = {
        "id": f"x.{number}",
        "value": {"days": 5},
        "zh": f"第{number}条。",
        "en": f"Rule {number}.",
        "source": "A law",
        "clause": f"Art. {number}",
        "force": Force.BINDING,
        "confidence": Confidence.PRIMARY,
        "in_force": day("2026-01-01"),
    }
    return Provision(**{**told, **facts})


def test_a_judgement_cites_names_its_force_and_its_weakest_confidence():
    rules = [
        provision(1, confidence=Confidence.SECONDARY),
        provision(2, force=Force.SELF_REGULATION, confidence=Confidence.PRIMARY),
        provision(1, id="again"),
    ]
    judgement = judged(False, *rules)
    assert judgement.citation == "A law, Art. 1; A law, Art. 2"
    assert judgement.force is Force.BINDING
    assert judgement.confidence is Confidence.SECONDARY
    assert judged(True, *rules[1:], provision(confidence=Confidence.UNCONFIRMED)).confidence is Confidence.UNCONFIRMED
    assert judgement.sentence_zh == "第1条。第2条。第1条。"
    assert judgement.sentence_en == "Rule 1. Rule 2. Rule 1."
    assert judgement.ambiguous is False
    assert judged(False, provision(), provision(ambiguous=True)).ambiguous is True


def test_a_judgement_is_told_as_json():
    judgement = judged("loss", provision(), last_day=day("2026-05-01"), inner={1: [day("2026-05-02")]}, pair=(True, None))
    assert judgement.document() == {
        "value": "loss",
        "citation": "A law, Art. 1",
        "force": "binding",
        "confidence": "primary",
        "ambiguous": False,
        "sentence_zh": "第1条。期限最后一日为 2026-05-01。",
        "sentence_en": "Rule 1. The last day is 2026-05-01.",
        "details": {"last_day": "2026-05-01", "inner": {"1": ["2026-05-02"]}, "pair": [True, None]},
    }
    assert isinstance(judgement.details, MappingProxyType)
    assert law.Judgement(True, (provision(),)).details == {}


def test_a_provision_names_its_period_and_whether_it_rolls():
    assert provision(value={"years": 1, "months": 2, "days": 3, "rolls": True}).period == Period(1, 2, 3)
    assert provision(value={"days": 3, "rolls": True}).rolls is True
    assert provision(value={"days": 3}).rolls is False
    assert provision(value={"days": 3}) == provision(value={"days": 3})
    assert hash(provision(value={"days": 3})) == hash(provision(value={"days": 3}))


def test_a_deadline_that_does_not_roll_never_asks_a_calendar():
    blind = Calendar("x", frozenset())
    found = Deadline(provision(), day("2026-05-01"), blind)
    assert found.last_day == found.matching_day == day("2026-05-06")
    assert found.met(day("2026-05-06"))
    assert not found.met(day("2026-05-07"))
    assert found.told() == {"started": day("2026-05-01"), "last_day": day("2026-05-06")}


def test_a_test_whose_provision_is_not_in_force_is_not_asked():
    judgement = all_hold({"one": (provision(1), True), "two": (None, False)}, seen=3)
    assert judgement.value is True
    assert judgement.grounds == (provision(1),)
    assert dict(judgement.details) == {"one": True, "seen": 3}


def test_every_question_bears_the_name_of_its_function():
    assert len(KINDS) == 28
    assert all(function.__name__ == kind for kind, function in KINDS.items())
