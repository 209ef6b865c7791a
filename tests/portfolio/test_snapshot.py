"""A sealed night: the same rows give the same bytes, nothing personal is in it, and damage or a kill leaves no doubt."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import ibis
import pyarrow.parquet as pq
import pytest
from tests.portfolio.book import TODAY, a_night, rows

from anhuan.portfolio import delinquency, snapshot

NAMES = ("accounts", "contact_points", "customers", "findings", "known_accounts", "payments", "standing")
PERSONAL = {"name", "id_number", "id_type", "birth_date", "employer", "value", "party_name", "source"}


def sealed(root: Path, *, salt: int = 0, threads: int = 2, shuffled: bool = False, **facts: Any) -> snapshot.Sealed:
    con = ibis.duckdb.connect()
    con.raw_sql(f"SET threads = {threads}")
    told, standing, known = a_night(con, salt=salt, shuffled=shuffled)
    done = snapshot.seal(con, replace(told, **facts), standing=standing, known=known, root=root)
    con.disconnect()
    return done


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> snapshot.Sealed:
    """One night sealed for tests that only look."""
    return sealed(tmp_path_factory.mktemp("snapshots"))


@pytest.fixture
def copy(night: snapshot.Sealed, tmp_path: Path) -> Path:
    """A copy of it for tests that harm it."""
    folder = tmp_path / night.folder.name
    shutil.copytree(night.folder, folder)
    for path in folder.iterdir():
        path.chmod(0o600)
    return folder


class TestWhatIsSealed:
    def test_a_night_holds_every_table_and_a_manifest_under_its_date_and_sequence(self, night) -> None:
        assert night.folder.name == "2026-11-20.7"
        assert sorted(path.name for path in night.folder.iterdir()) == sorted(
            [*(f"{name}.parquet" for name in NAMES), "manifest.json"]
        )
        assert not night.kept

    def test_the_manifest_vouches_for_each_file_and_tells_the_control_totals(self, night) -> None:
        text = (night.folder / "manifest.json").read_bytes()
        manifest = json.loads(text)
        assert hashlib.sha256(text).hexdigest() == night.manifest_sha256
        digests = contents(night.folder)
        for entry in manifest["files"]:
            assert entry["sha256"] == digests[entry["name"]]
            assert entry["rows"] == pq.read_metadata(night.folder / entry["name"]).num_rows
        accounts = pq.read_table(night.folder / "accounts.parquet").to_pylist()
        assert sum(total["accounts"] for total in manifest["totals"].values()) == len(accounts)
        assert manifest["totals"]["USD"]["balance_total_minor"] == sum(
            row["balance_total_minor"] for row in accounts if row["currency"] == "USD"
        )
        told = {name: manifest[name] for name in ("business_date", "issuer", "sequence", "replaces", "previous", "content")}
        assert told == {
            "business_date": "2026-11-20", "issuer": "testbank", "sequence": 7, "replaces": None, "previous": "a" * 64,
            "content": "c" * 64,
        }  # fmt: skip

    def test_no_name_number_or_address_is_in_it(self, night) -> None:
        for path in night.folder.glob("*.parquet"):
            found = pq.read_table(path)
            assert not PERSONAL & set(found.column_names), path.name
            assert "SECRET" not in str(found.to_pydict()), path.name
        assert "SECRET" not in (night.folder / "manifest.json").read_text()

    def test_only_its_owner_may_look_and_nobody_is_invited_to_write(self, night) -> None:
        assert stat.S_IMODE(night.folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in night.folder.iterdir()} == {0o400}

    def test_what_is_loaded_is_what_was_sealed(self, night) -> None:
        con = ibis.duckdb.connect()
        _, standing, known = a_night(con)
        opened = snapshot.load(con, night.folder)
        assert opened.table("standing").schema() == delinquency.STANDING
        assert rows(opened.table("standing")) == rows(standing, "account_id")
        assert opened.table("known_accounts").schema() == delinquency.KNOWN
        assert rows(opened.table("known_accounts")) == rows(known, "account_id")
        for name, key in (("accounts", "account_id"), ("customers", "customer_id"), ("payments", "payment_id")):
            again = opened.table(name)
            given = con.table(name).select(*again.columns)
            assert again.schema() == given.schema()
            assert rows(again) == rows(given, key)
        assert opened.manifest["sequence"] == 7

    def test_a_table_that_is_none_is_refused_by_name(self, night) -> None:
        with pytest.raises(KeyError, match="set_aside"):
            snapshot.load(ibis.duckdb.connect(), night.folder).table("set_aside")

    def test_a_home_whose_path_holds_quotes_is_a_home_like_any_other(self, tmp_path) -> None:
        done = sealed(tmp_path / 'O\'Brien "the" bank')
        assert snapshot.verify(done.folder) == ()


class TestSameBytes:
    @pytest.mark.parametrize("threads", [1, 2, 3])
    def test_neither_order_nor_threads_change_a_byte(self, night, tmp_path, threads) -> None:
        done = sealed(tmp_path, shuffled=True, threads=threads)
        assert contents(done.folder) == contents(night.folder)

    def test_several_row_groups_are_the_same_bytes_too(self, tmp_path) -> None:
        digests = set()
        for threads, shuffled in ((1, False), (2, True)):
            con = ibis.duckdb.connect()
            con.raw_sql(f"SET threads = {threads}")
            facts, standing, known = a_night(con, accounts=130_000, shuffled=shuffled)
            done = snapshot.seal(con, facts, standing=standing, known=known, root=tmp_path / str(threads))
            assert pq.read_metadata(done.folder / "accounts.parquet").num_row_groups == 2
            digests.add(done.manifest_sha256)
            con.disconnect()
        assert len(digests) == 1

    def test_another_balance_is_another_night(self, night, tmp_path) -> None:
        found, before = contents(sealed(tmp_path, salt=1).folder), contents(night.folder)
        changed = {name for name in found if found[name] != before[name]}
        assert changed == {"accounts.parquet", "standing.parquet", "manifest.json"}


class TestSealingAgain:
    def test_the_same_night_again_is_kept_untouched(self, tmp_path) -> None:
        first = sealed(tmp_path)
        inodes = {path.name: path.stat().st_ino for path in first.folder.iterdir()}
        again = sealed(tmp_path, shuffled=True)
        assert again == replace(first, kept=True)
        assert {path.name: path.stat().st_ino for path in again.folder.iterdir()} == inodes

    def test_a_night_left_by_other_content_is_replaced_whole(self, tmp_path) -> None:
        sealed(tmp_path, salt=1)
        again = sealed(tmp_path)
        assert not again.kept
        assert snapshot.verify(again.folder, manifest_sha256=again.manifest_sha256) == ()
        assert [path.name for path in tmp_path.iterdir()] == [again.folder.name]

    def test_a_night_damaged_since_is_replaced(self, tmp_path) -> None:
        first = sealed(tmp_path)
        (first.folder / "payments.parquet").unlink()
        again = sealed(tmp_path)
        assert (again.kept, again.manifest_sha256) == (False, first.manifest_sha256)
        assert snapshot.verify(again.folder) == ()

    def test_an_error_on_the_way_leaves_nothing_behind(self, tmp_path) -> None:
        con = ibis.duckdb.connect()
        facts, standing, known = a_night(con)
        con.drop_table("payments")
        con.raw_sql("CREATE VIEW payments AS SELECT error('the disk is full') AS payment_id, 'A' AS account_id")
        with pytest.raises(Exception, match=r"disk is full|not found|has no"):
            snapshot.seal(con, facts, standing=standing, known=known, root=tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_every_file_and_both_folders_reach_the_disk_before_and_after_the_rename(self, tmp_path, monkeypatch) -> None:
        seen: list[str] = []
        fsync, rename = os.fsync, Path.rename

        def watched_fsync(descriptor: int) -> None:
            seen.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
            fsync(descriptor)

        def watched_rename(path: Path, to: Path) -> Path:
            seen.append("rename")
            return rename(path, to)

        monkeypatch.setattr(os, "fsync", watched_fsync)
        monkeypatch.setattr(Path, "rename", watched_rename)
        done = sealed(tmp_path)
        staging = str(tmp_path / f".sealing-{done.folder.name}")
        at = seen.index("rename")
        files = [f"{staging}/{name}" for name in (*(f"{name}.parquet" for name in NAMES), "manifest.json")]
        assert sorted(seen[: at - 1]) == sorted(files)
        assert seen[at - 1] == staging
        assert seen[at + 1 :] == [str(tmp_path)]


class TestDamage:
    @pytest.mark.parametrize("name", [f"{name}.parquet" for name in NAMES])
    def test_a_flipped_bit_a_cut_tail_and_a_lost_file_are_seen_in_every_file(self, copy, name) -> None:
        path = copy / name
        whole = path.read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        for bytes_ in (bytes(flipped), whole[:-1], b""):
            path.write_bytes(bytes_)
            (found,) = snapshot.verify(copy)
            assert (found.code, found.file) == ("file_changed", name)
        path.unlink()
        (found,) = snapshot.verify(copy)
        assert (found.code, found.file) == ("file_missing", name)

    def test_a_file_that_does_not_belong_is_seen(self, copy) -> None:
        (copy / "notes.txt").write_text("hello")
        (found,) = snapshot.verify(copy)
        assert (found.code, found.file) == ("file_unknown", "notes.txt")

    def test_who_changes_a_file_and_its_digest_is_caught_by_the_recorded_digest_of_the_manifest(self, night, copy) -> None:
        path = copy / "accounts.parquet"
        path.write_bytes((copy / "standing.parquet").read_bytes())
        manifest = json.loads((copy / "manifest.json").read_text())
        for entry in manifest["files"]:
            entry["sha256"] = hashlib.sha256((copy / entry["name"]).read_bytes()).hexdigest()
        (copy / "manifest.json").write_text(json.dumps(manifest))
        assert snapshot.verify(copy) == ()
        (found,) = snapshot.verify(copy, manifest_sha256=night.manifest_sha256)
        assert found.code == "manifest_changed"

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            (None, "manifest_unreadable"),
            (b"", "manifest_unreadable"),
            (b"[]", "manifest_unreadable"),
            (b"\xff\xfe", "manifest_unreadable"),
            (b'{"format": "anhuan-snapshot/1', "manifest_unreadable"),
            (b'{"format": "anhuan-snapshot/2"}', "format_unknown"),
        ],
    )
    def test_a_night_without_a_manifest_it_can_read_does_not_open(self, copy, text, code) -> None:
        if text is None:
            (copy / "manifest.json").unlink()
        else:
            (copy / "manifest.json").write_bytes(text)
        assert [found.code for found in snapshot.verify(copy)] == [code]
        with pytest.raises(snapshot.Damaged) as refused:
            snapshot.load(ibis.duckdb.connect(), copy)
        assert refused.value.damage.code == code

    def test_damage_is_told_in_both_languages(self, copy) -> None:
        (copy / "payments.parquet").unlink()
        (found,) = snapshot.verify(copy)
        assert found.zh == "2026-11-20.7 缺少 payments.parquet。"
        assert str(found) == found.en == "payments.parquet is missing from 2026-11-20.7."


class TestKills:
    """8 files and their folder are fsynced, then come the rename and the fsync of the root: 11 calls, 22 points."""

    def die(self, root: Path, *fatal: int) -> dict[int, list[int]]:
        script = Path(__file__).with_name("seal_and_die.py")
        done = subprocess.run(
            [sys.executable, script, root, *map(str, fatal)], capture_output=True, text=True, timeout=120, check=True
        )
        return {int(point): status for point, status in json.loads(done.stdout).items()}

    def test_a_sealing_killed_anywhere_leaves_a_whole_night_or_none_and_ends_the_same_when_run_again(
        self, night, tmp_path
    ) -> None:
        fatal = (1, 9, 18, 19, 20, 22)
        ends = self.die(tmp_path, *fatal, 0)
        assert ends == {0: [0, 22]} | {point: [-signal.SIGKILL, point] for point in fatal}, "there are 22 points in all"
        for point in fatal:
            root = tmp_path / str(point)
            visible = [path for path in root.iterdir() if not path.name.startswith(".")]
            assert [snapshot.verify(path) for path in visible] == [()] * len(visible)
            assert bool(visible) == (point >= 20), "from the rename on the night is there, whole"
            again = sealed(root)
            assert again.kept == bool(visible)
            assert contents(again.folder) == contents(night.folder)
            assert [path.name for path in root.iterdir()] == [again.folder.name]

    def test_a_kill_while_a_wrong_night_is_put_aside_ends_the_same_when_run_again(self, night, tmp_path) -> None:
        sealed(tmp_path / "wrong", salt=1)
        fatal = (20, 21, 22, 24)
        for point in fatal:
            shutil.copytree(tmp_path / "wrong", tmp_path / str(point))
        assert self.die(tmp_path, *fatal) == {point: [-signal.SIGKILL, point] for point in fatal}
        for point in fatal:
            again = sealed(tmp_path / str(point))
            assert contents(again.folder) == contents(night.folder)
            assert [path.name for path in (tmp_path / str(point)).iterdir()] == [again.folder.name]


def test_the_facts_of_a_night_are_all_in_its_manifest(night) -> None:
    manifest = json.loads((night.folder / "manifest.json").read_text())
    for name in snapshot.NightFacts.__dataclass_fields__:
        assert name in manifest
    assert TODAY.isoformat() == manifest["business_date"]
