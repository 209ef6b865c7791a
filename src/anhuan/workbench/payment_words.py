"""The words of payments and of money in suspense, as `words` shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy as _in

from anhuan.core.money import format_minor

LABELS: dict[str, dict[str, str | Promise]] = {
    "import": {"preview": _("Only looked at"), "running": _("Being taken"), "done": _("Taken")},
    "suspense": {
        "open": _in("suspense", "Open"),
        "proposed": _("Waits for a second person"),
        "matched": _("Matched"),
        "returned": _("Returned to the bank"),
        "merged": _("Merged"),
    },
    "suspense_why": {
        "no_key": _("names no account"),
        "ambiguous": _("its keys name several accounts, or another currency"),
        "account_unknown": _("names an account nobody knows"),
        "reversal_unknown": _("takes back a payment nobody knows"),
    },
    "suspense_do": {"match": _("Matched to"), "return": _("Return to the bank"), "merge": _("The same payment as another")},
    "suspense_how": {
        "account": _("its account"),
        "virtual_account": _("its virtual account"),
        "payment_id": _("the bank's number of the payment"),
        "gateway": _("the gateway's number of the payment"),
        "reversed": _("the payment it takes back"),
        "reference": _("a reference in the text"),
        "text": _("an account in the text"),
        "customer": _("a customer in the text"),
        "amount": _("the amount she owes"),
        "promise": _("the amount she promised"),
        "payer": _("the payer's name"),
        "claims_paid": _("she says that she has paid"),
    },
    "applied": {
        "principal": _("Principal"),
        "interest": _("Interest"),
        "penalty": _("Penalty"),
        "fees": _("Fees"),
        "left": _("left over, hers"),
    },
}


def _counted(sentence: Promise | str) -> Callable[[Mapping[str, Any]], str]:
    """A sentence that counts the payments an event names."""

    def said(body: Mapping[str, Any]) -> str:
        named = body.get("payments", body.get("postings", []))
        return str(sentence) % {"payments": len(named), "stopped": body.get("stopped", 0)}

    return said


def _claimed(body: Mapping[str, Any]) -> str:
    told = {
        "amount": f"{body['currency']} {format_minor(body['amount_minor'], body['currency'], grouped=True)}",
        "paid_on": body["paid_on"],
    }
    return _now("Says that she has paid %(amount)s on %(paid_on)s: %(found)s found, %(suspense)s in suspense.") % {
        **told, "found": len(body["found"]), "suspense": len(body["suspense"]),
    }  # fmt: skip


SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "payment.posted": _counted(_("%(payments)s payments count for her; messages stopped: %(stopped)s.")),
    "payment.reversed": _counted(_("Payments taken back: %(payments)s.")),
    "payment.withdrawn": _counted(_("Payments no longer counted: %(payments)s.")),
    "payment.claimed": _claimed,
}
"""What the events of payments say in a timeline."""
