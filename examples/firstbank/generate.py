"""Write nights of the made-up 第一示例银行 as deliveries of the data contract.

    python examples/firstbank/generate.py --nights 26 --accounts 20000 --from 2026-10-28 --seed 7 --form canonical --out DIR

writes DIR/2026-10-28 … with one delivery each, DIR/truth.json (the numbers behind the behaviour and what the bank itself
counted each night) and DIR/truth.parquet (the hidden type of every account). Same arguments, same bytes; a longer run
begins with the nights of a shorter one.

    python examples/firstbank/generate.py --break bad_date --from 2026-10-29 --sequence 2 --out DIR

writes DIR/bad_date, a delivery that is wrong in that one way, for that date and sequence (`--break all`: every one). See
README.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from firstbank import truth
from firstbank.book import Book
from firstbank.breakage import BREAKAGES, write_base, write_broken
from firstbank.chance import Ids
from firstbank.core_breakage import CORE_BREAKAGES, write_broken_core
from firstbank.delivery import Evenings, Night, account_id
from firstbank.forms import FORMS
from firstbank.life import Rates
from firstbank.people import customer_id

Progress = Callable[[str, int, int], None]
Contacts = Callable[[Night], Mapping[str, Ids]]


def generate(
    *,
    out: Path,
    nights: int,
    accounts: int,
    start: date,
    seed: int = 7,
    form: str = "canonical",
    progress: Progress | None = None,
    rates: Rates | None = None,
    sequence: int = 1,
    clean: bool = False,
    history: int = 7,
    contacts: Contacts | None = None,
) -> list[Path]:
    """Write `nights` deliveries under `out` and return their folders, oldest first.

    `accounts` = accounts in the first delivery. `rates` makes the nights after the first to measure, `clean` leaves out
    whatever a reader would warn of, `history` = days of payments before the first night in the first delivery.
    `contacts` says of each night, by channel, which customers are contacted on the day after it; they answer as the truth has it.
    A folder that is already there is written anew.
    """
    first = int((np.datetime64(start) - np.datetime64("1970-01-01")).astype(int))
    evenings = Evenings(seed=seed, accounts=accounts, first=first, sequence=sequence, clean=clean, history=history)
    folders, counted = [], []
    reached: Mapping[str, Ids] = {}
    for number in range(nights):
        if progress:
            progress("nights", number, nights)
        night = evenings.next(rates or Rates(), reached)
        reached = contacts(night) if contacts else {}
        folder = out / night.date
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        FORMS[form](folder, night)
        folders.append(folder)
        counted.append(night.expected)
    _write_truth(out, evenings.book, counted)
    if progress:
        progress("nights", nights, nights)
    return folders


def generate_broken(*, out: Path, names: Sequence[str], business_date: date, sequence: int) -> list[Path]:
    """Write the broken deliveries `names` as folders of `out`, each for that date and sequence, and return the folders.

    Their base, on which a night before can stand, is called `sound` (`core_sound` in the form of the card core).
    """
    with tempfile.TemporaryDirectory() as scratch:
        bases = {
            core: Path(scratch) / str(core) for core in (False, True) if any((name in CORE_BREAKAGES) == core for name in names)
        }
        for core, base in bases.items():
            write_base(base, core=core)
        for name in names:
            folder = out / name
            if folder.exists():
                shutil.rmtree(folder)
            write = write_broken_core if name in CORE_BREAKAGES else write_broken
            write(name, bases[name in CORE_BREAKAGES], folder, business_date=business_date, sequence=sequence)
    return [out / name for name in names]


def _write_truth(out: Path, book: Book, counted: list[dict[str, object]]) -> None:
    document = truth.as_json() | {"nights": counted}
    (out / "truth.json").write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    accounts = book.accounts
    names = pa.array([one.name for one in truth.TYPES])
    table = pa.table({
        "account_id": account_id(np.arange(len(accounts))), "customer_id": customer_id(accounts.customer),
        "type": names.take(pa.array(accounts.kind)),
    })  # fmt: skip
    pq.write_table(table, out / "truth.parquet", compression="zstd")


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.broken:
        names = [*BREAKAGES, *CORE_BREAKAGES] if options.broken == "all" else [options.broken]
        folders = generate_broken(out=options.out, names=names, business_date=options.start, sequence=options.sequence)
        print(*folders, sep="\n")
        return 0
    made_to_measure = {name: getattr(options, name) for name in ("changed", "new", "cured")}
    started = time.monotonic()

    def progress(what: str, done: int, total: int) -> None:
        seconds = time.monotonic() - started
        left = seconds / done * (total - done) if done else 0.0
        print(f"\r{what} {done}/{total}  {seconds:5.1f} s, {left:5.1f} s left ", end="", file=sys.stderr, flush=True)

    folders = generate(
        out=options.out, nights=options.nights, accounts=options.accounts, start=options.start, seed=options.seed,
        form=options.form, progress=progress, rates=Rates(**made_to_measure, people=options.people_changed),
        sequence=options.sequence, clean=options.clean, history=options.history,
    )  # fmt: skip
    print(file=sys.stderr)
    for folder in folders:
        print(folder)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Write nights of the made-up bank.")
    parser.add_argument("--nights", type=int, default=26)
    parser.add_argument("--accounts", type=int, default=20_000, help="accounts in the first delivery")
    parser.add_argument("--from", dest="start", type=date.fromisoformat, default=date(2026, 10, 28), help="first business date")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--form", choices=sorted(FORMS), default="canonical")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sequence", type=int, default=1, help="sequence of the first delivery")
    parser.add_argument("--clean", action="store_true", help="nothing that a reader would warn of")
    parser.add_argument("--history", type=int, default=7, help="days of earlier payments in the first delivery")
    parser.add_argument(
        "--break",
        dest="broken",
        metavar="NAME",
        choices=["all", *BREAKAGES, *CORE_BREAKAGES],
        help="a delivery wrong on purpose",
    )
    measure = parser.add_argument_group(
        "later nights made to measure (shares of the night before; default: as the truth has it)"
    )
    measure.add_argument("--changed", type=float, help="accounts whose figures change")
    measure.add_argument("--new", type=float, help="accounts that are new in the file, half of them overdue")
    measure.add_argument("--cured", type=float, help="overdue accounts that are cured")
    measure.add_argument("--people-changed", type=float, default=0.0005, help="customers, and contact points, that change")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
