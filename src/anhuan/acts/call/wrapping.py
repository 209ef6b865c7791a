"""A call is wrapped up: its codes go together, what they force is stated, the note may be kept, and what follows is done at once.

All of it is one transaction: the contact is closed through the door, the acts a result asks for are done with their own events, and
one event of the call's own remembers the codes. Only the next step may stay unset without undoing the rest: its reason is told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from anhuan.acts import consent, dispatch, dispute, hardship, hold, note, promise, worklist
from anhuan.acts.call.leading import HEALTH, KEPT_AS, _led, _seal, drafted
from anhuan.acts.call.sentences import bank_scripts, fault
from anhuan.acts.dispatch import Unfit
from anhuan.core.law import Law
from anhuan.core.money import minor_digits
from anhuan.core.vocabulary import Channel, HoldKind, LineResult, Outcome, Party, Presence
from anhuan.portfolio.feed.sentences import Sentence
from anhuan.records.account import Account
from anhuan.records.attempt import Fault
from anhuan.records.call import Call, Unsaid, Way
from anhuan.records.circumstance import CircumstanceKind, PersonFindingKind, PointFindingKind
from anhuan.records.hardship import SENSITIVE, STANDING, Hardship, HardshipKind
from anhuan.records.note import KeptFor, NoteKind
from anhuan.rulebook import codes
from anhuan.rulebook.codes import Field, Next, Result
from anhuan.rulebook.scripts import Statement

_MORNING = time(10)


@dataclass(frozen=True)
class Disposition:
    """What the collector says a call came to. `fields` are texts as the form has them; `step` overrides what is proposed.

    `ticked` are the statements made, those of the draft where None; `left_out` says of others why not (`records.call.Unsaid`).
    """

    line: str
    party: str
    result: str
    fields: Mapping[str, str] = field(default_factory=dict)
    note: str = field(default="", repr=False)
    kept_for: str = ""
    step: Mapping[str, str] | None = None
    ticked: Collection[str] | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Finished:
    """A call that is closed; `unset` says why its next step was not set, where it was not."""

    call: Call
    unset: Sentence | None = None


class _Undo(Exception):
    """Something a result asks for could not be done: nothing of the wrap-up stays."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__()
        self.faults = faults


def finish(call_id: UUID, told: Disposition, *, law: Law, at: datetime, by: str) -> Finished | list[Fault]:
    """Close a call with its codes, do what they ask for, and set the next step; or everything that is against it."""
    try:
        with transaction.atomic():
            return _finish(call_id, told, law=law, at=at, by=by)
    except _Undo as undone:
        return undone.faults


def _finish(call_id: UUID, told: Disposition, *, law: Law, at: datetime, by: str) -> Finished:
    with _led(call_id, at=at, by=by) as found:
        if isinstance(found, list):
            raise _Undo(found)
        call, customer = found
        mismatches = codes.combine(told.line, told.party, told.result, verified=call.verified)
        if told.party == "RPC" and call.party != Party.DEBTOR and not mismatches:
            raise _Undo([fault("party", "not_herself")])
        if mismatches:
            raise _Undo([Fault(each.where, each.code, each.zh, each.en) for each in mismatches])
        result, line = codes.book().results[told.result], codes.book().lines[told.line]
        left_out = _left_out(call, result, told)
        stated = _stated(call, result, told.fields, at)
        step = _step(told.step, result, stated, at)
        contact_id = _close(call, result, codes.said(result, line, verified=call.verified), at=at, by=by)
        does = (*result.does, *(["dead_number"] if line.finding and "dead_number" not in result.does else ()))
        doing = _Doing(call, contact_id, stated, law, at, by)
        for each in does:
            _must(_DOES[each.partition(":")[0]](doing, each.partition(":")[2]))
        _must(_keep_note(call, told, at=at, by=by))
        unset = _set(call.customer_id, step, at=at, by=by)
        call.contact_id, call.closed_at, call.draft = contact_id, customer.at, {}
        call.line_code, call.party_code, call.result_code = told.line, told.party, KEPT_AS.get(told.result, told.result)
        call.fields, call.next = _plain(stated), _plain(step)
        call.save()
        customer.remember(
            "call.wrapped",
            {
                "call": str(call_id), "contact": str(contact_id), "action": call.action_code, "line": told.line,
                "party": told.party, "result": call.result_code, "fields": call.fields, "next": call.next,
                "unsaid": list(left_out), "unsaid_why": {each: why for each, why in left_out.items() if why},
            },
        )  # fmt: skip
    return Finished(call, unset)


# --- what is stated -----------------------------------------------------------------------------------------------


def defaults(call: Call, result: Result, at: datetime) -> dict[str, str]:
    """What the house fills in before anybody types: each field a result forces, "" where only the collector knows."""
    accounts = _overdue(call.customer_id)
    return {
        each.name: _DEFAULTS[each.default](each, accounts, timezone.localtime(at)) if each.default else ""
        for each in result.forces
    }


def _overdue(customer_id: str) -> list[Account]:
    return list(
        Account.objects.filter(customer_id=customer_id, bucket__gt=0)
        .exclude(presence=Presence.MISSING)
        .order_by("-past_due_amount_minor", "account_id")
    )


def _cure(accounts: list[Account]) -> str:
    if not accounts:
        return ""
    worst = accounts[0]
    return _decimal(worst.past_due_amount_minor or worst.minimum_due_minor or 0, worst.currency)


def _decimal(minor: int, currency: str) -> str:
    digits = minor_digits(currency)
    return str(Decimal(minor).scaleb(-digits).quantize(Decimal(1).scaleb(-digits)))


_DEFAULTS: Mapping[str, Callable[[Field, list[Account], datetime], str]] = MappingProxyType(
    {
        "worst_account": lambda _f, accounts, _at: accounts[0].account_id if accounts else "",
        "minimum_to_cure": lambda _f, accounts, _at: _cure(accounts),
        "today": lambda _f, _a, at: at.date().isoformat(),
        "in_3_days": lambda _f, _a, at: (at.date() + timedelta(days=3)).isoformat(),
        "tomorrow_same_hour": lambda _f, _a, at: (at + timedelta(days=1)).strftime("%Y-%m-%dT%H:00"),
        "first": lambda f, _a, _at: f.choices[0][0],
    }
)


def _stated(call: Call, result: Result, told: Mapping[str, str], at: datetime) -> dict[str, Any]:
    """Every field the result forces, read; what is left empty is as the house fills it in."""
    given = defaults(call, result, at)
    read: dict[str, Any] = {}
    faults = []
    for each in result.forces:
        text = (told.get(each.name) or "").strip() or given[each.name]
        value = _READ[each.kind](each, text, read) if text else None
        if value is None:
            faults.append(fault(each.name, "field_unreadable" if text else "field_missing", zh=each.zh, en=each.en))
        else:
            read[each.name] = value
    if "account" in read and not Account.objects.filter(pk=read["account"], customer_id=call.customer_id).exists():
        faults.append(fault("account", "account_unknown"))
    if faults:
        raise _Undo(faults)
    return read


def _money(_field: Field, text: str, read: Mapping[str, Any]) -> int | None:
    """Minor units of the currency of the account stated before it, or of the one thing owed."""
    currency = Account.objects.filter(pk=read.get("account", "")).values_list("currency", flat=True).first() or "CNY"
    try:
        minor = Decimal(text.replace(",", "")).scaleb(minor_digits(currency))
    except InvalidOperation:
        return None
    return int(minor) if minor == minor.to_integral_value() and 0 < minor < 10**15 else None


def _day(_field: Field, text: str, _read: Mapping[str, Any]) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _time(_field: Field, text: str, _read: Mapping[str, Any]) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return timezone.make_aware(found) if found is not None and timezone.is_naive(found) else found


def _choice(asked: Field, text: str, _read: Mapping[str, Any]) -> str | None:
    return text if any(text == value for value, *_ in asked.choices) else None


_READ: Mapping[str, Callable[[Field, str, Mapping[str, Any]], Any]] = MappingProxyType(
    {"account": lambda _f, text, _r: text, "money": _money, "date": _day, "time": _time, "choice": _choice}
)


def unsaid(call: Call, result: Result) -> list[Statement]:
    """The statements a conversation like this one needs and nobody ticked: they are kept as not made."""
    if result.outcome is not Outcome.CONVERSATION:
        return []
    return [each for each in bank_scripts().due(*points_of(call)) if each.id not in call.ticked]


def points_of(call: Call) -> tuple[str, ...]:
    """At which points of a call its statements stand, by whom it is with and whether she has shown who she is."""
    if call.party not in {Party.DEBTOR, Party.GUARANTOR}:
        return ("third",)
    if not call.verified:
        return ("opening",)
    return ("opening", "verified" if call.party == Party.DEBTOR else "liable", "closing")


def _left_out(call: Call, result: Result, told: Disposition) -> dict[str, str]:
    """What was not said, each with why; to whoever passed the identity check everything is said, or a reason is given."""
    if told.ticked is not None:
        call.ticked = sorted(set(told.ticked) & {each.id for each in bank_scripts().statements})
    missing = [each.id for each in unsaid(call, result)]
    why = {each: told.left_out.get(each, "") if told.left_out.get(each) in set(Unsaid) else "" for each in missing}
    if call.verified and not all(why.values()):
        raise _Undo([fault(f"said-{each}", "statement_unsaid") for each, reason in why.items() if not reason])
    return why


# --- what is done -------------------------------------------------------------------------------------------------


def _close(call: Call, result: Result, said: tuple[LineResult, Outcome | None], *, at: datetime, by: str) -> UUID:
    """The contact's own result, through the door; an inbound one is recorded now. Its id."""
    line, outcome = said
    if call.way == Way.INBOUND:
        recorded = dispatch.record_inbound(
            call.customer_id, channel=Channel.CALL, started_at=call.opened_at, at=at, by=by, party=Party(call.party),
            person=call.person_id, point=str(call.point_id or ""), outcome=outcome,
        )  # fmt: skip
        if isinstance(recorded, Unfit):
            raise _Undo(recorded.faults)
        return recorded
    if call.contact_id is None:
        raise LookupError("an outbound call has a contact")
    if result.unknown:
        _must(dispatch.unknown(call.contact_id, at=at, by=by))
    else:
        _must(dispatch.complete(call.contact_id, at=at, by=by, line_result=line, outcome=outcome))
    return call.contact_id


@dataclass(frozen=True)
class _Doing:
    """What an act that a result asks for needs to know."""

    call: Call
    contact_id: UUID
    stated: Mapping[str, Any]
    law: Law
    at: datetime
    by: str

    @property
    def who(self) -> str:
        return self.call.customer_id

    @property
    def signed(self) -> dict[str, Any]:
        return {"at": self.at, "by": self.by}


def _promise(doing: _Doing, _how: str) -> Any:
    account = Account.objects.get(pk=doing.stated["account"])
    return promise.make(
        doing.who, account_id=account.account_id, amount_minor=doing.stated["amount"], currency=account.currency,
        due_on=doing.stated["due_on"], made_in=doing.contact_id, **doing.signed,
    )  # fmt: skip


def _point(kind: PointFindingKind) -> Callable[[_Doing, str], Any]:
    def find(doing: _Doing, _how: str) -> Any:
        return consent.find_point(doing.who, doing.call.point_id, kind, **doing.signed) if doing.call.point_id else []

    return find


def _person(kind: PersonFindingKind) -> Callable[[_Doing, str], Any]:
    """What a third person says is remembered of her; of one the bank never named, only that the number is not the customer's."""

    def hear(doing: _Doing, how: str) -> Any:
        call = doing.call
        if call.party != Party.DEBTOR and call.person_id:
            return consent.hear_person(doing.who, call.person_id, kind, relation=Party(call.party), **doing.signed)
        return _point(PointFindingKind.OF_THIRD_PERSON)(doing, how) if kind is PersonFindingKind.REFUSED else []

    return hear


def _hold(doing: _Doing, how: str) -> Any:
    return hold.place(doing.who, HoldKind(how), law=doing.law, reason=f"call_{how}", **doing.signed)


def _dispute(doing: _Doing, how: str) -> Any:
    """A dispute on what is overdue, else on all she has; without an account there is nothing to dispute, and collection waits."""
    owed = _overdue(doing.who) or list(Account.objects.filter(customer_id=doing.who))
    if not owed:
        return _hold(doing, HoldKind.FRAUD if how else HoldKind.DISPUTE)
    kind = how or str(doing.stated["dispute_kind"])
    said = drafted(doing.call).strip() or kind
    return dispute.register(
        doing.who, kind=kind, account_ids=[each.account_id for each in owed], statement=said, **doing.signed
    )


def _hardship(doing: _Doing, how: str) -> Any:
    """Hardship, unless it is registered already. Illness is kept with her consent alone; without, no kind is."""
    if Hardship.objects.filter(customer_id=doing.who, state__in=STANDING).exists():
        return []
    kind = how or str(doing.stated["hardship_kind"])
    if kind in SENSITIVE and note.consent_to_sensitive(doing.who, doing.at) is None:
        kind = HardshipKind.OTHER
    return hardship.register(doing.who, kind=kind, statement=drafted(doing.call).strip() or "call", **doing.signed)


def _learn(doing: _Doing, how: str) -> Any:
    known = doing.stated.get("contact_known")
    told = {"contact_known": known == "known"} if known else {}
    return consent.learn(doing.who, CircumstanceKind(how), **told, **doing.signed)


_DOES: Mapping[str, Callable[[_Doing, str], Any]] = MappingProxyType(
    {
        "promise": _promise,
        "hardship": _hardship,
        "dispute": _dispute,
        "bad_time": lambda doing, _how: consent.say_bad_time(doing.contact_id, **doing.signed),
        "wrong_number": _point(PointFindingKind.WRONG_NUMBER),
        "dead_number": _point(PointFindingKind.UNREACHABLE),
        "person_known": _person(PersonFindingKind.KNOWN),
        "person_refused": _person(PersonFindingKind.REFUSED),
        "person_offers": _person(PersonFindingKind.OFFERED_PAYMENT),
        "cease": lambda doing, _how: consent.cease(doing.who, written=doing.stated["written"] == "written", **doing.signed),
        "no_calls": lambda doing, _how: consent.opt_out(doing.who, Channel.CALL, **doing.signed),
        "hold": _hold,
        "learn": _learn,
    }
)
"""How each thing a result may ask for is done; `codes.DOES` names them all."""


def _must(answer: Any) -> None:
    """What an act answers when it did nothing undoes the wrap-up."""
    if isinstance(answer, list) and answer:
        raise _Undo(answer)
    if isinstance(answer, Sentence):
        raise _Undo([Fault("result", answer.code, answer.zh, answer.en)])


def _keep_note(call: Call, told: Disposition, *, at: datetime, by: str) -> list[Fault]:
    text = (told.note or drafted(call)).strip()
    if not text:
        _seal(call.call_id, "")
        return []
    kept = note.keep(
        call.customer_id, text, kind=NoteKind.CALL, note_id=call.call_id, kept_for=KeptFor(told.kept_for) if told.kept_for else None,
        at=at, by=by,
    )  # fmt: skip
    return kept if isinstance(kept, list) else []


# --- what comes next ----------------------------------------------------------------------------------------------


def proposed(step: Next, stated: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """The next step of a result as the house proposes it: `step`, `why`, and `at` or `queue` where it has them."""
    told: dict[str, Any] = {"step": step.step, "why": step.why}
    if step.queue:
        told["queue"] = step.queue
    if step.step == "follow_up":
        after = stated.get(step.after)
        if isinstance(after, datetime):
            told["at"] = after
        else:
            day = (after or timezone.localtime(at).date()) + timedelta(days=step.days)
            told["at"] = timezone.make_aware(datetime.combine(day, _MORNING))
    return told


def _step(told: Mapping[str, str] | None, result: Result, stated: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """The step the collector chose, or the one proposed."""
    if not told or not told.get("step"):
        return proposed(result.next, stated, at)
    chosen: dict[str, Any] = {"step": told["step"], "why": result.next.why}
    if told["step"] not in codes.STEPS:
        raise _Undo([fault("next_step", "step_unfit")])
    if told["step"] == "follow_up":
        when = _time(_NO_FIELD, told.get("at", ""), {}) if told.get("at") else proposed(result.next, stated, at).get("at")
        if when is None:
            raise _Undo([fault("next_at", "step_unfit")])
        chosen["at"] = when
    if told["step"] == "transfer":
        chosen["queue"] = told.get("queue") or result.next.queue or "senior"
    return chosen


_NO_FIELD = Field("", "time", "", "")


def _set(customer_id: str, step: Mapping[str, Any], *, at: datetime, by: str) -> Sentence | None:
    """Put the next step onto the worklist; why it was not, where it was not."""
    answer: Any = None
    if step["step"] == "follow_up":
        answer = worklist.follow_up(customer_id, due_at=step["at"], why=step["why"], by=by, at=at)
    elif step["step"] == "transfer":
        answer = worklist.transfer(customer_id, queue=step["queue"], why=step["why"], by=by, at=at)
    elif step["step"] == "done":
        answer = worklist.done(customer_id, by=by, at=at)
    return answer if isinstance(answer, Sentence) else None


def _plain(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in told.items() if name not in HEALTH}
