"""The files of a delivery in the three forms the example bank can write, all with the same content.

`canonical`: CSV and manifest.json. `parquet`: the same columns as Parquet. `gb18030`: what a Chinese card core sends
(`core_form`), read back by layouts/firstbank-core.toml. Knows nothing of how the content came about.
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

from . import core_form
from .delivery import MONEY, SCHEMAS, Night

ISSUER = "firstbank"
SUMMED = {"accounts": ("balance_total", "past_due_amount"), "payments": ("amount",)}
WRITTEN = {
    name: [column for column in schema.names if (name, column) != ("payments", "currency")] for name, schema in SCHEMAS.items()
}
BATCH = 100_000


class Counted:
    """Passes tables on and adds up, on the way, what a manifest or trailer has to say of them."""

    def __init__(self, name: str, tables: Iterator[pa.Table]) -> None:
        self.rows = 0
        self.sums = {column: Decimal(0) for column in SUMMED.get(name, ())}
        self.minor = dict.fromkeys(self.sums, 0)
        self._tables = tables

    def __iter__(self) -> Iterator[pa.Table]:
        for table in self._tables:
            self.rows += len(table)
            for column in self.sums:
                total = pc.sum(table[column]).as_py() or Decimal(0)
                whole = pc.sum(table.filter(pc.equal(table["currency"], "JPY"))[column]).as_py() or Decimal(0)
                self.sums[column] += total
                self.minor[column] += int(whole + (total - whole) * 100)
            yield table

    def reader(self, schema: pa.Schema) -> pa.RecordBatchReader:
        batches = (batch for table in self for batch in table.combine_chunks().to_batches())
        return pa.RecordBatchReader.from_batches(schema, batches)


def write_canonical(folder: Path, night: Night) -> None:
    """CSV with a header line, quotes only where needed, and manifest.json last."""
    files = []
    for name, schema in SCHEMAS.items():
        counted = Counted(name, night.tables(name))
        file = folder / f"{name}.csv"
        with duckdb.connect() as con:
            con.register("rows", counted.reader(schema))
            con.execute(f"COPY (SELECT {_canonical(name)} FROM rows) TO '{file}' (FORMAT csv, HEADER true)")  # noqa: S608
        files.append(_described(file, counted))
    write_manifest(folder, night, files)


def write_parquet(folder: Path, night: Night) -> None:
    files = []
    for name, schema in SCHEMAS.items():
        counted = Counted(name, night.tables(name))
        file = folder / f"{name}.parquet"
        columns = WRITTEN[name]
        with pq.ParquetWriter(file, pa.schema([schema.field(column) for column in columns]), compression="zstd") as writer:
            for table in counted:
                writer.write_table(table.select(columns))
        files.append(_described(file, counted))
    write_manifest(folder, night, files)


def write_gb18030(folder: Path, night: Night) -> None:
    """The core's files, each with its trailer line, then its flag file. Text is transcoded by the batch, not by the row."""
    stamp = night.date.replace("-", "")
    for name, schema in SCHEMAS.items():
        counted = Counted(name, night.tables(name))
        file = folder / f"CCS_{core_form.INTERFACES[name].code}_{ISSUER}_{stamp}_{night.sequence:04}.dat"
        with duckdb.connect() as con, file.open("wb") as out:
            con.register("rows", counted.reader(schema))
            lines = con.sql(f"SELECT {core_form.line(name)} AS line FROM rows").to_arrow_reader(BATCH)  # noqa: S608
            for batch in lines:
                out.write(_text(batch.column(0)).encode("gb18030"))
            out.write(
                core_form.SEPARATOR.join([core_form.PREFIX, str(counted.rows), *map(str, counted.minor.values())]).encode()
                + b"\n"
            )
        file.with_name(f"{file.name}.ok").touch()


def write_manifest(folder: Path, night: Night, files: list[dict[str, object]]) -> None:
    """manifest.json, whose arrival means that the delivery is complete: so it is written last."""
    manifest = {
        "business_date": night.date, "issuer": ISSUER, "layout": "canonical/1", "sequence": night.sequence,
        "files": files, "book": night.whole_book(),
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _described(file: Path, counted: Counted) -> dict[str, object]:
    facts: dict[str, object] = {"name": file.name, "rows": counted.rows, "sha256": sha256(file)}
    if counted.sums:
        facts["sums"] = {column: f"{total:.2f}" for column, total in counted.sums.items()}
    return facts


def _canonical(name: str) -> str:
    """Columns as text: money of a currency without minor units has no decimals, all else is as DuckDB prints it."""
    schema = SCHEMAS[name]
    whole = "CASE currency WHEN 'JPY' THEN CAST(CAST({0} AS DECIMAL(18,0)) AS VARCHAR) ELSE CAST({0} AS VARCHAR) END AS {0}"
    return ", ".join(whole.format(column) if schema.field(column).type == MONEY else column for column in WRITTEN[name])


def _text(lines: pa.StringArray) -> str:
    """All strings of an array as one: they lie one after the other in memory."""
    if len(lines) == 0:
        return ""
    offsets = memoryview(lines.buffers()[1]).cast("i")
    start, end = offsets[lines.offset], offsets[lines.offset + len(lines)]
    return str(memoryview(lines.buffers()[2])[start:end], "utf-8")


FORMS: dict[str, Callable[[Path, Night], None]] = {
    "canonical": write_canonical,
    "parquet": write_parquet,
    "gb18030": write_gb18030,
}
