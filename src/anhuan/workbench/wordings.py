"""The wordings of the bank: what may be said on every channel, each version with its preview, findings and signatures; and the
page on which one is written.

Knows how a preview is drawn, with what is wrong marked where it stands. Each step is an act (`acts.wording`); what a text means,
and what law wants of it, is `rulebook.letters`. A preview shows example values, never a customer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import yaml
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from anhuan import clock
from anhuan.acts import wording as acts
from anhuan.core.vocabulary import Channel
from anhuan.records.staff import Right
from anhuan.records.wording import WordingState, WordingVersion, live_among
from anhuan.rulebook import letters
from anhuan.rulebook.letters import Fault, Judged, Wording
from anhuan.workbench.compliance import day_of
from anhuan.workbench.frame import page, reader

_WAY = (WordingState.DRAFT, WordingState.CHECKED, WordingState.APPROVED, WordingState.LIVE)


def _today() -> date:
    return timezone.localtime(clock.now()).date()


# --- the list -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A wording in the list: its latest version, and the one that is used today."""

    latest: WordingVersion
    live: WordingVersion | None


@page
@require_GET
def wordings(request: HttpRequest) -> HttpResponse:
    """Every wording by name, narrowed by channel and language."""
    chosen = {name: request.GET.get(name, "") for name in ("channel", "language")}
    told = {name: value for name, value in chosen.items() if value}
    by_key: dict[str, list[WordingVersion]] = {}
    for each in WordingVersion.objects.filter(**told).defer("document"):
        by_key.setdefault(each.key, []).append(each)
    listed: dict[str, list[Row]] = {}
    for versions in by_key.values():
        listed.setdefault(versions[-1].name, []).append(Row(versions[-1], live_among(versions, _today())))
    context = {
        "listed": listed.items(), "chosen": chosen, "channels": [channel.value for channel in letters.PARTS],
        "languages": {"zh": "zh-CN", "en": "en"}, "count": len(by_key),
    }  # fmt: skip
    return render(request, "workbench/wordings.html", context)


# --- one version --------------------------------------------------------------------------------------------------


@page
@require_GET
def wording(request: HttpRequest, pk: int) -> HttpResponse:
    """A version as it will be read, what is against it today, what it discloses, and its way."""
    version = _version(pk)
    others = WordingVersion.objects.filter(
        jurisdiction=version.jurisdiction, name=version.name, channel=version.channel, language=version.language
    ).exclude(pk=pk)
    context = {
        "version": version, "others": others.order_by("-number"), "way": list(_way(version)), "today": _today(),
        "may_sign": reader(request).may(Right.SIGN), **_shown(version.wording),
    }  # fmt: skip
    return render(request, "workbench/wording.html", context)


def _version(pk: int) -> WordingVersion:
    found = WordingVersion.objects.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _way(version: WordingVersion) -> Iterator[dict[str, Any]]:
    reached = len(_WAY) if version.state == WordingState.RETIRED else _WAY.index(WordingState(version.state)) + 1
    for number, state in enumerate(_WAY):
        step = {"draft": "made", "live": ""}.get(state.value, state.value)
        at, by = (getattr(version, f"{step}_{what}") for what in ("at", "by")) if step else (None, "")
        yield {"state": state.value, "done": number < reached, "next": number == reached, "at": at, "by": by}


@page
@require_POST
def act(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a version one step on, signed by the reader; what is against it is told on its page."""
    if not reader(request).may(Right.SIGN):
        raise PermissionDenied
    version, day = _version(pk), day_of(request.POST.get("day", ""))
    at, by = clock.now(), reader(request).get_username()
    match request.POST.get("step", ""), day:
        case "check", _day:
            answer = acts.check(pk, at=at, by=by)
        case "approve", _day:
            answer = acts.approve(pk, at=at, by=by)
        case "live", date() as first:
            answer = acts.go_live(pk, live_from=first, at=at, by=by)
        case "retire", date() as first:
            answer = acts.retire(pk, live_until=first, at=at, by=by)
        case _:
            raise Http404
    if isinstance(answer, list):
        for fault in answer:
            messages.warning(request, _sentence(fault))
    return redirect("wording", version.pk)


# --- writing one --------------------------------------------------------------------------------------------------


@page
@require_GET
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """The page on which the next version of a wording is written, beginning with what this one says."""
    if not reader(request).may(Right.SIGN):
        raise PermissionDenied
    version = _version(pk)
    context = {
        "version": version, "parts": _fields(version.wording), "values": _yaml(version.document["values"]),
        "discloses": _yaml(version.document["discloses"], flow=False), "items": letters.ITEMS, **_shown(version.wording),
    }  # fmt: skip
    return render(request, "workbench/wording_edit.html", context)


def _fields(wording: Wording) -> list[tuple[str, str, bool]]:
    """Each part of the channel with its text and whether it must be there."""
    return [(part, wording.parts.get(part, ""), needed) for part, needed in letters.PARTS[wording.channel].items()]


def _yaml(told: Mapping[str, Any], *, flow: bool | None = None) -> str:
    return (
        yaml.safe_dump(dict(told), allow_unicode=True, sort_keys=False, width=10_000, default_flow_style=flow) if told else ""
    )


@page
@require_POST
def tried(request: HttpRequest, pk: int) -> HttpResponse:
    """What stands in the editor now, filled and judged; nothing is kept."""
    written, faults = _written(request, _version(pk))
    shown = _shown(written) if written else {"faults": faults, "parts_shown": []}
    return render(request, "workbench/_wording_shown.html", shown | {"unsaved": True})


@page
@require_POST
def save(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep what stands in the editor as the next version, a draft signed by the reader; or why it is no wording."""
    if not reader(request).may(Right.SIGN):
        raise PermissionDenied
    version = _version(pk)
    written, faults = _written(request, version)
    if written is not None:
        made = acts.draft(written, at=clock.now(), by=reader(request).get_username())
        if isinstance(made, WordingVersion):
            messages.success(request, _("Kept as %(title)s, a draft.") % {"title": made.title})
            return redirect("wording", made.pk)
        faults = made
    told = request.POST
    context = {
        "version": version, "parts": [(part, told.get(f"part_{part}", ""), needed) for part, _text, needed in _fields(version.wording)],
        "values": told.get("values", ""), "discloses": told.get("discloses", ""), "items": letters.ITEMS, "faults": faults,
        "parts_shown": [], "unsaved": True,
    }  # fmt: skip
    return render(request, "workbench/wording_edit.html", context, status=422)


def _written(request: HttpRequest, version: WordingVersion) -> tuple[Wording | None, list[Fault]]:
    """The wording a form holds, or what is wrong with it."""
    told, document = request.POST, dict(version.document)
    texts = {part: told.get(f"part_{part}", "").replace("\r\n", "\n") for part in letters.PARTS[Channel(version.channel)]}
    document["parts"] = {part: text for part, text in texts.items() if text.strip()}
    for field in ("values", "discloses"):
        try:
            read = yaml.safe_load(told.get(field, "")) or {}
        except yaml.YAMLError as wrong:
            line = wrong.problem_mark.line + 1 if isinstance(wrong, yaml.MarkedYAMLError) and wrong.problem_mark else 1
            return None, [Fault("bad_yaml", field, "不是有效的 YAML", "no valid YAML", line)]
        document[field] = read
    return letters.read_document(document)


# --- how it is drawn ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """A run of text: whether a finding is about it, and which (their numbers on the page)."""

    text: str
    numbers: tuple[int, ...] = ()


def _shown(wording: Wording) -> dict[str, Any]:
    """The preview with its findings, what the text discloses, and how long it is."""
    judged = letters.judge(wording, on=_today())
    due = dict.fromkeys((each.item, each.citation) for each in letters.demands(wording, on=_today()) if not each.forbidden)
    cut = letters.cut(judged.parts["text"]) if wording.channel is Channel.SMS else None
    return {
        "parts_shown": [(part, pieces(judged, part)) for part in letters.PARTS[wording.channel] if part in judged.parts],
        "faults": judged.faults, "found": [(number, part, each) for number, (part, each) in enumerate(judged.findings, start=1)],
        "disclosed": [(_named(item), passage) for item, passage in wording.discloses.items()],
        "due": [(_named(item), citation, item in wording.discloses) for item, citation in due], "cut": cut, "judged": judged,
        "writing": "zh-CN" if wording.language == "zh" else "en", "channel": wording.channel.value,
    }  # fmt: skip


def _named(item: str) -> str:
    zh, en = letters.ITEMS[item]
    return zh if (get_language() or "").startswith("zh") else en


def pieces(judged: Judged, part: str) -> list[Piece]:
    """A part cut where findings begin and end, so that each is marked where it stands; empty spans mark nothing."""
    text = judged.parts[part]
    spans = [(each.start, each.end, number) for number, (where, each) in enumerate(judged.findings, start=1) if where == part]
    edges = sorted({0, len(text), *(edge for start, end, _number in spans for edge in (start, end))})
    return [
        Piece(text[left:right], tuple(number for start, end, number in spans if start <= left and right <= end))
        for left, right in pairwise(edges)
    ]


def _sentence(fault: Fault) -> str:
    return fault.zh if (get_language() or "").startswith("zh") else fault.en
