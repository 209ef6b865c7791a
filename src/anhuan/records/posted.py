"""What is posted to accounts, as promises and plans are judged by it.

Knows where everything that counts as paid stands, each payment once (`records.payment.Paid`): a waiver booked by the bank is no payment
of hers, and what waits in suspense is nobody's yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date

from anhuan.core.plan.promise import Posted
from anhuan.core.vocabulary import NightStatus, PaymentKind
from anhuan.records.night import Night
from anhuan.records.payment import Paid

DAY_OF_NIGHT = "SELECT business_date FROM records_night WHERE sequence = %(sequence)s"
"""The day of which a night has told all."""
BY_NIGHT = """
SELECT account_id FROM records_payment WHERE sequence = %(sequence)s
UNION SELECT account_id FROM records_posting WHERE confirmed_in = %(sequence)s"""
"""The accounts a night posted to, or of which it said otherwise than we had counted."""

# A reversal that does not say of what takes nothing back that is known here.
_OF_NOTHING = "?"


def by_account(accounts: Collection[str]) -> Mapping[str, list[Posted]]:
    """Every payment and reversal on these accounts, in the order of effective dates."""
    found = Paid.objects.filter(account_id__in=accounts).order_by("effective_on", "payment_id")
    posted: dict[str, list[Posted]] = defaultdict(list)
    columns = ("account_id", "payment_id", "amount_minor", "currency", "effective_on", "kind", "reverses")
    for account, payment_id, amount, currency, on, kind, reverses in found.values_list(*columns):
        taken_back = (reverses or _OF_NOTHING) if kind == PaymentKind.REVERSAL else ""
        posted[account].append(Posted(payment_id, abs(amount), currency, on, taken_back))
    return posted


def known_through(today: date) -> date:
    """The last date of which the bank has told all it posted: that of the latest sealed night; yesterday where there is none."""
    latest = Night.objects.filter(status=NightStatus.SEALED).order_by("-business_date").values_list("business_date").first()
    return latest[0] if latest else date.fromordinal(today.toordinal() - 1)
