"""A collector's call over a real Asterisk, SIPp being her telephone and the customer's: permit, dial, talk, hang-up, wrap-up, recording."""

from __future__ import annotations

import hashlib
import os
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from tests.channels import asterisk
from tests.flows import outgoing
from tests.flows.outgoing import MORNING
from tests.records import desk

from anhuan import clock
from anhuan.acts import call as calls
from anhuan.acts import law, retention
from anhuan.acts.call import Disposition, Finished
from anhuan.acts.customer import Held
from anhuan.acts.dispatch import telephone
from anhuan.core.vocabulary import LineResult
from anhuan.records.call import Call, Way
from anhuan.records.contact import Contact
from anhuan.records.customer import ContactPoint
from anhuan.records.events import Event, verify

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
BY, EXTENSION = "collector", "2001"


@pytest.fixture(scope="module")
def exchange() -> Iterator[Any]:
    with asterisk.running() as exchange:
        yield exchange


@pytest.fixture
def home(exchange: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "ari").write_text("secret\n")
    (tmp_path / "telephone.yaml").write_text(
        f"url: {exchange.url}\nuser: anhuan\npassword_file: ari\ncontext: anhuan-desk\ncaller: '95588'\ntells: anhuan\nring_for: 4\n"
    )
    monkeypatch.setattr(django_settings, "ANHUAN_HOME", tmp_path)
    monkeypatch.setattr(clock, "now", lambda: MORNING)
    outgoing.customer(1)
    calls.sit_at(EXTENSION, at=MORNING, by=BY)
    yield tmp_path
    desk.empty_cards()


def waited(for_what: Callable[[], Any], *, within: float = 40) -> Any:
    hurry = time.monotonic() + within
    while time.monotonic() < hurry:
        if found := for_what():
            return found
        time.sleep(0.3)  # between two questions to the exchange and the site
    raise AssertionError("it did not come about in time")


def called(exchange: Any, home: Path, customer: str, *, collector: str | None = None) -> tuple[Call, Any]:
    """A call that was begun, with what the exchange says of its line in the end."""
    with ExitStack() as both:
        both.enter_context(asterisk.customer(exchange, customer, home))
        both.enter_context(asterisk.customer(exchange, collector or asterisk.answers(), home, at_desk=True))
        point = ContactPoint.objects.get(party="debtor")
        at = law.in_force(MORNING)
        call = calls.begin(point.customer_id, point_id=point.point_id, way=Way.SOFTPHONE, law=at, at=MORNING, by=BY)
        assert isinstance(call, Call), call
        return call, waited(lambda: calls.ended(call, home=home, at=MORNING))


def wrapped(call: Call, result: str, **told: Any) -> Contact:
    """The call wrapped up with the line the exchange told."""
    line = Call.objects.get(pk=call.pk).draft["reported"]
    finished = calls.finish(
        call.call_id, Disposition(line, told.pop("party", "NOB"), result, **told), law=law.in_force(MORNING), at=MORNING, by=BY
    )
    assert isinstance(finished, Finished), finished
    return Contact.objects.get(pk=call.contact_id)


TALKS = asterisk.answers(hangs_up=True, speaks=True)


def test_both_talk_the_customer_hangs_up_and_the_talk_is_kept_with_its_digest_until_its_last_day(
    exchange: Any, home: Path
) -> None:
    call, line = called(exchange, home, TALKS)
    assert (line.line_result, line.code) == (LineResult.CONNECTED, "q850:16")
    assert line.talked >= 1
    contact = wrapped(call, "HUP", party="UNK")
    assert (contact.state, contact.line_result) == ("completed", "connected")

    assert calls.collect(home, at=MORNING, by="t") == 1
    file = home / "desk-calls" / f"desk-{call.call_id}.wav"
    with wave.open(str(file), "rb") as recording:
        assert (recording.getframerate(), recording.getsampwidth()) == (8000, 2)
        assert recording.getnframes() > 8000
        assert len(set(recording.readframes(recording.getnframes()))) > 2  # and is not silence
    assert file.stat().st_mode & 0o777 == 0o600
    kept = Event.objects.get(kind="call.recorded").body
    assert kept == {
        "call": str(call.call_id), "contact": str(call.contact_id),
        "recording": {
            "file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "keep_until": (MORNING.date() + timedelta(days=1096)).isoformat(),
        },
    }  # fmt: skip
    assert calls.collect(home, at=MORNING, by="t") == 0  # the exchange has it no more
    assert verify()["ok"]

    desk_calls = telephone.read(home).recordings
    os.utime(file, (MORNING.timestamp(), MORNING.timestamp()))
    for years, fate in ((2.5, "not_yet"), (3.1, "destroyed")):
        at = MORNING + timedelta(days=365.25 * years)
        swept = retention.sweep(recordings=None, desk_recordings=desk_calls, spool=None, packs=("cn",), at=at, by="t")
        assert dict(swept.fates["recordings"]) == {fate: 1}
    assert not file.exists()


def test_who_dies_between_the_file_and_its_event_fetches_it_again_with_one_event(
    exchange: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, _ = called(exchange, home, TALKS)
    assert calls.collect(home, at=MORNING, by="t") == 0  # she has not wrapped it up
    wrapped(call, "HUP", party="UNK")

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    for owner, verb in ((Held, "remember"), (telephone.Softphone, "forget")):
        with monkeypatch.context() as patched:
            patched.setattr(owner, verb, dies)
            with pytest.raises(KeyboardInterrupt):
                calls.collect(home, at=MORNING, by="t")
    assert calls.collect(home, at=MORNING, by="t") == 1
    assert Event.objects.filter(kind="call.recorded", body__call=str(call.call_id)).count() == 1


@pytest.mark.parametrize(
    ("customer", "line", "code", "kept"),
    [
        (asterisk.refuses("486 Busy Here"), LineResult.BUSY, "q850:17", "LB"),
        (asterisk.refuses("603 Decline"), LineResult.NO_ANSWER, "q850:21", "RJ"),
        (asterisk.refuses("404 Not Found", rings=False), LineResult.INVALID_NUMBER, "q850:1", "XN"),
        (asterisk.rings(), LineResult.NO_ANSWER, "", "NA"),
    ],
)
def test_lines_nobody_took_are_told_apart_and_stand_on_the_contact(
    exchange: Any, home: Path, customer: str, line: LineResult, code: str, kept: str
) -> None:
    call, ended = called(exchange, home, customer)
    assert ended.line_result is line
    assert ended.code.startswith(code)
    assert Call.objects.get(pk=call.pk).draft["reported"] == kept
    assert wrapped(call, "NOA").line_result == line
    assert calls.collect(home, at=MORNING, by="t") == 0


def test_a_collector_who_does_not_pick_up_is_told_that_nothing_was_dialled_and_the_contact_counts(
    exchange: Any, home: Path
) -> None:
    call, ended = called(exchange, home, asterisk.answers(), collector=asterisk.refuses("486 Busy Here"))
    assert ended == calls.NOT_PICKED_UP
    assert "reported" not in Call.objects.get(pk=call.pk).draft
    assert Contact.objects.get(pk=call.contact_id).state == "started"
