"""People in records: what a night writes and what it leaves alone, who is found, what is shown, what nobody reads."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from anhuan.acts import identity as acts
from anhuan.acts import keys
from anhuan.portfolio.feed.sentences import Sentence
from anhuan.records import identity
from anhuan.records.case import Case
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.events import Event
from anhuan.records.identity import Person, SetAsideRow
from anhuan.records.sealing import Keyring, KeyUnknown, SealBroken

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
RING = Keyring(1, {1: b"1" * 32}, b"b" * 32, b"f" * 32)
TWO_KEYS = replace(RING, current=2, encryption={**RING.encryption, 2: b"2" * 32})

CUSTOMERS = pa.schema(
    [("line", pa.int64())]
    + [(name, pa.string()) for name in ("customer_id", "name", "id_type", "id_number")]
    + [("birth_date", pa.date32())]
    + [(name, pa.string()) for name in ("sex", "language", "timezone", "region_code", "employer", "segment")]
    + [("flags", pa.list_(pa.string())), ("age", pa.int16())]
)
POINTS = pa.schema(
    [("line", pa.int64())]
    + [(name, pa.string()) for name in ("customer_id", "kind", "value", "party", "party_name", "person_id", "place")]
    + [("valid", pa.bool_()), ("reserved", pa.bool_()), ("source", pa.string())]
)
SET_ASIDE = pa.schema([("file", pa.string()), ("line", pa.int64()), ("key", pa.string()), ("raw", pa.string())])


def customer(customer_id: str = "C1", **told: Any) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "name": "欧阳小明",
        "id_type": "resident_id",
        "id_number": "11010119900307451X",
        "birth_date": date(1990, 3, 7),
        "sex": "m",
        "language": "zh-CN",
        "timezone": "Asia/Shanghai",
        "region_code": "110101",
        "employer": "某某科技有限公司",
        "segment": "mass",
        "flags": ["student"],
        "age": 36,
    } | told


def point(customer_id: str = "C1", value: str = "138-1234-5678", **told: Any) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "kind": "mobile",
        "value": value,
        "party": "debtor",
        "party_name": None,
        "person_id": None,
        "place": "home",
        "valid": True,
        "reserved": True,
        "source": "card contract",
    } | told


@dataclass
class Bank:
    """Delivers nights to records, one after the other, as the feed would have read them."""

    sequence: int = 0
    ring: Keyring = RING
    duck: Any = field(default_factory=lambda: duckdb.connect(config={"threads": 1}))

    def night(
        self, customers: list[dict[str, Any]], points: list[dict[str, Any]] = [], aside: list[dict[str, Any]] = [],  # noqa: B006
        *, again: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        self.sequence += not again
        for name, schema, rows in (
            ("customers", CUSTOMERS, customers),
            ("contact_points", POINTS, points),
            ("set_aside", SET_ASIDE, aside),
        ):
            lined = [{"line": line, **row} for line, row in enumerate(rows, start=2)]
            self.duck.register("delivered", pa.Table.from_pylist(lined, schema))
            self.duck.execute(f"create or replace table {name} as from delivered")
        night = SimpleNamespace(sequence=self.sequence, business_date=self.today)
        with transaction.atomic():
            return acts.absorb(SimpleNamespace(con=self.duck), night=night, at=AT, by="system:night", ring=self.ring)

    @property
    def today(self) -> date:
        return date(2026, 11, 19) + timedelta(days=self.sequence)


@pytest.fixture
def bank() -> Bank:
    return Bank()


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside leaves no trace, so that one test can try many things."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def all_rows() -> dict[str, Any]:
    return {
        model.__name__: {row.pop(model._meta.pk.name): bytes_of(row) for row in model.objects.values()}
        for model in (Customer, ContactPoint, SetAsideRow)
    }


def bytes_of(row: dict[str, Any]) -> dict[str, Any]:
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()}


def seen(customer_id: str = "C1", ring: Keyring = RING) -> Person:
    person = identity.unsealed(customer_id, ring=ring)
    assert person is not None
    return person


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
    monkeypatch.setattr(acts, "_HEAP_PAGES", 2)
    people = [customer(f"客户{i:04}") for i in range(300)]
    bank.night(people, [point(row["customer_id"]) for row in people])
    counted = bank.night(people, [point(row["customer_id"]) for row in people])
    assert counted["customers"] == counted["contact_points"] == {"new": 0, "changed": 0, "returned": 0, "absent": 0}


tricky = st.one_of(
    st.none(), st.sampled_from(["", "a", "ab", "b", '"', '",', "null", "\\", "\x1f", "\x00", "1", "é", "é", "王"])
)
parts = st.tuples(tricky, tricky, tricky)
_duck = duckdb.connect(config={"threads": 1})


@examples(max_examples=60, deadline=None)
@given(st.lists(parts, min_size=2, max_size=40))
@example([("a", "b", None), ("ab", "", None), ("a", "b", ""), ("", "ab", None)])
@example([('a","b', None, None), ("a", "b", None), ("a", '","b', None)])
@example([("null", None, None), (None, "null", None), (None, None, "null")])
def test_fingerprints_are_equal_exactly_when_rows_are(told):
    rows = [{"line": line, **customer(name=a, employer=b, segment=c)} for line, (a, b, c) in enumerate(told)]
    _duck.register("delivered", pa.Table.from_pylist(rows, CUSTOMERS))
    _duck.execute("create or replace table customers as from delivered")
    acts._Absorption(acts._CUSTOMERS, _duck, None, RING, AT.date(), [])._digest()
    digests = [digest for (digest,) in _duck.execute("select fingerprint from identity_now order by line").fetchall()]
    assert len(set(zip(told, digests, strict=True))) == len(set(told)) == len(set(digests))


people = st.dictionaries(
    st.sampled_from(["C1", "C2", "C3"]),
    st.tuples(
        st.sampled_from(["A", "B"]),
        st.lists(st.tuples(st.sampled_from(["1", "2"]), st.sampled_from(["home", "work"]), st.booleans()), max_size=3),
    ),
)


@examples(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(people, min_size=1, max_size=5))
def test_any_sequence_of_nights_ends_as_its_deliveries_say(nights):
    """Against the plainest model there is: a dictionary by key, the best row of each key, absent since it left."""
    with undone():
        bank, customers, points = Bank(duck=_duck), {}, {}
        for told in nights:
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
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
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


# --- Keys ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sealed_under_one(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> Bank:
    monkeypatch.setattr(keys, "_BATCH_ROWS", 10)
    people = [customer(f"C{i:02}", name=f"王{i}") for i in range(35)]
    bank.night(
        people, [point(row["customer_id"]) for row in people], [{"file": "customers.csv", "key": "C99", "raw": "C99,李四"}]
    )
    return bank


def test_rotation_brings_every_row_under_the_new_key_and_keeps_what_it_says(sealed_under_one):
    told: list[tuple[str, int, int]] = []
    counted = keys.rotate_keys(at=AT, by="system:keys", ring=TWO_KEYS, progress=lambda *step: told.append(step))
    assert counted == 71
    assert identity.rows_by_key() == {2: 71}
    new_only = TWO_KEYS.without(1)
    assert [seen(f"C{i:02}", new_only).name for i in (0, 10, 34)] == ["王0", "王10", "王34"]
    assert seen("C34", new_only).points[0].value == "138-1234-5678"
    assert acts.set_aside_rows(1, reason="修复", at=AT, by="x", ring=new_only)[0].raw == "C99,李四"
    assert told[3] == ("customer", 35, 35)
    assert told[-1] == ("set_aside_row", 1, 1)


def test_rotation_touches_neither_indexes_nor_fingerprints(sealed_under_one):
    before = all_rows()
    keys.rotate_keys(at=AT, by="system:keys", ring=TWO_KEYS)
    for table, rows in all_rows().items():
        for key, row in rows.items():
            same = {name: value for name, value in row.items() if name not in ("sealed", "key_id")}
            assert same == {name: value for name, value in before[table][key].items() if name not in ("sealed", "key_id")}
    sealed_under_one.ring = TWO_KEYS
    people = [customer(f"C{i:02}", name=f"王{i}") for i in range(35)]
    counted = sealed_under_one.night(people, [point(row["customer_id"]) for row in people])
    assert counted["customers"] == {"new": 0, "changed": 0, "returned": 0, "absent": 0}


@pytest.mark.django_db(transaction=True)
def test_a_rotation_cut_short_goes_on_where_it_was(sealed_under_one):
    def cut(table: str, done: int, _rows: int) -> None:
        if (table, done) == ("contact_point", 20):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keys.rotate_keys(at=AT, by="system:keys", ring=TWO_KEYS, progress=cut)
    assert identity.rows_by_key() == {1: 16, 2: 55}
    assert seen("C00", TWO_KEYS).name == "王0"
    assert not Event.objects.exists()
    assert keys.rotate_keys(at=AT, by="system:keys", ring=TWO_KEYS) == 16
    assert identity.rows_by_key() == {2: 71}
    assert Event.objects.get(kind="keys.rotated").body["current"] == 2


def test_a_rotation_leaves_one_event_however_often_it_is_asked(sealed_under_one):
    for _ in range(3):
        keys.rotate_keys(at=AT, by="system:keys", ring=TWO_KEYS)
    event = Event.objects.get(chain="", kind="keys.rotated")
    assert event.body == {"current": 2, "rows": {"customer": 35, "contact_point": 35, "set_aside_row": 1}}


def test_a_rotation_killed_before_its_event_still_leaves_it(sealed_under_one):
    with undone():
        keys.rotate_keys(at=AT, by="system:keys", ring=TWO_KEYS)
        sealed = all_rows()
    for model, rows in ((Customer, "Customer"), (ContactPoint, "ContactPoint"), (SetAsideRow, "SetAsideRow")):
        for key, row in sealed[rows].items():
            model.objects.filter(pk=key).update(sealed=row["sealed"], key_id=2)
    assert keys.rotate_keys(at=AT, by="system:keys", ring=TWO_KEYS) == 0
    assert Event.objects.filter(kind="keys.rotated").count() == 1


def test_an_old_key_is_retired_only_when_no_row_uses_it(sealed_under_one):
    def retire(number: int) -> Keyring | str:
        answer = keys.retire_key(number, at=AT, by="root", ring=TWO_KEYS)
        return answer.code if isinstance(answer, Sentence) else answer

    assert [retire(1), retire(2), retire(3)] == ["key_in_use", "key_current", "key_unknown"]
    keys.rotate_keys(at=AT, by="system:keys", ring=TWO_KEYS)
    smaller = retire(1)
    assert isinstance(smaller, Keyring)
    assert list(smaller.encryption) == [2]
    assert seen("C00", smaller).name == "王0"
    assert Event.objects.filter(body__retired=1).count() == 1


def test_a_night_after_rotation_reads_rows_of_both_keys(sealed_under_one):
    sealed_under_one.ring = TWO_KEYS
    people = [customer(f"C{i:02}", name=f"王{i}") for i in range(34)] + [customer("C34", name="新")]
    counted = sealed_under_one.night(people, [point(row["customer_id"]) for row in people])
    assert counted["customers"]["changed"] == 1
    assert identity.rows_by_key() == {1: 70, 2: 1}
    assert (seen("C00", TWO_KEYS).name, seen("C34", TWO_KEYS).name) == ("王0", "新")
