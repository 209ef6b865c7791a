"""One night in many forms: encodings, separators, quotes, line ends, fixed widths and Parquet read to the same rows."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from tests.portfolio.bankform import COUNTS, DATES, MONEY, TRUTHS, bank_layout, plain, write_bank
from tests.portfolio.feeds import (
    COLUMNS,
    DAY,
    NAMES,
    Outcome,
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

SOUND = night([customer()], [contact(value="北京市朝阳区建国路 88 号", kind="address")], [account()], [payment()])


# --- The canonical form -----------------------------------------------------------------------------------------------


def changed(tmp_path: Path, change) -> Outcome:
    """The sound night with the bytes of every file changed."""
    folder = write(tmp_path / "d", SOUND)
    for name in NAMES:
        (folder / name).write_bytes(change((folder / name).read_bytes()))
    return read(vouch(folder, SOUND))


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("LF", lambda raw: raw),
        ("CR LF", lambda raw: raw.replace(b"\n", b"\r\n")),
        ("no final line end", lambda raw: raw[:-1]),
        ("CR LF but at the end", lambda raw: raw.replace(b"\n", b"\r\n")[:-2]),
        ("byte order mark", lambda raw: b"\xef\xbb\xbf" + raw),
        ("mixed line ends", lambda raw: raw.replace(b"\n", b"\r\n", 1)),
        ("a final Ctrl-Z as mainframes write it", lambda raw: raw + b"\x1a"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_line_ends_and_marks_do_not_matter(tmp_path, what, change) -> None:
    outcome = changed(tmp_path, change)
    assert plain(outcome) == plain(read(write(tmp_path / "same", SOUND)))
    assert outcome.refused_for() == []
    assert [one[3] for one in outcome.found()] == (["line_blank"] * 4 if "Ctrl-Z" in what else [])


QUOTED = [
    "plain", "comma, inside", 'a "quoted" word', '"', '""', 'ends with "', '" begins', ",", '","', "单引号'", " spaces ", "|", "\t", ";",
    "\x1f", "#", "\\", "\\N", "NULL", "{'a': 1}", "100%", "𠮷野家", "e\u0301", "\u2028", "\x85", "\u200b", "\ufffd",
]  # fmt: skip


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL], ids=["minimal", "all"])
def test_quoting_follows_rfc_4180(tmp_path, quoting) -> None:
    rows = night([customer(number, name=text, employer=text[::-1]) for number, text in enumerate(QUOTED)])
    folder = write(tmp_path / "d", rows)
    (folder / "customers.csv").write_bytes(as_csv("customers.csv", rows["customers.csv"], quote=quoting))
    outcome = read(vouch(folder, rows))
    assert outcome.found() == []
    assert outcome.ids("customers", "name") == QUOTED
    assert outcome.ids("customers", "employer") == [text[::-1] for text in QUOTED]


def test_every_line_may_quote_as_it_likes(tmp_path) -> None:
    rows = night([customer(number) for number in range(4)], filler=200)
    folder = write(tmp_path / "d", rows)
    lines = (folder / "customers.csv").read_text().splitlines()
    lines[1] = ",".join(f'"{cell}"' for cell in lines[1].split(","))
    lines[2] = lines[2].replace("王小明", '"王小明"').replace(",mass,", ',"",')
    lines[3] = lines[3].replace("王小明", '"王,小明"')
    (folder / "customers.csv").write_text("\n".join(lines) + "\n")
    outcome = read(vouch(folder, rows))
    assert outcome.found() == []
    assert outcome.ids("customers", "name")[:4] == ["王小明", "王小明", "王,小明", "王小明"]
    assert outcome.ids("customers", "segment")[:4] == ["mass", None, "mass", "mass"]


@pytest.mark.parametrize(
    "name",
    ['王"小明', '王"小明"', '"王"小明', '"王小明', '王小明"', '"王"",小明', '"王小明" ', '"王\n小明"'],
    ids=[
        "inside",
        "pair inside",
        "text after",
        "never closed",
        "never opened",
        "doubled, never closed",
        "blank after",
        "line break",
    ],
)
def test_quotes_that_make_no_sense_set_the_line_aside_and_no_other(tmp_path, name) -> None:
    rows = night([customer(1), customer(2)], filler=600)
    folder = write(tmp_path / "d", rows)
    file = folder / "customers.csv"
    file.write_text(file.read_text().replace("王小明", name, 1))
    outcome = read(vouch(folder, rows, sums=()))
    said = outcome.found("customers.csv")
    assert {code for _, _, _, code in said} == {"line_quoting"}
    assert {line for _, line, _, _ in said} == ({2, 3} if "\n" in name else {2})
    assert len(outcome.tables["customers"]) == 601


def test_a_line_break_inside_a_field_refuses_by_its_row_count(tmp_path) -> None:
    rows = night([customer(1, name="王\n小明")], filler=600)
    outcome = read(write(tmp_path / "d", rows))
    assert outcome.refused_for() == ["rows_differ"]


# --- Bytes that are no text -------------------------------------------------------------------------------------------


def recovered(text: str) -> bytes:
    """The bytes a kept row was delivered as: what was no text stands in it byte by byte."""
    return b"".join(bytes([ord(one) - 0x10F600]) if 0x10F600 <= ord(one) <= 0x10F6FF else one.encode() for one in text)


@pytest.mark.parametrize(
    "spoilt",
    [b"\xff\xfe", "王小明".encode("gbk"), b"a\x00b", b"a\rb", b"\xed\xa0\x80", b"\xf4\x8f\x98\x80"],
    ids=["no UTF-8", "GBK", "NUL", "lone CR", "surrogate", "our own mark"],
)
def test_a_cell_that_is_no_text_is_set_aside_with_its_bytes_recoverable(tmp_path, spoilt) -> None:
    rows = night([customer()], filler=200)
    folder = write(tmp_path / "d", rows)
    file = folder / "customers.csv"
    file.write_bytes(file.read_bytes().replace("王小明".encode(), spoilt, 1))
    outcome = read(vouch(folder, rows))
    assert outcome.found() == [("customers.csv", 2, "name", "cell_undecodable")]
    raw = outcome.aside()["customers.csv", 2]["raw"]
    assert recovered(raw).startswith(b"C1," + (spoilt if spoilt != b"\xf4\x8f\x98\x80" else b"\0") + b",passport,E1,")
    assert outcome.refused_for() == []


def test_a_nul_in_a_key_leaves_no_key(tmp_path) -> None:
    rows = night([customer()], [], [account()], filler=200)
    folder = write(tmp_path / "d", rows)
    file = folder / "accounts.csv"
    file.write_bytes(file.read_bytes().replace(b"A1,", b"A\x001,", 1))
    outcome = read(vouch(folder, rows))
    assert outcome.codes("accounts.csv", 2) == {("account_id", "cell_undecodable")}
    assert outcome.aside()["accounts.csv", 2]["key"] is None


@pytest.mark.parametrize("encoding", ["gb18030", "big5"])
def test_a_file_in_the_wrong_encoding_refuses_and_names_the_one_it_looks_like(tmp_path, encoding) -> None:
    rows = night([customer(number, name="陳小明", employer="大同公司") for number in range(50)])
    folder = write(tmp_path / "d", rows)
    (folder / "customers.csv").write_bytes(as_csv("customers.csv", rows["customers.csv"]).decode().encode(encoding))
    outcome = read(vouch(folder, rows))
    assert outcome.refused_for() == ["ceiling_exceeded", "encoding_wrong"]
    assert "it looks like gb18030" in outcome.reading.refusals[1].en or "it looks like big5" in outcome.reading.refusals[1].en
    assert "layout" in outcome.reading.refusals[1].en


def test_a_hopeless_file_is_read_without_end_of_patience(tmp_path) -> None:
    rows = night([customer(number, name="王小明", employer="示例公司" * 40) for number in range(3000)])
    folder = write(tmp_path / "d", rows)
    (folder / "customers.csv").write_bytes(as_csv("customers.csv", rows["customers.csv"]).decode().encode("gb18030"))
    outcome = read(vouch(folder, rows))
    assert outcome.refused_for() == ["ceiling_exceeded", "encoding_wrong"]
    assert outcome.reading.set_aside["customers.csv"] == 3000


def test_utf_8_read_as_something_else_is_told(tmp_path) -> None:
    layout = tmp_path / "wrong.toml"
    layout.write_text(
        '[delivery]\nmanifest = true\n[defaults]\nencoding = "latin-1"\nquote = \'"\'\n'
        + "".join(f'[files.{name.removesuffix(".csv")}]\npath = "{name}"\n' for name in NAMES)
    )
    outcome = read(write(tmp_path / "d", SOUND), layout=str(layout))
    assert [one for one in outcome.found() if one[3] == "encoding_suspect"] == [
        ("contact_points.csv", None, None, "encoding_suspect"),
        ("customers.csv", None, None, "encoding_suspect"),
    ]


# --- Parquet ----------------------------------------------------------------------------------------------------------


def _typed(name: str, money: pa.DataType, day: pa.DataType) -> pa.Schema:
    def kind(column: str) -> pa.DataType:
        if column in MONEY:
            return money
        if column in DATES:
            return day
        if column == "flags":
            return pa.list_(pa.string())
        return pa.bool_() if column in TRUTHS else pa.int16() if column in COUNTS else pa.string()

    return pa.schema([(column, kind(column)) for column in COLUMNS[name]])


def _values(row: Row, schema: pa.Schema) -> dict[str, object]:
    """The cells of a row as a typed writer would give them."""

    def value(column: str, cell: str) -> object:
        kind = schema.field(column).type
        if column == "flags":
            return cell.split(";") if cell else None
        if cell == "":
            return None
        if pa.types.is_decimal(kind):
            return Decimal(cell)
        if pa.types.is_floating(kind):
            return float(cell)
        if pa.types.is_integer(kind):
            return int(cell)
        if pa.types.is_boolean(kind):
            return cell == "true"
        if pa.types.is_temporal(kind):
            return datetime.fromisoformat(cell) if pa.types.is_timestamp(kind) else date.fromisoformat(cell)
        return cell

    return {column: value(column, cell) for column, cell in row.items()}


MIXED = night(
    [customer(1, flags="staff;vulnerable"), customer(2, name='a "b", c', birth_date="", region_code="")],
    [contact(1, valid="", place="home"), contact(2, party="relative", person_id="R1", reserved="false")],
    [
        account(1, credit_limit="0.07", behaviour_score=""),
        account(2, past_due_amount="0", past_due_since="", classification=""),
    ],
    [payment(1), payment(2, account_id="A2", kind="reversal", reverses="P1", amount="1234567.89")],
)


@pytest.mark.parametrize(
    ("money", "day"),
    [
        (pa.decimal128(18, 2), pa.date32()),
        (pa.decimal128(30, 4), pa.timestamp("us")),
        (pa.float64(), pa.timestamp("ms")),
        (pa.string(), pa.date64()),
    ],
    ids=["decimal(18,2), date", "decimal(30,4), timestamp", "double, timestamp", "text, date64"],
)
def test_typed_parquet_reads_as_csv_does(tmp_path, money, day) -> None:
    schemas = {name: _typed(name, money, day) for name in NAMES}
    typed = {name: [_values(row, schemas[name]) for row in rows] for name, rows in MIXED.items()}
    outcome = read(_write_typed(tmp_path / "p", typed, schemas))
    assert outcome.found() == []
    assert outcome.refused_for() == []
    assert plain(outcome) == plain(read(write(tmp_path / "c", MIXED)))


def _write_typed(folder: Path, typed, schemas) -> Path:
    import pyarrow.parquet as pq

    folder.mkdir()
    names = {name: name.replace(".csv", ".parquet") for name in NAMES}
    for name, file in names.items():
        pq.write_table(pa.Table.from_pylist(typed[name], schema=schemas[name]), folder / file)
    return vouch(folder, MIXED, names=names)


def test_parquet_of_text_reads_as_csv_does(tmp_path) -> None:
    assert plain(read(write_parquet(tmp_path / "p", MIXED))) == plain(read(write(tmp_path / "c", MIXED)))


def test_parquet_and_csv_may_be_mixed(tmp_path) -> None:
    folder = write(tmp_path / "d", MIXED)
    write_parquet(tmp_path / "p", MIXED)
    (folder / "accounts.csv").unlink()
    (tmp_path / "p" / "accounts.parquet").rename(folder / "accounts.parquet")
    outcome = read(vouch(folder, MIXED, names={"accounts.csv": "accounts.parquet"}))
    assert outcome.refused_for() == []
    assert plain(outcome) == plain(read(write(tmp_path / "c", MIXED)))


def test_the_rules_hold_for_parquet_and_lines_are_its_rows(tmp_path) -> None:
    rows = night([customer(1), customer(2, name="a\x00b"), customer(3, sex="x"), customer(3)], filler=400)
    outcome = read(write_parquet(tmp_path / "p", rows))
    assert outcome.found() == [
        ("customers.csv", 2, "name", "cell_undecodable"),
        ("customers.csv", 3, "customer_id", "key_repeated"),
        ("customers.csv", 3, "sex", "cell_not_listed"),
        ("customers.csv", 4, "customer_id", "key_repeated"),
    ]
    kept = json.loads(outcome.aside()["customers.csv", 3]["raw"])
    assert kept == customer(3, sex="x")
    assert outcome.aside()["customers.csv", 3]["key"] == "C3"


def test_a_parquet_column_of_a_kind_that_is_no_cell_refuses(tmp_path) -> None:
    import pyarrow.parquet as pq

    folder = write_parquet(tmp_path / "p", SOUND)
    table = pq.read_table(folder / "customers.parquet")
    broken = table.set_column(1, "name", pa.array([{"family": "王"}] * len(table)))
    pq.write_table(broken, folder / "customers.parquet")
    outcome = read(vouch(folder, SOUND, names={name: name.replace(".csv", ".parquet") for name in NAMES}))
    assert outcome.refused_for() == ["column_type"]


# --- A bank's own form ------------------------------------------------------------------------------------------------

SEPARATORS = {
    "|": "|",
    "|+|": "|+|",
    "escape": "\x1b",
    "etx": "\x03",
    "tab": "\t",
    "^A": "\x01",
    "long": "<=>;<=>",
    "dot": ".",
    "[": "[(",
}


@pytest.mark.parametrize("separator", SEPARATORS.values(), ids=SEPARATORS)
def test_any_separator_will_do(tmp_path, separator) -> None:
    rows = MIXED if separator not in {".", "[("} else SOUND
    outcome = read(write_bank(tmp_path / "b", rows, separator), layout=str(bank_layout(tmp_path, separator)))
    assert outcome.refused_for() == []
    assert outcome.found() == []
    assert plain(outcome) == plain(read(write(tmp_path / "c", rows)))


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "gb18030"])
def test_encodings_and_headers_of_its_own(tmp_path, encoding) -> None:
    folder = write_bank(tmp_path / "b", MIXED, "|", encoding=encoding, end="\r\n", header=True)
    outcome = read(folder, layout=str(bank_layout(tmp_path, "|", encoding=encoding, header=True)))
    assert outcome.found() == []
    assert plain(outcome) == plain(read(write(tmp_path / "c", MIXED)))


def test_a_character_whose_second_byte_is_the_separator_does_not_part_its_field(tmp_path) -> None:
    rows = night([customer(1, employer="亅")])
    assert b"|" in "亅".encode("gbk")
    outcome = read(
        write_bank(tmp_path / "b", rows, "|", encoding="gbk"), layout=str(bank_layout(tmp_path, "|", encoding="gbk"))
    )
    assert outcome.found() == []
    assert outcome.tables["customers"][0]["employer"] == "亅"


def test_quotes_are_text_where_the_layout_does_not_name_them(tmp_path) -> None:
    rows = night([customer(1, name='"王"小明', employer='"')])
    outcome = read(write_bank(tmp_path / "b", rows, "|"), layout=str(bank_layout(tmp_path, "|")))
    assert outcome.found() == []
    assert (outcome.tables["customers"][0]["name"], outcome.tables["customers"][0]["employer"]) == ('"王"小明', '"')


def test_a_trailing_separator_is_no_field_and_a_line_without_it_is_cut_short(tmp_path) -> None:
    layout = bank_layout(tmp_path, "|+|", more="trailing_separator = true")
    rows = night([customer(1), customer(2)], filler=200)
    folder = write_bank(tmp_path / "b", rows, "|+|", end="|+|\n")
    assert read(folder, layout=str(layout)).found() == []
    file = folder / "CUSTOMERS.CSV.dat"
    file.write_bytes(file.read_bytes().replace(b"|+|\n", b"\n", 1))
    vouch(folder, rows, names={name: f"{name.upper()}.dat" for name in NAMES}, layout="bank/1")
    assert read(folder, layout=str(layout)).found() == [("customers.csv", 1, None, "line_fields")]


def test_whole_minor_units_take_neither_point_nor_more_than_is_kept(tmp_path) -> None:
    rows = night([customer(1)], [], [account(1)], filler=300)
    folder = write_bank(tmp_path / "b", rows, "|")
    for amount, code in (
        ("5000000.00", "cell_not_money"),
        ("9" * 19, "cell_too_large"),
        ("5e6", "cell_not_money"),
        ("000123", None),
    ):
        file = folder / "ACCOUNTS.CSV.dat"
        lines = file.read_text("gb18030").splitlines()
        cells = lines[0].split("|")
        cells[6] = amount
        file.write_text("\n".join(["|".join(cells), *lines[1:]]) + "\n", "gb18030")
        vouch(folder, rows, names={name: f"{name.upper()}.dat" for name in NAMES}, layout="bank/1", sums=())
        outcome = read(folder, layout=str(bank_layout(tmp_path, "|")))
        assert outcome.codes("accounts.csv", 1) == ({("credit_limit", code)} if code else set())
    assert outcome.tables["accounts"][0]["credit_limit_minor"] == 123


def test_a_control_total_in_major_units_holds_for_whole_minor_units_of_several_currencies(tmp_path) -> None:
    yen = account(2, customer_id="C1", currency="JPY", balance_total="7", principal="7", interest="", penalty="", fees="")
    yen |= {"instalment_unbilled": "", "credit_limit": "", "minimum_due": "", "last_payment_amount": "", "past_due_amount": "1"}
    rows = night([customer(1)], [], [account(1), yen], [payment(1), payment(2, account_id="A2", amount="3")])
    outcome = read(write_bank(tmp_path / "b", rows, "|"), layout=str(bank_layout(tmp_path, "|")))
    assert outcome.refused_for() == []
    assert plain(outcome) == plain(read(write(tmp_path / "c", rows)))


# --- Fixed widths -----------------------------------------------------------------------------------------------------

FIXED = """
[delivery]
issuer = "wide"
folder = "{business_date}"
[defaults]
quote = '"'
[files.customers]
path = "CUST"
encoding = "%s"
quote = ""
widths = [6, 10, 4, 8]
width_unit = "%s"
date = "%%Y%%m%%d"
columns = { customer_id = 1, name = 2, employer = 3, birth_date = { column = 4, empty = ["00000000"] } }
[files.contact_points]
path = "contact_points.csv"
[files.accounts]
path = "accounts.csv"
"""


def fixed(tmp_path: Path, lines: list[bytes], *, encoding: str = "gbk", unit: str = "bytes") -> Outcome:
    layout = tmp_path / "fixed.toml"
    layout.write_text(FIXED % (encoding, unit))
    folder = tmp_path / DAY.isoformat()
    folder.mkdir(exist_ok=True)
    for name in ("contact_points.csv", "accounts.csv"):
        (folder / name).write_bytes(as_csv(name, []))
    (folder / "CUST").write_bytes(b"".join(line + b"\r\n" for line in lines))
    return read(folder, layout=str(layout), ceiling=Decimal(1))


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("gbk", "王小明"), ("gb18030", "王㐀明"), ("gb18030", "𠮷明"), ("utf-8", "王小明"), ("big5", "陳小明")],
)
def test_fixed_widths_count_the_bytes_of_the_file_s_own_encoding(tmp_path, encoding, name) -> None:
    def line(number: int, name: str, employer: str) -> bytes:
        return f"C{number:<5}".encode() + name.encode(encoding).ljust(10) + employer.encode(encoding).ljust(4) + b"19900102"

    short = "大" if encoding == "utf-8" else "大同"
    outcome = fixed(tmp_path, [line(1, name, short), line(2, "Li Ming", ""), line(3, name, "a")], encoding=encoding)
    assert outcome.found("customers.csv") == []
    assert [(row["customer_id"], row["name"], row["employer"]) for row in outcome.tables["customers"]] == [
        ("C1", name, short),
        ("C2", "Li Ming", None),
        ("C3", name, "a"),
    ]
    assert {str(row["birth_date"]) for row in outcome.tables["customers"]} == {"1990-01-02"}


def test_fixed_widths_may_count_characters(tmp_path) -> None:
    line = "C1    王小明       大同公司19900102".encode()
    assert [row["employer"] for row in fixed(tmp_path, [line], encoding="utf-8", unit="characters").tables["customers"]] == [
        "大同公司"
    ]


def test_a_line_of_another_length_or_with_a_halved_character_is_set_aside(tmp_path) -> None:
    sound = b"C1    " + "王小明".encode("gbk").ljust(10) + "大同".encode("gbk") + b"19900102"
    shifted = b"C2    " + b"x" * 9 + "大".encode("gbk") + b"abc" + b"19900102"  # 大 lies across the second border
    outcome = fixed(tmp_path, [sound, shifted, sound[:-1].replace(b"C1", b"C3"), sound.replace(b"C1", b"C4") + b" ", b"C5"])
    assert outcome.found("customers.csv") == [("customers.csv", line, None, "line_width") for line in (2, 3, 4, 5)]
    assert [outcome.aside()["customers.csv", line]["key"] for line in (2, 3, 4, 5)] == ["C2", "C3", "C4", None]
    assert outcome.aside()["customers.csv", 2]["raw"] == shifted.decode("gbk")
    assert outcome.ids("customers", "customer_id") == ["C1"]


def test_padding_is_taken_off_also_the_wide_blank(tmp_path) -> None:
    sound = b"C1    " + "王小　　".encode("gbk") + b"  " + "　　".encode("gbk") + b"00000000"
    [row] = fixed(tmp_path, [sound]).tables["customers"]
    assert (row["name"], row["employer"], row["birth_date"]) == ("王小", None, None)
