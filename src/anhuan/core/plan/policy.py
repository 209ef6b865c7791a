"""What a bank grants to whom, as values: rows of its policy with dates, and which roles may grant how much.

Knows the shape of a policy and which row speaks of a debt on a day. Does not know where a policy is written
(`anhuan.rulebook.policy`), nor what follows from it for a customer (`core.plan.negotiation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

from anhuan.core.judgements.law import Provision
from anhuan.core.plan.parts import Part
from anhuan.core.plan.schedule import Method
from anhuan.core.vocabulary import Bucket, Classification


class Treatment(StrEnum):
    """What happens to interest while a deferral or plan runs."""

    STOPPED = "stopped"
    RUNS = "runs"


class Shift(StrEnum):
    """Where a due date goes that is a rest day."""

    NONE = "none"
    FORWARD = "forward"
    BACKWARD = "backward"


@dataclass(frozen=True, slots=True)
class DefaultRule:
    """A plan is broken when so many instalments stand unpaid, or one is so many days late; nought: that alone breaks nothing.

    An instalment is missed from the day after its grace.
    """

    missed: int
    days_late: int
    grace_days: int = 0


@dataclass(frozen=True, slots=True)
class PromiseRule:
    """A promise lies at most `max_days` ahead and comes to at least `least_share` of what is past due."""

    max_days: int
    least_share: Fraction = Fraction(0)
    tolerance_share: Fraction = Fraction(0)
    grace_days: int = 0

    def tolerance_minor(self, amount_minor: int) -> int:
        return int(amount_minor * self.tolerance_share)


@dataclass(frozen=True, slots=True)
class Authority:
    """What one role may grant without a second person. `waive` are the greatest shares of each part, `settle_from` the least
    share of the whole debt for which the rest may be let go; None: never.
    """

    role: str
    instalments: int = 0
    deferral_days: int = 0
    waive: Mapping[Part, Fraction] = field(default_factory=dict)
    settle_from: Fraction | None = None


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """What is granted on debts of these products, buckets and classes between two dates, both included; None: all.

    `tenors` are the numbers of instalments offered of themselves; a wish may ask for any up to `max_instalments`. Interest, where it
    runs, runs on principal alone. `least_payment_minor` is by currency. `replans` is how often a broken plan may be agreed anew.
    """

    id: str
    line: int
    from_on: date
    until_on: date | None
    promise: PromiseRule
    default: DefaultRule
    authorities: tuple[Authority, ...]
    products: frozenset[str] | None = None
    buckets: frozenset[Bucket] | None = None
    classifications: frozenset[Classification] | None = None
    methods: tuple[Method, ...] = (Method.LEVEL,)
    tenors: tuple[int, ...] = ()
    max_instalments: int = 0
    least_payment_minor: Mapping[str, int] = field(default_factory=dict)
    first_due_within_days: int = 31
    interest: Treatment = Treatment.STOPPED
    annual_rate: Fraction = Fraction(0)
    fee_rate: Fraction = Fraction(0)
    shift: Shift = Shift.FORWARD
    shift_moves_interest: bool = False
    step_every: int = 12
    step_factor: Fraction = Fraction(1)
    deferral_max_days: int = 0
    deferral_interest: Treatment = Treatment.STOPPED
    settlement_instalments: int = 1
    replans: int = 0
    why: str = ""

    def speaks_of(self, product: str, bucket: Bucket, classification: Classification, on: date) -> bool:
        return (
            self.from_on <= on
            and (self.until_on is None or on <= self.until_on)
            and (self.products is None or product in self.products)
            and (self.buckets is None or bucket in self.buckets)
            and (self.classifications is None or classification in self.classifications)
        )

    def overlaps(self, other: PolicyRow) -> bool:
        """Whether both speak of some debt on some day."""
        apart = (self.until_on is not None and self.until_on < other.from_on) or (
            other.until_on is not None and other.until_on < self.from_on
        )
        return not apart and all(
            mine is None or theirs is None or mine & theirs
            for mine, theirs in [
                (self.products, other.products),
                (self.buckets, other.buckets),
                (self.classifications, other.classifications),
            ]
        )

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(authority.role for authority in self.authorities)


@dataclass(frozen=True, slots=True)
class Ground:
    """What holds for all debts between two dates: how ability to pay is reckoned, and at what rate later money is worth less.

    `floor_first_minor` and `floor_other_minor`, by currency, are what a household needs for its first and each further member, if more than is
    told. `share` is how much of what is left over may go to this debt.
    """

    from_on: date
    until_on: date | None
    discount_rate: Fraction
    share: Fraction = Fraction(1)
    floor_first_minor: Mapping[str, int] = field(default_factory=dict)
    floor_other_minor: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """A bank's table, under one fingerprint. At most one row speaks of a debt on a day, whatever their order.

    `term` is the longest plan the law allows, in months, `content` what an agreement must state; None where no law says so.
    """

    bank: str
    fingerprint: str
    rows: tuple[PolicyRow, ...]
    grounds: tuple[Ground, ...]
    term: Provision | None = None
    content: Provision | None = None

    def row(self, product: str, bucket: Bucket, classification: Classification, on: date) -> PolicyRow | None:
        return next((row for row in self.rows if row.speaks_of(product, bucket, classification, on)), None)

    def ground(self, on: date) -> Ground | None:
        return next(
            (each for each in self.grounds if each.from_on <= on and (each.until_on is None or on <= each.until_on)), None
        )
