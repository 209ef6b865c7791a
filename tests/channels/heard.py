"""What a listener understands: clips read back to the number, amount or date they say, by rules of their own."""

from __future__ import annotations

from datetime import date

_ZH = {"ten": 10, "hundred": 100, "thousand": 1000}
_EN = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_MONTHS = "january february march april may june july august september october november december".split()


def number(clips, lang):
    return _zh(clips) if lang == "zh" else _en(clips)


def _zh(clips):
    whole = section = digit = 0
    for clip in clips:
        if clip in {"wan", "yi"}:
            whole, section, digit = whole + (section + digit) * (10_000 if clip == "wan" else 10**8), 0, 0
        elif clip.lstrip("123456789") in _ZH:
            section += int(clip[:1] if clip[0].isdigit() else 1) * _ZH[clip.lstrip("123456789")]
        else:
            digit = int(clip)
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
    units = {"yuan": "CNY", "us_dollars": "USD", "us_dollar": "USD", "hk_dollars": "HKD", "hk_dollar": "HKD"}
    [at] = [place for place, clip in enumerate(clips) if clip in units]
    major, rest = number(clips[:at], lang) * 100, [clip for clip in clips[at + 1 :] if clip not in {"and", "whole"}]
    if lang == "zh" and "us_cents" not in rest:
        by_unit = {clip[1:]: int(clip[0]) for clip in rest if clip[1:]}
        return major + by_unit.get("jiao", 0) * 10 + by_unit.get("fen", 0), units[clips[at]]
    return major + (number(rest[:-1], lang) if rest else 0), units[clips[at]]


def day(clips, lang):
    if lang == "zh":
        year, month, last = (clips.index(unit) for unit in ("year", "month", "day"))
        return date(int("".join(clips[:year])), _zh(clips[year + 1 : month]), _zh(clips[month + 1 : last]))
    # A day is at most two clips, and the year begins with its thousands.
    thousand = clips.index("thousand")
    return date(_en(clips[thousand - 1 :]), _MONTHS.index(clips[0]) + 1, _en(clips[1 : thousand - 1]))
