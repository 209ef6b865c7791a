"""Boxed expressions of DMN made into functions from a scope to a value: literals, tables, contexts, lists, relations,
invocations, function definitions, conditionals, filters and iterators.

Knows a model and FEEL. Refuses by name and line what it cannot evaluate; does not walk the graph of requirements.
"""

from __future__ import annotations

from collections.abc import Callable

from anhuan.rulebook.tables import syntax
from anhuan.rulebook.tables.document import Element, ModelRefused
from anhuan.rulebook.tables.feel import Compute, Scope, called_with, filtered, function_of
from anhuan.rulebook.tables.model import LOGIC, Model, Node
from anhuan.rulebook.tables.reading import Reader, Unreadable
from anhuan.rulebook.tables.table import (
    AGGREGATIONS,
    COLLECT,
    OUTPUT_ORDER,
    POLICIES,
    PRIORITY,
    UNIQUE,
    InputClause,
    OutputClause,
    Rule,
    Table,
    TableLogic,
)
from anhuan.rulebook.tables.types import ANY, Type, fit
from anhuan.rulebook.tables.values import Value, Wrong

Names = frozenset[str]


class Boxes:
    """`strict`: an expression that cannot be read refuses the model; else it is null, and its note says why."""

    def __init__(self, model: Model, *, strict: bool = False) -> None:
        self.model = model
        self._strict = strict
        self._readers: dict[Names, Reader] = {}
        self._kinds: dict[str, Callable[[Element, Names], Compute]] = {
            "literalExpression": self._literal,
            "decisionTable": self._table,
            "context": self._context,
            "list": self._list,
            "relation": self._relation,
            "invocation": self._invocation,
            "functionDefinition": self._function,
            "conditional": self._conditional,
            "filter": self._filter,
            "for": self._iterator,
            "some": self._iterator,
            "every": self._iterator,
        }

    def compute(self, element: Element, names: Names) -> Compute:
        """The expression as a function; its value is of the type the element names, or null."""
        build = self._kinds.get(element.name)
        if build is None:
            raise _unsupported(element, element.name)
        return self.typed(build(element, names), element.attribute("typeRef"), element)

    def inside(self, holder: Element, names: Names) -> Compute:
        """The one expression an element holds."""
        found = holder.first(*LOGIC)
        if found is None:
            line = holder.line
            return lambda scope: scope.null(f"line {line}: there is no expression")
        return self.compute(found, names)

    def typed(self, compute: Compute, type_name: str, element: Element) -> Compute:
        if not type_name:
            return compute
        to = self.model.type(type_name, element)
        return compute if to is ANY else _fitting(compute, to)

    def feel(self, text: str | None, element: Element, names: Names) -> Compute:
        """A text of FEEL as a function."""
        self.model.feel_only(element)
        if not text:
            return lambda scope: scope.null(f"line {element.line}: there is no expression")
        try:
            return self.model.compiler.expression(self.reader(names).expression(text))
        except Unreadable as unreadable:
            why = f"line {element.line}: {unreadable}"
            if self._strict:
                raise ModelRefused(f"第 {element.line} 行:{unreadable}", why) from None
            return lambda scope: scope.null(why)

    def reader(self, names: Names) -> Reader:
        if names not in self._readers:
            self._readers[names] = self.model.reader(names)
        return self._readers[names]

    # --- each kind ---

    def _literal(self, element: Element, names: Names) -> Compute:
        if element.first("importedValues") is not None:
            raise _unsupported(element, "importedValues")
        return self.feel(element.text_of("text"), element, names)

    def _context(self, element: Element, names: Names) -> Compute:
        entries: list[tuple[str, Compute]] = []
        for entry in element.all("contextEntry"):
            variable = entry.first("variable")
            name = variable.attribute("name") if variable is not None else ""
            value = self.inside(entry, names | {name} if _defines_function(entry) else names)
            if variable is not None:
                value = self.typed(value, variable.attribute("typeRef"), variable)
                names |= {name}
            entries.append((name, value))

        def make(scope: Scope) -> Value:
            inner, made = scope.inner({}), dict[str, Value]()
            for name, value in entries:
                found = value(inner)
                if not name:
                    return found
                made[name] = inner.names[name] = found
            return made

        return make

    def _list(self, element: Element, names: Names) -> Compute:
        items = [self.compute(item, names) for item in element.all(*LOGIC)]
        return lambda scope: [item(scope) for item in items]

    def _relation(self, element: Element, names: Names) -> Compute:
        columns = [(c.attribute("name"), c.attribute("typeRef"), c) for c in element.all("column")]
        rows: list[list[tuple[str, Compute]]] = []
        for row in element.all("row"):
            cells = list(row.all(*LOGIC))
            if len(cells) != len(columns):
                raise _broken(row, f"a row of {len(cells)} cells where there are {len(columns)} columns")
            rows.append([
                (name, self.typed(self.compute(cell, names), type_name, column))
                for (name, type_name, column), cell in zip(columns, cells, strict=True)
            ])  # fmt: skip
        return lambda scope: [{name: cell(scope) for name, cell in row} for row in rows]

    def _invocation(self, element: Element, names: Names) -> Compute:
        function = self.inside(element, names)
        bindings: list[tuple[str, Compute]] = []
        for binding in element.all("binding"):
            parameter = binding.first("parameter")
            if parameter is None:
                raise _broken(binding, "a binding without a parameter")
            value = self.typed(self.inside(binding, names), parameter.attribute("typeRef"), parameter)
            bindings.append((parameter.attribute("name"), value))

        def invoke(scope: Scope) -> Value:
            arguments = tuple(value(scope) for _, value in bindings)
            try:
                return called_with(function(scope), arguments, tuple(name for name, _ in bindings))
            except Wrong as wrong:
                return scope.null(wrong)

        return invoke

    def _function(self, element: Element, names: Names) -> Compute:
        if element.attribute("kind") not in {"", "FEEL"}:
            raise _unsupported(element, f"functionDefinition kind={element.attribute('kind')}")
        return self.function(element, "function", names)

    def function(self, element: Element, name: str, names: Names, result: Type = ANY) -> Compute:
        """The function that formal parameters and a body define; what it gives is of the type `result`, or null."""
        parameters = self.parameters(element)
        body = self.inside(element, names | {parameter for parameter, _ in parameters})
        if result is not ANY:
            body = _fitting(body, result)
        return lambda scope: function_of(name, parameters, body, scope)

    def parameters(self, element: Element) -> tuple[tuple[str, Type | None], ...]:
        return tuple(
            (p.attribute("name"), self.model.type(p.attribute("typeRef"), p) if p.attribute("typeRef") else None)
            for p in element.all("formalParameter")
        )

    def _conditional(self, element: Element, names: Names) -> Compute:
        condition, yes, no = (self._part(element, part, names) for part in ("if", "then", "else"))
        return lambda scope: yes(scope) if condition(scope) is True else no(scope)

    def _filter(self, element: Element, names: Names) -> Compute:
        source = self._part(element, "in", names)
        condition = self._part(element, "match", names | {"item", *self.model.members})

        def select(scope: Scope) -> Value:
            found = source(scope)
            if found is None:
                return None
            answer = filtered(scope, found if isinstance(found, list) else [found], condition)
            return answer if isinstance(answer, list) else [answer]

        return select

    def _iterator(self, element: Element, names: Names) -> Compute:
        """for, some and every, by way of what they mean in FEEL."""
        variable = element.attribute("iteratorVariable")
        domain = self._part(element, "in", names)
        part = "return" if element.name == "for" else "satisfies"
        each = self._part(element, part, names | {variable, "partial"})
        binding = (syntax.Binding(variable, syntax.Name("?domain")),)
        turn = syntax.Name("?each")
        node: syntax.Node = (
            syntax.For(binding, turn) if element.name == "for" else syntax.Quantified(element.name == "every", binding, turn)
        )
        return self.model.compiler.with_parts({"?domain": domain, "?each": each}).expression(node)

    def _part(self, element: Element, name: str, names: Names) -> Compute:
        holder = element.first(name)
        if holder is None:
            raise _broken(element, f"{element.name} without {name}")
        return self.inside(holder, names)

    # --- tables ---

    def _table(self, element: Element, names: Names) -> Compute:
        logic = self.table(element, names)
        return lambda scope: logic.decide(scope).value

    def table_of(self, node: Node) -> Table | None:
        """The table a decision or knowledge model is, as data; None when its logic is none. Raises ModelRefused."""
        logic = node.logic
        if logic is None or logic.name != "decisionTable":
            return None
        names = {self.model.node(identity, node).name for identity in (*node.requires, *node.knows)}
        holder = node.element.first("encapsulatedLogic") or node.element
        names |= {parameter.attribute("name") for parameter in holder.all("formalParameter")}
        return self.read_table(logic, frozenset(names))

    def table(self, element: Element, names: Names) -> TableLogic:
        return TableLogic(self.read_table(element, names), self.model.compiler)

    def read_table(self, element: Element, names: Names) -> Table:
        """The table as data. Raises ModelRefused for cells that cannot be read and policies that cannot be followed."""
        policy, aggregation = element.attribute("hitPolicy") or UNIQUE, element.attribute("aggregation")
        if policy not in POLICIES or (aggregation and (policy != COLLECT or aggregation not in AGGREGATIONS)):
            raise _unsupported(element, f"hitPolicy={policy} aggregation={aggregation}")
        inputs = tuple(self._input(clause, names) for clause in element.all("input"))
        outputs = tuple(self._output(clause, element, names) for clause in element.all("output"))
        if not outputs:
            raise _broken(element, "a decision table without outputs")
        if policy in {PRIORITY, OUTPUT_ORDER} and not any(clause.values for clause in outputs):
            raise _broken(element, f"hit policy {policy} without output values")
        reader = self.reader(names | {"?"})
        rules = tuple(
            self._rule(rule, number, (len(inputs), len(outputs)), reader) for number, rule in enumerate(element.all("rule"), 1)
        )
        return Table(inputs, outputs, rules, policy, aggregation, element.line)

    def _input(self, clause: Element, names: Names) -> InputClause:
        expression = clause.first("inputExpression")
        text = expression.text_of("text") if expression is not None else None
        if expression is None or not text:
            raise _broken(clause, "an input without an expression")
        self.model.feel_only(expression)
        values, values_text = self._values(clause, "inputValues", names)
        type_name = expression.attribute("typeRef")
        return InputClause(
            text,
            self._node(text, expression, self.reader(names)),
            self.model.type(type_name, expression) if type_name else ANY,
            values,
            values_text,
            clause.line,
        )

    def _output(self, clause: Element, table: Element, names: Names) -> OutputClause:
        values, values_text = self._values(clause, "outputValues", names)
        holder = clause.first("defaultOutputEntry")
        default = holder.text_of("text") if holder is not None else None
        type_name = clause.attribute("typeRef")
        of = self.model.type(type_name, clause) if type_name else ANY
        if values is None and of.allowed_text:
            values, values_text = self.model.tests(of.allowed_text, clause), of.allowed_text
        name = clause.attribute("name") or clause.attribute("label") or table.attribute("outputLabel")
        node = self._node(default, clause, self.reader(names)) if default else None
        return OutputClause(name, of, values, values_text, node, clause.line)

    def _values(self, clause: Element, which: str, names: Names) -> tuple[syntax.Tests | None, str]:
        holder = clause.first(which)
        text = holder.text_of("text") if holder is not None else None
        if holder is None or not text or text == "-":
            return None, ""
        return self.model.tests(text, holder, self.reader(names | {"?"})), text

    def _rule(self, rule: Element, number: int, shape: tuple[int, int], reader: Reader) -> Rule:
        cells, outputs = list(rule.all("inputEntry")), list(rule.all("outputEntry"))
        if (len(cells), len(outputs)) != shape:
            raise _broken(rule, f"rule {number} has {len(cells)} input and {len(outputs)} output cells, not {shape}")
        texts = [cell.text_of("text") or "-" for cell in cells]
        output_texts = [cell.text_of("text") or "null" for cell in outputs]
        for cell in (*cells, *outputs):
            self.model.feel_only(cell)
        return Rule(
            number,
            tuple(self.model.tests(text, cell, reader) for text, cell in zip(texts, cells, strict=True)),
            tuple(self._node(text, cell, reader) for text, cell in zip(output_texts, outputs, strict=True)),
            tuple(texts),
            tuple(output_texts),
            rule.line,
        )

    def _node(self, text: str, where: Element, reader: Reader) -> syntax.Node:
        try:
            return reader.expression(text)
        except Unreadable as unreadable:
            raise ModelRefused(f"第 {where.line} 行:{unreadable}", f"line {where.line}: {unreadable}") from None


def _defines_function(entry: Element) -> bool:
    """A function may call itself by the name of its entry."""
    return entry.first("functionDefinition") is not None


def _fitting(compute: Compute, to: Type) -> Compute:
    def run(scope: Scope) -> Value:
        value = compute(scope)
        try:
            return fit(value, to)
        except Wrong as wrong:
            return scope.null(wrong)

    return run


def _unsupported(element: Element, what: str) -> ModelRefused:
    return ModelRefused(f"第 {element.line} 行:不支持 {what}。", f"line {element.line}: {what} is not supported")


def _broken(element: Element, what: str) -> ModelRefused:
    return ModelRefused(f"第 {element.line} 行:{what}。", f"line {element.line}: {what}")
