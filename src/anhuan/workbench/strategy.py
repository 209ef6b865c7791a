"""The page of one version of a strategy: its tables as they are drawn, what the prover found, its way to the nights, and a row
to try it on; on the page of a case, why she is contacted.

Knows how a finding points to a row, and how a value is typed in. Does not draw tables (dmn-js does), nor prove or decide
(`rulebook.tables`): a row tried here touches no customer and leaves nothing behind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_POST

from anhuan.acts import law as laws
from anhuan.records.strategy import Proposal, StrategyVersion, proposals_of
from anhuan.rulebook.tables.document import ModelRefused
from anhuan.rulebook.tables.evaluate import Decider
from anhuan.rulebook.tables.model import Model
from anhuan.rulebook.tables.spelling import from_cell, write_json
from anhuan.rulebook.tables.types import Type
from anhuan.workbench import dmn_words
from anhuan.workbench.compliance import today
from anhuan.workbench.frame import page, reader
from anhuan.workbench.strategies import may_sign, next_day, version_of, way
from anhuan.workbench.strategy_tables import Decision, Row, decisions, in_own_tongue


@page
@require_GET
def strategy(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """The whole page; `?table=` and `?row=` open a table at a row."""
    version = version_of(name, number)
    tables = decisions(bytes(version.model))
    row = request.GET.get("row", "")
    first = next((each["decision"] for each in version.findings or () if each["decision"] in tables), version.decision)
    opened = tables.get(request.GET.get("table", first))
    context = {
        "version": version, "opened": opened, "drawable": drawable(bytes(version.model)), "tables": tables.values(),
        "opened_row": opened.row(int(row)) if opened and row.isdecimal() and len(row) < 9 else None,
        "findings": findings(version.findings, tables), "way": way(version), "next_day": next_day(),
        "others": StrategyVersion.objects.filter(name=name).exclude(pk=version.pk).defer("model").order_by("-number"),
        "may_sign": may_sign(reader(request)), "words": dmn_words.words(), **_try_form(version, {}),
    }  # fmt: skip
    response = render(request, "workbench/strategy.html", context)
    response["Content-Security-Policy"] = dmn_words.VIEWER_POLICY
    return response


def drawable(model: bytes) -> bool:
    """Whether dmn-js reads the model: it knows DMN 1.3 alone."""
    return b"https://www.omg.org/spec/DMN/20191111/MODEL/" in model


# --- what was found -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """Something against a version: in which decision, at which rows, with a row of inputs that shows it.

    `message` is what a reader is told where the code alone does not say it.
    """

    code: str
    table: str
    decision: Decision | None
    rows: tuple[tuple[int, str], ...]
    example: tuple[tuple[str, str], ...]
    message: str
    value: str = ""
    allowed: str = ""


def findings(kept: Iterable[Mapping[str, Any]] | None, tables: Mapping[str, Decision]) -> list[Finding] | None:
    """The findings a version keeps, with the rows they point to; None while nobody has checked it."""
    return None if kept is None else [_finding(each, tables.get(each["decision"])) for each in kept]


def _finding(kept: Mapping[str, Any], table: Decision | None) -> Finding:
    what = kept.get("what")
    told = what if isinstance(what, dict) else {}
    numbers = {
        "unreachable": [what], "overlaps": told.get("rules", []), "bad_outputs": [told.get("rule")],
    }.get(kept["code"], [])  # fmt: skip
    example = told if kept["code"] == "gaps" else told.get("example", {})
    rows = [(int(number), table.row(int(number)) if table else None) for number in numbers if number is not None]
    return Finding(
        kept["code"] if "what" in kept else "", kept["decision"], table, tuple((number, row.id if row else "") for number, row in rows),
        tuple((name, _feel(value)) for name, value in example.items()),
        kept["message_zh" if (get_language() or "").startswith("zh") else "message_en"],
        value=_feel(told.get("value")), allowed=str(told.get("allowed", "")),
    )  # fmt: skip


def _feel(value: Any) -> str:
    """A value as a cell would spell it."""
    return json.dumps(value) if isinstance(value, float) else write_json(value)


# --- a row to try -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """An input to type in. `kind`: boolean, number, date or text; `options`: texts the tables speak of."""

    name: str
    about: str
    kind: str
    allowed: str
    options: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Tried:
    """A decision that was made for the row: what it came to, the rows that fired with their notes, and whether it has rows."""

    decision: str
    table: bool
    values: tuple[tuple[str, str], ...]
    rows: tuple[tuple[int, str], ...]


@page
@require_POST
def tried(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """What the version decides for the row typed in: each decision on the way, with the rows that fired."""
    version = version_of(name, number)
    context = {"version": version, **_try_form(version, request.POST)}
    decider = context["decider"]
    if decider is not None:
        row = {field: from_cell(request.POST.get(f"in:{field}", ""), of) for field, of in decider.inputs.items()}
        outcome, steps = decider.traced(row)
        tables = decisions(bytes(version.model))
        context |= {
            "outcome": _values(outcome.output), "error": outcome.error, "asked": version.decision,
            "steps": [
                Tried(
                    step.decision, bool(_policy(tables.get(step.decision))), _values(step.value),
                    tuple((n, _note(tables.get(step.decision), n)) for n in step.rules),
                )
                for step in reversed(steps)
            ],
        }  # fmt: skip
    template = "workbench/_strategy_tried.html" if request.htmx else "workbench/strategy_tried.html"  # type: ignore[attr-defined]
    return render(request, template, context)


def _values(value: Any) -> tuple[tuple[str, str], ...]:
    """A value as named parts: a context's entries, or itself without a name."""
    parts = value.items() if isinstance(value, dict) else [("", value)]
    return tuple((name, _feel(part)) for name, part in parts)


def _policy(table: Decision | None) -> str:
    return table.policy if table else ""


def _note(table: Decision | None, number: int) -> str:
    row = table.row(number) if table else None
    return in_own_tongue(row.note) if row else ""


@lru_cache(maxsize=8)
def _decider(model: bytes, decision: str, day: date) -> tuple[Decider, Mapping[str, str]]:
    """A version ready for rows of a day, and what the model says of its inputs, in its order. Raises ModelRefused."""
    read = Model(model)
    about = {
        node.name: node.element.text_of("description") or "" for node in read.nodes.values() if node.kind == "input"
    }  # fmt: skip
    return Decider(read, decision, at=laws.day(day)[0]), about


def _try_form(version: StrategyVersion, typed: Mapping[str, str]) -> dict[str, Any]:
    """The form's fields in the model's order, or why the model decides nothing."""
    try:
        decider, about = _decider(bytes(version.model), version.decision, today())
    except ModelRefused as refused:
        return {"decider": None, "cannot": refused.zh if (get_language() or "").startswith("zh") else refused.en}
    spoken = _spoken_of(decisions(bytes(version.model)).values())
    fields = [
        _field(name, said, decider.inputs[name], spoken.get(name, ()), typed.get(f"in:{name}", ""))
        for name, said in about.items() if name in decider.inputs
    ]  # fmt: skip
    return {"decider": decider, "fields": fields}


_KINDS = {"boolean": "boolean", "number": "number", "date": "date"}
_TEXT = re.compile(r'"([^"]+)"')


def _field(name: str, about: str, of: Type, spoken: Iterable[str], text: str) -> Field:
    kind = _KINDS.get(of.base, "text")
    options = dict.fromkeys([*_TEXT.findall(of.allowed_text), *spoken]) if kind == "text" else {}
    return Field(name, about, kind, of.allowed_text, tuple(options), text)


def _spoken_of(tables: Iterable[Decision]) -> dict[str, list[str]]:
    """The texts that stand in the cells under each input."""
    found: dict[str, list[str]] = {}
    for table in tables:
        for place, column in enumerate(table.inputs):
            cells = (row.inputs[place] for row in table.rows if place < len(row.inputs))
            found.setdefault(column.text, []).extend(text for cell in cells for text in _TEXT.findall(cell))
    return found


# --- why this contact ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Why:
    """The action a strategy wants of a customer, with the row that chose it. `trace`: every table on the way with its rows."""

    proposal: Proposal
    today: bool
    note: str
    trace: tuple[tuple[str, tuple[int, ...]], ...]


def why(case_id: str, day: date | None) -> Why | None:
    """The latest proposal of a case, and whether it is the book's; None where no strategy ever wanted anything."""
    found = next(iter(proposals_of(case_id, limit=1)), None)
    if found is None:
        return None
    model = StrategyVersion.objects.values_list("model", flat=True).get(pk=found.version_id)
    table = decisions(bytes(model)).get(found.decision)
    row: Row | None = table.row(found.rule) if table else None
    return Why(found, found.business_date == day, in_own_tongue(row.note) if row else "", tuple(_trace(found.trace)))


def _trace(text: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """`stage 9; recovery_bp 7, 15` as tables and rows; a table that no row of answered has none."""
    for part in filter(None, text.split("; ")):
        found = _TRACED.fullmatch(part)
        yield (found[1], tuple(map(int, found[2].split(", ")))) if found else (part.strip(), ())


_TRACED = re.compile(r"(.+?) (\d+(?:, \d+)*)")
