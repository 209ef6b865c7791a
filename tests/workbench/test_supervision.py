"""The wall, the boards and the pages of quality checks, by what the server answers."""

from __future__ import annotations

import io
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pyarrow as pa
import pytest
from django.core.cache import cache
from django.test import Client
from tests.records import supervised
from tests.records.desk import MORNING
from tests.records.supervised import YESTERDAY

from anhuan import clock
from anhuan.acts import quality as acts
from anhuan.acts import staff
from anhuan.portfolio import snapshot
from anhuan.records import supervision
from anhuan.records.contact import Refusal
from anhuan.records.night import Night
from anhuan.records.quality import CoachingNote, QualityPick, QualityReview
from anhuan.records.sign_in import SignIn
from anhuan.records.staff import Staff, Team
from anhuan.records.worklist import WorkItem
from anhuan.workbench import boards, wall

pytestmark = pytest.mark.django_db
DAY = "2026-11-19"


@pytest.fixture(autouse=True)
def house(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Staff]:
    cache.clear()
    settings.ANHUAN_HOME = tmp_path
    monkeypatch.setattr(clock, "now", lambda: MORNING)
    supervised.customers()
    return supervised.people()


def signed_in(staff: Staff) -> Client:
    client = Client()
    client.force_login(staff)
    client.cookies["anhuan-language"] = "en"
    return client


def text(page: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).split())


def doing(house: dict[str, Staff], name: str) -> tuple[str, int]:
    on = wall.today(MORNING)
    told = supervision.doing([name], at=MORNING, start=on.start, idle=timedelta(minutes=15))[name]
    return told["state"], int((MORNING - told["since"]).total_seconds() // 60) if told["since"] else -1


def test_the_wall_tells_what_each_does_and_for_how_long(house: dict[str, Staff]) -> None:
    assert doing(house, "wang") == ("out", -1)
    ago = {n: MORNING - timedelta(minutes=n) for n in (1, 5, 30, 40)}
    SignIn.objects.create(staff=house["wang"], begun_at=ago[40], seen_at=ago[1], told_at=ago[40])
    assert doing(house, "wang") == ("idle", 40)
    supervised.call("C0", "wang", ago[30] - timedelta(minutes=3))
    assert doing(house, "wang") == ("idle", 30)
    WorkItem.objects.create(
        customer_id="C1", queue="desk", language="zh", state="open", reason="proposal", rank=1, since=ago[40], due_at=MORNING,
        leased_by="wang", lease=uuid4(), leased_at=ago[5], leased_until=MORNING + timedelta(minutes=15),
    )  # fmt: skip
    assert doing(house, "wang") == ("case", 5)
    call = supervised.call("C1", "wang", ago[5], closed_at=None, result_code="")
    assert doing(house, "wang") == ("wrapping", 5)
    call.contact_id = None
    call.save()
    assert doing(house, "wang") == ("call", 5)


def test_every_number_of_the_wall_is_the_length_of_its_list(house: dict[str, Staff]) -> None:
    supervised.call("C0", "wang", MORNING - timedelta(minutes=10))
    supervised.call("C1", "wang", MORNING - timedelta(minutes=20), party_code="UNK", verified_at=None)
    supervised.call("C1", "chen")  # yesterday
    supervised.promise("C0", "wang")
    supervised.promise("C0", "wang", amount_minor=500, currency="USD", due_on="2026-11-20")
    supervised.promise("C1", "chen", YESTERDAY, state="kept", settled_on="2026-11-20")
    supervised.promise("C1", "alone", YESTERDAY, state="broken", settled_on="2026-11-20")
    Refusal.objects.create(
        attempt_id="a", customer_id="C0", channel="call", party="debtor", purpose="collect", actor="bank", at=MORNING, law="x", by="wang",
        presumed_violation=False, reasons=[{"rule": "r1", "topic": "quiet_hours", "message_zh": "不行。", "message_en": "No."}],
    )  # fmt: skip
    boss = signed_in(house["boss"])
    page = boss.get("/wall/").context
    counts = page["all"].counts
    assert counts == {"calls": 2, "right_party": 1, "promises": 2, "kept": 1, "broken": 1, "due": 1, "refusals": 1}
    assert page["all"].money["promises"] == [("CNY", 10_000), ("USD", 500)]
    for measure, number in counts.items():
        assert len(boss.get(f"/wall/{measure}/").context["rows"]) == number, measure
    for line in page["lines"]:
        listed = boss.get(f"/wall/promises/?person={line.person.pk}").context["rows"]
        assert len(listed) == line.counts["promises"], line.person.username
    assert boss.get("/wall/nothing/").status_code == 404
    assert b"C0" in b"".join(boss.get("/wall/promises/?form=csv").streaming_content)


def test_the_wall_is_narrowed_by_team_and_asks_again_for_its_figures_alone(house: dict[str, Staff]) -> None:
    boss = signed_in(house["boss"])
    team = house["wang"].team_id
    assert [line.person.username for line in boss.get(f"/wall/?team={team}").context["lines"]] == ["chen", "wang"]
    assert "alone" in {line.person.username for line in boss.get("/wall/?queue=desk").context["lines"]}
    assert "wang" not in {line.person.username for line in boss.get("/wall/?queue=hardship").context["lines"]}
    part = boss.get("/wall/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "People and promises as of 10:00:00" in part


def test_the_wall_asks_a_fixed_number_of_questions_however_many_people(
    house: dict[str, Staff], django_assert_max_num_queries: Any
) -> None:
    for n in range(40):
        Staff.objects.create(username=f"c{n}", role="collector")
    boss = signed_in(house["boss"])
    boss.get("/wall/")
    with django_assert_max_num_queries(30):
        boss.get("/wall/")


def test_boards_count_by_the_formulas_they_show_and_mark_what_rests_on_few(house: dict[str, Staff]) -> None:
    for n in range(40):
        supervised.contact(
            "C0", "wang", YESTERDAY + timedelta(minutes=n), line_result="connected" if n % 4 == 0 else "no_answer"
        )
    for n, state in enumerate(["kept", "kept", "broken", "open"]):
        paid = 10_000 if state == "kept" else 4_000 if state == "broken" else 0
        supervised.promise(f"C{n % 3}", "wang", YESTERDAY, due_on="2026-11-18", state=state, paid_minor=paid)
    told = signed_in(house["boss"]).get("/boards/?months=3&by=person")
    [line] = told.context["lines"]
    cells = {rate.name: (value, number, few) for rate, value, number, few in line.cells}
    assert (line.group, float(cells["answered"][0]), cells["answered"][1:]) == ("wang", 0.25, (40, False))
    assert (round(float(cells["kept"][0]), 4), cells["kept"][1:]) == (0.6667, (3, True))
    assert float(cells["kept_amount"][0]) == 0.8
    assert cells["performing"][0] is None
    assert "66.7%°" in text(told)
    assert "promises kept ÷ promises due and decided" in text(told)


def test_a_complaint_counts_for_whoever_contacted_her_last(house: dict[str, Staff]) -> None:
    from anhuan.records.hold import Hold

    supervised.contact("C0", "chen", YESTERDAY - timedelta(days=1))
    supervised.contact("C0", "wang", YESTERDAY)
    Hold.objects.create(
        hold_id=uuid4(), customer_id="C0", kind="complaint", begins=MORNING, registered_at=MORNING, registered_by="x"
    )
    lines = signed_in(house["boss"]).get("/boards/?months=3&by=person").context["lines"]
    assert {line.group: line.sums["complaints"] for line in lines} == {"chen": 0, "wang": 1}


def test_boards_count_for_the_team_she_was_in_when_she_did_it(house: dict[str, Staff]) -> None:
    now, before = MORNING, MORNING - timedelta(days=40)
    team = staff.save_team("two", queues=[], lead="", at=before, by="boss")
    assert isinstance(team, Team), team
    for name, at in (("wang", YESTERDAY), ("chen", now)):
        assert isinstance(staff.change_staff(name, team="two", at=at, by="boss"), Staff)
    renamed = staff.save_team("second", pk=team.pk, queues=[], lead="", at=now, by="boss")
    assert isinstance(renamed, Team), renamed
    supervised.contact("C0", "wang", YESTERDAY - timedelta(hours=1))
    supervised.contact("C0", "wang", YESTERDAY)
    supervised.contact("C1", "chen", YESTERDAY)
    supervised.promise("C0", "wang", YESTERDAY - timedelta(hours=1), due_on="2026-11-20", state="kept", paid_minor=10_000)
    boss = signed_in(house["boss"])
    lines = boss.get("/boards/?months=3").context["lines"]
    assert {line.group: (line.sums["contacts"], line.sums["kept"]) for line in lines} == {"one": (2, 1), "second": (1, 0)}
    of_two = boss.get(f"/boards/?months=3&team={team.pk}&by=person").context["lines"]
    assert {line.group: line.sums["contacts"] for line in of_two} == {"wang": 1}
    both = boss.get("/boards/?months=3&by=person").context["lines"]
    assert {line.group: line.sums["contacts"] for line in both} == {"chen": 1, "wang": 2}


def test_boards_go_out_as_a_table_and_as_a_workbook_and_are_open_to_those_who_watch(house: dict[str, Staff]) -> None:
    supervised.contact("C0", "wang")
    auditor = signed_in(Staff.objects.create(username="auditor", role="auditor"))
    assert auditor.get("/boards/").status_code == 200
    assert b"2026-11,one,1,1," in b"".join(auditor.get("/exports/boards.csv").streaming_content)
    book = ZipFile(io.BytesIO(auditor.get("/exports/boards.xlsx").content))
    assert b"<v>1</v>" in book.read("xl/worksheets/sheet1.xml")
    assert signed_in(house["wang"]).get("/boards/").status_code == 403


def test_a_call_is_drawn_reviewed_read_and_appealed_on_the_pages(house: dict[str, Staff]) -> None:
    call = supervised.call("C0", "wang")
    boss, wang = signed_in(house["boss"]), signed_in(house["wang"])
    assert boss.post("/quality/draw/", {"day": DAY}).status_code == 302
    assert "the same calls came out" in text(boss.post("/quality/draw/", {"day": DAY, "again": "1"}, follow=True))
    address = f"/quality/calls/{call.contact_id}/"
    form = {f"c-{each.id}": "yes" for each in acts.form_in_force(YESTERDAY.date()).criteria}
    assert boss.post(address, form | {"step": "finish"}).status_code == 422
    assert (
        boss.post(address, form | {"step": "finish", "evidence": "script", "c-note": "no", "comment": "太短"}).status_code
        == 302
    )
    review = QualityReview.objects.get()
    seen = text(wang.get("/quality/mine/"))
    assert "95.0" in seen
    assert "太短" in seen
    assert wang.post(f"/quality/answers/{review.pk}/", {"step": "acknowledge"}).status_code == 302
    assert signed_in(house["chen"]).post(f"/quality/answers/{review.pk}/", {"step": "appeal", "why": "x"}).status_code == 404
    wang.post(f"/quality/answers/{review.pk}/", {"step": "appeal", "why": "备注足够"})
    other = text(signed_in(house["second"]).get(address))
    assert "备注足够" in other
    assert "Your review" in other
    assert boss.get(address).status_code == 200
    assert boss.get("/quality/?state=appealed").context["picks"][0][0].contact_id == call.contact_id
    assert not boss.get("/quality/?state=waiting").context["picks"]


def test_who_has_still_to_judge_does_not_see_what_another_found(house: dict[str, Staff]) -> None:
    pick = acts.ask(supervised.call("C0", "wang").contact_id, at=MORNING, by="boss")
    assert isinstance(pick, QualityPick)
    met = {each.id: "yes" for each in acts.form_in_force(pick.day).criteria} | {"note": "no"}
    acts.review(pick.pk, answers=met, evidence=["note"], comment="只有一句", finish=True, at=MORNING, by="boss")
    second = signed_in(house["second"])
    second.post(f"/quality/calls/{pick.pk}/", {"step": "draft", "c-note": "yes"})
    assert "只有一句" not in text(second.get(f"/quality/calls/{pick.pk}/"))


def test_coaching_is_seen_by_the_two_it_is_between_and_by_nobody_else(house: dict[str, Staff]) -> None:
    boss, pk = signed_in(house["boss"]), house["wang"].pk
    boss.post(f"/quality/people/{pk}/coach/", {"text": "每周旁听两通", "due_on": "2026-11-19"})
    assert "每周旁听两通" in text(boss.get(f"/quality/people/{pk}/"))
    assert "not seen yet" in text(boss.get(f"/quality/people/{pk}/"))
    assert "每周旁听两通" not in text(signed_in(house["second"]).get(f"/quality/people/{pk}/"))
    wang = signed_in(house["wang"])
    assert "每周旁听两通" in text(wang.get("/quality/mine/"))
    assert CoachingNote.objects.get().seen_at == MORNING
    assert wang.get(f"/quality/people/{pk}/").status_code == 403
    wang.post(f"/quality/answers/{CoachingNote.objects.get().pk}/", {"step": "done"})
    assert CoachingNote.objects.get().done_by == "wang"


def test_roll_rates_are_of_the_accounts_of_cases_the_team_contacted(
    house: dict[str, Staff], monkeypatch: pytest.MonkeyPatch
) -> None:
    # account, customer, bucket on the first night and on the second (None: not delivered)
    moved = [
        ("A0", "C0", 1, 2),
        ("A1", "C1", 2, 0),
        ("A2", "C1", 3, 1),
        ("A3", "C0", 1, None),
        ("A4", "C0", 2, 2),
        ("B", "C2", 1, 4),
    ]

    class Snapshot:
        def __init__(self, con: Any, night: int) -> None:
            rows = [
                (account, who, "CNY", "present", each[night], 100) for account, who, *each in moved if each[night] is not None
            ]
            names = ("account_id", "customer_id", "currency", "presence", "bucket", "balance_total_minor")
            table = pa.table({name: [row[at] for row in rows] for at, name in enumerate(names)})
            self.standing = con.create_table(f"standing{night}", table, temp=True)

        def table(self, _name: str) -> Any:
            return self.standing

    nights = [
        Night(business_date=on, snapshot=str(at), manifest_sha256=str(at))
        for at, on in enumerate((date(2026, 10, 31), date(2026, 11, 19)))
    ]
    monkeypatch.setattr(snapshot, "load", lambda con, folder: Snapshot(con, int(folder.name)))
    monkeypatch.setattr(boards, "month_pairs", lambda: {"2026-11": tuple(nights)})
    supervised.contact("C0", "wang")
    supervised.contact("C1", "chen")
    supervised.contact("C2", "alone")
    [rolled] = signed_in(house["boss"]).get(f"/boards/?team={house['wang'].team_id}").context["rolls"]
    assert (rolled.cases, rolled.overdue, rolled.few) == (2, 5, True)
    assert [float(share) for share in (rolled.worse, rolled.better, rolled.cured)] == [0.2, 0.2, 0.2]
