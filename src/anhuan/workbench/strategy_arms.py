"""Champion against challenger: what came of the arms of a strategy over its sealed nights, with intervals.

Knows which nights a version was live on, and how an interval is drawn; the effects come from `portfolio.experiments`. An arm is a
name: no customer stands here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

import ibis
from django.conf import settings
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from anhuan.core.vocabulary import NightStatus
from anhuan.portfolio import experiments, snapshot
from anhuan.portfolio.delinquency import HOME_CURRENCY
from anhuan.records.night import Night
from anhuan.records.strategy import StrategyVersion
from anhuan.workbench import figures
from anhuan.workbench.compliance import day_of
from anhuan.workbench.frame import page

MEASURES = ("cured", "paid_minor")


@page
@require_GET
def arms(request: HttpRequest, name: str) -> HttpResponse:
    """The arms of the version that went live last, or of `?version=`, between two sealed nights it was live on."""
    versions = list(StrategyVersion.objects.filter(name=name).defer("model").order_by("-number"))
    if not versions:
        raise Http404
    lived = [version for version in versions if version.live_from]
    asked = request.GET.get("version", "")
    version = next((each for each in lived if str(each.number) == asked), next(iter(lived), None))
    nights = _lived_on(version) if version else []
    chosen = _between(nights, day_of(request.GET.get("from", "")), day_of(request.GET.get("to", "")))
    context: dict[str, Any] = {
        "name": name, "version": version, "versions": lived, "nights": nights, "chosen": chosen, "currency": HOME_CURRENCY,
        "whole": bool(chosen) and bool(version) and chosen[0].business_date == nights[0].business_date,
    }  # fmt: skip
    if version and len(chosen) > 1:
        told = _results(version, chosen)
        context |= {"results": [(measure, intervals(told, measure)) for measure in MEASURES], "told": told}
    return render(request, "workbench/strategy_arms.html", context)


def _lived_on(version: StrategyVersion) -> Sequence[Night]:
    """The sealed nights a version was live on, oldest first."""
    nights = Night.objects.filter(status=NightStatus.SEALED, business_date__gte=version.live_from)
    if version.live_until:
        nights = nights.filter(business_date__lt=version.live_until)
    return list(nights.order_by("business_date").only("business_date", "snapshot", "manifest_sha256"))


def _between(nights: Sequence[Night], first: date | None, last: date | None) -> list[Night]:
    return [
        each
        for each in nights
        if (first is None or each.business_date >= first) and (last is None or each.business_date <= last)
    ]


def _results(version: StrategyVersion, nights: Sequence[Night]) -> list[dict[str, Any]]:
    """Read from the snapshots once; sealed nights and versions never change, so the answer is kept."""
    key = f"arms:{version.pk}:{nights[0].manifest_sha256}:{nights[-1].manifest_sha256}:{len(nights)}"
    kept: list[dict[str, Any]] | None = cache.get(key)
    if kept is None:
        con = ibis.duckdb.connect()
        opened = [snapshot.load(con, Path(settings.ANHUAN_HOME) / "snapshots" / night.snapshot) for night in nights]
        payments = reduce(lambda a, b: a.union(b), [each.table("payments") for each in opened[1:]])
        dealt = experiments.assignment(version.arms, seed=version.seed)
        first, last = (each.table("standing") for each in (opened[0], opened[-1]))
        kept = experiments.arms(first, last, payments, dealt, after=nights[0].business_date)
        cache.set(key, kept, timeout=timedelta(days=7).total_seconds())
    return kept


# --- intervals ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Interval:
    """An arm's effect as a line: places in per cent of a scale that all arms of a measure share.

    `verdict`: better, worse, open where the interval holds nil, same where nothing differs at all (as the control from itself);
    empty where there are too few to say.
    """

    name: str
    n: int
    mean: str
    effect: str
    low: str
    high: str
    p: str
    verdict: str
    from_: str = ""
    width: str = ""
    at: str = ""
    zero: str = ""


def intervals(results: Sequence[Mapping[str, Any]], measure: str) -> list[Interval]:
    """One line an arm, on a scale from the least low to the greatest high, nil always on it."""
    ends = [float(each[measure][end]) for each in results for end in ("low", "high") if each[measure].get(end) is not None]
    least, most = min([*ends, 0.0]), max([*ends, 0.0])
    whole = (most - least) or 1.0

    def place(value: float) -> str:
        return f"{4 + 92 * (value - least) / whole:.2f}%"

    lines = []
    for each in results:
        told = each[measure]
        low, high, effect = told.get("low"), told.get("high"), told.get("effect")
        drawn = {}
        verdict = "" if low is None else "same"
        if low is not None and high is not None and (low, high) != (0.0, 0.0):
            drawn = {"from_": place(low), "width": f"{92 * (high - low) / whole:.2f}%", "at": place(effect), "zero": place(0.0)}
            verdict = "better" if low > 0 else "worse" if high < 0 else "open"
        texts = {name: _difference(measure, told.get(name)) for name in ("effect", "low", "high")}
        p = told.get("p")
        lines.append(
            Interval(
                str(each["arm"]),
                int(each["n"]),
                _said(measure, told.get("mean")),
                **texts,
                p=f"{p:.3f}" if p is not None else "",
                verdict=verdict,
                **drawn,
            )
        )
    return lines


def _said(measure: str, value: float | None) -> str:
    """A share in per cent, or money, as one reads it."""
    if value is None:
        return figures.NOTHING
    return figures.rate(str(round(value, 6))) if measure == "cured" else figures.money(round(value), HOME_CURRENCY)


def _difference(measure: str, value: float | None) -> str:
    """As `_said`, with its sign; shares differ by percentage points."""
    if value is None:
        return figures.NOTHING
    points = str(round(abs(value) * 100, 2))
    text = _("%(points)s pp") % {"points": points} if measure == "cured" else figures.money(abs(round(value)), HOME_CURRENCY)
    return figures.signed(Decimal(str(value)), text)
