"""The list of cases: what its address may say, and that its links lead through all of it."""

from __future__ import annotations

import html
import re
from datetime import date
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client, RequestFactory

from anhuan.records.access import CaseLine
from anhuan.records.case import Case, CaseFigures
from anhuan.records.events import Event
from anhuan.records.staff import Staff
from anhuan.workbench import cases
from anhuan.workbench.cases import Listing
from anhuan.workbench.compliance import csv_response


def asked(query: str) -> Any:
    request = RequestFactory().get(f"/cases/?{query}")
    request.session = {}  # type: ignore[assignment]
    return request


def test_a_list_is_saved_whole_in_its_address() -> None:
    query = "bucket=2&bucket=3&from=31&to=90&least=1000&currency=CNY&segment=gold&placed=AG01&region=11&missing=1&sort=-dpd"
    listing = Listing.of(asked(query))
    assert Listing.of(asked(listing.query())) == listing
    assert QueryDict(listing.query()) == QueryDict(query)
    assert listing.narrowed
    assert not Listing.of(asked("sort=balance&status=closed")).narrowed


@pytest.mark.parametrize(
    "query",
    [
        "bucket=9",
        "from=-1",
        "from=x",
        "least=NaN",
        "least=1e99",
        "currency=XXX",
        "region=abc",
        "sort=name",
        "status=any",
        "after=x",
    ],
)
def test_what_an_address_cannot_mean_is_left_out(query: str) -> None:
    assert Listing.of(asked(query)) == Listing()


DAY = date(2026, 11, 20)


def keep(number: int, **figures: Any) -> None:
    """An open case with its figures; a closed one when `closed_on` is given."""
    case_id = f"C{number:04}"
    closed_on = figures.pop("closed_on", None)
    status = "closed" if closed_on else "open"
    plain = {
        "bucket": 1, "days_past_due": 5, "currency": "CNY", "past_due_amount_minor": 100, "balance_total_minor": 1000,
        "accounts": 1, "overdue_accounts": 1, "missing_accounts": 0, "other_currencies": 0,
    }  # fmt: skip
    Case.objects.create(
        case_id=case_id,
        status=status,
        bucket=0 if closed_on else figures.get("bucket", 1),
        opened_on=DAY,
        since=DAY,
        closed_on=closed_on,
    )
    if not closed_on:
        CaseFigures.objects.create(case_id=case_id, **{**plain, **figures})


@pytest.fixture
def reader(client: Client) -> Client:
    client.force_login(Staff.objects.create(username="reader", role="operations"))
    return client


def listed(reader: Client, address: str) -> tuple[list[str], dict[str, str]]:
    """The ids on a page of the list, and the addresses of its neighbours by their relation."""
    answer = reader.get(address, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    text = answer.content.decode()
    links = {rel: html.unescape(href) for rel, href in re.findall(r'rel="(prev|next)"[^>]*?href="([^"]+)"', text)}
    return re.findall(r'<th scope="row"><a href="/cases/(C\d+)/', text), links


@pytest.mark.django_db
@pytest.mark.parametrize("sort", ["past_due", "-past_due", "dpd", "-balance"])
def test_the_pages_links_show_every_case_once_in_order_there_and_back(reader: Client, sort: str) -> None:
    amounts = [n * n % 7 for n in range(120)]
    for n, amount in enumerate(amounts):
        keep(n, past_due_amount_minor=amount, days_past_due=amount, balance_total_minor=amount)
    wanted = [c for _, c in sorted(((a, f"C{n:04}") for n, a in enumerate(amounts)), reverse=not sort.startswith("-"))]
    there, links = listed(reader, f"/cases/?sort={sort}")
    while "next" in links:
        ids, links = listed(reader, f"/cases/{links['next']}")
        there += ids
    assert there == wanted
    back = there[-20:]
    while "prev" in links:
        ids, links = listed(reader, f"/cases/{links['prev']}")
        back = ids + back
    assert back == wanted


@pytest.mark.django_db
def test_closed_cases_are_paged_by_their_last_day(reader: Client) -> None:
    for n in range(70):
        keep(n, closed_on=date(2026, 11, 1 + n % 5))
    first, links = listed(reader, "/cases/?status=closed")
    second, _ = listed(reader, f"/cases/{links['next']}")
    days = [int(case_id[1:]) % 5 for case_id in first + second]
    assert days == sorted(days, reverse=True)
    assert len(set(first + second)) == 70


@pytest.mark.django_db
def test_a_least_amount_is_meant_in_one_currency(reader: Client) -> None:
    keep(1, currency="CNY", past_due_amount_minor=99_999)
    keep(2, currency="CNY", past_due_amount_minor=100_000)
    keep(3, currency="JPY", past_due_amount_minor=1_000)
    keep(4, currency="JPY", past_due_amount_minor=999)
    assert listed(reader, "/cases/?least=1000")[0] == ["C0002"]
    assert listed(reader, "/cases/?least=1000&currency=JPY")[0] == ["C0003"]


@pytest.mark.django_db
def test_filters_hold_together(reader: Client) -> None:
    same: dict[str, Any] = {"bucket": 2, "days_past_due": 40, "segment": "gold", "region_code": "110105", "placed_with": "AG01"}
    keep(1, **same)
    for n, other in enumerate(
        ({"days_past_due": 61}, {"segment": "mass"}, {"region_code": "310105"}, {"placed_with": "AG02"}), 2
    ):
        keep(n, **{**same, **other})
    keep(9, **{**same, "bucket": 3, "missing_accounts": 1})
    assert listed(reader, "/cases/?bucket=2&from=31&to=60&segment=gold&region=11&placed=AG01")[0] == ["C0001"]
    assert listed(reader, "/cases/?missing=1")[0] == ["C0009"]


@pytest.mark.django_db
def test_neighbours_follow_the_list_a_case_was_opened_from(rf: RequestFactory) -> None:
    for n in range(6):
        keep(n, past_due_amount_minor=100 - n, bucket=1 + n % 2)
    request = asked("")
    request.user = Staff(username="reader", role="operations")
    odd = Listing(buckets=(1,))

    def beside(listing: Listing, case_id: str) -> list[str | None]:
        return [cases.neighbour(request, listing, case_id, way) for way in ("previous", "next")]

    assert beside(odd, "C0002") == ["C0000", "C0004"]
    assert beside(odd, "C0000") == [None, "C0002"]
    assert beside(Listing(sort="-past_due"), "C0002") == ["C0003", "C0001"]
    assert beside(odd, "nobody") == [None, None]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["/", "/cases/", "/cases/C0001/", "/nights/", "/roll-rates/", "/exports/cases.csv", "/chain/C0001/"]
)
def test_pages_are_for_staff_who_may_read(client: Client, address: str) -> None:
    keep(1)
    assert client.get(address).headers["Location"].startswith("/login/")
    client.force_login(Staff.objects.create(username="nobody", role="visitor"))
    assert client.get(address).status_code == 403


@pytest.mark.django_db
def test_a_reveal_is_a_post_by_someone_who_may(client: Client, reader: Client) -> None:
    keep(1)
    assert reader.get("/reveal/C0001/").status_code == 405
    client.force_login(Staff.objects.create(username="auditor", role="auditor"))
    assert client.post("/reveal/C0001/", {"field": "name", "reason": "audit"}).status_code == 403
    assert Event.objects.count() == 0


@pytest.mark.django_db
def test_what_an_exact_search_found_belongs_to_its_session(reader: Client) -> None:
    keep(1)
    assert listed(reader, "/cases/?found=0123456789abcdef")[0] == []
    answer = reader.post("/search/", {"text": " C0001 "})
    assert answer.headers["Location"] == "/cases/C0001/"


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1", "@x"])
def test_a_text_of_the_banks_is_no_formula_in_a_spreadsheet(text: str) -> None:
    line = CaseLine("C1", "open", 1, 5, "CNY", 100, -5, 1, 1, 0, 0, text, "", "", DAY, DAY, None, 0)
    row = [cases._cell(line, column, {}) for column in ("segment", "balance_total")]
    told = b"".join(csv_response("x.csv", ("segment", "balance_total"), [row])).decode()  # type: ignore[arg-type]
    assert told.splitlines()[1] == f"'{text},-0.05"
