"""The prover: gaps, overlaps, rules that never fire, outputs not allowed; on small tables it agrees with trying every row."""

import itertools
import random
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rulebook.dmn import component, decide, decision, definitions, input_data, item, literal, one_table, table
from tests.thorough import tries

from anhuan.rulebook.tables.evaluate import Decider
from anhuan.rulebook.tables.model import Model
from anhuan.rulebook.tables.prove import check
from anhuan.rulebook.tables.spelling import read_json, write_json


def findings(model: Model) -> dict:
    return check(model)["decisions"]["d"]


def example(model: Model, kind: str) -> dict:
    """The one example of a kind of finding, as a command would write it and another read it."""
    (found,) = findings(model)[kind]
    return read_json(write_json(found.get("example", found)))


PROVED = {"gaps": [], "overlaps": [], "unreachable": [], "bad_outputs": [], "not_proved": []}


# --- One kind of value after the other ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_name", "cells"),
    [
        ("number", ["< 5", "5", "> 5"]),
        ("number", ["< 5", "[5..6]", "(6..7)", ">= 7"]),
        ("number", ["not(1, 2)", "1", "2"]),
        ("number", ["? < 5", "? >= 5"]),
        ("number", ["not(null)", "null"]),
        ("boolean", ["true", "false"]),
        ("string", ['"a"', '"b", "c"', 'not("a", "b", "c")']),
        ("string", ['< "m"', '>= "m"']),
        ("date", ['<= @"2020-01-31"', '>= @"2020-02-01"']),
        ("date", ['< date("2020-02-01")', '>= date("2020-02-01")']),
        ("time", ['< @"12:00:00"', '>= @"12:00:00"']),
        ("date and time", ['< @"2020-01-01T00:00:00"', '>= @"2020-01-01T00:00:00"']),
        ("days and time duration", ['< @"P1D"', '>= @"PT24H"']),
        ("years and months duration", ['<= @"P11M"', '>= @"P1Y"']),
    ],
)
def test_a_table_that_answers_every_value_once_is_proved(type_name, cells):
    model = one_table("UNIQUE", {"x": type_name}, [[cell, str(n)] for n, cell in enumerate(cells)])
    assert findings(model) == PROVED


@pytest.mark.parametrize(
    ("type_name", "cells", "missing"),
    [
        ("number", ["< 5", "> 5"], {"x": 5}),
        ("number", ["<= 5", ">= 6"], {"x": Decimal("5.5")}),
        ("number", ["<= 0", ">= 0.001"], {"x": Decimal("0.0005")}),
        ("number", [">= 0"], {"x": -1}),
        ("boolean", ["true"], {"x": False}),
        ("string", ['"a"', '"b"'], {"x": "other"}),
        ("string", ['< "m"', '> "m"'], {"x": "m"}),
        ("date", ['< @"2020-01-31"', '>= @"2020-02-01"'], {"x": "2020-01-31"}),
        ("time", ['< @"12:00:00"'], {"x": "12:00:00"}),
        ("years and months duration", ['< @"P11M"', '>= @"P1Y"'], {"x": "P11M"}),
        ("number", ["not(null)", "-1"], {"x": None}),
    ],
)
def test_a_gap_comes_with_a_row_that_no_rule_answers(type_name, cells, missing):
    model = one_table("FIRST", {"x": type_name}, [[cell, "1"] for cell in cells])
    row = example(model, "gaps")
    assert row == missing
    assert Decider(model, "d").decide(row).rules == ()


def test_null_is_no_gap_until_some_rule_speaks_of_it():
    assert findings(one_table("UNIQUE", {"x": "number"}, [["< 1", "1"], [">= 1", "2"]])) == PROVED


@pytest.mark.parametrize(
    ("type_name", "allowed", "cells", "row"),
    [
        ("boolean", "", ["not(true)", "not(false)"], {"x": None}),
        ("string", '"a", "b"', ['not("a")', 'not("b")'], {"x": None}),
        ("number", "1, 2", ["!= 1", "!= 2"], {"x": None}),
        ("", "", ["not(true)", "not(false)"], {"x": None}),
    ],
)
def test_two_rules_that_take_what_they_do_not_name_overlap_where_nothing_is_named(type_name, allowed, cells, row):
    rules = [[cell, str(n)] for n, cell in enumerate(cells)]
    types = [item("tX", type_name, allowed)] if allowed else []
    given_x = input_data("x", "tX" if allowed else type_name)
    for policy in ("UNIQUE", "ANY"):
        model = Model(definitions(*types, given_x, decision("d", table(policy, [("x", "")], rules), needs=["i x"])))
        assert {"rules": [1, 2], "example": row} in findings(model)["overlaps"]
        assert f"hit policy {policy}: rules 1, 2" in str(Decider(model, "d").decide(row).error)


def test_an_overlap_under_unique_names_both_rules_and_a_row():
    model = one_table(
        "UNIQUE", {"x": "number", "y": "boolean"}, [["<= 5", "-", "1"], [">= 5", "true", "2"], ["> 5", "false", "3"]]
    )
    (found,) = findings(model)["overlaps"]
    assert found == {"rules": [1, 2], "example": {"x": 5, "y": True}}
    assert Decider(model, "d").decide(found["example"]).error == "hit policy UNIQUE: rules 1, 2 all hold"


def test_a_rule_for_all_that_is_not_null_overlaps_one_for_everything_though_no_type_is_known():
    model = one_table("UNIQUE", {"x": ""}, [["-", "1"], ["not(null)", "2"]])
    (found,) = findings(model)["overlaps"]
    assert found["rules"] == [1, 2]
    assert Decider(model, "d").decide(found["example"]).error == "hit policy UNIQUE: rules 1, 2 all hold"


def test_rules_under_any_overlap_only_when_their_outputs_differ():
    same = one_table("ANY", {"x": "number"}, [["<= 5", '"a"'], [">= 5", '"a"']])
    other = one_table("ANY", {"x": "number"}, [["<= 5", '"a"'], [">= 5", '"b"']])
    unknown = one_table("ANY", {"x": "number"}, [["<= 5", "x + 1"], [">= 5", "x + 2"]])
    assert findings(same) == PROVED
    assert findings(other)["overlaps"] == [{"rules": [1, 2], "example": {"x": 5}}]
    assert findings(unknown)["not_proved"] == ["overlaps: whether rules 1 and 2 put out the same depends on the row"]


def test_under_first_a_rule_behind_others_that_take_all_it_holds_never_fires():
    rules = [["<= 5", "-", "1"], ["> 5", "true", "2"], ["[0..9]", "true", "3"], ["-", "-", "4"]]
    assert findings(one_table("FIRST", {"x": "number", "y": "boolean"}, rules))["unreachable"] == [3]


def test_under_priority_a_rule_that_better_outputs_cover_never_fires():
    rules = [["-", '"low"'], ["<= 5", '"high"'], ["> 5", '"high"']]
    model = one_table("PRIORITY", {"x": "number"}, rules, outputs=[("", '"high", "low"')])
    assert findings(model)["unreachable"] == [1]


def test_a_rule_that_contradicts_itself_never_fires():
    model = definitions(
        input_data("x", "number"),
        decision(
            "d", table("UNIQUE", [("x", "number"), ("x", "number")], [["< 5", "> 6", "1"], ["-", "-", "2"]]), needs=["i x"]
        ),
    )
    assert findings(Model(model))["unreachable"] == [1]


def test_outputs_outside_their_values_are_found():
    rules = [["< 1", '"a"'], [">= 1", '"z"']]
    found = findings(one_table("UNIQUE", {"x": "number"}, rules, outputs=[("level", '"a", "b"')]))
    assert found["bad_outputs"] == [{"rule": 2, "output": "level", "value": "z", "allowed": '"a", "b"'}]


def test_a_computed_output_with_allowed_values_is_not_proved():
    found = findings(one_table("UNIQUE", {"x": "number"}, [["-", "x"]], outputs=[("", "[0..1]")]))
    assert found["not_proved"] == ["outputs: rule 1, output: it depends on x"]


def test_a_default_output_leaves_no_gap():
    assert findings(one_table("UNIQUE", {"x": "number"}, [["< 1", '"a"']], default='"b"')) == PROVED


def test_the_allowed_values_of_a_type_bound_what_may_come():
    types = [item("tRisk", "string", '"High", "Low"'), item("tAge", "number", "[0..120]")]
    rows = [['"High"', "-", "1"], ['"Low"', "[0..18)", "2"], ['"Low"', "[18..120]", "3"]]
    model = definitions(
        *types, input_data("r", "tRisk"), input_data("a", "tAge"),
        decision("d", table("UNIQUE", [("r", "string"), ("a", "number")], rows), needs=["i r", "i a"]),
    )  # fmt: skip
    assert findings(Model(model)) == PROVED


def test_the_output_values_of_a_table_bound_the_table_that_builds_on_it():
    first = table("UNIQUE", [("x", "number")], [["< 1", '"a"'], [">= 1", '"b"']], outputs=[("", '"a", "b"')])
    second = table("UNIQUE", [("first", "string")], [['"a"', "1"], ['"b"', "2"]])
    model = definitions(
        input_data("x", "number"), decision("first", first, needs=["i x"]), decision("d", second, needs=["d first"])
    )  # fmt: skip
    assert check(Model(model))["ok"]


def test_parts_of_a_context_are_inputs_of_their_own():
    types = [item("tPerson", components=[component("age", "number"), component("vip", "boolean")])]
    rows = [["< 18", "-", "1"], [">= 18", "true", "2"]]
    model = definitions(
        *types, input_data("p", "tPerson"), decision("d", table("UNIQUE", [("p.age", ""), ("p.vip", "")], rows), needs=["i p"])
    )
    assert example(Model(model), "gaps") == {"p.age": 18, "p.vip": False}


def test_a_test_that_depends_on_another_input_is_not_proved():
    found = findings(one_table("UNIQUE", {"x": "number", "y": "number"}, [["> y", "-", "1"]]))
    assert found["not_proved"] == ["gaps and overlaps: x: it depends on y"]


def test_a_finding_on_a_computed_input_may_be_none():
    rows = [["> 5", "-", "1"], ["-", "<= 5", "2"]]
    model = definitions(
        input_data("x", "number"), decision("d", table("FIRST", [("x", ""), ("x + 0", "")], rows), needs=["i x"])
    )
    found = findings(Model(model))
    assert found["gaps"]
    assert found["not_proved"] == ["gaps: found only if such values of x, x + 0 can come together"]


def test_a_table_that_cannot_be_read_is_not_proved():
    report = check(Model(definitions(decision("d", table("UNIQUE", [("1", "")], [["1 +", "1"]])), decision("e", literal("1")))))
    assert report["ok"] is False
    assert list(report["decisions"]) == ["d"]
    assert "unexpected the end" in report["decisions"]["d"]["not_proved"][0]


def test_what_takes_too_long_is_not_proved():
    inputs = {f"x{n}": "number" for n in range(24)}
    chance = random.Random(7)
    rules = [[*(chance.choice(["-", "-", "< 1", ">= 1"]) for _ in inputs), "1"] for _ in range(400)]
    report = check(one_table("FIRST", inputs, rules), seconds=0)
    assert any("not settled within 0 s" in sentence for sentence in report["decisions"]["d"]["not_proved"])


# --- Against trying every row ------------------------------------------------------------------------------------

NUMBER_CELLS = ["-", "< 1", "<= 1", "1", "> 1", ">= 2", "[0..2)", "(0..2]", "not(1)", "0, 2", "< 0, > 2"]
TEXT_CELLS = ["-", '"a"', '"b"', '"a", "b"', 'not("a")']
TRUTH_CELLS = ["-", "true", "false", "not(true)"]
NUMBERS = [Decimal(n) / 2 for n in range(-1, 6)]


def rows(*more):
    given_rows = itertools.product([*NUMBERS, *more], [*NUMBERS, *more], ["a", "b", "c", *more], [True, False, *more])
    return [{"x": x, "y": y, "s": s, "t": t} for x, y, s, t in given_rows]


RULES = st.lists(
    st.tuples(
        st.sampled_from(NUMBER_CELLS), st.sampled_from(NUMBER_CELLS), st.sampled_from(TEXT_CELLS), st.sampled_from(TRUTH_CELLS),
        st.sampled_from(["1", "2"]),
    ),
    min_size=1, max_size=7,
)  # fmt: skip
TYPES = {"x": "number", "y": "number", "s": "string", "t": "boolean"}


def held(rules: list[tuple[str, ...]], tried: list[dict]) -> list[frozenset[int]]:
    """For every row the rules that hold, found by deciding it."""
    decider = Decider(one_table("RULE ORDER", TYPES, rules), "d")
    return [frozenset(decider.decide(row).rules) for row in tried]


@settings(max_examples=tries(40), deadline=None)
@given(RULES)
def test_the_prover_agrees_with_trying_every_row(rules):
    there = held(rules, rows())  # what no rule speaks of is taken to be there, but where two rules take null, it is an overlap
    unique = findings(one_table("UNIQUE", TYPES, rules))
    assert bool(unique["gaps"]) == (frozenset() in there)
    together = {pair for row in held(rules, rows(None)) for pair in itertools.combinations(sorted(row), 2)}
    assert {tuple(found["rules"]) for found in unique["overlaps"]} == together
    assert unique["unreachable"] == [n for n in range(1, len(rules) + 1) if not any(n in row for row in there)]
    under_any = findings(one_table("ANY", TYPES, rules))
    differing = {(a, b) for a, b in together if rules[a - 1][-1] != rules[b - 1][-1]}
    assert {tuple(found["rules"]) for found in under_any["overlaps"]} == differing
    under_first = findings(one_table("FIRST", TYPES, rules))
    assert under_first["unreachable"] == [
        n for n in range(1, len(rules) + 1) if not any(row and min(row) == n for row in there)
    ]
    assert bool(under_first["gaps"]) == (frozenset() in there)
    assert not unique["not_proved"] + under_any["not_proved"] + under_first["not_proved"]


@settings(max_examples=tries(25), deadline=None)
@given(RULES)
def test_every_example_row_shows_what_it_is_an_example_of(rules):
    found = findings(one_table("UNIQUE", TYPES, rules))
    decider = Decider(one_table("RULE ORDER", TYPES, rules), "d")
    assert all(decider.decide(row).rules == () for row in found["gaps"])
    assert all(set(o["rules"]) <= set(decider.decide(o["example"]).rules) for o in found["overlaps"])
    seen = [tuple(map(str, row.values())) for row in found["gaps"]]
    assert len(seen) == len(set(seen))


# --- Size --------------------------------------------------------------------------------------------------------


def split(count: int, chance: random.Random) -> tuple[dict[str, str], list[list[str]]]:
    """A complete table of `count` rules over 12 inputs without overlaps, by cutting the space again and again."""
    inputs = {f"n{k}": "number" for k in range(9)} | {f"t{k}": "boolean" for k in range(3)}
    boxes: list[dict[str, tuple]] = [{}]
    while len(boxes) < count:
        box = boxes.pop(chance.randrange(len(boxes)))
        name = chance.choice([n for n, kind in inputs.items() if kind == "number" or n not in box])
        if inputs[name] == "boolean":
            boxes += [{**box, name: (True,)}, {**box, name: (False,)}]
            continue
        low, high = box.get(name, (0, 1 << 20))
        middle = (low + high) // 2
        boxes += [{**box, name: (low, middle)}, {**box, name: (middle, high)}]

    def cell(name: str, box: dict[str, tuple]) -> str:
        if name not in box:
            return "-"
        if inputs[name] == "boolean":
            return str(box[name][0]).lower()
        low, high = box[name]
        return f"< {high}" if not low else f">= {low}" if high == 1 << 20 else f"[{low}..{high})"

    return inputs, [[*(cell(name, box) for name in inputs), "1"] for box in boxes]


@pytest.mark.parametrize("policy", ["UNIQUE", "FIRST", "ANY"])
def test_two_hundred_rules_over_twelve_inputs_take_seconds(policy):
    inputs, rules = split(200, random.Random(3))
    started = time.process_time()
    assert findings(one_table(policy, inputs, rules)) == PROVED
    del rules[17]
    (gap,) = findings(one_table(policy, inputs, rules))["gaps"]
    assert time.process_time() - started < 20
    assert decide(one_table(policy, inputs, rules), **gap).rules == ()
