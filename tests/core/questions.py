"""Attempts and facts for tests of the gate: what is not said is in order, and every attribute of the attempt is known."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from anhuan.core.facts import Attempt, Consent, Contact, Debt, Facts, Hold, Point
from anhuan.core.gate import Refusal, Verdict, check
from anhuan.core.law import Law, Reason
from anhuan.core.vocabulary import (
    CALLS,
    Channel,
    Covers,
    Direction,
    HoldKind,
    LetterItem,
    LineResult,
    Outcome,
    Party,
    PointKind,
    Purpose,
    VoicemailItem,
)
from anhuan.rulebook.book import law_on

SHANGHAI, NEW_YORK, LONDON = "Asia/Shanghai", "America/New_York", "Europe/London"
NINE = "2026-06-10 09:00"
_numbers = count(1)


def moment(told: str, zone: str = SHANGHAI) -> datetime:
    """An instant told as local time of a zone, in UTC."""
    return datetime.fromisoformat(told).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def attempt(**told: Any) -> Attempt:
    """A lawful call of the bank to the debtor, but for what is told."""
    lawful: dict[str, Any] = {
        "id": "a1", "channel": Channel.CALL, "party": Party.DEBTOR, "purpose": Purpose.COLLECT, "debts": frozenset({"card"}),
        "automated": False, "identifies_institution": True, "recorded": True, "includes_opt_out": True, "id_shown": True,
        "agency_announced": True, "agency_listed": True, "discloses_debt": False, "says": frozenset(),
        "voicemail_items": frozenset(list(VoicemailItem)[1:5]), "letter_items": frozenset(LetterItem), "postcard": False,
        "to_occupier": False, "staff_count": 2, "enters_premises": False, "entry_consent": False, "private_device": False,
    }  # fmt: skip
    return Attempt(**{**lawful, **told})


def contact(at: str, *, zone: str = SHANGHAI, channel: Channel = Channel.CALL, **told: Any) -> Contact:
    """An outbound call that rang out, but for what is told."""
    usual: dict[str, Any] = {
        "id": f"c{next(_numbers)}",
        "direction": Direction.OUTBOUND,
        "point_kind": PointKind.MOBILE,
        "line_result": LineResult.NO_ANSWER if channel in CALLS else None,
        "debts": frozenset({"card"}),
    }
    return Contact(at=moment(at, zone), channel=channel, **{**usual, **told})


def talk(at: str, outcome: Outcome = Outcome.EFFECTIVE_CONVERSATION, **told: Any) -> Contact:
    return contact(at, line_result=LineResult.CONNECTED, outcome=outcome, **told)


def consent(at: str, covers: Covers, *, zone: str = SHANGHAI, until: str | None = None, **told: Any) -> Consent:
    begins = moment(at, zone)
    usual: dict[str, Any] = {"given_to": "bank", "begins": begins, "ends": moment(until, zone) if until else None}
    return Consent(at=begins, covers=frozenset({covers}), **{**usual, **told})


def hold(kind: HoldKind, begins: str, *, zone: str = SHANGHAI, ends: str | None = None, **told: Any) -> Hold:
    return Hold(kind, moment(begins, zone), moment(ends, zone) if ends else None, **told)


def facts(*contacts: Contact, zone: str = SHANGHAI, **told: Any) -> Facts:
    """What is known of a debtor with a card, a loan and two mobiles."""
    usual: dict[str, Any] = {
        "timezones": (zone,),
        "debts": {"card": Debt("card"), "loan": Debt("loan")},
        "points": {name: Point(name, PointKind.MOBILE) for name in ("m1", "m2")},
    }
    return Facts(contacts=tuple(sorted(contacts, key=lambda each: each.at)), **{**usual, **told})


@cache
def law(*packs: str, on: date = date(2026, 6, 10)) -> Law:
    return law_on(packs or ("cn",), on)


def ask(wanted: Attempt, known: Facts, at: str | datetime = NINE, *, under: Law | None = None, zone: str = SHANGHAI) -> Verdict:
    return check(wanted, known, under or law(), moment(at, zone) if isinstance(at, str) else at)


def reasons(verdict: Verdict) -> dict[str, Reason]:
    """The reasons by rule; none for a permit."""
    return {reason.rule.id: reason for reason in verdict.reasons} if isinstance(verdict, Refusal) else {}
