"""The synthetic voice: what it is to say, how it says so when it is not there, and whether a listener understands it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.channels.listener import Listener, sounds
from typer.testing import CliRunner

from anhuan.channels.voice import speech
from anhuan.channels.voice.amounts import CLIPS
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
    assert len(dict(speech.wanted(RECORDED, "zh"))) == len(CLIPS["zh"]) + 10


def test_without_the_extra_or_the_voice_it_is_said_what_to_do_and_nothing_is_written(tmp_path: Path) -> None:
    shutil.copytree(RECORDED, tmp_path / "p")
    (tmp_path / "p/zh/0.wav").unlink()
    code, said = run("voice", "render", tmp_path / "p", "zh", "--voice", "nobody")
    assert (code, "make speech" in said) == (2, True)
    assert not (tmp_path / "p/zh/0.wav").exists()
    assert run("voice", "render", tmp_path, "zh")[0] == 2


@pytest.mark.slow
def test_a_rendered_sentence_with_an_amount_is_understood(tmp_path: Path) -> None:
    listener = Listener(tmp_path)
    sentence = "本期最低还款额，三百二十五元六角四分，请您尽快还款"
    try:
        speech.write(tmp_path / "said.wav", speech.speaker("zh", "zm_yunyang")(sentence))
    except speech.NoSpeech as absent:
        pytest.skip(absent.en)
    assert sounds("三百二十五元") in sounds(listener.heard(tmp_path / "said.wav"))
