"""The closed words of the house, one enum per list of values.

A word that a bank's feed, a screen and a rule all use is written here once. The values are the stable
machine words of the data contract; each member may carry its Chinese and English label for people.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Bucket(IntEnum):
    """Delinquency bucket 账龄: M0 not overdue, M1 = 1-30 days past due ... M6 = 151-180, M7 = over 180."""

    M0 = 0
    M1 = 1
    M2 = 2
    M3 = 3
    M4 = 4
    M5 = 5
    M6 = 6
    M7 = 7


class IdType(StrEnum):
    RESIDENT_ID = "resident_id"
    PASSPORT = "passport"
    HK_MACAU_PERMIT = "hk_macau_permit"
    TAIWAN_PERMIT = "taiwan_permit"
    OTHER = "other"


class Sex(StrEnum):
    MALE = "m"
    FEMALE = "f"


class CustomerFlag(StrEnum):
    """What the bank knows of a person that changes how, or whether, she may be contacted."""

    DECEASED = "deceased"
    INCAPACITATED = "incapacitated"
    BANKRUPT = "bankrupt"
    REPRESENTED_BY_ATTORNEY = "represented_by_attorney"
    STAFF = "staff"
    STUDENT = "student"
    MILITARY = "military"
    VULNERABLE = "vulnerable"
    DISASTER_AREA = "disaster_area"
    SERIOUS_ILLNESS = "serious_illness"


class ContactKind(StrEnum):
    MOBILE = "mobile"
    PHONE = "phone"
    EMAIL = "email"
    ADDRESS = "address"
    APP = "app"


class Party(StrEnum):
    """Whose contact point it is."""

    DEBTOR = "debtor"
    GUARANTOR = "guarantor"
    SPOUSE = "spouse"
    RELATIVE = "relative"
    COLLEAGUE = "colleague"
    EMERGENCY_CONTACT = "emergency_contact"
    OTHER = "other"


class Place(StrEnum):
    HOME = "home"
    WORK = "work"
    OTHER = "other"


class BlockCode(StrEnum):
    """Lock on the account 锁定码 as the bank's core reports it."""

    NONE = "none"
    FROZEN = "frozen"
    LOST = "lost"
    FRAUD = "fraud"
    DISPUTE = "dispute"
    DECEASED = "deceased"
    CHARGED_OFF = "charged_off"
    CLOSED = "closed"


class Classification(StrEnum):
    """Five-class grade 五级分类, from best to worst."""

    NORMAL = "normal"
    SPECIAL_MENTION = "special_mention"
    SUBSTANDARD = "substandard"
    DOUBTFUL = "doubtful"
    LOSS = "loss"


class PaymentKind(StrEnum):
    PAYMENT = "payment"
    AUTOPAY = "autopay"
    AGENCY_REMITTANCE = "agency_remittance"
    COURT_RECOVERY = "court_recovery"
    REVERSAL = "reversal"
    WAIVER = "waiver"


class Presence(StrEnum):
    """How an account stands in a night: delivered, kept from yesterday because its row was set aside, or absent."""

    PRESENT = "present"
    CARRIED = "carried"
    MISSING = "missing"


class Flow(StrEnum):
    """Movement of an account against the previous sealed night."""

    ENTERED = "entered"
    ROLLED = "rolled"
    IMPROVED = "improved"
    STAYED = "stayed"
    CURED = "cured"
    VANISHED = "vanished"


class Heap(StrEnum):
    """Where an account of the feed ended tonight; every account read is in exactly one heap."""

    CURRENT = "current"
    CURED = "cured"
    PROPOSED = "proposed"
    HELD = "held"
    REFUSED = "refused"
    NO_CAPACITY = "no_capacity"
    NO_ACTION = "no_action"
    SET_ASIDE = "set_aside"


class CaseStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class NightStatus(StrEnum):
    """Life of a night in records: begun, finished, or overtaken by a replacing delivery."""

    RUNNING = "running"
    SEALED = "sealed"
    REPLACED = "replaced"


class Severity(StrEnum):
    """Weight of a finding: the row is used all the same, or it was set aside."""

    WARNING = "warning"
    SET_ASIDE = "set_aside"
