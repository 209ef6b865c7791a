"""Promises, agreements and waivers as documents of the command line and of a case.

Knows which of their columns are public. Nothing personal is in them: what a household takes in and spends stays with the agreement.
"""

from __future__ import annotations

from typing import Any

from anhuan.records.plan import Plan, Waiver
from anhuan.records.promise import Promise
from anhuan.records.terms import document

_PROMISE = (
    "promise_id", "customer_id", "account_id", "amount_minor", "currency", "due_on", "tolerance_minor", "grace_days", "state",
    "paid_minor", "settled_on", "made_in", "at", "by", "withdrawn_why",
)  # fmt: skip
_PLAN = (
    "plan_id", "customer_id", "accounts", "currency", "kind", "state", "terms", "composition", "policy", "authority",
    "principal_minor", "waived_minor", "total_minor", "effective_annual_rate", "proposed_at", "proposed_by", "valid_until", "consent",
    "agreed_at", "agreed_by", "hold_id", "replaces", "paid_minor", "missed", "next_due_on", "next_due_minor", "ended_at", "ended_why",
)  # fmt: skip
_INSTALMENT = (
    "number", "due_on", "agreed_on", "payment_minor", "principal_minor", "charges_minor", "interest_minor", "fee_minor",
    "closing_minor", "state", "paid_minor", "paid_on",
)  # fmt: skip
_WAIVER = (
    "waiver_id", "customer_id", "account_id", "currency", "component", "amount_minor", "reason", "state", "plan_id", "authority",
    "proposed_at", "proposed_by", "granted_at", "ended_at",
)  # fmt: skip
MOST = 200


def _told(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: document(getattr(row, name)) for name in names}


def of_case(case_id: str) -> dict[str, list[dict[str, Any]]]:
    """What the document of a case tells of them."""
    return {
        name: told(customer_id=case_id) for name, told in {"promises": promises, "plans": plans, "waivers": waivers}.items()
    }


def promises(*, state: str = "", limit: int = MOST, **of: str) -> list[dict[str, Any]]:
    """Promises, newest first; `of` narrows by a column, such as `customer_id`."""
    found = Promise.objects.filter(**({"state": state} if state else {}), **of).order_by("-at", "promise_id")
    return [_told(each, _PROMISE) for each in found[:limit]]


def plans(*, state: str = "", limit: int = MOST, **of: str) -> list[dict[str, Any]]:
    """Agreements with their instalments, newest first, likewise."""
    found = Plan.objects.filter(**({"state": state} if state else {}), **of).order_by("-proposed_at", "plan_id")
    return [
        _told(each, _PLAN) | {"instalments": [_told(row, _INSTALMENT) for row in each.instalments.all()]}
        for each in found.prefetch_related("instalments")[:limit]
    ]


def waivers(*, state: str = "", limit: int = MOST, **of: str) -> list[dict[str, Any]]:
    """Waivers, those of agreements too, newest first, likewise."""
    found = Waiver.objects.filter(**({"state": state} if state else {}), **of).order_by("-proposed_at", "waiver_id")
    return [_told(each, _WAIVER) for each in found[:limit]]
