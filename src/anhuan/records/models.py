"""The models of the house, gathered for Django; each lives in the file named after its noun."""

from __future__ import annotations

from anhuan.records.account import Account
from anhuan.records.agency import Agency
from anhuan.records.case import BucketSpan, Case, CaseBefore, CaseFigures
from anhuan.records.circumstance import Circumstance, PersonFinding, PointFinding
from anhuan.records.consent import BadTime, CeaseNotice, Consent, OptOut, PlaceBar, Revocation, TimeBlock
from anhuan.records.contact import Contact, Permit, Refusal
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.events import Event
from anhuan.records.hold import Hold
from anhuan.records.identity import SetAsideRow
from anhuan.records.night import Night, NightStep
from anhuan.records.payment import Payment
from anhuan.records.promise import Promise
from anhuan.records.staff import Staff
from anhuan.records.strategy import Proposal, StrategyVersion

__all__ = [
    "Account",
    "Agency",
    "BadTime",
    "BucketSpan",
    "Case",
    "CaseBefore",
    "CaseFigures",
    "CeaseNotice",
    "Circumstance",
    "Consent",
    "Contact",
    "ContactPoint",
    "Customer",
    "Event",
    "Hold",
    "Night",
    "NightStep",
    "OptOut",
    "Payment",
    "Permit",
    "PersonFinding",
    "PlaceBar",
    "PointFinding",
    "Promise",
    "Proposal",
    "Refusal",
    "Revocation",
    "SetAsideRow",
    "Staff",
    "StrategyVersion",
    "TimeBlock",
]
