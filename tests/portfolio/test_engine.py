"""The engine keeps to its memory, its folder and its machine."""

from __future__ import annotations

import stat

import duckdb
import pytest

from anhuan.portfolio import engine


def test_scratch_lies_in_the_workspace_which_nobody_else_can_enter(tmp_path) -> None:
    con = engine.connect(tmp_path / "new" / "workspace")
    assert engine.workspace_of(con) == tmp_path / "new" / "workspace"
    assert stat.S_IMODE((tmp_path / "new" / "workspace").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "workspace" / "spill").stat().st_mode) == 0o700
    con.disconnect()


def test_memory_and_threads_are_as_asked(tmp_path) -> None:
    con = engine.connect(tmp_path, memory_bytes=64 << 20, threads=1)
    told = con.raw_sql("SELECT current_setting('memory_limit'), current_setting('threads')").fetchone()
    assert told == ("64.0 MiB", 1)
    # More than fits is sorted all the same, through the workspace.
    con.raw_sql("CREATE TABLE many AS SELECT md5(range::VARCHAR) AS digest FROM range(3000000) ORDER BY digest")
    assert con.raw_sql("SELECT count(*) FROM many").fetchone() == (3_000_000,)
    con.disconnect()


def test_nothing_is_fetched_from_anywhere(tmp_path) -> None:
    con = engine.connect(tmp_path)
    with pytest.raises(duckdb.Error):
        con.raw_sql("SELECT * FROM read_csv('https://feed.invalid/accounts.csv')")
    con.disconnect()
