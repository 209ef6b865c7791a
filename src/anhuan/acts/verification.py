"""The answer to a dispute as a letter: filled in the bank's own wording, through the door to respond, set on paper, and kept.

Knows which values the wording takes and where they stand. The gate is asked like of any contact; what was said is sealed with the step of
the dispute. The desk prints and posts the paper, as it dials by hand; nothing here moves bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from anhuan.acts import dispatch, dispute, law, matter, paper, proposal, wording
from anhuan.acts.dispatch import Refused, Started, Unfit
from anhuan.acts.matter import fault
from anhuan.channels.letter.press import Press
from anhuan.channels.letter.sheet import Letter, letter_id
from anhuan.core.facts import Attempt
from anhuan.core.vocabulary import Channel, Purpose
from anhuan.records import facts, identity
from anhuan.records.account import Account
from anhuan.records.attempt import Fault
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.dispute import Dispute, DisputeState
from anhuan.rulebook import letters
from anhuan.rulebook.letters import Amount, Filled

WORDING = "verification_reply"


@dataclass(frozen=True)
class Answered:
    """The answer as it was sent: the dispute as it then stands, and the contact."""

    dispute: Dispute
    contact_id: UUID


@dataclass(frozen=True)
class Words:
    """What the desk says of what it found, in the language of the letter. Personal: no repr."""

    objection: str = field(repr=False)
    finding: str = field(repr=False)
    result: str = field(repr=False)


class _Undo(Exception):
    """The letter may not go, or its step cannot be taken: nothing of it stays."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__()
        self.faults = faults


def send(dispute_id: UUID, words: Words, *, lang: str, at: datetime, by: str) -> Answered | Refused | list[Fault]:
    """Answer a dispute that is decided, by letter to respond; a refusal of the gate, or why it cannot go."""
    one = Dispute.objects.filter(pk=dispute_id).first()
    if one is None:
        return [fault("dispute", "dispute_unknown")]
    if one.state != DisputeState.DECIDED or one.answered_at is not None:
        return [fault("state", "answered_already" if one.answered_at else "out_of_turn")]
    said = filled(one, words, lang=lang, on=timezone.localtime(at).date())
    if isinstance(said, list):
        return said
    in_force = law.in_force(at)
    attempt = _attempt(one, said, at=at)
    try:
        with transaction.atomic():
            answer = dispatch.start(one.customer_id, attempt, law=in_force, at=at, by=by)
            if isinstance(answer, Refused):
                return answer
            if isinstance(answer, Unfit):
                return answer.faults
            return _keep(one, said, answer, at=at, by=by)
    except _Undo as undone:
        return undone.faults


def _keep(one: Dispute, said: Filled, started: Started, *, at: datetime, by: str) -> Answered:
    parts = said.parts
    faults = dispatch.complete(started.contact_id, at=at, by=by)
    if faults:
        raise _Undo(faults)
    told = f"{parts.get('subject', '')}\n\n{parts['text']}"
    answer = dispute.answered(one.dispute_id, contact_id=started.contact_id, text=told, at=at, by=by)
    if isinstance(answer, list):
        raise _Undo(answer)
    return Answered(answer, started.contact_id)


def filled(one: Dispute, words: Words, *, lang: str, on: date) -> Filled | list[Fault]:
    """The bank's wording with what was found; or why it may not be used."""
    accounts = list(Account.objects.filter(customer_id=one.customer_id, account_id__in=one.accounts).order_by("account_id"))
    person = Customer.objects.filter(pk=one.customer_id).first()
    if person is None or not accounts:
        return [fault("accounts", "account_unknown")]
    owed = sum(each.balance_total_minor for each in accounts if each.currency == accounts[0].currency)
    values = {
        "name": identity.names([person])[person.customer_id],
        "tail": "".join(sign for sign in accounts[0].account_id if sign.isdigit())[-4:].rjust(4, "0"),
        "received_on": one.received_on, "objection": words.objection, "finding": words.finding.rstrip("。."),
        "disputed": Amount(owed if one.disputed_minor is None else one.disputed_minor, one.currency or accounts[0].currency),
        "result": words.result.rstrip("。."), "confirmed": Amount(owed, accounts[0].currency), "as_of": accounts[0].as_of,
    }  # fmt: skip
    faults: list[Fault] = []
    for pack in law.in_force(timezone.make_aware(datetime.combine(on, datetime.min.time()))).packs:
        answer = wording.filled(WORDING, values, jurisdiction=pack, channel=Channel.LETTER, language=lang, on=on)
        if isinstance(answer, tuple):
            return answer[1]
        faults += [Fault(each.where, each.code, each.zh, each.en) for each in answer]
    return faults[:1]


def _attempt(one: Dispute, said: Filled, *, at: datetime) -> Attempt:
    told = facts.facts_for(one.customer_id, at=at)
    attempt = proposal.as_attempt(Channel.LETTER, one.accounts, one.accounts[0], told)
    return replace(
        attempt, id=f"dispute:{one.dispute_id}:{one.round}", purpose=Purpose.RESPOND, **letters.attributes(said.wording)
    )


def pdf(one: Dispute) -> bytes | list[Fault]:
    """The paper of the last answer, to be printed; press.NoFace or press.NotSet where it cannot be set."""
    told = [(step, words) for step, words in matter.steps_of(one.dispute_id) if step.kind == "answered" and words.get("text")]
    person = Customer.objects.filter(pk=one.customer_id).first()
    if not told or person is None:
        return [fault("state", "out_of_turn")]
    step, words = told[-1]
    subject, _, text = str(words["text"]).partition("\n\n")
    lang = "zh" if any("\u4e00" <= sign <= "\u9fff" for sign in text[:200]) else "en"
    letter = Letter(
        id=letter_id(f"dispute:{one.dispute_id}:{one.round}"), on=timezone.localtime(step.at).date(), lang=lang,
        address=(identity.names([person])[person.customer_id], *_address(one.customer_id)), subject=subject, text=text,
        reference=str(one.dispute_id)[:13],
    )  # fmt: skip
    return Press(paper.letterhead()).one(letter)


def _address(customer_id: str) -> tuple[str, ...]:
    rows = ContactPoint.objects.filter(customer_id=customer_id, kind="address", party="debtor", absent_since=None)
    row = rows.exclude(valid=False).order_by("place", "point_id").first()
    return (identity.open_point(row, ring=identity.keyring()).value,) if row is not None else ()
