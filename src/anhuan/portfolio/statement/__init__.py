"""Files that tell of payments between nights: from a bank's CSV or camt.053 statement to entries and findings.

    read(data, form=…, layout=…)     bytes become a `Statement`: entries in the order of lines, and what is wrong with each line
    layout(name, search=…)           a bank's own CSV form, described in a small file

Knows how payments are written. Does not know whose they are, nor which of them are known (`acts.payment_import`). Columns, layouts and
every finding: `docs/payments.md`.
"""

from __future__ import annotations

from anhuan.portfolio.statement import camt053, sheet
from anhuan.portfolio.statement.entry import FORMATS, SENTENCES, Entry, Finding, Statement, StatementUnreadable, sentence
from anhuan.portfolio.statement.sheet import CANONICAL, Layout, layout

__all__ = [
    "CANONICAL",
    "FORMATS",
    "SENTENCES",
    "Entry",
    "Finding",
    "Layout",
    "Statement",
    "StatementUnreadable",
    "layout",
    "read",
    "sentence",
]


def read(data: bytes, *, form: str = "", layout: Layout = CANONICAL) -> Statement:
    """The entries of a file; `form` is one of `FORMATS`, by default what the file looks like. StatementUnreadable when it is no such file."""
    form = form or ("camt053" if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") else "csv")
    if form == "camt053":
        return camt053.read(data)
    return sheet.read(data, layout)
