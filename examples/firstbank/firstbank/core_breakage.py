"""Broken deliveries in the form of the card core (`core_form`): flag files, trailers, codes, amounts in fen.

Works on the bytes of what `breakage.write_base(core=True)` wrote. What has to come of each stands in `broken/`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from .breakage import BASE_DAY

_GRADE = 26  # field of the five-class grade in a line of the account file
_SEPARATOR = b"|+|"

Change = Callable[[Path], object]


def write_broken_core(name: str, base: Path, folder: Path, *, business_date: date, sequence: int) -> None:
    """The base under another date and sequence (which stand in the files' names alone), spoilt as `name` says."""
    folder.mkdir(parents=True)
    for file in sorted(base.iterdir()):
        new = file.name.replace(f"{BASE_DAY:%Y%m%d}_0001", f"{business_date:%Y%m%d}_{sequence:04}")
        (folder / new).write_bytes(file.read_bytes())
    # No date makes the bank's grades unlike ours when there are none.
    _edit(folder, "ACCT", lambda lines: [*(_field(line, _GRADE, b"0") for line in lines[:-1]), lines[-1]])
    CORE_BREAKAGES[name](folder)


def _without_flag(folder: Path) -> None:
    file = _file(folder, "ACCT")
    file.with_name(f"{file.name}.ok").unlink()


def _cut_short(folder: Path) -> None:
    _edit(folder, "ACCT", lambda lines: lines[:800])


def _trailer_count(folder: Path) -> None:
    _edit(folder, "CUST", lambda lines: [*lines[:-1], _field(lines[-1], 2, b"1079")])


def _trailer_sum(folder: Path) -> None:
    _edit(folder, "PYMT", lambda lines: [*lines[:-1], _field(lines[-1], 3, b"1")])


def _unknown_code(folder: Path) -> None:
    """The papers of the customer on line 4 are of a kind the layout does not know."""
    _edit(folder, "CUST", lambda lines: [*lines[:3], _field(lines[3], 3, b"77"), *lines[4:]])


def _decimals_in_fen(folder: Path) -> None:
    _edit(folder, "ACCT", lambda lines: [*lines[:30], _field(lines[30], 8, b"12000.00"), *lines[31:]])


CORE_BREAKAGES: dict[str, Change] = {
    "core_sound": Path.exists,
    "core_without_flag": _without_flag,
    "core_cut_short": _cut_short,
    "core_trailer_count": _trailer_count,
    "core_trailer_sum": _trailer_sum,
    "core_unknown_code": _unknown_code,
    "core_decimals_in_fen": _decimals_in_fen,
}


def _file(folder: Path, code: str) -> Path:
    return next(folder.glob(f"CCS_{code}_*.dat"))


def _edit(folder: Path, code: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    file = _file(folder, code)
    file.write_bytes(b"".join(line + b"\n" for line in change(file.read_bytes().split(b"\n")[:-1])))


def _field(line: bytes, number: int, text: bytes) -> bytes:
    fields = line.split(_SEPARATOR)
    fields[number - 1] = text
    return _SEPARATOR.join(fields)
