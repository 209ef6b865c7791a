"""The words of the worklist: why a case is on it, why it comes again, why it was given back; tables of `words.LABELS`.

Knows the codes that acts and the code book use. A code without a word here is shown as it is.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy as _in

from anhuan.workbench import desk_words

LABELS: dict[str, dict[str, str | Promise]] = {
    "work_reason": {
        "proposal": _("Wanted by the strategy"),
        "promise_broken": _("Promise just broken"),
        "follow_up": _("Follow-up"),
        "transferred": _("Transferred"),
    },
    "work_state": {
        "open": _in("work", "Open"),
        "done": _in("work", "Done"),
        "withdrawn": _in("work", "Withdrawn"),
    },
    "work_ended": {
        "done": _in("work", "Done"),
        "cured": _in("work", "Left collections"),
        "placed_out": _("Placed with an agency"),
        "held": _("Collection is on hold"),
        "not_wanted": _("No longer wanted by the strategy"),
    },
    "work_kind": {
        "overdue": _("Overdue"),
        "due": _("Follow-up due"),
        "held": _("Held now"),
        "waiting": _("Not yet to be taken"),
        "assigned": _("Given to somebody"),
        "unassigned": _("Given to nobody"),
        "broken": _("Promise just broken"),
    },
    "release_why": {
        "interrupted": _("Interrupted"),
        "not_mine": _("Not for me"),
        "system": _("A system does not work"),
        "end_of_shift": _("End of the shift"),
        "other": _in("why", "something else"),
    },
    # The next steps of the code book, and what a person may choose besides.
    "work_why": {
        **desk_words.LABELS["next_why"],
        "documents": _("documents are to come"),
        "language": _("needs another language"),
        "authority": _("beyond my authority"),
        "other": _in("why", "something else"),
    },
}
