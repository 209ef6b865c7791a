"""The acts on payments of the night: take in what the bank has posted, once, confirm what we counted before, and say what reaches back.

Knows that a posting is known by the bank's `payment_id` and never changes after, and that a payment confirms one posting of ours at
most. Does not know what a payment does to an account: the bank's own figures of the same night say that.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django.db import connection

from anhuan.acts.payment_posting import NEAR, differences, hold_payments
from anhuan.portfolio import engine
from anhuan.records import bulk
from anhuan.records.night import Night
from anhuan.records.payment import Payment, Posting, PostingState

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend
    from ibis.expr import types as ir

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
        withdrawn = 0
        if replacing is not None:
            unconfirmed = Posting.objects.filter(confirmed_in=replacing.sequence)
            unconfirmed.update(state=PostingState.PROVISIONAL, confirmed_by=None, confirmed_in=None, differs=[])
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
        **confirm(night),
    }


def confirm(night: Night) -> dict[str, Any]:
    """What `night` brought confirms what we had counted: `{"confirmed", "confirmed_otherwise"}`, the latter where the bank's word is another.

    By the bank's id where it was told; else by the same account, currency, amount and kind within `NEAR` days, the nearest first: a
    payment confirms one posting, a posting is confirmed by one payment. What the bank says stands.
    """
    waiting = Posting.objects.filter(state=PostingState.PROVISIONAL)
    named = {each.payment_id: each for each in waiting.exclude(payment_id="")}
    pairs = [(named[payment.payment_id], payment) for payment in Payment.objects.filter(pk__in=named).order_by("payment_id")]
    taken = {payment.payment_id for _, payment in pairs}
    unnamed = {each.posting_id: each for each in waiting.filter(payment_id="")}
    with connection.cursor() as cursor:
        cursor.execute(_ALIKE, {"night": night.sequence, "near": NEAR.days})
        alike = cursor.fetchall()
    payments = Payment.objects.in_bulk({payment_id for _, payment_id in alike})
    for posting_id, payment_id in alike:
        if payment_id not in taken and posting_id in unnamed:
            taken.add(payment_id)
            pairs.append((unnamed.pop(posting_id), payments[payment_id]))
    for posting, payment in pairs:
        posting.state, posting.confirmed_by, posting.confirmed_in = (
            PostingState.CONFIRMED.value,
            payment.payment_id,
            night.sequence,
        )
        posting.differs = differences(posting, payment)
    Posting.objects.bulk_update(
        [posting for posting, _ in pairs], ["state", "confirmed_by", "confirmed_in", "differs"], batch_size=1000
    )
    return {"confirmed": len(pairs), "confirmed_otherwise": sum(bool(posting.differs) for posting, _ in pairs)}


_ALIKE = """
SELECT o.posting_id, p.payment_id
FROM records_posting o JOIN records_payment p USING (account_id, currency, amount_minor)
WHERE o.state = 'provisional' AND o.payment_id = '' AND p.sequence = %(night)s AND p.kind <> 'waiver'
  AND (o.kind = 'reversal') = (p.kind = 'reversal') AND abs(o.effective_on - p.effective_on) <= %(near)s
  AND NOT EXISTS (SELECT FROM records_posting k WHERE k.confirmed_by = p.payment_id)
ORDER BY abs(o.effective_on - p.effective_on), o.effective_on, o.posting_id, p.payment_id
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
