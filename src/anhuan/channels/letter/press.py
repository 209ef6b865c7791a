"""The press: letters become pages. One letter alone for the archive, many in one file for the print house.

Knows Typst and the face; the same letters with the same face give the same bytes. The face is pinned: a press without it does
not start, since another one would set Chinese in Japanese shapes or not at all, and nobody would be told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import segno
import typst

from anhuan.channels.letter import code128
from anhuan.channels.letter.sheet import Letter, Letterhead, blocks

FACE = "Noto Sans CJK SC"
_WEIGHTS = {400: "Regular", 700: "Bold"}
_PLACES = (Path("/usr/share/fonts/opentype/noto"), Path("/usr/share/fonts/noto-cjk"), Path("/usr/share/fonts/google-noto-cjk"))
_FILES = tuple(f"NotoSansCJK-{weight}.ttc" for weight in _WEIGHTS.values())
_PDF: Final = "a-2u"
_PAGES = re.compile(rb"/Count (\d+)")
_TEMPLATE = Path(__file__).parent / "sheet.typ"
_MONTHS = "January February March April May June July August September October November December".split()


class NoFace(Exception):
    """The face letters are set in is not installed; says how to get it, in both languages."""

    def __init__(self, places: Sequence[Path]) -> None:
        looked = ", ".join(map(str, places))
        self.zh = (
            f"未找到函件所用字体 {FACE}（常规与粗体）。请安装：Debian/Ubuntu 为 apt-get install fonts-noto-cjk，"
            f"或将 {'、'.join(_FILES)} 放入所配置的字体目录。已查找：{looked}"
        )
        self.en = (
            f"Letters are set in {FACE}, regular and bold, and it is not there. Install it (Debian, Ubuntu: apt-get install "
            f"fonts-noto-cjk), or put {' and '.join(_FILES)} into the folder of fonts that is configured. Looked in: {looked}"
        )
        super().__init__(self.en)


class NotSet(Exception):
    """A letter that cannot be set as it is: `code` is a machine word, for a sign the face does not have `no_glyph`."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


class Press:
    """Sets letters on a letterhead. `fonts`: folders with the face, by default where Linux distributions put it. One thread's own."""

    def __init__(self, head: Letterhead, *, fonts: Sequence[Path] = _PLACES) -> None:
        place = next((each for each in fonts if all((each / name).is_file() for name in _FILES)), None)
        if place is None:
            raise NoFace(fonts)
        found = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(place)])
        if not _WEIGHTS.keys() <= {font.weight for font in found.fonts() if font.family == FACE}:
            raise NoFace(fonts)
        self.faces = tuple(place / name for name in _FILES)
        self._head = head
        self._compiler = typst.Compiler(str(_TEMPLATE), font_paths=found, ignore_system_fonts=True)

    def one(self, letter: Letter) -> bytes:
        """The letter alone. NotSet when it cannot be set."""
        return self._set([letter])

    def many(self, letters: Sequence[Letter]) -> bytes:
        """All letters in one file, in their order. NotSet when one of them cannot be set."""
        return self._set(letters)

    def _set(self, letters: Sequence[Letter]) -> bytes:
        stamp = datetime.combine(max(letter.on for letter in letters), datetime.min.time(), UTC)
        try:
            pdf = self._compiler.compile(
                sys_inputs=self._inputs(letters), format="pdf", pdf_standards=_PDF, timestamp=int(stamp.timestamp())
            )
        except typst.TypstError as failed:
            raise NotSet("no_glyph" if "could not be displayed" in str(failed) else "not_set", str(failed)) from None
        assert isinstance(pdf, bytes)  # noqa: S101  one file, for the format is pdf
        return pdf

    def _inputs(self, letters: Sequence[Letter]) -> dict[str, str]:
        latest = max(letter.on for letter in letters)
        title = letters[0].subject if len(letters) == 1 else f"{len(letters)} letters of {latest.isoformat()}"
        document = {
            "head": asdict(self._head), "title": title, "date": {"year": latest.year, "month": latest.month, "day": latest.day},
            "letters": [_letter(letter) for letter in letters],
        }  # fmt: skip
        return {"data": json.dumps(document, ensure_ascii=False)}


def pages_of(pdf: bytes) -> int:
    """How many pages a file of this press has, as its page tree says."""
    return max(int(count) for count in _PAGES.findall(pdf))


def _letter(letter: Letter) -> dict[str, Any]:
    on = letter.on
    written = f"{on.year}年{on.month}月{on.day}日" if letter.lang == "zh" else f"{on.day} {_MONTHS[on.month - 1]} {on.year}"
    return {
        "id": letter.id, "lang": letter.lang, "date": written, "address": letter.address, "subject": letter.subject,
        "blocks": list(blocks(letter.text)), "reference": letter.reference, "link": letter.link, "visit": letter.visit,
        "bars": code128.bars(letter.id), "code": _square(letter.link) if letter.link else "",
    }  # fmt: skip


@lru_cache(maxsize=256)
def _square(link: str) -> str:
    """A square code as a drawing, with room for a scratch or a fold (error correction M)."""
    drawn = BytesIO()
    segno.make(link, error="m", micro=False).save(drawn, kind="svg", border=0, xmldecl=False, svgns=True)
    return drawn.getvalue().decode()
