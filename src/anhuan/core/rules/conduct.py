"""How: what is said, shown, recorded and carried; attributes of the attempt that must be as the law wants them.

An attribute nobody has stated is refused like a wrong one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from anhuan.core.asked import Asked
from anhuan.core.law import Ground, Stricter
from anhuan.core.vocabulary import LetterItem, Says, VoicemailItem


@dataclass(frozen=True, slots=True)
class MustBe:
    """The attempt's `attribute` is `value`."""

    attribute: str
    value: bool

    needs = frozenset[str]()

    def refuses(self, asked: Asked) -> Ground | None:
        got = getattr(asked.attempt, self.attribute)
        if got is self.value:
            return None
        return Ground(missing=self.attribute if got is None else None)


@dataclass(frozen=True, slots=True)
class AtLeast:
    """The attempt's `attribute` is `number` or more."""

    attribute: str
    number: Annotated[int, Stricter.HIGHER]

    needs = frozenset[str]()

    def refuses(self, asked: Asked) -> Ground | None:
        got = getattr(asked.attempt, self.attribute)
        if got is None:
            return Ground(missing=self.attribute)
        return Ground({"got": got}) if got < self.number else None


@dataclass(frozen=True, slots=True)
class Never:
    """Whatever the scope describes is never allowed."""

    needs = frozenset[str]()

    def refuses(self, asked: Asked) -> Ground | None:  # noqa: ARG002  nothing about it could make it right
        return Ground()


@dataclass(frozen=True, slots=True)
class NoUninvitedEntry:
    """No entry to a home or an office without consent."""

    needs = frozenset[str]()

    def refuses(self, asked: Asked) -> Ground | None:
        enters, consent = asked.attempt.enters_premises, asked.attempt.entry_consent
        if enters is False or consent:
            return None
        if enters is None:
            return Ground(missing="enters_premises")
        return Ground(missing="entry_consent" if consent is None else None)


@dataclass(frozen=True, slots=True)
class NeverSays:
    """None of these `words` is said."""

    words: Annotated[frozenset[Says], Stricter.MORE]

    needs = frozenset[str]()

    def refuses(self, asked: Asked) -> Ground | None:
        says = asked.attempt.says
        if says is None:
            return Ground(missing="says")
        wrong = says & self.words if says else None
        return Ground({"said": ", ".join(sorted(wrong))}) if wrong else None


@dataclass(frozen=True, slots=True)
class NoSuitOnTimeBarred:
    """No suit is threatened on a debt whose limitation has run out."""

    needs = frozenset[str]()

    def refuses(self, asked: Asked) -> Ground | None:
        says = asked.attempt.says
        if says is not None and Says.THREATENS_SUIT not in says:
            return None
        known = [asked.facts.debts.get(debt) for debt in asked.attempt.debts]
        if any(debt is None for debt in known):
            return Ground(missing="debts")
        if not any(debt is not None and debt.time_barred for debt in known):
            return None
        return Ground(missing="says" if says is None else None)


@dataclass(frozen=True, slots=True)
class RefusedAsTimeBarred:
    """A debt the customer has said she will not pay because it is time-barred is no longer pursued."""

    needs = frozenset[str]()

    def refuses(self, asked: Asked) -> Ground | None:
        known = [asked.facts.debts.get(debt) for debt in asked.attempt.debts]
        if any(debt is None for debt in known):
            return Ground(missing="debts")
        return Ground() if any(debt is not None and debt.refused_as_time_barred for debt in known) else None


@dataclass(frozen=True, slots=True)
class LetterShows:
    """A letter shows all these `items`."""

    items: Annotated[frozenset[LetterItem], Stricter.MORE]

    needs = frozenset[str]()

    def refuses(self, asked: Asked) -> Ground | None:
        shown = asked.attempt.letter_items
        if shown is None:
            return Ground(missing="letter_items")
        absent = self.items - shown
        return Ground({"absent": ", ".join(sorted(absent))}) if absent else None


@dataclass(frozen=True, slots=True)
class VoicemailHolds:
    """A voicemail holds all of `required` and nothing beyond those and `allowed`."""

    required: Annotated[frozenset[VoicemailItem], Stricter.MORE]
    allowed: Annotated[frozenset[VoicemailItem], Stricter.FEWER]

    needs = frozenset[str]()

    def refuses(self, asked: Asked) -> Ground | None:
        held = asked.attempt.voicemail_items
        if held is None:
            return Ground(missing="voicemail_items")
        absent, beyond = self.required - held, held - self.required - self.allowed
        if not absent and not beyond:
            return None
        return Ground({"absent": ", ".join(sorted(absent)), "beyond": ", ".join(sorted(beyond))})
