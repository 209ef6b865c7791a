"""The acts on payments of the night: take in what the bank has posted, once, confirm what we counted before, and say what reaches back.

Knows that a posting is known by the bank's `payment_id` and never changes after, and that a payment confirms one posting of ours at
most. Does not know what a payment does to an account: the bank's own figures of the same night say that.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from django.db import connection

from anhuan.acts import payment_matching as matching
from anhuan.acts import payment_posting
from anhuan.acts.payment_posting import hold_payments
from anhuan.core.plan.sameness import NEAR, Likeness
from anhuan.portfolio import engine
from anhuan.records import bulk
from anhuan.records.night import Night
from anhuan.records.payment import Posting

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend
    from ibis.expr import types as ir

ACTOR = "system:night"

# --- what the night brings ----------------------------------------------------------------------------------------

_COLUMNS = (
    "payment_id", "account_id", "posted_on", "effective_on", "amount_minor", "currency", "kind", "reverses", "channel",
)  # fmt: skip

_KNOWN = f"""
SELECT count(*) FILTER (WHERE same), count(*) FILTER (WHERE NOT same),
       (array_agg(payment_id ORDER BY payment_id) FILTER (WHERE NOT same))[:%s]
FROM (SELECT p.payment_id, ({", ".join("p." + name for name in _COLUMNS)})
                           = ({", ".join("k." + name for name in _COLUMNS)}) AS same
      FROM posted p JOIN records_payment k USING (payment_id)) known
"""  # noqa: S608  our own names

# How many ids of postings that came back other than they are known are named in the answer; all are counted.
_NAMED = 20


def absorb(
    con: Backend,
    *,
    payments: ir.Table,
    night: Night,
    replacing: Night | None,
    at: datetime,
) -> dict[str, Any]:
    """Keep the postings of `payments` that are not known yet, as brought by `night`.

    `payments`: a table of `con`, the usable rows of payments.csv with `amount_minor` and the account's `currency`. When the night takes
    the place of `replacing`, what that one first brought is withdrawn before. Returns `{"new", "replayed", "differing",
    "differing_ids", "withdrawn"}`: a replayed posting is known with the same content and changes nothing; a differing
    one is known with other content, and what is known stands; and of what we had counted, as `confirm` says. Runs in the caller's
    transaction.
    """
    columns = ", ".join(_COLUMNS)
    with connection.cursor() as cursor:
        hold_payments(cursor)
        withdrawn, released = 0, list[str | None]()
        if replacing is not None:
            released = list(Posting.objects.filter(confirmed_in=replacing.sequence).values_list("confirmed_by", flat=True))
            cursor.execute("DELETE FROM records_payment WHERE sequence = %s", [replacing.sequence])
            withdrawn = cursor.rowcount
        cursor.execute("CREATE TEMPORARY TABLE posted (LIKE records_payment) ON COMMIT DROP")
        cursor.execute("ALTER TABLE posted DROP COLUMN sequence")
        unsaid = ", ".join(f"coalesce({name}, '')" if name in ("reverses", "channel") else name for name in _COLUMNS)
        query = f"SELECT {unsaid} FROM ({con.compile(payments)})"  # noqa: S608
        bulk.copy(cursor, "posted", _COLUMNS, engine.batches(con, query, rows=bulk.BATCH))
        cursor.execute(_KNOWN, [_NAMED])
        replayed, differing, differing_ids = cursor.fetchone()
        cursor.execute(
            f"INSERT INTO records_payment ({columns}, sequence) SELECT {columns}, %s FROM posted"  # noqa: S608
            " ON CONFLICT (payment_id) DO NOTHING",
            [night.sequence],
        )
        new = cursor.rowcount
        cursor.execute("DROP TABLE posted")
    return {
        "new": new,
        "replayed": replayed,
        "differing": differing,
        "differing_ids": differing_ids or [],
        "withdrawn": withdrawn,
        **confirm(night, at=at, released=[each for each in released if each]),
    }


def confirm(night: Night, *, at: datetime, released: Collection[str] = ()) -> dict[str, Any]:
    """What `night` brought confirms what we had counted: `{"confirmed", "confirmed_otherwise"}`, the latter where the bank's word is another.

    All that looks like a payment of the night, or bears its number, is matched anew (`acts.payment_matching`), as is what payments
    `released` had confirmed that an earlier try of this night brought. What the bank says stands.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CONCERNED, {"night": night.sequence, "near": NEAR.days, "released": list(released)})
        looks = {Likeness(*row) for row in cursor.fetchall()}
        cursor.execute(_NAMED_HERE, {"night": night.sequence})
        names = {name for (name,) in cursor.fetchall()}
    if not looks and not names:
        return {"confirmed": 0, "confirmed_otherwise": 0}
    matched = matching.match(looks, names={*names, *released}, at=at, by=ACTOR)
    payment_posting.apply(matched)
    confirmed = [each for each in (*matched.changed, *matched.fresh) if each.confirmed_in == night.sequence]
    return {"confirmed": len(confirmed), "confirmed_otherwise": sum(bool(each.differs) for each in confirmed)}


# What was told near the day of a payment of the night that looks like it; and what a payment had confirmed that is no more.
_CONCERNED = """
SELECT o.account_id, o.currency, o.amount_minor, o.kind = 'reversal'
FROM (SELECT account_id, currency, amount_minor, kind, effective_on FROM records_paymententry WHERE posting_id IS NOT NULL
      UNION ALL
      SELECT account_id, currency, amount_minor, kind, effective_on FROM records_posting WHERE state <> 'withdrawn') o
JOIN records_payment p USING (account_id, currency, amount_minor)
WHERE p.sequence = %(night)s AND p.kind <> 'waiver' AND (o.kind = 'reversal') = (p.kind = 'reversal')
  AND abs(o.effective_on - p.effective_on) <= %(near)s
UNION
SELECT account_id, currency, amount_minor, kind = 'reversal' FROM records_posting WHERE confirmed_by = ANY (%(released)s)
"""
_NAMED_HERE = """
SELECT p.payment_id FROM records_payment p JOIN records_paymententry e USING (payment_id)
WHERE p.sequence = %(night)s AND e.posting_id IS NOT NULL
"""


def backdated(con: Backend, *, night: Night, until: date) -> ir.Table:
    """What `night` first brought and takes effect on or before `until`, as a table of `con`: account_id, effective_on.

    From records, so that a replayed posting never restates a past it has already been part of, and a night that was
    killed after its postings were kept finds them again.
    """
    query = "SELECT account_id, effective_on FROM records_payment WHERE sequence = %s AND effective_on <= %s"
    with connection.cursor() as cursor:
        found = bulk.fetch(cursor, query, [night.sequence, until])
    table: ir.Table = con.create_table("backdated_payments", found, temp=True, overwrite=True)
    return table
