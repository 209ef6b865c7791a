"""The models of the house, gathered for Django; each lives in the file named after its noun."""

from __future__ import annotations

from anhuan.records.account import Account
from anhuan.records.agency import Agency
from anhuan.records.call import Call, Telephone
from anhuan.records.case import BucketSpan, Case, CaseBefore, CaseFigures
from anhuan.records.circumstance import Circumstance, PersonFinding, PointFinding
from anhuan.records.consent import BadTime, CeaseNotice, Consent, OptOut, PlaceBar, Revocation, TimeBlock
from anhuan.records.contact import Contact, Permit, Refusal
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.dispute import Dispute, Evidence, MatterStep
from anhuan.records.events import Event
from anhuan.records.extract import Change, Extract
from anhuan.records.fingerprints import FingerprintFile
from anhuan.records.grant import CaseGrant
from anhuan.records.hardship import Hardship
from anhuan.records.hold import Hold
from anhuan.records.identity import Said, SetAsideRow
from anhuan.records.night import Night, NightStep
from anhuan.records.note import Note
from anhuan.records.outbox import Campaign, ChannelHealth, Hook, OutboxItem, Receipt, Reply, ReplyPart
from anhuan.records.payment import (
    Paid,
    Payment,
    PaymentAllocation,
    PaymentEntry,
    PaymentFinding,
    PaymentImport,
    PaymentKey,
    Posting,
)
from anhuan.records.payment_suspense import Suspense, SuspenseCandidate
from anhuan.records.plan import Approval, Instalment, Plan, Waiver
from anhuan.records.promise import Promise
from anhuan.records.quality import CoachingNote, QualityDraw, QualityPick, QualityReview
from anhuan.records.sign_in import RecoveryCode, SecondFactor, SignIn
from anhuan.records.staff import Staff, Team
from anhuan.records.strategy import Proposal, Simulation, StrategyVersion
from anhuan.records.viewing import Viewing
from anhuan.records.wording import WordingVersion
from anhuan.records.worklist import Reassignment, WorkItem, WorkShare

__all__ = [
    "Account",
    "Agency",
    "Approval",
    "BadTime",
    "BucketSpan",
    "Call",
    "Campaign",
    "Case",
    "CaseBefore",
    "CaseFigures",
    "CaseGrant",
    "CeaseNotice",
    "Change",
    "ChannelHealth",
    "Circumstance",
    "CoachingNote",
    "Consent",
    "Contact",
    "ContactPoint",
    "Customer",
    "Dispute",
    "Event",
    "Evidence",
    "Extract",
    "FingerprintFile",
    "Hardship",
    "Hold",
    "Hook",
    "Instalment",
    "MatterStep",
    "Night",
    "NightStep",
    "Note",
    "OptOut",
    "OutboxItem",
    "Paid",
    "Payment",
    "PaymentAllocation",
    "PaymentEntry",
    "PaymentFinding",
    "PaymentImport",
    "PaymentKey",
    "Permit",
    "PersonFinding",
    "PlaceBar",
    "Plan",
    "PointFinding",
    "Posting",
    "Promise",
    "Proposal",
    "QualityDraw",
    "QualityPick",
    "QualityReview",
    "Reassignment",
    "Receipt",
    "RecoveryCode",
    "Refusal",
    "Reply",
    "ReplyPart",
    "Revocation",
    "Said",
    "SecondFactor",
    "SetAsideRow",
    "SignIn",
    "Simulation",
    "Staff",
    "StrategyVersion",
    "Suspense",
    "SuspenseCandidate",
    "Team",
    "Telephone",
    "TimeBlock",
    "Viewing",
    "Waiver",
    "WordingVersion",
    "WorkItem",
    "WorkShare",
]
