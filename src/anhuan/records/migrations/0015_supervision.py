"""Quality checks and coaching, and the ways to what a supervisor counts."""

from __future__ import annotations

from typing import ClassVar

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

# What was found stays as it was found; what becomes of a finished review afterwards (read, appealed, replaced) may be added.
REVIEW_STAYS = """
CREATE FUNCTION records_review_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'draft' AND (TG_OP = 'DELETE' OR NEW.state = 'draft'
        OR (NEW.pick_id, NEW.collector, NEW.reviewer, NEW.kind, NEW.form, NEW.answers, NEW.evidence, NEW.score, NEW.fatal, NEW.finished_at)
           IS DISTINCT FROM
           (OLD.pick_id, OLD.collector, OLD.reviewer, OLD.kind, OLD.form, OLD.answers, OLD.evidence, OLD.score, OLD.fatal, OLD.finished_at))
    THEN
        RAISE EXCEPTION 'a finished review stays as it was scored' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER review_stays BEFORE UPDATE OR DELETE ON records_qualityreview FOR EACH ROW EXECUTE FUNCTION records_review_stays();
CREATE FUNCTION records_draw_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a draw stays as it was made' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER draw_stays BEFORE UPDATE OR DELETE ON records_qualitydraw FOR EACH ROW EXECUTE FUNCTION records_draw_stays();
"""
REVIEW_STAYS_UNDO = """
DROP TRIGGER review_stays ON records_qualityreview;
DROP FUNCTION records_review_stays;
DROP TRIGGER draw_stays ON records_qualitydraw;
DROP FUNCTION records_draw_stays;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("records", "0014_disputes")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="CoachingNote",
            fields=[
                ("note_id", models.UUIDField(primary_key=True, serialize=False)),
                ("collector", models.CharField(db_collation="C", max_length=150)),
                ("by", models.CharField(db_collation="C", max_length=150)),
                ("at", models.DateTimeField()),
                ("due_on", models.DateField(null=True)),
                ("seen_at", models.DateTimeField(null=True)),
                ("done_at", models.DateTimeField(null=True)),
                ("done_by", models.CharField(blank=True, max_length=150)),
            ],
        ),
        migrations.CreateModel(
            name="QualityDraw",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False)),
                ("seed", models.CharField(max_length=40)),
                ("form", models.CharField(max_length=64)),
                ("form_since", models.DateField()),
                ("candidates", models.JSONField()),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
            ],
        ),
        migrations.CreateModel(
            name="QualityPick",
            fields=[
                ("contact_id", models.UUIDField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("collector", models.CharField(db_collation="C", max_length=150)),
                ("call_id", models.UUIDField(null=True)),
                ("why", models.CharField(max_length=10)),
                ("points", models.IntegerField()),
                (
                    "risks",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=30), default=list, size=None
                    ),
                ),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
            ],
        ),
        migrations.CreateModel(
            name="QualityReview",
            fields=[
                ("review_id", models.UUIDField(primary_key=True, serialize=False)),
                ("collector", models.CharField(db_collation="C", max_length=150)),
                ("reviewer", models.CharField(db_collation="C", max_length=150)),
                ("kind", models.CharField(max_length=12)),
                ("state", models.CharField(max_length=12)),
                ("form", models.CharField(max_length=64)),
                ("answers", models.JSONField(default=dict)),
                (
                    "evidence",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=10), default=list, size=None
                    ),
                ),
                ("score", models.SmallIntegerField(null=True)),
                (
                    "fatal",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), default=list, size=None
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("acknowledged_at", models.DateTimeField(null=True)),
                ("appealed_at", models.DateTimeField(null=True)),
                ("appeal_id", models.UUIDField(null=True)),
            ],
        ),
        migrations.AddIndex(
            model_name="promise",
            index=models.Index(fields=["at"], name="promise_by_making"),
        ),
        migrations.AddIndex(
            model_name="promise",
            index=models.Index(fields=["due_on", "state"], name="promise_by_due"),
        ),
        migrations.AddIndex(
            model_name="promise",
            index=models.Index(condition=models.Q(state="kept"), fields=["settled_on"], name="promise_kept_by_day"),
        ),
        migrations.AddIndex(
            model_name="workitem",
            index=models.Index(condition=models.Q(state="done"), fields=["ended_by", "-ended_at"], name="work_done_by"),
        ),
        migrations.AddIndex(
            model_name="qualitypick",
            index=models.Index(fields=["-day", "collector"], name="pick_by_day"),
        ),
        migrations.AddIndex(
            model_name="qualitypick",
            index=models.Index(fields=["collector", "-day"], name="pick_by_collector"),
        ),
        migrations.AddField(
            model_name="qualityreview",
            name="pick",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="reviews", to="records.qualitypick"
            ),
        ),
        migrations.AddField(
            model_name="coachingnote",
            name="review",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="records.qualityreview"),
        ),
        migrations.AddIndex(
            model_name="qualityreview",
            index=models.Index(fields=["collector", "-finished_at"], name="review_by_collector"),
        ),
        migrations.AddConstraint(
            model_name="qualityreview",
            constraint=models.UniqueConstraint(fields=("pick", "reviewer"), name="one_review_a_reviewer"),
        ),
        migrations.AddConstraint(
            model_name="qualityreview",
            constraint=models.UniqueConstraint(
                condition=~models.Q(kind="calibration"), fields=("pick", "kind"), name="one_review_a_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="qualityreview",
            constraint=models.CheckConstraint(
                condition=~models.Q(reviewer=models.F("collector")), name="nobody_reviews_herself"
            ),
        ),
        migrations.AddConstraint(
            model_name="qualityreview",
            constraint=models.CheckConstraint(
                condition=models.Q(state="draft") | models.Q(finished_at__isnull=False), name="a_finished_review_has_its_day"
            ),
        ),
        migrations.AddIndex(
            model_name="coachingnote",
            index=models.Index(fields=["collector", "-at"], name="coaching_by_collector"),
        ),
        migrations.RunSQL(REVIEW_STAYS, REVIEW_STAYS_UNDO),
    ]
