"""A letter as data: the address, the head of the paper, and the text as blocks.

The marks of a text are few: a line that begins with `# ` is a heading, `- ` an item of a list, `| a | b |` a row of a table
(`|= a | b |` its head), `[ ] ` a box to tick, `~ ` a line of the signature; blank lines part paragraphs. Everything else is
words, and words are only ever shown.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from base64 import b32encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

MOST_LINES, MOST_SIGNS = 6, 42
"""What an envelope's window has room for: lines, and signs before a line is broken; a Chinese one is as wide as two others."""


@dataclass(frozen=True, slots=True)
class Window:
    """Where the envelope's window shows the page, in millimetres from its left and upper edge."""

    left: float
    top: float
    width: float
    height: float


WINDOWS: Mapping[str, Window] = {"din-5008-b": Window(20, 45, 85, 45), "din-5008-a": Window(20, 27, 85, 45)}
"""Windows by name. Chinese window envelopes differ from maker to maker: give the print house's measures instead."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes, as the paper shows it. Texts by language ("zh", "en"); `seal` is the seal's ring and its lower line.

    `return_line` is the small line above the address by which the post brings a letter back; `link` is where the square code
    leads on a letter that has none of its own.
    """

    name: Mapping[str, str]
    department: Mapping[str, str]
    return_line: Mapping[str, str]
    footer: Mapping[str, str]
    link: str = ""
    colour: str = "#1b3a6b"
    seal: tuple[str, str] = ("", "")
    window: Window = field(default_factory=lambda: WINDOWS["din-5008-b"])
    duplex: bool = False


def read_letterhead(path: Path) -> Letterhead:
    """A letterhead from its TOML file. ValueError, saying which key, where it is none."""
    return letterhead(path.read_text(encoding="utf-8"), name=path.name)


def letterhead(toml: str, *, name: str = "letterhead") -> Letterhead:
    """A letterhead from TOML; `name` stands before what is wrong with it."""
    try:
        told = tomllib.loads(toml)
        window = told.pop("window", "din-5008-b")
        placed = WINDOWS[window] if isinstance(window, str) else Window(**window)
        if "seal" in told:
            told["seal"] = (told["seal"]["ring"], told["seal"]["line"])
        return Letterhead(window=placed, **told)
    except (KeyError, TypeError, tomllib.TOMLDecodeError) as wrong:
        raise ValueError(f"{name}: {wrong}") from None


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter to be set. `id` stands in the barcode, `link` in the square code ("": none). Personal: no repr."""

    id: str
    on: date
    lang: str
    address: tuple[str, ...] = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    reference: str = field(default="", repr=False)
    link: str = field(default="", repr=False)
    visit: bool = False  # a sheet for visitors: no address, no window


def letter_id(attempt_id: str) -> str:
    """The id of an attempt's letter: short enough for a barcode, says nothing about anybody, and is always the same."""
    return "L" + b32encode(hashlib.sha256(attempt_id.encode()).digest()[:10]).decode()


def address_trouble(lines: tuple[str, ...]) -> str:
    """Why the lines cannot stand in a window, in one machine word; "" when they can."""
    if len(lines) < 2:
        return "address_incomplete"
    widths = [sum(2 if ord(sign) > 0x2E7F else 1 for sign in line) for line in lines]
    if sum(-(-width // MOST_SIGNS) for width in widths) > MOST_LINES:
        return "address_too_long"
    return ""


# --- the text as blocks -------------------------------------------------------------------------------------------

_MARKS = (
    ("head", re.compile(r"# +(.*)")), ("item", re.compile(r"- +(.*)")), ("rows", re.compile(r"(\|.*\|)")),
    ("box", re.compile(r"(\[ \] .*)")), ("sign", re.compile(r"~ +(.*)")), ("gap", re.compile(r"()\s*")),
)  # fmt: skip


def blocks(text: str) -> Iterator[dict[str, Any]]:
    """The blocks of a text in their order: `{"kind": head|par|item|rows|box|sign, …}` with their words."""
    marked = [_marked(line) for line in text.strip("\n").split("\n")]
    for kind, lines in groupby(marked, key=lambda each: each[0]):
        words = [line for _, line in lines]
        if kind == "rows":
            cells = [[cell.strip() for cell in line.removeprefix("|=").strip("| ").split(" | ")] for line in words]
            yield {"kind": "rows", "head": words[0].startswith("|="), "cells": cells, "columns": max(map(len, cells))}
        elif kind == "head":
            yield from ({"kind": "head", "text": word} for word in words)
        elif kind == "sign":
            yield {"kind": "sign", "lines": words, "sealed": any("章" in word or "seal" in word.lower() for word in words)}
        elif kind == "box":
            yield {"kind": "box", "lines": [re.split(r"\s*\[ \] ", word)[1:] for word in words]}
        elif kind != "gap":
            yield {"kind": kind, "lines": words}


def _marked(line: str) -> tuple[str, str]:
    for kind, mark in _MARKS:
        found = mark.fullmatch(line)
        if found:
            return kind, found[1]
    return "par", line
