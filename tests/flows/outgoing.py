"""A small bank with something to send: customers with sealed names and mobiles, wordings in force, proposals, a campaign."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from tests.records import desk

from anhuan.acts import dispatch, law, outbox, wording
from anhuan.acts.staff import create_staff
from anhuan.core.facts import Attempt
from anhuan.core.vocabulary import Channel, NightStatus, Party, Purpose
from anhuan.records.case import Case
from anhuan.records.contact import Contact
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.identity import keyring
from anhuan.records.night import Night
from anhuan.records.outbox import Campaign, OutboxItem
from anhuan.records.staff import Staff
from anhuan.records.strategy import Proposal
from anhuan.rulebook import letters

WORDINGS = Path(__file__).resolve().parents[2] / "examples" / "firstbank" / "wordings"
DAY = date(2026, 11, 22)
MORNING = datetime(2026, 11, 23, 2, 5, tzinfo=UTC)
"""Five past ten in Shanghai, the day after: what the night wanted is due."""


def mobile(number: int) -> str:
    return f"+861990000{number:04d}"


def customer(number: int, *, language: str = "zh-CN") -> str:
    """One who owes 325.06 yuan for five days; her mobile is of a range nobody has."""
    ring, customer_id = keyring(), f"C{number:08d}"
    told = json.dumps([f"测试{number}", "other", f"X{number}", "1990-01-01", ""]).encode()
    Customer.objects.create(
        customer_id=customer_id, language=language, timezone="Asia/Shanghai", flags=[],
        sealed=ring.seal("customer", [customer_id], [told])[0], key_id=ring.current, fingerprint=uuid4(),
    )  # fmt: skip
    desk.account(
        f"A{number:08d}", customer_id, bucket=1, days_past_due=5, past_due_since="2026-11-17", due_date="2026-11-17",
        past_due_amount_minor=32506, balance_total_minor=325064, minimum_due_minor=32506,
    )  # fmt: skip
    Case.objects.create(case_id=customer_id, status="open", bucket=1, opened_on="2026-11-18", since="2026-11-18")
    point_id = uuid4()
    ContactPoint.objects.create(
        point_id=point_id, customer_id=customer_id, kind="mobile", party="debtor", fingerprint=uuid4(), key_id=ring.current,
        sealed=ring.seal("contact_point", [str(point_id)], [json.dumps([mobile(number), "", "contract"]).encode()])[0],
        value_index=ring.index("mobile", mobile(number)),
    )  # fmt: skip
    return customer_id


def in_force(*names: str, channel: str = "") -> None:
    """The made-up bank's wordings of these names, approved by a second person; of one channel alone where that will do."""
    for name in ("wang", "li"):
        if not Staff.objects.filter(username=name).exists():
            create_staff(username=name, password="correct horse battery", role="operations", language="en", at=MORNING, by="t")
    for name in names:
        found, faults = letters.read_file(WORDINGS / f"{name}.yaml")
        assert not faults, faults
        for each in (each for each in found if channel in ("", each.channel)):
            made = wording.draft(each, at=MORNING, by="wang")
            assert not isinstance(made, list), made
            wording.check(made.pk, at=MORNING, by="wang")
            wording.approve(made.pk, at=MORNING, by="li")
            live = wording.go_live(made.pk, live_from=MORNING.date(), at=MORNING, by="li")
            assert not isinstance(live, list), [fault.en for fault in live]


def night(customers: list[str], *, channel: str = "sms", words: str = "overdue_gentle", team: str = "reminders") -> Campaign:
    """The night of `DAY`, sealed, wanted this of these customers, and scheduled it: the campaign it makes."""
    made, _ = Night.objects.get_or_create(
        business_date=DAY,
        defaults={"sequence": 1, "issuer": "t", "layout": "t", "content": "0" * 64, "snapshot": "s", "manifest_sha256": "0" * 64,
                  "status": NightStatus.SEALED, "begun_at": MORNING},
    )  # fmt: skip
    for customer_id in customers:
        Proposal.objects.create(
            business_date=DAY, customer_id=customer_id, sequence=1, account_id=customer_id.replace("C", "A"), channel=channel,
            wording=words, team=team, handled_by="in_house", fingerprint="0" * 64, version_id=1, arm="champion",
            decision="d", rule=1, state="proposed", planned_at=datetime(2026, 11, 23, 2, tzinfo=UTC),
        )  # fmt: skip
    outbox.schedule(made, at=MORNING)
    return Campaign.objects.get(channel=channel, wording=words, team=team)


def mailed(number: int) -> tuple[str, str]:
    """A customer who was sent a mail: she, and the attempt it was."""
    ring, customer_id, point_id = keyring(), customer(number), uuid4()
    address = f"c{number}@mail.example"
    ContactPoint.objects.create(
        point_id=point_id, customer_id=customer_id, kind="email", party="debtor", fingerprint=uuid4(), key_id=ring.current,
        sealed=ring.seal("contact_point", [str(point_id)], [json.dumps([address, "", "contract"]).encode()])[0],
        value_index=ring.index("email", address),
    )  # fmt: skip
    return customer_id, _begun(number, Channel.EMAIL, point_id, includes_opt_out=True)


def called(number: int) -> tuple[str, str]:
    """A customer who is being called, as a campaign's message: she, and the attempt it is."""
    customer_id = customer(number)
    point_id = ContactPoint.objects.get(customer_id=customer_id).point_id
    attempt = _begun(number, Channel.CALL, point_id, recorded=True)
    campaign = Campaign.objects.create(
        campaign_id=uuid4(), business_date=DAY, channel="call", wording="w", team="robot", begins_at=MORNING, made_at=MORNING
    )
    OutboxItem.objects.create(
        item_id=uuid4(), campaign=campaign, customer_id=customer_id, attempt_id=attempt, purpose="", state="started",
        not_before=MORNING, changed_at=MORNING, contact_id=Contact.objects.get(customer_id=customer_id).contact_id,
    )  # fmt: skip
    return customer_id, attempt


def _begun(number: int, channel: Channel, point_id: UUID, **told: Any) -> str:
    customer_id = f"C{number:08d}"
    attempt = Attempt(
        id=f"m:{number}", channel=channel, party=Party.DEBTOR, purpose=Purpose.COLLECT, point=str(point_id),
        debts=frozenset({customer_id.replace("C", "A")}), identifies_institution=True, automated=True, says=frozenset(),
        private_device=False, **told,
    )  # fmt: skip
    started = dispatch.start(customer_id, attempt, law=law.in_force(MORNING), at=MORNING, by="t")
    assert isinstance(started, dispatch.Started), started
    return attempt.id


def item_of(customer_id: str) -> UUID:
    from anhuan.records.outbox import OutboxItem

    return OutboxItem.objects.values_list("item_id", flat=True).get(customer_id=customer_id)
