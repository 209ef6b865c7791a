"""The worklist: what a night lays out, in which order it is handed out, and that nobody has a case another has."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from tests.records import desk
from tests.records.desk import BY, MORNING

from anhuan.acts import hold, law, worklist
from anhuan.core.vocabulary import HoldKind
from anhuan.portfolio.feed import Sentence
from anhuan.records import access
from anhuan.records.account import Account
from anhuan.records.case import Case, CaseFigures
from anhuan.records.contact import Contact
from anhuan.records.events import Event
from anhuan.records.night import Night
from anhuan.records.promise import Promise
from anhuan.records.staff import Staff, Team
from anhuan.records.strategy import Proposal
from anhuan.records.worklist import WorkItem, WorkShare, depths, held_by, item_of
from anhuan.rulebook import queues

pytestmark = pytest.mark.django_db

DAY = date(2026, 11, 19)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> Path:
    settings.ANHUAN_HOME = tmp_path
    return tmp_path


def collector(username: str = "wang", role: str = "collector", **told: Any) -> str:
    Staff.objects.create(username=username, role=role, **told)
    return username


def proposal(customer_id: str, *, value: int = 100, team: str = "phone_m1", day: date = DAY, **told: Any) -> None:
    values = {
        "sequence": 1, "account_id": "A1", "channel": "call", "team": team, "handled_by": "in_house", "priority": 5,
        "expected_value_minor": value, "currency": "CNY", "fingerprint": "f", "version_id": 1, "arm": "champion",
        "decision": "treatment", "rule": 7, "state": "proposed", "planned_at": MORNING,
    }  # fmt: skip
    Proposal.objects.create(business_date=day, customer_id=customer_id, **values | told)


def customers(*ids: str, **told: Any) -> None:
    for each in ids:
        desk.customer(each, cards=(f"A-{each}",), **told)


def fill(day: date = DAY, at: datetime = MORNING - 5 * HOUR) -> dict[str, Any]:
    begun = datetime.combine(day, MORNING.timetz()) + timedelta(days=1) - 5 * HOUR
    night = Night(business_date=day, sequence=day.toordinal(), begun_at=begun)
    with transaction.atomic():
        return worklist.fill(
            night, morning=datetime.combine(day, MORNING.timetz()) + timedelta(days=1), at=at, by="system:night"
        )


def laid_out(**values: int) -> None:
    """Customers with a proposal each, of these values."""
    customers(*values)
    for customer_id, value in values.items():
        proposal(customer_id, value=value)
    fill()


def taken(by: str = "wang", at: datetime = MORNING) -> str | None:
    item = worklist.take(by, at=at)
    return item and item.customer_id


def finished(customer_id: str | None, by: str = "wang", at: datetime = MORNING) -> None:
    assert customer_id is not None
    answer = worklist.done(customer_id, by=by, at=at)
    assert isinstance(answer, WorkItem), answer


# --- what a night lays out ----------------------------------------------------------------------------------------


def test_what_people_are_to_do_becomes_work_and_what_machines_and_agencies_do_does_not() -> None:
    customers("C1", "C2", "C3", "C4", "C5")
    proposal("C1")
    proposal("C2", team="robot")
    proposal("C3", team="reminders", channel="sms")
    proposal("C4", team="agency_round_1", handled_by="outside")
    proposal("C5", state="refused")
    assert fill()["queues"] == {"desk": 1}
    item = WorkItem.objects.get()
    assert (item.customer_id, item.decision, item.rule, item.value_at_risk_minor, item.currency) == (
        "C1",
        "treatment",
        7,
        100,
        "CNY",
    )


def test_the_team_of_a_proposal_leads_it_to_its_queue() -> None:
    customers("C1", "C2", "C3")
    proposal("C1", team="phone_senior")
    proposal("C2", team="hardship")
    proposal("C3", team="some_new_team")
    assert fill()["queues"] == {"desk": 1, "hardship": 1, "senior": 1}


def test_a_connection_that_warms_up_takes_nothing() -> None:
    laid_out(C1=10, C2=20)
    collector()
    before = list(WorkItem.objects.order_by("pk").values())
    worklist.warm(at=MORNING)
    assert list(WorkItem.objects.order_by("pk").values()) == before
    assert not WorkShare.objects.exists()
    assert taken() == "C2"
    assert WorkShare.objects.get().taken == 1


def test_filling_a_night_again_changes_nothing() -> None:
    laid_out(C1=10, C2=20, C3=30)
    collector()
    finished(taken())
    held = taken()
    before = list(WorkItem.objects.order_by("customer_id").values())
    fill(at=MORNING + HOUR)
    assert list(WorkItem.objects.order_by("customer_id").values()) == before
    assert held == "C2"


def test_the_next_night_keeps_what_stands_and_takes_away_what_is_wanted_no_more() -> None:
    laid_out(C1=10, C2=20, C3=30, C4=40)
    collector()
    later = MORNING + timedelta(days=2)
    worklist.follow_up("C1", due_at=later, why="call_back", by="wang", at=MORNING)
    worklist.transfer("C2", queue="disputes", why="disputed", by="wang", at=MORNING)
    Case.objects.filter(pk="C3").update(status="closed")
    fill(DAY + timedelta(days=1), at=MORNING + 19 * HOUR)
    told = {
        item.customer_id: (item.state, item.queue, item.ended_why, item.follow_up_at, item.assigned_to)
        for item in WorkItem.objects.all()
    }
    assert told == {
        "C1": ("open", "desk", "", later, "wang"),
        "C2": ("open", "disputes", "", None, ""),
        "C3": ("withdrawn", "desk", "cured", None, ""),
        "C4": ("withdrawn", "desk", "not_wanted", None, ""),
    }


def test_work_that_was_done_comes_back_when_the_next_night_wants_it_and_open_work_keeps_its_age() -> None:
    laid_out(C1=10, C2=20)
    collector()
    finished("C1")
    first = WorkItem.objects.get(pk="C2").since
    for customer_id in ("C1", "C2"):
        proposal(customer_id, day=DAY + timedelta(days=1))
    fill(DAY + timedelta(days=1), at=MORNING + 19 * HOUR)
    assert WorkItem.objects.get(pk="C1").state == "open"
    assert WorkItem.objects.get(pk="C1").since == MORNING + 19 * HOUR
    assert WorkItem.objects.get(pk="C2").since == first


def test_a_case_that_was_placed_out_goes_even_with_a_date() -> None:
    laid_out(C1=10)
    worklist.follow_up("C1", due_at=MORNING + 30 * HOUR, why="call_back", by=BY, at=MORNING)
    CaseFigures.objects.create(
        case_id="C1", bucket=4, days_past_due=100, currency="CNY", past_due_amount_minor=1, balance_total_minor=1, accounts=1,
        overdue_accounts=1, missing_accounts=0, other_currencies=0, placed_with="agency",
    )  # fmt: skip
    fill(DAY + timedelta(days=1), at=MORNING + 19 * HOUR)
    assert item_of("C1").ended_why == "placed_out"  # type: ignore[union-attr]


def test_a_hold_takes_the_case_off_the_worklist_at_once() -> None:
    laid_out(C1=10)
    Night.objects.create(
        sequence=1, business_date=DAY, issuer="i", layout="c", content="c", snapshot="s", manifest_sha256="m", begun_at=MORNING,
        status="sealed",
    )  # fmt: skip
    Account.objects.update(bucket=1)
    hold.place("C1", HoldKind.COMPLAINT, law=law.in_force(MORNING), at=MORNING, by=BY)
    item = item_of("C1")
    assert item is not None
    assert (item.state, item.ended_why) == ("withdrawn", "held")


def test_the_hour_at_which_she_was_mostly_reached_is_told() -> None:
    customers("C1")
    for days, hour in ((3, 19), (4, 19), (5, 11), (300, 8), (301, 8), (302, 8)):
        at = MORNING.replace(hour=hour - 8) - timedelta(days=days)
        Contact.objects.create(
            contact_id=uuid4(), customer_id="C1", channel="call", direction="inbound", party="debtor", purpose="respond", actor="bank",
            automated=False, origin="inbound", state="completed", line_result="connected", outcome="conversation", started_at=at,
            recorded_at=at, closed_at=at, by=BY,
        )  # fmt: skip
    proposal("C1")
    fill()
    assert WorkItem.objects.get().best_hour == 19


# --- in which order -----------------------------------------------------------------------------------------------


def test_the_most_at_risk_is_handed_out_first_and_a_promise_just_broken_before_it() -> None:
    customers("C1", "C2", "C3")
    for customer_id, value in (("C1", 10), ("C2", 30), ("C3", 20)):
        proposal(customer_id, value=value)
    Promise.objects.create(
        promise_id=uuid4(), customer_id="C1", amount_minor=100, currency="CNY", due_on=DAY, state="broken", at=MORNING,
        recorded_at=MORNING, by=BY, settled_on=DAY,
    )  # fmt: skip
    fill()
    collector()
    order = []
    for _ in range(3):
        order.append(taken())
        finished(order[-1])
    assert order == ["C1", "C2", "C3"]
    assert taken() is None


def test_of_what_comes_first_a_case_at_her_best_hour_goes_before_the_others_but_not_before_a_broken_promise() -> None:
    laid_out(C1=10, C2=20, C3=30, C4=40)
    collector()
    WorkItem.objects.filter(pk="C2").update(best_hour=10)
    WorkItem.objects.filter(pk="C3").update(best_hour=11)
    WorkItem.objects.filter(pk="C1").update(rank=-1)
    order = []
    while (customer_id := taken()) is not None:
        order.append(customer_id)
        finished(customer_id)
    assert order == ["C1", "C2", "C4", "C3"]


def test_a_follow_up_that_is_due_comes_before_everything_else_and_to_her_who_made_it() -> None:
    laid_out(C1=10, C2=30)
    collector()
    collector("li")
    worklist.follow_up("C1", due_at=MORNING + HOUR, why="call_back", by="wang", at=MORNING)
    assert taken("li", MORNING + HOUR) == "C2"
    assert taken("wang", MORNING + HOUR) == "C1"


def test_a_follow_up_left_lying_goes_to_whoever_serves_the_queue() -> None:
    laid_out(C1=10)
    collector("li")
    worklist.follow_up("C1", due_at=MORNING + HOUR, why="call_back", by="wang", at=MORNING)
    assert taken("li", MORNING + HOUR + 30 * MINUTE) is None
    assert taken("li", MORNING + 2 * HOUR + MINUTE) == "C1"


def test_a_collector_serves_what_her_role_skills_team_and_languages_allow() -> None:
    customers("C1", "C2", "C3")
    proposal("C1", team="phone_senior")
    proposal("C2", team="hardship")
    proposal("C3")
    fill()
    WorkItem.objects.filter(pk="C3").update(language="en")
    team = Team.objects.create(name="t", queues=["hardship"])
    collector("plain", speaks=["zh"])
    collector("skilled", skills=["hardship"], team=team)
    collector("senior", "senior", speaks=["zh-HK"])
    collector("english", speaks=["en"])
    collector("reader", "auditor")
    names = ("plain", "skilled", "senior", "english", "reader")
    assert [taken(name) for name in names] == [None, "C2", "C1", "C3", None]


def test_a_collector_of_two_queues_takes_from_each_by_its_weight() -> None:
    ids = [f"C{number:02}" for number in range(20)]
    customers(*ids)
    for number, customer_id in enumerate(ids):
        proposal(customer_id, value=1000 - number, team="phone_senior" if number < 10 else "phone_m1")
    fill()
    collector(role="senior")
    counted = {"desk": 0, "senior": 0}
    for _ in range(10):
        item = worklist.take("wang", at=MORNING)
        assert item is not None
        counted[item.queue] += 1
        finished(item.customer_id)
    assert counted == {"desk": 6, "senior": 4}


def test_every_tenth_take_of_a_queue_is_of_what_has_waited_longest() -> None:
    ids = [f"C{number:02}" for number in range(12)]
    laid_out(**{customer_id: 1000 - number for number, customer_id in enumerate(ids)})
    WorkItem.objects.filter(pk="C11").update(since=MORNING - timedelta(days=9))
    collector()
    order = []
    for _ in range(10):
        order.append(taken())
        finished(order[-1])
    assert order == [*ids[:9], "C11"]


def test_nobody_is_given_a_case_that_may_not_be_contacted_now_and_it_comes_when_it_may() -> None:
    laid_out(C1=10)
    collector()
    night = MORNING + 13 * HOUR
    assert taken(at=night) is None
    item = WorkItem.objects.get()
    assert item.gate_tries == 1
    assert item.not_before is not None
    assert night < item.not_before <= MORNING + 24 * HOUR
    assert taken(at=item.not_before - MINUTE) is None
    assert taken(at=item.not_before) == "C1"


def test_a_case_with_an_agency_that_is_wanted_in_house_is_opened_to_whoever_it_is_handed_to() -> None:
    laid_out(C1=10)
    CaseFigures.objects.create(
        case_id="C1", bucket=4, days_past_due=100, currency="CNY", past_due_amount_minor=1, balance_total_minor=1, accounts=1,
        overdue_accounts=1, missing_accounts=0, other_currencies=0, placed_with="agency",
    )  # fmt: skip
    collector()
    assert not access.may_see_case(seen_by("wang"), "C1")
    assert taken() == "C1"
    assert access.may_see_case(seen_by("wang"), "C1")


def seen_by(username: str) -> Staff:
    staff = Staff.objects.get(username=username)
    staff.looks_at = MORNING + MINUTE
    return staff


def test_the_gate_is_asked_of_a_bounded_number_of_cases() -> None:
    laid_out(**{f"C{number:02}": number for number in range(12)})
    collector()
    assert taken(at=MORNING + 13 * HOUR) is None
    assert WorkItem.objects.filter(gate_tries=1).count() == 8


def test_specialists_are_given_cases_on_hold() -> None:
    laid_out(C1=10)
    hold.place("C1", HoldKind.DISPUTE, law=law.in_force(MORNING), at=MORNING, by=BY)
    worklist.transfer("C1", queue="disputes", why="disputed", by=BY, at=MORNING)
    collector(skills=["disputes"])
    assert taken() == "C1"


# --- the lease ----------------------------------------------------------------------------------------------------


def test_who_holds_a_case_is_given_that_one_again_and_nobody_else_is() -> None:
    laid_out(C1=10, C2=20)
    collector()
    collector("li")
    assert [taken(), taken("li"), taken(), taken("li")] == ["C2", "C1", "C2", "C1"]
    assert WorkItem.objects.get(pk="C2").taken_today == 1
    assert [event.body["queue"] for event in Event.objects.filter(kind="work.taken", chain="C2")] == ["desk"]


def test_a_lease_that_is_over_gives_the_case_back_and_a_renewed_one_does_not() -> None:
    laid_out(C1=10)
    collector()
    collector("li")
    assert taken() == "C1"
    assert worklist.renew("C1", by="wang", at=MORNING + 15 * MINUTE)
    assert taken("li", MORNING + 30 * MINUTE) is None
    assert taken("li", MORNING + 36 * MINUTE) == "C1"
    assert not worklist.renew("C1", by="wang", at=MORNING + 36 * MINUTE)
    assert held_by("wang", MORNING + 36 * MINUTE) is None


def test_nobody_changes_a_case_another_holds_nor_with_a_lease_that_is_over() -> None:
    laid_out(C1=10)
    collector()
    collector("li")
    first = worklist.take("wang", at=MORNING)
    later = MORNING + HOUR
    second = worklist.take("li", at=later)
    assert first is not None
    assert second is not None
    refusals = [
        worklist.done("C1", by="wang", at=later),
        worklist.follow_up("C1", due_at=later + HOUR, why="x", by="wang", at=later),
        worklist.transfer("C1", queue="senior", why="x", by="wang", at=later),
        worklist.done("C1", by="li", at=later, lease=first.lease),
        worklist.release("C1", why="interrupted", by="wang", at=later),
    ]
    codes = [each.code if isinstance(each, Sentence) else "" for each in refusals]
    assert codes == ["held_by_another"] * 3 + ["not_held", "held_by_another"]
    assert isinstance(worklist.done("C1", by="li", at=later, lease=second.lease), WorkItem)


def test_a_case_that_was_given_back_rests_a_while() -> None:
    laid_out(C1=10)
    collector()
    taken()
    worklist.release("C1", why="interrupted", by="wang", at=MORNING)
    assert taken() is None
    assert taken(at=MORNING + 31 * MINUTE) == "C1"


def test_the_database_itself_refuses_a_second_lease_and_a_lease_on_finished_work() -> None:
    laid_out(C1=10, C2=20)
    collector()
    taken()
    lease = {"leased_by": "wang", "lease": uuid4(), "leased_until": MORNING}
    with pytest.raises(IntegrityError), transaction.atomic():
        WorkItem.objects.filter(pk="C1").update(**lease)
    with pytest.raises(IntegrityError), transaction.atomic():
        WorkItem.objects.filter(pk="C2").update(state="done")


def test_a_case_comes_onto_the_worklist_by_hand() -> None:
    customers("C9")
    answer = worklist.follow_up("C9", due_at=MORNING + HOUR, why="call_back", by="wang", at=MORNING)
    assert isinstance(answer, WorkItem)
    assert (answer.reason, answer.queue, answer.assigned_to) == ("follow_up", "desk", "wang")
    refused = worklist.follow_up("nobody", due_at=MORNING + HOUR, why="call_back", by="wang", at=MORNING)
    past = worklist.follow_up("C9", due_at=MORNING, why="call_back", by="wang", at=MORNING)
    assert [each.code for each in (refused, past) if isinstance(each, Sentence)] == ["no_case", "follow_up_when"]


# --- in bulk ------------------------------------------------------------------------------------------------------


def test_work_is_moved_in_bulk_and_moved_back_but_what_has_changed_since_stays() -> None:
    laid_out(C1=10, C2=20, C3=30)
    collector()
    collector("li")
    assert taken() == "C3"
    asked = worklist.WorkFilter(queue="desk")
    assert worklist.movable(asked, at=MORNING).count() == 2
    made = worklist.reassign(asked, to_queue="senior", to_person="li", by="boss", at=MORNING)
    assert not isinstance(made, Sentence)
    assert set(WorkItem.objects.values_list("customer_id", "queue", "assigned_to")) == {
        ("C1", "senior", "li"), ("C2", "senior", "li"), ("C3", "desk", ""),
    }  # fmt: skip
    assert taken("li") == "C2"
    assert worklist.undo(made.pk, by="boss", at=MORNING) == 1
    assert WorkItem.objects.get(pk="C1").queue == "desk"
    assert isinstance(worklist.undo(made.pk, by="boss", at=MORNING), Sentence)
    assert [event.kind for event in Event.objects.filter(kind__startswith="work.", chain="")] == [
        "work.reassigned",
        "work.moved_back",
    ]


def test_what_cannot_be_moved_says_why() -> None:
    laid_out(C1=10)
    collector("reader", "auditor")
    tries = [("", None), ("nowhere", None), ("", "reader"), ("", "nobody")]
    codes = [
        answer.code
        for queue, person in tries
        if isinstance(
            answer := worklist.reassign(worklist.WorkFilter(), to_queue=queue, to_person=person, by="b", at=MORNING), Sentence
        )
    ]
    assert codes == ["move_where", "queue_unknown", "person_unfit", "person_unfit"]


def test_the_depth_of_a_queue_tells_what_is_ready_waits_is_held_and_is_overdue() -> None:
    laid_out(C1=10, C2=20, C3=30)
    collector()
    taken()
    worklist.follow_up("C1", due_at=MORNING + HOUR, why="call_back", by="li", at=MORNING)
    depth = depths(MORNING)["desk"]
    assert (depth.ready, depth.waiting, depth.held, depth.due, depth.overdue, depth.open) == (1, 1, 1, 0, 0, 3)
    later = depths(MORNING + 2 * HOUR)["desk"]
    assert (later.ready, later.waiting, later.held, later.due, later.overdue) == (3, 0, 0, 1, 1)


# --- the bank's own queues ----------------------------------------------------------------------------------------


def test_a_bank_names_its_own_queues(home: Path) -> None:
    (home / "queues.yaml").write_text(
        "desk: {zh: 电话, en: Desk, roles: [collector]}\nsecond: {zh: 二, en: Two, roles: [collector], teams: [phone_m1], weight: 3}\n"
    )
    told = queues.read(home)
    assert (list(told), told["second"].weight, told["second"].teams) == (["desk", "second"], 3, ("phone_m1",))


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "second: {zh: 二, en: Two, roles: [a]}",
        "desk: {zh: 电话, en: Desk}",
        "desk: {zh: 电话, en: Desk, roles: [a], weight: 0}",
        "desk: {zh: 电话, en: Desk, roles: [a], colour: red}",
        "desk: {zh: 电话, en: Desk, roles: [a], teams: [x]}\nb: {zh: 二, en: Two, roles: [a], teams: [x]}",
        "desk: {zh: [",
    ],
)
def test_queues_that_cannot_be_used_are_refused_in_both_languages(home: Path, text: str) -> None:
    (home / "queues.yaml").write_text(text)
    with pytest.raises(queues.QueuesRefused) as refused:
        queues.read(home)
    assert "queues.yaml" in refused.value.en
    assert refused.value.zh != refused.value.en
