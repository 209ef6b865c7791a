"""Parts of long replies are kept until they are whole."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("records", "0015_supervision")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="ReplyPart",
            fields=[
                ("part_id", models.UUIDField(primary_key=True, serialize=False)),
                ("whole", models.CharField(db_collation="C", max_length=64)),
                ("number", models.SmallIntegerField()),
                ("total", models.SmallIntegerField()),
                ("answers", models.CharField(blank=True, db_collation="C", max_length=200)),
                ("heard_at", models.DateTimeField(db_index=True)),
                ("joined_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("whole", "number"), name="one_part_a_number")],
            },
        ),
    ]
