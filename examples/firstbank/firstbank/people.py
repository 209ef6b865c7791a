"""The people of the made-up bank: names, papers, employers, and the ways to reach them and those around them.

Every person is a function of her number (`chance`), so nothing is stored but what changes over time. Nobody here can
exist: ID numbers carry the region prefix 68, which GB/T 2260 assigns to no place; mobiles begin with 154 and landlines
with area code 026, neither of which is in service; other papers begin with the letter X; mail goes to example domains;
roads and employers are invented. Knows nothing of accounts and nights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from . import words
from .chance import Chance, Ids

_DAY = np.datetime64("1970-01-01", "D")
_BIRTHS_BEFORE = int((np.datetime64("2026-01-01") - _DAY).astype(int))
_CHECK_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = pa.array(list("10X98765432"))

# Share of customers with each flag, and how much likelier among cash-strapped and distressed customers (types 2 and 4).
FLAGS: tuple[tuple[str, float, float], ...] = (
    ("deceased", 0.0, 1.0), ("incapacitated", 0.0001, 3.0), ("bankrupt", 0.0003, 8.0), ("represented_by_attorney", 0.004, 2.0),
    ("staff", 0.002, 0.2), ("student", 0.006, 1.0), ("military", 0.002, 0.5), ("vulnerable", 0.004, 3.0),
    ("disaster_area", 0.002, 3.0), ("serious_illness", 0.002, 6.0),
)  # fmt: skip
SEGMENTS = ["mass", "mass_plus", "gold", "platinum", "private"]


@dataclass(frozen=True)
class Slot:
    """A place in a customer's list of contact points and the share of customers who fill it."""

    kind: str
    share: float
    party: str = "debtor"
    place: str | None = None
    reserved: bool = False
    source: int = 0


SLOTS: tuple[Slot, ...] = (
    Slot("mobile", 0.985, reserved=True),
    Slot("mobile", 0.08, source=1),
    Slot("phone", 0.10, place="home"),
    Slot("phone", 0.18, place="work"),
    Slot("email", 0.30, source=1),
    Slot("address", 0.62, place="home", reserved=True),
    Slot("address", 0.12, place="work"),
    Slot("mobile", 0.50, party="related", source=3),
    Slot("mobile", 0.10, party="related", source=4),
    Slot("mobile", 0.01, party="guarantor"),
)
RELATED = (("spouse", 0.30), ("relative", 0.30), ("colleague", 0.15), ("emergency_contact", 0.25))

CUSTOMERS = pa.schema([
    ("customer_id", pa.string()), ("name", pa.string()), ("id_type", pa.string()), ("id_number", pa.string()),
    ("birth_date", pa.date32()), ("sex", pa.string()), ("language", pa.string()), ("timezone", pa.string()),
    ("region_code", pa.string()), ("employer", pa.string()), ("segment", pa.string()), ("flags", pa.string()),
])  # fmt: skip
CONTACT_POINTS = pa.schema([
    ("customer_id", pa.string()), ("kind", pa.string()), ("value", pa.string()), ("party", pa.string()),
    ("party_name", pa.string()), ("person_id", pa.string()), ("place", pa.string()), ("valid", pa.bool_()),
    ("reserved", pa.bool_()), ("source", pa.string()),
])  # fmt: skip


def customer_id(ids: Ids) -> pa.Array:
    return _join("C", _digits(ids + 1_000_000_000))


def customers(chance: Chance, ids: Ids, *, kind: Ids, version: Ids, deceased: npt.NDArray[np.bool_], clean: bool) -> pa.Table:
    """Rows of customers.csv. `kind` = hidden type, `version` = how often the employer changed; `clean` = no odd papers."""
    male = chance.happens("sex", ids, 0.55)
    age = np.clip(38.0 + 9.5 * chance.normal("age", ids), 18.2, 76.0)
    birth = (_BIRTHS_BEFORE - age * 365.25).astype(np.int64)
    id_type, id_number = _papers(chance, ids, male=male, birth=birth, clean=clean)
    district = chance.choose("district", ids, words.DISTRICT_WEIGHTS)
    far_west = np.array([code.startswith("65") for code in words.DISTRICT_CODES])[district]
    abroad = chance.happens("abroad", ids, 0.004)
    zone = np.where(abroad, 1 + chance.below("zone", ids, 3), np.where(far_west & chance.happens("urumqi", ids, 0.5), 4, 0))
    speaks = chance.choose("language", ids, [0.985, 0.004, 0.004, 0.004, 0.003])
    return pa.Table.from_arrays(
        [
            customer_id(ids), names(chance, ids, male=male), id_type, id_number, _dates(birth),
            _unless(chance.happens("sex unknown", ids, 0.002), _pick(["f", "m"], male)),
            _pick(["zh-CN", None, "en", "zh-HK", "ug-CN"], speaks),
            _pick(["Asia/Shanghai", "Asia/Hong_Kong", "America/Los_Angeles", "Europe/London", "Asia/Urumqi"], zone),
            _unless(abroad, _pick(words.DISTRICT_CODES, district)),
            _employers(chance, ids, version), _segments(chance, ids, kind),
            _flags(chance, ids, kind=kind, age=age, deceased=deceased),
        ],
        schema=CUSTOMERS,
    )  # fmt: skip


def contact_points(chance: Chance, ids: Ids, *, flipped: npt.NDArray[np.uint16]) -> pa.Table:
    """Rows of contact_points.csv, customer by customer. Bit n of `flipped` turns the validity of slot n round."""
    parts = [_slot(chance, ids, flipped, number, slot) for number, slot in enumerate(SLOTS)]
    owners = np.concatenate([owner for owner, _ in parts])
    order = np.argsort(owners, kind="stable")
    return pa.concat_tables([table for _, table in parts]).combine_chunks().take(pa.array(order))


def names(chance: Chance, ids: Ids, *, male: npt.NDArray[np.bool_]) -> pa.Array:
    """Chinese names by surname frequency; some compound, some with rare characters, some with a middle dot."""
    surname = _pick(words.SURNAMES, chance.choose("surname", ids, words.SURNAME_WEIGHTS))
    compound = _pick(words.COMPOUND_SURNAMES, chance.below("compound", ids, len(words.COMPOUND_SURNAMES)))
    surname = pc.if_else(pa.array(chance.happens("has compound", ids, words.COMPOUND_SHARE)), compound, surname)
    given = _by_sex(chance, "given", ids, male, (words.GIVEN_MALE, words.GIVEN_FEMALE))
    rare = _pick(words.RARE_GIVEN, chance.below("rare", ids, len(words.RARE_GIVEN)))
    given = pc.if_else(pa.array(chance.happens("has rare", ids, words.RARE_SHARE)), rare, given)
    dotted = _by_sex(chance, "dotted", ids, male, (words.DOTTED_MALE, words.DOTTED_FEMALE))
    return pc.if_else(pa.array(chance.happens("has dot", ids, words.DOTTED_SHARE)), dotted, _join(surname, given))


def resident_ids(region: Ids, birth: Ids, serial: Ids) -> pa.Array:
    """18-character resident ID numbers: region (6), birth date (8), serial (3), GB 11643 check character."""
    day = birth.astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    number = day.astype("datetime64[Y]").astype(np.int64) + 1970
    number = number * 100 + month.astype(np.int64) % 12 + 1
    number = number * 100 + (day - month.astype("datetime64[D]")).astype(np.int64) + 1
    number = (region * 100_000_000 + number) * 1000 + serial
    rest, total = number.copy(), np.zeros(len(number), dtype=np.int64)
    for weight in reversed(_CHECK_WEIGHTS):
        rest, digit = np.divmod(rest, 10)
        total += weight * digit
    return _join(_digits(number), _CHECK_CHARACTERS.take(pa.array(total % 11)))


def _papers(chance: Chance, ids: Ids, *, male: npt.NDArray[np.bool_], birth: Ids, clean: bool) -> tuple[pa.Array, pa.Array]:
    kinds = ["resident_id", "passport", "hk_macau_permit", "taiwan_permit", "other"]
    kind = chance.choose("paper", ids, [0.975, 0.008, 0.007, 0.005, 0.005])
    serial = chance.below("serial", ids, 500) * 2 + male
    if not clean:  # a slip of the pen in a few birth years: the number then contradicts birth_date
        birth = np.where(chance.happens("slip", ids, 0.0002), birth - 366, birth)
    resident = resident_ids(680_000 + chance.below("birthplace", ids, 10_000), birth, serial)
    other = _join("X", _digits(10_000_000 + ids))
    return _pick(kinds, kind), pc.if_else(pa.array(kind == 0), resident, other)


def _employers(chance: Chance, ids: Ids, version: Ids) -> pa.Array:
    regular = [f"示例{word}{trade}" for word in words.EMPLOYER_WORDS for trade in words.EMPLOYER_TRADES]
    known = [None, *regular, *words.EMPLOYER_ODD]
    start = np.where(
        chance.happens("employer odd", ids, 0.03),
        len(regular) + 1 + chance.below("employer", ids, len(words.EMPLOYER_ODD)),
        1 + chance.below("employer", ids, len(regular)),
    )
    start = np.where(chance.happens("employer unknown", ids, 0.2) & (version == 0), 0, start)
    return _pick(known, (start + version) % len(known))


def _segments(chance: Chance, ids: Ids, kind: Ids) -> pa.Array:
    shift = np.array([0.15, 0.10, -0.05, 0.0, -0.12, 0.05])[kind]
    place = np.clip(chance.uniform("segment", ids) + shift, 0.0, 0.9999)
    return _pick(SEGMENTS, np.searchsorted([0.55, 0.75, 0.90, 0.985], place, side="right"))


def _flags(chance: Chance, ids: Ids, *, kind: Ids, age: npt.NDArray[np.float64], deceased: npt.NDArray[np.bool_]) -> pa.Array:
    hard_pressed = (kind == 2) | (kind == 4)
    mask = np.zeros(len(ids), dtype=np.int64)
    for bit, (name, share, factor) in enumerate(FLAGS):
        has = chance.happens(f"flag {name}", ids, np.where(hard_pressed, share * factor, share))
        if name == "deceased":
            has = deceased
        elif name == "student":
            has &= age < 26
        mask |= has.astype(np.int64) << bit
    seen, place = np.unique(mask, return_inverse=True)
    texts = [";".join(name for bit, (name, *_) in enumerate(FLAGS) if value >> bit & 1) or None for value in seen.tolist()]
    return _pick(texts, place)


def _slot(chance: Chance, ids: Ids, flipped: npt.NDArray[np.uint16], number: int, slot: Slot) -> tuple[Ids, pa.Table]:
    """The customers who fill slot `number`, and their rows."""
    here = chance.happens(f"slot {number}", ids, slot.share)
    owners = ids[here]
    count = len(owners)
    party, place, name, person, key = _whose(chance, owners, number, slot)
    state = chance.choose(f"valid {number}", owners, [0.86, 0.09, 0.05])  # true, unknown, false
    turned = (flipped[here] >> number & 1).astype(bool)
    state = np.where(turned, np.array([2, 0, 0])[state], state)
    rows = pa.Table.from_arrays(
        [
            customer_id(owners), _constant(slot.kind, count), _value(chance, key, slot), party, name, person, place,
            _pick_booleans([True, None, False], state), pa.array(np.full(count, slot.reserved)),
            _constant(words.SOURCES[slot.source], count),
        ],
        schema=CONTACT_POINTS,
    )  # fmt: skip
    return owners, rows


def _whose(chance: Chance, owners: Ids, number: int, slot: Slot) -> tuple[pa.Array, pa.Array, pa.Array, pa.Array, Ids]:
    """Party, place, party_name, person_id of a slot's rows, and the number its values derive from."""
    count = len(owners)
    if slot.party == "debtor":
        nobody = pa.nulls(count, pa.string())
        return _constant("debtor", count), _constant(slot.place, count), nobody, nobody, owners * 16 + number
    shared = chance.happens(f"shared {number}", owners, 0.02)  # two neighbours name the same person
    person = np.where(shared, owners & ~1, owners) * 16 + number
    male = chance.happens("sex of person", person, 0.5)
    if slot.party == "guarantor":
        party, place = _constant("guarantor", count), pa.nulls(count, pa.string())
    else:
        which = chance.choose(f"relation {number}", owners, [share for _, share in RELATED])
        party = _pick([word for word, _ in RELATED], which)
        place = _pick([None, "work"], which == 2)
    return party, place, names(chance, person, male=male), _join("P", _digits(person + 1_000_000_000)), person


def _value(chance: Chance, key: Ids, slot: Slot) -> pa.Array:
    """The number or address itself. Multiplying by a unit modulo 10^8 keeps different people's mobiles different."""
    if slot.kind == "mobile":
        number = _digits(15_400_000_000 + key * 48_271_943 % 100_000_000)
        return _join(_pick(["", "+86", "0086", "86-"], chance.choose("spelling", key, [0.92, 0.05, 0.02, 0.01])), number)
    if slot.kind == "phone":
        number = _digits(50_000_000 + chance.below("landline", key, 30_000_000))
        extension = chance.happens("extension", key, 0.05 if slot.place == "work" else 0.0)
        tail = pc.if_else(pa.array(extension), _join("-", _digits(800 + chance.below("desk", key, 100))), "")
        return _join(_pick(["026-", "026", "+8626"], chance.choose("spelling", key, [0.8, 0.15, 0.05])), number, tail)
    if slot.kind == "email":
        domain = _pick(["@example.com", "@example.net", "@example.org"], chance.choose("domain", key, [0.6, 0.2, 0.2]))
        return _join("cardholder", _digits(key), domain)
    district = chance.choose("district", key // 16, words.DISTRICT_WEIGHTS)
    return _join(
        _pick(words.DISTRICT_NAMES, district),
        _pick(words.ROADS, chance.below("road", key, len(words.ROADS))),
        _digits(1 + chance.below("house", key, 999)), "号", _digits(1 + chance.below("block", key, 30)), "幢",
        _digits(100 * (1 + chance.below("floor", key, 30)) + 1 + chance.below("door", key, 8)), "室",
    )  # fmt: skip


def _by_sex(
    chance: Chance, stream: str, ids: Ids, male: npt.NDArray[np.bool_], pools: tuple[Sequence[str], Sequence[str]]
) -> pa.Array:
    men, women = pools
    index = np.where(male, chance.below(stream, ids, len(men)), len(men) + chance.below(stream, ids, len(women)))
    return _pick([*men, *women], index)


def _unless(unknown: npt.NDArray[np.bool_], values: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(unknown), pa.scalar(None, pa.string()), values)


def _pick(values: Sequence[str | None], index: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> pa.Array:
    return pa.array(values, pa.string()).take(pa.array(index.astype(np.int32)))


def _pick_booleans(values: Sequence[bool | None], index: Ids) -> pa.Array:
    return pa.array(values, pa.bool_()).take(pa.array(index))


def _constant(value: str | None, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), count)


def _digits(numbers: Ids) -> pa.Array:
    return pc.cast(pa.array(numbers), pa.string())


def _dates(days: Ids) -> pa.Array:
    return pa.array(days.astype(np.int32)).cast(pa.date32())


def _join(*parts: str | pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")
