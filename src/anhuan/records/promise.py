"""What customers promised to pay: taken by us, or told by the old system.

Knows the shape of a promise. Whether one was kept is judged by `core.plan.promise`, and written by `acts.promise`.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class Promise(models.Model):
    """A promise to pay 承诺还款: `amount_minor` of `currency` by `due_on`, on one account (empty: on any of the currency).

    `state` is a `core.plan.promise.PromiseState`. It is kept when not more than `tolerance_minor` is missing `grace_days` after
    `due_on`. `paid_minor` was paid towards it in time, by what is posted so far; `settled_on` is the day that decided it: that of
    the payment that kept it, or the first on which it was broken. `judged_at` is empty until payments were ever asked, and what the
    old system judged stays as it told it. `judge_on`, of an open one, is the last day the bank must have told of before it may become
    anything without a further payment; empty until it was looked at once. `made_in` is the contact in which she made it. `updated_at`
    is when anything of it last changed.
    """

    promise_id = models.UUIDField(primary_key=True)
    customer_id = models.CharField(max_length=32, db_collation="C")
    account_id = models.CharField(max_length=32, db_collation="C", blank=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    due_on = models.DateField()
    state = models.CharField(max_length=10)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    by = models.CharField(max_length=150)
    tolerance_minor = models.BigIntegerField(default=0, db_default=0)
    grace_days = models.SmallIntegerField(default=0, db_default=0)
    made_in = models.UUIDField(null=True)
    paid_minor = models.BigIntegerField(default=0, db_default=0)
    settled_on = models.DateField(null=True)
    judged_at = models.DateTimeField(null=True)
    judge_on = models.DateField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    withdrawn_why = models.CharField(max_length=40, blank=True, default="", db_default="")
    updated_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["customer_id"], name="promise_by_customer"),
            models.Index(fields=["due_on"], name="promise_open_by_day", condition=Q(state="open")),
            models.Index(fields=["settled_on"], name="promise_broken_by_day", condition=Q(state="broken")),
            models.Index(fields=["judge_on"], name="promise_to_be_judged", condition=Q(state="open")),
            models.Index(fields=["updated_at"], name="promise_by_change"),
            models.Index(fields=["at"], name="promise_by_making"),
            models.Index(fields=["due_on", "state"], name="promise_by_due"),
            models.Index(fields=["settled_on"], name="promise_kept_by_day", condition=Q(state="kept")),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(tolerance_minor__gte=0, grace_days__gte=0), name="promise_leaves_room"),
        ]
