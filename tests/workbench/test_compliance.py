"""The gate on the page of a case and the pages of compliance, by what the server answers."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from tests.records import desk
from tests.records.desk import BY, MORNING

from anhuan import clock
from anhuan.acts import desk as desks
from anhuan.acts import dispatch, hold, law
from anhuan.core.vocabulary import Channel, HoldKind, LineResult, Outcome
from anhuan.records import conduct
from anhuan.records.agency import Agency
from anhuan.records.staff import Staff
from anhuan.workbench import gate

pytestmark = pytest.mark.django_db

NIGHT = MORNING + timedelta(hours=13)


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> Path:
    settings.ANHUAN_HOME = tmp_path
    return tmp_path


@pytest.fixture(autouse=True)
def nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The customers of these tests have no sealed data; their points are shown by nothing."""
    monkeypatch.setattr("anhuan.records.identity.masked", lambda _id, **_known: None)
    monkeypatch.setattr("anhuan.records.identity.masked_names", lambda _ids: {})


@pytest.fixture
def reader(client: Client) -> Client:
    client.force_login(Staff.objects.create(username="reader", role="auditor"))
    client.cookies["anhuan-language"] = "en"
    return client


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Any:
    def at(instant: datetime) -> None:
        monkeypatch.setattr(clock, "now", lambda: instant)

    at(MORNING)
    return at


def contact(
    channel: Channel = Channel.CALL, *, at: datetime = MORNING, line: LineResult | None = LineResult.CONNECTED,
    outcome: Outcome | None = Outcome.EFFECTIVE_CONVERSATION, case: str = "C1",
) -> Any:  # fmt: skip
    judged = law.in_force(at)
    attempt = next(a for a, _ in desks.previews(case, law=judged, at=at) if a.channel is channel)
    answer = dispatch.start(case, replace(attempt, id=f"{case}{channel}{at}"), law=judged, at=at, by=BY)
    if isinstance(answer, dispatch.Started) and (line or channel is not Channel.CALL):
        result = {"line_result": line, "outcome": outcome} if channel is Channel.CALL else {}
        assert not dispatch.complete(answer.contact_id, at=at, by=BY, **result)
    return answer


def text(page: Any) -> str:
    """The words of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).split())


# --- The panel ------------------------------------------------------------------------------------------------------


def test_the_page_of_a_case_asks_for_the_panel_after_it_is_there(reader: Client, at: Any) -> None:
    desk.customer()
    page = reader.get("/cases/C1/").content.decode()
    assert 'hx-get="/gate/C1/"' in page
    assert 'hx-trigger="load"' in page
    assert "data-verdict" not in page


def test_in_the_morning_every_button_of_the_debtor_is_green(reader: Client, at: Any) -> None:
    desk.customer()
    desk.point(value="mail", kind="email", place="home")
    desk.point(value="home", kind="address", place="home")
    page = reader.get("/gate/C1/", headers={"HX-Request": "true"}).content.decode()
    channels = re.findall(r'data-channel="(\w+)" data-verdict="(\w+)"', page)
    assert channels == [(channel, "permit") for channel in ("call", "sms", "email", "letter", "visit")]
    assert "<html" not in page


def test_at_night_they_are_red_with_sentence_clause_force_and_when_they_open(reader: Client, at: Any) -> None:
    desk.customer()
    at(NIGHT)
    page = reader.get("/gate/C1/", headers={"HX-Request": "true"})
    assert 'data-verdict="refuse"' in page.content.decode()
    assert "from 08:00 tomorrow" in text(page)
    assert "from 22:00 to 08:00" in text(page)
    assert "self-regulation" in text(page)
    assert text(page).count("from 22:00 to 08:00") == 1, "buttons with one answer stand together"


def test_a_third_person_can_only_be_asked_where_the_debtor_is(reader: Client, at: Any) -> None:
    desk.customer()
    desk.point(value="friend", party="colleague", person_id="P1")
    desk.point(value="guarantor", party="guarantor", person_id="P2")
    page = reader.get("/gate/C1/", headers={"HX-Request": "true"}).content.decode()
    collecting, asking = page.split("Other people, to be asked")
    assert "Guarantor ·" in collecting
    assert "Colleague ·" in asking
    assert asking.count("data-verdict") == 1
    assert "before the debtor is lost" in asking


def test_the_panel_speaks_the_readers_language(reader: Client, at: Any) -> None:
    desk.customer()
    at(NIGHT)
    reader.cookies["anhuan-language"] = "zh-hans"
    told = text(reader.get("/gate/C1/", headers={"HX-Request": "true"}))
    assert "明日 08:00 起" in told
    assert "不得以任何方式催收" in told
    assert "Without the debtor" not in told


def test_without_htmx_the_panel_is_a_page(reader: Client, at: Any) -> None:
    desk.customer()
    page = reader.get("/gate/C1/").content.decode()
    assert "<html" in page
    assert 'id="explanation"' in page


def test_one_case_is_judged_within_fifty_milliseconds(reader: Client, at: Any) -> None:
    desk.customer()
    for number in range(4):
        desk.point(value=f"friend{number}", party="colleague", person_id=f"P{number}")
        contact(Channel.SMS, at=MORNING - timedelta(days=1 + number))
    reader.get("/gate/C1/", headers={"HX-Request": "true"})
    spent = []
    for _ in range(7):
        begun = perf_counter()
        gate.answers("C1", law.in_force(MORNING), MORNING)
        spent.append(perf_counter() - begun)
    assert min(spent) < 0.05


def test_an_explanation_tells_all_reasons_values_law_and_how_it_would_be_made(reader: Client, at: Any) -> None:
    mobile = desk.customer()
    at(NIGHT)
    hold.place("C1", HoldKind.DISPUTE, law=law.in_force(NIGHT), at=NIGHT, by=BY)
    page = reader.get("/explanation/C1/", {"channel": "call", "point": str(mobile)}, headers={"HX-Request": "true"})
    told = text(page)
    for words in ("for 2 reasons", "cn.quiet_hours", "cn.hold_dispute", "local_time", "recorded : yes", "Nothing was sent"):
        assert words.replace(" :", ":") in told or words in told, words
    assert law.in_force(NIGHT).fingerprint in page.content.decode()
    assert "Nobody can say from when on" in told


def test_an_explanation_of_nonsense_says_what_is_wrong(reader: Client, at: Any) -> None:
    desk.customer()
    page = reader.get("/explanation/C1/", {"channel": "smoke"})
    assert page.status_code == 200
    assert "This contact cannot be judged" in text(page)


def test_rules_of_the_bank_that_cannot_be_read_permit_nothing(reader: Client, at: Any, home: Path) -> None:
    desk.customer()
    (home / "house.yaml").write_text("bank: b\nloosen: all\n")
    for address in (
        "/gate/C1/",
        "/explanation/C1/?channel=call",
        "/compliance/",
        "/compliance/rulebook/",
    ):
        page, part = reader.get(address), reader.get(address, headers={"HX-Request": "true"})
        assert (page.status_code, part.status_code) == (503, 200), address
        for answer in (page, part):
            assert "house.yaml:2" in text(answer), address
            assert "data-verdict" not in answer.content.decode()


@pytest.mark.parametrize(
    ("hours", "said"), [(1, "from 11:00 today"), (15, "from 01:00 tomorrow"), (50, "from 12:00 on 2026-11-22")]
)
def test_when_it_opens_is_said_as_people_say_it(hours: int, said: str) -> None:
    with translation.override("en"):
        assert gate.opens(MORNING + timedelta(hours=hours), MORNING) == said
        assert not gate.opens(None, MORNING)


@pytest.mark.parametrize("address", ["/gate/C9/", "/explanation/C9/?channel=call"])
def test_a_case_nobody_knows_is_not_found(reader: Client, at: Any, address: str) -> None:
    assert reader.get(address).status_code == 404


# --- What was done --------------------------------------------------------------------------------------------------


def test_contacts_refusals_and_holds_stand_on_the_page_of_the_case(reader: Client, at: Any) -> None:
    desk.customer()
    contact()
    contact(at=NIGHT)
    hold.place("C1", HoldKind.COMPLAINT, law=law.in_force(NIGHT), at=NIGHT, by=BY)
    dispatch.record_inbound("C1", channel=Channel.CALL, started_at=NIGHT, outcome=Outcome.CONVERSATION, at=NIGHT, by=BY)
    at(NIGHT + timedelta(hours=1))
    told = text(reader.get("/cases/C1/"))
    assert "Complaint stopped since 2026-11-20 23:00" in told
    assert "connected · conversation, demand understood" in told
    assert "Refusal Call · Cardholder" in told
    assert "no collection of any kind takes place from 22:00 to 08:00" in told
    chain = text(reader.get("/events/C1/"))
    assert "Call begun, to: Cardholder (to collect)" in chain
    assert "Call from: Cardholder." in chain


def test_the_command_line_tells_them_too(at: Any) -> None:
    from anhuan.records import access

    desk.customer()
    contact()
    contact(at=NIGHT)
    hold.place("C1", HoldKind.COMPLAINT, law=law.in_force(NIGHT), evidence="drawer 4", at=NIGHT, by=BY)
    document = access.case_document("C1")
    assert document
    assert [each["state"] for each in document["contacts"]] == ["completed"]
    assert [each["reasons"][0]["rule"] for each in document["refusals"]] == ["cn.quiet_hours"]
    assert [each["kind"] for each in document["holds"]] == ["complaint"]
    assert "drawer 4" not in str(document)


# --- Compliance -----------------------------------------------------------------------------------------------------


def test_who_may_not_see_cases_sees_none_of_it(client: Client, at: Any) -> None:
    client.force_login(Staff.objects.create(username="guest", role="nobody"))
    for address in ("/compliance/", "/compliance/rulebook/", "/compliance/replay/", "/gate/C1/", "/compliance/refusals.csv"):
        assert client.get(address).status_code == 403


def test_an_empty_house_says_what_will_stand_here(reader: Client, at: Any) -> None:
    told = text(reader.get("/compliance/"))
    assert "The gate has not been asked yet" in told
    assert "Nothing was refused in this period" in told
    assert "Nobody has used half of a cap" in told
    assert "Nothing is on hold" in told
    assert "Choose dates and a law" in text(reader.get("/compliance/replay/"))


def test_refusals_are_counted_by_rule_and_opened_to_their_cases(reader: Client, at: Any) -> None:
    for case in ("C1", "C2"):
        desk.customer(case, cards=(f"A{case}",))
        contact(at=NIGHT, case=case)
    contact(at=NIGHT + timedelta(minutes=1), case="C2")
    at(NIGHT + timedelta(hours=1))
    page = reader.get("/compliance/")
    assert re.search(r"Quiet hours .* 3 2 2026-11-20 23:01", text(page))
    opened = reader.get("/compliance/?rule=cn.quiet_hours").content.decode()
    assert opened.count('<a href="/cases/C2/">') == 2
    assert opened.count('<a href="/cases/C1/">') == 1
    assert "Nothing was refused" in text(reader.get("/compliance/?from=2026-11-01&to=2026-11-10"))


def test_a_long_list_of_refusals_goes_on_where_it_ended(reader: Client, at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anhuan.workbench.compliance.SHOWN", 2)
    desk.customer()
    for minute in range(5):
        contact(at=NIGHT + timedelta(minutes=minute))
    at(NIGHT + timedelta(minutes=9))
    seen: list[str] = []
    address = "/compliance/?rule=cn.quiet_hours"
    while address:
        page = reader.get(address).content.decode()
        seen += re.findall(r'<td class="day">2026-11-20 (23:\d\d)</td><td>', page)
        following = re.search(r'rel="next" href="([^"#]+)', page)
        address = "/compliance/" + following[1].replace("&amp;", "&") if following else ""
    assert seen == ["23:04", "23:03", "23:02", "23:01", "23:00"]


def test_a_budget_counts_as_the_gate_counts(reader: Client, at: Any) -> None:
    mobile = desk.customer()
    for minutes in (0, 5):
        contact(at=MORNING + timedelta(minutes=minutes))
    contact(at=MORNING + timedelta(minutes=10), line=LineResult.BUSY, outcome=None)
    contact(at=MORNING + timedelta(minutes=20), line=None)  # under way: it counts as whatever would count
    now = MORNING + timedelta(hours=1)
    used = {
        b.rule.id: (b.count, b.limit, b.point_id)
        for b in conduct.budgets(law.in_force(now), at=now, zone="Asia/Shanghai", least=0.01)
    }
    assert used == {"cn.talks_per_day": (3, 3, None), "cn.unanswered_per_number": (2, 6, str(mobile))}
    at(now)
    refused = contact(at=now)
    assert [reason.rule.id for reason in refused.verdict.reasons] == ["cn.talks_per_day"]
    assert refused.verdict.reasons[0].ground.seen["count"] == 3
    assert "C1 Frequency of conversations cn.talks_per_day Cardholder 3 / 3" in text(reader.get("/compliance/"))
    tomorrow = now + timedelta(days=1)
    assert not conduct.budgets(law.in_force(tomorrow), at=tomorrow, zone="Asia/Shanghai", least=0.01)


def test_void_contacts_and_seats_that_ran_out_use_no_budget(at: Any) -> None:
    desk.customer(placed="x")
    voided = contact(line=None)
    dispatch.void(voided.contact_id, proof="line_rejected", at=MORNING, by=BY)
    agency = Agency(agency_id="x", placed_as="x", listed=True)
    mobile = next(a.point for a, _ in desks.previews("C1", law=law.in_force(MORNING), at=MORNING))
    seat = dispatch.permit_for_agency(
        agency, "C1", desk.attempt(mobile), law=desk.LAW, at=MORNING, valid_for=timedelta(minutes=5), by=BY
    )  # fmt: skip
    assert isinstance(seat, dispatch.Started)

    def counted(minutes: int) -> int:
        now = MORNING + timedelta(minutes=minutes)
        return sum(b.count for b in conduct.budgets(law.in_force(now), at=now, zone="Asia/Shanghai", least=0.01))

    assert counted(4) == 2, "one of each cap"
    assert counted(6) == 0


def test_holds_are_counted_by_kind_with_those_of_the_banks_files(reader: Client, at: Any) -> None:
    desk.customer()
    desk.customer("C2", cards=(), flags=("bankrupt",))
    desk.account("A2", "C2", block_code="fraud")
    hold.place("C1", HoldKind.DISPUTE, law=law.in_force(MORNING), debts=["A1"], at=MORNING, by=BY)
    ended = hold.place("C1", HoldKind.PLAN, law=law.in_force(MORNING), at=MORNING - timedelta(days=1), by=BY)
    hold.end(ended.hold_id, at=MORNING, by=BY)
    rows = {row["kind"]: (row["number"], row["cases"], row["delivered"]) for row in conduct.holds_by_kind(MORNING)}
    assert rows == {"dispute": (1, 1, 0), "fraud": (0, 0, 1), "bankruptcy": (0, 0, 1)}
    page = text(reader.get("/compliance/?hold=dispute"))
    assert "C1 2026-11-20 10:00 – A1" in page
    assert "Only the bank's files" in text(reader.get("/compliance/?hold=fraud")).replace("&#x27;", "'")


def test_every_table_comes_down_as_csv(reader: Client, at: Any) -> None:
    desk.customer()
    contact()
    contact(at=MORNING + timedelta(hours=1))
    contact(at=NIGHT)
    hold.place("C1", HoldKind.DISPUTE, law=law.in_force(MORNING), at=MORNING + timedelta(hours=2), by="=cmd()")
    at(MORNING + timedelta(hours=3))

    def table(address: str) -> list[dict[str, str]]:
        answer = reader.get(address)
        assert answer["Content-Disposition"].startswith("attachment")
        return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))

    assert [(row["rule"], row["number"]) for row in table("/compliance/refusals.csv")] == [("cn.quiet_hours", "1")]
    assert [row["case"] for row in table("/compliance/refusals.csv?rule=cn.quiet_hours")] == ["C1"]
    assert [(row["rule"], row["count"]) for row in table("/compliance/budgets.csv")] == [("cn.talks_per_day", "2")]
    assert [(row["kind"], row["by"]) for row in table("/compliance/holds.csv")] == [("dispute", "'=cmd()")]
    assert len(table("/compliance/rulebook.csv?q=quiet_hours")) == 1
    (row,) = table("/compliance/replay.csv?run=1&from=2026-11-20&to=2026-11-20&law=cn&as_of=2020-01-01") or [{}]
    assert row == {}


# --- The rulebook and the replay ------------------------------------------------------------------------------------


def test_the_rulebook_is_searched_in_both_languages(reader: Client, at: Any) -> None:
    for words in ("quiet_hours", "22:00", "不得以任何方式催收", "GB/T 45251"):
        page = reader.get("/compliance/rulebook/", {"q": words}).content.decode()
        assert 'id="cn.quiet_hours"' in page, words
    assert "No rule passes" in text(reader.get("/compliance/rulebook/", {"q": "xyzzy"}))
    narrowed = reader.get("/compliance/rulebook/", {"force": "binding", "ambiguous": "1"}).content.decode()
    assert 'id="cn.hold_dispute"' in narrowed
    assert 'id="cn.quiet_hours"' not in narrowed
    assert 'id="uk.' not in narrowed
    assert 'id="uk.' in reader.get("/compliance/rulebook/", {"law": "uk"}).content.decode()


def test_two_dates_are_compared_rule_by_rule(reader: Client, at: Any) -> None:
    page = text(reader.get("/compliance/rulebook/", {"on": "2026-11-20", "against": "2024-01-01", "q": "cn."}))
    assert "new cn.talks_per_day" in page
    assert "changed cn.content" in page
    assert "poses_as_bank" in page
    assert "Says." not in page
    same = text(reader.get("/compliance/rulebook/", {"on": "2026-11-20", "against": "2026-11-20"}))
    assert "0 rules differ" in same


def test_a_replay_on_the_page_names_cases_and_reasons(reader: Client, at: Any, home: Path) -> None:
    desk.customer()
    contact()
    contact(at=MORNING + timedelta(hours=1))
    (home / "house.yaml").write_text(
        "bank: b\nlaw: [cn, house]\ntighten:\n- {rule: cn.talks_per_day, in_force: 2026-06-01, value: {limit: 1}}\n"
    )
    page = reader.get(
        "/compliance/replay/", {"run": "1", "from": "2026-11-20", "to": "2026-11-20"}, headers={"HX-Request": "true"}
    )
    assert "<html" not in page.content.decode()
    assert "1 contact would have been refused" in text(page)
    assert "2 were judged under rules of the bank that have been edited since" in text(page)
    assert '<a href="/cases/C1/">' in page.content.decode()
    assert "At most 1 effective talks a day" in text(page)


def test_a_page_judges_so_many_contacts_and_says_how_to_judge_all(
    reader: Client, at: Any, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setattr("anhuan.workbench.rulebook.JUDGED", 1)
    desk.customer()
    contact()
    contact(at=MORNING + timedelta(hours=1))
    (home / "house.yaml").write_text(
        "bank: b\nlaw: [cn, house]\ntighten:\n- {rule: cn.talks_per_day, in_force: 2026-06-01, value: {limit: 1}}\n"
    )
    page = text(reader.get("/compliance/replay/", {"run": "1", "from": "2026-11-20", "to": "2026-11-20", "law": "cn"}))
    assert "1 of 2 contacts judged" in page
    assert "anhuan gate replay --from 2026-11-20 --to 2026-11-20 --law cn" in page
