"""How fast letters are set, spooled and kept: `python bench/letters.py [--letters 600]`.

Takes the made-up bank's formal demand in both languages, two accounts each, codes and seal on the page, and measures one press
alone, one big file, and the print house as a transport, from permit to receipt. A table goes to the terminal, JSON to bench/results.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
BANK = ROOT / "examples/firstbank"
SCRATCH = ROOT / "var/bench/letters"
RESULTS = ROOT / "bench/results"
AT = datetime(2026, 6, 10, 2, 0, tzinfo=UTC)
GOAL = 2_000  # letters a minute, from permit to receipt, single file and batch


def texts(count: int) -> list[Any]:
    from anhuan.channels.letter.sheet import Letter, letter_id
    from anhuan.rulebook import letters

    wordings, _ = letters.read_file(BANK / "wordings/formal_demand.yaml")
    made = []
    for number in range(count):
        wording = wordings[number % 2]
        filled = letters.ready(wording, letters.examples(wording) | {"name": f"示例客户{number}"})
        made.append(
            Letter(
                letter_id(f"b{number}"), date(2026, 6, 10), wording.language, (f"示例客户{number}", "示例省示例市示例路1号", "000000"),
                filled.parts["subject"], filled.parts["text"], f"C{number:08}", f"https://pay.firstbank.example/r/{number}",
            )
        )  # fmt: skip
    return made


def measured(what: str, count: int, act: Callable[[], Any]) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "what": what, "letters": count, "seconds": round(wall, 2), "cpu_seconds": round(cpu, 2), "per_minute": round(count / wall * 60),
        "per_minute_and_core": round(count / cpu * 60),
    }  # fmt: skip


def house(letters: list[Any]) -> list[Any]:
    from tests.channels.permits import permit

    from anhuan.channels.letter.sheet import read_letterhead
    from anhuan.channels.letter.transport import PrintHouse
    from anhuan.channels.transport import Message
    from anhuan.core.vocabulary import Channel

    shutil.rmtree(SCRATCH, ignore_errors=True)
    batch = [
        (permit(Channel.LETTER), Message("\n".join(one.address), one.text, one.lang, one.subject, details={"link": one.link}))
        for one in letters
    ]
    with PrintHouse(SCRATCH, read_letterhead(BANK / "letterhead.toml"), clock=lambda: AT) as transport:
        receipts = list(transport.send_many(batch))
    assert {receipt.delivery.value for receipt in receipts} == {"taken"}  # noqa: S101
    return receipts


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--letters", type=int, default=600)
    count = asked.parse_args().letters
    from anhuan.channels.letter.press import Press
    from anhuan.channels.letter.sheet import read_letterhead

    letters, press = texts(count), Press(read_letterhead(BANK / "letterhead.toml"))
    press.one(replace(letters[0], id="LWARM"))
    rows = [
        measured("one by one, one press", count // 2, lambda: [press.one(each) for each in letters[: count // 2]]),
        measured("one big file", min(count, 300), lambda: press.many(letters[:300])),
        measured("print house, permit to receipt", count, lambda: house(letters)),
    ]
    for row in rows:
        print(f"{row['what']:32} {row['per_minute']:7,} a minute   {row['per_minute_and_core']:7,} a minute and core of CPU")
    rate = rows[-1]["per_minute"]
    print(f"goal {GOAL:,} a minute: {'met' if rate >= GOAL else 'missed'}")
    RESULTS.mkdir(exist_ok=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    told = {"machine": platform.platform(), "python": platform.python_version(), "peak_mb": memory, "rows": rows}
    (RESULTS / "letters.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
