"""What a judgement rests on and what it says: provisions of law in force, periods that run, and the answer that cites them.

Knows the shape of a provision, not one number of law: those are handed over, read from the statutes by the rulebook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

from anhuan.core.days import Calendar, Period, UnknownYear, in_time
from anhuan.core.vocabulary import Confidence, Force

_FROM_STRONG_TO_WEAK = tuple(Confidence)


class NoProvision(LookupError):
    """The law asked says nothing on the question, on that date."""

    def __init__(self, jurisdiction: str, name: str, as_of: date) -> None:
        self.zh = f"法域 {jurisdiction} 在 {as_of} 没有关于 {name} 的规定。"
        self.en = f"The law {jurisdiction} has no provision on {name} in force on {as_of}."
        super().__init__(self.en)


@dataclass(frozen=True, slots=True)
class Provision:
    """One value of law as it stands on a date, with a sentence to read aloud and where it is written."""

    id: str
    value: Any = field(hash=False)
    zh: str
    en: str
    source: str
    clause: str
    force: Force
    confidence: Confidence
    in_force: date
    ambiguous: bool = False
    note: str = ""

    @property
    def citation(self) -> str:
        return f"{self.source}, {self.clause}"

    @property
    def period(self) -> Period:
        """The length of time the value names: `{years, months, days}`, any of them."""
        return Period(**{unit: self.value[unit] for unit in ("years", "months", "days") if unit in self.value})

    @property
    def rolls(self) -> bool:
        """Whether the period ends on the first day after, when it would end on a rest day (Civil Code Art. 203)."""
        return bool(self.value.get("rolls", False))


@dataclass(frozen=True, slots=True)
class Law:
    """What one jurisdiction says on one date, by names without the jurisdiction: `complaint.simple`."""

    jurisdiction: str
    as_of: date
    provisions: Mapping[str, Provision]

    def __getitem__(self, name: str) -> Provision:
        """The provision in force; `NoProvision` when there is none."""
        found = self.get(name)
        if found is None:
            raise NoProvision(self.jurisdiction, name, self.as_of)
        return found

    def get(self, name: str) -> Provision | None:
        return self.provisions.get(name)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A period that somebody must act within: the law's period, the day it begins on (not counted), and the calendar."""

    provision: Provision
    start: date
    calendar: Calendar

    @property
    def matching_day(self) -> date:
        """The last day before rest days are looked at."""
        return self.provision.period.last_day(self.start)

    @property
    def last_day(self) -> date:
        """The last day on which acting is in time; UnknownYear where the rest days of that year decide and are unknown."""
        return self.calendar.roll(self.matching_day) if self.provision.rolls else self.matching_day

    def met(self, done: date) -> bool:
        """Whether `done` lies within the period; the calendar is asked only if a rest day could matter."""
        if self.provision.rolls:
            return in_time(done, self.matching_day, self.calendar)
        return done <= self.matching_day

    def told(self) -> dict[str, Any]:
        """Beginning and end for an explanation; where rest days are unknown, the matching day and the year that is missing."""
        if self.provision.rolls:
            return {"started": self.start, **last_day_told(self.matching_day, self.calendar)}
        return {"started": self.start, "last_day": self.matching_day}

    def judge(self, acted: date | None, *, at: date) -> Judgement:
        """In time if it was done in time, or if it is not done yet and the period still runs at `at`."""
        return self.judge_date(at if acted is None or acted > at else acted)

    def judge_date(self, acted: date) -> Judgement:
        """In time if `acted` is, whenever the question is put."""
        return judged(self.met(acted), self.provision, **self.told())


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer to one question of law: yes, no or a word, the provisions that decide, and what explains it.

    Of a no, `grounds` are all the provisions that say no; of a yes, all that were asked.
    """

    value: bool | str
    grounds: tuple[Provision, ...]
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def citation(self) -> str:
        return "; ".join(dict.fromkeys(ground.citation for ground in self.grounds))

    @property
    def force(self) -> Force:
        """That of the first ground, which is the one to name when only one is named."""
        return self.grounds[0].force

    @property
    def confidence(self) -> Confidence:
        """That of the weakest ground."""
        return max((ground.confidence for ground in self.grounds), key=_FROM_STRONG_TO_WEAK.index)

    @property
    def ambiguous(self) -> bool:
        """Whether the text of a ground leaves the question open and the cautious answer is given."""
        return any(ground.ambiguous for ground in self.grounds)

    @property
    def sentence_zh(self) -> str:
        last = self.details.get("last_day")
        return "".join([*(ground.zh for ground in self.grounds), *([f"期限最后一日为 {last}。"] if last else [])])

    @property
    def sentence_en(self) -> str:
        last = self.details.get("last_day")
        return " ".join([*(ground.en for ground in self.grounds), *([f"The last day is {last}."] if last else [])])

    def document(self) -> dict[str, Any]:
        """The judgement as JSON."""
        return {
            "value": self.value,
            "citation": self.citation,
            "force": str(self.force),
            "confidence": str(self.confidence),
            "ambiguous": self.ambiguous,
            "sentence_zh": self.sentence_zh,
            "sentence_en": self.sentence_en,
            "details": {name: _plain(value) for name, value in self.details.items()},
        }


def last_day_told(matching_day: date, calendar: Calendar) -> dict[str, Any]:
    """The end of a period for an explanation; where rest days are unknown, the matching day and the year that is missing."""
    try:
        return {"last_day": calendar.roll(matching_day)}
    except UnknownYear as unknown:
        return {"last_day": matching_day, "unannounced_year": unknown.year}


def judged(value: bool | str, *grounds: Provision, **details: Any) -> Judgement:  # noqa: FBT001  it is the answer itself
    return Judgement(value, grounds, MappingProxyType(details))


def all_hold(tests: Mapping[str, tuple[Provision | None, bool]], **details: Any) -> Judgement:
    """Yes when every test holds whose provision is in force; else no, on the ground of every one that failed.

    The details name each test with its outcome.
    """
    asked = {name: (provision, held) for name, (provision, held) in tests.items() if provision is not None}
    failed = tuple(provision for provision, held in asked.values() if not held)
    outcomes = {name: held for name, (_, held) in asked.items()}
    return judged(not failed, *(failed or (provision for provision, _ in asked.values())), **outcomes, **details)


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
