"""What a short answer means: paid, will pay, wrong person, stop … and how sure that is.

Knows the phrase tables of this folder; does not know whom the answer is from, nor what is done about it. The same text gives
the same answer, in well under a millisecond. `docs/replies.md` explains the tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from math import log
from pathlib import Path
from typing import Any

import yaml

from anhuan.rulebook.wording.phrases import read_yaml as read_wording
from anhuan.rulebook.wording.reading import read

HERE = Path(__file__).parent
LANGUAGES = ("zh", "en")
# Where a reply says two things, or may say two, the one further up is taken: rights before promises, promises before yes and no.
INTENTS = (
    "stop", "wrong_person", "complaint", "dispute", "third_person", "hardship", "paid", "agent", "refuses", "will_pay_later",
    "will_pay_today", "cannot_pay", "repeat", "call_back", "who_are_you", "asks_details", "confirms_identity", "denies",
    "affirms", "unclear",
)  # fmt: skip
UNCLEAR = "unclear"
STOPS = frozenset({"stop", "wrong_person", "third_person"})
"""After these nobody may be addressed there any more until a person has looked."""

RIGHTS = frozenset({"stop", "wrong_person", "complaint", "dispute", "third_person", "hardship"})
"""Whoever says one of these and something else as well is taken to say this."""

_LONGEST = 400
"""What is said is said by then; no reply may keep a process busy by being long."""
# How many letters `~` and `~~` let stand between two words; Latin words are longer. A comma ends the first, a stop the second.
_GAPS = {"zh": (8, 24), "en": (14, 44)}
_NOTION = re.compile(r"<([\w-]+)>")
_RUN = re.compile(r"(\D)\1{2,}")
_EDGES = re.compile(r"^[\s\W_]+|[\s\W_]+$")
_LONG_WORD = re.compile(r"[a-z]{6,}")
# Texts of ordinary letters, so written that reading them letter by letter would find nothing more.
_ORDINARY = re.compile(r"(?:[\u4e00-\u9fff]+|[A-Za-z0-9]{2,}|[IaA](?= )|['’,.!?，。！？、…]+| (?=[A-Za-z0-9]))*")
_SPELT = re.compile(r"[a-z][a-z0-9']*")
_PUNCTUATION = {"，": ",", "。": ".", "！": "!", "？": "?", "、": ",", "…": ".", "’": "'"}
_LATIN = re.compile(r"[a-z0-9]+")
_PARTED = re.compile(r" / |\n")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a text was taken to mean. `confidence` from 0 to 1: how often a reply read on such grounds was read rightly."""

    intent: str
    confidence: float

    @property
    def stop(self) -> bool:
        return self.intent in STOPS


@dataclass(frozen=True, slots=True)
class Meaning:
    """How one intent is said in one language: whole replies, phrases that settle it, phrases that hint, and what takes it back."""

    intent: str
    lang: str
    whole: re.Pattern[str]
    sure: re.Pattern[str]
    likely: re.Pattern[str]
    unless: re.Pattern[str]

    def strength(self, text: str, bare: str) -> int:
        """3: the whole reply says just this; 2: it is said; 1: it may be meant; 0: nothing says so; -1: something speaks against it."""
        if self.whole.fullmatch(bare):
            return 3
        if self.unless.search(text):
            return -1
        return 2 if self.sure.search(text) else 1 if self.likely.search(text) else 0


def intent_of(text: str, lang: str = "zh") -> Reply:
    """The one intent of a reply; `unclear` when nothing is said that is known. Both languages are read, whatever `lang` says.

    What phrases say and what the examples are like is added up; where both sides leave a doubt, the intent further up in
    INTENTS is taken.
    """
    plain = _plain(text[:_LONGEST] if len(text) > _LONGEST else text)
    bare = _EDGES.sub("", plain)
    evidence = likeness(plain)
    for meaning in _meanings():
        if len(bare) > 2 or meaning.lang == lang:  # T and N are words in one language only
            said = meaning.strength(plain, bare)
            evidence[meaning.intent] += _WEIGHTS[said] + (_RIGHT if said > 1 and meaning.intent in RIGHTS else 0.0)
    ranked = sorted(evidence, key=lambda intent: (-evidence[intent], INTENTS.index(intent)))
    if not bare or evidence[ranked[0]] <= 0:
        return Reply(UNCLEAR, _CONFIDENCE[0])
    lead = evidence[ranked[0]] - evidence[ranked[1]]
    return Reply(ranked[0], _CONFIDENCE[sum(lead > step for step in _LEADS)])


_WEIGHTS, _RIGHT = {-1: -2.0, 0: 0.0, 1: 1.5, 2: 5.0, 3: 9.0}, 1.0
"""What a strength adds in the measure of `likeness`, and what a right that is claimed adds to that."""
_LEADS = (1.0, 2.5, 5.0)
_CONFIDENCE = (0.5, 0.7, 0.8, 0.98)
"""By how far the first is ahead of the second; measured on replies neither table nor example had seen (`docs/replies.md`)."""


def _plain(text: str) -> str:
    """The text as it is looked at: plain letters, simplified characters, usual spellings, no apostrophes, nothing repeated."""
    words = _words()
    for sign in words.signs.keys() & set(text):
        text = text.replace(sign, f" {words.signs[sign]} ")
    if _ORDINARY.fullmatch(text):
        read_as = _SPELT.sub(lambda word: words.usual(word.group()), text.lower().translate(words.table))
    else:
        read_as = read(text, characters=words.characters, curses=(), spelling=words.usual).text
    return words.slip.sub(lambda slip: words.slips[slip.group()], _RUN.sub(r"\1", read_as.replace("'", ""))).strip()


@dataclass(frozen=True, slots=True)
class _Words:
    characters: Mapping[str, str]
    spellings: Mapping[str, str]
    near: Mapping[str, str]  # words one letter away from a long word, by what is left when a letter is taken out
    known: frozenset[str]
    slips: Mapping[str, str]  # Chinese written with another character of the same sound
    slip: re.Pattern[str]
    signs: Mapping[str, str]  # pictures that stand for a word
    table: Mapping[int, str]  # characters and punctuation, for texts with nothing odd in them

    def usual(self, word: str) -> str:
        """A Latin word as it is usually written: short forms and slips known by list, long words with one letter wrong."""
        usual = self.spellings.get(word)
        if usual is None and word not in self.known and _LONG_WORD.fullmatch(word):
            usual = next((self.near[shape] for shape in _shapes(word) if shape in self.near), None)
        return usual or word


@cache
def _words() -> _Words:
    told = _tables("spellings.yaml")
    characters = {
        pair[0]: pair[1:] for rows in read_wording("characters.yaml").values() for row in rows for pair in row.split()
    }
    spellings = {variant: usual for usual, variants in told["short forms"].items() for variant in variants.split()}
    long = told["long words"].split()
    near = {shape: word for word in long for shape in _shapes(word)}
    slips = dict(pair.split("=") for pair in told["slips"].split())
    signs = {sign: word for word, signs in told["signs"].items() for sign in signs.split()}
    slip = re.compile("|".join(map(re.escape, sorted(slips, key=len, reverse=True))))
    table = str.maketrans({**characters, **_PUNCTUATION})
    return _Words(characters, spellings, near, frozenset(long) | frozenset(told["no slips"].split()), slips, slip, signs, table)


def _shapes(word: str) -> Iterator[str]:
    """The word, and what is left of it when one letter is taken out: two words one slip apart share one of these."""
    yield word
    for place in range(len(word)):
        yield word[:place] + word[place + 1 :]


@cache
def _meanings() -> tuple[Meaning, ...]:
    return tuple(
        Meaning(
            intent,
            lang,
            *(_pattern(said.get(kind, ""), told["notions"], *_GAPS[lang]) for kind in ("whole", "sure", "likely", "unless")),
        )
        for lang, told in ((lang, _tables(f"{lang}.yaml")) for lang in LANGUAGES)
        for intent, said in told["intents"].items()
    )


# --- likeness -----------------------------------------------------------------------------------------------------


def likeness(plain: str) -> dict[str, float]:
    """How much more a text is like the examples of each intent than like the others: naive Bayes over its traits.

    The sum is divided by the root of their number, for the traits of one text are far from independent.
    """
    told = [row for row in map(_odds, traits(plain)) if row]
    return {intent: sum(row[place] for row in told) / max(len(told), 1) ** 0.5 for place, intent in enumerate(INTENTS)}


def traits(plain: str) -> set[str]:
    """What a text is compared by: Chinese letters by one, two and three, Latin words by one, two and three, and their stems."""
    found: set[str] = set()
    chinese = "".join(letter for letter in plain if letter >= "\u3400" or letter.isdigit())
    if chinese:
        row = f"^{chinese}$"
        found.update(row[at : at + size] for size in (1, 2, 3) for at in range(len(row) - size + 1))
    words = _LATIN.findall(plain)
    if words:
        row_of_words = ["^", *words, "$"]
        found.update(" ".join(row_of_words[at : at + size]) for size in (2, 3) for at in range(len(row_of_words) - size + 1))
        found.update(f"{word} " for word in words)
        found.update(f"{word[:size]}-" for word in words for size in (4, 5) if len(word) >= 5)
    return found


@lru_cache(maxsize=20_000)
def _odds(trait: str) -> tuple[float, ...]:
    """How much a trait speaks for each intent: the logarithm of its odds there against elsewhere; () for one never seen."""
    totals, counted = _counts()
    counts = counted.get(trait)
    if not counts:
        return ()
    everything, seen = sum(totals), sum(counts.values())
    return tuple(
        log((counts.get(place, 0) + 0.1) * (everything - total + 2) / (total + 2) / (seen - counts.get(place, 0) + 0.1))
        for place, total in enumerate(totals)
    )


@cache
def _counts() -> tuple[list[int], dict[str, dict[int, int]]]:
    """How many examples each intent has, and in how many of each a trait stands; intents by their place in INTENTS."""
    totals = [0] * len(INTENTS)
    counted: dict[str, dict[int, int]] = {}
    for place, example in examples():
        totals[place] += 1
        for trait in traits(_plain(example)):
            counts = counted.setdefault(trait, {})
            counts[place] = counts.get(place, 0) + 1
    return totals, counted


def examples() -> Iterator[tuple[int, str]]:
    """Every example, with the place of its intent in INTENTS."""
    for told in _tables("examples.yaml").values():
        for intent, written in told.items():
            for example in _PARTED.split(written.strip()):
                yield INTENTS.index(intent), example


def _tables(name: str) -> Any:
    with (HERE / name).open(encoding="utf-8") as file:
        return yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - the safe loader


def _pattern(written: str, notions: Mapping[str, str], gap: int, wide_gap: int) -> re.Pattern[str]:
    """One expression for any of the phrases: `<notion>` is any of its words, `~` a few letters between, `~~` some more."""
    if not written:
        return re.compile(r"(?!)")
    phrases = _alternatives(written)
    while _NOTION.search(phrases):
        phrases = _NOTION.sub(lambda found: f"(?:{_alternatives(notions[found.group(1)])})", phrases)
    near, far = f"[^,.!?;:\\n]{{0,{gap}}}?", f"[^.!?;\\n]{{0,{wide_gap}}}?"
    return re.compile(phrases.replace("~~", far).replace("~", near))


def _alternatives(written: str) -> str:
    """Lines are alternatives, as what `|` parts within one is."""
    return "|".join(written.splitlines())
