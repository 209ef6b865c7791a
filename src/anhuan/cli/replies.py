"""The command on replies: what does this answer mean? One JSON line in, one JSON line out."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer

from anhuan.cli.terminal import EXIT_NO, app

reply_app = typer.Typer(no_args_is_help=True, help="Replies to messages and calls.")
app.add_typer(reply_app, name="reply")


@reply_app.command("intent")
def reply_intent() -> None:
    """Read replies from stdin, one JSON object a line: text, lang (zh or en). Answers line by line.

    Exit code 0 when every line could be read, 1 when one could not.
    """
    readable = True
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    for line in sys.stdin:
        if line.strip():
            answer = read(line)
            readable = readable and "error" not in answer
            sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
            sys.stdout.flush()
    raise typer.Exit(0 if readable else EXIT_NO)


def read(line: str) -> dict[str, Any]:
    """The answer to one line: `intent`, `confidence` and `stop`, or `error` for a line that asks nothing."""
    from anhuan.rulebook.replies import LANGUAGES, intent_of

    try:
        asked = json.loads(line)
    except ValueError as reason:
        return {"error": f"not JSON: {reason}"}
    if not isinstance(asked, dict) or not isinstance(asked.get("text"), str):
        return {"error": "text is missing or not a string (缺少 text，或其不是字符串)"}
    lang = str(asked.get("lang", "zh")).lower().partition("-")[0]
    if lang not in LANGUAGES:
        return {"error": f"lang must be one of: {', '.join(LANGUAGES)} (lang 只能是 zh 或 en)"}
    reply = intent_of(asked["text"], lang)
    return {"intent": reply.intent, "confidence": reply.confidence, "stop": reply.stop}
