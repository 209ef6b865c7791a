"""The words of the wall, of quality checks and of coaching; tables of `words.LABELS`."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy as _in

LABELS: dict[str, dict[str, str | Promise]] = {
    "wall_state": {
        "out": _in("wall", "Signed out"),
        "idle": _in("wall", "Idle"),
        "case": _in("wall", "On a case"),
        "call": _in("wall", "In a call"),
        "wrapping": _in("wall", "Wrapping up"),
    },
    "measure": {
        "calls": _in("measure", "Calls"),
        "right_party": _in("measure", "Right-party contacts"),
        "promises": _in("measure", "Promises taken"),
        "kept": _in("measure", "Promises kept"),
        "broken": _in("measure", "Promises broken"),
        "due": _in("measure", "Promises due"),
        "refusals": _in("measure", "Refused by the gate"),
    },
    "pick_why": {"risk": _in("quality", "by risk"), "random": _in("quality", "by lot"), "asked": _in("quality", "asked for")},
    "review_state": {
        "waiting": _in("review", "Waiting"),
        "draft": _in("review", "Draft"),
        "final": _in("review", "Final"),
        "acknowledged": _in("review", "Read by her"),
        "appealed": _in("review", "Appealed"),
        "replaced": _in("review", "Replaced"),
    },
    "review_kind": {
        "first": _in("review", "Review"),
        "calibration": _in("review", "Calibration"),
        "appeal": _in("review", "Review after an appeal"),
    },
    "review_answer": {
        "yes": _in("review", "Met"),
        "part": _in("review", "In part"),
        "no": _in("review", "Not met"),
        "na": _in("review", "Does not apply"),
    },
    "review_evidence": {
        "contact": _in("review", "the contact's record"),
        "note": _in("review", "the note"),
        "recording": _in("review", "the recording"),
        "script": _in("review", "script ticks"),
    },
}
