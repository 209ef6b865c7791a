"""The act of the cut-over: what the old system did and heard becomes ours, so that the first day breaks no cap.

Knows the files of a history and what their rows become (`docs/cut-over.md`). Every row has its own id, and comes in once however
often it is delivered; a row that cannot be used is set aside with everything that is wrong with it. Run it after the first night,
which brings the contact points, and before the door opens. Holds only the customers of whom a hold tells that something was
done wrong meanwhile, or for whom something waits that what came in forbids.
"""

# ruff: noqa: S608  Names in the SQL are those of our own models; every value is bound.
from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from django.db import connection, models, transaction

from anhuan.acts import extract, pending
from anhuan.acts.cells import READERS, Refused, sentences
from anhuan.acts.customer import held
from anhuan.acts.hold import would_have_refused
from anhuan.core.law import Law
from anhuan.core.vocabulary import BANK, CALLS, Channel, ContactKind, Direction, HoldKind, LineResult, Party, Purpose
from anhuan.records import events, identity, told
from anhuan.records.account import Account
from anhuan.records.circumstance import PersonFinding, PersonFindingKind
from anhuan.records.consent import CeaseNotice, Consent, OptOut, PlaceBar, Revocation, TimeBlock
from anhuan.records.contact import Contact, Origin, State
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.hold import Hold
from anhuan.records.promise import Promise

_BATCH = 5_000
_NAMESPACE = uuid5(NAMESPACE_URL, "anhuan:history")

Row = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """What is wrong with a cell, or a doubt about it; never its value. `severity`: `set_aside` or `warning`."""

    file: str
    line: int
    column: str
    code: str
    severity: str = "set_aside"

    def document(self) -> dict[str, Any]:
        zh, en = sentences(self.code, self.column)
        return {**vars(self), "message_zh": zh, "message_en": en}


class HistoryUnreadable(Exception):
    """The folder is none, a file is no CSV, or lacks a column; `zh` and `en` say which."""

    def __init__(self, zh: str, en: str) -> None:
        self.zh, self.en = zh, en
        super().__init__(en)


@dataclass
class _Import:
    """One run: the instant and the actor, what is on file, what was found wrong, and whom a row binds us towards."""

    at: datetime
    by: str
    accounts: dict[str, list[str]] = field(default_factory=dict)
    points: dict[tuple[str, bytes], tuple[UUID, str]] = field(default_factory=dict)
    only: dict[tuple[str, str, str], list[tuple[UUID, str]]] = field(default_factory=dict)
    customers: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    ring: Any = None

    def learn(self) -> None:
        """What the bank has delivered: customers, their accounts and their contact points."""
        self.ring = identity.keyring()
        self.customers = set(Customer.objects.values_list("customer_id", flat=True))
        for account, customer in Account.objects.values_list("account_id", "customer_id").order_by("account_id").iterator():
            self.accounts.setdefault(customer, []).append(account)
        columns = ("point_id", "customer_id", "kind", "party", "person_id", "place", "value_index")
        for point, customer, kind, party, person, place, index in ContactPoint.objects.values_list(*columns).iterator():
            found = (point, told.point_kind(kind, place))
            if index is not None:
                self.points.setdefault((customer, bytes(index)), found)
            self.only.setdefault((customer, party, person), []).append(found)


# --- the files ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class File:
    """A file of a history: its columns with the reader of each, those that must be filled, and what a row becomes.

    `make` answers the row of the model, or raises `Refused` with the column and the code of what is wrong.
    """

    name: str
    columns: Mapping[str, str]
    required: tuple[str, ...]
    make: Callable[[_Import, Row], tuple[type[models.Model], Row]]


def take(folder: Path, *, law: Law, at: datetime, by: str) -> dict[str, Any]:
    """Take in a history: `{"files": {name: {"rows", "imported", "known", "set_aside"}}, "findings": [...], "meanwhile": [...]}`.

    All in one transaction, with one event in the chain of the house that holds the counts and the digest of each file. The rows of
    a file are those imported, those known already and those set aside. `meanwhile` lists, hold by hold, the contacts made
    while it stood that a rule of `law` on holds refuses: `{"hold", "case", "kind", "contacts"}`. Raises `HistoryUnreadable`.
    """
    found = [(file, folder / file.name) for file in FILES if (folder / file.name).is_file()]
    if not found:
        names = " ".join(file.name for file in FILES)
        raise HistoryUnreadable(f"{folder} 中没有历史文件（{names}）。", f"{folder} holds no file of a history ({names}).")
    run = _Import(at, by)
    answer: dict[str, Any] = {"files": {}}
    with transaction.atomic(), extract.untold():
        run.learn()
        digests = {}
        for file, path in found:
            answer["files"][file.name] = _take_file(run, file, path)
            digests[file.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        answer["meanwhile"] = _meanwhile(run, law)
        if any(counted["imported"] for counted in answer["files"].values()):
            body = {"files": answer["files"], "sha256": digests, "meanwhile": len(answer["meanwhile"])}
            events.append(chain=events.HOUSE, kind="history.imported", body=body, at=at, by=by)
    answer["findings"] = [finding.document() for finding in run.findings]
    return answer


def _take_file(run: _Import, file: File, path: Path) -> dict[str, int]:
    counted = {"rows": 0, "imported": 0, "known": 0, "set_aside": 0}
    batch: dict[type[models.Model], list[Row]] = {}
    for line, row in _rows(file, path):
        counted["rows"] += 1
        made = _read(run, file, line, row)
        if made is None:
            counted["set_aside"] += 1
            continue
        model, values = made
        if model is not Contact and model is not Promise:
            run.bound.add(values["customer_id"])
        batch.setdefault(model, []).append(values)
        if sum(map(len, batch.values())) >= _BATCH:
            counted["imported"] += _write(batch)
    counted["imported"] += _write(batch)
    counted["known"] = counted["rows"] - counted["imported"] - counted["set_aside"]
    return counted


def _rows(file: File, path: Path) -> Iterator[tuple[int, Row]]:
    """Line and cells of every row; cells that are empty are left out."""
    with path.open(encoding="utf-8-sig", newline="") as opened:
        reader = csv.DictReader(opened, strict=True)
        try:
            header = set(reader.fieldnames or ())
            lacking = sorted(set(file.required) - header) or sorted(header - file.columns.keys())
            if lacking:
                raise HistoryUnreadable(
                    f"{file.name}：列名应含必填列且无多余的列，问题在 {lacking[0]}。",
                    f"{file.name}: the header needs every required column and no other; see {lacking[0]}.",
                )
            for row in reader:
                yield reader.line_num, {name: cell for name, cell in row.items() if cell not in (None, "")}
        except (csv.Error, UnicodeDecodeError) as failure:
            raise HistoryUnreadable(
                f"{file.name} 第 {reader.line_num} 行：不是 UTF-8 的 CSV。",
                f"{file.name}, line {reader.line_num}: no CSV in UTF-8.",
            ) from failure


def _read(run: _Import, file: File, line: int, row: Row) -> tuple[type[models.Model], Row] | None:
    """What a row becomes; None when something is wrong with it, and then findings say what."""
    faults = [Finding(file.name, line, name, "missing") for name in file.required if name not in row]
    if None in row:
        faults.append(Finding(file.name, line, "", "cells_beyond"))
    values: Row = {}
    for name, reader in file.columns.items():
        if name not in row:
            continue
        try:
            values[name] = READERS[reader](row[name])
        except (ValueError, KeyError) as failure:
            faults.append(Finding(file.name, line, name, failure.code if isinstance(failure, Refused) else "unreadable"))
    if not faults:
        faults += [
            Finding(file.name, line, name, "in_future")
            for name in ("at", "opened_at", "signed_at")
            if name in values and values[name] > run.at
        ]
    if not faults:
        try:
            made = file.make(run, values)
        except Refused as refused:
            faults.append(Finding(file.name, line, refused.column, refused.code))
        else:
            run.findings += [Finding(file.name, line, *doubt, "warning") for doubt in _doubts(run, values)]
            return made
    run.findings += faults
    return None


def _doubts(run: _Import, row: Row) -> Iterator[tuple[str, str]]:
    """Column and code of what is imported all the same, though the bank knows nothing of it."""
    if row["customer_id"] not in run.customers:
        yield "customer_id", "customer_unknown"
    elif not set(row.get("accounts", ())) <= set(run.accounts.get(row["customer_id"], ())):
        yield "accounts", "account_unknown"


def _write(batch: dict[type[models.Model], list[Row]]) -> int:
    """Write what is not known yet, and empty the batch; answers how many rows that was."""
    written = 0
    for model, rows in batch.items():
        names = list(rows[0])
        columns = ", ".join(f'"{name}"' for name in names)
        table = model._meta.db_table  # noqa: SLF001  the documented way to a model's table
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TEMPORARY TABLE told AS SELECT {columns} FROM {table} WITH NO DATA")
            with cursor.copy(f"COPY told ({columns}) FROM STDIN") as sink:
                for row in rows:
                    sink.write_row([row[name] for name in names])
            cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM told ON CONFLICT DO NOTHING")
            written += cursor.rowcount
            cursor.execute("DROP TABLE told")
    batch.clear()
    return written


# --- what follows from them ---------------------------------------------------------------------------------------


# Holds during which a contact was made to her, where one of the two came in with this run.
_WITH_CONTACTS = """
SELECT h.* FROM records_hold h
WHERE EXISTS (SELECT FROM records_contact c
              WHERE c.customer_id = h.customer_id AND c.direction = 'outbound' AND c.state <> 'void'
                AND c.started_at >= h.begins AND (h.ends IS NULL OR c.started_at < h.ends)
                AND (h.registered_at = %(at)s OR c.recorded_at = %(at)s))
ORDER BY h.begins, h.hold_id
"""


def _meanwhile(run: _Import, law: Law) -> list[dict[str, Any]]:
    """Judge what was done while holds stood, and withdraw what waits: one event for each customer of whom there is something.

    Judged are holds that came in now by all contacts on record, and older holds by the contacts that came in now.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for hold in list(Hold.objects.raw(_WITH_CONTACTS, {"at": run.at})):
        contacts = would_have_refused(hold, law=law, at=run.at)
        if hold.registered_at != run.at:
            contacts = tuple(Contact.objects.filter(pk__in=contacts, recorded_at=run.at).values_list("pk", flat=True))
        if contacts:
            told = {"hold": str(hold.hold_id), "case": hold.customer_id, "kind": hold.kind, "contacts": [*map(str, contacts)]}
            found.setdefault(hold.customer_id, []).append(told)
    waiting = run.bound & pending.customers(run.at)
    for customer_id in sorted(found.keys() | waiting):
        with held(customer_id, at=run.at, by=run.by) as customer:
            meanwhile = {each["hold"]: each["contacts"] for each in found.get(customer_id, ())}
            withdrawn = pending.withdraw(customer, law, written_at=run.at) if customer_id in waiting else {}
            body = {"meanwhile": meanwhile, "withdrawn": withdrawn}
            if any(body.values()):
                customer.remember("history.judged", {name: value for name, value in body.items() if value})
    return [each for customer_id in sorted(found) for each in found[customer_id]]


# --- what rows become ---------------------------------------------------------------------------------------------


def _key(kind: str, row: Row) -> UUID:
    return uuid5(_NAMESPACE, f"{kind}/{row['id']}")


def _wish(run: _Import, kind: str, row: Row) -> Row:
    return {
        "id": _key(kind, row), "customer_id": row["customer_id"], "at": row["at"], "recorded_at": run.at, "by": run.by,
    }  # fmt: skip


def _accounts(run: _Import, row: Row) -> list[str]:
    """Those named; where none is, all of hers."""
    return row.get("accounts") or run.accounts.get(row["customer_id"], [])


def _contact(run: _Import, row: Row) -> tuple[type[models.Model], Row]:
    channel, direction = row["channel"], row["direction"]
    line_result = row.get("line_result") or (LineResult.VOICEMAIL if channel in CALLS - {Channel.CALL} else "")
    if line_result and channel not in CALLS:
        raise Refused("line_result", "line_result_unfit")
    if row.get("outcome") and channel in CALLS and line_result not in {LineResult.CONNECTED, LineResult.VOICEMAIL}:
        raise Refused("outcome", "outcome_unfit")
    party, person = row.get("party", Party.DEBTOR), row.get("person_id", "")
    # A call nobody tells the result of counts as whatever would count.
    known = bool(line_result) or channel not in CALLS or direction is Direction.INBOUND
    point_id, point_kind = _point(run, row, party, person)
    return Contact, {
        "contact_id": _key("contacts", row), "customer_id": row["customer_id"], "channel": channel, "direction": direction,
        "party": party, "person_id": person, "point_id": point_id, "point_kind": point_kind,
        "purpose": row.get("purpose", Purpose.COLLECT if direction is Direction.OUTBOUND else Purpose.RESPOND),
        "actor": row.get("actor", BANK), "automated": row.get("automated", False), "in_reply_to": None, "session_of": None,
        "debts": _accounts(run, row), "origin": Origin.IMPORTED, "permit_id": None,
        "state": State.COMPLETED if known else State.UNKNOWN, "line_result": line_result, "outcome": row.get("outcome", ""),
        "started_at": row["at"], "recorded_at": run.at, "closed_at": run.at if known else None, "reserved_until": None,
        "proof": "", "by": run.by,
    }  # fmt: skip


_INDEXED = {Channel.EMAIL: ContactKind.EMAIL, Channel.SMS: "phone", **dict.fromkeys(CALLS, "phone")}


def _point(run: _Import, row: Row, party: str, person: str) -> tuple[UUID | None, str]:
    """The contact point a value belongs to; without a value, the only one of that person that the channel could mean.

    A value that is not on file stands for a point of its own, so that its tries are counted together; it is kept as a keyed digest.
    """
    customer, kind = row["customer_id"], _INDEXED.get(row["channel"])
    if kind is None:
        return None, ""
    if "point_value" in row:
        value = row["point_value"]
        index = run.ring.index(kind, value)
        if index is None or not ("@" in value if kind == ContactKind.EMAIL else any(map(str.isdigit, value))):
            raise Refused("point_value", "unreadable")
        return run.points.get((customer, index), (uuid5(_NAMESPACE, f"{customer}/{index.hex()}"), ""))
    phones = {"mobile", "home_phone", "work_phone", "other_phone"}
    emails = {"personal_email", "work_email"}
    fitting = [
        each for each in run.only.get((customer, party, person), []) if each[1] in (phones if kind == "phone" else emails)
    ]
    if len(fitting) > 1:
        raise Refused("point_value", "point_ambiguous")
    return fitting[0] if fitting else (None, "")


def _hold(run: _Import, row: Row, *, source: str, kind: HoldKind, begins: str, ends: str) -> tuple[type[models.Model], Row]:
    if row[begins] > run.at:
        raise Refused(begins, "in_future")
    if ends in row and row[ends] < row[begins]:
        raise Refused(ends, "ends_before_it_begins")
    return Hold, {
        "hold_id": _key(source, row), "customer_id": row["customer_id"], "kind": kind, "debts": row.get("accounts"),
        "begins": row[begins], "ends": row.get(ends), "until_date": row.get("until_date"), "reason": row.get("reason", ""),
        "evidence": "", "registered_at": run.at, "registered_by": run.by, "ended_at": run.at if ends in row else None,
        "ended_by": run.by if ends in row else "",
    }  # fmt: skip


def _held(run: _Import, row: Row) -> tuple[type[models.Model], Row]:
    return _hold(run, row, source="holds", kind=row["kind"], begins="begins", ends="ends")


def _promise(run: _Import, row: Row) -> tuple[type[models.Model], Row]:
    return Promise, {
        "promise_id": _key("promises", row), "customer_id": row["customer_id"], "account_id": row.get("account_id", ""),
        "amount_minor": row["amount_minor"], "currency": row["currency"], "due_on": row["due_on"],
        "state": row.get("state", "open"), "at": row["at"], "recorded_at": run.at, "updated_at": run.at, "by": run.by,
    }  # fmt: skip


def _consent(run: _Import, row: Row) -> tuple[type[models.Model], Row]:
    """A row of consents.csv is one of six kinds of what she agreed to or asked for."""
    wish = _wish(run, "consents", row)
    channel = row.get("channel", "")
    point_id = _point(run, row, Party.DEBTOR, "")[0] if "point_value" in row and channel else None
    needed = {"consent": "covers", "revocation": "covers", "opt_out": "channel", "cease": "written", "place_bar": "place"}
    if row["kind"] in needed and needed[row["kind"]] not in row:
        raise Refused(needed[row["kind"]], "missing")
    if row["kind"] == "consent":
        return Consent, wish | {
            "covers": row["covers"], "given_to": row.get("given_to", BANK), "begins": row.get("begins", row["at"]),
            "ends": row.get("ends"), "channel": channel, "point_id": point_id, "person_id": row.get("person_id"),
            "debts": row.get("accounts"), "limit_per_day": row.get("limit_per_day"),
        }  # fmt: skip
    if row["kind"] == "revocation":
        return Revocation, wish | {"covers": row["covers"]}
    if row["kind"] == "opt_out":
        return OptOut, wish | {"channel": channel, "point_id": point_id, "written": row.get("written", False)}
    if row["kind"] == "cease":
        return CeaseNotice, wish | {"sent_at": None, "written": row["written"]}
    if row["kind"] == "place_bar":
        return PlaceBar, wish | {"place": row["place"], "employer": False}
    return TimeBlock, wish | {
        "weekdays": row.get("weekdays", list(range(7))), "begins": row.get("from"), "ends": row.get("until"),
        "until_date": row.get("until_date"), "channel": channel, "told_to": BANK,
    }  # fmt: skip


def _refusal(run: _Import, row: Row) -> tuple[type[models.Model], Row]:
    finding = {"kind": row.get("kind", PersonFindingKind.REFUSED), "person_id": row["person_id"], "relation": row["relation"]}
    return PersonFinding, _wish(run, "refusals", row) | finding


# --- the list of them ---------------------------------------------------------------------------------------------

_HER = {"id": "id", "customer_id": "key"}
_NEEDED: Sequence[str] = ("id", "customer_id")
FILES: tuple[File, ...] = (
    File(
        "contacts.csv",
        _HER | {
            "at": "instant", "channel": "channel", "direction": "direction", "party": "party", "person_id": "id",
            "point_value": "text", "line_result": "line_result", "outcome": "outcome", "accounts": "ids", "actor": "actor",
            "automated": "yes_no", "purpose": "purpose",
        },
        (*_NEEDED, "at", "channel", "direction"), _contact,
    ),
    File(
        "promises.csv",
        _HER | {
            "at": "instant", "account_id": "key", "amount_minor": "amount", "currency": "currency", "due_on": "date",
            "state": "promise_state",
        },
        (*_NEEDED, "at", "amount_minor", "currency", "due_on"), _promise,
    ),
    File(
        "plans.csv", _HER | {"signed_at": "instant", "ended_at": "instant", "accounts": "ids"},
        (*_NEEDED, "signed_at"), partial(_hold, source="plans", kind=HoldKind.PLAN, begins="signed_at", ends="ended_at"),
    ),
    File(
        "holds.csv",
        _HER | {
            "kind": "hold", "begins": "instant", "ends": "instant", "until_date": "date", "accounts": "ids", "reason": "code",
        },
        (*_NEEDED, "kind", "begins"), _held,
    ),
    File(
        "consents.csv",
        _HER | {
            "at": "instant", "kind": "wish", "covers": "covers", "given_to": "actor", "begins": "instant", "ends": "instant",
            "channel": "channel", "point_value": "text", "person_id": "id", "accounts": "ids", "limit_per_day": "count",
            "written": "yes_no", "place": "place", "weekdays": "weekdays", "from": "clock", "until": "clock",
            "until_date": "date",
        },
        (*_NEEDED, "at", "kind"), _consent,
    ),
    File(
        "complaints.csv", _HER | {"opened_at": "instant", "closed_at": "instant", "accounts": "ids"},
        (*_NEEDED, "opened_at"), partial(_hold, source="complaints", kind=HoldKind.COMPLAINT, begins="opened_at", ends="closed_at"),
    ),
    File(
        "refusals.csv",
        _HER | {"at": "instant", "person_id": "id", "relation": "third_party", "kind": "person_word"},
        (*_NEEDED, "at", "person_id", "relation"), _refusal,
    ),
)  # fmt: skip
