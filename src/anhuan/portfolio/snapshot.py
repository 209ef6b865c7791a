"""A sealed night: immutable Parquet files and a manifest that vouches for them.

Knows the folder of a night, its files, their columns and order, and how to write them so that a power cut leaves
either the whole night or none. Does not know the bank's files, the database, or what is recorded where. Personal
data (names, numbers, addresses, birth dates, employers) has no column here.

    <root>/<business_date>.<sequence>/      mode 0700, files 0400
        customers.parquet       customer_id, sex, language, timezone, region_code, segment, flags, age
        contact_points.parquet  customer_id, kind, party, person_id, place, valid, reserved
        accounts.parquet        every column of accounts.csv
        payments.parquet        every column of payments.csv, and the account's currency
        standing.parquet        `delinquency.STANDING`
        known_accounts.parquet  `delinquency.KNOWN`
        findings.parquet        file, line, column, code, severity, message_zh, message_en
        manifest.json           see `seal`

The same rows give the same bytes: sorted, fixed row groups, one writer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import ibis
from ibis.backends.duckdb import Backend
from ibis.expr import types as ir

FORMAT = "anhuan-snapshot/1"


@dataclass(frozen=True, kw_only=True)
class NightFacts:
    """What the manifest says of a night besides its files. `sequence` is settled by the caller (a layout without one counts nights).

    rows, used, set_aside: by canonical file name ("accounts.csv"), as the feed read them. `previous`: SHA-256 (hex) of the previous
    sealed night's manifest.json, None on the first night, so that the nights form a chain.
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
    """A night written and in place. `kept`: an equal one was there already (a run that was killed later)."""

    folder: Path
    manifest_sha256: str
    kept: bool


@dataclass(frozen=True)
class Snapshot:
    """A sealed night opened for reading; a table is read from its file only as far as an expression asks."""

    folder: Path
    manifest: Mapping[str, Any]
    con: Backend = field(repr=False)

    def table(self, name: str) -> ir.Table:
        """The table of that name: customers, contact_points, accounts, payments, standing, known_accounts, findings."""
        raise NotImplementedError


def seal(con: Backend, facts: NightFacts, *, standing: ir.Table, known: ir.Table, root: Path) -> Sealed:
    """Write the night into `root/<business_date>.<sequence>` and return only when it would survive a power cut.

    Takes the tables customers, contact_points, accounts, payments and findings of `con` and the two given. Written
    beside (`root/.sealing-…`), fsynced file by file, renamed into place, the folder fsynced. If the night is there
    already, whole and equal, it is kept; otherwise it is replaced: the caller asks for a night only while it is not recorded as sealed.
    """
    raise NotImplementedError


def load(con: Backend, folder: Path) -> Snapshot:
    """Open a sealed night. Raises `Damaged` when the manifest is missing, unreadable or of a format not known."""
    raise NotImplementedError


def verify(folder: Path, *, manifest_sha256: str | None = None) -> tuple[str, ...]:
    """What is wrong with a sealed night, as sentences (English); empty when it is as it was sealed.

    Compares every file's SHA-256 and rows with the manifest, the manifest's own SHA-256 with the one recorded
    elsewhere when given, and finds files that are missing or do not belong.
    """
    raise NotImplementedError
