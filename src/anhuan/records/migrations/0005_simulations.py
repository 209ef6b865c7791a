"""Simulations of versions of strategies, which stay as they were made; none is approved that was never simulated."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

# As in the third migration, and besides: an approval needs a simulation.
VERSIONS_STAY = """
CREATE OR REPLACE FUNCTION records_strategyversion_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'versions of strategies are kept for ever' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF (NEW.id, NEW.name, NEW.number, NEW.model, NEW.fingerprint, NEW.decision, NEW.seed, NEW.arms, NEW.made_at, NEW.made_by)
       IS DISTINCT FROM
       (OLD.id, OLD.name, OLD.number, OLD.model, OLD.fingerprint, OLD.decision, OLD.seed, OLD.arms, OLD.made_at, OLD.made_by)
       OR (OLD.approved_at IS NOT NULL AND (NEW.approved_at, NEW.approved_by) IS DISTINCT FROM (OLD.approved_at, OLD.approved_by))
       OR (OLD.live_from IS NOT NULL AND NEW.live_from IS DISTINCT FROM OLD.live_from)
    THEN
        RAISE EXCEPTION 'a version of a strategy stays as it was made, approved and put live'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    {approval}
    RETURN NEW;
END
$$;
"""
APPROVAL = """
    IF OLD.approved_at IS NULL AND NEW.approved_at IS NOT NULL
       AND NOT EXISTS (SELECT FROM records_simulation WHERE version_id = NEW.id AND fingerprint = NEW.fingerprint)
    THEN
        RAISE EXCEPTION 'a version is approved only once it was simulated' USING ERRCODE = 'insufficient_privilege';
    END IF;
"""
SIMULATIONS_STAY = """
CREATE FUNCTION records_simulation_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'simulations are kept for ever, as they were made' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER simulation_stays BEFORE UPDATE OR DELETE ON records_simulation
    FOR EACH ROW EXECUTE FUNCTION records_simulation_stays();
"""
SIMULATIONS_STAY_UNDO = """
DROP TRIGGER simulation_stays ON records_simulation;
DROP FUNCTION records_simulation_stays;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0004_outbox"),
    ]

    operations = [
        migrations.RemoveField(model_name="strategyversion", name="simulation"),
        migrations.CreateModel(
            name="Simulation",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("fingerprint", models.CharField(max_length=64)),
                ("law", models.CharField(max_length=64)),
                ("nights", models.JSONField()),
                ("figures", models.JSONField()),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="simulations", to="records.strategyversion"
                    ),
                ),
            ],
            options={"ordering": ["at", "id"]},
        ),
        migrations.RunSQL(VERSIONS_STAY.format(approval=APPROVAL), VERSIONS_STAY.format(approval="")),
        migrations.RunSQL(SIMULATIONS_STAY, SIMULATIONS_STAY_UNDO),
    ]
