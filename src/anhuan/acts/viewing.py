"""The acts on looks: each is kept before what it shows leaves the house, and goes when its time is over.

A look is no event of the case's chain: a page looked at twice would make writers of the chain wait for readers. Its own table
refuses every change instead (`records.viewing`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

from anhuan.records import events

# The same page of the same customer, opened again in the same session while somebody works on it, is one look.
ONE_LOOK: Final = timedelta(minutes=5)

_KEEP = """
INSERT INTO records_viewing (at, "by", customer_id, page, clear, reason, session)
SELECT %(at)s, %(by)s, c.customer_id, %(page)s, %(clear)s, %(reason)s, %(session)s
FROM unnest(%(customers)s::varchar[]) c (customer_id)
WHERE %(clear)s OR NOT EXISTS (
    SELECT FROM records_viewing v WHERE v.customer_id = c.customer_id AND v."by" = %(by)s AND v.page = %(page)s
    AND NOT v.clear AND v.session IS NOT DISTINCT FROM %(session)s::bigint AND v.at > %(since)s AND v.at <= %(at)s)
"""
_KEEP_QUICKLY = _KEEP.replace("\nWHERE", ", set_config('synchronous_commit', 'off', true)\nWHERE", 1)


def keep(
    customers: Iterable[str], *, page: str, at: datetime, by: str, clear: bool = False, reason: str = "",
    session: int | None = None,
) -> int:  # fmt: skip
    """Keep that `by` looked at each of these customers on `page`; how many looks are new. One in clear is always new."""
    wanted = sorted(set(customers))
    if not wanted:
        return 0
    # A look at masked data waits for no disk: a power cut in that half second loses it, and nothing else. One in clear waits, as
    # does whatever another transaction of the caller's does beside it.
    quick = not clear and not connection.in_atomic_block
    params: dict[str, Any] = {
        "at": at, "by": by, "customers": wanted, "page": page[:40], "clear": clear, "reason": reason[:200],
        "session": session, "since": at - ONE_LOOK,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_KEEP_QUICKLY if quick else _KEEP, params)
        return int(cursor.rowcount)


def exported(*, rows: int, asked: str, at: datetime, by: str) -> None:
    """Keep that `by` took a list of about `rows` cases out as a file; `asked` is the address's query. Leaves `cases.exported`."""
    with transaction.atomic():
        events.append(chain=events.HOUSE, kind="cases.exported", body={"rows": rows, "asked": asked[:500]}, at=at, by=by)


def clear_old(*, at: datetime, by: str) -> int:
    """Remove looks older than this house keeps them; how many. Leaves the event `viewings.cleared` when there were any."""
    before = at - timedelta(days=365.25 * settings.ANHUAN_VIEWING_YEARS)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM records_viewing WHERE at < %s", [before])
        gone = int(cursor.rowcount)
        if gone:
            body = {"before": before.isoformat(), "rows": gone}
            events.append(chain=events.HOUSE, kind="viewings.cleared", body=body, at=at, by=by)
    return gone
