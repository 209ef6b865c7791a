"""Payments told between nights: read, matched, counted once, held while nobody knows whose they are, and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.records import desk
from tests.records.desk import BY, MORNING

from anhuan.acts import dispatch, law, payment, payment_import, payment_posting, suspense
from anhuan.acts.payment_import import Notice
from anhuan.core import gate
from anhuan.portfolio import statement
from anhuan.portfolio.feed import Sentence
from anhuan.records import identity
from anhuan.records.events import Event
from anhuan.records.hold import Hold
from anhuan.records.night import Night
from anhuan.records.payment import Paid, Payment, PaymentImport, PaymentKey, Posting
from anhuan.records.payment_suspense import FOUR_EYES_MINOR, Suspense

pytestmark = pytest.mark.django_db

DAY = date(2026, 11, 20)
HEADER = "reference,amount,currency,effective_on,account_id,remittance,payer_name,kind,reverses,payment_id,gateway_reference"
LATER = MORNING + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _home(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(settings, "ANHUAN_HOME", tmp_path)
    yield
    desk.empty_cards()


def csv(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows, ""]).encode()


def taken(data: bytes, name: str = "paid.csv", **told: Any) -> dict[str, Any]:
    file = payment_import.preview(data, name=name, today=DAY, at=MORNING, by=BY, **told)
    return payment_import.result(payment_import.take(file, at=MORNING, by=BY))


def notice(payment_id: str, account: str = "A1", amount: int = 5000, on: date = DAY, **told: Any) -> dict[str, Any]:
    return payment_import.announce([Notice(payment_id, account, amount, "CNY", on, **told)], at=MORNING, by=BY)


_sequences = count(1)


def night(*payments: tuple[str, str, int, date]) -> dict[str, Any]:
    """The bank posts these: id, account, amount, day."""
    sequence = next(_sequences)
    sealed = Night.objects.create(
        sequence=sequence, business_date=date(2027, 1, 1) + timedelta(days=sequence), issuer="b", layout="l", content=f"{sequence:064}",
        snapshot="s", manifest_sha256="0" * 64, begun_at=MORNING,
    )  # fmt: skip
    Payment.objects.bulk_create(
        [
            Payment(
                payment_id=id_, account_id=account, posted_on=on, effective_on=on, amount_minor=amount, currency="CNY", kind="payment",
                reverses="", channel="", sequence=sequence,
            )
            for id_, account, amount, on in payments
        ]
    )  # fmt: skip
    return payment.confirm(sealed, at=MORNING)


def paid(account: str = "A1") -> int:
    rows = Paid.objects.filter(account_id=account).values_list("kind", "amount_minor")
    return sum(-amount if kind == "reversal" else amount for kind, amount in rows)


def refused(point: UUID, customer: str = "C1", account: str = "A1") -> set[str]:
    answer = dispatch.start(
        customer, desk.attempt(point, debts=frozenset({account})), law=law.in_force(MORNING), at=LATER, by=BY
    )
    verdict = getattr(answer, "verdict", None)
    return (
        {reason.rule.id for reason in verdict.reasons} & {"house.hold_payment_check"}
        if isinstance(verdict, gate.Refusal)
        else set()
    )


# --- read and matched ---------------------------------------------------------------------------------------------


def test_every_line_of_a_file_is_counted_or_set_aside_or_in_suspense_and_the_same_file_changes_nothing() -> None:
    desk.customer(cards=("A001", "A002"))
    data = csv(
        "R1,50.00,CNY,2026-11-20,A001,,,,,,", "R2,12.5,CNY,2026-11-19,,还款 A002 谢谢,,,,,", "R3,9.99,CNY,2026-11-19,,没有编号,张三,,,,",
        "R4,9.999,CNY,2026-11-19,A001,,,,,,", "R5,9.99,CNY,19.11.2026,A001,,,,,,", "R1,50.00,CNY,2026-11-20,A001,,,,,,", "R6,1.00,CNY",
    )  # fmt: skip
    first = taken(data)
    assert {name: first[name] for name in ("rows", "posted", "suspense", "set_aside", "known", "waiting")} == {
        "rows": 7, "posted": 2, "suspense": 1, "set_aside": 4, "known": 0, "waiting": 0,
    }  # fmt: skip
    file = PaymentImport.objects.get()
    assert [(each["line"], each["code"]) for each in payment_import.findings(file)] == [
        (5, "not_money"), (6, "not_a_date"), (7, "key_repeated"), (8, "fields"),
    ]  # fmt: skip
    rows = [row for row in file.told.values_list("row_id", flat=True) if row]
    assert identity.said(rows)[rows[0]] == {"raw": "R4,9.999,CNY,2026-11-19,A001,,,,,,"}
    assert (paid("A001"), paid("A002")) == (5000, 1250)
    assert taken(data, name="again.csv") == first
    assert taken(csv("R1,50.00,CNY,2026-11-20,A001,,,,,,"))["known"] == 1
    assert (paid("A001"), Posting.objects.count()) == (5000, 2)


def test_money_is_matched_by_a_virtual_account_or_a_slip_and_never_where_keys_disagree() -> None:
    desk.customer(cards=("A001", "A002"))
    keys = [
        {"kind": "virtual_account", "key": "62001", "account_id": "A001"},
        {"kind": "reference", "key": "SLIP77", "account_id": "A002"},
    ]
    assert payment_import.take_keys(keys, at=MORNING, by=BY) == {"new": 2, "known": 0, "refused": []}
    assert payment_import.take_keys([keys[0] | {"account_id": "A002"}], at=MORNING, by=BY)["refused"] == [0]
    answer = taken(
        csv(
            "R1,1.00,CNY,2026-11-20,,slip SLIP77,,,,,",
            "R2,2.00,CNY,2026-11-20,A001,for A002,,,,,",
            "R3,3.00,USD,2026-11-20,A001,,,,,,",
        )
    )
    assert (answer["posted"], answer["suspense"]) == (1, 2)
    assert dict(Suspense.objects.values_list("entry__reference", "why")) == {"R2": "ambiguous", "R3": "ambiguous"}
    assert PaymentKey.objects.count() == 2


CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt><Stmt><Id>S1</Id>
{entries}</Stmt></BkToCstmrStmt></Document>"""


def booked(
    ref: str, amount: str, details: str, *, direction: str = "CRDT", status: str = "<Sts><Cd>BOOK</Cd></Sts>", extra: str = ""
) -> str:
    return (
        f'<Ntry><Amt Ccy="CNY">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{extra}{status}'
        f"<ValDt><Dt>2026-11-20</Dt></ValDt><AcctSvcrRef>{ref}</AcctSvcrRef><NtryDtls>{details}</NtryDtls></Ntry>\n"
    )


def detail(amount: str, words: str, end_to_end: str = "NOTPROVIDED", more: str = "") -> str:
    return (
        f'<TxDtls><Refs><EndToEndId>{end_to_end}</EndToEndId></Refs><Amt Ccy="CNY">{amount}</Amt>'
        f"<RmtInf><Ustrd>{words}</Ustrd></RmtInf>{more}</TxDtls>"
    )


@pytest.mark.parametrize("version", ["02", "08"])
def test_a_camt_statement_tells_every_detail_of_a_batch_and_sets_aside_what_is_no_payment(version: str) -> None:
    desk.customer(cards=("A001", "A002"))
    status = "<Sts>BOOK</Sts>" if version == "02" else "<Sts><Cd>BOOK</Cd></Sts>"
    entries = [
        booked("B1", "30.00", detail("10.00", "acct A001") + detail("20.00", "A002"), status=status),
        booked("B2", "5.00", detail("5.00", "A001", "E2E-1"), status=status),
        booked("B3", "5.00", detail("5.00", "", "E2E-1", "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"), direction="DBIT", status=status),
        booked("B4", "7.00", "", direction="DBIT", status=status), booked("B5", "7.00", "", status="<Sts>PDNG</Sts>"),
        booked("B6", "30.00", detail("10.00", "A001") + detail("19.00", "A002"), status=status),
    ]  # fmt: skip
    read = statement.read(CAMT.format(version=version, entries="".join(entries)).encode())
    assert [(each.reference, each.amount_minor, each.kind) for each in read.entries] == [
        ("B1#1", 1000, "payment"), ("B1#2", 2000, "payment"), ("B2", 500, "payment"), ("B3", 500, "reversal"),
    ]  # fmt: skip
    assert [(each.line, each.code) for each in read.findings] == [
        (6, "outgoing"), (7, "not_booked"), (8, "batch_sum"), (8, "batch_sum"),
    ]  # fmt: skip
    data = CAMT.format(version=version, entries="".join(entries[:2])).encode()
    assert taken(data)["posted"] == 3
    assert (paid("A001"), paid("A002")) == (1500, 2000)
    back = taken(CAMT.format(version=version, entries=entries[2]).encode())
    assert (back["posted"], paid("A001")) == (1, 1000)


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b'<?xml version="1.0"?>\n<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document>&x;</Document>', "doctype", 2),
        (b"<Document xmlns='urn:iso:std:iso:20022:tech:xsd:pain.001.001.03'/>", "not_camt", 1),
        (b"<Document", "not_xml", 1), (b"reference,amount\n", "no_header", 1), ("编号\n".encode("gb18030"), "not_text", 0),
    ],
)  # fmt: skip
def test_what_is_no_file_of_payments_is_refused_by_line_and_nothing_is_fetched(data: bytes, code: str, line: int) -> None:
    with pytest.raises(statement.StatementUnreadable) as refused:
        statement.read(data)
    assert (refused.value.code, refused.value.line) == (code, line)


def test_a_banks_own_csv_is_read_by_its_layout(tmp_path: Any) -> None:
    desk.customer()
    (tmp_path / "payments-core.toml").write_text(
        'encoding = "gb18030"\nseparator = "|+|"\ndate_format = "%Y%m%d"\nmoney = "minor"\n[constants]\ncurrency = "CNY"\n'
        '[columns]\nreference = "流水号"\namount = "金额"\neffective_on = "日期"\naccount_id = "账号"\nkind = "标志"\n'
        '[values.kind]\nC = "payment"\n',
        encoding="utf-8",
    )
    form = statement.layout("core", search=[tmp_path])
    answer = taken("流水号|+|金额|+|日期|+|账号|+|标志\nX1|+|5000|+|20261120|+|A1|+|C\n".encode("gb18030"), layout=form)
    assert (answer["posted"], paid()) == (1, 5000)
    with pytest.raises(statement.StatementUnreadable):
        statement.layout("other", search=[tmp_path])


# --- never twice --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("night_first", [False, True])
def test_the_night_and_a_message_never_count_one_payment_twice(*, night_first: bool) -> None:
    desk.customer()
    steps = [lambda: notice("P1", reference="G1"), lambda: night(("P1", "A1", 5000, DAY))]
    for step in reversed(steps) if night_first else steps:
        step()
        assert paid() == 5000
    assert notice("P1")["known"] == 1
    # The gateway's own file knows it by the gateway's name alone.
    assert taken(csv("R1,50.00,CNY,2026-11-18,A1,,,,,,G1"))["known"] == 1
    assert (paid(), Posting.objects.get().state) == (5000, "confirmed")


def test_a_payment_without_a_name_in_common_is_confirmed_by_likeness_and_two_alike_stay_two() -> None:
    desk.customer()
    taken(csv("R1,50.00,CNY,2026-11-19,A1,,,,,,", "R2,50.00,CNY,2026-11-19,A1,,,,,,"))
    assert paid() == 10_000
    assert night(("P1", "A1", 5000, DAY))["confirmed"] == 1
    assert paid() == 10_000
    assert night(("P2", "A1", 5000, DAY), ("P3", "A1", 5000, DAY))["confirmed"] == 1
    assert paid() == 15_000


def test_the_banks_word_stands_where_it_posts_another_amount_than_was_told() -> None:
    desk.customer()
    notice("P1", amount=5000)
    assert night(("P1", "A1", 4900, DAY)) == {"confirmed": 1, "confirmed_otherwise": 1}
    assert (paid(), Posting.objects.get().differs) == (4900, ["amount_minor"])


PAYMENTS = given(
    truth=st.lists(st.tuples(st.sampled_from([1000, 2000]), st.integers(0, 9)), min_size=1, max_size=4),
    names=st.sets(st.integers(0, 3)),
    order=st.randoms(use_true_random=False),
    repeats=st.integers(1, 2),
)


def tried(examples: int) -> Any:
    return hypothesis_settings(
        max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )


@PAYMENTS
@tried(3)
def test_in_whatever_order_and_however_often_payments_are_told_each_counts_once(
    truth: Any, names: Any, order: Any, repeats: int
) -> None:
    all_are_told(truth, names, order, repeats)


@pytest.mark.slow
@PAYMENTS
@tried(150)
def test_in_many_orders_each_payment_counts_once(truth: Any, names: Any, order: Any, repeats: int) -> None:
    all_are_told(truth, names, order, repeats)


def all_are_told(truth: Any, names: Any, order: Any, repeats: int) -> None:
    """Taken back at the end: in the one transaction of the test, PostgreSQL would keep a lock on each table any of them made and dropped."""
    with transaction.atomic():
        desk.customer()
        each_counts_once(truth, names, order, repeats)
        transaction.set_rollback(True)


def each_counts_once(truth: Any, names: Any, order: Any, repeats: int) -> None:
    told = [
        (who, number, amount, DAY - timedelta(days=day), f"G{number}" if number in names else "")
        for number, (amount, day) in enumerate(truth)
        for who in ("notice", "statement", "camt", "night")
    ] * repeats
    order.shuffle(told)
    posted: set[int] = set()
    total = sum(amount for amount, _ in truth)
    for who, number, amount, on, gateway in told:
        if who == "notice":
            notice(f"P{number}", amount=amount, on=on, reference=gateway)
        elif who == "statement":
            taken(csv(f"R{number},{amount / 100:.2f},CNY,{on + timedelta(days=1)},A1,,,,,,{gateway}"), name=f"{number}.csv")
        elif who == "camt":
            line = f"R{number},{amount / 100:.2f},CNY,{on},A1,,,,,,"
            taken(csv(line) + b"\n", name=f"{number}.csv", layout=replace(statement.CANONICAL, name="other"))
        elif number not in posted:
            posted.add(number)
            night((f"P{number}", "A1", amount, on))
        assert paid() <= total
    assert paid() == total


# --- suspense -----------------------------------------------------------------------------------------------------


def lost(amount: str = "50.00", words: str = "A001 or A002") -> UUID:
    assert taken(csv(f"R{amount},{amount},CNY,2026-11-20,,{words},,,,,"))["suspense"] == 1
    return Suspense.objects.get(entry__reference=f"R{amount}").pk


def two() -> tuple[UUID, UUID]:
    return desk.customer("C1", cards=("A001",)), desk.customer("C2", cards=("A002",))


def test_nobody_a_payment_in_suspense_may_belong_to_is_chased_until_it_is_decided() -> None:
    one, other = two()
    one_lost = lost()
    assert refused(one, "C1", "A001") == refused(other, "C2", "A002") == {"house.hold_payment_check"}
    matched = suspense.match(one_lost, [suspense.Part("A001", 5000)], reason="slip seen", at=LATER, by=BY)
    assert isinstance(matched, Suspense)
    assert (matched.state, paid("A001"), paid("A002")) == ("matched", 5000, 0)
    assert refused(other, "C2", "A002") == set()
    assert not Hold.objects.filter(ends=None).exists()
    assert Event.objects.filter(kind="suspense.decided").count() == 1


def test_an_amount_that_somebody_owes_makes_her_a_candidate_and_never_the_payer() -> None:
    desk.customer(cards=())
    desk.account("A001", "C1", past_due_amount_minor=32_506)
    one_lost = lost("325.06", "thanks")
    candidate = Suspense.objects.get(pk=one_lost).candidates.get()
    assert (candidate.account_id, candidate.why) == ("A001", ["amount"])
    assert paid("A001") == 0


def test_money_is_split_over_accounts_to_the_cent_or_not_at_all() -> None:
    two()
    one_lost = lost()
    parts = [suspense.Part("A001", 2000), suspense.Part("A002", 2999)]
    answer = suspense.match(one_lost, parts, reason="both", at=LATER, by=BY)
    assert isinstance(answer, Sentence)
    assert answer.code == "parts_sum"
    suspense.match(one_lost, [parts[0], suspense.Part("A002", 3000)], reason="both", at=LATER, by=BY)
    assert (paid("A001"), paid("A002")) == (2000, 3000)


def test_above_the_limit_one_decides_and_another_approves() -> None:
    two()
    limit = FOUR_EYES_MINOR["CNY"]
    one_lost = lost(f"{limit // 100}.00")
    proposed = suspense.match(one_lost, [suspense.Part("A001", limit)], reason="slip", at=LATER, by=BY)
    assert isinstance(proposed, Suspense)
    assert (proposed.state, paid("A001")) == ("proposed", 0)
    same = suspense.approve(one_lost, at=LATER, by=BY)
    assert isinstance(same, Sentence)
    assert same.code == "same_person"
    suspense.refuse(one_lost, reason="not hers", at=LATER, by="李经理")
    assert Suspense.objects.get().state == "open"
    suspense.match(one_lost, [suspense.Part("A002", limit)], reason="slip", at=LATER, by=BY)
    suspense.approve(one_lost, at=LATER, by="李经理")
    assert (paid("A001"), paid("A002")) == (0, limit)


def test_what_was_decided_is_undone_unless_the_bank_has_posted_it() -> None:
    one, _ = two()
    one_lost = lost()
    suspense.match(one_lost, [suspense.Part("A001", 5000)], reason="slip", at=LATER, by=BY)
    undone = suspense.undo(one_lost, reason="wrong slip", at=LATER, by=BY)
    assert isinstance(undone, Suspense)
    assert (undone.state, paid("A001")) == ("open", 0)
    assert refused(one, "C1", "A001") == {"house.hold_payment_check"}
    suspense.match(one_lost, [suspense.Part("A001", 5000)], reason="right after all", at=LATER, by=BY)
    night(("P1", "A001", 5000, DAY))
    late = suspense.undo(one_lost, reason="again", at=LATER, by=BY)
    assert isinstance(late, Sentence)
    assert (late.code, paid("A001")) == ("confirmed", 5000)


def test_money_is_merged_into_the_payment_it_is_and_returned_when_it_is_nobodys() -> None:
    two()
    notice("P1", account="A001")
    one_lost = lost()
    suspense.merge(one_lost, Paid.objects.get().payment_id, reason="same transfer", at=LATER, by=BY)
    assert paid("A001") == 5000
    other = lost("51.00", "nobody")
    suspense.give_back(other, reason="unknown payer", at=LATER, by=BY)
    assert sorted(Suspense.objects.values_list("state", flat=True)) == ["merged", "returned"]


def test_a_customer_who_says_that_she_has_paid_is_not_chased_while_it_is_looked_for() -> None:
    mobile = desk.customer(cards=("A001",))
    claim: dict[str, Any] = {"account_id": "A001", "currency": "CNY", "paid_on": DAY, "at": MORNING, "by": BY}
    nothing = suspense.claim("C1", amount_minor=777, **claim)
    assert isinstance(nothing, suspense.Claim)
    assert nothing.held_until == DAY + timedelta(days=suspense.CLAIM_DAYS)
    assert refused(mobile, "C1", "A001") == {"house.hold_payment_check"}
    assert suspense.claim("C1", amount_minor=777, **claim) == nothing
    assert Hold.objects.count() == 1
    one_lost = lost("50.00", "no key")
    found = suspense.claim("C1", amount_minor=5000, **claim)
    assert isinstance(found, suspense.Claim)
    assert found.suspense == [one_lost]
    assert Suspense.objects.get().candidates.get().why == [suspense.CLAIMED]
    notice("P9", account="A001", amount=888)
    counted = suspense.claim("C1", amount_minor=888, **claim)
    assert isinstance(counted, suspense.Claim)
    assert len(counted.paid) == 1


# --- where the money goes, and back -------------------------------------------------------------------------------


def test_a_payment_pays_the_parts_in_the_legal_order_for_its_lateness_and_a_reversal_restores_them() -> None:
    desk.customer(cards=())
    owed = {"principal_minor": 8000, "interest_minor": 1000, "fees_minor": 500, "penalty_minor": 300}
    desk.account("A001", "C1", past_due_since="2026-11-01", **owed)
    desk.account("A002", "C1", past_due_since="2026-07-01", **owed)
    notice("P1", account="A001", amount=2000)
    notice("P2", account="A002", amount=8500)
    applied = {
        posting.account_id: list(posting.allocations.order_by("number").values_list("component", "amount_minor"))
        for posting in Posting.objects.all()
    }
    assert applied == {
        "A001": [("interest", 1000), ("fees", 500), ("penalty", 300), ("principal", 200)],
        "A002": [("principal", 8000), ("interest", 500)],
    }
    posting = Posting.objects.get(account_id="A001")
    part = payment_posting.reverse(posting.pk, amount_minor=300, reason="chargeback", at=LATER, by=BY)
    assert isinstance(part, Posting)
    assert list(part.allocations.order_by("number").values_list("component", "amount_minor")) == [
        ("principal", -200),
        ("penalty", -100),
    ]
    assert payment_posting.reverse(posting.pk, amount_minor=1701, reason="chargeback", at=LATER, by=BY) == "amount_beyond"
    payment_posting.reverse(posting.pk, reason="chargeback", at=LATER, by=BY)
    assert paid("A001") == 0
    notice("P3", account="A001", amount=2000)
    again = Posting.objects.get(payment_id="P3").allocations.order_by("number").values_list("component", "amount_minor")
    assert list(again) == applied["A001"]


def test_a_reversal_told_by_a_message_takes_back_what_the_gateways_name_says() -> None:
    desk.customer()
    notice("P1", reference="G1")
    assert notice("P2", reverses="G1", kind="reversal")["new"] == 1
    assert paid() == 0
    assert notice("P2", reverses="G1", kind="reversal")["known"] == 1
    assert Posting.objects.get(kind="reversal").reverses_posting == Posting.objects.get(kind="payment").pk
