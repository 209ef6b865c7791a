"""The form in which the example bank's card core writes its files: GB18030, `|+|`, whole fen, own codes.

Knows each column's place and spelling; `layouts/firstbank-core.toml` says the same from the reader's side. A file has
no header, ends with a trailer line (count and sums) and is followed by an empty `.ok` file.
"""

from __future__ import annotations

from dataclasses import dataclass

SEPARATOR = "|+|"
PREFIX = "TLR"
ORGANISATION = "'0001'"
NO_DATE = "00000000"

ID_TYPES = {"resident_id": "01", "passport": "03", "hk_macau_permit": "05", "taiwan_permit": "06", "other": "99"}
SEXES = {"m": "1", "f": "2", None: "9"}
LANGUAGES = {"zh-CN": "ZHS", "zh-HK": "ZHT", "en": "ENG", "ug-CN": "UIG", None: ""}
SEGMENTS = {"mass": "A", "mass_plus": "B", "gold": "C", "platinum": "D", "private": "E"}
CONTACT_KINDS = {"mobile": "MB", "phone": "TL", "email": "EM", "address": "AD", "app": "AP"}
PARTIES = {
    "debtor": "0",
    "guarantor": "1",
    "spouse": "2",
    "relative": "3",
    "colleague": "4",
    "emergency_contact": "5",
    "other": "9",
}
PLACES = {"home": "H", "work": "W", "other": "O", None: ""}
YES_NO = {True: "Y", False: "N", None: ""}
PRODUCTS = {"classic": "P01", "gold": "P02", "platinum": "P03", "cobrand": "P11"}
CURRENCIES = {"CNY": "156", "USD": "840", "HKD": "344", "JPY": "392"}
BLOCKS = {
    "none": "", "frozen": "F", "lost": "L", "fraud": "X", "dispute": "P", "deceased": "D", "charged_off": "Z", "closed": "C",
}  # fmt: skip
GRADES = {"normal": "1", "special_mention": "2", "substandard": "3", "doubtful": "4", "loss": "5", None: "0"}
PAYMENT_KINDS = {
    "payment": "PY", "autopay": "AD", "agency_remittance": "AG", "court_recovery": "CT", "reversal": "RV", "waiver": "WV",
}  # fmt: skip
FLAGS = (
    "deceased", "incapacitated", "bankrupt", "represented_by_attorney", "staff", "student", "military", "vulnerable",
    "disaster_area", "serious_illness",
)  # fmt: skip


@dataclass(frozen=True)
class Interface:
    """One of the core's files: its name among the core's interfaces and the expression of each field, in order."""

    code: str
    fields: tuple[str, ...]


def _text(column: str) -> str:
    return f"coalesce({column}, '')"


def _date(column: str) -> str:
    return f"coalesce(strftime({column}, '%Y%m%d'), '{NO_DATE}')"


def _fen(column: str) -> str:
    """Minor units of the account's currency: fen, cents, but whole yen."""
    minor = f"CASE currency WHEN 'JPY' THEN {column} ELSE {column} * 100 END"
    return f"coalesce(CAST(CAST({minor} AS DECIMAL(18,0)) AS VARCHAR), '')"


def _score(column: str) -> str:
    return f"coalesce(lpad(CAST({column} AS VARCHAR), 4, '0'), '9999')"


def _code(column: str, codes: dict[str | None, str] | dict[str, str] | dict[bool | None, str]) -> str:
    known = " ".join(f"WHEN {column} = {_literal(word)} THEN '{code}'" for word, code in codes.items() if word is not None)
    return f"CASE {known} ELSE '{codes.get(None, '')}' END"  # type: ignore[call-overload]


def _literal(word: str | bool | None) -> str:
    return f"'{word}'" if isinstance(word, str) else str(word)


def _flag(word: str) -> str:
    return f"CASE WHEN list_contains(string_split(coalesce(flags, ''), ';'), '{word}') THEN 'Y' ELSE 'N' END"


INTERFACES: dict[str, Interface] = {
    "customers": Interface("CUST", (
        ORGANISATION, "customer_id", _code("id_type", ID_TYPES), "id_number", "name", _date("birth_date"), _code("sex", SEXES),
        _code("language", LANGUAGES), "timezone", _text("region_code"), _text("employer"), _code("segment", SEGMENTS),
        *(_flag(word) for word in FLAGS),
    )),
    "contact_points": Interface("CONT", (
        ORGANISATION, "customer_id", _code("kind", CONTACT_KINDS), "value", _code("party", PARTIES), _text("party_name"),
        _text("person_id"), _code("place", PLACES), _code("valid", YES_NO), _code("reserved", YES_NO), _text("source"),
    )),
    "accounts": Interface("ACCT", (
        ORGANISATION, "account_id", "customer_id", _code("product", PRODUCTS), _code("currency", CURRENCIES),
        _date("opened_on"), _code("block_code", BLOCKS), _fen("credit_limit"), _fen("balance_total"), _fen("principal"),
        _fen("interest"), _fen("penalty"), _fen("fees"), _fen("instalment_unbilled"), _fen("minimum_due"),
        _fen("past_due_amount"), _date("past_due_since"), "lpad(CAST(cycle_day AS VARCHAR), 2, '0')",
        _date("statement_date"), _date("due_date"), _date("last_payment_on"), _fen("last_payment_amount"),
        _code("autopay", YES_NO), _score("behaviour_score"), _score("collection_score"), _code("classification", GRADES),
        _text("placed_with"),
    )),
    "payments": Interface("PYMT", (
        ORGANISATION, "payment_id", "account_id", _date("posted_on"), _date("effective_on"), _fen("amount"),
        _code("kind", PAYMENT_KINDS), _text("reverses"), _text("channel"),
    )),
}  # fmt: skip


def line(name: str) -> str:
    """The SQL expression of a whole line of file `name`, line feed included."""
    glue = f" || '{SEPARATOR}' || "
    return glue.join(INTERFACES[name].fields) + " || chr(10)"
