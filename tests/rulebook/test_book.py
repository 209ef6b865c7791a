"""The rulebook: the law of a date, a house that may only tighten, and mistakes told with their line."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.core.questions import ask, attempt, contact, facts, moment, reasons, talk

from anhuan.core.days import Calendar
from anhuan.core.facts import OptOut
from anhuan.core.rules.caps import Cap
from anhuan.core.vocabulary import Channel, Force, LineResult, Outcome
from anhuan.rulebook import book
from anhuan.rulebook.book import changes, fingerprint, law_on, read_house
from anhuan.rulebook.statutes import STATUTES, RulebookError, entries, read_entries

MARCH, AUGUST = date(2026, 3, 10), date(2026, 8, 10)
PACKS = tuple(sorted(folder.name for folder in STATUTES.iterdir() if folder.is_dir()))


@pytest.fixture
def house_file(tmp_path):
    def write(text: str) -> Path:
        file = tmp_path / "house.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def rule_of(law, rule_id):
    return next(rule for rule in law.rules if rule.id == rule_id)


def tightening(rule: str, value: str, *, since: str = "2026-07-01", law: str = "[cn, house]") -> str:
    return f"bank: First Bank\nlaw: {law}\ntighten:\n  - rule: {rule}\n    in_force: {since}\n    value: {value}\n    why: kinder\n"


# --- the house --------------------------------------------------------------------------------------------------------


def test_a_house_keeps_its_own_number_from_its_date_on_and_says_so(house_file):
    house = read_house(house_file(tightening("cn.talks_per_day", "{limit: 1}")))
    before, after = law_on(house.packs, date(2026, 6, 30), house=house), law_on(house.packs, date(2026, 7, 1), house=house)
    assert rule_of(before, "cn.talks_per_day").test.limit == 3
    kept = rule_of(after, "cn.talks_per_day")
    assert (kept.test.limit, kept.force, kept.in_force, kept.note) == (1, Force.HOUSE_RULE, date(2026, 7, 1), "kinder")
    assert kept.source == "First Bank (stricter than GB/T 45251-2025)"
    one = facts(talk("2026-08-10 09:00"))
    assert set(reasons(ask(attempt(), one, "2026-08-10 10:00", under=after))) == {"cn.talks_per_day"}
    assert ask(attempt(), one, "2026-08-10 10:00", under=before).permitted


@pytest.mark.parametrize(
    ("rule", "value", "name"),
    [
        ("cn.talks_per_day", "{limit: 4}", "limit"),
        ("cn.talks_per_day", "{dates: 0}", "dates"),
        ("cn.talks_per_day", "{outcomes: [conversation]}", "outcomes"),
        ("cn.quiet_hours", '{starts: "22:30"}', "starts"),
        ("cn.quiet_hours", '{ends: "07:00"}', "ends"),
        ("cn.two_visitors", "{number: 1}", "number"),
        ("cn.letter_content", "{items: [name]}", "items"),
        ("cn.content", "{words: []}", "words"),
    ],
)
def test_a_house_that_would_loosen_a_rule_is_told_the_line_and_the_law(house_file, rule, value, name):
    with pytest.raises(RulebookError) as wrong:
        read_house(house_file(tightening(rule, value)))
    assert wrong.value.line == 6
    assert "never looser" in wrong.value.en
    assert "不可放宽" in wrong.value.zh
    assert name in wrong.value.en


@pytest.mark.parametrize(
    ("rule", "value", "kept"),
    [
        ("cn.talks_per_day", "{limit: 3}", ("limit", 3)),
        ("cn.quiet_hours", '{starts: "21:00"}', ("starts", moment("2026-06-10 21:00", "UTC").time())),
        ("cn.quiet_hours", '{ends: "09:00"}', ("ends", moment("2026-06-10 09:00", "UTC").time())),
        ("cn.two_visitors", "{number: 3}", ("number", 3)),
    ],
)
def test_a_house_may_be_as_strict_or_stricter(house_file, rule, value, kept):
    house = read_house(house_file(tightening(rule, value)))
    assert getattr(rule_of(law_on(house.packs, AUGUST, house=house), rule).test, kept[0]) == kept[1]


def test_sets_grow_where_more_is_stricter_and_shrink_where_fewer_is(house_file):
    text = tightening("us-fed.calls_in_seven_days", "{skips: [bank]}", law="[us-fed]")
    house = read_house(house_file(text))
    assert rule_of(law_on(["us-fed"], AUGUST, house=house), "us-fed.calls_in_seven_days").test.skips == {"bank"}
    text = tightening(
        "us-fed.calls_in_seven_days", "{lines: [connected, no_answer, switched_off, voicemail, busy]}", law="[us-fed]"
    )
    house = read_house(house_file(text))
    lines = rule_of(law_on(["us-fed"], AUGUST, house=house), "us-fed.calls_in_seven_days").test.lines
    assert LineResult.BUSY in lines
    text = tightening("us-fed.third_party", "{circle: [debtor]}", law="[us-fed]")
    house = read_house(house_file(text))
    assert rule_of(law_on(["us-fed"], AUGUST, house=house), "us-fed.third_party").test.circle == {"debtor"}
    text = tightening("us-fed.calls_in_seven_days", "{outcomes: [conversation]}", law="[us-fed]")
    with pytest.raises(RulebookError, match="never looser"):  # it counts every outcome: naming some counts fewer
        read_house(house_file(text))


def test_the_law_wins_again_once_it_is_the_stricter_one(tmp_path, house_file):
    """A house wrote 21:30 when the law said 22:00; where the law later says 21:00, 21:00 stands."""
    house = read_house(house_file(tightening("cn.quiet_hours", '{starts: "21:30", ends: "08:30"}')))
    rule = rule_of(law_on(["cn"], AUGUST), "cn.quiet_hours")
    stricter = replace(rule, test=replace(rule.test, starts=moment("2026-06-10 21:00", "UTC").time()))
    merged = book._tightened(stricter, house, AUGUST)
    assert merged.test.starts.hour == 21
    assert merged.test.starts.minute == 0
    assert (merged.test.ends.hour, merged.test.ends.minute) == (8, 30)


def test_two_tightenings_of_one_rule_both_hold(house_file):
    text = tightening("cn.talks_per_day", "{limit: 2}") + (
        "  - rule: cn.talks_per_day\n    in_force: 2026-08-01\n    value: {limit: 1}\n"
    )
    house = read_house(house_file(text))
    limits = [
        rule_of(law_on(house.packs, day, house=house), "cn.talks_per_day").test.limit for day in (date(2026, 7, 1), AUGUST)
    ]
    assert limits == [2, 1]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("bank: x\nrules: []\n", 2, "unknown key rules"),
        ("- a list\n", 1, "is a mapping"),
        ("bank: x\nlaw: [atlantis]\n", 0, "no rule pack atlantis"),
        (tightening("cn.no_such_rule", "{limit: 1}"), 4, "no rule cn.no_such_rule"),
        (tightening("cn.talks_per_day", "{limt: 1}"), 6, "cannot be tightened"),
        (tightening("cn.talks_per_day", "{per: [debt]}"), 6, "cannot be tightened"),
        (tightening("cn.talks_per_day", "{limit: one}"), 6, "is no int"),
        (tightening("cn.talks_per_day", "{limit: true}"), 6, "is no int"),
        (tightening("cn.quiet_hours", '{starts: "25:00"}'), 6, "written hh:mm"),
        (tightening("cn.content", "{words: [swears]}"), 6, "is none of"),
        (tightening("cn.content", "{words: swears}"), 6, "a list is expected"),
        (tightening("cn.talks_per_day", "{limit: 1}", since="soon"), 5, "in_force is a date"),
        ("bank: x\ntighten:\n  - rule: cn.talks_per_day\n", 3, "a tightening has"),
        ("bank: x\nbank: y\n", 2, "stands twice"),
        ("bank: [x\n", 2, "no valid YAML"),
        ("bank: x\nadd:\n  - id: own.rule\n", 3, "is missing"),
    ],
)
def test_a_mistake_in_a_house_is_told_with_its_line(house_file, text, line, said):
    with pytest.raises(RulebookError) as wrong:
        read_house(house_file(text))
    assert wrong.value.line == line
    assert said in wrong.value.en
    assert re.search("[一-龥]", wrong.value.zh)


OWN = """bank: First Bank
add:
  - id: first.no_letters
    judged_by: never
    topic: letter_form
    zh: 不寄函件。
    en: No letters are sent.
    applies: {channels: [letter]}
    versions:
      - {in_force: 2026-07-01, source: policy, clause: "1", force: house_rule, confidence: primary, value: {}}
      - {in_force: 2026-09-01, source: policy, clause: "1", force: house_rule, confidence: primary, value: null}
"""


def test_a_rule_of_its_own_holds_until_it_is_repealed(house_file):
    house = read_house(house_file(OWN))
    letter = attempt(channel=Channel.LETTER)
    for day, refused in (
        (date(2026, 6, 30), False),
        (date(2026, 7, 1), True),
        (date(2026, 8, 31), True),
        (date(2026, 9, 1), False),
    ):
        verdict = ask(letter, facts(), f"{day} 09:00", under=law_on(house.packs, day, house=house))
        assert set(reasons(verdict)) == ({"first.no_letters"} if refused else set())


@pytest.mark.parametrize(
    ("changed", "line", "said"),
    [
        (("first.no_letters", "cn.recording"), 3, "is a rule of law"),
        (("force: house_rule", "force: binding"), 10, "has the force house_rule"),
        (("judged_by: never", "judged_by: always"), 4, "there is no test always"),
        (("topic: letter_form", "topic: weather"), 5, "is none of"),
        (("channels: [letter]", "channels: [pigeon]"), 8, "is none of"),
        (("channels: [letter]", "canals: [letter]"), 8, "unknown key canals"),
        (("{channels: [letter]}", "{channels: [letter], spares: [friends]}"), 8, "nothing is spared by friends"),
        (("confidence: primary, value: {}", "confidence: sure, value: {}"), 10, "is none of"),
        (("value: {}", "value: {limit: 1}"), 10, "unknown key limit"),
        (("value: {}", "value: 3"), 10, "value is a mapping"),
        (("2026-09-01", "2026-06-01"), 9, "in the order of their dates"),
        (("in_force: 2026-07-01", "in_force: July"), 10, "in_force is a date"),
        (("judged_by: never", "judged_by: cap"), 10, "the value"),
    ],
)
def test_a_mistake_in_a_rule_of_its_own_is_told_with_its_line(house_file, changed, line, said):
    assert changed[0] in OWN
    with pytest.raises(RulebookError) as wrong:
        read_house(house_file(OWN.replace(*changed)))
    assert (wrong.value.line, said in wrong.value.en) == (line, True), wrong.value.en


def test_a_rule_that_is_repealed_cannot_be_tightened(tmp_path, house_file, monkeypatch):
    file = tmp_path / "old.yaml"
    file.write_text(OWN.partition("add:\n")[2].replace("judged_by: never", "judged_by: at_least").replace(
        "value: {}", "value: {attribute: staff_count, number: 2}"), encoding="utf-8")  # fmt: skip
    old = read_entries(file, pack="old")
    monkeypatch.setattr(book, "entries", lambda _: old)
    with pytest.raises(RulebookError, match="repealed from that date on"):
        read_house(house_file(tightening("first.no_letters", "{number: 3}", since="2026-10-01")))
    house = read_house(house_file(tightening("first.no_letters", "{number: 3}", since="2026-08-01")))
    assert rule_of(law_on(["old"], AUGUST, house=house), "first.no_letters").test.number == 3


def test_a_house_that_cannot_be_read_says_so(tmp_path):
    with pytest.raises(RulebookError, match="cannot be read"):
        read_house(tmp_path / "nowhere.yaml")


def test_a_house_that_says_little_is_bound_by_mainland_law_and_careful_custom(house_file):
    house = read_house(house_file("bank: First Bank\n"))
    assert (house.bank, house.packs, house.tightenings, house.added) == ("First Bank", ("cn", "house"), (), ())


def test_the_house_of_the_made_up_bank_can_be_read():
    house = read_house(Path(__file__).parents[2] / "examples" / "firstbank" / "house.yaml")
    assert law_on(house.packs, AUGUST, house=house).rules


def test_a_house_may_forbid_altogether(house_file):
    house = read_house(house_file(tightening("cn.talks_per_day", "{limit: 0}")))
    told = reasons(ask(attempt(), facts(), "2026-08-10 10:00", under=law_on(house.packs, AUGUST, house=house)))
    assert set(told) == {"cn.talks_per_day"}
    assert told["cn.talks_per_day"].ground.not_before is None
    assert told["cn.talks_per_day"].ground.seen == {"count": 0, "limit": 0, "debt": None}


# --- the law of a date -----------------------------------------------------------------------------------------------


def test_a_decision_is_judged_by_the_law_of_its_day():
    """Three attempts on one account in New York City: lawful in August, one too many from September on."""
    three = facts(*(contact(f"2026-08-2{day} 10:00") for day in (8, 9)), contact("2026-08-30 10:00"))
    august, september = law_on(["us-nyc"], date(2026, 8, 31)), law_on(["us-nyc"], date(2026, 9, 1))
    assert ask(attempt(), three, "2026-08-31 10:00", under=august).permitted
    assert not ask(attempt(), three, "2026-08-31 10:00", under=september).permitted
    assert ask(attempt(), three, "2026-09-01 10:00", under=august).permitted


def test_a_march_decision_stands_under_the_law_of_march(house_file):
    house = read_house(house_file(tightening("cn.talks_per_day", "{limit: 1}")))
    one = facts(talk("2026-03-10 09:00"))
    then, now = law_on(house.packs, MARCH, house=house), law_on(house.packs, AUGUST, house=house)
    verdict = ask(attempt(), one, "2026-03-10 10:00", under=then)
    assert verdict.permitted
    assert verdict.law == then.fingerprint != now.fingerprint
    assert not ask(attempt(), one, "2026-03-10 10:00", under=now).permitted


def test_nothing_is_in_force_before_its_date():
    assert law_on(PACKS, date(2009, 12, 31)).rules == ()
    for pack in PACKS:
        for entry in entries(pack):
            first = entry.versions[0].in_force
            assert entry.on(date.fromordinal(first.toordinal() - 1)) is None
            assert entry.on(first) is entry.versions[0].rule
            assert entry.on(date(2099, 1, 1)) is entry.versions[-1].rule


def test_a_pack_nobody_knows_is_refused_naming_those_there_are():
    with pytest.raises(RulebookError, match="there is no rule pack mars; there are cn"):
        law_on(["mars"], MARCH)


def test_ids_of_rules_are_unique_and_begin_with_their_pack():
    ids = [entry.id for pack in PACKS for entry in entries(pack)]
    assert len(ids) == len(set(ids))
    assert all(entry.id.startswith(f"{pack}.") for pack in PACKS for entry in entries(pack))


def test_a_calendar_is_taken_only_where_a_rule_asks_it():
    assert set(law_on(["cn"], AUGUST).calendars) == {"cn"}
    assert set(law_on(["us-tcpa"], AUGUST).calendars) == {"us-fed"}
    assert law_on(["uk"], AUGUST).calendars == {}


def test_a_year_that_is_not_announced_is_refused_at_the_gate_saying_so():
    far = law_on(["cn"], date(2033, 3, 10))
    told = reasons(ask(attempt(), facts(), "2033-03-10 10:00", under=far))
    assert set(told) == {"cn.public_holiday"}
    assert "2033" in told["cn.public_holiday"].zh
    assert "2033" in told["cn.public_holiday"].en
    opted = facts(opt_outs=(OptOut(moment("2033-03-01 10:00"), Channel.CALL),))
    own = law_on(["us-tcpa"], date(2033, 3, 10), calendars={"us-fed": Calendar("us-fed", frozenset())})
    told = reasons(ask(attempt(automated=True, point="m1"), opted, "2033-03-10 10:00", under=own))
    assert told["us-tcpa.revoked"].ground.missing == "us-fed 2033"


# --- the fingerprint ----------------------------------------------------------------------------------------------------


def test_the_fingerprint_is_the_same_for_the_same_law_whoever_makes_it():
    assert law_on(["cn"], AUGUST).fingerprint == law_on(["cn"], date(2026, 8, 11)).fingerprint
    law = law_on(["cn"], AUGUST)
    assert fingerprint(law.rules, law.calendars) == fingerprint(tuple(reversed(law.rules)), law.calendars) == law.fingerprint
    assert re.fullmatch("[0-9a-f]{64}", law.fingerprint)


def test_the_fingerprint_of_sets_does_not_depend_on_their_order():
    law = law_on(["cn"], AUGUST)
    cap = rule_of(law, "cn.talks_per_day")
    again = replace(cap, test=replace(cap.test, outcomes=frozenset(sorted(cap.test.outcomes, reverse=True))))
    assert fingerprint((cap,), {}) == fingerprint((again,), {})


def test_the_fingerprint_feels_everything_a_verdict_can_depend_on():
    law = law_on(["cn"], AUGUST)
    cap = rule_of(law, "cn.talks_per_day")
    changed = [
        replace(cap, test=replace(cap.test, limit=2)),
        replace(cap, test=replace(cap.test, outcomes=cap.test.outcomes | {Outcome.DROPPED})),
        replace(cap, scope=replace(cap.scope, agencies_only=True)),
        replace(cap, presumption=True),
        replace(cap, id="cn.other"),
        replace(rule_of(law, "cn.public_exposure"), id=cap.id),
    ]
    prints = {fingerprint((rule,), {}) for rule in (cap, *changed)}
    assert len(prints) == len(changed) + 1
    calendar = law.calendars["cn"]
    other = replace(calendar, named=calendar.named | {date(2026, 8, 10)})
    assert fingerprint(law.rules, {"cn": other}) != law.fingerprint


def test_the_fingerprint_does_not_feel_how_a_rule_is_worded():
    cap = rule_of(law_on(["cn"], AUGUST), "cn.talks_per_day")
    assert fingerprint((cap,), {}) == fingerprint((replace(cap, en="Other words.", note="a note"),), {})


# --- reading it aloud --------------------------------------------------------------------------------------------------


def test_changes_between_two_dates_are_told_rule_by_rule():
    told = {each["rule"]: each for each in changes(law_on(["us-nyc"], date(2026, 8, 31)), law_on(["us-nyc"], date(2026, 9, 1)))}
    assert {rule: each["change"] for rule, each in told.items()} == {
        "us-nyc.contacts_in_seven_days": "added",
        "us-nyc.hold_dispute": "changed",
    }
    assert told["us-nyc.contacts_in_seven_days"]["before"] is None
    assert told["us-nyc.contacts_in_seven_days"]["after"]["values"]["limit"] == 3
    back = changes(law_on(["us-nyc"], date(2026, 9, 1)), law_on(["us-nyc"], date(2026, 8, 31)))
    assert {each["change"] for each in back} == {"repealed", "changed"}
    assert changes(law_on(["cn"], AUGUST), law_on(["cn"], AUGUST)) == []


def test_every_rule_can_be_read_aloud_in_both_languages():
    for rule in law_on(PACKS, date(2026, 11, 23)).rules:
        told = book.document(rule)
        assert told["message_zh"].endswith("。"), rule.id
        assert told["message_en"].endswith("."), rule.id
        assert "{" not in told["message_zh"] + told["message_en"], rule.id
        assert told["judged_by"]
        assert told["source"]
        assert told["clause"]


def test_reading_aloud_tells_values_and_scope():
    told = book.document(rule_of(law_on(["cn"], AUGUST), "cn.talks_per_day"))
    assert told["values"]["outcomes"] == ["conversation", "effective_conversation", "hung_up"]
    assert told["values"]["limit"] == 3
    assert told["applies"] == {
        "channels": ["call", "ringless_voicemail", "voicemail"],
        "parties": ["debtor", "guarantor"],
        "spares": ["session"],
    }
    assert told["in_force"] == "2025-02-28"
    assert "至多" in told["message_zh"] or "不得超过3次" in told["message_zh"]
    assert book.document(rule_of(law_on(["cn"], AUGUST), "cn.agency_listed"))["applies"] == {"agencies_only": True}
    assert isinstance(rule_of(law_on(["cn"], AUGUST), "cn.talks_per_day").test, Cap)
