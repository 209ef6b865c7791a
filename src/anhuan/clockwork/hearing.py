"""The ears of a sender: receipts are written down the instant they are heard, and settled in sets a moment later.

A transport tells of receipts one by one and waits until we have them; a transaction for each would be slower than the texts they are
about. So each goes into a journal of the home first, a line of JSON that outlives the process, and a thread settles what has come.
What a dead sender had heard and not settled, the next one does; the same receipt again changes nothing. No line names a person.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.db import close_old_connections, connection

from anhuan import clock
from anhuan.acts import receipts
from anhuan.channels.transport import Delivery, Receipt

logger = logging.getLogger(__name__)

_EVERY = 0.2
"""Seconds between two sets; after as many a power cut may cost what was heard, a killed process nothing."""
_AT_ONCE = 500


class Ears:
    """Hears receipts for the sender `worker`; `by` signs what follows from them."""

    def __init__(self, folder: Path, worker: int, *, by: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._by, self._guard, self._stop = by, threading.Lock(), threading.Event()
        self._path = folder / f"receipts-{worker}.jsonl"
        self._file = self._path.open("a+", encoding="utf-8")
        self._thread = threading.Thread(target=self._attend, name="ears", daemon=True)
        self._thread.start()

    def hear(self, receipt: Receipt) -> None:
        """Write a receipt down; from then on it is ours. What a call came to is settled at once: there are few."""
        if receipt.call is not None:
            close_old_connections()
            receipts.settle([receipt], at=clock.now(), by=self._by)
            return
        with self._guard:
            self._file.write(_line(receipt))
            self._file.flush()

    def close(self) -> None:
        """Settle what was heard, and leave no journal behind."""
        self._stop.set()
        self._thread.join()
        self._file.close()
        if self._path.stat().st_size == 0:
            self._path.unlink()

    def _attend(self) -> None:
        done = 0
        while not self._stop.wait(_EVERY):
            done = self._settle(done)
        self._settle(done)
        connection.close()

    def _settle(self, done: int) -> int:
        """Settle what stands behind byte `done`; how far the journal is settled now, 0 when it is empty again."""
        with self._guard:
            self._file.seek(done)
            lines = self._file.read().splitlines()
            end = self._file.tell()
            self._file.seek(0, os.SEEK_END)
        if not lines:
            return done
        os.fsync(self._file.fileno())
        try:
            close_old_connections()
            _settle(lines, by=self._by)
        except Exception:
            logger.exception("receipts could not be settled; they are tried again")
            return done
        with self._guard:
            if self._file.tell() == end:
                self._file.truncate(0)
                return 0
        return end


def settle_answers(folder: Path, worker: int, answers: Iterable[Receipt], *, by: str) -> None:
    """Settle what is answered to a batch: calls at once, for what was pressed holds whatever comes after, the others as one set.

    The others are written down as they come, so that a kill in the middle of the batch leaves them to the next sender.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"receipts-{worker}.{uuid4().hex}.jsonl"
    written: list[Receipt] = []
    with path.open("w", encoding="utf-8") as journal:
        for receipt in answers:
            if receipt.call is not None:
                receipts.settle([receipt], at=clock.now(), by=by)
                continue
            journal.write(_line(receipt))
            journal.flush()
            written.append(receipt)
    receipts.settle(written, at=clock.now(), by=by)
    path.unlink()


def settle_left(folder: Path, *, lives: Callable[[int], bool], by: str) -> int:
    """Settle the journals of senders that are dead; how many receipts that were."""
    settled = 0
    for path in sorted(folder.glob("receipts-*.jsonl")):
        worker = path.stem.removeprefix("receipts-").partition(".")[0]
        if worker.isdecimal() and not lives(int(worker)):
            lines = path.read_text(encoding="utf-8").splitlines()
            settled += _settle(lines, by=by)
            path.unlink(missing_ok=True)
    return settled


def _settle(lines: list[str], *, by: str) -> int:
    heard = [receipt for line in lines if (receipt := _read(line)) is not None]
    for begins in range(0, len(heard), _AT_ONCE):
        receipts.settle(heard[begins : begins + _AT_ONCE], at=clock.now(), by=by)
    return len(heard)


def _line(receipt: Receipt) -> str:
    return json.dumps({**asdict(receipt), "at": receipt.at and receipt.at.isoformat()}) + "\n"


def _read(line: str) -> Receipt | None:
    """A line of a journal; None for one that a power cut left half written."""
    try:
        told: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    told["delivery"], told["references"] = Delivery(told["delivery"]), tuple(told["references"])
    told["at"] = datetime.fromisoformat(told["at"]) if told["at"] else None
    return Receipt(**told)
