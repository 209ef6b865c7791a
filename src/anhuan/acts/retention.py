"""The acts on what is kept too long: recordings of calls and the archive's letters are destroyed after their last day, and not before.

Knows which file belongs to which contact, and what keeps one longer: an open dispute or hold (a complaint, a lawsuit, a plan …)
keeps everything of its customer. How long is asked of the law (`core.judgements.retention`); the bank's own later day stands. A file
nobody can account for is never touched. Its digest stays in the event that ends it, or in the print house's manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path

from django.db.models import Max, Q
from django.utils import timezone

from anhuan.acts.customer import held
from anhuan.core.judgements.law import Judgement, NoProvision
from anhuan.core.judgements.retention import Record, may_purge
from anhuan.records.contact import Contact
from anhuan.records.dispute import Dispute
from anhuan.records.events import HOUSE, Event
from anhuan.records.hold import Hold
from anhuan.records.outbox import Receipt
from anhuan.rulebook import judging

YOUNG = timedelta(days=700)
"""No law known here lets a file of collection go so early: younger ones are not looked up."""
_AT_ONCE = 200
_KINDS = {Record.RECORDING: "recording.destroyed", Record.ACCOUNT_RECORDS: "letter.destroyed"}


@dataclass(frozen=True)
class Swept:
    """How many files were looked up, and by kind and fate how many: `destroyed`, `not_yet`, `held`, `unaccounted`."""

    looked_up: int = 0
    fates: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class _File:
    kind: Record
    path: Path
    contact: Contact | None


def sweep(
    *, recordings: Path | None, spool: Path | None, packs: Collection[str], at: datetime, by: str, dry_run: bool = False
) -> Swept:
    """Destroy what may go on this day. `recordings`, `spool`: the folders, None for none. A dry run says what would go."""
    fates: dict[str, Counter[str]] = {"recordings": Counter(), "letters": Counter()}
    files = [("recordings", Record.RECORDING, _old(recordings, "*.wav", at))]
    files += [("letters", Record.ACCOUNT_RECORDS, _old(spool and spool / "archive", "*/*.pdf", at))]
    for name, kind, paths in files:
        while batch := list(islice(paths, _AT_ONCE)):
            for file in _accounted(kind, batch):
                fates[name][_end(file, packs=packs, at=at, by=by, dry_run=dry_run)] += 1
    if spool and not dry_run:
        _empty_batches(spool, at)
    return Swept(sum(sum(each.values()) for each in fates.values()), fates)


def _old(folder: Path | None, pattern: str, at: datetime) -> Iterator[Path]:
    """Files that may be old enough: a copy that was brought back from elsewhere is younger, and kept longer."""
    if folder is None or not folder.is_dir():
        return
    for path in sorted(folder.glob(pattern)):
        if path.stat().st_mtime <= (at - YOUNG).timestamp():
            yield path


def _accounted(kind: Record, paths: Iterable[Path]) -> list[_File]:
    """Whose they are: the other side's name for a message is the file's."""
    named = {path.stem: path for path in paths}
    found = dict(Receipt.objects.filter(reference__in=named).values_list("reference", "item__contact_id"))
    contacts = Contact.objects.in_bulk([contact for contact in found.values() if contact])
    return [_File(kind, path, contacts.get(found[name]) if found.get(name) else None) for name, path in named.items()]


def _end(file: _File, *, packs: Collection[str], at: datetime, by: str, dry_run: bool) -> str:
    contact = file.contact
    if contact is None:
        return "unaccounted"
    with held(contact.customer_id, at=at, by=by) as customer:
        if _destroyed_before(file, contact):
            return _destroy(file, dry_run=dry_run)
        today = timezone.localtime(at).date()
        kept_to = _kept_to(contact)
        if _longer_duty(contact.customer_id, at):
            return "held"
        judged = _judged(file.kind, contact, packs, today)
        if not judged or not all(each.value is True for each in judged) or (kept_to is not None and today <= kept_to):
            return "not_yet"
        if not dry_run:
            told = {
                "contact": str(contact.contact_id), "file": file.path.name,
                "sha256": hashlib.sha256(file.path.read_bytes()).hexdigest(),
                "rules": [each.id for one in judged for each in one.grounds],
            }  # fmt: skip
            customer.remember(_KINDS[file.kind], told)
    # After the event is on the disk: who dies in between destroys the file the next time.
    return _destroy(file, dry_run=dry_run)


def _longer_duty(customer_id: str, at: datetime) -> bool:
    """Whether something is open that its records may yet be asked for."""
    held_up = Hold.objects.filter(Q(ends=None) | Q(ends__gt=at), customer_id=customer_id)
    return held_up.exists() or Dispute.objects.filter(customer_id=customer_id, closed_at=None).exists()


def _judged(kind: Record, contact: Contact, packs: Collection[str], today: date) -> list[Judgement]:
    """What each pack that has a term says; none of them: nobody may destroy it."""
    made, last = timezone.localtime(contact.started_at).date(), _last_activity(contact.customer_id)
    found = []
    for pack in packs:
        with suppress(NoProvision):
            law = judging.law_of(pack, today)
            found.append(may_purge(kind, made, last, None, longer_duty=False, at=today, law=law))
    return found


def _destroy(file: _File, *, dry_run: bool) -> str:
    if not dry_run:
        file.path.unlink(missing_ok=True)
    return "destroyed"


def _events(contact: Contact) -> Iterable[Event]:
    """What was said of a contact, on its case or, where she has none, by the house."""
    return Event.objects.filter(chain__in=[contact.customer_id, HOUSE], body__contact=str(contact.contact_id))


def _destroyed_before(file: _File, contact: Contact) -> bool:
    return any(event.kind == _KINDS[file.kind] and event.body["file"] == file.path.name for event in _events(contact))


def _kept_to(contact: Contact) -> date | None:
    """The last day the bank's own configuration named when the recording was made."""
    told = [event.body["recording"].get("keep_until") for event in _events(contact) if "recording" in event.body]
    return max((date.fromisoformat(day) for day in told if day), default=None)


def _last_activity(customer_id: str) -> date | None:
    last = Contact.objects.filter(customer_id=customer_id).aggregate(last=Max("started_at"))["last"]
    return timezone.localtime(last).date() if last else None


def _empty_batches(spool: Path, at: datetime) -> None:
    """What the print house took of letters that are all gone from the archive; the manifest with their digests stays."""
    left = {path.stem for path in (spool / "archive").glob("*/*.pdf")}
    for whole in _old(spool / "ready", "*/letters.pdf", at):
        listed = spool / "manifests" / f"{whole.parent.name}.json"
        if listed.exists() and not left & _letters(listed):
            whole.unlink()


def _letters(manifest: Path) -> set[str]:
    return {letter["id"] for letter in json.loads(manifest.read_text(encoding="utf-8"))["letters"]}
