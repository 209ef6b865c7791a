"""What rules share: whose zone counts, what the person opened herself, and when a consent runs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.core.questions import NEW_YORK, attempt, consent, contact, facts, moment, talk

from anhuan.core.asked import Asked, same_person, start_of
from anhuan.core.facts import Consent
from anhuan.core.vocabulary import Channel, Covers, Direction, LineResult, Outcome, Party

TICK = timedelta(microseconds=1)
NOON = "2026-06-10 12:00"


def asked(wanted=None, known=None, at=NOON, zone="Asia/Shanghai") -> Asked:
    return Asked(wanted or attempt(), known or facts(), {}, moment(at, zone))


# --- time -----------------------------------------------------------------------------------------------------------


def test_dates_are_counted_in_the_first_zone_unless_a_rule_has_its_own():
    two = asked(known=facts(timezones=("Asia/Tokyo", "America/New_York")))
    assert two.zone(None) == "Asia/Tokyo"
    assert two.zone("Asia/Shanghai") == "Asia/Shanghai"
    assert two.date_of(moment("2026-06-10 23:30", "UTC")) == "2026-06-11"
    assert asked(known=facts(timezones=())).date_of(moment("2026-06-10 23:30", "UTC")) == "2026-06-10"


def test_what_happens_at_the_very_instant_has_happened():
    calls = [contact(NOON), contact("2026-06-10 12:01")]
    question = asked(known=facts(*calls))
    assert question.so_far() == (calls[0],)
    assert list(question.window("Asia/Shanghai", 1)) == [calls[0]]


def test_a_window_begins_with_the_first_instant_of_its_first_date():
    at_midnight, before = contact("2026-06-09 00:00"), contact("2026-06-08 23:59")
    question = asked(known=facts(before, at_midnight))
    assert list(question.window("Asia/Shanghai", 2)) == [at_midnight]
    assert list(question.window("Asia/Shanghai", 3)) == [before, at_midnight]
    assert start_of(moment(NOON).date(), "Asia/Shanghai") == moment("2026-06-10 00:00")


def test_a_person_is_told_by_her_id_and_without_one_by_her_relation():
    friend, other = contact(NOON, party=Party.FRIEND, person="f1"), contact(NOON, party=Party.FRIEND, person="f2")
    nameless = contact(NOON, party=Party.FRIEND)
    wanted = attempt(party=Party.FRIEND, person="f1")
    assert same_person(friend, wanted)
    assert not same_person(other, wanted)
    assert same_person(nameless, wanted)
    assert same_person(friend, attempt(party=Party.FRIEND))
    assert not same_person(friend, attempt(party=Party.COLLEAGUE))
    assert same_person(contact(NOON, party=Party.COLLEAGUE, person="f1"), wanted)


# --- what the person opened ------------------------------------------------------------------------------------------


def test_nothing_is_opened_by_itself():
    question = asked()
    assert (question.opened, question.in_session, question.is_reply) == (False, False, False)


@pytest.mark.parametrize(
    ("told", "opened"),
    [
        ({}, True),
        ({"direction": Direction.OUTBOUND}, False),
        ({"channel": Channel.SMS}, False),
        ({"party": Party.SPOUSE}, False),
        ({"at": "2026-06-10 12:00"}, True),
        ({"at": "2026-06-10 12:01"}, False),
    ],
)
def test_the_first_reply_to_what_the_person_sent_is_opened(told, opened):
    sent = {"at": "2026-06-10 11:00", "channel": Channel.EMAIL, "direction": Direction.INBOUND, **told}
    reply = attempt(channel=Channel.EMAIL, in_reply_to="k1")
    assert asked(reply, facts(contact(sent.pop("at"), id="k1", **sent))).opened is opened


def test_only_a_reply_of_ours_uses_up_the_first_one():
    sent = contact("2026-06-10 11:00", id="k1", channel=Channel.EMAIL, direction=Direction.INBOUND)
    reply = attempt(channel=Channel.EMAIL, in_reply_to="k1")
    hers = contact("2026-06-10 11:10", channel=Channel.EMAIL, direction=Direction.INBOUND, in_reply_to="k1")
    ours = contact("2026-06-10 11:10", channel=Channel.SMS, in_reply_to="k1")
    later = contact("2026-06-10 12:10", channel=Channel.EMAIL, in_reply_to="k1")
    elsewhere = contact("2026-06-10 11:10", channel=Channel.EMAIL, in_reply_to="k2")
    for answered, opened in ((hers, True), (ours, False), (later, True), (elsewhere, True)):
        assert asked(reply, facts(sent, answered)).opened is opened


def test_a_reply_to_nothing_that_is_known_is_no_reply():
    question = asked(attempt(in_reply_to="nothing", session_of="nothing"))
    assert (question.opened, question.in_session, question.is_reply) == (False, False, False)


def test_a_step_in_her_contact_is_opened_and_in_ours_only_a_session():
    hers = facts(contact("2026-06-10 11:59", id="k1", direction=Direction.INBOUND))
    ours = facts(contact("2026-06-10 11:59", id="k1"))
    step = attempt(session_of="k1")
    assert (asked(step, hers).opened, asked(step, hers).in_session, asked(step, hers).is_reply) == (True, True, False)
    assert (asked(step, ours).opened, asked(step, ours).in_session) == (False, True)
    stranger = attempt(session_of="k1", party=Party.SPOUSE)
    assert (asked(stranger, hers).opened, asked(stranger, hers).in_session) == (False, False)


def test_an_answer_is_to_what_the_person_sent_and_not_to_ours():
    reply = attempt(in_reply_to="k1")
    assert asked(reply, facts(contact("2026-06-10 11:00", id="k1", direction=Direction.INBOUND))).is_reply
    assert not asked(reply, facts(contact("2026-06-10 11:00", id="k1"))).is_reply


# --- consent --------------------------------------------------------------------------------------------------------


def runs(given: Consent, *contacts, wanted=None, at=NOON, debt=None, personal=True, covers=Covers.FREQUENCY) -> bool:
    question = asked(wanted, facts(*contacts, consents=(given,)), at)
    return question.consent(covers, personal=personal, debt=debt) is not None


def test_a_consent_runs_from_its_beginning_to_just_before_its_end():
    given = consent("2026-06-10 10:00", Covers.HOURS, until="2026-06-10 12:00")
    for at, running in (
        ("2026-06-10 09:59:59", False),
        ("2026-06-10 10:00:00", True),
        ("2026-06-10 11:59:59.999999", True),
        ("2026-06-10 12:00:00", False),
    ):
        assert runs(given, at=at, covers=Covers.HOURS) is running


def test_nothing_is_consented_to_before_it_was_said():
    given = consent("2026-06-10 11:00", Covers.HOURS, begins=moment("2026-06-01 10:00"))
    assert not runs(given, at="2026-06-10 10:59:59", covers=Covers.HOURS)
    assert runs(given, at="2026-06-10 11:00", covers=Covers.HOURS)


def test_a_consent_to_calls_lasts_seven_dates_whatever_end_it_names():
    for until in (None, "2026-12-31 00:00"):
        given = consent("2026-06-04 09:30", Covers.FREQUENCY, until=until)
        assert runs(given, at="2026-06-10 23:59:59.999999")
        assert not runs(given, at="2026-06-11 00:00")
    assert runs(consent("2026-06-04 09:30", Covers.HOURS), at="2026-09-11 00:00", covers=Covers.HOURS)


@pytest.mark.parametrize(
    ("between", "running"),
    [
        (talk("2026-06-10 11:00", Outcome.CONVERSATION), False),
        (talk("2026-06-10 11:00", Outcome.EFFECTIVE_CONVERSATION), False),
        (talk("2026-06-10 11:00", Outcome.HUNG_UP), True),
        (talk("2026-06-10 11:00", debts=frozenset({"loan"})), True),
        (talk("2026-06-10 10:00"), True),
        (talk("2026-06-10 12:00"), True),
        (contact("2026-06-10 11:00", channel=Channel.VISIT, outcome=Outcome.CONVERSATION), True),
        (contact("2026-06-10 11:00"), True),
    ],
)
def test_a_consent_to_calls_ends_with_the_next_conversation_about_the_debt(between, running):
    assert runs(consent("2026-06-10 10:00", Covers.FREQUENCY), between, debt="card") is running


def test_a_consent_for_a_debt_is_asked_debt_by_debt():
    given = consent("2026-06-10 10:00", Covers.FREQUENCY, debts=frozenset({"card"}))
    both = attempt(debts=frozenset({"card", "loan"}))
    assert runs(given, wanted=both, debt="card")
    assert not runs(given, wanted=both, debt="loan")
    assert not runs(given, wanted=both)
    assert runs(given)
    assert not runs(given, wanted=attempt(debts=frozenset()))
    assert runs(consent("2026-06-10 10:00", Covers.FREQUENCY), wanted=attempt(debts=frozenset()))
    assert runs(consent("2026-06-10 10:00", Covers.FREQUENCY, debts=frozenset({"card", "loan"})))


def test_a_consent_admits_its_channel_point_and_person():
    for told, wanted, running in (
        ({"channel": Channel.CALL}, {}, True),
        ({"channel": Channel.CALL}, {"channel": Channel.RINGLESS_VOICEMAIL}, True),
        ({"channel": Channel.VOICEMAIL}, {}, True),
        ({"channel": Channel.SMS}, {}, False),
        ({"channel": Channel.SMS}, {"channel": Channel.SMS}, True),
        ({"point": "m1"}, {"point": "m1"}, True),
        ({"point": "m1"}, {"point": "m2"}, False),
        ({"point": "m1"}, {}, False),
        ({"person": "g1"}, {"party": Party.GUARANTOR, "person": "g1"}, True),
        ({"person": "g1"}, {"party": Party.GUARANTOR, "person": "g2"}, False),
        ({"person": "g1"}, {}, False),
        ({}, {"party": Party.GUARANTOR, "person": "g1"}, False),
    ):
        assert runs(consent("2026-06-10 10:00", Covers.HOURS, **told), wanted=attempt(**wanted), covers=Covers.HOURS) is running


def test_a_personal_consent_is_for_the_actor_it_was_given_to():
    given = consent("2026-06-10 10:00", Covers.HOURS, given_to="agency:A")
    assert runs(given, wanted=attempt(actor="agency:A"), covers=Covers.HOURS)
    assert not runs(given, wanted=attempt(actor="agency:B"), covers=Covers.HOURS)
    assert runs(given, wanted=attempt(actor="agency:B"), covers=Covers.HOURS, personal=False)


def test_of_several_consents_the_latest_counts():
    first, second = consent("2026-06-01 10:00", Covers.HOURS), consent("2026-06-02 10:00", Covers.HOURS)
    question = asked(known=facts(consents=(first, second)))
    assert question.consent(Covers.HOURS, personal=False) is second
    assert asked().consent(Covers.HOURS, personal=False) is None


def made_under(call, given: Consent, debt: str | None = "card") -> bool:
    return asked(known=facts(call, consents=(given,)), zone=NEW_YORK).made_under_consent(call, debt)


def test_an_earlier_call_is_under_a_consent_given_to_its_own_actor():
    call = contact("2026-06-10 11:00", actor="agency:A")
    given = consent("2026-06-10 10:00", Covers.FREQUENCY, given_to="agency:A")
    assert made_under(call, given)
    assert not made_under(call, consent("2026-06-10 10:00", Covers.FREQUENCY, given_to="agency:B"))
    assert not made_under(call, consent("2026-06-10 10:00", Covers.HOURS, given_to="agency:A"))
    assert not made_under(call, consent("2026-06-10 11:00:01", Covers.FREQUENCY, given_to="agency:A"))
    assert not made_under(call, consent("2026-06-10 10:00", Covers.FREQUENCY, given_to="agency:A", channel=Channel.SMS))
    assert not made_under(call, consent("2026-06-10 10:00", Covers.FREQUENCY, given_to="agency:A", debts=frozenset({"loan"})))


def test_a_call_that_became_a_talk_was_still_made_under_the_consent():
    call = talk("2026-06-10 11:00", actor="agency:A")
    assert made_under(call, consent("2026-06-10 10:00", Covers.FREQUENCY, given_to="agency:A"))


def test_a_call_about_two_debts_is_under_a_consent_for_one_of_them_as_far_as_that_goes():
    call = contact("2026-06-10 11:00", debts=frozenset({"card", "loan"}), line_result=LineResult.NO_ANSWER)
    given = consent("2026-06-10 10:00", Covers.FREQUENCY, debts=frozenset({"card"}))
    assert made_under(call, given, "card")
    assert not made_under(call, given, "loan")
    assert not made_under(call, given, None)
