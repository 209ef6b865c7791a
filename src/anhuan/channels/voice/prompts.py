"""A text that was approved, as the clips it is heard in: recorded phrases, and numbers joined from clips.

Knows the folder of recordings: `<language>/phrases.tsv` (a clip's name, a tab, the phrase), `<language>/<name>.wav` for each, and one for
every clip of `amounts`. A text is spoken as a whole or not at all: where one word of it has no recording, nobody is called.
"""

from __future__ import annotations

import re
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

from anhuan.channels.voice import amounts
from anhuan.channels.voice.amounts import CLIPS, PAUSE, Clips, Unspeakable

PHRASES = "phrases.tsv"
_BREATHS = frozenset("，。；：！？,.;:!?")
_SILENT = _BREATHS | frozenset(" \n\t、“”（）\"'()")
_FORM = (8000, 1, 2)
"""What an exchange plays without converting: samples a second, sides, bytes a sample."""


class NotRecorded(Exception):
    """A text has a passage without a recording. Names no passage: it may be a name."""


def _zh_money(found: re.Match[str]) -> Clips:
    return amounts.amount(_minor(found[1], found[2]), _CURRENCIES[found[3]], "zh")


def _en_money(found: re.Match[str]) -> Clips:
    return amounts.amount(_minor(found[2], found[3]), "USD" if found[1] == "$" else found[1].strip(), "en")


def _minor(whole: str, cents: str | None) -> int:
    return int(whole.replace(",", "")) * 100 + int(cents or "0")


def _zh_day(found: re.Match[str]) -> Clips:
    return amounts.day(date(int(found[1]), int(found[2]), int(found[3])), "zh")


def _en_day(found: re.Match[str]) -> Clips:
    return amounts.day(date(int(found[3]), _MONTHS.index(found[2]) + 1, int(found[1])), "en")


def _en_american_day(found: re.Match[str]) -> Clips:
    return amounts.day(date(int(found[3]), _MONTHS.index(found[1]) + 1, int(found[2])), "en")


def _digits(lang: str) -> Callable[[re.Match[str]], Clips]:
    return lambda found: amounts.digits(found[0].replace("-", ""), lang)


def _zh_days(found: re.Match[str]) -> Clips:
    return amounts.days(int(found[1]), "zh")


def _number(lang: str) -> Callable[[re.Match[str]], Clips]:
    return lambda found: amounts.number(int(found[0]), lang)


_CURRENCIES = {"元": "CNY", "美元": "USD", "港元": "HKD"}
_MONTHS = "January February March April May June July August September October November December".split()
_MONTH = f"({'|'.join(_MONTHS)})"
_FIGURE = r"(\d{1,3}(?:,\d{3})*|\d+)(?:\.(\d\d))?"
_PHONE = re.compile(r"\d{3,4}(?:-\d{3,4})+(?!\d)|\d{5,}(?![.,]?\d)")
# Never the first digits of a figure whose rest is something else.
_COUNT = re.compile(r"\d+(?![.,]?\d)")
_NUMBERS: Mapping[str, tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Clips]], ...]] = MappingProxyType(
    {
        "zh": (
            (re.compile(rf"{_FIGURE}(元|美元|港元)"), _zh_money),
            (re.compile(r"(\d{4})年(\d\d?)月(\d\d?)日"), _zh_day),
            (re.compile(r"(?<=尾号)\d{4}(?!\d)"), _digits("zh")),
            (re.compile(r"(\d{1,4})天"), _zh_days),
            (_PHONE, _digits("zh")),
            (_COUNT, _number("zh")),
        ),
        "en": (
            (re.compile(rf"(CNY |USD |HKD |\$){_FIGURE}(?![.,]?\d)"), _en_money),
            (re.compile(rf"(\d\d?) {_MONTH} (\d{{4}})(?!\d)"), _en_day),
            (re.compile(rf"{_MONTH} (\d\d?), (\d{{4}})(?!\d)"), _en_american_day),
            (re.compile(r"(?<=ending )\d{4}(?!\d)"), _digits("en")),
            (_PHONE, _digits("en")),
            (_COUNT, _number("en")),
        ),
    }
)
"""By language, how wordings write figures, and how each is read: the first that fits."""


@dataclass(frozen=True)
class Prompts:
    """The recordings of a folder. `phrases`: by language, phrases with the name of their clip, the longest first."""

    folder: Path
    phrases: Mapping[str, tuple[tuple[str, str], ...]]

    def spoken(self, text: str, lang: str) -> tuple[str, ...]:
        """The clips of a text, each as `<language>/<name>`. Raises NotRecorded."""
        said: list[str] = []
        place = 0
        while place < len(text):
            if text[place] in _SILENT:
                if text[place] in _BREATHS and said and said[-1] != f"{lang}/{PAUSE}":
                    said.append(f"{lang}/{PAUSE}")
                place += 1
                continue
            clips, place = self._next(text, place, lang)
            said += (f"{lang}/{clip}" for clip in clips)
        return tuple(said)

    def _next(self, text: str, place: int, lang: str) -> tuple[Clips, int]:
        for phrase, clip in self.phrases.get(lang, ()):
            ends = place + len(phrase)
            if text.startswith(phrase, place) and not (phrase[-1].isdigit() and text[ends : ends + 1].isdigit()):
                return (clip,), ends
        for pattern, read in _NUMBERS.get(lang, ()):
            found = pattern.match(text, place)
            if found:
                try:
                    return read(found), found.end()
                except (Unspeakable, ValueError):
                    break
        raise NotRecorded("a passage has no recording")


def load(folder: Path) -> Prompts:
    """The recordings of a folder. Raises ValueError with every file that is missing or in another form, in both languages."""
    phrases: dict[str, tuple[tuple[str, str], ...]] = {}
    wrong: list[str] = []
    for lang in CLIPS:
        index = folder / lang / PHRASES
        if not index.exists():
            continue
        rows = [line.split("\t", 1) for line in index.read_text(encoding="utf-8").splitlines() if line.strip()]
        wrong += [f"{lang}/{PHRASES}: {row[0]}" for row in rows if len(row) < 2]
        told = [(row[1].strip(), row[0]) for row in rows if len(row) == 2]
        phrases[lang] = tuple(sorted(told, key=lambda each: -len(each[0])))
        wrong += [
            f"{lang}/{name}.wav" for name in (*CLIPS[lang], *(clip for _, clip in told)) if not _is_fit(folder, lang, name)
        ]
    if wrong or not phrases:
        listed = ", ".join(wrong) or PHRASES
        raise ValueError(
            f"{folder}: 缺少录音，或录音不是 8 kHz、单声道、16 位 WAV / recordings missing or not 8 kHz, mono, 16-bit WAV: {listed}"
        )
    return Prompts(folder, MappingProxyType(phrases))


def _is_fit(folder: Path, lang: str, name: str) -> bool:
    try:
        with wave.open(str(folder / lang / f"{name}.wav"), "rb") as clip:
            return (clip.getframerate(), clip.getnchannels(), clip.getsampwidth()) == _FORM and clip.getnframes() > 0
    except (OSError, wave.Error, EOFError):
        return False
