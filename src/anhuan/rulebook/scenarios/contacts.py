"""Contact scenarios: files of cases of law, read into the attempt, the facts and the instant the gate is asked about.

Knows the form of a scenario and its defaults: what is not said is in order. Those defaults belong to scenarios alone; the gate
assumes nothing. Does not judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from anhuan.core.facts import (
    MAIN_POINT,
    Attempt,
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
from anhuan.rulebook.statutes import Lines, RulebookError, read_yaml

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LAWFUL_VOICEMAIL = frozenset(
    {
        VoicemailItem.NEUTRAL_BUSINESS_NAME,
        VoicemailItem.REQUEST_TO_REPLY,
        VoicemailItem.CONTACT_PERSON,
        VoicemailItem.CALLBACK_NUMBER,
    }
)
STANDARD_BREATHING_DATES = 60
DATES_AFTER_CRISIS = 30
DATES_OF_ADVISER_PLAN = 30
_NEEDED = object()
_ONE_AT_A_TIME = frozenset({HoldKind.PLAN, HoldKind.BREATHING_SPACE})


@dataclass(frozen=True)
class ContactScenario:
    """A case: under these packs, may this attempt be made at this instant? `rules` are topics that must be among the grounds."""

    id: str
    packs: tuple[str, ...]
    attempt: Attempt
    facts: Facts
    at: datetime
    as_of: date
    verdict: str
    presumed_violation: bool
    rules: tuple[str, ...]
    reason: str


def read_scenario(told: Lines, path: Path) -> ContactScenario:
    """One scenario of a file of the contact family; RulebookError with its line for what cannot be read."""
    read = _Reader(path, told)
    read.only(told, "scenario")
    attempt_told = read.mapping(told, "attempt")
    expect = read.mapping(told, "expect")
    at = read.instant(attempt_told, "at")
    facts = read.facts(at, attempt_told)
    return ContactScenario(
        id=str(read.need(told, "id")),
        packs=tuple(read.need(told, "law")),
        attempt=read.attempt(attempt_told),
        facts=facts,
        at=at.astimezone(UTC),
        as_of=at.astimezone(ZoneInfo(facts.timezones[0])).date(),
        verdict=str(read.need(expect, "verdict")),
        presumed_violation=bool(expect.get("presumed_violation", False)),
        rules=tuple(expect.get("rules", ())),
        reason=str(told.get("reason", "")),
    )


@dataclass
class _Story:
    """What the events told so far amount to, as parts of Facts."""

    zones: tuple[str, ...]
    contacts: list[Contact] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    opt_outs: list[OptOut] = field(default_factory=list)
    blocks: list[TimeBlock] = field(default_factory=list)
    bars: list[PlaceBar] = field(default_factory=list)
    notices: list[TransferNotice] = field(default_factory=list)
    checks: list[NumberCheck] = field(default_factory=list)
    bad_times: set[str] = field(default_factory=set)
    wrong: set[str] = field(default_factory=set)
    refused: dict[str, datetime] = field(default_factory=dict)
    invited: dict[str, datetime] = field(default_factory=dict)
    ceased: datetime | None = None

    def end_holds(self, kind: HoldKind, at: datetime, debts: frozenset[str] | None = None) -> None:
        """Holds of a kind that still stand, on these debts (None: of all), end at an instant.

        A debt has one plan and a person one breathing space; but each complaint, claim or dispute is answered by itself, the
        oldest first.
        """
        ended: set[frozenset[str] | None] = set()
        for number, hold in enumerate(self.holds):
            concerned = debts is None or hold.debts is None or bool(hold.debts & debts)
            if hold.kind is kind and hold.ends is None and concerned and (kind in _ONE_AT_A_TIME or hold.debts not in ended):
                self.holds[number] = replace(hold, ends=at)
                ended.add(hold.debts)


class _Reader:
    """Reads one scenario; every mistake names its line."""

    def __init__(self, path: Path, scenario: Lines) -> None:
        self.path = path
        self.scenario = scenario
        self.actor = str(self.need(self.mapping(scenario, "attempt"), "actor"))
        self.debts = frozenset(str(self.need(each, "id")) for each in scenario.get("debts", ()))

    # --- reading words ---

    def wrong(self, line: int, zh: str, en: str) -> RulebookError:
        return RulebookError(self.path, line, zh, en)

    def need(self, told: Lines, key: str) -> Any:
        if key not in told:
            raise self.wrong(told.line, f"缺少 {key}", f"{key} is missing")
        return told[key]

    def mapping(self, told: Lines, key: str) -> Lines:
        found = self.need(told, key)
        if not isinstance(found, Lines):
            raise self.wrong(told.at(key), f"{key} 应为键值映射", f"{key} is a mapping")
        self.only(found, key)
        return found

    def only(self, told: Lines, form: str) -> None:
        """Every key of a mapping is known: what is mistyped must not pass for what is in order."""
        for key in told:
            if key not in _KEYS[form]:
                known = ", ".join(sorted(_KEYS[form]))
                raise self.wrong(told.at(key), f"{form} 没有 {key}；可用：{known}", f"{form} has no {key}; it has {known}")

    def one_of(self, told: Lines, key: str, usual: str, *others: str) -> str:
        """A word out of a few; the usual one where none is told."""
        word = told.get(key, usual)
        if word not in {usual, *others}:
            words = ", ".join((usual, *others))
            raise self.wrong(told.at(key), f"“{word}”不在取值之列：{words}", f"{word!r} is none of {words}")
        return str(word)

    def instant(self, told: Lines, key: str) -> datetime:
        try:
            found = datetime.fromisoformat(self.need(told, key))
        except (TypeError, ValueError):
            found = None
        if found is None or found.tzinfo is None:
            raise self.wrong(
                told.at(key), f"{key} 应为带时区的时刻", f"{key} is an instant with an offset: '2026-06-10T10:00:00+08:00'"
            )
        return found

    def when(self, told: Lines, key: str = "at") -> datetime:
        return self.instant(told, key).astimezone(UTC)

    def day(self, told: Lines, key: str) -> date:
        try:
            return date.fromisoformat(str(self.need(told, key)))
        except ValueError:
            raise self.wrong(told.at(key), f"{key} 应为日期", f"{key} is a date: '2026-06-10'") from None

    def word(self, kind: type[StrEnum], told: Lines, key: str, default: Any = None) -> Any:
        value = self.need(told, key) if default is _NEEDED else told.get(key, default)
        if value is None:
            return None
        try:
            return kind(value)
        except ValueError:
            words = ", ".join(kind)
            raise self.wrong(told.at(key), f"“{value}”不在取值之列：{words}", f"{value!r} is none of {words}") from None

    def words(self, kind: type[StrEnum], told: Lines, key: str) -> frozenset[Any]:
        return frozenset(self.word(kind, Lines({key: value}), key) for value in told.get(key, ()))

    # --- the attempt ---

    def attempt(self, told: Lines) -> Attempt:
        party = self.word(Party, told, "party", _NEEDED)
        return Attempt(
            id=str(self.scenario["id"]),
            channel=self.word(Channel, told, "channel", _NEEDED),
            party=party,
            purpose=self.word(Purpose, told, "purpose", _NEEDED),
            debts=frozenset(self.need(told, "debts")),
            actor=self.actor,
            person=told.get("person", ""),
            point=told.get("point", MAIN_POINT),
            automated=told.get("automated", False),
            session_of=told.get("session_of"),
            in_reply_to=told.get("in_reply_to"),
            claimed_factor=told.get("claimed_factor"),
            route=self.word(Route, told, "route"),
            identifies_institution=told.get("identifies_institution", True),
            recorded=told.get("recorded", True),
            includes_opt_out=told.get("includes_opt_out", True),
            id_shown=told.get("id_shown", True),
            agency_announced=told.get("agency_announced", True),
            agency_listed=told.get("agency_listed", True),
            discloses_debt=told.get("discloses_debt", False),
            says=self.words(Says, told, "says"),
            voicemail_items=self.words(VoicemailItem, told, "voicemail_items")
            if "voicemail_items" in told
            else _LAWFUL_VOICEMAIL,
            letter_items=self.words(LetterItem, told, "letter_items") if "letter_items" in told else frozenset(LetterItem),
            postcard=self.one_of(told, "form", "letter", "postcard", "calling_card") == "postcard",
            to_occupier=self.one_of(told, "addressee", "named", "occupier") == "occupier",
            staff_count=told.get("staff_count", 2),
            enters_premises=told.get("enters_premises", False),
            entry_consent=told.get("entry_consent", False),
            private_device=self.one_of(told, "device", "official", "private") == "private",
        )

    # --- the facts ---

    def facts(self, at: datetime, attempt: Lines) -> Facts:
        """What is known at the attempt: events after it never occur."""
        debtor = self.mapping(self.scenario, "debtor")
        points = self.points(debtor)
        story = _Story(tuple(self.need(debtor, "timezones")))
        for number, event in enumerate(self.scenario.get("history", ())):
            if self.when(event) <= at:
                self.tell(story, event, number, points)
        people = {each.id: each for each in self.people(attempt)}
        return Facts(
            timezones=story.zones,
            debts={each.id: each for each in map(self.debt, self.scenario.get("debts", ()))},
            contacts=tuple(sorted(story.contacts, key=lambda contact: contact.at)),
            status=self.words(DebtorStatus, debtor, "status"),
            attorney=self.attorney(debtor.get("attorney")),
            whereabouts=self.one_of(debtor, "whereabouts", "unknown", "home", "work"),
            points=points | self.points_of_passing(points, attempt),
            people=people,
            consents=tuple(sorted(story.consents, key=lambda consent: consent.at)),
            holds=tuple(story.holds),
            opt_outs=tuple(story.opt_outs),
            ceased_at=story.ceased,
            time_blocks=tuple(story.blocks),
            place_bars=tuple(story.bars),
            bad_times=frozenset(story.bad_times),
            wrong_numbers=frozenset(story.wrong),
            refused_by=story.refused,
            invited_by=story.invited,
            transfer_notices=tuple(story.notices),
            number_checks=tuple(story.checks),
        )

    def debt(self, told: Lines) -> Debt:
        self.only(told, "debt")
        return Debt(
            id=str(told["id"]),
            time_barred=told.get("time_barred", False),
            refused_as_time_barred=told.get("refused_as_time_barred", False),
            in_collection_procedures=told.get("in_collection_procedures", True),
        )

    def people(self, attempt: Lines) -> Iterator[Person]:
        """The people told of, and the one of the attempt when she goes without an id."""
        if "person" not in attempt:
            yield Person("", self.word(Party, attempt, "party"))
        for told in self.scenario.get("people", ()):
            self.only(told, "person")
            yield Person(
                id=str(self.need(told, "id")),
                relation=self.word(Party, told, "relation"),
                joint_use_proven=told.get("joint_use_proven", False),
                renounced=told.get("renounced", False),
            )

    def attorney(self, told: Any) -> Attorney | None:
        if told is None:
            return None
        self.only(told, "attorney")
        return Attorney(told.get("contact_known", True), frozenset(told["debts"]) if "debts" in told else None)

    def points(self, debtor: Lines) -> dict[str, Point]:
        found = {}
        for told in debtor.get("points", ()):
            self.only(told, "point")
            point = Point(
                id=str(self.need(told, "id")),
                kind=self.word(PointKind, told, "kind", _NEEDED),
                of_third_person=self.one_of(told, "belongs_to", "debtor", "third_person") == "third_person",
                company_domain=self.one_of(told, "domain", "public", "company") == "company",
                properly_obtained_by_prior_collector=told.get("properly_obtained_by_prior_collector", False),
                used_by_last_collector=told.get("used_by_last_collector", False),
            )
            found[point.id] = point
        return found

    def points_of_passing(self, points: Mapping[str, Point], attempt: Lines) -> dict[str, Point]:
        """A point the attempt names without its being listed: of the kind its channel reaches, and nothing unusual."""
        name = attempt.get("point", MAIN_POINT)
        if name == MAIN_POINT or name in points:
            return {}
        kind = Facts((), {}).point_kind(self.word(Channel, attempt, "channel"), MAIN_POINT)
        return {name: Point(name, kind, of_third_person=attempt.get("party") != "debtor")} if kind else {}

    # --- the events ---

    def tell(self, story: _Story, event: Lines, number: int, points: Mapping[str, Point]) -> None:
        name = str(self.need(event, "event"))
        if name not in _KEYS:
            raise self.wrong(event.at("event"), f"未知的事件 {name}", f"there is no event {name}")
        self.only(event, name)
        if name == "contact":
            story.contacts.append(self.contact(event, number, points))
        elif name in _HOLDS:
            self.hold(story, event, *_HOLDS[name])
        elif name in _EVENTS:
            _EVENTS[name](self, story, event)

    def contact(self, told: Lines, number: int, points: Mapping[str, Point]) -> Contact:
        channel = self.word(Channel, told, "channel", _NEEDED)
        point = told.get("point", MAIN_POINT)
        line = self.word(LineResult, told, "line_result")
        if channel in {Channel.VOICEMAIL, Channel.RINGLESS_VOICEMAIL}:
            line = LineResult.VOICEMAIL
        main = Facts((), {}).point_kind(channel, MAIN_POINT)
        return Contact(
            id=told.get("id", f"#{number}"),
            at=self.when(told),
            channel=channel,
            direction=self.word(Direction, told, "direction", _NEEDED),
            party=self.word(Party, told, "party", Party.DEBTOR),
            person=told.get("person", ""),
            point=point,
            point_kind=points[point].kind if point in points else main,
            line_result=line,
            outcome=self.word(Outcome, told, "outcome"),
            debts=frozenset(told["debts"]) if "debts" in told else self.debts,
            actor=told.get("actor", self.actor),
            automated=told.get("automated", False),
            purpose=self.word(Purpose, told, "purpose", Purpose.COLLECT),
            in_reply_to=told.get("in_reply_to"),
        )

    def hold(self, story: _Story, told: Lines, kind: HoldKind, begins: bool, of_debts: bool) -> None:  # noqa: FBT001
        at = self.when(told)
        debts = frozenset(self.need(told, "debts")) if of_debts else None
        if not begins:
            story.end_holds(kind, at, debts)
        elif debts is None:
            story.holds.append(Hold(kind, at))
        else:
            story.holds += [Hold(kind, at, debts=frozenset({debt})) for debt in sorted(debts)]

    def consent(self, story: _Story, told: Lines) -> None:
        """One consent a kind, so that a revocation of one kind leaves the others."""
        at = self.when(told)
        for covers in self.words(Covers, told, "covers"):
            story.consents.append(
                Consent(
                    at=at,
                    covers=frozenset({covers}),
                    given_to=str(self.need(told, "given_to")),
                    begins=self.when(told, "from") if "from" in told else at,
                    ends=self.when(told, "until") if "until" in told else None,
                    channel=self.word(Channel, told, "channel"),
                    point=told.get("point"),
                    person=told.get("person"),
                    debts=frozenset(told["debts"]) if "debts" in told else None,
                    limit_per_day=told.get("limit_per_day"),
                )
            )

    def revoked(self, story: _Story, told: Lines) -> None:
        at, kinds = self.when(told), self.words(Covers, told, "covers")
        story.consents = [
            replace(each, ends=at) if each.covers & kinds and (each.ends is None or each.ends > at) else each
            for each in story.consents
        ]

    def stopped(self, story: _Story, told: Lines) -> None:
        story.opt_outs.append(OptOut(self.when(told), self.word(Channel, told, "channel", _NEEDED), told.get("point")))

    def ceased(self, story: _Story, told: Lines) -> None:
        if told.get("written") and story.ceased is None:
            story.ceased = self.when(told)

    def blocked(self, story: _Story, told: Lines) -> None:
        days = told.get("weekdays", _WEEKDAYS)
        story.blocks.append(
            TimeBlock(
                at=self.when(told),
                weekdays=frozenset(_WEEKDAYS.index(each) for each in days),
                begins=time.fromisoformat(told["from"]) if "from" in told else None,
                ends=time.fromisoformat(told["until"]) if "until" in told else None,
                until_date=self.day(told, "until_date") if "until_date" in told else None,
                channel=self.word(Channel, told, "channel"),
            )
        )

    def breathing(self, story: _Story, told: Lines) -> None:
        at = self.when(told)
        until = None
        if self.need(told, "kind") == "standard":
            until = self.local_day(at, story) + timedelta(days=STANDARD_BREATHING_DATES - 1)
        story.holds.append(Hold(HoldKind.BREATHING_SPACE, at, until_date=until))

    def treated(self, story: _Story, told: Lines) -> None:
        until = self.local_day(self.when(told), story) + timedelta(days=DATES_AFTER_CRISIS)
        story.holds = [
            replace(hold, until_date=until) if hold.kind is HoldKind.BREATHING_SPACE and hold.until_date is None else hold
            for hold in story.holds
        ]

    def adviser(self, story: _Story, told: Lines) -> None:
        at = self.when(told)
        until = self.local_day(at, story) + timedelta(days=DATES_OF_ADVISER_PLAN)
        story.holds.append(Hold(HoldKind.ADVISER_PLAN, at, until_date=until))

    def local_day(self, at: datetime, story: _Story) -> date:
        return at.astimezone(ZoneInfo(story.zones[0])).date()

    def barred(self, story: _Story, told: Lines) -> None:
        story.bars.append(PlaceBar(self.when(told), told.get("place", "work")))

    def noticed(self, story: _Story, told: Lines) -> None:
        story.notices.append(TransferNotice(self.when(told), str(self.need(told, "point")), self.day(told, "opt_out_until")))

    def checked(self, story: _Story, told: Lines) -> None:
        story.checks.append(NumberCheck(self.when(told), str(self.need(told, "point")), bool(self.need(told, "reassigned"))))

    def moved(self, story: _Story, told: Lines) -> None:
        story.zones = tuple(self.need(told, "timezones"))

    def bad_time(self, story: _Story, told: Lines) -> None:
        story.bad_times.add(str(self.need(told, "contact")))

    def wrong_number(self, story: _Story, told: Lines) -> None:
        story.wrong.add(str(self.need(told, "point")))

    def refused(self, story: _Story, told: Lines) -> None:
        story.refused[str(self.need(told, "person"))] = self.when(told)

    def invited(self, story: _Story, told: Lines) -> None:
        story.invited[str(self.need(told, "person"))] = self.when(told)

    def breathing_over(self, story: _Story, told: Lines) -> None:
        story.end_holds(HoldKind.BREATHING_SPACE, self.when(told))


# event -> kind of hold, whether it begins one, whether it names debts
_HOLDS: Mapping[str, tuple[HoldKind, bool, bool]] = {
    "plan_signed": (HoldKind.PLAN, True, True),
    "plan_broken": (HoldKind.PLAN, False, True),
    "plan_completed": (HoldKind.PLAN, False, True),
    "dispute_registered": (HoldKind.DISPUTE, True, True),
    "dispute_answered": (HoldKind.DISPUTE, False, True),
    "fraud_claim_registered": (HoldKind.FRAUD, True, True),
    "fraud_claim_closed": (HoldKind.FRAUD, False, True),
    "complaint_opened": (HoldKind.COMPLAINT, True, False),
    "complaint_closed": (HoldKind.COMPLAINT, False, False),
    "bankruptcy_accepted": (HoldKind.BANKRUPTCY, True, False),
    "bankruptcy_closed": (HoldKind.BANKRUPTCY, False, False),
}

_EVENTS: Mapping[str, Callable[[_Reader, _Story, Lines], None]] = {
    "consent": _Reader.consent,
    "consent_revoked": _Reader.revoked,
    "stop_channel": _Reader.stopped,
    "opt_out": _Reader.stopped,
    "cease_notice_received": _Reader.ceased,
    "inconvenient_time": _Reader.blocked,
    "inconvenient_place": _Reader.barred,
    "employer_prohibits": _Reader.barred,
    "bad_time_stated": _Reader.bad_time,
    "moved": _Reader.moved,
    "wrong_number_learned": _Reader.wrong_number,
    "person_refused": _Reader.refused,
    "person_invited": _Reader.invited,
    "breathing_space_started": _Reader.breathing,
    "crisis_treatment_ended": _Reader.treated,
    "breathing_space_ended": _Reader.breathing_over,
    "adviser_plan_in_preparation": _Reader.adviser,
    "email_transfer_notice_sent": _Reader.noticed,
    "reassigned_number_checked": _Reader.checked,
}

# Told for colour: a notice counts when it arrives, an offer opens no debt, and validation judges no contact.
_OF_COLOUR = frozenset({"cease_notice_sent", "person_offered_payment", "validation_notice_sent"})

_ATTRIBUTES = (
    "identifies_institution recorded includes_opt_out id_shown agency_announced agency_listed discloses_debt says voicemail_items "
    "letter_items form addressee staff_count enters_premises entry_consent device"
)
_KEYS: Mapping[str, frozenset[str]] = {
    form: frozenset(
        f"{keys} at event id".split() if form in {"contact", *_HOLDS, *_EVENTS} or form in _OF_COLOUR else keys.split()
    )
    for form, keys in {
        "scenario": "id title law topic cite force basis confidence ambiguous debtor debts people history attempt expect reason",
        "debtor": "timezones status attorney whereabouts points",
        "attorney": "contact_known debts unresponsive_since",
        "point": "id kind belongs_to shared domain properly_obtained_by_prior_collector used_by_last_collector",
        "debt": "id time_barred refused_as_time_barred in_collection_procedures",
        "person": "id relation joint_use_proven renounced",
        "expect": "verdict presumed_violation rules",
        "attempt": "channel at queued_at read_at party person point purpose debts actor automated session_of in_reply_to "
        f"claimed_factor route {_ATTRIBUTES}",
        "contact": "channel direction party person point line_result outcome debts actor automated purpose in_reply_to",
        **{event: "debts months written" if of_debts else "" for event, (_, _, of_debts) in _HOLDS.items()},
        "consent": "covers given_to from until channel point person debts limit_per_day recorded",
        "consent_revoked": "covers",
        "stop_channel": "channel written",
        "opt_out": "channel point",
        "cease_notice_received": "written",
        "cease_notice_sent": "written",
        "inconvenient_time": "weekdays from until until_date channel told_to",
        "inconvenient_place": "place",
        "employer_prohibits": "",
        "bad_time_stated": "contact",
        "moved": "timezones",
        "wrong_number_learned": "point",
        "person_refused": "person",
        "person_invited": "person",
        "person_offered_payment": "person",
        "breathing_space_started": "kind",
        "crisis_treatment_ended": "",
        "breathing_space_ended": "",
        "adviser_plan_in_preparation": "",
        "validation_notice_sent": "channel",
        "email_transfer_notice_sent": "point opt_out_until",
        "reassigned_number_checked": "point reassigned",
    }.items()
}


def read_scenarios(path: Path) -> list[ContactScenario]:
    """The scenarios of a file; an empty list when it is a file of another family."""
    told = read_yaml(path)
    if not isinstance(told, Lines) or told.get("family") != "contact":
        return []
    found = told.get("scenarios")
    if not isinstance(found, list):
        raise RulebookError(path, told.at("scenarios"), "scenarios 应为列表", "scenarios is a list")
    return [read_scenario(each, path) for each in found]
