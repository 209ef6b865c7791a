"""The words people read for disputes and hardship: their kinds, states and steps, and what an event about one says.

Knows no page. No event holds what was said, so no sentence does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy as _in

Body = Mapping[str, Any]

LABELS: dict[str, dict[str, str | Promise]] = {
    "matters": {"disputes": _("Disputes"), "hardship": _("Hardship")},
    "dispute_kind": {
        "not_mine": _("Not my debt"),
        "identity_theft": _("Identity theft"),
        "transaction": _("A transaction I did not make"),
        "amount": _("The amount is wrong"),
        "paid": _("Already paid"),
        "fees": _("Interest or fees"),
        "goods": _("Goods or services not received"),
        "service": _("The bank's service"),
        "credit_record": _("The record at the credit bureau"),
        "other": _in("dispute", "Something else"),
    },
    "dispute_state": {
        "open": _in("dispute", "Being checked"),
        "decided": _in("dispute", "Decided, not finished"),
        "closed": _in("dispute", "Closed"),
    },
    "dispute_outcome": {
        "upheld": _in("dispute", "Upheld"),
        "part": _in("dispute", "Upheld in part"),
        "rejected": _in("dispute", "Rejected"),
        "withdrawn": _in("dispute", "Taken back"),
    },
    "came_by": {
        "call": _in("came by", "by telephone"),
        "letter": _in("came by", "by letter"),
        "email": _in("came by", "by e-mail"),
        "sms": _in("came by", "by text message"),
        "visit": _in("came by", "in person"),
        "portal": _in("came by", "on the portal"),
        "other": _in("came by", "another way"),
    },
    "hardship_kind": {
        "income": _("Lost work or income"),
        "illness": _("Illness or injury"),
        "family": _("A family event"),
        "disaster": _("A disaster"),
        "over_indebted": _("Debts with many lenders"),
        "other": _in("hardship", "Something else"),
    },
    "hardship_state": {
        "open": _in("hardship", "Being checked"),
        "accepted": _in("hardship", "Accepted"),
        "refused": _in("hardship", "Refused"),
        "ended": _in("hardship", "Over"),
    },
    "hardship_end": {
        "agreed": _in("hardship", "an agreement was made"),
        "recovered": _in("hardship", "she can pay again"),
        "withdrawn": _in("hardship", "she took it back"),
        "refused": _in("hardship", "it was refused"),
    },
    "matter_step": {
        "registered": _in("matter", "Registered"),
        "added": _in("matter", "Added to"),
        "decided": _in("matter", "Decided"),
        "letter": _in("matter", "Letter put into the outbox"),
        "answered": _in("matter", "Answered"),
        "corrected": _in("matter", "Corrected by the bank"),
        "withdrawn": _in("matter", "Taken back"),
        "reopened": _in("matter", "Opened again"),
        "prolonged": _in("matter", "Prolonged"),
        "accepted": _in("matter", "Accepted"),
        "refused": _in("matter", "Refused"),
        "reviewed": _in("matter", "Looked at again"),
        "ended": _in("matter", "Ended"),
    },
}


def _word(table: str, word: str) -> str:
    return str(LABELS[table].get(word, word))


def _registered(body: Body) -> str:
    told = {
        "kind": _word("dispute_kind", body["kind"]),
        "accounts": ", ".join(body["accounts"]),
        "due": body.get("due_on", "–"),
    }
    return _now("Dispute taken on %(accounts)s: %(kind)s. To be answered by %(due)s.") % told


SENTENCES: dict[str, Callable[[Body], str]] = {
    "dispute.registered": _registered,
    "dispute.added": lambda _body: _now("More was given in a dispute."),
    "dispute.decided": lambda body: _now("Dispute decided: %s.") % _word("dispute_outcome", body["outcome"]),
    "dispute.letter": lambda _body: _now("The letter that answers a dispute was put into the outbox."),
    "dispute.answered": lambda _body: _now("The outcome of a dispute was told to the customer."),
    "dispute.corrected": lambda _body: _now("The bank corrected what was disputed."),
    "dispute.withdrawn": lambda _body: _now("A dispute was taken back."),
    "dispute.reopened": lambda body: _now("A dispute was opened again, for the %(round)s. time.") % {"round": body["round"]},
    "dispute.prolonged": lambda body: _now("The time to answer a dispute was prolonged to %s.") % body["due_on"],
    "hardship.registered": lambda body: _now("Hardship registered; to be looked at again on %s.") % body["review_on"],
    "hardship.added": lambda _body: _now("More was given about hardship."),
    "hardship.decided": lambda body: _now("Hardship accepted.") if body["accepted"] else _now("Hardship refused."),
    "hardship.reviewed": lambda body: _now("Hardship looked at; again on %s.") % body["review_on"],
    "hardship.ended": lambda body: _now("Hardship is over: %s.") % _word("hardship_end", body["why"]),
    "evidence.opened": lambda _body: _now("A paper the customer gave was opened."),
}
