"""The gate: may this contact be made now? One pure function, every reason gathered, no permission from the unknown.

Knows how an attempt meets the rules that concern it. Does not know any rule (`core.rules`), where rules are written down
(`anhuan.rulebook`), or where facts come from (`records.facts`). Only this module mints a Permit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from anhuan.core.asked import Asked
from anhuan.core.facts import Attempt, Facts
from anhuan.core.law import Ground, Law, Reason, Rule
from anhuan.core.rules.caps import Cap

_MINT = object()


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one contact: `attempt`, at the instant it was judged, under the law of this fingerprint."""

    attempt: Attempt
    at: datetime
    law: str
    minted_by: object

    def __post_init__(self) -> None:
        # The mark is of this very judgement: a copy with another attempt, instant or law carries one that does not fit.
        mark = self.minted_by
        if not isinstance(mark, tuple) or mark[0] is not _MINT or mark[1:] != (self.attempt, self.at, self.law):
            raise TypeError("only the gate mints a permit")

    @property
    def attempt_id(self) -> str:
        return self.attempt.id

    permitted = True


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a contact may not be made: every reason there is. `not_before` is when the last of them is known to pass."""

    attempt: Attempt
    at: datetime
    law: str
    reasons: tuple[Reason, ...]

    permitted = False

    @property
    def attempt_id(self) -> str:
        return self.attempt.id

    @property
    def presumed_violation(self) -> bool:
        """Whether a presumption of violation (12 CFR 1006.14(b)(2)) is among the reasons; it is a refusal all the same."""
        return any(reason.rule.presumption for reason in self.reasons)

    @property
    def not_before(self) -> datetime | None:
        """The instant before which waiting cannot help; None when one of the reasons has no end that is known.

        Other rules may refuse at that instant, such as a night that comes between: `opening` looks for the first free one.
        """
        ends = [reason.ground.not_before for reason in self.reasons]
        return None if None in ends else max(end for end in ends if end is not None)


Verdict = Permit | Refusal


def check(attempt: Attempt, facts: Facts, law: Law, at: datetime) -> Verdict:
    """Judge `attempt` at the instant `at` (with an offset) by `facts` under `law`; pure, and the same answer every time.

    Every rule about this kind of attempt is asked, and all that refuse are told. A rule that needs a fact nobody could
    learn refuses too, naming it.
    """
    at = at.astimezone(UTC)
    asked = Asked(attempt, facts, law.calendars, at)
    unknown = facts.unknown if facts.timezones else facts.unknown | {"timezones"}
    linked = attempt.session_of is not None or attempt.in_reply_to is not None
    reasons: list[Reason] = []
    for rule in law.concerning(attempt):
        if linked and _spared(rule, asked):
            continue
        ground = _lacking(rule, unknown) if unknown else None
        if ground is None:
            ground = rule.test.refuses(asked)
        if ground is not None:
            reasons.append(Reason(rule, ground))
    if reasons:
        return Refusal(attempt, at, law.fingerprint, tuple(reasons))
    return Permit(attempt, at, law.fingerprint, (_MINT, attempt, at, law.fingerprint))


def _spared(rule: Rule, asked: Asked) -> bool:
    spares = rule.scope.spares
    return (
        ("opened" in spares and asked.opened)
        or ("session" in spares and asked.in_session)
        or ("reply" in spares and asked.is_reply)
    )


def _lacking(rule: Rule, unknown: frozenset[str]) -> Ground | None:
    missing = rule.test.needs & unknown
    return Ground(missing=", ".join(sorted(missing))) if missing else None


def opening(attempt: Attempt, facts: Facts, law: Law, at: datetime, *, tries: int = 16) -> datetime | None:
    """The first instant from `at` on at which the attempt would be permitted, as far as is known now; None: unknown.

    Goes from one refusal's `not_before` to the next. The answer holds for facts as they are: another contact before then may
    change it.
    """
    for _ in range(tries):
        verdict = check(attempt, facts, law, at)
        if isinstance(verdict, Permit):
            return verdict.at
        if verdict.not_before is None or verdict.not_before <= verdict.at:
            return None
        at = verdict.not_before
    return None


def left(attempt: Attempt, facts: Facts, law: Law, at: datetime) -> int | None:
    """How many more such contacts the caps leave within their windows, this one among them; None: no cap speaks of them."""
    asked = Asked(attempt, facts, law.calendars, at.astimezone(UTC))
    least: int | None = None
    for rule in law.concerning(attempt):
        if isinstance(rule.test, Cap):
            used = replace(rule.test, limit=1).refuses(asked)
            counted = int(str(used.seen.get("count", 0))) if used is not None else 0
            remaining = max(rule.test.limit - counted, 0)
            least = remaining if least is None else min(least, remaining)
    return least


def document(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON: `{"verdict", "attempt", "at", "law", "presumed_violation", "reasons", "not_before"}`."""
    refusal = verdict if isinstance(verdict, Refusal) else None
    return {
        "verdict": "permit" if refusal is None else "refuse",
        "attempt": verdict.attempt_id,
        "at": verdict.at.isoformat(),
        "law": verdict.law,
        "presumed_violation": refusal is not None and refusal.presumed_violation,
        "reasons": [reason.document() for reason in refusal.reasons] if refusal else [],
        "not_before": refusal.not_before.isoformat() if refusal and refusal.not_before else None,
    }
