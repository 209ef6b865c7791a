"""The gate on the page of a case: what it says of every contact the file offers, now, and all it says of one.

Knows how verdicts are drawn; asks `acts.desk`, which writes nothing. Points are shown masked and asked for by their ids; no
address holds anything personal. Nothing is sent from here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from anhuan import clock
from anhuan.acts import desk
from anhuan.acts import law as laws
from anhuan.acts.desk import Preview
from anhuan.acts.dispatch import Unfit
from anhuan.core.facts import Attempt
from anhuan.core.law import Law
from anhuan.core.vocabulary import LineResult, Purpose
from anhuan.records import access, identity
from anhuan.records import attempt as attempts
from anhuan.records.attempt import Fault
from anhuan.records.contact import Contact, State
from anhuan.records.facts import Known
from anhuan.records.identity import Person
from anhuan.workbench import words
from anhuan.workbench.frame import page, reader

# What the address of an explanation may name, under the names of `core.facts.Attempt`.
_NAMED = ("channel", "party", "purpose", "person", "point")


@dataclass(frozen=True)
class Button:
    """A contact the file offers: the channel's word stands on it, and where it would go, masked."""

    attempt: Attempt
    where: str
    kind: str
    query: str


@dataclass
class Answer:
    """What the gate says of one or several buttons alike: permitted, or refused for `reasons`; or why it cannot be asked.

    `third`: the people are only asked where the debtor is.
    """

    permitted: bool
    third: bool
    reasons: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    opens: str = ""
    buttons: list[Button] = field(default_factory=list)


@page
@require_GET
def gate(request: HttpRequest, case_id: str) -> HttpResponse:
    """The panel of a case: every contact judged now; a page of its own without htmx."""
    if not access.may_see_case(reader(request), case_id):
        raise Http404
    now = clock.now()
    law = laws.in_force(now)
    context = {"case_id": case_id, "now": now, "law": law, "answers": answers(case_id, law, now)}
    return render(request, "workbench/_gate.html" if request.htmx else "workbench/gate.html", context)  # type: ignore[attr-defined]


@page
@require_GET
def explanation(request: HttpRequest, case_id: str) -> HttpResponse:
    """Everything the gate says of one contact now: all reasons, the values seen, how it would be made, under which law."""
    if not access.may_see_case(reader(request), case_id):
        raise Http404
    now = clock.now()
    law = laws.in_force(now)
    named = {name: request.GET[name][:100] for name in _NAMED if request.GET.get(name)}
    answer = desk.explain(case_id, named, law=law, at=now)
    context = {
        "case_id": case_id, "now": now, "law": law, "answer": answer, "unfit": isinstance(answer, Unfit), "named": named,
        "where": _places(case_id).get(named.get("point", ""), ("", ""))[0],
    }  # fmt: skip
    if not isinstance(answer, Unfit):
        context |= {"told": answer.document(), "opens": opens(answer.opens_at, now), "how": _how(answer.attempt)}
    return render(request, "workbench/_explanation.html" if request.htmx else "workbench/explanation.html", context)  # type: ignore[attr-defined]


def answers(case_id: str, law: Law, now: datetime) -> list[Answer]:
    """The buttons of a case, those with the same answer together, to collect before to ask where she is."""
    places = _places(case_id)
    told: dict[tuple[Any, ...], Answer] = {}
    for attempt, preview in desk.previews(case_id, law=law, at=now):
        third = attempt.purpose is Purpose.LOCATE
        answer = _answer(preview, now, third=third)
        key = (third, answer.permitted, answer.opens, *((each["rule"], each["message_zh"]) for each in answer.reasons))
        kept = told.setdefault((*key, *answer.faults), answer)
        where, kind = places.get(attempt.point, ("", ""))
        query = urlencode({name: value for name in _NAMED if (value := getattr(attempt, name)) not in ("", None)})
        kept.buttons.append(Button(attempt, where, kind, query))
    return sorted(told.values(), key=lambda answer: answer.third)


@dataclass(frozen=True)
class Budget:
    """What is left of a channel today: how many contacts the caps leave, or why none, and by which points. Channels that are refused
    for one and the same reason stand together.
    """

    channels: tuple[str, ...]
    permitted: bool
    left: int | None
    reason: dict[str, Any] | None
    opens: str
    buttons: tuple[Button, ...]


def strip(
    case_id: str, law: Law, now: datetime, *, known: Known, person: Person | None, late: Collection[str]
) -> tuple[list[Budget], list[Budget]]:
    """The channels to the customer and those to other people, each as its best point stands; permitted points first."""
    places = _where(person)
    found: dict[tuple[bool, str], list[tuple[Preview, Button]]] = {}
    for attempt, preview in desk.previews(case_id, law=law, at=now, known=known, late=late):
        if isinstance(preview, Unfit):
            continue
        where, kind = places.get(attempt.point, ("", ""))
        query = urlencode({name: value for name in _NAMED if (value := getattr(attempt, name)) not in ("", None)})
        key = (attempt.purpose is Purpose.LOCATE, attempt.channel.value)
        found.setdefault(key, []).append((preview, Button(attempt, where, kind, query)))
    told: dict[tuple[Any, ...], Budget] = {}
    for (third, channel), each in found.items():
        budget = _budget(channel, each, now)
        same = channel if budget.permitted else (budget.opens, (budget.reason or {}).get("message_zh"))
        before = told.get((third, same))
        told[third, same] = replace(before, channels=(*before.channels, channel)) if before else budget
    return [b for (third, _s), b in told.items() if not third], [b for (third, _s), b in told.items() if third]


def _budget(channel: str, found: list[tuple[Preview, Button]], now: datetime) -> Budget:
    def rank(each: tuple[Preview, Button]) -> tuple[bool, datetime, bool]:
        latest = datetime.max.replace(tzinfo=now.tzinfo)
        return each[0].verdict.permitted is False, each[0].opens_at or latest, each[1].kind != "mobile"

    found = sorted(found, key=rank)
    best = found[0][0]
    permitted = best.verdict.permitted
    document = best.document()
    return Budget(
        (channel,), permitted, best.left, None if permitted else next(iter(document["reasons"]), None),
        "" if permitted else opens(best.opens_at, now),
        tuple(button for preview, button in found if preview.verdict.permitted or not permitted),
    )  # fmt: skip


def _answer(preview: desk.Preview | Unfit, now: datetime, *, third: bool) -> Answer:
    if isinstance(preview, Unfit):
        return Answer(permitted=False, third=third, faults=preview.faults)
    document = preview.document()
    permitted = document["verdict"] == "permit"
    return Answer(permitted, third, document["reasons"], opens="" if permitted else opens(preview.opens_at, now))


def _places(case_id: str) -> dict[str, tuple[str, str]]:
    """Contact points by id: the masked value, and the kind for its drawing."""
    return _where(identity.masked(case_id))


def _where(person: Person | None) -> dict[str, tuple[str, str]]:
    return {str(point.point_id): (point.value, point.kind) for point in person.points} if person else {}


def opens(at: datetime | None, now: datetime) -> str:
    """When a contact would be permitted, as one says it where the bank is; empty when nobody knows."""
    if at is None:
        return ""
    local, today = timezone.localtime(at), timezone.localtime(now).date()
    told = {"time": local.strftime("%H:%M"), "day": local.date().isoformat()}
    days = (local.date() - today).days
    if days == 0:
        return _("from %(time)s today") % told
    if days == 1:
        return _("from %(time)s tomorrow") % told
    return _("from %(time)s on %(day)s") % told


def _how(attempt: Attempt) -> list[tuple[str, str, bool]]:
    """How the contact would be made: each attribute that is stated, its value, and whether that is a list of machine words."""
    plain = {"id", "channel", "party", "purpose", "debts", "actor", "person", "point"}
    told = {name: value for name, value in attempts.document(attempt).items() if name not in plain}
    return [
        (name, words.label("answer", value) if isinstance(value, bool) else ", ".join(value) or "–", isinstance(value, list))
        if isinstance(value, bool | list)
        else (name, str(value), False)
        for name, value in told.items()
    ]


# --- what was done ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Deed:
    """A contact or a refusal as a line: `tone` colours what became of it."""

    at: datetime
    channel: str
    party: str
    purpose: str
    actor: str
    by: str
    inbound: bool
    result: tuple[tuple[str, str], ...]
    tone: str
    topics: tuple[str, ...] = ()


_TONES: Mapping[str, str] = {
    State.STARTED: "running",
    State.COMPLETED: "sealed",
    State.VOID: "replaced",
    State.UNKNOWN: "warning",
}


def deed(contact: Contact) -> Deed:
    """What became of it: line and outcome where they are known, else its state."""
    result = tuple((table, word) for table, word in (("line", contact.line_result), ("outcome", contact.outcome)) if word)
    return Deed(
        at=contact.started_at, channel=contact.channel, party=contact.party, purpose=contact.purpose, actor=contact.actor,
        by=contact.by, inbound=contact.direction == "inbound",
        result=result if result and contact.state == State.COMPLETED else (("state", contact.state),),
        tone="plain" if contact.line_result not in {"", LineResult.CONNECTED} else _TONES[contact.state],
    )  # fmt: skip
