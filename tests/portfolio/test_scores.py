"""Scores: figures agree with hand arithmetic, a score is honest about unseen rows, and the file is as it was written."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import ibis
import numpy as np
import pyarrow as pa
import pytest
from tests.portfolio.book import ACCOUNTS, CUSTOMERS, IDS, PAYMENTS, TODAY, account, table

from anhuan.portfolio import delinquency, scores
from anhuan.portfolio.scores import model as scoring
from anhuan.portfolio.scores import quality
from anhuan.portfolio.scores.inputs import recipe
from anhuan.portfolio.tabular import Sheet, Unusable, of_arrow, read_csv

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)


def sheet(**columns) -> Sheet:
    made = {name: [str(value) for value in values] for name, values in columns.items()}
    return Sheet("rows.csv", made, range(2, 2 + len(next(iter(made.values())))))


def people(rows: int, *, seed: int = 3) -> Sheet:
    """Rows whose chance is known: by lateness, by a word, by a missing figure; and columns that tell nothing."""
    chance = np.random.default_rng(seed)
    late, noise = chance.integers(0, 60, rows), chance.normal(size=rows)
    word = chance.choice(["app", "branch", "autopay"], rows)
    paid = np.where(chance.random(rows) < 0.2, np.nan, chance.exponential(500.0, rows).round(2))
    odds = -1.5 + 0.05 * late - 1.2 * (word == "autopay") + 0.8 * np.isnan(paid) - 0.001 * np.nan_to_num(paid)
    truth = quality.expit(odds)
    return sheet(
        customer=[f"C{n // 2}" for n in range(rows)],
        late=late,
        word=word,
        paid=["" if math.isnan(value) else value for value in paid],
        noise=noise,
        same=["x"] * rows,
        sex=chance.choice(["m", "f"], rows),
        truth=truth,
        bad=(chance.random(rows) < truth).astype(int),
    )


EXCLUDED = ["customer", "truth", "sex"]


@pytest.fixture(scope="module")
def fitted() -> scores.Model:
    return scores.fit(people(2500), target="bad", at=AT, exclude=EXCLUDED, fairness=["sex", "late"])


class TestFigures:
    def test_the_area_counts_pairs_in_the_right_order_and_ties_by_half(self):
        # 3 x 2 pairs: of 0.8 both below, of 0.4 one tie and one below, of 0.1 none and one tie.
        found = quality.auc(np.array([1.0, 1, 1, 0, 0]), np.array([0.8, 0.4, 0.1, 0.4, 0.1]))
        assert found["value"] == pytest.approx((2 + 1.5 + 0.5) / 6, abs=1e-6)

    def test_the_areas_interval_is_delongs(self):
        # Placements of the positives 1, 3/4, 1/4 (variance 7/48), of the negatives 1/2 and 5/6 (variance 1/18).
        found = quality.auc(np.array([1.0, 1, 1, 0, 0]), np.array([0.8, 0.4, 0.1, 0.4, 0.1]))
        error = math.sqrt((7 / 48) / 3 + (1 / 18) / 2)
        assert found["low"] == pytest.approx(found["value"] - 1.959964 * error, abs=1e-5)
        assert found["high"] == 1.0

    def test_a_logistic_line_through_a_table_of_two_by_two_is_its_log_odds_ratio(self):
        # 30 of 100 at 0, 60 of 100 at 1: intercept log(3/7), slope log(3.5), error of the slope by Woolf's formula.
        odds = np.repeat([0.0, 1.0], 100)
        outcome = np.concatenate([np.arange(100) < 30, np.arange(100) < 60]).astype(float)
        intercept, slope, _, error = quality.logistic(odds, outcome)
        assert intercept == pytest.approx(math.log(3 / 7))
        assert slope == pytest.approx(math.log(3.5))
        assert error == pytest.approx(math.sqrt(1 / 30 + 1 / 70 + 1 / 60 + 1 / 40))

    def test_wilsons_interval_is_the_published_one(self):
        # Newcombe (1998), table I: 81 of 263, 95 % score interval 0.2553 to 0.3662.
        assert quality.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)

    def test_the_stability_index_of_two_classes_by_hand(self):
        assert quality.psi([50, 50], [60, 40]) == pytest.approx(0.1 * math.log(1.2) - 0.1 * math.log(0.8))
        assert quality.psi([10, 0], [10, 0]) == 0

    def test_a_perfect_promise_has_slope_one(self):
        chance = np.random.default_rng(1).uniform(0.05, 0.9, 20_000)
        outcome = (np.random.default_rng(2).random(20_000) < chance).astype(float)
        found = quality.figures(outcome, chance)
        assert found["calibration"]["slope"]["low"] < 1 < found["calibration"]["slope"]["high"]
        assert found["brier"]["value"] == pytest.approx(np.mean(chance * (1 - chance)), abs=0.004)
        assert [row["decile"] for row in found["deciles"]] == list(range(1, 11))
        assert found["deciles"][-1]["caught"] == 1.0


class TestInputs:
    def test_running_numbers_make_a_series_and_its_gaps_are_left_out(self):
        how, _ = recipe(sheet(bill_1=["1", "4"], bill_2=["2", ""], bill_3=["6", "8"]), ["bill_3", "bill_1", "bill_2"])
        found = dict(
            zip(
                [(f.how, f.of) for f in how.features],
                how.matrix(sheet(bill_1=["1", "4"], bill_2=["2", ""], bill_3=["6", "8"])).T,
                strict=True,
            )
        )
        series = ("bill_1", "bill_2", "bill_3")
        assert found["mean", series].tolist() == [3.0, 6.0]
        assert found["max", series].tolist() == [6.0, 8.0]
        assert found["min", series].tolist() == [1.0, 4.0]
        assert found["above_zero", series].tolist() == [3.0, 2.0]
        assert found["spread", series].tolist() == [pytest.approx(math.sqrt(14 / 3)), 2.0]

    def test_a_column_that_never_changes_and_one_of_names_alone_are_left_aside_and_said(self):
        rows = sheet(same=["x"] * 300, id=[f"K{n}" for n in range(300)], empty=[""] * 300, late=range(300))
        how, idle = recipe(rows, list(rows.columns))
        assert [column.name for column in how.columns] == ["late"]
        assert idle == [
            {"column": "same", "reason": "constant"}, {"column": "id", "reason": "identifier"}, {"column": "empty", "reason": "constant"},
        ]  # fmt: skip

    def test_a_date_counts_in_days(self):
        rows = sheet(on=["1970-01-02", "", "2026-11-20"])
        assert rows.kind("on") == "date"
        assert rows.numbers("on", "date")[[0, 2]].tolist() == [1.0, float((date(2026, 11, 20) - date(1970, 1, 1)).days)]

    def test_a_recipe_survives_its_document(self, fitted):
        again = type(fitted.recipe).of_document(json.loads(json.dumps(fitted.recipe.document())))
        assert again == fitted.recipe


class TestFitting:
    def test_unseen_rows_are_promised_what_is_true_of_them(self, fitted):
        unseen = people(4000, seed=4)
        found, truth = scores.predict(fitted, unseen), unseen.numbers("truth")
        outcome = unseen.numbers("bad")
        best, reached = (quality.auc(outcome, chance)["value"] for chance in (truth, found))
        assert reached > best - 0.02
        assert float(np.abs(found - truth).mean()) < 0.06
        slope = quality.figures(outcome, found)["calibration"]["slope"]["value"]
        assert 0.85 < slope < 1.15

    def test_the_card_promises_no_more_than_unseen_rows_keep(self, fitted):
        unseen = people(4000, seed=5)
        reached = quality.auc(unseen.numbers("bad"), scores.predict(fitted, unseen))["value"]
        assert fitted.card["out_of_fold"]["auc"]["low"] - 0.02 < reached < fitted.card["out_of_fold"]["auc"]["high"] + 0.02

    def test_the_card_says_what_went_in_and_what_did_not(self, fitted):
        card = fitted.card
        assert [column["name"] for column in card["columns"]] == ["late", "word", "paid", "noise"]
        assert card["excluded"] == ["customer", "sex", "truth"]
        assert card["ignored"] == [{"column": "same", "reason": "constant"}]
        assert (card["rows"], card["fitted_at"]) == (2500, "2026-11-20T09:00:00+00:00")
        assert card["importance"][0]["topic"] == "late"
        assert card["fingerprint"] == fitted.fingerprint

    def test_fairness_is_told_of_a_column_that_is_no_input(self, fitted):
        told = fitted.card["fairness"]
        assert told["sex"]["input"] is False
        assert [group["group"] for group in told["sex"]["groups"]] == ["f", "m"]
        assert sum(group["rows"] for group in told["sex"]["groups"]) == 2500
        assert len(told["late"]["groups"]) == 4

    def test_the_same_rows_give_the_same_model_on_one_processor_and_on_many(self, monkeypatch):
        few = people(400)
        told = set()
        for processors in (1, 4):
            monkeypatch.setattr(scoring.os, "cpu_count", lambda processors=processors: processors)
            told.add(scores.fit(few, target="bad", at=AT, exclude=EXCLUDED).fingerprint)
        assert len(told) == 1

    def test_noise_is_not_taken_for_knowledge(self):
        chance = np.random.default_rng(8)
        rows = sheet(noise=chance.normal(size=600), more=chance.normal(size=600), bad=(chance.random(600) < 0.3).astype(int))
        card = scores.fit(rows, target="bad", at=AT).card
        assert card["out_of_fold"]["auc"]["low"] < 0.5
        assert card["out_of_fold"]["brier"]["value"] < 0.225

    def test_rows_of_one_customer_are_never_on_both_sides(self):
        rows = people(600)
        for fold in scoring._folds(rows, rows.numbers("bad"), "customer", 1):
            by_customer = {}
            for customer, number in zip(rows.words("customer"), fold.tolist(), strict=True):
                by_customer.setdefault(customer, set()).add(number)
            assert {len(numbers) for numbers in by_customer.values()} == {1}

    def test_a_target_of_words_needs_to_be_told_which_counts(self):
        rows = people(400)
        named = Sheet(
            rows.name, rows.columns | {"bad": ["late" if w == "1" else "fine" for w in rows.words("bad")]}, rows.lines
        )
        with pytest.raises(Unusable) as refused:
            scores.fit(named, target="bad", at=AT, exclude=EXCLUDED)
        assert "--positive" in refused.value.en
        told = scoring._outcome(named, "bad", "late")
        assert told.tolist() == rows.numbers("bad").tolist()

    @pytest.mark.parametrize(
        ("values", "code", "said"),
        [
            (["0", "1", "2"] * 20, "target_not_binary", "has 3: 0, 1, 2"),
            (["0"] * 60, "target_not_binary", "has 1"),
            (["0", "1", ""] * 20, "target_empty", "line 4"),
            (["0"] * 55 + ["1"] * 5, "too_few", "5 rows"),
        ],
    )
    def test_a_target_that_cannot_be_learnt_is_refused_in_words(self, values, code, said):
        with pytest.raises(Unusable) as refused:
            scores.fit(sheet(x=range(60), bad=values), target="bad", at=AT)
        assert refused.value.code == code
        assert said in refused.value.en
        assert refused.value.zh


class TestUsing:
    def test_a_new_category_counts_as_unknown(self, fitted):
        rows = people(4)
        new, empty = (Sheet(rows.name, rows.columns | {"word": [word] * 4}, rows.lines) for word in ("never seen", ""))
        assert scores.predict(fitted, new).tolist() == scores.predict(fitted, empty).tolist()

    def test_a_missing_column_is_named(self, fitted):
        with pytest.raises(Unusable, match="lacks the column late, paid"):
            scores.predict(fitted, sheet(word=["app"], noise=["1"]))

    def test_a_word_where_a_number_is_due_is_found_by_line_and_column(self, fitted):
        with pytest.raises(Unusable, match="line 3, column late: 'soon'"):
            scores.predict(fitted, sheet(late=["1", "soon"], word=["app", "app"], paid=["", ""], noise=["1", "2"]))

    def test_reasons_add_up_to_the_probability(self, fitted):
        rows = people(50, seed=6)
        told = scores.reasons(fitted, rows, 50)
        odds = quality.logit(scores.predict(fitted, rows))
        rest = odds - np.array([sum(reason["effect"] for reason in row) for row in told])
        assert float(np.ptp(rest)) < 1e-3  # what no reason explains is the same for every row

    def test_the_first_reason_of_a_late_row_is_lateness(self, fitted):
        told = scores.reasons(fitted, sheet(late=["59"], word=["app"], paid=["500"], noise=["0"]), 1)
        assert told[0][0]["topic"] == "late"
        assert told[0][0]["columns"] == {"late": "59"}
        assert told[0][0]["effect"] > 0

    def test_drift_is_seen_in_the_column_that_moved_and_not_in_the_others(self, fitted):
        rows = people(2500, seed=9)
        assert scores.drift(fitted, rows)["drifted"] == []
        moved = Sheet(rows.name, rows.columns | {"late": rows.numbers("late") + 30, "word": ["new"] * 2500}, rows.lines)
        found = scores.drift(fitted, moved)
        assert set(found["drifted"]) == {"late", "word"}
        assert found["score"]["mean_now"] > found["score"]["mean_then"]
        assert next(one for one in found["columns"] if one["column"] == "word")["unknown_now"] == 1.0


class TestTheFile:
    def test_a_model_read_back_gives_the_same_probabilities(self, fitted, tmp_path):
        scores.save(fitted, tmp_path / "model.json")
        again = scores.load(tmp_path / "model.json")
        rows = people(100, seed=7)
        assert scores.predict(again, rows).tolist() == scores.predict(fitted, rows).tolist()
        assert (again.fingerprint, again.card) == (fitted.fingerprint, fitted.card)

    def test_a_model_changed_by_hand_is_refused(self, fitted, tmp_path):
        scores.save(fitted, tmp_path / "model.json")
        text = (tmp_path / "model.json").read_text()
        (tmp_path / "model.json").write_text(text.replace("leaf_value=", "leaf_value=9", 1))
        with pytest.raises(Unusable, match="not as it was written"):
            scores.load(tmp_path / "model.json")

    @pytest.mark.parametrize(
        "content", ["", "{}", "[1]", '{"format": "anhuan-score/1", "sha256": "x", "model": {}}', "\x80pickle"]
    )
    def test_what_is_no_model_is_refused(self, content, tmp_path):
        (tmp_path / "model.json").write_text(content)
        with pytest.raises(Unusable, match="is no model"):
            scores.load(tmp_path / "model.json")


class TestReading:
    @pytest.mark.parametrize(
        ("content", "code", "said"),
        [
            (b"", "empty_file", "no rows"),
            (b"a,b\n", "empty_file", "no rows"),
            (b"a,b\n1,2\n3\n", "bad_line", "line 3 has 1 fields, the header 2"),
            (b"a,a\n1,2\n", "repeated_column", "more than one column 'a'"),
            (b"a\n\xff\n", "bad_encoding", "not UTF-8"),
            (b'a,b\n1,"2\n', "bad_line", "no CSV"),
        ],
    )
    def test_a_file_that_is_no_table_is_refused_by_line(self, content, code, said, tmp_path):
        (tmp_path / "rows.csv").write_bytes(content)
        with pytest.raises(Unusable) as refused:
            read_csv(tmp_path / "rows.csv")
        assert refused.value.code == code
        assert said in refused.value.en

    def test_line_numbers_count_what_stands_in_the_file(self, tmp_path):
        (tmp_path / "rows.csv").write_text('﻿a,b\n"x\ny",1\n\nz,2\n')
        found = read_csv(tmp_path / "rows.csv")
        assert list(found.columns) == ["a", "b"]
        assert found.lines == [3, 5]


# --- Sealed nights -------------------------------------------------------------------------------------------------


def nights(con, told) -> list[SimpleNamespace]:
    """Nights as snapshots give them; `told`: per night the accounts and, beside them, the payments of the night."""
    made, yesterday = [], None
    for number, (accounts, payments) in enumerate(told):
        on = TODAY + timedelta(days=number)
        delivered = table(con, ACCOUNTS, accounts)
        standing = con.create_table(
            ibis.util.gen_name("standing"), delinquency.age(delivered, table(con, IDS, []), yesterday, business_date=on)
        )
        tables = {
            "accounts": delivered,
            "standing": standing,
            "payments": table(con, PAYMENTS, payments),
            "customers": table(
                con, CUSTOMERS, [{"customer_id": "C1", "segment": "vip", "sex": "f", "region_code": "110101", "age": 40}]
            ),
        }
        made.append(SimpleNamespace(table=tables.__getitem__, manifest={"business_date": on.isoformat()}))
        yesterday = standing
    return made


@pytest.fixture(scope="module")
def week():
    """Five nights: A is cured on the second, B rolls into M2 on the third, C vanishes, D only worsens within its bucket."""
    con = ibis.duckdb.connect()
    told = []
    for number in range(5):
        on = TODAY + timedelta(days=number)
        rows = [
            account("A", on=on, late=5 if number == 0 else None),
            account("B", on=on, late=29 + number),
            account("D", "C2", on=on, late=1 + number),
            *([account("C", on=on, late=10)] if number == 0 else []),
        ]
        paid = [{"payment_id": f"P{number}", "account_id": "B", "effective_on": on, "amount_minor": 500, "kind": "payment"}]
        told.append((rows, paid))
    return nights(con, told)


def test_what_tells_the_outcomes_apart_without_a_mistake_is_believed():
    rows = 400
    columns = {"late": [str(3 + 40 * (n % 2)) for n in range(rows)], "happened": [str(n % 2) for n in range(rows)]}
    sheet = Sheet("made up", columns, range(2, rows + 2))
    model = scores.fit(sheet, target="happened", at=AT)
    assert model.card["out_of_fold"]["auc"]["value"] == 1.0
    found = scores.predict(model, sheet)
    assert max(found[::2]) < 0.1
    assert min(found[1::2]) > 0.9


class TestNights:
    def test_cured_is_seen_within_the_nights_asked_for(self, week):
        found = scores.training_table(week, outcome="cured", within=3).to_pyarrow().to_pylist()
        first = {row["account_id"]: row["happened"] for row in found if row["business_date"] == TODAY}
        assert first == {"A": 1, "B": 0, "C": 0, "D": 0}
        assert {row["business_date"] for row in found} == {TODAY, TODAY + timedelta(days=1)}

    def test_rolled_is_a_higher_bucket_not_a_later_day(self, week):
        found = scores.training_table(week, outcome="rolled", within=2).to_pyarrow().to_pylist()
        first = {row["account_id"]: row["happened"] for row in found if row["business_date"] == TODAY}
        assert first == {"A": 0, "B": 1, "C": 0, "D": 0}

    def test_a_night_knows_only_what_was_known_then(self, week):
        rows = {row["account_id"]: row for row in scores.features(week[2], week[:2]).to_pyarrow().to_pylist()}
        assert (rows["B"]["paid_recent_minor"], rows["B"]["payments_recent"]) == (1500, 3)
        assert (rows["B"]["nights_overdue"], rows["B"]["worst_bucket"], rows["B"]["bucket"]) == (2, 1, 2)
        assert rows["D"]["paid_recent_minor"] == 0

    def test_no_protected_attribute_is_an_input_unless_it_is_named(self, week):
        names = set(scores.features(week[0]).columns)
        assert not names & {"sex", "region_code", "age", "language", "timezone", "flags"}
        assert "segment" in names
        assert "age" in scores.features(week[0], also=["age"]).columns

    def test_too_few_nights_are_refused(self, week):
        with pytest.raises(ValueError, match="none has 5 later nights"):
            scores.training_table(week, outcome="cured", within=5)

    def test_a_score_is_one_more_column_for_a_strategy(self, week):
        found = scores.features(week[1], week[:1])
        rows = found.to_pyarrow()
        chance = np.random.default_rng(2)
        many = of_arrow("nights", pa.concat_tables([rows] * 30))
        many = Sheet(many.name, {**many.columns, "happened": [str(v) for v in chance.integers(0, 2, len(many))]}, many.lines)
        model = scores.fit(many, target=scores.TARGET, at=AT, exclude=[*scores.KEYS])
        column = scores.scored(model, found)
        assert column.schema()["score"].is_decimal()
        joined = ibis.duckdb.connect().to_pyarrow(column.select("account_id", high=column.score > 0.9)).to_pylist()
        assert {row["account_id"] for row in joined} == {"B", "D"}
