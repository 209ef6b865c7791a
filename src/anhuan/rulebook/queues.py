"""The queues of a bank's worklist 队列: which proposals come to which, who serves them, and how much of a day each is worth.

Knows the file `queues.yaml` of a home and what holds without one. Does not know who is on the staff, nor what lies in a queue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

FILE = "queues.yaml"
DESK = "desk"
"""Where a proposal goes whose team no queue names."""


@dataclass(frozen=True)
class Queue:
    """One queue. `teams`: the words of a strategy whose proposals come here. `weight`: its share of the takes of whoever serves
    it besides others. Served by the `roles`, or, where it needs a `skill`, by whoever has that.

    `special`: its work answers people rather than collects, so that it goes on while collection is on hold.
    """

    name: str
    zh: str
    en: str
    teams: tuple[str, ...] = ()
    weight: int = 1
    roles: tuple[str, ...] = ()
    skill: str = ""
    special: bool = False

    def served_by(self, role: str, skills: Sequence[str]) -> bool:
        return self.skill in skills if self.skill else role in self.roles

    def title(self, language: str) -> str:
        return self.zh if language.startswith("zh") else self.en


class QueuesRefused(Exception):
    """The file of queues cannot be used; says why, in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


DEFAULT: Mapping[str, Queue] = {
    queue.name: queue
    for queue in (
        Queue(DESK, "电话催收", "Phone desk", weight=6, roles=("collector", "senior", "supervisor")),
        Queue("senior", "资深专席", "Senior desk", ("phone_senior",), weight=4, roles=("senior", "supervisor")),
        Queue("hardship", "困难客户", "Hardship", ("hardship", "care"), weight=2, skill="hardship", special=True),
        Queue("disputes", "异议处理", "Disputes", weight=2, skill="disputes", special=True),
        Queue("plans", "分期方案", "Plans", weight=2, roles=("senior", "supervisor"), special=True),
        Queue("complaints", "投诉处理", "Complaints", weight=2, skill="complaints", special=True),
        Queue("legal", "法务", "Legal", ("legal", "legal_counsel"), skill="legal"),
    )
}


def read(home: Path) -> Mapping[str, Queue]:
    """The queues of a home by name, in its order: those of its `queues.yaml`, or else `DEFAULT`. Raises QueuesRefused."""
    file = home / FILE
    try:
        found = file.stat()
    except FileNotFoundError:
        return DEFAULT
    return _read(file, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=4)
def _read(file: Path, _changed: int, _size: int) -> Mapping[str, Queue]:
    try:
        told = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as wrong:
        raise QueuesRefused(f"{FILE} 无法读取：{wrong}", f"{FILE} cannot be read: {wrong}") from None
    if not isinstance(told, dict) or DESK not in told:
        raise QueuesRefused(
            f"{FILE} 应写作“队列: {{zh, en, weight, roles 或 skill, teams}}”，且须有队列 {DESK}。",
            f"{FILE} is written `queue: {{zh, en, weight, roles or skill, teams}}` and has the queue {DESK}.",
        )
    queues = {str(name): _queue(str(name), row) for name, row in told.items()}
    teams = [team for queue in queues.values() for team in queue.teams]
    if twice := sorted({team for team in teams if teams.count(team) > 1}):
        raise QueuesRefused(
            f"{FILE}：团队 {'、'.join(twice)} 归入了不止一个队列。",
            f"{FILE}: {', '.join(twice)} belong to more than one queue.",
        )
    return queues


def _queue(name: str, row: Any) -> Queue:
    """One entry of the file; QueuesRefused names the queue and what is wrong with it."""
    known = {field.name for field in fields(Queue)} - {"name"}
    wrong = []
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,29}", name):
        wrong.append("name")
    if not isinstance(row, dict):
        raise QueuesRefused(f"{FILE} {name}：应为一组字段。", f"{FILE} {name}: a set of fields is needed.")
    wrong += sorted(str(key) for key in row.keys() - known)
    wrong += [key for key in ("zh", "en") if not isinstance(row.get(key), str) or not row[key].strip()]
    wrong += [key for key in ("teams", "roles") if not _texts(row.get(key, []))]
    if not isinstance(row.get("skill", ""), str) or not (row.get("skill") or row.get("roles")):
        wrong.append("skill")
    weight = row.get("weight", 1)
    if isinstance(weight, bool) or not isinstance(weight, int) or not 1 <= weight <= 100:
        wrong.append("weight")
    if not isinstance(row.get("special", False), bool):
        wrong.append("special")
    if wrong:
        raise QueuesRefused(
            f"{FILE} {name}：{'、'.join(wrong)} 有误（名称为小写字母；weight 为 1 至 100；须有 roles 或 skill）。",
            f"{FILE} {name}: {', '.join(wrong)} cannot be used (a name is small letters, weight 1 to 100, roles or skill is needed).",
        )
    told: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Queue(name, **told)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
