"""The code book maps to the words of the house whole, and what the commonest results cost in keys; scripts and notes as data."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from anhuan.acts.call import wrapping
from anhuan.core.vocabulary import Channel, Direction, LineResult, Outcome, Party
from anhuan.rulebook import codes, notes, scripts
from anhuan.rulebook.codes import book
from anhuan.rulebook.codes_reference import markdown
from anhuan.rulebook.statutes import RulebookError

ROOT = Path(__file__).resolve().parents[2]
BANK = ROOT / "examples" / "firstbank" / "scripts"


def test_there_are_codes_enough_and_none_stands_twice() -> None:
    every = [code.code for _, code in book().all()]
    assert len(every) == len(set(every)) >= 60
    assert all(code.zh and code.en and code.code.isalnum() and len(code.code) in (2, 3) for _, code in book().all())


def test_every_word_of_the_house_is_reached_by_a_code() -> None:
    known = book()
    assert {each.line for each in known.lines.values()} == set(LineResult)
    assert {each.party for each in known.parties.values() if each.party} == set(Party)
    assert {each.direction for each in known.actions.values() if each.direction} == set(Direction)
    said = {
        codes.said(result, known.lines[line], verified=verified)[1]
        for result, verified in product(known.results.values(), (True, False))
        for line in result.lines
    }
    assert said - {None} == set(Outcome)
    assert {Channel.CALL, Channel.SMS, Channel.EMAIL, Channel.LETTER, Channel.VISIT} <= {
        a.channel for a in known.actions.values()
    }


def test_every_code_a_result_goes_with_exists_and_can_be() -> None:
    known = book()
    for result in known.results.values():
        assert result.lines <= known.lines.keys(), result.code
        assert result.parties <= known.parties.keys(), result.code
        possible = [
            combination
            for combination in product(sorted(result.lines), sorted(result.parties), (True, False))
            if not codes.combine(combination[0], combination[1], result.code, verified=combination[2])
        ]
        assert possible, f"{result.code} can never be kept"


@pytest.mark.parametrize(
    ("line", "party", "result", "verified"),
    [("NA", "RPC", "PTP", True), ("OK", "REL", "PTP", True), ("OK", "RPC", "PTP", False), ("OK", "RPC", "WRN", False),
     ("XN", "NOB", "LMV", False), ("OK", "NOB", "NOA", False), ("VM", "NOB", "DED", False)],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_both_languages(line: str, party: str, result: str, verified: bool) -> None:
    wrong = codes.combine(line, party, result, verified=verified)
    assert wrong
    assert all(each.zh and each.en and each.zh != each.en for each in wrong)


def test_the_outcome_of_every_result_fits_the_line() -> None:
    for result in book().results.values():
        for code in result.lines:
            line, outcome = codes.said(result, book().lines[code], verified=True)
            if line is LineResult.CONNECTED and not result.unknown:
                assert outcome in {Outcome.EFFECTIVE_CONVERSATION, Outcome.HUNG_UP, Outcome.DROPPED}, (result.code, code)
            elif line is LineResult.VOICEMAIL and not result.unknown:
                assert outcome in {Outcome.MESSAGE_LEFT, Outcome.LIMITED_CONTENT_MESSAGE, Outcome.NO_MESSAGE}
            elif not result.unknown:
                assert outcome is None


def test_the_ten_commonest_results_take_at_most_three_keys() -> None:
    assert [each.digit for each in book().common] == list("1234567890")
    assert max(each.keystrokes for each in book().common) <= 3
    for each in book().common:
        assert each.line in each.lines
        assert all(field.kind == "choice" for field in each.forces if not field.default)
        assert each.party in each.parties


def test_what_a_result_does_and_fills_in_is_known_to_the_act() -> None:
    asked = {what.partition(":")[0] for each in book().results.values() for what in each.does}
    assert asked == wrapping._DOES.keys()
    assert {what.partition(":")[0] for what in codes.DOES} == wrapping._DOES.keys()
    assert {field.default for field in book().fields.values() if field.default} <= wrapping._DEFAULTS.keys()
    assert {field.kind for field in book().fields.values()} == codes.KINDS


def test_the_page_of_the_reference_and_the_json_are_what_the_data_say() -> None:
    assert (ROOT / "docs/reference/codes.md").read_text() == markdown(), "run `make reference`"
    told = json.loads(json.dumps(codes.document()))
    assert sum(map(len, told.values())) == len(list(book().all()))


# --- scripts --------------------------------------------------------------------------------------------------------


def test_the_script_of_a_case_is_chosen_by_its_bucket_and_a_broken_promise() -> None:
    told = scripts.load(BANK)
    chosen = [told.choose(bucket=bucket, broken_promise=False).name for bucket in range(1, 8)]
    assert chosen == ["early", "early", "middle", "middle", "middle", "middle", "late"]
    assert told.choose(bucket=4, broken_promise=True).name == "broken"
    assert scripts.load().choose(bucket=4, broken_promise=True).name == "plain"


def test_every_statement_has_its_clause_and_every_point_of_a_call_its_statements() -> None:
    told = scripts.load()
    assert all(each.citation and each.force for each in told.statements)
    assert {each.id for each in told.due("opening")} == {"recorded", "who_calls"}
    assert {"rights", "consequences", "what_is_owed"} <= {each.id for each in told.due("verified")}
    assert {"no_debt_told", "may_refuse"} <= {each.id for each in told.due("third")}


@pytest.mark.parametrize(
    ("part", "text"),
    [("unverified", "您的信用卡逾期了"), ("third", "他欠我们钱"), ("unverified", "You owe {past_due}"), ("verified", "不还钱就打断你的腿"),
     ("verified", "尾号{card}")],
)  # fmt: skip
def test_a_script_that_tells_too_much_or_threatens_is_refused_with_its_line(tmp_path: Path, part: str, text: str) -> None:
    steps = dict.fromkeys(scripts.PARTS, '- {id: a, zh: "请问是本人吗", en: "Is it you?"}')
    steps[part] = f"- {{id: a, zh: {json.dumps(text, ensure_ascii=False)}, en: {json.dumps(text, ensure_ascii=False)}}}"
    written = "name: x\ntitle_zh: x\ntitle_en: x\nwhen: {}\n" + "".join(f"{name}:\n{line}\n" for name, line in steps.items())
    (tmp_path / "x.yaml").write_text(written)
    with pytest.raises(RulebookError) as wrong:
        scripts.load(tmp_path)
    assert wrong.value.line >= 6
    assert wrong.value.zh != wrong.value.en


def test_a_bank_may_ask_for_more_identity_and_never_for_less(tmp_path: Path) -> None:
    assert (scripts.load(BANK).identity.right, scripts.load().identity.right) == (3, 2)
    (tmp_path / "identity.yaml").write_text("right: 1\n")
    with pytest.raises(RulebookError):
        scripts.load(tmp_path)


def test_what_may_not_be_said_is_shown_by_kind_with_its_clause() -> None:
    kinds = {each.kind: each for each in scripts.forbidden()}
    assert {"insult", "threat", "false_authority", "legal_bluff", "third_party_disclosure", "shaming"} <= kinds.keys()
    assert all(each.citation_zh and each.citation_en and each.example_zh and each.example_en for each in kinds.values())


# --- notes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "must"),
    [("这个老赖", "insult", True), ("可拨打 13912345678", "personal_data", True), ("其母亲在工厂上班", "third_person_data", False),
     ("客户确诊癌症", "sensitive", False), ("His wife works at a mill", "third_person_data", False)],
)  # fmt: skip
def test_a_note_is_told_what_stands_against_it_and_where(text: str, kind: str, must: bool) -> None:
    [found] = notes.screen(text, lang="zh")
    assert (found.kind, found.must_change) == (kind, must)
    assert 0 <= found.start < found.end <= len(text)
    assert found.citation


@pytest.mark.parametrize(
    "text", ["客户称已还款，明日核对", "无人接听，改天再打", "愿意分期，家庭收入下降", "Promised 500 by Friday"]
)
def test_an_ordinary_note_is_left_alone(text: str) -> None:
    assert notes.screen(text) == []
