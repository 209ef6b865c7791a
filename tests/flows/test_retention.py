"""Recordings, letters and words end after their last day, unless a hold keeps them, and their digest stays."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client
from tests.flows import outgoing
from tests.flows.outgoing import MORNING
from tests.flows.test_voice_calls import ENDED, call
from tests.records import desk

from anhuan import clock
from anhuan.acts import hold, law, receipts, retention, sending
from anhuan.acts.customer import Held
from anhuan.acts.staff import create_staff
from anhuan.channels.transport import Delivery, Inbound, Receipt
from anhuan.clockwork import keeping
from anhuan.core.vocabulary import Channel, HoldKind
from anhuan.records import identity
from anhuan.records.contact import Contact
from anhuan.records.events import Event, verify
from anhuan.records.identity import Said
from anhuan.records.outbox import OutboxItem, Reply
from anhuan.records.staff import Staff

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = b"RIFF what was said"


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(clock, "now", lambda: MORNING)
    outgoing.in_force("overdue_reminder", channel="call")
    yield
    desk.empty_cards()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A call of the morning, recorded, to be kept until 23 November 2029."""
    ended = replace(ENDED, recording="anhuan-1.wav", keep_until=date(2029, 11, 23))
    receipts.settle([Receipt(call(), Delivery.TAKEN, "q850:16", references=("anhuan-1",), call=ended)], at=MORNING)
    return kept(tmp_path / "calls" / "anhuan-1.wav")


def kept(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(WORDS)
    os.utime(path, (MORNING.timestamp(), MORNING.timestamp()))
    return path


def sweep(
    folder: Path, *, years: float, packs: tuple[str, ...] = ("cn",), spool: Path | None = None, dry_run: bool = False
) -> dict:
    at = MORNING + timedelta(days=365.25 * years)
    swept = retention.sweep(recordings=folder, spool=spool, packs=packs, at=at, by="t", dry_run=dry_run)
    return {name: dict(fates) for name, fates in swept.fates.items() if fates and name != "words"}


def sweep_words(*, years: float, packs: tuple[str, ...] = ("cn",), dry_run: bool = False) -> dict[str, int]:
    at = MORNING + timedelta(days=365.25 * years)
    return dict(retention.sweep(recordings=None, spool=None, packs=packs, at=at, by="t", dry_run=dry_run).fates["words"])


def test_a_recording_is_kept_to_its_last_day_and_then_leaves_its_digest(recording: Path) -> None:
    assert sweep(recording.parent, years=1) == {}
    assert sweep(recording.parent, years=2.5) == {"recordings": {"not_yet": 1}}  # the law would let it go, the bank said longer
    assert sweep(recording.parent, years=3.1, dry_run=True) == {"recordings": {"destroyed": 1}}
    assert recording.exists()
    assert sweep(recording.parent, years=3.1) == {"recordings": {"destroyed": 1}}
    assert not recording.exists()
    told = Event.objects.get(kind="recording.destroyed").body
    contact = str(Contact.objects.filter(direction="outbound").get().contact_id)
    assert told == {
        "contact": contact, "file": "anhuan-1.wav", "sha256": hashlib.sha256(WORDS).hexdigest(), "rules": ["cn.retention.recording"],
    }  # fmt: skip
    assert verify()["ok"]


def test_an_open_hold_keeps_a_recording_and_its_end_lets_it_go(recording: Path) -> None:
    customer = Contact.objects.filter(direction="outbound").get().customer_id
    placed = hold.place(customer, HoldKind.COMPLAINT, begins=MORNING, reason="x", law=law.in_force(MORNING), at=MORNING, by="t")
    assert sweep(recording.parent, years=4) == {"recordings": {"held": 1}}
    assert recording.exists()
    assert isinstance(placed, hold.Placed)
    hold.end(placed.hold_id, at=MORNING + timedelta(days=1), by="t")
    assert sweep(recording.parent, years=4) == {"recordings": {"destroyed": 1}}


def test_the_longest_of_several_laws_keeps_and_where_no_law_speaks_nothing_goes(recording: Path) -> None:
    assert sweep(recording.parent, years=4, packs=()) == {"recordings": {"not_yet": 1}}
    body = {"recordings": {"not_yet": 1}}
    assert sweep(recording.parent, years=2.9, packs=("cn", "us-fed")) == body


def test_a_file_nobody_can_account_for_is_left_alone(recording: Path) -> None:
    stray = kept(recording.parent / "anhuan-2.wav")
    assert sweep(recording.parent, years=4) == {"recordings": {"destroyed": 1, "unaccounted": 1}}
    assert stray.exists()


def test_who_died_between_the_event_and_the_file_destroys_it_the_next_time_with_one_event(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(retention, "_destroy", lambda *_, **__: "destroyed")
        sweep(recording.parent, years=4)
    assert recording.exists()
    sweep(recording.parent, years=4)
    assert not recording.exists()
    assert Event.objects.filter(kind="recording.destroyed").count() == 1


def test_letters_end_after_the_last_activity_and_the_batch_that_printed_them_with_the_last(tmp_path: Path) -> None:
    receipts.settle([Receipt(call(), Delivery.TAKEN, references=("LAAAA",))], at=MORNING)
    letter = kept(tmp_path / "archive" / "2026-11" / "LAAAA.pdf")
    batch = kept(tmp_path / "ready" / "b1" / "letters.pdf")
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "b1.json").write_text(json.dumps({"letters": [{"id": "LAAAA"}]}))
    assert sweep(tmp_path, years=4.9, spool=tmp_path) == {"letters": {"not_yet": 1}}
    assert letter.exists()
    assert batch.exists()
    assert sweep(tmp_path, years=5.1, spool=tmp_path) == {"letters": {"destroyed": 1}}
    assert not letter.exists()
    assert not batch.exists()
    assert Event.objects.filter(kind="letter.destroyed").count() == 1


def test_the_folders_are_those_of_channels_yaml(recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "channels.yaml").write_text("call: {transport: ari, recordings_folder: calls}\n")
    monkeypatch.setattr(clock, "now", lambda: MORNING + timedelta(days=1500))
    assert keeping.sweep(tmp_path, by="t", dry_run=True).fates["recordings"] == {"destroyed": 1}


# --- words --------------------------------------------------------------------------------------------------------


@pytest.fixture
def written() -> tuple[OutboxItem, Reply]:
    """A text that was sent in the morning, and what she wrote back."""
    outgoing.in_force("overdue_gentle", channel="sms")
    campaign = outgoing.night([outgoing.customer(1)])
    with sending.sender() as number:
        [ready] = sending.begin(campaign.pk, worker=number.worker, law=law.in_force(MORNING), at=MORNING, by="t").ready
    receipts.settle([Receipt(ready.permit.attempt_id, Delivery.TAKEN, references=("m1",))], at=MORNING)
    said = Inbound("r1", Channel.SMS, outgoing.mobile(1), "95500", "我明天还", at=MORNING)
    return OutboxItem.objects.get(), receipts.hear(said, at=MORNING).reply


def read(row_id: UUID) -> str:
    """What the page says of a message."""
    if not Staff.objects.filter(username="ruth").exists():
        create_staff(username="ruth", password="correct horse battery", role="supervisor", language="en", at=MORNING, by="t")
    client = Client(headers={"accept-language": "en"})
    client.force_login(Staff.objects.get(username="ruth"))
    answer = client.post(f"/message/{row_id}/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_words_are_kept_five_years_after_the_last_contact_and_their_digest_for_ever(written: tuple[OutboxItem, Reply]) -> None:
    item, reply = written
    digests = identity.said_digests([item.pk, reply.pk])
    assert sweep_words(years=1.5) == {}  # nobody looks
    assert sweep_words(years=4.9) == {"not_yet": 2}
    assert sweep_words(years=5.1, dry_run=True) == {"erased": 2}
    assert Said.objects.count() == 2
    assert sweep_words(years=5.1) == {"erased": 2}
    assert not Said.objects.exists()
    told = Event.objects.get(kind="words.erased", chain=item.customer_id).body
    assert told["rules"] == ["cn.retention.account_records"]
    assert {UUID(each["row"]): each["digest"] for each in told["rows"]} == digests
    assert {each["contact"] for each in told["rows"]} == {str(item.contact_id), str(reply.contact_id)}
    assert sweep_words(years=5.2) == {}
    assert Event.objects.filter(kind="words.erased").count() == 1
    assert Contact.objects.count() == 2
    assert verify()["ok"]


def test_pages_say_until_when_words_are_kept_and_that_they_were_erased(written: tuple[OutboxItem, Reply]) -> None:
    item, _ = written
    page = read(item.pk)
    assert "325.06元" in page
    assert "2031-11-23" in page
    assert Event.objects.filter(kind="message.read").count() == 1
    sweep_words(years=5.1)
    page = read(item.pk)
    assert "erased on 2031-12-" in page
    assert "cn.retention.account_records" in page
    assert "taken by the next hand" in page
    assert Event.objects.filter(kind="message.read").count() == 1


def test_an_open_complaint_keeps_words_and_so_does_a_later_contact(written: tuple[OutboxItem, Reply]) -> None:
    item, _ = written
    placed = hold.place(
        item.customer_id, HoldKind.COMPLAINT, begins=MORNING, reason="x", law=law.in_force(MORNING), at=MORNING, by="t"
    )
    assert isinstance(placed, hold.Placed)
    assert sweep_words(years=5.1) == {"held": 2}
    hold.end(placed.hold_id, at=MORNING + timedelta(days=1), by="t")
    later = MORNING + timedelta(days=365 * 2)
    receipts.hear(Inbound("r2", Channel.SMS, outgoing.mobile(1), "95500", "好的", at=later), at=later)
    assert sweep_words(years=5.1) == {"not_yet": 3}
    assert Said.objects.count() == 3


def test_words_of_nobody_known_end_five_years_after_they_came() -> None:
    receipts.hear(Inbound("r1", Channel.SMS, "+8619999999999", "95500", "谁啊", at=MORNING), at=MORNING)
    assert sweep_words(years=4.9) == {"not_yet": 1}
    assert sweep_words(years=5.1, packs=()) == {"not_yet": 1}
    assert sweep_words(years=5.1) == {"erased": 1}
    assert Event.objects.get(kind="words.erased").chain == ""


def test_who_dies_while_words_are_erased_leaves_words_and_no_event(
    written: tuple[OutboxItem, Reply], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Held, "remember", dies)
        with pytest.raises(KeyboardInterrupt):
            sweep_words(years=5.1)
    assert Said.objects.count() == 2
    assert not Event.objects.filter(kind="words.erased").exists()
    assert sweep_words(years=5.1) == {"erased": 2}
