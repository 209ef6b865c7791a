"""Wording: what must not be said is found where it stands, and innocent look-alikes pass.

The corpus in `wording/` is made up. Its third part is held out: the rules were written without looking at it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.thorough import tries

from anhuan.rulebook.wording import CHANNELS, KINDS, LANGUAGES, PURPOSES, check_text
from anhuan.rulebook.wording.phrases import lexicon

CORPUS = Path(__file__).parent / "wording"
RULES = lexicon().rules
ROWS = [
    (path.stem[:2], *row) for path in sorted(CORPUS.glob("*.yaml")) for row in yaml.safe_load(path.read_text(encoding="utf-8"))
]


def kinds(text, lang="zh", channel="call", purpose="collect"):
    return {finding.kind for finding in check_text(text, lang=lang, channel=channel, purpose=purpose)}


def where(text, kind, lang="zh", channel="call", purpose="collect"):
    found = check_text(text, lang=lang, channel=channel, purpose=purpose)
    return [text[one.start : one.end] for one in found if one.kind == kind]


def settings_of(rule):
    return {
        "lang": rule.id[:2],
        "channel": min(rule.channels, default="call"),
        "purpose": min(rule.purposes, default="collect"),
    }


# --- The examples each rule brings along -------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_brings_two_hits_and_two_misses_a_citation_and_both_languages(rule):
    assert len(rule.hits) >= 2
    assert len(rule.misses) >= 2
    assert rule.reason_zh
    assert rule.reason_en
    assert rule.citation
    assert set(rule.kinds) <= set(KINDS)


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule in RULES for text in rule.hits])
def test_a_rule_finds_its_hits(rule, text):
    assert set(rule.kinds) <= kinds(text, **settings_of(rule))


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule in RULES for text in rule.misses])
def test_a_rule_leaves_its_misses_alone(rule, text):
    assert kinds(text, **settings_of(rule)) <= {"missing_disclosure"}


# --- The corpus ---------------------------------------------------------------------------------------------------


def _score(rows):
    """Precision and recall over kinds, missing disclosures counted only where a row is about them; and false alarms."""
    right = wrong = missed = alarms = lawful = 0
    for lang, expected, channel, purpose, text in rows:
        wanted, found = set(expected.split()), kinds(text, lang, channel, purpose)
        if wanted and "missing_disclosure" not in wanted:
            found -= {"missing_disclosure"}
        right += len(wanted & found)
        missed += len(wanted - found)
        wrong += len(found - wanted)
        lawful += not wanted
        alarms += bool(found) and not wanted
    return right / (right + wrong), right / (right + missed), alarms / lawful


def test_the_corpus_is_large_and_speaks_of_everything():
    assert len(ROWS) >= 250
    assert {row[0] for row in ROWS} == set(LANGUAGES)
    assert {row[2] for row in ROWS} == set(CHANNELS)
    assert {kind for row in ROWS for kind in row[1].split()} == set(KINDS)
    assert {row[3] for row in ROWS} == set(PURPOSES)


def test_the_corpus_is_judged_as_its_writers_judge():
    precision, recall, alarms = _score(ROWS)
    assert recall >= RECALL
    assert precision >= PRECISION
    assert alarms <= ALARMS


RECALL, PRECISION, ALARMS = 0.98, 0.8, 0.01  # ratchets: raise the first two, lower the third, never the other way


# --- Denial, report, warning, question ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("innocent", "guilty", "kind", "lang"),
    [
        ("我们不会联系您的单位", "我们会联系您的单位", "third_party_disclosure", "zh"),
        ("我行不会上门堵您家门", "我行会上门堵您家门", "threat", "zh"),
        ("客户说“再打就弄死你”", "我说“再打就弄死你”", "threat", "zh"),
        ("严禁爆通讯录", "今晚爆通讯录", "third_party_disclosure", "zh"),
        ("逾期会坐牢吗？不会", "你等着坐牢吧", "legal_bluff", "zh"),
        ("请勿以贷还贷", "你先以贷还贷", "inducement", "zh"),
        ("We will never call your boss", "We will call your boss", "third_party_disclosure", "en"),
        ("You will not be arrested", "You will be arrested", "legal_bluff", "en"),
        ("Customer said 'you idiot'", "Told him 'you idiot'", "insult", "en"),
        ("Can I be arrested for this debt?", "Do you want to be arrested?", "legal_bluff", "en"),
    ],
)
def test_the_same_words_are_innocent_when_denied_reported_forbidden_or_asked(innocent, guilty, kind, lang):
    assert kind not in kinds(innocent, lang)
    assert kind in kinds(guilty, lang)


def test_a_denial_that_is_turned_round_denies_nothing():
    assert "threat" in kinds("别以为我们不会去你家堵门")
    assert "threat" in kinds("我们不会放过你的")
    assert "legal_bluff" in kinds("不还就会坐牢")


def test_going_to_court_said_as_a_remedy_is_lawful_and_said_as_a_fact_is_a_bluff():
    assert kinds("如协商不成，我行可依法向人民法院提起诉讼。") == set()
    assert "legal_bluff" in kinds("我们已经起诉，传票明天送达。")
    assert "legal_bluff" not in kinds("某市人民法院已受理，案号（2026）某0102民初1号，开庭传票将由法院送达。")


# --- Spans --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "spans"),
    [
        ("😀😀你这个老赖！", "insult", ["你这个老赖"]),
        ("你真是老\u200b赖啊", "insult", ["老\u200b赖"]),
        ("Ｙｏｕ　ａｒｅ　ｓｃｕｍ", "insult", ["ｓｃｕｍ"]),
        ("你个 老 - 赖 啊", "insult", ["老 - 赖"]),
        ("人稱老賴", "insult", ["老賴"]),
        ("身份证４４０３０１１９９００１０１１２３７请核对", "personal_data", ["４４０３０１１９９００１０１１２３７"]),
        ("卡号4111 1111 1111 1111。", "personal_data", ["4111 1111 1111 1111"]),
    ],
)
def test_spans_are_those_of_the_text_as_written(text, kind, spans):
    found = where(text, kind)
    assert all(any(span in one for one in found) for span in spans)
    assert all(len(one) <= len(span) + 8 for one, span in zip(found, spans, strict=True))


def test_what_is_missing_stands_at_the_end():
    text = "您的信用卡已逾期，请尽快还款。"
    found = check_text(text, lang="zh", channel="sms", purpose="collect")
    assert [(one.start, one.end, one.kind) for one in found] == [(len(text), len(text), "missing_disclosure")]


def test_findings_of_one_kind_never_overlap():
    for lang, _, channel, purpose, text in ROWS:
        spans: dict[str, list[tuple[int, int]]] = {}
        for one in check_text(text, lang=lang, channel=channel, purpose=purpose):
            assert 0 <= one.start <= one.end <= len(text)
            if one.kind != "missing_disclosure":
                assert one.start < one.end
                assert all(one.start >= end or one.end <= start for start, end in spans.get(one.kind, []))
                spans.setdefault(one.kind, []).append((one.start, one.end))


SAMPLES = [row for row in ROWS if len(row[4]) < 80]


@given(row=st.sampled_from(SAMPLES), data=st.data())
@settings(max_examples=tries(300), deadline=None)
def test_marks_nobody_sees_change_no_verdict(row, data):
    lang, _, channel, purpose, text = row
    mark = data.draw(st.sampled_from(["\u200b", "\u200c", "\u200d", "\ufeff", "\u2060", "\u00ad", "\ufe0f"]))
    places = data.draw(st.lists(st.integers(0, len(text)), max_size=8))
    marked = "".join(mark * places.count(at) + letter for at, letter in enumerate(text)) + mark * places.count(len(text))
    assert kinds(marked, lang, channel, purpose) == kinds(text, lang, channel, purpose)


@given(
    text=st.text(
        alphabet=st.sampled_from("老赖不要脸，。 deadbeat0@*“”\"'\n\u200b😀４ﬁ畜牲1234567890xX-客户说：你"), max_size=60
    ),
    lang=st.sampled_from(LANGUAGES),
    channel=st.sampled_from(CHANNELS),
    purpose=st.sampled_from(PURPOSES),
)
@settings(max_examples=tries(300), deadline=None)
def test_any_text_at_all_is_answered_with_spans_inside_it(text, lang, channel, purpose):
    found = check_text(text, lang=lang, channel=channel, purpose=purpose)
    assert all(0 <= one.start <= one.end <= len(text) and one.kind in KINDS for one in found)
    assert found == check_text(text, lang=lang, channel=channel, purpose=purpose)


# --- Personal data ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "客户身份证11010519491231002X",
        "证件号码110105194912310021",
        "身份证号1101051949123100**",
        "其妻电话13800138000",
        "SSN 219-09-9999",
        "card 4111111111111111",
        "家住幸福路18号6栋1203室",
        "his mother's cell is 312-555-0142",
        "出生日期1990年1月1日",
    ],
)
def test_figures_that_identify_a_person_are_found(text):
    assert "personal_data" in kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "尾号1234，详询95588",
        "客服热线400-888-1234，或拨打0571-88880000",
        "订单号110105194912310023",
        "手机138****5678",
        "身份证110***********002X",
        "卡号6222 02** **** 1234",
        "如有疑问请致电专员13800138000",
        "Call 1-800-555-0100 or 312-555-0142",
        "confirmation number 1234567890123456",
        "截至2026年10月31日欠款12,345.67元",
    ],
)
def test_hotlines_masked_and_reference_numbers_are_not(text):
    assert "personal_data" not in kinds(text)


# --- Disclosures --------------------------------------------------------------------------------------------------


def test_ordinary_messages_of_a_named_bank_are_complete():
    zh = "【某银行】尊敬的客户，您尾号1234的信用卡已逾期，请尽快还款，详询955XX。"
    en = "Example Bank: your card ending 1234 is past due. Call 1-800-555-0100. Reply STOP to opt out."
    assert check_text(zh, lang="zh", channel="sms", purpose="collect") == ()
    assert check_text(en, lang="en", channel="sms", purpose="collect") == ()


@pytest.mark.parametrize("dropped", ["【某银行】"])
def test_a_message_without_its_bank_is_not(dropped):
    text = "【某银行】尊敬的客户，您尾号1234的信用卡已逾期，请尽快还款。".replace(dropped, "")
    assert kinds(text, "zh", "sms") == {"missing_disclosure"}


@pytest.mark.parametrize(
    ("dropped", "item"),
    [
        ("法律依据：《民法典》第六百七十五条。", "law"),
        ("您有权申请协商。", "rights"),
        ("并有义务按约偿还。", "duties"),
        ("如有异议，", "objection"),
        ("请附证据。", "evidence"),
        ("（业务专用章）", "seal"),
        ("查询与还款请登录手机银行。", "how-to"),
    ],
)
def test_a_letter_shows_everything_article_69_asks_for(dropped, item):
    letter = (
        "李四女士：您在某银行的信用卡尚欠8,000.00元，因您未按期归还，现催告还清。法律依据：《民法典》第六百七十五条。"
        "您有权申请协商。并有义务按约偿还。查询与还款请登录手机银行。如有异议，请附证据。热线955XX（业务专用章）"
    )
    assert kinds(letter, "zh", "letter") == set()
    missing = check_text(letter.replace(dropped, ""), lang="zh", channel="letter", purpose="collect")
    assert f"missing.zh-{item}" in {one.rule for one in missing}


def test_locating_somebody_says_nothing_of_the_debt():
    assert kinds("请转告张某给我行回电，谢谢。", "zh", "call", "locate") == set()
    assert "third_party_disclosure" in kinds("请转告张某，他的信用卡逾期了。", "zh", "call", "locate")
    assert "third_party_disclosure" in kinds("Do you know Jane? She owes us.", "en", "call", "locate")


# --- Speed and the command ----------------------------------------------------------------------------------------


def test_two_thousand_short_texts_take_about_a_second():
    texts = [row for row in ROWS if len(row[4]) < 60][:200]
    start = time.process_time()
    for _ in range(2):
        for lang, _, channel, purpose, text in texts:
            check_text(text, lang=lang, channel=channel, purpose=purpose)
    assert time.process_time() - start < 2 * len(texts) / 800  # half the speed wanted, for slow machines


def test_the_command_answers_line_by_line_and_names_bad_lines():
    lines = [
        {"text": "你这个老赖", "lang": "zh", "channel": "call", "purpose": "collect"},
        {"text": "hello", "lang": "fr", "channel": "call", "purpose": "collect"},
        {"text": "您好，请问有什么可以帮您", "lang": "zh", "channel": "call", "purpose": "service"},
    ]
    asked = "\n".join([json.dumps(lines[0]), "not json", json.dumps(lines[1]), "[]", json.dumps(lines[2], ensure_ascii=False)])
    done = subprocess.run(
        [sys.executable, "-m", "anhuan", "text", "check"],
        input=asked,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [set(answer) for answer in answers] == [{"ok", "findings"}, {"error"}, {"error"}, {"error"}, {"ok", "findings"}]
    assert answers[0]["findings"][0]["kind"] == "insult"
    assert {"start", "end", "kind", "reason_zh", "reason_en"} <= answers[0]["findings"][0].keys()
    assert answers[4] == {"ok": True, "findings": []}


def test_the_command_loads_neither_django_nor_a_database():
    code = (
        "import sys, io; sys.stdin = io.TextIOWrapper(io.BytesIO(b'')); from anhuan.cli.wording import checked;"
        'checked(\'{"text":"x","lang":"zh","channel":"sms","purpose":"collect"}\');'
        "print([name for name in ('django', 'psycopg', 'duckdb', 'ibis') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
