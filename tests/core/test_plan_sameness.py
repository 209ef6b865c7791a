"""Which words tell of one payment: whatever their order, never more payments than there are, and what names say binds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from anhuan.core.plan.sameness import NEAR, Likeness, Word, payments

DAY = date(2026, 11, 20)
LIKE = Likeness("A1", "CNY", 5000, reversal=False)


def word(id_: str, source: str, day: int = 0, **told: Any) -> Word:
    return Word(id_, source, told.pop("like", LIKE), DAY + timedelta(days=day), **told)


def told(*words: Word) -> list[set[str]]:
    return [{each.id for each in some} for some in payments(words)]


def test_words_that_look_alike_are_as_many_payments_as_one_source_told() -> None:
    words = [word(f"{source}{number}", source) for source, many in (("csv", 2), ("camt053", 3)) for number in range(many)]
    assert sorted(map(len, payments(words))) == [1, 2, 2]


def test_numbers_of_the_banks_bind_whoever_tells_them_and_tell_two_payments_apart() -> None:
    other = replace(LIKE, amount_minor=4900)
    assert told(word("n1", "notice", payment_id="P1"), word("b1", "bank", 30, payment_id="P1", like=other)) == [{"n1", "b1"}]
    assert len(told(word("n1", "notice", payment_id="P1"), word("b2", "bank", payment_id="P2"))) == 2


def test_a_gateways_name_binds_words_of_different_sources_and_keeps_none_apart() -> None:
    named = [word("n1", "notice", payment_id="P1", gateway="G1"), word("n2", "notice", payment_id="P2", gateway="G2")]
    assert {"n2", "c1"} in told(*named, word("c1", "csv", gateway="G2"))
    assert told(named[0], word("c1", "csv", gateway="E2E")) == [{"n1", "c1"}]
    assert len(told(word("c1", "csv", gateway="G1"), word("c2", "csv", gateway="G1"))) == 2


def test_what_a_person_says_is_the_same_is_the_same_however_far_apart() -> None:
    assert told(word("c1", "csv"), word("x1", "camt053", 60, same_as="c1")) == [{"c1", "x1"}]
    assert len(told(word("c1", "csv"), word("x1", "camt053", NEAR.days + 1))) == 2
    assert len(told(word("s1", "csv", by_hand=True), word("s2", "camt053", by_hand=True))) == 2


WORDS = st.tuples(
    st.integers(0, 20),  # the day
    st.booleans(),  # whether the gateway names it
    st.sets(st.sampled_from(["bank", "notice", "csv", "camt053"]), min_size=1),
    st.integers(-3, 3),  # how far off the files date it
)


@given(truth=st.lists(WORDS, min_size=1, max_size=6), order=st.randoms(use_true_random=False))
def test_there_are_never_more_payments_than_there_are_and_the_order_of_hearing_means_nothing(truth: Any, order: Any) -> None:
    words = [
        word(
            f"{source}{number}",
            source,
            day + (off if source in {"csv", "camt053"} else 0),
            payment_id=f"P{number}" if source in {"bank", "notice"} else "",
            gateway=f"G{number}" if named and source in {"notice", "csv"} else "",
        )
        for number, (day, named, sources, off) in enumerate(truth)
        for source in sorted(sources)
    ]
    made = payments(words)
    assert len(made) <= len(truth)
    numbered = {each.payment_id for each in words} - {""}
    most = max(sum(each.source == source for each in words) for source in ("csv", "camt053"))
    assert len(made) >= max(len(numbered), most)
    order.shuffle(words)
    assert {frozenset(each) for each in payments(words)} == {frozenset(each) for each in made}
