"""Reading rules that are written down: YAML entries of law and of the house, checked to the line.

Knows the form of an entry and how its words become a rule's test and scope. Does not know which entries are in force, nor
how a bank's own rules meet the law's (`rulebook.book`). A mistake in a file is a RulebookError with file, line and what to do.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import date, time
from enum import StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import yaml

from anhuan.core.law import Rule, Scope, Stricter, Test
from anhuan.core.rules import TESTS
from anhuan.core.vocabulary import Channel, Confidence, Force, Party, Purpose, RuleTopic

STATUTES = Path(__file__).parent / "statutes"
JUDGEMENT_FILES = "judgement-"
"""Files of values that judge no contact begin like this; `rulebook.judging` reads them."""

_SPARES = frozenset({"opened", "session", "reply"})


class RulebookError(ValueError):
    """A rule that cannot be used: `file`, `line` (1-based) and a sentence in both languages."""

    def __init__(self, file: Path | str, line: int, zh: str, en: str) -> None:
        self.file, self.line, self.zh, self.en = str(file), line, zh, en
        super().__init__(f"{file}:{line}: {en}")


class Lines(dict[str, Any]):
    """A mapping as written, which knows the line each of its keys stands on."""

    line = 0
    lines: Mapping[str, int] = types.MappingProxyType({})

    def at(self, key: str) -> int:
        return self.lines.get(key, self.line)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the fast one where libyaml is there
    pass


def _mapping(loader: Any, node: yaml.MappingNode) -> Lines:
    told = Lines()
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        key = str(loader.construct_object(key_node))
        if key in told:
            raise yaml.MarkedYAMLError(problem=f"{key!r} stands twice", problem_mark=key_node.start_mark)
        told[key] = loader.construct_object(value_node, deep=True)
        lines[key] = key_node.start_mark.line + 1
    told.line, told.lines = node.start_mark.line + 1, lines
    return told


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path) -> Any:
    """The document of a YAML file, its mappings as `Lines`; RulebookError where it is none."""
    try:
        with path.open(encoding="utf-8") as text:
            return yaml.load(text, _Loader)  # noqa: S506  a SafeLoader with line numbers
    except OSError as unreadable:
        zh, en = f"无法读取：{unreadable.strerror}", f"it cannot be read: {unreadable.strerror}"
        raise RulebookError(path, 0, zh, en) from unreadable
    except (yaml.YAMLError, UnicodeDecodeError) as wrong:
        mark = getattr(wrong, "problem_mark", None)
        problem = getattr(wrong, "problem", None) or str(wrong)
        raise RulebookError(
            path, mark.line + 1 if mark else 1, f"不是有效的 YAML：{problem}", f"no valid YAML: {problem}"
        ) from wrong


# --- one entry ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Version:
    """A rule from a date on; `rule` None is a repeal. `line` and `value_lines` say where it is written."""

    in_force: date
    rule: Rule | None
    line: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule through time: its versions, oldest first."""

    id: str
    file: Path
    line: int
    versions: tuple[Version, ...]

    def on(self, day: date) -> Rule | None:
        """The rule as it stood on a date; None before it took effect and after its repeal."""
        return next((version.rule for version in reversed(self.versions) if version.in_force <= day), None)


@cache
def entries(pack: str) -> tuple[Entry, ...]:
    """Every rule about contacts of one jurisdiction's pack, in the order of its files."""
    folder = STATUTES / pack
    if not folder.is_dir():
        known = ", ".join(sorted(path.name for path in STATUTES.iterdir() if path.is_dir()))
        raise RulebookError(
            folder, 0, f"没有名为 {pack} 的规则包；可用：{known}", f"there is no rule pack {pack}; there are {known}"
        )
    found = [
        entry
        for path in sorted(folder.glob("*.yaml"))
        if not path.name.startswith(JUDGEMENT_FILES)
        for entry in read_entries(path, pack=pack)
    ]
    return tuple(found)


def read_entries(path: Path, *, pack: str) -> list[Entry]:
    """The entries of one file."""
    told = read_yaml(path)
    if not isinstance(told, list):
        raise RulebookError(path, 1, "应为规则条目的列表", "a list of rules is expected")
    return [read_entry(each, path=path, pack=pack) for each in told]


def read_entry(told: Any, *, path: Path, pack: str) -> Entry:
    """One entry with all its versions; every word in it must be known."""
    if not isinstance(told, Lines):
        raise RulebookError(path, 1, "规则条目应为键值映射", "a rule is a mapping of keys")
    known = {"id", "judged_by", "topic", "zh", "en", "applies", "presumption", "versions"}
    _only(told, known, path)
    for key in known - {"applies", "presumption"}:
        _require(told, key, path)
    kind = TESTS.get(told["judged_by"])
    if kind is None:
        zh, en = f"未知的判定方式 {told['judged_by']}", f"there is no test {told['judged_by']}; there are {', '.join(TESTS)}"
        raise RulebookError(path, told.at("judged_by"), zh, en)
    scope = _scope(told.get("applies") or Lines(), path)
    versions = [_version(told, each, kind, scope, path=path, pack=pack) for each in told["versions"]]
    if any(later.in_force <= earlier.in_force for earlier, later in pairwise(versions)):
        raise RulebookError(
            path, told.at("versions"), "各版本应按生效日期先后排列", "versions stand in the order of their dates"
        )
    return Entry(told["id"], path, told.line, tuple(versions))


def _version(told: Lines, version: Any, kind: type[Test], scope: Scope, *, path: Path, pack: str) -> Version:
    known = {"in_force", "source", "clause", "force", "confidence", "ambiguous", "note", "value"}
    if not isinstance(version, Lines):
        raise RulebookError(path, told.at("versions"), "版本应为键值映射", "a version is a mapping of keys")
    _only(version, known, path)
    for key in ("in_force", "source", "clause", "force", "confidence", "value"):
        _require(version, key, path)
    in_force = version["in_force"]
    if not isinstance(in_force, date):
        raise RulebookError(path, version.at("in_force"), "in_force 应为 YYYY-MM-DD", "in_force is a date, YYYY-MM-DD")
    if version["value"] is None:
        return Version(in_force, None, version.line)
    rule = Rule(
        id=told["id"],
        pack=pack,
        topic=_word(RuleTopic, told["topic"], path, told.at("topic")),
        test=build(kind, version["value"], path=path, line=version.at("value")),
        scope=scope,
        zh=told["zh"],
        en=told["en"],
        source=version["source"],
        clause=str(version["clause"]),
        force=_word(Force, version["force"], path, version.at("force")),
        confidence=_word(Confidence, version["confidence"], path, version.at("confidence")),
        in_force=in_force,
        ambiguous=bool(version.get("ambiguous", False)),
        presumption=bool(told.get("presumption", False)),
        note=version.get("note") or "",
    )
    return Version(in_force, rule, version.line)


def _scope(told: Lines, path: Path) -> Scope:
    _only(told, {"channels", "not_channels", "purposes", "parties", "not_parties", "agencies_only", "spares"}, path)

    def words(kind: type[StrEnum], key: str) -> frozenset[Any]:
        return frozenset(_word(kind, each, path, told.at(key)) for each in told[key])

    channels = words(Channel, "channels") if "channels" in told else None
    if "not_channels" in told:
        channels = frozenset(Channel) - words(Channel, "not_channels")
    spares = frozenset(told.get("spares", ()))
    if spares - _SPARES:
        zh, en = f"未知的豁免：{', '.join(spares - _SPARES)}", f"nothing is spared by {', '.join(spares - _SPARES)}"
        raise RulebookError(path, told.at("spares"), zh, en)
    return Scope(
        channels=channels,
        purposes=words(Purpose, "purposes") if "purposes" in told else None,
        parties=words(Party, "parties") if "parties" in told else None,
        not_parties=words(Party, "not_parties") if "not_parties" in told else frozenset(),
        agencies_only=bool(told.get("agencies_only", False)),
        spares=spares,
    )


# --- values -------------------------------------------------------------------------------------------------------


@cache
def value_types(kind: type[Test]) -> Mapping[str, tuple[Any, Stricter | None]]:
    """The values a test takes: name -> its type, and which way it may be tightened (None: no way)."""
    hints = get_type_hints(kind, include_extras=True)
    found = {}
    for each in fields(kind):  # type: ignore[arg-type]
        hint = hints[each.name]
        way = None
        if get_origin(hint) is Annotated:
            hint, way = get_args(hint)
        found[each.name] = (hint, way)
    return found


def build(kind: type[Test], told: Any, *, path: Path, line: int) -> Test:
    """The test of a kind with the values as written."""
    if not isinstance(told, Lines):
        raise RulebookError(path, line, "value 应为键值映射", "value is a mapping of names to values")
    known = value_types(kind)
    _only(told, set(known), path)
    given = {name: parse(known[name][0], value, path=path, line=told.at(name)) for name, value in told.items()}
    required = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}  # type: ignore[arg-type]
    for name in sorted(required - given.keys()):
        raise RulebookError(path, line, f"缺少取值 {name}", f"the value {name} is missing")
    try:
        return kind(**given)
    except ValueError as wrong:
        raise RulebookError(path, line, str(wrong), str(wrong)) from wrong


def parse(hint: Any, value: Any, *, path: Path, line: int) -> Any:
    """A value as written, as the type its test wants: a number, a time of day, a word, a set of words."""
    options = get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)
    if value is None and type(None) in options:
        return None
    (wanted,) = (option for option in options if option is not type(None))
    if get_origin(wanted) is frozenset:
        (each,) = get_args(wanted)
        if not isinstance(value, list):
            raise RulebookError(path, line, "应为列表", "a list is expected")
        return frozenset(parse(each, one, path=path, line=line) for one in value)
    if isinstance(wanted, type) and issubclass(wanted, StrEnum):
        return _word(wanted, value, path, line)
    if wanted is time and isinstance(value, str):
        try:
            return time.fromisoformat(value)
        except ValueError:
            raise RulebookError(
                path, line, f"时刻应写作 hh:mm，收到 {value}", f"a time of day is written hh:mm, not {value}"
            ) from None
    if isinstance(value, bool) is (wanted is bool) and isinstance(value, wanted):
        return value
    raise RulebookError(path, line, f"取值 {value!r} 类型不符", f"{value!r} is no {getattr(wanted, '__name__', wanted)}")


def _word(kind: type[StrEnum], value: Any, path: Path, line: int) -> Any:
    try:
        return kind(value)
    except ValueError:
        words = ", ".join(kind)
        raise RulebookError(path, line, f"“{value}”不在取值之列：{words}", f"{value!r} is none of {words}") from None


def _only(told: Lines, known: set[str], path: Path) -> None:
    for key in told:
        if key not in known:
            zh, en = (
                f"未知的键 {key}；可用：{', '.join(sorted(known))}",
                f"unknown key {key}; known are {', '.join(sorted(known))}",
            )
            raise RulebookError(path, told.at(key), zh, en)


def _require(told: Lines, key: str, path: Path) -> None:
    if key not in told:
        raise RulebookError(path, told.line, f"缺少键 {key}", f"the key {key} is missing")
