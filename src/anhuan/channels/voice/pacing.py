"""How fast calls are begun, and when no more are: a limit a second, and a ceiling for calls that are answered and then dropped.

Knows counts and instants it is told. Does not know any call, and asks no clock.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tally:
    """Answered calls of the last thirty days, and those of them a person took and we dropped."""

    answered: int = 0
    abandoned: int = 0


class Pacer:
    """Lets calls begin at most `per_second` (0: no limit), and none from where the share of dropped ones reaches `ceiling`.

    One dropped call may be a large share of a few: then a person looks before the next is made.
    """

    def __init__(self, per_second: float, ceiling: float, before: Tally) -> None:
        self._gap = 1 / per_second if per_second else 0.0
        self._ceiling = ceiling
        self._next = 0.0
        self.tally = before

    def wait(self, instant: float) -> float:
        """Seconds until the next call may begin; it is taken to begin then."""
        begins = max(instant, self._next)
        self._next = begins + self._gap
        return begins - instant

    def allows(self) -> bool:
        """Whether a further call may be made at all."""
        return self.tally.abandoned == 0 or self.tally.abandoned < self._ceiling * self.tally.answered

    def answered(self, *, abandoned: bool) -> None:
        self.tally = Tally(self.tally.answered + 1, self.tally.abandoned + abandoned)
