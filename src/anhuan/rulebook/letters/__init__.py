"""Letters and every other wording: reading what is written down, filling it strictly, judging whether it may be used.

A *wording* is a text for one channel in one language under one jurisdiction, with the values it takes and the passages that
make its disclosures. Knows their form (`shape`), how values become text (`filling`), what law and the check of phrases say of
them (`judging`), and how a text message is cut (`texting`). Does not know who approves one, nor to whom it goes.
See `docs/wordings.md`.
"""

from __future__ import annotations

from anhuan.rulebook.letters.filling import Amount, Filled, examples, fill
from anhuan.rulebook.letters.judging import Judged, attributes, demands, judge, ready
from anhuan.rulebook.letters.shape import ITEMS, PARTS, Fault, Wording, read_document, read_file
from anhuan.rulebook.letters.texting import Cut, cut

__all__ = [
    "ITEMS",
    "PARTS",
    "Amount",
    "Cut",
    "Fault",
    "Filled",
    "Judged",
    "Wording",
    "attributes",
    "cut",
    "demands",
    "examples",
    "fill",
    "judge",
    "read_document",
    "read_file",
    "ready",
]
