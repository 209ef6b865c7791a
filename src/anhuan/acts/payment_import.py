"""The acts on files and messages of payments: looked at, matched to accounts by their keys, taken, or put in suspense.

Knows every key by which an account is found, and that money is matched by itself only where all keys that speak name one account. A
file is staged whole, in one transaction, set-wise; it is taken in batches, and one that was cut short is gone on with. A line that
cannot be used is kept sealed; what the payer wrote is kept sealed while the money is in suspense, and not at all otherwise.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pyarrow as pa
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from anhuan.acts import payment_matching, payment_posting, suspense
from anhuan.portfolio import statement
from anhuan.portfolio.statement import Entry, Finding
from anhuan.records import bulk, events, identity
from anhuan.records.payment import (
    NOTICE,
    ImportState,
    PaymentEntry,
    PaymentFinding,
    PaymentImport,
    PaymentKey,
    Result,
)
from anhuan.records.payment_suspense import Suspense, SuspenseCandidate

BATCH = 1000
"""How many entries are taken in one transaction."""
PLAUSIBLE = 5
"""A weak sign (an amount, a name) that fits more accounts than these says nothing of any of them."""
Progress = Callable[[str, int, int], None]


# --- a file -------------------------------------------------------------------------------------------------------


def preview(
    data: bytes,
    *,
    name: str,
    form: str = "",
    layout: statement.Layout = statement.CANONICAL,
    today: date,
    at: datetime,
    by: str,
) -> PaymentImport:
    """Look at a file: its lines are read and matched, and nothing is counted yet. The same file again is the one that is known.

    Raises `statement.StatementUnreadable`.
    """
    digest = hashlib.sha256(data).hexdigest()
    known = PaymentImport.objects.filter(sha256=digest).first()
    if known is not None:
        return known
    read = statement.read(data, form=form, layout=layout)
    with transaction.atomic(), connection.cursor() as cursor:
        payment_posting.hold_payments(cursor)
        file, fresh = PaymentImport.objects.get_or_create(
            sha256=digest,
            defaults={
                "name": name[:200], "format": read.form, "layout": layout.name[:40], "state": ImportState.PREVIEW.value, "rows": read.rows,
                "sums": read.sums, "at": at, "by": by,
            },
        )  # fmt: skip
        if fresh:
            staged = stage(
                cursor, read.entries, source=read.form + (f":{layout.name}" if layout.name else ""), file=file, at=at
            )
            findings = [
                *read.findings,
                *staged.findings,
                *(Finding(each.line, "effective_on", "future") for each in read.entries if each.effective_on > today),
            ]
            _keep(file, findings)
            file.known, file.findings = staged.known, len(findings)
            file.save(update_fields=["known", "findings"])
    return file


def _keep(file: PaymentImport, findings: Sequence[Finding]) -> None:
    """The findings, and the lines they set aside, sealed."""
    rows = {
        (each.line, each.raw): uuid5(NAMESPACE_URL, f"{file.sha256}/{each.line}/{each.code}") for each in findings if each.raw
    }
    sealed = {row_id: {"raw": raw} for (_, raw), row_id in rows.items()}
    for each in identity.seal_said(sealed) if sealed else ():
        each.save()
    PaymentFinding.objects.bulk_create(
        [
            PaymentFinding(
                file=file, line=each.line, column=each.column, code=each.code, row_id=rows.get((each.line, each.raw))
            )
            for each in findings
        ]
    )


def discard(file: PaymentImport) -> bool:
    """Forget a file that was looked at and not taken; False where it has been."""
    with transaction.atomic():
        standing = PaymentImport.objects.select_for_update().filter(pk=file.pk, state=ImportState.PREVIEW)
        if not standing.exists():
            return False
        rows: list[UUID] = [row for row in file.told.values_list("row_id", flat=True) if row is not None]
        rows += file.entries.values_list("entry_id", flat=True)
        identity.Said.objects.filter(pk__in=rows).delete()
        Suspense.objects.filter(entry__file=file).delete()
        file.delete()
    return True


def take(
    file: PaymentImport, *, at: datetime, by: str, batches: int | None = None, progress: Progress | None = None
) -> PaymentImport:
    """Take what of a file is not taken yet, `batches` at most (None: all); a file that is done stays as it is."""
    if PaymentImport.objects.filter(pk=file.pk, state=ImportState.PREVIEW).update(state=ImportState.RUNNING):
        body = {"file": file.pk, "sha256": file.sha256, "rows": file.rows, "sums": file.sums}
        with transaction.atomic():
            events.append(chain=events.HOUSE, kind="payments.imported", body=body, at=at, by=by)
    total = file.entries.count()
    while batches is None or batches > 0:
        with transaction.atomic(), connection.cursor() as cursor:
            payment_posting.hold_payments(cursor)
            waiting = list(file.entries.filter(result=Result.WAITING).order_by("line")[:BATCH])
            run(waiting, at=at, by=by)
        if progress:
            progress("payments", file.entries.exclude(result=Result.WAITING).count(), total)
        if len(waiting) < BATCH:
            PaymentImport.objects.filter(pk=file.pk, state=ImportState.RUNNING).update(state=ImportState.DONE, done_at=at)
            break
        batches = None if batches is None else batches - 1
    file.refresh_from_db()
    return file


def run(waiting: Sequence[PaymentEntry], *, at: datetime, by: str, event: str = "payment.posted") -> payment_posting.Taken:
    """Take a batch of staged entries: those with an account are counted, the others go into suspense. In the caller's transaction."""
    placed = [each for each in waiting if each.account_id]
    lost = [each for each in waiting if not each.account_id]
    candidates = SuspenseCandidate.objects.filter(suspense__in=[each.pk for each in lost]).values_list("customer_id", flat=True)
    with connection.cursor() as cursor:
        payment_posting.hold_customers(cursor, {*candidates, *_owners(placed)})
    taken = payment_posting.take(placed, at=at, by=by, event=event)
    suspense.open_(lost, at=at, by=by)
    return taken


def _owners(placed: Sequence[PaymentEntry]) -> set[str]:
    return set(payment_matching.owners({each.account_id for each in placed}).values())


def result(file: PaymentImport) -> dict[str, Any]:
    """A file as JSON: how many of its lines became what. The counts add up to the rows, and to what was known before."""
    counted: dict[str, int] = defaultdict(int)
    for word in file.entries.values_list("result", flat=True):
        counted[word] += 1
    aside = file.told.exclude(row_id=None).values("line", "row_id").distinct().count()
    matched = file.entries.filter(result=Result.WAITING).exclude(account_id="").count()
    return {
        "import": file.pk, "sha256": file.sha256, "format": file.format, "state": file.state, "rows": file.rows, "sums": file.sums,
        "posted": counted[Result.POSTED], "known": file.known + counted[Result.KNOWN], "suspense": counted[Result.SUSPENSE],
        "waiting": counted[Result.WAITING], "matched": matched, "set_aside": aside, "findings": file.findings,
    }  # fmt: skip


def findings(file: PaymentImport, *, most: int | None = None) -> list[dict[str, Any]]:
    """What is wrong with lines of a file, as JSON with both sentences."""
    told = file.told.order_by("line", "id").values_list("line", "column", "code")[:most]
    return [
        {"file": file.name, "line": line, "column": column or None, "code": code, "message_zh": zh, "message_en": en}
        for line, column, code in told
        for zh, en in [statement.sentence(code)]
    ]


# --- a message ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Notice:
    """A payment the bank's payment system tells of; money in minor units of `currency`. `reference` is its own name for it."""

    payment_id: str
    account_id: str
    amount_minor: int
    currency: str
    effective_on: date
    reference: str = ""
    kind: str = "payment"
    reverses: str = ""


def announce(notices: Iterable[Notice], *, at: datetime, by: str) -> dict[str, Any]:
    """Hear of payments: `{"new", "known", "unknown_accounts", "stopped"}`, the last how many messages will not leave.

    Whatever the amount: what waits was to ask for what was owed before. A payment that is known, to whomever and by whatever name,
    changes nothing. One on an account nobody knows is money in suspense.
    """
    told = {notice.payment_id: notice for notice in notices}
    entries = [
        Entry(
            line=number, reference=each.payment_id, amount_minor=each.amount_minor, currency=each.currency, effective_on=each.effective_on,
            kind=each.kind, payment_id=each.payment_id, gateway=each.reference, reverses=each.reverses, account_id=each.account_id,
            channel="notice",
        )
        for number, each in enumerate(told.values(), start=1)
    ]  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        payment_posting.hold_payments(cursor)
        staged = stage(cursor, entries, source=NOTICE, file=None, at=at)
        taken = run(staged.entries, at=at, by=by, event="payment.announced")
    unknown = sum(not each.account_id for each in staged.entries)
    return {
        "new": taken.posted + unknown,
        "known": staged.known + taken.known,
        "stopped": taken.stopped,
        "unknown_accounts": unknown,
    }


# --- staging: set-wise --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Staged:
    """What of the entries is new, how many were known by their reference, and which of those were told otherwise now."""

    entries: list[PaymentEntry]
    known: int
    findings: list[Finding]


def stage(cursor: CursorWrapper, entries: Sequence[Entry], *, source: str, file: PaymentImport | None, at: datetime) -> Staged:
    """Keep entries that are not known by their reference, each with the account its keys name or with its candidates."""
    cursor.execute(_ENTERED)
    if entries:
        bulk.copy(cursor, "entered", _COLUMNS, _arrow(entries, source))
    cursor.execute("ANALYZE entered")
    cursor.execute(
        "SELECT e.line, (k.amount_minor, k.currency, k.kind) IS DISTINCT FROM (e.amount_minor, e.currency, e.kind)"
        " FROM entered e JOIN records_paymententry k USING (source, reference)"
    )
    known = cursor.fetchall()
    cursor.execute("DELETE FROM entered e USING records_paymententry k WHERE (k.source, k.reference) = (e.source, e.reference)")
    for statement_ in _MATCHING:
        cursor.execute(statement_, {"most": PLAUSIBLE})
    cursor.execute(_KEEP, {"file": file.pk if file else None, "at": at})
    kept = [UUID(str(entry_id)) for (entry_id,) in cursor.fetchall()]
    _candidates(cursor, at=at)
    _seal(cursor)
    for table in ("entered", "strong", "placed", "weak"):
        cursor.execute(f"DROP TABLE {table}")
    made = [] if file else list(PaymentEntry.objects.filter(pk__in=kept).order_by("line"))
    return Staged(made, len(known), [Finding(line, "reference", "reference_differs") for line, differs in known if differs])


_ENTERED = """
CREATE TEMPORARY TABLE entered (entry_id uuid, line integer, source varchar, reference varchar, gateway varchar, payment_id varchar,
    kind varchar, reverses varchar, amount_minor bigint, currency varchar, effective_on date, channel varchar,
    account_hint varchar COLLATE "C", virtual_account varchar COLLATE "C", words text, payer text, payer_index bytea) ON COMMIT DROP
"""
_COLUMNS = (
    "entry_id", "line", "source", "reference", "gateway", "payment_id", "kind", "reverses", "amount_minor", "currency", "effective_on",
    "channel", "account_hint", "virtual_account", "words", "payer", "payer_index",
)  # fmt: skip


def _arrow(entries: Sequence[Entry], source: str) -> pa.RecordBatchReader:
    ring = identity.keyring()
    table = pa.table(
        {
            "entry_id": [str(uuid5(NAMESPACE_URL, f"{source}/{each.reference}")) for each in entries],
            "line": [each.line for each in entries],
            "source": [source] * len(entries),
            **{
                name: [getattr(each, name) for each in entries]
                for name in (
                    "reference",
                    "gateway",
                    "payment_id",
                    "kind",
                    "reverses",
                    "amount_minor",
                    "currency",
                    "effective_on",
                    "channel",
                )
            },
            "account_hint": [each.account_id for each in entries],
            "virtual_account": [each.virtual_account for each in entries],
            "words": [each.text for each in entries],
            "payer": [each.payer for each in entries],
            "payer_index": pa.array([ring.index("name", each.payer) for each in entries], pa.binary()),
        }
    )
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=bulk.BATCH))


# Strong keys name an account. All of them are asked of every entry; one account of the right currency is the answer, two are none.
_MATCHING = (
    """
    CREATE TEMPORARY TABLE strong ON COMMIT DROP AS
    WITH named AS (
        SELECT entry_id, account_hint AS account_id, 'account' AS how FROM entered WHERE account_hint <> ''
        UNION ALL
        SELECT e.entry_id, k.account_id, 'virtual_account' FROM entered e JOIN records_paymentkey k ON k.key = e.virtual_account
        WHERE k.kind = 'virtual_account'
        UNION ALL
        SELECT e.entry_id, p.account_id, 'payment_id' FROM entered e JOIN records_payment p USING (payment_id)
        UNION ALL
        SELECT e.entry_id, p.account_id, 'payment_id' FROM entered e JOIN records_posting p USING (payment_id)
        WHERE e.payment_id <> '' AND p.state <> 'withdrawn'
        UNION ALL
        SELECT e.entry_id, k.account_id, 'gateway' FROM entered e JOIN records_paymententry k USING (gateway, currency, amount_minor)
        WHERE e.gateway <> '' AND k.account_id <> ''
        UNION ALL
        SELECT e.entry_id, p.account_id, 'reversed' FROM entered e JOIN records_payment p ON p.payment_id = e.reverses
        WHERE e.reverses <> ''
        UNION ALL
        SELECT e.entry_id, k.account_id, 'reversed' FROM entered e JOIN records_paymententry k ON k.gateway = e.reverses
        WHERE e.reverses <> '' AND k.kind = 'payment'
        UNION ALL
        SELECT e.entry_id, k.account_id, 'reversed' FROM entered e JOIN records_paymententry k ON k.reference = e.reverses
        WHERE e.reverses <> '' AND k.kind = 'payment'
        UNION ALL
        SELECT w.entry_id, coalesce(k.account_id, w.word), CASE WHEN k.key IS NULL THEN 'text' ELSE 'reference' END
        FROM (SELECT e.entry_id, x.word FROM entered e, regexp_split_to_table(e.words, '[^A-Za-z0-9_-]+') x (word)
              WHERE length(x.word) BETWEEN 4 AND 140) w
        LEFT JOIN records_paymentkey k ON k.key = w.word COLLATE "C"
    )
    SELECT n.entry_id, a.account_id, a.customer_id, min(n.how) AS how, bool_and(a.currency = e.currency) AS fits
    FROM named n JOIN entered e USING (entry_id) JOIN records_account a ON a.account_id = n.account_id COLLATE "C"
    WHERE n.account_id <> '' GROUP BY 1, 2, 3
    """,
    # A customer who is named, and has one account in the currency, is as good as an account; one who has several is a candidate.
    """
    INSERT INTO strong
    SELECT w.entry_id, a.account_id, a.customer_id, 'customer', true
    FROM (SELECT DISTINCT e.entry_id, e.currency, x.word FROM entered e, regexp_split_to_table(e.words, '[^A-Za-z0-9_-]+') x (word)
          WHERE length(x.word) BETWEEN 4 AND 32) w
    JOIN records_account a ON a.customer_id = w.word COLLATE "C" AND a.currency = w.currency
    WHERE NOT EXISTS (SELECT FROM strong s WHERE s.entry_id = w.entry_id)
    """,
    """
    CREATE TEMPORARY TABLE placed ON COMMIT DROP AS
    SELECT e.entry_id, min(s.account_id COLLATE "C") AS account_id, min(s.how) AS how
    FROM entered e JOIN strong s USING (entry_id)
    GROUP BY e.entry_id, e.account_hint
    HAVING count(DISTINCT s.account_id) = 1 AND bool_and(s.fits) AND (e.account_hint = '' OR min(s.account_id COLLATE "C") = e.account_hint)
    """,
    # What has no strong key may still look like somebody's: what is asked for now is that amount, or the payer bears her name.
    """
    CREATE TEMPORARY TABLE weak ON COMMIT DROP AS
    WITH lost AS (SELECT e.* FROM entered e LEFT JOIN placed p USING (entry_id) WHERE p.entry_id IS NULL AND e.kind = 'payment'),
    alike AS (
        SELECT l.entry_id, a.account_id, a.customer_id, 'amount' AS how FROM lost l JOIN records_account a USING (currency)
        WHERE l.amount_minor IN (a.past_due_amount_minor, a.minimum_due_minor, a.balance_total_minor)
        UNION ALL
        SELECT l.entry_id, a.account_id, a.customer_id, 'promise' FROM lost l
        JOIN records_promise p ON p.state = 'open' AND (p.currency, p.amount_minor) = (l.currency, l.amount_minor)
             AND abs(p.due_on - l.effective_on) <= 7
        JOIN records_account a ON a.customer_id = p.customer_id AND a.currency = l.currency
             AND (p.account_id = '' OR a.account_id = p.account_id)
        UNION ALL
        SELECT l.entry_id, a.account_id, a.customer_id, 'payer' FROM lost l JOIN records_customer c ON c.name_index = l.payer_index
        JOIN records_account a ON a.customer_id = c.customer_id AND a.currency = l.currency
    ),
    few AS (SELECT *, count(*) OVER (PARTITION BY entry_id, how) AS many FROM (SELECT DISTINCT * FROM alike) d)
    SELECT entry_id, account_id, customer_id, how FROM few WHERE many <= %(most)s
    """,
)
_KEEP = """
INSERT INTO records_paymententry (entry_id, file_id, line, source, reference, gateway, payment_id, kind, reverses, amount_minor, currency,
                                  effective_on, channel, account_id, how, result, at)
SELECT e.entry_id, %(file)s, e.line, e.source, e.reference, e.gateway, e.payment_id, e.kind, e.reverses, e.amount_minor, e.currency,
       e.effective_on, e.channel, coalesce(p.account_id, ''), coalesce(p.how, ''), '', %(at)s
FROM entered e LEFT JOIN placed p USING (entry_id) ORDER BY e.line RETURNING entry_id
"""


def _candidates(cursor: CursorWrapper, *, at: datetime) -> None:
    """What is not placed, with everybody it may belong to."""
    cursor.execute(
        """
        INSERT INTO records_suspense (entry_id, state, why, since, reason, decided_by, approved_by, holds)
        SELECT e.entry_id, 'open',
               CASE WHEN e.kind = 'reversal' THEN 'reversal_unknown' WHEN EXISTS (SELECT FROM strong s WHERE s.entry_id = e.entry_id)
                    THEN 'ambiguous' WHEN e.account_hint <> '' THEN 'account_unknown' ELSE 'no_key' END, %s, '', '', '', '{}'
        FROM entered e LEFT JOIN placed p USING (entry_id) WHERE p.entry_id IS NULL
        """,
        [at],
    )
    cursor.execute(
        """
        INSERT INTO records_suspensecandidate (suspense_id, account_id, customer_id, why, score)
        SELECT s.entry_id, c.account_id, c.customer_id, array_agg(DISTINCT c.how), sum(c.score)
        FROM records_suspense s JOIN entered e USING (entry_id) JOIN (
            SELECT entry_id, account_id, customer_id, how, CASE WHEN fits THEN 100 ELSE 50 END AS score FROM strong
            UNION ALL SELECT entry_id, account_id, customer_id, how, CASE how WHEN 'payer' THEN 30 WHEN 'promise' THEN 20 ELSE 10 END FROM weak
        ) c USING (entry_id) GROUP BY 1, 2, 3
        """
    )


def _seal(cursor: CursorWrapper) -> None:
    """What the payer wrote, beside what is in suspense."""
    cursor.execute(
        "SELECT entry_id, words, payer FROM entered JOIN records_suspense USING (entry_id) WHERE words <> '' OR payer <> ''"
    )
    told = {entry_id: {"text": words, "payer": payer} for entry_id, words, payer in cursor.fetchall()}
    if told:
        identity.Said.objects.bulk_create(identity.seal_said(told))


# --- keys ---------------------------------------------------------------------------------------------------------

KINDS = ("virtual_account", "reference")


def take_keys(rows: Iterable[Mapping[str, str]], *, at: datetime, by: str) -> dict[str, Any]:
    """Learn names under which payments arrive: rows of `kind`, `key`, `account_id`; `{"new", "known", "refused": [lines]}`.

    A key that names another account already stays as it is, and is refused.
    """
    wanted: dict[tuple[str, str], str] = {}
    refused = []
    for line, row in enumerate(rows, start=2):
        kind, key, account_id = (str(row.get(name) or "").strip() for name in ("kind", "key", "account_id"))
        if (
            kind not in KINDS
            or not 4 <= len(key) <= 140
            or not 0 < len(account_id) <= 32
            or wanted.get((kind, key), account_id) != account_id
        ):
            refused.append(line)
        else:
            wanted[kind, key] = account_id
    with transaction.atomic():
        standing = {
            (each.kind, each.key): each.account_id for each in PaymentKey.objects.filter(key__in={key for _, key in wanted})
        }
        refused += [0 for name, account_id in wanted.items() if standing.get(name, account_id) != account_id]
        fresh = [
            PaymentKey(kind=kind, key=key, account_id=owner)
            for (kind, key), owner in wanted.items()
            if (kind, key) not in standing
        ]
        PaymentKey.objects.bulk_create(fresh)
        if fresh:
            events.append(chain=events.HOUSE, kind="payments.keys", body={"new": len(fresh)}, at=at, by=by)
    return {"new": len(fresh), "known": len(wanted) - len(fresh), "refused": refused}


def waiting_files() -> Iterator[PaymentImport]:
    """Files whose taking was cut short."""
    yield from PaymentImport.objects.filter(state=ImportState.RUNNING)
