"""DMN models: hit policies, types and their conversion, requirements, boxed expressions, and what is refused."""

from decimal import Decimal

import pytest
from tests.rulebook.dmn import (
    component,
    decide,
    decision,
    definitions,
    input_data,
    item,
    knowledge,
    literal,
    one_table,
    table,
)

from anhuan.rulebook.tables.document import NAMESPACES, ModelRefused
from anhuan.rulebook.tables.evaluate import Decider
from anhuan.rulebook.tables.model import Model
from anhuan.rulebook.tables.values import write

OVERLAPPING = [["> 1", "100"], ["> 2", "200"], ["> 3", "300"], ["> 5", "500"]]


# --- Hit policies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "aggregation", "age", "value", "rules"),
    [
        ("FIRST", "", 4, "100", (1,)),
        ("RULE ORDER", "", 4, "[100, 200, 300]", (1, 2, 3)),
        ("COLLECT", "", 4, "[100, 200, 300]", (1, 2, 3)),
        ("COLLECT", "SUM", 6, "1100", (1, 2, 3, 4)),
        ("COLLECT", "MIN", 4, "100", (1, 2, 3)),
        ("COLLECT", "MAX", 4, "300", (1, 2, 3)),
        ("COLLECT", "COUNT", 4, "3", (1, 2, 3)),
        ("COLLECT", "", 0, "[]", ()),
        ("COLLECT", "COUNT", 0, "0", ()),
        ("COLLECT", "SUM", 0, "null", ()),
        ("FIRST", "", 0, "null", ()),
        ("UNIQUE", "", 2, "100", (1,)),
        ("UNIQUE", "", 4, "null", ()),
        ("ANY", "", 2, "100", (1,)),
        ("ANY", "", 4, "null", ()),
    ],
)
def test_each_hit_policy_settles_rules_its_own_way(policy, aggregation, age, value, rules):
    outcome = decide(one_table(policy, {"age": "number"}, OVERLAPPING, aggregation=aggregation), age=age)
    assert (write(outcome.output, inside=True), outcome.rules) == (value, rules)


def test_priority_and_output_order_follow_the_output_values():
    rules = [["> 1", '"Low"'], ["> 2", '"High"'], ["> 3", '"Medium"']]
    allowed = [("", '"High", "Medium", "Low"')]
    first = decide(one_table("PRIORITY", {"x": "number"}, rules, outputs=allowed), x=4)
    every = decide(one_table("OUTPUT ORDER", {"x": "number"}, rules, outputs=allowed), x=4)
    assert (first.output, first.rules) == ("High", (2,))
    assert (every.output, every.rules) == (["High", "Medium", "Low"], (2, 3, 1))


def test_any_agrees_when_the_outputs_do():
    outcome = decide(one_table("ANY", {"x": "number"}, [["> 1", '"a"'], ["> 2", '"a"']]), x=3)
    assert (outcome.output, outcome.rules) == ("a", (1, 2))


def test_several_outputs_are_a_context():
    model = one_table("UNIQUE", {"x": "number"}, [["> 1", '"a"', "x * 2"]], outputs=[("name", ""), ("twice", "")])
    assert decide(model, x=3).output == {"name": "a", "twice": Decimal(6)}


def test_a_default_output_stands_where_no_rule_holds():
    outcome = decide(one_table("UNIQUE", {"x": "number"}, [["> 1", '"a"']], default='"none"'), x=0)
    assert (outcome.output, outcome.rules, outcome.error) == ("none", (), None)


def test_no_rule_is_null_and_says_so():
    outcome = decide(one_table("UNIQUE", {"x": "number"}, [["> 1", '"a"']]), x=0)
    assert (outcome.output, outcome.error) == (None, "no rule of the table holds")


# --- Cells -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "value", "holds"),
    [
        ("-", None, True),
        ("5", 5, True),
        ("5, 7", 7, True),
        ("< 5, > 10", 11, True),
        ("[1..5)", 5, False),
        ("]1..5]", 5, True),
        ("not(1, 2)", 3, True),
        ("not(1, 2)", 2, False),
        ("not(]1..3])", 1, True),
        ("not(]1..3])", 2, False),
        ("not([1..3))", 3, True),
        ("not((1..3), 5)", 5, False),
        ("not([1..3])", None, False),
        ("null", None, True),
        ("not(null)", None, False),
        ("not(null)", 1, True),
        ("? > 3 and ? < 9", 5, True),
        ("odd(?)", 4, False),
        ("[1, 2, 3]", 2, True),
        ("limit", 8, True),
        ("> limit", 9, True),
        ("< limit", 9, False),
        ("limit > 3", 1, True),
        ("[limit..10]", 9, True),
    ],
)
def test_a_cell_holds_or_not(cell, value, holds):
    model = one_table("UNIQUE", {"x": "number", "limit": "number"}, [[cell, "-", '"yes"']], default='"no"')
    assert decide(model, x=value, limit=8).output == ("yes" if holds else "no")


@pytest.mark.parametrize(
    ("type_name", "cell", "yes", "no"),
    [
        ("boolean", "true", True, False),
        ("boolean", "not(true)", False, True),
        ("string", '"a", "b"', "b", "c"),
        ("string", 'starts with(?, "a")', "ab", "ba"),
        ("date", '> date("2020-01-01")', "2020-01-02", "2020-01-01"),
        ("date", '[@"2020-01-01"..@"2020-01-31"]', "2020-01-31", "2020-02-01"),
        ("time", '< @"12:00:00"', "11:59:59", "12:00:00"),
        ("dateTime", '>= @"2020-01-01T00:00:00Z"', "2020-01-01T08:00:00+08:00", "2020-01-01T07:59:59+08:00"),
        ("days and time duration", '> @"P1D"', "PT25H", "PT24H"),
        ("years and months duration", '@"P1Y"', "P12M", "P13M"),
    ],
)
def test_cells_speak_of_every_kind_of_value(type_name, cell, yes, no):
    model = one_table("UNIQUE", {"x": type_name}, [[cell, "1"]], default="0")
    assert decide(model, x=yes).output == 1
    assert decide(model, x=no).output == 0


# --- Types -------------------------------------------------------------------------------------------------------

TYPES = [
    item("tRisk", "string", '"High", "Low"'),
    item("tNumbers", "number", many=True),
    item("tPerson", components=[component("name", "string"), component("age", "number")]),
    item("tSmall", "number", "[0..10]"),
]


@pytest.mark.parametrize(
    ("expression", "type_name", "value"),
    [
        ("1 + 1", "string", "null"),
        ('"foo"', "tNumbers", "null"),
        ("10", "tNumbers", "[10]"),
        ("[10]", "number", "10"),
        ('["x"]', "number", "null"),
        ("null", "tNumbers", "null"),
        ('{name: "Li", age: 3, more: 1}', "tPerson", '{name: "Li", age: 3, more: 1}'),
        ('{name: "Li"}', "tPerson", "null"),
        ('"High"', "tRisk", '"High"'),
        ('"Medium"', "tRisk", "null"),
        ("11", "tSmall", "null"),
        ("date(2000, 1, 2)", "date and time", "2000-01-02T00:00:00Z"),
        ("1", "feel:number", "1"),
        ('"a"', "Any", '"a"'),
    ],
)
def test_a_result_is_made_to_fit_its_type_or_is_null(expression, type_name, value):
    model = definitions(*TYPES, decision("d", literal(expression), type_name=type_name))
    assert write(decide(model).output, inside=True) == value


def test_an_input_outside_its_allowed_values_is_an_error():
    model = definitions(*TYPES, input_data("risk", "tRisk"), decision("d", literal("risk"), needs=["i risk"]))
    assert decide(model, risk="High").output == "High"
    outcome = decide(model, risk="Other")
    assert outcome.output is None
    assert outcome.error == 'risk: "Other" is no tRisk (allowed: "High", "Low")'


def test_inputs_are_read_by_their_types():
    model = definitions(*TYPES, input_data("p", "tPerson"), input_data("when", "date"), decision(
        "d", literal("[p.age + 1, when.year, p.name]"), needs=["i p", "i when"]))  # fmt: skip
    assert write(decide(model, p={"name": "Li", "age": "41"}, when="2020-02-01").output, inside=True) == '[42, 2020, "Li"]'
    assert decide(model, p={"name": "Li", "age": 1}, when="2020-02-30").error == "when: there is no day 2020-2-30"


def test_an_input_not_given_is_null():
    model = definitions(input_data("x", "number"), decision("d", literal("x = null"), needs=["i x"]))
    assert decide(model).output is True


# --- The graph and boxed expressions -----------------------------------------------------------------------------


def test_decisions_build_on_decisions_and_only_on_what_they_require():
    model = definitions(
        input_data("x", "number"),
        decision("a b", literal("x + 1"), needs=["i x"]),
        decision("d", literal("a b * 2"), needs=["d a b"]),
        decision("blind", literal("x"), needs=["d a b"]),
    )
    assert decide(model, x=2).output == 6
    assert decide(model, "blind", x=2).error == "'x' is not known here"


def test_a_knowledge_model_is_called_and_invoked():
    model = definitions(
        input_data("x", "number"),
        knowledge("pay ment", {"p": "number", "rate": "number"}, literal("decimal(p * rate, 2)")),
        decision("d", literal("pay ment(x, 0.125)"), needs=["i x"], knows=["k pay ment"]),
        decision("named", literal("pay ment(rate: 2, p: x)"), needs=["i x"], knows=["k pay ment"]),
        decision(
            "boxed",
            f"<invocation>{literal('pay ment')}<binding><parameter name='rate'/>{literal('3')}</binding>"
            f"<binding><parameter name='p'/>{literal('x')}</binding></invocation>",
            needs=["i x"], knows=["k pay ment"],
        ),
    )  # fmt: skip
    assert decide(model, x=10).output == Decimal("1.25")
    assert decide(model, "named", x=10).output == 20
    assert decide(model, "boxed", x=10).output == 30


def test_a_knowledge_model_may_hold_a_table_and_call_itself():
    body = table("UNIQUE", [("n", "number")], [["<= 1", "1"], ["> 1", "n * fact(n - 1)"]])
    model = definitions(knowledge("fact", {"n": "number"}, body), decision("d", literal("fact(20)"), knows=["k fact"]))
    assert decide(model).output == 2432902008176640000


def test_recursion_without_end_is_an_error_not_a_crash():
    model = definitions(knowledge("f", {"n": "number"}, literal("f(n)")), decision("d", literal("f(1)"), knows=["k f"]))
    assert decide(model).error == "functions call each other without end"


def entry(name, logic):
    variable = f"<variable name='{name}'/>" if name else ""
    return f"<contextEntry>{variable}{logic}</contextEntry>"


def test_a_boxed_context_sees_its_own_entries_and_may_have_a_result():
    entries = entry("a b", literal("2")) + entry("c", literal("a b * 3"))
    assert decide(definitions(decision("d", f"<context>{entries}</context>"))).output == {"a b": 2, "c": 6}
    entries += entry("", literal("a b + c"))
    assert decide(definitions(decision("d", f"<context>{entries}</context>"))).output == 8


def test_boxed_lists_relations_functions():
    model = definitions(
        decision("list", f"<list>{literal('1')}{literal('2')}</list>"),
        decision(
            "relation",
            f"<relation><column name='a'/><column name='b'/><row>{literal('1')}{literal('2')}</row>"
            f"<row>{literal('3')}{literal('4')}</row></relation>",
        ),
        decision("f", f"<functionDefinition><formalParameter name='x y'/>{literal('x y + 1')}</functionDefinition>"),
        decision("d", literal("f(relation[b = 4].a[1])"), needs=["d f", "d relation"]),
    )
    assert decide(model, "list").output == [1, 2]
    assert decide(model, "relation").output == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert decide(model).output == 4


def test_boxed_conditionals_filters_and_iterators():
    def part(name, text):
        return f"<{name}>{literal(text)}</{name}>"

    model = definitions(
        decision("if", f"<conditional>{part('if', '1 > 2')}{part('then', '1')}{part('else', '2')}</conditional>"),
        decision("filter", f"<filter>{part('in', '[1, 2, 3]')}{part('match', 'item > 1')}</filter>"),
        decision("for", f"<for iteratorVariable='n'>{part('in', '1..3')}{part('return', 'n * n')}</for>".replace("1..3", "[1, 2, 3]")),
        decision("every", f"<every iteratorVariable='n'>{part('in', '[1, 2]')}{part('satisfies', 'n > 1')}</every>"),
        decision("some", f"<some iteratorVariable='n'>{part('in', '[1, 2]')}{part('satisfies', 'n > 1')}</some>"),
    )  # fmt: skip
    assert [decide(model, name).output for name in ("if", "filter", "for", "every", "some")] == [
        2,
        [2, 3],
        [1, 4, 9],
        False,
        True,
    ]


def test_a_decision_service_is_a_function_and_a_decision():
    service = "<decisionService id='s' name='s'><variable name='s'/><outputDecision href='#d out'/><inputData href='#i x'/></decisionService>"
    model = definitions(
        input_data("x", "number"), decision("out", literal("x * 10"), needs=["i x"]), service,
        decision("d", literal("s(4) + s(x: 1)"), knows=["s"]),
    )  # fmt: skip
    assert decide(model).output == 50
    assert decide(model, "s", x=3).output == 30


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_every_version_of_the_standard_is_read(namespace):
    assert decide(definitions(decision("d", literal("1")), namespace=namespace)).output == 1


def test_elements_in_the_namespace_of_a_model_that_declares_dmn_are_read():
    xml = definitions(decision("d", literal("1"))).replace(b'xmlns="', b'xmlns="urn:own" xmlns:semantic="')
    assert decide(xml).output == 1


def test_a_decision_people_make_is_given_with_the_row():
    model = definitions(
        decision("Officer's word", ""), decision("d", literal('Officer\'s word + "!"'), needs=["d Officer's word"])
    )
    assert decide(model, **{"Officer's word": "wait"}).output == "wait!"
    assert decide(model).error == '"Officer\'s word" has no logic; null + string is not defined'


def test_numbers_keep_thirty_four_digits():
    model = definitions(input_data("x", "number"), decision("d", literal("x / 3"), needs=["i x"]))
    assert write(decide(model, x=Decimal(1)).output) == "0." + "3" * 34
    assert (
        write(decide(model, x=Decimal("12345678901234567890123456789012.34")).output) == "4115226300411522630041152263004.113"
    )


# --- Refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ([decision("other", literal("1"))], "there is no decision 'd'; there are: other"),
        ([decision("d", literal("a"), needs=["d a"]), decision("a", literal("d"), needs=["d d"])], "d → a → d"),
        ([decision("d", literal("1"), type_name="tNone")], "there is no type tNone"),
        ([decision("d", literal("1"), needs=["i elsewhere"])], "requires i elsewhere, which is not in this file"),
        ([decision("d", "<literalExpression expressionLanguage='urn:python'><text>1</text></literalExpression>")], "urn:python"),
        ([decision("d", "<functionDefinition kind='Java'/>")], "functionDefinition kind=Java is not supported"),
        ([decision("d", table("UNIQUE", [("1", "")], [["1 +", "1"]]))], "unexpected the end at 3"),
        ([decision("d", table("BEST", [("1", "")], []))], "hitPolicy=BEST"),
        ([decision("d", table("PRIORITY", [("1", "")], [["1", "1"]]))], "PRIORITY without output values"),
        ([decision("d", table("UNIQUE", [("1", "")], [["1"]]))], "rule 1 has 1 input and 0 output cells"),
    ],
)  # fmt: skip
def test_what_cannot_be_decided_is_refused_by_name_and_place(parts, says):
    with pytest.raises(ModelRefused) as refused:
        Decider(Model(definitions(*parts)), "d")
    assert says in refused.value.en
    assert refused.value.zh


def test_what_the_asked_decision_does_not_need_is_not_refused():
    model = definitions(decision("d", literal("1")), decision("java", "<functionDefinition kind='Java'/>"))
    assert decide(model).output == 1


def test_an_import_is_refused_by_its_name():
    model = definitions(
        "<import name='shared rates' namespace='urn:other' importType='x'/>", decision("d", literal("1"), needs=["d far"])
    )
    with pytest.raises(ModelRefused, match=r"imports: shared rates"):
        Decider(Model(model), "d")


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"<definitions/>",
        b"<a xmlns='urn:x'/>",
        b"<!DOCTYPE d [<!ENTITY a 'aa'>]><d>&a;</d>",
        b"<definitions xmlns='https://www.omg.org/spec/DMN/20191111/MODEL/'>" + b"<decision>" * 300,
    ],
)
def test_evil_or_broken_xml_is_refused(xml):
    with pytest.raises(ModelRefused):
        Model(xml)
