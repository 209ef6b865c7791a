"""What single rules hold beyond what a scenario can say: results still unknown, points, the house's own rules."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timedelta

import pytest
from tests.core.questions import (
    ask,
    attempt,
    consent,
    contact,
    facts,
    hold,
    law,
    moment,
    reasons,
    talk,
)

from anhuan.core import gate
from anhuan.core.facts import Attempt, Debt, OptOut, PlaceBar, Point, TimeBlock
from anhuan.core.rules import TESTS, caps, holds, hours, parties
from anhuan.core.rules.caps import Spacing
from anhuan.core.vocabulary import Channel, Covers, Direction, HoldKind, LineResult, Outcome, Party, PointKind, Purpose

TICK = timedelta(microseconds=1)


def test_quiet_hours_that_do_not_run_over_midnight_cannot_be_written():
    from anhuan.core.rules.hours import QuietHours

    with pytest.raises(ValueError, match="midnight"):
        QuietHours(datetime.min.time().replace(hour=8), datetime.min.time().replace(hour=22))
    with pytest.raises(ValueError, match="midnight"):
        QuietHours(datetime.min.time().replace(hour=8), datetime.min.time().replace(hour=8))


def test_spacing_looks_past_contacts_that_do_not_matter():
    test = Spacing(5)
    known = facts(
        contact("2026-06-10 10:00"), contact("2026-06-10 10:01", channel=Channel.SMS), contact("2026-06-10 10:02", point="m2")
    )
    asked = gate.Asked(attempt(), known, {}, moment("2026-06-10 10:04"))
    assert test.refuses(asked).not_before == moment("2026-06-10 10:05") + TICK


def test_the_house_holds_back_for_hardship_and_litigation():
    house = law("cn", "house")
    for kind, rule in ((HoldKind.HARDSHIP, "house.hold_hardship"), (HoldKind.LITIGATION, "house.hold_litigation")):
        known = facts(holds=(hold(kind, "2026-06-01 10:00"),))
        assert set(reasons(ask(attempt(), known, under=house))) == {rule}
        assert ask(attempt(purpose=Purpose.RESPOND), known, under=house).permitted
        assert ask(attempt(), known).permitted


def test_the_house_heeds_wishes_that_no_chinese_text_knows():
    house = law("cn", "house")
    at = moment("2026-06-01 10:00")
    from anhuan.core.facts import Attorney

    for told, rule in (
        ({"attorney": Attorney(contact_known=True)}, "house.represented"),
        ({"opt_outs": (OptOut(at, Channel.CALL),)}, "house.opted_out"),
        ({"ceased_at": at}, "house.ceased"),
        ({"time_blocks": (TimeBlock(at, frozenset(range(7))),)}, "house.stated_block"),
        ({"place_bars": (PlaceBar(at, "home"),), "whereabouts": "home"}, "house.barred_place"),
    ):
        assert set(reasons(ask(attempt(), facts(**told), under=house))) == {rule}
        assert ask(attempt(), facts(), under=house).permitted
        assert ask(attempt(), facts(**told)).permitted


def test_the_house_approaches_one_third_person_at_a_time():
    house = law("cn", "house")
    failed = [contact(f"2026-06-08 {hour}:00") for hour in (10, 11, 12)]
    asked = attempt(party=Party.FRIEND, person="f1", purpose=Purpose.LOCATE)
    ringing = contact("2026-06-10 08:30", line_result=None, party=Party.FRIEND, person="f2", purpose=Purpose.LOCATE)
    assert set(reasons(ask(asked, facts(*failed, ringing), under=house))) == {"house.one_third_person_at_a_time"}
    for other in (
        replace(ringing, line_result=LineResult.NO_ANSWER),
        replace(ringing, purpose=Purpose.RESPOND),
        replace(ringing, channel=Channel.SMS),
    ):
        assert ask(asked, facts(*failed, other), under=house).permitted
    assert ask(attempt(), facts(*failed, ringing), under=house).permitted


def test_the_latest_consent_that_names_the_number_says_how_many_tries():
    tries = [contact(f"2026-06-10 {hour}:00", point="m1") for hour in (10, 11, 12)]
    mine = consent("2026-06-01 10:00", Covers.ATTEMPTS, point="m1", limit_per_day=3)
    main = consent("2026-06-02 10:00", Covers.ATTEMPTS, limit_per_day=9)
    assert set(reasons(ask(attempt(point="m1"), facts(*tries, consents=(mine, main)), "2026-06-10 16:00"))) == {
        "cn.unanswered_per_number"
    }
    to_main = [replace(each, point="") for each in tries] * 2
    assert ask(attempt(), facts(*to_main, consents=(mine, main)), "2026-06-10 16:00").permitted


def test_a_main_number_belongs_to_its_person_and_a_listed_one_to_everybody():
    six = [contact(f"2026-06-10 {hour}:00", point="m1", party=Party.GUARANTOR, person="g1") for hour in range(10, 16)]
    told = reasons(ask(attempt(point="m1"), facts(*six), "2026-06-10 16:00"))
    assert set(told) == {"cn.unanswered_per_number"}
    assert ask(attempt(), facts(*(replace(each, point="") for each in six)), "2026-06-10 16:00").permitted


def test_a_letter_goes_home_and_a_push_message_to_the_mobile():
    known = facts()
    for channel, kind in (
        (Channel.LETTER, PointKind.HOME_ADDRESS), (Channel.VISIT, PointKind.HOME_ADDRESS), (Channel.SMS, PointKind.MOBILE),
        (Channel.PORTAL_PUSH, PointKind.MOBILE), (Channel.EMAIL, PointKind.PERSONAL_EMAIL), (Channel.VOICEMAIL, PointKind.MOBILE),
        (Channel.PORTAL_CONTENT, None), (Channel.PUBLIC_POST, None),
    ):  # fmt: skip
        assert known.point_kind(channel, "") is kind
    assert known.point_kind(Channel.CALL, "m1") is PointKind.MOBILE
    assert known.point_kind(Channel.CALL, "elsewhere") is None


def test_every_attribute_of_an_attempt_is_stated_by_the_builder_of_these_tests():
    left_out = {"session_of", "in_reply_to", "claimed_factor", "route"}
    assert {each.name for each in fields(Attempt) if getattr(attempt(), each.name) is None} == left_out
    assert Outcome.DROPPED  # the words of the gate are closed


NEEDS = {
    hours.QuietHours: {"timezones", "consents"},
    hours.PublicHoliday: set(),
    hours.StatedBlock: {"timezones", "time_blocks", "consents"},
    hours.BadTime: {"bad_times"},
    hours.BarredPlace: {"points", "place_bars", "whereabouts"},
    hours.PlaceOfCare: {"points"},
    caps.Cap: {"timezones", "contacts", "consents", "points", "wrong_numbers"},
    caps.Spacing: {"contacts"},
    parties.UnrelatedPerson: {"people", "status"},
    parties.SealedUntilLost: {"people", "status", "contacts", "points"},
    parties.SealedByRefusal: {"people", "status", "refused_by"},
    parties.OneThirdPersonAtATime: {"people", "status", "contacts"},
    parties.OutsideCircle: {"consents"},
    parties.NumberOfAnother: {"points", "wrong_numbers", "number_checks"},
    parties.LocatedOnce: {"contacts", "invited_by"},
    parties.StatusBar: {"status"},
    parties.Represented: {"attorney"},
    holds.Held: {"holds", "timezones"},
    holds.Ceased: {"ceased_at"},
    holds.OptedOut: {"opt_outs", "consents", "timezones"},
    holds.VoiceConsent: {"points", "consents"},
    holds.ElectronicRoute: {"contacts", "points", "consents", "transfer_notices", "number_checks", "timezones"},
    **{TESTS[name]: set() for name in (
        "must_be", "at_least", "never", "no_uninvited_entry", "never_says", "no_suit_on_time_barred", "refused_as_time_barred",
        "letter_shows", "voicemail_holds",
    )},
}  # fmt: skip
"""The facts each kind of rule cannot do without; a fact that nobody could learn is refused by these."""


def test_every_kind_of_rule_says_which_facts_it_cannot_do_without():
    assert {test: set(test.needs) for test in TESTS.values()} == NEEDS


# --- caps -----------------------------------------------------------------------------------------------------------


def capped(known, wanted=None, *, zone="Asia/Shanghai", at="2026-06-10 16:00", **values):
    """What a cap says by itself; two calls a day to one person but for the values told."""
    usual = {"limit": 2, "dates": 1, "channels": frozenset({Channel.CALL}), "per": frozenset({"person"}), "zone": zone}
    return caps.Cap(**{**usual, **values}).refuses(gate.Asked(wanted or attempt(), known, {}, moment(at, zone)))


TWO = ("2026-06-10 10:00", "2026-06-10 11:00")


def test_a_cap_counts_replies_and_wrong_numbers_unless_it_skips_them():
    answers = facts(*(contact(at, in_reply_to="k") for at in TWO))
    assert capped(answers) is not None
    assert capped(answers, skips=frozenset({"bank_holidays"})) is not None
    assert capped(answers, skips=frozenset({"replies"})) is None
    wrong = facts(*(contact(at, point="m1") for at in TWO), wrong_numbers=frozenset({"m1"}))
    assert capped(wrong) is not None
    assert capped(wrong, skips=frozenset({"replies"})) is not None
    assert capped(wrong, skips=frozenset({"wrong_number"})) is None
    banks = facts(*map(contact, TWO))
    assert capped(banks, skips=frozenset({"replies"})) is not None
    assert capped(banks, skips=frozenset({"bank"})) is None


def test_a_cap_on_outcomes_counts_a_connected_call_of_unknown_outcome_and_no_other():
    talks = frozenset({Outcome.CONVERSATION})
    assert capped(facts(*(contact(at, line_result=LineResult.CONNECTED) for at in TWO)), outcomes=talks) is not None
    assert capped(facts(*map(contact, TWO)), outcomes=talks) is None
    assert capped(facts(*(talk(at, Outcome.DROPPED) for at in TWO)), outcomes=talks) is None
    assert capped(facts(*(talk(at, Outcome.CONVERSATION) for at in TWO)), outcomes=talks) is not None


def test_a_cap_for_debts_in_procedures_binds_agencies_always_and_the_bank_only_then():
    idle = facts(*map(contact, TWO), debts={"card": Debt("card", in_collection_procedures=False)})
    per_debt = {"per": frozenset({"debt"}), "procedures": True}
    assert capped(idle, **per_debt) is None
    assert capped(idle, attempt(actor="agency:A"), **per_debt) is not None
    assert capped(idle, per=frozenset({"debt"})) is not None
    assert capped(idle, per=frozenset({"person"}), procedures=True).missing is None


def test_a_contact_at_a_point_of_unknown_kind_counts_for_every_class_of_points():
    unknown = facts(*(contact(at, point_kind=None) for at in TWO))
    assert capped(unknown, at_points="mobile_or_home") is not None
    assert capped(unknown, attempt(point="desk"), at_points="elsewhere") is not None
    desk = replace(unknown, points={"desk": Point("desk", PointKind.WORK_PHONE)})
    assert capped(desk, attempt(point="desk"), at_points="elsewhere") is not None
    assert capped(desk, attempt(point="desk"), at_points="mobile_or_home") is None


def test_texts_sent_while_a_consent_to_calls_runs_are_counted():
    agreed = (consent("2026-06-10 09:00", Covers.FREQUENCY, given_to="bank"),)
    both = frozenset({Channel.CALL, Channel.SMS})
    skip = {"skips": frozenset({"consented"}), "channels": both}
    assert capped(facts(*map(contact, TWO), consents=agreed), **skip) is None
    texts = [contact(at, channel=Channel.SMS) for at in TWO]
    assert capped(facts(*texts, consents=agreed), **skip) is not None


def test_spacing_heeds_a_ringing_call_and_no_call_of_the_person():
    spaced = Spacing(5)
    wanted, at = attempt(), moment("2026-06-10 10:04")
    assert spaced.refuses(gate.Asked(wanted, facts(contact("2026-06-10 10:00", line_result=None)), {}, at)) is not None
    missed = contact("2026-06-10 10:00", direction=Direction.INBOUND)
    assert spaced.refuses(gate.Asked(wanted, facts(missed), {}, at)) is None
    text = contact("2026-06-10 10:00", channel=Channel.SMS)
    assert spaced.refuses(gate.Asked(wanted, facts(text), {}, at)) is None
    assert spaced.refuses(gate.Asked(wanted, facts(contact("2026-06-10 10:00")), {}, at)) is not None
    assert Spacing(5, frozenset({"bank"})).refuses(gate.Asked(wanted, facts(contact("2026-06-10 10:00")), {}, at)) is None


def test_nobody_is_asked_for_what_may_be_paid():
    known = facts(holds=(hold(HoldKind.PAYMENT_CHECK, "2026-06-01 10:00"),))
    house = law("cn", "house")
    assert set(reasons(ask(attempt(), known, under=house))) == {"house.hold_payment_check"}
    assert ask(attempt(purpose=Purpose.RESPOND), known, under=house).permitted
    assert ask(attempt(), facts(), under=house).permitted
