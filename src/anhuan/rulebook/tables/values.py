"""The values FEEL speaks of, beyond the ones Python has: dates of any year, times, durations, ranges, functions.

A number is a `Decimal` of 34 digits rounded half-even (decimal128), a string a `str`, a boolean a `bool`, null `None`,
a list a `list`, a context a `dict`. Knows how each is written and read. Does not know operators, names or models.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any
from zoneinfo import ZoneInfo

Value = Any

# decimal128: results that do not fit are no numbers, and become null.
NUMBERS = Context(prec=34, rounding=ROUND_HALF_EVEN, Emin=-6143, Emax=6144, traps=[InvalidOperation, DivisionByZero, Overflow])

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Wrong(Exception):
    """An operation that has no value: in FEEL it is null, and this sentence says why."""


@dataclass(frozen=True, slots=True)
class Date:
    """A day of the proleptic Gregorian calendar, in any year of up to nine digits."""

    year: int
    month: int
    day: int

    def __post_init__(self) -> None:
        if not 1 <= self.month <= 12 or not 1 <= self.day <= month_days(self.year, self.month):
            raise Wrong(f"there is no day {self.year}-{self.month}-{self.day}")
        if abs(self.year) > 999_999_999:
            raise Wrong(f"the year {self.year} is out of reach")

    @property
    def ordinal(self) -> int:
        """Days since 1970-01-01."""
        year = self.year - (self.month <= 2)
        era, of_era = divmod(year, 400)
        of_year = (153 * (self.month + (-3 if self.month > 2 else 9)) + 2) // 5 + self.day - 1
        return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468

    @staticmethod
    def of(ordinal: int) -> Date:
        era, of_era = divmod(ordinal + 719_468, 146_097)
        year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
        of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
        shifted = (5 * of_year + 2) // 153
        month = shifted + (3 if shifted < 10 else -9)
        return Date(year_of_era + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1)

    @property
    def weekday(self) -> int:
        """Monday 1 … Sunday 7."""
        return (self.ordinal + 3) % 7 + 1

    def plus_months(self, months: int) -> Date:
        """The same day so many months on, or the last of that month when it is shorter."""
        year, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Date(year, month + 1, min(self.day, month_days(year, month + 1)))

    def __str__(self) -> str:
        return f"{'-' if self.year < 0 else ''}{abs(self.year):04}-{self.month:02}-{self.day:02}"


@dataclass(frozen=True, slots=True)
class Time:
    """A time of day to the nanosecond, with an offset from UTC in seconds, or the name of a zone, or neither."""

    nanoseconds: int
    offset: int | None = None
    zone: str | None = None

    @property
    def hour(self) -> int:
        return self.nanoseconds // HOUR

    @property
    def minute(self) -> int:
        return self.nanoseconds % HOUR // MINUTE

    @property
    def second(self) -> int:
        return self.nanoseconds % MINUTE // SECOND

    @property
    def offset_now(self) -> int | None:
        """Seconds from UTC; of a zone alone, what stands there in winter (a time of day names no day)."""
        return zone_offset(self.zone, Date(1970, 1, 1), self.nanoseconds) if self.zone else self.offset

    def __str__(self) -> str:
        fraction = f".{self.nanoseconds % SECOND:09}".rstrip("0").rstrip(".")
        return f"{self.hour:02}:{self.minute:02}:{self.second:02}{fraction}{self._zone_text()}"

    def _zone_text(self) -> str:
        if self.zone:
            return f"@{self.zone}"
        if self.offset is None:
            return ""
        if not self.offset:
            return "Z"
        hours, rest = divmod(abs(self.offset), 3600)
        seconds = f":{rest % 60:02}" if rest % 60 else ""
        return f"{'-' if self.offset < 0 else '+'}{hours:02}:{rest // 60:02}{seconds}"


@dataclass(frozen=True, slots=True)
class DateTime:
    date: Date
    time: Time

    @property
    def offset(self) -> int | None:
        zone = self.time.zone
        return zone_offset(zone, self.date, self.time.nanoseconds) if zone else self.time.offset

    @property
    def local(self) -> int:
        """Nanoseconds since 1970-01-01T00:00:00 on this wall clock."""
        return self.date.ordinal * DAY + self.time.nanoseconds

    @property
    def instant(self) -> int:
        return self.local - (self.offset or 0) * SECOND

    def at_local(self, nanoseconds: int) -> DateTime:
        """The same wall clock at another reading."""
        days, rest = divmod(nanoseconds, DAY)
        return DateTime(Date.of(days), Time(rest, self.time.offset, self.time.zone))

    def __str__(self) -> str:
        return f"{self.date}T{self.time}"


@dataclass(frozen=True, slots=True)
class DaysTime:
    """A days and time duration."""

    nanoseconds: int

    def __str__(self) -> str:
        rest = abs(self.nanoseconds)
        days, hours, minutes = rest // DAY, rest % DAY // HOUR, rest % HOUR // MINUTE
        seconds = f"{rest % MINUTE // SECOND}" + f".{rest % SECOND:09}".rstrip("0").rstrip(".")
        clock = f"{hours}H" * bool(hours) + f"{minutes}M" * bool(minutes) + f"{seconds}S" * (seconds != "0")
        text = f"{days}D" * bool(days) + f"T{clock}" * bool(clock)
        return f"{'-' if self.nanoseconds < 0 else ''}P{text or 'T0S'}"


@dataclass(frozen=True, slots=True)
class YearsMonths:
    """A years and months duration."""

    months: int

    def __str__(self) -> str:
        years, months = divmod(abs(self.months), 12)
        text = f"{years}Y" * bool(years) + f"{months}M" * bool(months)
        return f"{'-' if self.months < 0 else ''}P{text or '0M'}"


@dataclass(frozen=True, slots=True)
class Range:
    """All between two ends; an end that is None is open to infinity. `<5` alone is a range without a start."""

    low: Value
    high: Value
    low_closed: bool
    high_closed: bool
    other: bool = False  # the test != x: all but the one value low

    def __str__(self) -> str:
        if self.other:
            return f"!= {write(self.low)}"
        return (
            f"{'[' if self.low_closed else '('}{write(self.low, inside=True)}"
            f"..{write(self.high, inside=True)}{']' if self.high_closed else ')'}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """What can be invoked: parameters with their types, and a body taking the arguments in their order."""

    name: str
    parameters: tuple[tuple[str, Any], ...]
    body: Callable[..., Value]
    variadic: bool = False


# --- The calendar ------------------------------------------------------------------------------------------------


def month_days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in {4, 6, 9, 11} else 31


def zone_offset(zone: str, date: Date, nanoseconds: int) -> int:
    """Seconds from UTC in a named zone at a reading of its wall clock; far years follow the rule of the nearest known."""
    year = min(max(date.year, 1), 9998)
    day = min(date.day, month_days(year, date.month))
    wall = datetime(year, date.month, day, tzinfo=ZoneInfo(zone)) + timedelta(seconds=nanoseconds // SECOND)
    offset = wall.utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def zone_known(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return False
    return True


# --- Reading -----------------------------------------------------------------------------------------------------

_DATE = r"(-?(?:[1-9]\d{4,8}|\d{4}))-(\d\d)-(\d\d)"
_TIME = r"(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([zZ])|([+-])(\d\d):(\d\d)(?::(\d\d))?|@([A-Za-z0-9_+/-]+))?"
_DATE_TEXT = re.compile(_DATE, re.ASCII)
_TIME_TEXT = re.compile(f"T?{_TIME}", re.ASCII)
_DATE_TIME_TEXT = re.compile(f"{_DATE}T(.+)", re.ASCII)
_DAYS_TIME_TEXT = re.compile(r"(-?)P(?=[\dT])(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d*))?S)?)?", re.ASCII)
_YEARS_MONTHS_TEXT = re.compile(r"(-?)P(?=\d)(?:(\d+)Y)?(?:(\d+)M)?", re.ASCII)


def read_date(text: str) -> Date:
    found = _DATE_TEXT.fullmatch(text)
    if not found:
        raise Wrong(f"{text!r} is no date")
    year, month, day = found.groups()
    return Date(int(year), int(month), int(day))


def read_time(text: str) -> Time:
    found = _TIME_TEXT.fullmatch(text)
    if not found:
        raise Wrong(f"{text!r} is no time")
    hour, minute, second, fraction, zulu, sign, off_hour, off_minute, off_second, zone = found.groups()
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59:
        raise Wrong(f"{text!r} is no time")
    nanoseconds = int(hour) * HOUR + int(minute) * MINUTE + int(second) * SECOND + int(f"{fraction or 0:0<9}"[:9])
    if zone:
        if not zone_known(zone):
            raise Wrong(f"{zone!r} is no known time zone")
        return Time(nanoseconds, None, zone)
    if zulu:
        return Time(nanoseconds, 0)
    if not sign:
        return Time(nanoseconds)
    offset = int(off_hour) * 3600 + int(off_minute) * 60 + int(off_second or 0)
    if offset > 18 * 3600 or int(off_minute) > 59 or int(off_second or 0) > 59:
        raise Wrong(f"{text!r} has an offset beyond 18 hours")
    return Time(nanoseconds, -offset if sign == "-" else offset)


def read_date_time(text: str) -> DateTime:
    """A date and time; a date alone is its midnight."""
    found = _DATE_TIME_TEXT.fullmatch(text)
    if not found:
        return DateTime(read_date(text), Time(0))
    year, month, day, time = found.groups()
    if time.startswith("T"):
        raise Wrong(f"{text!r} is no date and time")
    midnight = re.fullmatch(r"24:00:00(?:\.0+)?(.*)", time)
    if midnight:
        return DateTime(Date.of(Date(int(year), int(month), int(day)).ordinal + 1), read_time("00:00:00" + midnight[1]))
    return DateTime(Date(int(year), int(month), int(day)), read_time(time))


def read_duration(text: str) -> DaysTime | YearsMonths:
    found = _YEARS_MONTHS_TEXT.fullmatch(text)
    if found:
        sign, years, months = found.groups()
        total = int(years or 0) * 12 + int(months or 0)
        return YearsMonths(-total if sign else total)
    found = _DAYS_TIME_TEXT.fullmatch(text)
    if not found:
        raise Wrong(f"{text!r} is no duration")
    sign, days, hours, minutes, seconds, fraction = found.groups()
    total = int(days or 0) * DAY + int(hours or 0) * HOUR + int(minutes or 0) * MINUTE
    total += int(seconds or 0) * SECOND + int(f"{fraction or 0:0<9}"[:9])
    return DaysTime(-total if sign else total)


def read_temporal(text: str) -> Value:
    """What stands in a literal @"…": a date, a time, a date and time or a duration, told apart by their form."""
    if text.lstrip("-").startswith("P"):
        return read_duration(text)
    if _DATE_TEXT.fullmatch(text):
        return read_date(text)
    return read_date_time(text) if _DATE_TIME_TEXT.fullmatch(text) else read_time(text)


_NUMBER_TEXT = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def read_number(text: str) -> Decimal:
    if not _NUMBER_TEXT.fullmatch(text):
        raise Wrong(f"{text!r} is no number")
    try:
        return NUMBERS.create_decimal(text)
    except ArithmeticError:
        raise Wrong(f"{text!r} is beyond the numbers of 34 digits") from None


# --- Writing -----------------------------------------------------------------------------------------------------


def write_number(number: Decimal) -> str:
    """All digits, without an exponent unless the plain form would have hundreds of zeros."""
    if not number:
        return "0"
    return f"{number:f}" if -60 < number.adjusted() < 60 else str(number)


def write(value: Value, *, inside: bool = False) -> str:
    """The text of a value, as the function string() gives it; `inside` a list or context, strings stand in quotes."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if inside else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return write_number(value)
    if isinstance(value, list):
        return "[" + ", ".join(write(item, inside=True) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {write(item, inside=True)}" for key, item in value.items()) + "}"
    return f"function {value.name}" if isinstance(value, Function) else str(value)


def from_python(at: datetime) -> DateTime:
    """The date and time of an instant that an edge has read from the clock."""
    offset = at.utcoffset()
    nanoseconds = (at.hour * 3600 + at.minute * 60 + at.second) * SECOND + at.microsecond * 1000
    seconds = None if offset is None else int(offset / timedelta(seconds=1))
    return DateTime(Date(at.year, at.month, at.day), Time(nanoseconds, seconds))


UTC_MIDNIGHT = Time(0, 0)
