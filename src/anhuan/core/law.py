"""Rules as values: what a rule of the gate is, where it applies, and what a set of rules in force is called.

Knows the shape of a rule and the fingerprint of a set. Does not know what any rule asks (`core.rules`), nor where rules
are written down (`anhuan.rulebook`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from anhuan.core.days import Calendar
from anhuan.core.facts import Attempt
from anhuan.core.vocabulary import CITIES, LABELS, Channel, Confidence, Force, Party, Purpose, RuleTopic

if TYPE_CHECKING:
    from anhuan.core.asked import Asked

Scalar = str | int | bool | None


class Stricter(Enum):
    """Which way a value of a test is tightened; a bank's own rulebook may go no other way.

    Stands in the annotation of a test's field, `Annotated[int, Stricter.LOWER]`; a field without one is never changed.
    """

    LOWER = "lower"
    HIGHER = "higher"
    EARLIER = "earlier"
    LATER = "later"
    MORE = "more"
    FEWER = "fewer"


@dataclass(frozen=True, slots=True)
class Ground:
    """Why a test says no: the values it saw, when waiting helps from when on, and the fact it lacked, if that is why.

    `not_before` is the first instant at which this test alone would let the attempt pass, as far as is known now.
    """

    seen: Mapping[str, Scalar] = field(default_factory=dict)
    not_before: datetime | None = None
    missing: str | None = None


class Test(Protocol):
    """What a rule asks. `needs` names the attributes of the attempt and the facts without which it cannot be asked."""

    @property
    def needs(self) -> frozenset[str]: ...

    def refuses(self, asked: Asked) -> Ground | None: ...


@dataclass(frozen=True, slots=True)
class Scope:
    """Which attempts a rule is about; what is left out limits nothing.

    `spares` holds what frees an attempt from the rule: `opened` (the person opened the contact herself), `session` (a
    step inside a running contact of ours), `reply` (an answer).
    """

    channels: frozenset[Channel] | None = None
    purposes: frozenset[Purpose] | None = None
    parties: frozenset[Party] | None = None
    not_parties: frozenset[Party] = frozenset()
    agencies_only: bool = False
    spares: frozenset[str] = frozenset()

    def holds(self, channel: Channel, purpose: Purpose, party: Party, *, by_agency: bool) -> bool:
        return (
            (self.channels is None or channel in self.channels)
            and (self.purposes is None or purpose in self.purposes)
            and (self.parties is None or party in self.parties)
            and party not in self.not_parties
            and (by_agency or not self.agencies_only)
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of law or of the house as it stands on a date: what it asks, of which attempts, and by what authority.

    `zh` and `en` are sentences for whoever is refused, with `{names}` of the test's values and of what it saw.
    """

    id: str
    pack: str
    topic: RuleTopic
    test: Test
    scope: Scope
    zh: str
    en: str
    source: str
    clause: str
    force: Force
    confidence: Confidence
    in_force: date
    ambiguous: bool = False
    presumption: bool = False
    note: str = ""

    @property
    def citation(self) -> str:
        return f"{self.source}, {self.clause}" if self.clause else self.source


_UNDATED = ("银行告知之日", "the day the bank told us")


@dataclass(frozen=True, slots=True)
class Reason:
    """One ground of a refusal, with its rule; a value that can be kept and read later."""

    rule: Rule
    ground: Ground

    @property
    def zh(self) -> str:
        sentence = self._filled(self.rule.zh, _ZH)
        if self.ground.missing:
            return f"缺少事实“{_named(self.ground.missing, _ZH)}”，无法确认符合下列规定，故不得联系：{sentence}"
        return sentence

    @property
    def en(self) -> str:
        sentence = self._filled(self.rule.en, _EN)
        if self.ground.missing:
            missing = _named(self.ground.missing, _EN)
            return f"It is not known whether this rule is kept (not told: {missing}), so no contact may be made: {sentence}"
        return sentence

    def _filled(self, sentence: str, language: int) -> str:
        seen = {name: _named(str(value), language) if name in _WORDS else value for name, value in self.ground.seen.items()}
        if "since" in seen and seen["since"] is None:
            seen["since"] = _UNDATED[language]
        return sentence.format_map(_Told({**values(self.rule.test), **seen}))

    def document(self) -> dict[str, Any]:
        """The reason as JSON: rule, topic, citation, force, both sentences, the values seen, `not_before`."""
        rule, ground = self.rule, self.ground
        return {
            "rule": rule.id,
            "law": rule.pack,
            "topic": rule.topic.value,
            "citation": rule.citation,
            "force": rule.force.value,
            "confidence": rule.confidence.value,
            "ambiguous": rule.ambiguous,
            "message_zh": self.zh,
            "message_en": self.en,
            "seen": dict(ground.seen),
            "missing": ground.missing,
            "not_before": ground.not_before.isoformat() if ground.not_before else None,
        }


class _Told(dict[str, Any]):
    """Values by name for a sentence; a value that was not seen is an ellipsis, never a crash of the explanation."""

    def __missing__(self, key: str) -> str:
        return "…"


_ZH, _EN = 0, 1
_WORDS = frozenset({"said", "absent", "beyond", "party", "place", "route", "zone"})
"""What a ground sees as machine words, which a sentence gives by their names."""


def _named(words: str, language: int) -> str:
    """Machine words, separated by commas, as people call them; none at all is said too."""
    if not words:
        return ("无", "nothing")[language]
    return ("、", ", ")[language].join(_name(word, language) for word in words.split(", "))


def _name(word: str, language: int) -> str:
    """A word of the gate; a zone by its city, a calendar's year by its number, anything else as it is."""
    if word in LABELS:
        return LABELS[word][language]
    calendar, _, year = word.partition(" ")
    if calendar and year.isdigit():
        return (f"{year}年的放假安排", f"the rest days of {year}")[language]
    area, _, city = word.rpartition("/")
    if not area:
        return word
    city = city.replace("_", " ")
    return (f"{CITIES.get(city, city)}时间", f"{city} time")[language]


def values(test: Test) -> dict[str, Any]:
    """The values of a test as a person reads them: sets as lists of words, times of day as hh:mm."""
    return {name: _told(getattr(test, name)) for name in getattr(test, "__dataclass_fields__", {})}


def _told(value: Any) -> Any:
    if isinstance(value, frozenset):
        return ", ".join(sorted(str(each) for each in value))
    return value.strftime("%H:%M") if hasattr(value, "hour") else value


Judge = Callable[["Asked"], Ground | None]


@dataclass(frozen=True)
class Law:
    """The rules in force on a date, from these packs and the house, under one fingerprint.

    `calendars` are asked only where an answer depends on them. Two Laws with one fingerprint judge alike.
    """

    packs: tuple[str, ...]
    as_of: date
    rules: tuple[Rule, ...]
    fingerprint: str
    calendars: Mapping[str, Calendar] = field(default_factory=dict)

    @cached_property
    def _by_kind(self) -> dict[tuple[Channel, Purpose, Party, bool], tuple[Rule, ...]]:
        return {}

    def concerning(self, attempt: Attempt) -> tuple[Rule, ...]:
        """The rules about this kind of attempt; found once for each kind, for there are few kinds and many attempts."""
        kind = (attempt.channel, attempt.purpose, attempt.party, attempt.actor != "bank")
        rules = self._by_kind.get(kind)
        if rules is None:
            channel, purpose, party, by_agency = kind
            rules = tuple(rule for rule in self.rules if rule.scope.holds(channel, purpose, party, by_agency=by_agency))
            self._by_kind[kind] = rules
        return rules
