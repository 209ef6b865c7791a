"""Rows among rows: duplicates, parents, control totals, the ceiling, card numbers, and the night against yesterday."""

from __future__ import annotations

import json
from decimal import Decimal

import pyarrow as pa
import pytest
from tests.portfolio.feeds import account, as_csv, contact, customer, night, payment, read, vouch, write

# --- Duplicate keys ---------------------------------------------------------------------------------------------------


def test_identical_rows_are_used_once_with_a_warning_each(tmp_path) -> None:
    rows = night([customer(), customer()], [], [account(), account(), account()], filler=5)
    outcome = read(write(tmp_path / "d", rows))
    assert outcome.found() == [
        ("accounts.csv", 3, "account_id", "row_repeated"),
        ("accounts.csv", 4, "account_id", "row_repeated"),
        ("customers.csv", 3, "customer_id", "row_repeated"),
    ]
    assert outcome.refused_for() == []  # far above the ceiling, and it does not count
    assert outcome.ids("accounts", "account_id").count("A1") == 1
    assert (outcome.reading.rows["accounts.csv"], outcome.reading.surplus["accounts.csv"]) == (8, 2)
    assert (outcome.reading.used["accounts.csv"], outcome.reading.set_aside["accounts.csv"]) == (6, 0)


def test_rows_that_share_a_key_and_differ_are_all_set_aside(tmp_path) -> None:
    rows = night([customer()], [], [account(), account(product="platinum"), account()], filler=400)
    outcome = read(write(tmp_path / "d", rows))
    assert outcome.found() == [("accounts.csv", line, "account_id", "key_repeated") for line in (2, 3, 4)]
    assert "A1" not in outcome.ids("accounts", "account_id")
    assert {row["key"] for row in outcome.aside().values()} == {"A1"}
    assert outcome.reading.surplus["accounts.csv"] == 0


def test_of_identical_rows_that_are_wrong_one_is_set_aside(tmp_path) -> None:
    rows = night([customer()], [], [account(opened_on="2026-02-30")] * 2, filler=400)
    outcome = read(write(tmp_path / "d", rows))
    assert outcome.found() == [
        ("accounts.csv", 2, "opened_on", "cell_not_a_date"),
        ("accounts.csv", 3, "account_id", "row_repeated"),
    ]
    assert (outcome.reading.set_aside["accounts.csv"], outcome.reading.surplus["accounts.csv"]) == (1, 1)


def test_a_payment_delivered_twice_is_one_payment(tmp_path) -> None:
    rows = night([customer()], [], [account()], [payment(), payment()], filler=5)
    outcome = read(write(tmp_path / "d", rows))
    assert outcome.found() == [("payments.csv", 3, "payment_id", "row_repeated")]


def test_the_same_contact_point_twice_is_no_finding_for_it_has_no_key(tmp_path) -> None:
    outcome = read(write(tmp_path / "d", night([customer()], [contact(), contact()])))
    assert outcome.found() == []
    assert outcome.reading.used["contact_points.csv"] == 2


# --- Parents ----------------------------------------------------------------------------------------------------------


def test_a_set_aside_customer_takes_accounts_and_contact_points_along_but_no_other_s(tmp_path) -> None:
    rows = night([customer(birth_date="1990-13-01")], [contact(), contact()], [account()], [payment()], filler=300)
    outcome = read(write(tmp_path / "d", rows))
    assert outcome.found() == [
        ("accounts.csv", 2, "customer_id", "customer_set_aside"),
        ("contact_points.csv", 2, "customer_id", "customer_set_aside"),
        ("contact_points.csv", 3, "customer_id", "customer_set_aside"),
        ("customers.csv", 2, "birth_date", "cell_not_a_date"),
        ("payments.csv", 2, "account_id", "account_set_aside"),
    ]
    assert set(outcome.aside()) == {(file, line) for file, line, _, _ in outcome.found()}
    assert outcome.reading.used["accounts.csv"] == 300
    assert outcome.refused_for() == []


def test_a_duplicate_customer_takes_them_along_too(tmp_path) -> None:
    rows = night([customer(), customer(name="王大明")], [contact()], [account()], filler=300)
    outcome = read(write(tmp_path / "d", rows))
    assert ("accounts.csv", 2, "customer_id", "customer_set_aside") in outcome.found()
    assert ("contact_points.csv", 2, "customer_id", "customer_set_aside") in outcome.found()


def test_accounts_and_contact_points_of_nobody_are_set_aside(tmp_path) -> None:
    outcome = read(write(tmp_path / "d", night([], [contact()], [account()], filler=300)))
    assert outcome.found() == [
        ("accounts.csv", 2, "customer_id", "customer_unknown"),
        ("contact_points.csv", 2, "customer_id", "customer_unknown"),
    ]
    assert outcome.aside()["accounts.csv", 2]["key"] == "A1"
    assert outcome.aside()["contact_points.csv", 2]["key"] is None


def _earlier(*ids: str, currency: str = "CNY") -> pa.Table:
    fields = [
        ("account_id", pa.string()),
        ("customer_id", pa.string()),
        ("currency", pa.string()),
        ("last_seen_on", pa.date32()),
    ]
    return pa.Table.from_pylist(
        [{"account_id": one, "customer_id": "C9", "currency": currency, "last_seen_on": None} for one in ids], pa.schema(fields)
    )


def test_a_payment_belongs_to_an_account_of_today_or_of_any_earlier_night(tmp_path) -> None:
    paid = [payment(1), payment(2, account_id="OLD", amount="7"), payment(3, account_id="NONE")]
    outcome = read(
        write(tmp_path / "d", night([customer()], [], [account()], paid, filler=300)), known=_earlier("OLD", currency="JPY")
    )
    assert outcome.found() == [("payments.csv", 4, "account_id", "account_unknown")]
    by_id = {row["payment_id"]: row for row in outcome.tables["payments"]}
    assert (by_id["P1"]["currency"], by_id["P1"]["amount_minor"]) == ("CNY", 1000)
    assert (by_id["P2"]["currency"], by_id["P2"]["amount_minor"]) == ("JPY", 7)


def test_a_payment_to_an_account_set_aside_today_is_used_when_an_earlier_night_knew_it(tmp_path) -> None:
    rows = night([customer()], [], [account(opened_on="2026-02-30")], [payment()], filler=300)
    without = read(write(tmp_path / "d", rows))
    assert ("payments.csv", 2, "account_id", "account_set_aside") in without.found()
    outcome = read(tmp_path / "d", known=_earlier("A1", "F1"))
    assert outcome.found("payments.csv") == []
    assert outcome.reading.used["payments.csv"] == 301


def test_today_s_currency_of_an_account_counts_before_an_earlier_one(tmp_path) -> None:
    rows = night([customer()], [], [account()], [payment()])
    outcome = read(write(tmp_path / "d", rows), known=_earlier("A1", currency="JPY"))
    assert [row["currency"] for row in outcome.tables["payments"]] == ["CNY"]


# --- Lines that are no rows -------------------------------------------------------------------------------------------


def _with_lines(folder, rows, name: str, change) -> None:
    """Write the delivery with the lines of one file changed, and vouch for what then lies there."""
    write(folder, rows)
    lines = as_csv(name, rows[name]).splitlines(keepends=True)
    change(lines)
    (folder / name).write_bytes(b"".join(lines))


def test_a_line_with_a_field_too_few_or_too_many_is_set_aside_with_its_key(tmp_path) -> None:
    rows = night([customer()], [contact()], [account()], filler=600)

    def spoil(lines: list[bytes]) -> None:
        lines[1] = lines[1].replace(b",gold,", b",", 1)
        lines[2] = lines[2].replace(b",gold,", b",gold,x,", 1)

    _with_lines(tmp_path / "d", rows, "accounts.csv", spoil)
    outcome = read(vouch(tmp_path / "d", rows, sums=()))
    assert outcome.found() == [
        ("accounts.csv", 2, None, "line_fields"),
        ("accounts.csv", 3, None, "line_fields"),
        ("payments.csv", 2, "account_id", "account_set_aside"),
    ]
    assert [outcome.aside()["accounts.csv", line]["key"] for line in (2, 3)] == ["A1", "AF0"]
    assert outcome.aside()["accounts.csv", 2]["raw"].startswith("A1,C1,CNY,2020-01-01,none,50000.00")


def test_a_key_that_may_be_cut_short_is_not_taken_for_one(tmp_path) -> None:
    rows = night([customer()], [contact()], [account(), account("12345", customer_id="C1")], filler=600)

    def cut(lines: list[bytes]) -> None:
        lines[2] = b"A1\n"  # what a cut left of A12345 must not be taken for A1

    _with_lines(tmp_path / "d", rows, "accounts.csv", cut)
    outcome = read(vouch(tmp_path / "d", rows, sums=()))
    assert outcome.found() == [("accounts.csv", 3, None, "line_fields")]
    assert outcome.aside()["accounts.csv", 3]["key"] is None
    assert "A1" in outcome.ids("accounts", "account_id")


def test_blank_lines_are_told_and_are_no_rows(tmp_path) -> None:
    rows = night([customer()], [contact()], [account()], filler=3)

    def blank(lines: list[bytes]) -> None:
        lines.insert(2, b"\n")
        lines.append(b"   \n")

    _with_lines(tmp_path / "d", rows, "accounts.csv", blank)
    outcome = read(vouch(tmp_path / "d", rows))
    assert outcome.found() == [("accounts.csv", 3, None, "line_blank"), ("accounts.csv", 7, None, "line_blank")]
    assert outcome.refused_for() == []
    assert [row["line"] for row in outcome.tables["accounts"]] == [2, 4, 5, 6]


def test_a_truncated_file_refuses_the_night(tmp_path) -> None:
    rows = night(filler=50)
    file = write(tmp_path / "d", rows) / "accounts.csv"
    file.write_bytes(file.read_bytes()[:-700])
    outcome = read(tmp_path / "d")
    assert set(outcome.refused_for()) >= {"checksum_differs", "rows_differ", "sum_cell_unreadable"}
    assert [said.code for said in outcome.reading.differences] == outcome.refused_for()[:3]


# --- Control totals ---------------------------------------------------------------------------------------------------


def _claims(folder, change) -> None:
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text())
    change({entry["name"]: entry for entry in manifest["files"]})
    file.write_text(json.dumps(manifest))


def test_each_difference_is_named_in_both_languages_with_expected_and_got(tmp_path) -> None:
    folder = write(tmp_path / "d", night([customer()], [contact()], [account()]), sums=("balance_total", "past_due_amount"))

    def wrong(files) -> None:
        files["customers.csv"]["rows"] = 3
        files["contact_points.csv"]["sha256"] = "0" * 64
        files["accounts.csv"]["sums"] = {"balance_total": "1234.57", "past_due_amount": "99.99"}

    _claims(folder, wrong)
    outcome = read(folder)
    assert outcome.refused_for() == ["rows_differ", "checksum_differs", "sum_differs"]
    rows, checksum, total = outcome.reading.differences
    assert rows.en == "customers.csv: rows should be 3 and are 1."
    assert rows.zh == "customers.csv 的行数不符：应为 3，实为 1。"
    assert "0" * 64 in checksum.en
    assert total.en == "accounts.csv: the sum of balance_total should be 1234.57 and is 1234.56."
    assert "欠款总额" in total.zh
    assert "1234.57" in total.zh


def test_totals_count_every_row_before_any_is_set_aside(tmp_path) -> None:
    spoilt = account("X", opened_on="2026-02-30", customer_id="C1")
    orphan = account("Y", customer_id="nobody")
    rows = night([customer()], [], [account(), account(), spoilt, orphan], filler=300)
    outcome = read(write(tmp_path / "d", rows, sums=("balance_total", "credit_limit", "past_due_amount")))
    assert outcome.refused_for() == []
    assert outcome.reading.set_aside["accounts.csv"] == 2


def test_sums_go_over_all_currencies_in_their_major_units(tmp_path) -> None:
    small = {"principal": "1", "interest": "", "penalty": "", "fees": "", "instalment_unbilled": "", "minimum_due": "1"}
    accounts = [
        account(1),
        account(2, customer_id="C1", currency="JPY", balance_total="1", credit_limit="1", **small),
        account(3, customer_id="C1", currency="KWD", balance_total="1.000", credit_limit="1", **small),
        account(4, customer_id="C1", currency="???", balance_total="1.5", credit_limit="1", **small),
    ]
    for one in accounts[1:]:
        one.update(past_due_amount="1", last_payment_amount="1")
    folder = write(tmp_path / "d", night([customer()], [], accounts), sums=())
    _claims(folder, lambda files: files["accounts.csv"].update(sums={"balance_total": "1238.06"}))
    outcome = read(folder, ceiling=Decimal(1))
    assert outcome.refused_for() == []


def test_payments_have_control_totals_too(tmp_path) -> None:
    folder = write(
        tmp_path / "d", night([customer()], [], [account()], [payment(), payment(2, account_id="NONE", amount="0.5")])
    )
    _claims(folder, lambda files: files["payments.csv"].update(sums={"amount": "10.51"}))
    outcome = read(folder, ceiling=Decimal(1))
    assert [said.en for said in outcome.reading.refusals] == ["payments.csv: the sum of amount should be 10.51 and is 10.50."]


@pytest.mark.parametrize(
    "spoilt", [{"balance_total": "1e3"}, {"balance_total": ""}, {"currency": "JPY"}, {"balance_total": "9" * 30}]
)
def test_a_cell_of_a_summed_column_that_cannot_be_read_refuses(tmp_path, spoilt) -> None:
    folder = write(tmp_path / "d", night([customer()], [], [account(**spoilt)], filler=300), sums=())
    _claims(folder, lambda files: files["accounts.csv"].update(sums={"balance_total": "1.00"}))
    [said] = read(folder).reading.refusals
    assert said.code == "sum_cell_unreadable"
    assert "balance_total" in said.en
    assert "line 2" in said.en


def test_an_unreadable_cell_of_another_column_does_not_refuse(tmp_path) -> None:
    outcome = read(write(tmp_path / "d", night([customer()], [], [account(credit_limit="1e3")], filler=300)))
    assert outcome.refused_for() == []


def test_a_total_of_a_column_that_is_no_money_refuses(tmp_path) -> None:
    folder = write(tmp_path / "d", night([customer()], [], [account()]))
    _claims(folder, lambda files: files["accounts.csv"].update(sums={"cycle_day": "5"}))
    assert read(folder).refused_for() == ["sum_unknown"]


# --- The ceiling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spoilt", "refused"), [(3, False), (4, True)])
def test_strictly_more_than_one_per_cent_set_aside_refuses(tmp_path, spoilt, refused) -> None:
    wrong = [account(number, customer_id="C1", opened_on="2026-02-30") for number in range(spoilt)]
    outcome = read(write(tmp_path / "d", night([customer()], [], wrong, filler=300 - spoilt)))
    assert outcome.reading.rows["accounts.csv"] == 300
    assert outcome.refused_for() == (["ceiling_exceeded"] if refused else [])
    if refused:
        [said] = outcome.reading.refusals
        assert said.en.startswith("accounts.csv: 4 of 300 rows cannot be used (1.33 %, ceiling 1 %)")
        assert "cell_not_a_date (opened_on) (4 rows)" in said.en


def test_the_ceiling_is_the_bank_s_to_set(tmp_path) -> None:
    folder = write(tmp_path / "d", night([customer()], [], [account(opened_on="x")], filler=3))
    assert read(folder, ceiling=Decimal("0.25")).refused_for() == []
    assert read(folder, ceiling=Decimal("0.2499")).refused_for() == ["ceiling_exceeded"]


def test_rows_taken_along_by_their_customer_count_toward_the_ceiling(tmp_path) -> None:
    points = [contact() for _ in range(8)]
    outcome = read(write(tmp_path / "d", night([customer(sex="x")], points, filler=150)))
    assert outcome.refused_for() == ["ceiling_exceeded"]
    assert outcome.reading.set_aside == {"customers.csv": 1, "contact_points.csv": 8, "accounts.csv": 0, "payments.csv": 0}


# --- Card numbers -----------------------------------------------------------------------------------------------------

CARDS = ("6222021234567894", "4222222222222", "371449635398431", "5555555555554444", "9999999999999995")


@pytest.mark.parametrize(("tokens", "refused"), [(5, False), (4, True)])
def test_more_than_half_of_the_ids_being_card_numbers_refuses(tmp_path, tokens, refused) -> None:
    accounts = [account(number) | {"account_id": card} for number, card in enumerate(CARDS)]
    customers = [customer(number) for number in range(5)]
    outcome = read(write(tmp_path / "d", night(customers, [], accounts, filler=tokens)))
    assert outcome.refused_for() == (["card_numbers"] if refused else [])
    assert outcome.found("accounts.csv") == [("accounts.csv", line, "account_id", "card_number") for line in range(2, 7)]
    assert outcome.reading.used["accounts.csv"] == 5 + tokens


def test_no_card_number_is_ever_told(tmp_path) -> None:
    accounts = [account(number, opened_on="x") | {"account_id": card} for number, card in enumerate(CARDS)]
    outcome = read(write(tmp_path / "d", night([customer(number) for number in range(5)], [], [*accounts, accounts[0]])))
    told = json.dumps(outcome.tables["findings"]) + repr(outcome.reading)
    assert [card for card in CARDS if card in told] == []


# --- Against yesterday ------------------------------------------------------------------------------------------------


def _yesterday(*rows: dict[str, object]) -> pa.Table:
    sound = {
        "account_id": "A1", "customer_id": "C1", "currency": "CNY", "presence": "present", "overdue": True, "days_past_due": 25,
        "bucket": 1, "past_due_since": None, "past_due_amount_minor": 9999,
    }  # fmt: skip
    schema = pa.schema(
        [
            ("account_id", pa.string()), ("customer_id", pa.string()), ("currency", pa.string()), ("presence", pa.string()),
            ("overdue", pa.bool_()), ("days_past_due", pa.int32()), ("bucket", pa.int16()), ("past_due_since", pa.date32()),
            ("past_due_amount_minor", pa.int64()),
        ]
    )  # fmt: skip
    return pa.Table.from_pylist([sound | row for row in rows], schema)


def _people(count: int, **changed: str):
    numbers = range(1, count + 1)
    return night(map(customer, numbers), [], [account(number, **changed) for number in numbers])


@pytest.mark.parametrize(("before", "told"), [(10, False), (9, False), (12, False), (13, True), (8, True)])
def test_a_row_count_that_swings_by_more_than_a_fifth_is_told(tmp_path, before, told) -> None:
    earlier = _yesterday(*({"account_id": f"A{number}", "past_due_amount_minor": 99990 // before} for number in range(before)))
    outcome = read(write(tmp_path / "d", _people(10)), yesterday=earlier)
    assert [one for one in outcome.found() if one[3] == "rows_jump"] == (
        [("accounts.csv", None, None, "rows_jump")] if told else []
    )
    assert outcome.refused_for() == []


def test_a_past_due_sum_that_swings_by_more_than_a_fifth_is_told_by_currency(tmp_path) -> None:
    earlier = _yesterday(*({"account_id": f"A{number}", "past_due_amount_minor": 8000} for number in range(1, 11)))
    outcome = read(write(tmp_path / "d", _people(10)), yesterday=earlier)
    [said] = [one for one in outcome.tables["findings"] if one["code"] == "past_due_jump"]
    assert said["message_en"] == (
        "The past-due sum in CNY differs from the previous night by more than 20 %: 800.00 then, 999.90 today."
    )
    assert read(tmp_path / "d", yesterday=_yesterday(*({"account_id": f"A{n}"} for n in range(1, 11)))).found() == []


def test_overdue_accounts_that_vanish_are_told_unless_their_row_was_set_aside(tmp_path) -> None:
    there = [{"account_id": f"A{number}"} for number in range(1, 11)]
    gone = [{"account_id": "G1"}, {"account_id": "G2", "overdue": False, "past_due_amount_minor": 0}]
    rows = _people(10)
    rows["accounts.csv"][9]["opened_on"] = "2026-02-30"
    outcome = read(write(tmp_path / "d", rows), yesterday=_yesterday(*there, *gone), ceiling=Decimal(1))
    [said] = [one for one in outcome.tables["findings"] if one["code"] == "accounts_vanished"]
    assert "accounts 1;" in said["message_en"]


def test_accounts_missing_yesterday_do_not_count_then(tmp_path) -> None:
    there = [{"account_id": f"A{number}"} for number in range(1, 11)]
    gone = [{"account_id": f"G{number}", "presence": "missing"} for number in range(10)]
    assert read(write(tmp_path / "d", _people(10)), yesterday=_yesterday(*there, *gone)).found() == []


@pytest.mark.parametrize(
    ("then", "told"),
    [
        ({"bucket": 1, "past_due_since": "2026-08-01"}, True),  # today's is no older
        ({"bucket": 1, "past_due_since": "2026-09-01"}, False),  # the bank found an older unpaid minimum
        ({"bucket": 0, "past_due_since": None, "overdue": False}, True),
        ({"bucket": 3, "past_due_since": "2026-08-01"}, False),
        ({"bucket": 4, "past_due_since": "2026-07-01"}, False),
        ({"bucket": 1, "past_due_since": "2026-08-01", "presence": "missing"}, False),
        ({"bucket": 1, "past_due_since": "2026-08-01", "presence": "carried"}, True),
    ],
)
def test_a_bucket_that_jumps_without_an_older_past_due_since_is_told(tmp_path, then, told) -> None:
    from datetime import date

    if then["past_due_since"]:
        then = then | {"past_due_since": date.fromisoformat(then["past_due_since"])}
    rows = _people(1, past_due_since="2026-08-01", classification="substandard")  # 111 days: M4
    outcome = read(write(tmp_path / "d", rows), yesterday=_yesterday(then))
    assert [one for one in outcome.found() if one[3] == "bucket_jump"] == (
        [("accounts.csv", 2, "past_due_since", "bucket_jump")] if told else []
    )


def test_the_bank_s_classification_is_held_against_ours(tmp_path) -> None:
    rows = night(
        [customer()],
        [],
        [account(classification="normal"), account(2, customer_id="C1"), account(3, customer_id="C1", classification="")],
    )
    outcome = read(write(tmp_path / "d", rows))
    assert outcome.found() == [("accounts.csv", 2, "classification", "classification_differs")]
    assert outcome.reading.used["accounts.csv"] == 3


# --- What is kept of a row that cannot be used ------------------------------------------------------------------------


def test_a_row_set_aside_is_kept_whole(tmp_path) -> None:
    rows = night([customer(name='王"小"明, 先生', sex="x", employer="")], filler=200)
    folder = write(tmp_path / "d", rows)
    outcome = read(folder)
    kept = outcome.aside()["customers.csv", 2]
    assert kept["raw"] == (folder / "customers.csv").read_text(encoding="utf-8").splitlines()[1]
    assert '"王""小""明, 先生"' in kept["raw"]
    assert kept["key"] == "C1"


def test_a_night_without_any_row_can_be_read(tmp_path) -> None:
    outcome = read(write(tmp_path / "d", night()))
    assert outcome.refused_for() == []
    assert outcome.found() == []
    assert outcome.reading.rows == dict.fromkeys(("customers.csv", "contact_points.csv", "accounts.csv", "payments.csv"), 0)


def test_progress_names_each_file_and_ends_with_all_its_rows(tmp_path) -> None:
    told: list[tuple[str, int, int]] = []
    read(write(tmp_path / "d", night(filler=5)), progress=lambda name, done, total: told.append((name, done, total)))
    assert [one for one in told if one[1] == one[2] == 5] == [
        (name, 5, 5) for name in ("customers.csv", "contact_points.csv", "accounts.csv", "payments.csv")
    ]


def test_a_reading_may_be_repeated_in_the_same_engine(tmp_path) -> None:
    from anhuan.portfolio import engine, feed

    con = engine.connect(tmp_path / "workspace")
    first = feed.open_delivery(write(tmp_path / "a", night([customer(sex="x")], filler=200)), layout=None, search=[])
    second = feed.open_delivery(write(tmp_path / "b", night(filler=3)), layout=None, search=[])
    assert feed.read(first, con, known=None, yesterday=None).findings == 1
    assert feed.read(second, con, known=None, yesterday=None).findings == 0
    assert con.table("set_aside").count().execute() == 0
    con.disconnect()
