"""The synthetic voice: what it is to say, how it says so when it is not there, and whether a listener understands it."""

from __future__ import annotations

import shutil
import wave
from collections import Counter
from pathlib import Path

import pytest
from tests.channels.listener import Listener, understood, understood_in_english
from typer.testing import CliRunner

from anhuan.channels.voice import amounts, prompts, readings, speech
from anhuan.channels.voice.amounts import CLIPS, PAUSE
from anhuan.cli import app

RECORDED = Path(__file__).resolve().parents[2] / "examples" / "firstbank" / "prompts"
WORDINGS = RECORDED.parent / "wordings"


def run(*told: object) -> tuple[int, str]:
    ran = CliRunner().invoke(app, [str(each) for each in told])
    return ran.exit_code, ran.output


def test_the_phrases_to_record_are_those_between_the_values_of_a_call(tmp_path: Path) -> None:
    code, _ = run("voice", "list", tmp_path, WORDINGS / "overdue_reminder.yaml")
    assert code == 0
    for lang in ("zh", "en"):
        assert (tmp_path / lang / "phrases.tsv").read_text() == (RECORDED / lang / "phrases.tsv").read_text()


def test_keys_and_numbers_are_spoken_digit_by_digit() -> None:
    assert speech.in_words("请按1；致电400-000-0010", "zh") == "请按一；致电四 零 零 零 零 零 零 零 幺 零"
    assert speech.in_words("press 9", "en") == "press nine"
    assert len(dict(speech.phrases(RECORDED, "zh"))) == 10


def test_without_the_extra_or_the_voice_it_is_said_what_to_do_and_nothing_is_written(tmp_path: Path) -> None:
    shutil.copytree(RECORDED, tmp_path / "p")
    (tmp_path / "p/zh/0.wav").unlink()
    code, said = run("voice", "render", tmp_path / "p", "zh", "--voice", "nobody")
    assert (code, "make speech" in said) == (2, True)
    assert not (tmp_path / "p/zh/0.wav").exists()
    assert run("voice", "render", tmp_path, "zh")[0] == 2


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_clip_is_cut_out_of_exactly_one_sentence_that_is_read(lang: str) -> None:
    words = [word for name, word in CLIPS[lang].items() if name != PAUSE]
    read = list(readings.sentences(lang, words))
    assert sorted(word for _, found in read for word in found) == sorted(words)
    assert all(set(found) <= set(sentence) for sentence, found in read)


def _minor(minor: int) -> str:
    return f"{minor // 100:,}.{minor % 100:02}"


def _zh(kind: str, tail: str, days: int, minor: int) -> tuple[str, str, str]:
    """A kind of figure, the text that is said of it, and the figure in words."""
    texts = {
        "money": f"您尾号{tail}的信用卡已逾期{days}天，逾期金额{_minor(minor)}元，请您尽快还款",
        "least": f"本期最低还款额{_minor(minor)}元，请您尽快还款",
        "tail": f"如果您是尾号{tail}信用卡的持卡人本人，请按1；如果不是，请按9，我们将不再拨打此号码",
        "days": f"您尾号{tail}的信用卡已逾期{days}天，逾期金额{_minor(minor)}元",
    }
    figures = {"tail": amounts.digits(tail, "zh"), "days": amounts.days(days, "zh")}
    clips = figures.get(kind) or amounts.amount(minor, "CNY", "zh")
    return "money" if kind == "least" else kind, texts[kind], "".join(CLIPS["zh"][clip] for clip in clips if clip != PAUSE)


SAID = [
    _zh("money", "5305", 20, 32564), _zh("money", "5991", 75, 101010), _zh("money", "6851", 9, 1234567),
    _zh("money", "2028", 29, 700040), _zh("money", "3622", 6, 1847), _zh("money", "1929", 74, 614), _zh("least", "0000", 0, 32564),
    _zh("least", "0000", 0, 101010), _zh("least", "0000", 0, 1234567), _zh("tail", "4417", 0, 0), _zh("tail", "9174", 0, 0),
    _zh("tail", "2407", 0, 0), _zh("tail", "4444", 0, 0), _zh("days", "0000", 1, 10000), _zh("days", "0000", 17, 10000),
    _zh("days", "0000", 71, 10000),
]  # fmt: skip
FLOORS = {"money": 8, "days": 3}
"""Of nine amounts and three numbers of days, how many a listener understands at least. The four tails have no floor yet: it hears a further
syllable where the phrase behind them begins."""


def joined(file: Path, text: str, lang: str) -> Path:
    """As an exchange plays it: clip after clip."""
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        for clip in prompts.load(RECORDED).spoken(text, lang):
            with wave.open(str(RECORDED / f"{clip}.wav")) as part:
                out.writeframes(part.readframes(part.getnframes()))
    return file


@pytest.mark.slow
def test_amounts_days_and_tails_joined_from_clips_are_understood_and_no_other_figure_is(tmp_path: Path) -> None:
    listener, right = Listener(tmp_path), Counter[str]()
    for kind, text, words in SAID:
        heard = listener.heard(joined(tmp_path / "said.wav", text, "zh"))
        right[kind] += understood(kind, words, heard)
        others = {other for of, _, other in SAID if of == kind} - {words}
        assert not any(understood(kind, other, heard) for other in others), heard
    assert {kind: right[kind] for kind in FLOORS if right[kind] < FLOORS[kind]} == {}


@pytest.mark.slow
def test_english_amounts_joined_from_clips_are_understood(tmp_path: Path) -> None:
    listener, right = Listener(tmp_path), 0
    for minor in (32564, 101010, 1234567, 700040):
        text = f"the minimum payment CNY {_minor(minor)}. Please pay soon"
        heard = listener.heard(joined(tmp_path / "said.wav", text, "en"), "en")
        right += understood_in_english([*divmod(minor, 100)], heard)
    assert right >= 3


@pytest.mark.slow
def test_a_rendered_sentence_with_an_amount_is_understood(tmp_path: Path) -> None:
    listener = Listener(tmp_path)
    sentence = "本期最低还款额，三百二十五元六角四分，请您尽快还款"
    try:
        speech.write(tmp_path / "said.wav", speech.speaker("zh", "zm_yunyang")(sentence))
    except speech.NoSpeech as absent:
        pytest.skip(absent.en)
    assert understood("money", "三百二十五元六角四分", listener.heard(tmp_path / "said.wav"))
