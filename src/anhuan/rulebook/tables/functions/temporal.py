"""Built-in functions on dates, times and durations. What asks the time stands with the evaluation, which is told it."""

from __future__ import annotations

from datetime import date as python_date
from decimal import Decimal

from anhuan.rulebook.tables.operators import equal, kind
from anhuan.rulebook.tables.signatures import builtin, whole
from anhuan.rulebook.tables.values import (
    HOUR,
    MINUTE,
    SECOND,
    Date,
    DateTime,
    DaysTime,
    Time,
    Value,
    Wrong,
    YearsMonths,
    month_days,
    read_date,
    read_date_time,
    read_duration,
    read_time,
    zone_known,
)

_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_MONTHS = "January February March April May June July August September October November December".split()


@builtin("date(from: string)")
def date_of_text(text: str) -> Date:
    return read_date(text)


@builtin("date(from: date)")
def date_of_date(day: Date) -> Date:
    return day


@builtin("date(from: datetime)")
def date_of_moment(moment: DateTime) -> Date:
    return moment.date


@builtin("date(year: number, month: number, day: number)")
def date_of_parts(year: Decimal, month: Decimal, day: Decimal) -> Date:
    return Date(whole(year), whole(month), whole(day))


@builtin("date and time(from: string)")
def moment_of_text(text: str) -> DateTime:
    return read_date_time(text)


@builtin("date and time(from: datetime)")
def moment_of_moment(moment: DateTime) -> DateTime:
    return moment


@builtin("date and time(from: date)")
def moment_of_date(day: Date) -> DateTime:
    return DateTime(day, Time(0, 0))


@builtin("date and time(date: date, time: time)")
def moment_of_date_and_time(day: Date, time: Time) -> DateTime:
    return DateTime(day, time)


@builtin("date and time(date: datetime, time: time)")
def moment_of_moment_and_time(moment: DateTime, time: Time) -> DateTime:
    return DateTime(moment.date, time)


@builtin("date and time(date: datetime, timezone: string)")
def moment_in_zone(moment: DateTime, zone: str) -> DateTime:
    """The same instant on the clocks of another zone."""
    elsewhere = DateTime(moment.date, _in_zone(0, zone))
    local = moment.instant + (elsewhere.offset or 0) * SECOND
    return elsewhere.at_local(moment.instant + (elsewhere.at_local(local).offset or 0) * SECOND)


@builtin(
    "date and time(year: number, month: number, day: number, hour: number, minute: number, second: number, offset?: days?)"
)
def moment_of_parts(  # noqa: PLR0917  # as the standard lists them
    year: Decimal, month: Decimal, day: Decimal, hour: Decimal, minute: Decimal, second: Decimal, offset: DaysTime | None = None
) -> DateTime:
    return DateTime(date_of_parts(year, month, day), time_of_parts(hour, minute, second, offset))


@builtin(
    "date and time(year: number, month: number, day: number, hour: number, minute: number, second: number, timezone: string)"
)
def moment_of_parts_in_zone(  # noqa: PLR0917  # as the standard lists them
    year: Decimal, month: Decimal, day: Decimal, hour: Decimal, minute: Decimal, second: Decimal, zone: str
) -> DateTime:
    clock = time_of_parts(hour, minute, second).nanoseconds
    return DateTime(date_of_parts(year, month, day), _in_zone(clock, zone))


def _in_zone(nanoseconds: int, zone: str) -> Time:
    if zone == "Z" or zone[:1] in {"+", "-"}:
        return Time(nanoseconds, read_time(f"00:00:00{zone}").offset)
    if not zone_known(zone):
        raise Wrong(f"{zone!r} is no known time zone")
    return Time(nanoseconds, None, zone)


@builtin("time(from: string)")
def time_of_text(text: str) -> Time:
    return read_time(text)


@builtin("time(from: time)")
def time_of_time(time: Time) -> Time:
    return time


@builtin("time(from: datetime)")
def time_of_moment(moment: DateTime) -> Time:
    return moment.time


@builtin("time(from: date)")
def time_of_date(day: Date) -> Time:  # noqa: ARG001  # a date is its midnight in UTC, whichever date it is
    return Time(0, 0)


@builtin("time(hour: number, minute: number, second: number, offset?: days?)")
def time_of_parts(hour: Decimal, minute: Decimal, second: Decimal, offset: DaysTime | None = None) -> Time:
    if not (0 <= whole(hour) <= 23 and 0 <= whole(minute) <= 59 and 0 <= second < 60):
        raise Wrong("an hour is 0 to 23, a minute and a second 0 to 59")
    shift = None if offset is None else _offset_seconds(offset)
    return Time(whole(hour) * HOUR + whole(minute) * MINUTE + int(second * SECOND), shift)


def _offset_seconds(offset: DaysTime) -> int:
    seconds = int(offset.nanoseconds / SECOND)
    if abs(seconds) > 18 * 3600:
        raise Wrong("an offset is at most 18 hours")
    return seconds


@builtin("duration(from: string)")
def duration(text: str) -> DaysTime | YearsMonths:
    return read_duration(text)


@builtin("duration(from: duration)")
def duration_of_duration(given: DaysTime | YearsMonths) -> DaysTime | YearsMonths:
    return given


@builtin("years and months duration(from: date|datetime, to: date|datetime)")
def years_and_months(start: Date | DateTime, end: Date | DateTime) -> YearsMonths:
    """Whole months from one to the other, counted from the first."""
    a, b = (moment if isinstance(moment, DateTime) else DateTime(moment, Time(0)) for moment in (start, end))
    months = (b.date.year - a.date.year) * 12 + b.date.month - a.date.month
    reached, wanted = ((moment.date.day, moment.time.nanoseconds) for moment in (a, b))
    if months > 0 and wanted < reached:
        months -= 1
    elif months < 0 and wanted > reached:
        months += 1
    return YearsMonths(months)


@builtin("day of week(date: date|datetime)")
def day_of_week(day: Date | DateTime) -> str:
    return _DAYS[_date(day).weekday - 1]


@builtin("day of year(date: date|datetime)")
def day_of_year(day: Date | DateTime) -> Decimal:
    return Decimal(_date(day).ordinal - Date(_date(day).year, 1, 1).ordinal + 1)


@builtin("month of year(date: date|datetime)")
def month_of_year(day: Date | DateTime) -> str:
    return _MONTHS[_date(day).month - 1]


@builtin("week of year(date: date|datetime)")
def week_of_year(day: Date | DateTime) -> Decimal:
    """By ISO 8601. The calendar repeats after 400 years, so any year is looked up in one that Python knows."""
    known = _date(day)
    return Decimal(python_date(known.year % 400 + 2000, known.month, known.day).isocalendar().week)


@builtin("last day of month(date: date|datetime)")
def last_day_of_month(day: Date | DateTime) -> Decimal:
    return Decimal(month_days(_date(day).year, _date(day).month))


def _date(day: Date | DateTime) -> Date:
    return day.date if isinstance(day, DateTime) else day


@builtin("is(value1: any?, value2: any?)")
def is_(left: Value, right: Value) -> bool:
    """Whether two values are the same in every part: 12:00Z is not 13:00+01:00."""
    if type(left) is not type(right):
        return False
    if isinstance(left, Time | DateTime):
        return bool(left == right)
    return equal(left, right) is True if kind(left) != "null" else True
