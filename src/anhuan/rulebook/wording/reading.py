"""Reading a text as a person would: what it says, whatever it was written with, and where each part of it stood.

Knows characters: widths, accents, invisible marks, traditional forms, letters set apart or disguised. Knows no word of
law. A reading keeps, for each of its characters, the code points of the original it came from, so that whatever is
found in it can be shown in the text as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

_CHINESE = "\u3400-\u4dbf\u4e00-\u9fff〇"
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u2800")
_PUNCTUATION = str.maketrans(
    {"’": "'", "‘": "'", "`": "'", "´": "'", "—": ",", "–": "-", "−": "-", "「": "“", "」": "”", "『": "“", "』": "”"}
)
# Marks written between Chinese characters to hide a word; a comma or a stop is such a mark only in a row of single ones.
_SET_APART = re.compile(rf"(?<=[{_CHINESE}])[ \t.·*\-_~|/\\+^#•・&=]+(?=[{_CHINESE}])")
_BEFORE_LETTER = re.compile(rf"(?<=[{_CHINESE}]) +(?=[a-z]{{1,2}}(?![a-z0-9']))")
_SINGLE_FILE = re.compile(rf"(?<![{_CHINESE}])[{_CHINESE}](?:([,、。])[{_CHINESE}])(?:\1[{_CHINESE}])+(?![{_CHINESE}])")
_SPELLED = re.compile(r"(?<![a-z0-9])[a-z](?:[ ._\-*]{1,2}[a-z0-9]){3,}(?![a-z0-9'])")
_SPACES = re.compile(r"[ \t]{2,}")
_DISGUISED = re.compile(r"[a-z0-9@$!|]*[a-z][0134578@$!|]+[a-z][a-z0-9@$!|]*|(?<![\w])[@$][a-z]{3,}")
_MASKED = re.compile(r"(?<![\w*])[a-z]+[*#]+[a-z*#]*(?![\w*])")
_LEET = str.maketrans("0134578@$!|", "oieastbasil")
_WORD = re.compile(rf"[{_CHINESE}]|[a-z0-9][a-z0-9']*")
_LATIN_WORD = re.compile(r"[a-z0-9][a-z0-9']*[a-z'](?![a-z0-9])|(?<![a-z0-9])[a-z](?![a-z0-9])")
_BREAK = re.compile(r"[。!?;\n]|\.(?=\s|$|[”\"'])|,(?!\d{3})|[,:()…]|[“”\"]")
_ABBREVIATED = re.compile(r"(?:^|[\s(])(?:mr|mrs|ms|dr|st|no|vs|inc|llc|co|dept|acct|apt|[a-z])$")


Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as read. All positions are positions of `text`; `original` turns a span back into code points as written."""

    text: str
    places: tuple[Span, ...]
    words: tuple[int, ...]  # where words begin: a Chinese character is a word, a run of Latin letters is one
    sentence_starts: tuple[int, ...]
    clause_starts: tuple[int, ...]

    def original(self, start: int, end: int) -> tuple[int, int]:
        return self.places[start][0], self.places[end - 1][1]

    def distance(self, left_end: int, right_start: int) -> int:
        """How many words stand between two places; a comma parts as much as two words do."""
        words = bisect_left(self.words, right_start) - bisect_left(self.words, left_end)
        return words + 2 * (bisect_left(self.clause_starts, right_start + 1) - bisect_left(self.clause_starts, left_end + 1))

    def sentence(self, position: int) -> tuple[int, int]:
        return _around(self.sentence_starts, position, len(self.text))

    def clause(self, position: int) -> tuple[int, int]:
        return _around(self.clause_starts, position, len(self.text))


def read(text: str, *, characters: Mapping[str, str], curses: Iterable[str], spelling: Callable[[str], str]) -> Reading:
    """Read a text.

    `characters` says how single characters are to be read, `curses` which words hide behind stars, and `spelling` how
    a Latin word is usually written.
    """
    seen: list[str] = []
    places: list[Span] = []
    for place, character in enumerate(text):
        for letter in _letter(character):
            seen.append(characters.get(letter, letter))
            places.append((place, place + 1))
    plain = "".join(seen)
    plain, places = _without(plain, places, _SPACES, lambda gap: gap[:-1])
    plain, places = _without(plain, places, _SET_APART, lambda gap: gap)
    plain, places = _without(plain, places, _BEFORE_LETTER, lambda gap: gap)
    plain, places = _without(plain, places, _SINGLE_FILE, lambda row: row[1::2], stride=True)
    plain, places = _without(plain, places, _SPELLED, lambda row: re.sub(r"[a-z0-9]", "", row), stride=True)
    if not plain.isalpha():
        plain = _DISGUISED.sub(_undisguised, plain)
        plain = _MASKED.sub(lambda masked: _unmasked(masked.group(), curses), plain)
    plain, places = _as_usually_written(plain, places, spelling)
    sentences, clauses = _breaks(plain)
    return Reading(
        text=plain,
        places=tuple(places),
        words=tuple(found.start() for found in _WORD.finditer(plain)),
        sentence_starts=sentences,
        clause_starts=clauses,
    )


@lru_cache(maxsize=20_000)
def _letter(character: str) -> str:
    """How one code point reads: usually one small letter, sometimes several, none when it cannot be seen."""
    if "a" <= character <= "z" or "\u4e00" <= character <= "\u9fff":
        return character
    if character in "\t\u3000\u00a0":
        return " "
    if character in _INVISIBLE:
        return ""
    if character in "\n\r\u2028\u2029":
        return "\n"
    letters = unicodedata.normalize("NFKD", character.translate(_PUNCTUATION)).lower()
    kept = (letter for letter in letters if unicodedata.category(letter) not in {"Cf", "Mn", "Me", "Cc"})
    return "".join(kept).translate(_PUNCTUATION)


def _without(
    text: str, places: list[Span], pattern: re.Pattern[str], dropped: Callable[[str], str], *, stride: bool = False
) -> tuple[str, list[Span]]:
    """The text without what the pattern finds: all that `dropped` names of it, or, by stride, each such mark in it."""
    if not pattern.search(text):
        return text, places
    gone: set[int] = set()
    for found in pattern.finditer(text):
        if stride:
            marks = set(dropped(found.group()))
            gone.update(position for position in range(*found.span()) if text[position] in marks)
        else:
            gone.update(range(found.start(), found.start() + len(dropped(found.group()))))
    kept = [position for position in range(len(text)) if position not in gone]
    return "".join(text[position] for position in kept), [places[position] for position in kept]


def _as_usually_written(text: str, places: list[Span], spelling: Callable[[str], str]) -> tuple[str, list[Span]]:
    """The text with its Latin words in their usual spelling; each letter of a changed word stands for the whole word."""
    pieces: list[str] = []
    kept: list[Span] = []
    done = 0
    for found in _LATIN_WORD.finditer(text):
        word = found.group()
        usual = spelling(word)
        if usual != word:
            start, end = found.span()
            pieces += text[done:start], usual
            kept += places[done:start]
            kept += [(places[start][0], places[end - 1][1])] * len(usual)
            done = end
    if not done:
        return text, places
    return "".join([*pieces, text[done:]]), kept + places[done:]


def _undisguised(found: re.Match[str]) -> str:
    """Letters for the figures that stand in their place; what carries a longer number is no word."""
    word = found.group()
    return word if re.search(r"\d{3}", word) or len(word) < 4 else word.translate(_LEET)


def _unmasked(word: str, curses: Iterable[str]) -> str:
    if sum(letter in "*#" for letter in word) * 2 > len(word) or len(word) < 4:
        return word  # more is hidden than shown: a name under a mask, no word under stars
    shape = re.compile("".join("[a-z]" if letter in "*#" else letter for letter in word))
    return next((curse for curse in curses if len(curse) == len(word) and shape.fullmatch(curse)), word)


def _breaks(text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Where sentences and clauses begin. What stands in quotation marks belongs to the sentence around it."""
    sentences, clauses = [0], [0]
    quoted = 0
    for found in _BREAK.finditer(text):
        mark, after = found.group(), found.end()
        if mark == "." and _ABBREVIATED.search(text[max(0, found.start() - 6) : found.start()]):
            continue
        if mark == "“" or (mark == '"' and not quoted):
            quoted = after if re.search('[”"]', text[after:]) else 0
        elif mark in '”"':
            quoted = 0
        clauses.append(after)
        if mark in "。!?;\n." and not quoted:
            sentences.append(after)
    return tuple(sentences), tuple(clauses)


def _around(starts: tuple[int, ...], position: int, length: int) -> tuple[int, int]:
    """The piece a position lies in."""
    index = bisect_left(starts, position + 1)
    return starts[index - 1], starts[index] if index < len(starts) else length
