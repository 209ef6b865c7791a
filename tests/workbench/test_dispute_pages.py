"""The pages of disputes and hardship by Django's own client: what a collector takes, and compliance decides, step by step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.records import desk
from tests.records.desk import MORNING

from anhuan import clock
from anhuan.acts import consent, dispute, evidence
from anhuan.core.vocabulary import Covers
from anhuan.records.dispute import Dispute, Evidence
from anhuan.records.hardship import Hardship
from anhuan.records.hold import Hold
from anhuan.records.staff import Staff
from anhuan.records.viewing import Viewing

pytestmark = pytest.mark.django_db

HTMX = {"HTTP_HX_REQUEST": "true"}
NOW = [MORNING]


@pytest.fixture(autouse=True)
def bank(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.ANHUAN_HOME = tmp_path
    NOW[0] = MORNING
    monkeypatch.setattr(clock, "now", lambda: NOW[0])
    desk.customer(cards=("A1", "A2"))
    desk.Account.objects.update(balance_total_minor=100_000, bucket=1, days_past_due=20)
    for username, role in (("lin", "collector"), ("wang", "compliance"), ("ops", "operations"), ("aud", "auditor")):
        Staff.objects.create(username=username, role=role)
    desk.opened_to("lin")
    yield
    desk.empty_cards()


def at_the_desk(username: str = "lin", language: str = "en", **more: Any) -> Client:
    client = Client(**more)
    client.force_login(Staff.objects.get(username=username))
    client.cookies["anhuan-language"] = language
    return client


def words(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def a_paper() -> SimpleUploadedFile:
    return SimpleUploadedFile("receipt.pdf", b"%PDF-1.7 made up", content_type="text/html")


def taken(client: Client, **more: Any) -> Any:
    told = {
        "step": "dispute",
        "account": ["A2"],
        "kind": "fees",
        "came_by": "letter",
        "statement": "Charged twice.",
        "disputed": "12.00",
    }
    return client.post("/disputes/act/C1/", told | more, **HTMX)


def test_a_dispute_is_taken_on_the_card_with_its_papers_and_stands_there_with_its_day() -> None:
    lin = at_the_desk()
    assert "Nothing is disputed" in words(lin.get("/disputes/card/C1/", **HTMX))
    answer = taken(lin, evidence=[a_paper()])
    assert answer.status_code == 200
    assert "Interest or fees" in words(answer)
    assert "2026-12-07" in words(answer)
    one = Dispute.objects.get()
    assert (one.kind, one.accounts, one.disputed_minor, one.came_by, one.opened_by) == ("fees", ["A2"], 1_200, "letter", "lin")
    assert Evidence.objects.get().media == "application/pdf"  # by what it holds, not by what it was called
    assert Hold.objects.get(pk=one.hold_id).ends is None


def test_what_cannot_be_taken_is_said_in_place() -> None:
    lin = at_the_desk()
    for more, said in (
        ({"account": []}, "Choose the accounts"),
        ({"disputed": "12x"}, "An amount is a number"),
        ({"received_on": "2026-11-21"}, "received today at the latest"),
        ({"evidence": [SimpleUploadedFile("a.pdf", b"MZ")]}, "PDF, PNG or JPEG"),
        ({"evidence": [SimpleUploadedFile("a.pdf", b"%PDF-" + b"0" * (evidence.MOST_BYTES + 2**21))]}, "larger than 10 MB"),
    ):
        answer = taken(lin, **more)
        assert (answer.status_code, answer["HX-Retarget"]) == (422, "#matter-faults")
        assert said in words(answer)
    assert not Dispute.objects.exists()


def test_a_dispute_goes_its_way_on_its_page_and_only_by_who_may() -> None:
    lin, wang = at_the_desk(), at_the_desk("wang")
    taken(lin)
    one = Dispute.objects.get()
    page, act = f"/disputes/{one.pk}/", f"/disputes/{one.pk}/act/"
    assert "Charged twice." in words(lin.get(page))
    assert Viewing.objects.filter(customer_id="C1", by="lin", reason="dispute").exists()
    assert 'value="decide"' not in lin.get(page).content.decode()
    assert "may not do this" in words(lin.post(act, {"step": "decide", "outcome": "rejected", "reason": "x"}, **HTMX))
    decided = wang.post(act, {"step": "decide", "outcome": "upheld", "reason": "Posted twice indeed"}, **HTMX)
    assert "Upheld" in words(decided)
    assert "Answer by letter" in words(lin.get(page))
    assert lin.post(act, {"step": "nothing"}, **HTMX).status_code == 404
    assert "cannot be done" in words(lin.post(act, {"step": "withdraw", "reason": "x"}, **HTMX))
    again = lin.post(act, {"step": "reopen", "statement": "There is more"}, **HTMX)
    assert "Being checked" in words(again)


def test_who_only_reads_sees_a_dispute_and_changes_nothing() -> None:
    taken(at_the_desk(), evidence=[a_paper()])
    one, paper = Dispute.objects.get(), Evidence.objects.get()
    for reader in (at_the_desk("ops"), at_the_desk("aud")):
        assert reader.get(f"/disputes/{one.pk}/").status_code == 200
        for address in (
            "/disputes/act/C1/",
            f"/disputes/{one.pk}/act/",
            f"/disputes/evidence/{paper.pk}/",
            f"/disputes/{one.pk}/letter.pdf",
        ):
            assert reader.post(address, {"step": "dispute"}).status_code == 403


def test_a_paper_comes_out_as_a_file_by_the_body_alone_and_the_look_is_kept() -> None:
    lin = at_the_desk()
    taken(lin, evidence=[a_paper()])
    paper = Evidence.objects.get()
    assert lin.get(f"/disputes/evidence/{paper.pk}/").status_code == 405
    answer = lin.post(f"/disputes/evidence/{paper.pk}/")
    assert (answer.content, answer["Content-Type"]) == (b"%PDF-1.7 made up", "application/pdf")
    assert answer["Content-Disposition"].startswith("attachment")
    assert "receipt" not in answer["Content-Disposition"]
    assert Viewing.objects.filter(by="lin", reason="evidence", clear=True).exists()


def test_a_forged_request_hands_in_nothing() -> None:
    forged = at_the_desk(enforce_csrf_checks=True)
    assert taken(forged, evidence=[a_paper()]).status_code == 403
    assert not Dispute.objects.exists()


def test_hardship_is_taken_decided_and_illness_is_offered_only_with_her_consent() -> None:
    lin, wang = at_the_desk(), at_the_desk("wang")
    assert 'value="illness"' not in lin.get("/disputes/card/C1/").content.decode()
    consent.give("C1", [Covers.SENSITIVE_NOTE], at=MORNING, by="lin")
    assert 'value="illness"' in lin.get("/disputes/card/C1/").content.decode()
    told = {"step": "hardship", "kind": "illness", "statement": "In hospital", "sensitive_note": "Please write, do not call"}
    assert lin.post("/disputes/act/C1/", told, **HTMX).status_code == 200
    one = Hardship.objects.get()
    act = f"/disputes/hardship/{one.pk}/act/"
    yes = wang.post(act, {"step": "decide", "accepted": "yes", "reason": "Proof seen", "review_on": "2027-01-15"}, **HTMX)
    assert "2027-01-15" in words(yes)
    NOW[0] += timedelta(minutes=1)
    consent.revoke("C1", [Covers.SENSITIVE_NOTE], at=NOW[0], by="lin")
    NOW[0] += timedelta(minutes=1)
    assert "Illness" not in words(wang.get(f"/disputes/hardship/{one.pk}/"))
    assert "Over" in words(wang.post(act, {"step": "end", "why": "agreed", "reason": "A plan was made"}, **HTMX))


def test_the_list_puts_what_is_late_first_is_narrowed_and_goes_out_as_a_file() -> None:
    for kind, day in (("amount", 20), ("paid", 2)):
        made = dispute.register(
            "C1",
            kind=kind,
            account_ids=["A1"],
            statement="x",
            received_on=MORNING.date().replace(day=day),
            at=MORNING,
            by="lin",
        )
        assert isinstance(made, Dispute)
    NOW[0] = MORNING
    lin = at_the_desk()
    text = words(lin.get("/disputes/"))
    assert text.index("Already paid") < text.index("2026-12-07")
    assert "1 is past its day" in text
    late = words(lin.get("/disputes/?late=1"))
    assert "2026-11-17" in late
    assert "2026-12-07" not in late
    assert "Nothing matches." in words(lin.get("/disputes/?state=closed&kind=fees"))
    rows = b"".join(lin.get("/exports/disputes.csv?kind=paid").streaming_content).decode("utf-8-sig").splitlines()
    assert (len(rows), rows[0].split(",")[:3]) == (2, ["dispute_id", "customer_id", "kind"])
    assert lin.get("/disputes/?of=hardship").status_code == 200


def test_every_page_speaks_chinese() -> None:
    lin = at_the_desk(language="zh-hans")
    taken(lin, evidence=[a_paper()])
    one = Dispute.objects.get()
    for address in ("/disputes/card/C1/", "/disputes/", "/disputes/?of=hardship", f"/disputes/{one.pk}/"):
        assert "异议" in lin.get(address).content.decode()
