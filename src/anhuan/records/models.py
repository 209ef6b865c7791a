"""The models of the house, gathered for Django; each lives in the file named after its noun."""

from __future__ import annotations

from anhuan.records.account import Account
from anhuan.records.case import BucketSpan, Case, CaseBefore, CaseFigures
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.events import Event
from anhuan.records.identity import SetAsideRow
from anhuan.records.night import Night, NightStep
from anhuan.records.payment import Payment
from anhuan.records.staff import Staff

__all__ = [
    "Account",
    "BucketSpan",
    "Case",
    "CaseBefore",
    "CaseFigures",
    "ContactPoint",
    "Customer",
    "Event",
    "Night",
    "NightStep",
    "Payment",
    "SetAsideRow",
    "Staff",
]
