"""A table as a file: CSV for machines, or a workbook (XLSX) in which money is in whole units, days are days, and a text is never a formula.

Knows that a column in minor units (`…_minor`) is of the row's `currency`; where a table has no such column its money stays as it is.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import xlsxwriter
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone

from anhuan.core.money import minor_digits
from anhuan.workbench.compliance import csv_response

KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MINOR = "_minor"
_EXACT = 10**15
"""Beyond so many digits a spreadsheet rounds: such a number is written as text."""


def file_response(form: str, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponseBase:
    """The table in the form an address asks for, `csv` or `xlsx`; `name` has no ending yet."""
    respond = xlsx_response if form == "xlsx" else csv_response
    return respond(f"{name}.{form}", columns, rows)


def xlsx_response(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """The table as a file, its head row kept in sight with a filter on each column; rows are written as they come."""
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = _Sheet(book.add_worksheet(), book)
    currency = columns.index("currency") if "currency" in columns else None
    money = {place for place, column in enumerate(columns) if column.endswith(_MINOR) and currency is not None}
    sheet.head([column.removesuffix(_MINOR) if place in money else column for place, column in enumerate(columns)])
    number = 0
    for number, row in enumerate(rows, start=1):
        for place, value in enumerate(row):
            if place in money and currency is not None and isinstance(value, int) and abs(value) < _EXACT:
                sheet.money(number, place, value, row[currency])
            else:
                sheet.cell(number, place, value)
    sheet.sheet.autofilter(0, 0, number, len(columns) - 1)
    book.close()
    return HttpResponse(made.getvalue(), content_type=KIND, headers={"Content-Disposition": f'attachment; filename="{name}"'})


class _Sheet:
    """A sheet under way, and how its cells look: the same form is one look, for a workbook of very many is refused by spreadsheets."""

    def __init__(self, sheet: Any, book: Any) -> None:
        self.sheet, self.book = sheet, book
        self.look = cache(lambda form: book.add_format({"num_format": form}))

    def head(self, names: Sequence[str]) -> None:
        bold = self.book.add_format({"bold": True})
        self.sheet.freeze_panes(1, 0)
        self.sheet.set_column(0, len(names) - 1, 18)
        for place, name in enumerate(names):
            self.sheet.write_string(0, place, name, bold)

    def money(self, row: int, place: int, minor: int, currency: str) -> None:
        """An amount in units of its currency, with as many decimals as that has."""
        digits = minor_digits(currency)
        self.sheet.write_number(row, place, minor / 10**digits, self.look("#,##0" + "." * bool(digits) + "0" * digits))

    def cell(self, row: int, place: int, value: Any) -> None:
        if value is None or value == "":
            return
        if isinstance(value, datetime):
            local = timezone.localtime(value).replace(tzinfo=None, microsecond=0)
            self.sheet.write_datetime(row, place, local, self.look("yyyy-mm-dd hh:mm:ss"))
        elif isinstance(value, date):
            day = datetime(value.year, value.month, value.day)  # noqa: DTZ001  a day, as spreadsheets have it
            self.sheet.write_datetime(row, place, day, self.look("yyyy-mm-dd"))
        elif isinstance(value, int) and not isinstance(value, bool) and abs(value) < _EXACT:
            self.sheet.write_number(row, place, value)
        elif isinstance(value, Decimal):
            self.sheet.write_number(row, place, float(value))
        else:
            text = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            self.sheet.write_string(row, place, text)
