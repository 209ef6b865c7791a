"""Contacts, permits and all that is known of a customer beyond the bank's files; and what PostgreSQL itself guards of it."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models

# Every act on a customer holds her until its transaction ends: by an advisory lock, for she may have no case, and by her case's
# row, which whoever appends an event holds. Answers whether she has a case, and when its last event was. Waiting longer than this ends in an error: an
# attempt is judged at an instant, which must not grow old. What follows asks by key alone, so that plans made once will do.
CUSTOMER_HOLD = """
CREATE FUNCTION records_customer_hold(customer text, OUT has_case boolean, OUT last timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    latest integer;
BEGIN
    PERFORM set_config('lock_timeout', '10s', true), set_config('plan_cache_mode', 'force_generic_plan', true);
    PERFORM pg_advisory_xact_lock(hashtextextended(customer, 1634626664));
    SELECT events INTO latest FROM records_case WHERE case_id = customer FOR NO KEY UPDATE;
    has_case := FOUND;
    SELECT at INTO last FROM records_event WHERE chain = customer AND number = latest;
END
$$
"""

# One event at the end of a case's chain, as `records.events.append` writes it; whoever calls holds the customer.
EVENT_APPEND = """
CREATE FUNCTION records_event_append(the_case text, the_kind text, the_body jsonb, the_instant timestamptz, the_actor text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    place integer;
    last bytea;
    fresh bytea;
BEGIN
    SELECT c.events + 1, c.head INTO STRICT place, last FROM records_case c WHERE c.case_id = the_case FOR NO KEY UPDATE;
    fresh := records_event_hash(last, the_case, place, the_kind, the_instant, the_actor, the_body);
    INSERT INTO records_event (chain, number, kind, at, "by", body, previous, hash)
    VALUES (the_case, place, the_kind, the_instant, the_actor, the_body, last, fresh);
    UPDATE records_case SET events = place, head = fresh WHERE case_id = the_case;
END
$$
"""

# The one way in which the door writes: permit, contact and, where there is a case, its event.
CONTACT_OPEN = """
CREATE FUNCTION records_contact_open(told jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    opened records_contact;
BEGIN
    INSERT INTO records_permit SELECT * FROM jsonb_populate_record(NULL::records_permit, told -> 'permit');
    opened := jsonb_populate_record(NULL::records_contact, told -> 'contact');
    INSERT INTO records_contact SELECT opened.*;
    IF told ? 'event' THEN
        PERFORM records_event_append(opened.customer_id, 'contact.started', told -> 'event', opened.started_at, opened."by");
    END IF;
END
$$
"""

# Only who may alter the tables or set `session_replication_role`, a superuser, can take these triggers off.
CONTACTS_GUARDED = """
CREATE FUNCTION records_contact_arrives() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    named uuid;
BEGIN
    IF NEW.direction = 'outbound' AND NEW.origin = 'own' THEN
        IF NEW.state <> 'started' THEN
            RAISE EXCEPTION 'a contact of ours begins as started' USING ERRCODE = 'insufficient_privilege';
        END IF;
        SELECT p.used_by INTO named FROM records_permit p
        WHERE p.permit_id = NEW.permit_id AND p.returned_at IS NULL
          AND (p.used_by IS NULL OR p.used_by = NEW.contact_id) AND NEW.started_at >= p.at AND NEW.started_at < p.expires_at
          AND (p.customer_id, p.channel, p.party, p.person_id, p.purpose, p.actor)
            = (NEW.customer_id, NEW.channel, NEW.party, NEW.person_id, NEW.purpose, NEW.actor)
          AND p.point_id IS NOT DISTINCT FROM NEW.point_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no contact without an unused permit for this very contact'
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        -- the door writes a permit with the contact that uses it; a second use meets the unique index on permit_id
        IF named IS NULL THEN
            UPDATE records_permit SET used_by = NEW.contact_id WHERE permit_id = NEW.permit_id;
        END IF;
    ELSIF NEW.permit_id IS NOT NULL THEN
        RAISE EXCEPTION 'only an outbound contact of ours uses a permit' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION records_contact_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.closed_at IS NOT NULL THEN
        RAISE EXCEPTION 'a closed contact is never changed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF (NEW.contact_id, NEW.customer_id, NEW.channel, NEW.direction, NEW.party, NEW.person_id, NEW.purpose, NEW.actor,
        NEW.origin, NEW.recorded_at)
       IS DISTINCT FROM
       (OLD.contact_id, OLD.customer_id, OLD.channel, OLD.direction, OLD.party, OLD.person_id, OLD.purpose, OLD.actor,
        OLD.origin, OLD.recorded_at)
       OR NEW.point_id IS DISTINCT FROM OLD.point_id OR NEW.permit_id IS DISTINCT FROM OLD.permit_id
       OR (NEW.started_at <> OLD.started_at AND OLD.reserved_until IS NULL)
       OR NEW.reserved_until IS DISTINCT FROM OLD.reserved_until
    THEN
        RAISE EXCEPTION 'what a contact is stays as it began; only its result may be added'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION records_permit_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.used_by IS NOT NULL AND NEW.used_by IS DISTINCT FROM OLD.used_by)
        OR (OLD.returned_at IS NOT NULL AND NEW.returned_at IS DISTINCT FROM OLD.returned_at) THEN
        RAISE EXCEPTION 'a permit is used once' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF to_jsonb(NEW) - 'used_by' - 'returned_at' <> to_jsonb(OLD) - 'used_by' - 'returned_at' THEN
        RAISE EXCEPTION 'a permit stays as the gate gave it' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION records_contact_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'contacts and permits stay: % of % refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER contact_arrives BEFORE INSERT ON records_contact FOR EACH ROW EXECUTE FUNCTION records_contact_arrives();
CREATE TRIGGER contact_changes BEFORE UPDATE ON records_contact FOR EACH ROW EXECUTE FUNCTION records_contact_changes();
CREATE TRIGGER permit_changes BEFORE UPDATE ON records_permit FOR EACH ROW EXECUTE FUNCTION records_permit_changes();
CREATE TRIGGER contact_stays BEFORE DELETE ON records_contact FOR EACH STATEMENT EXECUTE FUNCTION records_contact_stays();
CREATE TRIGGER contact_stays_all BEFORE TRUNCATE ON records_contact
    FOR EACH STATEMENT EXECUTE FUNCTION records_contact_stays();
CREATE TRIGGER permit_stays BEFORE DELETE ON records_permit FOR EACH STATEMENT EXECUTE FUNCTION records_contact_stays();
CREATE TRIGGER permit_stays_all BEFORE TRUNCATE ON records_permit
    FOR EACH STATEMENT EXECUTE FUNCTION records_contact_stays();
ALTER TABLE records_contact
    ADD CONSTRAINT contact_origin CHECK (
        CASE direction WHEN 'inbound' THEN origin <> 'own' ELSE origin <> 'inbound' END),
    ADD CONSTRAINT contact_reported CHECK (origin <> 'agency_reported' OR actor LIKE 'agency:%'),
    ADD CONSTRAINT contact_closing CHECK ((closed_at IS NOT NULL) = (state IN ('completed', 'void'))),
    ADD CONSTRAINT contact_on_one_line CHECK (array_to_string(debts, '') || person_id || actor !~ '[\\x01-\\x1f]'),
    ADD CONSTRAINT contact_void CHECK (state <> 'void' OR proof <> '');
ALTER TABLE records_contact SET (fillfactor = 90);
"""
CONTACTS_GUARDED_UNDO = """
DROP TRIGGER contact_arrives ON records_contact;
DROP TRIGGER contact_changes ON records_contact;
DROP TRIGGER permit_changes ON records_permit;
DROP TRIGGER contact_stays ON records_contact;
DROP TRIGGER contact_stays_all ON records_contact;
DROP TRIGGER permit_stays ON records_permit;
DROP TRIGGER permit_stays_all ON records_permit;
DROP FUNCTION records_contact_arrives();
DROP FUNCTION records_contact_changes();
DROP FUNCTION records_permit_changes();
DROP FUNCTION records_contact_stays();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Agency",
            fields=[
                ("agency_id", models.CharField(db_collation="C", max_length=60, primary_key=True, serialize=False)),
                ("placed_as", models.TextField()),
                ("token_hash", models.BinaryField()),
                ("listed", models.BooleanField(default=False)),
                ("active", models.BooleanField(default=True)),
                ("added_at", models.DateTimeField()),
                ("added_by", models.CharField(max_length=150)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("token_hash",), name="one_agency_a_token")],
            },
        ),
        migrations.CreateModel(
            name="BadTime",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("contact_id", models.UUIDField()),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["customer_id"], name="badtime_by_customer")],
            },
        ),
        migrations.CreateModel(
            name="CeaseNotice",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("sent_at", models.DateTimeField(null=True)),
                ("written", models.BooleanField()),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["customer_id"], name="ceasenotice_by_customer")],
            },
        ),
        migrations.CreateModel(
            name="Circumstance",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("kind", models.CharField(max_length=30)),
                ("ends", models.DateTimeField(null=True)),
                (
                    "debts",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), null=True, size=None),
                ),
                (
                    "timezones",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), null=True, size=None),
                ),
                ("place", models.CharField(blank=True, max_length=10)),
                ("contact_known", models.BooleanField(null=True)),
                ("actor", models.CharField(blank=True, max_length=80)),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["customer_id"], name="circumstance_by_customer")],
            },
        ),
        migrations.CreateModel(
            name="Consent",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("covers", django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), size=None)),
                ("given_to", models.CharField(max_length=80)),
                ("begins", models.DateTimeField()),
                ("ends", models.DateTimeField(null=True)),
                ("channel", models.CharField(blank=True, max_length=20)),
                ("point_id", models.UUIDField(null=True)),
                ("person_id", models.TextField(null=True)),
                (
                    "debts",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), null=True, size=None),
                ),
                ("limit_per_day", models.SmallIntegerField(null=True)),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["customer_id"], name="consent_by_customer")],
            },
        ),
        migrations.CreateModel(
            name="Contact",
            fields=[
                ("contact_id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("channel", models.CharField(max_length=20)),
                ("direction", models.CharField(max_length=10)),
                ("party", models.CharField(max_length=20)),
                ("person_id", models.TextField(blank=True)),
                ("point_id", models.UUIDField(null=True)),
                ("point_kind", models.CharField(blank=True, max_length=20)),
                ("purpose", models.CharField(max_length=20)),
                ("actor", models.CharField(max_length=80)),
                ("automated", models.BooleanField()),
                ("in_reply_to", models.UUIDField(null=True)),
                ("session_of", models.UUIDField(null=True)),
                (
                    "debts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=32), default=list, size=None
                    ),
                ),
                ("origin", models.CharField(max_length=20)),
                ("permit_id", models.UUIDField(null=True)),
                ("state", models.CharField(max_length=10)),
                ("line_result", models.CharField(blank=True, max_length=20)),
                ("outcome", models.CharField(blank=True, max_length=30)),
                ("started_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("reserved_until", models.DateTimeField(null=True)),
                ("proof", models.CharField(blank=True, max_length=80)),
                ("by", models.CharField(max_length=150)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["customer_id", "started_at", "contact_id"], name="contact_by_customer"),
                    models.Index(fields=["started_at"], name="contact_by_start"),
                ],
                "constraints": [models.UniqueConstraint(fields=("permit_id",), name="one_contact_a_permit")],
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("hold_id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("kind", models.CharField(max_length=20)),
                (
                    "debts",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), null=True, size=None),
                ),
                ("begins", models.DateTimeField()),
                ("ends", models.DateTimeField(null=True)),
                ("until_date", models.DateField(null=True)),
                ("reason", models.CharField(blank=True, max_length=40)),
                ("evidence", models.TextField(blank=True)),
                ("registered_at", models.DateTimeField()),
                ("registered_by", models.CharField(max_length=150)),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_by", models.CharField(blank=True, max_length=150)),
            ],
            options={
                "indexes": [models.Index(fields=["customer_id"], name="hold_by_customer")],
            },
        ),
        migrations.CreateModel(
            name="OptOut",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("channel", models.CharField(max_length=20)),
                ("point_id", models.UUIDField(null=True)),
                ("written", models.BooleanField()),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["customer_id"], name="optout_by_customer")],
            },
        ),
        migrations.CreateModel(
            name="Permit",
            fields=[
                ("permit_id", models.UUIDField(primary_key=True, serialize=False)),
                ("attempt_id", models.CharField(db_collation="C", max_length=200)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("channel", models.CharField(max_length=20)),
                ("party", models.CharField(max_length=20)),
                ("person_id", models.TextField(blank=True)),
                ("point_id", models.UUIDField(null=True)),
                ("purpose", models.CharField(max_length=20)),
                ("actor", models.CharField(max_length=80)),
                ("attempt", models.JSONField()),
                ("at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("law", models.CharField(max_length=64)),
                (
                    "packs",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), default=list, size=None
                    ),
                ),
                ("used_by", models.UUIDField(null=True)),
                ("returned_at", models.DateTimeField(null=True)),
                ("by", models.CharField(max_length=150)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("attempt_id",), name="one_permit_an_attempt"),
                ],
            },
        ),
        migrations.CreateModel(
            name="PersonFinding",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("kind", models.CharField(max_length=20)),
                ("person_id", models.TextField()),
                ("relation", models.CharField(blank=True, max_length=20)),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["customer_id"], name="personfinding_by_customer")],
            },
        ),
        migrations.CreateModel(
            name="PlaceBar",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("place", models.CharField(max_length=10)),
                ("employer", models.BooleanField(default=False)),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["customer_id"], name="placebar_by_customer")],
            },
        ),
        migrations.CreateModel(
            name="PointFinding",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("kind", models.CharField(max_length=30)),
                ("point_id", models.UUIDField()),
                ("opt_out_until", models.DateField(null=True)),
                ("reassigned", models.BooleanField(null=True)),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["customer_id"], name="pointfinding_by_customer")],
            },
        ),
        migrations.CreateModel(
            name="Promise",
            fields=[
                ("promise_id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("account_id", models.CharField(blank=True, db_collation="C", max_length=32)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("due_on", models.DateField()),
                ("state", models.CharField(max_length=10)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
            ],
            options={
                "indexes": [models.Index(fields=["customer_id"], name="promise_by_customer")],
            },
        ),
        migrations.CreateModel(
            name="Refusal",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("attempt_id", models.CharField(db_collation="C", max_length=200)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("channel", models.CharField(max_length=20)),
                ("party", models.CharField(max_length=20)),
                ("purpose", models.CharField(max_length=20)),
                ("actor", models.CharField(max_length=80)),
                ("at", models.DateTimeField()),
                ("not_before", models.DateTimeField(null=True)),
                ("presumed_violation", models.BooleanField()),
                ("reasons", models.JSONField()),
                ("law", models.CharField(max_length=64)),
                (
                    "packs",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), default=list, size=None
                    ),
                ),
                ("by", models.CharField(max_length=150)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["customer_id", "at"], name="refusal_by_customer"),
                    models.Index(fields=["at"], name="refusal_by_time"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Revocation",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("covers", django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), size=None)),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["customer_id"], name="revocation_by_customer")],
            },
        ),
        migrations.CreateModel(
            name="TimeBlock",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("weekdays", django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None)),
                ("begins", models.TimeField(null=True)),
                ("ends", models.TimeField(null=True)),
                ("until_date", models.DateField(null=True)),
                ("channel", models.CharField(blank=True, max_length=20)),
                ("told_to", models.CharField(blank=True, max_length=80)),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["customer_id"], name="timeblock_by_customer")],
            },
        ),
        migrations.RunSQL(CUSTOMER_HOLD, "DROP FUNCTION records_customer_hold"),
        migrations.RunSQL(EVENT_APPEND, "DROP FUNCTION records_event_append"),
        # no contact of ours without a permit, whoever writes it; nothing that happened is unmade
        migrations.RunSQL(CONTACTS_GUARDED, CONTACTS_GUARDED_UNDO),
        migrations.RunSQL(CONTACT_OPEN, "DROP FUNCTION records_contact_open"),
    ]
