"""The acts on what is kept too long: recordings, the archive's letters and the words of messages end after their last day, not before.

Knows which file belongs to which contact, and what keeps one longer: an open dispute or hold (a complaint, a lawsuit, a plan …)
keeps everything of its customer. How long is asked of the law (`core.judgements.retention`); the bank's own later day stands. A file
nobody can account for is never touched. Its digest stays in the event that ends it, or in the print house's manifest.

The words of what was sent and answered run from the customer's last contact, and so end together: the contacts, receipts and events stay.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max, Q
from django.utils import timezone

from anhuan.acts.customer import held
from anhuan.acts.dispatch.telephone import RECORDED
from anhuan.core.judgements.law import Judgement, NoProvision
from anhuan.core.judgements.retention import Record, may_purge
from anhuan.records import events, identity
from anhuan.records.call import Call
from anhuan.records.contact import Contact
from anhuan.records.dispute import Dispute
from anhuan.records.events import HOUSE, Event
from anhuan.records.hold import Hold
from anhuan.records.identity import Said
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
    *,
    recordings: Path | None,
    spool: Path | None,
    packs: Collection[str],
    at: datetime,
    by: str,
    dry_run: bool = False,
    desk_recordings: Path | None = None,
) -> Swept:
    """Destroy what may go on this day. `recordings` (of robots, and of the desk), `spool`: the folders, None for none.

    A dry run says what would go.
    """
    fates: dict[str, Counter[str]] = {"recordings": Counter(), "letters": Counter(), "words": Counter()}
    folders = {folder for folder in (recordings, desk_recordings) if folder is not None}
    files = [("recordings", Record.RECORDING, _old(folder, "*.wav", at)) for folder in sorted(folders)]
    files += [("letters", Record.ACCOUNT_RECORDS, _old(spool and spool / "archive", "*/*.pdf", at))]
    for name, kind, paths in files:
        while batch := list(islice(paths, _AT_ONCE)):
            for file in _accounted(kind, batch):
                fates[name][_end(file, packs=packs, at=at, by=by, dry_run=dry_run)] += 1
    if spool and not dry_run:
        _empty_batches(spool, at)
    fates["words"] = _sweep_words(packs, at=at, by=by, dry_run=dry_run)
    return Swept(sum(sum(each.values()) for each in fates.values()), fates)


def _old(folder: Path | None, pattern: str, at: datetime) -> Iterator[Path]:
    """Files that may be old enough: a copy that was brought back from elsewhere is younger, and kept longer."""
    if folder is None or not folder.is_dir():
        return
    for path in sorted(folder.glob(pattern)):
        if path.stat().st_mtime <= (at - YOUNG).timestamp():
            yield path


def _accounted(kind: Record, paths: Iterable[Path]) -> list[_File]:
    """Whose they are: the other side's name for a message is the file's, or the id of a call that a collector led."""
    named = {path.stem: path for path in paths}
    found: dict[str, UUID | None] = dict(
        Receipt.objects.filter(reference__in=named).values_list("reference", "item__contact_id")
    )
    led = {name: call_id for name in named if (call_id := _call_of(name))}
    contacts_of = dict(Call.objects.filter(pk__in=led.values()).values_list("call_id", "contact_id"))
    found |= {name: contacts_of.get(call_id) for name, call_id in led.items()}
    contacts = Contact.objects.in_bulk([contact for contact in found.values() if contact])
    return [_File(kind, path, contacts.get(found[name]) if found.get(name) else None) for name, path in named.items()]


def _call_of(name: str) -> UUID | None:
    """The call whose recording has this name, where it is the name of a collector's call."""
    if not name.startswith(RECORDED):
        return None
    try:
        return UUID(name.removeprefix(RECORDED))
    except ValueError:
        return None


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
        made = timezone.localtime(contact.started_at).date()
        judged = _judged(file.kind, made, _last_activity(contact.customer_id), packs, today)
        if not _all_let_go(judged) or (kept_to is not None and today <= kept_to):
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


def _judged(kind: Record, made: date | None, last: date | None, packs: Collection[str], today: date) -> list[Judgement]:
    """What each pack that has a term says; none of them: nobody may destroy it."""
    found = []
    for pack in packs:
        with suppress(NoProvision):
            law = judging.law_of(pack, today)
            found.append(may_purge(kind, made, last, None, longer_duty=False, at=today, law=law))
    return found


def _all_let_go(judged: Collection[Judgement]) -> bool:
    return bool(judged) and all(each.value is True for each in judged)


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


# --- words --------------------------------------------------------------------------------------------------------

ERASED = "words.erased"
_OLD_WORDS = """
WITH kept AS (
    SELECT i.customer_id, i.item_id AS row_id, i.contact_id, i.changed_at AS made
    FROM records_campaign c JOIN records_outboxitem i USING (campaign_id) JOIN records_said s ON s.row_id = i.item_id
    WHERE c.business_date <= %(young)s::date
    UNION ALL
    SELECT r.customer_id, r.reply_id, r.contact_id, r.heard_at
    FROM records_reply r JOIN records_said s ON s.row_id = r.reply_id WHERE r.heard_at <= %(young)s
)
SELECT k.customer_id, k.row_id, k.contact_id, k.made, last.at FROM kept k
LEFT JOIN LATERAL (
    SELECT max(t.started_at) AS at FROM records_contact t WHERE t.customer_id = k.customer_id AND k.customer_id <> ''
) last ON true
WHERE k.made <= %(young)s AND (last.at IS NULL OR last.at <= %(young)s) {}
ORDER BY k.customer_id, k.made, k.row_id LIMIT %(most)s
"""
_MOST_WORDS = 10_000


@dataclass(frozen=True)
class _Words:
    """What an item or a reply says; `customer_id` is empty of somebody nobody knows."""

    customer_id: str
    row_id: UUID
    contact_id: UUID | None
    made: datetime
    last: datetime | None


@dataclass(frozen=True)
class Erased:
    """That the words of a message are gone: since when, and by which rules."""

    at: datetime
    rules: list[str]


def erased(row_id: UUID, customer_id: str) -> Erased | None:
    """When the words of an item or a reply were erased, and under what; None of those that are kept, or never were."""
    told = Event.objects.filter(
        chain__in=[customer_id, HOUSE] if customer_id else [HOUSE], kind=ERASED, body__rows__contains=[{"row": str(row_id)}]
    ).first()
    return Erased(told.at, list(told.body["rules"])) if told else None


def words_kept_until(
    customer_id: str, made: datetime, *, packs: Collection[str], at: datetime
) -> tuple[date, list[str]] | None:
    """The last day the words of a message are kept, by what is known now, and the rules that say so; None where no law speaks."""
    last = _last_activity(customer_id) if customer_id else None
    judged = _judged(Record.ACCOUNT_RECORDS, timezone.localtime(made).date(), last, packs, timezone.localtime(at).date())
    days = {each.details["purge_from"]: each for each in judged if each.details.get("purge_from")}
    return (max(days) - timedelta(days=1), [rule.id for rule in days[max(days)].grounds]) if days else None


def _sweep_words(packs: Collection[str], *, at: datetime, by: str, dry_run: bool) -> Counter[str]:
    """Erase what was said to and by whom the terms of all laws are over, a customer at a time; how many messages met which fate."""
    fates = _end_words_of_nobody(_old_words(at, "= ''"), packs, at=at, by=by, dry_run=dry_run)
    after = ""
    while words := _old_words(at, "> %(customer)s", after):
        groups = [(customer_id, list(group)) for customer_id, group in groupby(words, key=attrgetter("customer_id"))]
        if len(words) == _MOST_WORDS and len(groups) > 1:
            groups.pop()  # perhaps not all of hers: with the next
        for customer_id, group in groups:
            fates += _end_words(customer_id, group, packs, at=at, by=by, dry_run=dry_run)
            after = customer_id
    return fates


def _old_words(at: datetime, whose: str, customer_id: str = "") -> list[_Words]:
    """Words that may be old enough, of whom a comparison with `customer_id` names."""
    with connection.cursor() as cursor:
        told: dict[str, Any] = {"young": at - YOUNG, "customer": customer_id, "most": _MOST_WORDS}
        cursor.execute(_OLD_WORDS.format(f"AND k.customer_id {whose}"), told)
        return [_Words(*row) for row in cursor.fetchall()]


def _words_judged(words: _Words, packs: Collection[str], at: datetime) -> list[Judgement]:
    made, last = (each and timezone.localtime(each).date() for each in (words.made, words.last))
    return _judged(Record.ACCOUNT_RECORDS, made, last, packs, timezone.localtime(at).date())


def _end_words(
    customer_id: str, words: list[_Words], packs: Collection[str], *, at: datetime, by: str, dry_run: bool
) -> Counter[str]:
    if not _all_let_go(_words_judged(words[-1], packs, at)):
        return Counter(not_yet=len(words))
    with held(customer_id, at=at, by=by) as customer:
        # Asked anew: she may have been spoken to while others were swept.
        words = _old_words(at, "= %(customer)s", customer_id)
        if _longer_duty(customer_id, at):
            return Counter(held=len(words))
        judged = _words_judged(words[-1], packs, at) if words else []
        if not _all_let_go(judged):
            return Counter(not_yet=len(words))
        if not dry_run:
            customer.remember(ERASED, _erase(words, judged))
    return Counter(erased=len(words))


def _end_words_of_nobody(words: list[_Words], packs: Collection[str], *, at: datetime, by: str, dry_run: bool) -> Counter[str]:
    """Replies of numbers nobody has: their term runs from the day they came, and no matter can be open of them."""
    fates: Counter[str] = Counter()
    for each in words:
        judged = _words_judged(each, packs, at)
        fate = "erased" if _all_let_go(judged) else "not_yet"
        fates[fate] += 1
        if fate == "erased" and not dry_run:
            with transaction.atomic():
                events.append(chain=HOUSE, kind=ERASED, body=_erase([each], judged), at=at, by=by)
    return fates


def _erase(words: list[_Words], judged: Collection[Judgement]) -> dict[str, Any]:
    """Delete the seals, in the transaction of the event that this is the body of: neither is ever there without the other."""
    digests = identity.said_digests([each.row_id for each in words])
    Said.objects.filter(pk__in=list(digests)).delete()
    rows = [
        {"row": str(each.row_id), "digest": digests[each.row_id]}
        | ({"contact": str(each.contact_id)} if each.contact_id else {})
        for each in words
        if each.row_id in digests
    ]
    return {"rows": rows, "rules": sorted({rule.id for each in judged for rule in each.grounds})}
