"""Experiments: assignment is stable and fair, effects and power agree with published figures and matrix algebra."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from fractions import Fraction

import ibis
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anhuan.portfolio import experiments
from anhuan.portfolio.experiments import HOLD_OUT, assignment, discontinuity, effects
from anhuan.portfolio.tabular import Sheet, Unusable

SHARES = {"letter": "0.45", HOLD_OUT: "0.1", "call": "0.45"}


def sheet(**columns) -> Sheet:
    made = {name: [str(value) for value in values] for name, values in columns.items()}
    return Sheet("rows.csv", made, range(2, 2 + len(next(iter(made.values())))))


class TestAssignment:
    def test_the_place_is_the_digest_anybody_can_work_out(self):
        place = int(hashlib.sha256(b"spring:C42").hexdigest()[:16], 16) / 2**64
        expected = HOLD_OUT if place < 0.1 else "letter" if place < 0.55 else "call"
        assert assignment(SHARES, seed="spring").arm("C42") == expected

    @given(
        ids=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12), min_size=1, max_size=40),
        seed=st.text("ab:客", min_size=1),
    )
    @settings(max_examples=40, deadline=None)
    def test_a_column_and_one_customer_alone_are_given_the_same_arm(self, ids, seed):
        drawn = assignment(SHARES, seed=seed)
        customers = ibis.memtable({"customer_id": [*ids, None]}, schema=ibis.schema({"customer_id": "string"}))
        found = ibis.duckdb.connect().to_pyarrow(customers.select("customer_id", arm=drawn.column(customers.customer_id)))
        assert [row["arm"] for row in found.to_pylist()] == [*map(drawn.arm, ids), None]

    @given(
        weights=st.dictionaries(st.sampled_from([HOLD_OUT, "a", "b", "c", "d"]), st.integers(0, 9), min_size=1).filter(
            lambda weights: sum(weights.values()) > 0
        ),
        seed=st.integers(),
    )
    @settings(max_examples=30, deadline=None)
    def test_arms_get_their_shares_to_within_chance(self, weights, seed):
        total = sum(weights.values())
        drawn = assignment({arm: Fraction(weight, total) for arm, weight in weights.items()}, seed=str(seed))
        counted = Counter(drawn.arm(f"C{number}") for number in range(2000))
        for arm, weight in weights.items():
            share = weight / total
            assert abs(counted[arm] / 2000 - share) <= 6 * math.sqrt(share * (1 - share) / 2000)

    @given(small=st.integers(5, 40), more=st.integers(0, 40), splits=st.tuples(*[st.integers(1, 9)] * 2), seed=st.integers())
    @settings(max_examples=30, deadline=None)
    def test_a_larger_hold_out_contains_the_smaller_one_however_the_rest_is_shared(self, small, more, splits, seed):
        held = []
        for share, split in zip((small, small + more), splits, strict=True):
            rest = Fraction(100 - share, 1000)
            drawn = assignment({"x": rest * split, HOLD_OUT: Fraction(share, 100), "y": rest * (10 - split)}, seed=str(seed))
            held.append({number for number in range(300) if drawn.arm(f"C{number}") == HOLD_OUT})
        assert held[0] <= held[1]

    def test_another_seed_is_another_draw(self):
        one, other = (assignment({"a": "1/2", "b": "1/2"}, seed=seed) for seed in ("2026-spring", "2026-autumn"))
        same = sum(one.arm(f"C{number}") == other.arm(f"C{number}") for number in range(4000)) / 4000
        assert same == pytest.approx(0.5, abs=0.04)

    @pytest.mark.parametrize("shares", [{"a": "0.5", "b": "0.4"}, {"a": "1.5", "b": "-0.5"}, {}, {"a": "many"}])
    def test_shares_that_make_no_whole_are_refused(self, shares):
        with pytest.raises(ValueError, match=r"add up to 1|Invalid literal"):
            assignment(shares, seed="s")

    def test_a_seed_is_needed(self):
        with pytest.raises(ValueError, match="needs a seed"):
            assignment({"a": 1}, seed="")


class TestEffects:
    def test_welchs_interval_is_that_of_the_textbook(self):
        # Student's sleep data (Cushny and Peebles), as R prints t.test(extra ~ group): df = 17.776, p = 0.07939.
        one = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
        two = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
        rows = sheet(group=["2"] * 10 + ["1"] * 10, extra=two + one)
        control, treated = effects(rows, arm="group", outcome="extra", control="1")
        assert (control.arm, control.n, control.effect) == ("1", 10, 0.0)
        assert control.mean == pytest.approx(0.75)
        assert (treated.mean, treated.effect) == (pytest.approx(2.33), pytest.approx(1.58))
        assert (treated.low, treated.high) == (pytest.approx(-0.2054832, abs=1e-7), pytest.approx(3.3654832, abs=1e-7))
        assert treated.p == pytest.approx(0.07939, abs=5e-6)

    def test_every_arm_is_told_once_the_control_first(self):
        rows = sheet(arm=["b", "a", "c", "a", "b", "c"], paid=[1, 2, 3, 4, 5, 6])
        assert [(one.arm, one.n) for one in effects(rows, arm="arm", outcome="paid", control="a")] == [
            ("a", 2),
            ("b", 2),
            ("c", 2),
        ]

    def test_one_row_has_a_mean_and_no_interval(self):
        alone = effects(sheet(arm=["a", "a", "b"], paid=[1, 2, 9]), arm="arm", outcome="paid", control="a")[1]
        assert (alone.effect, alone.low, alone.high, alone.p) == (7.5, None, None, None)

    def test_arms_without_any_scatter_differ_for_certain_or_not_at_all(self):
        found = effects(
            sheet(arm=["a", "a", "b", "b", "c", "c"], paid=[1, 1, 2, 2, 1, 1]), arm="arm", outcome="paid", control="a"
        )
        assert [(one.low, one.high, one.p) for one in found[1:]] == [(1.0, 1.0, 0.0), (0.0, 0.0, 1.0)]

    @pytest.mark.parametrize(
        ("columns", "said"),
        [
            ({"arm": ["a", "b"], "paid": [1, 2]}, "has no arm 'none' in column arm; it has a, b"),
            ({"arm": ["none", "b"], "paid": [1, "much"]}, "line 3, column paid: 'much' should be a number"),
            ({"arm": ["none", "b"], "paid": [1, ""]}, "line 3, column paid"),
            ({"arm": ["none", ""], "paid": [1, 2]}, "line 3, column arm is empty"),
            ({"group": ["none"], "paid": [1]}, "lacks the column arm"),
        ],
    )
    def test_what_cannot_be_judged_is_refused_by_line_and_column(self, columns, said):
        with pytest.raises(Unusable) as refused:
            effects(sheet(**columns), arm="arm", outcome="paid", control="none")
        assert said in refused.value.en
        assert refused.value.zh


class TestDiscontinuity:
    def test_a_jump_on_a_straight_line_is_found_exactly(self):
        x = np.arange(20.0)
        found = discontinuity(sheet(x=x, y=2 + 0.5 * x + 3 * (x >= 10)), running="x", outcome="y", cutoff=10)
        assert (found.effect.effect, found.slope) == (pytest.approx(3), pytest.approx(0.5))
        assert (found.effect.arm, found.effect.n, found.n_below, found.freedom) == ("treated", 10, 10, 17)

    def test_it_is_least_squares_on_treatment_and_x(self):
        chance = np.random.default_rng(5)
        x = chance.uniform(800, 1200, 300)
        y = 40 + 0.8 * x + 250 * (x >= 1000) + chance.normal(scale=150, size=300)
        found = discontinuity(sheet(x=x, y=y), running="x", outcome="y", cutoff=1000, window=100)
        inside = (x >= 900) & (x < 1100)
        a = np.column_stack([np.ones(inside.sum()), x[inside] >= 1000, x[inside]])
        inverse = np.linalg.inv(a.T @ a)
        solved = inverse @ a.T @ y[inside]
        rest = y[inside] - a @ solved
        error = math.sqrt(rest @ rest / (len(rest) - 3) * inverse[1, 1])
        assert found.effect.effect == pytest.approx(solved[1])
        assert found.slope == pytest.approx(solved[2])
        half = (found.effect.high - found.effect.low) / 2
        assert 1.96 * error < half < 2.0 * error
        assert found.effect.mean == pytest.approx(y[inside & (x >= 1000)].mean())

    def test_the_threshold_is_treated_and_the_windows_upper_end_is_out(self):
        rows = sheet(x=[7, 8, 9, 10, 11, 12], y=[1, 2, 4, 9, 9, 90])
        found = discontinuity(rows, running="x", outcome="y", cutoff=10, window=2)
        assert (found.n_below, found.effect.n) == (2, 2)

    @pytest.mark.parametrize(("cutoff", "window"), [(99, None), (10, 1), (-5, 3)])
    def test_a_window_with_too_little_in_it_is_refused(self, cutoff, window):
        rows = sheet(x=range(20), y=range(20))
        with pytest.raises(Unusable, match="are too few; widen it"):
            discontinuity(rows, running="x", outcome="y", cutoff=cutoff, window=window)

    def test_a_jump_that_cannot_be_told_from_the_trend_is_refused(self):
        with pytest.raises(Unusable, match="too few values"):
            discontinuity(sheet(x=[1, 1, 2, 2], y=[1, 2, 3, 4]), running="x", outcome="y", cutoff=2)


class TestPower:
    """Against what R documents of power.prop.test and power.t.test."""

    def test_rates(self):
        assert experiments.power_of_rates(0.50, 0.75, 50) == pytest.approx(0.740, abs=5e-4)
        assert experiments.needed_for_rates(0.50, 0.75, power=0.90) == pytest.approx(76.7, abs=0.05)

    def test_means(self):
        assert experiments.power_of_means(1, 1, 20) == pytest.approx(0.8689528, abs=1e-6)
        assert experiments.needed_for_means(1, 1, power=0.90) == pytest.approx(22.02110, abs=1e-5)

    @given(rate=st.floats(0.02, 0.6), rise=st.floats(0.01, 0.3), ratio=st.floats(0.2, 9))
    @settings(max_examples=40, deadline=None)
    def test_rows_rates_and_power_are_each_others_reverse(self, rate, rise, ratio):
        rows = experiments.needed_for_rates(rate, rate + rise, power=0.8, ratio=ratio)
        if rows > 2:
            assert experiments.power_of_rates(rate, rate + rise, rows, ratio=ratio) == pytest.approx(0.8, abs=1e-6)
            assert experiments.seen_in_rates(rate, rows, power=0.8, ratio=ratio) == pytest.approx(rise, rel=1e-4)

    def test_the_difference_seen_is_the_reverse_of_the_rows_needed(self):
        seen = experiments.seen_in_means(250.0, 400, power=0.9, ratio=4)
        assert experiments.needed_for_means(seen, 250.0, power=0.9, ratio=4) == pytest.approx(400, rel=1e-6)

    def test_power_is_what_a_simulation_finds(self):
        chance = np.random.default_rng(4)
        seen = 0
        for _ in range(400):
            rows = sheet(arm=["a"] * 64 + ["b"] * 64, y=np.concatenate([chance.normal(size=64), chance.normal(0.5, size=64)]))
            seen += effects(rows, arm="arm", outcome="y", control="a")[1].p < 0.05
        assert seen / 400 == pytest.approx(experiments.power_of_means(0.5, 1, 64), abs=0.06)
