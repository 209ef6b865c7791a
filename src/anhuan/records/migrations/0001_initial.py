"""The first tables of the house, and what PostgreSQL itself guards: event hashes and an unchangeable memory."""

from __future__ import annotations

from typing import Any

import django.contrib.auth.models
import django.contrib.auth.validators
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import anhuan.core.vocabulary

# The text that is hashed, in this order: the previous hash (32 zero bytes for the first event of a chain), then in
# UTF-8, each ended by a line feed: the word of this format, number, `at` in microseconds since 1970 UTC, octet length
# of chain, chain, octet length of kind, kind, octet length of by, by, and last, without line feed, the body as
# PostgreSQL prints jsonb. Lengths keep any two different events from being the same text. STABLE, not IMMUTABLE,
# only because `convert_to` is; so PostgreSQL can inline the function into a query over a million events.
EVENT_HASH = """
CREATE FUNCTION records_event_hash(
    previous bytea, chain text, number integer, kind text, at timestamptz, "by" text, body jsonb
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(
        coalesce(previous, '\\x0000000000000000000000000000000000000000000000000000000000000000'::bytea)
        || convert_to(
            concat_ws(
                E'\\n', 'anhuan-event-1', number, (extract(epoch FROM at AT TIME ZONE 'UTC') * 1000000)::bigint,
                octet_length(chain), chain, octet_length(kind), kind, octet_length("by"), "by", body),
            'UTF8'))
$$
"""

# Only who may alter the table or set `session_replication_role`, a superuser, can take these triggers off.
EVENTS_STAY = """
CREATE FUNCTION records_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER event_stays BEFORE UPDATE OR DELETE ON records_event
    FOR EACH STATEMENT EXECUTE FUNCTION records_event_stays();
CREATE TRIGGER event_stays_all BEFORE TRUNCATE ON records_event
    FOR EACH STATEMENT EXECUTE FUNCTION records_event_stays();
"""
EVENTS_STAY_UNDO = """
DROP TRIGGER event_stays ON records_event;
DROP TRIGGER event_stays_all ON records_event;
DROP FUNCTION records_event_stays();
"""


def leave_out_pattern_indexes(_apps: Any, schema_editor: Any) -> None:
    """Keys are C-collated, so their own index serves prefixes; Django's extra pattern indexes would only cost."""
    schema_editor.deferred_sql[:] = [
        statement
        for statement in schema_editor.deferred_sql
        if "_pattern_ops" not in str(statement) or "records_staff" in str(statement)
    ]


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="BucketSpan",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "case_id", "since", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("case_id", models.CharField(db_collation="C", max_length=32)),
                ("since", models.DateField()),
                ("bucket", models.SmallIntegerField()),
                ("restated", models.BooleanField(default=False)),
            ],
        ),
        migrations.CreateModel(
            name="Case",
            fields=[
                ("case_id", models.CharField(db_collation="C", max_length=32, primary_key=True, serialize=False)),
                ("status", models.CharField(max_length=6)),
                ("bucket", models.SmallIntegerField()),
                ("opened_on", models.DateField(null=True)),
                ("since", models.DateField(null=True)),
                ("closed_on", models.DateField(null=True)),
                ("reopened", models.IntegerField(default=0)),
                ("events", models.IntegerField(default=0)),
                ("head", models.BinaryField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["closed_on", "case_id"], name="case_by_closing", condition=models.Q(("status", "closed"))
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CaseBefore",
            fields=[
                ("case_id", models.CharField(db_collation="C", max_length=32, primary_key=True, serialize=False)),
                ("sequence", models.BigIntegerField()),
                ("status", models.CharField(max_length=6)),
                ("bucket", models.SmallIntegerField()),
                ("opened_on", models.DateField(null=True)),
                ("since", models.DateField(null=True)),
                ("closed_on", models.DateField(null=True)),
                ("reopened", models.IntegerField()),
                ("spans_from", models.DateField()),
                ("spans", models.JSONField(default=list)),
            ],
        ),
        migrations.CreateModel(
            name="SetAsideRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sequence", models.BigIntegerField(db_index=True)),
                ("file", models.TextField()),
                ("line", models.BigIntegerField()),
                ("sealed", models.BinaryField()),
                ("key_id", models.SmallIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Staff",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
                        max_length=150,
                        unique=True,
                        validators=[django.contrib.auth.validators.UnicodeUsernameValidator()],
                        verbose_name="username",
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=150, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=150, verbose_name="last name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="email address")),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                ("date_joined", models.DateTimeField(default=django.utils.timezone.now, verbose_name="date joined")),
                (
                    "role",
                    models.CharField(
                        default="operations",
                        max_length=20,
                        verbose_name="role",
                    ),
                ),
                ("language", models.CharField(default="zh-hans", max_length=10, verbose_name="language")),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "member of staff",
                "verbose_name_plural": "staff",
            },
            managers=[
                ("objects", django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name="Account",
            fields=[
                ("account_id", models.CharField(db_collation="C", max_length=32, primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("as_of", models.DateField()),
                ("presence", models.CharField(max_length=10)),
                ("currency", models.CharField(max_length=3)),
                ("days_past_due", models.IntegerField()),
                ("bucket", models.SmallIntegerField()),
                ("previous_bucket", models.SmallIntegerField(null=True)),
                ("flow", models.CharField(max_length=10, null=True)),
                ("five_class", models.CharField(max_length=20, null=True)),
                ("classification", models.CharField(max_length=20, null=True)),
                ("past_due_since", models.DateField(null=True)),
                ("past_due_amount_minor", models.BigIntegerField()),
                ("minimum_due_minor", models.BigIntegerField(null=True)),
                ("balance_total_minor", models.BigIntegerField()),
                ("principal_minor", models.BigIntegerField()),
                ("interest_minor", models.BigIntegerField()),
                ("penalty_minor", models.BigIntegerField()),
                ("fees_minor", models.BigIntegerField()),
                ("instalment_unbilled_minor", models.BigIntegerField()),
                ("credit_limit_minor", models.BigIntegerField(null=True)),
                ("product", models.TextField(null=True)),
                ("opened_on", models.DateField(null=True)),
                ("block_code", models.CharField(max_length=12, null=True)),
                ("cycle_day", models.SmallIntegerField(null=True)),
                ("statement_date", models.DateField(null=True)),
                ("due_date", models.DateField(null=True)),
                ("last_payment_on", models.DateField(null=True)),
                ("last_payment_amount_minor", models.BigIntegerField(null=True)),
                ("autopay", models.BooleanField(null=True)),
                ("behaviour_score", models.SmallIntegerField(null=True)),
                ("collection_score", models.SmallIntegerField(null=True)),
                ("placed_with", models.TextField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["customer_id"], name="account_by_customer")],
            },
        ),
        migrations.CreateModel(
            name="CaseFigures",
            fields=[
                ("case_id", models.CharField(db_collation="C", max_length=32, primary_key=True, serialize=False)),
                ("bucket", models.SmallIntegerField()),
                ("days_past_due", models.IntegerField()),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("past_due_amount_minor", models.BigIntegerField()),
                ("balance_total_minor", models.BigIntegerField()),
                ("accounts", models.SmallIntegerField()),
                ("overdue_accounts", models.SmallIntegerField()),
                ("missing_accounts", models.SmallIntegerField()),
                ("other_currencies", models.SmallIntegerField()),
                ("segment", models.TextField(blank=True)),
                ("region_code", models.CharField(blank=True, max_length=6)),
                ("placed_with", models.TextField(blank=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["past_due_amount_minor"], name="figures_by_past_due"),
                    models.Index(fields=["balance_total_minor"], name="figures_by_balance"),
                    models.Index(fields=["days_past_due"], name="figures_by_dpd"),
                    models.Index(fields=["bucket", "past_due_amount_minor"], name="figures_by_bucket"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ContactPoint",
            fields=[
                ("point_id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("kind", models.CharField(max_length=10)),
                ("party", models.CharField(max_length=20)),
                ("person_id", models.TextField(blank=True)),
                ("place", models.CharField(blank=True, max_length=10)),
                ("valid", models.BooleanField(null=True)),
                ("reserved", models.BooleanField(null=True)),
                ("sealed", models.BinaryField()),
                ("key_id", models.SmallIntegerField()),
                ("value_index", models.BinaryField(null=True)),
                ("fingerprint", models.UUIDField()),
                ("absent_since", models.DateField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["customer_id"], name="contact_point_by_customer"),
                    models.Index(fields=["value_index"], name="contact_point_by_value"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Customer",
            fields=[
                ("customer_id", models.CharField(db_collation="C", max_length=32, primary_key=True, serialize=False)),
                ("sex", models.CharField(blank=True, max_length=1)),
                ("language", models.CharField(max_length=35)),
                ("timezone", models.CharField(max_length=64)),
                ("region_code", models.CharField(blank=True, max_length=6)),
                ("segment", models.TextField(blank=True)),
                (
                    "flags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=30), default=list, size=None
                    ),
                ),
                ("sealed", models.BinaryField()),
                ("key_id", models.SmallIntegerField()),
                ("name_index", models.BinaryField(null=True)),
                ("id_index", models.BinaryField(null=True)),
                ("fingerprint", models.UUIDField()),
                ("absent_since", models.DateField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["name_index"], name="customer_by_name"),
                    models.Index(fields=["id_index"], name="customer_by_id_number"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("chain", models.CharField(blank=True, db_collation="C", max_length=32)),
                ("number", models.IntegerField()),
                ("kind", models.CharField(max_length=40)),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("body", models.JSONField(default=dict)),
                ("previous", models.BinaryField(null=True)),
                ("hash", models.BinaryField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("chain", "number"), name="event_number_in_chain")],
            },
        ),
        migrations.CreateModel(
            name="Night",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sequence", models.BigIntegerField(unique=True)),
                ("business_date", models.DateField(db_index=True)),
                ("issuer", models.TextField()),
                ("layout", models.TextField()),
                ("content", models.CharField(max_length=64)),
                ("snapshot", models.TextField()),
                ("manifest_sha256", models.CharField(max_length=64)),
                ("replaces", models.BigIntegerField(null=True)),
                ("status", models.CharField(default=anhuan.core.vocabulary.NightStatus["RUNNING"], max_length=10)),
                ("begun_at", models.DateTimeField()),
                ("sealed_at", models.DateTimeField(null=True)),
                ("result", models.JSONField(default=dict)),
                ("summary", models.JSONField(default=dict)),
            ],
            options={
                "ordering": ["business_date", "sequence"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", anhuan.core.vocabulary.NightStatus["REPLACED"]), _negated=True),
                        fields=("business_date",),
                        name="one_night_a_business_date",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="NightStep",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "night_id", "step", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("step", models.CharField(max_length=20)),
                ("seconds", models.FloatField()),
                ("outcome", models.JSONField(default=dict)),
                (
                    "night",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="records.night"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Payment",
            fields=[
                ("payment_id", models.CharField(db_collation="C", max_length=64, primary_key=True, serialize=False)),
                ("account_id", models.CharField(db_collation="C", max_length=32)),
                ("posted_on", models.DateField()),
                ("effective_on", models.DateField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("kind", models.CharField(max_length=20)),
                ("reverses", models.CharField(blank=True, max_length=64)),
                ("channel", models.TextField(blank=True)),
                ("sequence", models.BigIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account_id", "-effective_on"], name="payment_by_account"),
                    models.Index(fields=["sequence"], name="payment_by_night"),
                ],
            },
        ),
        # events stay as they were written, whoever asks; hashes are PostgreSQL's own work
        migrations.RunSQL(EVENT_HASH, "DROP FUNCTION records_event_hash"),
        migrations.RunSQL(EVENTS_STAY, EVENTS_STAY_UNDO),
        # a case row is updated in place many times: leave room on its page
        migrations.RunSQL("ALTER TABLE records_case SET (fillfactor = 80)", migrations.RunSQL.noop),
        migrations.RunPython(leave_out_pattern_indexes, migrations.RunPython.noop, elidable=False),
    ]
