"""A table as boxes: every input an axis cut into the few cells on which all rules answer alike, every rule a box of cells.

The cuts come from the constants of the tests; which rules hold on a cell is found by asking the tests themselves about
one value of it, so the geometry cannot mean anything else than the evaluation does. Knows tables; proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

from anhuan.rulebook.tables import syntax
from anhuan.rulebook.tables.feel import Compiler, Scope
from anhuan.rulebook.tables.functions import BUILT_INS
from anhuan.rulebook.tables.operators import kind, order
from anhuan.rulebook.tables.table import InputClause, Table
from anhuan.rulebook.tables.types import Type
from anhuan.rulebook.tables.values import DAY, Date, DateTime, DaysTime, Time, Value, Wrong, YearsMonths


class Opaque(Exception):
    """An input cannot be cut into cells; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Values of an input on which the same rules hold: their number as bits, one such value, how many cuts lie in it."""

    rules: int
    sample: Value
    weight: int


@dataclass(slots=True)
class Axis:
    """`free`: any value may come, whatever the other inputs are; else the input is computed, and a finding may be none.

    `null`: the rules that hold at null, as bits; it may come, though it is a cell only where some rule speaks of it.
    """

    text: str
    cells: list[Cell]
    free: bool
    null: int


@dataclass(slots=True)
class Space:
    axes: list[Axis]
    boxes: list[list[int]] = field(default_factory=list)  # for each rule, for each axis, its cells as bits

    def example(self, cells: list[int]) -> dict[str, Value]:
        """The row of one cell per axis."""
        return {axis.text: axis.cells[at].sample for axis, at in zip(self.axes, cells, strict=True)}

    def together(self, i: int, j: int) -> dict[str, Value] | None:
        """A row for which two rules hold, with nulls where nothing else will do; None: there is none."""
        row: dict[str, Value] = {}
        for axis, a, b in zip(self.axes, self.boxes[i], self.boxes[j], strict=True):
            common = a & b
            if not common and not (axis.null >> i & axis.null >> j & 1):
                return None
            row[axis.text] = axis.cells[(common & -common).bit_length() - 1].sample if common else None
        return row


def space_of(table: Table, compiler: Compiler, type_of: Callable[[InputClause], Type | None]) -> Space:
    """Raises Opaque."""
    groups: dict[syntax.Node, list[int]] = {}
    for column, clause in enumerate(table.inputs):
        groups.setdefault(clause.expression, []).append(column)
    space = Space([])
    for columns in groups.values():
        clause = table.inputs[columns[0]]
        free = _is_free(clause.expression, [node for node in groups if node is not clause.expression])
        cells, null = _cells(table, columns, compiler, type_of(clause))
        space.axes.append(Axis(clause.text, cells, free, null))
    for at in range(len(table.rules)):
        space.boxes.append([
            sum(1 << c for c, cell in enumerate(axis.cells) if cell.rules >> at & 1) for axis in space.axes
        ])  # fmt: skip
    return space


def _is_free(node: syntax.Node, others: list[syntax.Node]) -> bool:
    steps = _steps(node)
    return steps is not None and not any(_touches(steps, other) for other in others)


def _touches(steps: list[str], other: syntax.Node) -> bool:
    """Whether another input speaks of the same thing: a computed one by naming it, a path by leading there or beyond."""
    theirs = _steps(other)
    if theirs is None:
        return steps[0] in set(_names(other))
    shorter = min(len(steps), len(theirs))
    return steps[:shorter] == theirs[:shorter]


def _steps(node: syntax.Node) -> list[str] | None:
    """A name, or a path from one."""
    if isinstance(node, syntax.Name):
        return [node.name]
    before = _steps(node.base) if isinstance(node, syntax.Path) else None
    return None if before is None or not isinstance(node, syntax.Path) else [*before, node.name]


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, syntax.Name):
        yield node.name
    elif isinstance(node, tuple):
        for item in node:
            yield from _names(item)
    elif isinstance(node, syntax.Node | syntax.Binding):
        for part in fields(node):
            yield from _names(getattr(node, part.name))


# --- The constants a test is made of -----------------------------------------------------------------------------


def constant(node: syntax.Node, compiler: Compiler) -> Value:
    """The value of an expression that depends on nothing. Raises Opaque for any other."""
    free = set(_names(node)) - set(BUILT_INS)
    if free:
        raise Opaque(f"it depends on {', '.join(sorted(free))}")
    if isinstance(node, syntax.FunctionOf):
        raise Opaque("it is a function")
    scope = Scope({}, [])
    value = compiler.expression(node)(scope)
    if scope.notes:
        raise Opaque(scope.notes[0])
    return value


def _cuts(node: syntax.Node, compiler: Compiler) -> Iterator[Value]:
    """The constants where the answer of a test may change."""
    match node:
        case syntax.Name(name="?"):
            return
        case syntax.Binary(operator=operator, left=left, right=right) if operator in _SPEAKS_OF_INPUT:
            yield from _sides(operator, left, right, compiler)
        case (
            syntax.Test(value=syntax.Node() as one)
            | syntax.Call(function=syntax.Name(name="not"), arguments=(syntax.Node() as one,))
        ):
            yield from _cuts(one, compiler)
        case (
            syntax.RangeOf(low=syntax.Node() as one, high=syntax.Node() as other)
            | syntax.Between(value=syntax.Name(name="?"), low=syntax.Node() as one, high=syntax.Node() as other)
        ):
            yield from _cuts(one, compiler)
            yield from _cuts(other, compiler)
        case syntax.ListOf(items=items) | syntax.In(value=syntax.Name(name="?"), tests=items):
            for item in items:
                yield from _cuts(item, compiler)
        case _:
            value = constant(node, compiler)
            yield from value if isinstance(value, list) else [value]


_SPEAKS_OF_INPUT = frozenset("= != < <= > >= and or".split())


def _sides(operator: str, left: syntax.Node, right: syntax.Node, compiler: Compiler) -> Iterator[Value]:
    if operator not in {"and", "or"} and syntax.Name("?") not in (left, right):
        yield constant(syntax.Binary(operator, left, right), compiler)
        return
    yield from _cuts(left, compiler)
    yield from _cuts(right, compiler)


def _ordered(node: Any) -> bool:
    """Whether a test asks for an order, not only for equality."""
    if isinstance(node, syntax.RangeOf | syntax.Between):
        return True
    if isinstance(node, syntax.Test | syntax.Binary) and node.operator in {"<", "<=", ">", ">="}:
        return True
    if isinstance(node, tuple):
        return any(map(_ordered, node))
    return isinstance(node, syntax.Node) and any(_ordered(getattr(node, part.name)) for part in fields(node))


# --- Cells -------------------------------------------------------------------------------------------------------


def _cells(table: Table, columns: list[int], compiler: Compiler, of: Type | None) -> tuple[list[Cell], int]:
    """The cells of an input, and which rules hold at null."""
    clause = table.inputs[columns[0]]
    tests = [rule.tests[column] for rule in table.rules for column in columns]
    limits = [table.inputs[column].values for column in columns if table.inputs[column].values is not None]
    try:
        cuts = _all_cuts([*tests, *limits], compiler)
    except Opaque as opaque:
        raise Opaque(f"{clause.text}: {opaque}") from None
    samples = _samples(clause, cuts, of, compiler, ordered=_ordered(tuple(tests)))
    within = [compiler.tests(limit) for limit in limits if limit is not None]
    scope = Scope({}, [])
    samples = [s for s in samples if s is None or all(match(scope, s) is True for match in within)]
    if of is not None and of.allowed is not None:
        samples = [s for s in samples if s is None or of.allowed(s)]
    matches = [[compiler.tests(rule.tests[column]) for column in columns] for rule in table.rules]

    def holding(value: Value) -> int:
        return sum(1 << at for at, row in enumerate(matches) if all(match(scope, value) is True for match in row))

    merged: dict[int, Cell] = {}
    for sample in samples:
        rules = holding(sample)
        before = merged.get(rules)
        merged[rules] = Cell(rules, before.sample if before else sample, before.weight + 1 if before else 1)
    if not merged:
        raise Opaque(f"{clause.text}: no value is allowed")
    return list(merged.values()), holding(None)


def _all_cuts(tests: list[syntax.Tests | None], compiler: Compiler) -> list[Value]:
    return [value for cell in tests if cell is not None for test in cell.tests for value in _cuts(test, compiler)]


def _samples(clause: InputClause, cuts: list[Value], of: Type | None, compiler: Compiler, *, ordered: bool) -> list[Value]:
    """One value of every piece the cuts make of the input; null too, if some rule speaks of it."""
    null = [None] if None in cuts else []
    base = of.base if of is not None and of.base != "Any" else None
    kinds = {kind(value) for value in cuts if value is not None}
    if base is None:
        if len(kinds) > 1:
            raise Opaque(f"{clause.text}: it is compared with {', '.join(sorted(kinds))}")
        base = next(iter(kinds), None)
    if of is not None and of.allowed_text:
        cuts = [*cuts, *_limits(clause, of, compiler)]
    values = [value for value in cuts if value is not None and kind(value) == base]
    if base == "boolean":
        return [True, False, *null]
    if base is None:  # nothing says of what kind it is: any value stands for all that are not null
        return [_other([]), *null]
    if base == "string" and not ordered:
        distinct = list(dict.fromkeys(values))
        return [*distinct, _other(distinct), *null]
    line = _LINES.get(base)
    if line is None:
        raise Opaque(f"{clause.text}: values of type {base} are not cut into cells")
    return [*_pieces(values, line), *null]


def _limits(clause: InputClause, of: Type, compiler: Compiler) -> list[Value]:
    from anhuan.rulebook.tables.reading import Reader, Unreadable

    try:
        return _all_cuts([Reader(BUILT_INS).tests(of.allowed_text)], compiler)
    except (Opaque, Unreadable) as opaque:
        raise Opaque(f"{clause.text}: {opaque}") from None


def _other(known: list[Value]) -> str:
    word, number = "other", 1
    while word in known:
        number += 1
        word = f"other {number}"
    return word


@dataclass(frozen=True, slots=True)
class Line:
    """How the values of a kind lie: some value, one below another, one above, one between two; None where there is none."""

    any: Value
    below: Callable[[Value], Value]
    above: Callable[[Value], Value]
    between: Callable[[Value, Value], Value]


def _pieces(values: list[Value], line: Line) -> list[Value]:
    try:
        points = sorted(values, key=cmp_to_key(order))
    except Wrong as wrong:
        raise Opaque(str(wrong)) from None
    distinct = [p for at, p in enumerate(points) if at == 0 or order(points[at - 1], p) != 0]
    if not distinct:
        return [line.any]
    found = [line.below(distinct[0])]
    for at, point in enumerate(distinct):
        found.append(point)
        found.append(line.between(point, distinct[at + 1]) if at + 1 < len(distinct) else line.above(point))
    return [value for value in found if value is not None]


def _number_between(a: Decimal, b: Decimal) -> Decimal:
    whole = a.to_integral_value("ROUND_FLOOR") + 1
    if a < whole < b:
        middle = ((a + b) / 2).to_integral_value("ROUND_FLOOR")
        return middle if a < middle < b else whole
    digits = 1
    while True:  # the shortest number between the two
        step = Decimal(1).scaleb(-digits)
        middle = ((a + b) / 2).quantize(step)
        if a < middle < b:
            return middle
        digits += 1


def _text_between(a: str, b: str) -> str | None:
    return next((s for s in (a + "a", a + " ", a + "\0") if a < s < b), None)


def _discrete(make: Callable[[int], Value], place: Callable[[Value], int], some: Value) -> Line:
    def between(a: Value, b: Value) -> Value:
        low, high = place(a), place(b)
        return make((low + high) // 2) if high - low > 1 else None

    return Line(some, lambda a: make(place(a) - 1), lambda a: make(place(a) + 1), between)


def _moment_between(a: DateTime, b: DateTime) -> DateTime | None:
    gap = b.instant - a.instant
    return a.at_local(a.local + gap // 2) if gap > 1 else None


def _time_at(like: Time, nanoseconds: int) -> Time | None:
    return Time(nanoseconds, like.offset, like.zone) if 0 <= nanoseconds < DAY else None


def _time_between(a: Time, b: Time) -> Time | None:
    if (a.offset, a.zone) != (b.offset, b.zone):
        raise Opaque("times with different offsets are compared")
    gap = b.nanoseconds - a.nanoseconds
    return _time_at(a, a.nanoseconds + gap // 2) if gap > 1 else None


_LINES: dict[str, Line] = {
    "number": Line(Decimal(0), lambda a: a - 1, lambda a: a + 1, _number_between),
    "string": Line("", lambda a: "" if a else None, lambda a: a + "a", _text_between),
    "date": _discrete(Date.of, lambda d: d.ordinal, Date(2000, 1, 1)),
    "years and months duration": _discrete(YearsMonths, lambda d: d.months, YearsMonths(0)),
    "days and time duration": _discrete(DaysTime, lambda d: d.nanoseconds, DaysTime(0)),
    "date and time": Line(
        DateTime(Date(2000, 1, 1), Time(0)),
        lambda a: a.at_local(a.local - DAY),
        lambda a: a.at_local(a.local + DAY),
        _moment_between,
    ),
    "time": Line(Time(0), lambda a: _time_at(a, a.nanoseconds - 1), lambda a: _time_at(a, a.nanoseconds + 1), _time_between),
}
