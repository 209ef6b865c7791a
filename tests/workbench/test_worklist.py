"""The pages of the worklist and the inbound desk, by what the server answers."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from tests.flows import outgoing
from tests.records import desk, supervised
from tests.records.desk import MORNING

from anhuan import clock
from anhuan.acts import call as calls
from anhuan.acts import worklist
from anhuan.records.call import Call
from anhuan.records.case import CaseFigures
from anhuan.records.contact import Contact
from anhuan.records.grant import CaseGrant
from anhuan.records.staff import Staff, Team
from anhuan.records.worklist import Reassignment, WorkItem

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> Path:
    cache.clear()
    settings.ANHUAN_HOME = tmp_path
    return tmp_path


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MORNING)


@pytest.fixture
def unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The customers of these tests have no sealed data."""
    monkeypatch.setattr("anhuan.records.identity.masked", lambda _id: None)
    monkeypatch.setattr("anhuan.records.identity.masked_names", lambda _ids: {})


def signed_in(client: Client, username: str, role: str, **told: Any) -> Client:
    client.force_login(Staff.objects.create(username=username, role=role, **told))
    client.cookies["anhuan-language"] = "en"
    return client


@pytest.fixture
def collector(client: Client) -> Client:
    return signed_in(client, "wang", "collector", team=Team.objects.create(name="Desk", queues=["desk"]))


@pytest.fixture
def supervisor(client: Client) -> Client:
    return signed_in(client, "boss", "supervisor")


def work(customer_id: str, value: int = 100, **told: Any) -> WorkItem:
    desk.customer(customer_id, cards=(f"A-{customer_id}",))
    values = {
        "queue": "desk", "language": "zh", "state": "open", "reason": "proposal", "rank": 10**17 - value, "since": MORNING,
        "due_at": MORNING + timedelta(hours=10), "value_at_risk_minor": value, "currency": "CNY", "channel": "call", "team": "phone_m1",
    }  # fmt: skip
    return WorkItem.objects.create(customer_id=customer_id, **values | told)


def test_a_call_left_open_is_told_where_her_day_begins(collector: Client) -> None:
    assert 'data-key="l"' not in collector.get(reverse("worklist")).content.decode()
    call = supervised.call("C1", "wang", closed_at=None, result_code="")
    assert f'href="/call/{call.pk}/" data-key="l"' in collector.get(reverse("worklist")).content.decode()


def text(page: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).split())


# --- her own ------------------------------------------------------------------------------------------------------


def test_a_worklist_without_work_says_so_and_one_with_work_says_how_much(collector: Client, unnamed: None) -> None:
    empty = text(collector.get("/work/"))
    assert "You hold no case." in empty
    assert "Nothing is dated for today" in empty
    cache.clear()
    work("C1")
    work("C2", assigned_to="wang", follow_up_at=MORNING - timedelta(hours=2), follow_up_why="call_back")
    told = text(collector.get("/work/"))
    assert "C2" in told
    assert "1 overdue" in told


def test_the_next_case_opens_and_is_held(collector: Client, unnamed: None) -> None:
    work("C1", 10)
    work("C2", 20)
    assert collector.post(reverse("work_next")).headers["Location"] == "/cases/C2/"
    assert WorkItem.objects.get(pk="C2").leased_by == "wang"
    assert collector.get(reverse("work_next")).status_code == 405


def test_where_there_is_no_case_the_worklist_says_so(collector: Client, unnamed: None) -> None:
    answer = collector.post(reverse("work_next"), follow=True)
    assert "There is no case for you" in text(answer)


def test_the_card_says_why_this_case_and_its_forms_are_answered_in_place(collector: Client, unnamed: None) -> None:
    work("C1", 12345, best_hour=19)
    collector.post(reverse("work_next"))
    told = text(collector.get("/worklist/card/C1/"))
    for words in ("Wanted by the strategy", "123.45", "19:00", "yours for 20 minutes", "Call Permitted."):
        assert words in told, words
    lease = str(WorkItem.objects.get().lease)
    done = collector.post("/worklist/act/C1/", {"what": "follow_up", "when": "tomorrow", "why": "call_back", "lease": lease})
    assert "To be followed up." in text(done)
    item = WorkItem.objects.get()
    assert (item.leased_by, item.follow_up_why, item.assigned_to) == ("", "call_back", "wang")
    assert item.follow_up_at == MORNING + timedelta(days=1)


def test_a_form_that_cannot_be_done_says_why(collector: Client, unnamed: None) -> None:
    work("C1")
    other = worklist.take(Staff.objects.create(username="li", role="collector").username, at=MORNING)
    assert other is not None
    for form in (
        {"what": "done"}, {"what": "follow_up", "when": "at", "at": "nonsense"}, {"what": "transfer", "queue": "nowhere"},
        {"what": "release", "why": "interrupted"},
    ):  # fmt: skip
        answer = collector.post("/worklist/act/C1/", form)
        assert answer.status_code == 422
    assert WorkItem.objects.get().leased_by == "li"
    assert collector.post("/worklist/act/C1/", {"what": "anything"}).status_code == 404


# --- queues -------------------------------------------------------------------------------------------------------


def test_work_is_counted_then_moved_then_moved_back(supervisor: Client, unnamed: None) -> None:
    for number in range(3):
        work(f"C{number}")
    work("C9", queue="senior")
    li = Staff.objects.create(username="li", role="collector")
    assert "3 cases would be moved" in text(supervisor.get(reverse("work_preview") + "?queue=desk"))
    moved = supervisor.post(reverse("work_reassign"), {"queue": "desk", "to_person": str(li.pk)}, follow=True)
    assert "3 cases were moved." in text(moved)
    assert set(WorkItem.objects.filter(assigned_to="li").values_list("pk", flat=True)) == {"C0", "C1", "C2"}
    undone = supervisor.post(reverse("work_undo", args=[Reassignment.objects.get().pk]), follow=True)
    assert "3 cases were moved back." in text(undone)
    assert not WorkItem.objects.exclude(assigned_to="").exists()


def test_the_queues_are_filtered_by_the_address_and_told_as_csv(supervisor: Client, unnamed: None) -> None:
    work("C1", 10)
    work("C2", 900_00)
    work("C3", 10, queue="senior", due_at=MORNING - timedelta(hours=1))
    assert re.findall(r'href="/cases/(C\d)/"', supervisor.get(reverse("work_queues") + "?kind=overdue").content.decode()) == [
        "C3"
    ]
    assert re.findall(
        r'href="/cases/(C\d)/"', supervisor.get(reverse("work_queues") + "?least=500&currency=CNY").content.decode()
    ) == ["C2"]
    rows = b"".join(supervisor.get(reverse("work_csv") + "?queue=desk")).decode().splitlines()  # type: ignore[arg-type]
    assert [row.split(",")[0] for row in rows[1:]] == ["C1", "C2"]
    assert "900.00" in rows[2]
    assert "No open work is like that" in text(supervisor.get(reverse("work_queues") + "?team=nobody"))


def test_who_does_not_supervise_does_not_see_the_queues_and_who_does_not_work_has_no_worklist(
    client: Client, unnamed: None
) -> None:
    signed_in(client, "wang", "collector")
    assert [client.get(reverse(each)).status_code for each in ("work_queues", "work_preview", "work_csv")] == [403] * 3
    assert client.post(reverse("work_reassign"), {}).status_code == 403
    assert client.post(reverse("work_undo", args=[uuid4()])).status_code == 403
    signed_in(client, "reader", "auditor")
    assert [client.get(each).status_code for each in ("/work/", "/desk/")] == [403] * 2
    assert client.post(reverse("work_next")).status_code == 403


def test_queues_that_cannot_be_read_are_told_with_what_to_do(collector: Client, unnamed: None, home: Path) -> None:
    (home / "queues.yaml").write_text("[]")
    answer = collector.get("/work/")
    assert answer.status_code == 503
    assert "queues.yaml" in text(answer)


# --- the inbound desk ---------------------------------------------------------------------------------------------


def test_who_calls_is_found_by_a_number_shown_masked_and_opened_when_shown_to_be_the_one(client: Client) -> None:
    signed_in(client, "wang", "collector")
    customer_id = outgoing.customer(7)
    found = client.post("/desk/", {"kind": "phone", "text": outgoing.mobile(7)})
    assert customer_id in text(found)
    assert outgoing.mobile(7) not in found.content.decode()
    assert "325" not in text(found)
    answered = client.post(f"/desk/answer/{customer_id}/")
    call = Call.objects.get()
    assert answered.headers["Location"] == f"/desk/call/{call.call_id}/"
    questions = re.findall(r'id="answer-([\w-]+)"', client.get(answered.headers["Location"]).content.decode())
    assert questions
    wrong = client.post(answered.headers["Location"], {f"answer-{each}": "0000" for each in questions})
    assert "Not enough was right." in text(wrong)
    assert not Call.objects.get().verified
    ended = client.post(f"/desk/call/{call.call_id}/end/", follow=True)
    assert "the identity was not shown" in text(ended)
    assert Contact.objects.get().direction == "inbound"


def test_whoever_was_shown_to_be_the_one_has_her_case_opened_for_a_while_even_one_with_an_agency(collector: Client) -> None:
    customer_id = outgoing.customer(7)
    CaseFigures.objects.create(
        case_id=customer_id, bucket=4, days_past_due=100, currency="CNY", past_due_amount_minor=1, balance_total_minor=1, accounts=1,
        overdue_accounts=1, missing_accounts=0, other_currencies=0, placed_with="agency",
    )  # fmt: skip
    assert collector.get(f"/cases/{customer_id}/").status_code == 404
    assert customer_id in text(collector.post("/desk/", {"kind": "phone", "text": outgoing.mobile(7)}))
    asked = collector.post(f"/desk/answer/{customer_id}/").headers["Location"]
    collector.get(asked)
    right = {"account_tail": "0007", "birth_date": "0101", "name": "测试7", "id_number": "X7"}
    answers = {f"answer-{each.id}": right.get(each.field, "") for each in calls.asked(Call.objects.get())}
    passed = collector.post(asked, answers)
    assert passed.headers["Location"] == f"/call/{Call.objects.get().call_id}/"
    assert CaseGrant.objects.get().customer_id == customer_id
    assert collector.get(f"/cases/{customer_id}/").status_code == 200


def test_what_somebody_writes_is_recorded_without_a_permit(collector: Client) -> None:
    customer_id = outgoing.customer(8)
    collector.post(f"/desk/answer/{customer_id}/", {"channel": "letter", "party": "debtor"})
    collector.post(f"/desk/answer/{customer_id}/", {"party": "spouse"})
    told = set(Contact.objects.values_list("channel", "direction", "party", "permit_id"))
    assert told == {("letter", "inbound", "debtor", None), ("call", "inbound", "spouse", None)}


def test_nobody_is_found_by_what_is_not_exact(collector: Client) -> None:
    outgoing.customer(9)
    assert "Nobody was found" in text(collector.post("/desk/", {"kind": "phone", "text": "+8619900000"}))
    assert collector.post("/desk/answer/nobody/").status_code == 404
    assert collector.get(f"/desk/call/{UUID(int=1)}/").status_code == 404


def test_when_a_follow_up_is_meant_is_read_where_the_bank_is() -> None:
    from anhuan.workbench.worklist import when

    assert when("hour", "", MORNING) == MORNING + timedelta(hours=1)
    assert when("at", "2026-11-21T15:30", MORNING) == datetime.fromisoformat("2026-11-21T15:30+08:00")
    assert when("at", "soon", MORNING) is None
