from __future__ import annotations

import uuid
from typing import ClassVar

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# A look stays as it was written. Only one that is older than every retention the law asks of us may go (three years: PIPL 56,
# 12 CFR 1006.100); how long this house keeps them beyond that is `ANHUAN_VIEWING_YEARS`.
VIEWINGS_STAY = """
CREATE FUNCTION records_viewing_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        -- Counted from the latest look, for the database asks no clock; to shift that, one would leave a look of the future.
        IF OLD.at < (SELECT max(at) FROM records_viewing) - interval '3 years' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'looks are append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER viewing_stays BEFORE UPDATE OR DELETE ON records_viewing
    FOR EACH ROW EXECUTE FUNCTION records_viewing_stays();
CREATE TRIGGER viewing_stays_all BEFORE TRUNCATE ON records_viewing
    FOR EACH STATEMENT EXECUTE FUNCTION records_viewing_stays();
"""
VIEWINGS_STAY_UNDO = """
DROP TRIGGER viewing_stays ON records_viewing;
DROP TRIGGER viewing_stays_all ON records_viewing;
DROP FUNCTION records_viewing_stays();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("records", "0008_channel_health")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Team",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60, unique=True)),
                (
                    "queues",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=30), blank=True, default=list, size=None
                    ),
                ),
                (
                    "lead",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="leads",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="staff",
            name="team",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="members", to="records.team"
            ),
        ),
        migrations.AddField(
            model_name="staff",
            name="skills",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=20), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="staff",
            name="speaks",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=20), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField(model_name="staff", name="password_temporary", field=models.BooleanField(default=False)),
        migrations.CreateModel(
            name="SignIn",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("session_key", models.CharField(blank=True, max_length=40)),
                ("begun_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("told_at", models.DateTimeField()),
                ("address", models.CharField(blank=True, max_length=45)),
                ("agent", models.CharField(blank=True, max_length=200)),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_by", models.CharField(blank=True, max_length=150)),
                (
                    "staff",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="sign_ins", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["staff", "-begun_at"], name="sign_in_of_staff")]},
        ),
        migrations.CreateModel(
            name="SecondFactor",
            fields=[
                ("name", models.CharField(help_text="The human-readable name of this device.", max_length=64)),
                ("confirmed", models.BooleanField(default=True, help_text="Is this device ready for use?")),
                (
                    "throttling_failure_timestamp",
                    models.DateTimeField(
                        blank=True,
                        default=None,
                        help_text="A timestamp of the last failed verification attempt. Null if last attempt succeeded.",
                        null=True,
                    ),
                ),
                (
                    "throttling_failure_count",
                    models.PositiveIntegerField(default=0, help_text="Number of successive failed attempts."),
                ),
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("sealed", models.BinaryField()),
                ("key_id", models.SmallIntegerField()),
                ("last_step", models.BigIntegerField(default=-1)),
                ("made_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        help_text="The user that this device belongs to.",
                        on_delete=django.db.models.deletion.CASCADE,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("user", "confirmed"), name="one_second_factor_and_one_to_be")]
            },
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.BinaryField()),
                (
                    "staff",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="recovery_codes", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CaseGrant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("why", models.CharField(max_length=200)),
                ("granted_at", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                (
                    "staff",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="grants", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["staff", "customer_id", "until"], name="grant_of_staff")]},
        ),
        migrations.CreateModel(
            name="Viewing",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("page", models.CharField(max_length=40)),
                ("clear", models.BooleanField(default=False)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("session", models.BigIntegerField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["customer_id", "-id"], name="viewing_of_customer"),
                    models.Index(fields=["by", "-id"], name="viewing_by_staff"),
                    models.Index(fields=["at"], name="viewing_at"),
                ]
            },
        ),
        migrations.RunSQL(VIEWINGS_STAY, VIEWINGS_STAY_UNDO),
    ]
