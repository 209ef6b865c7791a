"""Who: lawful addressees, third persons sealed until the debtor is lost, people who said no, lawyers, the dead.

"Lost" is a fact of the record, not an opinion: see `lost_since`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from anhuan.core.asked import TALK, Asked, same_person, start_of, zone_named
from anhuan.core.facts import MAIN_POINT, Facts
from anhuan.core.law import Ground, Stricter
from anhuan.core.vocabulary import (
    BANK,
    CALLS,
    Covers,
    DebtorStatus,
    Direction,
    LineResult,
    Party,
    PointKind,
    Purpose,
)

_DEAD_NUMBER = frozenset({LineResult.INVALID_NUMBER, LineResult.NOT_IN_SERVICE})
_PHONES = frozenset({PointKind.MOBILE, PointKind.HOME_PHONE, PointKind.WORK_PHONE, PointKind.OTHER_PHONE})
FAILED_DIALS = 3


def _may_be_collected_from(asked: Asked) -> bool | None:
    """Whether the addressee stands in for the debt: None where a fact is missing.

    Debtor, guarantor and attorney always; a spouse whose joint use is proven; the guardian of a debtor without capacity; an
    heir of a dead debtor who has not renounced.
    """
    attempt, facts = asked.attempt, asked.facts
    person = facts.people.get(attempt.person)
    match attempt.party:
        case Party.DEBTOR | Party.GUARANTOR | Party.ATTORNEY:
            return True
        case Party.SPOUSE:
            return person is not None and person.joint_use_proven
        case Party.GUARDIAN:
            return DebtorStatus.NO_CAPACITY in facts.status
        case Party.HEIR:
            if DebtorStatus.DECEASED not in facts.status:
                return False
            return None if person is None else not person.renounced
        case _:
            return False


@dataclass(frozen=True, slots=True)
class UnrelatedPerson:
    """Collect only from who stands in for the debt; others may be asked for the debtor's whereabouts, and told of no debt."""

    needs = frozenset({"people", "status"})

    def refuses(self, asked: Asked) -> Ground | None:
        lawful = _may_be_collected_from(asked)
        if lawful:
            return None
        if lawful is None:
            return Ground({"party": asked.attempt.party}, missing="person")
        if asked.attempt.purpose is not Purpose.LOCATE:
            return Ground({"party": asked.attempt.party})
        if asked.attempt.discloses_debt is None:
            return Ground({"party": asked.attempt.party}, missing="discloses_debt")
        return Ground({"party": asked.attempt.party}) if asked.attempt.discloses_debt else None


@dataclass(frozen=True, slots=True)
class SealedUntilLost:
    """A third person may be approached only while the debtor is lost, counting dates in `zone`."""

    zone: str

    needs = frozenset({"people", "status", "contacts", "points"})

    def refuses(self, asked: Asked) -> Ground | None:
        if _may_be_collected_from(asked):
            return None
        since = lost_since(asked.facts, asked.at, self.zone)
        if since is not None and since <= asked.at:
            return None
        return Ground({"party": asked.attempt.party}, not_before=since)


def lost_since(facts: Facts, at: datetime, zone: str) -> datetime | None:
    """From when on the debtor counts as lost, as the record stands at an instant; None: she does not.

    Lost is a debtor who died or has no capacity; whose every listed phone number (the main one, where none is listed) last
    answered that it does not exist or is out of service; or to whom three dials in a row failed, from the date after the
    third. Failed dials on three dates running are three in a row as well. Whatever she does herself, an answered call, and a
    call whose result is not known, begin the count anew.
    """
    if facts.status & {DebtorStatus.DECEASED, DebtorStatus.NO_CAPACITY}:
        return datetime.min.replace(tzinfo=UTC)
    failed: list[datetime] = []
    dead: dict[str, datetime] = {}
    for contact in facts.contacts:
        if contact.at > at or contact.party is not Party.DEBTOR:
            continue
        inbound = contact.direction is Direction.INBOUND
        if inbound or (contact.channel in CALLS and contact.line_result in {LineResult.CONNECTED, None}):
            failed.clear()
            dead.clear()
        elif contact.channel in CALLS and _is_hers(contact.point, facts):
            failed.append(contact.at)
            dead.pop(contact.point, None)
            if contact.line_result in _DEAD_NUMBER:
                dead[contact.point] = contact.at
    numbers = {p.id for p in facts.points.values() if p.kind in _PHONES and not p.of_third_person} or {MAIN_POINT}
    if numbers <= dead.keys():
        return max(dead[number] for number in numbers)
    if len(failed) < FAILED_DIALS:
        return None
    third = failed[FAILED_DIALS - 1].astimezone(zone_named(zone)).date()
    return start_of(third + timedelta(days=1), zone)


def _is_hers(point: str, facts: Facts) -> bool:
    """Whether a number is the debtor's as far as is known; a dial to another person's number says nothing of her."""
    known = facts.points.get(point)
    return point not in facts.wrong_numbers and not (known is not None and known.of_third_person)


@dataclass(frozen=True, slots=True)
class SealedByRefusal:
    """A third person who wanted no more contact is never approached again."""

    needs = frozenset({"people", "status", "refused_by"})

    def refuses(self, asked: Asked) -> Ground | None:
        if not self._said_no(asked) or _may_be_collected_from(asked):
            return None
        return Ground({"party": asked.attempt.party})

    def _said_no(self, asked: Asked) -> bool:
        """Whether this person refused; one who goes without an id may be anybody of her relation who did."""
        facts, attempt = asked.facts, asked.attempt
        if attempt.person:
            refused = facts.refused_by.get(attempt.person)
            return refused is not None and refused <= asked.at
        return any(
            refused <= asked.at and (known is None or known.relation is attempt.party)
            for known, refused in ((facts.people.get(person), at) for person, at in facts.refused_by.items())
        )


@dataclass(frozen=True, slots=True)
class OneThirdPersonAtATime:
    """While a call to one third person has no known result, no other is approached."""

    needs = frozenset({"people", "status", "contacts"})

    def refuses(self, asked: Asked) -> Ground | None:
        attempt = asked.attempt
        if _may_be_collected_from(asked):
            return None
        for contact in reversed(asked.so_far()):
            pending = contact.is_call and contact.direction is Direction.OUTBOUND and contact.line_result is None
            if pending and contact.purpose is Purpose.LOCATE and contact.person != attempt.person:
                return Ground({"party": attempt.party})
        return None


@dataclass(frozen=True, slots=True)
class OutsideCircle:
    """Nobody outside the `circle` hears from us; where `may_locate`, others may be asked for the debtor's whereabouts, and told
    of no debt. With `consent_opens`, the debtor's own consent opens a person.
    """

    circle: Annotated[frozenset[Party], Stricter.FEWER]
    may_locate: bool = False
    consent_opens: bool = False
    personal: bool = False

    needs = frozenset({"consents"})

    def refuses(self, asked: Asked) -> Ground | None:
        attempt = asked.attempt
        if attempt.party in self.circle:
            return None
        if self.consent_opens and self._opened_by_consent(asked):
            return None
        if not self.may_locate or attempt.purpose is not Purpose.LOCATE:
            return Ground({"party": attempt.party})
        if attempt.discloses_debt is None:
            return Ground({"party": attempt.party}, missing="discloses_debt")
        return Ground({"party": attempt.party}) if attempt.discloses_debt else None

    def _opened_by_consent(self, asked: Asked) -> bool:
        """A consent opens the person it names, and nobody by naming none."""
        return asked.consent(Covers.THIRD_PARTY, personal=self.personal) is not None


@dataclass(frozen=True, slots=True)
class NumberOfAnother:
    """No message is left at a point known to be somebody else's: told so, learnt in a call, or looked up."""

    needs = frozenset({"points", "wrong_numbers", "number_checks"})

    def refuses(self, asked: Asked) -> Ground | None:
        facts, name = asked.facts, asked.attempt.point
        checks = [check for check in facts.number_checks if check.point == name and check.at <= asked.at]
        reassigned = bool(checks) and max(checks, key=lambda check: check.at).reassigned
        return Ground({"point": name}) if reassigned or not _is_hers(name, facts) else None


@dataclass(frozen=True, slots=True)
class LocatedOnce:
    """After a conversation with a third person there is no second location contact with her, unless she has invited it.

    `skips` leaves out conversations of the `bank`.
    """

    skips: Annotated[frozenset[str], Stricter.FEWER] = frozenset()

    needs = frozenset({"contacts", "invited_by"})

    def refuses(self, asked: Asked) -> Ground | None:
        attempt = asked.attempt
        invited = asked.facts.invited_by.get(attempt.person)
        for contact in reversed(asked.so_far()):
            if invited is not None and contact.at < invited <= asked.at:
                return None
            if not same_person(contact, attempt) or ("bank" in self.skips and contact.actor == BANK):
                continue
            if contact.outcome in TALK or (contact.is_call and contact.line_result is None):
                return Ground({"party": attempt.party})
        return None


@dataclass(frozen=True, slots=True)
class StatusBar:
    """No contact with a debtor who died, or who has no capacity to act."""

    status: DebtorStatus

    needs = frozenset({"status"})

    def refuses(self, asked: Asked) -> Ground | None:
        return Ground() if self.status in asked.facts.status else None


@dataclass(frozen=True, slots=True)
class Represented:
    """A debtor with a lawyer known for the debt is contacted through the lawyer, whose silence changes nothing."""

    needs = frozenset({"attorney"})

    def refuses(self, asked: Asked) -> Ground | None:
        attorney = asked.facts.attorney
        if attorney is None or not attorney.contact_known or not asked.attempt.debts:
            return None
        concerned = attorney.debts is None or attorney.debts & asked.attempt.debts
        return Ground() if concerned else None
