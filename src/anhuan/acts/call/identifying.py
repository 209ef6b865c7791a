"""Who is spoken to: the customer, or a guarantor who answers for her debt, shows it by questions whose answers are compared and forgotten.

Knows that answers are compared where the sealed data lies, and leave no trace but whether they were right enough. A guarantor is known by
less, so that everything asked of one must be right. Nobody else is asked, for nobody else is told anything.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from anhuan.acts.call.leading import _led
from anhuan.acts.call.sentences import bank_scripts, fault
from anhuan.core.vocabulary import ContactKind, Party
from anhuan.records import identity
from anhuan.records.account import Account
from anhuan.records.attempt import Fault
from anhuan.records.call import Call, Way
from anhuan.records.sealing import spelled_name
from anhuan.rulebook.scripts import Question

_NUMBERS = frozenset({ContactKind.MOBILE, ContactKind.PHONE})


@dataclass(frozen=True)
class Checked:
    """What an identity check came to; `left`: how often it may still be tried on this call."""

    passed: bool
    left: int


@dataclass(frozen=True)
class _OnFile:
    """Somebody it may be: what is on file of her by field of the questions. Personal: no repr."""

    person_id: str
    values: Mapping[str, Sequence[str]]

    def __repr__(self) -> str:
        return f"_OnFile({self.person_id!r})"


def asked(call: Call) -> list[Question]:
    """The identity questions of a call: those the file can answer, in an order of the call's own, so many as the bank asks."""
    return _asked(call, _people(call))


def needed(call: Call) -> int:
    """How many of them must be right. A guarantor who was not called at a number of her own needs one more than one who was."""
    rule = bank_scripts().identity
    if call.party != Party.GUARANTOR:
        return rule.right
    return max(len(asked(call)), rule.right + (call.way == Way.INBOUND))


def check_identity(call_id: UUID, answers: Mapping[str, str], *, at: datetime, by: str) -> Checked | list[Fault]:
    """Compare what the person answered with what is on file; what is kept is which questions were put, and whether it sufficed."""
    rule = bank_scripts().identity
    with _led(call_id, at=at, by=by) as found:
        if isinstance(found, list):
            return found
        call, customer = found
        if code := _not_to_be_checked(call, rule.tries):
            return [fault("answers", code)]
        people = _people(call)
        questions, enough = _asked(call, people), needed(call)
        if len(questions) < enough:
            return [fault("answers", "too_little_on_file")]
        given = {each.id: answers.get(each.id, "").strip() for each in questions}
        if sum(map(bool, given.values())) < enough:
            return [fault("answers", "answers_missing")]
        rights = [(sum(_fits(each, given[each.id], one) for each in questions), one) for one in people]
        right, best = max(rights, key=lambda pair: pair[0])
        passed = right >= enough
        check = {"at": customer.at.isoformat(), "asked": [each.id for each in questions], "right": right, "passed": passed}
        call.checks.append(check)
        call.verified_at = customer.at if passed else None
        if passed and call.party != Party.DEBTOR:
            call.person_id = best.person_id
        call.save(update_fields=["checks", "verified_at", "person_id"])
        body = {"call": str(call.call_id), "asked": check["asked"], "passed": passed}
        customer.remember("identity.checked", body if call.party == Party.DEBTOR else {**body, "party": call.party})
    return Checked(passed, max(rule.tries - len(call.checks), 0))


def _not_to_be_checked(call: Call, tries: int) -> str:
    if call.verified:
        return "already_verified"
    if call.party not in {Party.DEBTOR, Party.GUARANTOR}:
        return "not_the_customer"
    return "no_tries_left" if len(call.checks) >= tries else ""


# --- what is on file ----------------------------------------------------------------------------------------------


def _asked(call: Call, people: Sequence[_OnFile]) -> list[Question]:
    rule = bank_scripts().identity
    questions, most = (rule.questions, rule.ask) if call.party == Party.DEBTOR else (rule.liable, len(rule.liable))
    known = [each for each in questions if any(one.values.get(each.field) for one in people)]
    known.sort(key=lambda each: hashlib.sha256(f"{call.call_id}/{each.id}".encode()).digest())
    return known[:most]


def _people(call: Call) -> list[_OnFile]:
    """Whom the call is with: the customer; or the guarantor who was called, or where one calls us any of hers."""
    person = identity.unsealed(call.customer_id)
    if person is None:
        return []
    if call.party == Party.DEBTOR:
        cards = list(Account.objects.filter(customer_id=call.customer_id).values_list("account_id", flat=True))
        told = {name: getattr(person, name) for name in ("id_number", "birth_date", "employer", "name")}
        return [_OnFile("", {"account_tail": cards} | {name: [value] for name, value in told.items() if value})]
    of_hers: dict[str, list[identity.Point]] = {}
    for point in person.points:
        if point.party == Party.GUARANTOR and point.absent_since is None and point.person_id:
            of_hers.setdefault(point.person_id, []).append(point)
    return [
        _OnFile(
            person_id,
            {
                "own_name": sorted({each.party_name for each in points} - {""}),
                "own_number": [each.value for each in points if each.kind in _NUMBERS and each.point_id != call.point_id],
                "customer_name": [person.name] if person.name else [],
            },
        )
        for person_id, points in of_hers.items()
        if call.person_id in ("", person_id)
    ]


# --- comparing ----------------------------------------------------------------------------------------------------


def _fits(question: Question, answer: str, one: _OnFile) -> bool:
    return bool(answer) and any(_COMPARED[question.compare](answer, value) for value in one.values.get(question.field, ()))


def _last_four(answer: str, value: str) -> bool:
    said, kept = ("".join(sign for sign in _plain(text) if sign.isalnum()) for text in (answer, value))
    return len(said) >= 4 and len(kept) >= 4 and said[-4:] == kept[-4:]


def _month_day(answer: str, value: str) -> bool:
    """0307, 3月7日, 03-07 and 1990-03-07 all name one day."""
    numbers = "".join(sign if sign.isdigit() else " " for sign in _plain(answer)).split()
    if len(numbers) == 1:
        digits = numbers[0]
        numbers = [digits[-4:-2], digits[-2:]] if len(digits) in (4, 8) else []
    try:
        month, day = (int(each) for each in numbers[-2:])
    except ValueError:
        return False
    return value[5:] == f"{month:02}-{day:02}"


def _text(answer: str, value: str) -> bool:
    return spelled_name(answer) == spelled_name(value) != ""


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).upper()


_COMPARED = {"last_four": _last_four, "month_day": _month_day, "text": _text}
