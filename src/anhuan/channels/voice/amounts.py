"""Amounts, dates and numbers as the clips they are read from, in Chinese and in English.

Knows how they are spoken. Does not know files: a clip is a name (`CLIPS` has all of them with the word it says), and whoever
records a voice records each once. Hearing the clips in their order gives exactly the number that was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cache, partial
from types import MappingProxyType

Clips = tuple[str, ...]

PAUSE = "pause"
"""The clip of no word: what a comma is."""
BELOW = 10**12
"""Whole numbers are read below this."""


class Unspeakable(ValueError):
    """A number or currency nobody has a clip for; says which."""


_ZH_UNITS = ("", "十", "百", "千")
_ZH_DIGITS = "零一二三四五六七八九"
TAIL = _ZH_DIGITS.replace("一", "幺")
"""The digits of a card or telephone number."""
_ZH_GROUPS = ("", "万", "亿")
_ZH_NAMES = {sign: str(digit) for digit, sign in enumerate(_ZH_DIGITS)} | {
    "幺": "yao", "十": "ten", "百": "hundred", "千": "thousand", "万": "wan", "亿": "yi", "元": "yuan", "角": "jiao", "分": "fen",
    "天": "days", "年": "year", "月": "month", "日": "day", "港": "hk_", "美": "us_",
}  # fmt: skip
_EN_GROUPS = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"))
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ONES = "zero one two three four five six seven eight nine".split()


def _below_hundred(value: int) -> str:
    tens, ones = divmod(value, 10)
    return (_ZH_DIGITS[tens] if tens > 1 else "") + ("十" if tens else "") + (_ZH_DIGITS[ones] if ones or not tens else "")


def _words_zh() -> Iterator[str]:
    """What is recorded in Chinese. A syllable alone is hard to tell from others, for people and machines alike, so each says two or
    three; single ones are there for what is rarely said.
    """
    digits, tens = _ZH_DIGITS[1:], [_ZH_DIGITS[ten] + "十" for ten in range(1, 10)]
    short = [*map(_below_hundred, range(20)), *tens]
    yield from [*_ZH_DIGITS, "幺", "十", "万", "亿", "元", "天", "年", "港元", "美元", "美分"]
    yield from tens
    for unit in ("千", "百", "万", "万元", "千元", "百元", "角", "分"):
        yield from (digit + unit for digit in digits)
    for unit in ("元", "分"):
        yield from (f"零{digit}{unit}" for digit in digits)
    for unit in ("元", "天"):
        yield from (number + unit for number in short)
    yield from (first + second for first in TAIL for second in TAIL)
    yield from (f"{_ZH_DIGITS[year // 10]}{_ZH_DIGITS[year % 10]}年" for year in range(25, 36))
    yield from (_below_hundred(month) + "月" for month in range(1, 13))
    yield from (_below_hundred(day) + "日" for day in range(1, 32))


CLIPS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "zh": MappingProxyType({"".join(map(_ZH_NAMES.__getitem__, word)): word for word in _words_zh()} | {PAUSE: "，"}),
        "en": MappingProxyType(
            {str(number): word for number, word in enumerate([*_ONES, *_TEENS])}
            | {str(number): word for number, word in zip(range(20, 100, 10), _TENS, strict=True)}
            | {name: name for name in ("thousand", "million", "billion", "and", "yuan", "fen", "cents", "cent")}
            | {f"{digit}hundred": f"{_ONES[digit]} hundred" for digit in range(1, 10)}
            | {"us_dollars": "U S dollars", "us_dollar": "U S dollar", "hk_dollars": "Hong Kong dollars"}
            | {"hk_dollar": "Hong Kong dollar"}
            | {month: month.capitalize() for month in _MONTHS}
            | {PAUSE: ","}
        ),
    }
)
"""By language, every clip and the word it says."""


def number(value: int, lang: str) -> Clips:
    """A whole number from 0. Raises Unspeakable."""
    if not 0 <= value < BELOW:
        raise Unspeakable(f"no clips for the number {value}")
    return _said_zh(_number_zh(value)) if lang == "zh" else tuple(_number_en(value))


def days(value: int, lang: str) -> Clips:
    """How many days. Raises Unspeakable."""
    if lang != "zh":
        raise Unspeakable("days are counted in Chinese only")
    if not 0 <= value < BELOW:
        raise Unspeakable(f"no clips for {value} days")
    return _said_zh(_number_zh(value) + "天")


def digits(value: str, lang: str) -> Clips:
    """Digits one by one, as an account's tail or a telephone number is read; in Chinese by twos with a pause between, and 1 is yao, so
    that it is not taken for 7.
    """
    if not (value.isascii() and value.isdecimal()):
        raise Unspeakable("digits are 0 to 9")
    if lang != "zh":
        return tuple(value)
    said = "".join(TAIL[int(digit)] for digit in value)
    pairs = [_said_zh(said[place : place + 2]) for place in range(0, len(said), 2)]
    return tuple(clip for pair in pairs for clip in (*pair, PAUSE))[:-1]


def day(value: date, lang: str) -> Clips:
    """A date: year, month and day in Chinese; month, day and year in English."""
    if lang == "zh":
        year = "".join(_ZH_DIGITS[int(digit)] for digit in str(value.year))
        return (
            *_said_zh(f"{year}年"),
            *_said_zh(_below_hundred(value.month) + "月"),
            *_said_zh(_below_hundred(value.day) + "日"),
        )
    return (_MONTHS[value.month - 1], *_number_en(value.day), *_number_en(value.year))


def amount(minor: int, currency: str, lang: str) -> Clips:
    """An amount of whole minor units. Raises Unspeakable for a currency that has no clips."""
    if (lang, currency) not in _MONEY or minor < 0:
        raise Unspeakable(f"no clips for an amount in {currency}")
    return _MONEY[lang, currency](*divmod(minor, 100))


@cache
def _of_word() -> Mapping[str, str]:
    return {word: name for name, word in CLIPS["zh"].items()}


def _said_zh(words: str) -> Clips:
    """The clips that say the words: with as few syllables alone as can be, and then as few joins; of two ways, the longer clip first."""
    known = _of_word()
    best: dict[int, tuple[int, int, Clips]] = {len(words): (0, 0, ())}
    for place in range(len(words) - 1, -1, -1):
        ways = [
            (best[end][0] + (end - place == 1), best[end][1] + 1, (known[words[place:end]], *best[end][2]))
            for end in range(len(words), place, -1)
            if end in best and words[place:end] in known
        ]
        if ways:
            best[place] = min(ways, key=lambda way: way[:2])
    return best[0][2]


def _number_zh(value: int) -> str:
    """Groups of four digits; a gap of zeros is read as one, and 10 to 19 begin with ten itself."""
    if value == 0:
        return "零"
    said = ""
    pending_zero = False
    for place in (2, 1, 0):
        group = value // 10 ** (4 * place) % 10_000
        if group == 0:
            pending_zero = bool(said)
            continue
        if said and (pending_zero or group < 1000):
            said += "零"
        said += _group_zh(group) + _ZH_GROUPS[place]
        pending_zero = False
    return said.removeprefix("一") if said.startswith("一十") else said


def _group_zh(group: int) -> str:
    said = ""
    gap = False
    for place in (3, 2, 1, 0):
        digit = group // 10**place % 10
        if digit == 0:
            gap = bool(said)
            continue
        said += ("零" if gap else "") + _ZH_DIGITS[digit] + _ZH_UNITS[place]
        gap = False
    return said


def _number_en(value: int) -> list[str]:
    if value == 0:
        return ["0"]
    said: list[str] = []
    for size, name in _EN_GROUPS:
        many, value = divmod(value, size)
        said += [*_hundreds_en(many), name] if many else []
    return said + _hundreds_en(value)


def _hundreds_en(value: int) -> list[str]:
    hundreds, rest = divmod(value, 100)
    said = [f"{hundreds}hundred"] if hundreds else []
    if rest > 20 and rest % 10:
        return [*said, str(rest - rest % 10), str(rest % 10)]
    return [*said, str(rest)] if rest else said


def _by_tenths(unit: str, major: int, minor: int) -> Clips:
    """Yuan, jiao and fen."""
    jiao, fen = divmod(minor, 10)
    rest = (f"{_ZH_DIGITS[jiao]}角" if jiao else "零" if fen else "") + (f"{_ZH_DIGITS[fen]}分" if fen else "")
    return _said_zh(f"{_number_zh(major)}{unit}{rest}")


def _by_cents_zh(major: int, minor: int) -> Clips:
    return _said_zh(f"{_number_zh(major)}美元" + (f"{_number_zh(minor)}美分" if minor else ""))


def _by_cents_en(units: tuple[str, str, str, str], major: int, minor: int) -> Clips:
    """Two whole numbers, each with the unit for one or for many."""
    one, many, cent, cents = units
    whole = (*_number_en(major), one if major == 1 else many)
    return (*whole, "and", *_number_en(minor), cent if minor == 1 else cents) if minor else whole


_MONEY: Mapping[tuple[str, str], Callable[[int, int], Clips]] = MappingProxyType(
    {
        ("zh", "CNY"): partial(_by_tenths, "元"),
        ("zh", "HKD"): partial(_by_tenths, "港元"),
        ("zh", "USD"): _by_cents_zh,
        ("en", "CNY"): partial(_by_cents_en, ("yuan", "yuan", "fen", "fen")),
        ("en", "HKD"): partial(_by_cents_en, ("hk_dollar", "hk_dollars", "cent", "cents")),
        ("en", "USD"): partial(_by_cents_en, ("us_dollar", "us_dollars", "cent", "cents")),
    }
)
