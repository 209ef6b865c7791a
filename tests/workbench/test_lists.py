"""Every list of the desk: narrowed by team, person and day, its address keeps that, and the same comes out as CSV and as a workbook."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.core.cache import cache
from django.test import Client
from tests.records import desk, supervised
from tests.records.desk import MORNING
from tests.records.supervised import YESTERDAY

from anhuan import clock
from anhuan.acts import dispute, quality
from anhuan.records.dispute import Dispute
from anhuan.records.payment import PaymentImport
from anhuan.records.quality import QualityPick
from anhuan.records.staff import Staff
from anhuan.records.worklist import WorkItem

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def house(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Staff]]:
    """Two days of two people of a team and one of none: a promise each, a dispute, a reviewed call, a file."""
    cache.clear()
    settings.ANHUAN_HOME = tmp_path
    monkeypatch.setattr(clock, "now", lambda: MORNING)
    supervised.customers()
    people = supervised.people()
    for n, (by, at) in enumerate((("wang", MORNING), ("chen", YESTERDAY), ("alone", MORNING))):
        supervised.promise(f"C{n}", by, at, due_on=(MORNING + timedelta(days=n)).date())
        taken = dispute.register(f"C{n}", kind="other", account_ids=[f"A{n}"], statement="不对", at=at, by=by)
        assert isinstance(taken, Dispute), taken
        call = supervised.call(f"C{n}", by, at - timedelta(minutes=5))
        assert isinstance(quality.ask(call.contact_id, at=MORNING, by="boss"), QualityPick)  # type: ignore[arg-type]
        PaymentImport.objects.create(sha256=str(n), name=f"file{n}.csv", format="csv", state="done", at=at, by=by)
    WorkItem.objects.update_or_create(
        customer_id="C0",
        defaults={"queue": "desk", "language": "zh", "state": "open", "reason": "proposal", "rank": 1, "since": MORNING,
                  "due_at": MORNING, "currency": "CNY", "value_at_risk_minor": 123_450},
    )  # fmt: skip
    yield people
    desk.empty_cards()


@pytest.fixture
def boss(house: dict[str, Staff]) -> Client:
    """Somebody who may look at all of these pages."""
    client, staff = Client(), house["boss"]
    client.force_login(staff)
    client.cookies["anhuan-language"] = "en"
    return client


def lines(client: Client, address: str) -> list[str]:
    return b"".join(client.get(address)).decode().splitlines()[1:]  # type: ignore[arg-type]


LISTS = {
    "/plans/?of=promises": "/exports/plans.{}?of=promises",
    "/disputes/?of=disputes": "/exports/disputes.{}?of=disputes",
    "/quality/?": "/exports/quality.{}?",
}


@pytest.mark.parametrize("page", LISTS)
def test_a_list_is_narrowed_by_team_and_person_and_its_files_are_the_same(
    page: str, boss: Client, house: dict[str, Staff]
) -> None:
    export, team = LISTS[page], house["wang"].team_id
    assert len(lines(boss, export.format("csv"))) == 3
    for query, number in ((f"&team={team}", 2), (f"&person={house['alone'].pk}", 1), (f"&person={house['boss'].pk}", 0)):
        shown = boss.get(page + query)
        assert len(lines(boss, export.format("csv") + query)) == number, query
        found = shown.context["rows"] if "rows" in shown.context else shown.context["picks"]
        assert len(found) == number, query
        assert f"{query[1:].partition('=')[0]}={query.partition('=')[2]}" in shown.content.decode(), (
            "the files' addresses say so, too"
        )
        book = ZipFile(io.BytesIO(boss.get(export.format("xlsx") + query).content)).read("xl/worksheets/sheet1.xml")
        assert book.count(b"<row ") == number + 1


@pytest.mark.parametrize("page", ["/plans/?of=promises", "/disputes/?of=disputes"])
def test_what_is_out_of_sight_is_counted_and_not_shown(page: str, house: dict[str, Staff]) -> None:
    desk.opened_to("alone", customer_id="C2")
    collector = Client()
    collector.force_login(house["alone"])
    collector.cookies["anhuan-language"] = "en"
    shown = collector.get(page)
    assert (len(shown.context["rows"]), shown.context["hidden"]) == (1, 2)
    assert "2 more are of cases you may not see." in shown.content.decode()


@pytest.mark.parametrize(
    ("export", "query", "number"),
    [
        ("/exports/plans.csv?of=promises", "&from=2026-11-21&to=2026-11-21", 1),
        ("/exports/disputes.csv?of=disputes", "&from=2026-11-20", 2),
        ("/exports/disputes.csv?of=disputes", "&to=2026-11-19", 1),
        ("/exports/quality.csv?", "&day=2026-11-19", 1),
        ("/exports/quality.csv?", "&day=2026-11-19&until=2026-11-20", 3),
        ("/exports/quality.csv?", "&state=waiting", 3),
    ],
)
def test_and_by_day(export: str, query: str, number: int, boss: Client) -> None:
    assert len(lines(boss, export + query)) == number


def test_files_of_payments_are_narrowed_and_go_out(house: dict[str, Staff]) -> None:
    poster = Client()
    poster.force_login(Staff.objects.create(username="ops", role="operations"))
    for query, number in (("", 3), (f"team={house['wang'].team_id}", 2), ("from=2026-11-20", 2), ("state=preview", 0)):
        assert len(poster.get(f"/payments/?{query}").context["files"]) == number, query
        assert len(lines(poster, f"/exports/payments.csv?{query}")) == number, query
    assert ZipFile(io.BytesIO(poster.get("/exports/payments.xlsx").content)).testzip() is None
    assert poster.get("/exports/suspense.xlsx?from=2026-11-20").status_code == 200


def test_the_worklist_the_wall_and_the_cases_go_out_as_workbooks_with_amounts_as_numbers(boss: Client) -> None:
    book = ZipFile(io.BytesIO(boss.get("/work/queues/worklist.xlsx?queue=desk").content)).read("xl/worksheets/sheet1.xml")
    assert b"<v>1234.5</v>" in book
    assert "1234.50" in lines(boss, "/work/queues/worklist.csv?queue=desk")[0]
    assert boss.get("/wall/promises/?form=xlsx").content[:2] == b"PK"
    assert boss.get("/exports/cases.xlsx").content[:2] == b"PK"
