"""What the bank is told at the end of a day: each change once, whatever commits late or is killed, and the same bytes again."""

from __future__ import annotations

import hashlib
import json
import threading
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from tests.records import desk
from tests.records.desk import BY, LAW, MORNING

from anhuan import clock
from anhuan.acts import consent, dispatch, extract, history, hold
from anhuan.clockwork import extracting
from anhuan.core.vocabulary import HoldKind, LineResult, Outcome
from anhuan.portfolio.feed import Sentence
from anhuan.records import identity
from anhuan.records.circumstance import PointFindingKind
from anhuan.records.customer import ContactPoint
from anhuan.records.extract import Change, Extract
from anhuan.records.hold import Hold

DAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ANHUAN_HOME", tmp_path)
    monkeypatch.setattr(clock, "now", lambda: MORNING)


def made(home: Path, day: date = DAY, **told: Any) -> dict[str, Any]:
    answer = extracting.run(day, home=home, **told)
    assert not isinstance(answer, Sentence), answer
    return answer


def rows(manifest: dict[str, Any]) -> dict[str, int]:
    return {each["name"].partition(".")[0]: each["rows"] for each in manifest["files"] if each["rows"]}


def held(customer: str = "C1") -> None:
    assert isinstance(hold.place(customer, HoldKind.COMPLAINT, law=LAW, at=MORNING, by=BY), hold.Placed)


@pytest.mark.django_db
def test_contacts_holds_and_what_was_learnt_of_a_number_are_told_once_and_again_the_same(tmp_path: Path) -> None:
    mobile = desk.customer()
    started = dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING, by=BY)
    assert isinstance(started, dispatch.Started)
    assert rows(made(tmp_path, DAY - timedelta(days=1))) == {}  # under way: its result is not known
    dispatch.complete(
        started.contact_id,
        line_result=LineResult.CONNECTED,
        outcome=Outcome.CONVERSATION,
        at=MORNING + timedelta(minutes=1),
        by=BY,
    )
    held()
    first = made(tmp_path)
    assert rows(first) == {"contacts": 1, "holds": 1}
    folder = Path(first["folder"])
    text = (folder / "contacts.csv").read_text()
    assert text.splitlines()[0].startswith("change,contact_id,customer_id,channel,direction")
    assert text.splitlines()[1].split(",")[2:4] == ["C1", "call"]
    for each in first["files"]:
        assert hashlib.sha256((folder / each["name"]).read_bytes()).hexdigest() == each["sha256"]
        assert (folder / each["name"]).stat().st_mode & 0o777 == 0o600
    bytes_ = {file.name: file.read_bytes() for file in folder.iterdir()}
    held()
    assert made(tmp_path) == first
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == bytes_
    assert rows(made(tmp_path, DAY + timedelta(days=1))) == {"holds": 1}
    assert isinstance(extracting.run(DAY - timedelta(days=2), home=tmp_path), Sentence)


@pytest.mark.django_db
def test_extracts_are_numbered_without_a_gap_where_one_was_cut_short_before_it_stood(tmp_path: Path) -> None:
    for day, number in ((DAY, 1), (DAY + timedelta(days=1), 2)):
        with transaction.atomic():
            assert isinstance(extract.begin(day, layout="canonical/1", at=MORNING, by=BY), Extract)
            transaction.set_rollback(True)
        assert made(tmp_path, day)["sequence"] == number


@pytest.mark.django_db
def test_a_file_is_written_in_the_banks_own_form_where_that_is_asked_for(tmp_path: Path) -> None:
    desk.customer()
    held()
    manifest = made(tmp_path, layout="gb18030/1")
    assert (manifest["layout"], rows(manifest)) == ("gb18030/1", {"holds": 1})
    line = (Path(manifest["folder"]) / "holds.dat").read_bytes().decode("gb18030").splitlines()[1]
    assert line.split("|+|")[2:4] == ["C1", "complaint"]
    assert line.endswith(BY)


@pytest.mark.django_db
def test_the_bank_accepts_or_rejects_and_what_was_rejected_goes_out_again_once(tmp_path: Path) -> None:
    for customer in ("C1", "C2"):
        desk.customer(customer, cards=(f"A{customer}",))
        held(customer)
    sequence = made(tmp_path)["sequence"]
    one, other = Change.objects.values_list("pk", flat=True)
    told = f"sequence,change,answer,code\n{sequence},{one},rejected,E42\n{sequence},,accepted,\n{sequence},999999,accepted,\n"
    answered = extract.acknowledge(told, resend=True, at=MORNING, by=BY)
    assert answered == extract.Answered(sequence, accepted=1, rejected=0, unknown=[999999], again=1)
    assert dict(Change.objects.exclude(extract=None).values_list("pk", "answer")) == {one: "resent", other: "accepted"}
    extract.acknowledge(told, resend=True, at=MORNING, by=BY)
    assert rows(made(tmp_path, DAY + timedelta(days=1))) == {"holds": 1}
    assert isinstance(extract.acknowledge("sequence,change,answer\n77,,accepted\n", resend=False, at=MORNING, by=BY), Sentence)
    assert isinstance(extract.acknowledge("a,b\n", resend=False, at=MORNING, by=BY), Sentence)


@pytest.mark.django_db(transaction=True)
def test_a_change_committed_late_is_told_by_the_next_extract_and_none_twice(tmp_path: Path) -> None:
    for customer in ("C1", "C2"):
        desk.customer(customer, cards=(f"A{customer}",))
    begun, may_commit = threading.Event(), threading.Event()

    def late() -> None:
        with transaction.atomic():
            held("C1")  # takes its place in the order of changes now, and commits later
            begun.set()
            may_commit.wait(20)
        connection.close()

    other = threading.Thread(target=late)
    other.start()
    assert begun.wait(20)
    held("C2")
    first = made(tmp_path)
    may_commit.set()
    other.join()
    second = made(tmp_path, DAY + timedelta(days=1))
    assert (rows(first), rows(second)) == ({"holds": 1}, {"holds": 1})
    assert Change.objects.order_by("pk").first().extract_id == second["sequence"]  # type: ignore[union-attr]
    assert rows(made(tmp_path, DAY + timedelta(days=2))) == {}
    desk.empty_cards()


@pytest.mark.django_db
@pytest.mark.parametrize("killed_at", ["lasting.put", "_encoded", "_opened"])
def test_an_extract_killed_anywhere_is_finished_by_the_next_with_its_own_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    desk.customer()
    held()

    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(f"anhuan.acts.extract.{killed_at}", kill)
        with pytest.raises(Killed):
            extracting.run(DAY, home=tmp_path)
    assert not (tmp_path / "extracts" / DAY.isoformat() / "manifest.json").exists()
    held()
    assert rows(made(tmp_path, DAY + timedelta(days=1))) == {"holds": 1}
    manifest = json.loads((tmp_path / "extracts" / DAY.isoformat() / "manifest.json").read_text())
    assert rows(manifest) == {"holds": 1}
    assert not Extract.objects.filter(done_at=None).exists()


@pytest.mark.django_db
def test_what_a_contact_point_is_leaves_in_clear_in_its_own_file_alone(tmp_path: Path) -> None:
    mobile = desk.customer()
    ring = identity.keyring()
    (sealed,) = ring.seal("contact_point", [str(mobile)], [json.dumps(["13900000000", "", ""]).encode()])
    ContactPoint.objects.filter(pk=mobile).update(sealed=sealed, key_id=ring.current)
    consent.find_point("C1", mobile, PointFindingKind.WRONG_NUMBER, at=MORNING, by=BY)
    manifest = made(tmp_path)
    assert rows(manifest) == {"contact_points": 1}
    assert "wrong_number,mobile,debtor,13900000000" in (Path(manifest["folder"]) / "contact_points.csv").read_text()
    assert not any("13900000000" in json.dumps(row) for row in Change.objects.values_list("row", flat=True))


@pytest.mark.django_db
def test_an_extract_written_again_after_a_contact_point_was_erased_says_so_and_any_other_difference_is_a_bug(
    tmp_path: Path,
) -> None:
    mobile = desk.customer()
    ring = identity.keyring()
    (sealed,) = ring.seal("contact_point", [str(mobile)], [json.dumps(["13900000000", "", ""]).encode()])
    ContactPoint.objects.filter(pk=mobile).update(sealed=sealed, key_id=ring.current)
    consent.find_point("C1", mobile, PointFindingKind.WRONG_NUMBER, at=MORNING, by=BY)
    held()
    first = made(tmp_path)
    ContactPoint.objects.filter(pk=mobile).delete()
    again = made(tmp_path)
    assert (again["erased"], rows(again)) == (1, rows(first))
    told = (Path(again["folder"]) / "contact_points.csv").read_bytes()
    assert b"13900000000" not in told
    assert b"wrong_number" in told
    by_name = {each["name"]: each["sha256"] for each in again["files"]}
    assert by_name["contact_points.csv"] == hashlib.sha256(told).hexdigest()
    assert made(tmp_path) == again
    assert "erased" not in Extract.objects.get().manifest  # what was told at first stays
    Change.objects.filter(noun="hold").update(row={"kind": "altered"})
    with pytest.raises(AssertionError):
        made(tmp_path)


@pytest.mark.django_db
def test_every_noun_the_bank_is_told_of_is_noted_by_postgresql_with_the_columns_of_its_file() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgargs FROM pg_trigger WHERE tgname = 'change_noted'")
        noted = dict(bytes(args).decode().split("\0")[:2] for (args,) in cursor.fetchall())
    assert noted.keys() == set(extract.NOUNS)
    for file in extract._FILES:
        kept = set(noted[file.noun].strip("{}").split(","))
        assert not kept & {"sealed", "facts", "terms"}
        if file.noun not in {"contact_point", "suspense"}:  # these are completed when they are written
            assert set(file.columns) == kept


@pytest.mark.django_db
def test_what_the_bank_told_of_the_old_system_is_not_told_back_and_what_becomes_of_it_here_is(tmp_path: Path) -> None:
    desk.customer()
    folder = tmp_path / "history"
    folder.mkdir()
    (folder / "holds.csv").write_text(f"id,customer_id,kind,begins\nh1,C1,complaint,{MORNING - timedelta(days=9)}\n")
    (folder / "promises.csv").write_text(
        "id,customer_id,at,account_id,amount_minor,currency,due_on\n"
        f"p1,C1,{MORNING - timedelta(days=9)},A1,10000,CNY,2026-12-01\n"
    )
    taken = history.take(folder, law=LAW, at=MORNING, by=BY)
    assert [each["imported"] for each in taken["files"].values()] == [1, 1]
    assert rows(made(tmp_path)) == {}
    hold.end(Hold.objects.get().hold_id, at=MORNING, by=BY, reason="answered")
    assert rows(made(tmp_path, DAY + timedelta(days=1))) == {"holds": 1}


@pytest.mark.django_db
def test_a_night_told_again_makes_the_extract_that_a_kill_left_out_and_leaves_one_that_stands_alone(tmp_path: Path) -> None:
    desk.customer()
    held()
    extracting.complete(DAY, home=tmp_path)
    folder = tmp_path / "extracts" / DAY.isoformat()
    assert rows(json.loads((folder / "manifest.json").read_text())) == {"holds": 1}
    (folder / "manifest.json").unlink()  # carried to the bank
    held()
    extracting.complete(DAY, home=tmp_path)
    assert not (folder / "manifest.json").exists()
    assert Change.objects.filter(extract=None).count() == 1
    Extract.objects.update(done_at=None)
    extracting.complete(DAY, home=tmp_path)
    assert rows(json.loads((folder / "manifest.json").read_text())) == {"holds": 1}
