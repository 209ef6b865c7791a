"""From columns to what the trees see: which columns are used and how, and what is worked out of several together.

Knows numbers, dates, words, series (columns of one name and running numbers, as `BILL_AMT1 … BILL_AMT6`) and ratios of
amounts. Does not know what is predicted: nothing here looks at the target, so nothing here can leak it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from anhuan.portfolio.tabular import Kind, Numbers, Sheet

How: TypeAlias = Literal[
    "plain", "mean", "max", "min", "spread", "above_zero", "trend", "step", "last_step", "ratio", "follow", "follow_first"
]

_WORDS = 100  # categories kept by name; rarer ones count as one
_SERIES = 3  # columns that make a series
_AMOUNT = 100.0  # a typical size above which a number is an amount, whose ratio to others may tell something
_MANY = 50  # distinct values of an amount
_OPERANDS = 8  # amounts compared pair by pair


@dataclass(frozen=True)
class Column:
    """One column used. `words`: the categories known by name, the most frequent first."""

    name: str
    kind: Kind
    words: tuple[str, ...] = ()

    def values(self, sheet: Sheet) -> Numbers:
        """Numbers as they are, dates as days, words as their place among the known ones (NaN: unknown or new)."""
        if self.kind != "word":
            return sheet.numbers(self.name, self.kind)
        place = {word: float(number) for number, word in enumerate(self.words)}
        rare = float(len(self.words)) if len(self.words) == _WORDS else np.nan
        found = (np.nan if not word else place.get(word, rare) for word in sheet.words(self.name))
        return np.fromiter(found, np.float64, len(sheet))


@dataclass(frozen=True)
class Feature:
    """One column of the matrix: `how` it is worked out `of` these columns, `per` those."""

    how: How
    of: tuple[str, ...]
    per: tuple[str, ...] = ()

    @property
    def topic(self) -> str:
        """What it is about, in the words of the file: `AGE`, `PAY_0…PAY_6`, `PAY_AMT1…PAY_AMT6 / LIMIT_BAL`."""
        return " / ".join(_span(part) for part in (self.of, self.per) if part)

    def values(self, base: Mapping[str, Numbers]) -> Numbers:
        if self.how == "plain":
            return base[self.of[0]]
        of = np.column_stack([base[name] for name in self.of])
        if not self.per:
            return _ALONE[self.how](of)
        per = np.column_stack([base[name] for name in self.per])
        if self.how == "ratio":
            return _over(_mean(of), _mean(per))
        # Paid in one month, of what was billed in the month before it (or the other way round, if the oldest comes first).
        following = _over(of[:, :-1], per[:, 1:])
        return following[:, 0] if self.how == "follow_first" else _mean(np.clip(following, -5.0, 5.0))


@dataclass(frozen=True)
class Recipe:
    """How a sheet becomes a matrix: one row per row, one column per feature."""

    columns: tuple[Column, ...]
    features: tuple[Feature, ...]

    def matrix(self, sheet: Sheet) -> Numbers:
        """Refuses a sheet that lacks a column, or has a cell that is no number where one is due."""
        sheet.need(*(column.name for column in self.columns))
        base = {column.name: column.values(sheet) for column in self.columns}
        return np.column_stack([feature.values(base) for feature in self.features])

    @property
    def words(self) -> list[int]:
        """Which features are categories."""
        named = {column.name for column in self.columns if column.kind == "word"}
        return [number for number, feature in enumerate(self.features) if feature.how == "plain" and feature.of[0] in named]

    def document(self) -> dict[str, Any]:
        return {
            "columns": [{"name": c.name, "kind": c.kind, "words": list(c.words)} for c in self.columns],
            "features": [{"how": f.how, "of": list(f.of), "per": list(f.per)} for f in self.features],
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Recipe:
        """The reverse of `document`; raises KeyError, TypeError or ValueError for anything else."""
        columns = tuple(Column(c["name"], c["kind"], tuple(c["words"])) for c in document["columns"])
        features = tuple(Feature(f["how"], tuple(f["of"]), tuple(f["per"])) for f in document["features"])
        known = {column.name for column in columns}
        if not all(f.how in get_args(How) and known.issuperset(f.of + f.per) for f in features):
            raise ValueError("a feature of unknown kind or of an unknown column")
        return cls(columns, features)


def recipe(sheet: Sheet, names: Sequence[str]) -> tuple[Recipe, list[dict[str, str]]]:
    """How to use these columns, and those that can tell nothing: `[{"column", "reason"}]`."""
    columns: list[Column] = []
    idle: list[dict[str, str]] = []
    for name in names:
        kind = sheet.kind(name)
        counted = Counter(word for word in sheet.words(name) if word)
        if len(counted) <= 1 and sum(counted.values()) in {0, len(sheet)}:
            idle.append({"column": name, "reason": "constant"})
        elif kind == "word" and len(counted) > max(_WORDS, len(sheet) // 2):
            idle.append({"column": name, "reason": "identifier"})
        else:
            common = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:_WORDS] if kind == "word" else []
            columns.append(Column(name, kind, tuple(word for word, _ in common)))
    base = {column.name: column.values(sheet) for column in columns}
    return Recipe(tuple(columns), tuple(_features(columns, base))), idle


def _features(columns: Sequence[Column], base: Mapping[str, Numbers]) -> Iterable[Feature]:
    yield from (Feature("plain", (column.name,)) for column in columns)
    numeric = [column.name for column in columns if column.kind == "number"]
    series = _series(numeric)
    for members in series:
        yield from (Feature(how, members) for how in _ALONE)
    in_series = {name for members in series for name in members}
    amounts = [members for members in series if _is_amount(np.concatenate([base[name] for name in members]))]
    operands: list[tuple[str, ...]] = [(name,) for name in numeric if name not in in_series and _is_amount(base[name])]
    for members in amounts:
        operands += [members, members[:1]]
    operands = operands[:_OPERANDS]
    for number, per in enumerate(operands):
        yield from (Feature("ratio", of, per) for of in operands[number + 1 :])
    for of in amounts:
        for per in amounts:
            if of != per and len(of) == len(per):
                yield from (Feature("follow", of, per), Feature("follow_first", of, per))


def _series(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Columns that differ in a number at their end only, in the order of that number."""
    families: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        parts = re.fullmatch(r"(.*\D)(\d{1,4})", name)
        if parts:
            families.setdefault(parts[1], []).append((int(parts[2]), name))
    return [tuple(name for _, name in sorted(members)) for members in families.values() if len(members) >= _SERIES]


def _is_amount(values: Numbers) -> bool:
    known = np.abs(values[np.isfinite(values) & (values != 0)])
    return known.size > 0 and float(np.median(known)) >= _AMOUNT and np.unique(known).size > _MANY


def _span(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]}…{names[-1]}"


# --- Over the columns of a series, each row for itself; what is unknown is left out ---------------------------------


def _mean(of: Numbers) -> Numbers:
    known = np.isfinite(of)
    count = known.sum(axis=1)
    total = np.where(known, of, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _extreme(of: Numbers, sign: float) -> Numbers:
    found = np.where(np.isfinite(of), sign * of, -np.inf).max(axis=1)
    return np.where(np.isfinite(found), sign * found, np.nan)


def _spread(of: Numbers) -> Numbers:
    return np.sqrt(_mean((of - _mean(of)[:, None]) ** 2))


def _above_zero(of: Numbers) -> Numbers:
    count: NDArray[np.float64] = (of > 0).sum(axis=1).astype(np.float64)
    return count


def _trend(of: Numbers) -> Numbers:
    half = of.shape[1] // 2
    return _mean(of[:, :half]) - _mean(of[:, half:])


def _over(of: Numbers, per: Numbers) -> Numbers:
    """A ratio that stays finite: below one unit the divisor counts as one."""
    ratio: Numbers = of / np.maximum(1.0, np.abs(per))
    return ratio


_ALONE: Mapping[How, Callable[[Numbers], Numbers]] = {
    "mean": _mean,
    "max": lambda of: _extreme(of, 1.0),
    "min": lambda of: _extreme(of, -1.0),
    "spread": _spread,
    "above_zero": _above_zero,
    "trend": _trend,
    "step": lambda of: of[:, 0] - of[:, 1],
    "last_step": lambda of: of[:, -1] - of[:, -2],
}
