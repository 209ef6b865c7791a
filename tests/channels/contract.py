"""What every transport keeps, whatever its protocol: one suite, run against each one's loopback double.

A channel's tests give a fixture `loopback` (a Loopback) and a class that inherits `TransportContract`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import pytest
from tests.channels.permits import permit

from anhuan.channels.transport import AlreadySent, Delivery, Message, NotPermitted, Receipt, Session, Transport
from anhuan.core.gate import Permit
from anhuan.core.vocabulary import Channel


@dataclass(frozen=True)
class Sent:
    """What reached the other side, joined from its parts."""

    to: str
    text: str


class Loopback(ABC):
    """A transport and the other side it speaks to, which does what the address it is sent to says.

    `transport` is not open yet. An address may be "": then this protocol has no such answer, and its tests are skipped.
    """

    transport: Transport
    channel: Channel
    text: str = "您好，您的信用卡本期账单已到期，请及时还款。"

    good: str  # is taken
    never: str = ""  # is refused, for good
    later: str = ""  # is refused, for now
    silent: str = ""  # is taken in, and then there is no answer

    @abstractmethod
    def arrived(self) -> list[Sent]:
        """Everything that reached the other side so far, in whatever order."""

    def message(self, to: str, text: str | None = None) -> Message:
        return Message(to, self.text if text is None else text, subject="账单提醒")

    def new(self) -> Permit:
        return permit(self.channel)


class TransportContract:
    def send(self, loopback: Loopback, *addresses: str) -> list[Receipt]:
        return list(loopback.transport.send_many((loopback.new(), loopback.message(to)) for to in addresses))

    def test_a_message_that_is_taken_carries_the_attempt_and_the_references_of_the_other_side(self, loopback):
        with loopback.transport as transport:
            allowed = loopback.new()
            receipt = transport.send(allowed, loopback.message(loopback.good))
        assert (receipt.attempt_id, receipt.delivery) == (allowed.attempt_id, Delivery.TAKEN)
        assert receipt.references
        assert all(receipt.references)
        assert loopback.arrived() == [Sent(loopback.good, loopback.text)]

    def test_a_batch_has_one_receipt_for_each_message(self, loopback):
        batch = [(loopback.new(), loopback.message(loopback.good, f"第{number}条提醒")) for number in range(20)]
        with loopback.transport as transport:
            receipts = list(transport.send_many(batch))
        assert sorted(r.attempt_id for r in receipts) == sorted(allowed.attempt_id for allowed, _ in batch)
        assert {r.delivery for r in receipts} == {Delivery.TAKEN}
        assert len({r.references for r in receipts}) == len(batch)
        assert sorted(sent.text for sent in loopback.arrived()) == sorted(message.text for _, message in batch)

    def test_what_is_refused_for_good_is_told_apart_from_what_may_be_taken_later(self, loopback):
        told = {"never": True, "later": False}
        asked = {getattr(loopback, name): permanent for name, permanent in told.items() if getattr(loopback, name)}
        if not asked:
            pytest.skip("this protocol takes everything")
        with loopback.transport:
            for address, permanent in asked.items():
                [receipt] = self.send(loopback, address)
                assert (receipt.delivery, receipt.permanent, receipt.nothing_left) == (Delivery.FAILED, permanent, True)
                assert receipt.code
        assert loopback.arrived() == []

    def test_one_bad_address_does_not_keep_the_others_back(self, loopback):
        if not loopback.never:
            pytest.skip("this protocol takes everything")
        with loopback.transport:
            receipts = self.send(loopback, loopback.good, loopback.never, loopback.good)
        assert sorted(r.delivery for r in receipts) == [Delivery.FAILED, Delivery.TAKEN, Delivery.TAKEN]
        assert len(loopback.arrived()) == 2

    def test_what_is_never_answered_is_unknown_and_counts(self, loopback):
        if not loopback.silent:
            pytest.skip("this protocol always answers")
        with loopback.transport:
            [receipt] = self.send(loopback, loopback.silent)
        assert (receipt.delivery, receipt.nothing_left) == (Delivery.UNKNOWN, False)

    def test_a_code_can_stand_as_a_proof(self, loopback):
        with loopback.transport:
            receipts = self.send(loopback, *filter(None, (loopback.good, loopback.never, loopback.later)))
        for receipt in receipts:
            bare = receipt.code.replace("_", "").replace(":", "").replace(".", "")
            assert len(receipt.code) <= 80
            assert not bare or bare.isalnum()

    def test_nothing_is_sent_without_a_permit_of_the_gate(self, loopback):
        with loopback.transport as transport:
            for forged in (None, "yes", loopback.new().attempt, object()):
                with pytest.raises(NotPermitted):
                    transport.send(forged, loopback.message(loopback.good))
        assert loopback.arrived() == []

    def test_nothing_is_sent_on_a_permit_for_another_channel(self, loopback):
        others = set(Channel) - loopback.transport.channels
        if not others:
            pytest.skip("this one carries every channel")
        with loopback.transport as transport, pytest.raises(NotPermitted):
            transport.send(permit(min(others)), loopback.message(loopback.good))
        assert loopback.arrived() == []

    def test_one_forged_permit_keeps_a_whole_batch_back(self, loopback):
        message = loopback.message(loopback.good)
        with loopback.transport as transport, pytest.raises(NotPermitted):
            list(transport.send_many([(loopback.new(), message), (None, message)]))
        assert loopback.arrived() == []

    def test_the_same_attempt_is_never_sent_twice(self, loopback):
        allowed, message = loopback.new(), loopback.message(loopback.good)
        with loopback.transport as transport:
            transport.send(allowed, message)
            with pytest.raises(AlreadySent):
                transport.send(allowed, message)
            with pytest.raises(AlreadySent):
                transport.send_many([(again := loopback.new(), message), (again, message)])
        assert len(loopback.arrived()) == 1

    def test_an_attempt_that_failed_is_not_sent_again_either(self, loopback):
        if not loopback.later:
            pytest.skip("this protocol takes everything")
        allowed = loopback.new()
        with loopback.transport as transport:
            transport.send(allowed, loopback.message(loopback.later))
            with pytest.raises(AlreadySent):
                transport.send(allowed, loopback.message(loopback.good))

    def test_a_session_that_is_not_open_takes_nothing_and_says_that_nothing_left(self, loopback):
        [receipt] = self.send(loopback, loopback.good)
        assert (receipt.delivery, receipt.permanent, receipt.nothing_left) == (Delivery.FAILED, False, True)
        assert loopback.arrived() == []

    def test_closing_waits_for_what_is_under_way_and_may_be_done_twice(self, loopback):
        loopback.transport.open()
        receipts = self.send(loopback, *[loopback.good] * 5)
        loopback.transport.close()
        loopback.transport.close()
        assert {r.delivery for r in receipts} == {Delivery.TAKEN}
        assert len(loopback.arrived()) == 5
        assert loopback.transport.health().session is Session.CLOSED

    def test_its_health_counts_what_became_of_what(self, loopback):
        transport = loopback.transport
        assert transport.health().session is Session.CLOSED
        with transport:
            self.send(loopback, *filter(None, (loopback.good, loopback.good, loopback.never)))
            health = transport.health()
        assert health.session is Session.OPEN
        assert health.counts.get("taken") == 2
        assert health.counts.get("failed", 0) == bool(loopback.never)
        assert health.per_second > 0
        assert (health.window >= 1, health.waiting) == (True, 0)

    def test_what_is_personal_shows_in_no_representation(self, loopback):
        message = loopback.message(loopback.good)
        with loopback.transport as transport:
            receipt = transport.send(loopback.new(), message)
        for shown in (repr(message), repr(receipt), repr(transport.health())):
            assert loopback.good not in shown
            assert loopback.text not in shown
