"""Wordings: how they are read, filled and judged; and those of the made-up bank."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anhuan.channels.sms.text import count_parts
from anhuan.core.vocabulary import Channel, LetterItem
from anhuan.rulebook import letters
from anhuan.rulebook.letters import Amount, Fault, Filled, Wording

ROOT = Path(__file__).resolve().parents[2]
BANK = ROOT / "examples/firstbank"
TODAY = date(2026, 11, 27)

SMS = """\
wording: overdue
jurisdiction: cn
purpose: collect
values:
  tail: {is: tail}
  owed: {is: money}
  due: {is: date, example: 2026-12-05}
forms:
- channel: sms
  language: zh
  discloses: {institution: 【某银行】, opt_out: 拒收请回复T}
  text: 【某银行】您尾号{tail}的信用卡应还{owed}，{due}到期。拒收请回复T
"""
GOOD: dict[str, Any] = {"tail": "4417", "owed": Amount(325064, "CNY"), "due": date(2026, 12, 5)}


def read(tmp_path: Path, text: str) -> tuple[list[Wording], list[Fault]]:
    file = tmp_path / "one.yaml"
    file.write_text(text, encoding="utf-8")
    return letters.read_file(file)


@pytest.fixture
def sms(tmp_path: Path) -> Wording:
    [wording], faults = read(tmp_path, SMS)
    assert faults == []
    return wording


def codes(faults: Any) -> list[tuple[str, str]]:
    return [(fault.code, fault.where) for fault in faults]


def bank() -> Iterator[Wording]:
    for file in sorted((BANK / "wordings").glob("*.yaml")):
        wordings, faults = letters.read_file(file)
        assert faults == [], file.name
        yield from wordings


# --- filling ------------------------------------------------------------------------------------------------------


def test_money_and_dates_are_written_as_the_language_writes_them(sms: Wording) -> None:
    filled = letters.fill(sms, GOOD)
    assert isinstance(filled, Filled)
    assert filled.parts["text"] == "【某银行】您尾号4417的信用卡应还3,250.64元，2026年12月5日到期。拒收请回复T"
    english = replace(sms, language="en", parts={"text": "{owed} by {due}, {tail}"})
    assert letters.fill(english, GOOD).parts["text"] == "CNY 3,250.64 by 5 December 2026, 4417"  # type: ignore[union-attr]
    american = replace(english, jurisdiction="us-fed")
    told = {**GOOD, "owed": Amount(100, "USD")}
    assert letters.fill(american, told).parts["text"] == "$1.00 by December 5, 2026, 4417"  # type: ignore[union-attr]


def test_amounts_of_several_currencies_stand_beside_each_other_and_two_of_one_are_refused(sms: Wording) -> None:
    told = {**GOOD, "owed": (Amount(325064, "CNY"), Amount(2000, "USD"))}
    assert "应还3,250.64元、20.00美元，" in letters.fill(sms, told).parts["text"]  # type: ignore[union-attr]
    english = replace(sms, language="en", parts={"text": "{owed} by {due}, {tail}"})
    assert letters.fill(english, told).parts["text"].startswith("CNY 3,250.64 and USD 20.00 by")  # type: ignore[union-attr]
    assert codes(letters.fill(sms, {**GOOD, "owed": (Amount(1, "CNY"), Amount(2, "CNY"))})) == [("wrong_type", "owed")]


def test_a_missing_and_an_extra_value_are_refused_by_name(sms: Wording) -> None:
    told = {name: value for name, value in GOOD.items() if name != "due"} | {"nick": "x"}
    assert codes(letters.fill(sms, told)) == [("missing_value", "due"), ("extra_value", "nick")]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("tail", "441"), ("tail", 4417), ("tail", "４４１７"), ("owed", 325064), ("owed", Amount(1.5, "CNY")),  # type: ignore[arg-type]
        ("owed", Amount(1, "XXX")), ("owed", Amount(True, "CNY")), ("due", "2026-12-05"), ("due", None),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_refused_by_name(sms: Wording, name: str, wrong: object) -> None:
    assert codes(letters.fill(sms, GOOD | {name: wrong})) == [("wrong_type", name)]


def test_a_currency_without_decimals_is_not_given_any(sms: Wording) -> None:
    filled = letters.fill(sms, GOOD | {"owed": {"minor": 1200, "currency": "JPY"}})
    assert isinstance(filled, Filled)
    assert "应还1,200日元" in filled.parts["text"]


@pytest.mark.parametrize(
    "text", ["a\nb", "# heading", "| a", "a|b", "~ seal", "[ ] x", "\u2028", " x", "", "x" * 61, "\u202eabc"]
)
def test_a_text_value_cannot_break_out_of_its_line(sms: Wording, text: str) -> None:
    named = replace(sms, values={"n": replace(sms.values["tail"], type="text")}, parts={"text": "{n}"}, discloses={})
    assert codes(letters.fill(named, {"n": text})) == [("wrong_type", "n")]


def test_a_value_is_data_even_in_html(sms: Wording) -> None:
    mail = replace(
        sms, channel=Channel.EMAIL, values={"n": replace(sms.values["tail"], type="text")}, discloses={},
        parts={"subject": "s", "text": "{n}", "html": "<p>{n}</p>"},
    )  # fmt: skip
    filled = letters.fill(mail, {"n": '<script>"{n}"'})
    assert isinstance(filled, Filled)
    assert filled.parts["html"] == "<p>&lt;script&gt;&quot;{n}&quot;</p>"
    assert filled.parts["text"] == '<script>"{n}"'


@given(st.text(max_size=30))
def test_no_template_does_more_than_fill(text: str) -> None:
    document = {
        "name": "x", "jurisdiction": "cn", "channel": "sms", "language": "zh", "purpose": "service", "discloses": {},
        "values": {"n": {"is": "count"}}, "parts": {"text": "{n}" + text},
    }  # fmt: skip
    wording, faults = letters.read_document(document)
    assert (wording is None) == bool(faults)
    if wording is not None:
        filled = letters.fill(wording, {"n": 7})
        assert isinstance(filled, Filled)
        expected = re.sub(r"\{n\}", "7", wording.parts["text"]).replace("{{", "{").replace("}}", "}")
        assert filled.parts["text"] == expected or "{{" in text or "}}" in text


# --- reading ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("  tail: {is: tail}", "  tail: {is: number}", "bad_value", 5),
        ("{owed}，", "{owed，", "lone_brace", 12),
        ("{due}到期", "到期", "unused_value", 7),
        ("{due}到期", "{day}到期", "undeclared_value", 12),
        ("jurisdiction: cn", "jurisdiction: mars", "bad_jurisdiction", 9),
        ("language: zh", "language: fr", "bad_language", 9),
        ("channel: sms", "channel: telegram", "bad_channel", 9),
        ("  text: ", "  texts: ", "unknown_key", 9),
        ("opt_out: 拒收请回复T", "opt_out: 退订回N", "passage_absent", 9),
        ("opt_out: ", "opting: ", "unknown_item", 9),
        ("purpose: collect", "purpose: collect\ncolour: red", "unknown_key", 4),
        ("forms:", "forms: [", "unreadable", 9),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_line(tmp_path: Path, old: str, new: str, code: str, line: int) -> None:
    assert old in SMS
    wordings, faults = read(tmp_path, SMS.replace(old, new, 1))
    assert wordings == []
    assert code in {fault.code for fault in faults}
    assert all(fault.zh and fault.en for fault in faults)
    found = next(fault for fault in faults if fault.code == code)
    assert found.line == line


@pytest.mark.parametrize(
    "html",
    [
        "<p>{n}</p><script>x</script>", '<p onclick="x">{n}</p>', '<p>{n}</p><img src="https://x.example/p.gif">',
        '<a href="javascript:x">{n}</a>', '<p style="background:url(x)">{n}</p>', "<p>{n} and more</p>", "<!-- {n} -->",
    ],
)  # fmt: skip
def test_html_may_neither_run_nor_fetch_nor_say_anything_else(html: str) -> None:
    document = {
        "name": "x", "jurisdiction": "cn", "channel": "email", "language": "en", "purpose": "service", "discloses": {},
        "values": {"n": {"is": "count"}}, "parts": {"subject": "s", "text": "{n}", "html": html},
    }  # fmt: skip
    assert {fault.code for fault in letters.read_document(document)[1]} <= {"bad_html", "html_differs"}
    assert letters.read_document(document)[0] is None


def test_a_wording_is_its_document(sms: Wording) -> None:
    again, faults = letters.read_document(sms.document())
    assert (again, faults) == (sms, [])
    assert again is not None
    assert again.fingerprint == sms.fingerprint
    assert replace(sms, parts={"text": sms.parts["text"] + "。"}).fingerprint != sms.fingerprint


# --- judging ------------------------------------------------------------------------------------------------------


def test_a_forbidden_phrase_is_found_where_it_stands(sms: Wording) -> None:
    bad = replace(sms, parts={"text": sms.parts["text"].replace("。", "，不还就派人去你家堵门。", 1)})
    judged = letters.judge(bad, on=TODAY)
    assert not judged.clean
    [(part, finding), *_] = judged.findings
    assert part == "text"
    assert finding.kind == "threat"
    assert "家堵" in judged.parts["text"][finding.start : finding.end]


def test_what_a_value_brings_in_is_checked_before_it_is_sent(sms: Wording) -> None:
    noted = replace(
        sms,
        values={**sms.values, "note": replace(sms.values["tail"], type="text")},
        parts={"text": sms.parts["text"] + "{note}"},
    )
    assert letters.judge(noted, on=TODAY).clean
    assert isinstance(letters.ready(noted, GOOD | {"note": "谢谢"}), Filled)
    assert [fault.code for fault in letters.ready(noted, GOOD | {"note": "你这个老赖"})] == ["insult"]  # type: ignore[union-attr]


def test_a_passage_that_law_wants_is_missed(sms: Wording) -> None:
    for item in ("institution", "opt_out"):
        less = replace(sms, discloses={name: each for name, each in sms.discloses.items() if name != item})
        assert ("undisclosed", item) in codes(letters.judge(less, on=TODAY).faults)


def formal_demand(language: str) -> Wording:
    wordings, _ = letters.read_file(BANK / "wordings/formal_demand.yaml")
    return next(each for each in wordings if each.language == language)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("item", list(LetterItem))
def test_a_collection_letter_needs_every_item_of_the_card_rules(language: str, item: LetterItem) -> None:
    whole = formal_demand(language)
    assert letters.judge(whole, on=TODAY).clean
    assert letters.attributes(whole)["letter_items"] == frozenset(LetterItem)
    less = replace(whole, discloses={name: each for name, each in whole.discloses.items() if name != item})
    assert [(fault.code, fault.where) for fault in letters.judge(less, on=TODAY).faults] == [("undisclosed", item.value)]


def test_the_balance_is_a_figure_and_the_seal_stands_in_the_signature() -> None:
    whole = formal_demand("zh")
    claimed = replace(whole, discloses={**whole.discloses, "balance": "欠款情况", "business_seal": "联系我们"})
    assert codes(letters.judge(claimed, on=TODAY).faults) == [("no_amount", "balance"), ("no_seal", "business_seal")]


def test_a_call_names_no_debt_before_it_knows_whom_it_has_reached() -> None:
    wordings, _ = letters.read_file(BANK / "wordings/overdue_reminder.yaml")
    call = next(each for each in wordings if each.channel is Channel.CALL and each.language == "zh")
    told = replace(call, parts={**call.parts, "confirm": call.parts["confirm"] + "您的信用卡已逾期。"})
    found = letters.judge(told, on=TODAY).findings
    assert {(part, finding.kind) for part, finding in found} == {("confirm", "third_party_disclosure")}


def test_a_limited_content_message_holds_nothing_else() -> None:
    wordings, _ = letters.read_file(BANK / "wordings/limited_content_message.yaml")
    english = next(each for each in wordings if each.language == "en")
    more = replace(english, discloses={**english.discloses, "debt_collector": "North"}, parts={"text": english.parts["text"]})
    assert ("beyond_disclosure", "debt_collector") in codes(letters.judge(more, on=TODAY).faults)


# --- length -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "alphabet", "units", "parts"),
    [
        ("a" * 160, "gsm7", 160, 1), ("a" * 161, "gsm7", 161, 2), ("€" * 80, "gsm7", 160, 1), ("a" * 306, "gsm7", 306, 2),
        ("a" * 152 + "€" + "a" * 152, "gsm7", 306, 3), ("还" * 70, "ucs2", 70, 1), ("还" * 71, "ucs2", 71, 2),
        ("还" * 134, "ucs2", 134, 2), ("𠮷" * 35, "ucs2", 70, 1), ("𠮷" * 36, "ucs2", 72, 2), ("𠮷" * 67, "ucs2", 134, 3),
    ],
)  # fmt: skip
def test_a_text_is_cut_as_the_network_cuts_it(text: str, alphabet: str, units: int, parts: int) -> None:
    cut = letters.cut(text)
    assert (cut.alphabet, cut.units, cut.parts) == (alphabet, units, parts)


@given(st.text(st.sampled_from("aÅ€^还𠮷\n"), min_size=1, max_size=330))
def test_the_preview_and_the_message_centre_count_the_same_parts(text: str) -> None:
    assert letters.cut(text).parts == count_parts(text)


# --- the wordings of the made-up bank -----------------------------------------------------------------------------


def test_every_wording_of_the_bank_may_be_used() -> None:
    against = {wording.key: letters.judge(wording, on=TODAY).document() for wording in bank()}
    assert {key: found for key, found in against.items() if found} == {}
    assert len(against) >= 76


def test_every_wording_of_the_bank_is_its_document() -> None:
    for wording in bank():
        again, faults = letters.read_document(json.loads(json.dumps(wording.document())))
        assert (again, faults) == (wording, []), wording.key
        assert again is not None
        assert again.fingerprint == wording.fingerprint


def test_a_table_keeps_its_columns_in_order_whatever_keeps_the_document() -> None:
    kept = json.loads(json.dumps(formal_demand("zh").document(), sort_keys=True))
    again, _ = letters.read_document(kept)
    assert again is not None
    filled = letters.fill(again, letters.examples(again))
    assert isinstance(filled, Filled)
    assert "|= 卡号后四位 | 欠款余额 | 逾期金额 | 逾期天数 |" in filled.parts["text"]
    assert "| 4417 | 28,645.30元 | 3,250.64元 | 75 |" in filled.parts["text"]


@pytest.mark.parametrize(
    "value",
    [
        None, "text", {}, {"is": "number"}, {"is": "text", "most": "x"}, {"is": "text", "most": 0}, {"is": "rows"},
        {"is": "text", "columns": {"a": {"is": "text"}}},
        {"is": "rows", "columns": {"a": {"is": "rows"}}}, {"is": "rows", "columns": ["a"]},
        {"is": "rows", "columns": [{"is": "text"}]}, {"is": "rows", "columns": {"a": {"is": "text", "head": {"zh": "x"}}}},
        {"is": ["text"]}, {"is": "text", "of": 1},
    ],
)  # fmt: skip
def test_a_value_that_is_declared_wrong_is_a_fault_and_no_crash(value: Any) -> None:
    document = {
        "name": "x", "jurisdiction": "cn", "channel": "letter", "language": "zh", "purpose": "service", "discloses": {},
        "values": {"n": value}, "parts": {"subject": "s", "text": "{n}"},
    }  # fmt: skip
    wording, faults = letters.read_document(document)
    assert wording is None
    assert "bad_value" in {fault.code for fault in faults}


@pytest.mark.parametrize(
    ("type_", "example"), [("date", "soon"), ("date", "2026-02-30"), ("money", 5), ("rows", ["x"]), ("rows", "x"), ("tail", 1)]
)
def test_an_example_of_the_wrong_type_is_told_by_its_name(type_: str, example: Any) -> None:
    document = {
        "name": "x", "jurisdiction": "cn", "channel": "letter", "language": "zh", "purpose": "service", "discloses": {},
        "values": {"n": {"is": type_, "example": example} | ({"columns": {"a": {"is": "text"}}} if type_ == "rows" else {})},
        "parts": {"subject": "s", "text": "{n}"},
    }  # fmt: skip
    wording, faults = letters.read_document(document)
    assert faults == []
    assert wording is not None
    assert codes(letters.judge(wording, on=TODAY).faults) == [("wrong_type", "n")]


def test_every_wording_is_there_in_both_languages() -> None:
    keys = {wording.key for wording in bank()}
    assert {key[:-2] + "zh" for key in keys} == {key[:-2] + "zh" for key in keys if key.endswith("en")}


def test_every_wording_that_the_card_strategy_names_is_there() -> None:
    root = ET.parse(BANK / "strategy/card.dmn").getroot()
    space = root.tag.split("}")[0] + "}"
    table = next(each for each in root.iter(f"{space}decisionTable") if "wording" in
                 [out.get("name") for out in each.findall(f"{space}output")])  # fmt: skip
    wanted = set()
    for rule in table.findall(f"{space}rule"):
        channel, name, *_ = [(each.findtext(f"{space}text") or "").strip('"') for each in rule.findall(f"{space}outputEntry")]
        if name != "null":
            wanted.add((channel, name))
    assert len(wanted) > 20
    assert wanted <= {(wording.channel.value, wording.name) for wording in bank()}


def test_no_text_message_of_the_bank_takes_more_than_two_parts() -> None:
    for wording in bank():
        if wording.channel is Channel.SMS:
            filled = letters.fill(wording, letters.examples(wording))
            assert isinstance(filled, Filled)
            cut = letters.cut(filled.parts["text"])
            assert cut.parts <= 2, (wording.key, cut)
