"""Layouts: a bank's own form of the files, described in TOML and read without code.

Knows the keys of a layout file, their defaults and what is wrong with one (`docs/feed.md` explains them). Does not
know any delivery: which files there are, and what they hold, stands in `delivery` and `reading`.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from anhuan.portfolio.feed.columns import FILES, FileTable, Kind, Need
from anhuan.portfolio.feed.sentences import unreadable

CANONICAL = "canonical"
SHIPPED = resources.files("anhuan.portfolio.feed") / "layouts"

# ASCII stays one byte in each of them, and no byte of a longer character is ever a line feed.
ENCODINGS = ("utf-8", "gb18030", "gbk", "gb2312", "big5", "big5hkscs", "ascii", "latin-1", "cp1252")
CHECKSUMS = ("sha256", "sha1", "md5", "sm3")
FACTS = ("issuer", "business_date", "sequence", "replaces")

Place = int | tuple[int, int]
"""Where a record has a value: its n-th field, counted from 1, or (start, length) in characters, counted from 1."""


@dataclass(frozen=True)
class Source:
    """Where the text of a column comes from and how it becomes canonical. One of `column` and `constant` is set.

    `column`: position from 1, or name in the header. `values`: text as delivered -> canonical text; what is not
    in it becomes `otherwise`, or stays as it is when `otherwise` is None. `empty`: texts that mean unknown.
    """

    column: int | str | None = None
    constant: str | None = None
    date: str = "%Y-%m-%d"
    money: str = "major"
    values: Mapping[str, str] = field(default_factory=dict)
    otherwise: str | None = None
    empty: tuple[str, ...] = ()
    trim: bool = False


@dataclass(frozen=True)
class Record:
    """A first or last line, or the content of a flag file, that says something of its data file."""

    prefix: str = ""
    separator: str | None = None
    rows: Place | None = None
    bytes: Place | None = None
    checksums: Mapping[str, Place] = field(default_factory=dict)
    sums: Mapping[str, Place] = field(default_factory=dict)
    money: str = "major"


@dataclass(frozen=True)
class Flag:
    """A small file whose presence says that its data file is whole. `path` may hold {name} and {stem} of the latter."""

    path: str
    record: Record


@dataclass(frozen=True)
class FileForm:
    """How a bank writes one file of the contract. Either `separator` or `widths` is set, neither for Parquet alone.

    `columns`: sources by canonical column; None means the canonical names stand in the header. More than one source
    (of `flags`) are joined by `;`. `fields`: how many a line has, when no header says so.
    """

    table: FileTable
    paths: tuple[str, ...]
    optional: bool = False
    encoding: str = "utf-8"
    separator: str | None = ","
    widths: tuple[int, ...] = ()
    width_unit: str = "bytes"
    quote: str = ""
    header: bool = True
    fields: int | None = None
    trailing_separator: bool = False
    columns: Mapping[str, tuple[Source, ...]] | None = None
    head: Record | None = None
    trailer: Record | None = None
    flag: Flag | None = None


@dataclass(frozen=True)
class FactSource:
    """Where a fact of the delivery stands: a constant, or a place in a record of a file."""

    constant: str | None = None
    origin: str = ""  # name, folder, head, trailer, flag
    file: str = ""
    place: Place | None = None
    date: str = "%Y-%m-%d"


@dataclass(frozen=True)
class Layout:
    """A bank's form as a whole. `name` is `<name>/<version>`, as manifests and nights write it."""

    name: str
    manifest: bool
    folder: str | None
    ready: str | None
    facts: Mapping[str, FactSource]
    files: Mapping[str, FileForm]


def find(wanted: str | None, search: Sequence[Path]) -> Layout:
    """The layout called `wanted`: the path of a .toml file, or a name (`canonical`, `canonical/1`) looked up in the

    folders `search`, then among the shipped ones. Raises FeedUnreadable when there is none or it is wrong.
    """
    wanted = wanted or CANONICAL
    if wanted.endswith(".toml"):
        file = Path(wanted)
        if not file.is_file():
            raise unreadable("layout_unknown", layout=wanted, names=", ".join(_names(search)))
        return read(file.read_bytes(), file.name)
    name = wanted.partition("/")[0]
    for folder in (*search, SHIPPED):
        candidate = folder / f"{name}.toml"
        if re.fullmatch(r"[\w.-]+", name) and candidate.is_file():
            found = read(candidate.read_bytes(), f"{name}.toml")
            if "/" in wanted and found.name != wanted:
                raise unreadable("layout_version", wanted=wanted, found=found.name)
            return found
    raise unreadable("layout_unknown", layout=wanted, names=", ".join(_names(search)))


def _names(search: Sequence[Path]) -> list[str]:
    folders = [*(folder for folder in search if folder.is_dir()), SHIPPED]
    return sorted(
        {file.name.removesuffix(".toml") for folder in folders for file in folder.iterdir() if file.name.endswith(".toml")}
    )


def read(toml: bytes, file: str) -> Layout:
    """The layout written in `toml`, which is UTF-8; `file` is its name, for sentences and as its default name.

    Raises FeedUnreadable naming the key that is wrong: an unknown key is as wrong as a bad value.
    """
    try:
        return _layout(_Table("", tomllib.loads(toml.decode("utf-8-sig"))), file.removesuffix(".toml"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise unreadable("layout_broken", file=file, where="TOML", zh=str(wrong), en=str(wrong)) from None
    except _Wrong as wrong:
        raise unreadable("layout_broken", file=file, where=wrong.where, zh=wrong.zh, en=wrong.en) from None


class _Wrong(Exception):
    def __init__(self, where: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.where, self.zh, self.en = where, zh, en


class _Table:
    """A TOML table that is read key by key; what nobody asked for is an error in the end."""

    def __init__(self, where: str, values: object) -> None:
        if not isinstance(values, dict):
            raise _Wrong(where, "应为一个表", "it should be a table")
        self.where = where
        self.values: dict[str, Any] = values
        self.asked: set[str] = set()

    def at(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def take(self, key: str, kind: type[Any], default: Any = None) -> Any:
        self.asked.add(key)
        value = self.values.get(key, default)
        if value is default:
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            names = {str: ("文本", "text"), int: ("整数", "a whole number"), bool: ("true 或 false", "true or false")}
            zh, en = names.get(kind, ("列表", "a list") if kind is list else ("表", "a table"))
            raise _Wrong(self.at(key), f"应为{zh}", f"it should be {en}")
        return value

    def says(self, key: str, *, otherwise: bool) -> bool:
        said: bool = self.take(key, bool, otherwise)
        return said

    def one_of(self, key: str, choices: Sequence[str], default: str) -> str:
        value: str = self.take(key, str, default)
        if value not in choices:
            listed = ", ".join(choices)
            raise _Wrong(self.at(key), f"应为 {listed} 之一", f"it should be one of {listed}")
        return value

    def texts(self, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        self.asked.add(key)
        value = self.values.get(key, list(default))
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
            raise _Wrong(self.at(key), "应为文本或文本列表", "it should be text or a list of texts")
        return tuple(values)

    def table(self, key: str) -> _Table | None:
        self.asked.add(key)
        return _Table(self.at(key), self.values[key]) if key in self.values else None

    def place(self, key: str) -> Place | None:
        self.asked.add(key)
        value = self.values.get(key)
        match value:
            case None:
                return None
            case int() if value >= 1 and not isinstance(value, bool):
                return value
            case [int() as start, int() as length] if start >= 1 and length >= 1:
                return (start, length)
        raise _Wrong(self.at(key), "应为字段序号或 [起始, 长度]", "it should be the number of a field or [start, length]")

    def with_defaults(self, defaults: Mapping[str, Any]) -> _Table:
        return _Table(self.where, {**defaults, **self.values})

    def finish(self) -> None:
        for key in self.values:
            if key not in self.asked:
                raise _Wrong(self.at(key), "没有这个键", "there is no such key")


def _layout(table: _Table, file: str) -> Layout:
    name = table.take("layout", str, f"{file}/1")
    table.take("title_zh", str), table.take("title_en", str)
    if not re.fullmatch(r"[\w.-]+/\d+", name):
        raise _Wrong("layout", "应写作 名称/版本号", "it should be name/version")
    delivery = table.table("delivery") or _Table("delivery", {})
    defaults = table.table("defaults") or _Table("defaults", {})
    for key in ("path", "columns", "optional"):
        if key in defaults.values:
            raise _Wrong(defaults.at(key), "不能作为默认值", "it cannot be a default")
    files = table.table("files") or _Table("files", {})
    forms = {
        known.name: _file(entry.with_defaults(defaults.values), known)
        for known in FILES.values()
        if (entry := files.table(known.table)) is not None
    }
    files.finish()
    for known in FILES.values():
        if known.name not in forms and not known.delta:
            raise _Wrong(f"files.{known.table}", "缺少此文件", "this file is not described")
    manifest = delivery.says("manifest", otherwise=False)
    layout = Layout(
        name,
        manifest,
        delivery.take("folder", str),
        delivery.take("ready", str),
        _facts(delivery, forms, manifest=manifest),
        forms,
    )
    delivery.finish()
    table.finish()
    return layout


def _facts(delivery: _Table, forms: Mapping[str, FileForm], *, manifest: bool) -> dict[str, FactSource]:
    facts: dict[str, FactSource] = {}
    for fact in FACTS:
        delivery.asked.add(fact)
        value = delivery.values.get(fact)
        if isinstance(value, str | int) and not isinstance(value, bool):
            facts[fact] = FactSource(constant=str(value))
        elif value is not None:
            facts[fact] = _fact(_Table(delivery.at(fact), value), forms)
    if not manifest:
        patterns = [delivery.values.get("folder") or "", *(path for form in forms.values() for path in form.paths)]
        for fact in ("issuer", "business_date"):
            if fact not in facts and not any(f"{{{fact}" in pattern for pattern in patterns):
                raise _Wrong(delivery.at(fact), "没有说明从哪里取得", "nothing says where it comes from")
    return facts


def _fact(table: _Table, forms: Mapping[str, FileForm]) -> FactSource:
    origin = table.one_of("from", ("head", "trailer", "flag"), "head")
    file = table.one_of("file", [form.table.table for form in forms.values()], "accounts")
    place = table.place("field")
    if place is None:
        raise _Wrong(table.at("field"), "缺少", "it is missing")
    if getattr(forms[f"{file}.csv"], origin) is None:
        raise _Wrong(table.at("from"), f"files.{file} 没有 {origin}", f"files.{file} has no {origin}")
    source = FactSource(None, origin, f"{file}.csv", place, _date_form(table))
    table.finish()
    return source


def _file(table: _Table, known: FileTable) -> FileForm:
    paths = table.texts("path")
    if not paths or not all(path and "/" not in path for path in paths):
        raise _Wrong(table.at("path"), "应为文件名或文件名模式", "it should be a file name or a pattern of one")
    widths = tuple(table.take("widths", list, []))
    if not all(isinstance(width, int) and width > 0 for width in widths):
        raise _Wrong(table.at("widths"), "应为正整数列表", "it should be a list of positive whole numbers")
    separator: str | None = table.take("separator", str, None if widths else ",")
    if (separator is not None) == bool(widths) or separator == "":
        raise _Wrong(table.at("separator"), "separator 与 widths 应恰有其一", "give either separator or widths")
    quote: str = table.take("quote", str, "")
    if quote not in {"", '"'}:
        raise _Wrong(table.at("quote"), '只能为空或 "', 'it can be empty or "')
    header = table.says("header", otherwise=not widths)
    if widths and header:
        raise _Wrong(
            table.at("header"), "定长文件没有列名行；首记录请用 head", "fixed widths have no header; a first record is `head`"
        )
    settings = _Defaults(
        _date_form(table),
        table.one_of("money", ("major", "minor"), "major"),
        table.texts("empty"),
        table.says("trim", otherwise=bool(widths)),
    )
    columns = _columns(table, known, settings, header=header)
    fields = table.take("fields", int)
    form = FileForm(
        known,
        paths,
        optional=table.says("optional", otherwise=known.delta),
        encoding=table.one_of("encoding", ENCODINGS, "utf-8"),
        separator=separator,
        widths=widths,
        width_unit=table.one_of("width_unit", ("bytes", "characters"), "bytes"),
        quote=quote,
        header=header,
        fields=None if header else fields or len(widths) or _last_position(columns),
        trailing_separator=table.says("trailing_separator", otherwise=False),
        columns=columns,
        head=_record(table.table("head"), settings.money, separator),
        trailer=_record(table.table("trailer"), settings.money, separator),
        flag=_flag(table.table("flag"), settings.money, separator),
    )
    table.finish()
    _positions_fit(form, table)
    return form


@dataclass(frozen=True)
class _Defaults:
    """What a column takes from its file when it does not say otherwise."""

    date: str
    money: str
    empty: tuple[str, ...]
    trim: bool


def _columns(table: _Table, known: FileTable, settings: _Defaults, *, header: bool) -> Mapping[str, tuple[Source, ...]] | None:
    columns = table.table("columns")
    if columns is None:
        if not header:
            raise _Wrong(table.at("columns"), "没有列名行时必须写明", "without a header it must be given")
        return None
    sources: dict[str, tuple[Source, ...]] = {}
    for column in known.columns:
        columns.asked.add(column.name)
        value = columns.values.get(column.name)
        where = columns.at(column.name)
        if value is not None:
            many = value if isinstance(value, list) and column.kind is Kind.FLAGS else [value]
            sources[column.name] = tuple(_source(where, item, settings) for item in many)
        elif column.need is not Need.NOTHING:
            raise _Wrong(where, "此列为必需", "this column is required")
    columns.finish()
    return sources


def _source(where: str, value: object, settings: _Defaults) -> Source:
    table = _Table(where, {"column": value} if isinstance(value, int | str) else value)
    table.asked.add("column")
    column = table.values.get("column")
    constant = table.take("constant", str)
    if (column is None) == (constant is None) or isinstance(column, bool):
        raise _Wrong(where, "column 与 constant 应恰有其一", "give either column or constant")
    if column is not None and (
        not isinstance(column, int | str) or column in {"", 0} or (isinstance(column, int) and column < 0)
    ):
        raise _Wrong(where, "column 应为从 1 起的位置或列名", "column should be a position from 1 or a name")
    values = (table.table("values") or _Table(where, {})).values
    if not all(isinstance(text, str) for text in values.values()):
        raise _Wrong(table.at("values"), "应全为文本", "it should hold texts alone")
    source = Source(
        column,
        constant,
        _date_form(table, settings.date),
        table.one_of("money", ("major", "minor"), settings.money),
        values,
        table.take("otherwise", str),
        table.texts("empty", settings.empty),
        table.says("trim", otherwise=settings.trim),
    )
    table.finish()
    return source


def _record(table: _Table | None, money: str, separator: str | None) -> Record | None:
    if table is None:
        return None
    for name in CHECKSUMS:
        if name in table.values and name not in hashlib.algorithms_available:
            raise _Wrong(table.at(name), "本机无法计算", "this machine cannot compute it")
    sums = table.table("sums") or _Table(table.at("sums"), {})
    record = Record(
        prefix=table.take("prefix", str, ""),
        separator=table.take("separator", str, separator),
        rows=table.place("rows"),
        bytes=table.place("bytes"),
        checksums={name: place for name in CHECKSUMS if (place := table.place(name)) is not None},
        sums={name: place for name in sums.values if (place := sums.place(name)) is not None},
        money=table.one_of("money", ("major", "minor"), money),
    )
    table.finish()
    return record


def _flag(table: _Table | None, money: str, separator: str | None) -> Flag | None:
    if table is None:
        return None
    path: str = table.take("path", str, "{name}.ok")
    if re.sub(r"\{name\}|\{stem\}", "", path).strip("{}") != re.sub(r"\{name\}|\{stem\}", "", path) or "/" in path:
        raise _Wrong(table.at("path"), "只能含 {name} 或 {stem}", "it can hold {name} or {stem} alone")
    rest = {key: value for key, value in table.values.items() if key != "path"}
    record = _record(_Table(table.where, rest), money, separator)
    return None if record is None else Flag(path, record)


def _date_form(table: _Table, default: str = "%Y-%m-%d") -> str:
    form: str = table.take("date", str, default)
    if sorted(re.findall(r"%.", form)) != ["%Y", "%d", "%m"]:
        raise _Wrong(table.at("date"), "应由 %Y、%m、%d 各一次组成", "it should hold %Y, %m and %d once each")
    return form


def _last_position(columns: Mapping[str, tuple[Source, ...]] | None) -> int:
    sources = [source for each in (columns or {}).values() for source in each]
    return max((source.column for source in sources if isinstance(source.column, int)), default=0)


def _positions_fit(form: FileForm, table: _Table) -> None:
    """Names need a header to stand in; positions must lie within the line."""
    for name, sources in (form.columns or {}).items():
        for source in sources:
            where = f"{table.where}.columns.{name}"
            if isinstance(source.column, str) and not form.header and not form.paths[0].endswith(".parquet"):
                raise _Wrong(where, "没有列名行，只能用位置", "without a header only positions can be used")
            if isinstance(source.column, int) and form.fields is not None and source.column > form.fields:
                raise _Wrong(where, f"每行只有 {form.fields} 个字段", f"a line has {form.fields} fields only")
