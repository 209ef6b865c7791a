"""One decision table in columns: its inputs, the rule that fires for each row, and what that puts out.

Knows hit policies; each means what `rulebook.tables.table` says. Does not know the graph of decisions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import localcontext
from functools import reduce
from operator import add, and_, or_
from typing import Any

import ibis

from anhuan.portfolio.strategy.expressions import (
    NULL,
    NUMBER,
    Column,
    Outside,
    arithmetic,
    cast,
    common_type,
    is_null,
    of_constant,
)
from anhuan.portfolio.strategy.work import Names, Work, checked, known
from anhuan.rulebook.tables import syntax
from anhuan.rulebook.tables.feel import Compiler, Scope
from anhuan.rulebook.tables.geometry import Opaque, space_of
from anhuan.rulebook.tables.model import Node
from anhuan.rulebook.tables.operators import equal
from anhuan.rulebook.tables.table import COLLECT, PRIORITY, UNIQUE, InputClause, Rule, Table, TableLogic
from anhuan.rulebook.tables.types import ANY, Type, belongs
from anhuan.rulebook.tables.values import NUMBERS

_POLICIES = frozenset("U A P F C+".split())
_NONE, _RULE = 0, "int16"  # number that stands for «no rule» until the outputs are known; type of rule numbers


class TableColumns:
    """One decision table under way: its inputs, the rule that fires, what that puts out."""

    def __init__(self, work: Work, node: Node, table: Table, names: Names, wrong: Any | None) -> None:
        self.work, self.node, self.table, self.names = work, node, table, names
        self.compiler: Compiler = work.model.compiler
        self._wrong = [wrong] if wrong is not None else []
        if table.letter not in _POLICIES:
            raise Outside(f"不支持命中策略 {table.letter}。", f"hit policy {table.letter} is not supported")

    def add(self) -> None:
        """Each stage is a projection of its own, so that nothing is worked out twice."""
        inputs = self._inputs()
        before = len(self.work.refusals)
        matches = self._matches(inputs)
        outputs = [self._outputs(at) for at in range(len(self.table.rules))]
        default = self._default()
        if len(self.work.refusals) > before:
            return
        every = self.table.letter in {"A", "C+"}
        order, conflict = list(range(len(matches))), None
        if self.table.hit_policy == PRIORITY:
            order = self._by_priority(outputs)
        if every or (self.table.hit_policy == UNIQUE and self._may_overlap()):
            names = self.work.hide({self._hidden(f"holds{at}"): m.fill_null(False) for at, m in enumerate(matches)})  # noqa: FBT003
            matches = [self.work.table[name] for name in names]
            conflict = self._conflict(matches, outputs)
        steps = [(one, ibis.null(_RULE)) for one in [*self._wrong, *([] if conflict is None else [conflict])]]
        steps += [(matches[at], ibis.literal(self.table.rules[at].number, _RULE)) for at in order]
        fired = ibis.cases(*steps, else_=_NONE).cast(_RULE) if steps else ibis.literal(_NONE, _RULE)
        self.work.hide({self._hidden("fired"): fired})
        self._put(outputs, default, matches if every else [])

    def _hidden(self, what: str) -> str:
        return f"{self.node.name}__{what}"

    def _gather(self, line: int, place: tuple[str, str], found: Outside) -> None:
        self.work.refuse(self.node, line, found, place)

    # --- inputs and rules ---

    def _inputs(self) -> list[Column]:
        """The input expressions as columns, each worked out once; what a clause does not allow makes the row wrong."""
        expressions = self.work.expressions(self.names)
        found: list[Column] = []
        computed: dict[str, Any] = {}
        for number, clause in enumerate(self.table.inputs, 1):
            try:
                column = expressions.column(clause.expression)
                if not isinstance(clause.expression, syntax.Name | syntax.Path) and column.constant is None:
                    computed[self._hidden(f"input{number}")] = column.values
                found.append(column)
            except Outside as outside_:
                self._gather(clause.line, (f"输入“{clause.text}”", f", input {clause.text!r}"), outside_)
                found.append(of_constant(None))
        self.work.hide(computed) if computed else None
        table, valid = self.work.table, list[Any]()
        for number, (clause, column) in enumerate(zip(self.table.inputs, found, strict=True), 1):
            name = self._hidden(f"input{number}")
            now = column if name not in computed else Column(column.kind, table[name], column.scale, column.most)
            found[number - 1] = now
            try:
                valid += self._allowed(clause, now)
            except Outside as outside_:
                self._gather(clause.line, (f"输入“{clause.text}”", f", input {clause.text!r}"), outside_)
        if valid:
            name = self.work.hide({self._hidden("disallowed"): ~reduce(and_, valid)})[0]
            self._wrong.append(self.work.table[name])
        return found

    def _allowed(self, clause: InputClause, column: Column) -> Iterator[Any]:
        valid = self.work.valid(column, clause.type) if clause.type is not ANY else None
        if valid is not None:
            yield valid
        if clause.values is not None:
            holds = self.work.expressions(self.names).holds(clause.values, column)
            if holds is not None:
                yield is_null(column) | holds.fill_null(False)  # noqa: FBT003  # ibis's way

    def _matches(self, inputs: list[Column]) -> list[Any]:
        """For each rule whether it holds; null stands for False. A cell that stands in several rules is a column."""
        cells: dict[tuple[int, syntax.Tests], Any] = {}
        uses = Counter((place, cell) for rule in self.table.rules for place, cell in enumerate(rule.tests))
        for rule in self.table.rules:
            for place, cell in enumerate(rule.tests):
                if cell.tests and (place, cell) not in cells:
                    cells[place, cell] = self._cell(rule, place, inputs[place])
        shared = [key for key in cells if uses[key] > 1]
        if shared:
            names = self.work.hide({self._hidden(f"cell{n}"): cells[key] for n, key in enumerate(shared)})
            cells |= {key: self.work.table[name] for key, name in zip(shared, names, strict=True)}
        rows = [[cells[place, cell] for place, cell in enumerate(rule.tests) if cell.tests] for rule in self.table.rules]
        return [reduce(and_, row) if row else ibis.literal(value=True) for row in rows]

    def _cell(self, rule: Rule, place: int, column: Column) -> Any:
        clause, text = self.table.inputs[place], rule.texts[place]
        try:
            return self.work.expressions(self.names).holds(rule.tests[place], column)
        except Outside as found:
            self._gather(
                rule.line,
                (f"第 {rule.number} 条“{clause.text}”：{text}", f", rule {rule.number}, {clause.text}: {text}"),
                found,
            )
            return ibis.null("boolean")

    def _outputs(self, at: int) -> list[Column]:
        rule = self.table.rules[at]
        return self._record(rule.outputs, rule.line, f"第 {rule.number} 条", f", rule {rule.number}")

    def _default(self) -> list[Column]:
        """What stands where no rule holds."""
        null: syntax.Node = syntax.Constant(None)
        return self._record([clause.default or null for clause in self.table.outputs], self.table.line, "默认值", ", default")

    def _record(self, nodes: Sequence[syntax.Node], line: int, zh: str, en: str) -> list[Column]:
        """The outputs of a rule, each of the type of its clause or null."""
        expressions, found = self.work.expressions(self.names), list[Column]()
        for clause, node in zip(self.table.outputs, nodes, strict=True):
            try:
                found.append(self.work.typed(expressions.column(node), clause.type))
            except Outside as outside_:
                self._gather(line, (f"{zh}输出“{clause.name}”", f"{en}, output {clause.name!r}"), outside_)
                found.append(of_constant(None))
        return found

    # --- which rule fires ---

    def _by_priority(self, outputs: list[list[Column]]) -> list[int]:
        """Places of the rules in the order of their output values."""
        if not all(column.constant for record in outputs for column in record):
            raise Outside("命中策略 P 的输出须为常量。", "hit policy P needs outputs that are constants")
        logic = TableLogic(self.table, self.compiler)
        with localcontext(NUMBERS):
            ranks = [logic.rank(logic.output(at, Scope({}, []))) for at in range(len(outputs))]
        return sorted(range(len(outputs)), key=lambda at: ranks[at])

    def _may_overlap(self) -> bool:
        """Whether two rules might hold for one row: not where the geometry of the table rules it out."""
        try:
            with localcontext(NUMBERS):
                space = space_of(self.table, self.compiler, self._type_of)
        except Opaque:
            return True
        return any(space.together(i, j) is not None for j in range(len(self.table.rules)) for i in range(j))

    def _type_of(self, clause: InputClause) -> Type | None:
        if clause.type is not ANY or not isinstance(clause.expression, syntax.Name):
            return clause.type
        return self.work.inputs.get(clause.expression.name)

    def _conflict(self, matches: list[Any], outputs: list[list[Column]]) -> Any | None:
        """Whether the rules that hold for a row come to nothing together."""
        if self.table.hit_policy == COLLECT:
            nulls = [
                reduce(or_, parts) for record in zip(*outputs, strict=True) if (parts := _null_hits(matches, list(record)))
            ]
            return reduce(or_, nulls) & (_count(matches) > 1) if nulls else None
        if self.table.hit_policy == UNIQUE:
            return _count(matches) > 1
        groups: list[tuple[list[Column], list[Any]]] = []
        for record, match in zip(outputs, matches, strict=True):
            alike = next((hits for other, hits in groups if _same_record(record, other)), None)
            if alike is None:
                groups.append((record, [match]))
            else:
                alike.append(match)
        if len(groups) < 2:
            return None
        if not all(column.constant for record, _ in groups for column in record):
            raise Outside("命中策略 A 的不同输出须为常量。", "hit policy A needs outputs that differ to be constants")
        return _count([reduce(or_, hits) for _, hits in groups]) > 1

    # --- what it puts out ---

    def _put(self, outputs: list[list[Column]], default: list[Column], matches: list[Any]) -> None:
        fired = self.work.table[self._hidden("fired")]
        numbers = [rule.number for rule in self.table.rules]
        collected = self.table.hit_policy == COLLECT
        records = [self._of_decision(record) for record in outputs] if not collected else []
        if any(clause.default is not None for clause in self.table.outputs):
            numbers, records = [*numbers, _NONE], [*records, self._of_decision(default)]
        found: dict[str, Column] = {}
        for place, clause in enumerate(self.table.outputs):
            if collected:
                column = self._total(fired, matches, [record[place] for record in outputs], [r[place] for r in records])
            else:
                column = _chosen(fired, list(zip(numbers, [record[place] for record in records], strict=True)))
            found[clause.name if len(self.table.outputs) > 1 else ""] = known(column, self._declared(place))
        if len(found) < len(self.table.outputs):
            raise Outside("有同名的输出。", "two outputs have the same name")
        rules = {self._hidden("rule"): fired.nullif(_NONE)}
        if matches:
            numbers_fired = [
                ibis.ifelse(match, str(rule.number), ibis.null("string"))
                for match, rule in zip(matches, self.table.rules, strict=True)
            ]
            together = ibis.literal(", ").join(numbers_fired)
            rules[self._hidden("rules")] = ibis.ifelse(fired > _NONE, together, ibis.null("string"))
        self.work.put(self.node, found, rules)

    def _declared(self, place: int) -> Type:
        clause, whole = self.table.outputs[place], self.work.type_of(self.node)
        return clause.type if clause.type is not ANY else dict(whole.fields or ()).get(clause.name, whole)

    def _of_decision(self, record: list[Column]) -> list[Column]:
        """The outputs of a rule as the type of the decision admits them, else null."""
        to = self.work.type_of(self.node)
        if len(record) == 1 and len(self.table.outputs) == 1:
            return [self.work.typed(record[0], to)]
        if to.base not in {"Any", "context"}:
            raise Outside(f"多个输出不能成为{to.name}。", f"several outputs are no {to.name}")
        by_name = {clause.name: column for clause, column in zip(self.table.outputs, record, strict=True)}
        fits = True
        for key, of in to.fields or ():
            column = by_name.get(key)
            if column is None:
                raise Outside(f"类型 {to.name} 的“{key}”不在输出之中。", f"{key!r} of type {to.name} is not among the outputs")
            if column.constant is not None:
                fits = fits and belongs(column.constant.value, of)
            elif of.allowed is not None:
                raise Outside(f"“{key}”有允许值，不能是计算结果。", f"{key!r} has allowed values and is computed")
            else:
                checked(column, of)
        return record if fits else [of_constant(None)] * len(record)

    def _total(self, fired: Any, matches: list[Any], terms: list[Column], default: list[Column]) -> Column:
        """The sum of the outputs of all rules that hold."""
        wrong_kind = {term.kind for term in terms} - {NUMBER, NULL}
        if wrong_kind or (len(self.table.outputs) > 1 and self.work.type_of(self.node).fields):
            raise Outside("C+ 只对数字求和。", "C+ adds up numbers alone")
        parts = [_when(match, term) for match, term in zip(matches, terms, strict=True) if term.kind == NUMBER]
        if not parts:
            return of_constant(None)
        total = reduce(lambda one, other: arithmetic("+", one, other), parts)
        nulls = [fired.isnull() | (fired == _NONE), *_null_hits(matches, terms)]
        total = replace(total, values=ibis.ifelse(reduce(or_, nulls), ibis.null(total.values.type()), total.values))
        if len(self.table.outputs) == 1:
            total = self.work.typed(total, self.work.type_of(self.node))
        if not default or default[0].kind == NULL:
            return total
        kind, to = common_type([total, default[0]])
        value = ibis.ifelse(fired == _NONE, cast(default[0], to), cast(total, to))
        return Column(kind, value, max(total.scale, default[0].scale), max(total.most, default[0].most))


def _count(truths: list[Any]) -> Any:
    return reduce(add, [truth.cast(_RULE) for truth in truths])


def _null_hits(matches: list[Any], terms: list[Column]) -> list[Any]:
    """For each output that may be null: whether its rule holds and it is."""
    pairs = zip(matches, terms, strict=True)
    return [m & is_null(t) for m, t in pairs if t.constant is None or t.constant.value is None]


def _when(match: Any, term: Column) -> Column:
    nil = ibis.literal(0, term.values.type())
    part = ibis.ifelse(match, term.values, nil)
    return replace(term, values=part if term.constant is not None else part.fill_null(nil), constant=None)


def _same_record(left: list[Column], right: list[Column]) -> bool:
    """Whether two rules put out the same, whatever the row."""
    return all(
        a.values.equals(b.values)
        if a.constant is None or b.constant is None
        else equal(a.constant.value, b.constant.value) is True
        for a, b in zip(left, right, strict=True)
    )


def _chosen(fired: Any, choices: list[tuple[int, Column]]) -> Column:
    """The output of the rule that fired."""
    columns = [column for _, column in choices if column.kind != NULL]
    if not columns:
        return of_constant(None)
    kind, to = common_type(columns)
    scale, most = max(c.scale for c in columns), max(c.most for c in columns)
    if all(column.constant is not None for _, column in choices):
        # Looked up by the number of the rule: half the work of asking rule by rule.
        values = [ibis.null(to)] * (max(number for number, _ in choices) + 1)
        for number, column in choices:
            values[number] = cast(column, to)
        return Column(kind, ibis.array(values)[fired].cast(to), scale, most)
    branches = [(fired == number, cast(column, to)) for number, column in choices if column.kind != NULL]
    return Column(kind, ibis.cases(*branches, else_=ibis.null(to)), scale, most)
