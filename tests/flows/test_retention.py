"""Recordings and letters end after their last day, unless a hold keeps them, and their digest stays."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.flows import outgoing
from tests.flows.outgoing import MORNING
from tests.flows.test_voice_calls import ENDED, call
from tests.records import desk

from anhuan import clock
from anhuan.acts import hold, law, receipts, retention
from anhuan.channels.transport import Delivery, Receipt
from anhuan.clockwork import keeping
from anhuan.core.vocabulary import HoldKind
from anhuan.records.contact import Contact
from anhuan.records.events import Event, verify

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
    return {name: dict(fates) for name, fates in swept.fates.items() if fates}


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
