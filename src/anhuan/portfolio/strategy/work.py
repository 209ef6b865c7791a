"""The table under way while a model is made one expression: names with their columns, hidden columns, types, refusals.

Knows the types of a model and columns. Does not know decision tables, nor the graph of decisions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import and_, or_
from typing import Any

import ibis
from ibis.expr import types as ir

from anhuan.portfolio.strategy.expressions import (
    KINDS_ZH,
    NULL,
    Column,
    Expressions,
    Outside,
    Record,
    is_null,
    of_column,
    of_constant,
)
from anhuan.rulebook.tables import syntax
from anhuan.rulebook.tables.document import ModelRefused
from anhuan.rulebook.tables.model import Model, Node, same_name
from anhuan.rulebook.tables.types import ANY, Type, fit
from anhuan.rulebook.tables.values import Wrong


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing in a model that does not run in columns: where (a decision, a line of the file), and sentences that say what."""

    decision: str
    line: int
    zh: str
    en: str


class NotColumnar(Exception):
    """The model does not run in columns; `refusals` say all that is in the way."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__("; ".join(refusal.en for refusal in refusals))
        self.refusals = tuple(refusals)


@dataclass(frozen=True, slots=True)
class Held:
    """A column of the table under way, and what is known of its values."""

    name: str
    kind: str
    scale: int
    most: Decimal

    def of(self, table: ir.Table) -> Column:
        return Column(self.kind, table[self.name], self.scale, self.most)


def refusal(decision: str, line: int, found: Outside | ModelRefused, place: tuple[str, str] = ("", "")) -> Refusal:
    return Refusal(
        decision,
        line,
        f"“{decision}”{place[0]}（第 {line} 行）不能成列计算：{found.zh}",
        f"{decision!r}{place[1]} (line {line}) does not run in columns: {found.en}",
    )


Names = Mapping[str, Held | dict[str, Held]]
"""What stands in scope of an expression; a decision with several outputs has a column for each."""


class Work:
    """The table under way: decision after decision adds its columns."""

    def __init__(self, model: Model, table: ir.Table, inputs: Mapping[str, Type]) -> None:
        self.model, self.table, self.inputs = model, table, inputs
        self.refusals: list[Refusal] = []
        self.hidden: list[str] = []
        self._given = {same_name(name): name for name in table.columns}
        self.held: dict[str, Held | dict[str, Held]] = {}
        self._wrong: dict[str, str] = {}  # decisions of which some input is not of its type: hidden column that says so
        self.broken: set[str] = set()

    def refuse(self, node: Node, line: int, found: Outside | ModelRefused, place: tuple[str, str] = ("", "")) -> None:
        self.refusals.append(refusal(node.name, line, found, place))

    def take(self, node: Node) -> None:
        if node.id in self.held:
            return
        name = self._given.get(same_name(node.name))
        if name is None:
            raise Outside(f"没有输入列“{node.name}”。", f"there is no input column {node.name!r}")
        try:
            column = of_column(self.table[name])
            checked(column, self.inputs[node.name])
        except Outside as found:
            raise Outside(f"输入“{node.name}”：{found.zh}", f"input {node.name!r}: {found.en}") from None
        self.held[node.id] = Held(name, column.kind, column.scale, column.most)

    def wrongness(self, node: Node, required: list[Node]) -> Any | None:
        """Whether an input the decision rests on is not among its allowed values: the decision is then null."""
        parts = [self.table[self._wrong[other.id]] for other in required if other.id in self._wrong]
        for other in required:
            held = self.held[other.id]
            if other.kind == "input" and isinstance(held, Held):
                valid = self.valid(held.of(self.table), self.inputs[other.name])
                parts += [~valid] if valid is not None else []
        if not parts:
            return None
        self._wrong[node.id] = self.hide({f"{node.name}__wrong": reduce(or_, parts)})[0]
        return self.table[self._wrong[node.id]]

    def hide(self, columns: Mapping[str, Any]) -> list[str]:
        """Adds columns that are gone in the end."""
        self.table = self.table.mutate(**columns)
        self.hidden += columns
        return list(columns)

    def expressions(self, names: Names) -> Expressions:
        """For expressions over the table as it now stands."""
        bound: dict[str, Column | Record] = {
            name: held.of(self.table) if isinstance(held, Held) else {key: one.of(self.table) for key, one in held.items()}
            for name, held in names.items()
        }
        return Expressions(bound, self.model.compiler)

    def put(self, node: Node, outputs: Mapping[str, Column], rules: Mapping[str, Any]) -> None:
        """Adds what a decision came to; the key of an only output is empty."""
        named = {f"{node.name}__{key}" if key else node.name: column for key, column in outputs.items()}
        taken = sorted({*named, *rules} & {*self._given.values(), *self.table.columns} | set(named) & set(rules))
        if taken:
            raise Outside(f"列名已被占用：{'、'.join(taken)}。", f"columns of that name are there already: {', '.join(taken)}")
        self.table = self.table.mutate(**{name: column.values for name, column in named.items()}, **rules)
        held = {
            key: Held(name, column.kind, column.scale, column.most)
            for (name, column), key in zip(named.items(), outputs, strict=True)
        }
        self.held[node.id] = held.get("", held)

    def type_of(self, node: Node) -> Type:
        return self.model.type(node.type_name, node.element) if node.type_name else ANY

    # --- types ---

    def valid(self, column: Column, to: Type) -> Any | None:
        """Whether each value is one the type allows; None: all are. Raises Outside for another kind of value."""
        checked(column, to)
        limits = list(self._limits(to))
        if not limits:
            return None
        passes = [Expressions({}, self.model.compiler).holds(limit, column) for limit in limits]
        known = [answer for answer in passes if answer is not None]
        return is_null(column) | reduce(and_, known).fill_null(False) if known else None  # noqa: FBT003  # ibis's way

    def _limits(self, to: Type) -> Iterator[syntax.Tests]:
        """The tests of allowed values a type has by itself and by what it rests on."""
        if to.allowed is None:
            return
        items = {same_name(item.attribute("name")): item for item in self.model.root.all("itemDefinition")}
        item = items.get(same_name(to.name))
        if item is None:
            raise Outside(f"{to.name} 的允许值不能逐列检查。", f"the allowed values of {to.name} are not checked in columns")
        while item is not None:
            for clause in item.all("allowedValues", "typeConstraint"):
                text = clause.text_of("text")
                if text:
                    yield self.model.tests(text, clause)
            item = items.get(same_name(item.text_of("typeRef") or ""))

    def typed(self, column: Column, to: Type) -> Column:
        """The column with null for what is not of the type."""
        if to is ANY:
            return column
        if column.constant is not None:
            try:
                return of_constant(fit(column.constant.value, to))
            except Wrong:
                return of_constant(None)
        valid = self.valid(column, to)
        if valid is None:
            return column
        return Column(
            column.kind, ibis.ifelse(valid, column.values, ibis.null(column.values.type())), column.scale, column.most
        )


def checked(column: Column, to: Type) -> None:
    """Raises Outside where the values are of another kind than the type: none of them would ever belong to it."""
    if to.base == "Any" or column.kind in {to.base, NULL}:
        return
    raise Outside(
        f"应为{KINDS_ZH.get(to.base, to.base)}（{to.name}），实为{KINDS_ZH.get(column.kind, column.kind)}。",
        f"a {to.base} ({to.name}) is needed, a {column.kind} is given",
    )


def known(column: Column, to: Type) -> Column:
    """A column that is always null as one of the kind its type names."""
    if column.kind != NULL:
        return column
    kinds = {"number": "int32", "string": "string", "boolean": "boolean", "date": "date"}
    if to.base not in kinds:
        raise Outside("值恒为空，没有类型。", "it is always null and has no type")
    return Column(to.base, ibis.null(kinds[to.base]))


def unless(wrong: Any | None, column: Column) -> Column:
    if wrong is None:
        return column
    return Column(column.kind, ibis.ifelse(wrong, ibis.null(column.values.type()), column.values), column.scale, column.most)
