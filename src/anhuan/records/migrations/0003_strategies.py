"""Versions of strategies, which stay as they were made, and the proposals of each night."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

# What a version is never changes, and none is unmade; only its way may be added to.
VERSIONS_STAY = """
CREATE FUNCTION records_strategyversion_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'versions of strategies are kept for ever' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF (NEW.id, NEW.name, NEW.number, NEW.model, NEW.fingerprint, NEW.decision, NEW.seed, NEW.arms, NEW.made_at, NEW.made_by)
       IS DISTINCT FROM
       (OLD.id, OLD.name, OLD.number, OLD.model, OLD.fingerprint, OLD.decision, OLD.seed, OLD.arms, OLD.made_at, OLD.made_by)
       OR (OLD.approved_at IS NOT NULL AND (NEW.approved_at, NEW.approved_by) IS DISTINCT FROM (OLD.approved_at, OLD.approved_by))
       OR (OLD.live_from IS NOT NULL AND NEW.live_from IS DISTINCT FROM OLD.live_from)
    THEN
        RAISE EXCEPTION 'a version of a strategy stays as it was made, approved and put live'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER strategyversion_stays BEFORE UPDATE OR DELETE ON records_strategyversion
    FOR EACH ROW EXECUTE FUNCTION records_strategyversion_stays();
"""
VERSIONS_STAY_UNDO = """
DROP TRIGGER strategyversion_stays ON records_strategyversion;
DROP FUNCTION records_strategyversion_stays;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0002_contacts"),
    ]

    operations = [
        migrations.CreateModel(
            name="StrategyVersion",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(db_collation="C", max_length=40)),
                ("number", models.IntegerField()),
                ("model", models.BinaryField()),
                ("fingerprint", models.CharField(max_length=64)),
                ("decision", models.TextField()),
                ("seed", models.CharField(max_length=80)),
                ("arms", models.JSONField()),
                ("state", models.CharField(max_length=10)),
                ("made_at", models.DateTimeField()),
                ("made_by", models.CharField(max_length=150)),
                ("checked_at", models.DateTimeField(null=True)),
                ("checked_by", models.CharField(blank=True, max_length=150)),
                ("findings", models.JSONField(null=True)),
                ("simulated_at", models.DateTimeField(null=True)),
                ("simulated_by", models.CharField(blank=True, max_length=150)),
                ("simulation", models.JSONField(null=True)),
                ("approved_at", models.DateTimeField(null=True)),
                ("approved_by", models.CharField(blank=True, max_length=150)),
                ("live_from", models.DateField(null=True)),
                ("live_until", models.DateField(null=True)),
            ],
            options={
                "ordering": ["name", "number"],
                "constraints": [
                    models.UniqueConstraint(fields=("name", "number"), name="one_version_a_number"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("approved_at", None),
                            models.Q(("approved_by", models.F("made_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="approved_by_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("live_from", None), ("approved_at__isnull", False), _connector="OR"),
                        name="live_only_approved",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Proposal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "business_date", "customer_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("business_date", models.DateField()),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("sequence", models.BigIntegerField()),
                ("account_id", models.CharField(db_collation="C", max_length=32)),
                ("channel", models.CharField(max_length=20)),
                ("wording", models.TextField(blank=True)),
                ("team", models.TextField(blank=True)),
                ("handled_by", models.TextField(blank=True)),
                ("earliest_on", models.DateField(null=True)),
                ("priority", models.IntegerField(null=True)),
                ("expected_value_minor", models.BigIntegerField(null=True)),
                ("cost_minor", models.BigIntegerField(null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("fingerprint", models.CharField(max_length=64)),
                ("arm", models.TextField()),
                ("decision", models.TextField()),
                ("rule", models.IntegerField(null=True)),
                ("trace", models.TextField(blank=True)),
                ("state", models.CharField(max_length=12)),
                ("planned_at", models.DateTimeField(null=True)),
                ("rules", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None)),
                ("reasons", models.JSONField(default=list)),
                ("law", models.CharField(blank=True, max_length=64)),
                (
                    "version",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="records.strategyversion",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["customer_id", "business_date"], name="proposal_by_customer")],
            },
        ),
        migrations.RunSQL(VERSIONS_STAY, VERSIONS_STAY_UNDO),
    ]
