"""The sandbox's phone: what would have left the house, as the person would see it, and her answers.

Knows the sandbox's folder. Exists only where the sandbox may be used by hand: not in production, and for staff who may see personal
data. Answers pass the same ears as those of a real channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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
from anhuan.records import identity
from anhuan.records.contact import Contact, Permit
from anhuan.records.identity import mask_email, mask_phone
from anhuan.records.outbox import Reply
from anhuan.workbench.frame import may_reveal, page, reader

SHOWN = 60
_READ = 2000
"""So many of the last messages are looked at: a night of a large book fills the folder with many more."""


@dataclass(frozen=True)
class Thread:
    """What one address was sent last; `key` names it on the page without naming the address."""

    key: str
    masked: str
    last: Posted


@dataclass(frozen=True)
class Line:
    """A message or an answer of the conversation that is open; `reply` says what was made of an answer, None while nobody has heard it."""

    at: datetime | None
    text: str
    lang: str = "zh"
    subject: str = ""
    hers: bool = False
    reply: Reply | None = None


@page
@require_GET
def sandbox(request: HttpRequest) -> HttpResponse:
    """The last messages by address, and the one that is open as a phone, a mailbox or a letter shows it."""
    place = _place(request)
    everything = folder.outbox(place, limit=_READ) if place.exists() else []
    channels = [channel.value for channel in Channel if any(each.channel is channel for each in everything)]
    channel = request.GET.get("channel", "")
    if channel not in channels:
        channel = Channel.SMS.value if Channel.SMS in channels else next(iter(channels), "")
    posted = [each for each in everything if each.channel == channel][:SHOWN]
    wanted = request.GET.get("m", "")
    shown = next((each for each in posted if _key(each) == wanted), posted[0] if posted else None)
    conversation = _conversation(place, shown, posted) if shown else []
    context = {
        "threads": _threads(posted),
        "shown": shown,
        "key": _key(shown) if shown else "",
        "conversation": conversation,
        "unheard": any(line.hers and line.reply is None for line in conversation),
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
    shown = folder.posted(place, key)
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


def _conversation(place: Path, shown: Posted, posted: list[Posted]) -> list[Line]:
    """What was sent to the address that is open and what it answered, the oldest first."""
    sent = [
        Line(each.at, each.message.text, each.message.lang, each.message.subject)
        for each in posted
        if each.message.to == shown.message.to
    ]
    used = Permit.objects.filter(attempt_id=shown.attempt_id).values("used_by")
    customer = Contact.objects.filter(contact_id__in=used).values_list("customer_id", flat=True).first()
    replies = list(Reply.objects.filter(customer_id=customer or "-", source=shown.channel).order_by("-heard_at")[:SHOWN])
    said = identity.said([each.reply_id for each in replies])
    heard = [
        Line(each.at, str(said[each.reply_id]["text"]), hers=True, reply=each)
        for each in replies
        if said.get(each.reply_id, {}).get("from") == shown.message.to
    ]
    waiting = [Line(None, text, hers=True) for text in folder.unheard(place, shown.message.to)]
    return [*sorted([*sent, *heard], key=lambda line: line.at or shown.at), *waiting]


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
