"""The night, in order: a delivery is read, aged, sealed, its people and cases absorbed, its heaps balanced.

This edge joins the rooms: `portfolio` works in columns on the delivery, `acts` write to records. Every write is
one step in one transaction keyed by (night, step), so a night killed anywhere and run again ends the same.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
from django.db import connection
from ibis.backends.duckdb import Backend

from anhuan import clock
from anhuan.acts import case, identity, outbox, payment, performance, promise, worklist
from anhuan.acts import night as nights
from anhuan.clockwork import extracting, proposing
from anhuan.core.vocabulary import Flow, Heap, NightStatus, Presence
from anhuan.portfolio import delinquency, engine, feed, reports, snapshot
from anhuan.portfolio.feed.columns import FILES
from anhuan.records import events
from anhuan.records.night import Night
from anhuan.records.strategy import live_on

ACTOR = "system:night"

Progress = Callable[[str, int, int], None]
Steps = dict[str, Callable[[], dict[str, Any]]]

# The order in which a result is told, and within those of its parts whose keys are closed.
_TOLD: dict[str, tuple[str, ...]] = {
    "business_date": (),
    "sequence": (),
    "status": (),
    "reason": (),
    "rows": tuple(FILES),
    "findings": (),
    "findings_file": (),
    "accounts": (),
    "flow": tuple(Flow),
    "heaps": tuple(Heap),
    "cases": ("opened", "reopened", "closed", "open"),
    "proposals": (),
    "refusals": (),
    "outbox": (),
    "worklist": (),
    "agreements": ("promises", "plans"),
    "set_aside": tuple(FILES),
    "seconds": ("read", "age", "seal", "identity", "payments", "cases", "agreements", "proposals", "worklist", "balance"),
    "heads": ("events", "position", "digest"),
}


@dataclass(frozen=True)
class Outcome:
    """What `anhuan night` answers: `status` is sealed, unchanged or refused; `result` is the public JSON."""

    status: str
    result: dict[str, Any]


@dataclass
class _Watch:
    """Seconds per step, in order."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)


def run(
    folder: Path, *, home: Path, layout: str | None = None, ceiling: Decimal = feed.CEILING, progress: Progress | None = None
) -> Outcome:
    """Work one delivery through, whole; raises `feed.FeedUnreadable` when `folder` is no delivery at all."""
    delivery = feed.open_delivery(folder, layout=layout, search=[home / "layouts"])
    with nights.one_at_a_time(), _workspace(home) as workspace:
        place = nights.place(delivery)
        if place.known is not None and place.known.status != NightStatus.RUNNING:
            nights.publish(place.known, home / "nights")
            if place.known.status == NightStatus.SEALED:  # killed just before its end, it has yet to tell the bank
                extracting.complete(place.known.business_date, home=home)
            return Outcome("unchanged", _in_order(place.known.result) | {"status": "unchanged"})
        refusals = place.refusals or _damage(place.previous, home)
        if refusals:
            return _refuse(delivery, refusals, home=home, con=None, reading=None)
        if place.previous is not None:  # a day's own extract, before this one's takes what that one was to tell
            extracting.complete(place.previous.business_date, home=home)
        return _work_through(delivery, place, home=home, workspace=workspace, ceiling=ceiling, progress=progress)


def _work_through(
    delivery: feed.Delivery,
    place: nights.Place,
    *,
    home: Path,
    workspace: Path,
    ceiling: Decimal,
    progress: Progress | None,
) -> Outcome:
    watch = _Watch()
    con = engine.connect(workspace)
    sealed_nights = home / "snapshots"
    previous = snapshot.load(con, sealed_nights / place.previous.snapshot) if place.previous else None
    yesterday = previous.table("standing") if previous else None
    known = previous.table("known_accounts") if previous else None

    with watch.step("read"):
        reading = feed.read(delivery, con, known=known, yesterday=yesterday, ceiling=ceiling, progress=progress)
    if reading.refusals:
        return _refuse(delivery, reading.refusals, home=home, con=con, reading=reading)

    with watch.step("age"):
        standing = _age(con, delivery, yesterday)
    with watch.step("seal"):
        facts = _facts(delivery, place, reading)
        seen = delinquency.known(known, con.table("accounts"), business_date=delivery.business_date)
        sealed = snapshot.seal(con, facts, standing=standing, known=seen, root=sealed_nights)
    night = nights.begin(delivery, place, snapshot=sealed.folder.name, manifest_sha256=sealed.manifest_sha256, at=clock.now())

    people, book = _steps(con, night, place, standing, home)
    outcomes = _take(night, people, book, watch=watch, progress=progress)
    came = {"cases": outcomes["cases"], "agreements": _judge(night, place.replacing, watch=watch)}
    wanted = _propose(con, night, standing, home=home, watch=watch, progress=progress)
    came |= {name: wanted[name] for name in ("proposals", "refusals")} | {"worklist": _lay_out(night, home=home, watch=watch)}

    with watch.step("balance"):
        result = _delivered(night, reading, sealed.folder) | came | {
            "flow": delinquency.flow(standing),
            "heaps": heaps(reading, standing, wanted["heaps"]),
            "seconds": watch.seconds,
        }  # fmt: skip
        summary = reports.summary(
            standing, yesterday, book=delivery.book, accounts=con.table("accounts"), customers=con.table("customers")
        )
    at = clock.now()
    nights.finish(
        night, result=result, summary=summary, folder=home / "nights", at=at, by=ACTOR,
        also=lambda: {"outbox": outbox.schedule(night, at=at)},
    )  # fmt: skip
    extracting.complete(night.business_date, home=home)
    return Outcome("sealed", _in_order(night.result))


def _delivered(night: Night, reading: feed.Reading, folder: Path) -> dict[str, Any]:
    """What a result says of the delivery itself; `folder` is the snapshot's."""
    return {
        "business_date": night.business_date.isoformat(),
        "sequence": night.sequence,
        "status": "sealed",
        "reason": None,
        "rows": reading.rows,
        "findings": reading.findings,
        "findings_file": str(folder / "findings.parquet"),
        "accounts": reading.used["accounts.csv"],
        "set_aside": reading.set_aside,
    }


def _age(con: Backend, delivery: feed.Delivery, yesterday: ibis.Table | None) -> ibis.Table:
    """Tonight's standing, computed once and kept in the connection as table `standing`."""
    aside = con.table("set_aside")
    set_aside_ids = aside.filter(aside.file == "accounts.csv", aside.key.notnull()).select(account_id=aside.key).distinct()
    standing = delinquency.age(con.table("accounts"), set_aside_ids, yesterday, business_date=delivery.business_date)
    return con.create_table("standing", standing, temp=True)


def _damage(previous: Night | None, home: Path) -> tuple[feed.Sentence, ...]:
    """What is wrong with the sealed night that tonight is compared with; nothing may be built on a damaged one."""
    if previous is None:
        return ()
    found = snapshot.verify(home / "snapshots" / previous.snapshot, manifest_sha256=previous.manifest_sha256)
    return tuple(feed.Sentence(damage.code, damage.zh, damage.en) for damage in found)


def _facts(delivery: feed.Delivery, place: nights.Place, reading: feed.Reading) -> snapshot.NightFacts:
    return snapshot.NightFacts(
        business_date=delivery.business_date,
        issuer=delivery.issuer,
        sequence=place.sequence,
        replaces=delivery.replaces,
        layout=delivery.layout.name,
        content=delivery.content,
        book=delivery.book,
        rows=reading.rows,
        used=reading.used,
        set_aside=reading.set_aside,
        previous=place.previous.manifest_sha256 if place.previous else None,
    )


def _steps(con: Backend, night: Night, place: nights.Place, standing: ibis.Table, home: Path) -> tuple[Steps, Steps]:
    """The steps that write to records: of people and of the book, which share no table that both write.

    Each runs in a transaction of its own and only once.
    """
    at = clock.now()
    people: Steps = {"identity": lambda: identity.absorb(con, night=night, at=at, by=ACTOR, folder=home / "fingerprints")}
    book: Steps = {
        "payments": lambda: payment.absorb(con, payments=con.table("payments"), night=night, replacing=place.replacing, at=at),
        "cases": lambda: case.absorb(
            con,
            standing=standing,
            accounts=con.table("accounts"),
            customers=con.table("customers"),
            restated=_restated(con, night, standing, home / "snapshots"),
            night=night,
            replacing=place.replacing,
            at=at,
            by=ACTOR,
        ),
    }
    return people, book


def _take(night: Night, people: Steps, book: Steps, *, watch: _Watch, progress: Progress | None) -> dict[str, dict[str, Any]]:
    """What came of each step. Those of people are taken beside those of the book: a step keeps one core busy, not two."""
    outcomes: dict[str, dict[str, Any]] = {}

    def take(steps: Steps) -> None:
        for name, work in steps.items():
            if progress:
                progress(name, 0, 0)
            taken = nights.step(night, name, work)
            outcomes[name], watch.seconds[name] = taken.outcome, taken.seconds

    def take_beside() -> None:
        try:
            take(people)
        finally:
            connection.close()  # Django opened it for this thread alone

    with ThreadPoolExecutor(1, thread_name_prefix="night-people") as beside:
        taken_beside = beside.submit(take_beside)
        take(book)
        taken_beside.result()
    return outcomes


def _judge(night: Night, replacing: Night | None, *, watch: _Watch) -> dict[str, dict[str, int]]:
    """How many promises and agreements became what, by all that is posted now; no step, for judging again changes nothing.

    What was judged since a night began that this one replaces may rest on its postings, and is judged anew.
    """
    at, since = clock.now(), replacing.begun_at if replacing else None
    with watch.step("agreements"):
        return {
            name: acts.judge(acts.concerned(sequence=night.sequence, since=since), at=at, known_through=night.business_date)
            for name, acts in {"promises": promise, "plans": performance}.items()
        }


def _propose(
    con: Backend, night: Night, standing: ibis.Table, *, home: Path, watch: _Watch, progress: Progress | None
) -> Mapping[str, Any]:
    """What came of the strategy that is live on the business date; without one there is no such step."""
    version = live_on(night.business_date)
    if version is None:
        return proposing.NOTHING
    if progress:
        progress("proposals", 0, 0)
    taken = nights.step(night, "proposals", lambda: proposing.propose(con, night, version, standing=standing, home=home))
    watch.seconds["proposals"] = taken.seconds
    outcome: Mapping[str, Any] = taken.outcome
    return outcome


def _lay_out(night: Night, *, home: Path, watch: _Watch) -> Mapping[str, Any]:
    """The worklist of the morning: what people are to do of what is proposed, and of what was left from before."""
    morning = proposing.morning_after(night.business_date, home=home)
    taken = nights.step(night, "worklist", lambda: worklist.fill(night, morning=morning, at=clock.now(), by=ACTOR))
    watch.seconds["worklist"] = taken.seconds
    outcome: Mapping[str, Any] = taken.outcome
    return outcome


def _restated(con: Backend, night: Night, standing: ibis.Table, sealed_nights: Path) -> ibis.Table | None:
    """What back-dated payments say the buckets of already sealed nights would have been; None when there are none."""
    sealed = list(Night.objects.filter(status=NightStatus.SEALED, business_date__lt=night.business_date))
    if not sealed:
        return None
    backdated = payment.backdated(con, night=night, until=sealed[-1].business_date)
    (first,) = engine.rows(backdated.aggregate(day=backdated.effective_on.min()))
    if first["day"] is None:
        return None
    concerned = [n for n in sealed if n.business_date >= first["day"]]
    history = ibis.union(
        *(
            con.read_parquet(sealed_nights / n.snapshot / "standing.parquet").mutate(
                business_date=ibis.literal(n.business_date)
            )
            for n in concerned
        )
    )
    return delinquency.restate(history, backdated, standing)


def heaps(reading: feed.Reading, standing: ibis.Table, wanted: Mapping[str, int]) -> dict[str, int]:
    """How many accounts read tonight ended where; an unbalanced night is a bug and is never sealed.

    `wanted`: how many overdue accounts delivered are in the heap of their customer's proposal; the others have no action.
    """
    present = standing.filter(standing.presence == Presence.PRESENT)
    counted = present.aggregate(
        overdue=present.overdue.sum().coalesce(0),
        cured=(present.flow == Flow.CURED).sum().coalesce(0),
        accounts=present.count(),
    )
    (counted,) = engine.rows(counted)
    overdue, cured, accounts = (int(counted[name]) for name in ("overdue", "cured", "accounts"))
    heap = dict.fromkeys((h.value for h in Heap), 0)
    heap[Heap.CURED] = cured
    heap |= wanted
    heap[Heap.NO_ACTION] = overdue - sum(wanted.values())
    heap[Heap.CURRENT] = accounts - overdue - cured
    heap[Heap.SET_ASIDE] = reading.set_aside["accounts.csv"] + reading.surplus["accounts.csv"]
    rows = reading.rows["accounts.csv"]
    if sum(heap.values()) != rows or min(heap.values()) < 0:
        raise AssertionError(f"the heaps {heap} do not add up to the {rows} rows of accounts.csv")
    return heap


def _refuse(
    delivery: feed.Delivery,
    reasons: tuple[feed.Sentence, ...],
    *,
    home: Path,
    con: Backend | None,
    reading: feed.Reading | None,
) -> Outcome:
    """Keep why the delivery was refused beside the book, which stays as it was."""
    at = clock.now()
    folder = home / "refused" / f"{at:%Y%m%dT%H%M%S%fZ}-{delivery.business_date}"
    folder.mkdir(parents=True)
    findings_file = None
    if con is not None:
        findings_file = folder / "findings.parquet"
        con.table("findings").order_by("file", "line", "column", "code").to_parquet(findings_file)
    result = {
        "business_date": delivery.business_date.isoformat(),
        "sequence": delivery.sequence,
        "status": "refused",
        "reason": reasons[0].code,
        "reasons": [{"code": r.code, "message_zh": r.zh, "message_en": r.en} for r in reasons],
        "rows": reading.rows if reading else {},
        "findings": reading.findings if reading else 0,
        "findings_file": str(findings_file) if findings_file else None,
        "refused_at": at.isoformat(),
    }
    (folder / "refusal.json").write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    return Outcome("refused", result)


def listed(home: Path, *, everything: bool = False) -> list[dict[str, Any]]:
    """The results of the sealed nights, newest last; `everything` adds replaced nights and refused deliveries."""
    statuses = [NightStatus.SEALED, NightStatus.REPLACED] if everything else [NightStatus.SEALED]
    sealed = [
        _in_order(night.result) | {"status": str(night.status)}
        for night in Night.objects.filter(status__in=statuses)
        if night.result
    ]
    if not everything:
        return sealed
    refused = [json.loads(file.read_text()) for file in sorted((home / "refused").glob("*/refusal.json"))]
    return sorted(sealed + refused, key=lambda result: (result["business_date"], result.get("sequence") or 0))


def _in_order(result: dict[str, Any]) -> dict[str, Any]:
    """The result as it was first told; the database keeps no order of keys."""
    kept = {name: result[name] for name in _TOLD if name in result} | result
    return kept | {
        name: {key: kept[name][key] for key in keys if key in kept[name]}
        for name, keys in _TOLD.items()
        if keys and name in kept
    }


def sealed_on(day: date, *, home: Path, con: Backend) -> snapshot.Snapshot | None:
    """The snapshot of the night standing for business date `day`, opened in `con`; None when there is none."""
    night = Night.objects.filter(business_date=day, status=NightStatus.SEALED).first()
    return snapshot.load(con, home / "snapshots" / night.snapshot) if night else None


@contextmanager
def _workspace(home: Path) -> Iterator[Path]:
    """A scratch folder of this run, removed at the end; those that killed runs left behind are removed first."""
    root = home / "workspace"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in root.iterdir():
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def verify(home: Path, *, case_id: str | None = None, snapshots: bool = False) -> dict[str, Any]:
    """Recompute the event chains and hold them against every night's manifest: `{"ok", "events", "first_bad"}`.

    `snapshots`: also every file of every sealed night against its manifest, which reads them all.
    """
    anchors = [
        {"night": file.stem, **json.loads(file.read_text())["heads"]} for file in sorted((home / "nights").glob("*.json"))
    ]
    answer = events.verify(case=case_id, anchors=anchors)
    if answer["ok"] and snapshots:
        for night in Night.objects.exclude(status=NightStatus.RUNNING):
            for said in _damage(night, home):
                return {**answer, "ok": False, "first_bad": {"snapshot": night.snapshot, "code": said.code}}
    return answer
