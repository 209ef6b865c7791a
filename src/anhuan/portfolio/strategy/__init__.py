"""Strategies over the whole book: a decision model as one Ibis expression, proposals, and what capacity allows.

Knows decision models, standings and the tables of a night. Does not know records, files, or who may be contacted.
"""

from anhuan.portfolio.strategy.decisions import decided, outside
from anhuan.portfolio.strategy.proposals import (
    CONDUCT,
    INPUTS,
    PLACEMENTS,
    SCORES,
    Capacity,
    inputs,
    propose,
    rank_and_cut,
    worked_out,
)
from anhuan.portfolio.strategy.work import NotColumnar, Refusal

__all__ = [
    "CONDUCT", "INPUTS", "PLACEMENTS", "SCORES", "Capacity", "NotColumnar", "Refusal", "decided", "inputs", "outside", "propose",
    "rank_and_cut", "worked_out",
]  # fmt: skip
