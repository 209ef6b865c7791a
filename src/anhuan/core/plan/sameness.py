"""Which words of payments tell of one payment: by their names first, else by likeness, as few payments as the words allow.

Words alike are told apart by nobody, so they are matched as a set and never one by one: the answer depends on the words alone, not on
the order in which they were heard. Where no two words share a name it comes to this: of payments that look alike there are as many as the
source that told most of them told. Each source tells a payment once, and the bank's numbering counts as a source.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

NEAR = timedelta(days=7)
"""How far apart two sources may date one payment that has no name in common."""

# Sources that no file has: whatever bears a number of the bank's, and what a person has counted by hand.
_NUMBERED, _BY_HAND = "#", "!"


@dataclass(frozen=True, slots=True)
class Likeness:
    """What payments that look alike have in common, besides the week."""

    account_id: str
    currency: str
    amount_minor: int
    reversal: bool


@dataclass(frozen=True, slots=True)
class Word:
    """One telling of a payment. `payment_id` is its number in the bank's books, `gateway` its name at whoever moved the money.

    `same_as` names another word a person has said to be the same payment; what is `by_hand` is a payment by a person's decision.
    """

    id: str
    source: str
    like: Likeness
    on: date
    payment_id: str = ""
    gateway: str = ""
    same_as: str = ""
    by_hand: bool = False


@dataclass(eq=False)
class _Told:
    """What is known to be one payment so far."""

    words: list[Word]
    sources: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, word: Word) -> _Told:
        marks = [_NUMBERED] * bool(word.payment_id) + [_BY_HAND] * word.by_hand
        return cls([word], {word.source, *marks})

    def near(self, other: _Told) -> bool:
        return any(one.like == two.like and abs(one.on - two.on) <= NEAR for one in self.words for two in other.words)

    def add(self, other: _Told) -> None:
        self.words += other.words
        self.sources |= other.sources


def payments(words: Iterable[Word]) -> list[list[Word]]:
    """The words by the payment they tell of, the earliest word of each first.

    Numbers of the bank's and what a person has said bind always; a gateway's name binds words alike that different sources told. Then what
    is left is given to the earliest payment alike within `NEAR` days that its sources have not told of, the earliest word first, which
    leaves as few payments as can be.
    """
    named = _named(sorted(words, key=_order))
    made: list[_Told] = []
    alike: dict[Likeness, list[_Told]] = defaultdict(list)
    for each in sorted(named, key=lambda one: (_NUMBERED not in one.sources, *_order(one.words[0]))):
        looks = {word.like for word in each.words}
        fitting = (one for look in looks for one in alike[look] if one.sources.isdisjoint(each.sources) and one.near(each))
        known = min(fitting, key=lambda one: _order(one.words[0]), default=None)
        if known is None:
            made.append(each)
        else:
            known.add(each)
            known.words.sort(key=_order)
        for look in looks:
            if (known or each) not in alike[look]:
                alike[look].append(known or each)
    return [each.words for each in made]


def _order(word: Word) -> tuple[date, str, str]:
    return word.on, word.source, word.id


def _named(words: Sequence[Word]) -> list[_Told]:
    """Words that a name says to be one payment, together."""
    of = {word.id: _Told.of(word) for word in words}
    numbered: dict[tuple[str, bool], Word] = {}
    gateways: dict[tuple[str, Likeness], list[Word]] = defaultdict(list)
    for word in words:
        if word.payment_id:
            _join(of, numbered.setdefault((word.payment_id, word.like.reversal), word), word)
        if word.gateway:
            gateways[word.gateway, word.like].append(word)
    for word in words:
        if word.same_as in of:
            _join(of, of[word.same_as].words[0], word)
    for named in gateways.values():
        for word in named[1:]:
            mine = of[word.id]
            known = next((one for one in named if of[one.id] is mine or of[one.id].sources.isdisjoint(mine.sources)), word)
            _join(of, known, word)
    told = list({id(one): one for one in of.values()}.values())
    for each in told:
        each.words.sort(key=_order)
    return told


def _join(of: dict[str, _Told], one: Word, two: Word) -> None:
    """Both words, and whatever is known to be the same as either, are one payment."""
    first, second = of[one.id], of[two.id]
    if first is not second:
        first.add(second)
        of.update((word.id, first) for word in second.words)
