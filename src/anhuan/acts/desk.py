"""The bank's own desk: how it makes a contact, which contacts a customer's file offers it, and what the gate says of each.

Knows what the desk guarantees of every contact, channel by channel: the one place that says so. Holds nobody and writes
nothing: a verdict here is a preview, and the door (`acts.dispatch`) judges again. Does not know any rule.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from anhuan.acts.dispatch import Unfit
from anhuan.acts.fitness import faults_of
from anhuan.core import gate
from anhuan.core.facts import MAIN_POINT, Attempt
from anhuan.core.law import Law
from anhuan.core.vocabulary import BANK, Channel, ContactKind, LetterItem, Party, Purpose, VoicemailItem
from anhuan.records import attempt as attempts
from anhuan.records import facts
from anhuan.records.account import Account
from anhuan.records.agency import Agency
from anhuan.records.attempt import Fault
from anhuan.records.facts import Known

# --- how the desk makes a contact ---------------------------------------------------------------------------------

_ALWAYS: Mapping[str, Any] = MappingProxyType(
    {
        "automated": False,  # a person makes it
        "identifies_institution": True,  # every script and every text begins with the bank's name
        "private_device": False,  # the desk's lines, addresses and visitors' telephones are the bank's
        "says": [],  # scripts and texts are checked before they are used; none says what the law forbids
    }
)
_BY_CHANNEL: Mapping[Channel, Mapping[str, Any]] = MappingProxyType(
    {
        Channel.CALL: {"recorded": True},
        Channel.VOICEMAIL: {
            "recorded": True,
            "voicemail_items": [
                VoicemailItem.NEUTRAL_BUSINESS_NAME,
                VoicemailItem.REQUEST_TO_REPLY,
                VoicemailItem.CONTACT_PERSON,
                VoicemailItem.CALLBACK_NUMBER,
            ],
        },
        Channel.SMS: {"includes_opt_out": True},
        Channel.EMAIL: {"includes_opt_out": True},
        Channel.LETTER: {"letter_items": list(LetterItem), "postcard": False, "to_occupier": False},
        Channel.VISIT: {
            "recorded": True, "id_shown": True, "staff_count": 2, "enters_premises": False, "entry_consent": False,
        },
    }
)  # fmt: skip
"""What the desk guarantees besides: calls and visits are recorded, texts say how to have no more, letters show every item
the law asks for, in a closed envelope to a person by name, and two visitors show their cards and stay outside."""


CARRIED = frozenset({Channel.SMS, Channel.EMAIL, Channel.PORTAL_PUSH, Channel.LETTER})
"""Channels whose messages machines send, in wordings that were approved."""
ROBOTS = frozenset({"robot"})
"""The teams of a strategy that are machines: they call, too."""


def by_machine(channel: str, team: str) -> bool:
    """Whether a machine of ours carries out what is wanted by this channel of this team."""
    return channel in CARRIED or (channel == Channel.CALL and team in ROBOTS)


def guaranteed(channel: Channel, purpose: Purpose) -> dict[str, Any]:
    """How a contact of the bank's desk is made, as `records.attempt` reads it; what it does not guarantee is left out."""
    told = {**_ALWAYS, **_BY_CHANNEL.get(channel, {})}
    return told | {"discloses_debt": False} if purpose is Purpose.LOCATE else told


# --- what the gate says -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Preview:
    """What the gate says of an attempt now, and the first instant at which it would permit it, as far as is known."""

    attempt: Attempt
    verdict: gate.Verdict
    opens_at: datetime | None
    left: int | None = None
    """How many more such contacts the caps leave in their windows; None where none speaks of them."""

    def document(self) -> dict[str, Any]:
        """As JSON: `core.gate.document` with the attempt as it was judged, and `opens_at`."""
        opens_at = self.opens_at.isoformat() if self.opens_at else None
        return {**gate.document(self.verdict), "asked": attempts.document(self.attempt), "opens_at": opens_at}


def explain(customer_id: str, asked: Mapping[str, Any], *, law: Law, at: datetime) -> Preview | Unfit:
    """Judge one attempt at an instant, past or to come, by everything that is known today.

    `asked` names the channel, and of the rest only what is special: party, purpose and actor stand by default as the
    debtor, collecting and the bank; accounts as those overdue; the point as the first on file; and what the desk
    guarantees is as it guarantees it. Of an agency only what is stated is known, and whether it is listed and was announced.
    """
    known = facts.known_of(customer_id, at=at, since=at - facts.reach(law))
    read = attempts.read(_completed(customer_id, asked, known))
    if not isinstance(read, Attempt):
        return Unfit(read)
    unfit = faults_of(read, known, at)
    return Unfit(unfit) if unfit else _preview(read, known, law, at)


def _completed(customer_id: str, asked: Mapping[str, Any], known: Known) -> dict[str, Any]:
    stated = {name: value for name, value in asked.items() if value is not None}
    told: dict[str, Any] = {"id": "explain", "party": Party.DEBTOR, "purpose": Purpose.COLLECT, "actor": BANK, **stated}
    told.setdefault("debts", overdue(customer_id, known))
    if told["actor"] == BANK:
        try:
            told = {**guaranteed(Channel(str(told.get("channel"))), Purpose(told["purpose"])), **told}
        except ValueError:
            return told  # a word that is none is told by whoever reads it
    else:
        agency = Agency.objects.filter(pk=str(told["actor"]).removeprefix("agency:")).first()
        told = {"agency_listed": bool(agency and agency.listed), "agency_announced": told["actor"] in known.announced, **told}
    if "point" not in told:
        told["point"] = next(_points(str(told["channel"]), str(told["party"]), str(told.get("person", "")), known), MAIN_POINT)
        if told["party"] != Party.DEBTOR and told["point"]:
            told.setdefault("person", known.points[told["point"]][2])
    return told


def _points(channel: str, party: str, person: str, known: Known) -> Iterator[str]:
    """The points on file by which a channel reaches somebody."""
    for point, (kind, whose, named) in known.points.items():
        if channel in _OFFERED.get(kind, ()) and whose == party and person in ("", named):
            yield point


def overdue(customer_id: str, known: Known, late: Collection[str] | None = None) -> list[str]:
    """The accounts a contact is about: those overdue (`late`, where a caller has them); all of them where none is."""
    if late is None:
        late = Account.objects.filter(customer_id=customer_id, bucket__gt=0).values_list("account_id", flat=True)
    return sorted(set(late) & known.facts.debts.keys()) or sorted(known.facts.debts)


def _preview(attempt: Attempt, known: Known, law: Law, at: datetime) -> Preview:
    return Preview(
        attempt, gate.check(attempt, known.facts, law, at), gate.opening(attempt, known.facts, law, at),
        gate.left(attempt, known.facts, law, at),
    )  # fmt: skip


# --- what a customer's file offers --------------------------------------------------------------------------------

_OFFERED: Mapping[str, tuple[Channel, ...]] = MappingProxyType(
    {
        ContactKind.MOBILE: (Channel.CALL, Channel.SMS),
        ContactKind.PHONE: (Channel.CALL,),
        ContactKind.EMAIL: (Channel.EMAIL,),
        ContactKind.ADDRESS: (Channel.LETTER, Channel.VISIT),
    }
)
_DEBTORS = frozenset({Party.DEBTOR, Party.GUARANTOR})


def previews(
    customer_id: str, *, law: Law, at: datetime, known: Known | None = None, late: Collection[str] | None = None
) -> list[tuple[Attempt, Preview | Unfit]]:
    """Every contact the file offers the desk, judged at once: of the debtor and a guarantor to collect by each channel that
    reaches a point of theirs, of other people a call to ask where she is; by everything known at `at`, which a caller may have
    learnt already (`known`), as well as which accounts are overdue (`late`).
    """
    known = known or facts.known_of(customer_id, at=at, since=at - facts.reach(law))
    debts = overdue(customer_id, known, late)
    judged: list[tuple[Attempt, Preview | Unfit]] = []
    for point, (kind, party, person) in known.points.items():
        collects = party in _DEBTORS
        offered = _OFFERED.get(kind, ())
        for channel in offered if collects else [each for each in offered if each is Channel.CALL]:
            purpose = Purpose.COLLECT if collects else Purpose.LOCATE
            read = attempts.read(
                {
                    **guaranteed(channel, purpose), "id": f"preview:{channel}:{point}", "channel": channel, "party": party,
                    "purpose": purpose, "debts": debts, "person": "" if party == Party.DEBTOR else person, "point": point,
                }
            )  # fmt: skip
            if isinstance(read, Attempt):
                unfit: list[Fault] = faults_of(read, known, at)
                judged.append((read, Unfit(unfit) if unfit else _preview(read, known, law, at)))
    return sorted(judged, key=lambda each: (_PARTIES.index(each[0].party), _CHANNELS.index(each[0].channel)))


_PARTIES, _CHANNELS = list(Party), list(Channel)
