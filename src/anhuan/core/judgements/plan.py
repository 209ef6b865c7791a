"""Personalised instalment plans: what one must contain to take effect (Credit Card Measures Art. 70)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from anhuan.core.judgements.law import Judgement, Law, all_hold


class PlanForm(StrEnum):
    WRITTEN = "written"
    ORAL = "oral"


class PlanItem(StrEnum):
    """What a plan may state; the law says which of these it must."""

    BALANCE = "balance"
    COMPOSITION_AND_CURRENCY = "composition_and_currency"
    INSTALMENT_SCHEDULE = "instalment_schedule"
    CHARGES_DURING_PLAN = "charges_during_plan"
    NO_NEW_CARD_PROMISE = "no_new_card_promise"
    RIGHTS_DUTIES_BREACH = "rights_duties_breach"
    OTHER_MATTERS = "other_matters"


def plan_may_take_effect(months: int, form: PlanForm, items: Sequence[PlanItem], *, recorded: bool, law: Law) -> Judgement:
    """A plan runs at most five years, states every item of Art. 70, and is recorded if oral (Credit Card Measures Art. 70)."""
    missing = [item for item in law["plan.content"].value["items"] if item not in items]
    return all_hold(
        {
            "short_enough": (law["plan.term"], months <= law["plan.term"].value["months"]),
            "complete": (law["plan.content"], not missing),
            "proven": (law["plan.oral"], form is PlanForm.WRITTEN or recorded),
        },
        missing_items=missing,
    )
