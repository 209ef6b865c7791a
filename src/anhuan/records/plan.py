"""What was agreed with a customer about paying: plans, deferrals and settlements with their instalments, waivers, and approvals.

Knows their shape and the words of their lives. What may be offered is the engine's judgement (`core.plan`) under the bank's own
policy; who takes an agreement on its way is `acts.plan`. An agreement keeps the offer, the facts and the fingerprint of the policy
it was made by, so that its decision can be taken again and come out the same.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from anhuan.core.plan import agreement
from anhuan.core.plan.agreement import PlanTerms
from anhuan.records.terms import read


class PlanState(StrEnum):
    """The way of an agreement. `proposed` waits for a second person, `approved` for the customer's consent."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    ACTIVE = "active"
    PERFORMED = "performed"
    DEFAULTED = "defaulted"
    CANCELLED = "cancelled"
    REPLACED = "replaced"


PENDING = (PlanState.PROPOSED, PlanState.APPROVED)


class Plan(models.Model):
    """An agreement on `accounts`, all in `currency`: she pays `total_minor` in instalments, `waived_minor` is waived.

    `kind` is a `core.plan.agreement.Kind`: a plan 个性化分期, a deferral 延期 or a settlement 减免结清.

    `terms` is the offer as the engine made it, `facts` what it was told, `composition` what each account owed then, by component.
    `authority` is what the policy asks of whoever grants it. `consent` is written or oral; an oral one names the contact whose
    recording holds it. `hold_id` is the hold that stands while the plan is performed. `replaces` is the plan it takes the place of.
    `missed` counts instalments that were due and are not paid in full, as last judged. `judge_on`, of one that is performed, is the last
    day the bank must have told of before anything may change of it without a further payment; empty until it was looked at once.
    """

    plan_id = models.UUIDField(primary_key=True)
    customer_id = models.CharField(max_length=32, db_collation="C")
    accounts = ArrayField(models.CharField(max_length=32))
    currency = models.CharField(max_length=3)
    kind = models.CharField(max_length=10)
    state = models.CharField(max_length=10)
    terms = models.JSONField()
    facts = models.JSONField()
    composition = models.JSONField()
    policy = models.CharField(max_length=64)
    authority = models.CharField(max_length=40)
    principal_minor = models.BigIntegerField()
    waived_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField()
    effective_annual_rate = models.CharField(max_length=30, blank=True)
    proposed_at = models.DateTimeField()
    proposed_by = models.CharField(max_length=150)
    valid_until = models.DateField()
    consent = models.CharField(max_length=10, blank=True)
    consent_in = models.UUIDField(null=True)
    consent_evidence = models.TextField(blank=True)
    agreed_at = models.DateTimeField(null=True)
    agreed_by = models.CharField(max_length=150, blank=True)
    hold_id = models.UUIDField(null=True)
    replaces = models.UUIDField(null=True)
    paid_minor = models.BigIntegerField(default=0)
    missed = models.SmallIntegerField(default=0)
    next_due_on = models.DateField(null=True)
    next_due_minor = models.BigIntegerField(default=0)
    judged_at = models.DateTimeField(null=True)
    judge_on = models.DateField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=150, blank=True)
    ended_why = models.CharField(max_length=40, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["customer_id"], name="plan_by_customer"),
            models.Index(fields=["state", "-updated_at"], name="plan_by_state"),
            models.Index(fields=["judge_on"], name="plan_to_be_judged", condition=Q(state="active")),
            models.Index(fields=["updated_at"], name="plan_by_change"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer_id", "currency"], condition=Q(state__in=["proposed", "approved"]), name="one_plan_pending"
            ),
            models.UniqueConstraint(fields=["customer_id", "currency"], condition=Q(state="active"), name="one_plan_active"),
            models.CheckConstraint(
                condition=~Q(state__in=["active", "performed", "defaulted", "replaced"])
                | (Q(consent="written") & ~Q(consent_evidence="")) | Q(consent="oral", consent_in__isnull=False),
                name="plan_stands_on_consent",
            ),
        ]  # fmt: skip

    @cached_property
    def agreed(self) -> PlanTerms:
        """What was agreed, as the core knows it."""
        return read(PlanTerms, self.terms)

    def rows(self) -> list[agreement.Instalment]:
        """Its instalments, likewise."""
        return [each.row for each in self.instalments.all()]


class InstalmentState(StrEnum):
    OPEN = "open"
    PAID = "paid"
    MISSED = "missed"


class Instalment(models.Model):
    """One row of a plan's schedule, and what of it is paid; `paid_on` is the day of the payment that completed it.

    `agreed_on` is the date by the calendar month, `due_on` where rest days moved it; not `settled` while those of its year are not
    announced. `charges_minor` are old interest, fees and penalty, `interest_minor` and `fee_minor` are new.
    """

    id = models.BigAutoField(primary_key=True)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="instalments")
    number = models.SmallIntegerField()
    due_on = models.DateField()
    agreed_on = models.DateField()
    settled = models.BooleanField(default=True)
    payment_minor = models.BigIntegerField()
    principal_minor = models.BigIntegerField()
    charges_minor = models.BigIntegerField(default=0)
    interest_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    closing_minor = models.BigIntegerField()
    state = models.CharField(max_length=6, default=InstalmentState.OPEN.value)
    paid_minor = models.BigIntegerField(default=0)
    paid_on = models.DateField(null=True)

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["plan", "number"], name="one_instalment_a_number")]

    @property
    def new_minor(self) -> int:
        """What the agreement charges of its own."""
        return self.interest_minor + self.fee_minor

    @property
    def row(self) -> agreement.Instalment:
        """The instalment as the core knows it."""
        return agreement.Instalment(
            self.number, self.agreed_on, self.due_on, self.settled, self.payment_minor, self.principal_minor, self.charges_minor,
            self.interest_minor, self.fee_minor, self.closing_minor,
        )  # fmt: skip


class WaiverState(StrEnum):
    """`granted` is one that holds; `conditional` will once its plan is performed; `void` never will, or no longer does."""

    PROPOSED = "proposed"
    CONDITIONAL = "conditional"
    GRANTED = "granted"
    REFUSED = "refused"
    VOID = "void"


class Waiver(models.Model):
    """A part of what an account owes that is not asked for 减免: `amount_minor` of its `component` (interest, penalty, fees).

    One that belongs to a plan shares its fate; the bank's own books learn of it by the nightly extract.
    """

    waiver_id = models.UUIDField(primary_key=True)
    customer_id = models.CharField(max_length=32, db_collation="C")
    account_id = models.CharField(max_length=32, db_collation="C")
    currency = models.CharField(max_length=3)
    component = models.CharField(max_length=10)
    amount_minor = models.BigIntegerField()
    reason = models.CharField(max_length=200)
    state = models.CharField(max_length=12)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, null=True, related_name="waivers")
    policy = models.CharField(max_length=64)
    authority = models.CharField(max_length=40)
    proposed_at = models.DateTimeField()
    proposed_by = models.CharField(max_length=150)
    granted_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["customer_id"], name="waiver_by_customer"),
            models.Index(fields=["updated_at"], name="waiver_by_change"),
        ]
        constraints: ClassVar = [models.CheckConstraint(condition=Q(amount_minor__gt=0), name="waiver_of_something")]


class Decision(StrEnum):
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Approval(models.Model):
    """A second person is asked 复核: `what` (the kind of an agreement, or waiver) of `subject_id` needs `authority`.

    Never decided by whoever asked, which PostgreSQL sees to as well; a decision stays. `told` is what the approver is shown.
    """

    approval_id = models.UUIDField(primary_key=True)
    what = models.CharField(max_length=20)
    subject_id = models.UUIDField()
    customer_id = models.CharField(max_length=32, db_collation="C")
    authority = models.CharField(max_length=40)
    told = models.JSONField()
    wanted_at = models.DateTimeField()
    wanted_by = models.CharField(max_length=150)
    wanted_why = models.CharField(max_length=500, blank=True)
    decision = models.CharField(max_length=10, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["wanted_at"], name="approval_waiting", condition=Q(decision="")),
            models.Index(fields=["subject_id"], name="approval_by_subject"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["subject_id"], condition=Q(decision=""), name="one_approval_waiting"),
            models.CheckConstraint(
                condition=~Q(decision__in=["approved", "refused"]) | ~Q(decided_by=F("wanted_by")) & ~Q(decided_by=""),
                name="approval_by_another",
            ),
        ]
