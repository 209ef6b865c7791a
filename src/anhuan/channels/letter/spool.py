"""The spool: batches the print house takes, single letters the archive keeps, and which letters there ever were.

    ready/<batch>/letters.pdf, manifest.json    what the print house takes
    archive/<year-month>/<letter>.pdf           what the customer is sent, alone
    manifests/<batch>.json                      a batch exists once this is written: it is never printed twice
    making/<batch>/                             being made; finished, or thrown away, by the next session
    returns/*.csv                               lists of the print house, see `returns`

A manifest names letters by their ids, with digest and pages, and nobody's name or address. Knows files alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from anhuan.channels.letter.returns import Reconciled, Told

_FOLDERS = ("ready", "archive", "manifests", "making", "returns", "returns/done")


@dataclass(frozen=True, slots=True)
class Printed:
    """A letter as it was set: its own file, and how many pages it has."""

    id: str
    pdf: bytes
    pages: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What a manifest says: its name, the instant it was made, and its letters as `{"id", "sha256", "pages", "first_page"}`."""

    name: str
    made_at: datetime
    letters: Sequence[Mapping[str, Any]]


class Spool:
    """The folders below `place`. Several processes may have one open: whoever writes holds it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._known: set[str] = set()
        self._read: set[str] = set()  # manifests whose letters are known

    def open(self) -> None:
        """Make the folders, finish or throw away what a session that died was making, and learn which letters exist."""
        for name in _FOLDERS:
            (self.place / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.held():
            for making in (self.place / "making").iterdir():
                if (self.place / "manifests" / f"{making.name}.json").exists():
                    making.rename(self.place / "ready" / making.name)
                else:
                    shutil.rmtree(making)
        self.learn()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else writes here meanwhile; a process that dies lets go."""
        with (self.place / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def learn(self) -> None:
        """Learn the letters of batches that other sessions have made since."""
        for file in (self.place / "manifests").glob("*.json"):
            if file.name not in self._read:
                self._known |= {letter["id"] for letter in json.loads(file.read_text(encoding="utf-8"))["letters"]}
                self._read.add(file.name)

    def knows(self, letter: str) -> bool:
        return letter in self._known

    def keep(self, letters: Sequence[Printed], whole: bytes, *, at: datetime, faces: Iterable[Path], duplex: bool) -> str:
        """Keep a batch; its name. OSError, and then it does not exist and nothing of it will ever be printed."""
        name = batch_name(letters, at)
        manifest = json.dumps(_manifest(name, letters, whole, at=at, faces=faces, duplex=duplex), indent=1) + "\n"
        with self.held():
            self._keep(name, letters, whole, manifest.encode(), at)
        return name

    def _keep(self, name: str, letters: Sequence[Printed], whole: bytes, manifest: bytes, at: datetime) -> None:
        archive = self.place / "archive" / f"{at:%Y-%m}"
        archive.mkdir(parents=True, exist_ok=True, mode=0o700)
        for letter in letters:
            _write(archive / f"{letter.id}.pdf", letter.pdf)
        making = self.place / "making" / name
        making.mkdir(mode=0o700)
        _write(making / "letters.pdf", whole)
        _write(making / "manifest.json", manifest)
        _settle(archive, making, making.parent)
        _write(self.place / "manifests" / f"{name}.json", manifest)
        self._known |= {letter.id for letter in letters}
        _settle(self.place / "manifests")
        making.rename(self.place / "ready" / name)

    def batches(self) -> Iterator[Batch]:
        """Every batch there ever was, oldest first."""
        for file in sorted((self.place / "manifests").glob("*.json")):
            told = json.loads(file.read_text(encoding="utf-8"))
            yield Batch(told["batch"], datetime.fromisoformat(told["made_at"]), told["letters"])

    def lists(self) -> list[Path]:
        """The print house's lists that wait to be read, oldest first."""
        return sorted((self.place / "returns").glob("*.csv"))

    def told(self) -> list[Told]:
        """Everything the print house told that held, oldest first."""
        ledger = self.place / "returns" / "done" / "told.jsonl"
        lines = ledger.read_text(encoding="utf-8").splitlines() if ledger.exists() else []
        rows = (json.loads(line) for line in lines)
        return [Told(letter, event, date.fromisoformat(on), reason) for letter, event, on, reason in rows]

    def done(self, file: Path, found: Reconciled) -> None:
        """A list was taken in: remember what it told, leave its findings beside it, and move it to returns/done."""
        place = self.place / "returns" / "done"
        lines = [json.dumps([told.letter, told.event, told.on.isoformat(), told.reason]) for told in found.told]
        with (place / "told.jsonl").open("a", encoding="utf-8") as ledger:
            ledger.writelines(f"{line}\n" for line in lines)
        findings = json.dumps([finding.document() for finding in found.findings], ensure_ascii=False, indent=1)
        (place / f"{file.stem}.findings.json").write_text(findings + "\n", encoding="utf-8")
        file.replace(place / file.name)


def batch_name(letters: Sequence[Printed], at: datetime) -> str:
    """When, and a little of which letters, so that two of one second differ."""
    which = hashlib.sha256("\n".join(letter.id for letter in letters).encode()).hexdigest()
    return f"{at:%Y%m%dT%H%M%S}-{which[:8]}"


def _manifest(
    name: str, letters: Sequence[Printed], whole: bytes, *, at: datetime, faces: Iterable[Path], duplex: bool
) -> dict[str, Any]:
    listed, first = [], 1
    for letter in letters:
        digest = hashlib.sha256(letter.pdf).hexdigest()
        listed.append({"id": letter.id, "sha256": digest, "pages": letter.pages, "first_page": first})
        first += letter.pages + (letter.pages % 2 if duplex else 0)
    return {
        "batch": name, "made_at": at.isoformat(), "file": "letters.pdf", "sha256": hashlib.sha256(whole).hexdigest(),
        "duplex": duplex, "faces": {face.name: _digest(face) for face in faces}, "letters": listed,
    }  # fmt: skip


_digests: dict[Path, str] = {}


def _digest(face: Path) -> str:
    if face not in _digests:
        _digests[face] = hashlib.sha256(face.read_bytes()).hexdigest()
    return _digests[face]


def _write(path: Path, content: bytes) -> None:
    """The whole file, on the disk, or none."""
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _settle(*folders: Path) -> None:
    """What was written into folders is there after a power cut, too."""
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
