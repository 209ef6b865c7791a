"""What differs between two versions of a strategy: tables, columns and rows, cell by cell.

Knows tables as `strategy_tables` reads them. Rows that kept their id are the same row, wherever they stand; where the ids are
all new, rows alike are the same. Does not know the prover, nor what a difference does to a customer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from anhuan.records.strategy import StrategyVersion
from anhuan.workbench.frame import page
from anhuan.workbench.strategy_tables import Column, Decision, Row, decisions


@dataclass(frozen=True)
class Cell:
    """A cell of a row that is there after and was there before; `was` and `text` are None where its column is new or gone."""

    was: str | None
    text: str | None

    @property
    def changed(self) -> bool:
        return self.was != self.text

    @property
    def says(self) -> bool:
        return self.changed or self.text not in {"", "-", None}


@dataclass(frozen=True)
class RowChange:
    """`kind`: added, removed, changed or moved. Numbers from 1, None where the row is not."""

    kind: str
    before: int | None
    after: int | None
    cells: tuple[Cell, ...]
    note: Cell


@dataclass(frozen=True)
class TableChange:
    """A decision that differs. `kind`: added, removed or changed; `columns` are those of both, `inputs` inputs first.

    A column that says nothing in the rows shown, neither a change nor a test, is left out.
    """

    name: str
    kind: str
    policy: Cell
    text: Cell
    columns: tuple[Column, ...] = ()
    inputs: int = 0
    rows: tuple[RowChange, ...] = ()
    same: int = 0
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


@page
@require_GET
def changes(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """What version `number` changed against `?from=`, by default the version before it."""
    versions = {version.number: version for version in StrategyVersion.objects.filter(name=name)}
    asked = request.GET.get("from", "")
    before = versions.get(int(asked) if asked.isdecimal() and len(asked) < 9 else number - 1)
    after = versions.get(number)
    if after is None:
        raise Http404
    context = {
        "version": after, "before": before, "others": [each for each in reversed(versions.values()) if each.number != number],
        "changes": list(differences(bytes(before.model), bytes(after.model))) if before else [],
    }  # fmt: skip
    return render(request, "workbench/strategy_changes.html", context)


def differences(before: bytes, after: bytes) -> Iterator[TableChange]:
    """The decisions that differ between two models, in the order of the later one, those that are gone last."""
    old, new = decisions(before), decisions(after)
    for name in [*new, *(name for name in old if name not in new)]:
        was, now = old.get(name), new.get(name)
        if was is None or now is None:
            yield from _alone(was, now)
        elif was != now:
            change = _table(was, now)
            if change.rows or change.columns_added or change.columns_removed or change.policy.changed or change.text.changed:
                yield change


def _alone(was: Decision | None, now: Decision | None) -> Iterator[TableChange]:
    """A decision that only one of the models has."""
    for one, kind in ((was, "removed"), (now, "added")):
        if one is None:
            continue
        gone = kind == "removed"
        rows = tuple(_of(row, one, gone=gone) for row in one.rows)
        policy, text = _only(one.policy, gone=gone), _only(one.text, gone=gone)
        columns = (*one.inputs, *one.outputs)
        yield TableChange(one.name, kind, policy, text, columns, len(one.inputs), rows, counts={kind: len(rows)})


def _only(text: str, *, gone: bool) -> Cell:
    return Cell(text, None) if gone else Cell(None, text)


def _of(row: Row, table: Decision, *, gone: bool) -> RowChange:
    """A row that is only before (`gone`) or only after."""
    texts = [*row.inputs, *row.outputs]
    texts += [""] * (len(table.inputs) + len(table.outputs) - len(texts))
    cells = tuple(_only(text, gone=gone) for text in texts)
    before, after = (row.number, None) if gone else (None, row.number)
    return RowChange("removed" if gone else "added", before, after, cells, _only(row.note, gone=gone))


def _table(was: Decision, now: Decision) -> TableChange:
    inputs, outputs = _merged(was.inputs, now.inputs), _merged(was.outputs, now.outputs)
    columns = [*inputs, *outputs]
    rows, same = _rows(was, now, columns, len(inputs))
    texts = [{column.text for column in (*table.inputs, *table.outputs)} for table in (was, now)]
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.kind] = counts.get(row.kind, 0) + 1
    said = [at for at in range(len(columns)) if any(row.cells[at].says for row in rows)]
    rows = [replace(row, cells=tuple(row.cells[at] for at in said)) for row in rows]
    shown = tuple(columns[at] for at in said)
    first = sum(at < len(inputs) for at in said)
    return TableChange(
        now.name, "changed", Cell(was.policy, now.policy), Cell(was.text, now.text), shown, first, tuple(rows), same,
        columns_added=tuple(column.text for column in columns if column.text not in texts[0]),
        columns_removed=tuple(column.text for column in columns if column.text not in texts[1]),
        counts=counts,
    )  # fmt: skip


def _merged(was: Sequence[Column], now: Sequence[Column]) -> list[Column]:
    """The columns of the later table, then those that are gone."""
    kept = {column.text for column in now}
    return [*now, *(column for column in was if column.text not in kept)]


def _rows(was: Decision, now: Decision, columns: Sequence[Column], inputs: int) -> tuple[list[RowChange], int]:
    """The rows that differ, where they stand now or stood before, and how many do not."""
    cells = [_by_column(table, columns, inputs) for table in (was, now)]
    found: list[RowChange] = []
    same = 0
    for before, after, moved in _pairs(was.rows, now.rows):
        old = cells[0][before] if before is not None else [None] * len(columns)
        new = cells[1][after] if after is not None else [None] * len(columns)
        told = tuple(Cell(a, b) for a, b in zip(old, new, strict=True))
        notes = Cell(was.rows[before].note if before is not None else None, now.rows[after].note if after is not None else None)
        if before is None or after is None:
            kind = "added" if before is None else "removed"
        elif any(cell.changed for cell in told) or notes.changed:
            kind = "changed"
        elif moved:
            kind = "moved"
        else:
            same += 1
            continue
        first, second = (None if at is None else at + 1 for at in (before, after))
        found.append(RowChange(kind, first, second, told, notes))
    return found, same


def _by_column(table: Decision, columns: Sequence[Column], inputs: int) -> list[list[str | None]]:
    """The cells of each row under the columns of both tables; None under one the table has not."""
    own = ({c.text: n for n, c in enumerate(table.inputs)}, {c.text: n for n, c in enumerate(table.outputs)})
    told = []
    for row in table.rows:
        line: list[str | None] = []
        for at, column in enumerate(columns):
            place = own[at >= inputs].get(column.text)
            texts = row.outputs if at >= inputs else row.inputs
            line.append(None if place is None else texts[place] if place < len(texts) else "")
        told.append(line)
    return told


Pair = tuple[int | None, int | None, bool]


def _pairs(was: Sequence[Row], now: Sequence[Row]) -> list[Pair]:
    """Which row became which, by place from 0, and whether it went to another place among the others."""
    by_id = bool({row.id for row in was if row.id} & {row.id for row in now if row.id})

    def keys(rows: Sequence[Row]) -> list[tuple[object, ...]]:
        return [(row.id,) if by_id else (row.inputs, row.outputs) for row in rows]

    old, new = keys(was), keys(now)
    pairs: list[Pair] = []
    left: dict[tuple[object, ...], int] = {}
    for op, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if op == "equal":
            pairs += [(a, b, False) for a, b in zip(range(i, j), range(k, m), strict=True)]
            continue
        both = min(j - i, m - k) if not by_id else 0  # rows without names that stand in each other's place
        pairs += [(i + n, k + n, False) for n in range(both)]
        left |= {old[a]: a for a in range(i + both, j)}
        pairs += [(None, b, False) for b in range(k + both, m)]
    pairs = [
        (left.pop(new[b]), b, True) if a is None and b is not None and new[b] in left else (a, b, moved)
        for a, b, moved in pairs
    ]
    pairs += [(a, None, False) for a in left.values()]
    return sorted(pairs, key=lambda pair: pair[1] if pair[1] is not None else (pair[0] or 0) - 0.5)
