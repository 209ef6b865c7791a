"""The acts on wordings: a version is drafted, checked, approved by a second person, in force from a day, and retired.

Knows the way a version goes and what keeps it from going on; each step leaves one event in the house's chain. What a text may
say is judged anew at every step, under the law of the day it is for (`rulebook.letters`), and once more, filled, before it is
sent (`filled`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from anhuan.records import events
from anhuan.records.staff import Right, Staff, roles_that_may
from anhuan.records.wording import WordingState, WordingVersion, live_on, versions
from anhuan.rulebook import letters
from anhuan.rulebook.letters import Fault, Filled, Wording

Answer = WordingVersion | list[Fault]


# --- the way of a version -----------------------------------------------------------------------------------------


def draft(wording: Wording, *, at: datetime, by: str) -> Answer:
    """Keep a wording as the next version of its key, with what the check has against it; or every reason why not.

    A wording that says what the latest version says is that version: nothing is written.
    """
    wrong = list(_not_a_person(by))
    if wrong:
        return wrong
    key = {"jurisdiction": wording.jurisdiction, "name": wording.name, "channel": wording.channel.value,
           "language": wording.language}  # fmt: skip
    with transaction.atomic():
        _hold_key(wording.key)
        latest = versions(**key).last()
        if latest is not None and latest.fingerprint == wording.fingerprint:
            return latest
        findings = _judged(wording, _day(at))
        version = WordingVersion.objects.create(
            **key, number=latest.number + 1 if latest else 1, purpose=wording.purpose.value, document=wording.document(),
            fingerprint=wording.fingerprint, state=WordingState.DRAFT, made_at=at, made_by=by,
            findings=findings,
        )  # fmt: skip
        _remember(version, "drafted", {"findings": len(findings)}, at=at, by=by)
    return version


def check(version_id: int, *, at: datetime, by: str) -> Answer:
    """Judge a version under the law of today; `findings` then say what is against it. Without any it is `checked`."""
    findings = _judged(WordingVersion.objects.get(pk=version_id).wording, _day(at))

    def step(version: WordingVersion) -> dict[str, Any]:
        version.findings, version.checked_at, version.checked_by = findings, at, by
        version.state = WordingState.DRAFT if findings else WordingState.CHECKED
        return {"findings": len(findings)}

    return _go(version_id, (WordingState.DRAFT, WordingState.CHECKED), "checked", step, at=at, by=by)


def approve(version_id: int, *, at: datetime, by: str) -> Answer:
    """A second person, not the author, answers for a version that was checked."""

    def wrong(version: WordingVersion) -> Iterator[Fault]:
        yield from _not_a_person(by)
        if by == version.made_by:
            yield _said("same_person", by=by, title=version.title)
        yield from _no_longer_clean(version, _day(at))

    def step(version: WordingVersion) -> dict[str, Any]:
        version.state, version.approved_at, version.approved_by = WordingState.APPROVED, at, by
        return {"made_by": version.made_by}

    return _go(version_id, (WordingState.CHECKED,), "approved", step, at=at, by=by, wrong=wrong)


def go_live(version_id: int, *, live_from: date, at: datetime, by: str) -> Answer:
    """An approved version is used from a day on, today at the earliest; whatever was in force before ends there."""

    def wrong(version: WordingVersion) -> Iterator[Fault]:
        yield from _past(live_from, at)
        yield from _no_longer_clean(version, live_from)
        later = _live(version).filter(live_from__gte=live_from).first()
        if later is not None:
            yield _said("another_goes_live", title=later.title, day=later.live_from)

    def step(version: WordingVersion) -> dict[str, Any]:
        for before in _live(version).filter(live_until=None):
            before.live_until, before.state = live_from, WordingState.RETIRED
            before.save(update_fields=["live_until", "state"])
        version.state, version.live_from = WordingState.LIVE, live_from
        return {"live_from": live_from.isoformat()}

    return _go(version_id, (WordingState.APPROVED,), "live", step, at=at, by=by, wrong=wrong)


def retire(version_id: int, *, live_until: date, at: datetime, by: str) -> Answer:
    """A version is no longer used from a day on, and nothing takes its place."""

    def wrong(_version: WordingVersion) -> Iterator[Fault]:
        yield from _past(live_until, at)

    def step(version: WordingVersion) -> dict[str, Any]:
        version.state, version.live_until = WordingState.RETIRED, live_until
        return {"live_until": live_until.isoformat()}

    return _go(version_id, (WordingState.LIVE,), "retired", step, at=at, by=by, wrong=wrong)


def _go(
    version_id: int,
    states: tuple[WordingState, ...],
    kind: str,
    step: Callable[[WordingVersion], dict[str, Any]],
    *,
    at: datetime,
    by: str,
    wrong: Callable[[WordingVersion], Iterator[Fault]] = lambda _version: iter(()),
) -> Answer:
    """Take a version one step on, its key held, unless its state or something else forbids it."""
    with transaction.atomic():
        _hold_key(WordingVersion.objects.get(pk=version_id).key)
        version = WordingVersion.objects.select_for_update().get(pk=version_id)
        against = list(wrong(version))
        if version.state not in states:
            against.append(_out_of_turn(version, kind))
        if against:
            return against
        told = step(version)
        version.save()
        _remember(version, kind, told, at=at, by=by)
    return version


def _hold_key(key: str) -> None:
    """Nobody else drafts, or takes on, a version of the same wording until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"wording:{key}"])


def _remember(version: WordingVersion, kind: str, told: Mapping[str, Any], *, at: datetime, by: str) -> None:
    body = {"wording": version.key, "number": version.number, "fingerprint": version.fingerprint, **told}
    events.append(chain=events.HOUSE, kind=f"wording.{kind}", body=body, at=at, by=by)


# --- before it is sent --------------------------------------------------------------------------------------------


def filled(
    name: str, values: Mapping[str, Any], *, jurisdiction: str, channel: str, language: str, on: date
) -> tuple[WordingVersion, Filled] | list[Fault]:
    """The wording in force on a day, filled and checked once more as it will be read, with its version; or why it may not go."""
    version = live_on(on, jurisdiction=jurisdiction, name=name, channel=channel, language=language)
    if version is None:
        return [_said("none_in_force", key=f"{jurisdiction}/{name}/{channel}/{language}", day=on)]
    answer = letters.ready(version.wording, values)
    return (version, answer) if isinstance(answer, Filled) else list(answer)


# --- what keeps it from going on ----------------------------------------------------------------------------------

_SENTENCES = {
    "not_a_person": (
        "“{by}”不是有权签署文本的在职人员；文本须由本人签署。",
        "{by!r} is nobody here who may sign for wordings; they are signed by people.",
    ),
    "same_person": (
        "“{title}”由 {by} 起草，须由另一人批准。",
        "{title} was made by {by}; it takes another person to approve it.",
    ),
    "out_of_turn": ("“{title}”现为“{state}”，不能{act}。", "{title} is {state_en}; it cannot be {act_en}."),
    "not_clean": (
        "“{title}”检查未通过（{number} 项），请更正后另存为新版本。",
        "{title} did not pass its check ({number} findings); mend it as a new version.",
    ),
    "past": ("日期 {day} 已过；最早可为今日。", "{day} is past; today is the earliest."),
    "another_goes_live": (
        "“{title}”已定于 {day} 启用；请先停用它，或选择更晚的日期。",
        "{title} is in force from {day}; retire it first, or choose a later day.",
    ),
    "none_in_force": ("{day} 没有启用中的文本 {key}。", "No version of {key} is in force on {day}."),
}  # fmt: skip
_STATES_ZH = {
    WordingState.DRAFT: "草稿", WordingState.CHECKED: "已检查", WordingState.APPROVED: "已批准", WordingState.LIVE: "已启用",
    WordingState.RETIRED: "已停用",
}  # fmt: skip
_ACTS_ZH = {"checked": "检查", "approved": "批准", "live": "启用", "retired": "停用"}


def _said(code: str, **facts: object) -> Fault:
    zh, en = _SENTENCES[code]
    return Fault(code, "", zh.format(**facts), en.format(**facts))


def _out_of_turn(version: WordingVersion, kind: str) -> Fault:
    if version.state == WordingState.DRAFT and version.findings:
        return _said("not_clean", title=version.title, number=len(version.findings))
    state = WordingState(version.state)
    act = {"live": "put in force"}.get(kind, kind)
    return _said(
        "out_of_turn", title=version.title, state=_STATES_ZH[state], state_en=state.value, act=_ACTS_ZH[kind], act_en=act
    )


def _not_a_person(by: str) -> Iterator[Fault]:
    if not Staff.objects.filter(username=by, is_active=True, role__in=roles_that_may(Right.SIGN)).exists():
        yield _said("not_a_person", by=by)


def _no_longer_clean(version: WordingVersion, on: date) -> Iterator[Fault]:
    """What law, or the lists of phrases, say today that they did not say when it was checked."""
    findings = _judged(version.wording, on)
    if findings:
        yield _said("not_clean", title=version.title, number=len(findings))


def _judged(wording: Wording, on: date) -> list[dict[str, Any]]:
    return letters.judge(wording, on=on).document()


def _past(day: date, at: datetime) -> Iterator[Fault]:
    """What was in force on a day that is over stays as it was."""
    if day < _day(at):
        yield _said("past", day=day)


def _day(at: datetime) -> date:
    return timezone.localtime(at).date()


def _live(version: WordingVersion) -> Any:
    same = versions(jurisdiction=version.jurisdiction, name=version.name, channel=version.channel, language=version.language)
    return same.filter(state=WordingState.LIVE).exclude(pk=version.pk)
