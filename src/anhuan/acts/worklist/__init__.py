"""The acts on the worklist: a night fills it, a collector takes the next case and says what comes of it, a supervisor moves work.

`filling` is the night's, `by_day` what a judgement or a payment changes of it; `taking` hands out, `changing` is about one case,
`moving` about many.
"""

from __future__ import annotations

from anhuan.acts.worklist.by_day import judged, paid
from anhuan.acts.worklist.changing import RELEASES, done, follow_up, release, transfer
from anhuan.acts.worklist.filling import CLASSES, fill, withdraw
from anhuan.acts.worklist.moving import KINDS, MOST, WorkFilter, found, in_order, movable, reassign, undo
from anhuan.acts.worklist.taking import LEASE, OLDEST_EVERY, house_queues, renew, serves, take, warm

__all__ = [
    "CLASSES",
    "KINDS",
    "LEASE",
    "MOST",
    "OLDEST_EVERY",
    "RELEASES",
    "WorkFilter",
    "done",
    "fill",
    "follow_up",
    "found",
    "house_queues",
    "in_order",
    "judged",
    "movable",
    "paid",
    "reassign",
    "release",
    "renew",
    "serves",
    "take",
    "transfer",
    "undo",
    "warm",
    "withdraw",
]
