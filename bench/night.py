"""How long a bank-sized night takes, what memory it needs, and how far that is from the floor of this machine.

    python bench/night.py --accounts 1000000            also: --accounts 1000000 2000000

writes two deliveries of the made-up bank (once, kept under var/bench), works both through the real `anhuan night` in a home
of their own: a first night, and a typical later one (of yesterday's accounts 20 % changed, 3 % new, of the overdue 2.5 %
cured; 2 % of customers and of contact points changed). While it runs, the memory of the command and of PostgreSQL is
sampled. The floor, measured in the same run: DuckDB reading the same files into memory, plus COPY of the rows that are new
or changed into unlogged PostgreSQL tables. A table goes to the terminal, JSON to bench/results.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import psutil
import psycopg
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
SCRATCH = ROOT / "var" / "bench"
RESULTS = ROOT / "bench" / "results"
GENERATOR = ROOT / "examples" / "firstbank"
FILES = ("customers.csv", "contact_points.csv", "accounts.csv", "payments.csv")
FIRST_DAY = date(2026, 10, 28)
GOALS = {"first": 120.0, "later": 45.0, "peak_mib": 4096.0, "ratio": 4.0}  # at a million accounts on two cores
EVERY_SECONDS = 0.5  # to weigh a process stops it for some milliseconds
LOOK_AROUND_EVERY = 4  # samples: to find the processes costs more than to weigh them

console = Console(width=120)


@dataclass
class Run:
    """One night as it was measured. `steps`: seconds as the command tells them; `wall`: from start to end of its process."""

    night: str
    wall: float
    steps: dict[str, float]
    rows: dict[str, int]
    peak_mib: float
    peak_parts: dict[str, float]
    floor_read: float = 0.0
    floor_copy: float = 0.0
    changed: dict[str, int] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def floor(self) -> float:
        return self.floor_read + self.floor_copy


class Memory:
    """Samples, until stopped, what the processes of a home occupy together; memory they share counts once (PSS)."""

    def __init__(self, home: Path, command: int) -> None:
        self.peak, self.parts = 0.0, dict[str, float]()
        self._home, self._command, self._stop = str(home), command, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        processes: list[psutil.Process] = []
        for sample in itertools.count():
            if self._stop.wait(EVERY_SECONDS):
                return
            if sample % LOOK_AROUND_EVERY == 0:
                processes = self._processes()
            parts: dict[str, float] = {}
            for process in processes:
                with suppress(psutil.Error):  # it may end between being found and being weighed
                    kind = "postgres" if "postgres" in process.name() else "anhuan"
                    parts[kind] = parts.get(kind, 0.0) + _mebibytes(process)
            if sum(parts.values()) > self.peak:
                self.peak, self.parts = sum(parts.values()), parts

    def _processes(self) -> list[psutil.Process]:
        """The command, whatever names the home on its command line (the keeper of the server), and all their children."""
        found: dict[int, psutil.Process] = {}
        for process in psutil.process_iter():
            try:
                if process.pid == self._command or any(self._home in word for word in process.cmdline()):
                    found |= {child.pid: child for child in [process, *process.children(recursive=True)]}
            except psutil.Error:
                continue
        found.pop(os.getpid(), None)
        return list(found.values())


def _mebibytes(process: psutil.Process) -> float:
    with suppress(OSError, StopIteration):
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024
    return float(process.memory_info().rss / (1 << 20))


def main() -> int:
    options = _parser().parse_args()
    RESULTS.mkdir(exist_ok=True)
    report = []
    for accounts in options.accounts:
        runs = measure(accounts, people=options.people_changed, keep=options.keep)
        _print(accounts, runs)
        report.append({"accounts": accounts, "runs": [asdict(run) | {"floor": run.floor} for run in runs]})
    if len(report) > 1:
        _print_growth(report)
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "people_changed": options.people_changed,
        "measured": report,
    }
    file = RESULTS / f"night-{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    file.write_text(json.dumps(document, indent=1) + "\n")
    console.print(f"\n{file}")
    return 0


def measure(accounts: int, *, people: float, keep: bool) -> list[Run]:
    """A first and a later night of `accounts` accounts, each with its floor."""
    folders = _deliveries(accounts, people)
    home = SCRATCH / f"home-{accounts}"
    shutil.rmtree(home, ignore_errors=True)
    _anhuan(home, "init")
    runs, before = [], None
    for night, folder in zip(("first", "later"), folders, strict=True):
        console.print(f"[dim]{night} night of {accounts:,} accounts …[/dim]")
        run = _night(night, home, folder)
        run.changed = _changed_rows(folder, before, SCRATCH / "changed")
        run.floor_read, run.floor_copy = _floor(folder, SCRATCH / "changed")
        runs.append(run)
        before = folder
    if not keep:
        shutil.rmtree(home)
    return runs


def _deliveries(accounts: int, people: float) -> list[Path]:
    """The two deliveries, written once for each size and state of the generator."""
    sources = b"".join(file.read_bytes() for file in sorted(GENERATOR.rglob("*.py")))
    digest = hashlib.sha256(sources + f"{accounts}/{people}".encode()).hexdigest()[:12]
    out = SCRATCH / f"nights-{accounts}-{digest}"
    if not (out / "truth.json").exists():
        for old in SCRATCH.glob(f"nights-{accounts}-*"):
            shutil.rmtree(old)
        console.print(f"[dim]writing two deliveries of {accounts:,} accounts …[/dim]")
        subprocess.run(
            [sys.executable, GENERATOR / "generate.py", "--nights", "2", "--accounts", str(accounts), "--from", str(FIRST_DAY),
             "--changed", "0.2", "--new", "0.03", "--cured", "0.025", "--people-changed", str(people), "--out", out],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    return sorted(folder for folder in out.iterdir() if folder.is_dir())


def _night(night: str, home: Path, folder: Path) -> Run:
    started = time.perf_counter()
    command = subprocess.Popen(_command("night", folder, "--json"), stdout=subprocess.PIPE, env=_environment(home), text=True)
    memory = Memory(home, command.pid)
    output, _ = command.communicate()
    wall = time.perf_counter() - started
    memory.stop()
    if command.returncode != 0:
        raise SystemExit(f"anhuan night ended with {command.returncode}: {output[-2000:]}")
    result = json.loads(output)
    parts = {name: round(value, 1) for name, value in memory.parts.items()}
    told = {key: result[key] for key in ("flow", "heaps", "cases", "findings")}
    return Run(night, round(wall, 2), result["seconds"], result["rows"], round(memory.peak, 1), parts, result=told)


def _anhuan(home: Path, *arguments: str) -> None:
    subprocess.run(_command(*arguments), check=True, env=_environment(home), stdout=subprocess.DEVNULL)


def _command(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "anhuan", *arguments]


def _environment(home: Path) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("ANHUAN_") and name != "DATABASE_URL"} | {
        "ANHUAN_HOME": str(home)
    }


# --- The floor ----------------------------------------------------------------------------------------------------------


def _changed_rows(folder: Path, before: Path | None, out: Path) -> dict[str, int]:
    """Write the rows of each file that the night before did not have just so, and count them; not part of the floor."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    counts = {}
    for name in FILES:
        with duckdb.connect() as con:
            rows = con.read_csv(str(folder / name), all_varchar=True)
            if before is not None:
                rows = rows.except_(con.read_csv(str(before / name), all_varchar=True))
            rows.write_csv(str(out / name), header=True)
            counts[name] = len(con.read_csv(str(out / name), all_varchar=True))
    return counts


def _floor(folder: Path, changed: Path) -> tuple[float, float]:
    """Seconds to read the files into memory with DuckDB, and to COPY the changed rows into unlogged tables."""
    started = time.perf_counter()
    with duckdb.connect() as con:
        for name in FILES:
            con.read_csv(str(folder / name)).create(Path(name).stem)
    read = time.perf_counter() - started
    from anhuan import embedded

    server = embedded.hold(SCRATCH / "floor-home")
    try:
        with psycopg.connect(**server.parameters) as connection, connection.cursor() as cursor:
            copied = sum(_copy(cursor, changed / name) for name in FILES)
            connection.rollback()
    finally:
        server.release()
    return round(read, 2), round(copied, 2)


def _copy(cursor: psycopg.Cursor[Any], file: Path) -> float:
    columns = file.open(encoding="utf-8").readline().strip().split(",")
    table = f"floor_{file.stem}"
    cursor.execute(f"CREATE UNLOGGED TABLE {table} ({', '.join(f'{column} text' for column in columns)})".encode())
    started = time.perf_counter()
    with cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv, HEADER true)".encode()) as copy, file.open("rb") as rows:
        while block := rows.read(1 << 20):
            copy.write(block)
    return time.perf_counter() - started


# --- Telling ------------------------------------------------------------------------------------------------------------


def _print(accounts: int, runs: list[Run]) -> None:
    steps = list(dict.fromkeys(step for run in runs for step in run.steps))
    table = Table(title=f"{accounts:,} accounts, {_machine()['cores']} cores", title_justify="left")
    table.add_column("")
    for run in runs:
        table.add_column(f"{run.night} night", justify="right")
    for step in steps:
        table.add_row(step, *(f"{run.steps.get(step, 0.0):.1f} s" for run in runs))
    table.add_section()
    lines: list[tuple[str, list[str]]] = [
        ("whole command", [f"{run.wall:.1f} s" for run in runs]),
        ("rows read", [f"{sum(run.rows.values()):,}" for run in runs]),
        ("rows a second", [f"{sum(run.rows.values()) / run.wall:,.0f}" for run in runs]),
        ("peak memory", [f"{run.peak_mib:,.0f} MiB ({_parts(run)})" for run in runs]),
        ("rows new or changed", [f"{sum(run.changed.values()):,}" for run in runs]),
        ("floor: read + copy", [f"{run.floor_read:.1f} + {run.floor_copy:.1f} = {run.floor:.1f} s" for run in runs]),
        ("times the floor", [f"{run.wall / run.floor:.1f}" for run in runs]),
    ]
    for name, cells in lines:
        table.add_row(name, *cells)
    console.print(table)
    if accounts == 1_000_000:
        for said, met in _goals(runs):
            console.print(f"{'[green]reached[/green]' if met else '[red]missed [/red]'} {said}")


def _parts(run: Run) -> str:
    return ", ".join(f"{name} {value:,.0f}" for name, value in sorted(run.peak_parts.items()))


def _goals(runs: list[Run]) -> list[tuple[str, bool]]:
    first, later = runs
    peak, ratio = max(run.peak_mib for run in runs), later.wall / later.floor
    return [
        (f"first night {first.wall:.1f} s of {GOALS['first']:.0f}", first.wall <= GOALS["first"]),
        (f"later night {later.wall:.1f} s of {GOALS['later']:.0f}", later.wall <= GOALS["later"]),
        (f"peak {peak:,.0f} MiB of {GOALS['peak_mib']:,.0f}", peak <= GOALS["peak_mib"]),
        (f"later night {ratio:.1f} times the floor, of {GOALS['ratio']:.0f}", ratio <= GOALS["ratio"]),
    ]


def _print_growth(report: list[dict[str, Any]]) -> None:
    small, large = report[0], report[-1]
    for one, other in zip(small["runs"], large["runs"], strict=True):
        console.print(
            f"{one['night']} night: {large['accounts']:,} accounts take {other['wall'] / one['wall']:.2f} times as long "
            f"as {small['accounts']:,}"
        )


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / (1 << 30), 1),
        "load_before": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Bank-sized nights against the floor of this machine.")
    parser.add_argument("--accounts", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--people-changed", type=float, default=0.02, help="customers, and contact points, that change")
    parser.add_argument("--keep", action="store_true", help="leave the home with both nights under var/bench")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
