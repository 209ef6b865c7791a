"""The house checks itself: every check over the whole repository, and over one snippet that passes and one that fails."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import pytest
from tests.house import checks
from tests.house.checks import File

from anhuan.environment import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTED = [setting.name for setting in SETTINGS]


def undocumented_settings(file: File) -> Iterable[str]:
    return checks.undocumented_settings(file, DOCUMENTED)


def broken_references(file: File) -> Iterable[str]:
    return checks.broken_references(file, existing())


# check, path the snippets stand at, one that passes, one that fails
SNIPPETS: list[tuple[Callable[[File], Iterable[str]], str, str, str]] = [
    (
        checks.long_functions,
        "src/anhuan/core/gate.py",
        "def judge():\n" + "    step()\n" * 59,
        "def judge():\n" + "    step()\n" * 60,
    ),
    (checks.long_files, "src/anhuan/core/gate.py", "x = 1\n" * 600, "x = 1\n" * 601),
    (
        checks.asking_the_time,
        "src/anhuan/acts/case.py",
        "def close(*, at): return at.date()  # not datetime.now()",
        "from datetime import datetime\ndef close(): return datetime.now(UTC)",
    ),
    (
        checks.asking_the_time,
        "src/anhuan/records/bulk.py",
        "cursor.execute('SELECT %s', [at])",
        "cursor.execute('UPDATE records_case SET closed_on = CURRENT_DATE')",
    ),
    (
        checks.asking_the_time,
        "src/anhuan/records/night.py",
        "at = models.DateTimeField()",
        "at = models.DateTimeField(auto_now_add=True)",
    ),
    (
        checks.forged_permits,
        "src/anhuan/acts/dispatch/door.py",
        "verdict = gate.judge(facts, attempt, at=at)\nassert isinstance(verdict, Permit)",
        "verdict = gate.Permit(attempt)",
    ),
    (
        undocumented_settings,
        "src/anhuan/cli/book.py",
        "os.environ['ANHUAN_HOME']; os.environ.get('ANHUAN_KEYRING_FILE')",
        "os.environ.get('ANHUAN_SHORTCUT')",
    ),
    (
        checks.rules_without_citation,
        "src/anhuan/core/gate.py",
        '@rule\ndef quiet_hours(facts):\n    """No call from 22:00 to 8:00 (《互联网金融贷后催收业务指引》第十条)."""',
        '@rule\ndef quiet_hours(facts):\n    """No call at night."""',
    ),
    (
        checks.rules_without_citation,
        "src/anhuan/rulebook/statutes/cn/hours.yaml",
        "- value: 22\n  in_force: 2024-01-01\n  source: a standard\n  clause: '10'\n",
        "- value: 22\n  in_force: 2024-01-01\n",
    ),
    (checks.registry_hosts, "docs/setup.md", "Packages come from PyPI and npm.", "pip install -i https://py" + "pi.org/simple"),
    (checks.registry_hosts, "package-lock.json", '"resolved": null', '"resolved": "https://regis' + "try.npm" + 'js.org/x"'),
    (checks.registry_hosts, "Makefile", "make setup", "pip install --index-url https://mir" + "ror.bank.example/simple"),
    (checks.machine_paths, "docs/setup.md", "data stands in ./var, the program in /opt", "data stands in /ho" + "me/me/var"),
    (
        checks.personal_data_in_logs,
        "src/anhuan/acts/identity.py",
        "logger.info('sealed %d customers, step %s', count, step.name)",
        "logger.info('sealed %s', customer.name)",
    ),
    (
        checks.personal_data_in_logs,
        "src/anhuan/inbound/payments.py",
        "log.warning('refused %s', account_id)",
        "log.warning(f'refused phone={value}')",
    ),
    (
        broken_references,
        "docs/feed.md",
        "`src/anhuan/cli/book.py`, [the command](reference/settings.md), tests/house",
        "see `src/anhuan/shell.py`",
    ),
    (broken_references, "docs/feed.md", "[the rest](../README.md)", "[the rest](README.md)"),
    (checks.rooms_for_everything, "src/anhuan/portfolio/feed.py", "", ""),
    (
        checks.foreign_imports_in_core,
        "src/anhuan/core/facts.py",
        "from datetime import date\nfrom anhuan.core.money import Money",
        "import ibis",
    ),
]
# For a check of paths, the failing snippet's path; else both stand at the same one.
FAILING_PATHS = {checks.rooms_for_everything: "src/anhuan/portfolio/utils.py"}
CHECKS = list(dict.fromkeys(check for check, *_ in SNIPPETS))


@cache
def repository() -> tuple[File, ...]:
    """Every file that is tracked or about to be: what git ignores is not ours."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    return tuple(_read(name) for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file())


@cache
def existing() -> frozenset[str]:
    """Every file of the repository, every folder above one, and what is made at set-up and ignored by git."""
    files = [Path(file.path) for file in repository()]
    made = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]
    return frozenset([*made, *(str(place) for file in files for place in (file, *file.parents))])


def _read(name: str) -> File:
    content = (ROOT / name).read_bytes()
    return File(name, "" if b"\0" in content else content.decode(errors="replace"))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_repository_keeps_the_rule(check):
    findings = [finding for file in repository() for finding in check(file)]
    assert findings == []


@pytest.mark.parametrize(("check", "path", "passing", "failing"), SNIPPETS, ids=lambda value: getattr(value, "__name__", ""))
def test_the_check_tells_right_from_wrong(check, path, passing, failing):
    assert list(check(File(path, passing))) == []
    assert list(check(File(FAILING_PATHS.get(check, path), failing))) != []


def test_no_file_of_the_package_is_dead():
    assert list(checks.dead_files(repository())) == []


def test_a_file_nobody_mentions_is_found_dead():
    used = File("src/anhuan/core/money.py", "")
    tag = File("src/anhuan/workbench/templatetags/words.py", "")
    page = File("src/anhuan/workbench/templates/workbench/cases.html", "{% load i18n words %}")
    user = File("src/anhuan/cli.py", "from anhuan.core import days, money\nrender('workbench/cases.html')")
    main = File("src/anhuan/__main__.py", "from anhuan.cli import app")
    assert list(checks.dead_files([used, tag, page, user, main])) == []
    alone = [
        File("src/anhuan/core/unloved.py", ""),
        File("src/anhuan/workbench/templates/workbench/unloved.html", ""),
        File("src/anhuan/workbench/static/workbench/unloved.js", ""),
    ]
    assert len(list(checks.dead_files([used, tag, page, user, main, *alone]))) == 3


def test_third_party_front_end_files_are_never_committed():
    assert [file.path for file in repository() if "/vendor/" in file.path or ".min." in file.path] == []


def test_the_contracts_cover_every_room_that_exists():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    by_name = {contract["name"]: contract for contract in contracts}
    assert by_name["Imports go downward only"]["exhaustive"] is True
    rooms = {path.name for path in (ROOT / "src/anhuan").iterdir() if (path / "__init__.py").exists()}
    covered = set(by_name["Rooms that judge and count know no Django"]["source_modules"])
    assert {f"anhuan.{room}" for room in rooms & {"core", "rulebook", "portfolio", "channels"}} == covered


def test_every_task_of_the_house_explains_itself():
    lines = (ROOT / "Makefile").read_text().splitlines()
    phony = next(line for line in lines if line.startswith(".PHONY:")).split()[1:]
    explained = {line.split(":")[0] for line in lines if "  ## " in line}
    assert {"setup", "demo", "test", "test-all", "check", "bench", "fmt", "clean"} <= explained
    assert set(phony) - explained <= {"browser"}
