"""Complaints: by when they must be answered, and by when the complainant may ask for a review (Complaint Measures 2020)."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from anhuan.core.days import Calendar
from anhuan.core.judgements.law import Deadline, Judgement, Law


class Handling(StrEnum):
    """How a complaint is handled: plainly, as a complex one, or extended with approval and word to the complainant."""

    SIMPLE = "simple"
    COMPLEX = "complex"
    EXTENDED = "extended"


def deadline(received: date, handling: Handling, *, law: Law, calendar: Calendar) -> Deadline:
    """By when a complaint received on `received` must be decided and told: 15, 30 or 60 days (Complaint Measures 2020)."""
    return Deadline(law[f"complaint.{handling}"], received, calendar)


def deadlines(received: date, *, law: Law, calendar: Calendar) -> dict[Handling, Deadline]:
    """All three deadlines of a complaint, from the day it arrives (Complaint Measures 2020)."""
    return {handling: deadline(received, handling, law=law, calendar=calendar) for handling in Handling}


def review_deadline(decision_received: date, *, law: Law, calendar: Calendar) -> Deadline:
    """By when a dissatisfied complainant may ask the higher body for a review: 30 days (Complaint Measures 2020)."""
    return Deadline(law["complaint.review_request"], decision_received, calendar)


def review_decision_deadline(requested: date, *, law: Law, calendar: Calendar) -> Deadline:
    """By when a review must be decided: 30 days from the request (Complaint Measures 2020, unconfirmed)."""
    return Deadline(law["complaint.review_decision"], requested, calendar)


def complaint_in_time(
    received: date, handling: Handling, answered: date | None, *, at: date, law: Law, calendar: Calendar
) -> Judgement:
    """A complaint is decided and told within 15 days, 30 if complex, 60 if extended (Complaint Measures 2020)."""
    return deadline(received, handling, law=law, calendar=calendar).judge(answered, at=at)


def review_request_in_time(decision_received: date, requested: date, *, law: Law, calendar: Calendar) -> Judgement:
    """A review is asked for within 30 days of receiving the decision (Complaint Measures 2020)."""
    return review_deadline(decision_received, law=law, calendar=calendar).judge_date(requested)
