"""Commands of the analyst: scores fitted and used, experiments assigned, sized and judged. Neither Django nor a database."""

from __future__ import annotations

import csv
import json
import math
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from anhuan.cli.terminal import EXIT_NO, AsJson, app, console, home, print_json, progress_bars, say, table, usage

if TYPE_CHECKING:
    from anhuan.portfolio.scores import Model

score_app = typer.Typer(no_args_is_help=True, help="Scores: fit one, use it, watch it.")
experiment_app = typer.Typer(no_args_is_help=True, help="Experiments: who gets what, what it did, how many are needed.")
app.add_typer(score_app, name="score")
app.add_typer(experiment_app, name="experiment")

Outcome = Literal["cured", "rolled"]
Data = Annotated[Path, typer.Argument(metavar="DATA.csv", help="CSV with a header line, UTF-8.")]
ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="What score fit wrote.")]


@contextmanager
def _usable(*, as_json: bool) -> Iterator[None]:
    """What cannot be used ends with exit code 2 and a sentence."""
    from anhuan.portfolio.tabular import Unusable

    try:
        yield
    except Unusable as wrong:
        usage(wrong.code, wrong.zh, wrong.en, as_json=as_json)
    except OSError as wrong:
        if "libgomp" not in str(wrong):
            raise
        usage(
            "no_openmp",
            "缺少系统库 libgomp.so.1;Debian 上请执行:apt-get install libgomp1",
            "the system library libgomp.so.1 is missing; on Debian: apt-get install libgomp1",
            as_json=as_json,
        )


def _names(texts: list[str] | None) -> list[str]:
    """Columns given one by one or separated by commas."""
    return list(dict.fromkeys(name.strip() for text in texts or [] for name in text.split(",") if name.strip()))


# --- Scores --------------------------------------------------------------------------------------------------------


@score_app.command("fit")
def score_fit(
    data: Data,
    *,
    target: Annotated[str, typer.Option(help="The column to predict; it takes two values.")],
    model: Annotated[Path, typer.Option(help="Where to write the model.")],
    exclude: Annotated[list[str] | None, typer.Option(help="Columns that are no inputs, separated by commas.")] = None,
    group: Annotated[str | None, typer.Option(help="Rows of one value of this column are tested together; no input.")] = None,
    fairness: Annotated[list[str] | None, typer.Option(help="Columns the card breaks results down by.")] = None,
    positive: Annotated[str | None, typer.Option(help="The value of the target that counts as 1.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is left to chance.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Learn the chance of the target from all other columns; prints the model card (JSON).

    Every column not excluded is used: whether one is protected is for the caller to say.
    """
    with _usable(as_json=as_json), progress_bars() as progress:
        from anhuan import clock
        from anhuan.portfolio import scores, tabular

        fitted = scores.fit(
            tabular.read_csv(data),
            target=target,
            at=clock.now(),
            exclude=_names(exclude),
            group=group,
            fairness=_names(fairness),
            positive=positive,
            seed=seed,
            progress=progress,
        )
        scores.save(fitted, model)
    print_json(fitted.card)
    found = fitted.card["out_of_fold"]
    area, brier, slope = found["auc"], found["brier"], found["calibration"]["slope"]
    say(
        f"{model}: {found['rows']:,} rows; on rows not learnt from: "
        f"AUC {area['value']:.3f} ({area['low']:.3f} – {area['high']:.3f}), Brier {brier['value']:.3f}, slope {slope['value']:.2f}"
    )


@score_app.command("table")
def score_table(
    *,
    outcome: Annotated[
        Outcome, typer.Option(help="What is to be learnt: whether an account cured, or rolled into a higher bucket.")
    ] = "cured",
    within: Annotated[int, typer.Option(min=1, help="… on one of so many later nights.")] = 7,
    every: Annotated[int, typer.Option(min=1, help="Take every so manieth night only.")] = 1,
    also: Annotated[list[str] | None, typer.Option(help="Further columns of customers, separated by commas.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rows to learn from, out of the sealed nights of this home: CSV, for `score fit --target happened`."""
    with _usable(as_json=as_json), tempfile.TemporaryDirectory() as workspace:
        from pyarrow import csv as arrow_csv

        from anhuan.portfolio import engine, scores, snapshot

        con = engine.connect(Path(workspace))
        nights = [snapshot.load(con, folder) for folder in _sealed()]
        try:
            found = scores.training_table(nights, outcome=outcome, within=within, every=every, also=_names(also))
        except ValueError:
            usage(
                "too_few_nights",
                f"{home()} 中只有 {len(nights)} 个已封存的批次，没有一个批次之后还有 {within} 个批次可供学习。",
                f"{home()} has {len(nights)} sealed nights: none has {within} later ones to learn from.",
                as_json=as_json,
            )
        arrow_csv.write_csv(found.order_by("business_date", "account_id").to_pyarrow(), sys.stdout.buffer)


def _sealed() -> list[Path]:
    """The sealed nights of the home, oldest first; of a night that was replaced, the one that stands."""
    latest: dict[str, tuple[int, str]] = {}
    for file in (home() / "nights").glob("*.json"):
        told = json.loads(file.read_text())
        latest[told["business_date"]] = max(latest.get(told["business_date"], (0, "")), (told["sequence"], told["snapshot"]))
    return [home() / "snapshots" / name for _day, (_sequence, name) in sorted(latest.items())]


@score_app.command("predict")
def score_predict(
    model: ModelFile,
    data: Data,
    reasons: Annotated[int | None, typer.Option(min=1, max=50, help="Also say why: so many reasons a row.")] = None,
    reasons_to: Annotated[
        Path | None, typer.Option(help="Where the reasons go, as JSON Lines in the order of the rows.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The probability of each row, in their order: CSV with the one column `probability`."""
    if (reasons is None) != (reasons_to is None):
        usage(
            "reasons_where",
            "--reasons 与 --reasons-to 须同时给出。",
            "--reasons N and --reasons-to FILE go together.",
            as_json=as_json,
        )
    with _usable(as_json=as_json):
        from anhuan.portfolio import scores, tabular

        fitted, sheet = scores.load(model), tabular.read_csv(data)
        found = scores.predict(fitted, sheet).tolist()
        if reasons is not None and reasons_to is not None:
            _write_reasons(reasons_to, found, scores.reasons(fitted, sheet, reasons), as_json=as_json)
    if as_json:
        print_json({"fingerprint": fitted.fingerprint, "probability": [round(value, 9) for value in found]})
        return
    sys.stdout.write("probability\n")
    sys.stdout.writelines(f"{value:.9f}\n" for value in found)


def _write_reasons(path: Path, found: list[float], told: list[list[dict[str, Any]]], *, as_json: bool) -> None:
    try:
        with path.open("w", encoding="utf-8") as file:
            for row, (probability, reasons) in enumerate(zip(found, told, strict=True), start=1):
                line = {"row": row, "probability": round(probability, 9), "reasons": reasons}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as wrong:
        usage("unwritable", f"无法写入 {path}:{wrong.strerror}", f"{path} cannot be written: {wrong.strerror}", as_json=as_json)


@score_app.command("drift")
def score_drift(model: ModelFile, data: Data, as_json: AsJson = False) -> None:
    """How far new rows have moved from those learnt from, column by column; exit code 1 when one has drifted."""
    with _usable(as_json=as_json):
        from anhuan.portfolio import scores, tabular

        report = scores.drift(scores.load(model), tabular.read_csv(data))
    if as_json:
        print_json(report)
    else:
        rows = [(one["column"], f"{one['psi']:.3f}", one["level"], f"{one['unknown_now']:.1%}") for one in report["columns"]]
        score = report["score"]
        rows.insert(0, ("(probability)", f"{score['psi']:.3f}", score["level"], ""))
        console().print(table("", ("column", "psi", "level", "unknown now"), rows))
    raise typer.Exit(EXIT_NO if report["drifted"] or report["score"]["level"] == "drifted" else 0)


@score_app.command("card")
def score_card(model: ModelFile, as_json: AsJson = False) -> None:
    """The model card again, out of the model."""
    with _usable(as_json=as_json):
        from anhuan.portfolio import scores

        fitted: Model = scores.load(model)
    print_json(fitted.card)


# --- Experiments ---------------------------------------------------------------------------------------------------


@experiment_app.command("report")
def experiment_report(
    data: Data,
    *,
    outcome: Annotated[str, typer.Option(help="The column with what came of it, a number.")],
    arm: Annotated[str | None, typer.Option(help="The column that names each row's arm.")] = None,
    control: Annotated[str | None, typer.Option(help="The arm the others are compared with.")] = None,
    running: Annotated[
        str | None, typer.Option(help="Instead of arms: the number whose threshold decided the treatment.")
    ] = None,
    cutoff: Annotated[float | None, typer.Option(help="The threshold; rows at or above it were treated.")] = None,
    window: Annotated[float | None, typer.Option(help="Only rows this near to the threshold.")] = None,
    as_json: AsJson = False,
) -> None:
    """What each arm did against the control, with 95 % intervals; or what crossing a threshold did."""
    by_arm, by_threshold = arm is not None or control is not None, running is not None or cutoff is not None
    if by_arm == by_threshold or None in ((arm, control) if by_arm else (running, cutoff)) or (window is not None and by_arm):
        usage(
            "which_report",
            "请给出 --arm 与 --control,或 --running 与 --cutoff(可加 --window)。",
            "give --arm and --control, or --running and --cutoff (and --window if you like).",
            as_json=as_json,
        )
    if not all(math.isfinite(value) for value in (cutoff or 0.0, window or 0.0)) or (window is not None and window <= 0):
        usage(
            "bad_window",
            "--cutoff 应为数字,--window 应大于 0。",
            "--cutoff takes a number, --window one above 0.",
            as_json=as_json,
        )
    with _usable(as_json=as_json):
        from anhuan.portfolio import experiments, tabular

        sheet = tabular.read_csv(data)
        if arm is not None and control is not None:
            found = [one.document() for one in experiments.effects(sheet, arm=arm, outcome=outcome, control=control)]
        else:
            jump = experiments.discontinuity(
                sheet, running=running or "", outcome=outcome, cutoff=float(cutoff or 0.0), window=window
            )
            found = [jump.document()]
    if as_json:
        print_json(found)
        return
    columns = ("arm", "n", "mean", "effect", "low", "high", "p")
    rows = [[cell if isinstance(cell := one[name], int | str | None) else f"{cell:.6g}" for name in columns] for one in found]
    console().print(table("", columns, rows))


@experiment_app.command("assign")
def experiment_assign(
    data: Data,
    column: Annotated[str, typer.Option(help="The column with the customer's id.")],
    seed: Annotated[str, typer.Option(help="The experiment's name: another seed, another draw.")],
    share: Annotated[list[str], typer.Option(help="arm=share, such as hold_out=0.1; together they make 1.")],
    as_json: AsJson = False,
) -> None:
    """The arm of each row, in their order: CSV with the column and `arm`. The same id always falls to the same arm."""
    with _usable(as_json=as_json):
        from anhuan.portfolio import experiments, tabular

        sheet = tabular.read_csv(data)
        sheet.need(column)
        try:
            drawn = experiments.assignment(experiments.shares_of(_names(share)), seed=seed)
        except (ValueError, ZeroDivisionError):
            usage(
                "bad_shares",
                f"--share 形如 hold_out=0.1,各组之和须为 1;--seed 不可为空。收到:{' '.join(share)}",
                f"--share is written arm=share and the shares add up to 1, under a seed; given: {' '.join(share)}",
                as_json=as_json,
            )
        found = [(word, drawn.arm(word)) for word in sheet.words(column)]
    if as_json:
        print_json([{column: word, "arm": arm} for word, arm in found])
        return
    csv.writer(sys.stdout, lineterminator="\n").writerows([(column, "arm"), *found])


@experiment_app.command("power")
def experiment_power(
    *,
    rate: Annotated[float | None, typer.Option(min=0, max=1, help="The rate without treatment, such as 0.12.")] = None,
    to: Annotated[float | None, typer.Option(min=0, max=1, help="The rate with it.")] = None,
    deviation: Annotated[float | None, typer.Option(help="For a mean instead of a rate: its standard deviation.")] = None,
    difference: Annotated[float | None, typer.Option(help="By how much the means differ.")] = None,
    n: Annotated[int | None, typer.Option(min=2, help="Rows of control at hand; without, they are worked out.")] = None,
    power: Annotated[float, typer.Option(min=0.01, max=0.9999, help="The chance to see the effect.")] = 0.8,
    alpha: Annotated[float, typer.Option(min=0.000001, max=0.5, help="The chance to see one where there is none.")] = 0.05,
    ratio: Annotated[float, typer.Option(min=0.001, max=1000, help="Rows treated per row of control.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """How many rows an experiment needs, or what those at hand can show. Two-sided.

    --rate 0.12 --to 0.14: rows needed; with --n: the power. --rate 0.12 --n 5000: the smallest rise seen. Likewise with
    --deviation and --difference.
    """
    rates = rate is not None
    size, base, other = (to, rate, difference) if rates else (difference, deviation, to)
    wrong = base is None or (rates and deviation is not None) or other is not None or (size is None and n is None)
    wrong = wrong or not all(math.isfinite(value) for value in (base, size) if value is not None)
    wrong = wrong or size == (base if rates else 0) or not 0 < (base or 0) < (1 if rates else math.inf)
    if wrong or base is None:
        usage(
            "which_power",
            "请给出 --rate 与 --to,或 --deviation 与 --difference;有 --n 时效应可省略。",
            "give --rate and --to (they differ), or --deviation and --difference; with --n the effect may be left out.",
            as_json=as_json,
        )
    answer = _power(rates=rates, base=base, size=size, n=n, power=power, alpha=alpha, ratio=ratio)
    if as_json:
        print_json(answer)
    else:
        console().print(table("", answer.keys(), [[f"{v:.6g}" if isinstance(v, float) else v for v in answer.values()]]))
    raise typer.Exit(EXIT_NO if answer["effect"] is None else 0)


def _power(
    *, rates: bool, base: float, size: float | None, n: int | None, power: float, alpha: float, ratio: float
) -> dict[str, Any]:
    """Whichever of rows, power and effect was not given."""
    from anhuan.portfolio import experiments

    how: dict[str, float] = {"alpha": alpha, "ratio": ratio}
    if size is None and n is not None:
        seen = experiments.seen_in_rates if rates else experiments.seen_in_means
        effect = seen(base, n, power=power, **how)
    elif rates:
        effect = float(size or 0.0) - base
        rows = n or math.ceil(experiments.needed_for_rates(base, base + effect, power=power, **how))
        n, power = rows, experiments.power_of_rates(base, base + effect, rows, **how)
    else:
        effect = float(size or 0.0)
        rows = n or math.ceil(experiments.needed_for_means(effect, base, power=power, **how))
        n, power = rows, experiments.power_of_means(effect, base, rows, **how)
    treated = math.ceil((n or 0) * ratio)
    return {
        "of": "rates" if rates else "means",
        "effect": effect,
        "n_control": n,
        "n_treated": treated,
        "power": power,
        "alpha": alpha,
    }
