"""The command line: a public contract. Commands parse, call one room, and print; they decide nothing.

Exit codes: 0 done or yes, 1 the answer is no or there are differences, 2 usage or unreadable input, 3 a night
refused, 70 a bug. With `--json` exactly one JSON document goes to stdout; progress and messages go to stderr.
"""

from anhuan.cli import (
    agreements,
    analysis,
    book,
    bounces,
    codes,
    conduct,
    extract,
    gate,
    judging,
    letters,
    payments,
    plans,
    replies,
    retention,
    sending,
    simulating,
    staff,
    strategies,
    strategy,
    voices,
    wording,
    wordings,
    worklist,
)
from anhuan.cli.terminal import app

__all__ = [
    "agreements",
    "analysis",
    "app",
    "book",
    "bounces",
    "codes",
    "conduct",
    "extract",
    "gate",
    "judging",
    "letters",
    "payments",
    "plans",
    "replies",
    "retention",
    "sending",
    "simulating",
    "staff",
    "strategies",
    "strategy",
    "voices",
    "wording",
    "wordings",
    "worklist",
]
