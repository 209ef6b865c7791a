"""A customer with a card or two and a phone, a law of a few rules, and an attempt that is in order: what a test changes is told."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from django.db import connection

from anhuan.core.facts import Attempt
from anhuan.core.law import Law, Rule, Scope, Test
from anhuan.core.rules.caps import Cap
from anhuan.core.rules.holds import Held
from anhuan.core.rules.hours import QuietHours
from anhuan.core.rules.parties import SealedByRefusal, SealedUntilLost
from anhuan.core.vocabulary import (
    CALLS,
    Channel,
    Confidence,
    Force,
    HoldKind,
    LineResult,
    Party,
    Purpose,
    RuleTopic,
)
from anhuan.records.account import Account
from anhuan.records.case import Case, CaseFigures
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.grant import CaseGrant
from anhuan.records.staff import Staff

MORNING = datetime(2026, 11, 20, 10, 0, tzinfo=UTC) - timedelta(hours=8)
"""Ten o'clock in Shanghai."""
BY = "王经理"


def rule(id_: str, topic: RuleTopic, test: Test, **scope: Any) -> Rule:
    return Rule(
        id=id_, pack="test", topic=topic, test=test, scope=Scope(**scope), zh="不行。", en="No.", source="s", clause="c",
        force=Force.HOUSE_RULE, confidence=Confidence.PRIMARY, in_force=date(2020, 1, 1),
    )  # fmt: skip


COLLECT = frozenset({Purpose.COLLECT})
UNANSWERED = frozenset(LineResult) - {LineResult.CONNECTED}
TALKS = rule(
    "talks", RuleTopic.FREQUENCY_CONVERSATIONS,
    Cap(3, 1, CALLS, frozenset({"person"}), zone="Asia/Shanghai", lines=frozenset({LineResult.CONNECTED})), channels=CALLS,
)  # fmt: skip
TRIES = rule(
    "tries", RuleTopic.FREQUENCY_ATTEMPTS,
    Cap(6, 1, CALLS, frozenset({"point"}), zone="Asia/Shanghai", lines=UNANSWERED), channels=CALLS,
)  # fmt: skip
NIGHT = rule("night", RuleTopic.QUIET_HOURS, QuietHours(time(22), time(8)))
HOLDS = tuple(
    rule(f"hold-{kind}", RuleTopic.HOLD_DISPUTE, Held(kind), purposes=COLLECT)
    for kind in HoldKind
)  # fmt: skip
SEALED = rule("sealed", RuleTopic.THIRD_PARTY, SealedUntilLost("Asia/Shanghai"))
REFUSED = rule("refused", RuleTopic.THIRD_PARTY, SealedByRefusal())


def law(*rules: Rule) -> Law:
    chosen = rules or (TALKS, TRIES, NIGHT, *HOLDS, SEALED, REFUSED)
    return Law(packs=("test",), as_of=date(2026, 11, 20), rules=chosen, fingerprint=sha256(repr(chosen).encode()).hexdigest())


LAW = law()


def customer(
    customer_id: str = "C1",
    *,
    cards: tuple[str, ...] = ("A1",),
    case: bool = True,
    flags: tuple[str, ...] = (),
    placed: str = "",
) -> UUID:
    """A customer with her cards and one mobile; answers the mobile's id."""
    Customer.objects.create(
        customer_id=customer_id, language="zh-CN", timezone="Asia/Shanghai", flags=list(flags), sealed=b"", key_id=1,
        fingerprint=uuid4(),
    )  # fmt: skip
    for card in cards:
        account(card, customer_id, placed_with=placed or None)
    if case:
        Case.objects.create(case_id=customer_id, status="open", bucket=1, opened_on="2026-11-01", since="2026-11-01")
    return point(customer_id)


def account(account_id: str, customer_id: str, **told: Any) -> Account:
    values: dict[str, Any] = {field.attname: 0 for field in Account._meta.concrete_fields if not field.null}
    values |= {"account_id": account_id, "customer_id": customer_id, "as_of": "2026-11-19", "presence": "present"}
    return Account.objects.create(**values | {"currency": "CNY"} | told)


def point(customer_id: str = "C1", value: str = "mobile", **told: Any) -> UUID:
    values = {"kind": "mobile", "party": "debtor", "person_id": "", "place": "", "sealed": b"", "key_id": 1} | told
    point_id = uuid5(NAMESPACE_URL, f"{customer_id}/{value}/{values['party']}/{values['person_id']}")
    ContactPoint.objects.create(point_id=point_id, customer_id=customer_id, fingerprint=uuid4(), **values)
    return point_id


def attempt(point_id: UUID | None = None, **told: Any) -> Attempt:
    values: dict[str, Any] = {
        "id": str(uuid4()), "channel": Channel.CALL, "party": Party.DEBTOR, "purpose": Purpose.COLLECT,
        "debts": frozenset({"A1"}), "point": str(point_id) if point_id else "", "automated": False, "recorded": True,
        "identifies_institution": True,
    }  # fmt: skip
    return Attempt(**values | told)


def opened_to(*usernames: str, customer_id: str = "C1") -> None:
    """These may see her case, whatever lies on the worklist."""
    for staff in Staff.objects.filter(username__in=usernames):
        until = MORNING + timedelta(days=400)
        CaseGrant.objects.create(
            customer_id=customer_id, staff=staff, why="test", granted_at=MORNING - timedelta(days=400), until=until, by=BY
        )


def empty_cards() -> None:
    """Accounts are swapped as a whole each night, so they are no table a test's end empties by itself."""
    for model in (Account, CaseFigures):
        model.objects.all().delete()


def run(sql: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
