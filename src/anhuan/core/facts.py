"""What is known of one debtor, and what is wanted of her: the values the gate judges.

Knows shapes, not law: which of these facts a rule needs, and what it makes of them, stands in `core.rules`. Whoever
builds Facts (records, or the reader of scenario files) tells only what is known: an attribute of an attempt that is
None, and a fact named in `Facts.unknown`, are refused by every rule that needs them. Instants are in UTC and sorted,
so that a rule turns its own local window into two UTC bounds, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from types import MappingProxyType

from anhuan.core.vocabulary import (
    BANK,
    CALLS,
    Channel,
    Covers,
    DebtorStatus,
    Direction,
    HoldKind,
    LetterItem,
    LineResult,
    Outcome,
    Party,
    PointKind,
    Purpose,
    Route,
    Says,
    VoicemailItem,
)

MAIN_POINT = ""
"""The point of a contact that names none: the person's main number or address, of home or mobile kind."""


UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
"""When something begins that the bank's files tell without an instant: it stands as if always so."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A contact somebody wants to make. None stands for: not known.

    `point` is an id of `Facts.points`, or MAIN_POINT. `person` tells apart several people of one relation, "" where
    there is no need. `actor` is `bank` or `agency:<id>`. `session_of` and `in_reply_to` are ids of contacts: a step inside
    a running one, and an answer to one. The attributes from `identifies_institution` on say how it would be made.
    """

    id: str
    channel: Channel
    party: Party
    purpose: Purpose
    debts: frozenset[str]
    actor: str = BANK
    person: str = ""
    point: str = MAIN_POINT
    automated: bool | None = None
    session_of: str | None = None
    in_reply_to: str | None = None
    claimed_factor: str | None = None
    route: Route | None = None
    identifies_institution: bool | None = None
    recorded: bool | None = None
    includes_opt_out: bool | None = None
    id_shown: bool | None = None
    agency_announced: bool | None = None
    agency_listed: bool | None = None
    discloses_debt: bool | None = None
    says: frozenset[Says] | None = None
    voicemail_items: frozenset[VoicemailItem] | None = None
    letter_items: frozenset[LetterItem] | None = None
    postcard: bool | None = None
    to_occupier: bool | None = None
    staff_count: int | None = None
    enters_premises: bool | None = None
    entry_consent: bool | None = None
    private_device: bool | None = None

    @property
    def by_agency(self) -> bool:
        return self.actor != BANK


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact that happened, or that has started and whose result is not known yet (`line_result` None of a call).

    A voicemail counts as a call that reached one: its `line_result` is VOICEMAIL. `point_kind` is what the point is,
    resolved for MAIN_POINT too. `debts` are those spoken about, or those a call without talk is counted to.
    """

    id: str
    at: datetime
    channel: Channel
    direction: Direction
    party: Party = Party.DEBTOR
    person: str = ""
    point: str = MAIN_POINT
    point_kind: PointKind | None = None
    line_result: LineResult | None = None
    outcome: Outcome | None = None
    debts: frozenset[str] = frozenset()
    actor: str = BANK
    automated: bool = False
    purpose: Purpose = Purpose.COLLECT
    in_reply_to: str | None = None

    @property
    def is_call(self) -> bool:
        return self.channel in CALLS


@dataclass(frozen=True, slots=True)
class Point:
    """A contact point of the debtor's file. `company_domain` is of an e-mail address not open to the general public."""

    id: str
    kind: PointKind
    of_third_person: bool = False
    company_domain: bool = False
    properly_obtained_by_prior_collector: bool = False
    used_by_last_collector: bool = False


@dataclass(frozen=True, slots=True)
class Debt:
    id: str
    time_barred: bool = False
    refused_as_time_barred: bool = False
    in_collection_procedures: bool = True


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody other than the debtor, as far as attributes of hers matter."""

    id: str
    relation: Party
    joint_use_proven: bool = False
    renounced: bool = False


@dataclass(frozen=True, slots=True)
class Attorney:
    """A lawyer known for these debts; None means all of them."""

    contact_known: bool
    debts: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """The debtor agrees to what it `covers`, from `begins` to just before `ends` (None: open).

    None in `channel`, `point`, `person` or `debts` limits nothing. `ends` already heeds a revocation.
    """

    at: datetime
    covers: frozenset[Covers]
    given_to: str
    begins: datetime
    ends: datetime | None = None
    channel: Channel | None = None
    point: str | None = None
    person: str | None = None
    debts: frozenset[str] | None = None
    limit_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Collection of `debts` (None: of all) is stopped from `begins` to just before `ends` (None: open).

    `until_date` is the last date it protects by law in the debtor's first zone, where the law gives one.
    """

    kind: HoldKind
    begins: datetime
    ends: datetime | None = None
    debts: frozenset[str] | None = None
    until_date: date | None = None


@dataclass(frozen=True, slots=True)
class OptOut:
    """No more messages or calls by this channel; `point` None: to any point."""

    at: datetime
    channel: Channel
    point: str | None = None


@dataclass(frozen=True, slots=True)
class TimeBlock:
    """A recurring time the person named as inconvenient: `begins` is in, `ends` is out; None: the whole day.

    `weekdays` are 0 for Monday to 6; `until_date` is the last date; `channel` None: every one.
    """

    at: datetime
    weekdays: frozenset[int]
    begins: time | None = None
    ends: time | None = None
    until_date: date | None = None
    channel: Channel | None = None


@dataclass(frozen=True, slots=True)
class PlaceBar:
    """A place where the person may not be contacted: `home` or `work`."""

    at: datetime
    place: str


@dataclass(frozen=True, slots=True)
class TransferNotice:
    """The creditor's notice before it hands an e-mail address to a collector."""

    at: datetime
    point: str
    opt_out_until: date


@dataclass(frozen=True, slots=True)
class NumberCheck:
    """A number looked up in a complete database of reassigned numbers."""

    at: datetime
    point: str
    reassigned: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything about one debtor that a rule may ask for, as known when an attempt is judged.

    `timezones` are all zones the person may be in; in the first one American and British days are counted. `contacts` are
    in time order. `refused_by` and `invited_by` map a third person to the latest time she said so. `bad_times` are
    ids of contacts in which the person said: not now. `unknown` names fields that could not be learnt.
    """

    timezones: tuple[str, ...]
    debts: Mapping[str, Debt]
    contacts: tuple[Contact, ...] = ()
    status: frozenset[DebtorStatus] = frozenset()
    attorney: Attorney | None = None
    whereabouts: str = "unknown"
    points: Mapping[str, Point] = field(default_factory=dict)
    people: Mapping[str, Person] = field(default_factory=dict)
    consents: tuple[Consent, ...] = ()
    holds: tuple[Hold, ...] = ()
    opt_outs: tuple[OptOut, ...] = ()
    ceased_at: datetime | None = None
    time_blocks: tuple[TimeBlock, ...] = ()
    place_bars: tuple[PlaceBar, ...] = ()
    bad_times: frozenset[str] = frozenset()
    wrong_numbers: frozenset[str] = frozenset()
    refused_by: Mapping[str, datetime] = field(default_factory=dict)
    invited_by: Mapping[str, datetime] = field(default_factory=dict)
    transfer_notices: tuple[TransferNotice, ...] = ()
    number_checks: tuple[NumberCheck, ...] = ()
    unknown: frozenset[str] = frozenset()
    instants: tuple[datetime, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        instants = [contact.at for contact in self.contacts]
        if instants != sorted(instants):
            raise ValueError("contacts are told in time order")
        object.__setattr__(self, "instants", tuple(instants))

    def contact(self, contact_id: str) -> Contact | None:
        return next((contact for contact in self.contacts if contact.id == contact_id), None)

    def point_kind(self, channel: Channel, point: str) -> PointKind | None:
        """What a point is; of MAIN_POINT the kind it has by convention; None when it cannot be told."""
        if point in self.points:
            return self.points[point].kind
        return _MAIN_KIND.get(channel) if point == MAIN_POINT else None


_MAIN_KIND: Mapping[Channel, PointKind] = MappingProxyType(
    {
        **dict.fromkeys((*CALLS, Channel.SMS, Channel.PORTAL_PUSH), PointKind.MOBILE),
        Channel.EMAIL: PointKind.PERSONAL_EMAIL,
        **dict.fromkeys((Channel.LETTER, Channel.VISIT), PointKind.HOME_ADDRESS),
    }
)
