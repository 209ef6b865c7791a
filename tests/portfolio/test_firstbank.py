"""The made-up bank keeps its word: its files follow the contract, its books balance, its truth can be found again.

Every check here reads the files as a stranger would, with DuckDB and its own arithmetic, not with the generator's.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "firstbank"
sys.path.insert(0, str(EXAMPLE))

import generate  # noqa: E402
from firstbank import truth  # noqa: E402
from firstbank.book import last_statement  # noqa: E402
from firstbank.delivery import Evenings  # noqa: E402
from firstbank.life import Rates  # noqa: E402

START = date(2026, 10, 28)
NIGHTS = 12


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("firstbank")
    generate.generate(out=out, nights=NIGHTS, accounts=3000, start=START, seed=11)
    return out


@pytest.fixture(scope="module")
def con(bank: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Every file of every night as one table, `night` telling them apart."""
    with duckdb.connect() as connection:
        for name in ("customers", "contact_points", "accounts", "payments"):
            connection.execute(f"""
                CREATE TABLE {name} AS
                SELECT *, CAST(regexp_extract(filename, '([0-9-]+)/[a-z_]+.csv', 1) AS DATE) AS night
                FROM read_csv('{bank}/*/{name}.csv', all_varchar = true, filename = true)""")
        yield connection


def _count(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    assert row is not None
    return int(row[0])


def test_the_same_arguments_write_the_same_bytes(bank: Path, tmp_path: Path) -> None:
    generate.generate(out=tmp_path, nights=NIGHTS, accounts=3000, start=START, seed=11)
    files = sorted(file.relative_to(bank) for file in bank.rglob("*") if file.is_file())
    assert len(files) == NIGHTS * 5 + 2
    assert [(tmp_path / file).read_bytes() == (bank / file).read_bytes() for file in files] == [True] * len(files)


def test_a_longer_run_begins_with_the_nights_of_a_shorter_one(bank: Path, tmp_path: Path) -> None:
    generate.generate(out=tmp_path, nights=2, accounts=3000, start=START, seed=11)
    for file in (tmp_path / "2026-10-29").iterdir():
        assert file.read_bytes() == (bank / "2026-10-29" / file.name).read_bytes()


def test_another_seed_is_another_bank(bank: Path, tmp_path: Path) -> None:
    generate.generate(out=tmp_path, nights=1, accounts=3000, start=START, seed=12)
    assert (tmp_path / "2026-10-28/accounts.csv").read_bytes() != (bank / "2026-10-28/accounts.csv").read_bytes()


def test_the_manifest_says_what_the_files_hold(bank: Path) -> None:
    for folder in sorted(bank.glob("20*")):
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["business_date"] == folder.name
        for file in manifest["files"]:
            content = (folder / file["name"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file["sha256"]
            lines = content.decode().splitlines()
            assert len(lines) - 1 == file["rows"]
            for column, total in file.get("sums", {}).items():
                place = lines[0].split(",").index(column)
                assert sum(Decimal(line.split(",")[place]) for line in lines[1:]) == Decimal(total)
    assert manifest["sequence"] == NIGHTS


def test_components_add_up_to_the_balance_on_every_row(con: duckdb.DuckDBPyConnection) -> None:
    total = "CAST(principal AS DECIMAL(18,2)) + interest::DECIMAL(18,2) + penalty::DECIMAL(18,2) + fees::DECIMAL(18,2)"
    wrong = f"{total} + instalment_unbilled::DECIMAL(18,2) != balance_total::DECIMAL(18,2)"
    assert _count(con, f"SELECT count(*) FROM accounts WHERE {wrong}") == 0
    assert _count(con, "SELECT count(*) FROM accounts") > NIGHTS * 2900


def test_what_is_past_due_has_a_past_date_and_is_never_more_than_the_balance(con: duckdb.DuckDBPyConnection) -> None:
    assert (
        _count(con, "SELECT count(*) FROM accounts WHERE (past_due_amount::DECIMAL(18,2) > 0) != (past_due_since IS NOT NULL)")
        == 0
    )
    assert _count(con, "SELECT count(*) FROM accounts WHERE past_due_since::DATE >= night") == 0
    assert _count(con, "SELECT count(*) FROM accounts WHERE past_due_amount::DECIMAL(18,2) > balance_total::DECIMAL(18,2)") == 0
    assert _count(con, "SELECT count(*) FROM accounts WHERE minimum_due::DECIMAL(18,2) < past_due_amount::DECIMAL(18,2)") == 0
    assert _count(con, "SELECT count(*) FROM accounts WHERE due_date <= statement_date OR statement_date::DATE > night") == 0


def test_yen_are_written_without_decimals(con: duckdb.DuckDBPyConnection) -> None:
    assert _count(con, "SELECT count(*) FROM accounts WHERE currency = 'JPY'") > 0
    assert _count(con, "SELECT count(*) FROM accounts WHERE (currency = 'JPY') != (balance_total NOT LIKE '%.%')") == 0


def test_past_due_since_is_a_due_date_of_the_account_and_moves_on_only_when_somebody_paid(
    con: duckdb.DuckDBPyConnection,
) -> None:
    rows = con.execute(
        "SELECT past_due_since, cycle_day, due_date, statement_date FROM accounts WHERE past_due_since IS NOT NULL"
    ).fetchall()
    days = [np.array([np.datetime64(row[place]) for row in rows]).astype(int) for place in (0, 2, 3)]
    grace = days[1] - days[2]
    statement = days[0] - grace
    assert (last_statement(statement, np.array([int(row[1]) for row in rows])) == statement).all()
    moved = """
        FROM accounts a JOIN accounts b ON a.account_id = b.account_id AND b.night = a.night + 1
        LEFT JOIN payments p ON p.account_id = b.account_id AND p.night = b.night
        WHERE b.past_due_since != a.past_due_since AND p.payment_id IS NULL"""
    assert _count(con, f"SELECT count(*) {moved}") == 0


def test_balances_move_by_what_was_paid_unless_a_statement_was_billed(con: duckdb.DuckDBPyConnection) -> None:
    wrong = """
        WITH paid AS (SELECT account_id, night, sum(if(kind = 'reversal', -1, 1) * amount::DECIMAL(18,2)) AS paid
                      FROM payments GROUP BY ALL)
        SELECT count(*), count(paid) FROM accounts a JOIN accounts b ON a.account_id = b.account_id AND b.night = a.night + 1
        LEFT JOIN paid p ON p.account_id = b.account_id AND p.night = b.night
        WHERE b.statement_date = a.statement_date"""
    unequal = f"{wrong} AND b.balance_total::DECIMAL(18,2) != a.balance_total::DECIMAL(18,2) - coalesce(paid, 0)"
    seen = con.execute(wrong).fetchone()
    assert seen is not None
    assert seen[0] > 20_000
    assert seen[1] > 800
    assert con.execute(unequal).fetchone() == (0, 0)


def test_a_reversal_names_the_payment_it_takes_back(con: duckdb.DuckDBPyConnection) -> None:
    matched = """SELECT count(*) FROM payments r JOIN payments p ON p.payment_id = r.reverses AND p.account_id = r.account_id
                 AND p.amount = r.amount AND p.night < r.night WHERE r.kind = 'reversal'"""
    reversals = _count(con, "SELECT count(*) FROM payments WHERE kind = 'reversal'")
    assert reversals > 2
    assert _count(con, matched) == reversals
    assert _count(con, "SELECT count(*) FROM payments WHERE posted_on::DATE != night AND night > '2026-10-28'") == 0
    assert _count(con, "SELECT count(*) FROM payments WHERE effective_on < posted_on") > 10
    assert _count(con, "SELECT count(*) FROM (SELECT payment_id FROM payments GROUP BY 1 HAVING count(*) > 1)") == 0


def test_the_bank_counts_the_flow_of_every_night_as_the_files_show_it(bank: Path, con: duckdb.DuckDBPyConnection) -> None:
    con.execute("""CREATE OR REPLACE VIEW standing AS SELECT account_id, night, CASE WHEN past_due_since IS NULL THEN 0
        ELSE least(7, (night - past_due_since::DATE + 29) // 30) END AS bucket FROM accounts""")
    nights = json.loads((bank / "truth.json").read_text())["nights"]
    for told in nights[1:]:
        today = date.fromisoformat(told["business_date"])
        rows = con.execute(f"""
            SELECT CASE WHEN coalesce(b.bucket, 0) > 0 AND coalesce(a.bucket, 0) = 0 THEN 'entered'
                        WHEN a.bucket > 0 AND b.bucket IS NULL THEN 'vanished' WHEN a.bucket > 0 AND b.bucket = 0 THEN 'cured'
                        WHEN b.bucket > a.bucket THEN 'rolled' WHEN b.bucket < a.bucket THEN 'improved'
                        WHEN a.bucket > 0 THEN 'stayed' END AS flow, count(*)
            FROM (FROM standing WHERE night = '{today - timedelta(days=1)}') a
            FULL JOIN (FROM standing WHERE night = '{today}') b USING (account_id) GROUP BY 1""").fetchall()
        found = {name: count for name, count in rows if name}
        assert {name: count for name, count in told["flow"].items() if count} == found
    assert {name for told in nights for name, count in told["flow"].items() if count} == set(nights[0]["flow"])


def test_whoever_was_overdue_yesterday_is_delivered_again_unless_lost(con: duckdb.DuckDBPyConnection) -> None:
    absent = """SELECT count(*) FROM accounts a ANTI JOIN accounts b ON a.account_id = b.account_id AND b.night = a.night + 1
                WHERE a.past_due_since IS NOT NULL AND a.night < '2026-11-08'"""
    assert 0 < _count(con, absent) < 40


def test_every_row_hangs_together(con: duckdb.DuckDBPyConnection) -> None:
    for child, key in (("accounts", "customer_id"), ("contact_points", "customer_id")):
        assert _count(con, f"SELECT count(*) FROM {child} ANTI JOIN customers USING ({key}, night)") == 0
    assert _count(con, "SELECT count(*) FROM customers ANTI JOIN accounts USING (customer_id, night)") == 0
    assert (
        _count(con, "SELECT count(*) FROM payments p ANTI JOIN (SELECT DISTINCT account_id FROM accounts) a USING (account_id)")
        == 0
    )


def test_id_numbers_are_right_in_form_and_belong_to_no_place(con: duckdb.DuckDBPyConnection) -> None:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    rows = con.execute("SELECT DISTINCT id_number, birth_date, sex FROM customers WHERE id_type = 'resident_id'").fetchall()
    assert len(rows) > 2500
    for number, _, sex in rows:
        total = sum(weight * int(digit) for weight, digit in zip(weights, number, strict=False))
        assert number[17] == "10X98765432"[total % 11]
        assert number[:2] == "68"
        assert sex is None or int(number[16]) % 2 == (sex == "m")
    contradicting = sum(number[6:14] != birth.replace("-", "") for number, birth, _ in rows)
    assert contradicting < 10


def test_nobody_can_be_reached_by_what_stands_in_the_files(con: duckdb.DuckDBPyConnection) -> None:
    forms = {
        "mobile": r"(\+86|0086|86-)?154\d{8}",
        "phone": r"(026-?|\+8626)[5-7]\d{7}(-\d{3})?",
        "email": r".*@example\.(com|net|org)",
    }
    for kind, form in forms.items():
        assert _count(con, f"SELECT count(*) FROM contact_points WHERE kind = '{kind}'") > 100
        assert (
            _count(con, f"SELECT count(*) FROM contact_points WHERE kind = '{kind}' AND NOT regexp_full_match(value, '{form}')")
            == 0
        )
    points = _count(con, "SELECT count(*) FROM contact_points") / _count(con, "SELECT count(*) FROM customers")
    assert 2.9 < points < 3.1


def test_a_clean_book_has_no_odd_papers_and_no_grade_unlike_the_rule(tmp_path: Path) -> None:
    generate.generate(out=tmp_path, nights=1, accounts=3000, start=START, seed=11, clean=True)
    with duckdb.connect() as con:
        con.execute(f"CREATE VIEW accounts AS SELECT * FROM read_csv('{tmp_path}/2026-10-28/accounts.csv', all_varchar = true)")
        con.execute(
            f"CREATE VIEW customers AS SELECT * FROM read_csv('{tmp_path}/2026-10-28/customers.csv', all_varchar = true)"
        )
        unlike = """SELECT count(*) FROM accounts WHERE classification IS NOT NULL AND classification != CASE
            WHEN past_due_since IS NULL THEN 'normal' WHEN DATE '2026-10-28' - past_due_since::DATE <= 90 THEN 'special_mention'
            WHEN DATE '2026-10-28' - past_due_since::DATE <= 120 THEN 'substandard'
            WHEN DATE '2026-10-28' - past_due_since::DATE <= 180 THEN 'doubtful' ELSE 'loss' END"""
        assert _count(con, unlike) == 0
        odd = "id_type = 'resident_id' AND id_number[7:14] != replace(birth_date, '-', '')"
        assert _count(con, f"SELECT count(*) FROM customers WHERE {odd}") == 0


def test_a_night_made_to_measure_has_the_shares_asked_for() -> None:
    evenings = Evenings(seed=3, accounts=20_000, first=20_000)
    rates = Rates(changed=0.20, new=0.03, cured=0.025, people=0.02)
    first = evenings.next(rates)
    before = {name: table for name in ("accounts", "customers", "contact_points") for table in [_whole(first, name)]}
    second = evenings.next(rates)
    after = {name: _whole(second, name) for name in before}
    old, new = before["accounts"], after["accounts"]
    assert len(new.keys() - old.keys()) / len(old) == pytest.approx(0.03, abs=0.003)
    both = old.keys() & new.keys()
    assert sum(old[key] != new[key] for key in both) / len(old) == pytest.approx(0.20, abs=0.02)
    overdue = sum(row[15] is not None for row in old.values())
    assert second.expected["flow"]["cured"] / overdue == pytest.approx(0.025, abs=0.003)
    people = before["customers"].keys() & after["customers"].keys()
    changed = sum(before["customers"][key] != after["customers"][key] for key in people)
    assert changed / len(people) == pytest.approx(0.02, abs=0.004)


def _whole(night: object, name: str) -> dict[str, tuple[object, ...]]:
    tables = [table.to_pydict() for table in night.tables(name)]  # type: ignore[attr-defined]
    rows = [row for table in tables for row in zip(*table.values(), strict=True)]
    return {str(row[0]): row for row in rows}


def test_the_hidden_truth_can_be_found_again_in_the_nights() -> None:
    """Cures in M1 by type and band, against the daily probabilities written down, within five deviations."""
    evenings = Evenings(seed=5, accounts=60_000, first=20_755)
    evenings.next(Rates())
    expected, spread = np.zeros((6, 4)), np.zeros((6, 4))
    found, exposed = np.zeros((6, 4)), np.zeros((6, 4))
    for _ in range(10):
        accounts, day = evenings.book.accounts, evenings.book.today + 1
        rows = np.flatnonzero(
            (accounts.cycles == 1) & (accounts.block <= 2) & ~accounts.in_doubt & (accounts.absent_until < day)
        )
        since, kind = accounts.since[rows].copy(), accounts.kind[rows].copy()
        # A new minimum may fall due tonight and then a cycle's payment no longer cures.
        settled = (day - since <= 30) & ~((accounts.due[rows] == day - 1) & (accounts.open_minimum[rows] > 0))
        rows, kind, band = rows[settled], kind[settled], truth.band_of(day - since[settled])
        evenings.next(Rates())
        cured = evenings.book.accounts.cycles[rows] == 0
        moment = date(1970, 1, 1) + timedelta(days=day)
        chance = (truth.hazards("full") + truth.hazards("cycle"))[:, :4] * truth.timing(moment.day, moment.weekday())
        np.add.at(found, (kind, band), cured)
        np.add.at(exposed, (kind, band), 1)
        np.add.at(expected, (kind, band), chance[kind, band])
        np.add.at(spread, (kind, band), chance[kind, band] * (1 - chance[kind, band]))
    assert exposed.sum() > 100_000
    assert (np.abs(found - expected) < 5 * np.sqrt(spread) + 1).all()
    assert found[0, 0] / exposed[0, 0] > 10 * found[4, 0] / exposed[4, 0]


def test_the_first_night_stands_in_the_steady_state_written_down() -> None:
    evenings = Evenings(seed=5, accounts=60_000, first=20_755)
    told = evenings.next(Rates()).expected
    buckets = np.array(told["buckets"], dtype=float)  # type: ignore[arg-type]
    assert told["accounts"] == 60_000
    assert 1 - buckets[0] / 60_000 == pytest.approx(truth.OVERDUE_SHARE, abs=0.01)
    expected = truth.as_json()["expected"]["share_of_overdue_by_bucket"]  # type: ignore[index]
    for bucket in range(1, 8):
        assert buckets[bucket] / buckets[1:].sum() == pytest.approx(expected[f"M{bucket}"], abs=0.012)


def test_the_three_forms_carry_the_same_content(bank: Path, tmp_path: Path) -> None:
    for form in ("parquet", "gb18030"):
        generate.generate(out=tmp_path / form, nights=1, accounts=3000, start=START, seed=11, form=form)
    with (bank / "2026-10-28/accounts.csv").open(newline="") as file:
        accounts = list(csv.DictReader(file))
    typed = duckdb.sql(f"SELECT * FROM '{tmp_path}/parquet/2026-10-28/accounts.parquet'").fetchall()
    core = tmp_path / "gb18030/2026-10-28/CCS_ACCT_firstbank_20261028_0001.dat"
    *lines, trailer = core.read_text(encoding="gb18030").splitlines()
    records = [line.split("|+|") for line in lines]
    digits = [0 if row["currency"] == "JPY" else 2 for row in accounts]
    minor = [int(Decimal(row["balance_total"]).scaleb(places)) for row, places in zip(accounts, digits, strict=True)]
    assert [row[1] for row in records] == [row[0] for row in typed] == [row["account_id"] for row in accounts]
    assert [int(row[8]) for row in records] == minor
    assert [row[7] for row in typed] == [Decimal(row["balance_total"]) for row in accounts]
    assert [row[16].replace("00000000", "") for row in records] == [row["past_due_since"].replace("-", "") for row in accounts]
    assert trailer.split("|+|")[:3] == ["TLR", str(len(accounts)), str(sum(minor))]
    assert core.with_name(core.name + ".ok").exists()


def test_names_outside_gbk_survive_the_core_s_encoding(tmp_path: Path) -> None:
    generate.generate(out=tmp_path, nights=1, accounts=20_000, start=START, seed=11, form="gb18030")
    [file] = (tmp_path / "2026-10-28").glob("CCS_CUST_*.dat")
    names = {line.split("|+|")[4] for line in file.read_text(encoding="gb18030").splitlines()[:-1]}
    assert any("𬱖" in name for name in names)
    assert any("䶮" in name for name in names)
    assert any("·" in name for name in names)
    assert any(name.startswith("欧阳") for name in names)
