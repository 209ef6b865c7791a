"""Every way in which a delivery of the made-up bank is broken ends as `examples/firstbank/broken` says it must.

The expectations were written from the data contract, not recorded. All deliveries go through the real command line into
one home: the refused ones have to leave it as it was, the sealed ones are its successive nights.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "firstbank"
sys.path.insert(0, str(EXAMPLE))

from firstbank.breakage import BREAKAGES, write_base, write_broken  # noqa: E402
from firstbank.core_breakage import CORE_BREAKAGES, write_broken_core  # noqa: E402

GOLDEN = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted((EXAMPLE / "broken").glob("*.json"))}
CORE_LAYOUT = EXAMPLE / "layouts" / "firstbank-core.toml"
FIRST_DAY = date(2026, 10, 28)

# What only the book can tell: the order of nights (the delivery itself is sound), what earlier nights knew, and how the
# night differs from yesterday.
OF_THE_ORDER = {"date_not_after", "sequence_gap", "sequence_repeated", "issuer_differs", "replaces_wrong_night"}
OF_THE_BOOK = {"accounts_vanished", "rows_jump", "past_due_jump", "account_unknown"}
WITHOUT_THE_BOOK = {"account_not_delivered", "account_set_aside"}
# Deliveries that are judged against yesterday, and so need a sound night before them and after them.
RELATIVE = {"vanished_account", "past_due_jump", "row_count_jump", "replacing_delivery"}


class Bank:
    """The home under test, its open terminal, and the night that stands last in it."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self._root, self._count = root, 0
        self.bases = {core: root / f"base-{core}" for core in (False, True)}
        for core, base in self.bases.items():
            write_base(base, core=core)
        kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "DJANGO_SETTINGS_MODULE"}}
        self.environment = kept | {"ANHUAN_HOME": str(self.home)}
        self._desk = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("desk.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self.environment, text=True,
        )  # fmt: skip
        self.day, self.sequence, self.last = FIRST_DAY - timedelta(days=1), 0, ""
        self._remembered: Any = None

    def ask(self, *arguments: str | Path) -> dict[str, Any]:
        assert self._desk.stdin is not None
        assert self._desk.stdout is not None
        self._desk.stdin.write(json.dumps([str(argument) for argument in arguments]) + "\n")
        self._desk.stdin.flush()
        answer: dict[str, Any] = json.loads(self._desk.stdout.readline())
        return answer

    def deliver(self, name: str) -> Path:
        """Write the delivery for the night after the last one sealed."""
        self._count += 1
        folder = self._root / "deliveries" / f"{self._count:03}-{name}"
        write = write_broken_core if name in CORE_BREAKAGES else write_broken
        write(
            name,
            self.bases[name in CORE_BREAKAGES],
            folder,
            business_date=self.day + timedelta(days=1),
            sequence=self.sequence + 1,
        )
        return folder

    def night(self, name: str, folder: Path) -> tuple[int, dict[str, Any]]:
        answer = self.ask("night", folder, "--json", *layout(name))
        document = json.loads(answer["printed"])
        if document.get("status") == "sealed":
            self.day, self.sequence, self.last = date.fromisoformat(document["business_date"]), self.sequence + 1, name
            self._remembered = None
        return answer["code"], document

    def sound_night(self) -> None:
        code, document = self.night("sound", self.deliver("sound"))
        assert (code, document["status"]) == (0, "sealed")

    def remembers(self) -> object:
        """A digest of all the home holds, taken anew."""
        self._remembered = self.ask("digest")
        return self._remembered

    def remembered(self) -> object:
        """The digest as it was when last taken, unless a night was sealed since."""
        return self._remembered or self.remembers()

    def close(self) -> None:
        assert self._desk.stdin is not None
        self._desk.stdin.close()
        assert self._desk.wait(timeout=60) == 0


def layout(name: str) -> tuple[str, ...]:
    return ("--layout", str(CORE_LAYOUT)) if name in CORE_BREAKAGES else ()


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    bank = Bank(tmp_path_factory.mktemp("broken"))
    bank.sound_night()
    yield bank
    bank.close()


def expecting(outcome: str) -> list[str]:
    return [name for name, golden in GOLDEN.items() if golden.get("status", "unreadable") == outcome]


def test_every_breakage_has_its_golden_result_and_no_other_is_kept() -> None:
    assert set(GOLDEN) == {*BREAKAGES, *CORE_BREAKAGES}


@pytest.mark.parametrize("name", expecting("refused"))
def test_a_delivery_that_must_be_refused_is_and_changes_nothing(bank: Bank, name: str) -> None:
    before = bank.remembered()
    code, document = bank.night(name, bank.deliver(name))
    assert (code, document["status"]) == (3, "refused")
    assert {reason["code"] for reason in document["reasons"]} == set(GOLDEN[name]["reasons"])
    assert document["reason"] in GOLDEN[name]["reasons"]
    assert all(reason["message_zh"] and reason["message_en"] for reason in document["reasons"])
    assert bank.remembers() == before


@pytest.mark.parametrize("name", expecting("unreadable"))
def test_what_is_no_delivery_yet_is_not_judged_and_changes_nothing(bank: Bank, name: str) -> None:
    before = bank.remembered()
    code, document = bank.night(name, bank.deliver(name))
    assert code == 2
    assert document["error"]["code"] == GOLDEN[name]["error"]
    assert bank.remembers() == before


@pytest.mark.parametrize("name", expecting("sealed"))
def test_a_delivery_that_can_be_used_is_sealed_with_its_findings(bank: Bank, name: str) -> None:
    if {name, bank.last} & RELATIVE and bank.last != "sound":
        bank.sound_night()
    golden = GOLDEN[name]
    code, document = bank.night(name, bank.deliver(name))
    assert (code, document["status"]) == (0, "sealed")
    assert findings_of(document) == sorted(map(as_row, golden["findings"]), key=repr)
    assert document["findings"] == len(golden["findings"])
    surplus = sum(one["code"] == "row_repeated" and one["file"] == "accounts.csv" for one in golden["findings"])
    assert document["heaps"]["set_aside"] == golden["set_aside"].get("accounts.csv", 0) + surplus
    assert {file: count for file, count in document["set_aside"].items() if count} == golden["set_aside"]
    assert sum(document["heaps"].values()) == document["rows"]["accounts.csv"]
    assert {key: document["flow"][key] for key in golden.get("flow", {})} == golden.get("flow", {})


def findings_of(document: dict[str, Any]) -> list[tuple[object, ...]]:
    with duckdb.connect() as con:
        rows = con.execute(
            'SELECT file, line, "column", code, severity FROM read_parquet(?)', [document["findings_file"]]
        ).fetchall()
    return sorted(rows, key=repr)


def as_row(finding: dict[str, object]) -> tuple[object, ...]:
    return tuple(finding[key] for key in ("file", "line", "column", "code", "severity"))


@pytest.mark.parametrize("name", [name for name in GOLDEN if not OF_THE_ORDER & set(GOLDEN[name].get("reasons", ()))])
def test_feed_check_says_the_same_as_far_as_a_delivery_alone_can_tell(bank: Bank, name: str) -> None:
    golden = GOLDEN[name]
    answer = bank.ask("feed", "check", bank.deliver(name), "--json", *layout(name))
    document = json.loads(answer["printed"])
    if "error" in golden:
        assert (answer["code"], document["error"]["code"]) == (2, golden["error"])
        return
    reasons = set(golden.get("reasons", ()))
    assert document["ok"] is not bool(reasons)
    assert answer["code"] == (1 if reasons else 0)
    assert {difference["code"] for difference in document["differences"]} == reasons
    if golden["status"] == "sealed":
        expected = {as_row(finding)[:4] for finding in golden["findings"] if finding["code"] not in OF_THE_BOOK}
        told = {as_row({"severity": None, **finding})[:4] for finding in document["findings"]}
        assert expected <= told
        assert {row[3] for row in told - expected} <= WITHOUT_THE_BOOK


def test_a_delivery_delivered_again_changes_nothing_even_after_later_nights(bank: Bank) -> None:
    folder = bank.deliver("sound")
    assert bank.night("sound", folder)[1]["status"] == "sealed"
    bank.sound_night()
    before = bank.remembered()
    code, document = bank.night("sound", folder)
    assert (code, document["status"]) == (0, "unchanged")
    assert bank.remembers() == before


@pytest.mark.parametrize(("name", "code"), [("wrong_sum", 3), ("no_manifest", 2), ("sound", 0)])
def test_the_installed_command_ends_with_the_documented_exit_code(bank: Bank, name: str, code: int) -> None:
    folder = bank.deliver(name)
    ran = subprocess.run(
        [sys.executable, "-m", "anhuan", "night", folder, "--json"],
        env=bank.environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == code, ran.stderr
    document = json.loads(ran.stdout)
    assert document.get("status", "unreadable") == {0: "sealed", 2: "unreadable", 3: "refused"}[code]
    if code == 0:
        bank.day, bank.sequence, bank.last = bank.day + timedelta(days=1), bank.sequence + 1, name


def test_after_all_this_every_event_still_proves_itself(bank: Bank) -> None:
    answer = bank.ask("audit", "verify", "--json")
    assert answer["code"] == 0
    assert json.loads(answer["printed"])["ok"] is True
