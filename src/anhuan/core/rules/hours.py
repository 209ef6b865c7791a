"""When and where: quiet hours, public holidays, times and places the person named as inconvenient.

Each class is what one kind of rule asks, with the values a law gives it; which law, from when and with what clause stands in
the rulebook's statutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Annotated

from anhuan.core.asked import Asked, same_medium, start_of, zone_named
from anhuan.core.days import UnknownYear
from anhuan.core.facts import TimeBlock
from anhuan.core.law import Ground, Stricter
from anhuan.core.vocabulary import Channel, Covers, PointKind, Says

TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """No contact from `starts` to `ends` next day, both instants included, in any zone where the person may be.

    Both ends are refused: whether the last one is free is open in the texts, so the stricter reading stands. `personal`:
    only a consent given to the very actor lifts it.
    """

    starts: Annotated[time, Stricter.EARLIER]
    ends: Annotated[time, Stricter.LATER]
    personal: bool = False

    needs = frozenset({"timezones", "consents"})

    def __post_init__(self) -> None:
        if not self.ends < self.starts:
            raise ValueError("quiet hours run over midnight: they start later in the day than they end")

    def refuses(self, asked: Asked) -> Ground | None:
        for zone in asked.facts.timezones:
            local = asked.local(zone).time()
            if not self.ends < local < self.starts:
                if asked.consent(Covers.HOURS, personal=self.personal):
                    return None
                return Ground({"local_time": local.isoformat(), "zone": zone}, not_before=self._free_from(asked))
        return None

    def _free_from(self, asked: Asked) -> datetime | None:
        """The first instant free in every zone; None where the zones leave none."""
        zones = [zone_named(name) for name in asked.facts.timezones]
        at, latest = asked.at, asked.at + timedelta(days=2)
        while at < latest:
            quiet = [local for zone in zones if not self.ends < (local := at.astimezone(zone)).time() < self.starts]
            if not quiet:
                return at
            at = max(self._end_of_night(local) for local in quiet)
        return None

    def _end_of_night(self, local: datetime) -> datetime:
        day = local.date() + timedelta(days=local.time() >= self.starts)
        return datetime.combine(day, self.ends, local.tzinfo).astimezone(UTC) + TICK


@dataclass(frozen=True, slots=True)
class PublicHoliday:
    """No collection on a rest day that the yearly notice names; a year not announced is refused, for it may be one."""

    calendar: str
    zone: str

    needs = frozenset[str]()

    def refuses(self, asked: Asked) -> Ground | None:
        calendar = asked.calendars.get(self.calendar)
        if calendar is None:
            return Ground(missing="calendar")
        day = asked.local(self.zone).date()
        try:
            if not calendar.is_named_holiday(day):
                return None
            after = day
            while calendar.is_named_holiday(after):
                after += timedelta(days=1)
        except UnknownYear as unknown:
            return Ground({"date": day.isoformat()}, missing=f"{unknown.calendar} {unknown.year}")
        return Ground({"date": day.isoformat()}, not_before=start_of(after, self.zone))


@dataclass(frozen=True, slots=True)
class StatedBlock:
    """No contact in a recurring block of time the person named, in any of her zones, until a later consent to hours."""

    personal: bool = False

    needs = frozenset({"timezones", "time_blocks", "consents"})

    def refuses(self, asked: Asked) -> Ground | None:
        for block in asked.facts.time_blocks:
            if block.at <= asked.at and (block.channel is None or same_medium(block.channel, asked.attempt.channel)):
                zone = next((z for z in asked.facts.timezones if _within(block, asked.local(z))), None)
                if zone is not None and not self._lifted(block, asked):
                    return Ground({"local_time": asked.local(zone).time().isoformat(), "zone": zone}, _after(block, asked))
        return None

    def _lifted(self, block: TimeBlock, asked: Asked) -> bool:
        consent = asked.consent(Covers.HOURS, personal=self.personal)
        return consent is not None and consent.at > block.at


def _within(block: TimeBlock, local: datetime) -> bool:
    """Whether a local time lies in a block. One that runs past midnight belongs to the weekday it begins on."""
    begins, ends = block.begins or time.min, block.ends
    clock, day = local.time(), local.date()
    if ends is not None and ends <= begins and clock < ends:
        day -= timedelta(days=1)
    elif clock < begins or (ends is not None and begins < ends <= clock):
        return False
    return day.weekday() in block.weekdays and (block.until_date is None or day <= block.until_date)


def _after(block: TimeBlock, asked: Asked) -> datetime | None:
    """The first instant outside the block in every zone, looked for where it ends in one of them, a week ahead."""
    zones = [zone_named(zone) for zone in asked.facts.timezones]
    yesterday = asked.at.date() - timedelta(days=1)  # where it is still yesterday, the block may end today
    ends = (
        datetime.combine(yesterday + timedelta(days=ahead), block.ends or time.min, zone).astimezone(UTC)
        for ahead in range(10)
        for zone in zones
    )
    free = (at for at in ends if at > asked.at and not any(_within(block, at.astimezone(zone)) for zone in zones))
    return min(free, default=None)


@dataclass(frozen=True, slots=True)
class BadTime:
    """Once the person said in a call that it is a bad time, only a better time may be asked for in it."""

    needs = frozenset({"bad_times"})

    def refuses(self, asked: Asked) -> Ground | None:
        attempt = asked.attempt
        if attempt.session_of is None or attempt.session_of not in asked.facts.bad_times:
            return None
        if attempt.says is None:
            return Ground(missing="says")
        return None if attempt.says == {Says.ASKS_BETTER_TIME} else Ground()


_HOME = frozenset({PointKind.HOME_PHONE, PointKind.HOME_ADDRESS})
_WORK = frozenset({PointKind.WORK_PHONE, PointKind.WORK_ADDRESS})
_CARRIED = frozenset({PointKind.MOBILE, PointKind.PERSONAL_EMAIL, PointKind.WORK_EMAIL})


@dataclass(frozen=True, slots=True)
class BarredPlace:
    """No contact at a place named as inconvenient, or at work where the employer forbids it.

    Mail and landlines are tied to their place; a mobile or an e-mail address only while the person is known to be there.
    """

    needs = frozenset({"points", "place_bars", "whereabouts"})

    def refuses(self, asked: Asked) -> Ground | None:
        bars = asked.facts.place_bars
        if not bars or asked.attempt.channel is Channel.PORTAL_CONTENT:
            return None
        kind = asked.facts.point_kind(asked.attempt.channel, asked.attempt.point)
        if kind is None:
            return Ground(missing="point")
        place = asked.facts.whereabouts
        if kind not in _CARRIED:
            place = "home" if kind in _HOME else "work" if kind in _WORK else "other"
        barred = any(bar.place == place and bar.at <= asked.at for bar in bars)
        return Ground({"place": place}) if barred else None


@dataclass(frozen=True, slots=True)
class PlaceOfCare:
    """No visit to a hospital or a care home without express consent."""

    needs = frozenset({"points"})

    def refuses(self, asked: Asked) -> Ground | None:
        kind = asked.facts.point_kind(asked.attempt.channel, asked.attempt.point)
        if kind is None:
            return Ground(missing="point")
        if kind is not PointKind.HOSPITAL_OR_CARE or asked.attempt.entry_consent:
            return None
        return Ground(missing="entry_consent" if asked.attempt.entry_consent is None else None)
