"""People in records: what a night writes and what it leaves alone, who is found, what nobody reads."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tests.records.delivered import AT, CUSTOMERS, RING, TWO_KEYS, Bank, all_rows, customer, point, seen, undone
from tests.thorough import tries

from anhuan.acts import apart, keys
from anhuan.acts import identity as acts
from anhuan.records import identity
from anhuan.records.case import Case
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.sealing import KeyUnknown, SealBroken

pytestmark = pytest.mark.django_db


@pytest.fixture
def bank(tmp_path) -> Bank:
    return Bank(folder=tmp_path / "fingerprints")


# --- Nights ----------------------------------------------------------------------------------------------------------


def test_a_first_night_is_read_back_as_it_was_delivered(bank):
    relative = point(value="010-87654321", kind="phone", party="relative", party_name="李四", person_id="P9", reserved=False)
    counted = bank.night([customer(), customer("C2", name="John Smith", employer=None, flags=[])], [point(), relative])
    assert counted["customers"] == {"new": 2, "changed": 0, "returned": 0, "absent": 0}
    assert counted["contact_points"] == {"new": 2, "changed": 0, "returned": 0, "absent": 0}

    person = seen()
    assert (person.name, person.id_number, person.birth_date, person.employer) == (
        "欧阳小明", "11010119900307451X", "1990-03-07", "某某科技有限公司",
    )  # fmt: skip
    own, other = person.points
    assert (own.value, own.kind, own.party, own.place, own.valid, own.reserved) == (
        "138-1234-5678", "mobile", "debtor", "home", True, True,
    )  # fmt: skip
    assert (other.value, other.party_name, other.person_id, other.reserved) == ("010-87654321", "李四", "P9", False)
    assert other.source == "card contract"
    stored = Customer.objects.get(pk="C2")
    assert (stored.sex, stored.segment, stored.flags, stored.absent_since) == ("m", "mass", [], None)
    assert seen("C2").employer == ""
    assert identity.unsealed("C3", ring=RING) is None


def test_the_same_night_again_changes_not_a_byte(bank):
    delivered = [customer(), customer("C2")], [point(), point("C2")], [{"file": "customers.csv", "key": "C9", "raw": "C9,x"}]
    bank.night(*delivered)
    before = all_rows()
    bank.night(*delivered, again=True)
    after = all_rows()
    assert after["Customer"] == before["Customer"]
    assert after["ContactPoint"] == before["ContactPoint"]
    assert len(after["SetAsideRow"]) == 1


def test_a_later_night_seals_only_what_changed(bank):
    bank.night([customer(), customer("C2")], [point(), point("C2")])
    before = all_rows()
    counted = bank.night([customer(segment="gold"), customer("C2"), customer("C3")], [point(), point("C2", place="work")])
    after = all_rows()
    assert counted["customers"] == {"new": 1, "changed": 1, "returned": 0, "absent": 0}
    assert counted["contact_points"] == {"new": 0, "changed": 1, "returned": 0, "absent": 0}
    assert after["Customer"]["C2"] == before["Customer"]["C2"]
    assert after["Customer"]["C1"]["segment"] == "gold"
    assert after["Customer"]["C1"]["sealed"] != before["Customer"]["C1"]["sealed"]
    changed = [key for key, row in after["ContactPoint"].items() if row != before["ContactPoint"][key]]
    assert [after["ContactPoint"][key]["customer_id"] for key in changed] == ["C2"]


def test_what_follows_from_the_date_or_the_line_is_no_change(bank):
    bank.night([customer(), customer("C2")], [point(), point("C2")])
    counted = bank.night([customer("C2", age=37), customer(age=37)], [point("C2"), point()])
    nothing = {"new": 0, "changed": 0, "returned": 0, "absent": 0}
    assert counted["customers"] == counted["contact_points"] == nothing


def test_who_is_no_longer_delivered_is_absent_since_that_night_until_she_returns(bank):
    bank.night([customer(), customer("C2")], [point(), point("C2")])
    bank.night([customer()], [point()])
    gone_on = bank.today
    bank.night([customer()], [point()])
    assert Customer.objects.get(pk="C2").absent_since == gone_on
    assert [p.absent_since for p in seen("C2").points] == [gone_on]
    assert seen("C2").name == "欧阳小明"
    assert Customer.objects.get(pk="C1").absent_since is None

    sealed = bytes(Customer.objects.get(pk="C2").sealed)
    counted = bank.night([customer(), customer("C2")], [point(), point("C2", place="work")])
    assert counted["customers"] == {"new": 0, "changed": 0, "returned": 1, "absent": 0}
    assert counted["contact_points"] == {"new": 0, "changed": 1, "returned": 0, "absent": 0}
    assert Customer.objects.get(pk="C2").absent_since is None
    assert bytes(Customer.objects.get(pk="C2").sealed) == sealed
    assert [p.absent_since for p in seen("C2").points] == [None]


def test_whose_row_was_set_aside_is_not_absent(bank):
    everyone = [customer(f"C{i}") for i in range(1, 5)], [point(f"C{i}") for i in range(1, 5)]
    bank.night(*everyone)
    aside = [{"file": "customers.csv", "key": "C2", "raw": "C2,…"}, {"file": "contact_points.csv", "key": "C3", "raw": "C3,…"}]
    counted = bank.night([customer(), customer("C3")], [point()], aside)
    assert counted["customers"]["absent"] == 1
    assert counted["contact_points"]["absent"] == 1
    assert list(Customer.objects.filter(absent_since=None).order_by("pk").values_list("pk", flat=True)) == ["C1", "C2", "C3"]
    assert [p.absent_since for p in seen("C3").points] == [None]
    assert bank.night(*everyone)["contact_points"] == {"new": 0, "changed": 0, "returned": 1, "absent": 0}


def test_a_contact_point_delivered_twice_is_one_and_the_better_row_stands(bank):
    rows = [point(place="work", reserved=False), point(), point(), point(place="other", reserved=None)]
    bank.night([customer()], rows)
    (first,) = seen().points
    assert (first.reserved, first.place) == (True, "home")
    for order in itertools.islice(itertools.permutations(rows), 0, None, 5):
        counted = bank.night([customer()], list(order))
        assert counted["contact_points"] == {"new": 0, "changed": 0, "returned": 0, "absent": 0}
    bank.night([customer()], [rows[0]])
    assert [p.place for p in seen().points] == ["work"]
    bank.night([customer()], rows)
    assert [p.place for p in seen().points] == ["home"]


def test_unknown_and_empty_are_two_things(bank):
    bank.night([customer(employer=None)], [point(source=None)])
    counted = bank.night([customer(employer="")], [point(source="")])
    assert counted["customers"]["changed"] == counted["contact_points"]["changed"] == 1


def test_a_new_blind_key_has_the_next_night_write_its_indexes_afresh(bank):
    bank.night([customer()], [point()])
    bank.ring = replace(RING, blind=b"c" * 32)
    assert identity.search("phone", "13812345678", ring=bank.ring) == []
    counted = bank.night([customer()], [point()])
    assert counted["customers"]["changed"] == counted["contact_points"]["changed"] == 1
    assert identity.search("phone", "13812345678", ring=bank.ring) == ["C1"]
    assert identity.search("name", "欧阳小明", ring=bank.ring) == ["C1"]


@pytest.mark.parametrize(
    ("ring", "error"),
    [
        (replace(RING, encryption={1: b"x" * 32}), SealBroken),
        (replace(RING, current=2, encryption={2: b"1" * 32}), KeyUnknown),
        (replace(RING, fingerprint=b"x" * 32), SealBroken),
    ],
)
def test_a_night_under_a_foreign_keyring_is_refused_whole(bank, ring, error):
    bank.night([customer()], [point()])
    before = all_rows()
    bank.ring = ring
    with pytest.raises(error):
        bank.night([customer(segment="gold")], [point()])
    assert all_rows() == before


def test_no_key_ever_stands_in_a_statement(bank):
    asked: list[str] = []

    class Listening:
        def __init__(self, duck: duckdb.DuckDBPyConnection) -> None:
            self.duck = duck

        def cursor(self) -> Listening:
            return Listening(self.duck.cursor())

        def __getattr__(self, name: str) -> Callable[..., Any]:
            def ask(text: Any, *rest: Any, **named: Any) -> Any:
                asked.append(str(text))
                return getattr(self.duck, name)(text, *rest, **named)

            return ask

    bank.duck = Listening(bank.duck)
    bank.night([customer()], [point()])
    bank.night([customer(segment="gold")], [point(place="work")])
    assert any("sha256" in statement for statement in asked)
    for secret in (RING.row_key("customer"), RING.row_key("contact_point"), RING.point_key(), RING.fingerprint.hex()):
        assert not any(secret in statement for statement in asked)


def test_many_rows_go_through_children_and_come_out_the_same(bank, monkeypatch):
    monkeypatch.setattr(acts, "_MANY_ROWS", 10)
    bank.night([customer(f"C{i:03}", name=f"王{i}") for i in range(50)])
    assert [seen(f"C{i:03}").name for i in (0, 7, 49)] == ["王0", "王7", "王49"]
    assert identity.search("name", "王 7", ring=RING) == ["C007"]


def test_a_heap_of_many_spans_is_compared_whole(bank, monkeypatch):
    monkeypatch.setattr(apart, "_HEAP_PAGES", 2)
    bank.folder = None
    people = [customer(f"客户{i:04}") for i in range(300)]
    bank.night(people, [point(row["customer_id"]) for row in people])
    counted = bank.night(people, [point(row["customer_id"]) for row in people])
    assert counted["customers"] == counted["contact_points"] == {"new": 0, "changed": 0, "returned": 0, "absent": 0}


def test_a_night_finds_what_is_stored_in_its_own_file(bank, monkeypatch):
    bank.night([customer(), customer("C2")], [point(), point("C2")])
    monkeypatch.setattr(apart, "_stored", None)  # PostgreSQL is not asked any more
    for _ in range(2):
        counted = bank.night([customer(segment="gold")], [point(), point(value="139-8765-4321")])
    assert counted["customers"] == counted["contact_points"] == {"new": 0, "changed": 0, "returned": 0, "absent": 0}
    back = bank.night([customer(segment="gold"), customer("C2")], [point(), point("C2")])
    assert back["customers"] == {"new": 0, "changed": 0, "returned": 1, "absent": 0}
    assert back["contact_points"] == {"new": 0, "changed": 0, "returned": 1, "absent": 1}
    again = bank.night([customer(segment="gold"), customer("C2")], [point(), point("C2")])
    assert again["customers"] == again["contact_points"] == {"new": 0, "changed": 0, "returned": 0, "absent": 0}


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def _bent(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-40] ^= 1
    file.write_bytes(content)


def _older(file: Path) -> None:
    file.write_bytes(file.with_suffix(".older").read_bytes())


@pytest.mark.parametrize("spoil", [Path.unlink, _cut, _bent, _older])
def test_a_file_that_is_not_whole_or_not_the_last_one_is_not_believed(bank, spoil):
    bank.night([customer(), customer("C2")])
    file = bank.folder / "records_customer.sealed"
    file.with_suffix(".older").write_bytes(file.read_bytes())
    bank.night([customer(segment="gold"), customer("C2")])
    spoil(file)
    counted = bank.night([customer(segment="gold"), customer("C3")])
    assert counted["customers"] == {"new": 1, "changed": 0, "returned": 0, "absent": 1}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE records_customer SET fingerprint = gen_random_uuid() WHERE customer_id = 'C1'",
        "UPDATE records_customer SET absent_since = '2026-01-01' WHERE customer_id = 'C1'",
        "DELETE FROM records_customer WHERE customer_id = 'C1'",
        "TRUNCATE records_customer",
    ],
)
def test_what_anybody_else_changes_is_seen_by_the_next_night(bank, change):
    bank.night([customer()])
    bank.night([customer(), customer("C2")])
    with connection.cursor() as cursor:
        cursor.execute(change)
    bank.night([customer(), customer("C2")])
    assert list(Customer.objects.order_by("pk").values_list("pk", "absent_since")) == [("C1", None), ("C2", None)]
    assert bank.night([customer(), customer("C2")])["customers"] == {"new": 0, "changed": 0, "returned": 0, "absent": 0}


def test_the_file_of_a_night_that_was_undone_is_not_believed(bank):
    bank.night([customer()])
    with undone():
        bank.night([customer(segment="gold"), customer("C2")])
    counted = bank.night([customer(segment="gold"), customer("C2")])
    assert counted["customers"] == {"new": 1, "changed": 1, "returned": 0, "absent": 0}


def test_nothing_of_a_person_stands_in_the_file(bank):
    bank.night([customer()], [point()])
    written = b"".join(file.read_bytes() for file in bank.folder.iterdir())
    assert not any(told.encode() in written for told in ("C1", "欧阳小明", "138-1234-5678"))
    assert {file.stat().st_mode & 0o777 for file in bank.folder.iterdir()} == {0o600}


tricky = st.one_of(
    st.none(), st.sampled_from(["", "a", "ab", "b", '"', '",', "null", "\\", "\x1f", "\x00", "1", "é", "é", "王"])
)
parts = st.tuples(tricky, tricky, tricky)
_duck = duckdb.connect(config={"threads": 1})


@examples(max_examples=tries(60), deadline=None)
@given(st.lists(parts, min_size=2, max_size=40))
@example([("a", "b", None), ("ab", "", None), ("a", "b", ""), ("", "ab", None)])
@example([('a","b', None, None), ("a", "b", None), ("a", '","b', None)])
@example([("null", None, None), (None, "null", None), (None, None, "null")])
def test_fingerprints_are_equal_exactly_when_rows_are(told):
    rows = [{"line": line, **customer(name=a, employer=b, segment=c)} for line, (a, b, c) in enumerate(told)]
    _duck.register("delivered", pa.Table.from_pylist(rows, CUSTOMERS))
    _duck.execute("create or replace table customers as from delivered")
    delivered = apart.Apart(apart.CUSTOMERS, _duck, RING, None)
    delivered._digest()
    delivered._mark()
    digests = [digest for (digest,) in _duck.execute("select fingerprint from identity_now order by line").fetchall()]
    assert len(set(zip(told, digests, strict=True))) == len(set(told)) == len(set(digests))
    marks = _duck.execute("select first_mark, second_mark from identity_marks order by line").fetchall()
    assert len(set(zip(told, marks, strict=True))) == len(set(told)) == len(set(marks))


people = st.dictionaries(
    st.sampled_from(["C1", "C2", "C3"]),
    st.tuples(
        st.sampled_from(["A", "B"]),
        st.lists(st.tuples(st.sampled_from(["1", "2"]), st.sampled_from(["home", "work"]), st.booleans()), max_size=3),
    ),
)


@examples(max_examples=tries(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(people, st.booleans()), min_size=1, max_size=5))
def test_any_sequence_of_nights_ends_as_its_deliveries_say(nights):
    """Against the plainest model there is: a dictionary by key, the best row of each key, absent since it left."""
    with undone(), TemporaryDirectory() as folder:
        bank, customers, points = Bank(duck=_duck), {}, {}
        for told, has_file in nights:
            bank.folder = Path(folder) if has_file else None
            rows = [
                point(who, f"1380000000{number}", place=place, reserved=reserved)
                for who, (_, numbers) in told.items()
                for number, place, reserved in numbers
            ]
            random.Random(len(rows)).shuffle(rows)
            bank.night([customer(who, segment=segment) for who, (segment, _) in told.items()], rows)
            today = {who: segment for who, (segment, _) in told.items()}
            customers = _after(customers, today, bank.today)
            numbers: dict[tuple[str, str], tuple[bool, set[str]]] = {}
            for row in rows:
                reserved, places = numbers.get((row["customer_id"], row["value"]), (False, set()))
                if row["reserved"] >= reserved:
                    better = row["reserved"] > reserved
                    places = {row["place"]} | (set() if better else places)
                    numbers[row["customer_id"], row["value"]] = (row["reserved"], places)
            points = _after(points, numbers, bank.today)
            stored = Customer.objects.values_list("customer_id", "segment", "absent_since")
            assert {who: (segment, since) for who, segment, since in stored} == customers
            found = {(who, p.value): p for who in customers for p in seen(who).points}
            assert found.keys() == points.keys()
            for key, ((reserved, places), since) in points.items():
                assert (found[key].reserved, found[key].absent_since) == (reserved, since)
                assert found[key].place in places


def _after(before: dict[Any, Any], told: dict[Any, Any], today: date) -> dict[Any, Any]:
    absent = {key: (value, since or today) for key, (value, since) in before.items() if key not in told}
    return absent | {key: (value, None) for key, value in told.items()}


# --- Nothing in clear ------------------------------------------------------------------------------------------------


def test_nothing_personal_stands_in_clear_in_any_column_of_the_database(bank):
    secrets = ["欧阳小明", "11010119900307451X", "1990-03-07", "某某科技有限公司", "138-1234-5678", "13812345678",
               "anna@example.com", "朝阳区某某路", "李四娘", "买买提", "赵六"]  # fmt: skip
    points = [
        point(),
        point(value="anna@example.com", kind="email"),
        point(value="北京市朝阳区某某路1号", kind="address"),
        point(value="+86 138 1234 5678", party="relative", party_name="李四娘", source="赵六说的"),
    ]
    bank.night([customer()], points, [{"file": "customers.csv", "key": "C9", "raw": "C9,买买提,13812345678"}])
    Case.objects.create(case_id="C1", status="open", bucket=1)
    acts.reveal("C1", fields=["name", "phone"], reason="核对身份", at=AT, by="li.na", ring=RING)
    acts.set_aside_rows(1, reason="修复", at=AT, by="li.na", ring=RING)
    keys.rotate_keys(at=AT, by="system:keys", ring=TWO_KEYS)

    found, looked_at = [], 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
        )
        for table, column, kind in cursor.fetchall():
            plain = f'"{column}"' if kind == "bytea" else f"convert_to(\"{column}\"::text, 'UTF8')"
            cursor.execute(f'SELECT {plain} FROM {table} WHERE "{column}" IS NOT NULL')  # as pg_dump would write it, or plainer
            values = [bytes(value) for (value,) in cursor.fetchall()]
            looked_at += len(values) * (table == "records_contactpoint")
            found += [(table, column, word) for word in secrets for value in values if word.encode() in value]
    assert found == []
    assert looked_at >= 4 * 11
    assert len(set(ContactPoint.objects.values_list("value_index", flat=True))) == 3  # one number twice; no address


def test_sealed_values_of_two_rows_cannot_change_places(bank):
    bank.night([customer(), customer("C2", name="李四")], [])
    _, other = Customer.objects.order_by("pk")
    Customer.objects.filter(pk="C1").update(sealed=other.sealed)
    with pytest.raises(SealBroken):
        identity.unsealed("C1", ring=RING)
    assert seen("C2").name == "李四"


def test_a_person_prints_without_what_is_personal(bank):
    bank.night([customer()], [point(party_name="李四")])
    shown = repr(seen())
    assert "C1" in shown
    for secret in ("欧阳", "1101", "1990", "某某", "138", "李四"):
        assert secret not in shown


# --- Search ----------------------------------------------------------------------------------------------------------


def test_people_are_found_by_every_usual_spelling_and_by_nothing_else(bank):
    bank.night(
        [
            customer(),
            customer("C2", name="Anna  LEE", id_number="E12345678", id_type="passport"),
            customer("C3", name=None, id_number=None),
        ],
        [
            point(),
            point("C2", "０１０－８７６５４３２１", kind="phone"),
            point("C3", "+86 13812345678", party="relative"),
            point("C3", "Anna@Example.com", kind="email"),
            point("C3", "北京市朝阳区", kind="address"),
        ],
    )
    for kind, text, found in [
        ("phone", "+86 138 1234 5678", ["C1", "C3"]),
        ("mobile", "008613812345678", ["C1", "C3"]),
        ("phone", "(010) 8765-4321", ["C2"]),
        ("phone", "87654321", []),
        ("phone", "1381234567", []),
        ("name", "欧阳 小明", ["C1"]),
        ("name", "anna lee", ["C2"]),
        ("name", "anna", []),
        ("name", "", []),
        ("id_number", "11010119900307451x", ["C1"]),
        ("id_number", "e1234 5678", ["C2"]),
        ("email", "ANNA@example.com", ["C3"]),
        ("address", "北京市朝阳区", []),
    ]:
        assert identity.search(kind, text, ring=RING) == found, (kind, text)


def test_someone_no_longer_delivered_is_still_found(bank):
    bank.night([customer()], [point()])
    bank.night([customer("C2")], [])
    assert identity.search("phone", "13812345678", ring=RING) == ["C1"]


def test_a_search_reads_an_index_and_not_the_table(bank):
    bank.night([customer(f"C{i}") for i in range(500)], [point(f"C{i}", f"138{i:08}") for i in range(500)])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for table, column in (("customer", "name_index"), ("customer", "id_index"), ("contactpoint", "value_index")):
            cursor.execute(f"EXPLAIN SELECT FROM records_{table} WHERE {column} = '\\x00'::bytea")
            assert "Index" in cursor.fetchone()[0]
