"""The engine the book is worked with: an in-memory DuckDB that keeps to its memory and its folder.

Knows how a connection is opened and where it may write. Does not know any table.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from ibis.backends.duckdb import Backend
    from ibis.expr import types as ir

_SPILL = "spill"


def connect(workspace: Path, *, memory_bytes: int = 2 << 30, threads: int | None = None) -> Backend:
    """A fresh in-memory DuckDB; what does not fit `memory_bytes` spills into `workspace` (made 0700 if absent).

    `threads`: as many as there are cores unless given. Nothing is ever fetched from a network: extensions are
    neither installed nor loaded by themselves.
    """
    spill = workspace / _SPILL
    for folder in (workspace, spill):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings: dict[str, object] = {
        "memory_limit": f"{memory_bytes}B",
        "temp_directory": str(spill),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
    }
    if threads is not None:
        settings["threads"] = threads
    import ibis  # takes longer than most commands: only who opens a book waits for it

    con: Backend = ibis.duckdb.connect(**settings)
    con.raw_sql("SET TimeZone = 'UTC'")
    return con


def batches(con: Backend, query: str, *, rows: int) -> pa.RecordBatchReader:
    """The rows of `query` (`con.compile` gives an Ibis table's) as Arrow batches of `rows`, worked out while read.

    Ibis 12's own `to_pyarrow_batches` asks DuckDB for a method that DuckDB 2 no longer has. Until the stream has been
    read to its end the connection can run nothing else.
    """
    reader: pa.RecordBatchReader = con.con.sql(query).to_arrow_reader(rows)
    return reader


def rows(table: ir.Table) -> list[dict[str, Any]]:
    """The rows of a small Ibis table. Ibis' own way to DuckDB's imports Pandas, half a second of every night."""
    backend = table.get_backend()
    if backend.name != "duckdb":
        return list(table.to_pyarrow().to_pylist())
    found = backend.con.sql(backend.compile(table)).to_arrow_table()
    return list(found.cast(table.schema().to_pyarrow()).to_pylist())


def workspace_of(con: Backend) -> Path:
    """The folder given to `connect`: the one place where scratch files of this connection may lie."""
    (spill,) = con.raw_sql("SELECT current_setting('temp_directory')").fetchone()
    return Path(spill).parent
