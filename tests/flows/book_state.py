"""Everything a home remembers of its book but the hours and the random.

Two homes that went through the same nights, disturbed or not, remember the same.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

# What legitimately differs between two runs: row numbers of the database, instants, ciphertext, hashes over instants.
_VARIES = {"id", "at", "sealed", "hash", "previous", "head", "begun_at", "sealed_at", "seconds", "last_login"}
_MODELS = (
    "Customer", "ContactPoint", "Account", "Case", "CaseFigures", "BucketSpan", "Payment", "Night", "NightStep", "Proposal", "Event",
)  # fmt: skip


def state(home: Path) -> dict[str, Any]:
    """Rows by model, and the digest of every file of every snapshot."""
    from anhuan.records import models

    book: dict[str, Any] = {name: sorted(map(repr, _rows(getattr(models, name)))) for name in _MODELS}
    book["SetAsideRow"] = sorted(models.SetAsideRow.objects.values_list("sequence", "file", "line"))
    book["snapshots"] = {
        str(file.relative_to(home)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted((home / "snapshots").rglob("*"))
        if file.is_file()
    }
    book["extracts"] = [
        [file.parent.name, [[each["name"], each["rows"], each["sums"]] for each in json.loads(file.read_text())["files"]]]
        for file in sorted((home / "extracts").glob("*/manifest.json"))
    ]
    book["untold"] = [models.Change.objects.filter(extract=None).count(), models.Extract.objects.filter(done_at=None).count()]
    return book


def _rows(model: Any) -> list[dict[str, Any]]:
    return [_still(row) for row in model.objects.values()]


def _still(value: Any) -> Any:
    if isinstance(value, dict):
        left_out = _VARIES | {"heads", "findings_file", "night_id"}
        return {key: _still(entry) for key, entry in sorted(value.items()) if key not in left_out}
    if isinstance(value, memoryview):
        return bytes(value).hex()
    return value
