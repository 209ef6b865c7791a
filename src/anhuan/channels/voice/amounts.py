"""Amounts, dates and numbers as the clips they are read from, in Chinese and in English.

Knows how they are spoken. Does not know files: a clip is a name (`CLIPS` has all of them with the word it says), and whoever
records a voice records each once. Hearing the clips in their order gives exactly the number that was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from types import MappingProxyType

Clips = tuple[str, ...]

BELOW = 10**12
"""Whole numbers are read below this."""


class Unspeakable(ValueError):
    """A number or currency nobody has a clip for; says which."""


_ZH_UNITS = ("", "ten", "hundred", "thousand")
# A digit with its unit is one clip: a syllable alone is hard to tell from others, for people and machines alike.
_ZH_PAIRS = {"ten": "十", "hundred": "百", "thousand": "千", "jiao": "角", "fen": "分"}
_ZH_DIGITS = "零一二三四五六七八九"
_ZH_GROUPS = ("", "wan", "yi")
_EN_GROUPS = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"))
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ONES = "zero one two three four five six seven eight nine".split()

CLIPS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "zh": MappingProxyType(
            {str(digit): word for digit, word in enumerate(_ZH_DIGITS)}
            | {f"{digit}{unit}": _ZH_DIGITS[digit] + word for unit, word in _ZH_PAIRS.items() for digit in range(1, 10)}
            | {"yao": "幺", "ten": "十", "wan": "万", "yi": "亿"}
            | {"yuan": "元", "whole": "整", "year": "年", "month": "月", "day": "日"}
            | {"us_dollars": "美元", "us_cents": "美分", "hk_dollars": "港元"}
        ),
        "en": MappingProxyType(
            {str(number): word for number, word in enumerate([*_ONES, *_TEENS])}
            | {str(number): word for number, word in zip(range(20, 100, 10), _TENS, strict=True)}
            | {name: name for name in ("thousand", "million", "billion", "and", "yuan", "fen", "cents", "cent")}
            | {f"{digit}hundred": f"{_ONES[digit]} hundred" for digit in range(1, 10)}
            | {"us_dollars": "U S dollars", "us_dollar": "U S dollar", "hk_dollars": "Hong Kong dollars"}
            | {"hk_dollar": "Hong Kong dollar"}
            | {month: month.capitalize() for month in _MONTHS}
        ),
    }
)
"""By language, every clip and the word it says."""


def number(value: int, lang: str) -> Clips:
    """A whole number from 0. Raises Unspeakable."""
    if not 0 <= value < BELOW:
        raise Unspeakable(f"no clips for the number {value}")
    return tuple(_number_zh(value) if lang == "zh" else _number_en(value))


def digits(value: str, lang: str) -> Clips:
    """Digits one by one, as an account's tail or a telephone number is read; in Chinese 1 is yao, so that it is not taken for 7."""
    if not (value.isascii() and value.isdecimal()):
        raise Unspeakable("digits are 0 to 9")
    return tuple("yao" if lang == "zh" and digit == "1" else digit for digit in value)


def day(value: date, lang: str) -> Clips:
    """A date: year, month and day in Chinese; month, day and year in English."""
    if lang == "zh":
        year = tuple(str(value.year))
        return (*year, "year", *_number_zh(value.month), "month", *_number_zh(value.day), "day")
    return (_MONTHS[value.month - 1], *_number_en(value.day), *_number_en(value.year))


def amount(minor: int, currency: str, lang: str) -> Clips:
    """An amount of whole minor units. Raises Unspeakable for a currency that has no clips."""
    if (lang, currency) not in _MONEY or minor < 0:
        raise Unspeakable(f"no clips for an amount in {currency}")
    return _MONEY[lang, currency](*divmod(minor, 100))


def _number_zh(value: int) -> list[str]:
    """Groups of four digits; a gap of zeros is read as one, and 10 to 19 begin with ten itself."""
    if value == 0:
        return ["0"]
    said: list[str] = []
    pending_zero = False
    for place in (2, 1, 0):
        group = value // 10 ** (4 * place) % 10_000
        if group == 0:
            pending_zero = bool(said)
            continue
        if said and (pending_zero or group < 1000):
            said.append("0")
        said += _group_zh(group)
        if place:
            said.append(_ZH_GROUPS[place])
        pending_zero = False
    return ["ten", *said[1:]] if said[:1] == ["1ten"] else said


def _group_zh(group: int) -> list[str]:
    said: list[str] = []
    gap = False
    for place in (3, 2, 1, 0):
        digit = group // 10**place % 10
        if digit == 0:
            gap = bool(said)
            continue
        said += ["0"] if gap else []
        said.append(f"{digit}{_ZH_UNITS[place]}")
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
    """Yuan, jiao and fen; without either, `whole` says that nothing follows."""
    jiao, fen = divmod(minor, 10)
    if not minor:
        return (*_number_zh(major), unit, "whole")
    return (*_number_zh(major), unit, f"{jiao}jiao" if jiao else "0", *((f"{fen}fen",) if fen else ()))


def _by_cents_zh(major: int, minor: int) -> Clips:
    return (*_number_zh(major), "us_dollars", *((*_number_zh(minor), "us_cents") if minor else ("whole",)))


def _by_cents_en(units: tuple[str, str, str, str], major: int, minor: int) -> Clips:
    """Two whole numbers, each with the unit for one or for many."""
    one, many, cent, cents = units
    whole = (*_number_en(major), one if major == 1 else many)
    return (*whole, "and", *_number_en(minor), cent if minor == 1 else cents) if minor else whole


_MONEY: Mapping[tuple[str, str], Callable[[int, int], Clips]] = MappingProxyType(
    {
        ("zh", "CNY"): partial(_by_tenths, "yuan"),
        ("zh", "HKD"): partial(_by_tenths, "hk_dollars"),
        ("zh", "USD"): _by_cents_zh,
        ("en", "CNY"): partial(_by_cents_en, ("yuan", "yuan", "fen", "fen")),
        ("en", "HKD"): partial(_by_cents_en, ("hk_dollar", "hk_dollars", "cent", "cents")),
        ("en", "USD"): partial(_by_cents_en, ("us_dollar", "us_dollars", "cent", "cents")),
    }
)
