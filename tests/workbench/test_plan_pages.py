"""The pages of promises and plans by Django's own client: what a collector and a supervisor see and do, step by step."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from tests.records import desk
from tests.records.bargaining import TWENTY, call, keep_recording, owed_total, prepared, proposed
from tests.records.delivered import Bank, customer, point
from tests.records.desk import MORNING

from anhuan import clock
from anhuan.records import identity
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.events import Event
from anhuan.records.plan import Approval, Plan, Waiver
from anhuan.records.promise import Promise
from anhuan.records.staff import Staff

pytestmark = pytest.mark.django_db

HTMX = {"HTTP_HX_REQUEST": "true"}
FORM = {
    "account": ["A1", "A2"], "income": "10000.00", "expense_housing": "2,000", "expense_food": "1500", "household": "2", "wish": "plan",
    "instalments": "12",
}  # fmt: skip


@pytest.fixture(autouse=True)
def bank(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.ANHUAN_HOME = tmp_path
    monkeypatch.setattr(clock, "now", lambda: MORNING)
    prepared(tmp_path)
    yield
    desk.empty_cards()


def at_the_desk(username: str = "lin") -> Client:
    client = Client()
    client.force_login(Staff.objects.get(username=username))
    client.cookies["anhuan-language"] = "en"
    return client


def step(client: Client, **told: Any) -> Any:
    return client.post("/plans/act/C1/", told, **HTMX)


def words(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_the_card_offers_a_promise_by_presets_and_takes_it_in_place() -> None:
    lin = at_the_desk()
    card = words(lin.get("/plans/card/C1/", **HTMX))
    assert "Nothing is promised or agreed yet." in card
    assert "past due 90,000" in card or "past due 900.00" in card
    answer = step(lin, step="promise", account="A1", amount="past_due", day="tomorrow")
    assert answer.status_code == 200
    assert "2026-11-21" in words(answer)
    made = Promise.objects.get()
    assert (made.amount_minor, str(made.due_on), made.by) == (90_000, "2026-11-21", "lin")
    assert "Correct or withdraw: 2026-11-21, A1" in words(answer)
    corrected = step(lin, step="correct", promise=str(made.pk), other_amount="1,000.00", other_day="2026-11-22", why="customer")
    assert "2026-11-22" in words(corrected)
    made.refresh_from_db()
    assert (made.amount_minor, str(made.due_on)) == (100_000, "2026-11-22")
    assert Event.objects.filter(chain="C1", kind="promise.corrected").get().body["why"] == "customer"
    answer = words(step(lin, step="withdraw", promise=str(made.pk), why="mistake"))
    assert "Withdrawn written down wrongly" in answer
    assert "Correct or withdraw" not in answer


def test_what_cannot_be_read_or_done_is_said_in_place_and_nothing_is_kept() -> None:
    lin = at_the_desk()
    for told, said in (
        ({"step": "promise", "account": "A1", "other_amount": "12x", "day": "today"}, "An amount is a number"),
        ({"step": "promise", "account": "A1", "amount": "full", "other_day": "2027-11-20"}, "days ahead"),
        ({"step": "promise", "account": "Z", "amount": "full", "day": "today"}, "no account"),
        ({"step": "withdraw", "promise": "x"}, "no such promise"),
        ({"step": "agree", "plan": "x"}, "no such agreement"),
    ):
        answer = step(lin, **told)
        assert (answer.status_code, answer.headers["HX-Retarget"]) == (422, "#plan-faults")
        assert said in words(answer)
    assert not Promise.objects.exists()
    assert step(lin, step="steal").status_code == 404


def test_a_wish_is_granted_taken_and_agreed_from_the_card() -> None:
    lin = at_the_desk()
    offers = lin.post("/plans/offers/C1/", FORM, **HTMX)
    assert "Her wish can be granted." in words(offers)
    offer = re.search(r'name="offer" value="(plan-level-12-[0-9a-f]+)"', offers.content.decode())
    assert offer
    assert "Waits for consent" in words(step(lin, offer=offer[1], **FORM))
    one = Plan.objects.get()
    assert (one.state, one.principal_minor) == ("approved", owed_total())
    spoken = call()
    refused = step(lin, step="agree", plan=str(one.pk), consent="oral", contact=str(spoken.pk))
    assert (refused.status_code, "get her consent in writing" in words(refused)) == (422, True)
    keep_recording(spoken)
    answer = step(lin, step="agree", plan=str(one.pk), consent="oral", contact=str(spoken.pk))
    assert "Being performed" in words(answer)
    assert "Call off" not in words(answer)
    page = words(lin.get(f"/plans/{one.pk}/"))
    assert "Collection stops." in page
    assert "orally, recorded" in page


def test_a_wish_refused_says_why_and_one_key_takes_what_is_nearest() -> None:
    lin = at_the_desk()
    offers = lin.post("/plans/offers/C1/", FORM | {"instalments": "90"}, **HTMX)
    assert "Her wish cannot be granted." in words(offers)
    assert "Art. 70" in words(offers)
    nearest = re.search(r'value="([^"]+)" data-key="y"', offers.content.decode())
    assert nearest
    answer = step(lin, offer=nearest[1], **FORM | {"instalments": "90", "why": "two children"})
    assert "Waits for approval" in words(answer)
    assert Approval.objects.get().wanted_why == "two children"


def test_without_income_and_expenses_only_what_is_past_due_is_offered() -> None:
    lin = at_the_desk()
    offers = words(lin.post("/plans/offers/C1/", {"account": "A1"}, **HTMX))
    assert "without income and expenses" in offers
    assert "Instalment plan" not in offers
    cure = re.search(r'value="(cure-[^"]+)"', lin.post("/plans/offers/C1/", {"account": "A1"}, **HTMX).content.decode())
    assert cure
    step(lin, offer=cure[1], account="A1")
    assert str(Promise.objects.get().due_on) == "2026-11-20"


def test_a_promise_on_several_accounts_is_one_on_each_by_what_is_past_due() -> None:
    lin = at_the_desk()
    offers = lin.post("/plans/offers/C1/", {"account": ["A1", "A2"]}, **HTMX).content.decode()
    cure, least = (re.search(rf'value="({kind}-[^"]+)"', offers) for kind in ("cure", "promise"))
    assert cure
    assert least
    assert step(lin, offer=cure[1], account=["A1", "A2"]).status_code == 200
    assert sorted(Promise.objects.values_list("account_id", "amount_minor", "state")) == [
        ("A1", 90_000, "open"),
        ("A2", 30_000, "open"),
    ]
    assert step(lin, offer=least[1], account=["A1", "A2"]).status_code == 200
    assert Promise.objects.filter(state="open").count() == 2


def test_the_inbox_shows_the_limits_and_four_eyes_decide() -> None:
    one = proposed(TWENTY)
    chen, lin = at_the_desk("chen"), at_the_desk()
    assert lin.get("/approvals/").status_code == 403
    page = words(chen.get("/approvals/"))
    assert "Instalments 20 12 48" in page
    assert "two children" in page
    assert re.search(r"Approvals 1 g a", page)
    asked = Approval.objects.get()
    assert "reason" in words(chen.post(f"/approvals/{asked.pk}/", {"step": "refuse"}, follow=True)).lower()
    assert lin.post(f"/approvals/{asked.pk}/", {"step": "approve"}).status_code == 403
    assert "Decided" in words(chen.post(f"/approvals/{asked.pk}/", {"step": "approve", "reason": "fine"}, follow=True))
    one.refresh_from_db()
    assert one.state == "approved"
    assert "Nothing waits for a second person." in words(chen.get("/approvals/"))


def test_an_offer_that_stands_no_longer_is_shown_as_expired_and_can_be_refused_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    proposed(TWENTY)
    chen, asked = at_the_desk("chen"), Approval.objects.get()
    monkeypatch.setattr(clock, "now", lambda: MORNING + timedelta(days=9))
    page = words(chen.get("/approvals/"))
    assert "Expired" in page
    assert "can no longer be approved" in page
    assert "it is not undone" in page
    assert "Approve" not in page.split("Expired")[1]
    told = words(chen.post(f"/approvals/{asked.pk}/", {"step": "approve"}, follow=True))
    assert "stood until" in told
    assert "Decided" in words(chen.post(f"/approvals/{asked.pk}/", {"step": "refuse", "reason": "too late"}, follow=True))


def known_by_name() -> None:
    """The bank has delivered her name and address."""
    Customer.objects.all().delete()
    ContactPoint.objects.all().delete()
    home = point("C1", "北京市某某区某某路 1 号", kind="address")
    Bank(ring=identity.keyring()).night([customer("C1", name="欧阳小明")], [home])


def test_the_agreement_states_every_item_in_both_languages_and_masks_her_name() -> None:
    known_by_name()
    one = proposed()
    lin = at_the_desk()
    zh, en = words(lin.get(f"/plans/{one.pk}/agreement/?lang=zh")), words(lin.get(f"/plans/{one.pk}/agreement/?lang=en"))
    assert "欧阳小明" not in zh
    for item in ("欠款余额", "欠款结构及币种", "每期金额", "息费", "不再申请信用卡", "违约责任", "其他事项"):
        assert item in zh
    for item in (
        "Balance owed",
        "its currency",
        "Instalments, dates",
        "Interest and fees",
        "no new card",
        "Rights, duties",
        "Other",
    ):
        assert item in en


def test_the_paper_to_sign_has_her_name_and_the_look_at_it_is_kept() -> None:
    known_by_name()
    one = proposed()
    answer = at_the_desk().post(f"/plans/{one.pk}/agreement.pdf", {"lang": "zh"})
    assert Event.objects.filter(chain="C1", kind="identity.revealed").get().body["fields"] == ["address", "name"]
    if answer.status_code == 422:
        pytest.skip("the face of letters is not installed here")
    assert answer.content.startswith(b"%PDF")
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_list_is_narrowed_and_exported() -> None:
    one = proposed()
    lin = at_the_desk()
    assert "Waits for consent" in words(lin.get("/plans/?of=plans&state=approved"))
    assert "Nothing matches." in words(lin.get("/plans/?of=plans&state=active"))
    assert "Nothing matches." in words(lin.get("/plans/?of=promises&from=2026-01-01&to=x"))
    csv = b"".join(lin.get("/exports/plans.csv?of=plans").streaming_content).decode()
    assert str(one.pk) in csv
    assert csv.splitlines()[0].endswith("policy")
    with zipfile.ZipFile(io.BytesIO(lin.get("/exports/plans.xlsx?of=plans").content)) as book:
        sheet, looks = (book.read(f"xl/{name}.xml").decode() for name in ("worksheets/sheet1", "styles"))
    assert str(one.pk) in sheet
    assert f"<v>{one.total_minor / 100:.15g}</v>" in sheet
    assert f"<v>{(one.next_due_on - date(1899, 12, 30)).days}</v>" in sheet
    assert "<autoFilter" in sheet
    assert 'state="frozen"' in sheet
    assert "yyyy-mm-dd" in looks
    assert f",{one.total_minor}," in csv


def test_a_waiver_alone_is_asked_on_the_card() -> None:
    lin = at_the_desk()
    step(lin, step="waive", account="A1", component="penalty", amount="15.00", reason="late post")
    assert (Waiver.objects.get().state, Waiver.objects.get().amount_minor) == ("granted", 1_500)
    assert "late post" in words(lin.get("/plans/?of=waivers"))


def test_somebody_who_may_only_read_is_shown_no_form_and_may_do_nothing() -> None:
    Staff.objects.create(username="auditor", role="auditor")
    auditor = at_the_desk("auditor")
    assert "plan-form" not in auditor.get("/plans/card/C1/").content.decode()
    assert step(auditor, step="promise", account="A1", amount="full", day="today").status_code == 403
    assert auditor.post("/plans/offers/C1/", FORM).status_code == 403
    assert auditor.get("/plans/card/nobody/").status_code == 404
