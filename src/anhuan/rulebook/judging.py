"""Judging a question of law that is no contact: the statutes of a jurisdiction on a date, applied to the facts given.

Knows where the statutes stand and how a provision is written there. The questions themselves are `core.judgements`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from anhuan.core.days import Calendar
from anhuan.core.judgements import KINDS, Judgement, Law, Provision
from anhuan.core.vocabulary import Confidence, Force
from anhuan.rulebook import calendars

STATUTES = Path(__file__).with_name("statutes")
_ZONES = {"cn": ZoneInfo("Asia/Shanghai")}
"""The zone whose dates a jurisdiction counts; elsewhere those of the offset that the instant carries."""


def judge(
    kind: str,
    jurisdiction: str,
    given: Mapping[str, Any],
    *,
    at: datetime,
    calendar_of: Callable[[str], Calendar] | None = None,
) -> Judgement:
    """The answer to the question `kind` under the law of `jurisdiction` as it stood at `at`.

    `given` holds the facts by the names and types of the function in `KINDS`. `calendar_of` gives the calendar of a
    jurisdiction (default: what the libraries know). KeyError for an unknown kind, NoProvision where the law is silent,
    UnknownYear where the answer depends on rest days nobody has announced.
    """
    question = KINDS[kind]
    day = local_date(jurisdiction, at)
    # An answer may need the calendar of a jurisdiction, the law, the instant or the date; none is asked for what it does not name.
    offered: dict[str, Callable[[], Any]] = {
        "at": lambda: at if _wants_instant(kind) else day,
        "law": lambda: law_of(jurisdiction, day),
        "calendar": lambda: (calendar_of or foresighted_calendar)(jurisdiction),
    }
    wanted = inspect.signature(question).parameters
    return question(**given, **{name: make() for name, make in offered.items() if name in wanted})


def local_date(jurisdiction: str, at: datetime) -> date:
    """The date that `at` is in a jurisdiction."""
    return at.astimezone(_ZONES[jurisdiction]).date() if jurisdiction in _ZONES else at.date()


@cache
def foresighted_calendar(jurisdiction: str) -> Calendar:
    return calendars.with_foresight(calendars.calendar_of(jurisdiction))


@cache
def law_of(jurisdiction: str, as_of: date) -> Law:
    """The provisions of `jurisdiction` in force on `as_of`: of each the latest version, unless that one repeals it."""
    standing = {}
    for entry in _entries(jurisdiction):
        versions = [version for version in entry["versions"] if version["in_force"] <= as_of]
        if versions and (latest := max(versions, key=lambda version: version["in_force"]))["value"] is not None:
            standing[entry["id"].removeprefix(f"{jurisdiction}.")] = _provision(entry, latest)
    return Law(jurisdiction, as_of, MappingProxyType(standing))


@cache
def _wants_instant(kind: str) -> bool:
    return bool(inspect.signature(KINDS[kind]).parameters["at"].annotation == "datetime")


@cache
def _entries(jurisdiction: str) -> tuple[Mapping[str, Any], ...]:
    import yaml

    files = sorted((STATUTES / jurisdiction).glob("judgement-*.yaml"))
    return tuple(entry for file in files for entry in yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader))


def _provision(entry: Mapping[str, Any], version: Mapping[str, Any]) -> Provision:
    return Provision(
        id=entry["id"],
        value=version["value"],
        zh=entry["zh"],
        en=entry["en"],
        source=version["source"],
        clause=version["clause"],
        force=Force(version["force"]),
        confidence=Confidence(version["confidence"]),
        in_force=version["in_force"],
        ambiguous=version.get("ambiguous", False),
        note=version.get("note", ""),
    )
