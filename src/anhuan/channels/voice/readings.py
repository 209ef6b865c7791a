"""What a voice reads so that every clip can be cut out of a sentence, where numbers sound as they do in one.

A sentence is its pieces in their order; those that are words of clips are cut out. What no sentence of these holds is read in a short one
of its own. Does not know who reads, nor how a recording is cut.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from anhuan.channels.voice.amounts import CLIPS, TAIL

Sentence = tuple[str, ...]

_PAY = {"zh": "，请还款。", "en": ", please pay soon."}
_OWED = {"zh": "逾期金额", "en": "The amount past due is"}
_SIGNS = "一二三四五六七八九"
_ONES = "one two three four five six seven eight nine".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def sentences(lang: str, wanted: Collection[str]) -> Iterator[tuple[Sentence, tuple[str, ...]]]:
    """What to read so that the wanted words are all said, and which of them to take from each."""
    left = dict.fromkeys(wanted)
    for sentence in (*(_zh() if lang == "zh" else _en()), *((_OWED[lang], word, _PAY[lang]) for word in wanted)):
        found = tuple(dict.fromkeys(piece for piece in sentence if piece in left))
        if found:
            yield sentence, found
        for word in found:
            del left[word]


def _zh() -> Iterator[Sentence]:
    pay, owed = _PAY["zh"], _OWED["zh"]
    for first in range(9):
        a, b, c, d, e, f = (_SIGNS[(first + 4 * place) % 9] for place in range(6))
        yield owed, f"{a}千", f"{b}百", f"{c}十", f"{d}元", f"{e}角", f"{f}分", pay
        yield owed, f"{a}万", f"{b}千元", "，最低", f"{c}百", f"零{d}元", f"零{e}分", pay
        yield owed, f"{a}万元", "，最低", f"{b}百元", pay
    words = list(CLIPS["zh"].values())
    numbers = [word[:-1] for word in words if word.endswith("天") and len(word) > 1]
    for one, other in zip(numbers[::2], [*numbers[1::2], numbers[0]], strict=True):
        yield "您已逾期", f"{one}天", "，金额", f"{one}元", "，另有", f"{other}天", "，金额", f"{other}元", pay
    pairs = [word for word in words if len(word) == 2 and not set(word) - set(TAIL)]
    for place in range(0, len(pairs), 4):
        a, b, c, d = pairs[place : place + 4]
        yield "您尾号", a, "，", b, "，尾号", c, "，", d, pay
    days, months = ([word for word in words if word.endswith(unit) and len(word) > 1] for unit in "日月")
    years = [word for word in words if word.endswith("年") and len(word) > 1]
    for place in range(0, len(days), 2):
        year, month = years[place // 2 % len(years)], months[place // 2 % len(months)]
        yield "请在二零", year, month, days[place], *(("或", days[place + 1]) if days[place + 1 :] else ()), "前还款。"


def _en() -> Iterator[Sentence]:
    pay, owed = _PAY["en"], _OWED["en"]
    for first in range(9):
        a, b, c, d = (_ONES[(first + 4 * place) % 9] for place in range(4))
        yield owed, a, "thousand", f"{b} hundred", _TENS[first % 8], c, "yuan", "and", _TENS[(first + 3) % 8], d, "fen", pay
