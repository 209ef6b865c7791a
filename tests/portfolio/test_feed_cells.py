"""What a cell may hold: each rule of the contract's tables, told by file, line, column and code."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.portfolio.feeds import Outcome, account, contact, customer, night, payment, read, write

from anhuan.portfolio.feed.columns import FILES

FINE = None
MAKE = {"customers": customer, "contact_points": contact, "accounts": account, "payments": payment}

# (file, what the row says, what must be said of it: code and column, or FINE)
CASES: list[tuple[str, dict[str, str], tuple[str, str] | None]] = [
    # customers.csv
    ("customers", {"customer_id": "X" * 32}, FINE),
    ("customers", {"customer_id": "客" * 32}, FINE),
    ("customers", {"customer_id": "X" * 33}, ("customer_id", "cell_too_long")),
    ("customers", {"customer_id": ""}, ("customer_id", "cell_missing")),
    ("customers", {"customer_id": "  "}, ("customer_id", "cell_missing")),
    ("customers", {"name": ""}, FINE),
    ("customers", {"id_type": "driving_licence"}, ("id_type", "cell_not_listed")),
    ("customers", {"id_type": ""}, FINE),
    ("customers", {"birth_date": ""}, FINE),
    ("customers", {"birth_date": "1990-1-2"}, ("birth_date", "cell_not_a_date")),
    ("customers", {"birth_date": "1990/01/02"}, ("birth_date", "cell_not_a_date")),
    ("customers", {"birth_date": "19900102"}, ("birth_date", "cell_not_a_date")),
    ("customers", {"birth_date": "1990-01-02 00:00:00"}, ("birth_date", "cell_not_a_date")),
    ("customers", {"birth_date": " 1990-01-02"}, ("birth_date", "cell_not_a_date")),
    ("customers", {"birth_date": "１９９０-01-02"}, ("birth_date", "cell_not_a_date")),
    ("customers", {"birth_date": "infinity"}, ("birth_date", "cell_not_a_date")),
    ("customers", {"birth_date": "0000-01-01"}, ("birth_date", "cell_not_a_date")),
    ("customers", {"birth_date": "2000-02-29"}, FINE),
    ("customers", {"birth_date": "1900-02-29"}, ("birth_date", "cell_not_a_date")),
    ("customers", {"birth_date": "2026-11-21"}, ("birth_date", "birth_date_odd")),
    ("customers", {"birth_date": "1905-11-20"}, ("birth_date", "birth_date_odd")),
    ("customers", {"birth_date": "1905-11-21"}, FINE),
    ("customers", {"sex": ""}, FINE),
    ("customers", {"sex": "M"}, ("sex", "cell_not_listed")),
    ("customers", {"language": ""}, FINE),
    ("customers", {"language": "zh-Hant-HK"}, FINE),
    ("customers", {"language": "Chinese"}, ("language", "language_unknown")),
    ("customers", {"language": "zh_CN"}, ("language", "language_unknown")),
    ("customers", {"timezone": ""}, FINE),
    ("customers", {"timezone": "Asia/Urumqi"}, FINE),
    ("customers", {"timezone": "Asia/Beijing"}, ("timezone", "cell_not_listed")),
    ("customers", {"region_code": ""}, FINE),
    ("customers", {"region_code": "990101"}, ("region_code", "region_unknown")),
    ("customers", {"region_code": "31010"}, ("region_code", "region_unknown")),
    ("customers", {"flags": "deceased;military"}, FINE),
    ("customers", {"flags": "vulnerable; staff"}, FINE),
    ("customers", {"flags": "deceased;famous"}, ("flags", "flag_unknown")),
    ("customers", {"id_type": "resident_id", "id_number": "11010519491231002X", "birth_date": "1949-12-31"}, FINE),
    ("customers", {"id_type": "resident_id", "id_number": "11010519491231002x", "birth_date": ""}, FINE),
    (
        "customers",
        {"id_type": "resident_id", "id_number": "110105194912310021", "birth_date": ""},
        ("id_number", "id_number_invalid"),
    ),
    ("customers", {"id_type": "resident_id", "id_number": "110105491231002"}, ("id_number", "id_number_invalid")),
    ("customers", {"id_type": "resident_id", "id_number": ""}, FINE),
    ("customers", {"id_type": "passport", "id_number": "110105194912310021"}, FINE),
    # contact_points.csv
    ("contact_points", {"kind": "fax"}, ("kind", "cell_not_listed")),
    ("contact_points", {"kind": ""}, ("kind", "cell_missing")),
    ("contact_points", {"value": ""}, ("value", "cell_missing")),
    ("contact_points", {"value": "010-65123456转801"}, FINE),
    ("contact_points", {"value": "(0512) 6512 3456"}, FINE),
    ("contact_points", {"value": "无"}, ("value", "contact_value_odd")),
    ("contact_points", {"value": "123"}, ("value", "contact_value_odd")),
    ("contact_points", {"kind": "email", "value": "a@b.example"}, FINE),
    ("contact_points", {"kind": "email", "value": "a.b.example"}, ("value", "contact_value_odd")),
    ("contact_points", {"kind": "address", "value": "上海市某某路 1 号"}, FINE),
    ("contact_points", {"party": "friend"}, ("party", "cell_not_listed")),
    ("contact_points", {"party": ""}, ("party", "cell_missing")),
    ("contact_points", {"party": "guarantor", "party_name": "李四", "person_id": "G9"}, FINE),
    ("contact_points", {"place": "shop"}, ("place", "cell_not_listed")),
    ("contact_points", {"place": "work"}, FINE),
    ("contact_points", {"valid": ""}, FINE),
    ("contact_points", {"valid": "TRUE"}, ("valid", "cell_not_listed")),
    ("contact_points", {"reserved": "1"}, ("reserved", "cell_not_listed")),
    ("contact_points", {"reserved": ""}, ("reserved", "cell_missing")),
    # accounts.csv
    ("accounts", {"account_id": ""}, ("account_id", "cell_missing")),
    ("accounts", {"account_id": "X" * 33}, ("account_id", "cell_too_long")),
    ("accounts", {"account_id": "6222021234567890"}, FINE),  # fails Luhn
    ("accounts", {"account_id": "6222021234567894"}, ("account_id", "card_number")),
    ("accounts", {"account_id": "4222222222222"}, ("account_id", "card_number")),  # 13 digits
    ("accounts", {"account_id": "6212345678901234569"}, ("account_id", "card_number")),  # 19 digits
    ("accounts", {"account_id": "371449635398431"}, ("account_id", "card_number")),
    ("accounts", {"account_id": "1234567890123452"}, FINE),  # passes Luhn, but no card begins with 1
    ("accounts", {"account_id": "422222222228"}, FINE),  # 12 digits
    ("accounts", {"customer_id": ""}, ("customer_id", "cell_missing")),
    ("accounts", {"currency": "RMB"}, ("currency", "cell_not_listed")),
    ("accounts", {"currency": ""}, ("currency", "cell_missing")),
    ("accounts", {"currency": "cny"}, ("currency", "cell_not_listed")),
    ("accounts", {"opened_on": "2026-02-30"}, ("opened_on", "cell_not_a_date")),
    ("accounts", {"opened_on": ""}, FINE),
    ("accounts", {"opened_on": "2026-11-21"}, ("opened_on", "date_in_future")),
    ("accounts", {"block_code": "blocked"}, ("block_code", "cell_not_listed")),
    ("accounts", {"block_code": ""}, ("block_code", "cell_missing")),
    ("accounts", {"credit_limit": ""}, FINE),
    ("accounts", {"credit_limit": "50000"}, FINE),
    ("accounts", {"credit_limit": "50000.5"}, FINE),
    ("accounts", {"credit_limit": "0050000.50"}, FINE),
    ("accounts", {"credit_limit": "99999999999999.99"}, FINE),
    ("accounts", {"credit_limit": "99999999999999"}, FINE),
    ("accounts", {"credit_limit": "999999999999999.99"}, ("credit_limit", "cell_too_large")),
    ("accounts", {"credit_limit": "9" * 40}, ("credit_limit", "cell_too_large")),
    ("accounts", {"credit_limit": "5e4"}, ("credit_limit", "cell_not_money")),
    ("accounts", {"credit_limit": "50,000.00"}, ("credit_limit", "cell_not_money")),
    ("accounts", {"credit_limit": "50_000"}, ("credit_limit", "cell_not_money")),
    ("accounts", {"credit_limit": " 50000.00"}, ("credit_limit", "cell_not_money")),
    ("accounts", {"credit_limit": "50000.00 "}, ("credit_limit", "cell_not_money")),
    ("accounts", {"credit_limit": "+50000.00"}, ("credit_limit", "cell_not_money")),
    ("accounts", {"credit_limit": ".50"}, ("credit_limit", "cell_not_money")),
    ("accounts", {"credit_limit": "50."}, ("credit_limit", "cell_not_money")),
    ("accounts", {"credit_limit": "５００００"}, ("credit_limit", "cell_not_money")),
    ("accounts", {"credit_limit": "0x10"}, ("credit_limit", "cell_not_money")),
    ("accounts", {"credit_limit": "nan"}, ("credit_limit", "cell_not_money")),
    ("accounts", {"credit_limit": "¥50000"}, ("credit_limit", "cell_not_money")),
    ("accounts", {"credit_limit": "50000.001"}, ("credit_limit", "money_decimals")),
    ("accounts", {"credit_limit": "50000.000"}, ("credit_limit", "money_decimals")),
    ("accounts", {"credit_limit": "1.000000000001"}, ("credit_limit", "money_decimals")),
    ("accounts", {"credit_limit": "-1.00"}, ("credit_limit", "money_below_nil")),
    ("accounts", {"credit_limit": "-0.00"}, FINE),
    ("accounts", {"balance_total": ""}, ("balance_total", "cell_missing")),
    ("accounts", {"balance_total": "1234.57"}, ("balance_total", "balance_not_sum")),
    ("accounts", {"balance_total": "1220.00", "fees": ""}, FINE),
    ("accounts", {"balance_total": "-5.00", "principal": "-5.00", "interest": "", "penalty": "", "fees": "0"}, FINE),
    ("accounts", {"interest": "two hundred"}, ("interest", "cell_not_money")),
    ("accounts", {"minimum_due": "-3"}, ("minimum_due", "money_below_nil")),
    ("accounts", {"last_payment_amount": "-3"}, ("last_payment_amount", "money_below_nil")),
    ("accounts", {"past_due_amount": ""}, ("past_due_amount", "cell_missing")),
    ("accounts", {"past_due_amount": "-0.01", "past_due_since": ""}, ("past_due_amount", "money_negative")),
    ("accounts", {"past_due_since": ""}, ("past_due_since", "past_due_since_missing")),
    ("accounts", {"past_due_since": "2026-11-21"}, ("past_due_since", "past_due_since_future")),
    ("accounts", {"past_due_since": "2026-11-20", "classification": ""}, FINE),
    ("accounts", {"past_due_since": "yesterday"}, ("past_due_since", "cell_not_a_date")),
    ("accounts", {"past_due_amount": "0", "classification": ""}, ("past_due_since", "past_due_since_unexpected")),
    ("accounts", {"past_due_amount": "0", "past_due_since": "", "classification": "normal"}, FINE),
    ("accounts", {"cycle_day": "31"}, FINE),
    ("accounts", {"cycle_day": ""}, FINE),
    ("accounts", {"cycle_day": "32"}, ("cycle_day", "number_out_of_range")),
    ("accounts", {"cycle_day": "0"}, ("cycle_day", "number_out_of_range")),
    ("accounts", {"cycle_day": "fifth"}, ("cycle_day", "cell_not_a_number")),
    ("accounts", {"due_date": "2026-11-04"}, ("due_date", "due_before_statement")),
    ("accounts", {"last_payment_on": "2027-01-01"}, ("last_payment_on", "date_in_future")),
    ("accounts", {"autopay": ""}, ("autopay", "cell_missing")),
    ("accounts", {"autopay": "yes"}, ("autopay", "cell_not_listed")),
    ("accounts", {"behaviour_score": ""}, FINE),
    ("accounts", {"behaviour_score": "1000"}, FINE),
    ("accounts", {"behaviour_score": "1001"}, ("behaviour_score", "number_out_of_range")),
    ("accounts", {"behaviour_score": "99999999999"}, ("behaviour_score", "number_out_of_range")),
    ("accounts", {"collection_score": "-1"}, ("collection_score", "number_out_of_range")),
    ("accounts", {"collection_score": "good"}, ("collection_score", "cell_not_a_number")),
    ("accounts", {"collection_score": "5.5"}, ("collection_score", "cell_not_a_number")),
    ("accounts", {"classification": "bad"}, ("classification", "cell_not_listed")),
    ("accounts", {"classification": "loss"}, ("classification", "classification_differs")),
    ("accounts", {"placed_with": "agency-7"}, FINE),
    # payments.csv
    ("payments", {"payment_id": "P" * 64}, FINE),
    ("payments", {"payment_id": "P" * 65}, ("payment_id", "cell_too_long")),
    ("payments", {"payment_id": ""}, ("payment_id", "cell_missing")),
    ("payments", {"account_id": ""}, ("account_id", "cell_missing")),
    ("payments", {"posted_on": ""}, ("posted_on", "cell_missing")),
    ("payments", {"posted_on": "2026-11-21"}, ("posted_on", "date_in_future")),
    ("payments", {"effective_on": "2026-13-01"}, ("effective_on", "cell_not_a_date")),
    ("payments", {"effective_on": "2020-01-01"}, FINE),
    ("payments", {"amount": "10.005"}, ("amount", "money_decimals")),
    ("payments", {"amount": "1e3"}, ("amount", "cell_not_money")),
    ("payments", {"amount": "-10.00"}, ("amount", "money_negative")),
    ("payments", {"amount": "0.00"}, ("amount", "payment_of_nil")),
    ("payments", {"amount": ""}, ("amount", "cell_missing")),
    ("payments", {"kind": "refund"}, ("kind", "cell_not_listed")),
    ("payments", {"kind": "reversal", "reverses": "P1"}, FINE),
    ("payments", {"kind": "reversal"}, ("reverses", "reversal_of_nothing")),
    ("payments", {"reverses": "P" * 65}, ("reverses", "cell_too_long")),
]

WARNINGS = {
    "birth_date_odd", "language_unknown", "region_unknown", "flag_unknown", "id_number_invalid", "contact_value_odd",
    "card_number", "date_in_future", "money_below_nil", "past_due_since_unexpected", "number_out_of_range",
    "due_before_statement", "classification_differs", "payment_of_nil", "reversal_of_nothing",
}  # fmt: skip


def _label(case: tuple[str, dict[str, str], tuple[str, str] | None]) -> str:
    file, changed, said = case
    return f"{file}-{'-'.join(f'{column}={text[:20]}' for column, text in changed.items())}-{said[1] if said else 'fine'}"


def _lines() -> list[int]:
    """On which line of its file each case stands; every case has a row of its own, in the order of CASES."""
    counts: dict[str, int] = {}
    lines = []
    for file, *_ in CASES:
        counts[file] = counts.get(file, 1) + 1
        lines.append(counts[file])
    return lines


LINES = _lines()


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    rows: dict[str, list[dict[str, str]]] = {file: [] for file in MAKE}
    parents = [customer()]
    for number, (file, changed, _) in enumerate(CASES):
        made = MAKE[file](1 if file == "contact_points" else f"-{number}", **changed)
        if file == "accounts" and "customer_id" not in changed:
            made["customer_id"] = "C1"
        rows[file].append(made)
    everything = night([*rows["customers"], *parents], rows["contact_points"], [*rows["accounts"], account()], rows["payments"])
    folder = write(tmp_path_factory.mktemp("cells") / "delivery", everything, sums=())
    return read(folder, ceiling=Decimal(1))


@pytest.mark.parametrize(("case", "line"), list(zip(CASES, LINES, strict=True)), ids=[_label(case) for case in CASES])
def test_a_cell_is_judged_as_the_contract_says(outcome: Outcome, case, line) -> None:
    file, _, said = case
    assert outcome.codes(f"{file}.csv", line) == ({said} if said else set())
    used = line in {row["line"] for row in outcome.tables[file]}
    assert used == (said is None or said[1] in WARNINGS)
    assert ((f"{file}.csv", line) in outcome.aside()) != used


def test_every_row_is_either_used_or_set_aside(outcome: Outcome) -> None:
    reading = outcome.reading
    for name, rows in reading.rows.items():
        assert rows == reading.used[name] + reading.set_aside[name] + reading.surplus[name]
        assert rows == sum(f"{file}.csv" == name for file, *_ in CASES) + (name in {"customers.csv", "accounts.csv"})
        assert len(outcome.tables[name.removesuffix(".csv")]) == reading.used[name]


def test_no_sentence_repeats_what_a_cell_holds(outcome: Outcome) -> None:
    words = {word for table in FILES.values() for column in table.columns for word in column.choices}
    told = " ".join(one["message_zh"] + one["message_en"] for one in outcome.tables["findings"])
    for _, changed, _ in CASES:
        for column, text in changed.items():
            if text not in words and len(text) > 5:
                assert text not in told, (column, text)


def _row(outcome: Outcome, file: str, **wanted: str) -> dict[str, object]:
    for (name, changed, _), line in zip(CASES, LINES, strict=True):
        if name == file and changed == wanted:
            return next(row for row in outcome.tables[file] if row["line"] == line)
    raise AssertionError(wanted)


def test_what_is_only_odd_is_left_out_or_replaced_and_the_row_is_used(outcome: Outcome) -> None:
    assert _row(outcome, "customers", language="Chinese")["language"] == "zh-CN"
    assert _row(outcome, "customers", language="")["language"] == "zh-CN"
    assert _row(outcome, "customers", language="zh-Hant-HK")["language"] == "zh-Hant-HK"
    assert _row(outcome, "customers", timezone="")["timezone"] == "Asia/Shanghai"
    assert _row(outcome, "customers", region_code="990101")["region_code"] is None
    assert _row(outcome, "customers", flags="deceased;famous")["flags"] == ["deceased"]
    assert _row(outcome, "customers", flags="vulnerable; staff")["flags"] == ["staff", "vulnerable"]
    assert _row(outcome, "customers", birth_date="2026-11-21")["age"] is None
    assert _row(outcome, "accounts", cycle_day="32")["cycle_day"] is None
    assert _row(outcome, "accounts", behaviour_score="1001")["behaviour_score"] is None


def test_empty_means_unknown_except_for_ids_and_components(outcome: Outcome) -> None:
    assert _row(outcome, "customers", name="")["name"] is None
    assert _row(outcome, "customers", flags="vulnerable; staff")["id_number"] is not None
    sound = next(row for row in outcome.tables["customers"] if row["customer_id"] == "C1")
    assert sound["flags"] == []
    assert _row(outcome, "contact_points", valid="")["valid"] is None
    assert _row(outcome, "contact_points", valid="")["person_id"] == ""
    assert _row(outcome, "accounts", credit_limit="")["credit_limit_minor"] is None
    assert _row(outcome, "accounts", balance_total="1220.00", fees="")["fees_minor"] == 0


def test_money_is_whole_minor_units_of_the_account_s_currency(tmp_path) -> None:
    components = {"principal": "100", "interest": "", "penalty": "", "fees": "", "instalment_unbilled": "", "credit_limit": "7"}
    late = {"past_due_amount": "100", "classification": ""}
    rows = night(
        [customer()],
        [],
        [
            account(1, currency="JPY", balance_total="100", minimum_due="", last_payment_amount="", **components, **late),
            account(2, customer_id="C1", currency="KWD", balance_total="100.000", **components, **late),
            account(3, customer_id="C1", currency="CLF", balance_total="100.0000", **components, **late),
            account(4, customer_id="C1", currency="JPY", balance_total="100.0", **components, **late),
        ],
        [
            payment(1, account_id="A1", amount="55"),
            payment(2, account_id="A2", amount="5.555"),
            payment(3, account_id="A1", amount="5.5"),
        ],
    )
    outcome = read(write(tmp_path / "d", rows, sums=()), ceiling=Decimal(1))
    minor = {row["account_id"]: (row["balance_total_minor"], row["credit_limit_minor"]) for row in outcome.tables["accounts"]}
    assert minor == {"A1": (100, 7), "A2": (100_000, 7_000), "A3": (1_000_000, 70_000)}
    assert ("balance_total", "money_decimals") in outcome.codes("accounts.csv", 5)
    paid = {row["payment_id"]: (row["amount_minor"], row["currency"]) for row in outcome.tables["payments"]}
    assert paid == {"P1": (55, "JPY"), "P2": (5555, "KWD")}
    assert outcome.codes("payments.csv", 4) == {("amount", "money_decimals")}


@pytest.mark.parametrize(
    ("born", "age"),
    [("2008-11-20", 18), ("2008-11-21", 17), ("2000-02-29", 26), ("2026-11-20", 0), ("1906-11-20", 120), ("1905-11-20", None)],
)
def test_age_counts_whole_years_on_the_business_date(tmp_path, born, age) -> None:
    outcome = read(write(tmp_path / "d", night([customer(birth_date=born)]), sums=()))
    assert [row["age"] for row in outcome.tables["customers"]] == [age]
    assert bool(outcome.found()) == (age is None)


def test_an_id_number_that_contradicts_the_birth_date_is_told_and_used(tmp_path) -> None:
    born = {"id_type": "resident_id", "id_number": "11010519491231002X", "birth_date": "1949-12-30"}
    outcome = read(write(tmp_path / "d", night([customer(**born)]), sums=()))
    assert outcome.found() == [("customers.csv", 2, "id_number", "id_contradicts_birth_date")]
    assert outcome.reading.used["customers.csv"] == 1


def test_rows_are_typed_with_their_line_first(tmp_path) -> None:
    rows = night([customer()], [contact()], [account()], [payment()])
    outcome = read(write(tmp_path / "d", rows))
    assert outcome.found() == []
    [row] = outcome.tables["accounts"]
    assert next(iter(row)) == "line"
    assert (row["line"], row["account_id"], row["balance_total_minor"], row["autopay"]) == (2, "A1", 123456, False)
    assert (str(row["past_due_since"]), row["cycle_day"], row["placed_with"]) == ("2026-10-25", 5, None)
    [paid] = outcome.tables["payments"]
    assert list(paid) == [
        "line", "payment_id", "account_id", "posted_on", "effective_on", "amount_minor", "kind", "reverses", "channel", "currency",
    ]  # fmt: skip
    assert list(outcome.tables["customers"][0])[-1] == "age"
