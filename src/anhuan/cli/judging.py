"""Commands that only judge: they start neither Django nor a database, and answer in well under a second."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal

import typer

from anhuan.cli.terminal import AsJson, app, home, usage

if TYPE_CHECKING:
    from anhuan.core.days import Calendar


@app.command("calendar")
def calendar_command(
    law: Annotated[Literal["cn", "us-fed", "uk"], typer.Option(help="Whose working days.")],
    file: Annotated[
        Path | None,
        typer.Option(
            "--calendar", help="Years announced since the last release; by default calendar.yaml of the home, if any."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Working days and named holidays: questions as JSON Lines on stdin, answers likewise, in the same order.

    {"op": "is_workday", "date": D}; {"op": "is_named_holiday", "date": D}; {"op": "roll", "date": D}, the first working
    day from D on; {"op": "add_workdays", "date": D, "n": N}, the N-th working day after D.
    """
    from anhuan.rulebook import calendars

    if file is None and (home() / "calendar.yaml").exists():
        file = home() / "calendar.yaml"
    try:
        calendar = calendars.load(law, file)
    except calendars.CalendarRefused as refused:
        place = f"{refused.file}:{refused.line}"
        usage("calendar_refused", f"{place} {refused.zh}", f"{place}: {refused.en}", as_json=as_json)
    for answer in answered(sys.stdin.buffer, lambda question: _on_calendar(calendar, question)):
        print(answer, flush=True)


def answered(lines: BinaryIO, answer: Callable[[Any], dict[str, Any]]) -> Iterator[str]:
    """One line of JSON for every line of JSON, as soon as it is there; a line that cannot be read is answered with an error.

    Empty lines are passed over.
    """
    for line in lines:
        if not line.strip():
            continue
        try:
            question = json.loads(line)
        except (ValueError, RecursionError):
            yield json.dumps(_error("bad_json", "此行不是 JSON。", "This line is no JSON."), ensure_ascii=False)
            continue
        yield json.dumps(answer(question), ensure_ascii=False)


def _error(code: str, zh: str, en: str) -> dict[str, Any]:
    return {"error": {"code": code, "message_zh": zh, "message_en": en}}


def _on_calendar(calendar: Calendar, question: Any) -> dict[str, Any]:
    from anhuan.core.days import UnknownYear

    asked = question if isinstance(question, dict) else {}
    day, count = _day(asked.get("date")), asked.get("n")
    if day is None:
        return _error("bad_date", "date 应为 YYYY-MM-DD。", "date takes YYYY-MM-DD.")
    operations: dict[Any, Callable[[date], Any]] = {
        "is_workday": calendar.is_workday,
        "is_named_holiday": calendar.is_named_holiday,
        "roll": calendar.roll,
        "add_workdays": lambda day: calendar.add_workdays(day, count),  # type: ignore[arg-type]  # checked below
    }
    operation = asked.get("op")
    if not isinstance(operation, str) or operation not in operations:
        words = "、".join(operations)
        return _error("bad_op", f"op 应为 {words} 之一。", f"op is one of {', '.join(operations)}.")
    if operation == "add_workdays" and type(count) is not int:
        return _error("bad_n", "n 应为整数。", "n takes a whole number.")
    try:
        found = operations[operation](day)
    except UnknownYear as unknown:
        return _error("unknown_year", unknown.zh, unknown.en)
    except OverflowError:
        return _error("bad_date", "日期超出公元 1 至 9999 年。", "The date lies beyond the years 1 to 9999.")
    return {"result": found if isinstance(found, bool) else found.isoformat()}


def _day(text: Any) -> date | None:
    """A date written YYYY-MM-DD and no other way."""
    try:
        day = date.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return day if day.isoformat() == text else None
