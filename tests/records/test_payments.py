"""Postings of the bank: known once, never changed, withdrawn with the night that brought them."""

from __future__ import annotations

from datetime import date

import pytest
from tests.records.nightfall import FIRST_DAY, Books, Card, Paid

from anhuan.records.night import NightStep
from anhuan.records.payment import Payment

pytestmark = pytest.mark.django_db

CARDS = [Card("A1", "C1", 1)]
NONE_CONFIRMED = {"confirmed": 0, "confirmed_otherwise": 0}


def counted() -> dict[str, object]:
    step = NightStep.objects.filter(step="payments").order_by("night__sequence").last()
    assert step is not None
    outcome: dict[str, object] = step.outcome
    return outcome


def test_a_posting_is_kept_as_delivered() -> None:
    Books().night(1, CARDS, [Paid("P1", "A1", date(2026, 10, 30), amount=1234, kind="reversal")])
    payment = Payment.objects.get()
    assert (payment.payment_id, payment.account_id, payment.amount_minor, payment.currency) == ("P1", "A1", 1234, "CNY")
    assert (payment.posted_on, payment.effective_on, payment.sequence) == (FIRST_DAY, date(2026, 10, 30), 1)
    assert (payment.kind, payment.reverses, payment.channel) == ("reversal", "", "")
    assert counted() == {"new": 1, "replayed": 0, "differing": 0, "differing_ids": [], "withdrawn": 0, **NONE_CONFIRMED}


def test_a_replay_changes_nothing_and_a_differing_one_is_reported_and_not_believed() -> None:
    books = Books()
    books.night(1, CARDS, [Paid("P1", "A1", FIRST_DAY), Paid("P2", "A1", FIRST_DAY)])
    Payment.objects.filter(pk="P1").update(posted_on=books.day(2))  # as the second night will deliver it
    before = list(Payment.objects.order_by("pk").values())
    books.night(2, CARDS, [Paid("P1", "A1", FIRST_DAY), Paid("P2", "A1", FIRST_DAY, amount=9), Paid("P3", "A1", FIRST_DAY)])
    assert counted() == {"new": 1, "replayed": 1, "differing": 1, "differing_ids": ["P2"], "withdrawn": 0, **NONE_CONFIRMED}
    assert list(Payment.objects.exclude(pk="P3").order_by("pk").values()) == before


def test_a_replacing_delivery_withdraws_what_the_wrong_night_brought_and_nothing_else() -> None:
    books = Books()
    books.night(1, CARDS, [Paid("P1", "A1", FIRST_DAY)])
    books.night(2, CARDS, [Paid("P2", "A1", FIRST_DAY, amount=1), Paid("P3", "A1", FIRST_DAY)])
    books.night(2, CARDS, [Paid("P2", "A1", FIRST_DAY, amount=2)], replace_it=True)
    assert counted() == {"new": 1, "replayed": 0, "differing": 0, "differing_ids": [], "withdrawn": 2, **NONE_CONFIRMED}
    kept = Payment.objects.order_by("pk").values_list("payment_id", "amount_minor", "sequence")
    assert list(kept) == [("P1", 1_000, 1), ("P2", 2, 3)]
