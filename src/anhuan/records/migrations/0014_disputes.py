"""Disputes and hardship: decided by another than whoever registered them, their papers, and steps nobody changes afterwards."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models
from django.db.models import F, Q

STEPS_STAY = """
CREATE FUNCTION records_matter_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was done in a dispute or a hardship stays as it was done' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER matter_step_stays BEFORE UPDATE ON records_matterstep FOR EACH ROW EXECUTE FUNCTION records_matter_stays();
CREATE TRIGGER evidence_stays BEFORE UPDATE ON records_evidence FOR EACH ROW EXECUTE FUNCTION records_matter_stays();
"""
# The bank is told of both at the end of the day (`records_tell`, the migration before); of hardship never what kind it is.
TOLD = """
SELECT records_tell('records_dispute', 'dispute', '{dispute_id,customer_id,kind,state,accounts,disputed_minor,currency,received_on,due_on,
    outcome,decided_at,answered_at,corrected_at,closed_at}');
SELECT records_tell('records_hardship', 'hardship', '{hardship_id,customer_id,state,opened_at,review_on,decided_at,ended_at,ended_why}');
"""

STEPS_STAY_UNDO = """
DROP TRIGGER matter_step_stays ON records_matterstep;
DROP TRIGGER evidence_stays ON records_evidence;
DROP FUNCTION records_matter_stays;
"""


class Migration(migrations.Migration):
    dependencies = [("records", "0013_payments_desk")]

    operations = [
        migrations.CreateModel(
            name="Dispute",
            fields=[
                ("dispute_id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("kind", models.CharField(max_length=20)),
                ("state", models.CharField(max_length=10)),
                ("accounts", django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), size=None)),
                ("disputed_minor", models.BigIntegerField(null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("came_by", models.CharField(max_length=20)),
                ("received_on", models.DateField()),
                ("opened_at", models.DateTimeField()),
                ("opened_by", models.CharField(max_length=150)),
                ("round", models.SmallIntegerField(default=1)),
                ("round_at", models.DateTimeField()),
                ("round_by", models.CharField(max_length=150)),
                ("due_on", models.DateField(null=True)),
                ("due_rule", models.CharField(blank=True, max_length=60)),
                ("due_sure", models.BooleanField(default=True)),
                ("in_validation", models.BooleanField(null=True)),
                ("hold_id", models.UUIDField(null=True)),
                ("outcome", models.CharField(blank=True, max_length=10)),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by", models.CharField(blank=True, max_length=150)),
                ("answered_at", models.DateTimeField(null=True)),
                ("answered_in", models.UUIDField(null=True)),
                ("corrected_at", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Evidence",
            fields=[
                ("evidence_id", models.UUIDField(primary_key=True, serialize=False)),
                ("subject_id", models.UUIDField()),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("media", models.CharField(max_length=40)),
                ("size", models.IntegerField()),
                ("digest", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
            ],
        ),
        migrations.CreateModel(
            name="Hardship",
            fields=[
                ("hardship_id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("kind", models.CharField(max_length=20)),
                ("state", models.CharField(max_length=10)),
                ("consent_id", models.UUIDField(null=True)),
                ("opened_at", models.DateTimeField()),
                ("opened_by", models.CharField(max_length=150)),
                ("review_on", models.DateField()),
                ("hold_id", models.UUIDField(null=True)),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by", models.CharField(blank=True, max_length=150)),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_by", models.CharField(blank=True, max_length=150)),
                ("ended_why", models.CharField(blank=True, max_length=40)),
            ],
        ),
        migrations.CreateModel(
            name="MatterStep",
            fields=[
                ("step_id", models.UUIDField(primary_key=True, serialize=False)),
                ("subject_id", models.UUIDField()),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("kind", models.CharField(max_length=20)),
                ("code", models.CharField(blank=True, max_length=40)),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
            ],
        ),
        migrations.AddIndex("dispute", models.Index(fields=["customer_id", "-opened_at"], name="dispute_by_customer")),
        migrations.AddIndex("dispute", models.Index(fields=["state", "due_on"], name="dispute_by_deadline")),
        migrations.AddConstraint(
            "dispute",
            models.CheckConstraint(
                condition=Q(outcome__in=["", "withdrawn"])
                | ~Q(decided_by="") & ~Q(decided_by=F("opened_by")) & ~Q(decided_by=F("round_by")),
                name="a_dispute_is_decided_by_another",
            ),
        ),
        migrations.AddIndex("evidence", models.Index(fields=["subject_id", "at"], name="evidence_by_subject")),
        migrations.AddIndex("hardship", models.Index(fields=["customer_id", "-opened_at"], name="hardship_by_customer")),
        migrations.AddIndex("hardship", models.Index(fields=["state", "review_on"], name="hardship_by_review")),
        migrations.AddConstraint(
            "hardship",
            models.UniqueConstraint(
                fields=["customer_id"], condition=Q(state__in=["open", "accepted"]), name="one_hardship_a_customer"
            ),
        ),
        migrations.AddConstraint(
            "hardship",
            models.CheckConstraint(
                condition=Q(decided_by="") | ~Q(decided_by=F("opened_by")), name="hardship_is_decided_by_another"
            ),
        ),
        migrations.AddConstraint(
            "hardship",
            models.CheckConstraint(
                condition=~Q(kind="illness") | Q(consent_id__isnull=False), name="illness_is_kept_by_consent"
            ),
        ),
        migrations.AddIndex("matterstep", models.Index(fields=["subject_id", "at"], name="matter_step_by_subject")),
        migrations.RunSQL(STEPS_STAY, STEPS_STAY_UNDO),
        migrations.RunSQL(TOLD, migrations.RunSQL.noop),
    ]
