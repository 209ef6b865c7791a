"""Rows somebody else made, as columns: a CSV file of any columns, or the result of an expression over the book.

Knows how a file becomes columns, what counts as empty, as a number, as a date, and how to say what cannot be used: by
file, line and column, in both languages. Does not know what the columns mean.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]
Values: TypeAlias = "Sequence[str] | Numbers"
Kind: TypeAlias = Literal["number", "date", "word"]

EMPTY_NUMBERS = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
"""What stands for "unknown" among numbers and dates, whatever its case. Among words only the empty cell does."""


class Unusable(Exception):
    """What was given cannot be used; `zh` and `en` say where it is and what to do about it."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.code = code
        self.zh = zh
        self.en = en


@dataclass(frozen=True)
class Sheet:
    """Columns of equal length. A column is text as it was written, or numbers (NaN where unknown).

    `lines`: the line of the file each row stands on (of an expression's result: 1, 2, …).
    """

    name: str
    columns: Mapping[str, Values]
    lines: Sequence[int]

    def __len__(self) -> int:
        return len(self.lines)

    def need(self, *names: str) -> None:
        """Refuse a sheet that lacks one of these columns, naming all it lacks."""
        absent = [name for name in names if name not in self.columns]
        if absent:
            listed, has = ", ".join(absent), ", ".join(list(self.columns)[:40])
            raise Unusable(
                "missing_column",
                f"{self.name} 缺少列 {listed};现有列:{has}。请核对列名或补上该列。",
                f"{self.name} lacks the column {listed}; it has {has}. Correct the name, or deliver the column.",
            )

    def words(self, name: str) -> list[str]:
        """A column as text; a whole number without a decimal point, an unknown one as empty text."""
        values = self.columns[name]
        if isinstance(values, np.ndarray):
            return ["" if math.isnan(value) else f"{value:.15g}" for value in values.tolist()]
        return list(values)

    def numbers(self, name: str, kind: Kind = "number", *, required: bool = False) -> Numbers:
        """A column as numbers, NaN where unknown (dates: days since 1970). `required`: the unknown is refused, too."""
        values = self.columns[name]
        if isinstance(values, np.ndarray):
            found = values
        else:
            read = _as_day if kind == "date" else _as_number
            found = np.fromiter((read(value) for value in values), np.float64, len(values))
            wrong = np.flatnonzero(np.isinf(found))
            if wrong.size:
                self._refuse_cell(int(wrong[0]), name, kind)
        if required and bool(np.isnan(found).any()):
            self._refuse_cell(int(np.flatnonzero(np.isnan(found))[0]), name, kind)
        return found

    def kind(self, name: str) -> Kind:
        """What a column holds: numbers, ISO dates, or else words. One that is wholly empty counts as numbers."""
        values = self.columns[name]
        if isinstance(values, np.ndarray) or not any(_as_number(value) == math.inf for value in values):
            return "number"
        return "word" if any(_as_day(value) == math.inf for value in values) else "date"

    def _refuse_cell(self, row: int, name: str, kind: Kind) -> None:
        cell = str(self.columns[name][row])[:40]
        wanted = ("YYYY-MM-DD 日期", "a date as YYYY-MM-DD") if kind == "date" else ("数字", "a number")
        raise Unusable(
            "bad_cell",
            f"{self.name} 第 {self.lines[row]} 行 {name} 列为“{cell}”,应为{wanted[0]}。",
            f"{self.name}, line {self.lines[row]}, column {name}: {cell!r} should be {wanted[1]}.",
        )


def read_csv(path: Path) -> Sheet:
    """A CSV file with a header line, UTF-8 (a byte order mark is tolerated), comma, RFC 4180 quoting."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read(path.name, csv.reader(file, strict=True))
    except UnicodeDecodeError as wrong:
        raise Unusable(
            "bad_encoding", f"{path} 不是 UTF-8,请转换编码。", f"{path} is not UTF-8 (byte {wrong.start}); convert it."
        ) from None
    except OSError as wrong:
        raise Unusable("unreadable", f"无法读取 {path}:{wrong.strerror}", f"{path} cannot be read: {wrong.strerror}") from None


def _read(name: str, reader: Iterable[list[str]]) -> Sheet:
    lines: list[int] = []
    rows: list[list[str]] = []
    header: list[str] = []
    try:
        for row in reader:
            line: int = reader.line_num  # type: ignore[attr-defined]  # of csv.reader
            if not row:
                continue
            if not header:
                header = _header(name, row)
            elif len(row) != len(header):
                zh = f"{name} 第 {line} 行有 {len(row)} 个字段,表头有 {len(header)} 个。"
                raise Unusable("bad_line", zh, f"{name}, line {line} has {len(row)} fields, the header {len(header)}.")
            else:
                rows.append(row)
                lines.append(line)
    except csv.Error as wrong:
        number = reader.line_num  # type: ignore[attr-defined]
        raise Unusable(
            "bad_line", f"{name} 第 {number} 行不是 CSV:{wrong}", f"{name}, line {number} is no CSV: {wrong}"
        ) from None
    if not rows:
        zh, en = f"{name} 没有数据行;至少需要表头和一行数据。", f"{name} has no rows; a header and one row are the least."
        raise Unusable("empty_file", zh, en)
    columns = [[cell.strip() for cell in column] for column in zip(*rows, strict=True)]
    return Sheet(name, dict(zip(header, columns, strict=True)), lines)


def _header(name: str, cells: list[str]) -> list[str]:
    header = [cell.strip() for cell in cells]
    twice = sorted({cell for cell in header if header.count(cell) > 1})
    if twice:
        zh, en = f"{name} 的列名重复:{', '.join(twice)}。", f"{name} has more than one column {', '.join(twice)!r}."
        raise Unusable("repeated_column", zh, en)
    return header


def of_arrow(name: str, table: pa.Table) -> Sheet:
    """The result of an expression as a sheet. Booleans become the words `true` and `false`, dates days since 1970."""
    columns: dict[str, Values] = {}
    for field in table.schema:
        values = table[field.name]
        if pa.types.is_date(field.type) or pa.types.is_timestamp(field.type):
            values = pc.cast(pc.cast(values, pa.date32()), pa.int32())
        if pa.types.is_boolean(field.type) or pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            columns[field.name] = pc.fill_null(pc.cast(values, pa.string()), "").to_pylist()
        elif pa.types.is_null(field.type):
            columns[field.name] = np.full(len(table), np.nan)
        else:
            columns[field.name] = np.asarray(pc.cast(values, pa.float64(), safe=False).fill_null(math.nan), np.float64)
    return Sheet(name, columns, range(1, len(table) + 1))


def _as_number(text: str) -> float:
    """NaN for the unknown, infinity for what is no number."""
    try:
        number = float(text)
    except ValueError:
        return math.nan if text.lower() in EMPTY_NUMBERS else math.inf
    return math.nan if math.isinf(number) else number


def _as_day(text: str) -> float:
    """Days since 1970; NaN for the unknown, infinity for what is no date."""
    try:
        return float(date.fromisoformat(text[:10]).toordinal() - date(1970, 1, 1).toordinal())
    except ValueError:
        return math.nan if text.lower() in EMPTY_NUMBERS else math.inf
