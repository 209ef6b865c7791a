"""The command on wording: may this text be used as it stands? One JSON line in, one JSON line out."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer

from anhuan.cli.terminal import EXIT_NO, app

text_app = typer.Typer(no_args_is_help=True, help="Wording of messages, letters, call scripts and notes.")
app.add_typer(text_app, name="text")


@text_app.command("check")
def text_check() -> None:
    """Check texts from stdin, one JSON object a line: text, lang, channel, purpose. Answers line by line.

    Exit code 0 when every text may be used, 1 when one may not or a line could not be read.
    """
    clean = True
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    for line in sys.stdin:
        if line.strip():
            answer = checked(line)
            clean = clean and answer.get("ok", False)
            sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
            sys.stdout.flush()
    raise typer.Exit(0 if clean else EXIT_NO)


def checked(line: str) -> dict[str, Any]:
    """The answer to one line: `ok` and findings, or `error` for a line that asks nothing."""
    from anhuan.rulebook import wording

    try:
        asked = json.loads(line)
    except ValueError as reason:
        return {"error": f"not JSON: {reason}"}
    wrong = _wrong(asked, wording.LANGUAGES, wording.CHANNELS, wording.PURPOSES)
    if wrong:
        return {"error": wrong}
    found = wording.check_text(asked["text"], lang=asked["lang"], channel=asked["channel"], purpose=asked["purpose"])
    findings = [
        {
            "start": one.start, "end": one.end, "kind": one.kind, "reason_zh": one.reason_zh, "reason_en": one.reason_en,
            "citation": one.citation, "rule": one.rule,
        }
        for one in found
    ]  # fmt: skip
    return {"ok": not findings, "findings": findings}


def _wrong(asked: Any, languages: tuple[str, ...], channels: tuple[str, ...], purposes: tuple[str, ...]) -> str:
    """What is wrong with the question, or ""."""
    if not isinstance(asked, dict):
        return "not a JSON object"
    if not isinstance(asked.get("text"), str):
        return "text is missing or no string"
    for key, known in (("lang", languages), ("channel", channels), ("purpose", purposes)):
        if asked.get(key) not in known:
            return f"{key} is {asked.get(key)!r}; it may be {', '.join(known)}"
    return ""
