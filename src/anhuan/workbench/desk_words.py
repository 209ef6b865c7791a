"""The words people read for the closed words of the collector's desk: calls, their next steps, notes, the timeline.

Knows no page. A machine word without a label is shown as it is.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy as _in

LABELS: dict[str, dict[str, str | Promise]] = {
    "way": {
        "softphone": _("softphone"),
        "dialler": _("through the dialler"),
        "by_hand": _("dialled by hand"),
        "inbound": _("called in"),
    },
    "dial": {
        "softphone": _("Call with the softphone"),
        "dialler": _("Hand to the dialler"),
        "by_hand": _("I dial by hand"),
    },
    "item_code": {
        "no_address": _("no address in use"),
        "no_wording": _("no approved wording in force"),
        "nothing_owed": _("no account to tell of"),
        "missing_value": _("a value the wording needs is missing"),
        "superseded": _("a newer night decided anew"),
        "campaign_stopped": _("the campaign was stopped"),
        "sender_died": _("the sender died in between"),
        "no_answer": _("the other side did not answer"),
        "counted_as_sent": _("counted as sent by a person"),
        "paid": _("was paid meanwhile"),
        "opted_out": _("wants no more messages"),
    },
    "next_step": {
        "follow_up": _("Follow up"),
        "transfer": _("Hand to a queue"),
        "next_number": _("Try another number"),
        "done": _in("next step", "Nothing more"),
    },
    "next_why": {
        "promise_due": _("see whether the promise was kept"),
        "call_back": _("call back as agreed"),
        "check_payment": _("check whether it has been posted"),
        "needs_plan": _("wants a plan"),
        "refused": _("try again after a refusal"),
        "hardship": _("hardship to be checked"),
        "dispute": _("dispute to be checked"),
        "hold_review": _("see whether the hold is still needed"),
        "try_again": _("try again"),
        "message_passed": _("see whether the message arrived"),
        "wrong_number": _("this number is not hers"),
        "paid": _("nothing more is due"),
        "plan_kept": _("the plan is being kept"),
        "promise_broken": _("a promise was broken"),
        "needs_waiver": _("wants a waiver"),
        "informed": _("see what came of it"),
        "fraud": _("fraud to be checked"),
        "complaint": _("complaint to be answered"),
        "no_contact": _("wants no more contact"),
        "bankruptcy": _("bankruptcy to be checked"),
        "litigation": _("goes through counsel"),
        "represented": _("goes through the lawyer"),
        "illness": _("illness"),
        "custody": _("in custody"),
        "deceased": _("estate to be found out"),
        "no_capacity": _("representative to be found out"),
        "not_passed": _("the message was not taken"),
        "sealed": _("this person is not called again"),
        "third_pays": _("somebody offers to pay"),
        "new_details": _("new details to be checked"),
        "denies": _("denies being the customer"),
        "not_verified": _("identity was not shown"),
        "bad_time": _("it was a bad time"),
        "language": _("needs another language"),
        "abuse": _("talk was abusive"),
        "handed_over": _("handed to a senior"),
        "hung_up": _("hung up"),
        "dropped": _("the line dropped"),
        "dead_number": _("the number no longer works"),
        "message_left": _("wait for a call back"),
    },
    "statement": {
        "recorded": _("the call is recorded"),
        "who_calls": _("who is calling"),
        "creditor": _("who the creditor is"),
        "what_is_owed": _("what is owed, truthfully"),
        "consequences": _("consequences, truthfully"),
        "rights": _("rights and where to complain"),
        "no_debt_told": _("nothing of the debt"),
        "may_refuse": _("may refuse further calls"),
    },
    "unsaid": {
        "hung_up": _("she hung up"),
        "interrupted": _("interrupted"),
        "said_before": _("said already on this call"),
        "declined": _("she did not want to hear it"),
    },
    "kept_for": {
        "her_words": _("these are her own words"),
        "needed": _("handling the case needs it"),
        "agreed": _("she agreed to it"),
    },
    "note": {"call": _("Note of a call"), "case": _("Note"), "sensitive": _("Vulnerability note")},
    "note_finding": {
        "third_person_data": _("Data of a third person"),
        "sensitive": _("Sensitive data"),
    },
    "timeline": {
        "contact": _("Contacts"),
        "message": _in("timeline", "Messages"),
        "reply": _("Replies"),
        "refusal": _("Refusals"),
        "payment": _in("timeline", "Payments"),
        "note": _("Notes"),
        "hold": _("Holds"),
        "event": _("Events"),
    },
    "timeline_one": {
        "contact": _in("timeline", "Contact"),
        "message": _in("timeline", "Message"),
        "reply": _in("timeline", "Reply"),
        "refusal": _in("timeline", "Refusal"),
        "payment": _in("timeline", "Payment"),
        "note": _("Note"),
        "hold": _in("timeline", "Hold"),
        "event": _in("timeline", "Event"),
    },
    "wish": {
        "opt_out": _("Wants no more by this channel"),
        "time": _("Named a time as inconvenient"),
        "place_home": _("Not at home"),
        "place_work": _("Not at work"),
        "cease": _("Wants no more contact"),
    },
    "card": {
        "plans": _("Promises and plans"),
        "payments": _("Payments"),
        "disputes": _("Disputes and hardship"),
        "worklist": _("Work"),
    },
    "who_acted": {
        "us": _in("actor", "Ours"),
        "agency": _("Agency"),
        "robot": _in("actor", "Robot"),
        "bank": _in("actor", "Bank"),
    },
}


def word(text: object, table: str) -> str:
    """What a person reads for a machine word of the desk."""
    return str(LABELS[table].get(str(text), text))
