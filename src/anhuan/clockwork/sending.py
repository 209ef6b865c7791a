"""The senders: jobs that take a campaign batch by batch, and what keeps them going after a crash.

This edge joins the acts of sending with the transports. A process has one sender's number, one set of open transports and as
many jobs at a time as it is given; several processes share a campaign without meeting. Does not know any rule or protocol.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast
from uuid import UUID

from django.db import close_old_connections, connection
from procrastinate.contrib.django import app as jobs
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import DeleteJobCondition

from anhuan import clock
from anhuan.acts import call, law, longer, outbox, sending
from anhuan.acts.dispatch.carriers import Carriers
from anhuan.acts.sending import Number
from anhuan.channels.transport import Inbound
from anhuan.clockwork import hearing, keeping
from anhuan.clockwork.hearing import Ears
from anhuan.core.vocabulary import Channel
from anhuan.records.outbox import Campaign

logger = logging.getLogger(__name__)

ACTOR = "system:sender"
EXIT_LOST = 75
"""How a sender ends that PostgreSQL no longer sees; whoever watches over processes starts it again."""
JOURNALS = "spool"
"""The folder of the home where senders write down what they hear."""
_HEALTH_EVERY = 2.0
"""Seconds between two words of how the transports are."""
_SWEEP_EVERY = 1800
"""After so many, an hour, what is kept too long is destroyed."""
_ASK_AGAIN = timedelta(hours=1)
_LOOK_EVERY = 5
"""After so many of them, a look for what dead senders left, and for messages that nobody is asked to send."""


@dataclass
class Sender:
    """One process that sends: its number, its transports, and whether it has been asked to stop."""

    number: Number
    carriers: Carriers
    stopping: threading.Event = field(default_factory=threading.Event)
    asked: dict[UUID, datetime] = field(default_factory=dict)

    def campaign(self, campaign_id: UUID) -> int:
        """Send what of a campaign is due, batch by batch, until nothing is; how many messages were taken up."""
        campaign = Campaign.objects.filter(pk=campaign_id).first()
        taken = 0
        while campaign is not None and not self.stopping.is_set():
            at = clock.now()
            batch = sending.begin(campaign_id, worker=self.number.worker, law=law.in_force(at), at=at, by=ACTOR)
            if not batch.taken:
                break
            taken += batch.taken
            if batch.ready:
                carrier = self.carriers.of(Channel(campaign.channel))
                answers = carrier.send_many([(each.permit, each.message) for each in batch.ready])
                hearing.settle_answers(self.carriers.home / JOURNALS, self.number.worker, answers, by=ACTOR)
        return taken

    def look_after(self) -> None:
        """Resolve what dead senders left, and queue what nobody is asked to send."""
        lost = sending.resolve_abandoned(at=clock.now(), by=ACTOR)
        if lost:
            logger.warning("a sender died: %d messages are unknown and will not be sent again", lost)
        hearing.settle_left(self.carriers.home / JOURNALS, lives=sending.lives, by=ACTOR)
        longer.take_incomplete(at=clock.now(), by=ACTOR)
        self.ask()
        outbox.sweep(at=clock.now(), real=clock.real())
        self.tell_health()
        call.collect(self.carriers.home, at=clock.now(), by=ACTOR)  # last: it may wait for an exchange that is out of reach

    def ask(self) -> None:
        """Ask the other side about messages of whose end nothing has been heard for a while; each is asked about again after long."""
        at = clock.now()
        self.asked = {item: when for item, when in self.asked.items() if when > at - _ASK_AGAIN}
        for channel, carrier in self.carriers.asking():
            unsettled = sending.unsettled(channel, at=at, known=self.asked)
            carrier.ask(unsettled.values())
            self.asked |= dict.fromkeys(unsettled, at)

    def tell_health(self) -> None:
        sending.tell_health(self.number.worker, self.carriers.health(), at=clock.now())


_sender: Sender | None = None


@jobs.task(name=outbox.JOB, queue=outbox.QUEUE)
def send_campaign(campaign_id: str) -> int:
    """The job of `acts.outbox`: a part of a campaign."""
    close_old_connections()
    if _sender is None:
        raise RuntimeError("jobs of sending run in `anhuan work`")
    return _sender.campaign(UUID(campaign_id))


@contextmanager
def opened(home: Path) -> Iterator[Sender]:
    """A sender with its transports, closed at the end. Raises `carriers.ChannelsRefused`."""
    with sending.sender() as number:
        ears = Ears(home / JOURNALS, number.worker, by=ACTOR)
        carriers = Carriers(home, clock=clock.now, on_receipt=ears.hear, on_inbound=_on_inbound)
        sender = Sender(number, carriers)
        try:
            yield sender
        finally:
            sender.stopping.set()
            carriers.close()
            ears.close()


def _on_inbound(said: Inbound) -> None:
    _in_thread(lambda: longer.hear(said, at=clock.now(), by=ACTOR))


def _in_thread(act: Callable[[], object]) -> None:
    """An act from a thread of a transport, which keeps its connection as long as it is good."""
    close_old_connections()
    act()


# --- the process --------------------------------------------------------------------------------------------------


def work(home: Path, *, until_idle: bool = False, concurrency: int = 1) -> None:
    """Send until SIGTERM or Ctrl-C, or (`until_idle`) until no job is left.

    Every channel's transport is opened at the start, so that receipts and replies are heard while nothing is sent.
    """
    global _sender  # noqa: PLW0603  the one sender of this process, for the jobs that are called by name
    with opened(home) as sender:
        _sender = sender
        for channel in Channel:
            if channel.value in sender.carriers.real():
                sender.carriers.of(channel)
        sender.carriers.of(Channel.SMS)
        sender.look_after()
        caretaker = threading.Thread(target=_look_after, args=[sender], name="caretaker", daemon=True)
        caretaker.start()
        try:
            _run(sender, wait=not until_idle, concurrency=concurrency)
        finally:
            sender.stopping.set()
            caretaker.join()
            _sender = None


def _run(sender: Sender, *, wait: bool, concurrency: int) -> None:
    def end(*_: object) -> None:
        """As with Ctrl-C, but the batch under way comes to its end first."""
        sender.stopping.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        connector = cast(DjangoConnector, jobs.connector).get_worker_connector()
        with jobs.replace_connector(connector) as worker:
            worker.run_worker(
                queues=[outbox.QUEUE], wait=wait, concurrency=concurrency, install_signal_handlers=False, listen_notify=True,
                delete_jobs=DeleteJobCondition.SUCCESSFUL,
            )  # fmt: skip
    except KeyboardInterrupt:
        logger.info("asked to stop")
    finally:
        signal.signal(signal.SIGTERM, before)


def _look_after(sender: Sender) -> None:
    turn = 0
    while not sender.stopping.wait(_HEALTH_EVERY):
        turn += 1
        if not sender.number.holds():
            logger.error("PostgreSQL dropped this sender: it ends, and what it had started is for others to resolve")
            os._exit(EXIT_LOST)  # at once, as a kill would: an orderly end would wait for PostgreSQL
        try:
            close_old_connections()
            sender.look_after() if turn % _LOOK_EVERY == 0 else sender.tell_health()
            if turn % _SWEEP_EVERY == 0:
                keeping.sweep(sender.carriers.home, by=ACTOR)
        except Exception:
            logger.exception("the look after the outbox failed; it is repeated")
    connection.close()
