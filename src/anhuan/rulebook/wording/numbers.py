"""Personal data written as figures: identity numbers, card numbers, telephone numbers, addresses, dates of birth.

Knows check digits and what is public anyway: hotlines, masked numbers, last four digits. A number that fails its check
is taken for an order or reference number, unless the words before it say what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from anhuan.rulebook.wording.reading import Reading


class PersonalNumber(NamedTuple):
    start: int
    end: int
    what: str


REASONS = {
    "identity": ("含有完整或遮盖不足的证件号码。", "Shows an identity number in full or hardly masked."),
    "card": (
        "含有完整或遮盖不足的卡号,应只留末四位。",
        "Shows a card number in full or hardly masked; show the last four digits.",
    ),
    "phone": ("含有个人或第三人的电话号码。", "Shows a private or third person's telephone number."),
    "address": ("含有个人住址。", "Shows where a person lives."),
    "birth": ("含有出生日期。", "Shows a date of birth."),
    "email": ("含有第三人的邮箱。", "Shows a third person's e-mail address."),
}

_GAP = r"[ \-.]?"
_IDENTITY = re.compile(rf"(?<![\dx])\d{{6}}{_GAP}(?:18|19|20)\d{{2}}{_GAP}(?:[\d*]{_GAP}){{7}}[\dx*](?![\dx])")
_OLD_IDENTITY = re.compile(r"(?:身份证|证件)(?:号码|号)?[:是为]?\s*(\d{15})(?!\d)")
_SAID_IDENTITY = re.compile(r"(?:身份证|证件|id)(?:号码|号| no\.?| number)?[^\d。;\n]{0,6}$")
_SOCIAL = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![\d-])")
_SAID_SOCIAL = re.compile(
    r"\b(?:ssn|social security(?: number| no\.?)?|social)\b[^\d\n]{0,12}(\d{3}[- ]?\d{2}[- ]?\d{4})(?!\d)"
)
_CARD = re.compile(r"(?<![\d*x])\d(?:[ \-]?[\d*x]){12,18}(?![\d*])")
_SAID_CARD = re.compile(r"(?:卡号|信用卡|card(?: number| no\.?)?|account(?: number| no\.?)?|acct|visa|mastercard)[^\d\n]{0,8}$")
_MOBILE = re.compile(r"(?<![\d])(?:\+?86[ \-]?)?1[3-9]\d[ \-]?[\d*]{4}[ \-]?[\d*]{4}(?!\d)")
_CALL_US = re.compile(
    r"(?:致电|回电|拨打|咨询|详询|请联系|联系我|客服|专员|经办人|回拨|加微信|联系电话|我的电话|我电话|热线|请加|打这个|打我|回我)[^\d。;\n]{0,14}$"
)
_ITS_OWNER = re.compile(
    r"(?:母亲|父亲|妻子|丈夫|老婆|老公|儿子|女儿|家属|同事|朋友|单位|联系人|邻居|哥哥|弟弟|姐姐|妹妹|妈妈|爸爸|爱人|亲属|其母|其父|其妻|其夫)[^\d。;\n]{0,16}$"
)
_THEIR_PHONE = re.compile(
    r"\b(?:wife|husband|spouse|mother|father|mom|dad|sister|brother|son|daughter|neighbor|neighbour|boss|friend|roommate|employer|"
    r"supervisor|girlfriend|boyfriend|cousin|coworker|manager|aunt|uncle|partner|ex|relative|reference|grandmother|parents?)"
    r"(?:'s)?\b[^\d\n.;]{0,40}(\+?1?[ \-.(]{0,2}\d{3}[ \-.)]{1,2}\d{3}[ \-.]\d{4}|\d{10})(?!\d)"
)
_THEIR_EMAIL = re.compile(
    r"\b(?:wife|husband|mother|father|sister|brother|boss|friend|employer)(?:'s)?\b[^\n.;]{0,25}?([\w.+-]+@[\w-]+\.[\w.]+)"
)
_PLACE = r"[\u4e00-\u9fff\d\-]{0,24}?\d+[\u4e00-\u9fff\d\-]{0,3}(?:室|单元|号楼|栋|幢|弄|号院|号)[\d\u4e00-\u9fff\-]{0,10}(?:室|房|单元)?"
_ADDRESS = re.compile(
    rf"(?:家住|住在|住址|家庭地址|家庭住址|户籍地址|户籍地|现住|居住地|居住于|暂住|老家在|住)[:是为于]?({_PLACE})"
)
_ROOM = re.compile(
    r"[\u4e00-\u9fff]{2,8}(?:小区|花园|苑|家园|公寓|新村|嘉园|城)\d+(?:号楼|栋|幢|座|号)[\d\u4e00-\u9fff\-]{0,8}?\d{2,4}(?:室|房)?"
)
_HOME_EN = re.compile(
    r"\b(?:(?:lives?|living|resides?|residing|stays|staying|house) at|(?:home address|address on file)(?: is|:)?|moved to)\s+"
    r"(\d+ [a-z0-9 ]{2,30}?(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|way|place|pl|terrace|close|"
    r"crescent|circle)\b(?:,? (?:apt|unit|#)\.? ?\w+)?)"
)
_BIRTH = re.compile(
    r"(?:出生日期|生日|出生于|生于|\bdob|\bdate of birth|\bborn(?: on)?)[:是为\s]*"
    r"((?:19|20)\d\d[-/.年]\d{1,2}[-/.月]\d{1,2}日?|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d\d)"
)
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def personal_numbers(reading: Reading) -> list[PersonalNumber]:
    """Everything in the text that identifies a person by figures, each place once."""
    if not any("0" <= letter <= "9" for letter in reading.text):
        return []
    found: list[PersonalNumber] = []
    for finder in (_identities, _cards, _mobiles, _places):
        for one in finder(reading.text):
            if not any(one.start < other.end and other.start < one.end for other in found):
                found.append(one)
    return found


def _identities(text: str) -> Iterator[PersonalNumber]:
    for match in _IDENTITY.finditer(text):
        number = re.sub(r"[ \-.]", "", match.group())
        said = _SAID_IDENTITY.search(text[: match.start()])
        hidden = number.count("*")
        if hidden > 4 or (hidden and "*" in number[6:14]):
            continue
        if said or hidden or (_real_day(number[6:14]) and _check_digit(number) == number[17]):
            yield PersonalNumber(*match.span(), "identity")
    for match in (*_OLD_IDENTITY.finditer(text), *_SAID_SOCIAL.finditer(text)):
        yield PersonalNumber(*match.span(1), "identity")
    for match in _SOCIAL.finditer(text):
        yield PersonalNumber(*match.span(), "identity")


def _real_day(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


def _check_digit(number: str) -> str:
    return "10x98765432"[sum(int(digit) * weight for digit, weight in zip(number, _ID_WEIGHTS, strict=False)) % 11]


def _cards(text: str) -> Iterator[PersonalNumber]:
    for match in _CARD.finditer(text):
        signs = re.sub(r"[ \-]", "", match.group())
        digits = [int(sign) for sign in signs if sign.isdigit()]
        said = _SAID_CARD.search(text[: match.start()])
        begins_as_cards_do = signs[0] in "3456"
        if len(digits) == len(signs):
            shown = begins_as_cards_do and (_luhn(digits) or (said is not None and len(signs) >= 15))
        else:
            shown = len(digits) > 10 and len(signs) <= 19 and (begins_as_cards_do or said is not None)
        if shown:
            yield PersonalNumber(*match.span(), "card")


def _luhn(digits: list[int]) -> bool:
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _mobiles(text: str) -> Iterator[PersonalNumber]:
    """Mobile numbers, but not the one a reader is asked to call; hotlines and lines in offices begin otherwise."""
    for match in _MOBILE.finditer(text):
        before = text[max(0, match.start() - 30) : match.start()]
        if match.group().count("*") >= 4 or (_CALL_US.search(before) and not _ITS_OWNER.search(before)):
            continue
        yield PersonalNumber(*match.span(), "phone")
    for match in _THEIR_PHONE.finditer(text):
        if not re.match(r"\D*1?\D{0,2}8(?:00|33|44|55|66|77|88)", match.group(1)):
            yield PersonalNumber(*match.span(1), "phone")
    for match in _THEIR_EMAIL.finditer(text):
        yield PersonalNumber(*match.span(1), "email")


def _places(text: str) -> Iterator[PersonalNumber]:
    for pattern, what in ((_ADDRESS, "address"), (_HOME_EN, "address"), (_BIRTH, "birth")):
        for match in pattern.finditer(text):
            yield PersonalNumber(*match.span(1), what)
    for match in _ROOM.finditer(text):
        yield PersonalNumber(*match.span(), "address")
