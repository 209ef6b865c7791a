"""The door for sets: many customers are held, known, judged and written in a few statements, as senders do.

Gives the same answers as `door`, customer by customer, and the same guarantees: whoever else wants one of them waits, and nothing
has begun before the transaction is over. Does not know any rule.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from operator import itemgetter
from uuid import UUID

from django.db import IntegrityError, transaction

from anhuan.acts.customer import Held, held_and_known, not_before
from anhuan.acts.dispatch.door import AT_ONCE, Answer, Refused, Unfit, as_row, known_already, latest, opening, start
from anhuan.acts.fitness import faults_of
from anhuan.core import gate
from anhuan.core.facts import Attempt
from anhuan.core.law import Law
from anhuan.records import facts
from anhuan.records.contact import Refusal
from anhuan.records.facts import Known

Asked = tuple[str, Callable[[Known], Attempt | Unfit]]
"""A customer, and what is attempted once it is known what is known of her."""

_OPEN_ALL = "SELECT records_contact_open(told) FROM jsonb_array_elements(%s::jsonb) told"


def start_many(asked: Sequence[Asked], *, law: Law, at: datetime, by: str) -> list[Answer]:
    """`start` for many customers, each once, in one transaction: their answers, in the order of their ids."""
    asked = sorted(asked, key=itemgetter(0))
    try:
        with transaction.atomic():
            return _start_all(asked, law=law, at=at, by=by)
    except IntegrityError as failure:
        known_already(failure)
    # One of the attempts was asked before: one by one, so that it alone is told so.
    return [_start_one(customer_id, attempted, law=law, at=at, by=by) for customer_id, attempted in asked]


def _start_all(asked: Sequence[Asked], *, law: Law, at: datetime, by: str) -> list[Answer]:
    back = facts.reach(law)
    answers: list[Answer] = []
    begun, refused, unremembered = [], list[tuple[int, gate.Refusal, Refusal]](), []
    held = facts.hold_and_know_many([customer_id for customer_id, _ in asked], at=at, since=at - back)
    for (customer_id, attempted), (has_case, last, known) in zip(asked, held, strict=True):
        customer = Held(customer_id, has_case, not_before(last, at), by)
        if customer.at != at:
            known = facts.known_of(customer_id, at=customer.at, since=customer.at - back)  # noqa: PLW2901
        judged = _judge(customer, attempted(known), known, law)
        if isinstance(judged, gate.Permit):
            started, told = opening(customer, judged, known, law, AT_ONCE, reserved=False)
            begun.append(told)
            if "house_event" in told:
                unremembered.append((customer, told["house_event"]))
            answers.append(started)
            continue
        if isinstance(judged, Refused):
            refused.append((len(answers), judged.verdict, as_row(customer, judged.verdict, law)))
        answers.append(judged)
    if begun:
        with facts.quick() as cursor:
            cursor.execute(_OPEN_ALL, [json.dumps(begun)])
    for customer, event in unremembered:
        customer.remember("contact.started", event)
    for (place, verdict, _), kept in zip(refused, Refusal.objects.bulk_create([row for *_, row in refused]), strict=True):
        answers[place] = Refused(verdict, int(kept.pk))
    return answers


def _judge(customer: Held, attempt: Attempt | Unfit, known: Known, law: Law) -> gate.Permit | Refused | Unfit:
    if isinstance(attempt, Unfit):
        return attempt
    unfit = faults_of(attempt, known, customer.at)
    if unfit:
        return Unfit(unfit)
    verdict = gate.check(attempt, known.facts, law, latest(known, customer.at))
    return Refused(verdict) if isinstance(verdict, gate.Refusal) else verdict


def _start_one(customer_id: str, attempted: Callable[[Known], Attempt | Unfit], *, law: Law, at: datetime, by: str) -> Answer:
    """In a part of the caller's transaction that is undone alone."""
    with held_and_known(customer_id, back=facts.reach(law), at=at, by=by) as (_, known):
        attempt = attempted(known)
    return attempt if isinstance(attempt, Unfit) else start(customer_id, attempt, law=law, at=at, by=by)


# --- what became of them ------------------------------------------------------------------------------------------

_HOLD_ALL = """
SELECT c.customer_id, h.has_case, h.last
FROM (SELECT DISTINCT customer_id FROM records_contact WHERE contact_id = ANY(%s::uuid[]) ORDER BY customer_id) c,
     LATERAL records_customer_hold(c.customer_id) h
"""
_COMPLETE_ALL = """
UPDATE records_contact c SET state = 'completed', line_result = '', outcome = '', closed_at = n.at
FROM unnest(%s::text[], %s::timestamptz[]) n (customer_id, at)
WHERE c.customer_id = n.customer_id AND c.contact_id = ANY(%s::uuid[]) AND c.closed_at IS NULL
RETURNING c.contact_id, c.customer_id
"""
_REMEMBER_ALL = """
SELECT records_event_append(n.customer, 'contact.completed', n.body, n.at, %s)
FROM unnest(%s::text[], %s::jsonb[], %s::timestamptz[]) n (customer, body, at)
"""


def complete_many(contact_ids: Collection[UUID], *, at: datetime, by: str) -> None:
    """`complete` for messages that were taken, in a few statements; those closed before stay as they are."""
    with transaction.atomic(), facts.quick() as cursor:
        cursor.execute(_HOLD_ALL, [list(contact_ids)])
        held_ones = {customer_id: (has_case, not_before(last, at)) for customer_id, has_case, last in cursor.fetchall()}
        instants = [instant for _, instant in held_ones.values()]
        cursor.execute(_COMPLETE_ALL, [list(held_ones), instants, list(contact_ids)])
        completed = sorted((customer_id, str(contact_id)) for contact_id, customer_id in cursor.fetchall())
        told = [(customer, {"contact": contact, "line_result": "", "outcome": ""}) for customer, contact in completed]
        on_cases = [(customer, json.dumps(body), held_ones[customer][1]) for customer, body in told if held_ones[customer][0]]
        if on_cases:
            cursor.execute(_REMEMBER_ALL, [by, *map(list, zip(*on_cases, strict=True))])
        for customer, body in told:
            if not held_ones[customer][0]:
                Held(customer, has_case=False, at=held_ones[customer][1], by=by).remember("contact.completed", body)
