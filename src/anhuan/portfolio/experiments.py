"""Experiments: who gets what by chance, what it did, what another treatment would do, and how many are needed to see it.

Knows assignment by digest, effects with intervals, what arms came to over sealed nights, regression at a threshold, and power.
Does not know strategies or contacts: an arm is a name. All intervals are two-sided.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from fractions import Fraction
from typing import Any

import ibis
import numpy as np
from ibis import _
from ibis.expr import types as ir

from anhuan.core.vocabulary import PaymentKind, Presence
from anhuan.portfolio.delinquency import HOME_CURRENCY, in_arrears
from anhuan.portfolio.tabular import Numbers, Sheet, Unusable

HOLD_OUT = "hold_out"
"""The arm that is not contacted at all: what an arm recovers above it is what contacting brings."""

_DIGITS = 16  # of the digest, in hex
_WHOLE = 16**_DIGITS


# --- Assignment ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Assignment:
    """A stable random assignment: the same customer, seed and shares give the same arm, on any machine, for ever.

    A customer's place is the number of the first 16 hex digits of SHA-256 over `<seed>:<customer id>` (UTF-8). Places are
    shared out in order, the hold-out first: it stays who it is while the shares of the other arms change, and a larger
    hold-out contains the smaller one.
    """

    seed: str
    ends: tuple[tuple[str, str], ...]
    """Arm and the place (hex) its stretch ends before; that of the last arm is empty."""

    def arm(self, customer_id: str) -> str:
        digest = hashlib.sha256(f"{self.seed}:{customer_id}".encode()).hexdigest()[:_DIGITS]
        return next(arm for arm, end in self.ends if not end or digest < end)

    def column(self, customer_id: ir.StringValue) -> ir.StringValue:
        """The same over a column; NULL where the id is NULL."""
        digest = (ibis.literal(f"{self.seed}:") + customer_id).hexdigest("sha256").substr(0, _DIGITS)
        steps = [(digest < end, arm) for arm, end in self.ends if end]
        return ibis.cases((customer_id.isnull(), ibis.null("string")), *steps, else_=self.ends[-1][0])


def assignment(shares: Mapping[str, str | int | Fraction], *, seed: str) -> Assignment:
    """Shares by arm, as exact numbers ("0.1", "1/3") that add up to one; an arm named `hold_out` is not contacted.

    Raises ValueError for shares that do not add up, are below nil, or for a seed that is empty.
    """
    exact = {arm: Fraction(share) for arm, share in shares.items()}
    if not seed or not exact or min(exact.values()) < 0 or sum(exact.values()) != 1:
        raise ValueError(f"an assignment needs a seed, and shares that add up to 1: {dict(shares)}")
    order = sorted((arm for arm, share in exact.items() if share > 0), key=lambda arm: arm != HOLD_OUT)
    ends: list[tuple[str, str]] = []
    upto = Fraction(0)
    for arm in order:
        upto += exact[arm]
        ends.append((arm, f"{math.ceil(upto * _WHOLE):0{_DIGITS}x}" if upto < 1 else ""))
    return Assignment(seed, tuple(ends))


# --- What it did ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Effect:
    """`effect` = mean of the arm less that of the control, with the interval `low`…`high`; None: too few rows to say."""

    arm: str
    n: int
    mean: float
    effect: float
    low: float | None
    high: float | None
    p: float | None

    def document(self) -> dict[str, Any]:
        return asdict(self)


def effects(sheet: Sheet, *, arm: str, outcome: str, control: str, confidence: float = 0.95) -> list[Effect]:
    """Each arm against the control, the control first (effect 0), the others as they first appear.

    Welch's t interval, which does not assume equal variances. Raises `Unusable`.
    """
    sheet.need(arm, outcome)
    values = sheet.numbers(outcome, required=True)
    words = np.asarray(sheet.words(arm), dtype=object)
    arms = list(dict.fromkeys(words.tolist()))
    if control not in arms:
        listed = ", ".join(arms[:20])
        zh = f"{sheet.name} 的 {arm} 列没有对照组“{control}”;现有:{listed}。"
        raise Unusable("unknown_control", zh, f"{sheet.name} has no arm {control!r} in column {arm}; it has {listed}.")
    if "" in arms:
        line = sheet.lines[words.tolist().index("")]
        zh = f"{sheet.name} 第 {line} 行 {arm} 列为空;请补上组别或删去该行。"
        raise Unusable("bad_cell", zh, f"{sheet.name}, line {line}, column {arm} is empty; name the arm or leave the row out.")
    base = values[words == control]
    found = [Effect(control, len(base), float(base.mean()), 0.0, 0.0, 0.0, 1.0)]
    return found + [_welch(name, values[words == name], base, confidence) for name in arms if name != control]


def _welch(name: str, treated: Numbers, base: Numbers, confidence: float, *, skewed: bool = False) -> Effect:
    effect = float(treated.mean() - base.mean())
    if min(len(treated), len(base)) < 2:
        return Effect(name, len(treated), float(treated.mean()), effect, None, None, None)
    parts = [float(values.var(ddof=1)) / len(values) for values in (treated, base)]
    error = math.sqrt(sum(parts))
    freedom = (
        sum(parts) ** 2 / sum(part**2 / (len(values) - 1) for part, values in zip(parts, (treated, base), strict=True))
        if error
        else 1.0
    )
    if skewed:
        common = sum((len(values) - 1) * float(values.var(ddof=1)) for values in (treated, base)) / (
            len(treated) + len(base) - 2
        )
        error = max(error, math.sqrt(common * (1 / len(treated) + 1 / len(base))))
    return Effect(name, len(treated), float(treated.mean()), effect, *_interval(effect, error, freedom, confidence))


def _interval(effect: float, error: float, freedom: float, confidence: float) -> tuple[float, float, float]:
    """Low, high and p by Student's t; without any scatter the effect is certain."""
    if not error:
        return effect, effect, 0.0 if effect else 1.0
    from scipy import special  # here, not above: most who import experiments deal out arms only

    half = float(special.stdtrit(freedom, (1 + confidence) / 2)) * error
    return effect - half, effect + half, float(2 * special.stdtr(freedom, -abs(effect) / error))


@dataclass(frozen=True)
class Jump:
    """The effect of crossing a threshold. `n`, `mean`: rows above it and their mean outcome; `n_below` below it."""

    effect: Effect
    n_below: int
    slope: float
    freedom: int

    def document(self) -> dict[str, Any]:
        return self.effect.document() | {"n_below": self.n_below, "slope": self.slope, "degrees_of_freedom": self.freedom}


def discontinuity(
    sheet: Sheet, *, running: str, outcome: str, cutoff: float, window: float | None = None, confidence: float = 0.95
) -> Jump:
    """Regression at a threshold: least squares of the outcome on treatment (x ≥ cutoff) and x, with one common slope.

    Over the rows with cutoff − window ≤ x < cutoff + window; over all without a window. Classical standard error.
    Raises `Unusable`.
    """
    sheet.need(running, outcome)
    x, y = sheet.numbers(running, required=True), sheet.numbers(outcome, required=True)
    inside = np.ones(len(x), dtype=bool) if window is None else (x >= cutoff - window) & (x < cutoff + window)
    x, y = x[inside] - cutoff, y[inside]
    treated = x >= 0
    above, below = int(treated.sum()), int((~treated).sum())
    if min(above, below) < 2 or above + below < 4:
        zh = f"{sheet.name} 在 {running} = {cutoff:g} 处:窗口内阈值以上 {above} 行、以下 {below} 行,不足以估计;请放宽窗口。"
        en = f"{sheet.name}: {above} rows above and {below} below {running} = {cutoff:g} in the window are too few; widen it."
        raise Unusable("too_few", zh, en)
    # Out of each the part that a constant and x explain; what is left of treatment then stands alone (Frisch and Waugh).
    lean = x - x.mean()
    spread = float((lean**2).sum())
    share = treated.astype(np.float64) - treated.mean()
    own = share - lean * (float((share * lean).sum()) / spread if spread else 0.0)
    weight = float((own**2).sum())
    if not spread or weight < 1e-9 * above:
        zh = f"{sheet.name}:窗口内 {running} 的取值过少,无法将阈值与趋势分开。"
        raise Unusable(
            "too_few", zh, f"{sheet.name}: {running} takes too few values in the window to tell the jump from the trend."
        )
    jump = float((own * (y - y.mean())).sum()) / weight
    rest = y - y.mean() - jump * share
    slope = float((lean * rest).sum()) / spread
    freedom = len(x) - 3
    error = math.sqrt(float(((rest - slope * lean) ** 2).sum()) / freedom / weight)
    effect = Effect("treated", above, float(y[treated].mean()), jump, *_interval(jump, error, freedom, confidence))
    return Jump(effect, below, slope, freedom)


# --- What arms came to over sealed nights --------------------------------------------------------------------------

MEASURES = ("cured", "recovered", "paid_minor")
_SKEWED = frozenset({"paid_minor"})
"""Measures in which a few rows outweigh thousands. A small arm that has missed those few shows too little scatter, and with it
too narrow an interval; so the arms' common scatter counts where it is wider (`bench/recovery.py` shows the difference)."""
_BETWEEN = "\x1f"


def outcomes(first: ir.Table, last: ir.Table, payments: ir.Table, *, after: date, currency: str = HOME_CURRENCY) -> ir.Table:
    """What became of everybody overdue on a first night until a last one: customer_id, cured (0 or 1), recovered, paid_minor.

    `first`, `last`: the standings of those nights (`delinquency.STANDING`). `payments`: payments of the nights between, the last
    included, in which postings after the date `after` (the first business date) count. Cured: on the last night nothing of hers is
    overdue, nor has gone missing while overdue. Paid: what she paid in `currency`, reversals taken off, waivers left out.
    Recovered: that as a share, 1 at most, of what was overdue in `currency`; where nothing was in it, as cured.
    """
    late = first.filter(in_arrears(first))
    owed = ibis.ifelse(late.currency == currency, late.past_due_amount_minor, 0)
    cohort = late.select("customer_id", owed=owed).group_by("customer_id").agg(owed=_.owed.sum())
    owes = last.filter(in_arrears(last) | (last.presence == Presence.MISSING)).select("customer_id").distinct()
    posted = payments.filter(
        payments.posted_on > ibis.literal(after), payments.kind != PaymentKind.WAIVER, payments.currency == currency
    ).distinct(on="payment_id", keep="first")
    signed = ibis.ifelse(posted.kind == PaymentKind.REVERSAL, -1, 1) * posted.amount_minor
    owners = first.select("account_id", "customer_id").union(last.select("account_id", "customer_id"), distinct=True)
    paid = posted.select("account_id", amount=signed).join(owners, "account_id")
    paid = paid.group_by("customer_id").agg(paid_minor=_.amount.sum().cast("int64"))
    still = cohort.left_join(owes.mutate(owes=ibis.literal(value=True)), "customer_id").drop("customer_id_right")
    found = still.left_join(paid, "customer_id").drop("customer_id_right")
    found = found.mutate(cured=found.owes.isnull().cast("int8"), paid_minor=found.paid_minor.fill_null(0))
    share = (found.paid_minor.cast("float64") / found.owed.nullif(0).cast("float64")).clip(lower=0.0, upper=1.0)
    return found.select("customer_id", "cured", "paid_minor", recovered=share.fill_null(found.cured.cast("float64")))


def arms(
    first: ir.Table,
    last: ir.Table,
    payments: ir.Table,
    dealt: Assignment,
    *,
    after: date,
    control: str = HOLD_OUT,
    currency: str = HOME_CURRENCY,
) -> list[dict[str, Any]]:
    """What came of each arm over sealed nights: `[{"arm", "n", "cured": {…}, "recovered": {…}, "paid_minor": {…}}]`, the control first.

    Arguments as of `outcomes`; `dealt` is the assignment of the strategy that was live. Each measure has `mean`, `effect` (mean less
    that of the control), `low`, `high` (95 %; of amounts rather too wide than too narrow) and `p`; where the control has nobody,
    effects are null. Everybody counts in the arm she was dealt to, reached or not. Executes.
    """
    found = outcomes(first, last, payments, after=after, currency=currency)
    rows = found.mutate(arm=dealt.column(found.customer_id)).to_pyarrow()
    return compared(np.asarray(rows["arm"].to_pylist(), dtype=object), measured(rows), control=control)


def measured(rows: Any) -> dict[str, Numbers]:
    """The measures of rows of `outcomes` (Arrow) as numbers."""
    return {name: rows[name].to_numpy().astype(np.float64) for name in MEASURES}


def compared(arm: Any, values: Mapping[str, Numbers], *, control: str = HOLD_OUT) -> list[dict[str, Any]]:
    """See `arms`: the arm of each row, and its values by measure."""
    names = sorted(set(arm.tolist()), key=lambda name: (name != control, name))
    found: list[dict[str, Any]] = []
    for name in names:
        mine = arm == name
        result: dict[str, Any] = {"arm": name, "n": int(mine.sum())}
        for measure, numbers in values.items():
            base = numbers[arm == control]
            effect = _welch(name, numbers[mine], base, 0.95, skewed=measure in _SKEWED) if len(base) else None
            mean = float(numbers[mine].mean())
            result[measure] = {"mean": mean} | _said(
                Effect(control, 0, mean, 0.0, 0.0, 0.0, 1.0) if name == control else effect
            )
        found.append(result)
    return found


def _said(effect: Effect | None) -> dict[str, float | None]:
    return {name: getattr(effect, name) if effect else None for name in ("effect", "low", "high", "p")}


def lift(
    arm: Any, follows: Sequence[Collection[str]], values: Mapping[str, Numbers], *, control: str = HOLD_OUT
) -> dict[str, Any]:
    """What a treatment would bring per row, told from arms that were dealt out by lot: against the control, and against the others.

    `arm`: of each row. `follows`: the arms that treat this row as the new treatment would (the control where that is nothing); a row no
    arm treats so tells nothing. Rows alike in this are a group: where the arms to be held against are among those, the treatment
    changes nothing; else means of arms are compared as in an experiment, and a group without two rows on either side tells nothing.
    Groups are weighted by their rows. The interval is normal, its variance that of the two means, rows that count in both counted so.

    {"customers", "known", "follows": {arm: rows}, measure: {"vs_hold_out": {"effect", "low", "high", "p"}, "vs_live": {…}}}
    """
    kinds = np.asarray([_BETWEEN.join(sorted(names)) for names in follows], dtype=object)
    names = sorted(set(arm.tolist()))
    bases = {"vs_hold_out": frozenset({control}), "vs_live": frozenset(names) - {control}}
    known, followed = 0, dict.fromkeys(names, 0)
    differing: dict[str, list[tuple[Any, Any, Any]]] = {against: [] for against in bases}
    for kind in sorted(set(kinds.tolist()) - {""}):
        rows, group = kinds == kind, frozenset(kind.split(_BETWEEN))
        treated = np.isin(arm, list(group))
        against = {name: np.isin(arm, list(base)) for name, base in bases.items() if not base <= group}
        if any(min((rows & treated).sum(), (rows & base).sum()) < 2 for base in against.values()):
            continue
        known += int(rows.sum())
        for name in group & followed.keys():
            followed[name] += int(rows.sum())
        for name, base in against.items():
            differing[name].append((rows, treated[rows], base[rows]))
    result: dict[str, Any] = {"customers": len(arm), "known": known, "follows": followed}
    for measure, numbers in values.items():
        result[measure] = {
            name: _weighted([(numbers[rows], *sides) for rows, *sides in groups], known, skewed=measure in _SKEWED)
            for name, groups in differing.items()
        }
    return result


def _weighted(groups: Sequence[tuple[Any, ...]], known: int, *, skewed: bool) -> dict[str, float | None]:
    """The difference of the means of two sets of rows, by groups weighted by their rows."""
    if not known:
        return _said(None)
    effect = variance = 0.0
    for numbers, treated, base in groups:
        weight = len(numbers) / known
        parts = []
        for which in (treated, base):
            n, mean = int(which.sum()), float(numbers[which].mean())
            parts.append((mean, which * (numbers - mean) / math.sqrt(n * (n - 1)), which / n))
        (mean, own, mine), (other, theirs, its) = parts
        effect += weight * (mean - other)
        square = float(((own - theirs) ** 2).sum())
        if skewed:
            square = max(square, float(numbers[treated | base].var(ddof=1) * ((mine - its) ** 2).sum()))
        variance += weight**2 * square
    low, high, p = _interval(effect, math.sqrt(variance), math.inf, 0.95)
    return {"effect": effect, "low": low, "high": high, "p": p}


# --- How many are needed -------------------------------------------------------------------------------------------


def power_of_rates(control: float, treated: float, n: float, *, ratio: float = 1.0, alpha: float = 0.05) -> float:
    """The chance to see (two-sided, at `alpha`) that the rate is `treated` instead of `control`.

    `n`: rows of the control; `ratio`: rows treated per row of control. Normal approximation, pooled under no effect
    (Fleiss, Levin and Paik 2003, without continuity correction).
    """
    from scipy import special

    pooled = (control + ratio * treated) / (1 + ratio)
    none = math.sqrt((1 + 1 / ratio) * pooled * (1 - pooled))
    some = math.sqrt(control * (1 - control) + treated * (1 - treated) / ratio)
    return float(special.ndtr((abs(treated - control) * math.sqrt(n) + float(special.ndtri(alpha / 2)) * none) / some))


def power_of_means(difference: float, deviation: float, n: float, *, ratio: float = 1.0, alpha: float = 0.05) -> float:
    """The chance to see (two-sided t test, equal deviations) that the means differ by `difference`; `n`: rows of the control."""
    from scipy import special

    freedom = n * (1 + ratio) - 2
    centre = abs(difference) / deviation * math.sqrt(n * ratio / (1 + ratio))
    return float(1 - special.nctdtr(freedom, centre, -special.stdtrit(freedom, alpha / 2)))


def needed_for_rates(control: float, treated: float, *, power: float = 0.8, ratio: float = 1.0, alpha: float = 0.05) -> float:
    """Rows of the control needed (a fraction; round up), the reverse of `power_of_rates`."""
    return _reverse(lambda n: power_of_rates(control, treated, n, ratio=ratio, alpha=alpha), power, 2.0)


def needed_for_means(
    difference: float, deviation: float, *, power: float = 0.8, ratio: float = 1.0, alpha: float = 0.05
) -> float:
    """Rows of the control needed (a fraction; round up), the reverse of `power_of_means`."""
    return _reverse(lambda n: power_of_means(difference, deviation, n, ratio=ratio, alpha=alpha), power, 2.0)


def seen_in_rates(control: float, n: int, *, power: float = 0.8, ratio: float = 1.0, alpha: float = 0.05) -> float | None:
    """The smallest rise of the rate above `control` that `n` rows of control show; None when none would."""
    most = 1 - control - 1e-12

    def reach(rise: float) -> float:
        return power_of_rates(control, control + rise, n, ratio=ratio, alpha=alpha) - power

    return _crossing(reach, 1e-12, most) if reach(most) > 0 else None


def seen_in_means(deviation: float, n: int, *, power: float = 0.8, ratio: float = 1.0, alpha: float = 0.05) -> float:
    """The smallest difference of means that `n` rows of control show."""
    return (
        _reverse(lambda size: power_of_means(size * deviation, deviation, n, ratio=ratio, alpha=alpha), power, 1e-9) * deviation
    )


def _reverse(chance: Callable[[float], float], power: float, least: float) -> float:
    """The smallest argument from `least` on at which a rising chance reaches `power`."""
    upper = max(least * 2, 1.0)
    while chance(upper) < power:
        upper *= 2
        if upper > 1e13:
            raise ValueError("the effect is too small for any number of rows")
    return least if chance(least) >= power else _crossing(lambda value: chance(value) - power, least, upper)


def _crossing(rising: Callable[[float], float], low: float, high: float) -> float:
    """Where a rising function crosses nil between `low` and `high`, by halving until no number lies between."""
    while True:
        middle = (low + high) / 2
        if middle in {low, high}:
            return high
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)


def shares_of(text: Sequence[str]) -> dict[str, str]:
    """`["hold_out=0.1", "letter=0.9"]` as shares by arm; raises ValueError."""
    pairs = [part.split("=", 1) for part in text]
    if any(len(pair) != 2 for pair in pairs) or len({pair[0] for pair in pairs}) < len(pairs):
        raise ValueError(f"shares are written arm=share, each arm once: {' '.join(text)}")
    return {pair[0]: pair[1] for pair in pairs}
