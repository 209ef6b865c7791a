"""The acts on calls: one is begun through the door, led, and wrapped up; nothing else of the house writes a call.

`beginning` asks the gate and hands over the number, `identifying` asks who it is, `leading` keeps the draft, `wrapping` closes it with its
codes, does what they ask for and sets the next step.
"""

from __future__ import annotations

from anhuan.acts.call.beginning import Handed, begin, handed, receive, sit_at
from anhuan.acts.call.identifying import Checked, asked, check_identity, needed
from anhuan.acts.call.leading import drafted, keep_draft, report
from anhuan.acts.call.wrapping import Disposition, Finished, defaults, finish, points_of, proposed, unsaid

__all__ = [
    "Checked",
    "Disposition",
    "Finished",
    "Handed",
    "asked",
    "begin",
    "check_identity",
    "defaults",
    "drafted",
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
