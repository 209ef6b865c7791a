"""A folder becomes a delivery: which files came, what vouches for them, whose night it is.

Knows manifest.json, flag files, first and last records and file names; weighs every file once. Does not read rows
(`reading`) and does not know which night is due (`acts.night`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from anhuan.core.money import MINOR_DIGITS
from anhuan.portfolio.feed import layout as layouts
from anhuan.portfolio.feed.layout import FACTS, FactSource, FileForm, Layout, Place, Record
from anhuan.portfolio.feed.lines import Weight, weigh
from anhuan.portfolio.feed.sentences import Sentence, sentence, unreadable

MANIFEST = "manifest.json"
_EDGE = 1 << 16  # bytes looked at for a first or last record

_FACT_NAMES = {
    "issuer": ("发卡行", "issuer"),
    "business_date": ("业务日期", "business date"),
    "sequence": ("序号", "sequence"),
    "replaces": ("所替换的序号", "sequence replaced"),
}
_ORIGIN_NAMES = {"head": ("首记录", "first record"), "trailer": ("尾记录", "trailer record"), "flag": ("标志文件", "flag file")}


@dataclass(frozen=True)
class Claim:
    """What a manifest, trailer or flag says a file holds. `sums` by canonical column, in the form `money`."""

    rows: int | None = None
    bytes: int | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    sums: Mapping[str, str] = field(default_factory=dict)
    money: str = "major"


@dataclass(frozen=True)
class DeliveredFile:
    """One file of the contract as it was delivered. `stamp`: by which a later change is noticed."""

    name: str
    path: Path
    form: FileForm
    weight: Weight
    claims: tuple[Claim, ...]
    stamp: tuple[int, int]

    @property
    def parquet(self) -> bool:
        return self.path.suffix == ".parquet"


@dataclass(frozen=True)
class Note:
    """Something odd about the folder, to be kept with the night's findings."""

    file: str
    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivery:
    """One night's delivery, weighed but not read.

    `files` by canonical name, those that came. `content`: SHA-256 (hex) of what was delivered (issuer, business
    date, sequence, replaces, names and digests of the files): the same content is the same delivery. `book`: the
    whole card book by currency, as the manifest gives it. `refusals`: reasons already known to refuse the night.
    """

    folder: Path
    layout: Layout
    issuer: str
    business_date: date
    sequence: int | None
    replaces: int | None
    book: dict[str, Any]
    files: Mapping[str, DeliveredFile]
    content: str
    refusals: tuple[Sentence, ...] = ()
    notes: tuple[Note, ...] = ()


def open_delivery(folder: Path, *, layout: str | None, search: Sequence[Path] = ()) -> Delivery:
    """Recognise and weigh a delivery. `layout`: see `layout.find`; None takes the one its manifest names.

    Raises FeedUnreadable when there is no delivery to speak of: no folder, no manifest and no layout, an unknown
    or wrong layout, a manifest that is no manifest, an absent ready flag, nothing that tells the business date.
    """
    if not folder.is_dir():
        raise unreadable("folder_missing", folder=folder)
    try:
        manifest = _Manifest(folder) if layout is None else None
        form = layouts.find(manifest.layout if manifest else layout, search)
        if form.manifest and manifest is None:
            manifest = _Manifest(folder)
        return _Opening(folder, form, manifest).delivery()
    except OSError as wrong:
        name = Path(str(wrong.filename or folder)).name
        raise unreadable("file_closed", name=shown(name), reason=wrong.strerror or type(wrong).__name__) from None


class _Manifest:
    """manifest.json, read and checked key by key; raises FeedUnreadable at the first thing that is wrong."""

    def __init__(self, folder: Path) -> None:
        file = folder / MANIFEST
        if not file.is_file():
            raise unreadable("manifest_missing", folder=folder)
        self._values = _json(file.read_bytes())
        day = self._text("business_date", "YYYY-MM-DD 日期", "a date YYYY-MM-DD")
        self.facts: dict[str, str] = {
            "issuer": self._text("issuer", "发卡行代码", "the issuer's code"),
            "business_date": day,
            "sequence": str(self._whole(self._values, "sequence", "sequence")),
        }
        if _as_date(day, "%Y-%m-%d") is None:
            raise _manifest_wrong("business_date", "YYYY-MM-DD 日期", "a date YYYY-MM-DD")
        if self._values.get("replaces") is not None:
            self.facts["replaces"] = str(self._whole(self._values, "replaces", "replaces"))
        self.layout = self._text("layout", "布局名称", "the name of a layout")
        self.claims = dict(self._claims())
        self.book = self._book()
        known = {"business_date", "issuer", "layout", "sequence", "files", "book", "replaces"}
        self.unknown = sorted(set(self._values) - known)

    def _text(self, key: str, zh: str, en: str) -> str:
        value = self._values.get(key)
        if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > 64:
            raise _manifest_wrong(key, zh, en)
        return value

    def _whole(self, values: Mapping[str, Any], key: str, where: str) -> int:
        value = values.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
            raise _manifest_wrong(where, "不小于 0 的整数", "a whole number, 0 or more")
        return value

    def _claims(self) -> Iterator[tuple[str, Claim]]:
        files = self._values.get("files")
        if not isinstance(files, list) or not files:
            raise _manifest_wrong("files", "文件列表", "a list of files")
        seen = set()
        for number, entry in enumerate(files):
            where = f"files[{number}]"
            if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or entry["name"] in seen:
                raise _manifest_wrong(f"{where}.name", "唯一的文件名", "a file name, once")
            seen.add(entry["name"])
            digest = entry.get("sha256")
            if not isinstance(digest, str) or not re.fullmatch("[0-9a-fA-F]{64}", digest):
                raise _manifest_wrong(f"{where}.sha256", "64 位十六进制数", "64 hexadecimal digits")
            sums = entry.get("sums", {})
            if not isinstance(sums, dict) or not all(_as_decimal(total) is not None for total in sums.values()):
                raise _manifest_wrong(f"{where}.sums", '各列合计，如 "123.45"', 'totals by column, like "123.45"')
            rows = self._whole(entry, "rows", f"{where}.rows")
            yield entry["name"], Claim(rows, None, {"sha256": digest.lower()}, {k: str(v) for k, v in sums.items()})

    def _book(self) -> dict[str, Any]:
        book = self._values.get("book", {})
        if not isinstance(book, dict):
            raise _manifest_wrong("book", "按币种的全部卡账", "the whole card book by currency")
        for currency, entry in book.items():
            if currency not in MINOR_DIGITS or not isinstance(entry, dict):
                raise _manifest_wrong(
                    f"book.{shown(currency)}", "ISO 4217 币种及其数字", "a currency of ISO 4217 and its figures"
                )
            self._whole(entry, "accounts", f"book.{currency}.accounts")
            if "balance_total" in entry and _as_decimal(entry["balance_total"]) is None:
                raise _manifest_wrong(f"book.{currency}.balance_total", '金额，如 "123.45"', 'an amount, like "123.45"')
        return book


def _json(raw: bytes) -> dict[str, Any]:
    try:
        # Numbers with a point stay text, so that no control total ever passes through binary floating point.
        values = json.loads(raw.decode("utf-8-sig"), parse_float=str, parse_constant=str, object_pairs_hook=_once)
    except UnicodeDecodeError as wrong:
        start = raw.rfind(b"\n", 0, wrong.start) + 1
        line = raw.count(b"\n", 0, wrong.start) + 1
        raise unreadable("manifest_broken", line=line, column=wrong.start - start + 1, reason="UTF-8") from None
    except json.JSONDecodeError as wrong:
        raise unreadable("manifest_broken", line=wrong.lineno, column=wrong.colno, reason=wrong.msg) from None
    except (ValueError, RecursionError) as wrong:  # a number of thousands of digits, brackets within brackets
        raise unreadable("manifest_broken", line=1, column=1, reason=type(wrong).__name__) from None
    if not isinstance(values, dict):
        raise _manifest_wrong("{}", "一个 JSON 对象", "a JSON object")
    return values


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise _manifest_wrong(shown(twice), "只出现一次", "there only once")
    return values


def _manifest_wrong(where: str, zh: str, en: str) -> Exception:
    return unreadable("manifest_wrong", where=where, zh=zh, en=en)


class _Opening:
    """The work of opening one delivery: facts, claims, refusals and notes gather here."""

    def __init__(self, folder: Path, layout: Layout, manifest: _Manifest | None) -> None:
        self.folder = folder
        self.layout = layout
        self.manifest = manifest
        self.refusals: list[Sentence] = []
        self.notes: list[Note] = []
        self.names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
        self.said: list[tuple[str, str, str]] = []  # (fact, value, who said so), the first of each fact counts
        self.used = {MANIFEST}

    def delivery(self) -> Delivery:
        paths = self._paths()
        records = {name: self._records(form, paths[name]) for name, form in self.layout.files.items() if name in paths}
        self._gather_facts(paths, records)
        facts = self._agreed_facts()
        self._check_ready(facts)
        weights = self._weights(paths)
        files = {
            name: DeliveredFile(
                name, path, self.layout.files[name], weights[name], self._claims(name, path, records[name]), stamp(path)
            )
            for name, path in paths.items()
        }
        for name in self.names:
            if name not in self.used:
                self.notes.append(Note(shown(name), "file_unknown"))
        for key in self.manifest.unknown if self.manifest else ():
            self.notes.append(Note(MANIFEST, "manifest_key_unknown", {"key": shown(key)}))
        sequence, replaces = (int(facts[fact]) if fact in facts else None for fact in ("sequence", "replaces"))
        content = {
            **{fact: facts.get(fact) for fact in FACTS},
            "files": [[file.path.name, file.weight.sha256] for file in files.values()],
        }
        return Delivery(
            folder=self.folder,
            layout=self.layout,
            issuer=facts["issuer"],
            business_date=date.fromisoformat(facts["business_date"]),
            sequence=sequence,
            replaces=replaces,
            book=self.manifest.book if self.manifest else {},
            files=files,
            content=hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
            refusals=tuple(self.refusals),
            notes=tuple(self.notes),
        )

    # --- Which files came --------------------------------------------------------------------------------------------

    def _paths(self) -> dict[str, Path]:
        paths: dict[str, Path] = {}
        listed = self.manifest.claims if self.manifest else {}
        for name, form in self.layout.files.items():
            met = [found for found in self.names if any(_pattern(path).fullmatch(found) for path in form.paths)]
            self.used.update(met)
            wanted = [found for found in listed if any(_pattern(path).fullmatch(found) for path in form.paths)]
            if len(met) > 1 and self.manifest is None:
                raise unreadable("file_ambiguous", pattern=" / ".join(form.paths), names=shown(", ".join(met)))
            if len(met) > 1:
                self.refusals.append(sentence("file_twice", file=name, names=shown(", ".join(met))))
            if not met or (wanted and not set(wanted) & set(met)):
                self._absent(name, form, wanted)
            elif self.manifest and not wanted:
                self.refusals.append(sentence("file_unlisted", file=shown(met[0])))
            if met:
                paths[name] = self.folder / next((found for found in met if found in wanted), met[0])
        return paths

    def _absent(self, name: str, form: FileForm, wanted: list[str]) -> None:
        if wanted or not form.optional:
            self.refusals.append(sentence("file_missing", file=shown(wanted[0]) if wanted else name))
        else:
            self.notes.append(Note(name, "file_absent"))

    def _weights(self, paths: Mapping[str, Path]) -> dict[str, Weight]:
        def one(name: str) -> Weight:
            form, path = self.layout.files[name], paths[name]
            record = form.flag.record if form.flag else Record()
            algorithms = [algorithm for algorithm in record.checksums if algorithm != "sha256"]
            try:
                return weigh(
                    path, utf8=form.encoding in {"utf-8", "ascii"} and path.suffix != ".parquet", algorithms=algorithms
                )
            except OSError as wrong:
                raise unreadable("file_closed", name=path.name, reason=wrong.strerror or wrong) from None

        with ThreadPoolExecutor(2) as pool:
            return dict(zip(paths, pool.map(one, paths), strict=True))

    # --- What vouches for them ---------------------------------------------------------------------------------------

    def _records(self, form: FileForm, path: Path) -> dict[str, str]:
        """The text of the file's first record, trailer and flag, as far as the layout has them and they are there."""
        records: dict[str, str] = {}
        if form.head and (line := _edge_line(path, form.encoding, last=False)).startswith(form.head.prefix):
            records["head"] = line
        if form.trailer and (line := _edge_line(path, form.encoding, last=True)).startswith(form.trailer.prefix):
            records["trailer"] = line
        if form.flag:
            flag = path.with_name(form.flag.path.format(name=path.name, stem=path.stem))
            self.used.add(flag.name)
            if not flag.is_file():
                raise unreadable("not_ready", flag=flag.name)
            records["flag"] = _edge_line(flag, form.encoding, last=False)
        for origin, record in (("head", form.head), ("trailer", form.trailer)):
            if record and origin not in records:
                zh, en = _ORIGIN_NAMES[origin]
                self.refusals.append(sentence("record_missing", file=path.name, zh=zh, en=en, prefix=record.prefix or "-"))
        return records

    def _claims(self, name: str, path: Path, records: Mapping[str, str]) -> tuple[Claim, ...]:
        form = self.layout.files[name]
        claims = []
        if self.manifest and path.name in self.manifest.claims:
            claims.append(self.manifest.claims[path.name])
        parts = {"head": form.head, "trailer": form.trailer, "flag": form.flag.record if form.flag else None}
        for origin, record in parts.items():
            if record is None or origin not in records:
                continue
            claim = _claim(record, records[origin])
            if claim is None:
                zh, en = _ORIGIN_NAMES[origin]
                self.refusals.append(sentence("record_wrong", file=path.name, zh=zh, en=en))
            else:
                claims.append(claim)
        return tuple(claims)

    # --- Whose night it is -------------------------------------------------------------------------------------------

    def _gather_facts(self, paths: Mapping[str, Path], records: Mapping[str, Mapping[str, str]]) -> None:
        if self.manifest:
            self.said += [(fact, value, MANIFEST) for fact, value in self.manifest.facts.items()]
        for fact, source in self.layout.facts.items():
            value, where = self._from_source(fact, source, paths, records)
            if value is None:
                zh, en = _FACT_NAMES[fact]
                raise unreadable("fact_missing", layout=self.layout.name, zh=zh, en=en, where=where)
            self.said.append((fact, value, where))
        if self.layout.folder:
            self._from_name(self.layout.folder, self.folder.resolve().name)
        # The accounts' own name first: theirs is the night.
        for name in sorted(paths, key=lambda name: name != "accounts.csv"):
            for pattern in self.layout.files[name].paths:
                self._from_name(pattern, paths[name].name)

    def _from_source(
        self, fact: str, source: FactSource, paths: Mapping[str, Path], records: Mapping[str, Mapping[str, str]]
    ) -> tuple[str | None, str]:
        if source.constant is not None:
            return _as_fact(fact, source.constant, source.date), self.layout.name
        where = paths[source.file].name if source.file in paths else source.file
        text = records.get(source.file, {}).get(source.origin)
        form = self.layout.files[source.file]
        record = {"head": form.head, "trailer": form.trailer, "flag": form.flag.record if form.flag else None}[source.origin]
        if text is None or record is None or source.place is None:
            return None, where
        return _as_fact(fact, _part(record, text, source.place) or "", source.date), where

    def _from_name(self, pattern: str, name: str) -> None:
        matched = _pattern(pattern).fullmatch(name)
        for fact, value in (matched.groupdict() if matched else {}).items():
            form = re.search(rf"{{{fact}:([^}}]*)}}", pattern)
            text = _as_fact(fact, value, form[1] if form else "%Y-%m-%d")
            if text is not None:
                self.said.append((fact, text, name))

    def _agreed_facts(self) -> dict[str, str]:
        facts: dict[str, str] = {}
        for fact, value, where in self.said:
            expected = facts.setdefault(fact, value)
            if value != expected:
                zh, en = _FACT_NAMES[fact]
                self.refusals.append(sentence("fact_differs", where=where, zh=zh, en=en, expected=expected, got=value))
        for fact in ("issuer", "business_date"):
            if fact not in facts:
                zh, en = _FACT_NAMES[fact]
                where = ", ".join(path for form in self.layout.files.values() for path in form.paths)
                raise unreadable("fact_missing", layout=self.layout.name, zh=zh, en=en, where=where)
        return facts

    def _check_ready(self, facts: Mapping[str, str]) -> None:
        if self.layout.ready is None:
            return
        flags = [name for name in self.names if _pattern(self.layout.ready).fullmatch(name)]
        if not flags:
            raise unreadable("not_ready", flag=self.layout.ready)
        self.used.update(flags)
        for flag in flags:
            before = len(self.said)
            self._from_name(self.layout.ready, flag)
            for fact, value, where in self.said[before:]:
                if fact in facts and facts[fact] != value:
                    zh, en = _FACT_NAMES[fact]
                    self.refusals.append(sentence("fact_differs", where=where, zh=zh, en=en, expected=facts[fact], got=value))


def shown(name: str) -> str:
    """A name from outside as it can be written anywhere: what is no text in it is escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


def stamp(path: Path) -> tuple[int, int]:
    """What changes when a file is written to: its size and when that was."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _pattern(pattern: str) -> re.Pattern[str]:
    """File name pattern -> regular expression: {business_date:%Y%m%d}, {sequence}, {issuer}, and * for anything."""
    expression = ""
    for piece in re.split(r"(\{[^}]*\}|\*)", pattern):
        fact, _, form = piece.strip("{}").partition(":")
        if piece == "*":
            expression += ".*"
        elif piece.startswith("{") and fact == "business_date":
            digits = re.escape(form or "%Y-%m-%d").replace("%Y", r"\d{4}").replace("%m", r"\d\d").replace("%d", r"\d\d")
            expression += f"(?P<business_date>{digits})"
        elif piece.startswith("{") and fact in FACTS:
            expression += rf"(?P<{fact}>{'[A-Za-z0-9-]+?' if fact == 'issuer' else '[0-9]+'})"
        else:
            expression += re.escape(piece)
    return re.compile(expression)


def _as_fact(fact: str, text: str, form: str) -> str | None:
    """The fact in its one canonical writing, or None when `text` is none."""
    text = text.strip()
    if fact == "business_date":
        day = _as_date(text, form)
        return day.isoformat() if day else None
    if fact == "issuer":
        return text or None
    return str(int(text)) if re.fullmatch("[0-9]{1,18}", text) else None


def _as_date(text: str, form: str) -> date | None:
    try:
        day = datetime.strptime(text, form).date()  # noqa: DTZ007 - a date has no offset
    except ValueError:
        return None
    return day if day.strftime(form) == text else None


def _as_decimal(text: object) -> Decimal | None:
    if isinstance(text, bool) or not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", str(text)):
        return None
    try:
        return Decimal(str(text))
    except InvalidOperation:
        return None


def _edge_line(path: Path, encoding: str, *, last: bool) -> str:
    """The first line of a file, or the last that is not blank; '' when there is none."""
    with path.open("rb") as file:
        if last:
            file.seek(max(0, path.stat().st_size - _EDGE))
        raw = file.read(_EDGE)
    lines = [line for line in raw.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip(b" \x1a")]
    return lines[-1 if last else 0].decode(encoding, "replace") if lines else ""


def _part(record: Record, text: str, place: Place) -> str | None:
    if isinstance(place, tuple):
        start, length = place
        return text[start - 1 : start - 1 + length].strip()
    parts = text.split(record.separator) if record.separator else [text]
    return parts[place - 1].strip() if place <= len(parts) else None


def _claim(record: Record, text: str) -> Claim | None:
    """What the record says; None when it does not hold what the layout promises."""
    whole = {name: _part(record, text, place) for name, place in (("rows", record.rows), ("bytes", record.bytes)) if place}
    checksums = {name: _part(record, text, place) for name, place in record.checksums.items()}
    sums = {name: _part(record, text, place) for name, place in record.sums.items()}
    if not all(value and re.fullmatch("[0-9]+", value) for value in whole.values()):
        return None
    if not all(value and re.fullmatch("[0-9a-fA-F]+", value) for value in checksums.values()):
        return None
    if not all(value is not None and _as_decimal(value) is not None for value in sums.values()):
        return None
    return Claim(
        rows=int(whole["rows"] or 0) if "rows" in whole else None,
        bytes=int(whole["bytes"] or 0) if "bytes" in whole else None,
        checksums={name: (value or "").lower() for name, value in checksums.items()},
        sums={name: value or "" for name, value in sums.items()},
        money=record.money,
    )
