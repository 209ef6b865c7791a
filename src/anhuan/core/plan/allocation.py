"""Where a payment goes, to the minor unit: over the parts of one account in the legal order, and over several accounts.

The order between principal and the rest is the law's (`core.judgements.arrears`), by days past due on the day the payment takes effect. Among
interest, fees and penalty the law of cards names none: the bank's does, by default interest, fees, penalty. Knows no account but those handed
over, all of one currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import groupby

from anhuan.core.judgements.arrears import Component, payment_order
from anhuan.core.judgements.law import Law
from anhuan.core.plan.parts import Part, Parts

CHARGES = (Part.INTEREST, Part.FEES, Part.PENALTY)


@dataclass(frozen=True, slots=True)
class Applied:
    """What a payment paid of one account, in the order it did, and what was left of it. `left_minor` belongs to the customer."""

    account_id: str
    amount_minor: int
    parts: Parts
    left_minor: int
    order: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Owing:
    """One account on the day a payment takes effect. A `disputed` one is paid only where the customer names it."""

    account_id: str
    owed: Parts
    days_past_due: int
    due_minor: int = 0
    annual_rate: Fraction = Fraction(0)
    due_since: date | None = None
    disputed: bool = False


def legal_order(days_past_due: int, *, law: Law, charges: Sequence[Part] = CHARGES) -> tuple[Part, ...]:
    """The order of the parts for a debt so many days late; `charges` is that of interest, fees and penalty among themselves."""
    if sorted(charges) != sorted(CHARGES):
        raise ValueError("interest, fees and penalty each stand once in the order")
    parts = {Component.PRINCIPAL: (Part.PRINCIPAL,), Component.INTEREST_AND_FEES: tuple(charges)}
    return tuple(part for component in payment_order(days_past_due, law=law) for part in parts[component])


def apply(account_id: str, owed: Parts, amount_minor: int, order: Sequence[Part]) -> Applied:
    """A payment of nought or more over what is owed, part after part."""
    if amount_minor < 0:
        raise ValueError("a payment is not below nought; what is taken back is a reversal")
    left, paid = amount_minor, {}
    for part in order:
        paid[part] = min(left, max(0, owed[part]))
        left -= paid[part]
    return Applied(account_id, amount_minor, Parts.of(paid), left, tuple(order))


def reverse(owed: Parts, applied: Applied) -> Parts:
    """What is owed once a payment is taken back: exactly what it had paid is owed again, part by part."""
    return owed + applied.parts


def over_accounts(
    accounts: Iterable[Owing], amount_minor: int, *, law: Law, directed: Sequence[str] = (), charges: Sequence[Part] = CHARGES
) -> tuple[list[Applied], int]:
    """One payment over several accounts of a customer, and what is left of it.

    The accounts the customer names come first, in her order (Civil Code Art. 560; 12 CFR 1006.30(c)). Then what is due before what is
    not, the dearer debt before the cheaper, the earlier due before the later, and like debts by their size. One call to `apply` an account.
    """
    known = sorted(accounts, key=lambda each: each.account_id)
    named = [each for name in dict.fromkeys(directed) for each in known if each.account_id == name]
    others = [each for each in known if each.account_id not in directed and not each.disputed]
    shares = dict.fromkeys((each.account_id for each in known), 0)
    left = amount_minor
    for each in named:
        left -= _give(shares, [(each, each.owed.total_minor)], left)
    for due in (True, False):
        ranked = sorted(others, key=_rank)
        for _, group in groupby(ranked, key=_rank):
            wanted = [(each, min(each.due_minor, each.owed.total_minor) if due else each.owed.total_minor) for each in group]
            left -= _give(shares, wanted, left)
    told = [
        apply(each.account_id, each.owed, shares[each.account_id], legal_order(each.days_past_due, law=law, charges=charges))
        for each in [*named, *sorted(others, key=_rank)]
        if shares[each.account_id]
    ]
    return told, left


def _rank(each: Owing) -> tuple[Fraction, date]:
    return (-each.annual_rate, each.due_since or date.max)


def _give(shares: dict[str, int], wanted: Sequence[tuple[Owing, int]], left: int) -> int:
    """Gives like debts what they still want, in proportion where it does not reach; the odd unit to the first by account. What was given."""
    wants = {each.account_id: max(0, upto - shares[each.account_id]) for each, upto in wanted}
    whole = sum(wants.values())
    given = min(left, whole)
    rest = given
    for name, want in wants.items():
        share = given * want // whole if whole else 0
        shares[name] += share
        rest -= share
    for name in wants:
        if rest and shares[name] < (upto := next(upto for each, upto in wanted if each.account_id == name)):
            one = min(rest, upto - shares[name], 1)
            shares[name] += one
            rest -= one
    return given
