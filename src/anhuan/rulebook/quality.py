"""The quality check of calls as dated data: which calls are drawn, what a review asks, and what its answers score.

Knows the form (`quality/form.yaml`, or the bank's own `quality.yaml`), how a draw comes out for a seed and how a score is reckoned:
both are exact and the same for the same arguments, whenever they are asked. Does not know where calls come from (`records.quality`).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from anhuan.rulebook.statutes import Lines, RulebookError, read_yaml

FILE = "quality.yaml"
STANDARD = Path(__file__).parent / "quality" / "form.yaml"
RISKS = (
    "complaint_after", "dispute_after", "refused", "note_findings", "identity_failed", "little_on_record", "broken_promise",
    "new_collector",
)  # fmt: skip
"""What may make a call worth a look; `records.quality` knows how each is found."""
ANSWERS: Mapping[str, Fraction | None] = {"yes": Fraction(1), "part": Fraction(1, 2), "no": Fraction(0), "na": None}
"""What a criterion may be answered, and the share of its weight that earns; one that does not apply is left out of the sum."""
WHOLE = 1000
"""A full score: scores are kept in tenths of a point."""


@dataclass(frozen=True, slots=True)
class Risk:
    """A reason to look at a call: `points` it adds; `days` and `minutes` where its kind asks for them."""

    id: str
    points: int
    zh: str
    en: str
    days: int = 0
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class Criterion:
    """One question of the form."""

    id: str
    weight: int
    zh: str
    en: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """The form in force from `since`; `random` and `risk` calls are drawn for each collector and day."""

    since: date
    random: int
    risk: int
    least_points: int
    pass_score: int
    risks: tuple[Risk, ...]
    criteria: tuple[Criterion, ...]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), default=str, sort_keys=True).encode()).hexdigest()

    def risk_of(self, id_: str) -> Risk | None:
        return next((risk for risk in self.risks if risk.id == id_), None)


# --- reading ------------------------------------------------------------------------------------------------------


def in_force(on: date, *, home: Path | None = None) -> Form:
    """The form of a date: the bank's own where its home has one, else the standard. Raises RulebookError."""
    own = home / FILE if home else None
    file = own if own and own.exists() else STANDARD
    forms = _read(file, file.stat().st_mtime_ns)
    standing = [form for form in forms if form.since <= on]
    if not standing:
        raise RulebookError(file, 1, f"{on} 没有生效的质检表", f"no form is in force on {on}")
    return standing[-1]


@lru_cache(maxsize=4)
def _read(file: Path, _changed: int) -> tuple[Form, ...]:
    told = read_yaml(file)
    if not isinstance(told, list) or not told:
        raise RulebookError(file, 1, "应为按生效日排列的质检表列表", "a list of forms by date is expected")
    forms = tuple(_form(each, file) for each in told)
    if list(forms) != sorted(forms, key=lambda form: form.since) or len({form.since for form in forms}) < len(forms):
        raise RulebookError(file, 1, "生效日须递增且不重复", "dates must rise, none twice")
    return forms


def _form(told: Any, file: Path) -> Form:
    _needs(told, {"from": date, "draw": Lines, "pass_score": int, "risks": list, "criteria": list}, {}, file)
    draw = told["draw"]
    _needs(draw, {"random": int, "risk": int, "least_points": int}, {}, file)
    for risk in told["risks"]:
        _needs(risk, {"id": str, "points": int, "zh": str, "en": str}, {"days": int, "minutes": int}, file)
        if risk["id"] not in RISKS:
            known = ", ".join(RISKS)
            raise RulebookError(
                file, risk.at("id"), f"未知的风险 {risk['id']}；可用：{known}", f"no risk {risk['id']}; there are {known}"
            )
    for criterion in told["criteria"]:
        _needs(criterion, {"id": str, "weight": int, "zh": str, "en": str}, {"fatal": bool}, file)
        if criterion["weight"] < 1:
            raise RulebookError(file, criterion.at("weight"), "权重须为正整数", "a weight is 1 or more")
    for rows in (told["risks"], told["criteria"]):
        ids = [row["id"] for row in rows]
        if twice := [row for row in rows if ids.count(row["id"]) > 1]:
            raise RulebookError(file, twice[-1].at("id"), f"{twice[-1]['id']} 重复", f"{twice[-1]['id']} stands twice")
    if not told["criteria"] or not 0 <= told["pass_score"] <= 100:
        raise RulebookError(
            file, told.at("pass_score"), "须有评分项，合格分为 0 至 100", "criteria and a pass score of 0 to 100 are needed"
        )
    return Form(
        told["from"], draw["random"], draw["risk"], draw["least_points"], told["pass_score"],
        tuple(Risk(**row) for row in told["risks"]), tuple(Criterion(**row) for row in told["criteria"]),
    )  # fmt: skip


def _needs(told: Any, needed: Mapping[str, type], may: Mapping[str, type], file: Path) -> None:
    """Each key is known, there, and of its kind; numbers are not negative."""
    if not isinstance(told, Lines):
        raise RulebookError(file, 1, "应为键值映射", "a mapping of keys is expected")
    for key in told:
        if key not in needed and key not in may:
            raise RulebookError(file, told.at(key), f"未知的字段 {key}", f"unknown field {key}")
    for key in needed:
        if key not in told:
            raise RulebookError(file, told.line, f"缺少字段 {key}", f"the field {key} is missing")
    for key, value in told.items():
        kind = needed.get(key) or may[key]
        if (
            not isinstance(value, kind)
            or (kind is int and (isinstance(value, bool) or str(value).startswith("-")))
            or value == ""
        ):
            raise RulebookError(file, told.at(key), f"字段 {key} 的值有误", f"the field {key} cannot be {value!r}")


# --- drawing ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """A call that may be drawn: whose it is, and the risks it shows."""

    contact: str
    collector: str
    risks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drawn:
    """A call that was drawn, by `risk` or `random`, with the points it had."""

    contact: str
    collector: str
    why: str
    points: int


def choose(candidates: Iterable[Candidate], form: Form, *, seed: str, day: date) -> list[Drawn]:
    """The calls of a day to be reviewed. Of each collector those with most risk, then others by lot.

    The lot of a call is the SHA-256 of seed, day and call, so that a draw can be made again by anybody and comes out the same.
    """

    def lot(each: Candidate) -> str:
        return hashlib.sha256(f"{seed}/{day}/{each.contact}".encode()).hexdigest()

    points = {risk.id: risk.points for risk in form.risks}
    by_collector: dict[str, list[Candidate]] = defaultdict(list)
    for each in candidates:
        by_collector[each.collector].append(each)
    drawn: list[Drawn] = []
    for collector, calls in sorted(by_collector.items()):
        weighed = {each.contact: sum(points.get(risk, 0) for risk in set(each.risks)) for each in calls}
        ranked = sorted(calls, key=lambda each: (-weighed[each.contact], lot(each)))
        risky = [each for each in ranked if weighed[each.contact] >= form.least_points][: form.risk]
        rest = sorted((each for each in calls if each not in risky), key=lot)[: form.random]
        for why, chosen in (("risk", risky), ("random", rest)):
            drawn += [Drawn(each.contact, collector, why, weighed[each.contact]) for each in chosen]
    return drawn


# --- scoring ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Score:
    """`tenths` of a point of 100; None where nothing applied. `fatal` are the criteria that made it nothing."""

    tenths: int | None
    fatal: tuple[str, ...]


def score(form: Form, answers: Mapping[str, str]) -> Score:
    """What the answers come to: the earned share of the weights that applied, halves to even; nothing where a fatal one failed."""
    fatal = tuple(each.id for each in form.criteria if each.fatal and answers.get(each.id) == "no")
    applied = [(each.weight, share) for each in form.criteria if (share := ANSWERS[answers[each.id]]) is not None]
    weight = sum(each for each, _share in applied)
    if not weight:
        return Score(None, fatal)
    if fatal:
        return Score(0, fatal)
    return Score(round(sum((each * share for each, share in applied), Fraction(0)) * WHOLE / weight), fatal)


def unanswered(form: Form, answers: Mapping[str, str]) -> Sequence[str]:
    """The criteria that are not answered yet, or by no word of `ANSWERS`."""
    return [each.id for each in form.criteria if answers.get(each.id) not in ANSWERS]
