"""Built-in functions on lists: what is in them, what they add up to, and lists made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cmp_to_key, reduce

from anhuan.rulebook.tables.operators import arithmetic, equal, order
from anhuan.rulebook.tables.signatures import builtin, whole
from anhuan.rulebook.tables.values import NUMBERS, DaysTime, Function, Value, Wrong, YearsMonths, write

List = list[Value]


def _same(left: Value, right: Value) -> bool:
    return equal(left, right) is True


def _on_list_or_items(name: str, kinds: str = "any?") -> Callable[[Callable[[List], Value]], Callable[[List], Value]]:
    """Declares f(list) and f(item, item, …)."""

    def declare(compute: Callable[[List], Value]) -> Callable[[List], Value]:
        builtin(f"{name}(list: list)")(compute)

        def of_items(*items: Value) -> Value:
            if not items or (len(items) == 1 and items[0] is None):
                raise Wrong("null is no list")
            return compute(list(items))

        builtin(f"{name}(items...: {kinds})")(of_items)
        return compute

    return declare


# --- What is in a list -------------------------------------------------------------------------------------------


@builtin("list contains(list: list, element: any?)")
def contains(items: List, element: Value) -> bool:
    return any(_same(item, element) for item in items)


@builtin("count(list: list)")
def count(items: List) -> Decimal:
    return Decimal(len(items))


@builtin("index of(list: list, match: any?)")
def index_of(items: List, match: Value) -> List:
    return [Decimal(at) for at, item in enumerate(items, 1) if _same(item, match)]


def _extreme(items: List, sign: int) -> Value:
    if not items:
        return None
    best = items[0]
    for item in items:
        if order(item, best) * sign > 0:
            best = item
    return best


@_on_list_or_items("min")
def min_(items: List) -> Value:
    return _extreme(items, -1)


@_on_list_or_items("max")
def max_(items: List) -> Value:
    return _extreme(items, 1)


def _truths(items: List, deciding: bool) -> bool | None:  # noqa: FBT001  # the truth value that settles the matter
    if any(item is deciding for item in items):
        return deciding
    return (not deciding) if all(item is (not deciding) for item in items) else None


_on_list_or_items("all")(lambda items: _truths(items, deciding=False))
_on_list_or_items("any")(lambda items: _truths(items, deciding=True))


# --- What a list adds up to --------------------------------------------------------------------------------------


def _numbers(items: List) -> list[Decimal]:
    if not all(type(item) is Decimal for item in items):
        raise Wrong("not all are numbers")
    return items


@_on_list_or_items("sum")
def sum_(items: List) -> Value:
    if not items:
        return None
    if not all(isinstance(item, Decimal | DaysTime | YearsMonths) for item in items):
        raise Wrong("not all are numbers")
    return reduce(lambda a, b: arithmetic("+", a, b), items)


@_on_list_or_items("mean")
def mean(items: List) -> Value:
    return arithmetic("/", sum_(items), Decimal(len(items))) if items else None


@_on_list_or_items("product")
def product(items: List) -> Value:
    return reduce(NUMBERS.multiply, _numbers(items)) if items else None


@_on_list_or_items("median")
def median(items: List) -> Value:
    ordered, half = sorted(_numbers(items)), len(items) // 2
    if not items:
        return None
    return ordered[half] if len(items) % 2 else NUMBERS.divide(NUMBERS.add(ordered[half - 1], ordered[half]), Decimal(2))


@_on_list_or_items("stddev")
def stddev(items: List) -> Value:
    """Of a sample: squares over one less than the count."""
    numbers = _numbers(items)
    if len(numbers) < 2:
        raise Wrong("a sample has at least two numbers")
    middle = mean(items)
    squares = reduce(NUMBERS.add, (NUMBERS.power(NUMBERS.subtract(n, middle), 2) for n in numbers))
    return NUMBERS.sqrt(NUMBERS.divide(squares, Decimal(len(numbers) - 1)))


@_on_list_or_items("mode")
def mode(items: List) -> List:
    numbers = _numbers(items)
    times: dict[Decimal, int] = {}
    for number in numbers:
        times[number] = times.get(number, 0) + 1
    most = max(times.values(), default=0)
    return sorted(number for number, n in times.items() if n == most)


@builtin("string join(list: list, delimiter?: string?)")
def string_join(items: List, delimiter: str | None = None) -> str:
    if not all(item is None or isinstance(item, str) for item in items):
        raise Wrong("not all are strings")
    return (delimiter or "").join(item for item in items if item is not None)


@builtin("string join(list: list, delimiter: string?, prefix: string?, suffix: string?)")
def string_join_within(items: List, delimiter: str | None, prefix: str | None, suffix: str | None) -> str:
    return f"{prefix or ''}{string_join(items, delimiter)}{suffix or ''}"


# --- Lists made of lists -----------------------------------------------------------------------------------------


def _place(items: List, position: Decimal) -> int:
    at = whole(position)
    if at == 0 or at != position or abs(at) > len(items):
        raise Wrong(f"there is no position {write(position)} in a list of {len(items)}")
    return at - 1 if at > 0 else len(items) + at


@builtin("sublist(list: list, start position: number, length?: number)")
def sublist(items: List, start: Decimal, length: Decimal | None = None) -> List:
    at = _place(items, start)
    end = len(items) if length is None else at + whole(length)
    if end <= at or end > len(items):
        raise Wrong("the part reaches beyond the list")
    return items[at:end]


@builtin("append(list: list, item...: any?)")
def append(items: List, *more: Value) -> List:
    return [*items, *more]


@builtin("concatenate(lists...: list)")
def concatenate(*lists: List) -> List:
    return [item for items in lists for item in items]


@builtin("insert before(list: list, position: number, newItem: any?)")
def insert_before(items: List, position: Decimal, item: Value) -> List:
    at = _place(items, position)
    return [*items[:at], item, *items[at:]]


@builtin("remove(list: list, position: number)")
def remove(items: List, position: Decimal) -> List:
    at = _place(items, position)
    return [*items[:at], *items[at + 1 :]]


@builtin("list replace(list: list, position: number, newItem: any?)")
def replace_at(items: List, position: Decimal, item: Value) -> List:
    at = _place(items, position)
    return [*items[:at], item, *items[at + 1 :]]


@builtin("list replace(list: list, match: function, newItem: any?)")
def replace_matching(items: List, match: Function, new: Value) -> List:
    answers = [match.body(item, new) for item in items]
    if not all(isinstance(answer, bool) for answer in answers):
        raise Wrong("match does not answer true or false")
    return [new if answer else item for item, answer in zip(items, answers, strict=True)]


@builtin("reverse(list: list)")
def reverse(items: List) -> List:
    return items[::-1]


def _distinct(items: Iterable[Value]) -> List:
    kept: List = []
    for item in items:
        if not any(_same(item, other) for other in kept):
            kept.append(item)
    return kept


@builtin("union(lists...: list)")
def union(*lists: List) -> List:
    return _distinct(item for items in lists for item in items)


@builtin("distinct values(list: list)")
def distinct_values(items: List) -> List:
    return _distinct(items)


@builtin("duplicate values(list: list)")
def duplicate_values(items: List) -> List:
    return [item for item in _distinct(items) if sum(_same(item, other) for other in items) > 1]


@builtin("flatten(list: list)")
def flatten(items: List) -> List:
    return [inner for item in items for inner in (flatten(item) if isinstance(item, list) else [item])]


@builtin("sort(list: list, precedes?: function)")
def sort(items: List, precedes: Function | None = None) -> List:
    """Stable; `precedes` answers whether its first argument comes before its second."""

    def compare(a: Value, b: Value) -> int:
        if precedes is None:
            return order(a, b)
        return -1 if precedes.body(a, b) is True else 1 if precedes.body(b, a) is True else 0

    return sorted(items, key=cmp_to_key(compare))
