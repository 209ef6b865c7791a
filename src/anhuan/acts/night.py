"""The acts on a night as a whole: may this delivery come next, begin it, take a step once, finish it.

Knows the order of nights and their steps. Does not know what a step does, nor any file of the bank's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from anhuan.acts import lasting
from anhuan.core.vocabulary import NightStatus
from anhuan.portfolio.feed import Delivery, Sentence
from anhuan.records import events
from anhuan.records.night import Night, NightStep

# One night at a time, whatever the process or machine: a PostgreSQL advisory lock under this number.
_NIGHT_LOCK = 0x616E6875

_ORDER_SENTENCES = {
    "issuer_differs": (
        "本系统服务于发卡行 {expected},收到的是 {got} 的文件;请为另一家发卡行另建一套安装(ANHUAN_HOME)。",
        "This installation serves issuer {expected}; the delivery is from {got}. Use another ANHUAN_HOME for it.",
    ),
    "night_unfinished": (
        "{business_date} 的夜间处理(序号 {sequence})中断未完成;请先用原文件重新运行该夜。",
        "The night of {business_date} (sequence {sequence}) was interrupted; run it again with its own delivery first.",
    ),
    "sequence_repeated": (
        "序号 {sequence} 已被 {business_date} 使用,但内容不同;若要更正最近一夜,请用 replaces 声明并取下一个序号。",
        (
            "Sequence {sequence} was used by {business_date} with other content; to correct the latest night, "
            "deliver it under the next sequence with `replaces`."
        ),
    ),
    "sequence_gap": (
        "序号应为 {expected},实为 {got};请补送缺失的批次。",
        "The sequence should be {expected} and is {got}; deliver what is missing first.",
    ),
    "date_not_after": (
        "业务日期 {got} 不晚于最近已封存的 {latest};请核对文件日期。",
        "Business date {got} is not after the latest sealed one, {latest}; check the date of the delivery.",
    ),
    "replaces_wrong_night": (
        "replaces 为 {got},只能替换最近一夜(序号 {sequence},业务日期 {business_date})且业务日期须相同。",
        (
            "`replaces` is {got}; only the latest night can be replaced (sequence {sequence}, business date "
            "{business_date}), with the same business date."
        ),
    ),
}


@dataclass(frozen=True)
class Place:
    """Where a delivery stands in the order of nights.

    `known` is this very delivery met before (sealed: nothing to do; running: to be finished). `previous` is the
    sealed night its accounts are compared with. `refusals` empty means it may be the next night.
    """

    sequence: int
    previous: Night | None
    known: Night | None
    replacing: Night | None
    refusals: tuple[Sentence, ...]


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait until no other night runs, and keep others waiting; a killed holder frees its place."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_NIGHT_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_NIGHT_LOCK])


def place(delivery: Delivery) -> Place:
    """Judge the order of `delivery` against the nights in records; every reason to refuse is gathered."""
    known = Night.objects.filter(content=delivery.content, business_date=delivery.business_date).last()
    standing = Night.objects.exclude(status=NightStatus.REPLACED)
    if known is not None:
        replacing = Night.objects.filter(sequence=known.replaces).first() if known.replaces is not None else None
        previous = standing.filter(business_date__lt=known.business_date).last()
        return Place(known.sequence, previous, known, replacing, ())

    latest = standing.last()
    if latest is None:
        refusals = (
            (_refusal("replaces_wrong_night", got=delivery.replaces, sequence="-", business_date="-"),)
            if delivery.replaces is not None
            else ()
        )
        return Place(delivery.sequence or 1, None, None, None, refusals)
    sequence = delivery.sequence if delivery.sequence is not None else latest.sequence + 1
    replacing = latest if delivery.replaces is not None else None
    previous = standing.filter(business_date__lt=delivery.business_date).last() if replacing else latest
    return Place(sequence, previous, None, replacing, tuple(_order_refusals(delivery, latest, sequence)))


def _order_refusals(delivery: Delivery, latest: Night, sequence: int) -> Iterator[Sentence]:
    if delivery.issuer != latest.issuer:
        yield _refusal("issuer_differs", expected=latest.issuer, got=delivery.issuer)
    if latest.status == NightStatus.RUNNING:
        yield _refusal("night_unfinished", business_date=latest.business_date, sequence=latest.sequence)
    repeated = Night.objects.filter(sequence=sequence).first()
    if repeated is not None:
        yield _refusal("sequence_repeated", sequence=sequence, business_date=repeated.business_date)
    elif sequence != latest.sequence + 1:
        yield _refusal("sequence_gap", expected=latest.sequence + 1, got=sequence)
    if delivery.replaces is not None:
        if (delivery.replaces, delivery.business_date) != (latest.sequence, latest.business_date):
            yield _refusal(
                "replaces_wrong_night",
                got=delivery.replaces,
                sequence=latest.sequence,
                business_date=latest.business_date,
            )
    elif delivery.business_date <= latest.business_date:
        yield _refusal("date_not_after", got=delivery.business_date, latest=latest.business_date)


def _refusal(code: str, **facts: object) -> Sentence:
    zh, en = _ORDER_SENTENCES[code]
    return Sentence(code, zh.format(**facts), en.format(**facts))


def begin(delivery: Delivery, place: Place, *, snapshot: str, manifest_sha256: str, at: datetime) -> Night:
    """Record that the sealed snapshot is being worked through; the night it replaces steps back at once.

    A night begun before and interrupted goes on; should another release have sealed other bytes since, they count.
    """
    if place.known is not None:
        place.known.snapshot, place.known.manifest_sha256 = snapshot, manifest_sha256
        place.known.save(update_fields=["snapshot", "manifest_sha256"])
        return place.known
    with transaction.atomic():
        if place.replacing is not None:
            Night.objects.filter(pk=place.replacing.pk).update(status=NightStatus.REPLACED)
        return Night.objects.create(
            sequence=place.sequence,
            business_date=delivery.business_date,
            issuer=delivery.issuer,
            layout=delivery.layout.name,
            content=delivery.content,
            snapshot=snapshot,
            manifest_sha256=manifest_sha256,
            replaces=delivery.replaces,
            begun_at=at,
        )


def step(night: Night, name: str, work: Callable[[], dict[str, Any]]) -> NightStep:
    """Take a step of the night unless it has been taken: its effects and its mark in one transaction."""
    taken = NightStep.objects.filter(night=night, step=name).first()
    if taken is not None:
        return taken
    started = time.perf_counter()
    with transaction.atomic():
        outcome = work()
        seconds = round(time.perf_counter() - started, 3)
        return NightStep.objects.create(night=night, step=name, seconds=seconds, outcome=outcome)


def finish(
    night: Night,
    *,
    result: dict[str, Any],
    summary: dict[str, Any],
    folder: Path,
    at: datetime,
    by: str,
    also: Callable[[], Mapping[str, Any]] = dict,
) -> None:
    """Seal the night: one event in the house's chain, the digest of every chain head, and the manifest file.

    `also` does what begins with the sealing, in its transaction, and adds what it came to to the result.

    The file `folder/<snapshot>.json` repeats outside the database what was sealed, so that a chain cut short in
    the database no longer agrees with it.
    """
    with transaction.atomic():
        events.append(
            chain="",
            kind="night.replaced" if night.replaces is not None else "night.sealed",
            body={
                "business_date": night.business_date.isoformat(),
                "sequence": night.sequence,
                "replaces": night.replaces,
                "manifest_sha256": night.manifest_sha256,
            },
            at=at,
            by=by,
        )
        with connection.cursor() as cursor:
            heads = events.heads(cursor)
        night.status = NightStatus.SEALED
        night.sealed_at = at
        night.result = {**result, **also(), "heads": heads}
        night.summary = summary
        night.save(update_fields=["status", "sealed_at", "result", "summary"])
    publish(night, folder)


def publish(night: Night, folder: Path) -> None:
    """Write the night's manifest beside the snapshots, whole or not at all; writing it again changes nothing."""
    file = folder / f"{night.snapshot}.json"
    manifest = {**night.result, "snapshot": night.snapshot, "manifest_sha256": night.manifest_sha256}
    text = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    if file.exists() and file.read_text() == text:
        return
    lasting.put(file, text.encode())
