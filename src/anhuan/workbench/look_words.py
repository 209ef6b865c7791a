"""The words people read for the pages and parts of pages on which somebody was looked at.

Knows no page; they are called by the names of their addresses.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

LABELS: dict[str, dict[str, str | Promise]] = {
    "page": {
        "case": _("Case page"),
        "search": _("Found by a search"),
        "reveal": _("Revealed"),
        "message": _("Message"),
        "messages": _("Messages"),
        "gate": _("Contacts now"),
        "explanation": _("Explanation"),
        "chain": _("Chain of events"),
        "viewings_of": _("Who looked"),
        "timeline": _("Everything that happened"),
        "case_events": _("Chain of events"),
        "case_beside": _("Next case of a list"),
        "hold_act": _("Hold or complaint"),
        "note_keep": _("Note kept"),
        "call_begin": _("Call begun"),
        "call_receive": _("Call received"),
        "plan_card": _("Promises and plans"),
        "plan_offers": _("Offers"),
        "plan_act": _("Promise or plan"),
        "plan": _("Agreement"),
        "plan_agreement": _("Text of an agreement"),
        "plan_pdf": _("Agreement to sign"),
        "work_card": _("Place on the worklist"),
        "work_act": _("Worklist"),
        "inbound_answer": _("Inbound desk"),
        "payment_card": _("Payments"),
        "payment_claim": _("Payment claimed"),
        "matter_card": _("Disputes and hardship"),
        "matter_act": _("Dispute or hardship"),
        "call": _("Call screen"),
        "call_check": _("Identity check"),
        "call_draft": _("Draft of a call"),
        "call_screen": _("Note being written"),
        "call_result": _("Result being chosen"),
        "call_finish": _("Call wrapped up"),
        "worklist": _("Worklist"),
        "inbound_desk": _("Inbound desk"),
        "inbound_check": _("Identity check"),
        "dispute": _("Dispute"),
        "dispute_act": _("Dispute or hardship"),
        "dispute_letter": _("Letter about a dispute"),
        "hardship": _("Hardship"),
        "hardship_act": _("Dispute or hardship"),
        "evidence": _("Papers"),
        "suspense_item": _("In suspense"),
        "suspense_words": _("Words of a transfer"),
        "quality_call": _("Quality"),
        "quality_recording": _("Recording of a call"),
    },
    # What a page gives as the reason by itself; what a person writes stands as she wrote it.
    "look_why": {
        "call": pgettext_lazy("noun", "Call"),
        "evidence": _("Papers"),
        "dispute": _("Dispute"),
        "hardship": _("Hardship"),
        "recording": _("Recording of a call"),
        "agreement for her signature": _("Agreement to sign"),
    },
}
