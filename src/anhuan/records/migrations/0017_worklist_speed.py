"""Whose a case is, by queue and by person, is found without going through the whole worklist."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("records", "0016_reply_parts")]

    operations: ClassVar = [
        migrations.RemoveIndex(model_name="workitem", name="work_of_person"),
        migrations.AddIndex(
            model_name="workitem",
            index=models.Index(
                fields=["assigned_to", "rank"], name="work_of_person", condition=models.Q(("assigned_to", ""), _negated=True)
            ),
        ),
        migrations.AddIndex(model_name="workitem", index=models.Index(fields=["queue"], name="work_of_queue")),
    ]
