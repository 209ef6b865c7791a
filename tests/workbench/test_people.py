"""The pages of staff, teams and looks: who may open them, what they do, and what each leaves in the house's chain."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import InternalError, connection, transaction
from django.db.utils import ProgrammingError
from django.test import Client
from django.urls import get_resolver, reverse
from tests.records.delivered import AT

from anhuan import clock
from anhuan.acts import grant, sign_in, viewing
from anhuan.acts import staff as acts
from anhuan.core.vocabulary import CaseStatus
from anhuan.portfolio.feed import Sentence
from anhuan.records import access
from anhuan.records.case import Case, CaseFigures
from anhuan.records.events import HOUSE, Event
from anhuan.records.staff import Staff, Team
from anhuan.records.viewing import Viewing
from anhuan.records.worklist import WorkItem, WorkState
from anhuan.workbench import words
from anhuan.workbench.viewings import PARTS

pytestmark = pytest.mark.django_db

PASSWORD = "open-the-desk-2026"
_TOKEN = re.compile(r"[A-Za-z0-9]{64}")  # against forged requests, another in each answer


@pytest.fixture
def keeper(client: Client) -> Client:
    client.force_login(Staff.objects.create(username="keeper", role="operations"))
    client.cookies["anhuan-language"] = "en"
    return client


def person(name: str = "wang", role: str = "collector", **more: Any) -> Staff:
    return Staff.objects.create(username=name, role=role, **more)


def case(case_id: str, *, placed_with: str = "") -> None:
    Case.objects.create(case_id=case_id, status=CaseStatus.OPEN, bucket=1, opened_on=AT.date(), since=AT.date())
    CaseFigures.objects.create(
        case_id=case_id, bucket=1, days_past_due=5, currency="CNY", past_due_amount_minor=100, balance_total_minor=100,
        accounts=1, overdue_accounts=1, missing_accounts=0, other_currencies=0, segment="", region_code="", placed_with=placed_with,
    )  # fmt: skip


def work(case_id: str, queue: str, **more: Any) -> None:
    told = {"language": "zh", "state": WorkState.OPEN, "reason": "proposal", "rank": 1, "since": AT, "due_at": AT, **more}
    WorkItem.objects.create(customer_id=case_id, queue=queue, **told)


def kinds() -> list[str]:
    return list(Event.objects.filter(chain=HOUSE).order_by("number").values_list("kind", flat=True))


# --- Staff


def test_somebody_is_taken_in_with_a_password_shown_once_that_she_must_change(keeper: Client) -> None:
    Team.objects.create(name="Desk one", queues=["desk"])
    told = {"username": "wang", "role": "senior", "team": "Desk one", "skill": ["legal", "hardship"], "speaks": ["yue", "zh"]}
    shown = keeper.post(reverse("person_new"), told | {"language": "en"})
    made = Staff.objects.get(username="wang")
    password = shown.content.decode().split("data-password>")[1].split("<")[0]
    assert made.check_password(password)
    assert (made.role, made.team.name, made.skills, made.speaks) == ("senior", "Desk one", ["hardship", "legal"], ["yue", "zh"])
    assert made.password_temporary
    event = Event.objects.get(kind="staff.created")
    assert (event.by, event.body["role"], event.body["skills"]) == ("keeper", "senior", ["hardship", "legal"])
    assert password not in str(event.body)
    again = keeper.post(reverse("person_new"), told)
    assert (again.status_code, "is taken" in again.content.decode()) == (422, True)


def test_a_role_is_changed_by_another_and_the_event_tells_before_and_after(keeper: Client) -> None:
    wang = person()
    told = {"act": "change", "role": "supervisor", "team": "", "skill": [], "speaks": ["zh"]}
    assert keeper.post(reverse("person_act", args=[wang.pk]), told).status_code == 302
    event = Event.objects.get(kind="staff.changed")
    assert event.body == {
        "username": "wang",
        "changed": {"role": ["collector", "supervisor"], "speaks": [[], ["zh"]]},
    }
    keeper.post(reverse("person_act", args=[wang.pk]), told)
    assert kinds() == ["staff.changed"], "what changes nothing leaves nothing"


@pytest.mark.parametrize("act", ["change", "deactivate", "reset", "password"])
def test_nobody_changes_her_own_standing(keeper: Client, act: str) -> None:
    own = Staff.objects.get(username="keeper")
    refused = keeper.post(reverse("person_act", args=[own.pk]), {"act": act, "role": "compliance"})
    assert (refused.status_code, "her own standing" in refused.content.decode()) == (422, True)
    own.refresh_from_db()
    assert (own.role, own.is_active, kinds()) == ("operations", True, [])


@pytest.mark.parametrize("how", ["deactivate", "change"])
def test_the_last_who_may_take_in_staff_stays(how: str) -> None:
    keeper = person("keeper", "operations")

    def go() -> Staff | Sentence:
        if how == "change":
            return acts.change_staff("keeper", role="auditor", at=AT, by="system:cli")
        return acts.deactivate("keeper", at=AT, by="system:cli")

    refused = go()
    assert isinstance(refused, Sentence)
    assert refused.code == "staff_last"
    person("second", "operations")
    assert isinstance(go(), Staff)
    keeper.refresh_from_db()
    assert (keeper.role, keeper.is_active) in {("auditor", True), ("operations", False)}


def test_who_is_let_go_is_out_at_once_and_may_come_back(keeper: Client) -> None:
    wang = Staff.objects.create_user("wang", password=PASSWORD, role="collector")
    hers = Client()
    hers.post("/login/", {"username": "wang", "password": PASSWORD})
    assert hers.get("/cases/").status_code == 200
    keeper.post(reverse("person_act", args=[wang.pk]), {"act": "deactivate"})
    assert hers.get("/cases/").url.startswith("/login/")
    assert hers.post("/login/", {"username": "wang", "password": PASSWORD}).status_code == 200, "and not in again"
    keeper.post(reverse("person_act", args=[wang.pk]), {"act": "reactivate"})
    assert hers.post("/login/", {"username": "wang", "password": PASSWORD}).status_code == 302
    assert kinds() == [
        "staff.signed_in", "staff.deactivated", "staff.sessions_ended", "staff.reactivated", "staff.signed_in",
    ]  # fmt: skip


def test_a_lost_phone_a_forgotten_password_and_open_sessions_are_dealt_with(keeper: Client) -> None:
    wang = Staff.objects.create_user("wang", password=PASSWORD, role="collector")
    drawn = sign_in.draw(wang, at=AT)
    type(drawn).objects.update(confirmed=True)
    sign_in.begin(wang, key="k", address="", agent="", at=AT)
    for act in ("sessions", "reset", "password"):
        assert keeper.post(reverse("person_act", args=[wang.pk]), {"act": act}).status_code in {200, 302}
    wang.refresh_from_db()
    assert wang.password_temporary
    assert not wang.check_password(PASSWORD)
    assert kinds()[1:] == ["staff.sessions_ended", "staff.second_factor_reset", "staff.password_reset"]


def test_the_list_is_narrowed_and_exported_as_it_is_narrowed(keeper: Client) -> None:
    desk = Team.objects.create(name="Desk one", queues=["desk"])
    person("wang", team=desk, skills=["legal"])
    person("zhao", "senior")
    person("left", is_active=False)
    page = keeper.get("/people/", {"role": "collector"}).content.decode()
    assert ">wang<" in page
    assert ">zhao<" not in page
    rows = {}
    for query in ({"skill": "legal"}, {"team": "-", "state": "all"}, {"text": "LEF", "state": "left"}):
        text = b"".join(keeper.get("/people.csv", query).streaming_content).decode("utf-8-sig")
        rows[str(query)] = [row["username"] for row in csv.DictReader(io.StringIO(text))]
    assert list(rows.values()) == [["wang"], ["keeper", "left", "zhao"], ["left"]]


def test_a_team_is_made_and_changed_with_its_queues_and_lead(keeper: Client) -> None:
    lead = person("lead", "supervisor")
    told = {"name": "Hardship", "queue": ["plans", "hardship", "disputes"], "lead": "lead"}
    assert keeper.post(reverse("team", args=[0]), told | {"queue": ["nowhere"]}).status_code == 422
    assert keeper.post(reverse("team", args=[0]), told).status_code == 302
    made = Team.objects.get()
    assert (made.queues, made.lead) == (["disputes", "hardship", "plans"], lead)
    assert keeper.post(reverse("team", args=[0]), told).status_code == 422, "one name, one team"
    keeper.post(reverse("team", args=[made.pk]), told | {"queue": []})
    made.refresh_from_db()
    assert made.queues == []
    assert kinds() == ["team.created", "team.changed"]


# --- Which case


def seen(staff: Staff) -> set[str]:
    """What somebody finds in the list, which is what she may open; a fresh object, as each request has."""
    viewer = Staff.objects.select_related("team").get(pk=staff.pk)
    viewer.looks_at = clock.now()
    listed = {line.case_id for line in access.cases(viewer, access.CaseFilter()).lines}
    assert listed == access.may_see(viewer, ["C1", "C2", "C3", "C9"])
    return listed


def test_a_case_placed_outside_is_no_collectors_and_everybody_elses_who_may_read() -> None:
    desk = Team.objects.create(name="Desk one", queues=["desk"])
    for number, agency in (("C1", ""), ("C2", "agency-1")):
        case(number, placed_with=agency)
        work(number, "desk")
    for role in ("collector", "senior", "supervisor"):
        assert seen(person(role, role, team=desk)) == {"C1"}
    for role in ("operations", "compliance", "auditor", "strategy"):
        assert seen(person(role, role)) == {"C1", "C2"}
    assert seen(person("nobody", "")) == set()


def test_a_team_sees_the_queues_it_works_and_what_was_handed_to_each() -> None:
    for number, queue, more in (
        ("C1", "desk", {}), ("C2", "hardship", {}), ("C3", "hardship", {"assigned_to": "wang"}),
    ):  # fmt: skip
        case(number)
        work(number, queue, **more)
    desk = Team.objects.create(name="Desk one", queues=["desk"])
    everything = Team.objects.create(name="All", queues=[])
    assert seen(person("wang", team=desk)) == {"C1", "C3"}
    assert seen(person("zhao", team=desk)) == {"C1"}
    assert seen(person("lead", "supervisor", team=desk)) == {"C1"}
    assert seen(person("boss", "supervisor")) == seen(person("head", "supervisor", team=everything)) == {"C1", "C2", "C3"}


def test_who_has_no_team_or_one_without_queues_sees_only_what_is_in_her_hands() -> None:
    held = {"leased_by": "none", "lease": uuid4(), "leased_until": AT}
    for number, more in (("C1", {}), ("C2", {"assigned_to": "all"}), ("C3", held)):
        case(number)
        work(number, "desk", **more)
    everything = Team.objects.create(name="All", queues=[])
    assert seen(person("all", team=everything)) == {"C2"}
    assert seen(person("none", "senior")) == {"C3"}
    WorkItem.objects.filter(pk="C3").update(
        state="done", ended_by="none", ended_at=AT, leased_by="", lease=None, leased_until=None
    )
    assert seen(Staff.objects.get(username="none")) == {"C3"}, "what she finished, too"
    WorkItem.objects.filter(pk="C3").update(state="withdrawn")
    assert seen(Staff.objects.get(username="none")) == set()


def test_leave_opens_one_case_for_a_while_and_is_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    case("C1", placed_with="agency-1")
    wang = person()
    now = clock.now()
    for wrong in ({"why": " "}, {"until": now}, {"until": now + timedelta(days=8)}, {"username": "nobody"}):
        told = {"username": "wang", "why": "called_in", "until": now + timedelta(hours=2)} | wrong
        assert isinstance(grant.give("C1", **told, at=now, by="wang"), Sentence)
    assert seen(wang) == set()
    grant.give("C1", "wang", why="called_in", until=now + timedelta(hours=2), at=now, by="wang")
    assert seen(wang) == {"C1"}
    assert Event.objects.get(chain="C1").body == {
        "to": "wang", "until": (now + timedelta(hours=2)).isoformat(), "why": "called_in",
    }  # fmt: skip
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=2))
    assert seen(wang) == set()


def test_a_case_that_may_not_be_seen_looks_as_if_there_were_none(client: Client) -> None:
    case("C2", placed_with="agency-1")
    client.force_login(person())
    for name in ("case", "gate", "explanation", "chain", "messages", "viewings_of"):
        there, nowhere = (client.get(reverse(name, args=[number])) for number in ("C2", "C9"))
        assert there.status_code == nowhere.status_code == 404
        assert _TOKEN.sub("", there.content.decode()).replace("C2", "") == _TOKEN.sub("", nowhere.content.decode()).replace(
            "C9", ""
        )
    assert client.post(reverse("reveal", args=["C2"]), {"field": "name", "reason": "x"}).status_code == 404
    assert not Viewing.objects.exists()


def test_every_page_that_keeps_looks_has_its_word_and_every_part_is_one() -> None:
    of_one = {
        pattern.name
        for pattern in get_resolver("anhuan.workbench.urls").url_patterns
        if "case_id" in pattern.pattern.converters
    }
    assert of_one - set(words.LABELS["page"]) == set()
    assert set(PARTS) <= of_one


# --- Looks


def test_every_page_of_a_case_is_a_look_and_a_second_within_minutes_is_the_same(client: Client) -> None:
    case("C1")
    work("C1", "desk", assigned_to="wang")
    client.force_login(person())
    pages = ("case", "messages", "viewings_of")
    for name in (*pages, *pages):
        assert client.get(reverse(name, args=["C1"])).status_code == 200
    assert client.get(reverse("case", args=["C9"])).status_code == 404
    assert client.post(reverse("search"), {"text": "C1"}).status_code == 302
    looks = list(Viewing.objects.order_by("id").values_list("customer_id", "by", "page", "clear"))
    assert looks == [("C1", "wang", name, False) for name in (*pages, "search")]


def test_looks_are_read_by_compliance_and_audit_and_exported(client: Client) -> None:
    case("C1")
    wang = person()
    viewing.keep(["C1"], page="case", at=clock.now(), by="wang", session=7)
    viewing.keep(["C1"], page="reveal", clear=True, reason="She called in", at=clock.now(), by="zhao")
    for role, code in (("compliance", 200), ("auditor", 200), ("operations", 403), ("collector", 403)):
        client.force_login(person(role, role))
        assert client.get(reverse("viewings")).status_code == client.get(reverse("viewings_csv")).status_code == code
    client.force_login(Staff.objects.get(username="auditor"))
    page = client.get(reverse("viewings"), {"by": "zhao"}).content.decode()
    assert "She called in" in page
    viewing.keep(["C1"], page="gate", at=clock.now(), by="wang")
    main = [client.get(reverse("viewings"), query).content.decode().split("<tbody>")[1] for query in ({}, {"whole": "1"})]
    assert [text.count("<tr>") for text in main] == [3, 2], "the parts of a page can be left out"
    assert wang.username not in page.split("<main")[1].split("</form>")[1]
    text = b"".join(client.get(reverse("viewings_csv"), {"clear": "1"}).streaming_content).decode("utf-8-sig")
    assert [(row["by"], row["page"], row["clear"]) for row in csv.DictReader(io.StringIO(text))] == [("zhao", "reveal", "1")]


def test_a_list_taken_out_as_a_file_is_on_record(client: Client) -> None:
    case("C1")
    work("C1", "desk", assigned_to="wang")
    client.force_login(person())
    assert b"C1" in b"".join(client.get("/exports/cases.csv?bucket=1").streaming_content)
    event = Event.objects.get(kind="cases.exported")
    assert (event.by, event.body) == ("wang", {"rows": 1, "asked": "bucket=1"})


@pytest.mark.parametrize("statement", ["UPDATE records_viewing SET \"by\" = 'x'", "DELETE FROM records_viewing"])
def test_nobody_changes_or_removes_a_look_before_its_time(statement: str) -> None:
    viewing.keep(["C1"], page="case", at=clock.now(), by="wang")
    with pytest.raises((InternalError, ProgrammingError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Viewing.objects.get().by == "wang"


def test_a_look_goes_when_its_years_are_over_and_that_is_on_record(settings: Any) -> None:
    settings.ANHUAN_VIEWING_YEARS = 5
    now = clock.now()
    for days in (10, 365 * 4, 366 * 5 + 5):
        viewing.keep(["C1"], page="case", at=now - timedelta(days=days), by="wang")
    assert viewing.clear_old(at=now, by="system:cli") == 1
    assert Viewing.objects.count() == 2
    assert kinds() == ["viewings.cleared"]
    assert viewing.clear_old(at=now, by="system:cli") == 0
    assert kinds() == ["viewings.cleared"]
