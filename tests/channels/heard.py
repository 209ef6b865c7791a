"""What a listener understands: clips read back to the number, amount or date they say, by rules of their own."""

from __future__ import annotations

import re
from datetime import date

from anhuan.channels.voice.amounts import CLIPS

_ZH = {"十": 10, "百": 100, "千": 1000}
_ZH_DIGITS = {sign: digit for digit, sign in enumerate("零一二三四五六七八九")} | {"幺": 1}
_EN = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_MONTHS = "january february march april may june july august september october november december".split()


def words(clips):
    """What is heard in Chinese."""
    return "".join(CLIPS["zh"][clip] for clip in clips)


def number(clips, lang):
    return _zh(words(clips)) if lang == "zh" else _en(clips)


def _zh(said):
    whole = section = digit = 0
    for sign in said:
        if sign in "万亿":
            whole, section, digit = whole + (section + digit) * (10_000 if sign == "万" else 10**8), 0, 0
        elif sign in _ZH:
            section, digit = section + (digit or 1) * _ZH[sign], 0
        else:
            digit = _ZH_DIGITS[sign]
    return whole + section + digit


def _en(clips):
    whole = group = 0
    for clip in clips:
        if clip in _EN:
            whole, group = whole + group * _EN[clip], 0
        elif clip.endswith("hundred"):
            group += int(clip[0]) * 100
        else:
            group += int(clip)
    return whole + group


def amount(clips, lang):
    """Minor units and currency."""
    if lang == "zh":
        return _amount_zh(words(clips))
    units = {"yuan": "CNY", "us_dollars": "USD", "us_dollar": "USD", "hk_dollars": "HKD", "hk_dollar": "HKD"}
    [at] = [place for place, clip in enumerate(clips) if clip in units]
    rest = [clip for clip in clips[at + 1 :] if clip != "and"]
    return _en(clips[:at]) * 100 + (_en(rest[:-1]) if rest else 0), units[clips[at]]


def _amount_zh(said):
    major, unit, jiao, fen, cents = re.fullmatch(r"(.+?)(美元|港元|元)(?:(.)角)?(?:零?(.)分)?(?:(.+)美分)?", said).groups()
    minor = _zh(cents) if cents else _zh(jiao or "") * 10 + _zh(fen or "")
    return _zh(major) * 100 + minor, {"元": "CNY", "美元": "USD", "港元": "HKD"}[unit]


def day(clips, lang):
    if lang == "zh":
        year, month, last = re.fullmatch("(.+)年(.+)月(.+)日", words(clips)).groups()
        return date(int("".join(str(_ZH_DIGITS[sign]) for sign in year)), _zh(month), _zh(last))
    # A day is at most two clips, and the year begins with its thousands.
    thousand = clips.index("thousand")
    return date(_en(clips[thousand - 1 :]), _MONTHS.index(clips[0]) + 1, _en(clips[1 : thousand - 1]))
