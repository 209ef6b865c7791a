"""Whether a question can be put to the gate at all, and a result be taken: everything it names is on file and fits together.

Knows what a question must name so that no cap and no seal can be slipped past by naming less. Does not know any rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from anhuan.core.facts import MAIN_POINT, Attempt
from anhuan.core.vocabulary import CALLS, Channel, ContactKind, Direction, LineResult, Outcome, Party, Purpose
from anhuan.records.attempt import Fault
from anhuan.records.contact import Contact
from anhuan.records.facts import Known

_SENTENCES: Mapping[str, tuple[str, str]] = {
    "customer_unknown": ("没有这位客户。", "There is no such customer."),
    "not_placed": ("所列账户没有全部委托给该机构。", "Not all of these accounts are placed with this agency."),
    "debts_missing": ("须写明涉及的账户。", "Name the accounts it is about."),
    "debt_unknown": ("有账户不属于该客户。", "One of the accounts is not this customer's."),
    "point_unknown": (
        "没有这个联系方式，或银行已不再提供。",
        "There is no such contact point, or the bank no longer delivers it.",
    ),
    "point_missing": (
        "该对象有在册的联系方式，须写明用哪一个。",
        "Contact points of this person are on file: name the one to be used.",
    ),
    "point_of_another": ("该联系方式不属于所写的对象。", "The contact point is not of the person named."),
    "person_unknown": ("没有这位第三人，或与客户的关系不符。", "There is no such person in this relation to the customer."),
    "person_missing": ("须写明是哪一位第三人。", "Name the person."),
    "session_over": ("所写的通话或访问不在进行中。", "The contact it is to be part of is not under way."),
    "reply_unknown": ("没有所答复的来访。", "There is no inbound contact it could answer."),
    "attempt_known": ("这个拟触达编号已经用过。", "An attempt of this id has been asked before."),
    "contact_unknown": ("没有这次触达。", "There is no such contact."),
    "contact_closed": ("这次触达已经了结，不能更改。", "This contact is closed and never changed."),
    "permit_unknown": ("没有这份许可。", "There is no such permit."),
    "proof_missing": ("须有未发出的凭证代码。", "A code that proves nothing left the house is needed."),
    "hold_unknown": ("没有这次停催。", "There is no such hold."),
    "hold_over": ("这次停催已经结束。", "This hold is over."),
    "ends_before_it_begins": ("结束不得早于开始。", "It cannot end before it begins."),
    "covers_missing": ("须写明同意的内容。", "Say what the consent covers."),
    "weekdays_unfit": ("星期应为 0（周一）至 6。", "Weekdays are 0, for Monday, to 6."),
    "place_unfit": ("地点应为 home 或 work。", "The place is home or work."),
    "relation_missing": ("须写明该人与客户的关系。", "Say how this person is related to the customer."),
    "finding_incomplete": ("这一类信息所需的内容没有写全，或不在允许之列。", "What this kind needs is missing or not allowed."),
    "field_unknown": ("没有这个字段。", "There is no such field."),
    "field_missing": ("缺少这个字段。", "This field is missing."),
    "field_unreadable": ("取值不能读取，或不在允许之列。", "The value cannot be read, or is none of those allowed."),
    "in_future": ("时刻不得晚于现在。", "The instant is not after the present."),
    "line_result_missing": ("通话须写明线路结果。", "A call has a line result."),
    "line_result_unfit": ("只有通话才有线路结果。", "Only a call has a line result."),
    "outcome_unfit": ("通话结果与线路结果不符。", "The outcome does not fit the line result."),
}

_RUNS_AT_MOST = timedelta(hours=2)
_REACHED_AT: Mapping[Channel, frozenset[str]] = {
    **dict.fromkeys(CALLS, frozenset({ContactKind.MOBILE, ContactKind.PHONE})),
    Channel.SMS: frozenset({ContactKind.MOBILE}),
    Channel.EMAIL: frozenset({ContactKind.EMAIL}),
    Channel.LETTER: frozenset({ContactKind.ADDRESS}),
    Channel.VISIT: frozenset({ContactKind.ADDRESS}),
}
_SAID = {
    LineResult.CONNECTED: frozenset({Outcome.EFFECTIVE_CONVERSATION, Outcome.CONVERSATION, Outcome.HUNG_UP, Outcome.DROPPED}),
    LineResult.VOICEMAIL: frozenset({Outcome.MESSAGE_LEFT, Outcome.LIMITED_CONTENT_MESSAGE, Outcome.NO_MESSAGE}),
}


def fault(field: str, code: str) -> Fault:
    return Fault(field, code, *_SENTENCES[code])


def faults_of(attempt: Attempt, known: Known, at: datetime) -> list[Fault]:
    """Everything that keeps an attempt from being judged; empty: nothing."""
    if not known.delivered:
        return [fault("customer", "customer_unknown")]
    return [
        *_of_debts(attempt, known),
        *_of_person(attempt, known),
        *_of_point(attempt, known),
        *_of_others(attempt, known, at),
    ]


def _of_debts(attempt: Attempt, known: Known) -> Iterator[Fault]:
    if not attempt.debts and attempt.purpose is not Purpose.SERVICE:
        yield fault("debts", "debts_missing")
    if not attempt.debts <= known.facts.debts.keys():
        yield fault("debts", "debt_unknown")


def _of_person(attempt: Attempt, known: Known) -> Iterator[Fault]:
    """A third person is named, so that her own seal and her own count are found; one the bank never named has an empty name."""
    people = known.facts.people
    if attempt.party is Party.DEBTOR:
        if attempt.person:
            yield fault("person", "person_unknown")
    elif not attempt.person:
        if any(person.relation is attempt.party for person in people.values()):
            yield fault("person", "person_missing")
    elif (
        not attempt.person.isprintable() or attempt.person not in people or people[attempt.person].relation is not attempt.party
    ):
        yield fault("person", "person_unknown")


def _of_point(attempt: Attempt, known: Known) -> Iterator[Fault]:
    """A point on file is named, so that its count is found: the main one stands only where none of the kind is on file.

    What turned out to be another's, whatever the file says, is no point of the debtor's: whoever answered there is not called again as her.
    """
    whose = (attempt.party, attempt.person)
    if attempt.point == MAIN_POINT:
        kinds = _REACHED_AT.get(attempt.channel, frozenset())
        if any(kind in kinds and (party, person) == whose for kind, party, person in known.points.values()):
            yield fault("point", "point_missing")
        return
    found = known.points.get(attempt.point)
    if found is None:
        yield fault("point", "point_unknown")
        return
    learnt = known.facts.points.get(attempt.point)
    hers = found[1] == Party.DEBTOR and not (learnt is not None and learnt.of_third_person)
    if not hers if attempt.party is Party.DEBTOR else found[1:] != whose:
        yield fault("point", "point_of_another")


def _of_others(attempt: Attempt, known: Known, at: datetime) -> Iterator[Fault]:
    if attempt.session_of is not None:
        running = known.facts.contact(attempt.session_of)
        under_way = running is not None and (
            running.direction is Direction.INBOUND or (running.is_call and running.line_result is None)
        )
        if running is None or not under_way or running.at < at - _RUNS_AT_MOST:
            yield fault("session_of", "session_over")
    if attempt.in_reply_to is not None:
        asked = known.facts.contact(attempt.in_reply_to)
        if asked is None or asked.direction is not Direction.INBOUND:
            yield fault("in_reply_to", "reply_unknown")


def result_faults(contact: Contact, line_result: LineResult | None, outcome: Outcome | None) -> list[Fault]:
    """Why a result cannot be taken for this contact; empty: it can."""
    if contact.closed_at is not None:
        return [fault("contact", "contact_closed")]
    is_call = contact.channel in CALLS
    if is_call and line_result is None:
        return [fault("line_result", "line_result_missing")]
    if not is_call and line_result is not None:
        return [fault("line_result", "line_result_unfit")]
    if outcome is not None and is_call and outcome not in _SAID.get(line_result, frozenset()):  # type: ignore[arg-type]
        return [fault("outcome", "outcome_unfit")]
    return []
