"""Disputes: by when one must be answered, and which hold stands meanwhile.

The card rules (Art. 69) ask for an objection to be noted and checked promptly and name no number of days. The cautious reading is taken: the
days of the complaint rules, or those of the credit-reporting rules where the record at the credit bureau is disputed.
"""

from __future__ import annotations

from datetime import date

from anhuan.core.days import Calendar
from anhuan.core.judgements.complaint import Handling
from anhuan.core.judgements.law import Deadline, Law
from anhuan.core.vocabulary import HoldKind

FRAUD = frozenset({"not_mine", "identity_theft", "transaction"})
"""Kinds that say somebody else used the card or the name: the bank bears the proof (SPC Bank Card Provisions 2021, Arts. 4-7)."""


def hold_of(kind: str) -> HoldKind:
    """The hold a dispute of this kind brings."""
    return HoldKind.FRAUD if kind in FRAUD else HoldKind.DISPUTE


def answer_deadline(
    kind: str, received: date, *, law: Law, calendar: Calendar, handling: Handling = Handling.SIMPLE
) -> Deadline | None:
    """By when a dispute received on `received` is decided and answered; None where the law names no time, as in the United States.

    Fifteen days, thirty if complex, sixty if extended (Complaint Measures 2020); a credit record within twenty, whatever it takes
    (Credit Reporting Regulation Art. 25).
    """
    provision = law.get("credit.objection" if kind == "credit_record" else f"complaint.{handling}")
    return Deadline(provision, received, calendar) if provision is not None else None
