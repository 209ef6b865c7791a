"""Credit reporting: when data on a default may be supplied or shown, and by when an objection must be answered.

China: Credit Reporting Regulation 2013 and the one-off repair of 2025-12-22. United States: 12 CFR 1006.30(a).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from anhuan.core.days import ONE_DAY, Calendar, add_months
from anhuan.core.judgements.law import Deadline, Judgement, Law, Provision, judged


class BureauEvent(StrEnum):
    """What matters before a bureau is told."""

    NOTICE_MAILED = "notice_mailed"
    NOTICE_RETURNED = "notice_returned"
    CONVERSATION = "conversation"
    REPORTED = "reported"


@dataclass(frozen=True, slots=True)
class Happened:
    on: date
    event: BureauEvent


def may_report_negative(person_told: date | None, *, at: date, law: Law) -> Judgement:
    """Before negative data are supplied the person is told (Credit Reporting Regulation Art. 15)."""
    return judged(person_told is not None and person_told <= at, law["credit.tell_first"], person_told=person_told)


def negative_record_may_show(behaviour_ended: date, *, at: date, law: Law) -> Judgement:
    """Negative data are kept for five years from the end of the behaviour (Credit Reporting Regulation Art. 16)."""
    kept = law["credit.negative_kept"]
    last_day = kept.period.last_day(behaviour_ended)
    return judged(at <= last_day, kept, last_day=last_day)


def credit_objection_in_time(
    objection_received: date, answered: date | None, *, at: date, law: Law, calendar: Calendar
) -> Judgement:
    """An objection is checked and answered within 20 days (Credit Reporting Regulation Art. 25)."""
    return Deadline(law["credit.objection"], objection_received, calendar).judge(answered, at=at)


def repaired_record_may_show(
    overdue_month: date, amount_minor: int, repaid_in_full: date | None, *, at: date, law: Law
) -> Judgement:
    """A small default of 2020 to 2025, repaid by 2026-03-31, is not shown (PBOC notice of 2025-12-22).

    `overdue_month` is any day of the month. Before the notice nothing is hidden. "By the end of the following month" is
    read as hidden from its last day on, which is cautious.
    """
    repair = law.get("credit.repair")
    repaid = repaid_in_full if repaid_in_full is not None and repaid_in_full <= at else None
    hidden_from = _hidden_from(overdue_month, amount_minor, repaid, repair) if repair else None
    return judged(hidden_from is None or at < hidden_from, repair or law["credit.negative_kept"], hidden_from=hidden_from)


def _hidden_from(overdue_month: date, amount_minor: int, repaid: date | None, repair: Provision) -> date | None:
    """The first day a repaired default is not shown; None when the repair does not reach it."""
    terms = repair.value
    in_reach = terms["first_month"] <= overdue_month <= terms["last_month"] and amount_minor <= terms["most_minor"]
    if not in_reach or repaid is None or repaid > terms["repaid_by"]:
        return None
    end_of_next_month = add_months(repaid.replace(day=1), 2) - ONE_DAY
    early: date = terms["early_hidden_from"]
    return early if repaid <= terms["early_repaid_by"] else end_of_next_month


def may_report_to_bureau(events: Sequence[Happened], *, at: date, law: Law) -> Judgement:
    """A collector reports after a conversation, or 14 dates after a notice that did not come back (12 CFR 1006.30(a)).

    The date of mailing is the first of the fourteen. A return counts against every mailing before it whose fourteen dates
    still ran (cautious: an envelope does not say which). What was reported is judged on that date, else the question is `at`.
    """
    told = sorted(events, key=lambda one: one.on)
    reports = [number for number, one in enumerate(told) if one.event is BureauEvent.REPORTED]
    rule = law["credit.report_after"]
    days = rule.value["days"]
    if reports:
        allowed = all(_free_to_report(told[:number], told[number].on, days) for number in reports)
    else:
        allowed = _free_to_report([one for one in told if one.on <= at], at, days)
    return judged(allowed, rule, reported=[told[number].on for number in reports])


def _free_to_report(before: Sequence[Happened], on: date, days: int) -> bool:
    """Whether what happened before frees a report on a date; `before` is in order of time."""
    if any(one.event is BureauEvent.CONVERSATION for one in before):
        return True
    mailings = [(number, one.on) for number, one in enumerate(before) if one.event is BureauEvent.NOTICE_MAILED]
    return any(
        on >= mailed + timedelta(days=days) and not _came_back(before[number:], mailed, days) for number, mailed in mailings
    )


def _came_back(since: Sequence[Happened], mailed: date, days: int) -> bool:
    end = mailed + timedelta(days=days)
    return any(one.event is BureauEvent.NOTICE_RETURNED and one.on < end for one in since)
