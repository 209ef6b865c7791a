"""Scenario files: cases of law that a compliance officer writes, of either family, read for whoever tries them.

`contacts` reads those that ask the gate, `judgements` those that ask a question of law; each fills in what its form lets a case
leave out, and nothing below them has a default. A file that is not in order is a RulebookError with file and line.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from anhuan.rulebook.scenarios.contacts import ContactScenario, read_scenarios
from anhuan.rulebook.scenarios.judgements import JudgementCase, family, read_cases
from anhuan.rulebook.statutes import RulebookError

__all__ = ["Case", "ContactScenario", "JudgementCase", "read"]

Case = ContactScenario | JudgementCase


def read(paths: Iterable[Path]) -> list[Case]:
    """Every case of these files and of the files below these folders, in their order; no id stands twice."""
    cases: list[Case] = []
    seen: dict[str, Path] = {}
    for path in _files(paths):
        found = read_cases(path) if family(path) == "judgement" else read_scenarios(path)
        for case in found:
            if case.id in seen:
                zh, en = f"编号 {case.id} 已见于 {seen[case.id]}", f"the id {case.id} stands in {seen[case.id]} already"
                raise RulebookError(path, 0, zh, en)
            seen[case.id] = path
        cases += found
    return cases


def _files(paths: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        below = sorted(p for p in path.rglob("*") if p.suffix in {".yaml", ".yml"}) if path.is_dir() else [path]
        if not path.exists() or not below:
            raise RulebookError(path, 0, "此处没有案例文件（*.yaml）", "there are no scenario files (*.yaml) here")
        found += below
    return found
