"""One message on its way to a message centre: which of its parts are taken, and what may be said of the whole."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from queue import SimpleQueue

from anhuan.channels.transport import Asked, Delivery, Receipt


@dataclass(slots=True, eq=False)
class Job:
    """The parts of one attempt. `unsent` wait; `open` are submitted and not answered; `references` are taken."""

    attempt_id: str
    to: str = field(repr=False)
    coding: int
    unsent: deque[bytes] = field(repr=False)
    answers: SimpleQueue[Receipt]
    number: int = 0  # SMPP's user_message_reference
    total: int = 0
    open: int = 0
    references: list[str] = field(default_factory=list)
    arrived: set[str] = field(default_factory=set)
    refused: str = ""  # the code of the first refusal: nothing more is submitted
    permanent: bool = False
    lost: bool = False  # a part was submitted and nobody knows what became of it
    tries: int = 0
    told: bool = False

    def __post_init__(self) -> None:
        self.total = len(self.unsent)

    @classmethod
    def of_old(cls, asked: Asked, number: int) -> Job:
        """A message of an earlier session, of which nobody knows what became; nothing of it is submitted."""
        job = cls(asked.attempt_id, asked.to, 0, deque(), SimpleQueue(), number, references=list(asked.references))
        job.total, job.lost, job.told = asked.parts, True, True
        return job

    def receipt(self) -> Receipt | None:
        """The attempt's receipt, once; None while a part is under way or waits for its turn."""
        if self.told or self.open or (self.unsent and not self.refused and not self.lost):
            return None
        self.told = True
        references = tuple(self.references)
        if self.lost:
            return Receipt(self.attempt_id, Delivery.UNKNOWN, "no_answer", references=references, parts=self.total)
        if self.refused:
            return Receipt(
                self.attempt_id, Delivery.FAILED, self.refused, permanent=self.permanent, nothing_left=not references,
                references=references, parts=self.total,
            )  # fmt: skip
        return Receipt(self.attempt_id, Delivery.TAKEN, references=references, parts=self.total)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part that was submitted at an instant of the monotonic clock."""

    job: Job
    data: bytes = field(repr=False)
    sent_at: float
