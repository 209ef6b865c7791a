"""Steps through the courts: which are open, and whether their time still runs (Civil Procedure Law 2023 and its interpretation)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from anhuan.core.days import Calendar
from anhuan.core.judgements.law import Deadline, Judgement, Law, judged


class Ground(StrEnum):
    """What an objection to a payment order says: that there is no money now, or that there is no such debt."""

    CANNOT_PAY_NOW = "cannot_pay_now"
    DEBT_ITSELF = "debt_itself"


@dataclass(frozen=True, slots=True)
class Objection:
    on: date
    ground: Ground


def payment_order_enforceable(
    served: date, objection: Objection | None, *, paid: bool, at: date, law: Law, calendar: Calendar
) -> Judgement:
    """A payment order is enforceable when fifteen days passed without payment or valid objection (CPL Art. 227).

    A plea of inability to pay is no valid objection (CPL Interpretation Art. 436); nor is one that comes late.
    """
    pay, pleas = Deadline(law["legal_step.payment_order_answer"], served, calendar), law["legal_step.payment_order_objection"]
    made = objection if objection is not None and objection.on <= at else None
    valid = made is not None and made.ground not in pleas.value["invalid_grounds"] and pay.met(made.on)
    enforceable = not paid and not valid and not pay.met(at)
    grounds = [pay.provision, pleas] if made else [pay.provision]
    return judged(enforceable, *grounds, paid=paid, valid_objection=valid, **pay.told())


def payment_order_alive(issued: date, served: date | None, *, at: date, law: Law, calendar: Calendar) -> Judgement:
    """A payment order ends when it is not served within thirty days (CPL Interpretation Art. 430)."""
    return Deadline(law["legal_step.payment_order_service"], issued, calendar).judge(served, at=at)


def enforcement_deadline(
    performance_due: date, interrupted: date | None, *, at: date, law: Law, calendar: Calendar
) -> Deadline:
    """By when enforcement must be asked for: two years, anew from an interruption within them (CPL Art. 250)."""
    first = Deadline(law["legal_step.enforcement"], performance_due, calendar)
    if interrupted is None or not performance_due <= interrupted <= at or not first.met(interrupted):
        return first
    return Deadline(law["legal_step.enforcement"], interrupted, calendar)


def enforcement_in_time(
    performance_due: date, interrupted: date | None, *, at: date, law: Law, calendar: Calendar
) -> Judgement:
    """Enforcement is asked for within two years of the last day for performance (CPL Art. 250)."""
    return enforcement_deadline(performance_due, interrupted, at=at, law=law, calendar=calendar).judge_date(at)


def confirmation_request_in_time(agreement_effective: date, requested: date, *, law: Law, calendar: Calendar) -> Judgement:
    """Judicial confirmation of a mediated deal is asked for within thirty days of its effect (CPL Art. 205)."""
    return Deadline(law["legal_step.confirmation"], agreement_effective, calendar).judge_date(requested)


def suit_allowed(*, arbitration_clause: bool, law: Law) -> Judgement:
    """An agreement to arbitrate bars suit (CPL Art. 127)."""
    return judged(not arbitration_clause, law["legal_step.arbitration"])


def notarised_enforcement_allowed(*, enforcement_certificate: bool, law: Law) -> Judgement:
    """A notarised instrument is enforced only with the enforcement certificate (2018 provisions Arts. 3, 5)."""
    return judged(enforcement_certificate, law["legal_step.notarised"])
