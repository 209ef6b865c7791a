"""Versions of wordings, which stay as they were written."""

from __future__ import annotations

from django.db import migrations, models

VERSIONS_STAY = """
CREATE FUNCTION records_wordingversion_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'versions of wordings are kept for ever' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF (NEW.id, NEW.jurisdiction, NEW.name, NEW.channel, NEW.language, NEW.number, NEW.purpose, NEW.document, NEW.fingerprint,
        NEW.made_at, NEW.made_by)
       IS DISTINCT FROM
       (OLD.id, OLD.jurisdiction, OLD.name, OLD.channel, OLD.language, OLD.number, OLD.purpose, OLD.document, OLD.fingerprint,
        OLD.made_at, OLD.made_by)
       OR (OLD.approved_at IS NOT NULL AND (NEW.approved_at, NEW.approved_by) IS DISTINCT FROM (OLD.approved_at, OLD.approved_by))
       OR (OLD.live_from IS NOT NULL AND NEW.live_from IS DISTINCT FROM OLD.live_from)
    THEN
        RAISE EXCEPTION 'a version of a wording stays as it was written, approved and put in force'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER wordingversion_stays BEFORE UPDATE OR DELETE ON records_wordingversion
    FOR EACH ROW EXECUTE FUNCTION records_wordingversion_stays();
"""
VERSIONS_STAY_UNDO = """
DROP TRIGGER wordingversion_stays ON records_wordingversion;
DROP FUNCTION records_wordingversion_stays;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0005_simulations"),
    ]

    operations = [
        migrations.CreateModel(
            name="WordingVersion",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("jurisdiction", models.CharField(db_collation="C", max_length=20)),
                ("name", models.CharField(db_collation="C", max_length=40)),
                ("channel", models.CharField(max_length=20)),
                ("language", models.CharField(max_length=2)),
                ("number", models.IntegerField()),
                ("purpose", models.CharField(max_length=20)),
                ("document", models.JSONField()),
                ("fingerprint", models.CharField(max_length=64)),
                ("state", models.CharField(max_length=10)),
                ("made_at", models.DateTimeField()),
                ("made_by", models.CharField(max_length=150)),
                ("checked_at", models.DateTimeField(null=True)),
                ("checked_by", models.CharField(blank=True, max_length=150)),
                ("findings", models.JSONField(null=True)),
                ("approved_at", models.DateTimeField(null=True)),
                ("approved_by", models.CharField(blank=True, max_length=150)),
                ("live_from", models.DateField(null=True)),
                ("live_until", models.DateField(null=True)),
            ],
            options={
                "ordering": ["jurisdiction", "name", "channel", "language", "number"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("jurisdiction", "name", "channel", "language", "number"), name="one_wording_a_number"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("approved_at", None),
                            models.Q(("approved_by", models.F("made_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="wording_approved_by_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("live_from", None), ("approved_at__isnull", False), _connector="OR"),
                        name="wording_live_only_approved",
                    ),
                ],
            },
        ),
        migrations.RunSQL(VERSIONS_STAY, VERSIONS_STAY_UNDO),
    ]
