"""What is shown of a person: masks for everybody, and looks in clear that leave a trace."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tests.records.delivered import AT, RING, Bank, customer, point, seen

from anhuan.acts import identity as acts
from anhuan.portfolio.feed.sentences import Sentence
from anhuan.records import identity
from anhuan.records.case import Case
from anhuan.records.events import Event
from anhuan.records.identity import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def bank() -> Bank:
    return Bank()


# --- Masks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mask", "clear", "shown"),
    [
        (identity.mask_name, "王小明", "王**"),
        (identity.mask_name, "王明", "王*"),
        (identity.mask_name, "欧阳修", "欧阳*"),
        (identity.mask_name, "欧阳", "欧*"),
        (identity.mask_name, "王", "*"),
        (identity.mask_name, "J. Smith", "J*** S***"),
        (identity.mask_name, "John Smith", "J*** S***"),
        (identity.mask_name, "买买提·吐尔逊", "买**·吐**"),
        (identity.mask_name, "", ""),
        (identity.mask_phone, "13812345678", "138****5678"),
        (identity.mask_phone, "+86 138-1234-5678", "138****5678"),
        (identity.mask_phone, "010-12345678", "010-****5678"),
        (identity.mask_phone, "0755-1234567", "0755-****567"),
        (identity.mask_phone, "12345678", "****678"),
        (identity.mask_phone, "95588", "****"),
        (identity.mask_phone, "400-810-8888", "****888"),
        (identity.mask_phone, "+85298765432", "+85*****432"),
        (identity.mask_phone, "没有", "****"),
        (identity.mask_email, "anna@example.com", "a***@e***.com"),
        (identity.mask_email, "anna@mail.example.com.cn", "a***@m***.cn"),
        (identity.mask_email, "anna@localhost", "a***@***"),
        (identity.mask_email, "anna", "***"),
        (identity.mask_email, "", ""),
        (identity.mask_id_number, "110101199003074512", "110***********4512"),
        (identity.mask_id_number, "E12345678", "E******78"),
        (identity.mask_id_number, "E123", "****"),
        (identity.mask_address, "广东省深圳市南山区科技路1号", "广东省深圳市***"),
        (identity.mask_address, "北京市朝阳区某路1号", "北京市***"),
        (identity.mask_address, "内蒙古自治区呼和浩特市新城区", "内蒙古自治区呼和浩特市***"),
        (identity.mask_address, "贵州省黔东南苗族侗族自治州凯里市", "贵州省黔东南苗族侗族自治州***"),
        (identity.mask_address, "广东人民路8号超市", "广东***"),
        (identity.mask_address, "人民路8号超市二楼", "***"),
        (identity.mask_address, "", ""),
        (identity.mask_birth_date, "1990-03-07", "1990-**-**"),
        (identity.mask_birth_date, "", ""),
        (identity.mask_text, "某某公司", "某***"),
        (identity.mask_text, "某", "***"),
        (identity.mask_text, " ", ""),
    ],
)
def test_masks(mask, clear, shown):
    assert mask(clear) == shown


@examples(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="*"), max_size=30))  # a star hides nothing
def test_no_mask_fails_or_shows_all_of_what_it_hides(text):
    for mask in (*identity.MASKS.values(), identity.mask_name, identity.mask_id_number, identity.mask_text):
        shown = mask(text)
        assert text.strip() not in shown or not text.strip() or set(text.strip()) <= set("* .-@·•‧・∙⋅")


@given(st.from_regex(r"\+?[0-9]{5,15}", fullmatch=True))
def test_a_masked_number_keeps_digits_to_itself(number):
    shown = sum(sign.isdigit() for sign in identity.mask_phone(number))
    told = sum(sign.isdigit() for sign in number)
    assert shown == 0 or told - shown >= 3
    assert shown <= 8


def test_a_page_of_names_is_one_query(bank, django_assert_num_queries):
    bank.night([customer(), customer("C2", name="Anna Lee"), customer("C3", name=None)], [])
    with django_assert_num_queries(1):
        names = identity.masked_names(["C1", "C2", "C3", "C4"], ring=RING)
    assert names == {"C1": "欧阳**", "C2": "A*** L***", "C3": ""}


# --- Looks in clear --------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(bank: Bank) -> Bank:
    bank.night(
        [customer()],
        [
            point(),
            point(value="010-87654321", kind="phone", party="relative", party_name="李四娘"),
            point(value="a@b.com", kind="email"),
        ],
    )
    Case.objects.create(case_id="C1", status="open", bucket=1)
    return bank


def look(**changed: Any) -> Person | Sentence:
    asked = {"fields": ["name", "phone"], "reason": "客户来电，核对身份 20261120", "at": AT, "by": "li.na", "ring": RING}
    return acts.reveal("C1", **asked | changed)


def test_a_look_shows_what_was_asked_and_masks_the_rest(desk):
    person = look()
    assert isinstance(person, Person)
    assert (person.name, person.id_number) == ("欧阳小明", "110***********451X")
    assert {(p.kind, p.value, p.party_name) for p in person.points} == {
        ("mobile", "138-1234-5678", ""), ("phone", "010-87654321", "李四娘"), ("email", "a***@b***.com", ""),
    }  # fmt: skip


def test_a_look_at_one_number_leaves_the_others_masked(desk):
    (own,) = [p for p in seen().points if p.kind == "mobile"]
    person = look(fields=["phone"], points=[own.point_id])
    assert isinstance(person, Person)
    assert sorted(p.value for p in person.points) == ["010-****4321", "138-1234-5678", "a***@b***.com"]
    assert Event.objects.get().body["points"] == [str(own.point_id)]


def test_a_look_leaves_one_event_with_who_why_and_what_but_no_value(desk):
    look()
    event = Event.objects.get()
    assert (event.chain, event.kind, event.by, event.at) == ("C1", "identity.revealed", "li.na", AT)
    assert event.body == {"fields": ["name", "phone"], "reason": "客户来电，核对身份 20261120"}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"reason": ""}, "reason_missing"),
        ({"reason": " \n\u3000"}, "reason_missing"),
        ({"reason": "核" * 201}, "reason_too_long"),
        ({"reason": "欧阳 小明来电"}, "reason_quotes_person"),
        ({"reason": "打 138 1234 5678 核实"}, "reason_quotes_person"),
        ({"reason": "身份证 11010119900307451x"}, "reason_quotes_person"),
        ({"reason": "李四娘说的"}, "reason_quotes_person"),
        ({"fields": []}, "field_unknown"),
        ({"fields": ["name", "sealed"]}, "field_unknown"),
    ],
)
def test_a_look_without_a_fit_reason_or_field_is_refused_and_leaves_nothing(desk, changed, code):
    refusal = look(**changed)
    assert isinstance(refusal, Sentence)
    assert refusal.code == code
    assert refusal.zh
    assert refusal.en
    assert not Event.objects.exists()


def test_a_look_at_nobody_is_refused(desk):
    for case_id in ("C2", ""):
        refusal = acts.reveal(case_id, fields=["name"], reason="核对", at=AT, by="li.na", ring=RING)
        assert isinstance(refusal, Sentence)
        assert refusal.code == "case_unknown"


def test_rows_set_aside_are_kept_sealed_and_read_back_with_an_event(bank):
    raw = 'C9,"王,五",13812345678'
    bank.night([], [], [{"file": "customers.csv", "key": "C9", "raw": raw}, {"file": "accounts.csv", "key": None, "raw": "?"}])
    first, second = acts.set_aside_rows(1, reason="修复", at=AT, by="li.na", ring=RING)
    assert (first.file, first.key) == ("accounts.csv", "")
    assert (second.file, second.line, second.key, second.raw) == ("customers.csv", 2, "C9", raw)
    assert "王" not in repr(second)
    event = Event.objects.get()
    assert (event.chain, event.kind, event.by) == ("", "identity.revealed", "li.na")
    assert event.body == {"fields": ["set_aside_rows"], "night": 1, "rows": 2, "reason": "修复"}
    for sequence, reason, code in ((2, "修复", "night_unknown"), (1, "", "reason_missing")):
        refusal = acts.set_aside_rows(sequence, reason=reason, at=AT, by="li.na", ring=RING)
        assert isinstance(refusal, Sentence)
        assert refusal.code == code
