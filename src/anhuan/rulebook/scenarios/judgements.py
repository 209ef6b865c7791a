"""Judgement cases: questions of law with their facts, typed as the judgements take them.

Knows YAML and the defaults of the form. Does not judge.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from anhuan.core.judgements import KINDS
from anhuan.core.vocabulary import Confidence, Force
from anhuan.rulebook.statutes import RulebookError


@dataclass(frozen=True, slots=True)
class JudgementCase:
    """A question of law with its facts, typed as `KINDS[kind]` takes them, and the answer expected."""

    id: str
    line: int
    jurisdiction: str
    topic: str
    kind: str
    citation: str
    force: tuple[Force, ...]
    basis: str
    confidence: Confidence
    ambiguous: bool
    given: Mapping[str, Any]
    at: datetime
    expected: bool | str
    reason: str


_HEAD: Mapping[str, Any] = {
    "id": str,
    "jurisdiction": str,
    "topic": str,
    "kind": str,
    "citation": str,
    "force": tuple[Force, ...],
    "basis": str,
    "confidence": Confidence,
    "ambiguous": bool,
    "at": datetime,
    "expected": bool | str,
    "reason": str,
}
_OF_THE_PRODUCT = frozenset({"at", "law", "calendar", "return"})
# What a case need not say. A day not told did not happen, and so did no recording: nothing else is assumed in anybody's favour.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "may_purge": {"made": None, "last_activity": None, "debt_settled": None, "longer_duty": False},
    "plan_may_take_effect": {"recorded": False},
    "malicious_overdraft_objective": {"interest_and_fees_minor": 0, "evasion_proven": False, "disguised_loan": False},
    "claim_in_time": {"last_instalment_due": None},
}
# Told by a case, of no use to the answer: amounts are in the currency of the law.
_UNUSED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "malicious_overdraft_objective": {"currency": ("CNY",)},
    "repaired_record_may_show": {"currency": ("CNY",)},
}
_EVENT_WORDS = {"Demand": "demand", "AutoDebit": "auto_debit", "SignedNotice": "signed_notice_agreeing_to_pay"}
_MONTH = re.compile(r"\d{4}-\d{2}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}[+-]\d{2}:\d{2}")


def family(path: Path) -> str:
    """`contact` or `judgement`, as the file says."""
    root = _mapping(_compose(path), path)
    return str(_typed(_require(root, "family", path), str, path))


def read_cases(path: Path) -> list[JudgementCase]:
    """Every case of a file of the family `judgement`; RulebookError where it is not in the format."""
    root = _mapping(_compose(path), path)
    listed = _require(root, "cases", path)
    if listed.id != "sequence":
        raise _refused(listed, path, "此处应为列表。", "a list belongs here")
    cases = [_case(node, path) for node in listed.value]
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise RulebookError(path, case.line, f"编号 {case.id} 重复。", f"the id {case.id} stands twice")
        seen.add(case.id)
    return cases


def _case(node: Any, path: Path) -> JudgementCase:
    told = _mapping(node, path)
    _only(told, {*_HEAD, "given"}, node, path)
    head = {name: _typed(_require(told, name, path, node), kind, path) for name, kind in _HEAD.items()}
    if head["kind"] not in KINDS:
        raise _refused(told["kind"], path, f"没有 {head['kind']} 这种判断。", f"there is no judgement {head['kind']}")
    given = _given(head["kind"], _require(told, "given", path, node), path)
    return JudgementCase(**head, given=MappingProxyType(given), line=_line(node))


def _given(kind: str, node: Any, path: Path) -> dict[str, Any]:
    """The facts of one case, by the parameters of the function that judges them."""
    told = _mapping(node, path)
    expected, unused, defaults = facts_of(kind), _UNUSED.get(kind, {}), _DEFAULTS.get(kind, {})
    _only(told, {*expected, *unused}, node, path)
    for name, words in unused.items():
        if _typed(_require(told, name, path, node), str, path) not in words:
            raise _refused(told[name], path, f"{name} 应为 {words[0]}。", f"{name} is to be {words[0]}")
    return {
        name: defaults[name] if name in defaults and name not in told else _typed(_require(told, name, path, node), kind_, path)
        for name, kind_ in expected.items()
    }


@cache
def facts_of(kind: str) -> Mapping[str, Any]:
    """The facts a judgement takes: name -> type."""
    hints = typing.get_type_hints(KINDS[kind])
    return {name: hint for name, hint in hints.items() if name not in _OF_THE_PRODUCT}


# --- From nodes of YAML, which know their lines, to typed values -----------------------------------------------------


def _compose(path: Path) -> Any:
    import yaml

    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RulebookError(path, 1, "文件无法读取或不是有效的 YAML。", f"cannot be read as YAML: {error}") from None
    if root is None:
        raise RulebookError(path, 1, "文件为空。", "the file is empty")
    return root


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _refused(node: Any, path: Path, zh: str, en: str) -> RulebookError:
    return RulebookError(path, _line(node), zh, en)


def _mapping(node: Any, path: Path) -> dict[str, Any]:
    if node.id != "mapping":
        raise _refused(node, path, "此处应为映射。", "a mapping belongs here")
    found: dict[str, Any] = {}
    for name, value in node.value:
        if name.id != "scalar":
            raise _refused(name, path, "项名应为文字。", "a name is to be a text")
        if name.value in found:
            raise _refused(name, path, f"{name.value} 重复。", f"{name.value} stands twice")
        found[name.value] = value
    return found


def _require(told: Mapping[str, Any], name: str, path: Path, owner: Any = None) -> Any:
    if name not in told:
        raise RulebookError(path, _line(owner) if owner else 1, f"缺少 {name}。", f"{name} is missing")
    return told[name]


def _only(told: Mapping[str, Any], allowed: set[str], node: Any, path: Path) -> None:
    extra = sorted(set(told) - allowed)
    if extra:
        raise _refused(node, path, f"未知的项：{'、'.join(extra)}。", f"unknown: {', '.join(extra)}")


def _typed(node: Any, kind: Any, path: Path) -> Any:
    """The value of a node as a type: text, number, truth, date, instant, word, record, list of these, or nothing where allowed."""
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if types.NoneType in options and node.tag.endswith(":null"):
        return None
    records = [option for option in options if is_dataclass(option)]
    if records:
        return _record(node, records, path)
    if typing.get_origin(kind) in {tuple, Sequence}:
        if node.id != "sequence":
            raise _refused(node, path, "此处应为列表。", "a list belongs here")
        return tuple(_typed(item, typing.get_args(kind)[0], path) for item in node.value)
    for option in options:
        found = _scalar(node, option)
        if found is not None:
            return found
    names = " / ".join(getattr(option, "__name__", str(option)) for option in options)
    raise _refused(node, path, f"“{node.value}”不是 {names}。", f"{node.value!r} is no {names}")


def _scalar(node: Any, kind: Any) -> Any:
    """The value of a scalar node, or None when it is not of the kind."""
    if node.id != "scalar" or node.tag.endswith(":null"):
        return None
    text, tag = node.value, node.tag.rpartition(":")[2]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return next((word for word in kind if word.value == text), None)
    if kind is bool:
        return {"true": True, "false": False}.get(text) if tag == "bool" else None
    if kind is int:
        return int(text) if tag == "int" and text.isascii() and text.isdigit() else None
    if kind is str:
        return text if tag in {"str", "timestamp"} and text else None
    return _moment(text, kind)


def _moment(text: str, kind: Any) -> date | datetime | None:
    """A date, the first day of a month told as `2024-06`, or an instant with its offset."""
    forms: Mapping[Any, list[tuple[re.Pattern[str], Callable[[str], date]]]] = {
        date: [(_DATE, date.fromisoformat), (_MONTH, lambda month: date.fromisoformat(f"{month}-01"))],
        datetime: [(_INSTANT, datetime.fromisoformat)],
    }
    for form, read in forms.get(kind, []):
        if form.fullmatch(text):
            try:
                return read(text)
            except ValueError:
                return None
    return None


def _record(node: Any, records: Sequence[Any], path: Path) -> Any:
    """A record such as a demand or an event; where there are several kinds, `event` names which."""
    told = _mapping(node, path)
    record = records[0]
    if len(records) > 1:
        word = _typed(_require(told, "event", path, node), str, path)
        named = [one for one in records if _EVENT_WORDS[one.__name__] == word]
        if not named:
            raise _refused(told["event"], path, f"没有事件 {word}。", f"there is no event {word}")
        record = named[0]
        told = {name: value for name, value in told.items() if name != "event"}
    hints = typing.get_type_hints(record)
    names = [field.name for field in fields(record)]
    _only(told, set(names), node, path)
    return record(**{name: _typed(_require(told, name, path, node), hints[name], path) for name in names})
