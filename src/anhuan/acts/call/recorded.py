"""What the exchange tells of a softphone's call: how the line ended, for the wrap-up that is open, and what was recorded.

Knows that both lie at the exchange until we have them, so that nothing is lost by whoever dies in between: a recording is on our disk and
its event written before it is deleted there. Does not know how the exchange is asked.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.utils import timezone

from anhuan.acts import lasting
from anhuan.acts.call.leading import report
from anhuan.acts.customer import held
from anhuan.acts.dispatch import telephone
from anhuan.acts.dispatch.telephone import RECORDED, Line, OutOfReach
from anhuan.records.call import Call, Way
from anhuan.records.events import HOUSE, Event

NOT_PICKED_UP = "not_picked_up"


def ended(call: Call, *, home: Path, at: datetime) -> Line | str | None:
    """How the line of an open call ended, kept as where its wrap-up begins; None while it has not, or nobody tells.

    `NOT_PICKED_UP`: the collector's own telephone is quiet and nothing was dialled, as far as the exchange tells. The contact counts even
    so: only the collector knows (the stricter reading).
    """
    exchange = telephone.asked(home)
    if call.way != Way.SOFTPHONE or call.closed_at is not None or exchange is None or not exchange.tells:
        return None
    try:
        rings = exchange.rings(str(call.call_id))  # asked first: a plan that comes to its end in between has then told
        line = exchange.line(str(call.call_id))
        if line is None:
            return None if rings or exchange.dialled(str(call.call_id)) else NOT_PICKED_UP
    except OutOfReach:
        return None
    report(str(call.call_id), line.line_result, code=_LINE_CODES.get(line.code, ""), at=at)
    return line


_LINE_CODES = {"q850:21": "RJ"}
"""Causes for which the code book has a word of its own beside the line's result."""


def collect(home: Path, *, at: datetime, by: str) -> int:
    """Fetch what was recorded of calls that are wrapped up, each with an event that keeps digest and last day; how many.

    The exchange forgets a call then; of one on which nobody talked there is nothing to keep.
    """
    exchange = telephone.asked(home)
    fetched = 0
    if exchange is None or not exchange.tells:
        return 0
    with suppress(OutOfReach):
        for name in exchange.recorded():
            call = _call(name)
            if call is None or exchange.rings(name):
                continue  # of somebody else, or they are still talking
            wav = exchange.recording(name)
            if wav:
                _keep(call, wav, told=exchange.kept, at=at, by=by)
            exchange.forget(name)
            fetched += bool(wav)
    return fetched


def _call(name: str) -> Call | None:
    try:
        return Call.objects.filter(pk=UUID(name), contact_id__isnull=False, closed_at__isnull=False).first()
    except ValueError:
        return None


def _keep(call: Call, wav: bytes, *, told: tuple[Path, int], at: datetime, by: str) -> None:
    """The file first, durable, and then its event, once; the customer is held, for several senders may fetch one recording at once."""
    folder, days = told
    name = f"{RECORDED}{call.call_id}.wav"
    with held(call.customer_id, at=at, by=by) as customer:
        lasting.put(folder / name, wav)
        chains = Event.objects.filter(chain__in=[call.customer_id, HOUSE], kind="call.recorded", body__call=str(call.call_id))
        if chains.exists():
            return
        keep_until = timezone.localtime(call.opened_at).date() + timedelta(days=days)
        recording = {"file": name, "sha256": hashlib.sha256(wav).hexdigest(), "keep_until": keep_until.isoformat()}
        customer.remember("call.recorded", {"call": str(call.call_id), "contact": str(call.contact_id), "recording": recording})
