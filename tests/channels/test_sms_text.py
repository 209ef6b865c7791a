"""Texts as parts, parts as text, and the words of receipts; nothing here needs a message centre."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anhuan.channels.sms.receipts import key, read
from anhuan.channels.sms.text import GSM7, UCS2, TooLong, count_parts, decode, encode, part_of
from anhuan.channels.transport import Delivery

GSM_LETTERS = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./09:;<=>?¡AZÄÖÑÜ§¿azäöñüà^{}\\[~]|€\f"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 0), ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("€" * 80, 1), ("€" * 81, 2),
        ("还" * 70, 1), ("还" * 71, 2), ("还" * 134, 2), ("还" * 135, 3), ("😀" * 35, 1), ("😀" * 36, 2), ("a" * 70 + "还", 2),
    ],
)  # fmt: skip
def test_parts_are_counted_as_networks_charge_them(text, parts):
    assert count_parts(text) == parts


def test_a_letter_of_two_units_is_never_cut_in_half():
    _, parts = encode("a" * 152 + "€" + "a" * 10, 7)
    assert [len(part) - 6 for part in parts] == [152, 12]
    _, parts = encode("还" * 66 + "😀" + "还" * 10, 7)
    assert [(len(part) - 6) // 2 for part in parts] == [66, 12]


@given(st.text(max_size=600).filter(lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text)))
def test_every_text_comes_back_from_its_parts(text):
    coding, parts = encode(text, 3)
    pieces = [part_of(part) for part in parts] if len(parts) > 1 else []
    joined = "".join(decode(piece.data, coding) for piece in pieces) if pieces else decode(parts[0], coding)
    assert joined == text
    assert [(piece.reference, piece.total, piece.number) for piece in pieces] == [
        (3, len(parts), number) for number in range(1, len(pieces) + 1)
    ]
    assert all(len(part) <= (160 if coding == GSM7 else 140) for part in parts)


@given(st.text(alphabet=GSM_LETTERS, min_size=1, max_size=400))
def test_what_the_seven_bit_alphabet_has_is_not_sent_in_sixteen(text):
    assert encode(text, 0)[0] == GSM7
    assert encode(text + "还", 0)[0] == UCS2


@pytest.mark.parametrize(
    ("coding", "data"),
    [(0, b"T\x00"), (1, b"T@"), (3, b"T@"), (8, b"\0T\0@"), (15, b"T@"), (24, b"\0T\0@")],
)
def test_a_reply_is_read_in_whatever_alphabet_it_comes(coding, data):
    assert decode(data, coding) == "T@"
    assert decode("退订".encode("gb18030"), 15) == "退订"


def test_a_text_of_more_than_255_parts_is_refused():
    with pytest.raises(TooLong):
        encode("还" * 67 * 256, 0)


def test_a_header_with_a_wide_reference_is_read_as_well():
    part = part_of(bytes([6, 8, 4, 1, 2, 3, 1]) + b"hello")
    assert (part.reference, part.total, part.number, part.data) == (0x0102, 3, 1, b"hello")


RECEIPT = "id:0a1 sub:001 dlvrd:001 submit date:2606101000 done date:{done} stat:{stat} err:{err} text:x"


@pytest.mark.parametrize(
    ("stat", "err", "delivery", "code", "permanent"),
    [
        ("DELIVRD", "000", Delivery.DELIVERED, "smpp:DELIVRD", False),
        ("UNDELIV", "027", Delivery.NOT_DELIVERED, "smpp:UNDELIV:027", False),
        ("EXPIRED", "0", Delivery.NOT_DELIVERED, "smpp:EXPIRED", False),
        ("REJECTD", "8", Delivery.NOT_DELIVERED, "smpp:REJECTD:8", True),
    ],
)
def test_a_final_word_is_read_from_the_text(stat, err, delivery, code, permanent):
    told = read(RECEIPT.format(done="2606101001", stat=stat, err=err), zone=UTC)
    assert (told.delivery, told.code, told.permanent) == (delivery, code, permanent)
    assert (told.reference, told.at) == ("0a1", datetime(2026, 6, 10, 10, 1, tzinfo=UTC))


@pytest.mark.parametrize("stat", ["ENROUTE", "ACCEPTD", "UNKNOWN", "", "NONSENSE"])
def test_what_is_not_final_tells_nothing(stat):
    assert read(RECEIPT.format(done="2606101001", stat=stat, err="0")) is None


def test_parameters_go_before_the_text():
    told = read(RECEIPT.format(done="260610100130", stat="UNDELIV", err="0"), reference="real", state=2)
    assert (told.reference, told.delivery, told.at) == ("real", Delivery.DELIVERED, None)


def test_a_time_that_cannot_be_read_is_left_out():
    assert read(RECEIPT.format(done="9999999999", stat="DELIVRD", err="0"), zone=UTC).at is None


def test_message_ids_are_compared_as_the_contract_says_they_are_spelt():
    assert key("0000A1") == key("a1")
    assert key("161", "decimal") == key("A1")
    assert key("a1", "hexadecimal") == key("161")
    assert key("161") != key("a1")
    assert key("not-a-number", "decimal") == "not-a-number"
