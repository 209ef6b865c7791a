"""Calendars of working days and named holidays: China's yearly notices, US federal holidays, UK bank holidays.

Knows where each comes from: notices as `chinesecalendar` has them, holidays that `holidays` computes, and the bank's own
`calendar.yaml` for years that are announced but not yet in the library:

    cn:
      2027:
        source: the notice these days are taken from
        rest_days: ['2027-01-01..2027-01-03', '2027-02-05..2027-02-11']
        working_days: ['2027-02-14']

Every day lies in its year, working days are weekend days, no day stands twice. A file may only add years that nobody has:
what is announced cannot be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from anhuan.core.days import ONE_DAY, SATURDAY, Calendar
from anhuan.rulebook.statutes import RulebookError

COMPUTED = range(1990, 2101)
"""Years for which holidays that follow a rule are computed."""

# How far from a feast a notice moves days: weekdays made free, weekend days worked. Since 2008 it was 5 and 10 days around
# the long breaks, 2 and 5 around the others.
_LONG_BREAKS = ("Chinese New Year", "Labor Day", "National Day")
_AROUND_LONG, _AROUND_SHORT = (7, 14), (3, 7)


class CalendarRefused(RulebookError):
    """A calendar file that cannot be used: the line and sentence of its first fault, and `faults`, all of them."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        first, *others = faults
        zh = "；".join([first.zh.rstrip("。"), *(f"{fault.place} {fault.zh.rstrip('。')}" for fault in others)])
        en = "; ".join([first.en, *(f"{fault.place}: {fault.en}" for fault in others)])
        super().__init__(first.file, first.line, f"{zh}。", en)


@dataclass(frozen=True, slots=True)
class Fault:
    file: Path
    line: int
    zh: str
    en: str

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Year:
    """The rest days and make-up working days that a bank's file gives for one year, and where it has them from."""

    year: int
    source: str
    rest_days: frozenset[date]
    working_days: frozenset[date]


def _china() -> Calendar:
    from chinese_calendar import constants

    named, make_up = frozenset(constants.holidays), frozenset(constants.workdays)
    return Calendar("cn", frozenset(day.year for day in named), named, make_up)


def _computed(country: Any, **how: str) -> dict[date, str]:
    """The holidays of a country of the library, by date, in every year of `COMPUTED`."""
    return dict(country(years=COMPUTED, **how).items())


def _united_states() -> Calendar:
    from holidays.countries.united_states import UnitedStates

    return Calendar("us-fed", frozenset(COMPUTED), frozenset(_computed(UnitedStates)))


def _united_kingdom() -> Calendar:
    from holidays.countries.united_kingdom import UnitedKingdom

    return Calendar("uk", frozenset(COMPUTED), frozenset(_computed(UnitedKingdom, subdiv="ENG")))


_MADE_BY: Mapping[str, Callable[[], Calendar]] = {"cn": _china, "us-fed": _united_states, "uk": _united_kingdom}
LAWS = tuple(_MADE_BY)


@cache
def calendar_of(law: str) -> Calendar:
    """The calendar of `cn`, `us-fed` or `uk` (England) as the libraries know it; KeyError for another law."""
    return _MADE_BY[law]()


@cache
def doubtful_days() -> frozenset[date]:
    """The days of China that a yearly notice could move: those around the feasts of its statute, solar and lunar."""
    from holidays.countries.china import China

    found = set()
    for feast, name in _computed(China, language="en_US").items():
        if "observed" in name or "Day off" in name:  # days that were moved already, not feasts
            continue
        weekday_reach, weekend_reach = _AROUND_LONG if any(long in name for long in _LONG_BREAKS) else _AROUND_SHORT
        for offset in range(-weekend_reach, weekend_reach + 1):
            day = feast + timedelta(days=offset)
            if abs(offset) <= (weekend_reach if day.weekday() >= SATURDAY else weekday_reach):
                found.add(day)
    return frozenset(found)


def with_foresight(made: Calendar) -> Calendar:
    """A calendar that also knows which days of years not announced no notice could move, where that can be known (China).

    A year at either end of `COMPUTED` lacks the feasts of its neighbour.
    """
    return replace(made, foreseen=frozenset(COMPUTED[1:-1]), doubtful=doubtful_days()) if made.name == "cn" else made


def extended(made: Calendar, years: Mapping[int, Year]) -> Calendar:
    """A calendar with the years of a bank's file; those it has already are left as they are."""
    new = [year for year in years.values() if year.year not in made.years]
    return replace(
        made,
        years=made.years | {year.year for year in new},
        named=made.named.union(*(year.rest_days for year in new)),
        make_up=made.make_up.union(*(year.working_days for year in new)),
    )


def load(law: str, file: Path | None) -> Calendar:
    """The calendar of `law` with the years of the bank's `file`, if there is one; CalendarRefused when it is not in order."""
    years = read(file).get(law, {}) if file else {}
    return extended(calendar_of(law), years) if years else calendar_of(law)


def load_all(file: Path | None) -> dict[str, Calendar]:
    """The calendar of every law, likewise."""
    return {law: load(law, file) for law in LAWS}


# --- The bank's file ---------------------------------------------------------------------------------------------


def read(file: Path) -> dict[str, dict[int, Year]]:
    """The years of a bank's file by law and year; CalendarRefused naming every line that is not in order."""
    import yaml

    try:
        text = file.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CalendarRefused([Fault(file, 1, "文件无法读取或不是有效的 YAML。", f"cannot be read as YAML: {error}")]) from None
    reader = _Reader(file)
    found = {name.value: reader.years(name.value, years) for name, years in reader.entries(root, LAWS)} if root else {}
    if reader.faults:
        raise CalendarRefused(reader.faults)
    return found


class _Reader:
    """Reads nodes of YAML, which know their lines, and gathers what is wrong."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.faults: list[Fault] = []

    def fault(self, node: Any, zh: str, en: str) -> None:
        self.faults.append(Fault(self.file, node.start_mark.line + 1, zh, en))

    def entries(self, node: Any, allowed: Sequence[str] | None = None) -> Iterator[tuple[Any, Any]]:
        """Nodes of the names and values of a mapping; a name that stands twice or is not `allowed` is a fault."""
        if node.id != "mapping":
            self.fault(node, "此处应为映射。", "a mapping belongs here")
            return
        seen = set()
        for name, value in node.value:
            word = name.value if name.id == "scalar" else ""
            if word in seen or (allowed is not None and word not in allowed):
                self.fault(name, f"多余或重复的项：{word}。", f"{word or 'this'} is not expected here, or stands twice")
            else:
                seen.add(word)
                yield name, value

    def years(self, law: str, node: Any) -> dict[int, Year]:
        found = {}
        for name, value in self.entries(node):
            word = name.value
            if not (word.isascii() and word.isdigit() and len(word) == 4):
                self.fault(name, f"{word} 不是年份。", f"{word} is not a year")
            elif int(word) in calendar_of(law).years:
                self.fault(name, f"{word} 年已公布，不能更改。", f"the year {word} is known already and cannot be changed")
            else:
                found[int(word)] = self.year(int(word), name, value)
        return found

    def year(self, year: int, name: Any, node: Any) -> Year:
        parts = {part.value: value for part, value in self.entries(node, ("source", "rest_days", "working_days"))}
        source = parts.get("source")
        if source is None or source.id != "scalar" or not source.value.strip():
            self.fault(name, "须写明来源 source。", "its source is missing")
        if "rest_days" not in parts:
            self.fault(name, "须列出休息日 rest_days。", "its rest_days are missing")
        rest = frozenset(self.days(year, parts["rest_days"])) if "rest_days" in parts else frozenset()
        working = frozenset(self.days(year, parts["working_days"])) if "working_days" in parts else frozenset()
        for day in sorted(day for day in working if day in rest or day.weekday() < SATURDAY):
            zh, en = f"{day} 应为周末且不是休息日。", f"{day} is to be a weekend day and no rest day"
            self.fault(parts["working_days"], zh, en)
        return Year(year, source.value if source is not None and source.id == "scalar" else "", rest, working)

    def days(self, year: int, node: Any) -> Iterator[date]:
        """Days of a list of dates and of spans `first..last`; faults for what is no such thing, twice, or of another year."""
        if node.id != "sequence":
            self.fault(node, "此处应为日期列表。", "a list of dates belongs here")
            return
        seen: set[date] = set()
        for item in node.value:
            span = _span(item.value) if item.id == "scalar" else None
            if span is None or not span[0].year == span[1].year == year:
                zh = f"应为 {year} 年的日期 YYYY-MM-DD，或起止 首日..末日。"
                self.fault(item, zh, f"a date of {year} as YYYY-MM-DD, or a span first..last, belongs here")
                continue
            day = span[0]
            while day <= span[1]:
                if day in seen:
                    self.fault(item, f"{day} 重复。", f"{day} stands twice")
                seen.add(day)
                yield day
                day += ONE_DAY


def _span(text: str) -> tuple[date, date] | None:
    first, _, last = text.partition("..")
    try:
        span = date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip())
    except ValueError:
        return None
    return span if span[0] <= span[1] else None
