"""One question put to the rules: this attempt, these facts, this instant; with what several rules derive from them.

Knows local time, windows of dates, what counts as opened by the person, and which consent is in force. Derives each only
when a rule asks for it, and once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from anhuan.core.days import Calendar
from anhuan.core.facts import Attempt, Consent, Contact, Facts
from anhuan.core.vocabulary import CALLS, Channel, Covers, Direction, Outcome, Party

zone_named = cache(ZoneInfo)

TALK = frozenset({Outcome.CONVERSATION, Outcome.EFFECTIVE_CONVERSATION})
FREQUENCY_CONSENT_DATES = 7
"""A consent to be called again lasts at most seven dates (Regulation F, comment 14(b)(3)(i)-2)."""


def same_medium(one: Channel, other: Channel) -> bool:
    """Whether two channels are one medium: what is said of a call is said of every way of calling."""
    return one is other or (one in CALLS and other in CALLS)


def same_person(contact: Contact, attempt: Attempt) -> bool:
    """Whether a contact was with whom the attempt is for: by her id where both name one, else by relation.

    Somebody who goes without an id may be anybody of that relation, and so she may be this one.
    """
    if contact.person and attempt.person:
        return contact.person == attempt.person
    return contact.party is attempt.party


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

    def date_of(self, at: datetime) -> str:
        """The local date of another instant, for an explanation; in UTC where no zone is known."""
        zones = self.facts.timezones
        return at.astimezone(zone_named(zones[0]) if zones else UTC).date().isoformat()

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

    def last_hours(self, hours: int) -> Iterator[Contact]:
        """The contacts of the last so many hours, both ends included."""
        first = bisect_left(self.facts.instants, self.at - timedelta(hours=hours))
        return iter(self.facts.contacts[first : bisect_right(self.facts.instants, self.at, first)])

    def so_far(self) -> tuple[Contact, ...]:
        """All contacts up to this instant."""
        return self.facts.contacts[: bisect_right(self.facts.instants, self.at)]

    # --- what the attempt is ---

    @property
    def opened(self) -> bool:
        """Whether the person opened it: a step in a contact of hers, or the first reply to it by the same channel."""
        attempt = self.attempt
        if attempt.session_of is None and attempt.in_reply_to is None:
            return False
        if self._opened is None:
            self._opened = self._is_opened()
        return self._opened

    def _is_opened(self) -> bool:
        running = self._linked(self.attempt.session_of)
        if running is not None and running.direction is Direction.INBOUND:
            return True
        asked = self._linked(self.attempt.in_reply_to)
        return (
            asked is not None
            and asked.direction is Direction.INBOUND
            and asked.channel is self.attempt.channel
            and not any(c.in_reply_to == asked.id and c.direction is Direction.OUTBOUND for c in self.so_far())
        )

    def _linked(self, contact_id: str | None) -> Contact | None:
        """A contact the attempt refers to: one with this very person, up to this instant."""
        found = self.facts.contact(contact_id) if contact_id else None
        return found if found is not None and found.at <= self.at and same_person(found, self.attempt) else None

    @property
    def in_session(self) -> bool:
        """Whether it is a further step inside a contact with this person, and so no new one."""
        return self._linked(self.attempt.session_of) is not None

    @property
    def is_reply(self) -> bool:
        """Whether it answers something this person sent or said."""
        asked = self._linked(self.attempt.in_reply_to)
        return asked is not None and asked.direction is Direction.INBOUND

    # --- consent ---

    def consent(
        self, covers: Covers, *, personal: bool, debt: str | None = None, named: Callable[[Consent], bool] | None = None
    ) -> Consent | None:
        """The latest consent in force that covers this attempt; `personal`: only one given to its very actor.

        `named` asks more of it, such as that it names the attempt's number.
        """
        if not self.facts.consents:
            return None
        attempt = self.attempt
        debts = attempt.debts if debt is None else frozenset({debt})
        for consent in reversed(self.facts.consents):
            if (
                covers in consent.covers
                and (not personal or consent.given_to == attempt.actor)
                and (named is None or named(consent))
                and _lets_through(consent, attempt, debts)
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
            and _lets_through(consent, contact, debts)
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


def _lets_through(consent: Consent, made: Attempt | Contact, debts: frozenset[str]) -> bool:
    """Whether the limits a consent states admit a contact, made or wanted, about these debts.

    The debtor agrees for herself: whoever else is contacted is admitted only by name, and a matter without a debt is none of
    the debts that are named.
    """
    return (
        (consent.channel is None or same_medium(consent.channel, made.channel))
        and (consent.point is None or consent.point == made.point)
        and (made.party is Party.DEBTOR if consent.person is None else consent.person == made.person)
        and (consent.debts is None or (bool(debts) and debts <= consent.debts))
    )
