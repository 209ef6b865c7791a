"""The note assistant: what a collector's free-text note may not hold, and what it should hold only for a reason.

Knows the kinds of findings and which must be changed. Wording is judged by `rulebook.wording`; what stands here is a note's own: data
of third persons, and data of health or faith that need a consent of their own. Does not know whose number a number is: the caller says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from anhuan.rulebook.wording import check_text

MUST_CHANGE = frozenset({"insult", "threat", "shaming", "personal_data"})
"""Kinds nobody may keep; the others may be kept with a reason."""

_PIPL_SENSITIVE = "个人信息保护法 (PIPL), 第二十八条、第二十九条 (Arts. 28, 29)"
_PIPL_THIRD = "个人信息保护法 (PIPL), 第五条、第六条、第十三条 (Arts. 5, 6, 13)"
_RELATION = (
    r"母亲|父亲|妈妈|爸爸|父母|妻子|丈夫|老婆|老公|配偶|儿子|女儿|孩子|哥哥|姐姐|弟弟|妹妹|亲戚|同事|领导|邻居|朋友|"
    r"mother|father|wife|husband|spouse|son|daughter|child|brother|sister|colleague|boss|neighbou?r|friend"
)
_LIFE = (
    r"身份证|住址|住在|家住|单位|公司|上班|工作|工资|收入|微信|电话是|手机是|姓名|叫|"
    r"works? (?:at|for)|lives? (?:at|in)|address|employer|salary|named|is called|number is|wechat"
)
_SENSITIVE = (
    r"癌|肿瘤|抑郁|精神病|艾滋|怀孕|流产|透析|化疗|残疾|病历|诊断|宗教|信教|判刑|犯罪记录|性取向|"
    r"cancer|tumou?r|depress\w*|psychiatr\w*|hiv|pregnan\w*|miscarr\w*|dialysis|chemo\w*|disabled|diagnos\w*|religio\w*|criminal record"
)
_NUMBER = re.compile(r"(?<![\d.])(?:\+?86[ -]?)?(?:1[3-9]\d[ -]?\d{4}[ -]?\d{4}|\d{17}[\dXx]|\d{15,16}|\d{19})(?![\d.])")
"""A mobile, an identity document or a card, written in full: whoever it belongs to, a note needs none of them."""
_OTHERS_DATA = re.compile(rf"(?:{_RELATION})[^。；;.!?！？\n]{{0,12}}?(?:{_LIFE})", re.IGNORECASE)
_HEALTH = re.compile(_SENSITIVE, re.IGNORECASE)


_HERS = (
    "这是客户本人的号码，系统中已有，无需写入备注。",
    "This number is the customer's own and on file already: it need not stand in a note.",
)


@dataclass(frozen=True, slots=True)
class NoteFinding:
    """What stands in a note from `start` to before `end` (code points) that should not; `must_change`: it cannot be kept."""

    start: int
    end: int
    kind: str
    zh: str
    en: str
    citation: str
    must_change: bool


def screen(text: str, *, lang: str = "zh", hers: Callable[[str], bool] = lambda _number: False) -> list[NoteFinding]:
    """Everything a note should not hold, by place. `hers` says whether a number or address is the customer's own."""
    found = [*_worded(text, lang, hers), *_patterned(text)]
    found += [each for each in _numbers(text, hers) if not any(_overlap(each, one) for one in found if one.kind == each.kind)]
    return sorted(found, key=lambda each: (each.start, each.end, each.kind))


def _worded(text: str, lang: str, hers: Callable[[str], bool]) -> Iterator[NoteFinding]:
    for each in check_text(text, lang=lang, channel="call", purpose="service"):
        if each.kind == "missing_disclosure":
            continue
        if each.kind == "personal_data" and hers(text[each.start : each.end]):
            yield NoteFinding(each.start, each.end, each.kind, *_HERS, each.citation, must_change=False)
        else:
            must = each.kind in MUST_CHANGE
            yield NoteFinding(each.start, each.end, each.kind, each.reason_zh, each.reason_en, each.citation, must)


def _numbers(text: str, hers: Callable[[str], bool]) -> Iterator[NoteFinding]:
    for match in _NUMBER.finditer(text):
        own = hers(match[0])
        told = (
            _HERS
            if own
            else ("备注中不得写完整的电话、证件或卡号。", "A note holds no full number of a telephone, a document or a card.")
        )
        yield NoteFinding(match.start(), match.end(), "personal_data", *told, _PIPL_THIRD, must_change=not own)


def _overlap(one: NoteFinding, other: NoteFinding) -> bool:
    return one.start < other.end and other.start < one.end


def _patterned(text: str) -> Iterator[NoteFinding]:
    for match in _OTHERS_DATA.finditer(text):
        yield NoteFinding(
            match.start(), match.end(), "third_person_data",
            "像是第三人的个人信息；备注只写与处理本案有关的内容。",
            "This looks like data of a third person; a note holds only what this case needs.",
            _PIPL_THIRD, must_change=False,
        )  # fmt: skip
    for match in _HEALTH.finditer(text):
        yield NoteFinding(
            match.start(), match.end(), "sensitive",
            "涉及健康等敏感个人信息，须经客户单独同意，写入“特殊关怀备注”。",
            "This is sensitive data, such as of health: with the customer's separate consent it belongs in a vulnerability note.",
            _PIPL_SENSITIVE, must_change=False,
        )  # fmt: skip
