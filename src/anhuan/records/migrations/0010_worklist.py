"""The worklist: cases people are to work on, who holds which, and what supervisors moved."""

import django.db.models.functions.comparison
from django.db import migrations, models

import anhuan.records.worklist


class Migration(migrations.Migration):
    dependencies = [("records", "0009_people")]

    operations = [
        migrations.CreateModel(
            name="WorkShare",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "day", "username", "queue", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                ("username", models.CharField(db_collation="C", max_length=150)),
                ("queue", models.CharField(db_collation="C", max_length=30)),
                ("taken", models.IntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Reassignment",
            fields=[
                ("reassignment_id", models.UUIDField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("asked", models.JSONField(default=dict)),
                ("to_queue", models.CharField(blank=True, max_length=30)),
                ("to_person", models.CharField(max_length=150, null=True)),
                ("moved", models.JSONField(default=list)),
                ("undone_at", models.DateTimeField(null=True)),
                ("undone_by", models.CharField(blank=True, max_length=150)),
            ],
            options={
                "indexes": [models.Index(fields=["-at"], name="reassignment_by_time")],
            },
        ),
        migrations.CreateModel(
            name="WorkItem",
            fields=[
                ("customer_id", models.CharField(db_collation="C", max_length=32, primary_key=True, serialize=False)),
                ("queue", models.CharField(db_collation="C", max_length=30)),
                ("language", models.CharField(db_collation="C", max_length=8)),
                ("state", models.CharField(max_length=10)),
                ("by_hand", models.BooleanField(default=False)),
                ("reason", models.CharField(max_length=20)),
                ("business_date", models.DateField(null=True)),
                ("team", models.TextField(blank=True)),
                ("channel", models.CharField(blank=True, max_length=20)),
                ("account_id", models.CharField(blank=True, db_collation="C", max_length=32)),
                ("version_id", models.BigIntegerField(null=True)),
                ("decision", models.TextField(blank=True)),
                ("rule", models.IntegerField(null=True)),
                ("value_at_risk_minor", models.BigIntegerField(default=0)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("rank", models.BigIntegerField()),
                ("best_hour", models.SmallIntegerField(null=True)),
                ("since", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("not_before", models.DateTimeField(null=True)),
                ("gate_tries", models.SmallIntegerField(default=0)),
                ("follow_up_at", models.DateTimeField(null=True)),
                ("follow_up_why", models.CharField(blank=True, max_length=120)),
                ("follow_up_by", models.CharField(blank=True, max_length=150)),
                ("assigned_to", models.CharField(blank=True, db_collation="C", max_length=150)),
                ("leased_by", models.CharField(blank=True, db_collation="C", max_length=150)),
                ("lease", models.UUIDField(null=True)),
                ("leased_at", models.DateTimeField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("taken_on", models.DateField(null=True)),
                ("taken_today", models.SmallIntegerField(default=0)),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_by", models.CharField(blank=True, max_length=150)),
                ("ended_why", models.CharField(blank=True, max_length=40)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(
                            ("assigned_to", ""),
                            ("follow_up_at", None),
                            ("leased_by", ""),
                            ("state", anhuan.records.worklist.WorkState["OPEN"]),
                            ("not_before", None),
                        ),
                        fields=["queue", "language", "rank"],
                        name="work_ready",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("assigned_to", ""),
                            ("follow_up_at", None),
                            ("leased_by", ""),
                            ("state", anhuan.records.worklist.WorkState["OPEN"]),
                            ("not_before", None),
                        ),
                        fields=["queue", "language", "since"],
                        name="work_oldest",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("assigned_to", ""),
                            ("follow_up_at", None),
                            ("leased_by", ""),
                            ("state", anhuan.records.worklist.WorkState["OPEN"]),
                            ("not_before__isnull", False),
                        ),
                        fields=["queue", "language", "not_before", "rank"],
                        name="work_not_before",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("follow_up_at__isnull", False),
                            ("leased_by", ""),
                            ("state", anhuan.records.worklist.WorkState["OPEN"]),
                        ),
                        fields=["follow_up_at", "customer_id"],
                        name="work_follow_up",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("state", anhuan.records.worklist.WorkState["OPEN"]), models.Q(("assigned_to", ""), _negated=True)
                        ),
                        fields=["assigned_to", "rank"],
                        name="work_of_person",
                    ),
                    models.Index(
                        django.db.models.functions.comparison.Coalesce("follow_up_at", "due_at"),
                        models.F("customer_id"),
                        condition=models.Q(("state", anhuan.records.worklist.WorkState["OPEN"])),
                        name="work_by_age",
                    ),
                    models.Index(
                        condition=models.Q(("leased_by", ""), _negated=True), fields=["leased_until"], name="work_leased"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("leased_by", ""), _negated=True),
                        fields=("leased_by",),
                        name="one_lease_a_collector",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lease", None), ("leased_by", ""), ("leased_until", None)),
                            models.Q(
                                models.Q(("leased_by", ""), _negated=True),
                                ("lease__isnull", False),
                                ("leased_until__isnull", False),
                                ("state", anhuan.records.worklist.WorkState["OPEN"]),
                            ),
                            _connector="OR",
                        ),
                        name="only_open_work_is_held",
                    ),
                ],
            },
        ),
        # Items change often, and mostly in columns of an index: room beside them keeps the table from growing.
        migrations.RunSQL(
            "ALTER TABLE records_workitem SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)",
            "ALTER TABLE records_workitem RESET (fillfactor, autovacuum_vacuum_scale_factor)",
        ),
    ]
