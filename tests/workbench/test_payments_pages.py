"""The pages of payments: a file is looked at and taken, money in suspense is decided by two, and a case shows what counts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.records import desk
from tests.records.desk import BY, MORNING
from tests.records.test_payments_desk import DAY, csv, lost, notice, paid, taken, two

from anhuan import clock
from anhuan.acts import payment_import
from anhuan.records import identity
from anhuan.records.customer import Customer
from anhuan.records.events import Event
from anhuan.records.payment import PaymentImport, Posting
from anhuan.records.payment_suspense import FOUR_EYES_MINOR, Suspense
from anhuan.records.staff import Staff

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.ANHUAN_HOME = tmp_path
    monkeypatch.setattr(clock, "now", lambda: MORNING)
    yield
    desk.empty_cards()


def signed_in(role: str, name: str = "") -> Client:
    client = Client()
    client.force_login(Staff.objects.create(username=name or f"a.{role}", role=role))
    client.cookies["anhuan-language"] = "en"
    return client


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_a_file_is_looked_at_before_it_counts_and_can_be_forgotten() -> None:
    two()
    operator = signed_in("operations")
    rows = csv("R1,50.00,CNY,2026-11-20,A001,,,,,,", "R2,1.00,CNY,2026-11-20,,who,,,,,", "R3,x,CNY,2026-11-20,A001,,,,,,")
    answer = operator.post("/payments/upload/", {"file": SimpleUploadedFile("day.csv", rows)}, follow=True)
    assert "If you take it: 1 lines count, 1 go into suspense; 0 were known before, 1 are set aside." in text(answer)
    assert "The amount cannot be read" in text(answer)
    assert paid("A001") == 0
    file = PaymentImport.objects.get()
    assert operator.post(f"/payments/{file.pk}/discard/", follow=True).status_code == 200
    assert (PaymentImport.objects.count(), Suspense.objects.count()) == (0, 0)
    operator.post("/payments/upload/", {"file": SimpleUploadedFile("day.csv", rows)})
    file = PaymentImport.objects.get()
    part = text(operator.post(f"/payments/{file.pk}/take/", headers={"hx-request": "true"}))
    told = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", part))
    assert told == {"Counted": "1", "Known before": "0", "In suspense": "1", "Set aside": "1"}
    assert paid("A001") == 5000
    assert "stays" in text(operator.post(f"/payments/{file.pk}/discard/", follow=True))


def test_a_long_file_is_taken_a_few_batches_at_a_time_and_the_page_goes_on_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    desk.customer(cards=("A001",))
    monkeypatch.setattr(payment_import, "BATCH", 2)
    operator = signed_in("operations")
    rows = csv(*(f"R{number},1.00,CNY,2026-11-20,A001,,,,,," for number in range(11)))
    operator.post("/payments/upload/", {"file": SimpleUploadedFile("day.csv", rows)})
    file = PaymentImport.objects.get()
    first = text(operator.post(f"/payments/{file.pk}/take/", headers={"hx-request": "true"}))
    assert "8 / 11" in first
    assert 'hx-trigger="load"' in first
    assert 'hx-trigger="load"' not in text(operator.post(f"/payments/{file.pk}/take/", headers={"hx-request": "true"}))
    assert paid("A001") == 1100


def test_what_is_no_file_of_payments_is_refused_in_the_readers_language() -> None:
    operator = signed_in("operations")
    evil = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><x>&e;</x>'
    assert "has a DOCTYPE" in text(operator.post("/payments/upload/", {"file": SimpleUploadedFile("x.xml", evil)}, follow=True))
    operator.cookies["anhuan-language"] = "zh-hans"
    assert "含 DOCTYPE" in text(operator.post("/payments/upload/", {"file": SimpleUploadedFile("x.xml", evil)}, follow=True))


def named(customer_id: str, name: str) -> None:
    ring = identity.keyring()
    (sealed,) = ring.seal("customer", [customer_id], [json.dumps([name, "", "", "", ""]).encode()])
    Customer.objects.filter(pk=customer_id).update(sealed=sealed, key_id=ring.current)


def test_above_the_limit_the_page_asks_for_another_person_and_what_the_payer_wrote_is_read_with_a_trace() -> None:
    two()
    named("C1", "王小明")
    named("C2", "李小红")
    limit = FOUR_EYES_MINOR["CNY"]
    pk = lost(f"{limit // 100}.00", "A001 or A002 from aunt")
    first, second = signed_in("operations", "op.one"), signed_in("operations", "op.two")
    page = text(first.get(f"/payments/suspense/{pk}/"))
    assert "from aunt" not in page
    assert "王**" in page
    assert "another person approves" in page
    assert "from aunt" in text(first.post(f"/payments/suspense/{pk}/words/"))
    assert Event.objects.filter(kind="suspense.read", by="op.one").exists()
    act = f"/payments/suspense/{pk}/act/"
    assert "A second person is to approve it" in text(
        first.post(act, {"do": "match", "account": "A001", "reason": "slip"}, follow=True)
    )
    assert "another one approves" in text(first.post(act, {"do": "approve"}, follow=True))
    assert paid("A001") == 0
    second.post(act, {"do": "approve"})
    assert paid("A001") == limit
    assert "give a reason" in text(second.post(act, {"do": "undo"}, follow=True)).lower()
    second.post(act, {"do": "undo", "reason": "wrong"})
    second.post(act, {"do": "split", "reason": "both", "parts": f"A001 {limit // 100 - 1}.00\nA002 1.00"})
    first.post(act, {"do": "approve"})
    assert (paid("A001"), paid("A002")) == (limit - 100, 100)


def test_the_card_shows_what_counts_how_it_was_applied_and_what_may_be_hers() -> None:
    two()
    notice("P1", account="A001")
    lost()
    collector = signed_in("collector")
    desk.opened_to("a.collector")
    card = text(collector.get("/payments/card/C1/"))
    assert "provisional" in card
    assert "In suspense" in card
    assert "Take back" not in card
    wrong = collector.post("/payments/claim/C1/", {"account": "A001", "amount": "7,00", "paid_on": str(DAY)})
    assert (wrong.status_code, "1234.50" in text(wrong)) == (422, True)
    asked = {"account": "A001", "amount": "7.00", "paid_on": str(DAY - timedelta(days=1))}
    assert "is held until 2026-11-23" in text(collector.post("/payments/claim/C1/", asked))
    operator = signed_in("operations")
    posting = Posting.objects.get(payment_id="P1")
    assert operator.post(f"/payments/reverse/{posting.pk}/", {}).status_code == 422
    assert "−" in text(operator.post(f"/payments/reverse/{posting.pk}/", {"reason": "bounced"}))
    assert paid("A001") == 0


def test_the_desk_of_payments_lists_what_the_bank_posted_otherwise() -> None:
    from tests.records.test_payments_desk import night

    desk.customer()
    notice("P1", amount=5000)
    night(("P1", "A1", 4900, DAY))
    taken(csv("R1,3.00,CNY,2026-11-10,A1,,,,,,"))
    page = text(signed_in("operations", BY).get("/payments/"))
    assert "Posted by the bank otherwise than told" in page
    assert "amount_minor" in page
    assert "Not confirmed by the bank for over three days" in page
