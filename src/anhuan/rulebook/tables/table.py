"""A decision table: what stands in it, which of its rules fire for a row of inputs, and what they come to together.

Knows FEEL and hit policies. Does not know the file the table came from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce

from anhuan.rulebook.tables import syntax
from anhuan.rulebook.tables.feel import Compiler, Match, Scope
from anhuan.rulebook.tables.operators import arithmetic, equal, order
from anhuan.rulebook.tables.types import ANY, Type, fit
from anhuan.rulebook.tables.values import Value, Wrong

UNIQUE, ANY_RULE, PRIORITY, FIRST = "UNIQUE", "ANY", "PRIORITY", "FIRST"
COLLECT, RULE_ORDER, OUTPUT_ORDER = "COLLECT", "RULE ORDER", "OUTPUT ORDER"
POLICIES = {
    UNIQUE: "U", ANY_RULE: "A", PRIORITY: "P", FIRST: "F", RULE_ORDER: "R", OUTPUT_ORDER: "O", COLLECT: "C",
}  # fmt: skip
AGGREGATIONS = {"SUM": "C+", "MIN": "C<", "MAX": "C>", "COUNT": "C#"}


@dataclass(frozen=True)
class InputClause:
    text: str
    expression: syntax.Node
    type: Type
    values: syntax.Tests | None
    values_text: str
    line: int


@dataclass(frozen=True)
class OutputClause:
    name: str
    type: Type
    values: syntax.Tests | None
    values_text: str
    default: syntax.Node | None
    line: int


@dataclass(frozen=True)
class Rule:
    """One row: a cell of tests per input, an expression per output. `texts` are the cells as they are written."""

    number: int
    tests: tuple[syntax.Tests, ...]
    outputs: tuple[syntax.Node, ...]
    texts: tuple[str, ...]
    output_texts: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Table:
    inputs: tuple[InputClause, ...]
    outputs: tuple[OutputClause, ...]
    rules: tuple[Rule, ...]
    hit_policy: str
    aggregation: str
    line: int

    @property
    def letter(self) -> str:
        return AGGREGATIONS.get(self.aggregation, "C") if self.hit_policy == COLLECT else POLICIES[self.hit_policy]


@dataclass(frozen=True)
class Fired:
    """What a table came to, and the numbers of the rules that made it."""

    value: Value
    rules: tuple[int, ...]


class TableLogic:
    """A table made ready to be asked row by row."""

    def __init__(self, table: Table, compiler: Compiler) -> None:
        self.table = table
        self._inputs = [(clause, compiler.expression(clause.expression)) for clause in table.inputs]
        self._values = [compiler.tests(c.values) if c.values is not None else None for c in table.inputs]
        # Cells alike in a column are asked once a row: each rule names the places of its cells among the different ones.
        different: dict[tuple[int, syntax.Tests], int] = {}
        self._rules = [
            [different.setdefault((column, cell), len(different)) for column, cell in enumerate(rule.tests) if cell.tests]
            for rule in table.rules
        ]
        self._cells: list[tuple[int, Match]] = [(column, compiler.tests(cell)) for column, cell in different]
        self._outputs = [[compiler.expression(node) for node in rule.outputs] for rule in table.rules]
        self._defaults = [compiler.expression(c.default) if c.default is not None else None for c in table.outputs]
        self._priorities = [_ranking(clause, compiler) for clause in table.outputs]
        self._first_only = table.hit_policy == FIRST

    def decide(self, scope: Scope) -> Fired:
        """Null, with a note, where the policy has no answer."""
        try:
            return self._settled(scope, self.matching(scope, self.inputs(scope)))
        except Wrong as wrong:
            return Fired(scope.null(wrong), ())

    def inputs(self, scope: Scope) -> list[Value]:
        """The values of the input expressions. Raises Wrong for one that the clause does not allow."""
        found: list[Value] = []
        for (clause, expression), allowed in zip(self._inputs, self._values, strict=True):
            value = expression(scope)
            if clause.type is not ANY:
                value = fit(value, clause.type)
            if allowed is not None and value is not None and not _allowed(allowed, scope, value):
                raise Wrong(f"{clause.text}: {value!s} is not among {clause.values_text}")
            found.append(value)
        return found

    def matching(self, scope: Scope, values: list[Value]) -> list[int]:
        """Places (from 0) of the rules whose cells all hold; with hit policy F only the first is looked for."""
        found: list[int] = []
        known: dict[int, bool] = {}
        for at, cells in enumerate(self._rules):
            for cell in cells:
                if cell not in known:
                    column, match = self._cells[cell]
                    known[cell] = match(scope, values[column]) is True
                if not known[cell]:
                    break
            else:
                found.append(at)
                if self._first_only:
                    break
        return found

    def output(self, at: int, scope: Scope) -> Value:
        """What one rule puts out: its value, or a context of values where there are several outputs."""
        clauses = self.table.outputs
        values = [compute(scope) for compute in self._outputs[at]]
        values = [_fitted(scope, value, clause.type) for value, clause in zip(values, clauses, strict=True)]
        return self._named(values)

    def _named(self, values: list[Value]) -> Value:
        clauses = self.table.outputs
        return values[0] if len(clauses) == 1 else {c.name: v for c, v in zip(clauses, values, strict=True)}

    def _settled(self, scope: Scope, found: list[int]) -> Fired:
        if not found:
            return self._by_default(scope)
        policy = self.table.hit_policy
        if policy == UNIQUE and len(found) > 1:
            raise Wrong(f"hit policy UNIQUE: rules {_numbers(found)} all hold")
        outputs = {at: self.output(at, scope) for at in found}
        if policy == ANY_RULE and not all(_same(outputs[found[0]], other) for other in outputs.values()):
            raise Wrong(f"hit policy ANY: rules {_numbers(found)} hold and differ in their outputs")
        if policy in {PRIORITY, OUTPUT_ORDER}:
            found = sorted(found, key=lambda at: self.rank(outputs[at]))
        if policy == PRIORITY:
            found = found[:1]
        rules = tuple(self.table.rules[at].number for at in found)
        ordered = [outputs[at] for at in found]
        if policy in {COLLECT, RULE_ORDER, OUTPUT_ORDER}:
            return Fired(_aggregated(ordered, self.table.aggregation) if policy == COLLECT else ordered, rules)
        return Fired(ordered[0], rules)

    def rank(self, output: Value) -> tuple[int, ...]:
        """Where an output stands in the order of its output values, clause by clause; the least comes first."""
        values = [output] if len(self.table.outputs) == 1 else [output[c.name] for c in self.table.outputs]
        return tuple(
            next((i for i, other in enumerate(ranking) if _same(value, other)), len(ranking))
            for value, ranking in zip(values, self._priorities, strict=True)
        )

    def _by_default(self, scope: Scope) -> Fired:
        if any(default is not None for default in self._defaults):
            values = [default(scope) if default is not None else None for default in self._defaults]
            clauses = self.table.outputs
            fitted = [_fitted(scope, value, clause.type) for value, clause in zip(values, clauses, strict=True)]
            return Fired(self._named(fitted), ())
        if self.table.hit_policy in {COLLECT, RULE_ORDER, OUTPUT_ORDER} and not self.table.aggregation:
            return Fired([], ())
        if self.table.aggregation == "COUNT":
            return Fired(Decimal(0), ())
        return Fired(scope.null("no rule of the table holds"), ())


def _allowed(match: Match, scope: Scope, value: Value) -> bool:
    quiet = Scope(scope.names, [], scope.at)
    if isinstance(value, list):
        return match(quiet, value) is True or all(match(quiet, item) is True for item in value)
    return match(quiet, value) is True


def _fitted(scope: Scope, value: Value, to: Type) -> Value:
    try:
        return fit(value, to)
    except Wrong as wrong:
        return scope.null(wrong)


def _ranking(clause: OutputClause, compiler: Compiler) -> list[Value]:
    """The output values of a clause in their order, which is their priority."""
    if clause.values is None:
        return []
    scope = Scope({}, [])
    found: list[Value] = []
    for test in clause.values.tests:
        if not isinstance(test, syntax.Test):
            value = compiler.expression(test)(scope)
            found.extend(value if isinstance(value, list) else [value])
    return found


def _numbers(found: list[int]) -> str:
    return ", ".join(str(at + 1) for at in found)


def _same(left: Value, right: Value) -> bool:
    return equal(left, right) is True


def _least(values: list[Value]) -> Value:
    return reduce(lambda a, b: b if order(b, a) < 0 else a, values)


def _most(values: list[Value]) -> Value:
    return reduce(lambda a, b: b if order(b, a) > 0 else a, values)


_AGGREGATES: dict[str, Callable[[list[Value]], Value]] = {
    "SUM": lambda values: reduce(lambda a, b: arithmetic("+", a, b), values),
    "MIN": _least,
    "MAX": _most,
    "COUNT": lambda values: Decimal(len(values)),
}


def _aggregated(outputs: list[Value], aggregation: str) -> Value:
    """A list, or what the aggregation makes of it; of several outputs, each by itself."""
    if not aggregation:
        return outputs
    compute = _AGGREGATES[aggregation]
    if aggregation != "COUNT" and isinstance(outputs[0], dict):
        return {name: compute([output[name] for output in outputs]) for name in outputs[0]}
    return compute(outputs)
