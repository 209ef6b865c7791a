"""From a line to typed cells, in SQL: how a line falls into fields, a field becomes text, and text a value.

Knows how each kind of column is written and what can be wrong with one cell. Does not run anything, and knows
neither rows that contradict themselves nor other rows (`rules`).

In the SQL made here `c_<column>` is the canonical text of a cell ('' when empty) and `<column>` its value (NULL when
empty or unreadable). A condition that is NULL counts as FALSE.
"""

from __future__ import annotations

import codecs
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from anhuan.core.money import MINOR_DIGITS
from anhuan.portfolio.feed.columns import Below, Column, Kind, Need
from anhuan.portfolio.feed.layout import FileForm, Source
from anhuan.portfolio.feed.lines import FILLER, PRIVATE

FINEST = max(MINOR_DIGITS.values())
"""Digits used for an amount whose currency is not known yet: the most that any currency has."""

_SPLIT_MARK = chr(0x10F5FC)
_BLANKS = " \u3000"
_LANGUAGE = "[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?(-[A-Za-z0-9]{2,8})*"
_REGION = "(1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12])[0-9]{4}"  # provinces of GB/T 2260
# What amounts are: at most 18 digits that count, so that neither scaling nor a sum of five leaves 64 bits.
_MAJOR, _MAJOR_LARGE = "-?0*[0-9]{1,14}(\\.[0-9]{1,4})?", "-?[0-9]{15,}(\\.[0-9]+)?"
_MINOR, _MINOR_LARGE = "-?0*[0-9]{1,18}", "-?[0-9]{19,}"
_MONEY_FORMS = {
    "major": ("1234.50 这样的小数", "a decimal like 1234.50"),
    "minor": ("整数的最小货币单位（分）", "a whole number of minor units"),
}


@dataclass(frozen=True)
class Fault:
    """Something that can be wrong with a row: where `condition` holds, `code` is said of `column`.

    `condition` may speak of texts and values. Rows are first sieved, as a million clean ones must cost next to
    nothing: by `suspicion`, which holds whenever `condition` does and speaks of values alone, and by `doubt`, a whole
    number over texts and values, 0 when `condition` does not hold, computed while the row is typed.
    """

    code: str
    column: Column | None
    condition: str
    facts: Mapping[str, object] = field(default_factory=dict)
    suspicion: str | None = None
    doubt: str | None = None


def literal(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def listed(texts: Iterable[str]) -> str:
    return ", ".join(literal(text) for text in texts)


def matches(expression: str, pattern: str) -> str:
    return f"regexp_full_match({expression}, {literal(pattern)})"


# --- A line falls into fields -----------------------------------------------------------------------------------------


def fields(form: FileForm) -> str:
    """SQL of the fields of a line, a list of texts; NULL when its quotes make no sense. See `whole`.

    Of line `raw`, and of `q`, the line cut at its quotes, or of `w`, the line as `padded`.
    """
    if form.widths:
        return _cut(form)
    separator = literal(form.separator or "")
    plain = f"string_split(raw, {separator})"
    if not form.quote:
        return plain
    unquoted = f"string_split(replace(raw, '\"', ''), {separator})"
    mark = literal(_SPLIT_MARK)
    # Cut at the quotes, odd parts lie outside of them: separators count there alone, and an empty one between two
    # quoted parts is a doubled quote, that is a quote.
    outside = (
        f"list_transform(q, lambda x, i: CASE WHEN i % 2 = 0 THEN x "
        f"WHEN x = '' AND i > 1 AND i < len(q) THEN '\"' ELSE replace(x, {separator}, {mark}) END)"
    )
    misplaced = (
        f"len(list_filter(q, lambda x, i: i % 2 = 1 AND x <> '' AND ((i > 1 AND NOT starts_with(x, {separator})) "
        f"OR (i < len(q) AND NOT ends_with(x, {separator}))))) > 0"
    )
    return (
        f"CASE WHEN NOT contains(raw, '\"') THEN {plain} WHEN {_simply_quoted(form.separator or '')} THEN {unquoted} "
        f"WHEN len(q) % 2 = 0 OR {misplaced} THEN NULL "
        f"ELSE string_split(array_to_string({outside}, ''), {mark}) END"
    )


def _simply_quoted(separator: str) -> str:
    """SQL: quotes stand only around whole fields and hide neither separators nor quotes; they may just be dropped."""
    if len(separator) > 1:
        return "false"
    cell = f'(?:[^"{_in_class(separator)}]*|"[^"{_in_class(separator)}]*")'
    return matches("raw", f"{cell}(?:{_in_class(separator)}{cell})*")


def _in_class(character: str) -> str:
    return f"\\x{{{ord(character):X}}}"


def _cut(form: FileForm) -> str:
    pieces, start = [], 1
    for width in form.widths:
        pieces.append(f"replace(substr(w, {start}, {width}), {literal(FILLER)}, '')")
        start += width
    return f"[{', '.join(pieces)}]"


def whole(form: FileForm, count: int) -> str:
    """SQL: the line fell into the `count` fields it should have (`p`), or has its due width (`w`)."""
    if not form.widths:
        return f"coalesce(len(p) = {count}, false)"
    starts = [1 + sum(form.widths[:before]) for before in range(1, len(form.widths))]
    halved = " OR ".join(f"substr(w, {start}, 1) = {literal(FILLER)}" for start in starts) or "false"
    return f"length(w) = {sum(form.widths)} AND (strlen(raw) = length(raw) OR NOT ({halved}))"


def padded(form: FileForm) -> str:
    """SQL of line `raw` in which each character takes as many places as it has bytes in the file, for fixed widths."""
    if form.width_unit == "characters":
        return "raw"
    wider = "raw"
    for pattern, more in _wide_characters(form.encoding):
        wider = f"regexp_replace({wider}, {literal(pattern)}, {literal(chr(92) + '0' + FILLER * more)}, 'g')"
    return f"CASE WHEN strlen(raw) = length(raw) THEN raw ELSE {wider} END"


@functools.cache
def _wide_characters(encoding: str) -> tuple[tuple[str, int], ...]:
    """Classes of characters by the bytes they take beyond one in `encoding`: ((regular expression, bytes), …)."""
    encode = codecs.getencoder(encoding)
    sizes: dict[int, list[list[int]]] = {}
    for point in (*range(0x80, 0xD800), *range(0xE000, 0x10000)):
        try:
            more = len(encode(chr(point))[0]) - 1
        except UnicodeEncodeError:
            continue
        runs = sizes.setdefault(more, [])
        if runs and runs[-1][1] == point - 1:
            runs[-1][1] = point
        else:
            runs.append([point, point])
    if encoding in {"utf-8", "gb18030"}:
        # Up to our own marks, each of which stands for one byte.
        sizes.setdefault(3, []).append([0x10000, 0x10F4FF])
    return tuple(
        ("[" + "".join(f"\\x{{{first:X}}}-\\x{{{last:X}}}" for first, last in runs) + "]", more)
        for more, runs in sorted(sizes.items())
        if more
    )


# --- A field becomes text ---------------------------------------------------------------------------------------------


def text(sources: tuple[Source, ...], positions: Mapping[int | str, str]) -> str:
    """SQL of the canonical text of a cell; `positions` gives the SQL of the field at a position or under a name."""
    texts = [_one_text(source, positions) for source in sources]
    if len(texts) == 1:
        return texts[0]
    words = ", ".join(f"nullif({one}, '')" for one in texts)
    return f"concat_ws(';', {words})"


def _one_text(source: Source, positions: Mapping[int | str, str]) -> str:
    if source.column is None:
        return literal(source.constant or "")
    expression = positions[source.column]
    if source.trim:
        expression = f"trim({expression}, {literal(_BLANKS)})"
    arms = [f"WHEN {literal(given)} THEN ''" for given in source.empty if given not in source.values]
    arms += [f"WHEN {literal(given)} THEN {literal(meant)}" for given, meant in source.values.items()]
    if not arms:
        return expression
    otherwise = expression if source.otherwise is None else literal(source.otherwise)
    return f"CASE {expression} {' '.join(arms)} ELSE {otherwise} END"


# --- Text becomes a value ---------------------------------------------------------------------------------------------


def value(column: Column, source: Source, *, digits: str) -> str:
    """SQL of the typed value of `c_<column>`. `digits`: SQL of the decimals its currency has, for money."""
    cell = f"c_{column.name}"
    match column.kind:
        case Kind.DATE:
            return _date(cell, source.date)
        case Kind.MONEY:
            amount = _money(cell, source.money, digits)
            return f"CASE WHEN {cell} = '' THEN 0 ELSE {amount} END" if column.nil else amount
        case Kind.BOOLEAN:
            return f"CASE {cell} WHEN 'true' THEN true WHEN 'false' THEN false END"
        case Kind.NUMBER:
            number = f"CASE WHEN {matches(cell, '[0-9]{1,9}')} THEN try_cast({cell} AS INTEGER) END"
            return f"CASE WHEN {number} BETWEEN {column.low} AND {column.high} THEN CAST({number} AS SMALLINT) END"
        case Kind.FLAGS:
            given = f"list_transform(string_split({cell}, ';'), lambda x: trim(x))"
            known = f"list_filter([{listed(column.choices)}], lambda k: list_contains({given}, k))"
            return f"CASE WHEN {cell} = '' THEN CAST([] AS VARCHAR[]) ELSE {known} END"
        case Kind.TEXT | Kind.CHOICE | Kind.LANGUAGE | Kind.REGION:
            return _word(column, cell)


def _word(column: Column, cell: str) -> str:
    if column.kind is Kind.REGION:
        return f"CASE WHEN {matches(cell, _REGION)} THEN {cell} END"
    if column.kind is Kind.LANGUAGE:
        return f"CASE WHEN {matches(cell, _LANGUAGE)} THEN {cell} ELSE {literal(column.default or '')} END"
    if column.default is not None:
        return f"CASE WHEN {cell} = '' THEN {literal(column.default)} ELSE {cell} END"
    return cell if column.identity else f"nullif({cell}, '')"


def digits_of(currency: str) -> str:
    """SQL of the decimals of the currency in expression `currency`; 2 for one that is not known."""
    arms = [
        f"WHEN {currency} IN ({listed(code for code, digits in MINOR_DIGITS.items() if digits == wanted)}) THEN {wanted}"
        for wanted in sorted(set(MINOR_DIGITS.values()) - {2})
    ]
    return f"CASE WHEN {currency} = 'CNY' THEN 2 {' '.join(arms)} ELSE 2 END"


def _date(cell: str, form: str) -> str:
    if form == "%Y-%m-%d":
        # Written back the same, it was written right; cheaper than a regular expression.
        parsed = f"try_cast({cell} AS DATE)"
        return f"CASE WHEN strlen({cell}) = 10 AND CAST({parsed} AS VARCHAR) = {cell} THEN {parsed} END"
    pattern = form
    for special in ".+*?()[]{}|^$\\":
        pattern = pattern.replace(special, f"\\{special}")
    pattern = pattern.replace("%Y", "[0-9]{4}").replace("%m", "[0-9]{2}").replace("%d", "[0-9]{2}")
    parsed = f"CAST(try_strptime({cell}, {literal(form)}) AS DATE)"
    return f"CASE WHEN {matches(cell, pattern)} AND {parsed} >= DATE '0001-01-01' THEN {parsed} END"


def _money(cell: str, form: str, digits: str) -> str:
    # A cast that gives the same text back is the cheapest proof that a number is written plainly.
    if form == "minor":
        whole_number = f"try_cast({cell} AS BIGINT)"
        return (
            f"CASE WHEN strlen({cell}) <= 18 AND CAST({whole_number} AS VARCHAR) = {cell} THEN {whole_number} "
            f"WHEN {matches(cell, _MINOR)} THEN {whole_number} END"
        )
    decimals = f"CASE WHEN contains({cell}, '.') THEN strlen({cell}) - strpos({cell}, '.') ELSE 0 END"
    scale = " ".join(f"WHEN {power} THEN {10**power}" for power in range(FINEST + 1))
    # Most amounts are written with exactly two decimals.
    exact = f"try_cast({cell} AS DECIMAL(16, 2))"
    return (
        f"CASE WHEN {digits} = 2 AND CAST({exact} AS VARCHAR) = {cell} THEN CAST({exact} * 100 AS BIGINT) "
        f"WHEN {matches(cell, _MAJOR)} "
        f"THEN try_cast(replace({cell}, '.', '') AS BIGINT) * CASE {digits} - {decimals} {scale} END END"
    )


# --- What can be wrong with one cell ----------------------------------------------------------------------------------


def faults(column: Column, source: Source, *, odd: bool, encoding: str) -> Iterator[Fault]:
    """Everything that can be wrong with a cell of `column`. `odd`: the file holds characters that are no text."""
    cell, typed = f"c_{column.name}", f'"{column.typed}"'
    if column.need is Need.CELL:
        # Blanks sort before every other character.
        blank = f"{typed} IS NULL OR {typed} < '!'" if column.kind is Kind.TEXT else f"{typed} IS NULL"
        yield Fault("cell_missing", column, f"trim({cell}) = ''", suspicion=blank)
    if odd and column.kind in {Kind.TEXT, Kind.LANGUAGE, Kind.REGION, Kind.FLAGS}:
        private = f"regexp_matches({cell}, {literal(PRIVATE)})"
        yield Fault("cell_undecodable", column, private, {"encoding": encoding}, doubt=f"CAST({private} AS TINYINT)")
    if column.limit is not None:
        longer = f"strlen({typed}) > {column.limit} AND length({typed}) > {column.limit}"
        yield Fault("cell_too_long", column, longer, {"limit": column.limit}, longer)
    if column.kind in {Kind.CHOICE, Kind.LANGUAGE, Kind.FLAGS}:
        yield _of_words(column, cell, typed)
    elif column.kind is not Kind.TEXT:
        for fault in _of_unread(column, source, f"{cell} <> '' AND {typed} IS NULL"):
            if column.need is Need.CELL or column.nil:
                yield replace(fault, suspicion=f"{typed} IS NULL")
            else:
                yield replace(fault, doubt=f"CAST({typed} IS NULL AS TINYINT) - CAST({cell} = '' AS TINYINT)")
    negative = {Below.ODD: "money_below_nil", Below.WRONG: "money_negative"}.get(column.below)
    if negative:
        below = f"{typed} < 0"
        yield Fault(negative, column, below, suspicion=below)


def _of_unread(column: Column, source: Source, unread: str) -> Iterator[Fault]:
    """Why a text became no value: what is said of it depends on how it is written."""
    cell = f"c_{column.name}"
    match column.kind:
        case Kind.DATE:
            yield Fault("cell_not_a_date", column, unread, {"form": _people(source.date)})
        case Kind.MONEY:
            minor = source.money == "minor"
            large = matches(cell, _MINOR_LARGE if minor else _MAJOR_LARGE)
            fine = "false" if minor else matches(cell, "-?[0-9]+\\.[0-9]+")
            zh, en = _MONEY_FORMS[source.money]
            yield Fault("cell_too_large", column, f"{unread} AND {large}")
            yield Fault("money_decimals", column, f"{unread} AND NOT {large} AND {fine}")
            yield Fault("cell_not_money", column, f"{unread} AND NOT {large} AND NOT {fine}", {"zh": zh, "en": en})
        case Kind.BOOLEAN:
            yield Fault("cell_not_listed", column, unread, {"listed": "true, false"})
        case Kind.NUMBER:
            whole_number = matches(cell, "-?[0-9]+")
            yield Fault("number_out_of_range", column, f"{unread} AND {whole_number}", {"low": column.low, "high": column.high})
            yield Fault("cell_not_a_number", column, f"{unread} AND NOT {whole_number}")
        case Kind.REGION:
            yield Fault("region_unknown", column, unread)


def _of_words(column: Column, cell: str, typed: str) -> Fault:
    if column.kind is Kind.LANGUAGE:
        no_tag = f"NOT {matches(cell, _LANGUAGE)}"
        doubt = f"CASE WHEN {cell} IN ('', {literal(column.default or '')}) THEN 0 WHEN {no_tag} THEN 1 ELSE 0 END"
        return Fault("language_unknown", column, f"{cell} <> '' AND {no_tag}", {"default": column.default}, doubt=doubt)
    if column.kind is Kind.FLAGS:
        words = f"list_filter(string_split({cell}, ';'), lambda x: trim(x) NOT IN ('', {listed(column.choices)}))"
        doubt = f"CASE WHEN {cell} = '' THEN 0 WHEN len({words}) > 0 THEN 1 ELSE 0 END"
        return Fault("flag_unknown", column, f"{cell} <> '' AND len({words}) > 0", doubt=doubt)
    # The usual value first: a list of 600 time zones is long to search for each of a million rows.
    usual = literal(column.default or ("CNY" if "CNY" in column.choices else column.choices[0]))
    outside = f"{typed} <> {usual} AND {typed} NOT IN ({listed(column.choices)})"
    return Fault("cell_not_listed", column, outside, {"listed": column.listed or ", ".join(column.choices)}, outside)


def _people(form: str) -> str:
    """A date form as people write it: %Y%m%d -> YYYYMMDD."""
    return form.replace("%Y", "YYYY").replace("%m", "MM").replace("%d", "DD")
