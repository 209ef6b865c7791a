"""A night killed at any instant and run again ends as one that was never killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.flows import homes, starter
from tests.flows.tinybank import FIRST_DAY, Card, Paid, TinyBank

from anhuan import embedded

HERE = Path(__file__).parent
EVERY = 10


def run_python(home: Path, script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")}
    return starter.run([HERE / script, *arguments], environment=environment | {"ANHUAN_HOME": str(home)})


def night(home: Path, delivery: Path) -> dict[str, Any]:
    """Work a delivery through, and say what became of it and what the home then remembers."""
    ran = run_python(home, "killed_night.py", delivery)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def nights(folder: Path) -> tuple[Path, Path]:
    """Two nights in which accounts enter, roll, cure, vanish, are set aside, and a payment is back-dated."""
    bank = TinyBank(folder, filler=200)
    late = {1: 10, 2: 30, 3: 95, 4: 5, 5: 61}
    first = bank.night(1, [Card(f"A{n}", f"C{n}", days) for n, days in late.items()])
    second = bank.night(
        2,
        [
            Card("A1", "C1", 0),
            Card("A2", "C2", 31),
            Card("A3", "C3", 96, spoilt=True),
            Card("A5", "C5", 62),
            Card("A6", "C6", 1),
        ],
        [Paid("P1", "A1", FIRST_DAY)],
    )
    return first, second


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The end state of both nights without a kill, the home after the first, and how many instants the second has."""
    root = tmp_path_factory.mktemp("undisturbed")
    first, second = nights(root / "feeds")
    home = root / "home"
    ran = run_python(home, "live_strategy.py", str(FIRST_DAY))
    assert ran.returncode == 0, ran.stderr
    assert night(home, first)["status"] == "sealed"
    before = root / "before"
    homes.copy(home, before)
    through = night(home, second)
    assert through["status"] == "sealed"
    reached = through["book"]
    became = [word for word in ("proposed", "no_capacity") if any(f"'state': '{word}'" in row for row in reached["Proposal"])]
    assert became == ["proposed", "no_capacity"]
    return {"before": before, "second": second, "instants": through["instants"], "state": reached}


def check_kill(undisturbed: dict[str, Any], home: Path, instant: int) -> None:
    killed = run_python(home, "killed_night.py", undisturbed["second"], str(instant))
    assert killed.returncode == -9, (instant, killed.returncode, killed.stdout, killed.stderr)
    again = night(home, undisturbed["second"])
    assert again["status"] in {"sealed", "unchanged"}, instant
    assert again["book"] == undisturbed["state"], instant


@pytest.mark.parametrize("part", [0, pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_night_killed_at_one_of_four_spread_instants_ends_the_same(
    undisturbed: dict[str, Any], tmp_path: Path, part: int
) -> None:
    """Its server ends with it."""
    homes.copy(undisturbed["before"], tmp_path / "home")
    check_kill(undisturbed, tmp_path / "home", 1 + (2 * part + 1) * (undisturbed["instants"] - 1) // 8)


@pytest.fixture
def as_before(undisturbed: dict[str, Any], tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """Brings a home back to where it was after the first night, in a moment: its server runs on."""
    home, before = tmp_path / "home", undisturbed["before"]
    homes.copy(before, home)
    server = embedded.hold(home)
    try:
        with psycopg.connect(**server.parameters | {"dbname": "postgres"}, autocommit=True) as operator:
            operator.execute(f"CREATE DATABASE first_night TEMPLATE {embedded.DATABASE} STRATEGY file_copy")

            def back() -> Path:
                operator.execute(f"DROP DATABASE {embedded.DATABASE}")
                operator.execute(f"CREATE DATABASE {embedded.DATABASE} TEMPLATE first_night STRATEGY file_copy")
                for left in (each for each in home.iterdir() if each.name != "postgres"):
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
                shutil.copytree(before, home, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("postgres"))
                return home

            yield back
    finally:
        server.release()


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1, EVERY + 1))
def test_a_night_killed_at_every_instant_ends_the_same(
    undisturbed: dict[str, Any], as_before: Callable[[], Path], first: int
) -> None:
    """Each part goes through the whole night, from `first` on in steps of EVERY: together they leave no instant out."""
    for instant in range(first, undisturbed["instants"] + 1, EVERY):
        check_kill(undisturbed, as_before(), instant)
