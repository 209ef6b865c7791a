"""The door with real connections: whatever comes at once, whoever dies in between, no cap is ever exceeded."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from psycopg.pq import TransactionStatus
from tests.records import desk
from tests.records.desk import BY, LAW, MORNING

from anhuan.acts import dispatch
from anhuan.core.vocabulary import Channel, LineResult, Outcome
from anhuan.records import events
from anhuan.records.agency import Agency
from anhuan.records.contact import Contact, Permit, Refusal

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(number: int, work: Callable[[int], Any], *, hands: int = 40) -> list[Any]:
    """`work` for each number, on as many connections as hands, all beginning together."""
    answers: list[Any] = []
    todo, beginning = iter(range(number)), threading.Barrier(hands)
    taking = threading.Lock()

    def hand() -> None:
        beginning.wait()
        try:
            while True:
                with taking:
                    mine = next(todo, None)
                if mine is None:
                    return
                answers.append(work(mine))
        except Exception as failure:  # noqa: BLE001
            answers.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=hand) for _ in range(hands)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_two_hundred_attempts_at_one_debtor_at_once_never_exceed_a_cap() -> None:
    mobile = desk.customer()
    agency = Agency(agency_id="x", placed_as="x", listed=True)
    desk.account("A2", "C1", placed_with="x")

    def work(n: int) -> str:
        at = MORNING + timedelta(milliseconds=n % 7)  # instants are taken before the lock, and so out of order
        if n % 3 == 0:
            answer = dispatch.permit_for_agency(
                agency, "C1", desk.attempt(mobile, debts=frozenset({"A2"})), law=LAW, at=at, by=BY
            )
        else:
            channel = Channel.CALL if n % 3 == 1 else Channel.VOICEMAIL
            answer = dispatch.start("C1", desk.attempt(mobile, channel=channel, automated=n % 2 == 0), law=LAW, at=at, by=BY)
        return type(answer).__name__

    counted = Counter(map(str, at_once(200, work)))
    assert counted == {"Started": 3, "Refused": 197}
    assert (Contact.objects.count(), Permit.objects.count(), Refusal.objects.count()) == (3, 3, 197)
    assert events.verify() == {"ok": True, "events": 3, "first_bad": None}


def test_sets_and_single_attempts_at_once_never_exceed_a_cap_either() -> None:
    people = [f"C{n}" for n in range(1, 6)]
    mobiles = {person: desk.customer(person, cards=(f"A{person}",), case=person != "C5") for person in people}

    def attempted(person: str) -> Any:
        return lambda _known: desk.attempt(mobiles[person], debts=frozenset({f"A{person}"}))

    def work(n: int) -> Counter[str]:
        at = MORNING + timedelta(milliseconds=n % 7)
        if n % 2:
            asked = [(person, attempted(person)) for person in people]
            return Counter(type(answer).__name__ for answer in dispatch.start_many(asked, law=LAW, at=at, by=BY))
        person = people[n // 2 % 5]
        return Counter([type(dispatch.start(person, attempted(person)(None), law=LAW, at=at, by=BY)).__name__])

    told = at_once(60, work, hands=12)
    assert not [each for each in told if isinstance(each, Exception)]
    counted = sum(told, Counter())
    assert counted == {"Started": 15, "Refused": 30 * 5 + 30 - 15}
    assert Counter(Contact.objects.values_list("customer_id", flat=True)) == dict.fromkeys(people, 3)
    assert (Permit.objects.count(), Refusal.objects.count()) == (15, counted["Refused"])
    assert events.verify() == {"ok": True, "events": 15, "first_bad": None}


def test_of_a_set_only_the_attempt_that_was_asked_before_is_told_so() -> None:
    mobiles = {person: desk.customer(person, cards=(f"A{person}",)) for person in ("C1", "C2")}
    asked = [
        (
            person,
            lambda _known, person=person: desk.attempt(mobiles[person], id=f"once-{person}", debts=frozenset({f"A{person}"})),
        )
        for person in ("C2", "C1")
    ]
    dispatch.start_many(asked[:1], law=LAW, at=MORNING, by=BY)
    first, second = dispatch.start_many(asked, law=LAW, at=MORNING, by=BY)
    assert isinstance(first, dispatch.Started)
    assert first.verdict.attempt.id == "once-C1"
    assert isinstance(second, dispatch.Unfit)
    assert [fault.code for fault in second.faults] == ["attempt_known"]
    assert Contact.objects.count() == 2


def test_customers_without_a_case_are_held_as_well() -> None:
    mobile = desk.customer(case=False)
    answers = at_once(60, lambda _: dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING, by=BY), hands=20)
    assert Counter(type(answer).__name__ for answer in answers) == {"Started": 3, "Refused": 57}
    assert events.verify()["events"] == 3


def test_seats_given_back_are_free_again_and_the_cap_still_holds() -> None:
    mobile = desk.customer()

    def work(n: int) -> str:
        answer = dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING + timedelta(seconds=n), by=BY)
        if isinstance(answer, dispatch.Started) and n % 2:
            assert not dispatch.void(answer.contact_id, proof="not_dialled", at=MORNING + timedelta(seconds=n), by=BY)
        return type(answer).__name__

    at_once(100, work, hands=20)
    assert Contact.objects.exclude(state="void").count() == 3
    assert events.verify()["ok"]


def test_a_crash_between_permit_and_result_leaves_a_started_contact_that_counts() -> None:
    mobile = desk.customer()
    for n in range(3):
        answer = dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING + timedelta(minutes=n), by=BY)
        assert isinstance(answer, dispatch.Started)
        if n == 2:
            dispatch.unknown(answer.contact_id, at=MORNING + timedelta(minutes=n), by=BY)
    connection.close()  # whoever had begun them is gone
    later = dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING + timedelta(hours=2), by=BY)
    assert isinstance(later, dispatch.Refused)
    assert {reason.rule.id for reason in later.verdict.reasons} == {"talks"}


def test_a_crash_before_the_commit_leaves_neither_permit_nor_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    mobile = desk.customer(case=False)

    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("the machine is gone")

    monkeypatch.setattr(events, "append", die)
    with pytest.raises(RuntimeError, match="gone"):
        dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING, by=BY)
    assert (Contact.objects.count(), Permit.objects.count()) == (0, 0)


def test_what_was_begun_within_a_larger_act_is_undone_with_it() -> None:
    mobile = desk.customer()
    with transaction.atomic():
        assert isinstance(dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING, by=BY), dispatch.Started)
        transaction.set_rollback(True)
    assert (Contact.objects.count(), Permit.objects.count(), events.verify()["events"]) == (0, 0, 0)


def test_a_permit_stands_once_it_is_told_and_nothing_of_one_that_failed() -> None:
    mobile = desk.customer()
    asked = desk.attempt(mobile, id="once")
    assert isinstance(dispatch.start("C1", asked, law=LAW, at=MORNING, by=BY), dispatch.Started)
    assert connection.connection.info.transaction_status is TransactionStatus.IDLE
    again = dispatch.start("C1", asked, law=LAW, at=MORNING, by=BY)
    assert isinstance(again, dispatch.Unfit)
    assert [fault.code for fault in again.faults] == ["attempt_known"]
    assert connection.connection.info.transaction_status is TransactionStatus.IDLE
    connection.close()
    assert (Contact.objects.count(), Permit.objects.count(), events.verify()["events"]) == (1, 1, 1)


def test_talk_after_talk_the_fourth_is_refused_until_the_next_day() -> None:
    mobile = desk.customer()
    for n in range(3):
        at = MORNING + timedelta(minutes=n)
        answer = dispatch.start("C1", desk.attempt(mobile), law=LAW, at=at, by=BY)
        assert isinstance(answer, dispatch.Started)
        assert not dispatch.complete(
            answer.contact_id, line_result=LineResult.CONNECTED, outcome=Outcome.CONVERSATION, at=at, by=BY
        )
    refused = dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING + timedelta(hours=3), by=BY)
    assert isinstance(refused, dispatch.Refused)
    assert refused.verdict.not_before == MORNING + timedelta(hours=14)
    tomorrow = dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING + timedelta(days=1), by=BY)
    assert isinstance(tomorrow, dispatch.Started)
