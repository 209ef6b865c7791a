"""From bytes to lines: one pass that weighs a file, one that puts each of its lines into a DuckDB table.

Knows encodings, line ends, and which bytes are no text. Does not know fields, columns or what a line means. A line's
place in the table is its number in the file: `rowid` 0 is line 1, blank lines included.

A byte that cannot be decoded stays visible and recoverable: byte 0xE4 becomes the private character U+10F6E4, a
carriage return that ends no line U+10F60D. In a file with more than 65,536 such places they all become U+10F5FD,
for such a file is hopeless anyway and must not cost minutes.
"""

from __future__ import annotations

import codecs
import glob
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

CHUNK = 1 << 20
LONGEST_LINE = 8 << 20  # bytes; the buffer DuckDB reads lines through

BYTE_MARK = 0x10F600
LOST_MARK = chr(0x10F5FD)
NO_SEPARATOR = chr(0x10F5FE)  # asked of the CSV reader, so that it takes each line whole
FILLER = chr(0x10F5FF)  # stands after a wide character where widths count bytes
PRIVATE = "[\\x00\\x{10F500}-\\x{10F6FF}]"
"""Regular expression of what no text of a bank holds: NUL, and the marks above."""

_BOM = codecs.BOM_UTF8
_PATIENCE = 1 << 16
_GUESSES = ("utf-8", "gb18030", "big5")
# A few characters of GBK happen to be valid UTF-8 (路 is the bytes of ·), but of other scripts: it takes some that
# would be Chinese there to say that a file is UTF-8.
_CHINESE_LEADS = [bytes([lead]) for lead in range(0xE4, 0xEA)]
_ENOUGH = 5
# How a character of our own marks begins when it is really delivered, in the encodings that have it.
_LIKE_MARKS = {"utf-8": re.compile(rb"\xf4\x8f"), "gb18030": re.compile(rb"\xe3[0-9]")}


@dataclass(frozen=True)
class Weight:
    """What one pass over the bytes of a file finds out. `lines` counts a last line without a line feed.

    `plain`: UTF-8 throughout, one kind of line end, no mark of ours: DuckDB may read the file as it lies there.
    `crlf`: its lines end with CR LF. `nul`: there are NUL bytes.
    """

    size: int
    sha256: str
    checksums: dict[str, str]
    lines: int
    plain: bool
    crlf: bool
    nul: bool


@dataclass
class Loaded:
    """What became of a file's lines.

    `odd`: some may hold characters of `PRIVATE`. `undecodable`: places where bytes were no text, `guess` the
    encoding in which they would be. `mistaken`: read in another encoding, yet all of it is valid UTF-8.
    """

    lines: int
    odd: bool = False
    undecodable: int = 0
    guess: str | None = None
    mistaken: bool = False


def weigh(path: Path, *, utf8: bool, algorithms: Sequence[str] = ()) -> Weight:
    """One pass over the file. `utf8`: whether it is said to be UTF-8 text. `algorithms`: further checksums wanted."""
    sha256, others = hashlib.sha256(), {name: hashlib.new(name) for name in algorithms}
    decoder = codecs.getincrementaldecoder("utf-8")()
    size = feeds = returns = pairs = 0
    valid, nul, last = utf8, False, b""
    for chunk in _chunks(path):
        sha256.update(chunk)
        for other in others.values():
            other.update(chunk)
        size += len(chunk)
        feeds += chunk.count(b"\n")
        if b"\r" in chunk or last == b"\r":
            returns += chunk.count(b"\r")
            pairs += chunk.count(b"\r\n") + (last == b"\r" and chunk.startswith(b"\n"))
        nul = nul or b"\0" in chunk
        # 0xF4 begins the code points from U+100000 on, where the marks are.
        valid = valid and b"\xf4" not in chunk and _decodes(decoder, chunk)
        last = chunk[-1:]
    # A file of a byte order mark alone has a line for us and none for DuckDB.
    valid = valid and _decodes(decoder, b"", final=True) and size != len(_BOM)
    lines = feeds + (size > 0 and last != b"\n")
    ends_alike = returns == 0 or returns == pairs == feeds
    checksums = {name: other.hexdigest() for name, other in others.items()}
    return Weight(size, sha256.hexdigest(), checksums, lines, valid and ends_alike, returns > 0, nul)


def load(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    table: str,
    *,
    encoding: str,
    weight: Weight,
    scratch: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Loaded:
    """Put every line of the file into `table(raw VARCHAR)`, in order; NULL where a line is empty.

    A file that is not plain UTF-8 is first transcoded into `scratch`, a file of mode 0600 that is removed again.
    Raises duckdb.Error when a line is longer than LONGEST_LINE.
    """
    if weight.plain:
        _read(con, path, table, crlf=weight.crlf)
        loaded = Loaded(weight.lines, odd=weight.nul)
    else:
        copy = scratch / f"{table}.txt"
        try:
            loaded = _transcode(path, copy, encoding, weight, progress)
            _read(con, copy, table, crlf=False)
        finally:
            copy.unlink(missing_ok=True)
    counted = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    if counted is None or counted[0] != loaded.lines:
        raise RuntimeError(f"{path.name} has {loaded.lines} lines, of which {counted} were read")
    return loaded


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _read(con: duckdb.DuckDBPyConnection, path: Path, table: str, *, crlf: bool) -> None:
    new_line = "\\r\\n" if crlf else "\\n"
    con.execute(
        f"""CREATE OR REPLACE TABLE {table} AS SELECT raw FROM read_csv(
            ?, columns = {{'raw': 'VARCHAR'}}, auto_detect = false, header = false, delim = '{NO_SEPARATOR}',
            quote = '', escape = '', comment = '', new_line = '{new_line}', compression = 'none',
            max_line_size = {LONGEST_LINE}, buffer_size = {LONGEST_LINE * 4})""",
        [glob.escape(str(path))],
    )


def _transcode(path: Path, copy: Path, encoding: str, weight: Weight, progress: Callable[[int, int], None] | None) -> Loaded:
    """Write the file as UTF-8 with line feeds alone; what cannot be decoded becomes marks."""
    marks = _Marks()
    codecs.register_error(marks.name, marks)
    decoder = codecs.getincrementaldecoder(encoding)(errors=marks.name)
    utf8, like_marks = codecs.getincrementaldecoder("utf-8")(), _LIKE_MARKS.get(encoding)
    loaded = Loaded(0, odd=weight.nul)
    may_be_utf8, chinese, held, last = encoding not in {"utf-8", "ascii"}, 0, "", ""
    with os.fdopen(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
        for chunk in (*_chunks(path), b""):
            final = not chunk
            if marks.met > _PATIENCE and decoder.errors != "replace":
                decoder.errors = "replace"
            loaded.odd = loaded.odd or bool(like_marks and like_marks.search(chunk))
            if may_be_utf8 and not chunk.isascii():
                may_be_utf8 = _decodes(utf8, chunk)
                chinese += sum(map(chunk.count, _CHINESE_LEADS))
            text = held + decoder.decode(chunk, final)
            if loaded.lines == 0 and not last:
                text = text.removeprefix("\ufeff")
            held = "\r" if text.endswith("\r") and not final else ""
            text = text.removesuffix("\r") if held else text
            if "\r" in text:
                text = text.replace("\r\n", "\n")
                # Elsewhere it would be a line break inside a field.
                loaded.odd = loaded.odd or "\r" in text
                text = text.replace("\r", chr(BYTE_MARK + 0x0D))
            if decoder.errors == "replace":
                text = text.replace("\ufffd", LOST_MARK)
            loaded.lines += text.count("\n")
            last = text[-1:] or last
            out.write(text.encode("utf-8", "surrogatepass"))
            if progress:
                progress(loaded.lines, weight.lines)
    loaded.lines += last not in {"", "\n"}
    loaded.undecodable = marks.met
    loaded.odd = loaded.odd or marks.met > 0
    loaded.mistaken = chinese >= _ENOUGH and may_be_utf8 and _decodes(utf8, b"", final=True)
    loaded.guess = _guess(path, encoding) if marks.met else None
    return loaded


class _Marks:
    """The error handler of a decoder: each byte it trips over becomes a mark; they are counted."""

    def __init__(self) -> None:
        self.met = 0
        self.name = f"anhuan-marks-{id(self)}"

    def __call__(self, error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeDecodeError):
            raise error
        self.met += 1
        return "".join(chr(BYTE_MARK + byte) for byte in error.object[error.start : error.end]), error.end


def _guess(path: Path, encoding: str) -> str | None:
    """The encoding in which the whole file decodes, if it is one a bank is likely to use."""
    for guess in _GUESSES:
        decoder = codecs.getincrementaldecoder(guess)()
        if (
            guess != encoding
            and all(_decodes(decoder, chunk) for chunk in _chunks(path))
            and _decodes(decoder, b"", final=True)
        ):
            return guess
    return None
