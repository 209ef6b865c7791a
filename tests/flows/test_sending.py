"""What the night wants leaves the house once, through the gate, in approved words, and comes back as records."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from tests.flows import outgoing
from tests.flows.outgoing import MORNING
from tests.records import desk

from anhuan import clock
from anhuan.acts import hold, law, longer, outbox, receipts, sending
from anhuan.acts.dispatch.carriers import ChannelsRefused
from anhuan.acts.staff import create_staff
from anhuan.channels.sandbox.folder import outbox as posted
from anhuan.channels.transport import Asked, Delivery, Fragment, Inbound, Receipt
from anhuan.clockwork.hearing import Ears, settle_answers, settle_left
from anhuan.clockwork.sending import Sender, opened
from anhuan.core.vocabulary import Channel, HoldKind
from anhuan.records import identity
from anhuan.records.account import Account
from anhuan.records.circumstance import PointFinding, PointFindingKind
from anhuan.records.contact import Contact, Permit, Refusal, State
from anhuan.records.events import Event
from anhuan.records.night import Night
from anhuan.records.outbox import Campaign, ItemState, OutboxItem, Reply, ReplyPart
from anhuan.records.outbox import Receipt as Kept
from anhuan.records.staff import Staff
from anhuan.records.strategy import Proposal

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


def wait_for(answer: Callable[[], int]) -> int:
    """PostgreSQL drops the lock of a connection a moment after it ended."""
    for _ in range(1200):
        if found := answer():
            return found
        time.sleep(0.05)
    return 0


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
    assert wait_for(lambda: sending.resolve_abandoned(at=MORNING, by="t")) == 1
    assert set(states().values()) == {ItemState.UNKNOWN}
    assert Contact.objects.get().state == State.UNKNOWN
    assert sender.campaign(campaign.pk) == 0
    assert posted(tmp_path / "sandbox") == []
    late = Receipt(batch.ready[0].permit.attempt_id, Delivery.DELIVERED, at=MORNING)
    assert receipts.settle([late, late], at=MORNING) == 2  # the second changes nothing
    assert set(states().values()) == {ItemState.DELIVERED}
    assert Contact.objects.get().state == State.COMPLETED
    assert Kept.objects.count() == 1


# --- what becomes of it -------------------------------------------------------------------------------------------


def begun(customers: int = 1) -> tuple[Campaign, list[sending.Ready]]:
    campaign = outgoing.night([outgoing.customer(n) for n in range(customers)])
    with sending.sender() as number:
        batch = sending.begin(campaign.pk, worker=number.worker, law=law.in_force(MORNING), at=MORNING, by="t")
    return campaign, batch.ready


def test_what_is_proven_to_have_stayed_is_tried_again_later_under_another_permit(sender: Sender) -> None:
    campaign, (ready,) = begun()
    stayed = Receipt(ready.permit.attempt_id, Delivery.FAILED, "line_down", nothing_left=True)
    receipts.settle([stayed], at=MORNING)
    assert Contact.objects.get().state == State.VOID
    item = OutboxItem.objects.get()
    assert (item.state, item.tries, item.not_before) == (ItemState.WAITING, 1, MORNING + receipts.FIRST_WAIT)
    assert sender.campaign(campaign.pk) == 0  # not yet
    OutboxItem.objects.update(not_before=MORNING)
    assert sender.campaign(campaign.pk) == 1
    assert list(Contact.objects.order_by("recorded_at", "state").values_list("state", flat=True)).count(State.COMPLETED) == 1
    assert sorted(Permit.objects.values_list("attempt_id", flat=True)) == [item.attempt_id, f"{item.attempt_id}:1"]


def test_what_was_refused_without_proof_is_unknown(sender: Sender) -> None:
    campaign, (ready,) = begun()
    receipts.settle([Receipt(ready.permit.attempt_id, Delivery.FAILED, "part_refused")], at=MORNING)
    assert set(states().values()) == {ItemState.UNKNOWN}
    assert sender.campaign(campaign.pk) == 0


def test_an_address_that_is_none_is_not_used_again(sender: Sender) -> None:
    _, (ready,) = begun()
    receipts.settle([Receipt(ready.permit.attempt_id, Delivery.TAKEN, references=("m1",), at=MORNING)], at=MORNING)
    receipts.settle([Receipt("", Delivery.NOT_DELIVERED, "absent", permanent=True, references=("m1",), at=MORNING)], at=MORNING)
    assert set(states().values()) == {ItemState.NOT_DELIVERED}
    assert PointFinding.objects.get().kind == PointFindingKind.UNREACHABLE
    Proposal.objects.all().delete()
    outgoing.night(["C00000000"], team="others")  # the attempt of this night is spent
    assert set(states().values()) == {ItemState.NOT_DELIVERED}
    with sending.sender() as number:
        other = Campaign.objects.get(team="others")
        OutboxItem.objects.update(state=ItemState.WAITING, campaign=other, attempt_id="another", contact_id=None)
        assert not sending.begin(other.pk, worker=number.worker, law=law.in_force(MORNING), at=MORNING, by="t").ready
    assert OutboxItem.objects.get().code == "no_address"


def test_a_person_stops_a_campaign_at_once(sender: Sender, tmp_path: Path) -> None:
    campaign = outgoing.night([outgoing.customer(n) for n in range(3)])
    assert outbox.stop(campaign.pk, reason="wrong text", at=MORNING, by="li") == 3
    assert outbox.stop(campaign.pk, reason="again", at=MORNING, by="li") == 0
    assert sender.campaign(campaign.pk) == 0
    assert posted(tmp_path / "sandbox") == []
    assert Event.objects.get(kind="campaign.stopped").body["messages"] == 3


def test_the_night_queues_jobs_a_sender_looks_for() -> None:
    outgoing.night([outgoing.customer(n) for n in range(3)])
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT task_name, queue_name, status::text FROM procrastinate_jobs")
        assert cursor.fetchall() == [(outbox.JOB, outbox.QUEUE, "todo")]


def test_a_hold_placed_after_the_night_stops_what_waits(sender: Sender) -> None:
    stopped, free = outgoing.customer(1), outgoing.customer(2)
    campaign = outgoing.night([stopped, free])
    hold.place(stopped, HoldKind.COMPLAINT, law=law.in_force(MORNING), at=MORNING, by="li", reason="r")
    sender.campaign(campaign.pk)
    assert states() == {stopped: ItemState.STOPPED, free: ItemState.SENT}


def test_the_gate_is_asked_again_at_the_moment_of_sending(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = outgoing.customer(1)
    campaign = outgoing.night([customer])
    monkeypatch.setattr(clock, "now", lambda: MORNING + timedelta(hours=13))  # five past eleven in the evening
    sender.campaign(campaign.pk)
    item = OutboxItem.objects.get()
    assert (item.state, item.contact_id) == (ItemState.REFUSED, None)
    assert Refusal.objects.get(pk=item.refusal_id).reasons[0]["rule"] == item.code == "cn.quiet_hours"


def test_a_newer_night_decides_anew(sender: Sender) -> None:
    customer = outgoing.customer(1)
    campaign = outgoing.night([customer])
    later = Night.objects.get()
    later.pk, later.sequence, later.business_date, later.content = None, 2, later.business_date + timedelta(days=1), "1" * 64
    later.save(force_insert=True)
    outbox.schedule(later, at=MORNING)
    assert states() == {customer: ItemState.STOPPED}
    assert sender.campaign(campaign.pk) == 0


def test_amounts_of_several_currencies_are_told_each_for_itself_and_never_added(sender: Sender, tmp_path: Path) -> None:
    customer = outgoing.customer(1)
    desk.account(
        "A00000009", customer, currency="USD", bucket=1, days_past_due=5, past_due_since="2026-11-17", due_date="2026-11-17",
        past_due_amount_minor=1050, balance_total_minor=2000, minimum_due_minor=1050,
    )  # fmt: skip
    assert sender.campaign(outgoing.night([customer]).pk) == 1
    [sent] = posted(tmp_path / "sandbox")
    assert "325.06元、10.50美元" in sent.message.text


def test_nobody_is_reminded_of_nothing(sender: Sender) -> None:
    customer = outgoing.customer(1)
    campaign = outgoing.night([customer])
    Account.objects.filter(customer_id=customer).update(past_due_amount_minor=0)
    sender.campaign(campaign.pk)
    item = OutboxItem.objects.get()
    assert (item.state, item.code) == (ItemState.UNFIT, "missing_value")


# --- what comes back ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "intent", "acted"),
    [("T", "stop", "opted_out"), ("打错了，我不认识这个人", "wrong_person", "wrong_number"), ("已还款", "paid", "paused"),
     ("我要投诉你们", "complaint", "paused"), ("怎么还？", "asks_details", "")],
)  # fmt: skip
def test_a_reply_is_an_inbound_contact_with_an_intent_and_stops_what_must_stop(
    text: str, intent: str, acted: str, sender: Sender
) -> None:
    customer = outgoing.customer(1)
    campaign = outgoing.night([customer])
    said = Inbound("r1", Channel.SMS, outgoing.mobile(1), "95500", text, at=MORNING)
    taken = receipts.hear(said, at=MORNING)
    assert (taken.reply.customer_id, taken.reply.intent, taken.reply.acted, taken.new) == (customer, intent, acted, True)
    assert not receipts.hear(said, at=MORNING).new
    assert Contact.objects.get(contact_id=taken.reply.contact_id).direction == "inbound"
    assert identity.said([taken.reply.reply_id])[taken.reply.reply_id]["text"] == text
    assert sender.campaign(campaign.pk) == (0 if acted else 1)


def test_a_reply_of_nobody_known_is_kept_and_does_nothing() -> None:
    taken = receipts.hear(Inbound("r1", Channel.SMS, "+8619999999999", "95500", "T", at=MORNING), at=MORNING)
    assert (taken.reply.customer_id, taken.reply.intent, taken.reply.acted) == ("", "stop", "")


def parts(*numbers: int, text: str = "我已经", answers: str = "") -> list[Inbound]:
    """Parts of a reply of three, in this order."""
    said = {number: f"{text}{number}" for number in (1, 2, 3)}
    return [
        Inbound(f"p{number}", Channel.SMS, outgoing.mobile(1), "95500", said[number], answers, MORNING, Fragment(7, number, 3))
        for number in numbers
    ]


def test_parts_of_a_long_reply_are_kept_one_by_one_and_joined_when_the_last_has_come() -> None:
    outgoing.customer(1)
    heard = [longer.hear(part, at=MORNING) for part in parts(3, 1, 1, 2, 2)]
    assert [taken is not None for taken in heard] == [False, False, False, True, False]
    [reply] = Reply.objects.all()
    assert identity.said([reply.reply_id])[reply.reply_id]["text"] == "我已经1我已经2我已经3"
    # The phone uses its number again.
    assert longer.hear(parts(1, text="退订")[0], at=MORNING) is None
    assert Reply.objects.count() == 1


def test_what_a_killed_sender_heard_of_a_long_reply_is_joined_by_the_next_or_taken_as_far_as_it_came() -> None:
    outgoing.customer(1)
    for part in parts(2, 1):
        longer.hear(part, at=MORNING)
    connection.close()
    assert longer.take_incomplete(at=MORNING + timedelta(minutes=9)) == 0
    assert longer.take_incomplete(at=MORNING + timedelta(minutes=10)) == 1
    [reply] = Reply.objects.all()
    assert identity.said([reply.reply_id])[reply.reply_id]["text"] == "我已经1我已经2"
    longer.take_incomplete(at=MORNING + timedelta(days=2))
    assert not ReplyPart.objects.exists()


def test_the_other_side_is_asked_about_what_is_unknown_and_what_it_says_settles_it_without_another_message(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign, (ready,) = begun()
    receipts.settle(
        [Receipt(ready.permit.attempt_id, Delivery.UNKNOWN, "no_answer", references=("m1", "m2"), parts=3)], at=MORNING
    )
    assert sending.unsettled(Channel.SMS, at=MORNING) == {}
    later = MORNING + sending.ASK_AFTER
    [(item, asked)] = sending.unsettled(Channel.SMS, at=later).items()
    assert asked == Asked(ready.permit.attempt_id, ready.message.to, ("m1", "m2"), 3)
    assert sending.unsettled(Channel.SMS, at=later, known=[item]) == {}

    carrier = sender.carriers.of(Channel.SMS)
    heard: list[Asked] = []
    monkeypatch.setattr(type(carrier), "asks", True)
    monkeypatch.setattr(type(carrier), "_ask", lambda _, told: heard.extend(told))
    monkeypatch.setattr(sender.carriers, "asking", lambda: [(Channel.SMS, carrier)])
    monkeypatch.setattr(clock, "now", lambda: later)
    sender.ask()
    sender.ask()
    assert heard == [asked]
    receipts.settle([Receipt(asked.attempt_id, Delivery.DELIVERED, "smpp:DELIVRD", references=("m1",), parts=3)], at=later)
    assert set(states().values()) == {ItemState.DELIVERED}
    assert sender.campaign(campaign.pk) == 0
    assert Permit.objects.count() == 1


def test_what_nobody_will_answer_for_a_person_counts_as_sent_and_a_late_receipt_is_still_heard(sender: Sender) -> None:
    campaign, (ready,) = begun()
    receipts.settle([Receipt(ready.permit.attempt_id, Delivery.UNKNOWN, "no_answer")], at=MORNING)
    later = MORNING + sending.GIVE_UP
    counted = partial(sending.count_as_sent, campaign.pk, reason="the operator knows nothing", by="wang")
    assert counted(at=later - timedelta(seconds=1)) == 0
    assert counted(at=later) == 1
    assert counted(at=later) == 0
    item, contact = OutboxItem.objects.get(), Contact.objects.get()
    assert (item.state, item.code, contact.state) == (ItemState.SENT, "counted_as_sent", "completed")
    assert Event.objects.get(kind="message.counted").by == "wang"
    assert Event.objects.get(kind="campaign.counted").body["reason"] == "the operator knows nothing"
    assert sender.campaign(campaign.pk) == 0
    receipts.settle([Receipt(ready.permit.attempt_id, Delivery.NOT_DELIVERED, "smpp:UNDELIV")], at=later)
    assert set(states().values()) == {ItemState.NOT_DELIVERED}


def test_only_who_may_stop_a_campaign_may_count_what_is_unknown_as_sent(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign, (ready,) = begun()
    receipts.settle([Receipt(ready.permit.attempt_id, Delivery.UNKNOWN, "no_answer")], at=MORNING)
    monkeypatch.setattr(clock, "now", lambda: MORNING + sending.GIVE_UP)
    create_staff(username="aud", password="correct horse battery", role="auditor", language="en", at=MORNING, by="t")
    client = Client()
    for username, status in (("aud", 403), ("wang", 302)):
        client.force_login(Staff.objects.get(username=username))
        page = client.get(f"/outbox/{campaign.pk}/").content.decode()
        assert 'id="given-up"' in page
        assert ('name="reason" maxlength="200" autocomplete="off"' in page) == (status == 302)
        assert client.post(f"/outbox/{campaign.pk}/counted/", {"reason": "x"}).status_code == status
    assert set(states().values()) == {ItemState.SENT}
    assert 'id="given-up"' not in client.get(f"/outbox/{campaign.pk}/").content.decode()


# --- ears ---------------------------------------------------------------------------------------------------------


def test_what_is_heard_is_settled_and_leaves_no_journal_behind(tmp_path: Path) -> None:
    _, (ready,) = begun()
    ears = Ears(tmp_path, 7, by="t")
    ears.hear(Receipt(ready.permit.attempt_id, Delivery.DELIVERED, references=("m1",), at=MORNING))
    ears.close()
    assert set(states().values()) == {ItemState.DELIVERED}
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_sender_heard_is_settled_by_the_next_and_a_torn_line_is_left_out(tmp_path: Path) -> None:
    _, (ready,) = begun()
    heard = Receipt(ready.permit.attempt_id, Delivery.DELIVERED, references=("m1",), at=MORNING)
    (tmp_path / "receipts-7.jsonl").write_text(json.dumps({**asdict(heard), "at": MORNING.isoformat()}) + '\n{"attempt_id": "m')
    assert settle_left(tmp_path, lives=lambda _: True, by="t") == 0
    assert settle_left(tmp_path, lives=lambda _: False, by="t") == 1
    assert set(states().values()) == {ItemState.DELIVERED}
    assert list(tmp_path.iterdir()) == []


def cut_off_after(*receipts: Receipt) -> Iterator[Receipt]:
    yield from receipts
    raise KeyboardInterrupt


def test_what_was_answered_before_a_kill_in_the_middle_of_a_batch_is_settled_by_the_next_sender(tmp_path: Path) -> None:
    _, (ready,) = begun()
    taken = Receipt(ready.permit.attempt_id, Delivery.TAKEN, references=("m1",))
    with pytest.raises(KeyboardInterrupt):
        settle_answers(tmp_path, 7, cut_off_after(taken), by="t")
    assert set(states().values()) == {ItemState.STARTED}
    assert settle_left(tmp_path, lives=lambda _: False, by="t") == 1
    assert set(states().values()) == {ItemState.SENT}
    assert list(tmp_path.iterdir()) == []


# --- what goes wrong, and who may not -----------------------------------------------------------------------------


def test_two_senders_at_once_share_a_campaign_and_send_nothing_twice(tmp_path: Path) -> None:
    campaign = outgoing.night([outgoing.customer(n) for n in range(120)])
    taken: list[int] = []

    def work(place: Path) -> None:
        with opened(place) as one:
            taken.append(one.campaign(campaign.pk))
        connection.close()

    threads = [threading.Thread(target=work, args=[tmp_path / name]) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 120
    assert set(states().values()) == {ItemState.SENT}
    left = [each.attempt_id for name in ("a", "b") for each in posted(tmp_path / name / "sandbox")]
    assert len(left) == len(set(left)) == 120


@pytest.mark.parametrize(
    "told",
    ["sms: {transport: pigeon}", "sms: {transport: smpp, host: h}", "fax: {transport: smpp}", "sms: [", "email: {transport: smtp, host: h}"],
)  # fmt: skip
def test_a_file_of_channels_that_cannot_be_used_says_so(tmp_path: Path, told: str) -> None:
    (tmp_path / "channels.yaml").write_text(told + "\n")
    with pytest.raises(ChannelsRefused) as refused, opened(tmp_path) as one:
        one.carriers.of(Channel.EMAIL if told.startswith("email") else Channel.SMS)
    assert "channels.yaml" in refused.value.en
    assert "channels.yaml" in refused.value.zh


def test_an_auditor_stops_nothing_and_reads_no_message(sender: Sender) -> None:
    campaign = outgoing.night([outgoing.customer(1)])
    sender.campaign(campaign.pk)
    create_staff(username="aud", password="correct horse battery", role="auditor", language="en", at=MORNING, by="t")
    client = Client()
    assert client.get("/outbox/").status_code == 302
    client.force_login(Staff.objects.get(username="aud"))
    assert client.get("/outbox/").status_code == 200
    assert client.post(f"/outbox/{campaign.pk}/stop/").status_code == 403
    assert client.post(f"/message/{OutboxItem.objects.get().pk}/").status_code == 403
    assert client.get("/sandbox/").status_code == 403
    assert client.post("/sandbox/answer/", {"m": "x", "text": "T"}).status_code == 403
    assert Campaign.objects.get().stopped_at is None
