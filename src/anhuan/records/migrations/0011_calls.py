"""Calls, notes and telephones; a closed call never changes."""

from __future__ import annotations

from typing import ClassVar

import django.contrib.postgres.fields
from django.db import migrations, models
from django.db.models import Q

CLOSED_STAYS = """
CREATE FUNCTION records_call_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a call that was wrapped up is never changed' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER call_stays BEFORE UPDATE OR DELETE ON records_call FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL)
    EXECUTE FUNCTION records_call_stays();
"""
CLOSED_MAY_CHANGE = "DROP TRIGGER call_stays ON records_call; DROP FUNCTION records_call_stays();"


def _text(length: int, *, blank: bool = False) -> models.CharField[str, str]:
    return models.CharField(max_length=length, blank=blank)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("records", "0010_worklist")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Call",
            fields=[
                ("call_id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("contact_id", models.UUIDField(null=True, unique=True)),
                ("way", _text(10)),
                ("action_code", _text(3)),
                ("party", _text(20)),
                ("person_id", models.TextField(blank=True)),
                ("point_id", models.UUIDField(null=True)),
                ("script", _text(40, blank=True)),
                ("opened_at", models.DateTimeField()),
                ("handed_over", _text(40, blank=True)),
                ("verified_at", models.DateTimeField(null=True)),
                ("checks", models.JSONField(default=list)),
                ("ticked", django.contrib.postgres.fields.ArrayField(_text(40), default=list, size=None)),
                ("draft", models.JSONField(default=dict)),
                ("drafted_at", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("line_code", _text(3, blank=True)),
                ("party_code", _text(3, blank=True)),
                ("result_code", _text(3, blank=True)),
                ("fields", models.JSONField(default=dict)),
                ("next", models.JSONField(default=dict)),
                ("by", _text(150)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["customer_id", "-opened_at"], name="call_by_customer"),
                    models.Index(fields=["by", "-opened_at"], name="call_by_collector"),
                    models.Index(fields=["closed_at"], name="call_by_closing"),
                ],
                "constraints": [
                    models.UniqueConstraint(condition=Q(closed_at=None), fields=("by",), name="one_open_call_a_collector"),
                    models.UniqueConstraint(
                        condition=Q(closed_at=None) & ~Q(way="inbound"),
                        fields=("customer_id",),
                        name="one_open_call_a_customer",
                    ),
                    models.CheckConstraint(condition=Q(closed_at=None) | ~Q(result_code=""), name="a_closed_call_has_a_result"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Note",
            fields=[
                ("note_id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("kind", _text(10)),
                ("consent_id", models.UUIDField(null=True)),
                ("warned", django.contrib.postgres.fields.ArrayField(_text(30), default=list, size=None)),
                ("kept_for", _text(10, blank=True)),
                ("at", models.DateTimeField()),
                ("by", _text(150)),
            ],
            options={
                "indexes": [models.Index(fields=["customer_id", "-at"], name="note_by_customer")],
                "constraints": [
                    models.CheckConstraint(
                        condition=~Q(kind="sensitive") | Q(consent_id__isnull=False), name="a_sensitive_note_has_a_consent"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Telephone",
            fields=[
                ("username", models.CharField(max_length=150, primary_key=True, serialize=False)),
                ("extension", _text(40)),
            ],
        ),
        migrations.RunSQL(CLOSED_STAYS, CLOSED_MAY_CHANGE),
    ]
