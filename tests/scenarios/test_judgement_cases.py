"""Questions of law as cases that a compliance officer can write: ours, and those of the test data."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from anhuan.core.judgements import KINDS
from anhuan.rulebook.judging import judge
from anhuan.rulebook.scenarios.judgements import JudgementCase, family, read_cases
from anhuan.rulebook.statutes import RulebookError

OURS = Path(__file__).with_name("judgement")
_TESTDATA = os.environ.get("ANHUAN_TESTDATA")
GIVEN = Path(_TESTDATA).parent / "scenarios" / "judgement" if _TESTDATA else None


def cases_in(folder: Path) -> list[JudgementCase]:
    return [case for file in sorted(folder.glob("*.yaml")) for case in read_cases(file)]


def answer_to(case: JudgementCase) -> bool | str:
    return judge(case.kind, case.jurisdiction, case.given, at=case.at).value


@pytest.mark.parametrize("case", cases_in(OURS), ids=lambda case: case.id)
def test_a_case_of_ours_is_answered_as_it_says(case):
    assert answer_to(case) == case.expected, case.reason


def test_every_case_of_the_test_data_is_answered_as_it_says():
    if GIVEN is None or not GIVEN.is_dir():
        pytest.skip("ANHUAN_TESTDATA names no test data with scenarios beside it")
    cases = cases_in(GIVEN)
    answers = {case.id: answer_to(case) for case in cases}
    assert answers == {case.id: case.expected for case in cases}
    assert answers


def test_every_kind_has_a_pair_of_cases_that_differ_in_one_fact_and_in_the_answer():
    pairs = {}
    for case in cases_in(OURS):
        pairs.setdefault(case.id.rpartition("-")[0] + case.kind, []).append(case)
    for one, other in pairs.values():
        differing = [name for name in one.given if one.given[name] != other.given[name]]
        assert len(differing) + (one.at != other.at) == 1
        assert one.expected != other.expected
    kinds = Counter(case.kind for case in cases_in(OURS))
    assert set(kinds) == set(KINDS)


def test_every_answer_cites_its_law_and_speaks_both_languages():
    for case in cases_in(OURS):
        told = judge(case.kind, case.jurisdiction, case.given, at=case.at).document()
        assert told["citation"], case.id
        assert told["sentence_zh"].endswith("。"), case.id
        assert told["sentence_en"].endswith("."), case.id
        assert told["value"] == case.expected


# --- What is not in the format ------------------------------------------------------------------------------------

SOUND = """\
family: judgement
cases:
  - id: A-1
    jurisdiction: cn
    topic: classification
    kind: classification
    citation: somewhere
    force: [binding]
    basis: rule_text
    confidence: secondary
    ambiguous: false
    given: {days_past_due: 91}
    at: '2026-05-10T10:00:00+08:00'
    expected: substandard
    reason: A reason.
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "case.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_sound_case_is_read_with_its_types(tmp_path):
    file = written(tmp_path, SOUND)
    (case,) = read_cases(file)
    assert family(file) == "judgement"
    assert case.given == {"days_past_due": 91}
    assert case.line == 3
    assert case.expected == "substandard"
    assert case.at.isoformat() == "2026-05-10T10:00:00+08:00"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("days_past_due: 91", "days_past_due: many", 12, "'many' is no int"),
        ("days_past_due: 91", "days_past_due: -1", 12, "'-1' is no int"),
        ("days_past_due: 91", "days_past_due: 91, mood: bad", 12, "unknown: mood"),
        ("days_past_due: 91", "", 12, "days_past_due is missing"),
        ("    reason: A reason.\n", "", 3, "reason is missing"),
        ("kind: classification", "kind: divination", 6, "there is no judgement divination"),
        ("    topic: classification\n", "    topic: x\n    topic: x\n", 6, "topic stands twice"),
        ("ambiguous: false", "ambiguous: maybe", 11, "'maybe' is no bool"),
        ("force: [binding]", "force: binding", 8, "a list belongs here"),
        ("force: [binding]", "force: [advice]", 8, "'advice' is no Force"),
        ("+08:00'", "'", 13, "is no datetime"),
        ("'2026-05-10T", "'2026-02-30T", 13, "is no datetime"),
        ("{days_past_due: 91}", "[91]", 12, "a mapping belongs here"),
        ("{days_past_due: 91}", "{[a]: 91}", 12, "a name is to be a text"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, old, new, line, says):
    file = written(tmp_path, SOUND.replace(old, new))
    with pytest.raises(RulebookError) as refused:
        read_cases(file)
    assert (refused.value.file, refused.value.line) == (str(file), line)
    assert says in refused.value.en
    assert refused.value.zh.endswith("。")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file is empty"),
        ("family: judgement\n", "cases is missing"),
        ("family: judgement\ncases: {}\n", "a list belongs here"),
        ("- a\n", "a mapping belongs here"),
        ("family: [\n", "cannot be read as YAML"),
        (SOUND + SOUND.partition("cases:\n")[2], "the id A-1 stands twice"),
    ],
)
def test_a_file_not_in_the_format_is_refused(tmp_path, text, says):
    with pytest.raises(RulebookError, match=says):
        read_cases(written(tmp_path, text))


def test_an_unknown_event_and_a_wrong_currency_are_refused(tmp_path):
    claim = SOUND.replace("kind: classification", "kind: claim_in_time")
    debit = "{due: '2026-01-01', events: [{'on': '2026-02-01', event: payment}]}"
    with pytest.raises(RulebookError, match="there is no event payment"):
        read_cases(written(tmp_path, claim.replace("{days_past_due: 91}", debit)))
    repair = SOUND.replace("kind: classification", "kind: repaired_record_may_show")
    facts = "{overdue_month: 2024-06, amount_minor: 1, currency: USD, repaid_in_full: null}"
    with pytest.raises(RulebookError, match="currency is to be CNY"):
        read_cases(written(tmp_path, repair.replace("{days_past_due: 91}", facts)))
