"""The tables of a decision model as pages speak of them: columns, rows by number and id, the note that stands at each row.

Knows the XML of DMN through `rulebook.tables.model`, and which half of a note in two languages a reader reads. Does not evaluate,
and refuses nothing: what a cell says stays as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from django.utils.translation import get_language

from anhuan.rulebook.tables.document import Element, ModelRefused
from anhuan.rulebook.tables.model import Model, Node
from anhuan.rulebook.tables.table import AGGREGATIONS, POLICIES

_HAN = re.compile("[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Column:
    """A column of a table: `text` is the input's expression or the output's name, `label` what the analyst calls it."""

    text: str
    label: str


@dataclass(frozen=True)
class Row:
    """A rule: its number from 1, the id the editor knows it by, its cells as written, and the note beside them."""

    number: int
    id: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class Decision:
    """A decision of a model. `policy` is U, A, P, F, R, O, C, C+…, empty where it is no table; `text` then is its expression."""

    id: str
    name: str
    description: str
    policy: str = ""
    inputs: tuple[Column, ...] = ()
    outputs: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    text: str = ""

    def row(self, number: int | None) -> Row | None:
        return self.rows[number - 1] if number and 0 < number <= len(self.rows) else None


@lru_cache(maxsize=32)
def decisions(data: bytes) -> Mapping[str, Decision]:
    """The decisions of a model by name, in the file's order; none where the model cannot be read."""
    try:
        model = Model(data)
    except ModelRefused:
        return {}
    return {node.name: _decision(node) for node in model.decisions()}


def _decision(node: Node) -> Decision:
    description, logic = node.element.text_of("description") or "", node.logic
    if logic is None or logic.name != "decisionTable":
        return Decision(node.id, node.name, description, text=(logic.text_of("text") or "") if logic is not None else "")
    policy = POLICIES.get(logic.attribute("hitPolicy") or "UNIQUE", logic.attribute("hitPolicy"))
    return Decision(
        node.id, node.name, description,
        policy=AGGREGATIONS.get(logic.attribute("aggregation"), policy) if policy == "C" else policy,
        inputs=tuple(_input(clause) for clause in logic.all("input")),
        outputs=tuple(Column(clause.attribute("name"), clause.attribute("label")) for clause in logic.all("output")),
        rows=tuple(_row(rule, number) for number, rule in enumerate(logic.all("rule"), start=1)),
    )  # fmt: skip


def _input(clause: Element) -> Column:
    expression = clause.first("inputExpression")
    return Column((expression.text_of("text") or "") if expression is not None else "", clause.attribute("label"))


def _row(rule: Element, number: int) -> Row:
    notes = [entry.text_of("text") or "" for entry in rule.all("annotationEntry")]
    return Row(
        number, rule.attribute("id"),
        tuple(entry.text_of("text") or "" for entry in rule.all("inputEntry")),
        tuple(entry.text_of("text") or "" for entry in rule.all("outputEntry")),
        " · ".join(note for note in notes if note) or (rule.text_of("description") or ""),
    )  # fmt: skip


def in_own_tongue(text: str) -> str:
    """The reader's half of a note written `中文 / English`; the whole of any other."""
    halves = [half.strip() for half in text.split(" / ")]
    chinese = [bool(_HAN.search(half)) for half in halves]
    if len(halves) != 2 or chinese[0] == chinese[1]:
        return text
    return halves[chinese.index((get_language() or "").startswith("zh"))]
