"""A terminal that stays open: one process that runs command lines of `anhuan` one after the other.

Each line of standard input is a JSON list of arguments; each answer is one JSON line: exit code, what the command printed, and
a digest of everything the home remembers. The commands are the real ones; only the start of Python is paid once.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))


def run(arguments: list[str]) -> dict[str, Any]:
    from anhuan.cli import app

    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            app(arguments, prog_name="anhuan")
        code: object = 0
    except SystemExit as ended:
        code = ended.code
    return {"code": code or 0, "printed": printed.getvalue()}


def digest() -> str:
    import book_state

    remembered = book_state.state(Path(os.environ["ANHUAN_HOME"]))
    return hashlib.sha256(json.dumps(remembered, default=str, sort_keys=True).encode()).hexdigest()


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        answer = {"digest": digest()} if asked == ["digest"] else run(asked)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
