"""Promises that are judged, agreements with their instalments, waivers, and the approvals of a second person."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

APPROVALS_STAY = """
CREATE FUNCTION records_approval_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.decision <> ''
       OR (NEW.approval_id, NEW.what, NEW.subject_id, NEW.customer_id, NEW.authority, NEW.told, NEW.wanted_at, NEW.wanted_by)
          IS DISTINCT FROM
          (OLD.approval_id, OLD.what, OLD.subject_id, OLD.customer_id, OLD.authority, OLD.told, OLD.wanted_at, OLD.wanted_by)
    THEN
        RAISE EXCEPTION 'an approval stays as it was asked and decided' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER approval_stays BEFORE UPDATE OR DELETE ON records_approval
    FOR EACH ROW EXECUTE FUNCTION records_approval_stays();
"""
APPROVALS_STAY_UNDO = """
DROP TRIGGER approval_stays ON records_approval;
DROP FUNCTION records_approval_stays;
"""
PLANS_BEGIN = """
CREATE FUNCTION records_plan_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM records_approval WHERE subject_id = NEW.plan_id AND decision <> 'approved') THEN
        RAISE EXCEPTION 'an agreement that needs a second person begins with her approval' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER plan_begins BEFORE INSERT OR UPDATE OF state ON records_plan
    FOR EACH ROW WHEN (NEW.state = 'active') EXECUTE FUNCTION records_plan_begins();
"""
PLANS_BEGIN_UNDO = """
DROP TRIGGER plan_begins ON records_plan;
DROP FUNCTION records_plan_begins;
"""
# What was promised before is as old as it was recorded.
PROMISES_DATED = "UPDATE records_promise SET updated_at = recorded_at"


class Migration(migrations.Migration):
    dependencies = [("records", "0011_calls")]

    operations = [
        migrations.CreateModel(
            name="Approval",
            fields=[
                ("approval_id", models.UUIDField(primary_key=True, serialize=False)),
                ("what", models.CharField(max_length=20)),
                ("subject_id", models.UUIDField()),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("authority", models.CharField(max_length=40)),
                ("told", models.JSONField()),
                ("wanted_at", models.DateTimeField()),
                ("wanted_by", models.CharField(max_length=150)),
                ("wanted_why", models.CharField(blank=True, max_length=500)),
                ("decision", models.CharField(blank=True, max_length=10)),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by", models.CharField(blank=True, max_length=150)),
                ("reason", models.CharField(blank=True, max_length=500)),
            ],
        ),
        migrations.CreateModel(
            name="Instalment",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.SmallIntegerField()),
                ("due_on", models.DateField()),
                ("agreed_on", models.DateField()),
                ("settled", models.BooleanField(default=True)),
                ("payment_minor", models.BigIntegerField()),
                ("principal_minor", models.BigIntegerField()),
                ("charges_minor", models.BigIntegerField(default=0)),
                ("interest_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField()),
                ("closing_minor", models.BigIntegerField()),
                ("state", models.CharField(default="open", max_length=6)),
                ("paid_minor", models.BigIntegerField(default=0)),
                ("paid_on", models.DateField(null=True)),
            ],
            options={
                "ordering": ["number"],
            },
        ),
        migrations.CreateModel(
            name="Plan",
            fields=[
                ("plan_id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("accounts", django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), size=None)),
                ("currency", models.CharField(max_length=3)),
                ("kind", models.CharField(max_length=10)),
                ("state", models.CharField(max_length=10)),
                ("terms", models.JSONField()),
                ("facts", models.JSONField()),
                ("composition", models.JSONField()),
                ("policy", models.CharField(max_length=64)),
                ("authority", models.CharField(max_length=40)),
                ("principal_minor", models.BigIntegerField()),
                ("waived_minor", models.BigIntegerField(default=0)),
                ("total_minor", models.BigIntegerField()),
                ("effective_annual_rate", models.CharField(blank=True, max_length=30)),
                ("proposed_at", models.DateTimeField()),
                ("proposed_by", models.CharField(max_length=150)),
                ("valid_until", models.DateField()),
                ("consent", models.CharField(blank=True, max_length=10)),
                ("consent_in", models.UUIDField(null=True)),
                ("consent_evidence", models.TextField(blank=True)),
                ("agreed_at", models.DateTimeField(null=True)),
                ("agreed_by", models.CharField(blank=True, max_length=150)),
                ("hold_id", models.UUIDField(null=True)),
                ("replaces", models.UUIDField(null=True)),
                ("paid_minor", models.BigIntegerField(default=0)),
                ("missed", models.SmallIntegerField(default=0)),
                ("next_due_on", models.DateField(null=True)),
                ("next_due_minor", models.BigIntegerField(default=0)),
                ("judged_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_by", models.CharField(blank=True, max_length=150)),
                ("ended_why", models.CharField(blank=True, max_length=40)),
                ("updated_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Waiver",
            fields=[
                ("waiver_id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("account_id", models.CharField(db_collation="C", max_length=32)),
                ("currency", models.CharField(max_length=3)),
                ("component", models.CharField(max_length=10)),
                ("amount_minor", models.BigIntegerField()),
                ("reason", models.CharField(max_length=200)),
                ("state", models.CharField(max_length=12)),
                ("policy", models.CharField(max_length=64)),
                ("authority", models.CharField(max_length=40)),
                ("proposed_at", models.DateTimeField()),
                ("proposed_by", models.CharField(max_length=150)),
                ("granted_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("updated_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="promise",
            name="grace_days",
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="promise",
            name="judged_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="promise",
            name="made_in",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="promise",
            name="paid_minor",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="promise",
            name="settled_on",
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name="promise",
            name="tolerance_minor",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="promise",
            name="updated_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="promise",
            name="withdrawn_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="promise",
            name="withdrawn_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=150),
        ),
        migrations.AddField(
            model_name="promise",
            name="withdrawn_why",
            field=models.CharField(blank=True, db_default="", default="", max_length=40),
        ),
        migrations.AddIndex(
            model_name="promise",
            index=models.Index(condition=models.Q(("state", "open")), fields=["due_on"], name="promise_open_by_day"),
        ),
        migrations.AddIndex(
            model_name="promise",
            index=models.Index(condition=models.Q(("state", "broken")), fields=["settled_on"], name="promise_broken_by_day"),
        ),
        migrations.AddIndex(
            model_name="promise",
            index=models.Index(fields=["updated_at"], name="promise_by_change"),
        ),
        migrations.AddConstraint(
            model_name="promise",
            constraint=models.CheckConstraint(
                condition=models.Q(("grace_days__gte", 0), ("tolerance_minor__gte", 0)), name="promise_leaves_room"
            ),
        ),
        migrations.AddIndex(
            model_name="approval",
            index=models.Index(condition=models.Q(("decision", "")), fields=["wanted_at"], name="approval_waiting"),
        ),
        migrations.AddIndex(
            model_name="approval",
            index=models.Index(fields=["subject_id"], name="approval_by_subject"),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.UniqueConstraint(
                condition=models.Q(("decision", "")), fields=("subject_id",), name="one_approval_waiting"
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decision__in", ["approved", "refused"]), _negated=True),
                    models.Q(
                        models.Q(("decided_by", models.F("wanted_by")), _negated=True),
                        models.Q(("decided_by", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="approval_by_another",
            ),
        ),
        migrations.AddIndex(
            model_name="plan",
            index=models.Index(fields=["customer_id"], name="plan_by_customer"),
        ),
        migrations.AddIndex(
            model_name="plan",
            index=models.Index(fields=["state", "-updated_at"], name="plan_by_state"),
        ),
        migrations.AddIndex(
            model_name="plan",
            index=models.Index(fields=["updated_at"], name="plan_by_change"),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["proposed", "approved"])),
                fields=("customer_id", "currency"),
                name="one_plan_pending",
            ),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "active")), fields=("customer_id", "currency"), name="one_plan_active"
            ),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["active", "performed", "defaulted", "replaced"]), _negated=True),
                    models.Q(("consent", "written"), models.Q(("consent_evidence", ""), _negated=True)),
                    models.Q(("consent", "oral"), ("consent_in__isnull", False)),
                    _connector="OR",
                ),
                name="plan_stands_on_consent",
            ),
        ),
        migrations.AddField(
            model_name="instalment",
            name="plan",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="instalments", to="records.plan"),
        ),
        migrations.AddField(
            model_name="waiver",
            name="plan",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="waivers", to="records.plan"
            ),
        ),
        migrations.AddConstraint(
            model_name="instalment",
            constraint=models.UniqueConstraint(fields=("plan", "number"), name="one_instalment_a_number"),
        ),
        migrations.AddIndex(
            model_name="waiver",
            index=models.Index(fields=["customer_id"], name="waiver_by_customer"),
        ),
        migrations.AddIndex(
            model_name="waiver",
            index=models.Index(fields=["updated_at"], name="waiver_by_change"),
        ),
        migrations.AddConstraint(
            model_name="waiver",
            constraint=models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="waiver_of_something"),
        ),
        migrations.RunSQL(PROMISES_DATED, migrations.RunSQL.noop),
        migrations.RunSQL(APPROVALS_STAY, APPROVALS_STAY_UNDO),
        migrations.RunSQL(PLANS_BEGIN, PLANS_BEGIN_UNDO),
    ]
