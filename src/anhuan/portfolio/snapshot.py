"""A sealed night: immutable Parquet files and a manifest that vouches for them.

Knows the folder of a night, its files, their columns and order, and how to write them so that a power cut leaves
the whole night or none of it. Does not know the bank's files, the database, or which nights are recorded. Personal
data (names, numbers, addresses, birth dates, employers) has no column here.

    <root>/<business_date>.<sequence>/      mode 0700, files 0400
        customers.parquet       customer_id, sex, language, timezone, region_code, segment, flags, age
        contact_points.parquet  customer_id, kind, party, person_id, place, valid, reserved
        accounts.parquet        the columns of accounts.csv
        payments.parquet        the columns of payments.csv, and the account's currency
        standing.parquet        `delinquency.STANDING`
        known_accounts.parquet  `delinquency.KNOWN`
        findings.parquet        file, line, column, code, severity, message_zh, message_en
        manifest.json           `seal` tells its keys

The same rows give the same bytes, whatever their order, the form they were delivered in, or the number of threads:
every file is sorted and has row groups of a fixed size. (The same version of DuckDB, that is: another may compress
differently.)
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ibis.backends.duckdb import Backend
from ibis.expr import types as ir

from anhuan.portfolio import delinquency, engine

FORMAT = "anhuan-snapshot/1"
MANIFEST = "manifest.json"

_MONEY = (
    "balance_total_minor",
    "principal_minor",
    "interest_minor",
    "penalty_minor",
    "fees_minor",
    "instalment_unbilled_minor",
    "past_due_amount_minor",
)

# Per table the columns written. Rows are sorted by the first so many of them, which make a row unique (or, for
# contact points and findings, tell apart all that is written of it).
_TABLES: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "customers": (1, ("customer_id", "sex", "language", "timezone", "region_code", "segment", "flags", "age")),
    "contact_points": (7, ("customer_id", "kind", "party", "person_id", "place", "valid", "reserved")),
    "accounts": (
        1,
        (
            "account_id",
            "customer_id",
            "product",
            "currency",
            "opened_on",
            "block_code",
            "credit_limit_minor",
            "balance_total_minor",
            "principal_minor",
            "interest_minor",
            "penalty_minor",
            "fees_minor",
            "instalment_unbilled_minor",
            "minimum_due_minor",
            "past_due_amount_minor",
            "past_due_since",
            "cycle_day",
            "statement_date",
            "due_date",
            "last_payment_on",
            "last_payment_amount_minor",
            "autopay",
            "behaviour_score",
            "collection_score",
            "classification",
            "placed_with",
        ),
    ),
    "payments": (
        1,
        (
            "payment_id",
            "account_id",
            "posted_on",
            "effective_on",
            "amount_minor",
            "currency",
            "kind",
            "reverses",
            "channel",
        ),
    ),
    "standing": (1, delinquency.STANDING.names),
    "known_accounts": (1, delinquency.KNOWN.names),
    "findings": (7, ("file", "line", "column", "code", "severity", "message_zh", "message_en")),
}

# Row groups: small enough to sort and encode in little memory; DuckDB wants multiples of 2048. The rest, measured on a
# million accounts: level 1 of zstd is a sixth faster than level 3 and its files are no larger; ids and amounts do not
# repay the try at a dictionary, words and dates have far fewer than 4096 values; nobody looks one value up by Bloom filter.
_PARQUET = (
    "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 122880, "
    "DICTIONARY_SIZE_LIMIT 4096, WRITE_BLOOM_FILTER false"
)


@dataclass(frozen=True, kw_only=True)
class NightFacts:
    """What the manifest says of a night besides its files.

    `sequence` is settled by the caller (a layout without one counts nights). rows, used, set_aside: by canonical
    file name ("accounts.csv"), as the feed read them. `previous`: SHA-256 (hex) of the previous sealed night's
    manifest.json, None on the first night; so the nights form a chain.
    """

    business_date: date
    issuer: str
    sequence: int
    replaces: int | None
    layout: str
    content: str
    book: Mapping[str, Any]
    rows: Mapping[str, int]
    used: Mapping[str, int]
    set_aside: Mapping[str, int]
    previous: str | None


@dataclass(frozen=True)
class Sealed:
    """A night written and in place. `kept`: it was there already, equal to the byte (a run that was killed later)."""

    folder: Path
    manifest_sha256: str
    kept: bool


@dataclass(frozen=True)
class Damage:
    """One thing wrong with a sealed night: machine code, the file concerned, and a sentence in both languages."""

    code: str
    file: str
    zh: str
    en: str

    def __str__(self) -> str:
        return self.en


class Damaged(Exception):
    """A sealed night that cannot be opened at all; `damage` says why."""

    def __init__(self, damage: Damage) -> None:
        super().__init__(damage.en)
        self.damage = damage


@dataclass(frozen=True)
class Snapshot:
    """A sealed night opened for reading; a table is read from its file only as far as an expression asks."""

    folder: Path
    manifest: Mapping[str, Any]
    con: Backend = field(repr=False)

    def table(self, name: str) -> ir.Table:
        """The table of that name: customers, contact_points, accounts, payments, standing, known_accounts, findings."""
        if name not in _TABLES:
            raise KeyError(f"a snapshot has no table {name!r}; it has {', '.join(_TABLES)}")
        return self.con.read_parquet(self.folder / f"{name}.parquet")


def seal(con: Backend, facts: NightFacts, *, standing: ir.Table, known: ir.Table, root: Path) -> Sealed:
    """Write the night into `root/<business_date>.<sequence>`; when it returns, the night survives a power cut.

    Takes the tables customers, contact_points, accounts, payments and findings of `con` and the two given. They are
    written beside (`root/.sealing-...`), fsynced, and renamed into place. A night already there is kept when whole and
    equal to the byte, else replaced. The caller seals one night at a time, and only one that no record calls sealed.

    manifest.json holds format, business_date, issuer, sequence, replaces, layout, content, book, previous; rows,
    used and set_aside by delivered file; totals, by currency: accounts and the sums of the money columns over the
    accounts used; files: name, rows, bytes, sha256. It holds no time and no path, so equal nights have equal ones.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sweep(root)
    place = root / f"{facts.business_date.isoformat()}.{facts.sequence}"
    staging = root / f".sealing-{place.name}"
    sources = {name: con.table(name) for name in _TABLES if name not in ("standing", "known_accounts")}
    sources |= {"standing": standing, "known_accounts": known}
    staging.mkdir(mode=0o700)
    try:
        files = [_write(con, sources[name], name, staging) for name in sorted(_TABLES)]
        manifest = _manifest(facts, files, _totals(sources["accounts"]))
        (staging / MANIFEST).write_bytes(manifest)
        _make_durable(staging / MANIFEST)
        _sync(staging)
        kept = _equal(place, manifest)
        if not kept:
            _put_in_place(staging, place)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Sealed(place, hashlib.sha256(manifest).hexdigest(), kept)


def load(con: Backend, folder: Path) -> Snapshot:
    """Open a sealed night. Raises `Damaged` when its manifest is missing, unreadable or of an unknown format."""
    return Snapshot(folder, _read_manifest(folder), con)


def verify(folder: Path, *, manifest_sha256: str | None = None) -> tuple[Damage, ...]:
    """What is wrong with a sealed night; empty when it is as it was sealed.

    Compares every file's SHA-256 with the manifest, and the manifest's own with the one recorded elsewhere when
    given (without it, whoever rewrites the manifest too goes unseen); finds files missing and files that do not
    belong.
    """
    return tuple(_damages(folder, manifest_sha256))


def _damages(folder: Path, manifest_sha256: str | None) -> Iterator[Damage]:
    try:
        manifest = _read_manifest(folder)
    except Damaged as wrong:
        yield wrong.damage
        return
    if manifest_sha256 is not None and _sha256(folder / MANIFEST) != manifest_sha256:
        yield _damage("manifest_changed", MANIFEST, folder)
    listed = {entry["name"]: entry for entry in manifest["files"]}
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    for name in sorted(present - listed.keys()):
        yield _damage("file_unknown", name, folder)
    for name, entry in sorted(listed.items()):
        if name not in present:
            yield _damage("file_missing", name, folder)
        elif _sha256(folder / name) != entry["sha256"]:
            yield _damage("file_changed", name, folder)


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        known_format = manifest["format"] == FORMAT
    except (OSError, ValueError, TypeError, KeyError) as wrong:
        raise Damaged(_damage("manifest_unreadable", MANIFEST, folder)) from wrong
    if not known_format:
        raise Damaged(_damage("format_unknown", MANIFEST, folder))
    return dict(manifest)


_SENTENCES = {
    "manifest_unreadable": ("{night} 的 {file} 缺失或无法读取。", "{file} of {night} is missing or cannot be read."),
    "format_unknown": (
        "{night} 由本版本不认识的格式封存;请使用封存它的版本或更新的版本。",
        "{night} was sealed in a format this version does not know; use the version that sealed it, or a newer one.",
    ),
    "manifest_changed": (
        "{night} 的 {file} 与记录的摘要不符:封存后被改动。",
        "{file} of {night} does not match its recorded digest: it was changed after sealing.",
    ),
    "file_missing": ("{night} 缺少 {file}。", "{file} is missing from {night}."),
    "file_changed": (
        "{night} 的 {file} 与清单的摘要不符:已损坏或被改动。",
        "{file} of {night} does not match its digest in the manifest: it is damaged or was changed.",
    ),
    "file_unknown": ("{night} 中有不属于它的 {file}。", "{night} holds {file}, which does not belong to it."),
}


def _damage(code: str, file: str, folder: Path) -> Damage:
    zh, en = (sentence.format(night=folder.name, file=file) for sentence in _SENTENCES[code])
    return Damage(code, file, zh, en)


def _write(con: Backend, table: ir.Table, name: str, folder: Path) -> dict[str, Any]:
    """Write one table, sorted, through to the disk; its entry in the manifest."""
    sorted_by, columns = _TABLES[name]
    path = folder / f"{name}.parquet"
    query = con.compile(table.select(*columns).order_by(*columns[:sorted_by]))
    target = str(path).replace("'", "''")
    copied = con.raw_sql(f"COPY ({query}) TO '{target}' ({_PARQUET})").fetchone()
    _make_durable(path)
    return {"name": path.name, "rows": copied[0], "bytes": path.stat().st_size, "sha256": _sha256(path)}


def _totals(accounts: ir.Table) -> dict[str, dict[str, int]]:
    per_currency = accounts.group_by("currency").agg(
        accounts=accounts.count(), **{column: accounts[column].sum() for column in _MONEY}
    )
    rows = engine.rows(per_currency.order_by("currency"))
    return {row.pop("currency"): {name: int(total or 0) for name, total in row.items()} for row in rows}


def _manifest(facts: NightFacts, files: list[dict[str, Any]], totals: dict[str, dict[str, int]]) -> bytes:
    manifest = {
        "format": FORMAT,
        "business_date": facts.business_date.isoformat(),
        "issuer": facts.issuer,
        "sequence": facts.sequence,
        "replaces": facts.replaces,
        "layout": facts.layout,
        "content": facts.content,
        "book": dict(facts.book),
        "rows": dict(facts.rows),
        "used": dict(facts.used),
        "set_aside": dict(facts.set_aside),
        "totals": totals,
        "files": files,
        "previous": facts.previous,
    }
    return (json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _equal(place: Path, manifest: bytes) -> bool:
    try:
        return (place / MANIFEST).read_bytes() == manifest and not verify(place)
    except OSError:
        return False


def _put_in_place(staging: Path, place: Path) -> None:
    discarded = place.with_name(f".discarded-{place.name}")
    if place.exists():
        place.rename(discarded)
    staging.rename(place)
    _sync(place.parent)
    shutil.rmtree(discarded, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what killed runs left half-written or half-removed."""
    for left in (*root.glob(".sealing-*"), *root.glob(".discarded-*")):
        shutil.rmtree(left)


def _make_durable(path: Path) -> None:
    path.chmod(0o400)
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
