"""What a day changes of what the night laid out: a promise judged broken goes before everything else, a case that has paid goes.

Knows where a judgement and a payment lead on the worklist, and back again; a case that never lay there comes by a broken promise, too.
Runs in the transaction that judges or posts, set by set, and asks nothing of a case that is not among those named. The next night says
anew what is wanted.
"""

# ruff: noqa: S608  The SQL is put together from constants of this file; every value is bound.
from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import connection

from anhuan.acts.worklist.filling import BROKEN, BROKEN_DAYS, CLASSES
from anhuan.rulebook import queues

PAYMENTS: Final = "system:payments"
"""By whom the items of who has paid end, so that what takes a payment back finds them."""

PROMISES: Final = "system:promises"
"""By whom the items end that were there for a promise which was kept after all."""

# Work that is over comes again where only the strategy, or she who worked on it, wanted no more of it.
_WORKABLE = """
EXISTS (SELECT FROM records_case c LEFT JOIN records_casefigures f USING (case_id)
        WHERE c.case_id = w.customer_id AND c.status = 'open' AND coalesce(f.placed_with, '') = '')
AND NOT EXISTS (SELECT FROM records_hold h
                WHERE h.customer_id = w.customer_id AND h.begins <= %(at)s AND (h.ends IS NULL OR h.ends > %(at)s))
"""
# Both sides of the bound between the ranks are told by their sign.
_JUDGED = f"""
UPDATE records_workitem w SET
    rank = w.rank + CASE WHEN u.broken = (w.rank <= 0) THEN 0 WHEN u.broken THEN -{CLASSES} ELSE {CLASSES} END,
    reason = CASE WHEN w.state = 'open' AND w.by_hand THEN w.reason WHEN u.broken THEN 'promise_broken'
                  WHEN w.reason = 'promise_broken' THEN 'proposal' ELSE w.reason END,
    since = CASE WHEN w.state = 'open' THEN w.since ELSE %(at)s END,
    due_at = CASE WHEN w.state = 'open' THEN w.due_at ELSE %(at)s + interval '1 day' END,
    follow_up_at = CASE WHEN w.state = 'open' THEN w.follow_up_at END,
    state = 'open', ended_at = NULL, ended_by = '', ended_why = ''
FROM (SELECT a.customer_id, b.customer_id IS NOT NULL AS broken
      FROM unnest(%(customers)s::text[]) a (customer_id) LEFT JOIN ({BROKEN}) b USING (customer_id)) u
WHERE u.customer_id = w.customer_id
  AND ((w.state = 'open' AND u.broken <> (w.rank <= 0))
       OR (u.broken AND (w.state = 'done' OR (w.state = 'withdrawn' AND w.ended_why = 'not_wanted')) AND {_WORKABLE}))
"""
# A case that never lay on the worklist: at what is overdue, in the queue of everybody, until the night asks the strategy.
_FIRST_TIME = f"""
INSERT INTO records_workitem (customer_id, queue, language, reason, value_at_risk_minor, currency, rank, since, due_at, state, by_hand,
    team, channel, account_id, decision, gate_tries, follow_up_why, follow_up_by, assigned_to, leased_by, taken_today, ended_by, ended_why)
SELECT w.customer_id, %(desk)s, coalesce(nullif(lower(split_part(k.language, '-', 1)), ''), 'zh'), 'promise_broken',
       coalesce(f.balance_total_minor, 0), coalesce(f.currency, ''), -least(greatest(coalesce(f.balance_total_minor, 0), 0), {10**13}) * 1000,
       %(at)s, %(at)s + interval '1 day', 'open', false, '', '', '', '', 0, '', '', '', '', 0, '', ''
FROM ({BROKEN}) w LEFT JOIN records_customer k USING (customer_id) LEFT JOIN records_casefigures f ON f.case_id = w.customer_id
WHERE w.customer_id = ANY(%(customers)s) AND {_WORKABLE}
ON CONFLICT (customer_id) DO NOTHING
"""
# Kept after all, it goes again as it came, unless somebody has made it hers meanwhile.
_AFTER_ALL = f"""
UPDATE records_workitem w SET state = 'withdrawn', ended_at = %(at)s, ended_by = %(promises)s, ended_why = 'not_wanted'
WHERE w.customer_id = ANY(%(customers)s) AND w.state = 'open' AND w.reason = 'promise_broken' AND w.business_date IS NULL
  AND NOT w.by_hand AND w.leased_by = '' AND w.assigned_to = '' AND w.follow_up_at IS NULL
  AND NOT EXISTS (SELECT FROM ({BROKEN}) b WHERE b.customer_id = w.customer_id)
"""
# Who has paid, before the bank's night says so, all that was overdue when the last one did.
_CLEARED = """
SELECT a.customer_id FROM records_account a LEFT JOIN (
    SELECT account_id, sum(CASE WHEN kind = 'reversal' THEN -amount_minor ELSE amount_minor END) AS paid
    FROM records_posting WHERE customer_id = ANY(%(customers)s) AND state = 'provisional' GROUP BY 1) p USING (account_id)
WHERE a.customer_id = ANY(%(customers)s) AND a.past_due_amount_minor > 0
GROUP BY 1 HAVING bool_and(coalesce(p.paid, 0) >= a.past_due_amount_minor)
"""
# Its date, its person and whether it was put there by hand stay with it, for it may come back.
_PAID = f"""
UPDATE records_workitem w SET state = 'withdrawn', ended_at = %(at)s, ended_by = %(payments)s, ended_why = 'cured',
       leased_by = '', lease = NULL, leased_at = NULL, leased_until = NULL
FROM ({_CLEARED}) c WHERE c.customer_id = w.customer_id AND w.state = 'open'
"""
_BACK = f"""
UPDATE records_workitem w SET state = 'open', ended_at = NULL, ended_by = '', ended_why = ''
WHERE w.customer_id = ANY(%(customers)s) AND w.state = 'withdrawn' AND w.ended_why = 'cured' AND w.ended_by = %(payments)s
  AND NOT EXISTS (SELECT FROM ({_CLEARED}) c WHERE c.customer_id = w.customer_id) AND {_WORKABLE}
"""


def judged(customers: Collection[str], *, through: date, today: date, at: datetime) -> int:
    """Promises of these customers were judged, by what is known `through` a date: a case whose promise was broken in the last days
    goes before everything else, was it done with, wanted no more, or never laid out; one whose promise is broken no longer goes back.
    How many changed.
    """
    broken = {"broken_from": through - timedelta(days=BROKEN_DAYS), "broken_until": today}
    told = {"desk": queues.DESK, "promises": PROMISES, **broken}
    return sum(_run(sql, customers, at=at, **told) for sql in (_AFTER_ALL, _JUDGED, _FIRST_TIME))


def paid(customers: Collection[str], *, at: datetime) -> int:
    """What counts as paid by these customers has changed: the item of who has nothing overdue left goes, as `cured`; it comes back
    where that is so no longer. How many changed.
    """
    return sum(_run(sql, customers, at=at, payments=PAYMENTS) for sql in (_PAID, _BACK))


def _run(sql: str, customers: Collection[str], **told: Any) -> int:
    if not customers:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(sql, {"customers": sorted(set(customers)), **told})
        return int(cursor.rowcount)
