"""THE DOOR and what stands behind it: `door` lets a contact begin and ends it, `many` does so for sets, `carriers` are the transports.

Nothing else of the house knows a transport. Callers need the door alone: `dispatch.start`, `dispatch.complete` and their kin.
"""

from __future__ import annotations

from anhuan.acts.dispatch.door import (
    AT_ONCE,
    SEAT,
    Answer,
    Refused,
    Started,
    Unfit,
    ask,
    complete,
    give_back,
    permit_for_agency,
    record_inbound,
    record_inbound_of_agency,
    record_reported,
    report,
    start,
    unknown,
    void,
)
from anhuan.acts.dispatch.many import complete_many, start_many

__all__ = [
    "AT_ONCE",
    "SEAT",
    "Answer",
    "Refused",
    "Started",
    "Unfit",
    "ask",
    "complete",
    "complete_many",
    "give_back",
    "permit_for_agency",
    "record_inbound",
    "record_inbound_of_agency",
    "record_reported",
    "report",
    "start",
    "start_many",
    "unknown",
    "void",
]
