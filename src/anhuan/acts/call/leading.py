"""A call under way: the identity is checked, statements are ticked, and what is being written is kept at every change.

Knows that answers are compared where the sealed data lies, and leave no trace but whether they were right enough. A draft is no event:
it is over with the call.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from anhuan.acts.call.sentences import bank_scripts, fault
from anhuan.acts.customer import Held, held
from anhuan.core.vocabulary import LineResult, Party
from anhuan.records import identity
from anhuan.records.account import Account
from anhuan.records.attempt import Fault
from anhuan.records.call import Call
from anhuan.records.identity import Person, Said
from anhuan.records.sealing import spelled_name
from anhuan.rulebook import codes
from anhuan.rulebook.scripts import Question

NOTE_LENGTH = 2000
HEALTH = frozenset({"hardship_kind"})
"""Fields that may tell of health: kept with the hardship under her consent, and nowhere else."""
KEPT_AS = {"ILL": "HRD"}
"""Results that tell of health by their name alone, and what is kept of them in the call, its draft and its event."""
_DRAFTED = frozenset({"line", "party", "result", "kept_for", "next_step", "next_at", "next_queue"})


@dataclass(frozen=True)
class Checked:
    """What an identity check came to; `left`: how often it may still be tried on this call."""

    passed: bool
    left: int


# --- who it is ----------------------------------------------------------------------------------------------------


def asked(call: Call) -> list[Question]:
    """The identity questions of a call: those the file can answer, in an order of the call's own, so many as the bank asks."""
    rule = bank_scripts().identity
    person = identity.unsealed(call.customer_id)
    if person is None:
        return []
    known = [each for each in rule.questions if any(_on_file(each, person, call.customer_id))]
    known.sort(key=lambda each: hashlib.sha256(f"{call.call_id}/{each.id}".encode()).digest())
    return known[: rule.ask]


def check_identity(call_id: UUID, answers: Mapping[str, str], *, at: datetime, by: str) -> Checked | list[Fault]:
    """Compare what the person answered with what is on file; what is kept is which questions were put, and whether it sufficed."""
    rule = bank_scripts().identity
    with _led(call_id, at=at, by=by) as found:
        if isinstance(found, list):
            return found
        call, customer = found
        if code := _not_to_be_checked(call, rule.tries):
            return [fault("answers", code)]
        questions = asked(call)
        if len(questions) < rule.right:
            return [fault("answers", "too_little_on_file")]
        given = {each.id: answers.get(each.id, "").strip() for each in questions}
        if sum(map(bool, given.values())) < rule.right:
            return [fault("answers", "answers_missing")]
        person = identity.unsealed(call.customer_id)
        right = sum(1 for each in questions if person is not None and _fits(each, given[each.id], person, call.customer_id))
        passed = right >= rule.right
        check = {"at": customer.at.isoformat(), "asked": [each.id for each in questions], "right": right, "passed": passed}
        call.checks.append(check)
        call.verified_at = customer.at if passed else None
        call.save(update_fields=["checks", "verified_at"])
        body = {"call": str(call.call_id), "asked": check["asked"], "passed": passed}
        customer.remember("identity.checked", body)
    return Checked(passed, max(rule.tries - len(call.checks), 0))


def _not_to_be_checked(call: Call, tries: int) -> str:
    if call.verified:
        return "already_verified"
    if call.party != Party.DEBTOR:
        return "not_the_customer"
    return "no_tries_left" if len(call.checks) >= tries else ""


def _on_file(question: Question, person: Person, customer_id: str) -> Iterator[str]:
    if question.field == "account_tail":
        yield from Account.objects.filter(customer_id=customer_id).values_list("account_id", flat=True)
    elif value := getattr(person, question.field):
        yield value


def _fits(question: Question, answer: str, person: Person, customer_id: str) -> bool:
    return bool(answer) and any(_COMPARED[question.compare](answer, value) for value in _on_file(question, person, customer_id))


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


# --- what is being written ----------------------------------------------------------------------------------------


def keep_draft(
    call_id: UUID, *, ticked: Collection[str], draft: Mapping[str, Any], note: str, at: datetime, by: str
) -> list[Fault]:
    """Keep what stands in the form of an open call, the note sealed; empty, or why not."""
    if len(note) > NOTE_LENGTH:
        return [fault("note", "note_too_long")]
    with _led(call_id, at=at, by=by) as found:
        if isinstance(found, list):
            return found
        call, _ = found
        known = {each.id for each in bank_scripts().statements}
        call.ticked = sorted(set(ticked) & known)
        fields, reported = set(codes.book().fields) - HEALTH, call.draft.get("reported")
        call.draft = {name: str(value)[:60] for name, value in draft.items() if name in _DRAFTED | fields}
        if "result" in call.draft:
            call.draft["result"] = KEPT_AS.get(call.draft["result"], call.draft["result"])
        call.draft |= {"reported": reported} if reported else {}
        call.drafted_at = at
        call.save(update_fields=["ticked", "draft", "drafted_at"])
        _seal(call.call_id, note)
    return []


def report(named: str, line: LineResult, *, at: datetime) -> bool:
    """A dialler tells what became of the line of a call, named by its id or its contact's: the wrap-up begins with it. Whether it is open."""
    try:
        of_it = Q(call_id=UUID(named)) | Q(contact_id=UUID(named))
    except ValueError:
        return False
    found = Call.objects.filter(of_it, closed_at=None).first()
    if found is None:
        return False
    with _led(found.call_id, at=at, by=found.by) as led:
        if isinstance(led, list):
            return False
        call, _ = led
        call.draft = {**call.draft, "reported": next(each.code for each in codes.book().lines.values() if each.line is line)}
        call.save(update_fields=["draft"])
    return True


def drafted(call: Call) -> str:
    """The note of a call as far as it is written."""
    return str(identity.said([call.call_id]).get(call.call_id, {}).get("note", ""))


def _seal(row_id: UUID, note: str) -> None:
    if note:
        [sealed] = identity.seal_said({row_id: {"note": note}})
        sealed.save()
    else:
        Said.objects.filter(pk=row_id).delete()


@contextmanager
def _led(call_id: UUID, *, at: datetime, by: str) -> Iterator[tuple[Call, Held] | list[Fault]]:
    """An open call of hers, its customer held; or why she may not go on with it."""
    call = Call.objects.filter(pk=call_id).first()
    if call is None:
        yield [fault("call", "call_unknown")]
        return
    with held(call.customer_id, at=at, by=by) as customer:
        call = Call.objects.select_for_update().get(pk=call_id)
        if call.by != by:
            yield [fault("call", "call_of_another")]
        elif call.closed_at is not None:
            yield [fault("call", "call_closed")]
        else:
            yield call, customer
