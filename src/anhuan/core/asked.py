"""One question put to the rules: this attempt, these facts, this instant; with what several rules derive from them.

Knows local time, windows of dates, what counts as opened by the person, and which consent is in force. Derives each only
when a rule asks for it, and once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from anhuan.core.days import Calendar
from anhuan.core.facts import Attempt, Consent, Contact, Facts
from anhuan.core.vocabulary import CALLS, Channel, Covers, Direction, Outcome

zone_named = cache(ZoneInfo)

TALK = frozenset({Outcome.CONVERSATION, Outcome.EFFECTIVE_CONVERSATION})
FREQUENCY_CONSENT_DATES = 7
"""A consent to be called again lasts at most seven dates (Regulation F, comment 14(b)(3)(i)-2)."""


def same_medium(one: Channel, other: Channel) -> bool:
    """Whether two channels are one medium: what is said of a call is said of every way of calling."""
    return one is other or (one in CALLS and other in CALLS)


def start_of(day: date, zone: str) -> datetime:
    """The first instant of a local date, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=zone_named(zone)).astimezone(UTC)


class Asked:
    """An attempt with the facts and the instant it is judged by; rules read it and change nothing."""

    __slots__ = ("_local", "_opened", "_starts", "at", "attempt", "calendars", "facts")

    def __init__(self, attempt: Attempt, facts: Facts, calendars: Mapping[str, Calendar], at: datetime) -> None:
        self.attempt = attempt
        self.facts = facts
        self.calendars = calendars
        self.at = at
        self._local: dict[str, datetime] = {}
        self._starts: dict[tuple[str, int], datetime] = {}
        self._opened: bool | None = None

    # --- time ---

    def local(self, zone: str) -> datetime:
        """The instant in local time."""
        found = self._local.get(zone)
        if found is None:
            found = self._local[zone] = self.at.astimezone(zone_named(zone))
        return found

    def zone(self, zone: str | None) -> str:
        """The zone a rule counts dates in: its own, or the first one of the debtor's."""
        return zone or self.facts.timezones[0]

    def window(self, zone: str, dates: int) -> Iterator[Contact]:
        """The contacts of the last so many local dates, the present one included, up to this instant."""
        key = (zone, dates)
        start = self._starts.get(key)
        if start is None:
            start = self._starts[key] = start_of(self.local(zone).date() - timedelta(days=dates - 1), zone)
        instants = self.facts.instants
        contacts = self.facts.contacts
        first = bisect_left(instants, start)
        return iter(contacts[first : bisect_right(instants, self.at, first)])

    def so_far(self) -> tuple[Contact, ...]:
        """All contacts up to this instant."""
        return self.facts.contacts[: bisect_right(self.facts.instants, self.at)]

    # --- what the attempt is ---

    @property
    def opened(self) -> bool:
        """Whether the person opened it: a step in a contact of hers, or the first reply to it by the same medium."""
        attempt = self.attempt
        if attempt.session_of is None and attempt.in_reply_to is None:
            return False
        if self._opened is None:
            self._opened = self._is_opened()
        return self._opened

    def _is_opened(self) -> bool:
        attempt = self.attempt
        running = self.facts.contact(attempt.session_of) if attempt.session_of else None
        if running is not None and running.direction is Direction.INBOUND:
            return True
        asked = self.facts.contact(attempt.in_reply_to) if attempt.in_reply_to else None
        return (
            asked is not None
            and asked.direction is Direction.INBOUND
            and same_medium(asked.channel, attempt.channel)
            and not any(c.in_reply_to == asked.id and c.direction is Direction.OUTBOUND for c in self.so_far())
        )

    @property
    def in_session(self) -> bool:
        """Whether it is a further step inside a contact that exists, and so no new one."""
        session = self.attempt.session_of
        return session is not None and self.facts.contact(session) is not None

    @property
    def is_reply(self) -> bool:
        replied = self.attempt.in_reply_to
        return replied is not None and self.facts.contact(replied) is not None

    # --- consent ---

    def consent(self, covers: Covers, *, personal: bool, debt: str | None = None) -> Consent | None:
        """The latest consent in force that covers this attempt; `personal`: only one given to its very actor."""
        if not self.facts.consents:
            return None
        attempt = self.attempt
        debts = attempt.debts if debt is None else frozenset({debt})
        for consent in reversed(self.facts.consents):
            if (
                covers in consent.covers
                and (not personal or consent.given_to == attempt.actor)
                and _lets_through(consent, attempt.channel, attempt.point, attempt.person, debts)
                and self._runs(consent, covers, self.at, debts)
            ):
                return consent
        return None

    def made_under_consent(self, contact: Contact, debt: str | None) -> bool:
        """Whether an earlier call was made under a `frequency` consent given to whoever made it."""
        debts = contact.debts if debt is None else frozenset({debt})
        return any(
            Covers.FREQUENCY in consent.covers
            and consent.given_to == contact.actor
            and _lets_through(consent, contact.channel, contact.point, contact.person, debts)
            and self._runs(consent, Covers.FREQUENCY, contact.at, debts)
            for consent in self.facts.consents
        )

    def _runs(self, consent: Consent, covers: Covers, at: datetime, debts: frozenset[str]) -> bool:
        """Whether a consent runs at an instant.

        One to be called again lasts at most seven dates, the date it was given being the first, and ends earlier with
        the next conversation about the debt (12 CFR 1006.14(b)(3)(i); comment 14(b)(3)(i)-1 and -2).
        """
        if at < consent.begins or at < consent.at or (consent.ends is not None and at >= consent.ends):
            return False
        if covers is not Covers.FREQUENCY:
            return True
        zone = self.zone(None)
        given = consent.at.astimezone(zone_named(zone)).date()
        return at < start_of(given + timedelta(days=FREQUENCY_CONSENT_DATES), zone) and not any(
            consent.at < contact.at < at and contact.is_call and contact.outcome in TALK and contact.debts & debts
            for contact in self.facts.contacts
        )


def _lets_through(consent: Consent, channel: Channel, point: str, person: str, debts: frozenset[str]) -> bool:
    """Whether the limits a consent states admit this channel, point, person and these debts."""
    return (
        (consent.channel is None or same_medium(consent.channel, channel))
        and (consent.point is None or consent.point == point)
        and (consent.person is None or consent.person == person)
        and (consent.debts is None or debts <= consent.debts)
    )
