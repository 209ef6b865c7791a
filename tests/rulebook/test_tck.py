"""The public conformance cases of DMN (Technology Compatibility Kit) through `anhuan decide`: every model, every expected result."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from anhuan.cli import app

GIVEN = Path(os.environ.get("ANHUAN_TESTDATA", "/nowhere")) / "dmn-tck"
CASES = sorted(GIVEN.rglob("*.xml"))
CLOSE = Decimal("1e-8")  # results are given with fewer digits than ours

T = "{http://www.omg.org/spec/DMN/20160719/testcase}"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


def value(node: ET.Element) -> Any:
    """What a node of a case holds: a value, a list, or the components of a context."""
    inner = node.find(f"{T}value")
    if inner is not None:
        if inner.get(NIL) == "true":
            return None
        text, of = inner.text or "", (inner.get(TYPE) or "").rpartition(":")[2]
        return {"boolean": lambda: text == "true", "string": lambda: text}.get(of, lambda: number(text))()
    items = node.find(f"{T}list")
    if items is not None and items.get(NIL) != "true":
        return [value(item) for item in items.findall(f"{T}item")]
    parts = node.findall(f"{T}component")
    return {part.get("name"): value(part) for part in parts} if parts else None


def number(text: str) -> Any:
    """A number, else a date, time or duration as it is spelled."""
    try:
        return Decimal(text)
    except ArithmeticError:
        return text


def alike(got: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(got, dict) and got.keys() == wanted.keys() and all(alike(got[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return isinstance(got, list) and len(got) == len(wanted) and all(map(alike, got, wanted))
    if isinstance(wanted, Decimal) and isinstance(got, Decimal | int) and not isinstance(got, bool):
        return abs(got - wanted) <= CLOSE * max(1, abs(wanted))
    return type(got) is type(wanted) and got == wanted


def asked(file: Path) -> Iterator[tuple[str, str, dict[str, Any], Any, bool]]:
    """Of every result of a file: case, decision, inputs, what is expected, whether an error is."""
    for case in ET.parse(file).getroot().iter(f"{T}testCase"):
        row = {node.get("name", ""): value(node) for node in case.findall(f"{T}inputNode")}
        for result in case.findall(f"{T}resultNode"):
            expected = result.find(f"{T}expected")
            wanted = None if expected is None else value(expected)
            yield case.get("id", ""), result.get("name", ""), row, wanted, result.get("errorResult") == "true"


@pytest.mark.skipif(not CASES, reason="ANHUAN_TESTDATA names no folder with the conformance cases of DMN (dmn-tck)")
@pytest.mark.parametrize("file", CASES, ids=[file.stem for file in CASES])
def test_a_conformance_case_comes_out_as_expected(file: Path, tmp_path: Path) -> None:
    model = ET.parse(file).getroot().findtext(f"{T}modelName", "")
    found: list[str] = []
    results = list(asked(file))
    for name in {name for _, name, *_ in results}:
        mine = [result for result in results if result[1] == name]
        (tmp_path / "rows.json").write_text(json.dumps([row for _, _, row, *_ in mine], default=str))
        ran = CliRunner().invoke(
            app, ["decide", str(file.with_name(model)), "--decision", name, "--input", str(tmp_path / "rows.json"), "--json"]
        )
        assert ran.stdout, f"{name}: {ran.stderr}"
        for (case, _, _, wanted, fails), got in zip(mine, json.loads(ran.stdout, parse_float=Decimal), strict=True):
            right = got["output"] is None and got["error"] if fails else alike(got["output"], wanted)
            found += [] if right else [f"{case} {name}: {got} instead of {wanted}"]
    assert results
    assert found == []
