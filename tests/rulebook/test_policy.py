"""A bank's own table of what it grants: read to the line, dated, and never looser than the law."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from anhuan.core.plan.parts import Part
from anhuan.core.plan.policy import Treatment
from anhuan.core.vocabulary import Bucket, Classification
from anhuan.rulebook import policy
from anhuan.rulebook.statutes import RulebookError

ON = date(2026, 11, 27)
FIRSTBANK = Path(__file__).parents[2] / "examples" / "firstbank" / "policy.yaml"
HEAD = 'bank: b\ngrounds:\n  - {from: 2020-01-01, discount_rate: "0.06"}\nrows:\n'


def read(tmp_path, rows, head=HEAD):
    file = tmp_path / "policy.yaml"
    file.write_text(head + rows, encoding="utf-8")
    return policy.read(file, as_of=ON)


def refused(tmp_path, rows, head=HEAD):
    with pytest.raises(RulebookError) as wrong:
        read(tmp_path, rows, head)
    assert wrong.value.zh != wrong.value.en
    return wrong.value


def test_the_made_up_bank_grants_something_in_every_bucket():
    told = policy.read(FIRSTBANK, as_of=ON)
    for bucket in Bucket:
        row = told.row("gold", bucket, Classification.SPECIAL_MENTION, ON)
        assert row is not None
        assert row.max_instalments <= told.term.value["months"] == 60
    assert told.row("gold", Bucket.M2, Classification.NORMAL, ON).interest is Treatment.RUNS
    assert told.row("gold", Bucket.M6, Classification.LOSS, ON).authorities[0].waive == {Part.PENALTY: Fraction(1, 2)}


def test_a_row_holds_between_its_dates_and_an_earlier_day_is_answered_by_the_row_of_then(tmp_path):
    told = read(tmp_path, "  - {id: old, from: 2020-01-01, until: 2026-05-31, plan: {max_instalments: 12}}\n"
                          "  - {id: new, from: 2026-06-01, plan: {max_instalments: 24}}\n")  # fmt: skip
    rows = [
        told.row("x", Bucket.M1, Classification.NORMAL, day) for day in (date(2026, 5, 31), date(2026, 6, 1), date(2019, 1, 1))
    ]
    assert [row and row.id for row in rows] == ["old", "new", None]


def test_a_plan_longer_than_the_law_allows_is_refused_at_its_line_with_the_clause(tmp_path):
    wrong = refused(tmp_path, "  - id: a\n    from: 2020-01-01\n    plan:\n      max_instalments: 61\n")
    assert wrong.line == 8
    assert "Art. 70" in wrong.en
    assert "Art. 70" in wrong.zh


def test_under_a_law_that_names_no_term_the_policy_may_name_its_own(tmp_path):
    told = read(tmp_path, "  - {id: a, from: 2020-01-01, plan: {max_instalments: 72}}\n", f"law: us-fed\n{HEAD}")
    assert (told.term, told.rows[0].max_instalments) == (None, 72)


@pytest.mark.parametrize(
    ("rows", "line", "words"),
    [
        ("  - {id: a, from: 2020-01-01}\n  - {id: b, from: 2026-01-01}\n", 6, "on the same day"),
        ("  - {id: a, from: 2020-01-01, until: 2020-02-01}\n  - {id: a, from: 2026-01-01}\n", 6, "on the same day"),
        ("  - {id: a, from: 2020-01-01, until: 2019-01-01}\n", 5, "before from"),
        ("  - {id: a, from: 2020-01-01, plan: {max_instalments: 12, tenors: [24]}}\n", 5, "more than max_instalments"),
        ("  - {id: a, from: 2020-01-01, plan: {annual_rate: 0.12}}\n", 5, "in quotes"),
        ('  - {id: a, from: 2020-01-01, plan: {annual_rate: "-0.1"}}\n', 5, "in quotes"),
        ("  - {id: a, from: 2020-01-01, plan: {least_payment: {CNY: 100}}}\n", 5, "amount of CNY"),
        ('  - {id: a, from: 2020-01-01, plan: {least_payment: {RMB: "100"}}}\n', 5, "amount of RMB"),
        ("  - {id: a, from: 2020-01-01, plan: {method: level}}\n", 5, "unknown key method"),
        ("  - {id: a, from: 2020-01-01, plan: {methods: [balloon]}}\n", 5, "none of"),
        ("  - {id: a, from: 2020-01-01, applies: {buckets: [M9]}}\n", 5, "none of M0"),
        ("  - {id: a, from: today}\n", 5, "YYYY-MM-DD"),
        ('  - id: a\n    from: 2020-01-01\n    authority:\n      - {role: x, waive: {principal: "0.1"}}\n', 8, "settlement"),
        ('  - id: a\n    from: 2020-01-01\n    authority:\n      - {role: x, waive: {fees: "1.5"}}\n', 8, "from 0 to 1"),
        ("  - {from: 2020-01-01}\n", 5, "id is missing"),
        ("  nonsense\n", 4, "is a list"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_its_line(tmp_path, rows, line, words):
    wrong = refused(tmp_path, rows)
    assert words in wrong.en
    assert wrong.line == line


def test_a_bank_that_has_written_nothing_grants_nothing():
    assert policy.none_stated("cn", ON).row("gold", Bucket.M3, Classification.NORMAL, ON) is None


def test_the_same_file_has_the_same_fingerprint_and_a_changed_one_another(tmp_path):
    one, same, other = (read(tmp_path, f"  - {{id: {name}, from: 2020-01-01}}\n").fingerprint for name in ("a", "a", "b"))
    assert one == same != other
