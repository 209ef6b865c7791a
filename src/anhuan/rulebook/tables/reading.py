"""From the text of a FEEL expression to its tree, given the names that are in scope where it stands.

Names of FEEL may hold spaces and signs («Loan-to-value ratio», «date and time»), so where a name ends depends on
which names there are: the longest known one wins. Knows the grammar (feel.lark) and names; no values of variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import LarkError, UnexpectedToken
from lark.lexer import Lexer

from anhuan.rulebook.tables import syntax
from anhuan.rulebook.tables.values import Wrong, read_number, read_temporal


class Unreadable(Exception):
    """The text is no FEEL; the sentence says what was met and where."""


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of the text: kind is word, number, string, at or sign."""

    kind: str
    text: str
    start: int


_PIECE = re.compile(
    r"""(?P<space>[\s\u00a0\ufeff]+|//[^\n]*|/\*.*?\*/)
    |(?P<at>@\s*"(?:[^"\\]|\\.)*")
    |(?P<string>"(?:[^"\\]|\\.)*")
    |(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w)|\d+(?:\.\d+)?|\.\d+(?:[eE][+-]?\d+)?)
    |(?P<word>(?:[^\W\d]|[?\u00b7\U00010000-\U000effff])(?:\w|[?\u00b7\u203f\u2040\U00010000-\U000effff])*)
    |(?P<sign>\*\*|\.\.|<=|>=|!=|->|[-+*/=<>()\[\]{},.:'’])""",
    re.VERBOSE | re.DOTALL,
)
_KEYWORDS = frozenset("if then else for return some every satisfies and or between in function external".split())
_CONSTANTS = {"true": True, "false": False, "null": None}
_SIGN_KINDS = {"+": "PLUS", "-": "MINUS", "*": "TIMES", "/": "TIMES", "**": "POWER"} | dict.fromkeys(
    ("=", "!=", "<", "<=", ">", ">="), "COMPARE"
)
_TERMINALS = {
    "(": "_OPEN", ")": "_CLOSE", "[": "_LEFT", "]": "_RIGHT", "{": "_BEGIN", "}": "_END",
    ",": "_COMMA", ":": "_COLON", ".": "_DOT", "..": "_TO",
} | {word.upper(): f"_{word.upper()}" for word in _KEYWORDS - {"external"}} | {
    kind: f"_{kind}" for kind in ("RANGE_OPEN", "RANGE_CLOSE", "INSTANCE_OF")
}  # fmt: skip
_NAME_SIGNS = frozenset("./-'’+*")
_MEMBERS = (
    "time offset", "day of year", "start included", "end included",
)  # fmt: skip


def pieces(text: str) -> list[Word]:
    """The text cut into words; spaces and comments fall away."""
    found, at = [], 0
    while at < len(text):
        match = _PIECE.match(text, at)
        if match is None:
            raise Unreadable(f"unexpected {text[at]!r} at {at + 1} in: {_short(text)}")
        kind = match.lastgroup or ""
        if kind != "space":
            found.append(Word(kind, match.group(), at))
        at = match.end()
    return found


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "…"


# --- Names of several words --------------------------------------------------------------------------------------


def parts(name: str) -> tuple[str, ...]:
    """A name as the words and signs it is made of; spaces between them do not matter."""
    try:
        return tuple(word.text for word in pieces(name))
    except Unreadable:
        return (name,)


@dataclass(slots=True)
class Names:
    """Known names, found by the longest run of words that makes one up."""

    tree: dict[str, Any] = field(default_factory=dict)

    def add(self, names: Iterable[str]) -> Names:
        for name in names:
            branch = self.tree
            for part in parts(name):
                branch = branch.setdefault(part, {})
            branch[""] = name
        return self

    def longest(self, words: list[Word], at: int) -> tuple[int, str] | None:
        """How many words from `at` make up a known name, and that name."""
        branch, best = self.tree, None
        for taken in range(at, len(words)):
            following = branch.get(words[taken].text) if words[taken].kind not in {"string", "at"} else None
            if following is None:
                break
            branch = following
            if "" in branch:
                best = (taken - at + 1, branch[""])
        return best


def canonical(words: list[Word]) -> str:
    """A name from its words: one space where there was any, none where there was none."""
    text = ""
    for before, word in zip([None, *words], words, strict=False):
        gap = before is not None and before.start + len(before.text) < word.start
        text += (" " if gap else "") + word.text
    return text


def _is_name(words: list[Word]) -> bool:
    return bool(words) and words[0].kind == "word" and all(w.kind in {"word", "number"} or w.text in _NAME_SIGNS for w in words)


def _names_made_here(words: list[Word]) -> Iterator[str]:
    """Names the expression itself makes: keys of contexts, named parameters, loop variables, parameters of functions."""
    for at, word in enumerate(words):
        if word.text == ":":
            yield from _name_before(words, at, {"{", ",", "("})
        elif word.kind == "word" and word.text == "in":
            yield from _name_before(words, at, {",", "for", "some", "every"})
        elif word.text == "function" and at + 1 < len(words) and words[at + 1].text == "(":
            yield from _parameters(words, at + 2)


def _name_before(words: list[Word], end: int, openers: set[str]) -> Iterator[str]:
    """The name between what opens it and a colon or an `in`."""
    start = end - 1
    while start >= 0 and words[start].text not in openers:
        start -= 1
    made = words[start + 1 : end]
    if start < 0:
        return
    if len(made) == 1 and made[0].kind == "string":
        yield _unescaped(made[0].text[1:-1])
    elif _is_name(made) and not any(part.text == "in" for part in made):
        yield canonical(made)


def _parameters(words: list[Word], start: int) -> Iterator[str]:
    for end in range(start, len(words)):
        if words[end].text in {",", ")"}:
            if _is_name(words[start:end]):
                yield canonical(words[start:end])
            start = end + 1
        if words[end].text == ")":
            return


# --- Words to tokens ---------------------------------------------------------------------------------------------

_ENDS_OPERAND = frozenset({"CONSTANT", "NAME", "TYPE", ")", "]", "}", "RANGE_CLOSE"})
_AFTER_RANGE = frozenset({")", ",", "]", "}", "and", "or", "then", "else", "return", "satisfies", "in", "=", "!=", "."})


class _Cutter:
    """Turns words into the tokens of the grammar, in one pass, with the names in scope at hand."""

    def __init__(self, words: list[Word], scope: Names, members: Names, types: Names) -> None:
        self.words, self.types = words, types
        made = list(dict.fromkeys(_names_made_here(words)))
        self.scope = Names(_copy(scope.tree)).add(made) if made else scope
        self.members = Names(_copy(members.tree)).add([*made, *_MEMBERS]) if made else members
        self.open: list[str] = []
        self.tokens: list[Token] = []
        self.last = ""

    def run(self) -> list[Token]:
        at = 0
        while at < len(self.words):
            at = self._one(at)
        return self.tokens

    def _put(self, kind: str, value: Any, word: Word) -> None:
        self.last = kind
        self.tokens.append(Token(_TERMINALS.get(kind, kind), value, start_pos=word.start))

    def _one(self, at: int) -> int:
        word = self.words[at]
        if word.kind == "word":
            return self._word(at)
        if word.kind == "sign":
            self._sign(at)
        else:
            self._put("CONSTANT", _constant(word), word)
        return at + 1

    def _word(self, at: int) -> int:
        word, before = self.words[at], self.last
        if before == ".":
            taken, name = self.members.longest(self.words, at) or (1, word.text)
        else:
            found = self.scope.longest(self.words, at)
            inner = self.members.longest(self.words, at) if "FILTER" in self.open else None
            taken, name = max((f for f in (found, inner) if f), default=(0, ""), key=lambda f: f[0])
            if taken == 0 or (taken == 1 and word.text in _KEYWORDS - {"external"}):
                return self._plain(at)
        self._put("NAME", name, word)
        if before != "." and at + taken < len(self.words) and self.words[at + taken].text == ":" and self._in_parameters():
            return self._type(at + taken + 1, self.words[at + taken])
        return at + taken

    def _plain(self, at: int) -> int:
        """A keyword, a constant, or a name of one word that nobody knows."""
        word = self.words[at]
        if word.text == "instance" and at + 1 < len(self.words) and self.words[at + 1].text == "of":
            self._put("INSTANCE_OF", word.text, word)
            return self._type(at + 2, None)
        if word.text in _CONSTANTS:
            self._put("CONSTANT", _CONSTANTS[word.text], word)
        elif word.text in _KEYWORDS and (word.text != "external" or self.last == ")"):
            self._put(word.text.upper(), word.text, word)
        else:
            self._put("NAME", word.text, word)
        return at + 1

    def _in_parameters(self) -> bool:
        return bool(self.open) and self.open[-1] == "PARAMETERS"

    def _sign(self, at: int) -> None:
        word = self.words[at]
        kind = _SIGN_KINDS.get(word.text, word.text)
        after_operand = self.last in _ENDS_OPERAND
        if word.text == "[" and after_operand and self._closes_range(at):
            kind = "RANGE_CLOSE"
        elif word.text == "]" and not after_operand and self.last != "[":
            kind = "RANGE_OPEN"
        elif word.text == "..":
            self.open.append("..")
        self._brackets(kind, word, after_operand=after_operand)
        self._put(kind, word.text, word)

    def _brackets(self, kind: str, word: Word, *, after_operand: bool) -> None:
        """Keeps account of what is open, so that filters and parameter lists are known as such."""
        if kind == "RANGE_OPEN" or word.text in {"(", "{"} or (kind == "[" and not after_operand):
            function = self.last == "FUNCTION"
            self.open.append("PARAMETERS" if word.text == "(" and function else word.text)
        elif kind == "[":
            self.open.append("FILTER")
        elif kind in {")", "]", "}", "RANGE_CLOSE"}:
            if self.open and self.open[-1] == "..":
                self.open.pop()
            if self.open:
                self.open.pop()

    def _closes_range(self, at: int) -> bool:
        """Whether a [ after an operand ends a range like ]1..5[ rather than begin a filter."""
        follows = self.words[at + 1].text if at + 1 < len(self.words) else ")"
        return bool(self.open) and self.open[-1] == ".." and follows in _AFTER_RANGE

    def _type(self, at: int, colon: Word | None) -> int:
        if colon is not None:
            self._put(":", ":", colon)
        if at >= len(self.words):
            raise Unreadable("a type is missing at the end")
        name, after = read_type(self.words, at, self.types)
        self._put("TYPE", name, self.words[at])
        return after


def _copy(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: _copy(branch) if isinstance(branch, dict) else branch for key, branch in tree.items()}


def read_type(words: list[Word], at: int, known: Names) -> tuple[syntax.TypeName, int]:
    """A type from `at` on, and where it ends."""
    found = known.longest(words, at)
    if found is None and words[at].kind != "word":
        raise Unreadable(f"{words[at].text!r} is no type")
    taken, name = found or (1, words[at].text)
    at += taken
    while found is None and at + 1 < len(words) and words[at].text == ".":
        name, at = f"{name}.{words[at + 1].text}", at + 2
    if at >= len(words) or words[at].text != "<" or name not in {"list", "range", "context", "function"}:
        return syntax.TypeName(name), at
    of: list[syntax.TypeName] = []
    fields: list[tuple[str, syntax.TypeName]] = []
    at += 1
    while at < len(words) and words[at].text != ">":
        if name == "context":
            colon = next((i for i in range(at, len(words)) if words[i].text == ":"), len(words) - 1)
            key = canonical(words[at:colon])
            inner, at = read_type(words, colon + 1, known)
            fields.append((key, inner))
        else:
            inner, at = read_type(words, at, known)
            of.append(inner)
        if at < len(words) and words[at].text == ",":
            at += 1
    at += 1
    result = None
    if name == "function" and at + 1 < len(words) and words[at].text == "->":
        result, at = read_type(words, at + 1, known)
    return syntax.TypeName(name, tuple(of), tuple(fields), result), at


_ESCAPE = re.compile(r"""\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{6})|(.))""", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\"}


def _constant(word: Word) -> Any:
    try:
        if word.kind == "number":
            return read_number(word.text)
    except Wrong as wrong:
        raise Unreadable(str(wrong)) from None
    if word.kind == "at":
        text = _unescaped(word.text[word.text.index('"') + 1 : -1])
        try:
            return read_temporal(text)
        except Wrong:  # null when it is evaluated, with the note of this function
            return syntax.Call(syntax.Name("date and time"), (syntax.Constant(text),))
    return _unescaped(word.text[1:-1])


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        digits = match[1] or match[2]
        if digits:
            point = int(digits, 16)
            return chr(point) if point <= 0x10FFFF else match[0]
        return _ESCAPED.get(match[3], match[0])

    whole = _ESCAPE.sub(one, text)
    return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


# --- Tokens to the tree ------------------------------------------------------------------------------------------


class _Tokens(Lexer):
    """The words are told apart before the parser sees them, so the lexer only hands them on."""

    def __init__(self, lexer_conf: Any) -> None:
        pass

    def lex(self, data: list[Token]) -> Iterator[Token]:  # type: ignore[override]  # lark hands on what parse() was given
        yield from data


def _folded(kind: str) -> Any:
    def build(_: Any, children: list[Any]) -> syntax.Node:
        return syntax.Binary(kind, children[0], children[1])

    return build


def _ends(*, low_closed: bool, high_closed: bool) -> Any:
    def build(_: Any, children: list[Any]) -> syntax.Node:
        return syntax.RangeOf(children[0], children[1], low_closed, high_closed)

    return build


class _Tree(Transformer[Token, syntax.Node]):
    """Each rule of the grammar as a node."""

    or_, and_ = _folded("or"), _folded("and")

    def if_(self, c: list[Any]) -> syntax.Node:
        return syntax.If(*c)

    def for_(self, c: list[Any]) -> syntax.Node:
        return syntax.For(tuple(c[:-1]), c[-1])

    def some(self, c: list[Any]) -> syntax.Node:
        return syntax.Quantified(every=False, bindings=tuple(c[:-1]), condition=c[-1])

    def every(self, c: list[Any]) -> syntax.Node:
        return syntax.Quantified(every=True, bindings=tuple(c[:-1]), condition=c[-1])

    def binary(self, c: list[Any]) -> syntax.Node:
        return syntax.Binary(str(c[1]), c[0], c[2])

    def between(self, c: list[Any]) -> syntax.Node:
        return syntax.Between(*c)

    def in_(self, c: list[Any]) -> syntax.Node:
        return syntax.In(c[0], tuple(c[1:]))

    def instance_of(self, c: list[Any]) -> syntax.Node:
        return syntax.InstanceOf(c[0], c[1].value)

    def negation(self, c: list[Any]) -> syntax.Node:
        return syntax.Negation(c[1])

    def path(self, c: list[Any]) -> syntax.Node:
        return syntax.Path(c[0], str(c[1]))

    def filter(self, c: list[Any]) -> syntax.Node:
        return syntax.Filter(*c)

    def call(self, c: list[Any]) -> syntax.Node:
        return syntax.Call(c[0], tuple(c[1:]))

    def call_by_name(self, c: list[Any]) -> syntax.Node:
        return syntax.Call(c[0], tuple(value for _, value in c[1:]), tuple(name for name, _ in c[1:]))

    def constant(self, c: list[Any]) -> syntax.Node:
        value = c[0].value
        return value if isinstance(value, syntax.Node) else syntax.Constant(value)

    def name(self, c: list[Any]) -> syntax.Node:
        return syntax.Name(str(c[0]))

    def list_(self, c: list[Any]) -> syntax.Node:
        return syntax.ListOf(tuple(c))

    def context(self, c: list[Any]) -> syntax.Node:
        return syntax.ContextOf(tuple(c))

    def function(self, c: list[Any]) -> syntax.Node:
        external, body = c[-1]
        return syntax.FunctionOf(tuple(c[:-1]), body, external)

    open_open, open_closed = _ends(low_closed=False, high_closed=False), _ends(low_closed=False, high_closed=True)
    closed_open, closed_closed = _ends(low_closed=True, high_closed=False), _ends(low_closed=True, high_closed=True)

    def binding(self, c: list[Any]) -> syntax.Binding:
        return syntax.Binding(str(c[0]), *c[1:])

    def named(self, c: list[Any]) -> tuple[str, syntax.Node]:
        return str(c[0]), c[1]

    def entry(self, c: list[Any]) -> tuple[str, syntax.Node]:
        return str(c[0].value), c[1]

    def parameter(self, c: list[Any]) -> tuple[str, Any]:
        return str(c[0]), c[1].value if len(c) > 1 else None

    def body(self, c: list[Any]) -> tuple[bool, syntax.Node]:
        return len(c) > 1, c[-1]

    def side(self, c: list[Any]) -> syntax.Node:
        return syntax.Test(str(c[0]), c[1])

    def tests(self, c: list[Any]) -> syntax.Node:
        return syntax.Tests(tuple(c))


@cache
def _parser() -> Lark:
    grammar = files("anhuan.rulebook.tables").joinpath("feel.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer=_Tokens, start=["expression", "tests"], transformer=_Tree())


# --- The front ---------------------------------------------------------------------------------------------------


class Reader:
    """Reads expressions where certain variables, functions and types are known, and members of contexts (after a dot)."""

    def __init__(self, scope: Iterable[str], members: Iterable[str] = (), types: Iterable[str] = ()) -> None:
        self._scope = Names().add(scope)
        self._members = Names().add([*members, *_MEMBERS])
        self._types = Names().add(types)

    def expression(self, text: str) -> syntax.Node:
        """Raises Unreadable."""
        return self._parse(text, pieces(text), "expression")

    def tests(self, text: str) -> syntax.Tests:
        """The tests of a cell: `-`, tests with commas, `not(…)`. Raises Unreadable."""
        words = pieces(text)
        if [word.text for word in words] == ["-"]:
            return syntax.Tests()
        if len(words) > 3 and [words[0].text, words[1].text, words[-1].text] == ["not", "(", ")"]:
            # Brackets do not tell whether the first one closes last, for a range may end in any of them: what can be read can.
            with suppress(Unreadable):
                inner = self._parse(text, words[2:-1], "tests")
                return syntax.Tests(inner.tests, negated=True)  # type: ignore[attr-defined]
        return self._parse(text, words, "tests")  # type: ignore[return-value]

    def type(self, text: str) -> syntax.TypeName:
        words = pieces(text)
        if not words:
            raise Unreadable("a type is missing")
        found, end = read_type(words, 0, self._types)
        if end != len(words):
            raise Unreadable(f"{text!r} is no type")
        return found

    def _parse(self, text: str, words: list[Word], start: str) -> syntax.Node:
        if not words:
            raise Unreadable("an expression is missing")
        tokens = _Cutter(words, self._scope, self._members, self._types).run()
        try:
            return _parser().parse(tokens, start=start)  # type: ignore[return-value]
        except UnexpectedToken as unexpected:
            where = unexpected.token.start_pos
            met = "the end" if where is None or unexpected.token.type == "$END" else repr(str(unexpected.token))
            raise Unreadable(f"unexpected {met} at {(where or len(text) - 1) + 1} in: {_short(text)}") from None
        except (LarkError, RecursionError) as error:
            raise Unreadable(f"{type(error).__name__} in: {_short(text)}") from None
