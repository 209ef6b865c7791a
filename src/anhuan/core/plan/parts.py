"""What a card debt is made of, to the minor unit: principal, interest, fees and penalty, and sums and differences of them.

`instalment_unbilled` of the feed is principal not yet due: whoever builds `Parts` says whether it is among it. Knows no law and
no order among the parts (`core.plan.allocation`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Part(StrEnum):
    PRINCIPAL = "principal"
    INTEREST = "interest"
    FEES = "fees"
    PENALTY = "penalty"


@dataclass(frozen=True, slots=True)
class Parts:
    """Minor units by part, all of one currency. What is owed is never below nought; a difference may be."""

    principal_minor: int = 0
    interest_minor: int = 0
    fees_minor: int = 0
    penalty_minor: int = 0

    @classmethod
    def of(cls, amounts: Mapping[Part, int]) -> Parts:
        return cls(*(amounts.get(part, 0) for part in Part))

    def __getitem__(self, part: Part) -> int:
        return int(getattr(self, f"{part}_minor"))

    def __iter__(self) -> Iterator[tuple[Part, int]]:
        return ((part, self[part]) for part in Part)

    def __add__(self, other: Parts) -> Parts:
        return Parts(
            self.principal_minor + other.principal_minor,
            self.interest_minor + other.interest_minor,
            self.fees_minor + other.fees_minor,
            self.penalty_minor + other.penalty_minor,
        )

    def __sub__(self, other: Parts) -> Parts:
        return Parts(
            self.principal_minor - other.principal_minor,
            self.interest_minor - other.interest_minor,
            self.fees_minor - other.fees_minor,
            self.penalty_minor - other.penalty_minor,
        )

    @property
    def total_minor(self) -> int:
        return self.principal_minor + self.interest_minor + self.fees_minor + self.penalty_minor

    @property
    def charges_minor(self) -> int:
        """All but the principal."""
        return self.total_minor - self.principal_minor

    def share(self, shares: Mapping[Part, Fraction]) -> Parts:
        """So much of each part, rounded down; parts not named give nothing."""
        return Parts.of({part: int(minor * shares.get(part, Fraction(0))) for part, minor in self})

    def within(self, other: Parts) -> bool:
        """Whether no part is more than the other's."""
        return all(minor <= other[part] for part, minor in self)

    def document(self) -> dict[str, int]:
        return {f"{part}_minor": minor for part, minor in self} | {"total_minor": self.total_minor}
