"""The sandbox's folder: what was sent, one JSON file an attempt, and what the sandbox phone says to it.

Knows files. Does not know permits. Whatever is written here survives a crash: it is on the disk before it has its name. The
files name people: the folder is for its owner alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from anhuan.channels.transport import Delivery, Message
from anhuan.core.vocabulary import Channel

_OUTBOX, _INBOX = "outbox", "inbox"
_FEW = 8
"""Files waited for one by one; more are waited for by waiting for everything."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that would have left."""

    attempt_id: str
    channel: Channel
    message: Message
    at: datetime


def outbox(folder: Path, *, limit: int | None = None, to: str | None = None) -> list[Posted]:
    """What was sent, newest first; `to`: only to that address."""
    posted: list[Posted] = []
    for path in sorted((folder / _OUTBOX).glob("*.json"), key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True):
        if limit is not None and len(posted) >= limit:
            break
        one = _posted(json.loads(path.read_text(encoding="utf-8")))
        if to is None or one.message.to == to:
            posted.append(one)
    return posted


def posted(folder: Path, name: str) -> Posted | None:
    """The message whose file has this name, which is its `reference`; None where there is none."""
    path = folder / _OUTBOX / f"{name}.json"
    return _posted(json.loads(path.read_text(encoding="utf-8"))) if name.isalnum() and path.exists() else None


def unheard(folder: Path, to: str) -> list[str]:
    """What the phone `to` has said and no session has taken yet, oldest first."""
    return [told["text"] for _, told in dropped(folder) if told.get("kind") == "reply" and told.get("sender") == to]


def reply(folder: Path, to: str, text: str, *, at: datetime, channel: Channel = Channel.SMS) -> str:
    """Say `text` from the sandbox phone, mailbox or letter box `to`; the session hears it within a second. The reply's id."""
    return _drop(folder, {"kind": "reply", "sender": to, "text": text, "channel": channel, "at": at.isoformat()})


def answer(folder: Path, attempt_id: str, delivery: Delivery, *, at: datetime, permanent: bool = False) -> str:
    """Say what became of a message: a receipt the session passes on. The receipt's id."""
    told = {"kind": "receipt", "attempt_id": attempt_id, "delivery": delivery, "permanent": permanent, "at": at.isoformat()}
    return _drop(folder, told)


# --- for the transport --------------------------------------------------------------------------------------------


def prepare(folder: Path) -> None:
    for name in (_OUTBOX, _INBOX):
        (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)


def reference(attempt_id: str) -> str:
    """The name of an attempt's file: ids hold what file names may not."""
    return sha256(attempt_id.encode()).hexdigest()[:32]


def post(folder: Path, posted: Iterable[Posted]) -> list[bool]:
    """Write messages; True for each that is new, False for one whose attempt was written before, which stays as it was."""
    return _create(folder / _OUTBOX, {reference(one.attempt_id): _document(one) for one in posted})


def dropped(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """What the phone has said and nobody has taken yet, oldest first; each goes away when its file is unlinked."""
    for path in sorted((folder / _INBOX).glob("*.json"), key=lambda path: (path.stat().st_mtime_ns, path.name)):
        yield path, json.loads(path.read_text(encoding="utf-8"))


def _document(posted: Posted) -> dict[str, Any]:
    return {
        "attempt_id": posted.attempt_id,
        "channel": posted.channel,
        "at": posted.at.isoformat(),
        "message": {**asdict(posted.message), "details": dict(posted.message.details)},
    }


def _posted(document: dict[str, Any]) -> Posted:
    return Posted(
        document["attempt_id"],
        Channel(document["channel"]),
        Message(**document["message"]),
        datetime.fromisoformat(document["at"]),
    )


def _drop(folder: Path, told: dict[str, Any]) -> str:
    prepare(folder)
    name = uuid4().hex
    _create(folder / _INBOX, {name: told})
    return name


def _create(folder: Path, documents: Mapping[str, Mapping[str, Any]]) -> list[bool]:
    """Write files, each whole or not at all; False for one whose name was taken. All are on the disk at the end.

    They are waited for together: a file system asked for a hundred files one by one takes a hundred times as long.
    """
    drafts = [folder / f".{uuid4().hex}" for _ in documents]
    handles = [os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600) for draft in drafts]
    try:
        for handle, document in zip(handles, documents.values(), strict=True):
            with open(handle, "w", encoding="utf-8", closefd=False) as file:
                json.dump(document, file, ensure_ascii=False)
        if len(handles) > _FEW:
            os.sync()
        else:
            for handle in handles:
                os.fsync(handle)
        new = [_named(draft, folder / f"{name}.json") for draft, name in zip(drafts, documents, strict=True)]
    finally:
        for handle, draft in zip(handles, drafts, strict=True):
            os.close(handle)
            draft.unlink()
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)  # the names survive a power cut, too
    finally:
        os.close(directory)
    return new


def _named(draft: Path, path: Path) -> bool:
    """Give the draft its name; unlike a rename, this never replaces."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return False
    return True
