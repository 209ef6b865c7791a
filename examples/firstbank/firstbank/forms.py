"""The files of a delivery in the three forms the example bank can write, all with the same content.

`canonical`: CSV and manifest.json. `parquet`: the same columns as Parquet. `gb18030`: what a Chinese core sends (no
header, `|+|`, whole fen, YYYYMMDD, own codes, a trailer line, a flag file), described by layouts/firstbank-core.toml.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .delivery import MONEY, SCHEMAS, Night

Progress = Callable[[str, int, int], None]
ISSUER = "firstbank"
SUMMED = {"accounts": ("balance_total", "past_due_amount"), "payments": ("amount",)}


class Counted:
    """Passes tables on and adds up, on the way, what the manifest has to say of them."""

    def __init__(self, name: str, tables: Iterator[pa.Table]) -> None:
        self.rows = 0
        self.sums = {column: Decimal(0) for column in SUMMED.get(name, ())}
        self._tables = tables

    def __iter__(self) -> Iterator[pa.Table]:
        for table in self._tables:
            self.rows += len(table)
            for column in self.sums:
                self.sums[column] += pc.sum(table[column]).as_py() or Decimal(0)
            yield table

    def reader(self, schema: pa.Schema) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(
            schema, (batch for table in self for batch in table.combine_chunks().to_batches())
        )


def write_canonical(folder: Path, night: Night) -> None:
    """CSV with a header line, quotes only where needed, and manifest.json last."""
    files = []
    for name, schema in SCHEMAS.items():
        counted = Counted(name, night.tables(name))
        file = folder / f"{name}.csv"
        with duckdb.connect() as con:
            con.register("rows", counted.reader(schema))
            con.execute(f"COPY (SELECT {_canonical_columns(schema)} FROM rows) TO '{file}' (FORMAT csv, HEADER true)")  # noqa: S608
        files.append(_described(file, counted))
    write_manifest(folder, night, files)


def write_parquet(folder: Path, night: Night) -> None:
    files = []
    for name, schema in SCHEMAS.items():
        counted = Counted(name, night.tables(name))
        file = folder / f"{name}.parquet"
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for table in counted:
                writer.write_table(table)
        files.append(_described(file, counted))
    write_manifest(folder, night, files)


def write_manifest(folder: Path, night: Night, files: list[dict[str, object]]) -> None:
    """manifest.json, whose arrival means that the delivery is complete: so it is written last."""
    manifest = {
        "business_date": night.date, "issuer": ISSUER, "layout": "canonical/1", "sequence": night.sequence,
        "files": files, "book": night.whole_book(),
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")


def sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _described(file: Path, counted: Counted) -> dict[str, object]:
    facts: dict[str, object] = {"name": file.name, "rows": counted.rows, "sha256": sha256(file)}
    if counted.sums:
        facts["sums"] = {column: f"{total:.2f}" for column, total in counted.sums.items()}
    return facts


def _canonical_columns(schema: pa.Schema) -> str:
    """Money of a currency without minor units is written without decimals; everything else as DuckDB prints it."""
    whole = "CAST(CAST({0} AS DECIMAL(18,0)) AS VARCHAR)"
    test = "currency = 'JPY'" if "currency" in schema.names else "false"
    return ", ".join(
        f'CASE WHEN {test} THEN {whole.format(field.name)} ELSE CAST({field.name} AS VARCHAR) END AS "{field.name}"'
        if field.type == MONEY and test != "false"
        else field.name
        for field in schema
    )


FORMS: dict[str, Callable[[Path, Night], None]] = {"canonical": write_canonical, "parquet": write_parquet}
