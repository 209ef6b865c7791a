"""The wording that is wrong, and the wording that makes it right again, as read from the data files beside this module.

Knows the files' notation, which `docs/wording.md` explains. A *notion* is a named list of words that mean alike (`kin`:
家人, 父母 …). A *phrase* is a row of notions and plain words with gaps between: `{we}~{tell}~~{kin}`. Next to each other
they must touch; `~` lets 4 words stand between, `~~` 10, `~~~` 25, within one sentence; `~~~~` lets 40, and sentences end.
`(a|{b})` is a notion made on the spot, one that may be missing if an alternative is empty; in the words of a notion the
same brackets spell alternatives out. A word with `*` at its end matches whatever a Latin word goes on with; one with `≈`
before it also matches in characters or Latin letters of the same sound. A *rule* gathers phrases under one reason and
one clause of law.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
GAPS = {"": 0, "~": 4, "~~": 10, "~~~": 25, "~~~~": 40}
ACROSS_SENTENCES = 40
_ELEMENT = re.compile(r"\{([\w-]+)\}|(~+)|\(([^()]*)\)|([^{}~()]+)")
_DOUBLED = re.compile(r"([a-z])\1+")
_LATIN_PART = re.compile(r"[a-z][a-z']*(?![a-z*])")
_ALTERNATIVES = re.compile(r"\(([^()]*)\)")


Word = tuple[str, bool, tuple[str, ...]]  # the word, whether it goes on, and the notions it stands for


@dataclass(frozen=True, slots=True)
class Phrase:
    """Notions in order; `gaps[i]` is how many words may stand before the notion i."""

    notions: tuple[str, ...]
    gaps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason why wording is wrong, with the phrases that show it and what excuses them."""

    id: str
    kinds: tuple[str, ...]
    phrases: tuple[Phrase, ...]
    reason_zh: str
    reason_en: str
    citation: str
    unless: tuple[str, ...] = ()
    unless_anywhere: tuple[str, ...] = ()
    even_if: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()
    not_purposes: frozenset[str] = frozenset()
    hits: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Everything the files say, indexed for reading: words by their first letters, phrases by their rarest notion."""

    characters: Mapping[str, str]
    words: Mapping[str, tuple[Word, ...]]  # filed by their first letters
    groups: Mapping[str, tuple[str, ...]]  # notions made of notions
    rules: tuple[Rule, ...]
    by_notion: Mapping[str, tuple[tuple[Phrase, Rule], ...]]
    curses: tuple[str, ...]
    spellings: Mapping[str, str]  # how Latin words are usually written
    demands: tuple[Mapping[str, Any], ...]  # disclosures that are due

    def usually_written(self, word: str) -> str:
        """The usual spelling of a Latin word: short forms in full, letters not doubled at will, -in' as -ing."""
        return self.spellings.get(word) or self.spellings.get(_undoubled(word) + "≈", word)


def _undoubled(word: str) -> str:
    return _DOUBLED.sub(r"\1", word)


def _spellings(written: Mapping[str, str], notions: Mapping[str, list[str]]) -> dict[str, str]:
    """Spellings the file knows, and how every longer Latin word of the lexicon looks with its doubled letters undone.

    Keys of the second kind end with ≈. A word that is a word itself stays what it is.
    """
    spellings = {variant: usual for usual, variants in written.items() for variant in listed(variants)}
    known = {part for words in notions.values() for word in words for part in _LATIN_PART.findall(word)}
    spellings.update({word: word for word in known if word not in spellings})
    for word in sorted(known):
        if len(word) >= 5 and spellings[word] == word:
            spellings.setdefault(_undoubled(word) + "≈", word)
            if word.endswith("ing"):
                spellings.setdefault(word[:-1], word)
    return spellings


@cache
def lexicon() -> Lexicon:
    """The lexicon that ships, read once."""
    characters = dict(_pairs(read_yaml("characters.yaml")))
    sounds: dict[str, list[str]] = {sign: [sign, *others] for sign, others in read_yaml("zh/sounds.yaml").items()}
    sources = read_yaml("sources.yaml")
    disclosures = read_yaml("disclosures.yaml")
    notions: dict[str, list[str]] = {f"shows {item}": listed(words) for item, words in disclosures["items"].items()}
    groups: dict[str, tuple[str, ...]] = {}
    rules: list[Rule] = []
    for path in sorted(HERE.glob("*/*.yaml")):
        content = read_yaml(str(path.relative_to(HERE)))
        if isinstance(content, list):
            rules.extend(_rule(entry, sources, notions, groups) for entry in content)
        elif path.stem not in {"sounds", "spellings"}:
            for notion, words in content.items():
                notions.setdefault(notion, []).extend(listed(words))
    _all_explained(rules, notions, groups)
    spellings = _spellings(read_yaml("en/spellings.yaml"), notions)
    return Lexicon(
        characters=characters,
        words=_index(notions, sounds, spellings),
        groups=groups,
        rules=tuple(rules),
        by_notion=_by_rarest(rules, notions, groups),
        curses=tuple(word for word in notions.get("curse", ()) if word.isascii() and word.isalpha()),
        spellings=spellings,
        demands=tuple({**one, "citation": _cited(one, sources)} for one in disclosures["demands"]),
    )


def _all_explained(rules: Iterable[Rule], notions: Mapping[str, list[str]], groups: Mapping[str, tuple[str, ...]]) -> None:
    for rule in rules:
        spoken_of = {notion for phrase in rule.phrases for notion in phrase.notions} | {*rule.unless, *rule.unless_anywhere}
        spoken_of |= {member for notion in spoken_of for member in groups.get(notion, ())}
        missing = spoken_of - notions.keys() - groups.keys()
        if missing:
            raise KeyError(f"{rule.id} speaks of {', '.join(sorted(missing))}, which no file explains")


def listed(words: str) -> list[str]:
    """The words of a notion, which its file separates by commas."""
    return [word for word in re.split(r",\s+", words.strip()) if word]


def read_yaml(name: str) -> Any:
    with (HERE / name).open(encoding="utf-8") as file:
        return yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - the safe loader, in C where there is one


def _pairs(content: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    for rows in content.values():
        for row in rows:
            for pair in row.split():
                yield pair[0], pair[1:]


def _rule(
    entry: Mapping[str, Any],
    sources: Mapping[str, Mapping[str, str]],
    notions: dict[str, list[str]],
    groups: dict[str, tuple[str, ...]],
) -> Rule:
    """One entry of a file; notions made on the spot are added to `notions` and `groups`."""
    return Rule(
        id=entry["id"],
        kinds=tuple(entry["kind"].split()),
        phrases=tuple(phrase for written in entry["say"] for phrase in parse(written, notions, groups)),
        reason_zh=entry["reason_zh"],
        reason_en=entry["reason_en"],
        citation=_cited(entry, sources),
        unless=tuple(entry.get("unless", "").split()),
        unless_anywhere=tuple(entry.get("unless_anywhere", "").split()),
        even_if=frozenset(entry.get("even_if", "").split()),
        channels=frozenset(entry.get("channels", "").split()),
        purposes=frozenset(entry.get("purposes", "").split()),
        not_purposes=frozenset(entry.get("not_purposes", "").split()),
        hits=tuple(str(hit) for hit in entry["hits"]),
        misses=tuple(str(miss) for miss in entry["misses"]),
    )


def _cited(entry: Mapping[str, Any], sources: Mapping[str, Mapping[str, str]]) -> str:
    return "; ".join(f"{sources[key]['source']}, {sources[key]['clause']}" for key in entry["cites"].split())


def parse(written: str, notions: dict[str, list[str]], groups: dict[str, tuple[str, ...]]) -> list[Phrase]:
    """`{we}~{tell} everyone` as phrases: one, or several where a part may be missing."""
    phrases: list[tuple[tuple[str, ...], tuple[int, ...]]] = [((), ())]
    gap = 0
    for notion, tildes, choice, plain in _ELEMENT.findall(written):
        if tildes:
            gap = GAPS[tildes]
            continue
        alternatives = choice.split("|") if choice else [f"{{{notion}}}" if notion else plain]
        if not any(alternative.strip() for alternative in alternatives):
            continue
        name = notion or _on_the_spot([one.strip() for one in alternatives if one.strip()], notions, groups)
        longer = [((*said, name), (*gaps, gap)) for said, gaps in phrases]
        phrases = [*longer, *phrases] if "" in alternatives else longer
        gap = 0
    return [Phrase(said, gaps) for said, gaps in phrases]


def _on_the_spot(alternatives: list[str], notions: dict[str, list[str]], groups: dict[str, tuple[str, ...]]) -> str:
    """The name of a notion made of these alternatives: words, and notions in braces."""
    name = "|".join(alternatives)
    words = [one for one in alternatives if not one.startswith("{")]
    members = tuple(one.strip("{}") for one in alternatives if one.startswith("{"))
    if not members:
        notions[f"'{name}"] = words
        return f"'{name}"
    if words:
        notions[f"'{'|'.join(words)}"] = words
        members = (*members, f"'{'|'.join(words)}")
    groups[name] = members
    return name


def spelled_out(written: str) -> Iterator[str]:
    """Every way to read the alternatives in round brackets."""
    found = _ALTERNATIVES.search(written)
    if not found:
        yield re.sub(r" {2,}", " ", written).strip()
        return
    for choice in found.group(1).split("|"):
        yield from spelled_out(written[: found.start()] + choice + written[found.end() :])


def first_letters(word: str) -> str:
    """What words are filed by: up to four Latin letters, or two of any other script."""
    latin = word[:4]
    while latin and not latin.isascii():
        latin = latin[:-1]
    return latin or word[:2]


def _index(
    notions: Mapping[str, Iterable[str]], sounds: Mapping[str, list[str]], spellings: Mapping[str, str]
) -> dict[str, tuple[Word, ...]]:
    """Every word in every spelling, filed by its first letters. Latin words are filed as they are usually written."""
    meanings: dict[tuple[str, bool], dict[str, None]] = {}
    for notion, words in notions.items():
        for written in words:
            for spelled in spelled_out(str(written)):
                for word in _sounding(spelled, sounds):
                    goes_on = word.endswith("*")
                    bare = word.rstrip("*").lower()
                    usual = bare if goes_on else _LATIN_PART.sub(lambda part: spellings.get(part.group(), part.group()), bare)
                    meanings.setdefault((usual, goes_on), {})[notion] = None
    filed: dict[str, list[Word]] = {}
    for (word, goes_on), meant in meanings.items():
        filed.setdefault(first_letters(word), []).append((word, goes_on, tuple(meant)))
    return {first: tuple(entries) for first, entries in filed.items()}


def _sounding(word: str, sounds: Mapping[str, list[str]]) -> Iterator[str]:
    """The word, and, where it begins with ≈, every word that sounds like it."""
    if not word.startswith("≈"):
        yield word
        return
    for letters in product(*(sounds.get(letter, [letter]) for letter in word[1:])):
        yield "".join(letters)


def _by_rarest(
    rules: Iterable[Rule], notions: Mapping[str, list[str]], groups: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[tuple[Phrase, Rule], ...]]:
    """Phrases filed under the notion least likely to stand in a text, so that few are looked at for any one text."""

    def commonness(notion: str) -> tuple[int, int]:
        words = [word for member in groups.get(notion, (notion,)) for word in notions[member]]
        return sum(len(word) < 2 for word in words), len(words)

    filed: dict[str, list[tuple[Phrase, Rule]]] = {}
    for rule in rules:
        for phrase in rule.phrases:
            rarest = min(phrase.notions, key=commonness)
            for member in groups.get(rarest, (rarest,)):
                filed.setdefault(member, []).append((phrase, rule))
    return {notion: tuple(entries) for notion, entries in filed.items()}
