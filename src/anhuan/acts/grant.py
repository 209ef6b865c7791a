"""The act of letting somebody see one case for a while: handed to her, or its cardholder reached her and was verified.

Knows how long that may last at most. Who may give leave, and that somebody was verified, is for the caller to check.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from anhuan.acts.customer import held
from anhuan.portfolio.feed import Sentence
from anhuan.records.grant import CaseGrant
from anhuan.records.staff import Staff

LONGEST: Final = timedelta(days=7)


def give(customer_id: str, username: str, *, why: str, until: datetime, at: datetime, by: str) -> CaseGrant | Sentence:
    """`username` may see the case until `until`. Leaves the event `case.granted` on it. LookupError: there is no such case."""
    told = " ".join(why.split())[:200]
    if not told:
        return Sentence("grant_reason_missing", "请写明为何需要查看此案件。", "Say why this case is to be seen.")
    if not at < until <= at + LONGEST:
        return Sentence("grant_too_long", "查看期限应在七天以内。", "A case may be opened to somebody for seven days at most.")
    with held(customer_id, at=at, by=by) as customer:
        staff = Staff.objects.filter(username=username, is_active=True).first()
        if staff is None:
            return Sentence("staff_unknown", f"没有用户 {username}。", f"There is no user {username}.")
        made = CaseGrant.objects.create(
            customer_id=customer_id, staff=staff, why=told, granted_at=customer.at, until=until, by=by
        )
        customer.remember("case.granted", {"to": username, "until": until.isoformat(), "why": told})
    return made
