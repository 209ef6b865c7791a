"""What the night wants leaves the house once, through the gate, in approved words, and comes back as records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flows import outgoing
from tests.flows.outgoing import MORNING
from tests.records import desk

from anhuan import clock
from anhuan.acts import law, receipts, sending
from anhuan.channels.sandbox.folder import outbox as posted
from anhuan.clockwork.sending import Sender, opened
from anhuan.records.contact import Contact, State
from anhuan.records.outbox import ItemState, OutboxItem

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(clock, "now", lambda: MORNING)
    outgoing.in_force("overdue_gentle")
    yield
    desk.empty_cards()


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Sender]:
    with opened(tmp_path) as one:
        yield one


def states() -> dict[str, str]:
    return dict(OutboxItem.objects.values_list("customer_id", "state"))


def test_what_is_due_leaves_once_and_its_contact_is_completed(sender: Sender, tmp_path: Path) -> None:
    people = [outgoing.customer(n) for n in range(3)]
    campaign = outgoing.night(people)
    assert sender.campaign(campaign.pk) == 3
    assert sender.campaign(campaign.pk) == 0
    assert set(states().values()) == {ItemState.SENT}
    assert {(c.state, c.channel, c.automated) for c in Contact.objects.all()} == {(State.COMPLETED, "sms", True)}
    sent = posted(tmp_path / "sandbox")
    assert sorted(each.message.to for each in sent) == [outgoing.mobile(n) for n in range(3)]
    assert all("325.06元" in each.message.text and "2026年11月17日" in each.message.text for each in sent)


def test_what_a_dead_sender_had_started_is_unknown_and_never_sent_again(sender: Sender, tmp_path: Path) -> None:
    campaign = outgoing.night([outgoing.customer(1)])
    with sending.sender() as other:
        batch = sending.begin(campaign.pk, worker=other.worker, law=law.in_force(MORNING), at=MORNING, by="t")
        assert len(batch.ready) == 1
        assert sending.resolve_abandoned(at=MORNING, by="t") == 0  # it lives
    assert sending.resolve_abandoned(at=MORNING, by="t") == 1
    assert set(states().values()) == {ItemState.UNKNOWN}
    assert Contact.objects.get().state == State.UNKNOWN
    assert sender.campaign(campaign.pk) == 0
    assert posted(tmp_path / "sandbox") == []
    assert receipts  # a receipt may still come
