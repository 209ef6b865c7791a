"""The words people read for the closed words of the house: one table per list of values, in the reader's language.

Knows every member of `core.vocabulary` that a screen shows. Does not know the pages. A machine word without a
label is shown as it is, so that a bank's later value is never hidden.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy as _in

Label = str | Promise

LABELS: dict[str, dict[str, Label]] = {
    "bucket": {
        "0": _("M0 · current"),
        "1": _("M1 · 1–30 days"),
        "2": _("M2 · 31–60 days"),
        "3": _("M3 · 61–90 days"),
        "4": _("M4 · 91–120 days"),
        "5": _("M5 · 121–150 days"),
        "6": _("M6 · 151–180 days"),
        "7": _("M7 · over 180 days"),
    },
    "flow": {
        "entered": _("Entered"),
        "rolled": _("Rolled"),
        "improved": _("Improved"),
        "stayed": _("Stayed"),
        "cured": _("Cured"),
        "vanished": _("Vanished"),
    },
    "heap": {
        "current": _in("heap", "Current"),
        "cured": _in("heap", "Cured"),
        "proposed": _in("heap", "Action proposed"),
        "held": _in("heap", "Held"),
        "refused": _in("heap", "Refused by rule"),
        "no_capacity": _in("heap", "No capacity"),
        "no_action": _in("heap", "No action today"),
        "set_aside": _in("heap", "Set aside"),
    },
    "class": {
        "normal": _("Normal"),
        "special_mention": _("Special mention"),
        "substandard": _("Substandard"),
        "doubtful": _("Doubtful"),
        "loss": _("Loss"),
        "unknown": _("Not reported"),
    },
    "presence": {
        "present": _("delivered"),
        "carried": _("kept from the night before"),
        "missing": _("missing from the delivery"),
    },
    "case": {"open": _in("case", "Open"), "closed": _in("case", "Closed")},
    "night": {
        "running": _in("night", "Unfinished"),
        "sealed": _in("night", "Sealed"),
        "replaced": _in("night", "Replaced"),
        "refused": _in("night", "Refused"),
    },
    "severity": {"warning": _("Warning"), "set_aside": _in("severity", "Row set aside")},
    "sex": {"m": _("male"), "f": _("female")},
    "id_type": {
        "resident_id": _("Resident ID"),
        "passport": _("Passport"),
        "hk_macau_permit": _("Hong Kong and Macau permit"),
        "taiwan_permit": _("Taiwan permit"),
        "other": _in("id", "Other document"),
    },
    "flag": {
        "deceased": _in("flag", "Deceased"),
        "incapacitated": _("No legal capacity"),
        "bankrupt": _("Bankrupt"),
        "represented_by_attorney": _("Represented by a lawyer"),
        "staff": _("Member of staff"),
        "student": _("Student"),
        "military": _("Military"),
        "vulnerable": _("Vulnerable"),
        "disaster_area": _("Disaster area"),
        "serious_illness": _("Serious illness"),
    },
    "kind": {
        "mobile": _("Mobile"),
        "phone": _("Landline"),
        "email": _("E-mail"),
        "address": _("Address"),
        "app": _("App"),
    },
    "party": {
        "debtor": _("Cardholder"),
        "guarantor": _("Guarantor"),
        "spouse": _("Spouse"),
        "relative": _("Relative"),
        "colleague": _("Colleague"),
        "emergency_contact": _("Emergency contact"),
        "other": _in("party", "Other person"),
    },
    "place": {"home": _("Home"), "work": _("Work"), "other": _in("place", "Elsewhere")},
    "block": {
        "none": _in("block", "None"),
        "frozen": _("Frozen"),
        "lost": _in("block", "Card lost"),
        "fraud": _("Fraud"),
        "dispute": _("Dispute"),
        "deceased": _in("block", "Deceased"),
        "charged_off": _("Charged off"),
        "closed": _in("block", "Closed"),
    },
    "payment": {
        "payment": _("Payment"),
        "autopay": _("Autopay"),
        "agency_remittance": _("Agency remittance"),
        "court_recovery": _("Court recovery"),
        "reversal": _("Reversal"),
        "waiver": _("Waiver"),
    },
    "component": {
        "principal": _("Principal"),
        "interest": _("Interest"),
        "penalty": _("Penalty"),
        "fees": _("Fees"),
        "instalment_unbilled": _("Unbilled instalments"),
    },
    "step": {
        "read": _in("step", "Read and check"),
        "age": _in("step", "Age"),
        "seal": _in("step", "Seal the snapshot"),
        "identity": _in("step", "Absorb people"),
        "payments": _in("step", "Absorb payments"),
        "cases": _in("step", "Absorb cases"),
        "balance": _in("step", "Balance the heaps"),
    },
    "file": {
        "customers.csv": _("Customers"),
        "contact_points.csv": _("Contact points"),
        "accounts.csv": _("Accounts"),
        "payments.csv": _("Payments"),
    },
    "revealed": {
        "name": _in("revealed", "name"),
        "id_number": _in("revealed", "ID number"),
        "birth_date": _in("revealed", "birth date"),
        "employer": _in("revealed", "employer"),
        "phone": _in("revealed", "phone numbers"),
        "email": _in("revealed", "e-mail addresses"),
        "address": _in("revealed", "addresses"),
        "app": _in("revealed", "app accounts"),
    },
    "answer": {"True": _("yes"), "False": _("no")},
    "role": {"operations": _("Operations"), "auditor": _("Auditor")},
    "language": {"zh-CN": _("Chinese"), "en": _("English")},
}


def label(table: str, word: object) -> str:
    """What a person reads for a machine word; the word itself when no table knows it."""
    return str(LABELS[table].get(str(word), word))


def short_bucket(bucket: int | None) -> str:
    """`M3`, the everyday name of a bucket, the same in both languages."""
    return f"M{bucket}" if bucket is not None else ""
