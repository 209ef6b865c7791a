"""What can be agreed with a customer: from the debt, what she can afford and the bank's policy to the offers there are.

Same facts, same offers, whoever asks: who asks changes the note on authority and nothing else. Knows no screen, no file and no
clock, and nothing about a person beyond what is owed and what is left over in a month.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from anhuan.core.plan.agreement import Instalment, Kind, PlanTerms
from anhuan.core.plan.parts import Parts
from anhuan.core.plan.schedule import Method
from anhuan.core.vocabulary import Bucket, Classification


class Expense(StrEnum):
    """Necessary expenses of a month, by kind."""

    HOUSING = "housing"
    FOOD = "food"
    UTILITIES = "utilities"
    TRANSPORT = "transport"
    HEALTH = "health"
    EDUCATION = "education"
    CARE = "care"
    INSURANCE = "insurance"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Form:
    """What a household takes in and must spend in a month, as the customer tells it; minor units of one currency.

    `other_debts_minor` is what other debts take every month, other accounts of this bank included; `at_hand_minor` is what could be
    paid at once.
    """

    currency: str
    income_minor: int
    expenses_minor: Mapping[Expense, int] = field(default_factory=dict)
    other_debts_minor: int = 0
    household: int = 1
    at_hand_minor: int = 0


@dataclass(frozen=True, slots=True)
class Affordable:
    """What can go to this debt in a month, and how that came about."""

    monthly_minor: int
    at_hand_minor: int
    expenses_minor: int
    floor_minor: int
    left_minor: int


@dataclass(frozen=True, slots=True)
class Debt:
    """One account on the day of the talk. `plan_since` is the start of the first plan on this debt, `plans` how many there have been."""

    account_id: str
    product: str
    currency: str
    days_past_due: int
    bucket: Bucket
    classification: Classification
    owed: Parts
    past_due_minor: int
    annual_rate: Fraction = Fraction(0)
    plans: int = 0
    plan_since: date | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What the customer asks for; what is None is left open. `pay_minor` is the whole of a promise or a settlement."""

    kind: Kind
    instalments: int | None = None
    method: Method | None = None
    first_due: date | None = None
    monthly_minor: int | None = None
    payments_minor: tuple[int, ...] = ()
    waived: Parts = field(default_factory=Parts)
    pay_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One ground on which a wish is refused: the row of policy or clause of law, both sentences, what was seen and the limit."""

    code: str
    rule: str
    citation: str
    zh: str
    en: str
    seen: int | str | None = None
    limit: int | str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that may be agreed. `id` names its terms and is the same whoever asks. `grantable_by` are the roles that may grant it alone.

    `affordable` is None where no form was filled in; `load` is the greatest part of what can be afforded by a due date that falls due by it.
    """

    id: str
    kind: Kind
    terms: PlanTerms
    rows: tuple[Instalment, ...]
    rule: str
    grantable_by: tuple[str, ...]
    affordable: bool | None
    load: Fraction | None
    present_value_minor: int
    total_minor: int
    cost_minor: int
    effective_annual_rate: Decimal

    @property
    def last_due(self) -> date:
        return self.rows[-1].due


@dataclass(frozen=True, slots=True)
class AuthorityNote:
    """What whoever asks may do about an offer: grant it alone, or ask a second person of one of these roles."""

    alone: bool
    second: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A wish that cannot be granted: every reason, and the nearest offer there is."""

    wish: Wish
    reasons: tuple[Reason, ...]
    nearest: Offer | None


@dataclass(frozen=True, slots=True)
class Negotiation:
    """The answer: what can be afforded, the offers from best to worst, and, where something was wished, that offer or its refusal."""

    affordable: Affordable | None
    offers: tuple[Offer, ...]
    granted: Offer | None = None
    refused: Refused | None = None
