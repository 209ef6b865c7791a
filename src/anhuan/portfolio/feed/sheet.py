"""One delivered file as a query: where its rows stand, and the SQL that makes typed rows of them.

Knows headers, records that are no rows, delimited and fixed-width lines, and Parquet. Does not judge rows; what is
to be told of them gathers in `rules` and is told by `reading`.
"""

from __future__ import annotations

import csv
import glob
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from anhuan.portfolio.feed import cells, rules
from anhuan.portfolio.feed.cells import Fault, literal
from anhuan.portfolio.feed.columns import ACCOUNTS, PAYMENTS, FileTable, Need
from anhuan.portfolio.feed.delivery import DeliveredFile
from anhuan.portfolio.feed.layout import FileForm, Source
from anhuan.portfolio.feed.lines import LONGEST_LINE, Loaded, load
from anhuan.portfolio.feed.sentences import Sentence, sentence

# Most lines begin with a character above the blank; only the others are looked at whole.
_NOT_BLANK = f"(raw >= '!' OR coalesce(trim(raw, {literal(' ' + chr(26))}) <> '', false))"
_TEXT_TYPES = ("VARCHAR", "ENUM")
_WHOLE_TYPES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")


@dataclass(frozen=True)
class Sheet:
    """The rows of one file. `refusals`: why they cannot be told apart at all; then only `rows` counts.

    `absent`, `unknown`: columns that did not come, and names in the header that mean nothing. `blank`: query of
    the numbers of blank lines, None when there is none. `cells_of(only)`: query of line, whole, misquoted and
    c_<column> for the rows where the SQL condition `only` on {line} holds. `raw_of(only)`: likewise line and raw.
    """

    table: FileTable
    rows: int
    refusals: tuple[Sentence, ...] = ()
    absent: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    blank: str | None = None
    loaded: Loaded | None = None
    odd: bool = False
    encoding: str = "utf-8"
    broken: Fault = field(default_factory=lambda: Fault("line_fields", None, ""))
    sources: Mapping[str, tuple[Source, ...]] | None = None
    cells_of: Callable[[str], str] = str
    raw_of: Callable[[str], str] = str

    def source(self, column: str) -> Source:
        return (self.sources or {})[column][0]

    def coarse(self, column: str) -> bool:
        """Whether amounts of `column` are kept in the finest unit there is, as their currency is not known yet."""
        return self.table is PAYMENTS and self.source(column).money == "major"

    def typed(self, business_date: date, *, only: str = "true") -> str:
        """Query of the typed columns beside everything of `cells_of`."""
        digits = cells.digits_of("c_currency") if self.table is ACCOUNTS else str(cells.FINEST)
        values = ", ".join(
            f'{cells.value(column, self.source(column.name), digits="digits")} AS "{column.typed}"'
            for column in self.table.columns
        )
        typed = f"SELECT *, {values} FROM (SELECT *, {digits} AS digits FROM ({self.cells_of(only)}))"
        more = "".join(f', {expression} AS "{name}"' for name, expression in rules.derived(self.table, business_date).items())
        return f"SELECT *{more} FROM ({typed})" if more else typed

    def columns(self, business_date: date) -> tuple[str, ...]:
        """Names of the typed columns, `line` first."""
        return ("line", *(column.typed for column in self.table.columns), *rules.derived(self.table, business_date))

    def faults(self, business_date: date) -> Iterator[Fault]:
        """Everything that can be wrong with a row whose line is whole."""
        for column in self.table.columns:
            yield from cells.faults(column, self.source(column.name), odd=self.odd, encoding=self.encoding)
        yield from rules.faults(self.table, business_date)


def open_sheet(
    con: duckdb.DuckDBPyConnection, file: DeliveredFile, *, scratch: Path, progress: Callable[[int, int], None]
) -> Sheet:
    """Read the file's lines into the connection (Parquet stays where it is) and find out where its rows stand."""
    if file.parquet:
        return _parquet(con, file)
    try:
        loaded = load(
            con, file.path, lines_of(file.form.table), encoding=file.form.encoding, weight=file.weight,
            scratch=scratch, progress=progress,
        )  # fmt: skip
    except duckdb.Error:
        # What DuckDB says would repeat the line, and a line is personal.
        told = f"> {LONGEST_LINE >> 20} MiB"
        return Sheet(file.form.table, 0, (sentence("file_damaged", file=file.path.name, reason=told),))
    return _text(con, file, loaded)


def lines_of(table: FileTable) -> str:
    """Name of the table that holds a file's lines."""
    return f"delivered_{table.table}"


# --- Text -------------------------------------------------------------------------------------------------------------


def _text(con: duckdb.DuckDBPyConnection, file: DeliveredFile, loaded: Loaded) -> Sheet:
    form, lines = file.form, lines_of(file.form.table)
    skip = 0
    if form.head and _line(con, lines, 0).startswith(form.head.prefix):
        skip = 1
    names: list[str] | None = None
    if form.header:
        if loaded.lines <= skip:
            return Sheet(form.table, 0, (sentence("header_missing", file=file.path.name),), loaded=loaded)
        names = _header(_line(con, lines, skip), form)
        skip += 1
    told = con.execute(
        f"SELECT count(*) FILTER ({_NOT_BLANK}), max(rowid) FILTER ({_NOT_BLANK}), count(*) FROM {lines} WHERE rowid >= {skip}"
    ).fetchone() or (0, None, 0)
    rows, last, all_lines = int(told[0]), told[1], int(told[2])
    trailer = None
    if form.trailer and last is not None and _line(con, lines, last).startswith(form.trailer.prefix):
        trailer, rows = last, rows - 1
    sources, refusals, absent, unknown = _sources(file, names)
    if refusals:
        return Sheet(form.table, rows, refusals, loaded=loaded)
    count = len(names) if names is not None else form.fields or 0
    stand = f"{_NOT_BLANK} AND rowid >= {skip}" + (f" AND rowid <> {trailer}" if trailer is not None else "")
    return Sheet(
        form.table,
        rows,
        absent=absent,
        unknown=unknown,
        blank=f"SELECT rowid + 1 FROM {lines} WHERE rowid >= {skip} AND NOT coalesce({_NOT_BLANK}, false)"
        if all_lines > rows + (trailer is not None)
        else None,
        loaded=loaded,
        odd=loaded.odd,
        encoding=form.encoding,
        broken=_broken(form, count),
        sources=sources,
        cells_of=lambda only: _cells(form, names, sources, count=count, where=f"{stand} AND {only.format(line='rowid + 1')}"),
        raw_of=lambda only: f"SELECT rowid + 1 AS line, raw FROM {lines} WHERE {only.format(line='rowid + 1')}",
    )


def _line(con: duckdb.DuckDBPyConnection, lines: str, row: int) -> str:
    found = con.execute(f"SELECT raw FROM {lines} WHERE rowid = {row}").fetchone()
    return str(found[0] or "") if found else ""


def _header(line: str, form: FileForm) -> list[str]:
    names = next(csv.reader([line], delimiter=form.separator or ","), []) if form.quote else line.split(form.separator)
    if form.trailing_separator and names and not names[-1]:
        names.pop()
    return [name.strip() for name in names]


def _sources(
    file: DeliveredFile, names: Sequence[str] | None
) -> tuple[Mapping[str, tuple[Source, ...]], tuple[Sentence, ...], tuple[str, ...], tuple[str, ...]]:
    """Where each column comes from; what refuses the file; columns that did not come; names that mean nothing."""
    table, given = file.form.table, file.form.columns
    if names is None:
        return {column.name: (given or {}).get(column.name, (Source(constant=""),)) for column in table.columns}, (), (), ()
    sources: dict[str, tuple[Source, ...]] = {}
    refusals, absent = [], []
    for column in table.columns:
        wanted = (Source(column=column.name),) if given is None else given.get(column.name, (Source(constant=""),))
        missing = [s for s in wanted if _out_of_reach(s, names)]
        if any(names.count(source.column) > 1 for source in wanted if isinstance(source.column, str)):
            refusals.append(sentence("column_repeated", file=file.path.name, column=column.name))
        elif missing and column.need is not Need.NOTHING:
            refusals.append(sentence("column_missing", file=file.path.name, column=column.name, label=column.zh))
        elif missing:
            absent.append(column.name)
        sources[column.name] = (Source(constant=""),) if missing else wanted
    known = {column.name for column in table.columns}
    # A bank's own layout says what it uses; the canonical form should hold nothing else.
    unknown = tuple(name for name in names if name not in known) if given is None else ()
    return sources, tuple(refusals), tuple(absent), unknown


def _out_of_reach(source: Source, names: Sequence[str]) -> bool:
    if isinstance(source.column, int):
        return source.column > len(names)
    return source.column is not None and source.column not in names


def _broken(form: FileForm, count: int) -> Fault:
    if not form.widths:
        return Fault("line_fields", None, "", {"fields": count})
    zh, en = {"bytes": ("字节", "bytes"), "characters": ("字符", "characters")}[form.width_unit]
    return Fault("line_width", None, "", {"width": sum(form.widths), "zh": zh, "en": en})


def _cells(
    form: FileForm, names: Sequence[str] | None, sources: Mapping[str, tuple[Source, ...]], *, count: int, where: str
) -> str:
    """Query of line, whole, misquoted and c_<column> of the lines where `where` holds."""
    lines = lines_of(form.table)
    split = f"SELECT rowid + 1 AS line, {_unterminated(form)} AS raw FROM {lines} WHERE {where}"
    if form.widths:
        split = f"SELECT line, raw, {cells.padded(form)} AS w FROM ({split})"
    elif form.quote:
        split = f"SELECT line, raw, CASE WHEN contains(raw, '\"') THEN string_split(raw, '\"') END AS q FROM ({split})"
    split = f"SELECT *, {cells.fields(form)} AS p FROM ({split})"
    positions: dict[int | str, str] = {place: f"coalesce(p[{place}], '')" for place in range(1, count + 1)}
    positions.update({name: positions[place] for place, name in enumerate(names or (), 1)})
    texts = []
    for column in form.table.columns:
        text = cells.text(sources[column.name], positions)
        if column.name == form.table.key:
            text = f"CASE WHEN {_complete(form, count, names, sources[column.name][0])} THEN {text} ELSE '' END"
        texts.append(f'{text} AS "c_{column.name}"')
    whole = f"{cells.whole(form, count)} AS whole, p IS NULL AS misquoted"
    return f"SELECT line, {whole}, {', '.join(texts)} FROM ({split})"


def _unterminated(form: FileForm) -> str:
    """SQL of the line without the separator that ends it; a line without one gets a field too many."""
    if not form.trailing_separator or form.separator is None:
        return "raw"
    end = literal(form.separator)
    return f"CASE WHEN ends_with(raw, {end}) THEN substr(raw, 1, length(raw) - {len(form.separator)}) ELSE raw || {end} END"


def _complete(form: FileForm, count: int, names: Sequence[str] | None, source: Source) -> str:
    """SQL: the key was not cut short, even if its line was: something stands behind it."""
    if source.column is None:
        return "true"
    place = source.column if isinstance(source.column, int) else list(names or ()).index(source.column) + 1
    if form.widths:
        return f"length(w) >= {sum(form.widths[:place])}"
    return f"coalesce(len(p) > {place} OR len(p) = {count}, false)"


# --- Parquet ----------------------------------------------------------------------------------------------------------


def _parquet(con: duckdb.DuckDBPyConnection, file: DeliveredFile) -> Sheet:
    table, name = file.form.table, file.path.name
    relation = f"read_parquet({literal(glob.escape(str(file.path)))}, file_row_number = true)"
    try:
        described = con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        counted = con.execute(f"SELECT count(*) FROM {relation}").fetchone()
    except duckdb.Error as wrong:
        reason = str(wrong).splitlines()[0].replace(str(file.path), name)[:200]
        return Sheet(table, 0, (sentence("file_damaged", file=name, reason=reason),))
    types = {str(column): str(kind) for column, kind, *_ in described if column != "file_row_number"}
    rows = int(counted[0]) if counted else 0
    sources, refusals, absent, unknown = _sources(file, list(types))
    used = {source.column for each in sources.values() for source in each if isinstance(source.column, str)}
    texts: dict[int | str, str] = {}
    for column in used:
        text = _as_text(_quoted(column), types[column])
        if text is None:
            refusals = (*refusals, sentence("column_type", file=name, column=column, type=types[column]))
        else:
            texts[column] = f"coalesce({text}, '')"
    if refusals:
        return Sheet(table, rows, refusals)
    columns = ", ".join(f'{cells.text(sources[column.name], texts)} AS "c_{column.name}"' for column in table.columns)
    row = ", ".join(f"{literal(column)}: {_quoted(column)}" for column in types)
    at = "file_row_number + 1"
    return Sheet(
        table,
        rows,
        absent=absent,
        unknown=unknown,
        odd=True,
        broken=Fault("line_fields", None, "", {"fields": len(types)}),
        sources=sources,
        cells_of=lambda only: (
            f"SELECT {at} AS line, true AS whole, false AS misquoted, {columns} FROM {relation} WHERE {only.format(line=at)}"
        ),
        raw_of=lambda only: (
            f"SELECT line, CAST(to_json(struct) AS VARCHAR) AS raw FROM (SELECT {at} AS line, {{{row}}} AS struct "
            f"FROM {relation} WHERE {only.format(line=at)})"
        ),
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _as_text(column: str, kind: str) -> str | None:
    """SQL of the canonical text of a Parquet column of type `kind`; None when it is no cell."""
    if kind.startswith(_TEXT_TYPES) and not kind.endswith("[]"):
        return f"CAST({column} AS VARCHAR)"
    if kind in {*_WHOLE_TYPES, "BOOLEAN", "DATE"}:
        return f"CAST({column} AS VARCHAR)"
    if kind.startswith("DECIMAL") or kind in {"DOUBLE", "FLOAT"}:
        number = f"CAST({column} AS VARCHAR)"
        return f"CASE WHEN contains({number}, '.') THEN rtrim(rtrim({number}, '0'), '.') ELSE {number} END"
    if kind.startswith("TIMESTAMP"):
        day = f"CAST({column} AS DATE)"
        return f"CASE WHEN {column} = {day} THEN CAST({day} AS VARCHAR) ELSE CAST({column} AS VARCHAR) END"
    return f"array_to_string({column}, ';')" if kind == "VARCHAR[]" else None
