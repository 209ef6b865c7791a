"""What replies mean: measured on texts nothing was drawn from, and line by line where it must never fail."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from anhuan.rulebook.replies import INTENTS, STOPS, examples, intent_of

UNSEEN = yaml.safe_load((Path(__file__).parent / "replies" / "unseen.yaml").read_text(encoding="utf-8"))
PROMISED = set(
    "affirms denies confirms_identity asks_details repeat paid will_pay_today will_pay_later cannot_pay hardship refuses "
    "wrong_person third_person call_back dispute complaint stop agent who_are_you unclear".split()
)


def test_the_intents_are_those_of_the_contract():
    assert set(INTENTS) == PROMISED
    assert {"wrong_person", "third_person", "stop"} == STOPS
    assert all(set(told) == PROMISED for told in UNSEEN.values())


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nine_of_ten_replies_never_seen_before_are_read_rightly(lang):
    rates = []
    for intent, written in UNSEEN[lang].items():
        texts = written.strip().splitlines()
        rates.append(sum(intent_of(text, lang).intent == intent for text in texts) / len(texts))
    assert sum(rates) / len(rates) >= 0.9


def test_who_must_be_left_alone_is_told_apart_from_who_need_not():
    told = [
        (intent in STOPS, intent_of(text, lang).stop)
        for lang, sets in UNSEEN.items()
        for intent, written in sets.items()
        for text in written.strip().splitlines()
    ]
    assert sum(stop for due, stop in told if due) >= 0.95 * sum(due for due, _ in told)
    assert sum(stop for due, stop in told if not due) <= 0.03 * len(told)


def test_a_confident_reading_is_more_often_right():
    told = [
        (reply.confidence, reply.intent == intent)
        for lang, sets in UNSEEN.items()
        for intent, written in sets.items()
        for text in written.strip().splitlines()
        for reply in [intent_of(text, lang)]
    ]
    sure = [right for confidence, right in told if confidence >= 0.95]
    unsure = [right for confidence, right in told if confidence < 0.75]
    assert sum(sure) / len(sure) >= 0.95
    assert sum(unsure) / len(unsure) < 0.9


def test_nothing_is_measured_by_what_was_learnt_from():
    learnt = {example for _, example in examples()}
    longer = {text for sets in UNSEEN.values() for written in sets.values() for text in written.splitlines() if len(text) > 8}
    assert not learnt & longer


def test_no_example_stands_under_two_intents():
    places: dict[str, int] = {}
    for place, example in examples():
        assert places.setdefault(example, place) == place, example


STOPPING = [
    "T",
    "t",
    "Ｔ",
    "TD",
    "td",
    "退订",
    "退訂",
    "退 订",
    "退.订",
    "退定",
    "STOP",
    "stop",
    "S T O P",
    "Stop!!!",
    "unsubscribe",
    "UNSUBSCIRBE",
    "别再打了",
    "tuiding",
]


@pytest.mark.parametrize("text", STOPPING)
def test_a_stop_is_understood_however_it_is_written(text):
    assert intent_of(text).intent == "stop"


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("已還款", "paid"), ("己还款", "paid"), ("昨天还了", "paid"), ("paid already", "paid"), ("alredy payed", "paid"),
        ("打错了", "wrong_person"), ("打錯了", "wrong_person"), ("不是我", "wrong_person"),
        ("这笔不是我消费的", "dispute"), ("不是我不还，是真没钱", "cannot_pay"), ("没钱", "cannot_pay"), ("失业了", "hardship"),
        ("I lost my job", "hardship"), ("我是他妈", "third_person"), ("I'm his wife", "third_person"), ("我要投诉", "complaint"),
        ("转人工", "agent"), ("你是谁", "who_are_you"), ("再说一遍", "repeat"), ("怎么还", "asks_details"), ("是我", "confirms_identity"),
        ("好的", "affirms"), ("👌", "affirms"), ("不", "denies"), ("no", "denies"), ("在开会", "call_back"), ("爱告告去", "refuses"),
        ("明天还", "will_pay_later"), ("今天还", "will_pay_today"), ("ｏｋ", "affirms"), ("", "unclear"), ("？？？", "unclear"),
        ("哈哈", "unclear"), ("N", "stop"), ("I'll pay tmrw", "will_pay_later"), ("tonite ill pay", "will_pay_today"),
    ],
)  # fmt: skip
def test_the_plainest_replies_never_fail(text, intent):
    assert intent_of(text).intent == intent


def test_one_letter_means_what_it_means_in_its_language():
    assert intent_of("N", "zh").intent == "stop"
    assert intent_of("N", "en").intent == "denies"


@pytest.mark.parametrize(
    ("right", "promise"),
    [
        ("我要投诉", "明天还"),
        ("不是我刷的", "明天再说"),
        ("打错了", "好的"),
        ("I lost my job", "will pay next month"),
        ("退订", "已还款"),
    ],
)
def test_a_right_goes_before_a_promise(right, promise):
    assert intent_of(f"{right}，{promise}").intent == intent_of(right).intent


def test_the_command_answers_line_by_line_without_django_or_a_database():
    asked = [
        {"text": "退订", "lang": "zh"},
        {"text": "I lost my job", "lang": "en"},
        {"text": "好的"},
        {"lang": "zh"},
        {"text": "x", "lang": "fr"},
    ]
    code = (
        "import sys; from anhuan.__main__ import main; sys.argv[1:] = ['reply', 'intent']\n"
        "try: main()\nfinally: sys.stderr.write(str('django' in sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        input="\n".join(map(json.dumps, asked)) + "\nno json\n",
        capture_output=True,
        text=True,
        check=False,
    )
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert answers[0] == {"intent": "stop", "confidence": 0.98, "stop": True}
    assert (answers[1]["intent"], answers[1]["stop"], answers[2]["intent"]) == ("hardship", False, "affirms")
    assert [set(answer) for answer in answers[3:]] == [{"error"}] * 3
    assert (ran.returncode, ran.stderr) == (1, "False")


@pytest.mark.parametrize(
    "text", ["call me back " * 5000, "what is the " * 5000, "今天" * 20_000, "你打错电话了，" * 5000, "\ud800", "x\x00"]
)
def test_no_reply_keeps_a_process_busy(text):
    begun = time.process_time()
    intent_of(text)
    assert time.process_time() - begun < 2
