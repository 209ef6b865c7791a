"""The command on mails that come back: what each says of whom. Starts neither Django nor a database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from anhuan.cli.terminal import EXIT_USAGE, AsJson, app, chinese, console, print_json, say, table

bounce_app = typer.Typer(no_args_is_help=True, help="Mails that come back: bounces, complaints, automatic replies.")
app.add_typer(bounce_app, name="bounce")


@bounce_app.callback()
def bounce() -> None:
    """Mails that come back: bounces, complaints, automatic replies."""


@bounce_app.command("classify")
def classify(
    files: Annotated[list[Path], typer.Argument(help="Mails as they came (.eml), or mailbox files.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Say of every mail whom it is about and what that means for the address, one line per recipient.

    hard: invalidate the address. soft: keep it. feedback: write to it no more. auto_reply, none: nothing. Exit code 2 when
    a file could not be read as a mail; the others are answered all the same.
    """
    rows = [row for file in files for row in _rows(file)]
    wrong = [row for row in rows if "error" in row]
    for row in wrong:
        say(f"anhuan: {row['error']['message_zh' if chinese() else 'message_en']}")
    if as_json:
        print_json(rows)
    else:
        names = ("file", "recipient", "class", "status", "action")
        console().print(table("", names, ([row[name] for name in names] for row in rows if "error" not in row)))
    raise typer.Exit(EXIT_USAGE if wrong else 0)


def _rows(file: Path) -> list[dict[str, Any]]:
    """What one file says, recipient by recipient; or one row with `error`."""
    from anhuan.channels.email import bounces

    try:
        found = bounces.classify(file.read_bytes())
    except bounces.NotAMail:
        zh = f"{file} 不是邮件：开头没有邮件头。请给出原样保存的邮件（.eml）。"
        return [
            _error(
                file, "not_a_mail", zh, f"{file} is no mail: it begins with no headers. Give a mail saved as it came (.eml)."
            )
        ]
    except OSError as reason:
        why = reason.strerror or type(reason).__name__
        return [_error(file, "unreadable", f"无法读取 {file}：{why}。", f"{file} cannot be read: {why}.")]
    return [
        {
            "file": str(file), "recipient": one.recipient, "class": one.kind.value,
            "status": one.status, "action": one.action,
        }
        for one in found
    ]  # fmt: skip


def _error(file: Path, code: str, zh: str, en: str) -> dict[str, Any]:
    return {"file": str(file), "error": {"code": code, "message_zh": zh, "message_en": en}}
