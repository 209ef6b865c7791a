"""The built-in functions of FEEL, by family, and dates, times and durations with their arithmetic."""

import random
from datetime import UTC, datetime

import pytest
from tests.rulebook.dmn import evaluate, feel
from tests.rulebook.test_feel import pairs

from anhuan.rulebook.tables.functions import BUILT_INS
from anhuan.rulebook.tables.values import from_python

NUMBERS = pairs("""
    decimal(1/3, 2) => 0.33
    decimal(2.5, 0) => 2
    decimal(3.5, 0) => 4
    decimal(25, -1) => 20
    decimal(1, null) => null
    floor(1.5) => 1
    floor(-1.5) => -2
    floor(-1.56, 1) => -1.6
    ceiling(1.5) => 2
    ceiling(-1.56, 1) => -1.5
    round up(5.5, 0) => 6
    round up(-1.126, 2) => -1.13
    round down(-5.5, 0) => -5
    round half up(1.125, 2) => 1.13
    round half up(-5.5, 0) => -6
    round half down(5.5, 0) => 5
    round half down(-1.126, 2) => -1.13
    abs(-10) => 10
    abs(@"-PT5H") => PT5H
    abs("a") => null
    modulo(12, 5) => 2
    modulo(-12, 5) => 3
    modulo(12, -5) => -3
    modulo(-12, -5) => -2
    modulo(10.1, 4.5) => 1.1
    modulo(1, 0) => null
    sqrt(16) => 4
    sqrt(-1) => null
    log(0) => null
    decimal(log(10), 8) => 2.30258509
    decimal(exp(5), 8) => 148.41315910
    odd(5) => true
    odd(2.5) => false
    even(-4) => true
    number("1 000,5", " ", ",") => 1000.5
    number("1,000.5", ",", ".") => 1000.5
    number("1.000,5", ".", ",") => 1000.5
    number("12") => 12
    number("1e2") => 100
    number("abc") => null
    number("1,0", ",", ",") => null
""")

STRINGS = pairs(r"""
    string(1.10) => "1.10"
    string(null) => null
    string(true) => "true"
    string(@"2020-01-01") => "2020-01-01"
    string([1, "a", null]) => "[1, \"a\", null]"
    string({a: "x"}) => "{a: \"x\"}"
    string length("foo") => 3
    string length(null) => null
    substring("foobar", 3) => "obar"
    substring("foobar", 3, 3) => "oba"
    substring("foobar", -2, 1) => "a"
    substring("foobar", -6, 6) => "foobar"
    substring("foobar", 3, 3.8) => "oba"
    substring("foobar", 0) => null
    substring("foobar", 9) => null
    substring("foobar", 1, 0) => null
    upper case("aBc4") => "ABC4"
    lower case("aBc4") => "abc4"
    substring before("foobar", "bar") => "foo"
    substring before("foobar", "xyz") => ""
    substring before("foobar", "") => ""
    substring after("foobar", "ob") => "ar"
    substring after("foobar", "") => "foobar"
    substring after("foobar", "z") => ""
    contains("foobar", "ob") => true
    starts with("foobar", "fo") => true
    ends with("foobar", "r") => true
    split("John Doe", "\s") => ["John", "Doe"]
    split("a;b;c;;", ";") => ["a", "b", "c", "", ""]
    string join(["a", "b", "c"], "_and_") => "a_and_b_and_c"
    string join(["a", null, "c"]) => "ac"
    string join([]) => ""
    string join(["a", 1]) => null
    trim("  a ") => "a"
    matches("foobar", "^fo*b") => true
    matches("foobar", "^O", "i") => false
    matches("FOO", "foo", "i") => true
    matches("a", "[b-z]") => false
    matches("hello world", "hello[ ]wor ld", "x") => true
    matches("a\nb", "a.b", "s") => true
    matches("abc", "b", "y") => null
    matches("abc", "(") => null
    matches("e", "[a-z-[aeiou]]") => false
    matches("f", "[a-z-[aeiou]]") => true
    matches("欠", "\p{Lo}") => true
    matches("欠", "\p{IsCJKUnifiedIdeographs}") => true
    matches("a", "(?=a)") => null
    replace("abcd", "(ab)|(a)", "[1=$1][2=$2]") => "[1=ab][2=]cd"
    replace("abracadabra", "bra", "*") => "a*cada*"
    replace("abracadabra", "a.*?a", "*") => "*c*bra"
    replace("abracadabra", "a(.)", "a$1$1") => "abbraccaddabbra"
    replace("facetiously", "[iouy]", "[$0]") => "facet[i][o][u]sl[y]"
    replace("0123456789", "(\d{3})(\d{3})(\d{4})", "($1) $2-$3") => "(012) 345-6789"
    replace("abc", "[A-Z]", "#", "i") => "###"
    replace("a.b", ".", "#", "q") => "a#b"
    replace("abc", "^", "x") => null
    extract("a1b22", "\d+") => ["1", "22"]
""")

LISTS = pairs("""
    list contains([1, 2, null], null) => true
    list contains([1, 2], 3) => false
    count([1, null]) => 2
    count([]) => 0
    count(null) => null
    min([3, 1, 2]) => 1
    min(3, 1, 2) => 1
    max("a", "c", "b") => "c"
    max([]) => null
    max([1, null]) => null
    max(@"2020-01-01", @"2021-01-01") => 2021-01-01
    sum([1, 2, 3]) => 6
    sum(1, 2) => 3
    sum([]) => null
    sum(["a"]) => null
    mean([1, 2, 3, 4]) => 2.5
    mean([]) => null
    product([2, 3, 4]) => 24
    median(8, 2, 5, 3, 4) => 4
    median([6, 1, 2, 3]) => 2.5
    median([]) => null
    decimal(stddev(2, 4, 7, 5), 6) => 2.081666
    stddev([47]) => null
    mode(6, 3, 9, 6, 6) => [6]
    mode([6, 1, 9, 6, 1]) => [1, 6]
    mode([]) => []
    all([true, false]) => false
    all([true, null]) => null
    all([false, null]) => false
    all([]) => true
    any([false, true]) => true
    any([false, null]) => null
    any([]) => false
    any(true, false) => true
    sublist([4, 5, 6], 1, 2) => [4, 5]
    sublist([4, 5, 6], -2) => [5, 6]
    sublist([4, 5, 6], 0) => null
    append([1], 2, 3) => [1, 2, 3]
    append(1, 2) => [1, 2]
    concatenate([1, 2], [3]) => [1, 2, 3]
    insert before([1, 3], 1, 2) => [2, 1, 3]
    insert before([1, 3], -1, 2) => [1, 2, 3]
    remove([1, 2, 3], 2) => [1, 3]
    remove([1], 5) => null
    reverse([1, 2, 3]) => [3, 2, 1]
    index of([1, 2, 3, 2], 2) => [2, 4]
    index of([1, null], null) => [2]
    union([1, 2], [2, 3]) => [1, 2, 3]
    distinct values([1, 2, 3, 2, 1]) => [1, 2, 3]
    duplicate values([1, 2, 1]) => [1]
    flatten([[1, 2], [[3]], 4]) => [1, 2, 3, 4]
    sort([3, 1, 4], function(x, y) x < y) => [1, 3, 4]
    list replace([2, 4, 7], 3, 6) => [2, 4, 6]
    list replace([2, 4, 7], 2.5, 6) => null
    list replace([2, 4], function(item) item = 2, 5) => null
    list replace([2, 4], function(item, newItem) item, 5) => null
    sort([2, 1], function(x) x) => null
    list replace([2, 4, 7, 8], function(item, newItem) item < newItem, 5) => [5, 5, 7, 8]
""")

CONTEXTS = pairs("""
    get value({key1: "value1"}, "key1") => "value1"
    get value({a: 1}, "b") => null
    get value({x: 1, y: {z: 0}}, ["y", "z"]) => 0
    get entries({a: 1, b: 2}) => [{key: "a", value: 1}, {key: "b", value: 2}]
    context([{key: "a", value: 1}, {key: "b", value: 2}]) => {a: 1, b: 2}
    context([{key: "a", value: 1}, {key: "a", value: 2}]) => null
    context put({x: 1}, "y", 2) => {x: 1, y: 2}
    context put({x: 1, y: {z: 0}}, ["y", "z"], 2) => {x: 1, y: {z: 2}}
    context put({x: 1}, [], 2) => null
    context merge([{x: 1}, {y: 2}, {x: 3}]) => {x: 3, y: 2}
    get entries({a: 1})[key = "a"].value => [1]
""")

TIME = pairs("""
    date("2017-01-01") => 2017-01-01
    date("2017-02-30") => null
    date("2017-13-01") => null
    date("17-01-01") => null
    date("-999999999-12-31") => -999999999-12-31
    date(2017, 8, 30) => 2017-08-30
    date(2017, 1, 32) => null
    date(@"2017-08-14T14:25:00") => 2017-08-14
    date(null) => null
    time("23:59:00") => 23:59:00
    time("23:59:00.123456789Z") => 23:59:00.123456789Z
    time("23:59:00z") => 23:59:00Z
    time("23:59:00+05:30") => 23:59:00+05:30
    time("23:59:00@Asia/Shanghai") => 23:59:00@Asia/Shanghai
    time("23:59:00@Nowhere/City") => null
    time("24:00:01") => null
    time("13:20:00+19:00") => null
    time(12, 0, 0, @"-PT5H") => 12:00:00-05:00
    time(12, 0, 0, null) => 12:00:00
    time(25, 0, 0) => null
    time(@"2017-08-14T14:25:00") => 14:25:00
    date and time("2017-01-01T10:00:00") => 2017-01-01T10:00:00
    date and time("2017-12-31T24:00:00") => 2018-01-01T00:00:00
    date and time("2017-12-31T24:00:01") => null
    date and time(date("2017-01-01"), time("23:59:01+02:00")) => 2017-01-01T23:59:01+02:00
    date and time(@"2017-01-01T10:00:00Z", "Asia/Shanghai") => 2017-01-01T18:00:00@Asia/Shanghai
    date and time(2017, 1, 2, 3, 4, 5) => 2017-01-02T03:04:05
    @"2018-12-08T00:00:00+02:00" = @"2018-12-07T22:00:00Z" => true
    @"2018-12-08T00:00:00@Etc/UTC" = @"2018-12-08T00:00:00Z" => false
    @"10:30:00" = @"10:30:00Z" => false
    is(@"12:00:00Z", @"13:00:00+01:00") => false
    is(1, 1.0) => true
    duration("P1DT2H3M4.5S") => P1DT2H3M4.5S
    duration("PT1000M") => PT16H40M
    duration("-P1D") => -P1D
    duration("PT0S") => PT0S
    duration("P14M") => P1Y2M
    duration("P") => null
    duration("P1Y2D") => null
    @"foo" = null => true
    years and months duration(@"2016-01-31", @"2017-01-30") => P11M
    years and months duration(@"2017-12-31", @"2014-12-31") => -P3Y
    years and months duration(@"2013-08-24T12:15:00", @"2017-12-15T00:59:59") => P4Y3M
    @"2020-01-31" + @"P1M" => 2020-02-29
    @"2020-01-31" + @"PT36H" => 2020-02-01
    @"2020-01-01" - @"PT1H" => 2019-12-31
    @"2020-03-01" - @"2020-02-01" => P29D
    @"2020-01-01T00:00:00Z" - @"2019-12-31T23:00:00Z" => PT1H
    @"2020-01-01T00:00:00Z" - @"2019-12-31T23:00:00" => null
    @"23:30:00" + @"PT1H" => 00:30:00
    @"10:00:00" - @"09:00:00" => PT1H
    @"P1D" + @"PT12H" => P1DT12H
    @"P1Y" + @"P1D" => null
    @"P1Y" - @"P1M" => P11M
    @"P1D" * 2.5 => P2DT12H
    -2.5 * @"P1Y11M" => -P4Y9M
    @"P10Y11M" / -2.5 => -P4Y4M
    @"P2D" / @"PT12H" => 4
    @"P1D" / 0 => null
    -@"P1D" => -P1D
    @"P1D" < @"P2D" => true
    @"P1D" < @"P1Y" => null
    @"2020-01-01" < @"2020-01-02" => true
    @"2020-01-01".year => 2020
    @"2018-12-10".weekday => 1
    @"2020-01-01T10:30:01.5Z".second => 1
    @"2020-01-01T10:30:00+05:00".time offset => PT5H
    @"2020-07-01T10:30:00@Asia/Shanghai".time offset => PT8H
    @"2020-07-01T10:30:00@Asia/Shanghai".timezone => "Asia/Shanghai"
    @"10:30:00".timezone => null
    @"P1DT26H".hours => 2
    @"-P1DT2H".days => -1
    @"P1Y2M".months => 2
    @"P1D".months => null
    day of week(@"2019-09-17") => "Tuesday"
    day of year(@"2019-09-17") => 260
    month of year(@"2019-09-17") => "September"
    week of year(@"2005-01-01") => 53
    week of year(@"2003-12-29") => 1
    last day of month(@"2024-02-01") => 29
""")

RANGES = pairs(
    """
    before(1, 10) => true
    before(1, (1..10]) => true
    before([1..10], 10) => false
    before([1..5), [5..10]) => true
    after([5..10], [1..5)) => true
    meets([1..5], [5..10]) => true
    meets([1..5), [5..10]) => false
    met by([5..10], [1..5]) => true
    overlaps([1..5], [3..8]) => true
    overlaps([1..3], (3..5]) => false
    overlaps before([1..5], [3..8]) => true
    overlaps before([1..5), [1..5]) => false
    overlaps after([3..8], [1..5]) => true
    finishes(10, [1..10]) => true
    finishes([5..10], [1..10]) => true
    finished by([1..10], 10) => true
    includes([1..10], 5) => true
    includes((1..10], (1..10]) => true
    during(1, (1..10]) => false
    during([4..6], [1..10]) => true
    starts(1, [1..5]) => true
    starts([1..5), [1..5]) => true
    started by([1..10], [1..5]) => true
    coincides([1..5], [1..5]) => true
    coincides(1, 1) => true
    before(1, "a") => null
    range("[1..3)") => [1..3)
    range("[2..)") = >=2 => true
    range("[..2]") => null
    range("[date(\\"2020-01-01\\")..@\\"2020-01-31\\"]") = [@"2020-01-01"..@"2020-01-31"] => true
    range("[3..1]") => null
""".replace("\\\\", "\\")
)


@pytest.mark.parametrize(("expression", "value"), [*NUMBERS, *STRINGS, *LISTS, *CONTEXTS, *TIME, *RANGES])
def test_a_built_in_function_answers_as_the_standard_says(expression, value):
    assert feel(expression) == value


def test_every_built_in_function_is_tried_here():
    tried = " ".join(expression for expression, _ in [*NUMBERS, *STRINGS, *LISTS, *CONTEXTS, *TIME, *RANGES])
    assert not [name for name in BUILT_INS if f"{name}(" not in tried and name != "not"]


def test_the_present_is_told_or_not_known():
    at = from_python(datetime(2026, 11, 27, 9, 30, tzinfo=UTC))
    assert str(evaluate("today()", at)[0]) == "2026-11-27"
    assert str(evaluate('now() + @"PT1H"', at)[0]) == "2026-11-27T10:30:00Z"
    value, notes = evaluate("today()")
    assert value is None
    assert "not given" in notes[0]


ATOMS = """
    1 | -2 | 0 | 2.5 | 1e30 | 1e6000 | null | true | "a" | "" | "(" | "2020-01-01" | [] | [1, 2, 3] | [null] | [[1], [2]] | {} | {a: 1}
    | [{a: 1}, {a: 2}] | @"2020-01-31" | @"10:00:00" | @"10:00:00Z" | @"10:00:00@Asia/Shanghai" | @"2020-01-01T10:00:00"
    | @"2020-01-01T10:00:00@Europe/Paris" | @"P1D" | @"-P1Y2M" | [1..3] | (< 5) | ["a".."c"] | function(x) x
    | function(x, y) x < y | count | @"999999999-12-31"
""".split("|")


def test_no_call_of_a_built_in_function_is_a_crash():
    chance = random.Random(20)
    for name in sorted(BUILT_INS):
        for _ in range(40):
            arguments = ", ".join(chance.choice(ATOMS) for _ in range(chance.choice([0, 1, 1, 2, 2, 3, 3, 4])))
            assert isinstance(feel(f"{name}({arguments})"), str)
