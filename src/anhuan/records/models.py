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
from anhuan.records.identity import Said, SetAsideRow
from anhuan.records.night import Night, NightStep
from anhuan.records.outbox import Campaign, ChannelHealth, Hook, OutboxItem, Receipt, Reply
from anhuan.records.payment import Payment, PaymentNotice
from anhuan.records.plan import Approval, Instalment, Plan, Waiver
from anhuan.records.promise import Promise
from anhuan.records.staff import Staff
from anhuan.records.strategy import Proposal, Simulation, StrategyVersion
from anhuan.records.wording import WordingVersion
from anhuan.records.worklist import Reassignment, WorkItem, WorkShare

__all__ = [
    "Account",
    "Agency",
    "Approval",
    "BadTime",
    "BucketSpan",
    "Campaign",
    "Case",
    "CaseBefore",
    "CaseFigures",
    "CeaseNotice",
    "ChannelHealth",
    "Circumstance",
    "Consent",
    "Contact",
    "ContactPoint",
    "Customer",
    "Event",
    "Hold",
    "Hook",
    "Instalment",
    "Night",
    "NightStep",
    "OptOut",
    "OutboxItem",
    "Payment",
    "PaymentNotice",
    "Permit",
    "PersonFinding",
    "PlaceBar",
    "Plan",
    "PointFinding",
    "Promise",
    "Proposal",
    "Reassignment",
    "Receipt",
    "Refusal",
    "Reply",
    "Revocation",
    "Said",
    "SetAsideRow",
    "Simulation",
    "Staff",
    "StrategyVersion",
    "TimeBlock",
    "Waiver",
    "WordingVersion",
    "WorkItem",
    "WorkShare",
]
