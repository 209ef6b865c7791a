"""The nights: their list, the page of one, and the deliveries that were refused.

Knows the public result each sealed night keeps and the refusals kept as files in the home. Does not know how a
night is run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from anhuan.core.vocabulary import Heap, NightStatus
from anhuan.records.night import Night, NightStep
from anhuan.workbench import figures, findings, words
from anhuan.workbench.frame import page

SHOWN = 120


@page
@require_GET
def nights(request: HttpRequest) -> HttpResponse:
    """The last nights, newest first, with the deliveries that were refused between them."""
    shown = list(Night.objects.order_by("-business_date", "-sequence")[:SHOWN])
    context = {"nights": [(night, _seconds(night)) for night in shown], "refusals": refusals()[:20]}
    return render(request, "workbench/nights.html", context)


@page
@require_GET
def night(request: HttpRequest, sequence: int) -> HttpResponse:
    """One night: what was read, what it did, how long each step took, and its findings."""
    found = get_object_or_404(Night, sequence=sequence)
    context = {"night": found, "sheet": findings.sheet(found, request.GET)}
    if request.htmx and not request.htmx.boosted:  # type: ignore[attr-defined]
        return render(request, "workbench/_findings.html", context)
    neighbours = Night.objects.exclude(pk=found.pk)
    context |= {
        "earlier": neighbours.filter(sequence__lt=sequence).order_by("-sequence").first(),
        "later": neighbours.filter(sequence__gt=sequence).order_by("sequence").first(),
        "steps": steps(found),
        "heaps": heaps(found),
        "files": files(found),
        "flow": in_order(found.result.get("flow", {}), words.LABELS["flow"]),
        "seconds": _seconds(found),
    }
    return render(request, "workbench/night.html", context)


def heaps(night: Night) -> list[figures.Slice]:
    """The heaps of a night laid end to end: together they are every account read."""
    kept = night.result.get("heaps", {})
    return figures.stack([(heap.value, int(kept.get(heap.value, 0))) for heap in Heap])


@dataclass(frozen=True)
class Step:
    """A step of a night: its seconds, and where its bar begins and ends on the night's own time, in per cent."""

    name: str
    seconds: float
    start: str
    width: str


def steps(night: Night) -> list[Step]:
    """The steps in the order taken; an unfinished night shows those that are committed."""
    seconds: dict[str, float] = night.result.get("seconds") or {
        step.step: step.seconds for step in NightStep.objects.filter(night=night)
    }
    whole = sum(seconds.values()) or 1.0
    taken, begun = [], 0.0
    for name, spent in in_order(seconds, words.LABELS["step"]):
        taken.append(Step(name, spent, f"{100 * begun / whole:.2f}%", f"{100 * spent / whole:.2f}%"))
        begun += spent
    return taken


def _seconds(night: Night) -> float:
    return float(sum((night.result.get("seconds") or {}).values()))


def files(night: Night) -> list[dict[str, Any]]:
    """Rows read and set aside by file of the delivery."""
    rows: dict[str, int] = night.result.get("rows", {})
    aside: dict[str, int] = night.result.get("set_aside", {})
    return [
        {"name": name, "rows": number, "set_aside": aside.get(name, 0)} for name, number in in_order(rows, words.LABELS["file"])
    ]


def in_order(kept: Mapping[str, Any], order: Iterable[str]) -> list[tuple[str, Any]]:
    """What a night keeps by name, in the order people know; the database forgets the order of a JSON object."""
    places = {name: place for place, name in enumerate(order)}
    return sorted(kept.items(), key=lambda entry: (places.get(entry[0], len(places)), entry[0]))


def refusals() -> list[dict[str, Any]]:
    """The refused deliveries as kept in the home, newest first; one that cannot be read is left out."""
    return sorted(_read_refusals(), key=lambda refusal: str(refusal["refused_at"]), reverse=True)


def _read_refusals() -> Iterator[dict[str, Any]]:
    for file in (Path(settings.ANHUAN_HOME) / "refused").glob("*/refusal.json"):
        try:
            kept = json.loads(file.read_text())
            yield {**kept, "refused_at": datetime.fromisoformat(kept["refused_at"])}
        except (OSError, ValueError, KeyError):
            continue


def refusal_standing() -> dict[str, Any] | None:
    """The last refusal, as long as no night has been sealed after it."""
    latest = next(iter(refusals()), None)
    if latest is None:
        return None
    sealed = Night.objects.filter(status=NightStatus.SEALED, sealed_at__gt=latest["refused_at"])
    return None if sealed.exists() else latest
