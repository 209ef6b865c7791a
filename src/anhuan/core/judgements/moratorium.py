"""What insolvency stops: demands after a personal bankruptcy was accepted, charges during breathing space."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from anhuan.core.judgements.law import Judgement, Law, judged


class BankruptcyRoute(StrEnum):
    CLAIM_TO_ADMINISTRATOR = "claim_to_administrator"
    DEMAND_FROM_DEBTOR = "demand_from_debtor"


class Charge(StrEnum):
    INTEREST = "interest"
    FEE = "fee"


def bankruptcy_route_allowed(bankruptcy_accepted: date, route: BankruptcyRoute, *, at: date, law: Law) -> Judgement:
    """From acceptance on a claim goes to the administrator alone (Shenzhen and Xiamen regulations on personal bankruptcy).

    Before, there is no administrator to claim from, and the debtor pays as ever.
    """
    accepted = bankruptcy_accepted <= at
    to_administrator = route is BankruptcyRoute.CLAIM_TO_ADMINISTRATOR
    return judged(to_administrator is accepted, law["bankruptcy.route"], accepted=accepted)


def moratorium_charge_allowed(started: date, ended: date | None, charge: Charge, *, at: date, law: Law) -> Judgement:
    """No interest and no fee runs during a moratorium, its first and last date included (Debt Respite Scheme Regulations 2020)."""
    rule = law["moratorium.charges"]
    running = started <= at and (ended is None or at <= ended)
    return judged(not (running and charge in rule.value["frozen"]), rule, running=running)
