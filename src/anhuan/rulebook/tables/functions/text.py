"""Built-in functions on strings. Patterns are those of XPath, put into Python's words where the two differ."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from functools import cache

from anhuan.rulebook.tables.signatures import builtin, whole
from anhuan.rulebook.tables.values import Value, Wrong, write


@builtin("string(from: any?)")
def string(value: Value) -> str | None:
    return None if value is None else write(value)


@builtin("string length(string: string)")
def string_length(text: str) -> Decimal:
    return Decimal(len(text))


@builtin("substring(string: string, start position: number, length?: number)")
def substring(text: str, start: Decimal, length: Decimal | None = None) -> str:
    at = whole(start)
    if at == 0 or abs(at) > len(text):
        raise Wrong(f"there is no position {write(start)} in a string of {len(text)}")
    if length is not None and whole(length) < 1:
        raise Wrong("the length is at least 1")
    first = at - 1 if at > 0 else len(text) + at
    return text[first:] if length is None else text[first : first + whole(length)]


@builtin("upper case(string: string)")
def upper_case(text: str) -> str:
    return text.upper()


@builtin("lower case(string: string)")
def lower_case(text: str) -> str:
    return text.lower()


@builtin("substring before(string: string, match: string)")
def substring_before(text: str, match: str) -> str:
    before, found, _ = text.partition(match) if match else ("", "", "")
    return before if found else ""


@builtin("substring after(string: string, match: string)")
def substring_after(text: str, match: str) -> str:
    return text.partition(match)[2] if match else text


@builtin("contains(string: string, match: string)")
def contains(text: str, match: str) -> bool:
    return match in text


@builtin("starts with(string: string, match: string)")
def starts_with(text: str, match: str) -> bool:
    return text.startswith(match)


@builtin("ends with(string: string, match: string)")
def ends_with(text: str, match: str) -> bool:
    return text.endswith(match)


@builtin("trim(string: string)")
def trim(text: str) -> str:
    return text.strip()


@builtin("matches(input: string, pattern: string, flags?: string?)")
def matches(text: str, pattern: str, flags: str | None = None) -> bool:
    return compiled(pattern, flags or "").search(text) is not None


@builtin("replace(input: string, pattern: string, replacement: string, flags?: string?)")
def replace(text: str, pattern: str, replacement: str, flags: str | None = None) -> str:
    compiled_pattern = compiled(pattern, flags or "")
    if compiled_pattern.search("") is not None:
        raise Wrong("the pattern matches the empty string")
    if "q" in (flags or ""):
        return compiled_pattern.sub(lambda _: replacement, text)
    pieces = _replacement(replacement, compiled_pattern.groups)
    return compiled_pattern.sub(lambda m: "".join(p if isinstance(p, str) else m[p] or "" for p in pieces), text)


@builtin("split(string: string, delimiter: string)")
def split(text: str, delimiter: str) -> list[Value]:
    pattern = compiled(delimiter, "")
    parts, at = [], 0
    for found in pattern.finditer(text):
        if found.start() == found.end():
            raise Wrong("the delimiter matches the empty string")
        parts.append(text[at : found.start()])
        at = found.end()
    return [*parts, text[at:]]


@builtin("extract(input: string, pattern: string, flags?: string?)")
def extract(text: str, pattern: str, flags: str | None = None) -> list[Value]:
    return [found[0] for found in compiled(pattern, flags or "").finditer(text)]


# --- Patterns of XPath -------------------------------------------------------------------------------------------


def _replacement(text: str, groups: int) -> list[str | int]:
    r"""What replaces a match: $1 … are groups, \$ and \\ the signs themselves."""
    found: list[str | int] = []
    at = 0
    while at < len(text):
        if text[at] == "\\":
            if text[at + 1 : at + 2] not in {"$", "\\"}:
                raise Wrong("in a replacement only $ and \\ stand after \\")
            found.append(text[at + 1])
            at += 2
        elif text[at] == "$":
            digits = re.match(r"\d+", text[at + 1 :], re.ASCII)
            if digits is None:
                raise Wrong("$ is followed by the number of a group")
            number = digits[0]
            while len(number) > 1 and int(number) > groups:
                number = number[:-1]
            found.append(int(number) if int(number) <= groups else "")
            at += 1 + len(number)
        else:
            found.append(text[at])
            at += 1
    return found


_FLAGS = {"s": re.DOTALL, "m": re.MULTILINE, "i": re.IGNORECASE}
_SETS = {
    "s": r" \t\n\r", "i": r"\w:", "c": r"\w:.\-\u00b7", "d": r"\d", "w": r"\w",
}  # fmt: skip
_SINGLE = frozenset("nrt\\|.?*+(){}$-[]^")


@cache
def compiled(pattern: str, flags: str) -> re.Pattern[str]:
    """An XPath pattern as Python's. Raises Wrong for what is no pattern, or one that needs what Python has not."""
    if not set(flags) <= set("smixq"):
        raise Wrong(f"flags are s, m, i, x and q, not {flags!r}")
    options = re.NOFLAG
    for flag, option in _FLAGS.items():
        options |= option if flag in flags else re.NOFLAG
    try:
        if "q" in flags:
            return re.compile(re.escape(pattern), options)
        return re.compile("".join(_translated(_packed(pattern) if "x" in flags else pattern, flags)), options)
    except (re.error, RecursionError, OverflowError) as error:
        raise Wrong(f"{pattern!r} is no pattern: {error}") from None


def _packed(pattern: str) -> str:
    """Without the spaces that flag x lets stand outside of sets."""
    depth, kept = 0, []
    for at, sign in enumerate(pattern):
        escaped = at > 0 and pattern[at - 1] == "\\"
        depth += (sign == "[" and not escaped) - (sign == "]" and not escaped and depth > 0)
        if depth or not sign.isspace():
            kept.append(sign)
    return "".join(kept)


def _translated(pattern: str, flags: str) -> Iterator[str]:
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "[":
            text, at = _bracket(pattern, at)
            yield text
            continue
        if sign == "\\":
            text, at = _escape(pattern, at, inside=False)
            yield text
            continue
        if sign == "(" and pattern[at + 1 : at + 2] == "?" and pattern[at + 2 : at + 3] != ":":
            raise Wrong(f"{pattern!r}: of groups with (? there is only (?:")
        if re.match(r"[*+?}]\+", pattern[at:]):
            raise Wrong(f"{pattern!r}: a quantifier is not quantified")
        at += 1
        if sign == "$" and "m" not in flags:
            yield r"\Z"
        elif sign == "." and "s" not in flags:
            yield r"[^\n\r]"
        else:
            yield sign


def _escape(pattern: str, at: int, *, inside: bool) -> tuple[str, int]:
    sign = pattern[at + 1 : at + 2]
    if sign in _SINGLE and sign:
        return f"\\{sign}", at + 2
    if sign in {"p", "P"}:
        end = pattern.find("}", at)
        if pattern[at + 2 : at + 3] != "{" or end < 0:
            raise Wrong(f"{pattern!r}: \\{sign} is followed by a category in braces")
        text = _category(pattern[at + 3 : end])
        if sign == "P":
            return (_complement(text) if inside else f"[^{text}]"), end + 1
        return (text if inside else f"[{text}]"), end + 1
    if sign.lower() in _SETS:
        text = _SETS[sign.lower()]
        if sign.islower():
            return (text if inside else f"[{text}]"), at + 2
        return (f"\\{sign}" if inside and sign in "SDW" else f"[^{text}]"), at + 2
    if sign.isdigit() and not inside:
        return f"\\{sign}", at + 2
    raise Wrong(f"{pattern!r}: \\{sign} is no escape")


def _complement(text: str) -> str:
    raise Wrong(f"\\P in brackets is not supported ({text[:10]}…)")


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    """A set of characters, with what is subtracted from it: [a-z-[aeiou]]."""
    start = at
    at += 1
    negated = pattern[at : at + 1] == "^"
    at += negated
    kept: list[str] = []
    while at < len(pattern) and pattern[at] != "]":
        if pattern[at] == "-" and pattern[at + 1 : at + 2] == "[":
            less, at = _bracket(pattern, at + 1)
            if pattern[at : at + 1] != "]":
                break
            return f"(?!{less})[{'^' * negated}{''.join(kept)}]", at + 1
        if pattern[at] == "[":
            break
        if pattern[at] == "\\":
            text, at = _escape(pattern, at, inside=True)
            kept.append(text)
        else:
            kept.append("\\" * (pattern[at] in "&~|") + pattern[at])
            at += 1
    if at >= len(pattern) or pattern[at] != "]" or not kept:
        raise Wrong(f"{pattern!r}: the set from {start + 1} does not end")
    return f"[{'^' * negated}{''.join(kept)}]", at + 1


_BLOCKS = {  # the ones texts of banks are written in
    "BasicLatin": (0x0000, 0x007F), "Latin-1Supplement": (0x0080, 0x00FF), "LatinExtended-A": (0x0100, 0x017F),
    "LatinExtended-B": (0x0180, 0x024F), "Greek": (0x0370, 0x03FF), "GreekandCoptic": (0x0370, 0x03FF),
    "Cyrillic": (0x0400, 0x04FF), "Hebrew": (0x0590, 0x05FF), "Arabic": (0x0600, 0x06FF), "Thai": (0x0E00, 0x0E7F),
    "HangulJamo": (0x1100, 0x11FF), "GeneralPunctuation": (0x2000, 0x206F), "CurrencySymbols": (0x20A0, 0x20CF),
    "CJKSymbolsandPunctuation": (0x3000, 0x303F), "Hiragana": (0x3040, 0x309F), "Katakana": (0x30A0, 0x30FF),
    "CJKUnifiedIdeographs": (0x4E00, 0x9FFF), "HangulSyllables": (0xAC00, 0xD7AF),
    "HalfwidthandFullwidthForms": (0xFF00, 0xFFEF),
}  # fmt: skip


@cache
def _category(name: str) -> str:
    """All characters of a Unicode category or block, as ranges for a set."""
    if name.startswith("Is") and name[2:] in _BLOCKS:
        low, high = _BLOCKS[name[2:]]
        return f"\\U{low:08x}-\\U{high:08x}"
    if not re.fullmatch(r"L[ultmo]?|M[nce]?|N[dlo]?|P[cdseifo]?|Z[slp]?|S[mcko]?|C[cfon]?", name):
        raise Wrong(f"\\p{{{name}}} is not supported")
    ranges: list[list[int]] = []
    for point in range(sys.maxunicode + 1):
        if unicodedata.category(chr(point)).startswith(name):
            if ranges and ranges[-1][1] == point - 1:
                ranges[-1][1] = point
            else:
                ranges.append([point, point])
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)
