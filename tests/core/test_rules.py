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
)

from anhuan.core import gate
from anhuan.core.facts import Attempt, OptOut, PlaceBar, TimeBlock
from anhuan.core.rules.caps import Spacing
from anhuan.core.vocabulary import Channel, Covers, HoldKind, LineResult, Outcome, Party, PointKind, Purpose

TICK = timedelta(microseconds=1)


def test_quiet_hours_that_do_not_run_over_midnight_cannot_be_written():
    from anhuan.core.rules.hours import QuietHours

    with pytest.raises(ValueError, match="midnight"):
        QuietHours(datetime.min.time().replace(hour=8), datetime.min.time().replace(hour=22))


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
