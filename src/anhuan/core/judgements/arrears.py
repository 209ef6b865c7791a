"""What lateness alone decides: the class of a card debt, and the order in which a payment is applied."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from anhuan.core.judgements.law import Judgement, Law, Provision, judged
from anhuan.core.vocabulary import Classification


class Component(StrEnum):
    """The parts of a card debt that a payment is applied to, one after the other."""

    INTEREST_AND_FEES = "interest_and_fees"
    PRINCIPAL = "principal"


_FROM_BEST_TO_WORST = tuple(Classification)


def classification(days_past_due: int, *, law: Law) -> Judgement:
    """The class of a card debt: the stricter of the card bands (Credit Card Measures Art. 92) and the general ones (2023).

    A debt that is not late is `normal`.
    """
    bands = [band for name in ("classification.card", "classification.general") if (band := law.get(name))]
    graded = {band: _grade(days_past_due, band) for band in bands or [law["classification.card"]]}
    worst = max(graded.values(), key=_FROM_BEST_TO_WORST.index)
    deciding = [band for band, grade in graded.items() if grade is worst]
    return judged(worst.value, *deciding, **{band.id: grade.value for band, grade in graded.items()})


def payment_order(days_past_due: int, *, law: Law) -> tuple[Component, Component]:
    """The order of a payment: interest and fees first up to day 90, principal first from day 91 (Credit Card Measures)."""
    interest_first = days_past_due < law["allocation.principal_first"].value["from_days_past_due"]
    order = (Component.INTEREST_AND_FEES, Component.PRINCIPAL)
    return order if interest_first else (order[1], order[0])


def payment_order_allowed(days_past_due: int, order: Sequence[Component], *, law: Law) -> Judgement:
    """A payment is applied to interest and fees first up to day 90, to principal first from day 91 (Credit Card Measures)."""
    lawful = payment_order(days_past_due, law=law)
    return judged(tuple(order) == lawful, law["allocation.principal_first"], lawful_order=lawful)


def _grade(days_past_due: int, bands: Provision) -> Classification:
    """The worst class whose first day has come; `normal` before the first."""
    reached = [Classification(word) for word, first in bands.value.items() if days_past_due >= first]
    return max(reached, key=_FROM_BEST_TO_WORST.index, default=Classification.NORMAL)
