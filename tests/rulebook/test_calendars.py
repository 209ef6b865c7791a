"""Where working days come from: the notices, the statutes of feasts, and the bank's own file."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest
import yaml

from anhuan.core.days import UnknownYear
from anhuan.core.judgements import KINDS
from anhuan.core.judgements.law import NoProvision
from anhuan.rulebook import calendars
from anhuan.rulebook.calendars import CalendarRefused
from anhuan.rulebook.judging import STATUTES, foresighted_calendar, judge, law_of, local_date

SOUND = """\
cn:
  2027:
    source: the notice
    rest_days: ['2027-01-01..2027-01-03', '2027-02-05']
    working_days: ['2027-02-14']
"""


def day(text: str) -> date:
    return date.fromisoformat(text)


def written(folder: Path, text: str) -> Path:
    file = folder / "calendar.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_china_knows_the_notices_and_nothing_beyond():
    china = calendars.calendar_of("cn")
    assert {2004, 2026} <= china.years
    assert china.is_workday(day("2026-05-09"))
    assert china.is_named_holiday(day("2026-10-03"))  # a Saturday inside the break
    assert not china.is_named_holiday(day("2026-10-17"))
    with pytest.raises(UnknownYear):
        china.is_workday(day("2003-12-31"))


@pytest.mark.parametrize(
    ("law", "free", "worked"),
    [
        ("us-fed", ["2026-07-03", "2026-07-04", "2026-11-26", "2021-06-18"], ["2026-07-02", "2020-06-19", "2026-11-27"]),
        ("uk", ["2026-04-03", "2026-04-06", "2026-12-28"], ["2026-12-29", "2026-11-30"]),
    ],
)
def test_holidays_that_follow_a_rule_are_computed(law, free, worked):
    made = calendars.calendar_of(law)
    assert all(made.is_named_holiday(day(text)) and not made.is_workday(day(text)) for text in free)
    assert all(made.is_workday(day(text)) for text in worked)
    assert not made.is_workday(day("2077-01-02"))  # a Saturday


def test_no_notice_so_far_has_moved_a_day_that_is_said_to_be_certain():
    china, doubtful = calendars.calendar_of("cn"), calendars.doubtful_days()
    moved = [on for on in china.named if on.weekday() < 5] + list(china.make_up)
    extraordinary = {date(2015, 9, 3), date(2015, 9, 4), date(2015, 9, 6)}  # a parade
    assert [on for on in moved if on.year >= 2008 and on not in doubtful | extraordinary] == []


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2028-06-30", "2028-06-30"),
        ("2028-07-01", "2028-07-03"),
        ("2028-06-01", "2028-06-01"),  # a Thursday, four days after the Dragon Boat Festival
        ("2029-05-19", "2029-05-21"),
    ],
)
def test_a_period_may_end_for_certain_in_a_year_without_a_notice(text, end):
    assert foresighted_calendar("cn").roll(day(text)) == day(end)
    with pytest.raises(UnknownYear):
        calendars.calendar_of("cn").roll(day(text))


@pytest.mark.parametrize("text", ["2028-05-29", "2028-06-03", "2027-02-12", "2027-10-09", "2027-04-06", "2100-06-01"])
def test_a_day_near_a_feast_is_uncertain_without_a_notice(text):
    with pytest.raises(UnknownYear):
        foresighted_calendar("cn").roll(day(text))


def test_other_calendars_need_no_foresight():
    assert foresighted_calendar("us-fed") is calendars.calendar_of("us-fed")


def test_a_bank_adds_the_year_its_notice_announced(tmp_path):
    made = calendars.load("cn", written(tmp_path, SOUND))
    assert made.years == calendars.calendar_of("cn").years | {2027}
    assert made.is_named_holiday(day("2027-01-02"))
    assert not made.is_workday(day("2027-02-05"))
    assert made.is_workday(day("2027-02-14"))
    assert made.is_workday(day("2027-01-04"))
    assert not made.is_workday(day("2027-01-09"))
    assert made.is_workday(day("2026-05-09"))
    year = calendars.read(tmp_path / "calendar.yaml")["cn"][2027]
    assert (year.year, year.source) == (2027, "the notice")


def test_a_file_may_be_empty_or_speak_of_another_law(tmp_path):
    assert calendars.load("cn", written(tmp_path, "")) is calendars.calendar_of("cn")
    assert calendars.load("us-fed", written(tmp_path, SOUND)) is calendars.calendar_of("us-fed")
    assert calendars.load("cn", None) is calendars.calendar_of("cn")


def test_a_year_without_make_up_days_is_a_year(tmp_path):
    assert not calendars.load("cn", written(tmp_path, SOUND.partition("    working")[0])).is_workday(day("2027-02-14"))


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("  2027:", "  2026:", 2, "the year 2026 is known already and cannot be changed"),
        ("  2027:", "  next:", 2, "next is not a year"),
        ("cn:", "cm:", 1, "cm is not expected here, or stands twice"),
        ("cn:", "us-fed:", 2, "the year 2027 is known already"),
        ("    source: the notice\n", "", 2, "its source is missing"),
        ("source: the notice", "source: ' '", 2, "its source is missing"),
        ("source: the notice", "source: [a]", 2, "its source is missing"),
        ("    rest_days: ['2027-01-01..2027-01-03', '2027-02-05']\n", "", 2, "its rest_days are missing"),
        ("'2027-02-05'", "'2026-12-31'", 4, "a date of 2027"),
        ("'2027-02-05'", "'2027-02-05..2028-01-01'", 4, "a date of 2027"),
        ("'2027-02-05'", "'2027-02-05..2027-02-04'", 4, "a date of 2027"),
        ("'2027-02-05'", "'2027-02-30'", 4, "a date of 2027"),
        ("'2027-02-05'", "[a]", 4, "a date of 2027"),
        ("'2027-02-05'", "'2027-01-03'", 4, "2027-01-03 stands twice"),
        ("['2027-02-14']", "'2027-02-14'", 5, "a list of dates belongs here"),
        ("['2027-02-14']", "['2027-02-15']", 5, "2027-02-15 is to be a weekend day and no rest day"),
        ("['2027-02-14']", "['2027-01-03']", 5, "2027-01-03 is to be a weekend day and no rest day"),
        ("    working_days", "    worked", 5, "worked is not expected here"),
    ],
)
def test_a_calendar_file_that_is_not_in_order_is_refused_with_its_line(tmp_path, old, new, line, says):
    file = written(tmp_path, SOUND.replace(old, new))
    with pytest.raises(CalendarRefused) as refused:
        calendars.load("cn", file)
    found = [(fault.place, fault.en) for fault in refused.value.faults]
    assert [place for place, en in found if says in en] == [f"{file}:{line}"]
    assert refused.value.zh
    assert says in str(refused.value)


@pytest.mark.parametrize("text", ["cn: [", "- cn\n", "cn: 2027\n"])
def test_a_file_that_is_no_calendar_is_refused(tmp_path, text):
    with pytest.raises(CalendarRefused):
        calendars.read(written(tmp_path, text))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CalendarRefused, match="cannot be read"):
        calendars.read(tmp_path / "none.yaml")


# --- Statutes of judgements, and the way to an answer -----------------------------------------------------------------


def entries():
    return [entry for file in sorted(STATUTES.glob("*/judgement-*.yaml")) for entry in yaml.safe_load(file.read_text("utf-8"))]


def test_every_entry_of_a_statute_says_what_it_judges_in_both_languages():
    for entry in entries():
        assert entry["zh"].endswith("。"), entry["id"]
        assert entry["en"].endswith("."), entry["id"]
        assert entry.get("judged_by") is None or entry["judged_by"] in KINDS
    assert {entry["judged_by"] for entry in entries() if "judged_by" in entry} == set(KINDS)
    assert len({entry["id"] for entry in entries()}) == len(entries())


def test_law_is_that_of_the_date_asked():
    assert "agency.published" not in law_of("cn", day("2026-01-29")).provisions
    found = law_of("cn", day("2026-01-30"))["agency.published"]
    assert (found.id, found.in_force, found.note, found.ambiguous) == ("cn.agency.published", day("2026-01-30"), "", False)
    assert law_of("cn", day("2026-01-30"))["retention.account_records"].ambiguous is True
    assert law_of("cn", day("2026-06-01")).jurisdiction == "cn"


def test_the_day_is_that_of_china_or_of_the_offset_given():
    late = datetime.fromisoformat("2026-05-09T18:00:00+00:00")
    assert local_date("cn", late) == day("2026-05-10")
    assert local_date("us-fed", late) == day("2026-05-09")


def test_an_unknown_question_and_a_silent_law_are_errors():
    at = datetime.fromisoformat("2026-05-09T18:00:00+08:00")
    with pytest.raises(KeyError):
        judge("divination", "cn", {}, at=at)
    with pytest.raises(NoProvision):
        judge("suit_allowed", "uk", {"arbitration_clause": False}, at=at)


def test_a_calendar_of_the_bank_answers_where_the_notices_do_not(tmp_path):
    given = {"decision_received": day("2027-01-15"), "requested": day("2027-02-15")}
    at = datetime.fromisoformat("2027-03-01T10:00:00+08:00")
    with pytest.raises(UnknownYear):
        judge("review_request_in_time", "cn", given, at=at)
    bank = calendars.load("cn", written(tmp_path, SOUND))
    assert judge("review_request_in_time", "cn", given, at=at, calendar_of={"cn": bank}.__getitem__).value is False
