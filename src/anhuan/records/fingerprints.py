"""A file of this machine that says what stands in a table of people, so that a night need not ask PostgreSQL for millions of rows.

Knows how such a file is written, read, and when it may be believed. It is never the truth: it counts as long as PostgreSQL
remembers it, by a number of its own that is committed with the rows it speaks of and is forgotten by trigger with the first
statement that changes an id, a fingerprint or an absence. Where another machine took the last night in, a backup was brought
back, a step was undone or a byte is damaged there is no file, and PostgreSQL is asked.

For each stored row it holds the id, a quick mark of the delivered row (two 64-bit sums of DuckDB's, which differ when the row
does), the fingerprint and whether it is absent. Quick sums of personal data would confirm guesses, so all of it is encrypted,
with AES-256-GCM and a key that follows from the keyring.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import models

_NONCE = 12
_LENGTH = 8
_END = b""


class FingerprintFile(models.Model):
    """The file in which each row of `of_table` stands as it is now; no row here where no file does."""

    of_table = models.CharField(primary_key=True, max_length=63)
    number = models.CharField(max_length=32)


def schema(id_type: str) -> pa.Schema:
    """The columns of a file for ids of a type of PostgreSQL's, uuid or varchar."""
    marks = [(name, pa.uint64()) for name in ("first_mark", "second_mark")]
    ids = pa.binary() if id_type == "uuid" else pa.string()
    return pa.schema([("id", ids), *marks, ("fingerprint", pa.binary()), ("absent", pa.bool_())])


def read(table: str, folder: Path, cipher: AESGCM, shape: pa.Schema) -> pa.Table | None:
    """What stands in `table`, with ids and fingerprints as UUIDs; None when no file of `folder` may be believed."""
    told = FingerprintFile.objects.filter(pk=table).first()
    if told is None:
        return None
    with suppress(OSError, InvalidTag, ValueError), _place(table, folder).open("rb") as file:
        batches: list[pa.RecordBatch] = []
        for number in range(1 << 32):
            sealed = file.read(int.from_bytes(file.read(_LENGTH), "big"))
            plain = cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(table, told.number, number))
            if plain == _END:
                return _with_uuids(pa.Table.from_batches(batches, schema=shape))
            batches.append(pa.ipc.read_record_batch(pa.py_buffer(plain), shape))
    return None


def write(table: str, folder: Path, cipher: AESGCM, rows: pa.RecordBatchReader) -> str | None:
    """Write the file of what will stand in `table`; its number, by which `keep` has it believed. None when there is no room."""
    number, file = secrets.token_hex(16), _place(table, folder)
    draft = file.with_suffix(".partial")
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            for place, plain in enumerate(_plain(rows)):
                nonce = os.urandom(_NONCE)
                sealed = nonce + cipher.encrypt(nonce, plain, _bound(table, number, place))
                out.write(len(sealed).to_bytes(_LENGTH, "big") + sealed)
        draft.replace(file)
    except OSError:  # costs the next night some seconds, and not this one its life
        return None
    return number


def keep(table: str, number: str | None) -> None:
    """The file of that number says what stands in `table`, None: no file does. After the last change in this transaction."""
    FingerprintFile.objects.filter(pk=table).delete()
    if number is not None:
        FingerprintFile.objects.create(of_table=table, number=number)


def _plain(rows: pa.RecordBatchReader) -> Iterator[bytes]:
    for batch in rows:
        if batch.num_rows:
            yield batch.serialize().to_pybytes()
    yield _END


def _bound(table: str, number: str, place: int) -> bytes:
    """What no piece is read without: whose it is, which file, its place in it, and the DuckDB whose sums it holds."""
    return f"anhuan/fingerprints/1/{duckdb.__version__}/{table}/{number}/{place}".encode()


def _place(table: str, folder: Path) -> Path:
    return folder / f"{table}.sealed"


def _with_uuids(table: pa.Table) -> pa.Table:
    for place, field in enumerate(table.schema):
        if pa.types.is_binary(field.type):
            chunks = [uuids(_content(chunk)) for chunk in table.column(place).chunks]
            table = table.set_column(place, field.name, pa.chunked_array(chunks, pa.uuid()))
    return table


def _content(array: pa.BinaryArray) -> memoryview:
    _, offsets, content = array.buffers()
    first, last = np.frombuffer(offsets, np.int32)[[array.offset, array.offset + len(array)]]
    return memoryview(content)[first:last] if len(array) else memoryview(b"")


def uuids(packed: bytes | memoryview) -> pa.Array:
    """UUIDs from their bytes, one after the other."""
    plain = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(packed) // 16, [None, pa.py_buffer(packed)])
    return pa.ExtensionArray.from_storage(pa.uuid(), plain)
