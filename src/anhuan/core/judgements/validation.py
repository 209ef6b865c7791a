"""Validation of debts in the United States: the notice, and the period in which a dispute holds the collection (12 CFR 1006.34)."""

from __future__ import annotations

from datetime import date

from anhuan.core.days import Calendar
from anhuan.core.judgements.law import Deadline, Judgement, Law, judged


def validation_notice_in_time(
    initial_communication: date, notice_sent: date | None, *, at: date, law: Law, calendar: Calendar
) -> Judgement:
    """The notice is sent with the first communication or within five days after (12 CFR 1006.34(a)(1)(i)(B))."""
    return Deadline(law["validation.notice"], initial_communication, calendar).judge(notice_sent, at=at)


def assumed_receipt(notice_mailed: date, *, law: Law, calendar: Calendar) -> date:
    """The first date on which receipt may be assumed: the fifth business day after sending (12 CFR 1006.34(b)(5))."""
    workdays: int = law["validation.assumed_receipt"].value["business_days"]
    return calendar.add_workdays(notice_mailed, workdays)


def dispute_in_validation_period(notice_mailed: date, dispute_received: date, *, law: Law, calendar: Calendar) -> Judgement:
    """The validation period ends thirty days after the assumed receipt of the notice (12 CFR 1006.34(b)(5))."""
    receipt = assumed_receipt(notice_mailed, law=law, calendar=calendar)
    period = law["validation.period"]
    last_day = period.period.last_day(receipt)
    grounds = (period, law["validation.assumed_receipt"])
    return judged(dispute_received <= last_day, *grounds, assumed_receipt=receipt, last_day=last_day)
