"""The case page and the call by the test client: refusal with its clause, no figure before the identity, drafts, the wrap-up in place."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from tests.channels.test_softphone import Double
from tests.flows import outgoing
from tests.records import desk

from anhuan import clock
from anhuan.acts import worklist
from anhuan.records.call import Call
from anhuan.records.contact import Contact
from anhuan.records.customer import ContactPoint
from anhuan.records.events import Event
from anhuan.records.hold import Hold
from anhuan.records.note import Note
from anhuan.records.promise import Promise
from anhuan.records.staff import Staff, Team
from anhuan.records.worklist import WorkItem

pytestmark = pytest.mark.django_db
WHO = "C00000001"
DAY = datetime(2026, 11, 23, 2, 5, tzinfo=UTC)
NIGHT = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
RIGHT = {"answer-birth_day": "0101", "answer-card_tail": "0001", "answer-name": "测试1", "answer-id_tail": "0000"}
EVERY = ["recorded", "who_calls", "creditor", "what_is_owed", "consequences", "rights"]
DEBT = re.compile(r"325|欠|逾期|还款额|账单|debt|overdue|past due|owed|amount|balance|CNY", re.IGNORECASE)
FRAME = re.compile(
    r"<aside.*?</aside>|<header class=\"topbar\".*?</header>|<dialog.*?</dialog>|<script.*?</script>|<[^>]*>", re.DOTALL
)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> dict[str, datetime]:
    told = {"now": DAY}
    monkeypatch.setattr(clock, "now", lambda: told["now"])
    return told


@pytest.fixture
def client(client: Client, at: dict[str, datetime], settings: Any, tmp_path: Any) -> Client:
    settings.ANHUAN_HOME = tmp_path
    outgoing.customer(1)
    client.force_login(Staff.objects.create(username="coll", role="collector"))
    desk.opened_to("coll", customer_id=WHO)
    client.cookies["anhuan-language"] = "en"
    return client


def point() -> str:
    return str(ContactPoint.objects.get(customer_id=WHO).point_id)


def begun(client: Client) -> Call:
    answer = client.post(f"/call/begin/{WHO}/", {"point": point(), "way": "by_hand"})
    assert answer.status_code == 302, answer.content.decode()[:2000]
    return Call.objects.get(closed_at=None)


def shown(answer: Any) -> str:
    """The words of a page, less what stands around every page."""
    return " ".join(FRAME.sub(" ", answer.content.decode()).split())


def test_the_case_page_is_one_screen_with_budget_timeline_and_what_stands(client: Client) -> None:
    page = client.get(f"/cases/{WHO}/").content.decode()
    for part in ('id="strip"', 'data-channel="call" data-permitted="yes"', 'data-left="3"', 'id="timeline-lines"', 'id="standing"',
                 'id="palette"', 'data-key="c"', 'id="note-form"', 'id="case-verified"'):  # fmt: skip
        assert part in page, part
    assert outgoing.mobile(1) not in page
    assert "测试1" not in page


def test_a_refused_call_tells_the_clause_and_when_it_opens(client: Client, at: dict[str, datetime]) -> None:
    at["now"] = NIGHT
    answer = client.post(f"/call/begin/{WHO}/", {"point": point(), "way": "by_hand"}, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    told = answer.content.decode()
    assert 'data-rule="cn.quiet_hours' in told
    assert "GB/T 45251" in told or "CBA" in told
    assert "from 08:00 tomorrow" in told
    assert not Call.objects.exists()
    assert outgoing.mobile(1) not in told


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_before_the_identity_is_checked_no_figure_and_no_word_of_debt_is_shown(client: Client, language: str) -> None:
    client.cookies["anhuan-language"] = language
    call = begun(client)
    page = client.get(f"/call/{call.call_id}/")
    words = shown(page)
    assert not DEBT.search(words), DEBT.search(words)
    assert 'id="call-owed"' not in page.content.decode()
    assert outgoing.mobile(1) in page.content.decode()
    assert 'data-digit="1"' not in page.content.decode()
    assert 'id="said-recorded"' in page.content.decode()


def test_figures_come_with_the_passed_check_and_the_answers_go_nowhere(client: Client) -> None:
    call = begun(client)
    wrong = client.post(f"/call/{call.call_id}/identity/", dict.fromkeys(RIGHT, "9999"))
    assert 'data-left="1"' in wrong.content.decode()
    assert "325.06" not in wrong.content.decode()
    passed = client.post(f"/call/{call.call_id}/identity/", RIGHT)
    page = passed.content.decode()
    assert 'data-verified="yes"' in page
    assert "325.06" in page
    assert 'data-digit="1"' in page
    assert 'id="said-consequences"' in page
    assert "0101" not in page


def test_a_result_brings_its_fields_filled_in_and_two_keys_end_the_call(client: Client) -> None:
    call = begun(client)
    client.post(f"/call/{call.call_id}/identity/", RIGHT)
    part = client.get(f"/call/{call.call_id}/result/", {"result": "PTP"}).content.decode()
    assert 'value="325.06"' in part
    assert 'value="2026-11-26"' in part
    assert 'value="follow_up" selected' in part
    answer = client.post(f"/call/{call.call_id}/finish/", {"result": "PTP", "said": EVERY}, headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == f"/call/{call.call_id}/"
    assert Promise.objects.get().amount_minor == 32506
    closed = client.get(f"/call/{call.call_id}/").content.decode()
    assert 'data-result="PTP"' in closed
    timeline = client.get(f"/timeline/{WHO}/", {"kind": "contact"}).content.decode()
    assert "PTP Promises to pay" in timeline
    assert "identity checked at" in client.get(f"/cases/{WHO}/").content.decode()


def test_a_choice_without_a_default_is_asked_for_by_digit(client: Client) -> None:
    call = begun(client)
    client.post(f"/call/{call.call_id}/identity/", RIGHT)
    part = client.get(f"/call/{call.call_id}/result/", {"result": "DIS"}).content.decode()
    assert "data-choice-open" in part
    assert 'data-choice-digit="1"' in part
    refused = client.post(f"/call/{call.call_id}/finish/", {"result": "DIS", "said": EVERY}, headers={"HX-Request": "true"})
    assert refused.status_code == 422
    assert 'data-field="dispute_kind" data-fault="field_missing"' in refused.content.decode()


def test_a_statement_left_out_is_asked_for_with_a_reason_for_it_or_for_all(client: Client) -> None:
    call = begun(client)
    client.post(f"/call/{call.call_id}/identity/", RIGHT)
    finish, htmx = f"/call/{call.call_id}/finish/", {"HX-Request": "true"}
    refused = client.post(finish, {"result": "INF", "said": EVERY[:4], "unsaid-rights": "declined"}, headers=htmx)
    told = refused.content.decode()
    assert refused.status_code == 422
    assert 'data-field="said-consequences" data-fault="statement_unsaid"' in told
    assert re.search(r'id="unsaid-rights".*?value="declined" selected', told)
    assert 'id="unsaid-rest"' in told
    done = client.post(finish, {"result": "INF", "said": EVERY[:4], "unsaid-rest": "hung_up"}, headers=htmx)
    assert "HX-Redirect" in done.headers, done.content.decode()


def test_a_draft_is_there_again_after_a_reload(client: Client) -> None:
    call = begun(client)
    told = {"said": ["recorded"], "result": "CBK", "back_at": "2026-11-24T11:00", "note": "下午再打"}
    assert "data-saved" in client.post(f"/call/{call.call_id}/draft/", told).content.decode()
    page = client.get(f"/call/{call.call_id}/").content.decode()
    assert re.search(r'id="said-recorded" checked', page)
    assert re.search(r'id="result-CBK"[^>]*checked', page)
    assert 'value="2026-11-24T11:00"' in page
    assert "下午再打" in page
    assert client.get("/call/").headers["Location"] == f"/call/{call.call_id}/"


def test_the_note_is_screened_as_it_is_written(client: Client) -> None:
    call = begun(client)
    part = client.post(f"/call/{call.call_id}/note/", {"note": "这个老赖电话13912345678"}).content.decode()
    assert 'data-must-change="yes"' in part
    assert '<mark lang="mul">13912345678</mark>' in part
    part = client.post(f"/call/{call.call_id}/note/", {"note": "其母亲在工厂上班"}).content.decode()
    assert 'id="kept-for"' in part


def test_another_collectors_open_call_is_not_shown(client: Client) -> None:
    call = begun(client)
    other = Client()
    other.force_login(Staff.objects.create(username="other", role="collector"))
    desk.opened_to("other", customer_id=WHO)
    assert other.get(f"/call/{call.call_id}/").status_code == 403
    reader = Client()
    reader.force_login(Staff.objects.create(username="reader", role="auditor"))
    assert reader.post(f"/call/begin/{WHO}/", {"point": point()}).status_code == 403
    assert 'id="note-form"' not in reader.get(f"/cases/{WHO}/").content.decode()


def test_a_call_to_somebody_else_is_led_without_a_word_of_the_debt(client: Client) -> None:
    from tests.records import test_calls

    relative = test_calls.relative()
    Contact.objects.count()
    for number in range(3):  # the customer is lost: three calls in a row found nobody, on an earlier day
        begin = datetime(2026, 11, 19 + number, 2, 0, tzinfo=UTC)
        desk.run(
            "INSERT INTO records_contact (contact_id, customer_id, channel, direction, party, person_id, purpose, actor, automated, debts,"
            " origin, state, line_result, outcome, started_at, recorded_at, closed_at, proof, by, point_kind)"
            " VALUES (gen_random_uuid(), %s, 'call', 'outbound', 'debtor', '', 'collect', 'bank', false, '{}', 'imported', 'completed',"
            " 'invalid_number', '', %s, %s, %s, '', 'x', 'mobile')",
            WHO, begin, begin, begin,
        )  # fmt: skip
    answer = client.post(f"/call/begin/{WHO}/", {"point": str(relative), "way": "by_hand"})
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    call = Call.objects.get(closed_at=None)
    page = client.get(f"/call/{call.call_id}/")
    assert 'id="identity"' not in page.content.decode()
    assert 'id="said-no_debt_told"' in page.content.decode()
    words = shown(page)
    assert not DEBT.search(words), DEBT.search(words)
    done = client.post(f"/call/{call.call_id}/finish/", {"other": "NCT"}, headers={"HX-Request": "true"})
    assert "HX-Redirect" in done.headers, done.content.decode()
    assert client.post(f"/call/begin/{WHO}/", {"point": str(relative)}).status_code == 422


def test_a_note_of_the_case_is_kept_and_read_in_the_timeline(client: Client) -> None:
    assert client.post(f"/note/{WHO}/", {"note": "13912345678"}).status_code == 422
    assert client.post(f"/note/{WHO}/", {"note": "客户称月底发工资"}).status_code == 200
    assert Note.objects.get().kind == "case"
    assert "客户称月底发工资" in client.get(f"/timeline/{WHO}/").content.decode()
    assert "客户称月底发工资" not in client.get(f"/timeline/{WHO}/", {"kind": "payment"}).content.decode()


def test_who_has_a_softphone_and_no_extension_is_asked_for_it(client: Client, settings: Any) -> None:
    home = settings.ANHUAN_HOME
    (home / "password").write_text("secret")
    (home / "telephone.yaml").write_text("url: http://127.0.0.1:9/ari\nuser: u\npassword_file: password\ncontext: out\n")
    assert 'id="extension-number"' in client.get(f"/cases/{WHO}/").content.decode()
    assert client.post("/call/telephone/", {"extension": "20 01"}).status_code == 422
    assert client.post("/call/telephone/", {"extension": "2001"}).status_code == 200
    page = client.get(f"/cases/{WHO}/").content.decode()
    assert 'id="extension-number"' not in page
    assert 'name="way" value="softphone"' in page


def test_how_the_exchange_says_the_line_ended_is_shown_and_the_wrap_up_begins_with_it(client: Client, settings: Any) -> None:
    double, home = Double(), settings.ANHUAN_HOME
    (home / "password").write_text("secret")
    (home / "telephone.yaml").write_text(f"url: {double.url}\nuser: u\npassword_file: password\ncontext: out\ntells: anhuan\n")
    client.post("/call/telephone/", {"extension": "100"})
    answer = client.post(f"/call/begin/{WHO}/", {"point": point(), "way": "softphone"})
    call = Call.objects.get(closed_at=None)
    assert double.asked[0]["extension"] == [outgoing.mobile(1).removeprefix("+")]
    assert f'hx-get="/call/{call.pk}/line/"' in client.get(answer.headers["Location"]).content.decode()

    def line(told: str) -> tuple[int, str]:
        double.told[str(call.pk)] = told
        answer = client.get(f"/call/{call.pk}/line/")
        return answer.status_code, shown(answer)

    assert line("dialling") == (200, "")
    status, said = line("")
    assert status == 286  # asks no more
    assert "not picked up" in said
    assert line("CONGESTION:21:") == (286, "The exchange says: no answer. q850:21")
    result = client.get(f"/call/{call.pk}/result/", {"result": "NOA"}).content.decode()
    assert '<option value="RJ" selected>' in result
    double.close()


def test_she_calls_and_is_led_through_the_same_screen(client: Client) -> None:
    answer = client.post(f"/call/receive/{WHO}/")
    assert answer.status_code == 302
    call = Call.objects.get()
    page = client.get(answer.headers["Location"]).content.decode()
    assert 'id="identity"' in page
    assert outgoing.mobile(1) not in page
    client.post(f"/call/{call.call_id}/identity/", RIGHT)
    client.post(f"/call/{call.call_id}/finish/", {"result": "UTP", "said": EVERY})
    assert Contact.objects.get().direction == "inbound"


def test_collection_is_stopped_by_hand_and_let_go_on_by_another_who_may_decide(client: Client) -> None:
    act, told = f"/hold/{WHO}/", {"step": "stop", "kind": "payment_check", "words": "客户称昨日已还", "review_on": "2026-11-26"}
    assert 'data-code="HO"' in client.get(f"/cases/{WHO}/").content.decode()
    refused = client.post(act, told | {"words": "", "until": "2026-11-20"})
    assert refused.status_code == 422
    assert 'data-field="until" data-fault="day_unfit"' in refused.content.decode()
    assert client.post(act, told | {"kind": "fraud"}).status_code == 422
    assert client.post(act, told | {"words": "13912345678"}).status_code == 422
    assert not Hold.objects.exists()
    assert 'data-hold="payment_check"' in client.post(act, told).content.decode()
    hold = Hold.objects.get()
    assert (hold.reason, hold.ends, WorkItem.objects.get(pk=WHO).follow_up_why) == ("by_hand", None, "hold_review")
    assert 'data-permitted="yes"' not in client.get(f"/cases/{WHO}/").content.decode()
    lift = {"step": "lift", "hold": str(hold.hold_id), "words": "已核实到账"}
    assert client.post(act, lift).status_code == 403
    decider = Client()
    decider.force_login(Staff.objects.create(username="decider", role="compliance"))
    assert decider.post(act, lift).status_code == 200
    hold.refresh_from_db()
    assert (hold.ended_by, hold.ends) == ("decider", DAY)
    assert list(Note.objects.order_by("at").values_list("kind", flat=True)) == ["case", "case"]


def test_a_complaint_taken_by_hand_stops_collection_and_goes_to_those_who_answer_it(client: Client) -> None:
    answer = client.post(f"/hold/{WHO}/", {"step": "complaint", "came_by": "letter", "words": "投诉催收太频繁"})
    assert answer.status_code == 200
    assert (Hold.objects.get().kind, Hold.objects.get().reason) == ("complaint", "complaint_letter")
    assert (WorkItem.objects.get(pk=WHO).queue, WorkItem.objects.get(pk=WHO).reason) == ("complaints", "transferred")
    assert "频繁" not in str(list(Event.objects.values_list("body", flat=True)))
    refused = client.post(f"/call/begin/{WHO}/", {"point": point(), "way": "by_hand"})
    assert refused.status_code == 422
    assert 'data-rule="cn.hold' in refused.content.decode()


def test_a_case_that_a_wrap_up_hands_to_others_still_shows_what_the_call_came_to(client: Client) -> None:
    team = Team.objects.create(name="phone", queues=["desk"])
    worklist.transfer(WHO, queue="desk", why="other", by="coll", at=DAY)
    wei = Client()
    wei.force_login(Staff.objects.create(username="wei", role="collector", team=team))
    assert worklist.take("wei", at=DAY)
    call = begun(wei)
    assert wei.post(f"/call/{call.call_id}/finish/", {"result": "LNG"}).status_code == 302
    assert WorkItem.objects.get(pk=WHO).queue == "senior"
    page = wei.get(f"/call/{call.call_id}/")
    assert page.status_code == 200
    assert 'data-result="LNG"' in page.content.decode()
    assert 'id="call-case"' not in page.content.decode()
    assert wei.get(f"/cases/{WHO}/").status_code == 404
