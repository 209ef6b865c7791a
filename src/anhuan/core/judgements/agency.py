"""Outside agencies: when a case may be placed, what they may do with its data, how they may be paid; and decisions by machine."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from anhuan.core.judgements.law import Judgement, Law, all_hold, judged


class PayModel(StrEnum):
    """What an agency, or a collector, is paid by: money recovered alone, or also conduct and quality."""

    RECOVERIES_ONLY = "recoveries_only"
    MIXED = "mixed"


def inspection_serves_until(last_inspection: date, *, law: Law) -> date:
    """The last day an inspection of the agency serves: one year (CBA Guide 2026; GB/T 45251-2025)."""
    return law["agency.inspection"].period.last_day(last_inspection)


def placement_allowed(
    debtor_told: date | None,
    impact_assessment: date | None,
    last_inspection: date | None,
    *,
    agency_published: bool,
    at: date,
    law: Law,
) -> Judgement:
    """A case goes to an agency that is published and inspected, once the debtor is told and the impact assessed.

    Consumer Protection Measures Art. 41; CBA Guide 2026; PIPL Arts. 55, 56. What has not happened by `at` has not happened.
    """
    inspection = law.get("agency.inspection")
    fresh = False
    if inspection is not None and last_inspection is not None and last_inspection <= at:
        fresh = at <= inspection.period.last_day(last_inspection)
    return all_hold(
        {
            "debtor_told": (law["agency.tell_debtor"], debtor_told is not None and debtor_told <= at),
            "agency_published": (law.get("agency.published"), agency_published),
            "impact_assessed": (law["agency.impact"], impact_assessment is not None and impact_assessment <= at),
            "inspected": (inspection, fresh),
        }
    )


def onward_sharing_allowed(*, bank_consent: bool, law: Law) -> Judgement:
    """An agency passes nothing on without the bank's consent (PIPL Art. 21)."""
    return judged(bank_consent, law["agency.onward"])


def agency_may_keep_data(mandate_ended: date | None, *, at: date, law: Law) -> Judgement:
    """Data are returned or deleted when the mandate ends (PIPL Art. 21)."""
    return judged(mandate_ended is None or mandate_ended > at, law["agency.return_data"], mandate_ended=mandate_ended)


def pay_model_allowed(pay_model: PayModel, *, law: Law) -> Judgement:
    """Pay rests not on recoveries alone (Credit Card Measures Art. 66; Doc. 60 of 2009, item 13)."""
    rule = law["agency.pay_model"]
    return judged(pay_model not in rule.value["barred"], rule)


def automated_decision_allowed(*, major_effect: bool, human_review_offered: bool, law: Law) -> Judgement:
    """A decision of major effect is not made by machine alone against the person's will (PIPL Art. 24)."""
    return judged(not major_effect or human_review_offered, law["agency.automated_decision"])
