"""Commands on the recordings of reminder calls: which phrases a voice has to say, and a synthetic voice that says them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anhuan.cli.terminal import AsJson, app, print_json, progress_bars, say, usage

if TYPE_CHECKING:
    from anhuan.channels.voice.speech import Speak

voice_app = typer.Typer(no_args_is_help=True, help="Recordings of reminder calls: what to record, and a synthetic voice.")
app.add_typer(voice_app, name="voice")

# A number of days is one recording with its unit.
_BETWEEN = re.compile(r"\{[a-z0-9_]+\}天?")
_EDGES = " \n，。；：、！？,.;:!?"
_PARTS = ("greeting", "confirm", "message", "choices", "closing")

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of recordings.")]
Voice = Annotated[str, typer.Option("--voice", help="An installed voice, or the file of one.")]
VOICES = {"zh": "zm_yunyang", "en": "af_heart"}


@voice_app.command("list")
def voice_list(
    folder: Folder,
    wordings: Annotated[list[Path], typer.Argument(metavar="WORDING.yaml…", help="Wordings with a call.")],
    as_json: AsJson = False,
) -> None:
    """Write `<language>/phrases.tsv`: every phrase between the values of the calls' wordings, to be recorded."""
    found: dict[str, dict[str, None]] = {}
    for file in wordings:
        for language, phrase in _phrases(file, as_json=as_json):
            found.setdefault(language, {})[phrase] = None
    for language, phrases in found.items():
        (folder / language).mkdir(parents=True, exist_ok=True)
        rows = "".join(f"p{number:02d}\t{phrase}\n" for number, phrase in enumerate(phrases, 1))
        (folder / language / "phrases.tsv").write_text(rows, encoding="utf-8")
    if as_json:
        print_json({language: len(phrases) for language, phrases in found.items()})
    else:
        say("; ".join(f"{language}: {len(phrases)} phrases" for language, phrases in found.items()) or "no call")


def _phrases(file: Path, *, as_json: bool) -> list[tuple[str, str]]:
    from anhuan.rulebook import letters

    read, faults = letters.read_file(file)
    if faults:
        usage("wording_unreadable", f"{file}：{faults[0].zh}", f"{file}: {faults[0].en}", as_json=as_json)
    calls = [each for each in read if each.channel == "call"]
    texts = [(each.language, each.parts.get(part, "")) for each in calls for part in _PARTS]
    pieces = [(language, piece.strip(_EDGES)) for language, text in texts for piece in _BETWEEN.split(text)]
    return [(language, piece) for language, piece in pieces if piece]


@voice_app.command("render")
def voice_render(
    folder: Folder,
    language: Annotated[str, typer.Argument(metavar="zh|en")],
    voice: Voice = "",
    anew: Annotated[bool, typer.Option("--anew", help="Also what has a recording.")] = False,
    as_json: AsJson = False,
) -> None:
    """Speak the phrases and numbers that have no recording yet; needs the extra `speech`."""
    from anhuan.channels.voice import speech
    from anhuan.channels.voice.amounts import CLIPS, PAUSE

    if language not in VOICES or not (folder / language / "phrases.tsv").is_file():
        usage("no_phrases", f"{folder} 中没有 {language}/phrases.tsv；请先运行 anhuan voice list。",
              f"There is no {language}/phrases.tsv in {folder}; run `anhuan voice list` first.", as_json=as_json)  # fmt: skip
    phrases, numbers = dict(speech.phrases(folder, language)), CLIPS[language]
    files = {name: folder / language / f"{name}.wav" for name in (*phrases, *numbers)}
    missing = {name: file for name, file in files.items() if anew or not file.exists()}
    if missing.pop(PAUSE, None):
        speech.write(files[PAUSE], bytes(2 * speech.PAUSED))
    speak, spoken = _speaker(language, voice, as_json=as_json), 0
    named = {word: name for name, word in numbers.items()}
    with progress_bars() as progress:
        for found in _spoken(speak, language, {name: phrases[name] for name in missing if name in phrases},
                             [numbers[name] for name in missing if name in numbers]):  # fmt: skip
            for said, samples in found.items():
                speech.write(files[said if said in phrases else named[said]], samples)
            spoken += len(found)
            progress(f"speaking {language}", spoken, len(missing))
    if as_json:
        print_json({"language": language, "clips": len(files), "spoken": spoken})
    else:
        say(f"{spoken} of {len(files)} clips were spoken. Listen to them before anybody else does.")


def _spoken(speak: Speak, language: str, phrases: Mapping[str, str], words: Sequence[str]) -> Iterator[dict[str, bytes]]:
    """Phrases by their names, one by one; then words, as many at once as a sentence holds."""
    from anhuan.channels.voice import readings

    for name, phrase in phrases.items():
        yield {name: speak(phrase)}
    for sentence, found in readings.sentences(language, words):
        pieces = speak.apart(sentence)
        yield {word: pieces[sentence.index(word)] for word in found}


@voice_app.command("say")
def voice_say(
    text: Annotated[str, typer.Argument(help="What is said.")],
    out: Annotated[Path, typer.Argument(metavar="WAV", help="Where to write it.")],
    language: Annotated[str, typer.Option("--language", help="zh or en.")] = "zh",
    voice: Voice = "",
) -> None:
    """Speak a text as a recording an exchange plays; needs the extra `speech`."""
    from anhuan.channels.voice import speech

    if language not in VOICES or not text.strip():
        usage(
            "nothing_to_say",
            "语言应为 zh 或 en，文字不能为空。",
            "The language is zh or en, and the text not empty.",
            as_json=False,
        )
    speech.write(out, _speaker(language, voice, as_json=False)(speech.in_words(text, language)))


def _speaker(language: str, voice: str, *, as_json: bool) -> Speak:
    from anhuan.channels.voice import speech

    try:
        return speech.speaker(language, voice or VOICES[language])
    except speech.NoSpeech as absent:
        usage("no_speech", absent.zh, absent.en, as_json=as_json)
