"""The acts on papers: one that a customer gave is kept, encrypted, in the home; and opened again, with a trace of it.

Each paper is encrypted under a key of its own, which is sealed with its name by the keys of personal data: turning those keys over
touches no file, and forgetting the sealed key makes the file unreadable for good. A file is named by its id alone.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from anhuan.acts.customer import Held, held
from anhuan.acts.matter import fault
from anhuan.records import identity
from anhuan.records.attempt import Fault
from anhuan.records.dispute import Evidence

MOST_BYTES = 10 * 1024 * 1024
MOST_PAPERS = 20
_MAGIC = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_ENDINGS = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}
_UNFIT_IN_NAME = re.compile(r"[\x00-\x1f\x7f/\\\"]+")
_NONCE = 12


@dataclass(frozen=True)
class Paper:
    """A paper as it was handed in, or opened again. Personal: no repr."""

    name: str = field(repr=False)
    content: bytes = field(repr=False)
    media: str = ""


def unfit(papers: Sequence[Paper], *, already: int = 0) -> list[Fault]:
    """What keeps papers from being kept: judged by what they hold, not by what they are called."""
    faults = []
    if already + len(papers) > MOST_PAPERS:
        faults.append(fault("evidence", "paper_many"))
    for paper in papers:
        if not 0 < len(paper.content) <= MOST_BYTES:
            faults.append(fault("evidence", "paper_size"))
        elif media_of(paper.content) is None:
            faults.append(fault("evidence", "paper_type"))
    return faults


def media_of(content: bytes) -> str | None:
    return next((media for magic, media in _MAGIC.items() if content.startswith(magic)), None)


def keep(customer: Held, subject_id: UUID, papers: Sequence[Paper]) -> list[Evidence]:
    """Keep papers that are fit, in the transaction that holds the customer; the files are on the disk before it ends."""
    kept = []
    for paper in papers:
        media = media_of(paper.content)
        if media is None:
            raise ValueError("`unfit` comes before `keep`")
        evidence_id, key = uuid4(), AESGCM.generate_key(256)
        _write(evidence_id, key, paper.content)
        [sealed] = identity.seal_said(
            {evidence_id: {"key": base64.b64encode(key).decode(), "name": _UNFIT_IN_NAME.sub(" ", paper.name).strip()[:120]}}
        )
        sealed.save(force_insert=True)
        kept.append(
            Evidence.objects.create(
                evidence_id=evidence_id, subject_id=subject_id, customer_id=customer.customer_id, media=media,
                size=len(paper.content), digest=hashlib.sha256(paper.content).hexdigest(), at=customer.at, by=customer.by,
            )
        )  # fmt: skip
    return kept


def open_paper(evidence_id: UUID, *, at: datetime, by: str) -> Paper | list[Fault]:
    """A paper in clear; that it was opened is remembered in her chain."""
    kept = Evidence.objects.filter(pk=evidence_id).first()
    words = identity.said([evidence_id]).get(evidence_id) if kept else None
    if kept is None or words is None:
        return [fault("evidence", "paper_broken")]
    try:
        content = _read(evidence_id, base64.b64decode(words["key"]))
    except (OSError, InvalidTag, ValueError):
        return [fault("evidence", "paper_broken")]
    if hashlib.sha256(content).hexdigest() != kept.digest:
        return [fault("evidence", "paper_broken")]
    with held(kept.customer_id, at=at, by=by) as customer:
        customer.remember("evidence.opened", {"evidence": str(evidence_id), "matter": str(kept.subject_id)})
    return Paper(words["name"] or f"{evidence_id}.{_ENDINGS[kept.media]}", content, kept.media)


def names(papers: Sequence[Evidence]) -> dict[UUID, str]:
    """What papers were called, in clear."""
    return {row: str(told.get("name", "")) for row, told in identity.said([each.evidence_id for each in papers]).items()}


def _file(evidence_id: UUID) -> Path:
    return Path(settings.ANHUAN_HOME) / "evidence" / evidence_id.hex[:2] / f"{evidence_id}.sealed"


def _write(evidence_id: UUID, key: bytes, content: bytes) -> None:
    """On the disk before anything says that it is there; readable by nobody else even sealed."""
    file = _file(evidence_id)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    nonce = secrets.token_bytes(_NONCE)
    line = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(line, "wb") as sink:
        sink.write(nonce + AESGCM(key).encrypt(nonce, content, evidence_id.bytes))
        sink.flush()
        os.fsync(sink.fileno())


def _read(evidence_id: UUID, key: bytes) -> bytes:
    sealed = _file(evidence_id).read_bytes()
    return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], evidence_id.bytes)
