"""Decides: follows the graph of requirements from the asked decision down to the inputs, row by row.

Knows models. Numbers are decimals of 34 digits throughout. Does not read files of rows, nor the clock: `at`, if given,
is what `now()` and `today()` answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import localcontext

from anhuan.rulebook.tables.boxed import Boxes
from anhuan.rulebook.tables.document import ModelRefused
from anhuan.rulebook.tables.feel import Compute, Scope
from anhuan.rulebook.tables.model import Model, Node, same_name
from anhuan.rulebook.tables.table import TableLogic
from anhuan.rulebook.tables.types import ANY, Type, fit, received
from anhuan.rulebook.tables.values import NUMBERS, Function, Value, Wrong, from_python

MOST_NOTES = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a row came to; `error` says why the output is null, where an operation failed on the way."""

    output: Value
    rules: tuple[int, ...]
    error: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """A decision on the way: what it came to, and the rules of its table that fired (none where it is no table)."""

    decision: str
    value: Value
    rules: tuple[int, ...]


class Decider:
    """One decision (or decision service, or knowledge model) of a model, ready for rows. Raises ModelRefused where it cannot be decided."""

    def __init__(self, model: Model, decision: str, *, at: datetime | None = None) -> None:
        found = model.named(decision, "decision", "service", "knowledge")
        if found is None:
            names = ", ".join(sorted(node.name for node in model.decisions()))
            raise ModelRefused(
                f"模型没有决策“{decision}”,有:{names}。", f"there is no decision {decision!r}; there are: {names}"
            )
        self._node = found
        self._graph = _Graph(model)
        self._graph.prepare(found)
        self._at = from_python(at) if at is not None else None
        self.inputs: dict[str, Type] = {
            node.name: self._graph.types[node.id] for node in self._graph.leaves(found) if node.kind == "input"
        }

    def decide(self, row: Mapping[str, Value]) -> Outcome:
        """The row gives inputs by name, as JSON has them: dates as text, numbers as Decimal or int."""
        return self._decided(self._run(row))

    def traced(self, row: Mapping[str, Value]) -> tuple[Outcome, tuple[Step, ...]]:
        """As `decide`, with every decision that was made, each after those it rests on."""
        run = self._run(row)
        return self._decided(run), tuple(run.steps())

    def _run(self, row: Mapping[str, Value]) -> _Run:
        return _Run(self._graph, {same_name(name): value for name, value in row.items()}, [], self._at)

    def _decided(self, run: _Run) -> Outcome:
        with localcontext(NUMBERS):
            try:
                value, rules = run.asked(self._node)
            except Wrong as wrong:
                return Outcome(None, (), str(wrong))
            except RecursionError:
                return Outcome(None, (), "functions call each other without end")
            except MemoryError:
                return Outcome(None, (), "a value grew beyond all memory")
        error = "; ".join(dict.fromkeys(run.notes[:MOST_NOTES])) if value is None and run.notes else None
        return Outcome(value, rules, error)


class _Graph:
    """The logic of every node that the asked decision needs, made ready once."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.types: dict[str, Type] = {}
        self.logic: dict[str, Compute] = {}
        self.tables: dict[str, TableLogic] = {}
        self._boxes = Boxes(model)
        self._open: list[Node] = []

    def prepare(self, node: Node) -> None:
        if node.id in self.types:
            if node in self._open and node.kind == "decision":
                circle = " → ".join(n.name for n in [*self._open, node])
                raise ModelRefused(f"决策互相依赖:{circle}。", f"decisions require each other: {circle}")
            return
        self.types[node.id] = self._type(node)
        self._open.append(node)
        for other in self.required(node):
            self.prepare(other)
        self._open.pop()
        if node.kind in {"decision", "knowledge"}:
            self._prepare_logic(node)

    def _type(self, node: Node) -> Type:
        if not node.type_name:
            return ANY
        found = self.model.type(node.type_name, node.element)
        if node.kind in {"knowledge", "service"} and found.base == "function":
            return found.result or ANY
        return found  # of a knowledge model or a service, DMN 1.1 names what it returns

    def required(self, node: Node) -> list[Node]:
        if node.kind == "service":
            return [self.model.node(self.model.local(e), node) for e in node.element.all("outputDecision")]
        return [self.model.node(identity, node) for identity in (*node.requires, *node.knows)]

    def service_inputs(self, node: Node) -> list[Node]:
        """What a service takes: its input data, then its input decisions."""
        return [
            self.model.node(self.model.local(e), node)
            for which in ("inputData", "inputDecision")
            for e in node.element.all(which)
        ]

    def leaves(self, node: Node) -> list[Node]:
        """The node and all it needs, however far away."""
        found: dict[str, Node] = {}
        waiting = [node]
        while waiting:
            one = waiting.pop()
            if one.id not in found:
                found[one.id] = one
                waiting.extend(self.required(one))
        return list(found.values())

    def _prepare_logic(self, node: Node) -> None:
        names = frozenset(other.name for other in self.required(node))
        element = node.logic
        holder = node.element.first("encapsulatedLogic") if node.kind == "knowledge" else None
        if node.kind == "knowledge" and holder is not None:
            if holder.attribute("kind") not in {"", "FEEL"}:
                raise _not_supported(node, f"encapsulatedLogic kind={holder.attribute('kind')}")
            self.logic[node.id] = self._boxes.function(holder, node.name, names | {node.name}, self.types[node.id])
        elif element is None:
            self.logic[node.id] = lambda scope: scope.null(f"{node.name!r} has no logic")
        elif element.name == "decisionTable":
            self.tables[node.id] = self._boxes.table(element, names)
        else:
            self.logic[node.id] = self._boxes.compute(element, names)


def _not_supported(node: Node, what: str) -> ModelRefused:
    line = node.element.line
    return ModelRefused(f"“{node.name}”(第 {line} 行):不支持 {what}。", f"{node.name!r} (line {line}): {what} is not supported")


class _Run:
    """One row: each node is evaluated at most once."""

    def __init__(self, graph: _Graph, given: Mapping[str, Value], notes: list[str], at: Value) -> None:
        self._graph, self._given, self.notes, self._at = graph, given, notes, at
        self._known: dict[str, Value] = {}
        self._fired: dict[str, tuple[int, ...]] = {}

    def asked(self, node: Node) -> tuple[Value, tuple[int, ...]]:
        if node.kind == "service":
            for other in self._graph.service_inputs(node):
                self._graph.types.setdefault(other.id, ANY)
                value = self._given.get(same_name(other.name))
                self._known[other.id] = received(value, self._graph.types[other.id])
            return self._outputs(node), ()
        value = self.value(node)
        if node.kind == "knowledge" and isinstance(value, Function):
            arguments = [self._given.get(same_name(name)) for name, _ in value.parameters]
            typed = zip(arguments, value.parameters, strict=True)
            return value.body(*[received(argument, of or ANY) for argument, (_, of) in typed]), ()
        return value, self._fired.get(node.id, ())

    def steps(self) -> Iterator[Step]:
        """The decisions made so far, in the order in which they were settled."""
        for identity, value in self._known.items():
            node = self._graph.model.nodes[identity]
            if node.kind == "decision":
                yield Step(node.name, value, self._fired.get(identity, ()))

    def value(self, node: Node) -> Value:
        if node.id not in self._known:
            self._known[node.id] = self._evaluated(node)
        return self._known[node.id]

    def _evaluated(self, node: Node) -> Value:
        """Inputs, and decisions people make (no logic is given for them), come from the row."""
        graph = self._graph
        if node.kind == "input" or (node.kind == "decision" and node.logic is None and same_name(node.name) in self._given):
            try:
                return received(self._given.get(same_name(node.name)), graph.types[node.id])
            except Wrong as wrong:
                raise Wrong(f"{node.name}: {wrong}") from None
        if node.kind == "service":
            return self._as_function(node)
        scope = Scope({other.name: self.value(other) for other in graph.required(node)}, self.notes, self._at)
        if node.kind == "knowledge":
            made = graph.logic[node.id](scope)
            scope.names[node.name] = made  # so that it may call itself
            return made
        if node.id in graph.tables:
            fired = graph.tables[node.id].decide(scope)
            value, self._fired[node.id] = fired.value, fired.rules
        else:
            value = graph.logic[node.id](scope)
        try:
            return fit(value, graph.types[node.id])
        except Wrong as wrong:
            return scope.null(f"{node.name}: {wrong}")

    def _outputs(self, service: Node) -> Value:
        outputs = self._graph.required(service)
        values = {node.name: self.value(node) for node in outputs}
        found = values[outputs[0].name] if len(outputs) == 1 else values
        try:
            return fit(found, self._graph.types[service.id])
        except Wrong as wrong:
            self.notes.append(f"{service.name}: {wrong}")
            return None

    def _as_function(self, service: Node) -> Function:
        """A service called from an expression: a run of its own, in which its inputs are the arguments."""
        graph = self._graph
        inputs = graph.service_inputs(service)
        types = [graph.types.get(node.id, ANY) for node in inputs]

        def run(*arguments: Value) -> Value:
            if len(arguments) != len(inputs):
                raise Wrong(f"{service.name} takes {len(inputs)} arguments, {len(arguments)} were given")
            inner = _Run(graph, self._given, self.notes, self._at)
            for node, to, value in zip(inputs, types, arguments, strict=True):
                inner._known[node.id] = _or_null(value, to, self.notes)  # one of its own
            return inner._outputs(service)

        return Function(service.name, tuple((node.name, None) for node in inputs), run)


def _or_null(value: Value, to: Type, notes: list[str]) -> Value:
    try:
        return fit(value, to)
    except Wrong as wrong:
        notes.append(str(wrong))
        return None
