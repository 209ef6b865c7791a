"""Proves a decision table: no row of inputs that no rule answers, none that two rules answer where they may not, no rule
that can never fire, no output outside its allowed values.

Works on the boxes of `geometry`, exactly. Where boxes do not overlap, volumes decide: they fill the space or do not.
Elsewhere the search for an uncovered point branches on the input that tells rules apart best, and remembers what it has
covered. What is not settled within the time is «not proved», never guessed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import localcontext
from math import prod
from typing import Any

from anhuan.rulebook.tables import syntax
from anhuan.rulebook.tables.boxed import Boxes
from anhuan.rulebook.tables.document import Element, ModelRefused
from anhuan.rulebook.tables.feel import Compiler, Scope
from anhuan.rulebook.tables.geometry import Opaque, Space, constant, space_of
from anhuan.rulebook.tables.model import Model, Node, same_name
from anhuan.rulebook.tables.operators import equal, kind
from anhuan.rulebook.tables.table import (
    ANY_RULE,
    COLLECT,
    FIRST,
    OUTPUT_ORDER,
    PRIORITY,
    RULE_ORDER,
    UNIQUE,
    InputClause,
    Table,
    TableLogic,
)
from anhuan.rulebook.tables.types import ANY, Type, belongs
from anhuan.rulebook.tables.values import NUMBERS, Value

MANY = frozenset({COLLECT, RULE_ORDER, OUTPUT_ORDER})  # policies that put out lists
MOST_GAPS = 10
MOST_OVERLAPS = 100

Findings = dict[str, list[Any]]


class OutOfTime(Exception):
    """The search was not over when its time was."""


def check(model: Model, *, seconds: float = 60) -> dict[str, Any]:
    """All tables of a model: {"ok", "decisions": {name: {gaps, overlaps, unreachable, bad_outputs, not_proved}}}."""
    found: dict[str, Findings] = {}
    with localcontext(NUMBERS):
        for name, element, names, owner in _tables(model):
            try:
                table = Boxes(model, strict=True).read_table(element, names)
            except ModelRefused as refused:
                found[name] = {**_nothing(), "not_proved": [str(refused)]}
                continue
            found[name] = prove(table, model.compiler, _types(model, owner), seconds=seconds)
    return {"ok": not any(any(findings.values()) for findings in found.values()), "decisions": found}


def _nothing() -> Findings:
    return {"gaps": [], "overlaps": [], "unreachable": [], "bad_outputs": [], "not_proved": []}


def prove(table: Table, compiler: Compiler, type_of: Callable[[InputClause], Type | None], *, seconds: float = 60) -> Findings:
    """The findings on one table; all lists empty: proved."""
    found = _nothing()
    found["bad_outputs"] = list(_bad_outputs(table, compiler, found["not_proved"]))
    try:
        space = space_of(table, compiler, type_of)
    except Opaque as opaque:
        found["not_proved"].append(f"gaps and overlaps: {opaque}")
        return found
    until = time.monotonic() + seconds
    computed = [axis.text for axis in space.axes if not axis.free]
    for what, findings in (
        ("gaps", lambda: _gaps(table, space, until)),
        ("overlaps", lambda: _overlaps(table, space, compiler, found["not_proved"])),
        ("unreachable", lambda: _unreachable(table, space, compiler, until)),
    ):
        try:
            found[what] = list(findings())
        except OutOfTime:
            found["not_proved"].append(f"{what}: not settled within {seconds:g} s")
        except Opaque as opaque:
            found["not_proved"].append(f"{what}: {opaque}")
        if found[what] and computed and what != "unreachable":
            found["not_proved"].append(f"{what}: found only if such values of {', '.join(computed)} can come together")
    return found


# --- Gaps --------------------------------------------------------------------------------------------------------


def _gaps(table: Table, space: Space, until: float) -> Iterator[dict[str, Value]]:
    """Rows that no rule answers, each from a region of its own."""
    if any(clause.default is not None for clause in table.outputs):
        return
    boxes = [box for box in space.boxes if all(box)]
    for _ in range(MOST_GAPS):
        point = uncovered(space, boxes, [(1 << len(axis.cells)) - 1 for axis in space.axes], until)
        if point is None:
            return
        yield space.example(point)
        boxes.append(_grown(space, boxes, point))


def _grown(space: Space, boxes: list[list[int]], point: list[int]) -> list[int]:
    """A largest box around an uncovered point that no rule touches."""
    grown = [1 << at for at in point]
    for k, axis in enumerate(space.axes):
        near = [box[k] for box in boxes if all(box[j] & grown[j] for j in range(len(grown)) if j != k)]
        for at in range(len(axis.cells)):
            if not any(cells >> at & 1 for cells in near):
                grown[k] |= 1 << at
    return grown


def uncovered(space: Space, boxes: list[list[int]], domain: list[int], until: float) -> list[int] | None:
    """A point of the domain (a cell per axis) that lies in none of the boxes, or None. Raises OutOfTime."""
    return _Cover(space, boxes, domain, until).search()


class _Cover:
    def __init__(self, space: Space, boxes: list[list[int]], domain: list[int], until: float) -> None:
        self.until = until
        self.boxes = [cut for box in boxes if all(cut := [a & b for a, b in zip(box, domain, strict=True)])]
        # Per axis: its cells as (which boxes hold there, weight, a cell); cells alike for all boxes are one.
        self.axes: list[list[tuple[int, int, int]]] = []
        for k, axis in enumerate(space.axes):
            alike: dict[int, tuple[int, int]] = {}
            for at, cell in enumerate(axis.cells):
                if domain[k] >> at & 1:
                    mask = sum(1 << i for i, box in enumerate(self.boxes) if box[k] >> at & 1)
                    weight, first = alike.get(mask, (0, at))
                    alike[mask] = (weight + cell.weight, first)
            self.axes.append([(mask, weight, at) for mask, (weight, at) in alike.items()])
        self.size = [
            [sum(w for mask, w, _ in cells if mask >> i & 1) for cells in self.axes] for i in range(len(self.boxes))
        ]  # fmt: skip
        self.disjoint = not any(
            all(a & b for a, b in zip(one, other, strict=True)) for i, one in enumerate(self.boxes) for other in self.boxes[:i]
        )
        self.covered: set[tuple[int, int]] = set()

    def search(self) -> list[int] | None:
        chosen: list[int] = [cells[0][2] for cells in self.axes]
        found = self._search((1 << len(self.boxes)) - 1, (1 << len(self.axes)) - 1, chosen)
        return chosen if found else None

    def _search(self, active: int, left: int, chosen: list[int]) -> bool:
        """Whether some cell of every axis left lies in no active box; `chosen` then holds such cells."""
        if not active:
            return True
        if not left or (active, left) in self.covered:
            return False
        if time.monotonic() > self.until:
            raise OutOfTime
        axes = [k for k in range(len(self.axes)) if left >> k & 1]
        if self._deficit(active, axes) > 0:
            self._descend(active, axes, chosen)
            return True
        if not self.disjoint and not self._one_holds_all(active, axes):
            k, branches = self._best(active, axes)
            for mask, at in branches:
                chosen[k] = at
                if self._search(mask, left & ~(1 << k), chosen):
                    return True
        self.covered.add((active, left))
        return False

    def _deficit(self, active: int, axes: list[int]) -> int:
        """How much of the space left the active boxes cannot fill, even if none overlapped."""
        whole = prod(sum(weight for _, weight, _ in self.axes[k]) for k in axes)
        for i in _bits(active):
            size = self.size[i]
            whole -= prod(size[k] for k in axes)
            if whole <= 0:
                return 0
        return whole

    def _descend(self, active: int, axes: list[int], chosen: list[int]) -> None:
        """Down to an uncovered point, by slices that the boxes cannot fill: there always is one."""
        while axes and active:
            k, *axes = axes
            for mask, _, at in self.axes[k]:
                if self._deficit(active & mask, axes) > 0:
                    chosen[k], active = at, active & mask
                    break

    def _one_holds_all(self, active: int, axes: list[int]) -> bool:
        for k in axes:
            for mask, _, _ in self.axes[k]:
                active &= mask
            if not active:
                return False
        return True

    def _best(self, active: int, axes: list[int]) -> tuple[int, list[tuple[int, int]]]:
        """The axis with the fewest ways to go. Only cells in the fewest boxes matter: what they leave, others leave."""
        best: tuple[tuple[int, int], int, list[tuple[int, int]]] | None = None
        for k in axes:
            ways: dict[int, int] = {}
            for mask, _, at in self.axes[k]:
                ways.setdefault(mask & active, at)
            least = [(m, at) for m, at in ways.items() if not any(other != m and other & m == other for other in ways)]
            rank = (len(least), max(m.bit_count() for m, _ in least))
            if best is None or rank < best[0]:
                best = (rank, k, sorted(least, key=lambda way: way[0].bit_count()))
        if best is None:
            raise ValueError("no axis is left")
        return best[1], best[2]


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


# --- Overlaps and rules that never fire --------------------------------------------------------------------------


def _overlaps(table: Table, space: Space, compiler: Compiler, not_proved: list[Any]) -> Iterator[dict[str, Any]]:
    """Pairs of rules that hold together: all of them under U, those that differ in their outputs under A.

    Null is among the values even where no rule speaks of it: a cell with not(…) takes it.
    """
    if table.hit_policy not in {UNIQUE, ANY_RULE}:
        return
    reported = 0
    for j in range(len(space.boxes)):
        for i in range(j):
            row = space.together(i, j)
            if row is None:
                continue
            if table.hit_policy == ANY_RULE:
                same = _same_outputs(table, i, j, compiler)
                if same is None:
                    not_proved.append(f"overlaps: whether rules {i + 1} and {j + 1} put out the same depends on the row")
                if same is not False:
                    continue
            yield {"rules": [table.rules[i].number, table.rules[j].number], "example": row}
            reported += 1
            if reported == MOST_OVERLAPS:
                return


def _same_outputs(table: Table, i: int, j: int, compiler: Compiler) -> bool | None:
    a, b = table.rules[i].outputs, table.rules[j].outputs
    if a == b:
        return True
    try:
        pairs = [(constant(x, compiler), constant(y, compiler)) for x, y in zip(a, b, strict=True)]
    except Opaque:
        return None
    return all(equal(x, y) is True for x, y in pairs)


def _unreachable(table: Table, space: Space, compiler: Compiler, until: float) -> Iterator[int]:
    """Rules no row reaches: their cells contradict each other, or rules that go before them take all they hold."""
    for at, box in enumerate(space.boxes):
        if not all(box):
            yield table.rules[at].number
            continue
        before = [space.boxes[other] for other in _taking_precedence(table, at, compiler)]
        if before and uncovered(space, before, box, until) is None:
            yield table.rules[at].number


def _taking_precedence(table: Table, at: int, compiler: Compiler) -> list[int]:
    if table.hit_policy == FIRST:
        return list(range(at))
    if table.hit_policy != PRIORITY:
        return []
    logic = TableLogic(table, compiler)
    ranks = []
    for number, rule in enumerate(table.rules):
        for node in rule.outputs:
            constant(node, compiler)  # raises Opaque where the rank depends on the row
        ranks.append((logic.rank(logic.output(number, Scope({}, []))), number))
    return [other for other, rank in enumerate(ranks) if rank < ranks[at]]


# --- Outputs -----------------------------------------------------------------------------------------------------


def _bad_outputs(table: Table, compiler: Compiler, not_proved: list[Any]) -> Iterator[dict[str, Any]]:
    """Constant outputs that are not of the type, or not among the allowed values, of their clause; rule null: the default."""
    for column, clause in enumerate(table.outputs):
        match = compiler.tests(clause.values) if clause.values is not None else None
        if match is None and clause.type is ANY:
            continue
        cells: list[tuple[int | None, syntax.Node]] = [(rule.number, rule.outputs[column]) for rule in table.rules]
        if clause.default is not None:
            cells.append((None, clause.default))
        for number, node in cells:
            try:
                value = constant(node, compiler)
            except Opaque as opaque:
                if match is not None:
                    not_proved.append(f"outputs: rule {number}, {clause.name or 'output'}: {opaque}")
                continue
            allowed = value is not None if match is not None else True
            if match is not None and allowed:
                items = value if isinstance(value, list) else [value]
                allowed = all(match(Scope({}, []), item) is True for item in items)
            if not allowed or not belongs(value, clause.type):
                text = clause.values_text or clause.type.name
                yield {"rule": number, "output": clause.name, "value": value, "allowed": text}


# --- The tables of a model ---------------------------------------------------------------------------------------


def _tables(model: Model) -> Iterator[tuple[str, Element, frozenset[str], Node]]:
    """Every decision table with a name for it, the names in scope, and the decision or knowledge model it belongs to."""
    for node in model.nodes.values():
        logic = node.logic
        if node.kind not in {"decision", "knowledge"} or logic is None:
            continue
        names = {model.nodes[i].name for i in (*node.requires, *node.knows) if i in model.nodes}
        holder = node.element.first("encapsulatedLogic") or node.element
        names |= {p.attribute("name") for p in holder.all("formalParameter")}
        if logic.name == "decisionTable":
            yield node.name, logic, frozenset(names), node
            continue
        inner = [element for element in logic.everywhere() if element.name == "decisionTable"]
        for number, element in enumerate(inner, 1):
            yield f"{node.name} / {number}", element, frozenset({*names, *model.members}), node


def _put_out(model: Model, node: Node) -> Type | None:
    """What a required decision may come to, if it is a table of one output whose values are listed."""
    logic = node.logic
    outputs = list(logic.all("output")) if logic is not None and logic.name == "decisionTable" else []
    if node.kind != "decision" or logic is None or len(outputs) != 1 or logic.attribute("hitPolicy") in MANY:
        return None
    holder = outputs[0].first("outputValues")
    text = holder.text_of("text") if holder is not None else None
    if holder is None or not text:
        return None
    try:
        tests = model.tests(text, holder)
        kinds = {kind(constant(test, model.compiler)) for test in tests.tests}
    except (ModelRefused, Opaque):
        return None
    match = model.compiler.tests(tests)
    base = kinds.pop() if len(kinds) == 1 else "Any"
    return Type(node.name, base, allowed=lambda value: match(Scope({}, []), value) is True, allowed_text=text)


def _types(model: Model, owner: Node) -> Callable[[InputClause], Type | None]:
    """What type an input has: the one its clause names, else that of the variable it speaks of."""
    holder = owner.element.first("encapsulatedLogic")
    names = {p.attribute("name"): p.attribute("typeRef") for p in (holder.all("formalParameter") if holder else ())}
    narrowed: dict[str, Type] = {}
    for identity in owner.requires:
        required = model.nodes.get(identity)
        if required is not None:
            names[required.name] = required.type_name
            narrow = _put_out(model, required)
            if narrow is not None:
                narrowed[same_name(required.name)] = narrow
    known = {same_name(name): type_name for name, type_name in names.items() if type_name}

    def of_node(node: syntax.Node) -> Type | None:
        if isinstance(node, syntax.Name):
            name = same_name(node.name)
            typed = model.type(known[name], owner.element) if name in known else None
            return typed if typed is not None and typed.allowed else narrowed.get(name, typed)
        base = of_node(node.base) if isinstance(node, syntax.Path) else None
        return dict(base.fields or ()).get(node.name) if base is not None and isinstance(node, syntax.Path) else None

    def type_of(clause: InputClause) -> Type | None:
        variable = of_node(clause.expression)
        if variable is not None and (clause.type is ANY or variable.base == clause.type.base):
            return variable if clause.type.allowed is None else clause.type
        return clause.type if clause.type is not ANY else variable

    return type_of
