"""The strongbox: keys, seals and blind indexes of personal data, as plain functions over text and bytes.

Knows AES-256-GCM, keyed digests and how people spell a phone number, a name, an id number. Does not know Django,
the database or the time, so that it also runs in a process of its own (`python -m anhuan.records.sealing`), which
is how a first night seals millions of rows on every core. `docs/personal-data.md` says what it protects against.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC

KEY_BYTES = 32
NONCE_BYTES = 12
INDEX_BYTES = 16

# Enters every seal and every fingerprint: what was sealed under one does not open under another, and a night stops before it
# would write. To change a spelling below or a sealed layout, raise it together with an act that seals every row anew, as a
# rotation of keys does.
FORMAT = "1"


class KeyUnknown(LookupError):
    """A row is sealed with a key this process does not hold (old key removed, or new key not yet handed out)."""


class SealBroken(ValueError):
    """A sealed value is not what was written for that row: altered, cut, moved to another row, or another key."""


# --- Keys ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Keyring:
    """The keys of one installation. Never printed: `repr` shows ids only.

    `encryption` maps key ids (1 to 32767) to 32-byte AES keys, `current` is the one that seals; the others only
    open. `blind` keys the search indexes, `fingerprint` the digests that tell changed rows from unchanged ones.
    """

    current: int
    encryption: Mapping[int, bytes] = field(repr=False)
    blind: bytes = field(repr=False)
    fingerprint: bytes = field(repr=False)

    def __post_init__(self) -> None:
        every = [*self.encryption.values(), self.blind, self.fingerprint]
        if any(len(key) != KEY_BYTES for key in every):
            raise ValueError(f"every key of the keyring has {KEY_BYTES} bytes ({2 * KEY_BYTES} hex digits)")
        if len(set(every)) != len(every):
            raise ValueError("two keys of the keyring are equal; each needs a secret of its own")
        if self.current not in self.encryption or not all(0 < number < 1 << 15 for number in self.encryption):
            raise ValueError("`current` names one of the encryption keys; key ids run from 1 to 32767")

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Keyring:
        """From the setting: {"current": 1, "encryption": {"1": hex}, "blind": hex, "fingerprint": hex}."""
        try:
            encryption = {int(number): bytes.fromhex(key) for number, key in given["encryption"].items()}
            blind, fingerprint = bytes.fromhex(given["blind"]), bytes.fromhex(given["fingerprint"])
            current = int(given["current"])
        except (KeyError, ValueError, TypeError, AttributeError):
            # The cause would quote the text it could not read, which is a key: it is left out on purpose.
            raise ValueError("the keyring is not of the form docs/personal-data.md shows") from None
        return cls(current, encryption, blind, fingerprint)

    def written(self) -> dict[str, Any]:
        """The form `read` takes. Holds the secrets: for the keyring's own file or a pipe, never for a log."""
        return {
            "current": self.current,
            "encryption": {str(number): key.hex() for number, key in sorted(self.encryption.items())},
            "blind": self.blind.hex(),
            "fingerprint": self.fingerprint.hex(),
        }

    def without(self, number: int) -> Keyring:
        """The same ring less one old encryption key. Ask `acts.keys.retire_key`, which looks for rows first."""
        return replace(self, encryption={n: key for n, key in self.encryption.items() if n != number})

    @cached_property
    def _ciphers(self) -> dict[int, AESGCM]:
        return {number: AESGCM(key) for number, key in self.encryption.items()}

    @cached_property
    def _indexes(self) -> dict[str, HMAC]:
        """One begun HMAC per kind, its name already in: copying it spares two thirds of the work for each value."""
        begun: dict[str, HMAC] = {}
        for kind in SPELLINGS:
            begun[kind] = HMAC(self.blind, hashes.SHA256())
            begun[kind].update(SHARED.get(kind, kind).encode() + b"\0")
        return begun

    def seal(self, table: str, rows: Sequence[str], plain: Sequence[bytes]) -> list[bytes]:
        """Encrypt each plaintext for its row of `table` with the current key: nonce, ciphertext, tag.

        Nonces are random, 96 bits; table and row are bound in as associated data, so that a sealed value moved to
        another row no longer opens. At one key, stay below 2**32 seals (NIST SP 800-38D, 8.3).
        """
        encrypt = self._ciphers[self.current].encrypt
        bound = _bound(table)
        noise = os.urandom(NONCE_BYTES * len(rows))
        sealed = []
        for begin, row, text in zip(range(0, len(noise), NONCE_BYTES), rows, plain, strict=True):
            nonce = noise[begin : begin + NONCE_BYTES]
            sealed.append(nonce + encrypt(nonce, text, bound + row.encode()))
        return sealed

    def open(self, table: str, row: str, sealed: bytes | memoryview, key_id: int) -> bytes:
        """Decrypt one sealed value of one row. `KeyUnknown` or `SealBroken`, naming table and key, never the value."""
        if key_id not in self._ciphers:
            raise KeyUnknown(f"no key {key_id} in this process's keyring, which a row of {table} is sealed with")
        sealed = bytes(sealed)
        try:
            return self._ciphers[key_id].decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound(table) + row.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(f"a row of {table} does not open with key {key_id}") from None

    def index(self, kind: str, text: str | None) -> bytes | None:
        """The blind index of a value, 16 bytes, equal for every usual spelling of it; None for nothing at all.

        `kind` is one of SPELLINGS; of another there is no index.
        """
        spelled = SPELLINGS[kind](text) if text and kind in SPELLINGS else ""
        if not spelled:
            return None
        digest = self._indexes[kind].copy()
        digest.update(spelled.encode())
        return digest.finalize()[:INDEX_BYTES]

    def row_key(self, table: str) -> str:
        """The 128-bit key for fingerprints of rows of `table`, as 20 signs, for keyed SHA-256 inside DuckDB.

        It also depends on FORMAT and on the blind key: with a new blind key every row counts as changed, and the next
        night writes its indexes afresh.
        """
        blind = hmac.digest(self.blind, b"anhuan/which blind key", hashlib.sha256)
        return self._derived(f"row/{FORMAT}/{table}/{blind.hex()}")

    def point_key(self) -> str:
        """The like key for the ids of contact points, which stay as long as the fingerprint key does."""
        return self._derived("point")

    def file_cipher(self, table: str) -> AESGCM:
        """The cipher of the file that says what is stored of `table`: nothing of another keyring, format or blind key opens."""
        return AESGCM(hmac.digest(self.fingerprint, f"anhuan/file/{self.row_key(table)}".encode(), hashlib.sha256))

    def _derived(self, purpose: str) -> str:
        # Short, because DuckDB pays for each block of 64 bytes, and printable, because it is a text there.
        return base64.b85encode(hmac.digest(self.fingerprint, f"anhuan/{purpose}".encode(), hashlib.sha256)[:16]).decode()


def _bound(table: str) -> bytes:
    return f"anhuan/{FORMAT}/{table}/".encode()


# --- Spellings: what people write for the same thing ----------------------------------------------------------------

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u180e\u200b\u200c\u200d\u2060\ufeff"))
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−－"), "-") | _INVISIBLE
# Written between the parts of a name, or not, as people please.
_JOINTS = dict.fromkeys(map(ord, "·•‧・∙⋅.,，、-'’ʼ`´"))
# Most of what is delivered: characters that folding leaves as they are.
_ALREADY_FOLDED = re.compile(r"[\u4e00-\u9fff0-9a-z]*")
_MOBILE = re.compile(r"(?:\+86|0086|86)?[ -]?(1[3-9][0-9])[ -]?([0-9]{4})[ -]?([0-9]{4})")
_PHONE = re.compile(r"(?P<abroad>\+|00)?[ ().-]*(?P<number>[0-9][0-9 ().-]*)")
_DASHED_EXTENSION = re.compile(r"((?:86[ -]+)?\(?0?[0-9]{2,3}\)?[ -]*[0-9]{7,8})-[0-9]{1,5}")
_NOT_DIGITS = re.compile(r"[^0-9]+")
_NOT_WORD = re.compile(r"[\W_]+")


def _folded(text: str) -> str:
    """Width, case and compatibility forms made equal (NFKC and case folding), spaces gone."""
    if _ALREADY_FOLDED.fullmatch(text):
        return text
    if text.isascii():
        return "".join(text.casefold().split())
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    # Once more: a sign that stood alone behind a space may now join the letter before it.
    return unicodedata.normalize("NFKC", "".join(text.translate(_DASHES).split()))


def spelled_phone(text: str) -> str:
    """One form for every spelling of a number: `+86` and the number without its trunk 0; abroad `+` and digits.

    `+86 138-1234-5678`, `008613812345678`, `013812345678` and full-width digits are all one number. A fixed number
    keeps its area code (`010-12345678`, `+86 10 12345678`); delivered without one it is found without one. An
    extension is left out; of several numbers in one field the first counts.
    """
    if plain := _MOBILE.fullmatch(text):
        return "+86" + plain[1] + plain[2] + plain[3]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_DASHES)
    found = _PHONE.search(text)
    if found is None:
        return _folded(text)
    number = found["number"].strip(" .-")
    if extended := _DASHED_EXTENSION.fullmatch(number):
        number = extended[1]
    digits, abroad = _NOT_DIGITS.sub("", number), bool(found["abroad"])
    if digits.startswith("86") and (abroad or len(digits) >= 12):
        digits, abroad = digits[2:], False
    return "+" + digits if abroad else "+86" + (digits.lstrip("0") or digits)


def spelled_name(text: str) -> str:
    """Width, case, spaces and the dots between the parts of a name do not count."""
    if _ALREADY_FOLDED.fullmatch(text):
        return text
    # Folded again: where a joint stood between a letter and its accent, the two now meet.
    return _folded(_folded(text).translate(_JOINTS))


def spelled_id_number(text: str) -> str:
    """Letters and digits count, their width and case do not (`x` is `X`), nor what stands between them."""
    return _NOT_WORD.sub("", _folded(text))


def spelled_app(text: str) -> str:
    """An account or device id of an app: case counts, surrounding space does not."""
    return text.strip()


# The kinds that are indexed, each a domain of its own: equal texts of two kinds have unlike indexes. An address is not:
# nobody finds one by its exact spelling, and equal indexes would tell who lives together.
SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "name": spelled_name,
    "id_number": spelled_id_number,
    "phone": spelled_phone,
    "mobile": spelled_phone,
    "email": _folded,
    "app": spelled_app,
}
# Banks file one number as mobile here and as phone there: it is found as either.
SHARED: Mapping[str, str] = {"mobile": "phone"}


# --- Sealing in bulk ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recipe:
    """How the batches of one table are sealed.

    A batch carries the columns of the table that stay in clear, and further, consumed here: `seal_row` (text, names
    the row), `seal_plain` (binary), and for each index its clear text under the index's name. `indexes` maps the
    name to a kind, or to the clear column that holds the kind when it starts with `=`.
    """

    table: str
    indexes: Mapping[str, str] = field(default_factory=dict)


RECIPES: Mapping[str, Recipe] = {
    recipe.table: recipe
    for recipe in (
        Recipe("customer", {"name_index": "name", "id_index": "id_number"}),
        Recipe("contact_point", {"value_index": "=kind"}),
        Recipe("set_aside_row"),
    )
}


def sealed_schema(clear: pa.Schema) -> pa.Schema:
    """The columns a batch has once sealed: those in clear, `sealed`, `key_id` and the indexes as binary."""
    kept = [f for f in clear if f.name not in ("seal_row", "seal_plain") and not f.name.endswith("_index")]
    indexes = [pa.field(f.name, pa.binary()) for f in clear if f.name.endswith("_index")]
    return pa.schema([*kept, *indexes, pa.field("sealed", pa.binary()), pa.field("key_id", pa.int16())])


def seal_batch(keyring: Keyring, recipe: Recipe, batch: pa.RecordBatch) -> pa.RecordBatch:
    """One batch sealed and indexed; rows keep their order."""
    schema = sealed_schema(batch.schema)
    made: dict[str, Any] = {
        "sealed": keyring.seal(recipe.table, batch["seal_row"].to_pylist(), batch["seal_plain"].to_pylist()),
        "key_id": pa.repeat(pa.scalar(keyring.current, pa.int16()), batch.num_rows),
    }
    for name, kind in recipe.indexes.items():
        texts = batch[name].to_pylist()
        kinds = batch[kind[1:]].to_pylist() if kind.startswith("=") else [kind] * batch.num_rows
        made[name] = [keyring.index(kind, text) for kind, text in zip(kinds, texts, strict=True)]
    columns = [pa.array(made[f.name], f.type) if f.name in made else batch[f.name] for f in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def sealed_reader(keyring: Keyring, table: str, clear: pa.RecordBatchReader, *, processes: int = 0) -> pa.RecordBatchReader:
    """Seal a stream of batches as it is read; with `processes`, in so many children, in the same order.

    The children are fresh interpreters and not forks: the caller has threads (DuckDB, Arrow) and an open database
    connection, which a fork would take along half alive. Keys and rows reach them through pipes only.
    """
    recipe = RECIPES[table]
    if processes < 1:
        batches: Iterator[pa.RecordBatch] = (seal_batch(keyring, recipe, batch) for batch in clear)
    else:
        batches = _sealed_by_children(keyring, recipe, clear, processes)
    return pa.RecordBatchReader.from_batches(sealed_schema(clear.schema), batches)


def _sealed_by_children(
    keyring: Keyring, recipe: Recipe, clear: pa.RecordBatchReader, processes: int
) -> Iterator[pa.RecordBatch]:
    """Deal the batches out to the children in turn and collect them in the same turn.

    Batch i goes through child i mod n, written in order by one feeding thread and read in order here: whoever waits
    only waits for a batch whose predecessors have all been taken, so the pipes cannot block for good. A child that
    dies, or returns fewer batches than it got, is an error: rows are never lost in silence.
    """
    children = [_Child(keyring, recipe) for _ in range(processes)]
    feed = _Feed(clear, children)
    feed.start()
    taken = 0
    try:
        readers = [pa.ipc.open_stream(child.sealed) for child in children]
        while (batch := next(readers[taken % processes], None)) is not None:
            yield batch
            taken += 1
        feed.join()
        if feed.failed is not None:
            raise feed.failed
        if taken != feed.dealt or any(child.process.wait() for child in children):
            raise RuntimeError(f"sealing stopped early: {taken} of {feed.dealt} batches came back")
    finally:
        # Also when whoever reads this stream gave up: the feeding thread must let go of the caller's DuckDB.
        for child in children:
            child.process.kill()
        feed.join()
        for child in children:
            child.end()


class _Child:
    """A process that seals: clear batches go into `clear`, sealed ones come out of `sealed`."""

    def __init__(self, keyring: Keyring, recipe: Recipe) -> None:
        # -P: nothing is imported from the folder the command happens to stand in.
        command = [sys.executable, "-P", "-m", "anhuan.records.sealing"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdin is not None  # noqa: S101  PIPE was asked for
        assert self.process.stdout is not None  # noqa: S101
        self.clear, self.sealed = self.process.stdin, self.process.stdout
        self.clear.write(json.dumps({"table": recipe.table, "keyring": keyring.written()}).encode() + b"\n")

    def no_more(self) -> None:
        with suppress(BrokenPipeError):
            self.clear.close()

    def end(self) -> None:
        self.no_more()
        self.sealed.close()
        self.process.wait()


class _Feed(threading.Thread):
    """Writes the clear batches to the children; `dealt` counts them, `failed` holds what went wrong.

    Every batch is flushed whole, here and by the children: a tail left in a buffer would wait for the batch after
    next, and both sides for each other.
    """

    def __init__(self, clear: pa.RecordBatchReader, children: Sequence[_Child]) -> None:
        super().__init__(name="sealing-feed", daemon=True)
        self.batches, self.children = clear, children
        self.dealt = 0
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            writers = [pa.ipc.new_stream(child.clear, self.batches.schema) for child in self.children]
            for child in self.children:
                child.clear.flush()
            for batch in self.batches:
                turn = self.dealt % len(writers)
                writers[turn].write_batch(batch)
                self.children[turn].clear.flush()
                self.dealt += 1
            for writer in writers:
                writer.close()
        except BaseException as error:  # noqa: BLE001  the thread that reads raises it again
            self.failed = error
        for child in self.children:
            child.no_more()


def main() -> int:
    """A sealing child: keyring and recipe in the first line of stdin, then clear batches in, sealed batches out."""
    try:
        told = json.loads(sys.stdin.buffer.readline())
        keyring, recipe = Keyring.read(told["keyring"]), RECIPES[told["table"]]
        clear = pa.ipc.open_stream(sys.stdin.buffer)
        with pa.ipc.new_stream(sys.stdout.buffer, sealed_schema(clear.schema)) as out:
            sys.stdout.buffer.flush()
            for batch in clear:
                out.write_batch(seal_batch(keyring, recipe, batch))
                sys.stdout.buffer.flush()
    except Exception as error:  # noqa: BLE001  its text could quote a row: the kind of error must do
        sys.stderr.write(f"anhuan.records.sealing: {type(error).__name__}\n")
        return 70
    return 0


if __name__ == "__main__":
    sys.exit(main())
