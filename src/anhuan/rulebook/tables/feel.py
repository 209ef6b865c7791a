"""What FEEL expressions mean: a tree becomes a function from a scope to a value, once, and is then called row by row.

Knows trees, operators and built-in functions. An operation without a value is null, and the scope notes why. Does not
know models, tables or the time: `today()` and `now()` answer from the instant the scope was given, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from decimal import Decimal, localcontext
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from anhuan.rulebook.tables import syntax
from anhuan.rulebook.tables.functions import BUILT_INS
from anhuan.rulebook.tables.members import member
from anhuan.rulebook.tables.operators import (
    arithmetic,
    compare,
    equal,
    kind,
    negated,
    one_sided,
    order,
    satisfies,
    within,
)
from anhuan.rulebook.tables.reading import Reader, Unreadable
from anhuan.rulebook.tables.signatures import BuiltIn, builtin, whole
from anhuan.rulebook.tables.types import ANY, Type, belongs, built_in, fit
from anhuan.rulebook.tables.values import NUMBERS, Date, DateTime, Function, Range, Value, Wrong

MOST_TURNS = 1_000_000


class Scope:
    """Names with their values; why nulls came about; the present instant, if it was told."""

    __slots__ = ("at", "names", "notes")

    def __init__(self, names: dict[str, Value], notes: list[str], at: DateTime | None = None) -> None:
        self.names, self.notes, self.at = names, notes, at

    def inner(self, more: dict[str, Value]) -> Scope:
        return Scope({**self.names, **more}, self.notes, self.at)

    def null(self, why: object) -> Value:
        """Null, and why it came about."""
        self.notes.append(str(why))
        return None


Compute = Callable[[Scope], Value]
Match = Callable[[Scope, Value], bool | None]
TypeOf = Callable[[syntax.TypeName], Type | None]


def standard_type(name: syntax.TypeName) -> Type | None:
    """A type made of built-in ones alone, such as list<number>."""
    return type_from(name, built_in)


def type_from(name: syntax.TypeName, known: Callable[[str], Type | None]) -> Type | None:
    """The type a name speaks of, its plain names looked up in `known`."""
    if name.fields:
        fields = [(key, type_from(inner, known)) for key, inner in name.fields]
        return Type("context", "context", tuple((key, inner or ANY) for key, inner in fields))
    if name.name == "function" and (name.of or name.result):
        parameters = tuple(type_from(inner, known) or ANY for inner in name.of)
        return Type(
            "function", "function", parameters=parameters, result=type_from(name.result, known) if name.result else None
        )
    if name.of:
        inner = type_from(name.of[0], known)
        return Type(f"{name.name}<{name.of[0].name}>", name.name, of=inner) if inner else None
    return known(name.name)


class Compiler:
    """Makes functions of trees. `type_of` answers for the types a model defines besides FEEL's own."""

    def __init__(self, type_of: TypeOf = standard_type) -> None:
        self._type_of = type_of
        self._parts: dict[str, Compute] = {}

    def with_parts(self, parts: dict[str, Compute]) -> Compiler:
        """One for trees in which some names stand for expressions that are functions already."""
        other = Compiler(self._type_of)
        other._parts = parts  # one of its own
        return other

    # --- expressions ---

    def expression(self, node: syntax.Node) -> Compute:
        build: Callable[[Any], Compute] = getattr(self, f"_{type(node).__name__.lower()}")
        computed = build(node)
        if not isinstance(node, syntax.RangeOf | syntax.ListOf | syntax.Negation | syntax.Test) or not _constant(node):
            return computed
        scope = Scope({}, [])
        with localcontext(NUMBERS):
            value = computed(scope)
        return computed if scope.notes else lambda _: value

    def _constant(self, node: syntax.Constant) -> Compute:
        value = node.value
        return lambda _: value

    def _name(self, node: syntax.Name) -> Compute:
        name = node.name
        if name in self._parts:
            return self._parts[name]

        def look_up(scope: Scope) -> Value:
            try:
                return scope.names[name]
            except KeyError:
                pass
            known = BUILT_INS.get(name)
            return _as_value(known) if known else scope.null(f"{name!r} is not known here")

        return look_up

    def _path(self, node: syntax.Path) -> Compute:
        base, name = self.expression(node.base), node.name

        def follow(scope: Scope) -> Value:
            value = base(scope)
            if type(value) is dict and name in value:
                return value[name]
            try:
                return member(value, name)
            except Wrong as wrong:
                return scope.null(wrong)

        return follow

    def _binary(self, node: syntax.Binary) -> Compute:
        left, right, operator = self.expression(node.left), self.expression(node.right), node.operator
        if operator in {"and", "or"}:
            return _logic(left, right, decides=operator == "or")
        combine = compare if operator in {"=", "!=", "<", "<=", ">", ">="} else arithmetic

        def both(scope: Scope) -> Value:
            try:
                return combine(operator, left(scope), right(scope))
            except Wrong as wrong:
                return scope.null(wrong)

        return both

    def _negation(self, node: syntax.Negation) -> Compute:
        return _noting(negated, self.expression(node.operand))

    def _between(self, node: syntax.Between) -> Compute:
        def inside(value: Value, low: Value, high: Value) -> bool:
            if low is None or high is None:
                raise Wrong("between null there is nothing")
            return within(value, Range(low, high, low_closed=True, high_closed=True))

        return _noting(inside, self.expression(node.value), self.expression(node.low), self.expression(node.high))

    def _in(self, node: syntax.In) -> Compute:
        value, tests = self.expression(node.value), [self.test(test) for test in node.tests]

        def contained(scope: Scope) -> Value:
            asked = value(scope)
            return _any([test(scope, asked) for test in tests])

        return contained

    def _test(self, node: syntax.Test) -> Compute:
        return _noting(lambda end: one_sided(node.operator, end), self.expression(node.value))

    def _instanceof(self, node: syntax.InstanceOf) -> Compute:
        value, name = self.expression(node.value), node.type
        wanted = self._type_of(name)

        def instance(scope: Scope) -> Value:
            if wanted is None:
                return scope.null(f"there is no type {name.name!r}")
            found = value(scope)
            if found is None:
                return wanted.base.lower() == "null"
            return _is_function_of(found, wanted) if wanted.base == "function" else belongs(found, wanted, shape_alone=True)

        return instance

    def _if(self, node: syntax.If) -> Compute:
        condition, yes, no = self.expression(node.condition), self.expression(node.yes), self.expression(node.no)
        return lambda scope: yes(scope) if condition(scope) is True else no(scope)

    def _for(self, node: syntax.For) -> Compute:
        turns, result = self._turns(node.bindings), self.expression(node.result)

        def collect(scope: Scope) -> Value:
            partial: list[Value] = []
            try:
                for inner in turns(scope.inner({"partial": partial})):
                    partial.append(result(inner))
                    inner.names["partial"] = partial
            except Wrong as wrong:
                return scope.null(wrong)
            return partial

        return collect

    def _quantified(self, node: syntax.Quantified) -> Compute:
        turns, condition, every = self._turns(node.bindings), self.expression(node.condition), node.every

        def judge(scope: Scope) -> Value:
            try:
                answers = [condition(inner) for inner in turns(scope)]
            except Wrong as wrong:
                return scope.null(wrong)
            if any(answer is (not every) for answer in answers):
                return not every
            return every if all(answer is every for answer in answers) else None

        return judge

    def _turns(self, bindings: Sequence[syntax.Binding]) -> Callable[[Scope], Iterator[Scope]]:
        """All scopes a loop goes through, the last name turning fastest."""
        loops = [(b.name, self.expression(b.domain), self.expression(b.end) if b.end is not None else None) for b in bindings]

        def turn(scope: Scope, at: int) -> Iterator[Scope]:
            name, domain, end = loops[at]
            first = domain(scope)
            for value in _domain(first) if end is None else _steps(first, end(scope)):
                inner = scope.inner({name: value})
                if at + 1 < len(loops):
                    yield from turn(inner, at + 1)
                else:
                    yield inner

        return lambda scope: turn(scope, 0)

    def _filter(self, node: syntax.Filter) -> Compute:
        base, condition = self.expression(node.base), self.expression(node.condition)

        def select(scope: Scope) -> Value:
            found = base(scope)
            if found is None:
                return None
            items = found if isinstance(found, list) else [found]
            return filtered(scope, items, condition)

        return select

    def _call(self, node: syntax.Call) -> Compute:
        arguments, names = [self.expression(argument) for argument in node.arguments], node.names
        called, plain = self.expression(node.function), node.function
        known = BUILT_INS.get(plain.name) if isinstance(plain, syntax.Name) else None
        name = plain.name if isinstance(plain, syntax.Name) else ""

        def invoke(scope: Scope) -> Value:
            values = tuple(argument(scope) for argument in arguments)
            try:
                if name in {"now", "today"} and name not in scope.names and not values:
                    return _present(scope, name)
                if known is not None and name not in scope.names:
                    return known(values, names)
                return called_with(called(scope), values, names)
            except Wrong as wrong:
                return scope.null(wrong)

        return invoke

    def _functionof(self, node: syntax.FunctionOf) -> Compute:
        body = self.expression(node.body)
        parameters = tuple((name, self._type_of(of) if of else None) for name, of in node.parameters)
        if node.external:
            return lambda scope: scope.null("external functions are not supported")

        def define(scope: Scope) -> Function:
            return function_of("function", parameters, body, scope)

        return define

    def _listof(self, node: syntax.ListOf) -> Compute:
        items = [self.expression(item) for item in node.items]
        return lambda scope: [item(scope) for item in items]

    def _contextof(self, node: syntax.ContextOf) -> Compute:
        entries = [(key, self.expression(value)) for key, value in node.entries]
        twice = len({key for key, _ in entries}) < len(entries)

        def make(scope: Scope) -> Value:
            if twice:
                return scope.null("a key stands twice in a context")
            made: dict[str, Value] = {}
            inner = scope.inner({})
            for key, value in entries:
                made[key] = inner.names[key] = value(inner)
            return made

        return make

    def _rangeof(self, node: syntax.RangeOf) -> Compute:
        def make(low: Value, high: Value) -> Range:
            if low is None or high is None:
                raise Wrong("a range has two ends")
            if order(low, high) > 0:
                raise Wrong("a range begins before it ends")
            return Range(low, high, node.low_closed, node.high_closed)

        return _noting(make, self.expression(node.low), self.expression(node.high))

    # --- tests of a cell ---

    def tests(self, node: syntax.Tests) -> Match:
        """Whether a value passes the tests of a cell: True, False, or None where that cannot be said."""
        if not node.tests:
            return lambda _scope, _value: True
        tests = [self.test(test) for test in node.tests]
        if node.negated:

            def none_of(scope: Scope, value: Value) -> bool | None:
                answer = _any([test(scope, value) for test in tests])
                return None if answer is None else not answer

            return none_of
        if len(tests) == 1:
            return tests[0]
        return lambda scope, value: _any([test(scope, value) for test in tests])

    def test(self, node: syntax.Node) -> Match:
        if isinstance(node, syntax.Test):
            operator, end = node.operator, self.expression(node.value)
            if isinstance(node.value, syntax.Constant) and type(node.value.value) is Decimal:
                return _number_test(operator, node.value.value)
            return _noting_match(lambda value, other: compare(operator, value, other), end)
        expression = self.expression(node)
        if mentions_input(node):
            return lambda scope, value: _as_truth(expression(scope.inner({"?": value})), value)
        if isinstance(node, syntax.Constant):
            return _constant_test(node.value)
        return _noting_match(_passes, expression)


def _constant(node: Any) -> bool:
    """Whether a tree is made of constants alone."""
    if isinstance(node, tuple):
        return all(map(_constant, node))
    if isinstance(node, syntax.RangeOf | syntax.ListOf | syntax.Negation | syntax.Test):
        return all(_constant(getattr(node, part.name)) for part in fields(node))
    return not isinstance(node, syntax.Node) or isinstance(node, syntax.Constant)


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lt, "<=": le, ">": gt, ">=": ge, "=": eq, "!=": ne,
}  # fmt: skip


def _number_test(operator: str, end: Decimal) -> Match:
    """A test like `< 5`, quick for numbers."""
    quick = _ORDERS[operator]
    otherwise = _noting_match(lambda value, other: compare(operator, value, other), lambda _: end)
    return lambda scope, value: quick(value, end) if type(value) is Decimal else otherwise(scope, value)


def _constant_test(wanted: Value) -> Match:
    """A test like `5` or `"a"`, quick for numbers and strings."""
    kind_wanted = type(wanted)
    otherwise = _noting_match(satisfies, lambda _: wanted)
    if kind_wanted not in {Decimal, str, bool}:
        return otherwise
    return lambda scope, value: value == wanted if type(value) is kind_wanted else otherwise(scope, value)


def filtered(scope: Scope, items: list[Value], condition: Compute) -> Value:
    """The items a condition holds for, or the one item at a position when the condition is a number."""
    kept: list[Value] = []
    for item in items:
        inner = scope.inner({"item": item, **item} if isinstance(item, dict) else {"item": item})
        answer = condition(inner)
        if type(answer) is Decimal:
            return _item_at(scope, items, answer)
        if answer is True:
            kept.append(item)
    if not items and type(answer := condition(Scope(scope.names, [], scope.at))) is Decimal:
        return _item_at(scope, items, answer)
    return kept


def _item_at(scope: Scope, items: list[Value], position: Decimal) -> Value:
    if not 1 <= abs(position) <= len(items) or position != int(position):
        return scope.null(f"there is no position {position} in a list of {len(items)}")
    return items[int(position) - (position > 0)]


def function_of(name: str, parameters: tuple[tuple[str, Type | None], ...], body: Compute, scope: Scope) -> Function:
    """A function of FEEL: arguments that are not of the type of their parameter arrive as null."""

    def run(*arguments: Value) -> Value:
        given: dict[str, Value] = {}
        if len(arguments) != len(parameters):
            raise Wrong(f"{name} takes {len(parameters)} arguments, {len(arguments)} were given")
        for (parameter, of), value in zip(parameters, arguments, strict=True):
            try:
                given[parameter] = fit(value, of) if of else value
            except Wrong as wrong:
                given[parameter] = scope.null(wrong)
        return body(scope.inner(given))

    return Function(name, parameters, run)


def called_with(function: Value, arguments: tuple[Value, ...], names: tuple[str, ...] = ()) -> Value:
    """The value of a function; Wrong if it is none, or the arguments do not go with it."""
    if not isinstance(function, Function):
        raise Wrong(f"{kind(function)} is no function")
    if function.variadic:
        return function.body(*arguments)
    parameters = [name for name, _ in function.parameters]
    if names:
        given = dict(zip(names, arguments, strict=True))
        if set(given) - set(parameters):
            raise Wrong(f"{function.name} takes {', '.join(parameters)}")
        arguments = tuple(given.get(name) for name in parameters)
    if len(arguments) != len(parameters):
        raise Wrong(f"{function.name} takes {len(parameters)} arguments, {len(arguments)} were given")
    return function.body(*arguments)


def _as_value(known: BuiltIn) -> Function:
    parameters = tuple((p.name, None) for p in known.forms[0].parameters)
    return Function(known.name, parameters, lambda *arguments: known(arguments), variadic=True)


def _is_function_of(value: Value, wanted: Type) -> bool:
    if not isinstance(value, Function):
        return False
    return wanted.parameters is None or len(wanted.parameters) == len(value.parameters)


def _present(scope: Scope, name: str) -> Value:
    if scope.at is None:
        raise Wrong(f"{name}() has no answer: the present instant was not given")
    return scope.at if name == "now" else scope.at.date


def _noting(compute: Callable[..., Value], *operands: Compute) -> Compute:
    def run(scope: Scope) -> Value:
        try:
            return compute(*[operand(scope) for operand in operands])
        except Wrong as wrong:
            return scope.null(wrong)

    return run


def _noting_match(judge: Callable[[Value, Value], bool | None], other: Compute) -> Match:
    def run(scope: Scope, value: Value) -> bool | None:
        try:
            return judge(value, other(scope))
        except Wrong as wrong:
            scope.notes.append(str(wrong))
            return None

    return run


def _logic(left: Compute, right: Compute, *, decides: bool) -> Compute:
    """`and` (decides=False), `or` (decides=True), three-valued: what is no boolean counts as unknown."""
    settled, open_ = decides, not decides

    def run(scope: Scope) -> bool | None:
        first = left(scope)
        if first is decides:
            return settled
        second = right(scope)
        if second is decides:
            return settled
        return open_ if first is open_ and second is open_ else None

    return run


def _any(answers: list[bool | None]) -> bool | None:
    if True in answers:
        return True
    return None if None in answers else False


def _as_truth(answer: Value, value: Value) -> bool | None:
    """What a test that speaks of ? itself comes to."""
    if answer is None:
        return None
    return answer is True if isinstance(answer, bool) else satisfies(value, answer)


def _passes(value: Value, test: Value) -> bool | None:
    """A test that is an expression: a truth of its own where the input is no boolean, else a value to compare with."""
    if isinstance(test, bool) and value is not None and not isinstance(value, bool | list):
        return test is True
    return satisfies(value, test)


def mentions_input(node: Any) -> bool:
    """Whether ? stands anywhere in an expression."""
    if isinstance(node, syntax.Name):
        return node.name == "?"
    if isinstance(node, tuple):
        return any(mentions_input(item) for item in node)
    if isinstance(node, syntax.Node | syntax.Binding):
        return any(mentions_input(getattr(node, part.name)) for part in fields(node))
    return False


def _domain(value: Value) -> Sequence[Value]:
    """What a loop runs over: a list, a range of whole numbers or days, or one value."""
    if value is None:
        raise Wrong("there is nothing to go through: null")
    if isinstance(value, Range):
        steps = _steps(value.low, value.high)
        return steps[(not value.low_closed) : len(steps) - (not value.high_closed)]
    return value if isinstance(value, list) else [value]


def _steps(first: Value, last: Value) -> list[Value]:
    """Whole numbers or days from first to last, upwards or downwards."""
    days = isinstance(first, Date) and isinstance(last, Date)
    if not days and not (isinstance(first, Decimal) and isinstance(last, Decimal)):
        raise Wrong(f"a loop does not run from {kind(first)} to {kind(last)}")
    low, high = (first.ordinal, last.ordinal) if days else (whole(first), whole(last))
    if abs(high - low) >= MOST_TURNS:
        raise Wrong(f"a loop has at most {MOST_TURNS:,} turns")
    numbers = range(low, high + 1) if low <= high else range(low, high - 1, -1)
    return [Date.of(n) if days else Decimal(n) for n in numbers]


# --- Ranges from text --------------------------------------------------------------------------------------------


@builtin("range(from: string)")
def range_from_text(text: str) -> Value:
    """A range written out; an end may be left away."""
    bare = text.strip()
    if len(bare) > 3 and ".." in bare and bare[0] in "[(]" and bare[-1] in "])[":
        low, high = (part.strip() for part in bare[1:-1].split("..", 1))
        ends = [_literal(part) if part else None for part in (low, high)]
        if ends[0] is not None and ends[1] is not None and (kind(ends[0]) != kind(ends[1]) or order(ends[0], ends[1]) > 0):
            raise Wrong(f"{text!r} is no range")
        closed = (bare[0] == "[", bare[-1] == "]")
        if ends != [None, None] and not any(shut and end is None for shut, end in zip(closed, ends, strict=True)):
            return Range(ends[0], ends[1], *closed)
    raise Wrong(f"{text!r} is no range")


_LITERAL_FUNCTIONS = frozenset({"date", "time", "date and time", "duration", "years and months duration"})


def _literal(text: str) -> Value:
    """A constant, or a date, time or duration made of one."""
    try:
        node = Reader(BUILT_INS).expression(text)
    except Unreadable:
        raise Wrong(f"{text!r} is no end of a range") from None
    inner = node.operand if isinstance(node, syntax.Negation) else node
    constant = isinstance(inner, syntax.Constant)
    made = (
        isinstance(inner, syntax.Call)
        and isinstance(inner.function, syntax.Name)
        and inner.function.name in _LITERAL_FUNCTIONS
        and all(isinstance(argument, syntax.Constant) for argument in inner.arguments)
    )
    scope = Scope({}, [])
    value = Compiler().expression(node)(scope) if constant or made else None
    if value is None or equal(value, value) is None:
        raise Wrong(f"{text!r} is no end of a range")
    return value
