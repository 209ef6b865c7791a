"""The outbox: campaigns with how far they are, the channels that carry them, one campaign's messages, and the button that stops it.

Knows how campaigns and health are read, and the one act of these pages. Does not know how anything is sent. What a message says
stands on its own page, whose look is remembered (`message`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from anhuan import clock
from anhuan.acts import identity as looks
from anhuan.acts import law, retention, sending
from anhuan.acts import outbox as acts
from anhuan.records import access, identity
from anhuan.records.outbox import UNDER_WAY, Campaign, ChannelHealth, ItemState, OutboxItem, Receipt, Reply, counts
from anhuan.records.staff import Right
from anhuan.workbench import figures
from anhuan.workbench.frame import may_reveal, page, reader, viewed

SHOWN = 60
PER_PAGE = 100
_SILENT = timedelta(seconds=60)


@dataclass(frozen=True)
class Line:
    """A campaign as the list shows it: its messages in all and by state, and how many are still under way."""

    campaign: Campaign
    items: int
    under_way: int
    parts: list[figures.Slice]


@page
@require_GET
def outbox(request: HttpRequest) -> HttpResponse:
    """Campaigns, newest first, and the channels; while something is under way the page asks again by itself."""
    found = lines()
    newest = max((line.campaign.business_date for line in found), default=None)
    now_ones = [line for line in found if line.under_way or line.campaign.business_date == newest]
    context = {
        "lines": now_ones, "earlier": [line for line in found if line not in now_ones], "channels": channels(clock.now()),
        "replies": _replies(),
    }  # fmt: skip
    part = request.htmx and not request.htmx.boosted  # type: ignore[attr-defined]
    return render(request, "workbench/_outbox.html" if part else "workbench/outbox.html", context)


def lines() -> list[Line]:
    campaigns = list(Campaign.objects.all()[:SHOWN])
    told = counts(campaigns)
    return [_line(campaign, told.get(campaign.pk, {})) for campaign in campaigns]


def _line(campaign: Campaign, told: dict[str, int]) -> Line:
    return Line(
        campaign,
        sum(told.values()),
        sum(told.get(state, 0) for state in UNDER_WAY),
        figures.stack([(state.value, told.get(state, 0)) for state in ItemState if told.get(state)]),
    )


def channels(at: datetime) -> list[tuple[ChannelHealth, bool]]:
    """The transports of running senders, and whether each has been heard of within a minute."""
    return [(health, abs(health.at - at) < _SILENT) for health in ChannelHealth.objects.order_by("carrier", "worker")]


def _replies() -> list[Reply]:
    return list(Reply.objects.order_by("-heard_at")[:20])


@page
@require_GET
def campaign(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    """One campaign: its messages, by state."""
    found = get_object_or_404(Campaign, pk=campaign_id)
    state = request.GET.get("state", "")
    items = OutboxItem.objects.filter(campaign=found).order_by("customer_id")
    if state in set(ItemState):
        items = items.filter(state=state)
    context: dict[str, Any] = {
        "line": _line(found, counts([found]).get(found.pk, {})),
        "states": [each.value for each in ItemState],
        "state": state,
        "items": Paginator(items, PER_PAGE).get_page(request.GET.get("page")),
        "may_stop": reader(request).may(Right.SIGN),
        "given_up": sending.given_up(found, at=clock.now()).count(),
        "give_up_days": sending.GIVE_UP.days,
    }
    return render(request, "workbench/campaign.html", context)


@page
@require_POST
def stop(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    """Stop a campaign at once."""
    if not reader(request).may(Right.SIGN):
        raise PermissionDenied
    found = get_object_or_404(Campaign, pk=campaign_id)
    acts.stop(found.pk, reason=request.POST.get("reason", ""), at=clock.now(), by=reader(request).get_username())
    return redirect("campaign", campaign_id=campaign_id)


@page
@require_POST
def count_as_sent(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    """Close what nobody will answer for any more: it counts as sent."""
    if not reader(request).may(Right.SIGN):
        raise PermissionDenied
    found = get_object_or_404(Campaign, pk=campaign_id)
    by = reader(request).get_username()
    sending.count_as_sent(found.pk, reason=request.POST.get("reason", ""), at=clock.now(), by=by)
    return redirect("campaign", campaign_id=campaign_id)


@page
@require_GET
def messages(request: HttpRequest, case_id: str) -> HttpResponse:
    """The part of a case page that lists what was sent to her and what she wrote."""
    if access.case(reader(request), case_id, events=0) is None:
        raise Http404
    sent = OutboxItem.objects.filter(customer_id=case_id).select_related("campaign").order_by("-changed_at")[:30]
    heard = Reply.objects.filter(customer_id=case_id).order_by("-heard_at")[:30]
    context = {"case_id": case_id, "sent": sent, "heard": heard, "may_reveal": may_reveal(reader(request))}
    return render(request, "workbench/_messages.html", context)


@page
@require_POST
def message(request: HttpRequest, row_id: UUID) -> HttpResponse:
    """What one message or reply says, in clear, with its receipts; the look is remembered on the case."""
    if not may_reveal(reader(request)):
        raise PermissionDenied
    item = OutboxItem.objects.filter(pk=row_id).select_related("campaign").first()
    reply = None if item else get_object_or_404(Reply, pk=row_id)
    customer_id = item.customer_id if item else reply.customer_id if reply else ""
    if customer_id and not access.may_see_case(reader(request), customer_id):
        raise Http404
    now, said = clock.now(), identity.said([row_id]).get(row_id, {})
    if customer_id:
        viewed(request, [customer_id], clear=bool(said))
    if customer_id and said:
        looks.look_at_message(customer_id, row_id, at=now, by=reader(request).get_username())
    made = item.changed_at if item else reply.heard_at if reply else now
    context = {
        "item": item,
        "reply": reply,
        "said": said,
        "erased": None if said else retention.erased(row_id, customer_id),
        "kept": retention.words_kept_until(customer_id, made, packs=law.in_force(now).packs, at=now) if said else None,
        "receipts": Receipt.objects.filter(item_id=row_id).order_by("id"),
    }
    return render(request, "workbench/_message.html", context)
