"""A folder becomes a delivery, or says why not: manifests, flags, trailers, file names, and what is missing or too much."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import date
from pathlib import Path

import pytest
from tests.portfolio.feeds import account, contact, customer, night, payment, read, vouch, write

from anhuan.portfolio import feed

SOUND = night([customer()], [contact()], [account()], [payment()])


def unreadable(folder: Path, layout: str | None = None, search: tuple[Path, ...] = ()) -> feed.FeedUnreadable:
    with pytest.raises(feed.FeedUnreadable) as raised:
        feed.open_delivery(folder, layout=layout, search=search)
    assert raised.value.zh
    assert raised.value.en
    return raised.value


def test_a_delivery_knows_whose_night_it_is(tmp_path) -> None:
    book = {"CNY": {"accounts": 410000, "balance_total": "9876543210.00"}}
    folder = write(tmp_path / "d", SOUND, book=book, replaces=6)
    delivery = feed.open_delivery(folder, layout=None, search=[])
    assert (delivery.issuer, delivery.business_date, delivery.sequence, delivery.replaces) == (
        "testbank",
        date(2026, 11, 20),
        7,
        6,
    )
    assert (delivery.layout.name, delivery.book) == ("canonical/1", book)
    assert list(delivery.files) == ["customers.csv", "contact_points.csv", "accounts.csv", "payments.csv"]


def test_content_changes_with_whatever_was_delivered_and_with_nothing_else(tmp_path) -> None:
    def content(rows=SOUND, **manifest) -> str:
        folder = write(tmp_path / f"d{len(list(tmp_path.iterdir()))}", rows, **manifest)
        return feed.open_delivery(folder, layout=None, search=[]).content

    same = content()
    assert content() == same
    others = [
        content(issuer="other"), content(business_date="2026-11-21"), content(sequence=8), content(replaces=6),
        content(night([customer(name="李四")], [contact()], [account()], [payment()])),
    ]  # fmt: skip
    assert len({same, *others}) == 6


# --- No delivery ------------------------------------------------------------------------------------------------------


def test_no_folder_no_manifest_no_such_layout(tmp_path) -> None:
    assert unreadable(tmp_path / "nowhere").code == "folder_missing"
    (tmp_path / "file").write_text("")
    assert unreadable(tmp_path / "file").code == "folder_missing"
    write(tmp_path / "d", SOUND)
    missing = unreadable(tmp_path / "d", layout="other-core")
    assert missing.code == "layout_unknown"
    assert "canonical" in missing.en
    assert unreadable(tmp_path / "d", layout=str(tmp_path / "nowhere.toml")).code == "layout_unknown"
    assert unreadable(tmp_path / "d", layout="../canonical").code == "layout_unknown"
    assert unreadable(tmp_path / "d", layout="canonical/2").code == "layout_version"
    (tmp_path / "d" / "manifest.json").unlink()
    assert unreadable(tmp_path / "d").code == "manifest_missing"
    assert unreadable(tmp_path / "d", layout="canonical").code == "manifest_missing"


def test_a_manifest_that_names_a_layout_nobody_has_is_unreadable(tmp_path) -> None:
    assert unreadable(write(tmp_path / "d", SOUND, layout="other-core/1")).code == "layout_unknown"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"business_date": "2026-11-20",\n  "issuer": }', "line 2, column 13"),
        ('{"business_date": "2026-11-20"', "line 1, column 31"),
        ("", "line 1, column 1"),
    ],
)
def test_a_manifest_broken_in_writing_is_told_by_line_and_column(tmp_path, text, where) -> None:
    folder = write(tmp_path / "d", SOUND)
    (folder / "manifest.json").write_text(text)
    said = unreadable(folder)
    assert said.code == "manifest_broken"
    assert where in said.en


def test_a_manifest_in_another_encoding_is_told_by_line_and_column(tmp_path) -> None:
    folder = write(tmp_path / "d", SOUND)
    (folder / "manifest.json").write_bytes('{"sequence": 1,\n "issuer": "银行"}'.encode("gb18030"))
    said = unreadable(folder)
    assert (said.code, "line 2, column 13" in said.en) == ("manifest_broken", True)


def test_a_manifest_may_begin_with_a_byte_order_mark(tmp_path) -> None:
    folder = write(tmp_path / "d", SOUND)
    file = folder / "manifest.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert feed.open_delivery(folder, layout=None, search=[]).sequence == 7


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"business_date": None}, "business_date"),
        ({"business_date": "20261120"}, "business_date"),
        ({"business_date": "2026-02-30"}, "business_date"),
        ({"issuer": " "}, "issuer"),
        ({"issuer": "a\ud800"}, "issuer"),
        ({"issuer": "a\nb"}, "issuer"),
        ({"issuer": "a" * 65}, "issuer"),
        ({"sequence": 1 << 63}, "sequence"),
        ({"layout": 1}, "layout"),
        ({"sequence": None}, "sequence"),
        ({"sequence": "17"}, "sequence"),
        ({"sequence": True}, "sequence"),
        ({"sequence": -1}, "sequence"),
        ({"sequence": 1.5}, "sequence"),
        ({"replaces": "6"}, "replaces"),
        ({"files": None}, "files"),
        ({"files": []}, "files"),
        ({"files": {}}, "files"),
        ({"files": [{"rows": 1}]}, "files[0].name"),
        ({"files": [{"name": "accounts.csv", "rows": 1}]}, "files[0].sha256"),
        ({"files": [{"name": "accounts.csv", "rows": 1, "sha256": "abc"}]}, "files[0].sha256"),
        ({"files": [{"name": "accounts.csv", "rows": "1", "sha256": "0" * 64}]}, "files[0].rows"),
        ({"files": [{"name": "accounts.csv", "rows": 1, "sha256": "0" * 64, "sums": {"principal": "1e3"}}]}, "files[0].sums"),
        ({"files": [{"name": "accounts.csv", "rows": 1, "sha256": "0" * 64, "sums": ["1"]}]}, "files[0].sums"),
        ({"files": [{"name": "accounts.csv", "rows": 1, "sha256": "0" * 64}] * 2}, "files[1].name"),
        ({"book": []}, "book"),
        ({"book": {"RMB": {"accounts": 1}}}, "book.RMB"),
        ({"book": {"CNY": {"accounts": "1"}}}, "book.CNY.accounts"),
        ({"book": {"CNY": {"accounts": 1, "balance_total": "much"}}}, "book.CNY.balance_total"),
    ],
)
def test_a_manifest_with_a_wrong_key_is_told_which(tmp_path, changed, where) -> None:
    said = unreadable(write(tmp_path / "d", SOUND, **changed))
    assert said.code == "manifest_wrong"
    assert f"manifest.json: {where} " in said.en


@pytest.mark.parametrize("text", ["[" * 100_000, '{"sequence": ' + "9" * 5000 + "}", "[]", '"text"', "null"])
def test_json_that_is_no_manifest_is_told_so(tmp_path, text) -> None:
    folder = write(tmp_path / "d", SOUND)
    (folder / "manifest.json").write_text(text)
    assert unreadable(folder).code in {"manifest_broken", "manifest_wrong"}


def test_names_that_are_no_text_are_told_all_the_same(tmp_path) -> None:
    folder = write(tmp_path / "d", SOUND, **{"key\ud800": 1})
    (folder / os.fsdecode(b"\xff.csv")).touch()
    outcome = read(folder)
    assert [one[0] for one in outcome.found()] == ["\\udcff.csv", "manifest.json"]
    json.dumps(outcome.tables["findings"], ensure_ascii=False).encode()


def test_a_file_that_cannot_be_opened_is_told_by_name(tmp_path, monkeypatch) -> None:
    folder = write(tmp_path / "d", SOUND)

    def closed(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("anhuan.portfolio.feed.delivery.weigh", closed)
    said = unreadable(folder)
    assert (said.code, said.en) == ("file_closed", "customers.csv cannot be read: Permission denied.")


def test_a_key_given_twice_is_no_manifest(tmp_path) -> None:
    folder = write(tmp_path / "d", SOUND)
    file = folder / "manifest.json"
    file.write_text(file.read_text()[:-1] + ', "sequence": 8}')
    assert unreadable(folder).code == "manifest_wrong"


def test_a_control_total_written_as_a_number_is_taken_digit_by_digit(tmp_path) -> None:
    folder = write(tmp_path / "d", SOUND)
    file = folder / "manifest.json"
    file.write_text(file.read_text().replace('"1234.56"', "1234.56"))
    assert read(folder).refused_for() == []
    file.write_text(file.read_text().replace("1234.56", "1234.5600000000000000001"))
    assert read(folder).refused_for() == ["sum_differs"]


def test_a_key_nobody_knows_is_told(tmp_path) -> None:
    outcome = read(write(tmp_path / "d", SOUND, replace=6))
    assert outcome.found() == [("manifest.json", None, None, "manifest_key_unknown")]
    assert outcome.refused_for() == []


# --- Files missing or too many ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["customers.csv", "contact_points.csv", "accounts.csv", "payments.csv"])
def test_a_listed_file_that_is_missing_refuses_naming_it(tmp_path, name) -> None:
    folder = write(tmp_path / "d", SOUND)
    (folder / name).unlink()
    outcome = read(folder)
    assert [said.en for said in outcome.reading.refusals] == [f"{name} is missing."]
    assert outcome.reading.rows[name] == 0


@pytest.mark.parametrize(("name", "refused"), [("accounts.csv", ["file_missing"]), ("payments.csv", [])])
def test_only_payments_may_stay_away_unlisted(tmp_path, name, refused) -> None:
    folder = write(tmp_path / "d", SOUND)
    (folder / name).unlink()
    outcome = read(vouch(folder, SOUND))
    assert outcome.refused_for() == refused
    assert outcome.found() == ([] if refused else [("payments.csv", None, None, "file_absent")])
    assert outcome.tables[name.removesuffix(".csv")] == []


def test_a_file_the_manifest_does_not_list_refuses(tmp_path) -> None:
    folder = write(tmp_path / "d", SOUND)
    payments = (folder / "payments.csv").read_bytes()
    (folder / "payments.csv").unlink()
    vouch(folder, SOUND)
    (folder / "payments.csv").write_bytes(payments)
    assert read(folder).refused_for() == ["file_unlisted"]


def test_a_file_of_another_name_is_told_and_not_read(tmp_path) -> None:
    folder = write(tmp_path / "d", SOUND)
    (folder / "statements.csv").write_text("x")
    (folder / "archive").mkdir()
    outcome = read(folder)
    assert outcome.found() == [("statements.csv", None, None, "file_unknown")]
    assert outcome.refused_for() == []


def test_a_file_in_two_forms_refuses(tmp_path) -> None:
    folder = write(tmp_path / "d", SOUND)
    (folder / "accounts.parquet").write_bytes(b"PAR1")
    assert read(folder).refused_for() == ["file_twice"]


def test_a_name_with_a_path_in_it_is_no_file_of_the_folder(tmp_path) -> None:
    write(tmp_path / "other", SOUND)
    folder = write(tmp_path / "d", SOUND)
    file = folder / "manifest.json"
    file.write_text(file.read_text().replace('"customers.csv"', '"../other/customers.csv"'))
    assert read(folder).refused_for() == ["file_unlisted"]


def test_a_damaged_parquet_file_refuses(tmp_path) -> None:
    folder = write(tmp_path / "d", SOUND)
    (folder / "accounts.csv").unlink()
    (folder / "accounts.parquet").write_bytes(b"PAR1 this is no Parquet PAR1")
    outcome = read(vouch(folder, SOUND, names={"accounts.csv": "accounts.parquet"}))
    assert outcome.refused_for()[-1] == "file_damaged"
    assert str(tmp_path) not in outcome.reading.refusals[-1].en


def test_a_line_longer_than_any_row_refuses_without_telling_what_it_holds(tmp_path) -> None:
    folder = write(tmp_path / "d", SOUND)
    with (folder / "payments.csv").open("ab") as file:
        file.write("张三".encode() * (3 << 20))
    outcome = read(vouch(folder, SOUND))
    assert "file_damaged" in outcome.refused_for()
    assert "张三" not in repr(outcome.reading)


def test_a_file_changed_while_it_is_read_refuses(tmp_path) -> None:
    folder = write(tmp_path / "d", SOUND)

    def meddle(name: str, done: int, total: int) -> None:
        if name == "payments.csv" and done == 0:
            with (folder / "customers.csv").open("ab") as file:
                file.write(b"\n")

    # The customers were read by then; what counts is that they are not what was weighed when they were.
    assert read(folder, progress=meddle).refused_for() == []
    outcome = read(folder, progress=lambda name, *_: (folder / name).touch())
    assert set(outcome.refused_for()) >= {"file_changed"}


# --- Headers ----------------------------------------------------------------------------------------------------------


def _header(folder: Path, name: str, change) -> Path:
    file = folder / name
    first, rest = file.read_bytes().split(b"\n", 1)
    file.write_bytes(change(first) + b"\n" + rest)
    return folder


def test_a_missing_required_column_refuses_naming_it(tmp_path) -> None:
    folder = _header(
        write(tmp_path / "d", SOUND), "accounts.csv", lambda line: line.replace(b"past_due_since", b"overdue_since")
    )
    [said] = read(vouch(folder, SOUND)).reading.refusals
    assert said.code == "column_missing"
    assert said.en == "accounts.csv lacks the required column past_due_since."


def test_a_missing_optional_column_is_told_and_taken_as_empty(tmp_path) -> None:
    folder = _header(write(tmp_path / "d", SOUND), "accounts.csv", lambda line: line.replace(b",product,", b",card_art,"))
    outcome = read(vouch(folder, SOUND))
    assert outcome.found() == [
        ("accounts.csv", None, "card_art", "column_unknown"),
        ("accounts.csv", None, "product", "column_absent"),
    ]
    assert outcome.tables["accounts"][0]["product"] is None
    assert outcome.refused_for() == []


def test_columns_may_come_in_any_order(tmp_path) -> None:
    folder = write(tmp_path / "d", SOUND)
    lines = [line.split(",") for line in (folder / "accounts.csv").read_text().splitlines()]
    (folder / "accounts.csv").write_text("".join(",".join(reversed(line)) + "\n" for line in lines))
    plain, turned = read(write(tmp_path / "e", SOUND)), read(vouch(folder, SOUND))
    assert turned.found() == []
    assert turned.tables["accounts"] == plain.tables["accounts"]


def test_a_column_named_twice_refuses(tmp_path) -> None:
    folder = _header(write(tmp_path / "d", SOUND), "accounts.csv", lambda line: line.replace(b"product", b"account_id"))
    assert "column_repeated" in read(vouch(folder, SOUND)).refused_for()


def test_a_file_without_its_header_refuses_without_telling_what_its_first_line_holds(tmp_path) -> None:
    folder = write(tmp_path / "d", SOUND)
    file = folder / "customers.csv"
    file.write_bytes(file.read_bytes().split(b"\n", 1)[1])
    outcome = read(vouch(folder, SOUND))
    assert "column_missing" in outcome.refused_for()
    assert "王小明" not in repr(outcome.reading) + json.dumps(outcome.tables["findings"], ensure_ascii=False)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file_refuses(tmp_path, content) -> None:
    folder = write(tmp_path / "d", SOUND)
    (folder / "customers.csv").write_bytes(content)
    assert "header_missing" in read(vouch(folder, SOUND)).refused_for()


def test_a_file_that_cannot_be_judged_is_not_held_against_its_children(tmp_path) -> None:
    folder = _header(write(tmp_path / "d", SOUND), "customers.csv", lambda line: line.replace(b"customer_id", b"id"))
    outcome = read(vouch(folder, SOUND))
    assert outcome.refused_for() == ["column_missing"]
    assert outcome.found("accounts.csv") == []


# --- Flags, trailers and first records --------------------------------------------------------------------------------

CORE = """
[delivery]
issuer = "corebank"
{facts}
[defaults]
separator = "|"
header = false
[files.customers]
path = "CUST_{{business_date:%Y%m%d}}.dat"
{customers}
columns = {{ customer_id = 1, name = 2 }}
[files.contact_points]
path = "CONT_*.dat"
columns = {{ customer_id = 1, kind = 2, value = 3, party = {{ constant = "debtor" }}, reserved = {{ constant = "true" }} }}
[files.accounts]
path = "ACCT_{{business_date:%Y%m%d}}.dat"
{accounts}
[files.accounts.columns]
account_id = 1
customer_id = 2
currency = {{ constant = "CNY" }}
block_code = {{ constant = "none" }}
balance_total = 3
principal = 3
interest = {{ constant = "" }}
penalty = {{ constant = "" }}
fees = {{ constant = "" }}
instalment_unbilled = {{ constant = "" }}
past_due_amount = 4
past_due_since = 5
autopay = {{ constant = "false" }}
"""


def core(
    root: Path, *, facts: str = "", customers: str = "", accounts: str = "", head: str = "", trailer: str = "", **files: str
) -> tuple[Path, Path]:
    """A delivery without manifest and its layout; `files` adds further files (a dot is written __)."""
    layout, folder = root / "core.toml", root / "d"
    layout.write_text(CORE.format(facts=facts, customers=customers, accounts=accounts))
    folder.mkdir()
    (folder / "CUST_20261120.dat").write_text("C1|王小明\nC2|李小红\n")
    (folder / "CONT_x.dat").write_text("C1|mobile|19912345678\n")
    (folder / "ACCT_20261120.dat").write_text(f"{head}A1|C1|10.00|0|\nA2|C2|5.50|5.50|2026-11-01\n{trailer}")
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder, layout


def test_facts_may_stand_in_file_names_and_sequence_may_be_absent(tmp_path) -> None:
    folder, layout = core(tmp_path)
    outcome = read(folder, layout=str(layout))
    delivery = outcome.delivery
    assert (delivery.issuer, delivery.business_date, delivery.sequence) == ("corebank", date(2026, 11, 20), None)
    assert outcome.found() == []  # this bank's layout knows no payments
    assert outcome.refused_for() == []
    assert outcome.reading.used == {"customers.csv": 2, "contact_points.csv": 1, "accounts.csv": 2, "payments.csv": 0}


def test_a_layout_is_found_by_name_in_the_bank_s_own_folder_first(tmp_path) -> None:
    folder, layout = core(tmp_path)
    own = tmp_path / "layouts"
    own.mkdir()
    (own / "my-core.toml").write_text(layout.read_text())
    assert feed.open_delivery(folder, layout="my-core", search=[tmp_path / "nowhere", own]).layout.name == "my-core/1"
    assert feed.open_delivery(folder, layout="my-core/1", search=[own]).layout.name == "my-core/1"
    assert "my-core" in unreadable(folder, layout="your-core", search=(own,)).en


def test_files_of_two_dates_refuse(tmp_path) -> None:
    folder, layout = core(tmp_path)
    (folder / "CUST_20261120.dat").rename(folder / "CUST_20261119.dat")
    [said] = read(folder, layout=str(layout)).reading.refusals
    assert said.en == "CUST_20261119.dat: the business date should be 2026-11-20 and is 2026-11-19."


def test_two_files_for_one_place_are_no_delivery(tmp_path) -> None:
    folder, layout = core(tmp_path, ACCT_20261119__dat="")
    assert unreadable(folder, layout=str(layout)).code == "file_ambiguous"


TRAILER = 'trailer = {{ prefix = "T|", rows = 2, sums = {{ balance_total = 3 }} }}'.replace("{{", "{").replace("}}", "}")


@pytest.mark.parametrize(
    ("trailer", "refused"),
    [
        ("T|2|15.50\n", []),
        ("T|2|15.50", []),
        ("T|2|15.50\n\n\n", []),
        ("T|000002|0015.5\n", []),
        ("T|3|15.50\n", ["rows_differ"]),
        ("T|2|15.51\n", ["sum_differs"]),
        ("T|two|15.50\n", ["record_wrong"]),
        ("T|2\n", ["record_wrong"]),
        ("", ["record_missing"]),
        ("T|2|15.50\nA3|C1|1.00|0|\n", ["record_missing", "ceiling_exceeded"]),
    ],
)
def test_a_trailer_is_no_row_and_vouches_for_its_file(tmp_path, trailer, refused) -> None:
    folder, layout = core(tmp_path, accounts=TRAILER, trailer=trailer)
    outcome = read(folder, layout=str(layout))
    assert outcome.refused_for() == refused
    if not refused:
        assert outcome.reading.rows["accounts.csv"] == 2


def test_facts_may_stand_in_a_trailer_or_a_first_record(tmp_path) -> None:
    facts = """
        business_date = { from = "head", file = "accounts", field = 2, date = "%Y.%m.%d" }
        sequence = { from = "trailer", file = "accounts", field = [3, 4] }"""
    records = 'head = { prefix = "H" }\ntrailer = { prefix = "T" }'
    folder, layout = core(tmp_path, facts=facts, accounts=records, head="H|2026.11.20\n", trailer="T|0042|\n")
    outcome = read(folder, layout=str(layout))
    assert (outcome.delivery.sequence, outcome.delivery.business_date) == (42, date(2026, 11, 20))
    assert outcome.refused_for() == []
    assert [row["line"] for row in outcome.tables["accounts"]] == [2, 3]


def test_without_the_record_that_tells_the_date_there_is_no_delivery(tmp_path) -> None:
    facts = 'business_date = { from = "head", file = "accounts", field = 2 }'
    folder, layout = core(tmp_path, facts=facts, accounts='head = { prefix = "H" }')
    assert unreadable(folder, layout=str(layout)).code == "fact_missing"


FLAG = 'flag = { path = "{stem}.flg", rows = 1, bytes = 2, md5 = 3 }'


def _flag(folder: Path, rows: str = "2") -> str:
    content = (folder / "ACCT_20261120.dat").read_bytes()
    return f"{rows}|{len(content)}|{hashlib.md5(content).hexdigest().upper()}\n"


def test_a_flag_file_says_that_its_file_is_whole_and_may_vouch_for_it(tmp_path) -> None:
    folder, layout = core(tmp_path, accounts=FLAG)
    assert unreadable(folder, layout=str(layout)).code == "not_ready"
    flag = folder / "ACCT_20261120.flg"
    flag.write_text(_flag(folder))
    assert read(folder, layout=str(layout)).refused_for() == []
    assert ("ACCT_20261120.flg", None, None, "file_unknown") not in read(folder, layout=str(layout)).found()
    flag.write_text(_flag(folder, rows="3"))
    assert read(folder, layout=str(layout)).refused_for() == ["rows_differ"]
    (folder / "ACCT_20261120.dat").write_text("A1|C1|10.00|0|\nA2|C2|5.50|5.50|2026-11-02\n")
    assert read(folder, layout=str(layout)).refused_for() == ["checksum_differs", "rows_differ"]
    with (folder / "ACCT_20261120.dat").open("a") as file:
        file.write(" ")
    assert "bytes_differ" in read(folder, layout=str(layout)).refused_for()
    flag.write_text("")
    assert read(folder, layout=str(layout)).refused_for() == ["record_wrong"]


def test_an_empty_flag_file_is_enough_when_nothing_is_asked_of_it(tmp_path) -> None:
    folder, layout = core(tmp_path, accounts='flag = { path = "{name}.ok" }')
    assert unreadable(folder, layout=str(layout)).code == "not_ready"
    (folder / "ACCT_20261120.dat.ok").touch()
    assert read(folder, layout=str(layout)).refused_for() == []


def test_a_ready_flag_stands_for_the_whole_delivery_and_its_date_must_agree(tmp_path) -> None:
    folder, layout = core(tmp_path, facts='ready = "DAY_{business_date:%Y%m%d}.ok"')
    assert unreadable(folder, layout=str(layout)).code == "not_ready"
    (folder / "DAY_20261120.ok").touch()
    assert read(folder, layout=str(layout)).refused_for() == []
    (folder / "DAY_20261120.ok").rename(folder / "DAY_20261119.ok")
    assert read(folder, layout=str(layout)).refused_for() == ["fact_differs"]


def test_a_folder_s_own_name_may_tell_the_date(tmp_path) -> None:
    folder, layout = core(tmp_path, facts='folder = "{business_date:%Y%m%d}-{sequence}"')
    folder.rename(tmp_path / "20261120-9")
    assert feed.open_delivery(tmp_path / "20261120-9", layout=str(layout), search=[]).sequence == 9


def test_a_manifest_may_vouch_for_a_bank_s_own_files(tmp_path) -> None:
    folder, layout = core(tmp_path, facts="manifest = true")
    layout.write_text(layout.read_text().replace('issuer = "corebank"', ""))
    vouch_for = [
        {"name": name, "rows": rows, "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()}
        for name, rows in (("CUST_20261120.dat", 2), ("CONT_x.dat", 1), ("ACCT_20261120.dat", 2))
    ]
    manifest = {"business_date": "2026-11-20", "issuer": "corebank", "layout": "core/1", "sequence": 1, "files": vouch_for}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert read(folder, layout=str(layout)).refused_for() == []
    assert feed.open_delivery(folder, layout=None, search=[tmp_path]).layout.name == "core/1"
    manifest["business_date"] = "2026-11-21"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert read(folder, layout=str(layout)).refused_for() == ["fact_differs", "fact_differs"]


# --- The check without a book -----------------------------------------------------------------------------------------


def test_the_check_says_all_that_a_delivery_alone_can_tell(tmp_path) -> None:
    rows = night([customer()], [contact()], [account(opened_on="2026-02-30")], [payment(account_id="OLD")], filler=300)
    folder = write(tmp_path / "d", rows, sums=("balance_total",))
    answer = feed.check(folder, layout=None, search=[], workspace=tmp_path / "w")
    assert set(answer) == {"ok", "files", "differences", "findings"}
    assert answer["ok"] is True
    assert answer["files"] == {"customers.csv": 301, "contact_points.csv": 301, "accounts.csv": 301, "payments.csv": 301}
    assert [(one["file"], one["line"], one["column"], one["code"]) for one in answer["findings"]] == [
        ("accounts.csv", 2, "opened_on", "cell_not_a_date"),
        ("payments.csv", 2, "account_id", "account_not_delivered"),
    ]
    assert all(set(one) == {"file", "line", "column", "code", "message_zh", "message_en"} for one in answer["findings"])
    json.dumps(answer)


def test_the_check_does_not_refuse_payments_to_accounts_only_the_book_knows(tmp_path) -> None:
    rows = night([customer()], [], [account()], [payment(number, account_id=f"OLD{number}") for number in range(50)])
    assert feed.check(write(tmp_path / "d", rows), layout=None, search=[], workspace=tmp_path / "w")["ok"] is True
    assert read(tmp_path / "d").refused_for() == ["ceiling_exceeded"]


def test_the_check_does_not_refuse_payments_to_accounts_set_aside_today(tmp_path) -> None:
    spoilt = account(opened_on="2026-02-30")
    folder = write(tmp_path / "d", night([customer()], [], [spoilt], [payment(n) for n in range(50)], filler=200))
    answer = feed.check(folder, layout=None, search=[], workspace=tmp_path / "w")
    assert answer["ok"] is True
    assert {one["code"] for one in answer["findings"] if one["file"] == "payments.csv"} == {"account_not_delivered"}


def test_the_check_says_why_a_night_would_be_refused(tmp_path) -> None:
    folder = write(tmp_path / "d", SOUND, business_date="2026-11-20")
    (folder / "customers.csv").write_bytes(b"")
    answer = feed.check(folder, layout=None, search=[], workspace=tmp_path / "w")
    assert answer["ok"] is False
    assert [one["code"] for one in answer["differences"]] == ["checksum_differs", "rows_differ", "header_missing"]
    assert all(one["message_zh"] and one["message_en"] for one in answer["differences"])
