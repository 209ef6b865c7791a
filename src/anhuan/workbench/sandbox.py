"""The sandbox's phone: what would have left the house, as the person would see it, and her answers.

Knows the sandbox's folder. Exists only where the sandbox may be used by hand: not in production, and for staff who may see personal
data. Answers pass the same ears as those of a real channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from anhuan import clock
from anhuan.channels.sandbox import folder
from anhuan.channels.sandbox.folder import Posted
from anhuan.core.vocabulary import Channel
from anhuan.records.identity import mask_email, mask_phone
from anhuan.workbench.frame import may_reveal, page, reader

SHOWN = 60


@dataclass(frozen=True)
class Thread:
    """What one address was sent last; `key` names it on the page without naming the address."""

    key: str
    masked: str
    last: Posted


@page
@require_GET
def sandbox(request: HttpRequest) -> HttpResponse:
    """The last messages by address, and the one that is open as a phone, a mailbox or a letter shows it."""
    place = _place(request)
    everything = folder.outbox(place) if place.exists() else []
    channels = [channel.value for channel in Channel if any(each.channel is channel for each in everything)]
    channel = request.GET.get("channel", "")
    if channel not in channels:
        channel = Channel.SMS.value if Channel.SMS in channels else next(iter(channels), "")
    posted = [each for each in everything if each.channel == channel][:SHOWN]
    wanted = request.GET.get("m", "")
    shown = next((each for each in posted if _key(each) == wanted), posted[0] if posted else None)
    conversation = [each for each in reversed(posted) if shown and each.message.to == shown.message.to]
    context = {
        "threads": _threads(posted),
        "shown": shown,
        "key": _key(shown) if shown else "",
        "conversation": conversation,
        "channels": channels,
        "channel": channel,
        "answerable": shown is not None and shown.channel in {Channel.SMS, Channel.CALL, Channel.EMAIL, Channel.PORTAL_PUSH},
    }
    part = request.htmx and not request.htmx.boosted  # type: ignore[attr-defined]
    return render(request, "workbench/_sandbox.html" if part else "workbench/sandbox.html", context)


@page
@require_POST
@sensitive_post_parameters("text")
def answer(request: HttpRequest) -> HttpResponse:
    """Say something from the phone that is open."""
    place = _place(request)
    key, text = request.POST.get("m", ""), request.POST.get("text", "").strip()
    shown = next((each for each in folder.outbox(place) if _key(each) == key), None)
    if shown is None:
        raise Http404
    if text:
        folder.reply(place, shown.message.to, text[:2000], at=clock.now(), channel=shown.channel)
    response = redirect("sandbox")
    response["Location"] += f"?channel={shown.channel.value}&m={key}"
    return response


def _place(request: HttpRequest) -> Path:
    if settings.ANHUAN_PRODUCTION:
        raise Http404
    if not may_reveal(reader(request)):
        raise PermissionDenied
    return Path(settings.ANHUAN_HOME) / "sandbox"


def _key(posted: Posted) -> str:
    return folder.reference(posted.attempt_id)


def _threads(posted: list[Posted]) -> list[Thread]:
    """One line an address, the newest first."""
    latest: dict[str, Posted] = {}
    for each in posted:
        latest.setdefault(each.message.to, each)
    return [Thread(_key(each), _masked(each), each) for each in latest.values()]


def _masked(posted: Posted) -> str:
    to = posted.message.to
    return mask_email(to) if "@" in to else mask_phone(to) if posted.channel is not Channel.LETTER else "✉"
