"""The one way to a case: who gets it, and a list that pages the same whatever way its rows are found."""

from __future__ import annotations

import itertools
import json
from operator import attrgetter

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.records.desk import MORNING
from tests.records.nightfall import FIRST_DAY, Books, Card, Paid
from tests.thorough import tries

from anhuan.records import access
from anhuan.records.access import SYSTEM, CaseFilter, CaseLine, Key
from anhuan.records.case import CaseFigures
from anhuan.records.staff import Role, Staff, Team
from anhuan.records.worklist import WorkItem

pytestmark = pytest.mark.django_db


@pytest.fixture
def books() -> Books:
    books = Books()
    books.night(1, [Card("A1", "C1", 40), Card("A2", "C2", 5), Card("A3", "C3", 1)])
    books.night(2, [Card("A1", "C1", 41), Card("A2", "C2", 6), Card("A3", "C3", 0)], [Paid("P1", "A1", FIRST_DAY)])
    for customer_id in ("C1", "C2", "C3"):
        WorkItem.objects.create(
            customer_id=customer_id,
            queue="desk",
            language="zh",
            state="open",
            reason="proposal",
            rank=1,
            since=MORNING,
            due_at=MORNING,
        )
    return books


def staff(role: str, *, active: bool = True) -> Staff:
    return Staff(username=role, role=role, is_active=active, team=Team(name="Desk", queues=["desk"]))


@pytest.mark.parametrize("viewer", [*(staff(role) for role in Role.values), SYSTEM], ids=[*Role.values, "command"])
@pytest.mark.usefixtures("books")
def test_who_may_see_cases_gets_one_whole(viewer: access.Viewer) -> None:
    found = access.case(viewer, "C1")
    assert found is not None
    assert (found.case.case_id, found.case.bucket, found.figures and found.figures.days_past_due) == ("C1", 2, 41)
    assert [account.account_id for account in found.accounts] == ["A1"]
    assert [(span.since, span.bucket) for span in found.spans] == [(FIRST_DAY, 2)]
    assert [event.kind for event in found.events] == ["case.opened"]
    assert len(access.cases(viewer, CaseFilter()).lines) == 2


@pytest.mark.parametrize("viewer", [staff("somebody"), staff("operations", active=False)], ids=["no role", "left the bank"])
@pytest.mark.usefixtures("books")
def test_a_denied_case_looks_like_one_that_is_not_there(viewer: Staff) -> None:
    assert access.case(viewer, "C1") is None
    assert access.case(viewer, "C9") is None
    assert access.case_document("C1", viewer=viewer) is None
    empty = access.cases(viewer, CaseFilter())
    assert (empty.lines, empty.total, empty.before, empty.after) == ([], 0, None, None)
    assert empty == access.cases(viewer, CaseFilter(currency="XXX"))


@pytest.mark.usefixtures("books")
def test_a_case_nobody_has_is_none() -> None:
    assert access.case(SYSTEM, "C9") is None
    assert access.case_document("C9") is None


@pytest.mark.usefixtures("books")
def test_the_document_of_a_case_is_json_and_holds_what_the_contract_names() -> None:
    document = access.case_document("C3")
    assert document is not None
    assert json.loads(json.dumps(document)) == document
    assert (document["case_id"], document["status"], document["bucket"], document["since"]) == ("C3", "closed", 0, "2026-11-02")
    assert (document["opened_on"], document["closed_on"], document["figures"]) == ("2026-11-01", "2026-11-02", None)
    assert document["bucket_history"] == [
        {"since": "2026-11-01", "bucket": 1, "restated": False},
        {"since": "2026-11-02", "bucket": 0, "restated": False},
    ]
    newest = document["events"][0]
    assert (newest["kind"], newest["number"], newest["at"], len(newest["hash"])) == (
        "case.closed", 2, "2026-11-02T22:00:00+00:00", 64,
    )  # fmt: skip
    assert document["accounts"][0]["account_id"] == "A3"
    assert document["holds"] == document["proposals"] == document["contacts"] == []


@pytest.mark.usefixtures("books")
def test_the_documents_of_a_list_are_json() -> None:
    documents = access.case_documents(status="open", buckets=[1, 2], sort="dpd", limit=10)
    assert json.loads(json.dumps(documents)) == documents
    assert [(d["case_id"], d["days_past_due"], d["opened_on"]) for d in documents] == [
        ("C1", 41, "2026-11-01"),
        ("C2", 6, "2026-11-01"),
    ]
    closed = access.case_documents(status="closed", buckets=[], sort="past_due", limit=10)
    assert [(d["case_id"], d["closed_on"]) for d in closed] == [("C3", "2026-11-02")]


# --- lists against the obvious ------------------------------------------------------------------------------------


@pytest.fixture
def many(db: None) -> None:
    """Cases with many equal values, some open, some closed, put in directly."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO records_case (case_id, status, bucket, opened_on, since, closed_on, reopened, events)
            SELECT 'C' || lpad((n * 7 % 400)::text, 4, '0'), CASE WHEN n % 4 = 0 THEN 'closed' ELSE 'open' END,
                   CASE WHEN n % 4 = 0 THEN 0 ELSE 1 + n % 7 END, DATE '2026-01-01' + n % 9, DATE '2026-02-01',
                   CASE WHEN n % 4 = 0 THEN DATE '2026-03-01' + n % 5 END, 0, 0
            FROM generate_series(0, 399) n
            """
        )
        cursor.execute(
            """
            INSERT INTO records_casefigures
            SELECT case_id, bucket, ascii(right(case_id, 1)) % 5 * 10, CASE WHEN case_id LIKE '%3' THEN 'USD' ELSE 'CNY' END,
                   substr(case_id, 3, 2)::bigint / 4, substr(case_id, 4, 2)::bigint / 9, 1, 1, (case_id LIKE '%11')::integer, 0,
                   's' || right(case_id, 1), CASE WHEN case_id LIKE '%7' THEN '310101' ELSE '440000' END,
                   CASE WHEN case_id LIKE '%5' THEN 'AG1' ELSE '' END
            FROM records_case WHERE status = 'open'
            """
        )
        cursor.execute("ANALYZE records_casefigures; ANALYZE records_case")


FILTERS = {
    "all": CaseFilter(),
    "buckets": CaseFilter(buckets=(2, 5)),
    "currency": CaseFilter(currency="USD"),
    "days": CaseFilter(days_from=10, days_to=30),
    "past due": CaseFilter(past_due_from=3, past_due_to=12),
    "balance": CaseFilter(balance_from=1, balance_to=4),
    "segment": CaseFilter(segment="s9"),
    "region": CaseFilter(region="31"),
    "placed with": CaseFilter(placed_with="AG1"),
    "missing": CaseFilter(missing=True),
    "several": CaseFilter(buckets=(1, 2, 3), currency="CNY", days_from=20),
    "nobody": CaseFilter(segment="none"),
    "ids": CaseFilter(ids=tuple(f"C{n:04}" for n in range(0, 400, 3))),
    "no ids": CaseFilter(ids=()),
    "closed": CaseFilter(status="closed"),
    "closed ids": CaseFilter(status="closed", ids=("C0000", "C0028", "C0001", "C0002")),
}


def obvious(asked: CaseFilter) -> list[CaseLine]:
    """Every line there is, filtered by hand."""
    with connection.cursor() as cursor:
        names = [name for name in CaseLine.__dataclass_fields__]  # noqa: C416
        of_figures = {f.column for f in CaseFigures._meta.concrete_fields}
        nil = {"currency": "''", "segment": "''", "region_code": "''", "placed_with": "''"}
        columns = ", ".join(
            f"coalesce(f.{n}, {nil.get(n, 'c.bucket' if n == 'bucket' else 0)})" if n in of_figures - {"case_id"} else f"c.{n}"
            for n in names
        )
        cursor.execute(f"SELECT {columns} FROM records_case c LEFT JOIN records_casefigures f USING (case_id)")
        lines = [CaseLine(*row) for row in cursor.fetchall()]
    return [line for line in lines if matches(asked, line)]


def matches(asked: CaseFilter, line: CaseLine) -> bool:
    def within(value: int, low: int | None, high: int | None) -> bool:
        return (low is None or value >= low) and (high is None or value <= high)

    return (
        line.status == asked.status
        and (not asked.buckets or line.bucket in asked.buckets)
        and asked.currency in (None, line.currency)
        and within(line.days_past_due, asked.days_from, asked.days_to)
        and within(line.past_due_amount_minor, asked.past_due_from, asked.past_due_to)
        and within(line.balance_total_minor, asked.balance_from, asked.balance_to)
        and asked.segment in (None, line.segment)
        and line.region_code.startswith(asked.region or "")
        and asked.placed_with in (None, line.placed_with)
        and (not asked.missing or line.missing_accounts > 0)
        and (asked.ids is None or line.case_id in asked.ids)
    )


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("tried", "counted"), [(1, 0), (60, 10_000), (5_000, 0)], ids=["swept", "walked and swept, counted", "walked"]
)
@pytest.mark.parametrize("asked", FILTERS.values(), ids=FILTERS.keys())
def test_pages_forth_and_back_are_the_whole_list_in_order(
    asked: CaseFilter, counted: int, tried: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_TRIED", tried)
    monkeypatch.setattr(access, "_COUNTED", counted)
    every = obvious(asked)
    for sort, descending in itertools.product(access.SORTS, (True, False)):
        place = attrgetter("closed_on" if asked.status == "closed" else access.SORTS[sort], "case_id")
        expected = sorted(every, key=place, reverse=descending)
        pages, key = [], None
        while True:
            page = access.cases(SYSTEM, asked, sort=sort, descending=descending, after=key, limit=23)
            assert not page.counted or page.total == len(every)
            pages.append(page.lines)
            if page.after is None:
                break
            key = page.after
        assert [line for lines in pages for line in lines] == expected

        back: list[list[CaseLine]] = [pages[-1]]
        key = page.before
        while key is not None:
            page = access.cases(SYSTEM, asked, sort=sort, descending=descending, before=key, limit=23)
            back.insert(0, page.lines)
            key = page.before
        assert back == pages


@pytest.mark.usefixtures("many")
@settings(max_examples=tries(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(value=st.integers(-1, 30), case_id=st.sampled_from(["", "C0000", "C0123", "C0124", "C9"]), descending=st.booleans())
def test_a_key_that_stands_in_the_list_no_more_still_finds_its_place(value: int, case_id: str, *, descending: bool) -> None:
    key: Key = (value, case_id)
    every = [(line.past_due_amount_minor, line.case_id) for line in obvious(CaseFilter())]
    beyond = [place for place in every if (place < key if descending else place > key)]
    page = access.cases(SYSTEM, CaseFilter(), descending=descending, after=key, limit=5)
    found = [(line.past_due_amount_minor, line.case_id) for line in page.lines]
    assert found == sorted(beyond, reverse=descending)[:5]


@pytest.mark.usefixtures("many")
def test_nothing_asked_for_reaches_the_database_as_sql() -> None:
    nasty = "x'; DROP TABLE records_case; --%s"
    asked = CaseFilter(segment=nasty, currency=nasty, placed_with=nasty, region=nasty, ids=(nasty,))
    assert access.cases(SYSTEM, asked, after=(1, nasty)).lines == []
    assert obvious(CaseFilter())
