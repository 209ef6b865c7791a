"""Prints letters batch by batch until it is killed: `python print_and_die.py SPOOL LETTERHEAD COUNT`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.channels.permits import AT, permit

from anhuan.channels.letter.sheet import read_letterhead
from anhuan.channels.letter.transport import PrintHouse
from anhuan.channels.transport import Message
from anhuan.core.vocabulary import Channel


def main(spool: str, head: str, count: str) -> None:
    house = PrintHouse(Path(spool), read_letterhead(Path(head)), clock=lambda: AT, workers=1)
    house.window = 3
    with house:
        batch = ((permit(Channel.LETTER, f"k{n}"), Message("李明\n示例路1号", f"第{n}封")) for n in range(int(count)))
        for receipt in house.send_many(batch):
            print(receipt.attempt_id, receipt.code, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
