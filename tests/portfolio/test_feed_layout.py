"""A layout that is wrong says where, before any file is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from anhuan.portfolio import feed
from anhuan.portfolio.feed import layout as layouts

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "firstbank" / "layouts" / "firstbank-core.toml"

SOUND = """
layout = "core/3"
[delivery]
issuer = "b"
business_date = { from = "trailer", file = "accounts", field = 2, date = "%Y%m%d" }
[defaults]
separator = "|"
[files.customers]
path = "c_{sequence}.txt"
[files.contact_points]
path = "p.txt"
header = false
[files.contact_points.columns]
customer_id = 1
kind = { column = 2, values = { M = "mobile" }, otherwise = "other" }
value = 3
party = { constant = "debtor" }
reserved = { column = 5, values = { Y = "true" }, otherwise = "false" }
[files.accounts]
path = "a.txt"
trailer = { prefix = "T", rows = 3, sums = { balance_total = 4 } }
"""


def broken(text: str) -> feed.FeedUnreadable:
    with pytest.raises(feed.FeedUnreadable) as raised:
        layouts.read(text.encode(), "core.toml")
    assert raised.value.code == "layout_broken"
    assert "core.toml" in raised.value.zh
    return raised.value


def test_a_sound_layout_says_what_it_says() -> None:
    layout = layouts.read(SOUND.encode(), "core.toml")
    assert (layout.name, layout.manifest, list(layout.files)) == (
        "core/3",
        False,
        ["customers.csv", "contact_points.csv", "accounts.csv"],
    )
    contacts = layout.files["contact_points.csv"]
    assert (contacts.separator, contacts.quote, contacts.header, contacts.fields) == ("|", "", False, 5)
    assert contacts.columns is not None
    assert contacts.columns["party"][0].constant == "debtor"
    assert "payments.csv" not in layout.files


def test_the_name_of_the_file_is_the_name_of_the_layout_unless_it_says_otherwise() -> None:
    assert layouts.read(SOUND.replace('layout = "core/3"', "").encode(), "my-core.toml").name == "my-core/1"


@pytest.mark.parametrize(
    ("sound", "spoilt", "where"),
    [
        ('layout = "core/3"', 'layout = "core"', "layout"),
        ('layout = "core/3"', 'layout = "core/3"\ncolour = "red"', "colour"),
        ('issuer = "b"', "", "delivery.issuer"),
        ('issuer = "b"', 'issuer = "b"\nholidays = 3', "delivery.holidays"),
        ('from = "trailer"', 'from = "middle"', "delivery.business_date.from"),
        ('from = "trailer"', 'from = "flag"', "delivery.business_date.from"),
        ('file = "accounts"', 'file = "cards"', "delivery.business_date.file"),
        ("field = 2, ", "", "delivery.business_date.field"),
        ("field = 2, ", "field = 0, ", "delivery.business_date.field"),
        ("field = 2, ", "field = [1], ", "delivery.business_date.field"),
        ('"%Y%m%d"', '"%Y%m"', "delivery.business_date.date"),
        ('"%Y%m%d"', '"%d-%b-%Y"', "delivery.business_date.date"),
        ('separator = "|"', 'separator = "|"\npath = "x"', "defaults.path"),
        ('separator = "|"', 'separator = ""', "separator"),
        ('separator = "|"', 'separator = "|"\nwidths = [1]', "separator"),
        ('separator = "|"', 'separator = "|"\nencoding = "utf-16"', "encoding"),
        ('separator = "|"', 'separator = "|"\nquote = "\'"', "quote"),
        ('separator = "|"', 'separator = "|"\nmoney = "fen"', "money"),
        ('separator = "|"', 'separator = "|"\ntrim = "yes"', "trim"),
        ('separator = "|"', 'separator = "|"\nempty = [0]', "empty"),
        ('[files.accounts]\npath = "a.txt"', "[files.accounts]", "files.accounts.path"),
        ('path = "a.txt"', 'path = "in/a.txt"', "files.accounts.path"),
        ('path = "a.txt"', 'path = "a.txt"\nflag = { path = "{business_date}.ok" }', "files.accounts.flag.path"),
        ('path = "a.txt"', 'path = "a.txt"\ncolumns = { account_id = 1 }', "files.accounts.columns.customer_id"),
        ("[files.accounts]", "[files.cards]", "files.cards"),
        ("rows = 3, ", 'rows = "3", ', "files.accounts.trailer.rows"),
        ("prefix", "prefixes", "files.accounts.trailer.prefixes"),
        ("customer_id = 1", "customer_id = 0", "files.contact_points.columns.customer_id"),
        ("customer_id = 1", "customer_id = true", "files.contact_points.columns.customer_id"),
        ("customer_id = 1", 'customer_id = "客户号"', "files.contact_points.columns.customer_id"),
        ("customer_id = 1", "customer_id = [1, 2]", "files.contact_points.columns.customer_id"),
        ("customer_id = 1", "", "files.contact_points.columns.customer_id"),
        ("value = 3", "value = 3\nnumber = 4", "files.contact_points.columns.number"),
        ("value = 3", "value = { column = 3, constant = 'x' }", "files.contact_points.columns.value"),
        ("value = 3", "value = { column = 3, values = { a = 1 } }", "files.contact_points.columns.value.values"),
        ("header = false", "header = false\nfields = 4", "files.contact_points.columns.reserved"),
        ("header = false", "header = false\nwidths = [1, 2, 3, 4]", "files.contact_points.separator"),
        ("header = false", "header = false\nwidths = [0]", "files.contact_points.widths"),
    ],
)
def test_a_wrong_key_is_named(sound, spoilt, where) -> None:
    assert sound in SOUND
    said = broken(SOUND.replace(sound, spoilt))
    assert f"wrong at {where}" in said.en or f"{where}:" in said.en


def test_a_file_without_header_needs_its_columns() -> None:
    assert "files.customers.columns" in broken(SOUND.replace('separator = "|"', 'separator = "|"\nheader = false')).en


def test_a_layout_must_describe_every_file_but_payments() -> None:
    cut = SOUND[: SOUND.index("[files.contact_points]")] + SOUND[SOUND.index("[files.accounts]") :]
    assert "files.contact_points" in broken(cut).en


def test_what_is_no_toml_is_told_with_its_place() -> None:
    assert "line 2" in broken('layout = "a/1"\n[delivery\n').en


def test_a_layout_in_another_encoding_is_told_so() -> None:
    with pytest.raises(feed.FeedUnreadable, match="TOML"):
        layouts.read('title_zh = "核心"'.encode("gbk"), "core.toml")


def test_fixed_widths_take_no_header() -> None:
    text = SOUND.replace('path = "p.txt"\nheader = false', 'path = "p.txt"\nheader = true\nwidths = [1, 2, 3, 4, 5]').replace(
        '[defaults]\nseparator = "|"', ""
    )
    assert "files.contact_points.header" in broken(text).en


def test_shipped_and_example_layouts_are_sound() -> None:
    shipped = [file for file in layouts.SHIPPED.iterdir() if file.name.endswith(".toml")]
    assert "canonical.toml" in [file.name for file in shipped]
    for file in shipped:
        assert layouts.find(file.name.removesuffix(".toml"), []).name.startswith(file.name.removesuffix(".toml"))
    assert layouts.find(str(EXAMPLE), []).name == "firstbank-core/1"
