"""The findings of a night: counted, filtered, paged, and downloaded in the reader's language.

Knows the findings file of a sealed snapshot. A sentence of a finding never holds personal data; the raw row that
does is not here. Does not know what a finding means for a case.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import get_language
from django.views.decorators.http import require_GET
from ibis.expr import types as ir

from anhuan.portfolio import snapshot
from anhuan.records.night import Night
from anhuan.workbench.frame import page

PAGE = 50
COLUMNS = ("file", "line", "column", "code", "severity", "message")
FILTERS = ("file", "code", "severity")


@dataclass(frozen=True)
class Sheet:
    """One page of findings with the choices of its filters; `chosen` is what the query asked for."""

    rows: list[dict[str, Any]]
    total: int
    number: int
    pages: int
    chosen: dict[str, str]
    choices: dict[str, list[tuple[str, int]]]


def by_code(night: Night) -> list[dict[str, Any]] | None:
    """How often each kind of finding was met: file, code, severity, number, one line and sentence as example.

    None when the night's snapshot is not there.
    """
    if not _folder(night).is_dir():
        return None
    found = table(night)
    counted = found.group_by("file", "code", "severity").agg(
        number=found.count(),
        line=found.line.min(),
        message_zh=found.message_zh.argmin(found.line),
        message_en=found.message_en.argmin(found.line),
    )
    ordered = counted.order_by(counted.severity == "warning", ibis.desc("number"), "file", "code")
    return list(ordered.to_pyarrow().to_pylist())


def sheet(night: Night, query: QueryDict) -> Sheet:
    """The page of findings `query` asks for (`file`, `code`, `severity`, `page`), in the order of the files' lines."""
    found = table(night)
    chosen = {name: query.get(name, "") for name in FILTERS}
    kept = _filtered(found, chosen)
    total = int(kept.count().execute())
    pages = max(-(-total // PAGE), 1)
    wanted = query.get("page", "1")
    number = min(max(int(wanted), 1), pages) if wanted.isdigit() else 1
    rows = kept.order_by("file", "line", "column", "code").limit(PAGE, offset=(number - 1) * PAGE)
    return Sheet(rows.to_pyarrow().to_pylist(), total, number, pages, chosen, _choices(found, chosen))


def _filtered(found: ir.Table, chosen: dict[str, str], *, but: str = "") -> ir.Table:
    for name, value in chosen.items():
        if value and name != but:
            found = found.filter(found[name] == value)
    return found


def _choices(found: ir.Table, chosen: dict[str, str]) -> dict[str, list[tuple[str, int]]]:
    """What each filter could be set to under the others, with how many findings that would show."""
    choices = {}
    for name in FILTERS:
        counted = _filtered(found, chosen, but=name).group_by(name).agg(number=ibis._.count()).order_by(name)
        choices[name] = [(row[name], row["number"]) for row in counted.to_pyarrow().to_pylist()]
    return choices


def table(night: Night) -> ir.Table:
    """The findings of a night's snapshot; a night whose snapshot is no longer there is not found."""
    folder = _folder(night)
    if not folder.is_dir():
        raise Http404(f"The snapshot {night.snapshot} is not there.")
    return snapshot.load(ibis.duckdb.connect(), folder).table("findings")


def _folder(night: Night) -> Path:
    return Path(settings.ANHUAN_HOME) / "snapshots" / night.snapshot


@page
@require_GET
def download(request: HttpRequest, sequence: int, form: str) -> HttpResponseBase:
    """All findings of a night that pass the query's filter, as CSV or Parquet, sentences in the reader's language."""
    night = get_object_or_404(Night, sequence=sequence)
    chosen = {name: request.GET.get(name, "") for name in FILTERS}
    chinese = (get_language() or "").startswith("zh")
    kept = _filtered(table(night), chosen).order_by("file", "line", "column", "code")
    kept = kept.mutate(message=kept.message_zh if chinese else kept.message_en).select(*COLUMNS)
    name = f"findings-{night.business_date}.{night.sequence}.{'zh' if chinese else 'en'}.{form}"
    # Written whole before the answer begins: a failure is then an error page, not half a file.
    folder = tempfile.TemporaryDirectory(prefix="anhuan-findings-")
    file = Path(folder.name) / name
    if form == "csv":
        kept.to_csv(file)
    else:
        kept.to_parquet(file)
    kinds = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(_sent(folder, file), content_type=kinds[form], headers=headers)


def _sent(folder: tempfile.TemporaryDirectory[str], file: Path) -> Iterator[bytes]:
    """The file piece by piece, a CSV after the mark by which spreadsheets know UTF-8; then it is gone."""
    with folder, file.open("rb") as content:
        if file.suffix == ".csv":
            yield "\N{ZERO WIDTH NO-BREAK SPACE}".encode()
        while piece := content.read(1 << 18):
            yield piece
