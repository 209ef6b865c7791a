"""Payments the bank tells of before the night brings them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0006_wordings"),
    ]

    operations = [
        migrations.CreateModel(
            name="PaymentNotice",
            fields=[
                ("payment_id", models.CharField(db_collation="C", max_length=64, primary_key=True, serialize=False)),
                ("account_id", models.CharField(db_collation="C", max_length=32)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("effective_on", models.DateField()),
                ("heard_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["account_id"], name="payment_notice_by_account")],
            },
        ),
    ]
