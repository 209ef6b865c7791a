"""Built-in functions on ranges and points, as the standard's table of relations defines them."""

from __future__ import annotations

from collections.abc import Callable

from anhuan.rulebook.tables.operators import equal, order
from anhuan.rulebook.tables.signatures import builtin
from anhuan.rulebook.tables.values import Range, Value, Wrong


def _ends(span: Range) -> Range:
    if span.low is None or span.high is None or span.other:
        raise Wrong("a range without a start or an end stands in no such relation")
    return span


def _point_first(name: str, judge: Callable[[Value, Range], bool]) -> None:
    builtin(f"{name}(point: number|string|date|time|datetime|days|months, range: range)")(judge)


def _range_first(name: str, judge: Callable[[Range, Value], bool]) -> None:
    builtin(f"{name}(range: range, point: number|string|date|time|datetime|days|months)")(judge)


def _ranges(name: str, judge: Callable[[Range, Range], bool]) -> None:
    builtin(f"{name}(range1: range, range2: range)")(lambda a, b: judge(_ends(a), _ends(b)))


def _points(name: str, judge: Callable[[Value, Value], bool]) -> None:
    kinds = "number|string|date|time|datetime|days|months"
    builtin(f"{name}(point1: {kinds}, point2: {kinds})")(judge)


def _point_before(point: Value, span: Range) -> bool:
    where = order(point, span.low)
    return where < 0 or (where == 0 and not span.low_closed)


def _before_point(span: Range, point: Value) -> bool:
    where = order(span.high, point)
    return where < 0 or (where == 0 and not span.high_closed)


def _before(a: Range, b: Range) -> bool:
    where = order(a.high, b.low)
    return where < 0 or (where == 0 and not (a.high_closed and b.low_closed))


def _meets(a: Range, b: Range) -> bool:
    return a.high_closed and b.low_closed and order(a.high, b.low) == 0


def _overlaps(a: Range, b: Range) -> bool:
    return not _before(a, b) and not _before(b, a)


def _overlaps_before(a: Range, b: Range) -> bool:
    starts, ends = order(a.low, b.low), order(a.high, b.high)
    begins = starts < 0 or (starts == 0 and a.low_closed and not b.low_closed)
    stops = ends < 0 or (ends == 0 and (not a.high_closed or b.high_closed))
    return begins and stops and not _before(a, b)


def _finishes(a: Range, b: Range) -> bool:
    starts = order(a.low, b.low)
    inside = starts > 0 or (starts == 0 and (not a.low_closed or b.low_closed))
    return inside and a.high_closed == b.high_closed and order(a.high, b.high) == 0


def _includes(a: Range, b: Range) -> bool:
    starts, ends = order(a.low, b.low), order(a.high, b.high)
    return (starts < 0 or (starts == 0 and (a.low_closed or not b.low_closed))) and (
        ends > 0 or (ends == 0 and (a.high_closed or not b.high_closed))
    )


def _includes_point(span: Range, point: Value) -> bool:
    return not _point_before(point, span) and not _before_point(span, point)


def _starts(a: Range, b: Range) -> bool:
    ends = order(a.high, b.high)
    inside = ends < 0 or (ends == 0 and (not a.high_closed or b.high_closed))
    return inside and a.low_closed == b.low_closed and order(a.low, b.low) == 0


def _coincides(a: Range, b: Range) -> bool:
    same_ends = (a.low_closed, a.high_closed) == (b.low_closed, b.high_closed)
    return same_ends and equal(a.low, b.low) is True and equal(a.high, b.high) is True


_points("before", lambda a, b: order(a, b) < 0)
_points("after", lambda a, b: order(a, b) > 0)
_points("coincides", lambda a, b: equal(a, b) is True)
_point_first("before", lambda p, r: _point_before(p, _ends(r)))
_point_first("after", lambda p, r: _before_point(_ends(r), p))
_point_first("finishes", lambda p, r: r.high_closed and order(p, _ends(r).high) == 0)
_point_first("starts", lambda p, r: r.low_closed and order(p, _ends(r).low) == 0)
_point_first("during", lambda p, r: _includes_point(_ends(r), p))
_range_first("before", lambda r, p: _before_point(_ends(r), p))
_range_first("after", lambda r, p: _point_before(p, _ends(r)))
_range_first("includes", lambda r, p: _includes_point(_ends(r), p))
_range_first("finished by", lambda r, p: r.high_closed and order(p, _ends(r).high) == 0)
_range_first("started by", lambda r, p: r.low_closed and order(p, _ends(r).low) == 0)
for _name, _judge in {
    "before": _before,
    "after": lambda a, b: _before(b, a),
    "meets": _meets,
    "met by": lambda a, b: _meets(b, a),
    "overlaps": _overlaps,
    "overlaps before": _overlaps_before,
    "overlaps after": lambda a, b: _overlaps_before(b, a),
    "finishes": _finishes,
    "finished by": lambda a, b: _finishes(b, a),
    "includes": _includes,
    "during": lambda a, b: _includes(b, a),
    "starts": _starts,
    "started by": lambda a, b: _starts(b, a),
    "coincides": _coincides,
}.items():
    _ranges(_name, _judge)
