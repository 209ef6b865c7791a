"""How the transports of running senders are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0007_payment_notices"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChannelHealth",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "worker", "carrier", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("worker", models.IntegerField()),
                ("carrier", models.CharField(max_length=30)),
                ("session", models.CharField(max_length=10)),
                ("counts", models.JSONField()),
                ("per_second", models.FloatField()),
                ("window", models.IntegerField()),
                ("waiting", models.IntegerField()),
                ("code", models.CharField(blank=True, max_length=80)),
                ("at", models.DateTimeField()),
            ],
        ),
    ]
