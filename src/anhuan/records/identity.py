"""Personal data at rest: who a customer is, found by a blind index, shown masked, opened only by those who may.

Knows how sealed rows become people again, how a number is searched without decrypting anything, and the display
forms that hide most of a value. Does not write: `acts.identity` absorbs the nightly files and records every look
at a value in clear. Nothing here may be logged; `repr` of a person shows ids only.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.backends.utils import CursorWrapper

from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.sealing import SHARED, SPELLINGS, Keyring

# What stands inside a sealed value, in this order, as a JSON list. New fields join at the end.
CUSTOMER_SEALED = ("name", "id_type", "id_number", "birth_date", "employer")
POINT_SEALED = ("value", "party_name", "source")
SET_ASIDE_SEALED = ("key", "raw")

_INDEX_OF_CUSTOMER = {"name": "name_index", "id_number": "id_index"}
SEARCHABLE = tuple(kind for kind in SPELLINGS if kind not in SHARED)

# Who writes people excludes whoever else would, whatever the process: a PostgreSQL advisory lock under this number.
_PEOPLE_LOCK = 0x616E6964


class SetAsideRow(models.Model):
    """A delivered row that could not be used, kept whole and encrypted for repair and replay."""

    sequence = models.BigIntegerField(db_index=True)
    file = models.TextField()
    line = models.BigIntegerField()
    sealed = models.BinaryField()
    key_id = models.SmallIntegerField()


class Said(models.Model):
    """The words of an item or a reply, sealed for its id; never in clear at rest."""

    row_id = models.UUIDField(primary_key=True)
    sealed = models.BinaryField()
    key_id = models.SmallIntegerField()


@dataclass(frozen=True)
class Point:
    """One phone, e-mail, address or app account; `value` and `party_name` in clear or masked.

    `source`, where the bank has it from, is its free text and may name people: shown only beside a value in clear.
    """

    point_id: UUID
    kind: str
    party: str
    person_id: str
    place: str
    valid: bool | None
    reserved: bool | None
    absent_since: date | None
    value: str = field(repr=False)
    party_name: str = field(repr=False)
    source: str = field(repr=False)


@dataclass(frozen=True)
class Person:
    """A customer's personal data, in clear or masked. Unknown text is empty; `birth_date` is ISO 8601 text."""

    customer_id: str
    name: str = field(repr=False)
    id_type: str
    id_number: str = field(repr=False)
    birth_date: str = field(repr=False)
    employer: str = field(repr=False)
    points: tuple[Point, ...]


# --- Reading --------------------------------------------------------------------------------------------------------


def keyring() -> Keyring:
    """The keyring this installation was started with."""
    return Keyring.read(settings.ANHUAN_KEYRING)


def rows_by_key() -> dict[int, int]:
    """How many rows each encryption key seals, over all tables; a key that is not in it may be retired."""
    counted: Counter[int] = Counter()
    for model in (Customer, ContactPoint, SetAsideRow, Said, apps.get_model("records", "SecondFactor")):
        counted.update(dict(model.objects.values_list("key_id").annotate(rows=models.Count("*")).order_by()))
    return dict(counted)


def hold_people(cursor: CursorWrapper) -> None:
    """Until this transaction ends nobody else writes customers, contact points or rows set aside: they wait here."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PEOPLE_LOCK])


def unsealed(customer_id: str, *, ring: Keyring | None = None, customer: Customer | None = None) -> Person | None:
    """Everything the bank told of one customer, in clear; None when it never named her.

    For acts that leave a trace of the look (`acts.identity.reveal`) and for the door that dials a number; screens use
    `masked`. Contact points that the bank no longer delivers come last.
    """
    ring = ring or keyring()
    customer = customer or Customer.objects.filter(pk=customer_id).first()
    if customer is None:
        return None
    told = _fields(CUSTOMER_SEALED, ring.open("customer", customer_id, customer.sealed, customer.key_id))
    points = [open_point(row, ring=ring) for row in ContactPoint.objects.filter(customer_id=customer_id)]
    return Person(customer_id=customer_id, points=tuple(sorted(points, key=_in_order)), **told)


def masked(customer_id: str, *, ring: Keyring | None = None, customer: Customer | None = None) -> Person | None:
    """The same person as every screen may show her: see the masks below."""
    person = unsealed(customer_id, ring=ring, customer=customer)
    return person and mask_person(person)


def masked_names(customer_ids: Iterable[str], *, ring: Keyring | None = None) -> dict[str, str]:
    """Masked name of each customer known, for a page of a list: one query whatever their number."""
    ring = ring or keyring()
    rows = Customer.objects.filter(pk__in=list(customer_ids)).values_list("customer_id", "sealed", "key_id")
    return {
        customer_id: mask_name(_fields(CUSTOMER_SEALED, ring.open("customer", customer_id, sealed, key_id))["name"])
        for customer_id, sealed, key_id in rows
    }


def names(customers: Iterable[Customer], *, ring: Keyring | None = None) -> dict[str, str]:
    """The name of each of these customers, in clear: for what is sent to her."""
    ring = ring or keyring()
    return {
        each.customer_id: _fields(CUSTOMER_SEALED, ring.open("customer", each.customer_id, each.sealed, each.key_id))["name"]
        for each in customers
    }


def search(kind: str, text: str, *, ring: Keyring | None = None) -> list[str]:
    """Ids of the customers a text belongs to, in order: exact, whatever its usual spelling. Nothing is decrypted.

    `kind` is one of SEARCHABLE (`phone` and `mobile` are one). A phone, e-mail or address also finds customers by
    their guarantors' and relatives', and by what the bank no longer delivers: someone may still call from there.
    """
    index = (ring or keyring()).index(kind, text)
    if index is None:
        return []
    owners: models.Manager[Any] = Customer.objects if kind in _INDEX_OF_CUSTOMER else ContactPoint.objects
    found = owners.filter(**{_INDEX_OF_CUSTOMER.get(kind, "value_index"): index})
    return sorted(set(found.values_list("customer_id", flat=True)))


def open_point(row: ContactPoint, *, ring: Keyring) -> Point:
    """A stored contact point in clear."""
    told: dict[str, Any] = _fields(POINT_SEALED, ring.open("contact_point", str(row.point_id), row.sealed, row.key_id))
    same = ("point_id", "kind", "party", "person_id", "place", "valid", "reserved", "absent_since")
    return Point(**told, **{name: getattr(row, name) for name in same})


def _in_order(point: Point) -> tuple[bool, bool, str, str, str]:
    return (point.absent_since is not None, point.party != "debtor", point.party, point.kind, point.point_id.hex)


def _fields(names: tuple[str, ...], plain: bytes) -> dict[str, str]:
    """A sealed JSON list by name; a field it does not have yet, or null, is empty text."""
    values = json.loads(plain)
    values += [None] * (len(names) - len(values))
    return {name: value or "" for name, value in zip(names, values, strict=True)}


def open_set_aside(row: SetAsideRow, *, ring: Keyring) -> dict[str, str]:
    """`key` and `raw` of a row set aside, in clear."""
    name = f"{row.sequence}/{row.line}/{row.file}"
    return _fields(SET_ASIDE_SEALED, ring.open("set_aside_row", name, row.sealed, row.key_id))


def seal_said(told: Mapping[UUID, Mapping[str, Any]], *, ring: Keyring | None = None) -> list[Said]:
    """What items or replies say, by their ids, sealed and not yet saved."""
    ring = ring or keyring()
    plain = [json.dumps(said, ensure_ascii=False).encode() for said in told.values()]
    sealed = ring.seal("said", [str(row) for row in told], plain)
    return [Said(row_id=row, sealed=each, key_id=ring.current) for row, each in zip(told, sealed, strict=True)]


def said(rows: Iterable[UUID], *, ring: Keyring | None = None) -> dict[UUID, dict[str, Any]]:
    """What items or replies say, in clear, by their ids; for pages that record the look."""
    ring = ring or keyring()
    return {row: json.loads(plain) for row, plain in _plain(rows, ring)}


def said_digests(rows: Iterable[UUID], *, ring: Keyring | None = None) -> dict[UUID, str]:
    """What stays of such words once they are erased: an HMAC-SHA256 under the fingerprint key, for whoever would prove a copy.

    Keyed, for words of a reminder are few and could be guessed from a plain digest.
    """
    ring = ring or keyring()
    return {
        row: hmac.digest(ring.fingerprint, f"anhuan/said/{row}/".encode() + plain, hashlib.sha256).hex()
        for row, plain in _plain(rows, ring)
    }


def _plain(rows: Iterable[UUID], ring: Keyring) -> list[tuple[UUID, bytes]]:
    found = Said.objects.filter(pk__in=list(rows))
    return [(row.row_id, ring.open("said", str(row.row_id), row.sealed, row.key_id)) for row in found]


# --- Masks: enough to recognise, too little to misuse ---------------------------------------------------------------

_HAN = r"[\u3400-\u9fff\U00020000-\U0003ffff\ue000-\uf8ff]"
_ALL_HAN = re.compile(f"{_HAN}+")
_COMPOUND_SURNAMES = frozenset(
    "欧阳 太史 端木 上官 司马 东方 独孤 南宫 万俟 闻人 夏侯 诸葛 尉迟 公羊 赫连 澹台 皇甫 宗政 濮阳 公冶 "
    "太叔 申屠 公孙 慕容 仲孙 钟离 长孙 宇文 司徒 鲜于 司空 闾丘 子车 亓官 司寇 巫马 公西 颛孙 壤驷 公良 "
    "漆雕 乐正 宰父 谷梁 拓跋 夹谷 轩辕 令狐 段干 百里 呼延 东郭 南门 羊舌 微生 梁丘 左丘 东门 西门 第五 "
    "歐陽 東方 獨孤 南宮 聞人 諸葛 尉遲 鍾離 長孫 司馬 公孫 軒轅".split()
)
_NAME_PARTS = re.compile(r"([\s·•‧・∙⋅]+)")
_PROVINCES = (
    "北京 天津 上海 重庆 河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 海南 四川 贵州 "
    "云南 陕西 甘肃 青海 台湾 内蒙古 广西 西藏 宁夏 新疆 香港 澳门"
).split()
# A city only counts right after its province, and never reaches over a street or a number: 人民路8号超市 is no city.
_PLACE = re.compile(
    rf"(?:{'|'.join(_PROVINCES)})(?:省|市|壮族自治区|回族自治区|维吾尔自治区|自治区|特别行政区)?"
    r"(?:[^\W\d_省市区县旗路街道号镇乡村巷弄]{2,9}?(?:市|自治州|地区|盟))?"
)


def mask_name(name: str) -> str:
    """王小明 → 王**, 欧阳修 → 欧阳*, John Smith → J*** S***, 买买提·吐尔逊 → 买**·吐**."""
    return "".join(part if number % 2 else _mask_name_part(part) for number, part in enumerate(_NAME_PARTS.split(name.strip())))


def _mask_name_part(part: str) -> str:
    if len(part) < 2:
        return "*" * len(part)
    if not _ALL_HAN.fullmatch(part):
        return part[0] + "***"
    surname = 2 if len(part) > 2 and part[:2] in _COMPOUND_SURNAMES else 1
    return part[:surname] + "*" * (len(part) - surname)


def mask_phone(value: str) -> str:
    """13812345678 → 138****5678, 010-12345678 → 010-****5678, +85298765432 → +85*****432; a short one → ****."""
    spelled = SPELLINGS["phone"](value)
    if not spelled.startswith("+86"):
        return f"{spelled[:3]}*****{spelled[-3:]}" if spelled.startswith("+") and len(spelled) > 10 else "****"
    national = spelled[3:]
    if len(national) == 11 and national[0] == "1":
        return f"{national[:3]}****{national[-4:]}"
    if 9 <= len(national) <= 11 and not national.startswith(("400", "800")):
        area = 2 if national[0] in "12" else 3
        return f"0{national[:area]}-****{national[area + 4 :]}"
    return f"****{national[-3:]}" if len(national) >= 7 else "****"


def mask_email(value: str) -> str:
    """anna@example.com → a***@e***.com."""
    local, at, domain = value.strip().rpartition("@")
    if not at or not local or not domain:
        return "***" if value.strip() else ""
    host, dot, last = domain.rpartition(".")
    return f"{local[0]}***@{host[:1]}***.{last}" if dot and host else f"{local[0]}***@***"


def mask_id_number(value: str) -> str:
    """110101199003074567 → 110***********4567; other documents keep the first and the last two signs."""
    value = "".join(value.split())
    if len(value) in (15, 18):
        return f"{value[:3]}{'*' * (len(value) - 7)}{value[-4:]}"
    return f"{value[0]}{'*' * (len(value) - 3)}{value[-2:]}" if len(value) >= 7 else "*" * len(value)


def mask_address(value: str) -> str:
    """广东省深圳市南山区… → 广东省深圳市***: province and city at most, and nothing where no province leads."""
    place = _PLACE.match("".join(value.split()))
    return (place[0] if place else "") + "***" if value.strip() else ""


def mask_text(value: str) -> str:
    """Any other text: its first sign, then stars."""
    value = value.strip()
    return value[:1] * (len(value) > 1) + "***" * bool(value)


def mask_birth_date(value: str) -> str:
    """1990-03-07 → 1990-**-**."""
    return value[:4] + "-**-**" if value else ""


MASKS = {
    "mobile": mask_phone,
    "phone": mask_phone,
    "email": mask_email,
    "address": mask_address,
    "app": mask_text,
}


def mask_point(point: Point) -> Point:
    """A contact point with its value, the name of the party and the source masked."""
    return replace(
        point,
        value=MASKS[point.kind](point.value),
        party_name=mask_name(point.party_name),
        source="***" if point.source else "",
    )


def mask_person(person: Person) -> Person:
    """Every personal field masked, the contact points too."""
    return replace(
        person,
        name=mask_name(person.name),
        id_number=mask_id_number(person.id_number),
        birth_date=mask_birth_date(person.birth_date),
        employer=mask_text(person.employer),
        points=tuple(mask_point(point) for point in person.points),
    )
