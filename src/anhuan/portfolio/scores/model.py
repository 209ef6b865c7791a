"""The score itself: boosted trees, fitted in folds and averaged, on the scale of what happened to rows they had not seen.

Knows training, the model's one file, probabilities and their reasons. Does not know the time (`at` is given) nor what a
strategy does with a score. The same rows give the same model, whatever the number of threads: every tree is grown by one
thread, and threads only share out the trees.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anhuan.portfolio.scores import quality
from anhuan.portfolio.scores.inputs import Recipe, recipe
from anhuan.portfolio.tabular import Numbers, Sheet, Unusable

FORMAT = "anhuan-score/1"

_FOLDS, _REPEATS = 5, 2
_ROUNDS, _STEP = 440, 20  # trees grown in a fold; kept are as many as serve unseen rows best, tried in steps
_FEWEST = 10  # rows of each outcome, and of each fold's training part
_PAIRS = ({"0", "1"}, {"false", "true"}, {"no", "yes"}, {"n", "y"}, {"否", "是"})
_POSITIVE = frozenset({"1", "true", "yes", "y", "是"})

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Model:
    """A fitted score. `trees`: one LightGBM text per fold; `scale`: intercept and slope put on their mean log-odds."""

    recipe: Recipe
    trees: tuple[str, ...]
    scale: tuple[float, float]
    reference: Mapping[str, Any]
    card: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over all that decides a probability; the card and its date are not part of it."""
        return _digest({"recipe": self.recipe.document(), "trees": self.trees, "scale": self.scale})


@dataclass(frozen=True)
class _Task:
    """What is learnt: the matrix, the outcome (0 or 1) and, per repeat, the fold each row is unseen in."""

    matrix: Numbers
    words: list[int]
    outcome: Numbers
    folds: list[NDArray[np.int64]]
    seed: int


def fit(
    sheet: Sheet,
    *,
    target: str,
    at: datetime,
    exclude: Sequence[str] = (),
    group: str | None = None,
    fairness: Sequence[str] = (),
    positive: str | None = None,
    seed: int = 1,
    progress: Progress = lambda _what, _done, _total: None,
) -> Model:
    """Learn the chance of `target` from every column not excluded.

    `group`: rows of one value (a customer over many nights) are never on both sides of a fold; not an input.
    `fairness`: columns the card breaks results down by; whether they are inputs, `exclude` decides. `positive`: the
    value of `target` that counts as 1, where it is not 0/1, true/false, yes/no. Raises `Unusable`.
    """
    sheet.need(target, *exclude, *fairness, *([group] if group else []))
    outcome = _outcome(sheet, target, positive)
    left_out = {target, *exclude, *([group] if group else [])}
    how, idle = recipe(sheet, [name for name in sheet.columns if name not in left_out])
    if not how.columns:
        raise Unusable(
            "no_inputs", "没有可用的输入列。", "No column is left to learn from: all are excluded, constant or identifiers."
        )
    task = _Task(how.matrix(sheet), how.words, outcome, _folds(sheet, outcome, group, seed), seed)
    trees, unseen = _grow(task, progress)
    scale = _scale(unseen, outcome)
    probability = _cross_scaled(unseen, outcome, task.folds[0])
    fitted = Model(how, trees, scale, _reference(how, sheet, probability), {})
    card = {
        "format": FORMAT,
        "fingerprint": fitted.fingerprint,
        "fitted_at": at.isoformat(),
        "data": sheet.name,
        "rows": len(sheet),
        "target": target,
        "columns": [{"name": column.name, "kind": column.kind} for column in how.columns],
        "excluded": [name for name in sheet.columns if name in left_out and name != target],
        "ignored": idle,
        "grouped_by": group,
        "method": _method(task, trees),
        "out_of_fold": quality.figures(outcome, probability),
        "importance": _importance(how, trees),
        "fairness": {
            name: {
                "input": any(column.name == name for column in how.columns),
                "groups": quality.fairness(sheet, name, outcome, probability),
            }
            for name in fairness
        },
        "software": _software(),
    }
    return Model(how, trees, scale, fitted.reference, card)


def _outcome(sheet: Sheet, target: str, positive: str | None) -> Numbers:
    """The target as 0 and 1; exactly two values, all there, and enough rows of each."""
    words = [f"{float(word):g}" if word in {"0.0", "1.0"} else word for word in sheet.words(target)]
    for row, word in enumerate(words):
        if not word:
            line = sheet.lines[row]
            zh = f"{sheet.name} 第 {line} 行目标列 {target} 为空;请补上或删去该行。"
            en = f"{sheet.name}, line {line}: the target {target} is empty; fill it in, or leave the row out."
            raise Unusable("target_empty", zh, en)
    values = dict.fromkeys(words)
    if len(values) != 2:
        some = ", ".join(list(values)[:5])
        zh = f"目标列 {target} 应恰有两种取值,实有 {len(values)} 种({some})。"
        en = f"The target {target} takes two values; {sheet.name} has {len(values)}: {some}{'…' if len(values) > 5 else ''}."
        raise Unusable("target_not_binary", zh, en)
    lowered = {value.lower(): value for value in values}
    if positive is None and set(lowered) in _PAIRS:
        positive = next(value for low, value in lowered.items() if low in _POSITIVE)
    if positive not in values:
        both = ", ".join(values)
        zh = f"目标列 {target} 的取值为 {both};请用 --positive 指明哪一个算作 1。"
        raise Unusable("target_unclear", zh, f"The target {target} is one of {both}; say with --positive which counts as 1.")
    outcome = np.fromiter((word == positive for word in words), np.float64, len(words))
    fewest = int(min(outcome.sum(), len(outcome) - outcome.sum()))
    if fewest < _FEWEST:
        zh = f"目标列 {target} 的一种取值仅 {fewest} 行,至少需要 {_FEWEST} 行。"
        raise Unusable("too_few", zh, f"One value of {target} has {fewest} rows; {_FEWEST} are the least to learn from.")
    return outcome


def _folds(sheet: Sheet, outcome: Numbers, group: str | None, seed: int) -> list[NDArray[np.int64]]:
    """Per repeat the fold of each row: by its group's digest, else by chance with as many positives in each."""
    if group is not None:
        words = sheet.words(group)
        named = [
            {word: int(hashlib.sha256(f"{seed}:{repeat}:{word}".encode()).hexdigest()[:12], 16) % _FOLDS for word in set(words)}
            for repeat in range(_REPEATS)
        ]
        folds = [np.fromiter((fold[word] for word in words), np.int64, len(words)) for fold in named]
    else:
        folds = []
        for repeat in range(_REPEATS):
            chance = np.random.Generator(np.random.PCG64([seed, repeat]))
            fold = np.empty(len(outcome), np.int64)
            for value in (0.0, 1.0):
                rows = chance.permutation(np.flatnonzero(outcome == value))
                fold[rows] = np.arange(len(rows)) % _FOLDS
            folds.append(fold)
    for fold in folds:
        for number in range(_FOLDS):
            learnt = outcome[fold != number]
            if len(learnt) == len(outcome) or not _FEWEST // 2 < learnt.sum() < len(learnt) - _FEWEST // 2:
                zh = f"按 {group} 分组后样本过少,无法交叉验证。"
                raise Unusable("too_few", zh, f"Too few groups of {group} to learn from some and test on the others.")
    return folds


# --- Trees ---------------------------------------------------------------------------------------------------------


def _parameters(task: _Task) -> dict[str, Any]:
    """Small trees, slowly grown, each on a part of rows and columns; gentler still when there are few rows."""
    rows, width = task.matrix.shape
    return {
        "objective": "binary",
        "learning_rate": 0.05,
        "num_leaves": 8,
        "max_bin": 127,
        "min_data_in_leaf": int(np.clip(rows // 150, 5, 100)),
        "min_data_per_group": int(np.clip(rows // 150, 5, 100)),
        "cat_smooth": 20.0,
        "lambda_l2": 20.0,
        "feature_fraction": float(np.clip(8 / width, 0.3, 1.0)),
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }


def _grow(task: _Task, progress: Progress) -> tuple[tuple[str, ...], Numbers]:
    """One ensemble per repeat and fold, cut where unseen rows are served best; and the log-odds of each row where unseen."""
    import lightgbm

    parts = [(repeat, fold) for repeat in range(_REPEATS) for fold in range(_FOLDS)]
    steps = _ROUNDS // _STEP
    odds = np.zeros((steps, len(task.outcome)))
    parameters = _parameters(task)

    def one(part: tuple[int, int]) -> tuple[Any, NDArray[np.int64], Numbers]:
        unseen = task.folds[part[0]] == part[1]
        data = lightgbm.Dataset(
            task.matrix[~unseen],
            task.outcome[~unseen],
            feature_name=_names(task.matrix.shape[1]),
            categorical_feature=task.words,
            params=parameters,
        )
        booster = lightgbm.train({**parameters, "seed": task.seed * 1000 + part[0] * _FOLDS + part[1]}, data, _ROUNDS)
        rows, grown = np.flatnonzero(unseen), np.zeros((steps, int(unseen.sum())))
        for step in range(steps):
            grown[step] = booster.predict(
                task.matrix[rows], start_iteration=step * _STEP, num_iteration=_STEP, raw_score=True, num_threads=1
            )
        return booster, rows, np.cumsum(grown, axis=0)

    boosters = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        for booster, rows, grown in threads.map(one, parts):
            boosters.append(booster)
            odds[:, rows] += grown / _REPEATS
            progress("fit", len(boosters), len(parts))
    losses = [quality.log_loss(task.outcome, row) for row in odds]
    best = int(np.argmin(losses))
    kept = tuple(booster.model_to_string(num_iteration=(best + 1) * _STEP, importance_type="gain") for booster in boosters)
    return kept, odds[best]


def _names(width: int) -> list[str]:
    return [f"f{number}" for number in range(width)]


def _scale(odds: Numbers, outcome: Numbers) -> tuple[float, float]:
    """Intercept and slope that make log-odds of unseen rows true on average; a slope below nil would turn the score round.

    Where the trees tell the outcomes apart without a mistake, no slope is steep enough: their own log-odds stand.
    """
    intercept, slope, *_ = quality.logistic(odds, outcome)
    if slope >= 3.0:
        return 0.0, 1.0
    if not slope > 0.0:
        base = float(outcome.mean())
        return float(quality.logit(np.array([base]))[0]), 0.0
    return round(intercept, 9), round(slope, 9)


def _cross_scaled(odds: Numbers, outcome: Numbers, fold: NDArray[np.int64]) -> Numbers:
    """Probabilities of unseen rows, each scaled by what the other folds say: what the card's figures are made of."""
    probability = np.empty(len(odds))
    for number in range(_FOLDS):
        mine = fold == number
        intercept, slope = _scale(odds[~mine], outcome[~mine])
        probability[mine] = quality.expit(intercept + slope * odds[mine])
    return probability


def _boosters(trees: Sequence[str]) -> list[Any]:
    """LightGBM's ensembles read back from their texts."""
    import lightgbm

    try:
        return [lightgbm.Booster(model_str=text) for text in trees]
    except lightgbm.basic.LightGBMError as wrong:
        raise Unusable("bad_model", f"模型无法读取:{wrong}", f"The model's trees cannot be read: {wrong}") from None


# --- Using it ------------------------------------------------------------------------------------------------------


def predict(model: Model, sheet: Sheet) -> Numbers:
    """The probability of each row, in the order of the rows. A category never seen counts as unknown."""
    matrix = model.recipe.matrix(sheet)
    ensembles = _boosters(model.trees)
    odds = np.zeros(len(matrix))
    for ensemble in ensembles:
        odds += np.asarray(ensemble.predict(matrix, raw_score=True), np.float64)
    return quality.expit(model.scale[0] + model.scale[1] * odds / len(ensembles))


def reasons(model: Model, sheet: Sheet, count: int) -> list[list[dict[str, Any]]]:
    """Per row the `count` topics that move its log-odds most, from a row the trees know nothing of.

    `[{"topic", "columns": {name: cell}, "effect"}]`: effect above 0 raises the probability. Shapley values of the trees
    (Lundberg et al. 2018), exact; those of one topic are added up.
    """
    matrix = model.recipe.matrix(sheet)
    ensembles = _boosters(model.trees)
    total = sum(np.asarray(ensemble.predict(matrix, pred_contrib=True), np.float64) for ensemble in ensembles)
    effects = np.asarray(total)[:, :-1] * model.scale[1] / len(ensembles)
    topics: dict[str, list[int]] = {}
    for number, feature in enumerate(model.recipe.features):
        topics.setdefault(_topic_of(model.recipe, feature.topic, feature.of), []).append(number)
    names = list(topics)
    summed = np.column_stack([effects[:, members].sum(axis=1) for members in topics.values()])
    order = np.argsort(-np.abs(summed), axis=1, kind="stable")[:, :count]
    about = {name: _columns_of(model.recipe, members) for name, members in topics.items()}
    cells = {column.name: sheet.words(column.name) for column in model.recipe.columns}
    return [
        [
            {
                "topic": names[place],
                "columns": {name: cells[name][row] for name in about[names[place]]},
                "effect": round(float(summed[row, place]), 6),
            }
            for place in places
        ]
        for row, places in enumerate(order)
    ]


def _topic_of(how: Recipe, topic: str, of: tuple[str, ...]) -> str:
    """A column that belongs to a series speaks of the series."""
    if len(of) == 1 and " / " not in topic:
        return next((other.topic for other in how.features if other.how == "mean" and of[0] in other.of), topic)
    return topic


def _columns_of(how: Recipe, members: Sequence[int]) -> list[str]:
    return list(dict.fromkeys(name for number in members for name in how.features[number].of + how.features[number].per))


def drift(model: Model, sheet: Sheet) -> dict[str, Any]:
    """How far these rows have moved from those the model learnt from: `{"rows", "drifted", "score", "columns"}`.

    Per column, and for the probabilities themselves: the population stability index, `stable` to 0.1, `look` to 0.25,
    `drifted` above, and the share of unknown cells (new categories among them) then and now.
    """
    probability = predict(model, sheet)
    columns = [
        {"column": column.name, **quality.compare(model.reference["columns"][column.name], column.values(sheet))}
        for column in model.recipe.columns
    ]
    score = quality.compare(model.reference["score"], probability)
    drifted = [str(column["column"]) for column in columns if column["level"] == "drifted"]
    return {
        "rows": len(sheet),
        "rows_then": model.card["rows"],
        "fingerprint": model.fingerprint,
        "drifted": drifted,
        "score": {
            **score,
            "mean_then": model.card["out_of_fold"]["mean_probability"],
            "mean_now": round(float(probability.mean()), 6),
        },
        "columns": sorted(columns, key=lambda column: -column["psi"]),
    }


# --- The card and the file -----------------------------------------------------------------------------------------


def _reference(how: Recipe, sheet: Sheet, probability: Numbers) -> dict[str, Any]:
    columns = {
        column.name: quality.reference(column.values(sheet), words=column.words if column.kind == "word" else None)
        for column in how.columns
    }
    return {"columns": columns, "score": quality.reference(probability)}


def _importance(how: Recipe, trees: Sequence[str]) -> list[dict[str, Any]]:
    """Each topic's share of all that the trees gained by their splits, the greatest first."""
    gained = sum(ensemble.feature_importance("gain") for ensemble in _boosters(trees))
    total = max(float(np.sum(gained)), 1e-12)
    shares: dict[str, float] = {}
    for feature, gain in zip(how.features, np.asarray(gained).tolist(), strict=True):
        topic = _topic_of(how, feature.topic, feature.of)
        shares[topic] = shares.get(topic, 0.0) + gain / total
    return [
        {"topic": name, "share": round(share, 6)} for name, share in sorted(shares.items(), key=lambda item: -item[1]) if share
    ]


def _method(task: _Task, trees: Sequence[str]) -> dict[str, Any]:
    return {
        "trees": "LightGBM, binary log-loss",
        "ensembles": len(trees),
        "rounds": sum(line.startswith("Tree=") for line in trees[0].splitlines()),
        "features": task.matrix.shape[1],
        "folds": _FOLDS,
        "repeats": _REPEATS,
        "scaled_by": "logistic regression on the log-odds of unseen rows",
        "parameters": _parameters(task),
        "seed": task.seed,
    }


def _software() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in ("anhuan", "lightgbm", "numpy")}


def save(model: Model, path: Path) -> None:
    """Write the model as one JSON file: texts and numbers, nothing that runs. Whole or not at all."""
    body = {
        "recipe": model.recipe.document(),
        "trees": list(model.trees),
        "scale": list(model.scale),
        "reference": model.reference,
        "card": model.card,
    }
    beside = path.with_name(f".{path.name}.writing")
    try:
        beside.write_text(json.dumps({"format": FORMAT, "sha256": _digest(body), "model": body}, ensure_ascii=False) + "\n")
        beside.replace(path)
    except OSError as wrong:
        raise Unusable(
            "unwritable", f"无法写入 {path}:{wrong.strerror}", f"{path} cannot be written: {wrong.strerror}"
        ) from None


def load(path: Path) -> Model:
    """A model read back; refused when it is none, of another format, or not as it was written."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        body = document["model"]
        whole = document["format"] == FORMAT and document["sha256"] == _digest(body)
        how = Recipe.of_document(body["recipe"])
        scale = (float(body["scale"][0]), float(body["scale"][1]))
        model = Model(how, tuple(map(str, body["trees"])), scale, body["reference"], body["card"])
    except OSError as wrong:
        raise Unusable("unreadable", f"无法读取 {path}:{wrong.strerror}", f"{path} cannot be read: {wrong.strerror}") from None
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        raise Unusable(
            "bad_model", f"{path} 不是模型文件({FORMAT})。", f"{path} is no model ({FORMAT}); anhuan score fit makes one."
        ) from None
    if not whole or not model.trees:
        raise Unusable("bad_model", f"{path} 与写入时不一致,请重新训练。", f"{path} is not as it was written; fit it again.")
    return model


def _digest(document: Any) -> str:
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
