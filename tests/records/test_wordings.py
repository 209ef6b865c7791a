"""Versions of wordings: the way they go, what keeps them from going on, and what is sent of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from anhuan.acts import wording as acts
from anhuan.core.vocabulary import Channel, Purpose
from anhuan.records import events
from anhuan.records.staff import Role, Staff
from anhuan.records.wording import WordingState, WordingVersion, live_on
from anhuan.rulebook import letters
from anhuan.rulebook.letters import Amount, Filled, Wording

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 1, tzinfo=UTC)
DAY = date(2026, 11, 20)
KEY = {"jurisdiction": "cn", "name": "overdue", "channel": "sms", "language": "zh"}
VALUES: dict[str, Any] = {"owed": Amount(32506, "CNY")}


@pytest.fixture(autouse=True)
def staff() -> None:
    for name, role in (("wang", Role.OPERATIONS), ("li", Role.OPERATIONS), ("audit", Role.AUDITOR)):
        Staff.objects.create(username=name, role=role)


def wording(text: str = "【某银行】您的信用卡应还{owed}。拒收请回复T") -> Wording:
    found, faults = letters.read_document(
        {
            **KEY, "purpose": "collect", "parts": {"text": text}, "values": {"owed": {"is": "money"}},
            "discloses": {"institution": "【某银行】", "opt_out": "拒收请回复T"},
        }
    )  # fmt: skip
    assert found is not None, faults
    return found


def drafted(one: Wording | None = None) -> WordingVersion:
    made = acts.draft(one or wording(), at=AT, by="wang")
    assert isinstance(made, WordingVersion)
    return made


def in_force(one: Wording | None = None, day: date = DAY) -> WordingVersion:
    made = drafted(one)
    acts.check(made.pk, at=AT, by="wang")
    acts.approve(made.pk, at=AT, by="li")
    live = acts.go_live(made.pk, live_from=day, at=AT, by="li")
    assert isinstance(live, WordingVersion), live
    return live


def codes(answer: acts.Answer) -> list[str]:
    assert isinstance(answer, list)
    return [fault.code for fault in answer]


def test_a_wording_comes_into_force_by_two_people_and_leaves_one_event_a_step() -> None:
    live = in_force()
    assert (live.state, live.made_by, live.approved_by, live.live_from) == (WordingState.LIVE, "wang", "li", DAY)
    kinds = list(events.Event.objects.filter(kind__startswith="wording.").order_by("id").values_list("kind", "by"))
    assert kinds == [
        ("wording.drafted", "wang"), ("wording.checked", "wang"), ("wording.approved", "li"), ("wording.live", "li"),
    ]  # fmt: skip
    assert live_on(DAY, **KEY) == live
    assert live_on(DAY - timedelta(days=1), **KEY) is None
    assert live.wording == wording()


def test_its_author_cannot_approve_it_nor_an_auditor_nor_a_machine() -> None:
    made = drafted()
    acts.check(made.pk, at=AT, by="wang")
    assert codes(acts.approve(made.pk, at=AT, by="wang")) == ["same_person"]
    assert codes(acts.approve(made.pk, at=AT, by="audit")) == ["not_a_person"]
    assert codes(acts.approve(made.pk, at=AT, by="system:cli")) == ["not_a_person"]
    assert codes(acts.draft(wording(), at=AT, by="audit")) == ["not_a_person"]


def test_a_forbidden_phrase_is_found_when_it_is_saved_and_keeps_it_from_going_on() -> None:
    made = drafted(wording("【某银行】您的信用卡应还{owed}，不还就派人去你家堵门。拒收请回复T"))
    assert [finding["code"] for finding in made.findings or []] == ["threat"]
    checked = acts.check(made.pk, at=AT, by="wang")
    assert isinstance(checked, WordingVersion)
    assert checked.state == WordingState.DRAFT
    assert codes(acts.approve(made.pk, at=AT, by="li")) == ["not_clean", "not_clean"]


def test_steps_are_taken_in_their_order() -> None:
    made = drafted()
    assert codes(acts.approve(made.pk, at=AT, by="li")) == ["out_of_turn"]
    assert codes(acts.go_live(made.pk, live_from=DAY, at=AT, by="li")) == ["out_of_turn"]
    assert codes(acts.retire(made.pk, live_until=DAY, at=AT, by="li")) == ["out_of_turn"]


def test_the_same_words_again_are_no_new_version() -> None:
    first = drafted()
    assert drafted() == first
    assert drafted(wording("【某银行】请还{owed}。拒收请回复T")).number == 2
    assert drafted().number == 3, "what version 1 said is new again once version 2 says something else"


def test_a_new_version_ends_the_one_before_and_what_was_in_force_stays_so() -> None:
    first = in_force()
    second = in_force(wording("【某银行】请还{owed}。拒收请回复T"), DAY + timedelta(days=5))
    days = [live_on(DAY + timedelta(days=n), **KEY) for n in (0, 4, 5, 50)]
    assert days == [first, first, second, second]
    assert codes(acts.retire(second.pk, live_until=DAY - timedelta(days=1), at=AT, by="li")) == ["past"]
    acts.retire(second.pk, live_until=DAY + timedelta(days=9), at=AT, by="li")
    assert live_on(DAY + timedelta(days=9), **KEY) is None


def test_no_wording_comes_into_force_in_the_past_or_before_one_that_is_to_come() -> None:
    in_force(day=DAY + timedelta(days=5))
    made = drafted(wording("【某银行】请还{owed}。拒收请回复T"))
    acts.check(made.pk, at=AT, by="wang")
    acts.approve(made.pk, at=AT, by="li")
    assert codes(acts.go_live(made.pk, live_from=DAY - timedelta(days=1), at=AT, by="li")) == ["past", "another_goes_live"]
    assert codes(acts.go_live(made.pk, live_from=DAY, at=AT, by="li")) == ["another_goes_live"]


@pytest.mark.parametrize(
    "change", [{"document": {}}, {"fingerprint": "0" * 64}, {"number": 9}, {"made_by": "li"}, {"live_from": DAY}]
)
def test_what_a_version_is_never_changes(change: dict[str, Any]) -> None:
    live = in_force(day=DAY + timedelta(days=1))
    with pytest.raises(DatabaseError, match="stays as it was written"), transaction.atomic():
        WordingVersion.objects.filter(pk=live.pk).update(**change)
    with pytest.raises(DatabaseError, match="kept for ever"), transaction.atomic():
        WordingVersion.objects.filter(pk=live.pk).delete()


def test_the_database_itself_wants_a_second_person() -> None:
    made = drafted()
    with pytest.raises(IntegrityError, match="wording_approved_by_another"), transaction.atomic():
        WordingVersion.objects.filter(pk=made.pk).update(approved_at=AT, approved_by="wang")
    with pytest.raises(IntegrityError, match="wording_live_only_approved"), transaction.atomic():
        WordingVersion.objects.filter(pk=made.pk).update(live_from=DAY)


def test_what_is_sent_is_the_version_in_force_filled_and_checked_again() -> None:
    assert [
        fault.code for fault in acts.filled("overdue", VALUES, jurisdiction="cn", channel="sms", language="zh", on=DAY)
    ] == [  # type: ignore[union-attr]
        "none_in_force"
    ]
    live = in_force()
    answer = acts.filled("overdue", VALUES, jurisdiction="cn", channel="sms", language="zh", on=DAY)
    assert isinstance(answer, tuple)
    version, filled = answer
    assert version == live
    assert isinstance(filled, Filled)
    assert filled.parts["text"] == "【某银行】您的信用卡应还325.06元。拒收请回复T"
    wrong = acts.filled("overdue", {}, jurisdiction="cn", channel="sms", language="zh", on=DAY)
    assert codes(wrong) == ["missing_value"]  # type: ignore[arg-type]


def test_each_channel_and_language_has_versions_of_its_own() -> None:
    drafted()
    english = replace(wording(), language="en")
    assert drafted(english).number == 1
    assert drafted(replace(wording(), channel=Channel.PORTAL_CONTENT, purpose=Purpose.SERVICE, parts={
        "title": "应还", "text": "【某银行】{owed}拒收请回复T"})).number == 1  # fmt: skip
