"""The acts on long replies, which come in parts: each is kept, sealed, before its network hears that we have it, and joined when whole.

Knows nothing of what a reply means: the whole is handed to `acts.receipts`. A process may die between any two parts, and another
may hear the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from django.db import connection, transaction

from anhuan.acts import receipts
from anhuan.acts.receipts import BY, Taken
from anhuan.channels.transport import Inbound
from anhuan.core.vocabulary import Channel
from anhuan.records import identity
from anhuan.records.identity import Said
from anhuan.records.outbox import ReplyPart

WITHIN = timedelta(minutes=10)
"""After so long a reply whose parts did not all come is taken as far as it came."""
KNOWN = timedelta(days=1)
"""For so long the parts of a whole are known again: a network may bring one twice."""


def hear(said: Inbound, *, at: datetime, by: str = BY) -> Taken | None:
    """Take a reply, or keep a part of one: None while others are missing, or where it was heard before."""
    if said.fragment is None:
        return receipts.hear(said, at=at, by=by)
    with transaction.atomic():
        whole = _whole(said)
        with connection.cursor() as cursor:
            # Parts come by several binds at once: whoever brings the last must see all others.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [whole])
        kept = list(ReplyPart.objects.filter(whole=whole).order_by("number"))
        same = next((part for part in kept if part.number == said.fragment.number), None)
        if same is not None:
            if identity.said([same.part_id])[same.part_id]["text"] == said.text:
                return None
            # Phones use their numbers again: this is a part of the next message.
            _take([part for part in kept if part.joined_at is None], at=at, by=by)
            _forget(kept)
            kept = []
        kept.append(_keep(said, whole, at))
        return _take(kept, at=at, by=by) if len(kept) >= said.fragment.total else None


def take_incomplete(*, at: datetime, by: str = BY) -> int:
    """Take replies whose other parts did not come, as far as they came, and forget parts joined long ago; how many were taken."""
    taken = 0
    late = ReplyPart.objects.filter(joined_at=None).values_list("whole", flat=True)
    for whole in sorted(set(late.filter(heard_at__lte=at - WITHIN))):
        with transaction.atomic():
            parts = list(ReplyPart.objects.select_for_update().filter(whole=whole, joined_at=None).order_by("number"))
            if parts and max(part.heard_at for part in parts) <= at - WITHIN:
                _take(parts, at=at, by=by)
                taken += 1
    _forget(list(ReplyPart.objects.filter(joined_at__lte=at - KNOWN)[:1000]))
    return taken


def _whole(said: Inbound) -> str:
    """What all parts of one message share, and nobody can tell a number from."""
    ring, fragment = identity.keyring(), said.fragment
    sender = ring.index("mobile", said.sender) or ring.index("phone", said.sender) or said.sender.encode()
    told = f"{said.channel.value} {sender.hex()} {fragment and (fragment.reference, fragment.total)}"
    return hashlib.sha256(told.encode()).hexdigest()


def _keep(said: Inbound, whole: str, at: datetime) -> ReplyPart:
    assert said.fragment is not None  # noqa: S101 - for the type: the caller asked
    part = ReplyPart.objects.create(
        part_id=uuid4(), whole=whole, number=said.fragment.number, total=said.fragment.total, answers=said.answers, heard_at=at
    )
    told = {"channel": said.channel.value, "from": said.sender, "to": said.to, "text": said.text}
    identity.seal_said({part.part_id: told})[0].save()
    return part


def _take(parts: Sequence[ReplyPart], *, at: datetime, by: str) -> Taken | None:
    """The reply these parts are, in the order of their numbers."""
    if not parts:
        return None
    parts = sorted(parts, key=lambda part: part.number)
    told = identity.said([part.part_id for part in parts])
    first = told[parts[0].part_id]
    answers = next((part.answers for part in parts if part.answers), "")
    text = "".join(told[part.part_id]["text"] for part in parts)
    said = Inbound(
        parts[0].part_id.hex, Channel(first["channel"]), first["from"], first["to"], text, answers=answers,
        at=min(part.heard_at for part in parts),
    )  # fmt: skip
    taken = receipts.hear(said, at=at, by=by)
    ReplyPart.objects.filter(pk__in=[part.part_id for part in parts]).update(joined_at=at)
    return taken


def _forget(parts: Sequence[ReplyPart]) -> None:
    ids = [part.part_id for part in parts]
    Said.objects.filter(pk__in=ids).delete()
    ReplyPart.objects.filter(pk__in=ids).delete()
