"""Promises and agreements are found by the day that may decide them, so that a night looks only at those."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("records", "0017_worklist_speed")]

    operations: ClassVar = [
        migrations.AddField(model_name="promise", name="judge_on", field=models.DateField(null=True)),
        migrations.AddField(model_name="plan", name="judge_on", field=models.DateField(null=True)),
        migrations.AddIndex(
            model_name="promise",
            index=models.Index(fields=["judge_on"], name="promise_to_be_judged", condition=models.Q(("state", "open"))),
        ),
        migrations.AddIndex(
            model_name="plan",
            index=models.Index(fields=["judge_on"], name="plan_to_be_judged", condition=models.Q(("state", "active"))),
        ),
    ]
