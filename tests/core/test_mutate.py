"""The tool that changes the core and asks whether a test notices, on a core of one small file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
RUN = """
import sys
from pathlib import Path
sys.path.insert(0, {tools!r})
import mutate
mutate.ROOT = Path.cwd()
mutate.CORE = mutate.ROOT / "src" / "anhuan" / "core"
mutate.EQUIVALENT = mutate.ROOT / "mutants.txt"
mutate.TARGETS = {{"toy": ("tests/test_toy.py",)}}
mutate.TIMEOUT = {timeout}
sys.exit(mutate.main())
"""
AT_MOST_THREE = """
def few(count):
    return count <= 3
"""
ALL_NOTICED = "assert few(3) and not few(4)"
SOME_NOTICED = "assert few(2) and not few(9)"
AT_THE_LIMIT = "toy few: count <= 3 -> count < 3"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with one module, `few`, and no test yet."""
    core = tmp_path / "src" / "anhuan" / "core"
    core.mkdir(parents=True)
    (tmp_path / "tests").mkdir()
    for package in (core.parent, core):
        (package / "__init__.py").touch()
    (core / "toy.py").write_text(AT_MOST_THREE)
    return tmp_path


def mutate(tree: Path, check: str, *, known: str = "", options: tuple[str, ...] = (), timeout: float = 60.0) -> tuple[int, str]:
    """Exit code and output of the tool where the only test is `check`."""
    (tree / "tests" / "test_toy.py").write_text(f"from anhuan.core.toy import *\n\n\ndef test_it():\n    {check}\n")
    (tree / "mutants.txt").write_text(known)
    command = [sys.executable, "-c", RUN.format(tools=str(TOOLS), timeout=timeout), "--workers", "1", *options]
    run = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=120, check=False)
    return run.returncode, run.stdout + run.stderr


def test_what_a_test_notices_is_counted_and_what_none_notices_is_named_with_its_line(tree: Path) -> None:
    code, told = mutate(tree, ALL_NOTICED)
    assert (code, "unnoticed" in told) == (0, False)
    assert "toy: 5 of 5 noticed, 0 cannot be" in told
    assert "5 of 5 changes are noticed: 100.0 %" in told
    code, told = mutate(tree, SOME_NOTICED)
    assert code == 1
    assert f"unnoticed  toy.py:3  {AT_THE_LIMIT}" in told
    assert "toy few: 3 -> 4" in told
    assert "toy few: 3 -> 2" in told
    assert "2 of 5 changes are noticed: 40.0 %" in told


def test_a_change_nobody_can_notice_is_left_out_with_its_reason_and_only_so(tree: Path) -> None:
    code, told = mutate(tree, ALL_NOTICED, known=f"# listed\n{AT_THE_LIMIT}  # nobody has just three\n")
    assert code == 0
    assert "toy: 4 of 4 noticed, 1 cannot be" in told
    for known, said in (
        (AT_THE_LIMIT, "mutants.txt:1: say after two spaces and a # why"),
        (f"{AT_THE_LIMIT}  # ", "mutants.txt:1: say"),
        ("\ntoy few: count >= 3 -> count > 3  # gone", "mutants.txt:2: toy has no such change any more"),
    ):
        code, told = mutate(tree, ALL_NOTICED, known=known)
        assert (code, said in told) == (1, True), told


def test_tests_that_fail_on_the_code_as_it_is_prove_nothing(tree: Path) -> None:
    code, told = mutate(tree, "assert few(4)")
    assert code == 1
    assert "the tests of toy fail on the code as it is" in told
    assert "noticed" not in told


@pytest.mark.slow
def test_a_change_that_runs_or_gathers_for_ever_is_noticed(tree: Path) -> None:
    (tree / "src" / "anhuan" / "core" / "toy.py").write_text(
        "def few(count):\n    told = 0\n    while told < count:\n        told += 1\n    return told\n"
    )
    code, told = mutate(tree, "assert few(3) == 3 and few(-1) == 0", timeout=3.0)
    assert (code, "unnoticed" in told) == (0, False), told


def test_the_changes_are_listed_without_a_test_being_run(tree: Path) -> None:
    code, told = mutate(tree, "raise AssertionError", options=("--list",))
    assert code == 0
    assert told.splitlines()[0] == "toy few: return count <= 3 -> return None"
    assert len(told.splitlines()) == 5
