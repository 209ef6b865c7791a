"""The acts on outside agencies: let one in, give it a new token, let it go.

Knows that a token is worth as much as the agency's word, and is kept as a digest alone. What an agency may ask stands in
`acts.dispatch`; which customers it sees, in the bank's own `placed_with`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime
from uuid import UUID

from django.db import transaction

from anhuan.portfolio.feed import Sentence
from anhuan.records import events
from anhuan.records.agency import Agency
from anhuan.records.contact import Contact, Permit, State

_REFUSALS = {
    "agency_name": (
        "机构名只能含小写字母、数字和连字符，最多 60 位。",
        "The name holds small letters, digits and hyphens, 60 at most.",
    ),
    "agency_exists": ("已有这家机构。", "There is an agency of this name."),
    "agency_unknown": ("没有这家机构。", "There is no such agency."),
}


def add(name: str, *, placed_as: str, listed: bool, at: datetime, by: str) -> str | Sentence:
    """Let an agency in and answer its token, which is told this once; or the sentence why not."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,59}", name):
        return _refused("agency_name")
    token = _new_token()
    with transaction.atomic():
        _, created = Agency.objects.get_or_create(
            agency_id=name,
            defaults={
                "placed_as": placed_as, "listed": listed, "token_hash": digest(token), "added_at": at, "added_by": by,
            },
        )  # fmt: skip
        if not created:
            return _refused("agency_exists")
        body = {"agency": name, "placed_as": placed_as, "listed": listed}
        events.append(chain=events.HOUSE, kind="agency.added", body=body, at=at, by=by)
    return token


def renew_token(name: str, *, at: datetime, by: str) -> str | Sentence:
    """A new token, told this once; the old one is worth nothing from now on."""
    token = _new_token()
    with transaction.atomic():
        if not Agency.objects.filter(pk=name, active=True).update(token_hash=digest(token)):
            return _refused("agency_unknown")
        events.append(chain=events.HOUSE, kind="agency.token_renewed", body={"agency": name}, at=at, by=by)
    return token


def end(name: str, *, at: datetime, by: str) -> Sentence | None:
    """Close the door to an agency; what it did stays."""
    with transaction.atomic():
        if not Agency.objects.filter(pk=name, active=True).update(active=False):
            return _refused("agency_unknown")
        events.append(chain=events.HOUSE, kind="agency.ended", body={"agency": name}, at=at, by=by)
    return None


def holder_of(token: str) -> Agency | None:
    """The active agency a token belongs to."""
    return Agency.objects.filter(token_hash=digest(token), active=True).first()


def usable_until(agency: Agency, permit_id: UUID, *, at: datetime) -> datetime | None:
    """Until when the agency may still use a permit of its own; None: no longer, for it is over, used, given back or withdrawn."""
    permit = Permit.objects.filter(pk=permit_id, actor=agency.actor, returned_at=None, expires_at__gt=at).first()
    if permit is None or not Contact.objects.filter(permit_id=permit_id, state=State.STARTED).exists():
        return None
    return permit.expires_at


def digest(token: str) -> bytes:
    """256 random bits need no salt: nobody can try them all."""
    return hashlib.sha256(token.encode()).digest()


def _new_token() -> str:
    return f"anhuan-{secrets.token_urlsafe(32)}"


def _refused(code: str) -> Sentence:
    return Sentence(code, *_REFUSALS[code])
