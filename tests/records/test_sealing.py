"""Keys, seals, blind indexes and spellings: what cannot be read, moved or altered, and what is found all the same."""

from __future__ import annotations

import json
import os
import signal
import threading
import unicodedata
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from anhuan.records import sealing
from anhuan.records.sealing import Keyring, KeyUnknown, SealBroken, sealed_reader, spelled_phone

RING = Keyring(1, {1: b"1" * 32}, b"b" * 32, b"f" * 32)
OLD_AND_NEW = replace(RING, current=2, encryption={1: b"1" * 32, 2: b"2" * 32})

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


# --- Seals -----------------------------------------------------------------------------------------------------------


@given(plain=st.binary(max_size=300), row=texts)
def test_what_is_sealed_opens_again(plain, row):
    (sealed,) = RING.seal("customer", [row], [plain])
    assert RING.open("customer", row, sealed, 1) == plain


@given(plain=st.binary(max_size=60), row=texts, other=texts)
@example(plain=b"", row="1", other="2")
def test_a_seal_moved_to_another_row_or_table_does_not_open(plain, row, other):
    (sealed,) = RING.seal("customer", [row], [plain])
    if other != row:
        with pytest.raises(SealBroken):
            RING.open("customer", other, sealed, 1)
    with pytest.raises(SealBroken):
        RING.open("contact_point", row, sealed, 1)


@given(plain=st.binary(max_size=60), data=st.data())
def test_a_seal_with_a_flipped_bit_or_a_cut_end_does_not_open(plain, data):
    (sealed,) = RING.seal("customer", ["C1"], [plain])
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    flipped = bytearray(sealed)
    flipped[bit // 8] ^= 1 << bit % 8
    cut = sealed[: data.draw(st.integers(0, len(sealed) - 1))]
    for broken in (bytes(flipped), cut):
        with pytest.raises(SealBroken):
            RING.open("customer", "C1", broken, 1)


def test_the_same_text_is_never_sealed_alike():
    sealed = RING.seal("customer", ["C1"] * 1000, [b"same"] * 1000)
    assert len(set(sealed)) == 1000
    assert len({value[: sealing.NONCE_BYTES] for value in sealed}) == 1000


def test_the_current_key_seals_and_the_old_one_still_opens():
    (old,) = RING.seal("customer", ["C1"], [b"then"])
    (new,) = OLD_AND_NEW.seal("customer", ["C1"], [b"now"])
    assert OLD_AND_NEW.open("customer", "C1", old, 1) == b"then"
    assert OLD_AND_NEW.open("customer", "C1", new, 2) == b"now"
    with pytest.raises(KeyUnknown, match="no key 2"):
        RING.open("customer", "C1", new, 2)
    with pytest.raises(SealBroken):
        OLD_AND_NEW.open("customer", "C1", new, 1)


# --- The keyring -----------------------------------------------------------------------------------------------------


def test_a_keyring_is_read_as_it_is_written():
    assert Keyring.read(json.loads(json.dumps(OLD_AND_NEW.written()))) == OLD_AND_NEW


def test_a_keyring_never_prints_its_keys():
    shown = f"{OLD_AND_NEW!r} {OLD_AND_NEW!s}"
    assert "current=2" in shown
    for key in (b"1" * 32, b"2" * 32, b"b" * 32, b"f" * 32):
        assert key.hex() not in shown
        assert key.decode() not in shown


@pytest.mark.parametrize(
    "spoilt",
    [
        {"current": 3},
        {"blind": "62" * 31},
        {"blind": "zz" * 32},
        {"blind": "66" * 32},  # the fingerprint key once more
        {"encryption": {"0": "31" * 32}, "current": 0},
        {"encryption": ["31" * 32]},
        {"fingerprint": None},
    ],
)
def test_a_spoilt_keyring_is_refused_without_quoting_it(spoilt):
    with pytest.raises(ValueError, match="key") as refusal:
        Keyring.read(RING.written() | spoilt)
    assert refusal.value.__cause__ is None
    assert not any(isinstance(value, str) and value in str(refusal.value) for value in spoilt.values())


# --- Spellings -------------------------------------------------------------------------------------------------------

FULL_WIDTH = {ord(sign): chr(ord(sign) + 0xFEE0) for sign in "0123456789+-()ABCXYZabcxyz@."}
separators = st.sampled_from(["", " ", "-", "  ", " - ", "\u3000", "–", "."])


@st.composite
def written(draw: Any, groups: list[str]) -> str:
    """The groups of a number with whatever people put between them, in whatever width they type."""
    text = draw(separators).join(groups)
    return draw(st.sampled_from([text, text.translate(FULL_WIDTH), f" {text} ", f"{text}\u200b"]))


@st.composite
def mobiles(draw: Any) -> tuple[str, str]:
    """A mobile number and one of its spellings."""
    digits = "1" + draw(st.integers(3_000_000_000, 9_999_999_999).map(str))
    country = draw(st.sampled_from(["", "+86", "0086", "86", "+86 ", "(+86)", "0", "+86(0)", "tel:+86", "手机："]))
    return digits, country + draw(written([digits[:3], digits[3:7], digits[7:]]))


@given(mobiles())
@example(("13812345678", "＋８６　１３８－１２３４－５６７８"))
@example(("13812345678", "+86-138-1234-5678"))
@example(("13812345678", "8613812345678"))
@example(("13812345678", "008613812345678"))
@example(("13812345678", "13812345678转801"))
@example(("13812345678", "13812345678 / 13900000000"))
def test_every_spelling_of_a_mobile_number_is_one_number(number):
    digits, spelled = number
    assert spelled_phone(spelled) == "+86" + digits
    assert RING.index("mobile", spelled) == RING.index("phone", digits)


@pytest.mark.parametrize(
    "spelled",
    ["010-12345678", "(010)12345678", "010 1234 5678", "+86 10 12345678", "+86(0)10-12345678", "0086-10-12345678",
     "01012345678", "861012345678", "０１０－１２３４５６７８", "010-12345678-801", "010-12345678转801", "010-12345678 ext 9"],
)  # fmt: skip
def test_every_spelling_of_a_fixed_number_is_one_number(spelled):
    assert spelled_phone(spelled) == "+861012345678"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("12345678", "010-12345678"),  # without area code it is another city's as well
        ("021-12345678", "010-12345678"),
        ("13812345678", "13812345679"),
        ("+85298765432", "98765432"),
        ("+1 381 234 5678", "13812345678"),
        ("没有电话", "无"),
    ],
)
def test_unlike_numbers_stay_unlike(one, other):
    assert RING.index("phone", one) != RING.index("phone", other)


def test_numbers_abroad_keep_their_country():
    assert spelled_phone("+852 9876 5432") == spelled_phone("00852-98765432") == "+85298765432"


ID_NUMBERS = st.from_regex(r"[1-6][0-9]{16}[0-9X]", fullmatch=True)


@given(ID_NUMBERS, separators, st.booleans(), st.booleans())
def test_every_spelling_of_an_id_number_is_found(number, between, lower, wide):
    spelled = between.join([number[:6], number[6:14], number[14:]])
    spelled = spelled.lower() if lower else spelled
    spelled = spelled.translate(FULL_WIDTH) if wide else spelled
    assert RING.index("id_number", spelled) == RING.index("id_number", number)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("name", "王小明", " 王 小明 "),
        ("name", "王小明", "王\u3000小\u200b明"),
        ("name", "Anna Lee", "ANNA  LEE"),
        ("name", "Anna Lee", "Ａｎｎａ　Ｌｅｅ"),
        ("name", "买买提·吐尔逊", "买买提•吐尔逊"),
        ("name", "买买提·吐尔逊", "买买提吐尔逊"),
        ("name", "Straße", "STRASSE"),
        ("name", "José", unicodedata.normalize("NFD", "José")),
        ("email", "Anna.Lee@Example.COM", " anna.lee@example.com"),
        ("email", "anna@example.com", "ａｎｎａ＠ｅｘａｍｐｌｅ．ｃｏｍ"),
    ],
)
def test_usual_spellings_are_one(kind, one, other):
    assert RING.index(kind, one) == RING.index(kind, other) != None  # noqa: E711  and it is an index


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("name", "王小明", "王晓明"),
        ("name", "王小明", "王小"),
        ("email", "annalee@example.com", "anna.lee@example.com"),
        ("id_number", "110101199003074567", "11010119900307456X"),
        ("app", "deviceA", "devicea"),
    ],
)
def test_unlike_values_are_two(kind, one, other):
    assert RING.index(kind, one) != RING.index(kind, other)


@pytest.mark.parametrize("nothing", [None, "", "  ", "\u200b"])
@pytest.mark.parametrize("kind", [*sealing.SPELLINGS, "address"])
def test_nothing_has_no_index(kind, nothing):
    if not (kind == "app" and nothing == "\u200b"):
        assert RING.index(kind, nothing) is None


def test_an_address_has_no_index():
    assert RING.index("address", "北京市朝阳区某路1号") is None


def test_equal_texts_of_two_kinds_have_unlike_indexes():
    indexes = {kind: RING.index(kind, "13812345678") for kind in sealing.SPELLINGS}
    assert indexes.pop("mobile") == indexes["phone"]
    assert len(set(indexes.values())) == len(indexes)


@given(texts)
def test_another_blind_key_gives_another_index(text):
    index = RING.index("name", text)
    assert index is None or (len(index) == 16 and index != replace(RING, blind=b"c" * 32).index("name", text))


@examples(max_examples=400, deadline=None)
@given(texts)
@example("C¸")
@example("E.¯")
def test_a_text_folded_is_folded(text):
    for kind, spell in sealing.SPELLINGS.items():
        if kind not in ("phone", "mobile"):  # a spelled number is international; only real ones need be stable
            assert spell(spell(text)) == spell(text)


# --- Keys for DuckDB -------------------------------------------------------------------------------------------------


def test_fingerprint_keys_are_apart_and_follow_the_blind_key():
    keys = [RING.row_key("customer"), RING.row_key("contact_point"), RING.point_key()]
    assert len(set(keys)) == 3
    assert all(len(key) == 20 and key.isascii() for key in keys)
    reblinded = replace(RING, blind=b"c" * 32)
    assert reblinded.row_key("customer") != RING.row_key("customer")
    assert reblinded.point_key() == RING.point_key()
    assert OLD_AND_NEW.row_key("customer") == RING.row_key("customer")


# --- In bulk ---------------------------------------------------------------------------------------------------------


def clear_points(rows: int, batch: int = 1000) -> pa.RecordBatchReader:
    return (
        duckdb.connect(config={"threads": 1})
        .sql(
            "select 'P' || i as point_id, 'mobile' as kind, '138' || lpad(i::varchar, 8, '0') as value_index, "
            "'P' || i as seal_row, encode(json_array(i, null)::varchar) as seal_plain "
            f"from range({rows}) t(i)"
        )
        .to_arrow_reader(batch)
    )


@pytest.mark.parametrize("processes", [0, 2])
def test_a_stream_comes_out_sealed_in_its_order(processes):
    sealed = sealed_reader(RING, "contact_point", clear_points(7777), processes=processes)
    assert sealed.schema.names == ["point_id", "kind", "value_index", "sealed", "key_id"]
    rows = sealed.read_all().to_pylist()
    assert [row["point_id"] for row in rows] == [f"P{i}" for i in range(7777)]
    for i in (0, 999, 1000, 7776):
        assert RING.open("contact_point", f"P{i}", rows[i]["sealed"], rows[i]["key_id"]) == f"[{i},null]".encode()
        assert rows[i]["value_index"] == RING.index("phone", f"138{i:08}")


@pytest.mark.parametrize("processes", [0, 2])
def test_an_empty_stream_stays_empty(processes):
    assert sealed_reader(RING, "contact_point", clear_points(0), processes=processes).read_all().num_rows == 0


def test_a_stream_of_more_than_a_pipe_holds_does_not_stand_still():
    sealed = sealed_reader(RING, "contact_point", clear_points(60_000, 20_000), processes=2)
    assert sum(batch.num_rows for batch in sealed) == 60_000


def test_a_reader_that_gives_up_leaves_no_child_and_no_thread_behind():
    sealed = sealed_reader(RING, "contact_point", clear_points(200_000), processes=2)
    sealed.read_next_batch()
    del sealed
    assert not any(thread.name == "sealing-feed" for thread in threading.enumerate())


def test_a_child_that_dies_is_an_error_and_not_fewer_rows(monkeypatch):
    children = []

    class Mortal(sealing._Child):
        def __init__(self, *given):
            super().__init__(*given)
            children.append(self.process)

    monkeypatch.setattr(sealing, "_Child", Mortal)
    sealed = sealed_reader(RING, "contact_point", clear_points(400_000), processes=2)
    sealed.read_next_batch()
    os.kill(children[1].pid, signal.SIGKILL)
    with pytest.raises((RuntimeError, OSError, pa.ArrowException)):
        for _ in sealed:
            pass


def test_a_source_that_fails_is_an_error_and_not_fewer_rows():
    def failing():
        yield from clear_points(3000)
        raise ZeroDivisionError

    clear = pa.RecordBatchReader.from_batches(clear_points(0).schema, failing())
    with pytest.raises(ZeroDivisionError):
        sealed_reader(RING, "contact_point", clear, processes=2).read_all()


def test_a_child_given_a_spoilt_keyring_says_what_failed_but_quotes_nothing(monkeypatch, capfd):
    monkeypatch.setattr(Keyring, "written", lambda _self: {"current": 1, "encryption": {"1": "secret"}})
    with pytest.raises(pa.ArrowInvalid):
        sealed_reader(RING, "contact_point", clear_points(10), processes=1).read_all()
    said = capfd.readouterr().err
    assert "ValueError" in said
    assert "secret" not in said
