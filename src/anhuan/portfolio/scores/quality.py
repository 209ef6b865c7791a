"""How good a score is, and whether its world has changed: figures with intervals, from outcomes and probabilities.

Knows arithmetic only: area under the curve with DeLong's interval, Brier score, calibration, deciles, groups, and the
population stability index. Does not know how a probability came about. Intervals are 95 %.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anhuan.portfolio.tabular import Numbers, Sheet

_Z = 1.959963984540054
_BANDS = 10  # a number with more distinct values than this is shown in four bands of equal size
_LOOK, _DRIFTED = 0.10, 0.25  # the customary limits of the population stability index


def figures(outcome: Numbers, probability: Numbers) -> dict[str, Any]:
    """`{"rows", "positives", "base_rate", "mean_probability", "auc", "gini", "ks", "brier", "log_loss", "calibration", "deciles"}`.

    auc, brier and the calibration's slope and intercept are each `{"value", "low", "high"}`.
    """
    squared = (probability - outcome) ** 2
    slope = logistic(logit(probability), outcome)
    base = float(outcome.mean())
    area = auc(outcome, probability)
    return {
        "rows": len(outcome),
        "positives": int(outcome.sum()),
        "base_rate": _r(base),
        "mean_probability": _r(float(probability.mean())),
        "auc": area,
        "gini": _r(2 * area["value"] - 1),
        "ks": _r(_ks(outcome, probability)),
        "brier": _interval(float(squared.mean()), float(squared.std(ddof=1)) / math.sqrt(len(squared))),
        "brier_of_base_rate": _r(base * (1 - base)),
        "log_loss": _r(log_loss(outcome, logit(probability))),
        "calibration": {"slope": _interval(slope[1], slope[3]), "intercept": _interval(slope[0], slope[2])},
        "deciles": deciles(outcome, probability),
    }


def auc(outcome: Numbers, probability: Numbers) -> dict[str, float]:
    """The chance that a positive stands above a negative, ties counted half; interval after DeLong et al. (1988)."""
    above = _placements(probability[outcome == 1], probability[outcome == 0])
    below = 1.0 - _placements(probability[outcome == 0], probability[outcome == 1])
    value = float(above.mean())
    variance = sum(float(part.var(ddof=1)) / len(part) for part in (above, below) if len(part) > 1)
    return _interval(value, math.sqrt(variance), low=0.0, high=1.0)


def _placements(of: Numbers, among: Numbers) -> Numbers:
    """For each value, the share of the others below it, ties counted half."""
    ranked = np.sort(among)
    lower = np.searchsorted(ranked, of, side="left") + np.searchsorted(ranked, of, side="right")
    share: Numbers = lower / (2.0 * len(among))
    return share


def _ks(outcome: Numbers, probability: Numbers) -> float:
    ranks = np.unique(probability)
    shares = [
        np.searchsorted(np.sort(probability[outcome == side]), ranks, side="right") / (outcome == side).sum() for side in (0, 1)
    ]
    return float(np.abs(shares[0] - shares[1]).max())


def logit(probability: Numbers) -> Numbers:
    kept = np.clip(probability, 1e-9, 1 - 1e-9)
    odds: Numbers = np.log(kept / (1 - kept))
    return odds


def expit(odds: Numbers) -> Numbers:
    share: Numbers = 1.0 / (1.0 + np.exp(-np.clip(odds, -35.0, 35.0)))
    return share


def log_loss(outcome: Numbers, odds: Numbers) -> float:
    return float(np.mean(np.logaddexp(0.0, odds) - outcome * odds))


def logistic(odds: Numbers, outcome: Numbers) -> tuple[float, float, float, float]:
    """Intercept and slope of a logistic regression of the outcome on `odds`, then their standard errors (Newton's method)."""
    intercept, slope = 0.0, 1.0
    entries = (1.0, 0.0, 1.0)
    for _ in range(50):
        share = expit(intercept + slope * odds)
        weight = np.maximum(share * (1 - share), 1e-12)
        entries = (float(weight.sum()), float((weight * odds).sum()), float((weight * odds**2).sum()))
        gradient = (float((outcome - share).sum()), float(((outcome - share) * odds).sum()))
        determinant = max(entries[0] * entries[2] - entries[1] ** 2, 1e-12)
        steps = (
            (entries[2] * gradient[0] - entries[1] * gradient[1]) / determinant,
            (entries[0] * gradient[1] - entries[1] * gradient[0]) / determinant,
        )
        intercept += min(max(steps[0], -2.0), 2.0)
        slope += min(max(steps[1], -2.0), 2.0)
        if max(map(abs, steps)) < 1e-10:
            break
    determinant = max(entries[0] * entries[2] - entries[1] ** 2, 1e-12)
    return intercept, slope, math.sqrt(entries[2] / determinant), math.sqrt(entries[0] / determinant)


def deciles(outcome: Numbers, probability: Numbers) -> list[dict[str, Any]]:
    """Ten groups of equal size, the highest probabilities first: promised and observed rate, and positives caught so far."""
    order = np.argsort(-probability, kind="stable")
    total = max(float(outcome.sum()), 1.0)
    rows: list[dict[str, Any]] = []
    caught = 0.0
    for number, part in enumerate(np.array_split(order, 10), start=1):
        if not len(part):
            continue
        positives = float(outcome[part].sum())
        caught += positives
        low, high = wilson(positives, len(part))
        rows.append(
            {
                "decile": number,
                "rows": len(part),
                "mean_probability": _r(float(probability[part].mean())),
                "observed": _r(positives / len(part)),
                "low": _r(low),
                "high": _r(high),
                "caught": _r(caught / total),
            }
        )
    return rows


def wilson(positives: float, rows: int) -> tuple[float, float]:
    """Wilson's interval of a share."""
    share, square = positives / rows, _Z**2
    middle = (share + square / (2 * rows)) / (1 + square / rows)
    half = _Z * math.sqrt(share * (1 - share) / rows + square / (4 * rows**2)) / (1 + square / rows)
    return max(0.0, middle - half), min(1.0, middle + half)


# --- Fairness ------------------------------------------------------------------------------------------------------


def fairness(sheet: Sheet, name: str, outcome: Numbers, probability: Numbers) -> list[dict[str, Any]]:
    """How the score treats the groups of one column, whether or not it is an input.

    Per group: rows, base_rate, mean_probability, their ratio (1 = as promised), auc (None with one outcome only),
    selected (the share among the tenth of all rows that scores highest) and caught (the same share among the group's
    positives).
    """
    chosen = np.zeros(len(outcome), dtype=bool)
    chosen[np.argsort(-probability, kind="stable")[: max(1, len(outcome) // 10)]] = True
    groups = np.asarray(_groups(sheet, name), dtype=object)
    rows = []
    for group in dict.fromkeys(sorted(groups.tolist(), key=_by_size)):
        mine = groups == group
        y, p, taken = outcome[mine], probability[mine], chosen[mine]
        both = 0 < y.sum() < len(y)
        rows.append(
            {
                "group": group,
                "rows": int(mine.sum()),
                "base_rate": _r(float(y.mean())),
                "mean_probability": _r(float(p.mean())),
                "promised_to_observed": _r(float(p.mean() / y.mean())) if y.sum() else None,
                "auc": auc(y, p) if both else None,
                "selected": _r(float(taken.mean())),
                "caught": _r(float(taken[y == 1].mean())) if y.sum() else None,
            }
        )
    return rows


def _by_size(group: str) -> tuple[float, str]:
    """Groups of numbers in the order of the numbers, words after them by the alphabet, the unknown last."""
    head = group.split(" ", maxsplit=1)[0]
    try:
        return float(head), group
    except ValueError:
        return math.inf, group or "\U0010ffff"


def _groups(sheet: Sheet, name: str) -> list[str]:
    if sheet.kind(name) != "number":
        return sheet.words(name)
    values = sheet.numbers(name)
    known = values[np.isfinite(values)]
    if np.unique(known).size <= _BANDS:
        return ["" if math.isnan(value) else f"{value:g}" for value in values.tolist()]
    edges = np.unique(np.quantile(known, [0.25, 0.5, 0.75]))
    low, high = float(known.min()), float(known.max())
    bounds = [low, *edges.tolist(), high]
    band = np.searchsorted(edges, values, side="left")
    names = [f"{bounds[number]:g} – {bounds[number + 1]:g}" for number in range(len(edges) + 1)]
    return ["" if math.isnan(value) else names[number] for value, number in zip(values.tolist(), band, strict=True)]


# --- Drift ---------------------------------------------------------------------------------------------------------


def reference(values: Numbers, *, words: Sequence[str] | None = None) -> dict[str, Any]:
    """What is kept of a column to compare with later: where its tenths end (or its words) and how many rows lie in each.

    `words`: the categories whose places `values` holds. The last count is that of unknown values.
    """
    known = values[np.isfinite(values)]
    if words is None:
        edges = np.unique(np.quantile(known, np.linspace(0.1, 0.9, 9))).tolist() if known.size else []
        return {"edges": edges, "counts": _counts(values, edges).tolist()}
    places = Counter(known.astype(int).tolist())
    return {"words": list(words), "counts": [places[n] for n in range(len(words) + 1)] + [len(values) - known.size]}


def _counts(values: Numbers, edges: Sequence[float]) -> NDArray[np.int64]:
    known = values[np.isfinite(values)]
    place = np.searchsorted(np.asarray(edges, np.float64), known, side="left")
    return np.append(np.bincount(place, minlength=len(edges) + 1), len(values) - known.size)


def psi(then: Sequence[int], now: Sequence[int]) -> float:
    """Population stability index of two counts by class; a class empty on one side counts as half a row there."""
    total_then, total_now = max(sum(then), 1), max(sum(now), 1)
    value = 0.0
    for before, after in zip(then, now, strict=True):
        if before or after:
            p, q = max(before, 0.5) / total_then, max(after, 0.5) / total_now
            value += (q - p) * math.log(q / p)
    return value


def compare(kept: Mapping[str, Any], values: Numbers) -> dict[str, Any]:
    """`{"psi", "level", "unknown_then", "unknown_now"}` of a column's kept reference and its new values."""
    then = list(kept["counts"])
    fresh = reference(values, words=kept["words"])["counts"] if "words" in kept else _counts(values, kept["edges"]).tolist()
    index = psi(then, fresh)
    level = "drifted" if index > _DRIFTED else "look" if index > _LOOK else "stable"
    return {
        "psi": _r(index),
        "level": level,
        "unknown_then": _r(then[-1] / max(sum(then), 1)),
        "unknown_now": _r(fresh[-1] / max(sum(fresh), 1)),
    }


def _interval(value: float, error: float, *, low: float = -math.inf, high: float = math.inf) -> dict[str, float]:
    return {"value": _r(value), "low": _r(max(low, value - _Z * error)), "high": _r(min(high, value + _Z * error))}


def _r(value: float) -> float:
    return round(value, 6)
