"""Cells of a history as values, and what is said of one that cannot be read. Never repeats the cell: it may be personal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any

from anhuan.core.vocabulary import BANK, Channel, Covers, Direction, HoldKind, LineResult, Outcome, Party, Purpose
from anhuan.records.circumstance import PersonFindingKind


class Refused(ValueError):
    """A cell that cannot be used: its column, and the code of why."""

    def __init__(self, column: str, code: str) -> None:
        self.column, self.code = column, code
        super().__init__(code)


_SENTENCES: Mapping[str, tuple[str, str]] = {
    "missing": ("必填而为空", "is needed and empty"),
    "cells_beyond": ("这一行的单元格多于列名", "the line has more cells than the header has names"),
    "unreadable": ("取值不能读取，或不在允许之列", "cannot be read, or is none of the values allowed"),
    "instant_without_offset": ("应为带时区偏移的时刻", "is an instant with its offset from UTC"),
    "in_future": ("晚于导入的时刻", "lies after the instant of the import"),
    "ends_before_it_begins": ("早于开始", "lies before the beginning"),
    "line_result_unfit": ("只有通话才有线路结果", "only a call has a line result"),
    "outcome_unfit": ("接通或进入语音信箱才有通话结果", "only a call that connected or reached a voicemail has an outcome"),
    "point_ambiguous": (
        "此人有多个可用的联系方式，须写明所用号码或邮箱",
        "is needed, for several contact points of this person are on file",
    ),
    "account_unknown": (
        "有账户不属于这位客户；照常导入",
        "names an account that is not this customer's; imported all the same",
    ),
    "customer_unknown": ("银行未送达过这位客户；照常导入", "was never delivered by the bank; imported all the same"),
}


def sentences(code: str, column: str) -> tuple[str, str]:
    """Both sentences of a finding about a column."""
    zh, en = _SENTENCES[code]
    return (f"{column}：{zh}。", f"{column} {en}.") if column else (f"{zh}。", f"{en[0].upper()}{en[1:]}.")


def _id(cell: str) -> str:
    if len(cell) > 64 or any(ord(sign) < 32 for sign in cell):
        raise ValueError("no id")
    return cell


def _ids(cell: str) -> list[str]:
    return sorted({_account(each.strip()) for each in cell.split(";") if each.strip()})


def _account(cell: str) -> str:
    if len(cell) > 32:
        raise ValueError("no account id")
    return _id(cell)


def _text(cell: str) -> str:
    return cell.strip()


def _instant(cell: str) -> datetime:
    at = datetime.fromisoformat(cell)
    if at.tzinfo is None:
        raise Refused("", "instant_without_offset")
    if not 1990 <= at.year < 2200:
        raise ValueError("no instant in the lifetime of a debt")
    return at.astimezone(UTC)


def _amount(cell: str) -> int:
    if not re.fullmatch(r"\d{1,15}", cell):
        raise ValueError("no whole number of minor units")
    return int(cell)


def _count(cell: str) -> int:
    if not re.fullmatch(r"\d{1,2}", cell):
        raise ValueError("no small number")
    return int(cell)


def _currency(cell: str) -> str:
    if not re.fullmatch("[A-Z]{3}", cell):
        raise ValueError("no currency")
    return cell


def _yes_no(cell: str) -> bool:
    return {"true": True, "false": False}[cell]


def _actor(cell: str) -> str:
    if cell != BANK and not re.fullmatch(r"agency:[\w.-]{1,60}", cell):
        raise ValueError("no actor")
    return cell


def _code(cell: str) -> str:
    if not re.fullmatch(r"[a-z0-9_.:-]{1,40}", cell):
        raise ValueError("no code")
    return cell


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _weekdays(cell: str) -> list[int]:
    return sorted({_DAYS.index(day.strip()) for day in cell.split(";") if day.strip()})


def _covers(cell: str) -> list[str]:
    return sorted(Covers(each.strip()) for each in cell.split(";") if each.strip())


def _one_of(*words: str) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if cell not in words:
            raise ValueError("none of the words")
        return cell

    return read


def _word(words: type[StrEnum]) -> Callable[[str], StrEnum]:
    return words


READERS: Mapping[str, Callable[[str], Any]] = {
    "id": _id,
    "key": _account,
    "ids": _ids,
    "text": _text,
    "instant": _instant,
    "date": date.fromisoformat,
    "clock": time.fromisoformat,
    "amount": _amount,
    "count": _count,
    "currency": _currency,
    "yes_no": _yes_no,
    "actor": _actor,
    "code": _code,
    "weekdays": _weekdays,
    "covers": _covers,
    "place": _one_of("home", "work"),
    "promise_state": _one_of("open", "kept", "broken", "withdrawn"),
    "wish": _one_of("consent", "revocation", "opt_out", "cease", "time_block", "place_bar"),
    "channel": _word(Channel),
    "direction": _word(Direction),
    "party": _word(Party),
    "third_party": _word(Party),
    "purpose": _word(Purpose),
    "line_result": _word(LineResult),
    "outcome": _word(Outcome),
    "hold": _word(HoldKind),
    "person_word": _word(PersonFindingKind),
}
"""By the name a column of a history gives its kind of cell: a function that raises ValueError or KeyError on a bad one."""
