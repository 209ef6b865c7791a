"""A night finds what is stored of people in a file of its machine, as long as nobody has changed it since."""

from typing import ClassVar

from django.db import migrations, models

CHANGED = """
CREATE FUNCTION records_people_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM records_fingerprintfile WHERE of_table = TG_TABLE_NAME;
    RETURN NULL;
END $$;
CREATE TRIGGER people_changed
    AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF customer_id, fingerprint, absent_since ON records_customer
    FOR EACH STATEMENT EXECUTE FUNCTION records_people_changed();
CREATE TRIGGER people_changed
    AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF point_id, fingerprint, absent_since ON records_contactpoint
    FOR EACH STATEMENT EXECUTE FUNCTION records_people_changed();
"""
UNWATCHED = """
DROP TRIGGER people_changed ON records_customer;
DROP TRIGGER people_changed ON records_contactpoint;
DROP FUNCTION records_people_changed();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("records", "0018_judged_by_day")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="FingerprintFile",
            fields=[
                ("of_table", models.CharField(max_length=63, primary_key=True, serialize=False)),
                ("number", models.CharField(max_length=32)),
            ],
        ),
        migrations.RunSQL(CHANGED, UNWATCHED),
    ]
