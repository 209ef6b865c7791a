"""What a simulation of a version came to: contacts by night and channel, refusals, capacity, who is treated differently, beside
the strategy that is live.

Knows the document a simulation keeps (docs/strategy.md, Simulation), the file of rows beside it, and how they are drawn. Nothing is
replayed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from anhuan.core.vocabulary import NightStatus
from anhuan.portfolio.delinquency import HOME_CURRENCY
from anhuan.records.case import Case
from anhuan.records.night import Night
from anhuan.records.strategy import Simulation
from anhuan.workbench import figures
from anhuan.workbench.frame import page
from anhuan.workbench.strategies import version_of
from anhuan.workbench.strategy_arms import intervals

Row = Mapping[str, Any]

_FATES = ("permitted", "refused", "no_capacity")
_SHOWN = ("wanted", *_FATES, "contacts", "contacts_cost_minor", "expected_value_minor")
_TREATED = ("channel", "wording", "team", "handled_by", "decision", "rule", "state")
_COMMAND_NIGHTS = 5
SHOWN = 200


@page
@require_GET
def simulation(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """The latest simulation of a version, or the one `?run=` names; `?channel=` narrows the nights to one channel."""
    version = version_of(name, number)
    runs = list(Simulation.objects.filter(version=version).order_by("-at", "-id").only("id", "at", "by", "nights"))
    asked = request.GET.get("run", "")
    run = next((each for each in runs if str(each.pk) == asked), next(iter(runs), None))
    nights = list(Night.objects.filter(status=NightStatus.SEALED).order_by("-business_date")[:_COMMAND_NIGHTS])
    context: dict[str, Any] = {"version": version, "runs": runs, "run": run, "first": nights[-1:], "last": nights[:1]}
    if run is not None:
        context |= report(run.figures, request.GET.get("channel", ""))
        context |= _opened(run, context["groups"], request.GET.get("group", ""))
    return render(request, "workbench/strategy_simulation.html", context)


def report(told: Row, channel: str) -> dict[str, Any]:
    """A simulation's document as the page draws it."""
    days: Sequence[Row] = told["days"]
    channels = list(dict.fromkeys(day["channel"] for day in days))
    channel = channel if channel in channels else ""
    differences = told.get("differences")
    return {
        "told": told, "currency": HOME_CURRENCY, "channels": channels, "channel": channel, "tiles": tiles(told["totals"]),
        "chart": chart([day for day in days if channel in {"", day["channel"]}], told),
        "by_channel": [_both(each, [day for day in days if day["channel"] == each]) for each in channels],
        "rules": refusals(told["totals"]), "capacities": capacities(told["capacity"]),
        "differences": differences,
        "groups": [{**group, "number": number, "links": {side: _link(told, side, group[side]) for side in ("new", "live")}}
                   for number, group in enumerate((differences or {}).get("groups", []), start=1)],
        "results": [(measure, intervals(told["results"], measure)) for measure in ("cured", "paid_minor")] if told.get("results") else [],
        "lift": lift(told.get("lift")),
    }  # fmt: skip


def _opened(run: Simulation, groups: Sequence[Row], asked: str) -> dict[str, Any]:
    """The customers of the group `asked` for, by its place from 1; `rows` None where their file is no longer there."""
    if not asked.isdecimal() or not 0 < len(asked) < 5 or not 0 < int(asked) <= len(groups):
        return {}
    group, file = groups[int(asked) - 1], Path(settings.ANHUAN_HOME) / "simulations" / f"{run.pk}.parquet"
    if not file.exists():
        return {"group": group, "rows": None}
    table = ibis.duckdb.connect().read_parquet(file)
    alike = [
        table[f"{side}_{name}"].identical_to(ibis.literal((group[side] or {}).get(name), table[f"{side}_{name}"].type()))
        for side in ("new", "live") for name in _TREATED
    ]  # fmt: skip
    found = (
        table.filter(*alike)
        .order_by("business_date", "customer_id")
        .limit(SHOWN)
        .select("business_date", "customer_id", "account_id")
    )
    rows = found.to_pyarrow().to_pylist()
    ids = [row["customer_id"] for row in rows]  # who is not overdue yet may be wanted, and has no case
    cases = set(Case.objects.filter(pk__in=ids).values_list("pk", flat=True))
    return {"group": group, "rows": [{**row, "case": row["customer_id"] in cases} for row in rows], "shown": SHOWN}


def tiles(totals: Row) -> list[dict[str, Any]]:
    """The sums over all nights, each with what it is more or less than that of the live strategy."""
    live = totals.get("live")
    names = {
        "wanted": _("Wanted"), "permitted": _("Permitted"), "refused": _("Refused by rule"), "no_capacity": _("No capacity"),
        "contacts_cost_minor": _("Cost of contacts"), "customers": _("Customers"),
    }  # fmt: skip
    return [
        {"key": key, "name": label, "value": _text(key, totals[key]),
         "change": figures.signed(totals[key] - live[key], _text(key, totals[key] - live[key])) if live else ""}
        for key, label in names.items()
    ]  # fmt: skip


def _text(key: str, value: int) -> str:
    if key.endswith("_minor"):
        return figures.short_money(value, HOME_CURRENCY, get_language() or "en")
    return figures.count(value)


def chart(days: Iterable[Row], told: Row) -> dict[str, Any]:
    """What became of what was wanted, night by night, for `charts.js`: the version's stacks, and those of the live strategy."""
    dates = [night["business_date"] for night in told["nights"]]
    sums: dict[tuple[str, str, str], int] = {}
    for day in days:
        for side, held in (("new", day), ("live", day.get("live") or {})):
            for fate in _FATES:
                key = (side, fate, day["business_date"])
                sums[key] = sums.get(key, 0) + int(held.get(fate, 0))
    names = {"permitted": _("Permitted"), "refused": _("Refused by rule"), "no_capacity": _("No capacity")}
    sides = {"new": told["strategy"], **({"live": told["live"]["strategy"]} if told.get("live") else {})}
    series = [
        {"key": fate, "side": side, "name": names[fate], "of": title, "values": [sums.get((side, fate, day), 0) for day in dates]}
        for side, title in sides.items() for fate in _FATES
    ]  # fmt: skip
    rows = [{"day": day, "numbers": [one["values"][at] for one in series]} for at, day in enumerate(dates)]
    return {"dates": dates, "series": series, "rows": rows, "chinese": (get_language() or "").startswith("zh")}


def _both(channel: str, days: Sequence[Row]) -> dict[str, Any]:
    """A channel's sums over the nights, on either side."""
    sides = [days, [day["live"] for day in days if day.get("live")]]
    new, live = ({name: sum(int(day[name]) for day in side) for name in _SHOWN} for side in sides)
    return {"channel": channel, "new": new, "live": live if sides[1] else None}


def refusals(totals: Row) -> list[dict[str, Any]]:
    """How often each rule refused, most often first, on either side, with the width of its bar."""
    live = (totals.get("live") or {}).get("refused_by_rule", {})
    counted = {
        rule: (totals["refused_by_rule"].get(rule, 0), live.get(rule, 0)) for rule in {*totals["refused_by_rule"], *live}
    }
    most = max((max(pair) for pair in counted.values()), default=1) or 1
    return [
        {"rule": rule, "new": new, "live": was if totals.get("live") else None, "width": f"{100 * new / most:.1f}%"}
        for rule, (new, was) in sorted(counted.items(), key=lambda each: (-each[1][0], each[0]))
    ]


def capacities(told: Sequence[Row]) -> list[dict[str, Any]]:
    """Each capacity with its nights: how much of it was used, and how many wanted it."""
    found: dict[tuple[str, str], list[Row]] = {}
    for each in told:
        found.setdefault((each["column"], each["value"]), []).append(each)
    return [
        {
            "column": column, "value": value, "most": nights[-1]["most"],
            "nights": [
                {"day": night["business_date"], "permitted": night["permitted"], "wanted": night["wanted"],
                 "share": Decimal(night["permitted"]) / night["most"] if night["most"] else None,
                 "width": f"{100 * min(night['permitted'] / night['most'], 1):.1f}%" if night["most"] else "0%",
                 "live": night["live"]}
                for night in nights
            ],
        }
        for (column, value), nights in found.items()
    ]  # fmt: skip


def _link(told: Row, side: str, treatment: Row | None) -> tuple[str, int] | None:
    """The version whose row chose a treatment; None where nothing is wanted, or the model is no version."""
    title = str(told["strategy"] if side == "new" else told["live"]["strategy"]) if treatment else ""
    name, stroke, number = title.rpartition("/")
    return (name, int(number)) if stroke and number.isdecimal() else None


def lift(told: Row | None) -> list[dict[str, Any]]:
    """What the strategy would have brought, by measure, each against the hold-out and against the live strategy."""
    if not told:
        return []
    against = {"vs_hold_out": _("against the hold-out"), "vs_live": _("against the live strategy")}
    nothing = dict.fromkeys(("mean", "effect", "low", "high", "p"))
    return [
        {
            "measure": measure,
            "lines": intervals(
                [
                    {"arm": name, "n": told["known"], measure: nothing | (told[measure].get(key) or {})}
                    for key, name in against.items()
                ],
                measure,
            ),
        }
        for measure in ("cured", "paid_minor")
        if told.get(measure)
    ]
