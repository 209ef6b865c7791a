"""What the pages of strategies make of models, findings and figures, without a browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.utils.translation import override
from tests.rulebook.dmn import decision, definitions, input_data, item, table

from anhuan.workbench import strategy_arms
from anhuan.workbench.strategy import _trace, findings
from anhuan.workbench.strategy_changes import TableChange, differences
from anhuan.workbench.strategy_tables import decisions, in_own_tongue

RULES = [["[1..30]", '"sms"'], ["(30..60]", '"call"'], ["> 60", "null"]]


def model(rules: Sequence[Sequence[str]] = RULES, *, policy: str = "UNIQUE", inputs: Sequence[str] = ("days",)) -> bytes:
    body = table(policy, [(name, "number") for name in inputs], rules, outputs=[("channel", "")])
    given = [input_data(name, "number") for name in inputs]
    return definitions(item("tDays", "number", ">= 1"), *given, decision("act", body, needs=[f"i {name}" for name in inputs]))


def named(data: bytes, ids: Sequence[str]) -> bytes:
    """The model with these ids for its rules, as an editor gives them."""
    parts = data.split(b"<rule>")
    head, rules = parts[0], parts[1:]
    assert len(rules) == len(ids)
    return head + b"".join(f'<rule id="{name}">'.encode() + rest for name, rest in zip(ids, rules, strict=True))


def only(before: bytes, after: bytes) -> TableChange:
    (change,) = differences(before, after)
    return change


def rows(change: TableChange) -> list[tuple[str, int | None, int | None]]:
    return [(row.kind, row.before, row.after) for row in change.rows]


# --- changes --------------------------------------------------------------------------------------------------------


def test_a_cell_that_changed_is_told_with_what_it_was() -> None:
    change = only(model(), model([["[1..20]", '"sms"'], *RULES[1:]]))
    assert rows(change) == [("changed", 1, 1)]
    assert [(cell.was, cell.text) for cell in change.rows[0].cells] == [("[1..30]", "[1..20]"), ('"sms"', '"sms"')]
    assert change.same == 2


def test_rows_keep_their_identity_by_id_wherever_they_go() -> None:
    before = named(model(), ["a", "b", "c"])
    after = named(model([["> 60", "null"], ["[1..30]", '"email"'], ["0", '"sms"']]), ["c", "a", "d"])
    assert sorted(rows(only(before, after))) == [("added", None, 3), ("changed", 1, 2), ("moved", 3, 1), ("removed", 2, None)]


def test_without_ids_rows_alike_are_the_same() -> None:
    assert rows(only(model(), model([RULES[0], ["0", '"sms"'], *RULES[1:]]))) == [("added", None, 2)]
    assert rows(only(model(), model(RULES[1:]))) == [("removed", 1, None)]


def test_two_models_alike_differ_in_nothing() -> None:
    assert list(differences(model(), model())) == []
    assert list(differences(named(model(), ["a", "b", "c"]), named(model(), ["x", "y", "z"]))) == []


def test_hit_policy_and_columns_are_told() -> None:
    change = only(model(policy="UNIQUE"), model(policy="FIRST"))
    assert (change.policy.was, change.policy.text, change.rows) == ("U", "F", ())
    wider = [[test, "-", output] for test, output in RULES]
    change = only(model(), model(wider, inputs=("days", "score")))
    assert (change.columns_added, change.columns_removed) == (("score",), ())


def test_columns_that_say_nothing_are_left_out() -> None:
    two = [["[1..30]", "-", '"sms"'], ["> 30", "> 5", '"call"']]
    change = only(
        named(model(two, inputs=("days", "score")), ["a", "b"]),
        named(model([["[1..20]", "-", '"sms"'], two[1]], inputs=("days", "score")), ["a", "b"]),
    )
    assert [column.text for column in change.columns] == ["days", "channel"]
    assert change.inputs == 1


def test_a_decision_that_is_new_or_gone_is_told_whole() -> None:
    body = table("UNIQUE", [("days", "number")], RULES, outputs=[("channel", "")])
    other = definitions(input_data("days", "number"), decision("other", body, needs=["i days"]))
    told = {change.name: (change.kind, len(change.rows)) for change in differences(model(), other)}
    assert told == {"other": ("added", 3), "act": ("removed", 3)}


def test_a_model_that_cannot_be_read_has_no_tables() -> None:
    assert decisions(b"<x/>") == {}
    assert {change.kind for change in differences(b"<x/>", model())} == {"added"}


# --- findings -------------------------------------------------------------------------------------------------------


def test_a_finding_points_to_its_rows_and_shows_its_example() -> None:
    tables = decisions(named(model(), ["a", "b", "c"]))
    said = {"decision": "act", "message_zh": "…", "message_en": "…"}
    kept: list[dict[str, Any]] = [
        {"code": "gaps", "what": {"days": 1.5, "name": "x"}, **said},
        {"code": "overlaps", "what": {"rules": [1, 3], "example": {"days": None}}, **said},
        {"code": "unreachable", "what": 2, **said},
        {"code": "bad_outputs", "what": {"rule": None, "output": "channel", "value": "fax", "allowed": '"sms"'}, **said},
        {"code": "not_columnar", **said},
    ]
    found = findings(kept, tables)
    assert found is not None
    assert [each.rows for each in found] == [(), ((1, "a"), (3, "c")), ((2, "b"),), (), ()]
    assert found[0].example == (("days", "1.5"), ("name", '"x"'))
    assert found[1].example == (("days", "null"),)
    assert (found[3].value, found[3].allowed) == ('"fax"', '"sms"')
    assert [each.code for each in found] == ["gaps", "overlaps", "unreachable", "bad_outputs", ""]
    assert findings(None, tables) is None


# --- words and figures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("note", "zh", "en"),
    [
        ("已故：依法沟通 / Deceased: the estate desk", "已故：依法沟通", "Deceased: the estate desk"),
        ("Deceased / 已故", "已故", "Deceased"),
        ("逾期 / 未逾期", "逾期 / 未逾期", "逾期 / 未逾期"),
        ("one / two / 三", "one / two / 三", "one / two / 三"),
        ("", "", ""),
    ],
)
def test_a_reader_reads_her_half_of_a_note(note: str, zh: str, en: str) -> None:
    with override("zh-hans"):
        assert in_own_tongue(note) == zh
    with override("en"):
        assert in_own_tongue(note) == en


def test_a_trace_names_tables_and_rows() -> None:
    told = list(_trace("stage 9; recovery_bp 7, 15; risk class 2 3; open "))
    assert told == [("stage", (9,)), ("recovery_bp", (7, 15)), ("risk class 2", (3,)), ("open", ())]


def arm(name: str, **told: float | None) -> dict[str, Any]:
    return {"arm": name, "n": 10, "cured": {"mean": 0.1, "p": 0.5, **told}}


def test_intervals_share_one_scale_on_which_nil_stands() -> None:
    with override("en"):
        control, better, unsure, few = strategy_arms.intervals(
            [
                arm("hold_out", effect=0.0, low=0.0, high=0.0), arm("a", effect=0.02, low=0.01, high=0.03),
                arm("b", effect=0.0, low=-0.01, high=0.01), arm("c", effect=None, low=None, high=None),
            ],
            "cured",
        )  # fmt: skip
    assert [each.verdict for each in (control, better, unsure, few)] == ["same", "better", "open", ""]
    assert (better.zero, better.from_, better.width) == ("27.00%", "50.00%", "46.00%")
    assert (unsure.zero, unsure.at, unsure.from_) == ("27.00%", "27.00%", "4.00%")
    assert (better.mean, better.effect, better.low) == ("10.00%", "+2.0 pp", "+1.0 pp")
    assert (control.from_, few.from_) == ("", "")
