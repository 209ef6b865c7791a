"""The recording of a call at its quality check: played in parts, its digest compared, the hearing kept, and gone once it is erased."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from tests.records import desk, supervised
from tests.records.desk import MORNING

from anhuan import clock
from anhuan.acts import customer, quality, retention
from anhuan.records.call import Call
from anhuan.records.events import Event, verify
from anhuan.records.quality import QualityPick
from anhuan.records.staff import Staff
from anhuan.records.viewing import Viewing

pytestmark = pytest.mark.django_db
WAV = b"RIFF" + bytes(range(256)) * 8


@pytest.fixture(autouse=True)
def house(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Staff]]:
    settings.ANHUAN_HOME = tmp_path
    monkeypatch.setattr(clock, "now", lambda: MORNING)
    (tmp_path / "channels.yaml").write_text("call: {transport: ari, recordings_folder: calls}\n")
    supervised.customers(1)
    yield supervised.people()
    desk.empty_cards()


@pytest.fixture
def call(house: dict[str, Staff], tmp_path: Path) -> Call:
    """A call of Wang's that was recorded, and is on the list."""
    led = supervised.call("C0", "wang")
    recording = {"file": "desk-1.wav", "sha256": hashlib.sha256(WAV).hexdigest(), "keep_until": "2029-11-20"}
    with customer.held("C0", at=MORNING, by="system:keeper") as held:
        held.remember("call.recorded", {"call": str(led.pk), "contact": str(led.contact_id), "recording": recording})
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "desk-1.wav").write_bytes(WAV)
    assert led.contact_id is not None
    assert isinstance(quality.ask(led.contact_id, at=MORNING, by="boss"), QualityPick)
    return led


def signed_in(staff: Staff) -> Client:
    client = Client()
    client.force_login(staff)
    client.cookies["anhuan-language"] = "en"
    return client


def heard(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def at(call: Call) -> str:
    return f"/quality/calls/{call.contact_id}/recording/"


def page(client: Client, call: Call) -> str:
    return str(client.get(f"/quality/calls/{call.contact_id}/").content.decode())


def test_a_reviewer_hears_it_whole_and_in_parts_and_the_case_remembers_one_hearing(house: dict[str, Staff], call: Call) -> None:
    boss = signed_in(house["boss"])
    assert f'<audio controls preload="none" src="{at(call)}"' in page(boss, call)
    whole = boss.get(at(call))
    assert (whole.status_code, whole["Accept-Ranges"], whole["Content-Type"], heard(whole)) == (200, "bytes", "audio/wav", WAV)
    size = len(WAV)
    for asked, (begin, end) in {
        "0-9": (0, 9),
        "100-": (100, size - 1),
        "-50": (size - 50, size - 1),
        f"5-{size + 9}": (5, size - 1),
    }.items():
        part = boss.get(at(call), headers={"Range": f"bytes={asked}"})
        assert (part.status_code, part["Content-Range"]) == (206, f"bytes {begin}-{end}/{size}")
        assert part["Content-Length"] == str(end - begin + 1)
        assert heard(part) == WAV[begin : end + 1]
    for asked in (f"{size}-", "9-3", "-0"):
        refused = boss.get(at(call), headers={"Range": f"bytes={asked}"})
        assert (refused.status_code, refused["Content-Range"]) == (416, f"bytes */{size}")
    for headers in ({"Range": "bytes=0-1,5-6"}, {"Range": "pages=1-2"}, {"Range": "bytes=0-9", "If-Range": '"another"'}):
        assert boss.get(at(call), headers=headers).status_code == 200
    told = Event.objects.get(kind="recording.heard")
    assert (told.by, told.body["contact"]) == ("boss", str(call.contact_id))
    assert Viewing.objects.filter(by="boss", reason="recording", clear=True).count() == 1
    assert verify()["ok"]


def test_only_who_reviews_may_hear_it_and_nobody_her_own(house: dict[str, Staff], call: Call) -> None:
    assert signed_in(house["wang"]).get(at(call)).status_code == 403
    assert signed_in(house["chen"]).get(at(call)).status_code == 403
    QualityPick.objects.update(collector="second")
    assert signed_in(house["second"]).get(at(call)).status_code == 404
    assert "<audio" not in page(signed_in(house["second"]), call)
    QualityPick.objects.all().delete()
    assert signed_in(house["boss"]).get(at(call)).status_code == 404, "what is on no list is heard by nobody"
    assert not Event.objects.filter(kind="recording.heard").exists()


def test_another_file_than_was_recorded_is_not_played(house: dict[str, Staff], call: Call, tmp_path: Path) -> None:
    boss, file = signed_in(house["boss"]), tmp_path / "calls" / "desk-1.wav"
    file.write_bytes(WAV + b"!")
    assert 'data-recording="changed"' in page(boss, call)
    assert boss.get(at(call)).status_code == 404
    file.unlink()
    assert 'data-recording="missing"' in page(boss, call)
    assert boss.get(at(call)).status_code == 404


def test_after_its_last_day_it_is_told_as_erased_with_the_rule(
    house: dict[str, Staff], call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, later = tmp_path / "calls" / f"desk-{call.pk}.wav", MORNING + timedelta(days=1200)
    (tmp_path / "calls" / "desk-1.wav").rename(file)
    os.utime(file, (MORNING.timestamp(), MORNING.timestamp()))
    swept = retention.sweep(recordings=file.parent, spool=None, packs=["cn"], at=later, by="system:keeper")
    assert dict(swept.fates["recordings"]) == {"destroyed": 1}
    monkeypatch.setattr(clock, "now", lambda: later)
    boss = signed_in(house["boss"])
    told = page(boss, call)
    assert 'data-recording="erased"' in told
    assert "cn.retention.recording" in told
    assert boss.get(at(call)).status_code == 404
