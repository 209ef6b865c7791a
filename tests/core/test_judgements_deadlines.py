"""Periods somebody must act within: complaints, objections, court steps, the US notice; the day before, on and after."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anhuan.core.days import Calendar, UnknownYear
from anhuan.core.judgements import complaint, credit, legal_steps, validation
from anhuan.core.judgements.complaint import Handling
from anhuan.core.judgements.law import NoProvision
from anhuan.core.judgements.legal_steps import Ground, Objection
from anhuan.rulebook.judging import foresighted_calendar, law_of

CN, US = law_of("cn", date(2026, 6, 1)), law_of("us-fed", date(2026, 6, 1))
CHINA, FEDERAL = foresighted_calendar("cn"), foresighted_calendar("us-fed")
BLIND = Calendar("cn", frozenset())  # knows no year: asking it anything raises


def day(text: str) -> date:
    return date.fromisoformat(text)


def maybe(text: str | None) -> date | None:
    return None if text is None else day(text)


# --- Complaints ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handling", "received", "last"),
    [
        ("simple", "2026-03-10", "2026-03-25"),
        ("complex", "2026-03-10", "2026-04-09"),
        ("extended", "2026-03-10", "2026-05-09"),  # a Saturday that is worked
        ("simple", "2026-03-06", "2026-03-23"),  # day 15 is a Saturday
        ("simple", "2026-03-07", "2026-03-23"),  # day 15 is a Sunday
        ("simple", "2026-03-08", "2026-03-23"),
        ("simple", "2026-04-16", "2026-05-06"),  # into the break of the 1st of May
        ("complex", "2026-09-01", "2026-10-08"),  # into the National Day break
        ("simple", "2026-09-25", "2026-10-10"),  # a Saturday that is worked
    ],
)
def test_a_complaint_is_in_time_to_its_last_day_and_not_a_day_longer(handling, received, last):
    def judge(answered, at):
        return complaint.complaint_in_time(
            day(received), Handling(handling), answered, at=at, law=CN, calendar=CHINA
        )  # fmt: skip

    end, later, earlier = day(last), day(last) + timedelta(days=1), day(last) - timedelta(days=1)
    assert judge(end, end).value is True
    assert judge(earlier, later).value is True
    assert judge(later, later).value is False
    assert judge(None, end).value is True
    assert judge(None, later).value is False
    assert judge(later, end).value is True  # not done yet at that instant, and the days still run
    told = judge(end, end)
    assert told.details["started"] == day(received)
    assert told.details["last_day"] == end
    assert told.grounds == (CN[f"complaint.{handling}"],)
    assert complaint.deadlines(day(received), law=CN, calendar=CHINA)[Handling(handling)].last_day == end
    assert last in told.sentence_zh
    assert last in told.sentence_en


def test_a_complaint_has_three_deadlines_from_the_day_it_arrives():
    found = complaint.deadlines(day("2026-03-10"), law=CN, calendar=CHINA)
    assert {handling: (made.start, made.last_day) for handling, made in found.items()} == {
        Handling.SIMPLE: (day("2026-03-10"), day("2026-03-25")),
        Handling.COMPLEX: (day("2026-03-10"), day("2026-04-09")),
        Handling.EXTENDED: (day("2026-03-10"), day("2026-05-09")),
    }


@pytest.mark.parametrize(("requested", "kept"), [("2026-04-23", True), ("2026-04-24", True), ("2026-04-25", False)])
def test_a_review_is_asked_for_within_thirty_days(requested, kept):
    judgement = complaint.review_request_in_time(day("2026-03-25"), day(requested), law=CN, calendar=CHINA)
    assert judgement.value is kept
    assert complaint.review_deadline(day("2026-03-25"), law=CN, calendar=CHINA).last_day == day("2026-04-24")
    assert complaint.review_decision_deadline(day("2026-03-25"), law=CN, calendar=CHINA).last_day == day("2026-04-24")


def test_rest_days_are_looked_up_only_where_they_decide():
    def judge(answered, at):
        received = day("2026-12-25")
        return complaint.complaint_in_time(received, Handling.SIMPLE, maybe(answered), at=day(at), law=CN, calendar=BLIND)

    assert judge("2027-01-09", "2027-02-01").value is True
    assert judge(None, "2027-01-09").value is True
    assert judge("2027-01-09", "2027-02-01").details["unannounced_year"] == 2027
    assert judge("2027-01-09", "2027-02-01").details["last_day"] == day("2027-01-09")
    with pytest.raises(UnknownYear):
        judge("2027-01-10", "2027-02-01")


@given(st.dates(date(2025, 12, 1), date(2026, 11, 1)), st.sampled_from(list(Handling)), st.integers(0, 80))
def test_a_longer_handling_never_ends_earlier_and_an_earlier_answer_is_never_worse(received, handling, late):
    found = complaint.deadlines(received, law=CN, calendar=CHINA)
    if found[Handling.EXTENDED].matching_day.year == 2026:
        assert found[Handling.SIMPLE].last_day <= found[Handling.COMPLEX].last_day <= found[Handling.EXTENDED].last_day
        done = received + timedelta(days=late)
        if found[handling].met(done):
            assert found[handling].met(max(received, done - timedelta(days=1)))


# --- Credit objections -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answered", "at", "kept"),
    [
        ("2026-03-30", "2026-05-01", True),
        ("2026-03-31", "2026-05-01", False),
        (None, "2026-03-30", True),
        (None, "2026-03-31", False),
    ],
)
def test_an_objection_to_credit_data_is_answered_within_twenty_days(answered, at, kept):
    judgement = credit.credit_objection_in_time(day("2026-03-10"), maybe(answered), at=day(at), law=CN, calendar=CHINA)
    assert judgement.value is kept
    assert judgement.grounds == (CN["credit.objection"],)


# --- Payment orders --------------------------------------------------------------------------------------------------


def order(served="2026-06-01", objection=None, *, paid=False, at="2026-06-17", calendar=CHINA):
    made = Objection(day(objection[0]), Ground(objection[1])) if objection else None
    return legal_steps.payment_order_enforceable(day(served), made, paid=paid, at=day(at), law=CN, calendar=calendar)


@pytest.mark.parametrize(
    ("served", "at", "enforceable"),
    [
        ("2026-06-01", "2026-06-15", False),
        ("2026-06-01", "2026-06-16", False),
        ("2026-06-01", "2026-06-17", True),
        ("2026-09-16", "2026-10-02", False),  # day 15 is the 1st of October
        ("2026-09-16", "2026-10-08", False),
        ("2026-09-16", "2026-10-09", True),
        ("2026-09-15", "2026-10-01", True),  # day 15 is the 30th of September, worked
    ],
)
def test_a_payment_order_is_enforceable_once_its_fifteen_days_are_over(served, at, enforceable):
    assert order(served, at=at).value is enforceable


@pytest.mark.parametrize(
    ("objection", "valid"),
    [
        (("2026-06-10", "debt_itself"), True),
        (("2026-06-16", "debt_itself"), True),
        (("2026-06-17", "debt_itself"), False),  # late
        (("2026-06-18", "debt_itself"), False),  # not made yet
        (("2026-06-10", "cannot_pay_now"), False),
    ],
)
def test_only_a_timely_objection_to_the_debt_itself_stops_a_payment_order(objection, valid):
    judgement = order(objection=objection)
    assert judgement.value is not valid
    assert judgement.details["valid_objection"] is valid
    pleas = CN["legal_step.payment_order_objection"]
    assert (pleas in judgement.grounds) is (objection[0] <= "2026-06-17")
    assert judgement.grounds[0] == CN["legal_step.payment_order_answer"]
    assert judgement.details["last_day"] == day("2026-06-16")


def test_a_paid_order_is_not_enforced_and_needs_no_calendar():
    assert order(paid=True).value is False
    assert order(paid=True).details["paid"] is True
    assert order().details["paid"] is False
    assert order(paid=True, at="2027-06-17", calendar=BLIND).value is False
    assert order(objection=("2026-06-10", "debt_itself"), calendar=BLIND).value is False
    assert order(at="2026-06-16", calendar=BLIND).value is False
    with pytest.raises(UnknownYear):
        order(at="2026-06-17", calendar=BLIND)


@pytest.mark.parametrize(
    ("served", "at", "alive"),
    [
        ("2026-07-01", "2026-08-01", True),
        ("2026-07-02", "2026-08-01", False),
        (None, "2026-07-01", True),
        (None, "2026-07-02", False),
    ],
)
def test_a_payment_order_lives_thirty_days_until_it_is_served(served, at, alive):
    judgement = legal_steps.payment_order_alive(day("2026-06-01"), maybe(served), at=day(at), law=CN, calendar=CHINA)
    assert judgement.value is alive
    assert judgement.grounds == (CN["legal_step.payment_order_service"],)


# --- Enforcement, confirmation, doors to court ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("due", "interrupted", "at", "kept"),
    [
        ("2026-06-30", None, "2028-06-30", True),
        ("2026-06-30", None, "2028-07-01", False),
        ("2024-05-02", None, "2026-05-06", True),  # the 2nd of May lies in the break
        ("2024-05-02", None, "2026-05-07", False),
        ("2024-03-02", "2026-03-02", "2026-06-01", True),
        ("2024-03-02", "2026-03-03", "2026-06-01", False),  # too late to interrupt
        ("2024-05-02", "2026-05-06", "2026-06-01", True),  # in time, by the break
        ("2024-03-02", "2025-03-02", "2027-03-02", True),
        ("2024-03-02", "2025-03-02", "2027-04-02", False),
        ("2024-03-02", "2026-03-02", "2026-03-02", True),
        ("2024-03-02", "2026-06-02", "2026-06-01", False),  # not yet interrupted
        ("2024-03-02", "2024-03-01", "2026-03-02", True),  # before it was due: nothing to interrupt
        ("2024-03-02", "2024-03-01", "2026-03-03", False),
        ("2024-03-04", "2024-03-04", "2026-03-04", True),
    ],
)
def test_enforcement_is_asked_for_within_two_years(due, interrupted, at, kept):
    judgement = legal_steps.enforcement_in_time(day(due), maybe(interrupted), at=day(at), law=CN, calendar=CHINA)
    assert judgement.value is kept
    assert judgement.grounds == (CN["legal_step.enforcement"],)


def test_enforcement_interrupted_today_has_two_more_years():
    found = legal_steps.enforcement_deadline(
        day("2024-03-04"), day("2025-03-04"), at=day("2025-03-04"), law=CN, calendar=CHINA
    )  # fmt: skip
    assert (found.start, found.matching_day) == (day("2025-03-04"), day("2027-03-04"))


@pytest.mark.parametrize(("requested", "kept"), [("2026-06-30", True), ("2026-07-01", True), ("2026-07-02", False)])
def test_confirmation_is_asked_for_within_thirty_days(requested, kept):
    judgement = legal_steps.confirmation_request_in_time(day("2026-06-01"), day(requested), law=CN, calendar=CHINA)
    assert judgement.value is kept
    assert judgement.grounds == (CN["legal_step.confirmation"],)


@pytest.mark.parametrize("said", [True, False])
def test_clauses_and_certificates_decide_the_way_to_court(said):
    suit = legal_steps.suit_allowed(arbitration_clause=said, law=CN)
    assert (suit.value, suit.grounds) == (not said, (CN["legal_step.arbitration"],))
    enforced = legal_steps.notarised_enforcement_allowed(enforcement_certificate=said, law=CN)
    assert (enforced.value, enforced.grounds) == (said, (CN["legal_step.notarised"],))


# --- United States -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "at", "kept"),
    [
        ("2026-08-31", "2026-09-30", True),
        ("2026-09-01", "2026-09-30", True),
        ("2026-09-06", "2026-09-30", True),  # a Sunday: nothing rolls here
        ("2026-09-07", "2026-09-30", False),
        (None, "2026-09-06", True),
        (None, "2026-09-07", False),
    ],
)
def test_the_validation_notice_goes_out_within_five_days(sent, at, kept):
    judgement = validation.validation_notice_in_time(
        day("2026-09-01"), maybe(sent), at=day(at), law=US, calendar=FEDERAL
    )  # fmt: skip
    assert judgement.value is kept
    assert judgement.details == {"started": day("2026-09-01"), "last_day": day("2026-09-06")}


@pytest.mark.parametrize(
    ("mailed", "receipt", "last"),
    [
        ("2026-09-01", "2026-09-09", "2026-10-09"),  # Labor Day
        ("2026-06-12", "2026-06-22", "2026-07-22"),  # Juneteenth
        ("2026-06-26", "2026-07-06", "2026-08-05"),  # the 4th of July kept on Friday the 3rd
        ("2026-03-07", "2026-03-13", "2026-04-12"),  # mailed on a Saturday
        ("2026-12-24", "2027-01-04", "2027-02-03"),
    ],
)
def test_a_dispute_is_in_time_until_thirty_days_after_the_assumed_receipt(mailed, receipt, last):
    def judge(received):
        return validation.dispute_in_validation_period(day(mailed), received, law=US, calendar=FEDERAL)

    assert validation.assumed_receipt(day(mailed), law=US, calendar=FEDERAL) == day(receipt)
    assert judge(day(last)).value is True
    assert judge(day(last) - timedelta(days=1)).value is True
    assert judge(day(last) + timedelta(days=1)).value is False
    assert judge(day(last)).details == {"assumed_receipt": day(receipt), "last_day": day(last)}
    assert judge(day(last)).grounds == (US["validation.period"], US["validation.assumed_receipt"])


def test_a_question_the_law_is_silent_on_is_an_error():
    with pytest.raises(NoProvision) as silent:
        legal_steps.suit_allowed(arbitration_clause=False, law=US)
    assert silent.value.en == "The law us-fed has no provision on legal_step.arbitration in force on 2026-06-01."
    assert silent.value.zh == "法域 us-fed 在 2026-06-01 没有关于 legal_step.arbitration 的规定。"
    assert str(silent.value) == silent.value.en
