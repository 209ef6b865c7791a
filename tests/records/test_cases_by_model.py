"""Whatever nights come in whatever order of mishaps: records stand as the slow model says."""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.records.nightfall import Books, Card, Paid
from tests.records.slow_model import Model, day_of
from tests.thorough import tries

from anhuan.acts import case as acts
from anhuan.records import events
from anhuan.records.account import Account
from anhuan.records.case import BucketSpan, Case, CaseFigures
from anhuan.records.events import Event

pytestmark = pytest.mark.django_db

LATE = [0, 0, 1, 30, 31, 61, 95, 200]

card = st.tuples(st.integers(0, 5), st.sampled_from(LATE), st.integers(0, 9))
payment = st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(-6, 0))
night = st.tuples(
    st.sampled_from(["next", "next", "replace", "broken"]),
    st.lists(card, max_size=6, unique_by=lambda c: c[0]),
    st.lists(payment, max_size=2, unique_by=lambda p: p[0]),
)


class Broken(Exception):
    pass


@settings(max_examples=tries(12), deadline=None, suppress_health_check=list(HealthCheck), report_multiple_bugs=False)
@given(nights=st.lists(night, min_size=1, max_size=6))
def test_records_stand_as_the_slow_model_says(nights: list[tuple[str, list, list]]) -> None:
    with transaction.atomic():
        books, model, number = Books(), Model(), 0
        for kind, cards_drawn, paid_drawn in nights:
            replace_it = kind == "replace" and number > 0
            number += not replace_it
            day = day_of(number)
            cards = [Card(f"A{n}", f"C{n // 2}", late, spoilt=spoilt == 0) for n, late, spoilt in cards_drawn]
            paid = [Paid(f"P{n}", f"A{a}", day_of(number + back)) for n, a, back in paid_drawn]
            if kind == "broken":
                broken_night(books, number, cards, paid)
            counted = books.night(number, cards, paid, replace_it=replace_it)
            assert counted == model.night(day, cards, paid, replace_it=replace_it)
            assert_agreed(model)
        assert events.verify()["ok"]
        transaction.set_rollback(True)


def broken_night(books: Books, number: int, cards: list[Card], paid: list[Paid]) -> None:
    """The night up to its last statement, and then the power fails."""
    ran = acts._restate_cases

    def fails(*arguments: object) -> None:
        ran(*arguments)  # type: ignore[arg-type]
        raise Broken

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(acts, "_restate_cases", fails)
        with pytest.raises(Broken), transaction.atomic():
            books.night(number, cards, paid)


def assert_agreed(model: Model) -> None:
    state = model.states[max(model.states)]
    kept = {
        case_id: tuple(values)
        for case_id, *values in Case.objects.filter(opened_on__isnull=False).values_list(
            "case_id", "status", "bucket", "opened_on", "since", "closed_on", "reopened"
        )
    }
    assert kept == {
        case_id: ("open" if c.bucket else "closed", c.bucket, c.opened_on, c.since, c.closed_on, c.reopened)
        for case_id, c in state.cases.items()
    }
    assert not Case.objects.filter(opened_on__isnull=True).exclude(status="closed", bucket=0, reopened=0).exists()

    spans = list(BucketSpan.objects.values_list("case_id", "since", "bucket", "restated").order_by("case_id", "since"))
    assert spans == [(case_id, *span) for case_id, c in sorted(state.cases.items()) for span in c.spans]

    figures = dict(CaseFigures.objects.values_list("case_id", "bucket"))
    assert figures == {case_id: c.bucket for case_id, c in state.cases.items() if c.bucket}

    accounts = {a: (c, b, p) for a, c, b, p in Account.objects.values_list("account_id", "customer_id", "bucket", "presence")}
    assert accounts == {a: (s.customer_id, s.bucket, s.presence) for a, s in state.standing.items()}

    written: dict[str, int] = dict(Case.objects.values_list("case_id", "events"))
    assert written == {case_id: n for case_id, n in model.events.items() if n}
    assert Event.objects.exclude(chain="").count() == sum(model.events.values())
