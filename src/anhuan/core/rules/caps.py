"""How often: caps on contacts over local dates, counted across bank, agencies, robots and channels.

A contact that has started and whose result is not known counts as whatever would count: an allowance is taken before the
contact is made and given back only on proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Annotated

from anhuan.core.asked import Asked, same_person, start_of, zone_named
from anhuan.core.facts import MAIN_POINT, Consent, Contact
from anhuan.core.law import Ground, Stricter
from anhuan.core.vocabulary import BANK, CALLS, Channel, Covers, Direction, LineResult, Outcome, PointKind

MOBILE_OR_HOME = frozenset({PointKind.MOBILE, PointKind.HOME_PHONE})
_UNANSWERED = frozenset({LineResult.NO_ANSWER, LineResult.VOICEMAIL})


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` contacts within `dates` local dates, the attempt's own included; with `hours`, within so many hours instead.

    Counted are contacts by `channels`: calls with a result in `lines` and, where given, an outcome in `outcomes`; outbound
    ones, with `inbound` also those the person made. `per` says whose: the same `person`, `point`, `debt` (several debts of
    one attempt are judged one by one). `skips` leaves out contacts of the `bank`, `replies`, calls made under a consent to
    be called (`consented`), and calls to a `wrong_number`. `at_points` limits the cap to points of one class:
    `mobile_or_home` or `elsewhere`. `lifted_by`: a consent to `frequency` frees the attempt, one to `attempts` puts its own
    number in the place of `limit`. `procedures`: an attempt of the bank is counted only for debts in collection procedures.
    """

    limit: Annotated[int, Stricter.LOWER]
    dates: Annotated[int, Stricter.HIGHER]
    channels: Annotated[frozenset[Channel], Stricter.MORE]
    per: frozenset[str]
    zone: str | None = None
    lines: Annotated[frozenset[LineResult] | None, Stricter.MORE] = None
    outcomes: Annotated[frozenset[Outcome] | None, Stricter.MORE] = None
    inbound: bool = False
    skips: Annotated[frozenset[str], Stricter.FEWER] = frozenset()
    at_points: str | None = None
    lifted_by: Covers | None = None
    procedures: bool = False
    hours: Annotated[int, Stricter.HIGHER] = 0

    needs = frozenset({"timezones", "contacts", "consents", "points", "wrong_numbers"})

    def refuses(self, asked: Asked) -> Ground | None:
        if self.at_points is not None:
            kind = asked.facts.point_kind(asked.attempt.channel, asked.attempt.point)
            if kind is None:
                return Ground(missing="point")
            if not self._is_class(kind):
                return None
        zone = asked.zone(self.zone)
        recent = asked.last_hours(self.hours) if self.hours else asked.window(zone, self.dates)
        counted = [contact for contact in recent if self._counts(contact, asked)]
        if len(counted) < self.limit and self.lifted_by is not Covers.ATTEMPTS:
            return None
        for debt in sorted(asked.attempt.debts) if "debt" in self.per else [None]:
            those = counted if debt is None else [contact for contact in counted if debt in contact.debts]
            if "consented" in self.skips:
                those = [c for c in those if not (c.is_call and asked.made_under_consent(c, debt))]
            ground = self._exceeded(asked, zone, debt, those)
            if ground is not None:
                return ground
        return None

    def _counts(self, contact: Contact, asked: Asked) -> bool:
        """Whether a contact counts, whatever debt it was about."""
        if contact.channel not in self.channels or (contact.direction is Direction.INBOUND and not self.inbound):
            return False
        if contact.channel in CALLS and not self._result_counts(contact):
            return False
        attempt, skips, per = asked.attempt, self.skips, self.per
        if "person" in per and not same_person(contact, attempt):
            return False
        if "point" in per and not same_point(contact, asked):
            return False
        if skips and (
            ("bank" in skips and contact.actor == BANK)
            or ("replies" in skips and contact.in_reply_to is not None)
            or ("wrong_number" in skips and contact.point in asked.facts.wrong_numbers)
        ):
            return False
        return self.at_points is None or contact.point_kind is None or self._is_class(contact.point_kind)

    def _result_counts(self, contact: Contact) -> bool:
        if contact.line_result is None:
            return True
        if self.lines is not None and contact.line_result not in self.lines:
            return False
        if self.outcomes is None or contact.outcome in self.outcomes:
            return True
        return contact.outcome is None and contact.line_result is LineResult.CONNECTED

    def _is_class(self, kind: PointKind) -> bool:
        return (kind in MOBILE_OR_HOME) is (self.at_points == "mobile_or_home")

    def _exceeded(self, asked: Asked, zone: str, debt: str | None, those: list[Contact]) -> Ground | None:
        limit = self.limit
        if self.procedures and asked.attempt.actor == BANK and debt is not None:
            known = asked.facts.debts.get(debt)
            if known is None:
                return Ground(missing="debts")
            if not known.in_collection_procedures:
                return None
        if self.lifted_by is Covers.ATTEMPTS:
            consent = asked.consent(Covers.ATTEMPTS, personal=False, named=partial(_names_this_point, asked))
            if consent is not None and consent.limit_per_day is not None:
                limit = consent.limit_per_day
        if len(those) < limit:
            return None
        if self.lifted_by is Covers.FREQUENCY and asked.consent(Covers.FREQUENCY, personal=True, debt=debt):
            return None
        seen = {"count": len(those), "limit": limit, "debt": debt}
        if limit < 1:
            return Ground(seen)
        leaves_last = those[len(those) - limit].at
        if self.hours:
            return Ground(seen, not_before=leaves_last + timedelta(hours=self.hours, microseconds=1))
        free = leaves_last.astimezone(zone_named(zone)).date() + timedelta(days=self.dates)
        return Ground(seen, not_before=start_of(free, zone))


def same_point(contact: Contact, asked: Asked) -> bool:
    """Whether a contact went where the attempt is to go; an unnamed point is the main one of that very person."""
    attempt = asked.attempt
    if contact.point != attempt.point:
        return False
    return attempt.point != MAIN_POINT or same_person(contact, attempt)


def _names_this_point(asked: Asked, consent: Consent) -> bool:
    """An agreement on more tries is for its own number: one that names none is read as being for the main number."""
    return asked.attempt.point == (consent.point or MAIN_POINT)


@dataclass(frozen=True, slots=True)
class Spacing:
    """No call to the same person and number within `minutes` after an unanswered one."""

    minutes: Annotated[int, Stricter.HIGHER]
    skips: Annotated[frozenset[str], Stricter.FEWER] = frozenset()

    needs = frozenset({"contacts"})

    def refuses(self, asked: Asked) -> Ground | None:
        pause = timedelta(minutes=self.minutes)
        for contact in reversed(asked.so_far()):
            if contact.at < asked.at - pause:
                return None
            if self._is_unanswered(contact, asked):
                return Ground({"minutes": self.minutes}, not_before=contact.at + pause + timedelta(microseconds=1))
        return None

    def _is_unanswered(self, contact: Contact, asked: Asked) -> bool:
        return (
            contact.is_call
            and contact.direction is Direction.OUTBOUND
            and (contact.line_result is None or contact.line_result in _UNANSWERED)
            and contact.point == asked.attempt.point
            and same_person(contact, asked.attempt)
            and not ("bank" in self.skips and contact.actor == BANK)
        )
