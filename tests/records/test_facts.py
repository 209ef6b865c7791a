"""Facts from records: what each table tells, for one customer and for many alike, and as it was known at any instant."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from tests.records import desk
from tests.records.desk import BY, LAW, MORNING

from anhuan.acts import consent, dispatch, hold
from anhuan.core import gate
from anhuan.core.facts import Attorney, Facts, Point
from anhuan.core.vocabulary import (
    Channel,
    Covers,
    DebtorStatus,
    Direction,
    HoldKind,
    LineResult,
    Outcome,
    Party,
    PointKind,
    Purpose,
)
from anhuan.records import bulk, facts
from anhuan.records.account import Account
from anhuan.records.circumstance import CircumstanceKind, PersonFindingKind, PointFindingKind
from anhuan.records.contact import Contact

pytestmark = pytest.mark.django_db


def of(customer_id: str = "C1", at: Any = MORNING, **asked: Any) -> Facts:
    return facts.facts_for(customer_id, at=at, **asked)


def past(mobile: UUID | None, ago: timedelta, **told: Any) -> Contact:
    """A contact of the old system, so long ago."""
    at = MORNING - ago
    values = {
        "customer_id": "C1", "channel": "call", "direction": "outbound", "party": "debtor", "person_id": "", "point_id": mobile,
        "point_kind": "mobile", "purpose": "collect", "actor": "bank", "automated": False, "debts": ["A1"],
        "origin": "imported", "state": "completed", "line_result": "no_answer", "outcome": "", "started_at": at,
        "recorded_at": at, "closed_at": at, "by": BY,
    }  # fmt: skip
    return Contact.objects.create(contact_id=uuid4(), **values | told)


def test_a_customer_nobody_delivered_is_unknown_in_what_the_bank_would_say() -> None:
    known = of("nobody")
    assert known.unknown == {"timezones", "status", "attorney", "points", "people"}
    assert (known.debts, known.contacts, known.timezones) == ({}, (), ())


def test_accounts_points_and_zone_are_the_banks() -> None:
    mobile = desk.customer(cards=("A1", "A2"))
    home = desk.point(value="home", kind="phone", place="home")
    desk.point(value="gone", kind="phone", place="home", absent_since=date(2026, 11, 1))
    wife = desk.point(value="wife", party="spouse", person_id="p1")
    known = of()
    assert known.timezones == ("Asia/Shanghai",)
    assert known.debts.keys() == {"A1", "A2"}
    assert known.points == {
        str(mobile): Point(str(mobile), PointKind.MOBILE),
        str(home): Point(str(home), PointKind.HOME_PHONE),
        str(wife): Point(str(wife), PointKind.MOBILE, of_third_person=True),
    }
    assert known.people["p1"].relation is Party.SPOUSE
    assert known.unknown == frozenset()


POINTS = {
    ("mobile", ""): PointKind.MOBILE,
    ("phone", "work"): PointKind.WORK_PHONE,
    ("phone", "other"): PointKind.OTHER_PHONE,
    ("phone", ""): PointKind.OTHER_PHONE,
    ("email", "home"): PointKind.PERSONAL_EMAIL,
    ("email", "work"): PointKind.WORK_EMAIL,
    ("email", ""): PointKind.WORK_EMAIL,
    ("address", "home"): PointKind.HOME_ADDRESS,
    ("address", "work"): PointKind.WORK_ADDRESS,
    ("address", "other"): PointKind.OTHER_ADDRESS,
    ("address", ""): None,
    ("app", ""): None,
}


@pytest.mark.parametrize(("delivered", "kind"), POINTS.items(), ids=str)
def test_a_point_is_what_the_bank_says_or_unknown_to_the_gate(delivered: tuple[str, str], kind: PointKind | None) -> None:
    desk.customer()
    point = str(desk.point(value="x", kind=delivered[0], place=delivered[1]))
    assert of().point_kind(Channel.CALL, point) is kind


def test_a_landline_without_a_place_stands_where_she_must_not_be_called() -> None:
    desk.customer()
    line = str(desk.point(value="x", kind="phone"))
    consent.bar_place("C1", "work", at=MORNING, by=BY)
    assert of().points[line].kind is PointKind.WORK_PHONE


FLAGS = {
    "deceased": lambda known: known.status == {DebtorStatus.DECEASED},
    "incapacitated": lambda known: known.status == {DebtorStatus.NO_CAPACITY},
    "bankrupt": lambda known: [h.kind for h in known.holds] == [HoldKind.BANKRUPTCY],
    "represented_by_attorney": lambda known: known.attorney == Attorney(contact_known=True),
}


@pytest.mark.parametrize(("flag", "told"), FLAGS.items(), ids=FLAGS.keys())
def test_a_flag_of_the_bank_is_a_fact(flag: str, told: Any) -> None:
    desk.customer(flags=(flag,))
    assert told(of())


def test_a_lock_for_a_dispute_or_fraud_holds_that_account_alone() -> None:
    desk.customer()
    desk.account("A2", "C1", block_code="dispute")
    desk.account("A3", "C1", block_code="fraud")
    held = {h.kind: h.debts for h in of().holds}
    assert held == {HoldKind.DISPUTE: frozenset({"A2"}), HoldKind.FRAUD: frozenset({"A3"})}


def test_what_we_learn_is_told() -> None:
    mobile = desk.customer(cards=("A1", "A2"))
    desk.point(value="wife", party="spouse", person_id="p1")
    now = {"at": MORNING, "by": BY}
    consent.learn("C1", CircumstanceKind.MOVED, timezones=["Asia/Shanghai", "Asia/Urumqi"], **now)
    consent.learn("C1", CircumstanceKind.NO_CAPACITY, **now)
    consent.learn("C1", CircumstanceKind.ATTORNEY, contact_known=True, debts=["A2"], **now)
    consent.learn("C1", CircumstanceKind.WHEREABOUTS, place="work", ends=MORNING + timedelta(hours=1), **now)
    consent.learn("C1", CircumstanceKind.TIME_BARRED, debts=["A1"], **now)
    consent.find_point("C1", mobile, PointFindingKind.WRONG_NUMBER, **now)
    consent.find_point("C1", mobile, PointFindingKind.NUMBER_CHECK, reassigned=True, **now)
    consent.find_point("C1", mobile, PointFindingKind.TRANSFER_NOTICE, opt_out_until=date(2026, 12, 31), **now)
    consent.hear_person("C1", "p1", PersonFindingKind.JOINT_USE_PROVEN, **now)
    consent.hear_person("C1", "p2", PersonFindingKind.REFUSED, relation=Party.COLLEAGUE, **now)
    consent.hear_person("C1", "p2", PersonFindingKind.INVITED, **now)
    known = of()
    assert known.timezones == ("Asia/Shanghai", "Asia/Urumqi")
    assert known.status == {DebtorStatus.NO_CAPACITY}
    assert known.attorney == Attorney(contact_known=True, debts=frozenset({"A2"}))
    assert (known.whereabouts, of(at=MORNING + timedelta(hours=1)).whereabouts) == ("work", "unknown")
    assert (known.debts["A1"].time_barred, known.debts["A2"].time_barred) == (True, False)
    assert known.wrong_numbers == {str(mobile)}
    assert known.points[str(mobile)].of_third_person
    assert [(c.point, c.reassigned) for c in known.number_checks] == [(str(mobile), True)]
    assert known.transfer_notices[0].opt_out_until == date(2026, 12, 31)
    assert known.people["p1"].joint_use_proven
    assert known.people["p2"].relation is Party.COLLEAGUE
    assert known.refused_by == known.invited_by == {"p2": MORNING}


def test_what_she_asked_is_told() -> None:
    mobile = desk.customer()
    now = {"at": MORNING, "by": BY}
    consent.give("C1", [Covers.HOURS, Covers.MEDIUM], channel=Channel.CALL, ends=MORNING + timedelta(days=9), **now)
    consent.opt_out("C1", Channel.SMS, point_id=mobile, **now)
    consent.block_time("C1", weekdays=[6], begins=time(9), ends=time(12), channel=Channel.CALL, **now)
    consent.bar_place("C1", "home", **now)
    consent.cease("C1", written=False, **now)
    assert of().ceased_at is None
    consent.cease("C1", written=True, **now)
    later = MORNING + timedelta(days=1)
    consent.revoke("C1", [Covers.HOURS], at=later, by=BY)
    known = of(at=later)
    assert {(next(iter(c.covers)), c.ends) for c in known.consents} == {
        (Covers.HOURS, later), (Covers.MEDIUM, MORNING + timedelta(days=9)),
    }  # fmt: skip
    assert [(o.channel, o.point) for o in known.opt_outs] == [(Channel.SMS, str(mobile))]
    block = known.time_blocks[0]
    assert (block.weekdays, block.begins, block.ends, block.channel) == ({6}, time(9), time(12), Channel.CALL)
    assert [bar.place for bar in known.place_bars] == ["home"]
    assert known.ceased_at == MORNING


def test_a_started_contact_has_no_result_and_an_unknown_one_neither_and_a_void_one_never_was() -> None:
    mobile = desk.customer()
    ids = []
    for _ in range(3):
        answer = dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING, by=BY)
        assert isinstance(answer, dispatch.Started)
        ids.append(answer.contact_id)
    dispatch.unknown(ids[1], at=MORNING, by=BY)
    dispatch.void(ids[2], proof="not_dialled", at=MORNING, by=BY)
    assert {c.id: c.line_result for c in of().contacts} == {str(ids[0]): None, str(ids[1]): None}
    dispatch.complete(ids[1], line_result=LineResult.BUSY, at=MORNING, by=BY)
    assert {c.line_result for c in of().contacts} == {None, LineResult.BUSY}


def test_a_step_inside_a_running_contact_is_no_contact_of_its_own() -> None:
    mobile = desk.customer()
    first = dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING, by=BY)
    assert isinstance(first, dispatch.Started)
    step = desk.attempt(mobile, session_of=str(first.contact_id))
    assert isinstance(dispatch.start("C1", step, law=LAW, at=MORNING + timedelta(minutes=5), by=BY), dispatch.Started)
    assert len(of(at=MORNING + timedelta(minutes=6)).contacts) == 1


# --- how far back -------------------------------------------------------------------------------------------------


def test_older_contacts_are_told_where_a_rule_may_still_ask() -> None:
    mobile = desk.customer()
    long_ago = timedelta(days=200)
    wanted = {
        past(None, long_ago, party="spouse", person_id="p1").pk,
        past(mobile, long_ago, channel="sms", purpose="confirm_opt_out", line_result="").pk,
        past(mobile, long_ago, channel="email", direction="inbound", line_result="").pk,
        past(mobile, timedelta(days=70)).pk,
        past(mobile, timedelta(days=1)).pk,
    }
    past(mobile, long_ago, channel="sms", line_result="")
    past(mobile, long_ago + timedelta(days=1), line_result="busy")
    past(mobile, long_ago, line_result="connected", outcome="conversation")
    assert {UUID(contact.id) for contact in of().contacts} == wanted


def test_the_window_of_a_law_that_looks_back_further_is_wider() -> None:
    rule = replace(desk.TALKS, test=replace(desk.TALKS.test, dates=90))
    assert facts.reach(desk.law(rule)) == timedelta(days=100)
    assert facts.reach(LAW) == facts.WINDOW
    mobile = desk.customer()
    for n in range(3):
        past(mobile, timedelta(days=80 + n), line_result="connected", outcome="conversation")
    refused = dispatch.ask("C1", desk.attempt(mobile), law=desk.law(rule), at=MORNING)
    assert isinstance(refused, gate.Refusal)


SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_whether_she_is_lost_reads_the_same_from_the_window_as_from_all_history(seed: int) -> None:
    chance = random.Random(seed)
    mobile = desk.customer()
    other = desk.point(value="other")
    for _ in range(chance.randrange(3, 14)):
        days = timedelta(days=chance.choice([1, 2, 3, 50, 70, 80, 90]), hours=chance.randrange(10))
        told = chance.choice(
            [
                {"line_result": "no_answer"}, {"line_result": "invalid_number"}, {"line_result": "busy"},
                {"line_result": "connected", "outcome": "conversation"}, {"direction": "inbound", "line_result": "connected"},
                {"channel": "sms", "line_result": ""},
            ]
        )  # fmt: skip
        past(chance.choice([mobile, other]), days, **told)
    from anhuan.core.rules.parties import lost_since

    everything = of(since=MORNING - timedelta(days=10_000))
    assert lost_since(of(), MORNING, "Asia/Shanghai") == lost_since(everything, MORNING, "Asia/Shanghai")


# --- one and many, now and then -----------------------------------------------------------------------------------


def busy_desk() -> None:
    """Some customers with a bit of everything."""
    chance = random.Random(7)
    for n in range(25):
        customer_id = f"C{n:02}"
        mobile = desk.customer(
            customer_id, cards=(f"A{n}", f"B{n}"), case=n % 3 > 0, flags=chance.choice([(), ("bankrupt",), ("deceased",)])
        )
        desk.point(customer_id, "wife", party="spouse", person_id="p1")
        for _ in range(chance.randrange(6)):
            past(mobile, timedelta(days=chance.randrange(100)), customer_id=customer_id, debts=[f"A{n}"])
        now = {"at": MORNING, "by": BY}
        if n % 2:
            hold.place(customer_id, HoldKind.DISPUTE, law=LAW, begins=MORNING - timedelta(days=3), debts=[f"A{n}"], **now)
            consent.opt_out(customer_id, Channel.SMS, **now)
        if n % 5 == 0:
            consent.hear_person(customer_id, "p1", PersonFindingKind.REFUSED, **now)
            consent.give(customer_id, [Covers.HOURS], **now)
            consent.learn(customer_id, CircumstanceKind.MOVED, timezones=["Asia/Urumqi"], **now)


def test_facts_of_many_are_the_facts_of_each() -> None:
    busy_desk()
    wanted = [f"C{n:02}" for n in range(25)]
    many = list(facts.facts_for_many([*wanted, "nobody"], at=MORNING))
    assert [customer_id for customer_id, _ in many] == [*wanted, "nobody"]
    for customer_id, known in many:
        assert known == of(customer_id), customer_id
    assert [customer_id for customer_id, _ in facts.facts_for_many(at=MORNING)] == [c for c in wanted if int(c[1:]) % 3]


def test_facts_of_many_may_be_left_half_taken() -> None:
    busy_desk()
    for _ in range(2):
        assert next(iter(facts.facts_for_many(at=MORNING)))[0] == "C01"


def test_facts_are_told_as_they_were_known_at_any_instant() -> None:
    mobile = desk.customer()
    noon, evening = MORNING + timedelta(hours=2), MORNING + timedelta(hours=8)
    answer = dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING, by=BY)
    given_back = dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING, by=BY)
    placed = hold.place("C1", HoldKind.COMPLAINT, law=LAW, at=MORNING, by=BY)
    assert isinstance(answer, dispatch.Started)
    assert isinstance(given_back, dispatch.Started)
    assert isinstance(placed, hold.Placed)
    at_noon = of(at=noon)
    dispatch.complete(answer.contact_id, line_result=LineResult.CONNECTED, outcome=Outcome.HUNG_UP, at=evening, by=BY)
    dispatch.void(given_back.contact_id, proof="not_dialled", at=evening, by=BY)
    hold.end(placed.hold_id, at=evening, by=BY)
    consent.opt_out("C1", Channel.CALL, at=evening, said_at=MORNING, by=BY)
    dispatch.record_inbound("C1", channel=Channel.CALL, started_at=MORNING, at=evening, by=BY)
    assert of(at=noon, known=noon) == at_noon
    now = of(at=evening)
    assert [c.direction for c in now.contacts].count(Direction.INBOUND) == 1
    assert now.holds[0].ends == evening
    assert len(now.opt_outs) == 1


def test_accounts_that_changed_places_with_their_successors_are_read_from_the_new_table() -> None:
    desk.customer()
    assert of().debts.keys() == {"A1"}
    with (
        connection.cursor() as cursor,
        bulk.swap_together(cursor, Account, keep_old={Account: "records_account_before"}) as (new,),
    ):
        cursor.execute(f"INSERT INTO {new} SELECT * FROM records_account")
        cursor.execute(f"UPDATE {new} SET account_id = 'A7'")
    assert of().debts.keys() == {"A7"}


def test_a_purpose_is_kept() -> None:
    mobile = desk.customer()
    dispatch.start("C1", desk.attempt(mobile, purpose=Purpose.SERVICE, debts=frozenset()), law=LAW, at=MORNING, by=BY)
    assert of().contacts[0].purpose is Purpose.SERVICE


@pytest.mark.parametrize("kind", [PointFindingKind.WRONG_NUMBER, PointFindingKind.OF_THIRD_PERSON])
def test_nobody_is_called_as_the_debtor_at_a_number_that_turned_out_to_be_anothers(kind: PointFindingKind) -> None:
    mobile = desk.customer()
    assert isinstance(dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING, by=BY), dispatch.Started)
    consent.find_point("C1", mobile, kind, at=MORNING + timedelta(hours=1), by=BY)
    answer = dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING + timedelta(hours=2), by=BY)
    assert isinstance(answer, dispatch.Unfit)
    assert [(fault.field, fault.code) for fault in answer.faults] == [("point", "point_of_another")]
