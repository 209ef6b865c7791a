"""Payments and reversals: what the bank has posted, what was heard of before that, and how each was applied.

Knows three things apart: a `Payment` is a posting of the bank's own books, brought by a night; a `PaymentEntry` is one word of a
payment, by a statement, a file or a message; a `Posting` is one payment we count until the night confirms it. `Paid` is what counts
altogether: each payment once. What became of an entry nobody could place stands in `records.payment_suspense`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class Payment(models.Model):
    """One posting, known by the bank's `payment_id`; a replay changes nothing.

    Money is in minor units of `currency`, the account's. `sequence` names the night that first brought it.
    """

    payment_id = models.CharField(primary_key=True, max_length=64, db_collation="C")
    account_id = models.CharField(max_length=32, db_collation="C")
    posted_on = models.DateField()
    effective_on = models.DateField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    kind = models.CharField(max_length=20)
    reverses = models.CharField(max_length=64, blank=True)
    channel = models.TextField(blank=True)
    sequence = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account_id", "-effective_on"], name="payment_by_account"),
            models.Index(fields=["sequence"], name="payment_by_night"),
        ]


# --- what we count before the night does --------------------------------------------------------------------------


class PostingState(StrEnum):
    """Only a `provisional` one counts by itself: what the night has confirmed counts as the bank's own payment."""

    PROVISIONAL = "provisional"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


class Posting(models.Model):
    """One payment, or the reversal of one, that we count from the moment we can place it 暂记; the bank's books are not touched.

    `payment_id` is the one the night will bring, where somebody told it. `confirmed_by` is the bank's payment that it turned out to
    be; `differs` names what the bank says otherwise of it (amount, account, currency), and the bank's word stands. A reversal names
    the posting or the bank's payment it takes back. All of it is what its entries say now (`acts.payment_matching`), save where a person
    has split money (`suspense_id`) or taken it back (`reason`).
    """

    posting_id = models.UUIDField(primary_key=True)
    account_id = models.CharField(max_length=32, db_collation="C")
    customer_id = models.CharField(max_length=32, db_collation="C")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    effective_on = models.DateField()
    kind = models.CharField(max_length=20)
    reason = models.CharField(max_length=40, blank=True)
    payment_id = models.CharField(max_length=64, blank=True, db_collation="C")
    reverses_posting = models.UUIDField(null=True)
    reverses_payment = models.CharField(max_length=64, blank=True, db_collation="C")
    state = models.CharField(max_length=11, default=PostingState.PROVISIONAL.value)
    confirmed_by = models.CharField(max_length=64, null=True, db_collation="C")
    confirmed_in = models.BigIntegerField(null=True)
    differs = ArrayField(models.CharField(max_length=20), default=list)
    suspense_id = models.UUIDField(null=True)
    posted_at = models.DateTimeField()
    by = models.CharField(max_length=150)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account_id", "-effective_on"], name="posting_by_account"),
            models.Index(fields=["customer_id"], name="posting_by_customer"),
            models.Index(fields=["payment_id"], name="posting_by_payment_id", condition=~Q(payment_id="")),
            models.Index(fields=["reverses_posting"], name="posting_by_reversed"),
            models.Index(fields=["effective_on"], name="posting_waiting", condition=Q(state="provisional")),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="posting_of_something"),
            models.UniqueConstraint(fields=["confirmed_by"], name="one_posting_a_payment"),
            models.CheckConstraint(
                condition=Q(state="confirmed", confirmed_by__isnull=False) | (~Q(state="confirmed") & Q(confirmed_by=None)),
                name="posting_confirmed_by_a_payment",
            ),
        ]


class PaymentAllocation(models.Model):
    """How much of a posting was applied to a component of what the account owed, in the legal order (`number`)."""

    pk = models.CompositePrimaryKey("posting_id", "number")
    posting = models.ForeignKey(Posting, on_delete=models.CASCADE, related_name="allocations")
    number = models.SmallIntegerField()
    component = models.CharField(max_length=20)
    amount_minor = models.BigIntegerField()


class Paid(models.Model):
    """Everything that counts as paid or taken back, each once: the bank's payments, and postings it has yet to confirm. A view.

    Has the columns of `Payment`; waivers are no payments and not in it. `reverses` names a row of this view.
    """

    payment_id = models.CharField(primary_key=True, max_length=64)
    account_id = models.CharField(max_length=32)
    posted_on = models.DateField()
    effective_on = models.DateField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    kind = models.CharField(max_length=20)
    reverses = models.CharField(max_length=64)
    channel = models.TextField()
    provisional = models.BooleanField()

    class Meta:
        managed = False
        db_table = "records_paid"


# --- what was heard -----------------------------------------------------------------------------------------------


class ImportState(StrEnum):
    """A file is looked at first; what `running` has yet to take is taken by whoever goes on."""

    PREVIEW = "preview"
    RUNNING = "running"
    DONE = "done"


class PaymentImport(models.Model):
    """One file of payments, known by its SHA-256: the same file again changes nothing."""

    sha256 = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    format = models.CharField(max_length=10)
    layout = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=10)
    rows = models.IntegerField(default=0)
    sums = models.JSONField(default=dict)
    findings = models.IntegerField(default=0)
    known = models.IntegerField(default=0)
    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]


NOTICE = "notice"
"""The source that messages of the bank's payment system are. A file's is its format, with its layout where it has one; each source
tells a payment at most once, however often it says it."""


class Result(StrEnum):
    """What became of an entry; empty: it waits to be taken."""

    WAITING = ""
    POSTED = "posted"  # a payment nobody had told of
    KNOWN = "known"  # the same payment as one counted already
    SUSPENSE = "suspense"
    REFUSED = "refused"  # told of a payment that is none of ours to count, such as a waiver


class PaymentEntry(models.Model):
    """One word of a payment, known by its source and `reference`; together these words are the map between the names of a payment.

    `gateway` is the name it has at whoever moved the money, `payment_id` the one in the bank's books. `account_id` is whose
    it is, `how` by which key that was found. What the payer wrote is sealed beside it (`Said`) while it is in suspense.
    """

    entry_id = models.UUIDField(primary_key=True)
    file = models.ForeignKey(PaymentImport, on_delete=models.CASCADE, null=True, related_name="entries")
    line = models.IntegerField()
    source = models.CharField(max_length=60)
    reference = models.CharField(max_length=140, db_collation="C")
    gateway = models.CharField(max_length=140, blank=True, db_collation="C")
    payment_id = models.CharField(max_length=64, blank=True, db_collation="C")
    kind = models.CharField(max_length=20)
    reverses = models.CharField(max_length=140, blank=True, db_collation="C")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    effective_on = models.DateField()
    channel = models.CharField(max_length=40, blank=True)
    account_id = models.CharField(max_length=32, blank=True, db_collation="C")
    how = models.CharField(max_length=20, blank=True)
    result = models.CharField(max_length=10, blank=True)
    posting_id = models.UUIDField(null=True)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["file", "line"], name="entry_by_file"),
            models.Index(fields=["file"], name="entry_waiting", condition=Q(result="")),
            models.Index(fields=["payment_id"], name="entry_by_payment_id", condition=~Q(payment_id="")),
            models.Index(fields=["gateway"], name="entry_by_gateway", condition=~Q(gateway="")),
            models.Index(fields=["posting_id"], name="entry_by_posting"),
            models.Index(fields=["account_id", "amount_minor"], name="entry_by_likeness", condition=~Q(account_id="")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "reference"], name="one_entry_a_reference"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="entry_of_something"),
        ]


class PaymentFinding(models.Model):
    """What is wrong with a line of a file. A line that could not be used is kept whole, sealed under `row_id` (`Said`)."""

    id = models.BigAutoField(primary_key=True)
    file = models.ForeignKey(PaymentImport, on_delete=models.CASCADE, related_name="told")
    line = models.IntegerField()
    column = models.CharField(max_length=40, blank=True)
    code = models.CharField(max_length=40)
    row_id = models.UUIDField(null=True)


class PaymentKey(models.Model):
    """A name under which payments to one account arrive: a virtual account 虚拟账户, or a reference on a paying-in slip."""

    pk = models.CompositePrimaryKey("kind", "key")
    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=140, db_collation="C")
    account_id = models.CharField(max_length=32, db_collation="C")
