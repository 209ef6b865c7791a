"""What a robot says: numbers that are heard as they were meant, texts spoken as a whole or not at all, and no debt to a stranger."""

from __future__ import annotations

from datetime import date
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.channels import heard
from tests.channels.recordings import record

from anhuan.channels.voice import amounts, prompts, script
from anhuan.channels.voice.amounts import CLIPS, PAUSE, Unspeakable
from anhuan.channels.voice.prompts import NotRecorded
from anhuan.channels.voice.script import Heard, Listen, Play, Pressed, Stage
from anhuan.core.vocabulary import LineResult, Outcome

langs = st.sampled_from(["zh", "en"])


@given(st.one_of(st.integers(0, 2000), st.integers(0, amounts.BELOW - 1)), langs)
def test_a_number_is_heard_as_it_was_meant(value, lang):
    clips = amounts.number(value, lang)
    assert heard.number(clips, lang) == value
    assert set(clips) <= CLIPS[lang].keys()


@given(st.integers(0, 10**13), st.sampled_from(["CNY", "USD", "HKD"]), langs)
def test_an_amount_is_heard_as_it_was_meant(minor, currency, lang):
    clips = amounts.amount(minor, currency, lang)
    assert heard.amount(clips, lang) == (minor, currency)
    assert set(clips) <= CLIPS[lang].keys()


@given(st.dates(date(2001, 1, 1), date(2099, 12, 31)), langs)
def test_a_date_is_heard_as_it_was_meant(value, lang):
    clips = amounts.day(value, lang)
    assert heard.day(clips, lang) == value
    assert set(clips) <= CLIPS[lang].keys()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "零"), (10, "十"), (11, "十一"), (110, "一百一十"), (105, "一百零五"), (1005, "一千零五"), (1050, "一千零五十"),
        (10_005, "一万零五"), (12_000, "一万二千"), (100_000, "十万"), (1_000_500, "一百万零五百"), (10_105_000, "一千零一十万五千"),
        (100_000_005, "一亿零五"),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_read_them(value, said):
    assert "".join(CLIPS["zh"][clip] for clip in amounts.number(value, "zh")) == said


@pytest.mark.parametrize(
    ("minor", "said"),
    [(325064, "三千二百五十元六角四分"), (32504, "三百二十五元零四分"), (1200000, "一万二千元"), (50, "零元五角")],
)
def test_yuan_are_read_with_jiao_and_fen(minor, said):
    assert "".join(CLIPS["zh"][clip] for clip in amounts.amount(minor, "CNY", "zh")) == said


@given(st.integers(0, 2000))
def test_days_are_heard_as_they_were_meant(value):
    assert heard.words(amounts.days(value, "zh")) == heard.words(amounts.number(value, "zh")) + "天"


@given(st.integers(1, 9_999_999), st.integers(0, 9999), st.integers(1, 99))
def test_below_a_hundred_thousand_no_syllable_of_an_amount_a_tail_or_days_stands_alone(minor, tail, days):
    clips = [*amounts.amount(minor, "CNY", "zh"), *amounts.digits(f"{tail:04}", "zh"), *amounts.days(days, "zh")]
    assert [clip for clip in clips if len(CLIPS["zh"][clip]) == 1 and clip not in {"0", PAUSE}] == []


def test_a_currency_without_clips_is_not_guessed():
    with pytest.raises(Unspeakable):
        amounts.amount(100, "JPY", "zh")


# --- texts --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record(tmp_path_factory.mktemp("prompts"))


def said(recorded, text, lang="zh"):
    words = CLIPS[lang] | {clip: phrase for phrase, clip in recorded.phrases[lang]}
    return "|".join(words[clip.removeprefix(f"{lang}/")] for clip in recorded.spoken(text, lang))


def test_a_text_is_phrases_and_figures_in_their_order(recorded):
    text = "您尾号0123的信用卡已逾期12天，逾期金额3,250.64元。"
    assert said(recorded, text) == "您尾号|零幺|，|二三|的信用卡已逾期|十二天|，|逾期金额|三千|二百|五十元|六角|四分|，"


def test_an_english_text_too(recorded):
    text = "Your card ending 0123 is 12 days past due: CNY 3,250.64."
    assert said(recorded, text, "en") == (
        "Your card ending|zero|one|two|three|is|twelve|days past due|,|three|thousand|two hundred|fifty|yuan|and|sixty|four|fen|,"
    )


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("李明，您尾号0123的信用卡已逾期12天", "zh"), ("您尾号0123的信用卡已逾期12,000.00欧元", "zh"),
        ("您尾号0123的信用卡已逾期1234,56天", "zh"), ("Your card ending 0123 is EUR 12.50", "en"), ("Your card ending 0123 is 12.5", "en"),
        ("您尾号0123的信用卡已逾期12天", "fr"),
    ],
)  # fmt: skip
def test_a_text_with_a_passage_nobody_recorded_is_not_spoken_at_all(recorded, text, lang):
    with pytest.raises(NotRecorded) as refused:
        recorded.spoken(text, lang)
    assert text not in str(refused.value)


@given(st.integers(0, 10**10), st.integers(0, 9999), st.integers(0, 2000))
def test_whatever_the_figures_the_amount_heard_is_the_amount_written(recorded, minor, tail, days):
    text = f"您尾号{tail:04}的信用卡已逾期{days}天，逾期金额{minor // 100:,}.{minor % 100:02}元"
    clips = [clip.removeprefix("zh/") for clip in recorded.spoken(text, "zh")]
    amount = clips[clips.index(dict(recorded.phrases["zh"])["逾期金额"]) + 1 :]
    assert heard.amount(amount, "zh") == (minor, "CNY")


def test_a_folder_with_a_missing_or_unfit_recording_is_refused_by_name(tmp_path):
    record(tmp_path)
    (tmp_path / "zh/3jiao.wav").unlink()
    (tmp_path / "en/fen.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match=r"zh/3jiao\.wav, en/fen\.wav"):
        prompts.load(tmp_path)


# --- the script ---------------------------------------------------------------------------------------------------

PARTS = ("greeting", "confirm", "message", "choices", "closing")
happenings = st.one_of(st.sampled_from(list(Heard)), st.sampled_from("0123456789*#").map(Pressed))


def lead(*happened, parts=PARTS, tries=2):
    """The parts played in their order, and the state in the end."""
    state, played = script.BEGINNING, [*script.OPENING.parts]
    for each in happened:
        state, todo = script.step(state, each, parts, tries=tries)
        played += todo.parts if isinstance(todo, Play) else ()
    return played, state


@given(st.lists(happenings, max_size=30), st.sets(st.sampled_from(PARTS)), st.integers(1, 4))
def test_on_no_path_is_the_debt_named_before_the_right_party_has_said_so(happened, parts, tries):
    state = script.BEGINNING
    assert set(script.OPENING.parts) <= script.BEFORE
    for each in happened:
        asking = state.stage is Stage.ASKING
        state, todo = script.step(state, each, parts, tries=tries)
        if isinstance(todo, Play) and not set(todo.parts) <= script.BEFORE:
            assert state.confirmed
        if state.confirmed:
            assert "1" in state.pressed
        if asking and state.confirmed:
            assert each == Pressed("1")


@given(st.integers(1, 4))
def test_whoever_says_nothing_is_asked_as_often_as_agreed_and_left_in_peace(tries):
    happened = [Heard.PLAYED, Heard.SILENT] * tries
    played, state = lead(*happened, tries=tries)
    assert played == ["greeting", *["confirm"] * tries]
    assert (state.stage, state.result) == (Stage.OVER, (LineResult.CONNECTED, None))


@given(st.lists(happenings, max_size=60))
def test_every_call_can_be_brought_to_its_end_and_its_result_fits(happened):
    _, state = lead(*happened)
    for _ in count():
        if state.stage is Stage.OVER:
            break
        _, todo = script.step(state, Heard.PLAYED, PARTS, tries=2)
        state, _ = script.step(state, Heard.SILENT if isinstance(todo, Listen) else Heard.PLAYED, PARTS, tries=2)
    line, outcome = state.result
    fits = {None, Outcome.EFFECTIVE_CONVERSATION, Outcome.CONVERSATION, Outcome.HUNG_UP, Outcome.DROPPED}
    assert outcome in ({Outcome.NO_MESSAGE} if line is LineResult.VOICEMAIL else fits)


ONE, TWO, NINE, ZERO = map(Pressed, "1290")
HEARD_ALL = [Heard.PLAYED, ONE, Heard.PLAYED, Heard.PLAYED]


@pytest.mark.parametrize(
    ("happened", "meant", "outcome"),
    [
        ([*HEARD_ALL, ONE, Heard.PLAYED], "will_pay_later", Outcome.EFFECTIVE_CONVERSATION),
        ([*HEARD_ALL, TWO, Heard.PLAYED], "call_back", Outcome.EFFECTIVE_CONVERSATION),
        ([*HEARD_ALL, ZERO], "agent", Outcome.EFFECTIVE_CONVERSATION),
        ([NINE], "wrong_person", Outcome.CONVERSATION),
        ([ONE, NINE], "wrong_person", Outcome.CONVERSATION),
        ([*HEARD_ALL, ONE, NINE], "wrong_person", Outcome.CONVERSATION),
        ([ZERO], "agent", Outcome.CONVERSATION),
        ([ONE, Heard.HUNG_UP], "", Outcome.CONVERSATION),
        ([Heard.HUNG_UP], "", Outcome.HUNG_UP),
        ([Heard.BROKEN], "", Outcome.DROPPED),
        ([Heard.MACHINE], "", Outcome.NO_MESSAGE),
    ],
)
def test_what_a_call_came_to(happened, meant, outcome):
    _, state = lead(*happened)
    assert (state.stage, state.meant, state.result[1]) == (Stage.OVER, meant, outcome)


def test_pressing_the_key_of_the_first_question_twice_is_no_promise():
    played, state = lead(Heard.PLAYED, ONE, ONE)
    assert (played[-1], state.meant) == ("message", "")


def test_a_call_without_choices_ends_after_its_message():
    played, _ = lead(Heard.PLAYED, ONE, Heard.PLAYED, parts=("greeting", "confirm", "message", "closing"))
    assert played == ["greeting", "confirm", "message", "closing"]
