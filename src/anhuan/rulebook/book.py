"""The rulebook in force: statutory packs of a date, made stricter by the bank's own house.yaml, under one fingerprint.

Knows that the stricter wins and that a house may only tighten. Does not know what a rule asks (`core.rules`), nor how an
entry is written (`rulebook.statutes`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, time
from functools import lru_cache
from pathlib import Path
from typing import Any

from anhuan.core.days import Calendar
from anhuan.core.law import Law, Rule, Stricter, Test, values
from anhuan.core.rules import TESTS
from anhuan.core.vocabulary import Force
from anhuan.rulebook.statutes import (
    Entry,
    Lines,
    RulebookError,
    entries,
    parse,
    read_entry,
    read_yaml,
    value_types,
)

DEFAULT_PACKS = ("cn", "house")
_KIND_OF = {test: name for name, test in TESTS.items()}


# --- the bank's own book --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tightening:
    """One rule of law that the bank holds itself to more strictly from a date on; `values` are the stricter ones."""

    rule: str
    in_force: date
    values: Mapping[str, Any]
    why: str
    line: int


@dataclass(frozen=True)
class House:
    """A bank's house.yaml, read and found to loosen nothing."""

    bank: str
    file: Path
    packs: tuple[str, ...] = DEFAULT_PACKS
    tightenings: tuple[Tightening, ...] = ()
    added: tuple[Entry, ...] = ()


_HOUSE_KEYS = ("bank", "law", "tighten", "add")


def read_house(path: Path) -> House:
    """Read a bank's own rules; RulebookError, naming the line, for whatever would loosen a rule of law.

    `bank` is its name, `law` the packs it is bound by (default: mainland China and a careful house), `tighten` holds stricter
    values of rules of law, `add` rules of its own.
    """
    told = read_yaml(path)
    keys = ", ".join(_HOUSE_KEYS)
    if not isinstance(told, Lines):
        raise RulebookError(path, 1, f"house.yaml 应为含 {keys} 的键值映射", f"house.yaml is a mapping with {keys}")
    for key in told:
        if key not in _HOUSE_KEYS:
            raise RulebookError(path, told.at(key), f"未知的键 {key}；可用：{keys}", f"unknown key {key}; known are {keys}")
    packs = tuple(told.get("law") or DEFAULT_PACKS)
    law = {entry.id: entry for pack in packs for entry in entries(pack)}
    tightenings = tuple(_tightening(each, law, path) for each in told.get("tighten") or ())
    added = tuple(_added(each, law, path) for each in told.get("add") or ())
    return House(str(told.get("bank", "")), path, packs, tightenings, added)


def _tightening(told: Any, law: Mapping[str, Entry], path: Path) -> Tightening:
    if not isinstance(told, Lines) or not {"rule", "in_force", "value"} <= told.keys():
        line = told.line if isinstance(told, Lines) else 1
        raise RulebookError(path, line, "tighten 需要 rule、in_force、value", "a tightening has rule, in_force and value")
    entry = law.get(told["rule"])
    if entry is None:
        zh, en = f"没有规则 {told['rule']}", f"there is no rule {told['rule']}; see: anhuan rules show"
        raise RulebookError(path, told.at("rule"), zh, en)
    if not isinstance(told["in_force"], date):
        raise RulebookError(path, told.at("in_force"), "in_force 应为 YYYY-MM-DD", "in_force is a date, YYYY-MM-DD")
    stricter: dict[str, Any] = {}
    for version in entry.versions:
        still = version is entry.versions[-1] or entry.versions[entry.versions.index(version) + 1].in_force > told["in_force"]
        if version.rule is not None and still:
            stricter = dict(_tightened_values(version.rule, told["value"], told["in_force"], path))
    if not stricter:
        raise RulebookError(path, told.line, "该规则自该日起已废止", "the rule is repealed from that date on")
    return Tightening(entry.id, told["in_force"], stricter, str(told.get("why", "")), told.line)


def _tightened_values(rule: Rule, told: Any, in_force: date, path: Path) -> Iterator[tuple[str, Any]]:
    """Each value as the house wants it; an error where it is looser than the law in force on the house's date."""
    known = value_types(type(rule.test))
    for name, written in told.items():
        line = told.at(name)
        hint, way = known.get(name, (None, None))
        if way is None:
            able = ", ".join(each for each, (_, its_way) in known.items() if its_way) or "–"
            zh, en = f"{name} 不可更改；可收紧：{able}", f"{name} cannot be tightened; {able} can"
            raise RulebookError(path, line, zh, en)
        wanted = parse(hint, written, path=path, line=line)
        statutory = getattr(rule.test, name)
        if rule.in_force <= in_force and stricter_of(way, statutory, wanted) != wanted:
            said = values(rule.test)[name]
            zh = f"{rule.id} 的 {name} 为 {said}（{rule.citation}），行内规则只可更严，不可放宽为 {written}"
            en = f"{name} of {rule.id} is {said} by {rule.citation}; the house may be stricter, never looser ({written})"
            raise RulebookError(path, line, zh, en)
        yield name, wanted


def _added(told: Any, law: Mapping[str, Entry], path: Path) -> Entry:
    entry = read_entry(told, path=path, pack="bank")
    if entry.id in law:
        raise RulebookError(
            path, told.at("id"), f"{entry.id} 已是法定规则；请用 tighten", f"{entry.id} is a rule of law; use tighten"
        )
    for version in entry.versions:
        if version.rule is not None and version.rule.force is not Force.HOUSE_RULE:
            zh, en = "银行自订规则的 force 应为 house_rule", "a rule of the bank's own has the force house_rule"
            raise RulebookError(path, version.line, zh, en)
    return entry


def stricter_of(way: Stricter, one: Any, other: Any) -> Any:
    """The stricter of two values. A set that is None limits nothing, so it is the largest set."""
    match way:
        case Stricter.LOWER | Stricter.EARLIER:
            return min(one, other)
        case Stricter.HIGHER | Stricter.LATER:
            return max(one, other)
        case Stricter.MORE:
            return None if one is None or other is None else one | other
        case Stricter.FEWER:
            return one & other


def _merged(test: Test, stricter: Mapping[str, Any]) -> Test:
    ways = value_types(type(test))
    merged = {
        name: stricter_of(ways[name][1] or Stricter.LOWER, getattr(test, name), value) for name, value in stricter.items()
    }
    return replace(test, **merged)  # type: ignore[type-var]


# --- the law of a date --------------------------------------------------------------------------------------------


def law_on(
    packs: Sequence[str],
    as_of: date,
    *,
    house: House | None = None,
    calendars: Mapping[str, Calendar] | None = None,
) -> Law:
    """The rules of these packs in force on a date, tightened by the house, the stricter winning value by value.

    `calendars` by name, for the rules that ask one; without them those this package knows. RulebookError for an unknown pack.
    """
    if calendars is None and house is None:
        return _statutory(tuple(packs), as_of)
    return _law(tuple(packs), as_of, house, calendars)


@lru_cache(maxsize=512)
def _statutory(packs: tuple[str, ...], as_of: date) -> Law:
    return _law(packs, as_of, None, None)


def _law(packs: tuple[str, ...], as_of: date, house: House | None, calendars: Mapping[str, Calendar] | None) -> Law:
    rules = tuple(_rules(packs, as_of, house))
    named = {name for rule in rules if (name := getattr(rule.test, "calendar", None))}
    if calendars is None:
        from anhuan.rulebook.calendars import calendar_of

        calendars = {name: calendar_of(name) for name in sorted(named)}
    asked = {name: calendars[name] for name in sorted(named) if name in calendars}
    return Law(packs, as_of, rules, fingerprint(rules, asked), asked)


def _rules(packs: Sequence[str], as_of: date, house: House | None) -> Iterator[Rule]:
    for pack in packs:
        for entry in entries(pack):
            rule = entry.on(as_of)
            if rule is not None:
                yield _tightened(rule, house, as_of) if house else rule
    for entry in house.added if house else ():
        rule = entry.on(as_of)
        if rule is not None:
            yield rule


def _tightened(rule: Rule, house: House, as_of: date) -> Rule:
    """The rule as the house keeps it; the law's own value stands where it has become the stricter one since."""
    for tightening in house.tightenings:
        if tightening.rule == rule.id and tightening.in_force <= as_of:
            test = _merged(rule.test, tightening.values)
            if test != rule.test:
                source = f"{house.bank or 'house'} (stricter than {rule.source})"
                since = max(rule.in_force, tightening.in_force)
                note = tightening.why or rule.note
                rule = replace(rule, test=test, source=source, force=Force.HOUSE_RULE, in_force=since, note=note)
    return rule


def fingerprint(rules: Sequence[Rule], calendars: Mapping[str, Calendar]) -> str:
    """A SHA-256 over everything a verdict can depend on: rules, values, scopes, and the days of the calendars asked."""
    told = [
        [rule.id, _KIND_OF[type(rule.test)], _plain(rule.test), _plain(rule.scope), rule.presumption]
        for rule in sorted(rules, key=lambda rule: rule.id)
    ]
    days = {name: _plain(calendar) for name, calendar in sorted(calendars.items())}
    return hashlib.sha256(json.dumps([told, days], sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """A value as JSON, the same text for the same value every time."""
    if hasattr(value, "__dataclass_fields__"):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, frozenset):
        return sorted(_plain(each) for each in value)
    return value.isoformat() if isinstance(value, date | time) else value


# --- reading it aloud ---------------------------------------------------------------------------------------------


def document(rule: Rule) -> dict[str, Any]:
    """A rule as JSON: what it says in both languages, its values, where it applies, and its authority."""
    told = values(rule.test)
    scope = {name: _plain(value) for name in ("channels", "purposes", "parties") if (value := getattr(rule.scope, name))}
    scope |= {name: _plain(value) for name in ("not_parties", "spares") if (value := getattr(rule.scope, name))}
    return {
        "id": rule.id,
        "law": rule.pack,
        "topic": rule.topic.value,
        "judged_by": _KIND_OF[type(rule.test)],
        "message_zh": spoken(rule.zh, told),
        "message_en": spoken(rule.en, told),
        "values": _plain(rule.test),
        "applies": scope | ({"agencies_only": True} if rule.scope.agencies_only else {}),
        "in_force": rule.in_force.isoformat(),
        "source": rule.source,
        "clause": rule.clause,
        "force": rule.force.value,
        "confidence": rule.confidence.value,
        "ambiguous": rule.ambiguous,
        "note": rule.note,
    }


class _Gaps(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "…"


def spoken(sentence: str, told: Mapping[str, Any]) -> str:
    """A rule's sentence with its values in it; what only a case would show is an ellipsis."""
    return sentence.format_map(_Gaps(told))


def changes(before: Law, after: Law) -> list[dict[str, Any]]:
    """What differs between two laws: `{"rule", "change": added|repealed|changed, "before", "after"}` by rule."""
    old, new = ({rule.id: document(rule) for rule in law.rules} for law in (before, after))
    told = []
    for rule_id in sorted(old.keys() | new.keys()):
        was, now = old.get(rule_id), new.get(rule_id)
        if was != now:
            change = "added" if was is None else "repealed" if now is None else "changed"
            told.append({"rule": rule_id, "change": change, "before": was, "after": now})
    return told
