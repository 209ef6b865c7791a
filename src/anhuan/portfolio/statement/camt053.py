"""Bank statements in XML: camt.053.001, any version from 02 on, of ISO 20022.

Knows the few elements that tell of a payment, and that a statement never declares a document type: one that does is not read, so
no entity is ever expanded and nothing outside the file is ever fetched. Of a batch each detail is an entry of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from xml.parsers import expat

from anhuan.core.money import parse_minor
from anhuan.portfolio.statement.entry import LONGEST_REFERENCE, Entry, Finding, Statement, StatementUnreadable

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001."
_DEEPEST = 60
_NO_REFERENCE = frozenset({"", "NOTPROVIDED", "NONREF"})


@dataclass(slots=True)
class _Node:
    name: str
    line: int
    attributes: dict[str, str]
    children: list[_Node] = field(default_factory=list)
    text: str = ""

    def find(self, path: str) -> Iterator[_Node]:
        """Descendants along a path of names."""
        first, _, rest = path.partition("/")
        for child in self.children:
            if child.name == first:
                if rest:
                    yield from child.find(rest)
                else:
                    yield child

    def first(self, *paths: str) -> str:
        """The text at the first of these paths that has one."""
        return next((text for path in paths for node in self.find(path) if (text := node.text.strip())), "")


def read(data: bytes) -> Statement:
    """The entries of a statement; only one entry is in memory as a tree at a time."""
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)  # noqa: FBT003  expat's way of saying that this is all
    except expat.ExpatError as wrong:
        raise StatementUnreadable("not_xml", wrong.lineno) from None
    return Statement("camt053", reader.rows, reader.entries, reader.findings)


class _Reader:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.entries: list[Entry] = []
        self.findings: list[Finding] = []
        self.rows = 0
        self._open: list[_Node] = []
        self._statement, self._number = "", 0
        self._seen: set[str] = set()

    def _doctype(self, *_: object) -> None:
        raise StatementUnreadable("doctype", self.parser.CurrentLineNumber)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        if not self._open and (local != "Document" or not namespace.startswith(_NAMESPACE)):
            raise StatementUnreadable("not_camt", self.parser.CurrentLineNumber)
        if len(self._open) > _DEEPEST:
            raise StatementUnreadable("not_camt", self.parser.CurrentLineNumber)
        node = _Node(local, self.parser.CurrentLineNumber, attributes)
        if self._open:
            self._open[-1].children.append(node)
        self._open.append(node)

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1].text += text

    def _end(self, _name: str) -> None:
        node = self._open.pop()
        parent = self._open[-1] if self._open else None
        if parent is None or parent.name != "Stmt":
            return
        if node.name == "Id":
            self._statement, self._number = node.text.strip(), 0
        elif node.name == "Ntry":
            self._number += 1
            self._take(node)
            parent.children.remove(node)

    def _take(self, entry: _Node) -> None:
        details = list(entry.find("NtryDtls/TxDtls"))
        self.rows += max(1, len(details))
        wrong = _unusable(entry) or ("batch_sum" if not _adds_up(entry, details) else "")
        for place, detail in enumerate(details or [entry], start=1):
            made = wrong or self._entry(entry, detail, place, alone=len(details) < 2)
            if isinstance(made, Entry) and made.reference in self._seen:
                made = "key_repeated"
            if isinstance(made, Entry):
                self._seen.add(made.reference)
                self.entries.append(made)
            else:
                self.findings.append(Finding(detail.line, "TxDtls" if details else "Ntry", made, _raw(detail)))

    def _entry(self, entry: _Node, detail: _Node, place: int, *, alone: bool) -> Entry | str:
        """What a detail tells, together with its entry; or the code of what is wrong with it."""
        amount = _amount(entry if alone else detail)
        on = _day(entry)
        if amount is None:
            return "not_money"
        if on is None:
            return "not_a_date"
        end_to_end = detail.first("Refs/EndToEndId")
        gateway = next((each for each in (end_to_end, detail.first("Refs/TxId", "Refs/UETR")) if each not in _NO_REFERENCE), "")
        reversal = entry.first("CdtDbtInd") == "DBIT"
        return Entry(
            line=detail.line, reference=_fit(self._reference(entry, detail, place, alone=alone)), amount_minor=amount[0], currency=amount[1],
            effective_on=on, kind="reversal" if reversal else "payment", gateway=_fit(gateway),
            reverses=_fit(gateway) if reversal else "",
            virtual_account=_fit(detail.first("RltdPties/CdtrAcct/Id/Othr/Id", "RltdPties/CdtrAcct/Id/IBAN")),
            channel="statement",
            text=" ".join(node.text.strip() for path in _WORDS for node in detail.find(path))[:1000],
            payer=detail.first("RltdPties/Dbtr/Nm", "RltdPties/Dbtr/Pty/Nm", "RltdPties/UltmtDbtr/Nm", "RltdPties/UltmtDbtr/Pty/Nm")[:200],
        )  # fmt: skip

    def _reference(self, entry: _Node, detail: _Node, place: int, *, alone: bool) -> str:
        """The bank's own reference of the detail, else of the entry, else its place in the statement, which has a name of its own."""
        own = detail.first("Refs/AcctSvcrRef")
        of_entry = entry.first("AcctSvcrRef", "NtryRef")
        if own and own != of_entry:
            return own
        if of_entry and entry.first("AcctSvcrRef"):
            return of_entry if alone else f"{of_entry}#{place}"
        return f"{self._statement}/{self._number}" + ("" if alone else f"#{place}")


_WORDS = ("RmtInf/Ustrd", "RmtInf/Strd/CdtrRefInf/Ref", "RmtInf/Strd/RfrdDocInf/Nb", "RmtInf/Strd/AddtlRmtInf", "AddtlTxInf")


def _unusable(entry: _Node) -> str:
    """The code of why an entry is none of a payment to us; "" when it is one."""
    if entry.first("Sts/Cd", "Sts") not in {"BOOK", ""}:
        return "not_booked"
    taken_back = entry.first("RvslInd") in {"true", "1"} or any(entry.find("NtryDtls/TxDtls/RtrInf"))
    if entry.first("CdtDbtInd") == "CRDT":
        return "reversal_of_outgoing" if taken_back else ""
    return "" if taken_back else "outgoing"


def _adds_up(entry: _Node, details: list[_Node]) -> bool:
    if len(details) < 2:
        return True
    whole, parts = _amount(entry), [_amount(detail) for detail in details]
    return whole is not None and sum(part[0] for part in parts if part and part[1] == whole[1]) == whole[0]


def _amount(node: _Node) -> tuple[int, str] | None:
    for path in ("Amt", "AmtDtls/TxAmt/Amt"):
        for found in node.find(path):
            currency, text = found.attributes.get("Ccy", ""), found.text.strip()
            try:
                whole, _, decimals = text.partition(".")
                minor = parse_minor(f"{whole}.{kept}" if (kept := decimals.rstrip("0")) else whole, currency)
            except ValueError:
                return None
            return (minor, currency) if 0 < minor < 1 << 53 else None
    return None


def _day(entry: _Node) -> date | None:
    """The day the money counts from: its value date, else the day it was booked."""
    try:
        return date.fromisoformat(entry.first("ValDt/Dt", "ValDt/DtTm", "BookgDt/Dt", "BookgDt/DtTm")[:10])
    except ValueError:
        return None


def _fit(text: str) -> str:
    """A name of any length as one that fits; a longer one by its digest."""
    return text if len(text) <= LONGEST_REFERENCE else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _raw(node: _Node) -> str:
    """What was set aside, as text."""
    within = "".join(map(_raw, node.children)) or node.text.strip()
    return f"<{node.name}>{within}</{node.name}>"
