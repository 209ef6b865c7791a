"""What the print house tells: which letters were printed, posted, came back or were spoiled, list by list, with what is wrong.

A list is CSV in UTF-8 with the columns letter, event, on (a date) and reason. Knows the words and their order in a letter's life;
what follows from them for anybody is not known here.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

COLUMNS = ("letter", "event", "on", "reason")
EVENTS = ("printed", "posted", "delivered", "returned", "spoiled")
"""The last three end a letter's life: signed for, sent back by the post, or thrown away before it was posted."""
REASONS: Mapping[str, bool] = MappingProxyType(
    {"unknown": True, "moved": True, "no_such_address": True, "deceased": True, "refused": False, "unclaimed": False, "other": False}
)  # fmt: skip
"""Why a letter came back; True: the address is at fault, and the next one there would come back too."""
_ENDS = frozenset({"delivered", "returned", "spoiled"})


@dataclass(frozen=True, slots=True)
class Told:
    """One line that holds: what happened to a letter, and when."""

    letter: str
    event: str
    on: date
    reason: str = ""

    @property
    def address_at_fault(self) -> bool:
        return REASONS.get(self.reason, False)


@dataclass(frozen=True, slots=True)
class Finding:
    """A line that does not hold, or a letter nobody has told of (line 0): what, where, a sentence in both languages."""

    code: str
    line: int
    column: str
    letter: str
    zh: str
    en: str

    def document(self) -> dict[str, Any]:
        return {
            "code": self.code, "line": self.line, "column": self.column, "letter": self.letter, "message_zh": self.zh,
            "message_en": self.en,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A list compared with what was made and told before: what is new, and what is wrong."""

    told: Sequence[Told] = ()
    findings: Sequence[Finding] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


_SENTENCES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "unreadable": ("无法按 UTF-8 读取，请以 UTF-8 编码导出", "it is no UTF-8; export it as UTF-8"),
        "bad_header": (
            f"首行应为 {','.join(COLUMNS)}", f"the first line has to be {','.join(COLUMNS)}",
        ),
        "bad_columns": ("列数与首行不符", "it has not as many cells as the first line"),
        "unknown_letter": ("没有编号为 {letter} 的函件，请核对条码", "no letter has the id {letter}; check its barcode"),
        "bad_event": (f"event 应为 {'、'.join(EVENTS)}", f"event is one of {', '.join(EVENTS)}"),
        "bad_date": ("on 应为 YYYY-MM-DD", "on is a date, YYYY-MM-DD"),
        "before_made": ("日期早于该函件的制作日期", "the date is before the letter was made"),
        "in_future": ("日期晚于今日", "the date is after today"),
        "bad_reason": (f"退回须写明 reason：{'、'.join(REASONS)}", f"what was returned has a reason: {', '.join(REASONS)}"),
        "twice": ("此前已报告过", "it was told before"),
        "already_ended": ("该函件此前已报告为签收、退回或作废", "the letter was told delivered, returned or spoiled before"),
        "spoiled_after_posting": ("已交寄的函件不能作废", "what was posted cannot be spoiled"),
        "not_told": ("制作后 {days} 天仍未收到印制单位的任何报告", "nothing was told of it for {days} days since it was made"),
    }
)  # fmt: skip


def reconcile(
    content: bytes, *, made: Mapping[str, date], before: Iterable[Told], today: date, patience: int | None = None
) -> Reconciled:
    """Compare a list with the letters there are (id -> day made) and what was told of them before.

    With `patience` letters of which nothing was told for so many days are findings, too. A line that does not hold changes nothing.
    """
    life: dict[str, dict[str, date]] = {}
    for each in before:
        life.setdefault(each.letter, {})[each.event] = each.on
    told: list[Told] = []
    findings: list[Finding] = []
    for line, row in _rows(content):
        answer = row if isinstance(row, Finding) else _line(line, row, made, life, today)
        if isinstance(answer, Finding):
            findings.append(answer)
        else:
            told.append(answer)
            life.setdefault(answer.letter, {})[answer.event] = answer.on
    if patience is not None:
        findings += [
            _found("not_told", 0, "letter", letter, days=patience)
            for letter, day in made.items()
            if letter not in life and (today - day).days >= patience
        ]
    counts = {event: sum(each.event == event for each in told) for event in EVENTS}
    return Reconciled(told, findings, {name: count for name, count in counts.items() if count})


def _rows(content: bytes) -> Iterator[tuple[int, dict[str, str] | Finding]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        yield content.count(b"\n", 0, wrong.start) + 1, _found("unreadable", content.count(b"\n", 0, wrong.start) + 1)
        return
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [cell.strip() for cell in next(reader, [])]
    if sorted(header) != sorted(COLUMNS):
        yield 1, _found("bad_header", 1)
        return
    for cells in reader:
        if not cells:
            continue
        if len(cells) != len(header):
            yield reader.line_num, _found("bad_columns", reader.line_num)
        else:
            yield reader.line_num, dict(zip(header, (cell.strip() for cell in cells), strict=True))


def _line(
    line: int, row: Mapping[str, str], made: Mapping[str, date], life: Mapping[str, Mapping[str, date]], today: date
) -> Told | Finding:
    letter, event = row["letter"], row["event"]
    lived = life.get(letter, {})
    try:
        on = date.fromisoformat(row["on"])
    except ValueError:
        return _found("bad_date", line, "on", letter)
    wrong = {
        "unknown_letter": ("letter", letter not in made),
        "bad_event": ("event", event not in EVENTS),
        "bad_reason": ("reason", event == "returned" and row["reason"] not in REASONS),
        "before_made": ("on", on < made.get(letter, on)),
        "in_future": ("on", on > today),
        "twice": ("event", event in lived),
        "already_ended": ("event", bool(_ENDS & lived.keys())),
        "spoiled_after_posting": ("event", event == "spoiled" and "posted" in lived),
    }
    for code, (column, holds) in wrong.items():
        if holds:
            return _found(code, line, column, letter)
    return Told(letter, event, on, row["reason"] if event == "returned" else "")


def _found(code: str, line: int, column: str = "", letter: str = "", **facts: object) -> Finding:
    zh, en = _SENTENCES[code]
    return Finding(code, line, column, letter, zh.format(letter=letter, **facts), en.format(letter=letter, **facts))
