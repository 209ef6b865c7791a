"""The outbox: campaigns, messages, receipts, replies, what was said, and the machine messages that were taken."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import anhuan.records.outbox


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0003_strategies"),
    ]

    operations = [
        migrations.CreateModel(
            name="Hook",
            fields=[
                ("hook_id", models.CharField(db_collation="C", max_length=150, primary_key=True, serialize=False)),
                ("source", models.CharField(max_length=40)),
                ("received_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="Said",
            fields=[
                ("row_id", models.UUIDField(primary_key=True, serialize=False)),
                ("sealed", models.BinaryField()),
                ("key_id", models.SmallIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Campaign",
            fields=[
                ("campaign_id", models.UUIDField(primary_key=True, serialize=False)),
                ("business_date", models.DateField()),
                ("channel", models.CharField(max_length=20)),
                ("wording", models.TextField(blank=True)),
                ("team", models.TextField(blank=True)),
                ("begins_at", models.DateTimeField()),
                ("made_at", models.DateTimeField()),
                ("stopped_at", models.DateTimeField(null=True)),
                ("stopped_by", models.CharField(blank=True, max_length=150)),
                ("stop_reason", models.TextField(blank=True)),
            ],
            options={
                "ordering": ["-business_date", "channel", "wording", "team"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("business_date", "channel", "wording", "team"), name="one_campaign_a_wording"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OutboxItem",
            fields=[
                ("item_id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("attempt_id", models.CharField(db_collation="C", max_length=200, unique=True)),
                ("purpose", models.CharField(max_length=20)),
                (
                    "debts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=32), default=list, size=None
                    ),
                ),
                ("state", models.CharField(max_length=15)),
                ("not_before", models.DateTimeField()),
                ("tries", models.SmallIntegerField(default=0)),
                ("worker", models.IntegerField(null=True)),
                ("contact_id", models.UUIDField(null=True)),
                ("refusal_id", models.BigIntegerField(null=True)),
                ("code", models.CharField(blank=True, max_length=80)),
                ("parts", models.SmallIntegerField(default=0)),
                ("changed_at", models.DateTimeField()),
                (
                    "campaign",
                    models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to="records.campaign"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("delivery", models.CharField(max_length=15)),
                ("code", models.CharField(blank=True, max_length=80)),
                ("permanent", models.BooleanField(default=False)),
                ("reference", models.CharField(blank=True, db_collation="C", max_length=100)),
                ("at", models.DateTimeField(null=True)),
                ("heard_at", models.DateTimeField()),
                ("item", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="records.outboxitem")),
            ],
        ),
        migrations.CreateModel(
            name="Reply",
            fields=[
                ("reply_id", models.UUIDField(primary_key=True, serialize=False)),
                ("source", models.CharField(max_length=20)),
                ("heard_as", models.CharField(db_collation="C", max_length=200)),
                ("customer_id", models.CharField(blank=True, db_collation="C", max_length=32)),
                ("point_id", models.UUIDField(null=True)),
                ("contact_id", models.UUIDField(null=True)),
                ("answers", models.UUIDField(null=True)),
                ("intent", models.CharField(max_length=30)),
                ("confidence", models.DecimalField(decimal_places=3, max_digits=4)),
                ("acted", models.CharField(blank=True, max_length=30)),
                ("at", models.DateTimeField()),
                ("heard_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["customer_id", "-heard_at"], name="reply_by_customer")],
                "constraints": [models.UniqueConstraint(fields=("source", "heard_as"), name="one_reply_a_message")],
            },
        ),
        migrations.AddIndex(
            model_name="outboxitem",
            index=models.Index(
                condition=models.Q(("state", anhuan.records.outbox.ItemState["WAITING"])),
                fields=["campaign", "not_before", "item_id"],
                name="outbox_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="outboxitem",
            index=models.Index(
                condition=models.Q(("state", anhuan.records.outbox.ItemState["STARTED"])),
                fields=["worker"],
                name="outbox_started",
            ),
        ),
        migrations.AddIndex(
            model_name="outboxitem",
            index=models.Index(fields=["customer_id", "-changed_at"], name="outbox_by_customer"),
        ),
        migrations.AddIndex(
            model_name="outboxitem",
            index=models.Index(fields=["campaign", "state"], name="outbox_by_campaign"),
        ),
        migrations.AddIndex(
            model_name="outboxitem",
            index=models.Index(
                condition=models.Q(("contact_id__isnull", False)), fields=["contact_id"], name="outbox_by_contact"
            ),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(
                condition=models.Q(("reference", ""), _negated=True), fields=["reference"], name="receipt_by_reference"
            ),
        ),
    ]
