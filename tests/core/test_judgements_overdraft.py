"""The objective test of malicious overdraft and the four tests of an effective demand, each boundary from both sides."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anhuan.core.judgements import overdraft
from anhuan.core.judgements.overdraft import Demand, Payment
from anhuan.rulebook.judging import law_of

CN = law_of("cn", date(2026, 6, 1))


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text if "T" in text else f"{text}T10:00:00+08:00")


def demand(text, *, receipt_confirmed=True, compliant=True) -> Demand:
    return Demand(instant(text), receipt_confirmed=receipt_confirmed, compliant=compliant)


def judge(
    demands=("2026-04-01", "2026-05-01"), *, principal=6_000_000, since="2026-03-01", payments=(), at="2026-12-31", **facts
):
    return overdraft.malicious_overdraft_objective(
        principal,
        date.fromisoformat(since),
        [demand(one) if isinstance(one, str) else one for one in demands],
        [Payment(instant(on), amount) for on, amount in payments],
        **{"interest_and_fees_minor": 0, "evasion_proven": False, "disguised_loan": False, **facts},
        at=instant(at),
        law=CN,
    )


def failed(judgement) -> list[str]:
    return [name for name, held in judgement.details.items() if held is False]


def test_every_element_met_is_yes_on_all_four_grounds():
    judgement = judge()
    assert judgement.value is True
    assert [ground.id for ground in judgement.grounds] == [
        "cn.overdraft.demands",
        "cn.overdraft.unpaid_after",
        "cn.overdraft.principal",
        "cn.overdraft.disguised_loan",
    ]
    assert judgement.details["second_effective_demand"] == date(2026, 5, 1)
    assert judgement.details["unpaid_until"] == date(2026, 8, 1)
    assert judgement.details["unpaid_principal_minor"] == 6_000_000


@pytest.mark.parametrize(
    ("demands", "second"),
    [
        (["2026-04-01", "2026-04-30"], None),  # 29 days
        (["2026-04-01", "2026-05-01"], date(2026, 5, 1)),
        (["2026-05-01", "2026-04-01"], date(2026, 5, 1)),  # told in any order
        (["2026-04-01", "2026-04-20", "2026-05-05"], date(2026, 5, 5)),
        (["2026-04-01", "2026-05-02", "2026-06-10"], date(2026, 5, 2)),
        (["2026-04-01"], None),
        ([], None),
        (["2026-03-01", "2026-03-31"], None),  # the first on the very day it became overdue
        (["2026-03-02", "2026-04-01"], date(2026, 4, 1)),
        (["2026-02-20", "2026-04-01"], None),
        (["2026-04-01T23:30:00+08:00", "2026-05-01T00:30:00+08:00"], date(2026, 5, 1)),  # dates, not hours
        (["2026-03-31T17:00:00+00:00", "2026-05-01"], date(2026, 5, 1)),  # already the 1st of April in Shanghai
        (["2026-03-31T17:00:00+00:00", "2026-04-30"], None),
        (["2026-12-31T10:00:00+08:00", "2026-12-01"], date(2026, 12, 31)),
        (["2026-12-01", "2026-12-31T10:00:01+08:00"], None),  # not made yet
    ],
)
def test_two_demands_count_thirty_days_apart_after_it_became_overdue(demands, second):
    judgement = judge(demands)
    assert judgement.details["second_effective_demand"] == second
    assert judgement.details["two_effective_demands"] is (second is not None)
    if second is None:
        assert judgement.value is False
        assert judgement.details["unpaid_until"] is None
        assert CN["overdraft.demands"] in judgement.grounds


def test_a_demand_made_at_the_instant_of_the_question_is_known():
    assert judge(["2026-12-01", "2026-12-31"]).details["second_effective_demand"] == date(2026, 12, 31)


@pytest.mark.parametrize("flaw", [{"receipt_confirmed": False}, {"compliant": False}])
@pytest.mark.parametrize("which", [0, 1])
def test_a_demand_without_proof_or_against_the_rules_is_not_effective(flaw, which):
    days = ["2026-04-01", "2026-05-01"]
    judgement = judge([demand(on, **flaw) if number == which else on for number, on in enumerate(days)])
    assert failed(judgement) == ["two_effective_demands", "unpaid_long_enough"]
    proven = judge([demand(on, **flaw) if number == which else on for number, on in enumerate(days)], evasion_proven=True)
    assert proven.value is ("receipt_confirmed" in flaw)


def test_the_four_tests_of_a_demand_stand_apart():
    tested = overdraft.effective_demands(
        [
            demand("2026-05-01"),
            demand("2026-04-01"),
            demand("2026-02-01", receipt_confirmed=False, compliant=False),
            demand("2026-04-20"),
        ],
        overdue_since=date(2026, 3, 1),
        evasion_proven=False,
        law=CN,
    )
    found = [(one.demand.on, one.after_overdue, one.receipt_provable, one.far_enough_apart, one.compliant) for one in tested]
    assert found == [
        (date(2026, 2, 1), False, False, True, False),
        (date(2026, 4, 1), True, True, True, True),
        (date(2026, 4, 20), True, True, False, True),
        (date(2026, 5, 1), True, True, True, True),
    ]
    assert [one.effective for one in tested] == [False, True, False, True]
    assert judge(["2026-04-01", "2026-05-01"]).details["demands"][0] == {
        "on": date(2026, 4, 1),
        "after_overdue": True,
        "receipt_provable": True,
        "far_enough_apart": True,
        "compliant": True,
    }


@pytest.mark.parametrize("failing", ["after_overdue", "receipt_provable", "far_enough_apart", "compliant"])
def test_one_failed_test_makes_a_demand_ineffective(failing):
    outcomes = dict.fromkeys(["after_overdue", "receipt_provable", "far_enough_apart", "compliant"], True)
    assert overdraft.TestedDemand(demand("2026-04-01"), **outcomes).effective
    assert not overdraft.TestedDemand(demand("2026-04-01"), **{**outcomes, failing: False}).effective


def test_a_demand_on_the_day_it_became_overdue_helps_no_other():
    tested = overdraft.effective_demands(
        [demand("2026-03-01"), demand("2026-03-31")], overdue_since=date(2026, 3, 1), evasion_proven=False, law=CN
    )
    assert [(one.after_overdue, one.far_enough_apart) for one in tested] == [(False, True), (True, False)]


def test_evasion_proven_stands_for_the_receipt_alone():
    (tested,) = overdraft.effective_demands(
        [demand("2026-02-01", receipt_confirmed=False, compliant=False)],
        overdue_since=date(2026, 3, 1),
        evasion_proven=True,
        law=CN,
    )
    assert (tested.after_overdue, tested.receipt_provable, tested.compliant) == (False, True, False)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("2026-07-31", False),
        ("2026-08-01T23:59:59+08:00", False),
        ("2026-08-02T00:00:00+08:00", True),
        ("2026-08-01T16:00:00+00:00", True),  # the 2nd in Shanghai
        ("2026-08-01T15:59:59+00:00", False),
    ],
)
def test_it_must_stay_unpaid_for_more_than_three_months(at, value):
    judgement = judge(at=at)
    assert judgement.value is value
    assert judgement.details["unpaid_long_enough"] is value
    assert judgement.value or judgement.grounds == (CN["overdraft.unpaid_after"],)


@pytest.mark.parametrize(
    ("principal", "payments", "unpaid", "value"),
    [
        (5_000_000, [], 5_000_000, True),
        (4_999_999, [], 4_999_999, False),
        (6_000_000, [("2026-06-01", 1_000_000)], 5_000_000, True),
        (6_000_000, [("2026-06-01", 1_000_001)], 4_999_999, False),
        (6_000_000, [("2026-02-01", 600_000), ("2026-06-01", 600_000)], 4_800_000, False),
        (6_000_000, [("2026-12-31", 1_000_001)], 4_999_999, False),  # at that very instant
        (6_000_000, [("2026-12-31T10:00:01+08:00", 1_000_001)], 6_000_000, True),  # not paid yet
    ],
)
def test_only_unpaid_principal_counts(principal, payments, unpaid, value):
    judgement = judge(principal=principal, payments=payments, interest_and_fees_minor=9_000_000)
    assert judgement.value is value
    assert judgement.details["unpaid_principal_minor"] == unpaid
    assert judgement.details["amount_reached"] is value
    assert judgement.details["interest_and_fees_left_out_minor"] == 9_000_000
    assert judgement.value or judgement.grounds == (CN["overdraft.principal"],)


def test_a_loan_in_disguise_is_no_overdraft():
    judgement = judge(disguised_loan=True)
    assert judgement.value is False
    assert judgement.grounds == (CN["overdraft.disguised_loan"],)
    assert failed(judgement) == ["no_disguised_loan"]


def test_every_element_that_fails_is_told():
    judgement = judge([], principal=1, disguised_loan=True)
    assert failed(judgement) == ["two_effective_demands", "unpaid_long_enough", "amount_reached", "no_disguised_loan"]
    assert len(judgement.grounds) == 4


@given(st.lists(st.integers(1, 120), max_size=6), st.integers(0, 200))
def test_the_second_demand_is_the_first_that_lies_thirty_days_after_another(offsets, later):
    since = date(2026, 3, 1)
    days = sorted(since + timedelta(days=offset) for offset in offsets)
    expected = min((b for a in days for b in days if (b - a).days >= 30), default=None)
    at = since + timedelta(days=121 + later)
    judgement = judge([str(on) for on in days], at=str(at))
    assert judgement.details["second_effective_demand"] == expected
