"""Limitation: three years from the last due date, what starts them again, and what comes too late to."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anhuan.core.days import Calendar, UnknownYear
from anhuan.core.judgements import limitation
from anhuan.core.judgements.limitation import AutoDebit, Demand, SignedNotice
from anhuan.core.vocabulary import Channel
from anhuan.rulebook.judging import foresighted_calendar, law_of

CN = law_of("cn", date(2026, 6, 1))
CHINA = foresighted_calendar("cn")
BLIND = Calendar("cn", frozenset())


def day(text: str) -> date:
    return date.fromisoformat(text)


def letter(on: str, *, channel=Channel.LETTER, on_file=True, delivered=True) -> Demand:
    return Demand(day(on), channel, to_address_on_file=on_file, delivered=delivered)


def judge(due="2023-05-20", events=(), *, at, last_instalment_due=None, calendar=CHINA):
    last = day(last_instalment_due) if last_instalment_due else None
    return limitation.claim_in_time(day(due), last, list(events), at=day(at), law=CN, calendar=calendar)


@pytest.mark.parametrize(
    ("due", "last", "rolled"),
    [
        ("2023-05-20", "2026-05-20", "2026-05-20"),
        ("2023-05-01", "2026-05-01", "2026-05-06"),  # inside the break
        ("2023-02-28", "2026-02-28", "2026-02-28"),  # a Saturday that is worked
        ("2023-06-06", "2026-06-06", "2026-06-08"),  # a Saturday
        ("2024-02-12", "2027-02-12", None),  # near the feast, and 2027 is not announced
        ("2025-06-01", "2028-06-01", "2028-06-01"),  # a Thursday, too far from the feast to be freed
        ("2026-05-19", "2029-05-19", "2029-05-21"),  # a Saturday far from any feast of a year not announced
    ],
)
def test_a_claim_expires_three_years_after_it_fell_due(due, last, rolled):
    assert judge(due, at=last).value is True
    if rolled is None:
        with pytest.raises(UnknownYear):
            judge(due, at=str(day(last) + timedelta(days=1)))
        assert judge(due, at=str(day(last) + timedelta(days=30))).value is False
        return
    assert judge(due, at=rolled).value is True
    assert judge(due, at=str(day(rolled) + timedelta(days=1))).value is False
    assert judge(due, at=last).details["last_day"] == day(rolled)
    assert limitation.expires_on(day(due), [], at=day(due), law=CN, calendar=CHINA) == day(rolled)


def test_one_debt_in_instalments_runs_from_the_last():
    assert judge("2021-01-15", at="2026-05-20", last_instalment_due="2023-05-20").value is True
    assert judge("2021-01-15", at="2026-05-21", last_instalment_due="2023-05-20").value is False
    assert judge("2021-01-15", at="2026-05-20").value is False
    found = limitation.expires_on(
        day("2021-01-15"), [], at=day("2026-01-01"), law=CN, calendar=CHINA, last_instalment_due=day("2023-05-20")
    )
    assert found == day("2026-05-20")


@pytest.mark.parametrize(
    ("event", "counts"),
    [
        (letter("2025-06-01"), True),
        (letter("2025-06-01", on_file=False), True),  # delivered anyhow
        (letter("2025-06-01", delivered=False), True),  # sent to the address on file
        (letter("2025-06-01", channel=Channel.SMS, delivered=False), True),
        (letter("2025-06-01", channel=Channel.EMAIL, delivered=False), True),
        (letter("2025-06-01", on_file=False, delivered=False), False),
        (letter("2025-06-01", channel=Channel.CALL, delivered=False), False),
        (letter("2025-06-01", channel=Channel.PORTAL_PUSH, delivered=False), False),
        (letter("2025-06-01", channel=Channel.CALL, on_file=False), True),
        (AutoDebit(day("2025-06-01"), 1), True),
        (AutoDebit(day("2025-06-01"), 0), False),
        (SignedNotice(day("2025-06-01")), True),
    ],
)
def test_what_starts_the_time_again(event, counts):
    judgement = judge(events=[event], at="2026-06-01")
    assert judgement.value is counts
    assert judgement.details["counted"] == ([day("2025-06-01")] if counts else [])
    assert judgement.details["without_effect"] == ([] if counts else [day("2025-06-01")])
    assert judgement.details["started"] == (day("2025-06-01") if counts else day("2023-05-20"))
    assert judge(events=[event], at="2028-06-02").value is False
    if counts:
        assert judge(events=[event], at="2028-06-01").value is True
        assert judgement.details["last_day"] == day("2028-06-01")


def test_the_grounds_name_the_general_rule_and_each_that_started_the_time_again_once():
    events = [letter("2024-06-03"), letter("2024-07-03"), AutoDebit(day("2024-08-03"), 5), SignedNotice(day("2024-09-03"))]
    named = [ground.id for ground in judge(events=events, at="2026-06-01").grounds]
    kinds = ["limitation.general", "limitation.demand", "limitation.auto_debit", "limitation.signed_notice"]
    assert named == [f"cn.{kind}" for kind in kinds]
    assert [ground.id for ground in judge(at="2026-05-01").grounds] == ["cn.limitation.general"]


@pytest.mark.parametrize(
    ("on", "counts"),
    [("2026-05-19", True), ("2026-05-20", True), ("2026-05-21", False), ("2026-06-01", False)],
)
def test_after_expiry_only_a_signed_notice_helps(on, counts):
    assert judge(events=[letter(on)], at="2026-06-02").value is counts
    assert judge(events=[AutoDebit(day(on), 1)], at="2026-06-02").value is counts
    assert judge(events=[SignedNotice(day(on))], at="2026-06-02").value is True


def test_a_demand_on_the_first_day_after_a_break_still_interrupts():
    assert judge("2023-05-01", [letter("2026-05-06")], at="2026-06-01").value is True
    assert judge("2023-05-01", [letter("2026-05-07")], at="2026-06-01").value is False


def test_events_are_taken_in_order_of_time_and_only_what_has_happened():
    chain = [letter("2028-01-10"), letter("2025-06-01")]  # the later one counts because of the earlier
    assert judge(events=chain, at="2030-06-01").value is True
    assert judge(events=chain[:1], at="2030-06-01").value is False
    assert judge(events=[letter("2026-05-20")], at="2026-05-19").value is True
    assert judge(events=[letter("2026-05-20")], at="2026-05-19").details["counted"] == []
    assert judge(events=[letter("2026-05-20")], at="2026-05-20").details["counted"] == [day("2026-05-20")]


def test_a_signed_notice_opens_three_years_and_they_can_be_interrupted():
    signed = [SignedNotice(day("2026-06-01"))]
    assert judge("2020-01-01", signed, at="2026-05-31").value is False
    assert judge("2020-01-01", signed, at="2026-06-01").value is True
    assert judge("2020-01-01", signed, at="2029-06-01").value is True
    assert judge("2020-01-01", signed, at="2029-07-01").value is False
    assert judge("2020-01-01", [*signed, letter("2029-05-30")], at="2032-05-01").value is True


def test_what_happened_before_the_debt_was_due_starts_nothing():
    assert judge(events=[letter("2023-05-19")], at="2026-05-20").value is True
    assert judge(events=[letter("2023-05-19")], at="2026-05-20").details["counted"] == []
    assert judge(events=[SignedNotice(day("2023-05-19"))], at="2026-05-20").value is True
    assert judge(events=[letter("2023-05-20")], at="2026-05-20").details["counted"] == [day("2023-05-20")]


def test_twenty_years_are_never_exceeded_but_by_a_new_promise():
    demands = [letter(f"{year}-06-10") for year in range(2009, 2027, 2)]
    ledger = limitation.ledger(day("2006-09-15"), None, demands, at=day("2026-06-30"), law=CN, calendar=CHINA)
    assert ledger.expires_on == day("2026-09-15")
    assert [step.expires_on for step in ledger.steps][-3:] == [day("2024-06-10"), day("2026-06-10"), day("2026-09-15")]
    assert judge("2006-09-15", demands, at="2026-09-15").value is True
    assert judge("2006-09-15", demands, at="2026-09-16").value is False
    promised = [*demands, SignedNotice(day("2026-06-20"))]
    assert judge("2006-09-15", promised, at="2029-06-20").value is True
    assert judge("2006-09-15", [SignedNotice(day("2010-06-10"))], at="2026-06-20").value is False


def test_a_very_late_promise_restores_a_claim_older_than_twenty_years():
    promised = [SignedNotice(day("2026-06-01"))]
    assert judge("2001-01-01", at="2026-06-01").value is False
    assert judge("2001-01-01", promised, at="2029-06-01").value is True


def test_the_ledger_tells_every_event_whether_it_counted():
    events = [letter("2025-06-01"), AutoDebit(day("2025-07-01"), 0)]
    ledger = limitation.ledger(day("2023-05-20"), None, events, at=day("2026-06-01"), law=CN, calendar=CHINA)
    assert ledger.due == day("2023-05-20")
    assert [(step.event, step.counted, step.provision.id, step.expires_on) for step in ledger.steps] == [
        (events[0], True, "cn.limitation.demand", day("2028-06-01")),
        (events[1], False, "cn.limitation.auto_debit", day("2028-06-01")),
    ]
    assert ledger.expires_on == day("2028-06-01")


def test_the_calendar_is_asked_only_where_it_decides():
    assert judge(at="2026-05-20", calendar=BLIND).value is True
    assert judge(events=[letter("2026-05-20")], at="2026-06-01", calendar=BLIND).value is True
    assert judge(at="2026-05-20", calendar=BLIND).details["unannounced_year"] == 2026
    with pytest.raises(UnknownYear):
        judge(at="2026-05-21", calendar=BLIND)


@given(st.lists(st.integers(0, 1500), max_size=5), st.integers(0, 1500), st.integers(0, 1500))
def test_one_more_delivered_demand_never_ends_a_claim_earlier(offsets, more, at):
    due = day("2018-03-05")
    when = due + timedelta(days=at + 400)
    events = [letter(str(due + timedelta(days=offset))) for offset in offsets]
    without = limitation.ledger(due, None, events, at=when, law=CN, calendar=CHINA)
    added = [*events, letter(str(due + timedelta(days=more)))]
    assert limitation.ledger(due, None, added, at=when, law=CN, calendar=CHINA).expires_on >= without.expires_on
