"""FEEL over whole columns: the part of the language whose meaning a database can give without differing in one row.

Knows trees of FEEL and Ibis; the meaning is that of `rulebook.tables.feel`, nulls included. Does not know models or
tables. What lies outside is `Outside`, with a sentence in both languages; where it stands is for the caller to say.

Numbers are exact. Each column knows a bound and a number of decimal places, so the type of every result is wide enough
for what it may hold, and no wider than the 34 digits that the row-by-row evaluation keeps: where both are exact, both
are equal. What might need more is outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal, localcontext
from functools import reduce
from operator import and_, or_
from typing import Any

import ibis
from ibis.expr import datatypes as dt
from ibis.expr import types as ir

from anhuan.rulebook.tables import syntax
from anhuan.rulebook.tables.feel import Compiler, Scope, mentions_input
from anhuan.rulebook.tables.functions import BUILT_INS
from anhuan.rulebook.tables.operators import kind, order
from anhuan.rulebook.tables.values import DAY, NUMBERS, Date, DaysTime, Value

MOST_DIGITS = 34
MOST_DAYS = 36_600
_WIDE = 38  # digits a column may have; sums and products keep to MOST_DIGITS

NUMBER, STRING, BOOLEAN, DATE, NULL = "number", "string", "boolean", "date", "null"
KINDS_ZH = {NUMBER: "数字", STRING: "文本", BOOLEAN: "布尔值", DATE: "日期", NULL: "空值"}
_EXACT = NUMBERS.copy()
_EXACT.prec = 4 * _WIDE


class Outside(Exception):
    """Not in the columnar subset; says what, in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


@dataclass(frozen=True, slots=True)
class Constant:
    """A value known beforehand."""

    value: Value


@dataclass(frozen=True, slots=True)
class Column:
    """A value per row. Of numbers: no value is larger than `most`, none has more than `scale` decimal places."""

    kind: str
    values: Any
    scale: int = 0
    most: Decimal = Decimal(0)
    constant: Constant | None = None


Record = Mapping[str, Column]
"""The outputs of a decision table that has several."""


# --- Columns -----------------------------------------------------------------------------------------------------


def of_constant(value: Value) -> Column:
    """Raises Outside for values that are neither null nor a number, text, boolean or date."""
    if value is None:
        return Column(NULL, ibis.null(), constant=Constant(None))
    if isinstance(value, bool):
        return Column(BOOLEAN, ibis.literal(value), constant=Constant(value))
    if isinstance(value, str):
        return Column(STRING, ibis.literal(value), constant=Constant(value))
    if isinstance(value, Date) and 1 <= value.year <= 9999:
        return Column(DATE, ibis.literal(date(value.year, value.month, value.day)), constant=Constant(value))
    if isinstance(value, Decimal):
        plain = value.normalize(_EXACT) if value else Decimal(0)
        exponent = plain.as_tuple().exponent
        scale = max(0, -exponent) if isinstance(exponent, int) else 0
        column = Column(NUMBER, None, scale, abs(plain), Constant(value))
        return replace(column, values=ibis.literal(_spelled(plain, scale), number_type(scale, abs(plain), _WIDE)))
    what = kind(value) if not isinstance(value, Date) else "date"
    raise Outside(f"此类值不能成列：{what}", f"a value of kind {what} cannot stand in a column here")


def _spelled(number: Decimal, scale: int) -> int | Decimal:
    return number.quantize(Decimal(1).scaleb(-scale), context=_EXACT) if scale else int(number)


def of_column(values: ir.Column) -> Column:
    """A column of a table. Raises Outside for types that do not hold exact values of one kind."""
    of = values.type()
    if of.is_integer():
        bits = 8 * of.nbytes - (0 if of.is_unsigned_integer() else 1)
        return Column(NUMBER, values, 0, Decimal(2**bits - (bits >= 63)))
    if of.is_decimal() and of.precision is not None and of.scale is not None:
        return Column(NUMBER, values, of.scale, Decimal(10**of.precision - 1).scaleb(-of.scale, _EXACT))
    found = next((name for name, is_it in _HELD.items() if is_it(of)), None)
    if found is None:
        raise Outside(
            f"列的类型 {of} 不能精确比较；小数请用 decimal。",
            f"a column of type {of} is not exact; give numbers as integer or decimal",
        )
    return Column(found, values)


_HELD: dict[str, Callable[[Any], bool]] = {
    STRING: lambda of: bool(of.is_string()),
    BOOLEAN: lambda of: bool(of.is_boolean()),
    DATE: lambda of: bool(of.is_date()),
}
_TYPES = {STRING: dt.string, BOOLEAN: dt.boolean, DATE: dt.date}


def number_type(scale: int, most: Decimal, digits: int = MOST_DIGITS) -> Any:
    """The narrowest type for numbers up to `most` with so many decimal places. Raises Outside beyond `digits` digits."""
    whole = most.adjusted() + 1 if most >= 1 else 0
    if whole + scale > digits:
        raise _too_long(whole + scale)
    if scale == 0 and most < 2**63:
        return dt.int32 if most < 2**31 else dt.int64
    return dt.Decimal(max(whole + scale, 1), scale)


def _too_long(digits: int) -> Outside:
    return Outside(
        f"结果可能长达 {digits} 位数字，无法保证精确。", f"a result may have {digits} digits and cannot be proved exact"
    )


def common_type(columns: Sequence[Column]) -> tuple[str, Any]:
    """The kind and type that hold them all. Raises Outside where kinds differ."""
    kinds = {column.kind for column in columns} - {NULL}
    if len(kinds) > 1:
        raise _mixed(kinds)
    if not kinds:
        raise Outside("值恒为空，没有类型。", "it is always null and has no type")
    (one,) = kinds
    if one != NUMBER:
        return one, _TYPES[one]
    return one, number_type(max(c.scale for c in columns), max(c.most for c in columns), _WIDE)


def cast(column: Column, to: Any) -> Any:
    """The values as of a type that holds them."""
    if column.kind == NULL:
        return ibis.null(to)
    return column.values if column.values.type() == to else column.values.cast(to)


def _mixed(kinds: Iterable[str]) -> Outside:
    ordered = sorted(kinds)
    return Outside(
        f"不同种类的值不能相比或混用：{'、'.join(KINDS_ZH.get(k, k) for k in ordered)}。",
        f"values of different kinds come together: {', '.join(ordered)}",
    )


# --- Comparison --------------------------------------------------------------------------------------------------

_ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _aligned(left: Column, right: Column) -> tuple[Any, Any]:
    """Both as values that may be compared; a whole column is left as it is beside a constant that fits it."""
    if left.kind != right.kind:
        raise _mixed((left.kind, right.kind))
    if left.kind == BOOLEAN:
        return left.values.cast(dt.int8), right.values.cast(dt.int8)  # brackets round a comparison, which Ibis forgets
    if left.kind != NUMBER or (left.scale == right.scale == 0 and max(left.most, right.most) < 2**63):
        return left.values, right.values
    to = number_type(max(left.scale, right.scale), max(left.most, right.most), _WIDE)
    return cast(left, to), cast(right, to)


def ordered(operator: str, left: Column, right: Column) -> Any:
    """< <= > >=; null where one side is null."""
    if NULL in {left.kind, right.kind}:
        return ibis.null(dt.boolean)
    if left.kind == BOOLEAN:
        raise Outside("布尔值没有大小。", "booleans have no order")
    return _ORDERS[operator](*_aligned(left, right))


def same(left: Column, right: Column) -> Any:
    """Equality, in which null equals null and nothing else."""
    if NULL in {left.kind, right.kind}:
        return ibis.literal(value=True) if left.kind == right.kind else is_null(right if left.kind == NULL else left)
    a, b = _aligned(left, right)
    equal = (a == b).fill_null(False)  # noqa: FBT003  # ibis's way
    if left.constant is not None or right.constant is not None:
        return equal
    return equal | (a.isnull() & b.isnull())


def is_null(column: Column) -> Any:
    """Which values are null; a comparison in brackets that Ibis would forget."""
    return (column.values.cast(dt.int8) if column.kind == BOOLEAN else column.values).isnull()


def within(value: Column, low: Column, high: Column, *, closed: tuple[bool, bool]) -> Any:
    """Between two ends that are not null."""
    above = ordered(">=" if closed[0] else ">", value, low)
    below = ordered("<=" if closed[1] else "<", value, high)
    return above & below


# --- Arithmetic --------------------------------------------------------------------------------------------------


def _sum(operator: str, left: Column, right: Column) -> Column:
    scale, most = max(left.scale, right.scale), left.most + right.most
    to = number_type(scale, most)
    a, b = cast(left, to), cast(right, to)
    return Column(NUMBER, (a + b if operator == "+" else a - b).cast(to), scale, most)


def _product(left: Column, right: Column) -> Column:
    scale, most = left.scale + right.scale, left.most * right.most
    to = number_type(scale, max(most, left.most, right.most))  # also what is multiplied by nothing must fit
    if to.is_integer():
        return Column(NUMBER, (cast(left, to) * cast(right, to)).cast(to), scale, most)
    more, fewer = sorted((left, right), key=lambda column: column.scale, reverse=True)
    narrow = number_type(fewer.scale, fewer.most, _WIDE)
    digits = narrow.precision if narrow.is_decimal() else 1
    # Ibis wants one of the two types to hold the other.
    wide = dt.Decimal(max(_digits(more), digits), more.scale)
    # Beyond 38 digits DuckDB keeps the places and watches for overflow; Spark keeps six places.
    if wide.precision + _digits(fewer) >= _WIDE and scale > 6:
        raise _too_long(wide.precision + _digits(fewer))
    return Column(NUMBER, (cast(fewer, narrow) * cast(more, wide)).cast(to), scale, most)


def _digits(column: Column) -> int:
    return max(1, column.scale + max(0, column.most.adjusted() + 1 if column.most else 0))


def _quotient(left: Column, right: Column) -> Column:
    """Division by a constant whose reciprocal is a finite decimal, as by 100."""
    by = right.constant.value if right.constant is not None else None
    if by:
        with localcontext(_EXACT):
            reciprocal = (1 / by).normalize()
        if len(reciprocal.as_tuple().digits) <= MOST_DIGITS and reciprocal * by == 1:
            return _product(left, of_constant(reciprocal))
    raise Outside("除法一般不能逐列精确计算（除以 100 之类的常数可以）。", "division is exact only by constants such as 100")


def arithmetic(operator: str, left: Column, right: Column) -> Column:
    """+ - * and / by some constants, on numbers; + on texts. Null where one side is null."""
    kinds = {left.kind, right.kind} - {NULL}
    if NULL in {left.kind, right.kind}:
        return of_constant(None)
    if kinds == {STRING} and operator == "+":
        return Column(STRING, left.values + right.values)
    if kinds != {NUMBER}:
        signs = "、".join(KINDS_ZH.get(k, k) for k in sorted(kinds))
        raise Outside(f"不支持 {signs} 的 {operator} 运算。", f"{left.kind} {operator} {right.kind} is not computed in columns")
    with localcontext(_EXACT):
        if operator in {"+", "-"}:
            return _sum(operator, left, right)
        if operator == "*":
            return _product(left, right)
        if operator == "/":
            return _quotient(left, right)
    raise Outside(f"不支持运算 {operator}。", f"the operator {operator} is not computed in columns")


def _shifted(day: Column, length: DaysTime, sign: int) -> Column:
    days, rest = divmod(length.nanoseconds, DAY)
    if rest or abs(days) > MOST_DAYS:
        raise Outside(f"日期只能加减整日，且不超过 {MOST_DAYS} 日。", f"dates are moved by whole days, at most {MOST_DAYS}")
    return Column(DATE, (day.values + ibis.interval(days=sign * days)).cast(dt.date))


# --- Expressions -------------------------------------------------------------------------------------------------

_NAMES_ZH = {
    "filter": "筛选 […]", "for": "for 循环", "quantified": "some/every", "functionof": "函数定义", "contextof": "上下文 {…}",
    "instanceof": "instance of", "listof": "列表值", "rangeof": "区间值", "test": "单边比较值",
}  # fmt: skip


class Expressions:
    """Makes columns of trees, where certain names stand for columns or for the outputs of a decision."""

    def __init__(self, names: Mapping[str, Column | Record], compiler: Compiler) -> None:
        self._names, self._compiler = names, compiler

    def given(self, value: Column) -> Expressions:
        """The same where `?` is the value tested."""
        return Expressions({**self._names, "?": value}, self._compiler)

    def column(self, node: syntax.Node) -> Column:
        """Raises Outside."""
        known = self._constant_of(node)
        if known is not None:
            return of_constant(known.value)
        build: Callable[[Any], Column] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if build is None:
            name = type(node).__name__.lower()
            raise Outside(f"不支持{_NAMES_ZH.get(name, name)}。", f"{name.removesuffix('of')} is not in the columnar subset")
        return build(node)

    def _constant_of(self, node: syntax.Node) -> Constant | None:
        """The value of an expression that depends on nothing, if it has one without complaint."""
        free = set(names_in(node))
        if free & set(self._names) or free - set(BUILT_INS):
            return None
        scope = Scope({}, [])
        with localcontext(NUMBERS):
            value = self._compiler.expression(node)(scope)
        return None if scope.notes or isinstance(value, list) or kind(value) in {"range", "function"} else Constant(value)

    def _constant(self, node: syntax.Constant) -> Column:
        return of_constant(node.value)

    def _name(self, node: syntax.Name) -> Column:
        found = self._names.get(node.name)
        if isinstance(found, Column):
            return found
        if found is None:
            raise Outside(f"没有名为 {node.name} 的列。", f"there is no column {node.name}")
        raise Outside(f"{node.name} 有多个输出，请写明其一。", f"{node.name} has several outputs: name one of them")

    def _path(self, node: syntax.Path) -> Column:
        base = self._names.get(node.base.name) if isinstance(node.base, syntax.Name) else None
        if isinstance(base, Column) or base is None or node.name not in base:
            raise Outside(f"“.{node.name}”不是某个决策的输出。", f".{node.name} is no output of a decision")
        return base[node.name]

    def _negation(self, node: syntax.Negation) -> Column:
        return arithmetic("-", of_constant(Decimal(0)), self.column(node.operand))

    def _binary(self, node: syntax.Binary) -> Column:
        operator = node.operator
        if operator in {"+", "-"}:
            moved = self._moved(node)
            if moved is not None:
                return moved
        left, right = self.column(node.left), self.column(node.right)
        if operator in {"and", "or"}:
            return _truth((and_ if operator == "and" else or_)(self.truth_of(left), self.truth_of(right)))
        if operator in {"=", "!="}:
            return _truth(same(left, right) if operator == "=" else ~same(left, right))
        if operator in _ORDERS:
            return _truth(ordered(operator, left, right))
        return arithmetic(operator, left, right)

    def _moved(self, node: syntax.Binary) -> Column | None:
        """A date and a constant length of time."""
        sides = [(node.left, node.right)] + ([(node.right, node.left)] if node.operator == "+" else [])
        for day, length in sides:
            known = self._constant_of(length)
            if known is not None and isinstance(known.value, DaysTime):
                column = self.column(day)
                if column.kind == DATE:
                    return _shifted(column, known.value, 1 if node.operator == "+" else -1)
        return None

    def _between(self, node: syntax.Between) -> Column:
        value, low, high = self.column(node.value), self.column(node.low), self.column(node.high)
        if NULL in {low.kind, high.kind}:
            return _truth(ibis.null(dt.boolean))
        inside = within(value, low, high, closed=(True, True))
        unknown = [is_null(end) for end in (low, high) if end.constant is None]
        return _truth(ibis.ifelse(reduce(or_, unknown), ibis.null(dt.boolean), inside) if unknown else inside)

    def _in(self, node: syntax.In) -> Column:
        value = self.column(node.value)
        return _truth(_any([self.test(test, value) for test in node.tests]))

    def _if(self, node: syntax.If) -> Column:
        condition = self.truth_of(self.column(node.condition))
        yes, no = self.column(node.yes), self.column(node.no)
        if yes.kind == no.kind == NULL:
            return of_constant(None)
        of, to = common_type([yes, no])
        return Column(of, ibis.ifelse(condition, cast(yes, to), cast(no, to)), max(yes.scale, no.scale), max(yes.most, no.most))

    def _call(self, node: syntax.Call) -> Column:
        name = node.function.name if isinstance(node.function, syntax.Name) else "?"
        if name == "not" and len(node.arguments) == 1:
            return _truth(~self.truth_of(self.column(node.arguments[0])))
        raise Outside(f"不支持函数 {name}。", f"the function {name} is not in the columnar subset")

    def truth_of(self, column: Column) -> Any:
        """A boolean column. Raises Outside for any other: row by row it would count as unknown."""
        if column.kind == NULL:
            return ibis.null(dt.boolean)
        if column.kind != BOOLEAN:
            raise Outside(f"此处应为布尔值，而不是{KINDS_ZH[column.kind]}。", f"a boolean is needed here, not a {column.kind}")
        return column.values

    # --- tests of a cell ---

    def holds(self, cell: syntax.Tests, value: Column) -> Any | None:
        """Whether the value passes a cell; null stands for False. None: any value passes."""
        if not cell.tests:
            return None
        if cell.negated:
            return ~_any([self.test(test, value) for test in cell.tests])
        plain = [test.value for test in cell.tests if isinstance(test, syntax.Constant) and test.value is not None]
        listed = [of_constant(constant) for constant in plain]
        rest = [test for test in cell.tests if not (isinstance(test, syntax.Constant) and test.value is not None)]
        answers = [self.test(test, value) for test in rest]
        return _any([*_listed(value, listed), *answers])

    def test(self, node: syntax.Node, value: Column) -> Any:
        """Whether the value passes a test: three-valued, as row by row."""
        if isinstance(node, syntax.Test):
            end = self.column(node.value)
            if node.operator in {"=", "!="}:
                return same(value, end) if node.operator == "=" else ~same(value, end)
            return ordered(node.operator, value, end)
        if mentions_input(node):
            answer = self.given(value).column(node)
            if answer.kind in {BOOLEAN, NULL}:
                return self.truth_of(answer)
            return ibis.ifelse(is_null(answer), ibis.null(dt.boolean), same(value, answer))
        if isinstance(node, syntax.RangeOf):
            return self._in_range(node, value)
        if isinstance(node, syntax.ListOf):
            return _any([self.test(item, value).fill_null(False) for item in node.items])  # noqa: FBT003  # ibis's way
        answer = self.column(node)
        if answer.kind == BOOLEAN and value.kind != BOOLEAN and not isinstance(node, syntax.Constant):
            return ibis.ifelse(is_null(value), is_null(answer), answer.values.fill_null(False))  # noqa: FBT003
        return same(value, answer)

    def _in_range(self, node: syntax.RangeOf, value: Column) -> Any:
        low, high = self.column(node.low), self.column(node.high)
        if NULL in {low.kind, high.kind}:
            return is_null(value)
        inside = within(value, low, high, closed=(node.low_closed, node.high_closed))
        if low.constant is not None and high.constant is not None:
            return inside if order(low.constant.value, high.constant.value) <= 0 else is_null(value)
        # A range that ends before it begins is null, and null equals null.
        return ibis.ifelse(ordered("<=", low, high), inside, is_null(value))


def _truth(values: Any) -> Column:
    return Column(BOOLEAN, values)


def _any(answers: list[Any]) -> Any:
    return reduce(or_, answers) if answers else ibis.literal(value=False)


def _listed(value: Column, constants: list[Column]) -> Iterator[Any]:
    """Membership in constants that are not null; null stands for False."""
    if value.kind == BOOLEAN and all(c.kind == BOOLEAN for c in constants):
        yield from (value.values if c.constant == Constant(value=True) else ~value.values for c in constants)
        return
    pairs = [_aligned(value, constant) for constant in constants]
    if len(pairs) > 1 and all(a is value.values for a, _ in pairs):
        yield value.values.isin([b for _, b in pairs])
    else:
        yield from (a == b for a, b in pairs)


def names_in(node: Any) -> Iterator[str]:
    """All names that stand in a tree."""
    if isinstance(node, syntax.Name):
        yield node.name
    elif isinstance(node, tuple):
        for item in node:
            yield from names_in(item)
    elif isinstance(node, syntax.Node | syntax.Binding):
        for part in fields(node):
            yield from names_in(getattr(node, part.name))
