"""One meaning, two executions: random models of the columnar subset decide alike in columns and row by row."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import ibis
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.rulebook.dmn import decision, definitions, input_data, item, literal, table
from tests.thorough import tries

from anhuan.portfolio.strategy import decided, outside
from anhuan.rulebook.tables.evaluate import Decider
from anhuan.rulebook.tables.model import Model
from anhuan.rulebook.tables.operators import equal
from anhuan.rulebook.tables.spelling import from_object
from anhuan.rulebook.tables.values import write

SCHEMA = pa.schema([
    ("n", pa.int32()), ("m", pa.decimal128(9, 2)), ("big", pa.int64()), ("s", pa.string()), ("t", pa.string()),
    ("b", pa.bool_()), ("d", pa.date32()),
])  # fmt: skip
KINDS = {"n": "number", "m": "number", "big": "number", "s": "string", "t": "string", "b": "boolean", "d": "date"}
TYPES = [
    item("tSmall", "number", "[-3..6], null"),
    item("tWord", "string", '"a", "b", "c"'),
    item("tShortWord", "tWord", 'not("c")'),
    item("tFlag", "boolean", "true, false"),
    item("tDay", "date", '>= date("2026-01-02")'),
]
TYPED = {"number": ["", "number", "tSmall"], "string": ["", "string", "tWord", "tShortWord"], "boolean": ["", "boolean", "tFlag"],
         "date": ["", "date", "tDay"]}  # fmt: skip

con = ibis.duckdb.connect()


# --- Random models -----------------------------------------------------------------------------------------------

numbers = st.sampled_from(["-2", "0", "1", "1.5", "2", "3", "3.25", "100"])
words = st.sampled_from(['"a"', '"b"', '"c"', '"安还"', '""'])
days = st.sampled_from([f'date("2026-01-0{n}")' for n in range(1, 7)])
constants = {"number": numbers, "string": words, "boolean": st.sampled_from(["true", "false"]), "date": days}


@st.composite
def expressions(draw, names: dict[str, str], kind: str, depth: int = 1) -> str:
    """An expression of a kind over names of known kinds."""
    same = [name for name, of in names.items() if of == kind]
    plain = st.sampled_from(same) if same else constants[kind]
    forms = [plain, plain, constants[kind]]
    if depth:
        inner = {of: expressions(names, of, depth - 1) for of in constants}
        anything = st.sampled_from(sorted(constants)).flatmap(
            lambda of: st.builds("{} {} {}".format, inner[of], st.sampled_from(["=", "!="]), inner[of])
        )
        forms.append(st.builds("(if {} then {} else {})".format, inner["boolean"], inner[kind], inner[kind]))
        forms += {
            "number": [
                st.builds("({} {} {})".format, inner["number"], st.sampled_from("+-*"), inner["number"]),
                st.builds("({} / {})".format, inner["number"], st.sampled_from(["100", "8", "-2.5"])),
                st.builds("-({})".format, inner["number"]),
            ],
            "string": [st.builds('({} + "x")'.format, inner["string"])],
            "date": [st.builds('({} {} duration("P2D"))'.format, inner["date"], st.sampled_from("+-"))],
            "boolean": [
                st.builds("({} {} {})".format, inner["number"], st.sampled_from(["<", "<=", ">", ">="]), inner["number"]),
                st.builds("({} {} {})".format, inner["boolean"], st.sampled_from(["and", "or"]), inner["boolean"]),
                st.builds("not({})".format, inner["boolean"]),
                st.builds("({} between {} and {})".format, inner["number"], inner["number"], inner["number"]),
                st.builds("({} in ({}, < {}))".format, inner["number"], numbers, inner["number"]),
                st.builds("({} in [{}..{}))".format, inner["date"], inner["date"], inner["date"]),
                anything.map("({})".format),
            ],
        }[kind]
    return draw(st.one_of(forms))


@st.composite
def cells(draw, names: dict[str, str], kind: str) -> str:
    """The tests of a cell on a value of a kind."""
    one = st.one_of(constants[kind], constants[kind], expressions(names, kind))
    forms = [st.just("-"), st.just("-"), one, st.builds("{}, {}".format, one, one), st.sampled_from(["null", "not(null)"])]
    forms += [
        st.builds("not({}, {})".format, one, one),
        st.builds("!= {}".format, one),
        st.builds("[{}, {}]".format, one, one),
        st.builds("? = {} or ? = {}".format, one, one),
    ]
    if kind != "boolean":
        ranges = st.builds("{}{}..{}{}".format, st.sampled_from("[(]"), one, one, st.sampled_from("])["))
        sides = st.builds("{} {}".format, st.sampled_from(["<", "<=", ">", ">="]), one)
        forms += [sides, sides, ranges, ranges, st.builds("{}, {}".format, sides, ranges)]
        forms += [st.builds("not({})".format, st.one_of(sides, ranges)), st.builds("? >= {} and ? < {}".format, one, one)]
        forms += [expressions(names, "boolean").map("? = null or {}".format)]
    return draw(st.one_of(forms))


@st.composite
def tables(draw, names: dict[str, str]) -> tuple[str, dict[str, str], str]:
    """A decision table, the kinds of its outputs by name ("" for an only one), and the letter of its hit policy."""
    policy = draw(st.sampled_from(["UNIQUE", "UNIQUE", "FIRST", "FIRST", "ANY", "PRIORITY", "COLLECT"]))
    inputs = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(sorted(constants)))
        inputs.append((draw(expressions(names, kind)), draw(st.sampled_from(TYPED[kind])), kind))
    count = 1 if policy in {"ANY", "PRIORITY"} else draw(st.integers(1, 2))
    kinds = ["number" if policy == "COLLECT" else draw(st.sampled_from(sorted(constants))) for _ in range(count)]
    computed = policy not in {"ANY", "PRIORITY"}
    outputs = {
        kind: st.one_of(
            constants[kind], constants[kind], st.just("null"), expressions(names, kind) if computed else constants[kind]
        )
        for kind in constants
    }
    rules = [
        [draw(cells(names, kind)) for _, _, kind in inputs] + [draw(outputs[kind]) for kind in kinds]
        for _ in range(draw(st.integers(1, 5)))
    ]
    # A column that is null in every rule has no type.
    rules.append([draw(cells(names, kind)) for _, _, kind in inputs] + [draw(constants[kind]) for kind in kinds])
    allowed = {"number": "3, 2, 1, 0", "string": '"b", "a"', "boolean": "true", "date": 'date("2026-01-03")'}
    named = [("" if count == 1 else f"o{k}", allowed[kind] if policy == "PRIORITY" else "") for k, kind in enumerate(kinds)]
    default = draw(st.sampled_from(["", "null" if count > 1 else draw(constants[kinds[0]])]))
    xml = table(
        policy, [(text, of) for text, of, _ in inputs], rules, outputs=named, default=default,
        aggregation="SUM" if policy == "COLLECT" else "",
    )  # fmt: skip
    return xml, {name: kind for (name, _), kind in zip(named, kinds, strict=True)}, policy


@st.composite
def models(draw) -> tuple[Model, dict[str, dict[str, str]], dict[str, str]]:
    """A model of one to three decisions, each resting on the inputs and on those before it."""
    parts = [*TYPES, *(input_data(name, draw(st.sampled_from(TYPED[kind]))) for name, kind in KINDS.items())]
    names, needs = dict(KINDS), [f"i {name}" for name in KINDS]
    outputs: dict[str, dict[str, str]] = {}
    policies: dict[str, str] = {}
    for number in range(1, draw(st.integers(1, 3)) + 1):
        name = f"d{number}"
        if draw(st.integers(0, 4)) == 0:
            kind = draw(st.sampled_from(sorted(constants)))
            xml, found, policies[name] = literal(draw(expressions(names, kind, 2))), {"": kind}, ""
        else:
            xml, found, policies[name] = draw(tables(names))
        type_name = draw(st.sampled_from(TYPED[found[""]])) if "" in found else ""
        parts.append(decision(name, xml, needs=needs, type_name=type_name))
        outputs[name] = found
        names |= {f"{name}.{key}" if key else name: kind for key, kind in found.items()}
        needs = [*needs, f"d {name}"]
    return Model(definitions(*parts)), outputs, policies


rows = st.fixed_dictionaries({
    "n": st.none() | st.integers(-3, 6),
    "m": st.none() | st.sampled_from([Decimal("0.00"), Decimal("1.50"), Decimal("2.00"), Decimal("3.25"), Decimal("-1.01")]),
    "big": st.none() | st.sampled_from([0, 3, 100, 2**62, -(2**62)]),
    "s": st.none() | st.sampled_from(["a", "b", "c", "", "ax"]),
    "t": st.none() | st.sampled_from(["a", "b", "安还"]),
    "b": st.none() | st.booleans(),
    "d": st.none() | st.integers(0, 6).map(lambda n: date(2026, 1, 1) + timedelta(days=n)),
})  # fmt: skip


# --- Both ways ---------------------------------------------------------------------------------------------------


def in_columns(model: Model, name: str, given_rows: list[dict]) -> list[dict]:
    data = ibis.memtable(pa.Table.from_pylist(given_rows, schema=SCHEMA))
    return con.to_pyarrow(decided(data.mutate(row=ibis.row_number()), model, name).order_by("row")).to_pylist()


def check_alike(model: Model, outputs: dict[str, dict[str, str]], policies: dict[str, str], given_rows: list[dict]) -> None:
    last = list(outputs)[-1]
    found = in_columns(model, last, given_rows)
    reached = [name for name in outputs if name == last or f"{name}__rule" in found[0] or name in found[0]]
    for name in reached:
        decider = Decider(model, name)
        for given_row, got in zip(given_rows, found, strict=True):
            outcome = decider.decide({key: from_object(value) for key, value in given_row.items()})
            for key in outputs[name]:
                wanted = outcome.output if not key else (outcome.output or {}).get(key)
                value = from_object(got[f"{name}__{key}" if key else name])
                assert equal(value, wanted) is True, (name, key, write(value), write(wanted), outcome, given_row)
            if policies[name]:
                assert got[f"{name}__rule"] == (outcome.rules[0] if outcome.rules else None), (name, outcome, given_row)
                if policies[name] in {"ANY", "COLLECT"}:
                    assert got[f"{name}__rules"] == (", ".join(map(str, outcome.rules)) or None)


@settings(max_examples=tries(60), deadline=None)
@given(models(), st.lists(rows, min_size=8, max_size=24))
def test_columns_and_rows_decide_alike(made, given_rows):
    model, outputs, policies = made
    refusals = outside(model, list(outputs)[-1], ibis.memtable(pa.Table.from_pylist([], schema=SCHEMA)).schema())
    # Numbers that grow too long are outside; so is not(]…]), which the reader takes for a call of the function not.
    assume(not any("digits" in refusal.en or "range is not" in refusal.en for refusal in refusals))
    check_alike(model, outputs, policies, given_rows)


# --- What is outside ---------------------------------------------------------------------------------------------

INPUTS = [("x", "number"), ("w", "string"), ("when", "date")]
TYPES_OF_INPUTS = ibis.schema({"x": "decimal(18, 2)", "w": "string", "when": "date"})


def one(policy: str, rules: list[list[str]], **more) -> Model:
    body = table(policy, INPUTS, rules, **more)
    given_inputs = [input_data(*of) for of in INPUTS]
    return Model(definitions(*given_inputs, decision("d", body, needs=[f"i {name}" for name, _ in INPUTS])))


@pytest.mark.parametrize(
    ("policy", "rule", "more", "what"),
    [
        ("RULE ORDER", ["-", "-", "-", "1"], {}, "hit policy R is not supported"),
        ("OUTPUT ORDER", ["-", "-", "-", "1"], {"outputs": [("", "1, 2")]}, "hit policy O is not supported"),
        ("COLLECT", ["-", "-", "-", "1"], {}, "hit policy C is not supported"),
        ("COLLECT", ["-", "-", "-", "1"], {"aggregation": "MAX"}, "hit policy C> is not supported"),
        ("UNIQUE", ["-", 'starts with(?, "a")', "-", "1"], {}, "'d', rule 1, w: starts with(?, \"a\") (line 1) does not run in"),
        ("UNIQUE", ["-", "upper case(?) = w", "-", "1"], {}, "the function upper case is not in the columnar subset"),
        ("UNIQUE", ["-", "-", "-", "x ** 2"], {}, "the operator ** is not computed in columns"),
        ("UNIQUE", ["-", "-", "-", "x / 3"], {}, "division is exact only by constants such as 100"),
        ("UNIQUE", ["-", "-", "-", "x * x"], {}, "a result may have 36 digits and cannot be proved exact"),
        ("UNIQUE", ["-", "-", "-", "today()"], {}, "the function today is not in the columnar subset"),
        ("UNIQUE", ["-", "-", "-", "x + w"], {}, "number + string is not computed in columns"),
        ("UNIQUE", ["-", "-", "-", "if w then 1 else 2"], {}, "a boolean is needed here, not a string"),
        ("UNIQUE", ["-", "-", "-", "[1, 2]"], {}, "list is not in the columnar subset"),
        ("UNIQUE", ["-", "-", "-", 'when + duration("PT5H")'], {}, "dates are moved by whole days, at most 36600"),
        ("PRIORITY", ["-", "-", "-", "x"], {"outputs": [("", "1, 2")]}, "hit policy P needs outputs that are constants"),
    ],
)  # fmt: skip
def test_what_is_outside_is_refused_by_name_and_place(policy, rule, more, what):
    (refusal,) = outside(one(policy, [rule], **more), "d", TYPES_OF_INPUTS)
    assert what in refusal.en
    assert refusal.decision == "d"
    assert refusal.zh.startswith("“d”")
    assert refusal.zh.endswith("。")


def test_all_reasons_are_gathered():
    found = outside(one("UNIQUE", [["-", "upper case(?) = w", "-", "x / 3"], ["sqrt(?)", "-", "-", "1"]]), "d", TYPES_OF_INPUTS)
    assert [refusal.en.split(" (line")[0] for refusal in found] == [
        "'d', rule 1, w: upper case(?) = w", "'d', rule 2, x: sqrt(?)", "'d', rule 1, output ''",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "what"),
    [
        ({"x": "float64", "w": "string", "when": "date"}, "is not exact"),
        ({"x": "int64", "w": "string", "when": "timestamp"}, "is not exact"),
        ({"x": "string", "w": "string", "when": "date"}, "a number (number) is needed, a string is given"),
        ({"x": "int64", "w": "string"}, "there is no input column 'when'"),
    ],
)
def test_columns_must_be_what_the_model_says(schema, what):
    (refusal,) = outside(one("UNIQUE", [["-", "-", "-", "1"]]), "d", ibis.schema(schema))
    assert what in refusal.en


def test_what_rests_on_what_is_outside_is_not_refused_twice():
    parts = [
        input_data("x", "number"),
        decision("a", literal("sqrt(x)"), needs=["i x"]),
        decision("b", literal("a + 1"), needs=["d a"]),
    ]
    (refusal,) = outside(Model(definitions(*parts)), "b", TYPES_OF_INPUTS)
    assert refusal.decision == "a"


def test_money_times_a_rate_stays_exact():
    body = literal("balance * 0.000125 * rate")
    parts = [input_data("balance", "number"), input_data("rate", "number"), decision("d", body, needs=["i balance", "i rate"])]
    data = pa.table(
        {"balance": pa.array([123456789012, -1], pa.int64()), "rate": pa.array([Decimal("0.12345")] * 2, pa.decimal128(6, 5))}
    )
    found = con.to_pyarrow(decided(ibis.memtable(data), Model(definitions(*parts)), "d")).column("d").to_pylist()
    assert sorted(found) == [Decimal("-0.00001543125"), 123456789012 * Decimal("0.00001543125")]


def test_the_expression_compiles_for_spark():
    rules = [
        ["[1..5)", '"a", "b"', '>= date("2026-01-01")', "x * 2"],
        ["> 5", "not(null)", "-", "x + 0.5"],
        ["-", "-", "-", "3"],
    ]
    for policy, aggregation in (("FIRST", ""), ("UNIQUE", ""), ("COLLECT", "SUM")):
        model = one(policy, rules, aggregation=aggregation)
        sql = ibis.to_sql(decided(ibis.table(TYPES_OF_INPUTS, name="rows"), model, "d"), dialect="pyspark")
        assert "`d__rule`" in sql
