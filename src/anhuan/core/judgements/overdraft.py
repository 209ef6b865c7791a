"""Malicious overdraft: which demands are effective, and whether every objective element of the offence is met.

Knows the 2018 judicial interpretation, Arts. 6-11. Intent of illegal possession is never decided here: a person must.
Where the text leaves a day open, the answer is the one that accuses nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from anhuan.core.judgements.law import Judgement, Law, all_hold

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Demand:
    """A demand, with what is proven of it: that it was received, and that it kept to the rules of collection."""

    at: datetime
    receipt_confirmed: bool
    compliant: bool

    @property
    def on(self) -> date:
        return self.at.astimezone(SHANGHAI).date()


@dataclass(frozen=True, slots=True)
class Payment:
    at: datetime
    amount_minor: int


@dataclass(frozen=True, slots=True)
class TestedDemand:
    """A demand under the four tests of Art. 7: each alone, and all together."""

    demand: Demand
    after_overdue: bool
    receipt_provable: bool
    far_enough_apart: bool
    compliant: bool

    @property
    def effective(self) -> bool:
        return self.after_overdue and self.receipt_provable and self.far_enough_apart and self.compliant


def effective_demands(
    demands: Sequence[Demand], *, overdue_since: date, evasion_proven: bool, law: Law
) -> tuple[TestedDemand, ...]:
    """Every demand, oldest first, under the four tests of Art. 7 of the 2018 interpretation.

    After the term was exceeded (a demand on the very day it became overdue does not count: cautious); by a way that can
    confirm receipt, unless deliberate evasion is proven; thirty days or more from another demand that passes the rest;
    in line with the rules of collection.
    """
    days = law["overdraft.demands"].value["days_apart"]
    alone = [
        TestedDemand(
            demand=one,
            after_overdue=one.on > overdue_since,
            receipt_provable=one.receipt_confirmed or evasion_proven,
            far_enough_apart=True,
            compliant=one.compliant,
        )
        for one in sorted(demands, key=lambda one: one.at)
    ]
    standing = [tested.demand.on for tested in alone if tested.effective]
    return tuple(
        replace(tested, far_enough_apart=any(abs((tested.demand.on - other).days) >= days for other in standing))
        for tested in alone
    )


def malicious_overdraft_objective(
    principal_minor: int,
    overdue_since: date,
    demands: Sequence[Demand],
    payments: Sequence[Payment],
    *,
    interest_and_fees_minor: int,
    evasion_proven: bool,
    disguised_loan: bool,
    at: datetime,
    law: Law,
) -> Judgement:
    """Principal of CNY 50,000 or more, still unpaid more than three months after two effective demands (Arts. 6-9, 11).

    Interest and fees never count, payments are taken off principal, a loan in disguise is no overdraft.
    """
    tested = effective_demands(
        [one for one in demands if one.at <= at], overdue_since=overdue_since, evasion_proven=evasion_proven, law=law
    )
    unpaid = principal_minor - sum(one.amount_minor for one in payments if one.at <= at)
    second = _second_demand(tested, law)
    last_day = law["overdraft.unpaid_after"].period.last_day(second) if second else None
    return all_hold(
        {
            "two_effective_demands": (law["overdraft.demands"], second is not None),
            "unpaid_long_enough": (law["overdraft.unpaid_after"], last_day is not None and _date(at) > last_day),
            "amount_reached": (law["overdraft.principal"], unpaid >= law["overdraft.principal"].value["least_minor"]),
            "no_disguised_loan": (law["overdraft.disguised_loan"], not disguised_loan),
        },
        unpaid_principal_minor=unpaid,
        interest_and_fees_left_out_minor=interest_and_fees_minor,
        second_effective_demand=second,
        unpaid_until=last_day,
        demands=[_told(one) for one in tested],
    )


def _second_demand(tested: Sequence[TestedDemand], law: Law) -> date | None:
    """The day from which two effective demands far enough apart have been made: the three months run from it."""
    days = law["overdraft.demands"].value["days_apart"]
    effective = [one.demand.on for one in tested if one.effective]
    return next((day for day in effective if (day - effective[0]).days >= days), None)


def _told(tested: TestedDemand) -> dict[str, object]:
    return {
        "on": tested.demand.on,
        "after_overdue": tested.after_overdue,
        "receipt_provable": tested.receipt_provable,
        "far_enough_apart": tested.far_enough_apart,
        "compliant": tested.compliant,
    }


def _date(at: datetime) -> date:
    return at.astimezone(SHANGHAI).date()
