"""The gate as such: all reasons, the unknown, the first instant at which waiting helps, and whom it trusts."""

from __future__ import annotations

import copy
import json
import pickle
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from tests.core.questions import (
    LONDON,
    NEW_YORK,
    NINE,
    SHANGHAI,
    ask,
    attempt,
    contact,
    facts,
    hold,
    law,
    moment,
    reasons,
    talk,
)

from anhuan.core import gate
from anhuan.core.days import Calendar
from anhuan.core.facts import Attempt, Facts, OptOut, PlaceBar, TimeBlock
from anhuan.core.gate import Refusal, check, document, opening
from anhuan.core.law import Law, Rule
from anhuan.core.rules.caps import Cap
from anhuan.core.vocabulary import (
    LABELS,
    Channel,
    DebtorStatus,
    HoldKind,
    LetterItem,
    LineResult,
    Party,
    Purpose,
    Route,
    Says,
    VoicemailItem,
)
from anhuan.rulebook.book import law_on

TICK = timedelta(microseconds=1)
EVERY_PACK = ("cn", "us-fed", "us-ma", "us-nyc", "us-tcpa", "uk", "house")


# --- reasons --------------------------------------------------------------------------------------------------------


def test_every_reason_is_told_in_the_order_of_the_rulebook():
    night = attempt(recorded=False, identifies_institution=False, says=frozenset({Says.FALSE_AMOUNT}))
    known = facts(
        *(talk(f"2026-06-10 {hour}:00") for hour in (10, 11, 12)), holds=(hold(HoldKind.DISPUTE, "2026-06-01 10:00"),)
    )
    verdict = ask(night, known, "2026-06-10 23:00")
    told = [reason.rule.id for reason in verdict.reasons]
    assert set(told) == {
        "cn.quiet_hours", "cn.talks_per_day", "cn.hold_dispute", "cn.recording", "cn.identity", "cn.content",
    }  # fmt: skip
    assert told == [rule.id for rule in law().rules if rule.id in told]
    assert not verdict.permitted


def test_a_lawful_attempt_is_permitted_and_says_what_was_judged():
    wanted = attempt()
    verdict = ask(wanted, facts())
    assert verdict.permitted
    assert (verdict.attempt, verdict.attempt_id, verdict.at) == (wanted, "a1", moment(NINE))
    assert verdict.law == law().fingerprint


def test_a_refusal_says_what_was_judged():
    wanted = attempt(recorded=False)
    verdict = ask(wanted, facts())
    assert (verdict.attempt, verdict.attempt_id, verdict.at, verdict.law) == (wanted, "a1", moment(NINE), law().fingerprint)


def test_instants_of_any_offset_are_one_instant():
    shanghai = datetime.fromisoformat("2026-06-10T09:00:00+08:00")
    assert check(attempt(), facts(), law(), shanghai) == check(attempt(), facts(), law(), shanghai.astimezone(UTC))
    assert check(attempt(), facts(), law(), shanghai).at.tzinfo is UTC


def test_a_presumption_is_marked_only_when_its_rule_is_among_the_reasons():
    fed = law("us-fed")
    call = attempt(actor="agency:A")
    after_talk = ask(
        call, facts(talk(NINE, zone=NEW_YORK, actor="agency:A"), zone=NEW_YORK), "2026-06-10 12:00", under=fed, zone=NEW_YORK
    )
    at_night = ask(call, facts(zone=NEW_YORK), "2026-06-10 23:00", under=fed, zone=NEW_YORK)
    assert after_talk.presumed_violation
    assert not at_night.presumed_violation


# --- the unknown ----------------------------------------------------------------------------------------------------


def _facts_needed() -> list[tuple[str, str]]:
    rules = law_on(EVERY_PACK, date(2026, 11, 23)).rules
    return sorted({(rule.id, need) for rule in rules for need in rule.test.needs})


@pytest.mark.parametrize(("rule_id", "need"), _facts_needed())
def test_a_fact_nobody_could_learn_is_refused_by_every_rule_that_needs_it(rule_id, need):
    (rule,) = (rule for rule in law_on(EVERY_PACK, date(2026, 11, 23)).rules if rule.id == rule_id)
    only = Law(("x",), date(2026, 11, 23), (rule,), "x", law_on(EVERY_PACK, date(2026, 11, 23)).calendars)
    verdict = ask(_concerned_by(rule), facts(unknown=frozenset({need})), under=only)
    assert [reason.ground.missing for reason in verdict.reasons] == [need]


def _concerned_by(rule: Rule) -> Attempt:
    scope = rule.scope
    parties = scope.parties or frozenset(Party) - scope.not_parties
    return attempt(
        channel=min(scope.channels or {Channel.CALL}),
        purpose=min(scope.purposes or {Purpose.COLLECT}),
        party=min(parties),
        actor="agency:A",
    )


def test_several_missing_facts_are_told_together():
    verdict = ask(attempt(), facts(unknown=frozenset({"consents", "contacts"})))
    assert reasons(verdict)["cn.talks_per_day"].ground.missing == "consents, contacts"


def test_what_no_rule_needs_may_be_unknown():
    assert ask(attempt(), facts(unknown=frozenset({"whereabouts"}))).permitted


def test_without_a_zone_nothing_that_reads_a_clock_is_permitted():
    verdict = ask(attempt(), facts(timezones=()))
    assert reasons(verdict)["cn.quiet_hours"].ground.missing == "timezones"
    assert reasons(verdict)["cn.hold_plan"].ground.missing == "timezones"


_HOW = (
    ("recorded", {}), ("identifies_institution", {}), ("says", {}), ("id_shown", {"channel": Channel.VISIT}),
    ("staff_count", {"channel": Channel.VISIT}), ("enters_premises", {"channel": Channel.VISIT}),
    ("letter_items", {"channel": Channel.LETTER}), ("agency_announced", {}), ("agency_listed", {}), ("private_device", {}),
    ("includes_opt_out", {"channel": Channel.EMAIL}), ("postcard", {"channel": Channel.LETTER}),
    ("to_occupier", {"channel": Channel.LETTER}), ("voicemail_items", {"channel": Channel.VOICEMAIL}), ("automated", {}),
    ("discloses_debt", {"party": Party.FRIEND, "purpose": Purpose.LOCATE}),
)  # fmt: skip


@pytest.mark.parametrize(("attribute", "told"), _HOW, ids=[name for name, _ in _HOW])
def test_an_attribute_nobody_stated_is_refused(attribute, told):
    every = law(*EVERY_PACK)
    verdict = ask(replace(attempt(actor="agency:A", **told), **{attribute: None}), facts(), under=every)
    assert attribute in {reason.ground.missing for reason in verdict.reasons}
    for reason in verdict.reasons:
        if reason.ground.missing == attribute:
            assert reason.zh.startswith("缺少事实")
            assert "not told" in reason.en


def test_entry_whose_consent_is_unknown_is_refused_only_when_premises_are_entered():
    visit = attempt(channel=Channel.VISIT, entry_consent=None)
    assert ask(visit, facts()).permitted
    entering = reasons(ask(replace(visit, enters_premises=True), facts()))
    assert entering["cn.no_uninvited_entry"].ground.missing == "entry_consent"
    unknown = reasons(ask(replace(visit, enters_premises=None), facts()))
    assert unknown["cn.no_uninvited_entry"].ground.missing == "enters_premises"
    assert ask(replace(visit, enters_premises=None, entry_consent=True), facts()).permitted


def test_a_point_that_is_on_no_list_is_refused_by_the_rules_that_ask_what_it_is():
    packs = law("us-ma", "us-tcpa", "uk", "us-fed")
    robot = attempt(point="nowhere", automated=True, actor="agency:A")
    bars = (PlaceBar(moment("2026-06-01 10:00"), "home"),)
    told = reasons(ask(robot, facts(place_bars=bars), under=packs))
    missing = {rule for rule, reason in told.items() if reason.ground.missing == "point"}
    assert missing == {
        "us-ma.calls_in_seven_days", "us-ma.calls_elsewhere", "us-tcpa.artificial_voice", "uk.barred_place", "us-fed.barred_place",
    }  # fmt: skip
    mail = reasons(ask(replace(robot, channel=Channel.EMAIL), facts(), under=packs))
    assert mail["us-fed.electronic_route"].ground.missing == "point"
    visit = reasons(ask(replace(robot, channel=Channel.VISIT), facts(), under=packs))
    assert visit["uk.place_of_care"].ground.missing == "point"


def test_a_debt_that_is_on_no_list_is_refused_by_the_rules_that_ask_about_it():
    unlisted = frozenset({"card", "boat"})
    fed = reasons(
        ask(attempt(debts=unlisted, actor="agency:A", says=frozenset({Says.THREATENS_SUIT})), facts(), under=law("us-fed"))
    )
    assert fed["us-fed.no_suit_on_time_barred"].ground.missing == "debts"
    assert (
        reasons(ask(attempt(debts=unlisted), facts(), under=law("uk")))["uk.refused_as_time_barred"].ground.missing == "debts"
    )
    three = [contact(f"2026-10-0{day} 10:00", debts=unlisted) for day in (5, 6, 7)]
    nyc = reasons(ask(attempt(debts=unlisted), facts(*three), "2026-10-08 10:00", under=law("us-nyc", on=date(2026, 10, 8))))
    assert nyc["us-nyc.contacts_in_seven_days"].ground.missing == "debts"


def test_words_nobody_told_matter_only_where_a_debt_is_time_barred():
    silent = attempt(says=None, actor="agency:A")
    known = facts()
    barred = facts(debts={"card": replace(known.debts["card"], time_barred=True)})
    assert "us-fed.no_suit_on_time_barred" not in reasons(ask(silent, known, under=law("us-fed"), zone=NEW_YORK))
    told = reasons(ask(silent, barred, under=law("us-fed"), zone=NEW_YORK))
    assert told["us-fed.no_suit_on_time_barred"].ground.missing == "says"


def test_an_heir_of_whom_nothing_is_known_is_refused_naming_the_person():
    dead = facts(status=frozenset({DebtorStatus.DECEASED}))
    told = reasons(ask(attempt(party=Party.HEIR, person="h1"), dead))
    assert told["cn.unrelated_person"].ground.missing == "person"


def test_a_law_without_the_calendar_it_asks_refuses():
    bare = replace(law("cn", "us-tcpa"), calendars={})
    robot = attempt(channel=Channel.SMS, automated=True)
    opted = facts(opt_outs=(OptOut(moment("2026-06-09 10:00"), Channel.SMS),))
    told = reasons(ask(robot, opted, under=bare))
    assert told["cn.public_holiday"].ground.missing == "calendar"
    assert "us-tcpa.revoked" in told


def test_a_year_without_a_notice_is_refused_saying_so():
    told = reasons(ask(attempt(), facts(), "2031-06-10 09:00", under=law("cn", on=date(2031, 6, 10))))
    reason = told["cn.public_holiday"]
    assert reason.ground.missing == "cn 2031"
    assert reason.ground.not_before is None
    assert "2031年的放假安排" in reason.zh
    assert "the rest days of 2031" in reason.en
    robot = attempt(channel=Channel.SMS, automated=True)
    opted = facts(opt_outs=(OptOut(moment("2031-06-01 10:00"), Channel.SMS),))
    bare = Calendar("us-fed", frozenset())
    tcpa = replace(law("us-tcpa", on=date(2031, 6, 10)), calendars={"us-fed": bare})
    assert reasons(ask(robot, opted, "2031-06-10 09:00", under=tcpa))["us-tcpa.revoked"].ground.missing == "us-fed 2031"


def test_every_word_a_sentence_may_hold_has_a_name_in_both_languages():
    words: set[str] = {word for kind in (Party, Says, LetterItem, VoicemailItem, Route) for word in kind}
    words |= {need for rule in law(*EVERY_PACK).rules for need in rule.test.needs}
    words |= {name for name, _ in _HOW} | {"point", "person", "calendar", "home", "work", "work_email", "entry_consent"}
    assert words - LABELS.keys() == set()
    for zh, en in LABELS.values():
        assert re.search("[一-龥]", zh)
        assert en.isascii()
        assert "_" not in en


def test_a_reason_names_what_it_saw_in_the_language_of_its_reader():
    letter = attempt(channel=Channel.LETTER, letter_items=frozenset(LetterItem) - {LetterItem.NAME, LetterItem.BUSINESS_SEAL})
    (told,) = reasons(ask(letter, facts())).values()
    assert told.zh == "催收函须载明规定事项，现缺少：业务公章、姓名。"
    assert told.en == "A collection letter shows every required item; missing: the business seal, the name."
    assert told.document()["seen"] == {"absent": "business_seal, name"}
    for zone, zh, en in (
        (SHANGHAI, "北京时间", "Shanghai time"),
        ("America/Los_Angeles", "洛杉矶时间", "Los Angeles time"),
        ("America/Argentina/Salta", "Salta时间", "Salta time"),
        ("UTC", "UTC", "UTC"),
    ):
        (told,) = reasons(ask(attempt(), facts(zone=zone), "2026-06-10 23:00", zone=zone)).values()
        assert f"（{zh}）" in told.zh
        assert f"({en})" in told.en
    voicemail = attempt(channel=Channel.VOICEMAIL, voicemail_items=frozenset(), actor="agency:A")
    (told,) = reasons(ask(voicemail, facts(zone=NEW_YORK), under=law("us-fed"), zone=NEW_YORK)).values()
    assert told.zh.endswith("多出：无。")
    assert told.en.endswith("beyond it: nothing.")


def test_a_date_in_a_sentence_is_that_of_the_debtor():
    known = facts(holds=(hold(HoldKind.DISPUTE, "2026-06-01 07:00"),))  # still 31 May in UTC
    assert "2026-06-01" in reasons(ask(attempt(), known))["cn.hold_dispute"].en
    nowhere = facts(timezones=(), ceased_at=moment("2026-06-01 07:00"))
    told = reasons(ask(attempt(actor="agency:A"), nowhere, under=law("us-fed")))
    assert "2026-05-31" in told["us-fed.ceased"].en


# --- whom the gate trusts --------------------------------------------------------------------------------------------


def test_a_permit_nobody_minted_is_no_permit():
    kind = gate.Permit
    for minted_by in (None, True, object(), "gate"):
        with pytest.raises(TypeError, match="only the gate mints a permit"):
            kind(attempt(), moment(NINE), "law", minted_by)


def test_a_permit_that_was_carried_elsewhere_is_no_permit():
    permit = ask(attempt(), facts())
    with pytest.raises(TypeError):
        replace(permit, minted_by=copy.deepcopy(permit.minted_by))
    with pytest.raises(TypeError):
        replace(permit, minted_by=pickle.loads(pickle.dumps(permit.minted_by)))


def test_a_permit_for_one_attempt_cannot_be_made_into_one_for_another():
    permit = ask(attempt(), facts())
    assert replace(permit) == permit
    for changed in ({"attempt": attempt(id="another")}, {"at": permit.at + timedelta(seconds=1)}, {"law": "another"}):
        with pytest.raises(TypeError, match="only the gate mints a permit"):
            replace(permit, **changed)


# --- the first instant at which waiting helps -------------------------------------------------------------------------


def _first_free(wanted: Attempt, known: Facts, at: datetime, under: Law, rule: str) -> datetime:
    """`not_before` of one rule's reason; just before it the rule refuses, at it the rule passes."""
    alone = replace(under, rules=tuple(each for each in under.rules if each.id == rule), fingerprint=rule)
    verdict = check(wanted, known, alone, at)
    assert isinstance(verdict, Refusal), rule
    first = verdict.not_before
    assert first is not None
    assert first > at
    assert not check(wanted, known, alone, first - TICK).permitted
    assert check(wanted, known, alone, first).permitted
    return first


def test_the_night_ends_just_after_eight():
    first = _first_free(attempt(), facts(), moment("2026-06-10 22:00"), law(), "cn.quiet_hours")
    assert first == moment("2026-06-11 08:00") + TICK
    early = _first_free(attempt(), facts(), moment("2026-06-10 03:00"), law(), "cn.quiet_hours")
    assert early == moment("2026-06-10 08:00") + TICK
    at_eight = _first_free(attempt(), facts(), moment("2026-06-10 08:00"), law(), "cn.quiet_hours")
    assert at_eight == moment("2026-06-10 08:00") + TICK


def test_the_night_of_two_zones_ends_with_the_later_one():
    known = facts(timezones=(NEW_YORK, "America/Los_Angeles"))
    at = moment("2026-06-10 07:00", NEW_YORK)
    first = _first_free(attempt(actor="agency:A"), known, at, law("us-fed"), "us-fed.hours")
    assert first == moment("2026-06-10 11:00", NEW_YORK) + TICK


def test_zones_that_leave_no_common_hour_have_no_first_instant():
    around = facts(timezones=("Europe/London", "Asia/Shanghai", "America/Los_Angeles"))
    verdict = ask(attempt(actor="agency:A"), around, "2026-12-10 12:00", under=law("us-fed", on=date(2026, 12, 10)))
    assert reasons(verdict)["us-fed.hours"].ground.not_before is None
    one_hour = facts(timezones=(NEW_YORK, SHANGHAI))  # eight in the evening here is eight in the morning there
    at = moment("2026-06-10 12:00", NEW_YORK)
    assert _first_free(attempt(actor="agency:A"), one_hour, at, law("us-fed"), "us-fed.hours") == (
        moment("2026-06-10 20:00", NEW_YORK) + TICK
    )


def test_the_night_of_the_day_the_clocks_change():
    first = _first_free(
        attempt(actor="agency:A"), facts(zone=NEW_YORK), moment("2026-10-31 21:00", NEW_YORK), law("us-fed"), "us-fed.hours"
    )
    assert first == datetime(2026, 11, 1, 13, 0, tzinfo=UTC) + TICK


def test_rest_days_end_with_the_last_of_them():
    first = _first_free(attempt(), facts(), moment("2026-10-02 10:00"), law(), "cn.public_holiday")
    assert first == moment("2026-10-08 00:00")


def test_the_cap_of_a_day_ends_at_midnight():
    known = facts(*(talk(f"2026-06-10 {hour:02}:00") for hour in (9, 10, 11)))
    assert _first_free(attempt(), known, moment("2026-06-10 12:00"), law(), "cn.talks_per_day") == moment("2026-06-11 00:00")


def test_a_cap_that_is_more_than_full_ends_when_enough_have_left():
    """Nine calls where seven are allowed: the third of them has to leave, not the first."""
    days = [1, 2, 3, 3, 4, 5, 5, 6, 7]
    known = facts(
        *(contact(f"2026-06-0{day} 1{n}:00", zone=NEW_YORK, actor="agency:A") for n, day in enumerate(days)), zone=NEW_YORK
    )
    first = _first_free(
        attempt(actor="agency:A"), known, moment("2026-06-07 20:00", NEW_YORK), law("us-fed"), "us-fed.calls_in_seven_days"
    )
    assert first == moment("2026-06-10 00:00", NEW_YORK)


def test_the_week_after_a_talk_ends_on_the_seventh_date():
    known = facts(talk("2026-06-01 23:30", zone=NEW_YORK, actor="agency:A"), zone=NEW_YORK)
    first = _first_free(
        attempt(actor="agency:A"), known, moment("2026-06-03 10:00", NEW_YORK), law("us-fed"), "us-fed.week_after_talk"
    )
    assert first == moment("2026-06-08 00:00", NEW_YORK)


def test_five_minutes_after_an_unanswered_call_are_exact_to_the_microsecond():
    known = facts(contact("2026-06-10 10:00", zone=NEW_YORK, actor="agency:A"), zone=NEW_YORK)
    first = _first_free(
        attempt(actor="agency:A"), known, moment("2026-06-10 10:03", NEW_YORK), law("us-fed"), "us-fed.rapid_succession"
    )
    assert first == moment("2026-06-10 10:05", NEW_YORK) + TICK


def test_a_stated_block_ends_at_its_last_edge():
    block = TimeBlock(moment("2026-06-01 10:00", LONDON), frozenset(range(7)), begins=datetime.min.time().replace(hour=15),
                      ends=datetime.min.time().replace(hour=17))  # fmt: skip
    known = facts(zone=LONDON, time_blocks=(block,))
    first = _first_free(attempt(), known, moment("2026-06-10 15:30", LONDON), law("uk"), "uk.stated_block")
    assert first == moment("2026-06-10 17:00", LONDON)
    weekend = facts(zone=LONDON, time_blocks=(TimeBlock(moment("2026-06-01 10:00", LONDON), frozenset({5, 6})),))
    first = _first_free(attempt(), weekend, moment("2026-06-13 15:30", LONDON), law("uk"), "uk.stated_block")
    assert first == moment("2026-06-15 00:00", LONDON)
    over_midnight = replace(block, begins=block.ends, ends=datetime.min.time().replace(hour=10))
    known = facts(zone=LONDON, time_blocks=(over_midnight,))
    first = _first_free(attempt(), known, moment("2026-06-10 18:00", LONDON), law("uk"), "uk.stated_block")
    assert first == moment("2026-06-11 10:00", LONDON)


def test_a_block_of_every_hour_has_no_first_instant():
    known = facts(zone=LONDON, time_blocks=(TimeBlock(moment("2026-06-01 10:00", LONDON), frozenset(range(7))),))
    assert reasons(ask(attempt(), known, under=law("uk"), zone=LONDON))["uk.stated_block"].ground.not_before is None


def test_a_hold_with_an_end_that_is_known_ends_there():
    until = facts(
        zone=LONDON, holds=(hold(HoldKind.BREATHING_SPACE, "2026-06-01 00:01", zone=LONDON, until_date=date(2026, 7, 30)),)
    )
    first = _first_free(attempt(), until, moment("2026-06-10 10:00", LONDON), law("uk"), "uk.breathing_space")
    assert first == moment("2026-07-31 00:00", LONDON)
    both = facts(
        zone=LONDON,
        holds=(
            hold(
                HoldKind.BREATHING_SPACE, "2026-06-01 00:01", zone=LONDON, ends="2026-07-01 12:00", until_date=date(2026, 7, 30)
            ),
        ),
    )
    first = _first_free(attempt(), both, moment("2026-06-10 10:00", LONDON), law("uk"), "uk.breathing_space")
    assert first == moment("2026-07-01 12:00", LONDON)
    open_end = facts(holds=(hold(HoldKind.DISPUTE, "2026-06-01 10:00"),))
    assert reasons(ask(attempt(), open_end))["cn.hold_dispute"].ground.not_before is None


def test_a_third_person_is_unsealed_on_the_date_after_the_third_failed_dial():
    known = facts(*(contact(f"2026-06-10 {hour}:00", point="m1") for hour in (10, 11, 12)))
    asked = attempt(party=Party.FRIEND, person="f1", purpose=Purpose.LOCATE)
    first = _first_free(asked, known, moment("2026-06-10 13:00"), law(), "cn.third_person_sealed")
    assert first == moment("2026-06-11 00:00")
    assert reasons(ask(asked, facts()))["cn.third_person_sealed"].ground.not_before is None


def test_a_refusal_waits_for_the_last_of_its_reasons_and_for_none_that_has_no_end():
    known = facts(*(talk(f"2026-06-10 {hour}:00") for hour in (10, 11, 12)))
    both = ask(attempt(), known, "2026-06-10 23:00")
    assert both.not_before == moment("2026-06-11 08:00") + TICK
    never = ask(attempt(recorded=False), known, "2026-06-10 23:00")
    assert never.not_before is None


def test_opening_goes_from_one_refusal_to_the_next():
    known = facts(*(talk(f"2026-09-30 {hour}:00") for hour in (10, 11, 12)))
    year = law("cn", on=date(2026, 9, 30))
    found = opening(attempt(), known, year, moment("2026-09-30 13:00"))
    assert found == moment("2026-10-08 08:00") + TICK
    assert not check(attempt(), known, year, found - TICK).permitted
    assert check(attempt(), known, year, found).permitted


def test_opening_is_at_once_where_nothing_refuses_and_unknown_where_something_never_ends():
    assert opening(attempt(), facts(), law(), moment(NINE)) == moment(NINE)
    assert opening(attempt(recorded=False), facts(), law(), moment(NINE)) is None


def test_opening_gives_up_after_so_many_tries():
    at = moment("2026-06-10 23:00")
    assert opening(attempt(), facts(), law(), at, tries=1) is None
    assert opening(attempt(), facts(), law(), at, tries=2) == moment("2026-06-11 08:00") + TICK


# --- what is counted while nobody knows how it ended ---------------------------------------------------------------


def test_a_call_under_way_counts_as_whatever_would_count():
    ringing = [contact(f"2026-06-10 {hour}:00", line_result=None, point="m1") for hour in range(10, 16)]
    told = reasons(ask(attempt(point="m1"), facts(*ringing[:3]), "2026-06-10 16:00"))
    assert set(told) == {"cn.talks_per_day"}
    assert set(reasons(ask(attempt(point="m1"), facts(*ringing), "2026-06-10 16:00"))) == {
        "cn.talks_per_day",
        "cn.unanswered_per_number",
    }
    connected = [replace(each, line_result=LineResult.CONNECTED) for each in ringing[:3]]
    assert set(reasons(ask(attempt(point="m1"), facts(*connected), "2026-06-10 16:00"))) == {"cn.talks_per_day"}


def test_a_call_under_way_makes_nobody_lost():
    asked = attempt(party=Party.FRIEND, person="f1", purpose=Purpose.LOCATE)
    failed = [contact(f"2026-06-09 {hour}:00") for hour in (10, 11, 12)]
    assert ask(asked, facts(*failed)).permitted
    ringing = contact("2026-06-10 08:30", line_result=None)
    assert "cn.third_person_sealed" in reasons(ask(asked, facts(*failed, ringing)))


def test_a_location_call_under_way_counts_as_a_conversation():
    asked = attempt(party=Party.FRIEND, person="f1", purpose=Purpose.LOCATE, actor="agency:A")
    ringing = contact("2026-06-01 10:00", line_result=None, party=Party.FRIEND, person="f1", actor="agency:A")
    assert "us-fed.located_once" in reasons(ask(asked, facts(ringing), under=law("us-fed")))


def test_what_has_not_happened_yet_changes_nothing():
    later = [talk(f"2026-06-10 {hour}:00") for hour in (10, 11, 12)]
    assert ask(attempt(), facts(*later), "2026-06-10 09:59").permitted
    assert ask(attempt(), facts(*later), "2026-06-10 12:00").permitted is False


def test_contacts_out_of_order_are_no_facts():
    early, late = talk("2026-06-10 09:00"), talk("2026-06-10 10:00")
    with pytest.raises(ValueError, match="time order"):
        Facts((SHANGHAI,), {}, (late, early))


# --- the law it is handed -------------------------------------------------------------------------------------------


def test_a_rule_outside_the_kind_of_an_attempt_is_never_asked():
    class Explodes(Cap):
        def refuses(self, asked):  # noqa: ARG002  it only has to be reached
            raise AssertionError("asked")

    (visit_rule,) = (rule for rule in law().rules if rule.id == "cn.two_visitors")
    trap = replace(visit_rule, test=Explodes(1, 1, frozenset(), frozenset()))
    only = Law(("x",), date(2026, 6, 10), (trap,), "x")
    assert ask(attempt(), facts(), under=only).permitted
    with pytest.raises(AssertionError, match="asked"):
        ask(attempt(channel=Channel.VISIT), facts(), under=only)


def test_rules_for_agencies_spare_the_bank_and_only_the_bank():
    silent = replace(attempt(), agency_listed=False)
    assert ask(silent, facts()).permitted
    assert set(reasons(ask(replace(silent, actor="agency:A"), facts()))) == {"cn.agency_listed"}


def test_every_rule_cites_its_source_and_clause():
    for rule in law(*EVERY_PACK).rules:
        assert rule.citation.startswith(rule.source)
        assert rule.clause in rule.citation


# --- the document ---------------------------------------------------------------------------------------------------


def test_the_document_of_a_refusal_tells_everything_a_reader_needs():
    known = facts(*(talk(f"2026-06-10 {hour}:00") for hour in (10, 11, 12)))
    told = document(ask(attempt(), known, "2026-06-10 23:00"))
    assert json.loads(json.dumps(told)) == told
    assert {key: told[key] for key in ("verdict", "attempt", "at", "law", "presumed_violation", "not_before")} == {
        "verdict": "refuse",
        "attempt": "a1",
        "at": "2026-06-10T15:00:00+00:00",
        "law": law().fingerprint,
        "presumed_violation": False,
        "not_before": "2026-06-11T00:00:00.000001+00:00",
    }
    talks = next(reason for reason in told["reasons"] if reason["rule"] == "cn.talks_per_day")
    assert talks == {
        "rule": "cn.talks_per_day",
        "law": "cn",
        "topic": "frequency_conversations",
        "citation": "GB/T 45251-2025, frequency rule",
        "force": "national_standard",
        "confidence": "secondary",
        "ambiguous": True,
        "message_zh": "同一债务人每日有效通话不得超过3次（银行、各外包机构及智能语音合并计算），今日已有3次。",
        "message_en": "At most 3 effective talks a day with one debtor, over bank, agencies and robots together; "
        "today there have been 3.",
        "seen": {"count": 3, "limit": 3, "debt": None},
        "missing": None,
        "not_before": "2026-06-10T16:00:00+00:00",
    }


def test_the_document_of_a_permit_has_no_reasons():
    told = document(ask(attempt(), facts()))
    assert told == {
        "verdict": "permit",
        "attempt": "a1",
        "at": "2026-06-10T01:00:00+00:00",
        "law": law().fingerprint,
        "presumed_violation": False,
        "reasons": [],
        "not_before": None,
    }


def test_the_document_of_a_refusal_without_an_end_has_none():
    assert document(ask(attempt(recorded=False), facts()))["not_before"] is None
