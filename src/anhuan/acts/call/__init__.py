"""The acts on calls: one is begun through the door, led, and wrapped up; nothing else of the house writes a call.

`beginning` asks the gate and hands over the number, `identifying` asks who it is, `leading` keeps the draft, `wrapping` closes it with its
codes, does what they ask for and sets the next step, `recorded` hears from the exchange how the line ended and fetches what was recorded.
"""

from __future__ import annotations

from anhuan.acts.call.beginning import Handed, begin, handed, receive, sit_at
from anhuan.acts.call.identifying import Checked, asked, check_identity, needed
from anhuan.acts.call.leading import drafted, keep_draft, report
from anhuan.acts.call.recorded import NOT_PICKED_UP, collect, ended
from anhuan.acts.call.wrapping import Disposition, Finished, defaults, finish, points_of, proposed, unsaid

__all__ = [
    "NOT_PICKED_UP",
    "Checked",
    "Disposition",
    "Finished",
    "Handed",
    "asked",
    "begin",
    "check_identity",
    "collect",
    "defaults",
    "drafted",
    "ended",
    "finish",
    "handed",
    "keep_draft",
    "needed",
    "points_of",
    "proposed",
    "receive",
    "report",
    "sit_at",
    "unsaid",
]
