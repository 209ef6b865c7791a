"""A table as a workbook (XLSX) for people who go on in a spreadsheet: numbers are numbers, days are days, and a text is never a formula."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter
from django.http import HttpResponse
from django.utils import timezone

KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_EXACT = 10**15
"""Beyond so many digits a spreadsheet rounds: such a number is written as text."""


def xlsx_response(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """The table as a file, its head row kept in sight; rows are written as they come."""
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    head, day = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd"})
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(columns) - 1, 16)
    for place, column in enumerate(columns):
        sheet.write_string(0, place, column, head)
    for number, row in enumerate(rows, start=1):
        for place, value in enumerate(row):
            _write(sheet, number, place, value, day)
    book.close()
    return HttpResponse(made.getvalue(), content_type=KIND, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _write(sheet: Any, row: int, place: int, value: Any, day: Any) -> None:
    if value is None or value == "":
        return
    if isinstance(value, datetime):
        sheet.write_string(row, place, timezone.localtime(value).isoformat(sep=" ", timespec="seconds"))
    elif isinstance(value, date):
        sheet.write_datetime(row, place, datetime(value.year, value.month, value.day), day)  # noqa: DTZ001  a day, as spreadsheets have it
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) < _EXACT:
        sheet.write_number(row, place, value)
    elif isinstance(value, Decimal):
        sheet.write_number(row, place, float(value))
    else:
        sheet.write_string(row, place, " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
