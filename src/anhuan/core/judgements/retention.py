"""Records: until when they are kept, and from when they may be destroyed."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from anhuan.core.days import ONE_DAY
from anhuan.core.judgements.law import Judgement, Law, judged


class Record(StrEnum):
    """Kinds of record with terms of their own: a recording, one that proves an oral plan, everything else of an account."""

    RECORDING = "recording"
    PLAN_RECORDING = "plan_recording"
    ACCOUNT_RECORDS = "account_records"


def purge_after(what: Record, made: date | None, last_activity: date | None, *, law: Law) -> date | None:
    """The last day a record must be kept; it may go on the day after. None when the day the term runs from is unknown.

    A recording's term runs from when it was made, that of an account's records from the last activity (Credit Card
    Measures Art. 68; 12 CFR 1006.100); where only the other date is known, from that.
    """
    start = (last_activity or made) if what is Record.ACCOUNT_RECORDS else (made or last_activity)
    return law[f"retention.{what}"].period.last_day(start) if start else None


def may_purge(
    what: Record,
    made: date | None,
    last_activity: date | None,
    debt_settled: date | None,
    *,
    longer_duty: bool,
    at: date,
    law: Law,
) -> Judgement:
    """A record may be destroyed on the day after its term, one of an oral plan not before the debt is settled either.

    Credit Card Measures Arts. 68, 70; 12 CFR 1006.100. A longer duty (complaint, litigation) keeps every record.
    """
    rule = law[f"retention.{what}"]
    kept_until = purge_after(what, made, last_activity, law=law)
    over = kept_until is not None and at > kept_until
    settled = debt_settled is not None and debt_settled <= at
    free = settled or not rule.value.get("until_settled", False)
    return judged(
        over and free and not longer_duty,
        rule,
        purge_from=kept_until + ONE_DAY if kept_until else None,
        waits_for_settlement=not free,
        longer_duty=longer_duty,
    )
