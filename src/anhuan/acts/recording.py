"""The recording of a call: found by what its case's chain says of it, compared with its digest, and listened to by who may, with an event.

Knows where recordings lie and what keeps one from being played: destroyed after its last day, not where it was kept, or another file than
was recorded. Does not know who reviews calls, nor how a file goes to a browser.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from anhuan.acts.customer import held
from anhuan.acts.dispatch import carriers, telephone
from anhuan.core.vocabulary import Channel
from anhuan.records.contact import Contact
from anhuan.records.events import HOUSE, Event

ONE_HEARING = timedelta(hours=1)
"""However often somebody winds back meanwhile, it is one hearing."""
HEARD = "recording.heard"
_DESTROYED = "recording.destroyed"


class Standing(StrEnum):
    """What became of a recording."""

    HERE = "here"
    ERASED = "erased"
    MISSING = "missing"  # not where it was kept
    CHANGED = "changed"  # another file than was recorded


@dataclass(frozen=True)
class Recording:
    """What was recorded of a contact. `path` where it can be played; `ended_at` and `rules` of one that was erased."""

    contact: Contact
    digest: str
    keep_until: date | None
    standing: Standing
    path: Path | None = None
    ended_at: datetime | None = None
    rules: tuple[str, ...] = ()


def of(contact: Contact) -> Recording | None:
    """The recording of a contact as it stands now, the file compared with its digest; None where none is on record.

    Raises `carriers.ChannelsRefused` where the folders cannot be told.
    """
    told = _told(contact)
    recorded = next((event.body["recording"] for event in told if "recording" in event.body), None)
    destroyed = next((event for event in told if event.kind == _DESTROYED), None)
    if destroyed is not None:
        digest, rules = str(destroyed.body["sha256"]), tuple(destroyed.body["rules"])
        return Recording(contact, digest, _until(recorded), Standing.ERASED, ended_at=destroyed.at, rules=rules)
    if recorded is None:
        return None
    path = _found(str(recorded["file"]))
    if path is None:
        return Recording(contact, str(recorded["sha256"]), _until(recorded), Standing.MISSING)
    same = _digest(path, path.stat().st_mtime_ns, path.stat().st_size) == recorded["sha256"]
    standing = Standing.HERE if same else Standing.CHANGED
    return Recording(contact, str(recorded["sha256"]), _until(recorded), standing, path=path if same else None)


def hear(recording: Recording, *, at: datetime, by: str) -> bool:
    """`by` listens to it: one event of the case, once within `ONE_HEARING`; whether this is the first time."""
    contact = recording.contact
    with held(contact.customer_id, at=at, by=by) as customer:
        before = Event.objects.filter(
            chain=contact.customer_id if customer.has_case else HOUSE, kind=HEARD, by=by, at__gt=at - ONE_HEARING,
            body__contact=str(contact.contact_id),
        )  # fmt: skip
        if before.exists():
            return False
        customer.remember(HEARD, {"contact": str(contact.contact_id), "sha256": recording.digest})
    return True


def _told(contact: Contact) -> list[Event]:
    """What was said of a contact, the first first: on its case or, where she has none, by the house."""
    of_it = Event.objects.filter(body__contact=str(contact.contact_id)).order_by("number")
    return list(of_it.filter(chain=contact.customer_id)) or list(of_it.filter(chain=HOUSE))


def _until(recorded: dict[str, str] | None) -> date | None:
    return date.fromisoformat(recorded["keep_until"]) if recorded and recorded.get("keep_until") else None


def _found(name: str) -> Path | None:
    """The file in the folders of robots' calls and of the desk's; its name leads nowhere else."""
    home = Path(settings.ANHUAN_HOME)
    robots, desk = carriers.read(home).get(Channel.CALL), telephone.read(home)
    folders = [robots[1].get("recordings") if robots else None, desk.recordings if desk else None]
    paths = [folder / Path(name).name for folder in folders if folder]
    return next((path for path in paths if path.is_file()), None)


@lru_cache(maxsize=64)
def _digest(path: Path, _changed: int, _size: int) -> str:
    """Read once, as long as the file stays as it is: a browser asks for many parts of it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
