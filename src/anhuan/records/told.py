"""Rows of the records become facts: what the bank's words mean to the gate.

Knows the cells `records.facts` asks for, as JSON has them. Knows no table and no rule. Where the bank's word leaves open what
a rule may ask, the reading that forbids more is taken, or the point is left out, so that a rule that needs it refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time
from functools import cache
from typing import Any

from anhuan.core.facts import (
    UNDATED,
    Attorney,
    Consent,
    Contact,
    Debt,
    Facts,
    Hold,
    NumberCheck,
    OptOut,
    Person,
    PlaceBar,
    Point,
    TimeBlock,
    TransferNotice,
)
from anhuan.core.vocabulary import (
    BlockCode,
    Channel,
    ContactKind,
    Covers,
    CustomerFlag,
    DebtorStatus,
    Direction,
    HoldKind,
    LineResult,
    Outcome,
    Party,
    Place,
    PointKind,
    Purpose,
)
from anhuan.records.circumstance import CircumstanceKind, PersonFindingKind, PointFindingKind

Rows = Mapping[str, Any]
"""By source, its rows as lists of cells, contacts as packed text; a source without rows is left out."""

_instant = datetime.fromisoformat


def facts(rows: Rows) -> Facts:
    """The facts that the rows of one customer tell; see `records.facts` for their cells."""
    timezone, flags = rows["customer"][0] if "customer" in rows else (None, ())
    accounts = rows.get("account", ())
    points, people = _points(rows)
    told: dict[str, Any] = {
        "timezones": (timezone,) if timezone else (),
        "debts": {account: Debt(account) for account, *_ in accounts},
        "contacts": _contacts(rows["contact"]) if "contact" in rows else (),
        "status": _status(flags, accounts, {}),
        "points": points,
        "people": people,
    }
    if "customer" not in rows:
        told["unknown"] = _OF_THE_CUSTOMER
    if "hold" in rows or CustomerFlag.BANKRUPT in flags or any(block in _BLOCKS for _, block, _ in accounts):
        told["holds"] = _holds(rows.get("hold", ()), flags, accounts)
    if CustomerFlag.REPRESENTED_BY_ATTORNEY in flags:
        told["attorney"] = Attorney(contact_known=True)
    if "circumstance" in rows:
        told |= _circumstances(rows["circumstance"], flags, accounts, told)
    if "consent" in rows:
        told["consents"] = _consents(rows["consent"], rows.get("revocation", ()))
    if "point_finding" in rows:
        told |= _point_findings(rows["point_finding"])
    if "person_finding" in rows:
        told["refused_by"] = _latest(rows["person_finding"], PersonFindingKind.REFUSED)
        told["invited_by"] = _latest(rows["person_finding"], PersonFindingKind.INVITED)
    for name, (field, make) in _WISHES.items():
        if name in rows:
            told[field] = make(rows[name])
    return Facts(**told)


_OF_THE_CUSTOMER = frozenset({"timezones", "status", "attorney", "points", "people"})
"""What nobody can say of a customer whom the bank never delivered."""


def announced(rows: Rows) -> frozenset[str]:
    """The actors whose engagement the customer was told of."""
    return frozenset(row[-1] for row in rows.get("circumstance", ()) if row[0] == CircumstanceKind.AGENCY_ANNOUNCED)


# --- contacts -----------------------------------------------------------------------------------------------------


@cache
def _words(told: str) -> tuple[Any, ...]:
    """The closed words of a contact and its actor; there are few combinations of them and many contacts."""
    channel, direction, party, purpose, point_kind, automated, line_result, outcome, actor = told.split("|", 8)
    return (
        Channel(channel),
        Direction(direction),
        Party(party),
        Purpose(purpose),
        PointKind(point_kind) if point_kind else None,
        automated == "t",
        LineResult(line_result) if line_result else None,
        Outcome(outcome) if outcome else None,
        actor,
    )


# The constructor of a frozen class takes longer than all else a contact or a point needs, and a night has millions of them: one
# is filled in as a draft, which is not frozen and has the same slots, and then becomes what it is.
_ContactDraft: Any = type("_ContactDraft", (), {"__slots__": Contact.__slots__})
_PointDraft: Any = type("_PointDraft", (), {"__slots__": Point.__slots__})


def _contacts(told: str) -> tuple[Contact, ...]:
    """They come in time order."""
    sets: dict[str, frozenset[str]] = {"": frozenset()}
    contacts = []
    cells = iter(told.split("\x1f"))
    for contact_id, at, words, person, point, debts, in_reply_to in zip(*[cells] * 7, strict=True):
        about = sets.get(debts)
        if about is None:
            about = sets[debts] = frozenset(debts.split("\x1d"))
        draft = _ContactDraft()
        draft.id = contact_id
        draft.at = _instant(at)
        (
            draft.channel,
            draft.direction,
            draft.party,
            draft.purpose,
            draft.point_kind,
            draft.automated,
            draft.line_result,
            draft.outcome,
            draft.actor,
        ) = _words(words)
        draft.person = person
        draft.point = point
        draft.debts = about
        draft.in_reply_to = in_reply_to or None
        draft.__class__ = Contact
        contacts.append(draft)
    return tuple(contacts)


# --- the customer -------------------------------------------------------------------------------------------------


def _circumstances(
    rows: Sequence[Any], flags: Sequence[str], accounts: Sequence[Any], told: Mapping[str, Any]
) -> dict[str, Any]:
    """What we learnt of her, over what the bank's files say."""
    known: dict[str, list[Any]] = {}
    for kind, *cells in rows:
        known.setdefault(kind, []).append(cells)
    learnt: dict[str, Any] = {"status": _status(flags, accounts, known), "debts": _debts(accounts, known)}
    if CircumstanceKind.MOVED in known:
        learnt["timezones"] = tuple(known[CircumstanceKind.MOVED][-1][1])
    if CircumstanceKind.WHEREABOUTS in known:
        learnt["whereabouts"] = known[CircumstanceKind.WHEREABOUTS][-1][2]
    if CircumstanceKind.ATTORNEY in known and "attorney" not in told:
        learnt["attorney"] = _attorney(known[CircumstanceKind.ATTORNEY])
    return learnt


def _debts(accounts: Sequence[Any], known: Mapping[str, list[Any]]) -> dict[str, Debt]:
    named = {
        kind: {debt for cells in known.get(kind, []) for debt in cells[0] or [a[0] for a in accounts]}
        for kind in (
            CircumstanceKind.TIME_BARRED,
            CircumstanceKind.REFUSED_AS_TIME_BARRED,
            CircumstanceKind.OUT_OF_PROCEDURES,
        )
    }
    return {
        account: Debt(
            account,
            time_barred=account in named[CircumstanceKind.TIME_BARRED],
            refused_as_time_barred=account in named[CircumstanceKind.REFUSED_AS_TIME_BARRED],
            in_collection_procedures=account not in named[CircumstanceKind.OUT_OF_PROCEDURES],
        )
        for account, *_ in accounts
    }


def _status(flags: Sequence[str], accounts: Sequence[Any], known: Mapping[str, list[Any]]) -> frozenset[DebtorStatus]:
    """Flag, lock on an account or something we learnt: one of them is enough."""
    status = []
    dead_account = any(block == BlockCode.DECEASED for _, block, _ in accounts)
    if CustomerFlag.DECEASED in flags or dead_account or CircumstanceKind.DECEASED in known:
        status.append(DebtorStatus.DECEASED)
    if CustomerFlag.INCAPACITATED in flags or CircumstanceKind.NO_CAPACITY in known:
        status.append(DebtorStatus.NO_CAPACITY)
    return frozenset(status)


def _attorney(known: Sequence[Any]) -> Attorney:
    """All lawyers known as one: one who can be reached stands for what she is known for."""
    reachable = [cells for cells in known if cells[3] is not False]
    of_all = any(cells[0] is None for cells in reachable or known)
    debts = None if of_all else frozenset(debt for cells in reachable or known for debt in cells[0])
    return Attorney(contact_known=bool(reachable), debts=debts)


def _holds(told: Sequence[Any], flags: Sequence[str], accounts: Sequence[Any]) -> tuple[Hold, ...]:
    """Our own, and those the bank's files speak of: a bankrupt customer, an account locked for a dispute or for fraud."""
    holds = [
        Hold(
            HoldKind(kind),
            _instant(begins),
            _instant(ends) if ends else None,
            None if debts is None else frozenset(debts),
            date.fromisoformat(until) if until else None,
        )
        for kind, begins, ends, debts, until in told
    ]
    if CustomerFlag.BANKRUPT in flags:
        holds.append(Hold(HoldKind.BANKRUPTCY, UNDATED))
    holds += [Hold(_BLOCKS[block], UNDATED, debts=frozenset({account})) for account, block, _ in accounts if block in _BLOCKS]
    return tuple(holds)


_BLOCKS = {BlockCode.DISPUTE: HoldKind.DISPUTE, BlockCode.FRAUD: HoldKind.FRAUD}


# --- contact points and people ------------------------------------------------------------------------------------

_KINDS: Mapping[tuple[str, str], PointKind] = {
    **{(ContactKind.MOBILE, place): PointKind.MOBILE for place in (*Place, "")},
    (ContactKind.PHONE, Place.HOME): PointKind.HOME_PHONE,
    (ContactKind.PHONE, Place.WORK): PointKind.WORK_PHONE,
    (ContactKind.PHONE, Place.OTHER): PointKind.OTHER_PHONE,
    (ContactKind.PHONE, ""): PointKind.OTHER_PHONE,
    (ContactKind.EMAIL, Place.HOME): PointKind.PERSONAL_EMAIL,
    **{(ContactKind.EMAIL, place): PointKind.WORK_EMAIL for place in (Place.WORK, Place.OTHER, "")},
    (ContactKind.ADDRESS, Place.HOME): PointKind.HOME_ADDRESS,
    (ContactKind.ADDRESS, Place.WORK): PointKind.WORK_ADDRESS,
    (ContactKind.ADDRESS, Place.OTHER): PointKind.OTHER_ADDRESS,
}
"""What the bank's kind and place are to the gate. An e-mail address not known to be private counts as one at work; an address
without a place, and an app, are none the gate knows."""


def point_kind(kind: str, place: str) -> str:
    """What the bank's kind and place of a contact point are to the gate; "" for none it knows."""
    return _KINDS.get((kind, place), "")


_PLACED = {"home": PointKind.HOME_PHONE, "work": PointKind.WORK_PHONE}


@cache
def _point_words(told: str) -> tuple[PointKind | None, Party, bool, bool]:
    """What kind a point is, whose, whether not a public e-mail address, and whether a landline without a place."""
    kind, party, place = told.split("|")
    return (
        _KINDS.get((kind, place)),
        Party(party),
        kind == ContactKind.EMAIL and place != Place.HOME,
        kind == ContactKind.PHONE and not place,
    )


def _points(rows: Rows) -> tuple[dict[str, Point], dict[str, Person]]:
    """The points the bank delivers, and everybody but the debtor whom they or findings of ours name.

    A landline without a place is taken to be where the person must not be called, if anywhere.
    """
    found: dict[str, set[str]] = {}
    for kind, point, *_ in rows.get("point_finding", ()):
        found.setdefault(point, set()).add(kind)
    barred = _PLACED[rows["place_bar"][-1][1]] if "place_bar" in rows else None
    points: dict[str, Point] = {}
    people: dict[str, Person] = {}
    for point_id, words, person in rows.get("point", ()):
        kind, party, company, placeless = _point_words(words)
        if person and party is not Party.DEBTOR:
            people[person] = Person(person, party)
        if barred and placeless:
            kind = barred
        learnt = found.get(point_id, _NOTHING)
        if PointFindingKind.HOSPITAL_OR_CARE in learnt:
            kind = PointKind.HOSPITAL_OR_CARE
        if kind is not None:
            draft = _PointDraft()
            draft.id = point_id
            draft.kind = kind
            draft.of_third_person = party is not Party.DEBTOR or not _OF_ANOTHER.isdisjoint(learnt)
            draft.company_domain = company
            draft.properly_obtained_by_prior_collector = PointFindingKind.PROPERLY_OBTAINED in learnt
            draft.used_by_last_collector = PointFindingKind.USED_BY_LAST_COLLECTOR in learnt
            draft.__class__ = Point
            points[point_id] = draft
    if "person_finding" in rows:
        people |= _people(rows["person_finding"], people)
    return points, people


_NOTHING: AbstractSet[str] = frozenset()
_OF_ANOTHER = frozenset({PointFindingKind.WRONG_NUMBER, PointFindingKind.OF_THIRD_PERSON})


def _people(findings: Sequence[Any], people: Mapping[str, Person]) -> dict[str, Person]:
    """Whoever findings of ours name; what was found later stands."""
    relations = {person: relation for _, person, relation, _ in findings if relation}
    named = {}
    for person in {finding[1] for finding in findings}:
        kinds = {kind for kind, whose, *_ in findings if whose == person}
        relation = relations.get(person) or (people[person].relation if person in people else Party.OTHER)
        named[person] = Person(
            person,
            Party(relation),
            joint_use_proven=PersonFindingKind.JOINT_USE_PROVEN in kinds,
            renounced=PersonFindingKind.RENOUNCED in kinds,
        )
    return named


def _point_findings(findings: Sequence[Any]) -> dict[str, Any]:
    return {
        "wrong_numbers": frozenset(point for kind, point, *_ in findings if kind == PointFindingKind.WRONG_NUMBER),
        "transfer_notices": tuple(
            TransferNotice(_instant(at), point, date.fromisoformat(until))
            for kind, point, at, until, _ in findings
            if kind == PointFindingKind.TRANSFER_NOTICE
        ),
        "number_checks": tuple(
            NumberCheck(_instant(at), point, reassigned)
            for kind, point, at, _, reassigned in findings
            if kind == PointFindingKind.NUMBER_CHECK
        ),
    }


def _latest(findings: Sequence[Any], kind: str) -> dict[str, datetime]:
    """When each person last said so; findings come in time order."""
    return {person: _instant(at) for said, person, _, at in findings if said == kind}


# --- what she agreed to and named ---------------------------------------------------------------------------------


def _consents(told: Sequence[Any], revoked: Sequence[Any]) -> tuple[Consent, ...]:
    """One consent for each thing covered, in time order, ending where it was revoked."""
    consents = []
    for at, covers, given_to, begins, ends, channel, point, person, debts, limit in told:
        given = _instant(at)
        for cover in covers:
            ended = [_instant(when) for when, what in revoked if cover in what and _instant(when) > given]
            consents.append(
                Consent(
                    at=given,
                    covers=frozenset({Covers(cover)}),
                    given_to=given_to,
                    begins=_instant(begins),
                    ends=min([*ended, *([_instant(ends)] if ends else [])], default=None),
                    channel=Channel(channel) if channel else None,
                    point=point,
                    person=person,
                    debts=None if debts is None else frozenset(debts),
                    limit_per_day=limit,
                )
            )
    return tuple(consents)


def _time_block(row: Sequence[Any]) -> TimeBlock:
    at, weekdays, begins, ends, until, channel = row
    return TimeBlock(
        at=_instant(at),
        weekdays=frozenset(weekdays),
        begins=time.fromisoformat(begins) if begins else None,
        ends=time.fromisoformat(ends) if ends else None,
        until_date=date.fromisoformat(until) if until else None,
        channel=Channel(channel) if channel else None,
    )


# By source: the field of Facts it fills, and how.
_WISHES: Mapping[str, tuple[str, Callable[[Sequence[Any]], Any]]] = {
    "opt_out": (
        "opt_outs",
        lambda rows: tuple(OptOut(_instant(at), Channel(channel), point) for at, channel, point in rows),
    ),
    "time_block": ("time_blocks", lambda rows: tuple(map(_time_block, rows))),
    "place_bar": ("place_bars", lambda rows: tuple(PlaceBar(_instant(at), place) for at, place in rows)),
    "cease": ("ceased_at", lambda rows: min(_instant(at) for (at,) in rows)),
    "bad_time": ("bad_times", lambda rows: frozenset(contact for (contact,) in rows)),
}
