"""Commands of decision tables: decide rows, prove a table. They judge files: no Django, no database, no home."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from anhuan.cli.terminal import EXIT_NO, AsJson, app, console, table, usage

if TYPE_CHECKING:
    from anhuan.rulebook.tables.evaluate import Decider, Outcome
    from anhuan.rulebook.tables.model import Model

table_app = typer.Typer(no_args_is_help=True, help="Decision tables in DMN.")
app.add_typer(table_app, name="table")

ModelFile = Annotated[Path, typer.Argument(metavar="MODEL.dmn", help="A DMN model, versions 1.1 to 1.6.")]
ROWS_SHOWN = 100


@app.command("decide")
def decide(
    model: ModelFile,
    decision: Annotated[str, typer.Option("--decision", metavar="NAME", help="The decision to evaluate.")],
    rows_file: Annotated[
        Path, typer.Option("--input", metavar="FILE", help="Rows of inputs: .json (a list of objects), .csv or .parquet.")
    ],
    output: Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Write the JSON document there.")] = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate a decision for every row, in order: its output, the rules of its own table that fired, and why it failed.

    [{"output": …, "rules": [1-based numbers], "error": null or a sentence}]; numbers are exact to 34 digits.
    """
    from anhuan import clock
    from anhuan.rulebook.tables.document import ModelRefused
    from anhuan.rulebook.tables.evaluate import Decider

    try:
        decider = Decider(_model(model, as_json=as_json), decision, at=clock.now())
    except ModelRefused as refused:
        usage("model_refused", refused.zh, refused.en, as_json=as_json)
    rows = list(_rows(rows_file, decider, as_json=as_json))
    outcomes = (decider.decide(row) for row in rows)
    if as_json or output is not None:
        with _opened(output, as_json=as_json) as file:
            _write(outcomes, file)
        if output is not None and as_json:
            sys.stdout.write(output.read_text("utf-8"))
        return
    _show(outcomes)


def _model(path: Path, *, as_json: bool) -> Model:
    from anhuan.rulebook.tables.document import ModelRefused
    from anhuan.rulebook.tables.model import Model

    try:
        return Model.load(path)
    except ModelRefused as refused:
        usage("model_refused", refused.zh, refused.en, as_json=as_json)


def _rows(path: Path, decider: Decider, *, as_json: bool) -> Iterable[dict[str, Any]]:
    readers = {".json": _json_rows, ".csv": _csv_rows, ".parquet": _parquet_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(readers)
        usage("bad_input", f"{path}:只读 {known}。", f"{path}: only {known} are read", as_json=as_json)
    try:
        return list(reader(path, decider))
    except (OSError, ValueError, RecursionError) as error:
        usage("bad_input", f"无法读取 {path}:{error}", f"cannot read {path}: {error}", as_json=as_json)


def _json_rows(path: Path, _: Decider) -> Iterator[dict[str, Any]]:
    from anhuan.rulebook.tables.spelling import read_json

    document = read_json(path.read_bytes())
    for number, row in enumerate([document] if isinstance(document, dict) else document, 1):
        if not isinstance(row, dict):
            raise ValueError(f"row {number} is no object of input names and values")  # noqa: TRY004  # said to a person
        yield row


def _csv_rows(path: Path, decider: Decider) -> Iterator[dict[str, Any]]:
    from anhuan.rulebook.tables.spelling import from_cell
    from anhuan.rulebook.tables.types import ANY

    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file, strict=True):
            yield {name: from_cell(cell, decider.inputs.get(name, ANY)) for name, cell in row.items() if name is not None}


def _parquet_rows(path: Path, _: Decider) -> Iterator[dict[str, Any]]:
    from pyarrow import ArrowException, parquet

    from anhuan.rulebook.tables.spelling import from_object

    try:
        for batch in parquet.ParquetFile(path).iter_batches():
            for row in batch.to_pylist():
                yield {name: from_object(value) for name, value in row.items()}
    except ArrowException as error:
        raise ValueError(str(error)) from None


@contextmanager
def _opened(output: Path | None, *, as_json: bool) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    try:
        file = output.open("w", encoding="utf-8")
    except OSError as error:
        usage("bad_output", f"无法写入 {output}:{error}", f"cannot write {output}: {error}", as_json=as_json)
    with file:
        yield file


def _write(outcomes: Iterable[Outcome], file: TextIO) -> None:
    from anhuan.rulebook.tables.spelling import write_json

    file.write("[")
    for number, outcome in enumerate(outcomes):
        document = {"output": outcome.output, "rules": list(outcome.rules), "error": outcome.error}
        file.write(("," if number else "") + "\n " + write_json(document))
    file.write("\n]\n")


def _show(outcomes: Iterable[Outcome]) -> None:
    from anhuan.rulebook.tables.values import write

    shown, more = [], 0
    for number, outcome in enumerate(outcomes, 1):
        if number > ROWS_SHOWN:
            more += 1
            continue
        value = write(outcome.output, inside=True)
        shown.append([number, value, ", ".join(map(str, outcome.rules)), outcome.error or ""])
    console().print(table("", ["row", "output", "rules", "error"], shown))
    if more:
        console().print(f"… {more:,}")


@table_app.command("check")
def check(
    model: ModelFile,
    seconds: Annotated[float, typer.Option("--seconds", help="How long to try to prove one table.")] = 60,
    as_json: AsJson = False,
) -> None:
    """Prove every table: no gap, no overlap its hit policy forbids, no rule that never fires, no output not allowed.

    Exit code 1 if anything was found, or could not be proved in time.
    """
    from anhuan.rulebook.tables.document import ModelRefused
    from anhuan.rulebook.tables.prove import check as prove

    try:
        report = prove(_model(model, as_json=as_json), seconds=seconds)
    except ModelRefused as refused:
        usage("model_refused", refused.zh, refused.en, as_json=as_json)
    if as_json:
        from anhuan.rulebook.tables.spelling import write_json

        sys.stdout.write(write_json(report) + "\n")
    else:
        _show_report(report)
    raise typer.Exit(0 if report["ok"] else EXIT_NO)


def _show_report(report: dict[str, Any]) -> None:
    from anhuan.rulebook.tables.spelling import write_json

    rows = [
        [name, kind, write_json(finding)]
        for name, findings in report["decisions"].items()
        for kind, found in findings.items()
        for finding in (found if isinstance(found, list) else [])
    ]
    proved = [name for name, findings in report["decisions"].items() if not any(findings.values())]
    if rows:
        console().print(table("", ["decision", "finding", "what"], rows))
    console().print(f"proved: {', '.join(proved) or '–'}")
