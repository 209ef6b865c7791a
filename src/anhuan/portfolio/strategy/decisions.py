"""A decision model as one expression `Table -> Table`: what each decision comes to for every row, and by which rule.

Knows models of `rulebook.tables` and expressions in columns. The meaning is that of the row-by-row evaluation
(`rulebook.tables.evaluate`), nulls, types and hit policies included. Does not know accounts or customers.

Columns added, for each decision the asked one rests on and for itself:

    <decision>             what it comes to (of several outputs: <decision>__<output>, one column each)
    <decision>__rule       number (from 1) of the rule of its table that fired; NULL where none did, or none may
    <decision>__rules      hit policies A and C+: all rules that fired, as text: 1, 4

The columnar subset: decision tables and literal expressions over numbers, texts, booleans and dates, in a graph of any
depth; hit policies U, A, P, F and C+. Everything else is refused by name and place. Such a model still decides row by
row, but not for the book.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ibis
from ibis.expr import types as ir

from anhuan.portfolio.strategy.expressions import Outside
from anhuan.portfolio.strategy.tables import TableColumns
from anhuan.portfolio.strategy.work import Names, NotColumnar, Refusal, Work, known, refusal, unless
from anhuan.rulebook.tables.boxed import Boxes
from anhuan.rulebook.tables.document import ModelRefused
from anhuan.rulebook.tables.evaluate import Decider
from anhuan.rulebook.tables.model import Model, Node
from anhuan.rulebook.tables.reading import Unreadable


def decided(table: ir.Table, model: Model, decision: str) -> ir.Table:
    """The table with a decision of the model, and all decisions it rests on, as further columns.

    Inputs are columns of the table of the same name, each of a type the model's agrees with; decimals, not floating
    point. Raises NotColumnar, or ModelRefused where the model cannot be decided at all.
    """
    decider = Decider(model, decision)
    asked = model.named(decision, "decision")
    if asked is None:
        raise NotColumnar([refusal(decision, 1, Outside("只有决策可以成列计算。", "only decisions run in columns"))])
    work = Work(model, table, decider.inputs)
    for node in _in_order(model, asked):
        _add(work, node)
    if work.refusals:
        raise NotColumnar(work.refusals)
    return work.table.drop(*work.hidden) if work.hidden else work.table


def outside(model: Model, decision: str, schema: ibis.Schema) -> tuple[Refusal, ...]:
    """Why the decision does not run over a table of that schema; empty when it does. Raises ModelRefused."""
    try:
        decided(ibis.table(schema, name="rows"), model, decision)
    except NotColumnar as refused:
        return refused.refusals
    return ()


def _in_order(model: Model, asked: Node) -> Iterator[Node]:
    """The decisions that the asked one rests on, each after those it requires, and itself last."""
    seen: set[str] = set()

    def walk(node: Node) -> Iterator[Node]:
        seen.add(node.id)
        for identity in node.requires:
            other = model.node(identity, node)
            if other.kind == "decision" and other.id not in seen:
                yield from walk(other)
        yield node

    yield from walk(asked)


def _add(work: Work, node: Node) -> None:
    """Adds the columns of a decision, or the reasons why there can be none."""
    required = [work.model.node(identity, node) for identity in node.requires]
    if work.broken & {other.id for other in required}:
        work.broken.add(node.id)
        return
    before = len(work.refusals)
    try:
        _add_whole(work, node, required)
    except (Outside, ModelRefused) as found:
        work.refuse(node, node.element.line, found)
    if len(work.refusals) > before:
        work.broken.add(node.id)


def _add_whole(work: Work, node: Node, required: list[Node]) -> None:
    if node.knows:
        raise Outside("使用了业务知识模型。", "it invokes business knowledge models")
    for other in required:
        if other.kind == "input":
            work.take(other)
        elif other.kind != "decision":
            raise Outside(f"依赖于决策服务“{other.name}”。", f"it requires the decision service {other.name!r}")
    wrong = work.wrongness(node, required)
    names = {other.name: work.held[other.id] for other in required}
    logic = node.logic
    if logic is not None and logic.name == "literalExpression":
        _add_literal(work, node, names, wrong)
    elif logic is not None and logic.name == "decisionTable":
        table = Boxes(work.model, strict=True).read_table(logic, frozenset(names))
        TableColumns(work, node, table, names, wrong).add()
    else:
        what = logic.name if logic is not None else "nothing"
        raise Outside(f"决策逻辑是 {what}。", f"its logic is {what}")


def _add_literal(work: Work, node: Node, names: Names, wrong: Any | None) -> None:
    element = node.logic
    text = element.text_of("text") if element is not None else None
    if element is None or not text:
        raise Outside("没有表达式。", "there is no expression")
    work.model.feel_only(element)
    try:
        tree = work.model.reader(frozenset(names)).expression(text)
    except Unreadable as unreadable:
        raise Outside(f"无法读取表达式：{unreadable}。", str(unreadable)) from None
    column = work.expressions(names).column(tree)
    if element.attribute("typeRef"):
        column = work.typed(column, work.model.type(element.attribute("typeRef"), element))
    to = work.type_of(node)
    work.put(node, {"": unless(wrong, known(work.typed(column, to), to))}, {})
