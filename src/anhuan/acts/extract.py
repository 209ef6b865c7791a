"""The acts on the outbound extract: what changed of our conduct is handed to the bank once, and what the bank makes of it is heard.

Knows that PostgreSQL notes each change in its own transaction (`records.extract`), and that an extract first makes the changes that no
extract has its own, commits that, and only then writes files: killed anywhere, the same extract is written again, byte for byte. A
change committed late is not missed, for nothing is skipped by number: the next extract takes it. Writes contact points in clear, for the
bank must have them: into files only their owner may read (0600), in a folder of the home.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from anhuan.acts import lasting
from anhuan.portfolio.feed import Sentence
from anhuan.records import events, identity
from anhuan.records.customer import ContactPoint
from anhuan.records.extract import Change, Extract
from anhuan.records.night import Night
from anhuan.records.payment import PaymentEntry

_EXTRACT_LOCK = 0x616E6578
_BATCH = 10_000


@dataclass(frozen=True)
class Layout:
    """How the files are written. A line break, or a separator of more than one sign, within a cell becomes a space."""

    name: str
    encoding: str
    separator: str
    suffix: str


LAYOUTS: Mapping[str, Layout] = {
    each.name: each for each in (Layout("canonical/1", "utf-8", ",", ".csv"), Layout("gb18030/1", "gb18030", "|+|", ".dat"))
}


@dataclass(frozen=True)
class _File:
    noun: str
    name: str
    columns: tuple[str, ...]
    sums: tuple[str, ...] = field(default=())


_FILES = (
    _File(
        "contact", "contacts",
        ("contact_id", "customer_id", "channel", "direction", "party", "purpose", "actor", "automated", "debts", "origin", "state",
         "line_result", "outcome", "started_at", "closed_at", "by"),
    ),
    _File(
        "promise", "promises",
        ("promise_id", "customer_id", "account_id", "amount_minor", "currency", "due_on", "state", "paid_minor", "settled_on", "at", "by"),
        ("amount_minor", "paid_minor"),
    ),
    _File(
        "plan", "plans",
        ("plan_id", "customer_id", "accounts", "currency", "kind", "state", "principal_minor", "waived_minor", "total_minor",
         "effective_annual_rate", "agreed_at", "agreed_by", "paid_minor", "missed", "replaces", "ended_at", "ended_why"),
        ("principal_minor", "waived_minor", "total_minor"),
    ),
    _File(
        "waiver", "waivers",
        ("waiver_id", "customer_id", "account_id", "currency", "component", "amount_minor", "reason", "state", "plan_id", "proposed_by",
         "granted_at", "ended_at"),
        ("amount_minor",),
    ),
    _File(
        "hold", "holds",
        ("hold_id", "customer_id", "kind", "debts", "begins", "ends", "until_date", "reason", "registered_at", "registered_by"),
    ),
    _File(
        "dispute", "disputes",
        ("dispute_id", "customer_id", "kind", "state", "accounts", "disputed_minor", "currency", "received_on", "due_on", "outcome",
         "decided_at", "answered_at", "corrected_at", "closed_at"),
        ("disputed_minor",),
    ),
    _File(
        "hardship", "hardships",
        ("hardship_id", "customer_id", "state", "opened_at", "review_on", "decided_at", "ended_at", "ended_why"),
    ),
    _File("contact_point", "contact_points", ("id", "customer_id", "kind", "point_kind", "party", "value", "at", "by")),
    _File(
        "suspense", "suspense",
        ("entry_id", "source", "reference", "gateway", "payment_id", "kind", "amount_minor", "currency", "effective_on", "state", "accounts",
         "reason", "decided_at", "decided_by", "approved_by"),
        ("amount_minor",),
    ),
)  # fmt: skip
NOUNS = tuple(each.noun for each in _FILES)


@contextmanager
def untold() -> Iterator[None]:
    """What is changed meanwhile is not told to the bank, which has told it to us: the conduct of the system before this one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('anhuan.untold', 'yes', true)")
        yield
        cursor.execute("SELECT set_config('anhuan.untold', '', true)")


# --- out ----------------------------------------------------------------------------------------------------------


def begin(day: date, *, layout: str, at: datetime, by: str) -> Extract | Sentence:
    """The extract of a business date: the one there is, or a new one that takes every change no extract has; or why there can be none.

    Their numbers have no gap, or the bank would look for one that was never made: PostgreSQL's own would lose those of cut-short ones.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_EXTRACT_LOCK])
        known = Extract.objects.filter(business_date=day).first()
        if known is not None:
            return known
        latest = Extract.objects.order_by("-business_date").first()
        if latest is not None and latest.business_date > day:
            return Sentence(
                "extract_order",
                f"{latest.business_date} 的回传已生成，不能再生成更早的 {day}。",
                f"The extract of {latest.business_date} is made; one of {day}, before it, can be made no more.",
            )
        sequence = latest.pk + 1 if latest is not None else 1
        extract = Extract.objects.create(sequence=sequence, business_date=day, begun_at=at, layout=LAYOUTS[layout].name, by=by)
        cursor.execute("UPDATE records_change SET extract_id = %s WHERE extract_id IS NULL", [extract.pk])
        body = {"business_date": day.isoformat(), "sequence": extract.pk, "changes": cursor.rowcount}
        events.append(chain=events.HOUSE, kind="extract.begun", body=body, at=at, by=by)
    return extract


def unfinished() -> list[Extract]:
    """Extracts that have their changes, and whose files do not stand yet; oldest first."""
    return list(Extract.objects.filter(done_at=None).order_by("sequence"))


def write(extract: Extract, folder: Path, *, at: datetime) -> dict[str, Any]:
    """Write an extract's files and, last, its manifest; again, the same bytes. Answers the manifest.

    A contact point that was erased meanwhile is told without its value: then the manifest written says so, as `erased`, beside the new
    digest of its file, and what was told at first stays in the records.
    """
    layout = LAYOUTS[extract.layout]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = [_write(extract, file, layout, folder) for file in _FILES]
    issuer = Night.objects.order_by("-sequence").values_list("issuer", flat=True).first() or ""
    manifest = extract.manifest or {
        "business_date": extract.business_date.isoformat(), "issuer": issuer, "layout": layout.name, "sequence": extract.pk, "files": files,
    }  # fmt: skip
    if manifest["files"] != files:
        manifest = _without_erased(extract, manifest, files)
    lasting.put(folder / "manifest.json", (json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode())
    Extract.objects.filter(pk=extract.pk, done_at=None).update(manifest=manifest, done_at=at)
    return manifest


def _without_erased(extract: Extract, manifest: Mapping[str, Any], files: list[dict[str, Any]]) -> dict[str, Any]:
    """The manifest of files that differ from those told first because contact points are gone; any other difference is a bug."""
    differing = {
        each["name"].partition(".")[0] for each, before in zip(files, manifest["files"], strict=True) if each != before
    }
    told = Change.objects.filter(extract=extract, noun="contact_point").values_list("row__point_id", flat=True)
    points = {UUID(point) for point in told}
    gone = len(points) - ContactPoint.objects.filter(pk__in=points).count()
    if differing != {"contact_points"} or not gone:
        raise AssertionError("an extract written again differs from itself")
    return {**manifest, "files": files, "erased": gone}


def _write(extract: Extract, file: _File, layout: Layout, folder: Path) -> dict[str, Any]:
    """One file of an extract, and its line of the manifest."""
    sums = dict.fromkeys(file.sums, 0)
    rows, digest = 0, hashlib.sha256()
    name = file.name + layout.suffix
    partial = folder / f".{name}.partial"
    with _opened(partial) as out:
        for batch in _batches(extract, file):
            if rows:
                for column in sums:
                    place = 1 + file.columns.index(column)
                    sums[column] += sum(int(cells[place] or 0) for cells in batch)
            data = _encoded(batch, layout)
            digest.update(data)
            out.write(data)
            rows += len(batch)
        out.flush()
        os.fsync(out.fileno())
    partial.replace(folder / name)
    return {"name": name, "rows": rows - 1, "sha256": digest.hexdigest(), "sums": sums}


def _batches(extract: Extract, file: _File) -> Iterator[list[list[str]]]:
    """The names of the columns, then every change as cells, in the order of changes."""
    yield [["change", *file.columns]]
    after = 0
    while True:
        found = Change.objects.filter(extract=extract, noun=file.noun, id__gt=after).order_by("id")
        changes = list(found.values_list("id", "row")[:_BATCH])
        if not changes:
            return
        after = changes[-1][0]
        rows = _completed(file.noun, [row for _, row in changes])
        yield [
            [str(change), *(_cell(row.get(name)) for name in file.columns)]
            for (change, _), row in zip(changes, rows, strict=True)
        ]


def _completed(noun: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of changes, with what the bank needs besides: the value of a contact point, the money of what was in suspense."""
    if noun == "contact_point":
        ring = identity.keyring()
        points = ContactPoint.objects.in_bulk({UUID(row["point_id"]) for row in rows})
        for row in rows:
            point = points.get(UUID(row["point_id"]))
            if point is not None:
                row.update(point_kind=point.kind, party=point.party, value=identity.open_point(point, ring=ring).value)
    if noun == "suspense":
        entries = PaymentEntry.objects.in_bulk({UUID(row["entry_id"]) for row in rows})
        for row in rows:
            entry = entries[UUID(row["entry_id"])]
            parts = (row.get("decision") or {}).get("parts", [])
            row.update({name: getattr(entry, name) for name in _OF_ENTRY}, effective_on=entry.effective_on.isoformat())
            row["accounts"] = [f"{part['account_id']}={part['amount_minor']}" for part in parts]
    return rows


_OF_ENTRY = ("source", "reference", "gateway", "payment_id", "kind", "amount_minor", "currency")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ";".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _encoded(batch: Sequence[Sequence[str]], layout: Layout) -> bytes:
    """Lines of a file as its layout writes them."""
    plain = [[cell if cell.isprintable() else " ".join(cell.splitlines()) for cell in cells] for cells in batch]
    if len(layout.separator) > 1:
        text = "".join(layout.separator.join(cell.replace(layout.separator, " ") for cell in cells) + "\n" for cells in plain)
    else:
        made = io.StringIO()
        csv.writer(made, delimiter=layout.separator, lineterminator="\n").writerows(plain)
        text = made.getvalue()
    return text.encode(layout.encoding)


def _opened(path: Path) -> Any:
    """A new file that only its owner may read, in the place of what was left half done."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


# --- and what the bank says to it ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answered:
    """What an acknowledgement told: changes accepted and rejected, lines that say nothing of ours, and how many go out again."""

    sequence: int
    accepted: int
    rejected: int
    unknown: list[int]
    again: int


def acknowledge(text: str, *, resend: bool, at: datetime, by: str) -> Answered | Sentence:
    """Hear the bank: CSV of `sequence,change,answer,code`; an empty `change` answers the whole extract, single ones come before it.

    `answer` is `accepted` or `rejected`, `code` the bank's reason. The same file again changes nothing. `resend`: what was rejected and is not
    on its way again goes out with the next extract, as a change of its own.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    if not {"sequence", "change", "answer"} <= set(reader.fieldnames or ()):
        return Sentence(
            "no_acknowledgement",
            "首行应有列 sequence、change、answer。",
            "The first line names the columns sequence, change, answer.",
        )
    whole, single, unknown = "", dict[int, tuple[str, str]](), list[int]()
    sequences: set[str] = set()
    for row in reader:
        answer, change = (row["answer"] or "").strip(), (row["change"] or "").strip()
        sequences.add((row["sequence"] or "").strip())
        if answer not in {"accepted", "rejected"} or not (change == "" or (change.isascii() and change.isdigit())):
            unknown.append(reader.line_num)
        elif change:
            single[int(change)] = (answer, (row.get("code") or "").strip()[:80])
        else:
            whole = answer
    if (
        len(sequences) != 1
        or not (sequence := sequences.pop()).isdigit()
        or not Extract.objects.filter(pk=int(sequence), done_at__isnull=False).exists()
    ):
        return Sentence(
            "extract_unknown",
            "回执须只写一个已生成的回传序号。",
            "An acknowledgement names one extract that was made, by its sequence.",
        )
    return _answered(int(sequence), whole, single, unknown, resend=resend, at=at, by=by)


def _answered(
    sequence: int, whole: str, single: Mapping[int, tuple[str, str]], unknown: list[int], *, resend: bool, at: datetime, by: str
) -> Answered:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_EXTRACT_LOCK])
        changes = {each.pk: each for each in Change.objects.filter(extract_id=sequence, pk__in=single)}
        unknown = [*unknown, *sorted(single.keys() - changes.keys())]
        fresh = [
            each for each in changes.values() if each.answer != "resent" and (each.answer, each.answer_code) != single[each.pk]
        ]
        for change in fresh:
            change.answer, change.answer_code = single[change.pk]
        Change.objects.bulk_update(fresh, ["answer", "answer_code"], batch_size=1000)
        if whole:
            Change.objects.filter(extract_id=sequence, answer="").update(answer=whole)
        rejected = Change.objects.filter(extract_id=sequence, answer="rejected")
        again = 0
        if resend:
            again = len(Change.objects.bulk_create([Change(noun=each.noun, row=each.row) for each in rejected.order_by("id")]))
            rejected.update(answer="resent")
        counted = {
            word: Change.objects.filter(extract_id=sequence, answer=word).count() for word in ("accepted", "rejected", "resent")
        }
        Extract.objects.filter(pk=sequence).update(acknowledged_at=at, rejected=counted["rejected"] + counted["resent"])
        body = {"sequence": sequence, **counted, "again": again}
        events.append(chain=events.HOUSE, kind="extract.acknowledged", body=body, at=at, by=by)
    return Answered(sequence, counted["accepted"], counted["rejected"], unknown, again)
