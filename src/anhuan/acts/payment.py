"""The acts on payments: take in what the bank has posted, once, say which of it reaches into the past, and hear of what is paid.

Knows that a posting is known by the bank's `payment_id` and never changes after. Does not know what a payment does to
an account: the bank's own figures of the same night say that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from ibis.backends.duckdb import Backend
from ibis.expr import types as ir

from anhuan.acts import outbox
from anhuan.acts.customer import held
from anhuan.portfolio import engine
from anhuan.records import bulk
from anhuan.records.account import Account
from anhuan.records.night import Night
from anhuan.records.payment import Payment, PaymentNotice

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
    one is known with other content, and what is known stands. Runs in the caller's transaction.
    """
    columns = ", ".join(_COLUMNS)
    with connection.cursor() as cursor:
        withdrawn = 0
        if replacing is not None:
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
    }


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


# --- what is told before ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Notice:
    """A payment the bank's payment system tells of; money in minor units of `currency`."""

    payment_id: str
    account_id: str
    amount_minor: int
    currency: str
    effective_on: date


def announce(notices: Iterable[Notice], *, at: datetime, by: str) -> dict[str, Any]:
    """Hear of payments: `{"new", "known", "unknown_accounts", "stopped"}`, the last how many messages will not leave.

    Whatever the amount: what waits was to ask for what was owed before, and the next night knows what still is. A payment the
    night has brought, or that was told of, changes nothing.
    """
    told = {notice.payment_id: notice for notice in notices}
    with transaction.atomic():
        known = {*PaymentNotice.objects.filter(pk__in=told).values_list("pk", flat=True)}
        known |= {*Payment.objects.filter(pk__in=told).values_list("pk", flat=True)}
        new = [notice for notice in told.values() if notice.payment_id not in known]
        whose = dict(Account.objects.filter(pk__in=[each.account_id for each in new]).values_list("account_id", "customer_id"))
        PaymentNotice.objects.bulk_create([PaymentNotice(**asdict(each), heard_at=at) for each in new], ignore_conflicts=True)
        stopped = 0
        for customer_id in sorted(set(whose.values())):
            with held(customer_id, at=at, by=by) as customer:
                withdrawn = outbox.withdraw([customer_id], code="paid", at=at)
                paid = sorted(each.payment_id for each in new if whose.get(each.account_id) == customer_id)
                customer.remember("payment.announced", {"payments": paid, "stopped": withdrawn})
                stopped += withdrawn
    return {
        "new": len(new), "known": len(known), "stopped": stopped,
        "unknown_accounts": sum(each.account_id not in whose for each in new),
    }  # fmt: skip
