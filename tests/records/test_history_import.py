"""The cut-over: what the old system did counts from the first day, comes in once, and nothing of it is lost."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.records import desk
from tests.records.delivered import RING
from tests.records.desk import BY, LAW, MORNING

from anhuan.acts import agency as agencies
from anhuan.acts import dispatch, history
from anhuan.core import gate
from anhuan.core.vocabulary import Channel, Covers, HoldKind, Party
from anhuan.records import events, facts, identity
from anhuan.records.agency import Agency
from anhuan.records.contact import Contact
from anhuan.records.events import Event
from anhuan.records.hold import Hold
from anhuan.records.promise import Promise

pytestmark = pytest.mark.django_db

NOW = MORNING.isoformat()


@pytest.fixture(autouse=True)
def _one_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "keyring", lambda: RING)


def write(folder: Path, name: str, *rows: dict[str, Any]) -> None:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, columns)
        writer.writeheader()
        writer.writerows(rows)


def take(folder: Path, at: Any = MORNING) -> dict[str, Any]:
    return history.take(folder, law=LAW, at=at, by=BY)


def call(id_: str, **told: Any) -> dict[str, Any]:
    return {
        "id": id_, "customer_id": "C1", "at": (MORNING - timedelta(minutes=30)).isoformat(), "channel": "call",
        "direction": "outbound",
    } | told  # fmt: skip


TALK = {"line_result": "connected", "outcome": "conversation"}


def rules(answer: Any) -> set[str]:
    assert isinstance(answer, gate.Refusal), answer
    return {reason.rule.id for reason in answer.reasons}


def test_three_talks_of_today_with_the_old_system_refuse_the_fourth_with_ours(tmp_path: Path) -> None:
    mobile = desk.customer()
    write(tmp_path, "contacts", *(call(f"k{n}", **TALK) for n in range(3)))
    assert take(tmp_path)["files"] == {"contacts.csv": {"rows": 3, "imported": 3, "known": 0, "set_aside": 0}}
    assert rules(dispatch.ask("C1", desk.attempt(mobile), law=LAW, at=MORNING)) == {"talks"}


def test_tries_at_a_number_count_for_that_number_however_it_is_spelt(tmp_path: Path) -> None:
    mobile, other = desk.customer(), desk.point(value="other", value_index=RING.index("phone", "13912345678"))
    spelt = ["139 1234 5678", "+86-13912345678", "013912345678", "13912345678", "008613912345678", "１３９１２３４５６７８"]
    write(tmp_path, "contacts", *(call(f"k{n}", point_value=s, line_result="no_answer") for n, s in enumerate(spelt)))
    assert take(tmp_path)["files"]["contacts.csv"]["imported"] == 6
    assert rules(dispatch.ask("C1", desk.attempt(other), law=LAW, at=MORNING)) == {"tries"}
    assert isinstance(dispatch.ask("C1", desk.attempt(mobile), law=LAW, at=MORNING), gate.Permit)


def test_a_call_without_a_result_counts_as_whatever_would_count(tmp_path: Path) -> None:
    mobile = desk.customer()
    write(tmp_path, "contacts", *(call(f"k{n}") for n in range(3)))
    take(tmp_path)
    assert set(Contact.objects.values_list("state", flat=True)) == {"unknown"}
    assert rules(dispatch.ask("C1", desk.attempt(mobile), law=LAW, at=MORNING)) == {"talks"}


def test_a_number_not_on_file_is_a_point_of_its_own(tmp_path: Path) -> None:
    desk.customer()
    write(tmp_path, "contacts", call("k1", point_value="13700000000"), call("k2", point_value="137-0000-0000"))
    take(tmp_path)
    points = set(Contact.objects.values_list("point_id", flat=True))
    assert len(points) == 1
    assert None not in points


def test_of_several_numbers_one_must_be_named(tmp_path: Path) -> None:
    desk.customer()
    desk.point(value="other")
    write(tmp_path, "contacts", call("k1"), call("k2", party="spouse", person_id="p1"))
    found = take(tmp_path)
    assert found["files"]["contacts.csv"] == {"rows": 2, "imported": 1, "known": 0, "set_aside": 1}
    assert [(f["line"], f["column"], f["code"]) for f in found["findings"]] == [(2, "point_value", "point_ambiguous")]


def everything(folder: Path) -> None:
    her = {"customer_id": "C1"}
    before = (MORNING - timedelta(days=1)).isoformat()
    write(
        folder, "contacts", call("k1", **TALK), call("k2", channel="sms", actor="agency:old", automated="true", accounts="A1")
    )
    write(
        folder, "promises",
        her | {"id": "p1", "at": before, "account_id": "A1", "amount_minor": "10000", "currency": "CNY", "due_on": "2026-12-01"},
    )  # fmt: skip
    write(folder, "plans", her | {"id": "l1", "signed_at": before, "accounts": "A2"})
    write(
        folder,
        "holds",
        her | {"id": "h1", "kind": "litigation", "begins": before, "accounts": "A1", "until_date": "2026-12-31"},
    )
    write(
        folder, "consents",
        her | {"id": "c1", "at": before, "kind": "consent", "covers": "hours;medium", "channel": "call", "ends": "2026-12-01T00:00:00+08:00"},
        her | {"id": "c2", "at": before, "kind": "opt_out", "channel": "sms"},
        her | {"id": "c3", "at": before, "kind": "cease", "written": "true"},
        her | {"id": "c4", "at": before, "kind": "time_block", "weekdays": "sat;sun", "from": "09:00", "until": "12:00"},
        her | {"id": "c5", "at": before, "kind": "place_bar", "place": "work"},
        her | {"id": "c6", "at": before, "kind": "revocation", "covers": "frequency"},
    )  # fmt: skip
    write(folder, "complaints", her | {"id": "b1", "opened_at": before, "closed_at": NOW})
    write(folder, "refusals", her | {"id": "r1", "at": before, "person_id": "p9", "relation": "colleague"})


def test_every_file_becomes_what_it_says(tmp_path: Path) -> None:
    desk.customer(cards=("A1", "A2"))
    everything(tmp_path)
    answer = take(tmp_path)
    assert answer["findings"] == []
    assert {name: counted["imported"] for name, counted in answer["files"].items()} == {
        "contacts.csv": 2, "promises.csv": 1, "plans.csv": 1, "holds.csv": 1, "consents.csv": 6, "complaints.csv": 1,
        "refusals.csv": 1,
    }  # fmt: skip
    known = facts.facts_for("C1", at=MORNING)
    assert {h.kind: (h.debts, h.ends, h.until_date) for h in known.holds} == {
        HoldKind.PLAN: (frozenset({"A2"}), None, None),
        HoldKind.LITIGATION: (frozenset({"A1"}), None, date(2026, 12, 31)),
        HoldKind.COMPLAINT: (None, MORNING, None),
    }
    assert {next(iter(c.covers)) for c in known.consents} == {Covers.HOURS, Covers.MEDIUM}
    assert [o.channel for o in known.opt_outs] == [Channel.SMS]
    assert known.ceased_at == MORNING - timedelta(days=1)
    assert (known.time_blocks[0].weekdays, known.place_bars[0].place) == ({5, 6}, "work")
    assert known.refused_by.keys() == {"p9"}
    assert known.people["p9"].relation is Party.COLLEAGUE
    assert [(c.channel, c.actor, c.debts) for c in known.contacts] == [
        (Channel.CALL, "bank", {"A1", "A2"}), (Channel.SMS, "agency:old", {"A1"}),
    ]  # fmt: skip
    assert Promise.objects.get().amount_minor == 10_000
    event = Event.objects.get(kind="history.imported")
    assert event.body["files"] == answer["files"]
    assert events.verify()["ok"]


def test_a_history_comes_in_once_however_often_it_is_delivered(tmp_path: Path) -> None:
    desk.customer(cards=("A1", "A2"))
    everything(tmp_path)
    take(tmp_path)
    before = (Contact.objects.count(), Hold.objects.count(), Promise.objects.count(), Event.objects.count())
    again = take(tmp_path, MORNING + timedelta(days=1))
    assert (Contact.objects.count(), Hold.objects.count(), Promise.objects.count(), Event.objects.count()) == before
    assert all(c["known"] == c["rows"] and not c["imported"] for c in again["files"].values())
    write(tmp_path, "contacts", call("k1", **TALK), call("k9", **TALK))
    assert take(tmp_path)["files"]["contacts.csv"] == {"rows": 2, "imported": 1, "known": 1, "set_aside": 0}


BAD = {
    "at": [("", "missing"), ("yesterday", "unreadable"), ("2026-11-20T09:00:00", "instant_without_offset"), ("2030-01-01T00:00Z", "in_future")],
    "channel": [("smoke", "unreadable")],
    "direction": [("sideways", "unreadable")],
    "party": [("dog", "unreadable")],
    "line_result": [("maybe", "unreadable")],
    "actor": [("agency", "unreadable")],
    "automated": [("yes", "unreadable")],
    "accounts": [("A" * 40, "unreadable")],
    "point_value": [("...", "unreadable")],
    "customer_id": [("", "missing"), ("C" * 40, "unreadable")],
}  # fmt: skip


@pytest.mark.parametrize(("column", "cell", "code"), [(c, *each) for c, several in BAD.items() for each in several])
def test_a_row_that_cannot_be_used_is_set_aside_and_says_why_without_saying_what(
    tmp_path: Path, column: str, cell: str, code: str
) -> None:
    desk.customer()
    write(tmp_path, "contacts", call("good"), call("bad") | {column: cell})
    answer = take(tmp_path)
    assert answer["files"]["contacts.csv"] == {"rows": 2, "imported": 1, "known": 0, "set_aside": 1}
    (finding,) = answer["findings"]
    assert (finding["file"], finding["line"], finding["column"], finding["code"]) == ("contacts.csv", 3, column, code)
    assert finding["message_zh"]
    assert finding["message_en"].startswith(column)
    assert not cell or cell not in str({k: v for k, v in finding.items() if k != "column"})


def test_all_that_is_wrong_with_a_row_is_told(tmp_path: Path) -> None:
    desk.customer()
    write(tmp_path, "contacts", call("", channel="smoke", at="x"))
    assert [(f["column"], f["code"]) for f in take(tmp_path)["findings"]] == [
        ("id", "missing"), ("at", "unreadable"), ("channel", "unreadable"),
    ]  # fmt: skip


def test_what_the_bank_knows_nothing_of_is_imported_with_a_doubt(tmp_path: Path) -> None:
    desk.customer()
    write(tmp_path, "contacts", call("k1", customer_id="C7"), call("k2", accounts="A1;Z"))
    answer = take(tmp_path)
    assert answer["files"]["contacts.csv"]["imported"] == 2
    assert [(f["code"], f["severity"]) for f in answer["findings"]] == [
        ("customer_unknown", "warning"), ("account_unknown", "warning"),
    ]  # fmt: skip


def test_a_history_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(history.HistoryUnreadable, match="no file"):
        take(tmp_path)
    desk.customer()
    write(tmp_path, "contacts", call("k1"))
    (tmp_path / "holds.csv").write_text("id,customer_id,kind\nx,C1,plan\n")
    with pytest.raises(history.HistoryUnreadable, match="begins"):
        take(tmp_path)
    (tmp_path / "holds.csv").write_text("id,customer_id,kind,begins,colour\n")
    with pytest.raises(history.HistoryUnreadable, match="colour"):
        take(tmp_path)
    (tmp_path / "holds.csv").write_bytes("id,customer_id,kind,begins\n客户,C1,plan,x\n".encode("gb18030"))
    with pytest.raises(history.HistoryUnreadable, match="UTF-8"):
        take(tmp_path)
    assert not Contact.objects.exists()


# --- what follows -------------------------------------------------------------------------------------------------

BEFORE = (MORNING - timedelta(days=2)).isoformat()


def test_an_imported_hold_lists_the_contacts_made_while_it_stood(tmp_path: Path) -> None:
    mobile = desk.customer(cards=("A1", "A2"))
    ours = dispatch.start("C1", desk.attempt(mobile), law=LAW, at=MORNING - timedelta(minutes=5), by=BY)
    assert isinstance(ours, dispatch.Started)
    over = {"ended_at": (MORNING - timedelta(minutes=40)).isoformat()}
    write(
        tmp_path, "contacts", call("k1", accounts="A2", **TALK), call("k2", purpose="required_notice", **TALK),
        call("k3", at=(MORNING - timedelta(days=3)).isoformat(), **TALK), call("k4", direction="inbound", **TALK),
    )  # fmt: skip
    write(tmp_path, "holds", {"id": "h1", "customer_id": "C1", "kind": "dispute", "begins": BEFORE})
    write(tmp_path, "plans", {"id": "p1", "customer_id": "C1", "signed_at": BEFORE, **over})
    answer = take(tmp_path)
    theirs = Contact.objects.get(origin="imported", started_at=MORNING - timedelta(minutes=30), debts=["A2"])
    hold = Hold.objects.get(kind="dispute")
    contacts = [str(theirs.pk), str(ours.contact_id)]
    assert answer["meanwhile"] == [{"hold": str(hold.pk), "case": "C1", "kind": "dispute", "contacts": contacts}]
    assert Event.objects.get(kind="history.judged").body == {"meanwhile": {str(hold.pk): contacts}}
    assert Event.objects.get(kind="history.imported").body["meanwhile"] == 1
    assert take(tmp_path, MORNING + timedelta(minutes=1))["meanwhile"] == []
    assert events.verify()["ok"]


def test_a_contact_that_comes_in_after_the_hold_it_broke_is_listed_too(tmp_path: Path) -> None:
    desk.customer()
    write(tmp_path, "complaints", {"id": "c1", "customer_id": "C1", "opened_at": BEFORE})
    write(tmp_path, "contacts", call("k1", **TALK))
    assert [len(each["contacts"]) for each in take(tmp_path)["meanwhile"]] == [1]
    write(tmp_path, "contacts", call("k1", **TALK), call("k2", **TALK))
    later = Contact.objects.get().pk
    (found,) = take(tmp_path, MORNING + timedelta(minutes=1))["meanwhile"]
    assert found["contacts"] == [str(Contact.objects.exclude(pk=later).get().pk)]


def test_what_waits_and_an_imported_hold_forbids_is_withdrawn_though_she_was_busy_meanwhile(tmp_path: Path) -> None:
    mobile = desk.customer(placed="North Ltd")
    agencies.add("north", placed_as="North Ltd", listed=True, at=MORNING, by=BY)
    seat = dispatch.permit_for_agency(
        Agency.objects.get(), "C1", desk.attempt(mobile), law=LAW, at=MORNING + timedelta(seconds=9), by=BY
    )
    assert isinstance(seat, dispatch.Started)
    write(tmp_path, "complaints", {"id": "c1", "customer_id": "C1", "opened_at": BEFORE})
    assert take(tmp_path)["meanwhile"] == []
    assert Event.objects.get(kind="history.judged").body == {"withdrawn": {"permits": [str(seat.permit_id)]}}
    assert take(tmp_path)["files"]["complaints.csv"]["known"] == 1
    assert Event.objects.filter(kind="history.judged").count() == 1
