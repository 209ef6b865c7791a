"""FEEL, expression by expression: numbers, logic, comparison, lists, contexts, loops, functions, names."""

from decimal import Decimal

import pytest
from tests.rulebook.dmn import evaluate, feel

from anhuan.rulebook.tables.reading import Reader, Unreadable


def pairs(text: str) -> list[tuple[str, str]]:
    """Lines `expression => value`; what begins with # is a heading."""
    lines = [line.strip() for line in text.splitlines()]
    return [tuple(part.strip() for part in line.rsplit("=>", 1)) for line in lines if line and line[0] != "#"]  # type: ignore[misc]


ARITHMETIC = pairs("""
    1 + 2 * 3 => 7
    (1 + 2) * 3 => 9
    10 - 3 - 2 => 5
    100 / 10 / 2 => 5
    10 / 4 => 2.5
    1 / 3 => 0.3333333333333333333333333333333333
    2 / 3 => 0.6666666666666666666666666666666667
    0.1 + 0.2 => 0.3
    1.10 * 3 => 3.30
    9999999999999999999999999999999999 + 1 => 10000000000000000000000000000000000
    2 ** 10 => 1024
    2 ** 3 ** 2 => 64
    -3 ** 2 => 9
    2 ** -1 => 0.5
    -(4 - 6) => 2
    1 - -1 => 2
    --2 => 2
    .5 + .25 => 0.75
    1.5e2 => 150
    10 / 0 => null
    0 ** -1 => null
    10 ** 7000 => null
    1 + null => null
    "a" + 1 => null
    true + 1 => null
    [2] ** 4 => null
    "foo" + "bar" => "foobar"
    -"a" => null
""")

LOGIC = pairs("""
    true and true => true
    true and null => null
    false and null => false
    null and false => false
    true or null => true
    null or false => null
    false or false => false
    1 and false => false
    1 and true => null
    "x" or true => true
    not(true) => false
    not(null) => null
    not(1) => null
    if true then 1 else 2 => 1
    if null then 1 else 2 => 2
    if "x" then 1 else 2 => 2
    if 1 > 2 then "a" else if 2 > 1 then "b" else "c" => "b"
""")

COMPARISON = pairs("""
    1 = 1.0 => true
    0 = -0 => true
    1 != 2 => true
    null = null => true
    null != null => false
    1 = null => false
    "a" = 1 => null
    [] = 0 => null
    {} = [] => null
    [] = null => false
    "foo" = "Foo" => false
    [1,2,3] = [1,2,3] => true
    [1,2,3] = [3,2,1] => false
    [1] = 1 => null
    {a: 1, b: 2} = {b: 2, a: 1} => true
    {a: 1} = {a: 2} => false
    [1, [2, 3]] = [1, [2, 3]] => true
    1 < 2 => true
    2 <= 2 => true
    "a" < "b" => true
    1 < "a" => null
    1 < null => null
    true < false => null
    5 between 1 and 10 => true
    1 between 1 and 10 => true
    11 between 1 and 10 => false
    1 between null and 2 => null
    5 between 1 and 10 and true => true
    [1..3] = [1..3] => true
    [1..3] = [1..3) => false
    true[1] = true => true
    [1, 2][3] = null => true
""")

MEMBERSHIP = pairs("""
    1 in [2,3,1] => true
    1 in [[2..4], [1..3]] => true
    5 in [[2..4], [1..3]] => false
    1 in <= 10 => true
    10 in < 10 => false
    1 in (2..4) => false
    2 in [2..4) => true
    4 in [2..4) => false
    4 in ]2..4] => true
    2 in ]2..4[ => false
    10 in (1, < 5, >=10) => true
    10 in (1, 5, 9) => false
    1 in 1 => true
    "b" in ["a".."c"] => true
    null in [1..3] => null
    5 in (> 3) => true
    5 in (!= 5) => false
    @"2020-06-15" in [@"2020-01-01"..@"2020-12-31"] => true
    duration("P3Y") in (duration("P2Y")..duration("P4Y")] => true
    [1..10].start => 1
    (1..10].start included => false
    [1..10[.end included => false
    (< 5).end => 5
    [5..1] => null
    [1..null] => null
""")

LISTS = pairs("""
    [1,2,3][2] => 2
    [1,2,3][-1] => 3
    [1,2,3][0] => null
    [1,2,3][4] => null
    [][1] => null
    [1,2,3,4][item > 2] => [3, 4]
    [{a: 1, b: "x"}, {a: 2, b: "y"}][a = 2].b => ["y"]
    [{a: 1}, {a: 2}].a => [1, 2]
    [{a: {b: 1}}, {a: {b: 2}}].a.b => [1, 2]
    [{a: 1}, {b: 2}].a => [1, null]
    100[1] => 100
    100[2] => null
    5[item > 9] => []
    null[1] => null
    [1,2,3][true] => [1, 2, 3]
    [1,2,3][false] => []
    [{item: 1}, {item: 2}][item >= 2] => [{item: 2}]
    [{a: 1}, {a: 2}][item.a >= 2] => [{a: 2}]
    [[1,2],[3]][1][2] => 2
    [1, 2, 3][item = 2 or item = 3][1] => 2
""")

CONTEXTS = pairs("""
    {a: 1 + 2, b: a + 3}.b => 6
    {a: {b: {c: 3}}}.a.b.c => 3
    {foo bar: "x"}.foo bar => "x"
    {foo+bar: 1} => {foo+bar: 1}
    {"odd ((key!!": 1} => {odd ((key!!: 1}
    {a: 1}.b => null
    {a: 1, a: 2} => null
    {f: function(x) x * 2, r: f(4)}.r => 8
    {"first name": "Li"}.first name => "Li"
""")

LOOPS = pairs("""
    for i in [1,2,3] return i + 1 => [2, 3, 4]
    for i in [1,2], j in [10,20] return i + j => [11, 21, 12, 22]
    for i in 2..4 return i => [2, 3, 4]
    for i in 4..2 return i => [4, 3, 2]
    for i in 1+1..1+3 return i => [2, 3, 4]
    for i in [1..3] return i => [1, 2, 3]
    for i in (1..3) return i => [2]
    for i in 0..4 return if i = 0 then 1 else i * partial[-1] => [1, 1, 2, 6, 24]
    for i in [] return i => []
    for i in null return i => null
    for i in 7 return i => [7]
    for i in 1..2, j in i..2 return [i, j] => [[1, 1], [1, 2], [2, 2]]
    for d in @"2024-02-28"..@"2024-03-01" return d.day => [28, 29, 1]
    some x in [1,2,3] satisfies x > 2 => true
    some x in [] satisfies x > 2 => false
    every x in [1,2,3] satisfies x > 0 => true
    every x in [] satisfies x > 0 => true
    every x in [1, null] satisfies x > 0 => null
    some x in [1,2], y in [2,3] satisfies x + y = 5 => true
    every x in [1,2], y in [2,3] satisfies x < y => false
""")

FUNCTIONS = pairs("""
    (function(a, b) a + b)(1, 2) => 3
    (function(a: number) a)("x") => null
    (function(a) function(b) a * b)(2)(3) => 6
    (function(a, b) a - b)(b: 1, a: 5) => 4
    (function(a) a)(1, 2) => null
    (function(a) a)(c: 1) => null
    substring(string: "foobar", start position: 3) => "obar"
    substring(start position: 3, string: "foobar", length: 2) => "ob"
    modulo(dividend: 12, divisor: 5) => 2
    nothing(1) => null
    1(2) => null
    abs() => null
    abs(1, 2) => null
    upper case(["a"]) => "A"
    sort([3,1,2], function(x, y) x > y) => [3, 2, 1]
    all(every x in [1] satisfies x = 1, true) => true
""")

TYPES = pairs("""
    1 instance of number => true
    "a" instance of number => false
    null instance of number => false
    null instance of Null => true
    @"P1D" instance of days and time duration => true
    @"P1Y" instance of years and months duration => true
    @"2020-01-01" instance of date => true
    @"2020-01-01T00:00:00" instance of date and time => true
    [1,2] instance of list<number> => true
    [1,"a"] instance of list<number> => false
    [1..2] instance of range<number> => true
    {a: 1, b: "x"} instance of context<a: number> => true
    {b: "x"} instance of context<a: number> => false
    (function(a) a) instance of function<number> -> number => true
    1 instance of Any => true
    1 instance of nosuch => null
    1 instance of number and true => true
""")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        *ARITHMETIC, *LOGIC, *COMPARISON, *MEMBERSHIP, *LISTS, *CONTEXTS, *LOOPS, *FUNCTIONS, *TYPES,
    ],
)  # fmt: skip
def test_an_expression_has_the_value_the_standard_gives_it(expression, value):
    assert feel(expression) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (r'"tab\tline\nquote\"back\\slash"', 'tab\tline\nquote"back\\slash'),
        (r'"欠款"', "欠款"),
        (r'"\uD83D\uDC0E"', "🐎"),
        (r'"\U01F40Efoo"', "🐎foo"),
        (r'"\d+\s"', r"\d+\s"),
        ('"two\nlines"', "two\nlines"),
        ("1 + // a comment\n 2 /* and\n another */", Decimal(3)),
    ],
)
def test_strings_unescape_and_comments_fall_away(expression, value):
    assert evaluate(expression)[0] == value


@pytest.mark.parametrize(
    ("expression", "names", "value"),
    [
        ("Monthly income - Debt", {"Monthly_income": Decimal(5), "Debt": Decimal(2)}, "3"),
        ("a-b", {"a": Decimal(5), "b": Decimal(2)}, "3"),
        ("a-b", {"a-b": Decimal(9), "a": Decimal(5), "b": Decimal(2)}, "9"),
        ("a - b", {"a-b": Decimal(9)}, "9"),
        ("for i in days in weekend return i", {"days_in_weekend": ["sat", "sun"]}, '["sat", "sun"]'),
        ("for i in in a list return i", {"in_a_list": ["x"]}, '["x"]'),
        ("if it rains then 1 else 2", {"it_rains": True}, "1"),
        ("and more + 1", {"and_more": Decimal(1)}, "2"),
        ("date + 1", {"date": Decimal(1)}, "2"),
        ("逾期天数 > 30 and 余额 >= 100", {"逾期天数": Decimal(31), "余额": Decimal(100)}, "true"),
        ("Ratio (%)", {"Ratio": Decimal(1)}, None),
        ("count(list of things)", {"list_of_things": [1, 2]}, "2"),
    ],
)
def test_the_longest_name_in_scope_wins(expression, names, value):
    if value is None:
        with pytest.raises(Unreadable):
            feel(expression, **names)
    else:
        assert feel(expression, **names) == value


@pytest.mark.parametrize(
    "text", ["", "1 +", "(1", "[1, 2", "{a 1}", "if 1 then 2", "for i in 1", '"open', "1 2", "§", "a.", "1..2", "x in"]
)
def test_what_is_no_feel_is_refused_with_its_place(text):
    with pytest.raises(Unreadable):
        Reader(["a", "x"]).expression(text)


def test_a_null_says_why_it_came_about():
    assert evaluate('1 + "a"') == (None, ["number + string is not defined"])
    assert evaluate("nobody")[1] == ["'nobody' is not known here"]
    assert evaluate("10 / 0")[1] == ["no number: DivisionByZero"]


def test_a_loop_without_end_is_stopped():
    value, notes = evaluate("for i in 1..100000000 return i")
    assert value is None
    assert "1,000,000" in notes[0]
