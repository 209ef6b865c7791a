"""A text as the parts a message centre takes, and parts as a text: GSM 7-bit where every letter is in it, else UCS-2.

Pure. Knows 3GPP TS 23.038 (alphabet) and 23.040 (parts joined by a header). Does not know SMPP beyond its number for a coding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

GSM7, UCS2 = 0, 8
"""SMPP's `data_coding`, as we send it."""
# What phones' messages come in besides: ASCII, Latin-1, UCS-2 of a message class, and GBK, which Chinese operators number 15.
_CHARSETS = {1: "ascii", 3: "latin-1", 8: "utf-16-be", 15: "gb18030", 24: "utf-16-be", 25: "utf-16-be", 26: "utf-16-be"}
MOST_PARTS = 255
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {"\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65}
_ESCAPE = 0x1B
_ENCODED = {letter: bytes([code]) for code, letter in enumerate(_BASIC) if code != _ESCAPE} | {
    letter: bytes([_ESCAPE, code]) for letter, code in _EXTENSION.items()
}
_EXTENDED = {code: letter for letter, code in _EXTENSION.items()}


@dataclass(frozen=True, slots=True)
class Shape:
    """How much fits: `single` units in a message alone, `part` in one of several; a unit is `size` bytes."""

    single: int
    part: int
    size: int


SHAPES = {GSM7: Shape(160, 153, 1), UCS2: Shape(70, 67, 2)}


class TooLong(ValueError):
    """The text needs more than 255 parts."""


def coding_of(text: str) -> int:
    return GSM7 if all(letter in _ENCODED for letter in text) else UCS2


def count_parts(text: str) -> int:
    """How many messages a network charges for the text; none for an empty one."""
    return len(_cut(text, coding_of(text))) if text else 0


def encode(text: str, reference: int) -> tuple[int, list[bytes]]:
    """The coding, and the bytes of each part, headers included where there are several. Raises TooLong.

    `reference` (0 to 255) tells the parts of one message from those of the next.
    """
    coding = coding_of(text)
    pieces = _cut(text, coding)
    if len(pieces) == 1:
        return coding, pieces
    if len(pieces) > MOST_PARTS:
        raise TooLong(f"{len(pieces)} parts; {MOST_PARTS} are allowed")
    return coding, [bytes([5, 0, 3, reference, len(pieces), number]) + piece for number, piece in enumerate(pieces, start=1)]


def decode(data: bytes, coding: int) -> str:
    """The text of a part without its header; what cannot be read shows as �."""
    charset = _CHARSETS.get(coding)
    return data.decode(charset, errors="replace") if charset else "".join(_letters(data))


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a longer text: its `number` of `total`, from 1, under a reference."""

    reference: int
    total: int
    number: int
    data: bytes


def part_of(data: bytes) -> Part | None:
    """The part that bytes with a user data header are; None when the header speaks of no parts. Header stripped."""
    length = data[0] + 1 if data else 0
    header, body = data[1:length], data[length:]
    while len(header) >= 2:
        kind, size = header[0], header[1]
        value, header = header[2 : 2 + size], header[2 + size :]
        if kind == 0 and size == 3:
            return Part(value[0], value[1], value[2], body)
        if kind == 8 and size == 4:
            return Part(int.from_bytes(value[:2], "big"), value[2], value[3], body)
    return Part(0, 1, 1, body) if length else None


def _cut(text: str, coding: int) -> list[bytes]:
    """The bytes of the text, in as few pieces as fit; a letter of two units is never cut in half."""
    shape = SHAPES[coding]
    letters = [_ENCODED[letter] if coding == GSM7 else letter.encode("utf-16-be", errors="replace") for letter in text]
    if sum(map(len, letters)) <= shape.single * shape.size:
        return [b"".join(letters)]
    pieces = [b""]
    for letter in letters:
        if len(pieces[-1]) + len(letter) > shape.part * shape.size:
            pieces.append(b"")
        pieces[-1] += letter
    return pieces


def _letters(data: bytes) -> Iterator[str]:
    escaped = False
    for code in data:
        if escaped:
            yield _EXTENDED.get(code, _BASIC[code] if code < len(_BASIC) else "�")
        elif code != _ESCAPE:
            yield _BASIC[code] if code < len(_BASIC) else "�"
        escaped = code == _ESCAPE and not escaped
