"""The commands on plans: a schedule, an annual percentage rate, what can be agreed. They start neither Django nor a database."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from anhuan.cli.terminal import EXIT_NO, EXIT_USAGE, app, chinese, home, print_json, say

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


@plan_app.command("negotiate")
def plan_negotiate(
    policy: Annotated[Path | None, typer.Option("--policy", help="A bank's policy.yaml; by default the home's.")] = None,
    *,
    as_json: Json = True,  # noqa: ARG001  # likewise
) -> None:
    """What can be agreed with a customer, and why a wish cannot: one JSON document on stdin, one on stdout; exit 1 for a wish refused."""
    from anhuan.core.plan import reading
    from anhuan.rulebook import calendars
    from anhuan.rulebook import policy as policies
    from anhuan.rulebook.statutes import RulebookError

    def judge(document: Any) -> dict[str, Any]:
        asked = reading.question(document)
        own, file = home() / "calendar.yaml", policy or home() / policies.FILE
        try:
            known = calendars.with_foresight(calendars.load("cn", own if own.exists() else None))
            if policy is None and not file.exists():
                return reading.answer(asked, policies.none_stated("cn", asked.policy_on), known)
            return reading.answer(asked, policies.read(file, as_of=asked.policy_on), known)
        except RulebookError as wrong:
            place = f"{wrong.file}:{wrong.line}"
            _refuse("rulebook", "", f"{place} {wrong.zh}", f"{place} {wrong.en}")

    if _answer(judge)["refused"] is not None:
        raise typer.Exit(EXIT_NO)


def _answer(judge: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    from anhuan.core.plan.reading import Refused

    try:
        document = json.loads(sys.stdin.buffer.read(), parse_float=Decimal)
    except (ValueError, RecursionError, ArithmeticError):
        _refuse("bad_json", "", "标准输入须为一个 JSON 文档。", "stdin takes one JSON document.")
    try:
        told = judge(document)
    except Refused as refused:
        _refuse("bad_field", refused.field, refused.zh, refused.en)
    print_json(told)
    return told


def _refuse(code: str, field: str, zh: str, en: str) -> NoReturn:
    print_json({"error": {"code": code, "field": field, "message_zh": zh, "message_en": en}})
    say(f"anhuan: {zh if chinese() else en}")
    raise typer.Exit(EXIT_USAGE)
