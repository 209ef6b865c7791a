"""Changing the key of personal data: every row, once, whatever interrupts it."""

from __future__ import annotations

import pytest
from tests.records.delivered import AT, TWO_KEYS, Bank, all_rows, customer, point, seen, undone

from anhuan.acts import identity as acts
from anhuan.acts import keys
from anhuan.portfolio.feed.sentences import Sentence
from anhuan.records import identity
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.events import Event
from anhuan.records.identity import SetAsideRow
from anhuan.records.sealing import Keyring

pytestmark = pytest.mark.django_db


@pytest.fixture
def bank() -> Bank:
    return Bank()


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
    rows = {"customer": 35, "contact_point": 35, "set_aside_row": 1, "said": 0, "second_factor": 0}
    assert event.body == {"current": 2, "rows": rows}


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
