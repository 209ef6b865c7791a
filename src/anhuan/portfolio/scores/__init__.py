"""Scores: the chance that something happens to an account, learnt from what happened to others, as one more column.

    fit(sheet, target=…, at=…)     columns become a Model with its card
    predict, reasons, drift        what a model says of new rows, why, and whether they are still of its kind
    save, load                     one JSON file: trees as text, nothing that runs
    training_table(snapshots, …)   rows to learn from, out of sealed nights, by `features` of one night
    scored(model, table)           the score beside them, for a strategy one more column

How to use and how to judge them: `docs/scores.md`.
"""

from __future__ import annotations

from anhuan.portfolio.scores.model import FORMAT, Model, drift, fit, load, predict, reasons, save
from anhuan.portfolio.scores.nights import BACK, KEYS, TARGET, features, scored, training_table

__all__ = [
    "BACK",
    "FORMAT",
    "KEYS",
    "TARGET",
    "Model",
    "drift",
    "features",
    "fit",
    "load",
    "predict",
    "reasons",
    "save",
    "scored",
    "training_table",
]
