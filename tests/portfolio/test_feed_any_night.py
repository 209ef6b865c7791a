"""Whatever night a bank may have, it reads the same in every form; and whatever bytes come, the reading ends."""

from __future__ import annotations

import csv
from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.portfolio.bankform import bank_layout, plain, write_bank
from tests.portfolio.feeds import (
    NAMES,
    Row,
    account,
    as_csv,
    contact,
    customer,
    night,
    payment,
    read,
    vouch,
    write,
    write_parquet,
)
from tests.thorough import tries

from anhuan.core import money

WORDS = st.text(
    st.characters(codec="gb18030", exclude_characters="\r\n\x00\u2028\x85|+", exclude_categories=["Cs", "Co", "Cn"]),
    max_size=12,
)
PLAIN = WORDS.map(str.strip)
CENTS = st.integers(min_value=0, max_value=10**12)
DAYS = st.dates(min_value=date(2000, 1, 1), max_value=date(2026, 11, 1))


def _amount(cents: int, currency: str) -> str:
    return money.format_minor(cents, currency)


@st.composite
def nights(draw) -> dict[str, list[Row]]:
    count = draw(st.integers(min_value=1, max_value=6))
    customers, contacts, accounts, payments = [], [], [], []
    for number in range(count):
        flags = draw(st.lists(st.sampled_from(["staff", "student", "vulnerable"]), unique=True))
        customers.append(
            customer(
                number,
                name=draw(PLAIN),
                employer=draw(PLAIN),
                segment=draw(PLAIN),
                sex=draw(st.sampled_from(["m", "f", ""])),
                birth_date=draw(st.one_of(st.just(""), DAYS.map(str))),
                flags=";".join(flags),
            )
        )
        contacts.append(
            contact(
                number,
                kind="address",
                value=draw(PLAIN) + "路",
                party_name=draw(PLAIN),
                source=draw(PLAIN),
                valid=draw(st.sampled_from(["true", "false", ""])),
                person_id=draw(st.sampled_from(["", "R1"])),
            )
        )
        accounts.append(_drawn_account(draw, number))
        if draw(st.booleans()):
            amount = _amount(draw(CENTS) + 1, accounts[-1]["currency"])
            payments.append(payment(number, account_id=f"A{number}", amount=amount, channel=draw(PLAIN)))
    return night(customers, contacts, accounts, payments)


def _drawn_account(draw, number: int) -> Row:
    currency = draw(st.sampled_from(["CNY", "USD", "JPY", "KWD"]))
    parts = dict(
        zip(("principal", "interest", "penalty", "fees", "instalment_unbilled"), [draw(CENTS) for _ in range(5)], strict=True)
    )
    late = draw(st.booleans())
    return account(
        number,
        currency=currency,
        product=draw(PLAIN),
        balance_total=_amount(sum(parts.values()), currency),
        credit_limit=draw(st.one_of(st.just(""), CENTS.map(lambda cents: _amount(cents, currency)))),
        minimum_due="",
        last_payment_amount=_amount(draw(CENTS), currency),
        autopay=draw(st.sampled_from(["true", "false"])),
        past_due_amount=_amount(draw(CENTS) + 1 if late else 0, currency),
        past_due_since=str(draw(DAYS)) if late else "",
        classification="",
        behaviour_score=str(draw(st.integers(min_value=0, max_value=1000))),
        **{name: _amount(cents, currency) for name, cents in parts.items()},
    )


@settings(
    max_examples=tries(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(rows=nights())
def test_any_night_reads_the_same_in_every_form(tmp_path_factory, rows) -> None:
    root = tmp_path_factory.mktemp("forms")
    expected = read(write(root / "csv", rows))
    assert expected.found() == []
    assert expected.refused_for() == []
    assert [row["name"] or "" for row in expected.tables["customers"]] == [row["name"] for row in rows["customers.csv"]]

    quoted = write(root / "quoted", rows)
    for name in NAMES:
        (quoted / name).write_bytes(as_csv(name, rows[name], end="\r\n", quote=csv.QUOTE_ALL))
    forms = {
        "CR LF, all quoted": read(vouch(quoted, rows)),
        "Parquet": read(write_parquet(root / "parquet", rows)),
        "GB18030 |+| fen YYYYMMDD": read(write_bank(root / "bank", rows, "|+|"), layout=str(bank_layout(root, "|+|"))),
    }
    for form, outcome in forms.items():
        assert outcome.found() == [], form
        assert outcome.refused_for() == [], form
        assert plain(outcome) == plain(expected), form


@settings(
    max_examples=tries(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(spoilt=st.binary(max_size=200), place=st.integers(min_value=0, max_value=2000))
def test_no_bytes_whatever_break_the_reading(tmp_path_factory, spoilt, place) -> None:
    folder = write(tmp_path_factory.mktemp("bytes") / "d", night(filler=4))
    file = folder / "customers.csv"
    sound = file.read_bytes()
    file.write_bytes(sound[:place] + spoilt + sound[place:])
    outcome = read(folder)
    reading = outcome.reading
    assert reading.rows["customers.csv"] == sum(
        counts["customers.csv"] for counts in (reading.used, reading.set_aside, reading.surplus)
    ) or {"column_missing", "column_repeated"} & set(outcome.refused_for())
    assert ("checksum_differs" in outcome.refused_for()) == (spoilt != b"")
