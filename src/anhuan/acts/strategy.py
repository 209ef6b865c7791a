"""The acts on strategies: a version is drafted, checked, tried by simulation, approved by a second person, live, and retired.

Knows the way a version goes and what keeps it from going on; each step leaves one event in the house's chain. Does not know what
a model means (`portfolio.strategy`), nor how one is proved (`rulebook.tables.prove`). Nothing here touches a night: a version
goes live, or is retired, from a business date that no delivery has begun.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import ibis
from django.db import transaction
from django.db.models import Max

from anhuan.core.vocabulary import NightStatus
from anhuan.portfolio import experiments, strategy
from anhuan.portfolio.feed import Sentence
from anhuan.records import events
from anhuan.records.night import Night
from anhuan.records.staff import Right, Staff, roles_that_may
from anhuan.records.strategy import Simulation, StrategyState, StrategyVersion
from anhuan.rulebook.tables import prove
from anhuan.rulebook.tables.document import ModelRefused
from anhuan.rulebook.tables.model import Model
from anhuan.rulebook.tables.spelling import write_json

ARMS: Mapping[str, str] = {experiments.HOLD_OUT: "0.05", "champion": "0.95"}
"""How customers are dealt out where nobody says otherwise: one in twenty is left alone, to show what contacting brings."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")

Answer = StrategyVersion | list[Sentence]


# --- the way of a version -----------------------------------------------------------------------------------------


def draft(
    model: bytes,
    *,
    name: str,
    at: datetime,
    by: str,
    decision: str | None = None,
    arms: Mapping[str, str] = ARMS,
    seed: str | None = None,
) -> Answer:
    """Keep a model as the next version of the strategy `name`; the version, or every reason why it is none.

    `decision` is the one asked for, by default the only one that no other rests on. `seed`, by default the name, deals customers
    out to `arms`; the same seed keeps everyone's place from version to version.
    """
    wrong = [*_not_a_person(by), *_bad_name(name), *_bad_arms(arms, seed or name)]
    try:
        asked = decision_of(Model(model), decision)
    except ModelRefused as refused:
        wrong.append(Sentence("model_refused", refused.zh, refused.en))
    if wrong:
        return wrong
    with transaction.atomic():
        latest = StrategyVersion.objects.filter(name=name).aggregate(number=Max("number"))["number"] or 0
        version = StrategyVersion.objects.create(
            name=name, number=latest + 1, model=model, fingerprint=hashlib.sha256(model).hexdigest(), decision=asked,
            seed=seed or name, arms=dict(arms), state=StrategyState.DRAFT, made_at=at, made_by=by,
        )  # fmt: skip
        _remember(version, "drafted", {"decision": asked, "arms": version.arms, "seed": version.seed}, at=at, by=by)
    return version


def check(version_id: int, *, at: datetime, by: str, seconds: float = 60) -> Answer:
    """Prove every table of a version and set it up in columns; `findings` of the version then say what is against it.

    Without any it is `checked` (or still `simulated`), else (again) a draft. `seconds`: how long to try to prove one table.
    """
    version = StrategyVersion.objects.get(pk=version_id)
    findings = list(findings_on(bytes(version.model), version.decision, seconds))

    def step(version: StrategyVersion) -> dict[str, Any]:
        version.findings, version.checked_at, version.checked_by = findings, at, by
        passed = StrategyState.SIMULATED if version.simulated_at else StrategyState.CHECKED  # the model is still the same
        version.state = StrategyState.DRAFT if findings else passed
        return {"findings": len(findings)}

    states = (StrategyState.DRAFT, StrategyState.CHECKED, StrategyState.SIMULATED)
    return _go(version_id, states, "checked", step, at=at, by=by)


def simulated(
    version_id: int, *, nights: Sequence[Mapping[str, Any]], figures: Mapping[str, Any], at: datetime, by: str
) -> Answer:
    """Keep what a replay of `nights` under a checked version came to, as one `Simulation` of it.

    `nights` and `figures` as that record holds them: JSON, with no customer in it.
    """

    def wrong(version: StrategyVersion) -> Iterator[Sentence]:
        if not nights or figures.get("fingerprint") != version.fingerprint:
            yield _said("no_simulation", title=version.title)

    def step(version: StrategyVersion) -> dict[str, Any]:
        law = str(nights[-1]["law"])
        kept = Simulation.objects.create(
            version=version, fingerprint=version.fingerprint, law=law, nights=list(nights), figures=dict(figures), at=at, by=by
        )
        version.state, version.simulated_at, version.simulated_by = StrategyState.SIMULATED, at, by
        days = [night["business_date"] for night in nights]
        digest = hashlib.sha256(write_json(dict(figures)).encode()).hexdigest()
        return {"simulation": kept.pk, "from": days[0], "to": days[-1], "nights": len(days), "law": law, "figures": digest}

    return _go(version_id, (StrategyState.CHECKED, StrategyState.SIMULATED), "simulated", step, at=at, by=by, wrong=wrong)


def approve(version_id: int, *, at: datetime, by: str) -> Answer:
    """A second person, not the author, answers for a version that was checked and simulated."""

    def wrong(version: StrategyVersion) -> Iterator[Sentence]:
        yield from _not_a_person(by)
        if by == version.made_by:
            yield _said("same_person", by=by, title=version.title)

    def step(version: StrategyVersion) -> dict[str, Any]:
        version.state, version.approved_at, version.approved_by = StrategyState.APPROVED, at, by
        return {"made_by": version.made_by}

    return _go(version_id, (StrategyState.SIMULATED,), "approved", step, at=at, by=by, wrong=wrong)


def go_live(version_id: int, *, live_from: date, at: datetime, by: str) -> Answer:
    """An approved version holds for business dates from `live_from` on; whatever was live before ends there."""

    def wrong(version: StrategyVersion) -> Iterator[Sentence]:
        yield from _begun(live_from)
        later = _live().exclude(pk=version.pk).filter(live_from__gte=live_from).first()
        if later is not None:
            yield _said("another_goes_live", title=later.title, day=later.live_from)

    def step(version: StrategyVersion) -> dict[str, Any]:
        for before in _live().filter(live_until=None).exclude(pk=version.pk):
            before.live_until, before.state = live_from, StrategyState.RETIRED
            before.save(update_fields=["live_until", "state"])
        version.state, version.live_from = StrategyState.LIVE, live_from
        return {"live_from": live_from.isoformat()}

    return _go(version_id, (StrategyState.APPROVED,), "live", step, at=at, by=by, wrong=wrong)


def retire(version_id: int, *, live_until: date, at: datetime, by: str) -> Answer:
    """A live version no longer holds from `live_until` on, and nothing takes its place."""

    def wrong(_version: StrategyVersion) -> Iterator[Sentence]:
        yield from _begun(live_until)

    def step(version: StrategyVersion) -> dict[str, Any]:
        version.state, version.live_until = StrategyState.RETIRED, live_until
        return {"live_until": live_until.isoformat()}

    return _go(version_id, (StrategyState.LIVE,), "retired", step, at=at, by=by, wrong=wrong)


def _go(
    version_id: int,
    states: tuple[StrategyState, ...],
    kind: str,
    step: Callable[[StrategyVersion], dict[str, Any]],
    *,
    at: datetime,
    by: str,
    wrong: Callable[[StrategyVersion], Iterator[Sentence]] = lambda _version: iter(()),
) -> Answer:
    """Take a version one step on, held by its row, unless its state or something else forbids it."""
    with transaction.atomic():
        version = StrategyVersion.objects.select_for_update().get(pk=version_id)
        against = list(wrong(version))
        if version.state not in states:
            against.append(_out_of_turn(version, kind))
        if against:
            return against
        told = step(version)
        version.save()
        _remember(version, kind, told, at=at, by=by)
    return version


def _remember(version: StrategyVersion, kind: str, told: Mapping[str, Any], *, at: datetime, by: str) -> None:
    body = {"name": version.name, "number": version.number, "fingerprint": version.fingerprint, **told}
    events.append(chain=events.HOUSE, kind=f"strategy.{kind}", body=body, at=at, by=by)


# --- what keeps it from going on ----------------------------------------------------------------------------------

_SENTENCES = {
    "strategy_name": (
        "策略名称“{name}”应为小写字母、数字和连字符，不超过 40 个字符。",
        "A strategy is named in small letters, digits and hyphens, 40 at most; not {name!r}.",
    ),
    "strategy_arms": ("分组应写明种子，各组份额相加须等于 1：{arms}。", "Arms need a seed, and shares that add up to 1: {arms}."),
    "not_a_person": (
        "“{by}”不是在职的运营人员；策略须由本人签署。",
        "{by!r} is no active member of operations; strategies are signed by people.",
    ),
    "same_person": (
        "“{title}”由 {by} 起草，须由另一人批准。",
        "{title} was made by {by}; it takes another person to approve it.",
    ),
    "no_decision": ("模型没有决策“{decision}”，有：{there}。", "The model has no decision {decision!r}; it has {there}."),
    "which_decision": (
        "模型有多个最终决策（{there}），请指明一个。",
        "The model ends in several decisions ({there}); name one of them.",
    ),
    "out_of_turn": ("“{title}”现为“{state}”，不能{act}。", "{title} is {state_en}; it cannot be {act_en}."),
    "not_proved": (
        "“{title}”检查未通过（{number} 项），请更正后另存为新版本。",
        "{title} did not pass its check ({number} findings); mend it as a new version.",
    ),
    "not_simulated": (
        "“{title}”尚未模拟，请先在已封存的夜间上模拟：anhuan strategy simulate {title} --from D --to D。",
        "{title} was never simulated; try it on sealed nights first: anhuan strategy simulate {title} --from D --to D.",
    ),
    "no_simulation": (
        "“{title}”的模拟须至少包含一个已封存的夜间，且出自同一模型。",
        "A simulation of {title} needs at least one sealed night, and the same model.",
    ),
    "night_begun": (
        "业务日期 {day} 的夜间处理已经开始；最早可从 {day} 之后的日期起生效。",
        "The night of {day} has begun; a later business date is needed.",
    ),
    "another_goes_live": (
        "“{title}”已定于 {day} 生效；请先停用它，或选择更晚的日期。",
        "{title} goes live on {day}; retire it first, or choose a later date.",
    ),
}  # fmt: skip
_STATES_ZH = {
    StrategyState.DRAFT: "草稿", StrategyState.CHECKED: "已检查", StrategyState.SIMULATED: "已模拟",
    StrategyState.APPROVED: "已批准", StrategyState.LIVE: "已生效", StrategyState.RETIRED: "已停用",
}  # fmt: skip
_ACTS_ZH = {"checked": "检查", "simulated": "模拟", "approved": "批准", "live": "生效", "retired": "停用"}


def _said(code: str, **facts: object) -> Sentence:
    zh, en = _SENTENCES[code]
    return Sentence(code, zh.format(**facts), en.format(**facts))


def _out_of_turn(version: StrategyVersion, kind: str) -> Sentence:
    if version.state == StrategyState.DRAFT and version.findings:
        return _said("not_proved", title=version.title, number=len(version.findings))
    if version.state == StrategyState.CHECKED and kind == "approved":
        return _said("not_simulated", title=version.title)
    state = StrategyState(version.state)
    act = {"live": "put live"}.get(kind, kind)
    return _said(
        "out_of_turn", title=version.title, state=_STATES_ZH[state], state_en=state.value, act=_ACTS_ZH[kind], act_en=act
    )


def _not_a_person(by: str) -> Iterator[Sentence]:
    if not Staff.objects.filter(username=by, is_active=True, role__in=roles_that_may(Right.SIGN)).exists():
        yield _said("not_a_person", by=by)


def _bad_name(name: str) -> Iterator[Sentence]:
    if not _NAME.fullmatch(name):
        yield _said("strategy_name", name=name)


def _bad_arms(arms: Mapping[str, str], seed: str) -> Iterator[Sentence]:
    try:
        experiments.assignment(arms, seed=seed)
    except (ValueError, ZeroDivisionError):
        yield _said("strategy_arms", arms=", ".join(f"{arm}={share}" for arm, share in arms.items()))


def _begun(day: date) -> Iterator[Sentence]:
    """A night that has begun keeps the strategy it began with, however often it is run again."""
    latest = Night.objects.exclude(status=NightStatus.REPLACED).aggregate(day=Max("business_date"))["day"]
    if latest is not None and day <= latest:
        yield _said("night_begun", day=latest)


def _live() -> Any:
    return StrategyVersion.objects.filter(state=StrategyState.LIVE)


# --- the model ----------------------------------------------------------------------------------------------------


def decision_of(model: Model, decision: str | None = None) -> str:
    """The decision asked for, by default the only one that no other rests on. Raises ModelRefused when there is none such."""
    decisions = model.decisions()
    needed = {identity for node in decisions for identity in node.requires}
    last = [node.name for node in decisions if node.id not in needed]
    if decision is None and len(last) != 1:
        said = _said("which_decision", there=", ".join(last))
        raise ModelRefused(said.zh, said.en)
    found = model.named(decision, "decision") if decision is not None else model.named(last[0], "decision")
    if found is None:
        said = _said("no_decision", decision=decision, there=", ".join(node.name for node in decisions))
        raise ModelRefused(said.zh, said.en)
    return found.name


_FOUND: Mapping[str, tuple[str, str]] = {
    "gaps": ("“{table}”有遗漏，没有规则覆盖：{what}", "{table}: no rule answers {what}"),
    "overlaps": ("“{table}”有重叠：{what}", "{table}: rules overlap: {what}"),
    "unreachable": ("“{table}”第 {what} 条规则永远不会命中", "{table}: rule {what} can never fire"),
    "bad_outputs": ("“{table}”有不允许的输出：{what}", "{table}: an output is not allowed: {what}"),
    "not_proved": ("“{table}”未能证明：{what}", "{table}: not proved: {what}"),
}


def findings_on(data: bytes, decision: str, seconds: float) -> Iterator[dict[str, Any]]:
    """What keeps a model from going live: whatever the prover found, and what does not run in columns. Raises ModelRefused."""
    model = Model(data)
    for table, found in prove.check(model, seconds=seconds)["decisions"].items():
        for code, items in found.items():
            zh, en = _FOUND[code]
            for item in items:
                told = {"table": table, "what": item if isinstance(item, str) else write_json(item)}
                kept = {"what": json.loads(write_json(item))}
                yield _finding(code, table, f"{zh.format(**told)}。", f"{en.format(**told)}.") | kept
    try:
        strategy.propose(ibis.table(strategy.INPUTS, name="inputs"), model, decision)
    except strategy.NotColumnar as refused:
        for refusal in refused.refusals:
            yield _finding("not_columnar", refusal.decision, refusal.zh, refusal.en)
    except ModelRefused as refused:
        yield _finding("model_refused", decision, refused.zh, refused.en)


def _finding(code: str, decision: str, zh: str, en: str) -> dict[str, str]:
    return {"code": code, "decision": decision, "message_zh": zh, "message_en": en}
