"""The commands on instalment plans: a schedule, and the annual percentage rate. They start neither Django nor a database."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, NoReturn

import typer

from anhuan.cli.terminal import EXIT_USAGE, app, chinese, print_json, say

plan_app = typer.Typer(no_args_is_help=True, help="Instalment plans, by arithmetic alone.")
app.add_typer(plan_app, name="plan")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, as it does anyway.")]


@plan_app.command("quote")
def plan_quote(as_json: Json = True) -> None:  # noqa: ARG001  # said for symmetry with all other commands
    """The schedule of a plan: one JSON document on stdin, one on stdout."""
    from anhuan.core.plan import reading

    _answer(reading.quote)


@plan_app.command("apr")
def plan_apr(as_json: Json = True) -> None:  # noqa: ARG001  # likewise
    """The annual percentage rate by Regulation Z, Appendix J: one JSON document on stdin, one on stdout."""
    from anhuan.core.plan import reading

    _answer(reading.annual_percentage_rate)


def _answer(judge: Callable[[Any], dict[str, Any]]) -> None:
    from anhuan.core.plan.reading import Refused

    try:
        document = json.loads(sys.stdin.buffer.read(), parse_float=Decimal)
    except (ValueError, RecursionError, ArithmeticError):
        _refuse("bad_json", "", "标准输入须为一个 JSON 文档。", "stdin takes one JSON document.")
    try:
        print_json(judge(document))
    except Refused as refused:
        _refuse("bad_field", refused.field, refused.zh, refused.en)


def _refuse(code: str, field: str, zh: str, en: str) -> NoReturn:
    print_json({"error": {"code": code, "field": field, "message_zh": zh, "message_en": en}})
    say(f"anhuan: {zh if chinese() else en}")
    raise typer.Exit(EXIT_USAGE)
