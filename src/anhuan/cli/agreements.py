"""The commands that list what customers promised and agreed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from anhuan.cli.plans import plan_app
from anhuan.cli.terminal import AsJson, app, chinese, console, print_json, start, table, usage

promise_app = typer.Typer(no_args_is_help=True, help="Promises to pay.")
app.add_typer(promise_app, name="promise")
waiver_app = typer.Typer(no_args_is_help=True, help="Interest, fees and penalty that are let go of.")
app.add_typer(waiver_app, name="waiver")

State = Annotated[str, typer.Option(help="Only those in this state.")]
Case = Annotated[str, typer.Option("--case", help="Only those of this case.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000)]

_PROMISE_COLUMNS = ("due_on", "customer_id", "account_id", "amount_minor", "currency", "state", "paid_minor", "settled_on")
_PLAN_COLUMNS = (
    "customer_id",
    "kind",
    "state",
    "currency",
    "total_minor",
    "paid_minor",
    "missed",
    "next_due_on",
    "next_due_minor",
)
_WAIVER_COLUMNS = ("customer_id", "account_id", "component", "amount_minor", "currency", "state", "proposed_by", "proposed_at")


@promise_app.command("list")
def promise_list(state: State = "", case: Case = "", limit: Limit = 50, as_json: AsJson = False) -> None:
    """Promises, newest first."""
    start()
    from anhuan.core.plan.promise import PromiseState
    from anhuan.records import agreements

    _known(state, [each.value for each in PromiseState], as_json=as_json)
    _print(agreements.promises(state=state, limit=limit, **_of(case)), _PROMISE_COLUMNS, as_json=as_json)


@plan_app.command("list")
def plan_list(state: State = "", case: Case = "", limit: Limit = 50, as_json: AsJson = False) -> None:
    """Plans, deferrals and settlements with their instalments, newest first."""
    start()
    from anhuan.records import agreements
    from anhuan.records.plan import PlanState

    _known(state, [each.value for each in PlanState], as_json=as_json)
    _print(agreements.plans(state=state, limit=limit, **_of(case)), _PLAN_COLUMNS, as_json=as_json)


@waiver_app.command("list")
def waiver_list(state: State = "", case: Case = "", limit: Limit = 50, as_json: AsJson = False) -> None:
    """Waivers, those of agreements too, newest first."""
    start()
    from anhuan.records import agreements
    from anhuan.records.plan import WaiverState

    _known(state, [each.value for each in WaiverState], as_json=as_json)
    _print(agreements.waivers(state=state, limit=limit, **_of(case)), _WAIVER_COLUMNS, as_json=as_json)


def _of(case: str) -> dict[str, str]:
    return {"customer_id": case} if case else {}


def _known(state: str, states: Sequence[str], *, as_json: bool) -> None:
    if state and state not in states:
        every = ", ".join(states)
        usage("no_such_state", f"--state 可为 {every}。", f"--state is one of {every}.", as_json=as_json)


def _print(rows: list[dict[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
    elif rows:
        console().print(table("", columns, [[row[name] for name in columns] for row in rows]))
    else:
        print("没有符合条件的记录。" if chinese() else "Nothing matches.")
