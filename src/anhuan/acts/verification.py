"""The answer to a dispute as a letter: filled in the bank's own wording and put into the outbox, from where it goes through the door.

Knows which values the wording takes and where they stand, and that a dispute is answered when its letter has left, not before. Does not
know how a letter leaves: the gate is asked of it when it does, like of any message (`acts.sending`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from django.utils import timezone

from anhuan.acts import dispatch, dispute, law, matter, outbox, paper, proposal, wording
from anhuan.acts.customer import held
from anhuan.acts.dispatch import Refused, Unfit
from anhuan.acts.matter import fault
from anhuan.channels.letter.press import Press
from anhuan.channels.letter.sheet import Letter, letter_id
from anhuan.core.facts import Attempt
from anhuan.core.gate import Refusal
from anhuan.core.vocabulary import Channel, Purpose
from anhuan.records import facts, identity
from anhuan.records.account import Account
from anhuan.records.attempt import Fault
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.dispute import Dispute, DisputeState
from anhuan.records.outbox import ItemState, OutboxItem
from anhuan.rulebook import letters
from anhuan.rulebook.letters import Amount, Filled

WORDING = "verification_reply"
_NEVER_LEFT = frozenset({ItemState.REFUSED, ItemState.UNFIT, ItemState.FAILED, ItemState.STOPPED})
"""An answer that ended so did not leave, and another may be sent."""


@dataclass(frozen=True)
class Words:
    """What the desk says of what it found, in the language of the letter. Personal: no repr."""

    objection: str = field(repr=False)
    finding: str = field(repr=False)
    result: str = field(repr=False)


def send(dispute_id: UUID, words: Words, *, lang: str, at: datetime, by: str) -> OutboxItem | Refused | list[Fault]:
    """Put the answer to a decided dispute into the outbox, a letter to respond; the gate's refusal as it is now, or why it cannot go."""
    known = Dispute.objects.filter(pk=dispute_id).only("customer_id").first()
    if known is None:
        return [fault("dispute", "dispute_unknown")]
    with held(known.customer_id, at=at, by=by) as customer:
        one = Dispute.objects.get(pk=dispute_id)
        if one.state != DisputeState.DECIDED or one.answered_at is not None:
            return [fault("state", "answered_already" if one.answered_at else "out_of_turn")]
        before = _letters(one)
        if any(each.state not in _NEVER_LEFT for each in before):
            return [fault("state", "answer_under_way")]
        said = filled(one, words, lang=lang, on=timezone.localtime(at).date())
        if isinstance(said, list):
            return said
        attempt = replace(_attempt(one, said, at=at), id=f"{_name(one)}{len(before) + 1}")
        now = dispatch.ask(one.customer_id, attempt, law=law.in_force(at), at=at)
        if isinstance(now, Unfit):
            return now.faults
        if isinstance(now, Refusal):
            return Refused(now)
        message = {"subject": said.parts.get("subject", ""), "text": said.parts["text"], "lang": lang, "details": _details(one)}
        item = outbox.put(
            one.customer_id,
            channel=Channel.LETTER,
            wording=WORDING,
            attempt_id=attempt.id,
            debts=one.accounts,
            said=message,
            at=at,
        )
        if item is None:
            return [fault("state", "answers_stopped")]
        matter.step(customer, dispute_id, "letter", text=f"{message['subject']}\n\n{message['text']}")
        customer.remember("dispute.letter", {"dispute": str(dispute_id), "item": str(item.item_id)})
    return item


def standing(one: Dispute) -> OutboxItem | None:
    """The letter that answers a dispute, as far as it has come; None where nobody has answered yet."""
    return next(iter(_letters(one)), None)


def may_answer(one: Dispute) -> bool:
    """Whether an answer is to be sent: the dispute is decided, and no letter is on its way."""
    letter = standing(one)
    return one.state == DisputeState.DECIDED and one.answered_at is None and (letter is None or letter.state in _NEVER_LEFT)


def left(item: OutboxItem, *, at: datetime, by: str) -> None:
    """A letter has left: the dispute it answers is answered, unless it was opened again meanwhile. Heard twice, it is as once."""
    dispute_id, opened = UUID(item.attempt_id.split(":")[1]), int(item.attempt_id.split(":")[2])
    said = identity.said([item.item_id]).get(item.item_id)
    if said and Dispute.objects.filter(pk=dispute_id, round=opened, answered_at=None, state=DisputeState.DECIDED).exists():
        text = f"{said['subject']}\n\n{said['text']}"
        dispute.answered(dispute_id, contact_id=item.contact_id, text=text, at=at, by=by)


def _name(one: Dispute) -> str:
    """How the attempts of its answers begin; a number follows."""
    return f"dispute:{one.dispute_id}:{one.round}:"


def _letters(one: Dispute) -> list[OutboxItem]:
    """The answers to it as it is opened now, the last first."""
    found = OutboxItem.objects.filter(customer_id=one.customer_id, attempt_id__startswith=_name(one))
    return sorted(found, key=lambda each: int(each.attempt_id.rpartition(":")[2]), reverse=True)


def _details(one: Dispute) -> dict[str, str]:
    """What stands on the paper beside the text."""
    person = Customer.objects.get(pk=one.customer_id)
    return {"name": identity.names([person])[person.customer_id], "reference": str(one.dispute_id)[:13]}


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
    return replace(attempt, purpose=Purpose.RESPOND, **letters.attributes(said.wording))


def pdf(one: Dispute) -> bytes | list[Fault]:
    """The last answer that has left, as a paper to be looked at; press.NoFace or press.NotSet where it cannot be set."""
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
