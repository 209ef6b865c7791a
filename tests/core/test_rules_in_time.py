"""What the debtor wishes and what stands in her way, at the edges of time and before it was said."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from tests.core.questions import attempt, consent, contact, facts, hold, moment, talk

from anhuan.core.asked import Asked
from anhuan.core.facts import NumberCheck, OptOut, Person, PlaceBar, Point, TimeBlock, TransferNotice
from anhuan.core.rules.holds import Ceased, ElectronicRoute, Held, OptedOut, VoiceConsent
from anhuan.core.rules.hours import BadTime, BarredPlace, PlaceOfCare, StatedBlock
from anhuan.core.rules.parties import (
    LocatedOnce,
    NumberOfAnother,
    OneThirdPersonAtATime,
    OutsideCircle,
    SealedByRefusal,
    SealedUntilLost,
    UnrelatedPerson,
    lost_since,
)
from anhuan.core.vocabulary import (
    Channel,
    Covers,
    Direction,
    HoldKind,
    LineResult,
    Outcome,
    Party,
    PointKind,
    Purpose,
    Route,
    Says,
)

NOON = "2026-06-10 12:00"
TICK = timedelta(microseconds=1)
LATER, NOW, BEFORE = moment(NOON) + TICK, moment(NOON), moment(NOON) - TICK


def refuses(test, known, wanted=None, at=NOON) -> bool:
    return test.refuses(Asked(wanted or attempt(), known, {}, moment(at))) is not None


# --- before it was said ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "stands"), [(BEFORE, True), (NOW, True), (LATER, False)])
def test_what_is_said_binds_from_its_very_instant_on(at, stands):
    friend = attempt(party=Party.FRIEND, person="f1", purpose=Purpose.LOCATE)
    for test, told, wanted in (
        (Held(HoldKind.DISPUTE), {"holds": (replace(hold(HoldKind.DISPUTE, NOON), begins=at),)}, None),
        (Ceased(), {"ceased_at": at}, None),
        (OptedOut(), {"opt_outs": (OptOut(at, Channel.CALL),)}, None),
        (StatedBlock(), {"time_blocks": (TimeBlock(at, frozenset(range(7))),)}, None),
        (BarredPlace(), {"place_bars": (PlaceBar(at, "home"),), "whereabouts": "home"}, None),
        (SealedByRefusal(), {"refused_by": {"f1": at}}, friend),
        (SealedByRefusal(), {"refused_by": {"f1": at}}, replace(friend, person="")),
        (NumberOfAnother(), {"number_checks": (NumberCheck(at, "m1", reassigned=True),)}, attempt(point="m1")),
    ):
        assert refuses(test, facts(**told), wanted) is stands, test


def test_an_invitation_counts_from_its_instant_and_only_after_the_talk():
    asked = attempt(party=Party.FRIEND, person="f1", purpose=Purpose.LOCATE)
    spoke = talk("2026-06-09 12:00", party=Party.FRIEND, person="f1")
    for at, refused in ((BEFORE, False), (NOW, False), (LATER, True), (spoke.at, True), (spoke.at + TICK, False)):
        assert refuses(LocatedOnce(), facts(spoke, invited_by={"f1": at}), asked) is refused


def test_an_earlier_call_that_found_nobody_is_passed_over_on_the_way_back_to_a_talk():
    asked = attempt(party=Party.FRIEND, person="f1", purpose=Purpose.LOCATE)
    spoke = talk("2026-06-08 12:00", party=Party.FRIEND, person="f1")
    rang = contact("2026-06-09 12:00", party=Party.FRIEND, person="f1")
    other = talk("2026-06-09 13:00", party=Party.FRIEND, person="f2")
    assert refuses(LocatedOnce(), facts(spoke, rang, other), asked)
    assert not refuses(LocatedOnce(), facts(rang, other), asked)
    assert not refuses(LocatedOnce(frozenset({"bank"})), facts(spoke), asked)
    assert refuses(LocatedOnce(frozenset({"bank"})), facts(replace(spoke, actor="agency:A")), asked)
    by_text = contact("2026-06-08 12:00", party=Party.FRIEND, person="f1", channel=Channel.SMS)
    assert not refuses(LocatedOnce(), facts(by_text), asked)


# --- holds ------------------------------------------------------------------------------------------------------------


def test_a_hold_ends_at_its_instant_or_with_its_last_date():
    ended = facts(holds=(hold(HoldKind.DISPUTE, "2026-06-01 10:00", ends=NOON),))
    assert not refuses(Held(HoldKind.DISPUTE), ended)
    assert refuses(Held(HoldKind.DISPUTE), ended, at="2026-06-10 11:59:59.999999")
    until = facts(holds=(hold(HoldKind.BREATHING_SPACE, "2026-06-01 10:00", until_date=date(2026, 6, 10)),))
    assert refuses(Held(HoldKind.BREATHING_SPACE), until, at="2026-06-10 23:59:59.999999")
    assert not refuses(Held(HoldKind.BREATHING_SPACE), until, at="2026-06-11 00:00")
    assert not refuses(Held(HoldKind.DISPUTE), until)


def test_a_hold_that_is_over_hides_no_hold_that_stands():
    over, stands = hold(HoldKind.FRAUD, "2026-06-01 10:00", ends="2026-06-02 10:00"), hold(HoldKind.FRAUD, "2026-06-03 10:00")
    other = hold(HoldKind.FRAUD, "2026-06-03 10:00", debts=frozenset({"loan"}))
    assert refuses(Held(HoldKind.FRAUD), facts(holds=(over, other, stands)))
    assert not refuses(Held(HoldKind.FRAUD), facts(holds=(over, other)))
    assert refuses(Held(HoldKind.FRAUD), facts(holds=(over, other)), attempt(debts=frozenset({"card", "loan"})))


def test_a_remedy_notice_passes_a_cease_notice_and_nothing_else_does():
    ceased = facts(ceased_at=BEFORE)
    for purpose in Purpose:
        assert refuses(Ceased(), ceased, attempt(purpose=purpose)) is (purpose is not Purpose.REMEDY_NOTICE)
    assert not refuses(Ceased(), facts())


# --- opt-outs -----------------------------------------------------------------------------------------------------------


def test_an_opt_out_is_confirmed_once_by_its_medium_at_its_point():
    out = facts(opt_outs=(OptOut(BEFORE, Channel.SMS, "m1"),))
    confirm = attempt(channel=Channel.SMS, point="m1", purpose=Purpose.CONFIRM_OPT_OUT)
    assert not refuses(OptedOut(), out, confirm)
    first = contact(NOON, channel=Channel.SMS, point="m1", purpose=Purpose.CONFIRM_OPT_OUT)
    known = facts(first, opt_outs=out.opt_outs)
    assert refuses(OptedOut(), known, confirm)
    for told in ({"channel": Channel.EMAIL}, {"point": "m2"}, {"purpose": Purpose.RESPOND}):
        assert not refuses(OptedOut(), facts(replace(first, **told), opt_outs=out.opt_outs), confirm)
    earlier = replace(first, at=BEFORE - TICK)
    assert not refuses(OptedOut(), facts(earlier, opt_outs=out.opt_outs), confirm)
    assert refuses(OptedOut(), facts(replace(first, at=BEFORE), opt_outs=out.opt_outs), confirm)
    anywhere = (OptOut(BEFORE, Channel.SMS),)
    assert refuses(OptedOut(), facts(replace(first, point="m2"), opt_outs=anywhere), confirm)


def test_an_opt_out_is_lifted_only_by_a_later_consent_to_the_medium():
    out = (OptOut(moment("2026-06-05 10:00"), Channel.CALL),)
    for at, refused in (("2026-06-05 09:59", True), ("2026-06-05 10:00", True), ("2026-06-05 10:01", False)):
        agreed = (consent(at, Covers.MEDIUM),)
        assert refuses(OptedOut(), facts(opt_outs=out, consents=agreed)) is refused
    others = (consent("2026-06-06 10:00", Covers.MEDIUM, given_to="agency:A"),)
    assert not refuses(OptedOut(), facts(opt_outs=out, consents=others))
    assert refuses(OptedOut(personal=True), facts(opt_outs=out, consents=others))


def test_an_opt_out_without_a_calendar_binds_at_once_and_for_everything():
    out = facts(opt_outs=(OptOut(BEFORE, Channel.CALL),))
    assert refuses(OptedOut(), out)
    assert refuses(OptedOut(), out, attempt(purpose=Purpose.SERVICE))
    assert not refuses(OptedOut(unrelated=False), out, attempt(purpose=Purpose.SERVICE))
    assert refuses(OptedOut(unrelated=False), out)
    assert not refuses(OptedOut(automated_only=True), out)
    assert refuses(OptedOut(automated_only=True), out, attempt(automated=True))
    assert refuses(OptedOut(automated_only=True), out, attempt(automated=None))
    assert refuses(OptedOut(calendar="unknown"), out)
    assert OptedOut().after_workdays == 0


def test_only_letters_carry_a_required_notice_past_an_opt_out():
    for channel in (Channel.LETTER, Channel.EMAIL):
        out = facts(opt_outs=(OptOut(BEFORE, channel),))
        assert refuses(OptedOut(), out, attempt(channel=channel, purpose=Purpose.REQUIRED_NOTICE)) is (channel is Channel.EMAIL)
        assert refuses(OptedOut(), out, attempt(channel=channel))


# --- routes and voices ---------------------------------------------------------------------------------------------------

ROUTE = ElectronicRoute(fresh_days=60, notice_days=35)
TEXT = attempt(channel=Channel.SMS, point="m1", route=Route.OWN_USE, actor="agency:A")


def wrote(at: str, **told):
    return contact(at, channel=Channel.SMS, direction=Direction.INBOUND, point="m1", **told)


def test_a_text_opens_the_route_for_sixty_days_and_a_check_as_long():
    for at, open_ in (("2026-04-11 00:00", True), ("2026-04-10 23:59", False), (NOON, True)):
        assert refuses(ROUTE, facts(wrote(at)), TEXT) is not open_
    old = wrote("2026-01-01 10:00")
    for at, open_ in (("2026-04-11 00:00", True), ("2026-04-10 23:59", False), (NOON, True), ("2026-06-10 12:01", False)):
        check = (NumberCheck(moment(at), "m1", reassigned=False),)
        assert refuses(ROUTE, facts(old, number_checks=check), TEXT) is not open_
    assert refuses(ROUTE, facts(number_checks=(NumberCheck(BEFORE, "m1", reassigned=False),)), TEXT)


def test_a_number_found_reassigned_closes_what_was_opened_before():
    wrote_before, found = wrote("2026-06-01 10:00"), NumberCheck(moment("2026-06-02 10:00"), "m1", reassigned=True)
    assert refuses(ROUTE, facts(wrote_before, number_checks=(found,)), TEXT)
    assert refuses(ROUTE, facts(wrote_before, number_checks=(replace(found, at=wrote_before.at),)), TEXT)
    assert not refuses(ROUTE, facts(wrote_before, number_checks=(replace(found, point="m2"),)), TEXT)
    assert not refuses(ROUTE, facts(wrote_before, number_checks=(replace(found, at=LATER),)), TEXT)
    again = wrote("2026-06-03 10:00")
    assert not refuses(ROUTE, facts(wrote_before, again, number_checks=(found,)), TEXT)
    older = (NumberCheck(moment("2026-05-30 10:00"), "m1", reassigned=False), found)
    stale = wrote("2026-01-03 10:00")
    assert refuses(ROUTE, facts(stale, number_checks=older), TEXT)
    found_long_ago = replace(found, at=moment("2026-01-02 10:00"))
    assert refuses(ROUTE, facts(stale, number_checks=(found_long_ago,)), TEXT)
    checked_since = (found_long_ago, NumberCheck(moment("2026-06-01 10:00"), "m1", reassigned=False))
    assert not refuses(ROUTE, facts(stale, number_checks=checked_since), TEXT)


def test_a_number_found_reassigned_twice_is_closed_by_the_later_finding():
    found = [NumberCheck(moment(f"2026-06-0{day} 10:00"), "m1", reassigned=True) for day in (1, 3)]
    between, after = wrote("2026-06-02 10:00"), wrote("2026-06-04 10:00")
    assert refuses(ROUTE, facts(between, number_checks=tuple(found)), TEXT)
    assert not refuses(ROUTE, facts(between, after, number_checks=tuple(found)), TEXT)


def test_only_a_text_of_the_person_from_that_number_opens_the_route_of_texts():
    call = contact("2026-06-01 10:00", direction=Direction.INBOUND, point="m1", line_result=LineResult.CONNECTED)
    assert refuses(ROUTE, facts(call), TEXT)
    assert refuses(ROUTE, facts(replace(wrote("2026-06-01 10:00"), direction=Direction.OUTBOUND)), TEXT)
    assert refuses(ROUTE, facts(replace(wrote("2026-06-01 10:00"), point="m2")), TEXT)
    assert refuses(ROUTE, facts(replace(wrote("2026-06-01 10:00"), party=Party.SPOUSE)), TEXT)
    assert not refuses(ROUTE, facts(wrote("2026-06-01 10:00")), TEXT)


def test_the_route_of_a_prior_collector_is_for_listed_addresses():
    wanted = attempt(channel=Channel.EMAIL, route=Route.PRIOR_COLLECTOR, actor="agency:A")
    assert refuses(ROUTE, facts(), wanted)


def test_a_notice_opens_the_route_after_its_period_and_never_by_text():
    mail = {"points": {"mail": Point("mail", PointKind.PERSONAL_EMAIL)}}
    notice = TransferNotice(moment("2026-05-01 10:00"), "mail", date(2026, 6, 5))
    wanted = attempt(channel=Channel.EMAIL, point="mail", route=Route.CREDITOR_NOTICE, actor="agency:A")
    for told, at, open_ in (
        (notice, "2026-06-06 00:00", True),
        (notice, "2026-06-05 23:59", False),
        (replace(notice, opt_out_until=date(2026, 6, 4)), "2026-06-06 00:00", False),
        (replace(notice, at=moment("2026-06-07 10:00")), "2026-06-06 00:00", False),
        (replace(notice, at=moment("2026-05-01 00:00")), "2026-06-06 00:00", True),
        (replace(notice, point="other"), "2026-06-06 00:00", False),
    ):
        assert refuses(ROUTE, facts(transfer_notices=(told,), **mail), wanted, at) is not open_
    unlisted = replace(wanted, point="")
    assert refuses(ROUTE, facts(transfer_notices=(replace(notice, point=""),), **mail), unlisted, "2026-06-06 00:00")
    early = facts(transfer_notices=(TransferNotice(LATER, "mail", date(2026, 1, 1) - timedelta(days=1)),), **mail)
    assert refuses(ROUTE, early, wanted)


def test_a_robot_calls_a_mobile_only_by_consent_and_a_landline_freely():
    robot = attempt(automated=True, point="m1")
    assert refuses(VoiceConsent(), facts(), robot)
    assert not refuses(VoiceConsent(), facts(consents=(consent("2026-06-01 10:00", Covers.ARTIFICIAL_VOICE),)), robot)
    assert not refuses(VoiceConsent(), facts(), replace(robot, automated=False))
    home = facts(points={"m1": Point("m1", PointKind.HOME_PHONE)})
    assert not refuses(VoiceConsent(), home, robot)
    assert not refuses(VoiceConsent(), home, replace(robot, automated=None))


# --- lost ----------------------------------------------------------------------------------------------------------------

FRIEND = attempt(party=Party.FRIEND, person="f1", purpose=Purpose.LOCATE)
SEALED = SealedUntilLost("Asia/Shanghai")


def dials(*days: str, **told):
    return [contact(f"2026-06-{day}", **told) for day in days]


def test_a_debtor_is_lost_from_the_first_instant_of_the_date_after_the_third_failed_dial():
    known = facts(*dials("08 10:00", "08 11:00", "08 23:59", "09 10:00"))
    assert lost_since(known, moment(NOON), "Asia/Shanghai") == moment("2026-06-09 00:00")
    assert not refuses(SEALED, known, FRIEND, "2026-06-09 00:00")
    assert refuses(SEALED, known, FRIEND, "2026-06-08 23:59:59.999999")


def test_dials_still_to_come_and_dials_to_others_make_nobody_lost():
    known = facts(*dials("08 10:00", "08 11:00", "10 13:00"))
    assert lost_since(known, moment(NOON), "Asia/Shanghai") is None
    to_friend = facts(*dials("08 10:00", "08 11:00"), *dials("08 12:00", party=Party.FRIEND, person="f1"))
    assert lost_since(to_friend, moment(NOON), "Asia/Shanghai") is None
    texts = facts(*dials("08 10:00", "08 11:00", "08 12:00", channel=Channel.SMS))
    assert lost_since(texts, moment(NOON), "Asia/Shanghai") is None


def test_dead_numbers_are_lost_at_once_and_alive_again_with_any_other_result():
    one = {"points": {"m1": Point("m1", PointKind.MOBILE), "mail": Point("mail", PointKind.PERSONAL_EMAIL)}}
    dead = contact("2026-06-10 10:00", point="m1", line_result=LineResult.INVALID_NUMBER)
    assert lost_since(facts(dead, **one), moment(NOON), "Asia/Shanghai") == dead.at
    busy = contact("2026-06-10 11:00", point="m1", line_result=LineResult.BUSY)
    assert lost_since(facts(dead, busy, **one), moment(NOON), "Asia/Shanghai") is None
    again = contact("2026-06-10 11:30", point="m1", line_result=LineResult.NOT_IN_SERVICE)
    assert lost_since(facts(dead, busy, again, **one), moment(NOON), "Asia/Shanghai") == again.at
    two = {"points": {"m1": Point("m1", PointKind.MOBILE), "m2": Point("m2", PointKind.OTHER_PHONE)}}
    other = replace(again, point="m2")
    assert lost_since(facts(dead, **two), moment(NOON), "Asia/Shanghai") is None
    assert lost_since(facts(dead, other, **two), moment(NOON), "Asia/Shanghai") == other.at
    of_another = {"points": {**one["points"], "m3": Point("m3", PointKind.MOBILE, of_third_person=True)}}
    assert lost_since(facts(dead, **of_another), moment(NOON), "Asia/Shanghai") == dead.at


def test_an_answer_of_the_debtor_on_any_line_begins_the_count_anew():
    failed = dials("08 10:00", "08 11:00", "08 12:00")
    for sign in (
        talk("2026-06-08 13:00", Outcome.DROPPED),
        contact("2026-06-08 13:00", direction=Direction.INBOUND),
        contact("2026-06-08 13:00", direction=Direction.INBOUND, channel=Channel.PORTAL_CONTENT),
        contact("2026-06-08 13:00", line_result=None),
    ):
        assert lost_since(facts(*failed, sign), moment(NOON), "Asia/Shanghai") is None
        more = dials("09 10:00", "09 11:00", "09 12:00")
        assert lost_since(facts(*failed, sign, *more), moment(NOON), "Asia/Shanghai") == moment("2026-06-10 00:00")


def test_a_message_of_ours_finds_nobody_and_what_happens_now_counts():
    failed = dials("08 10:00", "08 11:00", "08 12:00")
    text = contact("2026-06-08 13:00", channel=Channel.SMS)
    assert lost_since(facts(*failed, text), NOW, "Asia/Shanghai") == moment("2026-06-09 00:00")
    answered_now = talk(NOON)
    assert lost_since(facts(*failed, answered_now), NOW, "Asia/Shanghai") is None
    assert lost_since(facts(*failed, answered_now), BEFORE, "Asia/Shanghai") == moment("2026-06-09 00:00")


@pytest.mark.parametrize("kind", list(PointKind))
def test_every_phone_must_be_dead_and_no_address_need_be(kind):
    points = {"m1": Point("m1", PointKind.MOBILE), "x": Point("x", kind)}
    dead = contact("2026-06-10 10:00", point="m1", line_result=LineResult.INVALID_NUMBER)
    phones = {PointKind.MOBILE, PointKind.HOME_PHONE, PointKind.WORK_PHONE, PointKind.OTHER_PHONE}
    since = lost_since(facts(dead, points=points), NOW, "Asia/Shanghai")
    assert since == (None if kind in phones else dead.at)


def test_whoever_answers_for_the_debt_is_sealed_by_nothing():
    for party in (Party.DEBTOR, Party.GUARANTOR, Party.ATTORNEY):
        wanted = attempt(party=party, person="x")
        assert not refuses(UnrelatedPerson(), facts(), wanted)
        assert not refuses(SEALED, facts(), wanted)
        assert not refuses(SealedByRefusal(), facts(refused_by={"x": BEFORE}), wanted)
    assert refuses(UnrelatedPerson(), facts(), attempt(party=Party.SPOUSE, person="unknown"))


def test_who_goes_without_a_name_may_be_anybody_of_her_relation_who_refused():
    people = {"f1": Person("f1", Party.FRIEND), "n1": Person("n1", Party.NEIGHBOUR)}
    nameless = replace(FRIEND, person="")
    for refused_by, refused in (
        ({"f1": BEFORE}, True),
        ({"n1": BEFORE}, False),
        ({"n1": BEFORE, "f1": BEFORE}, True),
        ({"somebody": BEFORE}, True),
        ({}, False),
    ):
        assert refuses(SealedByRefusal(), facts(people=people, refused_by=refused_by), nameless) is refused
    assert not refuses(SealedByRefusal(), facts(people=people, refused_by={"n1": BEFORE}), FRIEND)


def test_who_asks_without_saying_whether_the_debt_is_told_is_refused():
    silent = replace(FRIEND, discloses_debt=None)
    assert UnrelatedPerson().refuses(Asked(silent, facts(), {}, NOW)).missing == "discloses_debt"
    assert not refuses(UnrelatedPerson(), facts(), FRIEND)
    circle = OutsideCircle(frozenset({Party.DEBTOR}), may_locate=True)
    assert circle.refuses(Asked(silent, facts(), {}, NOW)).missing == "discloses_debt"
    assert not refuses(circle, facts(), FRIEND)
    assert refuses(circle, facts(), replace(FRIEND, discloses_debt=True))
    assert refuses(OutsideCircle(frozenset({Party.DEBTOR})), facts(), FRIEND)


def test_a_consent_opens_the_person_it_names_where_the_law_lets_it():
    opens = OutsideCircle(frozenset({Party.DEBTOR}), consent_opens=True)
    collecting = replace(FRIEND, purpose=Purpose.COLLECT)
    named = facts(consents=(consent("2026-06-01 10:00", Covers.THIRD_PARTY, person="f1"),))
    assert not refuses(opens, named, collecting)
    assert refuses(opens, facts(consents=(consent("2026-06-01 10:00", Covers.THIRD_PARTY),)), collecting)
    assert refuses(opens, named, replace(collecting, person="f2"))
    assert refuses(OutsideCircle(frozenset({Party.DEBTOR})), named, collecting)
    assert refuses(replace(opens, personal=True), named, replace(collecting, actor="agency:A"))


def test_only_a_ringing_location_call_of_ours_to_another_person_makes_the_next_one_wait():
    ringing = contact("2026-06-10 11:00", line_result=None, party=Party.FRIEND, person="f2", purpose=Purpose.LOCATE)
    assert refuses(OneThirdPersonAtATime(), facts(ringing), FRIEND)
    for other in (
        replace(ringing, direction=Direction.INBOUND),
        replace(ringing, person="f1"),
        replace(ringing, line_result=LineResult.BUSY),
        replace(ringing, channel=Channel.SMS),
        replace(ringing, purpose=Purpose.RESPOND),
    ):
        assert not refuses(OneThirdPersonAtATime(), facts(other), FRIEND)
    assert refuses(OneThirdPersonAtATime(), facts(ringing, replace(ringing, at=NOW, line_result=LineResult.BUSY)), FRIEND)


def test_the_latest_check_of_a_number_says_whose_it_is():
    theirs, hers = (NumberCheck(moment(f"2026-06-0{day} 10:00"), "m1", reassigned=day == 1) for day in (1, 2))
    wanted = attempt(point="m1")
    assert refuses(NumberOfAnother(), facts(number_checks=(theirs,)), wanted)
    assert not refuses(NumberOfAnother(), facts(number_checks=(theirs, hers)), wanted)
    assert refuses(NumberOfAnother(), facts(number_checks=(hers, replace(theirs, at=NOW))), wanted)
    assert not refuses(NumberOfAnother(), facts(number_checks=(replace(theirs, point="m2"),)), wanted)
    assert not refuses(NumberOfAnother(), facts(), wanted)


# --- places and blocks -----------------------------------------------------------------------------------------------------


def test_a_place_is_barred_by_what_is_tied_to_it_or_by_knowing_that_she_is_there():
    kinds = {kind.value: Point(kind.value, kind) for kind in PointKind}
    tied = {
        PointKind.HOME_PHONE: "home",
        PointKind.HOME_ADDRESS: "home",
        PointKind.WORK_PHONE: "work",
        PointKind.WORK_ADDRESS: "work",
    }
    carried = {PointKind.MOBILE, PointKind.PERSONAL_EMAIL, PointKind.WORK_EMAIL}
    for bar in ("home", "work"):
        for whereabouts in ("home", "work", "unknown"):
            known = facts(points=kinds, place_bars=(PlaceBar(BEFORE, bar),), whereabouts=whereabouts)
            for kind in PointKind:
                barred = tied.get(kind) == bar or (kind in carried and whereabouts == bar)
                assert refuses(BarredPlace(), known, attempt(point=kind.value)) is barred, (bar, whereabouts, kind)
    assert not refuses(BarredPlace(), facts(place_bars=(PlaceBar(BEFORE, "home"),)), attempt(channel=Channel.PORTAL_CONTENT))
    assert not refuses(BarredPlace(), facts(whereabouts="home"), attempt(point="nowhere"))


def test_a_block_is_lifted_only_by_a_consent_given_later():
    block = TimeBlock(moment("2026-06-05 10:00"), frozenset(range(7)))
    for at, refused in (("2026-06-05 09:59", True), ("2026-06-05 10:00", True), ("2026-06-05 10:01", False)):
        known = facts(time_blocks=(block,), consents=(consent(at, Covers.HOURS),))
        assert refuses(StatedBlock(), known) is refused
    others = facts(time_blocks=(block,), consents=(consent("2026-06-06 10:00", Covers.HOURS, given_to="agency:A"),))
    assert not refuses(StatedBlock(), others)
    assert refuses(StatedBlock(personal=True), others)


@pytest.mark.parametrize(
    ("begins", "ends", "weekdays", "until", "at", "blocked"),
    [
        (time(15), time(17), {2}, None, "2026-06-10 15:00", True),
        (time(15), time(17), {2}, None, "2026-06-10 17:00", False),
        (time(22), time(10), {2}, None, "2026-06-11 09:59", True),
        (time(22), time(10), {2}, None, "2026-06-10 09:59", False),
        (time(22), time(10), {2}, None, "2026-06-10 22:00", True),
        (time(22), time(10), {2}, None, "2026-06-11 10:00", False),
        (time(22), time(10), {2}, None, "2026-06-11 22:00", False),
        (time(22), time(10), {2}, date(2026, 6, 10), "2026-06-11 09:59", True),
        (time(22), time(10), {2}, date(2026, 6, 9), "2026-06-11 09:59", False),
        (time(12), time(12), {2}, None, "2026-06-11 11:59", True),
        (time(12), time(12), {2}, None, "2026-06-10 12:00", True),
        (time(12), time(12), {2}, None, "2026-06-10 11:59", False),
        (None, time(12), {2}, None, "2026-06-10 00:00", True),
        (None, time(12), {2}, None, "2026-06-10 12:00", False),
        (time(12), None, {2}, None, "2026-06-10 23:59", True),
        (time(12), None, {2}, None, "2026-06-11 00:00", False),
        (None, None, {2}, None, "2026-06-10 00:00", True),
        (None, None, {2}, None, "2026-06-11 00:00", False),
        (None, None, {2}, date(2026, 6, 10), "2026-06-10 23:59", True),
        (None, None, {2}, date(2026, 6, 9), "2026-06-10 23:59", False),
    ],
)
def test_a_block_recurs_on_its_weekdays_until_its_last_date(begins, ends, weekdays, until, at, blocked):
    block = TimeBlock(moment("2026-06-01 10:00"), frozenset(weekdays), begins, ends, until)
    assert refuses(StatedBlock(), facts(time_blocks=(block,)), at=at) is blocked


def test_a_block_that_does_not_concern_the_attempt_hides_none_that_does():
    texts = TimeBlock(moment("2026-06-01 10:00"), frozenset(range(7)), channel=Channel.SMS)
    mondays = TimeBlock(moment("2026-06-01 10:00"), frozenset({0}))
    always = TimeBlock(moment("2026-06-01 10:00"), frozenset(range(7)))
    assert refuses(StatedBlock(), facts(time_blocks=(texts, mondays, always)))
    assert not refuses(StatedBlock(), facts(time_blocks=(texts, mondays)))


def first_free(known, at, zone="Asia/Shanghai"):
    return StatedBlock().refuses(Asked(attempt(), known, {}, moment(at, zone))).not_before


def test_the_last_date_of_a_time_barred_every_day_is_looked_for_a_week_ahead_and_no_further():
    for until, opens in ((date(2026, 6, 17), moment("2026-06-18 00:00")), (date(2026, 6, 18), None)):
        block = TimeBlock(moment("2026-06-01 10:00"), frozenset(range(7)), until_date=until)
        assert first_free(facts(time_blocks=(block,)), NOON) == opens


def test_a_block_ends_where_it_ends_in_every_zone():
    block = TimeBlock(moment("2026-06-01 10:00"), frozenset(range(7)), time(15), time(23))
    new_york = facts(zone="America/New_York", time_blocks=(block,))  # ten in the evening there is the next date in UTC
    assert first_free(new_york, "2026-06-09 22:00", "America/New_York") == moment("2026-06-09 23:00", "America/New_York")
    both = facts(timezones=("America/New_York", "America/Los_Angeles"), time_blocks=(block,))
    assert first_free(both, "2026-06-09 22:00", "America/New_York") == moment("2026-06-09 23:00", "America/Los_Angeles")
    assert first_free(both, "2026-06-09 15:00", "America/New_York") == moment("2026-06-09 23:00", "America/Los_Angeles")


def test_a_block_of_six_days_a_week_ends_with_the_seventh():
    for weekday in range(7):
        block = TimeBlock(moment("2026-06-01 10:00"), frozenset(range(7)) - {weekday})
        free = first_free(facts(time_blocks=(block,)), f"2026-06-{9 + weekday:02} 12:00")  # the date after the free one
        assert free == moment(f"2026-06-{15 + weekday:02} 00:00")


def test_what_is_said_in_a_call_after_a_bad_time_must_be_told():
    step = attempt(session_of="k1", says=None)
    known = facts(contact(NOON, id="k1"), bad_times=frozenset({"k1"}))
    assert BadTime().refuses(Asked(step, known, {}, NOW)).missing == "says"
    assert not refuses(BadTime(), facts(bad_times=frozenset({"k2"})), step)
    assert not refuses(BadTime(), known, replace(step, session_of=None))
    assert not refuses(BadTime(), known, replace(step, says=frozenset({Says.ASKS_BETTER_TIME})))
    assert refuses(BadTime(), known, replace(step, says=frozenset()))


def test_one_of_several_bars_is_enough():
    bars = (PlaceBar(BEFORE, "work"), PlaceBar(BEFORE, "home"))
    assert refuses(BarredPlace(), facts(place_bars=bars, whereabouts="home"))


def test_a_place_of_care_is_visited_only_by_consent():
    known = facts(points={kind.value: Point(kind.value, kind) for kind in PointKind})
    for kind in PointKind:
        visit = attempt(channel=Channel.VISIT, point=kind.value)
        assert refuses(PlaceOfCare(), known, visit) is (kind is PointKind.HOSPITAL_OR_CARE)
    ward = attempt(channel=Channel.VISIT, point="hospital_or_care")
    assert not refuses(PlaceOfCare(), known, replace(ward, entry_consent=True))
    assert PlaceOfCare().refuses(Asked(ward, known, {}, NOW)).missing is None
    assert PlaceOfCare().refuses(Asked(replace(ward, entry_consent=None), known, {}, NOW)).missing == "entry_consent"
