"""What a text had to say and does not: disclosures by language, channel and purpose.

Demands are data. A demand is made only of a text that asks for something: a sentence out of a conversation, or a note
about one, need not name the bank. When in doubt nothing is demanded; the template library, not this check, makes a
letter complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from anhuan.rulebook.wording.reading import Reading

_PHONE = re.compile(r"\d[\d\-\s().]{5,}\d|\b955\w\w\b")


def missing(
    reading: Reading, demands: Iterable[Mapping[str, Any]], shown: set[str], *, lang: str, channel: str, purpose: str
) -> Iterator[Mapping[str, Any]]:
    """The demands that this text should meet and does not; `shown` names the items found in it."""
    if _PHONE.search(reading.text):
        shown = shown | {"phone-number"}
    for demand in demands:
        if (
            demand["lang"] == lang
            and channel in demand["channels"].split()
            and purpose in demand["purposes"].split()
            and all(item in shown for item in demand.get("when", "").split())
            and not any(item in shown for item in demand.get("unless", "").split())
            and demand["item"] not in shown
        ):
            yield demand
