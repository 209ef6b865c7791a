"""What stops collection, and what the person has asked for: holds, cease notices, opt-outs, routes and consents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from anhuan.core.asked import Asked, same_medium, same_person, start_of, zone_named
from anhuan.core.days import UnknownYear
from anhuan.core.facts import UNDATED, Contact, Hold, OptOut
from anhuan.core.law import Ground, Stricter
from anhuan.core.vocabulary import (
    Channel,
    Covers,
    Direction,
    HoldKind,
    Party,
    PointKind,
    Purpose,
    Route,
)


@dataclass(frozen=True, slots=True)
class Held:
    """No collection of a debt while a hold of this `kind` stands; one held debt stops an attempt about several."""

    kind: HoldKind

    needs = frozenset({"holds", "timezones"})

    def refuses(self, asked: Asked) -> Ground | None:
        for hold in asked.facts.holds:
            if hold.kind is self.kind and self._concerns(hold, asked) and self._stands(hold, asked):
                ends = hold.ends
                if hold.until_date is not None:
                    over = start_of(hold.until_date + timedelta(days=1), asked.zone(None))
                    ends = over if ends is None else min(ends, over)
                since = None if hold.begins == UNDATED else asked.date_of(hold.begins)
                return Ground({"since": since}, not_before=ends)
        return None

    def _concerns(self, hold: Hold, asked: Asked) -> bool:
        return hold.debts is None or bool(hold.debts & asked.attempt.debts)

    def _stands(self, hold: Hold, asked: Asked) -> bool:
        if not hold.begins <= asked.at or (hold.ends is not None and asked.at >= hold.ends):
            return False
        return hold.until_date is None or asked.local(asked.zone(None)).date() <= hold.until_date


@dataclass(frozen=True, slots=True)
class Ceased:
    """After a written refusal of contact has arrived, nothing but a remedy notice goes out."""

    needs = frozenset({"ceased_at"})

    def refuses(self, asked: Asked) -> Ground | None:
        ceased = asked.facts.ceased_at
        if ceased is None or ceased > asked.at or asked.attempt.purpose is Purpose.REMEDY_NOTICE:
            return None
        return Ground({"since": asked.date_of(ceased)})


@dataclass(frozen=True, slots=True)
class OptedOut:
    """Nothing more by a channel the debtor has opted out of, to that point; but one confirmation, and notices by letter.

    What names a point closes it whoever is to be reached there; what names none closes every point of the debtor's.
    A later consent to the medium lifts it. With `after_workdays` it binds from the working day after so many of `calendar`;
    with `unrelated` also messages that are about no debt.
    """

    personal: bool = False
    after_workdays: Annotated[int, Stricter.LOWER] = 0
    calendar: str | None = None
    unrelated: bool = True
    automated_only: bool = False

    needs = frozenset({"opt_outs", "consents", "timezones"})

    def refuses(self, asked: Asked) -> Ground | None:
        attempt = asked.attempt
        if not asked.facts.opt_outs or (attempt.purpose is Purpose.SERVICE and not self.unrelated):
            return None
        if self.automated_only and attempt.automated is False:
            return None
        if attempt.channel is Channel.LETTER and attempt.purpose is Purpose.REQUIRED_NOTICE:
            return None
        for opted in asked.facts.opt_outs:
            if self._concerns(opted, asked) and not self._is_its_confirmation(opted, asked):
                try:
                    if self._binds(opted, asked):
                        return Ground({"since": asked.date_of(opted.at)})
                except UnknownYear as unknown:
                    return Ground(missing=f"{unknown.calendar} {unknown.year}")
        return None

    def _concerns(self, opted: OptOut, asked: Asked) -> bool:
        attempt = asked.attempt
        if opted.at > asked.at or not same_medium(opted.channel, attempt.channel):
            return False
        if attempt.party is not Party.DEBTOR if opted.point is None else opted.point != attempt.point:
            return False
        consent = asked.consent(Covers.MEDIUM, personal=self.personal)
        return consent is None or consent.at <= opted.at

    def _is_its_confirmation(self, opted: OptOut, asked: Asked) -> bool:
        """Whether the attempt is the first confirmation of this very opt-out."""
        return asked.attempt.purpose is Purpose.CONFIRM_OPT_OUT and not any(
            contact.purpose is Purpose.CONFIRM_OPT_OUT
            and contact.at >= opted.at
            and same_medium(contact.channel, opted.channel)
            and (opted.point is None or contact.point == opted.point)
            for contact in asked.so_far()
        )

    def _binds(self, opted: OptOut, asked: Asked) -> bool:
        if self.calendar is None:
            return True
        calendar = asked.calendars.get(self.calendar)
        if calendar is None:
            return True
        zone = asked.zone(None)
        given = opted.at.astimezone(zone_named(zone)).date()
        return asked.local(zone).date() >= calendar.add_workdays(given, self.after_workdays + 1)


@dataclass(frozen=True, slots=True)
class VoiceConsent:
    """An artificial or recorded voice calls a mobile only with the prior consent of the person called, given to the caller."""

    needs = frozenset({"points", "consents"})

    def refuses(self, asked: Asked) -> Ground | None:
        if asked.attempt.automated is False:
            return None
        kind = asked.facts.point_kind(asked.attempt.channel, asked.attempt.point)
        if kind is None:
            return Ground(missing="point")
        if kind is not PointKind.MOBILE or asked.consent(Covers.ARTIFICIAL_VOICE, personal=True) is not None:
            return None
        return Ground(missing="automated" if asked.attempt.automated is None else None)


@dataclass(frozen=True, slots=True)
class ElectronicRoute:
    """An e-mail or text that relies on a safe-harbour route must fulfil it; an address at work always needs one.

    A text of `fresh_days` dates at most opens the route, or an older one with a check of the number as fresh; a creditor's
    notice must have left `notice_days` to opt out.
    """

    fresh_days: Annotated[int, Stricter.LOWER]
    notice_days: Annotated[int, Stricter.HIGHER]

    needs = frozenset({"contacts", "points", "consents", "transfer_notices", "number_checks", "timezones"})

    def refuses(self, asked: Asked) -> Ground | None:
        route = asked.attempt.route
        kind = asked.facts.point_kind(asked.attempt.channel, asked.attempt.point)
        if kind is None:
            return Ground(missing="point")
        if route is not None and not self._open(route, asked):
            return Ground({"route": route})
        if kind is PointKind.WORK_EMAIL and not any(self._open(r, asked) for r in _WORK_ROUTES):
            return Ground({"route": "work_email"})
        return None

    def _open(self, route: Route, asked: Asked) -> bool:
        match route:
            case Route.OWN_USE:
                return self._fresh([c.at for c in asked.so_far() if self._wrote_from(c, asked)], asked)
            case Route.CONSENT:
                consent = asked.consent(Covers.MEDIUM, personal=True)
                return consent is not None and self._fresh([consent.at], asked)
            case Route.CREDITOR_NOTICE:
                return self._noticed(asked)
            case Route.PRIOR_COLLECTOR:
                point = asked.facts.points.get(asked.attempt.point)
                return (
                    asked.attempt.channel is Channel.EMAIL
                    and point is not None
                    and point.properly_obtained_by_prior_collector
                    and point.used_by_last_collector
                )

    def _wrote_from(self, contact: Contact, asked: Asked) -> bool:
        attempt = asked.attempt
        return (
            contact.direction is Direction.INBOUND
            and contact.channel is attempt.channel
            and contact.point == attempt.point
            and same_person(contact, attempt)
        )

    def _fresh(self, opened: list[datetime], asked: Asked) -> bool:
        """Whether one of these openings is fresh enough for a text; for an e-mail any will do.

        A number found to be another person's since then carries nothing of what was opened before.
        """
        if asked.attempt.channel is not Channel.SMS:
            return bool(opened)
        checks = [check for check in asked.facts.number_checks if check.point == asked.attempt.point and check.at <= asked.at]
        lost = max((check.at for check in checks if check.reassigned), default=None)
        kept = [at for at in opened if lost is None or at > lost]
        if not kept:
            return False
        zone = asked.zone(None)
        oldest = asked.local(zone).date() - timedelta(days=self.fresh_days)
        vouching = [*kept, *(check.at for check in checks)]  # a check before what is kept is older, and adds nothing
        return any(at.astimezone(zone_named(zone)).date() >= oldest for at in vouching)

    def _noticed(self, asked: Asked) -> bool:
        point = asked.facts.points.get(asked.attempt.point)
        if asked.attempt.channel is not Channel.EMAIL or point is None or point.company_domain:
            return False
        zone = asked.zone(None)
        return any(
            notice.point == point.id
            and notice.opt_out_until - notice.at.astimezone(zone_named(zone)).date() >= timedelta(days=self.notice_days)
            and asked.local(zone).date() > notice.opt_out_until
            for notice in asked.facts.transfer_notices
        )


_WORK_ROUTES = (Route.OWN_USE, Route.CONSENT, Route.PRIOR_COLLECTOR)
